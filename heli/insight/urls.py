"""Routes under /board/."""

from heli.core.pages import routes
from heli.insight import views

app_name = "insight"
urlpatterns = routes(views)

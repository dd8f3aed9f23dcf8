"""Routes under /hooks/."""

from heli.core.pages import routes
from heli.hooks import views

app_name = "hooks"
urlpatterns = routes(views)

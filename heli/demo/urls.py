"""Routes of the demo."""

from heli.core.pages import routes
from heli.demo import views

app_name = "demo"
urlpatterns = routes(views)

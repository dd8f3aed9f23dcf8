"""Routes of pages that belong to no room."""

from heli.core.pages import routes
from heli.web import views

app_name = "web"
urlpatterns = routes(views)

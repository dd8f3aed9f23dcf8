"""Routes of the pages about the interface: its documentation, and tokens."""

from heli.api import views
from heli.core.pages import routes

app_name = "api"
urlpatterns = routes(views)

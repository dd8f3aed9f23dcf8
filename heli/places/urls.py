"""Routes under /areas/."""

from heli.core.pages import routes
from heli.places import views

app_name = "places"
urlpatterns = routes(views)

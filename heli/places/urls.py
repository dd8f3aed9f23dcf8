"""Routes under /areas/."""

from heli.core.pages import routes
from heli.places import landmark_views, views

app_name = "places"
urlpatterns = [*routes(landmark_views), *routes(views)]  # an area's path would take any address

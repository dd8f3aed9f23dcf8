"""Routes under /tips/."""

from heli.core.pages import routes
from heli.oversight import desk_views, views

app_name = "oversight"
urlpatterns = [*routes(views), *routes(desk_views)]

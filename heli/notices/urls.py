"""Routes under /notices/."""

from heli.core.pages import routes
from heli.notices import desk_views, views

app_name = "notices"
urlpatterns = [*routes(desk_views), *routes(views)]

"""Routes under /sites/."""

from heli.core.pages import routes
from heli.places import site_desk_views, site_import_views, site_views

app_name = "sites"
urlpatterns = [*routes(site_import_views), *routes(site_desk_views), *routes(site_views)]

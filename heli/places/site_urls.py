"""Routes under /sites/."""

from heli.core.pages import routes
from heli.places import booking_desk_views, booking_views, site_desk_views, site_import_views, site_views

app_name = "sites"
urlpatterns = [
    *routes(booking_desk_views),
    *routes(booking_views),
    *routes(site_import_views),
    *routes(site_desk_views),
    *routes(site_views),
]

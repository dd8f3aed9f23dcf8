"""Routes under /hours/, /log/ and /v/."""

from heli.core.pages import routes
from heli.ledger import certificate_views, doubt_views, hour_views, perk_views, standing_views, views

app_name = "ledger"
urlpatterns = [
    *routes(views), *routes(certificate_views), *routes(hour_views), *routes(doubt_views), *routes(standing_views),
    *routes(perk_views),
]  # fmt: skip

"""Routes under /hours/ and /log/."""

from heli.core.pages import routes
from heli.ledger import hour_views, views

app_name = "ledger"
urlpatterns = [*routes(views), *routes(hour_views)]

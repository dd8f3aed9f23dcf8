"""Routes under /hours/ and /log/."""

from heli.core.pages import routes
from heli.ledger import views

app_name = "ledger"
urlpatterns = [*routes(views)]

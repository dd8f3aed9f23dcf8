"""Routes under /snap/."""

from heli.core.pages import routes
from heli.snaps import views

app_name = "snaps"
urlpatterns = routes(views)

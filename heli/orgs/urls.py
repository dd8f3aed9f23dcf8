"""Routes under /orgs/."""

from heli.core.pages import routes
from heli.orgs import views

app_name = "orgs"
urlpatterns = routes(views)

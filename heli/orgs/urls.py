"""Routes under /orgs/."""

from heli.core.pages import routes
from heli.orgs import grant_views, views

app_name = "orgs"
urlpatterns = [*routes(grant_views), *routes(views)]

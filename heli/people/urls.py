"""Routes under /me/."""

from heli.core.pages import routes
from heli.people import feeds, views

app_name = "people"
urlpatterns = [*routes(feeds), *routes(views)]

"""Routes under /me/."""

from heli.core.pages import routes
from heli.people import feed_views, views

app_name = "people"
urlpatterns = [*routes(feed_views), *routes(views)]

"""Routes under /me/."""

from heli.core.pages import routes
from heli.people import views

app_name = "people"
urlpatterns = routes(views)

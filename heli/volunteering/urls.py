"""Routes under /volunteering/."""

from heli.core.pages import routes
from heli.volunteering.views import enrol, shift

app_name = "volunteering"
urlpatterns = [*routes(enrol), *routes(shift)]

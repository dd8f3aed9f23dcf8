"""Routes under /volunteering/."""

from heli.core.pages import routes
from heli.volunteering.views import enrol, keep, people, shift, teams

app_name = "volunteering"
urlpatterns = [*routes(people), *routes(teams), *routes(keep), *routes(enrol), *routes(shift)]

"""Routes under /volunteering/."""

from heli.core.pages import routes
from heli.volunteering.views import activities, activity_desk, activity_shifts, enrol, keep, people, shift, teams

app_name = "volunteering"
urlpatterns = [
    pattern
    for module in (activities, activity_shifts, activity_desk, people, teams, keep, enrol, shift)
    for pattern in routes(module)
]

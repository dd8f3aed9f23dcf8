"""Routes under /volunteering/."""

from heli.core.pages import routes
from heli.volunteering.views import (
    activities,
    activity_desk,
    activity_shifts,
    enrol,
    exchange,
    keep,
    kind,
    people,
    roster,
    shift,
    teams,
)

app_name = "volunteering"
urlpatterns = [
    pattern
    for module in (
        enrol,
        kind,
        roster,
        exchange,
        shift,
        activities,
        activity_shifts,
        activity_desk,
        people,
        teams,
        keep,
    )  # a named act before `verb`
    for pattern in routes(module)
]

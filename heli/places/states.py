"""What happens to a table of sites (the same as to a table of requests), to a booking and to a learned name of a place, as data."""

from __future__ import annotations

from heli.core.caps import Cap, Scope
from heli.core.states import Lifecycle, arrow

SITE_TABLE = Lifecycle(
    "site_table",
    arrow("take", "draft", "waiting", Cap.MANAGE_SITES),
    arrow("finish", "waiting", "done", Cap.MANAGE_SITES),
    arrow("refuse", "waiting", "refused", Cap.MANAGE_SITES),  # a row was wrong: nothing was taken
    arrow("drop", "draft waiting", "dropped", Cap.MANAGE_SITES),
)

# A booking of something a site lends. Who made it may cancel it; the keeper of the site decides the rest.
_KEEPER = ((Cap.KEEP_SITE, Scope.OWN_UNIT),)
BOOKING = Lifecycle(
    "booking",
    arrow("confirm", "asked", "booked", Cap.MANAGE_SITES, also=_KEEPER),
    arrow("refuse", "asked", "refused", Cap.MANAGE_SITES, papers="reason", also=_KEEPER),
    arrow(
        "cancel", "asked booked", "cancelled", None, Scope.SELF, papers="reason"
    ),  # its maker, the keeper, the expert
    arrow("lapse", "asked", "cancelled", scope=Scope.SYSTEM, papers="reason"),  # nobody answered in the rule's time
    arrow("came", "booked not_used", "used", Cap.MANAGE_SITES, also=_KEEPER),
    arrow("stayed_away", "booked used", "not_used", Cap.MANAGE_SITES, also=_KEEPER),
)

LANDMARK = Lifecycle(
    "landmark",
    arrow("confirm", "proposed in_use refused", "in_use", Cap.MANAGE_AREAS, papers="area"),
    arrow("refuse", "proposed in_use", "refused", Cap.MANAGE_AREAS),
)

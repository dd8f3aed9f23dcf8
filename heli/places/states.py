"""What happens to a table of sites (the same as to a table of requests) and to a learned name of a place, as data."""

from __future__ import annotations

from heli.core.caps import Cap
from heli.core.states import Lifecycle, arrow

SITE_TABLE = Lifecycle(
    "site_table",
    arrow("take", "draft", "waiting", Cap.MANAGE_SITES),
    arrow("finish", "waiting", "done", Cap.MANAGE_SITES),
    arrow("refuse", "waiting", "refused", Cap.MANAGE_SITES),  # a row was wrong: nothing was taken
    arrow("drop", "draft waiting", "dropped", Cap.MANAGE_SITES),
)

LANDMARK = Lifecycle(
    "landmark",
    arrow("confirm", "proposed in_use refused", "in_use", Cap.MANAGE_AREAS, papers="area"),
    arrow("refuse", "proposed in_use", "refused", Cap.MANAGE_AREAS),
)

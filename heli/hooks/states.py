"""The lifecycle of an endpoint as data."""

from __future__ import annotations

from heli.core.caps import Cap
from heli.core.states import Lifecycle, arrow

# Paused: what happens is kept and goes out once it is resumed. Ended: nothing is kept, and it does not come back.
ENDPOINT = Lifecycle(
    "endpoint",
    arrow("open", "new", "active", Cap.MANAGE_GRANTS),
    arrow("pause", "active", "paused", Cap.MANAGE_GRANTS),
    arrow("resume", "paused", "active", Cap.MANAGE_GRANTS),
    arrow("end", "active paused", "ended", Cap.MANAGE_GRANTS, papers="reason"),
)

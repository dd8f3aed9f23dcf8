"""The life of a table of sites as data: the same as that of a table of requests."""

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

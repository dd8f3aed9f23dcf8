"""The life of a batch as data."""

from __future__ import annotations

from heli.core.caps import Cap
from heli.core.states import Lifecycle, arrow

BATCH = Lifecycle(
    "batch",
    arrow("take", "draft", "waiting", Cap.IMPORT_REQUESTS),
    arrow("finish", "waiting", "done", Cap.IMPORT_REQUESTS),
    arrow("refuse", "waiting", "refused", Cap.IMPORT_REQUESTS),  # a row was wrong: nothing was taken
    arrow("drop", "draft waiting", "dropped", Cap.IMPORT_REQUESTS),
)

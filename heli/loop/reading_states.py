"""The life of a reader as data."""

from __future__ import annotations

from heli.core.caps import Cap
from heli.core.states import Lifecycle, arrow

READER = Lifecycle(
    "reader",
    arrow("finish", "learning", "ready"),
    arrow("fail", "learning", "failed"),
    arrow("switch", "ready retired", "live", Cap.MANAGE_DUTY),  # from "retired": back to what read before
    arrow("retire", "live ready", "retired", Cap.MANAGE_DUTY),
)

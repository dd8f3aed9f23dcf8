"""Short ways to a tip, through the real steps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from heli.core.actor import PUBLIC
from heli.oversight import steps
from heli.oversight.models import Tip
from tests.loop.told import AT
from tests.world import COMMUNITY

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
NAME = "烟台爱心助老基金会"


def told(*, at: dt.datetime = AT, **more: Any) -> Tip:
    """Somebody saw a poster."""
    said: dict[str, Any] = {
        "by": PUBLIC,
        "area_path": COMMUNITY,
        "name": NAME,
        "posing": "foundation",
        "asked": ["money"],
        "text": "在超市门口摆桌子，说给山区孩子捐款，只收现金，不给票据。",
    }
    return steps.receive(at=at, **(said | more))


def keys(world: Any, tip: Tip, hours: float = 1, who: str = "吕部长") -> dict[str, Any]:
    """tip_id, by and at of a step."""
    at = AT + HOUR * hours
    return {"tip_id": tip.pk, "by": world.actor(who, at), "at": at}

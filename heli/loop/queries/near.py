"""What is like a request at the desk, and what units have in hand near it; loaded after the item."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from heli.core.actor import Actor
from heli.loop import propose
from heli.loop.models import Request
from heli.loop.propose import Twin
from heli.loop.states import WITH_UNIT

NEARBY = 6
MUCH_THE_SAME = 0.52  # propose.likeness of the words with the same place added


@dataclass(frozen=True, slots=True)
class Near:
    """What may be the same matter, and what units have in hand close by."""

    twins: list[Twin]
    nearby: list[Request]
    points: list[dict[str, Any]]

    @property
    def points_json(self) -> str:
        """For maps.js."""
        return json.dumps({"points": self.points, "tiles": ""})


def near(actor: Actor, request: Request, now: dt.datetime) -> Near:
    """Twins of the last days in the street; what is in hand in the same community. Two statements."""
    twins = propose.twins(
        actor,
        text=request.title + request.text,
        area_path=request.area_path,
        category_id=request.category_id,
        now=now,
        but=request.pk,
    )
    joinable = [t for t in twins if t.request.state in {"heard", *WITH_UNIT} and may_be_same(t, request)]
    found = list(
        Request.objects.visible_to(actor)
        .filter(area_path=request.area_path, state__in=WITH_UNIT)
        .exclude(pk=request.pk)
        .select_related("unit", "category")
        .order_by("-id")[:NEARBY]
    )
    return Near(joinable, found, points(request, found))


def may_be_same(twin: Twin, request: Request) -> bool:
    """Not a part of something, and not plainly another matter said in some of the same words."""
    other: Any = twin.request
    if other.parent_id is not None:
        return False
    code, known = other.category_code or "", request.category.code if request.category else ""
    return not code or not known or code[:4] == known[:4] or twin.likeness >= MUCH_THE_SAME


def points(request: Request, others: Iterable[Request]) -> list[dict[str, Any]]:
    """Pins for maps.js: this one and those others whose point is known; none when this one's is not."""
    if request.lat is None or request.lon is None:
        return []
    here = {"lat": float(request.lat), "lng": float(request.lon), "kind": "here", "words": request.title, "url": ""}
    rest = [
        {
            "lat": float(r.lat),
            "lng": float(r.lon),
            "kind": "other",
            "words": r.title,
            "url": f"/loop/r/{r.code}/",
        }
        for r in others
        if r.lat is not None and r.lon is not None
    ]
    return [here, *rest] if rest else []

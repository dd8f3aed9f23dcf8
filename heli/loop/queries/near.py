"""What is like a request at the desk, and what units have in hand near it; loaded after the item."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from heli.core.actor import Actor
from heli.loop import alike
from heli.loop.alike import Twin
from heli.loop.models import Request
from heli.loop.states import WITH_UNIT

NEARBY = 6
ANSWERED = ("replied", "closed")
TWINS, SHOWN = 4, 3


@dataclass(frozen=True, slots=True)
class Near:
    """What may be the same matter, and what units have in hand close by."""

    twins: list[Twin]
    nearby: list[Request]
    answered: list[Twin]
    points: list[dict[str, Any]]

    @property
    def points_json(self) -> str:
        """For maps.js."""
        return json.dumps({"points": self.points, "tiles": ""})


def near(actor: Actor, request: Request, now: dt.datetime) -> Near:
    """Twins of the last weeks in the county; what was answered and is like it; what is in hand in the same community.
    Three statements."""
    alike_ = alike.twins(
        actor,
        text=request.text,
        title=request.title,
        area_path=request.area_path,
        code=request.category.code if request.category else "",
        now=now,
        but=request.pk,
        states=("heard", *WITH_UNIT, *ANSWERED),
        also=Q(parent=None),
        limit=alike.WEIGHED,
    )
    twins = [t for t in alike_ if t.request.state not in ANSWERED][:TWINS]
    answered = [t for t in alike_ if t.request.state in ANSWERED and t.request.unit is not None][:SHOWN]
    found = list(
        Request.objects.visible_to(actor)
        .filter(area_path=request.area_path, state__in=WITH_UNIT)
        .exclude(pk__in=[request.pk, *(t.request.pk for t in twins)])
        .select_related("unit", "category")
        .order_by("-id")[:NEARBY]
    )
    return Near(twins, found, answered, points(request, found))


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

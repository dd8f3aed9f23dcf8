"""Does a reply answer its message: learned from a county's own answers, night by night, and asked while one is written."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from functools import lru_cache

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Left

from heli.core.scope import within
from heli.engines.text import reply
from heli.loop.models import Handling, Request
from heli.loop.reader import COUNTY
from heli.loop.reading_models import ReplySense

CHECKED = 5  # every fifth answer is not learned from at first: on those it is tried
Pair = tuple[str, str, str]


def answered(county: str) -> list[Pair]:
    """(title, text, reply) of a county's answered requests, the newest first. One statement."""
    last = Handling.objects.filter(request=OuterRef("pk"), state="sent").order_by("-lap", "-id").values("text")[:1]
    rows = Request.objects.filter(within("area_path", (county,)), replied_at__isnull=False, parent=None)
    found = rows.annotate(reply=Subquery(last)).exclude(reply=None).exclude(reply="").order_by("-id")
    return list(found.values_list("title", "text", "reply")[: reply.MOST])


def apart(pairs: list[Pair], state: reply.State | None) -> float:
    """How often a reply is nearer to its own message than the next request's reply is, ties as half. 0.5 by chance."""
    own = [reply.relevance(t, b, r, state) for t, b, r in pairs]
    other = [reply.relevance(t, b, pairs[(i + 1) % len(pairs)][2], state) for i, (t, b, _r) in enumerate(pairs)]
    return sum((a > b) + 0.5 * (a == b) for a, b in zip(own, other, strict=True)) / max(1, len(pairs))


def learn(county: str, at: dt.datetime) -> ReplySense | None:
    """Learn from a county's answers; kept only where it tells replies apart better than what comes with the software does.
    None where there are too few answers."""
    pairs = answered(county)
    kept, tried = [p for i, p in enumerate(pairs) if i % CHECKED], pairs[::CHECKED]
    if len(kept) < reply.LEAST:
        return None
    before, after = apart(tried, None), apart(tried, reply.learn(kept))
    if after <= before:
        ReplySense.objects.filter(county=county).delete()
        return None
    values = {"learned_at": at, "pairs": len(pairs), "apart": after, "apart_before": before}
    return ReplySense.objects.update_or_create(county=county, defaults={**values, "state": asdict(reply.learn(pairs))})[
        0
    ]


def learn_all(at: dt.datetime) -> int:
    """Every county with answers. Returns how many have a state of their own."""
    cut = Request.objects.filter(replied_at__isnull=False).order_by().values_list(Left("area_path", COUNTY)).distinct()
    return sum(learn(c, at) is not None for c in sorted(p for (p,) in cut if len(p) == COUNTY))


def state_for(area_path: str) -> reply.State | None:
    """What was learned for the county of a place; None: what comes with the software. One statement, two after a night."""
    county = area_path[:COUNTY]
    when = ReplySense.objects.filter(county=county).values_list("learned_at", flat=True).first()
    return _state(county, when) if when is not None else None


@lru_cache(maxsize=8)
def _state(county: str, when: dt.datetime) -> reply.State | None:
    row = ReplySense.objects.filter(county=county, learned_at=when).values_list("state", flat=True).first()
    if row is None:
        return None
    return reply.State(row["n"], row["replies"], tuple(row["weights"]))

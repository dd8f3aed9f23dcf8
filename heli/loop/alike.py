"""Which requests may tell of the same matter: found by the traces that were kept with them, weighed pair by pair.

A request keeps some twenty numbers (engines/text/nearly.py): whoever says nearly the same, or names the same things, has
one in common. The index over them grows with each request, so the search reads a few rows however many there are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet, Value
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.states import OPEN
from heli.rulebook import queries as rulebook

if TYPE_CHECKING:
    from heli.engines.text.same import Message

WINDOW = "text.twins"
NEAR = dt.timedelta(days=14)  # in one community, about one matter, within so long: looked at without a trace in common
COMMUNITY = 12  # digits of a community's path
LOOKED_AT = 300  # rows read
WEIGHED = 40  # pairs weighed, those with most traces in common first (3 ms each)
BATCH = 2_000  # requests given traces at once
LIKELY = 0.35  # chance of one event from which a pair is shown
PERHAPS = 0.1  # the same where community, matter and days agree, too
WORDS: Mapping[str, str | Promise] = {
    "same_place": _("the same place"),
    "same_matter": _("the same matter"),
    "same_words": _("much the same words"),
    "near_in_time": _("within a week"),
}


@dataclass(frozen=True, slots=True)
class Twin:
    """Another request that may be the same matter; `verbatim`: said in nearly the same words. Shared: what both name."""

    request: Request
    likeness: float
    reasons: tuple[str | Promise, ...]
    shared: tuple[str, ...] = ()
    verbatim: bool = False


def traces_of(text: str, title: str = "") -> list[int]:
    """What is kept with a request for its twins to find it by (about 2 ms)."""
    from heli.engines.text.nearly import keys

    return keys(text, title="" if text.startswith(title.rstrip("…")) else title)


def twins(
    actor: Actor,
    *,
    text: str,
    area_path: str,
    code: str,
    now: dt.datetime,
    title: str = "",
    but: int | None = None,
    limit: int = 4,
    states: Iterable[str] = OPEN,
    also: Q | None = None,
) -> list[Twin]:
    """Requests of the county that may say the same, the likeliest first. Two statements (rule, rows by their traces), at
    most 300 rows read and 40 weighed. `code`: of its matter, '' where nobody knows."""
    from heli.engines.text.same import Message

    mine = traces_of(text, title)
    rule = rulebook.choose(rulebook.candidates((WINDOW,), area_path[:6], local_day(now)), {}).get(WINDOW)
    if rule is None:  # nothing is assumed in its place
        return []
    days = int(rule.value)
    asked = Value(mine, output_field=Request._meta.get_field("traces"))  # a plain list would be cut to 32 bits
    wanted = Q(traces__overlap=asked, heard_at__gte=now - dt.timedelta(days=days))
    if code and len(area_path) == COMMUNITY:
        wanted |= Q(area_path=area_path, category__code=code, heard_at__gte=now - NEAR)
    rows = (
        Request.objects.visible_to(actor)
        .filter(wanted, within("area_path", (area_path[:6],)), heard_at__lte=now, state__in=tuple(states))
        .exclude(pk=but or 0)
        .select_related("unit", "area")
        .annotate(category_code=F("category__code"))
        .order_by("-id")
    )
    if also is not None:
        rows = rows.filter(also)
    return weighed(rows, mine, Message(0, title, text, now, area_path, code))[:limit]


def weighed(rows: QuerySet[Any], mine: Iterable[int], this: Message) -> list[Twin]:
    """Those of the rows that are like enough to this message, the likeliest first."""
    from heli.engines.text.same import Message, likeness, linked

    asked = set(mine)
    best = sorted(rows[:LOOKED_AT], key=lambda r: (-len(asked & set(r.traces)), -r.pk))[:WEIGHED]
    found = []
    for r in best:
        that = Message(r.pk, r.title, r.text, r.heard_at, r.area_path, r.category_code or "")
        like = likeness(this, that)
        assert this.at is not None
        here = (that.place, that.category) == (this.place, this.category or None) and this.at - r.heard_at <= NEAR
        again = linked(this, that)
        if like.p >= (PERHAPS if here else LIKELY) or again:
            why = dict.fromkeys(
                [*(k for k in WORDS if k in like.reasons), *(("same_place", "same_matter") if here else ())]
            )
            found.append(Twin(r, max(like.p, float(again)), tuple(WORDS[k] for k in why), like.shared[:3], again))
    return sorted(found, key=lambda t: (-t.likeness, -t.request.pk))


def backfill(rows_without: QuerySet[Request]) -> int:
    """Traces for requests from before there were any, or copied in past the steps, BATCH at a time. Returns how many."""
    rows = list(rows_without.only("pk", "text", "title")[:BATCH])
    for r in rows:
        r.traces = traces_of(r.text, r.title) or [0]  # a text without a sign is not looked at again
    Request.objects.bulk_update(rows, ["traces"], batch_size=500)
    return len(rows)

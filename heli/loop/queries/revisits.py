"""The revisit workbench: the queue, what the caller has done today, the script, second listens and where they differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.db.models import Count, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.days import midnight
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop import sampling
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.oversight_models import Attempt, Recheck, Revisit
from heli.loop.queries import parts
from heli.loop.queries.inbox import Filters, narrowed, place_of
from heli.rulebook import queries as rulebook
from heli.rulebook.errors import RuleMissing
from heli.rulebook.shapes import hours

Words = str | Promise
TABS: Mapping[str, Words] = {
    "": _("All"),
    "now": _("Call now"),
    "later": _("Call later"),
    "visit": _("In person"),
    "check": _("Ask again"),
}
SCRIPT = Path(__file__).resolve().parents[1] / "data" / "call_script.yaml"
SUGGESTED = (dt.time(9, 0), dt.time(18, 30), dt.time(19, 30))  # when people are at home


def waiting(actor: Actor) -> QuerySet[Revisit]:
    """Calls of the actor's areas that are still to be made, without those they passed on or had a hand in."""
    rows: QuerySet[Revisit] = Revisit.objects.visible_to(actor).filter(state="waiting", request__state="replied")
    if actor.user_id is not None:
        rows = rows.filter(~Q(passed_by__contains=[actor.user_id]), ~sampling.hand_in(actor, OuterRef("request")))
    return rows


def tabbed(rows: QuerySet[Revisit], tab: str, now: dt.datetime) -> QuerySet[Revisit]:
    """The rows of one tab."""
    if tab == "now":
        return rows.filter(call_at__lte=now, way="phone")
    if tab == "later":
        return rows.filter(call_at__gt=now, way="phone")
    return rows.filter(way="visit") if tab == "visit" else rows


def listed(actor: Actor, tab: str, f: Filters, now: dt.datetime) -> QuerySet[Revisit]:
    """What list and export show."""
    rows: QuerySet[Revisit] = narrowed(tabbed(waiting(actor), tab, now), f, now)
    return rows.select_related("request__area__parent", "request__category", "request__unit")


def queue(
    actor: Actor, tab: str, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 50
) -> Page[dict[str, Any]]:
    """One page: whoever may be called first stands first. One statement."""
    rows = keyset(listed(actor, tab, f, now), order=("call_at", "id"), after=after, size=size)
    return rows.map(lambda c: row_of(c, actor, now))


def row_of(call: Revisit, actor: Actor, now: dt.datetime) -> dict[str, Any]:
    """A call as the list shows it. Pure but for the calendar of the minute."""
    r = call.request
    running = r.due_kind == "revisit"
    due = parts.chip_of(r.due_at if running else None, now, parts.display_calendar(r.area_path, now))
    return {
        "call": call,
        "request": r,
        "place": place_of(r),
        "due": due,
        "tried": call.attempts,
        "later": call.call_at if call.call_at > now else None,
        "held": sampling.held_by_other(call, actor.user_id, now),
    }


def next_call(actor: Actor, now: dt.datetime, *, but: int = 0) -> Revisit | None:
    """The call to make next: its time has come and no colleague is on it. One statement."""
    free = Q(claimed_until=None) | Q(claimed_until__lte=now) | Q(claimed_by=actor.user_id)
    rows = waiting(actor).filter(free, call_at__lte=now, way="phone").exclude(pk=but)
    return rows.select_related("request").order_by("call_at", "id").first()


def call_of(actor: Actor, request: Request) -> Revisit | None:
    """The call of a request's present round; None when it was not drawn. One statement."""
    found: Revisit | None = Revisit.objects.visible_to(actor).filter(request=request, lap=request.lap).first()
    return found


def had_hand(actor: Actor, request: Request) -> bool:
    """Whether the actor may not ask about it. One statement."""
    return Request.objects.filter(sampling.hand_in(actor, request.pk), pk=request.pk).exists()


def tries_of(request: Request) -> list[Attempt]:
    """Every try of every round, newest first. One statement."""
    rows = Attempt.objects.filter(revisit__request=request).select_related("revisit", "by")
    return list(rows.order_by("-at", "-id")[:20])


@dataclass(frozen=True, slots=True)
class Today:
    """What the caller has done today, and what waits."""

    reached: int
    no_answer: int
    now: int
    later: int
    visit: int
    check: int


def today(actor: Actor, now: dt.datetime) -> Today:
    """Counts of the bench. Three statements."""
    start = midnight(local_day(now))
    done = dict(
        Attempt.objects.filter(by=actor.user_id, at__gte=start).order_by().values_list("result").annotate(n=Count("pk"))
    )
    n = waiting(actor).aggregate(
        now=Count("pk", filter=Q(call_at__lte=now, way="phone")),
        later=Count("pk", filter=Q(call_at__gt=now, way="phone")),
        visit=Count("pk", filter=Q(way="visit")),
    )
    check = to_check(actor).count()
    return Today(done.get("reached", 0), done.get("no_answer", 0), n["now"], n["later"], n["visit"], check)


# What to say ----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1)
def _script() -> dict[str, Any]:
    steps: dict[str, Any] = yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))["steps"]
    return steps


def script(request: Request, who: str) -> list[str]:
    """What the caller says, in order, in the reader's language. Pure but for the file, read once."""
    language = "en" if get_language() == "en" else "zh"
    said = []
    for step in _script().values():
        of_kind = step if language in step else step.get(request.kind, step["other"])
        said.append(of_kind[language].replace("{what}", request.title).replace("{who}", who or "…"))
    return said


def again_choices(request: Request, now: dt.datetime) -> list[tuple[str, str]]:
    """Times to call again at one tap: (ISO, words). Two statements."""
    try:
        keys = ("revisit.hours", "revisit.spacing")
        rules = rulebook.in_force(keys, path=request.area_path, on=local_day(now), facts={"kind": request.kind})
    except RuleMissing:
        return []
    periods = hours(rules["revisit.hours"].value)
    spacing = rules["revisit.spacing"].value
    calendar = parts.display_calendar(request.area_path, now)
    found = [calendar.due(now, int(spacing["amount"]), spacing["unit"]).at]
    for day in (local_day(now), local_day(now) + dt.timedelta(days=1)):
        found += [timezone.make_aware(dt.datetime.combine(day, t)) for t in SUGGESTED]
    later = sorted({sampling.allowed(t, periods).replace(second=0, microsecond=0) for t in found if t > now})
    fitting = [t for t in later if t > now and sampling.allowed(t, periods) == t]
    return [(t.isoformat(), words.when(t, now)) for t in fitting[:4]]


# The second listen ----------------------------------------------------------------------------------------------------
def to_check(actor: Actor) -> QuerySet[Recheck]:
    """Calls that somebody else than the first caller asks again, in the actor's areas."""
    rows: QuerySet[Recheck] = Recheck.objects.visible_to(actor)
    rows = rows.filter(within("area_path", actor.paths(Cap.REVISIT)), state="waiting")
    return rows.filter(~sampling.hand_in(actor, OuterRef("request"))).exclude(review__by=actor.user_id)


def check_page(actor: Actor, *, after: str | None = None) -> Page[Recheck]:
    """One page, the oldest first. One statement."""
    rows = to_check(actor).select_related("request__area__parent", "request__unit")
    return keyset(rows, order=("id",), after=after)


def check_one(actor: Actor, pk: int) -> Recheck:
    """A second listen still to be made; NotFound (L-404). One statement."""
    ways = ("request__area__parent", "request__unit", "review__voice__record")
    found = to_check(actor).select_related(*ways).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def deviations(actor: Actor) -> QuerySet[Recheck]:
    """Second listens with another answer than the first, in the areas the actor supervises."""
    rows: QuerySet[Recheck] = Recheck.objects.visible_to(actor)
    rows = rows.filter(within("area_path", actor.paths(Cap.SUPERVISE)), state="differs")
    return rows.select_related("request", "review", "unit")


def deviations_by_unit(actor: Actor) -> list[tuple[str, int, int]]:
    """(unit, that differ, that were asked again), by name. Never by caller. One statement."""
    rows = Recheck.objects.visible_to(actor).filter(
        within("area_path", actor.paths(Cap.SUPERVISE)), state__in=("same", "differs")
    )
    found = rows.order_by("unit__short_name").values_list("unit__short_name")
    return list(found.annotate(differ=Count("pk", filter=Q(state="differs")), n=Count("pk")))

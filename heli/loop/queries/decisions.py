"""What waits for a decision above the units: more time, requests not solved after the last round, exclusions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop.models import ClockKind, Exclusion, Extension, Request, Review, any_path
from heli.loop.oversight_models import AppealDecision
from heli.loop.queries import parts
from heli.rulebook import queries as rulebook

Words = str | Promise
APPEAL_TABS: Mapping[str, Words] = {"open": _("To decide"), "decided": _("Decided")}
OUTCOMES: Mapping[str, Words] = {
    "again": pgettext_lazy("appeal", "once more"),
    "close": pgettext_lazy("appeal", "closed"),
}
EXTENSION_TABS: Mapping[str, Words] = {"asked": _("To decide"), "decided": _("Decided")}
EXCLUSION_TABS: Mapping[str, Words] = {
    "proposed": _("To decide"),
    "confirmed": _("Left out now"),
    "past": _("Refused and lifted"),
}
PAST = ("refused", "lifted")
REASONS: Mapping[str, Words] = dict(Exclusion.REASONS)


def place_of(request: Request) -> str:
    """Street and community."""
    above = request.area.parent
    both = (above.short_name if above is not None and above.level == 4 else "", request.area.short_name)
    return " · ".join(x for x in both if x)


# More time ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ExtensionRow:
    """Somebody asked for more time, or for a clock to stand."""

    extension: Extension
    place: str
    clock: Words
    due: tuple[str, str]
    then: dt.datetime | None  # the deadline it would become, if it is approved now
    own: bool  # asked by the reader: a second person decides


def extensions(actor: Actor, tab: str) -> QuerySet[Extension]:
    """Asked for in the areas the actor supervises: those to decide, or those decided. The same for list and export."""
    rows: QuerySet[Extension] = Extension.objects.visible_to(actor).filter(
        within("area_path", actor.paths(Cap.SUPERVISE))
    )
    rows = rows.filter(state="asked") if tab == "asked" else rows.exclude(state="asked")
    return rows.select_related("request__area__parent", "clock__unit", "asked_by", "decided_by")


def extension_page(
    actor: Actor, tab: str, now: dt.datetime, *, after: str | None = None, size: int = 50
) -> Page[ExtensionRow]:
    """One page: what waits longest first; what was decided last first. One statement."""
    order = ("asked_at", "id") if tab == "asked" else ("-decided_at", "-id")
    return keyset(extensions(actor, tab), order=order, after=after, size=size).map(lambda e: _extension(actor, e, now))


def _extension(actor: Actor, e: Extension, now: dt.datetime) -> ExtensionRow:
    return ExtensionRow(
        extension=e,
        place=place_of(e.request),
        clock=ClockKind(e.clock.kind).label,
        due=parts.chip_of(e.clock.due_at, now, parts.display_calendar(e.area_path, now)),
        then=would_be(e, now) if e.state == "asked" else None,
        own=e.asked_by_id is not None and e.asked_by_id == actor.user_id,
    )


def would_be(e: Extension, now: dt.datetime) -> dt.datetime | None:
    """The deadline that approving it now would give, counted as the step does. The calendar is a minute old at most."""
    calendar = parts.display_calendar(e.area_path, now)
    if e.kind == "more":
        return calendar.due(max(e.clock.due_at, now), e.days, "working_day").at
    if e.until is None:
        return None
    left = calendar.used(now, e.clock.due_at, "working_minute") if now < e.clock.due_at else 0
    return calendar.due(e.until, left, "working_minute").at


# After the last round -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AppealRow:
    """A request that its resident says is not solved after the last round."""

    request: Request
    place: str
    solved: Words
    satisfaction: Words
    said: str
    since: dt.datetime


def appeals(actor: Actor) -> QuerySet[Request]:
    """Requests that wait for a written decision in the areas the actor supervises; `since` they were last judged."""
    here = OuterRef(OuterRef("pk"))
    judged = Request.objects.filter(Q(pk=here) | Q(merged_into=here)).values("pk")
    last = Review.objects.filter(request__in=judged, lap=OuterRef("lap"), reached=True).order_by("satisfaction", "-at")
    rows: QuerySet[Request] = Request.objects.visible_to(actor).filter(
        within("area_path", actor.paths(Cap.SUPERVISE)), state="appealed"
    )
    return (
        rows.annotate(
            said=Coalesce(Subquery(last.values("words")[:1]), Value(""), output_field=TextField()),
            since=Coalesce(Subquery(last.order_by("-at").values("at")[:1]), F("replied_at"), F("heard_at")),
        )
        .select_related("area__parent", "unit", "category")
        .order_by("since", "id")
    )


def appeal_page(actor: Actor, *, after: str | None = None, size: int = 50) -> Page[AppealRow]:
    """One page, what waits longest first. One statement."""
    return keyset(appeals(actor), order=("since", "id"), after=after, size=size).map(_appeal)


def _appeal(r: Request) -> AppealRow:
    return AppealRow(
        request=r,
        place=place_of(r),
        solved=parts.SOLVED.get(r.solved, ""),
        satisfaction=parts.SATISFACTION.get(r.satisfaction or 0, ""),
        said=r.said,  # type: ignore[attr-defined]
        since=r.since,  # type: ignore[attr-defined]
    )


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """A written decision after the last round, with the state of its request today."""

    decision: AppealDecision
    outcome: Words
    place: str
    state: Words


def decided(actor: Actor, outcome: str = "") -> QuerySet[AppealDecision]:
    """What was decided in the areas the actor supervises; `outcome`: only one of OUTCOMES. The same for list and export."""
    rows: QuerySet[AppealDecision] = AppealDecision.objects.visible_to(actor).filter(
        within("area_path", actor.paths(Cap.SUPERVISE))
    )
    if outcome:
        rows = rows.filter(again=outcome == "again")
    return rows.select_related("request__area__parent", "request__unit", "by")


def outcome_of(d: AppealDecision) -> Words:
    return OUTCOMES["again" if d.again else "close"]


def decided_page(actor: Actor, outcome: str, *, after: str | None = None, size: int = 50) -> Page[DecidedRow]:
    """One page, what was decided last first. One statement."""
    return keyset(decided(actor, outcome), order=("-at", "-id"), after=after, size=size).map(
        lambda d: DecidedRow(d, outcome_of(d), place_of(d.request), parts.STATE_WORDS[d.request.state])
    )


# Exclusions -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ExclusionRow:
    """A request proposed to be left out of the rates, or left out."""

    exclusion: Exclusion
    place: str
    reason: Words
    own: bool  # proposed by the reader: a second person decides


def exclusions(actor: Actor, tab: str) -> QuerySet[Exclusion]:
    """In the areas where the actor may exclude. The same for list and export."""
    rows: QuerySet[Exclusion] = Exclusion.objects.visible_to(actor).filter(
        within("area_path", actor.paths(Cap.EXCLUDE))
    )
    rows = rows.filter(state__in=PAST) if tab == "past" else rows.filter(state=tab)
    return rows.select_related("request__area__parent", "request__unit", "proposed_by", "decided_by")


def exclusion_page(actor: Actor, tab: str, *, after: str | None = None, size: int = 50) -> Page[ExclusionRow]:
    """One page: proposals oldest first, decisions newest first. One statement."""
    order = ("proposed_at", "id") if tab == "proposed" else ("-decided_at", "-id")
    return keyset(exclusions(actor, tab), order=order, after=after, size=size).map(
        lambda e: ExclusionRow(
            exclusion=e,
            place=place_of(e.request),
            reason=REASONS.get(e.reason, e.reason),
            own=e.proposed_by_id is not None and e.proposed_by_id == actor.user_id,
        )
    )


def exclusion_counts(actor: Actor) -> tuple[dict[str, int], list[tuple[Words, int]]]:
    """({state: n}, [(reason, n) of those that stand]): what the tabs say and what the public is told. One statement."""
    rows = Exclusion.objects.visible_to(actor).filter(within("area_path", actor.paths(Cap.EXCLUDE)))
    found = list(rows.order_by().values_list("state", "reason").annotate(n=Count("pk")))
    states: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for state, reason, n in found:
        tab = "past" if state in PAST else state
        states[tab] = states.get(tab, 0) + n
        if state == "confirmed":
            reasons[reason] = reasons.get(reason, 0) + n
    return states, [(REASONS.get(k, k), n) for k, n in sorted(reasons.items())]


def row_cap(actor: Actor, caps: Iterable[Cap], on: dt.date) -> tuple[int, str]:
    """Most rows in one export and the area whose rule says so. One statement."""
    path = min(any_path(actor, *caps), key=len, default="")
    return int(rulebook.in_force(("export.row_cap",), path=path, on=on)["export.row_cap"].value), path

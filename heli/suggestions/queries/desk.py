"""The keeper's desk: what to read, what came by other doors, what is overdue, what was promised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, When
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.core.subjects import Subject
from heli.loop.clocks import local_day
from heli.loop.models import Kind, Request, Voice, said_of
from heli.loop.queries.acts import link
from heli.loop.queries.search import search
from heli.suggestions.models import Addendum, Call, Measure, Suggestion
from heli.suggestions.queries.one import measure_chip
from heli.suggestions.queries.wall import GONE, STAGES, at_stage, chip_of, unanswered_in_time, with_stage

Words = str | Promise
TABS: Mapping[str, Words] = {
    "read": gettext_lazy("To read"),
    "new": gettext_lazy("From other doors"),
    "words": gettext_lazy("Additions and names"),
    "late": gettext_lazy("Answer overdue"),
    "measures": gettext_lazy("Measures to look at"),
    "all": gettext_lazy("All suggestions"),
}
STATES: Mapping[str, Words] = {
    "reading": gettext_lazy("to read"),
    "public": gettext_lazy("public"),
    "private": gettext_lazy("not public"),
}
STATE_CHIPS = {"reading": "you", "public": "done", "private": "pause"}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list of all is narrowed to; '' narrows nothing."""

    q: str = ""
    state: str = ""
    stage: str = ""
    call: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Filters:
        call = given.get("call", "")
        return cls(
            q=given.get("q", "").strip()[:60],
            state=given.get("state", "") if given.get("state", "") in STATES else "",
            stage=given.get("stage", "") if given.get("stage", "") in STAGES else "",
            call=call if call.isascii() and call.isdecimal() and len(call) < 18 else "",
        )

    def kept(self) -> dict[str, str]:
        """Those that narrow, by name."""
        found = {"q": self.q, "state": self.state, "stage": self.stage, "call": self.call}
        return {k: v for k, v in found.items() if v}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the desk."""

    s: Any
    state: tuple[str, Words]
    chip: tuple[str, Words]
    late: bool


def suggestions(actor: Actor, tab: str, f: Filters, now: dt.datetime) -> Any:
    """The suggestions of a tab (read, late, all), not ordered yet."""
    rows = with_stage(Suggestion.objects.kept_by(actor), now).select_related("request__area", "request__unit", "call")
    if tab == "read":
        return rows.filter(state="reading").exclude(request__state__in=GONE)
    if tab == "late":
        return rows.filter(unanswered_in_time(now))
    if f.q:
        held = search(f.q, actor.paths(Cap.KEEP_SUGGESTIONS)).narrow(Request.objects.all()).values("pk")
        rows = rows.filter(Q(request__in=held) | Q(title__contains=f.q))
    if f.state:
        rows = rows.filter(state=f.state)
    if f.call:
        rows = rows.filter(call=int(f.call))
    return at_stage(rows, f.stage)


ORDER = {"read": ("read_due_at", "request_id"), "late": ("request__due_at", "request_id"), "all": ("-request_id",)}


def listed(
    actor: Actor, tab: str, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 30
) -> Page[Row]:
    """A page of read, late or all. One statement."""
    page = keyset(suggestions(actor, tab, f, now), order=ORDER[tab], after=after, size=size)
    return page.map(lambda s: row_of(s, now))


def row_of(s: Any, now: dt.datetime) -> Row:
    """A line with its states in words."""
    late = s.state == "reading" and s.read_due_at < now
    return Row(s, (STATE_CHIPS[s.state], STATES[s.state]), chip_of(s, now), late)


def from_other_doors(actor: Actor) -> QuerySet[Request]:
    """Suggestions told at the counter, by phone or by the hotline: nobody has taken them up yet."""
    paths = actor.paths(Cap.KEEP_SUGGESTIONS)
    return Request.objects.filter(within("area_path", paths), kind=Kind.SUGGESTION, suggestion=None).exclude(
        state__in=(*GONE, "declined")
    )


def new(actor: Actor, *, after: str | None = None, size: int = 30) -> Page[Request]:
    """One page of them, the newest first. One statement."""
    return keyset(from_other_doors(actor).select_related("area", "unit"), order=("-id",), after=after, size=size)


def words(actor: Actor, *, limit: int = 50) -> tuple[list[Addendum], list[tuple[Suggestion, str]]]:
    """Additions to read; names asked for, opened for whoever has to read them. Two statements."""
    paths = actor.paths(Cap.KEEP_SUGGESTIONS)
    added = Addendum.objects.filter(within("area_path", paths), state="reading").select_related("suggestion__request")
    named = Suggestion.objects.kept_by(actor).filter(credit="asked", state="public")
    rows = named.select_related("request", "credit_record").order_by("pk")[:limit]
    return list(added.order_by("id")[:limit]), [(s, name_asked(s)) for s in rows]


def name_asked(s: Suggestion) -> str:
    """The name a suggester asks to be shown with: meant for everybody, so its keeper reads it without a purpose."""
    return vault.open_own(s.credit_record)["name"] if s.credit_record is not None else ""


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """A line of a list of measures; `silent`: its next word is overdue."""

    m: Any
    chip: tuple[str, Words]
    silent: bool


def to_look_at(actor: Actor, now: dt.datetime) -> QuerySet[Measure]:
    """Measures whose keeper the actor is that are said to be done or given up, overdue, or silent for too long."""
    rows = Measure.objects.given().filter(within("area_path", actor.paths(Cap.KEEP_SUGGESTIONS)), ended_at=None)
    return rows.filter(~Q(state="planned") | Q(due_on__lt=local_day(now)) | Q(report_due_at__lt=now))


def of_units(actor: Actor) -> QuerySet[Measure]:
    """Measures the actor's units have to do."""
    return Measure.objects.given().filter(unit__in=actor.org_ids(Cap.HANDLE_REQUESTS), ended_at=None)


def measures(
    rows: QuerySet[Measure], now: dt.datetime, *, after: str | None = None, size: int = 30
) -> Page[MeasureRow]:
    """One page of measures, the earliest day first. One statement."""
    page = keyset(rows.select_related("unit", "suggestion__request"), order=("due_on", "id"), after=after, size=size)
    return page.map(lambda m: measure_row(m, now))


def measure_row(m: Measure, now: dt.datetime) -> MeasureRow:
    """A measure with its state in words."""
    return MeasureRow(m, measure_chip(m, local_day(now)), m.state == "planned" and m.report_due_at < now)


def measure_seen(actor: Actor, measure_id: int) -> Measure:
    """A measure that was promised; NotFound (L-404). One statement."""
    rows = (
        Measure.objects.given().visible_to(actor).select_related("unit", "suggestion__request", "answer", "report_rule")
    )
    found: Measure | None = rows.filter(pk=measure_id).first()
    if found is None:
        raise NotFound
    return found


def counts(actor: Actor, now: dt.datetime) -> dict[str, int]:
    """How many wait in each tab but the last. Four statements."""
    mine = Suggestion.objects.kept_by(actor)
    found = mine.aggregate(
        read=Count("pk", filter=Q(state="reading") & ~Q(request__state__in=GONE)),
        late=Count("pk", filter=unanswered_in_time(now)),
        names=Count("pk", filter=Q(credit="asked", state="public")),
    )
    added = Addendum.objects.filter(within("area_path", actor.paths(Cap.KEEP_SUGGESTIONS)), state="reading").count()
    return {
        "read": found["read"],
        "new": from_other_doors(actor).count(),
        "words": found["names"] + added,
        "late": found["late"],
        "measures": to_look_at(actor, now).count(),
    }


def item(actor: Actor, code: str, now: dt.datetime) -> Any:
    """A suggestion on its keeper's desk, with versions and how many voices; NotFound (L-404). Three statements."""
    rows = with_stage(Suggestion.objects.kept_by(actor), now).select_related(
        "request__area",
        "request__unit",
        "request__category",
        "call",
        "credit_record",
        "read_rule",
        "joined_into__request",
    )
    found: Any = rows.filter(request__code=code).first()
    if found is None:
        raise NotFound
    found.versions = list(found.wordings.select_related("by").order_by("-n"))
    found.voices_n = Voice.objects.filter(said_of(found.pk)).count()
    return found


def drafts(actor: Actor, *, limit: int = 50) -> list[Call]:
    """The calls of the actor's areas that are not summed up, drafts first. One statement."""
    rows = Call.objects.filter(within("area_path", actor.paths(Cap.KEEP_SUGGESTIONS))).exclude(state="summed")
    turn = Case(When(state="draft", then=0), When(state="closed", then=1), default=2)
    return list(rows.annotate(turn=turn).order_by("turn", "last_day", "id").annotate(n=Count("suggestions"))[:limit])


def asked(actor: Actor, *, limit: int = 50) -> list[Call]:
    """The calls of the actor's areas that were opened, the newest first, to choose from. One statement."""
    rows = Call.objects.filter(within("area_path", actor.paths(Cap.KEEP_SUGGESTIONS))).exclude(state="draft")
    return list(rows.order_by("-id")[:limit])


def to_export(actor: Actor, f: Filters, now: dt.datetime) -> Any:
    """All suggestions as filtered, the newest first."""
    return suggestions(actor, "all", f, now).order_by(F("request_id").desc())


def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Cards for the staff's first page: four statements for a keeper, one for a unit."""
    made: list[NextAct] = []
    if Cap.KEEP_SUGGESTIONS in actor.caps:
        n, desk = counts(actor, now), link("suggestions:desk")
        reading, promised = _("Read suggestions"), _("Measures to look at")
        made += [
            NextAct(reading, _("before they are public"), n["read"] + n["words"], f"{desk}?tab=read", "you"),
            NextAct(_("Take up suggestions"), _("told at a counter or by phone"), n["new"], f"{desk}?tab=new", "doing"),
            NextAct(
                _("Suggestions overdue"),
                _("their unit has not answered in time"),
                n["late"],
                f"{desk}?tab=late",
                "late",
            ),
            NextAct(promised, _("said to be done, overdue, or silent"), n["measures"], f"{desk}?tab=measures", "soon"),
        ]
    if Cap.HANDLE_REQUESTS in actor.caps:
        due = of_units(actor).filter(state="planned")
        due = due.filter(
            Q(report_due_at__lt=now + dt.timedelta(days=3)) | Q(due_on__lte=local_day(now + dt.timedelta(days=3)))
        )
        if (waiting := due.count()) or of_units(actor).exists():
            said = _("what your unit promised because of a suggestion")
            made.append(NextAct(_("Say how measures go"), said, waiting, link("suggestions:measures"), "soon"))
    return made


def describe_calls(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Titles and links of calls (core.subjects). One statement."""
    rows = Call.objects.visible_to(actor).filter(pk__in=ids)
    return {c.pk: Subject(c.title, reverse("suggestions:call", kwargs={"call_id": c.pk})) for c in rows}

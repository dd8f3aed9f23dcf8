"""How a request goes, for the resident who holds its secret link. Nothing personal: not of them, not of a neighbour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce, JSONObject
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.core import words
from heli.core.models import Access, Event
from heli.engines.workdays import Calendar
from heli.loop.models import (
    Clock,
    ClockKind,
    Dispatch,
    Extension,
    Handling,
    Remark,
    Request,
    Review,
    Voice,
    answer_to,
    said_of,
)
from heli.loop.queries import parts
from heli.loop.queries.public import Place, place_of
from heli.loop.states import AFTER_REPLY, OPEN, STATIONS
from heli.loop.steps.hear import SUBJECT
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
SHOWN_CLOCKS = (ClockKind.DISPATCH, ClockKind.CONTACT, ClockKind.REPLY, ClockKind.REDO)
JUDGEABLE = ("replied", "lapsed")
LAST_STATION: Mapping[str, Words] = {
    "replied": pgettext_lazy("to the resident", "Your turn"),
    "lapsed": gettext_lazy("Nobody judged"),
    "appealed": gettext_lazy("A supervisor decides"),
    "closed": pgettext_lazy("to the resident", "Judged"),
}
# What a neighbour did is theirs: these are shown to whoever did them.
OWN_ACTS = ("request.hear", "request.add_words", "request.judge", "request.merge", "request.unmerge", "request.part")


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was sent: by whom, in which round, on time or not. `part` names the part it answers."""

    unit: str
    lap: int
    text: str
    photos: tuple[Any, ...]
    sent_at: dt.datetime
    outcome: str  # met, late or ''
    part: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What this voice said of a round."""

    lap: int
    at: dt.datetime
    contacted: bool
    solved: str
    solved_words: Words
    level: int
    level_words: Words
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class MoreTime:
    """More time that was approved: how much, why, on what basis, and until when it is now due."""

    words: str
    reason: str
    basis: str
    due_words: str


@dataclass(frozen=True, slots=True)
class Part:
    """One matter of a request that was split: where it stands (station 1-4)."""

    title: str
    unit: str
    station: int
    answered: bool


@dataclass(slots=True)
class Track:
    """Everything the page of a secret link shows."""

    voice: Voice
    own: Request  # what this voice said
    request: Request  # what is handled: `own`, or what it was joined into
    place: Place
    stations: list[parts.Station]
    lap: str
    note: str
    clocks: list[parts.ClockPart]
    replies: list[Reply]
    trail: list[parts.TrailEntry]
    reviews: list[Judged]
    units: list[tuple[str, bool]] = field(default_factory=list)  # (name, whether it leads)
    parts: list[Part] = field(default_factory=list)
    more_time: list[MoreTime] = field(default_factory=list)
    question: Remark | None = None
    judge_by: dt.datetime | None = None
    neighbours: int = 0
    seen: int = 0
    declined: dict[str, Any] | None = None
    decided: str = ""
    added: list[Remark] = field(default_factory=list)  # this voice's own words and photos beside the first ones

    @property
    def judged(self) -> Judged | None:
        """What this voice said of the present round."""
        return next((r for r in self.reviews if r.lap == self.request.lap), None)

    @property
    def latest(self) -> list[Reply]:
        """Replies of the latest round that has one; of a request in parts, all of them."""
        return [r for r in self.replies if r.part or r.lap == self.replies[0].lap]

    @property
    def former(self) -> list[Reply]:
        """Replies of the rounds before."""
        return [r for r in self.replies if not r.part and r.lap != self.replies[0].lap]

    @property
    def can_judge(self) -> bool:
        return self.request.state in JUDGEABLE and self.judged is None

    @property
    def can_add(self) -> bool:
        return self.request.state in {*OPEN, *JUDGEABLE}

    @property
    def can_withdraw(self) -> bool:
        """While nothing is answered yet, and nobody else's word hangs on it."""
        return (
            self.own.pk == self.request.pk
            and self.own.state in {"heard", "dispatched", "handling"}
            and not self.neighbours
        )

    @property
    def chip(self) -> tuple[str, Words]:
        """State and word of the request, for the head of the page."""
        state = self.request.state
        if state == "replied" and self.judged is not None:
            return "doing", _("neighbours judge")
        return parts.STATE_CHIPS[state], parts.STATE_WORDS[state]


def track(voice: Voice, now: dt.datetime) -> Track:
    """All of it for one voice. Statements: clocks (with rules and extensions), replies, units or parts, events, remarks,
    own judgements, voices (with readings); once a minute the calendar. The voice comes with its request (links)."""
    own = voice.request
    request = own.merged_into or own
    cal = parts.display_calendar(request.area_path, now)
    clocks = clocks_of(request)
    events = list(
        Event.objects.filter(subject_type=SUBJECT, subject_id__in={request.pk, own.pk}, public=True).order_by(
            "-at", "-id"
        )
    )
    remarks = list(
        Remark.objects.filter(request__in={request.pk, own.pk}, kind__in=("question", "answer")).order_by("-id")
    )
    reviews = list(Review.objects.filter(voice=voice, reached=True).order_by("-lap", "-id"))
    neighbours, seen = others(voice, request)
    running = [c for c in clocks if c.outcome == "running"]
    due = next_due(request, running)
    shown = sorted((c for c in running if c.kind in SHOWN_CLOCKS), key=lambda c: c.due_at)
    review = next((c for c in running if c.kind == ClockKind.REVIEW), None)
    in_parts = request.state == "split" or (request.unit_id is None and request.state in AFTER_REPLY)
    return Track(
        voice=voice,
        own=own,
        request=request,
        place=place_of(own.area),
        stations=stations(
            request,
            parts.clock_part(due, cal, now) if due else None,
            now,
            judged=any(r.lap == request.lap for r in reviews),
        ),
        lap=parts.lap_of(request),
        note=round_words(request, cal, now),
        clocks=[parts.clock_part(c, cal, now) for c in shown] if request.state != "replied" else [],
        replies=replies_to(request),
        units=[] if in_parts else units_of(request),
        parts=parts_of(request) if in_parts else [],
        more_time=more_time(clocks, now),
        trail=own_trail(voice, events, remarks, {r.pk for r in reviews}),
        reviews=[judged(r) for r in reviews],
        question=open_question(voice, remarks) if request.state in OPEN else None,
        judge_by=review.due_at if review else None,
        neighbours=neighbours,
        seen=seen,
        declined=next((e.data for e in events if e.step == "request.decline"), None)
        if request.state == "declined"
        else None,
        decided=next((str(e.data.get("decision", "")) for e in events if e.step == "request.decide_appeal"), ""),
        added=[r for r in remarks if r.kind == "answer" and r.voice_id == voice.pk],
    )


def stations(
    request: Request, due: parts.ClockPart | None, now: dt.datetime, *, judged: bool = False
) -> list[parts.Station]:
    """The four stations in words to the resident; `judged`: this voice has judged the present round."""
    line = parts.stations(request, unit_name="", mine=False, due=due, now=now, public=True)
    state, unit = request.state, request.unit.short_name if request.unit else ""
    sent_on = _("Sent to %(unit)s") % {"unit": unit} if unit else pgettext("to the resident", "Sent on")
    names = [
        _("We have it"),
        _("Waits to be sent on") if state == "heard" else sent_on,
        _("Being handled")
        if state in {"handling", "split"}
        else pgettext("to the resident", "Answered")
        if state in AFTER_REPLY
        else pgettext("to the resident", "Handled"),
        LAST_STATION.get(state, _("You judge")) if not (judged and state == "replied") else _("Neighbours judge"),
    ]
    return [replace(station, name=name) for station, name in zip(line, names, strict=True)]


def clocks_of(request: Request) -> list[Any]:
    """Clocks with their rule and with what was approved to extend them (`asked`). One statement."""
    approved = (
        Extension.objects.filter(clock=OuterRef("pk"), state="approved")
        .order_by("id")
        .values(json=JSONObject(kind="kind", days="days", until="until", reason="reason", basis="basis"))
    )
    rows = Clock.objects.filter(request=request).exclude(outcome="cancelled")
    return list(rows.select_related("rule").annotate(asked=ArraySubquery(approved)).order_by("id"))


def next_due(request: Request, running: Sequence[Clock]) -> Clock | None:
    """The deadline that stands at the station where the request is: of the desk, of the unit, or the resident's own."""
    wanted: tuple[str, ...] = (ClockKind.REPLY, ClockKind.REDO)
    if request.state == "heard":
        wanted = (ClockKind.DISPATCH,)
    elif request.state in JUDGEABLE:
        wanted = (ClockKind.REVIEW,)
    return min((c for c in running if c.kind in wanted), key=lambda c: c.due_at, default=None)


def round_words(request: Request, cal: Calendar, now: dt.datetime) -> str:
    """ "第 2 圈 · 用了 4 个工作日": up to the reply or the end; while it runs, up to now."""
    if request.state in {"withdrawn", "declined", "merged"}:
        return ""
    end = request.closed_at or (request.replied_at if request.state == "replied" else None) or now
    days = round(cal.used(request.heard_at, end, "working_minute") / cal.day_minutes, 1)
    said = f"{days:g}"
    if not days:
        return _("Round %(n)s") % {"n": request.lap}
    if request.state == "closed":
        return _("Closed · %(days)s working days") % {"days": said}
    if request.state in JUDGEABLE:
        return _("Round %(n)s · took %(days)s working days") % {"n": request.lap, "days": said}
    return _("Round %(n)s · %(days)s working days so far") % {"n": request.lap, "days": said}


def replies_to(request: Request) -> list[Reply]:
    """Replies that were sent, the latest round first; of a request in parts those of its parts. One statement."""
    ended = Clock.objects.filter(
        request=OuterRef("request"),
        lap=OuterRef("lap"),
        kind__in=(ClockKind.REPLY, ClockKind.REDO),
        outcome__in=("met", "late"),
    ).order_by("-id")
    rows: Any = (
        Handling.objects.filter(answer_to(request.pk), state="sent")
        .select_related("unit", "request")
        .annotate(outcome=Subquery(ended.values("outcome")[:1]))
        .order_by("-lap", "-sent_at", "-id")
    )
    return [
        Reply(
            unit=h.unit.name,
            lap=h.lap,
            text=h.text,
            photos=tuple(h.photos),
            sent_at=h.sent_at,
            outcome=h.outcome or "",
            part=h.request.title if h.request_id != request.pk else "",
        )
        for h in rows
        if h.sent_at is not None
    ]


def units_of(request: Request) -> list[tuple[str, bool]]:
    """Units that work on it, the lead first. One statement."""
    rows = (
        Dispatch.objects.filter(request=request, state__in=Dispatch.LIVE).select_related("unit").order_by("-role", "id")
    )
    return [(d.unit.name, d.role == "lead") for d in rows]


def parts_of(request: Request) -> list[Part]:
    """The matters a request was split into. One statement."""
    rows = Request.objects.filter(parent=request).select_related("unit").order_by("id")
    return [
        Part(r.title, r.unit.name if r.unit else "", min(STATIONS[r.state] + 1, 4), r.state in AFTER_REPLY)
        for r in rows
    ]


def others(voice: Voice, request: Request) -> tuple[int, int]:
    """(how many others said the same, how often this voice's data was read). One statement."""
    readings = (
        Access.objects.filter(record=OuterRef("record")).order_by().values("record").annotate(n=Count("pk")).values("n")
    )
    own = Voice.objects.filter(pk=voice.pk).values("pk")
    rows = Voice.objects.filter(pk__in=Voice.objects.filter(said_of(request.pk)).values("pk").union(own))
    counts = dict(rows.annotate(seen=Coalesce(Subquery(readings), 0)).values_list("pk", "seen"))
    return len(counts) - 1, counts.get(voice.pk, 0)


def more_time(clocks: Iterable[Any], now: dt.datetime) -> list[MoreTime]:
    """What was approved, in words."""
    made = []
    for clock in clocks:
        for asked in clock.asked:
            if asked["kind"] == "more":
                said = _("%(clock)s: %(n)s working days more") % {
                    "clock": ClockKind(clock.kind).label,
                    "n": asked["days"],
                }
            else:
                until = dt.datetime.fromisoformat(asked["until"])
                said = _("%(clock)s: stopped until %(day)s") % {
                    "clock": ClockKind(clock.kind).label,
                    "day": words.day(until, now),
                }
            made.append(MoreTime(said, asked["reason"], asked["basis"], words.due_by(clock.due_at, now)))
    return made


def own_trail(
    voice: Voice, events: Sequence[Event], remarks: Sequence[Remark], reviews: set[int]
) -> list[parts.TrailEntry]:
    """What happened, as far as it is this voice's: a neighbour's words, judgements and photos are left out."""
    answers = {r.pk for r in remarks if r.kind == "answer" and r.voice_id == voice.pk}

    def own(e: Event) -> bool:
        if e.step == "request.judge":
            return e.object_id in reviews
        if e.step == "request.add_words":
            return e.object_id in answers
        return e.subject_id == voice.request_id or e.step not in OWN_ACTS

    readable = {r.pk: r for r in remarks if r.kind == "question" or r.pk in answers}
    return parts.trail([e for e in events if own(e)], readable, public=True)


def open_question(voice: Voice, remarks: Sequence[Remark]) -> Remark | None:
    """The latest question to the resident that this voice has not answered; remarks come newest first."""
    for r in remarks:
        if r.kind == "answer" and r.voice_id in {None, voice.pk}:
            return None
        if r.kind == "question":
            return r
    return None


def judged(r: Review) -> Judged:
    level = r.satisfaction or 0
    return Judged(
        lap=r.lap,
        at=r.at,
        contacted=bool(r.contacted),
        solved=r.solved,
        solved_words=parts.SOLVED.get(r.solved, ""),
        level=level,
        level_words=parts.SATISFACTION.get(level, ""),
        words=r.words,
        source=r.source,
    )


# After sending, and with a code alone -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Sent:
    """What the page after sending shows: how it goes on, by when, by which rule."""

    request: Request
    stations: list[parts.Station]
    dispatch: parts.ClockPart | None
    rules: dict[str, RuleVersion]  # "contact" and "reply", where a rule is in force
    note: str


def sent(voice: Voice, now: dt.datetime) -> Sent:
    """Statements: clocks, rules, and once a minute the calendar."""
    request = voice.request
    cal = parts.display_calendar(request.area_path, now)
    clock = next((c for c in clocks_of(request) if c.kind == ClockKind.DISPATCH), None)
    part = parts.clock_part(clock, cal, now) if clock else None
    facts = {"urgency": request.urgency, "kind": request.kind}
    if request.category is not None:
        facts["category"] = request.category.code
    rows = rulebook.candidates(
        ("clock.contact", "clock.reply"), request.area_path, timezone.localtime(request.heard_at).date()
    )
    found = rulebook.choose(rows, facts)
    line = stations(request, part if request.state == "heard" else None, now)
    return Sent(
        request,
        line,
        part,
        {key.split(".")[1]: row for key, row in found.items()},
        _("Round %(n)s") % {"n": request.lap},
    )


@dataclass(frozen=True, slots=True)
class Glance:
    """What anybody may know who has a code: where the request is, with which unit, since when and until when."""

    request: Request
    stations: list[parts.Station]
    lap: str
    unit: str
    due_words: str
    words: Words
    state: str


def glance(found: Request, now: dt.datetime, *, resident: bool = True) -> Glance:
    """In words to the resident, or to staff. Statements: clocks, and once a minute the calendar."""
    request = found.merged_into or found
    cal = parts.display_calendar(request.area_path, now)
    due = next_due(request, [c for c in clocks_of(request) if c.outcome == "running"])
    part = parts.clock_part(due, cal, now) if due else None
    unit = request.unit.short_name if request.unit else ""
    return Glance(
        request=found,
        stations=stations(request, part, now)
        if resident
        else parts.stations(request, unit_name=unit, mine=False, due=part, now=now, public=False),
        lap=parts.lap_of(request),
        unit=request.unit.name if request.unit else "",
        due_words=str(part.due_words) if part else "",
        words=parts.STATE_WORDS[request.state],
        state=parts.STATE_CHIPS[request.state],
    )

"""A request as pages show it: its clocks in words, its way round the loop, what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.core import words
from heli.core.models import Event
from heli.engines.workdays import Calendar, Unit
from heli.loop.models import Clock, ClockKind, Request
from heli.loop.states import STATIONS
from heli.rulebook.queries import calendar

Words = str | Promise
SOON = 0.75  # of the time used: from here a clock is "soon"

STATE_WORDS: Mapping[str, Words] = {
    "heard": pgettext_lazy("state", "to dispatch"),
    "dispatched": pgettext_lazy("state", "to accept"),
    "handling": pgettext_lazy("state", "in hand"),
    "replied": pgettext_lazy("state", "to be judged"),
    "closed": pgettext_lazy("state", "closed"),
    "lapsed": pgettext_lazy("state", "not judged"),
    "appealed": pgettext_lazy("state", "to be decided"),
    "declined": pgettext_lazy("state", "not taken"),
    "merged": pgettext_lazy("state", "joined"),
    "split": pgettext_lazy("state", "in parts"),
    "withdrawn": pgettext_lazy("state", "withdrawn"),
}
STATE_CHIPS = {
    "heard": "",
    "dispatched": "doing",
    "handling": "doing",
    "replied": "you",
    "closed": "done",
    "lapsed": "done",
    "appealed": "soon",
    "declined": "back",
    "merged": "pause",
    "split": "doing",
    "withdrawn": "pause",
}


@lru_cache(maxsize=256)
def _calendar_of_minute(path: str, minute: int) -> Calendar:
    return calendar(path, dt.datetime.fromtimestamp(minute * 60, tz=dt.UTC))


def display_calendar(path: str, now: dt.datetime) -> Calendar:
    """The county's working calendar for showing time left; at most a minute old. Deadlines are never computed by it."""
    return _calendar_of_minute(path[:6], int(now.timestamp() // 60))


@dataclass(frozen=True, slots=True)
class ClockPart:
    """For {% clock %}: see heli/web/parts.py."""

    name: Words
    words: Words
    state: str
    percent: float
    due_words: Words
    rule_words: Words
    rule_url: str
    provisional: bool
    verified: bool
    until: dt.datetime | None
    due_at: dt.datetime
    pk: int
    kind: str


def clock_part(clock: Clock, calendar: Calendar, now: dt.datetime, *, name: Words = "") -> ClockPart:
    """One clock in words. The clock comes with its rule; time left is counted in the clock's own measure."""
    measure: Unit = "working_minute" if clock.measure.startswith("working") else "minute"
    day = calendar.day_minutes if measure == "working_minute" else words.DAY
    end = clock.stopped_at or now
    total = max(1, calendar.used(clock.started_at, clock.due_at, measure))
    used = calendar.used(clock.started_at, end, measure)
    rest = (
        calendar.used(now, clock.due_at, measure) if now < clock.due_at else -calendar.used(clock.due_at, now, measure)
    )
    until = None
    if clock.outcome in {"met", "late"}:
        state = "done" if clock.outcome == "met" else "late"
        said = _("took %(amount)s") % {"amount": words.amount(used, day_minutes=day)}
    elif clock.outcome == "cancelled":
        state, said = "pause", _("no longer counts")
    elif clock.paused_until is not None and clock.paused_until > now:
        state, said = "pause", _("stopped until %(day)s") % {"day": words.day(clock.paused_until, now)}
    elif now > clock.due_at:
        state, said = "late", words.left(min(rest, -1), day_minutes=day)
    else:
        state = "soon" if used >= total * SOON else "doing"
        said = words.left(max(rest, 0), day_minutes=day, working=measure == "working_minute")
        until = clock.due_at
    limit = (
        words.limit(clock.amount * 60, "working_minute")
        if clock.measure == "working_hour"
        else words.limit(clock.amount, clock.measure)
    )
    due = words.due_by(clock.due_at, now)
    return ClockPart(
        name=name or ClockKind(clock.kind).label,
        words=said,
        state=state,
        percent=100 * total / max(used, total) if state == "late" else min(100.0, 100 * used / total),
        due_words=_("%(due)s, %(limit)s") % {"due": due, "limit": limit},
        rule_words=_("Rule: %(title)s, version %(n)s")
        % {"title": ClockKind(clock.kind).label, "n": clock.rule.version},
        rule_url=f"/rules/{clock.rule_id}/",
        provisional=clock.provisional,
        verified=clock.rule.verified,
        until=until,
        due_at=clock.due_at,
        pk=clock.pk,
        kind=clock.kind,
    )


def chip_of(due_at: dt.datetime | None, now: dt.datetime, calendar: Calendar, measure: str = "") -> tuple[str, str]:
    """(state, words) of the time left, for a row of a list: working time where offices are closed in between.

    `measure` is the clock's own where the row knows it; without it a deadline that falls outside office hours is taken
    for one of elapsed time.
    """
    if due_at is None:
        return "", ""
    first, last = sorted((due_at, now))
    natural, worked = words.minutes_between(first, last), calendar.used(first, last, "working_minute")
    elapsed = not measure.startswith("working") if measure else worked <= 0
    rest, day = (natural, words.DAY) if elapsed else (worked, calendar.day_minutes)
    if now > due_at:
        return "late", words.left_short(-max(1, rest), day_minutes=day)
    return "soon" if rest <= (120 if elapsed else 60) else "", words.left_short(rest, day_minutes=day)


@dataclass(frozen=True, slots=True)
class Station:
    """For {% loop_line %}: see heli/web/parts.py."""

    name: Words
    at: str = ""
    detail: Words = ""


def short_day(at: dt.datetime | None) -> str:
    if at is None:
        return ""
    local = timezone.localtime(at)
    return _("%(day)s, %(time)s") % {"day": local.day, "time": words.hour(at)}


def stations(
    request: Request, *, unit_name: str, mine: bool, due: ClockPart | None, now: dt.datetime, public: bool
) -> list[Station]:
    """The four stations of a request: what was done, where it is now, what comes."""
    here = STATIONS[request.state]
    late = due is not None and due.state == "late"
    names: list[Words] = [
        pgettext("station", "Heard"),
        _("Sent on") if not unit_name else (_("Sent to you") if mine else _("Sent to %(unit)s") % {"unit": unit_name}),
        _("In hand"),
        _("Your turn") if public and request.state in {"replied", "lapsed"} else _("Residents judge"),
    ]
    if request.state == "heard":
        names[1] = _("To be sent on")
    if request.state in {"replied", "lapsed", "closed", "appealed"}:
        names[2] = _("Answered")
    if request.state == "closed":
        names[3] = pgettext("station", "Judged")
    times = [
        short_day(request.heard_at),
        short_day(request.dispatched_at),
        short_day(request.replied_at),
        short_day(request.closed_at),
    ]
    made = []
    for n in range(4):
        at = "done" if n < here else ("late" if late else "now") if n == here else ""
        detail: Words = times[n] if n < here or here == 4 else ""
        if n == here and due is not None:
            detail = words.due_by(due.due_at, now)
        made.append(Station(names[n], "done" if here == 4 else at, detail))
    return made


def lap_of(request: Request) -> str:
    return "closed" if request.state == "closed" else "again" if request.lap > 1 else ""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """For {% trail %}: see heli/web/parts.py."""

    at: dt.datetime
    title: Words
    words: Words = ""
    station: int = 0
    you: bool = False
    public: bool | None = None
    source_words: Words = ""
    source_url: str = ""
    photos: Sequence[Any] = ()


Title = tuple[Words, Words | None, int, bool]
OTHER_TITLES: dict[str, Title] = {}  # of what rooms further right do with a request


def register_titles(titles: Mapping[str, Title]) -> None:
    """A room further right says once, at start, how its steps about a request are called in the trail (as TITLES)."""
    OTHER_TITLES.update(titles)


# step → (title for staff, title for the resident or None when the same, station letter 1–4 or 0, the resident's own act)
TITLES: Mapping[str, tuple[Words, Words | None, int, bool]] = {
    "request.hear": (gettext_lazy("The resident told us"), gettext_lazy("You told us"), 1, True),
    "request.part": (gettext_lazy("Became a request of its own"), None, 1, False),
    "request.reclassify": (gettext_lazy("The desk corrected what it is about"), None, 0, False),
    "request.dispatch": (gettext_lazy("Sent to %(unit_name)s"), None, 2, False),
    "request.take_back": (
        gettext_lazy("The desk took the dispatch back"),
        gettext_lazy("We look again who is responsible"),
        0,
        False,
    ),
    "request.take_on": (gettext_lazy("Kept by %(unit_name)s, which heard it"), None, 3, False),
    "request.turn": (
        gettext_lazy("Taken for another kind of request"),
        gettext_lazy("It goes on as another kind of request"),
        0,
        False,
    ),
    "request.force": (gettext_lazy("%(unit_name)s was named the lead by decision"), None, 2, False),
    "dispatch.accept": (gettext_lazy("The unit took it on"), None, 3, False),
    "dispatch.ask_help": (gettext_lazy("%(unit_name)s was asked to help"), None, 0, False),
    "dispatch.ask_return": (gettext_lazy("The unit asks to give it back"), None, 0, False),
    "dispatch.decide_return": (gettext_lazy("The desk decided on the return"), None, 0, False),
    "dispatch.give_opinion": (gettext_lazy("The assisting unit did its part"), None, 0, False),
    "request.contact": (gettext_lazy("The resident was contacted"), gettext_lazy("We contacted you"), 0, False),
    "request.note": (gettext_lazy("Internal note"), None, 0, False),
    "request.ask_resident": (gettext_lazy("A question to the resident"), gettext_lazy("A question to you"), 0, False),
    "request.add_words": (gettext_lazy("The resident added"), gettext_lazy("You added"), 0, True),
    "extension.ask": (gettext_lazy("More time was asked for"), None, 0, False),
    "extension.decide": (gettext_lazy("Decision on more time"), gettext_lazy("The unit was given more time"), 0, False),
    "handling.write": (gettext_lazy("A reply was written"), gettext_lazy("Answered; your turn to judge"), 0, False),
    "handling.approve": (
        gettext_lazy("The reply was approved and sent"),
        gettext_lazy("Answered; your turn to judge"),
        4,
        False,
    ),
    "handling.correct": (gettext_lazy("The reply was given back to be written better"), None, 0, False),
    "request.join": (gettext_lazy("All parts are answered"), None, 4, False),
    "request.judge": (gettext_lazy("The resident judged"), gettext_lazy("You judged"), 4, True),
    "request.unreached": (gettext_lazy("Revisit call: nobody answered"), None, 0, False),
    "request.decide_appeal": (gettext_lazy("The supervisor decided"), None, 0, False),
    "request.lapse": (gettext_lazy("The time to judge is over"), None, 4, False),
    "request.merge": (gettext_lazy("Joined with others that say the same"), None, 0, False),
    "request.unmerge": (gettext_lazy("Taken apart again"), None, 0, False),
    "request.split": (gettext_lazy("Split into parts"), None, 0, False),
    "request.decline": (gettext_lazy("Not taken, with reason and lawful way"), None, 2, False),
    "request.withdraw": (gettext_lazy("Taken back by the resident"), gettext_lazy("You took it back"), 0, True),
    "request.supervise": (gettext_lazy("Supervised"), None, 0, False),
    "clock.remind": (gettext_lazy("Reminder: %(clock)s is due soon"), None, 0, False),
    "clock.urge": (gettext_lazy("Urged: %(clock)s is overdue"), None, 0, False),
    "clock.supervise": (gettext_lazy("Reported to the supervisor: %(clock)s is overdue"), None, 0, False),
    "clock.propose": (gettext_lazy("A supervision order is proposed: %(clock)s is overdue"), None, 0, False),
    "request.order": (gettext_lazy("Under supervision: an order was given to the units"), None, 0, False),
    "request.order_close": (gettext_lazy("The supervision order is carried out"), None, 0, False),
    "request.order_withdraw": (gettext_lazy("The supervision order was withdrawn"), None, 0, False),
    "clock.recompute": (gettext_lazy("Deadline by the published calendar"), None, 0, False),
    "exclusion.propose": (gettext_lazy("Exclusion from the rates proposed"), None, 0, False),
    "exclusion.confirm": (gettext_lazy("Left out of the rates"), None, 0, False),
    "exclusion.refuse": (gettext_lazy("Exclusion refused"), None, 0, False),
    "exclusion.lift": (gettext_lazy("Counts in the rates again"), None, 0, False),
    "voice.link": (gettext_lazy("The resident's link holds again"), None, 0, False),
    "voice.replace_link": (gettext_lazy("The resident's link was ended and replaced"), None, 0, False),
    "reader.answer": (gettext_lazy("Somebody told the reader what it is about"), None, 0, False),
    "reader.look": (gettext_lazy("Looked at as a sample of what the rule sends on"), None, 0, False),
    "record.reveal": (gettext_lazy("Contact data was read"), None, 0, False),
}
SOLVED: Mapping[str, Words] = {
    "yes": gettext_lazy("solved"),
    "partly": gettext_lazy("partly solved"),
    "no": gettext_lazy("not solved"),
}
SATISFACTION: Mapping[int, Words] = {
    1: gettext_lazy("very dissatisfied"),
    2: gettext_lazy("dissatisfied"),
    3: gettext_lazy("so-so"),
    4: gettext_lazy("satisfied"),
    5: gettext_lazy("very satisfied"),
}
WAYS: Mapping[str, Words] = {
    "phone": gettext_lazy("by phone"),
    "visit": gettext_lazy("in person"),
    "message": gettext_lazy("by message"),
}
RETURN_CODES: Mapping[str, Words] = {
    "not_ours": gettext_lazy("not our duty"),
    "other_area": gettext_lazy("in another area"),
    "law": gettext_lazy("another lawful procedure"),
    "unclear": gettext_lazy("place or matter cannot be made out"),
    "duplicate": gettext_lazy("the same as another request"),
}


def event_words(event: Event, remarks: Mapping[int, Any]) -> str:
    """The second line of a trail entry, from the event's facts and the remark it speaks of."""
    d = event.data
    said: list[str] = []
    remark = (
        remarks.get(event.object_id or 0) if event.object_type == "loop.remark" else remarks.get(d.get("remark", 0))
    )
    match event.step:
        case "request.judge":
            said = [str(SOLVED.get(d.get("solved", ""), "")), str(SATISFACTION.get(d.get("satisfaction", 0), ""))]
        case "request.contact":
            said = [str(WAYS.get(d.get("way", ""), "")), "" if d.get("reached") else _("nobody answered")]
        case "extension.decide":
            said = [
                _("approved") if event.after == "approved" else _("refused"),
                _("%(n)s working days more") % {"n": d["days"]} if d.get("days") else "",
                d.get("why", ""),
                d.get("basis", ""),
            ]
        case "dispatch.ask_return":
            said = [str(RETURN_CODES.get(d.get("reason_code", ""), "")), d.get("reason", ""), d.get("legal_basis", "")]
        case "dispatch.decide_return":
            said = [
                _("upheld, %(n)s times back so far") % {"n": d["bounces"]} if d.get("upheld") else _("refused"),
                d.get("reason", ""),
            ]
        case "request.decline":
            said = [d.get("reason", ""), d.get("legal_basis", ""), d.get("route", "")]
        case "handling.write":
            said = [
                _("draft")
                if event.after == "draft"
                else _("waits for the unit's lead")
                if event.after == "in_review"
                else ""
            ]
        case "reader.look":
            said = [_("the matter was right") if d.get("right") else _("the matter was wrong")]
        case "request.order" | "request.order_close" | "request.order_withdraw":
            said = [d.get("number", ""), d.get("words", "")]
        case _:
            said = [d.get("reason", ""), d.get("decision", "")]
    if remark is not None and remark.text:
        said.append(remark.text)
    return str(_(" · ")).join(s for s in said if s)


def trail(events: Iterable[Event], remarks: Mapping[int, Any], *, public: bool) -> list[TrailEntry]:
    """What happened, newest first. For residents only public events, in words to them."""
    made = []
    for e in events:
        staff_title, own_title, station, you = TITLES.get(e.step) or OTHER_TITLES.get(e.step, (e.step, None, 0, False))
        slots = {
            "unit_name": e.data.get("unit_name", ""),
            "clock": ClockKind(e.data["kind"]).label if e.step.startswith("clock.") else "",
        }
        title = str((own_title or staff_title) if public else staff_title) % slots
        if e.step == "handling.write" and e.after == "replied":
            title, station = str(own_title) if public else str(_("The reply was sent")), 4
        if e.step == "dispatch.accept" and e.data.get("role") == "assist":
            title, station = str(_("An assisting unit took on its part")), 0
        said = event_words(e, remarks)
        made.append(TrailEntry(e.at, title, said, station, you, None if public else e.public))
    return made

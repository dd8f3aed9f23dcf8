"""One suggestion with its whole way, as everybody may read it: no name, no number, no place closer than its community."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import words
from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.models import StoredFile
from heli.loop.clocks import local_day
from heli.loop.models import Voice, said_of
from heli.loop.queries.parts import Station, TrailEntry
from heli.loop.states import OPEN
from heli.suggestions.models import TAKEN_UP, Addendum, Answer, Measure, Progress, Suggestion, Verdict
from heli.suggestions.queries.wall import CHIPS, GONE, chip_of, shown, with_stage
from heli.suggestions.steps.seconds import last_of

Words = str | Promise
SO_SO = 3  # of five
GOES_NO_FURTHER = (*GONE, "declined")
STAGED = ("verdict", "answer_due", "unfinished", "overdue", "kept", "dropped")
MEASURE_CHIPS = {"planned": "doing", "done": "soon", "given_up": "back", "confirmed": "done", "dropped": "back"}


@dataclass(slots=True)
class MeasureShown:
    """A measure with its last words on top."""

    m: Measure
    chip: tuple[str, Words]
    progress: list[Progress] = field(default_factory=list)


@dataclass(slots=True)
class Shown:
    """Everything the page of a suggestion shows."""

    s: Suggestion
    place: str
    credit: str
    chip: tuple[str, Words]
    stations: list[Station]
    lap: str
    answers: list[tuple[Answer, str, list[MeasureShown]]]  # with the chip's state; the last round first
    addenda: list[Addendum]
    trail: list[TrailEntry]
    voices: int
    open: bool  # it can be seconded
    mine: bool  # the reader suggested it
    seconded: bool  # the reader seconds it
    judged: Words
    overdue: int


def seen(actor: Actor, code: str) -> Suggestion:
    """A suggestion by its code; NotFound (L-404) where it is neither public nor the actor's to see. One statement."""
    rows = Suggestion.objects.visible_to(actor).select_related(
        "request__area", "request__unit", "request__merged_into", "call", "credit_record", "joined_into__request"
    )
    found: Suggestion | None = rows.filter(request__code=code).first()
    if found is None:
        raise NotFound
    return found


def measure_chip(m: Measure, today: dt.date) -> tuple[str, Words]:
    """The state of a measure in a few words."""
    if m.state == "planned" and m.due_on < today:
        return "late", _("overdue")
    said: dict[str, str] = {
        "planned": pgettext("measure", "in hand"),
        "done": _("said to be done"),
        "given_up": _("to be given up"),
        "confirmed": _("seen to be done"),
        "dropped": _("given up"),
    }
    return MEASURE_CHIPS[m.state], said[m.state]


def measures_of(suggestion_id: int, today: dt.date) -> dict[int, list[MeasureShown]]:
    """{answer id: its measures with their progress, newest first} of what went out. Two statements."""
    rows = Measure.objects.given().filter(suggestion=suggestion_id).select_related("unit").order_by("due_on", "id")
    found = {m.pk: MeasureShown(m, measure_chip(m, today)) for m in rows}
    for p in Progress.objects.filter(measure__in=list(found)).order_by("-at", "-id"):
        found[p.measure_id].progress.append(p)
    by_answer: defaultdict[int, list[MeasureShown]] = defaultdict(list)
    for shown_ in found.values():
        by_answer[shown_.m.answer_id].append(shown_)
    return by_answer


def one(actor: Actor, code: str, now: dt.datetime) -> Shown:
    """The page. At most ten statements, whatever happened."""
    s: Any = seen(actor, code)
    request, today = s.request, local_day(now)
    staged: Any = with_stage(Suggestion.objects.filter(pk=s.pk), now).values(*STAGED)[0]
    for name, value in staged.items():
        setattr(s, name, value)
    by_answer = measures_of(s.pk, today)
    given = Answer.objects.given().filter(suggestion=s.pk).select_related("handling__unit")
    answers = [(a, CHIPS[Verdict(a.verdict)], by_answer.get(a.pk, [])) for a in given.order_by("-handling__lap", "-id")]
    addenda = list(Addendum.objects.filter(suggestion=s.pk, state="public").order_by("id"))
    voices = Voice.objects.filter(said_of(s.pk)).aggregate(n=Count("pk"))["n"]
    mine = actor.user_id is not None and Voice.objects.filter(said_of(s.pk), user_id=actor.user_id).exists()
    seconded = actor.user_id is not None and bool(last_of(s, actor.user_id) % 2)
    measures = [m for _a, _c, ms in answers for m in ms]
    return Shown(
        s=s,
        place=request.area.short_name or request.area.name,
        credit=shown(s),
        chip=chip_of(s, now),
        stations=stations(s, answers, now),
        lap="closed" if request.state == "closed" and not s.unfinished else "again" if request.lap > 1 else "",
        answers=answers,
        addenda=addenda,
        trail=trail(s, answers, addenda),
        voices=voices,
        open=s.state == "public" and request.state in OPEN and not answers,
        mine=mine,
        seconded=seconded,
        judged=judged(s, bool(answers)),
        overdue=sum(m.chip[0] == "late" for m in measures),
    )


def judged(s: Suggestion, answered: bool) -> Words:
    """What those who suggested it think of the answer, without who they are."""
    if answered and s.request.state in OPEN:
        return _("Whoever suggested it is not satisfied with the answer; it is looked at once more.")
    if s.request.state != "closed" or s.request.satisfaction is None:
        return ""
    if s.request.satisfaction > SO_SO:
        return _("Whoever suggested it is satisfied with the answer.")
    if s.request.satisfaction == SO_SO:
        return _("Whoever suggested it finds the answer so-so.")
    return _("Whoever suggested it is not satisfied with the answer.")


def stations(s: Any, answers: list[tuple[Answer, str, list[MeasureShown]]], now: dt.datetime) -> list[Station]:
    """诉 suggested, 转 sent to a unit, 办 answered, 评 what came of it."""
    r = s.request
    told = Station(_("Suggested"), "done", words.day(r.heard_at, now))
    if r.state in GOES_NO_FURTHER:
        stopped = Station(chip_of(s, now)[1], "done", words.day(r.closed_at, now) if r.closed_at else "")
        return [told, stopped, Station(_("Answer")), Station(_("What comes of it"))]
    if r.unit is None:
        late = r.due_at is not None and r.due_at < now
        return [
            told,
            Station(_("To be sent to a unit"), "late" if late else "now"),
            Station(_("Answer")),
            Station(_("What comes of it")),
        ]
    sent = Station(_("Sent to %(unit)s") % {"unit": r.unit.short_name}, "done", words.day(r.dispatched_at, now))
    if not answers:
        late = s.answer_due is not None and s.answer_due < now
        due = words.due_by(s.answer_due, now) if s.answer_due else ""
        return [told, sent, Station(_("Answer"), "late" if late else "now", due), Station(_("What comes of it"))]
    last = answers[0][0]
    said = Station(Verdict(last.verdict).label, "done", words.day(last.handling.sent_at or last.written_at, now))
    measures = [m for _a, _c, ms in answers for m in ms]
    if last.verdict in TAKEN_UP or measures:
        ended = sum(m.m.ended_at is not None for m in measures)
        count = _("%(done)s of %(all)s measures ended") % {"done": ended, "all": len(measures)}
        going = Station(_("In hand"), "late" if s.overdue else "now", count)
        done = _("Done in part") if s.kept and s.dropped else _("Done") if s.kept else pgettext("measure", "Given up")
        end = Station(done, "done" if s.kept else "late", count) if ended == len(measures) else going
    elif r.state == "closed":
        end = Station(pgettext("to the resident", "Judged"), "done", words.day(r.closed_at, now))
    else:
        end = Station(_("The suggester judges"), "now")
    return [told, sent, said, end]


def trail(s: Any, answers: list[tuple[Answer, str, list[MeasureShown]]], addenda: list[Addendum]) -> list[TrailEntry]:
    """What happened, newest first. Nothing of who did it among the residents."""
    r = s.request
    found = [TrailEntry(r.heard_at, _("A resident suggested it"), station=1, you=True)]
    if s.published_at:
        found.append(TrailEntry(s.published_at, pgettext("suggestions", "Published")))
    if r.dispatched_at and r.unit:
        found.append(TrailEntry(r.dispatched_at, _("Sent to %(unit)s") % {"unit": r.unit.short_name}, station=2))
    found += [TrailEntry(a.at, _("The suggester added something"), you=True) for a in addenda]
    kinds = dict(Progress.KINDS)
    for a, _chip, measures in answers:
        said = _("%(unit)s: %(verdict)s") % {"unit": a.handling.unit.short_name, "verdict": a.get_verdict_display()}
        found.append(TrailEntry(a.handling.sent_at or a.written_at, said, station=3))
        found += [
            TrailEntry(p.at, kinds[p.kind], m.m.what, station=4 if p.kind in {"confirm", "let_go"} else 0)
            for m in measures
            for p in m.progress
        ]
    if r.state == "closed" and r.closed_at:
        found.append(TrailEntry(r.closed_at, _("Judged by whoever suggested it"), station=4, you=True))
    return sorted(found, key=lambda e: e.at, reverse=True)


def photo_seen(actor: Actor, file_id: Any) -> StoredFile:
    """A photo of a measure whose suggestion the actor sees. Three statements. NotFound (L-404)."""
    file = StoredFile.objects.filter(pk=file_id, subject_type="suggestions.measure").first()
    if file is None:
        raise NotFound
    measure = Measure.objects.given().filter(pk=file.subject_id).values_list("suggestion_id", flat=True).first()
    if measure is None or not Suggestion.objects.visible_to(actor).filter(pk=measure).exists():
        raise NotFound
    return file

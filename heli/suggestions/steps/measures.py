"""What was promised, followed to its end: how it goes, done, given up; its keeper looks and says so too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import IO

from heli.core import files
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import jobs
from heli.loop.steps.hear import checked_text
from heli.rulebook import queries as rulebook
from heli.suggestions.models import Answer, Measure, Progress
from heli.suggestions.states import MEASURE
from heli.suggestions.steps.answer import REPORT
from heli.suggestions.steps.said import SUBJECT, hold

TEXT = 2000
NEWS = {"confirm": "suggestion_done", "let_go": "suggestion_given_up"}


def lock(s: Step, measure_id: int) -> Measure:
    """A measure that was promised (its answer went out), locked, and its request with it: whatever stands in the
    timeline of a request is written under that lock. NotFound (L-404)."""
    measure = s.lock(Measure, measure_id)
    hold(measure.suggestion_id)
    if not Answer.objects.given().filter(pk=measure.answer_id).exists():
        raise NotFound
    s.about(SUBJECT, measure.suggestion_id, measure.area_path)
    return measure


def word(s: Step, measure: Measure, kind: str, text: str, cleaned: Sequence[files.Cleaned] = ()) -> Progress:
    """One row of progress with its photos."""
    made = Progress(measure=measure, kind=kind, at=s.at, text=text, by_id=s.by.user_id)
    # rows of progress are never changed, so its photos are kept for the measure, before the row
    kept = files.keep_all(cleaned, subject_type="suggestions.measure", subject_id=measure.pk)
    made.photos = [f.pk for f in kept]
    made.save(force_insert=True)
    s.record(measure, public=True, progress=made.pk, kind=kind, photos=len(kept))
    return made


def said(text: str) -> str:
    """What staff write on a measure. Raises TooLong (L-118), Invalid (L-400)."""
    return without_personal(checked_text(text, limit=TEXT), offices=True)


def next_word(s: Step, measure: Measure) -> dt.datetime:
    """When the next word is due, by the rule in force now."""
    rules, calendar = rulebook.with_calendar((REPORT,), path=measure.area_path, at=s.at)
    rule = rules[REPORT]
    s.rule(rule)
    measure.report_rule_id = rule.id
    return calendar.due(s.at, int(rule.value["amount"]), rule.value["unit"]).at


def report(*, measure_id: int, text: str, by: Actor, at: dt.datetime, photos: Sequence[IO[bytes]] = ()) -> Progress:
    """The responsible unit says how it goes; the next word is due an interval later (suggestion.report).

    Photos are public: faces and plates in them are covered before anything is kept; NotLookedAt (L-200) when that
    cannot be done.
    """
    text = said(text)
    cleaned = [files.clean(p, files.STREET) for p in photos]
    with step("suggestions.report", by=by, at=at) as s:
        measure = lock(s, measure_id)
        s.allow(measure, Cap.HANDLE_REQUESTS, Scope.OWN_UNIT)
        if measure.state != "planned":
            raise WrongState
        measure.report_due_at = next_word(s, measure)
        measure.save(update_fields=["report_due_at", "report_rule"])
        made = word(s, measure, "report", text, cleaned)
    return made


def finish(*, measure_id: int, text: str, by: Actor, at: dt.datetime, photos: Sequence[IO[bytes]] = ()) -> Measure:
    """The unit says it is done, and how it can be seen; its keeper looks. Photos as in `report`."""
    text = said(text)
    cleaned = [files.clean(p, files.STREET) for p in photos]
    with step("suggestions.finish", by=by, at=at) as s:
        measure = lock(s, measure_id)
        s.move(measure, MEASURE, "finish", text="yes")
        word(s, measure, "finish", text, cleaned)
    return measure


def give_up(*, measure_id: int, text: str, by: Actor, at: dt.datetime) -> Measure:
    """The unit cannot do it after all, and says why in public; its keeper looks."""
    text = said(text)
    with step("suggestions.give_up", by=by, at=at) as s:
        measure = lock(s, measure_id)
        s.move(measure, MEASURE, "give_up", text="yes")
        word(s, measure, "give_up", text)
    return measure


def confirm(*, measure_id: int, by: Actor, at: dt.datetime, text: str = "") -> Measure:
    """The keeper has seen that it is done. Everybody who suggested it is told."""
    return _end(measure_id, "confirm", text, by=by, at=at)


def let_go(*, measure_id: int, by: Actor, at: dt.datetime, text: str = "") -> Measure:
    """The keeper accepts that it was given up. Everybody who suggested it is told."""
    return _end(measure_id, "let_go", text, by=by, at=at)


def _end(measure_id: int, arrow: str, text: str, *, by: Actor, at: dt.datetime) -> Measure:
    with step(f"suggestions.{arrow}", by=by, at=at) as s:
        measure = lock(s, measure_id)
        measure.ended_at = at
        s.move(measure, MEASURE, arrow, save=("ended_at",))
        word(s, measure, arrow, said(text) if text.strip() else "")
        s.defer(jobs.tell, request_id=measure.suggestion_id, news=NEWS[arrow])
    return measure


def send_back(*, measure_id: int, text: str, by: Actor, at: dt.datetime) -> Measure:
    """The keeper looked, and it is not done, or not to be given up: the unit goes on; its day stays."""
    text = said(text)
    with step("suggestions.send_back", by=by, at=at) as s:
        measure = lock(s, measure_id)
        measure.report_due_at = next_word(s, measure)
        s.move(measure, MEASURE, "send_back", text="yes", save=("report_due_at", "report_rule"))
        word(s, measure, "send_back", text)
    return measure

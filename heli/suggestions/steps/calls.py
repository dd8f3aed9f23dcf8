"""Calls for suggestions: drafted, opened, closed, summed up."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop.clocks import local_day
from heli.loop.steps.hear import checked_text, place_of
from heli.orgs.queries import open_unit
from heli.suggestions.models import Call
from heli.suggestions.states import CALL

SUBJECT = "suggestions.call"
TITLE, TEXT, SUMMARY = 40, 1000, 4000


def by_keeper(text: str, field: str, limit: int) -> str:
    """What a keeper writes for everybody to read: no number of a person in it. Raises TooLong (L-118), Invalid."""
    return without_personal(checked_text(text, field, limit), offices=True)


def lock(s: Step, call_id: int) -> Call:
    """The call, locked; the keeper's capability is asked for its area."""
    call = s.lock(Call, call_id)
    s.require(Cap.KEEP_SUGGESTIONS, path=call.area_path)
    s.about(SUBJECT, call.pk, call.area_path)
    return call


def put_call(
    *,
    title: str,
    asked: str,
    why: str,
    area_path: str,
    unit_id: int,
    first_day: dt.date,
    last_day: dt.date,
    by: Actor,
    at: dt.datetime,
    call_id: int | None = None,
) -> Call:
    """Draft a call, or change one (`call_id`): all of a draft; of an open one only the last day, and only to a later
    one, because people have answered to what stands there.

    Raises:
        Invalid (L-400), TooLong (L-118), UnknownPlace (L-112), Forbidden (L-403), NotFound, UnitClosed, WrongState.
    """
    with step("suggestions.put_call", by=by, at=at) as s:
        if call_id is None:
            area, _prefix = place_of(area_path)
            call = Call(made_at=at, made_by_id=by.user_id, area=area, area_path=area.path)
            s.require(Cap.KEEP_SUGGESTIONS, path=area.path)
        else:
            call = lock(s, call_id)
        if call.state == "open":
            if last_day < call.last_day:
                raise Invalid(_("An open call can only be kept open longer, not cut short."), field="last_day")
            call.last_day = last_day
        elif call.state != "draft":
            raise WrongState
        else:
            area, _prefix = place_of(area_path)
            s.require(Cap.KEEP_SUGGESTIONS, path=area.path)
            unit = open_unit(unit_id, at)
            if not unit.area_path.startswith(area.path[:6]) and not area.path.startswith(unit.area_path):
                raise Invalid(_("Choose a unit of this area, or of one above it."), field="unit")
            call.area, call.area_path, call.unit = area, area.path, unit
            call.title = by_keeper(title, "title", TITLE)
            call.asked, call.why = by_keeper(asked, "asked", TEXT), by_keeper(why, "why", TEXT)
            call.first_day, call.last_day = first_day, last_day
        if call.last_day < call.first_day:
            raise Invalid(_("The last day comes before the first."), field="last_day")
        call.save()
        s.about(SUBJECT, call.pk, call.area_path)
        s.record(call, first=call.first_day.isoformat(), last=call.last_day.isoformat(), unit=call.unit_id)
    return call


def open_call(*, call_id: int, by: Actor, at: dt.datetime) -> Call:
    """From its first day on everybody may answer it. Raises Invalid when its last day is over, WrongState."""
    with step("suggestions.open_call", by=by, at=at) as s:
        call = lock(s, call_id)
        if call.last_day < local_day(at):
            raise Invalid(_("Its last day is over. Choose a later one first."), field="last_day")
        s.move(call, CALL, "open")
    return call


def close_call(*, call_id: int, by: Actor, at: dt.datetime) -> Call:
    """No more suggestions to it; what was suggested goes on."""
    with step("suggestions.close_call", by=by, at=at) as s:
        call = lock(s, call_id)
        s.move(call, CALL, "close")
    return call


def sum_up(*, call_id: int, summary: str, by: Actor, at: dt.datetime) -> Call:
    """Say in public what came of it; the numbers beside it are counted, not written."""
    text = by_keeper(summary, "summary", SUMMARY)
    with step("suggestions.sum_up", by=by, at=at) as s:
        call = lock(s, call_id)
        call.summary, call.summed_at = text, at
        s.move(call, CALL, "sum_up", summary="yes", save=("summary", "summed_at"))
    return call


def end_calls(*, at: dt.datetime) -> int:
    """Close the calls whose last day is over. Returns how many; harmless twice."""
    over = Call.objects.filter(state="open", last_day__lt=local_day(at)).values_list("pk", flat=True)
    done = 0
    for call_id in list(over):
        with step("suggestions.end_call", by=SYSTEM, at=at) as s:
            call = s.lock(Call, call_id)
            s.about(SUBJECT, call.pk, call.area_path)
            if call.state != "open" or call.last_day >= local_day(at):
                s.record(call)
                continue
            s.move(call, CALL, "end")
            done += 1
    return done

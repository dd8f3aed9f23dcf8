"""What both sides say of a shift that is closed: how it was, thanks, how the service went, and an answer to that.

Lock order: the shift, then enrolments.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, PaperMissing
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.volunteering.kind_errors import LooksAtOwn, NotClosedYet
from heli.volunteering.models import Enrolment, Evaluation, Objection, Remark, Shift, Thanks
from heli.volunteering.models.kind import WORDS, Felt, Quality
from heli.volunteering.states import REMARK
from heli.volunteering.steps.enrol import about, lock_shift


def _words(text: str) -> str:
    return without_personal(" ".join(text.split()))[:WORDS]


def _own(s: Step, enrolment_id: int) -> Enrolment:
    """One's own place in a closed shift in which one served, locked; NotFound (L-404), NotClosedYet (L-455)."""
    e = s.lock(Enrolment, enrolment_id, related=("shift__activity", "volunteer"))
    if e.volunteer.user_id != s.by.user_id:
        raise Forbidden
    if e.shift.state != "over" or e.state != "attended":
        raise NotClosedYet
    about(s, e.shift)
    return e


def say(*, enrolment_id: int, felt: str, by: Actor, at: dt.datetime, words: str = "", concern: bool = False) -> Remark:
    """How the shift was, once. `concern`: somebody was not safe; who reviews the area looks at it at once, and the organiser
    does not see it.

    Raises NotClosedYet (L-455), AlreadyDone (L-104), PaperMissing: a concern without words (L-103), Invalid (L-400).
    """
    if felt not in Felt.values:
        raise Invalid(_("Choose how it was."), field="felt")
    text = _words(words)
    if concern and not text:
        raise PaperMissing(field="words", paper=_("what happened"))
    with step("remark.say", by=by, at=at) as s:
        e = _own(s, enrolment_id)
        if Remark.objects.filter(pk=e.pk).exists():
            raise AlreadyDone
        made = Remark.objects.create(
            enrolment=e, activity_id=e.shift.activity_id, area_path=e.area_path, felt=felt, words=text, said_at=at,
            state="open" if concern else "said",
        )  # fmt: skip
        s.record(made, concern=concern)  # not what was said: the organiser reads the shift's events
    return made


def settle(*, remark_id: int, found: str, by: Actor, at: dt.datetime) -> Remark:
    """A concern was looked at: what was found and done, for the volunteer to read. Who leads the activity or planned it does
    not see it; who said it does not settle it.

    Raises LooksAtOwn (L-456), WrongState (L-101), PaperMissing (L-103)."""
    with step("remark.settle", by=by, at=at) as s:
        remark = s.lock(Remark, remark_id, related=("enrolment__volunteer",))
        if by.user_id == remark.enrolment.volunteer.user_id:
            raise LooksAtOwn
        remark.found, remark.settled_by_id, remark.settled_at = _words(found), by.user_id, at
        s.move(remark, REMARK, "settle", found=remark.found, save=("found", "settled_by", "settled_at"))
        s.about("volunteering.activity", remark.activity_id, remark.area_path)
    return remark


def _closed(s: Step, shift_id: int) -> Shift:
    """A shift one leads, locked, closed; NotFound (L-404), Forbidden (L-403), NotClosedYet (L-455)."""
    shift = lock_shift(s, shift_id)
    s.require(Cap.LEAD_TEAM, org_id=shift.activity.org_id)
    if shift.state != "over":
        raise NotClosedYet
    about(s, shift)
    return shift


def thank(*, shift_id: int, words: str, by: Actor, at: dt.datetime, to: Collection[int] | None = None) -> list[Thanks]:
    """Thanks to those who served (`to`: enrolments; all where it is None) and were not thanked yet. Each reads their own.

    Raises NotClosedYet (L-455), PaperMissing: no words (L-103), NotFound (L-404), AlreadyDone: nobody is left (L-104).
    """
    text = _words(words)
    if not text:
        raise PaperMissing(field="words", paper=_("your thanks"))
    if by.user_id is None:
        raise Forbidden
    with step("shift.thank", by=by, at=at) as s:
        shift = _closed(s, shift_id)
        rows = Enrolment.objects.filter(shift=shift, state="attended").exclude(volunteer__user=by.user_id)
        if to is not None:
            rows = rows.filter(pk__in=to)
            if rows.count() != len(set(to)):
                raise NotFound
        ids = list(rows.filter(thanks=None).order_by("id").values_list("pk", flat=True))
        if not ids:
            raise AlreadyDone
        made = Thanks.objects.bulk_create(Thanks(enrolment_id=pk, words=text, by_id=by.user_id, at=at) for pk in ids)
        s.record(shift, thanked=len(ids))
    return made


def evaluate(*, shift_id: int, quality: str, by: Actor, at: dt.datetime, words: str = "") -> Evaluation:
    """How the service in a shift went: in three words, of the service and never of a person (办法 art. 10). Those who served
    read it and may each answer once.

    Raises NotClosedYet (L-455), AlreadyDone (L-104), PaperMissing: difficulties without words (L-103), Invalid (L-400).
    """
    if quality not in Quality.values:
        raise Invalid(_("Choose how the service went."), field="quality")
    text = _words(words)
    if quality == Quality.HARD and not text:
        raise PaperMissing(field="words", paper=_("what was difficult"))
    if by.user_id is None:
        raise Forbidden
    with step("shift.evaluate", by=by, at=at) as s:
        shift = _closed(s, shift_id)
        if Evaluation.objects.filter(pk=shift.pk).exists():
            raise AlreadyDone
        made = Evaluation.objects.create(shift=shift, quality=quality, words=text, by_id=by.user_id, at=at)
        s.record(made, quality=quality)
    return made


def object_(*, enrolment_id: int, words: str, by: Actor, at: dt.datetime) -> Objection:
    """What who served says to the evaluation of their shift: once; it stands beside it wherever it is shown.

    Raises NotClosedYet (L-455): nothing was said yet. AlreadyDone (L-104), PaperMissing (L-103)."""
    text = _words(words)
    if not text:
        raise PaperMissing(field="words", paper=_("your answer"))
    try:
        with step("shift.object", by=by, at=at) as s:
            e = _own(s, enrolment_id)
            if not Evaluation.objects.filter(pk=e.shift_id).exists():
                raise NotClosedYet
            made: Any = Objection.objects.create(enrolment=e, words=text, at=at)
            s.record(made)
    except IntegrityError as error:
        raise AlreadyDone from error
    return made  # type: ignore[no-any-return]

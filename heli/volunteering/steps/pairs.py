"""An older volunteer and a younger one side by side in one shift: asked by one of them, or found by the leader; both say
yes. It counts while both are on the list, and ends with the shift.

Lock order: volunteers (by id), then the pairing.
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, NotFound, WrongState
from heli.core.steps import Step, step
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.volunteering import gates, jobs
from heli.volunteering.gates import THERE
from heli.volunteering.kind_errors import NoPair, NotSilver, PairedAlready
from heli.volunteering.models import Enrolment, Pairing, Shift, Volunteer
from heli.volunteering.states import PAIRING
from heli.volunteering.steps.enrol import about, lock_people

SILVER = "volunteering.silver.age"


def silver(people: list[Volunteer], shift: Shift, at: dt.datetime) -> dict[int, bool | None]:
    """{volunteer: whether they are of silver age on the last day of the shift; None where the age is not known}. One
    statement; `people` with their record."""
    rule = rulebook.in_force((SILVER,), path=shift.activity.area_path, on=local_day(shift.starts))[SILVER]
    last = local_day(shift.ends - dt.timedelta(microseconds=1))
    found: dict[int, bool | None] = {}
    for v in people:
        born = gates.born(v, at)
        found[v.pk] = None if born is None else gates.age(born, last) >= rule.value
    return found


def open_shift(shift_id: int, at: dt.datetime) -> Shift:
    """A posted shift that is not over; NotFound (L-404). One statement."""
    shift: Shift | None = Shift.objects.public().select_related("activity").filter(pk=shift_id).first()
    if shift is None or shift.state != "planned" or at >= shift.ends:
        raise NotFound
    return shift


def _there(shift: Shift, *volunteers: int) -> bool:
    rows = Enrolment.objects.filter(shift=shift, volunteer__in=volunteers, state__in=THERE)
    return rows.count() == len(set(volunteers))


def _drop_dead(s: Step, shift: Shift, *volunteers: int) -> None:
    """Pairings of these people whose other half is no longer on the list end; so does what is only wanted."""
    gone = ~Exists(Enrolment.objects.filter(shift=shift, volunteer=OuterRef("younger"), state__in=THERE))
    rows = Pairing.objects.live().filter(Q(elder__in=volunteers) | Q(younger__in=volunteers), shift=shift)
    for pairing in rows.filter(gone).select_for_update(of=("self",)):
        _end(s, pairing)


def _end(s: Step, pairing: Pairing) -> None:
    pairing.ended_at = s.at
    s.move(pairing, PAIRING, "end", save=("ended_at",))


def ask(*, shift_id: int, by: Actor, at: dt.datetime, number: str = "") -> Pairing:
    """Ask somebody of the same shift, by volunteer number, to be at one's side; without a number an older volunteer asks
    the leader to find somebody. Who asks has said yes.

    Raises NoPair (L-457), PairedAlready (L-458), NotSilver (L-459), NotFound (L-404).
    """
    me = Volunteer.objects.filter(user=by.user_id or 0, state="verified").first()
    if me is None:
        raise NotFound
    shift, other = open_shift(shift_id, at), None
    if typed := number.strip().upper():
        other = Volunteer.objects.filter(number=typed, state="verified").exclude(pk=me.pk).first()
        if other is None or not _there(shift, other.pk):
            raise NoPair(field="number")
    try:
        with step("pairing.ask", by=by, at=at) as s:
            people = lock_people([me.pk, *([other.pk] if other else [])])
            old = silver(people, shift, at)
            about(s, shift)
            _drop_dead(s, shift, *old)
            if other is None:
                if not old[me.pk]:
                    raise NotSilver
                elder, younger = me, None
            elif {old[me.pk], old[other.pk]} == {True, False}:
                elder, younger = (me, other) if old[me.pk] else (other, me)
                if not _there(shift, younger.pk):
                    raise NoPair(field="number")
            else:
                raise NoPair(field="number")
            made = Pairing.objects.create(
                shift=shift, org_id=shift.activity.org_id, area_path=shift.activity.area_path, elder=elder, younger=younger,
                elder_yes=elder == me, younger_yes=younger == me, state="proposed" if other else "wanted", made_at=at,
            )  # fmt: skip
            s.record(made)
            s.event.after = made.state
            if other:
                s.defer(jobs.tell_people, ids=[other.pk], news="pair_asked")
    except IntegrityError as error:
        raise PairedAlready from error
    return made


def propose(*, pairing_id: int, number: str, by: Actor, at: dt.datetime) -> Pairing:
    """The leader proposes somebody of the shift's list to an older volunteer who asked for somebody. Both are asked.

    Raises NoPair (L-457), PairedAlready (L-458), WrongState (L-101)."""
    try:
        with step("pairing.propose", by=by, at=at) as s:
            pairing = _lock(s, pairing_id)
            s.require(Cap.LEAD_TEAM, org_id=pairing.org_id)
            other = Volunteer.objects.filter(number=number.strip().upper(), state="verified").first()
            if other is None or not _there(pairing.shift, other.pk):
                raise NoPair(field="number")
            [other] = lock_people([other.pk])
            if silver([other], pairing.shift, at)[other.pk] is not False:
                raise NoPair(field="number")
            pairing.younger, pairing.elder_yes, pairing.younger_yes = other, False, False
            s.move(pairing, PAIRING, "propose", save=("younger", "elder_yes", "younger_yes"))
            s.defer(jobs.tell_people, ids=[pairing.elder_id, other.pk], news="pair_proposed")
    except IntegrityError as error:
        raise PairedAlready from error
    return pairing


def _lock(s: Step, pairing_id: int) -> Pairing:
    pairing = s.lock(Pairing, pairing_id, related=("shift__activity", "elder"))
    about(s, pairing.shift)
    if pairing.shift.state != "planned" or s.at >= pairing.shift.ends:
        raise WrongState
    return pairing


def _mine(s: Step, pairing_id: int) -> tuple[Pairing, bool]:
    """A pairing of one's own, locked, and whether one is the elder of the two."""
    pairing = _lock(s, pairing_id)
    mine = Volunteer.objects.filter(user=s.by.user_id or 0).values_list("pk", flat=True).first()
    if mine is None or mine not in {pairing.elder_id, pairing.younger_id}:
        raise Forbidden
    return pairing, mine == pairing.elder_id


def agree(*, pairing_id: int, by: Actor, at: dt.datetime) -> Pairing:
    """Yes, from one of the two; from both, and they serve side by side. Raises NoPair (L-457): the younger one is not on the
    list any more."""
    with step("pairing.agree", by=by, at=at) as s:
        pairing, elder = _mine(s, pairing_id)
        if pairing.state != "proposed" or pairing.younger_id is None:
            raise WrongState
        if not _there(pairing.shift, pairing.younger_id):
            raise NoPair
        pairing.elder_yes, pairing.younger_yes = pairing.elder_yes or elder, pairing.younger_yes or not elder
        if pairing.elder_yes and pairing.younger_yes:
            s.move(pairing, PAIRING, "agree", save=("elder_yes", "younger_yes"))
            s.defer(jobs.tell_people, ids=[pairing.elder_id, pairing.younger_id], news="pair_agreed")
        else:
            pairing.save(update_fields=["elder_yes", "younger_yes"])
            s.record(pairing)
    return pairing


def end(*, pairing_id: int, by: Actor, at: dt.datetime) -> Pairing:
    """One of the two, or the leader, ends it. No reason is asked; the other is told."""
    with step("pairing.end", by=by, at=at) as s:
        pairing = _lock(s, pairing_id)
        mine = Volunteer.objects.filter(user=by.user_id or 0).values_list("pk", flat=True).first()
        both = [pairing.elder_id, *([pairing.younger_id] if pairing.younger_id else [])]
        if mine not in both:
            s.require(Cap.LEAD_TEAM, org_id=pairing.org_id)
        _end(s, pairing)
        if others := [pk for pk in both if pk != mine]:
            s.defer(jobs.tell_people, ids=others, news="pair_ended")
    return pairing


def number_of_other(*, pairing_id: int, by: Actor, at: dt.datetime) -> str:
    """The other's phone number, once both said yes and are on the list, until the shift is over; they see who read it.

    Raises WrongState (L-101)."""
    with step("pairing.call", by=by, at=at) as s:
        pairing, elder = _mine(s, pairing_id)
        if pairing.state != "agreed" or not _there(pairing.shift, pairing.elder_id, pairing.younger_id or 0):
            raise WrongState
        other = pairing.younger if elder else pairing.elder
        assert other is not None  # agreed by both, says the database
        shown = vault.reveal(
            other.record_id, fields=["phone"], by=by, purpose=_("to meet for a shift you serve in together"), at=at,
            about=("volunteering.volunteer", other.pk),
        )  # fmt: skip
        s.record(pairing)
    return shown["phone"]

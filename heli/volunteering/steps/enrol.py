"""Places in shifts: asked for, waited for, offered, drawn, passed on, given back. Every way of enrolling is `enrol`.

Lock order: volunteers (by id), then the slot; who ends a shift locks it first, then all its slots. How many places are held is
counted under the slot's lock, and once more by the database (trigger `fits`); that nobody is in two places at once is an
exclusion constraint.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from heli.core import vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop.clocks import local_day
from heli.orgs.models import Member
from heli.rulebook import queries as rulebook
from heli.volunteering import gates, jobs, waiting
from heli.volunteering.codes import SEALED
from heli.volunteering.errors import (
    EnrolledAlready,
    NoPlace,
    NoSuchVolunteer,
    NotEligible,
    NotOpen,
    OfferOver,
    TwoPlaces,
)
from heli.volunteering.models import Enrolment, Shift, Slot, Volunteer
from heli.volunteering.models.enrolments import How
from heli.volunteering.states import ENROLMENT, HOLDING, LIVE

SUBJECT = "volunteering.shift"
OFFER, NEWCOMERS, NOTICE = "volunteering.offer", "volunteering.newcomers", "volunteering.notice"
AHEAD = ("asked", "waiting", "offered", "confirmed")  # what can still be given back
LEAST_OFFER = dt.timedelta(minutes=15)  # an offer made right before the start still leaves time to read it


# What is locked and counted -------------------------------------------------------------------------------------------
def lock_people(ids: Iterable[int]) -> list[Volunteer]:
    """Volunteers, locked in one order whoever asks; NotFound (L-404) when one is not there. One statement."""
    wanted = sorted(set(ids))
    rows = Volunteer.objects.select_for_update(of=("self",), no_key=True).select_related("record").filter(pk__in=wanted)
    found = list(rows.order_by("id"))
    if len(found) != len(wanted):
        raise NotFound
    return found


def lock_slot(slot_id: int) -> Slot:
    """A slot, locked, with its shift, activity and role as they are then; NotFound (L-404). Two statements: what is
    joined to a row one waits for is as old as the waiting, and the shift may be cancelled or over meanwhile."""
    locked = Slot.objects.select_for_update(no_key=True).filter(pk=slot_id).values_list("pk", flat=True)
    if not list(locked):
        raise NotFound
    return Slot.objects.select_related("shift__activity", "role").get(pk=slot_id)


def lock_shift(s: Step, shift_id: int) -> Shift:
    """A shift the actor may see, locked against all but who points to it (FOR NO KEY UPDATE: who enrols meanwhile holds a
    slot already, and would wait for this while this waits for the slot); NotFound (L-404). One statement."""
    rows = Shift.objects.visible_to(s.by).select_for_update(of=("self",), no_key=True).select_related("activity")
    shift: Shift | None = rows.filter(pk=shift_id).first()
    if shift is None:
        raise NotFound
    return shift


def lock_slots(shift: Shift) -> list[Slot]:
    """All slots of a shift, locked: nobody is enrolled in it meanwhile. Call while holding the shift's lock. One
    statement."""
    rows = Slot.objects.select_for_update(of=("self",), no_key=True).select_related("role").filter(shift=shift)
    slots = list(rows.order_by("id"))
    for slot in slots:
        slot.shift = shift
    return slots


def free(slot: Slot, at: dt.datetime) -> tuple[int, int, int]:
    """(places nobody holds, how many of them are kept for newcomers now, how many people wait). Two statements, one
    where nothing is kept for newcomers. Call while holding the slot's lock."""
    n = Enrolment.objects.filter(slot=slot).aggregate(
        held=Count("pk", filter=Q(state__in=HOLDING)),
        new=Count("pk", filter=Q(state__in=HOLDING, newcomer=True)),
        waits=Count("pk", filter=Q(state="waiting")),
    )
    kept = max(0, slot.newcomers - n["new"])
    if kept:
        rule = rulebook.in_force((NEWCOMERS,), path=slot.shift.activity.area_path, on=local_day(at))[NEWCOMERS]
        if at >= slot.shift.starts - dt.timedelta(hours=int(rule.value)):
            kept = 0
    return max(0, slot.most - n["held"]), kept, n["waits"]


def allowed(by: Actor, how: str, people: Collection[Volunteer], slot: Slot) -> None:
    """Who may enrol whom, by which way; Forbidden (L-403)."""
    org_id = slot.shift.activity.org_id
    if how == How.SELF:
        fine = len(people) == 1 and all(v.user_id == by.user_id for v in people)
    elif how == How.PROXY:
        fine = all(by.can(Cap.KEEP_VOLUNTEERS, path=v.area_path) for v in people)
    elif how == How.TEAM:
        teams = by.org_ids(Cap.LEAD_TEAM)
        rows = Member.objects.filter(org__in=teams, valid_to=None, user__in=[v.user_id for v in people])
        fine = rows.values("user").distinct().count() == len(people)
    else:
        fine = by.can(Cap.LEAD_TEAM, org_id=org_id)
    if not (fine or by.system):
        raise Forbidden


def open_for(slot: Slot, how: str, at: dt.datetime) -> None:
    """NotOpen (L-934) says why nobody can enrol now. The organiser may until the end: people do come on the spot."""
    shift = slot.shift
    last = shift.ends if how in {How.COORDINATOR, How.IMPORT, How.WALK_IN} else shift.closes_at
    if shift.activity.state != "posted":
        raise NotOpen(why=_("the activity is not posted"))
    if shift.state != "planned":
        raise NotOpen(why=_("the shift is over or does not take place"))
    if at >= last:
        raise NotOpen(why=_("enrolling has ended"))
    if shift.opens_at is not None and at < shift.opens_at and how in {How.SELF, How.PROXY, How.TEAM}:
        raise NotOpen(why=_("enrolling has not begun"))


def pick(people: Sequence[Volunteer], slot: Slot, at: dt.datetime) -> None:
    """NotEligible (L-930) with all that is missing for the first who may not."""
    found = gates.refusals(people, slot, at=at)
    for v in people:
        if found[v.pk]:
            raise NotEligible(found[v.pk], who=v.number if len(people) > 1 else "")


def newcomers(people: Sequence[Volunteer], slot: Slot, form_key: uuid.UUID | None = None) -> set[int]:
    """Those who have not served anywhere yet. One statement; call while holding their locks.

    Raises:
        AlreadyDone (L-104), EnrolledAlready (L-933), TwoPlaces (L-932): what the database would refuse, said in words.
    """
    mine, shift = Enrolment.objects.filter(volunteer=OuterRef("pk")), slot.shift
    rows = Volunteer.objects.filter(pk__in=[v.pk for v in people]).annotate(
        again=Exists(mine.filter(form_key=form_key) if form_key else mine.none()),
        listed=Exists(mine.filter(shift=shift, state__in=LIVE)),
        busy=Exists(mine.filter(state__in=HOLDING, starts__lt=shift.ends, ends__gt=shift.starts)),
        served=Exists(mine.filter(state="attended")),
    )
    new: set[int] = set()
    for pk, again, listed, busy, served in rows.values_list("pk", "again", "listed", "busy", "served"):
        for found, error in ((again, AlreadyDone), (listed, EnrolledAlready), (busy, TwoPlaces)):
            if found:
                raise error
        if not served:
            new.add(pk)
    return new


def told(error: IntegrityError) -> Exception:
    """What the database refused, as a person can act on it."""
    text = str(error)
    for name, said in (
        ("enrolment_apart", TwoPlaces()),
        ("enrolment_form_once", AlreadyDone()),
        ("enrolment_once", EnrolledAlready()),
        ("enrolment_fits", NoPlace(free=0)),
    ):
        if name in text:
            return said
    return error


def about(s: Step, shift: Shift) -> None:
    s.about(SUBJECT, shift.pk, shift.activity.area_path)


# Enrolling ------------------------------------------------------------------------------------------------------------
def enrol(
    *,
    slot_id: int,
    people: Sequence[int],
    by: Actor,
    at: dt.datetime,
    how: str = How.SELF,
    consent: str = "",
    together: bool = False,
    wait: bool = True,
    form_key: uuid.UUID | None = None,
) -> list[Enrolment]:
    """Places in a shift for volunteers (ids), or a place in its waiting list; all of them, or nobody.

    Who asks while others wait goes behind them. Before a draw everybody waits. `together`: they come together, and wait
    together; otherwise each gets what there is. `wait`: NoPlace (L-931) instead of waiting.
    Cost: 12 statements at most, 4 of them the gates', whatever the number of people; one more where places are kept for
    newcomers, or a leader enrols members of their team.

    Raises:
        NotEligible (L-930), TwoPlaces (L-932), EnrolledAlready (L-933), NotOpen (L-934), NoPlace (L-931).
        Forbidden: may not enrol them this way (L-403). PaperMissing: how they said yes (L-103).
        AlreadyDone: the same form twice (L-104).
    """
    if how == How.PROXY and not consent.strip():
        raise PaperMissing(field="consent", paper=_("how they said yes"))
    try:
        with step("enrolment.make", by=by, at=at) as s:
            volunteers = lock_people(people)
            slot = lock_slot(slot_id)
            allowed(by, how, volunteers, slot)
            open_for(slot, how, at)
            pick(volunteers, slot, at)
            new = newcomers(volunteers, slot, form_key)
            draw = slot.shift.draw_at is not None and slot.shift.drawn_at is None and how != How.WALK_IN
            party = uuid.uuid4() if together and len(volunteers) > 1 else None
            tickets = [waiting.Ticket(i, party, v.pk in new) for i, v in enumerate(volunteers)]
            firsts = _first(slot, tickets, at, draw=draw, asks=how in {How.SELF, How.PROXY, How.TEAM})
            rows = [
                Enrolment(
                    volunteer=v, shift=slot.shift, slot=slot, org_id=slot.shift.activity.org_id,
                    area_path=slot.shift.activity.area_path, starts=slot.shift.starts, ends=slot.shift.ends, how=how,
                    by_id=by.user_id, consent=without_personal(consent.strip())[:200], party=party,
                    newcomer=v.pk in new, made_at=at, form_key=form_key, **first,
                )
                for v, first in zip(volunteers, firsts, strict=True)
            ]  # fmt: skip
            if not wait and any(r.state == "waiting" for r in rows):
                raise NoPlace(free=free(slot, at)[0])
            Enrolment.objects.bulk_create(rows)
            about(s, slot.shift)
            s.record(how=how, slot=slot.pk, places=[r.pk for r in rows], waits=sum(r.state == "waiting" for r in rows))
            s.event.after = rows[0].state
            s.defer(jobs.tell, ids=[r.pk for r in rows], news="enrolled")
    except IntegrityError as error:
        raise told(error) from error
    return rows


def _first(slot: Slot, queue: list[waiting.Ticket], at: dt.datetime, *, draw: bool, asks: bool) -> list[dict[str, Any]]:
    """The first state of each new row: it holds a place, asks for one, or waits. Call while holding the slot's lock."""
    left, kept, waits = free(slot, at)
    have: Collection[int] = ()
    if not draw and not waits:  # who waits goes first; `fill` has given them what fits
        have, _passed = waiting.turn(queue, left, kept)
    held: dict[str, Any] = {"state": "confirmed", "confirmed_at": at}
    if asks and slot.shift.activity.approval:
        held = {"state": "asked"}
    return [held if t.id in have else {"state": "waiting", "queued_at": at} for t in queue]


# The waiting list -----------------------------------------------------------------------------------------------------
def queue_of(slot: Slot) -> list[waiting.Ticket]:
    """Those who wait, in their order. One statement."""
    elsewhere = Enrolment.objects.filter(
        volunteer=OuterRef("volunteer"), state__in=HOLDING, starts__lt=slot.shift.ends, ends__gt=slot.shift.starts
    )
    rows = Enrolment.objects.filter(slot=slot, state="waiting").annotate(busy=Exists(elsewhere))
    order = rows.order_by("drawn", "queued_at", "id")  # nulls last: who came after the draw stands behind it
    return [waiting.Ticket(*row) for row in order.values_list("pk", "party", "newcomer", "busy")]


def fill(slot: Slot, at: dt.datetime, *, arrow: str = "offer") -> list[int]:
    """Give what is free to who waits: offers, or places at once after a draw. An event of the system, in the same
    transaction. Call while holding the slot's lock. At most six statements; one when nobody waits.

    Somebody who waits may be given a place elsewhere at this very moment: the database refuses one of the two, and it is
    looked at again. Left over at last, it is done by the next turn of the minute's job (`lapse`)."""
    for _try in range(3):
        try:
            with transaction.atomic():
                return _fill(slot, at, arrow)
        except (IntegrityError, OperationalError) as error:
            if not any(name in str(error) for name in ("enrolment_apart", "deadlock")):
                raise
    return []


def _fill(slot: Slot, at: dt.datetime, arrow: str) -> list[int]:
    shift = slot.shift
    if shift.state != "planned" or at >= shift.ends or (shift.draw_at is not None and shift.drawn_at is None):
        return []
    left, kept, waits = free(slot, at)
    if not waits or not left:
        return []
    ids, _passed = waiting.turn(queue_of(slot), left, kept)
    if not ids:
        return []
    inner = Step(f"enrolment.{arrow}", SYSTEM, at)
    values: dict[str, Any] = {"state": ENROLMENT.arrows[arrow].target}
    if arrow == "offer":
        rule = rulebook.in_force((OFFER,), path=shift.activity.area_path, on=local_day(at))[OFFER]
        inner.rule(rule)
        last = max(shift.starts - dt.timedelta(hours=1), at + LEAST_OFFER)
        values["offered_until"] = min(at + dt.timedelta(hours=int(rule.value)), last)
    else:
        values["confirmed_at"] = at
    Enrolment.objects.filter(pk__in=ids, state="waiting").update(**values)
    about(inner, shift)
    inner.record(slot=slot.pk, places=ids)
    inner.event.after = values["state"]
    inner.defer(jobs.tell, ids=ids, news=values["state"])
    inner.close()
    return ids


def draw(*, shift_id: int, at: dt.datetime) -> list[int]:
    """Draw the places of a shift among all who asked: the seed, sealed until now, is published with the order. Whoever
    is left waits in that order. Returns the tickets in the order drawn. Raises WrongState (L-101)."""
    with step("shift.draw", by=SYSTEM, at=at) as s:
        shift = lock_shift(s, shift_id)
        slots = lock_slots(shift)
        if shift.draw_at is None or shift.drawn_at is not None or at < shift.draw_at or shift.state != "planned":
            raise WrongState
        seed = vault.open_bytes(SEALED, shift.draw_seed)
        rows = {e.pk: e for e in Enrolment.objects.filter(shift=shift, state="waiting")}
        order = waiting.drawn(seed, rows)
        for place, pk in enumerate(order, 1):
            rows[pk].drawn = place
        Enrolment.objects.bulk_update(rows.values(), ["drawn"], batch_size=1000)
        shift.draw_seed, shift.drawn_at = seed.hex(), at
        shift.save(update_fields=["draw_seed", "drawn_at"])
        about(s, shift)
        s.record(shift, public=True, seed=seed.hex(), mark=shift.draw_mark, tickets=len(order))
        for slot in slots:
            fill(slot, at, arrow="draw")
    return order


# One's own place ------------------------------------------------------------------------------------------------------
def _locked(s: Step, enrolment_id: int, *others: int) -> tuple[Enrolment, Slot]:
    """An enrolment the actor may see, with its volunteer and slot locked before it; NotFound (L-404)."""
    row = Enrolment.objects.visible_to(s.by).filter(pk=enrolment_id).values_list("volunteer_id", "slot_id").first()
    if row is None:
        raise NotFound
    lock_people([row[0], *others])
    slot = lock_slot(row[1])
    e = Enrolment.objects.select_for_update(of=("self",)).select_related("volunteer__record").get(pk=enrolment_id)
    e.shift = slot.shift
    about(s, slot.shift)
    return e, slot


def own(s: Step, e: Enrolment) -> None:
    """Forbidden (L-403) unless it is the actor's own place, or they lead the activity, or keep the volunteer: who was
    enrolled at their word by a worker says to a worker, too, that they cannot come."""
    leads = s.by.can(Cap.LEAD_TEAM, org_id=e.org_id)
    keeps = s.by.can(Cap.KEEP_VOLUNTEERS, path=e.volunteer.area_path)
    if not (s.by.system or e.volunteer.user_id == s.by.user_id or leads or keeps):
        raise Forbidden


def withdraw(*, enrolment_id: int, by: Actor, at: dt.datetime, reason: str) -> Enrolment:
    """Give the place back, with notice (志愿服务条例 art. 22); it goes to the next in line in the same transaction. Who
    comes in a party leaves alone. Later than the rule asks, it says so in the record, and no more."""
    with step("enrolment.withdraw", by=by, at=at) as s:
        e, slot = _locked(s, enrolment_id)
        own(s, e)
        if at >= e.ends:
            raise WrongState
        rule = rulebook.in_force((NOTICE,), path=e.area_path, on=local_day(at))[NOTICE]
        held = e.state in HOLDING
        e.ended_at, e.reason = at, without_personal(reason.strip())[:200]
        s.move(e, ENROLMENT, "withdraw", reason=e.reason, save=("ended_at", "reason"))
        s.rule(rule)
        s.record(late=held and at > e.starts - dt.timedelta(hours=int(rule.value)))
        if held:
            fill(slot, at)
    return e


def accept(*, enrolment_id: int, by: Actor, at: dt.datetime) -> Enrolment:
    """Take the place that is offered. What a shift asks for is asked once more. Raises OfferOver (L-935), NotEligible."""
    with step("enrolment.accept", by=by, at=at) as s:
        e, slot = _locked(s, enrolment_id)
        own(s, e)
        if e.state == "lapsed" or (e.offered_until is not None and at > e.offered_until):
            raise OfferOver
        pick([e.volunteer], slot, at)
        e.confirmed_at = at
        s.move(e, ENROLMENT, "accept", save=("confirmed_at",))
        s.defer(jobs.tell, ids=[e.pk], news="confirmed")
    return e


def decline(*, enrolment_id: int, by: Actor, at: dt.datetime) -> Enrolment:
    """Let the offer go to the next in line."""
    with step("enrolment.decline", by=by, at=at) as s:
        e, slot = _locked(s, enrolment_id)
        own(s, e)
        e.ended_at = at
        s.move(e, ENROLMENT, "decline", save=("ended_at",))
        fill(slot, at)
    return e


def lapse(*, slot_id: int, at: dt.datetime) -> list[int]:
    """Offers of a slot whose time is over go to the next in line; what is no longer kept for newcomers, too."""
    with transaction.atomic():
        slot = lock_slot(slot_id)
        over = list(
            Enrolment.objects.filter(slot=slot, state="offered", offered_until__lt=at).values_list("pk", flat=True)
        )
        if over:
            s = Step("enrolment.lapse", SYSTEM, at)
            Enrolment.objects.filter(pk__in=over).update(state=ENROLMENT.arrows["lapse"].target, ended_at=at)
            about(s, slot.shift)
            s.record(slot=slot.pk, places=over)
            s.defer(jobs.tell, ids=over, news="lapsed")
            s.close()
        fill(slot, at)
    return over


# The organiser's word -------------------------------------------------------------------------------------------------
def admit(*, enrolment_id: int, by: Actor, at: dt.datetime) -> Enrolment:
    """Say yes to who asked."""
    with step("enrolment.admit", by=by, at=at) as s:
        e, slot = _locked(s, enrolment_id)
        pick([e.volunteer], slot, at)
        e.confirmed_at = at
        s.move(e, ENROLMENT, "admit", save=("confirmed_at",))
        s.defer(jobs.tell, ids=[e.pk], news="confirmed")
    return e


def refuse(*, enrolment_id: int, by: Actor, at: dt.datetime, reason: str) -> Enrolment:
    """Say no to who asked or waits, with a reason they read."""
    with step("enrolment.refuse", by=by, at=at) as s:
        e, slot = _locked(s, enrolment_id)
        held = e.state in HOLDING
        e.ended_at, e.reason = at, without_personal(reason.strip())[:200]
        s.move(e, ENROLMENT, "refuse", reason=e.reason, save=("ended_at", "reason"))
        s.defer(jobs.tell, ids=[e.pk], news="refused")
        if held:
            fill(slot, at)
    return e


# Passing on -----------------------------------------------------------------------------------------------------------
def pass_on(*, enrolment_id: int, number: str, by: Actor, at: dt.datetime) -> Enrolment:
    """Ask somebody, by their volunteer number, to come instead. The place stays one's own until they say yes. An empty
    number takes the question back."""
    with step("enrolment.pass_on", by=by, at=at) as s:
        e, _slot = _locked(s, enrolment_id)
        if e.volunteer.user_id != by.user_id:
            raise Forbidden
        if e.state != "confirmed" or at >= e.starts:
            raise WrongState
        e.passes_to = None
        if number.strip():
            e.passes_to = Volunteer.objects.filter(number=number.strip().upper(), state="verified").first()
            if e.passes_to is None or e.passes_to_id == e.volunteer_id:
                raise NoSuchVolunteer(field="number")
            s.defer(jobs.tell, ids=[e.pk], news="passed_on")
        e.save(update_fields=["passes_to"])
        s.record(e, asked=e.passes_to is not None)
    return e


def take_over(*, enrolment_id: int, by: Actor, at: dt.datetime) -> Enrolment:
    """Come instead of who asked: their place is given back and taken in one transaction, so nobody is between.

    Raises NotEligible (L-930), TwoPlaces (L-932), EnrolledAlready (L-933)."""
    asked = Enrolment.objects.filter(pk=enrolment_id, passes_to__user=by.user_id).values_list(
        "volunteer_id", "passes_to_id", "slot_id"
    )
    ids = asked.first() if by.user_id is not None else None
    if ids is None:
        raise NotFound
    try:
        with step("enrolment.take_over", by=by, at=at) as s:
            lock_people(ids[:2])
            slot = lock_slot(ids[2])
            old = Enrolment.objects.select_for_update().get(pk=enrolment_id)
            if old.state != "confirmed" or old.passes_to_id != ids[1] or at >= old.starts:
                raise WrongState
            me = Volunteer.objects.select_related("record").get(pk=ids[1])
            pick([me], slot, at)
            old.ended_at, old.reason = at, _("Passed on.")
            s.move(old, ENROLMENT, "withdraw", reason=old.reason, save=("ended_at", "reason"))
            made = Enrolment.objects.create(
                volunteer=me, shift=slot.shift, slot=slot, org_id=old.org_id, area_path=old.area_path, starts=old.starts,
                ends=old.ends, state="confirmed", how=How.SWAP, by_id=by.user_id, newcomer=bool(newcomers([me], slot)),
                made_at=at, confirmed_at=at,
            )  # fmt: skip
            about(s, slot.shift)
            s.record(made, instead_of=old.pk)
            s.event.after = "confirmed"
            s.defer(jobs.tell, ids=[old.pk, made.pk], news="taken_over")
    except IntegrityError as error:
        raise told(error) from error
    return made


# When a shift falls away or begins ------------------------------------------------------------------------------------
def let_go(s: Step, shift: Shift, arrow: str, reason: str = "") -> list[int]:
    """All who hold a place or wait lose it because the shift does not take place (`cancel`), or those who have none when
    it is over (`unmet`); they are told. One event of the system's for all of them, in the caller's transaction. Call while
    holding the locks of the shift and its slots. Returns the enrolments."""
    rows = Enrolment.objects.filter(shift=shift, state__in=ENROLMENT.arrows[arrow].sources)
    ids = list(rows.select_for_update().order_by("id").values_list("pk", flat=True))
    if ids:
        inner = Step(f"enrolment.{arrow}", SYSTEM, s.at)
        target = ENROLMENT.arrows[arrow].target
        Enrolment.objects.filter(pk__in=ids).update(state=target, ended_at=s.at, reason=reason)
        about(inner, shift)
        inner.record(shift, places=ids)
        inner.event.after = target
        inner.defer(jobs.tell, ids=ids, news=target)
        inner.close()
    return ids


def give_back(s: Step, volunteer: Volunteer, reason: str) -> list[int]:
    """All that lies ahead of somebody who stops: each place goes to the next in line, and the leaders are told. Events of
    the system's, in the caller's transaction. Call while holding the volunteer's lock; the slots are locked shift by shift,
    as by who cancels many shifts. Returns the enrolments."""
    ahead = Enrolment.objects.filter(volunteer=volunteer, ends__gt=s.at, state__in=AHEAD)
    given: list[int] = []
    for slot_id in list(ahead.order_by("shift_id", "slot_id").values_list("slot_id", flat=True)):
        slot = lock_slot(slot_id)
        e = ahead.filter(slot=slot).select_for_update(of=("self",)).first()
        if e is None:  # the shift was cancelled while we waited for it
            continue
        arrow = "decline" if e.state == "offered" else "withdraw"
        inner, held = Step(f"enrolment.{arrow}", SYSTEM, s.at), e.state in HOLDING
        e.ended_at, e.reason = s.at, reason
        papers = {"reason": reason} if arrow == "withdraw" else {}
        inner.move(e, ENROLMENT, arrow, save=("ended_at", "reason"), **papers)
        about(inner, slot.shift)
        inner.close()
        given.append(e.pk)
        if held:
            fill(slot, s.at)
    if given:
        s.defer(jobs.tell, ids=given, news="given_back")
    return given

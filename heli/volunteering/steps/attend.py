"""Coming and leaving, as evidence. One step for the code on the leader's phone, the kiosk, a leader's list (kept without
a network and sent later), a paper sheet and the office; each scan says by which of them, and that decides its grade.

Where somebody stood is compared here and dropped: a yes or no and a band of distance stay.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.ledger import steps as ledger
from heli.ledger.models import Grade
from heli.ledger.steps import Line, Opening
from heli.loop.clocks import local_day
from heli.places.outlines import apart
from heli.rulebook import queries as rulebook
from heli.volunteering import codes, jobs
from heli.volunteering.errors import CodeOver, NotNow, StillOpen, WrongPin
from heli.volunteering.models import Enrolment, Scan, Shift, Slot
from heli.volunteering.models.enrolments import Band, Means
from heli.volunteering.states import ENROLMENT, SHIFT
from heli.volunteering.steps import enrol
from heli.volunteering.steps.enrol import about

SOURCE = "volunteering.enrolment"
EARLY, LATE = "volunteering.check_in.early", "volunteering.check_in.late"
AROUND = 500  # metres: beyond `near`, what a band of distance calls "around"
BY_LEADER = frozenset({Means.LEADER, Means.PAPER, Means.OFFICE})


@dataclass(frozen=True, slots=True)
class Seen:
    """One arrival or departure as somebody saw it. `at`: by the device; `nonce`: the same when it is sent again;
    `point`: (lat, lon) in WGS-84, compared and dropped."""

    enrolment_id: int
    at: dt.datetime
    means: str
    nonce: uuid.UUID
    out: bool = False
    device: str = ""
    point: tuple[float, float] | None = None
    offline: bool = False
    paper: uuid.UUID | None = None
    reason: str = ""


def band(shift: Shift, point: tuple[float, float] | None) -> tuple[bool | None, str]:
    """(inside the fence, band of distance) of a point; nothing where no fence was set or no place is known."""
    activity = shift.activity
    if point is None or shift.fence is None or activity.lat is None or activity.lon is None:
        return None, ""
    away = 1000 * apart(point[0], point[1], activity.lat, activity.lon)
    inside = away <= shift.fence
    return inside, Band.NEAR if inside else Band.AROUND if away <= AROUND else Band.FAR


def device_mark(device: str) -> bytes | None:
    """A keyed mark of a device's own random name: says that two scans came from one device, and nothing else."""
    return vault.blind("device", device)[:16] if device else None


def window(shift: Shift, at: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """From when until when somebody may be checked in or out. One statement."""
    found = rulebook.in_force((EARLY, LATE), path=shift.activity.area_path, on=local_day(at))
    early, late = (dt.timedelta(minutes=int(found[k].value)) for k in (EARLY, LATE))
    return shift.starts - early, shift.ends + late


def see(
    *, shift_id: int, seen: Sequence[Seen], by: Actor, at: dt.datetime, pin: str = "", code: str = ""
) -> list[Scan]:
    """People came or left: one of them with their own phone (`code` of the moment), several at the kiosk (`pin`) or from
    the leader's list. What was sent before (`nonce`) is passed over. Returns the new scans.

    Cost: 8 statements, whatever the number.

    Raises:
        CodeOver (L-937), WrongPin (L-938), NotNow (L-939), WrongState (L-101), Forbidden (L-403).
        PaperMissing: who enters later says why, a paper sheet has its photo (L-103).
    """
    with step("shift.see", by=by, at=at) as s:
        wanted = [x.enrolment_id for x in seen]
        # who was marked absent takes a place again, which the database counts under its slot's lock: slots come first
        missed = Enrolment.objects.filter(shift=shift_id, pk__in=wanted, state="absent")
        list(Slot.objects.select_for_update(no_key=True).filter(pk__in=missed.values("slot")).order_by("id"))
        rows = Enrolment.objects.select_for_update(of=("self",)).select_related("volunteer")
        people = {e.pk: e for e in rows.filter(shift=shift_id, pk__in=wanted).order_by("id")}
        # read after the locks: a shift that was closed while this waited is closed
        shift = Shift.objects.select_related("activity").filter(pk=shift_id).first()
        if shift is None or len(people) != len(set(wanted)):
            raise NotFound
        _allowed(s, shift, seen, people, pin=pin, code=code)
        first, last = window(shift, at)
        known = set(Scan.objects.filter(nonce__in=[x.nonce for x in seen]).values_list("nonce", flat=True))
        new: list[Scan] = []
        for x in seen:
            if x.nonce in known:
                continue
            known.add(x.nonce)
            e = people[x.enrolment_id]
            if e.state not in {"confirmed", "attended", "absent"} or shift.state != "planned":
                raise WrongState
            if not first <= x.at <= last or x.at > at + dt.timedelta(minutes=5):
                raise NotNow(starts=_clock(shift.starts), ends=_clock(shift.ends))
            if x.means == Means.PAPER and x.paper is None:
                raise PaperMissing(field="paper", paper=_("the photo of the signed sheet"))
            if x.means == Means.LEADER and at > last and not x.offline:
                raise PaperMissing(field="reason", paper=_("why it is entered later"))  # that is the office's word
            if x.means == Means.OFFICE and not x.reason.strip():
                raise PaperMissing(field="reason", paper=_("why it is entered later"))
            inside, far = band(shift, x.point)
            new.append(
                Scan(
                    enrolment=e, out=x.out, at=x.at, received_at=at, means=x.means, nonce=x.nonce,
                    device=device_mark(x.device), inside=inside, band=far, offline=x.offline, paper=x.paper,
                    by_id=by.user_id, reason=without_personal(x.reason.strip())[:200],
                )
            )  # fmt: skip
        Scan.objects.bulk_create(new)
        came = [e for e in {n.enrolment_id: people[n.enrolment_id] for n in new}.values() if e.state != "attended"]
        if came:
            Enrolment.objects.filter(pk__in=[e.pk for e in came]).update(state=ENROLMENT.arrows["attend"].target)
        about(s, shift)
        s.record(means=sorted({x.means for x in seen}), new=len(new), out=sum(n.out for n in new))
        if len(new) == 1:
            s.record(new[0])
    return new


def _allowed(s: Step, shift: Shift, seen: Sequence[Seen], people: dict[int, Enrolment], *, pin: str, code: str) -> None:
    """Whether this actor may say so, by this means."""
    means = {x.means for x in seen}
    if s.by.system:
        return
    if means <= BY_LEADER:
        s.require(Cap.LEAD_TEAM, org_id=shift.activity.org_id)
    elif means == {Means.KIOSK}:
        if not pin or pin != codes.pin_of(shift):
            raise WrongPin(field="pin")
    elif means == {Means.QR}:
        if any(people[x.enrolment_id].volunteer.user_id != s.by.user_id for x in seen):
            raise Forbidden
        if not codes.fits(shift, code, s.at):
            raise CodeOver
    else:
        raise Invalid(_("Choose one way of checking in."), field="means")


def _clock(at: dt.datetime) -> str:
    return f"{timezone.localtime(at):%m-%d %H:%M}"


def miss(*, enrolment_id: int, by: Actor, at: dt.datetime, reason: str) -> Enrolment:
    """They did not come, as far as the leader knows; the person reads it and may answer. Not before it began."""
    with step("enrolment.miss", by=by, at=at) as s:
        e = s.lock(Enrolment, enrolment_id, related=("shift__activity",))
        if at < e.starts:
            raise WrongState
        e.reason = without_personal(reason.strip())[:200]
        s.move(e, ENROLMENT, "miss", reason=e.reason, save=("reason",))
        about(s, e.shift)
        s.defer(jobs.tell, ids=[e.pk], news="missed")
    return e


def answer(*, enrolment_id: int, by: Actor, at: dt.datetime, words: str) -> Enrolment:
    """What who did not come says to it: stands beside it. Only they may."""
    with step("enrolment.answer", by=by, at=at) as s:
        e = s.lock(Enrolment, enrolment_id, related=("shift__activity", "volunteer"))
        if e.volunteer.user_id != by.user_id:
            raise Forbidden
        if e.state != "absent":
            raise WrongState
        e.answer = without_personal(words.strip())[:200]
        if not e.answer:
            raise PaperMissing(field="words", paper=_("your answer"))
        e.save(update_fields=["answer"])
        about(s, e.shift)
        s.record(e, answered=True)
    return e


def periods(scans: Iterable[Scan]) -> list[tuple[dt.datetime, dt.datetime]]:
    """From which time until which somebody was there, by their scans; each arrival up to the next departure. What has no
    departure is not in it."""
    found: list[tuple[dt.datetime, dt.datetime]] = []
    came: dt.datetime | None = None
    for scan in sorted(scans, key=lambda x: (x.at, x.out)):
        if not scan.out:
            came = came or scan.at
        elif came is not None:
            if scan.at > came:
                found.append((came, scan.at))
            came = None
    return found


GRADES = {  # what a check-in is worth as evidence; of several the weakest counts
    Means.QR: Grade.SCAN,
    Means.KIOSK: Grade.KIOSK,
    Means.LEADER: Grade.LEADER,
    Means.PAPER: Grade.PAPER,
    Means.OFFICE: Grade.ADMIN,
}
STRONG = list(Grade.values)  # the strongest first


def close(*, shift_id: int, by: Actor, at: dt.datetime, record: bool = True) -> Shift:
    """Who was there is settled: nobody is left between, nobody is in without having left. Who had no place is told.

    Hours go to the ledger in the same transaction, planned and checked apart; with `record` they are put forward for
    approval at once (one's own are left to somebody else). Cost: 10 statements, and those of the ledger (12 at most).

    Raises: StillOpen (L-940), WrongState (L-101), and what the ledger refuses.
    """
    with step("shift.close", by=by, at=at) as s:
        shift = enrol.lock_shift(s, shift_id)
        if at < shift.starts:
            raise WrongState
        enrol.lock_slots(shift)
        rows = Enrolment.objects.select_for_update(of=("self",)).filter(
            shift=shift, state__in=("confirmed", "attended", "absent")
        )
        found = list(rows.select_related("volunteer", "slot__role").prefetch_related("scans").order_by("id"))
        people = [e for e in found if e.state != "absent"]
        open_ = [e for e in people if e.state == "confirmed" or _inside(e)]
        if open_:
            raise StillOpen(n=len(open_))
        enrol.let_go(s, shift, "unmet")
        shift.ended_at = at
        s.move(shift, SHIFT, "close", save=("ended_at",))
        about(s, shift)
        s.record(shift, served=len(people))
        if people:
            _hours(s, shift, people, record=record)
    return shift


def _hours(s: Step, shift: Shift, people: Sequence[Any], *, record: bool) -> None:
    """What each served, as the ledger keeps it."""
    activity, of_shift = shift.activity, _shift_facts(shift, people)
    services = ledger.open_services(s, SOURCE, [_opening(e, activity, _facts(e) | of_shift) for e in people])
    lines = []
    for e, service in zip(people, services, strict=True):
        there = periods(e.scans.all())
        minutes = sum(int((b - a).total_seconds() // 60) for a, b in there)
        if minutes:
            grade = max((GRADES[Means(x.means)] for x in e.scans.all()), key=STRONG.index)
            line = Line(service_id=service.pk, minutes=minutes, starts=there[0][0], ends=there[-1][1], grade=grade)
            lines.append((e, line))
    seen = [line for e, line in lines if e.volunteer.user_id != s.by.user_id or line.grade in ledger.ON_THE_SPOT]
    if seen:
        ledger.attend(s, seen)
    if record and s.by.can(Cap.RECORD_HOURS, org_id=activity.org_id):
        ready = [_credit(line, shift) for e, line in lines if e.volunteer.user_id != s.by.user_id]
        if ready := [line for line in ready if line.minutes]:
            ledger.approve(s, ready)


def _opening(e: Any, activity: Any, facts: dict[str, Any]) -> Opening:
    return Opening(
        source_id=e.pk, user_id=e.volunteer.user_id, org_id=e.org_id, area_path=e.area_path, title=activity.title,
        content=f"{e.slot.role.name}：{e.slot.role.duty or activity.content}"[:300], place=activity.place,
        field=activity.field, leader_id=activity.leader_id, starts=e.starts, ends=e.ends, enrolled_at=e.made_at,
        facts=facts,
    )  # fmt: skip


def opening_of(enrolment_id: int, by: Actor) -> Opening:
    """Hours of somebody who was marked absent and says that they were there; NotFound (L-404) for others' enrolments."""
    rows = Enrolment.objects.select_related("volunteer", "slot__role", "shift__activity").prefetch_related("scans")
    e = rows.filter(pk=enrolment_id, volunteer__user=by.user_id, state="absent").first() if by.user_id else None
    if e is None:
        raise NotFound
    return _opening(e, e.shift.activity, _facts(e) | {"shift": e.shift_id, "emergency": e.shift.emergency})


def _credit(line: Line, shift: Shift) -> Line:
    """What is put forward: the time there, from the planned start on. Who comes early waits, and does not serve."""
    starts = max(line.starts or shift.starts, shift.starts)
    ends = max(line.ends or shift.ends, starts)
    length = int((ends - starts).total_seconds() // 60)
    return Line(service_id=line.service_id, minutes=min(line.minutes, length), starts=starts, ends=ends)


def _facts(e: Any) -> dict[str, Any]:
    """What the rules of doubt look at; nothing that says who or where somebody is. `phones`: [mark, minute] of scans on
    one's own phone; a kiosk's and a leader's device are everybody's and not among them."""
    scans = list(e.scans.all())
    return {
        "how": e.how,
        "means": sorted({x.means for x in scans}),
        "devices": sorted({bytes(x.device).hex() for x in scans if x.device}),
        "phones": sorted(
            [bytes(x.device).hex(), int(x.at.timestamp() // 60)] for x in scans if x.device and x.means == Means.QR
        ),
        "bands": sorted({x.band for x in scans if x.band}),
        "by": sorted({x.by_id for x in scans if x.by_id is not None}),
        "offline": any(x.offline for x in scans),
    }


def _shift_facts(shift: Shift, people: Sequence[Any]) -> dict[str, Any]:
    """The same of the shift: its places, how many were enrolled before it began, and the venue to within 100 m."""
    activity = shift.activity
    facts: dict[str, Any] = {
        "shift": shift.pk,
        "emergency": shift.emergency,
        "places": sum({e.slot_id: e.slot.most for e in people}.values()),
        "enrolled": sum(e.made_at < shift.starts for e in people),
    }
    if activity.lat is not None and activity.lon is not None:
        facts |= {"lat": round(activity.lat, 3), "lon": round(activity.lon, 3)}
    return facts


def _inside(e: Any) -> bool:
    """Came and has not left."""
    last = max(e.scans.all(), key=lambda x: (x.at, x.out), default=None)
    return last is None or not last.out

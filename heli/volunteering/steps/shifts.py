"""When an activity takes place: single shifts, series, moving and cancelling, places of a shift.

Shifts are never dated back. People move with their shift, or not at all: the database refuses to put somebody in two
places, and then nothing is moved.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.translation import gettext as _

from heli.core import vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.workdays import CHINA
from heli.loop.clocks import local_day
from heli.loop.steps.hear import by_staff
from heli.volunteering import activity_errors as errors
from heli.volunteering import jobs, series
from heli.volunteering.models import Activity, Enrolment, Role, Series, Shift, Slot
from heli.volunteering.models.activities import LATE
from heli.volunteering.states import HOLDING, LIVE, SHIFT
from heli.volunteering.steps.enrol import fill, let_go, lock_shift, lock_slots
from heli.volunteering.steps.roles import put_slots
from heli.volunteering.steps.shared import UNIT, about, follow_up, lock_activity, rules, wrote

AHEAD, LONGEST, MOST = "activity.ahead", "activity.series_longest", "activity.series_most"
DAY = dt.timedelta(days=1)
TAKEN: Any = Enrolment.objects.filter(shift=OuterRef("pk"), state__in=LIVE)
OPEN = ("draft", "review", "posted")


@dataclass(frozen=True, slots=True)
class Times:
    """A shift as it is written down. Without `closes_at` enrolling ends when it begins."""

    starts: dt.datetime
    ends: dt.datetime
    opens_at: dt.datetime | None = None
    closes_at: dt.datetime | None = None
    draw_at: dt.datetime | None = None
    fence: int | None = None
    note: str = ""


# Making them ----------------------------------------------------------------------------------------------------------
def _checked(s: Step, activity: Activity, times: Times) -> None:
    """Raises DatedBack (L-443), Invalid (L-400)."""
    if times.starts <= (s.at - LATE if activity.emergency else s.at):
        raise errors.DatedBack(field="starts")
    if not dt.timedelta(minutes=15) <= times.ends - times.starts <= DAY:
        raise Invalid(_("A shift lasts from a quarter of an hour to a day."), field="ends")
    if times.closes_at is not None and times.closes_at > times.ends:
        raise Invalid(_("Enrolling ends before the shift does."), field="closes_at")
    last = times.closes_at or times.starts
    if times.opens_at is not None and times.opens_at >= last:
        raise Invalid(_("Enrolling begins before it ends."), field="opens_at")
    if times.draw_at is not None and not s.at < times.draw_at < times.starts:
        raise Invalid(_("Places are drawn before the shift begins."), field="draw_at")
    if times.fence is not None and (activity.lat is None or not 20 <= times.fence <= 5000):
        raise Invalid(_("A fence of 20 to 5,000 metres needs a point on the map."), field="fence")


def _new(
    activity: Activity, times: Times, at: dt.datetime, of: Series | None = None, day: dt.date | None = None
) -> Shift:
    """A shift with its secrets, not saved. The seed of a draw is fixed now, and its mark can be read by everybody before
    the first one asks: who draws cannot choose."""
    seed = os.urandom(32) if times.draw_at is not None else None
    return Shift(
        activity=activity, series=of, day=day, starts=times.starts, ends=times.ends, emergency=activity.emergency,
        made_at=at, opens_at=times.opens_at, closes_at=times.closes_at or times.starts, draw_at=times.draw_at,
        draw_mark=hashlib.sha256(seed).hexdigest() if seed is not None else "",
        draw_seed=vault.seal_bytes("shift", seed) if seed is not None else "",
        secret=vault.seal_bytes("shift", os.urandom(20)),
        pin=vault.seal_bytes("shift", f"{secrets.randbelow(10**6):06d}".encode()),
        fence=times.fence, note=by_staff(times.note, 200),
    )  # fmt: skip


def _roles(activity: Activity) -> list[Role]:
    return list(activity.roles.filter(ended=False).order_by("id"))


def _put(activity: Activity, shifts: list[Shift]) -> list[Shift]:
    """Shifts with their places. Three statements, whatever their number."""
    made = Shift.objects.bulk_create(shifts)
    put_slots(made, _roles(activity))
    return made


def lock_open(s: Step, activity_id: int) -> Activity:
    """An activity of one's own that is not over, locked. What changes a draft's times is written by the actor."""
    activity = lock_activity(s, activity_id)
    s.allow(activity, Cap.LEAD_TEAM, UNIT)
    if activity.state not in OPEN or activity.template:
        raise WrongState
    wrote(s, activity)
    return activity


def add_shift(*, activity_id: int, times: Times, by: Actor, at: dt.datetime) -> Shift:
    """One time more. Raises DatedBack (L-443), Invalid (L-400), WrongState (L-101)."""
    with step("shift.add", by=by, at=at) as s:
        activity = lock_open(s, activity_id)
        _checked(s, activity, times)
        shift = _put(activity, [_new(activity, times, at)])[0]
        s.record(shift, starts=times.starts.isoformat(), public=activity.state == "posted")
    return shift


# Series ---------------------------------------------------------------------------------------------------------------
def planned(
    rule: str, first: dt.datetime, until: dt.date, *, longest: int, most: int, limit_words: str = ""
) -> dict[dt.date, dt.datetime]:
    """{day: start} of a whole series. Raises BadSeries (L-444), TooLongAhead (L-446), TooManyShifts (L-445), NobodyLeft
    (L-447). Pure."""
    if until > local_day(first) + dt.timedelta(days=longest - 1):
        raise errors.TooLongAhead(limit=limit_words or longest, field="until")
    try:
        found = series.starts(rule, first, until, most=most)
    except (series.BadRule, ValueError) as error:
        raise errors.BadSeries(field="rule") from error
    if not found:
        raise errors.NobodyLeft(field="until")
    if len(found) > most:
        raise errors.TooManyShifts(limit=most, field="until")
    return found


def preview(
    activity: Activity, rule: str, first: dt.datetime, until: dt.date, at: dt.datetime
) -> dict[dt.date, dt.datetime]:
    """What a series would make, by the rules here and now. One statement; raises as `planned`."""
    found = rules(activity.area_path, (LONGEST, MOST), at)
    return planned(
        rule,
        first,
        until,
        longest=int(found[LONGEST].value),
        most=int(found[MOST].value),
        limit_words=found[LONGEST].words,
    )


def add_series(
    *, activity_id: int, rule: str, first: dt.datetime, minutes: int, until: dt.date, by: Actor, at: dt.datetime,
) -> Series:  # fmt: skip
    """Shifts that come again. Those of the rule's days ahead are made now, the others by the daily job.

    Raises DatedBack (L-443), Invalid (L-400), and as `planned`.
    """
    with step("series.add", by=by, at=at) as s:
        activity = lock_open(s, activity_id)
        length = dt.timedelta(minutes=minutes)
        _checked(s, activity, Times(first, first + length))
        days = preview(activity, rule, first, until, at)
        made = Series.objects.create(
            activity=activity, rule=series.checked(rule), first=first, minutes=minutes, until=until
        )
        n = _make(s, activity, made, days)
        s.record(made, rule=made.rule, shifts=n, of=len(days), public=activity.state == "posted")
    return made


def _make(s: Step, activity: Activity, of: Series, days: dict[dt.date, dt.datetime] | None = None) -> int:
    """The shifts of the days ahead that there are none of yet; returns how many. Call while holding the activity's lock."""
    found = rules(activity.area_path, (AHEAD, MOST), s.at)
    s.rule(*found.values())
    to = min(of.until, local_day(s.at) + dt.timedelta(days=int(found[AHEAD].value)))
    if days is None:
        days = series.starts(of.rule, of.first, of.until, most=int(found[MOST].value))
    have = set(Shift.objects.filter(series=of).values_list("day", flat=True))
    wanted = [(d, t) for d, t in days.items() if d <= to and d not in have and t > s.at]
    length = dt.timedelta(minutes=of.minutes)
    made = _put(activity, [_new(activity, Times(t, t + length), s.at, of, d) for d, t in wanted]) if wanted else []
    of.made_to = to
    of.save(update_fields=["made_to"])
    return len(made)


def make_ahead(*, at: dt.datetime) -> int:
    """Every day: shifts of all series of posted activities as far ahead as the rule says. Each series in its own
    transaction; one that cannot be made now is met again tomorrow. Returns how many shifts."""
    behind = Series.objects.filter(Q(made_to=None) | Q(made_to__lt=F("until")), ended=False, activity__state="posted")
    n = 0
    for pk, activity_id in list(behind.order_by("id").values_list("pk", "activity")):
        try:
            with step("series.make", by=SYSTEM, at=at) as s:
                activity = lock_activity(s, activity_id)
                of = Series.objects.filter(pk=pk, ended=False).first()
                if of is None or activity.state != "posted" or not (made := _make(s, activity, of)):
                    raise WrongState  # nothing happens: no event
                about(s, activity)
                s.record(of, shifts=made)
                n += made
        except HeliError:
            continue
    return n


@dataclass(frozen=True, slots=True)
class Changed:
    """What an edit of a series did. `stayed`: shifts that keep their time though the rule says otherwise."""

    made: int
    moved: int
    dropped: int
    stayed: tuple[Shift, ...]


def change_series(
    *,
    series_id: int,
    since: dt.date,
    rule: str,
    begins: dt.time,
    minutes: int,
    until: dt.date,
    by: Actor,
    at: dt.datetime,
) -> Changed:
    """Another rule, time or end from a day on. What was changed by hand stays; so does a day on which people are enrolled
    and which the new rule does not have, or at whose new time one of them would be in two places. People who move are
    told. Raises as `add_series`."""
    with step("series.change", by=by, at=at) as s:
        activity = lock_open(s, _series_activity(s, series_id))
        of = Series.objects.get(pk=series_id)
        if of.ended or since <= local_day(at):
            raise Invalid(_("Change it from a day to come, before its end."), field="since")
        first = dt.datetime.combine(since, begins, tzinfo=CHINA)
        _checked(s, activity, Times(first, first + dt.timedelta(minutes=minutes)))
        wanted = preview(activity, rule, first, until, at)
        _until(s, activity, of, since - DAY)
        rows = {x.pk: x for x in _from(of, since)}
        there = [
            series.There(x.pk, x.day, x.starts, x.ends, x.by_hand or x.state != "planned", x.taken)
            for x in rows.values()
            if x.day is not None
        ]
        plan = series.change(there, wanted, minutes)
        of.rule, of.first, of.minutes, of.until = series.checked(rule), first, minutes, until
        of.save(update_fields=["rule", "first", "minutes", "until"])
        length = dt.timedelta(minutes=minutes)
        stayed = [rows[pk] for pk in plan.stay if rows[pk].state == "planned"]
        moved = 0
        for pk, new in plan.move:
            try:
                with transaction.atomic():
                    _move(s, rows[pk], new, new + length)
                moved += 1
            except errors.PeopleElsewhere:
                stayed.append(Shift.objects.get(pk=pk))
        dropped = _drop(s, activity, [rows[pk] for pk in plan.drop])
        made = _make(s, activity, of, dict(sorted(wanted.items())))
        s.record(
            of, rule=of.rule, since=since.isoformat(), made=made, moved=moved, dropped=dropped, stayed=[x.pk for x in stayed],
            public=activity.state == "posted",
        )  # fmt: skip
    return Changed(made, moved, dropped, tuple(sorted(stayed, key=lambda x: x.starts)))


def end_series(*, series_id: int, since: dt.date, by: Actor, at: dt.datetime) -> Changed:
    """No shift from a day on, save those changed by hand and those with people: cancel these one by one."""
    with step("series.end", by=by, at=at) as s:
        activity = lock_open(s, _series_activity(s, series_id))
        of = Series.objects.get(pk=series_id)
        if of.ended or since <= local_day(at):
            raise Invalid(_("End it from a day to come."), field="since")
        _until(s, activity, of, since - DAY)
        rows = [x for x in _from(of, since) if x.state == "planned"]
        dropped = _drop(s, activity, [x for x in rows if not (x.by_hand or x.taken)])
        of.until, of.ended = min(of.until, since - DAY), True
        of.save(update_fields=["until", "ended"])
        stayed = tuple(x for x in rows if x.by_hand or x.taken)
        s.record(of, since=since.isoformat(), dropped=dropped, stayed=[x.pk for x in stayed])
    return Changed(0, 0, dropped, stayed)


def _series_activity(s: Step, series_id: int) -> int:
    found = Series.objects.filter(pk=series_id, activity__in=Activity.objects.visible_to(s.by))
    if (row := found.values_list("activity_id").first()) is None:
        raise NotFound
    return int(row[0])


def _from(of: Series, since: dt.date) -> list[Any]:
    rows = Shift.objects.filter(series=of, day__gte=since).select_for_update(of=("self",), no_key=True).order_by("id")
    return list(rows.annotate(taken=Exists(TAKEN)))


def _until(s: Step, activity: Activity, of: Series, last: dt.date) -> None:
    """Days before an edit keep the old rule: those that are not made yet are made now."""
    if of.made_to is not None and of.made_to < min(last, of.until):
        found = rules(activity.area_path, (MOST,), s.at)
        days = series.starts(of.rule, of.first, min(last, of.until), most=int(found[MOST].value))
        have = set(Shift.objects.filter(series=of).values_list("day", flat=True))
        length = dt.timedelta(minutes=of.minutes)
        new = [_new(activity, Times(t, t + length), s.at, of, d) for d, t in days.items() if d not in have and t > s.at]
        if new:
            _put(activity, new)


def _drop(s: Step, activity: Activity, shifts: list[Shift]) -> int:
    """Nobody is enrolled in these. What nobody has seen goes; what was posted is cancelled, so that calendars hear of it."""
    if activity.state == "posted":
        return cancel_planned(
            s, activity, Shift.objects.filter(pk__in=[x.pk for x in shifts]), _("The series was changed.")
        )
    Shift.objects.filter(pk__in=[x.pk for x in shifts]).delete()
    return len(shifts)


# One shift ------------------------------------------------------------------------------------------------------------
def open_shift(s: Step, shift_id: int) -> tuple[Activity, Shift]:
    """A planned shift of one's own with its activity locked first. NotFound (L-404), WrongState (L-101)."""
    row = Shift.objects.visible_to(s.by).filter(pk=shift_id).values_list("activity_id").first()
    if row is None:
        raise NotFound
    activity = lock_open(s, int(row[0]))
    shift = lock_shift(s, shift_id)
    shift.activity = activity
    if shift.state != "planned":
        raise WrongState
    return activity, shift


def _move(s: Step, shift: Shift, starts: dt.datetime, ends: dt.datetime) -> int:
    """Shift and people at another time; returns how many people. PeopleElsewhere (L-448). Call while holding the shift's
    lock, inside a savepoint where the caller goes on after the error."""
    by = starts - shift.starts
    live = Enrolment.objects.filter(shift=shift, state__in=LIVE)
    clash = live.filter(
        Exists(
            Enrolment.objects.filter(
                volunteer=OuterRef("volunteer"), state__in=HOLDING, starts__lt=ends, ends__gt=starts
            ).exclude(shift=shift)
        ),
        state__in=HOLDING,
    )
    if n := clash.count():
        raise errors.PeopleElsewhere(n=n, field="starts")
    shift.starts, shift.ends, shift.closes_at = starts, ends, min(shift.closes_at + by, ends)
    if shift.opens_at is not None and shift.opens_at >= shift.closes_at:
        shift.opens_at = None
    names = ["starts", "ends", "closes_at", "opens_at"]
    if shift.draw_at is not None and shift.drawn_at is None:
        shift.draw_at = min(shift.draw_at + by, starts)
        names.append("draw_at")
    shift.save(update_fields=names)
    ids = list(live.values_list("pk", flat=True))
    try:
        with transaction.atomic():
            live.update(starts=starts, ends=ends)
    except IntegrityError as error:  # somebody enrolled elsewhere in this moment
        if "enrolment_apart" in str(error):
            raise errors.PeopleElsewhere(n=1, field="starts") from error
        raise
    if ids:
        s.defer(jobs.tell, ids=ids, news="moved")
    return len(ids)


def move_shift(
    *, shift_id: int, starts: dt.datetime, ends: dt.datetime, by: Actor, at: dt.datetime, note: str = ""
) -> Shift:
    """This one at another time: an exception that edits of its series leave alone. Its people move with it and are told.

    Raises PeopleElsewhere (L-448), ShiftBegun (L-450), DatedBack (L-443), Invalid (L-400).
    """
    with step("shift.move", by=by, at=at) as s:
        activity, shift = open_shift(s, shift_id)
        if shift.starts <= at:
            raise errors.ShiftBegun
        _checked(s, activity, Times(starts, ends))
        if starts <= at:
            raise errors.DatedBack(field="starts")
        was = shift.starts
        n = _move(s, shift, starts, ends)
        shift.by_hand, shift.note = True, by_staff(note, 200) or shift.note
        shift.save(update_fields=["by_hand", "note"])
        s.record(shift, was=was.isoformat(), starts=starts.isoformat(), people=n, public=activity.state == "posted")
    return shift


def note_shift(*, shift_id: int, by: Actor, at: dt.datetime, note: str) -> Shift:
    """What is different this time; public. Empty takes it back."""
    with step("shift.note", by=by, at=at) as s:
        activity, shift = open_shift(s, shift_id)
        shift.note = by_staff(note, 200)
        shift.save(update_fields=["note"])
        s.record(shift, public=activity.state == "posted")
    return shift


def cancel_shift(*, shift_id: int, by: Actor, at: dt.datetime, reason: str) -> None:
    """This one does not take place; its series knows it as an exception. People are told and free for something else.

    Raises ShiftBegun (L-450), PaperMissing (L-103).
    """
    with step("shift.cancel", by=by, at=at) as s:
        activity, shift = open_shift(s, shift_id)
        if shift.starts <= at and activity.state == "posted":
            raise errors.ShiftBegun
        if activity.state != "posted" and shift.series_id is None:
            shift.delete()  # nobody has seen it
            s.record(starts=shift.starts.isoformat())
            return
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why"))
        _cancel(s, shift, by_staff(reason, 200))
        s.record(public=activity.state == "posted")


def _cancel(s: Step, shift: Shift, reason: str) -> None:
    """The shift, and all who hold a place or wait. Call while holding the shift's lock."""
    shift.by_hand, shift.ended_at, shift.reason = True, s.at, reason
    s.move(shift, SHIFT, "cancel", reason=reason, save=("by_hand", "ended_at", "reason"))
    lock_slots(shift)
    let_go(s, shift, "cancel", reason)


def cancel_planned(s: Step, activity: Activity, shifts: Any, reason: str) -> int:
    """All planned ones of these, by the system's own events. Call while holding the activity's lock; returns how many."""
    rows = list(shifts.filter(state="planned").select_for_update(of=("self",), no_key=True).order_by("id"))
    for shift in rows:
        shift.activity = activity
        shift.ended_at, shift.reason = s.at, reason
        follow_up(s, shift, activity, (SHIFT, "cancel"), ("ended_at", "reason"), reason=reason)
        lock_slots(shift)
        let_go(s, shift, "cancel", reason)
    return len(rows)


def change_places(
    *, slot_id: int, least: int, most: int, by: Actor, at: dt.datetime, newcomers: int | None = None
) -> Slot:
    """More or fewer places of a role this time; not fewer than are held. PlacesHeld (L-449), Invalid (L-400)."""
    with step("shift.places", by=by, at=at) as s:
        found = Slot.objects.filter(pk=slot_id, shift__in=Shift.objects.visible_to(by)).values_list("shift_id").first()
        if found is None:
            raise NotFound
        activity, shift = open_shift(s, int(found[0]))
        slot = Slot.objects.select_for_update(no_key=True).get(pk=slot_id)
        kept = min(slot.newcomers, most) if newcomers is None else newcomers
        if not (1 <= most <= 500 and 0 <= least <= most and 0 <= kept <= most):
            raise Invalid(_("From one to 500 people, and no more at least than at most."), field="most")
        if (held := slot.enrolments.holding().count()) > most:
            raise errors.PlacesHeld(n=held, field="most")
        was, slot.least, slot.most, slot.newcomers = slot.most, least, most, kept
        slot.save(update_fields=["least", "most", "newcomers"])
        slot.shift = shift
        fill(slot, at)  # what is more now goes to who waits
        s.record(slot, was=was, most=most, public=activity.state == "posted")
    return slot


def places(shift_ids: Iterable[int]) -> dict[int, int]:
    """How many hold a place, by slot. One statement."""
    rows = Enrolment.objects.filter(shift__in=list(shift_ids), state__in=HOLDING)
    return dict(rows.order_by().values_list("slot").annotate(n=Count("pk")))

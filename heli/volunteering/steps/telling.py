"""What volunteers are told by text message: a reminder before a shift, and once a week what fits them if they asked for it.

Both are claimed in the database before anything is sent, one message a transaction, under a key that the gateway knows: a
worker killed on the way, or two at once, tell nobody twice. Nobody is told in the hours in which a resident may not be called.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone, translation

from heli.core import vault
from heli.core.actor import Actor
from heli.core.steps import step
from heli.loop.clocks import local_day
from heli.loop.sampling import allowed
from heli.rulebook import queries as rulebook
from heli.rulebook.shapes import hours
from heli.volunteering.models import Enrolment, Reminder, Telling, Volunteer
from heli.volunteering.queries import fitting
from heli.volunteering.steps.people import about, for_them, lock_volunteer

log = logging.getLogger("heli.volunteering")
REMIND, CALLS = "volunteering.remind", "revisit.hours"
BATCH, GIVE_UP = 200, 5
HOUR = dt.timedelta(hours=1)
LONGEST = dt.timedelta(hours=336)  # the rule's shape allows no reminder earlier than this
MOBILE = 11  # digits


def choose(*, volunteer_id: int, remind: bool, weekly: bool, by: Actor, at: dt.datetime, consent: str = "") -> Telling:
    """What somebody wants to be told. Themselves, or a worker at their word. Raises NotFound (L-404), Forbidden (L-403),
    PaperMissing (L-103)."""
    with step("volunteer.telling", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        for_them(s, volunteer, consent)
        about(s, volunteer)
        wanted = {"remind": remind, "weekly": weekly, "changed_at": at}
        made, _new = Telling.objects.update_or_create(volunteer=volunteer, defaults=wanted)
        s.record(remind=remind, weekly=weekly)
    return made


def phone_of(volunteer: Volunteer) -> str:
    """A mobile number that takes a text message; '' for a land line or none. Only to send to, never to show."""
    record = volunteer.record
    phone = vault.open_own(record)["phone"] if record.erased_at is None else ""
    return phone if len(phone) == MOBILE and phone.startswith("1") else ""


def _send(volunteer: Volunteer, phone: str, *, news: str, key: str, page: str, values: Mapping[str, str]) -> None:
    from heli.adapters import sms

    link = f"{settings.HELI_PUBLIC_URL}{reverse(page)}"
    sms.sender().send(phone, "news", {"code": volunteer.number, "news": news, "link": link, **values}, key)


# Before a shift -------------------------------------------------------------------------------------------------------
def quiet(at: dt.datetime) -> bool:
    """Whether residents are left alone now, as the rule of calls says for this county. RuleMissing (L-301). One statement."""
    rule = rulebook.in_force((CALLS,), path=settings.HELI_HOME_AREA, on=local_day(at))[CALLS]
    return allowed(at, hours(rule.value)) > at


def note_due(at: dt.datetime, *, batch: int = BATCH) -> int:
    """Write down which reminders are due: of confirmed places alone, the shortest time before that has come, not where
    somebody took the place later than that. Two statements a batch, and one that writes. Returns how many are new."""
    unasked = Telling.objects.filter(volunteer=OuterRef("volunteer"), remind=False)
    rows = Enrolment.objects.filter(~Exists(unasked), state="confirmed", starts__gt=at, starts__lte=at + LONGEST)
    rows = rows.filter(shift__state="planned").order_by("starts", "id")
    after: tuple[dt.datetime, int] | None = None
    made = 0
    while True:
        page = rows if after is None else rows.filter(Q(starts__gt=after[0]) | Q(starts=after[0], pk__gt=after[1]))
        found = list(page.values_list("pk", "area_path", "starts", "confirmed_at")[:batch])
        if not found:
            return made
        after = (found[-1][2], found[-1][0])
        today = local_day(at)
        rules = rulebook.in_force_over((REMIND,), {(path, today) for _pk, path, _starts, _at in found})
        new = []
        for pk, path, starts, confirmed_at in found:
            here = rules[path, today]
            before = here[REMIND].value if here is not None else ()
            due = min((n for n in before if starts - n * HOUR <= at), default=None)
            if due is not None and (confirmed_at is None or confirmed_at < starts - due * HOUR):
                new.append(Reminder(enrolment_id=pk, hours=due, starts=starts, made_at=at))
        had = Reminder.objects.filter(enrolment__in=[r.enrolment_id for r in new], starts__gt=at)
        known = set(had.values_list("enrolment", "hours", "starts")) if new else set()
        fresh = [r for r in new if (r.enrolment_id, r.hours, r.starts) not in known]
        Reminder.objects.bulk_create(fresh, ignore_conflicts=True)
        made += len(fresh)


def owed(at: dt.datetime) -> Any:
    """Reminders that are still to be sent: the place is held at that very time, and no later one was written."""
    unasked = Telling.objects.filter(volunteer=OuterRef("enrolment__volunteer"), remind=False)
    later = Reminder.objects.filter(
        enrolment=OuterRef("enrolment"), starts=OuterRef("starts"), hours__lt=OuterRef("hours")
    )
    rows = Reminder.objects.filter(done_at=None, starts__gt=at, starts=F("enrolment__starts"))
    return rows.filter(
        ~Exists(later), ~Exists(unasked), enrolment__state="confirmed", enrolment__shift__state="planned"
    )


def remind_all(at: dt.datetime) -> int:
    """Send what is due; how many messages were taken. A gateway that takes nothing is left alone after a few tries: the
    reminders wait for the next run, as long as the shift has not begun."""
    from heli.adapters.sms import NotSent

    if quiet(at):
        return 0
    note_due(at)
    told = failed = 0
    for pk in list(owed(at).order_by("starts", "id").values_list("pk", flat=True)):
        try:
            told += _remind(pk)
        except NotSent:
            failed += 1
            if failed >= GIVE_UP:
                log.error("the text message gateway took no reminder %s times in a row", failed)
                break
        else:
            failed = 0
    return told


def _remind(pk: int) -> int:
    """One reminder, in a transaction that holds its row. The place is read right before: who gave it back is not told."""
    with transaction.atomic():
        r = Reminder.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk, done_at=None).first()
        if r is None:
            return 0
        held = Enrolment.objects.filter(pk=r.enrolment_id, state="confirmed", starts=r.starts)
        e = held.select_related("volunteer__record", "shift__activity").first()
        if e is None:
            return 0
        phone = phone_of(e.volunteer)
        r.done_at, r.call = timezone.now(), not phone
        if phone:
            a, local = e.shift.activity, timezone.localtime(e.starts)
            said = {"what": a.title, "when": f"{local:%m-%d %H:%M}", "where": a.place}
            key = f"volunteering:remind:{r.pk}"
            _send(e.volunteer, phone, news="place_soon", key=key, page="volunteering:mine", values=said)
        r.save(update_fields=["done_at", "call"])
    return 1 if phone else 0


# Once a week ----------------------------------------------------------------------------------------------------------
def week_of(at: dt.datetime) -> dt.date:
    day = local_day(at)
    return day - dt.timedelta(days=day.weekday())


def weekly_all(at: dt.datetime, *, batch: int = BATCH) -> int:
    """Tell those who asked for it what fits them this week, once; who has nothing that fits is not told. What is to be done
    is read once, then four statements a batch and three a message. Returns how many messages were taken."""
    from heli.adapters.sms import NotSent

    if quiet(at):
        return 0
    week = week_of(at)
    due = Telling.objects.filter(Q(week=None) | Q(week__lt=week), weekly=True, volunteer__state="verified")
    if not due.exists():
        return 0
    seen, after, told = fitting.board(at), 0, 0
    while True:
        ids = list(due.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:batch])
        if not ids:
            return told
        after = ids[-1]
        people = Volunteer.objects.filter(pk__in=ids).select_related("record", "area").order_by("pk")
        of = fitting.known(ids, seen)
        for v in people:
            with translation.override(settings.LANGUAGE_CODE):
                rows = fitting.sift(v, seen, of, at).rows
            try:
                told += _weekly(v, week, rows)
            except NotSent:
                return told  # those who were not told are due in the next run


def _weekly(v: Volunteer, week: dt.date, rows: Any) -> int:
    phone = phone_of(v) if rows else ""
    with transaction.atomic():
        due = Telling.objects.select_for_update(skip_locked=True).filter(Q(week=None) | Q(week__lt=week), weekly=True)
        mine = due.filter(pk=v.pk).first()
        if mine is None:
            return 0
        if phone:
            first = timezone.localtime(rows[0].starts)
            said = {"n": str(len(rows)), "what": rows[0].title, "when": f"{first:%m-%d %H:%M}"}
            key = f"volunteering:week:{week}:{v.pk}"
            _send(v, phone, news="fits_you", key=key, page="volunteering:fits", values=said)
        mine.week = week
        mine.save(update_fields=["week"])
    return 1 if phone else 0

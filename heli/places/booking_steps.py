"""Booking what a site lends: the steps of a booking, and three functions for rooms further right.

A room that needs a place for something of its own (an activity's shift, a group session) calls `hold` and `release` inside
its own step, so that the hold stands or falls with it; `free` answers when something is free:

    with step("shift.add", by=by, at=at) as s:
        …
        bookings.hold(s, resource_id=7, begin=…, end=…, purpose="…", source=("volunteering.shift", shift.pk), org_id=…)

Lock order: the resource, then its bookings. The resource's row is locked by whoever adds a booking, so two people at once
are let in one after the other; the constraint and the trigger of the table hold whatever comes another way.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone, translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from heli.core import asking, words
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.days import midnight
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines import freetime
from heli.engines.freetime import Span
from heli.engines.identifiers import without_personal
from heli.places import booking_queries as queries
from heli.places import jobs
from heli.places.booking_queries import Terms
from heli.places.booking_words import period_words, whom
from heli.places.errors import (
    BookingNotForYou,
    BookingOutside,
    BookingPast,
    BookingsMany,
    BookingTaken,
    BookingTooFar,
    BookingTooLate,
    BookingTooLong,
    NotBookable,
    StockShort,
)
from heli.places.resources import Booking, OpenTo, Resource
from heli.places.site_queries import hours_of
from heli.places.site_words import hours as hours_words
from heli.places.sites import Site
from heli.places.states import BOOKING

SUBJECT, ANSWER = "places.site", "site.book_answer"
HOUR = dt.timedelta(hours=1)


def runs(actor: Actor, site: Site) -> bool:
    """Whether the actor manages the site's area or keeps the site."""
    if actor.can(Cap.MANAGE_SITES, path=site.area_path):
        return True
    return site.keeper_id is not None and actor.can(Cap.KEEP_SITE, org_id=site.keeper_id)


def _org_ids(actor: Actor) -> set[int]:
    return {g.org_id for g in actor.grants if g.org_id is not None}


# For other rooms --------------------------------------------------------------------------------------------------------
def free(
    resource_id: int, begin: dt.datetime, end: dt.datetime, *, by: Actor, at: dt.datetime, amount: int = 1
) -> list[Span]:
    """When something is free within [begin, end), from `at` on and while its site is open; a span per unit that is free
    from end to end, or where `amount` of goods is there. NotFound (L-404). Four statements."""
    return queries.free(queries.resource(by, resource_id), begin, end, at=at, amount=amount)


def hold(
    s: Step,
    *,
    resource_id: int,
    begin: dt.datetime,
    end: dt.datetime,
    purpose: str,
    source: tuple[str, int],
    org_id: int | None = None,
    amount: int = 1,
) -> Booking:
    """Book inside another room's step, in its name: `source` is what needs it (type, id). All of `book`'s refusals hold;
    that `s.by` may act for `org_id` is the calling room's to know, and how many bookings one account has is not asked.

    Writes an event of its own ("booking.hold") at the site.
    """
    inner = Step("booking.hold", s.by, s.at)
    made = _put(inner, resource_id, begin, end, purpose, amount=amount, org_id=org_id, source=source, form_key=None)
    inner.close()
    return made


def release(s: Step, source: tuple[str, int], *, reason: str) -> int:
    """Give up whatever is held for `source` and not over yet, inside another room's step; returns how many bookings that
    were. Each has an event of its own ("booking.release")."""
    rows = Booking.objects.filter(source_type=source[0], source_id=source[1], state__in=("asked", "booked"))
    found = rows.filter(period__endswith__gt=s.at).select_for_update(of=("self",)).select_related("resource__site")
    said = without_personal(" ".join(reason.split()))[:120] or _now("no longer needed")
    count = 0
    for b in found.order_by("id"):
        inner = Step("booking.release", s.by, s.at)
        b.reason, b.changed_at = said, s.at
        inner.move(b, BOOKING, "cancel", reason=said, save=("reason", "changed_at"))
        _about(inner, b)
        inner.close()
        count += 1
    return count


# Asking for one ---------------------------------------------------------------------------------------------------------
def book(
    *,
    resource_id: int,
    begin: dt.datetime,
    end: dt.datetime,
    purpose: str,
    by: Actor,
    at: dt.datetime,
    org_id: int | None = None,
    amount: int = 1,
    form_key: uuid.UUID | None = None,
) -> Booking:
    """Book one unit, or an amount of goods, for [begin, end), for oneself or for an organisation one acts for.

    Booked at once where the keeper is not asked, or is the one who books; otherwise it waits for the keeper's yes, and
    keeps others out meanwhile. Who keeps or manages the site may book at any hour and without notice.

    Raises:
        Forbidden: not logged in, or not for this organisation. AlreadyDone: the same form twice (L-104).
        BookingTaken (L-270), StockShort (L-271): with a free time next to it, and what else is free.
        BookingOutside (L-272), BookingTooLate (L-273), BookingTooLong (L-274), BookingTooFar (L-275),
        BookingNotForYou (L-276), BookingsMany (L-277), NotBookable (L-278), BookingPast (L-279). Invalid, PaperMissing.
    """
    if by.user_id is None and not by.system:
        raise Forbidden
    if org_id is not None and not by.system and org_id not in _org_ids(by):
        raise Forbidden
    with step("booking.ask", by=by, at=at) as s:
        made = _put(s, resource_id, begin, end, purpose, amount=amount, org_id=org_id, source=None, form_key=form_key)
    return made


def _put(
    s: Step,
    resource_id: int,
    begin: dt.datetime,
    end: dt.datetime,
    purpose: str,
    *,
    amount: int,
    org_id: int | None,
    source: tuple[str, int] | None,
    form_key: uuid.UUID | None,
) -> Booking:
    resource = s.lock(Resource, resource_id, related=("site__area",))
    if form_key is not None and Booking.objects.filter(form_key=form_key).exists():
        raise AlreadyDone
    keeps = runs(s.by, resource.site)
    if end <= begin:
        raise Invalid(_("It ends before it begins."), field="until")
    if begin < s.at:
        raise BookingPast(field="on")
    purpose = without_personal(" ".join(purpose.split()))
    if not purpose:
        raise PaperMissing(field="purpose", paper=_now("what it is for"))
    if len(purpose) > 80:
        raise Invalid(_now("At most %(n)s characters fit here.") % {"n": 80}, field="purpose")
    if not resource.counted:
        amount = 1
    elif not 1 <= amount <= resource.units:
        raise Invalid(
            _now("There are %(n)s in all: write a number up to that.") % {"n": resource.units}, field="amount"
        )
    _in_service(resource, begin, end)
    terms = queries.terms(resource, s.at)
    if not keeps:
        _for_you(s.by, resource, org_id)
        _within_terms(resource, terms, begin, end, s.at)
        if source is None:
            _not_too_many(s.by, terms, s.at)
    unit = _free_unit(resource, begin, end, amount, s.at)
    s.rule(*(terms.rules[k] for k in queries.RULES))
    booking = Booking(
        resource=resource, unit=unit, amount=amount, period=DateTimeTZRange(begin, end), by_id=s.by.user_id, org_id=org_id,
        purpose=purpose, state="asked" if resource.asks and not keeps else "booked", form_key=form_key,
        source_type=source[0] if source else "", source_id=source[1] if source else None, made_at=s.at, changed_at=s.at,
    )  # fmt: skip
    try:
        with transaction.atomic():
            booking.save(force_insert=True)
    except IntegrityError as error:
        raise _refused(error, booking, s.at) from error
    _about(s, booking)
    s.record(booking, resource=resource.pk, amount=amount, org=org_id)
    s.event.after = booking.state
    return booking


def _in_service(resource: Resource, begin: dt.datetime, end: dt.datetime) -> None:
    site, first, last = resource.site, timezone.localdate(begin), timezone.localdate(end - dt.timedelta(seconds=1))
    closes = [day for day in (resource.closed_on, site.closed_on) if day is not None]
    if first < site.valid_from or any(last >= day for day in closes):
        raise NotBookable(name=resource.title, field="on")


def _for_you(by: Actor, resource: Resource, org_id: int | None) -> None:
    """Raises BookingNotForYou (L-276). Who keeps the site was let in before."""
    fits = resource.open_to == OpenTo.ALL or (resource.open_to == OpenTo.ORGS and org_id is not None)
    if resource.open_to == OpenTo.KEEPER:
        keeper = resource.site.keeper_id
        fits = keeper is not None and (org_id == keeper or keeper in _org_ids(by))
    if not fits:
        raise BookingNotForYou(name=resource.title, whom=whom(resource.open_to), field="org")


def _within_terms(resource: Resource, terms: Terms, begin: dt.datetime, end: dt.datetime, at: dt.datetime) -> None:
    first = at + terms.lead * HOUR
    if begin < first:
        slots = {"lead": words.limit(terms.lead, "hour"), "first": words.when(first, at)}
        raise BookingTooLate(name=resource.title, field="on", **slots)
    if end - begin > terms.longest * HOUR:
        raise BookingTooLong(name=resource.title, most=words.limit(terms.longest, "hour"), field="until")
    last = timezone.localdate(at) + dt.timedelta(days=terms.ahead)
    if timezone.localdate(begin) > last:
        raise BookingTooFar(last=words.full_day(last, at), field="on")
    day = timezone.localdate(begin)
    hours = hours_of([resource.site_id], midnight(day))[resource.site_id]
    if not queries.covered(hours, begin, end):
        said = hours_words(hours.days.get(day, hours.week[day.weekday()])) if hours.known else _now("hours not said")
        raise BookingOutside(site=resource.site.name, hours=said, field="begin")


def _not_too_many(by: Actor, terms: Terms, at: dt.datetime) -> None:
    """Raises BookingsMany (L-277). Two asked for at one moment in two places may be one above it: nothing is lost by that."""
    n = Booking.objects.filter(
        by=by.user_id, state__in=("asked", "booked"), period__endswith__gt=at, source_id=None
    ).count()
    if n >= terms.most:
        raise BookingsMany(n=n)


def _free_unit(resource: Resource, begin: dt.datetime, end: dt.datetime, amount: int, at: dt.datetime) -> int | None:
    """The first unit that is free, None for goods. Call while holding the resource's lock.

    Raises BookingTaken (L-270), StockShort (L-271)."""
    held = queries.taken([resource.pk], begin, end)[resource.pk]
    if resource.counted:
        if freetime.peak(held, begin, end) + amount > resource.units:
            raise _short(resource, begin, end, amount, at)
        return None
    gone = {t.unit for t in held}
    unit = next((n for n in range(1, resource.units + 1) if n not in gone), None)
    if unit is None:
        raise _taken(resource, begin, end, at)
    return unit


def _refused(error: IntegrityError, booking: Booking, at: dt.datetime) -> Exception:
    """What the database refused, in words; the error itself for anything unknown."""
    said = str(error)
    begin, end = booking.period.lower, booking.period.upper
    if "form_key" in said:
        return AlreadyDone()
    if "booking_apart" in said:
        return _taken(booking.resource, begin, end, at)
    return _short(booking.resource, begin, end, booking.amount, at) if "more than there is" in said else error


def _instead(resource: Resource, begin: dt.datetime, end: dt.datetime, amount: int, at: dt.datetime) -> str:
    """A free time next to it, and what else is free at the time that was asked for."""
    last = begin + dt.timedelta(days=queries.LOOK_AHEAD)
    spans = queries.free(resource, begin - dt.timedelta(hours=12), last, at=at, amount=amount)
    best = freetime.nearest(spans, begin, end - begin)
    said = []
    if best is not None:
        said.append(_now("it is free %(when)s") % {"when": period_words(best.begin, best.end, at)})
    if names := [
        r.title if r.site_id == resource.site_id else f"{r.site.name} {r.title}"
        for r in queries.others(resource, begin, end)
    ]:
        said.append(_now("free at your time: %(names)s") % {"names": pgettext("list", ", ").join(names)})
    return pgettext("booking", "; ").join(said) or _now(
        "nothing like it is free within a week, ask who keeps the place"
    )


def _taken(resource: Resource, begin: dt.datetime, end: dt.datetime, at: dt.datetime) -> BookingTaken:
    return BookingTaken(name=resource.title, instead=_instead(resource, begin, end, 1, at), field="begin")


def _short(resource: Resource, begin: dt.datetime, end: dt.datetime, amount: int, at: dt.datetime) -> StockShort:
    left = resource.units - freetime.peak(queries.taken([resource.pk], begin, end)[resource.pk], begin, end)
    instead = _instead(resource, begin, end, amount, at)
    return StockShort(name=resource.title, left=max(0, left), amount=amount, instead=instead, field="amount")


# What becomes of it -----------------------------------------------------------------------------------------------------
def _about(s: Step, booking: Booking) -> None:
    s.about(SUBJECT, booking.resource.site_id, booking.resource.site.area_path)


def _lock(s: Step, booking_id: int) -> Booking:
    """A booking the actor may see whole, locked; NotFound (L-404)."""
    booking = s.lock(Booking, booking_id, related=("resource__site",))
    _about(s, booking)
    return booking


def _reason(reason: str) -> str:
    said = without_personal(" ".join(reason.split()))[:120]
    if not said:
        raise PaperMissing(field="reason", paper=_now("the reason"))
    return said


def cancel(*, booking_id: int, reason: str, by: Actor, at: dt.datetime) -> Booking:
    """Who made it gives it up, or the keeper or the expert has to; others can book it at once. Until it ends.

    Raises WrongState (L-101): it is over, or was decided otherwise. PaperMissing: no reason (L-103)."""
    said = _reason(reason)
    with step("booking.cancel", by=by, at=at) as s:
        booking = _lock(s, booking_id)
        if booking.period.upper <= at:
            raise WrongState
        if booking.source_id is not None and not runs(by, booking.resource.site):
            raise Forbidden  # the room that holds it gives it up
        booking.reason, booking.changed_at = said, at
        s.move(booking, BOOKING, "cancel", reason=said, save=("reason", "changed_at"))
    return booking


def confirm(*, booking_id: int, by: Actor, at: dt.datetime) -> Booking:
    """The keeper says yes, before it is over."""
    with step("booking.confirm", by=by, at=at) as s:
        booking = _lock(s, booking_id)
        if booking.period.upper <= at:
            raise WrongState
        booking.changed_at = at
        s.move(booking, BOOKING, "confirm", save=("changed_at",))
    return booking


def refuse(*, booking_id: int, reason: str, by: Actor, at: dt.datetime) -> Booking:
    """The keeper says no, and why; who asked reads it."""
    said = _reason(reason)
    with step("booking.refuse", by=by, at=at) as s:
        booking = _lock(s, booking_id)
        booking.reason, booking.changed_at = said, at
        s.move(booking, BOOKING, "refuse", reason=said, save=("reason", "changed_at"))
    return booking


def lapse(*, booking_id: int, at: dt.datetime) -> bool:
    """What was asked for and nobody answered in the rule's time, or before it would have begun, ends; others can book it,
    and who asked is told. False where it was answered meanwhile, or has time left. RuleMissing (L-301)."""
    with transaction.atomic():
        rows = Booking.objects.select_for_update(of=("self",)).filter(pk=booking_id, state="asked")
        booking = rows.select_related("resource__site").first()
        if booking is None:
            return False
        path = booking.resource.site.area_path
        rule = asking.rules((ANSWER,), path=path, on=timezone.localdate(at))[ANSWER]
        if at < min(booking.made_at + int(rule.value) * HOUR, booking.period.lower):
            return False
        with translation.override(settings.LANGUAGE_CODE):
            booking.reason = _now("Nobody answered in time.")
        inner = Step("booking.lapse", SYSTEM, at)
        booking.changed_at = at
        inner.move(booking, BOOKING, "lapse", reason=booking.reason, save=("reason", "changed_at"))
        _about(inner, booking)
        inner.rule(rule)
        if booking.by_id is not None:
            inner.defer(jobs.tell_booking, booking_id=booking.pk, news="unanswered")
        inner.close()
    return True


def lapse_all(at: dt.datetime, *, batch: int = 200) -> int:
    """All that is due, by keyset; how many ended. Two statements and one transaction for each that was asked for."""
    after = ended = 0
    while ids := list(
        Booking.objects.filter(state="asked", pk__gt=after).order_by("pk").values_list("pk", flat=True)[:batch]
    ):
        ended += sum(lapse(booking_id=pk, at=at) for pk in ids)
        after = ids[-1]
    return ended


def note_use(*, booking_id: int, came: bool, by: Actor, at: dt.datetime) -> Booking:
    """The keeper notes whether somebody came, from its beginning on. Not used: what is left of the time is free again."""
    with step("booking.came" if came else "booking.stayed_away", by=by, at=at) as s:
        booking = _lock(s, booking_id)
        if booking.period.lower > at:
            raise WrongState
        booking.changed_at = at
        try:
            with transaction.atomic():
                s.move(booking, BOOKING, "came" if came else "stayed_away", save=("changed_at",))
        except IntegrityError as error:  # it was free again, and somebody else has it now
            raise WrongState from error
    return booking


def publish(*, booking_id: int, shown: str, by: Actor, at: dt.datetime) -> Booking:
    """What everybody may read of a booking in the site's calendar; empty: only that the time is taken."""
    with step("booking.publish", by=by, at=at) as s:
        booking = _lock(s, booking_id)
        if not runs(by, booking.resource.site):
            raise NotFound
        booking.shown = without_personal(" ".join(shown.split()))[:40]
        booking.changed_at = at
        booking.save(update_fields=["shown", "changed_at"])
        s.record(booking, public=True, shown=booking.shown)
    return booking

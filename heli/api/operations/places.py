"""What sites lend: things, free times, one's own bookings. The holder of the token books for themselves, or for an
organisation they act for."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from django.utils import timezone
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import say
from heli.api.shapes import Day, Id, In, ListOf, Moment, Out, PageOf, Reason
from heli.core.caps import Scope
from heli.core.days import midnight
from heli.core.errors import Forbidden
from heli.places import booking_queries as queries
from heli.places import booking_steps as bookings
from heli.places.resources import Booking, Resource
from heli.places.site_queries import site as site_of

Amount = Annotated[int, Field(ge=1, le=100_000)]


class ResourceOut(Out):
    """Something a site lends. `units`: how many identical ones; for goods how many pieces in all. `open_to`: all, orgs,
    keeper. `asks`: the keeper says yes to each booking. Null hours: as the rulebook says."""

    id: int
    site_id: int
    kind: str
    title: str
    what_for: str
    units: int
    seats: int | None
    open_to: str
    asks: bool
    lead_hours: int | None
    longest_hours: int | None


def _resource(r: Resource) -> ResourceOut:
    return ResourceOut(
        id=r.pk, site_id=r.site_id, kind=r.kind, title=r.title, what_for=r.what_for, units=r.units, seats=r.seats,
        open_to=r.open_to, asks=r.asks, lead_hours=r.lead_hours, longest_hours=r.longest_hours,
    )  # fmt: skip


@operation("GET", "sites/{site_id}/resources", scope=Scope.PUBLIC, tag="doors", out=ListOf[ResourceOut])
def list_resources(request: ApiRequest, site_id: Id) -> ListOf[ResourceOut]:
    """What a site lends."""
    site = site_of(site_id)
    return ListOf[ResourceOut](rows=[_resource(r) for r in queries.bookable(site.pk, timezone.localdate())])


class SpanOut(Out):
    """A time, from `begin` until `end`."""

    begin: dt.datetime
    end: dt.datetime


@operation("GET", "resources/{resource_id}/free", scope=Scope.PUBLIC, tag="doors", out=ListOf[SpanOut])
def free_times(
    request: ApiRequest, resource_id: Id, day: Day, days: Annotated[int, Field(ge=1, le=31)] = 7, amount: Amount = 1
) -> ListOf[SpanOut]:
    """When something is free, from a day on, while its site is open; a span for each unit that is free from end to end."""
    begin = midnight(day)
    found = bookings.free(
        resource_id, begin, begin + dt.timedelta(days=days), by=request.actor, at=timezone.now(), amount=amount
    )
    return ListOf[SpanOut](rows=[SpanOut(begin=s.begin, end=s.end) for s in found])


class BookingOut(Out):
    """A booking. `state`: asked, booked, refused, cancelled, used, not_used. `unit`: which of several; null for goods."""

    id: int
    resource_id: int
    begin: dt.datetime
    end: dt.datetime
    state: str
    unit: int | None
    amount: int
    org_id: int | None
    purpose: str
    reason: str


def _booking(b: Booking) -> BookingOut:
    return BookingOut(
        id=b.pk, resource_id=b.resource_id, begin=b.period.lower, end=b.period.upper, state=b.state, unit=b.unit,
        amount=b.amount, org_id=b.org_id, purpose=b.purpose, reason=b.reason,
    )  # fmt: skip


class BookIn(In):
    """From when until when, and what for (no name, no number of a person)."""

    begin: Moment
    end: Moment
    purpose: Annotated[str, Field(min_length=1, max_length=80)]
    amount: Amount = 1
    org_id: Id | None = None


@operation(
    "POST", "resources/{resource_id}/bookings", scope=Scope.SELF, tag="doors", out=BookingOut, status=201, calls="book"
)
def book_resource(request: ApiRequest, resource_id: Id, body: BookIn) -> BookingOut:
    """Book something. When it is taken, the answer names a free time next to it and what else is free."""
    made = bookings.book(
        resource_id=resource_id, begin=body.begin, end=body.end, purpose=body.purpose, amount=body.amount,
        org_id=body.org_id, **say(request),
    )  # fmt: skip
    return _booking(made)


@operation("GET", "bookings", scope=Scope.SELF, tag="doors", out=PageOf[BookingOut])
def list_bookings(
    request: ApiRequest, past: bool = False, after: Annotated[str, Field(max_length=200)] = ""
) -> PageOf[BookingOut]:
    """One's own bookings: those ahead, or the earlier ones."""
    if request.actor.user_id is None:
        raise Forbidden
    found = queries.mine(request.actor, timezone.now(), past=past, after=after or None)
    return PageOf[BookingOut](rows=[_booking(line.b) for line in found.rows], next=found.next or None)


class CancelIn(In):
    """Why."""

    reason: Reason


@operation("POST", "bookings/{booking_id}/cancel", scope=Scope.SELF, tag="doors", out=BookingOut, calls="cancel")
def cancel_booking(request: ApiRequest, booking_id: Id, body: CancelIn) -> BookingOut:
    """Give a booking up: others can have the time at once."""
    return _booking(bookings.cancel(booking_id=booking_id, reason=body.reason, **say(request)))

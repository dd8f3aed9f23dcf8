"""Reading what sites lend: when it is free, a week of a site, one's own bookings, what waits for the keeper."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from heli.core import asking, subjects
from heli.core.actor import Actor
from heli.core.asking import Rule
from heli.core.days import midnight
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.engines import freetime, opening
from heli.engines.freetime import Span, Taken
from heli.places.resources import Booking, OpenTo, Resource, ResourceKind, SitePartner
from heli.places.site_queries import ORG, Hours, hours_of
from heli.places.sites import Site

RULES = ("site.book_lead", "site.book_longest", "site.book_ahead", "site.book_most")
LOOK_AHEAD = 7  # days in which another free time is looked for
NEARBY = 8  # other things looked at when one is taken
NAMED = 3  # of them named


# Rules ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for bookings of a resource: hours before, hours at a time, days ahead, bookings of one account."""

    rules: Mapping[str, Rule]
    lead: int
    longest: int

    @property
    def ahead(self) -> int:
        return int(self.rules["site.book_ahead"].value)

    @property
    def most(self) -> int:
        return int(self.rules["site.book_most"].value)


def terms(resource: Resource, at: dt.datetime) -> Terms:
    """The resource's own terms, and the rulebook's where it has none. One statement."""
    rules = asking.rules(RULES, path=resource.site.area_path, on=timezone.localdate(at))
    lead = int(rules["site.book_lead"].value) if resource.lead_hours is None else resource.lead_hours
    longest = int(rules["site.book_longest"].value) if resource.longest_hours is None else resource.longest_hours
    return Terms(rules, lead, longest)


# When it is free --------------------------------------------------------------------------------------------------------
def open_spans(hours: Hours, first: dt.date, days: int) -> list[Span]:
    """When a site is open from a day on, with zones; what yesterday's hours leave past midnight among it. Pure."""
    begin = midnight(first)
    end = begin + dt.timedelta(days=days)
    spans = opening.spans(hours.week, hours.days, first - dt.timedelta(days=1), days + 1)
    zoned = [(timezone.make_aware(a), timezone.make_aware(b)) for a, b in spans]
    # the last day's hours may go on past midnight: whoever stays until 2:00 has booked one piece
    return freetime.joined((max(a, begin), b) for a, b in zoned if b > begin and a < end)


def taken(resource_ids: Collection[int], begin: dt.datetime, end: dt.datetime) -> dict[int, list[Taken]]:
    """What holds each resource within a time. One statement."""
    found: dict[int, list[Taken]] = {pk: [] for pk in resource_ids}
    rows = Booking.objects.holding().filter(resource__in=resource_ids, period__overlap=(begin, end))
    for pk, period, amount, unit in rows.values_list("resource_id", "period", "amount", "unit"):
        found[pk].append(Taken(period.lower, period.upper, amount, unit or 0))
    return found


def free_spans(resource: Resource, spans: Sequence[Span], held: Sequence[Taken], amount: int = 1) -> list[Span]:
    """Spans in which one unit, or an amount of goods, is free from end to end; of several units their spans side by side,
    in order. Pure."""
    if resource.counted:
        return freetime.of_stock(spans, held, resource.units, amount)
    units = freetime.of_units(spans, held, min(resource.units, 50))
    return sorted({s for per_unit in units.values() for s in per_unit})


def free(
    resource: Resource, begin: dt.datetime, end: dt.datetime, *, at: dt.datetime, amount: int = 1, hours: bool = True
) -> list[Span]:
    """When it is free within [begin, end) from now on; `hours`: only while its site is open. Three statements."""
    begin = max(begin, at)
    if begin >= end:
        return []
    spans = [Span(begin, end)]
    if hours:
        first = timezone.localdate(begin)
        days = (timezone.localdate(end) - first).days + 1
        told = hours_of([resource.site_id], midnight(first))[resource.site_id]
        spans = freetime.joined((max(a, begin), min(b, end)) for a, b in open_spans(told, first, days))
    return free_spans(resource, spans, taken([resource.pk], begin, end)[resource.pk], amount)


def covered(hours: Hours, begin: dt.datetime, end: dt.datetime) -> bool:
    """Whether a site is open from beginning to end. Pure."""
    first = timezone.localdate(begin)
    days = (timezone.localdate(end) - first).days + 1
    return any(a <= begin and end <= b for a, b in open_spans(hours, first, days))


def others(resource: Resource, begin: dt.datetime, end: dt.datetime) -> list[Resource]:
    """Other things of its kind that are free then: at the same site first, then in the same street, open to everybody.
    Four statements."""
    day = timezone.localdate(begin)
    near = Q(site=resource.site_id) | Q(
        site__area_path__gte=resource.site.area_path[:9],
        site__area_path__lt=resource.site.area_path[:9] + "~",
        open_to=OpenTo.ALL,
    )
    found = (
        Resource.objects.filter(near, kind=resource.kind, closed_on=None)
        .filter(site__in=Site.objects.serving(day).values("pk"))
        .exclude(pk=resource.pk)
        .exclude(kind=ResourceKind.EXPERT, agreed_at=None)
        .select_related("site")
    )
    if resource.open_to == OpenTo.ALL:
        found = found.filter(open_to=OpenTo.ALL)
    elif resource.open_to == OpenTo.ORGS:
        found = found.exclude(open_to=OpenTo.KEEPER)
    if resource.seats:
        found = found.filter(Q(seats__gte=resource.seats // 2) | Q(seats=None))
    rows = sorted(found.order_by("name", "id")[: 10 * NEARBY], key=lambda r: r.site_id != resource.site_id)[:NEARBY]
    hours = hours_of({r.site_id for r in rows}, midnight(day))
    held = taken([r.pk for r in rows], begin, end)
    fitting = [
        r
        for r in rows
        if covered(hours[r.site_id], begin, end) and Span(begin, end) in free_spans(r, [Span(begin, end)], held[r.pk])
    ]
    return fitting[:NAMED]


# What a site has --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Partner:
    """One that runs the site with its keeper, by name."""

    row: SitePartner
    name: str


def partners(site_id: int, actor: Actor, *, ended: bool = False) -> list[Partner]:
    """Who runs a site together with its keeper. Two statements, one where there are none."""
    rows = SitePartner.objects.filter(site=site_id).order_by("since", "id")
    found = list(rows if ended else rows.filter(until=None))
    if not found:
        return []
    names = subjects.describe({(ORG, p.org_id) for p in found}, actor)
    return [Partner(p, names[ORG, p.org_id].title) for p in found if (ORG, p.org_id) in names]


def bookable(site_id: int, day: dt.date) -> list[Resource]:
    """What everybody sees of what a site lends. One statement."""
    rows = Resource.objects.filter(site=site_id).exclude(kind=ResourceKind.EXPERT, agreed_at=None)
    return list(rows.filter(Q(closed_on=None) | Q(closed_on__gt=day)).order_by("kind", "name", "id")[:200])


def all_of(site_id: int) -> list[Resource]:
    """Everything, for who keeps the site: experts who were asked, and what is no more. One statement."""
    rows = Resource.objects.filter(site=site_id).select_related("expert", "site")
    return list(rows.order_by("kind", "name", "id")[:400])


def resource(actor: Actor, resource_id: int) -> Resource:
    """One that everybody may see, with its site; NotFound (L-404). One statement."""
    found: Resource | None = (
        Resource.objects.visible_to(actor).select_related("site__area").filter(pk=resource_id).first()
    )
    if found is None:
        raise NotFound
    return found


def own_resource(actor: Actor, resource_id: int) -> Resource:
    """One of a site the actor manages or keeps; NotFound (L-404). One statement."""
    found: Resource | None = (
        Resource.objects.managed_by(actor).select_related("site__area", "expert").filter(pk=resource_id).first()
    )
    if found is None:
        raise NotFound
    return found


# A week of a site -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Busy:
    """A time that is taken, as everybody reads it: never who or what for, unless its keeper published that."""

    begin: dt.datetime
    end: dt.datetime
    resource: str
    shown: str
    some: bool = False  # a part of several, or of a stock


@dataclass(slots=True)
class DayOfSite:
    """One day: the hours, what is taken, and (of one resource) what is free."""

    day: dt.date
    hours: opening.Periods
    busy: list[Busy] = field(default_factory=list)
    free: list[Span] = field(default_factory=list)


def week(
    site: Site, first: dt.date, things: Sequence[Resource], at: dt.datetime, chosen: Resource | None = None
) -> list[DayOfSite]:
    """Seven days of a site, or of one thing it lends. Three statements, whatever the number of bookings."""
    begin, end = midnight(first), midnight(first + dt.timedelta(days=7))
    told = hours_of([site.pk], begin)[site.pk]
    ids = [chosen.pk] if chosen else [r.pk for r in things]
    rows = [DayOfSite(d := first + dt.timedelta(days=n), opening.on(told.week, told.days, d)) for n in range(7)]
    names = {r.pk: r for r in ([chosen] if chosen else things)}
    held: defaultdict[int, list[Taken]] = defaultdict(list)
    found = Booking.objects.holding().filter(resource__in=ids, period__overlap=(begin, end)).order_by("period", "id")
    for pk, period, amount, unit, shown in found.values_list("resource_id", "period", "amount", "unit", "shown"):
        held[pk].append(Taken(period.lower, period.upper, amount, unit or 0))
        thing = names[pk]
        busy = Busy(period.lower, period.upper, thing.title, shown, thing.units > 1)
        for row in rows:
            if period.lower < midnight(row.day) + dt.timedelta(days=1) and period.upper > midnight(row.day):
                row.busy.append(busy)
    if chosen:
        spans = freetime.joined((max(a, at), b) for a, b in open_spans(told, first, 7))
        for span in free_spans(chosen, spans, held[chosen.pk]):
            rows[(timezone.localdate(span.begin) - first).days].free.append(span)
    return rows


# Bookings ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Line:
    """A booking with the name of the organisation it is for."""

    b: Booking
    org: str


def lines(rows: Iterable[Booking], actor: Actor) -> list[Line]:
    """With names. One statement at most."""
    found = list(rows)
    pairs = {(ORG, b.org_id) for b in found if b.org_id is not None}
    names: Mapping[Any, subjects.Subject] = subjects.describe(pairs, actor) if pairs else {}
    return [Line(b, s.title if (s := names.get((ORG, b.org_id or 0))) else "") for b in found]


def mine(actor: Actor, at: dt.datetime, *, past: bool = False, after: str | None = None) -> Page[Line]:
    """One's own bookings, those of today and later or the earlier ones. Two statements."""
    found = Booking.objects.filter(by=actor.user_id).select_related("resource__site__area")
    ahead = Q(period__endswith__gt=at, state__in=("asked", "booked", "used"))
    rows = (found.exclude(ahead) if past else found.filter(ahead)).annotate(begins=F("period__startswith"))
    page = keyset(rows, order=("-begins", "-id") if past else ("begins", "id"), after=after, size=30)
    return Page(lines(page.rows, actor), page.next)


def booking(actor: Actor, booking_id: int) -> Booking:
    """One the actor may see whole; NotFound (L-404). One statement."""
    found: Booking | None = (
        Booking.objects.visible_to(actor).select_related("resource__site__area", "by").filter(pk=booking_id).first()
    )
    if found is None:
        raise NotFound
    return found


def as_expert(actor: Actor) -> list[Resource]:
    """Where somebody was asked to help, or does. One statement."""
    return list(
        Resource.objects.filter(expert=actor.user_id, closed_on=None).select_related("site__area").order_by("id")
    )


def asked_of(actor: Actor, at: dt.datetime) -> list[Line]:
    """Bookings of an expert's own time that are still ahead. Two statements at most."""
    rows = Booking.objects.holding().filter(resource__expert=actor.user_id, period__endswith__gt=at)
    return lines(rows.select_related("resource__site__area", "by").order_by("period", "id")[:50], actor)


TABS = ("decide", "today", "ahead", "past")


def of_site(site_id: int, tab: str, at: dt.datetime) -> Any:
    """The bookings of a site in one of TABS, as a query."""
    found = Booking.objects.filter(resource__site=site_id).select_related("resource__site", "by")
    today = midnight(timezone.localdate(at))
    tomorrow = today + dt.timedelta(days=1)
    match tab:
        case "decide":
            return found.filter(state="asked", period__endswith__gt=at)
        case "today":
            return found.holding().filter(period__overlap=(today, tomorrow))
        case "ahead":
            return found.holding().filter(period__startswith__gte=tomorrow)
    return found.filter(Q(period__endswith__lte=today) | Q(state__in=("refused", "cancelled", "not_used")))


def at_desk(actor: Actor, site_id: int, tab: str, at: dt.datetime, *, after: str | None = None) -> Page[Line]:
    """One page of the keeper's bookings: in order of their time, what is past the latest first. Two statements."""
    found = of_site(site_id, tab, at).annotate(begins=F("period__startswith"))
    order = ("-begins", "-id") if tab == "past" else ("begins", "id")
    page = keyset(found, order=order, after=after, size=50)
    return Page(lines(page.rows, actor), page.next)


def waiting(actor: Actor, at: dt.datetime) -> dict[int, int]:
    """{site: bookings that wait for its keeper's word}. One statement."""
    rows = Booking.objects.managed_by(actor).filter(state="asked", period__endswith__gt=at)
    counted: defaultdict[int, int] = defaultdict(int)
    for pk in rows.values_list("resource__site_id", flat=True)[:1000]:
        counted[pk] += 1
    return dict(counted)


def has_resources(site_ids: Iterable[int]) -> set[int]:
    """Which of the sites lend anything. One statement."""
    mine = Resource.objects.filter(site=OuterRef("pk"), closed_on=None)
    return set(Site.objects.filter(pk__in=list(site_ids)).filter(Exists(mine)).values_list("pk", flat=True))

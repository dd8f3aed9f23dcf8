"""Reading sites: on the map by squares, in lists, one by one, and what people think of them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Exists, ExpressionWrapper, F, FloatField, OuterRef, Q, Sum
from django.utils import timezone

from heli.core import asking, subjects
from heli.core.actor import Actor
from heli.core.asking import Rule
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.engines import opening
from heli.engines.opening import Period, Periods, Status
from heli.places.models import Area, Level
from heli.places.outlines import apart
from heli.places.sites import FILTERS, Service, Site, SiteDay, SitePeriod, SiteQuerySet, SiteRating, open_now

ORG = "orgs.organisation"
PAGE = 30
NEAREST = 60  # rows of "near me"
SQUARE = 64  # pixels of one square of the map
ACROSS = 24  # squares of an answer in each direction, at most
TILE = 256  # pixels of the whole earth at zoom 0
WORLD = (73.0, 3.0, 136.0, 54.0)  # west, south, east, north of what a site's point may be
RULES = ("site.ratings_shown", "site.ratings_months", "site.closes_soon", "site.near")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rulebook says of places: ratings before they are shown, the months they count, the minutes before closing
    that are soon, the metres within which places are equally near."""

    rules: Mapping[str, Rule]
    worked: bool | None = None  # whether offices work today; None on a day like any other of its week

    @property
    def shown(self) -> Rule:
        return self.rules["site.ratings_shown"]

    @property
    def months(self) -> int:
        return int(self.rules["site.ratings_months"].value)

    @property
    def soon(self) -> int:
        return int(self.rules["site.closes_soon"].value)

    @property
    def near(self) -> float:
        """In kilometres."""
        return float(self.rules["site.near"].value / 1000)


def limits(path: str, at: dt.datetime) -> Limits:
    """The rules of places in an area, and what day it is there. One statement."""
    return Limits(*asking.today(RULES, path=path, at=at))


# When it is open --------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Hours:
    """The hours of one site: its week, and the days from yesterday on that differ."""

    week: list[Periods] = field(default_factory=lambda: [()] * 7)
    days: dict[dt.date, Periods] = field(default_factory=dict)
    notes: dict[dt.date, str] = field(default_factory=dict)

    def status(self, at: dt.datetime) -> Status:
        """At a local moment without a zone."""
        return opening.status(self.week, self.days, at)

    def says_of(self, day: dt.date) -> bool:
        """Whether its hours hold on a holiday, too: they were entered for that day, or it never closes."""
        return day in self.days or all(periods == (Period(0, opening.DAY),) for periods in self.week)

    @property
    def known(self) -> bool:
        """Whether anything was said of its hours; a friendly community need not have any."""
        return any(self.week) or bool(self.days)


def local(at: dt.datetime) -> dt.datetime:
    """A moment as the clock on the wall shows it."""
    return timezone.localtime(at).replace(tzinfo=None)


def hours_of(site_ids: Iterable[int], at: dt.datetime) -> dict[int, Hours]:
    """The hours of each site. Two statements, whatever the number of sites."""
    ids = list(site_ids)
    found = {pk: Hours() for pk in ids}
    if not ids:
        return found
    for d in SiteDay.objects.filter(site__in=ids, on__gte=local(at).date() - dt.timedelta(days=1)):
        found[d.site_id].days[d.on] = ()
        found[d.site_id].notes[d.on] = d.note
    rows = SitePeriod.objects.filter(site__in=ids).order_by("opens").values_list(
        "site_id", "weekday", "day__on", "opens", "closes"
    )  # fmt: skip
    for pk, weekday, on, opens, closes in rows:
        hours, period = found[pk], Period(opens, closes)
        if weekday is not None:
            hours.week[weekday] = (*hours.week[weekday], period)
        elif on in hours.days:
            hours.days[on] = (*hours.days[on], period)
    return found


# What is asked for ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of the map and the list."""

    open: bool = False
    kind: str = ""
    services: tuple[str, ...] = ()
    area: str = ""
    text: str = ""

    @property
    def any(self) -> bool:
        return bool(self.open or self.kind or self.services or self.area or self.text)


def wanted(given: Any) -> Wanted:
    """Filters out of an address; what is not known is left out."""
    area = str(given.get("area", ""))[:24]
    return Wanted(
        open=given.get("open") == "1",
        kind=k if (k := given.get("kind", "")) in dict(FILTERS) else "",
        services=tuple(s for s in Service.values if s in given.getlist("service")[:30]),
        area=area if area.isascii() and area.isalnum() else "",
        text=str(given.get("q", "")).strip()[:40],
    )


def filtered(want: Wanted, at: dt.datetime) -> SiteQuerySet:
    """Sites in service that fit."""
    now = local(at)
    found: SiteQuerySet = Site.objects.serving(now.date())
    if want.kind:
        found = found.of_kind(want.kind)
    if want.services:
        found = found.filter(services__contains=list(want.services))
    if want.area:
        found = found.filter(area_path__gte=want.area, area_path__lt=want.area + "~")
    if want.text:
        found = found.filter(Q(name__contains=want.text) | Q(address__contains=want.text))
    return found.open_at(now) if want.open else found


# On the map -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Box:
    """What a map shows: degrees, and the zoom of the usual web maps (0: the earth in 256 pixels)."""

    west: float
    south: float
    east: float
    north: float
    zoom: int

    @property
    def squares(self) -> tuple[float, float]:
        """Width and height of a square in degrees: SQUARE pixels, and larger where ACROSS of them would not do."""
        wide = max(360 / 2**self.zoom * SQUARE / TILE, (self.east - self.west) / ACROSS)
        squeeze = math.cos(math.radians((self.south + self.north) / 2))
        high = max(360 / 2**self.zoom * SQUARE / TILE * squeeze, (self.north - self.south) / ACROSS)
        return wide, high


def box(text: str, zoom: str) -> Box:
    """'121.3,37.4,121.5,37.6' and '13', kept inside China; the whole of it when they cannot be read."""
    try:
        w, s, e, n = (float(part) for part in text.split(","))
        z = int(zoom)
    except ValueError:
        w, s, e, n = WORLD
        z = 5
    if not all(map(math.isfinite, (w, s, e, n))) or w >= e or s >= n:
        w, s, e, n = WORLD
    w, s, e, n = max(w, WORLD[0]), max(s, WORLD[1]), min(e, WORLD[2]), min(n, WORLD[3])
    if w >= e or s >= n:  # somewhere else on earth: nothing stands there
        w, s, e, n = WORLD[0], WORLD[1], WORLD[0] + 0.001, WORLD[1] + 0.001
    return Box(w, s, e, n, min(max(z, 0), 19))


@dataclass(frozen=True, slots=True)
class Square:
    """Sites of one square of the map: where they are on average, how many, how many of them open; the one, if one."""

    lat: float
    lon: float
    count: int
    open: int
    site_id: int | None


def squares(want: Wanted, around: Box, at: dt.datetime) -> list[Square]:
    """What the map shows of a box: (ACROSS + 1)² squares at most, whatever the number of sites. One statement."""
    wide, high = around.squares
    rows = filtered(want, at).filter(
        lat__gte=around.south, lat__lte=around.north, lon__gte=around.west, lon__lte=around.east
    )
    sql, values = rows.values_list("id", "lat", "lon").order_by().query.sql_with_params()
    now = Site.objects.filter(open_now(local(at))).values("id").order_by().query.sql_with_params()
    with connection.cursor() as cur:
        cur.execute(
            f"SELECT avg(lat), avg(lon), count(*), count(o.id), min(s.id) FROM ({sql}) s(id, lat, lon)"
            f" LEFT JOIN ({now[0]}) o(id) ON o.id = s.id"
            " GROUP BY floor(s.lon / %s::float8), floor(s.lat / %s::float8) ORDER BY 3 DESC, 5",
            [*values, *now[1], wide, high],
        )
        return [Square(lat, lon, n, o, pk if n == 1 else None) for lat, lon, n, o, pk in cur.fetchall()]


def names(site_ids: Iterable[int]) -> dict[int, tuple[str, str, bool]]:
    """{id: (name, kind, whether its hours are known)}. One statement."""
    rows = Site.objects.filter(pk__in=list(site_ids)).annotate(
        known=Exists(SitePeriod.objects.filter(site=OuterRef("pk")))
    )
    return {pk: (name, kind, known) for pk, name, kind, known in rows.values_list("id", "name", "kind", "known")}


def bounds(area_path: str, at: dt.datetime) -> tuple[float, float, float, float] | None:
    """South, west, north, east of the sites of an area; None where there are none. One statement."""
    with connection.cursor() as cur:
        found = Site.objects.serving(local(at).date()).filter(area_path__gte=area_path, area_path__lt=area_path + "~")
        sql, values = found.values_list("lat", "lon").order_by().query.sql_with_params()
        # one site mapped far off must not decide what everybody sees first: the middle 96 of a hundred do
        cur.execute(
            "SELECT percentile_cont(ARRAY[.02, .98]) WITHIN GROUP (ORDER BY s.lat),"
            f" percentile_cont(ARRAY[.02, .98]) WITHIN GROUP (ORDER BY s.lon) FROM ({sql}) s(lat, lon)",
            values,
        )
        lat, lon = cur.fetchone()
    return (lat[0], lon[0], lat[1], lon[1]) if lat else None


# Lists ------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SiteRow:
    """One line of a list."""

    site: Site
    status: Status
    known: bool = True
    km: float | None = None


def _rows(sites: Sequence[Site], at: dt.datetime) -> list[SiteRow]:
    hours, now = hours_of([s.pk for s in sites], at), local(at)
    return [SiteRow(s, hours[s.pk].status(now), hours[s.pk].known) for s in sites]


def listed(want: Wanted, at: dt.datetime, *, after: str | None = None) -> Page[SiteRow]:
    """Sites by name. Three statements."""
    found = keyset(filtered(want, at), order=("name", "id"), after=after, size=PAGE)
    return Page(_rows(found.rows, at), found.next)


def nearest(want: Wanted, lat: float, lon: float, at: dt.datetime, *, near: float, most: int = PAGE) -> list[SiteRow]:
    """The nearest sites, those open now before the others within each `near` kilometres of the way. Three statements.

    The point is used here and kept nowhere."""
    squeeze = math.cos(math.radians(lat)) ** 2
    away = ExpressionWrapper(
        (F("lat") - lat) * (F("lat") - lat) + (F("lon") - lon) * (F("lon") - lon) * squeeze, output_field=FloatField()
    )
    found = list(filtered(want, at).alias(away=away).order_by("away", "id")[: min(most, NEAREST)])
    rows = [SiteRow(r.site, r.status, r.known, apart(lat, lon, r.site.lat, r.site.lon)) for r in _rows(found, at)]
    return sorted(rows, key=lambda r: (int((r.km or 0) / near), not r.status.open, r.km or 0))


def streets(area_path: str) -> list[Area]:
    """Streets and townships of an area, to filter by. One statement."""
    return list(Area.objects.offered().inside(area_path).filter(level=Level.TOWNSHIP).order_by("path")[:80])


def home() -> Area | None:
    """The area whose public pages these are. One statement."""
    return Area.objects.filter(path=settings.HELI_HOME_AREA).first()


# One site ---------------------------------------------------------------------------------------------------------------
def site(site_id: int) -> Site:
    """A site by its number, closed ones too; NotFound (L-404). One statement."""
    found: Site | None = Site.objects.select_related("area").filter(pk=site_id).first()
    if found is None:
        raise NotFound
    return found


def in_service(site_id: int, at: dt.datetime) -> Site | None:
    """The site if it is in service; for rooms further right that point at one. One statement."""
    found: Site | None = Site.objects.serving(local(at).date()).select_related("area").filter(pk=site_id).first()
    return found


def keeper_name(one: Site, actor: Actor) -> str:
    """The organisation that keeps it; '' where none is named. One statement."""
    if one.keeper_id is None:
        return ""
    found = subjects.describe([(ORG, one.keeper_id)], actor)
    return found[ORG, one.keeper_id].title if (ORG, one.keeper_id) in found else ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the ratings that count say: how many, the sum of their stars; services missed, most often first."""

    n: int
    stars: int
    missing: tuple[tuple[str, int], ...] = ()


def _before(at: dt.datetime, months: int) -> dt.date:
    """The first day of the month so many months ago: ratings of it count no more."""
    years, month = divmod(local(at).year * 12 + local(at).month - 1 - months, 12)
    return dt.date(years, month + 1, 1)


def opinion(site_id: int, at: dt.datetime, *, months: int) -> Opinion:
    """Ratings of one site in the last months, and what is missing there. Two statements."""
    rows = SiteRating.objects.filter(site=site_id, month__gt=_before(at, months))
    total = rows.aggregate(n=Count("id"), s=Sum("stars"))
    with connection.cursor() as cur:
        cur.execute(
            "SELECT m, count(*) FROM places_siterating, unnest(missing) m WHERE site_id = %s AND month > %s"
            " GROUP BY m ORDER BY 2 DESC, 1",
            [site_id, _before(at, months)],
        )
        missing = tuple(cur.fetchall())
    return Opinion(total["n"], total["s"] or 0, missing)


def opinions(site_ids: Iterable[int], at: dt.datetime, *, months: int) -> dict[int, Opinion]:
    """Ratings of several sites, without what is missing. One statement."""
    ids = list(site_ids)
    rows = SiteRating.objects.filter(site__in=ids, month__gt=_before(at, months)).values("site")
    return {r["site"]: Opinion(r["n"], r["s"]) for r in rows.annotate(n=Count("id"), s=Sum("stars"))}


def missed(actor: Actor, at: dt.datetime, *, months: int) -> list[tuple[str, int, int]]:
    """What is missing across the actor's sites: (service, ratings that say so, sites they are about). One statement."""
    mine = Site.objects.managed_by(actor).serving(local(at).date()).values("id").order_by()
    try:
        sql, values = mine.query.sql_with_params()
    except EmptyResultSet:  # nothing is theirs
        return []
    with connection.cursor() as cur:
        cur.execute(
            "SELECT m, count(*), count(DISTINCT site_id) FROM places_siterating, unnest(missing) m"
            f" WHERE month > %s AND site_id IN ({sql}) GROUP BY m ORDER BY 2 DESC, 1",
            [_before(at, months), *values],
        )
        return list(cur.fetchall())


# For who manages or keeps them ------------------------------------------------------------------------------------------
def managed(actor: Actor, want: Wanted, at: dt.datetime, *, state: str = "") -> SiteQuerySet:
    """Sites the actor manages or keeps; `state`: '' in service, 'closed', 'silent' (no hours)."""
    found: SiteQuerySet = Site.objects.managed_by(actor)
    today = local(at).date()
    if state == "closed":
        found = found.filter(closed_on__lte=today)
        want = Wanted(kind=want.kind, services=want.services, area=want.area, text=want.text)
    else:
        found = found.filter(pk__in=filtered(want, at).values("id"))
        if state == "silent":
            found = found.exclude(pk__in=SitePeriod.objects.values("site_id"))
        return found.select_related("area")
    if want.kind:
        found = found.of_kind(want.kind)
    if want.text:
        found = found.filter(Q(name__contains=want.text) | Q(address__contains=want.text))
    return found.select_related("area")


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One line of the desk."""

    site: Site
    status: Status
    opinion: Opinion
    keeper: str
    known: bool


def desk_rows(actor: Actor, sites: Sequence[Site], at: dt.datetime, *, months: int) -> list[DeskRow]:
    """Lines with hours, ratings and keepers. Four statements, whatever the number of rows."""
    ids = [s.pk for s in sites]
    hours, seen, now = hours_of(ids, at), opinions(ids, at, months=months), local(at)
    pairs = {(ORG, s.keeper_id) for s in sites if s.keeper_id is not None}
    keepers: Mapping[Any, subjects.Subject] = subjects.describe(pairs, actor) if pairs else {}
    return [
        DeskRow(
            s, hours[s.pk].status(now), seen.get(s.pk, Opinion(0, 0)),
            k.title if (k := keepers.get((ORG, s.keeper_id))) else "",
            hours[s.pk].known,
        )
        for s in sites
    ]  # fmt: skip


def desk(
    actor: Actor, want: Wanted, at: dt.datetime, *, months: int, state: str = "", after: str | None = None
) -> Page[DeskRow]:
    """One page of the desk, by name."""
    found = keyset(managed(actor, want, at, state=state), order=("name", "id"), after=after, size=50)
    return Page(desk_rows(actor, found.rows, at, months=months), found.next)


def own(actor: Actor, site_id: int) -> tuple[Site, bool]:
    """A site the actor may change, and whether they manage its area; NotFound (L-404) otherwise. One statement."""
    found: Site | None = Site.objects.managed_by(actor).select_related("area").filter(pk=site_id).first()
    if found is None:
        raise NotFound
    return found, actor.can(Cap.MANAGE_SITES, path=found.area_path)

"""Every change of a site. A site belongs to who manages its area, and to the organisation that keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.shared import sealed_key
from heli.core.steps import Step, step
from heli.engines import identifiers
from heli.engines.opening import Period, Periods, Unclear, Week, checked, overlap, parse
from heli.places import outlines
from heli.places.errors import HoursUnclear, PointOutside, RatedAlready, SiteChanged, SiteNameTaken
from heli.places.models import Area
from heli.places.queries import ancestors_of
from heli.places.site_words import unclear, weekday
from heli.places.sites import Ebike, Position, Service, Site, SiteDay, SiteKind, SitePeriod, SiteRating

NEVER: Week = ((),) * 7
TEXTS = {"name": 60, "address": 120, "way": 200, "gate": 80, "park": 80, "access_until": 40}
BY_KEEPER = frozenset({"services", "phone", "way", "gate", "gate_lat", "gate_lon", "park", "ebike", "access_until"})
BY_MANAGER = BY_KEEPER | {"kind", "position", "name", "address", "lat", "lon", "keeper_id", "valid_from"}


# What is typed ----------------------------------------------------------------------------------------------------------
def read_hours(text: str, *, name: str = "hours") -> Periods:
    """Hours of one day as typed; HoursUnclear (L-234) says how to write them."""
    try:
        return parse(text)
    except Unclear as error:
        raise HoursUnclear(message=unclear(error), field=name) from error


def _week(week: Week) -> list[Periods]:
    try:
        rows = [checked(Period(*p) for p in day) for day in week]
    except Unclear as error:
        raise HoursUnclear(message=unclear(error), field="week") from error
    if len(rows) != 7:
        raise HoursUnclear(message=_now("A week has seven days."), field="week")
    if pair := overlap(rows):
        message = _now("The hours of %(day)s run past midnight into those of %(next)s.")
        raise HoursUnclear(message=message % {"day": weekday(pair[0]), "next": weekday(pair[1])}, field="week")
    return rows


def _cleaned(given: Mapping[str, Any], area: Area) -> dict[str, Any]:
    """The fields of a site, checked; whatever cannot be used is said beside its field."""
    data = dict(given)
    for name, most in TEXTS.items():
        if name not in data:
            continue
        data[name] = " ".join(str(data[name]).split())
        if len(data[name]) > most:
            raise Invalid(_now("At most %(n)s characters fit here.") % {"n": most}, field=name)
    if "name" in data and len(data["name"]) < 2:
        raise Invalid(_("A name has 2 to 60 characters."), field="name")
    if "address" in data and not data["address"]:
        raise Invalid(_("Write the address: people look for the house, not for degrees."), field="address")
    if data.get("phone"):
        try:
            data["phone"] = identifiers.phone(data["phone"])
        except identifiers.BadIdentifier as error:
            raise Invalid(_("This is not a phone number. Type the area code first."), field="phone") from error
    for name, known in (
        ("services", Service.values),
        ("kind", SiteKind.values),
        ("ebike", Ebike.values),
        ("position", Position.values),
    ):
        said = data.get(name)
        if said is not None and not set(said if isinstance(said, list | tuple) else [said]) <= set(known):
            raise Invalid(_("Choose from the list."), field=name)
    if data.get("kind", SiteKind.SERVICE) != SiteKind.SERVICE and ("kind" in data or data.get("position")):
        data["position"] = ""  # a station is no service position
    if "services" in data:
        data["services"] = [s for s in Service.values if s in data["services"]]
    _point(data, area, "lat", "lon")
    _point(data, area, "gate_lat", "gate_lon")
    return data


def _point(data: dict[str, Any], area: Area, lat_name: str, lon_name: str) -> None:
    if lat_name not in data:
        return
    lat, lon = data[lat_name], data.get(lon_name)
    if lat is None and lon is None and lat_name != "lat":
        return
    known = [
        (a.level, float(a.lat), float(a.lon)) for a in ancestors_of(area) if a.lat is not None and a.lon is not None
    ]
    if lat is None or lon is None or not (3 <= lat <= 54 and 73 <= lon <= 136):
        raise PointOutside(area=area.name, field=lat_name)
    if not outlines.plausible(area.path, lat, lon, known):
        raise PointOutside(area=area.name, field=lat_name)


# One site ---------------------------------------------------------------------------------------------------------------
def _lock(s: Step, site_id: int, version: int | None = None, *, manager: bool = False) -> tuple[Site, bool]:
    """The site, locked, and whether the actor manages its area; NotFound (L-404) for others, as if it did not exist.

    With `version` the one that the writer has seen must be the present one (L-230)."""
    site = s.lock(Site, site_id, related=("area",))
    manages = s.by.can(Cap.MANAGE_SITES, path=site.area_path)
    keeps = site.keeper_id is not None and s.by.can(Cap.KEEP_SITE, org_id=site.keeper_id)
    if not manages and (manager or not keeps):
        raise NotFound
    if manages:
        s.require(Cap.MANAGE_SITES, path=site.area_path)
    else:
        s.require(Cap.KEEP_SITE, org_id=site.keeper_id)
    if version is not None and version != site.version:
        raise SiteChanged
    s.about("places.site", site.pk, site.area_path)
    return site, manages


def _saved(s: Step, site: Site, *fields: str) -> None:
    site.version += 1
    site.changed_at = s.at
    try:
        with transaction.atomic():
            site.save(update_fields=[*fields, "version", "changed_at"])
    except IntegrityError as error:
        raise SiteNameTaken(name=site.name, field="name") from error


def _put_week(site: Site, week: Sequence[Periods]) -> None:
    SitePeriod.objects.filter(site=site, weekday__isnull=False).delete()
    SitePeriod.objects.bulk_create(
        SitePeriod(site=site, weekday=day, opens=p.opens, closes=p.closes)
        for day, rows in enumerate(week)
        for p in rows
    )


def add_site(*, area_path: str, week: Week = NEVER, by: Actor, at: dt.datetime, **given: Any) -> Site:
    """A new site in an area: kind, name, address, lat, lon (WGS-84), and what else BY_MANAGER names.

    Raises:
        PointOutside: the point does not lie there (L-232). SiteNameTaken: the name stands there already (L-231).
        HoursUnclear: hours that overlap (L-234). Invalid: a field cannot be used (L-400).
    """
    if unknown := given.keys() - BY_MANAGER:
        raise TypeError(f"a site has no {sorted(unknown)}")
    with step("site.add", by=by, at=at) as s:
        if not by.can(Cap.MANAGE_SITES, path=area_path):
            raise Forbidden
        s.require(Cap.MANAGE_SITES, path=area_path)
        area = Area.objects.offered().filter(path=area_path).first()
        if area is None:
            raise NotFound
        data = _cleaned({"kind": SiteKind.STATION, **given}, area)
        for name in ("name", "address", "lat"):
            if data.get(name) in {None, ""}:
                raise PaperMissing(field=name, paper=name)
        data.setdefault("valid_from", timezone.localdate(at))
        rows = _week(week)
        site = Site(area=area, area_path=area.path, changed_at=at, **data)
        try:
            with transaction.atomic():
                site.save(force_insert=True)
        except IntegrityError as error:
            raise SiteNameTaken(name=site.name, field="name") from error
        _put_week(site, rows)
        s.about("places.site", site.pk, area.path)
        s.record(site, public=True, name=site.name, kind=site.kind)
    return site


def change_site(
    *, site_id: int, version: int, week: Week | None = None, by: Actor, at: dt.datetime, **given: Any
) -> Site:
    """Change what is given; who keeps the site may change BY_KEEPER and its hours, who manages the area all.

    Raises:
        SiteChanged: somebody else changed it since `version` (L-230). Otherwise as `add_site`.
    """
    with step("site.change", by=by, at=at) as s:
        site, manages = _lock(s, site_id, version)
        if given.keys() - (BY_MANAGER if manages else BY_KEEPER):
            raise Forbidden
        data = _cleaned(given, site.area)
        changed = sorted(name for name, value in data.items() if getattr(site, name) != value)
        for name in changed:
            setattr(site, name, data[name])
        if week is not None:
            rows = _week(week)
            _put_week(site, rows)
        s.record(site, changed=changed, hours=week is not None)
        _saved(s, site, *changed)
    return site


def set_day(*, site_id: int, on: dt.date, periods: Periods, note: str = "", by: Actor, at: dt.datetime) -> Site:
    """Other hours on one day, today or later; no periods: closed. What was said of the day before is replaced."""
    with step("site.day", by=by, at=at) as s:
        site, _manages = _lock(s, site_id)
        today = timezone.localdate(at)
        if not today <= on <= today + dt.timedelta(days=400):
            raise Invalid(_("Choose a day from today on, within a year."), field="on")
        try:
            rows = checked(Period(*p) for p in periods)
        except Unclear as error:
            raise HoursUnclear(message=unclear(error), field="hours") from error
        note = identifiers.without_personal(" ".join(note.split()))[:60]
        SiteDay.objects.filter(site=site, on=on).delete()
        day = SiteDay.objects.create(site=site, on=on, note=note)
        SitePeriod.objects.bulk_create(SitePeriod(site=site, day=day, opens=p.opens, closes=p.closes) for p in rows)
        s.record(site, public=True, on=on.isoformat(), hours=[list(p) for p in rows], note=note)
        _saved(s, site)
    return site


def usual_day(*, site_id: int, on: dt.date, by: Actor, at: dt.datetime) -> Site:
    """The week's hours hold again on that day."""
    with step("site.usual", by=by, at=at) as s:
        site, _manages = _lock(s, site_id)
        gone, _each = SiteDay.objects.filter(site=site, on=on).delete()
        if not gone:
            raise WrongState
        s.record(site, public=True, on=on.isoformat())
        _saved(s, site)
    return site


def close_site(*, site_id: int, version: int, on: dt.date, reason: str, by: Actor, at: dt.datetime) -> Site:
    """No more from a day on; its page stays and says so. `reason` is shown."""
    with step("site.close", by=by, at=at) as s:
        site, _manages = _lock(s, site_id, version, manager=True)
        if site.closed_on is not None:
            raise WrongState
        reason = identifiers.without_personal(" ".join(reason.split()))[:120]
        if not reason:
            raise PaperMissing(field="reason", paper=_now("why it closes"))
        if on < site.valid_from:
            raise Invalid(_("It cannot close before it opened."), field="on")
        site.closed_on, site.closed_why = on, reason
        s.record(site, public=True, on=on.isoformat(), reason=reason)
        _saved(s, site, "closed_on", "closed_why")
    return site


def reopen_site(*, site_id: int, version: int, by: Actor, at: dt.datetime) -> Site:
    """It is there again, under its name unless another one has taken it (L-231)."""
    with step("site.reopen", by=by, at=at) as s:
        site, _manages = _lock(s, site_id, version, manager=True)
        if site.closed_on is None:
            raise WrongState
        site.closed_on, site.closed_why = None, ""
        s.record(site, public=True)
        _saved(s, site, "closed_on", "closed_why")
    return site


# What people think of it ------------------------------------------------------------------------------------------------
def rate_site(*, site_id: int, stars: int, missing: Sequence[str] = (), by: Actor, at: dt.datetime) -> SiteRating:
    """1 to 5, and what is missing there; once an account and month. Who it was cannot be read from what is kept.

    Raises:
        RatedAlready: this month was rated by this account (L-233). NotFound: no such site in service (L-404).
    """
    if by.user_id is None:
        raise Forbidden
    if not 1 <= stars <= 5:
        raise Invalid(_("Choose one to five."), field="stars")
    if not set(missing) <= set(Service.values):
        raise Invalid(_("Choose from the list."), field="missing")
    month = timezone.localdate(at).replace(day=1)
    # The event says that the site was rated, not by whom: written as the public.
    with step("site.rate", by=Actor(None), at=at) as s:
        site = Site.objects.serving(timezone.localdate(at)).filter(pk=site_id).first()
        if site is None:
            raise NotFound
        mark = sealed_key(f"site.rating:{site.pk}:{by.user_id}:{month}")
        try:
            with transaction.atomic():
                made = SiteRating.objects.create(
                    site=site,
                    mark=mark,
                    month=month,
                    stars=stars,
                    missing=[m for m in Service.values if m in set(missing)],
                )
        except IntegrityError as error:
            raise RatedAlready from error
        s.about("places.site", site.pk, site.area_path)
        s.record(site)
    return made

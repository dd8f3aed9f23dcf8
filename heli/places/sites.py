"""Stations and friendly places: what stands where, when it is open, what it offers, how riders get in.

Organisations are right of places, so the one that keeps a site is a plain id here: its name is asked of
`core.subjects` ("orgs.organisation"), and whether somebody keeps it is their grant's organisation
(`actor.org_ids(Cap.KEEP_SITE)`). A table of keepers in a room further right would split a site's truth in two.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField, IntegerRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.places.models import Area


class SiteKind(models.TextChoices):
    STATION = "station", _("Warm station")
    COMMUNITY = "community", _("Friendly community")
    STREET = "street", _("Friendly street")
    SERVICE = "service", _("Service position")


class Position(models.TextChoices):
    """What kind of service position it is; the names are those on their signs."""

    UNSAID = "", _("not said")
    CENTRE = "centre", _("New-era civilization practice centre")
    INSTITUTE = "institute", _("New-era civilization practice institute")
    POST = "post", _("New-era civilization practice station")
    COMMUNITY_CENTRE = "community", _("Community service centre")
    FIVE_SIX = "five_six", _("Five clubs, six stations")
    OTHER = "other", _("Another service position")


# What the map and the lists may be filtered by: a kind, or a service position of one kind.
FILTERS = (*SiteKind.choices, *((f"service.{value}", label) for value, label in Position.choices if value))


class Service(models.TextChoices):
    """What a site may offer. A new one is a new line here and in the constraint's migration."""

    WATER = "water", pgettext_lazy("service", "Drinking water")
    REST = "rest", pgettext_lazy("service", "A seat")
    TOILET = "toilet", pgettext_lazy("service", "Toilet")
    CHARGING = "charging", pgettext_lazy("service", "Phone charging")
    BATTERY = "battery", pgettext_lazy("service", "Battery swap or charging for bikes")
    MICROWAVE = "microwave", pgettext_lazy("service", "Microwave")
    HEATING = "heating", pgettext_lazy("service", "Heating in winter")
    COOLING = "cooling", pgettext_lazy("service", "Cool air in summer")
    WIFI = "wifi", pgettext_lazy("service", "Wi-Fi")
    FIRST_AID = "first_aid", pgettext_lazy("service", "First-aid box")
    UMBRELLA = "umbrella", pgettext_lazy("service", "Umbrella or raincoat")
    AIR = "air", pgettext_lazy("service", "Air for tyres")
    REPAIR = "repair", pgettext_lazy("service", "Small repairs")
    MEAL = "meal", pgettext_lazy("service", "Meal discount")
    READING = "reading", pgettext_lazy("service", "Books and newspapers")
    PARKING = "parking", pgettext_lazy("service", "Parking for a delivery bike")


class Ebike(models.TextChoices):
    """What a rider may do with an electric bike inside."""

    UNSAID = "", _("not said")
    RIDE = "ride", _("Ride in slowly")
    PUSH = "push", _("Get off and push it")
    GATE = "gate", _("Leave it at the gate")


class SiteQuerySet(models.QuerySet["Site"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002
        """All sites: they are there to be found. Who may change one is asked by the steps."""
        return self

    def managed_by(self, actor: Actor) -> Self:
        """Those of the actor's areas, and those their organisation keeps."""
        return self.filter(
            within("area_path", actor.paths(Cap.MANAGE_SITES)) | Q(keeper_id__in=actor.org_ids(Cap.KEEP_SITE))
        )

    def serving(self, day: dt.date) -> Self:
        """In service on a day: begun, and not closed for good."""
        return self.filter(Q(valid_from__lte=day) & (Q(closed_on=None) | Q(closed_on__gt=day)))

    def of_kind(self, kind: str) -> Self:
        """One of FILTERS: 'station', 'service', 'service.centre'."""
        kind, _dot, position = kind.partition(".")
        return self.filter(kind=kind, position=position) if position else self.filter(kind=kind)

    def open_at(self, at: dt.datetime) -> Self:
        """Those open at a local moment (no zone). The same answer as engines.opening.status."""
        return self.filter(open_now(at))


def open_now(at: dt.datetime) -> Q:
    """Sites whose hours hold a local moment: today's periods, or yesterday's that go past midnight."""
    found = Q()
    for day, minute in (
        (at.date(), at.hour * 60 + at.minute),
        (at.date() - dt.timedelta(days=1), at.hour * 60 + at.minute + 1440),
    ):
        lasting = SitePeriod.objects.filter(opens__lte=minute, closes__gt=minute)
        different = SiteDay.objects.filter(on=day)
        found |= Q(pk__in=lasting.filter(day__on=day).values("site_id"))
        found |= Q(pk__in=lasting.filter(weekday=day.weekday()).values("site_id")) & ~Q(
            pk__in=different.values("site_id")
        )
    return found


class Site(models.Model):
    """A station, a friendly community or street, another service position. Points are WGS-84 degrees."""

    kind = models.CharField(max_length=12, choices=SiteKind.choices)
    position = models.CharField(max_length=10, choices=Position.choices, default="", db_default="", blank=True)
    name = models.CharField(max_length=60)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+")
    area_path = PathField(db_index=True)
    keeper_id = models.BigIntegerField(null=True)  # plain id: organisations are right of places (see above)
    lat = models.FloatField()
    lon = models.FloatField()
    address = models.CharField(max_length=120)
    way = models.CharField(max_length=200, default="", blank=True)  # how to get there, in words
    phone = models.CharField(max_length=20, default="", blank=True)  # an office's number, public
    services = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    # how riders get into a friendly community or street
    gate = models.CharField(max_length=80, default="", blank=True)
    gate_lat = models.FloatField(null=True, blank=True)
    gate_lon = models.FloatField(null=True, blank=True)
    park = models.CharField(max_length=80, default="", blank=True)
    ebike = models.CharField(max_length=8, choices=Ebike.choices, default=Ebike.UNSAID, blank=True)
    access_until = models.CharField(max_length=40, default="", blank=True)  # till when, in words: 22:00 以后登记
    valid_from = models.DateField()
    closed_on = models.DateField(null=True, blank=True)  # the first day on which it is no more
    closed_why = models.CharField(max_length=120, default="", blank=True)
    version = models.PositiveIntegerField(default=1)  # what an editor has seen: two do not overwrite each other
    changed_at = models.DateTimeField()

    objects: ClassVar[Any] = SiteQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area", "name"], name="site_name_once", condition=Q(closed_on=None)),
            models.CheckConstraint(condition=Q(kind__in=SiteKind.values), name="site_kind_known"),
            models.CheckConstraint(
                condition=Q(position="") | Q(kind="service", position__in=Position.values), name="site_position_known"
            ),
            models.CheckConstraint(condition=Q(ebike__in=Ebike.values), name="site_ebike_known"),
            models.CheckConstraint(condition=Q(services__contained_by=Service.values), name="site_services_known"),
            models.CheckConstraint(condition=Q(lat__range=(3, 54), lon__range=(73, 136)), name="site_point"),
            models.CheckConstraint(
                condition=Q(gate_lat=None, gate_lon=None)
                | Q(gate_lat__isnull=False, gate_lat__range=(3, 54), gate_lon__isnull=False, gate_lon__range=(73, 136)),
                name="site_gate_point",
            ),
            models.CheckConstraint(condition=Q(closed_on=None) | Q(closed_on__gte=F("valid_from")), name="site_dates"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["lat", "lon"], name="site_where"),
            models.Index(fields=["name", "id"], name="site_by_name"),
            models.Index(fields=["keeper_id"], name="site_keeper", condition=Q(keeper_id__isnull=False)),
            GinIndex(fields=["services"], name="site_services"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def unit_id(self) -> int | None:
        """What capability checks read."""
        return self.keeper_id

    @property
    def kind_words(self) -> str:
        """What it is called: its kind, or which service position it is."""
        return str(self.get_position_display() if self.position else self.get_kind_display())


class SiteDay(models.Model):
    """A day on which other hours hold than the week's; without periods it is closed that day."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="days")
    on = models.DateField()
    note = models.CharField(max_length=60, default="", blank=True)  # why, shown to everybody: 停水

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["site", "on"], name="site_day_once"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["on"], name="site_day_on")]

    def __str__(self) -> str:
        return f"{self.site_id} {self.on}"


class SitePeriod(models.Model):
    """Open from `opens` until `closes` (minutes from midnight, beyond 1440 past it), each week or on one day."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="periods")
    weekday = models.PositiveSmallIntegerField(null=True)  # 0: Monday
    day = models.ForeignKey(SiteDay, null=True, on_delete=models.CASCADE, related_name="periods")
    opens = models.PositiveSmallIntegerField()
    closes = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(weekday__isnull=False, weekday__range=(0, 6), day=None)
                | Q(weekday__isnull=True, day__isnull=False),
                name="site_period_of",
            ),
            models.CheckConstraint(
                condition=Q(opens__lt=1440, closes__gt=F("opens"), closes__lte=F("opens") + 1440),
                name="site_period_times",
            ),
            ExclusionConstraint(  # ranges of one id: no extension is needed
                name="site_period_apart",
                expressions=[
                    (
                        Func(
                            F("site_id"),
                            F("site_id"),
                            Value("[]"),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(
                            F("weekday") * 1440 + F("opens"),
                            F("weekday") * 1440 + F("closes"),
                            function="int4range",
                            output_field=IntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(weekday__isnull=False),
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["weekday", "opens", "closes"], name="site_period_week", include=["site"]),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.opens}-{self.closes}"


class SiteRating(models.Model):
    """What somebody thought of a site, once an account and month. `mark` is a keyed hash of site, account and month:
    the database keeps a second one out, and nobody can read from it who it was."""

    append_only: ClassVar[bool] = True

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="ratings")
    mark = models.BinaryField(max_length=32, unique=True)
    month = models.DateField()  # its first day: no row says when exactly somebody was there
    stars = models.PositiveSmallIntegerField()
    missing = ArrayField(models.CharField(max_length=12), default=list, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(stars__range=(1, 5)), name="site_stars"),
            models.CheckConstraint(condition=Q(missing__contained_by=Service.values), name="site_missing_known"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["site", "month"], name="site_rating_of")]

    def __str__(self) -> str:
        return f"{self.site_id} {self.stars}"

"""The tree of areas, what else they are called, and how they changed."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.scope import PathField, within

SEARCH_LENGTH = 120


class Kind(models.TextChoices):
    """What stands behind a row of the statistical table (from its code bands)."""

    ADMIN = "admin", _("Administrative area")
    FUNCTIONAL = "functional", _("Development zone, farm or the like")
    PLACEHOLDER = "placeholder", _("Placeholder level")
    LIKE_COMMUNITY = "like-community", _("Like a community")
    LIKE_VILLAGE = "like-village", _("Like a village")
    VIRTUAL = "virtual", _("Virtual community")


HIDDEN_KINDS = (Kind.PLACEHOLDER, Kind.VIRTUAL)  # never offered in a picker: nobody lives in "市辖区"


class Level(models.IntegerChoices):
    PROVINCE = 1, _("Province")
    CITY = 2, _("City")
    COUNTY = 3, _("County")
    TOWNSHIP = 4, _("Township or street")
    VILLAGE = 5, _("Community or village")
    GRID = 6, pgettext_lazy("area", "Grid")


class Precision(models.TextChoices):
    """How exactly the point of an area is known."""

    UNKNOWN = "", _("No point")
    CENTROID = "centroid", _("Centre of its boundary")
    PIN = "pin", _("Pin dropped by hand")


class AreaQuerySet(models.QuerySet["Area"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002  (areas are public)
        """All areas: where a place lies is public. Who may change it is asked by the steps."""
        return self

    def open(self) -> Self:
        return self.filter(valid_to=None)

    def offered(self) -> Self:
        """What a picker may offer: in force, and a place where somebody can live or work."""
        return self.open().exclude(kind__in=HIDDEN_KINDS)

    def inside(self, *paths: str) -> Self:
        return self.filter(within("path", paths))


class Area(models.Model):
    """One area. `path` places it in the tree; `code12` is its number in the official table (empty for our own).

    Points are WGS-84 degrees.
    """

    path = PathField()
    code12 = models.CharField(max_length=12, default="", blank=True, db_collation="C")
    level = models.PositiveSmallIntegerField(choices=Level.choices)
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.ADMIN)
    name = models.CharField(max_length=SEARCH_LENGTH)
    official_name = models.CharField(max_length=SEARCH_LENGTH, default="", blank=True)  # where ours was corrected
    short_name = models.CharField(max_length=SEARCH_LENGTH, db_collation="C")
    initials = models.CharField(max_length=SEARCH_LENGTH, default="", blank=True, db_collation="C")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    lat = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    lon = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    precision = models.CharField(max_length=10, choices=Precision.choices, default=Precision.UNKNOWN, blank=True)
    valid_from = models.DateField(null=True, blank=True)  # null: from before the table was made
    valid_to = models.DateField(null=True, blank=True)  # null: in force

    objects: ClassVar[Any] = AreaQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["path"], name="area_path_once"),
            models.CheckConstraint(condition=Q(path__regex="^[0-9]{2}[0-9A-Za-z]*$"), name="area_path_form"),
            models.CheckConstraint(condition=Q(level__gte=1, level__lte=6), name="area_level_range"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="area_kind_known"),
            models.CheckConstraint(
                condition=Q(level=1, parent=None) | Q(level__gt=1, parent__isnull=False), name="area_root"
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="area_not_own_parent"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_from=None) | Q(valid_to__gte=F("valid_from")), name="area_dates"
            ),
            models.CheckConstraint(
                # a comparison with null would pass: that both are there has to be said
                condition=Q(lat=None, lon=None)
                | Q(lat__isnull=False, lat__range=(3, 54), lon__isnull=False, lon__range=(73, 136)),
                name="area_point",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["level", "short_name"], name="area_short_name"),
            models.Index(fields=["level", "initials"], name="area_initials"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def open(self) -> bool:
        return self.valid_to is None

    @property
    def area_path(self) -> str:
        """What capability checks read."""
        return self.path


class Scheme(models.TextChoices):
    """Who numbers an area like that."""

    OLD = "old", _("Former code")
    FORMAL = "formal", _("Civil affairs code")
    PATH = "path", _("Place in the tree before a move")
    OWN = "own", _("Own number")


class AreaCode(models.Model):
    """Another number an area is or was known by: a retired code, a zone's code, the code of another authority.

    Codes are kept without padding. One code may lead to several areas (莱芜市 371200 became two districts).
    """

    area = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="codes")
    scheme = models.CharField(max_length=12, choices=Scheme.choices)
    code = models.CharField(max_length=24, db_collation="C")
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["code", "scheme", "area"], name="area_code_once"),
            models.CheckConstraint(condition=Q(scheme__in=Scheme.values), name="area_code_scheme"),
        ]

    def __str__(self) -> str:
        return f"{self.scheme} {self.code}"


class AreaName(models.Model):
    """Another name people use: a former one (长岛县), a short one (伊旗)."""

    area = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="names")
    name = models.CharField(max_length=40, db_collation="C")

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["name", "area"], name="area_name_once")]

    def __str__(self) -> str:
        return self.name


class Change(models.TextChoices):
    ADDED = "added", _("Added")
    RENAMED = "renamed", _("Renamed in the official table")
    CORRECTED = "corrected", _("Name corrected")
    MOVED = "moved", _("Moved")
    GONE = "gone", _("No longer in the official table")
    BACK = "back", _("Again in the official table")
    ENDED = "ended", _("Ended")
    PINNED = "pinned", _("Pin dropped")


class AreaChange(models.Model):
    """What changed, when, by whom, on what basis. Never edited: a wrong change is followed by another."""

    append_only: ClassVar[bool] = True

    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=12, choices=Change.choices)
    old_path = PathField(default="", blank=True)
    new_path = PathField(default="", blank=True)
    old_name = models.CharField(max_length=SEARCH_LENGTH, default="", blank=True)
    new_name = models.CharField(max_length=SEARCH_LENGTH, default="", blank=True)
    at = models.DateTimeField()
    by_id = models.BigIntegerField(null=True)  # plain id: a change outlives an account
    basis = models.CharField(max_length=200, default="", blank=True)  # the decision, announcement or table

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(kind__in=Change.values), name="area_change_kind"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area", "-id"], name="area_change_area"),
            models.Index(fields=["new_path"], name="area_change_moves", condition=Q(kind="moved")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.old_path}→{self.new_path}"


class AreaRevision(models.Model):
    """One row whose token changes with every change of the tree, so that a dictionary in memory knows it is stale."""

    token = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=Q(id=1), name="area_revision_one")]

    def __str__(self) -> str:
        return str(self.token)


from heli.places.landmarks import Landmark  # noqa: E402, F401
from heli.places.resources import Booking, Resource, SitePartner  # noqa: E402, F401
from heli.places.site_tables import SiteTable  # noqa: E402, F401
from heli.places.sites import Service, Site, SiteDay, SiteKind, SitePeriod, SiteRating  # noqa: E402, F401  (tables of this room, in a file of their own)

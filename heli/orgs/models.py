"""Organisations, members, roles and grants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, ancestors, within
from heli.places.models import Area


class OrgKind(models.TextChoices):
    DEPARTMENT = "department", _("Department")
    TOWNSHIP = "township", _("Township or street office")
    COMMUNITY = "community", _("Community or village committee")
    SOCIAL_ORG = "social_org", _("Social organisation")
    ASSOCIATION = "association", _("Association")
    ENTERPRISE = "enterprise", _("Enterprise")
    FEDERATION = "federation", _("Federation")
    TEAM = "team", _("Volunteer team")
    PARTY = "party", _("Party organisation")
    DESK = "desk", _("Request centre")


# Units below the county, down to which a functional department's matter may not simply be pushed.
GRASSROOTS = (OrgKind.TOWNSHIP, OrgKind.COMMUNITY)


def own(actor: Actor) -> Q:
    """Rows whose `user` is the actor; none for the public."""
    return Q(user_id=actor.user_id) if actor.user_id is not None else Q(pk__in=[])


class OrgQuerySet(models.QuerySet["Organisation"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002
        """Organisations are public; what they do is not decided here."""
        return self

    def open_on(self, at: dt.datetime) -> Self:
        return self.filter(Q(closed_at=None) | Q(closed_at__gt=at))

    def managed_by(self, actor: Actor) -> Self:
        return self.filter(within("area_path", actor.paths(Cap.MANAGE_ORGS)))


@pghistory.track()
class Organisation(models.Model):
    """A department, street office, committee, social organisation, enterprise… A closed one takes nothing new."""

    kind = models.CharField(max_length=20, choices=OrgKind.choices)
    name = models.CharField(max_length=80)
    short_name = models.CharField(max_length=30)
    initials = models.CharField(max_length=80, default="", blank=True, db_collation="C")  # of the short name, in pinyin
    code = models.CharField(max_length=18, default="", blank=True)  # unified social credit code, where there is one
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+")
    area_path = PathField(db_index=True)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = OrgQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "name"], name="org_name_once", condition=Q(closed_at=None)),
            models.UniqueConstraint(fields=["code"], name="org_code_once", condition=~Q(code="")),
            models.CheckConstraint(condition=Q(closed_at=None) | Q(closed_at__gt=F("opened_at")), name="org_dates"),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="org_not_own_parent"),
        ]

    def __str__(self) -> str:
        return self.name


class MemberQuerySet(models.QuerySet["Member"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of organisations the actor manages, and the actor's own memberships."""
        return self.filter(within("org__area_path", actor.paths(Cap.MANAGE_ORGS)) | own(actor))

    def in_force(self, at: dt.datetime) -> Self:
        return self.filter(valid_from__lte=at).filter(Q(valid_to=None) | Q(valid_to__gt=at))


@pghistory.track()
class Member(models.Model):
    """Who works in or belongs to an organisation, from when until when; nothing else about the person."""

    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    title = models.CharField(max_length=40, default="", blank=True)
    valid_from = models.DateTimeField(default=timezone.now)
    valid_to = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = MemberQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["org", "user"], name="member_once", condition=Q(valid_to=None)),
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="member_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.org} · {self.user}"


@pghistory.track()
class Role(models.Model):
    """A named set of capabilities. Data: a county may name its own."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60, default="", blank=True)
    caps = ArrayField(models.CharField(max_length=40, choices=[(c.value, c.value) for c in Cap]))
    needs_org = models.BooleanField(default=False)  # holds only together with an organisation

    def __str__(self) -> str:
        return self.name_en if self.name_en and get_language() == "en" else self.name


def reach_of(paths: Iterable[str]) -> list[str]:
    """The areas at `paths` with all that lie above them, sorted; '' is the whole country."""
    return sorted({""} | {a for p in paths for a in ancestors(p)})


class GrantQuerySet(models.QuerySet["Grant"]):
    def touching(self, paths: Iterable[str]) -> Self:
        """Grants with an area inside any of `paths` (index grant_reach)."""
        return self.filter(reach__overlap=list(paths)) if paths else self.none()

    def visible_to(self, actor: Actor) -> Self:
        """What an administrator of grants sees: whatever reaches into their areas; everybody sees their own."""
        if actor.system:
            return self
        paths = actor.paths(Cap.MANAGE_GRANTS)
        return self.filter((Q(reach__overlap=list(paths)) if paths else Q(pk__in=[])) | own(actor))

    def in_force(self, at: dt.datetime) -> Self:
        """Those that count at a moment: within their dates, of an organisation that is open, of an open account."""
        return (
            self.filter(valid_from__lte=at, user__is_active=True)
            .filter(Q(valid_to=None) | Q(valid_to__gt=at))
            .filter(
                Q(org=None, role__needs_org=False)
                | Q(org__closed_at=None, org__isnull=False)
                | Q(org__closed_at__gt=at)
            )
        )


@pghistory.track(exclude=["reach"])
class Grant(models.Model):
    """What one person may do: a role, for an organisation or none, in a list of areas, between two dates."""

    area_reach: ClassVar[dict[str, str]] = {"reach": "paths"}  # for places.moving: how `reach` is made anew

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants")
    role = models.ForeignKey(Role, on_delete=models.PROTECT)
    org = models.ForeignKey(Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="grants")
    paths = ArrayField(PathField())
    reach = ArrayField(PathField())  # the paths with all areas above them: "inside 370602" is one index look-up
    valid_from = models.DateTimeField(default=timezone.now)
    valid_to = models.DateTimeField(null=True, blank=True)
    acting_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )  # the colleague whose work this person does meanwhile
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200, default="")
    end_reason = models.CharField(max_length=200, default="", blank=True)

    objects: ClassVar[Any] = GrantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="grant_dates"),
            models.CheckConstraint(condition=Q(paths__len__gt=0), name="grant_has_area"),
            models.CheckConstraint(condition=Q(reach__contains=F("paths")), name="grant_reach_holds_areas"),
            models.CheckConstraint(condition=Q(given_by=None) | ~Q(given_by=F("user")), name="grant_not_to_oneself"),
            models.CheckConstraint(
                condition=Q(acting_for=None) | ~Q(acting_for=F("user")), name="grant_not_for_oneself"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["user", "valid_to"], name="grant_user"),
            models.Index(fields=["org", "valid_to"], name="grant_org", condition=Q(org__isnull=False)),
            GinIndex(fields=["reach"], name="grant_reach"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {','.join(self.paths)}"

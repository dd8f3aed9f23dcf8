"""What a site lends and holds: rooms, equipment, goods, experts; who booked them; and who runs the site together.

No two bookings hold one unit at one moment, and no more of a stock is promised than there is: the database says so itself.
As with sites, organisations are plain ids here (see places.sites).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    BigIntegerRangeField,
    DateTimeRangeField,
    IntegerRangeField,
    RangeOperators,
)
from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import within
from heli.places.sites import Site

HOLDING = ("asked", "booked", "used")  # states in which a booking keeps others out


class ResourceKind(models.TextChoices):
    ROOM = "room", pgettext_lazy("resource", "Room")
    EQUIPMENT = "equipment", pgettext_lazy("resource", "Equipment")
    GOODS = "goods", pgettext_lazy("resource", "Goods, in any number")
    EXPERT = "expert", pgettext_lazy("resource", "Somebody who knows")


class OpenTo(models.TextChoices):
    """Who may book it."""

    ALL = "all", _("anybody with an account")
    ORGS = "orgs", _("organisations")
    KEEPER = "keeper", _("only the organisation that keeps the place")


class SitePartner(models.Model):
    """An organisation that runs the site together with its keeper (共建单位), and what it brings in."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="partners")
    org_id = models.BigIntegerField()
    brings = models.CharField(max_length=120)
    since = models.DateField()
    until = models.DateField(null=True)  # the first day on which it is none any more

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["site", "org_id"], condition=Q(until=None), name="site_partner_once"),
            models.CheckConstraint(condition=Q(until=None) | Q(until__gte=F("since")), name="site_partner_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.site_id} {self.org_id}"


class ResourceQuerySet(models.QuerySet["Resource"]):
    def visible_to(self, actor: Actor) -> Self:
        """What everybody may see: an expert only while they agree to it."""
        return self if actor.system else self.exclude(kind=ResourceKind.EXPERT, agreed_at=None)

    def managed_by(self, actor: Actor) -> Self:
        """Of the sites the actor manages or keeps."""
        return self.filter(site__in=Site.objects.managed_by(actor).values("pk").order_by())


class Resource(models.Model):
    """Something of a site that can be booked. `units`: how many identical ones; for goods how many there are in all."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="resources")
    kind = models.CharField(max_length=10, choices=ResourceKind.choices)
    name = models.CharField(max_length=40)
    what_for = models.CharField(max_length=200, default="", blank=True)
    units = models.PositiveIntegerField(default=1)
    seats = models.PositiveIntegerField(null=True, blank=True)  # of a room
    open_to = models.CharField(max_length=8, choices=OpenTo.choices, default=OpenTo.ALL)
    lead_hours = models.PositiveIntegerField(null=True, blank=True)  # null: as the rulebook says here
    longest_hours = models.PositiveIntegerField(null=True, blank=True)  # null: as the rulebook says here
    asks = models.BooleanField(default=True)  # the keeper says yes to each booking
    closed_on = models.DateField(null=True)  # the first day on which it can be booked no more
    # An expert is a person: shown by the name they chose, and only since they said yes.
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    call_name = models.CharField(max_length=20, default="", blank=True)
    agreed_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField()

    objects: ClassVar[Any] = ResourceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["site", "name"], condition=Q(closed_on=None), name="resource_name_once"),
            models.CheckConstraint(condition=Q(kind__in=ResourceKind.values), name="resource_kind_known"),
            models.CheckConstraint(condition=Q(open_to__in=OpenTo.values), name="resource_open_known"),
            models.CheckConstraint(condition=Q(units__gte=1), name="resource_units"),
            models.CheckConstraint(
                condition=Q(seats=None) | Q(kind="room", seats__isnull=False, seats__gte=1), name="resource_seats"
            ),
            models.CheckConstraint(condition=Q(kind="expert") ^ Q(expert=None), name="resource_expert_is_somebody"),
            models.CheckConstraint(condition=~Q(kind="expert") | Q(units=1), name="resource_expert_is_one"),
            models.CheckConstraint(
                condition=Q(agreed_at=None, call_name="") | Q(agreed_at__isnull=False) & ~Q(call_name=""),
                name="resource_expert_by_consent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def counted(self) -> bool:
        """Whether a booking takes an amount of a stock, and not one unit."""
        return self.kind == ResourceKind.GOODS

    @property
    def title(self) -> str:
        """As everybody reads it; an expert with the name they chose."""
        return f"{self.name} · {self.call_name}" if self.call_name else self.name


# More of a stock than there is: the resource's row is locked first, so that two bookings made at once are counted one
# after the other; the sum is looked at wherever it can rise, at the beginnings of what overlaps.
STOCK = """
SELECT units INTO stock FROM places_resource WHERE id = NEW.resource_id AND kind = 'goods' FOR UPDATE;
IF stock IS NULL THEN
  IF NEW.unit IS NULL OR NEW.unit > (SELECT units FROM places_resource WHERE id = NEW.resource_id) THEN
    RAISE EXCEPTION 'booking of no unit' USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_of_a_unit';
  END IF;
  RETURN NULL;
END IF;
IF NEW.unit IS NOT NULL THEN
  RAISE EXCEPTION 'goods have no units' USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_of_a_unit';
END IF;
IF NEW.state NOT IN ('asked', 'booked', 'used') THEN
  RETURN NULL;
END IF;
SELECT max(together) INTO most FROM (
  SELECT (SELECT sum(b.amount) FROM places_booking b
           WHERE b.resource_id = NEW.resource_id AND b.state IN ('asked', 'booked', 'used') AND b.period @> m.at) together
    FROM (SELECT lower(NEW.period) AS at
          UNION SELECT lower(o.period) FROM places_booking o
           WHERE o.resource_id = NEW.resource_id AND o.state IN ('asked', 'booked', 'used')
             AND o.period && NEW.period AND lower(o.period) > lower(NEW.period)) m) sums;
IF most > stock THEN
  RAISE EXCEPTION 'more than there is' USING ERRCODE = 'check_violation', CONSTRAINT = 'booking_within_stock';
END IF;
RETURN NULL;
"""


class BookingQuerySet(models.QuerySet["Booking"]):
    def visible_to(self, actor: Actor) -> Self:
        """The whole row: who made it, who may book for its organisation, who keeps or manages the site, and the expert.
        Everybody else sees that the time is taken, and what its keeper published (`places.booking_queries`)."""
        if actor.system:
            return self
        see = Q(resource__site__in=Site.objects.managed_by(actor).values("pk").order_by())
        if actor.user_id is not None:
            see |= Q(by=actor.user_id) | Q(resource__expert=actor.user_id, resource__agreed_at__isnull=False)
        return self.filter(see)

    def mine_or_with(self, user_id: int) -> Self:
        """Those somebody made, and those of their time as an expert."""
        return self.filter(Q(by=user_id) | Q(resource__expert=user_id, resource__agreed_at__isnull=False))

    def holding(self) -> Self:
        """Those that keep others out."""
        return self.filter(state__in=HOLDING)

    def managed_by(self, actor: Actor) -> Self:
        """At sites the actor manages or keeps."""
        paths, orgs = actor.paths(Cap.MANAGE_SITES), actor.org_ids(Cap.KEEP_SITE)
        return self.filter(within("resource__site__area_path", paths) | Q(resource__site__keeper_id__in=orgs))


def same(name: str, field: models.Field[Any, Any], kind: str) -> Func:
    """A number as a range of one: equality that a GiST index knows without an extension."""
    return Func(F(name), F(name), Value("[]"), function=kind, output_field=field)


class Booking(models.Model):
    """One unit (or an amount of goods) for a period. `source`: what in another room holds it, an activity's shift perhaps."""

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="bookings", db_index=False)
    unit = models.PositiveIntegerField(null=True)  # from 1; null: goods
    amount = models.PositiveIntegerField(default=1)
    period = DateTimeRangeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    org_id = models.BigIntegerField(null=True)  # for whom, where it is not for oneself
    purpose = models.CharField(max_length=80)
    shown = models.CharField(max_length=40, default="", blank=True)  # what the keeper lets everybody read
    state = models.CharField(max_length=9, default="asked")
    reason = models.CharField(max_length=120, default="", blank=True)  # why refused or cancelled
    form_key = models.UUIDField(null=True, unique=True)
    source_type = models.CharField(max_length=40, default="", blank=True)
    source_id = models.BigIntegerField(null=True)
    made_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects: ClassVar[Any] = BookingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            ExclusionConstraint(
                name="booking_apart",
                expressions=[
                    (same("resource_id", BigIntegerRangeField(), "int8range"), RangeOperators.OVERLAPS),
                    (same("unit", IntegerRangeField(), "int4range"), RangeOperators.OVERLAPS),
                    ("period", RangeOperators.OVERLAPS),
                ],
                condition=Q(unit__isnull=False, state__in=HOLDING),
            ),
            models.CheckConstraint(
                condition=Q(state__in=("asked", "booked", "refused", "cancelled", "used", "not_used")),
                name="booking_state_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    period__isempty=False,
                    period__lower_inf=False,
                    period__upper_inf=False,
                    period__lower_inc=True,
                    period__upper_inc=False,
                ),
                name="booking_period",
            ),
            models.CheckConstraint(condition=Q(amount__gte=1), name="booking_amount"),
            models.CheckConstraint(condition=Q(unit=None) | Q(amount=1), name="booking_one_unit"),
            models.CheckConstraint(
                condition=~Q(state__in=("refused", "cancelled")) | ~Q(reason=""), name="booking_ended_with_reason"
            ),
            models.CheckConstraint(condition=Q(source_type="") ^ Q(source_id__isnull=False), name="booking_source"),
        ]
        indexes: ClassVar[list[Any]] = [
            GistIndex(fields=["period"], name="booking_when"),
            models.Index(fields=["resource", "state", "-id"], name="booking_of"),
            models.Index(fields=["by", "-id"], name="booking_by"),
            models.Index(
                fields=["source_type", "source_id"], name="booking_source_of", condition=Q(source_id__isnull=False)
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="stock",
                operation=pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.After,
                declare=[("stock", "integer"), ("most", "bigint")],
                func=STOCK,
            ),
            pgtrigger.ReadOnly(
                name="as_asked", fields=["resource", "unit", "amount", "period", "by", "org_id", "made_at"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.period} {self.state}"

    @property
    def area_path(self) -> str:
        """What capability checks read, with `unit_id`."""
        return self.resource.site.area_path

    @property
    def unit_id(self) -> int | None:
        return self.resource.site.keeper_id

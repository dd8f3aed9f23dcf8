"""Rules as rows. A row is never edited: a change is a new version that ends the old one."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from heli.core.actor import Actor
from heli.core.scope import PathField

# One number per (key, area, applies to), so that an exclusion constraint needs no contrib extension for "equal".
# Collisions of two different rules would only refuse a row that could have been taken; at 63 bits nobody will see one.
SLOT = Func(
    Concat(
        *(F("key"), Value("\n"), F("area_path"), Value("\n"), Cast("applies_to", models.TextField())),
        output_field=models.TextField(),
    ),
    Value(0),
    function="hashtextextended",
    output_field=models.BigIntegerField(),
)


class RuleQuerySet(models.QuerySet["Rule"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002  (rules are public)
        """Rules are public: whoever is bound by one may read it."""
        return self

    def on(self, day: dt.date) -> Self:
        """Rows in force on a day."""
        return self.filter(Q(valid_to=None) | Q(valid_to__gt=day), valid_from__lte=day)

    def same_case(self, key: str, area_path: str, applies_to: dict[str, str]) -> Self:
        """All versions of one rule: same key, area and cases."""
        return self.filter(key=key, area_path=area_path, applies_to=applies_to)


@pghistory.track(exclude=["slot"])
class Rule(models.Model):
    """One version of one rule in one area. In force from `valid_from` until the day before `valid_to`.

    `valid_to == valid_from` is a version that was corrected before it ever held: it stays readable and is never in
    force.
    """

    key = models.CharField(max_length=60, db_collation="C")
    area_path = PathField(default="", blank=True)  # '' is the whole country
    applies_to = models.JSONField(default=dict, blank=True)  # {"urgency": "emergency"}; {} is everything
    version = models.PositiveIntegerField()
    value = models.JSONField()
    citation = models.CharField(max_length=300)  # law or notice, article, date
    citation_url = models.URLField(max_length=500, default="", blank=True)
    verified = models.BooleanField(default=False)  # somebody compared the value with its source
    verified_by = models.CharField(max_length=60, default="", blank=True)
    verified_on = models.DateField(null=True, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)  # the first day it no longer holds
    supersedes = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, default="", blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    slot = models.GeneratedField(expression=SLOT, output_field=models.BigIntegerField(), db_persist=True)

    objects: ClassVar[RuleQuerySet] = RuleQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint("key", "area_path", "applies_to", "version", name="rule_version_once"),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="rule_dates_in_order"
            ),
            models.CheckConstraint(condition=~Q(citation=""), name="rule_cites_a_source"),
            models.CheckConstraint(
                condition=Q(verified=False) | (~Q(verified_by="") & Q(verified_on__isnull=False)),
                name="rule_verified_by_whom",
            ),
            ExclusionConstraint(
                name="rule_one_version_at_a_time",
                expressions=[
                    (Func(F("slot"), F("slot"), Value("[]"), function="int8range"), RangeOperators.OVERLAPS),
                    (Func(F("valid_from"), F("valid_to"), function="daterange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index("key", "area_path", "valid_from", name="rule_key_area")]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="rule_is_not_edited", exclude=["valid_to", "slot"]),
            pgtrigger.Protect(name="rule_is_not_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version} {self.area_path or '*'} {self.applies_to or ''}".strip()


class CalendarDayQuerySet(models.QuerySet["CalendarDay"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002  (rules are public)
        return self


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class CalendarDay(models.Model):
    """A day that differs from "Monday to Friday": a holiday, or a weekend worked instead (调休)."""

    area_path = PathField(default="", blank=True)
    day = models.DateField()
    is_work = models.BooleanField()
    name = models.CharField(max_length=40)
    citation = models.CharField(max_length=300)

    objects: ClassVar[CalendarDayQuerySet] = CalendarDayQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint("area_path", "day", name="calendar_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {'work' if self.is_work else 'off'} {self.name}"


@pghistory.track()
class CalendarYear(models.Model):
    """A year whose holidays have been published and entered; without the row of the country, deadlines in it are
    provisional."""

    area_path = PathField(default="", blank=True)
    year = models.PositiveSmallIntegerField()
    citation = models.CharField(max_length=300)
    citation_url = models.URLField(max_length=500, default="", blank=True)
    imported_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint("area_path", "year", name="calendar_year_once")]

    def __str__(self) -> str:
        return f"{self.year} {self.area_path or '*'}"

"""Doubts about hours, what is said to them and what was decided; who is left out of a rule for a time; disputes."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.ledger.models import Person, Service
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule

UNDECIDED = ("open", "answered")


def staff_of(actor: Actor) -> Q:
    """What one reviews, and what one's organisation recorded."""
    seen = within("area_path", actor.paths(Cap.REVIEW_HOURS))
    if units := actor.org_ids(Cap.RECORD_HOURS):
        seen |= Q(org__in=units)
    return seen


class FlagQuerySet(models.QuerySet["Flag"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the areas one reviews and of one's organisation; of one's own hours what holds them back. A hint is for
        staff alone: it says nothing about the person."""
        if actor.system:
            return self
        seen = staff_of(actor)
        if actor.user_id is not None:
            seen |= Q(service__person__user=actor.user_id, hint=False)
        return self.filter(seen)


class Flag(models.Model):
    """One doubt of one rule: which row of the rulebook, what it was met by, what became of it. The facts never change."""

    rule = models.CharField(max_length=4)  # of ledger.doubts.RULES
    row = models.ForeignKey(
        Rule, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # the version it was met by
    service = models.ForeignKey(Service, null=True, on_delete=models.PROTECT, related_name="flags", db_index=False)
    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    hint = models.BooleanField(default=False)  # holds nothing back
    found = models.IntegerField()  # the figure
    inputs = models.JSONField(default=dict)  # {"rows": services it was seen in} or {"from", "to", "who"} of a unit
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField()
    due_rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    unsure = models.BooleanField(default=False)  # counted over a year whose holidays are not published

    state = models.CharField(max_length=10, default="open")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = FlagQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["service", "rule"], name="flag_once", condition=Q(state__in=("open", "answered"))
            ),
            models.CheckConstraint(condition=Q(service__isnull=False) | Q(hint=True), name="flag_of_hours_or_hint"),
            models.CheckConstraint(  # a person, never the machine (个人信息保护法 art. 24)
                condition=Q(state__in=UNDECIDED, decided_at=None, decided_by=None)
                | Q(state__in=("upheld", "dismissed"), decided_at__isnull=False, decided_by__isnull=False)
                & ~Q(reason=""),
                name="flag_decided_by_somebody",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "due_at", "id"], name="flag_open", condition=Q(state__in=UNDECIDED)),
            models.Index(fields=["org", "-raised_at"], name="flag_org"),
            models.Index(fields=["service"], name="flag_service"),
            models.Index(fields=["rule", "-decided_at"], name="flag_health", condition=Q(decided_at__isnull=False)),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(
                name="as_raised",
                fields=[
                    "rule",
                    "row",
                    "service",
                    "org",
                    "area_path",
                    "hint",
                    "found",
                    "inputs",
                    "raised_at",
                    "due_rule",
                ],
            ),
            pgtrigger.Trigger(
                name="decided_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.decided_at IS NOT NULL"),
                func="RAISE EXCEPTION 'decided already'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'flag_decided_once';",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


class AnswerQuerySet(models.QuerySet["FlagAnswer"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(flag__in=Flag.objects.visible_to(actor))


class FlagAnswer(models.Model):
    """What the person or the recording unit says to a doubt."""

    append_only: ClassVar[bool] = True

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="answers")
    of_person = models.BooleanField()  # else of the unit
    text = models.CharField(max_length=300)
    paper = models.UUIDField(null=True)  # a photo or PDF
    by_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    objects: ClassVar[Any] = AnswerQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=~Q(text=""), name="flaganswer_words")]
        triggers: ClassVar[list[Any]] = [pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.text[:20]


class Spared(models.Model):
    """A rule is left out for a person or a unit until a day, and why: two who share a phone, a school's first day."""

    append_only: ClassVar[bool] = True

    rule = models.CharField(max_length=4)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    org = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    by_id = models.BigIntegerField()
    reason = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, org=None) | Q(person=None, org__isnull=False), name="spared_whom"
            ),
            models.CheckConstraint(condition=~Q(reason="") & Q(until__gt=F("since")), name="spared_why"),
            models.CheckConstraint(
                condition=Q(until__lte=F("since") + dt.timedelta(days=180)), name="spared_for_a_time"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person", "until"], name="spared_person", condition=Q(person__isnull=False)),
            models.Index(fields=["org", "until"], name="spared_org", condition=Q(org__isnull=False)),
        ]
        triggers: ClassVar[list[Any]] = [pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.rule} {self.until:%Y-%m-%d}"


class About(models.TextChoices):
    """What a person says is wrong (志愿服务记录与证明出具办法 art. 13: errors and omissions)."""

    WRONG = "wrong", pgettext_lazy("dispute", "The hours are wrong")
    MISSING = "missing", pgettext_lazy("dispute", "Hours are missing")
    ABSENT = "absent", pgettext_lazy("dispute", "I was there, but am marked absent")


class DisputeQuerySet(models.QuerySet["Dispute"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.system:
            return self
        seen = staff_of(actor)
        if actor.user_id is not None:
            seen |= Q(person__user=actor.user_id)
        return self.filter(seen)


class Dispute(models.Model):
    """Somebody says that their hours are wrong or missing; the unit answers, then a second one who is not of it."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="disputes", db_index=False)
    service = models.ForeignKey(Service, null=True, on_delete=models.PROTECT, related_name="disputes", db_index=False)
    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    about = models.CharField(max_length=8, choices=About.choices)
    day = models.DateField()  # of the service
    minutes = models.PositiveIntegerField()  # as the person says
    text = models.CharField(max_length=500)
    paper = models.UUIDField(null=True)
    made_at = models.DateTimeField()

    state = models.CharField(max_length=10, default="open")
    due_at = models.DateTimeField()  # of the present reviewer
    due_rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    unsure = models.BooleanField(default=False)
    first_answer = models.CharField(max_length=300, default="")  # of the unit
    first_at = models.DateTimeField(null=True)
    first_by = models.BigIntegerField(null=True)
    objection = models.CharField(max_length=300, default="")  # why the person does not accept it
    answer = models.CharField(max_length=300, default="")  # of the second reviewer
    ended_at = models.DateTimeField(null=True)
    ended_by = models.BigIntegerField(null=True)

    objects: ClassVar[Any] = DisputeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["service"],
                name="dispute_once",
                condition=Q(service__isnull=False, state__in=("open", "declined", "second")),
            ),
            models.CheckConstraint(condition=Q(about__in=About.values) & ~Q(text=""), name="dispute_about"),
            models.CheckConstraint(condition=Q(minutes__lte=1440), name="dispute_minutes"),
            models.CheckConstraint(condition=~Q(state="declined") | ~Q(first_answer=""), name="dispute_answered"),
            models.CheckConstraint(
                condition=Q(state__in=("corrected", "refused", "withdrawn"), ended_at__isnull=False)
                | Q(state__in=("open", "declined", "second"), ended_at=None),
                name="dispute_ended",
            ),
            models.CheckConstraint(  # the second one is not the first
                condition=Q(first_by=None) | Q(ended_by=None) | Q(answer="") | ~Q(first_by=F("ended_by")),
                name="dispute_second_person",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["area_path", "due_at", "id"], name="dispute_open", condition=Q(state__in=("open", "second"))
            ),
            models.Index(fields=["org", "due_at", "id"], name="dispute_org"),
            models.Index(fields=["person", "-made_at"], name="dispute_person"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(
                name="as_said", fields=["person", "org", "about", "day", "minutes", "text", "paper", "made_at"]
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.about} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


__all__ = ["UNDECIDED", "About", "Dispute", "Flag", "FlagAnswer", "Spared"]

"""Volunteers, what they can do and what proves it, and who asks to join which team."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, within
from heli.orgs.models import Member, Organisation
from heli.places.models import Area
from heli.volunteering.models.activities import Condition, Field

PARTS = 21  # weekday × 3 + part of the day (morning, afternoon, evening); Monday is 0


class Limit(models.TextChoices):
    """What a person says they do not do: their own word, never asked for a reason. The same words as an activity's
    conditions, so that the two can be laid beside each other."""

    OUTDOOR = Condition.OUTDOOR.value, pgettext_lazy("limit", "not out of doors")
    HEAT = Condition.HEAT.value, pgettext_lazy("limit", "not in great heat")
    NIGHT = Condition.NIGHT.value, pgettext_lazy("limit", "not in the evening or at night")
    HEIGHTS = Condition.HEIGHTS.value, pgettext_lazy("limit", "no ladders or heights")
    LIFTING = Condition.LIFTING.value, pgettext_lazy("limit", "no heavy lifting")
    STAIRS = Condition.STAIRS.value, pgettext_lazy("limit", "no climbing of stairs")
    STANDING = Condition.STANDING.value, pgettext_lazy("limit", "no long standing")
    WATER = Condition.WATER.value, pgettext_lazy("limit", "not at the water")


class VolunteerQuerySet(models.QuerySet["Volunteer"]):
    def visible_to(self, actor: Actor) -> Self:
        """Oneself; for who keeps volunteers those of the area; for a team's leaders its members. Who enrolled in an
        activity is seen there, through its enrolments."""
        if actor.system:
            return self
        see = Q(user=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
        if paths := actor.paths(Cap.KEEP_VOLUNTEERS):
            see |= within("area_path", paths)
        if orgs := actor.org_ids(Cap.LEAD_TEAM):
            see |= Q(user__in=Member.objects.filter(org__in=orgs, valid_to=None).values("user"))
        return self.filter(see)


@pghistory.track(fields=["state", "verified_how", "area_path"])
class Volunteer(models.Model):
    """One account that serves. Name, phone and identity number are in the vault; from the number the age is known, on
    the day it is asked for, and where it is missing no gate that asks for an age opens."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="volunteer")
    number = models.CharField(max_length=12, unique=True, db_collation="C")  # used instead of the identity number
    record = models.OneToOneField(VaultRecord, on_delete=models.PROTECT, related_name="+")
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField(db_index=True)
    state = models.CharField(max_length=10, default="registered")
    verified_at = models.DateTimeField(null=True)  # name and identity number belong together, says `verified_how`
    verified_how = models.CharField(max_length=20, default="")
    fields = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    free = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)  # parts of the week, see PARTS
    limits = ArrayField(models.CharField(max_length=10, choices=Limit.choices), default=list, blank=True)
    most_minutes = models.PositiveSmallIntegerField(null=True)  # longest shift they want
    reach = models.PositiveIntegerField(null=True)  # metres from home they want to go
    by_phone = models.BooleanField(default=False)  # is told by text message and call: no account is used day to day
    registered_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = VolunteerQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=~Q(state="verified") | Q(verified_at__isnull=False) & ~Q(verified_how=""),
                name="volunteer_verified_how",
            ),
            models.CheckConstraint(condition=Q(fields__contained_by=Field.values), name="volunteer_fields_known"),
            models.CheckConstraint(condition=Q(limits__contained_by=Limit.values), name="volunteer_limits_known"),
            models.CheckConstraint(condition=Q(free__contained_by=list(range(PARTS))), name="volunteer_free_known"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["state", "-id"], name="volunteer_state")]

    def __str__(self) -> str:
        return self.number


class Identity(models.Model):
    """One identity number registers once: a keyed mark of it, from which it cannot be read. Gone with the account."""

    volunteer = models.OneToOneField(Volunteer, primary_key=True, on_delete=models.CASCADE, related_name="identity")
    mark = models.BinaryField(max_length=32, unique=True)

    def __str__(self) -> str:
        return str(self.pk)


class Team(models.Model):
    """What a team says of itself to everybody. Its name and place are the organisation's, its members `orgs.Member`."""

    org = models.OneToOneField(Organisation, primary_key=True, on_delete=models.PROTECT, related_name="team")
    fields = ArrayField(models.CharField(max_length=12), default=list, blank=True)
    words = models.CharField(max_length=300, default="", blank=True)  # what it does, when it meets
    takes = models.BooleanField(default=True)  # new members

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(fields__contained_by=Field.values), name="team_fields_known")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SkillKind(models.TextChoices):
    SKILL = "skill", _("Skill")
    TRAINING = "training", _("Training")
    LICENCE = "licence", _("Licence")


class Level(models.IntegerChoices):
    """How well somebody can do something."""

    KNOWS = 1, pgettext_lazy("level", "knows it")
    ALONE = 2, pgettext_lazy("level", "does it alone")
    TEACHES = 3, pgettext_lazy("level", "can teach it")


class Skill(models.Model):
    """Something somebody can do, was trained in or is licensed for. Who has one also has those it `covers`."""

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60, default="", blank=True)
    kind = models.CharField(max_length=8, choices=SkillKind.choices)
    needs_paper = models.BooleanField(default=False)  # one's own word is not enough
    covers = models.ManyToManyField("self", symmetrical=False, related_name="covered_by", blank=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(kind="skill") | Q(needs_paper=True, kind__in=SkillKind.values), name="skill_kind_paper"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ProofKind(models.TextChoices):
    """What may have to be shown for a shift, on its date."""

    SKILL = "skill", _("Skill, training or licence")
    RECORD_CHECK = "record", _("Yearly check of records before work with minors")
    INSURANCE = "insurance", _("Accident insurance")
    HEALTH = "health", _("Own statement of health")
    GUARDIAN = "guardian", _("Consent of a guardian (14 to 17)")
    GUARDIAN_UNDER_14 = "guardian14", _("Separate consent of a guardian (under 14)")


class ProofQuerySet(models.QuerySet["Proof"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(volunteer__in=Volunteer.objects.visible_to(actor))

    def on(self, day: Any) -> Self:
        """Confirmed, and in force on a day."""
        return self.filter(state="confirmed", valid_from__lte=day, valid_to__gte=day)


@pghistory.track()
class Proof(models.Model):
    """One thing shown or stated, from a day to a day, and who looked at it. It ends; it is not deleted."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="proofs")
    area_path = PathField()  # the volunteer's when it was shown
    kind = models.CharField(max_length=10, choices=ProofKind.choices)
    skill = models.ForeignKey(Skill, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    level = models.PositiveSmallIntegerField(default=1)  # of a skill, see Level
    valid_from = models.DateField()
    valid_to = models.DateField()
    how = models.CharField(max_length=200, default="")  # in words: signed at the station; the insurer's name
    paper = models.UUIDField(null=True)  # the stored file
    guardian = models.ForeignKey(VaultRecord, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, default="shown")
    shown_at = models.DateTimeField()
    shown_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = ProofQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(kind__in=ProofKind.values), name="proof_kind_known"),
            models.CheckConstraint(condition=Q(valid_to__gte=F("valid_from")), name="proof_dates"),
            models.CheckConstraint(condition=Q(level__range=(1, 3)), name="proof_level"),
            models.CheckConstraint(condition=Q(kind="skill") ^ Q(skill=None), name="proof_of_a_skill"),
            models.CheckConstraint(
                condition=~Q(kind__in=("guardian", "guardian14")) | Q(guardian__isnull=False), name="proof_has_guardian"
            ),
            # what others rely on somebody has looked at (not the volunteer: asked by the step); health is one's own word
            models.CheckConstraint(
                condition=~Q(state="confirmed")
                | Q(kind="health")
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="proof_confirmed_by",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["volunteer", "kind", "valid_to"], name="proof_of"),
            models.Index(fields=["shown_at", "id"], name="proof_waiting", condition=Q(state="shown")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.valid_from}–{self.valid_to}"


class JoiningQuerySet(models.QuerySet["Joining"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own; for leaders those of their team."""
        if actor.system:
            return self
        see = Q(volunteer__user=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
        if orgs := actor.org_ids(Cap.LEAD_TEAM):
            see |= Q(team__in=orgs)
        return self.filter(see)


class Joining(models.Model):
    """A volunteer asks to join a team, perhaps coming from another one. Who was taken is an `orgs.Member`."""

    team = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="joinings")
    leaves = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    words = models.CharField(max_length=200, default="")
    state = models.CharField(max_length=10, default="asked")
    asked_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = JoiningQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["team", "volunteer"], name="joining_once", condition=Q(state="asked")),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(reason=""), name="joining_refused_why"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["team", "id"], name="joining_waiting", condition=Q(state="asked"))
        ]

    def __str__(self) -> str:
        return f"{self.team_id} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.team_id

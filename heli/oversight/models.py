"""Tips on impostors. Not requests: they speak of somebody who may be innocent, and only supervisors read them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, within
from heli.oversight.states import ENDED, OPEN
from heli.places.models import Area
from heli.rulebook.models import Rule


class Posing(models.TextChoices):
    """What they say they are."""

    CHARITY = "charity", pgettext_lazy("posing", "a charity")
    FOUNDATION = "foundation", pgettext_lazy("posing", "a foundation")
    VOLUNTEERS = "volunteers", pgettext_lazy("posing", "volunteers")
    OFFICE = "office", pgettext_lazy("posing", "an office or its staff")
    SOCIETY = "society", pgettext_lazy("posing", "a society or association")
    OTHER = "other", pgettext_lazy("posing", "something else, or not said")


class Asked(models.TextChoices):
    """What they want of people."""

    MONEY = "money", pgettext_lazy("asked", "money")
    GOODS = "goods", pgettext_lazy("asked", "to buy a product")
    DATA = "data", pgettext_lazy("asked", "identity card, bank card, codes, a face scan")
    FEE = "fee", pgettext_lazy("asked", "a fee for joining or for a certificate")
    OTHER = "other", pgettext_lazy("asked", "something else")


class PassedTo(models.TextChoices):
    """Who looks into it by law."""

    POLICE = "police", pgettext_lazy("passed to", "the police")
    MARKET = "market", pgettext_lazy("passed to", "market supervision")
    CIVIL = "civil", pgettext_lazy("passed to", "civil affairs")
    OTHER = "other", pgettext_lazy("passed to", "another office responsible")


class TipQuerySet(models.QuerySet["Tip"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of areas where the actor handles tips; nobody else's, whatever else they may do there."""
        return self.filter(within("area_path", actor.paths(Cap.HANDLE_TIPS)))


class Tip(models.Model):
    """One tip. What was typed whole (a number to pay to, a phone) and who told it are in the vault record alone."""

    code = models.CharField(max_length=16, unique=True, db_collation="C")
    state = models.CharField(max_length=10, default="received")
    name = models.CharField(max_length=80, default="", blank=True)  # what they call themselves, as remembered
    name_grams = ArrayField(models.BigIntegerField(), default=list)  # engines.grams of the name, to find its like
    posing = models.CharField(max_length=12, choices=Posing.choices, default=Posing.OTHER)
    asked = ArrayField(models.CharField(max_length=8, choices=Asked.choices), default=list)
    paid = models.BooleanField(default=False)
    text = models.TextField(default="", blank=True)
    photos = ArrayField(models.UUIDField(), default=list)
    area = models.ForeignKey(Area, on_delete=models.PROTECT, related_name="+", db_index=False)
    area_path = PathField()
    spot = models.CharField(max_length=120, default="", blank=True)
    seen_on = models.DateField(null=True)
    record = models.ForeignKey(VaultRecord, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    contact = models.BooleanField(default=False)  # the record holds a number to call
    form_key = models.UUIDField(null=True, unique=True)
    told_at = models.DateTimeField()

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)  # of the clock
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    provisional = models.BooleanField(default=False)
    decided_at = models.DateTimeField(null=True)  # the clock's end: passed on, or found one way or the other

    passed_to = models.CharField(max_length=8, choices=PassedTo.choices, default="", blank=True)
    passed_number = models.CharField(max_length=60, default="", blank=True)
    answer = models.CharField(max_length=500, default="", blank=True)  # the teller reads it
    same_as = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="alike")
    ended_at = models.DateTimeField(null=True)
    forget_at = models.DateTimeField(null=True)  # by the rule in force when it ended
    forgotten_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = TipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=(*OPEN, *ENDED)), name="tip_state"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN, ended_at=None, forget_at=None)
                | Q(state__in=ENDED, ended_at__isnull=False, forget_at__gt=F("ended_at")),
                name="tip_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state="passed_on") | (~Q(passed_to="") & ~Q(passed_number="")), name="tip_passed_on"
            ),
            models.CheckConstraint(condition=~Q(state__in=ENDED) | ~Q(answer=""), name="tip_answered"),
            models.CheckConstraint(condition=Q(due_at__gte=F("started_at")), name="tip_due"),
            models.CheckConstraint(condition=Q(same_as=None) | ~Q(same_as=F("id")), name="tip_not_like_itself"),
            models.CheckConstraint(
                condition=Q(forgotten_at=None)
                | Q(state__in=ENDED, name="", name_grams=[], text="", spot="", photos=[], contact=False),
                name="tip_forgotten",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path"], name="tip_area"),
            models.Index(fields=["due_at", "id"], name="tip_open", condition=Q(state__in=OPEN)),
            models.Index(fields=["-told_at", "-id"], name="tip_told"),
            models.Index(
                fields=["forget_at"], name="tip_forget", condition=Q(forgotten_at=None, ended_at__isnull=False)
            ),
            GinIndex(fields=["name_grams"], name="tip_name"),
        ]

    def __str__(self) -> str:
        return self.code


class TipNoteQuerySet(models.QuerySet["TipNote"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(tip__in=Tip.objects.visible_to(actor))


class TipNote(models.Model):
    """What a supervisor wrote down about a tip; forgotten with it."""

    tip = models.ForeignKey(Tip, on_delete=models.PROTECT, related_name="notes")
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=8, choices=[("note", _("note")), ("reason", _("reason"))], default="note")
    text = models.CharField(max_length=1000)

    objects: ClassVar[Any] = TipNoteQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.tip_id} {self.at:%Y-%m-%d}"

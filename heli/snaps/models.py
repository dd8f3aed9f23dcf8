"""Tables of snaps. What was said, where, its photos, clocks and judgement are the loop's (loop.Request)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.loop.models import Request, Voice
from heli.rulebook.models import Rule

STATES = ("waiting", "given", "capped", "held", "refused", "none")


class Why(models.TextChoices):
    """Why thanks are held, or why there are none."""

    SPOT = "spot", _("The same person told the same thing of the same place within a few days")
    BURST = "burst", _("The same person sent very many within minutes")
    PHOTO = "photo", _("The same photo was sent before")
    OWN = "own", _("Who told it works for the unit that handled it")
    UNPROVED = "unproved", _("It was not handled, or not found true")
    SECOND = "second", _("A neighbour told it first")
    NOBODY = "nobody", _("It was sent without an account")


class SnapQuerySet(models.QuerySet["Snap"]):
    def visible_to(self, actor: Actor) -> Self:
        """Whoever sees the request sees that it is a snap, and what became of its thanks."""
        return self if actor.system else self.filter(request__in=Request.objects.visible_to(actor))


class Snap(models.Model):
    """What is particular to a request that is a snap: the button, what tells a repeated one, and its thanks.

    Of the person and the device nothing is kept here; who sent it is in the request's voice.
    """

    request = models.OneToOneField(Request, on_delete=models.PROTECT, primary_key=True, related_name="+")
    hazard = models.CharField(max_length=12)
    cell = models.BigIntegerField(null=True)  # some 500 m square of the hazard's place: where.cell_of
    likeness = models.BigIntegerField(null=True)  # of its first photo, engines.blur.likeness; forgotten after some days
    photo_left_out = models.BooleanField(default=False)  # it could not be looked at, so it was not kept
    state = models.CharField(max_length=8, default="waiting")
    why = models.CharField(max_length=10, choices=Why.choices, default="", blank=True)
    beside = ArrayField(models.BigIntegerField(), default=list)  # requests that gave the reason to hold it
    reason = models.CharField(max_length=300, default="", blank=True)  # of whoever decided
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = SnapQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=STATES), name="snap_state"),
            models.CheckConstraint(condition=~Q(state__in=("held", "none")) | ~Q(why=""), name="snap_says_why"),
            models.CheckConstraint(
                condition=~Q(state="refused") | Q(decided_at__isnull=False) & ~Q(reason=""), name="snap_refused_papers"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["request"], name="snap_waiting", condition=Q(state="waiting")),
            models.Index(fields=["state", "-request"], name="snap_held", condition=Q(state__in=("held", "refused"))),
            models.Index(fields=["cell"], name="snap_cell", condition=Q(cell__isnull=False)),
            models.Index(fields=["likeness"], name="snap_likeness", condition=Q(likeness__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} {self.hazard}"

    @property
    def area_path(self) -> str:
        """What capability checks read."""
        return self.request.area_path


class Thanks(models.Model):
    """Points for a snap that proved true: a ledger. What was given wrongly is taken back by a further row.

    One entry at a time for one matter: neighbours who told the same share one request, and the first of them is thanked.
    """

    append_only: ClassVar[bool] = True

    root = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="+", db_index=False)  # after joining
    voice = models.ForeignKey(Voice, on_delete=models.PROTECT, related_name="+")
    entry = models.PositiveSmallIntegerField(default=0)  # 0 given, 1 taken back, 2 given again …
    points = models.SmallIntegerField()
    day = models.DateField()  # of the hearing, as the clock here showed it: the cap counts by it
    at = models.DateTimeField()
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )  # null: the rule alone

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["root", "entry"], name="thanks_once"),
            models.CheckConstraint(condition=~Q(points=0), name="thanks_something"),
        ]

    def __str__(self) -> str:
        return f"{self.root_id} {self.points:+}"

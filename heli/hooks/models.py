"""Endpoints that are told what happened, and what each of them is told."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.orgs.models import Grant


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of areas whose grants the actor manages."""
        return self.filter(within("area_path", actor.paths(Cap.MANAGE_GRANTS)))

    def listening(self, at: dt.datetime) -> Self:
        """Those for which what happens is kept: not ended, and their grant counts at that moment."""
        return self.filter(state__in=("active", "paused"), grant__in=Grant.objects.in_force(at))


class Endpoint(models.Model):
    """An address of another system. It is told no more than its grant may see, and nothing once the grant has ended."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # what its sealed secrets are bound to
    name = models.CharField(max_length=60)
    url = models.CharField(max_length=500)
    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="+")
    area_path = PathField(db_index=True)  # within the grant's areas
    steps = ArrayField(models.CharField(max_length=60), default=list)  # empty: every step that leaves at all
    secret = models.TextField()  # sealed by the vault
    old_secret = models.TextField(default="")  # sealed; signs as well until `old_until`
    old_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, default="new")
    failures = models.PositiveIntegerField(default=0)  # since the last answer that was right
    last_ok_at = models.DateTimeField(null=True)
    last_failed_at = models.DateTimeField(null=True)
    made_by_id = models.BigIntegerField(null=True)
    made_at = models.DateTimeField()
    since_event = models.BigIntegerField(default=0)  # it is told of later ones only
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = EndpointQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(state__in=("active", "paused"), ended_at=None) | Q(state="ended", ended_at__isnull=False),
                name="endpoint_state",
            ),
            models.CheckConstraint(
                condition=Q(old_secret="", old_until=None) | (~Q(old_secret="") & Q(old_until__isnull=False)),
                name="endpoint_old_secret",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    WAITING = "waiting", pgettext_lazy("delivery", "waiting")
    DELIVERED = "delivered", pgettext_lazy("delivery", "delivered")
    DEAD = "dead", pgettext_lazy("delivery", "failed")
    SKIPPED = "skipped", pgettext_lazy("delivery", "skipped")


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of endpoints the actor sees."""
        return self.filter(endpoint__in=Endpoint.objects.visible_to(actor))


class Delivery(models.Model):
    """One event for one endpoint. What is sent is made anew from the event at each try: it is the same each time.

    While somebody tries it, `due_at` is the end of their lease: should they die, it is due again by itself.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    event_id = models.BigIntegerField()
    step = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    code = models.CharField(max_length=40)  # of the subject, as the receiver is told
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)  # since it was made, or replayed
    made_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)  # delivered, failed for good, or skipped
    reason = models.CharField(max_length=20, default="", blank=True)  # of the last failure; see words.REASONS
    status = models.PositiveSmallIntegerField(null=True)  # HTTP status of the last answer
    answer = models.CharField(max_length=200, default="", blank=True)  # first bytes of a refusal, scrubbed

    objects: ClassVar[Any] = DeliveryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="delivery_once"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="delivery_state"),
            models.CheckConstraint(condition=Q(state="waiting") ^ Q(ended_at__isnull=False), name="delivery_ended"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["endpoint", "due_at", "event_id"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(
                fields=["endpoint", "subject_type", "subject_id", "event_id"],
                name="delivery_order",
                condition=Q(state__in=("waiting", "dead")),
            ),
            models.Index(fields=["endpoint", "state", "-event_id"], name="delivery_list"),
            models.Index(fields=["ended_at"], name="delivery_over", condition=Q(state__in=("delivered", "skipped"))),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.code}: {self.state}"

"""Tokens: how another system shows who it is."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.orgs.models import Grant


class TokenQuerySet(models.QuerySet["Token"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of grants whose areas the actor manages grants in; everybody sees those of their own grants."""
        return self if actor.system else self.filter(grant__in=Grant.objects.visible_to(actor))

    def open(self, at: Any) -> Self:
        """Those that let in at a moment: neither ended nor over, of a grant in force."""
        return self.filter(revoked_at=None, expires_at__gt=at, grant__in=Grant.objects.in_force(at))


class Token(models.Model):
    """A secret that lets a system do, until a day, what one grant allows (or less). The secret itself is kept nowhere."""

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, db_collation="C")  # how it begins, to tell tokens apart
    hash = models.BinaryField(
        max_length=32, unique=True
    )  # SHA-256 of 256 random bits: nothing to guess, no salt needed
    caps = ArrayField(models.CharField(max_length=40, choices=[(c.value, c.value) for c in Cap]))
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)  # to the hour
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    end_reason = models.CharField(max_length=200, default="", blank=True)

    objects: ClassVar[Any] = TokenQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="token_dates"),
            models.CheckConstraint(condition=Q(caps__len__gt=0), name="token_has_caps"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["grant", "-id"], name="token_grant")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

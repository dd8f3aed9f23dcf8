"""Estates, roads, schools, markets: what people call places that no table of areas has, and where each lies.

Learned from what people wrote of places that somebody confirmed. A machine proposes, a person decides: until then a name
is a question with its reason, never an answer. Nobody's home: a name ends before its building.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.places.models import Area


class LandmarkKind(models.TextChoices):
    """The kinds of engines.text.landmarks."""

    ESTATE = "estate", pgettext_lazy("landmark", "Estate")
    ROAD = "road", pgettext_lazy("landmark", "Road")
    SCHOOL = "school", pgettext_lazy("landmark", "School")
    MARKET = "market", pgettext_lazy("landmark", "Market or shop")
    HOSPITAL = "hospital", pgettext_lazy("landmark", "Hospital or office")
    PARK = "park", pgettext_lazy("landmark", "Park")
    STATION = "station", pgettext_lazy("landmark", "Station")
    OTHER = "other", pgettext_lazy("landmark", "Another place")


class LandmarkState(models.TextChoices):
    PROPOSED = "proposed", pgettext_lazy("landmark", "waits for you")
    IN_USE = "in_use", pgettext_lazy("landmark", "in use")
    REFUSED = "refused", pgettext_lazy("landmark", "not used")


class LandmarkQuerySet(models.QuerySet["Landmark"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the counties whose areas the actor manages."""
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.MANAGE_AREAS)))


class Landmark(models.Model):
    """A name in a county. `area`: where it lies, null while that is a question between `candidates` (the place told of
    most often first; `counts`: by how many people each)."""

    area_path = PathField()  # of the county
    name = models.CharField(max_length=24, db_collation="C")
    kind = models.CharField(max_length=10, choices=LandmarkKind.choices)
    initials = models.CharField(max_length=24, default="", db_collation="C")
    area = models.ForeignKey(Area, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    candidates = ArrayField(PathField(), default=list)
    counts = ArrayField(models.PositiveIntegerField(), default=list)
    seen = models.PositiveIntegerField(default=0)  # people
    learned_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=LandmarkState.choices, default=LandmarkState.PROPOSED)
    decided_at = models.DateTimeField(null=True)
    decided_by_id = models.BigIntegerField(null=True)  # plain id: a decision outlives an account

    objects: ClassVar[Any] = LandmarkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "name"], name="landmark_once"),
            models.CheckConstraint(condition=Q(state__in=LandmarkState.values), name="landmark_state"),
            models.CheckConstraint(condition=Q(kind__in=LandmarkKind.values), name="landmark_kind"),
            models.CheckConstraint(condition=~Q(state="in_use") | Q(area__isnull=False), name="landmark_lies"),
            models.CheckConstraint(
                condition=Q(state="proposed") ^ Q(decided_at__isnull=False), name="landmark_decided"
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "-seen", "id"], name="landmark_list")]

    def __str__(self) -> str:
        return self.name

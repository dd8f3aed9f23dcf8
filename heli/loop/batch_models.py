"""Batches of requests from another system: each file that was imported, which columns were which, what became of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.laid import ENDED, LaidTable
from heli.core.scope import PathField, within
from heli.loop.models import Request


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the areas where the actor may import."""
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.IMPORT_REQUESTS)))


class Batch(LaidTable):
    """One table of requests."""

    BOUND, TURN = "batch", 7_104

    source = models.CharField(max_length=40)
    default_area = PathField(default="")  # where rows lie that name no place
    encoding = models.CharField(max_length=12, default="")  # as somebody chose; '' as it is found
    heading = models.PositiveIntegerField(default=0)  # the same of the line of the headings
    columns = models.JSONField(default=dict)  # {our field: their column}
    values = models.JSONField(default=dict)  # {our field: {their word: our code}}
    taken = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = BatchQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=ENDED) ^ Q(ended_at=None), name="batch_ended"),
            models.CheckConstraint(condition=~Q(state__in=ENDED) | Q(content=""), name="batch_forgets"),
            models.CheckConstraint(condition=Q(state="done") | Q(taken=0), name="batch_whole_or_nothing"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "-id"], name="batch_area"),
            models.Index(fields=["made_at"], name="batch_waiting", condition=Q(state__in=("draft", "waiting"))),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.name}"


class BatchRow(models.Model):
    """A request of another system: in which batch and line it came, when its source wants it done, and what of its
    outcome the source was told last."""

    request = models.OneToOneField(Request, primary_key=True, on_delete=models.PROTECT, related_name="imported")
    batch = models.ForeignKey(
        Batch, null=True, on_delete=models.PROTECT, related_name="lines"
    )  # null: by the interface
    line = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    told = models.CharField(max_length=32, default="", db_collation="C")  # MD5 of the outcome as it was told
    told_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.request_id} ← {self.batch_id}:{self.line}"


class BatchMapping(models.Model):
    """Which columns were which in the tables of a source with these headings, and what its words mean here."""

    source = models.CharField(max_length=40)
    area_path = PathField()
    signature = models.CharField(max_length=16, db_collation="C")  # of the headings
    columns = models.JSONField(default=dict)
    values = models.JSONField(default=dict)
    kept_at = models.DateTimeField()
    kept_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "source", "signature"], name="batch_mapping_once")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.signature}"

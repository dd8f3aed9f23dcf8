"""What reads the requests: readers (learned from an area's own), what they proposed, what people said instead, samples.

Learning looks at what people decided: a lesson is written where somebody says what a request is about, never by a machine.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.loop.models import Category, Request, any_path

MANAGERS = (Cap.MANAGE_DUTY,)  # who keeps the tree of matters keeps what reads them
WATCHERS = (Cap.MANAGE_DUTY, Cap.DISPATCH, Cap.SUPERVISE)


class ReaderState(models.TextChoices):
    LEARNING = "learning", _("learning")
    READY = "ready", _("ready to compare")
    LIVE = "live", _("in use")
    RETIRED = "retired", _("put away")
    FAILED = "failed", _("failed")


class ReaderQuerySet(models.QuerySet["Reader"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the actor's areas, and those above that read for them."""
        if actor.system:
            return self
        paths = any_path(actor, *WATCHERS)
        return self.filter(within("area_path", paths) | Q(area_path__in={p[:n] for p in paths for n in (0, 2, 4, 6)}))


class Reader(models.Model):
    """One learned model of an area ("" : the country's, learned from our own examples), with how well it read."""

    area_path = PathField()
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=ReaderState.choices, default=ReaderState.LEARNING)
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    ready_at = models.DateTimeField(null=True)
    live_at = models.DateTimeField(null=True)
    upto = models.BigIntegerField(default=0)  # the last lesson it was learned from
    own = models.PositiveIntegerField(default=0)  # examples that come with the software
    lessons = models.PositiveIntegerField(default=0)  # requests of the area it was learned from
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    measures = models.JSONField(default=dict)  # on requests that it was not learned from
    against = models.JSONField(default=dict)  # the same rows read by the one that was in use
    failure = models.CharField(max_length=300, default="")
    content = models.BinaryField(null=True)  # engines/text/modelfile.py

    objects: ClassVar[Any] = ReaderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "version"], name="reader_version"),
            models.UniqueConstraint(fields=["area_path"], name="reader_one_live", condition=Q(state="live")),
            models.UniqueConstraint(fields=["area_path"], name="reader_one_learning", condition=Q(state="learning")),
            models.CheckConstraint(
                condition=~Q(state__in=("ready", "live")) | Q(content__isnull=False), name="reader_content"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.area_path or '-'} v{self.version} ({self.state})"


class How(models.TextChoices):
    """How somebody said what a request is about."""

    SENT = "sent", _("sent on as this")
    CORRECTED = "corrected", _("matter corrected")
    RETURNED = "returned", _("given back")
    SAMPLED = "sampled", _("looked at in a sample")
    ASKED = "asked", _("asked for by the reader")


class Lesson(models.Model):
    """A person said what a request is about (`category`), or that what was said no longer holds (null). The last one of a
    request counts."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="lessons", db_index=False)
    area_path = PathField()
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    how = models.CharField(max_length=10, choices=How.choices)
    said_at = models.DateTimeField()
    said_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(how="returned") ^ Q(category__isnull=False), name="lesson_says")
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "id"], name="lesson_area"),
            models.Index(fields=["request", "-id"], name="lesson_request"),
        ]
        triggers: ClassVar[list[Any]] = [pgtrigger.Protect(name="kept", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.category_id} ({self.how})"


class ReadingQuerySet(models.QuerySet["Reading"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", any_path(actor, *WATCHERS)))


class Reading(models.Model):
    """What the machine made of a request when it came in, and what people made of it (`settled`, at its dispatch)."""

    request = models.OneToOneField(Request, primary_key=True, on_delete=models.PROTECT, related_name="reading")
    area_path = PathField()
    reader = models.ForeignKey(Reader, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    read_at = models.DateTimeField()
    category = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    probability = models.FloatField(default=0)
    sure = models.BooleanField(default=False)  # at the precision the area wishes for
    choices = models.JSONField(default=list)  # [[code, probability], …]
    words = ArrayField(models.CharField(max_length=20), default=list)  # of the text, that spoke for it
    rejected = models.CharField(max_length=16, default="")  # why it reads as no request
    settled = models.ForeignKey(Category, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    settled_at = models.DateTimeField(null=True)
    auto = models.BooleanField(default=False)  # sent on by the rule, nobody looked first

    objects: ClassVar[Any] = ReadingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(settled=None) ^ Q(settled_at__isnull=False), name="reading_settled"),
            models.CheckConstraint(condition=Q(probability__range=(0, 1)), name="reading_probability"),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["area_path", "settled_at"],
                include=["category", "settled", "sure", "probability"],
                name="reading_settled_area",
                condition=Q(settled_at__isnull=False),
            ),
            models.Index(fields=["area_path", "read_at"], name="reading_auto", condition=Q(auto=True)),
            models.Index(fields=["area_path", "-request"], name="reading_area"),
        ]

    def __str__(self) -> str:
        return f"{self.request_id}: {self.category_id} ({self.probability:.2f})"


class SampleQuerySet(models.QuerySet["Sample"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.DISPATCH)))


class Sample(models.Model):
    """A request that was sent on by the rule, drawn for a person to look at."""

    reading = models.OneToOneField(Reading, primary_key=True, on_delete=models.PROTECT, related_name="sample")
    area_path = PathField()
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    drawn_at = models.DateTimeField()
    right = models.BooleanField(null=True)
    looked_at = models.DateTimeField(null=True)
    looked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    objects: ClassVar[Any] = SampleQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(right=None) ^ Q(looked_at__isnull=False), name="sample_looked_at")
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "drawn_at"], name="sample_waiting", condition=Q(right=None)),
            models.Index(
                fields=["area_path", "category", "-looked_at"], name="sample_seen", condition=Q(right__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reading_id}: {self.right}"


class StopQuerySet(models.QuerySet["AutoStop"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", any_path(actor, *WATCHERS)))


class AutoStop(models.Model):
    """The rule no longer sends this matter on in this area: its samples were not good enough, or nobody looked at them."""

    area_path = PathField()
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+", db_index=False)
    why = models.CharField(max_length=10, choices=[("precision", _("too often wrong")), ("unseen", _("nobody looked"))])
    right = models.PositiveIntegerField(default=0)
    looked = models.PositiveIntegerField(default=0)
    stopped_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=300, default="")

    objects: ClassVar[Any] = StopQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["area_path", "category"], name="autostop_once", condition=Q(lifted_at=None)
            ),
            models.CheckConstraint(condition=Q(lifted_at=None) ^ ~Q(reason=""), name="autostop_lifted"),
        ]

    def __str__(self) -> str:
        return f"{self.area_path} {self.category_id} {self.why}"


class ReplySense(models.Model):
    """What a county's own answers taught about which reply belongs to which message (engines/text/reply.py)."""

    county = PathField(primary_key=True)
    learned_at = models.DateTimeField()
    pairs = models.PositiveIntegerField()  # answered requests it was learned from
    apart = models.FloatField()  # how often a reply was told from another request's, on answers not learned from, 0–1
    apart_before = models.FloatField()  # the same by what comes with the software
    state = models.JSONField()

    def __str__(self) -> str:
        return f"{self.county} {self.pairs}"

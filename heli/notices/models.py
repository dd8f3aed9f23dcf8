"""Notices, and how often they are read: counts by day and group, never a row of a reader."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, ancestors, within
from heli.orgs.models import Organisation


class Group(models.TextChoices):
    """Whom a notice concerns. One who reads says it of themselves, on their device alone."""

    EVERYBODY = "everybody", pgettext_lazy("group", "everybody")
    RIDERS = "riders", pgettext_lazy("group", "delivery riders")
    DRIVERS = "drivers", pgettext_lazy("group", "drivers")
    OLDER = "older", pgettext_lazy("group", "older people")
    DISABLED = "disabled", pgettext_lazy("group", "people with disabilities")
    JOBSEEKERS = "jobseekers", pgettext_lazy("group", "people looking for work")
    PARENTS = "parents", pgettext_lazy("group", "parents")
    BUSINESSES = "businesses", pgettext_lazy("group", "shops and businesses")
    VOLUNTEERS = "volunteers", pgettext_lazy("group", "volunteers")


class State(models.TextChoices):
    DRAFT = "draft", pgettext_lazy("notice", "draft")
    PUBLISHED = "published", pgettext_lazy("notice", "published")
    WITHDRAWN = "withdrawn", pgettext_lazy("notice", "withdrawn")
    REPLACED = "replaced", pgettext_lazy("notice", "replaced")


class NoticeQuerySet(models.QuerySet["Notice"]):
    def visible_to(self, actor: Actor) -> Self:
        """Published ones and those that once were, for everybody; drafts for who publishes in that area."""
        paths = actor.paths(Cap.PUBLISH_NOTICES)
        if paths == ("",):
            return self.all()
        return self.filter(~Q(state=State.DRAFT) | within("area_path", paths))

    def managed_by(self, actor: Actor) -> Self:
        return self.filter(within("area_path", actor.paths(Cap.PUBLISH_NOTICES)))

    def holding(self, day: dt.date) -> Self:
        """Published, begun, and not past their last day."""
        return self.filter(Q(state=State.PUBLISHED, valid_from__lte=day) & (Q(valid_to=None) | Q(valid_to__gte=day)))

    def for_area(self, path: str) -> Self:
        """Those of an area: its own, and of what lies above it or inside it."""
        return self.filter(Q(area_path__in=ancestors(path)) | within("area_path", (path,)))


class Notice(models.Model):
    """One version of a notice. A published one is never edited: a new version replaces it."""

    title = models.CharField(max_length=60)
    meaning = models.TextField(max_length=1200)  # what it means for you
    todo = models.TextField(max_length=1200, default="", blank=True)  # what you need to do
    until = models.CharField(max_length=120, default="", blank=True)  # until when, in words
    ask = models.CharField(max_length=200, default="", blank=True)  # where to ask
    source = models.CharField(max_length=200, default="", blank=True)  # issuing body, title, number, date
    source_url = models.URLField(max_length=300, default="", blank=True)
    groups = ArrayField(models.CharField(max_length=12))
    area_path = PathField(db_index=True)
    publisher = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)  # the last day
    state = models.CharField(max_length=12, choices=State.choices, default=State.DRAFT)
    number = models.PositiveIntegerField(default=1)  # which version it is
    replaces = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="replaced_by")
    version = models.PositiveIntegerField(default=1)  # of the draft: what an editor has seen
    written_by_id = models.BigIntegerField(null=True)  # who wrote last: plain id, it outlives an account
    published_by_id = models.BigIntegerField(null=True)
    published_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, default="", blank=True)  # why it was withdrawn
    changed_at = models.DateTimeField()

    objects: ClassVar[Any] = NoticeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="notice_state_known"),
            models.CheckConstraint(
                condition=Q(groups__contained_by=Group.values) & ~Q(groups=[]), name="notice_groups_known"
            ),
            models.CheckConstraint(condition=Q(valid_to=None) | Q(valid_to__gte=F("valid_from")), name="notice_dates"),
            models.CheckConstraint(
                condition=Q(state="draft", published_at=None) | (~Q(state="draft") & Q(published_at__isnull=False)),
                name="notice_published",
            ),
            models.CheckConstraint(
                condition=~Q(state="withdrawn") | (~Q(reason="") & Q(ended_at__isnull=False)),
                name="notice_why_withdrawn",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["-published_at", "-id"], name="notice_newest", condition=Q(state="published")),
            models.Index(fields=["-changed_at", "-id"], name="notice_desk"),
            GinIndex(fields=["groups"], name="notice_groups"),
        ]

    def __str__(self) -> str:
        return self.title


class NoticeDay(models.Model):
    """How often one notice was opened on a day by people who said to be of a group ('' : said nothing), and how many
    found it clear or not. No row is about a person."""

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="days")
    day = models.DateField()
    group = models.CharField(max_length=12, default="", blank=True)
    read = models.PositiveIntegerField(default=0)
    clear = models.PositiveIntegerField(default=0)
    unclear = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["notice", "day", "group"], name="notice_day_once"),
            models.CheckConstraint(condition=Q(group="") | Q(group__in=Group.values), name="notice_day_group"),
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} {self.day} {self.group}: {self.read}"


class Unclear(models.Model):
    """What somebody did not understand, in their words; without who, and without the hour."""

    append_only: ClassVar[bool] = True

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="unclear")
    day = models.DateField()
    words = models.CharField(max_length=200)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["notice", "-id"], name="notice_unclear")]

    def __str__(self) -> str:
        return self.words[:40]


GROUP_WORDS: dict[str, Any] = dict(Group.choices) | {"": _("said nothing")}

"""What goes to the national system (全国志愿服务信息系统): who agreed, which column of its template holds what, what waits and what was
answered.

The national standard (MZ/T 061-2015) is not public in full, so nothing here knows its codes: the mapping is a county's own,
written from the template it was given, and each version of it stays.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import pgettext_lazy

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.ledger.models import Entry
from heli.volunteering.models.people import Volunteer


class Sent(models.TextChoices):
    """What is told."""

    VOLUNTEER = "volunteer", pgettext_lazy("national", "Volunteers")
    ACTIVITY = "activity", pgettext_lazy("national", "Activities")
    HOURS = "hours", pgettext_lazy("national", "Hours")


class Sharing(models.Model):
    """A volunteer agreed that name, identity number and hours go to the national system (个人信息保护法 art. 23: separately, and
    taken back as easily)."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="sharings")
    given_at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    how = models.CharField(max_length=200, default="")  # by a worker: how the person said yes
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["volunteer"], name="sharing_once", condition=Q(ended_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id} {self.given_at:%Y-%m-%d}"


class Mapping(models.Model):
    """One version of a county's mapping for one kind: which of our fields goes into which column of theirs, and what our
    values are called there. The newest counts; what was sent keeps its own."""

    append_only: ClassVar[bool] = True

    area_path = PathField()  # county
    kind = models.CharField(max_length=10, choices=Sent.choices)
    version = models.PositiveIntegerField()
    columns = models.JSONField()  # [[our field, their column], …], in their order
    values = models.JSONField(default=dict)  # {our field: {our value: theirs}}
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=200)  # by which template

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["area_path", "kind", "version"], name="mapping_version"),
            models.CheckConstraint(condition=Q(kind__in=Sent.values), name="mapping_kind_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="mapping_why"),
        ]
        triggers: ClassVar[list[Any]] = [pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


class ParcelQuerySet(models.QuerySet["Parcel"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.KEEP_VOLUNTEERS)))


class Parcel(models.Model):
    """Rows packed together: one file that somebody uploads by hand."""

    area_path = PathField()  # county
    kind = models.CharField(max_length=10, choices=Sent.choices)
    mapping = models.ForeignKey(Mapping, on_delete=models.PROTECT, related_name="+", db_index=False)
    rows = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    sent_at = models.DateTimeField(null=True)
    dropped_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = ParcelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(sent_at=None) | Q(dropped_at=None), name="parcel_sent_or_dropped")
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "-id"], name="parcel_area")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class OutgoingQuerySet(models.QuerySet["Outgoing"]):
    def visible_to(self, actor: Actor) -> Self:
        return self if actor.system else self.filter(within("area_path", actor.paths(Cap.KEEP_VOLUNTEERS)))


class Outgoing(models.Model):
    """One thing to tell: made in the transaction in which it happened, once. `payload` is what was packed, sealed; a later
    mapping does not touch it."""

    kind = models.CharField(max_length=10, choices=Sent.choices)
    subject_id = models.BigIntegerField()  # volunteer, activity, or service of the ledger
    entry_id = models.BigIntegerField(default=0)  # of hours: the approval, or what took it back
    volunteer = models.ForeignKey(Volunteer, null=True, on_delete=models.PROTECT, related_name="+")
    area_path = PathField()
    state = models.CharField(max_length=10, default="waiting")
    parcel = models.ForeignKey(Parcel, null=True, on_delete=models.PROTECT, related_name="contents")
    payload = models.TextField(default="")
    receipt = models.CharField(max_length=60, default="")
    words = models.CharField(max_length=200, default="")  # of the other side, when it refused
    made_at = models.DateTimeField()
    packed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = OutgoingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["kind", "subject_id", "entry_id"], name="outgoing_once"),
            models.CheckConstraint(condition=Q(kind__in=Sent.values), name="outgoing_kind_known"),
            models.CheckConstraint(condition=Q(kind="activity") ^ Q(volunteer__isnull=False), name="outgoing_whose"),
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "dropped"), payload="")
                | Q(state__in=("packed", "sent", "refused", "accepted"), parcel__isnull=False),
                name="outgoing_packed",
            ),
            models.CheckConstraint(condition=~Q(state="accepted") | ~Q(receipt=""), name="outgoing_receipt"),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(words=""), name="outgoing_refused_why"),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["area_path", "state", "id"], name="outgoing_area")]

    def __str__(self) -> str:
        return f"H{self.pk}"

    @property
    def bound(self) -> str:
        """What the sealed payload is bound to."""
        return f"outgoing:{self.pk}"

    def seal(self, raw: bytes) -> None:
        self.payload = vault.seal_bytes(self.bound, raw)

    def opened(self) -> bytes:
        return vault.open_bytes(self.bound, self.payload)


# In the ledger's own transaction, whoever writes it: for who agreed, an approval and what takes it back wait to be told.
SHARES = """
INSERT INTO volunteering_outgoing
       (kind, subject_id, entry_id, volunteer_id, area_path, state, payload, receipt, words, made_at)
SELECT 'hours', s.id, NEW.id, v.id, s.area_path, 'waiting', '', '', '', NEW.at
  FROM ledger_service s
  JOIN ledger_person p ON p.id = s.person_id
  JOIN volunteering_volunteer v ON v.user_id = p.user_id
  JOIN volunteering_sharing a ON a.volunteer_id = v.id AND a.ended_at IS NULL
 WHERE s.id = NEW.service_id
ON CONFLICT DO NOTHING;
RETURN NULL;
"""


class SharedEntry(Entry):
    """Entries of the ledger, for the trigger alone: the ledger knows nothing of volunteering."""

    class Meta:
        proxy = True
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="shares", operation=pgtrigger.Insert, when=pgtrigger.After,
                condition=pgtrigger.Condition("NEW.kind IN ('approved', 'reversed')"), func=SHARES,
            )
        ]  # fmt: skip

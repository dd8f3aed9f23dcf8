"""Tables every room stands on: events, the personal data vault, who read it, files."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from heli.core.scope import PathField


class Event(models.Model):
    """One row per step, never changed: who, for whom, what, on what, where, by which rules, when.

    Plain ids instead of foreign keys: an event outlives what it speaks of, and its insert checks nothing.
    """

    append_only: ClassVar[bool] = True

    at = models.DateTimeField()  # when it happened, as the step was told
    recorded_at = models.DateTimeField(default=timezone.now)  # when it was written
    step = models.CharField(max_length=60)
    user_id = models.BigIntegerField(null=True)
    org_id = models.BigIntegerField(null=True)
    acting_for_id = models.BigIntegerField(null=True)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    object_type = models.CharField(max_length=40, default="")
    object_id = models.BigIntegerField(null=True)
    area_path = PathField(default="")
    before = models.CharField(max_length=30, default="")
    after = models.CharField(max_length=30, default="")
    rules = models.JSONField(default=list)  # [[key, version, row id], …]
    data = models.JSONField(default=dict)
    public = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["subject_type", "subject_id", "id"], name="event_subject"),
            models.Index(fields=["user_id", "id"], name="event_user", condition=models.Q(user_id__isnull=False)),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="outbox",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func="INSERT INTO core_outbox (event_id) VALUES (NEW.id); RETURN NULL;",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.subject_type}:{self.subject_id}"


class Outbox(models.Model):
    """Events nobody has passed on yet. The database adds a row with each event, in the same transaction, so none is
    missed whoever writes it and in whatever order transactions end; whoever passes an event on deletes its row."""

    event_id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "core_outbox"

    def __str__(self) -> str:
        return str(self.event_id)


class Once(models.Model):
    """A write that was asked with a key, and the answer it got: asked again, it answers the same and does nothing."""

    who = models.CharField(max_length=40, db_collation="C")  # user:12, token:3
    key = models.CharField(max_length=80, db_collation="C")
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of method, path and body: a key serves one question
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(default="")  # sealed by the vault: it may hold a secret link
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["who", "key"], name="once")]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["at"], name="once_at")]

    def __str__(self) -> str:
        return f"{self.who} {self.key}"


class VaultRecord(models.Model):
    """Personal data of one person as told on one occasion. Fields are AES-256-GCM; look-ups use the blind index.

    `uid` is part of what each cipher text is bound to, so that one copied into another row does not open.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user_id = models.BigIntegerField(null=True)  # the account it belongs to; accounts are closed, never deleted
    key_id = models.CharField(max_length=20)
    name = models.BinaryField(null=True)
    phone = models.BinaryField(null=True)
    id_number = models.BinaryField(null=True)
    address = models.BinaryField(null=True)
    note = models.BinaryField(null=True)
    phone_index = models.BinaryField(null=True, max_length=32)
    id_index = models.BinaryField(null=True, max_length=32)
    name_mask = models.CharField(max_length=40, default="")
    phone_mask = models.CharField(max_length=30, default="")
    created_at = models.DateTimeField(default=timezone.now)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["phone_index"], name="vault_phone", condition=models.Q(phone_index__isnull=False)),
            models.Index(fields=["id_index"], name="vault_id", condition=models.Q(id_index__isnull=False)),
            models.Index(fields=["user_id", "id"], name="vault_user", condition=models.Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name_mask} {self.phone_mask}"


class Access(models.Model):
    """One reading of personal data: by whom, for which organisation, what for. Its owner can see it."""

    append_only: ClassVar[bool] = True

    record = models.ForeignKey(VaultRecord, on_delete=models.PROTECT, related_name="readings")
    at = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    org_id = models.BigIntegerField(null=True)
    org_name = models.CharField(max_length=30, default="")  # as it was called then
    fields = ArrayField(models.CharField(max_length=20))
    purpose = models.CharField(max_length=200)
    subject_type = models.CharField(max_length=40, default="")
    subject_id = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["record", "-at"], name="access_record")]

    def __str__(self) -> str:
        return f"{self.record_id}: {self.purpose}"


class StoredFile(models.Model):
    """A file outside the web root. What it belongs to decides who may open it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)  # image/jpeg, application/pdf
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    stored_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["subject_type", "subject_id"], name="file_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Shared(models.Model):
    """What all processes count together for a while (core/shared.py). UNLOGGED: cheap to write, empty after a crash,
    absent from replicas, no part of a backup."""

    key = models.BinaryField(primary_key=True, max_length=32)  # HMAC of the key
    value = models.TextField()  # JSON
    ends = models.DateTimeField()

    class Meta:
        db_table = "core_shared"

    def __str__(self) -> str:
        return bytes(self.key).hex()[:12]


class Session(models.Model):
    """One browser's session (core/sessions.py). The key in the browser's cookie is not here, only its SHA-256."""

    session_key = models.CharField(max_length=64, primary_key=True, db_collation="C")
    session_data = models.TextField()  # sealed by the vault
    expire_date = models.DateTimeField()
    user_id = models.BigIntegerField(null=True)
    since = models.DateTimeField()  # when its holder logged in
    seen_at = models.DateTimeField()  # when it was last used, within five minutes

    class Meta:
        db_table = "core_session"
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["expire_date"], name="session_expires"),
            models.Index(fields=["user_id"], name="session_user", condition=models.Q(user_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.session_key[:12]

"""Certificates of service hours: what was certified to whom, on which entries it stands, and whether it was revoked."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import pgtrigger
from django.db import models
from django.db.models import F, Q

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.ledger.models import Entry, Person
from heli.orgs.models import Organisation

# A line stands on an approval of this person that still stands, in the unit and the days the certificate speaks of.
LINE = """
IF NOT EXISTS (
  SELECT 1 FROM ledger_certificate c
    JOIN ledger_entry e ON e.id = NEW.entry_id AND e.kind = 'approved'
    JOIN ledger_service s ON s.id = e.service_id AND s.person_id = c.person_id
   WHERE c.id = NEW.certificate_id AND (c.org_id IS NULL OR (e.facts->>'org')::bigint = c.org_id)
     AND (e.starts AT TIME ZONE 'Asia/Shanghai')::date BETWEEN c.first_day AND c.last_day
     AND NOT EXISTS (SELECT 1 FROM ledger_entry r WHERE r.supersedes_id = e.id))
THEN
  RAISE EXCEPTION 'not an approval this certificate can stand on'
    USING ERRCODE = 'check_violation', CONSTRAINT = 'certificate_line_stands';
END IF;
RETURN NEW;
"""


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def looked_after_by(self, actor: Actor) -> Self:
        """Those of hours that one's organisation alone recorded, and those of the areas one reviews."""
        see = within("area_path", actor.paths(Cap.REVIEW_HOURS))
        if units := actor.org_ids(Cap.RECORD_HOURS):
            see |= Q(org__in=units)
        return self.filter(see)

    def visible_to(self, actor: Actor) -> Self:
        """The same, and one's own."""
        if actor.system:
            return self
        seen = self.looked_after_by(actor)
        return seen if actor.user_id is None else seen | self.filter(person__user=actor.user_id)


class Certificate(models.Model):
    """What was certified, never changed but by revoking it, once. The full name is in the vault and on the paper alone."""

    code = models.CharField(max_length=30, unique=True, db_collation="C")  # engines/serial.py
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="certificates", db_index=False)
    template = models.CharField(max_length=8)  # a key of certificate_pdf.TEMPLATES
    language = models.CharField(max_length=2)
    org = models.ForeignKey(  # whose records it speaks of; null: of all units
        Organisation, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    area_path = PathField()  # the smallest area that holds all its services
    first_day = models.DateField()
    last_day = models.DateField()
    minutes = models.PositiveIntegerField()
    name_mask = models.CharField(max_length=40)
    name_mark = models.BinaryField(
        max_length=32
    )  # blind index of the name it was issued to: another is not printed on it
    issued_at = models.DateTimeField()
    issued_by = models.BigIntegerField(null=True)  # account: the person, or the recorder whom they asked
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.BigIntegerField(null=True)
    revoke_reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = CertificateQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(code__regex=r"^[0-9A-HJKMNP-TV-Z]{30}$"), name="certificate_code"),
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="certificate_days"),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="certificate_minutes"),
            models.CheckConstraint(condition=Q(language__in=("zh", "en")), name="certificate_language"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoke_reason="")
                | Q(revoked_at__gte=F("issued_at")) & ~Q(revoke_reason=""),
                name="certificate_revoked_why",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person", "-issued_at", "-id"], name="certificate_person"),
            models.Index(fields=["org", "-issued_at", "-id"], name="certificate_org", condition=Q(org__isnull=False)),
            models.Index(fields=["area_path", "-issued_at", "-id"], name="certificate_area"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(
                name="as_issued", exclude=["revoked_at", "revoked_by", "revoke_reason"],
            ),
            pgtrigger.Trigger(
                name="revoked_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.revoked_at IS NOT NULL"),
                func="RAISE EXCEPTION 'revoked for good'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'certificate_revoked_once';",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
            pgtrigger.Trigger(
                name="waits",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func="INSERT INTO ledger_waiting (source, source_id) VALUES ('certificate', NEW.id); RETURN NULL;",
            ),
            pgtrigger.Trigger(
                name="waits_revoked",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                condition=pgtrigger.Condition("OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL"),
                func="INSERT INTO ledger_waiting (source, source_id) VALUES ('revocation', NEW.id); RETURN NULL;",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.code

    @property
    def unit_id(self) -> int | None:
        """What capability checks read."""
        return self.org_id


class CertificateLine(models.Model):
    """An approved entry that a certificate stands on."""

    append_only: ClassVar[bool] = True

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="lines", db_index=False)
    n = models.PositiveIntegerField()  # from 1, by day
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["certificate", "n"], name="certificate_line_place"),
            models.UniqueConstraint(fields=["certificate", "entry"], name="certificate_line_once"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="stands", operation=pgtrigger.Insert, when=pgtrigger.Before, func=LINE
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.certificate_id}/{self.n}"

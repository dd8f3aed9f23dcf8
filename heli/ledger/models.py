"""Persons (by a mark that can be cut loose), their services, and the entries that alone change a service's minutes."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields.ranges import BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.scope import PathField, within
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule


class Kind(models.TextChoices):
    PLANNED = "planned", _("Planned")
    CHECKED = "checked", _("Checked in and out")
    CLAIMED = "claimed", _("Claimed by the volunteer")
    APPROVED = "approved", _("Approved")
    REVERSED = "reversed", _("Taken back")


class Grade(models.TextChoices):
    """What an entry rests on, the strongest first."""

    SCAN = "scan", _("Scanned on the spot")
    KIOSK = "kiosk", _("At the kiosk")
    LEADER = "leader", _("Called by the leader")
    PAPER = "paper", _("Paper sheet")
    ADMIN = "admin", _("Entered afterwards")
    IMPORT = "import", _("From a file")


BY_HAND = (Grade.LEADER, Grade.PAPER, Grade.ADMIN, Grade.IMPORT)  # may stand without a check-in, and say so
DAY_MINUTES = 16 * 60  # more than this in one day no person serves: not a rule, but what the database calls impossible

# What an entry does to its service ------------------------------------------------------------------------------------
# The person, then the service are locked, so that two entries at once are weighed one after the other. The facts an
# approval speaks of (办法 art. 7) are copied into it by the database itself, as they stand at that moment.
BEFORE = """
SELECT * INTO STRICT s FROM ledger_service WHERE id = NEW.service_id;
PERFORM 1 FROM ledger_person WHERE id = s.person_id FOR NO KEY UPDATE;
SELECT * INTO STRICT s FROM ledger_service WHERE id = NEW.service_id FOR NO KEY UPDATE;
IF NEW.kind = 'approved' THEN
  IF s.credited IS NOT NULL THEN
    RAISE EXCEPTION 'approved twice' USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_approved_once';
  END IF;
  IF s.checked IS NULL AND NEW.grade NOT IN ('leader', 'paper', 'admin', 'import') THEN
    RAISE EXCEPTION 'no evidence' USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_has_evidence';
  END IF;
  IF NEW.supersedes_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM ledger_entry e WHERE e.id = NEW.supersedes_id AND e.service_id = NEW.service_id AND e.kind = 'reversed')
  THEN
    RAISE EXCEPTION 'supersedes what was not taken back'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_supersedes';
  END IF;
  NEW.facts := jsonb_build_object(
    'title', s.title, 'content', s.content, 'place', s.place, 'field', s.field, 'leader', s.leader_id, 'org', s.org_id,
    'unit', (SELECT name FROM orgs_organisation o WHERE o.id = s.org_id),
    'source', s.source_type || ':' || s.source_id);
ELSIF NEW.kind = 'reversed' THEN
  IF s.credited IS NULL OR NOT EXISTS (
    SELECT 1 FROM ledger_entry e WHERE e.id = NEW.supersedes_id AND e.service_id = NEW.service_id AND e.kind = 'approved'
       AND e.minutes = NEW.minutes)
  THEN
    RAISE EXCEPTION 'nothing to take back' USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_reverses';
  END IF;
END IF;
RETURN NEW;
"""
FOLD = """
UPDATE ledger_service SET
  state = CASE NEW.kind WHEN 'approved' THEN 'approved' WHEN 'reversed' THEN 'attended' ELSE state END,
  planned = CASE WHEN NEW.kind = 'planned' THEN NEW.minutes ELSE planned END,
  starts = CASE WHEN NEW.kind = 'planned' THEN NEW.starts ELSE starts END,
  ends = CASE WHEN NEW.kind = 'planned' THEN NEW.ends ELSE ends END,
  checked = CASE WHEN NEW.kind = 'checked' THEN NEW.minutes ELSE checked END,
  in_at = CASE WHEN NEW.kind = 'checked' THEN NEW.starts ELSE in_at END,
  out_at = CASE WHEN NEW.kind = 'checked' THEN NEW.ends ELSE out_at END,
  claimed = CASE WHEN NEW.kind = 'claimed' THEN NEW.minutes ELSE claimed END,
  grade = CASE WHEN NEW.kind IN ('checked', 'approved') THEN NEW.grade ELSE grade END,
  credited = CASE NEW.kind WHEN 'approved' THEN NEW.minutes WHEN 'reversed' THEN NULL ELSE credited END,
  credited_from = CASE NEW.kind WHEN 'approved' THEN NEW.starts WHEN 'reversed' THEN NULL ELSE credited_from END,
  credited_to = CASE NEW.kind WHEN 'approved' THEN NEW.ends WHEN 'reversed' THEN NULL ELSE credited_to END
 WHERE id = NEW.service_id;
IF NEW.kind = 'approved' AND EXISTS (
  SELECT 1
    FROM (SELECT d::date AS day, d AT TIME ZONE 'Asia/Shanghai' AS opens
            FROM generate_series((NEW.starts AT TIME ZONE 'Asia/Shanghai')::date::timestamp,
                                 (NEW.ends AT TIME ZONE 'Asia/Shanghai')::date::timestamp, interval '1 day') d) days,
         ledger_service mine, ledger_service s
   WHERE mine.id = NEW.service_id AND s.person_id = mine.person_id AND s.credited IS NOT NULL
     AND s.credited_from < days.opens + interval '1 day' AND s.credited_to > days.opens
     AND s.credited_from > NEW.starts - interval '3 days' AND s.credited_from < NEW.ends + interval '1 day'
   GROUP BY days.day
  HAVING sum(s.credited * extract(epoch FROM least(s.credited_to, days.opens + interval '1 day')
                                           - greatest(s.credited_from, days.opens))
             / extract(epoch FROM s.credited_to - s.credited_from)) > 960)
THEN
  RAISE EXCEPTION 'more than 16 hours in a day' USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_day_possible';
END IF;
RETURN NULL;
"""
KEPT = (
    "planned", "checked", "claimed", "credited", "credited_from", "credited_to", "starts", "ends", "in_at", "out_at", "grade",
)  # fmt: skip
# What an approval has taken over: it changes again once that is taken back.
DESCRIBED = ("title", "content", "place", "field", "leader_id", "org_id")


def changed(*columns: str) -> str:
    return "(" + " OR ".join(f"OLD.{c} IS DISTINCT FROM NEW.{c}" for c in columns) + ")"


class Person(models.Model):
    """Somebody whose hours are kept. Entries and leaves know the person by the mark alone.

    mark = HMAC-SHA256(salt, the id in decimal digits). Forgetting destroys the salt and the way to the account: entries
    and tree stay whole, and nobody can show any more whose they were (hours are kept ≥ 10 years, GB/T 40143—2021).
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="hours_person"
    )
    salt = models.TextField(default="")  # 32 random bytes, sealed by the vault; '' after forgetting
    mark = models.BinaryField(max_length=32, unique=True)
    since = models.DateTimeField()
    forgotten_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, forgotten_at=None) & ~Q(salt="")
                | Q(user=None, forgotten_at__isnull=False, salt=""),
                name="person_known_or_forgotten",
            ),
        ]
        triggers: ClassVar[list[Any]] = [pgtrigger.ReadOnly(name="as_marked", fields=["mark", "since"])]

    def __str__(self) -> str:
        return bytes(self.mark).hex()[:12]


class ServiceQuerySet(models.QuerySet["Service"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own, those one's organisation records, and those of the areas one reviews."""
        if actor.system:
            return self
        see = within("area_path", actor.paths(Cap.REVIEW_HOURS))
        if units := actor.org_ids(Cap.RECORD_HOURS):
            see |= Q(org__in=units)
        if actor.user_id is not None:
            see |= Q(person__user=actor.user_id)
        return self.filter(see)


class Service(models.Model):
    """One person's one service at one source: the facts a record must have (办法 art. 7), and its four kinds of minutes.

    The columns KEPT follow from the entries; the database refuses to have them written otherwise.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="services", db_index=False)
    source_type = models.CharField(max_length=40)  # volunteering.enrolment
    source_id = models.BigIntegerField()
    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)  # records it
    area_path = PathField()
    title = models.CharField(max_length=80)
    content = models.CharField(max_length=300)
    place = models.CharField(max_length=120)
    field = models.CharField(max_length=20)  # of service: the source's own list
    leader_id = models.BigIntegerField(null=True)  # account of who answers for the activity
    enrolled_at = models.DateTimeField()
    facts = models.JSONField(default=dict)  # what the rules of doubt look at: device, band, way of enrolling, …

    state = models.CharField(max_length=10, default="planned")
    starts = models.DateTimeField()  # planned
    ends = models.DateTimeField()
    planned = models.PositiveIntegerField(null=True)  # minutes, all four
    checked = models.PositiveIntegerField(null=True)
    claimed = models.PositiveIntegerField(null=True)
    credited = models.PositiveIntegerField(null=True)
    in_at = models.DateTimeField(null=True)
    out_at = models.DateTimeField(null=True)
    credited_from = models.DateTimeField(null=True)
    credited_to = models.DateTimeField(null=True)
    grade = models.CharField(max_length=8, default="", choices=Grade.choices)

    record_due = models.DateField()  # the last day to record it, by the rule frozen with it
    record_rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    record_unsure = models.BooleanField(default=False)  # counted over a year whose holidays are not published
    decided_at = models.DateTimeField(null=True)  # the last decision of a person on it, and whose
    decided_by = models.BigIntegerField(null=True)
    held = models.JSONField(
        null=True
    )  # while held: {"why": [[key, words…]], "minutes", "starts", "ends", "grade", "by"}
    reason = models.CharField(max_length=200, default="")  # of the last arrow that needed one

    objects: ClassVar[Any] = ServiceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["source_type", "source_id"], name="service_once"),
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="service_period"),
            models.CheckConstraint(
                condition=Q(credited=None, credited_from=None, credited_to=None)
                | Q(credited__gt=0, credited_from__isnull=False, credited_to__gt=F("credited_from")),
                name="service_credited_period",
            ),
            models.CheckConstraint(condition=~Q(state="approved") | Q(credited__isnull=False), name="service_approved"),
            models.CheckConstraint(condition=Q(state="approved") | Q(credited=None), name="service_credited"),
            models.CheckConstraint(condition=~Q(state="held") | Q(held__isnull=False), name="service_held_why"),
            models.CheckConstraint(condition=Q(grade__in=["", *Grade.values]), name="service_grade_known"),
            ExclusionConstraint(  # nobody serves in two places at once; ranges of one id: no extension is needed
                name="service_apart",
                expressions=[
                    (
                        Func(
                            F("person_id"),
                            F("person_id"),
                            Value("[]"),
                            function="int8range",
                            output_field=BigIntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                    (
                        Func(
                            F("credited_from"),
                            F("credited_to"),
                            Value("[)"),
                            function="tstzrange",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(credited__isnull=False),
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person", "-starts", "-id"], name="service_person"),
            models.Index(fields=["person", "credited_from"], name="service_days", condition=Q(credited__isnull=False)),
            models.Index(
                fields=["org", "record_due", "id"],
                name="service_to_record",
                condition=Q(state__in=("planned", "attended")),
            ),
            models.Index(fields=["org", "-starts", "-id"], name="service_org"),
            models.Index(fields=["area_path", "record_due", "id"], name="service_held", condition=Q(state="held")),
            models.Index(fields=["area_path"], name="service_area"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="whose", fields=["person", "source_type", "source_id", "enrolled_at"]),
            pgtrigger.Trigger(
                name="born_empty",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    "NEW.planned IS NOT NULL OR NEW.checked IS NOT NULL OR NEW.claimed IS NOT NULL OR"
                    " NEW.credited IS NOT NULL OR NEW.in_at IS NOT NULL OR NEW.out_at IS NOT NULL OR NEW.grade <> ''"
                ),
                func="RAISE EXCEPTION 'minutes come from entries'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'service_by_entries';",
            ),
            pgtrigger.Trigger(  # at depth 0 a statement of a client's; the trigger of Entry acts at depth 1
                name="by_entries",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(f"pg_trigger_depth() = 0 AND {changed(*KEPT)}"),
                func="RAISE EXCEPTION 'minutes come from entries'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'service_by_entries';",
            ),
            pgtrigger.Trigger(
                name="as_approved",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition(
                    f"OLD.credited IS NOT NULL AND NEW.credited IS NOT NULL AND {changed(*DESCRIBED)}"
                ),
                func="RAISE EXCEPTION 'an approval speaks of this'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'service_as_approved';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_type}:{self.source_id} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


class EntryQuerySet(models.QuerySet["Entry"]):
    def visible_to(self, actor: Actor) -> Self:
        """Those of the services one may see."""
        if actor.system:
            return self
        return self.filter(service__in=Service.objects.visible_to(actor).values("pk"))


class Entry(models.Model):
    """One line of the account, never changed: minutes of one kind, what they rest on, who entered them and when."""

    append_only: ClassVar[bool] = True

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="entries", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    minutes = models.PositiveIntegerField()
    starts = models.DateTimeField(null=True)
    ends = models.DateTimeField(null=True)
    grade = models.CharField(max_length=8, default="", choices=Grade.choices)
    by_id = models.BigIntegerField(null=True)  # account of who entered it; null: the system
    at = models.DateTimeField()
    supersedes = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="superseded_by")
    reason = models.CharField(max_length=200, default="")
    facts = models.JSONField(default=dict)  # of an approval: what it speaks of, put in by the database

    objects: ClassVar[Any] = EntryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="entry_kind_known"),
            models.CheckConstraint(condition=Q(grade__in=["", *Grade.values]), name="entry_grade_known"),
            models.CheckConstraint(
                condition=Q(kind="claimed", starts=None, ends=None) | Q(starts__isnull=False, ends__gt=F("starts")),
                name="entry_period",
            ),
            models.CheckConstraint(
                condition=Q(ends=None)
                | Q(
                    ends__gte=F("starts")
                    + Func(
                        Value(0),
                        Value(0),
                        Value(0),
                        Value(0),
                        Value(0),
                        F("minutes"),
                        function="make_interval",
                        output_field=models.DurationField(),
                    )
                ),
                name="entry_minutes_fit",
            ),
            models.CheckConstraint(
                condition=~Q(kind="approved") | Q(ends__lte=F("starts") + Value(dt.timedelta(days=1))),
                name="entry_within_a_day",
            ),
            models.CheckConstraint(
                condition=~Q(kind="approved") | Q(minutes__gt=0) & ~Q(grade=""), name="entry_graded"
            ),
            models.CheckConstraint(condition=~Q(kind="checked") | ~Q(grade=""), name="entry_checked_how"),
            models.CheckConstraint(
                condition=~Q(kind="reversed") | Q(supersedes__isnull=False) & ~Q(reason=""), name="entry_reversed_what"
            ),
            models.CheckConstraint(
                condition=Q(supersedes=None) | Q(kind__in=("approved", "reversed")), name="entry_supersedes_kind"
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["service", "id"], name="entry_service")]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="allowed",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("s", "ledger_service%ROWTYPE")],
                func=BEFORE,
            ),
            pgtrigger.Trigger(
                name="waits",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                func="INSERT INTO ledger_waiting (source, source_id) VALUES ('entry', NEW.id); RETURN NULL;",
            ),
            pgtrigger.Trigger(name="fold", operation=pgtrigger.Insert, when=pgtrigger.After, func=FOLD),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.minutes}"


# The public log -------------------------------------------------------------------------------------------------------
class Waiting(models.Model):
    """What has no place in the log yet. The database adds a row with each entry, in the same transaction, so none is
    missed in whatever order transactions end; who gives it its place deletes the row."""

    source = models.CharField(max_length=20, db_collation="C")  # a key of ledger.log.SOURCES
    source_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.source}:{self.source_id}"


class Sequenced(models.Model):
    """The place of a leaf in the log, for good."""

    append_only: ClassVar[bool] = True

    index = models.BigIntegerField(primary_key=True)  # from 0, without a gap
    source = models.CharField(max_length=20, db_collation="C")
    source_id = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)  # of the leaf (engines/merkle.py)

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["source", "source_id"], name="sequenced_once"),
            models.CheckConstraint(condition=Q(index__gte=0), name="sequenced_from_zero"),
        ]
        triggers: ClassVar[list[Any]] = [pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(self.index)


class Node(models.Model):
    """The root of a full tile of 256 hashes: what tiles of level 1 and above are made of. Level 0 is Sequenced."""

    append_only: ClassVar[bool] = True

    level = models.PositiveSmallIntegerField()
    n = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.UniqueConstraint(fields=["level", "n"], name="node_once")]

    def __str__(self) -> str:
        return f"{self.level}/{self.n}"


class LogKey(models.Model):
    """The key that signs heads, made once. The private half is sealed by the vault."""

    origin = models.CharField(max_length=120, unique=True)  # the log's name, as heads say it
    public = models.BinaryField(max_length=32)
    private = models.TextField()
    since = models.DateTimeField()

    def __str__(self) -> str:
        return self.origin


class Checkpoint(models.Model):
    """A signed head, as it was published."""

    append_only: ClassVar[bool] = True

    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[Any]] = [models.Index(fields=["size"], name="checkpoint_size")]

    def __str__(self) -> str:
        return f"{self.size}"


class Cosignature(models.Model):
    """A witness's signature under a head, brought back by hand (heli ledger cosign)."""

    append_only: ClassVar[bool] = True

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="cosignatures")
    verifier = models.CharField(max_length=200)  # name+hash+key of the witness
    line = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["checkpoint", "verifier"], name="cosigned_once")
        ]

    def __str__(self) -> str:
        return self.verifier.partition("+")[0]


# Tables of this room in files of their own; they stand on those above.
from heli.ledger import certificate_models, doubt_models, standing_models  # noqa: E402, F401

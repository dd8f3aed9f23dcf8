"""Stars, perks and the time bank: only what people decided is kept here. What somebody has served is replayed from the
entries each time (standing.py)."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.models import VaultRecord
from heli.core.scope import PathField, within
from heli.ledger.models import Person
from heli.ledger.standing import glyphs
from heli.orgs.models import Organisation
from heli.rulebook.models import Rule

LIVE = ("proposed", "public", "objected")  # asked for, and not ended yet


class OwnOrReviewed(models.QuerySet[Any]):
    """Nobody but the person and the area that looks at it."""

    def visible_to(self, actor: Actor) -> Self:
        if actor.system:
            return self
        seen = within("area_path", actor.paths(Cap.REVIEW_HOURS))
        if actor.user_id is not None:
            seen |= Q(person__user=actor.user_id)
        return self.filter(seen)


# Stars ----------------------------------------------------------------------------------------------------------------
class Award(models.Model):
    """Stars that somebody asked for: by which row of the rulebook, what was counted then, and what people decided."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="awards", db_index=False)
    area_path = PathField()  # the county whose hours count, and which gives them
    stars = models.PositiveSmallIntegerField()
    row = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+", db_index=False)
    need = models.PositiveIntegerField()  # minutes, as that row says
    minutes = models.PositiveIntegerField()  # counted when it was asked for
    name_mask = models.CharField(max_length=40, default="")  # while it is looked at; '' if they do not want it shown
    asked_at = models.DateTimeField()

    state = models.CharField(max_length=10, default="proposed")
    out_at = models.DateTimeField(null=True)  # put out for everybody to see, by whom, until when
    out_by = models.BigIntegerField(null=True)
    due_at = models.DateTimeField(null=True)  # the midnight after the last day
    due_rule = models.ForeignKey(Rule, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    unsure = models.BooleanField(default=False)  # counted over a year whose holidays are not published
    said = models.CharField(max_length=300, default="")  # what the person says to an objection
    second_by = models.BigIntegerField(null=True)  # who decided on objections
    given_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # refused, withdrawn or taken back
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = OwnOrReviewed.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(stars__gte=1, stars__lte=5, minutes__gte=F("need")), name="award_earned"),
            models.UniqueConstraint(fields=["person", "area_path"], name="award_once", condition=Q(state__in=LIVE)),
            models.UniqueConstraint(
                fields=["person", "area_path", "stars"], name="award_given_once", condition=Q(state="given")
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("public", "objected", "given", "taken"))
                | Q(
                    out_at__isnull=False, out_by__isnull=False, due_at__isnull=False, due_at__gt=F("out_at"), due_rule__isnull=False
                ),
                name="award_put_out",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("given", "taken")) | Q(given_at__isnull=False, given_at__gte=F("due_at")),
                name="award_after_publicity",
            ),
            models.CheckConstraint(
                condition=Q(second_by=None) | ~Q(second_by=F("out_by")), name="award_second_person"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("refused", "withdrawn", "taken"), ended_at__isnull=False)
                | Q(state__in=(*LIVE, "given"), ended_at=None),
                name="award_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("refused", "taken")) | ~Q(reason=""), name="award_refused_why"
            ),
            models.CheckConstraint(condition=Q(state__in=LIVE) | Q(name_mask=""), name="award_name_dropped"),
        ]  # fmt: skip
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person", "-id"], name="award_person"),
            models.Index(fields=["state", "due_at", "id"], name="award_out", condition=Q(state__in=LIVE)),
            models.Index(fields=["area_path", "state", "id"], name="award_area"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(
                name="as_asked", fields=["person", "area_path", "stars", "row", "need", "minutes", "asked_at"]
            ),
            pgtrigger.Trigger(
                name="answered",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("NEW.state IN ('given', 'public') AND OLD.state <> NEW.state"),
                func="IF EXISTS (SELECT 1 FROM ledger_objection o WHERE o.award_id = NEW.id AND o.decided_at IS NULL) THEN"
                " RAISE EXCEPTION 'an objection is open'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'award_objections_answered'; END IF; RETURN NEW;",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.stars} {self.state}"

    @property
    def glyphs(self) -> str:
        return glyphs(self.stars)

    @property
    def last_day(self) -> dt.date | None:
        """The last whole day on which it is put out."""
        return timezone.localdate(self.due_at - dt.timedelta(minutes=1)) if self.due_at is not None else None


class ObjectionQuerySet(models.QuerySet["Objection"]):
    def visible_to(self, actor: Actor) -> Self:
        return self.filter(award__in=Award.objects.visible_to(actor))


class Objection(models.Model):
    """What somebody says against stars while they are put out. Who said it is not shown to the person."""

    award = models.ForeignKey(Award, on_delete=models.PROTECT, related_name="objections")
    text = models.CharField(max_length=300)
    by_id = models.BigIntegerField(null=True)  # account, where somebody was logged in
    at = models.DateTimeField()
    upheld = models.BooleanField(null=True)
    answer = models.CharField(max_length=200, default="")
    decided_at = models.DateTimeField(null=True)
    decided_by = models.BigIntegerField(null=True)

    objects: ClassVar[Any] = ObjectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=~Q(text=""), name="objection_words"),
            models.CheckConstraint(
                condition=Q(upheld=None, decided_at=None, decided_by=None, answer="")
                | Q(upheld__isnull=False, decided_at__isnull=False, decided_by__isnull=False) & ~Q(answer=""),
                name="objection_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(by_id=None) | Q(decided_by=None) | ~Q(decided_by=F("by_id")), name="objection_somebody_else"
            ),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="in_time",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("a", "ledger_award%ROWTYPE")],
                func="SELECT * INTO STRICT a FROM ledger_award WHERE id = NEW.award_id FOR NO KEY UPDATE;"
                " IF a.state NOT IN ('public', 'objected') OR NEW.at >= a.due_at THEN"
                " RAISE EXCEPTION 'not put out'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'objection_in_time'; END IF; RETURN NEW;",
            ),
            pgtrigger.ReadOnly(name="as_said", fields=["award", "text", "by_id", "at"]),
            pgtrigger.Trigger(
                name="decided_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.decided_at IS NOT NULL"),
                func="RAISE EXCEPTION 'decided already'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'objection_decided_once';",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.text[:20]


# Perks ----------------------------------------------------------------------------------------------------------------
class PerkQuerySet(models.QuerySet["Perk"]):
    def visible_to(self, actor: Actor) -> Self:  # noqa: ARG002  (what is given is said to everybody)
        return self


class Perk(models.Model):
    """What an organisation gives to those with stars or stored hours of a county. It costs neither."""

    org = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)  # who gives it
    area_path = PathField()  # whose stars and hours
    title = models.CharField(max_length=60)
    words = models.CharField(max_length=300)
    stars = models.PositiveSmallIntegerField(default=0)  # from how many; 0: whatever
    stored = models.PositiveIntegerField(default=0)  # from how many hours lying in the time bank
    yearly = models.PositiveSmallIntegerField(default=1)  # for one person in a calendar year
    stock = models.PositiveIntegerField(null=True)  # in all; null: as many as come
    first_day = models.DateField()
    last_day = models.DateField(null=True)
    made_at = models.DateTimeField()
    state = models.CharField(max_length=8, default="open")
    ended_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = PerkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(
                condition=Q(stars__lte=5, yearly__gte=1) & (Q(stars__gt=0) | Q(stored__gt=0)), name="perk_for_whom"
            ),
            models.CheckConstraint(condition=Q(last_day=None) | Q(last_day__gte=F("first_day")), name="perk_days"),
            models.CheckConstraint(condition=~Q(title="") & ~Q(words=""), name="perk_words"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None) | Q(state="ended", ended_at__isnull=False) & ~Q(reason=""),
                name="perk_ended_why",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["area_path", "-id"], name="perk_area"),
            models.Index(fields=["org", "-id"], name="perk_org"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="as_published", exclude=["state", "ended_at", "reason"]),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def unit_id(self) -> int:
        """What capability checks read."""
        return self.org_id


# The perk is locked, so that two who take the last one at once are counted one after the other. A code whose days are over
# gives its place back.
TAKE = """
SELECT * INTO STRICT p FROM ledger_perk WHERE id = NEW.perk_id FOR NO KEY UPDATE;
IF p.state <> 'open' OR (NEW.taken_at AT TIME ZONE 'Asia/Shanghai')::date < p.first_day
   OR (NEW.taken_at AT TIME ZONE 'Asia/Shanghai')::date > p.last_day THEN
  RAISE EXCEPTION 'not given now' USING ERRCODE = 'check_violation', CONSTRAINT = 'taken_while_given';
END IF;
IF p.stock <= (SELECT count(*) FROM ledger_taken t
                WHERE t.perk_id = p.id AND (t.state = 'redeemed' OR t.until > NEW.taken_at)) THEN
  RAISE EXCEPTION 'none left' USING ERRCODE = 'check_violation', CONSTRAINT = 'taken_stock';
END IF;
IF p.yearly <= (SELECT count(*) FROM ledger_taken t
                 WHERE t.perk_id = p.id AND t.person_id = NEW.person_id AND (t.state = 'redeemed' OR t.until > NEW.taken_at)
                   AND date_trunc('year', t.taken_at AT TIME ZONE 'Asia/Shanghai')
                     = date_trunc('year', NEW.taken_at AT TIME ZONE 'Asia/Shanghai')) THEN
  RAISE EXCEPTION 'had this year' USING ERRCODE = 'check_violation', CONSTRAINT = 'taken_yearly';
END IF;
RETURN NEW;
"""


class TakenQuerySet(models.QuerySet["Taken"]):
    def visible_to(self, actor: Actor) -> Self:
        """One's own. The giver has the code that is shown to them, and a count."""
        if actor.system:
            return self
        return self.filter(person__user=actor.user_id) if actor.user_id is not None else self.none()


class Taken(models.Model):
    """A perk that somebody took: a code that its giver redeems once."""

    perk = models.ForeignKey(Perk, on_delete=models.PROTECT, related_name="taken", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="taken", db_index=False)
    code = models.CharField(max_length=8, unique=True, db_collation="C")  # engines/serial.py
    taken_at = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=8, default="taken")
    redeemed_at = models.DateTimeField(null=True)
    redeemed_by = models.BigIntegerField(null=True)

    objects: ClassVar[Any] = TakenQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(until__gt=F("taken_at")), name="taken_until"),
            models.CheckConstraint(
                condition=Q(state="taken", redeemed_at=None)
                | Q(state="redeemed", redeemed_at__isnull=False, redeemed_at__lte=F("until")),
                name="taken_redeemed_in_time",
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["perk", "person"], name="taken_perk"),
            models.Index(fields=["person", "-id"], name="taken_person"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.Trigger(
                name="within",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                declare=[("p", "ledger_perk%ROWTYPE")],
                func=TAKE,
            ),
            pgtrigger.ReadOnly(name="as_taken", fields=["perk", "person", "code", "taken_at", "until"]),
            pgtrigger.Trigger(
                name="redeemed_once",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Condition("OLD.state = 'redeemed'"),
                func="RAISE EXCEPTION 'redeemed already'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'taken_redeemed_once';",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.perk_id} {self.state}"

    @property
    def unit_id(self) -> int:
        """What capability checks read: who gives it."""
        return self.perk.org_id


# The time bank --------------------------------------------------------------------------------------------------------
class Spending(models.Model):
    """Stored minutes that somebody wants to spend, on themselves or on somebody whose name is in the vault."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="spendings", db_index=False)
    area_path = PathField()
    minutes = models.PositiveIntegerField()
    words = models.CharField(max_length=200)  # what is needed
    record = models.OneToOneField(VaultRecord, null=True, on_delete=models.PROTECT, related_name="+")  # for whom
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="asked")
    decided_at = models.DateTimeField(null=True)  # the last decision of staff, and whose
    decided_by = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = OwnOrReviewed.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.CheckConstraint(condition=Q(minutes__gt=0) & ~Q(words=""), name="spending_asked"),
            models.CheckConstraint(
                condition=Q(state__in=("asked", "withdrawn")) | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="spending_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("refused", "returned")) | ~Q(reason=""), name="spending_refused_why"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["person", "-id"], name="spending_person"),
            models.Index(fields=["area_path", "state", "id"], name="spending_area"),
        ]
        triggers: ClassVar[list[Any]] = [
            pgtrigger.ReadOnly(name="as_asked", fields=["person", "area_path", "minutes", "words", "asked_at"]),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.minutes} {self.state}"


class Why(models.TextChoices):
    SPENT = "spent", pgettext_lazy("time bank", "Spent")
    RETURNED = "returned", pgettext_lazy("time bank", "Put back")
    SETTLED = "settled", pgettext_lazy("time bank", "Made good")


class Withdrawal(models.Model):
    """One line out of the time bank, never changed. What is put back, or let off after a correction, is a line below zero."""

    append_only: ClassVar[bool] = True

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="withdrawals", db_index=False)
    area_path = PathField()
    spending = models.ForeignKey(
        Spending, null=True, on_delete=models.PROTECT, related_name="withdrawals", db_index=False
    )
    why = models.CharField(max_length=8, choices=Why.choices)
    minutes = models.IntegerField()
    had = models.IntegerField()  # the balance before, replayed while the person was locked
    at = models.DateTimeField()
    by_id = models.BigIntegerField()
    reason = models.CharField(max_length=200, default="")

    objects: ClassVar[Any] = OwnOrReviewed.as_manager()

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["spending", "why"], name="withdrawal_once"),
            models.CheckConstraint(  # never below zero
                condition=Q(why="spent", spending__isnull=False, minutes__gt=0, minutes__lte=F("had"))
                | Q(why="returned", spending__isnull=False, minutes__lt=0) & ~Q(reason="")
                | Q(why="settled", spending=None, minutes__lt=0, minutes__gte=F("had")) & ~Q(reason=""),
                name="withdrawal_covered",
            ),
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["person", "area_path", "id"], name="withdrawal_person")]
        triggers: ClassVar[list[Any]] = [
            # Whoever wrote first is counted by whoever writes next: the person is locked as for entries.
            pgtrigger.Trigger(
                name="after_the_last",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func="PERFORM 1 FROM ledger_person WHERE id = NEW.person_id FOR NO KEY UPDATE;"
                " IF NEW.why = 'returned' AND NOT EXISTS (SELECT 1 FROM ledger_withdrawal w WHERE w.why = 'spent'"
                " AND w.spending_id = NEW.spending_id AND w.minutes = -NEW.minutes) THEN"
                " RAISE EXCEPTION 'not what was spent'"
                " USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawal_returned'; END IF; RETURN NEW;",
            ),
            pgtrigger.Protect(name="stays", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.why} {self.minutes}"


__all__ = ["LIVE", "Award", "Objection", "Perk", "Spending", "Taken", "Why", "Withdrawal"]

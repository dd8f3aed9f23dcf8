"""The clocks of one request within one step: read once, changed in memory, written once.

Cost: one SELECT for a request that has clocks; with `starting`, one more (rules and calendar); `save` is at most one
INSERT and one UPDATE, and mostly both in one. Clocks start at dispatch, not at acceptance, so that bouncing a request gains nobody time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from heli.core.steps import Step
from heli.engines.workdays import Calendar
from heli.loop.models import Clock, ClockKind, Request
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

DUE = ("due_at", "due_kind")
CHANGES = {  # column of a clock that may change: its type in the database
    "outcome": "text",
    "stopped_at": "timestamptz",
    "due_at": "timestamptz",
    "paused_until": "timestamptz",
    "provisional": "boolean",
    "rung": "smallint",
    "rung_at": "timestamptz",
}
UPDATE = """UPDATE loop_clock c SET {columns} FROM (SELECT * FROM unnest({arrays})) AS v (id, {names}) WHERE c.id = v.id""".format(
    columns=", ".join(f"{n} = v.{n}" for n in CHANGES),
    arrays=", ".join(["%s::bigint[]", *(f"%s::{t}[]" for t in CHANGES.values())]),
    names=", ".join(CHANGES),
)


def local_day(at: dt.datetime) -> dt.date:
    return timezone.localtime(at).date()


def facts_of(request: Request) -> dict[str, str]:
    """What rule rows may tell apart: urgency, kind of request, category code."""
    facts = {"urgency": request.urgency, "kind": request.kind}
    if request.category_id is not None and request.category is not None:
        facts["category"] = request.category.code
    return facts


def write(clocks: list[Clock], new: list[Clock] | None = None) -> None:
    """Save what may change of several clocks and insert new ones, in one statement however many and however different.

    The database does not say which half comes first: no new clock may be of a kind and unit that one of `clocks` was.
    """
    values: list[Any] = [[c.pk for c in clocks], *([getattr(c, n) for c in clocks] for n in CHANGES)]
    sql = UPDATE
    if new:
        columns = [f for f in Clock._meta.concrete_fields if not f.primary_key]
        row = f"({', '.join('%s' for _f in columns)})"
        names = ", ".join(f'"{f.column}"' for f in columns)
        sql = f"WITH changed AS ({UPDATE}) INSERT INTO loop_clock ({names}) VALUES {', '.join(row for _c in new)}"
        values += [f.get_db_prep_save(getattr(c, f.attname), connection) for c in new for f in columns]
    with connection.cursor() as cur:
        cur.execute(sql, values)


def rules_for(request: Request, keys: Collection[str], at: dt.datetime) -> dict[str, RuleVersion]:
    """The rule rows in force for this request, here and now. One statement; RuleMissing (L-301) names a missing key."""
    return rulebook.in_force(keys, path=request.area_path, on=local_day(at), facts=facts_of(request))


@dataclass(slots=True)
class Frozen:
    """A rule row and the deadline computed by it."""

    rule: RuleVersion
    amount: int
    measure: str
    due_at: dt.datetime
    provisional: bool


class Board:
    """All clocks of a request. Call while holding the request's lock, and save the request's due fields afterwards."""

    def __init__(
        self, s: Step, request: Request, *, starting: Collection[ClockKind] = (), rules: Collection[str] = ()
    ) -> None:
        self.s = s
        self.request = request
        keys = {f"clock.{k}" for k in starting} | set(rules) | ({"ladder.remind_before"} if starting else set())
        self.rules: dict[str, RuleVersion] = {}
        self.calendar: Calendar | None = None
        if starting:
            self.rules, self.calendar = rulebook.with_calendar(
                keys, path=request.area_path, at=s.at, facts=facts_of(request)
            )
        elif keys:
            self.rules = rules_for(request, keys, s.at)
        self.clocks = list(Clock.objects.filter(request=request, outcome="running")) if request.pk else []
        self.new: list[Clock] = []
        self.changed: set[int] = set()

    def freeze(self, kind: ClockKind) -> Frozen:
        rule = self.rules[f"clock.{kind}"]
        assert self.calendar is not None
        amount, measure = int(rule.value["amount"]), str(rule.value["unit"])
        due = self.calendar.due(self.s.at, amount, measure)  # type: ignore[arg-type]
        return Frozen(rule, amount, measure, due.at, due.provisional)

    def start(self, kind: ClockKind, unit_id: int | None = None) -> Clock:
        """A running clock from now on, by the rule row in force, frozen with it."""
        f = self.freeze(kind)
        clock = Clock(
            request=self.request,
            unit_id=unit_id,
            area_path=self.request.area_path,
            kind=kind,
            lap=self.request.lap,
            rule_id=f.rule.id,
            amount=f.amount,
            measure=f.measure,
            started_at=self.s.at,
            due_at=f.due_at,
            provisional=f.provisional,
        )
        if kind != ClockKind.REVIEW:  # the resident's own time: nobody is reminded of it
            clock.rung_at = self.remind_at(clock)
        self.s.rule(f.rule)
        self.new.append(clock)
        return clock

    def remind_at(self, clock: Clock, since: dt.datetime | None = None) -> dt.datetime:
        """When the share of the time that the rule names is used up."""
        share = int(self.rules["ladder.remind_before"].value)
        assert self.calendar is not None
        since = since or clock.started_at
        worked = clock.measure.startswith("working")
        span = self.calendar.used(since, clock.due_at, "working_minute" if worked else "minute")
        return self.calendar.due(since, max(1, span * share // 100), "working_minute" if worked else "minute").at

    def _running(self, kinds: Collection[str] | None, unit_id: int | None) -> list[Clock]:
        return [
            c
            for c in (*self.clocks, *self.new)
            if c.outcome == "running"
            and (kinds is None or c.kind in kinds)
            and (unit_id is None or c.unit_id == unit_id)
        ]

    def stop(self, *kinds: str, unit_id: int | None = None) -> None:
        """The thing was done: met or late, as the time says."""
        for c in self._running(kinds, unit_id):
            c.outcome = "met" if self.s.at <= c.due_at else "late"
            c.stopped_at = self.s.at
            self._touch(c)

    def cancel(self, *kinds: str, unit_id: int | None = None) -> None:
        """The thing is no longer this unit's to do. Without kinds: every running clock (of the unit)."""
        for c in self._running(kinds or None, unit_id):
            c.outcome = "cancelled"
            c.stopped_at = self.s.at
            self._touch(c)

    def reopen(self, kind: str, *outcomes: str) -> bool:
        """What stopped the last clock of this kind was a mistake: it runs on as if it had never stopped.

        False when there is none, or it did not end in one of `outcomes`. One statement.
        """
        last = Clock.objects.filter(request=self.request, kind=kind, lap=self.request.lap).order_by("-id").first()
        if last is None or last.outcome not in outcomes:
            return False
        last.outcome, last.stopped_at = "running", None
        self.clocks.append(last)
        self._touch(last)
        return True

    def _touch(self, clock: Clock) -> None:
        if clock.pk:
            self.changed.add(clock.pk)

    def save(self) -> None:
        """Write all changes; set due_at and due_kind on the request (the caller saves it)."""
        changed = [c for c in self.clocks if c.pk in self.changed]
        apart = {(c.kind, c.unit_id) for c in changed}.isdisjoint((c.kind, c.unit_id) for c in self.new)
        if changed:
            write(changed, self.new if apart else None)
        self.settle()
        if self.new and not (changed and apart):
            Clock.objects.bulk_create(self.new)

    def settle(self) -> None:
        running = [c for c in self._running(None, None) if c.kind != ClockKind.REVIEW]
        first = min(running, key=lambda c: c.due_at, default=None)
        self.request.due_at = first.due_at if first else None
        self.request.due_kind = first.kind if first else ""

"""Stars and stored hours, worked out anew from the entries each time: pure functions of entries and rule versions.

Stars (民政部 志愿服务记录办法 2012): the hours that count, against the version of `ledger.stars` in force when it is asked.
Time bank: each approved hour stores what the version of `ledger.timebank.rate` says that was in force on the day it was
served, so that a later version changes nothing that lies there already; never more than `ledger.timebank.cap` in all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar


class Version(Protocol):
    """A version of a rule, as rulebook.queries.RuleVersion is one."""

    @property
    def version(self) -> int: ...
    @property
    def area_path(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def valid_from(self) -> dt.date: ...
    @property
    def valid_to(self) -> dt.date | None: ...


V = TypeVar("V", bound=Version)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry of the account: an approval, or what takes one back (`supersedes`)."""

    id: int
    approves: bool
    minutes: int
    day: dt.date  # served
    field: str
    title: str
    unit: str
    supersedes: int | None = None


def standing(lines: Iterable[Line]) -> list[Line]:
    """The approvals that were not taken back, in the order of the account."""
    kept: dict[int, Line] = {}
    for line in lines:
        if line.approves:
            kept[line.id] = line
        elif line.supersedes is not None:
            kept.pop(line.supersedes, None)
    return list(kept.values())


def in_force(versions: Iterable[V], day: dt.date) -> V | None:
    """The version that held on a day: the most specific area's."""
    there = [v for v in versions if v.valid_from <= day and (v.valid_to is None or day < v.valid_to)]
    return max(there, key=lambda v: (len(v.area_path), v.version), default=None)


def glyphs(stars: int) -> str:
    """★★☆☆☆"""
    return "★" * stars + "☆" * (5 - stars)


# Stars ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stars:
    """What the hours reach under one version: `counted` and `left_out` say by which entries."""

    minutes: int
    stars: int
    need: tuple[int, ...]  # minutes for one to five stars
    counted: list[Line]
    left_out: list[Line]

    @property
    def glyphs(self) -> str:
        return glyphs(self.stars)

    @property
    def next(self) -> int | None:
        return self.stars + 1 if self.stars < len(self.need) else None

    @property
    def missing(self) -> int:
        """Minutes to the next star; 0 where there is none."""
        return self.need[self.stars] - self.minutes if self.stars < len(self.need) else 0


def reckon(lines: Iterable[Line], value: Mapping[str, Any]) -> Stars:
    """Stars by a value of `ledger.stars`: {"hours": [100, …], "without": [fields]}."""
    kept, without = standing(lines), set(value["without"])
    counted = [x for x in kept if x.field not in without]
    minutes = sum(x.minutes for x in counted)
    need = tuple(60 * h for h in value["hours"])
    reached = sum(minutes >= n for n in need)
    return Stars(minutes, reached, need, counted, [x for x in kept if x.field in without])


# The time bank --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Stored:
    """What one approval stored, and by which version; None: none was in force on that day, nothing is stored."""

    line: Line
    minutes: int
    by: Any


@dataclass(frozen=True, slots=True)
class Bank:
    """`stored` lies or lay in the bank, `honour` is beyond the cap and is only said; `balance` may be below zero after a
    correction."""

    stored: int
    honour: int
    spent: int
    lines: list[Stored]

    @property
    def balance(self) -> int:
        return self.stored - self.spent


def bank(lines: Iterable[Line], rates: Sequence[Version], cap: int, spent: int) -> Bank:
    """`rates`: all versions of `ledger.timebank.rate` of the area and those above; `cap`: minutes; `spent`: the sum of
    withdrawals, those put back taken off."""
    made = []
    for line in standing(lines):
        row = in_force(rates, line.day)
        percent = row.value.get(line.field, row.value["all"]) if row is not None else 0
        made.append(Stored(line, line.minutes * percent // 100, row))
    whole = sum(x.minutes for x in made)
    return Bank(min(whole, cap), max(0, whole - cap), spent, made)

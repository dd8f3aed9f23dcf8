"""Shifts that come again: dates of a rule, and what an edit of a series does to the shifts there are. Pure.

A rule is an RFC 5545 RRULE of whole days (FREQ of a day, a week or a month); its times are local wall-clock times, so a
series stays at nine in the morning. The end is a date of the series, never part of the rule.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from dateutil.rrule import rrulestr

from heli.engines.workdays import CHINA

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY")
PARTS = {
    "FREQ": "|".join(FREQUENCIES),
    "INTERVAL": r"[1-9]\d?",
    "BYDAY": rf"[+-]?[1-5]?(?:{'|'.join(DAYS)})(?:,[+-]?[1-5]?(?:{'|'.join(DAYS)}))*",
    "BYMONTHDAY": r"-?(?:[1-9]|[12]\d|3[01])(?:,-?(?:[1-9]|[12]\d|3[01]))*",
}
LONGEST = 200  # characters


class BadRule(ValueError):
    """Not a rule of whole days as described above."""


def checked(rule: str) -> str:
    """The rule in capitals with its parts in one order. Raises BadRule.

    COUNT and UNTIL are refused because the series has its own last day, times of day because a series has one.
    """
    rule = rule.strip().upper().removeprefix("RRULE:")
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _equals, value = part.partition("=")
        if name not in PARTS or name in parts or not re.fullmatch(PARTS[name], value):
            raise BadRule(part or rule)
        parts[name] = value
    if "FREQ" not in parts or len(rule) > LONGEST:
        raise BadRule(rule)
    if parts["FREQ"] != "MONTHLY" and ("BYMONTHDAY" in parts or re.search(r"\d", parts.get("BYDAY", ""))):
        raise BadRule(rule)  # "the second Tuesday" means something in a month only
    return ";".join(f"{name}={parts[name]}" for name in PARTS if name in parts)


def weekly(days: Iterable[int], interval: int = 1) -> str:
    """[1, 3] → every Tuesday and Thursday; Monday is 0."""
    by = ",".join(DAYS[d] for d in sorted(set(days)))
    return checked(f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={by}")


def dates(rule: str, first: dt.datetime, until: dt.date) -> Iterator[dt.datetime]:
    """Local starts (no zone) from `first` (local, no zone) to the end of the day `until`, in order, one a day at most.

    `first` is one of them only where the rule has it. A month without its 31st has none (RFC 5545); -1 is its last day.
    """
    yield from rrulestr(f"{checked(rule)};UNTIL={until:%Y%m%d}T235959", dtstart=first)


def starts(rule: str, first: dt.datetime, until: dt.date, *, most: int) -> dict[dt.date, dt.datetime]:
    """{day: start} with zone, at most so many and one more: who asks sees that there are too many."""
    local = first.astimezone(CHINA).replace(tzinfo=None)
    return {at.date(): at.replace(tzinfo=CHINA) for at in islice(dates(rule, local, until), most + 1)}


@dataclass(frozen=True, slots=True)
class There:
    """A shift of a series as it stands. `kept`: changed by hand or cancelled for itself, or already begun."""

    id: int
    day: dt.date
    starts: dt.datetime
    ends: dt.datetime
    kept: bool
    people: bool  # somebody is enrolled or waits


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit does. `move` and `drop` are ids; what is in `stay` keeps its time though the rule says otherwise."""

    make: tuple[tuple[dt.date, dt.datetime], ...]
    move: tuple[tuple[int, dt.datetime], ...]
    drop: tuple[int, ...]
    stay: tuple[int, ...]


def change(there: Iterable[There], wanted: Mapping[dt.date, dt.datetime], minutes: int) -> Change:
    """Lay a new rule over the shifts of a series from some day on.

    A shift that was changed by hand stays as it is, whatever the rule says of its day, and no second one is made on that
    day. One of the rule's days takes the rule's time. A day that the rule no longer has is dropped, unless somebody is
    enrolled: people are not sent home by an edit of a rule, so it stays and is listed.
    """
    move, drop, stay, taken = [], [], [], set()
    length = dt.timedelta(minutes=minutes)
    for shift in there:
        taken.add(shift.day)
        new = wanted.get(shift.day)
        if new is not None and (shift.starts, shift.ends) == (new, new + length):
            continue
        if shift.kept:
            stay.append(shift.id)
        elif new is not None:
            move.append((shift.id, new))
        elif shift.people:
            stay.append(shift.id)
        else:
            drop.append(shift.id)
    make = [(day, at) for day, at in wanted.items() if day not in taken]
    return Change(tuple(make), tuple(move), tuple(drop), tuple(stay))

"""Softer limits, by rule: what is refused at once, and what waits for a second person.

What the database itself calls impossible stands in models.py. All here is computed from rows that were read before.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from heli.core import words
from heli.ledger.errors import BackOffice, LongerThanChecked, LongerThanPlanned, NotServedYet, SoonerThanEnrolled
from heli.ledger.models import Grade, Service
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

TOLERANCE, OVER, DAY, WEEK = "ledger.tolerance", "ledger.over_planned", "ledger.day_hold", "ledger.week_hold"
BACK_OFFICE = "ledger.h12.back_office"
OFFICE = ("", Grade.ADMIN, Grade.IMPORT)  # nobody says that they saw anybody
SEVEN = dt.timedelta(days=7)
Rules = Mapping[str, RuleVersion]


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why hours wait for a second person: the rule row, the figure that met it, the rule's short name (doubts.py), and
    the services it was seen in beside this one."""

    key: str
    version: int
    found: int
    rule: str = ""
    rows: tuple[int, ...] = ()

    def plain(self) -> dict[str, Any]:
        return {"key": self.key, "version": self.version, "found": self.found, "rule": self.rule}


def rules_of(paths: Iterable[str], at: dt.datetime, wanted: Collection[str]) -> dict[str, Rules]:
    """The rules of each area. One statement for each different area."""
    on = timezone.localtime(at).date()
    return {path: rulebook.in_force(wanted, path=path, on=on) for path in set(paths)}


def back_office(enrolled: dt.datetime, begins: dt.datetime, grade: str) -> bool:
    """Nobody enrolled before it began, and nobody says that they saw them there."""
    return enrolled >= begins and grade in OFFICE


def refuse(service: Service, minutes: int, ends: dt.datetime, rules: Rules, at: dt.datetime) -> None:
    """A coded error when these minutes cannot be right."""
    minute = dt.timedelta(minutes=1)
    if ends > at:
        raise NotServedYet
    if minutes * minute > at - service.enrolled_at:
        raise SoonerThanEnrolled
    tolerance = int(rules[TOLERANCE].value)
    if service.checked is not None and minutes > service.checked + tolerance:
        raise LongerThanChecked(
            checked=words.limit(service.checked, "minute"), tolerance=words.limit(tolerance, "minute")
        )
    most = (service.planned or 0) * int(rules[OVER].value) // 100
    if minutes > most:
        raise LongerThanPlanned(planned=words.limit(service.planned or 0, "minute"), most=words.limit(most, "minute"))


def refuse_unseen(service: Service, grade: str, rules: Rules) -> None:
    """BackOffice (L-918) for hours of somebody who neither enrolled before it began nor was seen there."""
    if rules[BACK_OFFICE].value and back_office(service.enrolled_at, service.starts, grade):
        raise BackOffice


class Load:
    """How many minutes are credited to each person on each local day around some services; more can be laid on top.

    A period past midnight counts on the day on which it begins. One statement.
    """

    def __init__(self, spans: Iterable[tuple[int, dt.datetime]], leaving_out: Iterable[int] = ()) -> None:
        spans = list(spans)
        self.days: defaultdict[tuple[int, dt.date], int] = defaultdict(int)
        if not spans:
            return
        starts = [at for _person, at in spans]
        rows = Service.objects.filter(
            person__in={person for person, _at in spans},
            credited__isnull=False,
            credited_from__gt=min(starts) - SEVEN,
            credited_from__lt=max(starts) + SEVEN,
        ).exclude(pk__in=list(leaving_out))
        for person, begins, minutes in rows.values_list("person_id", "credited_from", "credited"):
            if begins is not None and minutes is not None:
                self.lay(person, begins, minutes)

    def lay(self, person: int, begins: dt.datetime, minutes: int) -> None:
        self.days[person, timezone.localdate(begins)] += minutes

    def doubts(self, person: int, begins: dt.datetime, minutes: int, rules: Rules) -> list[Doubt]:
        """What of the rules these minutes meet, together with what is credited already."""
        day, one = timezone.localdate(begins), dt.timedelta(days=1)
        today = self.days[person, day] + minutes
        week = max(
            sum(self.days[person, day + one * (first + n)] for n in range(7)) + minutes for first in range(-6, 1)
        )
        return [
            Doubt(key, rules[key].version, found, rule)
            for rule, key, found in (("h4", DAY, today), ("h4b", WEEK, week))
            if found > int(rules[key].value)
        ]

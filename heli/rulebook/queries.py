"""Reads of the rulebook. `in_force` and `calendar` are on the path of every write: one statement each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from heli.core.scope import ancestors
from heli.engines.workdays import Calendar
from heli.rulebook import keys
from heli.rulebook.errors import RuleMissing
from heli.rulebook.models import CalendarDay, CalendarYear, Rule

HOURS = "work.hours"


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """A rule row as others use and freeze it."""

    id: int
    key: str
    version: int
    area_path: str
    applies_to: dict[str, str]
    value: Any
    citation: str
    verified: bool
    valid_from: dt.date
    valid_to: dt.date | None
    citation_url: str = ""

    @classmethod
    def of(cls, rule: Rule) -> RuleVersion:
        return cls(
            rule.id, rule.key, rule.version, rule.area_path, rule.applies_to, rule.value,
            rule.citation, rule.verified, rule.valid_from, rule.valid_to, rule.citation_url,
        )  # fmt: skip

    @property
    def title(self) -> str:
        """The rule's name in the reader's language."""
        return keys.title(self.key)

    @property
    def words(self) -> str:
        """The value in the reader's language: "5 个工作日"."""
        return keys.say(self.key, self.value)


def chain(path: str) -> tuple[str, ...]:
    """Where rules for an area are looked up: the country, then each level down to the area itself."""
    return ("", *ancestors(path))


def candidates(wanted: Collection[str], path: str, on: dt.date) -> list[RuleVersion]:
    """All rows of these keys in force on a day for an area or an area above it, whatever they apply to. One statement."""
    rows = Rule.objects.on(on).filter(key__in=list(wanted), area_path__in=chain(path))
    return [RuleVersion.of(row) for row in rows]


def choose(rows: Iterable[RuleVersion], facts: Mapping[str, str]) -> dict[str, RuleVersion]:
    """Of each key the row that decides a case: the most specific area first, then the most specific cases."""
    best: dict[str, RuleVersion] = {}
    for row in sorted(rows, key=lambda r: (len(r.area_path), keys.weight(r.applies_to), r.version)):
        if keys.matches(row.applies_to, facts):
            best[row.key] = row
    return best


def in_force(
    wanted: Collection[str], *, path: str, on: dt.date, facts: Mapping[str, str] | None = None
) -> dict[str, RuleVersion]:
    """The rows that decide a case here on a day, by key. One statement.

    The most specific area wins (a township's row before the county's, before the country's), then the row that names most
    facts, then the deeper category. A local row therefore overrides a national one of more facts: local files name the facts
    they are for.

    Args:
        wanted: keys, each of which must be found.
        path: area path of the thing decided on.
        facts: what is known of the case: urgency, kind, category (code).

    Raises:
        RuleMissing: a key has no row here and now (L-301); nothing may be assumed in its place.
    """
    found = choose(candidates(wanted, path, on), facts or {}) if wanted else {}
    for key in wanted:
        if key not in found:
            raise RuleMissing(key)
    return found


_CALENDAR = """
SELECT 'year', length(area_path), make_date(year, 1, 1), NULL::boolean, NULL::jsonb FROM rulebook_calendaryear
 WHERE area_path = '' AND year BETWEEN %(first_year)s AND %(last_year)s
UNION ALL
SELECT 'day', length(area_path), day, is_work, NULL FROM rulebook_calendarday
 WHERE area_path = ANY(%(areas)s) AND day BETWEEN make_date(%(first_year)s, 1, 1) AND make_date(%(last_year)s, 12, 31)
UNION ALL
SELECT 'hours', length(area_path), valid_from, NULL, value FROM rulebook_rule
 WHERE key = %(key)s AND area_path = ANY(%(areas)s) AND applies_to = '{}'::jsonb
   AND valid_from <= %(on)s AND (valid_to IS NULL OR valid_to > %(on)s)
ORDER BY 2
"""


def calendar(path: str, around: dt.datetime, days: int = 120) -> Calendar:
    """The working calendar of an area: office hours in force at `around`, and all days of the years within `days` of it.

    A day of the area itself wins over one of an area above it. Years that are not published, or lie outside the window, are
    not in `Calendar.years`, so that what is computed over them is provisional. One statement.

    Raises:
        RuleMissing: no office hours are in force here (L-301, work.hours).
    """
    on = timezone.localtime(around).date()
    reach = dt.timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(
            _CALENDAR,
            {
                "first_year": (on - reach).year,
                "last_year": (on + reach).year,
                "areas": list(chain(path)),
                "key": HOURS,
                "on": on,
            },
        )
        rows = cursor.fetchall()
    years: set[int] = set()
    overrides: dict[dt.date, bool] = {}
    hours: Any = None
    for what, _depth, day, is_work, value in rows:  # from the country down: the later one wins
        if what == "year":
            years.add(day.year)
        elif what == "day":
            overrides[day] = is_work
        else:
            hours = json.loads(value)
    if hours is None:
        raise RuleMissing(HOURS)
    return Calendar(overrides, frozenset(years), keys.hours(hours))

"""Reads of the rulebook. `in_force` and `calendar` are on the path of every write: one statement each."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.scope import ancestors
from heli.engines.workdays import Calendar
from heli.places.models import Area
from heli.rulebook import keys, shapes
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

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> RuleVersion:
        """From a row as JSON, whose days are texts."""
        last = row["valid_to"]
        days = {
            "valid_from": dt.date.fromisoformat(row["valid_from"]),
            "valid_to": dt.date.fromisoformat(last) if last else None,
        }
        return cls(**{name: days.get(name, row[name]) for name in COLUMNS})

    @property
    def title(self) -> str:
        """The rule's name in the reader's language."""
        return keys.title(self.key)

    @property
    def words(self) -> str:
        """The value in the reader's language: "5 个工作日"."""
        return keys.say(self.key, self.value)


COLUMNS = tuple(f.name for f in fields(RuleVersion))


def chain(path: str) -> tuple[str, ...]:
    """Where rules for an area are looked up: the country, then each level down to the area itself."""
    return ("", *ancestors(path))


def candidates(wanted: Collection[str], path: str, on: dt.date) -> list[RuleVersion]:
    """All rows of these keys in force on a day for an area or an area above it, whatever they apply to. One
    statement."""
    rows = Rule.objects.on(on).filter(key__in=list(wanted), area_path__in=chain(path)).values_list(*COLUMNS)
    return [RuleVersion(*row) for row in rows]  # on the path of every write: no model instances


def choose(rows: Iterable[RuleVersion], facts: Mapping[str, str]) -> dict[str, RuleVersion]:
    """Of each key the row that decides a case: the most specific area first, then the most specific cases."""
    best: dict[str, RuleVersion] = {}
    for row in sorted(rows, key=lambda r: (len(r.area_path), keys.weight(r.applies_to), r.version)):
        if keys.matches(row.applies_to, facts):
            best[row.key] = row
    return best


def explain(key: str, path: str, on: dt.date) -> list[RuleVersion]:
    """All rows of a key that could decide here on a day, the most specific first. One statement."""
    rows = candidates([key], path, on)
    return sorted(rows, key=lambda r: (len(r.area_path), keys.weight(r.applies_to)), reverse=True)


def in_force(
    wanted: Collection[str], *, path: str, on: dt.date, facts: Mapping[str, str] | None = None
) -> dict[str, RuleVersion]:
    """The rows that decide a case here on a day, by key. One statement.

    The most specific area wins (a township's row before the county's, before the country's), then the row that names
    most
    facts, then the deeper category. A local row therefore overrides a national one of more facts: local files name
    the facts they are for.

    Args:
        wanted: keys, each of which must be found.
        path: area path of the thing decided on.
        facts: what is known of the case: urgency, kind, category (code).

    Raises:
        RuleMissing: a key has no row here and now (L-301); nothing may be assumed in its place.
    """
    return decided(candidates(wanted, path, on) if wanted else (), wanted, facts or {})


def decided(rows: Iterable[RuleVersion], wanted: Collection[str], facts: Mapping[str, str]) -> dict[str, RuleVersion]:
    """Of each wanted key the row that decides; RuleMissing (L-301) names one that has none."""
    found = choose(rows, facts)
    for key in wanted:
        if key not in found:
            raise RuleMissing(key)
    return found


def in_force_over(
    wanted: Collection[str], places: Collection[tuple[str, dt.date]]
) -> dict[tuple[str, dt.date], dict[str, RuleVersion] | None]:
    """As `in_force` for many (area path, day) at once; None where a key has no row there and then: nothing may be assumed
    in its place. One statement, none for no places."""
    if not places:
        return {}
    first, last = min(day for _path, day in places), max(day for _path, day in places)
    paths = {p for path, _day in places for p in chain(path)}
    rows = Rule.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=first), key__in=list(wanted), area_path__in=paths, valid_from__lte=last
    ).values_list(*COLUMNS)
    versions, found = [RuleVersion(*row) for row in rows], {}
    for path, day in places:
        over = chain(path)
        here = choose(
            (
                r for r in versions
                if r.area_path in over and r.valid_from <= day and (r.valid_to is None or r.valid_to > day)
            ),
            {},
        )  # fmt: skip
        found[path, day] = here if here.keys() == set(wanted) else None
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
UNION ALL
SELECT 'rule', length(area_path), valid_from, NULL, to_jsonb(r) FROM rulebook_rule r
 WHERE key = ANY(%(wanted)s) AND area_path = ANY(%(areas)s)
   AND valid_from <= %(on)s AND (valid_to IS NULL OR valid_to > %(on)s)
ORDER BY 2
"""


def calendar(path: str, around: dt.datetime, days: int = 120) -> Calendar:
    """The working calendar of an area: office hours in force at `around`, and all days of the years within `days` of
    it.

    A day of the area itself wins over one of an area above it. Years that are not published, or lie outside the
    window, are not in `Calendar.years`, so that what is computed over them is provisional. One statement.

    Raises:
        RuleMissing: no office hours are in force here (L-301, work.hours).
    """
    return with_calendar((), path=path, at=around, days=days)[1]


def with_calendar(
    wanted: Collection[str], *, path: str, at: dt.datetime, facts: Mapping[str, str] | None = None, days: int = 120
) -> tuple[dict[str, RuleVersion], Calendar]:
    """What `in_force` and `calendar` say at a moment, together in one statement: what starting a clock needs.

    Raises:
        RuleMissing: a wanted key, or the office hours, have no row here and now (L-301).
    """
    around = at
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
                "wanted": list(wanted),
                "on": on,
            },
        )
        rows = cursor.fetchall()
    years: set[int] = set()
    overrides: dict[dt.date, bool] = {}
    rules: list[RuleVersion] = []
    hours: Any = None
    for what, _depth, day, is_work, value in rows:  # from the country down: the later one wins
        if what == "year":
            years.add(day.year)
        elif what == "day":
            overrides[day] = is_work
        elif what == "rule":
            rules.append(RuleVersion.read(json.loads(value)))
        else:
            hours = json.loads(value)
    found = decided(rules, wanted, facts or {})
    if hours is None:
        raise RuleMissing(HOURS)
    return found, Calendar(overrides, frozenset(years), shapes.hours(hours))


def on_the_day(wanted: Collection[str], *, path: str, at: dt.datetime) -> tuple[dict[str, RuleVersion], bool | None]:
    """(what is in force, whether offices work on that day: False on a holiday, True on a weekend worked instead, None on
    a day like any other of its week). One statement."""
    rules, calendar = with_calendar(wanted, path=path, at=at, days=1)
    return rules, calendar.workday_overrides.get(timezone.localtime(at).date())


# Pages --------------------------------------------------------------------------------------------------------------


def area_names(paths: Iterable[str]) -> dict[str, str]:
    """Names of areas by path; a path without an area keeps its code. One statement."""
    wanted = {p for p in paths if p}
    found = dict(Area.objects.open().filter(path__in=wanted).values_list("path", "name")) if wanted else {}
    return {p: found.get(p, p) for p in wanted}


def areas_with_rules() -> list[str]:
    """Paths of all areas that have a rule of their own, the country first."""
    return list(Rule.objects.order_by("area_path").values_list("area_path", flat=True).distinct())


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of rules is narrowed to; '' narrows nothing. `state`: '' in force, coming, ended, all."""

    key: str = ""
    area: str | None = None
    state: str = ""
    unverified: bool = False
    words: str = ""


def listed(actor: Actor, filters: Filters, today: dt.date) -> QuerySet[Rule]:
    """The rows a list or an export shows."""
    rows = Rule.objects.visible_to(actor)
    if filters.key:
        rows = rows.filter(key=filters.key)
    if filters.area is not None:
        rows = rows.filter(area_path=filters.area)
    if filters.unverified:
        rows = rows.filter(verified=False)
    if filters.words:
        named = [key for key in keys.KEYS if filters.words.lower() in keys.title(key).lower()]
        rows = rows.filter(Q(citation__icontains=filters.words) | Q(reason__icontains=filters.words) | Q(key__in=named))
    match filters.state:
        case "all":
            return rows
        case "coming":
            return rows.filter(valid_from__gt=today).exclude(valid_to=F("valid_from"))
        case "ended":
            return rows.filter(valid_to__lte=today)
    return rows.on(today)


def rule(actor: Actor, rule_id: int) -> Rule:
    """One version; NotFound (L-404)."""
    row = Rule.objects.visible_to(actor).select_related("created_by").filter(pk=rule_id).first()
    if row is None:
        raise NotFound
    return row


def versions(row: Rule) -> list[Rule]:
    """All versions of the same rule, newest first."""
    same = Rule.objects.same_case(row.key, row.area_path, row.applies_to)
    return list(same.select_related("created_by").order_by("-version"))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an area on a day, as everybody may read them: a row for each sort of case, and the rest by key."""

    cases: list[tuple[dict[str, str], dict[str, RuleVersion]]]
    general: dict[str, RuleVersion]


CASES: tuple[dict[str, str], ...] = (
    {"urgency": "emergency", "kind": "help"},
    {"urgency": "urgent", "kind": "help"},
    {"urgency": "normal", "kind": "help"},
    {"urgency": "normal", "kind": "question"},
    {"urgency": "normal", "kind": "suggestion"},
)
CASE_KEYS = ("clock.dispatch", "clock.contact", "clock.reply")
GENERAL_KEYS = (
    "extension.max", "return.window", "return.limit", "clock.review", "clock.redo", "redo.limit",
    "ladder.urge_after", "ladder.supervise_after", HOURS,
)  # fmt: skip
ORDINARY: dict[str, str] = {"urgency": "normal", "kind": "help"}


def limits(path: str, on: dt.date) -> Limits:
    """What the public page of limits shows. A key without a row is left out, not guessed. One statement."""
    rows = candidates((*CASE_KEYS, *GENERAL_KEYS), path, on)
    by_case = [r for r in rows if r.key in CASE_KEYS]
    return Limits([(case, choose(by_case, case)) for case in CASES], choose(rows, ORDINARY))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days in a row that differ from the week: a holiday, or weekend days that are worked."""

    name: str
    first: dt.date
    last: dt.date
    is_work: bool
    area_path: str
    citation: str

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class YearView:
    """A year's working calendar for an area. `published` is the country's notice, None while there is none."""

    year: int
    published: CalendarYear | None
    stretches: list[Stretch]
    years: list[int]  # all published ones


def year_view(path: str, year: int) -> YearView:
    """The year as the calendar page shows it. Two statements."""
    known = list(CalendarYear.objects.filter(area_path="").order_by("year"))
    rows = CalendarDay.objects.filter(area_path__in=chain(path), day__year=year).order_by("area_path", "day")
    stretches: list[Stretch] = []
    for row in rows:
        before = stretches[-1] if stretches else None
        if (
            before
            and before.last == row.day - dt.timedelta(days=1)
            and (before.name, before.is_work, before.area_path) == (row.name, row.is_work, row.area_path)
        ):
            stretches[-1] = replace(before, last=row.day)
        else:
            stretches.append(Stretch(row.name, row.day, row.day, row.is_work, row.area_path, row.citation))
    stretches.sort(key=lambda s: s.first)
    return YearView(year, next((y for y in known if y.year == year), None), stretches, [y.year for y in known])

"""Every write of the rulebook. A change of a rule is a new row that ends the old one, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, WrongState
from heli.core.steps import step
from heli.rulebook import keys
from heli.rulebook.errors import RuleAmbiguous, RuleChanged
from heli.rulebook.models import CalendarDay, CalendarYear, Rule
from heli.rulebook.shapes import BadValue


@dataclass(frozen=True, slots=True)
class NewRule:
    """What a version says. `valid_to` is the first day it no longer holds."""

    key: str
    area_path: str
    value: Any
    citation: str
    valid_from: dt.date
    applies_to: Mapping[str, str]
    valid_to: dt.date | None = None
    citation_url: str = ""
    verified_by: str = ""  # whoever compared it with its source; '' is unverified
    verified_on: dt.date | None = None
    reason: str = ""

    @property
    def verified(self) -> bool:
        return bool(self.verified_by)

    def says_the_same(self, row: Rule) -> bool:
        """Whether a row already says this (dates of ending apart)."""
        return (
            row.valid_from == self.valid_from
            and row.value == self.value
            and row.citation == self.citation
            and row.citation_url == self.citation_url
            and row.verified == self.verified
            and (row.verified_by, row.verified_on) == (self.verified_by, self.verified_on)
        )


def set_rule(*, rule: NewRule, by: Actor, at: dt.datetime, after_version: int | None = None) -> Rule:
    """Write a new version; the one in force at its first day ends the day before.

    Later versions that were written ahead stay: the new one ends where the next begins. A version that starts on the
    same day is corrected: it keeps its row and is never in force.

    Args:
        after_version: the newest version the writer had seen (0: none); None does not look.

    Raises:
        Forbidden: the actor does not manage rules of that area (L-403).
        Invalid: unknown key, wrong shape, no citation or reason, a start in the past for a person (L-400).
        RuleAmbiguous: another row of the area is as specific for the same cases and says something else (L-303).
        RuleChanged: a colleague was first (L-302).
    """
    with step("rulebook.set_rule", by=by, at=at) as s:
        s.require(Cap.MANAGE_RULES, path=rule.area_path)
        if not by.system:
            if rule.valid_from < timezone.localtime(at).date():
                raise Invalid(
                    _("A rule cannot begin in the past: clocks ran by the old one. Choose today or later."),
                    field="valid_from",
                )
            if not rule.reason.strip():
                raise Invalid(_("Say why the rule changes; everybody who is bound by it can read it."), field="reason")
        new = write(rule, by=by, at=at, after_version=after_version)
        s.about("rulebook.rule", new.id, new.area_path)
        s.record(new, public=True, key=new.key, version=new.version, supersedes=new.supersedes_id)
    return new


def end_rule(*, rule_id: int, valid_to: dt.date, reason: str, by: Actor, at: dt.datetime) -> Rule:
    """A version holds until the day before `valid_to` and nothing follows it; the area above decides from then on.

    Raises:
        NotFound, Forbidden; Invalid: a day in the past or no reason (L-400); WrongState: it had already ended (L-101).
    """
    with step("rulebook.end_rule", by=by, at=at) as s:
        row = s.lock(Rule, rule_id)
        s.require(Cap.MANAGE_RULES, path=row.area_path)
        today = timezone.localtime(at).date()
        if row.valid_to is not None and row.valid_to <= max(today, row.valid_from):
            raise WrongState
        if valid_to < max(today, row.valid_from) or (row.valid_to is not None and valid_to > row.valid_to):
            raise Invalid(
                _("A rule ends today or later, not before it began and not after its next version begins."),
                field="valid_to",
            )
        if not reason.strip():
            raise Invalid(_("Say why the rule changes; everybody who is bound by it can read it."), field="reason")
        row.valid_to = valid_to
        row.save(update_fields=["valid_to"])
        s.about("rulebook.rule", row.id, row.area_path)
        s.record(row, public=True, key=row.key, version=row.version, reason=reason, valid_to=valid_to.isoformat())
    return row


def write(new: NewRule, *, by: Actor, at: dt.datetime, after_version: int | None = None) -> Rule:
    """Insert the version and end its predecessor. Call inside a step; the rows of the same case are locked here."""
    applies_to = dict(new.applies_to)
    _check(new, applies_to)
    siblings = list(Rule.objects.select_for_update().filter(key=new.key, area_path=new.area_path).order_by("version"))
    versions = [r for r in siblings if r.applies_to == applies_to]
    if after_version is not None and after_version != (versions[-1].version if versions else 0):
        raise RuleChanged
    for other in siblings:
        if keys.tie(applies_to, other.applies_to) and other.value != new.value and _overlap(new, other):
            raise RuleAmbiguous(other=keys.say_facts(other.applies_to), field="applies_to")

    ends = [r.valid_from for r in versions if r.valid_from > new.valid_from and r.valid_to != r.valid_from]
    valid_to = min([d for d in (new.valid_to, *ends) if d is not None], default=None)
    before = next((r for r in versions if r.valid_from <= new.valid_from and _holds(r, new.valid_from)), None)
    if before is not None:
        before.valid_to = new.valid_from
        before.save(update_fields=["valid_to"])
    try:
        return Rule.objects.create(
            key=new.key,
            area_path=new.area_path,
            applies_to=applies_to,
            version=versions[-1].version + 1 if versions else 1,
            value=new.value,
            citation=new.citation,
            citation_url=new.citation_url,
            verified=new.verified,
            verified_by=new.verified_by,
            verified_on=new.verified_on,
            valid_from=new.valid_from,
            valid_to=valid_to,
            supersedes=before or (versions[-1] if versions else None),
            reason=new.reason.strip(),
            created_by_id=by.user_id,
            created_at=at,
        )
    except IntegrityError as error:  # the first two versions of one rule, written at once: the constraint lets one pass
        raise RuleChanged from error


def _check(new: NewRule, applies_to: dict[str, str]) -> None:
    try:
        keys.check(new.key, applies_to, new.value)
    except BadValue as error:
        raise Invalid(str(error), field="value") from error
    if not new.citation.strip():
        raise Invalid(_("Name the law, standard or notice the value comes from."), field="citation")
    if new.valid_to is not None and new.valid_to <= new.valid_from:
        raise Invalid(_("The last day lies before the first."), field="valid_to")
    if new.verified and new.verified_on is None:
        raise Invalid(_("Say when the value was compared with its source."), field="verified_on")


def _holds(row: Rule, day: dt.date) -> bool:
    return row.valid_to is None or row.valid_to > day


def _overlap(new: NewRule, row: Rule) -> bool:
    return (row.valid_to is None or row.valid_to > max(new.valid_from, row.valid_from)) and (
        new.valid_to is None or row.valid_from < new.valid_to
    )


# Calendar -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewDay:
    """A day that is not what its weekday says."""

    day: dt.date
    is_work: bool
    name: str


@dataclass(frozen=True, slots=True)
class YearImported:
    """What an import of a calendar year touched. When `changed`, deadlines that were provisional in that year below
    that area are to be computed again: rooms above do it (`loop.steps.recompute_provisional`), called by whoever
    called this."""

    area_path: str
    year: int
    changed: bool


def import_calendar_year(
    *, area_path: str, year: int, days: list[NewDay], citation: str, citation_url: str = "", by: Actor, at: dt.datetime
) -> YearImported:
    """The published holidays and make-up workdays of a year replace those known before; the same again changes nothing.

    The rulebook does not know clocks, so nothing is recomputed here: the answer says what was touched.

    Raises:
        Forbidden: the actor does not manage rules of that area (L-403).
        Invalid: a day outside the year, a day twice, or a day that says what its weekday says anyway (L-400).
    """
    wanted = {d.day: d for d in days}
    if len(wanted) != len(days):
        raise Invalid(_("A day is listed twice."), field="days")
    for day in days:
        if day.day.year != year:
            raise Invalid(_("%(day)s is not in %(year)s.") % {"day": day.day, "year": year}, field="days")
        if day.is_work and day.day.weekday() < 5:
            raise Invalid(_("%(day)s is worked anyway: it is not a weekend.") % {"day": day.day}, field="days")
    if not citation.strip():
        raise Invalid(_("Name the notice that publishes the holidays."), field="citation")
    known = CalendarYear.objects.filter(area_path=area_path, year=year, citation=citation, citation_url=citation_url)
    stale, fresh = _compare(area_path, year, wanted, citation)
    if not stale and not fresh and known.exists():
        return YearImported(area_path, year, changed=False)
    with step("rulebook.import_calendar_year", by=by, at=at) as s:
        s.require(Cap.MANAGE_RULES, path=area_path)
        row, _created = CalendarYear.objects.select_for_update().get_or_create(
            area_path=area_path,
            year=year,
            defaults={"citation": citation, "citation_url": citation_url, "imported_at": at},
        )
        row.citation, row.citation_url, row.imported_at = citation, citation_url, at
        row.save(update_fields=["citation", "citation_url", "imported_at"])
        stale, fresh = _compare(area_path, year, wanted, citation)  # again, now that the year is locked
        CalendarDay.objects.filter(pk__in=stale).delete()
        CalendarDay.objects.bulk_create(
            CalendarDay(area_path=area_path, day=d.day, is_work=d.is_work, name=d.name, citation=citation)
            for d in fresh
        )
        s.about("rulebook.calendaryear", row.pk, area_path)
        s.record(row, public=True, year=year, days=len(days), changed=len(stale) + len(fresh))
    return YearImported(area_path, year, changed=True)


def _compare(area_path: str, year: int, wanted: dict[dt.date, NewDay], citation: str) -> tuple[list[int], list[NewDay]]:
    """Ids of rows that say something else than `wanted`, and the days that no row says."""
    rows = {d.day: d for d in CalendarDay.objects.filter(area_path=area_path, day__year=year)}
    same = {
        day
        for day, row in rows.items()
        if (new := wanted.get(day)) and (row.is_work, row.name, row.citation) == (new.is_work, new.name, citation)
    }
    return [r.pk for day, r in rows.items() if day not in same], [d for day, d in wanted.items() if day not in same]

"""Reviewed files of the repository, and files of the same form from elsewhere, into rows. Harmless twice.

A rule file:

    area: "37"                      # unpadded code, or "" for the whole country
    reviewed: {by: …, date: 2026-11-22}
    rules:
      - key: clock.reply
        applies_to: {urgency: normal}
        value: {amount: 5, unit: working_day}
        citation: …                 # law or notice, article, date
        url: https://…              # may be left out
        verified: true              # the value was compared with that source
        from: 2020-01-01
        to: 2027-01-01              # first day it no longer holds; may be left out
        note: …                     # may be left out

A calendar file: `year`, `area`, `citation`, `url`, `holidays` (from, to, name) and `workdays` (day, name).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.core.steps import step
from heli.rulebook import steps
from heli.rulebook.errors import BadRuleFile
from heli.rulebook.models import Rule
from heli.rulebook.steps import NewDay, NewRule, YearImported

DATA = Path(__file__).parent / "data"
RULE_FIELDS = frozenset({"key", "applies_to", "value", "citation", "url", "verified", "from", "to", "note"})


@dataclass(slots=True)
class RulesImported:
    """What an import did: ids of new rows, and how many rows of the files were there already."""

    added: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    unchanged: int = 0


def shipped_rules() -> list[Path]:
    return sorted(DATA.glob("*.yaml"))


def shipped_calendars() -> list[Path]:
    return sorted((DATA / "calendar").glob("*.yaml"))


def import_rules(paths: Iterable[Path], *, by: Actor, at: dt.datetime) -> RulesImported:
    """All rules of the files, in one transaction and with one event. A row that says something else than the file
    becomes a new version from the same day; rows written by area administrators for other days stay.

    Raises:
        BadRuleFile: a file cannot be read, or a row is refused; it names file and row, and nothing was imported
            (L-304).
    """
    files = [(path, read_rules(path)) for path in paths]
    done = RulesImported(unchanged=sum(len(rules) for _path, rules in files))
    if _all_there([rule for _path, rules in files for rule in rules]):
        return done
    with step("rulebook.import_rules", by=by, at=at) as s:
        for path, rules in files:
            for n, rule in enumerate(rules, start=1):
                try:
                    _import_one(rule, done, by=by, at=at)
                except HeliError as error:
                    raise BadRuleFile(where=f"{path.name} ({n}, {rule.key})", message=error.words) from error
        s.about("rulebook.files", 0, "")
        s.record(files=[p.name for p, _rules in files], added=len(done.added), changed=len(done.changed))
    return done


def _latest(rule: NewRule) -> Rule | None:
    """The newest row of the same case that begins on the same day."""
    rows = Rule.objects.same_case(rule.key, rule.area_path, dict(rule.applies_to)).filter(valid_from=rule.valid_from)
    return rows.order_by("-version").first()


def _all_there(rules: list[NewRule]) -> bool:
    """Whether every rule has its row already. One statement, so that starting up twice costs nothing."""
    rows = Rule.objects.filter(area_path__in={r.area_path for r in rules}).order_by("version")
    newest = {(r.key, r.area_path, frozenset(r.applies_to.items()), r.valid_from): r for r in rows}
    found = ((r, newest.get((r.key, r.area_path, frozenset(r.applies_to.items()), r.valid_from))) for r in rules)
    return all(row is not None and rule.says_the_same(row) and not _ends_later(row, rule) for rule, row in found)


def _ends_later(row: Rule, rule: NewRule) -> bool:
    return rule.valid_to is not None and (row.valid_to is None or row.valid_to > rule.valid_to)


def _import_one(rule: NewRule, done: RulesImported, *, by: Actor, at: dt.datetime) -> None:
    row = _latest(rule)
    if row is not None and rule.says_the_same(row):
        if not _ends_later(row, rule):
            return
        row.valid_to = rule.valid_to
        row.save(update_fields=["valid_to"])
        done.changed.append(row.id)
    else:
        (done.added if row is None else done.changed).append(steps.write(rule, by=by, at=at).id)
    done.unchanged -= 1


def import_calendar(path: Path, *, by: Actor, at: dt.datetime) -> YearImported:
    """One calendar file. See `steps.import_calendar_year` for what the caller does with the answer.

    Raises:
        BadRuleFile: the file cannot be read (L-304); else as the step.
    """
    raw = _load(path)
    try:
        days = [
            NewDay(day, False, str(h["name"]))
            for h in raw.get("holidays", [])
            for day in _span(_date(h["from"]), _date(h.get("to", h["from"])))
        ]
        days += [NewDay(_date(w["day"]), True, str(w["name"])) for w in raw.get("workdays", [])]
        area, year, citation = str(raw.get("area", "")), int(raw["year"]), str(raw["citation"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadRuleFile(where=path.name, message=_("not a calendar file: %(what)s") % {"what": error}) from error
    return steps.import_calendar_year(
        area_path=area, year=year, days=days, citation=citation, citation_url=str(raw.get("url", "")), by=by, at=at
    )


def import_shipped(*, by: Actor, at: dt.datetime) -> tuple[RulesImported, list[YearImported]]:
    """Everything that ships with the project: calendars first, then rules."""
    years = [import_calendar(path, by=by, at=at) for path in shipped_calendars()]
    return import_rules(shipped_rules(), by=by, at=at), years


def read_rules(path: Path) -> list[NewRule]:
    """The rules of a file; BadRuleFile (L-304) when it has not the form above."""
    raw = _load(path)
    area, reviewed = raw.get("area"), raw.get("reviewed", {})
    if not isinstance(area, str) or not isinstance(raw.get("rules"), list):
        raise BadRuleFile(where=path.name, message=_("a rule file has an area (a text) and a list of rules"))
    rules = []
    for n, row in enumerate(raw["rules"], start=1):
        where = f"{path.name} ({n})"
        if not isinstance(row, dict) or not row.keys() <= RULE_FIELDS:
            raise BadRuleFile(
                where=where, message=_("a rule has these fields: %(names)s") % {"names": ", ".join(sorted(RULE_FIELDS))}
            )
        try:
            verified = bool(row["verified"])
            rules.append(
                NewRule(
                    key=str(row["key"]),
                    area_path=area,
                    applies_to={str(k): str(v) for k, v in (row.get("applies_to") or {}).items()},
                    value=row["value"],
                    citation=str(row["citation"]).strip(),
                    citation_url=str(row.get("url", "")),
                    verified_by=str(reviewed["by"]) if verified else "",
                    verified_on=_date(reviewed["date"]) if verified else None,
                    valid_from=_date(row["from"]),
                    valid_to=_date(row["to"]) if "to" in row else None,
                    reason=str(row.get("note", "")).strip(),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadRuleFile(where=where, message=_("missing or wrong: %(what)s") % {"what": error}) from error
    return rules


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadRuleFile(where=path.name, message=_("the file cannot be read: %(what)s") % {"what": error}) from error
    if not isinstance(raw, dict):
        raise BadRuleFile(where=path.name, message=_("a rule file has an area (a text) and a list of rules"))
    return raw


def _date(value: object) -> dt.date:
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise ValueError(f"{value!r} is not a date like 2026-11-22")
    return value


def _span(first: dt.date, last: dt.date) -> Iterable[dt.date]:
    if last < first:
        raise ValueError(f"{last} lies before {first}")
    return (first + dt.timedelta(days=n) for n in range((last - first).days + 1))

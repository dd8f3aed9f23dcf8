"""Rows of a table become sites: words are read, each is checked, nothing is half-imported. How a file is read: core.tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from heli.core import tables
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, HeliError, Invalid
from heli.core.models import Event
from heli.core.tables import FORMULA, RowError
from heli.engines.identifiers import without_personal
from heli.engines.opening import Unclear, Week, parse_week
from heli.places.addresses import resolve
from heli.places.errors import HoursUnclear, SiteColumnsMissing
from heli.places.site_steps import add_site
from heli.places.site_tables import (
    APART,
    EBIKES_SAID,
    FIELD_WORDS,
    HEADINGS,
    KINDS_SAID,
    NEEDED,
    SERVICES_SAID,
    by_label,
    meant,
)
from heli.places.site_words import unclear
from heli.places.sites import Ebike, Service, Site, SiteKind

AT_ONCE = 200  # rows that are looked up together
SHOWN = 5


@dataclass(slots=True)
class SitesImported:
    """What an import did; with errors nothing was taken."""

    rows: int = 0
    added: int = 0
    known: int = 0  # there already, or entered before and renamed since: left as they are
    closed: int = 0  # of those: closed here for good, and not opened again by a table
    errors: list[RowError] = field(default_factory=list)
    shown: list[tuple[int, Site, Week]] = field(default_factory=list)  # the first ones added, and their lines


def quoted(text: str) -> str:
    """A cell as an error may quote it: short, with no number of a person in it."""
    return without_personal(text[:30])


@dataclass(slots=True)
class _Taking:
    """An import under way."""

    by: Actor
    at: dt.datetime
    columns: Mapping[str, str]
    done: SitesImported = field(default_factory=SitesImported)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)  # sites of this file, and where each stands first
    places: dict[str, str | HeliError] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=lambda: by_label(SiteKind.choices))
    services: Mapping[str, str] = field(default_factory=lambda: by_label(Service.choices))
    ebikes: Mapping[str, str] = field(default_factory=lambda: by_label(Ebike.choices))

    def some(self, rows: Sequence[tuple[int, Mapping[str, str]]]) -> None:
        """Take a few rows. Two statements, and the step's own for each site that is new."""
        read = [(line, {f: row.get(c, "").strip() for f, c in self.columns.items()}) for line, row in rows]
        told = [(line, said, self.place(said)) for line, said in read]
        there = entered({(path, said["name"]) for _l, said, path in told if isinstance(path, str)})
        for line, said, path in told:
            self.done.rows += 1
            try:
                self.one(line, said, path, there)
            except HeliError as error:
                self.done.errors.append(RowError(line, error.field or "", error.code, str(error.words)))

    def place(self, said: Mapping[str, str]) -> str | HeliError:
        """Path of the area a row names, by its code or in words; where it names none, its address may."""
        text = said.get("area") or said.get("address", "")
        if text not in self.places:
            found = resolve(text, within=self.by.paths(Cap.MANAGE_SITES)) if text else None
            if found is not None and found.area is not None:
                self.places[text] = found.area.path
            else:
                why = found.why.sentence if found is not None else _("No area is named here.")
                words = _("“%(text)s”: %(why)s Write street and community, or its code.")
                self.places[text] = Invalid(words % {"text": quoted(text), "why": why}, field="area")
        return self.places[text]

    def one(self, line: int, said: Mapping[str, str], path: str | HeliError, there: Mapping[Any, bool]) -> None:
        """Check one row and take it through the step; raises what is wrong with it."""
        if bad := next((f for f, text in said.items() if text == FORMULA), ""):
            words = _(
                "This cell is a formula that was saved without its value. Open the table, save it, and import it."
            )
            raise Invalid(words, field=bad)
        if not said["name"]:
            raise Invalid(_("A name has 2 to 60 characters."), field="name")
        if isinstance(path, HeliError):
            raise path
        key = (path, said["name"])
        if key in self.lines:
            words = _(
                "Row %(line)s has the same name in the same place. Keep one of the two, or give one another name."
            )
            raise Invalid(words % {"line": self.lines[key]}, field="name")
        self.lines[key] = line
        if key in there:
            self.done.known += 1
            self.done.closed += there[key]
            return
        given, week = self.given(said)
        made = add_site(area_path=path, week=week, by=self.by, at=self.at, **given)
        self.done.added += 1
        if len(self.done.shown) < SHOWN:
            self.done.shown.append((line, made, week))

    def given(self, said: Mapping[str, str]) -> tuple[dict[str, Any], Week]:
        """What the step takes of a row."""
        plain = ("name", "address", "phone", "way", "gate", "park", "access_until")
        given: dict[str, Any] = {f: said[f] for f in plain if f in said}
        for name in ("lat", "lon"):
            try:
                given[name] = float(said[name])
            except ValueError as error:
                raise Invalid(_("Latitude and longitude are numbers like 37.53 and 121.39."), field=name) from error
        for name, labels, words in (("kind", self.kinds, KINDS_SAID), ("ebike", self.ebikes, EBIKES_SAID)):
            if text := said.get(name):
                given[name] = self.word(text, labels, words, name)
        wanted = [w for w in APART.split(said.get("services", "")) if w]
        given["services"] = [self.word(w, self.services, SERVICES_SAID, "services") for w in wanted]
        try:
            return given, parse_week(said.get("hours", ""))
        except Unclear as error:
            raise HoursUnclear(message=unclear(error), field="hours") from error

    def word(self, text: str, labels: Mapping[str, str], said: tuple[tuple[str, str], ...], name: str) -> str:
        if value := meant(text, labels, said):
            return value
        words = _("“%(word)s” is not known here. It can be: %(list)s.")
        known = "、".join(label for label, key in labels.items() if label != key)
        raise Invalid(words % {"word": quoted(text), "list": known}, field=name)


def entered(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], bool]:
    """Which of these (area, name) were entered before: {…: whether it is closed now}. What people renamed, moved on the
    map or closed since is theirs, and stays. Two statements at most."""
    rows = Site.objects.filter(area_path__in={path for path, _name in wanted})
    sites = {
        pk: (path, name, closed is not None)
        for pk, path, name, closed in rows.values_list("pk", "area_path", "name", "closed_on")
    }
    found: dict[tuple[str, str], bool] = {}
    for path, name, closed in sites.values():
        if (path, name) in wanted:  # of one name that closed and stands again, the one that stands counts
            found[path, name] = found.get((path, name), True) and closed
    if sites and wanted - found.keys():
        first = Event.objects.filter(subject_type="places.site", subject_id__in=list(sites), step="site.add")
        for pk, name in first.values_list("subject_id", "data__name"):
            key = (sites[pk][0], str(name))
            if key in wanted:
                found.setdefault(key, sites[pk][2])
    return found


def import_sites(
    *, rows: Iterable[Mapping[str, str]], by: Actor, at: dt.datetime, progress: Callable[[int], None] = lambda _n: None
) -> SitesImported:
    """Take every row through `add_site`, in one transaction: with one wrong row nothing is taken, and all errors are told.

    A row whose name was entered in its area before is passed over, so the same table twice does no harm and what was
    changed by hand stays. Columns are known by their headings (HEADINGS).

    Raises:
        SiteColumnsMissing: a column that is needed is not there (L-207). Forbidden: no sites are theirs (L-403).
    """
    if not by.paths(Cap.MANAGE_SITES):
        raise Forbidden
    numbered = enumerate(rows, start=2)
    taking = _Taking(by, at, {})
    with transaction.atomic():
        while some := list(islice(numbered, AT_ONCE)):
            if not taking.columns:
                taking.columns = columns_of(list(some[0][1]))
            taking.some([(getattr(row, "line", n), row) for n, row in some])
            progress(taking.done.rows)
        if taking.done.errors:
            transaction.set_rollback(True)
            taking.done.added = 0
    return taking.done


def columns_of(names: Sequence[str]) -> dict[str, str]:
    """{our field: their column}; SiteColumnsMissing (L-207) where one that is needed is not there."""
    found = tables.guess(names, HEADINGS)
    if missing := [str(FIELD_WORDS[f]) for f in NEEDED if f not in found]:
        raise SiteColumnsMissing(fields="、".join(missing))
    return found

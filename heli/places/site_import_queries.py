"""Reads of tables of sites: what a file would come to, and what became of earlier ones."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from heli.core import laid, tables
from heli.core.actor import Actor
from heli.core.errors import HeliError, NotFound
from heli.core.paging import Page, keyset
from heli.core.tables import RowError
from heli.places.queries import full_names
from heli.places.site_importing import SitesImported, import_sites
from heli.places.site_tables import FIELD_WORDS, HEADINGS, SiteTable
from heli.places.site_words import hours, weekday
from heli.places.sites import Service


def sheet(table: SiteTable) -> tables.Table:
    """The file opened; CannotOpen (L-501) without the key."""
    return tables.open_sheet(io.BytesIO(table.opened()), table.name, HEADINGS)


def too_many() -> str:
    said = _("These are more than %(n)s rows. Split the table, or let your operator run heli sites import.")
    return said % {"n": laid.MOST}


def week_words(week: Any) -> str:
    """A week in short: the hours it has every day, or its runs of days alike."""
    runs: list[list[Any]] = []
    for day, periods in enumerate(week):
        if runs and runs[-1][2] == periods:
            runs[-1][1] = day
        else:
            runs.append([day, day, periods])
    if len(runs) == 1:
        return hours(runs[0][2]) if runs[0][2] else ""
    return "；".join(f"{weekday(a)}{'–' + weekday(b) if b > a else ''} {hours(p)}" for a, b, p in runs)


@dataclass(slots=True)
class Look:
    """What a file holds and what would come of it."""

    read: list[tuple[Any, str]] = field(default_factory=list)  # (our field in words, their column)
    unread: list[str] = field(default_factory=list)  # their columns that are nothing of ours
    encoding: str = ""
    spoilt: bool = False
    rows: int = 0
    done: SitesImported | None = None
    wrong: str = ""  # why the table as a whole cannot be taken
    preview: list[dict[str, Any]] = field(default_factory=list)

    @property
    def errors(self) -> list[RowError]:
        return self.done.errors if self.done is not None else []

    @property
    def whole(self) -> bool:
        """Every row was looked at, not only the first ones."""
        return self.rows <= laid.DIRECT

    @property
    def ready(self) -> bool:
        return self.done is not None and not self.errors and (self.done.added > 0 or not self.whole)


def look_at(table: SiteTable, *, by: Actor, at: dt.datetime) -> Look:
    """Read the file and take its first rows through the step, rolled back."""
    look = Look()
    try:
        found = sheet(table)
        look.encoding, look.spoilt = found.encoding, found.spoilt
        named = tables.guess(found.columns, HEADINGS)
        look.read = [(said, named[f]) for f, said in FIELD_WORDS.items() if f in named]
        look.unread = [c for c in found.columns if c not in named.values()]
        rows = list(islice(found.rows, laid.MOST + 1))
        look.rows = len(rows)
        if not rows:
            look.wrong = _("There is no row below the headings.")
        elif len(rows) > laid.MOST:
            look.wrong = too_many()
        else:
            with transaction.atomic():
                look.done = import_sites(rows=rows[: laid.DIRECT], by=by, at=at)
                transaction.set_rollback(True)
    except HeliError as error:
        look.wrong = str(error.words)
        return look
    if look.done is not None:
        where = full_names([site.area for _line, site, _week in look.done.shown])
        look.preview = [
            {
                "line": line, "site": site, "kind": site.get_kind_display(), "where": where.get(site.area_path, site.area.name),
                "services": "、".join(str(Service(x).label) for x in site.services), "hours": week_words(week),
            }
            for line, site, week in look.done.shown
        ]  # fmt: skip
    return look


def tables_page(actor: Actor, *, after: str | None = None) -> Page[tuple[SiteTable, tuple[str, Any]]]:
    """Tables of the actor's areas, newest first, each with its state. One statement."""
    rows = SiteTable.objects.visible_to(actor).select_related("made_by").defer("content", "errors")
    return keyset(rows, order=("-id",), after=after, size=20).map(lambda t: (t, laid.STATES[t.state]))


def seen(actor: Actor, table_id: int) -> SiteTable:
    """One table; NotFound (L-404) for one of other areas. One statement."""
    found: SiteTable | None = SiteTable.objects.visible_to(actor).select_related("made_by").filter(pk=table_id).first()
    if found is None:
        raise NotFound
    return found

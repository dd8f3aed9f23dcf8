"""A table of sites on its way: laid down, taken whole or not at all, thrown away. Its rows: site_importing.py."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Callable
from itertools import islice

from django.db import transaction
from django.utils import timezone

from heli.core import asking, laid, tables
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, TakenAlready, WrongState
from heli.core.steps import step
from heli.core.tables import FileTooLarge
from heli.engines.identifiers import without_personal
from heli.places import jobs
from heli.places import site_import_queries as queries
from heli.places.site_importing import import_sites
from heli.places.site_tables import HEADINGS, SiteTable
from heli.places.states import SITE_TABLE

ABOUT = "places.sitetable"


def lay_table(*, name: str, raw: bytes, by: Actor, at: dt.datetime) -> SiteTable:
    """Lay a file down, sealed, to be looked at; nothing of it is taken yet.

    Raises FileUnreadable (L-701), FileTooLarge (L-703), Forbidden (L-403).
    """
    paths = by.paths(Cap.MANAGE_SITES)
    if not paths:
        raise Forbidden
    if len(raw) > laid.BYTES:
        raise FileTooLarge(limit=laid.BYTES // 2**20)
    rows = len(list(islice(tables.open_sheet(io.BytesIO(raw), name, HEADINGS).rows, laid.MOST + 1)))
    with step("site_table.lay", by=by, at=at) as s:
        s.require(Cap.MANAGE_SITES, path=paths[0])
        table = SiteTable(
            uid=uuid.uuid4(), area_path=paths[0], name=without_personal(name)[-120:], rows=rows, made_at=at, made_by_id=by.user_id
        )  # fmt: skip
        table.seal(raw)
        table.save(force_insert=True)
        s.about(ABOUT, table.pk, table.area_path)
        s.record(table, rows=rows)
    return table


def take_table(*, table_id: int, by: Actor, at: dt.datetime) -> SiteTable:
    """It is to be taken: by a job where it has more rows than somebody waits for, else by `run_table` at once."""
    with step("site_table.take", by=by, at=at) as s:
        table = s.lock(SiteTable, table_id)
        if table.rows > laid.MOST:
            raise Invalid(queries.too_many(), field="file")
        s.move(table, SITE_TABLE, "take")
        s.about(ABOUT, table.pk, table.area_path)
        s.record(table, rows=table.rows)
        if table.rows > laid.DIRECT:
            s.defer(jobs.import_sites, table_id=table.pk)
    return table


def run_table(
    *, table_id: int, by: Actor, at: dt.datetime, progress: Callable[[int], None] = lambda _n: None
) -> SiteTable:
    """Take every row of a table, or none of them when one is wrong; then forget the file. All in one transaction: killed
    on the way it leaves nothing, and whoever takes it up again begins anew.

    Raises TakenAlready (L-102) while somebody else is at it, WrongState (L-101) when it is over, NotFound (L-404).
    """
    with transaction.atomic():
        if not laid.turn(SiteTable, table_id):
            raise TakenAlready
        table = SiteTable.objects.visible_to(by).filter(pk=table_id).first()
        if table is None:
            raise NotFound
        if table.state != "waiting":
            raise WrongState
        done = import_sites(rows=queries.sheet(table).rows, by=by, at=at, progress=progress)
        with step("site_table.end", by=by, at=at) as s:
            table = s.lock(SiteTable, table_id)
            laid.end(s, table, SITE_TABLE, "refuse" if done.errors else "finish", at=at, errors=done.errors,
                     read=done.rows, added=done.added, known=done.known)  # fmt: skip
            s.record(table, added=done.added, known=done.known, wrong=len(done.errors))
    return table


def drop_table(*, table_id: int, by: Actor, at: dt.datetime) -> SiteTable:
    """Throw a file away that was not taken; TakenAlready (L-102) while a job takes it."""
    with step("site_table.drop", by=by, at=at) as s:
        if not laid.turn(SiteTable, table_id):
            raise TakenAlready
        table = s.lock(SiteTable, table_id)
        laid.end(s, table, SITE_TABLE, "drop", at=at)
        s.record(table)
    return table


def forget_drafts(*, at: dt.datetime) -> int:
    """Throw away files that were looked at a day ago and not taken, and those whose job failed for good. Returns how many."""
    return laid.forget(SiteTable, lambda pk: drop_table(table_id=pk, by=SYSTEM, at=at), at)


def run_waiting(table_id: int) -> str:
    """What the job does: take a table as whoever laid it down, with what they may do now. Returns its state."""
    table = SiteTable.objects.select_related("made_by").filter(pk=table_id).first()
    if table is None or table.state != "waiting":
        return table.state if table is not None else ""
    by = asking.actor_for(table.made_by) if table.made_by is not None else SYSTEM
    at = timezone.now()
    if not by.can(Cap.MANAGE_SITES, path=table.area_path):
        drop_table(table_id=table_id, by=SYSTEM, at=at)  # they may no longer: nobody takes it in their place
        return "dropped"
    return run_table(table_id=table_id, by=by, at=at, progress=laid.progress_of(SiteTable, table_id)).state

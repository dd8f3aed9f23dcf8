"""A file of another system's requests: laid down, mapped, taken whole or not at all; and its outcome told back."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export, laid, tables
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, TakenAlready, WrongState
from heli.core.scope import covers
from heli.core.steps import step
from heli.engines.identifiers import without_personal
from heli.loop import batches, importing, jobs
from heli.loop.batch_models import Batch, BatchMapping, BatchRow
from heli.loop.batch_states import BATCH
from heli.loop.batches import FIELDS
from heli.loop.queries import batches as queries

ABOUT = "loop.batch"


def open_batch(
    *,
    by: Actor,
    at: dt.datetime,
    source: str,
    name: str,
    raw: bytes,
    default_area: str = "",
    limit: int = laid.BYTES,
) -> Batch:
    """Lay a file down, sealed, to be looked at and mapped; nothing of it is taken yet. `limit`: bytes it may have.

    Its columns are mapped as they were last time for this source, or as they sound.

    Raises:
        FileUnreadable (L-701), FileTooLarge (L-703); Invalid (L-400): no source. Forbidden (L-403).
    """
    source = without_personal(source.strip())[:40]
    if not source:
        raise Invalid(gettext_lazy("Say where the table comes from."), field="source")
    paths = by.paths(Cap.IMPORT_REQUESTS)
    if not paths or (default_area and not covers(paths, default_area)):
        raise Forbidden
    path = next((p for p in paths if default_area and covers((p,), default_area)), paths[0])
    path = path or default_area[:6] or settings.HELI_HOME_AREA  # the system imports for the county the rows lie in
    if len(raw) > limit:
        raise tables.FileTooLarge(limit=limit // 2**20)
    table = tables.open_sheet(io.BytesIO(raw), name, batches.HEADINGS)
    rows = len(list(islice(table.rows, laid.MOST + 1)))
    columns, values = queries.offered(source, table.columns, paths)
    with step("batch.open", by=by, at=at) as s:
        s.require(Cap.IMPORT_REQUESTS, path=path)
        batch = Batch(
            uid=uuid.uuid4(),
            source=source,
            area_path=path,
            default_area=default_area,
            name=without_personal(name)[-120:],
            columns={f: c for f, c in columns.items() if c in table.columns},
            values=values,
            rows=rows,
            made_at=at,
            made_by_id=by.user_id,
        )
        batch.seal(raw)
        batch.save(force_insert=True)
        s.about(ABOUT, batch.pk, path)
        s.record(batch, source=source, rows=rows)
    return batch


def map_batch(
    *,
    batch_id: int,
    by: Actor,
    at: dt.datetime,
    columns: Mapping[str, str],
    values: Mapping[str, Mapping[str, str]],
    encoding: str = "",
    heading: int = 0,
    default_area: str = "",
) -> Batch:
    """Which column is what, what words of theirs mean, in which letters and below which line it is read.

    Words that hold a number of a person are not kept. Raises WrongState (L-101) once it was taken, NotFound (L-404).
    """
    if default_area and not covers(by.paths(Cap.IMPORT_REQUESTS), default_area):
        raise Forbidden
    with step("batch.map", by=by, at=at) as s:
        batch = s.lock(Batch, batch_id)
        s.require(Cap.IMPORT_REQUESTS, path=batch.area_path)
        if batch.state != "draft":
            raise WrongState
        batch.columns = {f: c for f, c in columns.items() if f in FIELDS and c}
        batch.values = {
            f: {w: code for w, code in known.items() if code and without_personal(w) == w}
            for f, known in values.items()
            if f in batches.MAPPED
        }
        batch.encoding = encoding if encoding in tables.ENCODINGS else ""
        batch.heading, batch.default_area = max(0, heading), default_area
        batch.save(update_fields=["columns", "values", "encoding", "heading", "default_area"])
        s.about(ABOUT, batch.pk, batch.area_path)
        s.record(batch, columns=len(batch.columns))
    return batch


def take_batch(*, batch_id: int, by: Actor, at: dt.datetime) -> Batch:
    """It is to be taken, and a job does it: those of one source one after the other, so that the same table laid down
    twice is known the second time. See `take_now` for one that somebody waits for.

    Raises WrongState (L-101), TakenAlready (L-102) while somebody takes it.
    """
    with transaction.atomic():
        batch = _taken_up(batch_id=batch_id, by=by, at=at)
        jobs.import_batch.configure(lock=f"import:{batch.source}").defer(batch_id=batch.pk)
    return batch


def take_now(*, batch_id: int, by: Actor, at: dt.datetime, progress: Callable[[int], None] = lambda _n: None) -> Batch:
    """Taken while somebody waits, in one transaction: whoever is killed on the way leaves a draft. Raises like
    `take_batch` and `run_batch`."""
    with transaction.atomic():
        _taken_up(batch_id=batch_id, by=by, at=at)
        return run_batch(batch_id=batch_id, by=by, at=at, progress=progress)


def import_file(
    *,
    source: str,
    name: str,
    raw: bytes,
    columns: Mapping[str, str],
    default_area: str,
    by: Actor,
    at: dt.datetime,
    progress: Callable[[int], None] = lambda _n: None,
) -> Batch:
    """What the operator does with a file of any size: laid down, mapped and taken at once, in one transaction.

    `columns`: {our field: their column}; empty: as they are offered. Raises ColumnMissing (L-702) for one that the table
    does not have; else like `open_batch` and `take_now`.
    """
    with transaction.atomic():
        batch = open_batch(
            by=by, at=at, source=source, name=name, raw=raw, default_area=default_area, limit=tables.UNPACKED
        )
        if columns:
            there = queries.sheet(batch).columns
            if missing := [c for c in columns.values() if c not in there]:
                raise importing.ColumnMissing(column=missing[0], columns="、".join(there))
            map_batch(batch_id=batch.pk, by=by, at=at, columns=columns, values=batch.values, default_area=default_area)
        return take_now(batch_id=batch.pk, by=by, at=at, progress=progress)


def _taken_up(*, batch_id: int, by: Actor, at: dt.datetime) -> Batch:
    """How its columns and words were mapped is kept for the next table of this source. Invalid (L-400): a column that is
    needed is not named."""
    with step("batch.take", by=by, at=at) as s:
        if not laid.turn(Batch, batch_id):
            raise TakenAlready
        batch = s.lock(Batch, batch_id)
        if batch.state != "draft":
            raise WrongState
        table = queries.sheet(batch)
        if missing := queries.lacking({f: c for f, c in batch.columns.items() if c in table.columns}):
            raise Invalid(missing, field="columns")
        BatchMapping.objects.update_or_create(
            area_path=batch.area_path,
            source=batch.source,
            signature=queries.signature(table.columns),
            defaults={"columns": batch.columns, "values": batch.values, "kept_at": at, "kept_by_id": by.user_id},
        )
        batch.rows = len(list(islice(table.rows, laid.MOST + 1)))
        s.move(batch, BATCH, "take", save=("rows",))
        s.about(ABOUT, batch.pk, batch.area_path)
        s.record(batch, rows=batch.rows)
    return batch


def run_batch(*, batch_id: int, by: Actor, at: dt.datetime, progress: Callable[[int], None] = lambda _n: None) -> Batch:
    """Take every row of a batch, or none of them when one is wrong; then forget the file. All in one transaction: killed
    on the way it leaves nothing, and whoever takes it up again begins anew.

    Raises TakenAlready (L-102) while somebody else is at it, WrongState (L-101) when it is over, NotFound (L-404).
    """
    with transaction.atomic():
        if not laid.turn(Batch, batch_id):
            raise TakenAlready
        batch = Batch.objects.visible_to(by).filter(pk=batch_id).first()
        if batch is None:
            raise NotFound
        if batch.state != "waiting":
            raise WrongState
        table = queries.sheet(batch)
        mapping = {f: c for f, c in batch.columns.items() if c in table.columns}
        reader = batches.Reader(mapping, queries.reach(batch, by), batch.values)
        done = importing.import_rows(
            reader.rows(table.rows),
            columns={f: f for f in FIELDS},
            defaults={"area": batch.default_area},
            source=batch.source,
            by=by,
            at=at,
            progress=progress,
            batch=batch,
        )
        with step("batch.end", by=by, at=at) as s:
            batch = s.lock(Batch, batch_id)
            laid.end(s, batch, BATCH, "refuse" if done.errors else "finish", at=at, errors=done.errors,
                     rows=done.rows, read=done.rows, taken=done.taken, known=done.known)  # fmt: skip
            s.record(batch, taken=done.taken, known=done.known, wrong=len(done.errors))
    return batch


def drop_batch(*, batch_id: int, by: Actor, at: dt.datetime) -> Batch:
    """Throw a file away that was not taken; TakenAlready (L-102) while a job takes it."""
    with step("batch.drop", by=by, at=at) as s:
        if not laid.turn(Batch, batch_id):
            raise TakenAlready
        batch = s.lock(Batch, batch_id)
        laid.end(s, batch, BATCH, "drop", at=at)
        s.record(batch)
    return batch


def forget_drafts(*, at: dt.datetime) -> int:
    """Throw away files that were looked at a day ago and not taken, and those whose job failed for good. Returns how many."""
    return laid.forget(Batch, lambda pk: drop_batch(batch_id=pk, by=SYSTEM, at=at), at)


def take_results(
    *, source: str, by: Actor, at: dt.datetime, most: int, everything: bool = False
) -> tuple[list[Any], bool]:
    """What is to be told the source: (requests of `queries.outcomes`, whether there are more). They count as told.

    At most `most`, the oldest first: whoever has told these asks again. Raises Forbidden (L-403) without EXPORT.
    """
    paths = by.paths(Cap.EXPORT)
    if not paths:
        raise Forbidden
    with transaction.atomic():
        rows: list[Any] = list(queries.outcomes(by, source, everything=everything)[: most + 1])
        more, rows = len(rows) > most, rows[:most]
        export.take_away(
            name="outcomes",
            by=by,
            at=at,
            purpose=_("The outcome goes back to %(source)s") % {"source": source},
            rows=len(rows),
            filters={"source": source},
            path=paths[0],
        )
        BatchRow.objects.bulk_create(
            [BatchRow(request_id=r.pk, told=r.mark, told_at=at) for r in rows],
            update_conflicts=True,
            unique_fields=["request"],
            update_fields=["told", "told_at"],
            batch_size=1000,
        )
    return rows, more


def run_waiting(batch_id: int) -> str:
    """What the job does: take a batch as whoever laid it down, with what they may do now. Returns its state."""
    from heli.orgs.queries import actor_for

    batch = Batch.objects.select_related("made_by").filter(pk=batch_id).first()
    if batch is None or batch.state != "waiting":
        return batch.state if batch is not None else ""
    by = actor_for(batch.made_by) if batch.made_by is not None else SYSTEM
    at = timezone.now()
    if not by.system and not by.can(Cap.IMPORT_REQUESTS, path=batch.area_path):
        drop_batch(batch_id=batch_id, by=SYSTEM, at=at)  # they may no longer: nobody takes it in their place
        return "dropped"
    return run_batch(batch_id=batch_id, by=by, at=at, progress=laid.progress_of(Batch, batch_id)).state

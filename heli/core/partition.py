"""The events by month, once there are many: an online change by the owner, and months made ahead.

`partition` turns core_event into a partitioned table of the same name, columns, indexes, triggers and rights. What is
there becomes its first partition untouched (core_event_history, until the next month); each later month has its own
(core_event_2027_01, Beijing time), and what fits nowhere goes to core_event_default, so that an insert never fails.
Everything slow (an index on (id, at), a checked condition) is made beforehand while writes go on; one short transaction
swaps the tables. Each part looks at what is there already, so a run that was cut off is simply run again.

`split` copies the history to months of its own, batch by batch, and swaps them in.

The application's role makes no tables: it may only call heli_event_months(), which belongs to the owner.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from django.utils.translation import gettext_lazy as _

from heli.core import dbroles
from heli.core.backup import timed
from heli.core.drill import Line
from heli.core.errors import HeliError

HERE = ZoneInfo("Asia/Shanghai")
ENOUGH = 5_000_000  # rows; below, one table is quicker and simpler
AHEAD = 3  # months
BATCH = 50_000  # ids
WAIT, TRIES, PAUSE = "2s", 60, 1.0  # how long we queue for the lock (and hold others up), how often, seconds between
SOON = dt.timedelta(days=2)  # a month that ends so soon is not the one to swap at

# Called by the application's role, run as the owner. A month's rows may lie in the default partition when nobody made
# it ahead: they move over in the same transaction.
MONTHS = """
CREATE OR REPLACE FUNCTION heli_event_months(ahead int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '{wait}' SET timezone = 'Asia/Shanghai' AS $$
DECLARE
    first timestamptz; next timestamptz; part text; made int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('heli_event_months'));
    FOR n IN 0..least(greatest(ahead, 0), 24) LOOP
        first := date_trunc('month', now()) + make_interval(months => n);
        next := first + interval '1 month';
        part := 'core_event_' || to_char(first, 'YYYY_MM');
        CONTINUE WHEN first < '{until}' OR to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE core_event INCLUDING DEFAULTS INCLUDING STORAGE)', part);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (at >= %L AND at < %L)', part, part || '_in', first, next);
        LOCK TABLE core_event_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('WITH moved AS (DELETE FROM core_event_default WHERE at >= %L AND at < %L RETURNING *)'
            ' INSERT INTO %I SELECT * FROM moved', first, next, part);
        EXECUTE format('ALTER TABLE core_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, next);
        EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, part || '_in');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION heli_event_months(int) FROM PUBLIC;
"""
# While the history is copied, a late event (one told with an old date) is noted, so that the swap takes it along.
LATE = """
CREATE TABLE core_event_late (id bigint PRIMARY KEY);
CREATE FUNCTION core_event_late() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$ BEGIN INSERT INTO core_event_late VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER core_event_late AFTER INSERT ON core_event_history FOR EACH ROW EXECUTE FUNCTION core_event_late();
"""
SAME = """SELECT count(*), coalesce(sum(('x' || substr(md5(({columns})::text), 1, 16))::bit(64)::bigint::numeric), 0)::text
    FROM {table} e WHERE NOT EXISTS (SELECT 1 FROM core_event_late l WHERE l.id = e.id)"""

DB = psycopg.Connection[Any]
Say = Callable[[str], None]


class PointedAt(HeliError):
    code = "L-539"
    status = 409
    sentence = _("Other tables point at events (%(names)s). Partitioning would break them, so nothing was changed.")


class NotPartitioned(HeliError):
    code = "L-541"
    status = 409
    sentence = _("The events are not partitioned yet. Run this without --split first.")


class Held(HeliError):
    code = "L-542"
    status = 409
    sentence = _("Somebody held the events for too long. Nothing was changed; run it again, it goes on where it stood.")


class NotTheSame(HeliError):
    code = "L-543"
    status = 500
    sentence = _("The copies of the old events are not the same (%(what)s). The old table still serves.")


def ask(db: DB, statement: str, *values: Any) -> Any:
    """The first column of the first row; None without one."""
    row = db.execute(statement.encode(), values).fetchone()
    return row[0] if row else None


def do(db: DB, statement: str) -> None:
    db.execute(statement.encode())


def kind(db: DB, table: str = "core_event") -> str:
    """'r' a plain table, 'p' partitioned, '' not there."""
    return ask(db, "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)", table) or ""


def month(at: dt.datetime, *, later: int = 0) -> dt.datetime:
    """The first moment of a time's month in Beijing, or of one `later`."""
    local = at.astimezone(HERE)
    count = local.year * 12 + local.month - 1 + later
    return dt.datetime(count // 12, count % 12 + 1, 1, tzinfo=HERE)


@contextmanager
def briefly(db: DB, lock: str) -> Iterator[None]:
    """A transaction that holds `lock`, got without holding others up for long: it waits two seconds, steps back, and
    tries again. Held (L-542) when it never gets it."""
    for _attempt in range(TRIES):
        try:
            with db.transaction():
                do(db, f"SET LOCAL lock_timeout = '{WAIT}'")
                do(db, lock)
                do(db, "SET LOCAL lock_timeout = 0")
                yield
                return
        except psycopg.errors.LockNotAvailable:
            time.sleep(PAUSE)
    raise Held


# Plain to partitioned -------------------------------------------------------------------------------------------------
def partition(url: str, *, at_least: int = ENOUGH, dry_run: bool = False, say: Say = lambda _: None) -> list[Line]:
    """Partition the events behind `url` (as their owner) when there are `at_least` so many; what is done is left.

    Returns what was done, with seconds and sizes; of `dry_run`, what would be. Raises PointedAt (L-539), Held (L-542).
    """
    with psycopg.connect(url, autocommit=True) as db:
        rows = int(ask(db, "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'core_event'::regclass"))
        if rows < max(at_least, 1) or kind(db) == "p":
            rows = ask(db, "SELECT count(*) FROM core_event")
        size = _size(db)
        if kind(db) == "p":
            made = 0 if dry_run else ask(db, "SELECT heli_event_months(%s)", AHEAD)
            return [Line("events", 0, size, f"{rows:,} rows, partitioned already; {made} months made ahead")]
        if rows < at_least:
            return [Line("events", 0, size, f"{rows:,} rows: not needed below {at_least:,}")]
        if names := [n for (n,) in db.execute("SELECT conrelid::regclass::text FROM pg_constraint"
                                              " WHERE contype = 'f' AND confrelid = 'core_event'::regclass")]:  # fmt: skip
            raise PointedAt(names=", ".join(names))
        until = _until(db)
        if dry_run:
            return [
                Line("events", 0, size, f"about {rows:,} rows"),
                Line("would make", 0, rows * 40, f"a unique index on (id, at), and months from {until:%Y-%m}"),
            ]
        took: dict[str, float] = {}
        say("the unique index on (id, at), while writes go on")
        with timed(took, "index"):
            _index(db)
        say("the condition on the time, while writes go on")
        with timed(took, "check"):
            until = _check(db, until)
        say("the swap")
        held = _swap(db, until)
        with timed(took, "analyze"):
            do(db, "ANALYZE core_event")
        return [
            Line("unique index (id, at)", took["index"], _size(db, "core_event_history_pkey"), "beside the writes"),
            Line("condition checked", took["check"], 0, f"every event is from before {until:%Y-%m-%d}"),
            Line("swap", round(held, 3), 0, "the only time that writes waited"),
            Line("analyze", took["analyze"], _size(db), f"about {rows:,} rows, months from {until:%Y-%m}"),
        ]


def _size(db: DB, name: str = "core_event") -> int:
    """Bytes of a table with its indexes and partitions, or of an index."""
    found = "SELECT coalesce(sum(pg_total_relation_size(relid)), 0)::bigint FROM pg_partition_tree(%s::regclass)"
    return int(ask(db, found, name) or ask(db, "SELECT pg_total_relation_size(%s::regclass)", name))


def _until(db: DB) -> dt.datetime:
    """Where the history ends: the month after this one, or after the latest event's (or the next when it ends soon)."""
    latest = max(ask(db, "SELECT now()"), ask(db, "SELECT coalesce(max(at), now()) FROM core_event"))
    return month(latest + SOON, later=1)


def _index(db: DB) -> None:
    """What the new primary key is made of. One left half-made by an interrupted run is made anew."""
    name = "core_event_id_at"
    valid = ask(db, "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", name)
    if valid is False:
        do(db, f"DROP INDEX CONCURRENTLY {name}")
    if not valid:
        do(db, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON core_event (id, at)")


def _check(db: DB, until: dt.datetime) -> dt.datetime:
    """A condition already known to hold is not read again when the table is attached. Returns where it ends."""
    name = "core_event_before"
    there = "SELECT substring(pg_get_constraintdef(oid) FROM '''(.*?)''')::timestamptz FROM pg_constraint"
    there += " WHERE conrelid = 'core_event'::regclass AND conname = %s"
    found = ask(db, there, name)
    if found is not None and found < until:
        with briefly(db, "LOCK TABLE core_event IN ACCESS EXCLUSIVE MODE"):
            do(db, f"ALTER TABLE core_event DROP CONSTRAINT {name}")  # of a run some months ago
        found = None
    if found is None:
        with briefly(db, "LOCK TABLE core_event IN ACCESS EXCLUSIVE MODE"):
            do(db, f"ALTER TABLE core_event ADD CONSTRAINT {name} CHECK (at < '{until.isoformat()}') NOT VALID")
    do(db, f"ALTER TABLE core_event VALIDATE CONSTRAINT {name}")
    return found or until


def _swap(db: DB, until: dt.datetime) -> float:
    """Put the partitioned table in the plain one's place. Returns the seconds that the lock was held."""
    with briefly(db, "LOCK TABLE core_event IN ACCESS EXCLUSIVE MODE"):
        begun = time.monotonic()
        triggers = db.execute(
            "SELECT tgname, pg_get_triggerdef(oid), obj_description(oid, 'pg_trigger') FROM pg_trigger"
            " WHERE tgrelid = 'core_event'::regclass AND NOT tgisinternal"
        ).fetchall()
        indexes = db.execute(
            "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = 'core_event'::regclass AND NOT i.indisprimary AND c.relname <> 'core_event_id_at'"
        ).fetchall()
        sequence = ask(db, "SELECT pg_get_serial_sequence('core_event', 'id')")
        last, called = db.execute(f"SELECT last_value, is_called FROM {sequence}".encode()).fetchone() or (1, False)
        for name, _made, _said in triggers:
            do(db, f'DROP TRIGGER "{name}" ON core_event')
        do(db, "ALTER TABLE core_event ALTER id DROP IDENTITY, DROP CONSTRAINT core_event_pkey")
        do(db, "ALTER TABLE core_event ADD CONSTRAINT core_event_history_pkey PRIMARY KEY USING INDEX core_event_id_at")
        do(db, "ALTER TABLE core_event RENAME TO core_event_history")
        for name, _made in indexes:
            do(db, f'ALTER INDEX "{name}" RENAME TO "{name}_history"')
        like = "LIKE core_event_history INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING COMMENTS"
        do(db, f"CREATE TABLE core_event ({like}) PARTITION BY RANGE (at)")
        do(db, "ALTER TABLE core_event ADD CONSTRAINT core_event_pkey PRIMARY KEY (id, at)")
        do(db, "ALTER TABLE core_event ALTER id ADD GENERATED BY DEFAULT AS IDENTITY")
        ask(db, "SELECT setval(pg_get_serial_sequence('core_event', 'id'), %s, %s)", last, called)
        for _name, made in indexes:
            do(db, made)
        limits = f"FROM (MINVALUE) TO ('{until.isoformat()}')"
        do(db, f"ALTER TABLE core_event ATTACH PARTITION core_event_history FOR VALUES {limits}")
        do(db, "ALTER TABLE core_event_history DROP CONSTRAINT core_event_before")
        do(db, "CREATE TABLE core_event_default PARTITION OF core_event DEFAULT")
        do(db, MONTHS.format(until=until.isoformat(), wait=WAIT))
        for name, made, said in triggers:
            do(db, made)
            if said:
                do(db, f"COMMENT ON TRIGGER \"{name}\" ON core_event IS '{said}'")
        ask(db, "SELECT heli_event_months(%s)", AHEAD)
        with db.cursor() as cur:
            dbroles.grant_events(cur)
    return time.monotonic() - begun


def months_ahead(db: Any, months: int = AHEAD) -> int:
    """Make the coming months' partitions, as any role that may call the function; 0 where events are one table.

    `db` is anything with DB-API's cursor.
    """
    with db.cursor() as cur:
        cur.execute("SELECT to_regproc('heli_event_months') IS NOT NULL")
        if not cur.fetchone()[0]:
            return 0
        cur.execute("SELECT heli_event_months(%s)", [months])
        return int(cur.fetchone()[0])


# The history to months ------------------------------------------------------------------------------------------------
def split(url: str, *, batch: int = BATCH, say: Say = lambda _: None) -> list[Line]:
    """Move the history to a partition of each month; needs its size once more on the disk until it is done.

    Raises NotPartitioned (L-541), Held (L-542), NotTheSame (L-543).
    """
    took: dict[str, float] = {}
    with psycopg.connect(url, autocommit=True) as db:
        if kind(db) != "p":
            raise NotPartitioned
        attached = ask(db, "SELECT relispartition FROM pg_class WHERE oid = to_regclass('core_event_history')")
        if attached is None:
            return [Line("history", 0, _size(db), "split already")]
        copied, held, parts = 0, 0.0, 0
        if attached:
            with timed(took, "prepare"):
                _prepare(db)
            with timed(took, "copy"):
                copied = _copy(db, batch, say)
                do(db, "ANALYZE core_event_split")
            _catch_up(db)
            with timed(took, "compare"):
                _compare(db)
            held, parts = _swap_months(db)
        do(db, "DROP TABLE core_event_history, core_event_split, core_event_late, core_event_split_at")
        do(db, "DROP FUNCTION core_event_late()")
        return [
            Line(
                "copied", took.get("copy", 0), _size(db), f"{copied:,} rows, {batch:,} ids at a time, beside the writes"
            ),
            Line("compared", took.get("compare", 0), 0, "rows and sums the same"),
            Line("swap", round(held, 3), 0, f"{parts} partitions; the only time that writes waited"),
        ]


def _prepare(db: DB) -> None:
    """Empty months to copy to, and the trigger that notes late events; once."""
    if kind(db, "core_event_split"):
        return
    low = month(ask(db, "SELECT coalesce(min(at), now()) FROM core_event_history"))
    until = ask(db, "SELECT substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''(.*?)''')::timestamptz FROM pg_class"
                    " WHERE oid = 'core_event_history'::regclass")  # fmt: skip
    indexes = db.execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'core_event'::regclass AND NOT i.indisprimary"
    ).fetchall()
    with briefly(db, "LOCK TABLE core_event_history IN SHARE ROW EXCLUSIVE MODE"):
        do(db, "CREATE TABLE core_event_split (LIKE core_event INCLUDING DEFAULTS INCLUDING STORAGE)"
               " PARTITION BY RANGE (at)")  # fmt: skip
        do(db, "ALTER TABLE core_event_split ADD PRIMARY KEY (id, at)")
        for name, made in indexes:
            there = made.replace(f" {name} ON ", f" {name}_split ON ", 1)
            do(db, there.replace("ON ONLY public.core_event ", "ON core_event_split ", 1))
        _part(db, "core_event_earlier", None, low)
        at = low
        while at < until:
            _part(db, f"core_event_{at:%Y_%m}", at, month(at, later=1))
            at = month(at, later=1)
        do(db, LATE)
        do(db, "CREATE TABLE core_event_split_at AS SELECT coalesce(min(id), 1) AS next, coalesce(max(id), 0) AS last"
               " FROM core_event_history")  # fmt: skip
        with db.cursor() as cur:
            dbroles.grant_events(cur)


def _part(db: DB, name: str, low: dt.datetime | None, high: dt.datetime) -> None:
    """One month of the copy; its condition spares reading it again when it is attached."""
    begin = f"'{low.isoformat()}'" if low else "MINVALUE"
    do(db, f"CREATE TABLE {name} PARTITION OF core_event_split FOR VALUES FROM ({begin}) TO ('{high.isoformat()}')")
    above = f"at >= {begin} AND " if low else ""
    do(db, f"ALTER TABLE {name} ADD CONSTRAINT {name}_in CHECK ({above}at < '{high.isoformat()}')")


def _columns(db: DB, prefix: str = "") -> str:
    found = db.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'core_event'::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    )
    return ", ".join(f'{prefix}"{name}"' for (name,) in found)


def _copy(db: DB, batch: int, say: Say) -> int:
    """Copy by ids, each batch in one transaction with the note of how far it went. Returns how many rows."""
    columns, copied = _columns(db), 0
    last = ask(db, "SELECT last FROM core_event_split_at")
    while (begin := ask(db, "SELECT next FROM core_event_split_at")) <= last:
        with db.transaction():
            end = min(begin + batch, last + 1)
            copied += db.execute(
                f"INSERT INTO core_event_split ({columns}) SELECT {columns} FROM core_event_history"
                " WHERE id >= %s AND id < %s".encode(),
                [begin, end],
            ).rowcount
            db.execute("UPDATE core_event_split_at SET next = %s", [end])
        say(f"copied to {end - 1:,} of {last:,}")
    return copied


def _catch_up(db: DB) -> None:
    """Take along what was told late; noted no more once it is copied."""
    columns = _columns(db)
    do(
        db,
        "WITH gone AS (DELETE FROM core_event_late RETURNING id)"
        f" INSERT INTO core_event_split ({columns}) SELECT {columns} FROM core_event_history"
        " WHERE id IN (SELECT id FROM gone) ON CONFLICT DO NOTHING",
    )


def _compare(db: DB) -> None:
    """Raises NotTheSame (L-543): rows or sums of the copy are others than the history's."""
    columns = _columns(db, "e.")
    with db.transaction():
        do(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        do(db, "SET LOCAL TimeZone = 'UTC'")
        tables = ("core_event_history", "core_event_split")
        old, new = (db.execute(SAME.format(columns=columns, table=t).encode()).fetchone() for t in tables)
    if old != new:
        raise NotTheSame(what=f"{old}, {new}")


def _swap_months(db: DB) -> tuple[float, int]:
    """Put the months in the history's place. Returns (seconds that the lock was held, how many partitions).

    Each month keeps the condition it was made with: taking it away would lengthen the wait for nothing.
    """
    parts = db.execute(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'core_event_split'::regclass ORDER BY 1"
    ).fetchall()
    _catch_up(db)
    with briefly(db, "LOCK TABLE core_event IN ACCESS EXCLUSIVE MODE"):
        begun = time.monotonic()
        _catch_up(db)
        do(db, "ALTER TABLE core_event DETACH PARTITION core_event_history")
        for name, limits in parts:
            do(db, f"ALTER TABLE core_event_split DETACH PARTITION {name}")
            do(db, f"ALTER TABLE core_event ATTACH PARTITION {name} {limits}")
        with db.cursor() as cur:
            dbroles.grant_events(cur)
    return time.monotonic() - begun, len(parts)

"""Fills one database with N requests: no index, no foreign key and no trigger while rows come in, then all of them again,
checked by the database itself."""

from __future__ import annotations

import datetime as dt
import os
import queue
import threading
import uuid
from collections.abc import Callable

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import _seed_sql as sql
from bench._place import (
    BASE,
    COUNTY,
    Timer,
    database,
    digest,
    drop,
    exists,
    migrate,
    owner,
    python,
    say,
    secrets_of_bench,
    seed_now,
    stamp,
    stamped,
    tables_now,
    while_filling,
)

REPLIES, TEXTS = 3000, 6000  # as in bench/_base.py
TUNED = {
    "work_mem": "192MB", "maintenance_work_mem": "512MB", "max_parallel_maintenance_workers": "1",
    "max_parallel_workers_per_gather": "0", "synchronous_commit": "off", "jit": "off",
}  # fmt: skip
VAULT = "core_vaultrecord"


def base() -> None:
    """The database every size is copied from; made anew when what makes it has changed."""
    rows, want = digest("bench/_base.py"), f"{digest('bench/_base.py')} {tables_now()}"
    if exists(BASE) and stamped(BASE) == want:
        return
    timer = Timer()
    if exists(BASE) and stamped(BASE).startswith(rows):
        migrate(BASE)
        timer.mark("migrate")
        stamp(BASE, want)
        return
    drop(BASE)
    with owner() as db:
        db.execute(f"CREATE DATABASE {BASE}")
    python(BASE, "-m", "django", "migrate", "--skip-checks", "-v", "0", as_owner=True)
    timer.mark("migrate")
    python(BASE, "-m", "bench._base", as_owner=True)
    with owner(BASE) as db:
        db.execute("VACUUM ANALYZE")
    timer.mark("base")
    stamp(BASE, want)


def current(size: int) -> bool:
    """Whether the database of this size holds what the present text would make. An older shape is migrated first."""
    name = database(size)
    if not exists(name):
        return False
    rows, _space, tables = stamped(name).partition(" ")
    if rows != seed_now():
        return False
    if tables != tables_now():
        say(f"{name}: migrating")
        migrate(name)
        stamp(name, f"{seed_now()} {tables_now()}")
    return True


def backfill(name: str) -> None:
    """What is kept beside the requests (search, rollups), by the project's own commands."""
    python(name, "-m", "bench._fill", as_owner=True)


def connect(name: str) -> psycopg.Connection:
    db = owner(name)
    for key, value in TUNED.items():
        db.execute(f"SET {key} = '{value}'")
    return db


class Bare:
    """Tables without indexes, constraints and triggers, and how they get them back."""

    def __init__(self, db: psycopg.Connection, tables: list[str]) -> None:
        self.tables = tables
        rows = db.execute(
            """SELECT c.conrelid::regclass::text, c.conname, c.contype::text, pg_get_constraintdef(c.oid), c.confrelid::regclass::text
               FROM pg_constraint c WHERE c.contype IN ('p', 'u', 'f', 'x')
               AND (c.conrelid::regclass::text = ANY(%s) OR c.confrelid::regclass::text = ANY(%s))""",
            [tables, tables],
        ).fetchall()
        self.foreign = [(t, n, d) for t, n, kind, d, _to in rows if kind == "f"]
        self.keys = [(t, n, d) for t, n, kind, d, _to in rows if kind != "f"]
        names = [n for _t, n, _d in self.keys]
        self.indexes = db.execute(
            "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND NOT indexname = ANY(%s)",
            [tables, names],
        ).fetchall()
        for table, name, _def in [*self.foreign, *self.keys]:
            db.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for _table, name, _def in self.indexes:
            db.execute(f'DROP INDEX "{name}"')
        for table in tables:
            db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    def dress(self, db: psycopg.Connection, table: str) -> None:
        """Keys and indexes of one table, with fresh statistics."""
        db.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
        for t, name, definition in self.keys:
            if t == table:
                db.execute(f'ALTER TABLE {t} ADD CONSTRAINT "{name}" {definition}')
        for t, _name, definition in self.indexes:
            if t == table:
                db.execute(definition)
        db.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def insert(db: psycopg.Connection, table: str, statement: str, say_with: dict[str, object]) -> None:
    """One table from the plan, in one transaction that also empties it: nothing of it goes through the log."""
    with db.transaction():
        db.execute(f"TRUNCATE {table}")
        db.execute(statement, say_with)


def vault_rows(db: psycopg.Connection, reader: psycopg.Connection) -> None:
    """A sealed name and number for each voice that left one, under a key and an id of its own, like vault.seal makes it."""
    from base64 import b64decode
    from hashlib import sha256
    from hmac import new as hmac

    from heli.engines.identifiers import mask_name, mask_phone

    kept = secrets_of_bench()
    key_id, _colon, key = kept["HELI_VAULT_KEYS"].partition(":")
    index_key = b64decode(kept["HELI_VAULT_INDEX_KEY"])
    lock = AESGCM(b64decode(key))
    people = [
        (
            name.encode(), phone.encode(), hmac(index_key, f"phone:{phone}".encode(), sha256).hexdigest(),
            mask_name(name), mask_phone(phone),
        )
        for name, phone in reader.execute("SELECT name, phone FROM bench.person ORDER BY id")
    ]  # fmt: skip
    with db.transaction(), reader.transaction():
        db.execute(f"TRUNCATE {VAULT}")
        with (
            db.cursor().copy(
                f"COPY {VAULT} (id, uid, key_id, name, phone, phone_index, name_mask, phone_mask, created_at) FROM STDIN"
            ) as copy,
            reader.cursor(name="reachable") as rows,
        ):
            rows.itersize = 20_000
            rows.execute("SELECT id, at::text FROM bench.plan WHERE reachable ORDER BY id")
            lines: list[str] = []
            for n, at in rows:
                random = os.urandom(40)
                uid = uuid.UUID(bytes=random[:16], version=4).hex
                name, phone, index, name_mask, phone_mask = people[n * 7919 % len(people)]
                one = (random[16:28] + lock.encrypt(random[16:28], name, f"{uid}:name".encode())).hex()
                two = (random[28:] + lock.encrypt(random[28:], phone, f"{uid}:phone".encode())).hex()
                lines.append(
                    f"{n}\t{uid}\t{key_id}\t\\\\x{one}\t\\\\x{two}\t\\\\x{index}\t{name_mask}\t{phone_mask}\t{at}\n"
                )
                if len(lines) == 5000:
                    copy.write("".join(lines))
                    lines.clear()
            copy.write("".join(lines))


def fill(size: int) -> Timer:
    """One database of `size` requests, from the base. Returns the seconds of its parts."""
    name = database(size)
    say(f"{name}: {size:,} requests")
    timer = Timer()
    drop(name)
    with owner() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE {BASE}")
    db = connect(name)
    now = dt.datetime.now(dt.UTC)
    last = (now + dt.timedelta(hours=8)).date() - dt.timedelta(days=1)
    numbers: dict[str, object] = {
        "n": size, "now": now, "county": COUNTY, "last": last, "first": last - dt.timedelta(days=729),
        "texts": TEXTS, "replies": REPLIES,
    }  # fmt: skip
    db.execute(sql.HELPERS)
    for part in (sql.DAYS, sql.PLACES, sql.MATTERS, sql.UNITS, sql.RULES):
        for statement in part.split(";\n"):
            if statement.strip():
                db.execute(statement, numbers)
    for key, table in (("places", "place"), ("matters", "matter")):
        row = db.execute(f"SELECT count(*) FROM bench.{table}").fetchone()
        numbers[key] = row[0] if row else 0
    timer.mark("places, matters, units")
    for statement in (*sql.PLAN.split(";\n"), sql.JOINED, "ANALYZE bench.plan"):
        db.execute(statement, numbers)
    timer.mark("plan")
    bare = Bare(db, [*sql.TABLES, VAULT])
    build(name, db, bare, numbers)
    timer.mark("rows and indexes")
    for table, key, definition in bare.foreign:
        db.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{key}" {definition}')
    timer.mark("foreign keys")
    for table in (t for t in bare.tables if t != "loop_requestwords"):
        db.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    db.execute("DROP TABLE bench.plan, bench.due, bench.place, bench.matter; TRUNCATE core_outbox; ANALYZE")
    db.close()
    backfill(name)
    timer.mark("search and rollups")
    stamp(name, f"{seed_now()} {stamped(BASE).partition(' ')[2]}")  # the tables are the base's, however long this took
    say(f"  {size:,} requests in {timer.total} s")
    return timer


def build(name: str, db: psycopg.Connection, bare: Bare, numbers: dict[str, object]) -> None:
    """All tables, on two connections: clocks come before requests, which keep the nearest of them."""
    jobs: queue.SimpleQueue[Callable[[psycopg.Connection], None]] = queue.SimpleQueue()
    failed: list[BaseException] = []

    def table_job(table: str) -> Callable[[psycopg.Connection], None]:
        def run(on: psycopg.Connection) -> None:
            insert(on, table, sql.TABLES[table], numbers)
            bare.dress(on, table)

        return run

    def vault_job(on: psycopg.Connection) -> None:
        with connect(name) as reader:
            vault_rows(on, reader)
        bare.dress(on, VAULT)

    def heart(on: psycopg.Connection) -> None:
        insert(on, "loop_clock", sql.TABLES["loop_clock"], numbers)
        for statement in sql.RUNNING.split(";\n"):
            on.execute(statement)
        insert(on, "loop_request", sql.TABLES["loop_request"], numbers)
        bare.dress(on, "loop_request")
        bare.dress(on, "loop_clock")
        insert(on, "loop_requestwords", sql.TABLES["loop_requestwords"], numbers)
        bare.dress(on, "loop_requestwords")

    others = [t for t in sql.TABLES if t not in {"loop_clock", "loop_request", "loop_requestwords", "core_event"}]
    for job in (heart, table_job("core_event"), vault_job, *(table_job(t) for t in others)):
        jobs.put(job)

    def work(on: psycopg.Connection) -> None:
        while not failed:
            try:
                jobs.get_nowait()(on)
            except queue.Empty:
                return
            except BaseException as error:  # the other one must stop, too
                failed.append(error)

    second = connect(name)
    thread = threading.Thread(target=work, args=(second,))
    thread.start()
    work(db)
    thread.join()
    second.close()
    if failed:
        raise failed[0]


def seed(sizes: list[int], *, anew: bool = False) -> dict[int, dict[str, float]]:
    """Every size that is not there yet. Returns {size: {part: seconds}} of those made now."""
    from bench._place import up

    up()
    todo = [n for n in sizes if anew or not current(n)]
    if not todo:
        return {}
    made = {}
    with while_filling():
        base()
        for size in todo:
            timer = fill(size)
            made[size] = {**timer.parts, "total": timer.total}
    return made


def sizes_of(size: int) -> list[tuple[str, int, int, int]]:
    """(table, rows, bytes of the table, bytes of its indexes), the largest first."""
    with owner(database(size)) as db:
        return db.execute(
            """SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid) FROM pg_stat_user_tables
               WHERE schemaname = 'public' AND pg_total_relation_size(relid) > 1000000 ORDER BY pg_total_relation_size(relid) DESC"""
        ).fetchall()

"""Coming back, tried: a copy is made and restored on an empty temporary cluster, and compared; a moment is recovered
from the archived log after its server was killed and its disk thrown away. Nothing of the running Heli is changed.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.utils.translation import gettext_lazy as _

from heli import localpg
from heli.core import backup
from heli.core.errors import HeliError

TICK = """INSERT INTO core_event (at, recorded_at, step, subject_type, subject_id, object_type, area_path, before, after,
    rules, data, public) VALUES (now(), now(), 'drill.tick', 'drill', 0, '', '', '', '', '[]', '{}', false) RETURNING id"""


class NotRecovered(HeliError):
    """What came back is not what was there at the moment that was asked for."""

    code = "L-538"
    status = 409
    sentence = _("The drill failed: %(what)s.")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a drill's table: what was done, seconds, bytes (0: nothing to weigh), and what was found."""

    what: str
    seconds: float
    size: int
    found: str


def weight(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())


def whole(url: str, files: Path, *, vault_keys: str, at: Path | None = None, all_files: bool = False) -> list[Line]:
    """Copy, restore on an empty cluster and folder (under `at`, or where temporary files go), compare.

    Raises:
        Differs: something is not the same (L-537). NotRecovered: recorded files are missing already (L-538).
    """
    with tempfile.TemporaryDirectory(prefix="heli-drill-", dir=at) as name:
        folder, new = Path(name) / "copy", Path(name) / "new"
        made = backup.back_up(url, files, folder)
        if made.missing:
            raise NotRecovered(
                what=f"{len(made.missing)} files have a row and no (or other) content: {made.missing[0]}"
            )
        try:
            cluster = localpg.ensure(new, fsync=False)  # thrown away at the end
            done = backup.restore(folder, cluster.owner_url, new / "files", vault_keys=vault_keys, all_files=all_files)
        finally:
            localpg.stop(new)
        dumped = weight(folder / backup.DUMP)
    tables, events = made.contents.tables, made.contents.events
    return [
        Line("database copied", made.seconds["database"], dumped, f"{done.rows:,} rows in {len(tables)} tables"),
        Line("files copied", made.seconds["files"], made.file_bytes, f"{made.files:,} files"),
        Line("copy checked", done.seconds["checking the copy"], dumped, "each part has its SHA-256"),
        Line("database restored", done.seconds["database"], made.database_bytes, "on an empty cluster"),
        Line("files restored", done.seconds["files"], made.file_bytes, "each has its SHA-256"),
        Line("compared", done.seconds["comparing"], 0, f"rows and sums of {len(tables)} tables the same"),
        Line("events", 0, 0, f"{events.rows:,}, the last is {events.last:,}, SHA-256 {events.sha256[:16]}… the same"),
        Line("files read back", 0, 0, f"{done.files_read:,} of {made.files:,} the same"),
        Line("vault", 0, 0, f"newest record {done.vault}" if done.vault != "empty" else "empty"),
    ]  # fmt: skip


class Writer(threading.Thread):
    """Somebody who goes on writing: one committed event after another, until stopped or cut off."""

    def __init__(self, url: str, statement: str) -> None:
        super().__init__(daemon=True)
        self.url, self.statement = url, statement
        self.ids: list[int] = []  # of what was acknowledged, in that order
        self.last = 0.0  # when the last one was, seconds
        self.over = threading.Event()

    def run(self) -> None:
        try:
            with psycopg.connect(self.url, autocommit=True) as db:
                while not self.over.wait(0.02):
                    row = db.execute(self.statement).fetchone()
                    self.ids.append(row[0] if row else 0)
                    self.last = time.time()
        except psycopg.Error:
            pass  # the server was killed under it

    def end(self) -> list[int]:
        self.over.set()
        self.join()
        return self.ids


def write_for(url: str, seconds: float, statement: str = TICK) -> list[int]:
    """Write for so long; returns the ids of what was acknowledged."""
    writer = Writer(url, statement)
    writer.start()
    time.sleep(seconds)
    return writer.end()


def point_in_time(
    url: str, *, seconds: int = 5, write: float = 2, at: Path | None = None, fsync: bool = True
) -> list[Line]:
    """Recover the moment before a table was dropped, from a base copy and the archived log only.

    A temporary cluster takes the present database's content and archives its log every `seconds` seconds. Events are
    written, the time is noted, more are written, the table is dropped, others go on writing; then the server is killed
    and its whole folder removed. Recovered to the noted time, exactly the events up to it are there (RTO: how long that
    takes). Recovered as far as the log goes, what is lost is the time since the last piece of it (RPO).

    Raises:
        NotRecovered: an event is missing, or one is there that came later (L-538).
    """
    with tempfile.TemporaryDirectory(prefix="heli-drill-", dir=at) as name:
        here = Path(name)
        try:
            return _point_in_time(url, here, seconds, write, fsync=fsync)
        finally:
            for cluster in (here / "first", here / "then", here / "end"):
                localpg.stop(cluster)


def _point_in_time(url: str, here: Path, seconds: int, write: float, *, fsync: bool) -> list[Line]:
    first, log, base = here / "first", here / "log", here / "base"
    took: dict[str, float] = {}
    pg = localpg.ensure(first, archive=log, archive_seconds=seconds, fsync=fsync)
    backup.program(backup.programs_for(url) / "pg_dump", url, "-Fc", "-f", here / "dump")
    backup.program(pg.bin / "pg_restore", pg.owner_url, "--exit-on-error", "--no-owner", here / "dump")
    with backup.timed(took, "base"):
        localpg.base(pg.owner_url, base, pg.bin)
    kept = write_for(pg.app_url, write)
    with psycopg.connect(pg.owner_url, autocommit=True) as db:
        time.sleep(0.2)
        noted = _one(db, "SELECT clock_timestamp()").isoformat()
        time.sleep(0.2)
        later = write_for(pg.app_url, write)
        db.execute("DROP TABLE core_event")
        db.execute("CREATE TABLE drill_tick (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT now())")
    writer = Writer(pg.owner_url, "INSERT INTO drill_tick DEFAULT VALUES RETURNING id")
    writer.start()
    time.sleep(seconds * 2.5)
    os.kill(localpg.status(first).pid, signal.SIGKILL)
    written = len(writer.end())
    _gone(first)
    shutil.rmtree(first)
    size, archived = weight(base), weight(log)
    with backup.timed(took, "then"):
        then = localpg.recover(here / "then", base, log, noted, fsync=fsync)
    with psycopg.connect(then.app_url) as db:
        found = {i for (i,) in db.execute("SELECT id FROM core_event WHERE step = 'drill.tick'")}
    if lost := set(kept) - found:
        raise NotRecovered(what=f"{len(lost)} of {len(kept)} events written before {noted} are gone")
    if extra := found - set(kept):
        raise NotRecovered(what=f"{len(extra)} events written after {noted} are there")
    with backup.timed(took, "end"):
        end = localpg.recover(here / "end", base, log, fsync=fsync)
    with psycopg.connect(end.owner_url) as db:
        last = _one(db, "SELECT coalesce(extract(epoch FROM max(at))::float8, 0) FROM drill_tick")
        survived = _one(db, "SELECT count(*) FROM drill_tick")
    gap = writer.last - last
    return [
        Line("base copy", took["base"], size, "while the server ran"),
        Line("log archived", 0, archived, f"a piece at least every {seconds} s"),
        Line("recovered to the noted time (RTO)", took["then"], 0, f"all {len(kept)} events before {noted}, none of {len(later)} after"),
        Line("recovered to the log's end", took["end"], 0, f"{survived} of {written} writes after the drop"),
        Line("lost with the disk (RPO)", round(gap, 2), 0, f"the limit set was {seconds} s"),
    ]  # fmt: skip


def _one(db: psycopg.Connection[Any], statement: str) -> Any:
    row = db.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def _gone(cluster: Path) -> None:
    """Wait until the processes of a killed server have let go of its folder."""
    for _attempt in range(100):
        if not localpg.status(cluster).pid:
            return
        time.sleep(0.05)

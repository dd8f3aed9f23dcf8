"""A copy and the way back: everything is in it, also while somebody writes; what is damaged or full is refused."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from PIL import Image

from heli import localpg
from heli.core import backup, drill, files, vault
from heli.core.actor import SYSTEM
from heli.core.steps import step
from tests import database
from tests.world import BORN

KEYS = settings.HELI_VAULT_KEYS


def photo(shade: int) -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (shade % 256, shade // 256, 90)).save(out, "JPEG")
    return io.BytesIO(out.getvalue())


@pytest.fixture
def kept(fire_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A files folder of the test's own, with three files; and a record in the vault."""
    monkeypatch.setattr(settings, "HELI_FILES", tmp_path / "files")
    for n in range(3):
        files.store(photo(n), subject_type="loop.request", subject_id=n)
    vault.seal(name="王桂兰", phone="13900000001")
    return tmp_path / "files"


@pytest.fixture
def here(fire_db: str) -> str:
    """Where the test's database is, as its owner."""
    return localpg.urls(database.var(), fire_db).owner_url


@pytest.fixture
def empty() -> Iterator[str]:
    """An empty database, as its owner."""
    name = f"copy_{os.getpid()}_empty"
    with database._admin() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield localpg.urls(database.var(), name).owner_url
    database.drop(name)


def away() -> None:
    """No connection of the application's own is left, as when the servers are stopped."""
    connections.close_all()


def test_everything_comes_back(kept: Path, here: str, empty: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    made = backup.back_up(here, kept, tmp_path / "copy", keys=keys)
    assert made.missing == [] and made.files == 3 and made.contents.events.rows > 100
    assert {"core_event", "loop_category", "people_user"} <= made.contents.tables.keys()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert json.loads(keys.read_text())["HELI_VAULT_KEYS"] == KEYS
    secret = KEYS.partition(":")[2].encode()
    assert not any(secret in f.read_bytes() for f in (tmp_path / "copy").rglob("*") if f.is_file())

    done = backup.restore(tmp_path / "copy", empty, tmp_path / "new", vault_keys=KEYS)
    assert (done.files_read, done.vault) == (3, "opened")
    with psycopg.connect(empty) as db:
        assert backup.differences(made.contents, backup.contents(db)) == []
        app = db.execute(
            "SELECT has_table_privilege('heli_app', 'core_event', 'INSERT'), has_table_privilege('heli_app', 'core_event', 'DELETE')"
        )
        assert app.fetchone() == (True, False)
        assert db.execute("SELECT to_regnamespace('heli_replaced')").fetchone() == (None,)


def test_sha256sum_reads_the_list(kept: Path, here: str, tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on this machine")
    backup.back_up(here, kept, tmp_path / "copy", link=True)
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "copy", check=False)
    assert done.returncode == 0
    listed = (tmp_path / "copy" / "SHA256SUMS").read_text().splitlines()
    assert len(listed) == sum(f.is_file() for f in (tmp_path / "copy").rglob("*")) - 1


def test_a_copy_made_while_somebody_writes_is_of_one_moment(
    kept: Path, here: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers go on, with files: each event of the manifest is in the copy and the other way round, and no row of the
    copy lacks its file."""
    real, sizes = backup.contents, []

    def write() -> None:
        for n in range(40):
            with step("test.write", by=SYSTEM, at=BORN) as s:
                s.about("test", n, "370602")
                files.store(photo(1000 + n), subject_type="test", subject_id=n)

    def slow(db: psycopg.Connection[object]) -> backup.Contents:
        """While rows are counted, forty more are written and committed."""
        if not sizes:
            before = db.execute("SELECT count(*) FROM core_event").fetchone()
            database.race(write, write)
            sizes.append(before)
        return real(db)

    monkeypatch.setattr(backup, "contents", slow)
    made = backup.back_up(here, kept, tmp_path / "copy")
    assert (made.contents.events.rows,) == sizes[0]
    with psycopg.connect(here) as db:
        assert db.execute("SELECT count(*) FROM core_event").fetchone() == (made.contents.events.rows + 80,)
    assert made.missing == []
    away()
    done = backup.restore(tmp_path / "copy", empty, tmp_path / "new", vault_keys=KEYS, all_files=True)
    with psycopg.connect(empty) as db:
        assert backup.head(db) == made.contents.events
        rows = db.execute("SELECT id FROM core_storedfile").fetchall()
    assert len(rows) == 3 and done.files_read == made.files
    assert all((tmp_path / "new" / backup.place(i.hex)).is_file() for (i,) in rows)


def test_a_writer_beside_the_whole_copy(kept: Path, here: str, empty: str, tmp_path: Path) -> None:
    """Not stopped at one place: somebody writes all the time the copy is being made."""
    writer = drill.Writer(here.replace("heli_owner@", "heli_app@"), drill.TICK)
    writer.start()
    try:
        made = backup.back_up(here, kept, tmp_path / "copy")
    finally:
        written = writer.end()
    away()
    backup.restore(tmp_path / "copy", empty, tmp_path / "new", vault_keys=KEYS)
    with psycopg.connect(empty) as db:
        ids = [i for (i,) in db.execute("SELECT id FROM core_event WHERE step = 'drill.tick' ORDER BY id")]
        assert backup.head(db) == made.contents.events
    assert len(written) > len(ids)  # it did go on
    assert ids == written[: len(ids)]  # and none was left out in between


def test_what_is_full_is_not_written_over(kept: Path, here: str, empty: str, tmp_path: Path) -> None:
    backup.back_up(here, kept, tmp_path / "copy")
    with pytest.raises(backup.NotEmpty):
        backup.back_up(here, kept, tmp_path / "copy")
    away()
    with pytest.raises(backup.NotEmpty, match="L-544"):
        backup.restore(tmp_path / "copy", here, tmp_path / "new")
    with pytest.raises(backup.NotEmpty):
        backup.restore(tmp_path / "copy", empty, kept)
    assert not (tmp_path / "new").exists()


def test_force_replaces_and_keeps_the_old_files_beside(kept: Path, here: str, tmp_path: Path) -> None:
    made = backup.back_up(here, kept, tmp_path / "copy")
    with step("test.later", by=SYSTEM, at=BORN) as s:
        s.about("test", 1, "370602")
    files.store(photo(7), subject_type="test", subject_id=7)
    away()
    backup.restore(tmp_path / "copy", here, kept, vault_keys=KEYS, force=True)
    with psycopg.connect(here) as db:
        assert backup.head(db) == made.contents.events
    assert len(list(backup._names(kept))) == 3
    assert len(list(backup._names(tmp_path / "files.replaced"))) == 4


def test_a_restore_that_fails_leaves_what_was_there(
    kept: Path, here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup.back_up(here, kept, tmp_path / "copy")
    with step("test.later", by=SYSTEM, at=BORN) as s:
        s.about("test", 1, "370602")
    away()
    with psycopg.connect(here) as db:
        before = backup.contents(db)
    other = "other:" + "A" * 43 + "="  # 32 bytes
    with pytest.raises(backup.Differs, match="L-537"):
        backup.restore(tmp_path / "copy", here, kept, vault_keys=other, force=True)
    with psycopg.connect(here) as db:
        assert backup.differences(before, backup.contents(db)) == []
        assert backup.head(db) != made.contents.events
    assert len(list(backup._names(kept))) == 3


def test_nothing_is_restored_under_a_running_application(kept: Path, here: str, tmp_path: Path) -> None:
    backup.back_up(here, kept, tmp_path / "copy")
    with database.second_connection(), pytest.raises(backup.InUse, match="L-533"):
        backup.restore(tmp_path / "copy", here, kept, force=True)


@pytest.mark.parametrize("part", ["database/toc.dat", "manifest.json", "files", "SHA256SUMS"])
def test_a_damaged_copy_touches_nothing(kept: Path, here: str, empty: str, tmp_path: Path, part: str) -> None:
    backup.back_up(here, kept, tmp_path / "copy")
    victim = tmp_path / "copy" / part
    if part == "files":
        victim = next(f for f in victim.rglob("*") if f.is_file())
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    away()
    with pytest.raises((backup.Damaged, backup.Differs)):
        backup.restore(tmp_path / "copy", empty, tmp_path / "new")
    with psycopg.connect(empty) as db:
        assert db.execute(backup.TABLES).fetchone() is None
    assert not (tmp_path / "new").exists()


def test_a_row_that_changed_on_the_way_is_noticed(kept: Path, here: str, tmp_path: Path) -> None:
    made = backup.back_up(here, kept, tmp_path / "copy")
    sums = backup._check_sums(tmp_path / "copy")
    with psycopg.connect(here) as db:
        db.execute("UPDATE core_event SET step = 'other' WHERE id = (SELECT min(id) FROM core_event)")
    with pytest.raises(backup.Differs, match="other content in as many rows") as told:
        backup.verify(made, here, kept, sums)
    assert "events end at" in str(told.value)
    with psycopg.connect(here) as db:
        db.execute("DELETE FROM core_storedfile")
    with pytest.raises(backup.Differs, match=r"core_storedfile: 3 rows, now 0"):
        backup.verify(made, here, kept, sums)


def test_a_recorded_file_that_is_gone_is_told(kept: Path, here: str, tmp_path: Path) -> None:
    gone = next(f for f in kept.rglob("*") if f.is_file())
    gone.unlink()
    made = backup.back_up(here, kept, tmp_path / "copy")
    assert made.missing == [os.fspath(gone.relative_to(kept))]


def test_a_copy_by_a_newer_heli_is_refused(kept: Path, here: str, empty: str, tmp_path: Path) -> None:
    with psycopg.connect(here) as db:
        db.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('core', '0999_tomorrow', now())")
    backup.back_up(here, kept, tmp_path / "copy")
    with pytest.raises(backup.NewerCopy, match=r"core\.0999_tomorrow"):
        backup.restore(tmp_path / "copy", empty, tmp_path / "new")


def test_keys_do_not_lie_in_the_copy(kept: Path, here: str, tmp_path: Path) -> None:
    with pytest.raises(backup.KeysInside):
        backup.back_up(here, kept, tmp_path / "copy", keys=tmp_path / "copy" / "keys.json")
    (tmp_path / "there").write_text("mine")
    with pytest.raises(backup.KeysInside):
        backup.back_up(here, kept, tmp_path / "copy", keys=tmp_path / "there")


def test_the_drill(kept: Path, here: str, tmp_path: Path) -> None:
    lines = {line.what: line for line in drill.whole(here, kept, vault_keys=KEYS, at=tmp_path)}
    assert lines["files read back"].found == "3 of 3 the same"
    assert "opened" in lines["vault"].found
    assert lines["database copied"].size > 10_000
    assert [f for f in tmp_path.iterdir() if f.name.startswith("heli-drill")] == []


def test_the_drill_fails_when_a_file_is_lost(kept: Path, here: str, tmp_path: Path) -> None:
    next(f for f in kept.rglob("*") if f.is_file()).unlink()
    with pytest.raises(drill.NotRecovered, match="1 files have a row"):
        drill.whole(here, kept, vault_keys=KEYS, at=tmp_path)


def test_a_moment_comes_back_from_the_log(fire_db: str, here: str, tmp_path: Path) -> None:
    away()
    lines = {line.what: line for line in drill.point_in_time(here, seconds=1, write=0.5, at=tmp_path, fsync=False)}
    assert lines["recovered to the noted time (RTO)"].found.startswith("all ")
    assert 0 <= lines["lost with the disk (RPO)"].seconds < 10


def test_a_moment_after_the_log_ends_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with contextlib.ExitStack() as after:
        after.callback(localpg.stop, tmp_path / "first")
        after.callback(localpg.stop, tmp_path / "then")
        pg = localpg.ensure(tmp_path / "first", fsync=False, archive=log)
        localpg.base(pg.owner_url, tmp_path / "base", pg.bin)
        with pytest.raises(localpg.LocalPgError, match="no time zone"):
            localpg.recover(tmp_path / "then", tmp_path / "base", log, "2030-01-01T00:00:00")
        with pytest.raises(localpg.LocalPgError, match="do not reach"):
            localpg.recover(tmp_path / "then", tmp_path / "base", log, "2030-01-01T00:00:00+08:00", fsync=False)
        with pytest.raises(localpg.LocalPgError, match="holds a cluster"):
            localpg.recover(tmp_path / "first", tmp_path / "base", log)
        localpg.recover(tmp_path / "then", tmp_path / "base", log, fsync=False)  # as far as it goes

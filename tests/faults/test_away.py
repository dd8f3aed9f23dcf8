"""The database is restarted under load, and volumes run full: what people are told, and how it goes on by itself."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client, RequestFactory
from psycopg.errors import DeadlockDetected

from heli.core import files
from heli.core.models import StoredFile
from heli.core.outages import answer, drop_dead, outage
from heli.loop.models import Request
from tests.faults import writing
from tests.faults.house import Browser, House
from tests.faults.test_kill import audited
from tests.loop.visitors import TYPED, picture, send, statements

COMES_BACK = 60  # seconds, on a busy machine


@contextlib.contextmanager
def volume(where: Path, megabytes: int) -> Iterator[Path]:
    """A volume of its own that can run full; skipped where nothing may be mounted."""
    where.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", where], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount a volume to fill")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", where], check=False)


# Without a house ------------------------------------------------------------------------------------------------------
def test_starting_a_request_costs_no_statement(db: None) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as said:
        drop_dead()
    assert statements(said) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_said_while_the_database_is_away(method: str) -> None:
    gone = outage(OperationalError("connection refused"))
    assert gone is not None and gone.code == "L-525"
    said = answer(RequestFactory().generic(method, "/submit/"), gone)
    text = said.content.decode()
    assert said.status_code == 503 and said["Retry-After"] == "5" and "L-525" in text and "再点一次" in text
    assert ('http-equiv="refresh"' in text) == (method == "GET"), "only what was read is asked again by itself"
    note = answer(RequestFactory().generic(method, "/x/", headers={"HX-Request": "true"}), gone).content.decode()
    assert "<html" not in note and "L-525" in note


def test_other_errors_are_no_outage() -> None:
    assert outage(ValueError("x")) is None and outage(OSError(2, "no such file")) is None
    full = outage(OSError(28, "No space left on device"))
    assert full is not None and full.code == "L-515"


def test_files_volume_full(db: None, world: Any, settings: Any, tmp_path: Path) -> None:
    """The words are not lost, the person is told what to do, nothing half-made stays; with room again it goes."""
    with volume(tmp_path / "files", 1) as where:
        settings.HELI_FILES = where
        filler = where / "filler"
        with contextlib.suppress(OSError):
            filler.write_bytes(b"\0" * 2**20)
        before = Request.objects.count()
        said = send(Client(), photos=[picture(), picture("#924")])
        text = said.content.decode()
        assert said.status_code == 507 and "先不带照片" in text and TYPED["text"] in text
        assert Request.objects.count() == before and not StoredFile.objects.filter(subject_type="loop.request").exists()
        assert [p for p in where.rglob("*") if p.is_file() and p != filler] == []
        assert send(Client()).status_code == 303, "without photos it goes"
        filler.unlink()
        assert send(Client(), photos=[picture()]).status_code == 303


def test_litter_is_swept_and_a_restore_is_not(db: None, world: Any, settings: Any, tmp_path: Path) -> None:
    import datetime as dt
    import uuid

    settings.HELI_FILES = tmp_path
    kept = files.store(SimpleUploadedFile("a.jpg", picture().read()), subject_type="x", subject_id=1)
    old = time.time() - 3 * 86400
    litter = [files.where(uuid.uuid4()), files.where(uuid.uuid4()).with_suffix(".part")]
    young = files.where(uuid.uuid4())
    for path in (*litter, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for path in (*litter, files.where(kept.pk)):
        os.utime(path, (old, old))
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    assert files.sweep(yesterday) == {"files": 3, "drafts": 1, "orphans": 1}
    assert files.where(kept.pk).exists() and young.exists() and not any(p.exists() for p in litter)
    many = [files.where(uuid.uuid4()) for _n in range(120)]
    for path in many:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (old, old))
    with pytest.raises(files.TooManyOrphans):
        files.sweep(yesterday)
    assert all(p.exists() for p in many), "an older database was put back: its files are not litter"


# With a house ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def full_house(world_dump: Path, tmp_path: Path) -> Iterator[House]:
    """A house whose volume is small: database, files and all."""
    with volume(tmp_path / "var", 400) as where:
        made = House(where, world_dump)
        try:
            made.wait()
            yield made
        finally:
            made.end()


def patiently(house: House, want: int) -> float:
    """Until a request with words alone is taken; seconds it took."""
    start = time.monotonic()
    who = Browser(house)
    while time.monotonic() - start < COMES_BACK:
        with contextlib.suppress(OSError, http.client.HTTPException):
            said = who.post("/submit/", {**TYPED, "contact": "none", "phone": "", "name": ""})
            if said.status == want:
                return time.monotonic() - start
        time.sleep(0.2)
    raise TimeoutError(f"no {want} in {COMES_BACK} s")


def test_restarted_under_load_and_run_full(full_house: House) -> None:
    """PostgreSQL stopped in each of its three ways while people write, then its volume full; nobody helps."""
    house = full_house
    people = writing.People(house, crews=2, seed=3)
    people.start()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):  # smart, fast, immediate
        time.sleep(1.5)
        before = house.postmaster()
        os.kill(before, number)
        if number == signal.SIGTERM:  # smart waits for everybody to leave: whoever restarts it so, then insists
            time.sleep(1.0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(before, signal.SIGINT)
        end = time.monotonic() + COMES_BACK
        while house.postmaster() in {0, before}:
            assert time.monotonic() < end, "the database was not started again"
            time.sleep(0.1)
    people.finish()
    assert set(people.answers) <= {302, 303, 409, 503, 429, "RemoteDisconnected", "ConnectionResetError"}, (
        people.answers
    )
    assert people.answers[303] > 0 and people.answers[503] > 0, people.answers
    assert writing.account(house, people) == []

    filler = house.var / "filler"
    for size in (2**16, 1):
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as out:
            while True:
                out.write(b"\0" * size)
    told = set()
    who, end = Browser(house), time.monotonic() + 30
    while not told & {503, 507} and time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            # Words alone go to the database; long ones, so that its tables have to grow.
            long = TYPED | {"contact": "none", "phone": "", "name": "", "text": "12号楼前路灯不亮。" * 900}
            said = who.post("/submit/", long)
            told.add(said.status)
            if said.status >= 500:
                assert "L-525" in said.body or "L-526" in said.body, said.body[:500]
    assert told & {503, 507} and told <= {303, 503, 507}, told
    filler.unlink()
    back = patiently(house, 303)
    print(f"\nanswers {dict(people.answers)}; with a full volume {told}; taken again {back:.1f} s after there was room")
    writing.wait_for_jobs(house)
    assert writing.account(house, people) == []
    assert audited(house) == ""


def test_a_lock_held_for_long_lets_go_of_the_thread(fire_db: str) -> None:
    """Somebody holds what has to be changed: after the time a statement may wait, a sentence instead of a hung page."""
    from tests.database import second_connection

    with second_connection() as other, other.transaction(force_rollback=True):
        other.execute("LOCK TABLE loop_request IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cur:
            cur.execute("SHOW lock_timeout")
            assert cur.fetchone() == ("20s",)
            cur.execute("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError) as waited:
            Request.objects.count()
    gone = outage(waited.value)
    assert gone is not None and (gone.code, gone.status) == ("L-528", 503)
    crossed = OperationalError("deadlock detected")
    crossed.__cause__ = DeadlockDetected()
    assert (gone := outage(crossed)) is not None and gone.code == "L-528", "nothing was saved of the one that gave way"

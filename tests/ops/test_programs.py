"""The web server and the worker as they are run: several processes counted together, ending kindly on SIGTERM."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from procrastinate.contrib.django import app

from heli import localpg
from tests import database

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def start(fire_db: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a program of `heli` on the test's own database; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str) -> subprocess.Popen[str]:
        url = localpg.urls(database.var(), database.current()).app_url
        env = os.environ | {"DATABASE_URL": url, "HELI_VAR": str(tmp_path), "HELI_METRICS_TOKEN": TOKEN}
        secrets = json.loads((database.var() / "secrets.json").read_text())
        one = subprocess.Popen(
            [sys.executable, "-m", "heli", *words], env=env | secrets, cwd=database.ROOT, text=True,
            stdout=(tmp_path / f"{words[0]}.log").open("a"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(one)
        return one

    yield run
    for one in started:
        if one.poll() is None:
            one.kill()
            one.wait()


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.read().decode()


def until(true: Callable[[], Any], seconds: float = 90) -> Any:
    """Wait for something to be so; fails when it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := true():
                return found
        except OSError:
            pass
        time.sleep(0.05)
    pytest.fail("it never was so")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def waits(db: Any) -> bool:
    """Whether anybody waits for a lock, in this test's database: others are tried at the same time."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(db.execute(waiting).fetchone()[0])


def test_processes_are_counted_together_and_a_request_under_way_is_answered(start: Any) -> None:
    port = free_port()
    server = start("serve", "--port", str(port), "--workers", "2", "--threads", "2")
    until(lambda: get(port, "/healthz")[0] == 200)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _n: get(port, "/privacy/")[0], range(40))) == {200}
    said = {get(port, "/metrics", Authorization=f"Bearer {TOKEN}")[1] for _n in range(6)}
    counts = {re.search(r'heli_requests_total{.*"web:privacy".*} (\S+)', text)[1] for text in said}  # type: ignore[index]
    assert counts == {"40.0"}  # whichever process is asked

    with ThreadPoolExecutor(1) as pool, database.second_connection(owner=True) as db:
        db.execute("LOCK TABLE loop_request, people_user, core_session")
        answer = pool.submit(get, port, "/")
        with database.second_connection(owner=True) as other:
            other.autocommit = True
            until(lambda: waits(other))
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.poll() is None and not answer.done()
        db.rollback()
        assert answer.result(60)[0] == 200
    assert server.wait(60) == 0
    with pytest.raises(OSError):
        get(port, "/healthz")


def test_a_job_under_way_is_finished(start: Any) -> None:
    with database.second_connection(owner=True) as db, database.second_connection(owner=True) as other:
        other.autocommit = True
        db.execute("LOCK TABLE loop_clock")
        app.configure_task("loop.ladder", queueing_lock=None).defer(timestamp=0)
        worker = start("worker")
        until(lambda: waits(other))
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.poll() is None
        db.rollback()
        assert worker.wait(60) == 0
        left = other.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'").fetchone()
        assert left == (0,)

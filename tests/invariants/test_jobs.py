"""What runs later is known to the worker, runs there, and does no harm when it runs twice."""

from __future__ import annotations

import ast
import datetime as dt
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from heli import localpg
from heli.adapters import sms
from heli.core.errors import HeliError
from heli.core.models import Event
from heli.loop import jobs
from tests import database
from tests.database import ROOT
from tests.loop.told import tell

KNOWN = "import django; django.setup(); from procrastinate.contrib.django import app; print(*sorted(app.tasks))"


def written() -> set[str]:
    """Names of all tasks in the code."""
    names = set()
    for path in (ROOT / "heli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "task":
                assert path.name == "jobs.py", f"{path}: a worker looks for tasks in jobs.py only"
                names |= {
                    str(k.value.value) for k in node.keywords if k.arg == "name" and isinstance(k.value, ast.Constant)
                }
    return names


def test_a_worker_knows_every_task() -> None:
    """In a process of its own: nothing there has imported the pages, which import the jobs."""
    said = subprocess.run(
        [sys.executable, "-c", KNOWN],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert written() - set(said.split()) == set() and written()


def test_every_queue_is_written_down() -> None:
    """`heli worker` takes all queues unless told otherwise; whoever runs several workers finds the names in the manual."""
    ours = {name: task.queue for name, task in app.tasks.items() if not name.startswith(("builtin:", "procrastinate."))}
    assert set(ours) == written()
    manual = (ROOT / "docs" / "operating.md").read_text()
    assert [q for q in set(ours.values()) if f"`{q}`" not in manual] == []


def run_all() -> int:
    """Let a worker do what waits; returns how many jobs are left that did not succeed."""
    with app.replace_connector(app.connector.get_worker_connector()) as running:  # type: ignore[attr-defined]
        running.run_worker(wait=False, install_signal_handlers=False, listen_notify=False)
    return ProcrastinateJob.objects.exclude(status="succeeded").count()


def test_the_worker_process_takes_jobs_as_they_come_and_stops_when_told(fire_db: str, world: Any) -> None:
    """`heli worker`, as it is started in production: it waits, is woken, forgets what succeeded, and ends in order."""
    url = localpg.urls(database.var(), fire_db).app_url
    worker = subprocess.Popen(
        [sys.executable, "-m", "heli", "worker"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        waiting = ProcrastinateJob.objects.filter(task_name="loop.tell")
        for _round in range(2):
            told = tell(world)
            told.dispatch()
            assert waiting.count() == 1
            end = time.monotonic() + 30
            while waiting.exists() and time.monotonic() < end:
                assert worker.poll() is None, worker.stderr.read()  # type: ignore[union-attr]
                time.sleep(0.1)
            assert not waiting.exists()
    finally:
        worker.terminate()
        said = worker.communicate(timeout=30)[1]
    assert worker.returncode == 0 and "error" not in said, said


def test_the_worker_tells_each_voice(fire_db: str, world: Any) -> None:
    box = sms.sender().box  # type: ignore[attr-defined]
    box.clear()
    told = tell(world)
    told.dispatch()
    assert not box, "nothing is sent within the step's transaction"
    assert run_all() == 0
    assert [(m.phone, m.values["news"]) for m in box] == [("13800000017", "dispatched")]
    assert box[0].values["link"].endswith(f"/t/{told.token}/") and box[0].values["code"] == told.request.code
    assert run_all() == 0
    assert len(box) == 1, "a job that ran does not run again"


def test_a_step_that_fails_tells_nobody(fire_db: str, world: Any) -> None:
    told = tell(world)
    with pytest.raises(HeliError):
        told.dispatch("莱山城管局")
    assert not ProcrastinateJob.objects.exists()


def test_periodic_jobs_run_twice_without_harm(fire_db: str, world: Any) -> None:
    told = tell(world, at=dt.datetime.now(dt.UTC) - dt.timedelta(days=60))
    told.dispatch()
    jobs.ladder(timestamp=0)
    climbed = Event.objects.filter(step__startswith="clock.").count()
    assert climbed > 0
    jobs.ladder(timestamp=0)
    jobs.close_unjudged(timestamp=0)
    assert jobs.close_unjudged(timestamp=0) == 0
    assert Event.objects.filter(step__startswith="clock.").count() == climbed

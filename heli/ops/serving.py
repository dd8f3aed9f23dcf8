"""The two programs that run: the web server and the worker. Both end kindly on SIGTERM.

web:    granian takes no new connection, finishes the requests it has, at most STOP_SECONDS, and ends.
worker: takes no new job and finishes the one it has. One that is killed all the same leaves its job marked as being
        done; a worker hands it back once its heartbeat has been missed.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

STOP_SECONDS = 30  # systemd and container runtimes are told a little more (docs/systemd)
HEADER_SECONDS = 10  # a caller has so long to send the head of its request
log = logging.getLogger("heli.ops")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def begin(role: str) -> None:
    """Say what this process is, 'web' or 'worker', before Django reads its settings. Where metrics are on, it gets a
    folder for its numbers, emptied when none of the processes that wrote there still runs: a counter that shrinks by
    one process of several would read as a burst.
    """
    os.environ["HELI_ROLE"] = role
    if os.environ.get("HELI_METRICS_TOKEN"):
        folder = counting(role)
        files = list(folder.glob("*.db"))
        if not any(_alive(int(f.stem.rsplit("_", 1)[1])) for f in files):
            for file in files:
                file.unlink(missing_ok=True)


def counting(role: str) -> Path:
    """Name the folder of this role's numbers to the metrics library, which must not have been imported yet."""
    var = Path(os.environ.get("HELI_VAR") or Path(__file__).parents[2] / "var").resolve()
    folder = var / "metrics" / role
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    return folder


def serve(*, host: str, port: int, workers: int, threads: int, backlog: int) -> None:
    """Serve until SIGTERM. `backlog`: connections that may wait; beyond it callers are refused at once."""
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import Server

    Server(
        "heli.wsgi:application", address=host, port=port, interface=Interfaces.WSGI, workers=workers,
        blocking_threads=threads, backlog=backlog, backpressure=max(threads, backlog // workers), http=HTTPModes.http1,
        websockets=False, http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_level=LogLevels.warning, respawn_failed_workers=True, workers_kill_timeout=STOP_SECONDS,
    ).serve()  # fmt: skip


async def measured(call_next: Callable[[], Awaitable[Any]], context: Any, _worker: Any) -> Any:
    """Around every job: how it ended and how long it took, counted and written down."""
    from heli.core import metrics

    task, start, outcome = context.job.task_name, time.perf_counter(), "failed"
    try:
        result = await call_next()
        outcome = "ok"
        return result
    finally:
        seconds = time.perf_counter() - start
        if metrics.on():
            metrics.JOBS.labels(task, outcome).inc()
            metrics.JOB_SECONDS.labels(task).observe(seconds)
        log.info("job", extra={"task": task, "outcome": outcome, "ms": round(seconds * 1000, 1)})


def work(queues: list[str] | None) -> None:
    """Run jobs until SIGTERM."""
    from heli.core import working

    working.run(queues, stop_seconds=STOP_SECONDS, around=[measured])

"""A worker that outlives what it stands on: the database restarting, jobs that fail, colleagues that were killed.

- Lost connections are closed before each job (a worker has no request whose end would do it).
- A job that fails for the last time leaves an Event with the reason, scrubbed; /jobs/ shows it to a person.
- Jobs of a worker that was killed stay "doing"; every live worker takes them up again once that worker has been silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import close_old_connections, connections, transaction
from django.utils import timezone
from procrastinate import App, exceptions, jobs
from procrastinate.contrib.django import app as django_app
from psycopg_pool import PoolTimeout

from heli.core.actor import SYSTEM
from heli.core.logs import scrub
from heli.core.outages import drop_dead
from heli.core.steps import Step

log = logging.getLogger("heli.jobs")
Around = Sequence[Any]  # procrastinate's worker middlewares
SUBJECT, FAILED = "core.job", "job.failed"
SILENT = 30.0  # seconds without a heartbeat (they come every 10) after which a worker counts as dead
KILLED_TRIES = 5  # a job that takes its worker down with it is not tried for ever
REASON_LIMIT = 300

# One statement each, so that two workers at it at once cannot take a job twice: the second finds it changed.
DEAD = """j.status = 'doing' AND (j.worker_id IS NULL OR EXISTS (SELECT 1 FROM procrastinate_workers w
          WHERE w.id = j.worker_id AND w.last_heartbeat < now() - make_interval(secs => %(silent)s)))"""
# Periodic jobs: the next one waits already, or another of the same was cut off; one of them is enough.
SUPERSEDED = f"""UPDATE procrastinate_jobs j SET status = 'aborted' WHERE {DEAD} AND queueing_lock IS NOT NULL
    AND EXISTS (SELECT 1 FROM procrastinate_jobs o WHERE o.queueing_lock = j.queueing_lock
                AND (o.status = 'todo' OR (o.status = 'doing' AND o.id > j.id)))"""
PARKED = f"""UPDATE procrastinate_jobs j SET status = 'failed', attempts = attempts + 1
    WHERE {DEAD} AND attempts >= %(most)s RETURNING j.id, j.task_name, j.attempts"""
AGAIN = f"""UPDATE procrastinate_jobs j SET status = 'todo', attempts = attempts + 1, worker_id = NULL,
    scheduled_at = now() + make_interval(secs => power(4, least(attempts, 5))::int) WHERE {DEAD} RETURNING j.id"""


def take_again(db: psycopg.Connection[Any], *, silent: float = SILENT) -> int:
    """Give the jobs of dead workers back to the queue; returns how many. Park those that killed several workers."""
    with db.transaction():
        db.execute("SELECT pg_advisory_xact_lock(hashtext('heli.take_again'))")
        values = {"silent": silent, "most": KILLED_TRIES}
        db.execute(SUPERSEDED, values)
        parked = db.execute(PARKED, values).fetchall()
        taken = len(db.execute(AGAIN, values).fetchall())
    for job_id, task, attempts in parked:
        park(job_id, task, attempts, "the worker ended each time while it ran")
    return taken


def park(job_id: int, task: str, attempts: int, reason: str) -> None:
    """Write down why a job is not tried any more; a person reads it at /jobs/."""
    with transaction.atomic():
        s = Step(FAILED, SYSTEM, timezone.now())
        s.about(SUBJECT, job_id, "")
        s.record(task=task, attempts=attempts, reason=scrub(reason)[:REASON_LIMIT])
        s.close()


def reason_of(error: BaseException) -> str:
    """Kind and code of an error; a text of its own only where it is ours, for others may hold what people wrote."""
    from heli.core.errors import HeliError

    return f"{type(error).__name__}: {error}" if isinstance(error, HeliError) else type(error).__name__


def guarded(call_next: Any, context: Any, _worker: Any) -> Any:
    """Around each job, in its thread: live connections before, a word on the last failure after."""
    drop_dead()
    close_old_connections()
    try:
        return call_next()
    except Exception as error:
        task = context.app.tasks.get(context.job.task_name)
        if task is None or task.get_retry_exception(exception=error, job=context.job) is None:
            with contextlib.suppress(Exception):  # without a database the job stays "doing" and is taken again
                park(context.job.id, context.job.task_name, context.job.attempts + 1, reason_of(error))
        raise
    finally:
        close_old_connections()


async def _take_again_always(silent: float) -> None:
    """As long as the worker runs: look for jobs of dead workers, from a connection of its own."""
    parameters = connections["default"].get_connection_params()
    known = {k: v for k, v in parameters.items() if k not in {"cursor_factory", "context"}}

    def once() -> int:
        try:
            with psycopg.connect(**known) as db:
                return take_again(db, silent=silent)
        finally:
            connections.close_all()  # of this thread

    while True:
        with contextlib.suppress(psycopg.Error):
            if taken := await asyncio.to_thread(once):
                log.warning("%s jobs of a worker that was killed are taken again", taken)
        await asyncio.sleep(max(1.0, silent / 2))


async def _work(app: App, queues: list[str] | None, silent: float, stop_seconds: float, around: Around) -> None:
    async with app.open_async():
        beside = asyncio.create_task(_take_again_always(silent))
        try:
            await app.run_worker_async(
                queues=queues,  # type: ignore[arg-type]  # None: all of them
                delete_jobs=jobs.DeleteJobCondition.SUCCESSFUL,
                install_signal_handlers=False,
                shutdown_graceful_timeout=stop_seconds,
                update_heartbeat_interval=silent / 3,
                stalled_worker_timeout=silent,
                task_middleware=[guarded],
                worker_middleware=list(around),
            )
        finally:
            beside.cancel()


async def _until_told(queues: list[str] | None, silent: float, stop_seconds: float, around: Around) -> None:
    """Work; when the database goes away, wait for it and work on. Ends in order on SIGTERM and SIGINT."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    wait = 0.5
    while not told.is_set():
        # Django's own connection cannot listen; what succeeded is not kept, what failed is.
        connector = django_app.connector.get_worker_connector()  # type: ignore[attr-defined]
        with django_app.replace_connector(connector) as app:
            started = loop.time()
            work = asyncio.create_task(_work(app, queues, silent, stop_seconds, around))
            stop = asyncio.create_task(told.wait())
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if told.is_set():
                work.cancel()
            stop.cancel()
            try:
                await work
            except asyncio.CancelledError:
                return
            except (exceptions.ProcrastinateException, psycopg.Error, PoolTimeout, OSError) as error:
                log.error("the worker lost the database (%s); it goes on when it is back", type(error).__name__)
        wait = 0.5 if loop.time() - started > 30 else min(10.0, wait * 2)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), wait)


def run(queues: list[str] | None, *, stop_seconds: float = 30.0, around: Around = ()) -> None:
    """`heli worker`: run jobs until SIGTERM or SIGINT, then finish the one at hand, `stop_seconds` at most.

    `around`: procrastinate's worker middlewares. HELI_WORKER_SILENT: seconds after which a worker counts as dead.
    """
    silent = float(os.environ.get("HELI_WORKER_SILENT") or SILENT)
    asyncio.run(_until_told(queues, silent, stop_seconds, around))

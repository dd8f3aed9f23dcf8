"""What is read when Prometheus asks: the database's queues and backlogs, room on disk, and what all processes counted.

Each source is asked on its own within STATEMENT_MS; one that fails is left out and named in heli_collect_failed. No
label holds a person, a code or an area.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily as Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

import heli
from heli.core import metrics
from heli.core.models import Outbox
from heli.hooks.queries import health
from heli.loop.models import Clock, ClockKind
from heli.ops import ready

log = logging.getLogger("heli.ops")
STATEMENT_MS = 3000
# Clock kinds and queues are listed even when empty: a line that vanishes cannot be told from one that is zero.
JOBS = """
SELECT j.queue_name,
       count(*) FILTER (WHERE j.status = 'todo'),
       count(*) FILTER (WHERE j.status = 'doing'),
       count(*) FILTER (WHERE j.status = 'failed'),
       coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at)) FILTER (
           WHERE j.status = 'todo' AND coalesce(j.scheduled_at, e.at) <= now())), 0)::float
FROM procrastinate_jobs j
LEFT JOIN LATERAL (SELECT min(at) AS at FROM procrastinate_events WHERE job_id = j.id AND type = 'deferred') e ON TRUE
GROUP BY 1
"""


def _rows(sql: str, alias: str = "default") -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def queues() -> Iterator[Metric]:
    from procrastinate.contrib.django import app

    found = {str(row[0]): row[1:] for row in _rows(JOBS)}
    known = {task.queue for task in app.tasks.values()} | set(found)
    said = (
        ("waiting", "Jobs that wait, those for later among them."),
        ("doing", "Jobs being done."),
        ("failed", "Jobs that failed for good."),
        ("oldest_seconds", "How long the oldest job that is due has waited."),
    )
    for place, (name, words) in enumerate(said):
        family = Gauge(f"heli_jobs_{name}", words, labels=["queue"])
        for queue in sorted(known):
            family.add_metric([queue], float(found.get(queue, (0, 0, 0, 0))[place]))
        yield family


def outbox() -> Iterator[Metric]:
    yield Gauge("heli_outbox_waiting", "Events not passed on yet.", value=Outbox.objects.count())
    hooks = health()
    yield Gauge("heli_hooks_backlog", "Deliveries of active endpoints still to be made.", value=hooks.backlog)
    yield Gauge("heli_hooks_oldest_seconds", "How long the oldest of them has waited.", value=hooks.oldest_waiting)
    yield Gauge("heli_hooks_failing", "Active endpoints whose last answer was wrong.", value=hooks.failing)
    yield Gauge("heli_hooks_held", "Deliveries that wait at paused endpoints.", value=hooks.held)
    yield Gauge("heli_hooks_dead", "Deliveries given up after every try.", value=hooks.dead)


def clocks() -> Iterator[Metric]:
    overdue = Clock.objects.filter(outcome="running", due_at__lt=timezone.now()).order_by()
    found = dict.fromkeys(ClockKind.values, 0) | dict(overdue.values_list("kind").annotate(n=Count("id")))
    family = Gauge("heli_clocks_overdue", "Clocks that run past their time.", labels=["kind"])
    for kind, count in sorted(found.items()):
        family.add_metric([kind], count)
    yield family


def database() -> Iterator[Metric]:
    size, used, most = _rows(
        "SELECT pg_database_size(current_database()), (SELECT sum(numbackends) FROM pg_stat_database),"
        " current_setting('max_connections')::int"
    )[0]
    yield Gauge("heli_database_bytes", "Size of the database.", value=float(size))
    yield Gauge("heli_database_connections", "Connections to the database server.", value=float(used))
    yield Gauge("heli_database_connections_max", "Connections it allows.", value=float(most))


def replica() -> Iterator[Metric]:
    if "replica" in settings.DATABASES:
        lag = _rows(
            "SELECT CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
            " ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float",
            "replica",
        )[0][0]
        yield Gauge("heli_replica_lag_seconds", "How far the read replica is behind.", value=float(lag))


def disk() -> Iterator[Metric]:
    folder = Path(settings.HELI_FILES)
    folder.mkdir(parents=True, exist_ok=True)
    use = shutil.disk_usage(folder)
    yield Gauge("heli_files_free_bytes", "Room left on the volume of files.", value=float(use.free))
    yield Gauge("heli_files_volume_bytes", "Size of the volume of files.", value=float(use.total))


def readiness() -> Iterator[Metric]:
    family = Gauge("heli_ready", "1 where this machine is ready, by what was looked at.", labels=["check"])
    for found in ready.ready():
        family.add_metric([found.name], float(found.ok))
    yield family


SOURCES: tuple[Callable[[], Iterator[Metric]], ...] = (queues, outbox, clocks, database, replica, disk, readiness)


def counted() -> Iterator[Metric]:
    """What processes counted: all of this machine's, the worker's too, where they write files; else this one's."""
    own = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if own:
        files = [str(f) for f in Path(own).parent.glob("*/*.db")]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
    else:
        yield from metrics.REGISTRY.collect()


class Everything:
    """A collector of all of it, in the shape the library asks for."""

    def collect(self) -> Iterator[Metric]:
        yield from counted()
        info = Gauge("heli_info", "The version that runs.", labels=["version"])
        info.add_metric([heli.__version__], 1)
        yield info
        failed = Gauge("heli_collect_failed", "1 where a source could not be read.", labels=["source"])
        for source in SOURCES:
            try:
                with transaction.atomic():
                    if connection.vendor == "postgresql":
                        with connection.cursor() as cursor:
                            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
                    got = list(source())
                yield from got
                failed.add_metric([source.__name__], 0)
            except Exception as error:  # whatever it was: the others are worth having
                log.warning("metrics: %s: %s", source.__name__, type(error).__name__)
                failed.add_metric([source.__name__], 1)
        yield failed


def exposition() -> tuple[bytes, str]:
    """(text, content type) as Prometheus reads it."""
    registry = CollectorRegistry()
    registry.register(Everything())
    return generate_latest(registry), CONTENT_TYPE_LATEST

"""What this process counts about itself, for Prometheus. Off unless HELI_METRICS_TOKEN is set, and then free of charge.

With several processes each writes small files of its own (PROMETHEUS_MULTIPROC_DIR, set by `heli serve` and
`heli worker` before this is imported); heli.ops adds them up. Labels come from fixed lists: names of routes, steps,
tasks and queues. Never an address, a person, a code or an area.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUESTS = Counter(
    "heli_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY
)  # Prometheus adds _total
LATENCY = Histogram("heli_request_seconds", "Time to answer.", ["route"], buckets=SECONDS, registry=REGISTRY)
STATEMENTS = Counter("heli_sql_statements", "SQL statements made for requests.", ["route"], registry=REGISTRY)
SQL_SECONDS = Counter("heli_sql_seconds", "Time spent in SQL statements for requests.", ["route"], registry=REGISTRY)
STEPS = Counter("heli_steps", "Steps written, each with its event.", ["step"], registry=REGISTRY)
LOGINS = Counter("heli_logins", "Log-ins by how they ended: ok, failed, locked.", ["outcome"], registry=REGISTRY)
JOBS = Counter("heli_jobs", "Jobs run by how they ended.", ["task", "outcome"], registry=REGISTRY)
JOB_SECONDS = Histogram("heli_job_seconds", "Time a job ran.", ["task"], buckets=SECONDS, registry=REGISTRY)


def on() -> bool:
    """Whether anything is counted here."""
    return bool(settings.HELI_METRICS_TOKEN)


def stepped(name: str) -> None:
    """Count a step once its transaction is through. Called inside it."""
    if on():
        transaction.on_commit(STEPS.labels(name).inc)


def counted(counter: Any, *labels: str) -> None:
    """Add one, where anything is counted."""
    if on():
        counter.labels(*labels).inc()

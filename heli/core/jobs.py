"""What every job stands on: retries that wait longer each time, jobs of a killed worker taken again, the nightly sweep,
months of events made ahead."""

from __future__ import annotations

import datetime as dt
import logging

from django.db import connection
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from heli.core import files, partition
from heli.core.once import KEPT, forget

log = logging.getLogger("heli.jobs")

# 4 s, 16 s, 1 min, 4 min, 17 min, 68 min, 4½ h: then it is parked as failed, and a person decides (/jobs/).
BACKOFF = RetryStrategy(max_attempts=7, exponential_wait=4)
LITTER = dt.timedelta(days=1)


@app.periodic(cron="40 3 * * *")
@app.task(name="core.sweep_files", queueing_lock="core.sweep_files")
def sweep_files(timestamp: int) -> dict[str, int]:
    """Every night: drafts of interrupted uploads, and files whose step was rolled back. Harmless when run twice."""
    done = files.sweep(timezone.now() - LITTER)
    if done["drafts"] or done["orphans"]:
        log.info("swept %(drafts)s drafts and %(orphans)s files without a row, of %(files)s", done)
    return done


@app.periodic(cron="50 3 * * *")
@app.task(name="core.event_months", queueing_lock="core.event_months", retry=BACKOFF)
def event_months(timestamp: int) -> int:
    """Every night, where events are kept by month: the coming months' partitions. Returns how many; harmless twice."""
    return partition.months_ahead(connection)


@app.periodic(cron="41 * * * *")
@app.task(name="core.forget_keys", queueing_lock="core.forget_keys")
def forget_keys(timestamp: int) -> int:
    """Every hour: keys of writes that are older than two days. Returns how many; harmless when run twice."""
    gone = 0
    while found := forget(before=timezone.now() - KEPT):
        gone += found
    return gone

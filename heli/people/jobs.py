"""What runs every night about accounts."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core import sessions, shared
from heli.core.actor import SYSTEM
from heli.people.steps import sweep_unfinished

UNFINISHED = dt.timedelta(hours=24)  # so long a sign-up may wait for its code


@app.periodic(cron="20 3 * * *")
@app.task(name="people.sweep", queueing_lock="people.sweep")
def sweep(timestamp: int) -> None:
    """Forget sign-ups that were never finished, sessions and counts that have ended. Harmless when run twice."""
    now = timezone.now()
    while sweep_unfinished(before=now - UNFINISHED, by=SYSTEM, at=now):
        pass
    sessions.sweep(now)
    shared.sweep()

"""What runs later: keeping the rollups."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app


@app.periodic(cron="* * * * *")
@app.task(name="insight.refresh", queue="clocks", queueing_lock="insight.refresh")
def refresh(timestamp: int) -> int:
    """Every minute: count again what was touched; everything the first time. Returns how many cells."""
    from heli.insight import refresh as rollups

    return rollups.refresh(timezone.now())

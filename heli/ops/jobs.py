"""What runs every night about running Heli."""

from __future__ import annotations

from django.conf import settings
from procrastinate.contrib.django import app

from heli.ops import logkeeping


@app.periodic(cron="50 3 * * *")
@app.task(name="ops.logs", queueing_lock="ops.logs")
def keep_logs(timestamp: int) -> None:
    """Compress past days of the logs on this worker's machine, remove those past their time."""
    if settings.HELI_LOG_DIR:
        logkeeping.sweep()

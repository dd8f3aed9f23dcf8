"""What runs every night about tips."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core.jobs import BACKOFF
from heli.oversight.models import Tip
from heli.oversight.steps import forget


@app.periodic(cron="30 3 * * *")
@app.task(name="oversight.forget", queueing_lock="oversight.forget", retry=BACKOFF)
def forget_tips(timestamp: int) -> int:
    """Every night: tips whose time of keeping is over. Returns how many; harmless when run twice."""
    now, gone = timezone.now(), 0
    over = Tip.objects.filter(forgotten_at=None, ended_at__isnull=False, forget_at__lte=now)
    for tip_id in over.order_by("forget_at").values_list("pk", flat=True).iterator():
        gone += forget(tip_id=tip_id, at=now)
    return gone

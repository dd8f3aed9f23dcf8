"""What runs later about webhooks: passing on what happened, and forgetting what is long delivered."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.hooks.models import Delivery, DeliveryState
from heli.hooks.relay import relay_all
from heli.hooks.sending import send_due

KEPT = dt.timedelta(days=30)  # so long a delivered message can be looked up


# Woken by the clock and by nothing else: a step does not know that anybody listens.
@app.periodic(cron="* * * * * */10")
@app.task(name="hooks.relay", queue="hooks", queueing_lock="hooks.relay")
def run(timestamp: int) -> dict[str, int]:
    """Every ten seconds: empty the outbox, then send what is due. Harmless when run twice, also at once."""
    relayed = relay_all(at=timezone.now())
    sent = send_due()
    return {"taken": relayed.taken, "made": relayed.made, "delivered": sent.delivered, "failed": sent.failed}


@app.periodic(cron="40 3 * * *")
@app.task(name="hooks.clean", queue="hooks", queueing_lock="hooks.clean")
def clean(timestamp: int) -> int:
    """Every night: forget what was delivered or skipped thirty days ago. What failed stays until somebody decides."""
    return forget(before=timezone.now() - KEPT)


def forget(*, before: dt.datetime, batch: int = 5000) -> int:
    """Delete deliveries that ended before then, in batches. Returns how many."""
    over = Delivery.objects.filter(
        state__in=(DeliveryState.DELIVERED, DeliveryState.SKIPPED), ended_at__lt=before
    ).order_by("ended_at")
    total = 0
    while ids := list(over.values_list("pk", flat=True)[:batch]):
        total += Delivery.objects.filter(pk__in=ids).delete()[0]
    return total

"""What runs later: calls whose last day is over; seconds that follow what the desk joined. Harmless twice."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core.steady import steady


@app.periodic(cron="*/10 * * * *")
@app.task(name="suggestions.follow", queue="clocks", queueing_lock="suggestions.follow")
def follow(timestamp: int) -> dict[str, int]:
    """Every ten minutes."""
    from heli.suggestions.steps import end_calls, follow_joined

    now = timezone.now()
    return {"calls": end_calls(at=now), "joined": follow_joined(at=now)} if steady() else {}

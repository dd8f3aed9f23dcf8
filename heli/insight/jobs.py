"""What runs later: keeping the rollups, finding candidates and relapses, and words written to many requests."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core.jobs import BACKOFF
from heli.core.steady import steady

NIGHT = 4  # o'clock: when the large counties are grouped


@app.periodic(cron="* * * * *")
@app.task(name="insight.refresh", queue="clocks", queueing_lock="insight.refresh")
def refresh(timestamp: int) -> int:
    """Every minute: count again what was touched; everything the first time. Returns how many cells."""
    from heli.insight import refresh as rollups

    return rollups.refresh(timezone.now())


@app.periodic(cron="20 4 * * *")
@app.task(name="insight.candidates", queueing_lock="insight.candidates", retry=BACKOFF)
def candidates(timestamp: int) -> dict[str, int]:
    """Every night: closed problems that came back, then what may be a standing problem. Harmless when run twice."""
    from heli.insight import candidates as found
    from heli.insight import problem_steps

    if not steady():
        return {}
    now = timezone.now()
    return {"relapsed": problem_steps.relapse_due(now), "candidates": found.refresh(now)}


@app.periodic(cron="52 * * * *")
@app.task(name="insight.hot", queueing_lock="insight.hot", retry=BACKOFF)
def hot(timestamp: int) -> int:
    """Every hour (large counties: at four in the morning): what several people told of, grouped anew. Harmless when run
    twice."""
    from heli.insight import hot as grouping

    now = timezone.now()
    return grouping.refresh(now, every=timezone.localtime(now).hour == NIGHT)


@app.task(name="insight.write_round", retry=BACKOFF)
def write_round(round_id: int) -> int:
    """The words of a round to its requests, as the person who asked, with what they may do now."""
    from heli.insight.models import Round
    from heli.insight.problem_steps import run_round
    from heli.orgs.queries import actor_for

    made = Round.objects.select_related("by").get(pk=round_id)
    assert made.by is not None
    return run_round(round_id, actor_for(made.by), timezone.now())

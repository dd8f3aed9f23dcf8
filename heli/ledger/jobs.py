"""What runs later: entries get their place in the log, which is signed and published; the nightly look at hours."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app


@app.periodic(cron="* * * * *")
@app.task(name="ledger.sequence", queue="log", queueing_lock="ledger.sequence", lock="ledger.sequence")
def sequence(timestamp: int) -> int:
    """Every minute: places for what was committed; a head when the rule asks for one. Harmless when run twice."""
    from heli.ledger import log

    given = 0
    while n := log.sequence():
        given += n
    now = timezone.now()
    if log.due(now):
        log.checkpoint(now)
    if log.behind(log.folder()):  # also after a head that a certificate asked for
        log.publish(log.folder())
    return given


@app.periodic(cron="37 3 * * *")
@app.task(name="ledger.doubts", queue="clocks", queueing_lock="ledger.doubts")
def doubts(timestamp: int) -> int:
    """Every night: hints for staff, rules that were wrong too often hold nothing back any more, and who is to be forgotten is.
    Harmless when run twice."""
    from heli.ledger import doubt_steps, forget_steps

    now = timezone.now()
    return doubt_steps.look(at=now) + len(doubt_steps.demote(at=now)) + forget_steps.forget_old(at=now)


@app.periodic(cron="7 * * * *")
@app.task(name="ledger.stars", queue="clocks", queueing_lock="ledger.stars")
def stars(timestamp: int) -> int:
    """Every hour: stars whose last day of being put out is over are given; what was spoken against, or no longer stands on its
    hours, waits for a person. Harmless when run twice."""
    from heli.ledger import standing_steps

    return standing_steps.give_due(at=timezone.now())

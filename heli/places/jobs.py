"""What runs later of places: large tables of sites. Each may run twice without harm."""

from __future__ import annotations

from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core.jobs import BACKOFF


@app.task(name="places.import_sites", queue="imports", retry=BACKOFF)
def import_sites(table_id: int) -> str:
    """Take a large table of sites, all of it or nothing. Killed on the way it begins anew; run once more after it ended it
    does nothing. Returns the table's state."""
    from heli.places.site_import_steps import run_waiting

    return run_waiting(table_id)


@app.periodic(cron="28 * * * *")
@app.task(name="places.forget_drafts", queue="imports", queueing_lock="places.forget_drafts")
def forget_drafts(timestamp: int) -> int:
    """Every hour: tables that were looked at a day ago and not taken. Returns how many; harmless when run twice."""
    from heli.places.site_import_steps import forget_drafts as forget

    return forget(at=timezone.now())

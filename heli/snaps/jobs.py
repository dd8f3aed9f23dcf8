"""What runs later: thanks for snaps that are finished, fingerprints of photos that are forgotten."""

from __future__ import annotations

import datetime as dt
import logging

from django.db.models import Q
from django.utils import timezone
from procrastinate.contrib.django import app

from heli.core.errors import HeliError, WrongState
from heli.core.scope import within
from heli.core.steady import steady
from heli.rulebook.errors import RuleMissing
from heli.snaps.models import Snap

log = logging.getLogger("heli.snaps")


@app.periodic(cron="27 * * * *")
@app.task(name="snaps.thank", queue="clocks", queueing_lock="snaps.thank")
def thank(timestamp: int) -> int:
    """Every hour: thanks for snaps whose request is finished. Harmless when run twice, also at once."""
    return thank_due(timezone.now()) if steady() else 0


@app.periodic(cron="52 3 * * *")
@app.task(name="snaps.forget", queue="clocks", queueing_lock="snaps.forget")
def forget(timestamp: int) -> int:
    """Every night: fingerprints of photos that are older than the rule keeps them."""
    from heli.snaps.steps import forget_likeness

    return forget_likeness(at=timezone.now())


def thank_due(at: dt.datetime, *, paths: tuple[str, ...] = ("",), batch: int = 500) -> int:
    """Decide about every snap of these areas that waits for it and whose request (or the one it was joined into) is
    finished. Goes on by the id of the last one, so that one that cannot be decided yet is passed by. Returns how many."""
    from heli.snaps import steps

    over = Q(request__closed_at__isnull=False) | Q(request__merged_into__closed_at__isnull=False)
    due = Snap.objects.filter(over, within("request__area_path", paths), state="waiting").order_by("pk")
    done, last = 0, 0
    while ids := list(due.filter(pk__gt=last).values_list("pk", flat=True)[:batch]):
        last = ids[-1]
        for pk in ids:
            try:
                steps.thank(request_id=pk, at=at)
                done += 1
            except WrongState:  # not finished after all, or another worker was first
                continue
            except RuleMissing:
                log.warning("no rule for thanks where snap %s was heard: it waits", pk)
            except HeliError:
                log.exception("thanks of snap %s", pk)
    return done

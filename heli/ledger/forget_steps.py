"""The end of what is kept: somebody who is gone, and whose hours were kept long enough, can be told no more from the log."""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, OuterRef
from django.utils import timezone

from heli.core.actor import SYSTEM
from heli.core.steps import step
from heli.ledger.models import Person, Service
from heli.rulebook import queries as rulebook

KEEP = "ledger.keep"


def forget_old(*, at: dt.datetime, most: int = 500) -> int:
    """Destroy the salt of everybody whose account is closed and whose last service is older than the country's rule
    `ledger.keep`: entries and proofs stay whole, whose they were is known to nobody. Two statements and two for each.

    Returns how many were forgotten.
    """
    kept = dt.timedelta(days=rulebook.in_force((KEEP,), path="", on=timezone.localdate(at))[KEEP].value)
    served_since = Service.objects.filter(person=OuterRef("pk"), ends__gt=at - kept)
    gone = Person.objects.filter(
        ~Exists(served_since), user__is_active=False, user__username__startswith="closed-", since__lt=at - kept
    )
    ids = list(gone.order_by("pk").values_list("pk", flat=True)[:most])
    for pk in ids:
        with step("hours.forget", by=SYSTEM, at=at) as s:
            person = Person.objects.select_for_update(no_key=True).get(pk=pk)
            person.user, person.salt, person.forgotten_at = None, "", at
            person.save(update_fields=["user", "salt", "forgotten_at"])
            s.about("ledger.person", pk, "")
    return len(ids)

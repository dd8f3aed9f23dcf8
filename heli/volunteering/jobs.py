"""What runs later: news by text message, offers whose time is over, draws that are due, shifts that began."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.models import Once
from heli.core.steady import steady

MOBILE = 11  # digits
WHO = "job"  # whose keys of sent messages are (core.models.Once)


@app.task(name="volunteering.tell", queue="tell", retry=BACKOFF, pass_context=True)
def tell(context: JobContext, ids: Sequence[int], news: str) -> int:
    """News of their place for each of these enrolments, by text message; what was sent under the same job is passed
    over. Whoever is asked to come instead is told, not who asks."""
    from heli.adapters import sms
    from heli.volunteering.models import Enrolment

    told = 0
    rows = Enrolment.objects.filter(pk__in=list(ids)).select_related("volunteer__record", "passes_to__record")
    for e in rows.order_by("id"):
        who = e.passes_to if news == "passed_on" else e.volunteer
        key = f"volunteering:{context.job.id}:{e.pk}"
        if who is None or who.record.erased_at is not None or Once.objects.filter(who=WHO, key=key).exists():
            continue
        phone = vault.open_own(who.record)["phone"]
        if len(phone) != MOBILE or not phone.startswith("1"):
            continue
        link = f"{settings.HELI_PUBLIC_URL}/volunteering/mine/"
        sms.sender().send(phone, "news", {"code": str(e.shift_id), "news": f"enrolment_{news}", "link": link}, key)
        Once.objects.create(who=WHO, key=key, fingerprint=b"", status=200, at=timezone.now())
        told += 1
    return told


@app.periodic(cron="* * * * *")
@app.task(name="volunteering.turns", queue="clocks", queueing_lock="volunteering.turns")
def turns(timestamp: int) -> dict[str, int]:
    """Every minute: draws that are due, offers whose time is over, places no longer kept for newcomers."""
    return turn_all(timezone.now()) if steady() else {}


def turn_all(at: dt.datetime) -> dict[str, int]:
    """As `turns`, at a moment; how many draws were made and slots looked at. Each in a transaction of its own."""
    from heli.volunteering.models import Shift, Slot
    from heli.volunteering.steps import enrol

    due = list(
        Shift.objects.filter(state="planned", draw_at__lte=at, drawn_at=None, ends__gt=at).values_list("pk", flat=True)
    )
    for pk in due:
        enrol.draw(shift_id=pk, at=at)
    over = Q(enrolments__state="offered", enrolments__offered_until__lt=at)
    kept = Q(enrolments__state="waiting", newcomers__gt=0, shift__starts__lt=at + dt.timedelta(days=7))
    slots = Slot.objects.filter(over | kept, shift__state="planned", shift__ends__gt=at).distinct()
    looked = list(slots.order_by("id").values_list("pk", flat=True))
    for pk in looked:
        enrol.lapse(slot_id=pk, at=at)
    return {"drawn": len(due), "looked": len(looked)}

"""What runs later: news by text message, offers whose time is over, draws that are due, shifts of series made ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.models import Once
from heli.core.steady import steady

MOBILE = 11  # digits
WHO = "job"  # whose keys of sent messages are (core.models.Once)


def _send(job: object, news: str, to: Iterable[tuple[int, Any]]) -> int:
    """One message each to (enrolment, volunteer); what was sent before under the same job is passed over."""
    from heli.adapters import sms

    link, told = f"{settings.HELI_PUBLIC_URL}{reverse('volunteering:mine')}", 0
    for pk, volunteer in to:
        key, record = f"volunteering:{job}:{pk}", volunteer.record
        phone = vault.open_own(record)["phone"] if record.erased_at is None else ""
        if len(phone) != MOBILE or not phone.startswith("1") or Once.objects.filter(who=WHO, key=key).exists():
            continue
        sms.sender().send(phone, "news", {"code": volunteer.number, "news": news, "link": link}, key)
        Once.objects.create(who=WHO, key=key, fingerprint=b"", status=200, at=timezone.now())
        told += 1
    return told


@app.task(name="volunteering.tell", queue="tell", retry=BACKOFF, pass_context=True)
def tell(context: JobContext, ids: Sequence[int], news: str) -> int:
    """News of their place for each of these enrolments. Who is asked to come instead is told, not who asks."""
    from heli.volunteering.models import Enrolment

    rows = Enrolment.objects.filter(pk__in=list(ids)).select_related("volunteer__record", "passes_to__record")
    who = ((e.pk, e.passes_to if news == "passed_on" else e.volunteer) for e in rows.order_by("id"))
    return _send(context.job.id, f"place_{news}", [(pk, v) for pk, v in who if v is not None])


@app.task(name="volunteering.tell_people", queue="tell", retry=BACKOFF, pass_context=True)
def tell_people(context: JobContext, ids: Sequence[int], news: str) -> int:
    """News for these volunteers that is about no place of theirs: somebody would serve beside them."""
    from heli.volunteering.models import Volunteer

    rows = Volunteer.objects.filter(pk__in=list(ids)).select_related("record").order_by("id")
    return _send(context.job.id, news, [(v.pk, v) for v in rows])


@app.periodic(cron="*/5 * * * *")
@app.task(name="volunteering.remind", queue="tell", queueing_lock="volunteering.remind")
def remind(timestamp: int) -> int:
    """Every five minutes: who has a place is reminded before it begins. Harmless when run twice, or twice at once."""
    from heli.volunteering.steps.telling import remind_all

    return remind_all(timezone.now()) if steady() else 0


@app.periodic(cron="17 * * * *")
@app.task(name="volunteering.weekly", queue="tell", queueing_lock="volunteering.weekly")
def weekly(timestamp: int) -> int:
    """Every hour: what fits them, once a week, for those who asked to be told. Harmless when run twice, or twice at once."""
    from heli.volunteering.steps.telling import weekly_all

    return weekly_all(timezone.now()) if steady() else 0


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


@app.periodic(cron="35 2 * * *")
@app.task(name="volunteering.make_shifts", queue="clocks", queueing_lock="volunteering.make_shifts")
def make_shifts(timestamp: int) -> int:
    """Every night: shifts of all series as far ahead as the rule says. Harmless when run twice."""
    from heli.volunteering.steps.shifts import make_ahead

    return make_ahead(at=timezone.now()) if steady() else 0

"""What runs later: news by text message, offers whose time is over, draws that are due, shifts of series made ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.models import Once, VaultRecord
from heli.core.steady import steady

MOBILE = 11  # digits
WHO = "job"  # whose keys of sent messages are (core.models.Once)


def _send(job: object, news: str, to: Iterable[tuple[int, VaultRecord | None, str, str]]) -> int:
    """One message each to (enrolment, record, code, page); what was sent before under the same job is passed over."""
    from heli.adapters import sms

    told = 0
    for pk, record, code, page in to:
        key = f"volunteering:{job}:{pk}"
        phone = vault.open_own(record)["phone"] if record is not None and record.erased_at is None else ""
        if len(phone) != MOBILE or not phone.startswith("1") or Once.objects.filter(who=WHO, key=key).exists():
            continue
        sms.sender().send(phone, "news", {"code": code, "news": news, "link": settings.HELI_PUBLIC_URL + page}, key)
        Once.objects.create(who=WHO, key=key, fingerprint=b"", status=200, at=timezone.now())
        told += 1
    return told


@app.task(name="volunteering.tell", queue="tell", retry=BACKOFF, pass_context=True)
def tell(context: JobContext, ids: Sequence[int], news: str) -> int:
    """News of their place for each of these enrolments. Who is asked to come instead is told, not who asks; that somebody
    has stopped (given_back) the leader is told, with the volunteer's number."""
    from heli.volunteering.models import Enrolment

    who = ("volunteer__record", "passes_to__record", "shift__activity__leader__record")
    rows = Enrolment.objects.filter(pk__in=list(ids)).select_related(*who).order_by("id")
    to: list[tuple[int, VaultRecord | None, str, str]] = []
    for e in rows:
        if news == "given_back":
            page = reverse("volunteering:shift", args=[e.shift_id])
            to.append((e.pk, e.shift.activity.leader.record, e.volunteer.number, page))
        elif v := e.passes_to if news == "passed_on" else e.volunteer:
            to.append((e.pk, v.record, v.number, reverse("volunteering:mine")))
    return _send(context.job.id, f"place_{news}", to)


@app.task(name="volunteering.tell_people", queue="tell", retry=BACKOFF, pass_context=True)
def tell_people(context: JobContext, ids: Sequence[int], news: str) -> int:
    """News for these volunteers that is about no place of theirs: somebody would serve beside them."""
    from heli.volunteering.models import Volunteer

    rows = Volunteer.objects.filter(pk__in=list(ids)).select_related("record").order_by("id")
    page = reverse("volunteering:mine")
    return _send(context.job.id, news, [(v.pk, v.record, v.number, page) for v in rows])


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


@app.periodic(cron="44 * * * *")
@app.task(name="volunteering.forget_rosters", queue="imports", queueing_lock="volunteering.forget_rosters")
def forget_rosters(timestamp: int) -> int:
    """Every hour: tables of people that were looked at a day ago and not taken. Returns how many; harmless when run twice."""
    from heli.volunteering.steps.roster import forget_rosters as forget

    return forget(at=timezone.now())

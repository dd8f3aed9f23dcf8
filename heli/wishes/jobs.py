"""What runs later: news for givers and residents, reminders, what has expired, what the loop decided."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.models import Once, VaultRecord
from heli.core.steady import steady

MOBILE = 11  # digits
WHO = "job"  # whose keys of sent messages are (core.models.Once)


def _send(job: object, news: str, to: Iterable[tuple[str, VaultRecord, str, str]]) -> int:
    """One message each to (key, record, code, link); what was sent before under the same job is passed over."""
    from heli.adapters import sms

    told = 0
    for who, record, code, link in to:
        phone = vault.open_own(record)["phone"] if record.erased_at is None else ""
        key = f"wishes:{job}:{who}"
        if len(phone) != MOBILE or not phone.startswith("1") or Once.objects.filter(who=WHO, key=key).exists():
            continue
        values = {"code": code, "news": news, "link": f"{settings.HELI_PUBLIC_URL}{link}"}
        sms.sender().send(phone, "news", values, key)
        Once.objects.create(who=WHO, key=key, fingerprint=b"", status=200, at=timezone.now())
        told += 1
    return told


@app.task(name="wishes.tell_giver", queue="tell", retry=BACKOFF, pass_context=True)
def tell_giver(context: JobContext, pledge_id: int, news: str) -> int:
    """News for one giver: their day is over, it was received, released, not found."""
    from heli.wishes.models import Pledge

    rows = Pledge.objects.filter(pk=pledge_id).select_related("record")
    return _send(context.job.id, news, [(f"p{p.pk}", p.record, str(p.wish_id), "/wishes/mine/") for p in rows])


@app.task(name="wishes.tell_givers", queue="tell", retry=BACKOFF, pass_context=True)
def tell_givers(context: JobContext, wish_id: int, news: str) -> int:
    """News for all who gave to a wish: it is fulfilled, the resident thanks them."""
    from heli.wishes.models import Pledge

    rows = Pledge.objects.filter(wish=wish_id, state="received").select_related("record")
    return _send(context.job.id, news, [(f"p{p.pk}", p.record, str(p.wish_id), "/wishes/mine/") for p in rows])


@app.task(name="wishes.tell_resident", queue="tell", retry=BACKOFF, pass_context=True)
def tell_resident(context: JobContext, wish_id: int, news: str) -> int:
    """News for the resident, with the link to their own page of the wish."""
    from heli.loop import links
    from heli.loop.models import Voice

    voices = Voice.objects.filter(request__wish=wish_id).exclude(record=None).select_related("record", "request")
    return _send(
        context.job.id,
        news,
        [
            (f"v{v.pk}", v.record, v.request.code, f"/wishes/t/{links.token_of(v)}/")
            for v in voices
            if v.record is not None
        ],
    )


@app.periodic(cron="25 8 * * *")
@app.task(name="wishes.daily", queue="clocks", queueing_lock="wishes.daily")
def daily(timestamp: int) -> dict[str, int]:
    """Every morning: wishes whose time on the wall is over, promises whose day is over."""
    from heli.wishes import steps

    if not steady():
        return {}
    now = timezone.now()
    return {"expired": steps.expire(at=now)} | steps.remind(at=now)


@app.periodic(cron="*/5 * * * *")
@app.task(name="wishes.follow", queue="clocks", queueing_lock="wishes.follow")
def follow_loop(timestamp: int) -> int:
    """Every five minutes: wishes follow what was judged, turned or taken back in the loop."""
    from heli.wishes import steps

    return steps.follow(at=timezone.now()) if steady() else 0

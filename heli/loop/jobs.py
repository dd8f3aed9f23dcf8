"""What runs later: telling residents, the ladder, closing what nobody judged. Each may run twice without harm."""

from __future__ import annotations

import datetime as dt
import logging

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app

from heli.core import vault
from heli.core.jobs import BACKOFF
from heli.core.models import Once
from heli.core.scope import within
from heli.core.steady import steady
from heli.loop.models import Clock, ClockKind, Request, Review, Voice, said_of

log = logging.getLogger("heli.loop")
MOBILE = 11  # digits
TRACED = dt.timedelta(days=60)  # how far back requests without traces are given some
WHO = "job"  # whose keys of sent messages are (core.models.Once)


@app.task(name="loop.tell", queue="tell", retry=BACKOFF, pass_context=True)
def tell(context: JobContext, request_id: int, news: str) -> int:
    """Send news of a request to every voice that left a number. Returns how many were told.

    What was sent is written down at once, message by message, so that a retry goes on where the last one ended. Killed
    in the instant between, it sends one message again under the same key, and the gateway drops it.
    """
    from heli.adapters import sms
    from heli.loop import links

    voices = Voice.objects.select_related("record", "request").filter(said_of(request_id))
    if news == "judge":  # asked once more: not who has judged this round
        done = Review.objects.filter(request=request_id, lap=F("request__lap"), reached=True)
        voices = voices.exclude(pk__in=done.values("voice"))
    told = 0
    for voice in voices.exclude(record=None).exclude(record__phone=None):
        assert voice.record is not None
        link = f"{settings.HELI_PUBLIC_URL}/t/{links.token_of(voice)}/"
        phone = vault.open_own(voice.record)["phone"]
        if len(phone) != MOBILE or not phone.startswith("1"):  # a land line takes no text message
            continue
        key = f"tell:{context.job.id}:{voice.pk}"
        if Once.objects.filter(who=WHO, key=key).exists():
            continue
        sms.sender().send(phone, "news", {"code": voice.request.code, "news": news, "link": link}, key)
        Once.objects.create(who=WHO, key=key, fingerprint=b"", status=200, at=timezone.now())
        told += 1
    return told


@app.periodic(cron="* * * * *")
@app.task(name="loop.read", queue="read", queueing_lock="loop.read")
def read(timestamp: int) -> int:
    """Every minute: what came in is read, many requests at once, and sent on where the rule lets it go. A desk that is
    faster reads for itself. Returns how many; harmless when run twice, or twice at once."""
    from heli.loop import learning

    return learning.read_all(timezone.now())


@app.task(name="loop.learn", queue="imports", retry=BACKOFF)
def learn(reader_id: int) -> str:
    """Let a reader learn from what people decided; minutes of one core at most. Returns its state."""
    from heli.loop import learning

    return learning.learn(reader_id, timezone.now())


@app.periodic(cron="20 2 * * *")
@app.task(name="loop.learn_replies", queue="imports", queueing_lock="loop.learn_replies", retry=BACKOFF)
def learn_replies(timestamp: int) -> int:
    """Every night: which reply belongs to which message, learned from each county's own answers. Harmless when run twice."""
    from heli.loop.replies import learn_all

    return learn_all(timezone.now())


@app.periodic(cron="7 * * * *")
@app.task(name="loop.start_reader", queue="imports", queueing_lock="loop.start_reader")
def start_reader(timestamp: int) -> bool:
    """Every hour: the country's reader from the examples that come with the software, where there is none or they are
    newer; learning that never ended is given up; requests from before there were traces get theirs. Mostly three
    statements, one of which looks through the requests of two months."""
    from heli.loop import alike, learning
    from heli.loop.steps.reading import give_up

    give_up(at=timezone.now())
    recent = Request.objects.filter(traces=[], heard_at__gte=timezone.now() - TRACED)
    while alike.backfill(recent.order_by("pk")) == alike.BATCH:
        pass
    return learning.start(timezone.now()) is not None


@app.periodic(cron="33 6 * * *")
@app.task(name="loop.sample", queue="clocks", queueing_lock="loop.sample")
def sample(timestamp: int) -> int:
    """Every morning: what the rule sent on in the last day is drawn for somebody to look at. Harmless when run twice."""
    from heli.loop.steps.reading import draw

    return draw(at=timezone.now())


@app.periodic(cron="41 3 * * *")
@app.task(name="loop.learn_places", queue="imports", queueing_lock="loop.learn_places")
def learn_places(timestamp: int) -> dict[str, int]:
    """Every night: names of places are learned from requests that people sent on. Harmless when run twice."""
    from heli.loop.place_learning import learn_places as learn_all

    return learn_all(timezone.now())


@app.task(name="loop.import_batch", queue="imports", retry=BACKOFF)
def import_batch(batch_id: int) -> str:
    """Take a large batch of another system's requests, all of it or nothing. Killed on the way it begins anew; run once
    more after it ended it does nothing. Returns the batch's state."""
    from heli.loop.steps.batch import run_waiting

    return run_waiting(batch_id)


@app.periodic(cron="27 * * * *")
@app.task(name="loop.forget_drafts", queue="imports", queueing_lock="loop.forget_drafts")
def forget_drafts(timestamp: int) -> int:
    """Every hour: files that were looked at a day ago and not taken. Returns how many; harmless when run twice."""
    from heli.loop.steps.batch import forget_drafts as forget

    return forget(at=timezone.now())


@app.periodic(cron="*/5 * * * *")
@app.task(name="loop.ladder", queue="clocks", queueing_lock="loop.ladder")
def ladder(timestamp: int) -> dict[str, int]:
    """Every five minutes: remind before due, urge after, call the supervisor above."""
    from heli.loop.steps import climb

    return climb(at=timezone.now()) if steady() else {}


@app.periodic(cron="17 * * * *")
@app.task(name="loop.lapse", queue="clocks", queueing_lock="loop.lapse")
def close_unjudged(timestamp: int) -> int:
    """Every hour: the time to judge is over."""
    return lapse_due(timezone.now()) if steady() else 0


@app.periodic(cron="*/10 * * * *")
@app.task(name="loop.revisit_messages", queue="clocks", queueing_lock="loop.revisit_messages")
def revisit_messages(timestamp: int) -> int:
    """Every ten minutes: the link to judge once more, before anybody is called."""
    from heli.loop.steps import send_messages

    return send_messages(at=timezone.now()) if steady() else 0


@app.periodic(cron="23 * * * *")
@app.task(name="loop.digests", queue="clocks", queueing_lock="loop.digests")
def digests(timestamp: int) -> int:
    """Every hour: the weekly digests whose hour has come."""
    from heli.loop.steps.digests import compose_due

    return compose_due(timezone.now()) if steady() else 0


def lapse_due(at: dt.datetime, *, paths: tuple[str, ...] = ("",), limit: int = 1000) -> int:
    """Close (or leave unrated) what was answered in these areas and whose time to judge is over. Returns how many."""
    from heli.core.errors import WrongState
    from heli.loop.steps import lapse

    over = Clock.objects.filter(
        within("area_path", paths), kind=ClockKind.REVIEW, outcome="running", due_at__lte=at
    ).order_by("due_at", "id")
    done = 0
    for request_id in list(over.values_list("request_id", flat=True)[:limit]):
        try:
            lapse(request_id=request_id, at=at)
            done += 1
        except WrongState:  # judged in the meantime
            continue
    return done

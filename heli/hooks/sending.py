"""Deliveries on their way: claim, send, write down what came of it.

A claim moves `due_at` to the end of a lease and counts the try, in a transaction of its own; then the message is sent
with no transaction open; then the outcome is written, if the claim is still ours. Whoever dies in between hands over
when the lease ends: the receiver may get a message twice (same webhook-id), and never none.

Within one endpoint the messages about one subject go one after the other: a later one is not claimed before every
earlier one is delivered or skipped, also not while an earlier one has failed for good and waits for a person.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import random
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from heli.core.actor import SYSTEM
from heli.core.errors import HeliError, WrongState
from heli.core.logs import scrub
from heli.core.models import Event
from heli.hooks import net, secrets
from heli.hooks.catalogue import body_of, facts_of, seen_by
from heli.hooks.errors import BadAddress, PrivateAddress, UnknownHost
from heli.hooks.models import Delivery, DeliveryState, Endpoint
from heli.hooks.relay import actor_of
from heli.hooks.signing import headers

log = logging.getLogger("heli.hooks")
LEASE = dt.timedelta(seconds=90)  # longer than a name's slowest resolution and net.TOTAL together
JITTER = 0.2  # each delay is up to so much shorter or longer: what failed together is not tried together
AT_ONCE = 16  # messages under way
PER_ENDPOINT = 4  # of them to one endpoint; one while it fails
LONGEST = dt.timedelta(hours=6)  # a receiver may ask for more than our own pause, but not for longer than this
GONE = 410
NEVER = dt.timedelta(days=3650)  # what stands behind a failed one waits for a person
CLAIM = """
UPDATE hooks_delivery d SET due_at = %(lease)s, attempts = d.attempts + 1
FROM (
    SELECT w.id FROM hooks_delivery w
    WHERE w.endpoint_id = %(endpoint)s AND w.state = 'waiting' AND w.due_at <= %(at)s AND NOT EXISTS (
        SELECT FROM hooks_delivery e
        WHERE e.endpoint_id = w.endpoint_id AND e.subject_type = w.subject_type AND e.subject_id = w.subject_id
          AND e.event_id < w.event_id AND e.state IN ('waiting', 'dead'))
    ORDER BY w.due_at, w.event_id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) due
WHERE d.id = due.id RETURNING d.id
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message ready to be sent, and the claim under which its outcome may be written."""

    delivery: Delivery
    lease: dt.datetime
    url: str
    secrets: tuple[str, ...]
    body: bytes

    @property
    def message_id(self) -> str:
        """The same at every try; receivers drop what they have seen."""
        return message_id(self.delivery.event_id, self.delivery.endpoint_id)


def message_id(event_id: int, endpoint_id: int) -> str:
    """webhook-id of an event for an endpoint."""
    return f"evt_{event_id}_{endpoint_id}"


def delay(attempts: int) -> dt.timedelta | None:
    """How long to wait after so many failed tries, with jitter; None: it has failed for good.

    The steps are HELI_HOOKS_BACKOFF (seconds), about three days together.
    """
    if attempts > len(settings.HELI_HOOKS_BACKOFF):
        return None
    seconds = settings.HELI_HOOKS_BACKOFF[attempts - 1]
    return dt.timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER))


# Claim ----------------------------------------------------------------------------------------------------------------
def with_work(at: dt.datetime) -> list[Endpoint]:
    """Active endpoints whose grant counts and that have something due. One statement."""
    due = Delivery.objects.filter(state=DeliveryState.WAITING, due_at__lte=at).values("endpoint")
    found = Endpoint.objects.listening(at).filter(state="active", pk__in=due).select_related("grant")
    return list(found.order_by("failures", "pk"))


def claim(endpoint: Endpoint, *, at: dt.datetime, most: int) -> list[Claimed]:
    """Take up to `most` due messages of an endpoint, the heads of their subjects' lines.

    What the endpoint may not see any more (the request moved on to others) is skipped for good. Seven statements at most.
    """
    with transaction.atomic(), connection.cursor() as cur:
        actor = actor_of(endpoint, at)
        if actor is None:
            return []
        lease = at + LEASE
        cur.execute(CLAIM, {"endpoint": endpoint.pk, "at": at, "lease": lease, "most": most})
        rows = list(Delivery.objects.filter(pk__in=[row[0] for row in cur.fetchall()]).order_by("event_id"))
        if not rows:
            return []
        events = Event.objects.in_bulk([r.event_id for r in rows])
        codes = seen_by(actor, ((r.subject_type, r.subject_id) for r in rows))
        facts = facts_of(codes)
        keys = tuple(secrets.valid(endpoint, at))
        ready, unseen = [], []
        for row in rows:
            about = (row.subject_type, row.subject_id)
            event, code = events.get(row.event_id), codes.get(about)
            if event is None or code is None:
                unseen.append(row.pk)
            else:
                ready.append(Claimed(row, lease, endpoint.url, keys, body_of(event, code, facts.get(about))))
        if unseen:
            gone = Delivery.objects.filter(pk__in=unseen)
            gone.update(state=DeliveryState.SKIPPED, reason="out_of_sight", ended_at=at)
        return ready


# Send -----------------------------------------------------------------------------------------------------------------
def send(claimed: Claimed, *, at: dt.datetime) -> net.Answer:
    """One try. The address is checked anew each time. Touches no table; never raises for what others do."""
    try:
        target = net.check(claimed.url)
    except PrivateAddress:
        return net.Answer(reason="private")
    except (UnknownHost, BadAddress):
        return net.Answer(reason="unknown")
    signed = headers(claimed.secrets, claimed.message_id, int(at.timestamp()), claimed.body)
    fixed = {"Content-Type": "application/json", "User-Agent": "Heli-Hooks/1"}
    return net.post(target, claimed.body, {**fixed, **signed})


# Write down -----------------------------------------------------------------------------------------------------------
def reason_of(answer: net.Answer) -> str:
    """Why an answer is a failure ('' when it is none), as a word of words.REASONS."""
    if answer.ok or answer.reason:
        return answer.reason
    return "redirect" if 300 <= answer.status < 400 else "refused"


def first_bytes(head: bytes) -> str:
    """The beginning of an answer as one line that may be shown: no control characters, nothing personal."""
    text = head[:400].decode("utf-8", "replace")
    return scrub(" ".join("".join(c if c.isprintable() else " " for c in text).split()))[:200]


def write_down(claimed: Claimed, answer: net.Answer, *, at: dt.datetime) -> bool:
    """Keep the outcome of a try; False when the claim was no longer ours (the lease ended, or a person skipped it)."""
    row, ok = claimed.delivery, answer.ok
    wait_for = None if ok else delay(row.attempts)
    if wait_for is not None and answer.wait:
        wait_for = max(wait_for, min(dt.timedelta(seconds=answer.wait), LONGEST))
    due_at = at if wait_for is None else at + wait_for
    changed: dict[str, Any] = {"status": answer.status or None, "reason": reason_of(answer), "due_at": due_at}
    changed["answer"] = "" if ok else first_bytes(answer.head)
    if ok or wait_for is None:
        changed |= {"state": DeliveryState.DELIVERED if ok else DeliveryState.DEAD, "ended_at": at}
    with transaction.atomic():
        # The endpoint first, as steps do: whoever locks in another order may block them crosswise.
        seen = {"failures": 0, "last_ok_at": at} if ok else {"failures": F("failures") + 1, "last_failed_at": at}
        Endpoint.objects.filter(pk=row.endpoint_id).update(**seen)
        ours = Delivery.objects.filter(
            pk=row.pk, state=DeliveryState.WAITING, attempts=row.attempts, due_at=claimed.lease
        )
        if not ours.update(**changed):
            transaction.set_rollback(True)
            return False
        if row.attempts > 1 or not ok:
            # Nothing behind it can go earlier: it need not be looked at until then, and goes on at once after it.
            behind(row).update(due_at=due_at if ok or wait_for else at + NEVER)
    if answer.status == GONE:
        _gone(row.endpoint_id, at)
    return True


def _gone(endpoint_id: int, at: dt.datetime) -> None:
    """The receiver says for good that nobody is there: the endpoint ends with that reason, as a person would end it."""
    from heli.hooks.steps import end_endpoint

    with translation.override(settings.LANGUAGE_CODE):
        reason = _("its receiver answered 410: gone for good")
    with contextlib.suppress(WrongState):  # ended meanwhile
        end_endpoint(endpoint_id=endpoint_id, reason=reason, by=SYSTEM, at=at)


def behind(row: Delivery) -> Any:
    """What waits behind a delivery: later events of the same subject for the same endpoint."""
    return Delivery.objects.filter(
        endpoint_id=row.endpoint_id, subject_type=row.subject_type, subject_id=row.subject_id,
        event_id__gt=row.event_id, state=DeliveryState.WAITING,
    )  # fmt: skip


# All of it ------------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Sent:
    """What one pass came to; `lost`: outcomes that were not ours to write any more."""

    delivered: int = 0
    failed: int = 0
    lost: int = 0


def send_due(*, seconds: float = 20.0) -> Sent:
    """Send what is due until nothing is, or for about so many seconds (a try under way is waited for).

    Threads send; tables are read and written in this thread alone, between the sendings.
    """
    done = Sent()
    flying: dict[Future[net.Answer], Claimed] = {}
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hooks") as pool:
        while True:
            if time.monotonic() < end:
                for one in _claim_some(Counter(c.delivery.endpoint_id for c in flying.values()), AT_ONCE - len(flying)):
                    flying[pool.submit(send, one, at=timezone.now())] = one
            if not flying:
                return done
            finished, _rest = wait(flying, timeout=1.0, return_when=FIRST_COMPLETED)
            for future in finished:
                _note(done, flying.pop(future), future)


def _claim_some(flying: Counter[int], room: int) -> list[Claimed]:
    at, claimed = timezone.now(), list[Claimed]()
    for endpoint in with_work(at) if room > 0 else ():
        free = (PER_ENDPOINT if endpoint.failures == 0 else 1) - flying[endpoint.pk]
        most = min(free, room - len(claimed))
        if most <= 0:
            continue
        try:
            claimed += claim(endpoint, at=at, most=most)
        except HeliError as error:  # its secret does not open: the others go on
            log.error("endpoint %s: %s", endpoint.pk, error)
    return claimed


def _note(done: Sent, claimed: Claimed, future: Future[net.Answer]) -> None:
    try:
        answer = future.result()
    except Exception:  # a fault of ours with one message must not stop the others; it is tried again like any failure
        log.exception("delivery %s", claimed.delivery.pk)
        answer = net.Answer(reason="broken")
    if not write_down(claimed, answer, at=timezone.now()):
        done.lost += 1
    elif answer.ok:
        done.delivered += 1
    else:
        done.failed += 1

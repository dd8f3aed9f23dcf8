"""From the outbox to deliveries: each event is taken exactly once, in the order of its id.

Order. Steps lock their request before they do anything, and the event's id is drawn when the step ends, under that lock:
so the events of one request have ids in the order their transactions commit, and whoever sees one sees all earlier ones
of that request (tests/hooks/test_relay.py holds it). Between requests ids and commits may cross; nobody relies on it.
Relays take turns (an advisory lock), or the second could finish with later events of a request before the first has
finished with the earlier ones. A relay that dies gives its rows back: they were deleted in its transaction.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import connection, transaction

from heli.core.actor import Actor
from heli.core.models import Event
from heli.core.scope import covers
from heli.hooks.catalogue import LEAVES, TEST, seen_by
from heli.hooks.models import Delivery, Endpoint
from heli.orgs.queries import grants_in_force

TURN = 0x4845_4C49_0001  # the advisory lock of relays
BATCH = 500
CLEARING = 20_000  # nobody listens: rows are only deleted
TAKE = """
DELETE FROM core_outbox WHERE event_id IN (
    SELECT event_id FROM core_outbox ORDER BY event_id FOR UPDATE SKIP LOCKED LIMIT %s
) RETURNING event_id
"""


@dataclass(frozen=True, slots=True)
class Relayed:
    """Events taken out of the outbox, and deliveries made of them."""

    taken: int = 0
    made: int = 0


def actor_of(endpoint: Endpoint, at: dt.datetime) -> Actor | None:
    """Who an endpoint is: its grant's holder with this one grant; None when the grant does not count at that moment or no
    longer covers the endpoint's area. One statement; two when the grant is not loaded."""
    user_id = endpoint.grant.user_id
    for view in grants_in_force(user_id, at):
        if view.id == endpoint.grant_id and covers(view.paths, endpoint.area_path):
            return Actor(user_id=user_id, grants=(view,))
    return None


def wants(endpoint: Endpoint, event: Event) -> bool:
    """Whether the endpoint asked for this step in this area; what it may see is asked apart."""
    if event.pk <= endpoint.since_event:
        return False
    if event.step == TEST:
        return event.subject_id == endpoint.pk
    return covers([endpoint.area_path], event.area_path) and (not endpoint.steps or event.step in endpoint.steps)


def relay(*, at: dt.datetime, batch: int = BATCH) -> Relayed:
    """Take one batch out of the outbox, in one transaction with the deliveries made of it.

    Three statements when nobody listens; else four, and for each endpoint that wants any of the batch one for its grant,
    one for each type of subject and one for the deliveries.
    """
    with transaction.atomic(), connection.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        listening = list(Endpoint.objects.listening(at).select_related("grant").order_by("pk"))
        cur.execute(TAKE, [batch if listening else CLEARING])
        ids = sorted(row[0] for row in cur.fetchall())
        if not (ids and listening):
            return Relayed(len(ids))
        events = list(Event.objects.filter(LEAVES, pk__in=ids).order_by("pk"))
        return Relayed(len(ids), sum(_deliver(endpoint, events, at) for endpoint in listening))


def _deliver(endpoint: Endpoint, events: list[Event], at: dt.datetime) -> int:
    wanted = [e for e in events if wants(endpoint, e)]
    actor = actor_of(endpoint, at) if wanted else None
    if actor is None:
        return 0
    codes = seen_by(actor, ((e.subject_type, e.subject_id) for e in wanted))
    rows = [
        Delivery(
            endpoint=endpoint, event_id=e.pk, step=e.step, subject_type=e.subject_type, subject_id=e.subject_id,
            code=codes[e.subject_type, e.subject_id], due_at=at, made_at=at,
        )
        for e in wanted
        if (e.subject_type, e.subject_id) in codes
    ]  # fmt: skip
    # An event that was put into the outbox a second time (a restored copy) makes no second delivery.
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def relay_all(*, at: dt.datetime, most: int = 200) -> Relayed:
    """Take batches until the outbox is empty, at most `most` of them."""
    taken = made = 0
    for _turn in range(most):
        done = relay(at=at)
        taken, made = taken + done.taken, made + done.made
        if not done.taken:
            break
    return Relayed(taken, made)

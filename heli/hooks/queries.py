"""Reads of endpoints and deliveries; all start from `visible_to(actor)`, except the numbers for whoever runs the house."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event, Outbox
from heli.core.paging import Page, keyset
from heli.core.scope import covers
from heli.core.scope import within as inside
from heli.hooks.models import Delivery, DeliveryState, Endpoint
from heli.orgs.models import Grant
from heli.orgs.queries import area_names


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint with what a person wants to know of it. `health`: fine, failing, blocked (something failed for good),
    asleep (its grant does not count), paused, ended, or fresh (nothing was sent yet)."""

    endpoint: Endpoint
    area: str
    health: str
    waiting: int
    dead: int
    oldest: dt.datetime | None  # when the oldest waiting one was made

    @property
    def id(self) -> int:
        return int(self.endpoint.pk)


def _health(endpoint: Endpoint, dead: int, awake: bool) -> str:
    if endpoint.state != "active":
        return endpoint.state
    if not awake:
        return "asleep"
    if dead:
        return "blocked"
    if endpoint.failures:
        return "failing"
    return "fine" if endpoint.last_ok_at else "fresh"


def rows_of(endpoints: Iterable[Endpoint], *, at: dt.datetime) -> list[EndpointRow]:
    """Endpoints with their numbers. Three statements."""
    found = list(endpoints)
    counted = Delivery.objects.filter(endpoint__in=found, state__in=(DeliveryState.WAITING, DeliveryState.DEAD))
    numbers: dict[int, dict[str, Any]] = {
        n["endpoint"]: dict(n)
        for n in counted.order_by()
        .values("endpoint")
        .annotate(
            waiting=Count("pk", filter=Q(state=DeliveryState.WAITING)),
            dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
            oldest=Min("made_at", filter=Q(state=DeliveryState.WAITING)),
        )
    }
    awake = dict(Grant.objects.in_force(at).filter(pk__in={e.grant_id for e in found}).values_list("pk", "paths"))
    names = area_names(e.area_path for e in found)
    rows = []
    for e in found:
        n: dict[str, Any] = numbers.get(e.pk) or {"waiting": 0, "dead": 0, "oldest": None}
        health = _health(e, n["dead"], covers(awake.get(e.grant_id, ()), e.area_path))
        rows.append(EndpointRow(e, names.get(e.area_path, e.area_path), health, n["waiting"], n["dead"], n["oldest"]))
    return rows


def endpoints_page(
    actor: Actor, *, ended: bool = False, at: dt.datetime, after: str | None = None, size: int = 50
) -> Page[EndpointRow]:
    """Endpoints of the actor's areas, newest first; ended ones apart. Four statements."""
    found = Endpoint.objects.visible_to(actor).select_related("grant__user", "grant__role", "grant__org")
    found = found.filter(state="ended") if ended else found.exclude(state="ended")
    page = keyset(found, order=("-id",), after=after, size=size)
    return Page(rows_of(page.rows, at=at), page.next)


def endpoint_seen(actor: Actor, endpoint_id: int) -> Endpoint:
    """One endpoint that the actor may see; NotFound (L-404) otherwise. One statement."""
    found: Endpoint | None = (
        Endpoint.objects.visible_to(actor)
        .select_related("grant__user", "grant__role", "grant__org")
        .filter(pk=endpoint_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def deliveries(actor: Actor, endpoint_id: int, *, state: str = "", code: str = "") -> QuerySet[Delivery]:
    """An endpoint's deliveries that the actor may see, narrowed to a state (a value of DeliveryState) and a subject's code;
    for a count or an export."""
    found: QuerySet[Delivery] = Delivery.objects.visible_to(actor).filter(endpoint_id=endpoint_id)
    if state:
        found = found.filter(state=state)
    return found.filter(code=code) if code else found


def deliveries_page(
    actor: Actor, endpoint_id: int, *, state: str = "", code: str = "", after: str | None = None, size: int = 50
) -> Page[Delivery]:
    """One page of them, the latest events first. One statement."""
    return keyset(deliveries(actor, endpoint_id, state=state, code=code), order=("-event_id",), after=after, size=size)


def delivery_seen(actor: Actor, endpoint_id: int, delivery_id: int) -> Delivery:
    """One delivery; NotFound (L-404) otherwise. One statement."""
    found = deliveries(actor, endpoint_id).filter(pk=delivery_id).first()
    if found is None:
        raise NotFound
    return found


def behind(actor: Actor, row: Delivery) -> int:
    """How many wait behind a delivery that failed for good. One statement."""
    same = {"subject_type": row.subject_type, "subject_id": row.subject_id, "state": DeliveryState.WAITING}
    return deliveries(actor, row.endpoint_id).filter(**same, event_id__gt=row.event_id).count()


def grants_offered(actor: Actor, *, text: str = "", chosen: int | None = None, limit: int = 12) -> list[Grant]:
    """Grants in force on which an endpoint of this actor may stand: their own, and those wholly in their areas; by user
    name, what somebody is called, role or unit. The chosen one comes first, then the actor's own. One statement."""
    own = Q(user_id=actor.user_id)
    found = Grant.objects.visible_to(actor).in_force(timezone.now()).select_related("user", "role", "org")
    if text.strip():
        t = text.strip()
        names = Q(user__username__icontains=t) | Q(user__call_name__icontains=t)
        named = names | Q(role__name__icontains=t) | Q(org__short_name__icontains=t)
        found = found.filter(named | Q(pk=chosen or 0))
    elif not actor.system:
        found = found.filter(own | Q(pk=chosen or 0))
    rows = [
        g
        for g in found.order_by("-id")[:200]
        if g.user_id == actor.user_id or all(actor.can(Cap.MANAGE_GRANTS, path=p) for p in g.paths)
    ]
    return sorted(rows, key=lambda g: (g.pk != chosen, g.user_id != actor.user_id))[:limit]


@dataclass(frozen=True, slots=True)
class Happened:
    """One event about an endpoint: who did it ('' for the system)."""

    at: dt.datetime
    step: str
    user_id: int | None
    reason: str


def history(endpoint_id: int, limit: int = 30) -> list[Happened]:
    """What people did with an endpoint, newest first; the caller has seen it. One statement."""
    rows = Event.objects.filter(subject_type="hooks.endpoint", subject_id=endpoint_id).order_by("-id")[:limit]
    return [Happened(e.at, e.step, e.user_id, e.data.get("reason", "")) for e in rows]


# For whoever runs the house ---------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Health:
    """How far behind we are. Counts of rows; ages in seconds, 0 when nothing waits."""

    outbox: int  # events not yet taken by a relay
    outbox_oldest: float
    backlog: int  # deliveries of active endpoints still to be made
    oldest_waiting: float
    dead: int  # failed for good, waiting for a person
    failing: int  # active endpoints whose last answer was wrong
    held: int  # deliveries of paused endpoints


def health(*, at: dt.datetime | None = None) -> Health:
    """The whole house's numbers, for metrics. Four statements."""
    now = at or timezone.now()

    def age(since: dt.datetime | None) -> float:
        return max(0.0, (now - since).total_seconds()) if since else 0.0

    first = Outbox.objects.aggregate(n=Count("pk"), first=Min("pk"))
    since = Event.objects.filter(pk=first["first"]).values_list("recorded_at", flat=True).first()
    open_ = Delivery.objects.filter(state__in=(DeliveryState.WAITING, DeliveryState.DEAD))
    going = Q(state=DeliveryState.WAITING, endpoint__state="active")
    n = open_.aggregate(
        backlog=Count("pk", filter=going),
        oldest=Min("made_at", filter=going),
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
        held=Count("pk", filter=Q(state=DeliveryState.WAITING, endpoint__state="paused")),
    )
    failing = Endpoint.objects.filter(inside("area_path", [""]), state="active", failures__gt=0).count()
    return Health(first["n"], age(since), n["backlog"], age(n["oldest"]), n["dead"], failing, n["held"])

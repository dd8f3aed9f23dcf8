"""Every write about endpoints, and what people decide about deliveries.

Whoever manages grants in an area names the addresses that are told what happens there. An endpoint stands on one grant
in force, the maker's own or another's that lies wholly in the maker's areas, and sees with its eyes: an outside system
is best given an account and a grant of its own, which then can be ended like any other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.core.scope import covers
from heli.core.steps import Step, step
from heli.hooks import net, secrets
from heli.hooks.catalogue import STEPS, TEST
from heli.hooks.errors import GrantAsleep, NotWaiting, OutsideGrant
from heli.hooks.models import Delivery, DeliveryState, Endpoint
from heli.hooks.sending import NEVER
from heli.hooks.signing import new_secret
from heli.hooks.states import ENDPOINT
from heli.orgs.errors import TooWide
from heli.orgs.models import Grant
from heli.places.models import Area

BOTH = dt.timedelta(hours=24)  # so long the old secret signs beside the new one


def _host(url: str) -> str:
    """What an event keeps of an address: the rest of it may hold a key."""
    return (urlsplit(url).hostname or "")[:200]


def _lock(s: Step, endpoint_id: int) -> Endpoint:
    endpoint = s.lock(Endpoint, endpoint_id)
    s.require(Cap.MANAGE_GRANTS, path=endpoint.area_path)
    _about(s, endpoint)
    return endpoint


def _about(s: Step, endpoint: Endpoint) -> None:
    s.about("hooks.endpoint", endpoint.pk, endpoint.area_path)
    s.record(endpoint)


def _grant(s: Step, grant_id: int, area_path: str) -> Grant:
    """The grant an endpoint shall stand on, locked."""
    grant: Grant | None = Grant.objects.visible_to(s.by).select_for_update(of=("self",)).filter(pk=grant_id).first()
    if grant is None:
        raise Invalid(_("Choose the grant it sees by."), field="grant")
    if not s.by.system:
        if grant.user_id != s.by.user_id and not all(s.by.can(Cap.MANAGE_GRANTS, path=p) for p in grant.paths):
            raise TooWide(field="grant")
        if not s.by.can(Cap.MANAGE_GRANTS, path=area_path):
            raise TooWide(field="area")
    if not Grant.objects.in_force(s.at).filter(pk=grant_id).exists():
        raise GrantAsleep(field="grant")
    if not covers(grant.paths, area_path):
        raise OutsideGrant(field="area")
    return grant


def _told(name: str, wanted: Sequence[str]) -> tuple[str, list[str]]:
    name = " ".join(name.split())[:60]
    if not name:
        raise Invalid(_("Give it a name by which colleagues know it."), field="name")
    unknown = [w for w in wanted if w not in STEPS]
    if unknown:
        raise Invalid(_("No such step leaves: %(step)s.") % {"step": unknown[0][:60]}, field="steps")
    return name, sorted(set(wanted))


def _area(area_path: str) -> None:
    if area_path and not Area.objects.filter(path=area_path, valid_to=None).exists():
        raise Invalid(_("Choose the area it is told about."), field="area")


def add_endpoint(
    *, name: str, url: str, grant_id: int, area_path: str, steps: Sequence[str] = (), by: Actor, at: dt.datetime
) -> tuple[Endpoint, str]:
    """A new address that is told what happens in an area from now on. Returns it and its secret, shown this once.

    `steps`: names from catalogue.STEPS; empty: all of them.

    Raises:
        BadAddress, UnknownHost, PrivateAddress: the address cannot be called (L-820 L-821 L-822).
        TooWide: the area or the grant lies outside the actor's areas (L-603). OutsideGrant: the area lies outside the
        grant's (L-824). GrantAsleep: the grant does not count now (L-823). Forbidden: manages no grants (L-403).
        Invalid: no name, no such grant, area or step (L-400).
    """
    url = url.strip()
    net.check(url)  # before the transaction: a name may take its time
    secret = new_secret()
    with step("hooks.add_endpoint", by=by, at=at) as s:
        s.require(Cap.MANAGE_GRANTS)
        name, chosen = _told(name, steps)
        _area(area_path)
        grant = _grant(s, grant_id, area_path)
        endpoint = Endpoint(
            name=name, url=url, grant=grant, area_path=area_path, steps=chosen, made_by_id=by.user_id, made_at=at
        )
        endpoint.secret = secrets.seal(endpoint, secret)
        endpoint.since_event = Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        s.move(endpoint, ENDPOINT, "open")
        _about(s, endpoint)
        s.record(name=name, host=_host(url), grant=grant_id, steps=chosen)
    return endpoint, secret


def change_endpoint(
    *,
    endpoint_id: int,
    name: str,
    url: str,
    grant_id: int,
    area_path: str,
    steps: Sequence[str] = (),
    by: Actor,
    at: dt.datetime,
) -> Endpoint:
    """Another name, address, grant, area or choice of steps. What waits goes to the new address, if it may see it.

    Raises: like `add_endpoint`; NotFound (L-404), WrongState: it has ended (L-101).
    """
    url = url.strip()
    if not Endpoint.objects.visible_to(by).filter(pk=endpoint_id).exists():
        raise NotFound  # before a name is looked up for somebody who may not ask
    net.check(url)
    with step("hooks.change_endpoint", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        _open(endpoint)
        name, chosen = _told(name, steps)
        _area(area_path)
        endpoint.grant = _grant(s, grant_id, area_path)
        endpoint.name, endpoint.url, endpoint.area_path, endpoint.steps = name, url, area_path, chosen
        endpoint.save(update_fields=["name", "url", "grant", "area_path", "steps"])
        _about(s, endpoint)
        s.record(name=name, host=_host(url), grant=grant_id, steps=chosen)
    return endpoint


def _open(endpoint: Endpoint) -> None:
    if endpoint.state == "ended":
        raise WrongState


def pause_endpoint(*, endpoint_id: int, by: Actor, at: dt.datetime) -> Endpoint:
    """Nothing is sent until it is resumed; what happens meanwhile is kept.

    Raises: NotFound (L-404), WrongState (L-101).
    """
    with step("hooks.pause_endpoint", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        s.move(endpoint, ENDPOINT, "pause")
    return endpoint


def resume_endpoint(*, endpoint_id: int, by: Actor, at: dt.datetime) -> Endpoint:
    """What was kept goes out, in order, and what happens from now on.

    Raises: NotFound (L-404), WrongState (L-101).
    """
    with step("hooks.resume_endpoint", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        endpoint.failures = 0
        s.move(endpoint, ENDPOINT, "resume", save=("failures",))
        # It was perhaps paused because it failed: nothing waits for its old delay.
        Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING, due_at__gt=at, attempts__gt=0).update(
            due_at=at
        )
    return endpoint


def end_endpoint(*, endpoint_id: int, reason: str, by: Actor, at: dt.datetime) -> Endpoint:
    """It is told nothing more; what waits or failed is skipped. Its list stays to be looked at.

    Raises: NotFound (L-404), WrongState (L-101), PaperMissing: no reason (L-103).
    """
    with step("hooks.end_endpoint", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        endpoint.ended_at = at
        s.move(endpoint, ENDPOINT, "end", save=("ended_at",), reason=reason.strip()[:200])
        left = Delivery.objects.filter(endpoint=endpoint, state__in=(DeliveryState.WAITING, DeliveryState.DEAD))
        s.record(skipped=left.update(state=DeliveryState.SKIPPED, reason="ended", ended_at=at))
    return endpoint


def rotate_secret(*, endpoint_id: int, by: Actor, at: dt.datetime) -> tuple[Endpoint, str]:
    """A new secret, shown this once. For 24 hours every message is signed with both, so that nothing is lost meanwhile.

    A second change within that time drops the oldest at once.

    Raises: NotFound (L-404), WrongState: it has ended (L-101).
    """
    secret = new_secret()
    with step("hooks.rotate_secret", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        _open(endpoint)
        endpoint.old_secret, endpoint.old_until = endpoint.secret, at + BOTH
        endpoint.secret = secrets.seal(endpoint, secret)
        endpoint.save(update_fields=["secret", "old_secret", "old_until"])
        s.record(old_until=endpoint.old_until.isoformat())
    return endpoint, secret


def send_test(*, endpoint_id: int, by: Actor, at: dt.datetime) -> Endpoint:
    """An event that says nothing goes to this endpoint the way all others go.

    Raises: NotFound (L-404), WrongState: it is paused or has ended (L-101).
    """
    with step(TEST, by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        if endpoint.state != "active":
            raise WrongState
    return endpoint


def replay(*, endpoint_id: int, delivery_ids: Sequence[int] | None = None, by: Actor, at: dt.datetime) -> int:
    """Try again what failed for good: the given deliveries, or all of the endpoint. They have all their tries again.
    Returns how many.

    Raises: NotFound (L-404), WrongState: it has ended (L-101), NotWaiting: none of them has failed for good (L-825).
    """
    with step("hooks.replay", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        _open(endpoint)
        rows = _dead(endpoint, delivery_ids)
        Delivery.objects.filter(pk__in=[r.pk for r in rows]).update(
            state=DeliveryState.WAITING, attempts=0, due_at=at, ended_at=None
        )
        _let_go(endpoint, at)
        s.record(replayed=len(rows), events=[r.event_id for r in rows[:50]])
    return len(rows)


def skip(*, endpoint_id: int, delivery_ids: Sequence[int], reason: str, by: Actor, at: dt.datetime) -> int:
    """Give up what failed for good: it is never sent, and what waits behind it goes on. Returns how many.

    Raises: NotFound (L-404), NotWaiting: none of them has failed for good (L-825), PaperMissing: no reason (L-103).
    """
    with step("hooks.skip", by=by, at=at) as s:
        endpoint = _lock(s, endpoint_id)
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why it is given up"))
        rows = _dead(endpoint, delivery_ids)
        Delivery.objects.filter(pk__in=[r.pk for r in rows]).update(
            state=DeliveryState.SKIPPED, reason="given_up", ended_at=at
        )
        _let_go(endpoint, at)
        s.record(skipped=len(rows), events=[r.event_id for r in rows[:50]], reason=reason.strip()[:200])
    return len(rows)


def _dead(endpoint: Endpoint, delivery_ids: Sequence[int] | None) -> list[Delivery]:
    found = Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.DEAD)
    if delivery_ids is not None:
        found = found.filter(pk__in=list(delivery_ids))
    rows = list(found.select_for_update().order_by("event_id"))
    if not rows:
        raise NotWaiting
    return rows


def _let_go(endpoint: Endpoint, at: dt.datetime) -> None:
    """What stood behind a failed one is looked at again; whatever still stands behind another stays where it is."""
    Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING, due_at__gt=at + NEVER / 2).update(due_at=at)

"""Every operation for machines, asked with the token of every member of the cast and without one: who may enter, what of
the next county is missing, and that nothing of it is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from heli.api.describe import description
from heli.api.errors import CapsNotHeld
from heli.api.http import Operation
from heli.core.actor import PUBLIC, Actor
from heli.core.caps import Scope
from heli.loop.models import Request
from heli.orgs.queries import grants_in_force
from tests.api.asking import grant_of, minted
from tests.invariants.everyone import FITS, MISSING, NOBODY, Way, operations
from tests.invariants.laid import Laid
from tests.loop.told import PAVEMENT
from tests.world import CAST, COMMUNITY

WAYS = operations()
Counties = tuple[Any, Laid, Laid]
STAFF = [c.name for c in CAST if c.grants]
# What an argument speaks of, and at which station of the loop the operation gets deep.
OF = {"dispatch_id": "dispatch", "clock_id": "clock", "extension_id": "extension", "reply_id": "handling", "voice_id": "voice",
      "exclusion_id": "exclusion", "file_id": "file", "order_id": "order", "part_id": "part", "revisit_id": "call",
      "recheck_id": "recheck"}  # fmt: skip
STATIONS = FITS | {
    "ask_return": "offered", "give_opinion": "assist", "decide_return": "returning", "decide_appeal": "appealed", "force": "returning",
    "propose_exclusion": "closed", "judge": "replied", "offer": "heard", "take_back": "offered", "unreached": "replied", "decline": "heard",
    "split": "heard", "get_file": "heard", "reveal": "replied", "follow_file": "heard",
}  # fmt: skip
SAYS = {"area": COMMUNITY, "category": PAVEMENT, "code": "ZF-ZZZZ-ZZ", "into": "ZF-ZZZZ-ZZ", "phone": "13700000009", "valid_from": None,
        "source": "counter"}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_limit(settings: Any) -> None:
    settings.HELI_API_RATE = settings.HELI_API_PUBLIC_RATE = 10**9


class Machine:
    """Somebody's token, or none; each request is rolled back."""

    def __init__(self, world: Any, name: str) -> None:
        self.client, self.actor, self.secret = Client(raise_request_exception=False), PUBLIC, ""
        if name != NOBODY:
            made = minted(world, name)
            grant = next(
                g
                for g in grants_in_force(made.token.grant.user_id, made.token.created_at)
                if g.id == made.token.grant_id
            )
            self.actor, self.secret = Actor(made.token.grant.user_id, grants=(grant,)), made.secret

    def ask(self, o: Operation, url: str, body: Any) -> Any:
        cache.clear()
        headers = {"Idempotency-Key": "one"} | ({"Authorization": f"Bearer {self.secret}"} if self.secret else {})
        with transaction.atomic():
            if o.method == "GET":
                found = self.client.get(url, headers=headers)
            else:
                found = self.client.post(url, json.dumps(body), content_type="application/json", headers=headers)
            if found.streaming:
                found.said = b"".join(found.streaming_content)
            else:
                found.said = found.content
            transaction.set_rollback(True)
        return found


def filled(schema: Any, name: str = "") -> Any:
    """Something that fits a schema."""
    if "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if SAYS.get(name) is not None:
        return SAYS[name]
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], name)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [""])[0])
    match schema.get("type"):
        case "object":
            return {k: filled(v, k) for k, v in schema["properties"].items() if k in schema.get("required", [])}
        case "array":
            return [filled(schema["items"], name) for _n in range(schema.get("minItems", 0))]
        case "boolean":
            return True
        case "integer":
            return schema.get("minimum", 1)
        case _:
            return "说一句"


def body_of(o: Operation) -> Any:
    said = description()["paths"][f"/api/v1/{o.route.path}"][o.method.lower()].get("requestBody")
    return filled(said["content"]["application/json"]["schema"]) if said else {}


def values_of(way: Way, o: Operation, laid: Laid) -> tuple[dict[str, Any], str]:
    """What stands for its arguments, and the station of the request they speak of ('' for another thing)."""
    station = STATIONS.get(o.name, "handling")
    values, of = dict(laid.values), ""
    for name in way.arguments:
        if name == "code" and "categories" in way.pattern:
            values[name] = PAVEMENT
        elif name == "code":
            of = station if station in laid.requests else "handling"
            values[name] = laid.requests[of].code
        elif name == "token":
            values[name] = laid.tokens[0]
        elif name in OF:
            values[name] = laid.pick(OF[name], station)
            found = next(s for s, pk in laid.things[OF[name]].items() if pk == values[name])
            of = of or ("handling" if found == "assist" else found)
        elif name == "year":
            values[name] = 2026
        elif name == "rest":
            values[name] = "nothing/here"
    if "token" in way.arguments:
        of = ""  # whoever holds the link
    return values, of


def test_every_argument_is_known(counties: Counties) -> None:
    for way, o in WAYS:
        values, _of = values_of(way, o, counties[1])
        assert set(way.arguments) <= values.keys(), f"{o.name}: {way.pattern}"
    assert len(WAYS) > 90


@pytest.mark.parametrize("name", [NOBODY, *STAFF])
def test_every_operation(counties: Counties, name: str) -> None:
    """Never an error of ours nor an answer that is not declared; without what it needs 401 or 403; what is not theirs is
    missing and reads so."""
    world, here, there = counties
    if name != NOBODY and not grant_of(world, name).role.caps:
        with pytest.raises(CapsNotHeld):  # a role that allows nothing gives no token
            minted(world, name)
        return
    machine, wrong = Machine(world, name), []
    foreign = here.mark if name == "外县人" else there.mark
    for way, o in WAYS:
        body = body_of(o) if o.name != "unknown" else {}
        inside = not o.route.needs or bool(machine.actor.caps.intersection(o.route.needs))
        for laid in (here, there) if way.arguments and inside else (here,):
            values, station = values_of(way, o, laid)
            found = machine.ask(o, way.url(values), body)
            status, said = found.status_code, f"{o.method} {way.url(values)} ({o.name})"
            if status >= 500 or status not in o.statuses:
                wrong.append(f"{said}: {status} {found.said[:200]!r}")
            elif not inside and status != (403 if machine.secret else 401):
                wrong.append(f"{said}: {status} without what it needs")
            elif inside and o.route.scope is not Scope.LINK and foreign.encode() in found.said:
                wrong.append(f"{said}: shows what belongs to the next county")
            elif inside and station and not sees(machine, laid.requests.get(station)):
                lost = machine.ask(o, way.url(values | {k: v for k, v in MISSING.items() if k in way.arguments}), body)
                if (status, found.said) != (lost.status_code, lost.said) or status not in {400, 404}:
                    wrong.append(f"{said}: {status} {found.said[:120]!r}, and {lost.status_code} when missing")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def sees(machine: Machine, request: Any) -> bool:
    return request is None or Request.objects.visible_to(machine.actor).filter(pk=request.pk).exists()


def test_other_methods_are_refused(counties: Counties) -> None:
    machine = Machine(counties[0], "孙坐席")
    headers = {"Authorization": f"Bearer {machine.secret}"}
    paths: dict[str, set[str]] = {}
    for way, o in WAYS:
        values, _of = values_of(way, o, counties[1])
        paths.setdefault(way.url(values), set()).add(o.method)
    for url, methods in paths.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
            found = getattr(machine.client, method.lower())(url, headers=headers)
            assert found.status_code == 405 and set(found["Allow"].split(", ")) >= methods, (method, url)


def test_a_session_lets_nobody_in(counties: Counties, settings: Any) -> None:
    """Cookies are never looked at: nothing can be forged from another site."""
    settings.HELI_STAFF_MFA = False
    world, here, _there = counties
    client = Client()
    client.force_login(world.user("孙坐席"), backend="allauth.account.auth_backends.AuthenticationBackend")
    for way, o in WAYS:
        if o.route.needs:
            values, _of = values_of(way, o, here)
            assert getattr(client, o.method.lower())(way.url(values)).status_code == 401, way.pattern

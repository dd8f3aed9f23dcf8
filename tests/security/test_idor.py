"""What belongs to the next county is not there: asked for by every role of ours, and ids, codes and keys made up at random.

A sample runs in CI; the whole is asked by IDOR_PROBES=12000 (docs/security.md has the last count). The same of the
interface for other systems: tests/invariants/test_operations.py.
"""

from __future__ import annotations

import os
import random
import re
import time
import uuid
from typing import Any

import pytest

from heli.core.caps import Scope
from heli.engines.identifiers import CODE_ALPHABET
from tests.invariants.everyone import (
    EVERYBODY,
    FILLED,
    Asked,
    Asker,
    Way,
    addresses,
    body,
    content,
    may_enter,
    missing,
    ways,
)
from tests.security import matrix

PROBES, SEED = int(os.environ.get("IDOR_PROBES", "400")), int(os.environ.get("IDOR_SEED", "20261123"))
OURS = [n for n in EVERYBODY if n != "外县人"]
WORDS = {"rule_id", "year", "who", "what", "act", "verb", "username"}  # arguments that name nothing of anybody's
NUMBERS = re.compile(r"\d+")
KEYS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|ZF-[0-9A-Z-]{7,}|(?<=/)[\w-]{28,40}(?=/)|(?<=/)\d+(?=/)")


def made_up(rng: random.Random, found: str) -> str:
    """Another key of the same kind: a neighbour's, one that is too large, or any."""
    if found.isdigit():
        n = int(found)
        return str(rng.choice([n + 1, max(n - 1, 0), 0, 2**31, 2**63, 10**18, rng.randrange(1, 3000)]))
    if found.startswith("ZF-"):
        return "ZF-" + "".join(rng.choice(CODE_ALPHABET) if c.isalnum() else c for c in found[3:])
    if len(found) == 36:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    at = rng.randrange(len(found) - 4)
    return found[:at] + rng.choice("Aa9_-z") * 2 + found[at + 2 :]


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def test_nothing_of_the_next_county_is_found(counties: Any, record_property: Any) -> None:
    world, _here, there = counties
    rng = random.Random(SEED)
    askers = {name: Asker(world, name) for name in OURS}
    open_to: dict[str, list[tuple[Way, list[Asked]]]] = {
        name: [
            (w, a)
            for w in ways()
            if w.arguments and str(w) != "loop:category" and may_enter(asker, w) and (a := addresses(w, there))
        ]
        for name, asker in askers.items()
    }
    names = [n for n in OURS if open_to[n]]
    wrong: list[str] = []
    counted = {"theirs": 0, "made up": 0}
    began = time.monotonic()
    while sum(counted.values()) < PROBES:
        asker = askers[rng.choice(names)]
        way, there_is = rng.choice(open_to[asker.name])
        asked, method = rng.choice(there_is), rng.choice(way.route.methods)
        data = dict(FILLED) if method == "POST" and rng.random() < 0.7 else {}
        more = {"headers": {"HX-Request": "true"}} if rng.random() < 0.3 else {}
        theirs = (
            rng.random() < 0.5
            and bool(way.route.needs)
            and way.route.scope is not Scope.LINK
            and bool(set(way.arguments) - WORDS)
        )
        url = asked.url if theirs else KEYS.sub(lambda m: made_up(rng, m[0]), asked.url)
        counted["theirs" if theirs else "made up"] += 1
        found = asker.ask(method, url, data, **more)
        said = f"{asker} {method} {url}: {found.status_code}"
        if found.status_code >= 500:
            wrong.append(said)
        if there.mark.encode() in content(found) and (theirs or url != asked.url):
            wrong.append(f"{said} shows what is theirs")
        if theirs:
            other = missing(way, asked)
            lost = asker.ask(method, other, data, **more)
            counted["made up"] += 1
            said += f", and {lost.status_code} when missing"
            # A part of a page that comes back because a form was not filled says 200, and has not looked at anything.
            unread = found.status_code == 200 and "headers" in more
            if found.status_code != lost.status_code or not (unread or found.status_code in {400, 404}):
                wrong.append(said)
            elif NUMBERS.sub("", body(found, asked.url)) != NUMBERS.sub("", body(lost, other)):
                wrong.append(f"{said} reads differently from what is missing")
    took = time.monotonic() - began
    print(f"\n{sum(counted.values())} probes ({counted}), {len(names)} askers, {took:.0f} s, {len(wrong)} leaks")
    if wrong:
        pytest.fail("\n".join(dict.fromkeys(wrong)), pytrace=False)


def test_every_route_declares_itself_and_every_role_is_asked() -> None:
    lines, counts = matrix.table()
    assert counts["undeclared"] == 0 and counts["roles"] >= 12
    assert counts["routes"] == len(lines) - 1 >= 150
    assert not [w for w, r, _op in matrix.routes() if r.scope.value in {"area", "own_unit"} and not r.needs]


def test_whose_grants_have_ended_enters_nothing(counties: Any) -> None:
    """The same session: what it could open before answers 403 to everything that asks for a capability."""
    from django.utils import timezone

    from heli.orgs.models import Grant

    world, here, _there = counties
    asker = Asker(world, "于科员")
    inside = [w for w in ways() if w.route.needs and may_enter(asker, w)]
    grants = Grant.objects.filter(user=world.yu_officer)
    kept = {g.pk: g.valid_to for g in grants}
    grants.update(valid_to=timezone.now())
    try:
        found = {
            f"{method} {asked.url}": asker.ask(method, asked.url, FILLED if method == "POST" else {}).status_code
            for way in inside
            for asked in addresses(way, here)[:1]
            for method in way.route.methods
        }
    finally:
        for pk, until in kept.items():
            Grant.objects.filter(pk=pk).update(valid_to=until)
    assert len(found) >= 8 and {k: s for k, s in found.items() if s != 403} == {}

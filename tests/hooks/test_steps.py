"""Who may name an address, for what area, on whose grant; and what is kept of the secret."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

import pytest
from django.conf import settings as live
from django.utils import timezone

from heli.core import vault
from heli.core.actor import SYSTEM, Actor
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.hooks import queries, secrets, steps
from heli.hooks.errors import BadAddress, GrantAsleep, OutsideGrant, PrivateAddress
from heli.hooks.models import Endpoint
from heli.ops import rotation
from heli.orgs.errors import TooWide
from heli.orgs.steps import end_grant, give_grant
from tests.hooks.receiver import grant_of, listen
from tests.world import COMMUNITY, COUNTY, NEXT_COUNTY, STREET

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/heli?key=abc"


@pytest.fixture(autouse=True)
def _names(names: dict[str, list[str]]) -> None:
    names["inside.example.org"] = ["10.0.0.8"]


def add(world: Any, who: str = "姜管理", **changed: Any) -> tuple[Endpoint, str]:
    told: dict[str, Any] = {
        "name": "市热线", "url": URL, "grant_id": grant_of(world, "孙坐席").pk, "area_path": COUNTY,
        "by": world.actor(who), "at": timezone.now(),
    }  # fmt: skip
    return steps.add_endpoint(**(told | changed))


def test_an_administrator_adds_one_on_a_grant_of_their_area(world: Any) -> None:
    endpoint, secret = add(world)
    assert endpoint.state == "active" and secret.startswith("whsec_")
    event = Event.objects.get(step="hooks.add_endpoint")
    assert (event.subject_type, event.subject_id, event.area_path) == ("hooks.endpoint", endpoint.pk, COUNTY)
    assert event.data["host"] == "hooks.example.org" and "key=abc" not in str(event.data), "a key may be in an address"
    assert event.user_id == world.jiang_admin.pk and (event.before, event.after) == ("new", "active")


@pytest.mark.parametrize("who", ["孙坐席", "于科员", "吕部长", "韩网格", "王桂兰", "外县人"])
def test_nobody_else_adds_one(world: Any, who: str) -> None:
    with pytest.raises(Forbidden):
        add(world, who)
    assert not Endpoint.objects.exists()


def test_on_ones_own_grant(world: Any) -> None:
    endpoint, _secret = add(world, grant_id=grant_of(world, "姜管理").pk)
    assert endpoint.grant.user_id == world.jiang_admin.pk


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"name": "  "}, Invalid),
        ({"url": "http://hooks.example.org/"}, BadAddress),
        ({"url": "https://inside.example.org/"}, PrivateAddress),
        ({"area_path": NEXT_COUNTY}, TooWide),
        ({"area_path": ""}, TooWide),
        ({"area_path": "370602999"}, Invalid),
        ({"grant_id": 10**9}, Invalid),
        ({"steps": ["request.note"]}, Invalid),
        ({"steps": ["record.reveal"]}, Invalid),
    ],
)
def test_what_cannot_be(world: Any, changed: dict[str, Any], error: type[HeliError]) -> None:
    with pytest.raises(error):
        add(world, **changed)
    assert not Endpoint.objects.exists() and not Event.objects.filter(step="hooks.add_endpoint").exists()


def test_a_grant_of_another_county_is_not_there(world: Any) -> None:
    with pytest.raises(Invalid):
        add(world, grant_id=grant_of(world, "外县人").pk)


def test_a_grant_that_reaches_beyond_the_makers_areas(world: Any) -> None:
    wide = give_grant(
        user_id=world.lv_supervisor.pk,
        role="viewer",
        paths=[COUNTY, NEXT_COUNTY],
        reason="两区",
        by=SYSTEM,
        at=timezone.now(),
    )
    with pytest.raises(TooWide):
        add(world, grant_id=wide.pk)


def test_the_area_lies_within_the_grant_and_the_grant_counts(world: Any) -> None:
    clerk = grant_of(world, "韩网格")
    with pytest.raises(OutsideGrant):
        add(world, grant_id=clerk.pk, area_path=STREET)
    endpoint, _secret = add(world, grant_id=clerk.pk, area_path=COMMUNITY)
    end_grant(grant_id=clerk.pk, reason="调岗", by=SYSTEM, at=timezone.now())
    later = timezone.now() + dt.timedelta(minutes=1)
    with pytest.raises(GrantAsleep):
        add(world, grant_id=clerk.pk, area_path=COMMUNITY, at=later)
    changed = steps.change_endpoint(
        endpoint_id=endpoint.pk, name="新名", url=URL, grant_id=grant_of(world, "孙坐席").pk, area_path=STREET,
        steps=["request.hear"], by=world.actor("姜管理"), at=later,
    )  # fmt: skip
    assert (changed.name, changed.area_path, changed.steps) == ("新名", STREET, ["request.hear"])


def each(world: Any, by: Actor, endpoint_id: int) -> dict[str, Any]:
    who: dict[str, Any] = {"endpoint_id": endpoint_id, "by": by, "at": timezone.now()}
    again = {"name": "x", "url": URL, "grant_id": grant_of(world, "孙坐席").pk, "area_path": COUNTY}
    return {
        "change": lambda: steps.change_endpoint(**who, **again),
        "pause": lambda: steps.pause_endpoint(**who),
        "resume": lambda: steps.resume_endpoint(**who),
        "rotate": lambda: steps.rotate_secret(**who),
        "test": lambda: steps.send_test(**who),
        "replay": lambda: steps.replay(**who),
        "skip": lambda: steps.skip(**who, delivery_ids=[1], reason="x"),
        "end": lambda: steps.end_endpoint(**who, reason="x"),
    }


@pytest.mark.parametrize("verb", ["change", "pause", "resume", "rotate", "test", "replay", "skip", "end"])
def test_one_of_another_county_is_missing(world: Any, verb: str) -> None:
    theirs, _secret = listen(world, URL, sees_as="外县人", area_path=NEXT_COUNTY)
    for endpoint_id in (theirs.pk, 10**9):
        with pytest.raises(NotFound):
            each(world, world.actor("姜管理"), endpoint_id)[verb]()
    with pytest.raises(NotFound):
        queries.endpoint_seen(world.actor("姜管理"), theirs.pk)
    assert not queries.deliveries(world.actor("姜管理"), theirs.pk).exists()


def test_the_life_of_an_endpoint(world: Any) -> None:
    endpoint, _secret = add(world)
    do = each(world, world.actor("姜管理"), endpoint.pk)
    do["pause"]()
    for verb in ("pause", "test"):
        with pytest.raises(WrongState):
            do[verb]()
    do["resume"]()
    do["end"]()
    for verb in ("change", "pause", "resume", "rotate", "test", "replay", "end"):
        with pytest.raises(WrongState):
            do[verb]()
    assert Endpoint.objects.get(pk=endpoint.pk).ended_at is not None
    assert [h.step for h in queries.history(endpoint.pk)] == [
        "hooks.end_endpoint", "hooks.resume_endpoint", "hooks.pause_endpoint", "hooks.add_endpoint",
    ]  # fmt: skip


def test_ending_asks_why(world: Any) -> None:
    endpoint, _secret = add(world)
    with pytest.raises(PaperMissing):
        steps.end_endpoint(endpoint_id=endpoint.pk, reason=" ", by=SYSTEM, at=timezone.now())


# The secret --------------------------------------------------------------------------------------------------------------
def test_a_secret_is_kept_sealed_and_bound_to_its_endpoint(world: Any) -> None:
    (one, secret), (other, _other) = add(world), add(world)
    now = timezone.now()
    assert secrets.valid(one, now) == [secret] and secret not in one.secret
    assert base64.b64decode(secret[6:]) not in base64.b64decode(one.secret.split(":")[1])
    other.secret = one.secret
    with pytest.raises(vault.CannotOpen):
        secrets.valid(other, now)
    assert secret not in str(list(Event.objects.values_list("data", flat=True)))


def test_two_secrets_for_a_day(world: Any) -> None:
    endpoint, first = add(world)
    now = timezone.now()
    _endpoint, second = steps.rotate_secret(endpoint_id=endpoint.pk, by=SYSTEM, at=now)
    endpoint.refresh_from_db()
    assert secrets.valid(endpoint, now) == [second, first]
    assert secrets.valid(endpoint, now + dt.timedelta(hours=25)) == [second]
    _endpoint, third = steps.rotate_secret(endpoint_id=endpoint.pk, by=SYSTEM, at=now)
    endpoint.refresh_from_db()
    assert secrets.valid(endpoint, now) == [third, second], "the oldest holds no more"


def test_secrets_follow_the_vaults_key(world: Any, settings: Any) -> None:
    endpoint, first = add(world)
    _endpoint, second = steps.rotate_secret(endpoint_id=endpoint.pk, by=SYSTEM, at=timezone.now())
    new = "k2:" + base64.b64encode(b"n" * 32).decode()
    settings.HELI_VAULT_KEYS = f"{new},{live.HELI_VAULT_KEYS}"
    rotation.rotate()
    settings.HELI_VAULT_KEYS = new
    endpoint.refresh_from_db()
    assert secrets.valid(endpoint, timezone.now()) == [second, first]

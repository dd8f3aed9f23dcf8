"""Open311 asked by everybody: no session counts, no token shows more, nothing that people wrote is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import get_resolver

from heli.core.caps import Scope
from heli.loop.models import Request
from tests.api.asking import minted
from tests.invariants.everyone import FILLED
from tests.invariants.laid import Laid
from tests.loop.told import PAVEMENT
from tests.world import CAST, NEXT_COUNTY

Counties = tuple[Any, Laid, Laid]
WITH_CAPS = ("孙坐席", "于科员", "吕部长", "姜管理", "郝回访", "外县人")


@pytest.fixture(autouse=True)
def _no_limit(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    settings.HELI_API_RATE = settings.HELI_API_PUBLIC_RATE = 10**9


def patterns() -> list[Any]:
    (found,) = [r for r in get_resolver().url_patterns if str(r.pattern) == "open311/v2/"]
    return list(found.url_patterns)


def urls(laid: Laid) -> list[str]:
    values = {"service_code": PAVEMENT, "open311_token": laid.tokens[0], "rest": "nothing/here", "ending": ".json"}
    found = []
    for p in patterns():
        where = f"/open311/v2/{p.pattern}"
        for code in [r.code for r in laid.requests.values()] if "service_request_id" in where else [""]:
            url = where
            for name, value in (values | {"service_request_id": code}).items():
                for kind in ("slug", "ending", "path"):
                    url = url.replace(f"<{kind}:{name}>", value)
            assert "<" not in url, f"{p}: an argument that this test was not told about"
            found.append(url)
    return found


def ask(client: Client, method: str, url: str, **more: Any) -> Any:
    cache.clear()
    with transaction.atomic():
        answer = getattr(client, method.lower())(url, FILLED if method == "POST" else {}, **more)
        transaction.set_rollback(True)
    return answer


def test_each_is_declared_as_public() -> None:
    assert len(patterns()) >= 7
    for p in patterns():
        assert p.callback.route.scope is Scope.PUBLIC and not p.callback.route.needs and p.callback.csrf_exempt


def test_nothing_that_somebody_wrote_is_told_to_anybody(counties: Counties) -> None:
    world, here, there = counties
    secrets = ["", *(minted(world, name).secret for name in ("孙坐席", "吕部长", "外县人"))]
    for secret in secrets:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        for laid in (here, there):
            for url in [*urls(laid), f"/open311/v2/requests.xml?jurisdiction_id={NEXT_COUNTY}"]:
                for method in ("GET", "POST"):
                    answer = ask(Client(raise_request_exception=False), method, url, headers=headers)
                    said = answer.content.decode()
                    assert answer.status_code in {200, 400, 403, 404, 405}, (method, url, answer.status_code)
                    assert "标记" not in said and "章大姐" not in said and "137" not in said.replace("370", ""), (
                        method,
                        url,
                    )


def test_a_token_shows_no_more_than_none(counties: Counties) -> None:
    world, here, _there = counties
    for url in urls(here):
        plain = ask(Client(), "GET", url).content
        for name in ("孙坐席", "吕部长"):
            headers = {"Authorization": f"Bearer {minted(world, name).secret}"}
            assert ask(Client(), "GET", url, headers=headers).content == plain, url


def test_a_session_plays_no_part(counties: Counties) -> None:
    """Somebody who is logged in tells as anybody would: nothing can be forged from another site in their name."""
    world, here, _there = counties
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.user("孙坐席"), backend="allauth.account.auth_backends.AuthenticationBackend")
    with transaction.atomic():
        data = {"service_code": PAVEMENT, "address_id": "370602003006", "description": "塌了"}
        told = client.post("/open311/v2/requests.json", data)
        assert told.status_code == 200
        made = Request.objects.get(code=told.json()[0]["service_request_id"])
        assert made.heard_by_id is None and made.voices.get().user_id is None
        transaction.set_rollback(True)
    for url in urls(here):
        assert ask(client, "GET", url).content == ask(Client(), "GET", url).content


def test_other_methods_are_refused(counties: Counties) -> None:
    for p, url in zip(patterns(), [urls(counties[1])[0]] * len(patterns()), strict=True):
        assert p.callback.route.methods
        for method in ("put", "patch", "delete", "options"):
            assert getattr(Client(), method)(url).status_code == 405
    assert {c.name for c in CAST} >= set(WITH_CAPS)

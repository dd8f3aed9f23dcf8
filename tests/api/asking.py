"""How a test asks the interface: with a token of somebody of the cast, in JSON, with a key for each write."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from heli.api.steps import Minted, mint_token
from heli.core.actor import SYSTEM
from heli.orgs.models import Grant

MARKS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
keys = itertools.count(1)


def grant_of(world: Any, name: str, role: str = "") -> Grant:
    """The (first) grant of somebody of the cast."""
    found = Grant.objects.filter(user=world.user(name)).order_by("id").select_related("role")
    return (found.filter(role__key=role) if role else found)[0]


def minted(world: Any, name: str, *, caps: Any = None, days: float = 30, role: str = "") -> Minted:
    """A token for somebody's grant, with all it allows unless `caps` says less."""
    grant, now = grant_of(world, name, role), timezone.now()
    return mint_token(
        grant_id=grant.pk, name=f"{name}的系统", caps=caps or grant.role.caps, expires_at=now + dt.timedelta(days=days),
        by=SYSTEM, at=now,
    )  # fmt: skip


class Machine:
    """Another system with one token (or none)."""

    def __init__(self, secret: str = "") -> None:
        self.client = Client(raise_request_exception=False)
        self.secret = secret

    def headers(self, **more: str) -> dict[str, str]:
        return ({"Authorization": f"Bearer {self.secret}"} if self.secret else {}) | more

    def get(self, where: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{where}", query, headers=self.headers(**(headers or {})))

    def post(self, where: str, body: Any = None, *, key: str = "", headers: dict[str, str] | None = None) -> Any:
        sent = self.headers(**{"Idempotency-Key": key or f"test-{next(keys)}"}, **(headers or {}))
        return self.client.post(
            f"/api/v1/{where}", json.dumps(body or {}), content_type="application/json", headers=sent
        )

    def form(self, where: str, data: dict[str, Any], *, key: str = "") -> Any:
        sent = self.headers(**{"Idempotency-Key": key or f"test-{next(keys)}"})
        return self.client.post(f"/api/v1/{where}", data, headers=sent)


def machine(world: Any, name: str, **more: Any) -> Machine:
    return Machine(minted(world, name, **more).secret)


def counted(ask: Any) -> tuple[Any, int]:
    """The response, and its statements without the marks of transactions."""
    with CaptureQueriesContext(connection) as caught:
        response = ask()
    said = [q["sql"] for q in caught.captured_queries if not q["sql"].startswith(MARKS)]
    return response, len(said)

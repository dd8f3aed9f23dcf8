"""How a test asks the staff pages of the loop: log in, act, count what it cost, read what came back."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from heli.core.actor import SYSTEM
from heli.loop import steps
from heli.loop.models import Dispatch
from heli.loop.queries import parts
from heli.loop.queries import unit as queries
from heli.orgs.steps import give_grant
from tests.loop.told import AT

NOW = AT + dt.timedelta(hours=3)
PHONE = "13800000017"
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def log_in(world: Any, who: str) -> Client:
    client = Client()
    client.force_login(world.user(who))
    return client


def second_supervisor(world: Any, since: dt.datetime) -> Any:
    """郝回访 becomes a second supervisor: exclusions and extensions take two people."""
    who = world.user("郝回访").pk
    give_grant(user_id=who, role="supervisor", paths=("370602",), org_id=None, reason="两人", by=SYSTEM, at=since)
    return world.actor("郝回访")


def counted(ask: Any) -> tuple[Any, int]:
    """The response and how many statements it cost, with nothing remembered from before."""
    parts._calendar_of_minute.cache_clear()
    queries._rules_of_minute.cache_clear()
    with CaptureQueriesContext(connection) as said:
        response = ask()
    return response, sum(not q["sql"].startswith(UNCOUNTED) for q in said.captured_queries)


def page_of(told: Any) -> str:
    return f"/loop/r/{told.request.code}/"


def act(client: Client, verb: str, pk: int, told: Any, **typed: Any) -> Any:
    return client.post(f"/loop/act/{pk}/{verb}/", {"code": told.request.code} | typed)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def picture() -> io.BytesIO:
    made = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 90)).save(made, "PNG")
    made.seek(0)
    made.name = "看.png"
    return made


def rows(client: Client, where: str = "/loop/inbox/") -> list[str]:
    """Titles of a list, in its order."""
    return [r.request.title for r in client.get(where).context["page"].rows]


def give_back(world: Any, told: Any, who: str) -> None:
    """Their unit says it is not theirs, and the desk agrees."""
    steps.ask_return(
        dispatch_id=told.lead.pk,
        by=world.actor(who),
        at=told.later(0),
        reason_code="not_ours",
        reason="不归我们",
        legal_basis="三定规定",
    )
    returning = Dispatch.objects.get(request=told.request_id, state="returning")
    steps.decide_return(
        dispatch_id=returning.pk, by=world.actor("孙坐席"), at=told.later(0), uphold=True, reason="成立"
    )

"""The page of jobs that failed: words for every task, one page after the other, the list as a file; and menus that lead
nowhere one may not go."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from heli.core.actor import SYSTEM
from heli.core.errors import Invalid
from heli.core.models import Event
from heli.ops import queries
from heli.ops.rotation import Sealed
from heli.orgs.steps import give_grant
from tests.loop.staff import log_in, text_of
from tests.world import CAST, COUNTY, NEXT_COUNTY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]


@pytest.fixture
def no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def fail(n: int, task: str = "loop.tell") -> None:
    with connection.cursor() as cur:
        cur.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
            " SELECT 'tell', %s, '{}', 'failed', 7 FROM generate_series(1, %s)",
            [task, n],
        )


def test_every_task_has_words() -> None:
    ours = {name for name in app.tasks if not name.startswith(("builtin", "procrastinate"))}
    assert ours - queries.WORK.keys() == set(), "a task without words"
    assert queries.WORK.keys() - ours == set(), "words of a task that is not there"


def test_pages_of_failed_jobs(world: Any) -> None:
    fail(53)
    first = queries.failed_jobs()
    second = queries.failed_jobs(after=first.next)
    ids = [j.id for j in (*first.rows, *second.rows)]
    assert len(first.rows) == 50 and second.next == "" and ids == sorted(set(ids), reverse=True) and len(ids) == 53
    with pytest.raises(Invalid):
        queries.failed_jobs(after="x")
    page = text_of(log_in(world, "姜管理").get("/jobs/"))
    assert f"after={first.next}" in page and "短信" in page


def test_the_list_as_a_file(world: Any) -> None:
    fail(1)
    admin = log_in(world, "姜管理")
    assert admin.post("/jobs/export/", {"purpose": ""}).status_code == 400
    sent = admin.post("/jobs/export/", {"purpose": "报给厂家"})
    rows = list(load_workbook(io.BytesIO(sent.content)).worksheets[0].values)
    assert rows[1][2] == "loop.tell" and len(rows) == 2
    assert Event.objects.get(step="list.export").data["purpose"] == "报给厂家"
    assert log_in(world, "孙坐席").post("/jobs/export/", {"purpose": "看"}).status_code == 403


def links_of(page: str) -> set[str]:
    """Where the bar and the menu lead."""
    parts = re.findall(r"<header.*?</header>", page, re.S) + re.findall(r"<nav.*?</nav>", page, re.S)
    return {h for part in parts for h in re.findall(r'<a [^>]*href="(/[^"#?]*)"', part)}


@pytest.mark.parametrize("name", [c.name for c in CAST])
def test_every_link_of_the_menu_opens(world: Any, name: str) -> None:
    client = log_in(world, name)
    links = links_of(text_of(client.get("/")))
    assert "/me/" in links, "the menu was found"
    for link in links:
        assert client.get(link, follow=True).status_code == 200, link


def test_who_manages_elsewhere_has_no_link_to_our_jobs(world: Any) -> None:
    give_grant(
        user_id=world.outsider.pk, role="area_admin", paths=(NEXT_COUNTY,), reason="试", by=SYSTEM, at=timezone.now()
    )
    client: Client = log_in(world, "外县人")
    links = links_of(text_of(client.get("/")))
    assert "/jobs/" not in links and "/orgs/grants/" in links
    assert client.get("/jobs/").status_code == 403
    assert "/jobs/" in links_of(text_of(log_in(world, "姜管理").get("/"))), COUNTY


def test_what_holds_sealed_texts_says_how_to_find_them() -> None:
    with pytest.raises(TypeError):
        Sealed("nothing", ProcrastinateJob.objects.none())  # type: ignore[abstract]

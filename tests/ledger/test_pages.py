"""Pages of hours: one's own, the desk and its decisions, the public log; what each costs."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.actor import Actor
from heli.ledger import log, queries, steps
from heli.ledger.models import Entry, Sequenced, Service
from heli.ledger.steps import Line
from tests.ledger.made import DAY, HOUR, Made, made
from tests.loop.staff import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def m(world: Any) -> Made:
    return made(world)


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def client(m: Made, name: str) -> Client:
    return log_in(m.world, name)


def test_ones_own_hours_with_their_place_in_the_log(m: Made) -> None:
    for n in range(3):
        service = m.one(starts=timezone.now() - (2 + n) * DAY, enrolled_at=timezone.now() - 9 * DAY)
        m.do(
            steps.attend,
            [Line(service_id=service.pk, minutes=90, starts=service.starts, ends=service.ends, grade="scan")],
            at=timezone.now(),
        )
        if n:
            m.do(steps.approve, [Line(service_id=service.pk)], at=timezone.now())
    log.sequence()
    actor: Actor = m.who("赵志愿")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        sums, page = queries.sums(actor), queries.mine(actor)
    assert len(seen) == 4
    assert (sums["approved"], sums["waiting"]) == (queries.length(180), queries.length(90))
    assert [x.index is not None for r in page.rows for x in r.lines] == [True] * 8
    me = client(m, "赵志愿")
    me.get("/hours/")
    with CaptureQueriesContext(connection) as seen:
        said = me.get("/hours/").content.decode()
    assert len(seen) <= 7, [q["sql"][:90] for q in seen]  # three of them the account's
    assert "不到" not in said, "nothing held is none, not a little"
    assert "陪老人说话" in said and "存证第" in said
    assert "陪老人说话" not in client(m, "周银龄").get("/hours/").content.decode()


def test_the_desk_says_what_is_late_and_decides(m: Made) -> None:
    now = timezone.now()
    late = m.one(starts=now - 40 * DAY, enrolled_at=now - 50 * DAY)
    due = m.one("周银龄", starts=now - 5 * HOUR)
    desk = client(m, "李社工")
    counts = queries.counts(m.who("李社工"), now, timezone.localdate(now))
    assert counts == {"late": 1, "due": 1, "held": 0}
    said = desk.get("/hours/desk/").content.decode()
    assert "第十一条" in said and "赵志愿" in said and "周银龄" not in said  # the late ones come first
    assert (
        desk.post(f"/hours/{late.pk}/approve/", {"approve-minutes": "500", "approve-grade": "paper"}).status_code == 400
    )
    assert desk.post(f"/hours/{late.pk}/hold/", {"hold-minutes": "60", "hold-grade": "paper"}).status_code == 400
    for service, credited, then in (
        (late, None, "为什么在等"),
        (due, 100, "更正时长"),
    ):  # what is late waits for a second person
        gone = desk.post(f"/hours/{service.pk}/approve/", {"approve-minutes": "100", "approve-grade": "paper"})
        assert gone.status_code == 302 and Service.objects.get(pk=service.pk).credited == credited
        assert then in desk.get(f"/hours/{service.pk}/").content.decode()
    assert client(m, "外县人").get(f"/hours/{late.pk}/").status_code in {403, 404}


def test_the_desk_is_narrowed_and_taken_away_without_names(m: Made) -> None:
    now = timezone.now()
    days = (40, 30, 20)
    for n in days:
        m.one(starts=now - n * DAY, enrolled_at=now - 60 * DAY, title=f"第 {n} 天")
    desk, today = client(m, "李社工"), timezone.localdate(now)
    for asked, left in (
        ({}, 3),
        ({"q": "第 30"}, 1),
        ({"first": str(today - 31 * DAY)}, 2),
        ({"last": str(today - 30 * DAY)}, 2),
        ({"org": str(m.world.org("银龄队").pk)}, 0),
        ({"first": "gestern", "org": "x"}, 3),
    ):
        page = desk.get("/hours/desk/", {"do": "late"} | asked).content.decode()
        assert sum(f"第 {n} 天" in page for n in days) == left, asked
    book = desk.post("/hours/desk/export/?do=late&q=第 30", {"purpose": "月底核对"})
    (rows,) = [list(load_workbook(BytesIO(book.content)).worksheets[0].iter_rows(values_only=True))]
    assert [r[1] for r in rows] == ["服务", "第 30 天"] and "赵志愿" not in str(rows)
    assert desk.post("/hours/desk/export/?do=late", {"purpose": ""}).status_code == 400
    f, actor = queries.Filters(q="第"), m.who("李社工")
    with CaptureQueriesContext(connection) as seen:
        queries.desk(actor, "late", now, today, f)
    assert len(seen) == 1


def test_the_log_is_open_to_everybody(m: Made) -> None:
    nobody = Client()
    assert nobody.get("/log/").status_code == 200 and nobody.get("/log/checkpoint").status_code == 404
    m.one()
    log.sequence()
    log.checkpoint(timezone.now())
    head = nobody.get("/log/checkpoint").content.decode().split("\n")
    assert head[1] == "1" and head[4].startswith("— ")
    tile = nobody.get("/log/tile/0/000.p/1")
    assert tile.content == bytes(Sequenced.objects.get().hash)
    for wrong in ("0/000", "0/000.p/2", "0/0", "0/x000/000.p/1", "1/000.p/1", "0/000.p/0"):
        assert nobody.get(f"/log/tile/{wrong}").status_code == 404, wrong
    pk = Entry.objects.get().pk
    found = log.proof([("entry", pk)])
    assert found is not None
    shown = found.leaves[0]
    assert shown.index == 0 and shown.leaf.startswith(log.PREFIX)

"""More time, requests not solved after the last round, exclusions: a second person decides, in writing, in the own area."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import steps
from heli.loop.models import Clock, Exclusion, Extension
from heli.loop.queries import decisions as queries
from heli.loop.queries import parts
from heli.orgs.steps import give_grant
from tests.loop.staff import log_in, second_supervisor
from tests.loop.told import AT, HOUR, Told, tell

NOW = AT + 8 * HOUR
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture(autouse=True)
def _now(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def second(world) -> Any:
    """郝回访 is a second supervisor."""
    return second_supervisor(world, AT)


def asked(world: Any, *, days: int = 3, after: float = 0, **more: Any) -> tuple[Told, Extension]:
    told = tell(world, **more)
    told.dispatch()
    told.accept()
    told.later(after)
    clock = Clock.objects.get(request=told.request_id, kind="reply", outcome="running")
    made = steps.ask_extension(
        clock_id=clock.pk,
        by=world.actor("于科员"),
        at=told.later(0.5),
        kind="more",
        days=days,
        reason="要开挖查原因",
        basis="道路管理条例第三十三条",
    )
    return told, made


def appealed(world: Any) -> Told:
    told = tell(world, at=AT - dt.timedelta(days=20)).answered()
    for _round in range(3):
        told.judge("no", 2, words="又塌了，三趟都没修好")
        if told.request.state == "appealed":
            return told
        told.reply()
    raise AssertionError(told.request.state)


def proposed(world: Any, who: str = "吕部长", reason: str = "court") -> tuple[Told, Exclusion]:
    told = tell(world, at=AT - dt.timedelta(days=5)).answered()
    made = steps.propose_exclusion(
        request_id=told.request_id,
        by=world.actor(who),
        at=told.later(1),
        reason=reason,
        evidence="（2026）鲁 0602 民初 12 号受理通知书",
    )
    return told, made


# More time ------------------------------------------------------------------------------------------------------------
def test_what_was_asked_stands_oldest_first_with_what_the_deadline_would_become(world):
    first = asked(world)[1]
    second_one = asked(world, after=2)[1]
    page = log_in(world, "吕部长").get("/loop/extensions/")
    rows = page.context["page"].rows
    assert [x.extension.pk for x in rows] == [first.pk, second_one.pk]
    said = page.content.decode()
    assert "要开挖查原因" in said and "道路管理条例第三十三条" in said and "于科员" in said
    then = rows[0].then
    steps.decide_extension(extension_id=first.pk, by=world.actor("吕部长"), at=NOW, approve=True)
    assert Clock.objects.get(pk=first.clock_id).due_at == then


def test_giving_the_time(world):
    told, made = asked(world)
    was = made.clock.due_at
    answer = log_in(world, "吕部长").post(f"/loop/extensions/{made.pk}/", {"decide": "yes", "reason": ""})
    assert (answer.status_code, answer["Location"]) == (303, "/loop/extensions/")
    made.refresh_from_db()
    assert made.state == "approved" and Clock.objects.get(pk=made.clock_id).due_at > was
    done = log_in(world, "吕部长").get("/loop/extensions/?tab=decided").content.decode()
    assert told.request.title in done and "吕部长" in done
    assert "没有待批的延期" in log_in(world, "吕部长").get("/loop/extensions/").content.decode()


def test_a_no_needs_its_reason_and_what_was_typed_stays(world):
    _told, made = asked(world)
    client, here = log_in(world, "吕部长"), f"/loop/extensions/{made.pk}/"
    assert client.post(here, {"decide": "no", "reason": " "}).status_code == 400
    assert client.post(here, {"reason": "还没想好"}).status_code == 400
    assert "还没想好" in client.post(here, {"decide": "maybe", "reason": "还没想好"}).content.decode()
    assert client.post(here, {"decide": "no", "reason": "现有条件能按期"}).status_code == 303
    made.refresh_from_db()
    assert made.state == "refused"
    again = client.post(here, {"decide": "yes"})
    assert again.status_code == 409  # decided meanwhile: told, not done twice


def test_who_asked_cannot_decide(world):
    told, made = asked(world)
    give_grant(
        user_id=world.user("于科员").pk,
        role="supervisor",
        paths=("370602",),
        org_id=None,
        reason="代管",
        by=SYSTEM,
        at=AT,
    )
    client = log_in(world, "于科员")
    assert "要由第二个人定" in client.get("/loop/extensions/").content.decode()
    answer = client.post(f"/loop/extensions/{made.pk}/", {"decide": "yes"})
    assert answer.status_code == 403 and Extension.objects.get(pk=made.pk).state == "asked"
    assert told.request.state == "handling"


# After the last round -------------------------------------------------------------------------------------------------
def test_once_more_or_closed_in_writing(world):
    told, other = appealed(world), appealed(world)
    client = log_in(world, "吕部长")
    page = client.get("/loop/appeals/")
    assert {x.request.pk for x in page.context["page"].rows} == {told.request_id, other.request_id}
    assert "又塌了，三趟都没修好" in page.content.decode()
    here = f"/loop/appeals/{told.request_id}/"
    assert client.post(here, {"decide": "again", "reason": ""}).status_code == 400
    assert client.post(here, {"decide": "again", "reason": "由负责人到场，三天内修好"}).status_code == 303
    assert (told.request.state, told.request.lap) == ("handling", 4)
    assert (
        client.post(
            f"/loop/appeals/{other.request_id}/", {"decide": "close", "reason": "能做的已做完，理由已当面说明"}
        ).status_code
        == 303
    )
    assert (other.request.state, other.request.solved) == ("closed", "no")  # what was judged stays
    assert client.post(f"/loop/appeals/{other.request_id}/", {"decide": "close", "reason": "再来"}).status_code == 409
    assert "没有等您定的" in client.get("/loop/appeals/").content.decode()
    for outcome, wanted in (("", [other, told]), ("again", [told]), ("close", [other]), ("nonsense", [other, told])):
        past = client.get(f"/loop/appeals/?tab=decided&outcome={outcome}")
        rows = [x.decision for x in past.context["page"].rows]
        assert [d.request_id for d in rows] == [t.request_id for t in wanted], outcome
    assert (rows[1].lap, rows[1].again, rows[1].by.pk) == (3, True, world.user("吕部长").pk)
    assert "能做的已做完" in past.content.decode() and "再来" not in past.content.decode()
    assert log_in(world, "于科员").get("/loop/appeals/?tab=decided").status_code == 403
    answer = client.post("/loop/appeals/export/?tab=decided&outcome=close", {"purpose": "月度复核"})
    sheet = list(load_workbook(io.BytesIO(answer.content)).worksheets[0].values)
    assert len(sheet) == 2 and other.request.code in sheet[1] and "又塌了" not in str(sheet)


# Exclusions -----------------------------------------------------------------------------------------------------------
def test_a_second_person_confirms_and_a_second_person_lifts(world, second):
    told, made = proposed(world)
    own, other, here = log_in(world, "吕部长"), log_in(world, "郝回访"), f"/loop/exclusions/{made.pk}/"
    assert "这是您提的，要由第二个人定" in own.get("/loop/exclusions/").content.decode()
    assert own.post(here, {"decide": "confirm"}).status_code == 403
    assert not told.request.excluded
    assert other.post(here, {"decide": "confirm"}).status_code == 303
    assert told.request.excluded
    listed = own.get("/loop/exclusions/?tab=confirmed")
    assert listed.context["reasons"][0][1] == 1 and "要由第二个人撤销" in listed.content.decode()
    assert own.post(here, {"decide": "lift", "reason": "裁定不予受理"}).status_code == 403
    assert other.post(here, {"decide": "lift", "reason": ""}).status_code == 400
    lifted = other.post(here, {"decide": "lift", "reason": "裁定不予受理"})
    assert (lifted.status_code, lifted["Location"]) == (303, "/loop/exclusions/?tab=confirmed")
    assert not told.request.excluded
    assert told.request.title in other.get("/loop/exclusions/?tab=past").content.decode()


def test_refusing_needs_a_reason(world, second):
    told, made = proposed(world)
    client, here = log_in(world, "郝回访"), f"/loop/exclusions/{made.pk}/"
    assert client.post(here, {"decide": "refuse", "reason": ""}).status_code == 400
    assert client.post(here, {"decide": "refuse", "reason": "受理通知书不是判决"}).status_code == 303
    assert Exclusion.objects.get(pk=made.pk).state == "refused" and not told.request.excluded


def test_the_tabs_count_what_they_open(world, second):
    for n in range(3):
        made = proposed(world, reason="court" if n else "untrue")[1]
        if n:
            steps.confirm_exclusion(exclusion_id=made.pk, by=second, at=NOW)
    client = log_in(world, "郝回访")
    for tab, _title, number in client.get("/loop/exclusions/").context["tabs"]:
        assert len(client.get(f"/loop/exclusions/?tab={tab}").context["page"].rows) == number, tab
    assert queries.exclusion_counts(second)[0] == {"proposed": 1, "confirmed": 2}


# All three ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "where",
    [
        "extensions",
        "extensions/?tab=decided",
        "appeals",
        "appeals/?tab=decided",
        "exclusions",
        "exclusions/?tab=confirmed",
    ],
)
def test_lists_of_fifty_cost_at_most_eight_statements(world, second, where):
    for _n in range(3):
        asked(world)
        appealed(world)
        steps.confirm_exclusion(exclusion_id=proposed(world)[1].pk, by=second, at=NOW)
        proposed(world)
    steps.decide_extension(extension_id=asked(world)[1].pk, by=second, at=NOW, approve=True)
    steps.decide_appeal(request_id=appealed(world).request_id, by=second, at=NOW, again=False, decision="已当面说明")
    client = log_in(world, "郝回访")
    path = f"/loop/{where}" + ("" if "?" in where else "/")
    parts._calendar_of_minute.cache_clear()
    with CaptureQueriesContext(connection) as caught:
        page = client.get(path)
    assert page.status_code == 200 and page.context["page"].rows
    said = [q["sql"] for q in caught.captured_queries if not q["sql"].startswith(UNCOUNTED)]
    assert len(said) <= 8, said


def test_pages_of_a_long_list(world, second, monkeypatch):
    for n in range(5):
        asked(world, after=n)
        proposed(world)
        appealed(world)
    monkeypatch.setattr("heli.loop.queries.decisions.keyset", keyset_of_two)
    client = log_in(world, "吕部长")
    for where in ("extensions", "appeals", "exclusions"):
        seen, after = [], ""
        while True:
            page = client.get(f"/loop/{where}/", {"after": after} if after else {}).context["page"]
            seen += page.rows
            after = page.next
            if not after:
                break
        assert len(seen) == 5, where
    assert client.get("/loop/extensions/?after=xyz").status_code == 400


def keyset_of_two(*args: Any, **kwargs: Any) -> Any:
    from heli.core.paging import keyset

    return keyset(*args, **{**kwargs, "size": 2})


def test_nobody_else_sees_or_decides(world, second):
    _told, extension = asked(world)
    lost, exclusion = appealed(world), proposed(world)[1]
    posts = (
        (f"/loop/extensions/{extension.pk}/", {"decide": "yes"}),
        (f"/loop/appeals/{lost.request_id}/", {"decide": "close", "reason": "结"}),
        (f"/loop/exclusions/{exclusion.pk}/", {"decide": "confirm"}),
    )
    for who in ("于科员", "孙坐席", "姜管理", "外县人", "王桂兰"):
        client = log_in(world, who)
        for where, data in posts:
            assert client.get(where.rsplit("/", 2)[0] + "/").status_code == 403, (who, where)
            assert client.post(where, data).status_code == 403, (who, where)
    give_grant(
        user_id=world.user("外县人").pk,
        role="supervisor",
        paths=("370613",),
        org_id=None,
        reason="邻县",
        by=SYSTEM,
        at=AT,
    )
    stranger = log_in(world, "外县人")
    for where, data in posts:
        assert stranger.get(where.rsplit("/", 2)[0] + "/").context["page"].rows == []
        assert stranger.post(where, data).status_code == 404, where
        missing = where.replace(where.split("/")[-2], "999999")
        assert stranger.post(missing, data).status_code == 404
    assert Extension.objects.get(pk=extension.pk).state == "asked" and lost.request.state == "appealed"


@pytest.mark.parametrize("where", ["extensions", "appeals", "exclusions"])
def test_lists_as_spreadsheets(world, second, where):
    asked(world)
    appealed(world)
    proposed(world)
    client = log_in(world, "吕部长")
    assert client.post(f"/loop/{where}/export/", {}).status_code == 400
    answer = client.post(f"/loop/{where}/export/", {"purpose": "月度复核"})
    rows = list(load_workbook(io.BytesIO(answer.content)).worksheets[0].values)
    assert len(rows) == 2
    assert "又塌了" not in str(rows)  # the residents' own words stay in the pages
    kept = Event.objects.filter(step="list.export").latest("id").data
    assert (kept["list"], kept["purpose"], kept["rows"]) == (where, "月度复核", 1)

"""The list of a shift goes out as a table and comes back in the same layout: unchanged it changes nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from heli.core.errors import Forbidden, NotFound, WrongState
from heli.core.models import Access, Event
from heli.volunteering import exchange_errors as errors
from heli.volunteering.models import Enrolment, Roster
from heli.volunteering.queries import roster as queries
from heli.volunteering.steps import enrol
from heli.volunteering.steps import roster as steps
from tests.volunteering.places import DAY, crowd, join, myself, shift, volunteer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def leader(world: Any, name: str = "钱站长") -> Client:
    client = Client()
    client.force_login(world.user(name), backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def cells(content: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(io.BytesIO(content)).worksheets[0].iter_rows(values_only=True))


def book(rows: list[tuple[Any, ...]]) -> bytes:
    made, out = Workbook(), io.BytesIO()
    for row in rows:
        made.active.append(row)
    made.save(out)
    return out.getvalue()


def exported(client: Client, slot: Any, **more: str) -> list[tuple[Any, ...]]:
    got = client.post(f"/volunteering/shift/{slot.shift_id}/export/", {"purpose": "核对", **more})
    assert got.status_code == 200
    return cells(got.content)


def lay(world: Any, slot: Any, raw: bytes, name: str = "名单.xlsx", who: str = "钱站长") -> Roster:
    return steps.lay_roster(shift_id=slot.shift_id, name=name, raw=raw, by=world.actor(who), at=timezone.now())


def look(world: Any, roster: Roster) -> list[tuple[str, str]]:
    return [(p.outcome, p.code) for p in queries.look_at(roster, by=world.actor("钱站长"), at=timezone.now()).rows]


def soon(world: Any, **more: Any) -> Any:
    return shift(world, starts=timezone.now().replace(microsecond=0, second=0) + 3 * DAY, **more)


def test_unchanged_it_changes_nothing_and_comes_out_the_same(world: Any) -> None:
    slot, now = soon(world, most=3), timezone.now()
    zhao, xue = volunteer(world, "赵志愿"), volunteer(world, "薛师傅")
    (gone,) = crowd(world, 1)
    join(slot, zhao, at=now), join(slot, xue, at=now)
    out = join(slot, gone, at=now)
    enrol.withdraw(enrolment_id=out.pk, by=myself(gone), at=now, reason="家里有事")
    client = leader(world)
    first = exported(client, slot)
    assert first[0] == (
        "志愿者编号", "姓名", "岗位", "班次开始", "班次结束", "状态", "计划分钟", "签到分钟", "批准分钟", "备注",
    )  # fmt: skip
    assert [(r[0], r[1], r[6], r[9]) for r in first[1:]] == [
        (zhao.number, "赵**", 120, None), (xue.number, "薛**", 120, None), (gone.number, "志**", 120, "家里有事"),
    ]  # fmt: skip
    laid = lay(world, slot, book(first))
    assert look(world, laid) == [("there", ""), ("there", ""), ("left", "")]
    before = list(Enrolment.objects.order_by("id").values())
    done = steps.take_roster(roster_id=laid.pk, lines=range(9), by=world.actor("钱站长"), at=timezone.now())
    assert (done.state, done.taken, done.known, done.content) == ("done", 0, 2, "")
    assert list(Enrolment.objects.order_by("id").values()) == before
    assert exported(client, slot) == first


def test_each_row_says_what_would_come_of_it_and_only_the_ticked_are_enrolled(world: Any) -> None:
    slot, other = soon(world, most=2), soon(world, most=5)
    zhao, xue, wang = (volunteer(world, n) for n in ("赵志愿", "薛师傅", "王桂兰"))
    join(slot, zhao, at=timezone.now()), join(other, wang, at=timezone.now())  # 王桂兰 is busy then
    four = crowd(world, 4)
    later = (timezone.localtime(slot.shift.starts) + DAY).strftime("%Y-%m-%d %H:%M")
    rows = [
        ("志愿者编号", "岗位", "状态", "班次开始"),
        (zhao.number, "陪伴", "", ""), (xue.number, "", "", ""), (wang.number, "陪伴", "", ""), ("NOBODY", "", "", ""),
        (four[0].number, "做饭", "", ""), (four[1].number, "陪伴", "不知道", ""), (four[2].number, "陪伴", "退出了", later),
        (xue.number, "陪伴", "", ""), (four[3].number.lower(), "陪伴", "", ""),
    ]  # fmt: skip
    raw = "\n".join(",".join(r) for r in rows).encode("gb18030")
    laid = lay(world, slot, raw, "名单.csv")
    assert look(world, laid) == [
        ("there", ""), ("enrol", ""), ("refused", "L-932"), ("refused", "L-936"), ("refused", "L-996"), ("refused", "L-997"),
        ("left", ""), ("refused", "L-998"), ("wait", ""),
    ]  # fmt: skip
    client, page = leader(world), f"/volunteering/roster/{laid.pk}/"
    assert "有 2 人可以报名" in client.get(page).content.decode()
    assert client.post(f"{page}take/", {"line": ["3", "10", "999"]}).status_code == 303
    made = Enrolment.objects.filter(shift=slot.shift, how="import").order_by("id").values_list("volunteer", "state")
    assert list(made) == [(xue.pk, "confirmed"), (four[3].pk, "waiting")]
    result = cells(client.get(f"{page}result.xlsx").content)
    assert [r[3] for r in result[1:]].count("已报上") == 1 and len(result) == 10
    with pytest.raises(WrongState):
        steps.take_roster(roster_id=laid.pk, lines=[3], by=world.actor("钱站长"), at=timezone.now())


def test_names_only_for_who_may_and_each_of_them_sees_it(world: Any) -> None:
    slot = soon(world)
    zhao = volunteer(world, "赵志愿")
    join(slot, zhao, at=timezone.now())
    rows, led = [Enrolment.objects.get()], world.actor("钱站长")
    assert not steps.may_name(led, slot.shift.activity.area_path)
    with pytest.raises(Forbidden):
        steps.open_names(rows=rows, purpose="通知", by=led, at=timezone.now())
    assert leader(world).post(
        f"/volunteering/shift/{slot.shift_id}/export/", {"purpose": "通知", "names": "on"}
    ).status_code == 403  # fmt: skip
    han = world.actor("韩网格")
    assert steps.open_names(rows=rows, purpose="通知", by=han, at=timezone.now()) == {zhao.pk: "赵志愿"}
    assert Access.objects.filter(record=zhao.record_id, user_id=han.user_id, purpose="通知").count() == 1
    got = leader(world).post(f"/volunteering/desk/{slot.shift.activity_id}/roster/", {"purpose": "核对"})
    assert len(cells(got.content)) == 2 and Event.objects.filter(step="list.export").exists()


def test_what_is_no_such_table_and_whose_it_is(world: Any) -> None:
    slot = soon(world)
    for raw, error in (
        ("岗位,状态\n陪伴,\n".encode(), errors.NoNumbers),
        (("志愿者编号\n" + "X\n" * 501).encode(), errors.TooManyLines),
    ):
        with pytest.raises(error):
            lay(world, slot, raw, "a.csv")
    good = "志愿者编号,岗位\nX,陪伴\n".encode()
    for stranger in ("外县人", "李社工"):
        with pytest.raises((NotFound, Forbidden)):
            lay(world, slot, good, "a.csv", who=stranger)
    laid = lay(world, slot, good, "a.csv")
    with pytest.raises(NotFound):
        queries.seen(world.actor("李社工"), laid.pk)
    assert steps.forget_rosters(at=timezone.now() + 2 * DAY) == 1
    laid.refresh_from_db()
    assert (laid.state, laid.content) == ("dropped", "")


@pytest.mark.parametrize("n", [2, 40])
def test_looking_costs_the_same_for_many(world: Any, n: int) -> None:
    slot, people = soon(world, most=50), crowd(world, n)
    raw = ("志愿者编号,岗位\n" + "".join(f"{v.number},陪伴\n" for v in people)).encode()
    laid = lay(world, slot, raw, "a.csv")
    with CaptureQueriesContext(connection) as seen:
        found = queries.look_at(laid, by=world.actor("钱站长"), at=timezone.now())
    assert len(found.chosen) == n and len(seen) <= 12, [q["sql"][:90] for q in seen]

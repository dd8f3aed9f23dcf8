"""Lists turn their pages by keyset; what each operation costs in statements; what a key does over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from heli.core.models import Event, Once
from heli.loop.models import Remark, Request
from heli.loop.queries import parts
from tests.api.asking import Machine, counted, machine
from tests.api.test_round import TOLD, ok, picture
from tests.database import race
from tests.loop.told import tell


def pages(m: Machine, where: str, size: int) -> list[Any]:
    rows, after = [], ""
    while True:
        page = ok(m.get(where, size=size, after=after))
        assert len(page["rows"]) <= size
        rows += page["rows"]
        if page["next"] is None:
            return rows
        after = page["next"]


def test_every_row_once_on_some_page(db: None, world: Any) -> None:
    told = [tell(world, f"第 {n} 件：路面塌陷", at=timezone.now()) for n in range(7)]
    for t in told[:5]:
        t.dispatch()
    desk, unit = machine(world, "孙坐席"), machine(world, "于科员")
    for size in (1, 2, 3, 200):
        codes = [r["code"] for r in pages(desk, "requests", size)]
        assert codes == [t.request.code for t in reversed(told)]
        assert len({r["code"] for r in pages(desk, "desk", size)}) == 2
        assert len({r["dispatch"]["id"] for r in pages(unit, "inbox", size)}) == 5


def test_the_same_filters_as_the_page(db: None, world: Any) -> None:
    one, other = tell(world, at=timezone.now()), tell(world, "下水道堵了", at=timezone.now(), category="040201")
    one.dispatch()
    desk = machine(world, "孙坐席")
    found = {
        name: [r["code"] for r in ok(desk.get("requests", **f))["rows"]]
        for name, f in {"state": {"state": "heard"}, "q": {"q": "下水道"}, "cat": {"category": "0401"}}.items()
    }
    assert found == {"state": [other.request.code], "q": [other.request.code], "cat": [one.request.code]}
    assert ok(desk.get("requests-count", state="heard")) == {"count": 1, "more": False}


# What it costs --------------------------------------------------------------------------------------------------------
LIMITS = {"list": 8, "detail": 10, "create": 12, "accept": 15, "reply": 15}


def test_statements(db: None, world: Any) -> None:
    """Of the whole request: token, rate, key and step included; the first use of a token in an hour costs one more."""
    desk, unit = machine(world, "孙坐席"), machine(world, "于科员")
    for n in range(50):
        tell(world, f"第 {n} 件", at=timezone.now())
    told = tell(world, at=timezone.now())
    made, code = told.dispatch(), told.request.code
    desk.get("desk"), unit.get("inbox")
    cost: dict[str, int] = {}
    parts._calendar_of_minute.cache_clear()
    answer, cost["list"] = counted(lambda: desk.get("requests", size=50))
    assert len(ok(answer)["rows"]) == 50
    parts._calendar_of_minute.cache_clear()
    answer, cost["detail"] = counted(lambda: desk.get(f"requests/{code}"))
    ok(answer)
    answer, cost["create"] = counted(lambda: desk.post("requests", TOLD))
    ok(answer, 201)
    answer, cost["accept"] = counted(lambda: unit.post(f"dispatches/{made.pk}/accept"))
    ok(answer)
    called = {"way": "phone", "reached": True}
    ok(unit.post(f"requests/{code}/contacts", called), 201)  # from here on this process knows what the code stands for
    answer, cost["reply"] = counted(lambda: unit.post(f"requests/{code}/reply", {"text": "修好了"}))
    ok(answer, 201)
    print(f"\nstatements: {cost}")
    assert {k: n for k, n in cost.items() if n > LIMITS[k]} == {}


# Keys -----------------------------------------------------------------------------------------------------------------
def test_a_write_repeated_with_its_key_is_done_once(db: None, world: Any) -> None:
    told, desk = tell(world, at=timezone.now()), machine(world, "孙坐席")
    where = f"requests/{told.request.code}/notes"
    first, second = (desk.post(where, {"text": "看过"}, key="one") for _n in range(2))
    assert ok(first, 201) == ok(second, 201)
    assert "Idempotent-Replayed" not in first and second["Idempotent-Replayed"] == "true"
    assert Remark.objects.count() == 1 and Event.objects.filter(step="request.note").count() == 1
    other = desk.post(where, {"text": "另一句"}, key="one")
    assert other.status_code == 422 and other.json()["code"] == "L-527"
    assert desk.post(where, {"text": "另一句"}, key="two").status_code == 201


def test_what_failed_may_be_tried_again_with_the_same_key(db: None, world: Any) -> None:
    told, unit = tell(world, at=timezone.now()), machine(world, "于科员")
    made = told.dispatch()
    ask = {"reason_code": "not_ours", "reason": "不归我们", "legal_basis": " "}
    assert unit.post(f"dispatches/{made.pk}/return", ask, key="k").json()["code"] == "L-103"
    assert not Once.objects.exists()
    assert unit.post(f"dispatches/{made.pk}/return", ask | {"legal_basis": "三定规定"}, key="k").status_code == 200


def test_the_link_of_a_request_told_twice_is_the_same(db: None, world: Any) -> None:
    """Nobody is known here: the key counts together with what is told, and strangers share none."""
    one, two = (ok(Machine().post("requests", TOLD, key="1"), 201) for _n in range(2))
    assert one == two and Request.objects.count() == 1
    other = ok(Machine().post("requests", TOLD | {"text": "别的事"}, key="1"), 201)
    assert other["code"] != one["code"]


def test_files_count_to_the_question(db: None, world: Any) -> None:
    sent = [Machine().form("requests", {**TOLD, "photos": [picture()]}, key="f") for _n in range(2)]
    assert ok(sent[0], 201) == ok(sent[1], 201) and Request.objects.count() == 1


@pytest.mark.parametrize("kind", ["papers", "strange"])
def test_no_other_files_than_those_named(db: None, world: Any, kind: str) -> None:
    answer = Machine().form("requests", {**TOLD, kind: [picture()]})
    assert answer.status_code == 400 and answer.json()["code"] == "L-512"


def test_the_same_key_at_the_same_moment(fire_db: str, world: Any) -> None:
    told = tell(world, at=timezone.now())
    desk = machine(world, "孙坐席")
    where = f"requests/{told.request.code}/notes"
    answers = race(*(lambda: Machine(desk.secret).post(where, {"text": "看过"}, key="k") for _n in range(3)))
    assert [a.status_code for a in answers] == [201, 201, 201], answers
    assert len({a.content for a in answers}) == 1
    assert sorted(a.get("Idempotent-Replayed", "") for a in answers) == ["", "true", "true"]
    assert Remark.objects.count() == 1

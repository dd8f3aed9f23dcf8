"""The hot list: what several people told of in their own words, grouped the same however often, people counted once."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine

from heli.insight import hot
from heli.insight.models import Hot, HotRequest, HotState, Problem
from heli.loop import steps
from heli.loop.models import Request
from tests.insight.county import DAHAIYANG, DAY, NOW
from tests.insight.water import person
from tests.loop.staff import counted, log_in, text_of
from tests.loop.told import tell

COUNTY = "370602"
PLANT = (
    "丽景新城旁边的混凝土搅拌站半夜还在生产，噪音太大睡不着",
    "丽景新城搅拌站粉尘太大，窗户不敢开，噪音也大",
    "请查一查丽景新城边上的搅拌站，夜里施工噪音粉尘扰民",
    "丽景新城混凝土搅拌站离小区太近，灰尘和噪音让人没法住",
)
OTHERS = ("小学门口放学时车堵得走不动", "医保卡换了新的还不能用", "河边的护栏断了一截", "健身器材的把手掉了")


@pytest.fixture(autouse=True)
def _now(settings: Any):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def told(world: Any, texts: Any, first: int = 0, **more: Any) -> list[Any]:
    return [
        tell(world, text, at=NOW - DAY * (6 - n), area_path=DAHAIYANG, category="060104", **(person(first + n) | more))
        for n, text in enumerate(texts)
    ]


def groups() -> list[set[int]]:
    found: dict[int, set[int]] = {}
    for pk, of in HotRequest.objects.values_list("request", "hot"):
        found.setdefault(of, set()).add(pk)
    return sorted(found.values(), key=min)


def test_what_several_people_told_of_is_one_event_the_same_however_often(world):
    plant = told(world, PLANT)
    told(world, OTHERS, first=20)
    assert hot.refresh(NOW) == 1
    one = Hot.objects.get()
    assert groups() == [{t.request_id for t in plant}] and (one.people, one.requests) == (4, 4)
    assert one.area_path == DAHAIYANG and 1 < one.heat < 4 and HotState.objects.get().county == COUNTY
    assert hot.refresh(NOW) == 1 and Hot.objects.get().pk == one.pk, "it keeps its address"
    told(world, ("丽景新城搅拌站昨晚又响了一夜，粉尘落一窗台",), first=50)
    assert hot.refresh(NOW + DAY) == 1 and Hot.objects.get().people == 5
    HotState.objects.all().delete()
    assert hot.refresh(NOW + DAY) == 1 and Hot.objects.get().people == 5, "from the beginning it is the same"


def test_people_count_once_and_some_are_left_out(world):
    told(world, PLANT[:2])
    told(world, PLANT[2:], **person(0))  # the first of them again, twice
    assert hot.refresh(NOW) == 0, "two people"
    told(world, PLANT[:1], first=7, confidentiality="protected")
    told(world, PLANT[:1], first=8, kind="tip")
    gone = told(world, PLANT[:1], first=9)[0]
    steps.withdraw(request_id=gone.request_id, by=gone.resident, at=NOW, reason="不用了")
    assert hot.refresh(NOW) == 0, "protected, tips and what was withdrawn say nothing here"
    told(world, PLANT[1:2], first=10)
    assert hot.refresh(NOW) == 1 and Hot.objects.get().people == 3
    assert hot.refresh(NOW + dt.timedelta(days=80)) == 0, "it cools and goes"


def test_the_pages_and_the_way_to_a_standing_problem(world):
    rows = told(world, PLANT)
    Request.objects.filter(pk=rows[0].request_id).update(lat="37.541", lon="121.381")
    hot.refresh(NOW)
    one = Hot.objects.get()
    client = log_in(world, "吕部长")
    page, cost = counted(lambda: client.get("/board/hot/"))
    assert one.title in text_of(page) and cost <= 8
    single, cost = counted(lambda: client.get(f"/board/hot/{one.pk}/"))
    said = text_of(single)
    assert all(r.request.code in said for r in rows) and "hot-points" in said and cost <= 10
    form = text_of(client.get(f"/board/problems/new/?hot={one.pk}"))
    assert all(r.request.code in form for r in rows) and one.title in form
    book = client.post("/board/hot/export/", {"purpose": "周例会"})
    assert book.status_code == 200 and book["Content-Type"].startswith("application/vnd.openxml")
    assert log_in(world, "外县人").get(f"/board/hot/{one.pk}/").status_code in {403, 404}
    assert not Problem.objects.exists(), "a person names it"

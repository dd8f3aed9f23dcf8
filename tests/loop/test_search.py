"""Search by words: the database cuts texts as engines/grams.py does, and both ways to the hits give the same rows."""

from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings

from heli.engines import grams
from heli.loop import steps
from heli.loop.models import Request
from heli.loop.queries import requests as lists
from heli.loop.queries import search
from heli.loop.words import RequestWords
from tests.engines.test_grams import WORDS
from tests.loop.told import AT, HOUR, tell

TEXTS = (
    "通伸河边的路灯坏了三盏，晚上看不见路。",
    "楼道灯不亮，物业说没有配件。",
    "ＷＩＦＩ信号差，营业厅不管。",
    "广场舞噪音太大，电话 13900001234 也打不通。",
    "路边的，灯箱掉下来了",
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS)
def test_the_database_makes_the_same_numbers(text):
    text = text.replace("\0", "")
    with connection.cursor() as cur:
        cur.execute("SELECT heli_folded(%s), heli_grams(heli_folded(%s), %s)", [text, text, "370602003"])
        folded, numbers = cur.fetchone()
    assert folded == grams.folded(text)
    assert set(numbers) == {*grams.grams(folded), *grams.area_grams("370602003")}


def ways(typed: str, monkeypatch) -> list[set[str]]:
    """Titles found through the index, and by walking."""
    found = []
    for few in (search.FEW, -1):
        monkeypatch.setattr(search, "FEW", few)
        hits = search.search(typed, ("370602",))
        assert (hits.ids is None) == (few == -1) or typed == "%"  # nothing to ask the index for
        found.append(set(hits.narrow(Request.objects.all()).values_list("text", flat=True)))
        monkeypatch.undo()
    return found


@pytest.mark.parametrize(
    ("typed", "which"),
    [
        ("路灯", {0}),
        ("灯", {0, 1, 4}),
        ("不亮 物业", {1}),
        ("wifi", {2}),
        ("ＷｉＦｉ", {2}),
        ("路边的，灯箱", {4}),
        ("噪音", {3}),
        ("13900001234", set()),  # was starred out of the text
        ("没有这个词", set()),
        ("%", set()),
        ("_", set()),
    ],
)
def test_words_are_found_both_ways(world, monkeypatch, typed, which):
    for text in TEXTS:
        tell(world, text)
    kept = [r.text for r in Request.objects.order_by("id")][-len(TEXTS) :]
    found = ways(typed, monkeypatch)
    assert found == [{kept[i] for i in which}] * 2


def test_the_beginning_of_a_code_is_found(world):
    told = tell(world)
    assert search.search(told.request.code[:6].lower(), ("37",)).ids == (told.request_id,)
    assert search.search(told.request.code[:6].lower(), ("370613",)).ids == ()


def test_words_follow_the_request(world):
    told = tell(world, TEXTS[0])
    row = RequestWords.objects.get(pk=told.request_id)
    assert row.body.startswith(grams.folded(told.request.title)) and "路灯坏了三盏" in row.body
    told.dispatch()
    assert RequestWords.objects.get(pk=told.request_id).body == row.body
    desk = world.actor("孙坐席")
    steps.reclassify(request_id=told.request_id, by=desk, at=AT + HOUR, area_path="370602002001")
    assert search.search("路灯", ("370602002",)).ids == (told.request_id,)
    assert search.search("路灯", ("370602003",)).ids == ()


def test_nobody_finds_what_lies_elsewhere(world):
    tell(world, TEXTS[0])
    f = lists.Filters(q="路灯")
    assert lists.how_many(world.actor("孙坐席"), f, AT) == 1
    assert lists.how_many(world.actor("外县人"), f, AT) == 0
    assert lists.how_many(world.actor("外县人"), lists.Filters(q="路灯", area="370602"), AT) == 0


def test_many_hits_are_told_without_counting(world, monkeypatch, django_assert_num_queries):
    for text in TEXTS[:2]:
        tell(world, text)
    monkeypatch.setattr(search, "FEW", 1)
    actor, f = world.actor("孙坐席"), lists.Filters(q="灯")
    hits = lists.searched(actor, f)
    with django_assert_num_queries(0):
        assert lists.how_many(actor, f, AT, hits) == lists.COUNTED + 1
    assert len(lists.requests_page(actor, f, AT, hits=hits).rows) == 2
    narrowed = lists.Filters(q="灯", state="heard", kind="help")
    assert lists.how_many(actor, narrowed, AT) == 2

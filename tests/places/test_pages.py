"""Choosing an area, and keeping the tree, as pages."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django import forms
from django.http import QueryDict
from django.test import Client
from openpyxl import load_workbook

from heli.places import queries, steps
from heli.places.forms import AreaField
from heli.places.models import Area
from tests.places.conftest import AT, keeper

COUNTY, NEXT, YHD, DHY = "370602", "370613", "370602003", "370602003006"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    """Who may open which page is tested here; the second factor is tested with the grants."""
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def jiang(db: None, world: Any) -> Client:
    return _as(world, "姜管理")


def _as(world: Any, name: str) -> Client:
    client = Client()
    client.force_login(world.user(name), "allauth.account.auth_backends.AuthenticationBackend")
    return client


def text(client: Client, where: str, status: int = 200, **asked: Any) -> str:
    answer = client.get(where, asked)
    assert answer.status_code == status, answer
    return answer.content.decode()


def act(client: Client, path: str, name: str, status: int = 302, /, **said: str) -> str:
    answer = client.post(f"/areas/{path}/do/{name}/", said)
    assert answer.status_code == status, answer.content.decode()[-3000:]
    return answer.content.decode() if status != 302 else answer["Location"]


# Choosing ----------------------------------------------------------------------------------------------------------------
def test_anybody_may_look_a_place_up(db: None, client: Client) -> None:
    said = text(client, "/areas/pick/", q="大海阳")
    assert "烟台市 › 芝罘区 › 毓璜顶街道 › 大海阳社区" in said
    assert "没有叫这个的地方" in text(client, "/areas/pick/", q="没这地方")


def test_options_for_a_picker(db: None, client: Client) -> None:
    answer = client.get("/areas/pick/", {"field": "where", "where_typed": "zf", "within": COUNTY}, headers=HTMX)
    said = answer.content.decode()
    assert f'<input type="radio" name="where" value="{COUNTY}">' in said
    assert "<html" not in said


def test_what_was_chosen_stays_first(db: None, client: Client) -> None:
    asked = {"area_typed": "毓璜顶", "area": DHY, "within": COUNTY}
    said = client.get("/areas/pick/", asked, headers=HTMX).content.decode()
    assert said.index(f'value="{DHY}" checked') < said.index(f'value="{YHD}"')


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "'; DROP TABLE--"},
        {"q": "x" * 5000},
        {"q": "大海阳", "within": "3706' OR 1=1"},
        {"q": "大海阳", "within": ["9" * 50, "~"], "level": ["x", "9"]},
        {"q": "大海阳", "field": "<script>"},
        {"q": "🙂 🙂"},
    ],
)
def test_odd_questions_are_answered_calmly(db: None, client: Client, asked: dict[str, Any]) -> None:
    answer = client.get("/areas/pick/", asked, headers=HTMX)
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode()


def test_shapes_can_be_switched_off(db: None, client: Client, settings: Any) -> None:
    assert client.get("/areas/shapes/").json()["type"] == "Topology"
    settings.HELI_SHAPES = False
    assert "L-206" in text(client, "/areas/shapes/", 404)


# The field ---------------------------------------------------------------------------------------------------------------
class Where(forms.Form):
    area = AreaField(within=(COUNTY,), levels=(4, 5))


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        (f"area={DHY}", DHY),
        (f"area=&area={DHY}&area_typed=海", DHY),  # with the hidden one of another script
        ("area_typed=大海阳社区", DHY),
        ("area_typed=芝罘区大海阳社区", DHY),
        ("area_typed=yhdj", YHD),
        (f"area_typed={YHD}", YHD),
    ],
)
def test_a_field_gives_the_area(db: None, typed: str, path: str) -> None:
    form = Where(QueryDict(typed))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["area"] == Area.objects.get(path=path)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "请选一个地方"),
        ("area_typed=没这地方", "没有叫“没这地方”的地方"),
        ("area_typed=黄山", "“黄山”有好几处"),
        (f"area={NEXT}", "不能选那个地方"),
        ("area=370613001", "不能选那个地方"),
        (f"area={COUNTY}", "不能选那个地方"),  # a county, and the field asks for streets
        ("area=370602999", "不能选那个地方"),
    ],
)
def test_a_field_says_what_is_wrong(db: None, typed: str, said: str) -> None:
    form = Where(QueryDict(typed))
    assert not form.is_valid()
    assert said in form.errors["area"][0]


def test_without_scripts_the_form_comes_back_with_the_places(db: None) -> None:
    form = Where(QueryDict("area_typed=黄山"))
    assert not form.is_valid()
    said = str(form["area"])
    assert 'value="370602003011"' in said and 'value="370602003012"' in said
    assert 'name="area_typed" value="黄山"' in said


# Keeping the tree --------------------------------------------------------------------------------------------------------
def test_only_those_who_manage_areas(db: None, world: Any) -> None:
    assert Client().get("/areas/").status_code == 302
    for name in ("王桂兰", "孙坐席", "外县人"):
        assert "L-403" in text(_as(world, name), "/areas/", 403)
        assert text(_as(world, name), f"/areas/{DHY}/", 403)


def test_the_tree_begins_where_ones_scope_begins(jiang: Client) -> None:
    assert jiang.get("/areas/")["Location"] == f"/areas/{COUNTY}/"
    said = text(jiang, f"/areas/{COUNTY}/")
    assert "毓璜顶街道" in said and "初家街道" not in said
    assert "大海阳社区" in text(jiang, f"/areas/{YHD}/")
    assert "大海阳社区" in text(jiang, "/areas/", q="dhysq")


@pytest.mark.parametrize("path", [NEXT, "3706", "370613001", "370602999", "x", "37060", "370602003006%00"])
def test_elsewhere_is_the_same_as_missing(jiang: Client, path: str) -> None:
    for where in (f"/areas/{path}/", f"/areas/{path}/export/"):
        answer = jiang.get(where)
        assert answer.status_code == 404
    assert jiang.post(f"/areas/{path}/do/pin/", {"lat": "37", "lon": "121"}).status_code == 404


def test_adding_correcting_pinning_ending(jiang: Client) -> None:
    act(jiang, YHD, "add", name="望海楼社区居民委员会", kind="admin", code="", basis="芝政字〔2026〕3 号")
    made = Area.objects.get(name="望海楼社区居民委员会")
    assert made.path == "370602003L01"
    assert "新设，名为望海楼社区居民委员会" in text(jiang, f"/areas/{made.path}/")
    act(jiang, made.path, "name", name="望海社区居民委员会", basis="同上")
    act(jiang, made.path, "alias", name="望海楼", code="", scheme="own")
    act(jiang, made.path, "pin", lat="37.54", lon="121.39")
    said = text(jiang, f"/areas/{made.path}/")
    assert "望海社区居民委员会" in said and "37.540000, 121.390000" in said and "望海楼" in said
    act(jiang, made.path, "end", 400, on="2026-03-01", basis="同上")  # before it began
    Area.objects.filter(pk=made.pk).update(valid_from=None)
    act(jiang, made.path, "end", on="2026-03-01", basis="撤销公告")
    said = text(jiang, f"/areas/{made.path}/")
    assert "已撤销" in said or "撤销" in said
    assert "/do/" not in said  # nothing can be done to it any more
    assert "望海社区" not in text(jiang, f"/areas/{YHD}/")
    assert "望海社区" in text(jiang, f"/areas/{YHD}/", ended=1)


def test_moving_within_ones_scope(jiang: Client) -> None:
    where = act(jiang, DHY, "move", parent="370602012", parent_typed="", code="", basis="芝政字〔2026〕4 号")
    assert where == "/areas/370602012L01/"
    said = text(jiang, where)
    assert "从 370602003006 划到 370602012L01" in said
    assert "370602003006" in said  # the old number is listed


@pytest.mark.parametrize(
    ("path", "name", "said", "words"),
    [
        (
            YHD,
            "add",
            {"name": "望海楼社区", "kind": "admin", "code": "370602003006", "basis": "x"},
            "已经是大海阳社区居民委员会的",
        ),
        (YHD, "add", {"name": "望海楼社区", "kind": "admin", "code": "3706", "basis": "x"}, "代码是 12 位"),
        (YHD, "add", {"name": "望", "kind": "admin", "basis": "x"}, ""),
        (YHD, "add", {"name": "望海楼社区", "kind": "placeholder", "basis": "x"}, ""),
        (YHD, "end", {"on": "2026-03-01", "basis": "x"}, "还有 12 个区域在用"),
        (YHD, "move", {"parent": NEXT, "basis": "x"}, "不能选那个地方"),
        (YHD, "move", {"parent": "370602001", "basis": "x"}, "不能选那个地方"),
        (DHY, "move", {"parent": YHD, "basis": "x"}, "已经在那里了"),
        (DHY, "pin", {"lat": "120", "lon": "37"}, ""),
        (DHY, "name", {"name": "新名字", "basis": ""}, ""),
        (DHY, "alias", {"name": "", "code": "", "scheme": "own"}, "请写名称或代码"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(
    jiang: Client, path: str, name: str, said: dict[str, str], words: str
) -> None:
    before = list(Area.objects.order_by("id").values())
    page = act(jiang, path, name, 400, **said)
    assert words in page
    assert f'do/{name}/"' in page and "<details" in page and " open>" in page
    assert all(f'value="{v}"' in page for k, v in said.items() if k in {"name", "code", "basis"} and v)
    assert list(Area.objects.order_by("id").values()) == before


def test_the_list_as_a_spreadsheet(jiang: Client) -> None:
    steps.correct_name(area_id=Area.objects.get(path=DHY).pk, name="=1+1社区", by=keeper(COUNTY), at=AT, basis="x")
    book = load_workbook(io.BytesIO(jiang.get(f"/areas/{YHD}/export/").content))
    rows = list(book.worksheets[0].values)
    assert len(rows) == 1 + Area.objects.inside(YHD).count()
    assert "'=1+1社区" in {r[4] for r in rows}


def test_few_statements(jiang: Client, django_assert_max_num_queries: Any) -> None:
    jiang.get("/areas/370602003/")
    with django_assert_max_num_queries(14):
        jiang.get("/areas/370602003/")
    queries.search("zf")
    with django_assert_max_num_queries(8):
        Client().get("/areas/pick/", {"q": "dhysq"}, headers=HTMX)

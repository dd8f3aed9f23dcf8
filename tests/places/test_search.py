"""Finding areas by name, initials and number; walking the tree; ranges of paths."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heli.core.scope import covers, within
from heli.places import queries
from heli.places.models import HIDDEN_KINDS, Area
from heli.places.names import forms, padded_to_path, short, stem
from heli.places.pinyin import initials_of

COUNTY, CITY, DHY = "370602", "3706", "370602003006"

# what is typed, where, which area comes first
FIRST = [
    ("zf", (), "370602"),
    ("yhd", (COUNTY,), "370602003"),
    ("YHD", (COUNTY,), "370602003"),
    ("hfysq", (COUNTY,), "370602003009"),
    ("芝罘", (), "370602"),
    ("芝罘区", (), "370602"),
    ("毓璜顶", (), "370602003"),
    ("毓璜顶街道", (), "370602003"),
    ("大海阳社区", (), DHY),
    ("大海阳社区居民委员会", (), DHY),
    ("海阳", (CITY,), "370687"),
    ("海阳", (COUNTY,), DHY),
    ("烟台", (), "3706"),
    ("福学", (COUNTY,), "370602012002"),
    ("370602", (), "370602"),
    ("370602000000", (), "370602"),
    ("370602003", (), "370602003"),
    (DHY, (), DHY),
    ("370634", (), "370614"),
    ("370611006", (), "370611006"),
    ("长岛县", (), "370614"),
    ("阿左旗", (), "152921"),
    ("芝罘 大海阳", (), DHY),
    ("芝罘区 福学", (), "370602012002"),
    ("烟台 zf", (), "370602"),
    ("芝罘区大海阳社区", (), DHY),
    ("烟台市芝罘区毓璜顶街道大海阳社区", (), DHY),
    ("福山区古现街道", (), "370676002"),
    ("东莞", (), "4419"),
]


@pytest.mark.parametrize(("text", "scope", "path"), FIRST)
def test_first_hit(wide: None, text: str, scope: tuple[str, ...], path: str) -> None:
    hits = queries.search(text, within=scope)
    assert hits and hits[0].path == path, [h.full_name for h in hits]


def test_hits_carry_their_full_name(wide: None) -> None:
    assert queries.search("大海阳", within=(COUNTY,))[0].full_name == "烟台市 › 芝罘区 › 毓璜顶街道 › 大海阳社区"
    assert queries.search("三里屯街道")[0].full_name == "北京市 › 朝阳区 › 三里屯街道"


def test_initials_lead_to_all_that_have_them(wide: None) -> None:
    assert {h.area.short_name for h in queries.search("dhysq", within=(COUNTY,))} == {"东花园社区", "大海阳社区"}
    assert DHY in {h.path for h in queries.search("dhy", within=(COUNTY,))}


def test_other_codes_are_listed_too(wide: None) -> None:
    assert {"370611006", "370676002"} <= {h.path for h in queries.search("370611006")}
    assert [h.path for h in queries.search("371200")] == ["370116", "370117"]


@pytest.mark.parametrize("text", ["市辖区", "虚拟", "sxq", "1101", "东莞市", "虚拟社区", "xn"])
def test_placeholders_and_virtual_communities_are_hidden(wide: None, text: str) -> None:
    hidden = Area.objects.filter(kind__in=HIDDEN_KINDS)
    assert hidden.exists()
    assert not {h.path for h in queries.search(text, limit=100)} & set(hidden.values_list("path", flat=True))


def test_levels_and_limit(wide: None) -> None:
    assert {h.level for h in queries.search("张", levels=(4,))} == {4}
    assert len(queries.search("张", limit=3)) == 3
    assert queries.search("大海阳", levels=(1, 2, 3)) == []


@pytest.mark.parametrize("text", ["", "   ", "没有这个地方", "%", "_", "'", "\\", "a" * 200, "🙂", "\x00"[:0], "０"])
def test_odd_input_finds_nothing_and_breaks_nothing(wide: None, text: str) -> None:
    assert queries.search(text, within=(COUNTY,)) == []


def test_larger_areas_come_first_and_exact_ones_before_them(wide: None) -> None:
    ranks = [(not h.name.startswith("龙"), h.level) for h in queries.search("龙", within=(CITY,), limit=50)]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 3
    names = [h.area.short_name for h in queries.search("幸福", within=(COUNTY,))]
    assert names[0] == "幸福"  # the street, before 幸福河社区


@pytest.mark.parametrize(("text", "scope"), [("dhysq", ()), ("大海阳", (COUNTY,)), ("370602", ()), ("张", (CITY,))])
def test_a_search_costs_few_statements(wide: None, text: str, scope: tuple[str, ...]) -> None:
    queries.search("zf")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        queries.search(text, within=scope)
    assert len(seen) <= 4


# The tree ----------------------------------------------------------------------------------------------------------------
def test_upwards_in_one_statement(wide: None, django_assert_num_queries: Any) -> None:
    village = queries.by_path(DHY)
    with django_assert_num_queries(1):
        assert [a.name for a in queries.ancestors_of(village)] == ["山东省", "烟台市", "芝罘区", "毓璜顶街道"]
    assert [a.path for a in queries.ancestors_of(Area.objects.get(path="441900003"))] == ["44", "4419", "441900"]


def test_downwards(wide: None) -> None:
    assert queries.children(queries.by_path(COUNTY)).count() == 12


ALL: list[tuple[str, frozenset[str]]] = []


def lines() -> list[tuple[str, frozenset[str]]]:
    """(path, paths of it and everything above by parents) of the areas of three cities."""
    if not ALL:
        rows = {a.pk: (a.path, a.parent_id) for a in Area.objects.filter(level__lte=4)}

        def line(pk: int | None) -> frozenset[str]:
            return frozenset() if pk is None else line(rows[pk][1]) | {rows[pk][0]}

        ALL.extend((path, line(pk)) for pk, (path, _parent) in rows.items())
    return ALL


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_range_holds_what_lies_inside_and_no_sibling(wide: None, data: st.DataObject) -> None:
    known = lines()
    paths = [known[n][0] for n in data.draw(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=3))]
    inside = {path for path, line in known if line & set(paths)}
    found = set(Area.objects.filter(within("path", paths), level__lte=4).values_list("path", flat=True))
    assert found == inside
    assert {path for path, _line in known if covers(paths, path)} == inside


# Names -------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "level", "said", "root"),
    [
        ("山东省", 1, "山东省", "山东"),
        ("内蒙古自治区", 1, "内蒙古自治区", "内蒙古"),
        ("新疆维吾尔自治区", 1, "新疆维吾尔自治区", "新疆"),
        ("延边朝鲜族自治州", 2, "延边朝鲜族自治州", "延边"),
        ("芝罘区", 3, "芝罘区", "芝罘"),
        ("莘县", 3, "莘县", "莘县"),
        ("清新区", 3, "清新区", "清新"),
        ("浦东新区", 3, "浦东新区", "浦东"),
        ("伊金霍洛旗", 3, "伊金霍洛旗", "伊金霍洛"),
        ("积石山保安族东乡族撒拉族自治县", 3, "积石山保安族东乡族撒拉族自治县", "积石山"),
        ("毓璜顶街道", 4, "毓璜顶", "毓璜顶"),
        ("口镇街道", 4, "口镇", "口镇"),
        ("张镇", 4, "张镇", "张镇"),
        ("里山彝族乡", 4, "里山彝族", "里山"),
        ("大海阳社区居民委员会", 5, "大海阳社区", "大海阳"),
        ("张庄村委会", 5, "张庄村", "张庄"),
        ("张庄村村民委员会", 5, "张庄村", "张庄"),
        ("第一居委会", 5, "第一居委会", "第一居委会"),
        ("希尼套海嘎查村民委员会", 5, "希尼套海嘎查", "希尼套海"),
    ],
)
def test_short_names(name: str, level: int, said: str, root: str) -> None:
    assert (short(name, level), stem(name, level)) == (said, root)


@given(st.text(st.characters(codec="utf-8", categories=["Lo"]), min_size=1, max_size=12), st.integers(1, 5))
def test_every_name_has_a_short_one_and_forms(name: str, level: int) -> None:
    assert short(name, level)
    strong, weak = forms(name, level)
    assert not strong & weak
    assert all(len(form) > 1 for form in strong | weak)


@pytest.mark.parametrize(
    ("path", "name", "letters"),
    [
        ("370602", "芝罘区", "zfq"), ("3701", "长清区", "cqq"), ("50", "重庆市", "cqs"), ("3502", "厦门市", "xms"),
        ("14", "长子县", "zzx"), ("37", "单县", "sx"), ("37", "东阿县", "dex"), ("44", "大埔县", "dbx"),
        ("31", "莘庄镇", "xzz"), ("37", "莘县", "sx"), ("37", "解甲庄街道", "jjzjd"), ("37", "解家村委会", "xjcwh"),
        ("37", "三十里堡社区", "sslpsq"), ("13", "乐亭县", "ltx"), ("33", "乐清市", "yqs"), ("37", "A区一号", "aqyh"),
    ],
)  # fmt: skip
def test_initials(path: str, name: str, letters: str) -> None:
    assert initials_of(path, name) == letters


def test_padded_codes() -> None:
    assert padded_to_path("441900000000", 2) == "4419"
    assert padded_to_path("441900000000", 3) == "441900"
    with pytest.raises(ValueError, match="level 3"):
        padded_to_path("370602003000", 3)

"""Addresses and sentences, written for this test, and the areas they name."""

from __future__ import annotations

import pytest

from heli.places.queries import resolve

COUNTY, CITY = "370602", "3706"
ZHIFU, YHD, DHY, FUXUE = "370602", "370602003", "370602003006", "370602012002"

# (text, scope, area, what is left)
FOUND = [
    # written in full, with every level
    ("山东省烟台市芝罘区毓璜顶街道大海阳社区3号楼2单元", None, DHY, "3号楼2单元"),
    ("山东省烟台市芝罘区毓璜顶街道大海阳社区居民委员会", None, DHY, ""),
    ("山东省 烟台市 芝罘区 幸福街道 福学社区", None, FUXUE, ""),
    ("中国山东省烟台市莱山区滨海路街道学府社区", None, "370613003013", ""),
    ("山东省烟台市栖霞市桃村镇", None, "370686104", ""),
    ("山东省烟台市莱阳市姜疃镇", None, "370682105", ""),
    ("山东省济南市市中区二七街道鸿园社区", None, "370103008004", ""),
    ("北京市朝阳区三里屯街道", None, "110105004", ""),
    ("北京市朝阳区左家庄街道三源里社区18号", None, "110105005049", "18号"),
    ("广东省东莞市东城街道岗贝社区", None, "441900003001", ""),
    ("广东省深圳市南山区粤海街道大冲社区", None, "440305007029", ""),
    ("四川省成都市武侯区浆洗街街道锦里社区", None, "510107001006", ""),
    ("内蒙古自治区鄂尔多斯市伊金霍洛旗阿勒腾席热镇王府路社区", None, "150627100003", ""),
    # levels left out
    ("芝罘区大海阳社区", None, DHY, ""),
    ("芝罘区福学社区5号楼", None, FUXUE, "5号楼"),
    ("烟台市大海阳社区", None, DHY, ""),
    ("烟台市毓璜顶街道", None, YHD, ""),
    ("山东芝罘区", None, ZHIFU, ""),
    ("莱山区解甲庄街道车家村", None, "370613004205", ""),
    ("莱山区解家河村", None, "370613004217", ""),
    ("牟平区观水镇郝家埠村", None, "370612101203", ""),
    ("朝阳区三里屯街道", None, "110105004", ""),
    ("武侯区锦里社区", None, "510107001006", ""),
    # kinds left out
    ("烟台芝罘毓璜顶", None, YHD, ""),
    ("烟台芝罘大海阳社区", None, DHY, ""),
    ("芝罘区毓璜顶大海阳3号楼", None, DHY, "3号楼"),
    ("济南市中区", None, "370103", ""),
    ("济南市市中区", None, "370103", ""),
    ("成都武侯", None, "510107", ""),
    ("大海阳3号楼1单元", COUNTY, DHY, "3号楼1单元"),
    ("所城里12号", COUNTY, "370602001003", "12号"),
    # other endings people use
    ("芝罘区毓璜顶街道办事处", None, YHD, ""),
    ("芝罘区毓璜顶办事处大海阳居委会", None, DHY, ""),
    ("毓璜顶街道办大海阳社区居委会", COUNTY, DHY, ""),
    ("观水镇政府", "370612", "370612101", ""),
    ("观水镇张庄村民委员会", "370612", "370612101234", ""),
    ("高疃镇人民政府", CITY, "370611102", ""),
    # former and short names
    ("烟台市长岛县", None, "370614", ""),
    ("长岛县北长山乡", None, "370614201", ""),
    ("蓬莱市登州街道", None, "370614001", ""),
    ("莱芜市钢城区", None, "370117", ""),
    ("莱城区", None, "370116", ""),
    ("青岛市四方区", None, "370203", ""),
    ("胶南市", None, "370211", ""),
    ("章丘市明水街道", None, "370114001", ""),
    ("济阳县回河街道", None, "370115005", ""),
    ("伊旗阿勒腾席热镇", None, "150627100", ""),
    ("阿左旗", None, "152921", ""),
    ("济南市历下区文化东路街道", None, "370102007", ""),
    # zones: under their own name, and under the district that others count them to
    ("烟台经济技术开发区古现街道", None, "370676002", ""),
    ("烟台开发区古现街道", None, "370676002", ""),
    ("福山区古现街道", None, "370676002", ""),
    ("开发区福莱山街道", CITY, "370676001", ""),
    ("高新区马山街道草埠村", CITY, "370671007220", ""),
    ("莱山区马山街道", None, "370671007", ""),
    ("烟台市高新区", None, "370671", ""),
    # in the middle of what somebody says
    ("福学社区3号楼前面的污水井堵了，味道很大", COUNTY, FUXUE, "3号楼前面的污水井堵了，味道很大"),
    ("麻烦看一下，福学社区3号楼前面的污水井又堵了", COUNTY, FUXUE, "麻烦看一下，3号楼前面的污水井又堵了"),
    ("我家住在幸福街道福学社区，楼下路灯不亮", CITY, FUXUE, "我家住在，楼下路灯不亮"),
    ("大海阳社区（毓璜顶街道）的健身器材坏了", COUNTY, DHY, "的健身器材坏了"),
    ("你好，我是只楚街道楚毓社区的，楼道堆满杂物", COUNTY, "370602010001", "你好，我是的，楼道堆满杂物"),
    ("福学社区的污水井坏了，我在莱山区上班", COUNTY, FUXUE, "的污水井坏了，我在莱山区上班"),
    ("大海阳社区居民反映，烟台市的公交23路太少", COUNTY, DHY, "居民反映，的公交23路太少"),
    # by number
    ("370602003006", None, DHY, ""),
    ("370602000000", None, ZHIFU, ""),
    ("370634", None, "370614", ""),
    ("３７０６０２", None, ZHIFU, ""),
    # full-width digits in an address
    ("芝罘区大海阳社区３号楼", None, DHY, "３号楼"),
]

# (text, scope, why, candidates that must be offered)
ASKED = [
    ("莱芜市", None, "several", {"370116", "370117"}),
    ("371200", None, "several", {"370116", "370117"}),
    ("370611006", None, "several", {"370611006", "370676002"}),
    ("从芝罘区到莱山区的公交", None, "conflict", {"370602", "370613"}),
    ("福学社区和文化苑社区交界处", COUNTY, "conflict", {FUXUE, "370602003010"}),
    ("牟平区张家村", None, "several", {"370612101239"}),
    ("莱山区幸福社区", COUNTY, "conflict", {"370602012013"}),
    ("龙山街道", None, "several", {"370114004", "370687004"}),
    ("李家村", CITY, "several", set()),
]
NOTHING = [
    ("", COUNTY),
    ("路灯坏了", COUNTY),
    ("毓璜顶医院门口", COUNTY),
    ("海港路12号", COUNTY),
    ("南通过来的车", COUNTY),
    ("建昌街12号", COUNTY),
    ("市中区", None),  # four counties are called that: it says nothing by itself
    ("阿镇", "150627"),
    ("北京路", None),
    ("999999", None),
    ("整个小区郊区都停电", COUNTY),
]


@pytest.mark.parametrize(("text", "scope", "path", "rest"), FOUND, ids=lambda v: str(v)[:40])
def test_found(wide: None, text: str, scope: str | None, path: str, rest: str) -> None:
    read = resolve(text, within=scope)
    assert read.area is not None, (read.why, read.full_names)
    assert (read.area.path, read.rest, read.candidates) == (path, rest, ())


@pytest.mark.parametrize(
    ("text", "scope", "why", "offered"), ASKED, ids=lambda v: str(sorted(v) if isinstance(v, set) else v)[:40]
)
def test_asks_rather_than_guesses(wide: None, text: str, scope: str | None, why: str, offered: set[str]) -> None:
    read = resolve(text, within=scope)
    assert read.area is None
    assert read.why == why
    assert offered <= {p.path for p in read.candidates}
    assert len(read.candidates) == len(read.full_names) >= 1
    assert read.rest == text.strip() or text.isdecimal()


@pytest.mark.parametrize(("text", "scope"), NOTHING)
def test_no_area_is_named(wide: None, text: str, scope: str | None) -> None:
    read = resolve(text, within=scope)
    assert (read.area, read.candidates) == (None, ())


def test_a_place_elsewhere_is_not_taken_for_one_here(wide: None) -> None:
    read = resolve("莱山区初家街道迎春佳苑社区", within=COUNTY)
    assert (read.area, read.why, read.candidates) == (None, "outside", ())


def test_spans_say_where_the_names_stood(wide: None) -> None:
    text = "麻烦看一下，幸福街道福学社区3号楼"
    read = resolve(text, within=COUNTY)
    assert [text[a:b] for a, b in read.spans] == ["幸福街道福学社区"]


def test_scope_may_be_a_list_of_parts(wide: None) -> None:
    parts = ("370602003", "370602012002")
    assert resolve("大海阳社区门口", within=parts).area.path == DHY  # type: ignore[union-attr]
    assert resolve("福学社区门口", within=parts).area.path == FUXUE  # type: ignore[union-attr]
    assert resolve("幸福河社区门口", within=parts).area is None


def test_a_text_of_twenty_thousand_characters_is_read_quickly(wide: None) -> None:
    read = resolve("福学社区" + "水" * 20_000, within=COUNTY)
    assert read.area is not None
    assert len(read.rest) == 20_000


def test_most_addresses_cost_one_statement_or_none(wide: None, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    resolve("芝罘区大海阳社区")
    with django_assert_max_num_queries(1):
        resolve("芝罘区福学社区4号楼")

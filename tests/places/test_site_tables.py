"""A table of sites: read in whatever letters, looked at, taken whole or not at all, harmless twice; what people changed stays."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.core import laid
from heli.core.actor import SYSTEM, Actor
from heli.core.errors import Forbidden, NotFound, TakenAlready, WrongState
from heli.core.tables import open_sheet
from heli.places import site_import_queries as queries
from heli.places import site_import_steps as steps
from heli.places import site_steps
from heli.places.errors import SiteColumnsMissing
from heli.places.site_importing import SitesImported, import_sites
from heli.places.site_tables import HEADINGS, TEMPLATE, SiteTable
from heli.places.sites import Site
from tests.database import race
from tests.places.test_sites import NOON, asked, put
from tests.world import COMMUNITY

COLUMNS = ("名称", "类型", "社区", "地址", "纬度", "经度", "服务", "开放时间", "电话")
ONE = (
    "表一",
    "暖心驿站",
    COMMUNITY,
    "路 1 号",
    "37.536",
    "121.387",
    "饮用水、卫生间，WiFi",
    "周一至周五 8:30-17:30",
    "0535-6628100",
)
TWO = ("表二", "友好小区", "大海阳社区", "路 2 号", "37.536", "121.387", "", "", "")


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def rows(*lines: Sequence[str]) -> list[Mapping[str, str]]:
    return [dict(zip(COLUMNS, line, strict=True)) for line in lines]


def csv(*lines: Sequence[str], above: str = "") -> str:
    return above + "\n".join(",".join(f'"{c}"' for c in line) for line in (COLUMNS, *lines)) + "\n"


def take(*lines: Sequence[str], by: Actor = SYSTEM) -> SitesImported:
    return import_sites(rows=rows(*lines), by=by, at=NOON)


def changed(line: Sequence[str], **cells: str) -> tuple[str, ...]:
    return tuple(cells.get(c, text) for c, text in zip(COLUMNS, line, strict=True))


@pytest.fixture
def admin(world: Any) -> Actor:
    found: Actor = world.actor("姜管理")
    return found


# Rows -------------------------------------------------------------------------------------------------------------------
def test_a_table_comes_in_whole_or_not_at_all_and_twice_does_no_harm(world: Any) -> None:
    refused = take(ONE, changed(TWO, 纬度="121.387", 经度="37.536"))
    assert [(e.line, e.field, e.code) for e in refused.errors] == [(3, "lat", "L-232")] and refused.added == 0
    assert not Site.objects.exists()
    done = take(ONE, TWO)
    assert (done.added, done.known, done.errors) == (2, 0, [])
    first = Site.objects.get(name="表一")
    assert first.services == ["water", "toilet", "wifi"] and first.periods.count() == 5
    assert Site.objects.get(name="表二").area_path == COMMUNITY
    again = take(ONE, TWO)
    assert (again.added, again.known) == (0, 2)


def test_what_people_changed_renamed_or_closed_is_left_alone(world: Any) -> None:
    take(ONE, TWO)
    one, two = Site.objects.order_by("id")
    site_steps.change_site(site_id=one.pk, version=1, name="新名字", way="进东门", by=SYSTEM, at=NOON)
    site_steps.close_site(site_id=two.pk, version=1, on=NOON.date(), reason="搬走", by=SYSTEM, at=NOON)
    again = take(ONE, TWO)
    assert (again.added, again.known, again.closed) == (0, 2, 1)
    assert sorted(Site.objects.values_list("name", "way")) == [("新名字", "进东门"), ("表二", "")]


@pytest.mark.parametrize(
    ("cells", "field", "said"),
    [
        ({"名称": ""}, "name", "2"),
        ({"社区": "没有这里"}, "area", "没有这里"),
        ({"类型": "凉亭"}, "kind", "暖心驿站"),
        ({"服务": "饮水、桑拿"}, "services", "桑拿"),
        ({"开放时间": "8:30-12:00，2:00-5:30"}, "hours", "14:00"),
        ({"开放时间": "周一至周五8:30-17:30，节假日休息"}, "hours", "节假日"),
        ({"纬度": "北纬37度"}, "lat", "37.53"),
        ({"电话": "12"}, "phone", "电话"),
        ({"地址": ""}, "address", "地址"),
    ],
)
def test_a_wrong_row_says_what_to_do(world: Any, cells: dict[str, str], field: str, said: str) -> None:
    done = take(TWO, changed(ONE, **cells))
    assert [(e.line, e.field) for e in done.errors] == [(3, field)] and said in done.errors[0].words, done.errors


def test_a_name_twice_in_one_table_names_both_rows(world: Any) -> None:
    done = take(ONE, changed(ONE, 地址="别处"))
    assert [(e.line, e.field) for e in done.errors] == [(3, "name")] and "2" in done.errors[0].words


def test_a_table_without_what_is_needed_and_places_that_are_not_theirs(world: Any, admin: Actor) -> None:
    with pytest.raises(SiteColumnsMissing):
        import_sites(rows=[{"名称": "x", "地址": "y"}], by=SYSTEM, at=NOON)
    with pytest.raises(Forbidden):
        take(ONE, by=world.actor("钱站长"))
    elsewhere = take(changed(ONE, 社区="371002001001"), by=admin)
    assert [e.field for e in elsewhere.errors] == ["area"]


def test_many_rows_cost_the_steps_own_statements_alone(world: Any, django_assert_max_num_queries: Any) -> None:
    take(ONE)
    with django_assert_max_num_queries(14):  # known rows cost nothing each
        assert take(*[changed(ONE, 名称=f"站{n}") for n in range(0)], ONE).known == 1
    many = [changed(ONE, 名称=f"站{n}") for n in range(30)]
    take(*many)
    with django_assert_max_num_queries(14):
        assert take(*many).known == 30


# The file ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_in_whatever_letters_with_lines_above_the_headings(world: Any, encoding: str) -> None:
    raw = csv(ONE, TWO, above="芝罘区驿站一览表\n2026年11月,,\n").encode(encoding)
    done = import_sites(rows=open_sheet(io.BytesIO(raw), "a.csv", HEADINGS).rows, by=SYSTEM, at=NOON)
    assert (done.added, done.errors) == (2, [])


def test_nothing_stays_of_a_file_and_nobody_else_sees_it(world: Any, admin: Actor) -> None:
    table = steps.lay_table(name="a.csv", raw=csv(ONE).encode(), by=admin, at=NOON)
    assert table.content and "表一" not in table.content
    for who in (world.actor("钱站长"), world.actor("外县人")):
        with pytest.raises(NotFound):
            queries.seen(who, table.pk)
        with pytest.raises(NotFound):
            steps.take_table(table_id=table.pk, by=who, at=NOON)
    steps.drop_table(table_id=table.pk, by=admin, at=NOON)
    table.refresh_from_db()
    assert (table.state, table.content) == ("dropped", "")
    with pytest.raises(WrongState):
        steps.take_table(table_id=table.pk, by=admin, at=NOON)
    old = steps.lay_table(name="b.csv", raw=csv(ONE).encode(), by=admin, at=NOON)
    assert steps.forget_drafts(at=NOON) == 0
    assert steps.forget_drafts(at=NOON + laid.KEPT * 2) == 1 and not Site.objects.exists()
    assert SiteTable.objects.get(pk=old.pk).state == "dropped"


def test_a_large_table_is_taken_by_a_job_with_what_its_owner_may_do_now(
    world: Any, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laid, "DIRECT", 1)
    monkeypatch.setattr(
        laid, "progress_of", lambda _kind, _pk: lambda _n: None
    )  # a second connection sees no open transaction
    table = steps.lay_table(name="a.csv", raw=csv(ONE, TWO).encode(), by=admin, at=NOON)
    assert steps.take_table(table_id=table.pk, by=admin, at=NOON).state == "waiting"
    assert steps.run_waiting(table.pk) == "done" and Site.objects.count() == 2
    assert steps.run_waiting(table.pk) == "done"  # once more: nothing
    late = steps.lay_table(name="b.csv", raw=csv(changed(ONE, 名称="表三")).encode(), by=admin, at=NOON)
    SiteTable.objects.filter(pk=late.pk).update(state="waiting", made_by=world.user("王桂兰"))
    assert steps.run_waiting(late.pk) == "dropped" and Site.objects.count() == 2


def test_taken_by_two_at_once_it_is_taken_once(fire_db: str, world: Any) -> None:
    admin = world.actor("姜管理")
    laid = steps.lay_table(name="a.csv", raw=csv(ONE, TWO).encode(), by=admin, at=NOON)
    steps.take_table(table_id=laid.pk, by=admin, at=NOON)
    done = race(*(lambda: steps.run_table(table_id=laid.pk, by=admin, at=NOON) for _ in range(2)))
    lost = [d for d in done if not isinstance(d, SiteTable)]
    assert len(lost) == 1 and isinstance(lost[0], TakenAlready | WrongState), done
    assert Site.objects.count() == 2


# Pages ------------------------------------------------------------------------------------------------------------------
def lay(client: Client, raw: bytes, name: str = "驿站.csv") -> Any:
    return client.post("/sites/desk/import/", {"file": SimpleUploadedFile(name, raw)}, follow=True)


def test_looked_at_taken_and_the_same_again(world: Any) -> None:
    admin = asked(world, "姜管理")
    put(world, "先有的")
    assert asked(world, "钱站长").get("/sites/desk/import/").status_code == 403
    page = lay(admin, csv(ONE, TWO).encode("gb18030"))
    text = page.content.decode()
    assert "2 处新站点" in text and "星期一–星期五 8:30–17:30" in text and "GB18030" in text
    assert not Site.objects.filter(name="表一").exists()
    where = page.request["PATH_INFO"]
    done = admin.post(f"{where}take/", follow=True).content.decode()
    assert "已录入 2 处" in done and Site.objects.count() == 3
    assert "都录过了" in lay(admin, csv(ONE, TWO).encode()).content.decode()
    assert admin.post(f"{where}take/").status_code == 409


def test_a_wrong_table_says_each_row_on_the_page_and_as_a_file(world: Any) -> None:
    admin = asked(world, "姜管理")
    page = lay(admin, csv(changed(ONE, 服务="桑拿"), changed(TWO, 纬度="")).encode())
    text = page.content.decode()
    assert "桑拿" in text and "L-400" in text and "放到地图上" not in text
    book = load_workbook(io.BytesIO(admin.get(f"{page.request['PATH_INFO']}errors.xlsx").content))
    assert [row[0].value for row in book.worksheets[0].iter_rows(min_row=2)] == [2, 3]
    refused = admin.post(f"{page.request['PATH_INFO']}take/", follow=True).content.decode()
    assert "2 行" in refused and not Site.objects.exists()
    for raw, said in ((b"", "是空的"), (b"\x00\x01\xff\xfe" * 9, "读不成表格"), (b"a,b\n1,2\n", "没有这些列")):
        assert said in lay(admin, raw).content.decode(), raw


def test_the_empty_table_is_read_as_it_is_meant(world: Any) -> None:
    admin = asked(world, "姜管理")
    raw = admin.get("/sites/desk/import/template.xlsx").content
    read = open_sheet(io.BytesIO(raw), "a.xlsx", HEADINGS)
    assert read.columns == list(TEMPLATE.values()) and list(read.rows) == []
    book = load_workbook(io.BytesIO(raw))
    book.worksheets[0].append(
        ["表一", "", "大海阳社区", "路 1 号", 37.536, 121.387, "全天", "热水", "", "", "南门", "", "下车推行"]
    )
    filled = io.BytesIO()
    book.save(filled)
    assert "1 处新站点" in lay(admin, filled.getvalue(), "a.xlsx").content.decode()
    done = (
        import_sites(rows=open_sheet(filled, "a.xlsx", HEADINGS).rows, by=SYSTEM, at=timezone.now())
        if not filled.seek(0)
        else None
    )
    assert done is not None and done.added == 1
    assert Site.objects.values_list("gate", "ebike", "services").get() == ("南门", "push", ["water"])

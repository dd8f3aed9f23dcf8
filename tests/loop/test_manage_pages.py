"""The duty list and the categories: read, tried out, written and ended; two writers at once; nobody from elsewhere."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from heli.core import errors as core
from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import duty, propose
from heli.loop.errors import NoSuchCategory
from heli.loop.models import Category, DutyRow
from heli.loop.queries import manage as queries
from heli.loop.steps.reference import put_category
from heli.orgs.errors import UnitClosed
from heli.orgs.models import Organisation
from heli.orgs.steps import close_org, give_grant
from heli.places.models import Area
from tests.database import race
from tests.loop.staff import log_in
from tests.loop.told import AT, LAMP, PAVEMENT, tell

NOW = AT
TODAY = dt.date(2026, 11, 17)
COUNTY = "370602"
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
TEACHING = "040504"  # a row for a leaf


@pytest.fixture(autouse=True)
def _now(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


def category(code: str) -> Category:
    return Category.objects.get(code=code)


def row_of(code: str, level: int = 3) -> DutyRow:
    return DutyRow.objects.get(category__code=code, level=level, valid_to=None)


def typed(world: Any, **more: Any) -> dict[str, Any]:
    return {
        "area": COUNTY, "category": PAVEMENT, "level": "3", "who": "unit", "unit": world.org("住建局").pk, "assist_local": ["township"],
        "number": "4.1.3甲", "citation": "芝政办发〔2026〕9 号", "note": "试行一年", "valid_from": TODAY.isoformat(),
    } | more  # fmt: skip


# The list -------------------------------------------------------------------------------------------------------------
def test_the_list_shows_who_is_responsible(world):
    page = log_in(world, "孙坐席").get("/loop/duty/?q=4.1.3").content.decode()
    assert "人行道破损" in page and "城管局" in page and "部门自己的事" in page
    assert "写一行" not in page  # a dispatcher reads


def test_filters_narrow_and_stay(world):
    client = log_in(world, "姜管理")

    def shown(**asked: str) -> list[DutyRow]:
        return [x.row for x in client.get("/loop/duty/", asked).context["page"].rows]

    assert {r.category.code[:2] for r in shown(category="04")} == {"04"}
    assert {r.level for r in shown(level="4")} == {4}
    assert {r.unit.short_name for r in shown(q="城管局")} == {"城管局"}
    helper = world.org("残联").pk
    assert all(r.unit_id == helper or helper in r.assists for r in shown(unit=str(helper))) and shown(unit=str(helper))
    assert shown(on="2025-06-01") == []  # before the list began
    assert shown(state="coming") == [] and shown(closed="1") == []
    for bad in (
        {"category": "x'"},
        {"level": "9"},
        {"on": "2026-13-40"},
        {"unit": "9" * 40},
        {"area": "%00"},
    ):
        assert client.get("/loop/duty/", bad).status_code == 200, bad


def test_pages_follow_each_other_without_gaps(world):
    client = log_in(world, "姜管理")
    seen: list[int] = []
    after = ""
    while True:
        page = client.get("/loop/duty/", {"after": after} if after else {}).context["page"]
        seen += [x.row.pk for x in page.rows]
        after = page.next
        if not after:
            break
    assert len(seen) == len(set(seen)) == DutyRow.objects.filter(area_path=COUNTY, valid_to=None).count() > 100


@pytest.mark.parametrize(
    "where", ["/loop/duty/", "/loop/duty/?missing=1", "/loop/categories/", "/loop/categories/?q=灯"]
)
def test_at_most_eight_statements(world, where):
    give_grant(
        user_id=world.user("姜管理").pk, role="viewer", paths=(COUNTY,), org_id=None, reason="看", by=SYSTEM, at=NOW
    )
    client = log_in(world, "姜管理")
    with CaptureQueriesContext(connection) as asked:
        assert client.get(where).status_code == 200
    said = [q["sql"] for q in asked.captured_queries if not q["sql"].startswith(UNCOUNTED)]
    assert len(said) <= 8, said


def test_rows_of_closed_units_and_matters_without_a_row(world):
    client, closing = log_in(world, "姜管理"), world.org("残联")
    other = Organisation.objects.create(
        kind="department",
        name="临时单位",
        short_name="临时单位",
        area=world.area(COUNTY),
        area_path=COUNTY,
        opened_at=NOW - dt.timedelta(days=9),
    )
    row = duty.put_row(
        by=SYSTEM,
        at=NOW,
        area=world.area(COUNTY),
        category_id=category(TEACHING).pk,
        level=5,
        number="甲",
        unit_id=other.pk,
        citation="试",
    )
    close_org(org_id=other.pk, by=SYSTEM, at=NOW - dt.timedelta(hours=1), reason="机构改革")
    page = client.get("/loop/duty/?closed=1")
    assert [x.row.pk for x in page.context["page"].rows] == [row.pk] and "已撤" in page.content.decode()
    assert "这个单位已撤" in client.get(f"/loop/duty/{row.pk}/").content.decode()
    bare = list(queries.without_row(world.actor("姜管理"), NOW))
    named = set(DutyRow.objects.filter(valid_to=None).values_list("category__code", flat=True))
    expected = [
        c.code
        for c in Category.objects.filter(level=3, closed_on=None).order_by("code")
        if not {c.code, c.code[:4], c.code[:2]} & named
    ]
    assert [c.code for c in bare] == expected
    duty.end_row(row_id=row_of("0405").pk, by=SYSTEM, at=NOW, reason="试")
    bare = [c.code for c in queries.without_row(world.actor("姜管理"), NOW)]
    assert "040501" in bare and TEACHING not in bare  # a row of its own
    assert closing.closed_at is None


def test_readers_see_the_rows_above_their_area_and_nobody_else_any(world):
    clerk = log_in(world, "韩网格")  # reads one community: the county's rows decide there
    assert len(clerk.get("/loop/duty/").context["page"].rows) == 50
    stranger = log_in(world, "外县人")
    assert stranger.get("/loop/duty/").context["page"].rows == []
    assert "这里的派单目录还是空的" in stranger.get("/loop/duty/").content.decode()
    row = row_of(PAVEMENT)
    assert stranger.get(f"/loop/duty/{row.pk}/").status_code == 404 == stranger.get("/loop/duty/999999/").status_code
    for who in ("于科员", "王桂兰"):
        assert log_in(world, who).get("/loop/duty/").status_code == 403
    for who in ("孙坐席", "韩网格", "外县人"):
        assert log_in(world, who).get("/loop/duty/new/").status_code == 403
        assert log_in(world, who).post(f"/loop/duty/{row.pk}/end/", {"reason": "x"}).status_code == 403
    assert row_of(PAVEMENT).pk == row.pk


def test_the_list_as_a_spreadsheet_for_a_stated_purpose(world):
    client = log_in(world, "姜管理")
    assert client.post("/loop/duty/export/", {"purpose": " "}).status_code == 400
    assert not Event.objects.filter(step="list.export").exists()
    answer = client.post("/loop/duty/export/?category=04", {"purpose": "印发各单位"})
    rows = list(load_workbook(io.BytesIO(answer.content)).worksheets[0].values)[1:]
    assert len(rows) == DutyRow.objects.filter(category__code__startswith="04", valid_to=None).count()
    kept = Event.objects.get(step="list.export").data
    assert (kept["list"], kept["purpose"], kept["rows"]) == ("duty", "印发各单位", len(rows))
    assert log_in(world, "韩网格").post("/loop/duty/export/", {"purpose": "看看"}).status_code == 403


# Writing a row --------------------------------------------------------------------------------------------------------
def test_a_new_row_takes_the_place_of_the_old_one_from_its_day_on(world):
    client, old = log_in(world, "姜管理"), row_of(PAVEMENT)
    form = client.get(f"/loop/duty/new/?from={old.pk}").content.decode()
    assert "4.1.3" in form and "城管局" in form
    start = TODAY + dt.timedelta(days=14)
    answer = client.post(
        "/loop/duty/new/", typed(world, valid_from=start.isoformat(), assists=[world.org("残联").pk], functional="on")
    )
    assert answer.status_code == 303
    row = row_of(PAVEMENT)
    assert answer["Location"] == f"/loop/duty/{row.pk}/"
    assert (row.unit.short_name, row.number, row.assists, row.assist_local) == (
        "住建局",
        "4.1.3甲",
        [world.org("残联").pk],
        ["township"],
    )
    assert (row.valid_from, row.functional, row.citation) == (start, True, "芝政办发〔2026〕9 号")
    old.refresh_from_db()
    assert old.valid_to == start
    told = tell(world)
    for day, unit in ((TODAY, "城管局"), (start, "住建局")):
        assert duty.responsible(told.request, day)[0].unit.short_name == unit
    page = client.get(f"/loop/duty/{old.pk}/").content.decode()
    assert "由另一行代替" in page and "住建局" in page
    new_page = client.get(f"/loop/duty/{row.pk}/").content.decode()
    assert "姜管理" in new_page and "还没开始" in new_page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": ""}, "这里还没写"),
        ({"citation": " "}, "这里还没写"),
        ({"unit": ""}, "选主办的单位"),
        ({"category": ""}, "选一个事项"),
        ({"valid_from": "2026-11-16"}, "不能从过去开始"),
        ({"valid_from": "下周"}, "日期写成"),
        ({"level": "7"}, ""),
        ({"area": "370613"}, ""),
        ({"area": "37"}, ""),
        ({"unit": "999999"}, ""),
        ({"number": "行" * 17}, ""),
    ],
)
def test_a_form_that_does_not_fit_keeps_what_was_typed(world, change, said):
    before = DutyRow.objects.count()
    answer = log_in(world, "姜管理").post("/loop/duty/new/", typed(world, note="界限写在这里") | change)
    page = answer.content.decode()
    assert answer.status_code in {400, 404}, answer.status_code
    assert said in page and DutyRow.objects.count() == before
    if answer.status_code == 400:
        assert "界限写在这里" in page


def test_without_scripts_the_pickers_button_shows_what_was_found(world):
    answer = log_in(world, "姜管理").post(
        "/loop/duty/new/",
        typed(world, category="", category_typed="路灯", unit_typed="城管", note="先写着", find="category"),
    )
    page = answer.content.decode()
    assert answer.status_code == 200 and 'value="040401"' in page and "城管局" in page and "先写着" in page


def test_pickers_find_by_name_code_and_what_people_say(world):
    client = log_in(world, "姜管理")

    def found(what: str, text: str) -> str:
        return client.get(f"/loop/duty/pick/{what}/", {f"{what}_typed": text}).content.decode()

    assert 'value="040401"' in found("category", "0404") and 'value="040401"' in found("category", "不亮")
    assert "城管局" in found("unit", "城管") and 'type="checkbox"' in found("assists", "街道")
    assert "莱山城管局" not in found("unit", "城管局")
    assert client.get("/loop/duty/pick/other/").status_code == 404


def test_a_row_may_not_overlap_what_is_written_for_later(world):
    client = log_in(world, "姜管理")
    later = (TODAY + dt.timedelta(days=30)).isoformat()
    assert client.post("/loop/duty/new/", typed(world, valid_from=later)).status_code == 303
    answer = client.post("/loop/duty/new/", typed(world, unit=world.org("城管局").pk))
    assert answer.status_code == 400 and "先把那一行停用" in answer.content.decode()
    client.post(f"/loop/duty/{row_of(PAVEMENT).pk}/end/", {"reason": "提前改"})
    assert client.post("/loop/duty/new/", typed(world, unit=world.org("城管局").pk)).status_code == 303
    held = (
        DutyRow.objects.filter(category__code=PAVEMENT, level=3)
        .exclude(valid_to=F("valid_from"))
        .order_by("valid_from")
    )
    assert [(r.valid_from, r.valid_to) for r in held] == [(dt.date(2026, 1, 1), TODAY), (TODAY, None)]
    with pytest.raises(core.Invalid):  # the past is not written anew
        duty.put_row(
            by=SYSTEM,
            at=NOW + dt.timedelta(days=2),
            area=world.area(COUNTY),
            category_id=category(PAVEMENT).pk,
            level=3,
            number="甲",
            unit_id=world.org("城管局").pk,
            citation="文",
            valid_from=TODAY - dt.timedelta(days=9),
        )


def test_a_row_ends_with_a_reason_and_what_never_held_can_be_undone(world):
    client, row = log_in(world, "姜管理"), row_of(PAVEMENT)
    assert client.post(f"/loop/duty/{row.pk}/end/", {"reason": ""}).status_code == 400
    assert client.post(f"/loop/duty/{row.pk}/end/", {"reason": "职责划转"}).status_code == 303
    row.refresh_from_db()
    assert (
        row.valid_to == TODAY and duty.responsible(tell(world).request, TODAY)[0].row.category.code == "0401"
    )  # the group's row
    page = client.get(f"/loop/duty/{row.pk}/").content.decode()
    assert "职责划转" in page and "姜管理" in page
    assert client.post(f"/loop/duty/{row.pk}/end/", {"reason": "再停"}).status_code == 404
    later = (TODAY + dt.timedelta(days=30)).isoformat()
    client.post("/loop/duty/new/", typed(world, valid_from=later))
    wrong = row_of(PAVEMENT)
    client.post(f"/loop/duty/{wrong.pk}/end/", {"reason": "写错了"})
    wrong.refresh_from_db()
    assert wrong.valid_to == wrong.valid_from and queries.state_of(wrong, TODAY) == "never"
    assert client.post("/loop/duty/new/", typed(world, valid_from=later)).status_code == 303  # the day is free again


def test_closed_units_and_closed_matters_are_refused(world):
    admin, area = world.actor("姜管理"), world.area(COUNTY)
    put = {"by": admin, "at": NOW, "area": area, "level": 3, "number": "甲", "citation": "文"}
    unit = world.org("文旅局")
    close_org(org_id=unit.pk, by=SYSTEM, at=NOW - dt.timedelta(minutes=5), reason="改革")
    with pytest.raises(UnitClosed):
        duty.put_row(**put, category_id=category(PAVEMENT).pk, unit_id=unit.pk)
    Category.objects.filter(code=PAVEMENT).update(closed_on=TODAY)
    with pytest.raises(NoSuchCategory):
        duty.put_row(**put, category_id=category(PAVEMENT).pk, unit_id=world.org("城管局").pk)
    with pytest.raises(core.Forbidden):
        duty.put_row(
            **put | {"area": world.area("370613")}, category_id=category(LAMP).pk, unit_id=world.org("城管局").pk
        )


def test_two_administrators_at_once_write_one_row(fire_db, world):
    """The second one runs into the exclusion constraint and is told, whether or not a row was there before."""
    admin, area = world.actor("姜管理"), world.area(COUNTY)
    units = [world.org("城管局").pk, world.org("住建局").pk]
    for code, level in ((PAVEMENT, 3), (TEACHING, 5)):
        results = race(
            *(
                lambda u=u, code=code, level=level: duty.put_row(
                    by=admin,
                    at=NOW,
                    area=area,
                    category_id=category(code).pk,
                    level=level,
                    number="甲",
                    unit_id=u,
                    citation="文",
                )
                for u in units
            )
        )
        lost = [r for r in results if isinstance(r, Exception)]
        assert len(lost) == 1 and isinstance(lost[0], core.TakenAlready | core.Invalid), results
        assert DutyRow.objects.filter(category__code=code, level=level, valid_to=None).count() == 1


def test_the_loser_of_a_race_reads_it_on_the_form(world, monkeypatch):
    def late(**_kwargs: Any) -> None:
        raise core.TakenAlready

    monkeypatch.setattr("heli.loop.views.manage.duty.put_row", late)
    answer = log_in(world, "姜管理").post("/loop/duty/new/", typed(world, note="界限写在这里"))
    assert answer.status_code == 409
    assert (
        "L-102" not in answer.content.decode()
        and "同事先" in answer.content.decode()
        and "界限写在这里" in answer.content.decode()
    )


# Trying it out --------------------------------------------------------------------------------------------------------
def test_who_is_responsible_for_it(world):
    client = log_in(world, "姜管理")
    asked = {"text": "门前人行道塌了，砖都碎了，老人绊倒了", "place": "370602003006", "level": "3"}
    page = client.get("/loop/duty/try/", asked)
    assert page.context["tried"].category.code == PAVEMENT
    said = page.content.decode()
    assert "城管局" in said and "目录 4.1.3" in said and "人行道" in said
    assert not Event.objects.filter(step="request.hear").exists()
    below = client.get("/loop/duty/try/", asked | {"category": "010102", "level": "4"})
    assert [u.unit.short_name for u in below.context["tried"].units if u.row] == ["大海阳社区"]
    none = client.get("/loop/duty/try/", asked | {"text": "啊啊啊"})
    assert none.context["tried"].category is None and "没有认得的词" in none.content.decode()
    unknown = client.get("/loop/duty/try/", asked | {"place": "", "place_typed": "不存在的地方"})
    assert unknown.context["tried"] is None and "is-invalid" in unknown.content.decode()
    assert client.get("/loop/duty/try/", asked | {"place": "370613001001"}).context["tried"] is None  # another county
    assert client.get("/loop/duty/try/", asked | {"category": "'; --"}).status_code == 200


# Categories -----------------------------------------------------------------------------------------------------------
def test_the_tree_counts_what_was_told(world):
    for _n in range(3):
        tell(world)
    tell(world, category=LAMP)
    elsewhere = Area.objects.filter(path__startswith="370613", level=5, kind="admin").first()
    tell(world, category=LAMP, area_path=elsewhere.path)
    nodes = {n.category.code: n for n in queries.tree(world.actor("孙坐席"), NOW)}
    assert (nodes[PAVEMENT].requests, nodes["0401"].requests, nodes["04"].requests) == (3, 3, 4)
    page = log_in(world, "孙坐席").get("/loop/categories/?in=04").content.decode()
    assert f"/loop/requests/?category={PAVEMENT}" in page
    shown = log_in(world, "孙坐席").get(f"/loop/requests/?category={PAVEMENT}&from={queries.heard_since(NOW):%Y-%m-%d}")
    assert shown.context["total"] == 3
    assert (
        nodes[PAVEMENT].rows == 1
        and nodes["04"].rows == DutyRow.objects.filter(category__code__startswith="04").count()
    )


def test_who_reads_no_requests_sees_no_counts(world):
    tell(world)
    assert all(n.requests is None for n in queries.tree(world.actor("姜管理"), NOW))


def test_edited_words_are_read_at_once_also_by_a_warm_process(world):
    assert propose.categories_of("路牙石翻了") == []
    words = [*category(PAVEMENT).words, "路牙石"]
    answer = log_in(world, "姜管理").post(
        f"/loop/categories/{PAVEMENT}/",
        {
            "words": "，".join(words),
            "urgency": "urgent",
            "reason": "居民常这么说",
            "seen": "\n".join(category(PAVEMENT).words),
        },
    )
    assert answer.status_code == 303
    assert category(PAVEMENT).words == words and category(PAVEMENT).urgency == "urgent"
    assert propose.categories_of("路牙石翻了")[0].category.code == PAVEMENT
    page = log_in(world, "姜管理").get(f"/loop/categories/{PAVEMENT}/").content.decode()
    assert "加了：路牙石" in page and "居民常这么说" in page


def test_a_change_that_does_not_fit_is_told_beside_its_field(world):
    client, here = log_in(world, "姜管理"), f"/loop/categories/{PAVEMENT}/"
    sent = {"words": "人行道", "urgency": "normal", "reason": "试", "seen": "\n".join(category(PAVEMENT).words)}
    for change, status in (
        ({"reason": ""}, 400), ({"urgency": "whenever"}, 400), ({"words": "长" * 21}, 400),
        ({"words": "、".join(f"词{n}" for n in range(61))}, 400), ({"seen": "别的词"}, 409),
    ):  # fmt: skip
        assert client.post(here, sent | change).status_code == status, change
    assert "人行道" in category(PAVEMENT).words and len(category(PAVEMENT).words) > 1
    assert (
        client.post("/loop/categories/0401/", sent | {"closed": "on", "seen": ""}).status_code == 400
    )  # open ones below


def test_a_category_closes_and_opens_again(world):
    admin = world.actor("姜管理")
    kept = {"code": PAVEMENT, "words": category(PAVEMENT).words, "urgency": "normal", "by": admin, "at": NOW}
    put_category(**kept, closed=True, reason="并到道路里")
    assert category(PAVEMENT).closed_on == TODAY
    assert PAVEMENT not in [p.category.code for p in propose.categories_of("人行道塌了")]
    put_category(**kept, closed=False, reason="还是分开")
    assert category(PAVEMENT).closed_on is None


def test_only_who_keeps_the_installations_own_area_changes_categories(world):
    give_grant(
        user_id=world.user("李社工").pk,
        role="area_admin",
        paths=("370602003",),
        org_id=None,
        reason="街道",
        by=SYSTEM,
        at=NOW,
    )
    sent = {"words": "人行道", "urgency": "normal", "reason": "试", "seen": "\n".join(category(PAVEMENT).words)}
    for who in ("李社工", "孙坐席", "外县人"):
        client = log_in(world, who)
        page = client.get(f"/loop/categories/{PAVEMENT}/")
        assert page.status_code == 200 and "存下改动" not in page.content.decode()
        assert client.post(f"/loop/categories/{PAVEMENT}/", sent).status_code == 403
    assert log_in(world, "姜管理").get("/loop/categories/999999/").status_code == 404
    with pytest.raises(core.NotFound):
        put_category(
            code="999999", words=[], urgency="normal", closed=False, by=world.actor("姜管理"), at=NOW, reason="试"
        )


def test_the_tree_as_a_spreadsheet(world):
    answer = log_in(world, "姜管理").post("/loop/categories/export/", {"purpose": "培训"})
    rows = list(load_workbook(io.BytesIO(answer.content)).worksheets[0].values)
    assert len(rows) == 1 + Category.objects.count()

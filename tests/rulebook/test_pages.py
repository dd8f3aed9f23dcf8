"""The pages of the rulebook, as the public and as an area administrator see them."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.rulebook import queries, steps
from heli.rulebook.models import Rule
from heli.rulebook.steps import NewRule
from tests.rulebook.conftest import COUNTY, NEXT_COUNTY, NOW, TODAY

pytestmark = pytest.mark.usefixtures("book")


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def acting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pages are asked for by this actor; how a session becomes an actor is tested with the grants."""

    def become(actor: Actor) -> Client:
        monkeypatch.setattr("heli.orgs.middleware.actor_of", lambda _request: actor)
        return Client()

    return become


def reply_rule(area: str = "37") -> Rule:
    return Rule.objects.get(key="clock.reply", area_path=area, applies_to={"urgency": "normal"})


def text(client: Client, where: str, status: int = 200) -> str:
    answer = client.get(where)
    assert answer.status_code == status, where
    return answer.content.decode()


def test_the_public_reads_the_limits_of_a_place_with_their_sources(acting: Any) -> None:
    said = text(acting(PUBLIC), "/rules/")
    for words in (
        "各类事项的时限和依据",
        "5 个工作日",
        "2 小时",
        "山东省政务服务热线办理时限",
        "未核实",
        "2027 年的放假安排还没公布",
    ):
        assert words in said
    assert "7 天" in text(acting(PUBLIC), "/rules/?area=110105")
    assert text(acting(PUBLIC), "/rules/?area=370602%27--")  # anything else is this site's own area


def test_it_says_so_where_a_rule_is_missing(acting: Any) -> None:
    with connection.cursor() as cursor:  # what cannot happen through the steps: the row is simply gone
        cursor.execute("UPDATE rulebook_rule SET valid_to = valid_from WHERE key = 'clock.contact'")
    assert "还没有规则" in text(acting(PUBLIC), "/rules/")


def test_a_year_that_is_published_is_no_longer_announced_as_missing(acting: Any) -> None:
    day = steps.NewDay(dt.date(2027, 1, 1), False, "元旦")
    steps.import_calendar_year(area_path="", year=2027, days=[day], citation="国办发明电", by=SYSTEM, at=NOW)
    assert "还没公布" not in text(acting(PUBLIC), "/rules/")
    assert "国办发明电" in text(acting(PUBLIC), "/rules/calendar/2027/")


@pytest.mark.parametrize("where", ["/rules/", "/rules/all/", "/rules/all/?state=all", "/rules/calendar/"])
def test_statements_of_a_page(acting: Any, where: str) -> None:
    client = acting(PUBLIC)
    client.get(where)
    with CaptureQueriesContext(connection) as asked:
        client.get(where)
    assert len(asked) <= 8, [q["sql"][:90] for q in asked]


def test_the_list_is_filtered_and_pages_with_its_filters(acting: Any) -> None:
    client = acting(PUBLIC)
    assert "法搜网" in text(client, "/rules/all/?area=3203")
    assert "山东省政务" not in text(client, "/rules/all/?area=3203")
    assert "山东省政务" not in text(client, "/rules/all/?area=37&unverified=1")
    assert "没有符合的规则" in text(client, "/rules/all/?q=zzzz")
    assert "回访" in text(client, "/rules/all/?q=回访")  # by the rule's Chinese name
    first = client.get("/rules/all/?state=all")
    after = first.context["page"].next
    assert after
    ids = [r["row"].id for r in first.context["page"].rows]
    while after:
        found = client.get("/rules/all/", {"state": "all", "after": after}).context["page"]
        ids += [r["row"].id for r in found.rows]
        after = found.next
    assert sorted(ids) == sorted(Rule.objects.values_list("id", flat=True))
    assert "state=all" in first.content.decode()


@pytest.mark.parametrize("bad", ["?after=xyz", "?key=%00", "?area=%27", "?state=other", "?q=" + "很" * 300])
def test_strange_filters(acting: Any, bad: str) -> None:
    assert acting(PUBLIC).get("/rules/all/" + bad).status_code in {200, 400}


def test_the_states_of_versions(acting: Any) -> None:
    def put(days: int, amount: int) -> Rule:
        value = {"amount": amount, "unit": "working_day"}
        return steps.set_rule(
            rule=NewRule(
                "clock.reply", COUNTY, value, "区里的", TODAY + dt.timedelta(days=days), {"urgency": "normal"}
            ),
            by=SYSTEM,
            at=NOW,
        )

    ended, held, ahead = put(-30, 9), put(-3, 8), put(30, 7)
    client = acting(PUBLIC)

    def listed(state: str) -> set[int]:
        rows = client.get("/rules/all/", {"area": COUNTY, "state": state}).context["page"].rows
        return {r["row"].id for r in rows}

    assert listed("") == {held.id}
    assert listed("ended") == {ended.id}
    assert listed("coming") == {ahead.id}
    assert listed("all") == {ended.id, held.id, ahead.id}
    said = text(client, f"/rules/{held.id}/")
    assert all(f"/rules/{other.id}/" in said for other in (ended, ahead))


def test_export_holds_the_filtered_rows_and_no_formula(acting: Any) -> None:
    rule = NewRule("redo.limit", COUNTY, 1, "=HYPERLINK(1)", TODAY, {}, reason="＝1+1")
    steps.set_rule(rule=rule, by=SYSTEM, at=NOW)
    answer = acting(PUBLIC).get("/rules/all.xlsx", {"area": COUNTY})
    assert answer["Content-Disposition"].startswith("attachment")
    rows = list(load_workbook(io.BytesIO(answer.content)).worksheets[0].iter_rows(values_only=True))
    assert len(rows) == 2
    assert rows[1][6] == "'=HYPERLINK(1)"
    assert rows[1][11] == "'＝1+1"


def test_one_rule_shows_source_and_history(acting: Any) -> None:
    said = text(acting(PUBLIC), f"/rules/{reply_rule().id}/")
    for words in ("5 个工作日", "山东省", "2020-01-01 起", "合力项目", "clock.reply"):
        assert words in said
    assert "写一个新版本" not in said
    assert "L-404" in text(acting(PUBLIC), "/rules/999999/", status=404)


def test_calendar_pages(acting: Any) -> None:
    client = acting(PUBLIC)
    said = text(client, "/rules/calendar/")
    assert "国办发明电〔2025〕7号" in said
    assert "2月14日" in said.replace(" ", "")
    assert "暂定" in text(client, "/rules/calendar/2027/")
    assert client.get("/rules/calendar/1066/").status_code == 404


def test_english(acting: Any) -> None:
    client = acting(PUBLIC)
    client.cookies["django_language"] = "en"
    said = text(client, "/rules/")
    assert "Limits and what they rest on" in said
    assert "5 working days" in said


# Writing ---------------------------------------------------------------------------------------------------------------

FORM = {
    "amount": "3", "unit": "working_day", "valid_from": "2026-12-01", "area": COUNTY, "urgency": "normal", "kind": "", "category": "",
    "citation": "芝罘区办发〔2026〕8号", "citation_url": "", "reason": "试点", "after_version": "0",
}  # fmt: skip


def test_an_administrator_writes_a_local_rule_from_the_provinces(acting: Any, jiang: Actor) -> None:
    client = acting(jiang)
    above = reply_rule()
    page = text(client, f"/rules/new/?from={above.id}")
    assert 'value="370602"' in page  # not the province's code: that is not hers to change
    answer = client.post(f"/rules/new/?from={above.id}", FORM | {"checked": "on"})
    assert answer.status_code == 302
    rule = reply_rule(COUNTY)
    assert (rule.version, rule.verified, rule.verified_by, rule.verified_on) == (1, True, "芝罘区社会工作部", TODAY)
    assert rule.created_by_id == jiang.user_id
    on = dt.date(2026, 12, 1)
    assert (
        queries.in_force(["clock.reply"], path=COUNTY, on=on, facts={"urgency": "normal"})["clock.reply"].id == rule.id
    )


def test_the_next_version_of_ones_own(acting: Any, jiang: Actor) -> None:
    client = acting(jiang)
    client.post(f"/rules/new/?from={reply_rule().id}", FORM)
    rule = reply_rule(COUNTY)
    assert "写一个新版本" in text(client, f"/rules/{rule.id}/")
    form = FORM | {"amount": "2", "valid_from": "2027-01-01", "after_version": "1"}
    assert client.post(f"/rules/new/?from={rule.id}", form).status_code == 302
    stale = client.post(f"/rules/new/?from={rule.id}", form | {"amount": "1"})
    assert stale.status_code == 409
    assert "L-302" in stale.content.decode()


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"amount": "0"}, "amount", ""),
        ({"amount": "很快"}, "amount", ""),
        ({"unit": "fortnight"}, "unit", ""),
        ({"area": ""}, "area", ""),
        ({"area": "3706"}, "area", "不归您管"),
        ({"area": NEXT_COUNTY}, "area", "不归您管"),
        ({"area": "370699"}, "area", "没有这个代码的地方"),
        ({"area": "37060"}, "area", ""),
        ({"category": "x"}, "unit", ""),
        ({"valid_from": "2026-11-01"}, "valid_from", "不能从过去的日子起"),
        ({"valid_from": "明天"}, "valid_from", ""),
        ({"citation": ""}, "citation", ""),
        ({"reason": ""}, "reason", ""),
        ({"citation_url": "javascript:alert(1)"}, "citation_url", ""),
    ],
)
def test_what_is_wrong_stands_beside_the_field(
    acting: Any, jiang: Actor, change: dict[str, str], field: str, words: str
) -> None:
    answer = acting(jiang).post("/rules/new/?key=clock.reply", FORM | change)
    assert answer.status_code == 400
    assert field in answer.context["form"].errors
    said = answer.content.decode()
    assert words in said
    if "reason" not in change:
        assert "试点" in said  # what was typed is kept
    assert not Rule.objects.filter(citation=FORM["citation"]).exists()


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        ("redo.limit", {"number": "1"}, "1 次"),
        ("revisit.sample", {"number": "100"}, "100%"),
        ("reply.needs_review", {"flag": "yes"}, "是"),
        ("revisit.always", {"cases": "redo"}, "重办的"),
        ("revisit.channels", {"way_1": "phone", "hours_1": "3", "way_2": "visit", "hours_2": ""}, "3 小时后电话"),
        ("order.digest", {"weekday": "2", "hour": "8"}, "周 2"),
        ("export.row_cap", {"number": "100"}, "100 行"),
        ("track.link_days", {"number": "30"}, "30 天"),
        ("merge.window", {"metres": "80", "days": "30"}, "80 米、30 天以内"),
        ("work.hours", {"opens": "09:00", "closes": "17:00"}, "09:00–17:00"),
        ("rates.formula.response", {"count": "contacted", "of": "judged"}, "居民说联系过的 ÷ 居民评过的"),
    ],
)
def test_each_shape_of_value_has_its_form(
    acting: Any, jiang: Actor, key: str, fields: dict[str, str], words: str
) -> None:
    client = acting(jiang)
    text(client, f"/rules/new/?key={key}")
    answer = client.post(f"/rules/new/?key={key}", FORM | fields | {"urgency": ""})
    assert answer.status_code == 302, answer.context["form"].errors
    rule = Rule.objects.get(key=key, area_path=COUNTY)
    assert words in text(client, f"/rules/{rule.id}/")
    assert str(next(iter(fields.values()))) in text(client, f"/rules/new/?from={rule.id}")  # and back into the form


@pytest.mark.parametrize(
    "fields", [{"opens": "17:00", "closes": "09:00"}, {"opens": "09:00", "closes": "12:00", "opens_again": "13:00"}]
)
def test_office_hours_that_cannot_be(acting: Any, jiang: Actor, fields: dict[str, str]) -> None:
    assert acting(jiang).post("/rules/new/?key=work.hours", FORM | fields).status_code == 400


def test_which_rule_is_asked_first(acting: Any, jiang: Actor) -> None:
    client = acting(jiang)
    assert "?key=clock.reply" in text(client, "/rules/new/")
    text(client, "/rules/new/?key=clock.nap", status=404)
    text(client, "/rules/new/?from=999999", status=404)


def test_ending_a_rule(acting: Any, jiang: Actor) -> None:
    client = acting(jiang)
    client.post("/rules/new/?key=clock.reply", FORM)
    rule = reply_rule(COUNTY)
    assert client.post(f"/rules/{rule.id}/end/", {"end-valid_to": "2026-11-01", "end-why": "x"}).status_code == 400
    assert (
        client.post(f"/rules/{rule.id}/end/", {"end-valid_to": "2027-02-01", "end-why": "试点结束"}).status_code == 302
    )
    rule.refresh_from_db()
    assert rule.valid_to == dt.date(2027, 2, 1)
    assert (
        client.post(f"/rules/{reply_rule().id}/end/", {"end-valid_to": "2027-02-01", "end-why": "x"}).status_code == 403
    )


def test_the_public_may_not_write(acting: Any, jiang: Actor) -> None:
    nobody = acting(PUBLIC)
    assert nobody.get("/rules/new/").status_code == 302  # to the login
    assert nobody.post("/rules/new/?key=clock.reply", FORM).status_code == 302
    colleague = acting(Actor(user_id=jiang.user_id))
    assert colleague.get("/rules/new/").status_code == 403
    assert colleague.post("/rules/new/?key=clock.reply", FORM).status_code == 403
    assert not Rule.objects.filter(area_path=COUNTY).exists()

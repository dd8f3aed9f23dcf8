"""The supervisor's board: each number is a recount, opens its rows, and costs few statements; nobody sees another county."""

from __future__ import annotations

import io
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.insight import queries, refresh
from heli.loop import rates, steps
from heli.loop.models import Remark, Request
from heli.loop.queries import parts
from heli.orgs.steps import give_grant
from heli.rulebook.steps import NewRule, set_rule
from tests.insight.county import (
    DAHAIYANG,
    DAY,
    DONGSHAN,
    NOW,
    NOW_SQL,
    SPAN_SQL,
    bounced,
    county,
    overdue,
    recount,
    second_supervisor,
)
from tests.loop.staff import log_in
from tests.loop.told import tell

COUNTY, STREET = "370602", "370602003"
UNCOUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture(autouse=True)
def _now(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def made(world):
    second_supervisor(world)
    return county(world)


def board(client: Any, path: str = COUNTY, **asked: Any) -> Any:
    response = client.get(f"/board/{path}/", asked)
    assert response.status_code == 200, response.content.decode()[:1500]
    return response


def test_each_number_is_a_recount(world, made):
    for path in (COUNTY, STREET, DAHAIYANG):
        for days in rates.SPANS:
            b = queries.board(world.actor("吕部长"), path, days, NOW)
            wanted = {name: recount(name, path, days) for name in (*NOW_SQL, *SPAN_SQL)}
            assert {n: b.counts[n] for n in wanted} == wanted, (path, days)
    # the county is not empty of anything, or the recount would prove nothing
    assert all(recount(name, COUNTY) for name in (*NOW_SQL, *SPAN_SQL)), {
        n: recount(n, COUNTY) for n in (*NOW_SQL, *SPAN_SQL)
    }


def test_the_rates_are_those_of_the_loop(world, made):
    b = queries.board(world.actor("吕部长"), COUNTY, 30, NOW)
    since, until = rates.span(NOW, 30)
    assert [s.rate for s in b.rates] == rates.rates((COUNTY,), since, until, NOW)


def test_the_lines_add_up_to_the_whole_and_are_recounts(world, made):
    tell(world, "整个区的公交线路该调一调", at=NOW - DAY, area_path=COUNTY)  # at no street
    b = queries.board(world.actor("吕部长"), COUNTY, 30, NOW)
    for name in (*NOW_SQL, *SPAN_SQL):
        assert sum(row.counts[name] for row in b.inside) == b.counts[name]
    for row in b.inside:
        if not row.itself:
            assert {n: row.counts[n] for n in SPAN_SQL} == {n: recount(n, row.path) for n in SPAN_SQL}, row.name
    assert [row.path for row in b.inside] == sorted(row.path for row in b.inside)  # by code, no ranking
    itself = next(row for row in b.inside if row.itself)
    assert (itself.path, itself.counts["counted"]) == (COUNTY, 1)


def test_each_number_opens_just_its_rows(world, made):
    client = log_in(world, "吕部长")
    b = board(client, days=30).context["b"]
    links = [(n, b.now_urls[n], b.counts[n]) for n in b.now_urls] + [
        (n, b.span_urls[n], b.counts[n]) for n in b.span_urls
    ]
    links += [(s.rate.key, s.part_url, s.rate.count) for s in b.rates] + [
        (s.rate.key, s.whole_url, s.rate.of) for s in b.rates
    ]
    links += [(row.name, row.urls[n], row.counts[n]) for row in b.inside for n in row.urls]
    for name, url, number in links:
        page = client.get(url)
        assert page.status_code == 200
        assert (page.context["total"], len(page.context["page"].rows)) == (number, number), (name, url)


@pytest.mark.parametrize("path", [COUNTY, STREET, DAHAIYANG, "3706"])
def test_at_most_eight_statements(world, made, path):
    give_grant(
        user_id=world.user("李社工").pk,
        role="viewer",
        paths=("3706",),
        org_id=None,
        reason="看",
        by=SYSTEM,
        at=NOW - DAY,
    )
    refresh.rebuild(NOW)
    client = log_in(world, "李社工")
    parts._calendar_of_minute.cache_clear()
    with CaptureQueriesContext(connection) as asked:
        board(client, path)
    said = [q["sql"] for q in asked.captured_queries if not q["sql"].startswith(UNCOUNTED)]
    assert len(said) <= 8, "\n".join(q[:260] for q in said)


def test_the_first_rows_are_those_without_an_owner_then_the_longest_overdue(world, made):
    for n in range(6):
        overdue(world, days=30 + n, text=f"第 {n} 处路面塌陷一直没修")
    rows = board(log_in(world, "吕部长")).context["b"].first
    assert [r.nobody for r in rows] == [True, *[False] * 5]
    assert rows[0].request.pk == made["bounced"].request_id and rows[0].may_appoint
    heard = [r.request.heard_at for r in rows[1:]]
    assert heard == sorted(heard) and heard[0] == NOW - 35 * DAY
    assert all(r.over[0] == "late" for r in rows[1:])


def test_a_lead_is_named_only_at_the_limit_and_by_who_may(world, made):
    page = board(log_in(world, "吕部长")).content.decode()
    assert f"/loop/r/{made['bounced'].request.code}/?tab=force#act" in page
    give_grant(
        user_id=world.user("李社工").pk,
        role="viewer",
        paths=(COUNTY,),
        org_id=None,
        reason="看",
        by=SYSTEM,
        at=NOW - DAY,
    )
    seen = board(log_in(world, "李社工")).content.decode()
    assert "tab=force" not in seen and "/supervise/" not in seen and "导出" not in seen
    set_rule(rule=NewRule("return.limit", COUNTY, 3, "区里的", NOW.date(), {}), by=SYSTEM, at=NOW)
    assert "tab=force" not in board(log_in(world, "吕部长")).content.decode()


def test_a_word_of_supervision_from_the_row(world, made):
    client, pk = log_in(world, "吕部长"), made["overdue"].request_id
    answer = client.post(f"/board/{COUNTY}/supervise/{pk}/", {"text": "周三前到现场，给居民回话"})
    assert (answer.status_code, answer["Location"]) == (303, f"/board/{COUNTY}/")
    assert Remark.objects.get(request=pk, kind="supervise").text == "周三前到现场，给居民回话"
    first = {r.request.pk: r for r in board(client).context["b"].first}
    assert first[pk].supervised == 1 and first[pk].rung == 3


def test_what_was_typed_stays_when_it_did_not_go_through(world, made):
    client, pk = log_in(world, "吕部长"), made["overdue"].request_id
    empty = client.post(f"/board/{COUNTY}/supervise/{pk}/", {"text": " "})
    assert empty.status_code == 400 and "写明要怎么办" in empty.content.decode()
    Request.objects.filter(pk=pk).update(state="withdrawn")
    late = client.post(f"/board/{COUNTY}/supervise/{pk}/", {"text": "请本周办完"})
    assert late.status_code == 409 and not Remark.objects.filter(request=pk, kind="supervise").exists()


def test_nobody_sees_another_county(world, made):
    for who in ("于科员", "王桂兰", "姜管理"):  # hold nothing that reads an area
        client = log_in(world, who)
        assert (client.get(f"/board/{COUNTY}/").status_code, client.get("/board/").status_code) == (403, 403), who
    client = log_in(world, "外县人")  # a dispatcher elsewhere: has a board, with nothing of ours on it
    assert client.get("/board/")["Location"] == "/board/370613/"
    empty = board(client, "370613").context["b"]
    assert not any(empty.counts.values()) and empty.first == []
    assert client.get(f"/board/{COUNTY}/").status_code == 404
    assert client.post(f"/board/{COUNTY}/supervise/{made['overdue'].request_id}/", {"text": "看看"}).status_code == 403
    clerk = log_in(world, "韩网格")  # a community's clerk: the community, not the street
    assert clerk.get("/board/")["Location"] == f"/board/{DAHAIYANG}/"
    assert clerk.get(f"/board/{DAHAIYANG}/").status_code == 200
    assert clerk.get(f"/board/{STREET}/").status_code == 404 and clerk.get("/board/999999/").status_code == 404
    supervisor = log_in(world, "吕部长")
    for path in ("370613", "3706", "37", "370602003999", "%27--"):
        assert supervisor.get(f"/board/{path}/").status_code == 404, path
    assert log_in(world, "吕部长").get("/board/")["Location"] == f"/board/{COUNTY}/"


def test_the_public_is_asked_to_log_in(world, client):
    assert client.get(f"/board/{COUNTY}/").status_code == 302


def test_the_table_is_sorted_by_a_column_and_says_so(world, made):
    client = log_in(world, "吕部长")
    page = board(client, sort="-overdue")
    numbers = [row.counts["overdue"] for row in page.context["b"].inside]
    assert numbers == sorted(numbers, reverse=True) and numbers[0] > 0
    assert 'aria-sort="descending"' in page.content.decode()
    shares = [row.rates["on_time"].value for row in board(client, sort="on_time").context["b"].inside]
    known = [s for s in shares if s is not None]
    assert known == sorted(known) and shares[len(known) :] == [None] * (
        len(shares) - len(known)
    )  # nothing to divide: last
    assert [r.path for r in board(client, sort="name; drop").context["b"].inside] == sorted(
        r.path for r in page.context["b"].inside
    )


def test_the_span_is_kept_in_the_links(world, made):
    page = board(log_in(world, "吕部长"), days=90).content.decode()
    assert f"/board/{STREET}/?days=90" in page and "from=2026-08-27" in page
    assert board(log_in(world, "吕部长"), days="1e9").context["days"] == 30


def test_a_formula_without_a_rule_fails_with_its_name(world, made):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE rulebook_rule SET valid_to = valid_from WHERE key = 'rates.formula.on_time'")
    answer = log_in(world, "吕部长").get(f"/board/{COUNTY}/")
    assert (
        answer.status_code >= 400
        and "L-301" in answer.content.decode()
        and "rates.formula.on_time" in answer.content.decode()
    )


def test_what_waits_for_a_decision_is_loaded_after_the_page(world, made):
    client, told = log_in(world, "吕部长"), made["overdue"]
    assert f'hx-get="/board/{COUNTY}/waiting/"' in board(client).content.decode()
    clock = told.request.clocks.get(kind="reply", outcome="running")
    clock.due_at = NOW + 5 * DAY
    clock.save()
    steps.ask_extension(
        clock_id=clock.pk, by=world.actor("于科员"), at=NOW, kind="more", days=2, reason="等材料", basis="规定"
    )
    found = client.get(f"/board/{COUNTY}/waiting/").context["waiting"]
    assert (found.extensions, found.appeals, found.exclusions) == (1, 0, 0)
    street = made["overdue_street"].request_id
    order = steps.issue_order(
        by=world.actor("吕部长"),
        at=NOW,
        title="路灯",
        demand="查清",
        units={world.org("城管局").pk: ""},
        request_ids=[street],
    )
    over = {r.request.pk: r.order for r in queries.board(world.actor("吕部长"), COUNTY, 30, NOW).first}
    assert over.pop(street) == order.pk and set(over.values()) == {None}
    steps.report_order(part_id=order.parts.get().pk, by=world.actor("于科员"), at=NOW, text="已查清")
    for path, n in ((COUNTY, 1), (DONGSHAN, 1), (DAHAIYANG, 0)):
        page = client.get(f"/board/{path}/waiting/")
        assert [(tab, k) for tab, _said, k in page.context["orders"]] == [("mine", n), ("late", 0), ("open", n)], path
        assert f"/loop/orders/?tab=mine&amp;area={path}" in page.content.decode()
        assert len(client.get(f"/loop/orders/?tab=mine&area={path}").context["page"].rows) == n
    assert client.get("/board/370613/waiting/").status_code == 404


def test_the_table_as_a_spreadsheet(world, made):
    client = log_in(world, "吕部长")
    assert client.post(f"/board/{COUNTY}/export/", {"purpose": ""}).status_code == 400
    answer = client.post(f"/board/{COUNTY}/export/?days=30", {"purpose": "月度分析会"})
    book = load_workbook(io.BytesIO(answer.content))
    head, *rows = list(book.worksheets[0].values)
    b = queries.board(world.actor("吕部长"), COUNTY, 30, NOW)
    assert [r[1] for r in rows] == [row.path for row in b.inside]
    assert sum(r[head.index("收到")] for r in rows) == b.counts["counted"]
    assert sum(r[head.index("超时")] for r in rows) == recount("overdue", COUNTY)
    notes = " ".join(str(c) for line in book.worksheets[1].values for c in line)
    assert "月度分析会" in notes and "第 1 版" in notes
    kept = Event.objects.filter(step="list.export").latest("id")
    assert kept.data["purpose"] == "月度分析会" and kept.area_path == COUNTY


def test_a_board_without_anything_says_so(world):
    second_supervisor(world)
    page = board(log_in(world, "吕部长")).content.decode()
    assert "没有超时的" in page and "还没有可算的" in page
    assert queries.board(world.actor("吕部长"), DONGSHAN, 30, NOW).inside == []  # a community has nothing inside


def test_the_map_colours_only_areas_with_enough_items(world):
    def row(path: str, count: int, of: int) -> Any:
        rate = rates.Rate("on_time", "", count, of, "", "", None)  # type: ignore[arg-type]
        return queries.Inside(path, path, False, {}, {"on_time": rate}, {})

    whole = rates.Rate("on_time", "", 80, 100, "", "", None)  # type: ignore[arg-type]
    found = queries.bands(
        [row("1", 10, 20), row("2", 15, 20), row("3", 16, 20), row("4", 18, 20), row("5", 0, 4)], whole
    )
    assert found == {"1": 0, "2": 0, "3": 2, "4": 3}
    assert queries.bands([row("1", 7, 9)], whole) == {"1": 1}


def test_a_city_has_a_map_and_a_county_a_table(world, made, settings):
    give_grant(
        user_id=world.user("李社工").pk,
        role="viewer",
        paths=("3706",),
        org_id=None,
        reason="看",
        by=SYSTEM,
        at=NOW - DAY,
    )
    page = board(log_in(world, "李社工"), "3706").content.decode()
    assert 'data-shapes="/areas/shapes/"' in page and 'data-layer="county"' in page and "map-values" in page
    assert "data-shapes" not in board(log_in(world, "李社工"), COUNTY).content.decode()
    settings.HELI_SHAPES = False
    assert "data-shapes" not in board(log_in(world, "李社工"), "3706").content.decode()


def test_one_upheld_return_is_not_back_and_forth(world):
    bounced(world, times=1)
    assert queries.board(world.actor("吕部长"), COUNTY, 30, NOW).counts["bounced"] == 0

"""Returns to decide, all requests with search and export, and a batch from a table."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from openpyxl import load_workbook

from heli.core.models import Access, Event
from heli.loop import rates, steps
from heli.loop.models import Clock, Dispatch, Request
from heli.loop.queries import requests as lists
from heli.rulebook.models import Rule
from tests.database import race
from tests.loop.staff import NOW, counted, log_in, text_of
from tests.loop.test_desk_pages import ask_back, bounced, desk_of, unit
from tests.loop.told import AT, HOUR, LAMP, tell

MINUTE = dt.timedelta(minutes=1)
ALL = "/loop/requests/"


pytestmark = pytest.mark.usefixtures("at_noon")


def codes_on(page: str) -> list[str]:
    return re.findall(r'<td class="main"><span><a href="/loop/r/([^/"]+)/">', page)


# Returns ------------------------------------------------------------------------------------------------------------------
def returning(world: Any, **more: Any) -> Any:
    told = tell(world, **more)
    ask_back(world, told.dispatch())
    return told


def decide(client: Client, told: Any, verb: str, **typed: Any) -> Any:
    made = Dispatch.objects.filter(request=told.request_id, role="lead").latest("id")
    return client.post(f"/loop/returns/{made.pk}/{verb}/", typed)


def test_a_return_shows_what_speaks_for_it_and_what_the_list_says(world):
    told, client = returning(world), desk_of(world)
    page, cost = counted(lambda: client.get("/loop/returns/"))
    said = text_of(page)
    for words in ("城管局说", "不归我局管", "三定规定", "派单目录写着", "同意退回，改派别处", told.request.code):
        assert words in said
    assert re.search(r"“[^”]+”由芝罘区城市管理局办", said)
    assert cost <= 8


def test_upheld_it_goes_on_to_the_desk_at_once(world):
    told, client = returning(world), desk_of(world)
    done = decide(client, told, "uphold")
    assert done.status_code == 303
    assert done["Location"] == f"/loop/desk/{told.request.code}/?done=uphold-{told.request_id}"
    page = text_of(client.get(done["Location"]))
    assert "现在派给谁" in page and "建议派给" in page and "城管局退回过" in page
    assert (told.request.state, told.request.bounces, told.request.unit) == ("heard", 1, None)


def test_refused_only_with_a_reason_and_the_clocks_never_stopped(world):
    told, client = returning(world), desk_of(world)
    running = set(Clock.objects.filter(request=told.request_id, outcome="running").values_list("pk", flat=True))
    empty = decide(client, told, "refuse", reason=" ")
    assert empty.status_code == 400 and told.lead.state == "returning"
    done = decide(client, told, "refuse", reason="目录写明由城管局办")
    assert "还由它办" in text_of(client.get(done["Location"]))
    assert told.lead.state == "offered"
    assert running == set(Clock.objects.filter(request=told.request_id, outcome="running").values_list("pk", flat=True))


def test_before_the_limit_is_reached_it_says_who_must_name_a_lead(world):
    told = bounced(world, 1)
    ask_back(world, told.dispatch())
    page = text_of(desk_of(world).get("/loop/returns/"))
    assert "同意后就退回了 2 次" in page and "吕部长" in page and "同意退回，改派别处" not in page
    done = decide(desk_of(world), told, "uphold")
    assert "要由上级定主办" in text_of(desk_of(world).get(done["Location"]))


def test_two_decide_and_the_second_is_told(fire_db, world):
    told = returning(world)
    clients = [desk_of(world), desk_of(world)]
    answers = race(lambda: decide(clients[0], told, "uphold"), lambda: decide(clients[1], told, "uphold"))
    assert sorted(a.status_code for a in answers) == [303, 409]
    lost = next(a for a in answers if a.status_code == 409)
    assert "孙坐席" in text_of(lost) and "同意退回" in text_of(lost)
    assert told.request.bounces == 1


def test_an_assisting_unit_gives_back_its_part_alone(world):
    told = tell(world)
    told.dispatch(assists=[unit(world, "住建局")])
    made = Dispatch.objects.get(request=told.request_id, role="assist")
    ask_back(world, made, "曲科员")
    done = desk_of(world).post(f"/loop/returns/{made.pk}/uphold/")
    assert done["Location"] == f"/loop/returns/?done=upheld-{told.request_id}"
    assert (told.request.state, told.request.bounces) == ("dispatched", 0)


def test_returns_of_the_next_county_are_not_there(world):
    told = returning(world)
    client = log_in(world, "外县人")
    assert told.request.code not in text_of(client.get("/loop/returns/"))
    assert decide(client, told, "uphold").status_code == 404
    assert decide(client, told, "nonsense").status_code == 404
    assert log_in(world, "于科员").get("/loop/returns/").status_code == 403


# All requests ---------------------------------------------------------------------------------------------------------------
def test_the_list_costs_eight_statements_and_pages_through_everything(world):
    made = [tell(world, at=AT + MINUTE * n).request.code for n in range(53)]
    client = desk_of(world)
    page, cost = counted(lambda: client.get(ALL))
    first = codes_on(text_of(page))
    assert first == made[::-1][:50] and cost <= 8
    assert "共 53 件" in text_of(page)
    following = re.search(r'href="(\?after=[^"]+)"', text_of(page))
    assert codes_on(text_of(client.get(ALL + following[1]))) == made[::-1][50:]
    page, cost = counted(lambda: client.get(f"{ALL}?set=open&area=370602003&unit={unit(world)}&state=open&sort=due"))
    assert page.status_code == 200 and cost <= 11, "three names are looked up for what is narrowed"


def test_a_code_opens_its_request_however_it_is_typed(world):
    told, client = tell(world), desk_of(world)
    code = told.request.code
    for typed in (code, code.lower(), code.replace("-", " "), code.replace("-", "")):
        assert client.get(ALL, {"q": typed})["Location"] == f"/loop/r/{code}/"
    assert log_in(world, "外县人").get(ALL, {"q": code}).status_code == 200


def test_words_are_found_in_title_and_text(world):
    here = tell(world, text="通伸河边的长椅坏了三把，老人没处坐。")
    tell(world)
    client = desk_of(world)
    assert codes_on(text_of(client.get(ALL, {"q": "长椅"}))) == [here.request.code]
    assert "没有符合条件的" in text_of(client.get(ALL, {"q": "没有人说过的话"}))


def test_a_number_is_looked_up_by_post_only_and_stands_nowhere(world):
    told, client = tell(world, phone="13900000777"), desk_of(world)
    tell(world)
    found = client.post(f"{ALL}phone/", {"p-phone": "139 0000 0777"})
    assert codes_on(text_of(found)) == [told.request.code]
    assert found["Cache-Control"] == "no-store"
    assert codes_on(text_of(client.get(ALL, {"q": "13900000777"}))) == [], "not by an address, which is logged"
    short = client.post(f"{ALL}phone/", {"p-phone": "1390000"})
    assert short.status_code == 400 and "11 位" in text_of(short)
    assert not Access.objects.exists(), "nothing was read: the number was compared"
    assert log_in(world, "吕部长").post(f"{ALL}phone/", {"p-phone": "13900000777"}).status_code == 403
    assert codes_on(text_of(log_in(world, "外县人").post(f"{ALL}phone/", {"p-phone": "13900000777"}))) == []


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("state=heard", {"new", "lamp"}),
        ("state=open", {"new", "lamp", "sent", "late"}),
        ("state=with_unit", {"sent", "late"}),
        ("state=closed", {"closed"}),
        ("due=late", {"late"}),
        ("set=overdue", {"late"}),
        ("category=0404", {"lamp"}),
        (f"category={LAMP}", {"lamp"}),
        ("area=370602003004", {"lamp"}),
        ("area=370602003", {"new", "lamp", "sent", "late", "closed"}),
        ("area=370613", set()),
        ("unit=城管", {"sent", "late", "closed"}),
        ("urgency=urgent", {"late"}),
        ("channel=web&kind=help&state=closed", {"closed"}),
        ("lap=2", set()),
        ("bounced=1", set()),
        ("heard=me", set()),
        ("from=2026-11-16&to=2026-11-16", {"late"}),
        ("from=2026-11-17", {"new", "lamp", "sent", "closed"}),
        ("to=2026-11-16", {"late"}),
        ("from=nonsense&set=nonsense&state=nonsense&unit=&after=", {"new", "lamp", "sent", "late", "closed"}),
    ],
)
def test_filters_narrow_and_stand_in_the_address(world, query, which):
    late = tell(world, text="燃气味道", urgency="urgent", at=AT - dt.timedelta(days=1))
    late.dispatch()
    made = {
        "new": tell(world),
        "lamp": tell(world, category=LAMP, area_path="370602003004"),
        "sent": tell(world),
        "late": late,
        "closed": tell(world).answered(),
    }
    made["sent"].dispatch()
    made["closed"].judge()
    Clock.objects.filter(request=made["sent"].request_id).update(due_at=NOW + HOUR * 90)
    Request.objects.filter(pk=made["sent"].request_id).update(due_at=NOW + HOUR * 90)
    found = codes_on(text_of(desk_of(world).get(f"{ALL}?{query}")))
    assert {n for n, told in made.items() if told.request.code in found} == which


def test_what_a_number_counts_is_what_it_opens(world):
    tell(world).answered().judge("no", 2)
    tell(world).answered()
    gone = tell(world)
    steps.withdraw(request_id=gone.request_id, by=gone.resident, at=NOW)
    client, actor = desk_of(world), world.actor("孙坐席")
    since, until = rates.span(NOW, 7)
    counted_rows = rates.counted(("370602",), since, until)
    for name in rates.SET_WORDS:
        url = lists.rows_url(name, area="370602", since=since, until=until)
        f = lists.Filters.read(dict(re.findall(r"[?&]([^=]+)=([^&]+)", url.replace("%3A", ":").replace("%2B", "+"))))
        rows = rates.rows_of(name, Request.objects.all(), NOW, since, until)
        assert lists.how_many(actor, f, NOW) == rows.count(), name
        assert set(codes_on(text_of(client.get(url)))) == set(rows.values_list("code", flat=True)), name
    assert (
        lists.how_many(actor, lists.Filters(set="counted", since=since.isoformat(), until=until.isoformat()), NOW)
        == counted_rows.count()
    )


def test_the_export_says_who_what_for_and_nothing_personal(world):
    told = tell(world, text="路灯不亮，我叫王桂兰", title="=cmd|' /C calc'!A0", spot="3 号楼 2 单元 501")
    tell(world, category=LAMP)
    client = desk_of(world)
    assert client.post(f"{ALL}export/?q=路灯").status_code == 400
    assert not Event.objects.filter(step="list.export").exists()
    done = client.post(f"{ALL}export/?q=路灯", {"x-purpose": "周例会"})
    book = load_workbook(io.BytesIO(done.content))
    rows = [[str(c or "") for c in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    assert len(rows) == 2 and told.request.code in rows[1]
    assert rows[1][1].startswith("'=cmd"), "a cell never becomes a formula"
    everything = " ".join(c for row in rows for c in row)
    for personal in ("王桂兰", "13800000017", "501", "王**"):
        assert personal not in everything
    said = Event.objects.get(step="list.export")
    assert (said.area_path, said.data["rows"], said.data["purpose"]) == ("370602", 1, "周例会")
    assert said.data["filters"] == {"q": "路灯"} and said.user_id == world.user("孙坐席").pk


def test_the_export_has_a_cap_and_an_owner(world):
    for _ in range(3):
        tell(world)
    here = Rule.objects.get(key="export.row_cap", area_path="")
    Rule.objects.create(
        key=here.key,
        area_path="370602",
        applies_to={},
        value=2,
        version=1,
        citation="测试",
        verified=False,
        valid_from=here.valid_from,
    )
    over = desk_of(world).post(f"{ALL}export/", {"x-purpose": "核对"})
    assert over.status_code == 400 and "L-105" in text_of(over)
    assert not Event.objects.filter(step="list.export").exists()
    assert log_in(world, "韩网格").post(f"{ALL}export/", {"x-purpose": "核对"}).status_code == 403
    assert desk_of(world).get(f"{ALL}export/").status_code == 405


def test_without_the_rule_nothing_is_exported(world):
    tell(world)
    Rule.objects.filter(key="export.row_cap").update(valid_to=F("valid_from"))
    refused = desk_of(world).post(f"{ALL}export/", {"x-purpose": "核对"})
    assert refused.status_code >= 400 and "export.row_cap" in text_of(refused)


@pytest.mark.parametrize("who", ["吕部长", "郝回访", "韩网格"])
def test_readers_of_the_area_see_the_list(world, who):
    told = tell(world)
    assert told.request.code in text_of(log_in(world, who).get(ALL))


@pytest.mark.parametrize("who", ["于科员", "王桂兰", "姜管理"])
def test_who_reads_no_area_has_no_list(world, who):
    assert log_in(world, who).get(ALL).status_code == 403


def test_the_next_county_lists_none_of_it(world):
    told = tell(world)
    client = log_in(world, "外县人")
    for query in ("", "?area=370602", "?set=open", f"?q={told.request.code}"):
        assert told.request.code not in codes_on(text_of(client.get(ALL + query)))

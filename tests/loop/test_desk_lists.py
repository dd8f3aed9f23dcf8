"""Returns to decide, all requests with search and export, and a batch from a table."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client
from openpyxl import Workbook, load_workbook

from heli.core.models import Access, Event
from heli.loop import batches, rates, steps
from heli.loop.models import Clock, Dispatch, Request, Voice
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


# A batch from a table ---------------------------------------------------------------------------------------------------------
GOOD = """工单编号,来电时间,诉求内容,所属社区,事项分类,来电人姓名,联系电话
A-1,2026-11-16 09:30,门口三盏路灯不亮，晚上看不清,毓璜顶街道大海阳社区3号楼,路灯不亮,王桂兰,13800000123
A-2,2026/11/16 10:05,楼上装修敲到半夜，孩子睡不着,大海阳社区,说不清的事,李大爷,13900000456
"""
BAD = """编号,时间,内容,社区
B-1,前天,路灯坏了,大海阳社区
B-2,2026-11-16 10:05,,大海阳社区
B-3,2026-11-16 10:05,水管漏水,火星社区
B-4,2026-11-16 10:05,这一行是好的,大海阳社区
"""


def send(client: Client, content: str | bytes, go: str = "check", name: str = "批次.csv", **more: Any) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return client.post("/loop/import/", {"file": SimpleUploadedFile(name, raw), "source": "12345 热线", go: "1"} | more)


def test_a_look_takes_nothing_and_masks_people(world):
    client = desk_of(world)
    page = text_of(send(client, GOOD))
    assert "可以收下 2 件" in page and "1 行写的事项不在目录里" in page
    assert "大海阳社区 · 3号楼" in page and "王**" in page and "138****0123" in page
    assert "13800000123" not in page and "王桂兰" not in page
    assert not Request.objects.exists() and not Event.objects.filter(step="request.hear").exists()


def test_a_batch_is_taken_whole_and_twice_does_no_harm(world):
    client = desk_of(world)
    assert "收下了 2 件" in text_of(send(client, GOOD, "take"))
    first = Request.objects.get(source_key="A-1")
    assert (first.channel, first.source, first.area_path, first.spot) == (
        "import",
        "12345 热线",
        "370602003006",
        "3号楼",
    )
    assert first.category.name == "路灯不亮" and first.heard_at == dt.datetime.fromisoformat("2026-11-16T09:30+08:00")
    assert Voice.objects.get(request=first).record.phone_mask == "138****0123"
    again = text_of(send(client, GOOD, "take"))
    assert "都有了" in again and Request.objects.count() == 2
    assert first.code in text_of(client.get("/loop/desk/"))
    assert Request.objects.get(source_key="A-2").category is None, "the desk decides what it is about"


def test_one_bad_row_and_nothing_is_taken(world):
    client = desk_of(world)
    page = send(client, BAD, "take")
    said = text_of(page)
    assert page.status_code == 400 and "有 3 行收不了" in said and not Request.objects.exists()
    assert "“前天”不是时间" in said and "L-112" in said
    assert re.findall(r'class="h-num"><span>(\d+)</span>', said) == ["2", "3", "4"]


def test_columns_are_chosen_by_hand_where_headings_say_nothing(world):
    table = "甲,乙\nC-1,大海阳社区门口井盖响\n"
    client = desk_of(world)
    lost = send(client, table)
    assert lost.status_code == 400 and "请选好这几项在哪一列" in text_of(lost)
    headings = re.search(r'name="headings" value="([^"]+)"', text_of(lost))[1]
    chosen = {"headings": headings, "map_key": "甲", "map_text": "乙", "area": "370602003006"}
    assert "可以收下 1 件" in text_of(send(client, table, **chosen))
    other = send(client, GOOD, **chosen)
    assert "可以收下 2 件" in text_of(other), "a choice made for other headings is not used"


def test_a_workbook_is_read_as_well(world):
    book = Workbook()
    book.active.append(["编号", "内容", "地点"])
    book.active.append(["D-1", "楼前的路灯不亮", "大海阳社区"])
    out = io.BytesIO()
    book.save(out)
    assert "可以收下 1 件" in text_of(send(desk_of(world), out.getvalue(), name="表.xlsx"))


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"PK\x03\x04broken", "表.xlsx", "L-701|读不成表格"),
        (b"", "空.csv", "空的"),
        ("编号,内容\n".encode(), "空.csv", "列名下面没有内容"),
        (b"\x00\x01\x02\x03", "x.csv", "读不成表格"),
        (("编号,内容\n" + "X,字\n" * 501).encode(), "多.csv", "超过 500 行"),
    ],
)
def test_what_cannot_be_read_is_said(world, content, name, said):
    page = send(desk_of(world), content, name=name)
    assert page.status_code == 400 and re.search(said, text_of(page))
    assert not Request.objects.exists()


def test_nobody_imports_into_another_county(world):
    client = log_in(world, "外县人")
    assert "收不了" in text_of(send(client, GOOD, "take")) and not Request.objects.exists()
    assert log_in(world, "吕部长").get("/loop/import/").status_code == 403


def test_headings_as_offices_write_them():
    guessed = batches.guess(
        ["序号", "工单编号", "受理时间", "诉求内容", "事发地点", "事项类别", "联系人", "联系电话", ""]
    )
    assert guessed == {
        "key": "工单编号", "text": "诉求内容", "at": "受理时间", "area": "事发地点", "category": "事项类别",
        "name": "联系人", "phone": "联系电话",
    }  # fmt: skip
    assert batches.guess(["甲", "乙"]) == {}

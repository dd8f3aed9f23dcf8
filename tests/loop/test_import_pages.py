"""The pages of a batch: a table is laid down, mapped, looked at, taken; its errors and its outcome are fetched."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook, load_workbook

from heli.core import laid, tables
from heli.core.models import Event
from heli.loop import batches
from heli.loop.batch_models import Batch
from heli.loop.models import Request, Voice
from tests.loop.staff import counted, log_in, text_of
from tests.loop.test_desk_pages import desk_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

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


def lay(client: Client, content: str | bytes, name: str = "批次.csv", **more: Any) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    return client.post("/loop/import/", {"file": SimpleUploadedFile(name, raw), "source": "12345 热线"} | more)


def look(client: Client, content: str | bytes, name: str = "批次.csv", **more: Any) -> tuple[str, str]:
    """(address of the batch, its page)."""
    laid = lay(client, content, name, **more)
    assert laid.status_code == 303, text_of(laid)
    return laid["Location"], text_of(client.get(laid["Location"]))


def test_a_look_takes_nothing_and_masks_people(world):
    _url, page = look(desk_of(world), GOOD)
    assert "可以收下 2 件" in page and "1 行写的事项不在目录里" in page and "说不清的事" in page
    assert "大海阳社区 · 3号楼" in page and "王**" in page and "138****0123" in page
    assert "13800000123" not in page and "王桂兰" not in page
    assert not Request.objects.exists() and not Event.objects.filter(step="request.hear").exists()


def test_a_batch_is_taken_whole_and_twice_does_no_harm(world):
    client = desk_of(world)
    url, _page = look(client, GOOD)
    assert client.post(f"{url}take/")["Location"] == url
    done = text_of(client.get(url))
    assert "收下了 2 件" in done
    first = Request.objects.get(source_key="A-1")
    assert (first.channel, first.source, first.area_path, first.spot) == (
        "import",
        "12345 热线",
        "370602003006",
        "3号楼",
    )
    assert first.category.name == "路灯不亮" and first.heard_at == dt.datetime.fromisoformat("2026-11-16T09:30+08:00")
    assert Voice.objects.get(request=first).record.phone_mask == "138****0123"
    (batch,) = Batch.objects.all()
    assert f"?batch={batch.pk}" in done and first.code in text_of(client.get(f"/loop/requests/?batch={batch.pk}"))
    _again, page = look(client, GOOD)
    assert "都有了" in page and Request.objects.count() == 2
    assert client.post(f"{url}take/").status_code == 409, "pressed twice"
    assert Request.objects.get(source_key="A-2").category is None, "the desk decides what it is about"


def test_one_bad_row_and_nothing_is_taken(world):
    client = desk_of(world)
    url, page = look(client, BAD)
    assert "有 3 行收不了" in page and "“前天”不是时间" in page and "L-112" in page
    assert re.findall(r'class="h-num"><span>(\d+)</span>', page.split("errors-title")[-1]) == ["2", "3", "4"]
    assert 'value="take"' not in page and f"{url}take/" not in page
    client.post(f"{url}take/")
    assert "有 3 行收不了" in text_of(client.get(url)) and not Request.objects.exists()
    book = load_workbook(io.BytesIO(client.get(f"{url}errors.xlsx").content))
    lines = [[c.value for c in row] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert [row[0] for row in lines] == [2, 3, 4] and all(row[2] for row in lines)


def test_words_are_mapped_once(world):
    client = desk_of(world)
    url, page = look(client, GOOD + "A-3,2026-11-16 11:00,灯坏了,火星社区,说不清的事,,\n")
    assert "火星社区" in page and "我们不认识的词" in page
    words = dict(re.findall(r'name="(word_\w+_\d+)" value="([^"]+)"', page))
    typed = {n.replace("word_", "as_"): {"说不清的事": "装修", "火星社区": "月亮"}[w] for n, w in words.items()}
    refused = client.post(f"{url}map/", words | typed)
    assert refused.status_code == 400 and "请从列表里选一个" in text_of(refused) and 'value="月亮"' in text_of(refused)
    good = {
        n.replace("word_", "as_"): {"说不清的事": "040401 路灯不亮", "火星社区": "大海阳社区"}[w]
        for n, w in words.items()
    }
    assert client.post(f"{url}map/", words | good).status_code == 303
    page = text_of(client.get(url))
    assert "可以收下 3 件" in page and "我们不认识的词" not in page
    client.post(f"{url}take/")
    assert Request.objects.get(source_key="A-3").area_path == "370602003006"
    assert Request.objects.get(source_key="A-2").category.code == "040401"
    _url, next_time = look(client, GOOD.replace("A-", "B-"))
    assert "可以收下 2 件" in next_time and "我们不认识的词" not in next_time


def test_columns_are_chosen_by_hand_where_headings_say_nothing(world):
    client = desk_of(world)
    url, lost = look(client, "甲,乙\nC-1,大海阳社区门口井盖响\n", area="370602003006")
    assert "请选好这几项在哪一列" in lost
    client.post(f"{url}map/", {"map_key": "甲", "map_text": "乙"})
    assert "可以收下 1 件" in text_of(client.get(url))


def test_letters_and_headings_are_chosen_where_they_were_read_wrong(world):
    client = desk_of(world)
    big5 = "編號,內容,社區\nD-1,路燈不亮,大海陽社區\n".encode("big5")
    url, page = look(client, big5, area="370602003006")
    assert "編號" not in page
    client.post(f"{url}map/", {"encoding": "big5", "heading": "1", "map_key": "編號", "map_text": "內容"})
    assert "路燈不亮" in text_of(client.get(url)) and "可以收下 1 件" in text_of(client.get(url))
    url, page = look(client, "某市热线,,\n编号,诉求内容,社区\nE-1,灯坏了,大海阳社区\n".encode("gb18030"))
    assert "可以收下 1 件" in page and "gb18030" in page and 'value="2"' in page and "某市热线" in page


def test_a_workbook_is_read_as_well(world):
    book = Workbook()
    book.active.append(["编号", "内容", "地点"])
    book.active.append(["D-1", "楼前的路灯不亮", "大海阳社区"])
    out = io.BytesIO()
    book.save(out)
    assert "可以收下 1 件" in look(desk_of(world), out.getvalue(), name="表.xlsx")[1]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"PK\x03\x04broken", "表.xlsx", "读不成表格"),
        (b"", "空.csv", "空的"),
        (b"\x00\x01\x02\x03", "x.csv", "读不成表格"),
        (b"x" * (10 * 2**20 + 1), "大.csv", "10 MB"),
    ],
)
def test_what_cannot_be_read_is_said(world, content, name, said):
    page = lay(desk_of(world), content, name)
    assert page.status_code == 400 and said in text_of(page) and "12345 热线" in text_of(page)
    assert not Batch.objects.exists()


def test_what_can_be_read_and_not_taken_is_said(world):
    client = desk_of(world)
    assert "列名下面没有内容" in look(client, "编号,内容\n")[1]
    many = "编号,内容\n" + "".join(f"X{i},字\n" for i in range(10_001))
    assert "超过 10,000 行" in look(client, many)[1] or "超过 10000 行" in look(client, many)[1]


def test_many_rows_are_taken_by_a_job_with_its_progress(world, monkeypatch):
    monkeypatch.setattr(laid, "DIRECT", 20)
    client = desk_of(world)
    rows = "".join(f"N-{i},第{i}处路灯不亮,大海阳社区\n" for i in range(30))
    url, page = look(client, "编号,内容,社区\n" + rows)
    assert "先看了前 20 行" in page
    client.post(f"{url}take/")
    Batch.objects.update(read=10)
    page = text_of(client.get(url))
    assert "30 行里读了 10 行" in page and "<progress" in page and "可以离开" in page
    part = client.get(url, headers={"HX-Request": "true"})
    assert "<html" not in text_of(part) and "30 行里读了 10 行" in text_of(part)
    from heli.loop.steps.batch import run_waiting

    assert run_waiting(Batch.objects.get().pk) == "done"
    assert client.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "收下了 30 件" in text_of(client.get(url))


def test_it_can_be_thrown_away(world):
    client = desk_of(world)
    url, _page = look(client, GOOD)
    assert client.post(f"{url}drop/")["Location"] == "/loop/import/"
    assert Batch.objects.get().state == "dropped" and "什么也没有留下" in text_of(client.get(url))


def test_the_outcome_is_fetched_as_a_file(world):
    client = desk_of(world)
    url, _page = look(client, GOOD)
    client.post(f"{url}take/")
    book = client.post("/loop/import/results/", {"source": "12345 热线", "which": "new", "format": "xlsx"})
    rows = [[c.value for c in row] for row in load_workbook(io.BytesIO(book.content)).worksheets[0].iter_rows()]
    assert [r[0] for r in rows[1:]] == ["A-1", "A-2"] and rows[0][0] == "对方编号"
    nothing = client.post("/loop/import/results/", {"source": "12345 热线", "which": "new"}, follow=True)
    assert "没有变化" in text_of(nothing)
    table = client.post("/loop/import/results/", {"source": "12345 热线", "which": "all", "format": "csv"})
    assert table.content.startswith(b"\xef\xbb\xbf") and "A-2" in table.content.decode()
    assert client.post("/loop/import/results/", {"source": "别处"}).status_code == 404
    assert Event.objects.filter(step="list.export").count() == 3


def test_nobody_sees_a_batch_of_another_county(world):
    url, _page = look(desk_of(world), GOOD)
    client = log_in(world, "外县人")
    assert "12345" not in text_of(client.get("/loop/import/"))
    for ask in (
        client.get(url),
        client.get(f"{url}errors.xlsx"),
        client.post(f"{url}take/"),
        client.post(f"{url}drop/"),
    ):
        assert ask.status_code == 404
    assert log_in(world, "吕部长").get("/loop/import/").status_code == 403
    _own, page = look(client, GOOD)
    assert "收不了" in page and not Request.objects.exists()


def test_the_list_costs_few_statements(world):
    client = desk_of(world)
    for _n in range(3):
        look(client, GOOD)
    page, statements = counted(lambda: client.get("/loop/import/"))
    assert text_of(page).count("批次.csv") == 3 and statements <= 8


def test_headings_as_offices_write_them():
    guessed = tables.guess(
        ["序号", "工单编号", "受理时间", "诉求内容", "事发地点", "事项类别", "联系人", "联系电话", "要求办结时间", ""],
        batches.HEADINGS,
    )
    assert guessed == {
        "key": "工单编号", "text": "诉求内容", "at": "受理时间", "area": "事发地点", "category": "事项类别",
        "name": "联系人", "phone": "联系电话", "due": "要求办结时间",
    }  # fmt: skip
    assert tables.guess(["甲", "乙"], batches.HEADINGS) == {}

"""A batch from outside: all of it or nothing, harmless twice, and no file is trusted."""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zipfile

import pytest
from openpyxl import Workbook

from heli.core import tables
from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden
from heli.loop import importing
from heli.loop.batches import HEADINGS
from heli.loop.models import Request
from heli.loop.replay import replay
from tests.loop.told import AT

COLUMNS = {"key": "编号", "text": "内容", "at": "时间", "area": "地区"}
ROWS = [
    {"编号": "1", "内容": "楼道灯不亮，老人下楼看不清", "时间": "2026/11/2 9:05:00", "地区": "370602003006"},
    {"编号": "2", "内容": "井盖响了一夜，１＋１", "时间": "2026-11-03 21:40", "地区": ""},
]


def table(rows, encoding="utf-8-sig"):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def sheet(rows):
    book = Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        book.active.append(list(row.values()))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def take(rows, *, by=SYSTEM, source="热线"):
    return importing.import_rows(rows, columns=COLUMNS, defaults={"area": "370602"}, source=source, by=by, at=AT)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.csv", table(ROWS)),
        ("a.csv", table(ROWS, "gb18030")),
        ("a.csv.xz", lzma.compress(table(ROWS))),
        ("a.csv.gz", gzip.compress(table(ROWS))),
        ("a.xlsx", sheet(ROWS)),
        ("wrongly-named.csv", sheet(ROWS)),
    ],
)
def test_every_usual_form_is_read(name, raw):
    assert [r["内容"] for r in tables.open_sheet(io.BytesIO(raw), name, HEADINGS).rows] == [r["内容"] for r in ROWS]


def test_a_batch_lands_in_the_dispatch_queue_and_twice_does_no_harm(world):
    first = take(ROWS)
    assert (first.rows, first.taken, first.known, first.errors) == (2, 2, 0, [])
    again = take(ROWS)
    assert (again.taken, again.known) == (0, 2)
    waiting = Request.objects.filter(source="热线").order_by("source_key")
    assert [(r.state, r.area_path, r.channel) for r in waiting] == [
        ("heard", "370602003006", "import"),
        ("heard", "370602", "import"),
    ]
    assert waiting[0].heard_at.isoformat() == "2026-11-02T01:05:00+00:00"


def test_with_one_bad_row_nothing_is_taken_and_every_error_is_told(world):
    bad = [
        *ROWS,
        {"编号": "3", "内容": "", "时间": "2026-11-03", "地区": ""},
        {"编号": "4", "内容": "有人占道", "时间": "去年冬天", "地区": ""},
        {"编号": "5", "内容": "有人占道", "时间": "", "地区": "999999"},
        {"编号": "", "内容": "有人占道", "时间": "", "地区": ""},
        {"编号": "6", "内容": "长" * 12_000, "时间": "", "地区": ""},
    ]
    done = take(bad)
    assert done.taken == 0 and Request.objects.filter(source="热线").count() == 0
    assert [(e.line, e.code) for e in done.errors] == [
        (4, "L-400"),
        (5, "L-400"),
        (6, "L-112"),
        (7, "L-702"),
        (8, "L-118"),
    ]
    assert all(e.words for e in done.errors)


def test_a_missing_column_is_named(world):
    with pytest.raises(importing.ColumnMissing) as error:
        take([{"编号": "1", "正文": "灯不亮", "时间": "", "地区": ""}])
    assert "内容" in error.value.words and "正文" in error.value.words


def test_only_those_who_may_import(world):
    with pytest.raises(Forbidden):
        raise_first(take(ROWS, by=world.actor("于科员")))


def raise_first(done):
    assert {e.code for e in done.errors} == {"L-403"} and done.taken == 0
    raise Forbidden


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.csv", b""),
        ("a.csv", b"\x00\x01\xff\xfe" * 50),
        ("a.xlsx", b"PK\x03\x04nonsense"),
        ("a.csv.xz", b"no xz"),
        ("a.csv.gz", b"no"),
        ("导出.xls", "\ufeff\n<html><table><tr><td>编号</td></tr></table>".encode()),
    ],
)
def test_what_is_no_table_is_refused(name, raw):
    with pytest.raises(tables.FileUnreadable):
        list(tables.open_sheet(io.BytesIO(raw), name, HEADINGS).rows)


def test_a_bomb_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(tables, "UNPACKED", 10**6)
    for name, raw in (("a.csv.xz", lzma.compress(b"x" * 10**7)), ("a.csv.gz", gzip.compress(b"x" * 10**7))):
        with pytest.raises(tables.FileTooLarge):
            list(tables.open_sheet(io.BytesIO(raw), name, HEADINGS).rows)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("xl/worksheets/sheet1.xml", b"0" * 10**7)
    with pytest.raises(tables.FileTooLarge):
        list(tables.open_sheet(io.BytesIO(packed.getvalue()), "a.xlsx", HEADINGS).rows)


def test_a_replay_agrees_with_a_recount(world):
    rows = [
        {
            "n": "1",
            "题": "路灯",
            "文": "路灯不亮了",
            "问": "2025/11/3 9:00:00",
            "答": "修好了",
            "复": "2025/11/6 10:00:00",
        },
        {"n": "2", "题": "井盖", "文": "井盖响", "问": "2025/11/3 9:00:00", "答": "换了", "复": "2025/11/13 10:00:00"},
        {
            "n": "3",
            "题": "停车",
            "文": "停车难",
            "问": "2025/11/3 9:00:00",
            "答": "划了线",
            "复": "2025/12/13 10:00:00",
        },
    ]
    columns = {"key": "n", "title": "题", "text": "文", "at": "问", "reply": "答", "replied_at": "复"}
    done = replay(rows, columns=columns, area_path="370602", unit_id=world.org("信访局").pk)
    assert (done.answered, done.errors) == (3, [])
    shares = {r.name: (r.on_time, r.of) for r in done.rule_sets}
    assert shares["5 days"] == (1, 3) and shares["15 days"] == (2, 3) and shares["30 days"] == (2, 3)
    assert shares["here"] == (1, 3) == (done.met, done.met + done.late)
    again = replay(rows, columns=columns, area_path="370602", unit_id=world.org("信访局").pk)
    assert (again.answered, again.known) == (0, 3)

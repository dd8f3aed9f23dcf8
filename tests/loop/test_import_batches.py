"""A batch on its way: laid down sealed, taken whole or not at all, also by a job that is killed; its outcome told back."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook
from procrastinate.contrib.django.models import ProcrastinateJob

from heli import localpg
from heli.core import tables
from heli.core.actor import PUBLIC, SYSTEM
from heli.core.errors import Forbidden, Invalid, NotFound, TakenAlready, WrongState
from heli.core.export import safe_cell
from heli.core.models import Event
from heli.loop import batches, importing
from heli.loop import steps as loop
from heli.loop.batch_models import Batch, BatchMapping, BatchRow
from heli.loop.batch_states import BATCH
from heli.loop.models import Request
from heli.loop.queries import batches as queries
from heli.loop.steps import batch as steps
from tests import database
from tests.api.asking import MARKS, machine
from tests.database import ROOT, race
from tests.loop.told import AT, HOUR, LAMP, PAVEMENT

HEAD = "工单编号,来电时间,诉求内容,所属社区,事项分类,来电人姓名,联系电话,要求办结时间\n"
GOOD = HEAD + "A-1,2026-11-16 09:30,门口三盏路灯不亮,大海阳社区3号楼,路灯不亮,王桂兰,13800000123,2026-11-20 17:00\n"


def lines(n: int, first: int = 1) -> str:
    return HEAD + "".join(
        f"N-{i},2026-11-16 09:30,第{i}处路灯不亮,大海阳社区,路灯不亮,,,\n" for i in range(first, first + n)
    )


def lay(world: Any, text: str | bytes = GOOD, *, who: str = "孙坐席", name: str = "批次.csv", **more: Any) -> Batch:
    raw = text.encode() if isinstance(text, str) else text
    return steps.open_batch(
        **{"by": world.actor(who), "at": AT, "source": "12345 热线", "name": name, "raw": raw} | more
    )


def take(world: Any, batch: Batch, who: str = "孙坐席") -> Batch:
    steps.take_batch(batch_id=batch.pk, by=world.actor(who), at=AT)
    return steps.run_batch(batch_id=batch.pk, by=world.actor(who), at=AT)


# What a file may hold -----------------------------------------------------------------------------------------------------
def read(raw: bytes, name: str = "a.csv", **more: Any) -> list[dict[str, str]]:
    return list(tables.open_sheet(io.BytesIO(raw), name, batches.HEADINGS, **more).rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"])
def test_letters_are_told_apart(encoding: str) -> None:
    raw = ("\ufeff" if encoding == "utf-16-be" else "").encode(encoding) + "编号,内容\n1,路灯㐀𠮷不亮\n".encode(
        encoding
    )
    assert read(raw) == [{"编号": "1", "内容": "路灯㐀𠮷不亮"}]


def test_letters_that_fit_nothing_are_refused() -> None:
    for raw, chosen in (
        (b"\x81\xff\xff,\n1,\xff\xff", ""),
        ("编号,内容\n1,灯".encode("gb18030"), "utf-8"),
        (b"\xff\xfea", ""),
    ):
        with pytest.raises(tables.FileUnreadable):
            read(raw, encoding=chosen)


def test_broken_letters_are_noticed() -> None:
    once_wrong = "编号,内容\n1,路灯不亮".encode().decode("gb18030", "replace").encode()
    assert tables.open_sheet(io.BytesIO(once_wrong), "a.csv", batches.HEADINGS).spoilt
    assert not tables.open_sheet(io.BytesIO("编号,内容\n1,灯".encode("gb18030")), "a.csv", batches.HEADINGS).spoilt


@pytest.mark.parametrize("sign", [",", "\t", ";", "|"])
def test_whatever_stands_between_cells(sign: str) -> None:
    text = f'编号{sign}内容{sign}地点\n1{sign}"灯坏了{sign}\n两盏"{sign}大海阳社区\n'
    assert read(text.encode()) == [{"编号": "1", "内容": f"灯坏了{sign}\n两盏", "地点": "大海阳社区"}]


def test_commas_in_what_people_say_are_no_cells() -> None:
    text = "编号{0}内容\n1{0}灯坏了,太黑,怕摔\n2{0}井盖响,睡不着,修修\n3{0}水小\n"
    assert all(len(read(text.format(sign).encode(), "导出.txt")[0]) == 2 for sign in "\t;|")


def test_headings_of_merged_cells_take_two_lines() -> None:
    book, out = Workbook(), io.BytesIO()
    for row in (
        ["12345 热线 11 月汇总"], ["工单编号", "诉求", None, "来电人", None, "承办单位"], [None, "时间", "内容", "姓名", "电话"],
        ["A-1", "2026-11-16 09:30", "灯坏了", "王桂兰", "13800000123", "城管局"], [None], ["", " "],
    ):  # fmt: skip
        book.active.append(row)
    for cells in ("A1:F1", "A2:A3", "B2:C2", "D2:E2", "F2:F3"):
        book.active.merge_cells(cells)
    book.save(out)
    table = tables.open_sheet(io.BytesIO(out.getvalue()), "表.xlsx", batches.HEADINGS)
    assert tables.guess(table.columns, batches.HEADINGS) == {
        "key": "工单编号", "text": "诉求 内容", "at": "诉求 时间", "name": "来电人 姓名", "phone": "来电人 电话",
    }  # fmt: skip
    (row,) = table.rows
    assert (table.heading, row.line, row["承办单位"]) == (2, 4, "城管局")
    plain = "11 月汇总,,,\n编号,内容,,地点\nA-1,灯坏了,,大海阳社区\n"
    assert tables.open_sheet(io.BytesIO(plain.encode()), "a.csv", batches.HEADINGS).columns == [
        "编号",
        "内容",
        "地点",
    ], "a title is none"


def test_lines_above_the_headings_are_passed_over_and_rows_keep_their_numbers() -> None:
    text = "12345 热线工单汇总表,,\n\n编号,诉求内容,地点\n\n1,灯坏了,大海阳社区\n"
    table = tables.open_sheet(io.BytesIO(text.encode()), "a.csv", batches.HEADINGS)
    (row,) = list(table.rows)
    assert (
        table.heading == 3
        and row.line == 5
        and row["诉求内容"] == "灯坏了"
        and table.above[0] == "12345 热线工单汇总表"
    )
    assert next(tables.open_sheet(io.BytesIO(text.encode()), "a.csv", batches.HEADINGS, heading=1).rows).line == 3


def workbook(*rows: list[Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def test_what_a_spreadsheet_program_makes_of_cells() -> None:
    day = dt.datetime(2026, 11, 16, 9, 30)
    raw = workbook(
        ["编号", "内容", "时间", "电话"],
        [12.0, "灯", day, 13800000123],
        [123456789012345678, "=1+1", 46342.395833333, ""],
    )
    one, two = read(raw, "表.xlsx")
    assert one == {"编号": "12", "内容": "灯", "时间": "2026-11-16 09:30:00", "电话": "13800000123"}
    assert two["编号"] == "1.23457E+17" and two["内容"] == tables.FORMULA
    assert importing.read_time(two["时间"]).isoformat() == "2026-11-16T09:30:00+08:00"
    assert importing.read_time("2026-11-16 09:30:00.0") == importing.read_time("2026/11/16 9:30"), "as Java prints it"


def wrong(rows: str | bytes, world: Any, name: str = "a.csv") -> list[tuple[int, str]]:
    found = take(world, lay(world, rows, name=name))
    assert found.state == "refused" and not Request.objects.exists() and not BatchRow.objects.exists()
    return [(e.line, e.code) for e in found.row_errors()]


def test_the_same_number_twice_names_both_rows(world: Any) -> None:
    batch = take(world, lay(world, lines(3) + "N-2,,又是一样的编号,大海阳社区,,,,\n"))
    (error,) = batch.row_errors()
    assert (batch.state, error.line, error.field, error.code) == (
        "refused",
        5,
        "key",
        "L-714",
    ) and "第 3 行" in error.words
    assert not Request.objects.exists()


def test_what_a_spreadsheet_program_spoilt_is_refused_with_what_to_do(world: Any) -> None:
    head = ["工单编号", "诉求内容", "所属社区"]
    book = workbook(
        head, [123456789012345678, "灯", "大海阳社区"], ["B-2", "=A1", "大海阳社区"], ["B-3", "灯", "大海阳社区"]
    )
    assert wrong(book, world, "a.xlsx") == [(2, "L-712"), (3, "L-711")]
    assert wrong(HEAD + "1.23E+17,,灯坏了,大海阳社区,,,,\n", world) == [(2, "L-712")]


def test_a_formula_as_text_is_text(world: Any) -> None:
    take(world, lay(world, HEAD + '"=HYPERLINK(""http://evil"")",,"=1+1",大海阳社区,,,,\n'))
    made = Request.objects.get()
    assert (made.source_key, made.text) == ('=HYPERLINK("http://evil")', "=1+1")
    (row,) = steps.take_results(source="12345 热线", by=world.actor("孙坐席"), at=AT, most=10)[0]
    assert safe_cell(queries.outcome_columns()[0][1](row)).startswith("'=")


def test_errors_say_nothing_of_anybody(world: Any) -> None:
    batch = take(world, lay(world, HEAD + "C-1,打 13800000123 找王桂兰,灯坏了,大海阳社区,,,,\n"))
    assert batch.errors and "13800000123" not in str(batch.errors)


def test_a_time_to_come_is_refused(world: Any) -> None:
    assert wrong(HEAD + "C-1,2027-01-02 09:00,灯坏了,大海阳社区,,,,\n", world) == [(2, "L-715")]


# Taking it ----------------------------------------------------------------------------------------------------------------
def test_a_batch_is_taken_whole_and_the_file_is_forgotten(world: Any) -> None:
    batch = lay(world)
    assert "13800000123" not in batch.content and batch.opened() == GOOD.encode()
    batch = take(world, batch)
    row = BatchRow.objects.select_related("request").get(batch=batch)
    assert (batch.state, batch.taken, batch.content) == ("done", 1, "")
    assert (row.request.source_key, row.line) == ("A-1", 2)
    assert row.due_at == dt.datetime.fromisoformat("2026-11-20T17:00+08:00"), "kept as what the source wants"
    again = take(world, lay(world))
    assert (again.state, again.taken, again.known) == ("done", 0, 1) and Request.objects.count() == 1


def test_the_database_keeps_it_whole_or_nothing(world: Any) -> None:
    batch = lay(world)
    for change in ({"taken": 1}, {"state": "done"}, {"state": "dropped", "ended_at": AT}):
        from django.db import transaction

        with pytest.raises(IntegrityError), transaction.atomic():
            Batch.objects.filter(pk=batch.pk).update(**change)


def test_every_arrow_and_no_other(world: Any) -> None:
    by = world.actor("孙坐席")
    batch = lay(world)
    with pytest.raises(WrongState):
        steps.run_batch(batch_id=batch.pk, by=by, at=AT)
    steps.take_batch(batch_id=batch.pk, by=by, at=AT)
    for call in (steps.take_batch, lambda **k: steps.map_batch(columns={}, values={}, **k)):
        with pytest.raises(WrongState):
            call(batch_id=batch.pk, by=by, at=AT)
    steps.run_batch(batch_id=batch.pk, by=by, at=AT)
    with pytest.raises(WrongState):
        steps.drop_batch(batch_id=batch.pk, by=by, at=AT)
    dropped = steps.drop_batch(batch_id=lay(world).pk, by=by, at=AT)
    assert (dropped.state, dropped.content) == ("dropped", "")
    assert set(BATCH.states) == {"draft", "waiting", "done", "refused", "dropped"}


@pytest.mark.parametrize("who", ["外县人", "于科员", "吕部长"])
def test_it_is_nobody_elses(world: Any, who: str) -> None:
    batch, by = lay(world), world.actor(who)
    for call in (steps.take_batch, steps.drop_batch):
        with pytest.raises(NotFound):
            call(batch_id=batch.pk, by=by, at=AT)
    assert not Batch.objects.visible_to(by).filter(pk=batch.pk).exists()
    if who != "外县人":
        with pytest.raises(Forbidden):
            lay(world, who=who)
    with pytest.raises(Forbidden):
        lay(world, who=who, default_area="370602")


def test_what_was_mapped_is_offered_next_time(world: Any) -> None:
    table = "甲,乙,丙\nM-1,灯坏了,大海阳社区\n"
    batch = lay(world, table)
    assert batch.columns == {}
    chosen = {"key": "甲", "text": "乙", "area": "丙"}
    values = {"category": {"灯": LAMP, "打 13800000123": PAVEMENT}, "text": {"x": "y"}}
    steps.map_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT, columns=chosen, values=values)
    take(world, Batch.objects.get(pk=batch.pk))
    again = lay(world, table.replace("M-1", "M-2"))
    assert again.columns == chosen and again.values == {"category": {"灯": LAMP}}, "no number of a person is kept"
    assert lay(world, "编号,内容\n1,灯\n").values == again.values, "words are known under other headings too"
    assert lay(world, table, source="别处").columns == {} and BatchMapping.objects.count() == 1


def test_words_of_theirs_are_read_as_they_were_mapped(world: Any) -> None:
    reader = batches.Reader(
        {"key": "k", "text": "t", "area": "a", "category": "c", "urgency": "u"}, ("370602",),
        {"category": {"亮化": LAMP}, "area": {"老火车站片": "370602003"}, "urgency": {"特急": "emergency"}},
    )  # fmt: skip
    rows = list(reader.rows([
        {"k": "1", "t": "灯", "a": "老火车站片", "c": "亮化", "u": "特急"}, {"k": "2", "t": "灯", "a": "火星", "c": "乱写", "u": ""},
        {"k": "3", "t": "灯", "a": "火星", "c": "路灯不亮", "u": "普通"},
    ]))  # fmt: skip
    assert (rows[0]["area"], rows[0]["category"], rows[0]["urgency"]) == ("370602003", LAMP, "emergency")
    assert reader.unread["area"] == {"火星": 2} and reader.unread["category"] == {"乱写": 1}
    assert rows[1]["area"] == "火星" and rows[2]["category"] == LAMP


def test_a_large_file_costs_the_steps_own_statements(world: Any) -> None:
    """Per row what `hear` asks, and next to nothing more; measured with 3,000 rows as well."""
    n = 400
    say = {"by": world.actor("孙坐席"), "area_path": "370602003006", "category": LAMP, "channel": "import"}
    with CaptureQueriesContext(connection) as caught:
        loop.hear(at=AT, text="路灯不亮", source="别处", source_key="0", **say)
    own = len([q for q in caught.captured_queries if not q["sql"].startswith(MARKS)])
    batch, asked = lay(world, lines(n)), [0]
    steps.take_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)

    def count(execute: Any, sql: Any, *rest: Any) -> Any:
        asked[0] += not str(sql).startswith(MARKS)
        return execute(sql, *rest)

    with connection.execute_wrapper(count):
        done = steps.run_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)
    assert (done.state, done.taken) == ("done", n) and BatchRow.objects.filter(batch=batch).count() == n
    assert asked[0] <= n * own + 30, f"{asked[0] / n:.2f} statements a row; the step has {own}"


# The job ------------------------------------------------------------------------------------------------------------------
def test_what_is_taken_now_needs_no_job_and_jobs_of_a_source_wait_for_each_other(world: Any) -> None:
    by = world.actor("孙坐席")
    assert steps.take_now(batch_id=lay(world, lines(3)).pk, by=by, at=AT).state == "done"
    assert not ProcrastinateJob.objects.filter(task_name="loop.import_batch").exists()
    batch, same = lay(world, lines(4)), lay(world, lines(5))
    steps.take_batch(batch_id=batch.pk, by=by, at=AT)
    job = ProcrastinateJob.objects.get(task_name="loop.import_batch")
    assert job.args == {"batch_id": batch.pk} and (job.queue_name, job.lock) == ("imports", "import:12345 热线")
    assert "正在收" in queries.look_at(same, by=by, at=AT).wrong, "its rows would have to be waited for"
    assert queries.look_at(lay(world, source="别处"), by=by, at=AT).wrong == ""
    assert steps.run_waiting(batch.pk) == "done" and queries.look_at(same, by=by, at=AT).wrong == ""


def test_a_column_that_is_needed_is_asked_for_before_anything_is_taken(world: Any) -> None:
    batch = lay(world, "甲,乙\n1,灯坏了\n")
    with pytest.raises(Invalid):
        steps.take_now(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)
    assert Batch.objects.get(pk=batch.pk).state == "draft"


KILLED = """
import django; django.setup()
from heli.core.actor import SYSTEM
from heli.core import laid
from heli.loop.batch_models import Batch
from heli.loop.steps import batch as steps
import sys
def told(n):
    laid.progress_of(Batch, {pk})(n)
    print(n, flush=True)
import heli.loop.importing as importing
importing.AT_ONCE = 10
from django.utils import timezone
steps.run_batch(batch_id={pk}, by=SYSTEM, at=timezone.now(), progress=told)
"""


def test_killed_on_the_way_it_leaves_nothing_and_begins_anew(fire_db: str, world: Any) -> None:
    batch = lay(world, lines(150))
    steps.take_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED.format(pk=batch.pk)],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": localpg.urls(database.var(), fire_db).app_url,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "heli.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "10\n" and process.stdout.readline() == "20\n"
    with pytest.raises(TakenAlready):
        steps.run_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)
    shown = Batch.objects.get(pk=batch.pk)
    assert shown.state == "waiting" and shown.read >= 20, "how far it is can be seen meanwhile"
    assert not Request.objects.exists(), "and nothing of it"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Request.objects.exists()
    end = time.monotonic() + 20
    while time.monotonic() < end:  # until the database has noticed
        try:
            assert steps.run_waiting(batch.pk) == "done"
            break
        except TakenAlready:
            time.sleep(0.1)
    assert Request.objects.count() == 150 and steps.run_waiting(batch.pk) == "done", "run once more it does nothing"
    assert Request.objects.count() == 150


def test_two_at_once_take_it_once(fire_db: str, world: Any) -> None:
    batch = lay(world, lines(40))
    by = world.actor("孙坐席")
    steps.take_batch(batch_id=batch.pk, by=by, at=AT)
    ends = race(*[lambda: steps.run_batch(batch_id=batch.pk, by=by, at=AT).state for _n in range(3)])
    assert ends.count("done") == 1 and all(e == "done" or isinstance(e, TakenAlready | WrongState) for e in ends)
    assert Request.objects.count() == 40


def test_two_people_bring_the_same_table_at_once(fire_db: str, world: Any) -> None:
    """Each lays it down, one sorted the other way round; whoever comes second finds every row known."""
    by = world.actor("孙坐席")
    rows = lines(40).splitlines(keepends=True)
    both = [lay(world, "".join(rows)), lay(world, "".join([rows[0], *reversed(rows[1:])]))]
    ends = race(*[lambda b=b: steps.take_now(batch_id=b.pk, by=by, at=AT) for b in both])
    assert sorted((b.taken, b.known) for b in ends) == [(0, 40), (40, 0)], ends
    assert Request.objects.count() == 40 and BatchRow.objects.count() == 40


def test_who_may_no_longer_has_it_thrown_away(world: Any) -> None:
    from heli.orgs.models import Grant

    batch = lay(world, lines(501))
    steps.take_batch(batch_id=batch.pk, by=world.actor("孙坐席"), at=AT)
    Grant.objects.filter(user=world.user("孙坐席")).update(valid_to=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    assert steps.run_waiting(batch.pk) == "dropped" and not Request.objects.exists()
    assert Batch.objects.get(pk=batch.pk).content == ""


def test_a_file_nobody_takes_is_forgotten_after_a_day(world: Any) -> None:
    old, new = lay(world), lay(world, at=AT + HOUR * 20)
    assert steps.forget_drafts(at=AT + HOUR * 25) == 1
    assert [b.state for b in Batch.objects.order_by("id")] == ["dropped", "draft"] and old.pk < new.pk
    assert steps.forget_drafts(at=AT + HOUR * 25) == 0
    steps.take_batch(batch_id=new.pk, by=world.actor("孙坐席"), at=AT + HOUR * 20)
    assert steps.forget_drafts(at=AT + HOUR * 46) == 0, "its job may still be trying"
    assert steps.forget_drafts(at=AT + HOUR * 69) == 1 and Batch.objects.get(pk=new.pk).content == ""


# The outcome --------------------------------------------------------------------------------------------------------------
def results(world: Any, who: str = "孙坐席", **more: Any) -> list[tuple[str, str]]:
    rows, _more = steps.take_results(**{"source": "12345 热线", "by": world.actor(who), "at": AT, "most": 100} | more)
    return [(r.source_key, (r.merged_into or r).state) for r in rows]


def answered(world: Any, request: Request) -> None:
    officer, desk = world.actor("于科员"), world.actor("孙坐席")
    sent = loop.offer(request_id=request.pk, unit_id=world.org("城管局").pk, by=desk, at=AT)
    loop.accept(dispatch_id=sent.pk, by=officer, at=AT)
    made = loop.write_reply(request_id=request.pk, by=officer, at=AT, text="灯已换好")
    if made.state == "in_review":
        loop.approve_reply(handling_id=made.pk, by=world.actor("许股长"), at=AT)


def test_only_what_changed_is_told(world: Any) -> None:
    take(world, lay(world, lines(2)))
    assert results(world) == [("N-1", "heard"), ("N-2", "heard")] and results(world) == []
    answered(world, Request.objects.get(source_key="N-2"))
    (row,), more = steps.take_results(source="12345 热线", by=world.actor("孙坐席"), at=AT, most=5)
    said = [str(get(row)) for _title, get in queries.outcome_columns()]
    assert said[0] == "N-2" and said[4] == "灯已换好" and "城市管理局" in said[3] and not more
    assert results(world) == [] and len(results(world, everything=True)) == 2
    taken = Event.objects.filter(step="list.export")
    assert taken.count() == 5 and "12345 热线" in taken[0].data["purpose"]


def test_a_joined_one_goes_as_the_other(world: Any) -> None:
    take(world, lay(world, lines(2)))
    results(world)
    one, two = Request.objects.order_by("source_key")
    loop.merge(request_id=two.pk, into_id=one.pk, by=world.actor("孙坐席"), at=AT)
    results(world)
    answered(world, one)
    assert results(world) == [("N-1", "replied"), ("N-2", "replied")]


def test_the_rest_is_told_next_time(world: Any) -> None:
    take(world, lay(world, lines(3)))
    by = world.actor("孙坐席")
    rows, more = steps.take_results(source="12345 热线", by=by, at=AT, most=2)
    assert (len(rows), more) == (2, True) and len(results(world)) == 1


def test_the_next_county_is_told_nothing(world: Any) -> None:
    take(world, lay(world))
    assert results(world, "外县人") == []
    with pytest.raises(Forbidden):
        results(world, "于科员")
    assert len(results(world)) == 1


def test_a_system_fetches_them(world: Any) -> None:
    take(world, lay(world))
    hotline = machine(world, "孙坐席")
    told = hotline.post("requests-results", {"source": "12345 热线"}).json()
    (row,) = told["rows"]
    assert (row["key"], row["state"], told["more"]) == ("A-1", "heard", False) and row["wanted_by"].startswith(
        "2026-11-20"
    )
    assert hotline.post("requests-results", {"source": "12345 热线"}).json() == {"rows": [], "more": False}
    assert PUBLIC.user_id is None and SYSTEM.system

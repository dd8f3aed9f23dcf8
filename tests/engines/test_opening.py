"""Opening hours: what is typed, what is open, and the next change, against a minute-by-minute recount."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heli.engines import plain
from heli.engines.opening import DAY, Period, Unclear, checked, on, overlap, parse, parse_week, say, status

MONDAY = dt.date(2026, 11, 23)
SHUT: tuple[Period, ...] = ()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("8:30-12:00 13:30-17:30", [(510, 720), (810, 1050)]),
        ("８：３０—１２：００，１３：３０～１７：３０", [(510, 720), (810, 1050)]),
        ("8点半到17点", [(510, 1020)]),
        ("8-18", [(480, 1080)]),
        ("22:00到次日2:00", [(1320, 1560)]),
        ("18:00-1:30", [(1080, 1530)]),
        ("8:00-0:00", [(480, 1440)]),
        ("8.30-17.30", [(510, 1050)]),
        ("上午8:30-11:30 下午2:00-5:00", [(510, 690), (840, 1020)]),
        ("早8点到晚6点半", [(480, 1110)]),
        ("下午12:30-5:00", [(750, 1020)]),
        ("晚10点-2点", [(1320, 1560)]),
        ("营业时间：7×24小时", [(0, 1440)]),
        ("24小时", [(0, 1440)]),
        ("0:00–24:00", [(0, 1440)]),
        ("休息", []),
        ("", []),
    ],
)
def test_hours_are_read_as_people_write_them(typed: str, read: list[tuple[int, int]]) -> None:
    assert parse(typed) == tuple(Period(*p) for p in read)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("随时", "form"), ("8:30-12:00 有时", "form"), ("8:30", "form"), ("25:00-26:00", "time"), ("24:00-2:00", "time"),
        ("9:00-8:00", "order"), ("8:30-12:00，2:00-5:30", "night"), ("8:00-12:00 11:00-13:00", "overlap"),
        ("1-2 3-4 5-6 7-8 9-10 11-12 13-14", "many"),
    ],
)  # fmt: skip
def test_hours_that_cannot_be_are_refused_with_what_is_wrong(typed: str, code: str) -> None:
    with pytest.raises(Unclear) as refused:
        parse(typed)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("8:30-17:30", ["8:30–17:30"] * 7),
        ("每天 7点-19点", ["7:00–19:00"] * 7),
        (
            "周一至周五8:30-12:00，13:30-17:30；周六、周日 9:00-12:00",
            ["8:30–12:00 13:30–17:30"] * 5 + ["9:00–12:00"] * 2,
        ),
        ("工作日 8:30-17:30，周末休息", ["8:30–17:30"] * 5 + [""] * 2),
        ("周二至周日9:00-17:00，周一闭馆", [""] + ["9:00–17:00"] * 6),
        ("星期五到星期一 9:00-10:00", ["9:00–10:00", "", "", "", *["9:00–10:00"] * 3]),
        ("周一、三、五 9:00-11:00", ["9:00–11:00", "", "9:00–11:00", "", "9:00–11:00", "", ""]),
        ("", [""] * 7),
    ],
)
def test_a_week_is_read_as_tables_have_it(typed: str, read: list[str]) -> None:
    assert [say(day) for day in parse_week(typed)] == read


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("周一至周五8:30-17:30，节假日休息", "holiday"),
        ("周末", "form"),
        ("周一 有时", "form"),
        ("夏季周一8:00-9:00", "form"),
    ],
)
def test_a_week_that_cannot_be_read_is_refused(typed: str, code: str) -> None:
    with pytest.raises(Unclear) as refused:
        parse_week(typed)
    assert refused.value.code == code


def test_open_past_midnight_and_a_day_that_differs() -> None:
    week = (parse("22:00-2:00"),) * 7
    days = {MONDAY: SHUT}
    at = dt.datetime(2026, 11, 23, 1, 0)  # Sunday's evening goes on
    assert status(week, days, at).open and status(week, days, at).until == dt.datetime(2026, 11, 23, 2, 0)
    closed = status(week, days, dt.datetime(2026, 11, 23, 23, 0))
    assert not closed.open and closed.until == dt.datetime(2026, 11, 24, 22, 0)


def test_all_day_and_night_has_no_end_and_no_hours_no_beginning() -> None:
    assert status((parse("24小时"),) * 7, {}, dt.datetime(2026, 11, 23, 3, 0)) == status(
        (parse("24小时"),) * 7, {}, dt.datetime(2026, 11, 25, 3, 0)
    )
    assert status((parse("24小时"),) * 7, {}, dt.datetime(2026, 11, 23, 3, 0)).until is None
    assert status((SHUT,) * 7, {}, dt.datetime(2026, 11, 23, 3, 0)).until is None


def test_a_night_that_runs_into_the_next_morning_is_found() -> None:
    week = [parse("8:00-18:00")] * 7
    week[6] = parse("20:00到次日9:00")
    assert overlap(week) == (6, 0)
    week[0] = parse("9:00-18:00")
    assert overlap(week) is None


periods = st.lists(
    st.tuples(st.integers(0, DAY - 1), st.integers(1, DAY)).map(lambda p: Period(p[0], p[0] + p[1])), max_size=4
)


def _apart(rows: list[Period]) -> tuple[Period, ...]:
    kept: list[Period] = []
    for p in sorted(rows):
        if not kept or p.opens >= kept[-1].closes:
            kept.append(p)
    return checked(kept)


weeks = st.lists(periods.map(_apart), min_size=7, max_size=7)


@settings(max_examples=80, deadline=None)
@given(weeks, st.dictionaries(st.integers(-1, 9).map(lambda n: MONDAY + dt.timedelta(days=n)), periods.map(_apart), max_size=3),
       st.integers(0, 3 * DAY))  # fmt: skip
def test_the_answer_agrees_with_looking_at_every_minute(week: list, days: dict, minute: int) -> None:
    start = dt.datetime.combine(MONDAY, dt.time())
    at = start + dt.timedelta(minutes=minute)

    def is_open(when: dt.datetime) -> bool:
        today = when.hour * 60 + when.minute
        before = when.date() - dt.timedelta(days=1)
        return any(p.opens <= today < p.closes for p in on(week, days, when.date())) or any(
            p.opens <= today + DAY < p.closes for p in on(week, days, before)
        )

    said = status(week, days, at)
    assert said.open == is_open(at)
    changes = (at + dt.timedelta(minutes=n) for n in range(1, 12 * DAY))
    change = next((m for m in changes if is_open(m) != said.open), None)
    if change is not None:
        assert said.until == change


@given(periods.map(_apart))
def test_what_is_said_is_read_back(rows: tuple[Period, ...]) -> None:
    short = tuple(p for p in rows if p.closes - p.opens <= DAY // 2)
    assert parse(say(short, past="次日")) == short


def test_plain_words_are_left_alone_and_official_ones_named() -> None:
    assert plain.read("带身份证到社区领。不用写材料。").plain
    found = plain.read("符合条件的人员须凭有关材料予以申领。")
    assert [w.word for w in found.official] == ["符合条件", "须", "凭", "予以", "申领"]
    long = "住" * 41
    assert plain.read(f"短句。{long}。").long == (long,)

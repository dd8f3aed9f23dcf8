"""The working-day clock, against a golden table worked out by hand and against its laws."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heli.engines.workdays import CHINA, OFFICE_HOURS, Calendar, Pause, Unit

WORKING: list[Unit] = ["working_minute", "working_hour", "working_day"]
UNITS: list[Unit] = ["minute", "hour", "day", *WORKING]


def days(month: int, first: int, last: int | None = None, *, work: bool = False) -> dict[dt.date, bool]:
    return {dt.date(2026, month, d): work for d in range(first, (last or first) + 1)}


# 2026 by the State Council's notice 国办发明电〔2025〕7号
YEAR_2026 = (
    days(1, 1, 3) | days(1, 4, work=True)
    | days(2, 15, 23) | days(2, 14, work=True) | days(2, 28, work=True)
    | days(4, 4, 6)
    | days(5, 1, 5) | days(5, 9, work=True)
    | days(6, 19, 21) | days(9, 25, 27)
    | days(10, 1, 7) | days(9, 20, work=True) | days(10, 10, work=True)
)  # fmt: skip
CALENDAR = Calendar(YEAR_2026, frozenset({2026}))


def at(text: str) -> dt.datetime:
    """'11-17 15:30' in 2026, or a full date."""
    full = text if text[:2] == "20" else f"2026-{text}"
    return dt.datetime.fromisoformat(full).replace(tzinfo=CHINA)


GOLDEN = [
    # start, amount, unit, due
    ("11-17 15:30", 5, "working_day", "11-24 15:30"),  # Tuesday to Tuesday: the weekend does not count
    ("11-20 18:00", 5, "working_day", "11-27 17:30"),  # Friday after close: the next five days, to the last close
    ("11-21 10:00", 1, "working_day", "11-23 17:30"),  # Saturday: all of Monday
    ("11-23 08:30", 1, "working_day", "11-23 17:30"),  # at the opening: the whole of that day
    ("11-23 08:31", 1, "working_day", "11-24 08:31"),
    ("11-23 12:30", 1, "working_day", "11-24 12:00"),  # in the lunch break
    ("11-23 11:30", 2, "working_hour", "11-23 15:00"),  # over the lunch break
    ("11-20 17:00", 2, "working_hour", "11-23 10:00"),  # over a weekend
    ("11-20 17:00", 30, "working_minute", "11-20 17:30"),
    ("02-13 17:00", 1, "working_day", "02-14 17:00"),  # Friday: the Saturday is worked
    ("02-14 17:00", 1, "working_day", "02-24 17:00"),  # then nine days of Spring Festival
    ("02-14 17:30", 1, "working_day", "02-24 17:30"),
    ("09-18 09:00", 1, "working_day", "09-20 09:00"),  # Friday to a worked Sunday
    ("09-30 16:00", 3, "working_day", "10-10 16:00"),  # National Day, then Thursday, Friday and a worked Saturday
    ("12-31 10:00", 2, "hour", "12-31 12:00"),
    ("11-20 18:00", 24, "hour", "11-21 18:00"),
    ("11-20 18:00", 7, "day", "11-27 18:00"),
    ("11-20 18:00:30", 1, "minute", "11-20 18:01:30"),
]


@pytest.mark.parametrize(("start", "amount", "unit", "due"), GOLDEN)
def test_due_by_hand(start: str, amount: int, unit: Unit, due: str) -> None:
    assert CALENDAR.due(at(start), amount, unit).at == at(due)


def test_the_result_is_in_the_zone_of_the_start() -> None:
    start = dt.datetime(2026, 11, 17, 7, 30, tzinfo=dt.UTC)  # 15:30 in China
    due = CALENDAR.due(start, 5, "working_day").at
    assert due == at("11-24 15:30")
    assert due.utcoffset() == dt.timedelta(0)


def test_past_the_last_published_year_weekends_count_and_it_is_provisional() -> None:
    due = CALENDAR.due(at("12-30 10:00"), 3, "working_day")
    assert due.at == at(
        "2027-01-04 10:00"
    )  # New Year's Day 2027, a Friday, is taken for a workday: nothing is published
    assert due.provisional
    assert not CALENDAR.due(at("12-28 10:00"), 3, "working_day").provisional
    assert not CALENDAR.due(at("12-31 10:00"), 30, "day").provisional  # elapsed time needs no calendar


def test_a_year_that_is_published_later_moves_the_day_and_is_no_longer_provisional() -> None:
    known = Calendar(YEAR_2026 | {dt.date(2027, 1, 1): False}, frozenset({2026, 2027}))
    due = known.due(at("12-30 10:00"), 3, "working_day")
    assert due.at == at("2027-01-05 10:00")
    assert not due.provisional


def test_a_start_in_an_unpublished_year_is_provisional() -> None:
    assert CALENDAR.due(at("2018-05-07 09:00"), 1, "working_hour").provisional


def test_pauses_are_left_out() -> None:
    pause = (at("11-18 08:30"), at("11-19 17:30"))
    assert CALENDAR.due(at("11-17 15:30"), 5, "working_day", pauses=[pause]).at == at("11-26 15:30")
    assert CALENDAR.used(at("11-17 15:30"), at("11-20 15:30"), "working_day", pauses=[pause]) == 450
    overlapping = [(at("11-19 09:00"), at("11-19 17:30")), pause, (at("11-20 09:00"), at("11-20 09:00"))]
    assert CALENDAR.due(at("11-17 15:30"), 5, "working_day", pauses=overlapping).at == at("11-26 15:30")
    assert CALENDAR.due(at("11-18 06:00"), 4, "hour", pauses=[pause]).at == at("11-19 19:00")
    assert CALENDAR.used(at("11-18 06:00"), at("11-19 19:00"), "hour", pauses=[pause]) == 240


def test_a_period_that_is_full_when_the_pause_begins_ends_there() -> None:
    pause = (at("11-18 10:00"), at("11-18 16:00"))
    assert CALENDAR.due(at("11-18 09:00"), 1, "working_hour", pauses=[pause]).at == at("11-18 10:00")


def test_used_by_hand() -> None:
    assert CALENDAR.used(at("11-20 17:00"), at("11-23 10:00"), "working_minute") == 120
    assert CALENDAR.used(at("11-20 17:00"), at("11-20 17:00"), "working_minute") == 0
    assert CALENDAR.used(at("11-23 17:00"), at("11-20 17:00"), "working_minute") == 0  # backwards is nothing
    assert CALENDAR.used(at("11-20 17:00:59"), at("11-20 17:01:00"), "minute") == 1  # both ends are cut to the minute


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, 10**9])
def test_an_amount_that_is_no_period(amount: int) -> None:
    with pytest.raises(ValueError, match=r"positive whole number|century"):
        CALENDAR.due(at("11-20 17:00"), amount, "working_day")


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown unit"):
        CALENDAR.due(at("11-20 17:00"), 1, "fortnight")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="aware"):
        CALENDAR.due(dt.datetime(2026, 11, 20), 1, "hour")
    with pytest.raises(ValueError, match="ascending"):
        Calendar(hours=())
    with pytest.raises(ValueError, match="ascending"):
        Calendar(hours=((dt.time(9), dt.time(12)), (dt.time(11), dt.time(13))))
    with pytest.raises(ValueError, match="whole minutes"):
        Calendar(hours=((dt.time(9, 0, 1), dt.time(12)),))


def test_next_working_instant() -> None:
    assert CALENDAR.next_working_instant(at("11-20 09:00")) == at("11-20 09:00")
    assert CALENDAR.next_working_instant(at("11-20 17:30")) == at("11-23 08:30")
    assert CALENDAR.next_working_instant(at("11-20 12:00")) == at("11-20 13:30")


# Laws ---------------------------------------------------------------------------------------------------------------

instants = st.datetimes(
    dt.datetime(2025, 12, 1),
    dt.datetime(2027, 1, 31),
    timezones=st.sampled_from([CHINA, dt.UTC, ZoneInfo("Asia/Tokyo")]),
)
overrides = st.dictionaries(st.dates(dt.date(2025, 12, 1), dt.date(2027, 3, 1)), st.booleans(), max_size=40)
hours = st.sampled_from(
    [OFFICE_HOURS, ((dt.time(9), dt.time(17)),), ((dt.time(8), dt.time(11, 50)), (dt.time(14), dt.time(18)))]
)
calendars = st.builds(Calendar, overrides, st.just(frozenset({2026})), hours)
amounts = st.integers(1, 30)
pauses = st.lists(
    st.tuples(instants, st.timedeltas(dt.timedelta(), dt.timedelta(days=9))).map(lambda p: (p[0], p[0] + p[1])),
    max_size=3,
)


@given(calendars, instants, amounts, st.sampled_from(UNITS), pauses)
def test_exactly_the_amount_has_run_when_it_is_due(
    c: Calendar, start: dt.datetime, n: int, unit: Unit, skip: list[Pause]
) -> None:
    due = c.due(start, n, unit, pauses=skip).at
    assert c.used(start, due, unit, pauses=skip) == c.minutes(n, unit)
    assert c.used(start, due - dt.timedelta(minutes=1), unit, pauses=skip) < c.minutes(n, unit)  # and not earlier


@given(calendars, instants, instants, amounts, amounts, st.sampled_from(UNITS), pauses)
def test_later_or_longer_is_never_due_earlier(
    c: Calendar, a: dt.datetime, b: dt.datetime, m: int, n: int, unit: Unit, skip: list[Pause]
) -> None:
    a, b = sorted((a, b))
    m, n = sorted((m, n))
    assert c.due(a, n, unit, pauses=skip).at <= c.due(b, n, unit, pauses=skip).at
    assert c.due(a, m, unit, pauses=skip).at <= c.due(a, n, unit, pauses=skip).at


@given(calendars, st.lists(instants, min_size=3, max_size=3), st.sampled_from(UNITS), pauses)
def test_used_adds_up_and_grows(c: Calendar, times: list[dt.datetime], unit: Unit, skip: list[Pause]) -> None:
    a, b, z = sorted(times)
    assert c.used(a, b, unit, pauses=skip) + c.used(b, z, unit, pauses=skip) == c.used(a, z, unit, pauses=skip)
    assert 0 <= c.used(a, b, unit, pauses=skip) <= c.used(a, z, unit, pauses=skip) <= c.used(a, z, unit)


@given(calendars, instants, instants, pauses)
def test_used_is_what_walking_day_by_day_counts(
    c: Calendar, one: dt.datetime, other: dt.datetime, skip: list[Pause]
) -> None:
    start, end = (t.replace(second=0, microsecond=0) for t in sorted((one, other)))
    stopped = [(a, b) for a, b in skip if a < b]
    minute, walked, at = dt.timedelta(minutes=1), 0, start
    while at < min(end, start + dt.timedelta(days=3)):  # minute by minute, as slowly and plainly as can be
        local = at.astimezone(c.tz)
        works = c.is_workday(local.date()) and any(a <= local.time() < b for a, b in c.hours)
        walked += works and not any(
            a.replace(second=0, microsecond=0) <= at < b.replace(second=0, microsecond=0) for a, b in stopped
        )
        at += minute
    assert c.used(start, at, "working_minute", pauses=skip) == walked


@given(calendars, instants, amounts, st.sampled_from(WORKING))
def test_it_is_never_due_outside_office_hours(c: Calendar, start: dt.datetime, n: int, unit: Unit) -> None:
    local = c.due(start, n, unit).at.astimezone(CHINA)
    assert c.is_workday(local.date())
    clock = local.time().replace(tzinfo=None)
    assert any(opens < clock <= closes for opens, closes in c.hours)


@given(calendars, instants, amounts)
def test_never_later_than_the_civil_code_counts(c: Calendar, start: dt.datetime, n: int) -> None:
    """民法典 201, 203: the day of the start is not counted, the last day ends at the close of business."""
    day = start.astimezone(CHINA).date()
    left = n
    while left:
        day += dt.timedelta(days=1)
        left -= c.is_workday(day)
    assert c.due(start, n, "working_day").at <= dt.datetime.combine(day, c.hours[-1][1], CHINA)


@given(calendars, instants, amounts)
def test_in_office_hours_a_working_day_is_the_same_time_of_day(c: Calendar, start: dt.datetime, n: int) -> None:
    local = start.astimezone(CHINA)
    clock = local.time().replace(tzinfo=None)
    inside = c.is_workday(local.date()) and any(opens < clock < closes for opens, closes in c.hours)
    if inside:
        due = c.due(start, n, "working_day").at.astimezone(CHINA)
        assert due.time() == local.time()
        assert sum(c.is_workday(local.date() + dt.timedelta(days=i)) for i in range(1, (due - local).days + 1)) == n


@given(calendars, instants, amounts, amounts, st.sampled_from(UNITS))
def test_two_periods_one_after_the_other_are_one(c: Calendar, start: dt.datetime, m: int, n: int, unit: Unit) -> None:
    assert c.due(c.due(start, m, unit).at, n, unit).at == c.due(start, m + n, unit).at

"""Dates of a rule, and what an edit of a series does to the shifts there are. Pure."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heli.engines.workdays import CHINA
from heli.volunteering import series
from heli.volunteering.series import There

FIRST = dt.datetime(2026, 11, 21, 9, 0)  # a Saturday


@pytest.mark.parametrize(
    ("rule", "first", "until", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=SA", FIRST, "2026-12-12", ["11-21", "11-28", "12-05", "12-12"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA,SU", FIRST, "2026-12-12", ["11-21", "11-22", "12-05", "12-06"]),
        ("FREQ=DAILY;INTERVAL=3", FIRST, "2026-11-29", ["11-21", "11-24", "11-27"]),
        ("FREQ=MONTHLY;BYMONTHDAY=31", dt.datetime(2026, 10, 31, 9), "2027-03-31", ["10-31", "12-31", "01-31", "03-31"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", dt.datetime(2027, 1, 31, 9), "2027-04-30", ["01-31", "02-28", "03-31", "04-30"]),
        ("FREQ=MONTHLY;BYDAY=2TU", dt.datetime(2026, 11, 10, 9), "2027-01-31", ["11-10", "12-08", "01-12"]),
        ("FREQ=MONTHLY;BYDAY=-1FR", dt.datetime(2026, 11, 27, 9), "2026-12-31", ["11-27", "12-25"]),
        ("FREQ=MONTHLY;BYMONTHDAY=29", dt.datetime(2028, 1, 29, 9), "2028-03-31", ["01-29", "02-29", "03-29"]),
        ("FREQ=WEEKLY;BYDAY=MO", FIRST, "2026-11-30", ["11-23", "11-30"]),  # the first day is not one of the rule
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=31", dt.datetime(2026, 2, 1, 9), "2027-02-28", []),
    ],
)  # fmt: skip
def test_days_of_a_rule(rule: str, first: dt.datetime, until: str, days: list[str]) -> None:
    found = list(series.dates(rule, first, dt.date.fromisoformat(until)))
    assert [f"{d:%m-%d}" for d in found] == days
    assert all(d.time() == first.time() for d in found)


@pytest.mark.parametrize(
    "rule",
    [
        "", "FREQ=HOURLY", "FREQ=WEEKLY;COUNT=5", "FREQ=WEEKLY;UNTIL=20270101", "FREQ=WEEKLY;BYHOUR=9,10", "BYDAY=MO",
        "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;FREQ=DAILY", "FREQ=WEEKLY;BYDAY=2MO", "FREQ=DAILY;BYMONTHDAY=1",
        "FREQ=WEEKLY;INTERVAL=0", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=WEEKLY\nEXDATE:20260101", "FREQ=WEEKLY;BYDAY=MO;;",
    ],
)  # fmt: skip
def test_other_rules_are_refused(rule: str) -> None:
    with pytest.raises(series.BadRule):
        series.checked(rule)


def test_a_rule_is_kept_in_one_way_of_writing() -> None:
    assert series.checked("rrule:byday=sa;freq=weekly") == "FREQ=WEEKLY;BYDAY=SA"
    assert series.weekly([5, 1, 5], 2) == "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SA"


def test_the_hour_stays_all_year_and_more_than_asked_is_seen() -> None:
    found = series.starts("FREQ=DAILY", FIRST.replace(tzinfo=CHINA), dt.date(2027, 11, 20), most=366)
    assert len(found) == 365 and {at.hour for at in found.values()} == {9}
    assert {at.utcoffset() for at in found.values()} == {dt.timedelta(hours=8)}
    assert len(series.starts("FREQ=DAILY", FIRST.replace(tzinfo=CHINA), dt.date(2027, 11, 20), most=10)) == 11


DAYS = st.integers(0, 40).map(lambda n: dt.date(2026, 11, 21) + dt.timedelta(days=n))


@st.composite
def standing(draw: st.DrawFn) -> list[There]:
    days = draw(st.lists(DAYS, unique=True, max_size=20))
    rows = []
    for n, day in enumerate(days):
        at = dt.datetime.combine(day, dt.time(draw(st.sampled_from([9, 14]))), tzinfo=CHINA)
        if draw(st.booleans()):  # moved by hand, perhaps to another day
            at += dt.timedelta(days=draw(st.integers(-2, 2)))
        rows.append(There(n + 1, day, at, at + dt.timedelta(hours=2), draw(st.booleans()), draw(st.booleans())))
    return rows


@given(standing(), st.sets(DAYS), st.sampled_from([60, 120]))
def test_an_edit_keeps_what_was_made_by_hand_and_makes_no_day_twice(
    there: list[There], days: set[dt.date], minutes: int
) -> None:
    wanted = {d: dt.datetime.combine(d, dt.time(9), tzinfo=CHINA) for d in sorted(days)}
    done = series.change(there, wanted, minutes)
    moved, dropped, stayed = dict(done.move), set(done.drop), set(done.stay)
    by_id = {x.id: x for x in there}
    assert not {x.id for x in there if x.kept} & (moved.keys() | dropped)  # hand-made ones survive
    assert not {x.id for x in there if x.people} & dropped  # nobody is sent home
    assert not moved.keys() & (dropped | stayed) and not dropped & stayed
    assert all(moved[pk] == wanted[by_id[pk].day] for pk in moved)
    assert {d for d, _ in done.make} == wanted.keys() - {x.day for x in there}  # each day once
    for x in there:  # what is not touched stands as the rule says
        if x.id not in moved.keys() | dropped | stayed:
            assert (x.starts, x.ends) == (wanted[x.day], wanted[x.day] + dt.timedelta(minutes=minutes))
    after = [There(x.id, x.day, moved[x.id], moved[x.id] + dt.timedelta(minutes=minutes), x.kept, x.people) if x.id in moved else x
             for x in there if x.id not in dropped]  # fmt: skip
    after += [There(-1, d, at, at + dt.timedelta(minutes=minutes), False, False) for d, at in done.make]
    again = series.change(after, wanted, minutes)
    assert not (again.make or again.move or again.drop) and set(again.stay) == stayed  # twice is once

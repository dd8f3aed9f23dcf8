"""The working calendar of a place: published years, make-up workdays, regional days, and a year that is not known yet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, Invalid
from heli.engines.workdays import CHINA
from heli.rulebook import files, queries, steps
from heli.rulebook.errors import BadRuleFile, RuleMissing
from heli.rulebook.models import CalendarDay
from heli.rulebook.steps import NewDay, YearImported
from tests.rulebook.conftest import NOW, admin_of

NEW_YEAR = dt.date(2027, 1, 1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=CHINA)


def publish(
    days: list[NewDay], *, area: str = "", year: int = 2027, citation: str = "国办发明电〔2026〕0号"
) -> YearImported:
    return steps.import_calendar_year(area_path=area, year=year, days=days, citation=citation, by=SYSTEM, at=NOW)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-02-14", True), ("2026-02-16", False), ("2026-09-20", True), ("2026-11-21", False), ("2026-11-23", True),
        ("2025-01-26", True), ("2025-10-08", False), ("2024-02-09", True), ("2024-05-11", True), ("2023-04-23", True),
        ("2022-04-02", True), ("2021-09-18", True), ("2020-01-31", False), ("2020-02-01", False), ("2019-05-05", True),
    ],
)  # fmt: skip
def test_days_by_the_notices(book: None, day: str, works: bool) -> None:
    one = dt.date.fromisoformat(day)
    calendar = queries.calendar("370602", at(f"{day}T12:00"))
    assert calendar.is_known(one)
    assert calendar.is_workday(one) is works


# Beside the days of the law: the last day of 2011 was worked for 2012; 3 September 2015 was a day off once; the extension of
# Spring Festival 2020 added a Friday and took back a make-up Saturday.
BESIDE = {2011: -1, 2012: 1, 2015: 1, 2020: 2}


@pytest.mark.parametrize("year", range(2011, 2027))
def test_a_year_gives_the_days_off_of_the_law(book: None, year: int) -> None:
    """全国年节及纪念日放假办法: 11 days (13 since 2025) fall on or are moved to workdays; make-up days only shift them."""
    rows = list(CalendarDay.objects.filter(area_path="", day__year=year))
    made_up = sum(r.is_work for r in rows)
    off = sum(not r.is_work and r.day.weekday() < 5 for r in rows)
    assert off - made_up == (13 if year >= 2025 else 11) + BESIDE.get(year, 0)


def test_it_is_one_statement_and_knows_the_hours(book: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        calendar = queries.calendar("370602003006", NOW)
    assert len(asked) == 1
    assert calendar.hours == ((dt.time(8, 30), dt.time(12)), (dt.time(13, 30), dt.time(17, 30)))
    assert calendar.years == {2026}
    assert calendar.due(at("2026-11-24T15:30"), 5, "working_day").at == at("2026-12-01T15:30")


def test_an_area_has_its_own_hours_and_days(book: None) -> None:
    hours = {"periods": [["09:00", "12:00"], ["13:00", "17:00"]]}
    rule = steps.NewRule("work.hours", "370602", hours, "区里的", NOW.date(), {}, reason="冬季作息")
    steps.set_rule(rule=rule, by=admin_of("370602"), at=NOW)
    day = dt.date(2026, 12, 2)
    publish([NewDay(day, False, "地方放假")], area="3706", year=2026)
    assert queries.calendar("370602003", NOW).hours[0] == (dt.time(9), dt.time(12))
    assert queries.calendar("370613", NOW).hours[0] == (dt.time(8, 30), dt.time(12))
    assert not queries.calendar("370613", NOW).is_workday(day)
    assert queries.calendar("370102", NOW).is_workday(day)


def test_without_office_hours_it_fails_closed(db: None) -> None:
    with pytest.raises(RuleMissing, match=r"work\.hours"):
        queries.calendar("370602", at("1999-06-01T09:00"))


def test_a_year_that_is_published_later(book: None) -> None:
    start = at("2026-12-30T10:00")
    first = queries.calendar("370602", NOW).due(start, 3, "working_day")
    assert (first.at, first.provisional) == (at("2027-01-04T10:00"), True)
    assert publish([NewDay(NEW_YEAR, False, "元旦")]) == YearImported("", 2027, True)
    then = queries.calendar("370602", NOW).due(start, 3, "working_day")
    assert (then.at, then.provisional) == (at("2027-01-05T10:00"), False)


def test_the_same_again_changes_nothing_and_a_correction_does(book: None) -> None:
    publish([NewDay(NEW_YEAR, False, "元旦"), NewDay(dt.date(2027, 1, 4), False, "元旦")])
    assert not publish([NewDay(NEW_YEAR, False, "元旦"), NewDay(dt.date(2027, 1, 4), False, "元旦")]).changed
    assert publish([NewDay(NEW_YEAR, False, "元旦"), NewDay(dt.date(2027, 1, 3), True, "元旦")]).changed
    rows = CalendarDay.objects.filter(day__year=2027).order_by("day").values_list("day", "is_work")
    assert list(rows) == [(NEW_YEAR, False), (dt.date(2027, 1, 3), True)]
    with connection.cursor() as cursor:  # the deleted day is in the history the triggers wrote
        cursor.execute("SELECT pgh_label FROM rulebook_calendardayevent WHERE day = '2027-01-04' ORDER BY pgh_id")
        assert cursor.fetchall() == [("insert",), ("delete",)]


@pytest.mark.parametrize(
    "days",
    [
        [NewDay(dt.date(2026, 12, 31), False, "元旦")],
        [NewDay(NEW_YEAR, False, "元旦"), NewDay(NEW_YEAR, False, "元旦")],
        [NewDay(dt.date(2027, 1, 4), True, "元旦")],  # a Monday is worked anyway
    ],
)
def test_days_that_cannot_be(book: None, days: list[NewDay]) -> None:
    with pytest.raises(Invalid):
        publish(days)
    assert not CalendarDay.objects.filter(day__year=2027).exists()


def test_only_who_manages_the_area(book: None) -> None:
    def bring(area: str) -> YearImported:
        return steps.import_calendar_year(
            area_path=area, year=2027, days=[NewDay(NEW_YEAR, False, "元旦")], citation="x", by=admin_of("3706"), at=NOW
        )

    with pytest.raises(Forbidden):
        bring("")
    assert bring("3706").changed
    assert not queries.calendar("370602", NOW).is_known(NEW_YEAR)  # a regional day does not publish the country's year


@pytest.mark.parametrize("text", ["", "year: 2027", "year: 2027\ncitation: x\nholidays: [{name: 元旦, from: soon}]",
                                  "year: 2027\ncitation: x\nholidays: [{name: 元旦, from: 2027-01-03, to: 2027-01-01}]"])  # fmt: skip
def test_a_bad_calendar_file(book: None, tmp_path: Path, text: str) -> None:
    path = tmp_path / "2027.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadRuleFile, match=r"2027\.yaml"):
        files.import_calendar(path, by=SYSTEM, at=NOW)

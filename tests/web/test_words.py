"""How time and numbers are said, in both languages."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from heli.core import words

HERE = ZoneInfo("Asia/Shanghai")
NOW = dt.datetime(2025, 11, 18, 14, 40, tzinfo=HERE)


def at(day: int, hour: int, minute: int = 0, *, month: int = 11, year: int = 2025) -> dt.datetime:
    return dt.datetime(year, month, day, hour, minute, tzinfo=HERE)


@pytest.mark.parametrize(
    ("moment", "zh", "en"),
    [
        (at(18, 8, 52), "今天 8:52", "today 8:52"),
        (at(17, 17, 15), "昨天 17:15", "yesterday 17:15"),
        (at(19, 9), "明天 9:00", "tomorrow 9:00"),
        (at(14, 18, 52), "11 月 14 日 18:52", "14 Nov, 18:52"),
        (at(3, 0, 5, month=1, year=2024), "2024 年 1 月 3 日 0:05", "3 Jan 2024, 0:05"),
        (dt.datetime(2025, 11, 17, 16, 30, tzinfo=dt.UTC), "今天 0:30", "today 0:30"),  # the site's day, not UTC's
    ],
)
def test_when(moment: dt.datetime, zh: str, en: str) -> None:
    with translation.override("zh-hans"):
        assert words.when(moment, NOW) == zh
    with translation.override("en"):
        assert words.when(moment, NOW) == en


@pytest.mark.parametrize(
    ("one", "zh"),
    [
        (dt.date(2025, 11, 18), "今天"),
        (dt.date(2025, 11, 17), "昨天"),
        (at(19, 1), "明天"),
        (dt.date(2025, 11, 25), "11 月 25 日（周二）"),
        (dt.date(2026, 1, 4), "2026 年 1 月 4 日（周日）"),
    ],
)
def test_day(one: dt.date, zh: str) -> None:
    with translation.override("zh-hans"):
        assert words.day(one, NOW) == zh


def test_full_day_names_today_too() -> None:
    with translation.override("zh-hans"):
        assert words.full_day(NOW, NOW) == "11 月 18 日（周二）"


@pytest.mark.parametrize(
    ("moment", "zh"),
    [
        (at(18, 15, 30), "今天 15:30 前"),
        (at(17, 9, 30), "昨天 9:30 前"),
        (at(19, 17, 30), "明天 17:30 前"),
        (at(24, 15, 30), "24 日（周一）15:30 前"),
        (at(5, 17, 30, month=12), "12 月 5 日（周五）17:30 前"),
        (at(5, 17, 30, month=1, year=2026), "2026 年 1 月 5 日（周一）17:30 前"),
    ],
)
def test_due_by(moment: dt.datetime, zh: str) -> None:
    with translation.override("zh-hans"):
        assert words.due_by(moment, NOW) == zh


WORKDAY = 8 * 60


@pytest.mark.parametrize(
    ("minutes", "day", "zh"),
    [
        (38, words.DAY, "还剩 38 分钟"),
        (0, words.DAY, "还剩不到 1 分钟"),
        (65, words.DAY, "还剩 1 小时 5 分"),
        (180, words.DAY, "还剩 3 小时"),
        (4 * WORKDAY + 50, WORKDAY, "还剩 4 天 50 分"),
        (3 * words.DAY + 4 * 60 + 20, words.DAY, "还剩 3 天 4 小时"),
        (12 * words.DAY + 300, words.DAY, "还剩 12 天"),
        (-130, words.DAY, "超了 2 小时 10 分"),
        (-9 * WORKDAY, WORKDAY, "超了 9 天"),
    ],
)
def test_left(minutes: int, day: int, zh: str) -> None:
    with translation.override("zh-hans"):
        assert words.left(minutes, day_minutes=day) == zh


def test_working_time_is_said_only_within_a_day() -> None:
    with translation.override("zh-hans"):
        assert words.left(38, day_minutes=WORKDAY, working=True) == "还剩 38 分钟（工作时间）"
        assert words.left(WORKDAY * 2, day_minutes=WORKDAY, working=True) == "还剩 2 天"


@pytest.mark.parametrize(
    ("minutes", "zh"),
    [(0, "剩不到 1 分"), (38, "剩 38 分"), (200, "剩 3 小时 20 分"), (-25, "超 25 分"), (-9 * WORKDAY - 61, "超 9 天")],
)
def test_left_on_a_chip(minutes: int, zh: str) -> None:
    with translation.override("zh-hans"):
        assert words.left_short(minutes, day_minutes=WORKDAY) == zh


@pytest.mark.parametrize(
    ("size", "unit", "zh", "en"),
    [
        (5, "working_day", "5 个工作日", "5 working days"),
        (1, "working_day", "1 个工作日", "1 working day"),
        (24, "hour", "24 小时", "24 hours"),
        (120, "working_minute", "2 小时（工作时间）", "2 hours (working time)"),
        (30, "minute", "30 分钟", "30 min"),
        (3, "day", "3 天", "3 days"),
    ],
)
def test_limit(size: int, unit: str, zh: str, en: str) -> None:
    with translation.override("zh-hans"):
        assert words.limit(size, unit) == zh
    with translation.override("en"):
        assert words.limit(size, unit) == en


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        words.limit(1, "fortnight")


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (1342, 1611, "83.3%"),
        (1385, 1611, "86.0%"),
        (0, 0, "–"),
        (0, 9, "0.0%"),
        (9, 9, "100.0%"),
        (99_999, 100_000, "99.9%"),  # not everything is not 100 %
        (1, 100_000, "0.1%"),
    ],
)
def test_share(part: int, whole: int, said: str) -> None:
    assert words.share(part, whole) == said


def test_count() -> None:
    assert words.count(1611) == "1,611"

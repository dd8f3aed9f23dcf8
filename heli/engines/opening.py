"""Opening hours: a week of periods, days that differ from it, and whether it is open at a moment.

Times of day are minutes from midnight; a period that ends past midnight ends beyond 1440 (22:00–2:00 is 1320–1560) and
belongs to the day on which it begins. Moments are local times without a zone: China keeps one time all year.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

DAY = 1440
AHEAD = 15  # days looked at for the next opening: longer closed is closed, not "opens in a month"
MOST = 6  # periods of one day
_PART = r"(上午|早上?|凌晨|清晨|中午|下午|傍晚|晚上?|夜里)?\s*"
_TIME = _PART + r"(\d{1,2})(?:[:.]([0-5]?\d)|[点时](?:([0-5]?\d)分?|(半))?)?"
_AFTER_NOON = frozenset({"下午", "傍晚", "晚", "晚上", "夜里"})
_PERIOD = re.compile(rf"{_TIME}\s*(?:-|~|到|至)\s*(次日|第二天)?\s*{_TIME}")
_SIGNS = str.maketrans({"–": "-", "—": "-", "－": "-", "～": "~", "﹣": "-", "−": "-"})
_BETWEEN = r"[\s,，:;；。、和及()]*"
CLOSED = frozenset({"", "休息", "休", "不开", "不开门", "关门", "不开放", "不营业", "闭馆", "closed", "-"})
_CALLED = r"^\s*(?:开放|营业|服务|开门)时间\s*:?"
_DAY = r"(?:周|星期|礼拜)[一二三四五六日天]"
_MORE = r"(?:周|星期|礼拜)?[一二三四五六日天]"
_DAYS = re.compile(
    rf"每天|每日|天天|工作日|平日|双休日?|周末|(?:法定)?节?假日|{_DAY}(?:\s*(?:-|~|至|到|、|,|和|及)\s*{_MORE}(?![点时]))*"
)
_SEVERAL = {
    "每天": range(7), "每日": range(7), "天天": range(7), "工作日": range(5), "平日": range(5), "双休": range(5, 7),
    "双休日": range(5, 7), "周末": range(5, 7),
}  # fmt: skip
ALL_DAY = frozenset(
    {
        "24小时",
        "24h",
        "全天",
        "昼夜",
        "全天开放",
        "全天候",
        "24小时开放",
        "24小时营业",
        "7×24小时",
        "7x24小时",
        "7*24小时",
    }
)


class Period(NamedTuple):
    """From `opens` (0–1439) until `closes` (after it, at most a day later)."""

    opens: int
    closes: int


Periods = tuple[Period, ...]
Week = Sequence[Periods]  # seven days, Monday first
Days = Mapping[dt.date, Periods]  # days that differ; no periods: closed
WHOLE = Period(0, DAY)


class Unclear(ValueError):
    """Hours that cannot be read. `code`: form, time, order, night, many, overlap, holiday; `text`: the part that is meant."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Status:
    """Open or not at a moment, and until when that holds; None: no end is in sight."""

    open: bool
    until: dt.datetime | None = None


def parse(text: str) -> Periods:
    """'8:30-12:00，13:30-17:30', '上午8点半到11点半，下午2点到5点', '22:00到次日2:00', '24小时', '8点半至5点' (no: order),
    '休息' → periods in order.

    Full-width signs are folded. Raises Unclear.
    """
    said = re.sub(_CALLED, "", unicodedata.normalize("NFKC", text).translate(_SIGNS)).strip().casefold()
    bare = re.sub(r"\s", "", said)
    if bare in CLOSED:
        return ()
    if bare in ALL_DAY:
        return (WHOLE,)
    found: list[Period] = []
    rest, at = "", 0
    for m in _PERIOD.finditer(said):
        rest += said[at : m.start()]
        at = m.end()
        found.append(_period(m))
        if len(found) > 1 and found[-1].opens < found[-2].opens:  # 8:30-12:00，2:00-5:30
            raise Unclear("night", m[0].strip())
    if not found or re.sub(r"[\s,，;；、和及]", "", rest + said[at:]):
        raise Unclear("form", text.strip()[:40])
    return checked(found)


def parse_week(text: str) -> list[Periods]:
    """'周一至周五 8:30-17:30，周六、周日 9:00-12:00', '工作日 8:30-17:30，周末休息', '每天 7-19点', or hours that hold every
    day → seven days, Monday first; a day that is not named is closed.

    A week cannot say what holds on holidays: Unclear (holiday). Otherwise raises Unclear as `parse` does.
    """
    said = re.sub(_CALLED, "", unicodedata.normalize("NFKC", text).translate(_SIGNS))
    found = list(_DAYS.finditer(said))
    if not found:
        return [parse(text)] * 7
    if re.sub(_BETWEEN, "", said[: found[0].start()]):
        raise Unclear("form", text.strip()[:40])
    week: list[Periods] = [()] * 7
    waiting: list[int] = []
    for m, following in zip(found, [*found[1:], None], strict=True):
        if m[0].endswith("假日"):
            raise Unclear("holiday", m[0])
        waiting += _weekdays(m[0])
        hours = re.sub(rf"^{_BETWEEN}|{_BETWEEN}$", "", said[m.end() : following.start() if following else None])
        if hours or following is None:
            for day in waiting:
                week[day] = parse(hours or text.strip())  # a day without hours says nothing: told by `parse`
            waiting = []
    return week


def _weekdays(text: str) -> list[int]:
    """'周一至周三、周日' → [0, 1, 2, 6]."""
    if text in _SEVERAL:
        return list(_SEVERAL[text])
    days: list[int] = []
    to = False
    for sign in re.findall("[一二三四五六日天]|[-~至到]", re.sub("星期|礼拜|周", "", text)):
        if sign in "-~至到":
            to = True
            continue
        day = "一二三四五六日".index(sign.replace("天", "日"))
        days += [(days[-1] + 1 + n) % 7 for n in range((day - days[-1]) % 7)] if to else [day]
        to = False
    return days


def _minutes(said: tuple[str | Any, ...], text: str) -> int:
    part, hour, minute, words, half = said
    value = int(hour) * 60 + (30 if half else int(minute or words or 0))
    if part in _AFTER_NOON and value <= DAY // 2 + 59 and (hour != "12" or part != "下午"):
        value += DAY // 2
    if value > DAY:
        raise Unclear("time", text)
    return value


def _period(m: re.Match[str]) -> Period:
    text = m[0].strip()
    opens = _minutes(m.group(1, 2, 3, 4, 5), text)
    closes = _minutes(m.group(7, 8, 9, 10, 11), text)
    if opens == DAY:
        raise Unclear("time", text)
    if m[1] in _AFTER_NOON and not m[6] and not m[7] and opens < closes + DAY // 2 <= DAY:
        closes += DAY // 2  # 下午2:00-5:00
    if closes == 0 and not m[6]:
        closes = DAY  # 8:00–0:00 is until midnight
    elif m[6] or closes <= opens:
        # 22:00–2:00 goes past midnight; 17:00–8:30 would be fifteen hours and is nearly always a slip
        closes += DAY
        if closes - opens > DAY // 2 and not m[6] and opens < DAY * 3 // 4:
            raise Unclear("order", text)
    return Period(opens, closes)


def checked(periods: Iterable[Period]) -> Periods:
    """The periods of one day in order. Raises Unclear for one that is none, too many, or two that overlap."""
    rows = tuple(sorted(periods))
    if len(rows) > MOST:
        raise Unclear("many", str(len(rows)))
    for p in rows:
        if not (0 <= p.opens < DAY and p.opens < p.closes <= p.opens + DAY):
            raise Unclear("time", say([p]))
    for a, b in pairwise(rows):
        if b.opens < a.closes:
            raise Unclear("overlap", say([a, b]))
    return rows


def overlap(week: Week) -> tuple[int, int] | None:
    """Two weekdays (0: Monday) of which the first runs past midnight into the second's hours, or None."""
    for day in range(7):
        following = (day + 1) % 7
        ends = max((p.closes for p in week[day]), default=0) - DAY
        if ends > min((p.opens for p in week[following]), default=DAY):
            return day, following
    return None


def on(week: Week, days: Days, day: dt.date) -> Periods:
    """The periods that begin on a day."""
    return tuple(days[day]) if day in days else tuple(week[day.weekday()])


def spans(week: Week, days: Days, first: dt.date, many: int) -> list[tuple[dt.datetime, dt.datetime]]:
    """Open spans that begin in `many` days from `first`; those that touch or overlap are one."""
    joined: list[tuple[dt.datetime, dt.datetime]] = []
    for n in range(many):
        day = first + dt.timedelta(days=n)
        midnight = dt.datetime(day.year, day.month, day.day)  # noqa: DTZ001  (local time, see above)
        for p in on(week, days, day):
            begin, end = midnight + dt.timedelta(minutes=p.opens), midnight + dt.timedelta(minutes=p.closes)
            if joined and begin <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
    return joined


def status(week: Week, days: Days, at: dt.datetime) -> Status:
    """Whether it is open at a local moment, and until when: its closing, or the next opening within a fortnight."""
    first = at.date() - dt.timedelta(days=1)
    end_of_sight = dt.datetime.combine(first + dt.timedelta(days=AHEAD + 1), dt.time())
    for begin, end in spans(week, days, first, AHEAD + 1):
        if begin <= at < end:
            return Status(True, end if end < end_of_sight else None)
        if begin > at:
            return Status(False, begin)
    return Status(False)


def clock(minutes: int) -> str:
    """510 → '8:30', 1560 → '2:00', 1440 → '24:00'."""
    minutes = minutes if minutes <= DAY else minutes - DAY
    return f"{minutes // 60}:{minutes % 60:02d}"


def say(periods: Iterable[Period], *, joiner: str = " ", past: str = "") -> str:
    """'8:30–12:00 13:30–17:30'; `past` is written before an end beyond midnight (次日)."""
    return joiner.join(f"{clock(p.opens)}–{past if p.closes > DAY else ''}{clock(p.closes)}" for p in periods)

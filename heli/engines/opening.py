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
from typing import NamedTuple

DAY = 1440
AHEAD = 15  # days looked at for the next opening: longer closed is closed, not "opens in a month"
MOST = 6  # periods of one day
_TIME = r"(\d{1,2})(?::([0-5]?\d)|[点时](?:([0-5]?\d)分?|(半))?)?"
_PERIOD = re.compile(rf"{_TIME}\s*(?:-|~|到|至)\s*(次日|第二天)?\s*{_TIME}")
_SIGNS = str.maketrans({"–": "-", "—": "-", "－": "-", "～": "~", "﹣": "-", "−": "-"})
CLOSED = frozenset({"", "休息", "休", "不开", "不开门", "关门", "closed", "-"})
ALL_DAY = frozenset({"24小时", "24h", "全天", "昼夜", "全天开放", "24小时开放"})


class Period(NamedTuple):
    """From `opens` (0–1439) until `closes` (after it, at most a day later)."""

    opens: int
    closes: int


Periods = tuple[Period, ...]
Week = Sequence[Periods]  # seven days, Monday first
Days = Mapping[dt.date, Periods]  # days that differ; no periods: closed
WHOLE = Period(0, DAY)


class Unclear(ValueError):
    """Hours that cannot be read. `code`: form, time, order, many, overlap; `text`: the part that is meant."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(code)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Status:
    """Open or not at a moment, and until when that holds; None: no end is in sight."""

    open: bool
    until: dt.datetime | None = None


def parse(text: str) -> Periods:
    """'8:30-12:00，13:30-17:30', '22:00到次日2:00', '24小时', '8点半至5点' (no: order), '休息' → periods in order.

    Full-width signs are folded. Raises Unclear.
    """
    said = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip().casefold()
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
    if not found or re.sub(r"[\s,，;；、和及]", "", rest + said[at:]):
        raise Unclear("form", text.strip()[:40])
    return checked(found)


def _minutes(hour: str, minute: str | None, words: str | None, half: str | None, text: str) -> int:
    value = int(hour) * 60 + (30 if half else int(minute or words or 0))
    if value > DAY:
        raise Unclear("time", text)
    return value


def _period(m: re.Match[str]) -> Period:
    text = m[0].strip()
    opens = _minutes(m[1], m[2], m[3], m[4], text)
    closes = _minutes(m[6], m[7], m[8], m[9], text)
    if opens == DAY:
        raise Unclear("time", text)
    if m[5] or closes <= opens:
        # 22:00–2:00 goes past midnight; 17:00–8:30 would be fifteen hours and is nearly always a slip
        closes += DAY
        if closes - opens > DAY // 2 and not m[5] and opens < DAY * 3 // 4:
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


def _spans(week: Week, days: Days, first: dt.date, many: int) -> list[tuple[dt.datetime, dt.datetime]]:
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
    for begin, end in _spans(week, days, first, AHEAD + 1):
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

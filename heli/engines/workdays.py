"""The working-day clock of China's offices: holidays, make-up workdays (调休), office hours, and what is not known yet.

What a working day means here
-----------------------------
A period is counted in working time and is *exact to the minute*: N working days are N times the working minutes of one
office day, counted from the first working instant at or after the start. Because every office day has the same hours,
that is the same time of day N working days later: a request dispatched on Monday 17th at 15:30 with five working days
is due on Monday 24th at 15:30 (the weekend does not count). The due time is the *earliest* instant by which the time
has run, so a period that starts outside office hours ends at a close of business, never at the next opening:
Friday 18:00 plus five working days is next Friday 17:30, not the Monday after at 08:30.

The other reading is that of the Civil Code: the day on which a period starts is not counted (民法典 第二百零一条), and
the last day ends at 24:00, or when business stops where there are business hours (第二百零三条). It is not used for
clocks, because it rounds all requests of a day to one evening: a clerk cannot see which is more urgent, and a request
taken at 08:31 gets a day more than one taken at 17:29. The exact reading is monotone, additive, and never later than
the Civil Code's, so who keeps our clock keeps the law; tests/engines/test_workdays.py holds that as a property.

Years that are not published yet
--------------------------------
The State Council publishes each year's holidays near the end of the year before. Outside the published years Monday to
Friday count as workdays and the result is marked `provisional`. Nothing is guessed silently.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final, Literal, TypeGuard, get_args
from zoneinfo import ZoneInfo

Unit = Literal["minute", "hour", "day", "working_minute", "working_hour", "working_day"]
Interval = tuple[time, time]
Pause = tuple[datetime, datetime]

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
OFFICE_HOURS: Final[tuple[Interval, ...]] = ((time(8, 30), time(12)), (time(13, 30), time(17, 30)))
CHINA: Final = ZoneInfo("Asia/Shanghai")

_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_ELAPSED: Final[Mapping[str, int]] = {"minute": 1, "hour": 60, "day": 24 * 60}  # units of elapsed time, in minutes
_WORKED: Final[Mapping[str, int]] = {"working_minute": 1, "working_hour": 60}  # and of working time, a day apart
_LONGEST: Final = 100 * 366 * 24 * 60  # no period is longer than a century, in minutes


@dataclass(frozen=True, slots=True)
class Due:
    """When a period ends. `provisional`: a day it was counted over lies in a year whose holidays are not published."""

    at: datetime
    provisional: bool


@dataclass(frozen=True)
class Calendar:
    """Which instants are working time, in one place.

    Attributes:
        workday_overrides: days that differ from "Monday to Friday": True = a weekend worked, False = a weekday off.
        years: the years whose holidays have been published and are in `workday_overrides`.
        hours: office hours of a workday as (open, close) pairs in local time, ascending, whole minutes,
            not overlapping.
        tz: the zone that `hours` are in; it must not have daylight saving (China has none).

    Raises:
        ValueError: `hours` is empty, unordered, overlapping or not in whole minutes.
    """

    workday_overrides: Mapping[date, bool] = field(default_factory=dict)
    years: frozenset[int] = frozenset()
    hours: tuple[Interval, ...] = OFFICE_HOURS
    tz: tzinfo = CHINA

    def __post_init__(self) -> None:
        edges = [edge for interval in self.hours for edge in interval]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise ValueError("office hours must be ascending (open, close) pairs that do not overlap or touch")
        if any(edge.second or edge.microsecond or edge.tzinfo for edge in edges):
            raise ValueError("office hours are local times in whole minutes")

    @property
    def day_minutes(self) -> int:
        """Working minutes of one workday."""
        return sum((b.hour - a.hour) * 60 + b.minute - a.minute for a, b in self.hours)

    def is_known(self, day: date) -> bool:
        """Whether the holidays of that day's year are published."""
        return day.year in self.years

    def is_workday(self, day: date) -> bool:
        """Whether offices work on that day; Monday to Friday where nothing else is known."""
        override = self.workday_overrides.get(day)
        return day.weekday() < 5 if override is None else override

    def minutes(self, amount: int, unit: Unit) -> int:
        """A period in minutes: elapsed ones for minute, hour and day, working ones for the working units.

        Raises:
            ValueError: unknown unit, or an amount that is not a positive whole number or is longer than a century.
        """
        if not is_unit(unit):
            raise ValueError(f"unknown unit of time: {unit!r}")
        if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
            raise ValueError(f"a period needs a positive whole number, not {amount!r}")
        per = _ELAPSED.get(unit) or _WORKED.get(unit) or self.day_minutes
        if amount * per > _LONGEST:
            raise ValueError(f"a period of {amount} {unit} is longer than a century")
        return amount * per

    def next_working_instant(self, at: datetime) -> datetime:
        """`at` itself in working time, else the next opening. The close of business is no longer working time."""
        opens, _ = next(self._spells(self._local(at), ()))
        return self._instant(opens, like=at)

    def due(self, start: datetime, amount: int, unit: Unit, *, pauses: Iterable[Pause] = ()) -> Due:
        """The earliest instant by which the period has run, with the `pauses` left out.

        Args:
            start: aware datetime; the result is in the same zone.
            amount: how many units, at least 1.
            unit: minute, hour, day (elapsed time, day = 24 h) or working_minute, working_hour, working_day.
            pauses: (from, to) pairs of aware datetimes, in any order; they may overlap. Counted in whole minutes.

        Raises:
            ValueError: naive datetime, unknown unit, amount below 1.
        """
        left = self.minutes(amount, unit) * _MINUTE
        begin = at = self._local(start)
        for a, b in self._running(begin, unit, self._merged(pauses)):
            if b is None or b - a >= left:
                at = a + left
                break
            left -= b - a
        provisional = unit not in _ELAPSED and not self._all_known(begin.date(), at.date())
        return Due(at=self._instant(at, like=start), provisional=provisional)

    def used(self, start: datetime, end: datetime, unit: Unit, *, pauses: Iterable[Pause] = ()) -> int:
        """Minutes that ran from start to end, without the pauses: working minutes for working units, else elapsed ones.

        Both ends are cut to the minute, which makes the figure exact to add: used(a, b) + used(b, c) == used(a, c).
        Zero when end is not after start. `used(start, due(start, n, unit).at, unit) == minutes(n, unit)`.
        O(1) but for the pauses, however long ago `start` was: a list asks it for each of its rows.

        Raises:
            ValueError: naive datetime, unknown unit.
        """
        if not is_unit(unit):
            raise ValueError(f"unknown unit of time: {unit!r}")
        a, z = _cut(self._local(start)), _cut(self._local(end))
        if z <= a:
            return 0
        stopped = [(max(p, a), min(q, z)) for p, q in self._merged(pauses) if p < z and q > a]
        if unit in _ELAPSED:
            return (z - a - sum((q - p for p, q in stopped), timedelta())) // _MINUTE
        return self._worked(z) - self._worked(a) - sum(self._worked(q) - self._worked(p) for p, q in stopped)

    # -- inside: naive local datetimes -------------------------------------------------------------------------------

    @cached_property
    def _exceptions(self) -> tuple[list[date], list[int]]:
        """Days that are not as their weekday says, ascending, and by how many workdays all up to each differ."""
        days = sorted(d for d, is_work in self.workday_overrides.items() if is_work != (d.weekday() < 5))
        return days, list(accumulate(1 if self.workday_overrides[d] else -1 for d in days))

    def _worked(self, at: datetime) -> int:
        """Minutes of working time from the first day of the calendar (a Monday) to a local time."""
        day = at.date()
        weeks, rest = divmod(day.toordinal() - 1, 7)
        days, differ = self._exceptions
        before = bisect_left(days, day)
        full = weeks * 5 + min(rest, 5) + (differ[before - 1] if before else 0)
        if not self.is_workday(day):
            return full * self.day_minutes
        now = at.hour * 60 + at.minute
        edges = ((a.hour * 60 + a.minute, b.hour * 60 + b.minute) for a, b in self.hours)
        return full * self.day_minutes + sum(min(max(now - a, 0), b - a) for a, b in edges)

    def _local(self, at: datetime) -> datetime:
        if at.tzinfo is None:
            raise ValueError("the working-day clock needs aware datetimes")
        return at.astimezone(self.tz).replace(tzinfo=None)

    def _instant(self, local: datetime, *, like: datetime) -> datetime:
        return local.replace(tzinfo=self.tz).astimezone(like.tzinfo or UTC)

    def _merged(self, pauses: Iterable[Pause]) -> Sequence[Pause]:
        """Pauses as local, whole-minute, ascending intervals that do not overlap; empty ones are dropped."""
        merged: list[Pause] = []
        for a, b in sorted((_cut(self._local(a)), _cut(self._local(b))) for a, b in pauses):
            if a >= b:
                continue
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        return merged

    def _running(
        self, begin: datetime, unit: Unit, pauses: Sequence[Pause]
    ) -> Iterator[tuple[datetime, datetime | None]]:
        return self._elapsed(begin, pauses) if unit in _ELAPSED else self._spells(begin, pauses)

    def _spells(self, begin: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time from `begin` on, ascending, none empty, without the pauses."""
        day = begin.date()
        while True:
            if self.is_workday(day):
                for opens, closes in self.hours:
                    a, b = max(begin, datetime.combine(day, opens)), datetime.combine(day, closes)
                    if a < b:
                        yield from _without(a, b, pauses)
            day += _DAY

    def _elapsed(self, begin: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime | None]]:
        """The stretches of elapsed time from `begin` on without the pauses; the last one has no end."""
        for a, b in pauses:
            if begin < a:
                yield begin, a
            begin = max(begin, b)
        yield begin, None

    def _all_known(self, first: date, last: date) -> bool:
        return all(year in self.years for year in range(first.year, last.year + 1))


def is_unit(word: object) -> TypeGuard[Unit]:
    """Whether a word read from data is a unit this clock counts in."""
    return word in UNITS


def _cut(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _without(a: datetime, b: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """[a, b) less the pauses (ascending, not overlapping), as ascending non-empty intervals."""
    for p, q in pauses:
        if q <= a:
            continue
        if p >= b:
            break
        if a < p:
            yield a, p
        a = q
    if a < b:
        yield a, b

"""How we say time and numbers: pure functions, no database, no clock of their own (`now` is always given).

Rules from the look, 文案 5 and 6: within a day "还剩 38 分钟", longer "还剩 4 天 50 分" and the day and hour it ends; never
"-130 分钟"; a share comes with its numerator, denominator and unit. 24-hour clock, local time of the site.
"""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

DAY = 24 * 60  # minutes of a natural day; a working day's are the calendar's

_MONTHS = (
    pgettext_lazy("month", "Jan"),
    pgettext_lazy("month", "Feb"),
    pgettext_lazy("month", "Mar"),
    pgettext_lazy("month", "Apr"),
    pgettext_lazy("month", "May"),
    pgettext_lazy("month", "Jun"),
    pgettext_lazy("month", "Jul"),
    pgettext_lazy("month", "Aug"),
    pgettext_lazy("month", "Sep"),
    pgettext_lazy("month", "Oct"),
    pgettext_lazy("month", "Nov"),
    pgettext_lazy("month", "Dec"),
)
_WEEKDAYS = (
    pgettext_lazy("weekday", "Mon"),
    pgettext_lazy("weekday", "Tue"),
    pgettext_lazy("weekday", "Wed"),
    pgettext_lazy("weekday", "Thu"),
    pgettext_lazy("weekday", "Fri"),
    pgettext_lazy("weekday", "Sat"),
    pgettext_lazy("weekday", "Sun"),
)


def _slots(day: dt.date) -> dict[str, object]:
    return {"day": day.day, "month": _MONTHS[day.month - 1], "weekday": _WEEKDAYS[day.weekday()], "year": day.year}


def hour(at: dt.datetime) -> str:
    """Local time of day: "8:52"."""
    local = timezone.localtime(at)
    return f"{local.hour}:{local.minute:02d}"


def when(at: dt.datetime, now: dt.datetime) -> str:
    """A moment: "今天 8:52", "昨天 17:15", "11 月 19 日 9:05", "2025 年 11 月 19 日 9:05"."""
    day, today = timezone.localtime(at).date(), timezone.localtime(now).date()
    slots = {**_slots(day), "time": hour(at)}
    match (day - today).days:
        case 0:
            return _("today %(time)s") % slots
        case -1:
            return _("yesterday %(time)s") % slots
        case 1:
            return _("tomorrow %(time)s") % slots
    if day.year == today.year:
        return _("%(day)s %(month)s, %(time)s") % slots
    return _("%(day)s %(month)s %(year)s, %(time)s") % slots


def day(of: dt.date | dt.datetime, now: dt.datetime) -> str:
    """A day: "今天", "昨天", "明天", "11 月 18 日（周二）", "2025 年 11 月 18 日（周二）"."""
    one, today = timezone.localtime(of).date() if isinstance(of, dt.datetime) else of, timezone.localtime(now).date()
    match (one - today).days:
        case 0:
            return _("today")
        case -1:
            return _("yesterday")
        case 1:
            return _("tomorrow")
    return full_day(of, now)


def full_day(of: dt.date | dt.datetime, now: dt.datetime) -> str:
    """The date and weekday, also of today: "11 月 18 日（周二）", "2025 年 11 月 18 日（周二）"."""
    one, today = timezone.localtime(of).date() if isinstance(of, dt.datetime) else of, timezone.localtime(now).date()
    if one.year == today.year:
        return _("%(weekday)s %(day)s %(month)s") % _slots(one)
    return _("%(weekday)s %(day)s %(month)s %(year)s") % _slots(one)


def due_by(at: dt.datetime, now: dt.datetime) -> str:
    """A deadline: "今天 15:30 前", "24 日（周一）15:30 前", "12 月 5 日（周五）17:30 前"."""
    one, today = timezone.localtime(at).date(), timezone.localtime(now).date()
    slots = {**_slots(one), "time": hour(at)}
    match (one - today).days:
        case 0:
            return _("by %(time)s today") % slots
        case -1:
            return _("by %(time)s yesterday") % slots
        case 1:
            return _("by %(time)s tomorrow") % slots
    if (one.year, one.month) == (today.year, today.month):
        return _("by %(weekday)s %(day)s, %(time)s") % slots
    if one.year == today.year:
        return _("by %(weekday)s %(day)s %(month)s, %(time)s") % slots
    return _("by %(weekday)s %(day)s %(month)s %(year)s, %(time)s") % slots


def minutes_between(start: dt.datetime, end: dt.datetime) -> int:
    """Whole natural minutes from start to end, rounded towards zero; negative when end is earlier."""
    return int((end - start).total_seconds() / 60)


def amount(minutes: int, *, day_minutes: int = DAY) -> str:
    """A length of time in at most two units: "38 分钟", "2 小时 10 分", "4 天 50 分", "12 天".

    `day_minutes` is how long a day is: natural, or a working day of the calendar.
    """
    days, rest = divmod(abs(minutes), day_minutes)
    hours, mins = divmod(rest, 60)
    slots = {"d": days, "h": hours, "m": mins}
    if days >= 10 or (days and not rest):
        return ngettext("%(d)s day", "%(d)s days", days) % slots
    if days:
        return (_("%(d)s d %(h)s h") if hours else _("%(d)s d %(m)s min")) % slots
    if hours:
        return (_("%(h)s h %(m)s min") if mins else ngettext("%(h)s hour", "%(h)s hours", hours)) % slots
    return (_("%(m)s min") if mins else _("less than 1 min")) % slots


def left(minutes: int, *, day_minutes: int = DAY, working: bool = False) -> str:
    """Time left, or over when negative: "还剩 38 分钟", "还剩 38 分钟（工作时间）", "超了 2 小时 10 分"."""
    if minutes == 0:
        return _("less than 1 min left")
    slots = {"amount": amount(minutes, day_minutes=day_minutes)}
    if minutes < 0:
        return _("%(amount)s over") % slots
    if working and minutes < day_minutes:
        return _("%(amount)s left (working time)") % slots
    return _("%(amount)s left") % slots


def left_short(minutes: int, *, day_minutes: int = DAY) -> str:
    """The same for a chip: "剩 38 分", "剩 3 小时 20 分", "超 25 分", "超 9 天"."""
    if minutes == 0:
        return pgettext("short", "under 1 min left")
    whole = abs(minutes)
    if whole < 60:
        said = pgettext("short", "%(m)s min") % {"m": whole}
    elif whole >= day_minutes and whole // day_minutes >= 2:
        said = amount(whole // day_minutes * day_minutes, day_minutes=day_minutes)
    else:
        said = amount(whole, day_minutes=day_minutes)
    return (pgettext("short", "%(amount)s over") if minutes < 0 else pgettext("short", "%(amount)s left")) % {
        "amount": said
    }


def limit(size: int, unit: str) -> str:
    """A limit as the rule says it: "5 个工作日", "2 小时（工作时间）", "24 小时", "30 分钟".

    `unit` is one of minute, hour, day, working_minute, working_day (ValueError otherwise).
    """
    if unit == "working_day":
        return ngettext("%(n)s working day", "%(n)s working days", size) % {"n": size}
    if unit == "day":
        return ngettext("%(d)s day", "%(d)s days", size) % {"d": size}
    if unit == "hour":
        return ngettext("%(h)s hour", "%(h)s hours", size) % {"h": size}
    if unit == "minute":
        return limit(size // 60, "hour") if size and size % 60 == 0 else _("%(m)s min") % {"m": size}
    if unit == "working_minute":
        return _("%(amount)s (working time)") % {"amount": limit(size, "minute")}
    raise ValueError(f"unknown unit {unit!r}")


def count(number: float) -> str:
    """A number with thousands separated: "1,342"."""
    return f"{number:,}"


def share(part: int, whole: int, *, digits: int = 1) -> str:
    """A percentage "83.3%", or "–" when there is nothing to divide by: no items is not 0 %.

    Rounded to nearest, except that only everything is 100 % and only nothing is 0 %.
    """
    if whole <= 0:
        return "–"
    unit = 10**digits
    rounded = (part * 100 * unit * 2 + whole) // (whole * 2)
    if 0 < part < whole:
        rounded = min(max(rounded, 1), 100 * unit - 1)
    return f"{rounded / unit:.{digits}f}%"

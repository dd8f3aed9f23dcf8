"""How sites and their hours are said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext, pgettext_lazy

from heli.engines.opening import DAY, Period, Periods, Status, Unclear, Week, on, say

WEEKDAYS: tuple[str | Promise, ...] = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
STARS: tuple[tuple[int, str | Promise], ...] = (
    (5, pgettext_lazy("rating", "very good")),
    (4, pgettext_lazy("rating", "good")),
    (3, pgettext_lazy("rating", "all right")),
    (2, pgettext_lazy("rating", "not so good")),
    (1, pgettext_lazy("rating", "poor")),
)


def weekday(day: int) -> str:
    """0 → 星期一."""
    return str(WEEKDAYS[day])


def hours(periods: Periods) -> str:
    """'8:30–12:00 13:30–17:30', '24 小时', '不开门'."""
    if not periods:
        return pgettext("hours", "closed")
    if len(periods) == 1 and periods[0] == Period(0, DAY):
        return pgettext("hours", "all day and night")
    return say(periods, joiner=pgettext("list", ", "), past=pgettext("hours", "next day "))


def unusual(worked: bool | None) -> str:
    """What a reader should know of hours on a holiday (False) or a weekend worked instead (True); '' on other days."""
    if worked is None:
        return ""
    if worked:
        return _(
            "Today offices work instead of another day. Where no hours are given for today, ask by telephone first."
        )
    return _("Today is a public holiday. Where no hours are given for today, ask by telephone first.")


def unclear(error: Unclear) -> str:
    """What is wrong with hours as they were typed, and what they should be."""
    slots = {"text": error.text}
    match error.code:
        case "time":
            return _("“%(text)s”: there is no such time of day. Hours go from 0:00 to 24:00.") % slots
        case "order":
            return _("“%(text)s” ends before it begins. Past midnight is written 22:00–next day 2:00.") % slots
        case "night":
            return _("“%(text)s” would be at night. For the afternoon write 14:00 instead of 2:00.") % slots
        case "holiday":
            return (
                _("“%(text)s”: a week cannot say this. Leave it out here, and enter holidays as days with other hours.")
                % slots
            )
        case "overlap":
            return _("These hours overlap: %(text)s.") % slots
        case "many":
            return _("At most six periods fit into one day.")
    return _("“%(text)s” cannot be read as hours. Write them like 8:30-12:00 13:30-17:30, or 24 hours.") % slots


def _clock(at: dt.datetime) -> str:
    return f"{at.hour}:{at.minute:02d}"


def opens_words(until: dt.datetime, at: dt.datetime) -> str:
    """'8:30 开门', '明天 8:30 开门', '星期一 8:30 开门'."""
    slots = {"time": _clock(until)}
    days = (until.date() - at.date()).days
    if days == 0:
        return _("opens at %(time)s") % slots
    if days == 1:
        return _("opens tomorrow at %(time)s") % slots
    if days < 7:
        return _("opens %(day)s at %(time)s") % {**slots, "day": weekday(until.weekday())}
    return _("opens on %(month)s/%(day)s at %(time)s") % {**slots, "month": until.month, "day": until.day}


def said(now: Status, at: dt.datetime, soon: int) -> tuple[str, str]:
    """(state of the look, words) of a site at a local moment: 开着 · 到 20:00, 关着 · 明天 8:30 开门. It closes soon when
    `soon` minutes are left."""
    if now.open and now.until is None:
        return "done", _("open, all day and night")
    if now.open and now.until is not None:
        left = (now.until - at).total_seconds() / 60
        slots = {"time": "24:00" if now.until.time() == dt.time() else _clock(now.until)}
        if left <= soon:
            return "soon", _("open, closes at %(time)s") % slots
        return "done", _("open until %(time)s") % slots
    if now.until is not None:
        return "pause", opens_words(now.until, at)
    return "pause", pgettext("site", "closed")


def week_lines(
    week: Week, days: Mapping[dt.date, Periods], notes: Mapping[dt.date, str], today: dt.date
) -> Sequence[dict[str, object]]:
    """The next seven days with their hours: (day, weekday's word, hours, whether it differs, its note)."""
    rows = []
    for n in range(7):
        day = today + dt.timedelta(days=n)
        rows.append(
            {
                "day": day,
                "name": _("today") if n == 0 else weekday(day.weekday()),
                "hours": hours(on(week, days, day)),
                "differs": day in days,
                "note": notes.get(day, ""),
                "today": n == 0,
            }
        )
    return rows


def rated(n: int, stars: int) -> str:
    """'42 人评过，平均 4.3'."""
    return ngettext("%(n)s rating, %(mean)s on average", "%(n)s ratings, %(mean)s on average", n) % {
        "n": n,
        "mean": f"{stars / n:.1f}",
    }

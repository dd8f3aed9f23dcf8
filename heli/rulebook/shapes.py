"""The shapes a rule's value may have: each checks what is written and says it in words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from heli.core import words
from heli.engines.workdays import UNITS, Calendar, Interval

Words = str | Promise
Value = Any  # what jsonb holds


class BadValue(ValueError):
    """The value does not have the shape of its key; the message says what it should be."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value looks: `check` raises BadValue, `say` puts it in words, `hint` shows how to write it (JSON)."""

    name: str
    check: Callable[[Value], None]
    say: Callable[[Value], str]
    hint: Words


def _whole(value: Value, low: int = 0, high: int = 10**9) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _check_period(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"amount", "unit"} and _whole(value["amount"], 1, 100_000)):
        raise BadValue(_now("a period needs an amount of at least 1 and a unit"))
    if value["unit"] not in UNITS:
        raise BadValue(_now("the unit is one of %(units)s") % {"units": ", ".join(UNITS)})


def say_period(value: Value) -> str:
    """{"amount": 5, "unit": "working_day"} → "5 个工作日"."""
    amount, unit = value["amount"], value["unit"]
    return words.limit(amount * 60, "working_minute") if unit == "working_hour" else words.limit(amount, unit)


def _count(low: int, high: int) -> Callable[[Value], None]:
    def check(value: Value) -> None:
        if not _whole(value, low, high):
            raise BadValue(_now("a whole number from %(low)s to %(high)s") % {"low": low, "high": high})

    return check


def _check_flag(value: Value) -> None:
    if not isinstance(value, bool):
        raise BadValue(_now("true or false"))


def _check_hours(value: Value) -> None:
    try:
        Calendar(hours=hours(value))
    except (ValueError, TypeError, KeyError) as error:
        raise BadValue(_now("opening and closing times in order, such as 08:30 and 12:00")) from error


def hours(value: Value) -> tuple[Interval, ...]:
    """{"periods": [["08:30", "12:00"], …]} as times of day."""
    return tuple((dt.time.fromisoformat(a), dt.time.fromisoformat(b)) for a, b in value["periods"])


def _numbers(*names: str) -> Callable[[Value], None]:
    def check(value: Value) -> None:
        if not (isinstance(value, dict) and value.keys() == set(names) and all(_whole(v, 1) for v in value.values())):
            raise BadValue(_now("whole numbers named %(names)s") % {"names": ", ".join(names)})

    return check


# What a rate may count: rooms above compute these sets, the rule row says which is divided by which.
SETS: Final[Mapping[str, Words]] = {
    "judged": _("judged by the resident"),
    "answered_contacted": _("resident said whether they were contacted"),
    "contacted": _("resident was contacted"),
    "answered_solved": _("resident said whether it is solved"),
    "solved": _("resident said it is solved"),
    "answered_satisfied": _("resident said how satisfied they are"),
    "satisfied": _("satisfied or very satisfied"),
    "replied_on_time": _("replied on time"),
    "replied_or_overdue": _("replied, or open and past the deadline"),
}


def _check_formula(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"count", "of"} and set(value.values()) <= SETS.keys()):
        raise BadValue(_now("what is counted and out of what: %(sets)s") % {"sets": ", ".join(SETS)})


PERIOD = Shape("period", _check_period, say_period, '{"amount": 5, "unit": "working_day"}')
TIMES = Shape("count", _count(0, 1000), lambda v: pgettext("how often", "%(n)s times") % {"n": v}, "2")
MINUTES = Shape("minutes", _count(1, 1440), lambda v: words.limit(v, "minute"), "60")
WEEK_MINUTES = Shape("minutes", _count(1, 10_080), lambda v: words.limit(v, "minute"), "3600")
SPAN = Shape("span", _count(0, 8760), lambda v: words.limit(v, "hour"), "24")
MONTHS = Shape("months", _count(1, 120), lambda v: _now("%(n)s months") % {"n": v}, "12")
METRES = Shape("metres", _count(1, 100_000), lambda v: _now("%(n)s metres") % {"n": words.count(v)}, "1000")
KEPT = Shape("kept", _count(365, 36600), lambda v: words.limit(v, "day"), "3653")
DAYS = Shape("days", _count(1, 3660), lambda v: words.limit(v, "day"), "180")
ROWS = Shape("rows", _count(1, 100_000), lambda v: _now("%(n)s rows") % {"n": words.count(v)}, "5000")
YUAN = Shape("yuan", _count(1, 1_000_000), lambda v: _now("%(n)s yuan") % {"n": words.count(v)}, "1000")
PERCENT = Shape("percent", _count(0, 100), lambda v: f"{v}%", "75")
GROWTH = Shape("growth", _count(1, 1000), lambda v: f"{v}%", "150")
PEOPLE = Shape("people", _count(1, 1000), lambda v: _now("%(n)s people") % {"n": words.count(v)}, "5")
FLAG = Shape("flag", _check_flag, lambda v: str(_("yes") if v else _("no")), "true / false")
HOURS = Shape(
    "hours",
    _check_hours,
    lambda v: pgettext("list", ", ").join("–".join(pair) for pair in v["periods"]),
    '{"periods": [["08:30", "12:00"], ["13:30", "17:30"]]}',
)


def _check_before(value: Value) -> None:
    fits = isinstance(value, list) and value and all(_whole(v, 1, 336) for v in value)
    if not fits or value != sorted(set(value), reverse=True):
        raise BadValue(_now("whole hours before, the longest first, such as [24, 2]"))


BEFORE = Shape(
    "before", _check_before, lambda v: pgettext("list", ", ").join(words.limit(x, "hour") for x in v), "[24, 2]"
)
NEARBY = Shape(
    "nearby",
    _numbers("metres", "days"),
    lambda v: _now("within %(metres)s metres and %(days)s days") % v,
    '{"metres": 50, "days": 84}',
)
BURST = Shape(
    "burst",
    _numbers("snaps", "minutes"),
    lambda v: _now("more than %(snaps)s within %(minutes)s minutes") % v,
    '{"snaps": 6, "minutes": 30}',
)
SAMPLE = Shape(
    "sample",
    _numbers("percent", "least"),
    lambda v: _now("%(percent)s%%, at least %(least)s") % v,
    '{"percent": 5, "least": 5}',
)


def _check_words(value: Value) -> None:
    if not (
        isinstance(value, list)
        and len(value) <= 200
        and all(isinstance(v, str) and 0 < len(v.strip()) <= 20 for v in value)
    ):
        raise BadValue(_now("a list of words of at most 20 characters"))


WORDS = Shape("words", _check_words, lambda v: pgettext("list", ", ").join(v) or _now("none"), '["补录", "值班"]')


def _figures(said: Words, hint: str, *names: str) -> Shape:
    """Several whole numbers that belong together, said in one sentence."""
    return Shape("figures", _numbers(*names), lambda v: str(said) % v, hint)


def _check_watched(value: Value) -> None:
    if not (isinstance(value, list) and all(isinstance(v, str) and re.fullmatch(r"h\d{1,2}[a-z]?", v) for v in value)):
        raise BadValue(_now("a list of rules of doubt, such as h3"))


WATCHED = Shape(
    "watched", _check_watched, lambda v: pgettext("list", ", ").join(x.upper() for x in v) or _now("none"), '["h3"]'
)
SPEED = _figures(_("faster than %(kmh)s km/h over more than %(km)s km"), '{"kmh": 120, "km": 5}', "kmh", "km")
BY_HAND = _figures(
    _("more than %(percent)s%% of a month's minutes and at least %(records)s records"),
    '{"percent": 20, "records": 10}', "percent", "records",
)  # fmt: skip
CLERK = _figures(
    _("more than %(percent)s%% of the unit's, and more than %(times)s times the middle of its clerks"),
    '{"percent": 50, "times": 3}', "percent", "times",
)  # fmt: skip
WALK_INS = _figures(
    _("more than %(percent)s%% and more than %(people)s people"), '{"percent": 10, "people": 5}', "percent", "people"
)
NOBODY = _figures(
    _("%(percent)s%% or more of at least %(people)s people, looked at over %(days)s days"),
    '{"percent": 80, "people": 10, "days": 180}', "percent", "people", "days",
)  # fmt: skip
BURST_OF_HOURS = _figures(
    _("%(days)s days compared with %(weeks)s weeks; unusual from %(z)s tenths of a robust deviation"),
    '{"z": 35, "days": 14, "weeks": 26}', "z", "days", "weeks",
)  # fmt: skip
PHONES = _figures(
    _("within %(minutes)s minutes, by somebody who used a phone of their own in the last %(days)s days"),
    '{"minutes": 10, "days": 180}', "minutes", "days",
)  # fmt: skip
AFTERWARDS = _figures(
    _("%(percent)s%% or more of at least %(people)s people"), '{"percent": 50, "people": 5}', "percent", "people"
)
HEALTH = _figures(
    _("of the last %(last)s decisions: looked at below %(review)s%%, only watched below %(demote)s%%; from %(least)s on"),
    '{"last": 50, "review": 50, "demote": 30, "least": 10}', "last", "review", "demote", "least",
)  # fmt: skip
POINTS = Shape("points", _count(1, 1000), lambda v: _now("%(n)s points") % {"n": v}, "5")
FORMULA = Shape(
    "formula",
    _check_formula,
    lambda v: _now("%(count)s ÷ %(of)s") % {"count": SETS[v["count"]], "of": SETS[v["of"]]},
    '{"count": "solved", "of": "answered_solved"}',
)


def _some_of(name: str, known: Mapping[str, Words], hint: str) -> Shape:
    """Some of a few things, each at most once."""

    def check(value: Value) -> None:
        if not (isinstance(value, list) and set(value) <= known.keys() and len(set(value)) == len(value)):
            raise BadValue(_now("a list of: %(names)s") % {"names": ", ".join(known)})

    return Shape(name, check, lambda v: pgettext("list", ", ").join(str(known[c]) for c in v) or _now("none"), hint)


CALLED: Final[Mapping[str, Words]] = {
    "urgent": pgettext_lazy("revisit", "urgent ones"),
    "redo": pgettext_lazy("revisit", "those done anew"),
    "protected": pgettext_lazy("revisit", "protected ones"),
    "complaint": pgettext_lazy("revisit", "complaints"),
}
REACHED_BY: Final[Mapping[str, Words]] = {
    "message": pgettext_lazy("revisit", "message"),
    "phone": pgettext_lazy("revisit", "phone"),
    "visit": pgettext_lazy("revisit", "visit"),
}


def _check_reached(value: Value) -> None:
    if not (
        isinstance(value, list)
        and all(isinstance(v, dict) and v.keys() == {"way", "hours"} and _whole(v["hours"], 0, 240) for v in value)
    ):
        raise BadValue(_now("a list of ways, each with the hours it is waited for"))
    ways = [v["way"] for v in value]
    if "phone" not in ways or not set(ways) <= REACHED_BY.keys() or len(set(ways)) != len(ways):
        raise BadValue(_now("each of %(names)s at most once, the phone among them") % {"names": ", ".join(REACHED_BY)})


def _check_week(value: Value) -> None:
    if not (
        isinstance(value, dict)
        and value.keys() == {"weekday", "hour"}
        and _whole(value["weekday"], 1, 7)
        and _whole(value["hour"], 0, 23)
    ):
        raise BadValue(_now("a weekday from 1 (Monday) to 7 and an hour from 0 to 23"))


CASES = _some_of("cases", CALLED, '["urgent", "redo", "protected"]')
CHANNELS = Shape(
    "channels",
    _check_reached,
    lambda v: pgettext("list", ", ").join(
        _now("%(way)s after %(n)s hours") % {"way": REACHED_BY[c["way"]], "n": c["hours"]} for c in v
    ),
    '[{"way": "message", "hours": 0}, {"way": "phone", "hours": 2}]',
)
WEEKLY = Shape(
    "weekly",
    _check_week,
    lambda v: _now("weekday %(day)s, %(hour)s:00") % {"day": v["weekday"], "hour": v["hour"]},
    '{"weekday": 1, "hour": 7}',
)

BODY: Final[Mapping[str, Words]] = {  # what a shift asks of a body; volunteering's conditions, by the same names
    "outdoor": pgettext_lazy("condition", "out of doors"),
    "heat": pgettext_lazy("condition", "great heat possible"),
    "night": pgettext_lazy("condition", "evening or night"),
    "heights": pgettext_lazy("condition", "ladders or heights"),
    "lifting": pgettext_lazy("condition", "heavy lifting"),
    "stairs": pgettext_lazy("condition", "climbing stairs"),
    "standing": pgettext_lazy("condition", "long standing"),
    "water": pgettext_lazy("condition", "at the water"),
}


def _check_season(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"months", "periods"} and isinstance(value["months"], list)):
        raise BadValue(_now("months as numbers and hours of the day"))
    if not all(_whole(month, 1, 12) for month in value["months"]):
        raise BadValue(_now("months as numbers and hours of the day"))
    _check_hours({"periods": value["periods"]})


SERVICE_FIELDS: Final[Mapping[str, Words]] = {  # volunteering's fields of service, by the same names
    "unity": pgettext_lazy("field", "Unity of ethnic groups"),
    "governance": pgettext_lazy("field", "Community governance"),
    "hardship": pgettext_lazy("field", "Help in hardship"),
    "emergency": pgettext_lazy("field", "Emergency and rescue"),
    "elders": pgettext_lazy("field", "Older people"),
    "children": pgettext_lazy("field", "Children and young people"),
    "disabled": pgettext_lazy("field", "People with disabilities"),
    "health": pgettext_lazy("field", "Health"),
    "law": pgettext_lazy("field", "Law and mediation"),
    "culture": pgettext_lazy("field", "Culture and sports"),
    "learning": pgettext_lazy("field", "Reading and science"),
    "nature": pgettext_lazy("field", "Environment"),
    "events": pgettext_lazy("field", "Events and order in the street"),
}


def _check_stars(value: Value) -> None:
    if not (isinstance(value, dict) and value.keys() == {"hours", "without"}):
        raise BadValue(_now("the hours of one to five stars, and the fields that do not count"))
    hours_of, without = value["hours"], value["without"]
    if not (
        isinstance(hours_of, list)
        and len(hours_of) == 5
        and all(_whole(n, 1, 100_000) for n in hours_of)
        and hours_of == sorted(set(hours_of))
        and isinstance(without, list)
        and set(without) <= SERVICE_FIELDS.keys()
    ):
        raise BadValue(_now("the hours of one to five stars, and the fields that do not count"))


def _say_stars(value: Value) -> str:
    said = _now("one to five stars from %(hours)s hours") % {"hours": " / ".join(str(n) for n in value["hours"])}
    fields = pgettext("list", ", ").join(str(SERVICE_FIELDS[f]) for f in value["without"])
    return said + (_now("; not counted: %(fields)s") % {"fields": fields} if fields else "")


def _check_rate(value: Value) -> None:
    if not (
        isinstance(value, dict)
        and "all" in value
        and value.keys() - {"all"} <= SERVICE_FIELDS.keys()
        and all(_whole(n, 0, 1000) for n in value.values())
    ):
        raise BadValue(_now("a percentage for all, and others for single fields of service"))


def _say_rate(value: Value) -> str:
    if not any(value.values()):
        return _now("nothing is stored: there is no time bank")
    said = _now("%(n)s minutes for each 100 served") % {"n": value["all"]}
    rest = [f"{SERVICE_FIELDS[f]} {n}" for f, n in value.items() if f != "all"]
    return said + ("（" + pgettext("list", ", ").join(rest) + "）" if rest else "")


STARS = Shape("stars", _check_stars, _say_stars, '{"hours": [100, 300, 600, 1000, 1500], "without": []}')
STORED = Shape("stored", _check_rate, _say_rate, '{"all": 100, "elders": 120}')
AGE = Shape("age", _count(1, 120), lambda v: _now("%(n)s years") % {"n": v}, "60")
CONDITIONS = _some_of("conditions", BODY, '["night", "heat"]')
SEASON = Shape(
    "season",
    _check_season,
    lambda v: (
        _now("months %(months)s, %(hours)s")
        % {"months": pgettext("list", ", ").join(str(m) for m in v["months"]), "hours": HOURS.say(v)}
    ),
    '{"months": [6, 7, 8], "periods": [["11:00", "16:00"]]}',
)

"""What a value of a rule looks like; and the shapes of stars and the time bank. heli/rulebook/keys.py has the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import pgettext, pgettext_lazy

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


def whole(value: Value, low: int = 0, high: int = 10**9) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


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
        and all(whole(n, 1, 100_000) for n in hours_of)
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
        and all(whole(n, 0, 1000) for n in value.values())
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

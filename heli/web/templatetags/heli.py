"""The components of the look: `{% load heli %}`. What each takes is documented in heli/web/parts.py.

Tags used once per row of a list write their HTML here; the larger ones have a template in web/parts/.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from django import forms, template
from django.forms.boundfield import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.core import words
from heli.core.errors import Forbidden, HeliError, NotFound
from heli.web.errors import PageTooOld, Unreadable

register = template.Library()

# in English the letters are numbers: the four stations are known by their names
LETTERS = (
    pgettext_lazy("station", "1"),
    pgettext_lazy("station", "2"),
    pgettext_lazy("station", "3"),
    pgettext_lazy("station", "4"),
)
STATIONS = (
    gettext_lazy("Heard"),
    gettext_lazy("Dispatched"),
    gettext_lazy("Handled"),
    gettext_lazy("Judged"),
)
STATES = frozenset({"", "doing", "you", "soon", "late", "back", "pause", "done"})
SPRITE = Path(__file__).parents[1] / "static" / "heli" / "icons.svg"


@lru_cache(maxsize=1)
def icon_names() -> frozenset[str]:
    """Names of all icons in the sprite."""
    return frozenset(re.findall(r'id="i-([a-z0-9]+)"', SPRITE.read_text()))


def _get(thing: Any, name: str, default: Any = "") -> Any:
    """An attribute or a key, as templates read it."""
    if isinstance(thing, dict):
        return thing.get(name, default)
    return getattr(thing, name, default)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite. Beside a word it is hidden from screen readers; alone it needs its `label`."""
    return _icon(name, str(label), static("heli/icons.svg"))


@lru_cache(maxsize=1000)
def _icon(name: str, label: str, sprite: str) -> SafeString:
    if name not in icon_names():
        raise ValueError(f"no icon {name!r} in heli/icons.svg")
    where = f"{sprite}#i-{name}"
    if label:
        return format_html('<svg class="h-i" role="img" aria-label="{}"><use href="{}"/></svg>', label, where)
    return format_html('<svg class="h-i" aria-hidden="true"><use href="{}"/></svg>', where)


# Where a request is --------------------------------------------------------------------------------------------------
@register.inclusion_tag("web/parts/loop.html")
def loop_line(
    stations: Sequence[Any], note: str = "", lap: str = "", on_paper: bool = False, label: str = ""
) -> dict[str, Any]:
    """The loop at the head of a page: four stations (Station).

    `lap`: "again" for a second round, "closed" only once the resident has judged.
    """
    rows = [
        {"letter": letter, "name": _get(s, "name"), "at": _get(s, "at"), "detail": _get(s, "detail")}
        for letter, s in zip(LETTERS, stations, strict=True)
    ]
    here = next((i for i, r in enumerate(rows) if r["at"] in {"now", "late"}), None)
    if not label and lap == "closed":
        label = _("The loop is closed: heard, dispatched, handled, judged")
    elif not label and here is not None:
        label = _("Station %(n)s of 4: %(name)s") % {"n": here + 1, "name": STATIONS[here]}
    return {"stations": rows, "here": here, "note": note, "lap": lap, "on_paper": on_paper, "label": label}


@register.simple_tag
def mini_loop(station: int, lap: int = 1, said: str = "", closed: bool = False) -> SafeString:
    """The loop in a row of a list: four dots and the station's word. `station` is 1-4."""
    station = min(max(int(station), 1), 4)
    dots = "".join(
        '<i class="on"></i>' if closed or n < station else '<i class="now"></i>' if n == station else "<i></i>"
        for n in range(1, 5)
    )
    if not said:
        name = pgettext("mini loop", "closed") if closed else str(_mini_word(station))
        said = _("%(name)s, round %(lap)s") % {"name": name, "lap": lap} if lap > 1 else name
    return format_html('<span class="h-mini">{}<em>{}</em></span>', mark_safe(dots), said)


_MINI = (
    pgettext_lazy("mini loop", "heard"),
    pgettext_lazy("mini loop", "dispatch"),
    pgettext_lazy("mini loop", "handling"),
    pgettext_lazy("mini loop", "judging"),
)


def _mini_word(station: int) -> Any:
    return _MINI[station - 1]


@register.simple_tag
def chip(state: str, said: Any) -> SafeString:
    """The state of a thing: a shape, a word of two to four characters, a colour."""
    return _chip(state, said if isinstance(said, str) else str(said))


@lru_cache(maxsize=4000, typed=True)  # typed: "<b>" from people and "<b>" marked safe are equal as texts
def _chip(state: str, said: str) -> SafeString:
    if state not in STATES:
        raise ValueError(f"no state {state!r} in the look")
    return format_html('<span class="h-st"{}>{}</span>', _state(state), said)


def _state(state: str) -> SafeString:
    return format_html(' data-s="{}"', state) if state else SafeString("")


@register.simple_tag
def quoted(code: str) -> str:
    """What a person tells the administrator: the error's code and the id of this request, as it stands in the logs."""
    asked = structlog.contextvars.get_contextvars().get("request_id", "")
    return f"{code} · {asked}" if asked else code


# Time ----------------------------------------------------------------------------------------------------------------
@register.simple_tag
def when(at: dt.datetime | dt.date | None, now: dt.datetime | None = None) -> SafeString | str:
    """A moment or a day in words, inside <time>; nothing for None."""
    if at is None:
        return ""
    now = now or timezone.now()
    if isinstance(at, dt.datetime):
        return format_html('<time datetime="{}">{}</time>', timezone.localtime(at).isoformat(), words.when(at, now))
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), words.day(at, now))


@register.simple_tag
def left(
    due: dt.datetime,
    now: dt.datetime | None = None,
    minutes: int | None = None,
    day_minutes: int = words.DAY,
    short: bool = False,
) -> SafeString:
    """Time left in words. `minutes` (working time left, from the calendar) wins over the natural difference.

    In the last hour the words count down in the page, if working and natural time run together until then.
    """
    now = now or timezone.now()
    natural = words.minutes_between(now, due)
    rest = natural if minutes is None else minutes
    said = (words.left_short if short else words.left)(rest, day_minutes=day_minutes)
    if 0 < rest <= 60 and abs(natural - rest) <= 1:
        return format_html('<span data-until="{}" data-said="{}">{}</span>', due.isoformat(), _countdown(short), said)
    return format_html("<span>{}</span>", said)


def _countdown(short: bool) -> str:
    """The words for N minutes left, with {n} for heli.js to fill."""
    return (words.left_short(59) if short else words.left(59)).replace("59", "{n}")


@register.inclusion_tag("web/parts/clock.html")
def clock(clock: Any) -> dict[str, Any]:
    """A deadline (ClockPart): name, time left in words, bar, due time, link to its rule."""
    percent = min(max(float(_get(clock, "percent", 0) or 0), 0), 100)
    until = _get(clock, "until", None)
    soon = until is not None and 0 < words.minutes_between(timezone.now(), until) <= 60
    return {
        "clock": clock,
        "bar": f"{percent:.0f}",
        "verified": _get(clock, "verified", True),
        "until": until if soon else None,
        "said": _countdown(False),
    }


# What happened, and why ----------------------------------------------------------------------------------------------
@register.inclusion_tag("web/parts/trail.html")
def trail(entries: Iterable[Any], now: dt.datetime | None = None) -> dict[str, Any]:
    """What happened (TrailEntry), newest first."""
    rows = [
        {
            "at": _get(e, "at", None),
            "title": _get(e, "title"),
            "words": _get(e, "words"),
            "letter": LETTERS[int(_get(e, "station", 0)) - 1] if _get(e, "station", 0) else "",
            "you": _get(e, "you", False),
            "public": _get(e, "public", None),
            "source_words": _get(e, "source_words"),
            "source_url": _get(e, "source_url"),
        }
        for e in entries
    ]
    return {"entries": rows, "now": now or timezone.now()}


@register.inclusion_tag("web/parts/why.html")
def why(reasons: Iterable[Any], open: bool = False, summary: str = "") -> dict[str, Any]:
    """The reasons (Reason) of a suggestion; open for dispatchers, closed for the public."""
    return {"reasons": list(reasons), "open": open, "summary": summary or _("Why this is suggested")}


# Numbers -------------------------------------------------------------------------------------------------------------
@register.inclusion_tag("web/parts/stat.html")
def stat(label: str, value: float, *, unit: str = "", url: str = "", go: str = "", state: str = "") -> dict[str, Any]:
    """A number that opens its rows; `unit` carries the denominator ("/ 在办 618 件"), `go` is the verb."""
    said = words.count(value)
    return {"label": label, "value": value, "said": said, "unit": unit, "url": url, "go": go, "state": state}


@register.inclusion_tag("web/parts/rate.html")
def rate(
    name: str,
    part: int,
    whole: int,
    *,
    goal: float | None = None,
    note: str = "",
    part_url: str = "",
    whole_url: str = "",
) -> dict[str, Any]:
    """A share against a goal (percent): bar, goal tick, `part / whole` items opening their rows, distance in items."""
    goal_words = ""
    if goal is not None and whole > 0:
        slots = {"goal": f"{goal:g}%"}
        missing = -int(-whole * goal // 100) - part
        if missing > 0:
            goal_words = _("goal %(goal)s, %(n)s short") % {**slots, "n": words.count(missing)}
        else:
            goal_words = _("past the goal of %(goal)s") % slots
    return {
        "name": name,
        "part": words.count(part),
        "whole": words.count(whole),
        "none": whole <= 0,
        "share": words.share(part, whole),
        "bar": f"{min(part / whole * 100, 100) if whole > 0 else 0:.0f}",
        "goal": f"{goal:.0f}" if goal is not None else "",
        "goal_words": goal_words,
        "note": note,
        "part_url": part_url,
        "whole_url": whole_url,
    }


@register.filter
def count(number: float | None) -> str:
    """1,342"""
    return "" if number is None else words.count(number)


@register.filter
def share(part: int, whole: int) -> str:
    """`part|share:whole` → 83.3%"""
    return words.share(part, whole)


@register.filter
def day(of: dt.date | dt.datetime | None) -> str:
    """11 月 18 日（周二）"""
    return "" if of is None else words.day(of, timezone.now())


@register.filter
def full_day(of: dt.date | dt.datetime | None) -> str:
    """The date and weekday, also of today."""
    return "" if of is None else words.full_day(of, timezone.now())


@register.filter
def due_by(at: dt.datetime | None) -> str:
    """24 日（周一）15:30 前"""
    return "" if at is None else words.due_by(at, timezone.now())


# Ways on -------------------------------------------------------------------------------------------------------------
@register.simple_tag
def crumbs(*pairs: Any) -> SafeString:
    """`{% crumbs words url words url words %}`: the way here; the last one is this page and needs no url."""
    steps = [(pairs[i], pairs[i + 1] if i + 1 < len(pairs) else "") for i in range(0, len(pairs), 2)]
    rows = format_html_join(
        "",
        "{}",
        (
            (format_html('<li><a href="{}">{}</a></li>', url, said),)
            if url
            else (format_html('<li aria-current="page">{}</li>', said),)
            for said, url in steps
        ),
    )
    return format_html('<nav aria-label="{}"><ol class="h-crumbs">{}</ol></nav>', _("The way here"), rows)


@register.inclusion_tag("web/pager.html", takes_context=True)
def pager(context: template.Context, page: Any, key: str = "after") -> dict[str, Any]:
    """Next and first page of a keyset Page, keeping the filters of the address."""
    request = context.get("request")
    kept = request.GET.copy() if request is not None else None
    if kept is None:
        return {"first": "", "next": ""}
    after = kept.pop(key, None)
    first = f"?{kept.urlencode()}" if after else ""
    following = _get(page, "next")
    if following:
        kept[key] = following
    return {"first": first, "next": f"?{kept.urlencode()}" if following else ""}


@register.inclusion_tag("web/parts/nav.html", takes_context=True)
def nav(context: template.Context) -> dict[str, Any]:
    """The top bar's links; a view may give `nav_counts`, a dict of route name → number."""
    counts = context.get("nav_counts") or {}
    items = [{"item": i, "count": counts.get(i["name"])} for i in context.get("nav") or ()]
    return {"items": items}


# Errors that Django itself answers --------------------------------------------------------------------------------
@register.simple_tag
def plain_error(kind: str) -> HeliError:
    """The error a page of Django's own stands for: missing, refused, unreadable, stale."""
    kinds: dict[str, type[HeliError]] = {
        "missing": NotFound,
        "refused": Forbidden,
        "unreadable": Unreadable,
        "stale": PageTooOld,
    }
    return kinds[kind]()


# Forms ---------------------------------------------------------------------------------------------------------------
_INPUT_CLASS = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, ""),
    (forms.CheckboxSelectMultiple, ""),
    (forms.Select, "form-select"),
)


@register.inclusion_tag("web/parts/form_errors.html")
def form_errors(form: forms.BaseForm | None) -> dict[str, Any]:
    """What is wrong with a form, at its head, each with a link to its field; takes the focus when the page opens."""
    rows: list[dict[str, Any]] = []
    if form is not None and form.is_bound:
        for name, errors in form.errors.items():
            bound = form[name] if name in form.fields else None
            label = bound.label if bound else ""
            rows += [{"id": bound.id_for_label if bound else "", "label": label, "words": e} for e in errors]
    return {"rows": rows}


@register.simple_tag
def options(pairs: Iterable[tuple[Any, Any]], chosen: Any = "") -> SafeString:
    """The <option>s of a select from (value, words), the chosen one selected. Written here: a list of all matters in a
    template costs more than the page around it."""
    chosen = str(chosen)
    made = (
        f'<option value="{escape(value)}"{" selected" if str(value) == chosen else ""}>{escape(said)}</option>'
        for value, said in pairs
    )
    return mark_safe("".join(made))


@register.inclusion_tag("web/form_field.html")
def field(
    field: BoundField, why: str = "", label: str = "", rows: int = 0, *, counter: bool = False, needed: bool = False
) -> dict[str, Any]:
    """A form field: label, "may be left empty" (not of what is `needed` later on), why we ask, the error beside it, all tied
    by aria-describedby."""
    widget = field.field.widget
    css = next((name for kind, name in _INPUT_CLASS if isinstance(widget, kind)), "form-control")
    attrs: dict[str, Any] = {"class": " ".join(c for c in (widget.attrs.get("class", ""), css) if c)}
    told = [
        f"{field.auto_id}_{part}"
        for part, there in (("error", field.errors), ("why", why), ("helptext", field.help_text))
        if there and field.auto_id
    ]
    if told:
        attrs["aria-describedby"] = " ".join(told)
    if field.errors:
        attrs["class"] += " is-invalid"
        attrs["aria-invalid"] = "true"
    if rows:
        attrs["rows"] = rows
    if counter and isinstance(field.field, forms.CharField) and field.field.max_length:
        attrs["data-counter"] = str(field.field.max_length)
    return {
        "field": field,
        "input": field.as_widget(attrs=attrs),
        "why": why,
        "label": label or field.label,
        "is_check": isinstance(widget, forms.CheckboxInput),
        "is_choice": isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple),
        "optional": not (field.field.required or needed) and not isinstance(widget, forms.CheckboxInput),
    }

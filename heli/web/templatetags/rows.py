"""Rows of lists: `{% load rows %}`. A row as a template costs about ten times what it does here, and a page has fifty."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from heli.web.templatetags.heli import chip, when

register = template.Library()

ROW = (
    '<tr{late}>\n<td class="main"><span><a href="{url}">{title}</a><span class="h-tiny fw-normal d-block">'
    '<span class="h-code">{code}</span>{matter}</span></span></td>\n'
    '<td data-label="{where}"><span>{place}</span></td>\n'
    '<td data-label="{state_word}"><span class="d-inline-flex flex-wrap gap-1">{state}{urgency}{again}</span></td>\n'
    '<td data-label="{unit_word}"{no_unit}><span>{unit}</span></td>\n'
    '<td data-label="{left_word}"{no_due}><span>{due}</span></td>\n'
    '<td data-label="{told_word}"><span class="h-sub">{told}</span></td></tr>'
)
NONE = SafeString(' class="none"')
NOTHING = SafeString("")


@register.simple_tag
def request_rows(rows: list[Any], now: dt.datetime) -> SafeString:
    """The lines of a list of requests (loop.queries.requests.RequestRow)."""
    words = {
        "where": _("Where"), "state_word": _("State"), "unit_word": _("Unit"), "left_word": _("Time left"),
        "told_word": _("Told"),
    }  # fmt: skip
    return SafeString("\n".join(_row(row, now, words) for row in rows))


def _row(row: Any, now: dt.datetime, words: dict[str, str]) -> SafeString:
    r = row.request
    again: SafeString = NOTHING
    if r.bounces:
        again = chip("back", _("back %(n)s×") % {"n": r.bounces})
    elif r.lap > 1:
        again = chip("you", _("round %(n)s") % {"n": r.lap})
    unit = r.unit.short_name if r.unit else ""
    return format_html(
        ROW,
        late=SafeString(' data-s="late"') if row.due[0] == "late" else NOTHING,
        url=reverse("loop:request", args=[r.code]),
        title=r.title,
        code=r.code,
        matter=f" · {row.matter}" if row.matter else "",
        place=row.place,
        state=chip(*row.state),
        urgency=chip(*row.urgency) if row.urgency else NOTHING,
        again=again,
        no_unit=NOTHING if r.unit else NONE,
        unit=unit or "–",
        no_due=NOTHING if row.due[1] else NONE,
        due=chip(*row.due) if row.due[1] else "–",
        told=when(r.heard_at, now),
        **words,
    )

"""How bookings are said."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.core import words
from heli.places.resources import OpenTo, Resource, ResourceKind

STATES = {
    "asked": ("", pgettext_lazy("booking", "waits for a yes")),
    "booked": ("done", pgettext_lazy("booking", "booked")),
    "refused": ("back", pgettext_lazy("booking", "refused")),
    "cancelled": ("pause", pgettext_lazy("booking", "cancelled")),
    "used": ("done", pgettext_lazy("booking", "was used")),
    "not_used": ("late", pgettext_lazy("booking", "nobody came")),
}
LENT_TO = {
    OpenTo.ALL: gettext_lazy("anybody with an account"),
    OpenTo.ORGS: gettext_lazy("organisations"),
    OpenTo.KEEPER: gettext_lazy("the organisation that keeps the place"),
}


def whom(open_to: str) -> str:
    """To whom it is lent."""
    return str(LENT_TO[OpenTo(open_to)])


def times(begin: dt.datetime, end: dt.datetime) -> str:
    """'9:00–11:00', '22:00–次日 1:00'."""
    same = timezone.localdate(begin) == timezone.localdate(end)
    last = "24:00" if not same and words.hour(end) == "0:00" else words.hour(end)
    past = "" if same or last == "24:00" else pgettext("hours", "next day ")
    return f"{words.hour(begin)}–{past}{last}"


def period_words(begin: dt.datetime, end: dt.datetime, now: dt.datetime) -> str:
    """'今天 15:00–17:00', '12 月 3 日（周四）9:00–11:00'."""
    return f"{words.day(begin, now)} {times(begin, end)}"


def amount_words(resource: Resource, amount: int, unit: int | None) -> str:
    """'12 件', '2 号', ''."""
    if resource.counted:
        return _("%(n)s pieces") % {"n": amount}
    return _("no. %(n)s") % {"n": unit} if resource.units > 1 and unit else ""


def size_words(resource: Resource) -> str:
    """'坐 40 人', '3 个一样的', '共 200 件'."""
    if resource.counted:
        return _("%(n)s in all") % {"n": resource.units}
    said = [_("seats %(n)s") % {"n": resource.seats}] if resource.seats else []
    if resource.units > 1:
        said.append(_("%(n)s of the same") % {"n": resource.units})
    return pgettext("list", ", ").join(said)


def kind_words(resource: Resource) -> str:
    """房间, 设备, 物资, 专家."""
    return str(ResourceKind(resource.kind).label)

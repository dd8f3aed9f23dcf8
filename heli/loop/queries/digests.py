"""Weekly digests as pages: which weeks there are, what a figure is called, and the rows behind it that the reader may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.loop.models import Request
from heli.loop.oversight_models import Digest, Order
from heli.loop.steps.digests import lines_of
from heli.places.models import Area

Words = str | Promise
# In the order of the page; each with the state of its number and what stands under it.
FIGURES: Mapping[str, tuple[Words, Words, str]] = {
    "received": (_("Came in"), _("requests"), ""),
    "on_time": (_("Answered on time"), _("requests"), "done"),
    "late_accept": (_("Late: taken on too late"), _("requests"), "late"),
    "late_contact": (_("Late: nobody called the resident"), _("requests"), "late"),
    "late_reply": (_("Late: answered too late or not yet"), _("requests"), "late"),
    "late_redo": (_("Late: done anew too late"), _("requests"), "late"),
    "returned": (_("Given back"), _("requests"), "back"),
    "redo": (_("Not solved for the resident"), _("requests"), "late"),
    "orders_open": (_("Orders to report on"), pgettext_lazy("count", "orders"), "soon"),
    "orders_late": (_("Orders overdue"), pgettext_lazy("count", "orders"), "late"),
}
FIRST = "first"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a digest with the page of its rows."""

    key: str
    label: Words
    unit: Words
    state: str
    n: int


def weeks(actor: Actor, *, after: str | None = None, size: int = 40) -> Page[Digest]:
    """Digests the actor may read, the last week first. One statement."""
    rows = Digest.objects.visible_to(actor).select_related("unit")
    return keyset(rows, order=("-week", "id"), after=after, size=size)


def names(digests: Any) -> dict[str, str]:
    """{area path: name}. One statement."""
    paths = {d.area_path for d in digests}
    return dict(Area.objects.filter(path__in=paths).values_list("path", "name"))


def one(actor: Actor, pk: int) -> Digest:
    """A digest; NotFound (L-404) for who may not read it. One statement."""
    found: Digest | None = Digest.objects.visible_to(actor).select_related("unit").filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def figures(digest: Digest) -> list[Figure]:
    """Every figure in the order of the page, with 0 where nothing was. Pure."""
    return [
        Figure(
            key,
            label,
            unit,
            state if digest.figures.get(key, {}).get("n") else "",
            digest.figures.get(key, {}).get("n", 0),
        )
        for key, (label, unit, state) in FIGURES.items()
    ]


def requests(actor: Actor, digest: Digest, key: str) -> QuerySet[Request]:
    """The requests behind a figure that the actor may see. One statement."""
    rows: QuerySet[Request] = Request.objects.visible_to(actor).filter(pk__in=lines_of(digest, key))
    return rows.select_related("area__parent", "unit")


def orders(actor: Actor, digest: Digest, key: str) -> QuerySet[Order]:
    """The orders behind a figure that the actor may see. One statement."""
    rows: QuerySet[Order] = Order.objects.visible_to(actor).filter(pk__in=lines_of(digest, key))
    return rows


def end_of(digest: Digest) -> dt.date:
    return digest.week + dt.timedelta(days=6)

"""Choosing units and areas inside a form: real radio buttons and checkboxes, found by name, initials or code.

With HTMX the options change while one types; without it the form's "Find" button shows them on the page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.orgs.models import Organisation
from heli.orgs.queries import search_orgs
from heli.places.models import Area

OPTIONS = 12


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that can be chosen."""

    value: str
    name: str
    detail: str = ""
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """What a picker shows: those chosen first, then what was found."""

    name: str
    typed: str
    options: list[Option] = field(default_factory=list)
    many: bool = False
    none: str = ""  # words of the option that chooses nothing

    @property
    def any_chosen(self) -> bool:
        return any(o.chosen for o in self.options)


def units(actor: Actor, cap: Cap, *, typed: str, chosen: str, at: dt.datetime, name: str, none: str = "") -> Choices:
    """Open units in the areas where the actor holds `cap`. Two statements at most."""
    picked = Organisation.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 18 else None
    options = [Option(str(picked.pk), picked.short_name, picked.name, True)] if picked else []
    if typed.strip():
        found = search_orgs(typed, within=actor.paths(cap), at=at, limit=OPTIONS)
        options += [Option(str(o.pk), o.short_name, o.name) for o in found if picked is None or o.pk != picked.pk]
    return Choices(name, typed, options, none=none)


def _area(area: Area, chosen: bool) -> Option:
    return Option(area.path, area.short_name, area.path, chosen)


def areas(actor: Actor, cap: Cap, *, typed: str, chosen: Iterable[str], name: str, many: bool) -> Choices:
    """Areas where the actor holds `cap`: the actor's own to begin with, others by name, initials or code.

    Two statements at most.
    """
    own, picked = actor.paths(cap), [c for c in chosen if c]
    offered = Area.objects.offered().inside(*own)
    rows = list(offered.filter(path__in=picked).order_by("path"))
    options = [_area(a, True) for a in rows]
    text = typed.strip()
    if text:
        found = offered.filter(
            Q(name__contains=text) | Q(short_name__contains=text) | Q(initials__startswith=text.lower()) | Q(path=text)
        )
    else:
        found = offered.filter(path__in=own)
    options += [_area(a, False) for a in found.exclude(path__in=picked).order_by("level", "path")[:OPTIONS]]
    return Choices(name, typed, options, many=many)

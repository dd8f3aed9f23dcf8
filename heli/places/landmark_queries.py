"""Names of places that were learned: those meant by what somebody types, and the list of those who keep areas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from heli.core.actor import Actor
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within as inside
from heli.engines.grams import folded
from heli.engines.text.landmarks import names, readings
from heli.places.landmarks import Landmark, LandmarkState
from heli.places.models import Area

COUNTY = 6  # digits of a county's path
SHORT = 12  # characters of a place that may still be being typed
LAST = "\U0010ffff"


# What somebody types --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Meant:
    """A name that was found in what somebody typed. `paths`: where it may lie; `people`: how many spoke of each;
    `certain`: a person confirmed it, and it stands there whole."""

    name: str
    area: Area | None  # null: a question between several
    paths: tuple[str, ...]
    people: tuple[int, ...]
    confirmed: bool
    certain: bool

    def why(self, path: str) -> str:
        """In words, why a place is offered."""
        if self.confirmed:
            return _("%(name)s lies here") % {"name": self.name}
        n = self.people[self.paths.index(path)]
        words = ngettext(
            "%(n)s person who spoke of %(name)s meant here", "%(n)s people who spoke of %(name)s meant here", n
        )
        return words % {"n": n, "name": self.name}

    @property
    def reason(self) -> str:
        return self.why(self.paths[0])


def meant(spot: str, text: str, roots: Sequence[str]) -> list[Meant]:
    """Learned names in an address or, where none is, in the words themselves, those that lie in one place first.

    An address of a few letters may be the beginning of a name, or its initials. At most one statement.
    """
    spot = folded(spot).strip()
    said = [t for t in (spot, folded(text)) if t]
    wanted = Q(name__in=set().union(*(readings(t) for t in said)))
    typed = spot if 2 <= len(spot) <= SHORT else ""
    if typed.isascii() and typed.isalnum():
        wanted |= Q(initials__gte=typed, initials__lt=typed + "~")
    elif typed:
        wanted |= Q(name__gte=typed, name__lt=typed + LAST)
    if not typed and wanted == Q(name__in=set()):
        return []
    county = inside("area_path", {p[:COUNTY] for p in roots})
    rows = Landmark.objects.exclude(state=LandmarkState.REFUSED).filter(county, wanted).select_related("area")
    known = list(rows.order_by("-seen", "id")[:50])
    for t in said:
        begun = typed if t is spot else ""
        here = [
            m for m in known if m.name in t or (begun and (m.name.startswith(begun) or m.initials.startswith(begun)))
        ]
        here = [m for m in here if not any(m.name != o.name and m.name in o.name and o.name in t for o in here)]
        if here:
            whole = {n.text for n in names(t)}
            return sorted((_meant(m, whole) for m in here), key=lambda m: (not m.certain, len(m.paths)))
    return []


def _meant(mark: Landmark, whole: Iterable[str]) -> Meant:
    confirmed = mark.state == LandmarkState.IN_USE
    paths = (mark.area.path,) if mark.area is not None else tuple(mark.candidates)
    people = (mark.counts[0],) if mark.area is not None else tuple(mark.counts)
    return Meant(mark.name, mark.area, paths, people, confirmed, confirmed and mark.name in whole)


def called(word: str, scope: tuple[str, ...], levels: Sequence[int] | None, limit: int) -> list[Area]:
    """Areas in which a confirmed name begins so, or has these initials. At most one statement."""
    word = folded(word).strip()
    if not word or word.isdecimal():
        return []
    begins = Q(name__gte=word, name__lt=word + LAST) | Q(initials__gte=word, initials__lt=word + "~")
    rows = Landmark.objects.filter(begins, state=LandmarkState.IN_USE).select_related("area")
    if scope:
        rows = rows.filter(inside("area__path", scope))
    if levels is not None:
        rows = rows.filter(area__level__in=levels)
    return list(dict.fromkeys(m.area for m in rows.order_by("-seen", "id")[:limit] if m.area is not None))


# The list of those who keep areas ---------------------------------------------------------------------------------------
def listed(actor: Actor, *, state: str, text: str) -> QuerySet[Landmark]:
    """Names of the actor's counties in a state ("" for all) with this in their name."""
    rows: QuerySet[Landmark] = Landmark.objects.visible_to(actor).select_related("area")
    if state:
        rows = rows.filter(state=state)
    return rows.filter(name__contains=folded(text.strip())) if text.strip() else rows


def page_of(actor: Actor, *, state: str, text: str, after: str | None) -> Page[Landmark]:
    """One page, those most people spoke of first. One statement."""
    return keyset(listed(actor, state=state, text=text), order=("-seen", "id"), after=after)


def one(actor: Actor, landmark_id: int) -> Landmark:
    """NotFound (L-404) for one of another county."""
    found: Landmark | None = Landmark.objects.visible_to(actor).select_related("area").filter(pk=landmark_id).first()
    if found is None:
        raise NotFound
    return found


def where(marks: Iterable[Landmark]) -> Mapping[int, list[tuple[Area, int]]]:
    """{id: [(area, people)]}, where each may lie. One statement."""
    marks = list(marks)
    rows = Area.objects.filter(path__in={p for m in marks for p in m.candidates})
    areas = {a.path: a for a in rows.select_related("parent")}
    return {m.pk: [(areas[p], n) for p, n in zip(m.candidates, m.counts, strict=True) if p in areas] for m in marks}

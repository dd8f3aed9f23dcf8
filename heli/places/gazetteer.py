"""Names of areas in memory, for reading addresses.

Provinces, cities and counties of the whole country are always there (about 3,300); townships and villages are read
county by county when a text or a scope asks for them, and the least recently used ones are forgotten. A token in the
database (AreaRevision) tells when what is here is stale.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import Q
from django.utils.functional import cached_property

from heli.core.scope import ancestors, within
from heli.places.models import Area, AreaCode, AreaName, AreaRevision, Kind, Scheme
from heli.places.names import forms, zone_forms

FRESH_SECONDS = 2.0  # how long another process's change may go unseen
KEPT_NAMES = 150_000  # names of townships and villages in memory, about 50 MB
COLUMNS = ("id", "path", "level", "kind", "name", "short_name")
WHOLE_PROVINCE = ("11", "12", "31", "46", "64")  # small enough to be read like a city


@dataclass(frozen=True, slots=True)
class Place:
    """An area as the dictionary knows it. `also` are paths it is or was known under by other authorities."""

    id: int
    path: str
    level: int
    kind: str
    name: str
    short_name: str
    also: tuple[str, ...] = ()

    def inside(self, path: str) -> bool:
        return self.path.startswith(path) or any(a.startswith(path) for a in self.also)

    @property
    def above(self) -> set[str]:
        """Paths of the areas above this one, by every authority."""
        return {a for path in (self.path, *self.also) for a in ancestors(path, itself=False)}

    def below(self, other: Place) -> bool:
        """Whether this is another place, inside `other`."""
        return self.path != other.path and (self.inside(other.path) or any(self.inside(a) for a in other.also))


@dataclass
class Book:
    """Names of one part of the country: text → (place, whether the text says what kind of place it is)."""

    places: dict[str, Place] = field(default_factory=dict)
    names: dict[str, list[tuple[Place, bool]]] = field(default_factory=lambda: defaultdict(list))
    heads: dict[str, int] = field(default_factory=dict)  # first two characters → longest name that begins so

    def add(self, place: Place, *others: str, local: bool = False) -> None:
        """Enter a place under every form of its name; `local` adds forms that only make sense near it (开发区)."""
        self.places[place.path] = place
        strong, weak = forms(place.name, place.level)
        for other in others:
            more, bare = forms(other, place.level)
            strong, weak = strong | more | {other}, weak | bare
        if place.kind == Kind.FUNCTIONAL and place.level == 3:
            strong |= zone_forms(place.name, local=local)
        for text, sure in [*((t, True) for t in strong), *((t, False) for t in weak - strong)]:
            entries = self.names.setdefault(text, [])
            if all(p.path != place.path for p, _ in entries):
                entries.append((place, sure))
            head = text[:2]
            self.heads[head] = max(self.heads.get(head, 0), len(text))

    def longest(self, text: str, at: int) -> Iterable[tuple[int, list[tuple[Place, bool]]]]:
        """Names that begin at a position, longest first: (end, entries)."""
        for n in range(min(self.heads.get(text[at : at + 2], 0), len(text) - at), 1, -1):
            if entries := self.names.get(text[at : at + n]):
                yield at + n, entries


class Gazetteer:
    """One reading of the tree of areas; thread-safe for look-ups."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._counties: OrderedDict[str, Book] = OrderedDict()
        self._local: dict[str, Book] = {}
        self._lock = threading.Lock()

    @cached_property
    def top(self) -> Book:
        """Provinces, cities and counties. Two statements."""
        book = Book()
        others = _others(Q(area__level__lte=3))
        for row in Area.objects.offered().filter(level__lte=3).order_by("path").values_list(*COLUMNS):
            book.add(Place(*row), *others.get(row[0], ()))
        return book

    @cached_property
    def foreign(self) -> dict[str, list[tuple[str, str]]]:
        """Areas that another authority counts to another county: county → [(path here, path there)]. One statement."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        codes = AreaCode.objects.filter(scheme__in=[Scheme.FORMAL, Scheme.PATH], area__level__gte=4)
        for code, path in codes.values_list("code", "area__path"):
            if code[:6] != path[:6]:
                found[code[:6]].append((path, code))
        return found

    def counties_of(self, paths: Iterable[str]) -> list[str]:
        """Paths of the counties in and around `paths` (those of a province that is not small: none)."""
        found: set[str] = set()
        for p in paths:
            if len(p) >= 6:
                found.add(p[:6])
            elif len(p) == 4 or p in WHOLE_PROVINCE:
                found |= {q for q, place in self.top.places.items() if place.level == 3 and q.startswith(p)}
                if len(p) == 4:
                    found.add(p + "00")  # cities without counties: the level is a placeholder
        return sorted(found)

    def books(self, counties: Iterable[str]) -> list[Book]:
        """Books of the counties, reading the missing ones in one go (two statements)."""
        wanted = list(dict.fromkeys(counties))
        with self._lock:
            if missing := [c for c in wanted if c not in self._counties]:
                self._counties |= self._read(missing)
            for c in wanted:
                self._counties.move_to_end(c)
            found = [self._counties[c] for c in wanted]
            size = sum(len(b.names) for b in self._counties.values())
            while size > KEPT_NAMES and len(self._counties) > len(wanted):
                size -= len(self._counties.popitem(last=False)[1].names)
        return found

    def _read(self, counties: list[str]) -> dict[str, Book]:
        books = {c: Book() for c in counties}
        guests = [(c, here, there) for c in counties for here, there in self.foreign.get(c, ())]
        inside = within("path", [*counties, *(here for _c, here, _t in guests)])
        others = _others(within("area__path", counties) & Q(area__level__gt=3))
        rows = Area.objects.offered().filter(inside, level__gt=3, level__lte=5).order_by("path")
        for row in rows.values_list(*COLUMNS):
            place = Place(*row)
            if home := books.get(place.path[:6]):
                home.add(place, *others.get(place.id, ()))
            for county, here, there in guests:
                if place.path.startswith(here):
                    books[county].add(
                        replace(place, also=(there + place.path[len(here) :],)), *others.get(place.id, ())
                    )
        return books

    def local(self, city: str) -> Book:
        """Zones of a city under the names only its own people would use (开发区, 高新区)."""
        if city in self._local:
            return self._local[city]
        book = self._local[city] = Book()
        for path, place in self.top.places.items():
            if place.kind == Kind.FUNCTIONAL and path.startswith(city):
                book.add(place, local=True)
        return book

    def full_names(self, places: Sequence[Place]) -> tuple[str, ...]:
        """烟台市 › 芝罘区 › 毓璜顶街道 › 大海阳社区 of each. At most one statement: for townships not in memory."""
        known = {p.path: p for p in places}
        for path in {a for p in places for a in ancestors(p.path, itself=False)} - known.keys():
            county = self._counties.get(path[:6])
            if found := self.top.places.get(path) or (county.places.get(path) if county else None):
                known[path] = found
        if missing := {a for p in places for a in ancestors(p.path, itself=False) if len(a) > 6} - known.keys():
            rows = Area.objects.offered().filter(path__in=missing).values_list(*COLUMNS)
            known |= {row[1]: Place(*row) for row in rows}
        return tuple(chain(known[a] for a in ancestors(p.path) if a in known) for p in places)


def chain(places: Iterable[Place | Area]) -> str:
    """The names of places from above down as one: from the city down where there is one, else from the province."""
    line = list(places)
    shown = [p for p in line if p.level > 1 or not any(q.level == 2 for q in line)]
    return " › ".join(p.short_name if p.level >= 5 else p.name for p in shown)


def _others(where: Q) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for area_id, name in AreaName.objects.filter(where).values_list("area_id", "name"):
        found[area_id].append(name)
    return found


_held: Gazetteer | None = None
_asked = 0.0


def current() -> Gazetteer:
    """The dictionary as the tree is now. One statement, at most every FRESH_SECONDS."""
    global _held, _asked  # noqa: PLW0603  (one dictionary a process)
    now = time.monotonic()
    if _held is not None and now - _asked < FRESH_SECONDS:
        return _held
    token = str(AreaRevision.objects.values_list("token", flat=True).first() or "")
    if _held is None or _held.token != token:
        _held = Gazetteer(token)
    _asked = now
    return _held


def forget() -> None:
    """Read everything anew at the next question."""
    global _held  # noqa: PLW0603
    _held = None

"""Reading the tree of areas: by path or number, upwards, downwards, by what somebody types, out of an address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When
from django.db.models.functions import Length

from heli.core import scope as ranges
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.scope import ancestors
from heli.engines import identifiers
from heli.places import addresses, gazetteer
from heli.places.addresses import Resolution as Resolution
from heli.places.models import Area, AreaChange, AreaCode, AreaName, AreaQuerySet, Change, Kind, Scheme
from heli.places.names import fold, unpadded

LAST = "\U0010ffff"  # sorts after every name under the C collation
RARE = 4  # a scope of at least so many digits (a city) is small enough to look inside names


def by_path(path: str) -> Area:
    """The area at a path, ended ones included; NotFound (L-404) when there is none. One statement."""
    area = Area.objects.filter(path=path).first()
    if area is None:
        raise NotFound
    return area


def by_code(code: str) -> list[Area]:
    """Areas a number leads to, the one it names today first: 2 to 12 digits, padded or not, former and zone codes too.

    At most three statements.
    """
    path = unpadded(code)
    if not path:
        return list(Area.objects.filter(codes__code=identifiers.fold(code), codes__scheme=Scheme.OWN)[:8])
    found = list(Area.objects.filter(path=path))
    seen = {a.pk for a in found}
    found += list(Area.objects.filter(codes__code=path).exclude(pk__in=seen).order_by("path").distinct()[:8])
    if not found and (now := _after_moves(path)):
        found = list(Area.objects.filter(path=now))
    return found


def _after_moves(path: str) -> str:
    """Where an area that was at `path` lies after the moves of what is above it; '' when nothing above moved."""
    moves = AreaChange.objects.filter(kind=Change.MOVED, old_path__in=ancestors(path)).order_by("id")
    now = path
    for old, new in moves.values_list("old_path", "new_path"):
        if now.startswith(old):
            now = new + now[len(old) :]
    return "" if now == path else now


def children(area: Area, *, ended: bool = False) -> AreaQuerySet:
    """Areas directly below, by path; with `ended` also those no longer in force."""
    found: AreaQuerySet = Area.objects.filter(parent=area).order_by("path")
    return found if ended else found.open()


def roots(actor: Actor) -> AreaQuerySet:
    """Where the actor manages areas: the tops of their scopes."""
    paths = actor.paths(Cap.MANAGE_AREAS)
    found: AreaQuerySet = Area.objects.filter(level=1) if paths == ("",) else Area.objects.filter(path__in=paths)
    return found.order_by("path")


def managed(actor: Actor, path: str) -> Area:
    """The area, if the actor manages areas there; otherwise NotFound (L-404), as if it did not exist."""
    if not actor.can(Cap.MANAGE_AREAS, path=path):
        raise NotFound
    return by_path(path)


def ancestors_of(area: Area) -> list[Area]:
    """The areas above, province first, placeholder levels included. One statement."""
    return list(Area.objects.filter(path__in=ancestors(area.path, itself=False)).order_by(Length("path")))


def full_names(areas: Iterable[Area], *, below: str = "") -> dict[str, str]:
    """Path → '烟台市 › 芝罘区 › 毓璜顶街道 › 大海阳社区'; without what lies above `below`. One statement for all."""
    areas = list(areas)
    wanted = {p for a in areas for p in ancestors(a.path) if len(p) >= len(below)}
    known = {a.path: a for a in Area.objects.filter(path__in=wanted).exclude(kind=Kind.PLACEHOLDER)} if wanted else {}
    return {a.path: gazetteer.chain(known[p] for p in ancestors(a.path) if p in known) for a in areas}


def paths_ever(*paths: str) -> tuple[str, ...]:
    """The paths with those under which their areas were known before moves: to find old events by area. One statement."""
    found = set(paths)
    moves = AreaChange.objects.filter(kind=Change.MOVED).order_by("-id").values_list("old_path", "new_path")
    for old, new in moves:
        found |= {old + p[len(new) :] for p in found if p.startswith(new)}
        if any(new.startswith(p) for p in found):
            found.add(old)
    return tuple(sorted(found))


def changes(area: Area) -> list[AreaChange]:
    """What happened to the area, newest first; moves of what is above it included. One statement."""
    rows = AreaChange.objects.filter(Q(area=area) | Q(kind=Change.MOVED, new_path__in=ancestors(area.path)))
    return list(rows.select_related("area").order_by("-id")[:50])


# What somebody types --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Hit:
    """One area found, with its name from the city down."""

    area: Area
    full_name: str

    @property
    def title(self) -> str:
        """幸福街道, 大海阳社区: as it is called in speech."""
        return self.area.short_name if self.area.level >= 5 else self.area.name

    @property
    def path(self) -> str:
        return self.area.path

    @property
    def name(self) -> str:
        return self.area.name

    @property
    def level(self) -> int:
        return self.area.level

    @property
    def kind(self) -> str:
        return self.area.kind


def search(
    text: str, *, within: tuple[str, ...] = (), levels: Sequence[int] | None = None, limit: int = 20
) -> list[Hit]:
    """Areas by name (福学, 大海阳社区), pinyin initials (zf, dhysq) or number (370602, with padding, a former one).

    `within` keeps to these areas; `levels` to these levels. Exact names first, then those that begin so, larger areas before smaller ones.
    Placeholder levels, virtual communities and ended areas are not offered. Several words narrow down: "芝罘 大海阳".

    Cost: two to four statements, each a few short index ranges. A word inside a name is found only in scopes from a
    city down, where the range of the scope is read; in the whole country a name must begin with what is typed.
    """
    words = fold(text).split()
    if not words:
        return []
    *places, word = words
    scope = within
    if places:
        read = addresses.resolve("".join(places), within=within or None)
        scope = tuple(p.path for p in ([read.area] if read.area else read.candidates)) or within
    found = _find(word, scope, levels, limit)
    if not found and len(word) >= 4 and not word.isascii():  # 芝罘区大海阳社区, written in one
        read = addresses.resolve("".join(words), within=within or None)
        places_found = [read.area] if read.area else list(read.candidates)
        order = [p.id for p in places_found if levels is None or p.level in levels]
        by_id = Area.objects.in_bulk(order)
        found = [by_id[i] for i in order if i in by_id][:limit]
    return hits(found)


def hits(areas: Sequence[Area]) -> list[Hit]:
    """Areas as they are offered. One statement."""
    names = full_names(areas)
    return [Hit(a, names[a.path]) for a in areas]


def _find(word: str, scope: tuple[str, ...], levels: Sequence[int] | None, limit: int) -> list[Area]:
    offered = Area.objects.offered()
    if scope:
        offered = offered.filter(ranges.within("path", scope))
    if levels is not None:
        offered = offered.filter(level__in=levels)
    if word.isdecimal():
        return _by_number(offered, word, limit)
    if word.isascii() and word.isalnum():
        return _by_prefix(offered, "initials", word.lower(), levels, limit)
    known = offered.filter(pk__in=_ids(AreaName.objects.filter(name__gte=word, name__lt=word + LAST)))[:limit]
    if scope and all(len(p) >= RARE for p in scope):
        found = _inside_names(offered, word, limit)
    else:
        found = _by_prefix(offered, "short_name", word, levels, limit)
    return _ranked([*known, *found], word, limit)


def _ids(rows: Any) -> list[int]:
    return list(rows.values_list("area", flat=True)[:50])


def _by_number(offered: AreaQuerySet, word: str, limit: int) -> list[Area]:
    path = unpadded(word) or word
    other = _ids(AreaCode.objects.filter(code=path))
    found = offered.filter(path__gte=path, path__lt=path + "~").order_by("path")[:limit]
    exact = [*(a for a in found if a.path == path), *offered.filter(pk__in=other).order_by("path")]
    return list(dict.fromkeys([*exact, *found]))[:limit]


def _inside_names(offered: AreaQuerySet, word: str, limit: int) -> list[Area]:
    """Names that hold the word, by reading the range of the scope (a city has at most some 12,000 areas)."""
    place = Case(
        When(Q(short_name=word) | Q(name=word), then=Value(0)),
        When(short_name__startswith=word, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return list(offered.filter(name__contains=word).order_by(place, "level", "path")[:limit])


def _by_prefix(offered: AreaQuerySet, column: str, word: str, levels: Sequence[int] | None, limit: int) -> list[Area]:
    """Names that begin with the word: one short range of the index (level, column) for each level, in one statement.

    Under the C collation the name itself comes before longer ones, so a limit never cuts it off.
    """
    begins = offered.filter(**{f"{column}__gte": word, f"{column}__lt": word + LAST})
    parts = [begins.filter(level=n).order_by(column)[:limit] for n in levels or range(1, 7)]
    return _ranked(parts[0].union(*parts[1:], all=True), word, limit)


def _ranked(found: Iterable[Area], word: str, limit: int) -> list[Area]:
    """Exact names first, then those that begin so, then larger areas, then shorter names."""

    def key(a: Area) -> tuple[bool, bool, int, int, str]:
        exact = word in {a.short_name, a.name, a.initials}
        return (not exact, not a.short_name.startswith(word), a.level, len(a.name), a.path)

    return sorted(dict.fromkeys(found), key=key)[:limit]


def resolve(text: str, *, within: str | tuple[str, ...] | None = None) -> Resolution:
    """The area an address or a sentence speaks of, and the rest of the text; see addresses.resolve."""
    return addresses.resolve(text, within=within)

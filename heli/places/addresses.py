"""Reading an address: which area does it name, and what is left of the text?

A walk over the dictionary of names. Levels may be skipped (芝罘区大海阳社区), kinds left out (烟台芝罘毓璜顶), former
and short names used (长岛县, 伊旗). The same reading finds a community named in the middle of a complaint. When two
areas fit, or two are named, it asks instead of guessing: `area` is None and `candidates` holds them.

A name that says its kind (大海阳社区, 芝罘区) counts anywhere; a bare one (大海阳, 芝罘) only where an address could
begin or go on, and never when it is part of something longer (毓璜顶医院, 海港路).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.core.scope import covers
from heli.core.scope import within as inside_of
from heli.places import gazetteer
from heli.places.gazetteer import COLUMNS, WHOLE_PROVINCE, Book, Gazetteer, Place
from heli.places.models import Area
from heli.places.names import TAIL, fold, stem, unpadded

LONGEST_TEXT = 600  # characters read; an address stands near the beginning
OFFERED = 8  # candidates at most
MOST_COUNTIES = 60  # read for one text: a province without a city named is too much to read
MOST_ROWS = 200
BREAK = re.compile(r"[\s，。、；：！？,.;:!?（）()《》“”\"'\[\]【】/|—\-~～]")
BEFORE = re.compile(r"[在住到于往去从由是给向和与及的我们您你家]$")  # an address may begin after these
AFTER = re.compile(r"[\s，。、；：！？,.;:!?（）()0-9０-９A-Za-z#的内里有到去附]|$")  # and a bare name end before these
ROAD = re.compile("(路|街|巷|道|胡同|弄|号)$")  # a bare name like this is a road as likely as a community
GENERIC = {"城区", "郊区", "矿区", "市中区", "新区", "开发区", "高新区", "经开区", "经济开发区", "高新开发区"}
KIND = re.compile("街道|社区|苏木|嘎查|居委会|[镇乡村]")


LOOSE = " ，。、；：,.;:·-—|/\t\n"


class Why(StrEnum):
    """Why the reading ended as it did."""

    FOUND = "found"
    NOTHING = "nothing"  # no area is named
    SEVERAL = "several"  # areas of the same name fit
    CONFLICT = "conflict"  # areas are named that do not lie in one another
    OUTSIDE = "outside"  # the area named lies outside the scope asked for

    @property
    def sentence(self) -> str | Promise:
        return _SENTENCES[self]


_SENTENCES: dict[Why, Promise] = {
    Why.FOUND: _("This is the place named."),
    Why.NOTHING: _("No area is named here."),
    Why.SEVERAL: _("Several areas are called that. Which one is meant?"),
    Why.CONFLICT: _("Several places are named. Which one is meant?"),
    Why.OUTSIDE: _("The place named lies elsewhere."),
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a text names. `rest` is the text without the names; `spans` say where in the text they stood."""

    area: Place | None
    rest: str
    candidates: tuple[Place, ...] = ()
    why: Why = Why.NOTHING
    spans: tuple[tuple[int, int], ...] = ()
    full_name: str = ""
    full_names: tuple[str, ...] = field(default=())  # of the candidates


@dataclass(slots=True)
class Match:
    """A name found in the text: where, and which places are called so (True: the name says what kind of place)."""

    start: int
    end: int
    places: list[tuple[Place, bool]]

    @property
    def size(self) -> int:
        return self.end - self.start

    def overlaps(self, other: Match) -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: Match) -> bool:
        return self is not other and self.start <= other.start and other.end <= self.end and self.size > other.size


def resolve(text: str, *, within: str | Iterable[str] | None = None) -> Resolution:
    """Read a text. `within` (path or paths) keeps to what lies there; names of what is above it are understood.

    Cost: at most one statement when the names needed are in memory; otherwise two more to read counties, or one to
    look for a community in a whole province.
    """
    known = gazetteer.current()
    scope = (within,) if isinstance(within, str) else tuple(within or ())
    read = fold(text[:LONGEST_TEXT])
    if (typed := read.strip()).isdecimal() and len(typed) >= 6:
        return _by_code(known, unpadded(typed), scope)
    top = _standing(read, _whole(_matches(read, [known.top])), scope)
    books = _books(known, top, scope)
    matches = _matches(read, [known.top, *books])
    if not books:
        matches += _lookup(read, top, scope)
    return _choose(known, text, read, _standing(read, _whole(matches), scope), scope)


def _by_code(known: Gazetteer, code: str, scope: tuple[str, ...]) -> Resolution:
    named = Area.objects.offered().filter(path=code).union(Area.objects.offered().filter(codes__code=code))
    found = [Place(*row) for row in named.values_list(*COLUMNS)[:OFFERED]]
    inside = [p for p in found if not scope or covers(scope, p.path)]
    return _answer(known, inside, Why.SEVERAL if inside else Why.OUTSIDE if found else Why.NOTHING, "", ())


# Finding names ----------------------------------------------------------------------------------------------------------
def _matches(text: str, books: list[Book]) -> list[Match]:
    """Every name in the text, with what may follow it (居委会, 办事处)."""
    found: dict[tuple[int, int], Match] = {}
    for at in range(len(text) - 1):
        for book in books:
            for end, entries in book.longest(text, at):
                for place, sure in entries:
                    tail = TAIL[place.level].match(text, end) if place.level in TAIL else None
                    stop = tail.end() if tail else end
                    match = found.setdefault((at, stop), Match(at, stop, []))
                    if all(p.path != place.path for p, _ in match.places):
                        match.places.append((place, sure or tail is not None))
    return list(found.values())


def _whole(matches: list[Match]) -> list[Match]:
    """Without names that are only part of a longer one, unless the longer one cuts another: 济南|市中区, not 济南市|中区."""
    return [
        m
        for m in matches
        if not any(
            longer.holds(m) and not any(n.start == m.end and n.end > longer.end and n.overlaps(longer) for n in matches)
            for longer in matches
        )
    ]


def _standing(text: str, matches: list[Match], scope: tuple[str, ...]) -> list[Match]:
    """Names that can be meant where they stand."""
    ends = {m.end for m in matches}
    starts = {m.start for m in matches}
    kept = []
    for m in matches:
        head = text[max(0, m.start - 1) : m.start]
        opens = m.start == 0 or BREAK.match(head) is not None
        begins = opens or m.start in ends or BEFORE.search(head) is not None
        closes = m.end in starts or AFTER.match(text, m.end) is not None
        name = text[m.start : m.end]
        places = []
        for place, sure in m.places:
            if name in GENERIC:
                fits = m.start in ends or (begins and any(len(p) >= 4 for p in scope))
            elif sure:
                fits = begins or len(name) >= (5 if name.endswith("村") else 4 if place.level > 3 else 3)
                fits = fits and not (name.endswith("区") and text[m.end : m.end + 1] in {"域", "别", "间", "分", "块"})
            elif place.level > 3:
                fits = closes and not ROAD.search(name) and (m.start == 0 or m.start in ends)
            else:
                fits = begins and closes
            if fits:
                places.append((place, sure))
        if places:
            kept.append(Match(m.start, m.end, places))
    return kept


def _books(known: Gazetteer, top: list[Match], scope: tuple[str, ...]) -> list[Book]:
    """Books of the counties in which the text may name a township or village."""
    named = [p for m in top for p, _sure in m.places if _related(p, scope)]
    counties = [p.path for p in named if p.level == 3]
    cities = {p.path for p in named if p.level == 2 or p.path in WHOLE_PROVINCE}
    wide = [c for c in cities if not any(county.startswith(c) for county in counties)]
    narrow = [p for p in scope if len(p) > 4] or scope
    wanted = dict.fromkeys([*known.counties_of(narrow), *counties, *known.counties_of(wide)])
    if scope:
        wanted = dict.fromkeys(c for c in wanted if covers(scope, c) or any(p.startswith(c) for p in scope))
    some = list(wanted)[:MOST_COUNTIES]
    return [*known.books(some), *(known.local(c) for c in sorted({c[:4] for c in some}))]


def _related(place: Place, scope: tuple[str, ...]) -> bool:
    """Whether the place lies in the scope, or the scope in it."""
    return not scope or any(place.inside(p) or p.startswith(place.path) for p in scope)


def _lookup(text: str, top: list[Match], scope: tuple[str, ...]) -> list[Match]:
    """Townships and villages anywhere in a province or the country, by the words that say their kind. One statement."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for found in KIND.finditer(text):
        for start in range(found.end() - 2, max(-1, found.end() - 13), -1):
            if BREAK.match(text[start]):
                break
            spans.setdefault(text[start : found.end()], []).append((start, found.end()))
    if not spans:
        return []
    around = scope or [p.path for m in top for p, _sure in m.places]
    townships = [stem(name, 4) for name in spans]
    rows = Area.objects.offered().filter(
        Q(level=5, short_name__in=list(spans)) | Q(level=4, short_name__in=townships, name__in=list(spans))
    )
    if around:
        rows = rows.filter(inside_of("path", around))
    matches: dict[tuple[int, int], Match] = {}
    for row in rows.order_by("path").values_list(*COLUMNS)[:MOST_ROWS]:
        place = Place(*row)
        for span in spans.get(place.name if place.level == 4 else place.short_name, ()):
            matches.setdefault(span, Match(*span, [])).places.append((place, True))
    return list(matches.values())


# Choosing ---------------------------------------------------------------------------------------------------------------
def _choose(known: Gazetteer, text: str, read: str, matches: list[Match], scope: tuple[str, ...]) -> Resolution:
    """The place that explains most of the names; a question when several do, or when a name contradicts it."""
    pairs = [(m, p) for m in matches for p, _sure in m.places if _related(p, scope)]
    weighed = []
    for m, p in pairs:
        if not scope or any(p.inside(s) for s in scope):
            used = _supports(m, p, matches)
            weighed.append((sum(u.size for u in used), m, p, used))
    if not weighed:
        outside = any(sure and _clear(read, m) for m in matches for p, sure in m.places if not _related(p, scope))
        return _answer(known, [], Why.OUTSIDE if outside else Why.NOTHING, text, ())
    most = max(w[0] for w in weighed)
    best = {p.path: (m, p, used) for size, m, p, used in weighed if size == most}
    best = {path: b for path, b in best.items() if not best.keys() & b[1].above}  # the larger of two of one name
    places = [p for _m, p, _used in best.values()]
    used = [u for _m, _p, us in best.values() for u in us]
    if len(best) > 1:
        why = Why.SEVERAL if len({m.start for m, _p, _u in best.values()}) == 1 else Why.CONFLICT
        return _answer(known, places, why, text, used)
    against = _against(read, places[0], used, matches, scope)
    if against is None:
        return _answer(known, places, Why.FOUND, text, used)
    return _answer(known, [*places, *against], Why.CONFLICT, text, used)


def _supports(match: Match, place: Place, matches: list[Match]) -> list[Match]:
    """The match with those that name the same place or one above it, none twice."""
    used = [match]
    for m in sorted(matches, key=lambda m: (-m.size, m.start)):
        if not any(m.overlaps(u) for u in used) and any(place.path == p.path or place.below(p) for p, _ in m.places):
            used.append(m)
    return used


def _clear(text: str, m: Match) -> bool:
    """Whether the name begins where an address could."""
    return m.start == 0 or BREAK.match(text[m.start - 1]) is not None or BEFORE.search(text[m.start - 1]) is not None


def _against(
    text: str, place: Place, used: list[Match], matches: list[Match], scope: tuple[str, ...]
) -> list[Place] | None:
    """Places named beside `place` that do not lie on its line; None when there are none.

    A place outside the scope counts only where it comes first, as the head of an address.
    """
    found: list[Place] = []
    contradicted = False
    for m in matches:
        if any(m.overlaps(u) for u in used):
            continue
        sure = [p for p, certain in m.places if certain]
        if not sure or any(p.below(place) or place.below(p) or p.path == place.path for p in sure):
            continue
        here = [p for p in sure if not scope or any(p.inside(s) for s in scope)]
        if here:
            found += here
        elif not (m.start < min(u.start for u in used) and _clear(text, m)):
            continue
        contradicted = True
    return found if contradicted else None


def _answer(known: Gazetteer, places: list[Place], why: Why, text: str, used: Iterable[Match]) -> Resolution:
    unique = list({p.path: p for p in places}.values())[:OFFERED]
    names = known.full_names(unique)
    if len(unique) == 1 and why in {Why.FOUND, Why.SEVERAL}:
        rest, spans = _rest(text, used)
        return Resolution(unique[0], rest, (), Why.FOUND, spans, names[0])
    return Resolution(None, text.strip(), tuple(unique), why, (), full_names=names)


def _rest(text: str, used: Iterable[Match]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text without the names, and where they stood; separators between two names go with them."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted((u.start, u.end) for u in used):
        if spans and all(BREAK.match(c) for c in text[spans[-1][1] : start]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    left = "".join([*kept, text[at:]]).strip(LOOSE).lstrip("）)】]").rstrip("（(【[").strip(LOOSE)
    return left.removeprefix("中国"), tuple(spans)

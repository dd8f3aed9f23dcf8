"""Which numbers of a published table are kept back, so that no small one can be worked out from the others.

A number from one to four is small: it may let somebody be recognised. Keeping back the small ones alone is not enough
where the total is told, because one that is missing is the total less the others; so more are kept back until every
missing number could still be at least `ENOUGH` different ones (or as many as there can be). Which of them is the small
one is not said. Zero is told: that nothing came in recognises nobody.

Source of the method: complementary cell suppression, Hundepool et al., *Statistical Disclosure Control* (Wiley 2012),
ch. 4; the threshold and the greedy choice of the next smallest cell are this software's own.

What it does not do: numbers of different days or spans of one area can be subtracted from each other, and whoever knows
some of the requests from elsewhere can subtract those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from heli.core.scope import LENGTHS, ancestors

ENOUGH = 5
Sizes = dict[str, int]
Shares = Mapping[str, tuple[int, int]]  # {row: (part, whole)}

# The sets that a set lies in: where one of these is not told, it could be bounded by what lies in it. Others: "counted".
WITHIN: Mapping[str, tuple[str, ...]] = {
    "counted": (), "open": (), "excluded": (), "overdue": ("open",),
    "answered_contacted": ("counted", "judged", "answered_satisfied"),
    "answered_solved": ("counted", "judged", "answered_satisfied"),
}  # fmt: skip
# Who has not judged: where nothing is in hand these two are what was received less what was judged, so neither is told
# without the other.
UNJUDGED = ("unrated", "waiting")


def small(n: int) -> bool:
    """From one to four."""
    return 0 < n < ENOUGH


def withheld(parts: Mapping[str, int], *, told: bool = True, also: Collection[str] = ()) -> frozenset[str]:
    """The keys whose numbers are kept back. `told`: the total of all parts stands beside them; `also`: those kept back
    for another reason."""
    hide = {k for k, n in parts.items() if small(n)} | {k for k in also if k in parts}
    seen = sorted((n, k) for k, n in parts.items() if n and k not in hide)
    if not told:  # the total is kept back: it must not be the sum of what is told
        return frozenset(hide or ({seen[0][1]} if seen else ()))
    while hide and not covered(parts, hide):
        if not seen:
            return frozenset(parts)  # too little in all: the whole column
        hide.add(seen.pop(0)[1])
    return frozenset(hide)


def covered(parts: Mapping[str, int], hide: Collection[str]) -> bool:
    """Whether each of these could still be ENOUGH different numbers, as their sum and that each is at least one are known."""
    values = [parts[k] for k in hide]
    return len(values) >= 2 and sum(values) - len(values) >= ENOUGH - 1


def withheld_shares(
    rows: Shares, *, told: bool = True, wholes: Collection[str] = (), also: Collection[str] = ()
) -> frozenset[str]:
    """The rows whose part (and with it the rest) is kept back. `told`: part and whole of all rows together are told;
    `wholes`: rows whose whole is kept back anyway."""
    hide = {k for k, (part, whole) in rows.items() if small(part) or small(whole - part) or k in wholes or k in also}
    seen = sorted((whole, k) for k, (_part, whole) in rows.items() if whole and k not in hide)
    if not told:
        return frozenset(hide or ({seen[0][1]} if seen else ()))
    while hide and not shares_covered(rows, hide, wholes):
        if not seen:
            return frozenset(rows)
        hide.add(seen.pop(0)[1])
    return frozenset(hide)


def shares_covered(rows: Shares, hide: Collection[str], wholes: Collection[str]) -> bool:
    """Whether each part kept back could still be ENOUGH different numbers: their sum is known, and no part is larger than
    its whole. A whole that is kept back is at least one, and at most what all of those leave."""
    open_wholes = [rows[k][1] for k in hide if k in wholes]
    most = {k: sum(open_wholes) - len(open_wholes) + 1 if k in wholes else rows[k][1] for k in hide}
    parts = sum(rows[k][0] for k in hide)
    all_most = sum(rows[k][1] for k in hide)
    for k in hide:
        low = max(0, parts - (all_most - (1 if k in wholes else rows[k][1])))
        high = min(most[k], parts)
        if high - low < min(most[k], ENOUGH - 1):
            return False
    return len(hide) >= 2 or not hide


# Nested tables --------------------------------------------------------------------------------------------------------
def above(path: str) -> str:
    """The path of the area directly above; '' for a province."""
    return max((path[:n] for n in LENGTHS if n < len(path)), key=len, default="")


@dataclass(slots=True)
class Veil:
    """What may be told of nested tables: an area's number is kept back on its own page when the page above keeps it back,
    and then nothing of what it is made of is told, since that would bound it.

    Above the site's own area a total is given up rather than that area's numbers: where one county is served and a few
    requests of its neighbours came in, it is the city's total that is not told, nor any above it.
    """

    sizes: Mapping[str, Mapping[str, Sizes]]  # {area, area/doors or group of units: {its part: sizes}}
    home: str
    _known: dict[Any, Any] = field(default_factory=dict)

    def _column(self, parent: str, name: str) -> dict[str, int]:
        return {child: sizes[name] for child, sizes in self.sizes.get(parent, {}).items()}

    def _shares(self, parent: str, part: str, whole: str) -> dict[str, tuple[int, int]]:
        return {child: (s[part], s[whole]) for child, s in self.sizes.get(parent, {}).items()}

    def _given_up(self, name: str, part: str = "") -> set[str]:
        """Areas above the site's own whose total (with `part`: share) is not told, for the sake of one inside."""
        key = ("given", name, part)
        if key not in self._known:
            gone: set[str] = set()
            for p in reversed(ancestors(self.home, itself=False)):
                if part:
                    rows, wholes = self._shares(p, part, name), self.hidden(p, name)
                    hide = wholes | {k for k, (n, of) in rows.items() if small(n) or small(of - n)}
                else:
                    hide = frozenset(k for n in _beside(name) for k, size in self._column(p, n).items() if small(size))
                if hide or gone:
                    gone.add(p)
            self._known[key] = gone
        found: set[str] = self._known[key]
        return found

    def _linked(self, path: str, name: str, part: str = "") -> bool:
        """Whether a total that is not told is part of one that is: then what it is made of would bound its neighbours."""
        up = above(path.partition("/")[0])
        if up not in self.sizes:
            return False
        told = self.told_share(up, part, name) if part else self.told(up, name)
        return told or self._linked(up, name, part)

    def hidden(self, parent: str, name: str) -> frozenset[str]:
        """The areas inside whose number is kept back."""
        key = ("hidden", parent, name)
        if key not in self._known:
            told = self.told(parent, name)
            column = {n: self._column(parent, n) for n in _beside(name)}
            if not told and self._linked(parent, name):
                hide = frozenset(column[name])
            else:
                known = next(iter(self.sizes.get(parent, {}).values()), {})
                outer = [self.hidden(parent, n) for n in WITHIN.get(name, ("counted",)) if n in known]
                hide = frozenset(self._given_up(name)).union(*outer)
                hide = frozenset(k for k in hide if any(c.get(k) for c in column.values()))  # zero bounds nothing
                before: frozenset[str] | None = None
                while hide != before:
                    before = hide
                    for c in column.values():
                        hide |= withheld(c, told=told, also=hide)
            self._known[key] = hide
        found: frozenset[str] = self._known[key]
        return found

    def told(self, path: str, name: str) -> bool:
        """Whether the number of an area may be told. The doors of an area add up to what it tells."""
        path = path.partition("/")[0]
        parent = above(path)
        if parent in self.sizes:
            return path not in self.hidden(parent, name)
        totals = (sum(self._column(path, n).values()) for n in _beside(name))
        return not any(map(small, totals)) and path not in self._given_up(name)

    def hidden_shares(self, parent: str, part: str, whole: str) -> frozenset[str]:
        """The areas inside whose share is kept back."""
        key = ("shares", parent, part, whole)
        if key not in self._known:
            told = self.told_share(parent, part, whole)
            if not told and self._linked(parent, whole, part):
                self._known[key] = frozenset(self.sizes[parent])
            else:
                self._known[key] = withheld_shares(
                    self._shares(parent, part, whole),
                    told=told,
                    wholes=self.hidden(parent, whole),
                    also=self._given_up(whole, part),
                )
        found: frozenset[str] = self._known[key]
        return found

    def told_share(self, path: str, part: str, whole: str) -> bool:
        """Whether the share of an area may be told; never where its whole may not."""
        path = path.partition("/")[0]
        parent = above(path)
        if parent in self.sizes:
            return path not in self.hidden_shares(parent, part, whole)
        a, b = (sum(self._column(path, n).values()) for n in (part, whole))
        return self.told(path, whole) and not (small(a) or small(b - a)) and path not in self._given_up(whole, part)


def _beside(name: str) -> tuple[str, ...]:
    """The sets that are told together with this one, or not at all."""
    return UNJUDGED if name in UNJUDGED else (name,)

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

ENOUGH = 5
Shares = Mapping[str, tuple[int, int]]  # {row: (part, whole)}


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

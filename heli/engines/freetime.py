"""When something with one or several identical units, or a stock, is free within given hours.

Moments may be of any ordered kind (datetimes with or without a zone); a span is [begin, end).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple


class Span(NamedTuple):
    """From `begin` until `end`, which is no part of it."""

    begin: Any
    end: Any


class Taken(NamedTuple):
    """A span in which `amount` of a stock is taken, or unit number `unit`."""

    begin: Any
    end: Any
    amount: int = 1
    unit: int = 0


def joined(spans: Iterable[tuple[Any, Any]]) -> list[Span]:
    """In order, those that touch or overlap as one; empty ones left out."""
    found: list[Span] = []
    for begin, end in sorted(s for s in spans if s[0] < s[1]):
        if found and begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, end))
        else:
            found.append(Span(begin, end))
    return found


def without(spans: Sequence[tuple[Any, Any]], taken: Iterable[tuple[Any, Any]]) -> list[Span]:
    """What is left of `spans` (joined, in order) after `taken` is cut out."""
    cuts, found = joined(taken), []
    for span in spans:
        begin, end = span
        for cut in cuts:
            if cut.end <= begin:
                continue
            if cut.begin >= end:
                break
            if cut.begin > begin:
                found.append(Span(begin, cut.begin))
            begin = cut.end
            if begin >= end:
                break
        if begin < end:
            found.append(Span(begin, end))
    return found


def of_units(spans: Sequence[tuple[Any, Any]], taken: Sequence[Taken], units: int) -> dict[int, list[Span]]:
    """{unit number from 1: its free spans}."""
    return {n: without(spans, [(t.begin, t.end) for t in taken if t.unit == n]) for n in range(1, units + 1)}


def peak(taken: Iterable[Taken], begin: Any, end: Any) -> int:
    """The most that is taken at one moment of [begin, end)."""
    over = [t for t in taken if t.begin < end and t.end > begin]
    moments = {begin, *(t.begin for t in over if t.begin > begin)}
    return max((sum(t.amount for t in over if t.begin <= m < t.end) for m in moments), default=0)


def of_stock(spans: Sequence[tuple[Any, Any]], taken: Sequence[Taken], stock: int, amount: int) -> list[Span]:
    """Spans in which at least `amount` of the stock is there at every moment."""
    if amount > stock:
        return []
    moments = sorted({m for t in taken for m in (t.begin, t.end)})
    full = [(a, b) for a, b in pairwise(moments) if peak(taken, a, b) > stock - amount]
    return without(spans, full)


def nearest(free: Iterable[Span], begin: Any, length: Any) -> Span | None:
    """The free time of this length that begins nearest to `begin`; of two as near, the earlier one."""
    found = []
    for f in free:
        if f.end - f.begin >= length:
            start = min(max(begin, f.begin), f.end - length)
            found.append((abs(start - begin), start, Span(start, start + length)))
    return min(found)[2] if found else None

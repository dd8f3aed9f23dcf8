"""Who of those who wait comes next, and why somebody does not yet. Pure: the steps act by it, the pages explain by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Why(StrEnum):
    """Why somebody who waits has no place yet."""

    FULL = "full"  # no place is free
    PARTY = "party"  # they come together, and fewer places are free than they are
    NEWCOMERS = "newcomers"  # what is free is kept for newcomers for now
    BUSY = "busy"  # one of them has another shift at that time


@dataclass(frozen=True, slots=True)
class Ticket:
    """One who waits. `party`: those who come together, all or none."""

    id: int
    party: UUID | None = None
    newcomer: bool = False
    busy: bool = False


def groups(queue: Sequence[Ticket]) -> list[list[Ticket]]:
    """Who comes together, in the order of the first of each."""
    made: dict[object, list[Ticket]] = {}
    for ticket in queue:
        made.setdefault(ticket.party or ticket.id, []).append(ticket)
    return list(made.values())


def turn(queue: Sequence[Ticket], free: int, kept: int = 0) -> tuple[list[int], dict[int, Why]]:
    """Who gets one of `free` places, of which `kept` are for newcomers, in the order of the queue; and why the others
    do not. A party that does not fit is passed over and keeps its place in the order. O(n)."""
    taken: list[int] = []
    passed: dict[int, Why] = {}
    for party in groups(queue):
        regulars = sum(not t.newcomer for t in party)
        why = None
        if any(t.busy for t in party):
            why = Why.BUSY
        elif len(party) > free:
            why = Why.PARTY if len(party) > 1 and free else Why.FULL
        elif regulars > free - min(kept, free):
            why = Why.NEWCOMERS
        if why:
            passed |= dict.fromkeys((t.id for t in party), why)
            continue
        taken += [t.id for t in party]
        free -= len(party)
        kept = max(0, kept - (len(party) - regulars))
    return taken, passed


def mark(seed: bytes) -> str:
    """What is published of a seed before anybody asks for a place: its SHA-256, in hex."""
    return hashlib.sha256(seed).hexdigest()


def drawn(seed: bytes, tickets: Iterable[int]) -> list[int]:
    """The order of a draw: by SHA-256 of the seed and the ticket's number. Whoever knows the seed can do it again."""
    return sorted(tickets, key=lambda n: hashlib.sha256(seed + b":" + str(n).encode()).digest())

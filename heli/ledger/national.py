"""What of the hours stands in the national system, as a room further right knows it. Until it says so they are a record of
this platform, and every page calls them that."""

from __future__ import annotations

from collections.abc import Callable, Collection

Tell = Callable[[Collection[int]], dict[int, str]]
_tells: list[Tell] = []


def register(tell: Tell) -> None:
    """Said once, at start: services → {service: number of the receipt} of those that were taken there as they stand."""
    _tells[:] = [tell]


def receipts(services: Collection[int]) -> dict[int, str]:
    """One statement; none for no services."""
    return {pk: n for tell in _tells for pk, n in tell(services).items()} if services else {}

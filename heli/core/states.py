"""Lifecycles as data: which arrow leaves which state, who may take it, which paper it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from heli.core.caps import Cap, Scope


@dataclass(frozen=True, slots=True)
class Arrow:
    """One allowed change. `papers` are the keyword arguments that must not be empty."""

    name: str
    sources: tuple[str, ...]
    target: str
    needs: Cap | None = None
    scope: Scope = Scope.AREA
    papers: tuple[str, ...] = ()
    also: tuple[tuple[Cap, Scope], ...] = ()  # other capabilities that open the same arrow


def arrow(
    name: str,
    sources: str,
    target: str,
    needs: Cap | None = None,
    scope: Scope = Scope.AREA,
    *,
    papers: str = "",
    also: tuple[tuple[Cap, Scope], ...] = (),
) -> Arrow:
    """Short form for the tables: sources and papers are space separated."""
    return Arrow(name, tuple(sources.split()), target, needs, scope, tuple(papers.split()), also)


class Lifecycle:
    """A named set of arrows; the state tables of the docs and the arrow test are made from it."""

    def __init__(self, name: str, *arrows: Arrow) -> None:
        self.name: Final = name
        self.arrows: Final = {a.name: a for a in arrows}
        if len(self.arrows) != len(arrows):
            raise ValueError(f"two arrows of {name} share a name")

    def __iter__(self) -> Iterator[Arrow]:
        return iter(self.arrows.values())

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s for a in self for s in (*a.sources, a.target)))

"""What a room may ask of rooms to its right, which it cannot import: the rules in force, whether a day is like others of its
week, and what an account may do now.

The room that knows says so once, at start (AppConfig.ready). What things are called is asked the same way: core.subjects.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Protocol

from heli.core.actor import Actor
from heli.core.steps import Versioned


class Rule(Versioned, Protocol):
    """A rule row as the rulebook gives it; `words` is its value in the reader's language."""

    @property
    def value(self) -> Any: ...
    @property
    def words(self) -> str: ...
    @property
    def verified(self) -> bool: ...


class InForce(Protocol):
    def __call__(self, wanted: Collection[str], *, path: str, on: dt.date) -> Mapping[str, Rule]: ...


class Today(Protocol):
    def __call__(
        self, wanted: Collection[str], *, path: str, at: dt.datetime
    ) -> tuple[Mapping[str, Rule], bool | None]: ...


class ActorFor(Protocol):
    def __call__(self, user: Any) -> Actor: ...


_in_force: list[InForce] = []
_today: list[Today] = []
_actor_for: list[ActorFor] = []


def answer(*, in_force: InForce | None = None, today: Today | None = None, actor_for: ActorFor | None = None) -> None:
    """Said by the room that knows; the last one counts."""
    if in_force is not None:
        _in_force[:] = [in_force]
    if today is not None:
        _today[:] = [today]
    if actor_for is not None:
        _actor_for[:] = [actor_for]


def rules(wanted: Collection[str], *, path: str, on: dt.date) -> Mapping[str, Rule]:
    """The rows that decide here on a day, by key; raises what the rulebook raises where one is missing. One statement."""
    return _in_force[0](wanted, path=path, on=on)


def today(wanted: Collection[str], *, path: str, at: dt.datetime) -> tuple[Mapping[str, Rule], bool | None]:
    """(the rows that decide here on the day of a moment, whether offices work on it: None where it is like any other day
    of its week). One statement."""
    return _today[0](wanted, path=path, at=at)


def actor_for(user: Any) -> Actor:
    """What an account may do now. One statement."""
    return _actor_for[0](user)

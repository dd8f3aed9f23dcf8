"""What a (type, id) pair in an event or a reading stands for, said in words with a link.

A room tells how its things are called, once, at start (in its AppConfig.ready):

    subjects.register("loop.request", describe_requests)   # (ids, actor) -> {id: Subject}

so that a room further right may show them without importing it. The other way round it serves a room further left: it may
keep the id of a thing that it cannot import, show its name, and let somebody find one (`find`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from heli.core.actor import Actor


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing's title and where it can be opened by this actor ('' when it cannot)."""

    title: str
    url: str = ""


Describe = Callable[[list[int], Actor], dict[int, Subject]]
Find = Callable[[str, tuple[str, ...]], dict[int, Subject]]
_known: dict[str, Describe] = {}
_found: dict[str, Find] = {}


def register(subject_type: str, describe: Describe, find: Find | None = None) -> None:
    """`describe` costs one statement, whatever the number of ids, and names only what the actor may know of. `find` is
    given what somebody typed and the areas they may choose in; one statement, a dozen things at most."""
    _known[subject_type] = describe
    if find is not None:
        _found[subject_type] = find


def find(subject_type: str, text: str, within: tuple[str, ...]) -> dict[int, Subject]:
    """Things of a type that fit what was typed; none where no room has registered it. One statement."""
    return _found[subject_type](text, within) if subject_type in _found else {}


def describe(pairs: Iterable[tuple[str, int]], actor: Actor) -> dict[tuple[str, int], Subject]:
    """{(type, id): Subject} of those that a room knows; one statement per type."""
    by_type: defaultdict[str, list[int]] = defaultdict(list)
    for subject_type, subject_id in pairs:
        by_type[subject_type].append(subject_id)
    return {
        (subject_type, pk): subject
        for subject_type, ids in by_type.items()
        if subject_type in _known
        for pk, subject in _known[subject_type](ids, actor).items()
    }

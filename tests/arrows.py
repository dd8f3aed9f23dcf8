"""An arrow of a lifecycle, tried with every member of the cast, from every state, and without its papers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from heli.core import errors
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.steps import Step
from tests.world import CAST, COUNTY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))


class Thing(SimpleNamespace):
    """Something at a state, in the county, with a unit; saving does nothing."""

    pk = 1
    _meta = SimpleNamespace(label_lower="tests.thing")
    _state = SimpleNamespace(adding=False)

    def save(self, **_kwargs: Any) -> None:
        pass


def of(lifecycles: Any) -> Any:
    """A test is run for each arrow of these lifecycles."""
    both = [(life, arrow) for life in lifecycles for arrow in life]
    return pytest.mark.parametrize(("life", "arrow"), both, ids=[f"{life.name}.{arrow.name}" for life, arrow in both])


def everybody(world: Any) -> dict[str, Actor]:
    """The cast, somebody without an account, the holder of a secret link, the clock."""
    cast: dict[str, Actor] = {c.name: world.actor(c.name) for c in CAST}
    return cast | {"public": PUBLIC, "link": Actor(None, voice_id=1), "system": SYSTEM}


def opened_to(world: Any, life: Any, arrow: Any, *, unit_id: int, papers: Mapping[str, str]) -> set[str]:
    """Who may go the arrow; for all others the thing stays where it is."""
    opened = set()
    for name, actor in everybody(world).items():
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=unit_id)
        try:
            Step("test", actor, AT).move(thing, life, arrow.name, **papers)
            opened.add(name)
            assert thing.state == arrow.target
        except errors.Forbidden:
            assert thing.state == arrow.sources[0]
    return opened


def leaves_only_its_sources_with_its_papers(life: Any, arrow: Any, *, papers: Mapping[str, str]) -> None:
    """From any other state: WrongState. Without one of its papers: PaperMissing, at the field of that paper."""
    for state in life.states:
        thing = Thing(state=state, area_path=COUNTY, unit_id=1)
        if state not in arrow.sources:
            with pytest.raises(errors.WrongState):
                Step("test", SYSTEM, AT).move(thing, life, arrow.name, **papers)
            assert thing.state == state
    for paper in arrow.papers:
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=1)
        with pytest.raises(errors.PaperMissing) as missing:
            Step("test", SYSTEM, AT).move(thing, life, arrow.name, **{**papers, paper: "  "})
        assert missing.value.field == paper
        assert thing.state == arrow.sources[0]

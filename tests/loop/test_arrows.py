"""Every arrow of every lifecycle, with every member of the cast: open to those the table names, closed to all others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from heli.core import errors
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.caps import Scope
from heli.core.steps import Step
from heli.loop.states import LIFECYCLES
from tests.loop.told import AT
from tests.world import CAST, COUNTY

ARROWS = [(life, arrow) for life in LIFECYCLES for arrow in life]
PAPERS = dict.fromkeys(("reason", "reason_code", "legal_basis", "route", "decision"), "有")


class Thing(SimpleNamespace):
    """Something at a state, in the county, with 城管局; saving does nothing."""

    pk = 1
    _meta = SimpleNamespace(label_lower="loop.request")
    _state = SimpleNamespace(adding=False)

    def save(self, **_kwargs: Any) -> None:
        pass


def allowed(actor: Actor, arrow: Any, unit_id: int) -> bool:
    """Said again, in the plainest way: some grant has the capability, for this unit or over this area."""
    for cap, scope in ((arrow.needs, arrow.scope), *arrow.also):
        if scope is Scope.LINK and actor.voice_id is not None:
            return True
        for g in actor.grants:
            if cap in g.caps and scope is Scope.OWN_UNIT and g.org_id == unit_id:
                return True
            if cap in g.caps and scope is Scope.AREA and any(COUNTY.startswith(p) for p in g.paths):
                return True
    return actor.system


@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=[f"{life.name}.{arrow.name}" for life, arrow in ARROWS])
def test_an_arrow_is_open_only_to_those_the_table_names(world, life, arrow):
    unit = world.org("城管局").pk
    cast = {c.name: world.actor(c.name) for c in CAST} | {
        "public": PUBLIC,
        "link": Actor(None, voice_id=1),
        "system": SYSTEM,
    }
    opened = set()
    for name, actor in cast.items():
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=unit)
        s = Step("test", actor, AT)
        try:
            s.move(thing, life, arrow.name, **PAPERS)
            opened.add(name)
            assert thing.state == arrow.target
        except errors.Forbidden:
            assert thing.state == arrow.sources[0]
    assert opened == {n for n, a in cast.items() if allowed(a, arrow, unit)}
    assert "外县人" not in opened and "public" not in opened


@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=[f"{life.name}.{arrow.name}" for life, arrow in ARROWS])
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(world, life, arrow):
    for state in life.states:
        thing = Thing(state=state, area_path=COUNTY, unit_id=1)
        if state not in arrow.sources:
            with pytest.raises(errors.WrongState):
                Step("test", SYSTEM, AT).move(thing, life, arrow.name, **PAPERS)
            assert thing.state == state
    for paper in arrow.papers:
        with pytest.raises(errors.PaperMissing) as missing:
            Step("test", SYSTEM, AT).move(
                Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=1), life, arrow.name, **(PAPERS | {paper: "  "})
            )
        assert missing.value.field == paper

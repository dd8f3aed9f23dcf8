"""Every arrow of both lifecycles, with every member of the cast: open to those the table names, closed to all others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from heli.core import errors
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.caps import Scope
from heli.core.steps import Step
from heli.wishes.states import LIFECYCLES
from tests.wishes.made import AT
from tests.world import CAST, COUNTY

ARROWS = [(life, arrow) for life in LIFECYCLES for arrow in life]
PAPERS = dict.fromkeys(("reason", "consent", "word"), "有")
pytestmark = pytest.mark.django_db


class Thing(SimpleNamespace):
    """Something at a state, in the county, kept by 心桥社工; saving does nothing."""

    pk = 1
    _meta = SimpleNamespace(label_lower="wishes.wish")
    _state = SimpleNamespace(adding=False)

    def save(self, **_kwargs: Any) -> None:
        pass


def allowed(actor: Actor, arrow: Any, unit_id: int) -> bool:
    """Said again, in the plainest way."""
    for cap, scope in ((arrow.needs, arrow.scope), *arrow.also):
        if scope is Scope.LINK and actor.voice_id is not None:
            return True
        if scope is Scope.SELF and actor.user_id is not None:
            return True
        if scope is Scope.OWN_UNIT and any(cap in g.caps and g.org_id == unit_id for g in actor.grants):
            return True
    return actor.system


@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=[f"{life.name}.{arrow.name}" for life, arrow in ARROWS])
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    unit = world.org("心桥社工").pk
    cast = {c.name: world.actor(c.name) for c in CAST}
    cast |= {"public": PUBLIC, "link": Actor(None, voice_id=1), "system": SYSTEM}
    opened = set()
    for name, actor in cast.items():
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=unit)
        try:
            Step("test", actor, AT).move(thing, life, arrow.name, **PAPERS)
            opened.add(name)
            assert thing.state == arrow.target
        except errors.Forbidden:
            assert thing.state == arrow.sources[0]
    assert opened == {n for n, a in cast.items() if allowed(a, arrow, unit)}
    assert "public" not in opened and (arrow.scope is Scope.SELF or "外县人" not in opened)


@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=[f"{life.name}.{arrow.name}" for life, arrow in ARROWS])
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    for state in life.states:
        thing = Thing(state=state, area_path=COUNTY, unit_id=1)
        if state not in arrow.sources:
            with pytest.raises(errors.WrongState):
                Step("test", SYSTEM, AT).move(thing, life, arrow.name, **PAPERS)
            assert thing.state == state
    for paper in arrow.papers:
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=1)
        with pytest.raises(errors.PaperMissing) as missing:
            Step("test", SYSTEM, AT).move(thing, life, arrow.name, **(PAPERS | {paper: "  "}))
        assert missing.value.field == paper

"""Every arrow of the lifecycles beside the loop, with every member of the cast: open to those the table names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from heli.core import errors
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.caps import Scope
from heli.core.steps import Step
from heli.suggestions.states import LIFECYCLES
from tests.suggestions.said import AT
from tests.world import CAST, COUNTY

ARROWS = [(life, arrow) for life in LIFECYCLES for arrow in life]
IDS = [f"{life.name}.{arrow.name}" for life, arrow in ARROWS]
PAPERS = dict.fromkeys(("reason", "text", "summary"), "有")


class Thing(SimpleNamespace):
    """Something at a state, in the county, with 住建局; saving does nothing."""

    pk = 1
    _meta = SimpleNamespace(label_lower="suggestions.suggestion")
    _state = SimpleNamespace(adding=False)

    def save(self, **_kwargs: Any) -> None:
        pass


def allowed(actor: Actor, arrow: Any, unit_id: int) -> bool:
    """Said again, in the plainest way."""
    if actor.system or (arrow.scope is Scope.LINK and actor.voice_id is not None):
        return True
    own = arrow.scope is Scope.OWN_UNIT
    return any(
        arrow.needs in g.caps and (g.org_id == unit_id if own else any(COUNTY.startswith(p) for p in g.paths))
        for g in actor.grants
    )


@pytest.mark.django_db
@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=IDS)
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    unit = world.org("住建局").pk
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
    assert "system" in opened and not opened & {"外县人", "public"}


@pytest.mark.parametrize(("life", "arrow"), ARROWS, ids=IDS)
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    for state in life.states:
        if state not in arrow.sources:
            with pytest.raises(errors.WrongState):
                Step("test", SYSTEM, AT).move(
                    Thing(state=state, area_path=COUNTY, unit_id=1), life, arrow.name, **PAPERS
                )
    for paper in arrow.papers:
        thing = Thing(state=arrow.sources[0], area_path=COUNTY, unit_id=1)
        with pytest.raises(errors.PaperMissing):
            Step("test", SYSTEM, AT).move(thing, life, arrow.name, **(PAPERS | {paper: " "}))

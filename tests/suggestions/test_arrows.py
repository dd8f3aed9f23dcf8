"""Every arrow of the lifecycles beside the loop, with every member of the cast: open to those the table names."""

from __future__ import annotations

from typing import Any

import pytest

from heli.core.actor import Actor
from heli.core.caps import Scope
from heli.suggestions.states import LIFECYCLES
from tests import arrows
from tests.world import COUNTY

PAPERS = dict.fromkeys(("reason", "text", "summary"), "有")


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
@arrows.of(LIFECYCLES)
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    unit = world.org("住建局").pk
    opened = arrows.opened_to(world, life, arrow, unit_id=unit, papers=PAPERS)
    assert opened == {n for n, a in arrows.everybody(world).items() if allowed(a, arrow, unit)}
    assert "system" in opened and not opened & {"外县人", "public"}


@arrows.of(LIFECYCLES)
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)

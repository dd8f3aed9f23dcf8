"""Every arrow of every lifecycle, with every member of the cast: open to those the table names, closed to all others."""

from __future__ import annotations

from typing import Any

import pytest

from heli.core.actor import Actor
from heli.core.caps import Scope
from heli.loop.states import LIFECYCLES
from tests import arrows
from tests.world import COUNTY

PAPERS = dict.fromkeys(("reason", "reason_code", "legal_basis", "route", "decision"), "有")


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


@pytest.mark.django_db
@arrows.of(LIFECYCLES)
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    unit = world.org("城管局").pk
    opened = arrows.opened_to(world, life, arrow, unit_id=unit, papers=PAPERS)
    assert opened == {n for n, a in arrows.everybody(world).items() if allowed(a, arrow, unit)}
    assert "外县人" not in opened and "public" not in opened


@arrows.of(LIFECYCLES)
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)

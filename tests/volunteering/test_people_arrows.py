"""Every arrow of volunteers, proofs and joinings, with every member of the cast: open to those the table names, closed
to all others. That one acts on oneself alone (SELF), or never on oneself, the steps ask besides (test_people.py)."""

from __future__ import annotations

from typing import Any

import pytest

from heli.core.caps import Cap
from heli.volunteering.states import JOINING, PROOF, VOLUNTEER
from tests import arrows

LIFECYCLES = (VOLUNTEER, PROOF, JOINING)
PAPERS = {"reason": "有"}
KEEPERS = {"吕部长"}  # of the county; 韩网格 keeps a community alone
LEADERS = {"李社工"}


@pytest.mark.django_db
@arrows.of(LIFECYCLES)
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    opened = arrows.opened_to(world, life, arrow, unit_id=world.org("心桥社工").pk, papers=PAPERS)
    people = {n for n, a in arrows.everybody(world).items() if a.user_id is not None}
    named = {Cap.KEEP_VOLUNTEERS: KEEPERS, Cap.LEAD_TEAM: LEADERS, None: people}[arrow.needs]
    assert opened == named | {"system"}


@arrows.of(LIFECYCLES)
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)

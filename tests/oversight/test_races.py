"""Two at once, on connections of their own."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from heli.core.errors import AlreadyDone, HeliError
from heli.oversight import queries, steps
from heli.oversight.errors import NotLinked
from heli.oversight.models import Tip
from tests import database
from tests.oversight.telling import keys, told


def test_two_who_decide_at_once(fire_db: str, world: Any) -> None:
    tip = told()

    def decide(found: str) -> Any:
        def run() -> str:
            try:
                steps.conclude(found=found, answer="看过。", **keys(world, tip))
            except HeliError as error:
                return error.code
            return "done"

        return run

    assert sorted(database.race(decide("genuine"), decide("unproven"))) == ["L-101", "done"]


def test_the_same_form_twice_at_once(fire_db: str, world: Any) -> None:
    key = uuid.uuid4()

    def send() -> str:
        try:
            told(form_key=key)
        except AlreadyDone:
            return "again"
        return "told"

    assert sorted(database.race(send, send)) == ["again", "told"]
    assert Tip.objects.count() == 1


def test_two_put_together_crosswise(fire_db: str, world: Any) -> None:
    a, b = told(), told()

    def link(one: Tip, other: Tip) -> Any:
        def run() -> str:
            try:
                steps.put_together(other_id=other.pk, **keys(world, one))
            except NotLinked:
                return "together"
            return "done"

        return run

    assert sorted(database.race(link(a, b), link(b, a))) == ["done", "together"]
    a.refresh_from_db()
    b.refresh_from_db()
    assert (a.same_as_id is None) != (b.same_as_id is None), "one of them is the first, no circle"


@pytest.mark.parametrize("turned", [False, True])
def test_one_is_taken_out_while_another_comes_in(fire_db: str, world: Any, turned: bool) -> None:
    """Who comes was said to be the same as the one that stays; neither order of the two acts leaves it with the other."""
    first, stays, comes = told(), told(), told()
    steps.put_together(other_id=first.pk, **keys(world, stays))
    pair = (stays, comes) if turned else (comes, stays)
    done = database.race(
        lambda: steps.put_together(other_id=pair[1].pk, **keys(world, pair[0])).pk,
        lambda: steps.take_apart(**keys(world, first)).pk,
    )
    assert done == [pair[0].pk, first.pk]
    actor = world.actor("吕部长")
    together = {t.pk: {x.tip.pk for x in queries.alike(actor, t) if x.together} for t in Tip.objects.all()}
    assert together == {first.pk: set(), stays.pk: {comes.pk}, comes.pk: {stays.pk}}

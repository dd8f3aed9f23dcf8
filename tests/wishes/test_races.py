"""Two at the same moment, on two connections: nothing is promised twice, nothing is lost."""

from __future__ import annotations

import uuid
from typing import Any

from heli.core.errors import AlreadyDone, WrongState
from heli.wishes import steps
from heli.wishes.errors import AllTaken, SomebodyFaster
from heli.wishes.models import Pledge, Wish
from tests.database import race
from tests.wishes.made import AT, post


def kinds(done: list[Any]) -> list[str]:
    return sorted(type(d).__name__ for d in done)


def test_two_parties_for_the_last_one_the_same_form_twice_and_second_thoughts(fire_db: str, world: Any) -> None:
    made = post(world)
    made.pledge("马经理", 2, "鲁新超市")
    last = race(lambda: made.pledge("赵志愿", 1), lambda: made.pledge("王桂兰", 1))
    assert kinds(last) == ["AllTaken", "Pledge"] and any(isinstance(d, AllTaken) for d in last)
    assert made.wish.taken == 3 and made.wish.state == "pledged"

    other = post(world)
    more = race(lambda: other.pledge("赵志愿", 2), lambda: other.pledge("马经理", 2, "鲁新超市"))
    assert kinds(more) == ["Pledge", "SomebodyFaster"] and any(isinstance(d, SomebodyFaster) for d in more)
    assert other.wish.taken == 2

    key = uuid.uuid4()
    twice = race(*[lambda: other.pledge("赵志愿", 1, form_key=key)] * 2)
    assert kinds(twice) in (["AlreadyDone", "Pledge"], ["AllTaken", "Pledge"])
    assert other.wish.taken == 3 and Pledge.objects.filter(form_key=key).count() == 1
    assert any(isinstance(d, AlreadyDone) for d in twice)

    mine = Pledge.objects.get(form_key=key)  # the giver gives up while the worker writes down that it is delivered
    by = made.who("赵志愿"), made.who("李社工")
    apart = race(
        lambda: steps.give_up(pledge_id=mine.pk, by=by[0], at=AT, reason="来不了"),
        lambda: steps.deliver(pledge_id=mine.pk, by=by[1], at=AT, delivered_on=AT.date()),
    )
    assert kinds(apart) == ["Pledge", "WrongState"] and any(isinstance(d, WrongState) for d in apart)
    mine.refresh_from_db()
    assert (mine.state, other.wish.state) in {("given_up", "open"), ("delivered", "pledged")}

    one = post(world, needed=1)  # the worker and the resident confirm at once: one reply
    gift = one.pledge("赵志愿", 1)
    one.deliver(gift)
    both = race(
        lambda: one.receive(gift), lambda: steps.receive(pledge_id=gift.pk, by=one.resident, at=AT, word="link")
    )
    assert kinds(both) == ["Pledge", "WrongState"]
    assert one.wish.state == "delivered" and one.wish.request.handlings.count() == 1
    assert not [w for w in Wish.objects.all() if w.taken > w.needed]

"""Two people at the same moment."""

from __future__ import annotations

import datetime as dt
from typing import Any

from heli.core.actor import SYSTEM, Actor
from heli.people import steps
from tests.database import race

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
NEW = "13812345678"


def test_two_prove_the_same_number_at_once(fire_db: str, world: Any) -> None:
    def prove(user: Any) -> Any:
        return steps.set_phone(user_id=user.pk, phone=NEW, verified=True, by=Actor(user.pk), at=NOW)

    done = race(lambda: prove(world.xue_driver), lambda: prove(world.zhao_volunteer))
    assert sorted(type(d).__name__ for d in done) == ["PhoneTaken", "User"]


def test_two_take_the_same_user_name_at_once(fire_db: str) -> None:
    done = race(*(lambda n=n: steps.register(by=SYSTEM, at=NOW, username=n) for n in ("new.name", "New.Name")))
    assert sorted(type(d).__name__ for d in done) == ["NameTaken", "User"]


def test_an_account_is_closed_while_its_number_is_changed(fire_db: str, world: Any) -> None:
    """Whichever came first, nothing personal is left."""
    from heli.core import vault
    from heli.people.models import User

    own = Actor(world.wang_resident.pk)
    race(
        lambda: steps.close_account(user_id=own.user_id, by=own, at=NOW),
        lambda: steps.set_phone(user_id=own.user_id, phone=NEW, verified=True, by=own, at=NOW),
    )
    user = User.objects.select_related("record").get(pk=own.user_id)
    assert not user.is_active and user.verified_phone is None
    assert user.record is not None and set(vault.open_own(user.record).values()) == {""}

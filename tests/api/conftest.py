"""Two counties laid out once for a module, in a database of its own; what is asked of them stays there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from tests import database


@pytest.fixture(scope="module")
def counties(django_db_setup: None, template_database: str, django_db_blocker: Any) -> Iterator[Any]:
    """(world, things of 芝罘区, things of 莱山区)."""
    if database.world_error:
        pytest.fail(f"tests.world.build() failed\n{database.world_error}", pytrace=False)
    from tests.invariants import everyone
    from tests.world import World

    name, where = database.clone(template_database), connections["default"].settings_dict
    shared = where["NAME"]
    with django_db_blocker.unblock():
        connections["default"].close()
        where["NAME"] = name
        try:
            world, now = World.load(), timezone.now()
            yield world, everyone.ours(world, now), everyone.theirs(world, now)
        finally:
            connections.close_all()
            where["NAME"] = shared
            database.drop(name)

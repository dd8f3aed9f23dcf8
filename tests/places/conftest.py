"""Areas beyond the two counties of the world: a city, and some of what lies elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap

AT = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
WIDE = ("3701", "3702", "3706", "110105", "150627", "152921", "4419", "440305", "500103", "510107", "220102", "210103")


@pytest.fixture(scope="module")
def wide(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Some 25,000 areas for the tests of one module, in one transaction that is rolled back; ask for it instead of db."""
    from django.db import transaction

    from heli.places import gazetteer, steps

    with django_db_blocker.unblock():
        with transaction.atomic():
            steps.import_areas(at=AT, under=WIDE)
            yield
            transaction.set_rollback(True)
        gazetteer.forget()


@pytest.fixture(autouse=True)
def _fresh_names() -> Iterator[None]:
    """No test reads names that another one's transaction took back."""
    from heli.places import gazetteer

    gazetteer.forget()
    yield
    gazetteer.forget()


def keeper(*paths: str, user_id: int = 1) -> Actor:
    """Somebody who manages areas in these paths."""
    return Actor(user_id, "姜管理", (GrantView(0, frozenset({Cap.MANAGE_AREAS}), None, "", paths),))

"""Who writes rules in these tests, and the shipped book."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.core.actor import SYSTEM, Actor, GrantView
from heli.core.caps import Cap
from heli.engines.workdays import CHINA

COUNTY, NEXT_COUNTY = "370602", "370613"
NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=CHINA)  # a Monday
TODAY = NOW.date()


def admin_of(*paths: str, user_id: int | None = None) -> Actor:
    """An area administrator who manages the rules of these areas."""
    caps = frozenset({Cap.MANAGE_RULES})
    return Actor(user_id=user_id, grants=(GrantView(1, caps, None, "芝罘区社会工作部", paths),))


def shipped() -> None:
    from heli.rulebook import files

    files.import_shipped(by=SYSTEM, at=NOW)


@pytest.fixture
def book(db: None) -> None:
    """All rules and calendars that ship with the project."""
    shipped()


@pytest.fixture
def jiang(db: None) -> Actor:
    """姜管理 with an account, for pages."""
    from heli.people.models import User

    user: Any = User.objects.create(username="jiang.rules", call_name="姜管理")
    return admin_of(COUNTY, user_id=user.pk)

"""The other doors for machines: what everybody may read there, page by page, and nothing beyond it."""

from __future__ import annotations

import pytest
from django.test import Client

from heli.api.http import OPERATIONS
from heli.core.actor import PUBLIC
from heli.core.caps import Scope
from heli.loop import steps
from tests.loop.told import AT

DOORS = ("wishes", "suggestions", "sites", "notices")


@pytest.mark.parametrize("door", DOORS)
def test_an_empty_door_answers_an_empty_page(world, door):
    answer = Client().get(f"/api/v1/{door}")
    assert answer.status_code == 200 and answer.json() == {"rows": [], "next": None}


@pytest.mark.parametrize("door", DOORS)
def test_a_cursor_cut_short_is_said(world, door):
    answer = Client().get(f"/api/v1/{door}", {"after": "not-one"})
    assert answer.status_code == 400 and answer.json()["code"] == "L-400"


def test_only_reading(world):
    ours = [o for o in OPERATIONS if o.route.scope is Scope.PUBLIC and o.name.removeprefix("list_") in DOORS]
    assert {o.method for o in ours} == {"GET"} and len(ours) == len(DOORS)


def test_what_waits_to_be_read_is_not_told(world):
    """A suggestion that no keeper has read, a wish that nobody has looked into: neither door says a word of them."""
    for kind in ("suggestion", "wish"):
        steps.hear(by=PUBLIC, at=AT, kind=kind, text="想要一把轮椅，建议修坡道", area_path="370602003006")
    for door in ("suggestions", "wishes"):
        assert Client().get(f"/api/v1/{door}").json()["rows"] == []

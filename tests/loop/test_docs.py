"""docs/loop.md is drawn from the tables the code runs on."""

from __future__ import annotations

import pytest

from heli.loop import docs, rates
from heli.loop.models import ClockKind
from heli.loop.states import LIFECYCLES, REQUEST, STATIONS


def test_the_page_is_up_to_date():
    page = docs.PAGE.read_text()
    assert docs.written(page) == page, "run: python -m heli.loop.docs --write"


def test_every_arrow_and_state_is_drawn():
    tables = docs.tables()
    for lifecycle in LIFECYCLES:
        for arrow in lifecycle:
            assert docs.row(arrow) in tables
    for state in REQUEST.states:
        assert f"| {state} |" in tables and state in docs.drawing(REQUEST)
    assert set(STATIONS) == set(REQUEST.states)


def test_clocks_and_sets_are_explained():
    page = docs.PAGE.read_text()
    assert all(f"`{kind}`" in page for kind in ClockKind.values)
    assert all(f"`{name}`" in page for name in rates.SET_WORDS)
    assert set(rates.SET_WORDS) - {"excluded"} == set(rates.sets(rates.timezone.now()))


def test_it_prints_and_refuses_a_page_without_its_marks(capsys):
    assert docs.main([]) == 0
    assert "stateDiagram-v2" in capsys.readouterr().out
    with pytest.raises(ValueError, match="unpack"):
        docs.written("# a page")

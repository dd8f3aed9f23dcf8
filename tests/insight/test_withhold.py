"""Nothing that is kept back can be worked out from what one table tells: every table that fits is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heli.insight.open_figures import Veil
from heli.insight.withhold import ENOUGH, small, withheld, withheld_shares


def fitting(cells: Mapping[str, int], hide: frozenset[str]) -> Iterator[dict[str, int]]:
    """Every way to fill what is kept back, for a reader who knows the total and that a missing number is at least one
    (or any, where a whole column is missing)."""
    keys = sorted(hide)
    left = sum(cells[k] for k in keys)
    low = 0 if len(hide) == len(cells) else 1
    for values in product(range(low, left + 1), repeat=len(keys) - 1):
        last = left - sum(values)
        if last >= low:
            yield dict(zip(keys, (*values, last), strict=True))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_no_missing_part_of_a_told_total_is_certain(numbers):
    cells = {f"r{i}": n for i, n in enumerate(numbers)}
    told = not small(sum(numbers))
    hide = withheld(cells, told=told)
    assert {k for k, n in cells.items() if small(n)} <= hide
    if told and hide:
        ways = list(fitting(cells, hide))
        for k in hide:
            assert len({w[k] for w in ways}) >= ENOUGH, (cells, hide, k)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6))
def test_a_total_that_is_kept_back_is_not_the_sum_of_what_is_told(numbers):
    cells = {f"r{i}": n for i, n in enumerate(numbers)}
    hide = withheld(cells, told=False)
    assert hide or not any(numbers)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=3))
def test_no_missing_share_is_certain(pairs):
    rows = {f"r{i}": (part, part + rest) for i, (part, rest) in enumerate(pairs)}
    parts, wholes = sum(p for p, _w in rows.values()), sum(w for _p, w in rows.values())
    told_whole = not small(wholes)
    gone = withheld({k: w for k, (_p, w) in rows.items()}, told=told_whole)
    told = told_whole and not (small(parts) or small(wholes - parts))
    hide = withheld_shares(rows, told=told, wholes=gone)
    assert gone <= hide
    for k, (part, whole) in rows.items():
        assert k in hide or not (small(part) or small(whole - part) or small(whole))
    if not told or not hide:
        return
    keys, least = sorted(hide), 0 if len(gone) == len(rows) else 1
    left = sum(rows[k][0] for k in keys)
    open_wholes = sum(rows[k][1] for k in gone)
    ways: dict[str, set[int]] = {k: set() for k in keys}
    for values in product(range(left + 1), repeat=len(keys)):
        if sum(values) != left:
            continue
        chosen = dict(zip(keys, values, strict=True))
        if any(k not in gone and v > rows[k][1] for k, v in chosen.items()):
            continue
        # wholes that are kept back only have to hold their parts and add up
        need = [max(least, chosen[k]) for k in gone]
        if sum(need) <= open_wholes:
            for k, v in chosen.items():
                ways[k].add(v)
    for k in keys:
        part, whole = rows[k]  # that none do, or all, may be known: zero is told
        assert len(ways[k]) >= 2 or part in (0, whole), (rows, hide, gone, k)


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=3), min_size=2, max_size=3))
def test_pages_of_nested_areas_do_not_tell_on_each_other(counts):
    """A city with counties with streets: what a county's page keeps back cannot be taken from the city's page, nor from its
    own streets."""
    sizes: dict[str, dict[str, dict[str, int]]] = {"99": {}}
    for c, streets in enumerate(counts):
        city = f"990{c}"
        sizes[city] = {f"{city}0{s}": {"n": n} for s, n in enumerate(streets)}
        sizes["99"][city] = {"n": sum(streets)}
    veil = Veil(sizes, "")
    for parent, inside in sizes.items():
        hide = veil.hidden(parent, "n")
        cells = {k: v["n"] for k, v in inside.items()}
        assert {k for k, n in cells.items() if small(n)} <= hide
        if veil.told(parent, "n"):
            ways = list(fitting(cells, hide)) if hide else []
            assert all(len({w[k] for w in ways}) >= ENOUGH for k in hide)
        else:
            assert hide or not any(cells.values()), "the total would be the sum of what is told"


@pytest.mark.parametrize(
    ("cells", "hide"),
    [
        ({"a": 20, "b": 3}, {"a", "b"}),
        ({"a": 20, "b": 3, "c": 7}, {"b", "c"}),
        ({"a": 20, "b": 0, "c": 7}, set()),
        ({"a": 2, "b": 3, "c": 90}, {"a", "b", "c"}),
        ({"a": 4, "b": 4, "c": 90}, {"a", "b"}),
        ({"a": 1, "b": 1, "c": 0, "d": 3}, {"a", "b", "c", "d"}),
    ],
)
def test_tables_done_by_hand(cells, hide):
    assert withheld(cells) == hide

"""Nothing that is kept back can be worked out from what one table tells: every table that fits is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heli.insight.withhold import ENOUGH, Veil, above, small, withheld, withheld_shares


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
@settings(deadline=None)
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
@settings(deadline=None)
def test_a_total_that_is_kept_back_is_not_the_sum_of_what_is_told(numbers):
    cells = {f"r{i}": n for i, n in enumerate(numbers)}
    hide = withheld(cells, told=False)
    assert hide or not any(numbers)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=3))
@settings(deadline=None)
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


def ranges(veil: Veil, names: tuple[str, ...]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """{(area, set): (least, most, truth)} of every number kept back, for a reader of all pages together who knows that each
    total is the sum of its parts, that the later of two sets lies in the earlier one, and which numbers are not zero."""
    truth = {(k, n): x[n] for inside in veil.sizes.values() for k, x in inside.items() for n in names}
    truth |= {(TOP, n): sum(x[n] for x in veil.sizes[TOP].values()) for n in names}
    ends = {}
    for (k, n), size in truth.items():
        table = veil.sizes.get(above(k), {})
        whole = k != TOP and veil.hidden(above(k), n) == table.keys()  # of such a column zeros are kept back, too
        ends[k, n] = (size, size) if veil.told(k, n) else (0 if whole else min(size, 1), 500)
    before = None
    while before != ends:
        before = dict(ends)

        def narrow(key: tuple[str, str], least: int, most: int) -> None:
            ends[key] = (max(ends[key][0], least), min(ends[key][1], most))

        for n, (parent, inside) in product(names, veil.sizes.items()):
            lows, highs = (sum(ends[k, n][i] for k in inside) for i in (0, 1))
            narrow((parent, n), lows, highs)
            for k in inside:
                low, high = ends[parent, n]
                narrow((k, n), low - (highs - ends[k, n][1]), high - (lows - ends[k, n][0]))
        for outer, inner in pairwise(names):
            for k in {k for k, _n in truth}:
                narrow((k, inner), 0, ends[k, outer][1])
                narrow((k, outer), ends[k, inner][0], 500)
    return {(k, n): (*ends[k, n], size) for (k, n), size in truth.items() if not veil.told(k, n)}


TOP = "9900"
Place = tuple[int, int]  # in hand within the limit, past it


@given(st.lists(st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=3),
                         min_size=1, max_size=3), min_size=1, max_size=3))  # fmt: skip
@example([[[(1, 0)], [(8, 0), (1, 0)], [(90, 0)]]])  # a street's two communities told on its small neighbour
@example([[[(1, 1)], [(0, 9)], [(50, 40)]]])  # and what is past the limit on what is in hand
@settings(deadline=None)
def test_pages_of_nested_areas_do_not_tell_on_each_other(counts: list[list[list[Place]]]):
    """Counties with streets with communities: no page helps to work out what another one keeps back."""
    sizes: dict[str, dict[str, dict[str, int]]] = {}
    for c, streets in enumerate(counts):
        for s, places in enumerate(streets):
            for v, (rest, overdue) in enumerate(places):
                path = f"{TOP}0{c}00{s}00{v}"
                for up, down in ((4, 6), (6, 9), (9, 12)):
                    cell = sizes.setdefault(path[:up], {}).setdefault(path[:down], {"open": 0, "overdue": 0})
                    cell["open"] += rest + overdue
                    cell["overdue"] += overdue
    veil = Veil(sizes, "")
    for (parent, inside), n in product(sizes.items(), ("open", "overdue")):
        assert {k for k, x in inside.items() if small(x[n])} <= veil.hidden(parent, n)
    for name in ("open", "overdue"):
        for cell, (least, most, size) in ranges(veil, (name,)).items():
            assert most - least >= ENOUGH - 1 or not size, (sizes, cell, least, most)
    for cell, (least, most, size) in ranges(veil, ("open", "overdue")).items():
        assert most > least or not size, (sizes, cell, least, most)


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

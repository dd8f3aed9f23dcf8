"""Free times: what is left agrees with a recount of every minute."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from heli.engines.freetime import Span, Taken, joined, nearest, of_stock, of_units, peak, without

MINUTES = st.integers(0, 40)
SPANS = st.lists(st.tuples(MINUTES, MINUTES), max_size=6)
TAKEN = st.lists(st.builds(Taken, MINUTES, MINUTES, st.integers(1, 4), st.integers(1, 3)), max_size=8)


def minutes(spans: object) -> set[int]:
    return {m for a, b in spans for m in range(a, b)}  # type: ignore[attr-defined]


@given(SPANS, SPANS)
def test_what_is_left_is_what_no_cut_covers(spans: list[tuple[int, int]], cuts: list[tuple[int, int]]) -> None:
    left = without(joined(spans), cuts)
    assert minutes(left) == minutes(spans) - minutes(cuts)
    assert all(a.end < b.begin or (a.end == b.begin and a.end in minutes(cuts)) for a, b in pairwise(left))


@given(SPANS, TAKEN, st.integers(1, 4), st.integers(1, 5))
def test_a_stock_is_free_where_enough_is_there_each_minute(
    spans: list[tuple[int, int]], taken: list[Taken], amount: int, stock: int
) -> None:
    def left(minute: int) -> int:
        return stock - sum(t.amount for t in taken if t.begin <= minute < t.end)

    free = of_stock(joined(spans), taken, stock, amount)
    assert minutes(free) == {m for m in minutes(spans) if left(m) >= amount}
    for t in taken:
        if t.begin < t.end:
            assert peak(taken, t.begin, t.end) == max(stock - left(m) for m in range(t.begin, t.end))


@given(SPANS, TAKEN)
def test_each_unit_is_free_where_nobody_has_it(spans: list[tuple[int, int]], taken: list[Taken]) -> None:
    for unit, free in of_units(joined(spans), taken, 3).items():
        assert minutes(free) == minutes(spans) - minutes((t.begin, t.end) for t in taken if t.unit == unit)


@given(SPANS, MINUTES, st.integers(1, 10))
def test_no_free_time_is_nearer(spans: list[tuple[int, int]], begin: int, length: int) -> None:
    fits = [m for a, b in joined(spans) for m in range(a, b - length + 1)]
    best = nearest(joined(spans), begin, length)
    assert (best is None) == (not fits)
    if best is not None:
        assert best == Span(best.begin, best.begin + length) and best.begin in fits
        assert abs(best.begin - begin) == min(abs(m - begin) for m in fits)

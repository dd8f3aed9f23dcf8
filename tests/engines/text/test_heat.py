import datetime as dt

import pytest

from heli.engines.text.heat import LEAST, heat, unusual

NOW = dt.datetime(2026, 11, 30, 12)


def ago(days, who):
    return NOW - dt.timedelta(days=days), who


@pytest.mark.parametrize(
    ("said", "hot"),
    [
        ([], 0),
        ([ago(0, "a")], 1),
        ([ago(0, "a"), ago(0, "a"), ago(3, "a")], 1),  # one person, however often
        ([ago(7, "a"), ago(0, "b")], 1.5),
        ([ago(14, "a"), ago(7, "a")], 0.5),  # by the latest
        ([ago(0, ""), ago(0, "")], 2),  # unknown: each one person
        ([ago(-2, "a")], 1),
    ],
)
def test_heat_counts_people_and_cools(said, hot):
    assert heat(said, NOW, half_life_days=7) == pytest.approx(hot)
    assert heat(said[::-1], NOW, half_life_days=7) == pytest.approx(hot)


def test_a_half_life_is_above_nothing():
    with pytest.raises(ValueError, match="half_life_days"):
        heat([], NOW, half_life_days=0)


def test_unusual_is_against_the_places_own_past():
    quiet, busy, wild = (
        [0, 1, 0, 0, 1, 0, 0, 0, 1, 0],
        [20, 22, 19, 21, 20, 18, 23, 20, 19, 21],
        [2, 40, 5, 60, 1, 30, 3, 55, 9, 20],
    )
    assert unusual(5, quiet[: LEAST - 1]) is None
    assert unusual(5, quiet) > 0.99 > unusual(24, busy) > unusual(20, busy)
    assert unusual(40, busy) > 0.99 > unusual(40, wild)  # a place that is always uneven is not unusual
    assert unusual(0, quiet) == 0
    assert unusual(1, [0] * 20) < 0.7  # one message after silence is nothing
    values = [unusual(n, busy) for n in range(50)]
    assert values == sorted(values) and values[0] >= 0 and values[-1] <= 1

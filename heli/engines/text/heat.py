"""How hot is an event, and is that unusual here: people, not messages; and against the place's own past, not other places."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from scipy.stats import nbinom, poisson

LEAST = 8  # periods of its own past before anything is said of a place


def heat(said: Sequence[tuple[dt.datetime, str]], now: dt.datetime, *, half_life_days: float) -> float:
    """Distinct people who spoke, each counted once, by their latest message, which halves in weight every half life.

    `said`: (when, who); who '' is one person of their own each time. What lies after `now` counts as said now. O(n).
    """
    if half_life_days <= 0:
        raise ValueError("half_life_days must be above 0")
    latest: dict[tuple[str, int], dt.datetime] = {}
    for n, (at, who) in enumerate(said):
        person = (who, 0 if who else n)
        latest[person] = max(at, latest.get(person, at))
    lives = ((now - at).total_seconds() / 86400 / half_life_days for at in latest.values())
    return math.fsum(math.exp2(-max(0.0, n)) for n in lives)


def unusual(count: float, baseline: Sequence[float]) -> float | None:
    """How unusual a count is against the place's own earlier counts per period: 0 (as always) to 1; None: too little past.

    1 − P(at least as many), by the negative binomial with the past's mean and spread, the Poisson where the spread is no
    larger than the mean; the mean is taken as at least half an event a period, so that one message after a silent year is
    nothing unusual. Fewer than LEAST periods say nothing.
    """
    if len(baseline) < LEAST:
        return None
    mean = max(0.5, sum(baseline) / len(baseline))
    spread = sum((b - mean) ** 2 for b in baseline) / (len(baseline) - 1)
    below = max(0.0, count) - 1
    if below < 0:
        return 0.0
    if spread <= mean:
        return float(poisson.cdf(below, mean))
    size = mean * mean / (spread - mean)
    return float(nbinom.cdf(below, size, size / (size + mean)))

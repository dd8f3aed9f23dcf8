"""Which kinds of matter in which places may be standing problems: said by clearly more people than usual there, or month
after month.

**More than usual.** People who spoke of a category in an area within the last `problem.window` days are compared with the
same area and category in the windows before, over `problem.baseline` days. Under a Poisson law of unknown rate with
Jeffreys' prior, after b people in n windows, the number in one more window is negative binomial with size b + ½ and
probability n / (n + 1); its upper tail at what was seen is the chance of so many by luck. A candidate has at least
`problem.min_count` people and a chance of at most one in `problem.surprise`. Windows before a county's first request are not
counted among the n: a young system is surprised by little.
Source: Höhle, "surveillance: an R package for the monitoring of infectious diseases", Computational Statistics 22 (2007)
571–582, `algo.bayes`; Gelman et al., *Bayesian Data Analysis*, 3rd ed. (2013), §2.6. The thresholds are rules.

**Month after month.** At least two people in each of `problem.recurring` windows of the last thirteen, this one among them.

People are counted, not requests: one who says it five times is one, in each window anew. Who gave no name and no number
counts as one for each time. The count reads one county at a time, four statements each, and writes the same rows however
often it is run for a moment; nothing is kept that could differ from the requests.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import Min, Q
from django.db.models.functions import Left

from heli.core.scope import within
from heli.insight.models import Candidate, Problem
from heli.insight.states import LIVE
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.places.models import Area
from heli.rulebook import queries as rulebook

RULES = (
    "problem.window", "problem.baseline", "problem.min_count", "problem.surprise", "problem.recurring", "problem.again",
)  # fmt: skip
LEVELS = (12, 9, 6)  # community, street, county: lengths of their paths
COUNTY = 6
PAIR = 2  # fewer people than this in a window are no sign of the same thing again
SHOWN = 13  # windows kept for the page, beside the present one
TURN = 0x48454C50  # advisory lock: one count at a time

# People by area, category and window (0: the present one) of a county. A twin's voices count where they were raised.
COUNT = """
WITH said AS (
    SELECT left(r.area_path, 12) AS p12, left(r.area_path, 9) AS p9, left(r.area_path, 6) AS p6, r.category_id, r.id,
           floor(extract(epoch FROM %(until)s - r.heard_at) / %(seconds)s)::int AS win,
           coalesce('u' || v.user_id, 'p' || encode(d.phone_index, 'hex'), 'i' || encode(d.id_index, 'hex'), 'v' || v.id) AS who
    FROM loop_request r
    JOIN loop_voice v ON v.request_id = r.id
    LEFT JOIN core_vaultrecord d ON d.id = v.record_id
    WHERE r.area_path >= %(path)s AND r.area_path < %(path)s || '~' AND r.heard_at > %(since)s AND r.heard_at <= %(until)s
      AND r.category_id IS NOT NULL AND r.state NOT IN ('withdrawn', 'declined')
)
SELECT coalesce(p12, p9, p6), category_id, win, count(DISTINCT who), count(DISTINCT id)
FROM said
GROUP BY GROUPING SETS ((p12, category_id, win), (p9, category_id, win), (p6, category_id, win))
"""


def tail(seen: int, before: int, windows: float) -> float:
    """The chance of `seen` people or more in one window after `before` people in so many windows (see the module).

    P(X ≥ seen) of the negative binomial with size before + ½ and success probability windows / (windows + 1).
    """
    if seen <= 0:
        return 1.0
    size, p = before + 0.5, windows / (windows + 1)
    below = 0.0
    for k in range(seen):
        below += math.exp(
            math.lgamma(size + k) - math.lgamma(size) - math.lgamma(k + 1) + size * math.log(p) + k * math.log1p(-p)
        )
    return max(0.0, 1.0 - below)


@dataclass(slots=True)
class Seen:
    """What was said of one category in one area: people and requests by window, 0 the present one."""

    people: dict[int, int] = field(default_factory=dict)
    requests: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate, before it is written."""

    area_path: str
    category_id: int
    why: str
    people: int
    requests: int
    expected: float
    odds: float
    periods: list[int]


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules of a county, as numbers."""

    window: int
    baseline: int
    least: int
    surprise: int
    recurring: int
    again: int

    @classmethod
    def of(cls, path: str, on: dt.date) -> Limits:
        rules = rulebook.in_force(RULES, path=path, on=on)
        return cls(*(int(rules[k].value) for k in RULES))

    @property
    def windows(self) -> int:
        """Whole windows of the baseline."""
        return max(1, self.baseline // self.window)


def counted(path: str, limits: Limits, until: dt.datetime) -> dict[tuple[str, int], Seen]:
    """{(area, category): what was said} of a county over the window and the baseline before it. One statement."""
    span = dt.timedelta(days=limits.window)
    values: dict[str, Any] = {
        "path": path,
        "until": until,
        "since": until - span * (limits.windows + 1),
        "seconds": span.total_seconds(),
    }
    found: dict[tuple[str, int], Seen] = defaultdict(Seen)
    with connection.cursor() as cur:
        cur.execute(COUNT, values)
        for area, category, win, people, requests in cur.fetchall():
            if len(area) in LEVELS:
                # the same short path comes from two levels where requests name no smaller place: the numbers agree
                found[area, category].people[win] = max(people, found[area, category].people.get(win, 0))
                found[area, category].requests[win] = max(requests, found[area, category].requests.get(win, 0))
    return dict(found)


def known(path: str, limits: Limits, until: dt.datetime) -> float:
    """How many windows before the present one a county was listened to: the baseline, or since its first request if that
    is less. A young system knows little of what is usual, and is surprised by little. One statement."""
    span = dt.timedelta(days=limits.window)
    oldest = until - span * (limits.windows + 1)
    first = Request.objects.filter(within("area_path", [path]), heard_at__gt=oldest).aggregate(n=Min("heard_at"))["n"]
    return 0.0 if first is None else max(0.0, min(float(limits.windows), (until - first) / span - 1))


def judged(key: tuple[str, int], seen: Seen, limits: Limits, windows: float) -> Found | None:
    """Whether what was said makes a candidate, and why; `windows`: how many of the baseline are known."""
    people = seen.people.get(0, 0)
    before = sum(n for win, n in seen.people.items() if 1 <= win <= limits.windows)
    odds = tail(people, before, windows) if windows > 0 else 1.0
    surge = people >= limits.least and odds <= 1 / limits.surprise
    often = sum(1 for win in range(SHOWN) if seen.people.get(win, 0) >= PAIR)
    again = often >= limits.recurring and people >= PAIR
    if not surge and not again:
        return None
    periods = [seen.people.get(win, 0) for win in range(min(limits.windows, SHOWN), -1, -1)]
    why = "surge" if surge else "recurring"
    requests = seen.requests.get(0, 0)
    expected = round(before / windows, 2) if windows > 0 else 0.0
    return Found(key[0], key[1], why, people, requests, expected, odds, periods)


def smallest(found: Iterable[Found]) -> list[Found]:
    """Each matter once: in the smallest area that has at least half of its people, in the wider one otherwise."""
    by_key = {(f.area_path, f.category_id): f for f in found}
    dropped: set[tuple[str, int]] = set()
    for key, wide in sorted(by_key.items(), key=lambda item: len(item[0][0])):
        inner = [f for (p, c), f in by_key.items() if c == key[1] and len(p) > len(key[0]) and p.startswith(key[0])]
        if any(2 * f.people >= wide.people for f in inner):
            dropped.add(key)
        elif key not in dropped:
            dropped |= {(f.area_path, f.category_id) for f in inner}
    return [f for key, f in sorted(by_key.items()) if key not in dropped]


def refresh(until: dt.datetime, paths: Iterable[str] | None = None) -> int:
    """Count the candidates of these counties (all, without) as of a moment. Returns how many there are now.

    A dismissed one stays quiet until `problem.again` percent of the people it had; one that a standing problem in hand
    covers is none, nor is what was said before one was closed; one that no longer stands out goes, unless somebody
    dismissed it within the window.
    """
    if paths is None:
        cut = Request.objects.order_by().values_list(Left("area_path", COUNTY)).distinct()
        paths = sorted(p for (p,) in cut if len(p) == COUNTY)
    return sum(_county(path, until) for path in paths)


def _county(path: str, until: dt.datetime) -> int:
    limits = Limits.of(path, local_day(until))
    windows = known(path, limits, until)
    found = smallest(f for key, s in counted(path, limits, until).items() if (f := judged(key, s, limits, windows)))
    with transaction.atomic():
        with connection.cursor() as cur:
            cur.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        in_hand = Problem.objects.filter(within("area_path", [path]), state__in=LIVE, category__isnull=False)
        covered = list(in_hand.values_list("area_path", "category_id"))
        over = Problem.objects.filter(within("area_path", [path]), state="closed", category__isnull=False)
        closed = [
            (p, c, at) for p, c, at in over.values_list("area_path", "category_id", "closed_at") if at is not None
        ]
        wanted = {
            (f.area_path, f.category_id): f
            for f in found
            if not any(c == f.category_id and f.area_path.startswith(p) for p, c in covered)
            and all(
                _since_then(f, limits, until - when)
                for p, c, when in closed
                if c == f.category_id and f.area_path.startswith(p)
            )
        }
        areas = {a.path: a.pk for a in Area.objects.filter(path__in={p for p, _c in wanted})}
        kept = {(c.area_path, c.category_id): c for c in Candidate.objects.filter(within("area_path", [path]))}
        gone = [c.pk for key, c in kept.items() if key not in wanted and not _rests(c, limits, until)]
        Candidate.objects.filter(pk__in=gone).delete()
        for key, f in wanted.items():
            if f.area_path in areas:
                _write(f, kept.get(key), areas[f.area_path], limits, until)
    return len(wanted)


def _since_then(f: Found, limits: Limits, age: dt.timedelta) -> bool:
    """Whether it stands out by what was said since its problem was closed; until then, its relapse is what is watched."""
    windows = age // dt.timedelta(days=limits.window)
    if f.why == "surge":
        return windows >= 1
    return sum(1 for n in f.periods[::-1][:windows] if n >= PAIR) >= limits.recurring


def _rests(c: Candidate, limits: Limits, until: dt.datetime) -> bool:
    """Dismissed so lately that it would come back as new."""
    return c.dismissed_at is not None and c.dismissed_at > until - dt.timedelta(days=limits.window)


def _write(f: Found, was: Candidate | None, area_id: int, limits: Limits, until: dt.datetime) -> None:
    numbers: dict[str, Any] = {
        "area_id": area_id, "why": f.why, "people": f.people, "requests": f.requests, "expected": f.expected,
        "odds": f.odds, "periods": f.periods, "since": until - dt.timedelta(days=limits.window), "until": until,
    }  # fmt: skip
    if was is not None and was.dismissed_people is not None and f.people * 100 >= was.dismissed_people * limits.again:
        numbers |= {"dismissed_at": None, "dismissed_by": None, "dismissed_reason": "", "dismissed_people": None}
        numbers["found_at"] = until
    if was is not None:
        Candidate.objects.filter(pk=was.pk).update(**numbers)
    else:
        Candidate.objects.create(area_path=f.area_path, category_id=f.category_id, found_at=until, **numbers)


# Relapse --------------------------------------------------------------------------------------------------------------
def people_by_span(where: Q, since: dt.datetime, until: dt.datetime, span: dt.timedelta) -> Mapping[int, int]:
    """{spans since `since`: different people} among these requests. One statement."""
    ids = Request.objects.filter(where, heard_at__gte=since, heard_at__lt=until).exclude(
        state__in=("withdrawn", "declined")
    )
    sql, values = ids.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cur:
        cur.execute(
            "SELECT floor(extract(epoch FROM r.heard_at - %s) / %s)::int AS nth, count(DISTINCT coalesce('u' || v.user_id,"
            " 'p' || encode(d.phone_index, 'hex'), 'i' || encode(d.id_index, 'hex'), 'v' || v.id))"
            " FROM loop_request r JOIN loop_voice v ON v.request_id = r.id LEFT JOIN core_vaultrecord d ON d.id = v.record_id"
            f" WHERE r.id IN ({sql}) GROUP BY nth",
            [since, span.total_seconds(), *values],
        )
        return dict(cur.fetchall())


def usual(path: str, where: Q, limits: Limits, until: dt.datetime) -> float:
    """People in a window before the present one, as far back as the county was listened to. Two statements."""
    span = dt.timedelta(days=limits.window)
    before = people_by_span(where, until - span * (limits.windows + 1), until - span, span)
    windows = known(path[:COUNTY], limits, until)
    return round(sum(before.values()) / windows, 2) if windows > 0 else 0.0


def usual_in(problem: Problem, days: int) -> float:
    """People in so many days before it was a problem; `usual` is of a window as it was when it was named. One statement."""
    rules = rulebook.in_force(("problem.window",), path=problem.area_path, on=local_day(problem.named_at))
    return problem.usual * days / int(rules["problem.window"].value)


def people(where: Q, since: dt.datetime, until: dt.datetime) -> int:
    """Different people among these requests. One statement."""
    ids = Request.objects.filter(where, heard_at__gte=since, heard_at__lt=until).exclude(
        state__in=("withdrawn", "declined")
    )
    sql, values = ids.order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cur:
        cur.execute(
            "SELECT count(DISTINCT coalesce('u' || v.user_id, 'p' || encode(d.phone_index, 'hex'),"
            " 'i' || encode(d.id_index, 'hex'), 'v' || v.id))"
            " FROM loop_voice v LEFT JOIN core_vaultrecord d ON d.id = v.record_id"
            f" WHERE v.request_id IN ({sql})",
            list(values),
        )
        return int(cur.fetchone()[0])

"""Rules of doubt beside made-up hours: what they catch, and how many honest people they keep waiting.

    ./run bench fraud

The records are made by bench/_fraud.py and weighed by the rules as they are at approval (heli/ledger/doubts.py, limits.py), in
the order in which they are put forward, with the shipped thresholds; no database. Honest hours that were held are credited
afterwards, others are not. Intervals are Wilson's, 95 %. Nothing here was measured in the world: the mixture is ours.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
RECALL, FALSE = 0.95, 0.02


def rules() -> dict[str, Any]:
    """The shipped rows."""
    rows = yaml.safe_load((ROOT / "heli/rulebook/data/country.yaml").read_text())
    rows = rows["rules"] if isinstance(rows, dict) else rows
    return {
        r["key"]: SimpleNamespace(key=r["key"], version=1, value=r["value"], id=n)
        for n, r in enumerate(rows)
        if r["key"].startswith("ledger.")
    }


class Books:
    """What was put forward before, as the ledger would hold it: what `heli.ledger.doubting` reads from the database."""

    def __init__(self, shipped: dict[str, Any]) -> None:
        self.rules = shipped
        self.persons: defaultdict[int, list[Any]] = defaultdict(list)
        self.sessions: defaultdict[Any, list[Any]] = defaultdict(list)
        self.months: dict[Any, tuple[int, int, int]] = {}
        self.days: Counter[tuple[int, dt.date]] = Counter()

    def weigh(self, batch: list[Any], at: dt.datetime) -> dict[int, set[str]]:
        """{record: rules that hold or refuse it}."""
        from heli.ledger import doubts, limits

        found: defaultdict[int, set[str]] = defaultdict(set)
        back = dt.timedelta(days=self.rules["ledger.h10.nobody"].value["days"])
        left = []
        for r in batch:
            if limits.back_office(r.enrolled, r.begins, r.grade):
                found[r.id].add("h12")
                continue
            r.known = any(x.own and r.begins - back < x.begins < r.begins for x in self.persons[r.person])
            left.append(r)
        for key in {r.session for r in left}:
            self.sessions[key] += [r for r in left if r.session == key]
        around = doubts.Around(self.persons, self.sessions, self.months)
        for pk, several in doubts.weigh(left, around, self.rules, at).items():
            found[pk] |= {d.rule for d in several}
        one = dt.timedelta(days=1)
        for r in left:
            day = r.starts.date()
            week = (
                max(sum(self.days[r.person, day + one * (k + n)] for n in range(7)) for k in range(-6, 1)) + r.minutes
            )
            if self.days[r.person, day] + r.minutes > self.rules[limits.DAY].value:
                found[r.id].add("h4")
            if week > self.rules[limits.WEEK].value:
                found[r.id].add("h4b")
        return found

    def credit(self, r: Any) -> None:
        self.persons[r.person].append(r)
        self.days[r.person, r.starts.date()] += r.minutes
        minutes, unseen, n = self.months.get(r.month, (0, 0, 0))
        self.months[r.month] = (minutes + r.minutes, unseen + (0 if r.seen else r.minutes), n + (not r.seen))


def interval(k: int, n: int) -> tuple[float, float]:
    """Wilson's, 95 %."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, k / n
    mid, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (mid - half) / (1 + z * z / n), (mid + half) / (1 + z * z / n)


def run(closings: list[Any], shipped: dict[str, Any]) -> dict[str, Any]:
    """{pattern: (records, caught)}, {pattern: refused}, {rule: (honest, frauds)} of what each rule met."""
    books = Books(shipped)
    by_pattern: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    by_rule: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for closing in closings:
        found = books.weigh([c.record for c in closing.cases], closing.at)
        for c in closing.cases:
            met = found.get(c.record.id, set())
            n = by_pattern[c.fraud]
            n[0] += 1
            n[1] += bool(met)
            n[2] += "h12" in met
            for rule in met:
                by_rule[rule][bool(c.fraud)] += 1
            if not met or not c.fraud:  # a person looked at it: what was honest is credited
                books.credit(c.record)
    return {"patterns": dict(by_pattern), "rules": dict(by_rule)}


def main() -> int:
    os.environ.setdefault("HELI_DEBUG", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()
    from bench._fraud import BEYOND, county

    began = time.perf_counter()
    closings = county()
    total = sum(len(c.cases) for c in closings)
    made = time.perf_counter() - began
    began = time.perf_counter()
    found = run(closings, rules())
    spent = time.perf_counter() - began
    print(f"{total:,} made-up records in {len(closings):,} closings; made in {made:.1f} s, weighed in {spent:.1f} s")
    print(f"\n{'pattern':28}{'records':>9}{'caught':>9}{'share':>9}   95 %")
    caught = frauds = 0
    for name, (n, k, _refused) in sorted(found["patterns"].items()):
        low, high = interval(k, n)
        what = name or "honest (held by mistake)"
        print(
            f"{what:28}{n:9,}{k:9,}{k / n:9.2%}   {low:.2%} – {high:.2%}{'   (not in the recall)' if name in BEYOND else ''}"
        )
        if name and name not in BEYOND:
            caught, frauds = caught + k, frauds + n
    honest, held, _ = found["patterns"][""]
    office, _k, refused = found["patterns"]["back office"]
    print(f"\n{'rule':8}{'of frauds':>12}{'of honest':>12}{'precision':>12}   95 %")
    for rule, (good, bad) in sorted(found["rules"].items()):
        low, high = interval(bad, good + bad)
        print(f"{rule.upper():8}{bad:12,}{good:12,}{bad / (good + bad):12.1%}   {low:.1%} – {high:.1%}")
    recall, false = caught / frauds, held / honest
    low, high = interval(caught, frauds)
    print(f"\nrecall {recall:.2%} ({low:.2%} – {high:.2%}) of {frauds:,}; asked for at least {RECALL:.0%}")
    low, high = interval(held, honest)
    print(f"false holds {false:.2%} ({low:.2%} – {high:.2%}) of {honest:,}; asked for at most {FALSE:.0%}")
    print(f"back office refused {refused}/{office}; asked for all")
    print(
        "All synthetic: how often honest people forget, share and come late is our guess. 'A few at a time' gets through."
    )
    print(f"ratio {min(recall / RECALL, FALSE / max(false, 1e-9), refused / office):.3f} (1 and above: within)")
    return 0 if recall >= RECALL and false <= FALSE and refused == office else 1


if __name__ == "__main__":
    raise SystemExit(main())

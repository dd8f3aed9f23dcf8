"""Search in Chinese: what a page of hits and the count beside it cost, for rare and common words, wide and narrow areas.

    ./run bench search [SIZE]        default 1000000; the database is that of ./run bench loop, made when it is not there

Each line is the time in the database and in Python from the words typed to the rows of a page and the count, without
HTTP; `cpu` is what of it this process and the database's worked, which a busy machine does not change. The ratio at the
end is the limit (50 ms) over the slowest p95: above 1 is within it.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from pathlib import Path

from bench._place import COUNTY, PROVINCE, database, settle_surroundings, up
from bench._seed import seed

LIMIT, RUNS = 50.0, 20
TYPED = (
    "水獭",
    "助听器",
    "路灯",
    "物业",
    "噪音",
    "电梯",
    "下水",
    "没有",
    "暖气 不热",
    "路灯不亮",
    "灯",
    "大海阳 路灯",
    "没有这样的词",
    "zf-7k",
)
STREET, VILLAGE = "370602003", "370602003006"


def wide(text: str, width: int) -> str:
    return text + " " * max(0, width - sum(2 if ord(c) > 0x2E7F else 1 for c in text))


def worked(pid: int) -> float:
    """Milliseconds a process was on a processor so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def measure(size: int) -> None:
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from heli.loop.queries import requests as lists
    from heli.orgs.queries import actor_for
    from heli.people.models import User

    worst = busiest = 0.0
    print(f"{size:,} requests; a page of 50 hits, newest first, and the count; milliseconds, {RUNS} runs each")
    print(wide("typed", 16), *(f"{c:>10}" for c in ("area", "hits", "way", "p50", "p95", "cpu")))
    boss = User.objects.filter(username=f"s.{PROVINCE}").first() or User.objects.get(username=f"d.{PROVINCE}")
    desk = User.objects.get(username=f"d.{COUNTY}")
    for typed in TYPED:
        for area, user in ((PROVINCE, boss), (COUNTY, desk), (STREET, desk), (VILLAGE, desk)):
            actor = actor_for(user)
            f = lists.Filters(q=typed, area="" if area in {PROVINCE, COUNTY} else area)
            times, pids = [], (os.getpid(), connection.connection.info.backend_pid)
            before = sum(map(worked, pids))
            for _run in range(RUNS):
                now, began = timezone.now(), time.perf_counter()
                hits = lists.searched(actor, f)
                lists.requests_page(actor, f, now, hits=hits)
                n = lists.how_many(actor, f, now, hits)
                times.append((time.perf_counter() - began) * 1000)
            cpu = (sum(map(worked, pids)) - before) / RUNS
            busiest = max(busiest, cpu)
            assert hits is not None
            p95 = sorted(times)[int(RUNS * 0.95) - 1]
            worst = max(worst, p95)
            said = str(n) if n <= lists.COUNTED else f">{lists.COUNTED}"
            way = "index" if hits.ids is not None else "walk"
            print(
                wide(typed, 16),
                f"{area[:10]:>10} {said:>10} {way:>10} {statistics.median(times):>10.1f} {p95:>10.1f} {cpu:>10.1f}",
            )
    print(f"most work for one search {busiest:.1f} ms of processor time")
    print(f"slowest p95 {worst:.1f} ms; limit over it: {LIMIT / worst:.2f}")


def main() -> None:
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    up()
    seed([size])
    settle_surroundings(database(size))
    measure(size)


if __name__ == "__main__":
    main()

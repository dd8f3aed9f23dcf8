"""Areas: how long the whole country takes to import, and what a search and the reading of an address cost.

    ./run bench areas

Works in a database of its own on the embedded PostgreSQL, as the application's role, and drops it afterwards.
The ratio at the end is the limit for the import (30 s) over the time it took: above 1 is within it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from heli import localpg

LIMIT = 30.0  # seconds for the whole country
ROOT = Path(__file__).resolve().parents[1]
RUNS = 40

SEARCHES: list[tuple[str, tuple[str, ...]]] = [
    ("zf", ()), ("dhysq", ()), ("大海阳", ()), ("张", ()), ("张家", ("37",)), ("张庄", ("37",)), ("z", ()),
    ("海阳", ("3706",)), ("dhy", ("370602",)), ("福学", ("370602",)), ("370602003006", ()), ("370634", ()),
    ("芝罘 大海阳", ()), ("芝罘区大海阳社区", ()), ("没有这个地方", ()),
]  # fmt: skip
ADDRESSES: list[tuple[str, str | None]] = [
    ("山东省烟台市芝罘区毓璜顶街道大海阳社区3号楼2单元", None),
    ("芝罘区福学社区5号楼", None),
    ("福学社区3号楼前面的污水井堵了，味道很大，已经一个星期没有人来看", "370602"),
    ("毓璜顶医院门口的路灯不亮", "370602"),
    ("我家住在幸福街道福学社区，楼下路灯不亮", "3706"),
    ("烟台开发区古现街道", None),
    ("长岛县北长山乡", None),
    ("北京市朝阳区三里屯街道", None),
    ("张庄村", "37"),
    ("幸福社区", None),
]


def row(*cells: object) -> None:
    first, *rest = cells
    wide = str(first) + " " * max(0, 44 - sum(2 if ord(c) > 0x2E7F else 1 for c in str(first)))
    print(wide, *(f"{c:>12}" for c in rest))


def spent(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def milliseconds(call: Callable[[], object]) -> tuple[str, str]:
    times = sorted(spent(call) * 1000 for _ in range(RUNS))
    return f"{statistics.median(times):.1f} ms", f"{times[int(RUNS * 0.95) - 1]:.1f} ms"


def worked(pid: int) -> float:
    """Processor seconds of a process so far: what a busy machine does not change."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory() -> int:
    """Resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * 4096 // 2**20


def measure() -> None:
    import django

    django.setup()
    from django.db import connection
    from django.utils import timezone

    from heli.places import gazetteer, queries, steps

    row("import", "rows", "seconds", "rows/s", "processor s")
    taken = 0.0
    with connection.cursor() as cur:
        cur.execute("SELECT pg_backend_pid()")
        pids = [os.getpid(), cur.fetchone()[0]]
    for name in ("whole country, empty database", "the same again (nothing changes)"):
        began, used = time.perf_counter(), sum(worked(pid) for pid in pids)
        done = steps.import_areas(at=timezone.now())
        seconds = time.perf_counter() - began
        taken = taken or seconds
        used = sum(worked(pid) for pid in pids) - used
        row(name, f"{done.total:,}", f"{seconds:.1f}", f"{done.total / seconds:,.0f}", f"{used:.1f}")

    print()
    row("search (665,276 areas)", "median", "95 %", "hits")
    for text, scope in SEARCHES:
        hits = queries.search(text, within=scope)
        row(f"{text}  {','.join(scope)}", *milliseconds(lambda t=text, s=scope: queries.search(t, within=s)), len(hits))  # type: ignore[misc]

    print()
    row("reading an address", "first", "median", "95 %")
    gazetteer.forget()
    before = memory()
    row("(provinces to counties into memory)", f"{spent(lambda: gazetteer.current().top) * 1000:.0f} ms")
    for text, scope in ADDRESSES:
        first = spent(lambda t=text, s=scope: queries.resolve(t, within=s)) * 1000  # type: ignore[misc]
        again = milliseconds(lambda t=text, s=scope: queries.resolve(t, within=s))  # type: ignore[misc]
        row(f"{text[:20]}  {scope or ''}", f"{first:.1f} ms", *again)
    print(f"\nmemory of the dictionary after these: about {memory() - before} MB")
    print(f"import, limit over time: {LIMIT:.0f} s / {taken:.1f} s = {LIMIT / taken:.2f}")


def main() -> None:
    if "--inside" in sys.argv:
        return measure()
    if os.environ.get("DATABASE_URL"):
        raise SystemExit("This makes and drops a database: unset DATABASE_URL to use the embedded PostgreSQL.")
    var = Path(os.environ.get("HELI_VAR", ROOT / "var")).resolve()
    name = f"bench_areas_{os.getpid()}"
    localpg.ensure(var)
    with psycopg.connect(localpg.urls(var, "postgres").owner_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            urls, env = localpg.urls(var, name), os.environ | {"HELI_DEBUG": "1", "HELI_LOG_LEVEL": "WARNING"}
            env["DJANGO_SETTINGS_MODULE"] = "heli.settings"
            migrate = [sys.executable, "-W", "ignore", "-m", "django", "migrate", "-v0"]
            subprocess.run(migrate, env=env | {"DATABASE_URL": urls.owner_url}, cwd=ROOT, check=True)
            inside = [sys.executable, "-m", "bench.areas", "--inside"]
            subprocess.run(inside, env=env | {"DATABASE_URL": urls.app_url}, cwd=ROOT, check=True)
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


if __name__ == "__main__":
    main()

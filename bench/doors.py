"""The other doors at a million requests: wall of wishes, suggestions, sites, open figures, problems. Statements and time.

    ./run bench doors seed --size 1000000       a copy of the loop's database of that size (made when it is not there), with
                                                10,000 sites, 20,000 wishes and 20,000 suggestions; rollups brought up to date, timed
    ./run bench doors measure --size 1000000 [--explain]
    ./run bench doors drop --size 1000000       gives the disk back

Sizes: 10000, 100000, 1000000. Databases lie beside those of `./run bench loop` (HELI_BENCH_VAR, default HELI_VAR/bench); the
loop's own are only migrated. Pages are asked in process, without a server: statements of the whole request (session,
account and grants included, marks of transactions left out), median and 95th percentile of the clock, work of this process
and the database's (which a busy machine does not change), size of the answer. Rollups are kept; "touched" pages count
changed cells live.
The ratio at the end is the worst number of statements over the limit of eight: above 1 is too many.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench import _doors_sql as sql
from bench._place import (
    CONSOLE,
    COUNTY,
    PROVINCE,
    VAR,
    Timer,
    database,
    drop,
    exists,
    migrate,
    owner,
    python,
    say,
    settle_surroundings,
    stamp,
    stamped,
    tables_now,
    up,
)
from bench._seed import current
from bench._seed import seed as seed_loop
from bench.search import worked
from heli import localpg

LIMIT, ASKS, SLOW, TOUCHED = 8, 30, 100.0, 200
SITES, WISHES = 10_000, 20_000  # as many suggestions as wishes
RESULTS = VAR / "doors.json"
MARKS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK", "SET CONSTRAINTS")


def doors(size: int) -> str:
    return f"doors_{size}"


def keep(part: str, size: int, value: Any) -> None:
    """Add figures to doors.json; the others stay."""
    all_: dict[str, Any] = dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}
    all_.setdefault(part, {})[str(size)] = {"at": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M}", "figures": value}
    RESULTS.write_text(json.dumps(all_, ensure_ascii=False, indent=1))


# Seed ---------------------------------------------------------------------------------------------------------------
def fill(name: str) -> None:
    """Rows of all doors, by SQL in the database; constraints and foreign keys hold all the while."""
    from heli.places.sites import Service

    timer = Timer()
    with owner(name) as db:
        db.execute("SET work_mem = '128MB'; SET synchronous_commit = off; SET jit = off")
        for table in sql.BARE:
            db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        numbers: dict[str, Any] = {
            "county": COUNTY, "now": dt.datetime.now(dt.UTC), "sites": SITES, "wishes": WISHES, "texts": 6000,
            "replies": 3000, "services": list(Service.values),
        }  # fmt: skip
        for part, text in sql.PARTS.items():
            for statement in text.split(";\n"):
                if statement.strip():
                    db.execute(statement, numbers)
            if part == "places and people":
                for key, table in (("places", "spot"), ("members", "member"), ("sealed", "sealed")):
                    row = db.execute(f"SELECT count(*) FROM bench.{table}").fetchone()
                    numbers[key] = row[0] if row else 0
            timer.mark(part)
        for table in sql.BARE:
            db.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        db.execute("ANALYZE")
    timer.mark("statistics")


def seed(size: int) -> None:
    """Bring the database of this size up: loop, copy, tables, rows, rollups."""
    name = doors(size)
    if not current(size):
        seed_loop([size])
    if not exists(name):
        timer = Timer()
        with owner() as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE {database(size)}")
        timer.mark(f"{name}: copied")
    settle_surroundings(name)
    import django

    django.setup()
    done, _space, tables = stamped(name).partition(" ")
    if tables != tables_now() and done == "filled":
        migrate(name)
    if done != "filled":
        fill(name)
    python(name, "-m", "bench._catch_up", as_owner=True)
    stamp(name, f"filled {tables_now()}")
    with owner(name) as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]
            for table in ("insight_rollup", "insight_slice", "insight_tally", "loop_request", "wishes_wish",
                          "wishes_pledge", "suggestions_suggestion", "suggestions_second", "places_site")
        }  # fmt: skip
    for table, rows in counts.items():
        say(f"  {table:24} {rows:>11,}")
    keep("seed", size, counts)


# Measure ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Found:
    """Figures of one page: statements, milliseconds of the clock and of both processes' work, bytes; its slowest
    statement with the milliseconds of that."""

    name: str
    status: int
    statements: int
    p50: float
    p95: float
    cpu: float
    size: int
    longest: float
    longest_sql: str


def asked(name: str, ask: Callable[[], Any]) -> Found:
    """A page asked once to warm up, once with its statements counted, then ASKS times by the clock."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask()
    with CaptureQueriesContext(connection) as caught:
        answer = ask()
    queries = [q for q in caught.captured_queries if not q["sql"].startswith(MARKS)]
    slowest = max(queries, key=lambda q: float(q["time"]), default={"time": "0", "sql": ""})
    times, pids = [], (os.getpid(), connection.connection.info.backend_pid)
    before = sum(map(worked, pids))
    for _n in range(ASKS):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    cpu = (sum(map(worked, pids)) - before) / ASKS
    times.sort()
    return Found(
        name, answer.status_code, len(queries), statistics.median(times), times[int(ASKS * 0.95) - 1], cpu,
        len(b"".join(answer)) if answer.streaming else len(answer.content), float(slowest["time"]) * 1000, slowest["sql"],
    )  # fmt: skip


def pages() -> dict[str, Callable[[], Any]]:
    """{name: ask}; everybody comes from another address each time."""
    from django.test import Client

    from bench._cast import BACKEND, HOME
    from heli.insight.models import Tally
    from heli.people.models import User
    from heli.places.sites import Site
    from heli.suggestions.models import Suggestion
    from heli.wishes.models import Wish

    numbers = iter(range(10**9))
    staff = Client(**HOME)  # type: ignore[arg-type]
    staff.force_login(User.objects.get(username=f"s.{COUNTY}"), BACKEND)

    def public(path: str, data: dict[str, Any] | None = None) -> Callable[[], Any]:
        def ask() -> Any:
            n = next(numbers)
            one = Client(**(HOME | {"HTTP_X_FORWARDED_FOR": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"}))
            return one.get(path) if data is None else one.post(path, data)

        return ask

    wish = Wish.objects.filter(state="pledged", taken__gt=2).order_by("-id").first()
    said = (
        Suggestion.objects.filter(state="public", request__state="closed", seconds__gt=0).order_by("-seconds").first()
    )
    site = Site.objects.order_by("id").first()
    unit = Tally.objects.filter(width=0).order_by("-now_open", "unit").values_list("unit", flat=True).first()
    streets = Tally.objects.filter(width=9, inside__startswith=COUNTY, kind="wish").values_list("inside", flat=True)
    inside = Suggestion.objects.order_by("-pk").values_list("request__area_path", flat=True)[0]
    street, city, figures = streets.order_by("inside").first(), COUNTY[:4], "/board/public"
    centre = Site.objects.filter(pk__gt=0).order_by("id").values_list("lat", "lon")[2]

    def points(across: float, zoom: int, more: str = "") -> Callable[[], Any]:
        lat, lon = centre
        box = f"{lon - across:.4f},{lat - across * 0.7:.4f},{lon + across:.4f},{lat + across * 0.7:.4f}"
        return public(f"/sites/points/?bbox={box}&zoom={zoom}{more}")

    return {
        "wishes: waiting": public("/wishes/"),
        "wishes: of a street": public(f"/wishes/?street={street}"),
        "wishes: on their way": public("/wishes/?list=way"),
        "wishes: fulfilled": public("/wishes/?list=done"),
        "one wish": public(f"/wishes/{wish.pk}/"),
        "suggestions: newest": public("/suggestions/"),
        "suggestions: most seconded": public("/suggestions/?sort=most"),
        "suggestions: of a street": public(f"/suggestions/?area={street}"),
        "suggestions: adopted": public("/suggestions/?stage=adopted"),
        "suggestions: done": public("/suggestions/?stage=done"),
        "suggestions: late": public("/suggestions/?stage=late"),
        "suggestions: late, most": public("/suggestions/?stage=late&sort=most"),
        "suggestions: open": public("/suggestions/?stage=open"),
        "one suggestion": public(f"/suggestions/{said.request.code}/"),
        "suggesting: what is alike": public("/suggestions/new/like/", {"text": said.text}),
        "sites: map and list": public("/sites/"),
        "sites: open now, toilet": public("/sites/?open=1&service=toilet"),
        "sites: near": public("/sites/near/", {"lat": str(centre[0]), "lon": str(centre[1])}),
        "sites: near, open now": public("/sites/near/", {"lat": str(centre[0]), "lon": str(centre[1]), "open": "1"}),
        "points: zoom 8": points(3.0, 8),
        "points: zoom 11": points(0.3, 11),
        "points: zoom 13": points(0.08, 13),
        "points: zoom 15": points(0.02, 15),
        "points: zoom 17": points(0.005, 17),
        "points: zoom 11, open": points(0.3, 11, "&open=1"),
        "one site": public(f"/sites/{site.pk}/"),
        "figures: province": public(f"{figures}/{PROVINCE}/"),
        "figures: city": public(f"{figures}/{city}/"),
        "figures: county": public(f"{figures}/{COUNTY}/"),
        "figures: county, 90 days": public(f"{figures}/{COUNTY}/?days=90"),
        "figures: street": public(f"{figures}/{street}/"),
        "figures: community": public(f"{figures}/{inside}/"),
        "figures: unit": public(f"{figures}/unit/{unit}/"),
        "figures: province, json": public(f"{figures}/{PROVINCE}/figures.json"),
        "figures: county, json": public(f"{figures}/{COUNTY}/figures.json"),
        "problems: public": public(f"{figures}/problems/{COUNTY}/"),
        "problems: staff": lambda: staff.get("/board/problems/"),
        "snap": public("/snap/"),
    }


def plan_of(statement: str) -> str:
    """EXPLAIN of a statement as it was captured, with its values in it."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cur:
        cur.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement.replace("%", "%%"), [])
        return "\n".join(row[0] for row in cur.fetchall())


@contextmanager
def touched(name: str) -> Iterator[None]:
    """Marks as changes leave them, until the block ends: those cells of the county are counted live."""
    with owner(name) as db:
        db.execute(
            "INSERT INTO insight_touched (cell) SELECT DISTINCT cell FROM insight_slice WHERE left(inside, 6) = %s"
            " ORDER BY cell DESC LIMIT %s",
            [COUNTY, TOUCHED],
        )
        try:
            yield
        finally:
            db.execute("DELETE FROM insight_touched")


def measure(size: int, *, explain: bool, only: str) -> None:
    settle_surroundings(doors(size))
    import logging

    import django

    django.setup()
    from django.core.management import call_command

    logging.disable(logging.WARNING)
    call_command("collectstatic", interactive=False, verbosity=0)  # pages name files by their hashes
    asks = pages()
    asks |= {f"{name}, {TOUCHED} cells touched": asks[name] for name in asks if re.fullmatch(r"figures: [a-z]+", name)}
    table = Table("page", "status", "statements", "p50 ms", "p95 ms", "CPU ms", "KB", "its longest statement ms")
    found = []
    for name, ask in asks.items():
        if not re.search(only, name):
            continue
        with touched(doors(size)) if name.endswith("touched") else nullcontext():
            one = asked(name, ask)
        found.append(one)
        over = f"{one.statements} > {LIMIT}" if one.statements > LIMIT else str(one.statements)
        table.add_row(
            name, str(one.status), over, f"{one.p50:.1f}", f"{one.p95:.1f}", f"{one.cpu:.1f}", f"{one.size / 1000:.1f}",
            f"{one.longest:.0f}",
        )  # fmt: skip
    CONSOLE.print(table)
    for one in found:
        if explain and one.p50 > SLOW:
            say(f"\n{one.name}: {one.longest:.0f} ms\n{one.longest_sql}\n{plan_of(one.longest_sql)}")
    wrong = [f"{one.name} answered {one.status}" for one in found if one.status != 200]
    if not only:
        keep("measure", size, {
            one.name: {"statements": one.statements, "p50": round(one.p50, 1), "p95": round(one.p95, 1),
                       "cpu": round(one.cpu, 1), "bytes": one.size}
            for one in found
        })  # fmt: skip
    say(f"{size:,} requests; slowest median {max(one.p50 for one in found):.0f} ms")
    say(f"ratio: worst statements over {LIMIT}: {max(one.statements for one in found) / LIMIT:.2f}")
    if wrong:
        sys.exit("; ".join(wrong))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./run bench doors", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("seed", "measure", "drop"):
        one = verbs.add_parser(verb)
        one.add_argument("--size", type=int, choices=(10_000, 100_000, 1_000_000), default=10_000)
        if verb == "measure":
            one.add_argument("--explain", action="store_true", help=f"plans of what takes longer than {SLOW:.0f} ms")
            one.add_argument("--only", default="", help="a regular expression over the names of pages")
    args = parser.parse_args()
    up()
    try:
        if args.verb == "drop":
            drop(doors(args.size))
            return
        if args.verb == "seed":
            seed(args.size)
            return
        if not exists(doors(args.size)):
            sys.exit(f"Nothing to measure on: run ./run bench doors seed --size {args.size} first.")
        measure(args.size, explain=args.explain, only=args.only)
    finally:
        localpg.stop(VAR)


if __name__ == "__main__":
    main()

"""The loop at ten thousand, a million and three million requests, over HTTP with the real server.

    ./run bench loop                                    seed to 1 M, measure 10 k and 1 M (3 M when it is there), peak
    ./run bench loop seed --sizes 10000,100000,1000000,3000000
    ./run bench loop measure --size 1000000 [--only list,detail]
    ./run bench loop peak --size 1000000 --minutes 10
    ./run bench loop report                             the table in docs/performance.md from the last figures
    ./run bench loop drop [--sizes …]                   give the disk back

Databases and figures (results.json) lie in HELI_BENCH_VAR, by default HELI_VAR/bench, with a PostgreSQL of their own.
A size that is there and up to date is not made again. Ratios at the end: 1 M against 10 k, and against Signalen.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from typing import Any

from bench import _measure, _peak, _report, _seed
from bench._place import VAR, database, drop, say, up
from heli import localpg

SMALL, LARGE, HUGE = 10_000, 1_000_000, 3_000_000
SIZES = [SMALL, 100_000, LARGE, HUGE]
RESULTS = VAR / "results.json"


def kept() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


def keep(part: str, key: str, value: Any) -> None:
    """Add figures to results.json; those of other parts and sizes stay."""
    all_ = kept()
    all_.setdefault(part, {})[key] = {"at": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M}", "figures": value}
    RESULTS.write_text(json.dumps(all_, ensure_ascii=False, indent=1))


def seed(sizes: list[int], *, anew: bool = False) -> None:
    made = _seed.seed(sizes, anew=anew)
    for size in sizes:
        tables = _seed.sizes_of(size)
        if size in made:
            keep("seed", str(size), made[size])
        keep("tables", str(size), tables)
        total = sum(t[2] + t[3] for t in tables)
        say(f"{database(size)}: {total / 1e9:.2f} GB" + ("" if size in made else " (was there)"))
        for name, rows, table, indexes in tables[:12]:
            say(f"  {name:24} {rows:>11,} rows   {table / 1e6:9,.1f} MB + indexes {indexes / 1e6:9,.1f} MB")


def measure(size: int, only: tuple[str, ...] = ()) -> None:
    if not _seed.current(size):
        _seed.seed([size])
    say(f"{database(size)}: acts over HTTP")
    found = _measure.measure(size, only)
    if only:
        found = kept().get("measure", {}).get(str(size), {}).get("figures", {}) | found
    keep("measure", str(size), found)


def peak(size: int, minutes: float, times: float, pace: float = _peak.PACE) -> None:
    if not _seed.current(size):
        _seed.seed([size])
    keep("peak", str(size), _peak.peak(size, minutes, times=times, pace=pace))


def everything(minutes: float) -> None:
    seed(SIZES[:3])
    for size in (SMALL, LARGE):
        measure(size)
    if _seed.current(HUGE):
        measure(HUGE)
    peak(LARGE, minutes, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="./run bench loop", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb")
    numbers = {"default": SIZES, "type": lambda text: [int(n) for n in text.replace("_", "").split(",")]}
    one = verbs.add_parser("seed")
    one.add_argument("--sizes", **numbers)
    one.add_argument("--anew", action="store_true", help="also what is there already")
    one = verbs.add_parser("measure")
    one.add_argument("--size", type=int, default=LARGE)
    one.add_argument("--only", default="", help="acts, comma separated")
    one = verbs.add_parser("peak")
    one.add_argument("--size", type=int, default=LARGE)
    one.add_argument("--minutes", type=float, default=10)
    one.add_argument("--times", type=float, default=1.0, help="so many times the peak")
    one.add_argument("--pace", type=float, default=_peak.PACE, help="seconds in which a reader opens a page")
    verbs.add_parser("report")
    verbs.add_parser("drop").add_argument("--sizes", **numbers)
    verbs.add_parser("all").add_argument("--minutes", type=float, default=10)
    args = parser.parse_args()
    up()
    try:
        match args.verb:
            case "seed":
                seed(args.sizes, anew=args.anew)
            case "measure":
                measure(args.size, tuple(n for n in args.only.split(",") if n))
            case "peak":
                peak(args.size, args.minutes, args.times, args.pace)
            case "drop":
                for size in args.sizes:
                    drop(database(size))
            case "report":
                pass
            case _:
                everything(getattr(args, "minutes", 10))
    finally:
        localpg.stop(VAR)
    _report.show(kept())
    if args.verb in {"report", "all", None}:
        _report.write(kept())


if __name__ == "__main__":
    sys.exit(main())

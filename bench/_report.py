"""The last figures as tables: on the screen, and between the markers of docs/performance.md."""

from __future__ import annotations

import os
import platform
from typing import Any

from rich.table import Table

from bench._measure import NAMES, SIGNALEN
from bench._place import CONSOLE, ROOT, say

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: ./run bench loop report -->", "<!-- end of figures -->"
SMALL, LARGE = "10000", "1000000"
Rows = list[list[str]]


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} shared cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def acts(results: dict[str, Any]) -> dict[str, Rows]:
    """Per size: the rows of its table."""
    found: dict[str, Rows] = {}
    for size, part in sorted(results.get("measure", {}).items(), key=lambda p: int(p[0])):
        found[size] = [
            [
                NAMES[act], f"{f['rate']:.1f}", f"{f['p50_1']:.0f} / {f['p95_1']:.0f}", f"{f['p50_4']:.0f} / {f['p95_4']:.0f}",
                f"{f['web_ms']:.1f}", f"{f['base_ms']:.1f}", str(f["statements"] or ""), str(f["errors"]),
            ]
            for act, f in part["figures"].items()
        ]  # fmt: skip
    return found


ACTS = [
    "act",
    "a second, 4 clients",
    "p50 / p95 ms, 1 client",
    "p50 / p95 ms, 4 clients",
    "CPU ms web",
    "CPU ms PostgreSQL",
    "statements",
    "errors",
]


def growth(results: dict[str, Any]) -> Rows:
    """What a hundred times as many requests cost: p50 of one client and CPU of both servers, 1 M over 10 k."""
    small = results.get("measure", {}).get(SMALL, {}).get("figures", {})
    large = results.get("measure", {}).get(LARGE, {}).get("figures", {})
    rows = []
    for act in large:
        if act in small and small[act]["p50_1"]:
            a, b = small[act], large[act]
            cpu = [f["web_ms"] + f["base_ms"] for f in (a, b)]
            rows.append([NAMES[act], f"{b['p50_1'] / a['p50_1']:.2f}", f"{cpu[1] / max(cpu[0], 0.01):.2f}"])
    return rows


def beside(results: dict[str, Any]) -> Rows:
    """Requests a second at 1 M beside Signalen's with two hundred."""
    large = results.get("measure", {}).get(LARGE, {}).get("figures", {})
    return [
        [NAMES[act], f"{large[act]['rate']:.1f}", f"{low:g}–{high:g}", f"{large[act]['rate'] / high:.1f}"]
        for act, (low, high) in SIGNALEN.items()
        if act in large
    ]


def peaks(results: dict[str, Any]) -> list[tuple[str, Rows]]:
    found = []
    for part in results.get("peak", {}).values():
        f = part["figures"]
        cores, safe = (", ".join(f"{k} {v:,}" for k, v in f[name].items()) for name in ("cores", "kept"))
        title = (
            f"{f['creates_per_second']} creates and {f['reads_per_second']} pages a second for {f['minutes']:g} minutes "
            f"on {f['size']:,} requests ({part['at']}). Cores used: {cores}. Kept: {safe}; "
            f"jobs left {f['queue_left']}, queue empty after {f['drained_seconds']} s."
        )
        rows = [
            [
                NAMES[n],
                f"{s['rate']}",
                f"{s['answered']:,}",
                str(s["errors"]),
                f"{s['p50']:.0f}",
                f"{s['p95']:.0f}",
                f"{s['p99']:.0f}",
            ]
            for n, s in f["streams"].items()
        ]
        found.append((title, rows))
    return found


PEAK = ["act", "a second", "answered", "errors", "p50 ms", "p95 ms", "p99 ms"]


def seeds(results: dict[str, Any]) -> Rows:
    rows = []
    for size, part in sorted(results.get("tables", {}).items(), key=lambda p: int(p[0])):
        tables = part["figures"]
        made = results.get("seed", {}).get(size, {}).get("figures", {})
        largest = ", ".join(f"{t[0]} {(t[2] + t[3]) / 1e6:,.0f} MB" for t in tables[:4])
        rows.append(
            [f"{int(size):,}", f"{made['total']:.0f}" if made else "", f"{made.get('rows and indexes', 0):.0f}" if made else "",
             f"{sum(t[2] + t[3] for t in tables) / 1e9:.2f}", largest]
        )  # fmt: skip
    return rows


SEEDS = ["requests", "made in s", "of it rows and indexes", "GB", "largest (with indexes)"]


def ratio(results: dict[str, Any]) -> str:
    """The one line at the end."""
    rows = beside(results)
    least = min((float(r[3]) for r in rows), default=0.0)
    worst = max((float(r[1]) for r in growth(results)), default=0.0)
    return (
        f"ratio: {least:.1f} times Signalen's slowest lead (at 1 M against its 200); 1 M over 10 k at most {worst:.2f}"
    )


def show(results: dict[str, Any]) -> None:
    for title, head, rows in sections(results):
        if rows:
            table = Table(*head, title=title, title_justify="left")
            for row in rows:
                table.add_row(*row)
            CONSOLE.print(table)
    say(ratio(results))


def sections(results: dict[str, Any]) -> list[tuple[str, list[str], Rows]]:
    measured = {size: part["at"] for size, part in results.get("measure", {}).items()}
    found = [("Databases", SEEDS, seeds(results))]
    found += [(f"{int(size):,} requests ({measured[size]})", ACTS, rows) for size, rows in acts(results).items()]
    found.append(("1,000,000 over 10,000", ["act", "p50, 1 client", "CPU of both servers"], growth(results)))
    found.append(("Beside Signalen 2.50", ["act", "here at 1,000,000", "Signalen with 200", "times"], beside(results)))
    found += [("Peak: " + title, PEAK, rows) for title, rows in peaks(results)]
    return found


def markdown(results: dict[str, Any]) -> str:
    lines = [f"Machine: {machine()}.", ""]
    for title, head, rows in sections(results):
        if rows:
            lines += [f"**{title}**", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
            lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    return "\n".join([*lines, ratio(results)])


def write(results: dict[str, Any]) -> None:
    """Put the tables between the markers of the page; everything else on it stays."""
    text = PAGE.read_text()
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(results)}\n{END}{after}")
    say(f"written: {PAGE.relative_to(ROOT)}")

"""The command groups `heli insight` (what was counted ahead) and `heli figures` (what everybody may read)."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="What was counted ahead.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def rebuild(as_json: Json = False) -> None:
    """Count everything anew, county by county, while the system serves. Needed when requests were put in by COPY with
    the triggers off; otherwise the worker does it once, the first time."""
    run("rebuild", as_json)


@app.command()
def refresh(as_json: Json = False) -> None:
    """Count again what was touched since; the worker does it every minute."""
    run("refresh", as_json)


def run(what: str, as_json: bool) -> None:
    import time

    import django

    django.setup()
    from django.utils import timezone

    from heli.insight import refresh as rollups

    began = time.perf_counter()
    cells = rollups.rebuild(timezone.now()) if what == "rebuild" else rollups.refresh(timezone.now())
    made = {"cells": cells, "seconds": round(time.perf_counter() - began, 1)}
    typer.echo(json.dumps(made) if as_json else f"{cells:,} cells in {made['seconds']} s")


figures = typer.Typer(help="What everybody may read.", no_args_is_help=True)


@figures.command()
def recount(
    area: Annotated[str, typer.Option(help="Path of the area, such as 370602.")],
    days: Annotated[int, typer.Option(help="7, 30 or 90.")] = 30,
    as_json: Json = False,
) -> None:
    """What the tallies say of an area, what a plain recount of its requests says, and the difference. Ends with 1 when
    they differ."""
    import django

    django.setup()
    from django.utils import timezone

    from heli.insight import open_figures

    found = open_figures.recount(area, days, timezone.now())
    rows = [
        {"set": n, "kept": kept, "recounted": plain, "difference": kept - plain} for n, (kept, plain) in found.items()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        typer.echo(f"{'set':<22}{'kept':>12}{'recounted':>12}{'difference':>12}")
        for r in rows:
            typer.echo(f"{r['set']:<22}{r['kept']:>12,}{r['recounted']:>12,}{r['difference']:>12,}")
    raise typer.Exit(1 if any(r["difference"] for r in rows) else 0)


@app.command()
def candidates(as_json: Json = False) -> None:
    """Find what may be a standing problem, and closed ones that came back; the worker does it every night."""
    import django

    django.setup()
    from django.utils import timezone

    from heli.insight import candidates as found
    from heli.insight import problem_steps

    now = timezone.now()
    made = {"relapsed": problem_steps.relapse_due(now), "candidates": found.refresh(now)}
    typer.echo(json.dumps(made) if as_json else f"{made['candidates']} candidates, {made['relapsed']} relapsed")

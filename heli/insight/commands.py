"""The command group `heli insight`: what was counted ahead."""

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

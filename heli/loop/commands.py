"""Commands of the loop that stand by themselves; heli/cli.py adds them."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.console import Console


def audit(
    hashes: Annotated[int, typer.Option(help="How many files are read to compare their content.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Look over the whole database for what must never be. Ends with 1 when something is broken."""
    from heli.loop.audit import audit as look

    found = look(hashes=hashes)
    broken = any(f.count and f.broken for f in found)
    if as_json:
        print(json.dumps({"broken": broken, "checks": [dataclasses.asdict(f) for f in found]}, ensure_ascii=False))
    else:
        out = Console()
        for f in found:
            mark = "ok     " if not f.count else "BROKEN " if f.broken else "look   "
            ids = f"  {', '.join(f.ids)}" if f.count else ""
            out.print(f"{mark} {f.count:>7}  {f.says}{ids}", highlight=False, soft_wrap=True)
    if broken:
        raise typer.Exit(1)

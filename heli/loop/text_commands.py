"""The command group `heli text`: the text engine on any table of messages, without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from heli.core.errors import HeliError
from heli.core.tables import open_sheet

app = typer.Typer(help="Read messages: what they are about, which say the same.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def rows_of(path: Path, **columns: str) -> list[dict[str, str]]:
    """Rows of a CSV or xlsx file (.xz and .gz too) as {our field: text}; `columns` maps our fields to the file's columns.

    Ends with a sentence and code 2 when the file cannot be read or a column is not there.
    """
    try:
        with path.open("rb") as source:
            table = open_sheet(source, path.name, {f: (c,) for f, c in columns.items()})
            missing = [c for c in columns.values() if c not in table.columns]
            if missing:
                raise typer.BadParameter(
                    f"no column {', '.join(missing)} in {path.name}; it has {', '.join(table.columns)}"
                )
            return [{f: row.get(c, "") for f, c in columns.items()} for row in table.rows]
    except (OSError, HeliError) as error:
        raise typer.BadParameter(f"{path}: {error}") from error


def show(found: dict[str, Any], as_json: bool) -> None:
    """One JSON object, or a line for each of its values."""
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for name, value in found.items():
        typer.echo(f"{name:<20} {value}")


@app.command()
def normal(text: str) -> None:
    """A text as the engine compares it."""
    from heli.engines.text.normal import normal as made

    typer.echo(made(text))

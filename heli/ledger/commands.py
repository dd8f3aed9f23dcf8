"""heli ledger …: from a shell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The account of service hours and its public log.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@app.callback()
def group() -> None:
    """The account of service hours and its public log."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()


@app.command()
def check(
    checkpoint: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="A head kept elsewhere. May be given again.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A copy of what was published.")
    ] = None,
) -> None:
    """Compute everything anew from the rows; say what is not as it was signed, and end with 1 then."""
    from heli.ledger import audit, log

    own = log.folder()
    where = published or (own if (own / "checkpoint").exists() else None)
    wrong = audit.check([(str(p), p.read_text()) for p in checkpoint or ()], where)
    for line in wrong:
        print(line)
    if wrong:
        raise typer.Exit(1)
    print(f"{log.size()} leaves: all as they were written and signed")


@app.command()
def key() -> None:
    """The log's public key, as verifiers take it (name+hash+key); made when it is first asked for."""
    from django.utils import timezone

    from heli.ledger import log

    print(log.verifier(log.key(timezone.now())))


@app.command()
def publish(into: Annotated[Path | None, typer.Option(help="Folder; without it HELI_VAR/log.")] = None) -> None:
    """Give waiting entries their place, sign a head, and write what is public as files."""
    from django.utils import timezone

    from heli.ledger import log

    while log.sequence():
        pass
    head = log.checkpoint(timezone.now())
    print(f"{head.size} leaves signed, {log.publish(into or log.folder())} files written")


@app.command()
def cosign(file: File, witness: Annotated[str, typer.Option(help="The witness's key: name+hash+key.")]) -> None:
    """Keep the signature that a witness put under one of our heads."""
    from django.utils import timezone

    from heli.core.actor import SYSTEM
    from heli.core.errors import HeliError
    from heli.ledger.log_steps import cosign as keep

    try:
        made = keep(note=file.read_text(), witness=witness, by=SYSTEM, at=timezone.now())
    except HeliError as error:
        print(f"{error.code} {error.words}")
        raise typer.Exit(1) from error
    print(f"{made} signed the head of {made.checkpoint.size} leaves")

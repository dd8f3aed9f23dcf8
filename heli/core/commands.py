"""./run db backup · restore · drill · partition-events: what happens to the data as a whole. Run as the owner."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

db = typer.Typer(help="The data as a whole: copies, drills, big tables.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER")]
out, err = Console(), Console(stderr=True)


@contextmanager
def ready() -> Iterator[Any]:
    """Django's settings; what goes wrong inside is said in a sentence and ends the command with 1."""
    import django
    import psycopg
    from django.core.exceptions import ImproperlyConfigured

    from heli.localpg import LocalPgError

    try:
        django.setup()
    except ImproperlyConfigured as error:
        err.print(f"{error} Set them, or give the file that holds them (restore --keys).", highlight=False)
        raise typer.Exit(1) from error
    from django.conf import settings

    from heli.core.errors import HeliError

    try:
        yield settings
    except HeliError as error:
        err.print(f"[bold]{error.code}[/bold] {error.words}", highlight=False)
        raise typer.Exit(1) from error
    except (LocalPgError, psycopg.Error, OSError) as error:
        err.print(str(error), highlight=False, markup=False)
        raise typer.Exit(1) from error


def size(n: int) -> str:
    """Bytes as people read them."""
    return f"{n:,} B" if n < 1000 else f"{n / 1e3:,.0f} kB" if n < 1e6 else f"{n / 1e6:,.1f} MB"


def table(lines: list[Any], as_json: bool) -> None:
    """Lines of a drill, or of a big table's change."""
    if as_json:
        print(json.dumps([dataclasses.asdict(line) for line in lines], ensure_ascii=False))
        return
    shown = Table("what", "seconds", "size", "found")
    for line in lines:
        shown.add_row(
            line.what, f"{line.seconds:.2f}" if line.seconds else "", size(line.size) if line.size else "", line.found
        )
    out.print(shown)


@db.command("backup")
def back_up(
    folder: Folder,
    *,
    keys: Annotated[Path | None, typer.Option(help="Write the secrets to this file, outside FOLDER.")] = None,
    link: Annotated[
        bool, typer.Option("--link", help="Hard links to the files instead of copies (one volume).")
    ] = False,
    jobs: Annotated[int, typer.Option(help="Connections that dump.")] = 2,
    as_json: Json = False,
) -> None:
    """Copy everything into FOLDER while everything goes on: database, files, and a manifest of what they hold."""
    with ready() as settings:
        from heli.core import backup

        made = backup.back_up(settings.OWNER_URL, Path(settings.HELI_FILES), folder, keys=keys, link=link, jobs=jobs)
        rows = sum(t.rows for t in made.contents.tables.values())
        if as_json:
            print(json.dumps(dataclasses.asdict(made)))
        else:
            events = made.contents.events
            out.print(f"{folder}: {rows:,} rows, {made.files:,} files, events to {events.last:,}.", highlight=False)
            out.print(f"Keys: {keys or 'not in it; keep them elsewhere'}.", highlight=False)
        if made.missing:
            err.print(
                f"The copy is whole, but {len(made.missing)} recorded files are missing or changed on this machine:"
            )
            err.print("\n".join(made.missing[:20]), highlight=False)
            raise typer.Exit(1)


@db.command("restore")
def restore(
    folder: Folder,
    *,
    keys: Annotated[Path | None, typer.Option(help="The file of secrets that backup --keys wrote.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    all_files: Annotated[bool, typer.Option("--all-files", help="Read back every file, not 100.")] = False,
    jobs: Annotated[int, typer.Option(help="Connections that restore.")] = 2,
    as_json: Json = False,
) -> None:
    """Fill an empty database and an empty files folder from FOLDER, and prove that nothing is missing."""
    if keys is not None:
        given = json.loads(keys.read_text())
        os.environ.update(given)
        if given.get("HELI_SECRET_KEY", "").startswith("dev"):
            os.environ["HELI_DEBUG"] = "1"  # the copy of a development copy is one
    with ready() as settings:
        from heli.core import backup

        done = backup.restore(
            folder, settings.OWNER_URL, Path(settings.HELI_FILES), vault_keys=settings.HELI_VAULT_KEYS, force=force,
            all_files=all_files, jobs=jobs,
        )  # fmt: skip
        (settings.VAR / "pg" / "migrated").unlink(missing_ok=True)  # ./run's note that the tables are the newest
        if keys is not None and settings.DEBUG and not (settings.VAR / "secrets.json").exists():
            backup.write_keys(settings.VAR / "secrets.json")
        if as_json:
            print(json.dumps(dataclasses.asdict(done)))
            return
        out.print(
            f"Restored {done.rows:,} rows and {done.manifest.files:,} files as of {done.manifest.made_at}; compared with the "
            f"manifest, {done.files_read:,} files read back, vault {done.vault}. Now ./run db migrate.", highlight=False
        )  # fmt: skip


@db.command("drill")
def drill(
    *,
    pitr: Annotated[bool, typer.Option("--pitr", help="A point in time, from the archived log.")] = False,
    at: Annotated[Path | None, typer.Option(help="Where there is room for two copies.")] = None,
    all_files: Annotated[bool, typer.Option("--all-files", help="Read back every file, not 100.")] = False,
    seconds: Annotated[int, typer.Option(help="With --pitr: how often the log is archived.")] = 5,
    as_json: Json = False,
) -> None:
    """Try the way back on an empty temporary cluster; nothing here is changed. Ends with 1 on any difference."""
    with ready() as settings:
        from heli.core import drill as drills

        if at is not None:
            at.mkdir(parents=True, exist_ok=True)
        if pitr:
            lines = drills.point_in_time(settings.OWNER_URL, seconds=seconds, at=at)
        else:
            lines = drills.whole(
                settings.OWNER_URL, Path(settings.HELI_FILES), vault_keys=settings.HELI_VAULT_KEYS, at=at, all_files=all_files
            )  # fmt: skip
        table(lines, as_json)


@db.command("partition-events")
def partition_events(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
    split: Annotated[bool, typer.Option("--split", help="Give the old events a partition of each month too.")] = False,
    at_least: Annotated[int, typer.Option(help="Do nothing below so many rows.")] = 5_000_000,
    batch: Annotated[int, typer.Option(help="With --split: ids copied at a time.")] = 50_000,
    as_json: Json = False,
) -> None:
    """Keep events by month, while writes go on. Cut off, run it again; done already, it makes months ahead."""
    with ready() as settings:
        from heli.core import partition

        def say(words: str) -> None:
            err.print(words, highlight=False)

        lines = partition.partition(settings.OWNER_URL, at_least=at_least, dry_run=dry_run, say=say)
        if split and not dry_run:
            lines += partition.split(settings.OWNER_URL, batch=batch, say=say)
        table(lines, as_json)

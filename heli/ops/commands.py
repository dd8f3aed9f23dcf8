"""`heli ops …`: is it ready, what does it measure, are its logs kept."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

app = typer.Typer(help="Running it: ready, metrics, logs.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.callback()
def start() -> None:
    """Running it: ready, metrics, logs."""
    import django

    django.setup()


@app.command()
def ready(as_json: Json = False) -> None:
    """Whether this machine can do its work; ends with 1 when it cannot."""
    from heli.ops.ready import look

    found = look()
    if as_json:
        print(json.dumps({f.name: f.why or "ok" for f in found}, ensure_ascii=False))
    else:
        for f in found:
            print(f"{'ok    ' if f.ok else 'FAILED'}  {f.name}  {f.why}".rstrip())
    raise typer.Exit(0 if all(f.ok for f in found) else 1)


@app.command()
def metrics() -> None:
    """What /metrics says, for a machine without a web server (node_exporter's textfile collector reads it)."""
    from heli.ops.collect import exposition
    from heli.ops.serving import counting

    counting("worker")
    sys.stdout.write(exposition()[0].decode())


@app.command()
def logs(
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Compress past days and remove those past their time first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Whether the log files of HELI_LOG_DIR are whole and kept long enough; ends with 1 when they are not."""
    from django.conf import settings

    from heli.ops import logkeeping

    if not settings.HELI_LOG_DIR:
        print("HELI_LOG_DIR is not set: whoever keeps the stream keeps the logs.", file=sys.stderr)
        raise typer.Exit(1)
    swept = logkeeping.sweep() if sweep else logkeeping.Swept()
    kept = logkeeping.look()
    if as_json:
        print(json.dumps({**dataclasses.asdict(kept), **dataclasses.asdict(swept)}, default=str))
    else:
        print(f"{kept.files} files, {kept.bytes / 1e6:,.1f} MB, {kept.oldest} to {kept.newest}, kept {kept.days} days")
        print(f"compressed {swept.compressed}, removed {swept.removed}")
        for why in kept.wrong:
            print(f"FAILED  {why}")
    raise typer.Exit(1 if kept.wrong else 0)

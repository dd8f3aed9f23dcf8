"""heli ledger …: from a shell."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The account of service hours and its public log.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@app.callback()
def group(context: typer.Context) -> None:
    """The account of service hours and its public log."""
    if context.invoked_subcommand == "verify":  # needs a file and a key, no settings and no database
        return
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


@app.command()
def verify(
    file: File,
    key: Annotated[
        list[str] | None, typer.Option(help="Public key of the log or of a witness: name+hash+key. May be given again.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="File of keys, one a line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check a certificate (PDF) offline. Ends with 0: it holds; 1: it does not; 2: wrongly called; 3: it only agrees with
    itself, for no key was given."""
    from heli.engines import certificate
    from heli.engines.merkle import BadNote

    try:
        known = certificate.keys_in("\n".join(key or ()) + "\n" + (keys.read_text() if keys else ""))
    except (BadNote, UnicodeDecodeError) as error:
        print(f"密钥不对：要写成 名字+校验+公钥。A key is name+hash+key: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    report = certificate.check(file.read_bytes(), known)
    told = report.certificate or {}
    if as_json:
        plain = {
            "ok": report.ok, "trusted": report.trusted, "code": report.code, "certificate": report.certificate, "key": report.key,
            "head": report.at, "witnesses": report.witnesses, "checks": {c.name: c.ok for c in report.checks},
        }  # fmt: skip
        print(json.dumps(plain, ensure_ascii=False))
    else:
        for c in report.checks:
            print(f"{'✓' if c.ok else '✗'} {c.zh} {c.en}")
        if report.ok:
            print(
                f"编号 {told['code']} · {told['from']} – {told['to']} · {told['minutes']} 分钟 · 日志 log {report.at}"
            )
            print(f"见证 witnesses: {', '.join(report.witnesses) or '0'}")
            print(" ".join(certificate.TRUSTED[0:2] if report.trusted else certificate.TRUSTED[2:4]))
            if not report.trusted:
                print(report.key)
            print("现在还算不算，要上网查。Whether it still counts today is asked on the page /v/.")
    raise typer.Exit(report.code)

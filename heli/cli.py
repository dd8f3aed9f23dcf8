"""The heli command: does from a shell what pages do. Each command has --json; errors print their code and sentence."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from heli.core import commands as data_commands
from heli.hooks import commands as hook_commands
from heli.insight import commands as insight_commands
from heli.ledger import commands as ledger_commands
from heli.loop import commands as loop_commands
from heli.loop import text_commands
from heli.ops import commands as ops_commands
from heli.volunteering import commands as volunteers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")

app = typer.Typer(help="Heli 合力", no_args_is_help=True, add_completion=False)
areas = typer.Typer(help="Areas in five levels.", no_args_is_help=True)
rules = typer.Typer(help="Dated, cited rules.", no_args_is_help=True)
grants = typer.Typer(help="Who may do what, where, until when.", no_args_is_help=True)
loop = typer.Typer(help="Requests on their way.", no_args_is_help=True)
sites = typer.Typer(help="Stations and friendly places.", no_args_is_help=True)
vault = typer.Typer(help="The personal data vault.", no_args_is_help=True)
for name, group in {
    "areas": areas, "sites": sites, "rules": rules, "grants": grants, "loop": loop, "vault": vault,
    "insight": insight_commands.app, "figures": insight_commands.figures, "hooks": hook_commands.app, "volunteering": volunteers.app,
    "ops": ops_commands.app, "ledger": ledger_commands.app, "db": data_commands.db, "text": text_commands.app,
}.items():  # fmt: skip
    app.add_typer(group, name=name)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
As = Annotated[str, typer.Option("--as", metavar="USER", help="Act as this account; without it as the owner.")]
P = ParamSpec("P")
T = TypeVar("T")
out, err = Console(), Console(stderr=True)


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(v) for v in value]
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def show(value: Any, as_json: bool) -> None:
    """Print a result: JSON, a table for a list of rows, lines for one row."""
    value = plain(value)
    if as_json:
        print(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        table = Table(*value[0])
        for row in value:
            table.add_row(*("" if v is None else str(v) for v in row.values()))
        out.print(table)
    elif isinstance(value, dict):
        for k, v in value.items():
            out.print(f"{k}: {v}", highlight=False)
    else:
        out.print(value)


def command(group: typer.Typer, name: str | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A command: Django is set up first; a HeliError ends it with code 1 and its sentence."""

    def add(run: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(run)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            import django

            django.setup()
            from heli.core.errors import HeliError

            try:
                return run(*args, **kwargs)
            except HeliError as error:
                if kwargs.get("as_json"):
                    print(
                        json.dumps(
                            {"error": {"code": error.code, "words": error.words, "field": error.field}},
                            ensure_ascii=False,
                        )
                    )
                else:
                    err.print(f"[bold]{error.code}[/bold] {error.words}", highlight=False)
                raise typer.Exit(1) from error

        group.command(name)(guarded)
        return run

    return add


def actor(username: str) -> Any:
    """The account named by --as with its grants, or the system."""
    from heli.core.actor import SYSTEM
    from heli.core.errors import NotFound
    from heli.orgs.queries import actor_for
    from heli.people.models import User

    if not username:
        return SYSTEM
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFound
    return actor_for(user)


def now() -> dt.datetime:
    from django.utils import timezone

    return timezone.now()


def bar(what: str, quiet: bool) -> Progress:
    return Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err, disable=quiet
    )


# The whole ----------------------------------------------------------------------------------------------------------
@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; behind a proxy keep loopback.")] = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    threads: Annotated[int, typer.Option(help="Threads a process runs requests on.")] = 4,
    backlog: Annotated[int, typer.Option(help="Requests that may wait, over all processes.")] = 512,
) -> None:
    """The web server (granian, WSGI). In production the static files are gathered first, with a hash in their names."""
    from heli import keeping
    from heli.ops import serving

    serving.begin("web")
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from heli.web.gather import gather

    try:
        django.setup()
    except ImproperlyConfigured as error:
        err.print(f"[bold]{error}[/bold]", highlight=False)
        raise typer.Exit(1) from error
    if not settings.DEBUG:
        gather()
    keeping.keep(settings.VAR)
    serving.serve(host=host, port=port, workers=workers, threads=threads, backlog=backlog)


@app.command()
def worker(queues: Annotated[str, typer.Option(help="Comma separated; empty for all.")] = "") -> None:
    """What runs later: reminders, deadlines, messages."""
    from heli import keeping
    from heli.ops import serving

    serving.begin("worker")
    import django
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        err.print(f"[bold]{error}[/bold]", highlight=False)
        raise typer.Exit(1) from error
    keeping.keep(settings.VAR)
    serving.work(queues.split(",") if queues else None)


@command(app)
def demo(
    once: Annotated[bool, typer.Option("--once", help="Make the county, print its figures, end.")] = False,
    port: int = 8000,
    requests: Annotated[int, typer.Option(help="How many requests the thirty days bring.")] = 2000,
    as_json: Json = False,
) -> None:
    """One real county lives 30 days; then its pages are served on this machine only."""
    from heli.demo import running

    running.run(once=once, port=port, requests=requests, as_json=as_json)


# Areas --------------------------------------------------------------------------------------------------------------
@command(areas, "import")
def areas_import(
    under: Annotated[str, typer.Option(help="Only these paths, comma separated; empty for the whole country.")] = "",
    as_json: Json = False,
) -> None:
    """Bring the area tree to the shipped table. Twice does no harm."""
    from heli.places import steps

    with bar("areas", as_json) as progress:
        task = progress.add_task("", total=None)
        done = steps.import_areas(
            at=now(),
            under=tuple(p for p in under.split(",") if p),
            progress=lambda n, total: progress.update(task, completed=n, total=total),
        )
    show(done, as_json)


@command(sites, "import")
def sites_import(file: Path, as_user: As = "", as_json: Json = False) -> None:
    """A table of sites (CSV or xlsx; columns in docs/doors.md): all of it or none, and twice does no harm."""
    from heli.core.tables import read_file
    from heli.places.site_importing import import_sites
    from heli.places.site_tables import HEADINGS

    with bar("rows", as_json) as progress:
        task = progress.add_task("", total=None)
        done = import_sites(
            rows=read_file(file, HEADINGS), by=actor(as_user), at=now(),
            progress=lambda n: progress.update(task, completed=n),
        )  # fmt: skip
    told = {"rows": done.rows, "added": done.added, "known": done.known, "closed": done.closed, "errors": done.errors}
    show(told, as_json)
    if done.errors:
        raise typer.Exit(1)


@command(areas, "search")
def areas_search(
    text: str, within: Annotated[str, typer.Option(help="Inside this path.")] = "", as_json: Json = False
) -> None:
    """By name, pinyin initials or code."""
    from heli.places import queries

    found = queries.search(text, within=(within,) if within else ())
    show([{"path": a.path, "name": a.name, "level": a.level, "kind": a.kind} for a in found], as_json)


@command(areas, "resolve")
def areas_resolve(
    text: str, within: Annotated[str, typer.Option(help="Inside this path.")] = "", as_json: Json = False
) -> None:
    """Which area an address speaks of; asks when two fit."""
    from heli.places import queries

    r = queries.resolve(text, within=within or None)
    area = {"path": r.area.path, "name": r.area.name} if r.area else None
    show(
        {"area": area, "rest": r.rest, "candidates": [{"path": c.path, "name": c.name} for c in r.candidates]}, as_json
    )


@command(areas, "move")
def areas_move(
    path: str,
    parent: str,
    basis: Annotated[str, typer.Option(help="The decision it rests on.")],
    as_json: Json = False,
    by: As = "",
) -> None:
    """Put an area with all below it under another parent."""
    from heli.places import steps
    from heli.places.models import Area

    found = {a.path: a.pk for a in Area.objects.filter(path__in=(path, parent))}
    done = steps.move_area(
        area_id=found.get(path, 0), parent_id=found.get(parent, 0), by=actor(by), at=now(), basis=basis
    )
    show({"path": done.path, "name": done.name}, as_json)


# Rules --------------------------------------------------------------------------------------------------------------
@command(rules, "import")
def rules_import(
    files: Annotated[list[Path] | None, typer.Argument()] = None, as_json: Json = False, by: As = ""
) -> None:
    """Rules from files; without files the shipped rules and calendars. Provisional deadlines are computed anew."""
    from heli.loop.steps import recompute_provisional
    from heli.rulebook import files as book

    who, at = actor(by), now()
    if files:
        show(book.import_rules(files, by=who, at=at), as_json)
        return
    done, years = book.import_shipped(by=who, at=at)
    changed = recompute_provisional(area_path="", at=at)
    show(
        {
            "added": len(done.added),
            "changed": len(done.changed),
            "unchanged": done.unchanged,
            "years": len(years),
            "deadlines": changed,
        },
        as_json,
    )


@command(rules, "list")
def rules_list(
    area: Annotated[str, typer.Option(help="Rules in force in this area.")] = "", as_json: Json = False
) -> None:
    """Every rule in force."""
    from heli.rulebook import keys, queries

    rows = queries.candidates(list(keys.KEYS), area, now().date())
    show(
        [
            {
                "id": r.id,
                "key": r.key,
                "area": r.area_path,
                "applies_to": r.applies_to,
                "value": r.words,
                "verified": r.verified,
                "citation": r.citation,
            }
            for r in rows
        ],
        as_json,
    )


@command(rules, "show")
def rules_show(key: str, area: Annotated[str, typer.Option()] = "", as_json: Json = False) -> None:
    """The rows of one rule in an area, with their citations."""
    from heli.rulebook import queries

    rows = queries.candidates([key], area, now().date())
    show(
        [
            {
                "id": r.id,
                "version": r.version,
                "area": r.area_path,
                "applies_to": r.applies_to,
                "value": r.words,
                "verified": r.verified,
                "citation": r.citation,
                "from": r.valid_from,
            }
            for r in rows
        ],
        as_json,
    )


# Grants -------------------------------------------------------------------------------------------------------------
@command(grants, "list")
def grants_list(user: str, as_json: Json = False) -> None:
    """What one account may do now."""
    show(
        [
            {"id": g.id, "unit": g.org_name, "areas": ",".join(g.paths), "may": ", ".join(sorted(g.caps))}
            for g in actor(user).grants
        ],
        as_json,
    )


@command(grants, "roles")
def grants_roles(as_json: Json = False) -> None:
    """Bring the roles to the shipped file. Twice does no harm."""
    from heli.orgs import steps

    show({"roles": ", ".join(steps.import_roles(at=now()))}, as_json)


@command(grants, "open")
def grants_open(
    user: str,
    called: Annotated[str, typer.Option(help="What colleagues call this person.")],
    as_json: Json = False,
    by: As = "",
) -> None:
    """Open an account for somebody who works here. The first password is shown this once and must be changed."""
    from heli.people.steps import open_account

    account, password = open_account(username=user, call_name=called, by=actor(by), at=now())
    show({"user": account.username, "password": password}, as_json)


@command(grants, "give")
def grants_give(
    user: str,
    role: str,
    paths: Annotated[str, typer.Option(help="Area paths, comma separated.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    unit: Annotated[int, typer.Option(help="Id of the organisation; 0 for none.")] = 0,
    as_json: Json = False,
    by: As = "",
) -> None:
    """Give an account a role."""
    from heli.orgs import steps

    grant = steps.give_grant(
        user_id=actor(user).user_id,
        role=role,
        paths=paths.split(","),
        reason=reason,
        org_id=unit or None,
        by=actor(by),
        at=now(),
    )
    show({"id": grant.pk}, as_json)


@command(grants, "end")
def grants_end(
    grant: int, reason: Annotated[str, typer.Option(help="Why.")], as_json: Json = False, by: As = ""
) -> None:
    """End a grant; it stops counting at the holder's next request."""
    from heli.orgs import steps

    show({"id": steps.end_grant(grant_id=grant, reason=reason, by=actor(by), at=now()).pk}, as_json)


# The loop -----------------------------------------------------------------------------------------------------------
@command(loop, "trace")
def loop_trace(code: str, as_json: Json = False, by: As = "") -> None:
    """A request's whole journey: where it stands, its clocks, and everything that happened."""
    from heli.engines.identifiers import normalise
    from heli.loop.queries.detail import detail

    d = detail(actor(by), normalise(code), now())
    shown = {
        "code": d.request.code,
        "title": d.request.title,
        "state": d.request.state,
        "round": d.request.lap,
        "area": d.request.area_path,
        "unit": d.request.unit.name if d.request.unit else None,
        "clocks": [
            {"name": str(c.name), "words": str(c.words), "due": c.due_at, "rule": str(c.rule_words)} for c in d.clocks
        ],
        "journey": [
            {"at": t.at, "what": str(t.title), "words": str(t.words), "resident_sees": t.public}
            for t in reversed(d.trail)
        ],
    }
    if as_json:
        show(shown, True)
        return
    show({k: v for k, v in shown.items() if k not in {"clocks", "journey"}}, False)
    show(shown["clocks"], False)
    show(shown["journey"], False)


def pairs(text: str) -> dict[str, str]:
    """'text=留言详情,key=留言编号' as a mapping."""
    return dict(p.split("=", 1) for p in text.split(",") if "=" in p)


@command(loop, "reference")
def loop_reference(
    duty: Annotated[
        Path | None, typer.Option(help="A county's duty list with its units (heli/loop/data/duty_zhifu.yaml).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the categories to the shipped file, and a county's duty list to its file. Twice does no harm."""
    from heli.loop import reference

    made = {"categories": reference.import_categories(at=now())}
    if duty is not None:
        made["duty_rows"] = reference.import_duty(at=now(), path=duty)
    show(made if as_json else [{"of": k, **plain(v)} for k, v in made.items()], as_json)


@command(loop, "import")
def loop_import(
    file: Path,
    columns: Annotated[str, typer.Option("--map", help="Our field=their column, …; else as last time.")] = "",
    area: Annotated[str, typer.Option(help="Area path for rows without one.")] = "",
    source: Annotated[str, typer.Option(help="Name of the batch's source; a row is known by source and key.")] = "",
    as_json: Json = False,
    by: As = "",
) -> None:
    """Take a table of messages (CSV, xlsx, .xz) into the dispatch queue: all of it, or with any bad row nothing. It stands
    in the list of batches like one that was laid down on the page; any number of rows, while you wait."""
    from heli.loop.steps import batch as steps

    with bar("rows", as_json) as progress:
        task = progress.add_task("", total=None)
        done = steps.import_file(
            source=source or file.name[:40], name=file.name, raw=file.read_bytes(), default_area=area,
            columns=pairs(columns), by=actor(by), at=now(), progress=lambda n: progress.update(task, completed=n),
        )  # fmt: skip
    errors = done.row_errors()
    show({"batch": done.pk, "rows": done.rows, "taken": done.taken, "known": done.known, "errors": errors}, as_json)
    if errors:
        raise typer.Exit(1)


@command(loop, "replay")
def loop_replay(
    file: Path,
    columns: Annotated[str, typer.Option("--map", help="Our field=their column.")] = (
        "key=留言编号,title=留言主题,text=留言详情,at=留言时间,reply=答复意见,replied_at=答复时间"
    ),
    area: Annotated[str, typer.Option(help="Where the messages are set.")] = "370602",
    unit: Annotated[str, typer.Option(help="Short name of the unit that answers.")] = "信访局",
    as_json: Json = False,
) -> None:
    """Drive real messages with their real replies through the steps, and judge them by each rule set."""
    from heli.core.errors import NotFound
    from heli.core.tables import read_file
    from heli.loop.batches import HEADINGS
    from heli.loop.replay import replay
    from heli.orgs.models import Organisation

    org = Organisation.objects.filter(short_name=unit, area_path__startswith=area[:6]).first()
    if org is None:
        raise NotFound
    with bar("messages", as_json) as progress:
        task = progress.add_task("", total=None)
        done = replay(
            read_file(file, HEADINGS),
            columns=pairs(columns),
            area_path=area,
            unit_id=org.pk,
            progress=lambda n: progress.update(task, completed=n),
        )
    sets = [
        {
            "rules": r.name,
            "limit": r.words,
            "on_time": r.on_time,
            "of": r.of,
            "share": f"{r.share:.1%}",
            "provisional": r.provisional,
        }
        for r in done.rule_sets
    ]
    head = {
        "rows": done.rows,
        "answered": done.answered,
        "known": done.known,
        "clocks_met": done.met,
        "clocks_late": done.late,
        "errors": len(done.errors),
    }
    if as_json:
        show({**head, "rule_sets": sets, "error_rows": done.errors}, True)
    else:
        show(head, False)
        show(sets, False)


command(app, "audit")(loop_commands.audit)


@command(loop, "climb")
def loop_climb(as_json: Json = False) -> None:
    """One pass of the ladder of reminders, and of what nobody judged in time."""
    from heli.loop import jobs, steps

    at = now()
    show({**steps.climb(at=at), "lapsed": jobs.lapse_due(at)}, as_json)


# The vault and running it -------------------------------------------------------------------------------------------
@command(vault, "rotate")
def vault_rotate(as_json: Json = False) -> None:
    """Seal everything that is under an older key with the first key of HELI_VAULT_KEYS, while the system serves."""
    from heli.ops import rotation

    with bar("sealed", as_json) as progress:
        task = progress.add_task("", total=None)
        done = rotation.rotate(progress=lambda n: progress.update(task, advance=n))
    show({"sealed": done.sealed, "unreadable": done.unreadable}, as_json)
    if done.unreadable:
        raise typer.Exit(1)


@command(vault, "keys")
def vault_keys(as_json: Json = False) -> None:
    """How much is under each key. A key with nothing under it may go."""
    from heli.ops import rotation

    show(rotation.keys(), as_json)


if __name__ == "__main__":
    sys.exit(app())

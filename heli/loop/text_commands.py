"""The command group `heli text`: the text engine on any table of messages, without a database."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from heli.engines.text.same import Message

app = typer.Typer(help="Read messages: what they are about, which say the same.", no_args_is_help=True)
RESAMPLED, TIMED = 1000, 300
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Where = Annotated[list[str] | None, typer.Option(help="column=value: only such rows (may be given more than once).")]
Rows = list[dict[str, str]]


def rows_of(path: Path, **columns: str) -> list[dict[str, str]]:
    """Rows of a CSV or xlsx file (.xz and .gz too) as {our field: text}; `columns` maps our fields to the file's columns.

    Ends with a sentence and code 2 when the file cannot be read or a column is not there.
    """
    from heli.core.errors import HeliError
    from heli.core.tables import open_sheet  # spreadsheets take a second to load: not with every command

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


def _examples(path: Path, columns: dict[str, str], where: list[str] | None, group: str = "") -> Rows:
    """Rows that pass, as {title, body, label, group}."""
    asked = [w.partition("=") for w in where or ()]
    if any(not sign for _c, sign, _v in asked):
        raise typer.BadParameter("--where is column=value")
    wanted = {f"where{i}": column for i, (column, _s, _v) in enumerate(asked)}
    grouped = {"group": group} if group else {}
    rows = rows_of(path, **columns, **grouped, **wanted)
    return [r for r in rows if all(r[f"where{i}"] == value for i, (_c, _s, value) in enumerate(asked))]


def _column(rows: Rows, name: str) -> list[str]:
    return [r[name] for r in rows]


def _fitted(rows: Rows, grouped: bool) -> Any:
    from heli.engines.text.classify import Classifier, NotEnough

    try:
        return Classifier.fit(
            *(_column(rows, n) for n in ("title", "body", "label")), groups=_column(rows, "group") if grouped else None
        )
    except NotEnough as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def train(
    file: Path,
    *,
    title: Annotated[str, typer.Option(help="Column of the title.")],
    body: Annotated[str, typer.Option(help="Column of the text.")],
    label: Annotated[str, typer.Option(help="Column of the label.")],
    out: Annotated[Path, typer.Option(help="Where the model is written.")],
    where: Where = None,
    group: Annotated[str, typer.Option(help="Column of near-duplicates; found when not given.")] = "",
    as_json: Json = False,
) -> None:
    """Learn a classifier from a table of messages and write it to a file."""
    model = _fitted(_examples(file, {"title": title, "body": body, "label": label}, where, group), bool(group))
    raw = model.save()
    out.write_bytes(raw)
    each = {name: of["f1"] for name, of in model.report["each"].items()}
    show({k: v for k, v in model.report.items() if k != "each"} | {"f1": each, "model_bytes": len(raw)}, as_json)


@app.command()
def evaluate(
    *,
    train: Annotated[Path, typer.Option(help="Table to learn from.")],
    test: Annotated[Path, typer.Option(help="Table to be judged on.")],
    title: Annotated[str, typer.Option(help="Column of the title.")],
    body: Annotated[str, typer.Option(help="Column of the text.")],
    label: Annotated[str, typer.Option(help="Column of the label.")],
    train_where: Where = None,
    test_where: Where = None,
    group: Annotated[str, typer.Option(help="Column of near-duplicates in the first; found when not given.")] = "",
    as_json: Json = False,
) -> None:
    """Learn from one table, judge on another: macro-F1, coverage at precisions set without the second, calibration."""
    columns = {"title": title, "body": body, "label": label}
    learn = _examples(train, columns, train_where, group)
    judge = [r for r in _examples(test, columns, test_where) if r["label"]]
    if not judge:
        raise typer.BadParameter(f"no row with a label in {test.name}")
    began = perf_counter()
    model = _fitted(learn, bool(group))
    seconds = perf_counter() - began
    from heli.engines.text.judging import judged

    found = judged(model, *(_column(judge, n) for n in ("title", "body", "label")), resampled=RESAMPLED, timed=TIMED)
    show(found | {"train_seconds": round(seconds, 2), "model_bytes": len(model.save())}, as_json)


@app.command()
def explain(
    model: Path,
    text: str,
    title: Annotated[str, typer.Option(help="Title of the message.")] = "",
    label: Annotated[str, typer.Option(help="The label to speak for; the chosen one when not given.")] = "",
    as_json: Json = False,
) -> None:
    """What a message is about, how sure that is, and which words spoke for it."""
    from heli.engines.text.classify import Classifier
    from heli.engines.text.modelfile import BadModel

    try:
        known = Classifier.load(model.read_bytes())
    except (OSError, BadModel) as error:
        raise typer.BadParameter(f"{model}: {error}") from error
    if label and label not in known.labels:
        raise typer.BadParameter(f"no label {label}; there are {', '.join(known.labels)}")
    found = asdict(known.predict([title], [text])[0])
    words = [] if found["rejected"] else [asdict(w) for w in known.explain(title, text, label or None)]
    show(found | {"words": words}, as_json)


# The same event ---------------------------------------------------------------------------------------------------------
Column = Annotated[str, typer.Option(help="The name of its column.")]
_WHEN = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})日?(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?.*)?")


def moment(text: str) -> dt.datetime | None:
    """2019/3/11 11:40:42, 2019-04-08, 2019年4月8日, ISO: a time on the wall of its place; None for ''.

    Raises:
        ValueError: it is no time.
    """
    text = text.strip()
    if not text:
        return None
    if not (found := _WHEN.fullmatch(text)):
        raise ValueError(f"{text!r} is no time")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    return dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)  # whatever the zone: only the gaps count


def messages_of(path: Path, **columns: str) -> list[Message]:
    """The messages of a file; `columns` as in `rows_of`, for the fields of same.Message. An id twice ends with a sentence."""
    from heli.engines.text.same import Message

    messages: dict[str, Message] = {}
    for row in rows_of(path, **{field: column for field, column in columns.items() if column}):
        try:
            message = Message(**{**row, "at": moment(row.get("at", ""))})  # type: ignore[arg-type]
        except ValueError as error:
            raise typer.BadParameter(f"{path.name}, {row['id']}: {error}") from error
        if message.id in messages:
            raise typer.BadParameter(f"{path.name}: the id {message.id} is there twice")
        messages[row["id"]] = message
    return list(messages.values())


@app.command()
def cluster(
    messages: Annotated[Path, typer.Argument(help="CSV or xlsx of messages (.xz and .gz too).")],
    id: Column,
    title: Column,
    body: Column,
    time: Column = "",
    reporter: Column = "",
    everything: Annotated[bool, typer.Option("--all", help="Messages that stand alone too.")] = False,
    as_json: Json = False,
) -> None:
    """Group messages that tell of the same event, day by day; events of two and more, the largest first."""
    from heli.engines.text.same import clusters

    began = perf_counter()
    found = clusters(messages_of(messages, id=id, title=title, body=body, at=time, reporter=reporter))
    groups = [group for group in found if everything or len(group) > 1]
    if as_json:
        show({"clusters": groups, "seconds": round(perf_counter() - began, 2)}, as_json)
        return
    for group in groups:
        typer.echo(" ".join(map(str, group)))


@app.command()
def pairs(
    couples: Annotated[Path, typer.Argument(help="CSV or xlsx with two ids in each row.")],
    messages: Annotated[Path, typer.Argument(help="CSV or xlsx of the messages they are of.")],
    id: Column,
    title: Column,
    body: Column,
    time: Column = "",
    reporter: Column = "",
    a: Column = "a",
    b: Column = "b",
    as_json: Json = False,
) -> None:
    """Score pairs of messages: the chance that both tell of the same event, and why."""
    from heli.engines.text.pieces import Common, Read
    from heli.engines.text.same import SAME, likeness

    began = perf_counter()
    held = {m.id: m for m in messages_of(messages, id=id, title=title, body=body, at=time, reporter=reporter)}
    common = Common()
    common.learn(Read.of(m.title, m.body).grams for m in held.values())
    scored: list[dict[str, Any]] = []
    for row in rows_of(couples, a=a, b=b):
        if unknown := [n for n in row.values() if n not in held]:
            raise typer.BadParameter(f"{messages.name} has no message {unknown[0]}")
        found = likeness(held[row["a"]], held[row["b"]], common=common)
        scored.append({**row, "p": found.p, "same": found.p >= SAME, "reasons": found.reasons, "shared": found.shared})
    if as_json:
        show({"pairs": scored, "seconds": round(perf_counter() - began, 2)}, as_json)
        return
    for pair in scored:
        typer.echo(f"{pair['a']} {pair['b']}  {pair['p']:.2f}  {' '.join(pair['reasons'])}")

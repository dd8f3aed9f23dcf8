"""A batch of messages (CSV or xlsx, also .xz or .gz) becomes requests: columns are mapped, every row is checked, nothing is
half-imported, and the same file twice does no harm (a row is known by source and key).

A file is untrusted: its unpacked size is limited before it is read, and no cell is ever evaluated.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, HeliError
from heli.loop.models import Channel, Request
from heli.loop.steps import hear

FIELDS = ("key", "text", "title", "at", "area", "spot", "category", "kind", "urgency", "name", "phone")
UNPACKED = 512 * 2**20  # bytes: a larger file is refused before it fills the memory
ROWS = 200_000
TIMES = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d", "%Y-%m-%d")


class FileUnreadable(HeliError):
    code = "L-701"
    status = 400
    sentence = _("This file cannot be read as a table: %(why)s. Save it as CSV (UTF-8) or xlsx and try again.")


class ColumnMissing(HeliError):
    code = "L-702"
    status = 400
    sentence = _("The table has no column “%(column)s”. It has: %(columns)s.")


class FileTooLarge(HeliError):
    code = "L-703"
    status = 400
    sentence = _("Unpacked, this file is larger than %(limit)s MB. Split it and import the parts.")


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row cannot be taken: its line in the file (the header is line 1), the field, a code and a sentence."""

    line: int
    field: str
    code: str
    words: str


@dataclass(slots=True)
class Imported:
    """What an import did. With errors nothing was taken."""

    rows: int = 0
    taken: int = 0
    known: int = 0  # rows that were taken before
    errors: list[RowError] = field(default_factory=list)


# Reading --------------------------------------------------------------------------------------------------------------
def limited(source: IO[bytes]) -> bytes:
    """All bytes, or FileTooLarge (L-703) as soon as the limit is passed: a bomb is not unpacked to its end."""
    raw = source.read(UNPACKED + 1)
    if len(raw) > UNPACKED:
        raise FileTooLarge(limit=UNPACKED // 2**20)
    return raw


def read_table(source: IO[bytes], name: str) -> Iterator[dict[str, str]]:
    """Rows of a table as {column: text}, by the ending of its name: .csv .tsv .xlsx, also with .xz or .gz behind.

    Raises FileUnreadable (L-701), FileTooLarge (L-703). CSV may be UTF-8 (with or without BOM) or GB18030.
    """
    low = name.lower()
    try:
        if low.endswith(".xz"):
            with lzma.LZMAFile(source) as packed:
                raw, low = limited(cast(IO[bytes], packed)), low[:-3]
        elif low.endswith(".gz"):
            with gzip.GzipFile(fileobj=source) as packed_gz:
                raw, low = limited(cast(IO[bytes], packed_gz)), low[:-3]
        else:
            raw = limited(source)
    except (lzma.LZMAError, gzip.BadGzipFile, EOFError, OSError) as error:
        raise FileUnreadable(why=str(error)) from error
    return (
        _xlsx(raw)
        if low.endswith(".xlsx") or raw[:4] == b"PK\x03\x04"
        else _csv(raw, "\t" if low.endswith(".tsv") else ",")
    )


def _csv(raw: bytes, delimiter: str) -> Iterator[dict[str, str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise FileUnreadable(why=_now("the letters are neither UTF-8 nor GB18030"))
    if "\0" in text:
        raise FileUnreadable(why=_now("it holds binary data"))
    csv.field_size_limit(10**6)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if not reader.fieldnames:
        raise FileUnreadable(why=_now("it is empty"))
    try:
        for row in reader:
            yield {k: (v or "").strip() for k, v in row.items() if k is not None and not isinstance(v, list)}
    except csv.Error as error:
        raise FileUnreadable(why=str(error)) from error


def _xlsx(raw: bytes) -> Iterator[dict[str, str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(i.file_size for i in packed.infolist()) > UNPACKED:
                raise FileTooLarge(limit=UNPACKED // 2**20)
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = [str(c or "").strip() for c in next(rows, ())]
    except HeliError:
        raise
    except Exception as error:  # whatever the reader says about hostile bytes, the answer is the same
        raise FileUnreadable(why=_now("it is not an xlsx file that can be opened")) from error
    if not any(header):
        raise FileUnreadable(why=_now("it is empty"))
    for row in rows:
        yield {h: _cell(c) for h, c in zip(header, row, strict=False) if h}


def _cell(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.strftime(TIMES[2])
    return "" if value is None else str(value).strip()


def read_time(text: str, line: int) -> dt.datetime:
    """A local time in one of the usual forms; ValueError otherwise."""
    for form in TIMES:
        try:
            return timezone.make_aware(dt.datetime.strptime(text, form))  # noqa: DTZ007  (the file speaks local time)
        except ValueError:
            continue
    raise ValueError(line)


# Importing --------------------------------------------------------------------------------------------------------------
def mapped(row: Mapping[str, str], columns: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """{field: text} of one row: mapped columns, then the defaults where a cell is empty."""
    return {f: row.get(columns.get(f, ""), "") or defaults.get(f, "") for f in FIELDS}


def import_rows(
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Mapping[str, str],
    defaults: Mapping[str, str],
    source: str,
    by: Actor,
    at: dt.datetime,
    progress: Callable[[int], None] = lambda _n: None,
) -> Imported:
    """Take every row through `steps.hear`, in one transaction: with one bad row nothing is taken and all errors are told.

    `columns` maps our fields (FIELDS) to the table's columns, `defaults` fills empty cells. Rows known by (source, key)
    are passed over. Raises ColumnMissing (L-702) for a column that the table does not have, Forbidden (L-403) before a row
    is read.
    """
    if not by.system and not by.can(Cap.IMPORT_REQUESTS):
        raise Forbidden
    done = Imported()
    known = set(Request.objects.filter(source=source).values_list("source_key", flat=True))
    with transaction.atomic():
        for line, row in enumerate(rows, start=2):
            if line == 2:
                for column in columns.values():
                    if column not in row:
                        raise ColumnMissing(column=column, columns="、".join(row))
            if done.rows >= ROWS:
                raise FileTooLarge(limit=ROWS)
            done.rows += 1
            _take(line, mapped(row, columns, defaults), done, known, source=source, by=by, at=at)
            if done.rows % 50 == 0:
                progress(done.rows)
        if done.errors:
            transaction.set_rollback(True)
            done.taken = 0
    return done


def _take(
    line: int,
    values: Mapping[str, str],
    done: Imported,
    known: set[str | None],
    *,
    source: str,
    by: Actor,
    at: dt.datetime,
) -> None:
    key = values["key"]
    if not key:
        done.errors.append(
            RowError(line, "key", "L-702", _now("The row has no key, so the same row could be taken twice."))
        )
        return
    if key in known:
        done.known += 1
        return
    try:
        told = read_time(values["at"], line) if values["at"] else at
    except ValueError:
        words = _now("“%(text)s” is not a time. Write it like 2026-11-18 09:30.") % {"text": values["at"][:30]}
        done.errors.append(RowError(line, "at", "L-400", words))
        return
    try:
        hear(
            by=by,
            at=told,
            text=values["text"],
            title=values["title"],
            area_path=values["area"],
            kind=values["kind"] or "help",
            channel=Channel.IMPORT,
            category=values["category"],
            spot=values["spot"],
            urgency=values["urgency"],
            name=values["name"],
            phone=values["phone"],
            source=source,
            source_key=key[:80],
        )
    except AlreadyDone:
        done.known += 1
    except HeliError as error:
        done.errors.append(RowError(line, error.field or "", error.code, error.words))
    else:
        known.add(key)
        done.taken += 1


def open_table(path: Path) -> Iterator[dict[str, str]]:
    """Rows of a file on this machine; see read_table."""
    with path.open("rb") as source:
        yield from read_table(source, path.name)

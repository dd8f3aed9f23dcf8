"""Reading a table that somebody else made: CSV in whatever letters and with whatever between its cells, or xlsx.

A file is untrusted: its unpacked size is limited before it is read, and no cell is ever evaluated. What a spreadsheet
program has already spoilt (a long number written short, a formula without its value) is not guessed at: the cell says so,
and its row is refused with what to do.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import lzma
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from openpyxl import load_workbook

from heli.core.errors import HeliError

UNPACKED = 512 * 2**20  # bytes: a larger file is refused before it fills the memory
LOOKED_AT = 15  # lines among which the headings are looked for
FORMULA = "\0formula"  # a cell whose formula was saved without a value; no cell can hold this text by itself
EXACT = 10**15  # spreadsheet programs keep 15 digits of a number
SHORTENED = re.compile(r"[+-]?\d+(?:\.\d+)?[eE]\+?\d{1,3}")  # 1.23E+17
TIME = "%Y-%m-%d %H:%M:%S"
ENCODINGS = ("utf-8", "gb18030", "utf-16", "big5")
MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# What letters become that were read by the wrong table once before; the last are places without any letter
SPOILT = re.compile("锟斤拷|\ufffd|烫烫烫|ï»¿|â€|[\ue000-\uf8ff]")
BETWEEN = (",", "\t", ";", "|")
Headings = Mapping[str, tuple[str, ...]]  # {our field: what its column may be called, the surest names first}
WEB = ("<html", "<!doctype", "<table", "<meta", "<?xml")  # what some systems export under the name .xls


class FileUnreadable(HeliError):
    code = "L-701"
    status = 400
    sentence = _("This file cannot be read as a table: %(why)s. Save it as CSV (UTF-8) or xlsx and try again.")


class FileTooLarge(HeliError):
    code = "L-703"
    status = 400
    sentence = _("Unpacked, this file is larger than %(limit)s MB. Split it and import the parts.")


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row cannot be taken: its line in the file (as a spreadsheet program counts), the field, a code, and a
    sentence that says what to do. Nothing personal: what is quoted of a cell has its numbers hidden."""

    line: int
    field: str
    code: str
    words: str


class Row(dict[str, str]):
    """{column: text} of one row; `line` is where it stands in the file, as a spreadsheet program counts."""

    line: int = 0


@dataclass(slots=True)
class Table:
    """A table that is being read: its columns, how it was understood, and its rows (once)."""

    columns: list[str]
    rows: Iterator[Row]
    heading: int  # the line of the headings
    encoding: str = ""  # '' for a workbook
    above: list[str] = field(default_factory=list)  # lines above the headings, and those themselves
    spoilt: bool = False  # its letters look as if they had been broken before they came here


# Bytes ----------------------------------------------------------------------------------------------------------------
def limited(source: IO[bytes]) -> bytes:
    """All bytes, or FileTooLarge (L-703) as soon as the limit is passed: a bomb is not unpacked to its end."""
    raw = source.read(UNPACKED + 1)
    if len(raw) > UNPACKED:
        raise FileTooLarge(limit=UNPACKED // 2**20)
    return raw


def unpacked(source: IO[bytes], name: str) -> tuple[bytes, str]:
    """(bytes, name without .xz or .gz)."""
    low = name.lower()
    try:
        if low.endswith(".xz"):
            with lzma.LZMAFile(source) as packed:
                return limited(cast(IO[bytes], packed)), low[:-3]
        if low.endswith(".gz"):
            with gzip.GzipFile(fileobj=source) as packed_gz:
                return limited(cast(IO[bytes], packed_gz)), low[:-3]
        return limited(source), low
    except (lzma.LZMAError, gzip.BadGzipFile, EOFError, OSError) as error:
        raise FileUnreadable(why=str(error)) from error


def decoded(raw: bytes, encoding: str = "") -> tuple[str, str]:
    """(text, encoding). By its mark, else as UTF-8, else as GB18030, each strictly: nothing is replaced or left out.

    Raises FileUnreadable (L-701) when none of them, or not the one that was chosen, fits every byte.
    """
    marked = next((e for mark, e in MARKS if raw.startswith(mark)), "")
    for one in (encoding,) if encoding else (marked,) if marked else ("utf-8", "gb18030"):
        try:
            text = raw.decode(one)
        except UnicodeDecodeError:
            continue
        return text.removeprefix("\ufeff"), one
    if encoding or marked:
        raise FileUnreadable(why=_now("its letters are not %(encoding)s throughout") % {"encoding": encoding or marked})
    raise FileUnreadable(why=_now("the letters are neither UTF-8 nor GB18030"))


# Lines ----------------------------------------------------------------------------------------------------------------
def open_sheet(source: IO[bytes], name: str, headings: Headings, *, encoding: str = "", heading: int = 0) -> Table:
    """A table by the ending of its name (.csv .tsv .xlsx, also with .xz or .gz behind), with its headings found
    (`heading` 0) or on the given line; blank lines are passed over.

    Raises FileUnreadable (L-701), FileTooLarge (L-703).
    """
    raw, low = unpacked(source, name)
    if low.endswith(".xlsx") or raw[:4] == b"PK\x03\x04":
        return _table(_xlsx(raw), headings, "", heading)
    text, used = decoded(raw, encoding)
    if "\0" in text:
        raise FileUnreadable(why=_now("it holds binary data"))
    if text[:200].lstrip().lower().startswith(WEB):
        raise FileUnreadable(why=_now("it is a web page that only bears the name of a table"))
    table = _table(_csv(text, "\t" if low.endswith(".tsv") else ""), headings, used, heading)
    table.spoilt = SPOILT.search(text) is not None
    return table


def read_file(path: Path, headings: Headings) -> Iterator[Row]:
    """Rows of a file on this machine; see `open_sheet`."""
    with path.open("rb") as source:
        yield from open_sheet(source, path.name, headings).rows


def _csv(text: str, between: str) -> Iterator[list[str]]:
    csv.field_size_limit(10**6)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between or sniffed(text))
    try:
        for cells in reader:
            yield [c.strip() for c in cells]
    except csv.Error as error:
        raise FileUnreadable(why=str(error)) from error


def sniffed(text: str) -> str:
    """What stands between the cells: of the usual signs the one that most lines near the beginning have alike. Pure."""
    lines = [re.sub(r'"[^"]*"', "", x) for x in islice((x for x in text.splitlines() if x.strip()), LOOKED_AT)]

    def alike(sign: str) -> tuple[int, int]:  # how many lines have equally many of it, and how many that is
        counted = Counter(n for x in lines if (n := x.count(sign)))
        return max(((rows, n) for n, rows in counted.items()), default=(0, 0))

    return max(BETWEEN, key=alike)  # a comma where there is none of them


def _xlsx(raw: bytes) -> Iterator[list[str]]:
    """Values as they were saved. Where a sheet has formulas it is read twice, to tell an empty cell from one whose
    formula was saved without its value."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(i.file_size for i in packed.infolist()) > UNPACKED:
                raise FileTooLarge(limit=UNPACKED // 2**20)
        first = load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False).worksheets[0]
        second = load_workbook(io.BytesIO(raw), read_only=True, data_only=False, keep_links=False).worksheets[0]
        first.reset_dimensions()  # what the file says of its size may be a lie
        second.reset_dimensions()
        for values, written in zip(first.iter_rows(values_only=True), second.iter_rows(values_only=True), strict=False):
            yield [cell(v) if v is not None else _empty(w) for v, w in zip(values, written, strict=False)]
    except HeliError:
        raise
    except Exception as error:  # whatever the reader says about hostile bytes, the answer is the same
        raise FileUnreadable(why=_now("it is not an xlsx file that can be opened")) from error


def _empty(written: Any) -> str:
    formula = not isinstance(written, str) and written is not None  # an array formula
    return FORMULA if formula or (isinstance(written, str) and written.startswith("=")) else ""


def cell(value: Any) -> str:
    """A cell as text: times as they are read back, whole numbers without a point; a number of more digits than are kept
    is written short, as the program would show it, and so refused where it is a number of something."""
    if isinstance(value, dt.datetime):
        return value.strftime(TIME)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) >= EXACT:
            return f"{value:.5E}"
        return str(int(value)) if value == int(value) else repr(value)
    return "" if value is None else str(value).replace("\0", "").strip()


# Headings -------------------------------------------------------------------------------------------------------------
def guess(columns: Sequence[str], headings: Headings) -> dict[str, str]:
    """{our field: their column} for headings that say what they are, by the surest name of each field, the fields in the
    order of `headings`. Pure."""
    left = [c for c in columns if c and len(c) <= 20]
    found: dict[str, str] = {}
    for name, called_so in headings.items():
        for h in called_so:
            called = [c for c in left if c.strip().lower() == h] or [c for c in left if len(h) > 1 and h in c.lower()]
            if called:
                found[name] = called[0]
                left.remove(called[0])
                break
    return found


def _table(lines: Iterator[list[str]], headings: Headings, encoding: str, heading: int) -> Table:
    numbered = ((n, cells) for n, cells in enumerate(lines, start=1) if any(cells))
    head = list(islice(numbered, LOOKED_AT))
    if not head:
        raise FileUnreadable(why=_now("it is empty"))
    at = heading if any(n == heading for n, _cells in head) else headings_at(head, headings)
    cells, last = whole(head, at)
    columns = named(cells)
    above = ["  ".join(c for c in cells if c)[:200] for n, cells in head if n <= last]
    rest: Iterable[tuple[int, list[str]]] = chain((x for x in head if x[0] > last), numbered)
    return Table([c for c in columns if c], _rows(columns, rest), at, encoding, above)


def _rows(columns: list[str], lines: Iterable[tuple[int, list[str]]]) -> Iterator[Row]:
    for n, cells in lines:
        row = Row((c, "") for c in columns if c)
        row.update((c, value) for c, value in zip(columns, cells, strict=False) if c)
        row.line = n
        yield row


def named(cells: list[str]) -> list[str]:
    """Names of the columns; the second of the same name gets a number, and one without a name stays without. Pure."""
    seen: dict[str, int] = {}
    found = []
    for text in cells:
        name = " ".join(text.split()) if text != FORMULA else ""
        seen[name] = seen.get(name, 0) + 1
        found.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return found


def whole(head: list[tuple[int, list[str]]], at: int) -> tuple[list[str], int]:
    """(headings on the line `at`, the last line of theirs). Where cells are merged, headings take two lines: what stands
    below a cell that goes over several columns (and so left the ones beside it empty) is named with it. Pure."""
    upper, lower = (next((cells for n, cells in head if n == line), []) for line in (at, at + 1))
    width = max(len(upper), len(lower))
    over, below = ([*cells, *[""] * (width - len(cells))] for cells in (upper, lower))
    spans = [not o or (i + 1 < width and not over[i + 1]) for i, o in enumerate(over)]
    two = any(b and not o for o, b in zip(over, below, strict=True)) and not all(below)
    if not two or any(b and (not s or len(b) > 20 or re.search(r"\d", b)) for s, b in zip(spans, below, strict=True)):
        return upper, at
    found, wide = [], ""
    for o, b in zip(over, below, strict=True):
        wide = o or wide
        found.append(" ".join(x for x in (wide, b) if x) if b else o)
    return found, at + 1


def headings_at(head: list[tuple[int, list[str]]], headings: Headings) -> int:
    """The line that looks most like headings: most cells that say what is in them; of equals one line before two, then
    the uppermost. Pure."""

    def looks(n: int) -> tuple[int, int, int]:
        cells, last = whole(head, n)
        return len(guess([c[:40] for c in cells], headings)), n - last, -n

    if (best := max(looks(n) for n, _cells in head))[0] >= 2:
        return -best[2]
    full = max(sum(1 for c in cells if c) for _n, cells in head)
    return next(n for n, cells in head if sum(1 for c in cells if c) >= min(2, full))

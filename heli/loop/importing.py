"""A batch of messages (CSV or xlsx, also .xz or .gz) becomes requests: columns are mapped, every row is checked, nothing is
half-imported, and the same file twice does no harm (a row is known by source and key). How a file is read: core.tables.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, HeliError
from heli.core.tables import FORMULA, SHORTENED, TIME, FileTooLarge, RowError
from heli.engines.identifiers import without_personal
from heli.loop.batches import FIELDS
from heli.loop.models import Channel, Request
from heli.loop.steps.hear import hear

if TYPE_CHECKING:
    from heli.loop.batch_models import Batch

ROWS = 200_000
AT_ONCE = 500  # rows whose numbers are looked up together, and written down together
LONGEST_KEY = 80
TIMES = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", TIME, f"{TIME}.%f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d", "%Y-%m-%d",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日", "%Y.%m.%d %H:%M", "%Y.%m.%d",
)  # fmt: skip
SERIAL = re.compile(r"[3-7]\d{4}(?:\.\d+)?")  # days since 1899-12-30, as spreadsheet programs keep a time
FIRST_DAY = dt.datetime(1899, 12, 30)  # noqa: DTZ001  (the file speaks local time)


class ColumnMissing(HeliError):
    code = "L-702"
    status = 400
    sentence = _("The table has no column “%(column)s”. It has: %(columns)s.")


@dataclass(slots=True)
class Imported:
    """What an import did. With errors nothing was taken."""

    rows: int = 0
    taken: int = 0
    known: int = 0  # rows that were taken before
    errors: list[RowError] = field(default_factory=list)


# Importing --------------------------------------------------------------------------------------------------------------
def read_time(text: str, line: int = 0) -> dt.datetime:
    """A local time in one of the usual forms, or as the number a spreadsheet program keeps; ValueError otherwise."""
    if SERIAL.fullmatch(text):
        return timezone.make_aware(FIRST_DAY + dt.timedelta(seconds=round(float(text) * 86_400)))
    for form in TIMES:
        try:
            return timezone.make_aware(dt.datetime.strptime(text, form))  # noqa: DTZ007  (the file speaks local time)
        except ValueError:
            continue
    raise ValueError(line)


def mapped(row: Mapping[str, str], columns: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """{field: text} of one row: mapped columns, then the defaults where a cell is empty."""
    return {f: row.get(columns.get(f, ""), "") or defaults.get(f, "") for f in FIELDS}


def quoted(text: str) -> str:
    """A cell as an error may quote it: short, with no number of a person in it."""
    return without_personal(text[:30])


@dataclass(slots=True)
class Taking:
    """An import under way: what it goes by, and what it has done."""

    columns: Mapping[str, str]
    defaults: Mapping[str, str]
    source: str
    by: Actor
    at: dt.datetime
    batch: Batch | None = None
    done: Imported = field(default_factory=Imported)
    known: set[str] = field(default_factory=set)  # numbers that were taken before this file
    lines: dict[str, int] = field(default_factory=dict)  # numbers of this file, and where each stands first
    made: list[tuple[int, Request, dt.datetime | None]] = field(default_factory=list)

    def some(self, rows: Sequence[tuple[int, dict[str, str]]]) -> None:
        """Take a few rows. One statement, and the step's own for each row that is new."""
        keys = {v["key"] for _line, v in rows}
        found: Iterable[str | None] = Request.objects.filter(source=self.source, source_key__in=keys).values_list(
            "source_key", flat=True
        )
        self.known |= {k for k in found if k}
        for line, values in rows:
            self.done.rows += 1
            self.one(line, values)
        if self.batch is not None and self.made:
            from heli.loop.batch_models import BatchRow

            BatchRow.objects.bulk_create(
                [BatchRow(request=r, batch=self.batch, line=line, due_at=due) for line, r, due in self.made]
            )
            self.made = []

    def wrong(self, line: int, name: str, code: str, words: str) -> None:
        self.done.errors.append(RowError(line, name, code, words))

    def one(self, line: int, values: dict[str, str]) -> None:
        """Check one row and take it through the step."""
        key = values["key"]
        if not key:
            return self.wrong(line, "key", "L-702", _now("The row has no key, so the same row could be taken twice."))
        if bad := next((f for f in FIELDS if values[f] == FORMULA), ""):
            said = _now(
                "This cell is a formula that was saved without its value. Open the table, save it, and import it."
            )
            return self.wrong(line, bad, "L-711", said)
        if SHORTENED.fullmatch(key):
            said = _now(
                "“%(key)s” is a long number that a spreadsheet program wrote short. Make the column text first."
            )
            return self.wrong(line, "key", "L-712", said % {"key": key})
        if len(key) > LONGEST_KEY:
            said = _now("The number of the row has more than %(most)s characters.") % {"most": LONGEST_KEY}
            return self.wrong(line, "key", "L-713", said)
        if key in self.lines:
            said = _now("Row %(line)s has the same number. Keep one of the two, or give one another number.")
            return self.wrong(line, "key", "L-714", said % {"line": self.lines[key]})
        self.lines[key] = line
        if key in self.known:
            self.done.known += 1
            return None
        times: dict[str, dt.datetime | None] = {"at": self.at, "due": None}
        for name, default in list(times.items()):
            try:
                times[name] = read_time(values[name]) if values[name] else default
            except (ValueError, OverflowError):
                said = _now("“%(text)s” is not a time. Write it like 2026-11-18 09:30.") % {
                    "text": quoted(values[name])
                }
                return self.wrong(line, name, "L-400", said)
        return self.hear(line, values, times["at"] or self.at, times["due"])

    def hear(self, line: int, values: dict[str, str], told: dt.datetime, due: dt.datetime | None) -> None:
        if told > self.at + dt.timedelta(days=1):
            said = _now("This time is still to come. Look at the column, and at the order of day and month.")
            return self.wrong(line, "at", "L-715", said)
        try:
            heard = hear(
                by=self.by,
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
                source=self.source,
                source_key=values["key"],
            )
        except AlreadyDone:
            self.done.known += 1
        except HeliError as error:
            self.wrong(line, error.field or "", error.code, error.words)
        else:
            self.done.taken += 1
            self.made.append((line, heard.request, due))
        return None


def import_rows(
    rows: Iterable[Mapping[str, str]],
    *,
    columns: Mapping[str, str],
    defaults: Mapping[str, str],
    source: str,
    by: Actor,
    at: dt.datetime,
    progress: Callable[[int], None] = lambda _n: None,
    batch: Batch | None = None,
) -> Imported:
    """Take every row through `steps.hear`, in one transaction: with one bad row nothing is taken and all errors are told.

    `columns` maps our fields (FIELDS) to the table's columns, `defaults` fills empty cells. Rows known by (source, key)
    are passed over; two rows of one file with the same key are an error. With `batch` each request is written down with
    it. Statements: those of `hear` for each new row, and two for each 500 rows.

    Raises ColumnMissing (L-702) for a column that the table does not have, Forbidden (L-403) before a row is read.
    """
    if not by.system and not by.can(Cap.IMPORT_REQUESTS):
        raise Forbidden
    taking = Taking(columns, defaults, source, by, at, batch)
    numbered = enumerate(rows, start=2)
    with transaction.atomic():
        while some := list(islice(numbered, AT_ONCE)):
            if some[0][0] == 2:
                for column in columns.values():
                    if column not in some[0][1]:
                        raise ColumnMissing(column=column, columns="、".join(some[0][1]))
            if taking.done.rows + len(some) > ROWS:
                raise FileTooLarge(limit=ROWS)
            taking.some([(getattr(row, "line", n), mapped(row, columns, defaults)) for n, row in some])
            progress(taking.done.rows)
        if taking.done.errors:
            transaction.set_rollback(True)
            taking.done.taken = 0
    return taking.done

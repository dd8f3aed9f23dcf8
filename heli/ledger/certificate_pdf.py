"""The paper: a PDF in the layout of its template, with the proof inside, sealed by the log's key.

A template is a file in typst/ that holds words and layout together, and is never changed once something was issued by it.
It is given plain data as JSON, so nothing a person wrote is read as markup.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import segno
import typst
from django.conf import settings
from django.utils import timezone

from heli.core import vault
from heli.engines import certificate as paper
from heli.engines import serial
from heli.engines.certificate import Proof
from heli.ledger import log
from heli.ledger.certificate_models import Certificate

HERE: Final = Path(__file__).parent
FONT: Final = Path(str(files("pylopdf_fonts_zh_cn"))) / "NotoSansSC-Regular.otf"


@dataclass(frozen=True, slots=True)
class Template:
    """A layout: its file, the languages it speaks, and since when certificates are made by it."""

    file: str
    languages: tuple[str, ...]
    since: dt.date


TEMPLATES: Final = {"1": Template("1.typ", ("zh", "en"), dt.date(2026, 11, 30))}
NEWEST: Final = "1"


# The font -------------------------------------------------------------------------------------------------------------
@cache
def _fonts() -> Any:
    """Read once a process."""
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONT.parent)])


@cache
def glyphs(font: Path = FONT) -> frozenset[int]:
    """The characters a font has, by its table cmap, format 12 (OpenType 1.9, cmap)."""
    raw = font.read_bytes()
    (tables,) = struct.unpack_from(">H", raw, 4)
    at = next(
        offset
        for tag, _sum, offset, _length in (struct.unpack_from(">4sIII", raw, 12 + 16 * i) for i in range(tables))
        if tag == b"cmap"
    )
    (kinds,) = struct.unpack_from(">H", raw, at + 2)
    for i in range(kinds):
        (offset,) = struct.unpack_from(">I", raw, at + 8 + 8 * i)
        if struct.unpack_from(">H", raw, at + offset)[0] == 12:
            (groups,) = struct.unpack_from(">I", raw, at + offset + 12)
            ranges = (struct.unpack_from(">III", raw, at + offset + 16 + 12 * g) for g in range(groups))
            return frozenset(c for first, last, _glyph in ranges for c in range(first, last + 1))
    raise ValueError(f"{font.name} has no table of all its characters")


def printable(text: str) -> str:
    """The text with 〔U+…〕 for what the font does not have, so that no empty box is printed for a name's character."""
    return "".join(c if ord(c) in glyphs() or c.isspace() else f"〔U+{ord(c):04X}〕" for c in text)


# What is printed ------------------------------------------------------------------------------------------------------
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _day(of: dt.date, language: str) -> str:
    return f"{of.year}年{of.month}月{of.day}日" if language == "zh" else f"{of.day} {MONTHS[of.month - 1]} {of.year}"


def _time(minutes: int, language: str) -> str:
    """Whole hours and minutes: rounded figures would not add up."""
    hours, rest = divmod(minutes, 60)
    if language == "zh":
        return " ".join([f"{hours} 小时"] * bool(hours or not rest) + [f"{rest} 分"] * bool(rest))
    return " ".join([f"{hours} h"] * bool(hours or not rest) + [f"{rest} min"] * bool(rest))


def address() -> tuple[str, str]:
    """(where numbers are typed, the host), as they are printed."""
    parts = urlsplit(settings.HELI_PUBLIC_URL)
    return f"{parts.netloc}{parts.path}/v/", parts.netloc


def link(c: Certificate) -> str:
    """What the QR code holds."""
    return f"{settings.HELI_PUBLIC_URL}/v/{serial.in_address(c.code)}/"


def content(c: Certificate, name: str, entries: Iterable[dict[str, Any]], issuer: str) -> dict[str, Any]:
    """What the template is given. `entries`: their leaves, in order. Characters the font lacks are given by number."""
    where, host = address()
    local = timezone.get_default_timezone()
    lines = [
        {
            "day": dt.datetime.fromisoformat(e["starts"]).astimezone(local).date().isoformat(),
            "title": e["facts"]["title"],
            "content": e["facts"]["content"],
            "place": e["facts"]["place"],
            "unit": e["facts"]["unit"],
            "time": _time(e["minutes"], c.language),
        }
        for e in entries
    ]
    own = c.issued_by == c.person.user_id
    how = {
        ("zh", True): "本人自助打印", ("zh", False): "应本人要求，由记录单位出具",
        ("en", True): "printed by the volunteer", ("en", False): "by the recording unit, at the volunteer's request",
    }[c.language, own]  # fmt: skip
    told: dict[str, Any] = {
        "language": c.language, "code": serial.grouped(c.code), "name": name, "issuer": issuer, "host": host, "address": where,
        "from": _day(c.first_day, c.language), "to": _day(c.last_day, c.language), "times": str(len(lines)),
        "total": _time(c.minutes, c.language), "issued": _day(timezone.localdate(c.issued_at), c.language), "how": how,
        "units": list(dict.fromkeys(x["unit"] for x in lines)), "lines": lines,
    }  # fmt: skip
    missing: set[str] = set()
    told = _printable(told, missing)
    return told | {"unprintable": " ".join(f"U+{ord(m):04X}" for m in sorted(missing))}


def _printable(value: Any, missing: set[str]) -> Any:
    if isinstance(value, str):
        missing |= {c for c in value if ord(c) not in glyphs() and not c.isspace()}
        return printable(value)
    if isinstance(value, dict):
        return {k: _printable(v, missing) for k, v in value.items()}
    return [_printable(v, missing) for v in value]


def render(c: Certificate, told: dict[str, Any], proof: bytes, kind: Literal["pdf", "png"] = "pdf") -> Any:
    """The paper without its seal; `kind` png gives its pages as pictures, for looking at it."""
    qr = io.BytesIO()
    segno.make(link(c), error="m").save(qr, kind="svg", border=0, dark="#17221e", light=None, scale=4)
    given = {"data": json.dumps(told, ensure_ascii=False), "proof": proof.decode(), "qr": qr.getvalue().decode()}
    made = typst.Compiler(
        str(HERE / "typst" / TEMPLATES[c.template].file), root=str(HERE / "typst"), font_paths=_fonts(), sys_inputs=given,
        ignore_system_fonts=True,
    )  # fmt: skip
    return made.compile(format=kind, timestamp=int(c.issued_at.timestamp()), ppi=100)


def sealed(c: Certificate, name: str, proof: Proof, issuer: str, at: dt.datetime) -> bytes:
    """The file as it is handed out."""
    told = content(c, name, [x.value for x in proof.leaves[1:]], issuer)
    mine = log.key(at)
    return paper.seal(
        render(c, told, proof.write()), mine.origin, vault.open_bytes(f"ledger.key:{mine.origin}", mine.private)
    )

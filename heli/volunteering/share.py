"""The picture of an activity that is passed on: title, time, place, and a code that leads to its page. Pure."""

from __future__ import annotations

import io
from functools import lru_cache
from importlib import resources
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, EDGE = 1200, 630, 64
PAPER, INK, SECOND, ACT, LINE = "#f4f6f2", "#17221e", "#46534d", "#12616b", "#d7ded8"
FONT = "NotoSansSC-Regular.otf"
LINES = 3  # of the title


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    with resources.as_file(resources.files("pylopdf_fonts_zh_cn") / FONT) as path:
        return ImageFont.truetype(str(Path(path)), size)


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int, most: int) -> list[str]:
    """Cut between characters; the last line that fits ends with dots when there is more."""
    lines, line = [], ""
    for c in text:
        if font.getlength(line + c) > width:
            lines.append(line)
            line = ""
        line += c
    lines.append(line)
    return lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-1] + "…"]


@lru_cache(maxsize=32)  # of what is being passed on now; a picture is 30 kB
def picture(*, title: str, lines: tuple[str, ...], foot: str, url: str) -> bytes:
    """PNG of 1200 × 630. `lines`: when, where, who; `url`: what the code leads to."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, WIDTH, 14), fill=ACT)
    code = io.BytesIO()
    segno.make(url, error="m").save(code, kind="png", scale=8, border=2, dark=INK, light="#ffffff")
    with Image.open(code) as qr:
        side = 260
        image.paste(qr.convert("RGB").resize((side, side), Image.Resampling.NEAREST), (WIDTH - EDGE - side, EDGE))
    width, y = WIDTH - EDGE * 3 - side, EDGE
    big, small = _font(60), _font(34)
    for line in _wrapped(title, big, width, LINES):
        draw.text((EDGE, y), line, font=big, fill=INK)
        y += 82
    y = max(y + 24, EDGE + side + 36)
    for said in lines:
        for line in _wrapped(said, small, WIDTH - EDGE * 2, 1):
            draw.text((EDGE, y), line, font=small, fill=SECOND)
            y += 54
    draw.line((EDGE, HEIGHT - 92, WIDTH - EDGE, HEIGHT - 92), fill=LINE, width=2)
    draw.text((EDGE, HEIGHT - 76), foot, font=_font(28), fill=ACT)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()

"""What people may send as a photo or a paper, and what becomes of it: decoded and written anew, or refused; served as a file.

The corpus is made here, so that nothing hostile lies in the repository.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageCms

from heli.core import files
from heli.core.actor import SYSTEM
from heli.core.errors import HeliError
from heli.loop import links, steps
from tests.loop.told import PAVEMENT
from tests.world import COMMUNITY

JS = b"<script>alert(1)</script>"
MARK = "37°32'北纬金丝雀"


def saved(kind: str, mode: str = "RGB", size: tuple[int, int] = (60, 40), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **more)
    return out.getvalue()


def with_gps() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = MARK
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 32.0, 10.0), 3: "E", 4: (121.0, 23.0, 40.0)})
    return saved("JPEG", exif=exif)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, *chunks: bytes, data: bytes = b"") -> bytes:
    """A PNG whose header says what it likes."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(chunks)
        + png_chunk(b"IDAT", data or zlib.compress(b"\0" * 100))
        + png_chunk(b"IEND", b"")
    )


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, content in members.items():
            book.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def animated(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (40, 40), c) for c in ("red", "blue", "green")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def icc_bomb() -> bytes:
    return png_of(
        40, 40, png_chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 30_000_000)), data=zlib.compress(b"\0" * 4840)
    )


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
JPEG, PNG, GIF = saved("JPEG"), saved("PNG"), saved("GIF")
# name: (file name, said kind, content, whether a photo comes of it)
CORPUS: dict[str, tuple[str, str, bytes | Callable[[], bytes], bool]] = {
    "a photo": ("a.jpg", "image/jpeg", JPEG, True),
    "GIF and script in one": ("a.gif", "image/gif", b"GIF89a/*" + GIF[8:] + b"*/=1;" + JS, True),
    "GIF followed by script": ("a.gif", "image/gif", GIF + JS, True),
    "JPEG followed by script": ("a.jpg", "image/jpeg", JPEG + JS, True),
    "JPEG followed by a zip": ("a.jpg", "image/jpeg", JPEG + zipped(a=b"x"), True),
    "JPEG with script as comment": ("a.jpg", "image/jpeg", lambda: saved("JPEG", comment=JS), True),
    "PNG with script as text": ("a.png", "image/png", lambda: png_of(8, 8, png_chunk(b"tEXt", b"k\0" + JS), data=zlib.compress(b"\0" * 200)), True),
    "SVG with script": ("a.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg">' + JS + b"</svg>", False),
    "SVG said to be PNG": ("a.png", "image/png", b'<?xml version="1.0"?><svg onload="alert(1)"/>', False),
    "SVG with an entity": ("a.svg", "image/svg+xml", b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>', False),
    "HTML said to be JPEG": ("a.jpg", "image/jpeg", b"<!doctype html>" + JS, False),
    "HTML behind the first bytes of a JPEG": ("a.jpg", "image/jpeg", b"\xff\xd8\xff\xe0" + JS, False),
    "script": ("a.js", "text/javascript", b"alert(1)", False),
    "PHP": ("a.php", "image/jpeg", b"<?php system($_GET[0]); ?>", False),
    "photo called PHP": ("a.php", "application/x-php", JPEG, True),
    "double ending": ("a.php.jpg", "image/jpeg", JPEG, True),
    "PDF with script": ("a.pdf", "application/pdf", PDF, False),
    "PDF said to be JPEG": ("a.jpg", "image/jpeg", PDF, False),
    "zip": ("a.zip", "application/zip", zipped(a=b"x"), False),
    "zip bomb": ("a.zip", "application/zip", lambda: zipped(a=b"\0" * 20_000_000), False),
    "zip bomb said to be JPEG": ("a.jpg", "image/jpeg", lambda: zipped(a=b"\0" * 20_000_000), False),
    "zip that climbs": ("a.zip", "application/zip", zipped(**{"..__..__etc__passwd": b"x"}), False),
    "docx with a macro": ("a.docm", "image/jpeg", zipped(word__vbaProject=b"Sub AutoOpen()"), False),
    "xlsx": ("a.xlsx", "image/jpeg", zipped(xl__workbook=b"<x/>"), False),
    "MZ program": ("a.exe", "image/jpeg", b"MZ" + b"\0" * 400, False),
    "ELF program": ("a", "image/jpeg", b"\x7fELF" + b"\0" * 400, False),
    "a hundred million pixels": ("a.png", "image/png", png_of(10_000, 10_001), False),
    "four thousand million pixels": ("a.png", "image/png", png_of(65_535, 65_535), False),
    "no pixels": ("a.png", "image/png", png_of(0, 0), False),
    "where it was taken": ("a.jpg", "image/jpeg", with_gps, True),
    "XMP": ("a.webp", "image/webp", lambda: saved("WEBP", xmp=MARK.encode()), True),
    "bomb of a colour profile": ("a.png", "image/png", icc_bomb, False),
    "colour profile": ("a.jpg", "image/jpeg", lambda: saved("JPEG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()), True),
    "CMYK": ("a.jpg", "image/jpeg", lambda: saved("JPEG", "CMYK"), True),
    "grey": ("a.jpg", "image/jpeg", lambda: saved("JPEG", "L"), True),
    "see-through": ("a.png", "image/png", lambda: saved("PNG", "RGBA"), True),
    "palette": ("a.png", "image/png", lambda: saved("PNG", "P"), True),
    "moving GIF": ("a.gif", "image/gif", lambda: animated("GIF"), True),
    "moving WebP": ("a.webp", "image/webp", lambda: animated("WEBP"), True),
    "moving PNG": ("a.png", "image/png", lambda: animated("PNG"), True),
    "BMP": ("a.bmp", "image/bmp", lambda: saved("BMP"), True),
    "TIFF": ("a.tif", "image/tiff", lambda: saved("TIFF"), False),
    "ICO": ("a.ico", "image/x-icon", lambda: saved("ICO", size=(32, 32)), False),
    "EPS": ("a.eps", "image/eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n", False),
    "two photos in one": ("a.mpo", "image/mpo", lambda: animated("MPO"), True),
    "AVIF": ("a.avif", "image/avif", lambda: saved("AVIF"), True),
    "HEIC": ("a.heic", "image/heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 60, False),
    "empty": ("a.jpg", "image/jpeg", b"", False),
    "one byte": ("a.jpg", "image/jpeg", b"\xff", False),
    "cut short": ("a.jpg", "image/jpeg", saved("JPEG", size=(400, 400))[:300], False),
    "zeros": ("a.jpg", "image/jpeg", b"\0" * 10_000, False),
    "too large": ("a.jpg", "image/jpeg", lambda: JPEG + b"\0" * (21 * 2**20), False),
}  # fmt: skip
NAMES = ("../../etc/passwd", "..\\..\\a.jpg", "/etc/passwd", "a\u202egpj.exe", "CON.jpg", "a\n\rSet-Cookie: x=1.jpg", "名" * 300 + ".jpg",
         '"><script>alert(1)</script>.jpg', "a.jpg;rm -rf", ".htaccess", "%2e%2e%2fa.jpg", "-rf.jpg")  # fmt: skip


def content_of(made: bytes | Callable[[], bytes]) -> bytes:
    return made() if callable(made) else made


def test_the_corpus_is_large_enough() -> None:
    assert len(CORPUS) + len(NAMES) >= 60 and len(CORPUS) >= 40


@pytest.mark.parametrize("name", CORPUS)
def test_a_photo_is_written_anew_or_refused(name: str) -> None:
    called, kind, made, photo = CORPUS[name]
    source = SimpleUploadedFile(called, content_of(made), kind)
    if not photo:
        with pytest.raises(HeliError) as refused:
            files.clean(source, files.PHOTO)
        assert refused.value.code in {"L-511", "L-512", "L-513"}
        return
    kept, said, width, height = files.clean(source, files.PHOTO)
    assert said == "image/jpeg" and kept[:2] == b"\xff\xd8" and width and height
    for hidden in (b"<script", b"PK\x03\x04", b"Exif", b"GPS", b"ICC_PROFILE", b"http://ns.adobe", "金丝雀".encode()):
        assert hidden not in kept
    with Image.open(io.BytesIO(kept)) as again:
        assert again.format == "JPEG" and not again.getexif() and getattr(again, "n_frames", 1) == 1
        again.load()


@pytest.mark.django_db
def test_no_name_reaches_the_disk_and_every_file_is_served_as_one(world: Any, settings: Any, tmp_path: Any) -> None:
    settings.HELI_FILES, settings.HELI_STAFF_MFA = tmp_path, False
    from django.utils import timezone

    now, tellers = timezone.now(), {}
    for n, name in enumerate(NAMES):
        photo = SimpleUploadedFile("x", JPEG, "image/jpeg")
        photo._name = name  # as it came, without Django's own mending
        told = steps.hear(
            by=SYSTEM, at=now, text=f"路灯坏了{n}", area_path=COMMUNITY, category=PAVEMENT, photos=[photo]
        )
        tellers[told.token] = told.request.photos[0]
    stored = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(stored) == len(NAMES) and all(len(p.name) == 32 and p.name.isalnum() for p in stored)
    assert not [p for p in stored if p.stat().st_mode & 0o111], "none can be run"
    for token, file in tellers.items():
        served = Client().get(f"/t/{token}/file/{file}/")
        assert served.status_code == 200
        assert served["Content-Type"] == "image/jpeg" and served["X-Content-Type-Options"] == "nosniff"
        assert (
            "default-src 'none'" in served["Content-Security-Policy"]
            and served["Cross-Origin-Resource-Policy"] == "same-origin"
        )
        assert "private" in served["Cache-Control"] and "/" not in served.get("Content-Disposition", "")
        other = next(t for t in tellers if t != token)
        assert Client().get(f"/t/{other}/file/{file}/").status_code == 404
    assert links.voice_of(token, now)

"""Files from people: nothing of the original but what can be seen, and nothing that is not a picture or a PDF."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import io
import struct
import uuid
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import RequestFactory
from PIL import Image

from heli.core import files
from heli.core.models import StoredFile

ASKED = RequestFactory().get("/")
MARK = b"CANARY-13912345678"


def picture(form: str = "JPEG", size: tuple[int, int] = (640, 480), **save: Any) -> bytes:
    image = Image.effect_noise(size, 40).convert("RGB")
    out = io.BytesIO()
    image.save(out, form, **save)
    return out.getvalue()


def with_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "PhoneMaker"
    exif[0x0112] = orientation
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 32.0, 11.0), 3: "E", 4: (121.0, 23.0, 5.0)})
    exif[0x9286] = MARK.decode()
    return picture(size=(640, 480), exif=exif)


def clean(raw: bytes, limits: files.Limits = files.PHOTO) -> tuple[bytes, str, int | None, int | None]:
    return files.clean(io.BytesIO(raw), limits)


def png_with_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_nothing_of_the_metadata_is_kept() -> None:
    raw = with_exif()
    assert MARK in raw
    kept, kind, width, height = clean(raw)
    assert (kind, width, height) == ("image/jpeg", 640, 480)
    assert MARK not in kept and b"PhoneMaker" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert dict(image.getexif()) == {}
        assert not ({"exif", "icc_profile", "xmp", "comment", "photoshop"} & image.info.keys())


def test_comments_and_profiles_go_too() -> None:
    raw = picture(comment=MARK, icc_profile=b"\0" * 128 + MARK, xmp=MARK)
    assert MARK in raw
    assert MARK not in clean(raw)[0]


def test_a_turned_photo_is_put_upright() -> None:
    _kept, _kind, width, height = clean(with_exif(orientation=6))
    assert (width, height) == (480, 640)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_every_usual_format_becomes_a_jpeg(form: str) -> None:
    kept, kind, *_size = clean(picture(form))
    assert kind == "image/jpeg" and kept.startswith(b"\xff\xd8\xff")


def test_a_picture_with_transparency_and_a_palette() -> None:
    for mode in ("RGBA", "P", "LA", "L", "I;16", "CMYK", "1"):
        out = io.BytesIO()
        Image.new(mode, (50, 40)).save(out, "TIFF" if mode == "CMYK" else "PNG")
        if mode == "CMYK":  # TIFF is not taken
            with pytest.raises(files.NotAllowed):
                clean(out.getvalue())
        else:
            assert clean(out.getvalue())[1] == "image/jpeg"


def test_large_edges_are_made_smaller() -> None:
    _kept, _kind, width, height = clean(picture(size=(5000, 2500)))
    assert (width, height) == (2048, 1024)


def test_a_pdf_named_jpg_is_no_photo() -> None:
    pdf = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
    with pytest.raises(files.NotAllowed):
        clean(pdf)
    assert clean(pdf, files.PAPER) == (pdf, "application/pdf", None, None)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 100,
        b"<html><script>alert(1)</script></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        b"GIF89a<script>alert(1)</script>",
        b"\xff\xd8\xff\xe0<html>",
        b"\x89PNG\r\n\x1a\n<svg onload=alert(1)>",
        b"MZ\x90\x00",
        b"#!/bin/sh\nrm -rf /\n",
        b"%PDF-",
        b"%PDF-1.4 <html><script>alert(1)</script>",
        "姓名,电话\n".encode(),
    ],
)
@pytest.mark.parametrize("limits", [files.PHOTO, files.PAPER])
def test_what_is_neither_is_refused(raw: bytes, limits: files.Limits) -> None:
    with pytest.raises(files.NotAllowed):
        clean(raw, limits)


def test_zip_and_zip_bomb_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a", b"\0" * 10_000_000)
    for limits in (files.PHOTO, files.PAPER):
        with pytest.raises(files.NotAllowed):
            clean(out.getvalue(), limits)


def test_thirty_megabytes_are_refused_with_the_size() -> None:
    with pytest.raises(files.TooLarge) as caught:
        clean(picture() + b"\0" * 30 * 2**20)
    assert caught.value.slots["limit"] == 20
    assert caught.value.code == "L-511"


def test_only_a_little_more_than_the_limit_is_read() -> None:
    class Endless(io.RawIOBase):
        read_so_far = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            assert size >= 0, "reading without a limit"
            self.read_so_far += size
            return b"\xff" * size

    source = Endless()
    with pytest.raises(files.TooLarge):
        files.clean(source, files.Limits(size=1000))  # type: ignore[arg-type]
    assert source.read_so_far == 1001


@pytest.mark.parametrize("size", [(10_000, 10_000), (100_000, 100_000), (2**31 - 1, 2**31 - 1), (70_000_000, 1)])
def test_a_huge_picture_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises((files.TooManyPixels, files.NotAllowed)) as caught:
        clean(png_with_header(*size))
    if size[0] <= 100_000:
        assert caught.value.code == "L-513"


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_picture_is_refused(form: str, cut: float) -> None:
    raw = picture(form)
    with pytest.raises(files.NotAllowed):
        clean(raw[: int(len(raw) * cut)])


def test_a_second_file_behind_the_picture_is_dropped() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("evil.txt", MARK)
    for raw in (picture() + out.getvalue(), picture() + b"<script>" + MARK, picture("PNG") + MARK):
        kept = clean(raw)[0]
        assert MARK not in kept
        assert not zipfile.is_zipfile(io.BytesIO(kept))


def test_an_animation_is_its_first_picture() -> None:
    frames = [Image.new("RGB", (40, 30), c) for c in ("red", "blue", "green")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    kept, *_ = clean(out.getvalue())
    with Image.open(io.BytesIO(kept)) as image:
        assert getattr(image, "n_frames", 1) == 1
        assert image.convert("RGB").getpixel((5, 5))[0] > 200


@pytest.mark.django_db
def test_stored_outside_the_web_root_and_served_as_what_it_is(settings: Any, tmp_path: Path) -> None:
    settings.HELI_FILES = tmp_path
    row = files.store(io.BytesIO(with_exif()), subject_type="loop.request", subject_id=1)
    on_disk = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [p.name for p in on_disk] == [row.id.hex]
    response = files.serve(row, ASKED)
    assert b"".join(response.streaming_content).startswith(b"\xff\xd8\xff")
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_browser_that_keeps_a_photo_is_told_when_it_was_covered(settings: Any, tmp_path: Path) -> None:
    settings.HELI_FILES = tmp_path
    row = files.store(io.BytesIO(picture()), subject_type="x", subject_id=1)
    first = files.serve(row, ASKED)
    assert first["Cache-Control"] == "private, no-cache"
    again = RequestFactory().get("/", HTTP_IF_NONE_MATCH=first["ETag"])
    same = files.serve(row, again)
    assert same.status_code == 304 and same.content == b"" and same["Cache-Control"] == "private, no-cache"
    files.cover(row, [(0, 0, 0.5, 0.5)])
    other = files.serve(StoredFile.objects.get(pk=row.pk), again)
    shown = b"".join(other.streaming_content)
    assert other.status_code == 200 and other["ETag"] != first["ETag"]
    with Image.open(io.BytesIO(shown)) as image:
        corner = image.convert("L").crop((20, 20, 300, 220)).getextrema()
        rest = image.convert("L").crop((340, 260, 620, 460)).getextrema()
    assert corner[1] - corner[0] < 60 < rest[1] - rest[0], "noise stays only where nothing was covered"


@pytest.mark.django_db
def test_a_cover_that_finds_no_room_leaves_the_photo_and_its_row(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HELI_FILES = tmp_path
    row = files.store(io.BytesIO(picture()), subject_type="x", subject_id=1)
    before = files.where(row.pk).read_bytes()

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(files.DiskFull), transaction.atomic():
        files.cover(row, [(0, 0, 1, 1)])
    assert files.where(row.pk).read_bytes() == before and not list(tmp_path.rglob("*.part"))
    assert StoredFile.objects.get(pk=row.pk).sha256 == hashlib.sha256(before).hexdigest()


@pytest.mark.django_db
def test_a_pdf_is_saved_never_shown(settings: Any, tmp_path: Path) -> None:
    settings.HELI_FILES = tmp_path
    row = files.store(io.BytesIO(b"%PDF-1.7\n%%EOF"), subject_type="x", subject_id=1, limits=files.PAPER)
    assert files.serve(row, ASKED)["Content-Disposition"].startswith("attachment")


@pytest.mark.django_db
def test_a_row_without_its_file_says_so(settings: Any, tmp_path: Path) -> None:
    settings.HELI_FILES = tmp_path
    row = StoredFile(id=uuid.uuid4(), kind="image/jpeg", size=1, stored_at=dt.datetime.now(dt.UTC))
    with pytest.raises(files.Missing):
        files.serve(row, ASKED)


@pytest.mark.django_db
def test_refused_content_leaves_nothing_behind(settings: Any, tmp_path: Path) -> None:
    settings.HELI_FILES = tmp_path
    with pytest.raises(files.NotAllowed):
        files.store(io.BytesIO(b"<svg/>"), subject_type="x", subject_id=1)
    assert not list(tmp_path.rglob("*")) and not StoredFile.objects.exists()

"""Files from people: sniffed, measured, re-encoded, stored outside the web root, served only after an access check.

A photo is decoded and written anew, so nothing of the original's metadata (place, device) or of a hidden second file
is kept. Nothing is ever served inline except re-encoded images.
"""

from __future__ import annotations

import hashlib
import io
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.http import FileResponse, HttpResponse
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps

from heli.core.errors import HeliError
from heli.core.models import StoredFile

Image.MAX_IMAGE_PIXELS = None  # our own limit is asked of the header, before anything is decoded
Cleaned = tuple[bytes, str, int | None, int | None]  # content, kind, width, height
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "MPO", "AVIF")


class TooLarge(HeliError):
    code = "L-511"
    status = 400
    sentence = _(
        "This file is %(size)s MB; at most %(limit)s MB can be taken. A photo taken at a lower quality is enough."
    )


class NotAllowed(HeliError):
    code = "L-512"
    status = 400
    sentence = _("This is not a photo or a PDF that can be opened. Choose a JPG, PNG or PDF file.")


class TooManyPixels(HeliError):
    code = "L-513"
    status = 400
    sentence = _(
        "This picture has %(pixels)s million pixels; at most %(limit)s million can be taken. Take it again smaller."
    )


class Missing(HeliError):
    code = "L-514"
    status = 404
    sentence = _("This file is recorded, but its content is not on this machine. Tell your administrator: L-514.")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken: bytes, pixels, the longest edge kept (pixels), and whether a PDF is allowed."""

    size: int = 20 * 2**20
    pixels: int = 60_000_000
    edge: int = 2048
    pdf: bool = False


PHOTO = Limits()
PAPER = Limits(pdf=True)


def _photo(raw: bytes, limits: Limits) -> tuple[bytes, int, int]:
    try:
        with Image.open(io.BytesIO(raw), formats=PHOTO_FORMATS) as image:
            width, height = image.size  # from the header: nothing is decoded yet
            if width * height > limits.pixels:
                millions = width * height // 1_000_000
                raise TooManyPixels(pixels=millions, limit=limits.pixels // 1_000_000, field="photos")
            image.draft("RGB", (limits.edge, limits.edge))
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except HeliError:
        raise
    except Exception as error:  # whatever a decoder says about hostile bytes, the answer is the same
        raise NotAllowed(field="photos") from error
    upright.thumbnail((limits.edge, limits.edge), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    Image.frombytes("RGB", upright.size, upright.tobytes()).save(out, "JPEG", quality=84, optimize=True)
    return out.getvalue(), upright.width, upright.height


def clean(source: IO[bytes], limits: Limits) -> Cleaned:
    """The bytes to keep: (content, kind, width, height).

    Raises TooLarge (L-511), NotAllowed (L-512), TooManyPixels (L-513). The name and the declared type are not believed.
    """
    raw = source.read(limits.size + 1)
    if len(raw) > limits.size:
        size = getattr(source, "size", len(raw))
        raise TooLarge(size=round(size / 2**20, 1), limit=limits.size // 2**20, field="photos")
    if raw.startswith(b"%PDF-"):
        if not limits.pdf:
            raise NotAllowed(field="photos")
        if b"%%EOF" not in raw[-2048:]:
            raise NotAllowed(field="photos")  # cut short, or no PDF behind its first five letters
        return raw, "application/pdf", None, None
    content, width, height = _photo(raw, limits)
    return content, "image/jpeg", width, height


def where(file_id: uuid.UUID) -> Path:
    name = file_id.hex
    return Path(settings.HELI_FILES) / name[:2] / name[2:4] / name


def store(source: IO[bytes], *, subject_type: str, subject_id: int, limits: Limits = PHOTO) -> StoredFile:
    """Clean and keep a file; on disk (synced) before its row exists, so a row never points at nothing."""
    return keep(clean(source, limits), subject_type=subject_type, subject_id=subject_id)


def keep(cleaned: Cleaned, *, subject_type: str, subject_id: int) -> StoredFile:
    """Write cleaned content (see `clean`) to disk, then insert its row."""
    return keep_all([cleaned], subject_type=subject_type, subject_id=subject_id)[0]


def keep_all(cleaned: Sequence[Cleaned], *, subject_type: str, subject_id: int) -> list[StoredFile]:
    """The same for several files of one thing: each on disk (synced) before its row, all rows in one INSERT."""
    return StoredFile.objects.bulk_create([_write(c, subject_type, subject_id) for c in cleaned])


def _write(cleaned: Cleaned, subject_type: str, subject_id: int) -> StoredFile:
    content, kind, width, height = cleaned
    row = StoredFile(
        sha256=hashlib.sha256(content).hexdigest(),
        kind=kind,
        size=len(content),
        width=width,
        height=height,
        subject_type=subject_type,
        subject_id=subject_id,
    )
    target = where(row.id)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(".part")
    with draft.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(target)
    return row


def serve(row: StoredFile) -> HttpResponse:
    """The file for somebody whose access the caller has checked. Images may be shown, all else is saved."""
    try:
        body = where(row.id).open("rb")
    except FileNotFoundError as error:
        raise Missing from error
    ending = {"image/jpeg": "jpg", "application/pdf": "pdf"}[row.kind]
    response = FileResponse(
        body, content_type=row.kind, as_attachment=row.kind != "image/jpeg", filename=f"{row.id.hex[:8]}.{ending}"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response  # type: ignore[return-value]

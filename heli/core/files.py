"""Files from people: sniffed, measured, re-encoded, stored outside the web root, served only after an access check.

A photo is decoded and written anew, so nothing of the original's metadata (place, device) or of a hidden second file
is kept. Nothing is ever served inline except re-encoded images.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import logging
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.conf import settings
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext_lazy as _
from PIL import Image

from heli.core.errors import HeliError
from heli.core.models import StoredFile
from heli.core.outages import NO_ROOM, DiskFull
from heli.engines import blur

log = logging.getLogger("heli.files")
Image.MAX_IMAGE_PIXELS = None  # our own limit is asked of the header, before anything is decoded
Cleaned = tuple[bytes, str, int | None, int | None]  # content, kind, width, height
PART = ".part"  # ends the name of a file that is still being written
SHRINKS_WHILE_DECODED = ("JPEG", "MPO")
ORIENTATION = 0x0112
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")  # an MPO is opened as a JPEG


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


class TooBusy(HeliError):
    """Several large pictures are being decoded in this process."""

    code = "L-516"
    status = 503
    sentence = _(
        "Many large photos are being worked on just now. Send it again in a minute, with smaller photos or without."
    )


class NotLookedAt(HeliError):
    """Faces and plates could not be looked for, so nothing of the photo is kept."""

    code = "L-200"
    status = 503
    sentence = _(
        "This photo was not kept: faces and number plates in it could not be covered just now. Say in words what it shows."
    )


class Missing(HeliError):
    code = "L-514"
    status = 404
    sentence = _("This file is recorded, but its content is not on this machine. Tell your administrator: L-514.")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken: bytes, pixels (of a JPEG, and of a format that is decoded whole: four bytes each, and more), the
    longest edge kept (pixels), whether a PDF is allowed, and whether faces and number plates are covered before
    anything is written."""

    size: int = 20 * 2**20
    pixels: int = 60_000_000
    flat_pixels: int = 30_000_000
    edge: int = 2048
    pdf: bool = False
    blur: bool = False


PHOTO = Limits()
PAPER = Limits(pdf=True)
STREET = Limits(edge=1600, blur=True)  # of places where people pass by


class _Gate:
    """One large picture at a time, few waiting: a process keeps threads and memory for everybody else."""

    def __init__(self, waiting: int, seconds: float) -> None:
        self._turn = threading.Lock()
        self._places = threading.BoundedSemaphore(waiting + 1)
        self.seconds = seconds

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TooBusy(field="photos")
        try:
            if not self._turn.acquire(timeout=self.seconds):
                raise TooBusy(field="photos")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


LARGE = 6_000_000  # pixels that are decoded; below, a picture needs less than 60 MB
_one_large = _Gate(waiting=1, seconds=20)
_one_searched = _Gate(waiting=6, seconds=20)  # for faces: two seconds of one core and 350 MB each
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _photo(raw: bytes, limits: Limits) -> tuple[bytes, int, int]:
    try:
        with Image.open(io.BytesIO(raw), formats=PHOTO_FORMATS) as image:
            width, height = image.size  # from the header: nothing is decoded yet
            most = limits.pixels if image.format in SHRINKS_WHILE_DECODED else limits.flat_pixels
            if width * height > most:
                raise TooManyPixels(pixels=width * height // 1_000_000, limit=most // 1_000_000, field="photos")
            image.draft("RGB", (limits.edge, limits.edge))
            with _one_large() if width * height > LARGE else contextlib.nullcontext():
                small = _shrunk(image, limits.edge)
            turn = UPRIGHT.get(image.getexif().get(ORIENTATION, 1))
    except HeliError:
        raise
    except Exception as error:  # whatever a decoder says about hostile bytes, the answer is the same
        raise NotAllowed(field="photos") from error
    upright = small.transpose(turn) if turn is not None else small
    if limits.blur:
        upright = _without_people(upright)
    return _jpeg(upright), upright.width, upright.height


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", image.size, image.tobytes()).save(out, "JPEG", quality=84, optimize=True)
    return out.getvalue()


def _without_people(image: Image.Image) -> Image.Image:
    """The picture with faces and number plates covered; NotLookedAt (L-200) when that cannot be done."""
    with _one_searched():
        try:
            return blur.blur(image)[0]
        except blur.CannotLook as error:
            log.exception("faces and plates cannot be looked for: photos of streets are not kept")
            raise NotLookedAt(field="photos") from error


def _shrunk(image: Image.Image, edge: int) -> Image.Image:
    """The picture in RGB with no edge above `edge`; at its largest it is in memory once or twice, never more."""
    image.load()
    if image.mode == "RGB" and (factor := max(image.size) // edge // 2) > 1:
        image = image.reduce(factor)
    small = image.convert("RGB")
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return small


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
    """The same for several files of one thing: each on disk (synced) before its row, all rows in one INSERT.

    Raises DiskFull (L-515) when there is no room; nothing of the files is left then.
    """
    rows: list[StoredFile] = []
    try:
        for c in cleaned:
            rows.append(_write(c, subject_type, subject_id))
    except OSError as error:
        for row in rows:
            where(row.id).unlink(missing_ok=True)
        if error.errno in NO_ROOM:
            raise DiskFull(field="photos") from error
        raise
    return StoredFile.objects.bulk_create(rows)


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
    where(row.id).parent.mkdir(parents=True, exist_ok=True)
    _put(content, where(row.id))
    return row


def _put(content: bytes, target: Path) -> None:
    """Write beside, sync, and give it its name: there is never half a file under it."""
    draft = target.with_suffix(PART)
    try:
        with draft.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def cover(row: StoredFile, places: Sequence[tuple[float, float, float, float]]) -> StoredFile:
    """A photo with these places (left, top, right, bottom, as shares of its width and height) made unreadable: written
    anew under its own name, so that whoever names it (rows that may never change among them) needs no change. The old
    content is gone. Call inside a transaction that holds what the photo belongs to.

    The content is replaced before the commit: where that fails, the photo is covered and its row says otherwise
    (`heli audit` tells of it), never the other way round.

    Raises Missing (L-514); NotAllowed (L-512) for what is no photo; DiskFull (L-515).
    """
    if row.kind != "image/jpeg":
        raise NotAllowed(field="photos")
    try:
        with Image.open(where(row.id), formats=("JPEG",)) as image:
            w, h = image.size
            boxes = [
                blur.Box(round(x * w), round(y * h), round((right - x) * w), round((bottom - y) * h), "marked")
                for x, y, right, bottom in places
            ]
            content = _jpeg(blur.cover(image.convert("RGB"), boxes, margin=0))
    except FileNotFoundError as error:
        raise Missing from error
    row.sha256, row.size, row.width, row.height = hashlib.sha256(content).hexdigest(), len(content), w, h
    row.save(update_fields=["sha256", "size", "width", "height"])
    try:
        _put(content, where(row.id))
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(field="photos") from error
        raise
    return row


def discard(ids: Sequence[uuid.UUID]) -> None:
    """Files that are to be forgotten: their rows go with the step, their content when it is committed. Call inside a
    transaction."""
    gone = list(ids)
    StoredFile.objects.filter(pk__in=gone).delete()

    def unlink() -> None:
        for pk in gone:
            where(pk).unlink(missing_ok=True)

    transaction.on_commit(unlink)


def _sync_folder(folder: Path) -> None:
    """A name in a folder survives a power cut only after the folder itself was synced."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class TooManyOrphans(Exception):
    """So many files without a row that the database must be older than the files: a restore, not litter."""


def _batches(root: Path) -> Iterator[list[os.DirEntry[str]]]:
    for first in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else ():
        found = [e for second in os.scandir(first) if second.is_dir() for e in os.scandir(second)]
        if found:
            yield found


def sweep(before: dt.datetime) -> dict[str, int]:
    """Remove what an interrupted upload left: drafts and files no row speaks of, both last written before `before`.

    Walks one of 256 folders at a time: one statement each. Returns {"files": seen, "drafts": …, "orphans": removed}.
    Raises TooManyOrphans, and removes nothing, when more than a tenth (and more than 100) of the files have no row.
    """
    old, seen, drafts = before.timestamp(), 0, 0
    orphans: list[str] = []
    for entries in _batches(Path(settings.HELI_FILES)):
        mine: dict[uuid.UUID, str] = {}
        for entry in entries:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if entry.name.endswith(PART):
                    if entry.stat().st_mtime < old:
                        os.unlink(entry.path)
                        drafts += 1
                    continue
                seen += 1
                if entry.stat().st_mtime < old:
                    mine[uuid.UUID(entry.name)] = entry.path
        known = set(StoredFile.objects.filter(pk__in=mine).values_list("pk", flat=True)) if mine else set()
        orphans += [path for pk, path in mine.items() if pk not in known]
    if len(orphans) > max(100, seen // 10):
        raise TooManyOrphans(f"{len(orphans)} of {seen} files have no row")
    for path in orphans:
        Path(path).unlink(missing_ok=True)
    return {"files": seen, "drafts": drafts, "orphans": len(orphans)}


def serve(row: StoredFile, request: HttpRequest) -> HttpResponse:
    """The file for somebody whose access the caller has checked. Images may be shown, all else is saved.

    A browser keeps it, and asks each time whether it is still the same (304): a photo that was covered meanwhile is
    never shown from there.
    """
    etag = f'"{row.sha256}"'
    same = get_conditional_response(request, etag=etag)
    response = _whole(row) if same is None else same
    response["ETag"] = etag
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-cache"
    return cast(HttpResponse, response)


def _whole(row: StoredFile) -> FileResponse:
    try:
        body = where(row.id).open("rb")
    except FileNotFoundError as error:
        raise Missing from error
    ending = {"image/jpeg": "jpg", "application/pdf": "pdf"}[row.kind]
    return FileResponse(
        body, content_type=row.kind, as_attachment=row.kind != "image/jpeg", filename=f"{row.id.hex[:8]}.{ending}"
    )

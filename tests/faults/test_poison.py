"""Poisoned uploads: what a picture may cost at most, and what a person is told. (What is kept of them: tests/core/test_files.py.)"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from heli.core import files
from tests.database import ROOT

MB = 2**20
CPU_SECONDS, MEMORY = 12.0, 700 * MB  # of one picture, on a slow machine
CODES = {"L-511", "L-512", "L-513"}


def saved(form: str, size: tuple[int, int], mode: str = "RGB", **how: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, form, **how)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(extra: bytes, width: int = 64, height: int = 64, body: bytes | None = None) -> bytes:
    """A PNG with further chunks before its picture."""
    rows = zlib.compress(b"\0" * ((width * 3 + 1) * min(height, 5000)), 9) if body is None else body
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb(megabytes: int) -> bytes:
    """So many megabytes of nothing, in a thousandth of that."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b"\0" * MB) for _n in range(megabytes)) + packer.flush()


def animated(frames: int) -> bytes:
    out = io.BytesIO()
    pictures = [Image.new("P", (600, 600), n % 250) for n in range(frames)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=1)
    return out.getvalue()


def many_scans() -> bytes:
    """A progressive JPEG whose last scan is there a thousand times: each is decoded again."""
    raw = saved("JPEG", (2000, 2000), progressive=True)
    last = raw.rindex(b"\xff\xda")
    return raw[:-2] + raw[last:-2] * 1000 + raw[-2:]


SAMPLES: dict[str, tuple[Callable[[], bytes], bool]] = {  # how it is made, and whether it is a photo that is kept
    "PNG of 29 Mpx in colour and transparency, 100 kB": (lambda: saved("PNG", (5400, 5400), "RGBA"), True),
    "PNG of 29 Mpx, one bit": (lambda: saved("PNG", (5400, 5400), "1"), True),
    "PNG of 60 Mpx": (lambda: saved("PNG", (7700, 7700), "L"), False),
    "PNG that says 50000 × 50000": (lambda: png_with(b"", 50_000, 50_000), False),
    "PNG with a text of 200 MB packed": (lambda: png_with(chunk(b"zTXt", b"Comment\0\0" + bomb(200))), False),
    "PNG with a colour profile of 200 MB packed": (lambda: png_with(chunk(b"iCCP", b"p\0\0" + bomb(200))), False),
    "PNG whose rows unpack to 200 MB too many": (lambda: png_with(b"", body=bomb(200)), True),
    "PNG cut short": (lambda: saved("PNG", (3000, 3000))[:2000], False),
    "WebP of 29 Mpx, 80 kB": (lambda: saved("WEBP", (5400, 5400), method=0), True),
    "AVIF of 29 Mpx, 1 kB": (lambda: saved("AVIF", (5400, 5400), speed=10), True),
    "GIF of 29 Mpx, 20 kB": (lambda: saved("GIF", (5400, 5400), "P"), True),
    "GIF of 2000 frames": (lambda: animated(2000), True),
    "JPEG of 59 Mpx, progressive": (lambda: saved("JPEG", (7700, 7700), progressive=True), True),
    "JPEG of 100 Mpx": (lambda: saved("JPEG", (10_000, 10_000), "L"), False),
    "JPEG with a thousand scans": (many_scans, True),
    "JPEG with 15 MB of metadata": (lambda: saved("JPEG", (64, 64))[:2] + (b"\xff\xe1\xff\xff" + b"\0" * 65533) * 240 + saved("JPEG", (64, 64))[2:], True),
    "TIFF called a JPEG": (lambda: saved("TIFF", (64, 64)), False),
    "GIF that is also a ZIP": (lambda: saved("GIF", (64, 64), "P") + b"PK\x05\x06" + b"\0" * 18, True),
}  # fmt: skip

# All samples in one process; the kernel keeps the highest memory it ever had (VmHWM), which is reset before each.
MEASURE = """
import json, resource, sys, django
django.setup()
from heli.core import files
from heli.core.errors import HeliError
def memory(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) * 1024
def used():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
for path in sys.argv[1:]:
    open("/proc/self/clear_refs", "w").write("5")
    before, cpu, code = memory("VmRSS"), used(), ""
    try:
        files.clean(open(path, "rb"), files.PHOTO)
    except HeliError as error:
        code = error.code
    print(json.dumps([code, used() - cpu, memory("VmHWM") - before]))
"""


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, float, int]]:
    """{sample: (its bytes, code or "" when kept, CPU seconds, bytes of memory above what was there before)}"""
    folder = tmp_path_factory.mktemp("poison")
    paths = [folder / str(n) for n in range(len(SAMPLES))]
    for path, (make, _kept) in zip(paths, SAMPLES.values(), strict=True):
        path.write_bytes(make())
    first = folder / "first"  # loads the decoders
    first.write_bytes(saved("AVIF", (64, 64)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, first, *paths],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()[1:]]
    return {n: (p.stat().st_size, *line) for n, p, line in zip(SAMPLES, paths, lines, strict=True)}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_one_picture_costs(name: str, costs: dict[str, tuple[int, str, float, int]]) -> None:
    """Kept, or refused with a code and a sentence; in bounded time and memory whatever it says it is."""
    size, code, cpu, memory = costs[name]
    assert size <= files.PHOTO.size, "what is larger is refused unread"
    print(f"\n{name}: {size / 1000:,.0f} kB, {code or 'kept'}, {cpu:.1f} s, {memory / MB:.0f} MB")
    assert code == "" if SAMPLES[name][1] else code in CODES
    assert cpu < CPU_SECONDS and memory < MEMORY


def test_of_eight_at_once_one_is_decoded_one_waits_and_six_are_told_to_come_again() -> None:
    """A process keeps its other threads, and never holds two large pictures decoded; small ones pass beside."""
    raw, small = saved("WEBP", (5400, 5400), method=0), saved("JPEG", (300, 200))
    said: list[str] = []
    began = threading.Barrier(9)

    def upload(content: bytes) -> None:
        began.wait()
        try:
            files.clean(io.BytesIO(content), files.PHOTO)
            said.append("kept")
        except files.TooBusy:
            said.append("busy")

    threads = [threading.Thread(target=upload, args=(raw,)) for _n in range(8)]
    for t in threads:
        t.start()
    began.wait()
    start = time.monotonic()
    files.clean(io.BytesIO(small), files.PHOTO)
    passed = time.monotonic() - start
    for t in threads:
        t.join()
    assert sorted(said) == ["busy"] * 6 + ["kept"] * 2
    assert passed < 5
    files.clean(io.BytesIO(raw), files.PHOTO)  # and afterwards there is a place again

"""The log files of HELI_LOG_DIR: none missing, none removed before its time, none kept for ever.

Six months at least (Cybersecurity Law art. 21(3)); HELI_LOG_DAYS says how long, and settings refuse fewer than 184.
"""

from __future__ import annotations

import datetime as dt
import gzip
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.utils import timezone

NAME = re.compile(r"(heli|security)-(\d{4}-\d\d-\d\d)\.jsonl(\.gz)?")
PLAIN_DAYS = 2  # today and yesterday stay as they are: somebody may still be writing


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there. `wrong`: sentences about days that are missing or files that cannot be written."""

    files: int
    bytes: int
    oldest: dt.date | None
    newest: dt.date | None
    days: int
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Swept:
    """How many files a sweep changed."""

    compressed: int = 0
    removed: int = 0


def _files() -> dict[Path, tuple[str, dt.date]]:
    folder = Path(settings.HELI_LOG_DIR)
    found = ((p, NAME.fullmatch(p.name)) for p in (folder.iterdir() if folder.is_dir() else ()))
    return {p: (m[1], dt.date.fromisoformat(m[2])) for p, m in found if m}


def look(today: dt.date | None = None) -> Kept:
    """What is kept. A day without a single line of `heli-…` between the oldest and today is told: a server that ran
    writes every day, so either it stood still or somebody took the file away."""
    today = today or timezone.localdate()
    files = _files()
    days = sorted({day for name, day in files.values() if name == "heli"})
    wrong: list[str] = []
    if not os.access(settings.HELI_LOG_DIR, os.W_OK):
        wrong.append(f"{settings.HELI_LOG_DIR} cannot be written")
    if not days:
        wrong.append("no log file yet")
    else:
        whole = {days[0] + dt.timedelta(days=n) for n in range((today - days[0]).days + 1)}
        lost = sorted(whole - set(days) - {today})
        if lost:
            wrong.append(f"{len(lost)} days without a file, the first {lost[0]}")
    return Kept(
        files=len(files),
        bytes=sum(p.stat().st_size for p in files),
        oldest=days[0] if days else None,
        newest=days[-1] if days else None,
        days=settings.HELI_LOG_DAYS,
        wrong=wrong,
    )


def sweep(today: dt.date | None = None) -> Swept:
    """Compress the days before yesterday; remove those older than HELI_LOG_DAYS. Harmless when run twice or cut off."""
    today = today or timezone.localdate()
    compressed = removed = 0
    for path, (_name, day) in _files().items():
        age = (today - day).days
        if age > settings.HELI_LOG_DAYS:
            path.unlink(missing_ok=True)
            removed += 1
        elif age >= PLAIN_DAYS and path.suffix != ".gz":
            _compress(path)
            compressed += 1
    return Swept(compressed, removed)


def _compress(path: Path) -> None:
    whole, draft = path.with_name(path.name + ".gz"), path.with_name(path.name + ".part")
    with path.open("rb") as source, gzip.open(draft, "wb") as out:
        shutil.copyfileobj(source, out)
    with draft.open("rb") as done:
        os.fsync(done.fileno())
    draft.chmod(0o640)
    draft.replace(whole)
    path.unlink()

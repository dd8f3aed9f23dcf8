"""Logs are kept six months at least, whole, and not for ever."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heli.core.logs import Daily, formatter
from heli.ops import logkeeping
from tests.house.test_settings import PRODUCTION, read

TODAY = dt.date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.HELI_LOG_DIR, settings.HELI_LOG_DAYS = str(tmp_path), 200
    return tmp_path


def put(folder: Path, ago: int, name: str = "heli", text: str = "{}\n") -> Path:
    path = folder / f"{name}-{TODAY - dt.timedelta(days=ago)}.jsonl"
    path.write_text(text)
    return path


def test_past_days_are_compressed_and_the_oldest_go(folder: Path) -> None:
    for ago in (0, 1, 2, 200, 201):
        put(folder, ago, text=f"{ago}\n")
    put(folder, 300, "security")
    (folder / "somebody-elses.txt").write_text("")
    assert logkeeping.sweep(TODAY) == logkeeping.Swept(compressed=2, removed=2)
    assert logkeeping.sweep(TODAY) == logkeeping.Swept()
    names = sorted(p.name for p in folder.iterdir())
    assert names == [
        "heli-2026-05-07.jsonl.gz", "heli-2026-11-21.jsonl.gz", "heli-2026-11-22.jsonl", "heli-2026-11-23.jsonl",
        "somebody-elses.txt",
    ]  # fmt: skip
    assert gzip.decompress((folder / names[0]).read_bytes()) == b"200\n"


def test_a_sweep_that_was_cut_off_is_done_again(folder: Path) -> None:
    day = put(folder, 5, text="whole\n")
    (folder / (day.name + ".gz.part")).write_bytes(b"half")
    (folder / (day.name + ".gz")).write_bytes(b"older try")
    logkeeping.sweep(TODAY)
    assert gzip.decompress((folder / (day.name + ".gz")).read_bytes()) == b"whole\n" and not day.exists()


def test_what_is_missing_is_told(folder: Path) -> None:
    assert logkeeping.look(TODAY).wrong == ["no log file yet"]
    for ago in (1, 2, 5):
        put(folder, ago)
    kept = logkeeping.look(TODAY)
    assert kept.wrong == ["2 days without a file, the first 2026-11-19"]
    assert (kept.files, kept.oldest) == (3, TODAY - dt.timedelta(days=5))
    put(folder, 3), put(folder, 4)
    assert logkeeping.look(TODAY).wrong == []


def test_fewer_than_six_months_are_refused(tmp_path: Path) -> None:
    assert read(tmp_path, "settings.HELI_LOG_DAYS", HELI_LOG_DAYS="184", **PRODUCTION).stdout == "184\n"
    done = read(tmp_path, "1", HELI_LOG_DAYS="183", **PRODUCTION)
    assert done.returncode and "six months" in done.stderr


WRITE = """
import logging, sys
from heli.core.logs import Daily, formatter
log = logging.getLogger(sys.argv[2]); log.setLevel("INFO")
handler = Daily(sys.argv[1], "heli"); handler.setFormatter(formatter(True)); log.addHandler(handler)
for n in range(400): log.info("line %s %s", n, "x" * 3000)
"""


def test_several_processes_write_one_file_without_loss(tmp_path: Path) -> None:
    both = [subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), f"p{n}"]) for n in range(3)]
    assert [p.wait(60) for p in both] == [0, 0, 0]
    lines = [json.loads(line) for p in tmp_path.iterdir() for line in p.read_text().splitlines()]
    assert len({(line["logger"], line["event"]) for line in lines}) == 1200 == len(lines)


def test_a_new_day_has_a_new_file_which_strangers_cannot_read(tmp_path: Path) -> None:
    handler = Daily(str(tmp_path / "logs"), "security")
    handler.setFormatter(formatter(True))
    for second in (0, 86400):
        record = logging.makeLogRecord({"msg": "call 13912345678", "name": "x", "levelname": "INFO"})
        record.created = 1795000000 + second
        handler.emit(record)
    handler.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 2 and all(f.stat().st_mode & 0o007 == 0 for f in files)
    assert "139" not in files[0].read_text()


def test_a_full_disk_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler = Daily(str(tmp_path), "heli")
    told: list[Any] = []
    monkeypatch.setattr(handler, "handleError", told.append)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    handler.emit(logging.makeLogRecord({"msg": "x"}))
    assert len(told) == 1

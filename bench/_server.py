"""The real server on a bench database, started and ended here, and what its processes use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench._place import ROOT, VAR, surroundings
from heli import localpg

TICK = os.sysconf("SC_CLK_TCK")
WORKERS = 2


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _stat(pid: int) -> tuple[int, float]:
    """(parent, seconds of CPU with those of children that ended) of a process; (0, 0) when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0.0
    return int(fields[1]), sum(int(fields[n]) for n in (11, 12, 13, 14)) / TICK


def family(pid: int) -> float:
    """CPU seconds of a process and everything below it, ended children included."""
    below: dict[int, list[int]] = {}
    spent: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        one = int(entry.name)
        parent, spent[one] = _stat(one)
        below.setdefault(parent, []).append(one)
    total, todo = 0.0, [pid]
    while todo:
        one = todo.pop()
        total += spent.get(one, 0.0)
        todo += below.get(one, [])
    return total


def backends(postmaster: int, name: str) -> float:
    """CPU seconds of what PostgreSQL runs for one database and for all (checkpoints, the log), not for other databases."""
    total = _stat(postmaster)[1]
    for entry in Path("/proc").glob("[0-9]*"):
        parent, spent = _stat(int(entry.name))
        if parent == postmaster:
            try:
                said = (entry / "cmdline").read_bytes().split(b"\0", 1)[0].decode()
            except OSError:
                continue
            if " bench_" not in said or f" {name} " in said:
                total += spent
    return total


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its port and process, and the database server behind it."""

    port: int
    pid: int
    postgres: int
    name: str

    def cpu(self) -> tuple[float, float]:
        """CPU seconds so far of the web server and of PostgreSQL."""
        return family(self.pid), backends(self.postgres, self.name)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serving(name: str, *, workers: int = WORKERS, threads: int = 4) -> Iterator[Server]:
    """`heli serve` in production on the database, until the block ends."""
    port, log = free_port(), VAR / "server.log"
    command = [sys.executable, "-m", "heli", "serve", "--port", str(port), "--workers", str(workers)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--threads", str(threads)], cwd=ROOT, env=surroundings(name), stdout=out, stderr=out
        )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    break
            except (OSError, urllib.error.URLError):
                if process.poll() is not None:
                    raise SystemExit(f"The server did not start; see {log}") from None
                time.sleep(0.2)
        else:
            raise SystemExit(f"The server does not answer; see {log}")
        yield Server(port, process.pid, localpg.status(VAR).pid, name)
    finally:
        _end(process)


@contextmanager
def working(name: str) -> Iterator[int]:
    """`heli worker` beside it; yields its process id."""
    with (VAR / "worker.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "heli", "worker"], cwd=ROOT, env=surroundings(name), stdout=out, stderr=out
        )
    try:
        yield process.pid
    finally:
        _end(process)

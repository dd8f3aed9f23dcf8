"""A whole house that can be killed: PostgreSQL (fsync on), web server, worker and a text message gateway, as in
production, in a folder of its own. It stands for what a supervisor (systemd, Restart=always) does, and does no more.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg

from heli import localpg
from tests import database
from tests.database import ROOT
from tests.world import PASSWORD

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as s:
        s.bind((HOST, 0))
        return int(s.getsockname()[1])


# The text message gateway ---------------------------------------------------------------------------------------------
@dataclass
class Gateway:
    """Takes messages as an office's gateway does: the same key is sent to the phone once."""

    port: int = field(default_factory=free_port)
    came: Counter[str] = field(default_factory=Counter)  # key: how often it came
    sent: list[dict[str, Any]] = field(default_factory=list)
    refuses: bool = False

    def __post_init__(self) -> None:
        gateway, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    if not gateway.refuses:
                        gateway.came[said["key"]] += 1
                        if gateway.came[said["key"]] == 1:
                            gateway.sent.append(said)
                self.send_response(500 if gateway.refuses else 204)
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


# Processes ------------------------------------------------------------------------------------------------------------
class Unit:
    """One service as systemd would run it: its own process group; when its main process ends, the group is cleared and
    it is started again (Restart=always, KillMode=control-group)."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], log: Path) -> None:
        self.name, self.command, self.env, self.log = name, command, env, log
        self.process: subprocess.Popen[bytes] | None = None
        self.wanted, self.starts = True, 0
        self.start()
        threading.Thread(target=self._supervise, daemon=True).start()

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=out, stderr=out, start_new_session=True
            )
        self.starts += 1

    def _clear(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _supervise(self) -> None:
        while self.wanted:
            assert self.process is not None
            self.process.wait()
            self._clear()
            if self.wanted:
                time.sleep(0.1)
                self.start()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[int]:
        """Processes that the main one started and that do its work."""
        with contextlib.suppress(psutil.Error):
            found = [c for c in psutil.Process(self.pid).children() if "resource_tracker" not in " ".join(c.cmdline())]
            return [c.pid for c in found]
        return []

    def end(self) -> None:
        self.wanted = False
        assert self.process is not None
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self._clear()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class House:
    """The whole of it. `var` holds everything; `log` of a service lies beside it."""

    def __init__(
        self, var: Path, dump: Path, *, files: Path | None = None, extra: dict[str, str] | None = None
    ) -> None:
        self.var, self.port = var, free_port()
        self.gateway = Gateway()
        cluster = localpg.ensure(var, fsync=True)
        self.url = cluster.owner_url
        restore = [cluster.bin / "pg_restore", "--single-transaction", "--no-owner", "-d", self.url, dump]
        subprocess.run(restore, check=True, capture_output=True)
        with self.db() as db:
            db.execute("ANALYZE")
        dev = json.loads((database.var() / "secrets.json").read_text())
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HELI_") and k != "DATABASE_URL"}
        if "HELI_PG_BIN" in os.environ:
            kept["HELI_PG_BIN"] = os.environ["HELI_PG_BIN"]
        new = base64.b64encode(secrets.token_bytes(32)).decode()
        self.env = kept | {
            "HELI_VAR": str(var), "DJANGO_SETTINGS_MODULE": "heli.settings", "PYTHONUNBUFFERED": "1",
            "HELI_SECRET_KEY": secrets.token_urlsafe(48), "HELI_VAULT_KEYS": f"k1:{new},{dev['HELI_VAULT_KEYS']}",
            "HELI_VAULT_INDEX_KEY": dev["HELI_VAULT_INDEX_KEY"], "HELI_STAFF_MFA": "0", "HELI_BEHIND_PROXY": "1",
            "HELI_SMS_SENDER": "heli.adapters.sms:Gateway", "HELI_SMS_URL": f"http://{HOST}:{self.gateway.port}/",
            "HELI_WORKER_SILENT": "4", "HELI_LOG_LEVEL": "WARNING",
        } | (extra or {})  # fmt: skip
        if files is not None:
            (var / "files").symlink_to(files)
        here = [sys.executable, "-m", "heli"]
        self.web = Unit("web", [*here, "serve", "--port", str(self.port), "--workers", "2"], self.env, var / "web.log")
        self.worker = Unit("worker", [*here, "worker"], self.env, var / "worker.log")

    # The database, looked at from outside -------------------------------------------------------------------------------
    @contextlib.contextmanager
    def db(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection as the owner; waits while the database is away."""
        end = time.monotonic() + 60
        while True:
            try:
                made = psycopg.connect(self.url, autocommit=True)
                break
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        with contextlib.closing(made):
            yield made

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Rows of a query; asked again while the database goes away under it."""
        end = time.monotonic() + 60
        while True:
            try:
                with self.db() as db:
                    return db.execute(sql, values).fetchall()  # type: ignore[arg-type]
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def postmaster(self) -> int:
        return localpg.status(self.var).pid

    def backends(self) -> list[int]:
        """Processes of the database that serve somebody."""
        with contextlib.suppress(psutil.Error):
            found = psutil.Process(self.postmaster()).children()
            return [c.pid for c in found if "heli_app" in " ".join(c.cmdline())]
        return []

    # Over HTTP ----------------------------------------------------------------------------------------------------------
    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None, *, timeout: float = 20
    ) -> Answer:
        """One request as a proxy with TLS would hand it on. Raises OSError or HTTPException when the line breaks."""
        line = http.client.HTTPConnection(HOST, self.port, timeout=timeout)
        try:
            sent = {"Host": "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": HOST, **(headers or {})}
            line.request("GET" if body is None else "POST", path, body, sent)
            answer = line.getresponse()
            raw = answer.read()
            cookies = "; ".join(v.split(";", 1)[0] for k, v in answer.getheaders() if k.lower() == "set-cookie")
            named = {k.lower(): v for k, v in answer.getheaders()} | {"cookies": cookies}
            return Answer(answer.status, named, raw.decode(errors="replace"))
        finally:
            line.close()

    def wait(self, seconds: float = 60) -> float:
        """Until the site answers; returns how long it took."""
        start = time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("/").status == 200:
                    return time.monotonic() - start
            if time.monotonic() - start > seconds:
                raise TimeoutError((self.var / "web.log").read_text(errors="replace")[-3000:])
            time.sleep(0.1)

    def end(self) -> None:
        for unit in (self.web, self.worker):
            unit.end()
        with contextlib.suppress(localpg.LocalPgError):
            localpg.stop(self.var)
        self.gateway.server.shutdown()


class Browser:
    """Somebody's browser: cookies and the form's token. Logs in again when the session is gone."""

    def __init__(self, house: House, username: str = "") -> None:
        self.house, self.username = house, username
        self.cookies: dict[str, str] = {}

    def _headers(self) -> dict[str, str]:
        said = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if token := self.token:
            said |= {"X-CSRFToken": token, "Referer": "https://localhost/"}
        return said

    @property
    def token(self) -> str:
        return next((v for k, v in self.cookies.items() if "csrf" in k), "")

    @property
    def known(self) -> bool:
        """Somebody is logged in here."""
        return any("session" in k for k in self.cookies)

    def _remember(self, answer: Answer) -> Answer:
        for one in filter(None, answer.headers["cookies"].split("; ")):
            name, _eq, value = one.partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path: str) -> Answer:
        return self._remember(self.house.ask(path, None, self._headers()))

    def post(
        self,
        path: str,
        typed: dict[str, Any],
        photo: bytes | None = None,
        *,
        field: str = "photos",
        timeout: float = 20,
    ) -> Answer:
        if not self.token:
            self.get("/account/login/")
        if photo is None:
            body, kind = urlencode(typed).encode(), "application/x-www-form-urlencoded"
        else:
            mark = secrets.token_hex(16)
            parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in typed.items()]
            head = f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
            body = "".join(parts).encode() + head.encode() + photo + f"\r\n--{mark}--\r\n".encode()
            kind = f"multipart/form-data; boundary={mark}"
        sent = self._headers() | {"Content-Type": kind}
        return self._remember(self.house.ask(path, body, sent, timeout=timeout))

    def log_in(self) -> None:
        """Until it worked: the house may be burning."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.cookies.clear()
                self.get("/account/login/")
                said = self.post("/account/login/", {"login": self.username, "password": PASSWORD})
                if said.status in {302, 303} and self.known:
                    return
            time.sleep(0.3)
        raise TimeoutError(f"{self.username} could not log in")


def dump_of_world(template: str, folder: Path) -> Path:
    """The world's database as a file, taken from a copy, so that nobody is connected to the template."""
    name = database.clone(template)
    try:
        file = folder / "world.dump"
        bin_dir = localpg.find_bin()
        url = localpg.urls(database.var(), name).owner_url
        subprocess.run([bin_dir / "pg_dump", "-Fc", "-Z0", "-f", file, "-d", url], check=True, capture_output=True)
        return file
    finally:
        database.drop(name)

"""A receiver that answers what it is told, and endpoints of the cast."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from heli.core.actor import SYSTEM
from heli.hooks.models import Endpoint
from heli.hooks.steps import add_endpoint
from heli.orgs.models import Grant
from tests.loop.told import AT

PUBLIC_IP = "93.184.216.34"


@dataclass
class Got:
    """One message as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


Say = Callable[[Got, BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """A server on this machine. `statuses` are answered one after the other, then 204; `say` answers by itself."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b""
    say: Say | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/heli?from=zhifu"


def serve(receiver: Receiver, tls: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            receiver.got.append(got)
            if receiver.say is not None:
                receiver.say(got, self)
                return
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
            self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            self.wfile.write(receiver.answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def grant_of(world: Any, name: str) -> Grant:
    """The first grant of somebody of the cast."""
    found = Grant.objects.filter(user=world.user(name)).order_by("pk").first()
    assert found is not None
    return found


def listen(world: Any, url: str, *, by: Any = SYSTEM, sees_as: str = "孙坐席", **more: Any) -> tuple[Endpoint, str]:
    """An endpoint that sees what 孙坐席 sees in 芝罘区, unless said otherwise."""
    told: dict[str, Any] = {"name": "市热线", "area_path": "370602", "grant_id": grant_of(world, sees_as).pk, "at": AT}
    return add_endpoint(url=url, by=by, **(told | more))

"""The gateway: what it is handed, and what happens when it does not take it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from heli.adapters import sms


class Office(HTTPServer):
    """A gateway of some office, written down."""

    status = 200
    got: list[tuple[dict[str, Any], str]]


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.got.append((body, self.headers.get("Authorization", "")))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *_a: Any) -> None:
            pass

    server = Office(("127.0.0.1", 0), Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HELI_SMS_URL", f"http://127.0.0.1:{server.server_port}/send")
    monkeypatch.setenv("HELI_SMS_TOKEN", "t0ken")
    yield server
    server.shutdown()
    server.server_close()


def test_what_the_gateway_is_handed(office: Office) -> None:
    sms.Gateway().send("13912345678", "code", {"code": "481516"})
    assert office.got == [({"phone": "13912345678", "template": "code", "values": {"code": "481516"}}, "Bearer t0ken")]


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_an_answer_that_is_no_yes(office: Office, status: int, caplog: pytest.LogCaptureFixture) -> None:
    office.status = status
    with pytest.raises(sms.NotSent):
        sms.Gateway().send("13912345678", "code", {"code": "481516"})
    assert "139" not in caplog.text and "481516" not in caplog.text


def test_nobody_answers(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.shutdown()
    office.server_close()
    with pytest.raises(sms.NotSent):
        sms.Gateway().send("13912345678", "code", {"code": "1"})


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://x/"])
def test_no_address_no_start(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HELI_SMS_URL", url)
    with pytest.raises(ImproperlyConfigured):
        sms.Gateway()

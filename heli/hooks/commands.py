"""heli hooks …: from a shell."""

from __future__ import annotations

import datetime as dt
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated

import typer

app = typer.Typer(help="Webhooks.", no_args_is_help=True)
MOST = 64 * 1024  # bytes of a message


@app.callback()
def group() -> None:
    """Webhooks."""


@app.command()
def listen(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8099,
    secret: Annotated[str, typer.Option(envvar="HELI_HOOKS_SECRET", help="The secret shown when it was added.")] = "",
    status: Annotated[int, typer.Option(help="What to answer a message that is right.")] = 204,
) -> None:
    """A receiver for trying things: checks signatures, prints what arrives, drops what it has seen.

    Add http://127.0.0.1:8099/ as an endpoint while HELI_DEBUG=1 and HELI_HOOKS_ALLOW_PRIVATE=1.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    from heli.hooks.signing import BadSignature, verify

    if not secret:
        raise typer.BadParameter("give the endpoint's secret: --secret whsec_… or HELI_HOOKS_SECRET")
    seen: set[str] = set()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(size, MOST))
            given = {k.lower(): v for k, v in self.headers.items()}
            try:
                verify(secret, given, body, dt.datetime.now(dt.UTC))
            except BadSignature as error:
                self.answer(401, f"refused: {error}")
                return
            twice = given["webhook-id"] in seen
            seen.add(given["webhook-id"])
            words = json.dumps(json.loads(body), ensure_ascii=False)
            self.answer(status, f"{'again' if twice else 'new  '} {given['webhook-id']} {words}")

        def answer(self, code: int, words: str) -> None:
            print(f"{code} {words}", flush=True)
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Said by `answer`."""

    print(f"Listening on http://127.0.0.1:{port}/", flush=True)
    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()

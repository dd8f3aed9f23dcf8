"""What watching a request costs beside the request: its id, its two log lines, its numbers, twenty statements counted.

    ./run bench watching

Prints microseconds a request, and the share of the public first page. Log lines are formatted and thrown away.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable
from types import SimpleNamespace

os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="heli-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")

import django

django.setup()

from django.conf import settings
from django.http import HttpResponse
from django.test import Client, RequestFactory

from heli.core.logs import formatter
from heli.ops.watch import Statements, WatchMiddleware

ROUNDS, STATEMENTS = 3000, 20


def microseconds(what: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Best of five: the time one call takes, CPU of this process."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(rounds):
            what()
        best = min(best, (time.process_time() - start) / rounds)
    return best * 1e6


def watched() -> float:
    factory = RequestFactory()

    def answer(request: object) -> HttpResponse:
        request.resolver_match = SimpleNamespace(view_name="web:home", route="")  # type: ignore[attr-defined]
        return HttpResponse("")

    layer, plain = WatchMiddleware(answer), answer
    return microseconds(lambda: layer(factory.get("/"))) - microseconds(lambda: plain(factory.get("/")))


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    settings.ALLOWED_HOSTS = ["*"]
    quiet = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115  (as long as the process)
    quiet.setFormatter(formatter(True))
    logging.getLogger().handlers = [quiet]
    logging.getLogger("heli.access").setLevel("INFO")
    settings.HELI_METRICS_TOKEN = ""
    off = watched()
    settings.HELI_METRICS_TOKEN = "bench"
    on = watched()
    count = Statements()
    run = count.__call__
    one = microseconds(lambda: run(lambda *_: None, "", (), False, {}))
    settings.HELI_METRICS_TOKEN = ""
    client = Client()
    client.get("/")
    page = microseconds(lambda: client.get("/"), 100)
    print(f"the first page, all of it            {page:9.0f} µs of CPU")
    print(f"id and access line                   {off:9.0f} µs")
    print(f"  and metrics                        {on:9.0f} µs")
    print(f"  and {STATEMENTS} statements counted          {on + STATEMENTS * one:9.0f} µs")
    print(f"metrics alone, share of the page     {(on - off + STATEMENTS * one) / page:9.2%}")


if __name__ == "__main__":
    main()

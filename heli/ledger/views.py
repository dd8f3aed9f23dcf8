"""The public log: what it is, its last signed head, and its tiles, for anybody and any client of C2SP tlog-tiles."""

from __future__ import annotations

import re

from django.http import HttpResponse
from django.shortcuts import render

from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.engines.merkle import WIDTH
from heli.ledger import log
from heli.ledger.models import Checkpoint, LogKey

PLACE = re.compile(r"((?:x\d{3}/){0,4})(\d{3})(?:\.p/(\d{1,3}))?")


def last() -> Checkpoint:
    found: Checkpoint | None = Checkpoint.objects.order_by("pk").last()
    if found is None:
        raise NotFound
    return found


@page("log/", scope=Scope.PUBLIC)
def about(request: HeliRequest) -> HttpResponse:
    """What the log proves, its key and its last head. Three statements."""
    key, head = LogKey.objects.order_by("pk").last(), Checkpoint.objects.order_by("pk").last()
    shown = {
        "key": log.verifier(key) if key else "",
        "head": head,
        "note": head.note if head else "",
        "witnesses": list(head.cosignatures.order_by("pk")) if head else [],
    }
    return render(request, "ledger/log.html", shown)


@page("log/checkpoint", scope=Scope.PUBLIC)
def checkpoint(request: HeliRequest) -> HttpResponse:
    """The last head with its cosignatures. Two statements."""
    answer = HttpResponse(log.note_of(last()), content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-cache"
    return answer


@page("log/tile/<int:level>/<path:rest>", scope=Scope.PUBLIC)
def tile(request: HeliRequest, level: int, rest: str) -> HttpResponse:
    """The hashes of a tile of the last head, or of one before it. Two statements."""
    found = PLACE.fullmatch(rest)
    if found is None or level > 7:
        raise NotFound
    n = int(found[1].replace("x", "").replace("/", "") + found[2])
    width = int(found[3] or WIDTH)
    if not 0 < width <= WIDTH or (n * WIDTH + width) << level * 8 > last().size:
        raise NotFound
    wanted = log.Tile(level, n, width)
    if wanted.path != f"tile/{level}/{rest}":
        raise NotFound
    answer = HttpResponse(wanted.content(), content_type="application/octet-stream")
    answer["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer

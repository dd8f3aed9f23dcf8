"""The weekly digest of an area or a unit: its figures, each with its rows. Names no person and compares no units."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from heli.core.caps import Cap, Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.core.paging import keyset
from heli.loop.models import Request
from heli.loop.oversight_models import UNIT_CAPS
from heli.loop.queries import digests as queries
from heli.loop.queries import parts
from heli.loop.queries.inbox import place_of

READERS = (Cap.SUPERVISE, *UNIT_CAPS)


@page("loop/digest/", name="digests", needs=READERS, scope=Scope.AREA)
def digests(request: HeliRequest) -> HttpResponse:
    """The weeks there are, the last one first."""
    found = queries.weeks(request.actor, after=request.GET.get("after"))
    names = queries.names(found.rows)
    context = {
        "page": found.map(
            lambda d: {
                "digest": d,
                "until": queries.end_of(d),
                "of": d.unit.short_name if d.unit else names.get(d.area_path, d.area_path),
                "received": d.figures.get("received", {}).get("n", 0),
                "first": d.figures.get("first", {}).get("n", 0),
            }
        ),
    }
    return render(request, "loop/orders/digests.html", context)


@page("loop/digest/<int:pk>/", name="digest", needs=READERS, scope=Scope.AREA)
def digest(request: HeliRequest, pk: int) -> HttpResponse:
    """One week of one area or unit: what to do first, then the figures."""
    now, found = timezone.now(), queries.one(request.actor, pk)
    first = queries.requests(request.actor, found, queries.FIRST).order_by("due_at", "id")
    context = {
        "x": found,
        "of": found.unit.name if found.unit else queries.names([found]).get(found.area_path, found.area_path),
        "until": queries.end_of(found),
        "first": [_line(r) for r in first],
        "figures": queries.figures(found),
        "now": now,
    }
    return render(request, "loop/orders/digest.html", context)


def _line(r: Request) -> dict[str, Any]:
    words, chip = parts.STATE_WORDS[r.state], parts.STATE_CHIPS[r.state]
    return {"request": r, "place": place_of(r), "state": words, "chip": chip}


@page("loop/digest/<int:pk>/<slug:figure>/", name="digest_rows", needs=READERS, scope=Scope.AREA)
def digest_rows(request: HeliRequest, pk: int, figure: str) -> HttpResponse:
    """The rows behind one figure, as they were counted; those the reader may see."""
    if figure not in queries.FIGURES:
        raise NotFound
    now, found = timezone.now(), queries.one(request.actor, pk)
    label, _unit, _state = queries.FIGURES[figure]
    context = {"x": found, "label": label, "n": found.figures.get(figure, {}).get("n", 0), "now": now}
    after = request.GET.get("after")
    if figure.startswith("orders"):
        context["orders"] = keyset(queries.orders(request.actor, found, figure), order=("-id",), after=after)
    else:
        rows = keyset(queries.requests(request.actor, found, figure), order=("-id",), after=after)
        context["page"] = rows.map(_line)
    return render(request, "loop/orders/digest_rows.html", context)

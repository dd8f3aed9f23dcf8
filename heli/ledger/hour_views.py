"""One's own hours, and the desk of those who record and review them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.ledger import queries
from heli.ledger.desk_steps import decide
from heli.ledger.forms import ActForm

BOTH = (Cap.RECORD_HOURS, Cap.REVIEW_HOURS)
ACTS: Mapping[str, str | Promise] = {
    "approve": gettext_lazy("Approve the hours"),
    "hold": gettext_lazy("Ask a second person"),
    "refuse": gettext_lazy("Do not count it"),
    "release": gettext_lazy("Hand it back to the recorder"),
    "correct": gettext_lazy("Correct the hours"),
    "reverse": gettext_lazy("Take the hours back"),
}


@page("hours/", name="mine", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """What I served: approved, waiting and planned kept apart, each with its entries. Three statements, and three of the account."""
    shown = {
        "sums": queries.sums(request.actor),
        "page": queries.mine(request.actor, after=request.GET.get("after")),
    }
    return render(request, "ledger/mine.html", shown)


@page("hours/desk/", name="desk", needs=BOTH, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """What is to record, what is late by which rule, and what waits for a second person. Two statements."""
    now = timezone.now()
    today = timezone.localdate(now)
    counts = queries.counts(request.actor, now, today)
    asked = request.GET.get("do", "")
    do = asked if asked in queries.LISTED else next((k for k in queries.LISTED if counts[k]), "due")
    shown = {
        "do": do,
        "work": [{"key": k, "title": title, "state": s, "count": counts[k]} for k, (title, s) in queries.WORK.items()],
        "page": queries.desk(request.actor, do, now, today, after=request.GET.get("after")),
    }
    return render(request, "ledger/desk.html", shown)


@page("hours/<int:service_id>/", name="one", needs=BOTH, scope=Scope.AREA)
def one(request: HeliRequest, service_id: int) -> HttpResponse:
    """One service with its entries, and what its reader may decide. Three statements."""
    return _one(request, queries.one(request.actor, service_id))


def _one(request: HeliRequest, row: queries.Row, wrong: tuple[str, ActForm] | None = None) -> HttpResponse:
    acts: list[dict[str, Any]] = []
    for verb in queries.open_acts(request.actor, row.service):
        mine = wrong is not None and wrong[0] == verb
        form = wrong[1] if wrong is not None and mine else ActForm(verb=verb, service=row.service, prefix=verb)
        acts.append({"verb": verb, "title": ACTS[verb], "form": form, "open": mine})
    return render(request, "ledger/one.html", {"r": row, "acts": acts}, status=400 if wrong else 200)


@page("hours/<int:service_id>/<slug:verb>/", name="act", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def act(request: HeliRequest, service_id: int, verb: str) -> HttpResponse:
    """A decision; the page again with what is wrong, or on to the desk."""
    row = queries.one(request.actor, service_id)
    if verb not in ACTS:
        raise NotFound
    form = ActForm(request.POST, verb=verb, service=row.service, prefix=verb)
    if not form.is_valid():
        return _one(request, row, (verb, form))
    try:
        done = decide(service_id=service_id, verb=verb, by=request.actor, at=timezone.now(), **form.cleaned_data)
    except HeliError as error:
        if error.status not in {400, 409}:
            raise
        form.add_error(None, error.words)
        return _one(request, row, (verb, form))
    held = verb in {"approve", "correct"} and done.state == "held"
    messages.success(request, _("A rule doubts it, so a second person looks at it.") if held else _("It is kept."))
    return redirect("ledger:desk")

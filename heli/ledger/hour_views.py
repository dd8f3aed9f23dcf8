"""One's own hours, and the desk of those who record and review them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.ledger import queries
from heli.ledger.desk_steps import decide
from heli.ledger.forms import ActForm
from heli.rulebook import queries as rulebook

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
    """What I served: approved, waiting and planned kept apart, each with its entries. Four statements, and three of the account."""
    shown = {
        "sums": queries.sums(request.actor),
        "page": queries.mine(request.actor, after=request.GET.get("after")),
    }
    return render(request, "ledger/mine.html", shown)


@page("hours/desk/", name="desk", needs=BOTH, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """What is to record, what is late by which rule, and what waits for a second person. Three statements."""
    now = timezone.now()
    today = timezone.localdate(now)
    counts, f = queries.counts(request.actor, now, today), queries.Filters.read(request.GET)
    do = _group(request, counts)
    shown = {
        "do": do, "f": f, "narrowed": bool(f.kept()), "orgs": queries.desk_orgs(request.actor),
        "query": urlencode({"do": do} | f.kept()),
        "work": [{"key": k, "title": title, "state": s, "count": counts[k]} for k, (title, s) in queries.WORK.items()],
        "reviews": Cap.REVIEW_HOURS in request.actor.caps,
        "page": queries.desk(request.actor, do, now, today, f, after=request.GET.get("after")),
    }  # fmt: skip
    return render(request, "ledger/desk.html", shown)


def _group(request: HeliRequest, counts: Mapping[str, int]) -> str:
    asked = request.GET.get("do", "")
    return asked if asked in queries.LISTED else next((k for k in queries.LISTED if counts.get(k)), "due")


@page("hours/desk/export/", name="desk_export", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def desk_export(request: HeliRequest) -> HttpResponse:
    """The list as it is narrowed, for a stated purpose; nobody's name is in it."""
    now, actor, f = timezone.now(), request.actor, queries.Filters.read(request.GET)
    today, do = timezone.localdate(now), _group(request, {})
    reviews = Cap.REVIEW_HOURS in actor.caps
    cap = Cap.REVIEW_HOURS if reviews else Cap.RECORD_HOURS
    path, org_id = next(iter(actor.paths(cap)), ""), next(iter(actor.org_ids(Cap.RECORD_HOURS)), None)
    rule = rulebook.in_force(("export.row_cap",), path=path or settings.HELI_HOME_AREA, on=today)
    most = int(rule["export.row_cap"].value)
    rows = list(queries.listed(actor, do, now, today, f).order_by("record_due", "id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="hours", by=actor, at=now, purpose=purpose, rows=len(rows), filters={"do": do} | f.kept(), path=path,
        org_id=None if reviews else org_id, cap=cap,
    )  # fmt: skip
    notes = [purpose, _("No personal data is in this file. It was recorded that it was made.")]
    book = export.workbook(_("Service hours"), queries.columns(), rows, cap=most, notes=notes)
    return export.download(book, f"hours-{today:%Y%m%d}.xlsx")


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

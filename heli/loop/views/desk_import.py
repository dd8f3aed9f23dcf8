"""Batches of another system's requests: lay a table down, say which column is what, look what would come of it, take all
of it or nothing; and fetch what is to be told back."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export, laid, tables
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop import batches
from heli.loop.batch_models import Batch
from heli.loop.clocks import local_day
from heli.loop.forms.desk import ImportForm
from heli.loop.models import Kind, Urgency
from heli.loop.queries import batches as queries
from heli.loop.steps import batch as steps
from heli.places.addresses import resolve
from heli.rulebook import queries as rulebook

EXPORT_CAP = "export.row_cap"
CSV = "text/csv; charset=utf-8"


# Lay down -------------------------------------------------------------------------------------------------------------
@page("loop/import/", name="import", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA, methods=("GET", "POST"))
def import_page(request: HeliRequest) -> HttpResponse:
    """A form for a table, and what became of earlier ones."""
    paths = request.actor.paths(Cap.IMPORT_REQUESTS)
    if request.method != "POST":
        return show_form(request, ImportForm(within=paths))
    form = ImportForm(request.POST, request.FILES, within=paths)
    if form.is_valid():
        file, area = form.cleaned_data["file"], form.cleaned_data["area"]
        try:
            made = steps.open_batch(
                by=request.actor,
                at=timezone.now(),
                source=form.cleaned_data["source"],
                name=file.name or "",
                raw=file.read(laid.BYTES + 1),
                default_area=area.path if area else "",
            )
        except HeliError as error:
            form.add_error("source" if error.field == "source" else "file", error.words)
        else:
            return HttpResponseRedirect(reverse("loop:batch", args=[made.pk]), status=303)
    return show_form(request, form, status=400)


def show_form(request: HeliRequest, form: ImportForm, status: int = 200) -> HttpResponse:
    """The form with the batches before it."""
    source = request.GET.get("source", "").replace("\0", "").strip()[:40]
    context = {
        "form": form,
        "page": queries.batches_page(request.actor, source=source, after=request.GET.get("after")),
        "sources": queries.sources(request.actor),
        "source": source,
        "may_fetch": Cap.EXPORT in request.actor.caps,
        "now": timezone.now(),
        "limit": laid.MOST,
        "page_base": "web/base.html",
    }
    return render(request, "loop/desk/import.html", context, status=status)


# One batch ------------------------------------------------------------------------------------------------------------
@page("loop/import/<int:batch_id>/", name="batch", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA)
def batch(request: HeliRequest, batch_id: int) -> HttpResponse:
    """What would come of it while it is a draft; how far it is, and what became of it."""
    return show(request, queries.seen(request.actor, batch_id))


def show(
    request: HeliRequest,
    found: Batch,
    *,
    wrong: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a batch; `wrong`: {field:their word: why}, with what was `typed` for it."""
    now = timezone.now()
    look = queries.look_at(found, by=request.actor, at=now) if found.state == "draft" else None
    choices = queries.choices() if look is not None and look.unknown else {}
    for one in look.unknown if look is not None else ():
        one.wrong = (wrong or {}).get(f"{one.field}:{one.word}", "")
        one.typed = (typed or {}).get(f"{one.field}:{one.word}", "")
    context = {
        "batch": found,
        "chip": laid.STATES[found.state],
        "look": look,
        "choices": choices,
        "errors": (look.done.errors if look is not None else found.row_errors())[:50],
        "wrong_n": len(look.done.errors) if look is not None else found.wrong,
        "encodings": tables.ENCODINGS,
        "words": batches.FIELD_WORDS,
        "direct": laid.DIRECT,
        "part": min(100, round(found.read * 100 / found.rows)) if found.rows else 0,
        "field_errors": wrong or {},
        "now": now,
        "page_base": "web/base.html",
    }
    if request.htmx and found.state == "waiting" and request.method == "GET":
        return render(request, "loop/desk/batch_progress.html", context)
    response = render(request, "loop/desk/batch.html", context, status=status)
    response["Cache-Control"] = "no-store"
    if request.htmx and request.method == "GET":  # it ended while somebody watched: the whole page has changed
        response["HX-Refresh"] = "true"
    return response


@page(
    "loop/import/<int:batch_id>/<slug:verb>/", name="batch_do", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA,
    methods=("POST",),
)  # fmt: skip
def batch_do(request: HeliRequest, batch_id: int, verb: str) -> HttpResponse:
    """Map its columns and words, take it, or throw it away."""
    found, now = queries.seen(request.actor, batch_id), timezone.now()
    back = HttpResponseRedirect(reverse("loop:batch", args=[batch_id]), status=303)
    try:
        if verb == "map":
            return remap(request, found) or back
        if verb == "take":
            take = steps.take_now if found.rows <= laid.DIRECT else steps.take_batch
            take(batch_id=batch_id, by=request.actor, at=now)
            return back
        if verb == "drop":
            steps.drop_batch(batch_id=batch_id, by=request.actor, at=now)
            messages.success(request, _("Thrown away. Nothing of it was taken, and nothing of the file is left."))
            return HttpResponseRedirect(reverse("loop:import"), status=303)
    except NotFound:
        raise
    except HeliError as error:
        return show(request, queries.seen(request.actor, batch_id), wrong={"": error.words}, status=error.status)
    raise NotFound


def remap(request: HeliRequest, found: Batch) -> HttpResponse | None:
    """Keep what was chosen; the page again where a word that was typed means nothing here."""
    given, wrong, again = request.POST, dict[str, str](), dict[str, str]()
    values = {f: dict(known) for f, known in found.values.items()}
    names = batches.categories_by_name()
    within = request.actor.paths(Cap.IMPORT_REQUESTS)
    for name in batches.MAPPED:
        for n in range(queries.UNKNOWN):
            word, typed = given.get(f"word_{name}_{n}", "")[:300], given.get(f"as_{name}_{n}", "").strip()[:200]
            if not (word and typed):
                continue
            if code := meant(name, typed, names, within):
                values.setdefault(name, {})[word] = code
            else:
                again[f"{name}:{word}"] = typed
                wrong[f"{name}:{word}"] = (
                    _("We could not tell where this is. Choose the street and community.")
                    if name == "area"
                    else _("Choose one from the list.")
                )
    heading = given.get("heading", "")
    steps.map_batch(
        batch_id=found.pk,
        by=request.actor,
        at=timezone.now(),
        columns={f: given.get(f"map_{f}", "")[:200] for f in batches.FIELDS} if "map_key" in given else found.columns,
        values=values,
        encoding=given.get("encoding", ""),
        heading=int(heading) if heading.isascii() and heading.isdecimal() and len(heading) < 4 else 0,
        default_area=found.default_area,
    )
    if wrong:
        return show(request, queries.seen(request.actor, found.pk), wrong=wrong, typed=again, status=400)
    return None


def meant(name: str, typed: str, names: dict[str, str], within: tuple[str, ...]) -> str:
    """Our code for what somebody typed or chose; '' for nothing of ours."""
    if name == "category":
        return names.get(typed.split(" ", maxsplit=1)[0].lower(), "") or names.get(typed.lower(), "")
    if name == "area":
        place = resolve(typed, within=within).area
        return place.path if place is not None else ""
    known = batches.by_label(Kind.choices if name == "kind" else Urgency.choices)
    return known.get(typed.lower(), "")


@page("loop/import/<int:batch_id>/errors.xlsx", name="batch_errors", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA)
def batch_errors(request: HeliRequest, batch_id: int) -> HttpResponse:
    """Which rows cannot be taken, and what to do, as a table. Nothing of what the rows say is in it."""
    found = queries.seen(request.actor, batch_id)
    look = queries.look_at(found, by=request.actor, at=timezone.now()) if found.state == "draft" else None
    rows = look.done.errors if look is not None else found.row_errors()
    notes = [found.source, found.name, _("Line, column, and what to do. Nothing of what the rows say is in this file.")]
    book = export.workbook(_("Errors"), laid.error_columns(batches.FIELD_WORDS), rows, cap=laid.MOST, notes=notes)
    return export.download(book, f"import-{found.pk}-errors.xlsx")


# The outcome goes back ------------------------------------------------------------------------------------------------
@page("loop/import/results/", name="import_results", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA, methods=("POST",))
def import_results(request: HeliRequest) -> HttpResponse:
    """What changed with a source's requests since it was fetched last, as a file with the source's own numbers."""
    source = request.POST.get("source", "").strip()[:40]
    if source not in queries.sources(request.actor):
        raise NotFound
    now = timezone.now()
    path = request.actor.paths(Cap.IMPORT_REQUESTS)[0]
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    rows, more = steps.take_results(
        source=source, by=request.actor, at=now, most=most, everything=request.POST.get("which") == "all"
    )
    if not rows:
        messages.success(request, _("Nothing changed with the requests of %(source)s since then.") % {"source": source})
        return HttpResponseRedirect(reverse("loop:import"), status=303)
    name = f"outcomes-{timezone.localtime(now):%Y%m%d-%H%M}"
    columns = queries.outcome_columns()
    if request.POST.get("format") == "csv":
        return export.download(as_csv(columns, rows), f"{name}.csv", CSV)
    notes = [source, _("It was recorded that this file was made.")]
    if more:
        notes.append(_("There are more: fetch once again."))
    return export.download(export.workbook(_("Outcomes"), columns, rows, cap=most, notes=notes), f"{name}.xlsx")


def as_csv(columns: list[tuple[Any, Any]], rows: list[Any]) -> bytes:
    """The same as CSV in UTF-8 with its mark; no cell can become a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([str(title) for title, _get in columns])
    for row in rows:
        writer.writerow([export.safe_cell(get(row)) for _title, get in columns])
    return b"\xef\xbb\xbf" + out.getvalue().encode()

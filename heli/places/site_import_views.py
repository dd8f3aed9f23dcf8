"""A table of sites at the desk: lay it down, see what was understood and what is wrong, take all of it or nothing."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export, laid
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.places import site_import_queries as queries
from heli.places import site_import_steps as steps
from heli.places.site_tables import FIELD_WORDS, TEMPLATE, SiteTable
from heli.places.sites import Ebike, Service, SiteKind


class TableForm(forms.Form):
    """A table of sites."""

    file = forms.FileField(
        label=gettext_lazy("The table"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xz,.gz"}),
        help_text=gettext_lazy("CSV or xlsx, with headings in one of its first lines. At most 10 MB."),
        error_messages={
            "required": gettext_lazy("Choose the table."),
            "empty": gettext_lazy("This file is empty."),
        },
    )


@page("desk/import/", name="import", needs=Cap.MANAGE_SITES, scope=Scope.AREA, methods=("GET", "POST"))
def import_page(request: HeliRequest) -> HttpResponse:
    """A form for a table, and what became of earlier ones."""
    form = TableForm(request.POST or None, request.FILES or None) if request.method == "POST" else TableForm()
    if form.is_bound and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            made = steps.lay_table(
                name=file.name or "", raw=file.read(laid.BYTES + 1), by=request.actor, at=timezone.now()
            )
        except HeliError as error:
            form.add_error("file", error.words)
        else:
            return HttpResponseRedirect(reverse("sites:table", args=[made.pk]), status=303)
    context = {
        "form": form,
        "page": queries.tables_page(request.actor, after=request.GET.get("after")),
        "limit": laid.MOST,
        "now": timezone.now(),
    }
    return render(request, "places/sites/import.html", context, status=400 if request.method == "POST" else 200)


@page("desk/import/template.xlsx", name="import_template", needs=Cap.MANAGE_SITES, scope=Scope.AREA)
def import_template(request: HeliRequest) -> HttpResponse:  # noqa: ARG001
    """An empty table with the headings that are understood; what goes below each stands on its second sheet."""
    columns: list[tuple[Any, Any]] = [(heading, lambda _row: "") for heading in TEMPLATE.values()]
    sep = "、"
    notes = [
        _("Fill in the first sheet, a place in each row. Needed: name, address, latitude, longitude."),
        _("%(heading)s: street and community in words, or its code.") % {"heading": TEMPLATE["area"]},
        _(
            "%(heading)s: WGS-84 degrees, as a phone's own compass shows them. Points from a Chinese map app lie some 500 m off."
        )
        % {"heading": f"{TEMPLATE['lat']}{sep}{TEMPLATE['lon']}"},
        _("%(heading)s: one of %(list)s") % {"heading": TEMPLATE["kind"], "list": sep.join(map(str, SiteKind.labels))},
        _("%(heading)s: any of %(list)s")
        % {"heading": TEMPLATE["services"], "list": sep.join(map(str, Service.labels))},
        _("%(heading)s: one of %(list)s")
        % {"heading": TEMPLATE["ebike"], "list": sep.join(str(e.label) for e in Ebike if e.value)},
        _("%(heading)s: such as %(list)s")
        % {"heading": TEMPLATE["hours"], "list": "周一至周五 8:30-17:30，周六 9:00-12:00"},
    ]
    book = export.workbook(_("Stations and friendly places"), columns, [], cap=1, notes=notes)
    return export.download(book, "sites.xlsx")


@page("desk/import/<int:table_id>/", name="table", needs=Cap.MANAGE_SITES, scope=Scope.AREA)
def table(request: HeliRequest, table_id: int) -> HttpResponse:
    """What would come of it while it is a draft; how far it is, and what became of it."""
    return _show(request, queries.seen(request.actor, table_id))


def _show(request: HeliRequest, found: SiteTable, *, wrong: str = "", status: int = 200) -> HttpResponse:
    now = timezone.now()
    look = queries.look_at(found, by=request.actor, at=now) if found.state == "draft" else None
    errors = look.errors if look is not None else found.row_errors()
    context = {
        "table": found,
        "chip": laid.STATES[found.state],
        "look": look,
        "errors": [(e, FIELD_WORDS.get(e.field, "")) for e in errors[:50]],
        "wrong_n": len(errors) if look is not None else found.wrong,
        "direct": laid.DIRECT,
        "part": min(100, round(found.read * 100 / found.rows)) if found.rows else 0,
        "wrong": wrong,
        "now": now,
    }
    watched = request.htmx and request.method == "GET"
    if watched and found.state == "waiting":
        return render(request, "places/sites/table_progress.html", context)
    response = render(request, "places/sites/table.html", context, status=status)
    response["Cache-Control"] = "no-store"
    if watched:  # it ended while somebody watched: the whole page has changed
        response["HX-Refresh"] = "true"
    return response


TABLE_ACTS = ("take", "drop")


@page(
    "desk/import/<int:table_id>/<slug:act>/",
    name="table_do",
    needs=Cap.MANAGE_SITES,
    scope=Scope.AREA,
    methods=("POST",),
)
def table_do(request: HeliRequest, table_id: int, act: str) -> HttpResponse:
    """Take it, or throw it away."""
    if act not in TABLE_ACTS:
        raise NotFound
    by: dict[str, Any] = {"table_id": table_id, "by": request.actor, "at": timezone.now()}
    try:
        if act == "drop":
            steps.drop_table(**by)
            messages.success(request, _("Thrown away. Nothing of it was taken, and nothing of the file is left."))
            return HttpResponseRedirect(reverse("sites:import"), status=303)
        if steps.take_table(**by).rows <= laid.DIRECT:
            steps.run_table(**by)
    except NotFound:
        raise
    except HeliError as error:
        return _show(request, queries.seen(request.actor, table_id), wrong=str(error.words), status=error.status)
    return HttpResponseRedirect(reverse("sites:table", args=[table_id]), status=303)


@page("desk/import/<int:table_id>/errors.xlsx", name="table_errors", needs=Cap.MANAGE_SITES, scope=Scope.AREA)
def table_errors(request: HeliRequest, table_id: int) -> HttpResponse:
    """Which rows cannot be taken, and what to do, as a table. Nothing of what the rows say is in it."""
    found = queries.seen(request.actor, table_id)
    look = queries.look_at(found, by=request.actor, at=timezone.now()) if found.state == "draft" else None
    rows = look.errors if look is not None else found.row_errors()
    notes = [found.name, _("Line, column, and what to do. Nothing of what the rows say is in this file.")]
    book = export.workbook(_("Errors"), laid.error_columns(FIELD_WORDS), rows, cap=laid.MOST, notes=notes)
    return export.download(book, f"sites-{found.pk}-errors.xlsx")

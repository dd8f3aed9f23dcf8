"""A batch of requests from a table: look at what would happen, then take all of it or nothing.

The file travels with each look and is kept nowhere: it holds names and numbers, and these have one home.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.engines.identifiers import mask_name, mask_phone
from heli.loop import batches, importing
from heli.loop.forms.desk import ImportForm
from heli.loop.importing import FIELDS, Imported
from heli.loop.models import Category
from heli.places.models import Area

ROWS = 500  # more would keep somebody waiting before a page; `heli loop import` takes any number
BYTES = 10 * 2**20
SHOWN = 5
ERRORS = 50


@dataclass(slots=True)
class Look:
    """What a table holds and what would come of it."""

    name: str
    columns: list[str]
    mapping: dict[str, str]
    done: Imported = field(default_factory=Imported)
    taken: bool = False
    wrong: str = ""  # why the table as a whole cannot be taken
    unread: list[str] = field(default_factory=list)
    preview: list[dict[str, str]] = field(default_factory=list)

    @property
    def headings(self) -> str:
        return signature(self.columns)

    @property
    def selects(self) -> list[tuple[str, Any, str, bool]]:
        """(field, words, chosen column, needed) for the choice of columns."""
        return [(f, said, self.mapping.get(f, ""), f in batches.NEEDED) for f, said in batches.FIELD_WORDS.items()]

    @property
    def errors(self) -> list[importing.RowError]:
        return self.done.errors[:ERRORS]

    @property
    def more_errors(self) -> int:
        return max(0, len(self.done.errors) - ERRORS)

    @property
    def ready(self) -> bool:
        return not self.wrong and not self.done.errors and self.done.taken > 0 and not self.taken


def signature(columns: list[str]) -> str:
    """Tells whether a choice of columns was made for a table with these headings."""
    return hashlib.sha256("\x1f".join(columns).encode()).hexdigest()[:16]


@page("loop/import/", name="import", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA, methods=("GET", "POST"))
def import_page(request: HeliRequest) -> HttpResponse:
    """Choose a table, look at it, take it."""
    paths = request.actor.paths(Cap.IMPORT_REQUESTS)
    if request.method == "GET":
        return show(request, ImportForm(within=paths), None)
    form = ImportForm(request.POST, request.FILES, within=paths)
    if not form.is_valid():
        return show(request, form, None, status=400)
    look = look_at(request, form.cleaned_data["file"])
    if not look.wrong:
        try:
            run(
                look,
                form.cleaned_data["file"],
                by=request.actor,
                source=form.cleaned_data["source"].strip(),
                area=form.cleaned_data["area"],
                take="take" in request.POST,
            )
        except HeliError as error:
            look.wrong = error.words
    return show(request, form, look, status=400 if look.wrong or (look.done.errors and "take" in request.POST) else 200)


def show(request: HeliRequest, form: ImportForm, look: Look | None, status: int = 200) -> HttpResponse:
    """The page; for HTMX what was found alone, so that the chosen file stays chosen."""
    context = {"form": form, "look": look, "limit": ROWS}
    if not request.htmx:
        return render(request, "loop/desk/import.html", {**context, "page_base": "web/base.html"}, status=status)
    response = render(request, "loop/desk/import_look.html", context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = "#import-look", "innerHTML"
    return response


def look_at(request: HeliRequest, file: UploadedFile[Any]) -> Look:
    """The headings of the table and which of them are ours: as chosen on the page, else as they sound."""
    try:
        if (file.size or 0) > BYTES:
            raise importing.FileTooLarge(limit=BYTES // 2**20)
        first = next(iter(table(file)), None)
    except HeliError as error:
        return Look(file.name or "", [], {}, wrong=error.words)
    if first is None:
        return Look(file.name or "", [], {}, wrong=_("There is no row below the headings."))
    columns = [c for c in first if c]
    chosen = {f: request.POST.get(f"map_{f}", "") for f in FIELDS}
    same = request.POST.get("headings", "") == signature(columns)
    mapping = {f: c for f, c in chosen.items() if c in columns} if same else batches.guess(columns)
    look = Look(file.name or "", columns, mapping)
    missing = [str(batches.FIELD_WORDS[f]) for f in batches.NEEDED if f not in mapping]
    if missing:
        look.wrong = _("Say which column holds this: %(fields)s.") % {"fields": "、".join(missing)}
    return look


def table(file: UploadedFile[Any]) -> Any:
    file.seek(0)
    return importing.read_table(file, file.name or "")


def run(look: Look, file: UploadedFile[Any], *, by: Actor, source: str, area: Area | None, take: bool) -> None:
    """Take every row, or only look what taking them would come to: the same steps, rolled back."""
    rows = list(islice(table(file), ROWS + 1))
    if len(rows) > ROWS:
        look.wrong = _(
            "These are more than %(n)s rows. Split the table, or let your operator run heli loop import."
        ) % {"n": ROWS}
        return
    reader = batches.Reader(look.mapping, by.paths(Cap.IMPORT_REQUESTS))
    read = list(reader.rows(rows))
    with transaction.atomic():
        look.done = importing.import_rows(
            read,
            columns={f: f for f in FIELDS},
            defaults={"area": area.path if area else ""},
            source=source,
            by=by,
            at=timezone.now(),
        )
        if not take:
            transaction.set_rollback(True)
    look.taken = take and look.done.taken > 0
    look.unread = [str(batches.UNREAD[name]) % {"n": n} for name, n in reader.unread.items()]
    look.preview = preview(read[:SHOWN], area)


def preview(rows: list[dict[str, str]], area: Area | None) -> list[dict[str, str]]:
    """The first rows as they were read, people masked. Two statements."""
    places = dict(Area.objects.filter(path__in={r["area"] for r in rows}).values_list("path", "short_name"))
    matters = dict(Category.objects.filter(code__in={r["category"] for r in rows}).values_list("code", "name"))
    return [one(r, places, matters, area) for r in rows]


def one(
    row: Mapping[str, str], places: Mapping[str, str], matters: Mapping[str, str], area: Area | None
) -> dict[str, str]:
    who = " ".join(x for x in (mask_name(row["name"]), mask_phone(row["phone"]) if row["phone"] else "") if x)
    default = area.short_name if area is not None and not row["area"] else row["area"]
    return {
        "key": row["key"],
        "text": row["title"] or row["text"][:60],
        "at": row["at"],
        "place": " · ".join(x for x in (places.get(row["area"], default), row["spot"]) if x),
        "matter": matters.get(row["category"], ""),
        "who": who,
    }

"""Pages of areas: choosing one (public), and keeping the tree (area administrators)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
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
from heli.core.paging import keyset
from heli.places import queries, steps
from heli.places.errors import ShapesOff
from heli.places.forms import AddForm, AliasForm, CorrectForm, EndForm, MoveForm, PinForm, pick
from heli.places.loading import DATA
from heli.places.models import Area, AreaChange, Change

SHAPES = DATA / "shapes_37_51_15.topojson"
FIELD = re.compile("[a-z][a-z0-9_]{0,30}")
MOST_EXPORTED = 100_000  # rows of a spreadsheet: more than any province has


# Choosing -----------------------------------------------------------------------------------------------------------------
@page("pick/", name="pick", scope=Scope.PUBLIC)
def pick_area(request: HeliRequest) -> HttpResponse:
    """Areas that fit what was typed: radio buttons for a picker (HTMX), or a plain page to look a place up."""
    asked = request.GET
    field = asked.get("field", "")
    field = field if FIELD.fullmatch(field) else "area"
    text = (asked.get("q") or asked.get(f"{field}_typed", ""))[:60]
    within = tuple(p for p in asked.getlist("within")[:20] if p.isascii() and p.isalnum() and len(p) <= 24)
    levels = [int(n) for n in asked.getlist("level") if n in {"1", "2", "3", "4", "5", "6"}]
    picked, found = pick(text, chosen=asked.get(field, "")[:24], within=within, levels=levels or None)
    context = {"name": field, "typed": text, "picked": picked, "found": found, "within": within, "levels": levels}
    return render(request, "places/_options.html" if request.htmx else "places/pick.html", context)


@page("shapes/", name="shapes", scope=Scope.PUBLIC)
def shapes(request: HeliRequest) -> HttpResponse:
    """Simplified boundaries of three provinces as TopoJSON (layers county, city, province), unless switched off."""
    if not settings.HELI_SHAPES:
        raise ShapesOff
    response = HttpResponse(SHAPES.read_bytes(), content_type="application/json")
    response["Cache-Control"] = "public, max-age=86400"
    return response


# Keeping the tree -----------------------------------------------------------------------------------------------------------
@page("", name="areas", needs=Cap.MANAGE_AREAS, scope=Scope.AREA)
def areas(request: HeliRequest) -> HttpResponse:
    """Where the tree begins for this person, and a search in it."""
    text = request.GET.get("q", "")[:60]
    paths = request.actor.paths(Cap.MANAGE_AREAS)
    found = queries.search(text, within=tuple(p for p in paths if p), limit=50) if text.strip() else []
    tops = list(queries.roots(request.actor))
    if len(tops) == 1 and not text:
        return redirect("places:area", path=tops[0].path)
    context = {"typed": text, "found": found, "tops": tops, "names": queries.full_names(tops)}
    return render(request, "places/areas.html", context)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that can be done to an area: its form, its step, and what is said afterwards."""

    name: str
    title: str | Promise
    button: str | Promise
    icon: str
    form: type[forms.Form]
    step: Callable[..., Area]
    done: str | Promise


ACTS = {
    a.name: a
    for a in (
        Act("add", gettext_lazy("Add an area inside it"), gettext_lazy("Add it"), "plus", AddForm, steps.add_area,
            gettext_lazy("%(name)s was added.")),
        Act("name", gettext_lazy("Correct its name"), gettext_lazy("Change the name"), "pen", CorrectForm,
            steps.correct_name, gettext_lazy("It is called %(name)s now.")),
        Act("alias", gettext_lazy("Another name or number"), gettext_lazy("Let it lead here"), "link", AliasForm,
            steps.add_alias, gettext_lazy("That leads to %(name)s now.")),
        Act("pin", gettext_lazy("Say where it lies"), gettext_lazy("Set the point"), "pin", PinForm, steps.drop_pin,
            gettext_lazy("The point of %(name)s is set.")),
        Act("move", gettext_lazy("Move it under another area"), gettext_lazy("Move it with all inside"), "split",
            MoveForm, steps.move_area, gettext_lazy("%(name)s was moved, with all inside it.")),
        Act("end", gettext_lazy("It is no more"), gettext_lazy("End it"), "stop", EndForm, steps.end_area,
            gettext_lazy("%(name)s has ended.")),
    )
}  # fmt: skip


@page("<slug:path>/", name="area", needs=Cap.MANAGE_AREAS, scope=Scope.AREA)
def area_page(request: HeliRequest, path: str) -> HttpResponse:
    """One area: what it is called and numbered, what lies inside, what can be done, what happened."""
    return _area_page(request, queries.managed(request.actor, path))


def _area_page(request: HeliRequest, area: Area, tried: forms.Form | None = None, act: str = "") -> HttpResponse:
    ended = request.GET.get("ended") == "1"
    above = [a for a in queries.ancestors_of(area) if request.actor.can(Cap.MANAGE_AREAS, path=a.path)]
    inside = keyset(queries.children(area, ended=ended), order=("path",), after=request.GET.get("after"), size=100)
    context = {
        "area": area,
        "full_name": queries.full_names([area])[area.path],
        "above": above,
        "page": inside,
        "ended": ended,
        "codes": area.codes.order_by("scheme", "code"),
        "names": area.names.order_by("name"),
        "acts": [(a, tried if a.name == act else _form(request, a, area)) for a in ACTS.values() if _open(a, area)],
        "tried": act,
        "trail": [_entry(c) for c in queries.changes(area)],
        "here": next((a for a in (*reversed(above), area) if a.path == area.path), area),
    }
    return render(request, "places/area.html", context, status=400 if tried is not None else 200)


def _open(act: Act, area: Area) -> bool:
    return area.open and (act.name != "move" or area.level > 1) and (act.name != "add" or area.level < 6)


def _form(request: HeliRequest, act: Act, area: Area, data: Any = None) -> forms.Form:
    first: dict[str, dict[str, Any]] = {
        "name": {"name": area.name},
        "pin": {"lat": area.lat, "lon": area.lon},
        "end": {"on": timezone.localdate()},
    }
    form = act.form(data, initial=first.get(act.name), auto_id=f"{act.name}_%s")
    if isinstance(form, MoveForm):
        form.fields["parent"].limit(request.actor.paths(Cap.MANAGE_AREAS), range(1, area.level))  # type: ignore[attr-defined]
    return form


@page("<slug:path>/do/<slug:act>/", name="area_do", needs=Cap.MANAGE_AREAS, scope=Scope.AREA, methods=("POST",))
def area_do(request: HeliRequest, path: str, act: str) -> HttpResponse:
    """Do one of ACTS to an area; what is wrong is said beside its field."""
    area = queries.managed(request.actor, path)
    if act not in ACTS or not _open(ACTS[act], area):
        raise NotFound
    doing = ACTS[act]
    form = _form(request, doing, area, request.POST)
    if not form.is_valid():
        return _area_page(request, area, form, act)
    said = dict(form.cleaned_data)
    if isinstance(said.get("parent"), Area):
        said["parent_id"] = said.pop("parent").pk
    about = {"parent_id": area.pk} if act == "add" else {"area_id": area.pk}
    try:
        changed = doing.step(**about, **said, by=request.actor, at=timezone.now())
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return _area_page(request, area, form, act)
    messages.success(request, str(doing.done) % {"name": changed.name})
    shown = changed if request.actor.can(Cap.MANAGE_AREAS, path=changed.path) else area
    return redirect("places:area", path=shown.path)


@page("<slug:path>/export/", name="area_export", needs=Cap.MANAGE_AREAS, scope=Scope.AREA)
def area_export(request: HeliRequest, path: str) -> HttpResponse:
    """Everything inside an area as a spreadsheet."""
    area = queries.managed(request.actor, path)
    columns: list[export.Column[Area]] = [
        (_("Path"), lambda a: a.path),
        (_("Official code"), lambda a: a.code12),
        (_("Level"), lambda a: a.get_level_display()),
        (_("Kind"), lambda a: a.get_kind_display()),
        (_("Its name"), lambda a: a.name),
        (_("Short name"), lambda a: a.short_name),
        (_("Pinyin initials"), lambda a: a.initials),
        (_("Latitude"), lambda a: a.lat),
        (_("Longitude"), lambda a: a.lon),
        (_("In force from"), lambda a: a.valid_from),
        (_("Until"), lambda a: a.valid_to),
    ]
    rows = Area.objects.inside(area.path).order_by("path")
    notes = [_("Division codes of the National Bureau of Statistics as of 2023-06-30, with what was changed here.")]
    book = export.workbook(_("Areas"), columns, rows.iterator(), cap=MOST_EXPORTED, notes=notes)
    return export.download(book, f"areas-{area.path}-{timezone.localdate():%Y%m%d}.xlsx")


# What happened, in words ----------------------------------------------------------------------------------------------------
SAID: dict[str, Promise] = {
    Change.ADDED: gettext_lazy("Added as %(new_name)s"),
    Change.RENAMED: gettext_lazy("The table calls it %(new_name)s, before %(old_name)s"),
    Change.CORRECTED: gettext_lazy("Name corrected from %(old_name)s to %(new_name)s"),
    Change.MOVED: gettext_lazy("Moved from %(old_path)s to %(new_path)s"),
    Change.GONE: gettext_lazy("No longer in the table"),
    Change.BACK: gettext_lazy("In the table again"),
    Change.ENDED: gettext_lazy("Ended"),
    Change.PINNED: gettext_lazy("Its point was set"),
}


def _entry(change: AreaChange) -> dict[str, Any]:
    slots = {n: getattr(change, n) for n in ("old_name", "new_name", "old_path", "new_path")}
    return {"at": change.at, "title": str(SAID[change.kind]) % slots, "words": change.basis}

"""Pages of learned names: what was proposed, what is in use, and where each lies."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from heli.core import asking, export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.engines.identifiers import without_personal
from heli.places import landmark_queries as queries
from heli.places import landmark_steps as steps
from heli.places.forms import AreaField
from heli.places.landmarks import Landmark, LandmarkState

EXPORT_CAP = "export.row_cap"
LOOKS = {"proposed": "you", "in_use": "done", "refused": "pause"}
ACTS = ("confirm", "refuse")


class WhereForm(forms.Form):
    """Where a name lies."""

    area = AreaField(levels=(4, 5), label=gettext_lazy("Street or community"))


def _wanted(request: HeliRequest) -> tuple[str, str]:
    """(state, text) of the list; without a filter those that wait."""
    state = request.GET.get("state", LandmarkState.PROPOSED)
    return state if state in LandmarkState.values else "", request.GET.get("q", "")[:24].replace("\0", "")


@page("landmarks/", needs=Cap.MANAGE_AREAS, scope=Scope.AREA)
def landmarks(request: HeliRequest) -> HttpResponse:
    """Names of places that requests taught, those most people spoke of first."""
    state, text = _wanted(request)
    found = queries.page_of(request.actor, state=state, text=text, after=request.GET.get("after"))
    where = queries.where(found.rows)
    context = {
        "page": found.map(lambda m: _line(m, where[m.pk])),
        "state": state or "all",
        "typed": text,
        "states": [("all", _("all of them")), *LandmarkState.choices],
        "query": request.GET.urlencode(),
    }
    return render(request, "places/landmarks.html", context)


def _line(mark: Landmark, where: list[tuple[Any, int]]) -> dict[str, Any]:
    return {"mark": mark, "look": LOOKS[mark.state], "where": where, "open": mark.state == LandmarkState.PROPOSED}


@page("landmarks/export/", name="landmarks_export", needs=Cap.MANAGE_AREAS, scope=Scope.AREA, methods=("POST",))
def landmarks_export(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet."""
    now, (state, text) = timezone.now(), _wanted(request)
    rules = asking.rules((EXPORT_CAP,), path=settings.HELI_HOME_AREA, on=timezone.localdate(now))
    most = int(rules[EXPORT_CAP].value)
    rows = list(queries.listed(request.actor, state=state, text=text).order_by("-seen", "id")[: most + 1])
    where = queries.where(rows)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="landmarks", by=request.actor, at=now, purpose=purpose, rows=len(rows), cap=Cap.MANAGE_AREAS,
        filters={"state": state, "q": text}, path=next(iter(request.actor.paths(Cap.MANAGE_AREAS)), ""),
    )  # fmt: skip
    columns: list[export.Column[Landmark]] = [
        (_("Its name"), lambda m: m.name),
        (_("Kind"), lambda m: m.get_kind_display()),
        (_("Lies in"), lambda m: m.area.name if m.area else ""),
        (_("Area code"), lambda m: m.area.path if m.area else ""),
        (_("Told of"), lambda m: "、".join(f"{a.short_name or a.name} {n}" for a, n in where[m.pk])),
        (pgettext("landmark", "People"), lambda m: m.seen),
        (_("State"), lambda m: m.get_state_display()),
        (_("Learned on"), lambda m: timezone.localdate(m.learned_at)),
    ]
    notes = [_("Exported for: %(purpose)s") % {"purpose": without_personal(purpose)[:200]}]
    book = export.workbook(_("Estates, roads, schools"), columns, rows, cap=most, notes=notes)
    return export.download(book, f"landmarks-{timezone.localdate():%Y%m%d}.xlsx")


@page("landmarks/<int:landmark_id>/", name="landmark", needs=Cap.MANAGE_AREAS, scope=Scope.AREA)
def landmark(request: HeliRequest, landmark_id: int) -> HttpResponse:
    """One name: who spoke of it where, and what can be said of it."""
    return _page(request, queries.one(request.actor, landmark_id))


def _page(request: HeliRequest, mark: Landmark, tried: forms.Form | None = None) -> HttpResponse:
    context = {**_line(mark, queries.where([mark])[mark.pk]), "form": tried or _form(mark)}
    return render(request, "places/landmark.html", context, status=400 if tried is not None else 200)


def _form(mark: Landmark, data: Any = None) -> WhereForm:
    form = WhereForm(data, initial={"area": mark.area})
    form.fields["area"].limit((mark.area_path,), (4, 5))  # type: ignore[attr-defined]
    return form


@page(
    "landmarks/<int:landmark_id>/do/<slug:act>/",
    name="landmark_do",
    needs=Cap.MANAGE_AREAS,
    scope=Scope.AREA,
    methods=("POST",),
)
def landmark_do(request: HeliRequest, landmark_id: int, act: str) -> HttpResponse:
    """Say where a name lies, or that it is not to be used; then back to the list."""
    mark = queries.one(request.actor, landmark_id)
    if act not in ACTS:
        raise NotFound
    now = timezone.now()
    if act == "refuse":
        steps.refuse_landmark(landmark_id=mark.pk, by=request.actor, at=now)
        messages.success(request, _("%(name)s is not asked about again.") % {"name": mark.name})
        return redirect("places:landmarks")
    form = _form(mark, request.POST)
    if not form.is_valid():
        return _page(request, mark, form)
    area = form.cleaned_data["area"]
    try:
        steps.confirm_landmark(landmark_id=mark.pk, area_path=area.path, by=request.actor, at=now)
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return _page(request, mark, form)
    said = {"name": mark.name, "place": area.short_name or area.name}
    messages.success(request, _("%(name)s leads to %(place)s from now on.") % said)
    return redirect("places:landmarks")

"""The duty list and the category tree: read by those who work with them, kept by area administrators."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound, PaperMissing
from heli.core.pages import HeliRequest, page
from heli.core.paging import keyset
from heli.loop import duty
from heli.loop.clocks import local_day
from heli.loop.forms import manage as forms
from heli.loop.models import Category, Urgency
from heli.loop.queries import manage as queries
from heli.loop.queries.decisions import row_cap
from heli.loop.queries.manage import MANAGERS, DutyFilters, DutyLine
from heli.loop.steps.reference import put_category
from heli.places.models import Area

ALIAS = {"unit_id": "unit", "category_id": "category"}  # what the step calls otherwise than the form


def see_other(name: str, **kwargs: Any) -> HttpResponse:
    """To another page after a write, by GET."""
    response: HttpResponse = redirect(f"loop:{name}", **kwargs)
    response.status_code = 303
    return response


def put_error(form: Any, error: HeliError) -> None:
    """The step's error beside its field, or above the form."""
    name = ALIAS.get(error.field or "", error.field or "")
    missing = isinstance(error, PaperMissing) and name in form.fields
    form.add_error(
        name if name in form.fields else None,
        _("Nothing is written here yet; it is needed.") if missing else error.words,
    )


def may_export(request: HeliRequest) -> bool:
    """Whether reference lists may be taken away: by who exports, and by who keeps them."""
    return bool({Cap.EXPORT, Cap.MANAGE_DUTY} & request.actor.caps)


def purpose_of(request: HeliRequest) -> str:
    form = forms.PurposeForm(request.POST)
    if not form.is_valid():
        raise Invalid(str(form.errors["purpose"][0]), field="purpose")
    purpose: str = form.cleaned_data["purpose"]
    return purpose


def notes_of(request: HeliRequest, purpose: str, now: dt.datetime) -> list[str]:
    """What stands on the second sheet of every export."""
    made = {"name": request.actor.name, "when": f"{timezone.localtime(now):%Y-%m-%d %H:%M}"}
    return [_("Made by %(name)s, %(when)s.") % made, _("For: %(purpose)s") % {"purpose": purpose}]


# The duty list --------------------------------------------------------------------------------------------------------
@page("loop/duty/", name="duty", needs=MANAGERS, scope=Scope.AREA)
def duty_list(request: HeliRequest) -> HttpResponse:
    """Who is responsible for what: filtered, by day; or the matters nobody is named for."""
    now, f = timezone.now(), DutyFilters.read(request.GET)
    missing = request.GET.get("missing") == "1"
    after = request.GET.get("after")
    context: dict[str, Any] = {
        "f": f,
        "narrowed": f.kept(),
        "missing": missing,
        "tops": Category.objects.filter(level=1, closed_on=None).order_by("code"),
        "levels": queries.LEVELS.items(),
        "states": queries.STATES.items(),
        "query": request.GET.urlencode(),
        "may_write": bool(queries.own_area(request.actor)),
        "may_export": may_export(request),
        "today": local_day(now),
        "now": now,
    }
    if missing:
        found = keyset(queries.without_row(request.actor, now), order=("code",), after=after)
        context["page"] = found.map(lambda c: {"category": c, "line": queries.line_of(c)})
    else:
        context["page"] = queries.duty_page(request.actor, f, now, after=after)
    return render(request, "loop/manage/duty.html", context)


def cap_of(request: HeliRequest, path: str) -> Cap:
    """These lists are open to who may export there, and to who keeps them."""
    return Cap.EXPORT if request.actor.can(Cap.EXPORT, path=path) else Cap.MANAGE_DUTY


@page("loop/duty/export/", name="duty_export", needs=MANAGERS, scope=Scope.AREA, methods=("POST",))
def duty_export(request: HeliRequest) -> HttpResponse:
    """The list as it is filtered, as a spreadsheet."""
    now, f, purpose = timezone.now(), DutyFilters.read(request.GET), purpose_of(request)
    cap, path = row_cap(request.actor, MANAGERS, local_day(now))
    rows = list(queries.duty_rows(request.actor, f, now).order_by(*queries.ORDER)[: cap + 1])
    if len(rows) > cap:
        raise export.TooManyRows(cap=cap)
    export.take_away(
        name="duty",
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=len(rows),
        filters=f.kept(),
        path=path,
        cap=cap_of(request, path),
    )
    columns: list[export.Column[DutyLine]] = [
        (_("Number"), lambda x: x.row.number),
        (_("Category code"), lambda x: x.row.category.code),
        (_("Category"), lambda x: str(x.row.category)),
        (_("Desk"), lambda x: str(x.level)),
        (_("Responsible"), lambda x: str(x.who)),
        (_("Helps"), lambda x: _(", ").join(str(a) for a in x.assists)),
        (_("A department's own matter"), lambda x: _("yes") if x.row.functional else ""),
        (_("What it rests on"), lambda x: x.row.citation),
        (_("Remark"), lambda x: x.row.note),
        (_("Area"), lambda x: x.row.area.name),
        (_("Area code"), lambda x: x.row.area_path),
        (_("First day"), lambda x: x.row.valid_from),
        (_("Last day"), lambda x: x.last),
    ]
    found = queries.lines(rows, now)
    book = export.workbook(_("Duty list"), columns, found, cap=cap, notes=notes_of(request, purpose, now))
    return export.download(book, f"duty-{local_day(now):%Y%m%d}.xlsx")


@page("loop/duty/try/", name="duty_try", needs=MANAGERS, scope=Scope.AREA)
def duty_try(request: HeliRequest) -> HttpResponse:
    """谁管这件事: what the list says of words and a place, with reasons. Nothing is written."""
    now = timezone.now()
    asked = "place" in request.GET or "place_typed" in request.GET
    form = forms.TryForm(request.GET if asked else None, within=_scope(request))
    tried = None
    if asked and form.is_valid():
        data = form.cleaned_data
        code = request.GET.get("category", "")
        tried = queries.try_out(data["text"], data["place"], code if code.isdecimal() else "", data["level"], now)
    kept = request.GET.copy()
    kept.pop("category", None)
    context = {
        "form": form,
        "tried": tried,
        "line": queries.line_of(tried.category) if tried and tried.category else "",
        "others": [(p, queries.line_of(p.category)) for p in tried.categories] if tried else [],
        "kept": kept.urlencode(),
        "may_write": bool(queries.own_area(request.actor)),
    }
    template = "loop/manage/tried.html" if request.htmx else "loop/manage/try.html"
    return render(request, template, context)


def _scope(request: HeliRequest) -> tuple[str, ...]:
    """Counties whose places can be tried."""
    return tuple(sorted({p[:6] for cap in MANAGERS for p in request.actor.paths(cap)}))


@page("loop/duty/new/", name="duty_new", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, methods=("GET", "POST"))
def duty_new(request: HeliRequest) -> HttpResponse:
    """Write a row: a first one for a matter (?category=), or one in place of another (?from=)."""
    now = timezone.now()
    if request.method == "GET":
        return _duty_form(request, forms.DutyForm(initial=_initial(request, now), actor=request.actor))
    if "find" in request.POST:  # without scripts: the pickers' buttons show what was found
        return _duty_form(request, forms.DutyForm(initial=_typed(request), actor=request.actor))
    form = forms.DutyForm(request.POST, actor=request.actor)
    status = 400
    if form.is_valid():
        try:
            row = _put(request, form.cleaned_data, now)
        except HeliError as error:
            put_error(form, error)
            status = error.status
        else:
            messages.success(request, _("The row is written. Dispatchers see it from its first day on."))
            return see_other("duty_row", row_id=row.pk)
    return _duty_form(request, form, status)


def _put(request: HeliRequest, data: dict[str, Any], now: dt.datetime) -> Any:
    category = Category.objects.filter(code=data["category"]).first()
    if category is None:
        raise NotFound
    if data["valid_from"] < local_day(now):
        said = _("A row cannot begin in the past: what was sent by the list until now stays as it was.")
        raise Invalid(said, field="valid_from")
    return duty.put_row(
        by=request.actor,
        at=now,
        area=data["area"],
        category_id=category.pk,
        level=data["level"],
        number=data["number"],
        unit_id=data["unit"] if data["who"] == "unit" else None,
        citation=data["citation"],
        local="" if data["who"] == "unit" else data["who"],
        functional=data["functional"],
        assist_local=tuple(data["assist_local"]),
        assists=tuple(data["assists"]),
        note=data["note"],
        valid_from=data["valid_from"],
    )


def _initial(request: HeliRequest, now: dt.datetime) -> dict[str, Any]:
    """What the form begins with: the row it replaces, or the matter nobody is named for."""
    typed = request.GET.get("from", "")
    own = queries.own_area(request.actor)
    if typed.isdecimal() and len(typed) < 18:
        row = queries.duty_row(request.actor, int(typed))
        return {
            "area": row.area if request.actor.can(Cap.MANAGE_DUTY, path=row.area_path) else None,
            "category": row.category.code,
            "level": row.level,
            "who": row.local or "unit",
            "unit": row.unit_id,
            "assist_local": row.assist_local,
            "assists": [str(a) for a in row.assists],
            "functional": row.functional,
            "number": row.number,
            "note": row.note,
            "valid_from": local_day(now),
        }
    return {
        "area": Area.objects.filter(path=own).first(),
        "category": request.GET.get("category", "")[:6],
        "level": 3,
        "who": "unit",
        "valid_from": local_day(now),
    }


def _typed(request: HeliRequest) -> dict[str, Any]:
    """What was typed so far, when a picker's button was pressed instead of the form's."""
    typed: dict[str, Any] = request.POST.dict()
    typed |= {name: request.POST.getlist(name) for name in ("assist_local", "assists")}
    typed["functional"] = "functional" in request.POST
    typed["area"] = Area.objects.filter(path=request.POST.get("area", "")).first()
    return typed


def _duty_form(request: HeliRequest, form: forms.DutyForm, status: int = 200) -> HttpResponse:
    now, post = timezone.now(), request.POST
    assists = form["assists"].value() or []
    context = {
        "form": form,
        "categories": queries.pick_categories(post.get("category_typed", ""), str(form["category"].value() or "")),
        "units": queries.pick_units(
            request.actor,
            post.get("unit_typed", ""),
            [str(form["unit"].value() or "")],
            now,
            name="unit",
            many=False,
        ),
        "assists": queries.pick_units(
            request.actor, post.get("assists_typed", ""), [str(a) for a in assists], now, name="assists", many=True
        ),
        "errors": {name: errors[0] for name, errors in form.errors.items()},
    }
    return render(request, "loop/manage/duty_form.html", context, status=status)


@page("loop/duty/pick/<slug:what>/", name="duty_pick", needs=MANAGERS, scope=Scope.AREA)
def duty_pick(request: HeliRequest, what: str) -> HttpResponse:
    """Categories or units to choose from, as a piece of a form."""
    typed = request.GET.get(f"{what}_typed", "")[:60] if what in {"category", "unit", "assists"} else ""
    if what == "category":
        choices = queries.pick_categories(typed, request.GET.get("category", ""))
    elif what in {"unit", "assists"}:
        chosen = request.GET.getlist(what)[:20]
        choices = queries.pick_units(request.actor, typed, chosen, timezone.now(), name=what, many=what == "assists")
    else:
        raise NotFound
    return render(request, "orgs/parts/options.html", {"choices": choices})


@page("loop/duty/<int:row_id>/", name="duty_row", needs=MANAGERS, scope=Scope.AREA)
def duty_row(request: HeliRequest, row_id: int) -> HttpResponse:
    """One row: what it says, which came before and after, what was written when and by whom."""
    return _duty_row(request, row_id, forms.ReasonForm())


def _duty_row(request: HeliRequest, row_id: int, end: forms.ReasonForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    row = queries.duty_row(request.actor, row_id)
    found = queries.lines(queries.versions(row), now)
    line = next(x for x in found if x.row.pk == row.pk)
    may_write = request.actor.can(Cap.MANAGE_DUTY, path=row.area_path)
    context = {
        "x": line,
        "row": row,
        "line": queries.line_of(row.category),
        "versions": found,
        "happened": queries.history(row),
        "may_write": may_write,
        "reads": bool(queries.readable(request.actor)),
        "may_end": may_write and row.valid_to is None,
        "end": end,
        "now": now,
    }
    return render(request, "loop/manage/duty_row.html", context, status=status)


@page("loop/duty/<int:row_id>/end/", name="duty_end", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, methods=("POST",))
def duty_end(request: HeliRequest, row_id: int) -> HttpResponse:
    """The row holds no longer; nothing takes its place until somebody writes it."""
    form = forms.ReasonForm(request.POST)
    if not form.is_valid():
        return _duty_row(request, row_id, form, 400)
    try:
        duty.end_row(row_id=row_id, by=request.actor, at=timezone.now(), reason=form.cleaned_data["reason"])
    except NotFound:
        raise
    except HeliError as error:
        put_error(form, error)
        return _duty_row(request, row_id, form, error.status)
    messages.success(request, _("The row is ended. Nobody is named for this matter until another row is written."))
    return see_other("duty_row", row_id=row_id)


# Categories -----------------------------------------------------------------------------------------------------------
@page("loop/categories/", name="categories", needs=MANAGERS, scope=Scope.AREA)
def categories(request: HeliRequest) -> HttpResponse:
    """The tree with what was told of each, the words people use, and the rows of the duty list."""
    now = timezone.now()
    nodes = queries.tree(request.actor, now)
    q = request.GET.get("q", "").replace("\0", "").strip()[:20]
    tops = [n for n in nodes if n.category.level == 1]
    here = request.GET.get("in", "")
    top = next((n for n in tops if n.category.code == here), tops[0] if tops else None)
    if q:
        shown = [n for n in nodes if n.category.level > 1 and _fits(n.category, q)][: queries.MOST_SHOWN]
    else:
        shown = [n for n in nodes if top and n.category.level > 1 and n.category.code.startswith(top.category.code)]
    context = {
        "tops": tops,
        "top": None if q else top,
        "shown": shown,
        "q": q,
        "counted": any(n.requests is not None for n in nodes),
        "since": local_day(queries.heard_since(now)),
        "days": queries.COUNT_DAYS,
        "may_edit": queries.may_edit_categories(request.actor),
        "may_export": may_export(request),
        "urgencies": dict(Urgency.choices),
    }
    return render(request, "loop/manage/categories.html", context)


def _fits(category: Category, q: str) -> bool:
    texts = (category.name, category.name_en.lower(), *category.words)
    return category.code.startswith(q) or any(q.lower() in t for t in texts)


@page("loop/categories/export/", name="categories_export", needs=MANAGERS, scope=Scope.AREA, methods=("POST",))
def categories_export(request: HeliRequest) -> HttpResponse:
    """The whole tree as a spreadsheet."""
    now, purpose = timezone.now(), purpose_of(request)
    cap, path = row_cap(request.actor, MANAGERS, local_day(now))
    nodes = queries.tree(request.actor, now)
    export.take_away(
        name="categories",
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=len(nodes),
        filters={},
        path=path,
        cap=cap_of(request, path),
    )
    columns: list[export.Column[queries.Node]] = [
        (_("Code"), lambda n: n.category.code),
        (_("Level"), lambda n: n.category.level),
        (_("Matter"), lambda n: n.category.name),
        (_("English name"), lambda n: n.category.name_en),
        (_("Words people use for it"), lambda n: str(n.words)),
        (_("Urgency"), lambda n: Urgency(n.category.urgency).label),
        (_("Requests in %(n)s days") % {"n": queries.COUNT_DAYS}, lambda n: n.requests),
        (_("Rows of the duty list"), lambda n: n.rows),
        (_("Closed on"), lambda n: n.category.closed_on),
    ]
    book = export.workbook(_("Categories"), columns, nodes, cap=cap, notes=notes_of(request, purpose, now))
    return export.download(book, f"categories-{local_day(now):%Y%m%d}.xlsx")


@page("loop/categories/<str:code>/", name="category", needs=MANAGERS, scope=Scope.AREA, methods=("GET", "POST"))
def category(request: HeliRequest, code: str) -> HttpResponse:
    """One category: what it is called by people; changed by who keeps the list of this installation's area."""
    found = queries.category(code)
    comma = _("、")
    initial = {
        "words": comma.join(found.words),
        "urgency": found.urgency,
        "closed": found.closed_on is not None,
        "seen": "\n".join(found.words),
    }
    form = forms.CategoryForm(request.POST if request.method == "POST" else None, initial=initial, label_suffix="")
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                put_category(
                    code=code,
                    words=form.listed(),
                    urgency=form.cleaned_data["urgency"],
                    closed=form.cleaned_data["closed"],
                    by=request.actor,
                    at=timezone.now(),
                    reason=form.cleaned_data["reason"],
                    seen=form.cleaned_data["seen"].splitlines(),
                )
            except NotFound:
                raise
            except HeliError as error:
                put_error(form, error)
                status = error.status
            else:
                messages.success(request, _("Kept. Texts that come in from now on are read with these words."))
                return see_other("category", code=code)
    context = {
        "category": found,
        "line": queries.line_of(found),
        "words": comma.join(found.words),
        "urgency": Urgency(found.urgency).label,
        "reads": bool(queries.readable(request.actor)),
        "form": form,
        "may_edit": queries.may_edit_categories(request.actor),
        "happened": queries.category_history(found),
    }
    return render(request, "loop/manage/category.html", context, status=status)

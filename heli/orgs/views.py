"""Organisations and their members, for those who manage them in an area."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.orgs import pickers, queries, steps
from heli.orgs.exports import purpose_of, row_cap
from heli.orgs.forms import MemberForm, OrgForm, ReasonForm
from heli.orgs.models import Organisation, OrgKind
from heli.orgs.words import STEPS
from heli.people import queries as people


def put_error(form: Any, error: HeliError, *, other: str = "") -> None:
    """The step's error beside its field, or above the form; `other` maps a field the form calls differently."""
    name = error.field if error.field in form.fields else other if other in form.fields else None
    form.add_error(name, error.words)


def _filters(request: HeliRequest) -> dict[str, Any]:
    kind = request.GET.get("kind", "")
    area = request.GET.get("area", "")
    return {
        "text": request.GET.get("q", "")[:60],
        "kind": kind if kind in OrgKind.values else "",
        "path": area if area.isalnum() and area.isascii() and len(area) <= 24 else "",
        "closed": request.GET.get("closed") == "1",
    }


@page("", name="organisations", needs=Cap.MANAGE_ORGS, scope=Scope.AREA)
def organisations(request: HeliRequest) -> HttpResponse:
    """The list with its filters, or the tree."""
    now, filters = timezone.now(), _filters(request)
    context = {
        "filters": filters,
        "kinds": OrgKind.choices,
        "as_tree": request.GET.get("view") == "tree",
        "query": request.GET.urlencode(),
    }
    if context["as_tree"]:
        context["nodes"] = queries.tree(request.actor.paths(Cap.MANAGE_ORGS), at=now)
    else:
        context["page"] = queries.orgs_page(request.actor, **filters, at=now, after=request.GET.get("after"))
    return render(request, "orgs/organisations.html", context)


@page("export/", name="organisations_export", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("POST",))
def export_organisations(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    found = queries.orgs_list(request.actor, **_filters(request), at=now).order_by("area_path", "id")
    rows = list(found[: cap + 1])
    purpose = purpose_of(request, "organisations", Cap.MANAGE_ORGS, len(rows), now)
    columns: list[export.Column[Organisation]] = [
        (_("Full name"), lambda o: o.name),
        (_("Short name"), lambda o: o.short_name),
        (_("Kind"), lambda o: o.get_kind_display()),
        (_("Unified social credit code"), lambda o: o.code),
        (pgettext("orgs", "Area"), lambda o: o.area.name),
        (pgettext("orgs", "Area code"), lambda o: o.area_path),
        (_("Stands below"), lambda o: o.parent.name if o.parent else ""),
        (_("Closed"), lambda o: o.closed_at),
    ]
    book = export.workbook(_("Organisations"), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"organisations-{timezone.localdate():%Y%m%d}.xlsx")


# One organisation ---------------------------------------------------------------------------------------------------
def _edit_page(request: HeliRequest, form: OrgForm, org: Organisation | None, status: int = 200) -> HttpResponse:
    now = timezone.now()
    source = request.POST if request.method == "POST" else request.GET
    parent = source.get("parent", str(org.parent_id or "") if org else "")
    context = {
        "form": form,
        "org": org,
        "parents": pickers.units(
            request.actor,
            Cap.MANAGE_ORGS,
            typed=source.get("parent_typed", "")[:60],
            chosen=parent,
            at=now,
            name="parent",
            none=_("none"),
        ),
        "areas": pickers.areas(
            request.actor,
            Cap.MANAGE_ORGS,
            typed=source.get("area_typed", "")[:60],
            chosen=[source.get("area", "")],
            name="area",
            many=False,
        ),
    }
    return render(request, "orgs/edit.html", context, status=status)


@page("new/", name="organisation_new", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """Enter an organisation."""
    if request.method == "GET" or "find" in request.POST:
        return _edit_page(request, OrgForm(new=True, initial=request.POST.dict()), None)
    form = OrgForm(request.POST, new=True)
    if form.is_valid():
        data = form.cleaned_data
        try:
            org = steps.create_org(
                kind=data["kind"],
                name=data["name"],
                short_name=data["short_name"],
                code=data["code"],
                area_path=data["area"],
                parent_id=data["parent"],
                by=request.actor,
                at=timezone.now(),
            )
        except HeliError as error:
            put_error(form, error)
        else:
            messages.success(request, _("%(name)s is entered.") % {"name": org.short_name})
            return redirect("orgs:organisation", org_id=org.pk)
    return _edit_page(request, form, None, 400)


@page("<int:org_id>/", name="organisation", needs=Cap.MANAGE_ORGS, scope=Scope.AREA)
def organisation(request: HeliRequest, org_id: int) -> HttpResponse:
    """What it is, who belongs to it, what they may do for it, and what happened."""
    return _org_page(request, queries.managed_org(request.actor, org_id), MemberForm())


def _org_page(request: HeliRequest, org: Organisation, member: MemberForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    context = {
        "org": org,
        "closed": org.closed_at is not None and org.closed_at <= now,
        "members": queries.members_of(org.pk, now),
        "below": queries.below(org.pk, now),
        "grants": queries.grants_for_unit(request.actor, org.pk, at=now),
        "member": member,
        "happened": [
            {"at": h.at, "title": STEPS.get(h.step, h.step), "words": " · ".join(x for x in (h.who, h.why) if x)}
            for h in queries.history("orgs.organisation", [org.pk])
        ],
    }
    return render(request, "orgs/organisation.html", context, status=status)


@page("<int:org_id>/edit/", name="organisation_edit", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("GET", "POST"))
def edit(request: HeliRequest, org_id: int) -> HttpResponse:
    """Another name, code or organisation above."""
    org = queries.managed_org(request.actor, org_id)
    if request.method == "GET" or "find" in request.POST:
        initial = {"name": org.name, "short_name": org.short_name, "code": org.code, **request.POST.dict()}
        return _edit_page(request, OrgForm(new=False, initial=initial), org)
    form = OrgForm(request.POST, new=False)
    if form.is_valid():
        data = form.cleaned_data
        try:
            steps.change_org(
                org_id=org_id,
                name=data["name"],
                short_name=data["short_name"],
                code=data["code"],
                parent_id=data["parent"],
                by=request.actor,
                at=timezone.now(),
            )
        except HeliError as error:
            put_error(form, error)
        else:
            messages.success(request, _("Kept."))
            return redirect("orgs:organisation", org_id=org_id)
    return _edit_page(request, form, org, 400)


@page(
    "<int:org_id>/close/", name="organisation_close", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("GET", "POST")
)
def close(request: HeliRequest, org_id: int) -> HttpResponse:
    """Close it, or open it again; says beforehand what that does."""
    org, now = queries.managed_org(request.actor, org_id), timezone.now()
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        step = steps.reopen_org if org.closed_at else steps.close_org
        try:
            step(org_id=org_id, reason=form.cleaned_data["reason"], by=request.actor, at=now)
        except HeliError as error:
            put_error(form, error)
            status = error.status
        else:
            return redirect("orgs:organisation", org_id=org_id)
    grants = queries.grants_for_unit(request.actor, org_id, at=now)
    return render(request, "orgs/close.html", {"org": org, "form": form, "grants": grants}, status=status)


@page("<int:org_id>/members/", name="member_add", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("POST",))
def add_member(request: HeliRequest, org_id: int) -> HttpResponse:
    """Somebody joins it."""
    org = queries.managed_org(request.actor, org_id)
    form = MemberForm(request.POST)
    if form.is_valid():
        person = people.named(form.cleaned_data["username"])
        if person is None:
            form.add_error("username", queries.NO_SUCH_PERSON.words)
        else:
            try:
                steps.add_member(
                    org_id=org_id,
                    user_id=person.pk,
                    title=form.cleaned_data["title"],
                    by=request.actor,
                    at=timezone.now(),
                )
            except HeliError as error:
                put_error(form, error)
            else:
                return redirect("orgs:organisation", org_id=org_id)
    return _org_page(request, org, form, 400)


@page("members/<int:member_id>/end/", name="member_end", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, methods=("POST",))
def end_member(request: HeliRequest, member_id: int) -> HttpResponse:
    """Somebody leaves it."""
    member = steps.end_member(member_id=member_id, by=request.actor, at=timezone.now())
    return redirect("orgs:organisation", org_id=member.org_id)


# Pickers ------------------------------------------------------------------------------------------------------------
PICKS = {"grants": Cap.MANAGE_GRANTS, "orgs": Cap.MANAGE_ORGS}


@page("pick/<slug:who>/units/", name="pick_units", needs=(Cap.MANAGE_GRANTS, Cap.MANAGE_ORGS), scope=Scope.AREA)
def pick_units(request: HeliRequest, who: str) -> HttpResponse:
    """Units to choose from, as a piece of a form."""
    cap, name = PICKS.get(who, Cap.MANAGE_ORGS), "org" if who == "grants" else "parent"
    choices = pickers.units(
        request.actor,
        cap,
        typed=request.GET.get(f"{name}_typed", "")[:60],
        chosen=request.GET.get(name, ""),
        at=timezone.now(),
        name=name,
        none=_("none"),
    )
    return render(request, "orgs/parts/options.html", {"choices": choices})


@page("pick/<slug:who>/areas/", name="pick_areas", needs=(Cap.MANAGE_GRANTS, Cap.MANAGE_ORGS), scope=Scope.AREA)
def pick_areas(request: HeliRequest, who: str) -> HttpResponse:
    """Areas to choose from, as a piece of a form."""
    cap, name = PICKS.get(who, Cap.MANAGE_ORGS), "paths" if who == "grants" else "area"
    choices = pickers.areas(
        request.actor,
        cap,
        typed=request.GET.get(f"{name}_typed", "")[:60],
        chosen=request.GET.getlist(name)[:50],
        name=name,
        many=who == "grants",
    )
    return render(request, "orgs/parts/options.html", {"choices": choices})

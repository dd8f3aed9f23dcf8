"""Who may do what: the list, giving, ending, and one page per person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.orgs import pickers, queries, steps
from heli.orgs.exports import purpose_of, row_cap
from heli.orgs.forms import GrantFilterForm, GrantForm, PersonForm, ReasonForm, next_midnight
from heli.orgs.models import Grant
from heli.orgs.queries import GrantRow
from heli.orgs.views import put_error
from heli.orgs.words import CHIPS, STEPS, WHY_NOT, caps_said
from heli.people import queries as people
from heli.people.steps import open_account


def _said(row: GrantRow) -> dict[str, Any]:
    """A grant with its words, for the templates."""
    return {
        "row": row,
        "grant": row.grant,
        "areas": _(", ").join(row.areas),
        "state": WHY_NOT[row.why_not],
        "chip": CHIPS[row.why_not],
        "caps": caps_said(row.grant.role.caps),
    }


@page("grants/", name="grants", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def grants(request: HeliRequest) -> HttpResponse:
    """Every grant that reaches into the actor's areas, filtered; the filters stay in the address."""
    wanted = GrantFilterForm(request.GET).wanted()
    found = queries.grants_page(request.actor, wanted, at=timezone.now(), after=request.GET.get("after"))
    context = {
        "page": found.map(_said),
        "wanted": wanted,
        "roles": queries.roles(),
        "states": [
            ("now", _("in force")),
            ("soon", _("ending within 30 days")),
            ("ended", _("ended or asleep")),
            ("all", _("all")),
        ],
        "query": request.GET.urlencode(),
    }
    return render(request, "orgs/grants.html", context)


@page("grants/export/", name="grants_export", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def export_grants(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    found = queries.grants_list(request.actor, GrantFilterForm(request.GET).wanted(), at=now)[: cap + 1]
    rows = queries.grant_rows(request.actor, list(found), at=now)
    purpose = purpose_of(request, "grants", Cap.MANAGE_GRANTS, len(rows), now)
    columns: list[export.Column[GrantRow]] = [
        (_("User name"), lambda r: r.grant.user.username),
        (_("Called"), lambda r: r.grant.user.call_name),
        (_("Role"), lambda r: str(r.grant.role)),
        (_("Unit"), lambda r: r.grant.org.name if r.grant.org else ""),
        (pgettext("orgs", "Areas"), lambda r: _(", ").join(r.areas)),
        (_("Area codes"), lambda r: " ".join(r.grant.paths)),
        (_("From"), lambda r: r.grant.valid_from),
        (pgettext("orgs", "Until"), lambda r: r.grant.valid_to),
        (_("State"), lambda r: str(WHY_NOT[r.why_not])),
        (_("In place of"), lambda r: str(r.grant.acting_for or "")),
        (_("Given by"), lambda r: str(r.grant.given_by or "")),
        (pgettext("orgs", "Why"), lambda r: r.grant.reason),
        (_("Why it ended"), lambda r: r.grant.end_reason),
    ]
    book = export.workbook(_("Grants"), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"grants-{timezone.localdate():%Y%m%d}.xlsx")


# Giving -------------------------------------------------------------------------------------------------------------
def _new_page(request: HeliRequest, form: GrantForm, status: int = 200) -> HttpResponse:
    source = request.POST if request.method == "POST" else request.GET
    context = {
        "form": form,
        "roles": [{"role": r, "caps": caps_said(r.caps), "chosen": form["role"].value() == r.key} for r in form.roles],
        "units": pickers.units(
            request.actor,
            Cap.MANAGE_GRANTS,
            typed=source.get("org_typed", "")[:60],
            chosen=source.get("org", ""),
            at=timezone.now(),
            name="org",
            none=_("none"),
        ),
        "areas": pickers.areas(
            request.actor,
            Cap.MANAGE_GRANTS,
            typed=source.get("paths_typed", "")[:60],
            chosen=source.getlist("paths")[:50],
            name="paths",
            many=True,
        ),
        "errors": {e: form.errors_of.get(e, "") for e in ("org", "paths")},
    }
    return render(request, "orgs/grant_new.html", context, status=status)


@page("grants/new/", name="grant_new", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def give(request: HeliRequest) -> HttpResponse:
    """Give somebody a role."""
    if request.method == "GET" or "find" in request.POST:
        return _new_page(request, GrantForm(initial=(request.POST or request.GET).dict()))
    form = GrantForm(request.POST)
    if form.is_valid() and (grant := _given(request, form)) is not None:
        messages.success(request, _("%(name)s is now %(role)s.") % {"name": grant.user, "role": grant.role})
        return redirect("orgs:person", user_id=grant.user_id)
    return _new_page(request, form, 400)


def _given(request: HeliRequest, form: GrantForm) -> Grant | None:
    """The grant, or None with the errors in the form."""
    data = form.cleaned_data
    person = people.named(data["username"])
    colleague = people.named(data["acting_for"]) if data["acting_for"] else None
    if person is None:
        form.add_error("username", queries.NO_SUCH_PERSON.words)
    if data["acting_for"] and colleague is None:
        form.add_error("acting_for", queries.NO_SUCH_PERSON.words)
    if person is None or form.errors:
        return None
    org = request.POST.get("org", "")
    try:
        return steps.give_grant(
            user_id=person.pk,
            role=data["role"],
            org_id=int(org) if org.isdecimal() and len(org) < 18 else None,
            paths=request.POST.getlist("paths")[:50],
            valid_to=next_midnight(data["valid_to"]),
            acting_for_id=colleague.pk if colleague else None,
            reason=data["reason"],
            by=request.actor,
            at=timezone.now(),
        )
    except HeliError as error:
        form.put(error)
        return None


# One grant ----------------------------------------------------------------------------------------------------------
@page("grants/<int:grant_id>/", name="grant", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def grant(request: HeliRequest, grant_id: int) -> HttpResponse:
    """One grant with its history, and the form that ends it."""
    now, found = timezone.now(), queries.grant_seen(request.actor, grant_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            steps.end_grant(grant_id=grant_id, reason=form.cleaned_data["reason"], by=request.actor, at=now)
        except HeliError as error:
            put_error(form, error)
            status = error.status
        else:
            messages.success(request, _("Ended. It counts no more from this moment."))
            return redirect("orgs:person", user_id=found.user_id)
    row = queries.grant_rows(request.actor, [found], at=now)[0]
    context = {
        **_said(row),
        "form": form,
        "own": found.user_id == request.actor.user_id,
        "happened": [
            {"at": h.at, "title": STEPS.get(h.step, h.step), "words": h.who}
            for h in queries.history("orgs.grant", [grant_id])
        ],
    }
    return render(request, "orgs/grant.html", context, status=status)


# People -------------------------------------------------------------------------------------------------------------
@page("grants/people/<int:user_id>/", name="person", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def person(request: HeliRequest, user_id: int) -> HttpResponse:
    """谁有什么权: all that one person may do in the actor's areas, and could do before."""
    return _person_page(request, user_id)


def _person_page(request: HeliRequest, user_id: int, form: ReasonForm | None = None, status: int = 200) -> HttpResponse:
    someone = queries.person_seen(request.actor, user_id)
    rows = queries.grants_of(request.actor, user_id, at=timezone.now())
    now_caps = [c for r in rows if r.in_force for c in r.grant.role.caps]
    context = {
        "someone": someone,
        "rows": [_said(r) for r in rows],
        "caps": caps_said(now_caps),
        "own": user_id == request.actor.user_id,
        "form": form or ReasonForm(),
        "staff_mfa": settings.HELI_STAFF_MFA,
    }
    return render(request, "orgs/person.html", context, status=status)


@page(
    "grants/people/<int:user_id>/factor/",
    name="reset_factor",
    needs=Cap.MANAGE_GRANTS,
    scope=Scope.AREA,
    methods=("POST",),
)
def reset_factor(request: HeliRequest, user_id: int) -> HttpResponse:
    """A colleague lost their second factor: they set up a new one at the next log-in."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _person_page(request, user_id, form, 400)
    try:
        someone = steps.reset_second_factor(
            user_id=user_id, reason=form.cleaned_data["reason"], by=request.actor, at=timezone.now()
        )
    except NotFound:
        raise
    except HeliError as error:
        put_error(form, error)
        return _person_page(request, user_id, form, error.status)
    said = _("Taken off. At the next log-in %(name)s sets up a new one.") % {"name": someone}
    messages.success(request, said)
    return redirect("orgs:person", user_id=user_id)


@page("grants/people/new/", name="person_new", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def new_person(request: HeliRequest) -> HttpResponse:
    """An account for a colleague; its first password is shown once."""
    form = PersonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            someone, password = open_account(
                username=form.cleaned_data["username"],
                call_name=form.cleaned_data["call_name"],
                by=request.actor,
                at=timezone.now(),
            )
        except HeliError as error:
            put_error(form, error)
        else:
            response = render(request, "orgs/person_made.html", {"someone": someone, "password": password})
            response["Cache-Control"] = "no-store"
            return response
    return render(request, "orgs/person_new.html", {"form": form}, status=400 if form.errors else 200)


@page("mine/", name="mine", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """What I may do here, for whom, where, until when."""
    assert request.actor.user_id is not None
    rows = queries.grants_of(request.actor, request.actor.user_id, at=timezone.now())
    return render(request, "orgs/mine.html", {"rows": [_said(r) for r in rows]})

"""Pages about the interface: its documentation for anybody, and the tokens for who decides on grants."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from heli.api import queries, steps
from heli.api.describe import description
from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.orgs.exports import purpose_of, row_cap
from heli.orgs.forms import ReasonForm, next_midnight
from heli.orgs.models import Grant
from heli.orgs.queries import grant_rows, grant_seen
from heli.orgs.words import CAPS, caps_said
from heli.rulebook import queries as rulebook

STATES: dict[str, tuple[str, Any]] = {
    "in_force": ("done", pgettext_lazy("token", "in force")),
    "ended": ("pause", pgettext_lazy("token", "ended")),
    "over": ("pause", pgettext_lazy("token", "run out")),
    "grant": ("late", pgettext_lazy("token", "its grant does not count")),
}


SECOND = dt.timedelta(seconds=1)


# Documentation ----------------------------------------------------------------------------------------------------------
# Swagger UI writes HTML (cleaned by its own DOMPurify), which Trusted Types would stop. On this page nobody is logged in
# for anything: no form, no cookie counts, and what it shows is our own description.
NO_TRUSTED_TYPES: dict[str, Any] = {"require-trusted-types-for": None, "trusted-types": None}


@page("api/v1/docs", name="docs", scope=Scope.PUBLIC)
def docs(request: HeliRequest) -> HttpResponse:
    """Every operation with its fields and answers; from this machine's own files alone."""
    response = render(request, "api/docs.html")
    response._csp_replace = NO_TRUSTED_TYPES  # type: ignore[attr-defined]
    return response


@page("api/v1/openapi.json", name="openapi", scope=Scope.PUBLIC)
def openapi(request: HeliRequest) -> HttpResponse:
    """The same for programs: OpenAPI 3.1."""
    response = HttpResponse(json.dumps(description(), ensure_ascii=False), content_type="application/json")
    response["Cache-Control"] = "public, max-age=300"
    return response


# Tokens -----------------------------------------------------------------------------------------------------------------
class TokenForm(forms.Form):
    """Which system, what it may do, until when."""

    name = forms.CharField(
        label=gettext_lazy("Which system uses it"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("For example: the city's 12345 platform."),
    )
    caps = forms.MultipleChoiceField(
        label=gettext_lazy("What it may do"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one.")},
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day it holds"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )

    def __init__(self, *args: Any, grant: Grant, most: int | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["caps"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(c.value, CAPS[c]) for c in Cap if c.value in grant.role.caps]
        if most is not None:
            self.fields["last_day"].initial = timezone.localdate() + dt.timedelta(days=most - 1)

    def put(self, error: HeliError) -> None:
        """The step's error beside what it is about."""
        name = {"expires_at": "last_day"}.get(error.field or "", error.field)
        self.add_error(name if name in self.fields else None, error.words)


def _said(row: queries.TokenRow) -> dict[str, Any]:
    """A token with its words, for the templates."""
    chip, state = STATES[row.state]
    return {
        "row": row,
        "token": row.token,
        "grant": row.token.grant,
        "areas": _(", ").join(row.grant.areas),
        "chip": chip,
        "state": state,
        "caps": caps_said(row.token.caps),
        "last_day": row.token.expires_at - SECOND,  # it ends at midnight
    }


def _number(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 18 else None


@page("tokens/", name="tokens", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def tokens(request: HeliRequest) -> HttpResponse:
    """Every token of a grant that reaches into the actor's areas."""
    grant = _number(request.GET.get("grant", ""))
    found = queries.tokens_page(request.actor, at=timezone.now(), after=request.GET.get("after"), grant_id=grant)
    context = {
        "page": found.map(_said),
        "grant_id": grant,
        "now": timezone.now(),
        "query": request.GET.urlencode(),
    }
    return render(request, "api/tokens.html", context)


@page("tokens/export/", name="tokens_export", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def export_tokens(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet; no secret is in it, nor anywhere else."""
    now, grant = timezone.now(), _number(request.GET.get("grant", ""))
    most = row_cap(request.actor, now)
    found = list(queries.tokens(request.actor, grant_id=grant).order_by("-id")[: most + 1])
    rows = queries.token_rows(request.actor, found, at=now)
    purpose = purpose_of(request, "tokens", Cap.MANAGE_GRANTS, len(rows), now)
    columns: list[export.Column[queries.TokenRow]] = [
        (_("System"), lambda r: r.token.name),
        (_("Begins with"), lambda r: r.token.prefix),
        (_("Acts as"), lambda r: str(r.grant.grant.user)),
        (_("Role"), lambda r: str(r.grant.grant.role)),
        (_("Unit"), lambda r: r.grant.grant.org.name if r.grant.grant.org else ""),
        (pgettext("orgs", "Areas"), lambda r: _(", ").join(r.grant.areas)),
        (pgettext("orgs", "Until"), lambda r: r.token.expires_at),
        (_("Last used"), lambda r: r.token.last_used_at),
        (_("State"), lambda r: str(STATES[r.state][1])),
    ]
    book = export.workbook(_("Tokens"), columns, rows, cap=most, notes=[purpose])
    return export.download(book, f"tokens-{timezone.localdate(now):%Y%m%d}.xlsx")


@page(
    "tokens/new/<int:grant_id>/", name="token_new", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST")
)
def mint(request: HeliRequest, grant_id: int) -> HttpResponse:
    """A token for a grant; its secret is on the page that follows, once."""
    now, grant = timezone.now(), grant_seen(request.actor, grant_id)
    rules = rulebook.candidates((steps.RULE,), grant.paths[0], timezone.localdate())
    rule = rulebook.choose(rules, {}).get(steps.RULE)
    most = int(rule.value) if rule is not None else None
    form = TokenForm(request.POST if request.method == "POST" else None, grant=grant, most=most)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                made = steps.mint_token(
                    grant_id=grant_id,
                    name=form.cleaned_data["name"],
                    caps=form.cleaned_data["caps"],
                    expires_at=next_midnight(form.cleaned_data["last_day"]),
                    by=request.actor,
                    at=now,
                )
            except HeliError as error:
                form.put(error)
                status = error.status
            else:
                response = render(
                    request,
                    "api/token_made.html",
                    {"made": made, "grant": grant, "last_day": made.token.expires_at - SECOND},
                )
                response["Cache-Control"] = "no-store"
                return response
    row = grant_rows(request.actor, [grant], at=now)[0]
    context = {"form": form, "grant": grant, "row": row, "areas": _(", ").join(row.areas), "rule": rule}
    return render(request, "api/token_new.html", context, status=status)


@page("tokens/mine/", name="my_tokens", scope=Scope.SELF, methods=("GET", "POST"))
def my_tokens(request: HeliRequest) -> HttpResponse:
    """Systems that act as the reader, and the button that ends it."""
    now = timezone.now()
    if request.method == "POST":
        token_id = _number(request.POST.get("which", ""))
        if token_id is None:
            raise NotFound
        steps.end_token(token_id=token_id, reason=_("Ended by whom it acted as"), by=request.actor, at=now)
        messages.success(request, _("Ended. The next request with it is refused."))
        return redirect("api:my_tokens")
    rows = [_said(row) for row in queries.own_tokens(request.actor, at=now)]
    return render(request, "api/my_tokens.html", {"rows": rows, "now": now})


@page("tokens/<int:token_id>/", name="token", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def token(request: HeliRequest, token_id: int) -> HttpResponse:
    """One token, and the form that ends it."""
    now, found = timezone.now(), queries.token_seen(request.actor, token_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    status = 400 if form.is_bound and not form.is_valid() else 200
    if request.method == "POST" and form.is_valid():
        try:
            steps.end_token(token_id=token_id, reason=form.cleaned_data["reason"], by=request.actor, at=now)
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
            status = error.status
        else:
            messages.success(request, _("Ended. The next request with it is refused."))
            return redirect("api:tokens")
    row = queries.token_rows(request.actor, [found], at=now)[0]
    return render(request, "api/token.html", {**_said(row), "form": form, "now": now}, status=status)

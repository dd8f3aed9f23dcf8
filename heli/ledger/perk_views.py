"""Perks: what is given to those with stars or stored hours, one's codes, and the giver's desk."""

from __future__ import annotations

import datetime as dt
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.ledger import bank_steps
from heli.ledger import standing_queries as queries
from heli.ledger.bank_steps import Given
from heli.ledger.standing_views import private, see_other
from heli.ledger.states import GIVER
from heli.orgs.exports import purpose_of, row_cap
from heli.orgs.models import Organisation
from heli.rulebook.queries import area_names

GIVERS = tuple(cap for cap, _scope in GIVER)
DESK: dict[str, Any] = {"needs": (*GIVERS, Cap.REVIEW_HOURS), "scope": Scope.AREA}


def day_field() -> forms.DateInput:
    return forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})


class PerkForm(forms.Form):
    """What is given."""

    org = forms.ChoiceField(label=lazy("Who gives it"))
    title = forms.CharField(label=lazy("What is given"), max_length=60, help_text=lazy("Such as: one haircut."))
    words = forms.CharField(
        label=lazy("How it is given"), max_length=300, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=lazy("Where, when, and what it is not."),
    )  # fmt: skip
    stars = forms.ChoiceField(
        label=lazy("From how many stars"),
        choices=[("0", lazy("whatever the stars")), *((str(n), str(n)) for n in range(1, 6))],
    )
    stored = forms.IntegerField(
        label=lazy("From how many stored hours"), min_value=0, max_value=1500, required=False,
        help_text=lazy("They are not used up by it."),
    )  # fmt: skip
    yearly = forms.IntegerField(label=lazy("How often a year for one person"), min_value=1, max_value=365, initial=1)
    stock = forms.IntegerField(
        label=lazy("How many there are"), min_value=1, max_value=1_000_000, required=False,
        help_text=lazy("Empty: as many as come."),
    )  # fmt: skip
    first_day = forms.DateField(label=lazy("First day"), widget=day_field())
    last_day = forms.DateField(label=lazy("Last day"), required=False, widget=day_field())

    def __init__(self, *args: Any, orgs: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["org"].choices = orgs  # type: ignore[attr-defined]


@page("hours/perks/", name="perks", scope=Scope.PUBLIC)
def perks(request: HeliRequest) -> HttpResponse:
    """What is given here, for everybody to read; for those logged in, their codes and a button."""
    return _perks(request)


def _perks(request: HeliRequest, error: HeliError | None = None) -> HttpResponse:
    now, me = timezone.now(), request.actor.user_id
    own = queries.counties(me) if me is not None else []
    area = request.GET.get("area", "")
    path = area if area in own else own[0] if own else settings.HELI_HOME_AREA[: queries.COUNTY]
    found = queries.perks(path, now, after=request.GET.get("after"))
    given, stored = queries.standing_of(me, path, now) if own and me is not None else (0, 0)
    rows = found.map(lambda p: (p, bool(own) and p.stars <= given and p.stored * 60 <= stored))
    context = {
        "page": rows, "wrong": error, "now": now, "own": bool(own),
        "areas": area_names(own).items() if len(own) > 1 else [], "path": path, "me": me is not None,
        "codes": [(t, t.state == "taken" and t.until >= now) for t in queries.my_codes(request.actor)],
    }  # fmt: skip
    return private(render(request, "ledger/standing/perks.html", context, status=error.status if error else 200))


@page("hours/perks/<int:perk_id>/take/", name="perk_take", scope=Scope.SELF, methods=("POST",))
def perk_take(request: HeliRequest, perk_id: int) -> HttpResponse:
    """A code for oneself."""
    try:
        taken = bank_steps.take(perk_id=perk_id, by=request.actor, at=timezone.now())
    except HeliError as error:
        if error.status == 404:
            raise
        return _perks(request, error)
    return see_other("perk_code", taken.pk)


@page("hours/perks/code/<int:taken_id>/", name="perk_code", scope=Scope.SELF)
def perk_code(request: HeliRequest, taken_id: int) -> HttpResponse:
    """The code, large, and to scan."""
    taken, now = queries.my_code(request.actor, taken_id), timezone.now()
    qr = segno.make(taken.code, error="m").svg_data_uri(scale=6, border=2)
    open_ = taken.state == "taken" and taken.until >= now
    shown = {"t": taken, "qr": qr, "code": f"{taken.code[:4]} {taken.code[4:]}", "open": open_, "now": now}
    return private(render(request, "ledger/standing/code.html", shown))


# Who gives it ---------------------------------------------------------------------------------------------------------
def _orgs(request: HeliRequest) -> list[tuple[int, str]]:
    return list(
        Organisation.objects.filter(pk__in=request.actor.org_ids(*GIVERS)).order_by("name").values_list("pk", "name")
    )


@page("hours/perks/desk/", name="perks_desk", methods=("GET", "POST"), **DESK)
def perks_desk(request: HeliRequest) -> HttpResponse:
    """What one's organisation gives, how often it was taken, and a new one."""
    orgs = _orgs(request)
    form = PerkForm(request.POST or None, orgs=orgs, initial={"first_day": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        told = dict(form.cleaned_data)
        org = int(told.pop("org"))
        try:
            bank_steps.publish_perk(
                org_id=org, area_path=_area(request, org),
                given=Given(**(told | {"stars": int(told["stars"]), "stored": told["stored"] or 0})),
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
            messages.success(request, _("Published. Everybody finds it under “What stars give”."))
            return see_other("perks_desk")
        except HeliError as error:
            form.add_error(None, error.words)
    return _desk(request, form if orgs else None, status=400 if form.is_bound else 200)


def _area(request: HeliRequest, org_id: int) -> str:
    """The county for which somebody acts for this organisation."""
    grants = [g for g in request.actor.grants if g.org_id == org_id and g.caps & set(GIVERS)]
    return next((p[: queries.COUNTY] for g in grants for p in g.paths if p), settings.HELI_HOME_AREA[: queries.COUNTY])


def _desk(
    request: HeliRequest, form: PerkForm | None, error: HeliError | None = None, status: int = 200
) -> HttpResponse:
    found = queries.given_by(request.actor, after=request.GET.get("after"))
    own = set(request.actor.org_ids(*GIVERS))
    rows = found.map(
        lambda p: (p, p.org_id in own or request.actor.can(Cap.REVIEW_HOURS, path=p.area_path), _running(p))
    )
    context = {"page": rows, "form": form, "wrong": error, "gives": bool(own)}
    return private(
        render(request, "ledger/standing/perks_desk.html", context, status=error.status if error else status)
    )


def _running(perk: Any) -> bool:
    today: dt.date = timezone.localdate()
    return perk.state == "open" and perk.first_day <= today and (perk.last_day is None or today <= perk.last_day)


@page("hours/perks/desk/export/", name="perks_export", **(DESK | {"methods": ("POST",)}))
def perks_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    rows = queries.given_by(request.actor, size=cap + 1).rows
    held = next(c for c in (*GIVERS, Cap.REVIEW_HOURS) if c in request.actor.caps)
    purpose = purpose_of(request, "perks", held, len(rows), now)
    book = export.workbook(_("Perks"), queries.PERK_COLUMNS, rows, cap=cap, notes=[purpose])
    return export.download(book, f"perks-{timezone.localdate():%Y%m%d}.xlsx")


@page("hours/perks/desk/<int:perk_id>/end/", name="perk_end", **(DESK | {"methods": ("POST",)}))
def perk_end(request: HeliRequest, perk_id: int) -> HttpResponse:
    """No more are taken."""
    try:
        bank_steps.end_perk(perk_id=perk_id, reason=request.POST.get("reason", ""), by=request.actor, at=timezone.now())
    except HeliError as error:
        if error.status in {403, 404}:
            raise
        return _desk(request, PerkForm(orgs=_orgs(request)), error)
    messages.success(request, _("Kept."))
    return see_other("perks_desk")


@page(
    "hours/perks/redeem/", name="redeem", methods=("GET", "POST"), needs=GIVERS, scope=Scope.OWN_UNIT, limit=Limit(60)
)
def redeem(request: HeliRequest) -> HttpResponse:
    """Type or scan the code that is shown; it holds once."""
    done, error = None, None
    if request.method == "POST":
        try:
            done = bank_steps.redeem(typed=request.POST.get("code", "")[:20], by=request.actor, at=timezone.now())
        except HeliError as caught:
            error = caught
    context = {"done": done, "wrong": error, "now": timezone.now()}
    return private(render(request, "ledger/standing/redeem.html", context, status=error.status if error else 200))

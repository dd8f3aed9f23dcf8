"""Endpoints and their deliveries, for those who decide in an area who may do what."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.hooks import queries, steps
from heli.hooks.catalogue import GROUPS, REQUEST_STEPS, STEPS, TEST
from heli.hooks.forms import DeliveryFilterForm, EndpointForm, WhyForm
from heli.hooks.models import Delivery, DeliveryState, Endpoint
from heli.hooks.sending import message_id
from heli.hooks.words import CHIPS, DONE, HEALTH, REASONS
from heli.orgs import pickers
from heli.orgs.exports import purpose_of, row_cap
from heli.people import queries as people


def _said(row: queries.EndpointRow) -> dict[str, Any]:
    chip, words = HEALTH[row.health]
    return {"row": row, "endpoint": row.endpoint, "chip": chip, "health": words}


# The list -------------------------------------------------------------------------------------------------------------
@page("", name="endpoints", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def endpoints(request: HeliRequest) -> HttpResponse:
    """Every endpoint of the actor's areas with how it fares."""
    ended = request.GET.get("ended") == "1"
    found = queries.endpoints_page(request.actor, ended=ended, at=timezone.now(), after=request.GET.get("after"))
    return render(request, "hooks/endpoints.html", {"page": found.map(_said), "ended": ended})


# Add and change -------------------------------------------------------------------------------------------------------
def _grant_choices(request: HeliRequest, source: Any, chosen: str) -> pickers.Choices:
    picked = int(chosen) if chosen.isdecimal() and len(chosen) < 18 else None
    typed = source.get("grant_typed", "")[:60]
    found = queries.grants_offered(request.actor, text=typed, chosen=picked)
    options = [
        pickers.Option(
            str(g.pk),
            f"{g.user} · {g.role}",
            _(" · ").join(x for x in (g.org.short_name if g.org else "", " ".join(g.paths)) if x),
            g.pk == picked,
        )
        for g in found
    ]
    return pickers.Choices("grant", typed, options)


def _area_choices(request: HeliRequest, source: Any, chosen: str) -> pickers.Choices:
    typed = source.get("area_typed", "")[:60]
    return pickers.areas(request.actor, Cap.MANAGE_GRANTS, typed=typed, chosen=[chosen], name="area", many=False)


def _form_page(request: HeliRequest, form: EndpointForm, endpoint: Endpoint | None, status: int = 200) -> HttpResponse:
    source: Any = request.POST if request.method == "POST" else request.GET
    grant = source.get("grant", str(endpoint.grant_id) if endpoint else "")
    area = source.get("area", endpoint.area_path if endpoint else "")
    wanted = set(source.getlist("steps") if request.method == "POST" else endpoint.steps if endpoint else ())
    groups = [
        {
            "title": title,
            "rows": [{"step": s, "words": w, "chosen": s in wanted} for s, w in named.items()],
            "open": not wanted.isdisjoint(named) if wanted else named is REQUEST_STEPS,
        }
        for title, _subject, named in GROUPS
    ]
    context = {
        "form": form,
        "endpoint": endpoint,
        "grants": _grant_choices(request, source, grant),
        "areas": _area_choices(request, source, area),
        "groups": groups,
        "errors": {e: form.errors_of.get(e, "") for e in ("grant", "area")},
    }
    return render(request, "hooks/edit.html", context, status=status)


def _typed(request: HeliRequest, form: EndpointForm) -> dict[str, Any]:
    grant = request.POST.get("grant", "")
    return {
        "name": form.cleaned_data["name"],
        "url": form.cleaned_data["url"],
        "grant_id": int(grant) if grant.isdecimal() and len(grant) < 18 else 0,
        "area_path": request.POST.get("area", "")[:24],
        "steps": form.cleaned_data["steps"],
        "by": request.actor,
        "at": timezone.now(),
    }


def _once(request: HeliRequest, endpoint: Endpoint, secret: str, *, changed: bool) -> HttpResponse:
    """The only page that ever shows a secret; no cache keeps it."""
    response = render(request, "hooks/secret.html", {"endpoint": endpoint, "secret": secret, "changed": changed})
    response["Cache-Control"] = "no-store"
    return response


@page("new/", name="endpoint_new", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """Name an address that is told what happens."""
    if request.method == "GET" or "find" in request.POST:
        return _form_page(request, EndpointForm(initial=(request.POST or request.GET).dict()), None)
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            endpoint, secret = steps.add_endpoint(**_typed(request, form))
        except HeliError as error:
            form.put(error)
        else:
            return _once(request, endpoint, secret, changed=False)
    return _form_page(request, form, None, 400)


@page(
    "<int:endpoint_id>/edit/", name="endpoint_edit", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("GET", "POST")
)
def edit(request: HeliRequest, endpoint_id: int) -> HttpResponse:
    """Another address, grant, area or choice."""
    endpoint = queries.endpoint_seen(request.actor, endpoint_id)
    if request.method == "GET":
        return _form_page(request, EndpointForm(initial={"name": endpoint.name, "url": endpoint.url}), endpoint)
    if "find" in request.POST:
        return _form_page(request, EndpointForm(initial=request.POST.dict()), endpoint)
    form = EndpointForm(request.POST)
    if form.is_valid():
        try:
            steps.change_endpoint(endpoint_id=endpoint_id, **_typed(request, form))
        except HeliError as error:
            form.put(error)
        else:
            messages.success(request, pgettext("endpoint", "Kept."))
            return redirect("hooks:endpoint", endpoint_id=endpoint_id)
    return _form_page(request, form, endpoint, 400)


@page("pick/<slug:what>/", name="pick", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def pick(request: HeliRequest, what: str) -> HttpResponse:
    """Grants or areas to choose from, as a piece of the form."""
    if what not in {"grant", "area"}:
        raise NotFound
    make = _grant_choices if what == "grant" else _area_choices
    return render(
        request, "orgs/parts/options.html", {"choices": make(request, request.GET, request.GET.get(what, ""))}
    )


# One endpoint ---------------------------------------------------------------------------------------------------------
def _row(delivery: Delivery) -> dict[str, Any]:
    return {
        "row": delivery,
        "chip": CHIPS[delivery.state],
        "state": delivery.get_state_display(),
        "what": _("Test message") if delivery.step == TEST else STEPS.get(delivery.step, delivery.step),
        "why": REASONS.get(delivery.reason, delivery.reason),
    }


def _endpoint_page(
    request: HeliRequest, endpoint: Endpoint, *, why: WhyForm | None = None, status: int = 200
) -> HttpResponse:
    now, wanted = timezone.now(), DeliveryFilterForm(request.GET).wanted()
    row = queries.rows_of([endpoint], at=now)[0]
    happened = queries.history(endpoint.pk)
    who = people.names(h.user_id for h in happened if h.user_id)
    found = queries.deliveries_page(
        request.actor, endpoint.pk, state=wanted["state"], code=wanted["code"], after=request.GET.get("after")
    )
    context = {
        **_said(row),
        "page": found.map(_row),
        "wanted": wanted,
        "states": DeliveryState.choices,
        "query": request.GET.urlencode(),
        "steps": [STEPS.get(s, s) for s in endpoint.steps],
        "why": why or WhyForm(),
        "both": endpoint.old_until if endpoint.old_until and endpoint.old_until > now else None,
        "happened": [
            {
                "at": h.at,
                "title": DONE.get(h.step, h.step),
                "words": _(" · ").join(x for x in (who.get(h.user_id or 0, ""), h.reason) if x),
            }
            for h in happened
        ],
        "unsafe": settings.HELI_HOOKS_ALLOW_PRIVATE,
    }
    return render(request, "hooks/endpoint.html", context, status=status)


@page("<int:endpoint_id>/", name="endpoint", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA)
def endpoint(request: HeliRequest, endpoint_id: int) -> HttpResponse:
    """One endpoint: how it fares, its deliveries, what can be done."""
    return _endpoint_page(request, queries.endpoint_seen(request.actor, endpoint_id))


@page("<int:endpoint_id>/export/", name="endpoint_export", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def export_deliveries(request: HeliRequest, endpoint_id: int) -> HttpResponse:
    """The filtered deliveries as a spreadsheet."""
    now, one = timezone.now(), queries.endpoint_seen(request.actor, endpoint_id)
    cap = row_cap(request.actor, now)
    found = queries.deliveries(request.actor, one.pk, **DeliveryFilterForm(request.GET).wanted())
    rows = list(found.order_by("-event_id")[: cap + 1])
    purpose = purpose_of(request, "hooks.deliveries", Cap.MANAGE_GRANTS, len(rows), now)
    columns: list[export.Column[Delivery]] = [
        ("webhook-id", lambda d: message_id(d.event_id, d.endpoint_id)),
        (pgettext("hook", "What happened"), lambda d: str(_row(d)["what"])),
        (pgettext("hook", "Step"), lambda d: d.step),
        (pgettext("hook", "About"), lambda d: d.code),
        (pgettext("hook", "State"), lambda d: d.get_state_display()),
        (_("Tries"), lambda d: d.attempts),
        (pgettext("hook", "Since"), lambda d: d.made_at),
        (pgettext("hook", "Ended"), lambda d: d.ended_at),
        (pgettext("hook", "Why"), lambda d: str(REASONS.get(d.reason, d.reason))),
        (_("Status"), lambda d: d.status),
        (_("Its answer"), lambda d: d.answer),
    ]
    book = export.workbook(_("Deliveries"), columns, rows, cap=cap, notes=[one.name, purpose])
    return export.download(book, f"deliveries-{one.pk}-{timezone.localdate():%Y%m%d}.xlsx")


def _do(request: HeliRequest, endpoint_id: int, verb: str) -> str:
    """Take one step; returns the sentence that says so."""
    who: dict[str, Any] = {"endpoint_id": endpoint_id, "by": request.actor, "at": timezone.now()}
    match verb:
        case "pause":
            steps.pause_endpoint(**who)
            return _("Paused. What happens is kept and goes out once you resume.")
        case "resume":
            steps.resume_endpoint(**who)
            return _("Resumed. What was kept goes out now.")
        case "test":
            steps.send_test(**who)
            return _("The test message goes out within ten seconds or so. Load this page again to see it.")
        case "replay":
            return _again(steps.replay(**who))
    raise NotFound


def _again(count: int) -> str:
    return ngettext("%(n)s message is tried again.", "%(n)s messages are tried again.", count) % {"n": count}


@page(
    "<int:endpoint_id>/do/<slug:verb>/",
    name="endpoint_do",
    needs=Cap.MANAGE_GRANTS,
    scope=Scope.AREA,
    methods=("POST",),
)
def act(request: HeliRequest, endpoint_id: int, verb: str) -> HttpResponse:
    """Pause, resume, send a test message, try all failed ones again."""
    queries.endpoint_seen(request.actor, endpoint_id)
    messages.success(request, _do(request, endpoint_id, verb))
    return redirect("hooks:endpoint", endpoint_id=endpoint_id)


@page("<int:endpoint_id>/end/", name="endpoint_end", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def end(request: HeliRequest, endpoint_id: int) -> HttpResponse:
    """It is told nothing more."""
    one, form = queries.endpoint_seen(request.actor, endpoint_id), WhyForm(request.POST)
    if not form.is_valid():
        return _endpoint_page(request, one, why=form, status=400)
    steps.end_endpoint(endpoint_id=one.pk, reason=form.cleaned_data["reason"], by=request.actor, at=timezone.now())
    messages.success(request, _("Ended. Nothing more is sent there."))
    return redirect("hooks:endpoint", endpoint_id=endpoint_id)


@page("<int:endpoint_id>/secret/", name="endpoint_secret", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, methods=("POST",))
def secret(request: HeliRequest, endpoint_id: int) -> HttpResponse:
    """A new secret, shown this once."""
    queries.endpoint_seen(request.actor, endpoint_id)
    one, made = steps.rotate_secret(endpoint_id=endpoint_id, by=request.actor, at=timezone.now())
    return _once(request, one, made, changed=True)


# One delivery ---------------------------------------------------------------------------------------------------------
@page(
    "<int:endpoint_id>/deliveries/<int:delivery_id>/", name="delivery", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA,
    methods=("GET", "POST"),
)  # fmt: skip
def delivery(request: HeliRequest, endpoint_id: int, delivery_id: int) -> HttpResponse:
    """One that failed: why, and what to do: try again, or give it up with a reason."""
    one = queries.endpoint_seen(request.actor, endpoint_id)
    row = queries.delivery_seen(request.actor, endpoint_id, delivery_id)
    form, status = WhyForm(), 200
    if request.method == "POST":
        now = timezone.now()
        if request.POST.get("go") == "again":
            count = steps.replay(endpoint_id=endpoint_id, delivery_ids=[delivery_id], by=request.actor, at=now)
            messages.success(request, _again(count))
            return redirect("hooks:endpoint", endpoint_id=endpoint_id)
        form = WhyForm(request.POST)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            steps.skip(endpoint_id=endpoint_id, delivery_ids=[delivery_id], reason=reason, by=request.actor, at=now)
            messages.success(request, _("Given up. What waited behind it goes on."))
            return redirect("hooks:endpoint", endpoint_id=endpoint_id)
        status = 400
    context = {
        **_row(row),
        "endpoint": one,
        "form": form,
        "message_id": message_id(row.event_id, endpoint_id),
        "behind": queries.behind(request.actor, row) if row.state == DeliveryState.DEAD else 0,
    }
    return render(request, "hooks/delivery.html", context, status=status)

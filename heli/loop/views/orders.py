"""Supervision orders (督办单): the list, a new one, one with its units' parts, and what is printed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.forms import Select
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export, files
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.scope import ancestors, within
from heli.loop import steps
from heli.loop.clocks import local_day
from heli.loop.forms import orders as forms
from heli.loop.forms.unit import ActForm
from heli.loop.models import Dispatch, Request
from heli.loop.oversight_models import UNIT_CAPS, OrderPart
from heli.loop.queries import orders as queries
from heli.loop.queries.decisions import row_cap
from heli.loop.queries.detail import by_code
from heli.loop.steps.orders import Meeting, Share
from heli.loop.views.manage import notes_of, purpose_of, put_error, see_other
from heli.loop.views.unit import STAFF
from heli.orgs import queries as orgs
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.rulebook import queries as rulebook
from heli.rulebook.errors import RuleMissing

READERS = (Cap.SUPERVISE, Cap.VIEW_REQUESTS, *UNIT_CAPS)
FOUND = 8
MOST_AREAS = 200


def _tab(request: HeliRequest) -> str:
    asked = request.GET.get("tab", "")
    return asked if asked in queries.TABS else "mine"


@page("loop/orders/", name="orders", needs=READERS, scope=Scope.AREA)
def orders(request: HeliRequest) -> HttpResponse:
    """Orders one has to do with: those that wait for one, open, overdue, ended."""
    now, tab, f = timezone.now(), _tab(request), queries.Filters.read(request.GET)
    supervised = request.actor.paths(Cap.SUPERVISE)
    found = queries.tab_counts(request.actor, now, f.area)
    context = {
        "page": queries.page_of(request.actor, tab, f, now, after=request.GET.get("after")),
        "tab": tab,
        "tabs": [(k, said, found.get(k)) for k, said in queries.TABS.items()],
        "f": f,
        "narrowed": f.kept(),
        "area": Area.objects.filter(path=f.area).first() if f.area else None,
        "years": queries.years(request.actor),
        "query": request.GET.urlencode() or f"tab={tab}",
        "may_issue": bool(supervised),
        "proposed": queries.proposed(supervised).count() if supervised and tab == "mine" and not f.area else 0,
        "may_export": Cap.EXPORT in request.actor.caps,
        "now": now,
    }
    return render(request, "loop/orders/orders.html", context)


@page("loop/orders/export/", name="orders_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def orders_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet, one row a unit's part."""
    now, tab, f, purpose = timezone.now(), _tab(request), queries.Filters.read(request.GET), purpose_of(request)
    most, path = row_cap(request.actor, (Cap.EXPORT,), local_day(now))
    unit = next(iter(request.actor.org_ids(Cap.EXPORT)), None)
    listed = queries.listed(request.actor, tab, f, now).order_by("id").prefetch_related(None)
    rows = list(
        OrderPart.objects.filter(order__in=listed).select_related("order", "unit").order_by("order", "pk")[: most + 1]
    )
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="orders", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters={"tab": tab, **f.kept()},
        path=path, org_id=None if request.actor.can(Cap.EXPORT, path=path) else unit,
    )  # fmt: skip
    columns: list[export.Column[Any]] = [
        (_("Number"), lambda p: str(p.order)),
        (_("What"), lambda p: p.order.title),
        (_("What is demanded"), lambda p: p.order.demand),
        (_("Unit"), lambda p: p.unit.short_name),
        (_("Of this unit"), lambda p: p.demand or p.share),
        (_("State"), lambda p: str(queries.STATES[p.state][1])),
        (_("Order given"), lambda p: p.order.issued_at),
        (_("Due at"), lambda p: p.due_at),
        (_("Reported"), lambda p: p.reported_at),
        (_("Outcome"), lambda p: p.outcome),
        (_("Sent back, times"), lambda p: p.backs),
        (_("Accepted"), lambda p: p.accepted_at),
    ]
    book = export.workbook(_("Supervision orders"), columns, rows, cap=most, notes=notes_of(request, purpose, now))
    return export.download(book, f"orders-{local_day(now):%Y%m%d}.xlsx")


# A new one ------------------------------------------------------------------------------------------------------------
@page("loop/orders/new/", name="order_new", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("GET", "POST"))
def order_new(request: HeliRequest) -> HttpResponse:
    """Give an order: about requests (?code=…), or a standing matter; to one or more units."""
    now = timezone.now()
    if request.method == "GET":
        return _new(request, forms.OrderForm(initial=_initial(request)), now)
    if "find" in request.POST:  # without scripts: the button shows what was found
        return _new(request, forms.OrderForm(initial=request.POST.dict()), now)
    form, status = forms.OrderForm(request.POST), 400
    if form.is_valid():
        try:
            order = _issue(request, form.cleaned_data, now)
        except NotFound:
            form.add_error("codes", _("One of these codes is not there, or not yours to see."))
            status = 404
        except HeliError as error:
            put_error(form, error)
            status = error.status
        else:
            said = _("%(number)s is given. The units see it now; it is due %(due)s.")
            due = f"{timezone.localtime(order.due_at):%m-%d %H:%M}"
            messages.success(request, said % {"number": order, "due": due})
            return see_other("order", pk=order.pk)
    return _new(request, form, now, status)


def _initial(request: HeliRequest) -> dict[str, Any]:
    codes = request.GET.getlist("code")[:50]
    found = Request.objects.visible_to(request.actor).filter(code__in=codes).order_by("id")
    first = found.first()
    return {"codes": " ".join(r.code for r in found), "title": first.title if first else ""}


def _areas(request: HeliRequest) -> list[Area]:
    """Areas for which this person may order a standing matter: counties and below. One statement."""
    paths = request.actor.paths(Cap.SUPERVISE)
    inside = within("path", [p for p in paths if len(p) < 6]) & Q(level=3)
    own = Q(path__in=[p for p in paths if len(p) >= 6])
    return list(Area.objects.filter(own | inside, valid_to=None).order_by("path")[:MOST_AREAS])


def _area(request: HeliRequest, codes: str, areas: list[Area]) -> str:
    """The area the order is of: of the first request named in it, else the chosen one, else the first."""
    named = Request.objects.visible_to(request.actor).filter(code__in=codes.upper().split()).first() if codes else None
    if named is not None:
        return named.area_path
    typed = (request.POST if request.method == "POST" else request.GET).get("area_path", "")
    paths = [a.path for a in areas]
    return typed if typed in paths else next(iter(paths), "")


def _chosen(request: HeliRequest, codes: str) -> list[Organisation]:
    """Units already ticked, or at first those that hold the requests."""
    typed = request.POST.getlist("units") if request.method == "POST" else request.GET.getlist("units")
    ids = [int(x) for x in typed if x.isascii() and x.isdecimal() and len(x) < 18][:20]
    if not ids and request.method == "GET" and codes:
        held = Dispatch.objects.visible_to(request.actor).filter(request__code__in=codes.split())
        ids = list(held.filter(state__in=Dispatch.LIVE).values_list("unit_id", flat=True))
    return list(Organisation.objects.filter(pk__in=ids, closed_at=None).order_by("short_name"))


def _choices(request: HeliRequest, codes: str, county: str, now: dt.datetime) -> list[dict[str, Any]]:
    """Units of the form: the ticked ones first, then those of the county and above that were found by what was typed."""
    given = request.POST if request.method == "POST" else request.GET
    typed = given.get("units_typed", "").strip()[:30]
    chosen = _chosen(request, codes)
    found = (
        orgs.search_orgs(typed, at=now, within=(county,), also=ancestors(county), kinds=(), limit=FOUND)
        if typed
        else []
    )
    ticked = {u.pk for u in chosen}
    rows = [*chosen, *(u for u in found if u.pk not in ticked)]
    return [{"unit": u, "ticked": u.pk in ticked, "words": given.get(f"for_{u.pk}", "")} for u in rows]


def _new(request: HeliRequest, form: forms.OrderForm, now: dt.datetime, status: int = 200) -> HttpResponse:
    codes, areas = str(form["codes"].value() or ""), _areas(request)
    path = _area(request, codes, areas)
    county = path[:6]
    form.fields["area_path"].widget = Select(choices=[(a.path, a.name) for a in areas])
    form.initial.setdefault("area_path", path)
    try:
        rule = rulebook.in_force(("order.reply",), path=county, on=local_day(now))["order.reply"]
    except RuleMissing:
        rule = None
    context = {
        "form": form,
        "choices": _choices(request, codes, county, now),
        "several_areas": len(areas) > 1,
        "typed": (request.POST if request.method == "POST" else request.GET).get("units_typed", ""),
        "form_key": request.POST.get("form_key") or uuid.uuid4(),
        "proposed": queries.proposed(request.actor.paths(Cap.SUPERVISE))
        .select_related("unit")
        .order_by("due_at", "id")[:10]
        if request.method == "GET" and not codes
        else [],
        "rule": rule,
        "now": now,
    }
    return render(request, "loop/orders/new.html", context, status=status)


@page("loop/orders/units/", name="order_units", needs=Cap.SUPERVISE, scope=Scope.AREA)
def order_units(request: HeliRequest) -> HttpResponse:
    """Units to choose from, as a piece of the form."""
    county = _area(request, request.GET.get("codes", "")[:1000], _areas(request))[:6]
    return render(request, "loop/orders/units.html", {"choices": _choices(request, "", county, timezone.now())})


def _issue(request: HeliRequest, data: dict[str, Any], now: dt.datetime) -> Any:
    ids = [by_code(request.actor, code).pk for code in data["codes"]]
    units = {u.pk: request.POST.get(f"for_{u.pk}", "")[:500] for u in _chosen(request, "")}
    key = request.POST.get("form_key", "")
    try:
        form_key = uuid.UUID(key)
    except ValueError:
        form_key = None
    return steps.issue_order(
        by=request.actor,
        at=now,
        title=data["title"],
        demand=data["demand"],
        units=units,
        request_ids=ids,
        area_path="" if ids else _area(request, "", _areas(request)),
        meeting=Meeting(data["meet_at"], data["meet_place"]) if data["meet_at"] else None,
        form_key=form_key,
    )


# One order ------------------------------------------------------------------------------------------------------------
@page("loop/orders/<int:pk>/", name="order", needs=READERS, scope=Scope.AREA)
def order(request: HeliRequest, pk: int) -> HttpResponse:
    """One order for the supervisor and for each of its units."""
    return _show(request, pk)


def _show(
    request: HeliRequest,
    pk: int,
    *,
    typed: dict[str, Any] | None = None,
    error: HeliError | None = None,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    shown = queries.one(request.actor, pk, now)
    o, empty = shown.order, shown.order.state == "open"
    made = {
        "report": forms.ReportForm(),
        "back": forms.BackForm(),
        "minutes": forms.MinutesForm(initial={"minutes": o.minutes}),
        "close": forms.CloseForm(),
        "withdraw": forms.WithdrawForm(),
    } | (typed or {})
    at_work = request.actor.org_ids(*UNIT_CAPS)
    context = {
        "x": shown,
        "o": o,
        "forms": made,
        "open": empty,
        "my_parts": [p for p in shown.parts if p.part.unit_id in at_work],
        "to_read": [p for p in shown.parts if p.part.state == "reported"] if shown.supervises else [],
        "may_meet": shown.supervises and empty and o.meet_at is not None and o.meet_at <= now,
        "meeting_ahead": empty and o.meet_at is not None and o.meet_at > now,
        "error": error,
        "now": now,
    }
    return render(request, "loop/orders/order.html", context, status=status)


@page("loop/orders/<int:pk>/print/", name="order_print", needs=READERS, scope=Scope.AREA)
def order_print(request: HeliRequest, pk: int) -> HttpResponse:
    """The order as a paper (督办单)."""
    now = timezone.now()
    return render(request, "loop/orders/print.html", {"x": queries.one(request.actor, pk, now), "now": now})


@page("loop/orders/<int:pk>/<slug:verb>/", name="order_act", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("POST",))
def order_act(request: HeliRequest, pk: int, verb: str) -> HttpResponse:
    """The supervisor's acts on an order: minutes of the meeting, closing, withdrawing."""
    known: dict[str, tuple[type[ActForm], Callable[[Any], Any], str]] = {
        "minutes": (forms.MinutesForm, lambda f: _minutes(request, pk, f), _("The minutes are kept.")),
        "close": (
            forms.CloseForm,
            lambda f: steps.close_order(
                order_id=pk, by=request.actor, at=timezone.now(), decision=f["decision"], public_words=f["public_words"]
            ),
            _("The order is closed."),
        ),
        "withdraw": (
            forms.WithdrawForm,
            lambda f: steps.withdraw_order(order_id=pk, by=request.actor, at=timezone.now(), reason=f["reason"]),
            _("The order is withdrawn."),
        ),
    }
    if verb not in known:
        raise NotFound
    make, act, said = known[verb]
    return _do(request, pk, verb, form=make(request.POST), act=act, said=said)


def _minutes(request: HeliRequest, pk: int, data: dict[str, Any]) -> Any:
    shares: dict[int, Share] = {}
    for p in queries.one(request.actor, pk, timezone.now()).parts:
        unit = p.part.unit_id
        day = request.POST.get(f"by_{unit}", "")
        try:
            by = dt.date.fromisoformat(day) if day else None
        except ValueError:
            by = None
        shares[unit] = Share(request.POST.get(f"share_{unit}", ""), by)
    came = [int(u) for u in request.POST.getlist("came") if u.isascii() and u.isdecimal() and len(u) < 18]
    return steps.hold_meeting(
        order_id=pk, by=request.actor, at=timezone.now(), minutes=data["minutes"], came=came, shares=shares
    )


@page("loop/orders/part/<int:pk>/<slug:verb>/", name="part_act", needs=READERS, scope=Scope.AREA, methods=("POST",))
def part_act(request: HeliRequest, pk: int, verb: str) -> HttpResponse:
    """Acts on one unit's part: read, report, accept, send back."""
    by, now = request.actor, timezone.now()
    known: dict[str, tuple[type[ActForm], Callable[[Any], Any], str]] = {
        "read": (ActForm, lambda _f: steps.acknowledge_order(part_id=pk, by=by, at=now), _("Noted as read.")),
        "report": (
            forms.ReportForm,
            lambda f: steps.report_order(part_id=pk, by=by, at=now, text=f["text"], papers=f["papers"]),
            _("The report is with the supervisor."),
        ),
        "accept": (
            ActForm,
            lambda _f: steps.accept_report(part_id=pk, by=by, at=now),
            _("The report is accepted."),
        ),
        "back": (
            forms.BackForm,
            lambda f: steps.send_back_report(part_id=pk, by=by, at=now, reason=f["reason"]),
            _("The unit has it again, with the time of the order once more."),
        ),
    }
    if verb not in known:
        raise NotFound
    part = OrderPart.objects.visible_to(by).filter(pk=pk).first()
    if part is None:
        raise NotFound
    make, act, said = known[verb]
    return _do(request, part.order_id, verb, form=make(request.POST, request.FILES), act=act, said=said)


def _do(
    request: HeliRequest, pk: int, verb: str, *, form: ActForm, act: Callable[[Any], Any], said: str
) -> HttpResponse:
    """Take a step with what was typed; what is wrong stands beside it."""
    if not form.is_valid():
        return _show(request, pk, typed={verb: form}, status=400)
    try:
        act(form.cleaned_data)
    except NotFound:
        raise
    except HeliError as error:
        put_error(form, error)
        return _show(request, pk, typed={verb: form}, error=error, status=error.status)
    messages.success(request, said)
    response = redirect("loop:order", pk=pk)
    response.status_code = 303
    return response


@page("loop/orders/files/<uuid:file_id>/", name="order_file", needs=READERS, scope=Scope.AREA)
def order_file(request: HeliRequest, file_id: uuid.UUID) -> HttpResponse:
    """A paper of a report."""
    return files.serve(queries.paper(request.actor, file_id), request)


# The ladder -----------------------------------------------------------------------------------------------------------
@page("loop/r/<str:code>/ladder/", name="request_ladder", needs=STAFF, scope=Scope.AREA)
def request_ladder(request: HeliRequest, code: str) -> HttpResponse:
    """Where each clock of a request stands on the ladder, what comes next and by which rule; loaded after the page."""
    r = by_code(request.actor, code.upper(), "category", "area")
    context = {
        "r": r,
        "rungs": queries.rungs_of(r),
        "orders": queries.orders_of(request.actor, r),
        "may_issue": request.actor.can(Cap.SUPERVISE, path=r.area_path),
        "ours": set(request.actor.org_ids(*UNIT_CAPS)),
        "now": timezone.now(),
    }
    return render(request, "loop/orders/ladder.html", context)


@page("loop/notices/<int:clock_id>/", name="notice", needs=STAFF, scope=Scope.AREA)
def notice(request: HeliRequest, clock_id: int) -> HttpResponse:
    """The notice of urging (催办通知书) for one overdue clock, to be printed; a copy goes to the unit's lead."""
    now = timezone.now()
    return render(request, "loop/orders/notice.html", {"n": queries.notice(request.actor, clock_id, now), "now": now})

"""What a site lends, for who keeps it: bookings to decide, today's, no-shows; things, experts and partners."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import asking, export, subjects
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.engines.identifiers import without_personal
from heli.places import booking_queries as queries
from heli.places import booking_steps as bookings
from heli.places import resource_steps
from heli.places.booking_forms import PartnerForm, ResourceForm
from heli.places.booking_queries import TABS, Line
from heli.places.booking_views import booking_line
from heli.places.booking_words import STATES, kind_words, size_words, whom
from heli.places.resources import Resource, ResourceKind
from heli.places.site_desk_views import BOTH, EXPORT_CAP
from heli.places.site_queries import ORG, own
from heli.places.sites import Site

NAMES = {
    "decide": lambda: pgettext("booking", "To decide"),
    "today": lambda: _("Today"),
    "ahead": lambda: _("Ahead"),
    "past": lambda: pgettext("booking", "Over"),
}


# Bookings ---------------------------------------------------------------------------------------------------------------
def _tab(request: HeliRequest) -> str:
    asked = request.GET.get("tab", "")
    return asked if asked in TABS else "decide"


def _bookings_page(request: HeliRequest, site: Site, wrong: str = "", status: int = 200) -> HttpResponse:
    now, tab = timezone.now(), _tab(request)
    found = queries.at_desk(request.actor, site.pk, tab, now, after=request.GET.get("after"))
    context = {
        "site": site,
        "page": found.map(lambda line: booking_line(line, now)),
        "tab": tab,
        "tabs": [(t, NAMES[t]()) for t in TABS],
        "wrong": wrong,
        "query": request.GET.urlencode(),
    }
    return render(request, "places/sites/bookings.html", context, status=status)


@page("desk/<int:site_id>/bookings/", name="desk_bookings", needs=BOTH, scope=Scope.AREA)
def desk_bookings(request: HeliRequest, site_id: int) -> HttpResponse:
    """The bookings of a site: those that wait for a word first."""
    return _bookings_page(request, own(request.actor, site_id)[0])


BOOKING_ACTS = ("confirm", "refuse", "came", "stayed_away", "publish", "cancel")


@page("desk/bookings/<int:booking_id>/<slug:act>/", name="booking_do", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def booking_do(request: HeliRequest, booking_id: int, act: str) -> HttpResponse:
    """Do one of BOOKING_ACTS."""
    site = own(request.actor, queries.booking(request.actor, booking_id).resource.site_id)[0]
    if act not in BOOKING_ACTS:
        raise NotFound
    by: dict[str, Any] = {"booking_id": booking_id, "by": request.actor, "at": timezone.now()}
    try:
        match act:
            case "confirm":
                bookings.confirm(**by)
                done = _("Booked. Who asked sees it at once.")
            case "refuse":
                bookings.refuse(reason=request.POST.get("reason", ""), **by)
                done = _("Refused. Who asked reads why.")
            case "cancel":
                bookings.cancel(reason=request.POST.get("reason", ""), **by)
                done = _("Cancelled. Who booked reads why.")
            case "publish":
                made = bookings.publish(shown=request.POST.get("shown", ""), **by)
                done = _("Everybody reads: %(shown)s.") % {"shown": made.shown or pgettext("booking", "taken")}
            case _:
                bookings.note_use(came=act == "came", **by)
                done = _("Noted.")
    except HeliError as error:
        return _bookings_page(request, site, error.words, error.status)
    messages.success(request, done)
    return redirect(f"{reverse('sites:desk_bookings', args=[site.pk])}?tab={_tab(request)}")


@page("desk/<int:site_id>/bookings/export/", name="bookings_export", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def bookings_export(request: HeliRequest, site_id: int) -> HttpResponse:
    """The bookings of one tab as a spreadsheet; persons by what they are called here, as the page shows them."""
    site, manages = own(request.actor, site_id)
    now, tab = timezone.now(), _tab(request)
    most = int(asking.rules((EXPORT_CAP,), path=site.area_path, on=timezone.localdate(now))[EXPORT_CAP].value)
    rows = queries.lines(queries.of_site(site.pk, tab, now).order_by("period", "id")[: most + 1], request.actor)
    purpose = request.POST.get("purpose", "")
    export.take_away(
        name="bookings", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters={"tab": tab}, path=site.area_path,
        org_id=None if manages else site.keeper_id, cap=Cap.MANAGE_SITES if manages else Cap.KEEP_SITE,
    )  # fmt: skip
    columns: list[export.Column[Line]] = [
        (pgettext("booking", "What"), lambda r: r.b.resource.title),
        (pgettext("booking", "Number"), lambda r: r.b.unit),
        (pgettext("booking", "How many"), lambda r: r.b.amount),
        (pgettext("booking", "From"), lambda r: r.b.period.lower),
        (pgettext("booking", "Until"), lambda r: r.b.period.upper),
        (_("Booked by"), lambda r: r.org or str(r.b.by or "")),
        (_("What for"), lambda r: r.b.purpose),
        (_("State"), lambda r: str(STATES[r.b.state][1])),
        (_("Why"), lambda r: r.b.reason),
    ]
    notes = [_("Exported for: %(purpose)s") % {"purpose": without_personal(purpose)[:200]}]
    book = export.workbook(_("Bookings"), columns, rows, cap=most, notes=notes)
    return export.download(book, f"bookings-{site.pk}-{timezone.localdate():%Y%m%d}.xlsx")


# Things and partners ----------------------------------------------------------------------------------------------------
def _thing(resource: Resource) -> dict[str, Any]:
    state, said = ("done", _("can be booked"))
    if resource.closed_on is not None:
        state, said = "pause", _("no more")
    elif resource.kind == ResourceKind.EXPERT and resource.agreed_at is None:
        state, said = "", _("has not agreed yet")
    return {
        "r": resource, "kind": kind_words(resource), "size": size_words(resource), "whom": whom(resource.open_to),
        "state": state, "said": said,
    }  # fmt: skip


def _orgs_found(request: HeliRequest, site: Site) -> list[tuple[int, str]]:
    """Organisations that fit what was typed, around the site. One statement at most."""
    typed = request.POST.get("org_typed", "").strip()[:60]
    return [(pk, s.title) for pk, s in subjects.find(ORG, typed, (site.area_path[:6],)).items()] if typed else []


def _things_page(request: HeliRequest, site: Site, status: int = 200, **more: Any) -> HttpResponse:
    today = timezone.localdate()
    first = {"kind": "room", "units": 1, "open_to": "all", "asks": True}
    context = {
        "site": site,
        "things": [_thing(r) for r in queries.all_of(site.pk)],
        "partners": queries.partners(site.pk, request.actor, ended=True),
        "form": ResourceForm(initial=first, auto_id="thing_%s"),
        "partner_form": PartnerForm(initial={"since": today}, auto_id="partner_%s"),
        "org_typed": request.POST.get("org_typed", "")[:60],
        "orgs": _orgs_found(request, site) if request.method == "POST" else [],
        **more,
    }
    return render(request, "places/sites/things.html", context, status=status)


@page("desk/<int:site_id>/things/", name="things", needs=BOTH, scope=Scope.AREA, methods=("GET", "POST"))
def things(request: HeliRequest, site_id: int) -> HttpResponse:
    """What a site lends and who runs it together; something more of either."""
    site = own(request.actor, site_id)[0]
    if request.method == "GET":
        return _things_page(request, site)
    if "org_typed" in request.POST:
        return _add_partner(request, site)
    form = ResourceForm(request.POST, auto_id="thing_%s")
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = resource_steps.add_resource(
                site_id=site.pk,
                kind=data["kind"],
                username=data["username"],
                by=request.actor,
                at=timezone.now(),
                **form.told(),
            )
        except HeliError as error:
            form.put(error)
        else:
            asked = _("%(name)s: the person finds your question under “My bookings”.")
            said = asked if made.kind == ResourceKind.EXPERT else _("%(name)s can be booked now.")
            messages.success(request, said % {"name": made.name})
            return redirect("sites:things", site_id=site.pk)
    return _things_page(request, site, 400, form=form)


def _add_partner(request: HeliRequest, site: Site) -> HttpResponse:
    form = PartnerForm(request.POST, auto_id="partner_%s")
    chosen = request.POST.get("org", "")
    pk = int(chosen) if chosen.isdecimal() and len(chosen) < 18 else None
    if pk is None or "find" in request.POST:  # the organisation is chosen among those that fit
        return _things_page(request, site, partner_form=PartnerForm(initial=request.POST.dict(), auto_id="partner_%s"))
    if form.is_valid():
        try:
            resource_steps.add_partner(
                site_id=site.pk, org_id=pk, brings=form.cleaned_data["brings"], since=form.cleaned_data["since"],
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
        except HeliError as error:
            form.put(error)
        else:
            messages.success(request, _("Everybody sees it on the page of the place."))
            return redirect("sites:things", site_id=site.pk)
    return _things_page(request, site, 400, partner_form=form)


@page("desk/partners/<int:partner_id>/end/", name="partner_end", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def partner_end(request: HeliRequest, partner_id: int) -> HttpResponse:
    """An organisation runs the site no more."""
    ended = resource_steps.end_partner(partner_id=partner_id, by=request.actor, at=timezone.now())
    messages.success(request, _("Noted."))
    return redirect("sites:things", site_id=ended.site_id)


@page("desk/things/<int:resource_id>/", name="thing", needs=BOTH, scope=Scope.AREA, methods=("GET", "POST"))
def thing(request: HeliRequest, resource_id: int) -> HttpResponse:
    """Change something a site lends, or lend it no more (`close`: the first day)."""
    resource = queries.own_resource(request.actor, resource_id)
    names = ("name", "what_for", "units", "seats", "open_to", "lead_hours", "longest_hours", "asks")
    form = ResourceForm(
        request.POST if request.method == "POST" else None,
        fixed=resource.kind,
        initial={n: getattr(resource, n) for n in names},
    )
    wrong = ""
    by: dict[str, Any] = {"resource_id": resource.pk, "by": request.actor, "at": timezone.now()}
    if request.method == "POST" and "close" in request.POST:
        try:
            on = _day_of(request.POST["close"])
            resource_steps.close_resource(on=on, **by)
        except HeliError as error:
            wrong, form = (
                error.words,
                ResourceForm(fixed=resource.kind, initial={n: getattr(resource, n) for n in names}),
            )
        else:
            messages.success(request, _("It can be booked until then."))
            return redirect("sites:things", site_id=resource.site_id)
    elif request.method == "POST" and form.is_valid():
        try:
            resource_steps.change_resource(**form.told(), **by)
        except HeliError as error:
            form.put(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("sites:things", site_id=resource.site_id)
    context = {"resource": resource, "site": resource.site, "form": form, "wrong": wrong, "today": timezone.localdate()}
    return render(request, "places/sites/thing.html", context, status=400 if wrong or form.errors else 200)


def _day_of(text: str) -> dt.date:
    """A day as a date field sends it; Invalid (L-400) for anything else."""
    try:
        day = parse_date(text[:10])
    except ValueError:
        day = None
    if day is None:
        raise Invalid(_("Choose today or a later day."), field="on")
    return day

"""Sites for those who look after them: who manages an area's, and who keeps one (hours of today in two taps)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import asking, export, subjects
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, Invalid, NotFound, PaperMissing
from heli.core.pages import HeliRequest, page
from heli.core.queries import events_about
from heli.engines.identifiers import without_personal
from heli.engines.opening import DAY, Period, Periods, on, say
from heli.places import site_queries as queries
from heli.places import site_steps as steps
from heli.places.booking_queries import waiting
from heli.places.queries import full_names
from heli.places.site_forms import CloseForm, DayForm, KeepForm, SiteForm, first_values
from heli.places.site_queries import DeskRow, Hours, local
from heli.places.site_views import SERVICES
from heli.places.site_words import hours as hours_words
from heli.places.site_words import rated, said
from heli.places.sites import FILTERS, Site

BOTH = (Cap.MANAGE_SITES, Cap.KEEP_SITE)
EXPORT_CAP = "export.row_cap"
STATES = ("", "closed", "silent")
STEP = 30  # minutes between the times that are offered for today


# The desk ---------------------------------------------------------------------------------------------------------------
def _desk_line(row: DeskRow, now: dt.datetime, soon: int) -> dict[str, Any]:
    state, words = said(row.status, now, soon) if row.known else ("", _("hours not said"))
    if row.site.closed_on is not None and row.site.closed_on <= now.date():
        state, words = "", _("closed for good")
    return {
        "site": row.site, "kind": row.site.kind_words, "state": state, "words": words, "keeper": row.keeper,
        "rated": rated(row.opinion.n, row.opinion.stars) if row.opinion.n else "",
    }  # fmt: skip


@page("desk/", needs=BOTH, scope=Scope.AREA)
def desk(request: HeliRequest) -> HttpResponse:
    """The sites of one's areas, or those one keeps; whoever keeps a single one is at its page at once."""
    now, want = timezone.now(), queries.wanted(request.GET)
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    limits = queries.limits(settings.HELI_HOME_AREA, now)
    found = queries.desk(request.actor, want, now, months=limits.months, state=state, after=request.GET.get("after"))
    manages = Cap.MANAGE_SITES in request.actor.caps
    if not manages and len(found.rows) == 1 and not want.any and not request.GET:
        return redirect("sites:keep", site_id=found.rows[0].site.pk)
    context = {
        "page": found.map(lambda r: _desk_line(r, local(now), limits.soon)),
        "want": want,
        "state": state,
        "states": [("", _("in service")), ("silent", _("without hours")), ("closed", _("closed for good"))],
        "kinds": FILTERS,
        "manages": manages,
        "missed": [(SERVICES[m], n, sites) for m, n, sites in queries.missed(request.actor, now, months=limits.months)],
        "months": limits.months,
        "query": request.GET.urlencode(),
    }
    return render(request, "places/sites/desk.html", context)


@page("desk/export/", name="desk_export", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def desk_export(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet."""
    now, want = timezone.now(), queries.wanted(request.GET)
    state = request.GET.get("state", "")
    rules = asking.rules((EXPORT_CAP, "site.ratings_months"), path=settings.HELI_HOME_AREA, on=local(now).date())
    most = int(rules[EXPORT_CAP].value)
    sites = list(queries.managed(request.actor, want, now, state=state).order_by("name", "id")[: most + 1])
    rows = queries.desk_rows(request.actor, sites, now, months=int(rules["site.ratings_months"].value))
    hours = queries.hours_of([s.pk for s in sites], now)
    cap = Cap.MANAGE_SITES if Cap.MANAGE_SITES in request.actor.caps else Cap.KEEP_SITE
    export.take_away(
        name="sites", by=request.actor, at=now, purpose=request.POST.get("purpose", ""), rows=len(rows),
        filters={k: str(v)[:60] for k, v in request.GET.items()}, path=next(iter(request.actor.paths(cap)), ""), cap=cap,
    )  # fmt: skip
    columns: list[export.Column[DeskRow]] = [
        (_("Its name"), lambda r: r.site.name),
        (_("Kind"), lambda r: r.site.kind_words),
        (_("Area code"), lambda r: r.site.area_path),
        (_("Area"), lambda r: r.site.area.name),
        (pgettext("site", "Address"), lambda r: r.site.address),
        (_("Latitude"), lambda r: r.site.lat),
        (_("Longitude"), lambda r: r.site.lon),
        (_("Phone"), lambda r: r.site.phone),
        (_("Kept by"), lambda r: r.keeper),
        (_("What there is"), lambda r: "、".join(str(SERVICES[s]) for s in r.site.services)),
        (_("Hours on a Monday"), lambda r: hours_words(hours[r.site.pk].week[0])),
        (_("Ratings"), lambda r: r.opinion.n),
        (_("Closed on"), lambda r: r.site.closed_on),
    ]
    notes = [_("Exported for: %(purpose)s") % {"purpose": without_personal(request.POST.get("purpose", ""))[:200]}]
    book = export.workbook(_("Stations and friendly places"), columns, rows, cap=most, notes=notes)
    return export.download(book, f"sites-{timezone.localdate():%Y%m%d}.xlsx")


# One site ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Today:
    """One way today can differ: what is sent, what is said."""

    value: str
    words: str


def todays(hours: Hours, now: dt.datetime) -> list[Today]:
    """Ways in which today may differ from the week: closed, closing earlier or later, opening later."""
    usual: Periods = on(hours.week, {}, now.date())
    if not usual:
        return []
    minute = now.hour * 60 + now.minute
    first, last = usual[0].opens, usual[-1].closes
    found = []
    soonest = -(-minute // STEP) * STEP
    times = list(range(max(soonest, first + STEP), last, STEP))
    for at in [*times[:2], *times[2:][-4:]]:  # right away, or a little before the usual end
        periods = [Period(p.opens, min(p.closes, at)) for p in usual if p.opens < at]
        found.append(Today(say(periods), _("close at %(time)s") % {"time": say([Period(0, at)]).split("–")[1]}))
    if last != DAY or first:
        for later in (60, 120):
            if last + later <= usual[-1].opens + DAY and last + later <= DAY + DAY // 2:
                periods = [*usual[:-1], Period(usual[-1].opens, last + later)]
                found.append(
                    Today(say(periods), _("stay open until %(time)s") % {"time": say(periods).rsplit("–", 1)[1]})
                )
    if minute < first + 120:
        for at in [t for t in (first + 30, first + 60, first + 120) if t > minute - STEP and t < usual[0].closes]:
            periods = [Period(at, usual[0].closes), *usual[1:]]
            found.append(Today(say(periods), _("open at %(time)s") % {"time": say(periods).split("–")[0]}))
    return [*found, Today("closed", _("closed all day"))]


TRAIL_WORDS = {
    "site.add": lambda: _("Entered"),
    "site.change": lambda: pgettext("site", "Changed"),
    "site.day": lambda: _("Other hours on one day"),
    "site.usual": lambda: _("Usual hours again"),
    "site.partner": lambda: _("Run together with another organisation"),
    "site.partner_end": lambda: _("No more run together with an organisation"),
    "site.close": lambda: _("closed for good"),
    "site.reopen": lambda: _("Open again"),
}


def _happened(site: Site) -> list[dict[str, Any]]:
    """Its history; ratings are a number of their own and stay out."""
    events = (
        events_about("places.site", [site.pk], public_only=False)
        .filter(step__startswith="site.")
        .exclude(step="site.rate")[:30]
    )
    rows = []
    for e in events:
        on_day, parts = e.data.get("on", ""), e.data.get("hours")
        words = f"{on_day} {hours_words(tuple(Period(*p) for p in parts))}" if isinstance(parts, list) else str(on_day)
        words = " · ".join(w for w in (words, e.data.get("note") or e.data.get("reason") or "") if w)
        rows.append({"at": e.at, "title": TRAIL_WORDS[e.step]() if e.step in TRAIL_WORDS else e.step, "words": words})
    return rows


def _keep_page(request: HeliRequest, site: Site, manages: bool, **more: Any) -> HttpResponse:
    now = timezone.now()
    clock = local(now)
    hours = queries.hours_of([site.pk], now)[site.pk]
    limits = queries.limits(site.area_path, now)
    opinion = queries.opinion(site.pk, now, months=limits.months)
    state, words = said(hours.status(clock), clock, limits.soon) if hours.known else ("", _("hours not said"))
    today = clock.date()
    context = {
        "site": site,
        "kind": site.kind_words,
        "manages": manages,
        "state": state,
        "words": words,
        "where": full_names([site.area]).get(site.area_path, site.area.name),
        "today": hours_words(on(hours.week, hours.days, today)),
        "usual": hours_words(on(hours.week, {}, today)),
        "differs": today in hours.days,
        "note": hours.notes.get(today, ""),
        "todays": todays(hours, clock) if site.closed_on is None else [],
        "days": [(d, hours_words(p), hours.notes.get(d, "")) for d, p in sorted(hours.days.items()) if d >= today],
        "day_form": DayForm(initial={"on": today + dt.timedelta(days=1)}, auto_id="day_%s"),
        "close_form": CloseForm(initial={"on": today}, auto_id="close_%s"),
        "keeper": queries.keeper_name(site, request.actor),
        "rated": rated(opinion.n, opinion.stars) if opinion.n else "",
        "missing": [(SERVICES[m], n) for m, n in opinion.missing],
        "happened": _happened(site),
        "waiting": waiting(request.actor, now).get(site.pk, 0),
        **more,
    }
    return render(request, "places/sites/keep.html", context, status=400 if more else 200)


@page("desk/<int:site_id>/", needs=BOTH, scope=Scope.AREA)
def keep(request: HeliRequest, site_id: int) -> HttpResponse:
    """One site: today first, then the days ahead, what people miss, what happened."""
    return _keep_page(request, *queries.own(request.actor, site_id))


ACTS = ("today", "usual", "day", "close", "reopen")


@page("desk/<int:site_id>/do/<slug:act>/", name="keep_do", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def keep_do(request: HeliRequest, site_id: int, act: str) -> HttpResponse:
    """Do one of ACTS."""
    site, manages = queries.own(request.actor, site_id)
    if act not in ACTS:
        raise NotFound
    form: forms.Form | None = None
    if act in {"day", "close"}:
        form = (DayForm if act == "day" else CloseForm)(request.POST, auto_id=f"{act}_%s")
        if not form.is_valid():
            return _keep_page(request, site, manages, **{f"{act}_form": form})
    try:
        done = _do(request, site, act, form)
    except HeliError as error:
        if form is not None:
            form.add_error(error.field if error.field in form.fields else None, error.words)
            return _keep_page(request, site, manages, **{f"{act}_form": form})
        return _keep_page(request, site, manages, wrong=error.words)
    messages.success(request, done)
    return redirect("sites:keep", site_id=site_id)


def _do(request: HeliRequest, site: Site, act: str, form: forms.Form | None) -> str:
    by: dict[str, Any] = {"site_id": site.pk, "by": request.actor, "at": timezone.now()}
    today = local(timezone.now()).date()
    data = form.cleaned_data if form is not None else {}
    seen = int(v) if (v := request.POST.get("version", "")).isdecimal() and len(v) < 9 else -1
    match act:
        case "today":
            chosen = request.POST.get("hours", "")
            if not chosen:
                raise PaperMissing(field="hours", paper=_("what is different today"))
            periods = () if chosen == "closed" else steps.read_hours(chosen)
            steps.set_day(on=today, periods=periods, note=request.POST.get("note", ""), **by)
            return _("Today: %(hours)s. The map says so already.") % {"hours": hours_words(periods)}
        case "usual":
            try:
                on_day = forms.DateField().clean(request.POST.get("on") or today)
            except ValidationError as error:
                raise Invalid(_("Choose a day from today on, within a year."), field="on") from error
            steps.usual_day(on=on_day, **by)
            return _("The usual hours hold again.")
        case "day":
            steps.set_day(on=data["on"], periods=data["hours"] or (), note=data["note"], **by)
            return _("Noted for %(day)s: %(hours)s.") % {"day": data["on"], "hours": hours_words(data["hours"] or ())}
        case "close":
            steps.close_site(on=data["on"], reason=data["reason"], version=seen, **by)
            return _("Closed. Its page stays and says why.")
    steps.reopen_site(version=seen, **by)
    return _("It is on the map again.")


# Writing all of it ------------------------------------------------------------------------------------------------------
def _keeper(request: HeliRequest, site: Site | None) -> dict[str, Any]:
    """Choosing who keeps the site: the one there is, and those that fit what is typed. Two statements at most."""
    typed = request.POST.get("keeper_typed", "")[:60] if request.method == "POST" else ""
    chosen = request.POST.get("keeper", "") if request.method == "POST" else str(site.keeper_id or "") if site else ""
    pk = int(chosen) if chosen.isdecimal() and len(chosen) < 18 else None
    paths = request.actor.paths(Cap.MANAGE_SITES)
    now = subjects.describe([(queries.ORG, pk)], request.actor) if pk else {}
    found = subjects.find(queries.ORG, typed, paths) if typed.strip() else {}
    return {
        "typed": typed,
        "chosen": (pk, now[queries.ORG, pk].title) if pk and (queries.ORG, pk) in now else None,
        "found": [(k, s.title) for k, s in found.items() if k != pk],
    }


def _write_page(
    request: HeliRequest, form: KeepForm, site: Site | None, manages: bool, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "site": site,
        "manages": manages,
        "keeper": _keeper(request, site) if manages else None,
    }
    return render(request, "places/sites/write.html", context, status=status)


def _keeper_id(request: HeliRequest) -> int | None:
    """The organisation chosen; None for none. NotFound where it is none of the actor's areas."""
    said_id = request.POST.get("keeper", "")
    if not said_id:
        return None
    pk = int(said_id) if said_id.isdecimal() and len(said_id) < 18 else 0
    if not subjects.describe([(queries.ORG, pk)], request.actor):
        raise NotFound
    return pk


@page("desk/keepers/", name="keepers", needs=Cap.MANAGE_SITES, scope=Scope.AREA)
def keepers(request: HeliRequest) -> HttpResponse:
    """Fragment: organisations that fit what is typed."""
    typed = request.GET.get("keeper_typed", "")[:60]
    found = subjects.find(queries.ORG, typed, request.actor.paths(Cap.MANAGE_SITES)) if typed.strip() else {}
    chosen = request.GET.get("keeper", "")
    context = {
        "keeper": {"typed": typed, "chosen": None, "found": [(k, s.title) for k, s in found.items()]},
        "kept": chosen,
    }
    return render(request, "places/sites/_keepers.html", context)


@page("desk/new/", name="new", needs=Cap.MANAGE_SITES, scope=Scope.AREA, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """A new site."""
    paths = request.actor.paths(Cap.MANAGE_SITES)
    if request.method == "GET":
        return _write_page(request, SiteForm(within=paths, initial={"valid_from": timezone.localdate()}), None, True)
    form = SiteForm(request.POST, within=paths)
    if "find" in request.POST:
        return _write_page(
            request,
            SiteForm(within=paths, initial=request.POST.dict() | {"services": request.POST.getlist("services")}),
            None,
            True,
        )
    if form.is_valid():
        try:
            made = steps.add_site(
                area_path=form.cleaned_data["area"].path, week=form.week(), keeper_id=_keeper_id(request), **form.told(),
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
        else:
            messages.success(request, _("%(name)s is on the map.") % {"name": made.name})
            return redirect("sites:keep", site_id=made.pk)
    return _write_page(request, form, None, True, 400)


@page("desk/<int:site_id>/change/", name="change", needs=BOTH, scope=Scope.AREA, methods=("GET", "POST"))
def change(request: HeliRequest, site_id: int) -> HttpResponse:
    """Change a site: all of it, or what its keeper may."""
    site, manages = queries.own(request.actor, site_id)
    kind: Any = (lambda *a, **k: SiteForm(*a, fixed=True, **k)) if manages else KeepForm
    if request.method == "GET":
        week = queries.hours_of([site.pk], timezone.now())[site.pk].week
        return _write_page(request, kind(initial=first_values(site, week)), site, manages)
    if "find" in request.POST:
        typed = request.POST.dict() | {"services": request.POST.getlist("services")}
        return _write_page(request, kind(initial=typed), site, manages)
    form = kind(request.POST)
    if form.is_valid():
        try:
            more = {"keeper_id": _keeper_id(request)} if manages else {}
            steps.change_site(
                site_id=site.pk, version=form.cleaned_data["version"] or 0, week=form.week(), **form.told(), **more,
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
        else:
            messages.success(request, _("Saved."))
            return redirect("sites:keep", site_id=site.pk)
    return _write_page(request, form, site, manages, 400)

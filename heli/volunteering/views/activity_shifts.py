"""Shifts and series of an activity, for its organisers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.clocks import local_day
from heli.loop.views.public import private
from heli.rulebook import queries as rulebook
from heli.volunteering import series
from heli.volunteering.forms import activities as forms
from heli.volunteering.models import Activity, Series, Shift, Slot
from heli.volunteering.queries import activity_desk as desks
from heli.volunteering.steps import shifts as shift_steps
from heli.volunteering.views.activity_desk import SHIFT_ACTS, said_rule, to_one, tried


# Shifts ---------------------------------------------------------------------------------------------------------------
@page(
    "desk/<int:activity_id>/shift/new/", name="shift_add", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",)
)
def shift_add(request: HeliRequest, activity_id: int) -> HttpResponse:
    """One time more."""
    a = desks.one(request.actor, activity_id)
    form = forms.ShiftForm(request.POST, prefix="shift")
    return tried(
        request, a, "shift", form,
        lambda: shift_steps.add_shift(activity_id=a.pk, times=form.times(), by=request.actor, at=timezone.now()), part="#shifts",
    )  # fmt: skip


@page(
    "shift/<int:shift_id>/<slug:verb>/", name="shift_act", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",)
)
def shift_act(request: HeliRequest, shift_id: int, verb: str) -> HttpResponse:
    """This one at another time, or not at all."""
    shift = desks.shift_of(request.actor, shift_id)
    if verb not in SHIFT_ACTS:
        raise NotFound
    a = desks.one(request.actor, shift.activity_id)
    form = SHIFT_ACTS[verb][2](request.POST, prefix=f"{verb}{shift_id}")
    say: dict[str, Any] = {"shift_id": shift_id, "by": request.actor, "at": timezone.now()}

    def do() -> Any:
        if isinstance(form, forms.MoveForm):
            starts, ends = form.period()
            return shift_steps.move_shift(starts=starts, ends=ends, note=form.cleaned_data["note"], **say)
        return shift_steps.cancel_shift(reason=form.cleaned_data["reason"], **say)

    return tried(request, a, f"{verb}:{shift_id}", form, do, part="#shifts")


@page("slot/<int:slot_id>/places/", name="places", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",))
def places(request: HeliRequest, slot_id: int) -> HttpResponse:
    """More or fewer places this time."""
    slot = (
        Slot.objects.filter(pk=slot_id, shift__in=Shift.objects.visible_to(request.actor))
        .select_related("shift")
        .first()
    )
    if slot is None:
        raise NotFound
    a, form = desks.one(request.actor, slot.shift.activity_id), forms.PlacesForm(request.POST, auto_id=f"p{slot_id}_%s")
    return tried(
        request, a, f"places:{slot_id}", form,
        lambda: shift_steps.change_places(slot_id=slot_id, by=request.actor, at=timezone.now(), **form.cleaned_data), part="#shifts",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Marked:
    """A day a series would have, and what the calendar says of it: "" · off · worked · unknown."""

    at: dt.datetime
    what: str


def marked(days: dict[dt.date, dt.datetime], area_path: str, now: dt.datetime) -> list[Marked]:
    """One statement."""
    calendar = rulebook.calendar(area_path, now, days=400)
    found = []
    for day, at in sorted(days.items()):
        work, weekend = calendar.is_workday(day), day.weekday() > 4
        what = (
            "unknown"
            if not calendar.is_known(day)
            else "off"
            if not (work or weekend)
            else "worked"
            if work and weekend
            else ""
        )
        found.append(Marked(at, what))
    return found


def series_page(
    request: HeliRequest,
    a: Activity,
    form: forms.SeriesForm,
    of: Series | None,
    *,
    days: list[Marked] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "a": a, "form": form, "of": of, "days": days, "off": sum(d.what == "off" for d in days or ()), "said": said_rule(of) if of else "",
    }  # fmt: skip
    return private(render(request, "volunteering/activities/series.html", context, status=status))


@page(
    "desk/<int:activity_id>/series/new/",
    name="series_new",
    needs=Cap.LEAD_TEAM,
    scope=Scope.OWN_UNIT,
    methods=("GET", "POST"),
)
def series_new(request: HeliRequest, activity_id: int) -> HttpResponse:
    """Shifts that come again: first which days that makes, then they are made."""
    now, a = timezone.now(), desks.one(request.actor, activity_id)
    if not desks.leads(request.actor, a):
        raise Forbidden
    if request.method != "POST":
        return series_page(request, a, forms.SeriesForm(initial={"on": local_day(now) + dt.timedelta(days=7)}), None)
    form, days, status = forms.SeriesForm(request.POST), None, 400
    if form.is_valid():
        d = form.cleaned_data
        try:
            days = marked(shift_steps.preview(a, form.rule(), form.first(), d["until"], now), a.area_path, now)
            if request.POST.get("go") == "make":
                made = shift_steps.add_series(
                    activity_id=a.pk, rule=form.rule(), first=form.first(), minutes=d["minutes"], until=d["until"],
                    by=request.actor, at=now,
                )  # fmt: skip
                n = made.shifts.count()
                said = _("%(n)s shifts are planned now; the later ones follow by themselves.") % {"n": n}
                messages.success(request, said)
                return private(to_one(a.pk, "#shifts"))
            status = 200
        except HeliError as error:
            form.put(error)
            status = error.status
    return series_page(request, a, form, None, days=days, status=status)


def form_of(of: Series, since: dt.date) -> dict[str, Any]:
    """The values of a series' form as it stands."""
    parts = dict(p.split("=", 1) for p in of.rule.split(";"))
    first = timezone.localtime(of.first)
    how = {"DAILY": "daily", "WEEKLY": "weekly"}.get(parts["FREQ"], "weekday" if "BYDAY" in parts else "monthly")
    days = [str(series.DAYS.index(d)) for d in parts.get("BYDAY", "").split(",") if d in series.DAYS]
    return {
        "how": how, "days": days, "interval": int(parts.get("INTERVAL", "1")), "on": since, "begins": first.time(),
        "minutes": of.minutes, "until": of.until,
    }  # fmt: skip


@page("series/<int:series_id>/", name="series_edit", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def series_edit(request: HeliRequest, series_id: int) -> HttpResponse:
    """Another rule from a day on, or no more from a day on (`go=end`); what stays as it is, is listed."""
    now = timezone.now()
    of = Series.objects.filter(
        pk=series_id, ended=False, activity__in=Activity.objects.visible_to(request.actor)
    ).first()
    if of is None:
        raise NotFound
    a = desks.one(request.actor, of.activity_id)
    if not desks.leads(request.actor, a):
        raise Forbidden
    if request.method != "POST":
        return series_page(request, a, forms.SeriesForm(initial=form_of(of, local_day(now) + dt.timedelta(days=1))), of)
    if request.POST.get("go") == "end":
        end = forms.EndSeriesForm(request.POST, prefix=f"series{series_id}")

        def do() -> None:
            done = shift_steps.end_series(
                series_id=series_id, since=end.cleaned_data["since"], by=request.actor, at=now
            )
            tell(request, done)

        return tried(request, a, f"series:{series_id}", end, do, part="#shifts")
    form, days, status = forms.SeriesForm(request.POST), None, 400
    if form.is_valid():
        d = form.cleaned_data
        try:
            days = marked(shift_steps.preview(a, form.rule(), form.first(), d["until"], now), a.area_path, now)
            if request.POST.get("go") == "make":
                done = shift_steps.change_series(
                    series_id=series_id, since=d["on"], rule=form.rule(), begins=d["begins"], minutes=d["minutes"],
                    until=d["until"], by=request.actor, at=now,
                )  # fmt: skip
                tell(request, done)
                return private(to_one(a.pk, "#shifts"))
            status = 200
        except NotFound:
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
    return series_page(request, a, form, of, days=days, status=status)


def tell(request: HeliRequest, done: shift_steps.Changed) -> None:
    """What an edit of a series did, and which shifts it left alone."""
    said = _("%(made)s made, %(moved)s moved, %(dropped)s taken out.") % {
        "made": done.made, "moved": done.moved, "dropped": done.dropped,
    }  # fmt: skip
    messages.success(request, said)
    if done.stayed:
        days = _(", ").join(f"{timezone.localtime(x.starts):%m-%d %H:%M}" for x in done.stayed)
        messages.warning(
            request, _("These stay as they are, by hand or with people in them: %(days)s") % {"days": days}
        )

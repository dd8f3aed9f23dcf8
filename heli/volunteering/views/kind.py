"""After a shift: how it was, thanks, how the service went; what is about safety; who serves side by side; what is told."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.views.public import private
from heli.volunteering.forms import enrol as forms
from heli.volunteering.models import Pairing, Remark, Telling
from heli.volunteering.queries import enrol as places
from heli.volunteering.queries import kind as queries
from heli.volunteering.steps import kind, pairs, telling
from heli.volunteering.views.enrol import see_other
from heli.volunteering.views.people import own, own_form
from heli.volunteering.views.shift import shift_page


# For the volunteer ------------------------------------------------------------------------------------------------------
@page("mine/<int:enrolment_id>/", name="place", scope=Scope.SELF)
def place(request: HeliRequest, enrolment_id: int) -> HttpResponse:
    """One place that was: what one said of it, thanks, how the service went, and what one answers to that."""
    e = queries.place(request.actor, enrolment_id)
    context = {
        "e": e,
        "remark": getattr(e, "remark", None),
        "thanks": getattr(e, "thanks", None),
        "evaluation": getattr(e.shift, "evaluation", None) if e.state == "attended" else None,
        "objection": getattr(e, "objection", None),
        "served": e.state == "attended" and e.shift.state == "over",
        "now": timezone.now(),
    }
    return private(render(request, "volunteering/enrol/place.html", context))


@page("telling/", name="telling", scope=Scope.SELF, methods=("GET", "POST"))
def telling_page(request: HeliRequest) -> HttpResponse:
    """What one wants to be told by text message."""
    volunteer = own(request)
    now_is = Telling.objects.filter(volunteer=volunteer).first() or Telling(volunteer=volunteer)
    form: Any = forms.TellingForm(initial={"remind": now_is.remind, "weekly": now_is.weekly})
    status = 200
    if request.method == "POST":
        form, status = forms.TellingForm(request.POST), 400
        if form.is_valid():
            telling.choose(volunteer_id=volunteer.pk, by=request.actor, at=timezone.now(), **form.cleaned_data)
            messages.success(request, _("Kept."))
            return private(see_other("me"))
    said = (
        _("What I am told"),
        _("By text message to your number, never at night or at noon. You can change it at any time."),
        pgettext("volunteer", "Keep it"),
    )
    return own_form(request, form, said, status)


# For the leader ---------------------------------------------------------------------------------------------------------
@page(
    "shift/<int:shift_id>/after/",
    name="shift_after",
    needs=Cap.LEAD_TEAM,
    scope=Scope.OWN_UNIT,
    methods=("GET", "POST"),
)
def shift_after(request: HeliRequest, shift_id: int) -> HttpResponse:
    """Thanks, how the service went, and what volunteers said of the activity."""
    now, do = timezone.now(), request.POST.get("do", "")
    found = queries.after(request.actor, shift_id, now)
    made: dict[str, forms.Explained] = {"thank": forms.ThankForm(), "evaluate": forms.EvaluateForm()}
    status = 200
    if request.method == "POST":
        if do not in made:
            raise NotFound
        form = made[do] = type(made[do])(request.POST)
        status = 400
        if form.is_valid():
            more: dict[str, Any] = {}
            if do == "thank" and (chosen := [int(x) for x in request.POST.getlist("who") if x.isdigit()]):
                more["to"] = chosen
            try:
                step = kind.thank if do == "thank" else kind.evaluate
                step(shift_id=shift_id, by=request.actor, at=now, **form.cleaned_data, **more)
                messages.success(request, _("Sent. Each reads it on their own page.") if do == "thank" else _("Kept."))
                return private(see_other("shift_after", shift_id))
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"f": found, "thank": made["thank"], "evaluate": made["evaluate"], "now": now}
    return private(render(request, "volunteering/enrol/after.html", context, status=status))


@page(
    "pairs/<int:pairing_id>/propose/", name="propose_pair", methods=("POST",), needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT
)  # fmt: skip
def propose_pair(request: HeliRequest, pairing_id: int) -> HttpResponse:
    """The leader finds somebody on the list for an older volunteer who asked for it."""
    found = Pairing.objects.visible_to(request.actor).filter(pk=pairing_id).first()
    if found is None:
        raise NotFound
    try:
        pairs.propose(pairing_id=pairing_id, number=request.POST.get("number", ""), by=request.actor, at=timezone.now())
    except HeliError as error:
        return shift_page(request, found.shift_id, wrong=error, status=error.status)
    messages.success(request, _("Both are asked."))
    return private(see_other("shift", found.shift_id))


# For the reviewer -------------------------------------------------------------------------------------------------------
@page("concerns/", name="concerns", needs=Cap.REVIEW_ACTIVITIES, scope=Scope.AREA)
def concerns(request: HeliRequest) -> HttpResponse:
    """What volunteers were worried about, the oldest first; and what was found."""
    return concerns_page(request)


def concerns_page(
    request: HeliRequest, *, typed: dict[int, forms.Explained] | None = None, status: int = 200
) -> HttpResponse:
    state = "settled" if request.GET.get("state") == "settled" else "open"
    found = queries.concerns(request.actor, state=state, after=request.GET.get("after"))
    blank = forms.SettleForm
    rows = [(r, (typed or {}).get(r.pk) or blank(auto_id=f"c{r.pk}_%s")) for r in found.rows]
    context = {"page": found, "rows": rows, "state": state, "chip": queries.CONCERNS[state], "now": timezone.now()}
    return private(render(request, "volunteering/activities/concerns.html", context, status=status))


@page("concerns/<int:remark_id>/", name="settle", methods=("POST",), needs=Cap.REVIEW_ACTIVITIES, scope=Scope.AREA)
def settle(request: HeliRequest, remark_id: int) -> HttpResponse:
    """What was found, and done."""
    if not Remark.objects.visible_to(request.actor).filter(pk=remark_id).exclude(state="said").exists():
        raise NotFound
    form, status = forms.SettleForm(request.POST, auto_id=f"c{remark_id}_%s"), 400
    if form.is_valid():
        try:
            kind.settle(remark_id=remark_id, by=request.actor, at=timezone.now(), **form.cleaned_data)
            messages.success(request, _("Kept. The volunteer reads it."))
            return private(see_other("concerns"))
        except HeliError as error:
            form.put(error)
            status = error.status
    return concerns_page(request, typed={remark_id: form}, status=status)


# Side by side -----------------------------------------------------------------------------------------------------------
@page("pair/<int:shift_id>/", name="pair", scope=Scope.SELF, methods=("GET", "POST"))
def pair(request: HeliRequest, shift_id: int) -> HttpResponse:
    """Somebody at one's side in this shift: ask by number, or let the leader find somebody; say yes or no."""
    me, now, do = places.me(request.actor), timezone.now(), request.POST.get("do", "")
    shift = pairs.open_shift(shift_id, now)
    if me is None:
        return HttpResponseRedirect(reverse("volunteering:me"))
    found = queries.pair_of(me, shift_id)
    form, status, phone, wrong = forms.PairForm(), 200, "", None
    if request.method == "POST":
        say: dict[str, Any] = {"by": request.actor, "at": now}
        form = forms.PairForm(request.POST if do == "ask" else None)
        try:
            if do == "ask" and not form.is_valid():
                status = 400
            elif do in {"ask", "find"}:
                pairs.ask(shift_id=shift_id, number=form.cleaned_data["number"] if do == "ask" else "", **say)
            elif found is None or do not in {"yes", "no", "call"}:
                raise NotFound
            elif do == "call":
                phone = pairs.number_of_other(pairing_id=found.p.pk, **say)
            else:
                {"yes": pairs.agree, "no": pairs.end}[do](pairing_id=found.p.pk, **say)
            if do != "call" and status == 200:
                return private(see_other("pair", shift_id))
        except NotFound:
            raise
        except HeliError as error:
            status, wrong = error.status, error
    context = {
        "shift": shift, "me": me, "pair": found, "form": form, "wrong": wrong, "phone": phone,
        "silver": pairs.silver([me], shift, now)[me.pk], "now": now,
    }  # fmt: skip
    return private(render(request, "volunteering/enrol/pair.html", context, status=status))

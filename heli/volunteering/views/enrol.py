"""For who serves: a place in a shift, one's own places, and coming and leaving with one's own phone."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.forms.public import new_key
from heli.loop.views.public import private
from heli.rulebook import queries as rulebook
from heli.volunteering import gates
from heli.volunteering.errors import NotEligible
from heli.volunteering.forms import enrol as forms
from heli.volunteering.models import Enrolment
from heli.volunteering.models.enrolments import How, Means
from heli.volunteering.queries import enrol as queries
from heli.volunteering.queries import kind as afterwards
from heli.volunteering.steps import attend, enrol, kind


def see_other(name: str, *args: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse(f"volunteering:{name}", args=args), status=303)


def point_of(data: Any) -> tuple[float, float] | None:
    """(lat, lon) as a phone sent it; None where it did not, or nonsense."""
    try:
        lat, lon = float(data.get("lat") or ""), float(data.get("lon") or "")
    except ValueError:
        return None
    return (lat, lon) if 3 <= lat <= 54 and 73 <= lon <= 136 else None


# A place in a shift -----------------------------------------------------------------------------------------------------
@page("enrol/<int:slot_id>/", name="enrol", scope=Scope.SELF, methods=("GET", "POST"))
def enrol_page(request: HeliRequest, slot_id: int) -> HttpResponse:
    """What it asks for, what may still be missing and how to get it, and one button."""
    now = timezone.now()
    offer, me = queries.offer(request.actor, slot_id), queries.me(request.actor)
    missing = gates.refusals([me], offer.slot, at=now)[me.pk] if me else []
    form, status = forms.EnrolForm(initial={"form_key": new_key()}), 200
    if request.method == "POST" and me is not None:
        form, status = forms.EnrolForm(request.POST), 400
        if form.is_valid():
            try:
                [made] = enrol.enrol(
                    slot_id=slot_id, people=[me.pk], by=request.actor, at=now, form_key=form.cleaned_data["form_key"]
                )
                said = {
                    "confirmed": _("You have a place. It stands below, with when and where."),
                    "asked": _("Asked. The organiser says yes or no, and you are told."),
                    "waiting": _("You are on the waiting list. You are told when a place becomes free."),
                }
                messages.success(request, said[made.state])
                return private(see_other("mine"))
            except AlreadyDone:
                return private(see_other("mine"))
            except NotEligible as error:
                missing, status = list(error.reasons), error.status
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"o": offer, "me": me, "missing": missing, "form": form, "now": now}
    return private(render(request, "volunteering/enrol/enrol.html", context, status=status))


@page(
    "enrol/<int:slot_id>/for/", name="enrol_for", needs=(Cap.KEEP_VOLUNTEERS, Cap.LEAD_TEAM), scope=Scope.OWN_UNIT,
    methods=("GET", "POST"),
)  # fmt: skip
def enrol_for(request: HeliRequest, slot_id: int) -> HttpResponse:
    """A worker enrols somebody at their word; a leader their people. By volunteer number: nobody is looked up by name."""
    now, offer = timezone.now(), queries.offer(request.actor, slot_id)
    form, status = forms.ForForm(initial={"form_key": new_key()}), 200
    ways = ways_of(request, offer)
    if request.method == "POST":
        form, status = forms.ForForm(request.POST), 400
        how = request.POST.get("how", "")
        if form.is_valid() and how in dict(ways):
            try:
                found = queries.by_number(form.read_numbers())
                made = enrol.enrol(
                    slot_id=slot_id, people=found, by=request.actor, at=now, how=how,
                    consent=form.cleaned_data["consent"], together=form.cleaned_data["together"],
                    form_key=form.cleaned_data["form_key"],
                )  # fmt: skip
                places = sum(e.state != "waiting" for e in made)
                said = _("%(places)s have a place, %(waits)s wait.") % {"places": places, "waits": len(made) - places}
                messages.success(request, said)
                return private(HttpResponseRedirect(request.path, status=303))
            except NotFound:
                form.add_error(
                    "numbers", _("One of these numbers is no volunteer's. Look at their page, under their name.")
                )
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"o": offer, "form": form, "ways": ways, "how": request.POST.get("how", ""), "now": now}
    return private(render(request, "volunteering/enrol/for.html", context, status=status))


def ways_of(request: HeliRequest, offer: queries.Offer) -> list[tuple[str, Any]]:
    """By which ways this actor may enrol others in it."""
    ways: list[tuple[str, Any]] = []
    if Cap.KEEP_VOLUNTEERS in request.actor.caps:
        ways.append((How.PROXY, How.PROXY.label))
    if request.actor.can(Cap.LEAD_TEAM, org_id=offer.slot.shift.activity.org_id):
        ways += [(How.COORDINATOR, How.COORDINATOR.label), (How.WALK_IN, How.WALK_IN.label)]
    elif Cap.LEAD_TEAM in request.actor.caps:
        ways.append((How.TEAM, How.TEAM.label))
    return ways


# One's own places -------------------------------------------------------------------------------------------------------
@page("mine/", name="mine", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """What comes next, what waits for an answer, and what was."""
    now, me = timezone.now(), queries.me(request.actor)
    context = {
        "now": now,
        "me": me,
        "coming": queries.coming(me, now) if me else [],
        "asked": queries.asked_of(request.actor, now),
        "say": afterwards.to_say(me, now) if me else None,
        "page": queries.past(me, now, request.GET.get("after")) if me else None,
    }
    return private(render(request, "volunteering/enrol/mine.html", context))


OWN_ACTS: dict[str, tuple[Any, Any, Any, Callable[..., Any], type[forms.Explained] | None]] = {
    # act: title, button, what is said then, step, form
    "withdraw": (
        gettext_lazy("Give the place back"), gettext_lazy("Give it back"), gettext_lazy("Given back. Thank you for saying so."),
        enrol.withdraw, forms.ReasonForm,
    ),
    "accept": (
        gettext_lazy("Take the place"), gettext_lazy("I come"), gettext_lazy("You have a place."), enrol.accept, None,
    ),
    "decline": (
        gettext_lazy("Let it go to the next in line"), gettext_lazy("Let it go"), gettext_lazy("It goes to the next in line."),
        enrol.decline, None,
    ),
    "pass_on": (
        gettext_lazy("Ask somebody to come instead"), gettext_lazy("Ask them"),
        gettext_lazy("Asked. The place stays yours until they say yes."), enrol.pass_on, forms.PassForm,
    ),
    "take_over": (
        gettext_lazy("Come instead"), gettext_lazy("I come"), gettext_lazy("You have a place."), enrol.take_over, None,
    ),
    "answer": (
        gettext_lazy("You are marked as not having come"), gettext_lazy("Send"),
        gettext_lazy("Sent. It stands beside what the leader wrote."), attend.answer, forms.AnswerForm,
    ),
    "say": (
        gettext_lazy("How was this shift?"), gettext_lazy("Say it"), gettext_lazy("Said. Thank you."), kind.say, forms.SayForm,
    ),
    "object": (
        gettext_lazy("How the service went"), gettext_lazy("Send"),
        gettext_lazy("Sent. It stands beside what the leader wrote."), kind.object_, forms.ObjectForm,
    ),
}  # fmt: skip


@page("mine/<int:enrolment_id>/<str:own_act>/", name="own_act", scope=Scope.SELF, methods=("GET", "POST"))
def own_act(request: HeliRequest, enrolment_id: int, own_act: str) -> HttpResponse:
    """One thing to do with one's own place."""
    if own_act not in OWN_ACTS:
        raise NotFound
    e, (title, button, said, do, form_class) = queries.own(request.actor, enrolment_id), OWN_ACTS[own_act]
    mine = request.actor.user_id in {e.volunteer.user_id, e.passes_to and e.passes_to.user_id}
    form, status, wrong = form_class() if form_class else None, 200, None
    if request.method == "POST":
        form = form_class(request.POST) if form_class else None
        status = 400
        if form is None or form.is_valid():
            try:
                more = form.cleaned_data if form else {}
                do(enrolment_id=enrolment_id, by=request.actor, at=timezone.now(), **more)
                messages.success(request, said)
                return private(see_other("mine") if mine else see_other("kept", e.volunteer_id))
            except HeliError as error:
                status, wrong = error.status, error
                if form is not None:
                    form.put(error)
                    wrong = None
    notice = rulebook.in_force((enrol.NOTICE,), path=e.area_path, on=timezone.localdate())[enrol.NOTICE]
    context = {
        "e": e, "act": own_act, "mine": mine, "title": title, "button": button, "form": form, "wrong": wrong, "notice": notice,
        "now": timezone.now(),
    }  # fmt: skip
    return private(render(request, "volunteering/enrol/act.html", context, status=status))


# Coming and leaving with one's own phone --------------------------------------------------------------------------------
@page("in/<int:shift_id>/<str:moment>/", name="check_in", scope=Scope.SELF, methods=("GET", "POST"))
def check_in(request: HeliRequest, shift_id: int, moment: str) -> HttpResponse:
    """Scanned from the leader's phone: one press to come, one to leave. `moment`: the code of the half minute."""
    now = timezone.now()
    rows = Enrolment.objects.filter(shift=shift_id, volunteer__user=request.actor.user_id)
    e = (
        rows.filter(state__in=("confirmed", "attended", "absent"))
        .select_related("shift__activity", "slot__role")
        .first()
    )
    wrong, status = None, 200
    scans = list(e.scans.order_by("at", "out")) if e else []
    inside = bool(scans) and not scans[-1].out
    if request.method == "POST" and e is not None:
        key = request.POST.get("nonce", "")
        try:
            seen = attend.Seen(
                e.pk, now, Means.QR, uuid.UUID(key) if key else uuid.uuid4(), out=request.POST.get("go") == "out",
                device=request.POST.get("device", "")[:64], point=point_of(request.POST),
            )  # fmt: skip
            attend.see(shift_id=shift_id, seen=[seen], by=request.actor, at=now, code=moment)
            messages.success(request, _("You have left. Thank you!") if seen.out else _("You are in."))
            return private(see_other("mine"))
        except ValueError:
            status = 400
        except HeliError as error:
            wrong, status = error, error.status
    context = {"e": e, "inside": inside, "wrong": wrong, "now": now, "nonce": uuid.uuid4(), "shift_id": shift_id}
    return private(render(request, "volunteering/enrol/in.html", context, status=status))


# The draw ---------------------------------------------------------------------------------------------------------------
@page("draw/<int:shift_id>/", name="draw", scope=Scope.PUBLIC)
def draw(request: HeliRequest, shift_id: int) -> HttpResponse:
    """What is needed to do a draw again: the mark published before, the seed after, the order of the tickets."""
    found = queries.draw(shift_id, after=request.GET.get("after"))
    return render(request, "volunteering/enrol/draw.html", {"d": found, "now": timezone.now()})


@page("draw/<int:shift_id>/tickets.csv", name="draw_tickets", scope=Scope.PUBLIC)
def draw_tickets(request: HeliRequest, shift_id: int) -> HttpResponse:  # noqa: ARG001
    """All tickets of a draw in their order, for a machine to do it again: two columns of numbers, nobody's name."""
    rows = queries.tickets(queries.drawn_shift(shift_id))
    body = "\r\n".join(["place,ticket", *(f"{place},{ticket}" for place, ticket in rows), ""])
    answer = HttpResponse(body, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="draw-{shift_id}.csv"'
    return answer

"""One's own pages of volunteering: registering, what one can and when, what one shows, stopping."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from heli.core import files
from heli.core.caps import Scope
from heli.core.errors import HeliError, NotFound
from heli.core.models import StoredFile
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit as Tries
from heli.loop.clocks import local_day
from heli.loop.queries import public as places
from heli.loop.views.public import place_context, private
from heli.people import queries as accounts
from heli.volunteering.forms import people as forms
from heli.volunteering.models import Field, Limit, Volunteer
from heli.volunteering.queries import people as reads
from heli.volunteering.queries import teams as team_reads
from heli.volunteering.queries.exchange import shares
from heli.volunteering.steps import people as steps
from heli.volunteering.steps import proofs as proof_steps

DAYS = (
    pgettext_lazy("weekday", "Mon"), pgettext_lazy("weekday", "Tue"), pgettext_lazy("weekday", "Wed"),
    pgettext_lazy("weekday", "Thu"), pgettext_lazy("weekday", "Fri"), pgettext_lazy("weekday", "Sat"),
    pgettext_lazy("weekday", "Sun"),
)  # fmt: skip
PARTS = (pgettext_lazy("part", "morning"), pgettext_lazy("part", "afternoon"), pgettext_lazy("part", "evening"))


def own(request: HeliRequest) -> Volunteer:
    """The actor's registration; NotFound (L-404) when there is none."""
    volunteer = reads.mine(request.actor)
    if volunteer is None:
        raise NotFound
    return volunteer


def week(free: list[int]) -> list[dict[str, Any]]:
    """The 7 × 3 grid: days with their parts, each with its number, its words, and whether it is chosen."""
    return [
        {
            "day": said,
            "parts": [{"n": d * 3 + p, "words": part, "on": d * 3 + p in free} for p, part in enumerate(PARTS)],
        }
        for d, said in enumerate(DAYS)
    ]


@page("me/", name="me", scope=Scope.SELF)
def me(request: HeliRequest) -> HttpResponse:
    """My volunteering: what is missing for what, when I can, what I showed, my teams. Who is not registered is asked."""
    volunteer = reads.mine(request.actor)
    if volunteer is None:
        return redirect("volunteering:register")
    now = timezone.now()
    proofs = reads.proofs_of(volunteer, local_day(now))
    context = {
        "v": volunteer,
        "now": now,
        "chip": reads.STATES[volunteer.state],
        "needs": reads.needs(volunteer, proofs, now),
        "proofs": [p for p in proofs if p.live],
        "past": [p for p in proofs if not p.live][:20],
        "week": week(volunteer.free),
        "likes": [Field(f).label for f in volunteer.fields],
        "not_done": [Limit(x).label for x in volunteer.limits],
        "teams": team_reads.belongs(volunteer),
        "asked": team_reads.asked(volunteer),
        "led": team_reads.led(request.actor),
        "sharing": shares(volunteer),
    }
    return private(render(request, "volunteering/people/me.html", context))


# Registering ----------------------------------------------------------------------------------------------------------
@page("me/register/", name="register", scope=Scope.SELF, methods=("GET", "POST"), limit=Tries(30))
def register(request: HeliRequest) -> HttpResponse:
    """Name, number, place, what one likes: one page, in plain steps."""
    if reads.mine(request.actor) is not None:
        return redirect("volunteering:me")
    account = accounts.own_account(request.actor)
    values, status = request.POST.dict(), 200
    form = forms.RegisterForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and values.get("go") != "send":
        form = forms.RegisterForm(initial=values | {"fields_": request.POST.getlist("fields_")})
    elif request.method == "POST":
        status = 400
        if form.is_valid():
            data = form.cleaned_data
            try:
                steps.register(
                    by=request.actor, at=timezone.now(), area_path=data["area"], name=data["name"],
                    id_number=data["id_number"], fields=data["fields_"],
                )  # fmt: skip
                messages.success(request, _("You are registered. Say when you can, and have your card looked at."))
                return private(redirect("volunteering:me"))
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"form": form, "values": values, "account": account}
    context |= place_context(values, [places.home_area()], reverse("loop:submit_place"))
    return private(render(request, "volunteering/people/register.html", context, status=status))


@page("me/correct/", name="correct", scope=Scope.SELF, methods=("GET", "POST"), limit=Tries(30))
def correct(request: HeliRequest) -> HttpResponse:
    """The name or number was mistyped."""
    volunteer = own(request)
    form, status = forms.NameForm(request.POST or None), 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                steps.correct(volunteer_id=volunteer.pk, by=request.actor, at=timezone.now(), **form.cleaned_data)
                messages.success(request, _("Kept."))
                return private(redirect("volunteering:me"))
            except HeliError as error:
                form.put(error)
                status = error.status
    said = (
        _("Correct my name or number"),
        _("Exactly as on the identity card. It is kept encrypted."),
        pgettext("volunteer", "Keep it"),
    )
    return own_form(request, form, said, status)


def own_form(request: HeliRequest, form: forms.Explained, said: tuple[str, str, str], status: int) -> HttpResponse:
    """A page that is one form; `said`: its title, a note, its button."""
    context = {"form": form, **dict(zip(("title", "note", "button"), said, strict=True))}
    return private(render(request, "volunteering/people/form.html", context, status=status))


# When, what, what not -------------------------------------------------------------------------------------------------
def first_of(volunteer: Volunteer) -> dict[str, Any]:
    return {
        "fields_": volunteer.fields, "free": volunteer.free, "limits": volunteer.limits, "longest": volunteer.most_minutes,
        "far": volunteer.reach, "by_phone": volunteer.by_phone,
    }  # fmt: skip


def chosen(form: forms.WhenForm) -> list[int]:
    """The parts of the week that are ticked, also in a form with a mistake."""
    return [int(n) for n in form["free"].value() or () if str(n).isdigit()]


@page("me/when/", name="when", scope=Scope.SELF, methods=("GET", "POST"))
def when(request: HeliRequest) -> HttpResponse:
    """What I like to do, when I can, what I do not do."""
    volunteer = own(request)
    form, status = forms.WhenForm(request.POST if request.method == "POST" else None, initial=first_of(volunteer)), 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                steps.change(volunteer_id=volunteer.pk, by=request.actor, at=timezone.now(), **form.told())
                messages.success(request, _("Kept."))
                return private(redirect("volunteering:me"))
            except HeliError as error:
                form.put(error)
                status = error.status
    context = {"form": form, "week": week(chosen(form)), "v": volunteer}
    return private(render(request, "volunteering/people/when.html", context, status=status))


# What I show ----------------------------------------------------------------------------------------------------------
def first_proof(request: HeliRequest, today: dt.date) -> dict[str, Any]:
    kind = request.GET.get("kind", "skill")
    return {"kind": kind, "level": 1, "valid_from": today, "valid_to": today + dt.timedelta(days=365)}


@page("me/show/", name="show", scope=Scope.SELF, methods=("GET", "POST"), limit=Tries(60))
def show(request: HeliRequest) -> HttpResponse:
    """A skill, a check of records, an insurance."""
    volunteer, now = own(request), timezone.now()
    form, status = forms.ShowForm(initial=first_proof(request, local_day(now))), 200
    if request.method == "POST":
        form, status = forms.ShowForm(request.POST, request.FILES), 400
        if form.is_valid():
            try:
                proof_steps.show(volunteer_id=volunteer.pk, by=request.actor, at=now, **form.told(request.FILES))
                messages.success(request, _("Kept. Where a paper is needed, somebody looks at it."))
                return private(redirect("volunteering:me"))
            except HeliError as error:
                form.put(error)
                status = error.status
    return private(render(request, "volunteering/people/show.html", {"form": form}, status=status))


@page("me/guardian/", name="guardian", scope=Scope.SELF, methods=("GET", "POST"), limit=Tries(30))
def guardian(request: HeliRequest) -> HttpResponse:
    """Who the guardian is; a worker asks them."""
    volunteer = own(request)
    form, status = forms.GuardianForm(request.POST or None), 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                proof_steps.name_guardian(
                    volunteer_id=volunteer.pk, by=request.actor, at=timezone.now(), **form.cleaned_data
                )
                messages.success(request, _("Kept. Your community office asks them."))
                return private(redirect("volunteering:me"))
            except HeliError as error:
                form.put(error)
                status = error.status
    note = _(
        "Only your community office reads it, to ask whether they agree. Both of you can take it back at any time."
    )
    return own_form(request, form, (_("My guardian"), note, _("Let them be asked")), status)


@page("me/well/", name="well", scope=Scope.SELF, methods=("POST",))
def well(request: HeliRequest) -> HttpResponse:
    """One tap: I am well enough."""
    proof_steps.say_well(volunteer_id=own(request).pk, by=request.actor, at=timezone.now())
    messages.success(request, _("Kept. If you are not well one day, just do not come; no reason is asked."))
    return private(redirect("volunteering:me"))


@page("me/proofs/<int:proof_id>/back/", name="take_back", scope=Scope.SELF, methods=("POST",))
def take_back(request: HeliRequest, proof_id: int) -> HttpResponse:
    """I take it back: no reason is asked."""
    proof_steps.take_back(proof_id=proof_id, by=request.actor, at=timezone.now())
    messages.success(request, _("Taken back."))
    return private(redirect("volunteering:me"))


@page("proofs/<int:proof_id>/paper/", name="paper", scope=Scope.SELF)
def paper(request: HeliRequest, proof_id: int) -> HttpResponse:
    """The paper behind a proof: for its volunteer and for who keeps volunteers there."""
    proof = reads.proof(request.actor, proof_id)
    row = StoredFile.objects.filter(pk=proof.paper or uuid.UUID(int=0), subject_type=proof_steps.PAPER).first()
    if row is None:
        raise NotFound
    return private(files.serve(row, request))


# Stopping -------------------------------------------------------------------------------------------------------------
@page("me/leave/", name="leave", scope=Scope.SELF, methods=("POST",))
def leave(request: HeliRequest) -> HttpResponse:
    """I stop."""
    steps.leave(volunteer_id=own(request).pk, by=request.actor, at=timezone.now())
    messages.success(request, _("You have stopped. What you served stays recorded; you can come back at any time."))
    return private(redirect("volunteering:me"))


@page("me/return/", name="come_back", scope=Scope.SELF, methods=("POST",))
def come_back(request: HeliRequest) -> HttpResponse:
    """I come back."""
    steps.come_back(volunteer_id=own(request).pk, by=request.actor, at=timezone.now())
    messages.success(request, _("Welcome back. Your name is checked once more."))
    return private(redirect("volunteering:me"))

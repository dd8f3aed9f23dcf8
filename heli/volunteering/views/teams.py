"""Teams: the public list and page, asking to join, the leader's page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit as Tries
from heli.loop.views.public import private
from heli.volunteering.forms import people as forms
from heli.volunteering.models import Field
from heli.volunteering.queries import people as people_reads
from heli.volunteering.queries import teams as reads
from heli.volunteering.steps import teams as steps


def fields_of(team: Any) -> list[Any]:
    told = getattr(team, "team", None)
    return [Field(f).label for f in told.fields] if told is not None else []


@page("teams/", name="teams", scope=Scope.PUBLIC)
def teams(request: HeliRequest) -> HttpResponse:
    """All teams: what they do, where, how many they are."""
    f = reads.Filters.read(request.GET)
    found = reads.teams(f, after=request.GET.get("after")).map(lambda t: {"team": t, "fields": fields_of(t)})
    context = {
        "f": f, "page": found, "streets": reads.streets(settings.HELI_HOME_AREA), "fields": Field.choices,
        "narrowed": f.narrowed,
    }  # fmt: skip
    return render(request, "volunteering/teams/teams.html", context)


@page("teams/<int:team_id>/", name="team", scope=Scope.PUBLIC)
def team(request: HeliRequest, team_id: int) -> HttpResponse:
    """One team, and how to join it. Never a list of people."""
    return team_page(request, team_id)


def team_page(request: HeliRequest, team_id: int, form: forms.AskForm | None = None, status: int = 200) -> HttpResponse:
    found = reads.team(team_id)
    context: dict[str, Any] = {"team": found, "fields": fields_of(found), "told": getattr(found, "team", None)}
    volunteer = people_reads.mine(request.actor) if request.actor.user_id is not None else None
    if volunteer is not None:
        standing = reads.standing(volunteer, team_id)
        others = [(o.pk, o.short_name) for o in standing.others]
        context |= {"v": volunteer, "standing": standing, "form": form or forms.AskForm(others=others)}
    context["leads"] = team_id in request.actor.org_ids(Cap.LEAD_TEAM)
    answer = render(request, "volunteering/teams/team.html", context, status=status)
    return private(answer) if request.actor.user_id is not None else answer


@page("teams/<int:team_id>/ask/", name="ask", scope=Scope.SELF, methods=("POST",), limit=Tries(30))
def ask(request: HeliRequest, team_id: int) -> HttpResponse:
    """I would like to join."""
    volunteer = people_reads.mine(request.actor)
    reads.team(team_id)
    if volunteer is None:
        return redirect("volunteering:register")
    others = [(o.pk, o.short_name) for o in reads.standing(volunteer, team_id).others]
    form, status = forms.AskForm(request.POST, others=others), 400
    if form.is_valid():
        data = form.cleaned_data
        try:
            steps.ask(
                team_id=team_id, volunteer_id=volunteer.pk, by=request.actor, at=timezone.now(), words=data["words"],
                leaves_id=data.get("leaves"),
            )  # fmt: skip
            messages.success(request, _("Asked. The leader answers; you see it under “My volunteering”."))
            return private(redirect("volunteering:team", team_id))
        except HeliError as error:
            form.put(error)
            status = error.status
    return team_page(request, team_id, form, status)


@page("teams/<int:team_id>/leave/", name="leave_team", scope=Scope.SELF, methods=("POST",))
def leave_team(request: HeliRequest, team_id: int) -> HttpResponse:
    """I leave the team."""
    steps.leave_team(team_id=team_id, by=request.actor, at=timezone.now())
    messages.success(request, _("You have left the team."))
    return private(redirect("volunteering:me"))


@page("joinings/<int:joining_id>/withdraw/", name="withdraw_asking", scope=Scope.SELF, methods=("POST",))
def withdraw_asking(request: HeliRequest, joining_id: int) -> HttpResponse:
    """I take the question back."""
    steps.withdraw(joining_id=joining_id, by=request.actor, at=timezone.now())
    messages.success(request, _("Taken back."))
    return private(redirect("volunteering:me"))


# For leaders ----------------------------------------------------------------------------------------------------------
@page("lead/teams/", name="led", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def led(request: HeliRequest) -> HttpResponse:
    """The teams one leads; with one alone, straight to it."""
    found = reads.led(request.actor)
    if len(found) == 1:
        return redirect("volunteering:lead", found[0].pk)
    return private(render(request, "volunteering/teams/led.html", {"teams": found}))


@page("lead/teams/<int:team_id>/", name="lead", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT)
def lead(request: HeliRequest, team_id: int) -> HttpResponse:
    """Who asks to join, who belongs to it, what it says of itself."""
    return lead_page(request, team_id)


def lead_page(
    request: HeliRequest, team_id: int, *, described: forms.TeamForm | None = None, note: HeliError | None = None,
) -> HttpResponse:  # fmt: skip
    found = reads.leads(request.actor, team_id)
    told, q = getattr(found, "team", None), request.GET.get("q", "").strip()[:30]
    first = {"words": told.words, "fields_": told.fields, "takes": told.takes} if told else {"takes": True}
    context = {
        "team": found, "waiting": reads.waiting(team_id), "q": q, "now": timezone.now(),
        "page": reads.members(team_id, q=q, after=request.GET.get("after")),
        "form": described or forms.TeamForm(initial=first), "open": described is not None, "note": note,
    }  # fmt: skip
    status = note.status if note else 400 if described is not None else 200
    return private(render(request, "volunteering/teams/lead.html", context, status=status))


@page(
    "lead/teams/<int:team_id>/describe/", name="describe", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, methods=("POST",)
)
def describe(request: HeliRequest, team_id: int) -> HttpResponse:
    """What everybody reads of the team."""
    reads.leads(request.actor, team_id)
    form = forms.TeamForm(request.POST)
    if not form.is_valid():
        return lead_page(request, team_id, described=form)
    data = form.cleaned_data
    steps.describe(
        team_id=team_id, fields=data["fields_"], words=data["words"], takes=data["takes"], by=request.actor,
        at=timezone.now(),
    )  # fmt: skip
    messages.success(request, _("Kept."))
    return private(redirect("volunteering:lead", team_id))


@page(
    "lead/joinings/<int:joining_id>/<slug:verb>/", name="joining_act", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT,
    methods=("POST",),
)  # fmt: skip
def joining_act(request: HeliRequest, joining_id: int, verb: str) -> HttpResponse:
    """Take them, or not."""
    team_id = reads.of_joining(request.actor, joining_id)
    try:
        if verb == "take":
            steps.take(joining_id=joining_id, by=request.actor, at=timezone.now())
        elif verb == "refuse":
            reason = request.POST.get("reason", "")
            steps.refuse(joining_id=joining_id, reason=reason, by=request.actor, at=timezone.now())
        else:
            raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return lead_page(request, team_id, note=error)
    return private(redirect("volunteering:lead", team_id))


@page(
    "lead/teams/<int:team_id>/members/<int:user_id>/go/", name="let_go", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT,
    methods=("POST",),
)  # fmt: skip
def let_go(request: HeliRequest, team_id: int, user_id: int) -> HttpResponse:
    """A membership ends, for a reason."""
    reads.leads(request.actor, team_id)
    reason = request.POST.get("reason", "")
    try:
        steps.let_go(team_id=team_id, user_id=user_id, reason=reason, by=request.actor, at=timezone.now())
    except NotFound:
        raise
    except HeliError as error:
        return lead_page(request, team_id, note=error)
    return private(redirect("volunteering:lead", team_id))

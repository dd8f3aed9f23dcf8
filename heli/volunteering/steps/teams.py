"""Joining a team, being taken, leaving, moving to another one; and what a team says of itself.

Who belongs to a team is an `orgs.Member`, written by the steps of orgs in the system's name: leaders do not manage
organisations. Leaders are grants (team_leader), given where grants are given.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.orgs import steps as orgs
from heli.orgs.errors import MemberAlready, UnitClosed
from heli.orgs.models import Member, Organisation, OrgKind
from heli.volunteering.models import Field, Joining, Team, Volunteer
from heli.volunteering.people_errors import AskedAlready
from heli.volunteering.states import JOINING
from heli.volunteering.steps.people import known, lock_volunteer, own, said

SUBJECT = "orgs.organisation"


def team_of(team_id: int, at: dt.datetime) -> Organisation:
    """An open team; NotFound (L-404), UnitClosed (L-601)."""
    team: Organisation | None = Organisation.objects.filter(pk=team_id, kind=OrgKind.TEAM).first()
    if team is None:
        raise NotFound
    if team.closed_at and team.closed_at <= at:
        raise UnitClosed(name=team.name)
    return team


def _membership(team_id: int, user_id: int) -> Member | None:
    found: Member | None = Member.objects.filter(org=team_id, user=user_id, valid_to=None).first()
    return found


# Joining --------------------------------------------------------------------------------------------------------------
def ask(
    *, team_id: int, volunteer_id: int, by: Actor, at: dt.datetime, words: str = "", leaves_id: int | None = None
) -> Joining:
    """A volunteer asks to join a team; with `leaves_id` they leave that one when they are taken (a transfer).

    Raises: NotFound (L-404), Forbidden (L-403), UnitClosed (L-601), MemberAlready (L-610), AskedAlready (L-846),
        WrongState: paused or gone (L-101); Invalid: the team takes nobody now, or they are not in that other one (L-400).
    """
    with step("joining.ask", by=by, at=at) as s:
        volunteer = lock_volunteer(s, volunteer_id)
        own(s, volunteer)
        if volunteer.state not in ("registered", "verified"):
            raise WrongState
        team = team_of(team_id, at)
        if Team.objects.filter(org=team, takes=False).exists():
            raise Invalid(_("This team takes nobody new now. Look at the others."))
        if _membership(team_id, volunteer.user_id):
            raise MemberAlready
        if leaves_id is not None and (leaves_id == team_id or _membership(leaves_id, volunteer.user_id) is None):
            raise Invalid(_("You are not in the team you want to leave for this one."), field="leaves")
        joining = Joining(team=team, area_path=team.area_path, volunteer=volunteer, leaves_id=leaves_id)
        joining.words, joining.asked_at = said(words), at
        try:
            with transaction.atomic():
                joining.save(force_insert=True)
        except IntegrityError as error:
            raise AskedAlready from error
        _about(s, joining)
    return joining


def _about(s: Step, joining: Joining) -> None:
    s.about(SUBJECT, joining.team_id, joining.area_path)
    s.record(joining)


def _lock(s: Step, joining_id: int) -> Joining:
    """The joining with its volunteer locked first; NotFound (L-404)."""
    found = Joining.objects.visible_to(s.by).filter(pk=joining_id).values_list("volunteer_id", flat=True).first()
    if found is None:
        raise NotFound
    volunteer = Volunteer.objects.select_for_update(of=("self",)).get(pk=found)
    joining: Joining = Joining.objects.select_for_update(of=("self",)).select_related("team").get(pk=joining_id)
    joining.volunteer = volunteer
    _about(s, joining)
    return joining


def take(*, joining_id: int, by: Actor, at: dt.datetime) -> Joining:
    """The leader takes them; where they come from another team they leave it in the same step.

    Raises: NotFound (L-404), Forbidden (L-403), WrongState (L-101), UnitClosed (L-601).
    """
    with step("joining.take", by=by, at=at) as s:
        joining = _lock(s, joining_id)
        if joining.volunteer.state not in ("registered", "verified"):
            raise WrongState
        joining.decided_at, joining.decided_by_id = at, by.user_id
        s.move(joining, JOINING, "take", save=("decided_at", "decided_by"))
        user_id = joining.volunteer.user_id
        if _membership(joining.team_id, user_id) is None:
            orgs.add_member(org_id=joining.team_id, user_id=user_id, by=SYSTEM, at=at)
        if joining.leaves_id is not None:
            _end(joining.leaves_id, user_id, at)
    return joining


def refuse(*, joining_id: int, reason: str, by: Actor, at: dt.datetime) -> Joining:
    """Not this team; the volunteer reads why."""
    with step("joining.refuse", by=by, at=at) as s:
        joining = _lock(s, joining_id)
        joining.decided_at, joining.decided_by_id, joining.reason = at, by.user_id, said(reason)
        s.move(joining, JOINING, "refuse", save=("decided_at", "decided_by", "reason"), reason=said(reason))
    return joining


def withdraw(*, joining_id: int, by: Actor, at: dt.datetime) -> Joining:
    """The volunteer takes the question back."""
    with step("joining.withdraw", by=by, at=at) as s:
        joining = _lock(s, joining_id)
        own(s, joining.volunteer)
        joining.decided_at = at
        s.move(joining, JOINING, "withdraw", save=("decided_at",))
    return joining


# Leaving --------------------------------------------------------------------------------------------------------------
def _end(team_id: int, user_id: int, at: dt.datetime) -> bool:
    found = _membership(team_id, user_id)
    if found is not None:
        orgs.end_member(member_id=found.pk, by=SYSTEM, at=at)
    return found is not None


def leave_team(*, team_id: int, by: Actor, at: dt.datetime) -> None:
    """One's own membership of a team ends, without a reason. Raises NotFound: not in it (L-404)."""
    with step("team.leave", by=by, at=at) as s:
        team = Organisation.objects.filter(pk=team_id, kind=OrgKind.TEAM).first()
        if team is None or by.user_id is None or not _end(team_id, by.user_id, at):
            raise NotFound
        s.about(SUBJECT, team.pk, team.area_path)


def let_go(*, team_id: int, user_id: int, reason: str, by: Actor, at: dt.datetime) -> None:
    """The leader ends a membership, for a reason the person reads.

    Raises: Forbidden: not the actor's team (L-403). NotFound: not a member (L-404). PaperMissing (L-103).
    """
    with step("team.let_go", by=by, at=at) as s:
        team = Organisation.objects.filter(pk=team_id, kind=OrgKind.TEAM).first()
        if team is None:
            raise NotFound
        s.require(Cap.LEAD_TEAM, org_id=team_id)
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why they leave the team"))
        if user_id == by.user_id or not _end(team_id, user_id, at):
            raise NotFound
        s.about(SUBJECT, team.pk, team.area_path)
        s.record(user_id=user_id, reason=said(reason))


def leave_all(volunteer: Volunteer, at: dt.datetime) -> None:
    """Who stops leaves every team and takes every question back. Call while holding the volunteer's lock."""
    for joining in Joining.objects.filter(volunteer=volunteer, state="asked").select_for_update(of=("self",)):
        inner = Step("joining.withdraw", SYSTEM, at)
        joining.decided_at = at
        inner.move(joining, JOINING, "withdraw", save=("decided_at",))
        _about(inner, joining)
        inner.close()
    held = Member.objects.filter(user=volunteer.user_id, valid_to=None, org__kind=OrgKind.TEAM)
    for member_id in list(held.values_list("pk", flat=True)):
        orgs.end_member(member_id=member_id, by=SYSTEM, at=at)


# What a team says -----------------------------------------------------------------------------------------------------
def describe(*, team_id: int, fields: Sequence[str], words: str, takes: bool, by: Actor, at: dt.datetime) -> Team:
    """What everybody reads of a team: what it does, and whether it takes new members.

    Raises: Forbidden: not the actor's team (L-403). NotFound (L-404), UnitClosed (L-601), Invalid (L-400).
    """
    with step("team.describe", by=by, at=at) as s:
        team = team_of(team_id, at)
        s.require(Cap.LEAD_TEAM, org_id=team_id)
        told = {"fields": known(fields, Field.values, "fields"), "words": said(words, 300), "takes": takes}
        row, _made = Team.objects.update_or_create(org=team, defaults=told)
        s.about(SUBJECT, team.pk, team.area_path)
    return row

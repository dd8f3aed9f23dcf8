"""Roles of an activity: what somebody does, how many, and what is asked of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.loop.steps.hear import by_staff
from heli.volunteering.models import Activity, Role, RoleSkill, Shift, Skill, Slot
from heli.volunteering.steps.shared import UNIT, lock_activity, open_draft, wrote


@dataclass(frozen=True, slots=True)
class Asked:
    """What a role asks for: the key of a skill, and at which level at least."""

    skill: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role as it is written down."""

    name: str
    most: int
    least: int = 1
    duty: str = ""
    newcomers: int = 0
    min_age: int = 14
    max_age: int | None = None
    skills: tuple[Asked, ...] = ()


def put_role(activity: Activity, wanted: Wanted, role: Role | None = None) -> Role:
    """Insert or change a role with what it asks for. Raises Invalid (L-400). Call while holding the activity's lock."""
    name = by_staff(wanted.name, 40)
    if not name:
        raise Invalid(_("Say what one does: guide, cook, driver."), field="name")
    if not 1 <= wanted.most <= 500 or not 0 <= wanted.least <= wanted.most:
        raise Invalid(_("From one to 500 people, and no more at least than at most."), field="most")
    if not 0 <= wanted.newcomers <= wanted.most:
        raise Invalid(_("No more places for newcomers than there are."), field="newcomers")
    if not 0 <= wanted.min_age <= 100 or (wanted.max_age is not None and wanted.max_age < wanted.min_age):
        raise Invalid(_("The ages do not fit together."), field="min_age")
    skills = {s.key: s for s in Skill.objects.filter(key__in=[a.skill for a in wanted.skills])} if wanted.skills else {}
    if len(skills) != len(wanted.skills) or not all(1 <= a.level <= 3 for a in wanted.skills):
        raise Invalid(_("Choose skills of the list, each once, at level 1 to 3."), field="skills")
    role = role or Role(activity=activity)
    role.name, role.duty, role.least, role.most = name, by_staff(wanted.duty), wanted.least, wanted.most
    role.newcomers, role.min_age, role.max_age = wanted.newcomers, wanted.min_age, wanted.max_age
    try:
        with transaction.atomic():
            role.save()
    except IntegrityError as error:
        if "role_name_once" in str(error):
            raise Invalid(_("There is a role of this name already."), field="name") from error
        raise
    if wanted.skills or role.skills.exists():
        role.skills.all().delete()
        RoleSkill.objects.bulk_create(RoleSkill(role=role, skill=skills[a.skill], level=a.level) for a in wanted.skills)
    return role


def _role(activity: Activity, role_id: int) -> Role:
    role = activity.roles.filter(pk=role_id, ended=False).first()
    if role is None:
        raise NotFound
    return role


def add_role(*, activity_id: int, wanted: Wanted, by: Actor, at: dt.datetime) -> Role:
    """Somebody more is looked for; shifts there are already get places of it too. While it is a draft."""
    with step("activity.add_role", by=by, at=at) as s:
        activity = open_draft(s, activity_id)
        role = put_role(activity, wanted)
        put_slots(activity.shifts.filter(state="planned"), [role])
        s.record(role, most=role.most)
    return role


def change_role(*, role_id: int, wanted: Wanted, by: Actor, at: dt.datetime) -> Role:
    """A role in other words, numbers, with other skills; shifts that are planned follow. While it is a draft: later the
    places of each shift are changed for themselves (`shifts.change_places`)."""
    with step("activity.change_role", by=by, at=at) as s:
        activity = open_draft(s, _activity_of(s, role_id))
        role = put_role(activity, wanted, _role(activity, role_id))
        role.slots.filter(shift__state="planned").update(least=role.least, most=role.most, newcomers=role.newcomers)
        s.record(role, most=role.most)
    return role


def end_role(*, role_id: int, by: Actor, at: dt.datetime) -> Role:
    """No places of it in shifts made from now on. In a draft it goes from the planned ones, too."""
    with step("activity.end_role", by=by, at=at) as s:
        activity = lock_activity(s, _activity_of(s, role_id))
        s.allow(activity, Cap.LEAD_TEAM, UNIT)
        if activity.state not in {"draft", "posted"}:
            raise WrongState
        role = _role(activity, role_id)
        if activity.state == "draft":
            role.slots.filter(shift__state="planned", enrolments=None).delete()
        elif not activity.roles.filter(ended=False).exclude(pk=role.pk).exists():
            raise Invalid(_("It is the only role. Cancel the shifts, or the activity."))
        role.ended = True
        role.save(update_fields=["ended"])
        wrote(s, activity)
        s.record(role)
    return role


def _activity_of(s: Step, role_id: int) -> int:
    found = Role.objects.filter(pk=role_id, activity__in=Activity.objects.visible_to(s.by)).values_list("activity_id")
    if (row := found.first()) is None:
        raise NotFound
    return int(row[0])


def put_slots(shifts: Iterable[Shift], roles: Sequence[Role]) -> int:
    """Places of these roles in these shifts. One statement; returns how many."""
    made = [
        Slot(shift=shift, role=role, least=role.least, most=role.most, newcomers=role.newcomers)
        for shift in shifts
        for role in roles
    ]
    Slot.objects.bulk_create(made)
    return len(made)

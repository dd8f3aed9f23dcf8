"""What the steps of activities and shifts share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from heli.core.actor import SYSTEM
from heli.core.caps import Cap, Scope
from heli.core.errors import WrongState
from heli.core.states import Lifecycle
from heli.core.steps import Step
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.volunteering.models import Activity, Outgoing, Volunteer

SUBJECT = "volunteering.activity"
UNIT = Scope.OWN_UNIT


def rules(area_path: str, wanted: Collection[str], at: dt.datetime) -> dict[str, RuleVersion]:
    """The rules of activities here and now. One statement; RuleMissing (L-301)."""
    return rulebook.in_force(wanted, path=area_path, on=local_day(at))


def lock_activity(s: Step, activity_id: int) -> Activity:
    """An activity the actor may see, locked; NotFound (L-404)."""
    return s.lock(Activity, activity_id, related=("org",))


def about(s: Step, activity: Activity) -> None:
    s.about(SUBJECT, activity.pk, activity.area_path)


def follow_up(
    s: Step, thing: Any, activity: Activity, arrow: tuple[Lifecycle, str], save: tuple[str, ...], **data: Any
) -> None:
    """An arrow that follows by itself from what the actor did: the system's own event in the same transaction."""
    inner = Step(f"{arrow[0].name}.{arrow[1]}", SYSTEM, s.at)
    inner.move(thing, *arrow, save=save, **data)
    about(inner, activity)
    inner.close()


def open_draft(s: Step, activity_id: int) -> Activity:
    """A draft of one's own, locked; what is changed in it counts as written by the actor."""
    activity = lock_activity(s, activity_id)
    s.allow(activity, Cap.LEAD_TEAM, UNIT)
    if activity.state != "draft":
        raise WrongState
    wrote(s, activity)
    return activity


def wrote(s: Step, activity: Activity) -> None:
    if activity.state == "draft":
        activity.changed_by_id = s.by.user_id
        activity.save(update_fields=["changed_by"])
    about(s, activity)


def to_tell(kind: str, subject_id: int, area_path: str, at: dt.datetime, volunteer: Volunteer | None = None) -> None:
    """It waits to be told to the national system, once. One statement; call inside the step in which it happened."""
    row = Outgoing(kind=kind, subject_id=subject_id, volunteer=volunteer, area_path=area_path, made_at=at)
    Outgoing.objects.bulk_create([row], ignore_conflicts=True)

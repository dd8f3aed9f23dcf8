"""Activities for other systems: what everybody may find; for organisers drafting and sending on, for reviewers posting."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.utils import timezone
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import say
from heli.api.shapes import After, AreaPath, AreaShort, Day, Id, In, Moment, Out, PageOf, Size, UnitShort, Words
from heli.core.caps import Cap, Scope
from heli.volunteering.models import Activity
from heli.volunteering.queries import activities as found
from heli.volunteering.steps import activities as steps
from heli.volunteering.steps.activities import Plan
from heli.volunteering.steps.roles import Wanted
from heli.volunteering.steps.shifts import Times, add_shift

Service = Literal[
    "unity", "governance", "hardship", "emergency", "elders", "children", "disabled", "health", "law", "culture",
    "learning", "nature", "events",
]  # fmt: skip
Body = Literal["outdoor", "heat", "night", "heights", "lifting", "stairs", "standing", "water"]
Title = Annotated[str, Field(min_length=1, max_length=60)]
Line = Annotated[str, Field(max_length=300)]
People = Annotated[int, Field(ge=0, le=500)]


class ActivityRow(Out):
    """A posted activity with its next shift: how many places, and how many of them are left."""

    id: int
    title: str
    field: str
    area: str
    place: str
    org: str
    starts: dt.datetime
    ends: dt.datetime
    places: int
    left: int
    emergency: bool


@operation("GET", "activities", scope=Scope.PUBLIC, tag="doors", out=PageOf[ActivityRow])
def list_activities(
    request: ApiRequest,
    field: Service | Literal[""] = "",
    area: AreaPath | Literal[""] = "",
    weekday: Literal["", "0", "1", "2", "3", "4", "5", "6"] = "",
    free: Literal[0, 1] = 0,
    q: Annotated[str, Field(max_length=30)] = "",
    after: After = "",
    size: Size = 50,
) -> PageOf[ActivityRow]:
    """What there is to do, the next first; `weekday` 0 is Monday, `free` leaves out what is full."""
    f = found.Filters(field=field, area=area, day=weekday, free=bool(free), q=q)
    page = found.listed(f, timezone.now(), after=after or None, size=size)
    rows = [
        ActivityRow(
            id=r.id, title=r.title, field=str(r.field), area=r.area, place=r.place, org=r.org, starts=r.starts, ends=r.ends,
            places=r.most, left=r.left, emergency=r.emergency,
        )
        for r in page.rows
    ]  # fmt: skip
    return PageOf[ActivityRow](rows=rows, next=page.next or None)


class PlacesOut(Out):
    """Places of a role in one shift."""

    id: int
    role: str
    places: int
    left: int


class ShiftOut(Out):
    """A shift to come. `open`: one can enrol now."""

    id: int
    starts: dt.datetime
    ends: dt.datetime
    note: str
    open: bool
    roles: list[PlacesOut]


class ActivityOut(Out):
    """An activity as everybody may read it; `came_of_it` once it has ended."""

    id: int
    title: str
    field: str
    content: str
    area: AreaShort
    place: str
    risks: str
    brings: str
    conditions: list[str]
    org: UnitShort
    insurer: str
    state: str
    shifts: list[ShiftOut]
    served: int | None
    came_of_it: str


@operation("GET", "activities/{activity_id}", scope=Scope.PUBLIC, tag="doors", out=ActivityOut)
def get_activity(request: ApiRequest, activity_id: Id) -> ActivityOut:
    """One activity with its shifts to come and the places left."""
    s = found.shown(activity_id, timezone.now())
    a = s.a
    shifts = [
        ShiftOut(
            id=t.shift.pk, starts=t.shift.starts, ends=t.shift.ends, note=t.shift.note, open=t.open,
            roles=[PlacesOut(id=p.slot_id, role=p.role, places=p.most, left=p.left) for p in t.places],
        )
        for t in s.times
    ]  # fmt: skip
    return ActivityOut(
        id=a.pk, title=a.title, field=a.field, content=a.content, area=AreaShort(path=a.area.path, name=a.area.name),
        place=a.place, risks=a.risks, brings=a.brings, conditions=a.conditions, org=UnitShort(id=a.org.pk, name=a.org.name),
        insurer=a.insurer, state=a.state, shifts=shifts, served=a.served, came_of_it=a.came_of_it,
    )  # fmt: skip


class RoleIn(In):
    name: Annotated[str, Field(min_length=1, max_length=40)]
    most: Annotated[int, Field(ge=1, le=500)]
    least: People = 1
    duty: Line = ""
    newcomers: People = 0
    min_age: Annotated[int, Field(ge=0, le=100)] = 14


class ShiftIn(In):
    starts: Moment
    ends: Moment
    note: Annotated[str, Field(max_length=200)] = ""


class ActivityIn(In):
    """A plan; what the rules ask of it is asked when it is sent on."""

    org_id: Id
    title: Title
    field: Service
    area: AreaPath
    place: Annotated[str, Field(min_length=1, max_length=120)]
    content: Words
    plan: Annotated[str, Field(max_length=2000)] = ""
    risks: Line = ""
    brings: Annotated[str, Field(max_length=200)] = ""
    conditions: Annotated[list[Body], Field(max_length=8)] = []
    minors: bool = False
    insurer: Annotated[str, Field(max_length=80)] = ""
    insured_to: Day | None = None
    roles: Annotated[list[RoleIn], Field(max_length=20)] = []
    shifts: Annotated[list[ShiftIn], Field(max_length=50)] = []


class ActivityState(Out):
    id: int
    state: str
    version: int

    @classmethod
    def of(cls, a: Activity) -> ActivityState:
        return cls(id=a.pk, state=a.state, version=a.version)


@operation(
    "POST", "activities", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, tag="volunteering", out=ActivityState, status=201,
    calls=("draft", "add_shift"),
)  # fmt: skip
def draft_activity(request: ApiRequest, body: ActivityIn) -> ActivityState:
    """Write an activity down with its roles and shifts: all of it, or nothing."""
    same: dict[str, Any] = {
        name: getattr(body, name)
        for name in ("title", "field", "place", "content", "plan", "risks", "brings", "minors", "insurer", "insured_to")
    }
    plan = Plan(**same, area_path=body.area, conditions=tuple(body.conditions))
    roles = [Wanted(**r.model_dump()) for r in body.roles]
    made = steps.draft(org_id=body.org_id, plan=plan, roles=roles, **say(request))
    for shift in body.shifts:
        add_shift(activity_id=made.pk, times=Times(shift.starts, shift.ends, note=shift.note), **say(request))
    return ActivityState.of(made)


@operation(
    "POST", "activities/{activity_id}/submit", needs=Cap.LEAD_TEAM, scope=Scope.OWN_UNIT, tag="volunteering",
    out=ActivityState, calls="submit",
)  # fmt: skip
def submit_activity(request: ApiRequest, activity_id: Id) -> ActivityState:
    """Send the plan on to be looked at; 400 says what the rules still ask."""
    return ActivityState.of(steps.submit(activity_id=activity_id, **say(request)))


@operation(
    "POST", "activities/{activity_id}/post", needs=Cap.REVIEW_ACTIVITIES, scope=Scope.AREA, tag="volunteering",
    out=ActivityState, calls="post",
)  # fmt: skip
def post_activity(request: ApiRequest, activity_id: Id) -> ActivityState:
    """A second person has looked at the plan: everybody finds it from now on."""
    return ActivityState.of(steps.post(activity_id=activity_id, **say(request)))

"""One request: as it stands, what happened, its files, whom it might go to, what is like it."""

from __future__ import annotations

import uuid
from typing import Annotated

from django.http import HttpResponse
from django.utils import timezone
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.out import RequestDetail, RequestRow, TimelineEntry, detail_of, timeline_of, unit_of
from heli.api.shapes import CategoryShort, Code, ListOf, Out, UnitShort
from heli.core import files
from heli.core.caps import Scope
from heli.loop.models import Request
from heli.loop.queries import desk, unit
from heli.loop.queries.detail import by_code, detail
from heli.loop.queries.near import near
from heli.loop.views.unit import STAFF
from heli.orgs.models import Organisation


@operation("GET", "requests/{code}", needs=STAFF, scope=Scope.AREA, tag="requests", out=RequestDetail)
def get_request(request: ApiRequest, code: Code) -> RequestDetail:
    """One request with its clocks, dispatches, replies, remarks, voices (without their names) and decisions."""
    return detail_of(detail(request.actor, code.upper(), timezone.now()))


@operation("GET", "requests/{code}/timeline", needs=STAFF, scope=Scope.AREA, tag="requests", out=ListOf[TimelineEntry])
def get_timeline(request: ApiRequest, code: Code) -> ListOf[TimelineEntry]:
    """What happened to it, newest first."""
    return ListOf[TimelineEntry](rows=timeline_of(detail(request.actor, code.upper(), timezone.now())))


@operation(
    "GET",
    "files/{file_id}",
    needs=STAFF,
    scope=Scope.AREA,
    tag="requests",
    out=None,
    media="image/jpeg application/pdf",
)
def get_file(request: ApiRequest, file_id: uuid.UUID) -> HttpResponse:
    """A photo or paper of a request or reply that the reader may see."""
    return files.serve(unit.file_for(request.actor, file_id), request)


# For the desk ---------------------------------------------------------------------------------------------------------
class ProposedUnitOut(Out):
    """A unit it might go to. `needs_rule`: the row of the duty list that forbids it without naming a rule."""

    unit: UnitShort
    reasons: list[str]
    assists: list[UnitShort]
    duty_row_id: int | None
    needs_rule: str | None


class ProposedCategoryOut(Out):
    category: CategoryShort
    found: list[str]
    sure: bool


class ProposalOut(Out):
    """`at_limit`: it came back as often as the rule allows; a lead must be named by `force`."""

    units: list[ProposedUnitOut]
    categories: list[ProposedCategoryOut]
    bounces: int
    limit: int | None
    at_limit: bool
    may_take_back: bool


@operation("GET", "requests/{code}/proposals", needs=desk.DESK, scope=Scope.AREA, tag="dispatch", out=ProposalOut)
def get_proposals(request: ApiRequest, code: Code) -> ProposalOut:
    """Which units the duty list, the place and the past name for it, with reasons; what its words seem to be about."""
    now = timezone.now()
    item = desk.item(request.actor, code.upper(), now)
    made = desk.proposal(request.actor, item, now)

    def short(org: Organisation) -> UnitShort:
        return UnitShort(id=org.pk, name=org.short_name)

    return ProposalOut(
        units=[
            ProposedUnitOut(
                unit=short(p.unit),
                reasons=[f"{r.weight} {r.words}" for r in p.reasons],
                assists=[short(a) for a in p.assists],
                duty_row_id=p.row.pk if p.row else None,
                needs_rule=p.needs_rule.number if p.needs_rule else None,
            )
            for p in made.units
        ],
        categories=[
            ProposedCategoryOut(
                category=CategoryShort(code=c.category.code, name=str(c.category)), found=list(c.found), sure=c.sure
            )
            for c in item.guessed
        ],
        bounces=made.bounces,
        limit=made.limit,
        at_limit=made.at_limit,
        may_take_back=desk.can_take_back(item.request, now),
    )


class FoundUnitOut(Out):
    unit: UnitShort
    kind: str
    needs_rule: str | None


@operation("GET", "requests/{code}/units", needs=desk.DESK, scope=Scope.AREA, tag="dispatch", out=ListOf[FoundUnitOut])
def find_units(request: ApiRequest, code: Code, q: Annotated[str, Field(max_length=30)] = "") -> ListOf[FoundUnitOut]:
    """Open units of the county and above by name or initials, for sending it there by hand."""
    found = desk.at_desk(request.actor, code.upper(), "category", "area")
    rows = desk.find_units(found, q, timezone.now())
    return ListOf[FoundUnitOut](
        rows=[
            FoundUnitOut(
                unit=UnitShort(id=u.unit.pk, name=u.unit.short_name),
                kind=u.unit.kind,
                needs_rule=u.needs_rule.number if u.needs_rule else None,
            )
            for u in rows
        ]
    )


class TwinOut(Out):
    """Another open request that may say the same; `likeness` from 0 to 1."""

    code: str
    title: str
    state: str
    area_path: str
    unit: UnitShort | None
    likeness: float
    reasons: list[str]


@operation("GET", "requests/{code}/twins", needs=desk.DESK, scope=Scope.AREA, tag="dispatch", out=ListOf[TwinOut])
def get_twins(request: ApiRequest, code: Code) -> ListOf[TwinOut]:
    """Open requests of the last weeks in the county that may be the same matter."""
    found = desk.at_desk(request.actor, code.upper(), "category", "area")
    return ListOf[TwinOut](
        rows=[
            TwinOut(
                code=t.request.code,
                title=t.request.title,
                state=t.request.state,
                area_path=t.request.area_path,
                unit=unit_of(t.request.unit),
                likeness=round(t.likeness, 3),
                reasons=[str(r) for r in t.reasons],
            )
            for t in near(request.actor, found, timezone.now()).twins
        ]
    )


class PlaceYearOut(Out):
    """The same matter in the same community within a year."""

    total: int
    answered: int
    unsolved: int
    again: int
    rows: list[RequestRow]


@operation("GET", "requests/{code}/place", needs=STAFF, scope=Scope.AREA, tag="requests", out=PlaceYearOut)
def get_place(request: ApiRequest, code: Code) -> PlaceYearOut:
    """What was said of the same matter in the same community in the last year."""
    found = by_code(request.actor, code.upper())
    year = unit.place_year(request.actor, found, timezone.now())
    rows = Request.objects.filter(pk__in=[r.pk for r in year.rows]).select_related("area", "category", "unit")
    return PlaceYearOut(
        total=year.total, answered=year.answered, unsolved=year.unsolved, again=year.again,
        rows=[RequestRow.of(r) for r in rows.order_by("-id")],
    )  # fmt: skip

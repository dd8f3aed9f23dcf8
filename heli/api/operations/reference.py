"""What the loop goes by: categories, the duty list, rules, the working calendar."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.conf import settings
from django.utils import timezone
from ninja import Query
from pydantic import Field, JsonValue

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import ReasonIn, say
from heli.api.out import paged, unit_of
from heli.api.shapes import (
    After,
    AreaPath,
    CategoryCode,
    CategoryShort,
    Day,
    Done,
    Id,
    In,
    ListOf,
    Out,
    PageOf,
    Size,
    UnitShort,
    Urgency,
)
from heli.core.caps import Cap, Scope
from heli.core.errors import NotFound
from heli.loop import duty
from heli.loop.models import Category
from heli.loop.queries import manage
from heli.loop.steps.reference import put_category as put_category_step
from heli.places.models import Area
from heli.rulebook import keys
from heli.rulebook import queries as rulebook
from heli.rulebook.models import Rule

Town = Literal["township", "community"]


# Categories -----------------------------------------------------------------------------------------------------------
class CategoryOut(Out):
    """One matter of the list: three levels, a code that never changes."""

    code: str
    name: str
    level: int
    urgency: str
    words: list[str]
    closed: bool

    @classmethod
    def of(cls, c: Category) -> CategoryOut:
        return cls(
            code=c.code,
            name=str(c),
            level=c.level,
            urgency=c.urgency,
            words=list(c.words),
            closed=c.closed_on is not None,
        )


@operation("GET", "categories", scope=Scope.PUBLIC, tag="reference", out=ListOf[CategoryOut])
def list_categories(request: ApiRequest) -> ListOf[CategoryOut]:
    """The whole list of matters, by code."""
    return ListOf[CategoryOut](rows=[CategoryOut.of(c) for c in Category.objects.order_by("code")])


class CategoryIn(In):
    """`seen`: the words as they were read before; when a colleague changed them since, nothing is written."""

    words: Annotated[list[Annotated[str, Field(min_length=1, max_length=20)]], Field(max_length=60)]
    urgency: Urgency
    closed: bool = False
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    seen: Annotated[list[str], Field(max_length=60)] | None = None


@operation(
    "POST", "categories/{code}", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, tag="reference", out=CategoryOut,
    calls="put_category",
)  # fmt: skip
def put_category(request: ApiRequest, code: CategoryCode, body: CategoryIn) -> CategoryOut:
    """Other words, another urgency, closed or open again. Only who keeps the list of this installation's own area."""
    made = put_category_step(
        code=code, words=body.words, urgency=body.urgency, closed=body.closed, reason=body.reason, seen=body.seen,
        **say(request),
    )  # fmt: skip
    return CategoryOut.of(made)


# The duty list --------------------------------------------------------------------------------------------------------
class DutyOut(Out):
    """A row: who is responsible for a matter, at which desk, from when until when."""

    id: int
    number: str
    area_path: str
    category: CategoryShort
    level: int
    unit: UnitShort | None
    local: str
    assists: list[int]
    assist_local: list[str]
    functional: bool
    citation: str
    note: str
    valid_from: dt.date
    valid_to: dt.date | None

    @classmethod
    def of(cls, r: Any) -> DutyOut:
        """The row comes with category and unit."""
        return cls(
            id=r.pk, number=r.number, area_path=r.area_path,
            category=CategoryShort(code=r.category.code, name=str(r.category)), level=r.level, unit=unit_of(r.unit),
            local=r.local, assists=list(r.assists), assist_local=list(r.assist_local), functional=r.functional,
            citation=r.citation, note=r.note, valid_from=r.valid_from, valid_to=r.valid_to,
        )  # fmt: skip


class DutyFilters(In):
    q: Annotated[str, Field(max_length=40)] = ""
    category: CategoryCode | Literal[""] = ""
    level: Literal["", "3", "4", "5"] = ""
    unit: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = ""
    area: AreaPath | Literal[""] = ""
    on: Annotated[str, Field(pattern=r"^(|20[0-9]{2}-[0-9]{2}-[0-9]{2})$")] = ""
    state: Literal["", "coming", "ended", "all"] = ""
    closed: Literal["", "1"] = ""


@operation("GET", "duty", needs=manage.MANAGERS, scope=Scope.AREA, tag="reference", out=PageOf[DutyOut])
def list_duty(request: ApiRequest, filters: Query[DutyFilters], after: After = "", size: Size = 50) -> Any:
    """The duty list of the reader's areas, by category."""
    f = manage.DutyFilters.read(filters.model_dump())
    page = manage.duty_page(request.actor, f, timezone.now(), after=after or None, size=size)
    return PageOf[DutyOut](**paged(page, lambda line: DutyOut.of(line.row)))


@operation("GET", "duty/{row_id}", needs=manage.MANAGERS, scope=Scope.AREA, tag="reference", out=DutyOut)
def get_duty(request: ApiRequest, row_id: Id) -> DutyOut:
    """One row of the duty list."""
    return DutyOut.of(manage.duty_row(request.actor, row_id))


class DutyIn(In):
    """Either `unit_id`, or `local`: the street office or the committee of the place."""

    number: Annotated[str, Field(min_length=1, max_length=16)]
    area: AreaPath
    category: CategoryCode
    level: Literal[3, 4, 5]
    citation: Annotated[str, Field(min_length=1, max_length=200)]
    unit_id: Id | None = None
    local: Town | Literal[""] = ""
    assists: Annotated[list[Id], Field(max_length=10)] = []
    assist_local: Annotated[list[Town], Field(max_length=2)] = []
    functional: bool = False
    note: Annotated[str, Field(max_length=200)] = ""
    valid_from: Day | None = None


@operation(
    "POST", "duty", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, tag="reference", out=DutyOut, status=201, calls="put_row"
)
def put_duty(request: ApiRequest, body: DutyIn) -> DutyOut:
    """A new row from a day on; the row it replaces ends that day."""
    area = Area.objects.filter(path=body.area).first()
    category = Category.objects.filter(code=body.category).first()
    if area is None or category is None or not request.actor.can(Cap.MANAGE_DUTY, path=body.area):
        raise NotFound
    made = duty.put_row(
        area=area, category_id=category.pk, level=body.level, number=body.number, unit_id=body.unit_id,
        citation=body.citation, local=body.local, functional=body.functional, assist_local=tuple(body.assist_local),
        assists=tuple(body.assists), note=body.note, valid_from=body.valid_from, **say(request),
    )  # fmt: skip
    return DutyOut.of(manage.duty_row(request.actor, made.pk))


@operation(
    "POST", "duty/{row_id}/end", needs=Cap.MANAGE_DUTY, scope=Scope.AREA, tag="reference", out=Done, calls="end_row"
)
def end_duty(request: ApiRequest, row_id: Id, body: ReasonIn) -> Done:
    """The row no longer holds from today on."""
    made = duty.end_row(row_id=row_id, reason=body.reason, **say(request))
    return Done(id=made.pk, state="ended")


# Rules and the calendar -----------------------------------------------------------------------------------------------
class RuleOut(Out):
    """A version of a rule. `verified` false: nobody has checked it against its source."""

    id: int
    key: str
    title: str
    version: int
    area_path: str
    applies_to: dict[str, str]
    value: JsonValue
    words: str
    citation: str
    citation_url: str
    verified: bool
    valid_from: dt.date
    valid_to: dt.date | None

    @classmethod
    def of(cls, r: rulebook.RuleVersion) -> RuleOut:
        return cls(
            id=r.id, key=r.key, title=r.title, version=r.version, area_path=r.area_path, applies_to=r.applies_to,
            value=r.value, words=r.words, citation=r.citation, citation_url=r.citation_url, verified=r.verified,
            valid_from=r.valid_from, valid_to=r.valid_to,
        )  # fmt: skip


@operation("GET", "rules", scope=Scope.PUBLIC, tag="reference", out=ListOf[RuleOut])
def list_rules(
    request: ApiRequest,
    area: AreaPath | Literal[""] = "",
    on: Day | None = None,
    key: Annotated[str, Field(max_length=60, pattern=r"^[a-z_.]*$")] = "",
) -> ListOf[RuleOut]:
    """Every rule that is in force on a day (today) for an area or above it.

    Of one key the row of the nearest area decides, then the one that names most of a case.
    """
    day = on or timezone.localdate()
    wanted = [key] if key else list(keys.KEYS)
    rows = rulebook.candidates(wanted, area or settings.HELI_HOME_AREA, day)
    rows.sort(key=lambda r: (r.key, -len(r.area_path), r.version))
    return ListOf[RuleOut](rows=[RuleOut.of(r) for r in rows])


@operation("GET", "rules/{rule_id}", scope=Scope.PUBLIC, tag="reference", out=RuleOut)
def get_rule(request: ApiRequest, rule_id: Id) -> RuleOut:
    """One version, also one that has ended: what a clock was frozen under."""
    row: Rule = rulebook.rule(request.actor, rule_id)
    return RuleOut.of(rulebook.RuleVersion.of(row))


class StretchOut(Out):
    """Days in a row that differ from the week."""

    name: str
    first: dt.date
    last: dt.date
    is_work: bool
    area_path: str
    citation: str


class YearOut(Out):
    """`published` false: the notice of that year is not known yet, so deadlines over it are provisional."""

    year: int
    published: bool
    years: list[int]
    stretches: list[StretchOut]


@operation("GET", "calendar/{year}", scope=Scope.PUBLIC, tag="reference", out=YearOut)
def get_year(
    request: ApiRequest,
    year: Annotated[int, Field(ge=2000, le=2100)],
    area: AreaPath | Literal[""] = "",
) -> YearOut:
    """The working calendar of a year: holidays, and weekends that are worked."""
    view = rulebook.year_view(area or settings.HELI_HOME_AREA, year)
    return YearOut(
        year=year,
        published=view.published is not None,
        years=list(view.years),
        stretches=[
            StretchOut(
                name=s.name, first=s.first, last=s.last, is_work=s.is_work, area_path=s.area_path, citation=s.citation
            )
            for s in view.stretches
        ],
    )

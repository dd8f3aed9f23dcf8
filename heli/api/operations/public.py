"""What anybody may read: what this is, places, figures. Limited by network address where no token is sent."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from django.conf import settings
from django.utils import timezone
from pydantic import Field

from heli.api.errors import NoToken
from heli.api.http import ApiRequest, operation
from heli.api.shapes import AreaPath, AreaShort, In, ListOf, Out
from heli.core.caps import Scope
from heli.insight import queries as insight
from heli.places import queries as places
from heli.places.models import Area

Instant = dt.datetime


class Discovery(Out):
    """What this is, and the way to everything else."""

    name: str
    version: str
    area: str
    openapi: str
    docs: str
    languages: list[str]
    requests_per_minute: int
    now: Instant


@operation("GET", "", scope=Scope.PUBLIC, tag="public", out=Discovery)
def discovery(request: ApiRequest) -> Discovery:
    """What this is, which area it serves, where the documentation is."""
    base = f"{settings.HELI_PUBLIC_URL}/api/v1"
    return Discovery(
        name="Heli",
        version="1",
        area=settings.HELI_HOME_AREA,
        openapi=f"{base}/openapi.json",
        docs=f"{base}/docs",
        languages=["zh-Hans", "en"],
        requests_per_minute=settings.HELI_API_RATE if request.holder else settings.HELI_API_PUBLIC_RATE,
        now=timezone.now(),
    )


class WhoOut(Out):
    """The token that asks: what it may do, where, for whom, until when."""

    token: str
    expires_at: Instant
    user_id: int
    grant_id: int
    org_id: int | None
    areas: list[str]
    capabilities: list[str]


@operation("GET", "token", scope=Scope.SELF, tag="public", out=WhoOut)
def who(request: ApiRequest) -> WhoOut:
    """What the token that asks may do."""
    if request.holder is None:
        raise NoToken
    actor = request.holder.actor
    grant = actor.grants[0]
    return WhoOut(
        token=request.holder.name,
        expires_at=request.holder.expires_at,
        user_id=actor.user_id or 0,
        grant_id=grant.id,
        org_id=grant.org_id,
        areas=list(grant.paths),
        capabilities=sorted(c.value for c in grant.caps),
    )


# Places ---------------------------------------------------------------------------------------------------------------
class AreaOut(Out):
    path: str
    code12: str
    name: str
    short_name: str
    level: int
    kind: str
    full_name: str
    lat: float | None
    lon: float | None
    ended: bool


def area_out(a: Area, full_name: str) -> AreaOut:
    return AreaOut(
        path=a.path, code12=a.code12, name=a.name, short_name=a.short_name, level=a.level, kind=a.kind,
        full_name=full_name, lat=float(a.lat) if a.lat is not None else None,
        lon=float(a.lon) if a.lon is not None else None, ended=a.valid_to is not None,
    )  # fmt: skip


@operation("GET", "areas", scope=Scope.PUBLIC, tag="places", out=ListOf[AreaOut])
def search_areas(
    request: ApiRequest,
    q: Annotated[str, Field(min_length=1, max_length=60)],
    within: AreaPath | Literal[""] = "",
    level: Literal[0, 1, 2, 3, 4, 5, 6] = 0,
    size: Annotated[int, Field(ge=1, le=50)] = 20,
) -> ListOf[AreaOut]:
    """Areas by name, pinyin initials or number, the nearest fits first. A search, not a list: at most 50, no paging."""
    found = places.search(q, within=(within,) if within else (), levels=(level,) if level else None, limit=size)
    return ListOf[AreaOut](rows=[area_out(h.area, h.full_name) for h in found])


class ResolveIn(In):
    text: Annotated[str, Field(min_length=1, max_length=500)]
    within: AreaPath | Literal[""] = ""


class ResolveOut(Out):
    """`area` where the text names one place; otherwise `candidates`, and why."""

    area: AreaShort | None
    full_name: str
    rest: str
    candidates: list[AreaShort]
    why: str


@operation("POST", "areas-resolve", scope=Scope.PUBLIC, tag="places", out=ResolveOut, write=False)
def resolve_area(request: ApiRequest, body: ResolveIn) -> ResolveOut:
    """The area an address or a sentence speaks of. A body, because an address stands in no log."""
    r = places.resolve(body.text, within=body.within or None)

    def short(p: object) -> AreaShort:
        return AreaShort(path=getattr(p, "path", ""), name=getattr(p, "name", ""))

    return ResolveOut(
        area=short(r.area) if r.area else None,
        full_name=r.full_name,
        rest=r.rest,
        candidates=[short(c) for c in r.candidates],
        why=str(r.why),
    )


class AreaWithin(Out):
    area: AreaOut
    above: list[AreaShort]
    inside: list[AreaShort]


@operation("GET", "areas/{path}", scope=Scope.PUBLIC, tag="places", out=AreaWithin)
def get_area(request: ApiRequest, path: AreaPath) -> AreaWithin:
    """One area, what lies above it, and what lies directly inside (at most 500)."""
    area = places.by_path(path)
    above = places.ancestors_of(area)
    inside = list(places.children(area)[:500])
    name = " › ".join([*(a.name for a in above if a.kind != "placeholder"), area.name])
    return AreaWithin(
        area=area_out(area, name),
        above=[AreaShort(path=a.path, name=a.name) for a in above],
        inside=[AreaShort(path=a.path, name=a.name) for a in inside],
    )


# Figures --------------------------------------------------------------------------------------------------------------
class OpenRateOut(Out):
    """`said`: exact, few, nearly, too_few or nothing; small numbers are not told."""

    key: str
    title: str
    part: int
    whole: int
    said: str
    rule: str


class ReasonCount(Out):
    reason: str
    count: int | None


class FiguresOut(Out):
    """Null stands for "fewer than five"."""

    path: str
    name: str
    days: int
    received: int | None
    open: int | None
    overdue: int | None
    unrated: int | None
    waiting: int | None
    excluded: int | None
    excluded_why: list[ReasonCount]
    rates: list[OpenRateOut]
    inside: list[AreaShort]


@operation("GET", "figures/{area_path}", scope=Scope.PUBLIC, tag="figures", out=FiguresOut)
def get_figures(request: ApiRequest, area_path: AreaPath, days: Literal[7, 30, 90] = 30) -> FiguresOut:
    """The figures that everybody may read."""
    f = insight.figures(area_path, days, timezone.now())
    return FiguresOut(
        path=f.area.path,
        name=f.name,
        days=days,
        received=f.whole.counts["counted"],
        open=f.whole.counts["open"],
        overdue=f.whole.counts["overdue"],
        unrated=f.whole.counts["unrated"],
        waiting=f.whole.counts["waiting"],
        excluded=f.whole.counts["excluded"],
        excluded_why=[ReasonCount(reason=str(why), count=n) for _code, why, n in f.reasons],
        rates=[
            OpenRateOut(key=r.key, title=str(r.title), part=r.part, whole=r.whole, said=r.said, rule=r.rule.citation)
            for r in f.rates
        ],
        inside=[AreaShort(path=x.key, name=str(x.name)) for x in f.inside if x.key != f.area.path],
    )

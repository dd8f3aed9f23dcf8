"""What everybody may read at the other doors: wishes that wait, suggestions and what came of them, stations, notices.

Read only: what is done there needs a person on a page.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from django.utils import timezone
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.shapes import AreaPath, AreaShort, Out, PageOf, UnitShort
from heli.core.caps import Scope
from heli.loop.clocks import local_day
from heli.notices import queries as notices
from heli.places import site_queries as sites
from heli.suggestions.queries import wall as suggestions
from heli.wishes.queries import wall as wishes

Cursor = Annotated[str, Field(max_length=200)]
Size = Annotated[int, Field(ge=1, le=200)]


class WishOut(Out):
    """A wish as the wall shows it: never who made it, nor where nearer than the street."""

    id: int
    title: str
    words: str
    gift: str
    street: str
    needed: int
    taken: int
    measure: str
    state: str
    waiting_days: int
    until: dt.date
    thanks: str


@operation("GET", "wishes", scope=Scope.PUBLIC, tag="doors", out=PageOf[WishOut])
def list_wishes(
    request: ApiRequest,
    list: Literal["waiting", "way", "done"] = "waiting",
    street: AreaPath | Literal[""] = "",
    gift: Literal["", "goods", "time", "money"] = "",
    after: Cursor = "",
    size: Size = 50,
) -> PageOf[WishOut]:
    """The wall of wishes: those that wait (the longest first), on their way, or fulfilled (the newest first)."""
    shown = wishes.Filters(list="" if list == "waiting" else list, street=street, gift=gift)
    found = wishes.wall(shown, timezone.now(), after=after or None, size=size)
    rows = [
        WishOut(
            id=c.id, title=c.title, words=c.words, gift=c.gift, street=c.street, needed=c.needed, taken=c.taken,
            measure=c.measure, state=c.state, waiting_days=c.days, until=c.until, thanks=c.thanks,
        )
        for c in found.rows
    ]  # fmt: skip
    return PageOf[WishOut](rows=rows, next=found.next or None)


class SuggestionOut(Out):
    """A public suggestion."""

    code: str
    title: str
    text: str
    area: AreaShort
    unit: UnitShort | None
    call_id: int | None
    seconds: int
    credit: str
    verdict: Literal["adopted", "partly", "not", "explained"] | None
    said: str


@operation("GET", "suggestions", scope=Scope.PUBLIC, tag="doors", out=PageOf[SuggestionOut])
def list_suggestions(
    request: ApiRequest,
    area: AreaPath | Literal[""] = "",
    stage: Literal["", "open", "adopted", "done", "late", "not", "explained"] = "",
    sort: Literal["new", "most"] = "new",
    after: Cursor = "",
    size: Size = 50,
) -> PageOf[SuggestionOut]:
    """Public suggestions with how many second them, what the unit answered, and how far it is."""
    shown = suggestions.Filters(area=area, stage=stage, sort=sort)
    found = suggestions.wall(shown, timezone.now(), after=after or None, size=size)
    rows = []
    for row in found.rows:
        r = row.s.request
        rows.append(
            SuggestionOut(
                code=r.code, title=row.s.title, text=row.s.text, area=AreaShort(path=r.area.path, name=r.area.name),
                unit=UnitShort(id=r.unit.pk, name=r.unit.name) if r.unit else None, call_id=row.s.call_id,
                seconds=row.s.seconds, credit=suggestions.shown(row.s), verdict=getattr(row.s, "verdict", None),
                said=str(row.chip[1]),
            )
        )  # fmt: skip
    return PageOf[SuggestionOut](rows=rows, next=found.next or None)


class SiteOut(Out):
    """A station or friendly place; WGS-84 degrees. `until`: when that changes, null where no end is in sight."""

    id: int
    kind: str
    name: str
    area_path: str
    lat: float
    lon: float
    address: str
    way: str
    phone: str
    services: list[str]
    open: bool | None
    until: dt.datetime | None


@operation("GET", "sites", scope=Scope.PUBLIC, tag="doors", out=PageOf[SiteOut])
def list_sites(
    request: ApiRequest,
    open: Literal[0, 1] = 0,
    kind: Annotated[str, Field(max_length=12)] = "",
    area: AreaPath | Literal[""] = "",
    after: Cursor = "",
) -> PageOf[SiteOut]:
    """Stations and friendly places by name, and whether they are open now; null where no hours are known."""
    now = timezone.now()
    found = sites.listed(sites.Wanted(open=bool(open), kind=kind, area=area), now, after=after or None)
    rows = []
    for row in found.rows:
        until = row.status.until
        rows.append(
            SiteOut(
                id=row.site.pk, kind=row.site.kind, name=row.site.name, area_path=row.site.area_path, lat=row.site.lat,
                lon=row.site.lon, address=row.site.address, way=row.site.way, phone=row.site.phone,
                services=row.site.services, open=row.status.open if row.known else None,
                until=until if until is None or until.tzinfo else timezone.make_aware(until),
            )
        )  # fmt: skip
    return PageOf[SiteOut](rows=rows, next=found.next or None)


class NoticeOut(Out):
    """A notice in plain words; `source`: the official text it rests on."""

    id: int
    title: str
    meaning: str
    todo: str
    until: str
    ask: str
    groups: list[str]
    source: str
    source_url: str
    publisher: str
    published_at: dt.datetime | None


@operation("GET", "notices", scope=Scope.PUBLIC, tag="doors", out=PageOf[NoticeOut])
def list_notices(
    request: ApiRequest, group: Annotated[str, Field(max_length=12)] = "", after: Cursor = ""
) -> PageOf[NoticeOut]:
    """Notices that hold here today and concern a group (everybody's among them), the newest first."""
    found = notices.listed(group, local_day(timezone.now()), after=after or None)
    rows = [
        NoticeOut(
            id=n.pk, title=n.title, meaning=n.meaning, todo=n.todo, until=n.until, ask=n.ask, groups=n.groups,
            source=n.source, source_url=n.source_url, publisher=n.publisher.name if n.publisher else "",
            published_at=n.published_at,
        )
        for n in found.rows
    ]  # fmt: skip
    return PageOf[NoticeOut](rows=rows, next=found.next or None)

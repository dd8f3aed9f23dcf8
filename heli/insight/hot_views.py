"""Pages of the hot list: what several people told of in their own words, and the requests behind each."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.core.paging import keyset
from heli.core.scope import within
from heli.insight.models import READERS, Hot
from heli.insight.queries import named
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.queries.desk import with_measure
from heli.loop.queries.requests import row_of
from heli.orgs.exports import purpose_of, row_cap

Words = str | Promise
ODD = 0.99  # from here more spoke than is usual there, 1 in 100 by chance
PINS = 60
CODES = 100  # requests that are put to a problem from here; the others belong to it by place and kind


@dataclass(frozen=True, slots=True)
class HotRow:
    """An event in words."""

    hot: Hot
    place: str
    usual: tuple[str, Words] | None  # the look of a chip, and how it compares with the place's own past


def hot_list(actor: Actor, area: str = "") -> QuerySet[Hot]:
    rows: QuerySet[Hot] = Hot.objects.visible_to(actor).select_related("category", "area__parent")
    return rows.filter(within("area_path", [area])) if area else rows


def hot_row(h: Hot) -> HotRow:
    above = f"{h.area.parent.short_name} " if h.area.level == 5 and h.area.parent else ""
    usual: tuple[str, Words] | None = None
    if h.unusual is not None:
        usual = ("late", _("far more than usual there")) if h.unusual >= ODD else ("", _("as usual there"))
    return HotRow(h, f"{above}{named(h.area)}", usual)


def _area(request: HeliRequest) -> str:
    area = request.GET.get("area", "")
    return area if area.isascii() and area.isalnum() and len(area) <= 24 else ""


@page("hot/", name="hot", needs=READERS, scope=Scope.AREA)
def hot(request: HeliRequest) -> HttpResponse:
    """What several people told of, the hottest first. Two statements."""
    rows = keyset(hot_list(request.actor, _area(request)), order=("-heat", "id"), after=request.GET.get("after"))
    context = {
        "page": rows.map(hot_row),
        "area": _area(request),
        "may_export": Cap.EXPORT in request.actor.caps,
        "query": request.GET.urlencode(),
        "now": timezone.now(),
    }
    return render(request, "insight/hot.html", context)


@page("hot/export/", name="hot_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def hot_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet, for a stated purpose."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    rows = [hot_row(h) for h in hot_list(request.actor, _area(request)).order_by("-heat", "id")[: cap + 1]]
    purpose = purpose_of(request, "hot", Cap.EXPORT, len(rows), now)
    columns: list[export.Column[HotRow]] = [
        (_("What is told of"), lambda r: r.hot.title),
        (_("Area"), lambda r: r.place),
        (_("Area code"), lambda r: r.hot.area_path),
        (_("Kind of matter"), lambda r: str(r.hot.category or "")),
        (_("Different people"), lambda r: r.hot.people),
        (_("Requests"), lambda r: r.hot.requests),
        (_("Heat"), lambda r: round(r.hot.heat, 1)),
        (_("First told"), lambda r: r.hot.first_at),
        (_("Last told"), lambda r: r.hot.last_at),
        (_("Beside the usual"), lambda r: str(r.usual[1]) if r.usual else ""),
    ]
    book = export.workbook(str(pgettext("nav", "Hot list")), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"hot-{local_day(now):%Y%m%d}.xlsx")


def hot_seen(actor: Actor, hot_id: int) -> Hot:
    """NotFound (L-404) unless the actor may see it."""
    found: Hot | None = hot_list(actor).filter(pk=hot_id).first()
    if found is None:
        raise NotFound
    return found


def requests_of(actor: Actor, h: Hot) -> QuerySet[Request]:
    rows: QuerySet[Request] = Request.objects.visible_to(actor).filter(hot__hot=h)
    return rows


@page("hot/<int:hot_id>/", name="hot_one", needs=READERS, scope=Scope.AREA)
def hot_one(request: HeliRequest, hot_id: int) -> HttpResponse:
    """One event: its requests, newest first, and where they are. Four statements."""
    h, now = hot_seen(request.actor, hot_id), timezone.now()
    rows = keyset(
        with_measure(requests_of(request.actor, h)).select_related("category", "area", "unit"),
        order=("-heard_at", "-id"),
        after=request.GET.get("after"),
    )
    pins = requests_of(request.actor, h).filter(lat__isnull=False).order_by("-id").values("lat", "lon", "title", "code")
    points = [
        {"lat": float(p["lat"] or 0), "lng": float(p["lon"] or 0), "kind": "other" if n else "here", "words": p["title"],
         "url": f"/loop/r/{p['code']}/"}
        for n, p in enumerate(pins[:PINS])
    ]  # fmt: skip
    context = {
        "h": hot_row(h),
        "page": rows.map(lambda r: row_of(r, now)),
        "points": json.dumps({"points": points, "tiles": ""}) if points else "",
        "may_name": request.actor.can(Cap.SUPERVISE, path=h.area_path),
        "now": now,
    }
    return render(request, "insight/hot_one.html", context)

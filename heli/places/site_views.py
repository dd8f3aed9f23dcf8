"""Stations and friendly places for everybody: on a map, as a list, near me, one by one, and a slip for the door."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import segno
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from heli.core.caps import Scope
from heli.core.errors import HeliError
from heli.core.pages import HeliRequest, page
from heli.core.tries import Limit
from heli.places import site_queries as queries
from heli.places import site_steps as steps
from heli.places.booking_queries import bookable, partners
from heli.places.booking_words import kind_words, size_words
from heli.places.queries import full_names
from heli.places.site_queries import SiteRow, Wanted, local
from heli.places.site_words import STARS, rated, said, unusual, week_lines, weekday
from heli.places.site_words import hours as hours_words
from heli.places.sites import FILTERS, Service, Site, SiteKind

KINDS = dict(SiteKind.choices)
SERVICES = dict(Service.choices)
SHORT = 4  # services named in a line of the list


def query_of(want: Wanted, **other: Any) -> str:
    """The filters as an address keeps them."""
    pairs: list[tuple[str, Any]] = [("open", 1)] if want.open else []
    pairs += [(k, v) for k, v in (("kind", want.kind), ("area", want.area), ("q", want.text)) if v]
    pairs += [("service", s) for s in want.services]
    return urlencode([*pairs, *((k, v) for k, v in other.items() if v)])


def line(row: SiteRow, now: Any, soon: int) -> dict[str, Any]:
    """A row of the list with its words."""
    state, words = said(row.status, now, soon) if row.known else unsaid(row.site)
    site = row.site
    services = [str(SERVICES[s]) for s in site.services]
    more = len(services) - SHORT
    shown = services[:SHORT] + ([ngettext("%(n)s more", "%(n)s more", more) % {"n": more}] if more > 0 else [])
    away = ""
    if row.km is not None:
        away = (
            _("%(n)s m") % {"n": round(row.km * 1000, -1) or 10}
            if row.km < 1
            else _("%(n)s km") % {"n": f"{row.km:.1f}"}
        )
        away = away.replace(".0 ", " ")
    return {
        "site": site, "kind": site.kind_words, "state": state, "words": words, "services": shown, "away": away,
        "url": reverse("sites:site", args=[site.pk]),
    }  # fmt: skip


def unsaid(site: Site) -> tuple[str, str]:
    """The chip of a site without hours: till when riders get in, where that is said."""
    return "", site.access_until if 0 < len(site.access_until) <= 12 else _("hours not said")


def _map_data(want: Wanted, here: tuple[float, float] | None, bounds: Any, area: Any) -> dict[str, Any]:
    """What the script of the map is told. The reader's own point is in this answer alone."""
    return {
        "points": reverse("sites:points"),
        "query": query_of(want),
        "shapes": reverse("places:shapes") if settings.HELI_SHAPES else "",
        "city": area.path[:4] if area else "",
        "home": area.path[:6] if area else "",
        "tiles": settings.HELI_TILES,
        "attribution": settings.HELI_TILES_ATTRIBUTION,
        "bounds": bounds,
        "here": here,
        "list": f"{reverse('sites:map')}?{query_of(want)}",
        "words": {
            "here": _("You are here"),
            "open": _("%(n)s places, %(open)s open") % {"n": "{n}", "open": "{open}"},
            "more": _("See this one"),
            "in": _("Zoom in"),
            "out": _("Zoom out"),
            "none": _("Nothing that fits stands in this part of the map."),
            "failed": _("The map could not be loaded. The list has everything."),
        },
    }


def _page(
    request: HeliRequest, want: Wanted, *, here: tuple[float, float] | None = None, wrong: str = ""
) -> HttpResponse:
    """Map and list. At most eight statements: area, rules, streets, bounds, the list with its hours."""
    now = timezone.now()
    area = queries.home()
    path = area.path if area else ""
    limits = queries.limits(path, now)
    if here is not None:
        rows, following = queries.nearest(want, *here, now, near=limits.near), ""
    else:
        found = queries.listed(want, now, after=request.GET.get("after"))
        rows, following = list(found.rows), found.next
    context = {
        "want": want,
        "kinds": FILTERS,
        "services": Service.choices,
        "streets": queries.streets(path),
        "rows": [line(r, local(now), limits.soon) for r in rows],
        "page": {"next": following},
        "near": here is not None,
        "unusual": unusual(limits.worked),
        "wrong": wrong,
        "data": _map_data(want, here, queries.bounds(want.area or path, now), area),
        "query": query_of(want),
        "place_name": area.name if area else "",
        "tiles": bool(settings.HELI_TILES),
    }
    response = render(request, "places/sites/map.html", context, status=400 if wrong else 200)
    if here is not None:
        response["Cache-Control"] = "no-store"
    return response


@page("", name="map", scope=Scope.PUBLIC)
def sites_map(request: HeliRequest) -> HttpResponse:
    """Every site on a map and as a list; the list alone without scripts."""
    return _page(request, queries.wanted(request.GET))


@page("near/", name="near", scope=Scope.PUBLIC, methods=("POST",), limit=Limit(60))
def near(request: HeliRequest) -> HttpResponse:
    """The nearest ones. The point comes in the body, so that no address and no log holds it, and it is not kept."""
    want = queries.wanted(request.POST)
    try:
        lat, lon = float(request.POST.get("lat", "")), float(request.POST.get("lon", ""))
    except ValueError:
        return _page(request, want, wrong=_("The phone did not tell the place. Choose your street below instead."))
    west, south, east, north = queries.WORLD
    if not (south <= lat <= north and west <= lon <= east):
        return _page(request, want, wrong=_("That place is too far away. Choose your street below instead."))
    return _page(request, want, here=(round(lat, 4), round(lon, 4)))


@page("points/", scope=Scope.PUBLIC, limit=Limit(600))
def points(request: HeliRequest) -> HttpResponse:
    """What a part of the map shows, as JSON: squares with their counts, and single sites by name. Two statements.

    `bbox=west,south,east,north` in degrees, `zoom`, and the filters of the list. At most 625 rows, whatever there is.
    """
    want, now = queries.wanted(request.GET), timezone.now()
    found = queries.squares(want, queries.box(request.GET.get("bbox", ""), request.GET.get("zoom", "")), now)
    names = queries.names(s.site_id for s in found if s.site_id is not None)
    rows = []
    for s in found:
        row: dict[str, Any] = {"lat": round(s.lat, 5), "lon": round(s.lon, 5), "n": s.count, "open": s.open}
        if s.site_id in names:
            name, kind, known = names[s.site_id]
            row |= {
                "id": s.site_id,
                "name": name,
                "kind": str(KINDS[kind]),
                "url": reverse("sites:site", args=[s.site_id]),
            }
            row["words"] = pgettext("site", "open") if s.open else _("closed now") if known else _("hours not said")
        rows.append(row)
    response = JsonResponse({"squares": rows})
    response["Cache-Control"] = "public, max-age=60"
    return response


# One site ---------------------------------------------------------------------------------------------------------------
def _phone(number: str) -> str:
    """05356688012 → 0535-6688012; a mobile number stays whole."""
    if number.startswith("0") and len(number) > 9:
        cut = 3 if number[1] in "12" else 4
        return f"{number[:cut]}-{number[cut:]}"
    return number


def site_context(request: HeliRequest, one: Site) -> dict[str, Any]:
    """What the page of a site shows. At most ten statements."""
    now = timezone.now()
    clock = local(now)
    hours = queries.hours_of([one.pk], now)[one.pk]
    limits = queries.limits(one.area_path, now)
    opinion = queries.opinion(one.pk, now, months=limits.months)
    least = int(limits.shown.value)
    enough = opinion.n >= least
    serving = one.valid_from <= clock.date() and (one.closed_on is None or one.closed_on > clock.date())
    state, words = ("pause", _("not in service")) if not serving else unsaid(one)
    if serving and hours.known:
        state, words = said(hours.status(clock), clock, limits.soon)
    return {
        "site": one,
        "kind": one.kind_words,
        "serving": serving,
        "state": state,
        "words": words,
        "unusual": "" if hours.says_of(clock.date()) or not hours.known else unusual(limits.worked),
        "week": week_lines(hours.week, hours.days, hours.notes, clock.date()),
        "usual": [{"name": weekday(n), "hours": hours_words(p)} for n, p in enumerate(hours.week)]
        if hours.known
        else [],
        "said_hours": hours.known,
        "services": [SERVICES[s] for s in one.services],
        "access": bool(one.gate or one.park or one.ebike or one.access_until or one.gate_lat is not None),
        "where": full_names([one.area]).get(one.area_path, one.area.name),
        "keeper": queries.keeper_name(one, request.actor),
        "things": [
            {"r": r, "size": size_words(r), "kind": kind_words(r)}
            for r in (bookable(one.pk, clock.date()) if serving else ())
        ],
        "partners": partners(one.pk, request.actor),
        "phone": _phone(one.phone),
        "opinion": opinion,
        "rated": rated(opinion.n, opinion.stars) if enough else "",
        "missing": [SERVICES[m] for m, n in opinion.missing if n >= least] if enough else [],
        "least": least,
        "months": limits.months,
        "rule": limits.shown,
        "stars": STARS,
        "all_services": Service.choices,
        "submit": f"/submit/?site={one.pk}",
    }


@page("<int:site_id>/", scope=Scope.PUBLIC)
def site(request: HeliRequest, site_id: int) -> HttpResponse:
    """One site: is it open, what is there, how to get in, what others think."""
    return render(request, "places/sites/site.html", site_context(request, queries.site(site_id)))


@page("<int:site_id>/rate/", scope=Scope.SELF, methods=("POST",), limit=Limit(30))
def rate(request: HeliRequest, site_id: int) -> HttpResponse:
    """Rate it, once a month; only counts are kept."""
    stars = request.POST.get("stars", "")
    try:
        steps.rate_site(
            site_id=site_id,
            stars=int(stars) if stars in {"1", "2", "3", "4", "5"} else 0,
            missing=[m for m in request.POST.getlist("missing")[:30] if m in Service.values],
            by=request.actor,
            at=timezone.now(),
        )
    except HeliError as error:
        if error.status == 404:
            raise
        context = site_context(request, queries.site(site_id)) | {"wrong": error.words, "chosen": request.POST}
        return render(request, "places/sites/site.html", context, status=error.status)
    messages.success(request, _("Thank you. It counts, and nobody can see that it was you."))
    return redirect("sites:site", site_id=site_id)


@page("<int:site_id>/door/", scope=Scope.PUBLIC)
def door(request: HeliRequest, site_id: int) -> HttpResponse:
    """A page to print and hang at the door: name, hours, services, and a code that leads to its page."""
    one = queries.site(site_id)
    url = f"{settings.HELI_PUBLIC_URL}{reverse('sites:site', args=[one.pk])}"
    qr = segno.make(url, error="m").svg_data_uri(scale=5, border=2)
    return render(request, "places/sites/door.html", site_context(request, one) | {"qr": qr, "link": url})

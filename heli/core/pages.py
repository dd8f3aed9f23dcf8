"""Pages declare what they need. A route without a declaration stops the application from starting (core/checks.py).

@page("inbox/", needs=Cap.HANDLE_REQUESTS, scope=Scope.OWN_UNIT)
def inbox(request: HeliRequest) -> HttpResponse: ...

urlpatterns = routes(views)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _
from django_htmx.middleware import HtmxDetails

from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound
from heli.core.tries import Limit, TooOften, spend, whose

P = ParamSpec("P")
log = logging.getLogger("heli.pages")


class HeliRequest(HttpRequest):
    """What a view gets: the request with its actor (set by orgs.middleware)."""

    actor: Actor
    htmx: HtmxDetails


@dataclass(frozen=True, slots=True)
class Route:
    """A view's declaration."""

    path: str
    name: str
    needs: tuple[Cap, ...]
    scope: Scope
    methods: tuple[str, ...]
    limit: Limit | None = None


View = Callable[Concatenate[HeliRequest, P], HttpResponse]


def page(
    where: str,
    *,
    scope: Scope,
    needs: Cap | Iterable[Cap] | None = None,
    name: str = "",
    methods: tuple[str, ...] = ("GET",),
    limit: Limit | None = None,
) -> Callable[[View[P]], View[P]]:
    """Declare a view: its path below the room, capability (any one of several), scope, methods, and how often.

    The capability is checked here (403), the scope by the query or step the view calls (404 like missing).
    HeliErrors become pages with their code, sentence and status.
    """
    caps = () if needs is None else (needs,) if isinstance(needs, Cap) else tuple(needs)
    if not caps and scope in {Scope.AREA, Scope.OWN_UNIT}:
        raise TypeError(f"{where}: a page with scope {scope} names the capability it needs")

    def declare(view: View[P]) -> View[P]:
        route = Route(where, name or view.__name__, caps, scope, methods, limit)

        @wraps(view)
        def checked(request: HeliRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            asked = request.method
            if asked == "HEAD" and "GET" in route.methods:
                request.method = (
                    "GET"  # a view that tells GET from POST must not take HEAD, which carries no token, for POST
                )
            elif asked not in route.methods:
                return HttpResponseNotAllowed(route.methods)
            try:
                if scope is Scope.DEMO and not settings.DEMO:
                    raise NotFound
                _refuse_nul(request)
                if (caps or scope is Scope.SELF) and request.actor.user_id is None:
                    return cast(HttpResponse, redirect_to_login(request.get_full_path()))
                if caps and not request.actor.caps.intersection(caps):
                    raise Forbidden
                if limit is not None and asked == methods[-1]:  # of a form with two methods the sending counts
                    spend(f"page:{route.name}", whose(request), limit, error=TooOften)
                return view(request, *args, **kwargs)
            except HeliError as error:
                return error_page(request, error)
            finally:
                request.method = asked

        checked.route = route  # type: ignore[attr-defined]
        return cast("View[P]", checked)

    return declare


def _refuse_nul(request: HttpRequest) -> None:
    """No text holds the character U+0000, and the database cannot: said here once, for every field and filter."""
    posted = request.POST.lists() if request.method == "POST" else ()
    if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in v for _name, values in posted for v in values):
        raise Invalid(_("What arrived holds a character that no text has. Go back and type it once more."))


def error_page(request: HttpRequest, error: HeliError) -> HttpResponse:
    """The error as a page (or a fragment for HTMX) with its code and status."""
    if error.status >= 500:
        log.error("%s", error, exc_info=error)
    return render(request, "web/error.html", {"error": error}, status=error.status)


def routes(module: ModuleType) -> list[URLPattern]:
    """URL patterns of every declared view of a module, in the order they are written."""
    views = [v for v in vars(module).values() if hasattr(v, "route") and v.__module__ == module.__name__]
    return [path(v.route.path, v, name=v.route.name) for v in views]


def undeclared(
    patterns: Iterable[URLPattern | URLResolver], allowed: Callable[[str], bool], prefix: str = ""
) -> list[str]:
    """Routes below `patterns` without a declaration, by full path; `allowed` lists third-party ones by path."""
    found: list[str] = []
    for p in patterns:
        where = prefix + str(p.pattern)
        if isinstance(p, URLResolver):
            found += undeclared(p.url_patterns, allowed, where)
        elif not hasattr(p.callback, "route") and not allowed(where):
            found.append(where)
    return found

"""Pages that belong to no room: the first page, language and look, what we promise."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.web import home as homes
from heli.web import look as gallery
from heli.web.context import url
from heli.web.middleware import LOOK_COOKIE, keep
from heli.web.parts import Look


def _back(request: HeliRequest) -> HttpResponseRedirect:
    """To the page the form was on; never to another site."""
    where = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(where, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(where if safe else "/")


@page("", scope=Scope.PUBLIC)
def home(request: HeliRequest) -> HttpResponse:
    """For staff: what to do next. For everybody else: say it, look it up, what you can do here."""
    if request.actor.is_staff:
        return render(request, "web/home_staff.html", homes.staff(request.actor, timezone.now()))
    return render(request, "web/home_public.html", homes.public(timezone.now()))


@page("language/", scope=Scope.PUBLIC, methods=("POST",))
def language(request: HeliRequest) -> HttpResponse:
    """Chinese or English, on this device and with the account."""
    response = _back(request)
    code = request.POST.get("language", "")
    if code in dict(settings.LANGUAGES):
        keep(response, settings.LANGUAGE_COOKIE_NAME, code)
        homes.remember(request.actor, language=code)
    return response


@page("look-set/", name="look", scope=Scope.PUBLIC, methods=("POST",))
def set_look(request: HeliRequest) -> HttpResponse:
    """Print size, contrast and ground; what the form does not name stays as it was."""
    was = Look.read(request.COOKIES.get(LOOK_COOKIE, ""))

    def picked(name: str, on: str, before: bool) -> bool:
        return request.POST[name] == on if name in request.POST else before

    chosen = Look(
        dark=picked("theme", "dark", was.dark),
        high=picked("contrast", "high", was.high),
        large=picked("print", "large", was.large),
    )
    response = _back(request)
    keep(response, LOOK_COOKIE, chosen.cookie)
    homes.remember(request.actor, look=" ".join(chosen.words()))
    return response


@page("accessibility/", scope=Scope.PUBLIC)
def accessibility(request: HeliRequest) -> HttpResponse:
    """无障碍: what holds on every page, and how pages look for this reader."""
    return render(request, "web/accessibility.html")


@page("privacy/", scope=Scope.PUBLIC)
def privacy(request: HeliRequest) -> HttpResponse:
    """您的信息怎么用."""
    return render(request, "web/privacy.html", {"access_url": url("people:access")})


@page("look/", name="gallery", scope=Scope.PUBLIC)
def look_gallery(request: HeliRequest) -> HttpResponse:
    """The whole kit on one page, for those who build pages; only where DEBUG is on."""
    if not settings.DEBUG:
        raise NotFound
    mode = Look.read(request.GET.get("mode", ""))
    context: dict[str, Any] = {**gallery.kit(timezone.now()), "look": mode}
    return render(request, "web/look.html", context)

"""How a resource is declared and entered: the same tokens, rates and steps as /api/v1, another form of asking.

A session is never looked at. The token comes as `api_key` (the specification) or in the header Authorization; what goes
wrong is told in the specification's own shape, with our code in front of the sentence.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, register_converter
from django.utils import timezone, translation

from heli.api import queries, steps
from heli.api.errors import ApiKeyNeeded, MethodUnknown, NoService, NoToken, Unreadable
from heli.api.http import ApiRequest, Stopped, on_error, spend_rate
from heli.api.open311.answers import answer
from heli.core.actor import PUBLIC
from heli.core.caps import Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import Route
from heli.loop.errors import LinkEnded, NoSuchCategory

Run = Callable[..., tuple[str, Any]]  # → (root tag, value)
# The specification has a number of its own for some of ours
STATUS: tuple[tuple[type[HeliError], int], ...] = ((NoToken, 403), (NoSuchCategory, 404), (LinkEnded, 404))

# Fields of ours that the specification calls otherwise
CALLED = {"category": "service_code", "area_path": "address_id", "area": "address_id", "text": "description"}


class Ending:
    """The end of an address that says the format; without one it is XML."""

    regex = r"(?:\.(?:xml|json))?"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Ending, "ending")


def refused(request: HttpRequest, error: Exception, ending: str) -> HttpResponse:
    """An error as the specification shapes it: the HTTP status as code, a sentence that begins with our own code."""
    said = on_error(request, error)
    told, status = json.loads(said.content), said.status_code
    status = next((s for kind, s in STATUS if isinstance(error, kind)), 400 if status == 422 else status)
    words = told["sentence"]
    if field := told["field"]:
        words = f"{CALLED.get(field, field)}: {words}"
    return answer("errors", [{"code": status, "description": f"{told['code']} {words}"}], ending, status)


def secret_of(request: HttpRequest) -> str | None:
    """The token as it was sent: header, form field or query; None without one."""
    if (said := request.headers.get("Authorization")) is not None:
        kind, _blank, secret = said.partition(" ")
        return secret.strip() if kind.lower() == "bearer" else ""
    given = request.POST if request.method == "POST" else request.GET
    return given.get("api_key", "").strip() or None


def entered(name: str, where: str, runs: dict[str, Run]) -> Callable[..., HttpResponse]:
    """The view of one resource; `runs` by method."""
    allowed = sorted({*runs, *(["HEAD"] if "GET" in runs else [])})

    def enter(request: ApiRequest, ending: str = "", **given: Any) -> HttpResponse:
        now, headers, asked = timezone.now(), dict[str, str](), request.method or ""
        english = request.headers.get("Accept-Language", "").lower().startswith("en")
        translation.activate("en" if english else settings.LANGUAGE_CODE)
        try:
            run = runs.get("GET" if asked == "HEAD" else asked)
            if run is None:
                raise Stopped({"Allow": ", ".join(allowed)}, MethodUnknown())
            request.holder, request.actor = None, PUBLIC
            if "%00" in request.META.get("QUERY_STRING", "") or "\0" in request.path:
                raise Unreadable
            if (secret := secret_of(request)) is not None:
                request.holder = queries.holder(secret, now)
                if request.holder is None:
                    raise ApiKeyNeeded(field="api_key")
            headers = spend_rate(request, now)
            if request.holder is not None:
                request.actor = request.holder.actor
                if request.holder.stale:
                    steps.mark_used(request.holder.token_id, now)
            response = answer(*run(request, **given), ending)
        except Stopped as stopped:
            response = refused(request, stopped.error, ending)
            headers = headers | stopped.headers
        except Exception as error:  # one shape for whatever goes wrong, as in heli.api.http
            response = refused(request, error, ending)
        for key, value in headers.items():
            response[key] = value
        response.headers.setdefault("Cache-Control", "no-store")
        response["X-Content-Type-Options"] = "nosniff"
        response["X-Robots-Tag"], response["Referrer-Policy"] = "noindex", "no-referrer"
        return response

    enter.csrf_exempt = True  # type: ignore[attr-defined]
    enter.operations = ()  # type: ignore[attr-defined]  # for machines: asked by tests/invariants/test_open311.py
    enter.route = Route(where, name, (), Scope.PUBLIC, tuple(runs))  # type: ignore[attr-defined]
    return enter


def resource(where: str, name: str, **runs: Run) -> URLPattern:
    """A resource under /open311/v2/ with what it does for each method; anybody may ask, with or without a token."""
    return cast(URLPattern, path(where, cast(Any, entered(name, where, runs)), name=name))


def unknown(_request: ApiRequest, rest: str) -> tuple[str, Any]:
    """Any other address."""
    raise NoService if rest.startswith("services/") else NotFound

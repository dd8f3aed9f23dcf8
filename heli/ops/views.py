"""For machines that watch this one: alive, ready, metrics. No page of these asks who somebody is."""

from __future__ import annotations

import hmac

from django.conf import settings
from django.http import HttpResponse, JsonResponse

from heli.core.caps import Scope
from heli.core.errors import NotFound
from heli.core.pages import HeliRequest, page
from heli.ops import ready as readiness


@page("healthz", scope=Scope.PUBLIC)
def healthz(request: HeliRequest) -> HttpResponse:
    """Whether this process answers at all. No statement: a database that is away is no reason to restart it."""
    return JsonResponse({"ok": True})


@page("readyz", scope=Scope.PUBLIC)
def readyz(request: HeliRequest) -> HttpResponse:
    """200 when this machine can do its work, else 503; why, in words without any secret."""
    found = readiness.ready()
    ok = all(f.ok for f in found)
    checks = {f.name: {"ok": True} if f.ok else {"ok": False, "why": f.why} for f in found}
    return JsonResponse({"ok": ok, "checks": checks}, status=200 if ok else 503)


@page("metrics", scope=Scope.PUBLIC)
def metrics(request: HeliRequest) -> HttpResponse:
    """For Prometheus, with `Authorization: Bearer` and HELI_METRICS_TOKEN; to everybody else nothing is here."""
    token, said = settings.HELI_METRICS_TOKEN, request.headers.get("Authorization", "")
    if not token or not hmac.compare_digest(said.encode(), f"Bearer {token}".encode()):
        raise NotFound
    from heli.ops.collect import exposition  # only where metrics are on

    body, kind = exposition()
    return HttpResponse(body, content_type=kind)

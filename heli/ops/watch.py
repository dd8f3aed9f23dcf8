"""Every request from outside in: its id, its line in the log, what it cost; and what security has to keep of it.

Two logs, joined by the request's id. `heli.access` has no person and no address: route, status, time, statements, and
what kind of somebody asked. `heli.security` has the account's number and the network address, and is written for what an
audit asks about: log-ins, every write, everything refused (Cybersecurity Law art. 21; GB/T 22239-2019 8.1.4.3).
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.utils.functional import empty

from heli.core import metrics
from heli.people.accounts import client_ip

access, security = logging.getLogger("heli.access"), logging.getLogger("heli.security")
GIVEN = re.compile(r"[0-9a-f][0-9a-f-]{7,63}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
REFUSED = frozenset({400, 401, 403, 405, 413, 421, 429})
QUIET = frozenset({"static", "ops:healthz", "ops:readyz", "ops:metrics"})  # asked every few seconds, or not ours


class Statements:
    """Counts the statements of one request and the time they take."""

    __slots__ = ("count", "seconds")

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - start
            self.count += 1


def request_id(request: HttpRequest) -> str:
    """The proxy's id for this request, or one of our own. A stranger's is not believed: it is words of a stranger's."""
    given = request.headers.get("X-Request-ID", "").lower() if settings.ALLAUTH_TRUSTED_PROXY_COUNT else ""
    return given if GIVEN.fullmatch(given) else uuid.uuid4().hex[:16]


def route_of(request: HttpRequest) -> str:
    """The route's name: one of a list that the code decides, whatever was asked."""
    match = request.resolver_match
    if match is not None:
        return str(match.view_name or match.route)
    return "static" if request.path.startswith(settings.STATIC_URL) else "unmatched"


def kind_of(request: HttpRequest) -> str:
    """What kind of somebody asked, as far as the page asked it: staff, resident, link, public; '' for nobody asked."""
    actor = getattr(request, "actor", None)
    if actor is None or getattr(actor, "_wrapped", actor) is empty:
        return ""
    if actor.user_id is not None:
        return "staff" if actor.is_staff else "resident"
    return "link" if actor.voice_id is not None else "system" if actor.system else "public"


def user_of(request: HttpRequest) -> str:
    """The account by its number ('u12'), never by name; '' where nobody is logged in. No statement."""
    user = getattr(request, "_cached_user", None)
    pk = getattr(user, "pk", None) or getattr(getattr(request, "actor", None), "user_id", None)
    return f"u{pk}" if pk else ""


def address_of(request: HttpRequest | None) -> str:
    """The network address the request came from, through the proxies that settings trust; '' when unknown."""
    with contextlib.suppress(Exception):  # a malformed forwarding header is the caller's affair, not an error of ours
        return (client_ip(request) or "") if request is not None else ""
    return ""


class WatchMiddleware:
    """Outermost: gives the request its id and writes down how it ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        number = request.request_id = request_id(request)  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=number)
        sql = Statements()
        try:
            if metrics.on():
                with contextlib.ExitStack() as stack:
                    for connection in connections.all():
                        stack.enter_context(connection.execute_wrapper(sql))
                    response = self.get_response(request)
            else:
                response = self.get_response(request)
            response["X-Request-ID"] = number
            self.ended(request, response.status_code, time.perf_counter() - start, sql)
            return response
        finally:
            structlog.contextvars.clear_contextvars()

    def ended(self, request: HttpRequest, status: int, seconds: float, sql: Statements) -> None:
        route = route_of(request)
        method = request.method if request.method in METHODS else "OTHER"
        if metrics.on():
            metrics.REQUESTS.labels(route, method, str(status)).inc()
            metrics.LATENCY.labels(route).observe(seconds)
            if sql.count:
                metrics.STATEMENTS.labels(route).inc(sql.count)
                metrics.SQL_SECONDS.labels(route).inc(sql.seconds)
        if route not in QUIET:
            line = {"route": route, "method": method, "status": status, "ms": round(seconds * 1000, 1)}
            if metrics.on():
                line |= {"sql": sql.count, "sql_ms": round(sql.seconds * 1000, 1)}
            access.info("request", extra={**line, "who": kind_of(request)})
        if method in WRITES or status in REFUSED:
            about = {"route": route, "method": method, "status": status}
            security.info("request", extra={**about, "user": user_of(request), "ip": address_of(request)})


# Log-ins, as the account libraries tell of them -----------------------------------------------------------------------
def _told(what: str, request: HttpRequest | None, user: Any = None) -> None:
    number = f"u{user.pk}" if getattr(user, "pk", None) else ""
    security.info(what, extra={"user": number, "ip": address_of(request)})


def logged_in(*, request: HttpRequest | None = None, user: Any = None, **_also: Any) -> None:
    metrics.counted(metrics.LOGINS, "ok")
    _told("login", request, user)


def logged_out(*, request: HttpRequest | None = None, user: Any = None, **_also: Any) -> None:
    _told("logout", request, user)


def login_failed(*, request: HttpRequest | None = None, **_also: Any) -> None:
    metrics.counted(metrics.LOGINS, "failed")
    _told("login failed", request)  # what was typed may be anything, a password in the wrong field too


def locked_out(*, request: HttpRequest | None = None, **_also: Any) -> None:
    metrics.counted(metrics.LOGINS, "locked")
    _told("locked out", request)

"""When the database or a disk goes away under us: noticed without asking, said kindly, mended without hands.

A connection kept between two requests may have died meanwhile. Asking it (`SELECT 1`) would cost a statement a
request; its socket tells for nothing: an idle one that has something to read was closed, or told that it will be.
"""

from __future__ import annotations

import errno
import logging
import select
from collections.abc import Callable, Iterator

from django.db import InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError

log = logging.getLogger("heli.outages")
RETRY_SECONDS = 5
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
DISK_FULL = "53100"
LOCKED = {"55P03", "40P01"}  # lock_timeout (settings.DATABASES); two that waited for each other
# SQLSTATE: connection exceptions, shut down by an administrator or a crash, starting up, too many connections
AWAY = ("08", "57P01", "57P02", "57P03", "53300")


class DatabaseAway(HeliError):
    """The database restarts, or cannot be reached."""

    code = "L-525"
    status = 503
    sentence = _(
        "The database is starting again; this takes seconds. Wait a moment, then press once more: what is sent twice counts once."
    )


class DatabaseBusy(HeliError):
    """Somebody else held what had to be changed for longer than a request may wait."""

    code = "L-528"
    status = 503
    sentence = _(
        "Somebody else is changing the same thing, and it takes long. Nothing was saved. Wait a moment, then press once more."
    )


class DatabaseFull(HeliError):
    """The database's volume has no room; nothing was written."""

    code = "L-526"
    status = 507
    sentence = _(
        "There is no room left to save anything. It was not saved; what was saved before is safe. Call instead, or come back later."
    )


class DiskFull(HeliError):
    """The volume of files or of what is being uploaded has no room."""

    code = "L-515"
    status = 507
    sentence = _(
        "The files could not be kept: there is no room left on this machine. Send it without them, or add them later."
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def outage(error: BaseException | None) -> HeliError | None:
    """What went away, if that is why `error` was raised; None for any other error."""
    for e in _chain(error):
        if isinstance(e, OSError) and e.errno in NO_ROOM:
            return DiskFull()
        state = getattr(e, "sqlstate", None)
        if state == DISK_FULL:
            return DatabaseFull()
        if state in LOCKED:
            return DatabaseBusy()
        if state is not None and state.startswith(AWAY):
            return DatabaseAway()
        if isinstance(e, OperationalError | InterfaceError):
            cause = getattr(e.__cause__, "sqlstate", None)
            if cause is None:  # said by the client library: it lost the connection, or could not make one
                return DatabaseAway()
    return None


def drop_dead() -> None:
    """Close this thread's connections that died while nobody used them; the next statement makes a new one.

    One poll(2) a connection, no statement.
    """
    for conn in connections.all(initialized_only=True):
        raw = conn.connection
        if raw is None or conn.in_atomic_block:
            continue
        if raw.closed or _readable(raw.fileno()):
            conn.close()


def _readable(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLERR | select.POLLHUP)
    return bool(poll.poll(0))


def answer(request: HttpRequest, error: HeliError) -> HttpResponse:
    """A page (a note for HTMX) that needs no database; the browser comes back to a page that was only read."""
    context = {
        "error": error,
        "again": RETRY_SECONDS if request.method in {"GET", "HEAD"} and error.status == 503 else 0,
        "note": bool(request.headers.get("HX-Request")),
    }
    response = render(None, "503.html", context, status=error.status)  # no request: its processors ask the database
    response["Retry-After"] = str(RETRY_SECONDS if error.status == 503 else 600)
    response["Cache-Control"] = "no-store"
    log.error("%s: %s", error.code, type(error).__name__)
    response._has_been_logged = True  # type: ignore[attr-defined]  # one line; a traceback for each caller fills a log
    return response


class OutageMiddleware:
    """Outermost but for the headers: starts each request with live connections and answers for what went away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        drop_dead()
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """What a view raised; what a middleware raises comes to `heli.web.failing.server_error`."""
        gone = outage(error)
        return answer(request, gone) if gone else None

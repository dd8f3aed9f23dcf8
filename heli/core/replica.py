"""A second server that only reads: boards and public figures are read there, when there is one and it keeps up.

HELI_REPLICA_URL names a streaming standby. A view under `@reads` reads its figures on it; everything else, accounts and
grants too, stays with the primary, and so does every write. A standby that is away, that is no standby, or whose last
replayed transaction is older than HELI_REPLICA_LAG seconds is passed over without anybody noticing.

On a quiet night nothing is written, so nothing is replayed, and the primary answers; it has time then. A running worker
writes every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model
from django.http import HttpResponse

from heli.core.pages import HeliRequest

P = ParamSpec("P")
ALIAS = "replica"
ROOMS = frozenset({"insight", "loop", "places", "rulebook"})  # who may do what is always asked of the primary
TRUSTED, AVOIDED = 2.0, 10.0  # seconds until it is asked again: one that was fit, one that was not
LAG = """SELECT CASE WHEN pg_is_in_recovery() THEN
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 END"""

_reading: ContextVar[bool] = ContextVar("reading", default=False)
_asked: tuple[float, bool] = (0.0, False)  # (until when the answer holds, whether it is fit); of this process


class Router:
    """settings.DATABASE_ROUTERS: where a query goes."""

    def db_for_read(self, model: type[Model], **_hints: Any) -> str:
        return ALIAS if _reading.get() and model._meta.app_label in ROOMS else DEFAULT_DB_ALIAS

    def db_for_write(self, _model: type[Model], **_hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_two: Model, **_hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, _app: str, **_hints: Any) -> bool | None:
        return False if db == ALIAS else None


def lag() -> float | None:
    """Seconds since the standby's last replayed transaction was committed on the primary; None: it is no standby."""
    with connections[ALIAS].cursor() as cur:
        cur.execute(LAG)
        return cur.fetchone()[0]  # type: ignore[no-any-return]


def fit() -> bool:
    """Whether there is a standby that keeps up. Asks it once in two seconds, and one that was not fit once in ten."""
    global _asked  # noqa: PLW0603  (one answer a process; two threads asking at once do no harm)
    if ALIAS not in connections.databases:
        return False
    until, answer = _asked
    if time.monotonic() < until:
        return answer
    try:
        behind = lag()
    except Error:
        behind = None
        connections[ALIAS].close()
    answer = behind is not None and behind <= settings.HELI_REPLICA_LAG
    _asked = (time.monotonic() + (TRUSTED if answer else AVOIDED), answer)
    return answer


def avoid() -> None:
    """It failed just now: do without it for a while."""
    global _asked  # noqa: PLW0603
    _asked = (time.monotonic() + AVOIDED, False)
    connections[ALIAS].close()


@contextmanager
def reading() -> Iterator[bool]:
    """Inside, what the rooms of figures read comes from the standby when it is fit; yields whether it does."""
    token = _reading.set(fit())
    try:
        yield _reading.get()
    finally:
        _reading.reset(token)


def reads(
    view: Callable[Concatenate[HeliRequest, P], HttpResponse],
) -> Callable[Concatenate[HeliRequest, P], HttpResponse]:
    """A view that only reads, under `@page`: its figures come from the standby. When that fails in the middle, the view
    runs once more on the primary."""

    @wraps(view)
    def routed(request: HeliRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        with reading() as there:
            if there:
                try:
                    return view(request, *args, **kwargs)
                except Error:
                    avoid()
        return view(request, *args, **kwargs)

    return routed  # type: ignore[return-value]

"""Sessions: sealed, found by the SHA-256 of their key, ended when nobody used them or when they are old.

A copy of the table opens nothing: the data are sealed (a sign-up under way holds a phone number) and the key of the
cookie is not in it. Being used is written down every five minutes at most, so a page costs one statement for its
session as before.

Limits (settings): everybody SESSION_IDLE and SESSION_COOKIE_AGE; people with work to do here, who sit at shared desks,
SESSION_STAFF_IDLE and SESSION_STAFF_AGE, which orgs/middleware.py asks.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as Store
from django.db import models
from django.utils import timezone

from heli.core import vault
from heli.core.models import Session

TOUCH = dt.timedelta(minutes=5)
UNKNOWN = dt.timedelta(hours=12)  # a session nobody has logged in with: a sign-up under way, a message to be shown
NONE = dt.timedelta(0)


class SealedSerializer:
    """Named in SESSION_SERIALIZER. One that cannot be opened (an old key) counts as none: the person logs in again."""

    def dumps(self, obj: Any) -> bytes:
        return vault.seal_bytes("session", json.dumps(obj, separators=(",", ":")).encode()).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(vault.open_bytes("session", data.decode()))


def stored_key(key: str | None) -> str:
    """What stands in the table for a key of a cookie."""
    return hashlib.sha256((key or "").encode()).hexdigest()


class SessionStore(Store):
    """Named in SESSION_ENGINE. Once it was loaded: `rested`, how long nobody had used it; `age`, since the log-in."""

    since: dt.datetime | None = None
    seen_at: dt.datetime | None = None
    rested = age = NONE

    @classmethod
    def get_model_class(cls) -> type[Session]:  # type: ignore[override]
        return Session

    def _get_session_from_db(self) -> Session | None:
        now = timezone.now()
        row = Session.objects.filter(pk=stored_key(self.session_key), expire_date__gt=now).first()
        if row is None or now - row.seen_at > settings.SESSION_IDLE:
            self._session_key = None
            return None
        self.since, self.seen_at = row.since, row.seen_at
        self.rested, self.age = now - row.seen_at, now - row.since
        return row

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=stored_key(session_key)).exists()

    def create(self) -> None:
        self.since = None
        super().create()

    def create_model_instance(self, data: dict[str, Any]) -> Session:  # type: ignore[override]
        now = timezone.now()
        self.since = self.since or now
        self.seen_at = now
        user = data.get("_auth_user_id")
        until = self.since + (dt.timedelta(seconds=settings.SESSION_COOKIE_AGE) if user else UNKNOWN)
        return Session(
            session_key=stored_key(self._get_or_create_session_key()),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=until,
            user_id=int(user) if user else None,
            since=self.since,
            seen_at=now,
        )

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(pk=stored_key(key)).delete()

    def touch(self) -> None:
        """Somebody is using it. A statement at most every five minutes."""
        if self.rested > TOUCH and self.session_key:
            Session.objects.filter(pk=stored_key(self.session_key)).update(seen_at=timezone.now())


@dataclass(frozen=True, slots=True)
class Open:
    """A session as its owner sees it. `device`: 'browser|system' as told at log-in, or ''."""

    pk: str
    since: dt.datetime
    seen_at: dt.datetime
    device: str
    this: bool


def _in_force(user_id: int, now: dt.datetime) -> models.QuerySet[Session]:
    return Session.objects.filter(user_id=user_id, expire_date__gt=now, seen_at__gt=now - settings.SESSION_IDLE)


def of_user(user_id: int, *, key: str | None, now: dt.datetime) -> list[Open]:
    """The sessions of an account, this one first; those an old password opened are no longer among them."""
    store = SessionStore()
    found = [
        Open(
            row.pk,
            row.since,
            row.seen_at,
            str(store.decode(row.session_data).get("device", "")),
            row.pk == stored_key(key),
        )
        for row in _in_force(user_id, now).order_by("-seen_at")
    ]
    return sorted(found, key=lambda o: not o.this)


def end(user_id: int, *, only: str = "", but: str | None = None) -> int:
    """End the sessions of an account: the one named by its row (`only`), or all but the one with the key `but`."""
    rows = Session.objects.filter(user_id=user_id)
    rows = rows.filter(pk=only) if only else rows.exclude(pk=stored_key(but)) if but else rows
    return rows.delete()[0]


def sweep(now: dt.datetime) -> None:
    """Forget what has ended; run every night."""
    Session.objects.filter(models.Q(expire_date__lte=now) | models.Q(seen_at__lte=now - settings.SESSION_IDLE)).delete()

"""What all processes count together for a short while: tries, codes already used, locks of the account library.

Django's cache (settings.CACHES) kept in one UNLOGGED table of the database that is there anyway: two processes, or two
machines, share one limit. Each method is one statement and atomic (Django's own DatabaseCache adds in two). After a
crash of the database the table is empty and the counts begin anew.

A key is kept as its HMAC, so that neither an address nor a number can be read from the table or guessed from it; values
are JSON, never pickles.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import time
from typing import Any

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import DEFAULT_DB_ALIAS, connections

FOR_GOOD = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

# Whoever is there and has ended counts as nobody.
GET = "SELECT value FROM core_shared WHERE key = %s AND ends > %s"
SET = """INSERT INTO core_shared (key, value, ends) VALUES (%s, %s, %s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends = excluded.ends"""
ADD = SET + " WHERE core_shared.ends <= %s RETURNING 1"
HIT = """INSERT INTO core_shared AS s (key, value, ends) VALUES (%s, '1', %s)
    ON CONFLICT (key) DO UPDATE SET
      value = CASE WHEN s.ends <= %s THEN '1' ELSE (s.value::bigint + 1)::text END,
      ends = CASE WHEN s.ends <= %s THEN excluded.ends ELSE s.ends END
    RETURNING value"""
INCR = "UPDATE core_shared SET value = (value::bigint + %s)::text WHERE key = %s AND ends > %s RETURNING value"
TOUCH = "UPDATE core_shared SET ends = %s WHERE key = %s AND ends > %s RETURNING 1"
DELETE = "DELETE FROM core_shared WHERE key = %s RETURNING 1"
SWEEP = "DELETE FROM core_shared WHERE ends <= %s"


def _now() -> dt.datetime:
    return dt.datetime.fromtimestamp(time.time(), dt.UTC)


def sealed_key(key: str) -> bytes:
    """What stands in the table for a key: 32 bytes that say nothing to who does not hold HELI_SECRET_KEY."""
    return hmac.new(settings.SECRET_KEY.encode(), b"core.shared:" + key.encode(), hashlib.sha256).digest()


def _ask(sql: str, *values: Any) -> Any:
    """The first column of the first row, or None. Always the database that is written to: a replica has no such rows."""
    with connections[DEFAULT_DB_ALIAS].cursor() as cur:
        cur.execute(sql, values)
        row = cur.fetchone() if cur.description else None
    return row[0] if row else None


def hit(key: str, *, seconds: float) -> int:
    """Count one more and return how many there are; the count ends `seconds` after its first. One statement."""
    now = _now()
    return int(_ask(HIT, sealed_key(key), now + dt.timedelta(seconds=seconds), now, now))


def take_back(key: str) -> None:
    """Uncount one of `hit`."""
    _ask(INCR, -1, sealed_key(key), _now())


def hits(key: str) -> int:
    """How many are counted now."""
    return int(_ask(GET, sealed_key(key), _now()) or 0)


def sweep() -> None:
    """Forget what has ended; run every night."""
    _ask(SWEEP, _now())


class Cache(BaseCache):
    """Named in settings.CACHES. Values are what JSON can hold."""

    def __init__(self, _location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _key(self, key: str, version: int | None) -> bytes:
        return sealed_key(self.make_and_validate_key(key, version=version))

    def _ends(self, timeout: Any) -> dt.datetime:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return FOR_GOOD if seconds is None else _now() + dt.timedelta(seconds=seconds)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        found = _ask(GET, self._key(key, version), _now())
        return default if found is None else json.loads(found)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        _ask(SET, self._key(key, version), json.dumps(value), self._ends(timeout))

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return _ask(ADD, self._key(key, version), json.dumps(value), self._ends(timeout), _now()) is not None

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        found = _ask(INCR, delta, self._key(key, version), _now())
        if found is None:
            raise ValueError("no such key")
        return int(found)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return _ask(TOUCH, self._ends(timeout), self._key(key, version), _now()) is not None

    def delete(self, key: str, version: int | None = None) -> bool:
        return _ask(DELETE, self._key(key, version)) is not None

    def clear(self) -> None:
        _ask("DELETE FROM core_shared")

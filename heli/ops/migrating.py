"""Tables change while the system serves: `python -m heli.ops.migrating` (what `./run db migrate` runs, as the owner).

A change of a table waits for those who use it, and everybody who comes after waits behind the change. So a change waits
LOCK_SECONDS at most, gives up, lets the others through, and is tried again. What waits for nobody (an index made
CONCURRENTLY, a constraint looked through afterwards) has no such limit. One deployment migrates at a time.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

LOCK_SECONDS = 2
TRIES = 30  # with PAUSE_SECONDS between: one minute and a half
PAUSE_SECONDS = 1.0
ONE_AT_A_TIME = 0x68656C69  # an advisory lock: 'heli'
NOT_AVAILABLE = "55P03"  # SQLSTATE: lock_timeout
PATIENT = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)


def patiently(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """An execute wrapper: statements that stop nobody may wait for their lock."""
    if not PATIENT.search(str(sql)):
        return execute(sql, params, many, context)
    cursor = context["cursor"].cursor
    cursor.execute("SET lock_timeout = 0")
    try:
        return execute(sql, params, many, context)
    finally:
        if not context["connection"].connection.broken:
            cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")


def drop_unfinished() -> list[str]:
    """Indexes that an interrupted CREATE INDEX CONCURRENTLY left behind, invalid; dropped, so that it can be repeated."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname = current_schema()"
        )
        left = [str(row[0]) for row in cursor.fetchall()]
        for name in left:
            cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
    return left


def migrate(*, verbosity: int = 1, tries: int = TRIES, pause: float = PAUSE_SECONDS) -> int:
    """Apply what is not applied; returns how many times it had to give way. Call as the owner.

    Raises:
        OperationalError: a table was in use through every try; what was applied before stays, nothing is half done.
    """
    from django.core.management import call_command
    from django.db import OperationalError, connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    try:
        for gave_way in range(tries):
            try:
                drop_unfinished()
                with connection.execute_wrapper(patiently):
                    call_command("migrate", skip_checks=True, verbosity=verbosity)
                return gave_way
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") != NOT_AVAILABLE or gave_way == tries - 1:
                    raise
                print(f"A table is in use; trying again ({gave_way + 1} of {tries}).", file=sys.stderr)
                time.sleep(pause)
        return tries
    finally:
        if connection.connection is not None and not connection.connection.broken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])
                cursor.execute("RESET lock_timeout")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="heli.ops.migrating", description=__doc__)
    parser.add_argument("--verbosity", type=int, default=1)
    args = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()
    migrate(verbosity=args.verbosity)


if __name__ == "__main__":
    main()

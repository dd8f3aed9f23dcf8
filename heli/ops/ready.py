"""Whether this machine can do its work now: asked by whoever spreads requests, and by whoever just installed it."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from heli.core import vault
from heli.core.errors import HeliError
from heli.core.models import VaultRecord

MB = 2**20
FRESH = 2.0  # seconds an answer holds: asking often costs nothing


class NotReady(Exception):
    """Why one thing is not ready, in words without any secret."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that was looked at; `why` is empty when it is well."""

    name: str
    why: str = ""

    @property
    def ok(self) -> bool:
        return not self.why


def database() -> None:
    """The database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


_migrated = False  # what is applied stays applied while this process lives


def migrations() -> None:
    """Every table this version of the code needs is there; a newer version may have added others."""
    global _migrated  # noqa: PLW0603  (one fact a process)
    if _migrated:
        return
    executor = MigrationExecutor(connection)
    missing = [f"{m.app_label}.{m.name}" for m, _back in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        raise NotReady(f"{len(missing)} not applied: {', '.join(missing[:5])}. Run ./run db migrate")
    _migrated = True


def keys() -> None:
    """The vault's keys seal and open, and what was sealed last here opens with one of them."""
    if vault.open_bytes("ready", vault.seal_bytes("ready", b"heli")) != b"heli":
        raise NotReady("the vault does not open what it seals")
    record = VaultRecord.objects.filter(erased_at=None).order_by("-id").first()
    if record is not None:
        try:
            vault.open_own(record)  # thrown away: nobody sees it
        except HeliError:
            raise NotReady(f"key {record.key_id} is missing in HELI_VAULT_KEYS, or is another one") from None


def files() -> None:
    """The folder of files can be written and has room."""
    folder = Path(settings.HELI_FILES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".ready-{uuid.uuid4().hex}"
        probe.write_bytes(b"heli")
        probe.unlink()
    except OSError as error:
        raise NotReady(f"cannot be written: {error.strerror}") from None
    free = shutil.disk_usage(folder).free // MB
    if free < settings.HELI_FREE_MB:
        raise NotReady(f"{free} MB free, {settings.HELI_FREE_MB} MB wanted")


CHECKS: tuple[Callable[[], None], ...] = (database, migrations, keys, files)


def look() -> list[Found]:
    """Look at everything; without a database what needs one is not asked."""
    found: list[Found] = []
    for check in CHECKS:
        try:
            if check in (migrations, keys) and found and not found[0].ok:
                raise NotReady("the database is away")
            check()
            found.append(Found(check.__name__))
        except NotReady as why:
            found.append(Found(check.__name__, str(why)))
        except (DatabaseError, HeliError, ValueError) as error:
            found.append(Found(check.__name__, type(error).__name__))  # its text may hold a password
    return found


_lock = threading.Lock()
_last: tuple[float, list[Found]] = (-FRESH, [])


def ready() -> list[Found]:
    """What `look` found, at most two seconds ago."""
    global _last  # noqa: PLW0603
    with _lock:
        if time.monotonic() - _last[0] >= FRESH:
            found = look()
            _last = (time.monotonic(), found)
        return _last[1]

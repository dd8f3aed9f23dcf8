"""A write that is asked with a key happens once: whoever asks again with the same key gets the first answer.

The row of the key is inserted in the transaction of the write. A second request with the same key waits on the unique
index until the first has ended, and then either finds its answer or, if it failed, does the write itself: a write that
failed leaves no key behind. Cost beside the write: one INSERT and one UPDATE.

Source: IETF draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from heli.core import vault
from heli.core.errors import HeliError
from heli.core.models import Once

KEPT = dt.timedelta(hours=48)
LONGEST = 80  # characters of a key


class KeyUsed(HeliError):
    code = "L-527"
    status = 422
    sentence = _(
        "This key was used for something else. Make a new key for each thing you do, and keep it for repeating."
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `again`: by an earlier request with this key."""

    status: int
    body: str
    again: bool = False


def fingerprint(*parts: bytes | str) -> bytes:
    """32 bytes that stand for what was asked; each part is bound to its place by its length."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def once(*, who: str, key: str, asked: bytes, at: dt.datetime, act: Callable[[], tuple[int, str]]) -> Answer:
    """Do `act` in a transaction unless `who` has done it with this key before; (status, body) is kept, sealed.

    `asked` is the `fingerprint` of the whole question. Whatever `act` raises is raised, and nothing is kept.

    Raises:
        KeyUsed: the key was used for another question (L-527).
    """
    bond = f"once:{who}:{key}"
    with transaction.atomic():
        if not _claim(who, key, asked, at):
            found = Once.objects.get(who=who, key=key)
            if bytes(found.fingerprint) != asked:
                raise KeyUsed
            return Answer(found.status or 200, vault.open_bytes(bond, found.answer).decode(), again=True)
        status, body = act()
        Once.objects.filter(who=who, key=key).update(status=status, answer=vault.seal_bytes(bond, body.encode()))
    return Answer(status, body)


def _claim(who: str, key: str, asked: bytes, at: dt.datetime) -> bool:
    """Insert the key; False when it is there already. Waits for a transaction that is inserting the same one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_once (who, key, fingerprint, status, answer, at) VALUES (%s, %s, %s, NULL, '', %s)"
            " ON CONFLICT (who, key) DO NOTHING",
            [who, key, asked, at],
        )
        return bool(cursor.rowcount == 1)


def forget(*, before: dt.datetime, batch: int = 5000) -> int:
    """Delete keys older than `before`; returns how many. Their writes stay."""
    old = Once.objects.filter(at__lt=before).order_by("at").values("pk")[:batch]
    return int(Once.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0])

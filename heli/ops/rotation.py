"""Changing the vault's key while the system serves.

Everything sealed is listed here (a test holds the list against the code). Each batch is one short transaction that locks
what it takes and skips what others hold; what is left over is met in the next pass. Cut off anywhere, it is begun again:
what is under the new key is passed over. A process that still has the old key first goes on sealing under it, so all are
restarted with the new key in front before; `keys` says when nothing is left under the old one.

A key's id stands before each cipher text ('k1:…'), or in `key_id` of the vault's own rows.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core import signing
from django.db import connection, models, transaction

from heli.core import vault
from heli.core.models import Once, VaultRecord
from heli.hooks.models import Endpoint
from heli.hooks.secrets import kind_of as endpoint_kind
from heli.ledger.models import LogKey, Person
from heli.loop.batch_models import Batch
from heli.places.site_tables import SiteTable
from heli.volunteering.models import Outgoing, Roster, Shift

BATCH = 500
PASSES = 5  # what others held during one pass is met in the next
Progress = Callable[[int], None]


@dataclass(slots=True)
class Done:
    """`sealed`: things under a new key now. `unreadable`: things no key here opens; they stay as they were."""

    sealed: int = 0
    unreadable: int = 0


def key_of(text: str) -> str:
    """The id of the key a text is under; '' for a text that is not sealed."""
    return text.partition(":")[0] if ":" in text else ""


def anew(kind: str, text: str) -> str:
    """A text sealed anew under the present key. Raises CannotOpen (L-501)."""
    return vault.seal_bytes(kind, vault.open_bytes(kind, text))


# What is sealed -------------------------------------------------------------------------------------------------------
class Sealed(ABC):
    """Rows of a table that hold sealed texts: how to find the texts in a row, and put others in their place.

    `kind`: what `vault.seal_bytes` was told they are, or how that begins.
    """

    kind: str

    def __init__(self, name: str, rows: models.QuerySet[Any]) -> None:
        self.name, self.rows = name, rows

    @abstractmethod
    def texts(self, row: Any) -> list[str]:
        """The sealed texts of a row."""

    @abstractmethod
    def replace(self, row: Any) -> None:
        """Seal the row's texts anew and save them."""


class Columns(Sealed):
    """Text columns, each empty or sealed. `bond`: the kind a row's texts are bound to."""

    def __init__(
        self, name: str, rows: models.QuerySet[Any], fields: tuple[str, ...], kind: str, bond: Callable[[Any], str]
    ) -> None:
        super().__init__(name, rows)
        self.fields, self.kind, self.bond = fields, kind, bond

    def texts(self, row: Any) -> list[str]:
        return [text for field in self.fields if (text := getattr(row, field))]

    def replace(self, row: Any) -> None:
        for field in self.fields:
            if text := getattr(row, field):
                setattr(row, field, anew(self.bond(row), text))
        row.save(update_fields=list(self.fields))


class SecondFactors(Sealed):
    """Keys of second factors and seeds of recovery codes, inside the account library's JSON."""

    kind = "second-factor"
    fields = ("secret", "seed", "migrated_codes")

    def __init__(self) -> None:
        super().__init__("second factors", Authenticator.objects.all())

    def texts(self, row: Any) -> list[str]:
        found = (row.data.get(name) for name in self.fields)
        return [t for v in found if v for t in (v if isinstance(v, list) else [v])]

    def replace(self, row: Any) -> None:
        for name in self.fields:
            if value := row.data.get(name):
                row.data[name] = (
                    [anew(self.kind, t) for t in value] if isinstance(value, list) else anew(self.kind, value)
                )
        row.save(update_fields=["data"])


class Sessions(Sealed):
    """Sessions: sealed inside what Django signs."""

    kind = "session"

    def __init__(self) -> None:
        self.store = importlib.import_module(settings.SESSION_ENGINE).SessionStore
        super().__init__("sessions", self.store.get_model_class().objects.all())

    class Raw:
        """A serializer that opens nothing."""

        def dumps(self, obj: str) -> bytes:
            return obj.encode()

        def loads(self, data: bytes) -> str:
            return data.decode()

    def _inner(self, row: Any) -> str:
        salt = self.store().key_salt
        try:
            return str(signing.loads(row.session_data, salt=salt, serializer=self.Raw))
        except signing.BadSignature:
            return ""  # signed with a SECRET_KEY of before: it counts as none

    def texts(self, row: Any) -> list[str]:
        text = self._inner(row)
        return [text] if text else []

    def replace(self, row: Any) -> None:
        salt = self.store().key_salt
        row.session_data = signing.dumps(
            anew(self.kind, self._inner(row)), salt=salt, serializer=self.Raw, compress=True
        )
        row.save(update_fields=["session_data"])


def everything() -> list[Sealed]:
    """All that is sealed beside the vault's own rows."""
    return [
        Sessions(),
        SecondFactors(),
        Columns("answers", Once.objects.all(), ("answer",), "once:", lambda once: f"once:{once.who}:{once.key}"),
        Columns("batches", Batch.objects.exclude(content=""), ("content",), "batch:", attrgetter("bound")),
        Columns("site tables", SiteTable.objects.exclude(content=""), ("content",), "site-table:", attrgetter("bound")),
        Columns("rosters", Roster.objects.exclude(content=""), ("content",), "roster:", attrgetter("bound")),
        Columns("outbox", Outgoing.objects.exclude(payload=""), ("payload",), "outgoing:", attrgetter("bound")),
        Columns(
            "salts", Person.objects.exclude(salt=""), ("salt",), "ledger.salt:", lambda p: f"ledger.salt:{p.user_id}"
        ),
        Columns("log keys", LogKey.objects.all(), ("private",), "ledger.key:", lambda k: f"ledger.key:{k.origin}"),
        Columns("shifts", Shift.objects.all(), ("secret", "pin"), "shift", lambda _shift: "shift"),
        Columns(  # a seed that was drawn from is published in plain
            "draws",
            Shift.objects.filter(drawn_at=None).exclude(draw_seed=""),
            ("draw_seed",),
            "shift",
            lambda _s: "shift",
        ),
        Columns("hooks", Endpoint.objects.all(), ("secret", "old_secret"), "hooks.secret:", endpoint_kind),
    ]


# Kinds that are sealed and kept nowhere.
EPHEMERAL = ("twin", "ready")  # a form's hidden field, good for one visit; a trial whether keys work


# Doing it -------------------------------------------------------------------------------------------------------------
def _batches(rows: models.QuerySet[Any]) -> Iterator[list[Any]]:
    """Rows in the order of their key, each batch locked in a transaction that ends when the next one is asked for."""
    last: Any = None
    while True:
        with transaction.atomic():
            ahead = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
            batch = list(ahead.select_for_update(skip_locked=True, of=("self",))[:BATCH])
            if batch:
                yield batch
        if not batch:
            return
        last = batch[-1].pk


def _one(seal: Callable[[], None], done: Done) -> int:
    try:
        seal()
    except vault.CannotOpen:
        done.unreadable += 1
        return 0
    done.sealed += 1
    return 1


def _records(current: str, done: Done) -> int:
    moved = 0
    for batch in _batches(VaultRecord.objects.exclude(key_id=current)):
        opened = []
        for record in batch:
            try:
                vault.fill(record)  # opens what is under another key and seals it under the present one
                opened.append(record)
            except vault.CannotOpen:
                done.unreadable += 1
        _save(opened)
        done.sealed += len(opened)
        moved += len(opened)
    return moved


def _save(records: list[VaultRecord]) -> None:
    """A batch in one statement. Call while holding the rows' locks."""
    columns = ("id", "key_id", *vault.FIELDS)
    kinds = ("bigint", "varchar", *["bytea"] * len(vault.FIELDS))
    given = ", ".join(f"%s::{kind}[]" for kind in kinds)
    changed = ", ".join(f"{name} = d.{name}" for name in columns[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE core_vaultrecord v SET {changed} FROM unnest({given}) AS d ({', '.join(columns)}) WHERE v.id = d.id",
            [[getattr(record, name) for record in records] for name in columns],
        )


def _texts(sealed: Sealed, current: str, done: Done) -> int:
    moved = 0
    for batch in _batches(sealed.rows):
        for row in batch:
            if any(key_of(text) != current for text in sealed.texts(row)):
                moved += _one(lambda row=row: sealed.replace(row), done)  # type: ignore[misc]
    return moved


def rotate(*, progress: Progress = lambda _n: None) -> Done:
    """Seal everything under the first of HELI_VAULT_KEYS. Run it after every process was restarted with it in front."""
    current, done = next(iter(vault.keys())), Done()
    for again in range(PASSES):
        before, done.unreadable = done.sealed, 0
        progress(_records(current, done))
        for sealed in everything():
            progress(_texts(sealed, current, done))
        if done.sealed == before and again:
            break
    return done


def keys() -> list[dict[str, Any]]:
    """How much is under each key: a row for each key that is set or in use, what is in front first.

    'set': in HELI_VAULT_KEYS here. 'may_go': not in front, and nothing is under it.
    """
    counts: dict[str, Counter[str]] = {"records": Counter()}
    rows = VaultRecord.objects.order_by().values_list("key_id").annotate(n=models.Count("pk"))
    counts["records"].update(dict(rows))
    for sealed in everything():
        tally = counts.setdefault(sealed.name, Counter())
        for row in sealed.rows.iterator(chunk_size=BATCH):
            tally.update(key_of(text) for text in sealed.texts(row))
    held = list(vault.keys())
    used = sorted({k for tally in counts.values() for k in tally} - set(held))
    said = []
    for place, key in enumerate([*held, *used]):
        of = {name: tally[key] for name, tally in counts.items()}
        total = sum(of.values())
        said.append({"key": key, "set": key in held, **of, "total": total, "may_go": place > 0 and total == 0})
    return said

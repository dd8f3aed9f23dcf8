"""What is asked of certificates: their leaves, how one stands now and on a day, lists, and the name that is printed."""

from __future__ import annotations

import datetime as dt
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils import timezone

from heli.core import vault
from heli.core.actor import Actor
from heli.core.days import day_of, midnight
from heli.core.models import VaultRecord
from heli.core.paging import Page, keyset
from heli.engines import merkle, serial
from heli.engines.serial import BadSerial
from heli.ledger import log
from heli.ledger.certificate_models import Certificate, CertificateLine
from heli.ledger.models import Checkpoint, Entry, Kind, Person, Service
from heli.ledger.queries import length
from heli.people.models import User


# The name -------------------------------------------------------------------------------------------------------------
class Kept(NamedTuple):
    """A name that a room keeps, and whether the check of the real name was done."""

    record: VaultRecord
    checked: bool


Keeper = Callable[[int], Kept | None]
_keepers: list[Keeper] = []


def names_from(keeper: Keeper) -> None:
    """Said once, at start, by a room that keeps names and has them checked: account → what it keeps. The last one counts;
    where it has none, the account's own record is used, and nobody has checked that."""
    _keepers[:] = [keeper]


def _kept(user_id: int) -> Kept | None:
    for keeper in _keepers:
        if (kept := keeper(user_id)) is not None:
            return kept
    user = User.objects.select_related("record").filter(pk=user_id).first()
    return Kept(user.record, checked=False) if user is not None and user.record is not None else None


def record_of(user_id: int) -> VaultRecord | None:
    """Whose name is printed."""
    kept = _kept(user_id)
    return kept.record if kept else None


def name_checked(user_id: int) -> bool:
    """Whether somebody compared this name with the identity card. One statement, two for who never registered."""
    kept = _kept(user_id)
    return kept is not None and kept.checked


def name_of(user_id: int) -> str:
    """The full name, opened for its owner; '' where none is kept."""
    record = record_of(user_id)
    return vault.open_own(record)["name"].strip() if record is not None else ""


def mark_of_name(name: str) -> bytes:
    return vault.blind("certificate name", name)


def same_name(name: str, certificate: Certificate) -> bool:
    """Whether it was issued to this name."""
    return hmac.compare_digest(mark_of_name(name), bytes(certificate.name_mark))


# Leaves ---------------------------------------------------------------------------------------------------------------
def issued_leaf(c: Certificate, entries: Sequence[int]) -> dict[str, Any]:
    """The certificate as JSON; its person was read with it. No name stands in it, not even its mask."""
    return {
        "alg": "sha256",
        "kind": "certificate.issued",
        "certificate": c.pk,
        "code": c.code,
        "person": bytes(c.person.mark).hex(),
        "template": c.template,
        "language": c.language,
        "org": c.org_id,
        "from": c.first_day.isoformat(),
        "to": c.last_day.isoformat(),
        "minutes": c.minutes,
        "entries": list(entries),
        "issued": log.instant(c.issued_at),
        "by": c.issued_by,
    }


def issued_leaves(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Two statements."""
    rows = Certificate.objects.filter(pk__in=ids).select_related("person")
    entries: dict[int, list[int]] = {}
    lines = CertificateLine.objects.filter(certificate__in=ids).order_by("certificate_id", "n")
    for pk, entry in lines.values_list("certificate_id", "entry_id"):
        entries.setdefault(pk, []).append(entry)
    return {c.pk: issued_leaf(c, entries.get(c.pk, [])) for c in rows}


def revoked_leaves(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """One statement."""
    return {
        c.pk: {
            "alg": "sha256",
            "kind": "certificate.revoked",
            "certificate": c.pk,
            "code": c.code,
            "at": log.instant(c.revoked_at),
            "by": c.revoked_by,
            "reason": c.revoke_reason,
        }
        for c in Certificate.objects.filter(pk__in=ids, revoked_at__isnull=False)
    }


log.register("certificate", issued_leaves)
log.register("revocation", revoked_leaves)


def things(c: Certificate) -> list[tuple[str, int]]:
    """What its proof shows: itself, and its entries in their order. One statement."""
    entries = CertificateLine.objects.filter(certificate=c).order_by("n").values_list("entry_id", flat=True)
    return [("certificate", c.pk), *(("entry", pk) for pk in entries)]


# How it stands --------------------------------------------------------------------------------------------------------
# Written out: putting these together by the ORM cost half of the page's time.
FIND = """
SELECT c.*, p.mark, p.user_id AS holder, q.index AS place, q.hash AS print
  FROM ledger_certificate c
  JOIN ledger_person p ON p.id = c.person_id
  LEFT JOIN ledger_sequenced q ON q.source = 'certificate' AND q.source_id = c.id
 WHERE c.code = %s
"""
# `taken`: it was taken back; `credited`: what its service has now; `then`: what it had at a moment.
STANDS_ON = """
SELECT e.*, s.source_type, s.source_id, s.enrolled_at, s.credited, p.mark, q.index AS place, q.hash AS print,
       EXISTS (SELECT 1 FROM ledger_entry r WHERE r.supersedes_id = e.id) AS taken,
       (SELECT CASE t.kind WHEN 'approved' THEN t.minutes ELSE 0 END FROM ledger_entry t
         WHERE t.service_id = s.id AND t.kind IN ('approved', 'reversed') AND t.at < %s ORDER BY t.id DESC LIMIT 1) AS "then"
  FROM ledger_certificateline l
  JOIN ledger_entry e ON e.id = l.entry_id
  JOIN ledger_service s ON s.id = e.service_id
  JOIN ledger_person p ON p.id = s.person_id
  LEFT JOIN ledger_sequenced q ON q.source = 'entry' AND q.source_id = e.id
 WHERE l.certificate_id = %s
 ORDER BY l.n
"""
HEAD = """
SELECT h.*, k.origin, k.public,
       (SELECT count(DISTINCT w.verifier) FROM ledger_cosignature w JOIN ledger_checkpoint x ON x.id = w.checkpoint_id
         WHERE x.size > %s) AS signed,
       (SELECT count(DISTINCT verifier) FROM ledger_cosignature) AS witnesses
  FROM ledger_checkpoint h
  LEFT JOIN (SELECT origin, public FROM ledger_logkey ORDER BY id DESC LIMIT 1) k ON true
 ORDER BY h.id DESC LIMIT 1
"""


def find(typed: str) -> Certificate | None:
    """The one with this number, with its person and its place in the log. One statement; none for what cannot be a number."""
    try:
        code = serial.normalise(typed)
    except BadSerial:
        return None
    found: Any = next(iter(Certificate.objects.raw(FIND, [code])), None)
    if found is not None:
        found.person = Person(pk=found.person_id, mark=found.mark, user_id=found.holder)
    return found  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class InLog:
    """What of a certificate the public log shows."""

    entries: int  # that the certificate stands on
    placed: int  # of these, in the last signed log and what they were
    head_at: dt.datetime | None
    proven: bool  # the certificate's own leaf leads to the signed head
    signed: int  # witnesses who signed a head that holds it
    witnesses: int  # who ever signed one

    @property
    def ok(self) -> bool:
        return self.proven and self.placed == self.entries


@dataclass(frozen=True, slots=True)
class OnDay:
    """How it stood when a day ended (today: now). `state`: before | revoked | corrected | valid; minutes that count."""

    day: dt.date
    state: str
    minutes: int

    @property
    def hours(self) -> str:
        return length(self.minutes)


@dataclass(frozen=True, slots=True)
class Standing:
    """A certificate, how it stands now and on a day, who recorded its hours, and what the log shows."""

    certificate: Certificate
    now: OnDay
    then: OnDay
    units: tuple[str, ...]
    log: InLog
    services: tuple[int, ...] = ()

    @property
    def hours(self) -> str:
        """As it was certified."""
        return length(self.certificate.minutes)


def standing(c: Certificate, at: dt.datetime, on: dt.date | None = None) -> Standing:
    """Computed from the rows as they are now; `c` comes from `find`. `on`: a day, else the one it was issued on.

    Statements: 3 (entries with what became of them, the last head with its witnesses, the tiles of one proof).
    """
    day = on or timezone.localdate(c.issued_at)
    until = min(midnight(day + dt.timedelta(days=1)), at)
    entries = _entries(c, until)
    today = sum(e.credited or 0 if e.taken else e.minutes for e in entries)
    then = sum(e.then or 0 for e in entries)
    return Standing(
        c,
        OnDay(timezone.localdate(at), _state(c, at, today), today),
        OnDay(day, "before" if day < timezone.localdate(c.issued_at) else _state(c, until, then), then),
        tuple(dict.fromkeys(e.facts["unit"] for e in entries)),
        _in_log(c, entries),
        tuple(e.service_id for e in entries),
    )


# One line that changes with anything the page says: the certificate, all entries of its services, their places, the head.
STATE = """
SELECT sha256(convert_to(concat_ws('|', c.*::text, p.*::text, q.*::text, h.id, h.*::text,
         (SELECT max(id) FROM ledger_logkey), (SELECT max(id) FROM ledger_cosignature),
         (SELECT string_agg(concat_ws('|', l.n, s.*::text, e.*::text, x.*::text), '|' ORDER BY l.n, e.id)
            FROM ledger_certificateline l
            JOIN ledger_entry o ON o.id = l.entry_id
            JOIN ledger_service s ON s.id = o.service_id
            JOIN ledger_entry e ON e.service_id = s.id
            LEFT JOIN ledger_sequenced x ON x.source = 'entry' AND x.source_id = e.id
           WHERE l.certificate_id = c.id)), 'UTF8'))
  FROM ledger_certificate c
  JOIN ledger_person p ON p.id = c.person_id
  LEFT JOIN ledger_sequenced q ON q.source = 'certificate' AND q.source_id = c.id
  LEFT JOIN LATERAL (SELECT * FROM ledger_checkpoint ORDER BY id DESC LIMIT 1) h ON true
 WHERE c.code = %s
"""
KEPT = 2000  # answers kept in a process


@dataclass(frozen=True, slots=True)
class Look:
    """How one stands, and what says so: the same `key` is the same answer, so that what is made of it can be kept."""

    standing: Standing
    key: tuple[Any, ...]


_looks: OrderedDict[tuple[Any, ...], Standing] = OrderedDict()


def look(typed: str, at: dt.datetime, on: dt.date | None = None) -> Look | None:
    """How the certificate of this number stands (`standing`); None where there is none.

    What it says follows from the rows that STATE reads, each time: while none of them changed, hashes, signature and proof
    are not computed anew. A proof that led to a signed head once does so for ever. Statements: 1 then, 6 the first time.
    """
    try:
        code = serial.normalise(typed)
    except BadSerial:
        return None
    rows = _state_of(code)
    if rows is None:
        return None
    today = timezone.localdate(at)
    key = (rows, today, on)
    if (known := _looks.get(key)) is not None:
        return Look(known, key)
    found = find(code)
    if found is None:
        return None
    said = standing(found, at, on)
    if _state_of(code) == rows:  # nothing changed in between: this is the answer to these rows
        _looks[key] = said
        if len(_looks) > KEPT:
            with suppress(KeyError):  # another thread was as quick
                _looks.popitem(last=False)
    return Look(said, key)


def _state_of(code: str) -> bytes | None:
    with connection.cursor() as cursor:
        cursor.execute(STATE, [code])
        row = cursor.fetchone()
    return bytes(row[0]) if row else None


def stands(c: Certificate) -> bool:
    """Whether it is as it was issued: neither revoked nor corrected. One statement."""
    corrected = CertificateLine.objects.filter(certificate=c, entry__superseded_by__isnull=False)
    return c.revoked_at is None and not corrected.exists()


def _entries(c: Certificate, until: dt.datetime) -> list[Any]:
    """What it stands on, in its order, with what became of it. One statement."""
    rows: list[Any] = list(Entry.objects.raw(STANDS_ON, [until, c.pk]))
    for e in rows:
        e.service = Service(
            pk=e.service_id, source_type=e.source_type, source_id=e.source_id, enrolled_at=e.enrolled_at, credited=e.credited,
            person=Person(mark=e.mark),
        )  # fmt: skip
    return rows


def _state(c: Certificate, at: dt.datetime, minutes: int) -> str:
    if c.revoked_at is not None and c.revoked_at <= at:
        return "revoked"
    return "valid" if minutes == c.minutes else "corrected"


def _in_log(c: Any, entries: Sequence[Any]) -> InLog:
    head: Any = next(iter(Checkpoint.objects.raw(HEAD, [-1 if c.place is None else c.place])), None)
    if head is None or c.place is None or c.place >= head.size:
        return InLog(len(entries), 0, None, False, 0, (head and head.witnesses) or 0)
    same = [
        e.place is not None and e.place < head.size and merkle.leaf_hash(log.leaf(log.entry_leaf(e))) == bytes(e.print)
        for e in entries
    ]
    own = merkle.leaf_hash(log.leaf(issued_leaf(c, [e.pk for e in entries])))
    return InLog(
        len(entries), sum(same), head.at, _proven(own, c.place, head), head.signed or 0, head.witnesses or 0
    )  # fmt: skip


def _proven(own: bytes, place: int, head: Any) -> bool:
    """Whether this leaf leads to the root that was signed with the log's key. One statement."""
    try:
        text, signed = merkle.open_note(head.note, [merkle.Verifier(head.origin, bytes(head.public))])
        said = merkle.Head.read(text)
        path = log.tree_for([place], said.size).inclusion(place)
    except (ValueError, IndexError):  # BadNote is a ValueError; a tile that is not whole has no such hash
        return False
    return head.origin in signed and merkle.included(own, place, said.size, path, said.root)


# Lists ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Filters:
    """What a list shows: the number, the state (valid, revoked; corrected is found by opening one), from and to days."""

    q: str = ""
    state: str = ""
    first: dt.date | None = None
    last: dt.date | None = None

    @classmethod
    def read(cls, typed: Mapping[str, str]) -> Filters:
        state = typed.get("state", "")
        return cls(
            typed.get("q", "").strip()[:60],
            state if state in {"valid", "revoked"} else "",
            day_of(typed.get("first", "")),
            day_of(typed.get("last", "")),
        )

    def kept(self) -> dict[str, str]:
        named = {"q": self.q, "state": self.state, "first": self.first, "last": self.last}
        return {k: str(v) for k, v in named.items() if v}


def listed(rows: QuerySet[Certificate], f: Filters) -> QuerySet[Certificate]:
    """Those that fit the filters."""
    if f.q:
        rows = rows.filter(code__startswith=serial.read(f.q))
    if f.state:
        rows = rows.filter(revoked_at__isnull=f.state == "valid")
    if f.first:
        rows = rows.filter(issued_at__gte=midnight(f.first))
    if f.last:
        rows = rows.filter(issued_at__lt=midnight(f.last + dt.timedelta(days=1)))
    taken: Any = CertificateLine.objects.filter(certificate=OuterRef("pk"), entry__superseded_by__isnull=False)
    taken = taken.order_by().values("certificate").annotate(n=Count("pk"))
    return rows.select_related("org").annotate(taken=Subquery(taken.values("n")))


def own(actor: Actor, *, after: str | None = None) -> Page[Certificate]:
    """Those issued to oneself, newest first. One statement."""
    rows = Certificate.objects.filter(person__user=actor.user_id) if actor.user_id else Certificate.objects.none()
    return keyset(listed(rows, Filters()), order=("-issued_at", "-id"), after=after, size=20)


def desk(actor: Actor, f: Filters) -> QuerySet[Certificate]:
    """Those a recorder or reviewer looks after."""
    return listed(Certificate.objects.looked_after_by(actor), f)


def units_of(actor: Actor) -> list[tuple[int, str]]:
    """(unit, its name) of those who recorded one's approved hours. One statement."""
    rows = Entry.objects.filter(service__person__user=actor.user_id, kind=Kind.APPROVED, superseded_by=None)
    return list(rows.order_by().values_list("service__org", "service__org__name").distinct())

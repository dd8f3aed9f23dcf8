"""The public log: which leaf has which place, the tree over them, its signed heads, and what is published of it.

A leaf is made of a row by its source (SOURCES), so that other rooms' papers may stand in the same log: whoever registers a
source gives a function from ids to the JSON of their leaves, and adds a row to Waiting when a thing is there. A leaf's
bytes: PREFIX, then RFC 8785 JSON. Only hashes are public; who holds a leaf can show its place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from heli.core import vault
from heli.engines import merkle
from heli.engines.certificate import LEAF, Leaf, Proof
from heli.engines.merkle import WIDTH, Head, Tree, Verifier
from heli.ledger.errors import LogBroken
from heli.ledger.models import Checkpoint, Entry, LogKey, Node, Sequenced, Waiting
from heli.rulebook import queries as rulebook

PREFIX: Final = LEAF
BATCH: Final = 2000  # leaves given their place in one transaction
LOCK: Final = 0x6C6F67  # "log": one sequencer at a time

Leaves = Callable[[Sequence[int]], dict[int, dict[str, Any]]]
SOURCES: dict[str, Leaves] = {}


def register(source: str, leaves: Leaves) -> None:
    """A kind of rows that are leaves: ids → their JSON, without those that are not there. Constant statements."""
    SOURCES[source] = leaves


def leaf(value: dict[str, Any]) -> bytes:
    """The bytes of a leaf."""
    return PREFIX + rfc8785.dumps(value)


def instant(at: dt.datetime | None) -> str | None:
    return None if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_leaf(e: Entry) -> dict[str, Any]:
    """An entry as JSON; its service and person were read with it. What it supersedes is named by its id: its place is in
    the log, too."""
    return {
        "alg": "sha256",
        "kind": f"hours.{e.kind}",
        "entry": e.pk,
        "service": e.service_id,
        "source": f"{e.service.source_type}:{e.service.source_id}",
        "person": bytes(e.service.person.mark).hex(),
        "enrolled": instant(e.service.enrolled_at),
        "minutes": e.minutes,
        "starts": instant(e.starts),
        "ends": instant(e.ends),
        "grade": e.grade,
        "by": e.by_id,
        "at": instant(e.at),
        "supersedes": e.supersedes_id,
        "reason": e.reason,
        "facts": e.facts,
    }


def entry_leaves(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Entries as JSON. One statement."""
    rows = Entry.objects.filter(pk__in=ids).select_related("service__person").order_by()
    return {e.pk: entry_leaf(e) for e in rows}


register("entry", entry_leaves)


# The tree -------------------------------------------------------------------------------------------------------------
def read(level: int, start: int, stop: int) -> list[bytes]:
    """Stored hashes. One statement."""
    rows: Any
    if level == 0:
        rows = Sequenced.objects.filter(index__gte=start, index__lt=stop).order_by("index")
    else:
        rows = Node.objects.filter(level=level, n__gte=start, n__lt=stop).order_by("n")
    return [bytes(x) for x in rows.values_list("hash", flat=True)]


def size() -> int:
    last = Sequenced.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def sequence(most: int = BATCH) -> int:
    """Give waiting leaves their places, in the order in which they came; how many. One transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        waiting = list(Waiting.objects.order_by("pk")[:most])
        if not waiting:
            return 0
        made: dict[tuple[str, int], bytes] = {}
        for source in {w.source for w in waiting}:
            ids = [w.source_id for w in waiting if w.source == source]
            made |= {(source, pk): merkle.leaf_hash(leaf(value)) for pk, value in SOURCES[source](ids).items()}
        found = [w for w in waiting if (w.source, w.source_id) in made]
        first = size()
        hashes = [made[w.source, w.source_id] for w in found]
        nodes = merkle.grow(read, first, hashes)
        Sequenced.objects.bulk_create(
            Sequenced(index=first + i, source=w.source, source_id=w.source_id, hash=made[w.source, w.source_id])
            for i, w in enumerate(found)
        )
        Node.objects.bulk_create(Node(level=level, n=n, hash=node) for level, n, node in nodes)
        Waiting.objects.filter(pk__in=[w.pk for w in found]).delete()
    return len(found)


# Heads ----------------------------------------------------------------------------------------------------------------
def key(at: dt.datetime) -> LogKey:
    """The log's key, made when it is first asked for."""
    found = LogKey.objects.order_by("pk").last()
    if found is not None:
        return found
    origin = f"{urlsplit(settings.HELI_PUBLIC_URL).netloc or 'heli'}/log"
    private = Ed25519PrivateKey.generate()
    made, _new = LogKey.objects.get_or_create(
        origin=origin,
        defaults={
            "public": private.public_key().public_bytes_raw(),
            "private": vault.seal_bytes(f"ledger.key:{origin}", private.private_bytes_raw()),
            "since": at,
        },
    )
    return made


def verifier(of: LogKey) -> Verifier:
    return Verifier(of.origin, bytes(of.public))


def checkpoint(at: dt.datetime) -> Checkpoint:
    """Sign the log as it is. That it begins with what was signed before is proven first.

    Raises LogBroken (L-915): it does not; nothing is signed, and somebody has to look (heli ledger check).
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        mine, tree = key(at), Tree(read, size())
        last = Checkpoint.objects.order_by("pk").last()
        try:
            root = tree.root()
            if last is not None and last.size:
                proof = tree.consistency(last.size)
                if not merkle.consistent(last.size, bytes(last.root), tree.size, root, proof):
                    raise LogBroken
        except (ValueError, IndexError) as error:
            raise LogBroken from error
        text = Head(mine.origin, tree.size, root).text
        private = vault.open_bytes(f"ledger.key:{mine.origin}", mine.private)
        note = f"{text}\n{merkle.sign(text, mine.origin, private)}"
        return Checkpoint.objects.create(size=tree.size, root=root, note=note, at=at)


def due(at: dt.datetime) -> bool:
    """Whether a head is to be signed now: something changed and the last is old enough, or it is too old."""
    last = Checkpoint.objects.order_by("pk").last()
    if last is None:
        return True
    rules = rulebook.in_force(
        ("ledger.checkpoint", "ledger.checkpoint_least"), path="", on=timezone.localtime(at).date()
    )
    age = at - last.at
    soon, least = (dt.timedelta(minutes=int(rules[k].value)) for k in ("ledger.checkpoint", "ledger.checkpoint_least"))
    return age >= least or (age >= soon and last.size < size())


def note_of(head: Checkpoint) -> str:
    """A head with what witnesses signed under it since."""
    return head.note + "".join(head.cosignatures.order_by("pk").values_list("line", flat=True))


# What is published ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Tile:
    level: int
    n: int
    width: int

    @property
    def path(self) -> str:
        return merkle.tile_path(self.level, self.n, self.width)

    def content(self) -> bytes:
        start = self.n * WIDTH
        return b"".join(read(self.level, start, start + self.width))


def tiles(length: int, before: int = 0) -> Iterator[Tile]:
    """The tiles of a log of that length that one of length `before` did not have."""
    level = 0
    while length:
        for n in range(before // WIDTH, -(-length // WIDTH)):
            yield Tile(level, n, min(WIDTH, length - n * WIDTH))
        length, before, level = length // WIDTH, before // WIDTH, level + 1


def folder() -> Path:
    return Path(settings.VAR) / "log"


def behind(into: Path) -> bool:
    """Whether the last head is not the one that is published there."""
    known, head = into / "checkpoint", Checkpoint.objects.order_by("pk").last()
    return head is not None and not (known.exists() and known.read_text().startswith(head.note))


def publish(into: Path) -> int:
    """Write the tiles of the last head, then the head; how many files. What is there stays as it is."""
    head = Checkpoint.objects.order_by("pk").last()
    if head is None:
        return 0
    wrote, before = 0, 0
    known = into / "checkpoint"
    if known.exists():
        lines = known.read_text().split("\n")
        before = min(int(lines[1]) if len(lines) > 1 and lines[1].isdecimal() else 0, head.size)
    for tile in tiles(head.size, before):
        path = into / tile.path
        if not path.exists():
            _write(path, tile.content())
            wrote += 1
    _write(known, note_of(head).encode())
    return wrote + 1


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: readers never meet half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    draft.replace(path)


# Proofs ---------------------------------------------------------------------------------------------------------------
def tree_for(indexes: Iterable[int], length: int) -> Tree:
    """The tree of that length with what the proofs of these leaves read: at each level the tile above each leaf, and the
    last one. One statement."""
    ranges: list[int] = []
    above, here, level = set(indexes), length, 0
    while here:
        for n in sorted({i // WIDTH for i in above} | {(here - 1) // WIDTH}):
            if n * WIDTH < here:
                ranges += [level, n * WIDTH, min((n + 1) * WIDTH, here)]
        above, here, level = {i // WIDTH for i in above}, here // WIDTH, level + 1
    have: dict[tuple[int, int], bytes] = {}
    if ranges:
        wanted = ", ".join(["(%s, %s, %s)"] * (len(ranges) // 3))
        with connection.cursor() as cursor:
            cursor.execute(
                f"WITH w (level, lo, hi) AS (VALUES {wanted})"
                " SELECT 0, s.index, s.hash FROM w JOIN ledger_sequenced s ON w.level = 0 AND s.index >= w.lo AND s.index < w.hi"
                " UNION ALL SELECT d.level, d.n, d.hash FROM w JOIN ledger_node d"
                " ON d.level = w.level AND d.n >= w.lo AND d.n < w.hi",
                ranges,
            )
            have = {(at, n): bytes(found) for at, n, found in cursor.fetchall()}
    return Tree(lambda at, start, stop: [have[at, n] for n in range(start, stop) if (at, n) in have], length)


def proof(wanted: Sequence[tuple[str, int]]) -> Proof | None:
    """That these things are in the log, in this order; None: the last head does not hold all of them yet.

    Statements: 4, and one for each source.
    """
    head = Checkpoint.objects.order_by("pk").last()
    if head is None:
        return None
    values: dict[tuple[str, int], dict[str, Any]] = {}
    places: dict[tuple[str, int], int] = {}
    for source in {s for s, _pk in wanted}:
        ids = [pk for s, pk in wanted if s == source]
        values |= {(source, pk): value for pk, value in SOURCES[source](ids).items()}
        found = Sequenced.objects.filter(source=source, source_id__in=ids, index__lt=head.size)
        places |= {(source, pk): index for pk, index in found.values_list("source_id", "index")}
    if any(x not in places or x not in values for x in wanted):
        return None
    tree = tree_for(places.values(), head.size)
    leaves = [Leaf(places[x], leaf(values[x]), tree.inclusion(places[x])) for x in wanted]
    return Proof(str(verifier(key(head.at))), note_of(head), leaves)


def cover(wanted: Sequence[tuple[str, int]], at: dt.datetime) -> Proof:
    """The same; what waits gets its place and a head is signed now where that is needed. Raises LogBroken (L-915)."""
    made = proof(wanted)
    if made is None:
        while sequence():
            pass
        checkpoint(at)
        made = proof(wanted)
    if made is None:
        raise LogBroken
    return made

"""Is the ledger what it was? Everything is computed anew from the rows and laid beside what was signed.

What is found whoever did it, a superuser of the database included: an entry or its service edited, deleted, put in past the
way in, put in another order; columns that do not follow from the entries; a database rolled back behind a head that somebody
kept; a head that shows another log than this one. What cannot be found from here: a change made before the first head over
it was signed, and one by somebody who holds the signing key as well, unless a head was kept elsewhere (a witness, a file, a
published copy): that is what heads are published for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.db import connection, transaction

from heli.core import vault
from heli.engines import merkle
from heli.engines.merkle import BadNote, Head, Tree
from heli.ledger import log
from heli.ledger.models import Checkpoint, LogKey, Node, Person, Sequenced
from heli.ledger.steps import mark_of

CHUNK: Final = 5000
# Each service beside what its entries add up to. `last` of a kind is the one written last.
FOLD = """
WITH e AS (
  SELECT service_id, kind, minutes, starts, ends, grade, facts,
         row_number() OVER (PARTITION BY service_id, kind ORDER BY id DESC) AS back,
         row_number() OVER (PARTITION BY service_id, kind IN ('approved', 'reversed') ORDER BY id DESC) AS back_credit,
         row_number() OVER (PARTITION BY service_id, kind IN ('checked', 'approved') ORDER BY id DESC) AS back_grade
    FROM ledger_entry
)
SELECT s.id
  FROM ledger_service s
  LEFT JOIN e p ON p.service_id = s.id AND p.kind = 'planned' AND p.back = 1
  LEFT JOIN e c ON c.service_id = s.id AND c.kind = 'checked' AND c.back = 1
  LEFT JOIN e m ON m.service_id = s.id AND m.kind = 'claimed' AND m.back = 1
  LEFT JOIN e a ON a.service_id = s.id AND a.kind = 'approved' AND a.back_credit = 1
  LEFT JOIN e g ON g.service_id = s.id AND g.kind IN ('checked', 'approved') AND g.back_grade = 1
 WHERE (s.planned, s.starts, s.ends) IS DISTINCT FROM (p.minutes, p.starts, p.ends)
    OR (s.checked, s.in_at, s.out_at) IS DISTINCT FROM (c.minutes, c.starts, c.ends)
    OR s.claimed IS DISTINCT FROM m.minutes
    OR (s.credited, s.credited_from, s.credited_to) IS DISTINCT FROM (a.minutes, a.starts, a.ends)
    OR s.grade IS DISTINCT FROM coalesce(g.grade, '')
    OR (s.state = 'approved') IS DISTINCT FROM (a.minutes IS NOT NULL)
    OR (a.facts IS NOT NULL AND (s.title, s.content, s.place, s.field, s.leader_id, s.org_id) IS DISTINCT FROM
        (a.facts->>'title', a.facts->>'content', a.facts->>'place', a.facts->>'field',
         (a.facts->>'leader')::bigint, (a.facts->>'org')::bigint))
 ORDER BY s.id LIMIT 100
"""
STRAY = """
SELECT e.source, e.id
  FROM (SELECT 'entry' AS source, id FROM ledger_entry
        UNION ALL SELECT 'certificate', id FROM ledger_certificate
        UNION ALL SELECT 'revocation', id FROM ledger_certificate WHERE revoked_at IS NOT NULL) e
 WHERE NOT EXISTS (SELECT 1 FROM ledger_sequenced q WHERE q.source = e.source AND q.source_id = e.id)
   AND NOT EXISTS (SELECT 1 FROM ledger_waiting w WHERE w.source = e.source AND w.source_id = e.id)
 ORDER BY e.source, e.id LIMIT 100
"""


def check(notes: Sequence[tuple[str, str]] = (), published: Path | None = None) -> list[str]:
    """Everything that is wrong, in words for whoever runs it; empty: the ledger is what it was.

    `notes`: (name, text) of heads kept elsewhere. `published`: a copy of what was published. One view of the database
    throughout; memory: 32 bytes a leaf.
    """
    with transaction.atomic():
        if not connection.savepoint_ids:  # not inside somebody else's transaction
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        hashes: list[bytes] = []
        return [
            *_leaves(hashes),
            *_nodes(hashes),
            *_heads(hashes, notes, published),
            *_rows(),
        ]


def _leaves(hashes: list[bytes]) -> Iterator[str]:
    """Each leaf made anew from its row; fills `hashes` with the stored ones."""
    rows = Sequenced.objects.order_by("index").values_list("index", "source", "source_id", "hash")
    chunk: list[Any] = []
    for row in rows.iterator(chunk_size=CHUNK):
        if row[0] != len(hashes):
            yield f"log: place {len(hashes)} is empty; the next one is {row[0]}"
            hashes += [bytes(32)] * min(row[0] - len(hashes), CHUNK)
        hashes.append(bytes(row[3]))
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield from _same(chunk)
            chunk = []
    yield from _same(chunk)


def _same(chunk: Sequence[Any]) -> Iterator[str]:
    values: dict[tuple[str, int], dict[str, Any]] = {}
    for source in {c[1] for c in chunk}:
        if source in log.SOURCES:
            made = log.SOURCES[source]([c[2] for c in chunk if c[1] == source])
            values |= {(source, pk): value for pk, value in made.items()}
    for index, source, pk, stored in chunk:
        value = values.get((source, pk))
        if value is None:
            yield f"{source} {pk} (place {index}) is gone"
        elif merkle.leaf_hash(log.leaf(value)) != bytes(stored):
            yield f"{source} {pk} (place {index}) is not what was written into the log"


def _nodes(hashes: Sequence[bytes]) -> Iterator[str]:
    right = {(level, n): node for level, n, node in merkle.grow(lambda *_: [], 0, hashes)}
    stored = {(level, n): bytes(h) for level, n, h in Node.objects.values_list("level", "n", "hash")}
    for level, n in sorted(
        right.keys() ^ stored.keys() | {k for k in right.keys() & stored.keys() if right[k] != stored[k]}
    ):
        yield f"log: node {level}/{n} does not follow from the leaves"


def _heads(hashes: Sequence[bytes], notes: Sequence[tuple[str, str]], published: Path | None) -> Iterator[str]:
    """Every head that was signed, here and elsewhere, beside this tree."""
    keys = [log.verifier(k) for k in LogKey.objects.all()]
    tree = _memory(hashes)
    roots: dict[int, bytes] = {}
    for head in Checkpoint.objects.order_by("pk").iterator(chunk_size=CHUNK):
        said = list(_head(f"checkpoint {head.pk}", head.note, keys, tree, roots))
        yield from said
        if not said and Head.read(head.note) != Head(Head.read(head.note).origin, head.size, bytes(head.root)):
            yield f"checkpoint {head.pk}: its columns say something else than its note"
    if published is not None:
        notes = [*notes, *_copy(published)]
    for name, note in notes:
        yield from _head(name, note, keys, tree, roots)
    if published is not None and not notes:
        yield f"{published}: no checkpoint is published there"
    if published is not None:
        yield from _tiles(published, tree)


def _memory(hashes: Sequence[bytes]) -> Tree:
    levels: dict[int, list[bytes]] = {0: list(hashes)}
    for level, _n, node in merkle.grow(lambda *_: [], 0, hashes):
        levels.setdefault(level, []).append(node)
    return Tree(lambda level, start, stop: levels.get(level, [])[start:stop], len(hashes))


def _head(name: str, note: str, keys: Sequence[merkle.Verifier], tree: Tree, roots: dict[int, bytes]) -> Iterator[str]:
    try:
        text, signed = merkle.open_note(note, keys)
        head = Head.read(text)
    except BadNote as error:
        yield f"{name}: {error}"
        return
    if head.origin not in signed:
        yield f"{name}: not signed with the key of this log"
    elif head.size > tree.size:
        yield f"{name}: {head.size} leaves were signed, {tree.size} are here: the database was rolled back or cut"
    else:
        root = roots.get(head.size) or roots.setdefault(head.size, tree.root(head.size))
        if root != head.root:
            yield f"{name}: the first {head.size} leaves are not those that were signed"


def _copy(published: Path) -> Iterable[tuple[str, str]]:
    path = published / "checkpoint"
    return [(str(path), path.read_text())] if path.exists() else []


def _tiles(published: Path, tree: Tree) -> Iterator[str]:
    """Tiles of the published head that are there and differ, or are missing."""
    for _name, note in _copy(published):
        try:
            size = min(Head.read(note.partition("\n\n")[0] + "\n").size, tree.size)
        except BadNote:
            return
        for tile in log.tiles(size):
            path = published / tile.path
            start = tile.n * merkle.WIDTH
            if not path.exists():
                yield f"{path}: missing"
            elif path.read_bytes() != b"".join(tree.read(tile.level, start, start + tile.width)):
                yield f"{path}: not the tile of this log"


def _rows() -> Iterator[str]:
    """What stands beside the log: entries without a place, services that differ, marks that fit no account."""
    with connection.cursor() as cursor:
        cursor.execute(STRAY)
        for source, pk in cursor.fetchall():
            yield f"{source} {pk} has no place in the log and waits for none: it came past the way in"
        cursor.execute(FOLD)
        for (pk,) in cursor.fetchall():
            yield f"service {pk} does not follow from its entries"
    for person in Person.objects.filter(forgotten_at=None).iterator(chunk_size=CHUNK):
        try:
            salt = vault.open_bytes(f"ledger.salt:{person.user_id}", person.salt)
        except vault.CannotOpen:
            yield f"person {person.pk}: the salt cannot be opened for this account"
            continue
        if mark_of(salt, person.user_id or 0) != bytes(person.mark):
            yield f"person {person.pk}: the mark is not this account's"

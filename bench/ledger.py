"""The log of hours: leaves appended and proved at 10 thousand, 100 thousand and a million, and through the database.

    ./run bench ledger

Tree: short leaves are hashed and appended in parts of 2,000, as the sequencer does; then places and growth are proved and
each proof verified. What the JSON of an entry costs (RFC 8785) is measured once, on 5,000. Database: the sequencer's own
path on the development database, rolled back. The ratio at the end is how much dearer an append is at a million than at
ten thousand: 1 is flat.
"""

from __future__ import annotations

import os
import random
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
django.setup()

from django.db import transaction

from heli.engines.merkle import Tree, consistent, grow, included, leaf_hash
from heli.ledger import log
from heli.ledger.models import Waiting

SIZES = (10_000, 100_000, 1_000_000)
PART, PROOFS, STORED = 2000, 500, 10_000


def value(n: int) -> dict[str, object]:
    """JSON as an approval's."""
    return {
        "alg": "sha256", "kind": "hours.approved", "entry": n, "service": n // 3, "source": f"volunteering.enrolment:{n // 3}",
        "person": f"{n % 977:064x}", "enrolled": "2026-11-07T01:00:00.000000Z", "minutes": 120,
        "starts": "2026-11-10T01:00:00.000000Z", "ends": "2026-11-10T03:00:00.000000Z", "grade": "scan", "by": n % 31,
        "at": "2026-11-11T01:00:00.000000Z", "supersedes": None, "reason": "",
        "facts": {"title": "陪老人说话", "content": "上门陪伴", "place": "大海阳社区", "field": "elder", "leader": 7, "org": 3,
                  "unit": "芝罘区心桥社会工作服务中心", "source": f"volunteering.enrolment:{n // 3}"},
    }  # fmt: skip


def tree(size: int) -> float:
    """One row of the table; returns microseconds an append."""
    levels: dict[int, list[bytes]] = {0: []}

    def read(level: int, start: int, stop: int) -> list[bytes]:
        return levels.get(level, [])[start:stop]

    making = adding = 0.0
    for first in range(0, size, PART):
        began = time.process_time()
        hashes = [leaf_hash(n.to_bytes(8, "big")) for n in range(first, min(first + PART, size))]
        making += time.process_time() - began
        began = time.process_time()
        nodes = grow(read, first, hashes)
        levels[0] += hashes
        for level, _n, node in nodes:
            levels.setdefault(level, []).append(node)
        adding += time.process_time() - began
    chance = random.Random(1)
    whole = Tree(read, size)
    began = time.process_time()
    root = whole.root()
    heading = time.process_time() - began
    began, length = time.process_time(), 0
    for _ in range(PROOFS):
        index = chance.randrange(size)
        path = whole.inclusion(index)
        length = max(length, len(path))
        assert included(levels[0][index], index, size, path, root)
    proving = time.process_time() - began
    began = time.process_time()
    for _ in range(PROOFS):
        old = chance.randrange(1, size)
        assert consistent(old, whole.root(old), size, root, whole.consistency(old))
    growing = time.process_time() - began
    stored = sum(len(x) for x in levels.values()) * 32
    print(
        f"{size:>9,} {making:>9.2f} s {adding:>8.2f} s {adding / size * 1e6:>8.2f} µs {heading * 1000:>8.1f} ms"
        f" {proving / PROOFS * 1e6:>8.0f} µs {length * 32:>6} B {growing / PROOFS * 1e6:>8.0f} µs {stored / 1e6:>8.1f} MB",
        flush=True,
    )
    return adding / size * 1e6


def database() -> None:
    log.register("bench", lambda ids: {n: value(n) for n in ids})
    with transaction.atomic():
        Waiting.objects.all().delete()
        Waiting.objects.bulk_create((Waiting(source="bench", source_id=n) for n in range(STORED)), batch_size=5000)
        began, cpu = time.perf_counter(), time.process_time()
        while log.sequence():
            pass
        spent, used = time.perf_counter() - began, time.process_time() - cpu
        print(
            f"\nthrough the database: {STORED:,} leaves in {spent:.1f} s ({STORED / spent:,.0f} a second; {used:.1f} s CPU here)"
        )
        transaction.set_rollback(True)


def main() -> None:
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; times are CPU time of one process")
    print(
        f"{'leaves':>9} {'hash':>11} {'append':>10} {'each':>11} {'root':>11} {'prove+check':>11} {'proof':>8}"
        f" {'grown+check':>11} {'stored':>11}"
    )
    began = time.process_time()
    for n in range(5000):
        leaf_hash(log.leaf(value(n)))
    print(f"the leaf of an entry, made and hashed: {(time.process_time() - began) / 5000 * 1e6:.0f} µs\n")
    each = [tree(size) for size in SIZES]
    database()
    print(f"\nan append at {SIZES[-1]:,} over one at {SIZES[0]:,}: {each[-1] / each[0]:.2f}")


if __name__ == "__main__":
    main()

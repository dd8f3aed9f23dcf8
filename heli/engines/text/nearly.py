"""Said before? Near-verbatim resubmission, and keys by which a database finds what may tell of the same event.

`keys` makes at most 24 numbers of a message. Messages with a key in common are candidates, to be looked at with
`verbatim` or `same.likeness`; a table with an index over the keys (PostgreSQL: bigint[] under GIN) grows by one row with
each message and is never rebuilt. The numbers depend on nothing but the text and the table of common pairs that ships
with us (data/common.txt): when that table is changed, VERSION is raised and stored keys are made anew.

Methods: min-hashing with bands (Broder 1997; Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, ch. 3); the index
in memory is a log-structured merge of sorted runs (O'Neil et al. 1996).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from heli.engines.text.pieces import Common, grams, names, plain, runs, signs

VERSION = 1
BANDS, ROWS = 6, 3  # likeness 0.8 shares a band in 99.1 % of cases, 0.6 in 77 %, 0.1 in 0.6 %
PIECES = 18  # telling pieces at most
VERBATIM = 0.6  # from here two messages are linked without asking (figures: docs/performance.md)
SHINGLE = 4  # signs
_SHORT = 12  # signs: below, only the very same words are the same
_rng = np.random.Generator(np.random.PCG64(20261129))
_ODD = _rng.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_ADD = _rng.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_COMMON = Common()


def _number(kind: str, piece: str) -> int:
    return int.from_bytes(blake2b(f"{kind}{piece}".encode(), digest_size=8).digest(), "big", signed=True)


def _shingles(text: str) -> NDArray[np.uint64]:
    """Numbers of the runs of four signs of a plain text, each once, sorted; of all of it when it is shorter."""
    row = np.array([ord(s) if len(s) == 1 else crc32(s.encode()) for s in signs(text)], dtype=np.uint64)
    many = max(1, len(row) - SHINGLE + 1)
    run = np.zeros(many if len(row) else 0, dtype=np.uint64)
    for n in range(min(SHINGLE, len(row))):
        run = (run + row[n : n + many]) * _MIX
        run ^= run >> np.uint64(29)
    return np.unique(run)


def verbatim(a: str, b: str) -> float:
    """How much of two messages is the same, word by word, 0 to 1: shared runs of four signs, of all (Jaccard).

    Marks, blanks, greetings, traditional forms and full width do not count. Below twelve signs only the same is the same.
    """
    x, y = plain(a), plain(b)
    s, t = signs(x), signs(y)
    if not s or not t:
        return 0.0
    if s == t:
        return 1.0
    if min(len(s), len(t)) < _SHORT:
        return 0.0
    u, v = _shingles(x), _shingles(y)
    shared = len(np.intersect1d(u, v, assume_unique=True))
    return shared / (len(u) + len(v) - shared)


def keys(text: str, *, title: str = "") -> list[int]:
    """Numbers (64 bits, signed) that messages of one event are likely to share: bands of a min-hash, telling pieces.

    [] for a text without a sign. The same on every machine and for ever (see VERSION). O(length).
    """
    head, body = plain(title), plain(text)
    found = [_number("p", piece) for piece in telling(body, title=head)]
    shingles = _shingles(f"{head} {body}")
    if len(shingles):
        least = (shingles[:, None] * _ODD + _ADD).min(axis=0).reshape(BANDS, ROWS)
        found += [_number(f"b{n}", band.tobytes().hex()) for n, band in enumerate(least)]
    return list(dict.fromkeys(found))


def telling(body: str, *, title: str = "") -> list[str]:
    """The rarest runs of three signs of plain texts, those of the title first: names of places and bodies, mostly."""
    weight: dict[str, float] = {}
    for text, factor in ((title, 2.0), (body[:400], 1.0)):
        named = {g for _, core in names(text) for g in grams(core)}
        for row in runs(text):
            for a, b, c in zip(row, row[1:], row[2:], strict=False):
                rare = _COMMON.rarity(a + b) + _COMMON.rarity(b + c)
                w = factor * rare * (1.4 if a + b in named and b + c in named else 1.0)
                weight[a + b + c] = weight[a + b + c] + w / 2 if a + b + c in weight else w
    return sorted(weight, key=lambda p: (-weight[p], p))[:PIECES]


class Index:
    """Which messages share keys with a text: in memory, for the command line. Grows with each message.

    32 bytes × keys of a message at most; a query looks at the newest MOST messages of each key.
    """

    MOST = 400
    FRESH = 4096  # messages kept in a dictionary before they become a sorted run

    def __init__(self) -> None:
        self.ids: list[Hashable] = []
        self._sizes = bytearray()
        self._fresh: dict[int, list[int]] = {}
        self._runs: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = []

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, id: Hashable, text: str, title: str = "") -> None:
        self.add_keys(id, keys(text, title=title))

    def add_keys(self, id: Hashable, found: Sequence[int]) -> None:
        n = len(self.ids)
        self.ids.append(id)
        self._sizes.append(len(found))
        for key in found:
            self._fresh.setdefault(key, []).append(n)
        if (n + 1) % self.FRESH == 0:
            self._settle()

    def _settle(self) -> None:
        count = sum(map(len, self._fresh.values()))
        made = np.fromiter((k for k, ns in self._fresh.items() for _ in ns), np.int64, count)
        docs = np.fromiter((n for ns in self._fresh.values() for n in ns), np.int32, count)
        order = np.argsort(made, kind="stable")
        run = made[order], docs[order]
        self._fresh = {}
        while self._runs and len(self._runs[-1][0]) <= 2 * len(run[0]):
            older = self._runs.pop()
            both = np.concatenate((older[0], run[0]))
            order = np.argsort(both, kind="stable")  # two sorted runs: the sort merges them; older messages stay first
            run = both[order], np.concatenate((older[1], run[1]))[order]
        self._runs.append(run)

    def query(self, text: str, title: str = "", *, most: int = 20) -> list[tuple[Hashable, float]]:
        """[(id, likeness)], best first, newest first among equals; likeness: the share of keys in common."""
        return self.query_keys(keys(text, title=title), most=most)

    def query_keys(self, found: Sequence[int], *, most: int = 20) -> list[tuple[Hashable, float]]:
        asked = np.array(found, dtype=np.int64)
        parts: list[NDArray[np.int32]] = [
            np.array(self._fresh[k][-self.MOST :], np.int32) for k in found if k in self._fresh
        ]
        for made, docs in self._runs:
            first, last = np.searchsorted(made, asked, "left"), np.searchsorted(made, asked, "right")
            parts += [docs[max(a, b - self.MOST) : b] for a, b in zip(first, last, strict=True) if b > a]
        if not parts:
            return []
        which, times = np.unique(np.concatenate(parts), return_counts=True)
        share = times / np.maximum(1, np.minimum(len(found), np.frombuffer(self._sizes, np.uint8)[which]))
        order = np.lexsort((-which, -share))[:most]
        return [(self.ids[which[o]], float(share[o])) for o in order]

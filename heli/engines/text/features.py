"""Texts as counts of their character n-grams, without a dictionary and without a list of words: numbers all the way.

An n-gram is a 64-bit number made of its characters (a polynomial modulo 2^64), so a vocabulary is a sorted array, a
text is looked up by bisection, and a model file holds no strings. Marks and blanks end an n-gram; which digit a digit is
does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from heli.engines.text.normal import MOST, normal

Codes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]
FACTOR, TURN = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
TITLE, BODY, BOTH = "title", "body", "both"


def points(text: str) -> Codes:
    """Code points of a normal text; 0 for what is no part of a word, 1 for a digit. O(length)."""
    c = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    word = ((c >= 97) & (c <= 122)) | ((c >= 0x3400) & (c < 0xA000)) | (c >= 0x20000)
    return np.where((c >= 48) & (c <= 57), 1, np.where(word, c, 0)).astype(np.uint64)


def keys_of(codes: Codes, n: int) -> Codes:
    """The number of the n-gram that begins at each place; 0 where a mark or the end of the text is within it."""
    size = len(codes) - n + 1
    if size <= 0:
        return np.zeros(0, dtype=np.uint64)
    key, whole = np.full(size, n, dtype=np.uint64), np.ones(size, dtype=bool)
    for i in range(n):
        part = codes[i : i + size]
        key = (key ^ (key >> TURN)) * FACTOR + part
        whole &= part > 0
    return np.where(whole, key, np.uint64(0))


@dataclass(frozen=True, slots=True)
class Grams:
    """All n-grams of many texts: the number of each, and the text (row) it is in."""

    keys: Codes
    rows: npt.NDArray[np.int64]
    size: int  # how many texts


def grams_of(texts: Sequence[str], sizes: Sequence[int]) -> Grams:
    """Every n-gram of these sizes of normal texts. O(total length)."""
    codes = points("\n".join(texts))
    starts = np.cumsum([0] + [len(t) + 1 for t in texts])[:-1]
    keys, rows = [], []
    for n in sizes:
        found = keys_of(codes, n)
        at = np.flatnonzero(found)
        keys.append(found[at])
        rows.append(np.searchsorted(starts, at, side="right") - 1)
    return Grams(np.concatenate(keys), np.concatenate(rows), len(texts))


def counted(grams: Grams, vocabulary: Codes) -> sparse.csr_matrix:
    """Texts × vocabulary (sorted numbers): how often each is in each; what is not in the vocabulary is passed over."""
    if not len(vocabulary):
        return sparse.csr_matrix((grams.size, 0), dtype=np.float32)
    at = np.minimum(np.searchsorted(vocabulary, grams.keys), len(vocabulary) - 1)
    known = vocabulary[at] == grams.keys
    ones = np.ones(int(known.sum()), dtype=np.float32)
    found = sparse.csr_matrix((ones, (grams.rows[known], at[known])), shape=(grams.size, len(vocabulary)))
    found.sum_duplicates()
    return found


def vocabulary_of(grams: Grams, *, least: int, most: int) -> tuple[Codes, npt.NDArray[np.int64]]:
    """(numbers, in how many texts): n-grams of at least `least` texts, the `most` of the most texts; sorted."""
    order = np.lexsort((grams.rows, grams.keys))
    keys, rows = grams.keys[order], grams.rows[order]
    if not len(keys):
        return keys, np.zeros(0, dtype=np.int64)
    new = np.concatenate([[True], (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])])
    found, texts = np.unique(keys[new], return_counts=True)
    keep = texts >= least
    if keep.sum() > most:
        keep &= texts >= np.sort(texts)[-most]
        keep &= np.cumsum(keep) <= most
    return found[keep], texts[keep]


def scaled(counts: sparse.csr_matrix, scale: Floats) -> sparse.csr_matrix:
    """(1 + ln count) × scale of the n-gram, each text of length one."""
    made = counts.astype(np.float32).tocsr(copy=True)
    made.data = (1 + np.log(made.data)) * scale[made.indices]
    length = np.sqrt(
        np.bincount(np.repeat(np.arange(made.shape[0]), np.diff(made.indptr)), made.data**2, made.shape[0])
    )
    length[length == 0] = 1
    made.data = (made.data / np.repeat(length, np.diff(made.indptr))).astype(np.float32)
    return made


def scored(
    grams: Grams, vocabulary: Codes, scale: Floats, weights: Floats
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """(texts × labels: scaled counts times weights, whether anything in a text is known). `scaled(counted(…)) @ weights`
    without its matrices, which for one message would cost more than the arithmetic."""
    width = len(vocabulary)
    if not width:
        return np.zeros((grams.size, weights.shape[1])), np.zeros(grams.size, dtype=bool)
    at = np.minimum(np.searchsorted(vocabulary, grams.keys), width - 1)
    known = vocabulary[at] == grams.keys
    cells, count = np.unique(grams.rows[known] * width + at[known], return_counts=True)
    rows, at = np.divmod(cells, width)
    value = (1 + np.log(count)) * scale[at]
    length = np.sqrt(np.bincount(rows, value**2, grams.size))
    value /= length[rows]
    if grams.size == 1:
        return (value @ weights[at])[None, :], length > 0
    edges = np.searchsorted(rows, np.arange(grams.size + 1))
    return sparse.csr_matrix((value, at, edges), shape=(grams.size, width)) @ weights, length > 0


def field(name: str, titles: Sequence[str], bodies: Sequence[str]) -> list[str]:
    """What a view reads of normal titles and bodies."""
    if name == TITLE:
        return list(titles)
    if name == BODY:
        return list(bodies)
    return [f"{t}\n{b}" for t, b in zip(titles, bodies, strict=True)]


@lru_cache(maxsize=20_000)
def _letter(c: str) -> str:
    return "".join(x for x in normal(c) or " ")


def aligned(text: str) -> tuple[str, list[int]]:
    """A text as `normal` makes it, letter by letter (blanks and tags stay), and where in the original each letter is from."""
    made, at = [], []
    for i, c in enumerate(text[:MOST]):
        for x in _letter(c):
            made.append(x)
            at.append(i)
    return "".join(made), at

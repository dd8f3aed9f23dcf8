"""Corrections that a classifier keeps beside its weights: what is nearly the same text gets what a person said of it.

A correction speaks only where a message is like it (cosine of character pairs), so it breaks nothing elsewhere; a
retraining takes corrections in as examples like others. Only numbers of pairs are kept, no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from heli.engines.text import features
from heli.engines.text.features import Codes, Floats

MOST = 2000  # corrections kept, the newest
LIKE, SAME = 0.15, 0.6  # cosine from which a correction begins to speak, and speaks in full
DOUBT = 0.6  # one correction of the same text outweighs the scorer by 1 : DOUBT
Known = tuple[Codes, Floats]


@dataclass(frozen=True, slots=True)
class Lessons:
    keys: Codes  # numbers of pairs, sorted; one entry for each correction that has it
    owner: npt.NDArray[np.int32]  # which correction
    weight: Floats  # of the pair in it; each correction has length one
    label: npt.NDArray[np.int32]
    say: Floats  # how much each correction counts

    @classmethod
    def none(cls) -> Lessons:
        number, real = np.zeros(0, np.int32), np.zeros(0, np.float32)
        return cls(np.zeros(0, np.uint64), number, real, number, real)

    @classmethod
    def of(cls, arrays: dict[str, npt.NDArray[Any]]) -> Lessons:
        return cls(*(arrays[f"lessons.{n}"] for n in cls.__slots__))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {f"lessons.{n}": getattr(self, n) for n in self.__slots__}

    def learned(
        self,
        titles: Sequence[str],
        bodies: Sequence[str],
        labels: Sequence[int],
        weights: Sequence[float],
        known: Known,
    ) -> Lessons:
        keys, rows, weight = _pairs(titles, bodies, known)
        base = len(self.label)
        drop = max(0, base + len(titles) - MOST)
        owner = np.concatenate([self.owner, rows + base]).astype(np.int32) - drop
        all_keys, all_weights = np.concatenate([self.keys, keys]), np.concatenate([self.weight, weight])
        order = np.argsort(all_keys, kind="stable")
        order = order[owner[order] >= 0]
        return Lessons(
            all_keys[order], owner[order], all_weights[order].astype(np.float32),
            np.concatenate([self.label, labels]).astype(np.int32)[drop:],
            np.concatenate([self.say, weights]).astype(np.float32)[drop:],
        )  # fmt: skip

    def heard(
        self, probability: npt.NDArray[np.float64], titles: Sequence[str], bodies: Sequence[str], known: Known
    ) -> npt.NDArray[np.float64]:
        """Probabilities after the corrections have spoken: each like message moves towards what was said of its like."""
        if not len(self.label):
            return probability
        keys, rows, weight = _pairs(titles, bodies, known)
        low, high = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        many = high - low
        at = np.repeat(low - np.concatenate([[0], np.cumsum(many)[:-1]]), many) + np.arange(many.sum())
        alike = np.zeros((len(titles), len(self.label)))
        np.add.at(alike, (np.repeat(rows, many), self.owner[at]), np.repeat(weight, many) * self.weight[at])
        voice = np.clip((alike - LIKE) / (SAME - LIKE), 0, 1) ** 2 * self.say
        votes = np.zeros_like(probability)
        np.add.at(votes.T, self.label, voice.T)
        total = votes.sum(1, keepdims=True)
        return np.asarray((DOUBT * probability + votes) / (DOUBT + total))


def _pairs(titles: Sequence[str], bodies: Sequence[str], known: Known) -> tuple[Codes, npt.NDArray[np.int64], Floats]:
    """(numbers, rows, weights) of the pairs of characters of messages; a pair nobody knows weighs as the rarest known."""
    grams = features.grams_of(features.field(features.BOTH, titles, bodies), (2,))
    keys, scale = known
    order = np.lexsort((grams.keys, grams.rows))
    k, r = grams.keys[order], grams.rows[order]
    new = np.concatenate([[True], (k[1:] != k[:-1]) | (r[1:] != r[:-1])]) if len(k) else np.zeros(0, bool)
    k, r = k[new], r[new]
    weight = np.full(len(k), float(np.quantile(scale, 0.9)) if len(scale) else 1.0)
    if len(keys):
        at = np.minimum(np.searchsorted(keys, k), len(keys) - 1)
        hit = keys[at] == k
        weight[hit] = scale[at[hit]]
    length = np.sqrt(np.bincount(r, weight**2, grams.size))
    return k, r, (weight / length[r]).astype(np.float32)

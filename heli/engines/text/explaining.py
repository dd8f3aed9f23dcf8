"""Which pieces of a text spoke for a label: what each n-gram adds to the label's score, shared out to its letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from heli.engines.text import features
from heli.engines.text.features import Codes, Floats

LONGEST = 8  # letters of a piece


@dataclass(frozen=True, slots=True)
class Word:
    text: str  # as it stands in the original
    weight: float  # what it adds to the score of the label
    field: str  # title or body
    start: int
    end: int


class View(Protocol):
    @property
    def field(self) -> str: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def share(self) -> float: ...
    @property
    def keys(self) -> Codes: ...
    @property
    def scale(self) -> Floats: ...
    @property
    def weights(self) -> Floats: ...


def words_for(views: Sequence[View], label: int, title: str, body: str, n: int) -> list[Word]:
    """The n pieces with the largest weight, each text once, in order of weight. A piece is at most 8 letters of a field."""
    found: list[Word] = []
    for name, text in ((features.TITLE, title), (features.BODY, body)):
        letters, at = features.aligned(text)
        said = np.zeros(len(letters))
        for view in views:
            if view.field in {name, features.BOTH}:
                said += _said(view, label, letters)
        found += _pieces(text, at, said, name)
    best: dict[str, Word] = {}
    for word in sorted(found, key=lambda w: -w.weight):
        best.setdefault(word.text, word)
    return list(best.values())[:n]


def _said(view: View, label: int, letters: str) -> npt.NDArray[np.float64]:
    """What each letter adds to the score of a label through this view: each n-gram's part, in equal shares."""
    said = np.zeros(len(letters))
    codes = features.points(letters)
    if not len(view.keys):
        return said
    parts, length = [], 0.0
    for size in view.sizes:
        key = features.keys_of(codes, size)
        at = np.minimum(np.searchsorted(view.keys, key), len(view.keys) - 1)
        hit = np.flatnonzero((view.keys[at] == key) & (key > 0))
        which, times = np.unique(at[hit], return_counts=True)
        value = (1 + np.log(times)) * view.scale[which]
        length += float((value**2).sum())
        share = dict(
            zip(
                which.tolist(),
                (value / times * (view.weights[which, label] - view.weights[which].mean(1))).tolist(),
                strict=True,
            )
        )
        parts.append((size, hit, np.array([share[k] for k in at[hit].tolist()])))
    for size, hit, value in parts:
        for i in range(size):
            np.add.at(said, hit + i, value / size)
    return np.asarray(said * view.share / np.sqrt(length or 1.0))


def _pieces(text: str, at: list[int], said: npt.NDArray[np.float64], name: str) -> list[Word]:
    """Runs of letters that speak for the label; a long one is parted where it says least."""
    if not len(said):
        return []
    floor = max(0.0, float(said.max()) * 0.1)
    speaks = np.flatnonzero(np.diff(np.concatenate([[0], (said > floor).astype(int), [0]])))
    made = []
    for start, end in zip(speaks[::2].tolist(), speaks[1::2].tolist(), strict=True):
        for a, b in _parted(start, end, said):
            piece = text[at[a] : at[b - 1] + 1]
            if b - a > 1 and piece.strip():
                made.append(Word(piece, round(float(said[a:b].sum()), 4), name, at[a], at[b - 1] + 1))
    return made


def _parted(start: int, end: int, said: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    if end - start <= LONGEST:
        return [(start, end)]
    cut = start + 2 + int(said[start + 2 : end - 2].argmin())
    return _parted(start, cut, said) + _parted(cut, end, said)

"""How a classifier learns: what is near-duplicate, which n-grams say something, the weights, and how sure it may be.

Feature weighting: each n-gram counts as (1 + ln tf) · idf · s, s the largest log-count ratio of a class against the rest
(after Wang & Manning, "Baselines and Bigrams", ACL 2012, made one weight for all classes); linear SVMs, one against the
rest (Fan et al., LIBLINEAR, JMLR 9, 2008). In a tree the scores of a label's parents are added to its own: with few
examples a parent is known better than its children. Probabilities: vector scaling of scores that were made out of fold (Guo
et al., "On Calibration of Modern Neural Networks", ICML 2017), and for the likeliest label a logistic curve over its lead and share
(Platt 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse
from scipy.sparse import csgraph

from heli.engines.text import features, judging
from heli.engines.text.features import Codes, Floats

Ints = npt.NDArray[np.int64]
HELD = 1e-3  # how strongly a calibration is held to what it starts from
START = np.array([0.5, 0.5, 0.0])  # of two labels both say the same
PERMUTATIONS, BAND, ALIKE = 32, 4, 0.6
STRENGTH, WEAK, MANY = 1.0, 0.3, 60  # C of the SVMs, and where there are fewer than 60 examples a class
FEW = 200  # examples; of fewer, n-grams of a single one are kept
NUMBERS = 5_000_000  # weights in all views: 10 MB of 16-bit numbers


def near_duplicates(texts: Sequence[str]) -> Ints:
    """The group of each normal text: those of which about 60 % of the 5-grams are the same belong together.

    MinHash in bands (Broder, SEQUENCES 1997), each pair looked at again. O(total length).
    """
    grams = features.grams_of(texts, (5,))
    order = np.argsort(grams.rows, kind="stable")
    keys, rows = grams.keys[order], grams.rows[order]
    starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]])) if len(rows) else np.zeros(0, np.int64)
    parent = np.arange(len(texts))
    if not len(starts):
        return parent
    have = rows[starts]
    rng = np.random.default_rng(1)
    least = np.stack(
        [
            np.minimum.reduceat(
                (keys ^ (keys >> np.uint64(31))) * rng.integers(1, 2**63, dtype=np.uint64) * np.uint64(2) + keys, starts
            )
            for _ in range(PERMUTATIONS)
        ]
    )
    pairs = []
    for first in range(0, PERMUTATIONS, BAND):
        _values, same = np.unique(least[first : first + BAND], axis=1, return_inverse=True)
        leader = np.full(same.max() + 1, -1)
        leader[same[::-1]] = have[::-1]
        pairs.append(np.stack([have, leader[same.ravel()]]))
    a, b = np.concatenate(pairs, axis=1)
    column = np.zeros(len(texts), dtype=np.int64)
    column[have] = np.arange(len(have))
    alike = (least[:, column[a]] == least[:, column[b]]).mean(0) >= ALIKE
    a, b = a[alike], b[alike]
    graph = sparse.coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(texts), len(texts)))
    return np.asarray(csgraph.connected_components(graph, directed=False)[1], dtype=np.int64)


def folds_of(groups: Ints, labels: Ints, count: int, seed: int) -> Ints:
    """The fold of each example: groups stay together, classes are spread evenly (largest groups of rare classes first)."""
    rng = np.random.default_rng(seed)
    _names, group = np.unique(groups, return_inverse=True)
    size = np.bincount(group)
    first = np.zeros(len(size), dtype=np.int64)
    first[group[::-1]] = labels[::-1]
    fold_of_group = np.zeros(len(size), dtype=np.int64)
    taken = np.zeros((labels.max() + 1, count))
    for g in sorted(range(len(size)), key=lambda g: (-size[g], rng.random())):
        row = taken[first[g]]
        fold_of_group[g] = best = int(np.lexsort((taken.sum(0), row))[0])
        row[best] += size[g]
    return fold_of_group[group]


def speaking(counts: sparse.csr_matrix, labels: Ints, classes: int, weights: Floats) -> Floats:
    """How much each n-gram speaks for any class: the largest log-count ratio of a class against the rest."""
    present = counts.copy()
    present.data = np.ones_like(present.data)
    own = np.zeros((len(labels), classes), dtype=np.float32)
    own[np.arange(len(labels)), labels] = weights
    found = np.asarray(present.T @ own, dtype=np.float64) + 0.5
    total = found.sum(0)
    rest, whole = found.sum(1, keepdims=True) - found, total.sum()
    return np.asarray(np.log((found / total) / (rest / (whole - total))).max(1).clip(1e-3), dtype=np.float32)


def linear(
    x: sparse.csr_matrix, labels: Ints, classes: int, *, weights: Floats, strength: float, seed: int
) -> tuple[Floats, Floats]:
    """(features × classes, bias) of linear SVMs, one against the rest, classes balanced."""
    from sklearn.svm import LinearSVC

    present = np.unique(labels)
    w = np.zeros((x.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, -3.0, dtype=np.float32)
    model = LinearSVC(C=strength, class_weight="balanced", tol=1e-2, random_state=seed).fit(
        x, labels, sample_weight=weights
    )
    coef, cut = model.coef_, model.intercept_
    if len(present) == 2:
        coef, cut = np.vstack([-coef, coef]), np.concatenate([-cut, cut])
    w[:, present], bias[present] = coef.T, cut
    return w, bias


def softmax(z: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    e = np.exp(np.asarray(z, dtype=np.float64) - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Calibration:
    """From scores to probabilities. z = temperature · score + shift; softmax(z) says how the labels share what is left of
    the likeliest, whose own probability is a logistic curve over its share and its lead on the second: with few labels the
    lead tells right from wrong better (at 99 % precision it covers 68 % where the share covers 63 %), with many the share.
    """

    temperature: float
    shift: Floats
    curve: tuple[float, float, float]  # logit of the likeliest = a · lead + b · logit of its share + c

    def of(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        z = self.temperature * np.asarray(scores, dtype=np.float64) + self.shift
        made = softmax(z)
        top, best = made.max(1), made.argmax(1)
        rest, second = np.maximum(1 - top, 1e-12), np.sort(made, axis=1)[:, -2]
        new = 1 / (1 + np.exp(-(told(z, made) @ np.array(self.curve))))
        new = np.clip(new, second / (rest + second) + 1e-9, 1 - 1e-6)  # never below the second, whatever the curve says
        made *= ((1 - new) / rest)[:, None]
        made[np.arange(len(top)), best] = new
        return np.asarray(made)


def told(z: npt.NDArray[Any], share: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """What the curve is over: the lead of the likeliest on the second, the logit of its share, 1."""
    two, top = np.sort(z, axis=1)[:, -2:], np.clip(share.max(1), 1e-9, 1 - 1e-9)
    return np.stack([two[:, 1] - two[:, 0], np.log(top) - np.log1p(-top), np.ones(len(z))], axis=1)


def calibrated(scores: Floats, labels: Ints, weights: Floats) -> Calibration:
    """The likeliest temperature and shift of each class (shifts are held small), then the likeliest curve."""
    one = np.eye(scores.shape[1])[labels]
    weight = weights / weights.sum()

    def loss(v: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        p = softmax(np.exp(v[0]) * scores + v[1:])
        off = (p - one) * weight[:, None]
        value = -float(weight @ np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-12))) + HELD * float(
            v[1:] @ v[1:]
        )
        return value, np.concatenate([[np.exp(v[0]) * float((off * scores).sum())], off.sum(0) + 2 * HELD * v[1:]])

    found = optimize.minimize(loss, np.concatenate([[1.0], np.zeros(scores.shape[1])]), jac=True, method="L-BFGS-B").x
    temperature, shift = float(np.exp(found[0])), found[1:].astype(np.float32)
    z = temperature * scores + shift
    right, terms = z.argmax(1) == labels, told(z, softmax(z))

    def badness(v: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        said = terms @ v
        value = float(weight @ (np.logaddexp(0, said) - right * said)) + HELD * float(((v - START) ** 2).sum())
        return value, terms.T @ (weight * (1 / (1 + np.exp(-said)) - right)) + 2 * HELD * (v - START)

    limits = [(0.01, None), (0.01, None), (None, None)]
    a, b, c = optimize.minimize(badness, START, jac=True, method="L-BFGS-B", bounds=limits).x
    return Calibration(temperature, shift, (float(a), float(b), float(c)))


Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Read:
    """All examples as one view reads them."""

    field: str
    sizes: tuple[int, ...]
    share: float
    keys: Codes
    rarity: Floats
    counts: sparse.csr_matrix


def reading(
    plan: tuple[str, tuple[int, ...], float], titles: Sequence[str], bodies: Sequence[str], *, classes: int
) -> Read:
    name, sizes, share = plan
    grams = features.grams_of(features.field(name, titles, bodies), sizes)
    keys, texts = features.vocabulary_of(
        grams, least=2 if len(titles) >= FEW else 1, most=max(2000, NUMBERS // (2 * classes))
    )
    rarity = (np.log((1 + len(titles)) / (1 + texts)) + 1).astype(np.float32)
    return Read(name, sizes, share, keys, rarity, features.counted(grams, keys))


@dataclass(frozen=True, slots=True)
class How:
    """What is told once to all the learning of a fit."""

    classes: int
    weights: Floats
    parents: Sequence[tuple[Ints, float]]  # of each level above: the parent of each class, and how much it adds
    seed: int


def learned(
    read: Sequence[Read], inside: Ints, out: Ints, y: Ints, how: How
) -> tuple[list[tuple[Floats, Floats]], Floats, Floats]:
    """([(scale, weights) of each view], bias, scores of the examples `out`) learned from the examples `inside`."""
    own, weights = y[inside], how.weights[inside]
    scales = [r.rarity * speaking(r.counts[inside], own, how.classes, weights) for r in read]
    made = [features.scaled(r.counts, s) * r.share for r, s in zip(read, scales, strict=True)]
    x = sparse.hstack([m[inside] for m in made]).tocsr()
    strength = STRENGTH if len(inside) >= MANY * how.classes else WEAK
    w, bias = linear(x, own, how.classes, weights=weights, strength=strength, seed=how.seed)
    for parent, adds in how.parents:
        if len(np.unique(parent[own])) > 1:
            more, cut = linear(x, parent[own], int(parent.max()) + 1, weights=weights, strength=strength, seed=how.seed)
            w, bias = w + adds * more[:, parent], bias + adds * cut[parent]
    edges = np.cumsum([0] + [len(r.keys) for r in read])
    parts = [w[a:b] for a, b in pairwise(edges)]
    scores = sum((m[out] @ p for m, p in zip(made, parts, strict=True)), np.tile(bias, (len(out), 1)))
    return list(zip(scales, parts, strict=True)), bias, scores


def figures(probability: npt.NDArray[Any], y: Ints, names: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro-F1, calibration error (15 bins) and how each label fares, of probabilities made out of fold."""
    chosen, top = probability.argmax(1), probability.max(1)
    right = chosen == y
    count = len(names)
    hit = np.bincount(y[right], minlength=count)
    have, said = np.bincount(y, minlength=count), np.bincount(chosen, minlength=count)
    f1 = 2 * hit / np.maximum(have + said, 1)
    each = {
        name: {"examples": int(have[k]), "precision": round(float(hit[k] / max(said[k], 1)), 4),
               "recall": round(float(hit[k] / max(have[k], 1)), 4), "f1": round(float(f1[k]), 4)}
        for k, name in enumerate(names)
    }  # fmt: skip
    return {
        "accuracy": float(right.mean()), "macro_f1": judging.macro_f1(y, chosen, count),
        "ece": judging.calibration_error(top, right), "each": each,
    }  # fmt: skip

"""How a classifier learns: what is near-duplicate, which n-grams say something, the weights, and how sure it may be.

Feature weighting: each n-gram counts as (1 + ln tf) · idf · s, s the largest absolute log-count ratio of a class against
the rest (Wang & Manning, "Baselines and Bigrams", ACL 2012, made one weight for all classes); linear SVMs, one against the
rest (Fan et al., LIBLINEAR, JMLR 9, 2008). Probabilities: vector scaling of scores that were made out of fold (Guo et al.,
"On Calibration of Modern Neural Networks", ICML 2017).
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
PERMUTATIONS, BAND, ALIKE = 32, 4, 0.6
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
    """How much each n-gram says about any class: the largest absolute log-count ratio of a class against the rest."""
    present = counts.copy()
    present.data = np.ones_like(present.data)
    own = np.zeros((len(labels), classes), dtype=np.float32)
    own[np.arange(len(labels)), labels] = weights
    found = np.asarray(present.T @ own, dtype=np.float64) + 0.5
    total = found.sum(0)
    rest, whole = found.sum(1, keepdims=True) - found, total.sum()
    return np.asarray(np.abs(np.log((found / total) / (rest / (whole - total)))).max(1), dtype=np.float32)


def linear(
    x: sparse.csr_matrix, labels: Ints, classes: int, *, weights: Floats, strength: float, seed: int
) -> tuple[Floats, Floats]:
    """(features × classes, bias) of linear SVMs, one against the rest, classes balanced."""
    from sklearn.svm import LinearSVC

    present = np.unique(labels)
    w = np.zeros((x.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, -3.0, dtype=np.float32)
    model = LinearSVC(C=strength, class_weight="balanced", random_state=seed).fit(x, labels, sample_weight=weights)
    coef, cut = model.coef_, model.intercept_
    if len(present) == 2:
        coef, cut = np.vstack([-coef, coef]), np.concatenate([-cut, cut])
    w[:, present], bias[present] = coef.T, cut
    return w, bias


def softmax(z: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    e = np.exp(np.asarray(z, dtype=np.float64) - z.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True))


def scaling(scores: Floats, labels: Ints, weights: Floats) -> tuple[float, Floats]:
    """(temperature, shift of each class) under which the softmax of scores is the likeliest; shifts are held small."""
    one = np.eye(scores.shape[1])[labels]
    weight = weights / weights.sum()

    def loss(v: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        p = softmax(np.exp(v[0]) * scores + v[1:])
        off = (p - one) * weight[:, None]
        value = -float(weight @ np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-12))) + 1e-3 * float(
            v[1:] @ v[1:]
        )
        return value, np.concatenate([[np.exp(v[0]) * float((off * scores).sum())], off.sum(0) + 2e-3 * v[1:]])

    found = optimize.minimize(loss, np.concatenate([[1.0], np.zeros(scores.shape[1])]), jac=True, method="L-BFGS-B").x
    return float(np.exp(found[0])), found[1:].astype(np.float32)


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


def learned(
    read: Sequence[Read], inside: Ints, out: Ints, y: Ints, *, classes: int, weights: Floats, strength: float, seed: int
) -> tuple[tuple[list[tuple[Floats, Floats]], Floats], Floats]:
    """(([(scale, weights) of each view], bias), scores of the examples `out`) learned from the examples `inside`."""
    scales = [r.rarity * speaking(r.counts[inside], y[inside], classes, weights[inside]) for r in read]
    made = [features.scaled(r.counts, s) * r.share for r, s in zip(read, scales, strict=True)]
    w, bias = linear(
        sparse.hstack([m[inside] for m in made]).tocsr(), y[inside], classes,
        weights=weights[inside], strength=strength, seed=seed,
    )  # fmt: skip
    edges = np.cumsum([0] + [len(r.keys) for r in read])
    parts = [w[a:b] for a, b in pairwise(edges)]
    scores = sum((m[out] @ p for m, p in zip(made, parts, strict=True)), np.tile(bias, (len(out), 1)))
    return ([(s, p) for s, p in zip(scales, parts, strict=True)], bias), scores


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

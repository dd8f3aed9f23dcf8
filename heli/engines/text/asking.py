"""Which messages a person should label next: those the model doubts most, no two of them alike; before there is a model,
those most typical of what there is, spread over all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from heli.engines.text import features
from heli.engines.text.normal import normal
from heli.engines.text.refusing import refused

if TYPE_CHECKING:
    from heli.engines.text.classify import Classifier

LOOKED_AT = 20_000  # messages; of more, a regular sample
SPREAD = 0.5  # how much a message like one already asked for loses


def order_to_ask(model: Classifier | None, titles: Sequence[str], bodies: Sequence[str], *, n: int) -> list[int]:
    """Places of at most n messages, the most useful to label first; what is refused is not asked for.

    Greedy: the most worth (doubt; how typical, without a model), less what like messages that were taken have told already
    (uncertainty sampling with diversity: Settles, "Active Learning Literature Survey", 2009). O(n × all n-grams).
    """
    step = max(1, len(titles) // LOOKED_AT)
    at = [i for i in range(0, len(titles), step) if not refused(str(titles[i] or ""), str(bodies[i] or ""))]
    if not at:
        return []
    ts, bs = [normal(str(titles[i] or "")) for i in at], [normal(str(bodies[i] or "")) for i in at]
    x = _vectors(ts, bs)
    worth = _typical(x) if model is None else _doubt(model.probabilities(ts, bs))
    return [at[k] for k in _spread(x, worth, n)]


def _vectors(titles: Sequence[str], bodies: Sequence[str]) -> sparse.csr_matrix:
    """Title and body as pairs of characters, each text of length one."""
    made = []
    for name in (features.TITLE, features.BODY):
        grams = features.grams_of(features.field(name, titles, bodies), (2,))
        keys, texts = features.vocabulary_of(grams, least=2 if len(titles) > 50 else 1, most=100_000)
        made.append(
            features.scaled(features.counted(grams, keys), np.log((1 + len(titles)) / texts).astype(np.float32))
        )
    return (sparse.hstack(made) / np.sqrt(2)).tocsr()


def _typical(x: sparse.csr_matrix) -> npt.NDArray[np.float64]:
    """How like the mean of all each is, between 0 and 1."""
    middle = np.asarray(x.mean(axis=0)).ravel()
    like = np.asarray(x @ middle)
    return np.asarray(np.sqrt(np.maximum(like, 0) / (like.max() or 1.0)) + 1e-6)


def _doubt(probability: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """1 where the two likeliest labels are equally likely, 0 where one is certain."""
    top = np.sort(probability, axis=1)[:, -2:]
    return np.asarray(1 - (top[:, 1] - top[:, 0]))


def _spread(x: sparse.csr_matrix, worth: npt.NDArray[np.float64], n: int) -> list[int]:
    by_gram = x.T.tocsr()
    left, taken = worth.copy(), []
    for _ in range(min(n, x.shape[0])):
        best = int(left.argmax())
        taken.append(best)
        like = np.asarray((x[best] @ by_gram).todense()).ravel()
        left = left * (1 - np.minimum(like / SPREAD, 1.0))
        left[best] = -1.0
        if left.max() <= 0:  # all that is left is like what was taken: the most worth first
            rest = [int(k) for k in np.argsort(-worth, kind="stable") if k not in set(taken)]
            return taken + rest[: max(0, n - len(taken))]
    return taken

"""How good a classifier is on messages it has not seen: figures with their interval."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from heli.engines.text.classify import Classifier

BINS = 15


def macro_f1(true: npt.NDArray[np.int64], said: npt.NDArray[np.int64], count: int) -> float:
    """Mean F1 of the labels that occur in either; said may be -1 (nothing)."""
    hit = np.bincount(true[true == said], minlength=count)
    have, told = np.bincount(true, minlength=count), np.bincount(said[said >= 0], minlength=count)
    seen = have + told > 0
    return float((2 * hit / np.maximum(have + told, 1))[seen].mean())


def calibration_error(probability: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """Expected calibration error: what is believed of the chosen label against how often it is right, in 15 equal bins."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    return float(
        sum(abs(right[bins == b].mean() - probability[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
    )


def interval(true: npt.NDArray[np.int64], said: npt.NDArray[np.int64], count: int, times: int) -> tuple[float, float]:
    """95 % bootstrap interval of macro-F1."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(true), (times, len(true)))
    low, high = np.quantile([macro_f1(true[d], said[d], count) for d in drawn], (0.025, 0.975))
    return float(low), float(high)


def judged(
    model: Classifier,
    titles: Sequence[str],
    bodies: Sequence[str],
    labels: Sequence[str],
    *,
    resampled: int,
    timed: int,
) -> dict[str, Any]:
    """Figures of a model on labelled messages. A refused message counts as wrong and as not covered."""
    said = model.predict(titles, bodies)
    place = {name: i for i, name in enumerate(dict.fromkeys([*model.labels, *labels]))}
    true = np.array([place[name] for name in labels])
    chosen = np.array([place[p.label] if p.label is not None else -1 for p in said])
    probability, right = np.array([p.probability for p in said]), true == chosen
    low, high = interval(true, chosen, len(place), resampled)
    found: dict[str, Any] = {"macro_f1": macro_f1(true, chosen, len(place)), "accuracy": float(right.mean())}
    for name, precision in (("95", 0.95), ("99", 0.99)):
        sure = probability >= model.threshold(precision)
        found[f"coverage_at_{name}"] = float(sure.mean())
        found[f"precision_at_{name}"] = float(right[sure].mean()) if sure.any() else None
    began = time.perf_counter()
    for title, body in zip(titles[:timed], bodies[:timed], strict=True):
        model.predict([title], [body])
    taken = (time.perf_counter() - began) * 1000 / len(titles[:timed])
    found |= {"ece": calibration_error(probability, right), "ms_per_message": taken}
    found |= {"macro_f1_low": low, "macro_f1_high": high, "messages": len(titles)}
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}

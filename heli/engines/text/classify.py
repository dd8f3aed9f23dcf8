"""What a message is about: a classifier of Chinese messages that learns from examples and from every correction.

    model = Classifier.fit(titles, bodies, labels)
    model.predict(["路灯不亮"], ["楼下的路灯坏了一个星期"])[0]      # Prediction(label=…, probability=…, sure=…, …)

Title and body are separate fields; scores are calibrated on examples the scorer had not seen, and so are the thresholds
above which it may be trusted with a wished precision: below, it abstains. Labels that are digits of a tree ("04" over
"0402" over "040201") get probabilities on every level. How it learns is in fitting.py; a model needs NumPy and SciPy only.
A model never changes: corrections make a new one. All of it may be used by many threads.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from heli.engines.text import features, fitting, modelfile
from heli.engines.text.explaining import Word, words_for
from heli.engines.text.features import Codes, Floats
from heli.engines.text.lessons import Lessons
from heli.engines.text.normal import normal
from heli.engines.text.refusing import reason

KIND = "classifier"
TREE = re.compile(r"(\d\d){1,3}", re.ASCII)
FOLDS = 5


class NotEnough(ValueError):
    """Nothing can be learned from these examples; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Prediction:
    label: str | None  # None: refused, see `rejected`
    probability: float
    choices: tuple[tuple[str, float], ...]  # the three likeliest
    sure: bool  # False: it abstains
    rejected: str  # '' or empty | advertising | foreign | no_words
    level_label: str  # the deepest prefix of the tree that is sure; '' when none


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a message: a field, sizes of n-grams; what each n-gram weighs and what it says for each label."""

    field: str
    sizes: tuple[int, ...]
    share: float
    keys: Codes
    scale: Floats
    weights: Floats

    def score(self, titles: Sequence[str], bodies: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
        """(messages × labels, whether anything in a message is known), for normal texts."""
        grams = features.grams_of(features.field(self.field, titles, bodies), self.sizes)
        score, known = features.scored(grams, self.keys, self.scale, self.weights)
        return score * self.share, known


PLAN: tuple[tuple[str, tuple[int, ...], float], ...] = ((features.TITLE, (1, 2), 1.0), (features.BODY, (1, 2), 1.4))
ADDS = {4: 0.6, 2: 0.3}  # how much the score of a parent with a code of this length adds to a label's


@dataclass(frozen=True, slots=True)
class Trust:
    """Out-of-fold results of one level: the probability of what was chosen, whether it was right; the surest first."""

    probability: Floats
    right: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, probability: npt.NDArray[Any], right: npt.NDArray[Any]) -> Trust:
        order = np.argsort(-probability, kind="stable")
        return cls(probability[order].astype(np.float32), right[order].astype(np.uint8))

    def threshold(self, precision: float) -> float:
        """The least probability above which at least this share was right, had one more been wrong; 2.0 when none.

        Where all that was seen passes, what is calibrated to this precision passes too.
        """
        good = np.cumsum(self.right) / (np.arange(len(self.right)) + 2.0)
        passed = np.flatnonzero(good >= precision)
        if not len(passed):
            return 2.0
        least = float(self.probability[passed[-1]])
        return min(least, precision) if passed[-1] == len(good) - 1 else least

    def coverage(self, precision: float) -> float:
        return float((self.probability >= self.threshold(precision)).mean())


def _levels(labels: Sequence[str]) -> list[int]:
    """Lengths of the prefixes above the labels, the deepest first; [] when labels are no codes of a tree."""
    if not all(TREE.fullmatch(name) for name in labels):
        return []
    deepest = max(len(name) for name in labels)
    return [n for n in (4, 2) if n < deepest]


def _parents(labels: Sequence[str], level: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Names of a level, and which of them each label is below."""
    names, at = np.unique([name[:level] for name in labels], return_inverse=True)
    return [str(n) for n in names], at


@dataclass(frozen=True)
class Classifier:
    labels: tuple[str, ...]
    unknown: tuple[str, ...]  # labels of the tree without an example: never predicted
    views: tuple[View, ...]
    bias: Floats
    calibration: fitting.Calibration
    trust: dict[int, Trust]  # by the length of the prefix; 0 for the label itself
    lessons: Lessons
    report: dict[str, Any]

    # Learning ---------------------------------------------------------------------------------------------------------

    @classmethod
    def fit(
        cls,
        titles: Sequence[str],
        bodies: Sequence[str],
        labels: Sequence[str],
        *,
        groups: Sequence[Any] | None = None,
        known: Iterable[str] = (),
        weights: Sequence[float] | None = None,
        precisions: Sequence[float] = (0.95, 0.99),
        seed: int = 0,
        progress: fitting.Progress | None = None,
    ) -> Classifier:
        """Learn from examples; those without a label or without words are passed over.

        groups: near-duplicates, kept on one side of a fold (found when None). known: all labels there are. weights: how
        much an example counts. progress(share done, words). Raises NotEnough.
        """
        began, told = time.perf_counter(), progress or (lambda _done, _words: None)
        told(0.0, "reading")
        kept = [i for i, name in enumerate(labels) if str(name or "").strip() and f"{titles[i]}{bodies[i]}".strip()]
        names = [str(labels[i]).strip() for i in kept]
        order = tuple(sorted(set(names)))
        if not kept:
            raise NotEnough("No example has a label and words.")
        if len(order) < 2:
            raise NotEnough(f"All examples have one label, {order[0]}: at least two are needed.")
        place = {name: i for i, name in enumerate(order)}
        y = np.array([place[name] for name in names], dtype=np.int64)
        ts, bs = [normal(str(titles[i] or "")) for i in kept], [normal(str(bodies[i] or "")) for i in kept]
        w = np.ones(len(y), np.float32) if weights is None else np.asarray([weights[i] for i in kept], np.float32)
        if groups is None:
            together = fitting.near_duplicates([f"{t}\n{b}" for t, b in zip(ts, bs, strict=True)])
        else:
            together = np.unique([str(groups[i]) for i in kept], return_inverse=True)[1].astype(np.int64)
        read = [fitting.reading(plan, ts, bs, classes=len(order)) for plan in PLAN]
        if not any(len(r.keys) for r in read):
            raise NotEnough("The examples hold no words that can be learned.")
        told(0.1, "learning")
        parents = [(_parents(order, n)[1], ADDS[n]) for n in _levels(order)]
        how = fitting.How(len(order), w, parents, seed)
        fold = fitting.folds_of(together, y, FOLDS, seed)
        scores = np.zeros((len(y), len(order)), dtype=np.float32)
        for n in range(FOLDS):
            inside, out = np.flatnonzero(fold != n), np.flatnonzero(fold == n)
            if len(out) and len(np.unique(y[inside])) > 1:
                scores[out] = fitting.learned(read, inside, out, y, how)[2]
            told(0.1 + 0.7 * (n + 1) / FOLDS, "learning")
        every = np.arange(len(y))
        parts, bias, _none = fitting.learned(read, every, every[:0], y, how)
        calibration = fitting.calibrated(scores, y, w)
        probability = calibration.of(scores)
        views = tuple(
            View(r.field, r.sizes, r.share, r.keys, scale, weight)
            for r, (scale, weight) in zip(read, parts, strict=True)
        )
        made = cls(
            order, tuple(sorted(set(map(str, known)) - set(order))), views, bias, calibration, {}, Lessons.none(), {}
        )  # fmt: skip
        made.trust.update(made._trust(probability, y))
        report = fitting.figures(probability, y, order)
        for wished in precisions:
            report[f"coverage_at_{100 * wished:g}"] = made.trust[0].coverage(wished)
            report[f"threshold_at_{100 * wished:g}"] = made.threshold(wished)
        told(1.0, "done")
        report |= {"examples": len(y), "groups": len(np.unique(together)), "labels": len(order)}
        made.report.update(report | {"seconds": round(time.perf_counter() - began, 2)})
        return made

    def _above(self, probability: npt.NDArray[Any], level: int) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Names of a level and their probabilities: the sums of what is below them."""
        names, at = _parents(self.labels, level)
        total = np.zeros((len(probability), len(names)))
        np.add.at(total.T, at, probability.T)
        return names, total

    def _trust(self, probability: npt.NDArray[Any], y: npt.NDArray[np.int64]) -> dict[int, Trust]:
        found = {0: Trust.of(probability.max(1), probability.argmax(1) == y)}
        for level in _levels(self.labels):
            _names, above = self._above(probability, level)
            found[level] = Trust.of(above.max(1), above.argmax(1) == _parents(self.labels, level)[1][y])
        return found

    def partial_fit(
        self,
        titles: Sequence[str],
        bodies: Sequence[str],
        labels: Sequence[str],
        *,
        weights: Sequence[float] | None = None,
    ) -> Classifier:
        """A new model that also knows these corrections; this one stays as it is. Milliseconds."""
        new = [str(name) for name in labels if str(name) not in self.labels]
        made = self._with_labels(tuple(dict.fromkeys(new)))
        place = {name: i for i, name in enumerate(made.labels)}
        ts, bs = [normal(str(t or "")) for t in titles], [normal(str(b or "")) for b in bodies]
        w = [1.0] * len(ts) if weights is None else [float(x) for x in weights]
        return replace(
            made, lessons=made.lessons.learned(ts, bs, [place[str(name)] for name in labels], w, made._idf())
        )

    def _with_labels(self, new: tuple[str, ...]) -> Classifier:
        """The same with labels added behind the others: nothing but corrections speaks for them yet."""
        if not new:
            return self
        add = ((0, 0), (0, len(new)))
        views = tuple(replace(v, weights=np.pad(v.weights, add)) for v in self.views)
        bias = np.pad(self.bias, (0, len(new)), constant_values=-9.0)
        unknown = tuple(u for u in self.unknown if u not in new)
        calibration = replace(self.calibration, shift=np.pad(self.calibration.shift, (0, len(new))))
        return replace(self, labels=self.labels + new, unknown=unknown, views=views, bias=bias, calibration=calibration)

    # Reading ----------------------------------------------------------------------------------------------------------

    def probabilities(self, titles: Sequence[str], bodies: Sequence[str]) -> npt.NDArray[np.float64]:
        """Messages × labels, for normal texts."""
        return self._read(titles, bodies)[0]

    def _read(
        self, titles: Sequence[str], bodies: Sequence[str]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Probabilities, and whether anything in a message is known."""
        score = np.tile(self.bias, (len(titles), 1)).astype(np.float64)
        known = np.zeros(len(titles), dtype=bool)
        for view in self.views:
            said, any_known = view.score(titles, bodies)
            score += said
            known |= any_known
        found = self.calibration.of(score)
        heard = self.lessons.heard(found, titles, bodies, self._idf())
        return heard, known | (heard != found).any(1)

    def _idf(self) -> tuple[Codes, Floats]:
        body = self.views[-1]
        return body.keys, body.scale

    def predict(self, titles: Sequence[str], bodies: Sequence[str], *, precision: float = 0.95) -> list[Prediction]:
        if not len(titles):
            return []
        ts, bs = [normal(str(t or "")) for t in titles], [normal(str(b or "")) for b in bodies]
        probability, known = self._read(ts, bs)
        levels = [(n, self.threshold(precision, n), *self._above(probability, n)) for n in _levels(self.labels)]
        least, made = self.threshold(precision), []
        for i, p in enumerate(probability):
            why = reason(f"{ts[i]}\n{bs[i]}") or ("" if known[i] else "no_words")
            best = np.argsort(-p, kind="stable")[:3]
            choices = tuple((self.labels[k], round(float(p[k]), 4)) for k in best)
            if why:
                made.append(Prediction(None, 0.0, (), False, why, ""))
                continue
            sure = bool(p[best[0]] >= least)
            level_label = self.labels[best[0]] if sure else ""
            for _n, needed, names, above in levels:
                if level_label:
                    break
                top = int(above[i].argmax())
                level_label = names[top] if above[i, top] >= needed else ""
            made.append(Prediction(choices[0][0], choices[0][1], choices, sure, "", level_label))
        return made

    def threshold(self, precision: float, level: int = 0) -> float:
        """The probability from which a choice is sure at this precision; 2.0 (never) when that precision was not seen."""
        return self.trust[level].threshold(precision)

    def explain(self, title: str, body: str, label: str | None = None, n: int = 8) -> list[Word]:
        """The pieces of the original text that spoke most for a label (the chosen one when None)."""
        if label is not None and label not in self.labels:
            return []
        which = (
            self.labels.index(label) if label else int(self.probabilities([normal(title)], [normal(body)])[0].argmax())
        )
        return words_for(self.views, which, title, body, n)

    # Keeping ----------------------------------------------------------------------------------------------------------

    def save(self) -> bytes:
        meta = {
            "labels": self.labels, "unknown": self.unknown, "report": self.report, "temperature": self.calibration.temperature,
            "curve": self.calibration.curve,
            "views": [[v.field, v.sizes, v.share] for v in self.views], "levels": sorted(self.trust),
        }  # fmt: skip
        arrays: dict[str, npt.NDArray[Any]] = {"bias": self.bias, "shift": self.calibration.shift}
        for i, v in enumerate(self.views):
            arrays |= {f"{i}.keys": v.keys, f"{i}.scale": v.scale, f"{i}.weights": v.weights.astype(np.float16)}
        for level, t in self.trust.items():
            arrays |= {f"trust.{level}": t.probability, f"right.{level}": t.right}
        return modelfile.write(KIND, meta, arrays | self.lessons.arrays())

    @classmethod
    def load(cls, raw: bytes) -> Classifier:
        """Raises modelfile.BadModel."""
        meta, a = modelfile.read(raw, KIND)
        try:
            views = tuple(
                View(name, tuple(sizes), share, a[f"{i}.keys"], a[f"{i}.scale"], a[f"{i}.weights"].astype(np.float32))
                for i, (name, sizes, share) in enumerate(meta["views"])
            )
            trust = {n: Trust(a[f"trust.{n}"], a[f"right.{n}"]) for n in meta["levels"]}
            return cls(
                tuple(meta["labels"]), tuple(meta["unknown"]), views, a["bias"],
                fitting.Calibration(meta["temperature"], a["shift"], tuple(meta["curve"])), trust, Lessons.of(a), meta["report"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise modelfile.BadModel("altered") from error

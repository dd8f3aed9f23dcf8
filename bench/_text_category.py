"""The classifier beside a plain one: TF-IDF of single characters and pairs, title and body apart, LinearSVC balanced,
sigmoids fitted on out-of-fold scores. Both learn from the same rows, set thresholds by the same rule, and are judged on
the same dev messages (raw, first of each near-duplicate group), with bootstrap intervals.
"""

from __future__ import annotations

import csv
import lzma
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bench._place import CONSOLE, say
from heli.engines.text.asking import order_to_ask
from heli.engines.text.classify import Classifier, Trust
from heli.engines.text.judging import calibration_error, interval, judged, macro_f1

TITLE, BODY, LABEL, GROUP = "留言主题", "留言详情", "一级标签", "dup_cluster"
LABELS_TRIED, DRAWS, STEP = (200, 500, 1000, 2000), 3, 100
Rows = list[dict[str, str]]


def rows(data: Path) -> tuple[Rows, Rows]:
    """(train, dev)."""
    with lzma.open(data / "messages_train.csv.xz", "rt", encoding="utf-8-sig", newline="") as source:
        every = list(csv.DictReader(source))
    dev = [r for r in every if r["split"] == "dev" and r["dup_rank"] == "0" and r["text_kind"] == "raw"]
    return [r for r in every if r["split"] == "train"], dev


def column(table: Rows, name: str) -> list[str]:
    return [r[name] for r in table]


def ours(train: Rows) -> Classifier:
    return Classifier.fit(column(train, TITLE), column(train, BODY), column(train, LABEL), groups=column(train, GROUP))


class Plain:
    """The baseline."""

    def __init__(self, train: Rows) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
        from sklearn.svm import LinearSVC

        y = np.array(column(train, LABEL))
        self.fields = {
            name: TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(
                column(train, name)
            )
            for name in (TITLE, BODY)
        }
        x, svm = self.read(train), LinearSVC(class_weight="balanced", random_state=0)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        out = cross_val_predict(svm, x, y, groups=column(train, GROUP), cv=folds, method="decision_function")
        self.svm = svm.fit(x, y)
        self.labels = list(self.svm.classes_)
        self.sigmoids = [LogisticRegression(C=1e6).fit(out[:, [k]], y == name) for k, name in enumerate(self.labels)]
        p = self.calibrated(out)
        self.trust = Trust.of(p.max(1), np.array(self.labels)[p.argmax(1)] == y)

    def read(self, table: Rows) -> Any:
        from scipy import sparse

        return sparse.hstack([f.transform(column(table, name)) for name, f in self.fields.items()]).tocsr()

    def calibrated(self, scores: Any) -> Any:
        p = np.stack([s.predict_proba(scores[:, [k]])[:, 1] for k, s in enumerate(self.sigmoids)], axis=1)
        return p / p.sum(1, keepdims=True)

    def judged(self, dev: Rows) -> dict[str, Any]:
        p = self.calibrated(self.svm.decision_function(self.read(dev)))
        true, said = np.array([self.labels.index(r[LABEL]) for r in dev]), p.argmax(1)
        right, top = true == said, p.max(1)
        low, high = interval(true, said, len(self.labels), 1000)
        found = {"macro_f1": macro_f1(true, said, len(self.labels)), "macro_f1_low": low, "macro_f1_high": high}
        for name, precision in (("95", 0.95), ("99", 0.99)):
            sure = top >= self.trust.threshold(precision)
            found |= {f"coverage_at_{name}": float(sure.mean()), f"precision_at_{name}": float(right[sure].mean())}
        began = time.perf_counter()
        for r in dev[:100]:
            self.svm.decision_function(self.read([r]))
        taken = (time.perf_counter() - began) * 10
        return found | {"accuracy": float(right.mean()), "ece": calibration_error(top, right), "ms_per_message": taken}


def drawn(train: Rows, n: int, seed: int) -> Rows:
    order = np.random.default_rng(seed).permutation(len(train))[:n]
    return [train[i] for i in order]


def asked(train: Rows, n: int) -> Rows:
    """n messages in the order in which a person would be asked for them, a hundred at a time."""
    have: list[int] = []
    model = None
    while len(have) < n:
        left = sorted(set(range(len(train))) - set(have))
        part = [train[i] for i in left]
        have += [left[k] for k in order_to_ask(model, column(part, TITLE), column(part, BODY), n=STEP)]
        model = ours([train[i] for i in have])
    return [train[i] for i in have]


def f1_of(train: Rows, dev: Rows) -> float:
    found = judged(ours(train), column(dev, TITLE), column(dev, BODY), column(dev, LABEL), resampled=2, timed=1)
    return float(found["macro_f1"])


def run(data: Path) -> None:
    train, dev = rows(data)
    began = time.perf_counter()
    model = ours(train)
    mine = {"train_seconds": time.perf_counter() - began, "model_bytes": len(model.save())}
    mine |= judged(model, column(dev, TITLE), column(dev, BODY), column(dev, LABEL), resampled=1000, timed=300)
    began = time.perf_counter()
    plain = Plain(train)
    theirs = {"train_seconds": time.perf_counter() - began} | plain.judged(dev)
    shown = Table(
        "on dev",
        "here",
        "plain",
        title=f"Category: {len(train)} rows to learn, {len(dev)} to judge",
        title_justify="left",
    )
    for name in (
        "macro_f1", "macro_f1_low", "macro_f1_high", "accuracy", "coverage_at_95", "precision_at_95", "coverage_at_99",
        "precision_at_99", "ece", "train_seconds", "ms_per_message", "model_bytes",
    ):  # fmt: skip
        a, b = mine[name], theirs.get(name)
        shown.add_row(name, f"{a:,.4g}" if a < 1000 else f"{a:,}", "" if b is None else f"{b:,.4g}")
    CONSOLE.print(shown)
    out = {k: v for k, v in model.report.items() if isinstance(v, float)}
    say("out of fold: " + ", ".join(f"{k} {v:.4f}" for k, v in out.items() if k != "seconds"))

    pool = [r for r in train if r["dup_rank"] == "0" and r["text_kind"] == "raw"]
    curve = Table(
        "labels", "macro-F1 (mean of draws)", "draws", "plain", "draws", title="Few labels", title_justify="left"
    )
    for n in LABELS_TRIED:
        draws = [drawn(pool, n, seed) for seed in range(DRAWS)]
        for_each = [[f1_of(d, dev) for d in draws], [Plain(d).judged(dev)["macro_f1"] for d in draws]]
        cells = [(f"{np.mean(got):.4f}", " ".join(f"{g:.4f}" for g in got)) for got in for_each]
        curve.add_row(f"{n:,}", *cells[0], *cells[1])
    curve.add_row("1,000 asked for", f"{f1_of(asked(pool, 1000), dev):.4f}")
    CONSOLE.print(curve)
    wrong = (1 - theirs["macro_f1"]) / (1 - mine["macro_f1"])
    say(
        f"ratio: {mine['macro_f1'] / theirs['macro_f1']:.4f} of the plain macro-F1; the plain one errs {wrong:.2f} times as much"
    )

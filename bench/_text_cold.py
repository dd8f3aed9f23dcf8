"""A reader on its first day: learned from our own examples alone, tried on messages by another writer.

The writer of the messages (tests/engines/text/messages.yaml, three for each of 235 matters) had seen neither the examples
nor the words of the list. Beside it, in the same run: the words of the list, as requests were read before.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import yaml

from bench._place import ROOT, say

MESSAGES = ROOT / "tests" / "engines" / "text" / "messages.yaml"
TREE = ROOT / "heli" / "loop" / "data" / "categories.yaml"
WORD_WEIGHT = 0.3  # as heli/loop/learning.py weighs a word of the list beside an example


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def by_words(tree: dict[str, list[str]], text: str) -> str:
    """The leaf whose words occur most, as heli/loop/propose.by_words has it."""
    best, label = 0, ""
    for code, words in tree.items():
        found = [w for w in words if w in text]
        if (score := sum(map(len, found)) + len(found)) > best:
            best, label = score, code
    return label


def run(_data: Path) -> None:
    from heli.engines.text import examples
    from heli.engines.text.classify import Classifier

    leaves = [c for c in read(TREE)["categories"] if len(c["code"]) == 6]
    tree = {c["code"]: list(c.get("words", [])) for c in leaves}
    rows = [(m["title"], m["body"], code) for code, told in read(MESSAGES).items() for m in told]
    learned = [("", text, code, 1.0) for code, text in examples.everything()]
    learned += [("", w, c["code"], WORD_WEIGHT) for c in leaves for w in (c["name"], *tree[c["code"]])]
    titles, bodies, codes, weights = (list(x) for x in zip(*learned, strict=True))
    began = time.perf_counter()
    model = Classifier.fit(titles, bodies, codes, weights=weights, known=sorted(tree))
    took = time.perf_counter() - began
    found = model.predict([t for t, _b, _c in rows], [b for _t, b, _c in rows])
    right = sum(p.label == code for p, (_t, _b, code) in zip(found, rows, strict=True)) / len(rows)
    three = sum(code in dict(p.choices) for p, (_t, _b, code) in zip(found, rows, strict=True)) / len(rows)
    words = sum(by_words(tree, t + b) == code for t, b, code in rows) / len(rows)
    sure = [p.label == code for p, (_t, _b, code) in zip(found, rows, strict=True) if p.sure]
    say(f"first day: {len(learned):,} examples and words of {len(tree)} matters, learned in {took:.0f} s")
    say(f"  a model of {len(model.save()) / 1e6:.1f} MB; {len(rows)} messages by another writer:")
    say(f"  {right:.1%} right, {three:.1%} among the first three; by the words of the list alone {words:.1%}")
    say(f"  sure at 95 %: {len(sure)} of them, {sum(sure)} right")
    say(f"ratio {right / words:.2f}")

"""Counts pairs of neighbouring signs in our own texts and writes heli/engines/text/data/common.txt (python -m bench._common_pairs).

Texts: pages and notices in Chinese, categories, rules, the demo's requests and those of the examples (which count three
times: they are the kind that is read), and data/everyday.txt. Whoever runs it raises nearly.VERSION: stored keys change.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from heli.engines.text.pieces import DATA, grams, plain

ROOT = Path(__file__).parent.parent / "heli"
_HAN = re.compile("[\u4e00-\u9fff]")
_GAP = re.compile(r"\{[^}]*\}|%\([^)]*\)[sd]|<[^>]*>")
_ENTRY = re.compile(r'msgstr(?:\[0\])? ((?:"(?:[^"\\]|\\.)*"\s*)+)')
_KIN = ("demo/content", "engines/text/examples")  # requests of residents


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(key)
            yield from _leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value)


def texts() -> dict[str, int]:
    """{text: times it counts}."""
    found: dict[str, int] = {}
    for path in sorted(ROOT.rglob("*.po")):
        for entry in _ENTRY.findall(path.read_text(encoding="utf-8")):
            found.setdefault("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', entry)), 1)
    for path in sorted(ROOT.rglob("*.y*ml")):
        kin = any(part in path.as_posix() for part in _KIN)
        for text in _leaves(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)):
            found[text] = max(found.get(text, 0), 3 if kin else 1)
    return {text: times for text, times in found.items() if _HAN.search(text)}


def main() -> None:
    counts: Counter[str] = Counter()
    total = 0
    for text, times in texts().items():
        if pairs := set(grams(plain(_GAP.sub(" ", text)))):
            counts.update(dict.fromkeys(pairs, times))
            total += times
    for line in (DATA.parent / "everyday.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            share, words = line.split(" ", 1)
            least = round(float(share) * total / 4)  # a quarter: our guess of the share may be too high
            for pair in {g for word in words.split() for g in grams(word)}:
                counts[pair] = max(counts[pair], least)
    by: defaultdict[int, list[str]] = defaultdict(list)
    for pair, count in counts.items():
        if count >= 2:
            by[count].append(pair)
    lines = [f"texts {total}", *(f"{n} {' '.join(sorted(by[n]))}" for n in sorted(by, reverse=True))]
    DATA.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Same event, for bench/text.py: B³ on the given events, pairs, what is linked without asking, the index at a million.

Reads hot_events_dev.csv, pairs_dev.csv and messages_hot.csv.xz from a folder that is never part of the project.
Beside each figure, in the same run: average linkage of character TF-IDF, the plain way.
"""

from __future__ import annotations

import csv
import io
import lzma
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench._place import say
from heli.engines.text.nearly import Index, keys
from heli.engines.text.pieces import Common, Read
from heli.engines.text.same import SAME, Message, clusters, likeness, linked
from heli.loop.text_commands import moment

DRAWS, SEED = 2000, 20261129


def rows(path: Path) -> list[dict[str, str]]:
    raw = path.read_bytes()
    text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def b_cubed(found: Mapping[str, int], true: Mapping[str, str], ids: Sequence[str]) -> tuple[float, float, float]:
    """F, precision, recall over ids (drawn with replacement for an interval: their mean is taken over the draws)."""
    groups: dict[int, set[str]] = {}
    events: dict[str, set[str]] = {}
    for i in true:
        groups.setdefault(found[i], set()).add(i)
        events.setdefault(true[i], set()).add(i)
    both = {i: len(groups[found[i]] & events[true[i]]) for i in true}
    p = float(np.mean([both[i] / len(groups[found[i]]) for i in ids]))
    r = float(np.mean([both[i] / len(events[true[i]]) for i in ids]))
    return 2 * p * r / (p + r), p, r


def f_half(said: Sequence[bool], true: Sequence[bool]) -> float:
    hit = sum(s and t for s, t in zip(said, true, strict=True))
    return 1.25 * hit / (0.25 * sum(true) + sum(said)) if hit else 0.0


def interval(measure: Callable[[list[int]], float], size: int) -> tuple[float, float]:
    """95 % by bootstrap."""
    rng = random.Random(SEED)
    got = sorted(measure(rng.choices(range(size), k=size)) for _ in range(DRAWS))
    return got[int(0.025 * DRAWS)], got[int(0.975 * DRAWS)]


def plain_labels(messages: Sequence[Message]) -> list[int]:
    """Average linkage over the cosine of character pairs, title and body alike, cut at 0.2."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn.feature_extraction.text import TfidfVectorizer

    def cosine(texts: list[str]) -> Any:
        made = TfidfVectorizer(analyzer="char", ngram_range=(2, 2), sublinear_tf=True, dtype=np.float32)
        found = made.fit_transform(texts)
        return (found @ found.T).toarray()

    near = 0.5 * cosine([m.title for m in messages]) + 0.5 * cosine([m.body for m in messages])
    apart = np.clip(1 - near, 0, None)
    np.fill_diagonal(apart, 0)
    return [int(n) for n in fcluster(linkage(squareform(apart, checks=False), "average"), 0.8, "distance")]


def section(folder: Path, *, million: int = 1_000_000) -> Iterator[tuple[str, str]]:
    """(what, figure) line by line, so that a long run shows something."""
    held = [
        Message(r["留言编号"], r["留言主题"], r["留言详情"], moment(r["留言时间"]), reporter=r["留言用户"])
        for r in rows(folder / "messages_hot.csv.xz")
    ]
    true = {r["留言编号"]: r["event"] for r in rows(folder / "hot_events_dev.csv")}
    ids = sorted(true)
    began = time.perf_counter()
    groups = clusters(held)
    took = time.perf_counter() - began
    ours = {str(i): n for n, group in enumerate(groups) for i in group}
    plain = dict(zip((str(m.id) for m in held), plain_labels(held), strict=True))
    for name, found in (("ours", ours), ("plain average linkage", plain)):
        f, p, r = b_cubed(found, true, ids)
        low, high = interval(lambda draw, found=found: b_cubed(found, true, [ids[n] for n in draw])[0], len(ids))  # type: ignore[misc]
        yield f"same event, B³ F, {name}", f"{f:.3f} ({low:.3f} to {high:.3f}); precision {p:.3f}, recall {r:.3f}"
    three, two = (sum(len(g) >= n for g in groups) for n in (3, 2))
    yield "events of two and more, of three and more", f"{two}, {three} of {len(held)} messages in {took:.1f} s"

    by_id = {m.id: m for m in held}
    common = Common()
    common.learn(Read.of(m.title, m.body).grams for m in held)
    couples = [(by_id[r["a"]], by_id[r["b"]], r["same_event"] == "1") for r in rows(folder / "pairs_dev.csv")]
    said = [likeness(a, b, common=common).p >= SAME for a, b, _ in couples]
    judged = [t for *_, t in couples]
    low, high = interval(lambda d: f_half([said[n] for n in d], [judged[n] for n in d]), len(said))
    yield "pairs, F0.5", f"{f_half(said, judged):.3f} ({low:.3f} to {high:.3f}), {len(said)} pairs"

    index = Index()
    links = []
    for message in held:
        near = index.query(message.body, message.title, most=5)
        links += [(str(i), message.id) for i, share in near if share >= 0.2 and linked(by_id[i], message)]
        index.add(message.id, message.body, message.title)
    yield "linked without asking", f"{len(links)} pairs (a person reads forty of them)"
    yield from at_size(million, held)


def at_size(size: int, held: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """The index with made-up messages: the keys of real ones, mixed, places and words by Zipf."""
    rng = random.Random(SEED)
    pool = [keys(m.body, title=m.title) for m in rng.sample(list(held), min(2000, len(held)))]

    def made() -> list[int]:
        base = pool[int(len(pool) ** rng.random()) - 1]
        return rng.sample(base, min(6, len(base))) + [rng.getrandbits(63) >> int(43 * rng.random()) for _ in range(18)]

    index = Index()
    began = time.perf_counter()
    for n in range(size):
        index.add_keys(n, made())
    grown = time.perf_counter() - began
    times = []
    for _ in range(500):
        asked = made()
        began = time.perf_counter()
        index.query_keys(asked)
        times.append(1000 * (time.perf_counter() - began))
    p50, p95, p99 = np.percentile(times, [50, 95, 99])
    yield f"index of {size:,} messages", f"grown in {grown:.0f} s; query {p50:.1f} ms, 95 % {p95:.1f}, 99 % {p99:.1f}"


def run(data: Path) -> None:
    """Print the table, line by line."""
    for what, figure in section(data):
        say(f"{what:<60} {figure}")

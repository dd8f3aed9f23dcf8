"""Does a reply answer its message: the true reply beside a reply to another message, as areas under the curve.

Two kinds of other message: any, and the one most like it (cosine of character 1-2-grams, below 0.2: above it is often the
same matter, whose reply answers both). As the replies are, and without what gives them away: the asker's name and the title
said again. Beside it, in the same run: the cosine of plain TF-IDF, and the length of the reply.

The texts are public but not ours to ship; where they are not on the machine, one sentence says so. What is "learned" is
learned on four fifths and scored on the last, near-duplicates on one side.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

COLUMNS = {"user": "留言用户", "title": "留言主题", "body": "留言详情", "reply": "答复意见"}
BELOW, FOLDS, DRAWS = 0.2, 5, 200


def without_echo(row: dict[str, str]) -> str:
    """A reply without the asker's name and without the title said again, in quotation marks or not."""
    title = row["title"].strip()
    pairs = {title[i : i + 2] for i in range(len(title) - 1)}
    reply = re.sub(r"(?:UU|A)00\d+", "", row["reply"].replace(row["user"], "")).replace(title, "")

    def cut(m: re.Match[str]) -> str:
        said = {m[1][i : i + 2] for i in range(len(m[1]) - 1)}
        return "" if said and len(said & pairs) / len(said) >= 0.5 else m[0]

    return re.sub(r"[“\"「《]([^“”\"」》]{2,60})[”\"」》]", cut, reply)


def run(data: Path) -> None:
    """Print the table."""
    import numpy as np
    from rich.table import Table
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import roc_auc_score

    from bench._place import CONSOLE
    from heli.engines.text import reply
    from heli.engines.text.normal import normal
    from heli.loop.text_commands import rows_of

    rows = rows_of(data / "messages_replies.csv.xz", **COLUMNS)
    n, every = len(rows), np.arange(len(rows))
    messages = [normal(f"{r['title']}\n{r['body']}") for r in rows]
    space = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit_transform(messages)
    alike = (space @ space.T).toarray()
    np.fill_diagonal(alike, 0)
    rng = np.random.default_rng(7)
    others = {"any": (every + rng.integers(1, n, n)) % n, "alike": np.where(alike < BELOW, alike, -1).argmax(1)}
    groups = connected_components(alike >= 0.6)[1]
    fold = (rng.permutation(groups.max() + 1) % FOLDS)[groups]
    del alike
    triples = [(r["title"], r["body"], r["reply"]) for r in rows]
    learned = [reply.learn([triples[i] for i in every[fold != f]]) for f in range(FOLDS)]
    plain = TfidfVectorizer(analyzer="char", ngram_range=(2, 2), sublinear_tf=True).fit(
        messages + [normal(t[2]) for t in triples]
    )
    told = plain.transform(messages)

    table = Table(
        "replies", "score", *(f"AUC, {k} (95 % CI)" for k in others), title=f"{n} messages with their replies"
    )
    for name, texts in (("as they are", [r["reply"] for r in rows]), ("without echo", [without_echo(r) for r in rows])):
        said = plain.transform(normal(t) for t in texts)

        def score(how: str, j: Any, texts: list[str] = texts, said: Any = said) -> Any:
            match how:
                case "length":
                    return np.array([len(texts[k]) for k in j])
                case "TF-IDF":
                    return np.asarray(told.multiply(said[j]).sum(1)).ravel()
                case "as shipped":
                    states = [reply.STATE] * n
                case _:
                    states = [learned[f] for f in fold]
            return np.array([reply.relevance(*triples[i][:2], texts[k], states[i]) for i, k in enumerate(j)])

        for how in ("length", "TF-IDF", "as shipped", "learned"):
            own, cells = score(how, every), []
            for j in others.values():
                other = score(how, j)
                area = roc_auc_score(np.repeat([1, 0], n), np.r_[own, other])
                drawn = [
                    roc_auc_score(np.repeat([1, 0], n), np.r_[own[d], other[d]])
                    for d in (rng.integers(0, n, n) for _ in range(DRAWS))
                ]
                low, high = np.quantile(drawn, (0.025, 0.975))
                cells.append(f"{area:.3f} ({low:.3f}–{high:.3f})")
            table.add_row(name, how, *cells)
    CONSOLE.print(table)

"""Is a text plain? Long sentences, official words, missing people and dates: hints for whoever writes, never a verdict.

Sources: the sentence length of docs' own rules (25 characters a sentence, 42 a line); the official words are those that
work units' own style guides ask to avoid in notices to residents (会议体, 公文体), each with what one may say instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONG = 40  # characters of one sentence
OFFICIAL: dict[str, str] = {
    "予以": "给",
    "进一步": "",
    "切实": "",
    "积极": "",
    "扎实": "",
    "有效": "",
    "贯彻落实": "照着做",
    "深入推进": "接着做",
    "相关部门": "写出是哪个单位",
    "有关部门": "写出是哪个单位",
    "有关规定": "写出是哪条规定",
    "相关规定": "写出是哪条规定",
    "依法依规": "写出按哪条规定",
    "符合条件": "写出是什么条件",
    "上述": "再说一遍是什么",
    "特此通知": "",
    "如下": "",
    "申领": "领",
    "申报": "报",
    "提交": "交",
    "开展": "做",
    "实施": "做",
    "给予": "给",
    "享受": "可以得到",
    "办结": "办完",
    "逾期": "过了期限",
    "届时": "到时候",
    "其他材料": "写出是什么材料",
    "尽快": "写出哪天以前",
    "近期": "写出哪天",
    "另行通知": "写出什么时候说",
    "凭": "带着",
    "须": "要",
    "即可": "就行",
}
_SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_QUIET = re.compile(r"\s|[，,、（）()《》“”\"]")


@dataclass(frozen=True, slots=True)
class Word:
    """An official word found in a text, and what may stand there instead ('' : leave it out)."""

    word: str
    instead: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text reads: number of sentences, the longest ones, official words in it (each once, in order)."""

    sentences: int
    average: int
    long: tuple[str, ...]
    official: tuple[Word, ...]

    @property
    def plain(self) -> bool:
        return not self.long and not self.official


def read(text: str) -> Reading:
    """Look at a text. Characters are counted without blanks and marks."""
    parts = [p.strip() for p in _SENTENCE.findall(text) if p.strip()]
    sizes = [len(_QUIET.sub("", p)) for p in parts]
    long = tuple(p for p, n in zip(parts, sizes, strict=True) if n > LONG)
    found = sorted((at, w) for w in OFFICIAL if (at := text.find(w)) >= 0)
    kept = [w for _at, w in found if not any(w != o and w in o for _b, o in found)]
    return Reading(
        len(parts), round(sum(sizes) / len(sizes)) if sizes else 0, long, tuple(Word(w, OFFICIAL[w]) for w in kept)
    )

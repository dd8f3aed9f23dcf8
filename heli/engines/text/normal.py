"""A text as the rest of the engine reads it: traditional characters simplified, full-width forms narrow, letters small."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc

_GAPS = re.compile(r"\s+")
_TAGS = re.compile(r"<[^<>]{1,200}>")
MOST = 20_000  # characters that are read of a text


@lru_cache(maxsize=1)
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def normal(text: str) -> str:
    """A text ready to be compared: NFKC, simplified, small letters, tags of HTML and runs of blanks as one blank.

    Reads at most 20,000 characters. O(length). Not for showing: marks and capitals are lost.
    """
    text = unicodedata.normalize("NFKC", text[:MOST].encode("utf-8", "ignore").decode())  # halves of pairs are dropped
    text = _GAPS.sub(" ", _TAGS.sub(" ", text)).strip().lower()
    return str(_converter().convert(text)) if text else ""

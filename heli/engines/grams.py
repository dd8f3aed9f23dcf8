"""Search in Chinese without a dictionary: a text as the numbers of its characters and of its pairs of neighbours.

Whatever contains a phrase contains every pair of its neighbours, so an index over pairs finds all candidates for a
phrase of two characters or more, in any language, and one over single characters those for one character. What it
finds is looked at once more for the phrase itself. The database makes the same numbers (heli_folded, heli_grams in
loop/migrations); a test holds both to the same answers.

Method: character n-gram indexing, e.g. McNamee & Mayfield, "Character n-gram tokenization for European language text
retrieval", Information Retrieval 7 (2004); for Chinese, Kwok, "Comparing representations in Chinese information
retrieval", SIGIR 1997: pairs do as well as words found by a dictionary.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

BITS = 21  # a code point fits: 0x10FFFF < 2 ** 21
AREA_LENGTHS = (2, 4, 6, 9, 12)  # province … village
WIDE = "".join(chr(c) for c in range(0xFF01, 0xFF5F)) + "\u3000"  # full-width forms and the wide space
NARROW = ("".join(chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)) + " ").lower()
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FROM, TO = WIDE + CAPITALS, NARROW + CAPITALS.lower()
_FOLD = str.maketrans(FROM, TO)


def folded(text: str) -> str:
    """A text as it is compared: full-width forms narrow, A to Z small. Everything else stays, one for one."""
    return text.translate(_FOLD)


def counts(point: int) -> bool:
    """Whether a character is part of words: no control, blank, ASCII mark before "0", nor CJK mark."""
    return point >= 48 and not 0x3000 <= point <= 0x303F


def grams(body: str) -> list[int]:
    """Numbers of the characters and of the pairs of neighbours in a folded text, each once, sorted. O(length)."""
    points = [ord(c) for c in body]
    found = {p for p in points if counts(p)}
    found |= {(a << BITS) | b for a, b in itertools.pairwise(points) if counts(a) and counts(b)}
    return sorted(found)


def asked(phrase: str) -> list[int]:
    """What to ask of the index for a folded phrase: its pairs, or its one character; [] when nothing in it counts.

    The single characters of a phrase that has pairs say nothing new, unless they stand alone between marks.
    """
    points = [ord(c) for c in phrase]
    found = set()
    for i, p in enumerate(points):
        if not counts(p):
            continue
        after = i + 1 < len(points) and counts(points[i + 1])
        before = i > 0 and counts(points[i - 1])
        if after:
            found.add((p << BITS) | points[i + 1])
        elif not before:
            found.add(p)
    return sorted(found)


def area_grams(path: str) -> list[int]:
    """Numbers of an area and of all above it, below zero so that they meet no character; [] for no code of digits."""
    if not (path.isascii() and path.isdecimal()):
        return []
    return [-int(path[:n]) for n in AREA_LENGTHS if n <= len(path)]


def phrases(typed: str, *, most: int = 6) -> Sequence[str]:
    """The phrases of a search, folded, each once, at most `most`: what blanks part is asked for together (AND)."""
    return tuple(dict.fromkeys(folded(typed).split()))[:most]

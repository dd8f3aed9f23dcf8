"""Long numbers on papers: 26 random characters (130 bits, so that none is guessed) and 4 that check them.

Alphabet: Crockford's base 32 (no I, L, O, U). Read forgivingly: lower case, full width, blanks and dashes anywhere, O for 0,
I and L for 1. The check characters are 20 bits of SHA-256 over the others: a slip of the pen is told from an unknown number
without asking anybody, and passes once in a million. They are no secret and prove nothing.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

from heli.engines.identifiers import fold

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM, CHECK = 26, 4
LENGTH: Final = RANDOM + CHECK
_ALIKE: Final = str.maketrans("OIL", "011")


class BadSerial(ValueError):
    """What was typed cannot be such a number. `why`: empty | length | character | check."""

    def __init__(self, why: str) -> None:
        self.why: Final = why
        super().__init__(why)


def _check(body: str) -> str:
    bits = int.from_bytes(sha256(b"heli-serial/v1\n" + body.encode()).digest()[:3], "big") >> 4
    return "".join(ALPHABET[bits >> shift & 31] for shift in (15, 10, 5, 0))


def new() -> str:
    """30 characters without dashes."""
    body = some(RANDOM)
    return body + _check(body)


def some(length: int) -> str:
    """Random characters of the alphabet: 5 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def read(typed: str) -> str:
    """Characters of the alphabet as they were meant; others stay and fit nothing."""
    return fold(typed).translate(_ALIKE)


def normalise(typed: str) -> str:
    """The 30 characters of what was typed. Raises BadSerial."""
    code = read(typed)
    if not code:
        raise BadSerial("empty")
    if len(code) != LENGTH:
        raise BadSerial("length")
    if any(c not in ALPHABET for c in code):
        raise BadSerial("character")
    if _check(code[:RANDOM]) != code[RANDOM:]:
        raise BadSerial("check")
    return code


def grouped(code: str) -> str:
    """As it is printed: six groups of five."""
    return "-".join(code[i : i + 5] for i in range(0, len(code), 5))


def in_address(code: str) -> str:
    """As it stands in an address: 26-4."""
    return f"{code[:RANDOM]}-{code[RANDOM:]}"

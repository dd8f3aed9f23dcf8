"""The cards of the first page, which rooms below `web` make and `web` shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise

Words = str | Promise


@dataclass(frozen=True, slots=True)
class NextAct:
    """A card of "what should I do next". `state`: of the look, as in heli/web/parts.py."""

    title: Words
    words: Words
    count: int
    url: str
    state: str = ""

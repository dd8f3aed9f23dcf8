"""The buttons of a snap, and the words that speak of a person: data/hazards.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from django.utils.translation import get_language

from heli.engines.identifiers import find_personal

DATA = Path(__file__).parent / "data" / "hazards.yaml"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Hazard:
    """One button: its key, the category it begins with ("" for words of one's own), its urgency where it differs."""

    key: str
    category: str
    name: str
    name_en: str
    icon: str
    urgency: str = ""

    def __str__(self) -> str:
        return self.name_en if get_language() == "en" else self.name


@cache
def _data() -> tuple[dict[str, Hazard], tuple[str, ...]]:
    read = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return {h["key"]: Hazard(**h) for h in read["hazards"]}, tuple(read["persons"])


def all_hazards() -> dict[str, Hazard]:
    """Every hazard by its key, in the order of the buttons; the last, OTHER, has none."""
    return _data()[0]


def buttons() -> list[Hazard]:
    """The eight of the page."""
    return [h for h in all_hazards().values() if h.key != OTHER]


def speaks_of_a_person(text: str) -> bool:
    """Whether words typed with a snap hold a personal number, or one of the words of the list. Errs towards saying so:
    whoever sends it may say that it is about the place."""
    return bool(find_personal(text)) or any(word in text for word in _data()[1])

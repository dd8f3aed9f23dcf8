"""Whether a name and an identity number belong together.

A check is a class named in HELI_REALNAME as "module:Class", made once without arguments; it reads its own account from
the environment. A service of the state (names and numbers of the population) is such a class. Without one, `Local`
says only whether the number can be one: then a person looks at the card besides, and that is what is written down.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from heli.engines.identifiers import BadIdentifier, resident_id


class Check(Protocol):
    """`how`: what is kept as the way a name was checked. `decides`: its yes is enough, nobody looks at the card."""

    how: str
    decides: bool

    def same(self, name: str, number: str) -> bool:
        """Whether they belong together. Raises HeliError when it cannot be asked now; nothing is kept by it."""
        ...


class Local:
    """Both are there, and the number is well formed (GB 11643)."""

    how = "card"
    decides = False

    def same(self, name: str, number: str) -> bool:
        try:
            resident_id(number, on=timezone.localdate())
        except BadIdentifier:
            return False
        return bool(name.strip())


@lru_cache(maxsize=4)
def _make(name: str) -> Check:
    module, _colon, attribute = name.partition(":")
    try:
        made: Check = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"HELI_REALNAME={name!r} is no 'module:Class': {error}") from error
    return made


def check() -> Check:
    """The check of this installation."""
    return _make(settings.HELI_REALNAME)

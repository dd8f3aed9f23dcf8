"""What ends with an account. A room further right tells how, once, at start (in its AppConfig.ready), so that closing
an account ends whatever somebody was there, in the same transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from heli.core.actor import Actor

End = Callable[[int, Actor, dt.datetime], None]  # account id, who closes it, when
_ends: list[End] = []


def register(end: End) -> None:
    """`end` is called before anything of the account is erased; what it raises keeps the account open."""
    _ends.append(end)


def end_all(user_id: int, by: Actor, at: dt.datetime) -> None:
    for end in _ends:
        end(user_id, by, at)

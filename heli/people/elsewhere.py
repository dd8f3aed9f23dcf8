"""What somebody is in rooms further right: it ends with the account, in the same transaction, and goes along in the file
of what is kept about them. A room tells how, once, at start (in its AppConfig.ready)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from heli.core.actor import Actor

Row = tuple[str, str, str, dt.datetime | None]  # part, item, content, when
End = Callable[..., None]  # user_id, by (who closes it), at; by name
Tell = Callable[[int], list[Row]]
_rooms: list[tuple[End, Tell]] = []


def register(end: End, tell: Tell) -> None:
    """`end` is called before anything of the account is erased; what it raises keeps the account open."""
    _rooms.append((end, tell))


def end_all(user_id: int, by: Actor, at: dt.datetime) -> None:
    """Call while holding the account's row."""
    for end, _tell in _rooms:
        end(user_id=user_id, by=by, at=at)


def tell_all(user_id: int) -> list[Row]:
    """Rows of every room for the person's own file."""
    return [row for _end, tell in _rooms for row in tell(user_id)]

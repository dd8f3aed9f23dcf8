"""Ways to handle (办) a request beside the unit's own reply: a pledge that fulfils a wish, a suggestion's answer…

A room further right registers its way once, at start (in its AppConfig.ready); the unit's page then leads there, and
what comes of it is a `Handling` of the way's kind, written by `steps.write_reply(…, kind=…)`:

    ways.register(Way(kind="pledge", of=Kind.WISH, words=_("Fulfil the wish"), …))

A kind of request has one usual way at most (where there is none, it is the plain reply), and any number of others, which
the page offers beside it to those who may go them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

from heli.core.caps import Cap

Words = str | Promise
REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Way:
    """One way: the kind of its handlings, the kind of request it is for, and the page on which the unit does it."""

    kind: str
    of: str  # loop.models.Kind
    words: Words  # on the button, and as the title of the unit's next act
    note: Words  # one sentence: what there is to do
    icon: str
    url: Callable[[str], str]  # the code of a request → the address
    instead: bool = False  # there is no plain reply to such a request
    follow: Callable[[int, str], str] | None = None  # request id, token of a link → the resident's page there, or ''
    follow_words: Words = ""  # what the resident can do there
    needs: Cap | None = None  # without it for the unit the way is not offered


_known: dict[str, Way] = {}  # the usual ones, by kind of request
_others: dict[tuple[str, str], Way] = {}  # by kind of request and of handling


def register(way: Way) -> None:
    """The usual way for a kind of request; a second one for the same kind is a mistake of the programmer."""
    if _known.setdefault(way.of, way) != way:
        raise ValueError(f"two ways to handle a {way.of}")


def offer(way: Way) -> None:
    """A way beside the usual one; twice the same kind of handling is a mistake of the programmer."""
    if _others.setdefault((way.of, way.kind), way) != way:
        raise ValueError(f"two ways to handle a {way.of} by a {way.kind}")


def way_of(kind: str) -> Way | None:
    """The usual way to handle requests of this kind; None: a plain reply."""
    return _known.get(kind)


def others(kind: str) -> list[Way]:
    """What else there is for requests of this kind, in the order in which it was offered."""
    return [way for (of, _handling), way in _others.items() if of == kind]


def to_follow(kind: str, request_id: int, token: str) -> list[tuple[Way, str]]:
    """Pages on which a resident follows their request in its ways. One statement for each way there is."""
    ways = [w for w in (way_of(kind), *others(kind)) if w is not None and w.follow is not None]
    return [(w, url) for w in ways if w.follow is not None and (url := w.follow(request_id, token))]


def plain_reply(kind: str) -> bool:
    """Whether a unit may simply reply to requests of this kind."""
    way = _known.get(kind)
    return way is None or not way.instead

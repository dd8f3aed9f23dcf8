"""Ways to handle (办) a request beside the unit's own reply: a pledge that fulfils a wish, a suggestion's answer…

A room further right registers its way once, at start (in its AppConfig.ready); the unit's page then leads there, and
what comes of it is a `Handling` of the way's kind, written by `steps.write_reply(…, kind=…)`:

    ways.register(Way(kind="pledge", of=Kind.WISH, words=_("Fulfil the wish"), …))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise

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


_known: dict[str, Way] = {}


def register(way: Way) -> None:
    """One way for one kind of request; a second one for the same kind is a mistake of the programmer."""
    if _known.setdefault(way.of, way) != way:
        raise ValueError(f"two ways to handle a {way.of}")


def way_of(kind: str) -> Way | None:
    """The registered way to handle requests of this kind."""
    return _known.get(kind)


def plain_reply(kind: str) -> bool:
    """Whether a unit may simply reply to requests of this kind."""
    way = _known.get(kind)
    return way is None or not way.instead

"""Do two messages tell of the same event, and which messages are one event.

A pair is weighed by a handful of things a reader looks at too: like words in the titles and in the texts, the same named
places, the same matter (matters.py), time between, the place and category the desk gave. The weights were chosen once,
rounded by hand; nothing is learned here but how common each pair of signs is.

Events grow day by day (average linkage; Lance & Williams 1967), and the larger an event already is, the less a new message
has to say to belong to it, as in the Chinese restaurant process (Aldous 1985): when fifty have written about a mixing
plant, the fifty-first who writes of one is most likely near the same one.
"""

from __future__ import annotations

import datetime as dt
import heapq
import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from heli.engines.text.nearly import VERBATIM, verbatim
from heli.engines.text.pieces import Common, Pieces, Read, alike, dot, grams, pieces, runs

Id = Hashable


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is compared; what is not known stays '' or None. `place` and `category` are the desk's codes."""

    id: Id
    title: str
    body: str
    at: dt.datetime | None = None
    place: str = ""
    category: str = ""
    reporter: str = ""


@dataclass(frozen=True, slots=True)
class Likeness:
    """p: chance that both tell of one event. Reasons: codes of WHY, in that order. Shared: what both name, in words."""

    p: float
    reasons: tuple[str, ...]
    shared: tuple[str, ...]


WHY = (
    "same_words",
    "same_place",
    "same_matter",
    "near_in_time",
    "same_person",
    "other_place",
    "other_matter",
    "far_in_time",
)
SAME = 0.8  # from here a pair is proposed as one event
JOIN, CROWD, FULL = 1.1, 0.9, 40  # an event takes a message from these log-odds on, less CROWD × ln(size, at most FULL)
_NO_TIME = 4.0  # ln(1 + days) where a time is not known: two months
_FLOOR = 0.03


@dataclass(frozen=True, slots=True)
class _Weighed:
    odds: float
    title: float
    body: float
    place: float
    matter: float
    elsewhere: bool
    days: float | None


def likeness(a: Message, b: Message, *, common: Common | None = None) -> Likeness:
    """Weigh a pair. `common`: what a county has learned; without it the table that came with us. O(length)."""
    common = common or Common()
    x, y = pieces(Read.of(a.title, a.body), common), pieces(Read.of(b.title, b.body), common)
    w = _weigh(a, x, b, y)
    place = max(w.place, 1.0 if a.place and a.place == b.place else 0.0)
    told = {
        "same_words": max(w.title, w.body) >= 0.35,
        "same_place": place >= 0.25,
        "same_matter": w.matter >= 0.5,
        "near_in_time": w.days is not None and w.days <= 7,
        "same_person": bool(a.reporter) and a.reporter == b.reporter,
        "other_place": w.elsewhere,
        "other_matter": bool(x.matter and y.matter) and w.matter < 0.05,
        "far_in_time": w.days is not None and w.days > 180,
    }
    return Likeness(round(_chance(w.odds), 4), tuple(r for r in WHY if told[r]), _shared(x, y, common))


def linked(a: Message, b: Message) -> bool:
    """Whether b may be joined to a without asking: near-verbatim, and neither title names a place the other is silent on.

    The same words with another estate's name in them are another event: complaints are copied from neighbours.
    """
    if verbatim(f"{a.title}。{a.body}", f"{b.title}。{b.body}") < VERBATIM:
        return False
    common = Common()
    x, y = (pieces(Read.of(m.title, m.body), common) for m in (a, b))
    return not (_misses(x, y) and _misses(y, x))


def _chance(odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def _weigh(a: Message, x: Pieces, b: Message, y: Pieces) -> _Weighed:
    title, body = dot(x.title, y.title), dot(x.body, y.body)
    cross = max(dot(x.title, y.body), dot(x.body, y.title))
    place = _places(x.cores, y.cores)
    matter = dot(x.matter, y.matter) if x.matter and y.matter else 0.3
    missed = _misses(x, y), _misses(y, x)
    elsewhere = all(missed)
    days = abs((a.at - b.at).total_seconds()) / 86400 if a.at and b.at else None
    odds = (
        2.85
        + 1.15 * math.log(title + _FLOOR)
        + 0.8 * math.log(body + _FLOOR)
        + 0.65 * math.log(cross + _FLOOR)
        + 0.35 * place
        + 2.5 * matter
        - 1.2 * elsewhere
        - 0.1 * any(missed)
        - 0.19 * (math.log1p(days) if days is not None else _NO_TIME)
    )
    if a.place and b.place:
        same = a.place == b.place
        odds += 0.7 if same else -0.7 * (not a.place.startswith(b.place) and not b.place.startswith(a.place))
        elsewhere = elsewhere and not same
    if a.category and b.category:
        odds += 0.3 if a.category == b.category else -0.3
    return _Weighed(odds, title, body, place, matter, elsewhere, days)


def _places(a: dict[str, float], b: dict[str, float]) -> float:
    """How much of the names of each the other has too: geometric mean of both shares, 0 to 1."""
    if not a or not b:
        return 0.0
    one = sum(w for c, w in a.items() if any(alike(c, d) for d in b)) / sum(a.values())
    other = sum(w for c, w in b.items() if any(alike(c, d) for d in a)) / sum(b.values())
    return math.sqrt(one * other)


def _misses(a: Pieces, b: Pieces) -> bool:
    """Whether a's title names places and b speaks of none of them."""
    return bool(a.named) and not any(c in b.text or c[-3:] in b.text or c[:3] in b.text for c in a.named)


def _shared(x: Pieces, y: Pieces, common: Common) -> tuple[str, ...]:
    """At most five runs of signs that both texts hold, the most telling first."""
    found: dict[str, float] = {}
    for row in runs(x.text[:400]):
        start = 0
        while start < len(row):
            end = start
            while end < len(row) and "".join(row[start : end + 1]) in y.text:
                end += 1
            if end - start >= 2:
                run = "".join(row[start:end])
                found[run] = sum(max(0.0, common.rarity(g) - 2) for g in grams(run))
            start = max(end, start + 1)
    best = sorted((r for r in found if found[r] > 0), key=lambda r: (-found[r], r))
    return tuple(r for n, r in enumerate(best) if not any(r in s for s in best[:n]))[:5]


# Events -----------------------------------------------------------------------------------------------------------------
def clusters(messages: Iterable[Message]) -> list[list[Id]]:
    """All messages as events, the largest first; within one, in the order of days. Undated ones come last, as one day.

    Raises:
        ValueError: an id is there twice.
    """
    days: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        days[message.at.date().isoformat() if message.at else "~"].append(message)
    events = Events()
    for day in sorted(days):
        events.add_day(days[day])
    return events.groups()


class Events:
    """Events as they grow. The order of messages within a day does not matter; that of days does.

    Two messages are compared when their texts have something in common at all (an inverted index finds those), so a day
    costs about its number of messages × a few milliseconds. `state` and `resume` carry it over to the next day.
    """

    NEAR = 0.06  # cosine of two texts from which they are compared
    NEWEST = 2000  # messages looked at for one pair of signs

    def __init__(self, *, common: Common | None = None) -> None:
        self.common = common or Common()
        self._messages: list[Message] = []
        self._pieces: list[Pieces] = []
        self._known: dict[Id, int] = {}
        self._holds: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        self._event: list[int] = []  # message → event; an event has the number of its first message
        self._members: dict[int, list[int]] = {}
        self._links: defaultdict[int, dict[int, float]] = defaultdict(dict)  # sums of p between two events

    def add_day(self, messages: Sequence[Message]) -> None:
        """Take the messages of one day (or of an hour: what matters is that the calls come in the same order).

        Raises:
            ValueError: an id is there already; nothing was taken.
        """
        ids = {m.id for m in messages}
        if twice := [m.id for m in messages if m.id in self._known]:
            raise ValueError(f"id {twice[0]} is there already")
        if len(ids) < len(messages):
            seen: set[Id] = set()
            raise ValueError(f"id {next(m.id for m in messages if m.id in seen or seen.add(m.id))} is there twice")  # type: ignore[func-returns-value]
        new = sorted(messages, key=lambda m: (m.at.isoformat() if m.at else "", str(m.id)))
        read = [Read.of(m.title, m.body) for m in new]
        self.common.learn(r.grams for r in read)
        first = len(self._messages)
        for message, its in zip(new, read, strict=True):
            self._take(message, its)
        for n in range(first, len(self._messages)):
            for other, p in self._alike(n):
                self._link(self._event[n], self._event[other], p)
        self._join(range(first, len(self._messages)))

    def groups(self) -> list[list[Id]]:
        """All events as lists of ids, the largest first, then the oldest."""
        held = sorted(self._members.items(), key=lambda e: (-len(e[1]), e[0]))
        return [[self._messages[n].id for n in sorted(members)] for _, members in held]

    def event_of(self, id: Id) -> Id:
        """The first message of the event that a message belongs to: the event's own name, which joining may change."""
        return self._messages[self._event[self._known[id]]].id

    def state(self) -> dict[str, Any]:
        """What cannot be made anew from the messages, as plain JSON (if the ids are): no texts in it."""
        return {
            "texts": self.common.texts,
            "counts": self.common.counts,
            "events": [[self._messages[n].id for n in sorted(ns)] for _, ns in sorted(self._members.items())],
            "links": [
                [self._messages[a].id, self._messages[b].id, p]
                for a, others in sorted(self._links.items())
                for b, p in sorted(others.items())
                if a < b
            ],
        }

    @classmethod
    def resume(cls, state: dict[str, Any], messages: Iterable[Message]) -> Events:
        """Go on from a state. Messages that are not handed over (too old) are forgotten, and with them their events.

        Words are weighed by how common they are now, so what comes may differ a little from a run without a break.
        """
        events = cls(common=Common(state["counts"], state["texts"]))
        by_id = {m.id: m for m in messages}
        names: dict[Id, int] = {}
        for held in state["events"]:
            kept = [by_id[i] for i in held if i in by_id]
            for message in kept:
                events._take(message, Read.of(message.title, message.body))
            numbers = [events._known[m.id] for m in kept]
            for n in numbers[1:]:
                events._event[n] = numbers[0]
                del events._members[n]
            if numbers:
                events._members[numbers[0]] = numbers
                names[held[0]] = numbers[0]
        for a, b, p in state["links"]:
            if a in names and b in names:
                events._link(names[a], names[b], p)
        return events

    def _take(self, message: Message, read: Read) -> None:
        n = len(self._messages)
        found = pieces(read, self.common)
        self._messages.append(message)
        self._pieces.append(found)
        self._known[message.id] = n
        self._event.append(n)
        self._members[n] = [n]
        for pair, weight in found.telling.items():
            self._holds[pair].append((n, weight))

    def _alike(self, n: int) -> list[tuple[int, float]]:
        """(earlier message, chance of one event) for all that have enough in common with message n."""
        a, x = self._messages[n], self._pieces[n]
        near: defaultdict[int, float] = defaultdict(float)
        for pair, weight in x.telling.items():
            held = self._holds[pair]
            for other, its in held if len(held) <= self.NEWEST else held[-self.NEWEST :]:
                near[other] += weight * its
        found = []
        for m in sorted(m for m, cosine in near.items() if m < n and cosine >= self.NEAR / 2):
            y = self._pieces[m]
            if dot(x.both, y.both) >= self.NEAR:
                found.append((m, _chance(_weigh(a, x, self._messages[m], y).odds)))
        return found

    def _link(self, a: int, b: int, p: float) -> None:
        self._links[a][b] = self._links[b][a] = self._links[a].get(b, 0.0) + p

    def _odds(self, a: int, b: int) -> float:
        """Log-odds that two events are one: mean chance over all pairs, and the pull of the larger."""
        m, n = len(self._members[a]), len(self._members[b])
        p = min(max(self._links[a].get(b, 0.0) / (m * n), 1e-4), 1 - 1e-4)
        return math.log(p / (1 - p)) + CROWD * math.log(min(FULL, max(m, n)))

    def _join(self, new: Iterable[int]) -> None:
        """Join events, the most alike first, until no two with a new message in one of them are alike enough."""
        heap: list[tuple[float, int, int]] = []

        def offer(a: int) -> None:
            for b in self._links[a]:
                if (odds := self._odds(a, b)) >= JOIN:
                    heapq.heappush(heap, (-odds, min(a, b), max(a, b)))

        for n in new:
            offer(n)
        while heap:
            odds, a, b = heapq.heappop(heap)
            if a in self._members and b in self._members and -odds == self._odds(a, b):
                for other, p in self._links.pop(b).items():
                    del self._links[other][b]
                    if other != a:
                        self._link(a, other, p)
                joined = self._members.pop(b)
                self._members[a] += joined
                for n in joined:
                    self._event[n] = a
                offer(a)

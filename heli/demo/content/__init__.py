"""Words of the demo: requests, replies and everything people write in between, and the loader that fills them.

Every text is this project's own and invented; no real person, message or firm stands behind it. Pure Python: no
Django, no database. The same seed gives the same texts. Times may carry any zone; texts speak of China's clock.

    content = load()
    text = content.write(rng, Place("370602003006", "大海阳社区", "毓璜顶街道"), at=datetime(2026, 11, 14, 18, 52))
    reply = content.reply(rng, text, submitted=..., at=...)

Texts hold slots, ``{road}``, filled per request, and wordings to choose from, ``[a/b]``. Bodies keep the way people
type; what officers write is set with a space between Chinese and digits.
"""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml

HERE = Path(__file__).parent
CHINA = ZoneInfo("Asia/Shanghai")
KINDS = ("help", "complaint", "question", "suggestion", "tip")
URGENCIES = ("normal", "urgent", "emergency")
OUTCOMES = ("solved", "planned", "answered")
LENGTH = range(25, 221)
TITLE = 20
OPENER_SHARE = 0.12
TAIL_SHARE = 0.3
LEAD_SHARE = 0.9
WHERE = {"compound", "road", "community", "building", "bus", "seaside"}

_CHOICE = re.compile(r"\[([^\[\]]+)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_DAY_ONLY = re.compile(r"\{seen\}(?=\{late\}|\{mins\}|夜|晚|早|后半|当天|饭点|起|突击|街道当天|\d)")
_CJK_DIGIT = re.compile(r"(?<=[\u4e00-\u9fff])(?=\d)|(?<=\d)(?=[\u4e00-\u9fff])")
_ASKS = re.compile(r"[谢请盼求吗]|麻烦|希望|能不能|建议")
_TWICE = re.compile(r"(昨晚|今晚|晚上|夜里|早上|今早)(?:晚上|夜里|早上)|晚上(?=后半夜|凌晨)")  # 昨晚 + 晚上11点多
_DIGITS = {"两": "2", "三": "3", "四": "4", "五": "5", "六": "6", "七": "7", "八": "8"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is set: path of a community, its name and its street's, as in the area table or short."""

    path: str
    community: str
    street: str

    @property
    def community_name(self) -> str:
        return self.community.removesuffix("居民委员会")

    @property
    def stem(self) -> str:
        return self.community_name.removesuffix("社区")


@dataclass(frozen=True, slots=True)
class Ask:
    """One hand-written request. `months` empty: any time of the year; `weight`: how often beside the others."""

    id: str
    category: str
    kind: str
    at: str
    title: str
    body: str
    urgency: str = ""  # empty: the category's own
    weight: int = 1
    months: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A good reply: what was found, done, what remains. `codes` are categories or their beginnings."""

    codes: tuple[str, ...]
    outcome: str
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A short text of the work in between; `codes` empty: fits any category."""

    text: str
    codes: tuple[str, ...] = ()
    reached: bool = True  # of a first contact
    kind: str = ""  # of a supervision: remind, urge, supervise


@dataclass(frozen=True, slots=True)
class Return:
    """Why a unit gives a request back. `upheld`: a fair dispatcher would agree."""

    code: str
    upheld: bool
    text: str
    basis: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """Why more working days are asked for, and the paper that shows it."""

    days: int
    text: str
    basis: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Supplement:
    """What a unit asks the resident, and what comes back."""

    question: str
    answer: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What a resident writes when judging; level 5 is very satisfied, 1 very dissatisfied."""

    level: int
    text: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Twins:
    """One event told by several people."""

    name: str
    category: str
    kind: str
    urgency: str
    at: str
    told: tuple[tuple[str, str], ...]  # title, body


@dataclass(frozen=True, slots=True)
class Names:
    """Roads with the paths of the streets they run through, invented compounds and the rest of the word lists."""

    roads: tuple[tuple[str, tuple[str, ...]], ...]
    compounds: tuple[str, ...]
    shops: tuple[str, ...]
    buses: tuple[str, ...]
    seaside: tuple[str, ...]
    surnames: tuple[str, ...]
    forms: tuple[str, ...]
    phone_prefix: str
    leads: Mapping[str, tuple[str, ...]]
    openers: tuple[str, ...]
    tails: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RequestText:
    """A request ready to submit. `slots` are kept so that what follows speaks of the same door."""

    title: str
    body: str
    category: str
    kind: str
    urgency: str
    place_note: str
    source: str
    place: Place
    slots: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """An invented resident: form of address and a number that calls nobody."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Content:
    """All texts. Methods take a `random.Random` and change nothing but its state."""

    asks: tuple[Ask, ...]
    replies: tuple[Reply, ...]
    twins: tuple[Twins, ...]
    contacts: tuple[Note, ...]
    notes: tuple[Note, ...]
    supervision: tuple[Note, ...]
    poor: tuple[Note, ...]
    returns: tuple[Return, ...]
    extensions: tuple[Extension, ...]
    supplements: tuple[Supplement, ...]
    words: tuple[Words, ...]
    names: Names
    urgency_of: Mapping[str, str]  # category -> the urgency it is taken for at first

    # Requests ---------------------------------------------------------------------------------------------------------

    def pick(self, rng: random.Random, at: dt.datetime) -> Ask:
        """One of the requests of that time of the year, by weight."""
        month = _local(at).month
        fit = [a for a in self.asks if not a.months or month in a.months]
        return rng.choices(fit, weights=[a.weight for a in fit])[0]

    def write(self, rng: random.Random, place: Place, *, at: dt.datetime, ask: Ask | None = None) -> RequestText:
        """A request from `place`, as typed at `at`; `ask` fixes which one."""
        ask = ask or self.pick(rng, at)
        slots = self.slots(rng, place, at)
        body = fill(ask.body, slots, rng)
        if not slots_in(ask.body) & WHERE and rng.random() < LEAD_SHARE:
            known_by = next(w for w in ("building", "road", "compound", "community") if f"{{{w}}}" in ask.at)
            body = fill(rng.choice(self.names.leads[known_by]), slots, rng) + body
        if rng.random() < OPENER_SHARE and body[:1] not in "你您":
            body = rng.choice(self.names.openers) + body
        last = re.split(r"[。！？]", body.rstrip("。！？"))[-1]
        if rng.random() < TAIL_SHARE and not _ASKS.search(last) and not body.endswith("？"):
            body += rng.choice(self.names.tails[ask.kind])
        return RequestText(
            title=fill(ask.title, slots, rng),
            body=body,
            category=ask.category,
            kind=ask.kind,
            urgency=ask.urgency or self.urgency_of[ask.category],
            place_note=fill(ask.at, slots, rng),
            source=ask.id,
            place=place,
            slots=slots,
        )

    def write_many(
        self, rng: random.Random, places: Sequence[Place], times: Iterable[dt.datetime], *, tries: int = 20
    ) -> list[RequestText]:
        """One request per time, from places drawn evenly; a text seen before is drawn again, up to `tries` times."""
        seen: set[str] = set()
        out: list[RequestText] = []
        for at in times:
            for _ in range(tries):
                text = self.write(rng, rng.choice(places), at=at)
                if text.body not in seen:
                    break
            seen.add(text.body)
            out.append(text)
        return out

    def write_twins(self, rng: random.Random, group: Twins, place: Place, *, at: dt.datetime) -> list[RequestText]:
        """All tellings of one event, sharing door, road and numbers; the caller spreads them over time."""
        slots = self.slots(rng, place, at)
        note = fill(group.at, slots, rng)
        return [
            RequestText(
                title=fill(title, slots, rng),
                body=fill(body, slots, rng),
                category=group.category,
                kind=group.kind,
                urgency=group.urgency,
                place_note=note,
                source=f"{group.name}-{n}",
                place=place,
                slots=slots,
            )
            for n, (title, body) in enumerate(group.told, 1)
        ]

    def person(self, rng: random.Random) -> Person:
        """An invented resident. Ten thousand numbers: the same may come twice, as people do."""
        name = rng.choice(self.names.surnames) + rng.choice(self.names.forms)
        return Person(name, f"{self.names.phone_prefix}{rng.randrange(10_000):04d}")

    # What follows -----------------------------------------------------------------------------------------------------

    def reply(
        self, rng: random.Random, text: RequestText, *, submitted: dt.datetime, at: dt.datetime, outcome: str = ""
    ) -> tuple[str, str]:
        """A good reply to `text`, written at `at`: (words, outcome). `outcome` limits the choice where one fits."""
        fit = nearest(self.replies, text.category)
        if outcome:
            fit = [r for r in fit if r.outcome == outcome] or fit
        pairs = _pairs(text.body + text.title)
        weights = [(1 + len(pairs & _pairs(r.text))) ** 4 for r in fit]
        chosen = rng.choices(fit, weights=weights)[0]
        slots = {**text.slots, **_dates(rng, submitted, at), "place": text.place_note}
        return officer(chosen.text, slots, rng), chosen.outcome

    def poor_reply(self, rng: random.Random) -> str:
        """A reply that says nothing: the kind that walks the loop again."""
        return rng.choice(self.poor).text

    def contact(self, rng: random.Random, text: RequestText, *, at: dt.datetime, reached: bool = True) -> str:
        """Note of a first contact at `at`."""
        fit = [n for n in suiting(self.contacts, text.category) if n.reached == reached]
        return officer(rng.choice(fit).text, self._later(rng, text, at), rng)

    def give_back(self, rng: random.Random, text: RequestText, *, at: dt.datetime, upheld: bool) -> Return:
        """Reason, code and basis of a return that a dispatcher will uphold, or refuse."""
        fit = [r for r in suiting(self.returns, text.category) if r.upheld == upheld]
        close = [r for r in fit if r.codes] or fit
        chosen = rng.choice(close)
        slots = self._later(rng, text, at)
        return Return(
            chosen.code, upheld, officer(chosen.text, slots, rng), officer(chosen.basis, slots, rng), chosen.codes
        )

    def extend(self, rng: random.Random, text: RequestText, *, at: dt.datetime) -> Extension:
        """Days, reason and basis of an extension asked at `at`."""
        chosen = rng.choice(suiting(self.extensions, text.category))
        slots = self._later(rng, text, at)
        return Extension(chosen.days, officer(chosen.text, slots, rng), chosen.basis, chosen.codes)

    def supplement(self, rng: random.Random, text: RequestText) -> Supplement:
        """A question to the resident with its answer."""
        chosen = rng.choice(suiting(self.supplements, text.category))
        return Supplement(officer(chosen.question, text.slots, rng), fill(chosen.answer, text.slots, rng), chosen.codes)

    def note(self, rng: random.Random, text: RequestText, *, at: dt.datetime) -> str:
        """An internal note."""
        return officer(rng.choice(suiting(self.notes, text.category)).text, self._later(rng, text, at), rng)

    def verdict(self, rng: random.Random, category: str, level: int) -> str:
        """What the resident writes with a satisfaction of `level` (1 to 5)."""
        return rng.choice([w for w in suiting(self.words, category) if w.level == level]).text

    def supervise(self, rng: random.Random, kind: str, *, at: dt.datetime) -> str:
        """Words of a supervisor; `kind`: remind (before due), urge (after), supervise (above)."""
        chosen = rng.choice([n for n in self.supervision if n.kind == kind])
        return officer(chosen.text, _dates(rng, at, at, ahead=3), rng)

    # Slots ------------------------------------------------------------------------------------------------------------

    def slots(self, rng: random.Random, place: Place, at: dt.datetime) -> dict[str, str]:
        """A value for every slot a request may hold, set at `place` and before `at`."""
        names, at = self.names, _local(at)
        here = [r for r, streets in names.roads if place.path[:9] in streets] or [r for r, _ in names.roads]
        road = rng.choice(here)
        crossing = [r for r in here if r != road] or [r for r, _ in names.roads if r != road]
        few = ("三", "四", "五", "六")
        ago = at - dt.timedelta(days=rng.randint(3, 12))
        return {
            "community": place.community_name,
            "street": place.street.removesuffix("办事处"),
            "road": road,
            "road2": rng.choice(crossing),
            "no": str(rng.randint(2, 186)),
            "compound": rng.choice(self.compounds_of(place)),
            "building": str(rng.randint(1, 28)),
            "unit": str(rng.randint(1, 4)),
            "floor": str(rng.randint(3, 6)),
            "high": str(rng.randint(9, 26)),
            "days": str(rng.randint(3, 9)),
            "weeks": rng.choice(("两", "三", "四")),
            "months": rng.choice(("两", "三", "四", "五", "六")),
            "years": rng.choice(("两", "三", "四", "五", "六", "八")),
            "n": rng.choice(few),
            "k": str(rng.randint(18, 64)),
            "mins": str(rng.randint(8, 26)),
            "sec": str(rng.randint(12, 18)),
            "temp": str(rng.randint(12, 16)),
            "age": str(rng.randint(71, 92)),
            "age2": str(rng.randint(46, 54)),
            "kid": str(rng.randint(4, 9)),
            "kid2": "两",
            "digit": str(rng.randint(1, 9)),
            "money": str(rng.randint(18, 98) * 10),
            "money2": str(rng.randint(28, 88)),
            "bigmoney": str(rng.randint(36, 286) * 100),
            "month": str((at.month - rng.randint(2, 6) - 1) % 12 + 1),
            "date_ago": f"{ago.month}月{ago.day}日",
            "clock": rng.choice(
                ("早上7点40", "上午9点多", "上午10点半", "中午12点", "下午3点半", "傍晚6点", "晚上7点多")
            ),
            "late": rng.choice(("晚上11点多", "夜里12点", "后半夜1点", "凌晨2点")),
            "early": rng.choice(("早上5点", "早上5点半", "早上6点", "天不亮")),
            "bus": rng.choice(names.buses),
            "shop": rng.choice(names.shops),
            "seaside": rng.choice(names.seaside),
            "surname": rng.choice(names.surnames),
        }

    def compounds_of(self, place: Place) -> tuple[str, ...]:
        """The four compounds of a community: always the same ones, so that neighbours speak of the same houses."""
        own, invented = self.names.compounds[:2], self.names.compounds[2:]
        start = int(place.path[-6:] or 0) * 7
        picked = [invented[(start + k * 11) % len(invented)] for k in range(2)]
        return tuple(c.format(stem=place.stem) for c in (*own, *picked))

    def _later(self, rng: random.Random, text: RequestText, at: dt.datetime) -> dict[str, str]:
        at = _local(at)
        return {
            **text.slots,
            **_dates(rng, at, at, ahead=3),
            "place": text.place_note,
            "clock": f"{at.hour}:{at.minute:02d}",
        }


Row = TypeVar("Row", Note, Return, Extension, Supplement, Words)


def fill(text: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """Choose the wordings and put the slots in. KeyError names a slot nobody knows."""
    text = _CHOICE.sub(lambda m: rng.choice(m[1].split("/")), text)
    return _TWICE.sub(lambda m: m[1] or "", _SLOT.sub(lambda m: slots[m[1]], text))


def officer(text: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """As `fill`, in an officer's hand: counts in digits, a space between Chinese and digits."""
    counted = {k: _DIGITS.get(v, v) for k, v in slots.items()}
    text = _DAY_ONLY.sub("{seen_day}", text)
    return _CJK_DIGIT.sub(" ", fill(text, counted, rng))


def nearest(rows: Sequence[Reply], category: str) -> list[Reply]:
    """Replies bound to the leaf; failing that to its parent; failing that to the parent's parent."""
    for length in (6, 4, 2):
        found = [r for r in rows if category[:length] in r.codes]
        if found:
            return found
    raise LookupError(f"no reply for category {category}")


def suiting(rows: Sequence[Row], category: str) -> list[Row]:
    """Rows that fit any category or this one."""
    return [r for r in rows if not r.codes or category.startswith(r.codes)]


def slots_in(text: str) -> set[str]:
    """Names of the slots a text holds."""
    return set(_SLOT.findall(text))


def _pairs(text: str) -> set[str]:
    """Two-character pieces of the Chinese in a text, slots left out."""
    plain = re.sub(r"\{\w+\}", " ", text)
    return {plain[i : i + 2] for i in range(len(plain) - 1) if re.fullmatch(r"[\u4e00-\u9fff]{2}", plain[i : i + 2])}


def _dates(rng: random.Random, start: dt.datetime, end: dt.datetime, *, ahead: int = 18) -> dict[str, str]:
    """Dates an officer writes at `end` about a request of `start`: start <= seen <= done <= end < due.

    `due` is a weekday, `ahead` days away at most (and the weekend).
    """
    start, end = _local(start), _local(end)
    span = max((end.date() - start.date()).days, 0)
    seen = start.date() + dt.timedelta(days=rng.randint(0, span))
    done = seen + dt.timedelta(days=rng.randint(0, (end.date() - seen).days if span else 0))
    due = end.date() + dt.timedelta(days=rng.randint(min(3, ahead - 1), ahead))
    while due.weekday() > 4:
        due += dt.timedelta(days=1)
    saturday = end.date() + dt.timedelta(days=(5 - end.weekday()) % 7 or 7)
    half = "上午" if seen == end.date() and end.hour < 13 else rng.choice(("上午", "下午"))
    return {
        "seen": _day(seen) + half,
        "seen_day": _day(seen),
        "done": _day(done),
        "due": _day(due),
        "sat": _day(saturday),
    }


def _local(at: dt.datetime) -> dt.datetime:
    """The time on China's clock; a time without a zone is taken as that already."""
    return at.astimezone(CHINA) if at.tzinfo else at


def _day(day: dt.date) -> str:
    return f"{day.month} 月 {day.day} 日"


# Loading --------------------------------------------------------------------------------------------------------------


def _codes(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row.get("for", ()))


def _names(data: Mapping[str, Any]) -> Names:
    return Names(
        roads=tuple((r["name"], tuple(r["streets"])) for r in data["roads"]),
        leads={k: tuple(v) for k, v in data["leads"].items()},
        tails={k: tuple(v) for k, v in data["tails"].items()},
        phone_prefix=data["phone_prefix"],
        **{k: tuple(data[k]) for k in ("compounds", "shops", "buses", "seaside", "surnames", "forms", "openers")},
    )


@lru_cache(maxsize=1)
def load() -> Content:
    """All texts, read once. Raises KeyError or TypeError where a file lacks a field."""
    parts: dict[str, list[Any]] = {}
    single: dict[str, Mapping[str, Any]] = {}
    for path in sorted(HERE.glob("*.yaml")):
        data = _read(path)
        if path.stem == "places":
            single["places"] = data
            continue
        for key, rows in data.items():
            parts.setdefault(key, []).extend(rows)
    tree = _read(HERE.parent.parent / "loop" / "data" / "categories.yaml")

    def notes(key: str, **more: Callable[[Mapping[str, Any]], Any]) -> tuple[Note, ...]:
        return tuple(Note(r["text"], _codes(r), **{k: f(r) for k, f in more.items()}) for r in parts[key])

    return Content(
        asks=tuple(Ask(**{**r, "months": tuple(r.get("months", ()))}) for r in parts["requests"]),
        replies=tuple(Reply(_codes(r), r["outcome"], r["text"]) for r in parts["replies"]),
        twins=tuple(Twins(**{**g, "told": tuple((t["title"], t["body"]) for t in g["told"])}) for g in parts["twins"]),
        contacts=notes("contacts", reached=lambda r: r["reached"]),
        notes=notes("notes"),
        supervision=notes("supervision", kind=lambda r: r["kind"]),
        poor=notes("poor"),
        returns=tuple(Return(r["code"], r["upheld"], r["text"], r["basis"], _codes(r)) for r in parts["returns"]),
        extensions=tuple(Extension(r["days"], r["text"], r["basis"], _codes(r)) for r in parts["extensions"]),
        supplements=tuple(Supplement(r["question"], r["answer"], _codes(r)) for r in parts["supplements"]),
        words=tuple(Words(r["level"], r["text"], _codes(r)) for r in parts["words"]),
        names=_names(single["places"]),
        urgency_of={c["code"]: c["urgency"] for c in tree["categories"] if "urgency" in c},
    )


def _read(path: Path) -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=loader))

"""A year's half of made-up hours: honest days with their untidiness, and the frauds the press has written of.

Pure: seeded numbers in, records out; no database. Everybody and everything here is invented. How often honest people forget
to sign out, share a phone or write a sheet is our guess, not a measurement: the bench says so.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from heli.ledger.doubts import Record

ZONE = dt.timezone(dt.timedelta(hours=8))
FIRST = dt.datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday
DAYS, UNITS, PEOPLE = 182, 40, 3000
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)


@dataclass(slots=True)
class Case:
    """One record put forward, and what it is: '' honest, or the name of a pattern."""

    record: Record
    fraud: str = ""


@dataclass(slots=True)
class Closing:
    """What a unit puts forward at one time."""

    at: dt.datetime
    cases: list[Case]


@dataclass(slots=True)
class Somebody:
    id: int
    unit: int
    phone: str  # '' none of their own
    partner: int | None = None  # whose phone they use


@dataclass
class County:
    """The numbers that are handed out, and who lives here."""

    seed: int = 20261130
    rng: random.Random = field(init=False)
    people: list[Somebody] = field(init=False)
    ids: int = 0
    shifts: int = 0
    extra: int = PEOPLE
    venues: dict[int, tuple[float, float]] = field(default_factory=dict)
    busy: dict[int, list[tuple[dt.datetime, dt.datetime]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = r = random.Random(self.seed)
        self.people = []
        for n in range(PEOPLE):
            elder = r.random() < 0.25
            phone = "" if elder and r.random() < 0.35 else f"p{n}"
            self.people.append(Somebody(n, n % UNITS, phone))
        for p in self.people:
            if not p.phone and r.random() < 0.3:
                p.partner = (p.id + UNITS) % PEOPLE
        for unit in range(UNITS):
            self.venues[unit] = (37.5 + r.uniform(-0.15, 0.15), 121.3 + r.uniform(-0.2, 0.2))

    def stranger(self) -> int:
        self.extra += 1
        return self.extra

    def free(self, person: int, begins: dt.datetime, ends: dt.datetime) -> bool:
        """Honest people are in one place at a time, and need the way; and rest."""
        spans = self.busy.setdefault(person, [])
        if any(a - HOUR < ends and begins < b + HOUR for a, b in spans):
            return False
        spans.append((begins, ends))
        return True

    def shift(
        self, unit: int, begins: dt.datetime, hours: float, *, off: tuple[float, float] | None = None, **more: Any
    ) -> dict[str, Any]:
        self.shifts += 1
        lat, lon = off or self.venues[unit]
        return {
            "begins": begins, "ends": begins + hours * HOUR, "org": unit,
            "facts": {"shift": self.shifts, "lat": round(lat, 3), "lon": round(lon, 3), "emergency": False, **more},
        }  # fmt: skip

    def record(
        self, shift: dict[str, Any], person: int, grade: str, *, early: dt.timedelta = 3 * DAY, minutes: int = 0,
        phones: list[list[Any]] | None = None, bands: tuple[str, ...] = (), checked: bool = True,
    ) -> Record:  # fmt: skip
        self.ids += 1
        begins, ends = shift["begins"], shift["ends"]
        length = minutes or int((ends - begins) / MINUTE)
        return Record(
            self.ids, person, shift["org"], begins, begins, begins + length * MINUTE, length, grade, checked,
            begins - early, {**shift["facts"], "phones": phones or [], "bands": list(bands)},
        )  # fmt: skip

    def scanned(self, shift: dict[str, Any], person: int, phone: str, **more: Any) -> Record:
        """In and out on a phone, with a clock that drifts a little and people in no hurry."""
        r = self.rng
        come = int(shift["begins"].timestamp() // 60) + r.randint(-12, 4)
        go = int(shift["ends"].timestamp() // 60) + r.randint(-2, 9)
        return self.record(shift, person, "scan", phones=[[phone, come], [phone, go]], **more)


# Honest days ----------------------------------------------------------------------------------------------------------
def counted(cases: list[Case], places: int = 0) -> list[Case]:
    """Places and enrolments as the shift's facts say them."""
    late = sum(c.record.late for c in cases)
    for c in cases:
        c.record.facts = {**c.record.facts, "places": places or len(cases) + 5, "enrolled": len(cases) - late}
    return cases


def session(c: County, unit: int, begins: dt.datetime) -> Closing:
    """An ordinary shift: 6 to 22 of the unit's people, mostly on their own phones."""
    r = c.rng
    hours = r.choice((1.5, 2, 2, 2, 3, 3, 4))
    shift = c.shift(unit, begins, hours)
    kiosk = r.random() < 0.2
    own = [p for p in c.people if p.unit == unit]
    cases = []
    for p in r.sample(own, r.randint(6, 22)):
        if not c.free(p.id, begins, shift["ends"]):
            continue
        walk_in = r.random() < 0.03
        more: dict[str, Any] = {"early": -5 * MINUTE} if walk_in else {"early": r.uniform(0.2, 9) * DAY}
        dice = r.random()
        if kiosk:
            cases.append(Case(c.record(shift, p.id, "kiosk", **more)))
        elif not p.phone:
            if p.partner is not None and r.random() < 0.5:
                cases.append(Case(c.scanned(shift, p.id, c.people[p.partner].phone or f"p{p.id}x", **more)))
            else:
                cases.append(Case(c.record(shift, p.id, "paper", **more)))
        elif dice < 0.04:  # forgot to sign out: the leader says when they left
            cases.append(Case(c.record(shift, p.id, "leader", minutes=int(hours * 60) - r.randint(0, 30), **more)))
        elif dice < 0.055:  # the office adds somebody the leader forgot
            cases.append(Case(c.record(shift, p.id, "admin", early=3 * DAY, checked=False)))
        elif dice < 0.058:  # an empty battery: on a friend's phone
            friend = r.choice(own)
            cases.append(Case(c.scanned(shift, p.id, friend.phone or p.phone, **more)))
        else:
            bands = ("far",) if r.random() < 0.002 else ("near",)
            cases.append(Case(c.scanned(shift, p.id, p.phone, bands=bands, **more)))
    days = r.choice((0, 0, 0, 1, 2, 5)) if r.random() > 0.004 else 40  # a sheet that lay in a drawer
    return Closing(shift["ends"] + days * DAY + HOUR, counted(cases))


def school_day(c: County, unit: int, begins: dt.datetime, pupils: list[int]) -> Closing:
    """A class on a Saturday: mostly by the kiosk, sometimes by the teacher's list."""
    shift = c.shift(unit, begins, 3)
    grade = "leader" if c.rng.random() < 0.3 else "kiosk"
    cases = [Case(c.record(shift, p, grade)) for p in pupils if c.free(p, begins, shift["ends"])]
    return Closing(shift["ends"] + DAY, counted(cases))


def disaster(c: County, unit: int, begins: dt.datetime) -> Closing:
    """A night of rain, declared as an emergency: half come by themselves, the leader keeps the list, some stay very long."""
    r = c.rng
    shift = c.shift(unit, begins, r.choice((6, 8, 9)), emergency=True)
    cases = []
    for p in r.sample(c.people, r.randint(30, 60)):
        if c.free(p.id, begins, shift["ends"] + 2 * HOUR):
            more: dict[str, Any] = {"early": -30 * MINUTE} if r.random() < 0.5 else {"early": HOUR}
            long = {"minutes": 11 * 60} if r.random() < 0.05 else {}
            if p.phone and r.random() < 0.5:
                cases.append(Case(c.scanned(shift, p.id, p.phone, **more)))
            else:
                cases.append(Case(c.record(shift, p.id, "leader", **more, **long)))
    return Closing(shift["ends"] + 6 * HOUR, counted(cases))


def festival(c: County, unit: int, begins: dt.datetime) -> Closing:
    """150 people; a fifth come by themselves and scan on the spot."""
    r = c.rng
    shift = c.shift(unit, begins, 5)
    cases = []
    for p in r.sample([x for x in c.people if x.phone], 150):
        if c.free(p.id, begins, shift["ends"]):
            more: dict[str, Any] = {"early": -10 * MINUTE} if r.random() < 0.2 else {}
            cases.append(Case(c.scanned(shift, p.id, p.phone, **more)))
    return Closing(shift["ends"] + HOUR, counted(cases, places=300))


def honest(c: County) -> Iterator[Closing]:
    r = c.rng
    classes = [[c.stranger() for _n in range(r.randint(35, 50))] for _c in range(24)]
    for day in range(DAYS):
        at = FIRST + day * DAY
        for unit in range(UNITS):
            for hour in r.sample((9, 13, 16, 19), 1 if r.random() < 0.5 else 0):
                yield session(c, unit, at + hour * HOUR + r.choice((0, 30)) * MINUTE)
            if at.weekday() == 5:
                yield session(c, unit, at + r.choice((8, 9, 14)) * HOUR)
        if at.weekday() == 5:
            for n in range(2):
                yield school_day(c, r.randrange(UNITS), at + 9 * HOUR, classes[(day // 7 * 2 + n) % len(classes)])
        if day in {40, 95, 150}:
            yield disaster(c, r.randrange(UNITS), at + 20 * HOUR)
        if day in {30, 61, 112, 170}:
            yield festival(c, r.randrange(UNITS), at + 9 * HOUR)


# Frauds that were reported --------------------------------------------------------------------------------------------
def somewhen(c: County) -> dt.datetime:
    return FIRST + c.rng.randrange(30, DAYS) * DAY + c.rng.choice((9, 14)) * HOUR


def back_office(c: County) -> Closing:
    """Sold: entered by the office after the end, nobody enrolled before, nobody was seen."""
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), c.rng.choice((2, 3, 4)))
    people = [c.rng.choice((c.stranger(), c.rng.randrange(PEOPLE))) for _n in range(c.rng.randint(1, 30))]
    late = c.rng.choice((dt.timedelta(0), -MINUTE, -2 * HOUR, -3 * DAY))
    cases = [
        Case(
            c.record(shift, p, c.rng.choice(("admin", "import")), early=late, checked=c.rng.random() < 0.3),
            "back office",
        )
        for p in dict.fromkeys(people)
    ]
    return Closing(shift["ends"] + c.rng.randint(0, 9) * DAY + 4 * DAY, counted(cases))


def sold(c: County) -> Closing:
    """Sold with care: buyers are enrolled before, and the office enters them afterwards."""
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), 3)
    cases = [
        Case(c.record(shift, c.stranger(), "admin", checked=False), "sold, enrolled before")
        for _n in range(c.rng.randint(20, 45))
    ]
    return Closing(shift["ends"] + c.rng.randint(0, 6) * DAY, counted(cases))


def swapped(c: County, base: Closing) -> list[Case]:
    """In an honest shift somebody stays away, and a friend scans for them with the friend's phone minutes apart."""
    r = c.rng
    mine = [x.record for x in base.cases if x.record.grade == "scan"]
    if not mine:
        return []
    friend = r.choice(mine)
    away = [
        p for p in c.people if p.unit == friend.org and p.phone and p.id not in {x.record.person for x in base.cases}
    ]
    pick = r.choice(away)
    if not c.free(pick.id, friend.begins, friend.ends):
        return []
    shift = {"begins": friend.begins, "ends": friend.ends, "org": friend.org, "facts": friend.facts}
    phones = [[d, t + r.randint(0, 7)] for d, t in friend.phones]
    return [Case(c.record(shift, pick.id, "scan", phones=phones), "swapped phone")]


def one_phone(c: County) -> Closing:
    """One person scans for a dozen and more."""
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), 2)
    people = [c.rng.choice((c.stranger(), c.rng.randrange(PEOPLE))) for _n in range(c.rng.randint(12, 60))]
    cases = [
        Case(c.scanned(shift, p, f"one{shift['facts']['shift']}"), "one phone for many") for p in dict.fromkeys(people)
    ]
    return Closing(shift["ends"] + HOUR, counted(cases))


def fake(c: County) -> Closing:
    """An activity of 50 to 500 that nobody went to, from the leader's list; a few known names among them."""
    n = c.rng.choice((50, 80, 120, 200, 350, 500))
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), c.rng.choice((3, 4, 8)))
    grade = c.rng.choice(("leader", "admin"))
    cases = []
    for _n in range(n):
        person = c.rng.randrange(PEOPLE) if c.rng.random() < 0.08 else c.stranger()
        cases.append(Case(c.record(shift, person, grade, checked=grade == "leader"), "fake activity"))
    return Closing(
        shift["ends"] + c.rng.randint(0, 5) * DAY, counted(list({x.record.person: x for x in cases}.values()))
    )


def dated_back(c: County) -> Closing:
    """Written down when it was long over: people put on the leader's list after it began, or recorded weeks later."""
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), 3)
    weeks = c.rng.random() < 0.4
    cases = []
    for _n in range(c.rng.randint(10, 60)):
        person = c.rng.choice((c.stranger(), c.rng.randrange(PEOPLE)))
        late = not weeks and c.rng.random() < 0.85
        more: dict[str, Any] = {"early": -c.rng.randint(1, 48) * HOUR} if late else {}
        cases.append(Case(c.record(shift, person, "leader", **more), "dated back"))
    return Closing(
        shift["ends"] + (c.rng.randint(35, 90) if weeks else 6) * DAY,
        counted(list({x.record.person: x for x in cases}.values())),
    )


def far_apart(c: County) -> Closing:
    """Scanned in two cities with half an hour between."""
    unit, person, at = c.rng.randrange(UNITS), c.stranger(), somewhen(c)
    first = c.shift(unit, at, 2)
    second = c.shift(unit, at + 2.5 * HOUR, 2, off=(36.1, 120.4))
    cases = []
    for shift in (first, second):
        cases += counted([Case(c.scanned(shift, person, f"p{person}"), "two cities")])
    return Closing(second["ends"] + HOUR, cases)


def drip(c: County) -> Closing:
    """One or two a day, enrolled before, entered by the office, of people the unit knows: what gets through."""
    shift = c.shift(c.rng.randrange(UNITS), somewhen(c), 3)
    cases = [
        Case(c.record(shift, c.rng.randrange(PEOPLE), "admin", checked=False), "a few at a time") for _n in range(2)
    ]
    return Closing(shift["ends"] + DAY, counted(cases))


BEYOND = {"a few at a time"}  # shown, and not part of the recall: no rule here catches it


def county(seed: int = 20261130) -> list[Closing]:
    """Everything in the order in which it is put forward."""
    c = County(seed)
    made = list(honest(c))
    for base in c.rng.sample([x for x in made if len(x.cases) > 5], 260):
        base.cases += swapped(c, base)
    for pattern, times in (
        (back_office, 60),
        (sold, 16),
        (one_phone, 14),
        (fake, 8),
        (dated_back, 24),
        (far_apart, 60),
        (drip, 60),
    ):
        made += [pattern(c) for _n in range(times)]
    return sorted((x for x in made if x.cases), key=lambda x: x.at)

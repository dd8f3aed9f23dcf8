"""The rules of doubt: what makes somebody look at hours twice. Pure: rows in, doubts out.

Each rule has a class. REJECT is refused at once (the database, limits.py); HOLD waits for a second person; WATCH is a
hint for staff and never changes anything. A machine decides nothing here (个人信息保护法 art. 24): a hold is a question.
The thresholds are rows of the rulebook. The list follows the patterns the press has written of: hours sold and entered
in the office, phones lent, one phone for many, activities that nobody went to, activities written down afterwards.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.ledger.limits import BACK_OFFICE, DAY, OFFICE, OVER, TOLERANCE, WEEK, Doubt, Rules
from heli.ledger.models import Grade

Words = str | Promise
OWN = (Grade.SCAN, Grade.KIOSK)  # a check-in of the person's own
SHOWN = 50  # rows a doubt names
WATCH_ONLY = "ledger.watch_only"


class Class(StrEnum):
    REJECT = "reject"
    HOLD = "hold"
    WATCH = "watch"


CLASSES: Final[Mapping[Class, Words]] = {
    Class.REJECT: pgettext_lazy("doubt", "refused at once"),
    Class.HOLD: pgettext_lazy("doubt", "waits for a second person"),
    Class.WATCH: pgettext_lazy("doubt", "a hint for staff"),
}


@dataclass(frozen=True, slots=True)
class Known:
    """A rule as pages tell it. `key`: its row in the rulebook, '' where the database holds it; `why`: what is said of
    what was found (%(found)s); `mistake`: how honest hours meet it, and what helps."""

    id: str
    key: str
    kind: Class
    title: Words
    why: Words
    mistake: Words


RULES: Final[tuple[Known, ...]] = (
    Known(
        "h1", "", Class.REJECT, _("Two places at once"), _("Other hours of the same time are credited already."),
        _("A clock was wrong: correct the record that is."),
    ),
    Known(
        "h2", TOLERANCE, Class.REJECT, _("Longer than checked in"), _("%(found)s minutes are longer than the check-in."),
        _("Forgot to sign out: the leader mends the check-out, then it is approved."),
    ),
    Known(
        "h2b", OVER, Class.REJECT, _("Longer than planned"), _("%(found)s minutes are far longer than planned."),
        _("It took longer: change the plan of the shift while it runs."),
    ),
    Known(
        "h3", "ledger.h3.speed", Class.HOLD, _("Too fast from one place to the next"),
        _("From the place before to this one it would have been %(found)s km/h."),
        _("One of the places was put wrong on the map: put it right."),
    ),
    Known(
        "h4", DAY, Class.HOLD, _("A very long day"), _("It would be %(found)s minutes in one day."),
        _("Duty in an emergency: say which one. Above 16 hours the database refuses."),
    ),
    Known(
        "h4b", WEEK, Class.HOLD, _("A very long week"), _("It would be %(found)s minutes in seven days."),
        _("Duty in an emergency: say which one."),
    ),
    Known(
        "h5", "ledger.h5.by_hand", Class.HOLD, _("Much is entered by the office itself"),
        _("%(found)s%% of this unit's hours in the month were entered afterwards, without anybody having seen it."),
        _("Elders without phones: a signed sheet, and its photo, counts as seen."),
    ),
    Known(
        "h6", "ledger.h6.clerk", Class.WATCH, _("One person enters most by hand"),
        _("One person entered %(found)s%% of what the unit entered by hand."),
        _("The only clerk of a small unit: nothing to do."),
    ),
    Known(
        "h7", "ledger.h7.walk_ins", Class.HOLD, _("More people than places or enrolments"),
        _("%(found)s people more than had a place or were enrolled."),
        _("The number of places was typed wrong, or many came by themselves: let them check in on the spot."),
    ),
    Known(
        "h8", "ledger.h8.device", Class.HOLD, _("Many on one phone"),
        _("%(found)s people checked in on the same phone."),
        _("A tablet for all: open it as the kiosk. The leader's list counts as the leader's."),
    ),
    Known(
        "h8b", "ledger.h8.device", Class.HOLD, _("Far from the place"),
        _("They checked in more than 500 m from the place."),
        _("The place was put wrong on the map, or the phone was: the leader says who was there."),
    ),
    Known(
        "h10", "ledger.h10.nobody", Class.HOLD, _("Nobody has seen these people"),
        _("%(found)s%% of this shift's people have no check-in, and nothing else of theirs was ever checked."),
        _("A first day of a school: the school confirms the list."),
    ),
    Known(
        "h11", "ledger.h11.burst", Class.WATCH, _("Far more hours than usual"),
        _("The unit's hours of two weeks lie %(found)s tenths of a robust deviation above its usual."),
        _("A festival: nothing to do."),
    ),
    Known(
        "h12", BACK_OFFICE, Class.REJECT, _("Entered in the office, of nobody who enrolled"),
        _("Nobody enrolled them before it began, and nobody says that they saw them there."),
        _("Somebody really helped: put it before a second person, with the reason."),
    ),
    Known(
        "h13", "ledger.h13.phones", Class.HOLD, _("On somebody else's phone"),
        _("They checked in on a phone that somebody else used %(found)s minutes apart, and have one of their own."),
        _("The battery was empty: the leader says that both were there. Who has no phone is not asked."),
    ),
    Known(
        "h14", "ledger.h14.afterwards", Class.HOLD, _("Written down afterwards"),
        _("%(found)s%% of this shift's people were written down only after it had begun, without a check-in of their own."),
        _("An emergency that was declared as one is left out."),
    ),
    Known(
        "h15", "ledger.h15.late", Class.HOLD, _("Recorded very late"),
        _("It was put forward %(found)s days after it had ended, without a check-in of their own."),
        _("The sheet lay in a drawer: send its photo."),
    ),
)  # fmt: skip
BY_ID: Final[Mapping[str, Known]] = {r.id: r for r in RULES}
KEYS: Final = (*dict.fromkeys(r.key for r in RULES if r.key), WATCH_ONLY)


@dataclass(slots=True)
class Record:
    """One person's hours as the rules see them. `starts`–`ends`: as credited, or as put forward; `begins`: when the
    shift was planned to begin; `grade`: what it rests on, '' nothing; `known`: something else of this person was checked
    on the spot in the days the rule looks back."""

    id: int
    person: int
    org: int
    begins: dt.datetime
    starts: dt.datetime
    ends: dt.datetime
    minutes: int
    grade: str
    checked: bool
    enrolled: dt.datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    known: bool = False

    @property
    def session(self) -> tuple[int, dt.datetime, Any]:
        return self.org, self.begins, self.facts.get("shift")

    @property
    def own(self) -> bool:
        """They checked in themselves."""
        return self.checked and self.grade in OWN

    @property
    def seen(self) -> bool:
        """Somebody says that they saw them there."""
        return self.grade not in OFFICE

    @property
    def late(self) -> bool:
        return self.enrolled >= self.begins

    @property
    def phones(self) -> list[tuple[str, int]]:
        """(mark of the phone, minute) of each check-in or check-out on one's own."""
        return [(d, t) for d, t in self.facts.get("phones", ())]

    @property
    def month(self) -> tuple[int, int, int]:
        at = self.begins.astimezone(ZONE)
        return self.org, at.year, at.month


ZONE = dt.timezone(dt.timedelta(hours=8))


@dataclass(slots=True)
class Around:
    """What was read beside the batch: what else these persons have (`persons`), who else is in the same shifts
    (`sessions`), and of each (unit, year, month) the credited (minutes, minutes nobody saw, records nobody saw)."""

    persons: Mapping[int, Sequence[Record]] = field(default_factory=dict)
    sessions: Mapping[Any, Sequence[Record]] = field(default_factory=dict)
    months: Mapping[tuple[int, int, int], tuple[int, int, int]] = field(default_factory=dict)


def weigh(batch: Sequence[Record], around: Around, rules: Rules, at: dt.datetime) -> dict[int, list[Doubt]]:
    """What the HOLD rules find, by record. H4 is weighed with the hours of the day (limits.Load)."""
    found: dict[int, list[Doubt]] = defaultdict(list)

    def doubt(r: Record, rule: str, figure: float, rows: Iterable[Record] = ()) -> None:
        row = rules[BY_ID[rule].key]
        near = tuple(x.id for x in rows if x.id != r.id)[:SHOWN]
        found[r.id].append(Doubt(row.key, row.version, round(figure), rule, near))

    _journeys(batch, around, rules, doubt)
    _months(batch, around, rules, doubt)
    sessions: dict[Any, list[Record]] = defaultdict(list)
    for r in batch:
        sessions[r.session].append(r)
    for key, here in sessions.items():
        mine = {r.id for r in here}
        everybody = [*here, *(x for x in around.sessions.get(key, ()) if x.id not in mine)]
        _crowd(here, everybody, rules, doubt)
        _devices(here, everybody, around, rules, doubt)
    days = int(rules["ledger.h15.late"].value)
    for r in batch:
        if not r.own and (late := (at - r.ends).days) > days:
            doubt(r, "h15", late)
    return found


def _journeys(batch: Sequence[Record], around: Around, rules: Rules, doubt: Any) -> None:
    """H3: between two venues faster than anybody travels."""
    limit = rules["ledger.h3.speed"].value
    of: dict[int, list[Record]] = defaultdict(list)
    for r in batch:
        if "lat" in r.facts:
            of[r.person].append(r)
    for person, mine in of.items():
        new = {r.id for r in mine}
        rows = [*mine, *(x for x in around.persons.get(person, ()) if "lat" in x.facts and x.id not in new)]
        rows.sort(key=lambda x: x.starts)
        for a, b in itertools.pairwise(rows):
            if a.id not in new and b.id not in new:
                continue
            km = apart(a.facts, b.facts)
            hours = max((b.starts - a.ends).total_seconds(), 60) / 3600
            if km > limit["km"] and km / hours > limit["kmh"]:
                for r in (a, b):
                    if r.id in new:
                        doubt(r, "h3", min(km / hours, 9999), (a, b))


def apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Kilometres between two venues (points of three decimals: within 100 m)."""
    lat1, lon1, lat2, lon2 = (math.radians(float(x)) for x in (a["lat"], a["lon"], b["lat"], b["lon"]))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 12742 * math.asin(min(1, math.sqrt(h)))


def _months(batch: Sequence[Record], around: Around, rules: Rules, doubt: Any) -> None:
    """H5: too much of a unit's month was seen by nobody; what it adds by hand waits."""
    limit = rules["ledger.h5.by_hand"].value
    months: dict[tuple[int, int, int], list[Record]] = defaultdict(list)
    for r in batch:
        months[r.month].append(r)
    for month, rows in months.items():
        by_hand = [r for r in rows if not r.seen]
        minutes, unseen, records = around.months.get(month, (0, 0, 0))
        minutes += sum(r.minutes for r in rows)
        unseen += sum(r.minutes for r in by_hand)
        records += len(by_hand)
        if records >= limit["records"] and unseen * 100 > minutes * limit["percent"]:
            for r in by_hand:
                doubt(r, "h5", unseen * 100 / minutes, by_hand)


def _crowd(here: Sequence[Record], everybody: Sequence[Record], rules: Rules, doubt: Any) -> None:
    """H7, H10, H14: what a shift's people have in common."""
    people = len({r.person for r in everybody})
    walk_ins, nobody, afterwards = (
        rules[k].value for k in ("ledger.h7.walk_ins", "ledger.h10.nobody", "ledger.h14.afterwards")
    )
    emergency = any(r.facts.get("emergency") for r in here)
    places = next((r.facts["places"] for r in here if r.facts.get("places")), None)
    enrolled = next((r.facts["enrolled"] for r in here if "enrolled" in r.facts), None)
    if places and people > places:
        for r in here:
            doubt(r, "h7", people - places, everybody)
    elif enrolled is not None and not emergency:
        over = people - enrolled
        if over > walk_ins["people"] and over * 100 > enrolled * walk_ins["percent"]:
            for r in here:
                if r.late and not r.own:
                    doubt(r, "h7", over, (x for x in everybody if x.late))
    strangers = [r for r in everybody if not r.own and not r.known]
    if people >= nobody["people"] and len(strangers) * 100 >= people * nobody["percent"]:
        for r in here:
            if not r.own:
                doubt(r, "h10", len(strangers) * 100 / people, strangers)
    written = [r for r in everybody if r.late and not r.own]
    if not emergency and people >= afterwards["people"] and len(written) * 100 >= people * afterwards["percent"]:
        for r in here:
            if r.late and not r.own:
                doubt(r, "h14", len(written) * 100 / people, written)


def _devices(here: Sequence[Record], everybody: Sequence[Record], around: Around, rules: Rules, doubt: Any) -> None:
    """H8 and H13: phones in own use. A kiosk and a leader's list are nobody's own phone and are not among them."""
    many, lent = int(rules["ledger.h8.device"].value), rules["ledger.h13.phones"].value
    on: dict[str, list[tuple[int, Record]]] = defaultdict(list)
    for r in everybody:
        for device, minute in r.phones:
            on[device].append((minute, r))
    crowded = {d: [r for _m, r in uses] for d, uses in on.items() if len({r.person for _m, r in uses}) >= many}
    for r in here:
        shared = [d for d, _t in r.phones if d in crowded]
        if shared:
            doubt(r, "h8", len({x.person for x in crowded[shared[0]]}), crowded[shared[0]])
        if "far" in r.facts.get("bands", ()):
            doubt(r, "h8b", 1)
        if shared or not r.phones:
            continue
        theirs = {d for d, _t in r.phones}
        for past in around.persons.get(r.person, ()):
            if abs(past.starts - r.starts) <= dt.timedelta(days=lent["days"]):
                theirs |= {d for d, _t in past.phones}
        near = [
            (abs(t - u), other)
            for d, t in r.phones
            for u, other in on[d]
            if other.person != r.person and abs(t - u) <= lent["minutes"] and theirs - {d}
        ]
        if near:
            doubt(r, "h13", min(n for n, _other in near), (other for _n, other in near))


# Statistics: hints for staff ------------------------------------------------------------------------------------------
def robust(values: Sequence[float], latest: float) -> float:
    """How far `latest` lies above the usual, in robust deviations: (x - median) / (1.4826 · MAD). Where the usual never
    varies, a tenth of it (at least one hour) stands for the deviation."""
    usual = statistics.median(values)
    spread = 1.4826 * statistics.median(abs(v - usual) for v in values)
    return (latest - usual) / max(spread, usual / 10, 60)


def clerks(by_hand: Mapping[int, int], limit: Mapping[str, int], middle: float | None = None) -> list[tuple[int, int]]:
    """H6: (account, percent) of who enters more than `percent` of a unit's minutes by hand and more than `times` the
    middle of its clerks; `middle`: of the peer group where a unit has one clerk only."""
    total = sum(by_hand.values())
    if not total or (len(by_hand) < 2 and middle is None):
        return []
    usual = statistics.median(by_hand.values()) if len(by_hand) > 1 else middle or 0
    return [
        (who, round(n * 100 / total))
        for who, n in by_hand.items()
        if n * 100 > total * limit["percent"] and n > usual * limit["times"]
    ]

"""What may I do, near me, when I can: only what the gates would let somebody take, each with its reasons; and why the rest
is not among it.

`board` reads what is to be done once; `sift` judges one volunteer against it and is pure, so that the weekly message reads
the board once for all. Nothing of it is kept, and the order is shown to the volunteer alone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.scope import within
from heli.loop.clocks import local_day
from heli.rulebook import queries as rulebook
from heli.volunteering import gates
from heli.volunteering.gates import Asked, Paper, Refusal
from heli.volunteering.models import Enrolment, Slot, Volunteer
from heli.volunteering.queries.activities import LOOKED_AT, Filters, Row, away, part_of, reasons, row, to_come
from heli.volunteering.states import HOLDING, LIVE

MOST, NAMED = 20, 3


@dataclass(frozen=True, slots=True)
class Board:
    """The next shifts with places left, and what each of their roles asks for. Each is its activity with `coming`, `until`,
    `shift_id`, `most` and `held` of the shift, as `activities.found` gives them."""

    acts: Sequence[Any]
    asked: Mapping[int, Sequence[Asked]]  # by shift; empty where a rule is missing: nothing is assumed


def board(now: dt.datetime, *, field: str = "", most: int = LOOKED_AT) -> Board:
    """Five statements at most, whatever the number."""
    rows = to_come(now, Filters(free=True)).filter(
        within("activity__area_path", (settings.HELI_HOME_AREA,)), activity__state="posted", closes_at__gt=now
    )
    rows = rows.filter(Q(opens_at=None) | Q(opens_at__lte=now))
    if field:
        rows = rows.filter(activity__field=field)
    shifts = list(rows.select_related("activity__org", "activity__area").order_by("starts", "id")[:most])
    holds = Count("enrolments", filter=Q(enrolments__state__in=HOLDING))
    slots = Slot.objects.filter(shift__in=[s.pk for s in shifts]).annotate(held=holds).filter(held__lt=F("most"))
    open_ones = list(slots.select_related("role").order_by("id"))
    skills = gates.wanted({x.role_id for x in open_ones})
    where = {s.pk: (s.activity.area_path, local_day(s.starts)) for s in shifts}
    rules = rulebook.in_force_over(gates.RULES, set(where.values()))
    of_shift, asked = {s.pk: s for s in shifts}, {s.pk: list[Asked]() for s in shifts}
    for x in open_ones:
        x.shift = of_shift[x.shift_id]
        if (here := rules[where[x.shift_id]]) is not None:
            values = {k: r.value for k, r in here.items()}
            asked[x.shift_id].append(gates.asked(x, values, skills.get(x.role_id, ())))
    return Board([_as_found(s) for s in shifts], asked)


def _as_found(shift: Any) -> Any:
    a = shift.activity
    a.coming, a.until, a.shift_id, a.most, a.held = shift.starts, shift.ends, shift.pk, shift.most, shift.held
    return a


@dataclass(slots=True)
class Unfit:
    """One reason why something is not shown, for how many, and the first of them."""

    words: str
    act: str
    url: str
    n: int = 0
    named: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sifted:
    rows: Sequence[Row]
    unfit: Sequence[Unfit]  # the most frequent first


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of volunteers, by volunteer: their proofs, where they are already, beside whom in which shift."""

    papers: Mapping[int, Sequence[Paper]]
    busy: Mapping[int, Sequence[Any]]
    pairs: Collection[tuple[int, int]]


def known(ids: Collection[int], board: Board) -> Known:
    """What `sift` has to know of volunteers: their proofs, when they are somewhere already, who serves beside them. Three
    statements at most."""
    shifts = [x for asked in board.asked.values() for x in asked]
    if not shifts:
        return Known({}, {}, ())
    first, last = min(x.first for x in shifts), max(x.last for x in shifts)
    papers = gates.papers_between(ids, first, last)
    busy: dict[int, list[Any]] = {}
    rows = Enrolment.objects.filter(volunteer__in=ids, state__in=LIVE, ends__gt=min(a.coming for a in board.acts))
    for of, starts, ends, shift, state in rows.values_list("volunteer", "starts", "ends", "shift", "state"):
        busy.setdefault(of, []).append((starts, ends, shift, state))
    pairs = gates.paired(ids, {x.shift for x in shifts}) if any(x.rules[gates.PAIRED] for x in shifts) else set()
    return Known(papers, busy, pairs)


def sift(
    v: Volunteer, board: Board, of: Known, at: dt.datetime, *, most: int = MOST, street: str = "", when: bool = False
) -> Sifted:
    """What one volunteer (with `record` and `area`) may take, the best first, each with its next shift that is open to them;
    and why not the rest. Pure.

    Where several reasons shut one activity, each is counted. `street`: only there; `when`: only when they said they are
    free."""
    person, busy, best = gates.person(v, at, of.papers.get(v.pk, ())), of.busy.get(v.pk, ()), []
    fit: set[int] = set()
    shut: dict[int, tuple[Any, list[Refusal]]] = {}  # of each activity the first shift, and why not
    for a in board.acts:
        if a.pk in fit:
            continue
        why_not = (
            _elsewhere(a, busy) or _judged(v, person, board.asked[a.shift_id], of.pairs) or _own(v, a, street, when)
        )
        if why_not:
            shut.setdefault(a.pk, (a, why_not))
            continue
        fit.add(a.pk)
        score, why = reasons(v, a)
        best.append((-score, a.coming, a.pk, replace(row(a), why=why)))
    unfit: dict[tuple[str, str], Unfit] = {}
    for pk, (a, refusals) in shut.items():
        for r in refusals if pk not in fit else ():
            one = unfit.setdefault((r.key, r.words), Unfit(r.words, r.act, r.url))
            one.n += 1
            if len(one.named) < NAMED:
                one.named.append(row(a))
    rows = [x[-1] for x in sorted(best, key=lambda x: x[:3])[:most]]
    return Sifted(rows, sorted(unfit.values(), key=lambda u: -u.n))


def _elsewhere(a: Any, busy: Sequence[Any]) -> list[Refusal]:
    for starts, ends, shift, state in busy:
        if shift == a.shift_id:
            return [Refusal.of("listed", _("You are on the list of this shift already."), _("Look at “My places”."))]
        if state in HOLDING and starts < a.until and ends > a.coming:
            return [
                Refusal.of(
                    "busy", _("At that time you have another shift."), _("Give one back before you take the other.")
                )
            ]
    return []


def _judged(
    v: Volunteer, person: gates.Person, asked: Sequence[Asked], pairs: Collection[tuple[int, int]]
) -> list[Refusal]:
    """Why none of its roles is open to them: the shortest list of reasons; none where one is open."""
    if not asked:
        return [
            Refusal.of(
                "rule", _("A rule of this place is missing, so nobody can tell whether you may."), _("Tell the office.")
            )
        ]
    every = [gates.weigh(gates.on_days(replace(person, paired=(x.shift, v.pk) in pairs), x), x) for x in asked]
    return min(every, key=len)


def _own(v: Volunteer, a: Any, street: str, when: bool) -> list[Refusal]:
    """What they said themselves: how far, where, when."""
    change = _("Change how far you go, or when you can.")
    if v.reach and (km := away(v, a)) is not None and km * 1000 > v.reach:
        return [Refusal.of("far", _("It is farther from home than you said."), change)]
    if street and not a.area_path.startswith(street):
        return [Refusal.of("street", _("It is in another street."), _("Look in all streets."))]
    if when and part_of(a.coming) not in v.free:
        return [Refusal.of("part", _("It is not when you said that you are free."), change)]
    return []


@dataclass(frozen=True, slots=True)
class Fits:
    me: Volunteer
    found: Sifted
    looked: int


def fits(actor: Actor, now: dt.datetime, *, street: str = "", when: bool = False, field: str = "") -> Fits | None:
    """For one's own page; None for who is not registered. Eight statements at most, whatever the number."""
    me = Volunteer.objects.filter(user=actor.user_id or 0).select_related("record", "area").first()
    if me is None:
        return None
    seen = board(now, field=field)
    found = sift(me, seen, known([me.pk], seen), now, street=street, when=when and bool(me.free))
    return Fits(me, found, len({a.pk for a in seen.acts}))

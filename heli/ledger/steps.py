"""Every write to the ledger, for use inside a step: `s` first, then what to write, many at once.

Whoever calls these opened the step (a room further right, or desk_steps.py) and says what it is about. Lock order: the
persons, then their services, each in the order of their ids. Each function costs a constant number of statements, said in
its docstring, whatever the number of lines; where rules are asked, one more for each further area among the services.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, connection
from django.db.models import OuterRef
from django.utils import timezone

from heli.core import metrics, vault
from heli.core.caps import Cap
from heli.core.errors import HeliError, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.core.steps import Step
from heli.engines.identifiers import without_personal
from heli.ledger import doubting, doubts, limits
from heli.ledger.errors import (
    AlreadyCredited,
    BadPeriod,
    DayImpossible,
    LongerThanPeriod,
    NoEvidence,
    NothingToReverse,
    Overlap,
    OwnHours,
    SecondDecider,
    SpokenOf,
)
from heli.ledger.models import Entry, Grade, Kind, Person, Service
from heli.ledger.states import SERVICE
from heli.rulebook import queries as rulebook

SUBJECT = "ledger.service"
WITHIN = "ledger.record_within"
ON_THE_SPOT = (Grade.SCAN, Grade.KIOSK)  # what a person may enter for themselves

REFUSALS: Final[Mapping[str, type[HeliError]]] = {  # by the name of the constraint
    "service_apart": Overlap,
    "entry_day_possible": DayImpossible,
    "entry_minutes_fit": LongerThanPeriod,
    "entry_has_evidence": NoEvidence,
    "entry_graded": NoEvidence,
    "entry_checked_how": NoEvidence,
    "entry_approved_once": AlreadyCredited,
    "entry_reverses": NothingToReverse,
    "entry_reversed_what": NothingToReverse,
    "ledger_entry_supersedes_id_key": NothingToReverse,
    "entry_supersedes": NothingToReverse,
    "entry_period": BadPeriod,
    "entry_within_a_day": BadPeriod,
    "ledger_entry_minutes_check": BadPeriod,
    "service_period": BadPeriod,
    "service_as_approved": SpokenOf,
}


@contextmanager
def said() -> Iterator[None]:
    """What the database refuses, as an error a person can act on. The transaction is over then."""
    try:
        yield
    except IntegrityError as error:
        known = REFUSALS.get(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")
        if known is None:
            raise
        raise known from error


# A service begins -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One person's service at one source, with what a record must say (办法 art. 7).

    `minutes`: planned; None: the whole period. `facts`: what the rules of doubt look at, nothing personal.
    """

    source_id: int
    user_id: int
    org_id: int
    area_path: str
    title: str
    content: str
    place: str
    field: str
    leader_id: int | None
    starts: dt.datetime
    ends: dt.datetime
    enrolled_at: dt.datetime
    minutes: int | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


TOLD = ("org_id", "area_path", "title", "content", "place", "field", "leader_id", "facts")


def open_services(s: Step, source_type: str, openings: Sequence[Opening]) -> list[Service]:
    """Services of these sources, in the order given: opened, or brought up to what the source says now (another time is a
    new planned entry; a dropped one is planned again).

    Statements: 4 (5 when a person is new, up to 8 when some were open before).

    Raises:
        SpokenOf: hours were approved as it stands (L-912).
        BadPeriod: the end is not after the beginning (L-913).
        RuleMissing: no rule says until when to record here (L-301).
    """
    if not openings:
        return []
    wanted = {o.source_id: o for o in openings}
    here = Service.objects.filter(person=OuterRef("pk"), source_type=source_type, source_id__in=list(wanted))
    known = Person.objects.filter(user__in={o.user_id for o in openings}).annotate(
        open=ArraySubquery(here.values("pk"))
    )
    persons: dict[int, int] = {}
    before: list[int] = []
    for user_id, pk, open_ones in known.values_list("user_id", "pk", "open"):
        persons[user_id] = pk
        before += open_ones
    persons |= _new_persons(s, {o.user_id for o in openings} - persons.keys())
    due = {path: _Due(path, s.at) for path in {o.area_path for o in openings}}
    found = {x.source_id: x for x in _locked(s, before)} if before else {}
    lines: list[Line] = []
    fresh: list[Service] = []
    for o in wanted.values():
        deadline = due[o.area_path].of(o.ends)
        if old := found.get(o.source_id):
            if (old.starts, old.ends) != (o.starts, o.ends) or old.state == "dropped":
                lines.append(_planned(old.pk, o))
        else:
            told = {name: getattr(o, name) for name in TOLD}
            fresh.append(
                Service(
                    person_id=persons[o.user_id], source_type=source_type, source_id=o.source_id, starts=o.starts,
                    ends=o.ends, enrolled_at=o.enrolled_at, **deadline, **told,
                )
            )  # fmt: skip
    with said():
        Service.objects.bulk_create(fresh)
        if found:
            _bring_up(s, found, wanted, due)
        _insert(s, [_planned(x.pk, wanted[x.source_id]) for x in fresh] + lines)
    for service in fresh:
        found[service.source_id] = service
    return [found[o.source_id] for o in openings]


def _planned(service_id: int, o: Opening) -> Line:
    minutes = o.minutes if o.minutes is not None else max(0, int((o.ends - o.starts).total_seconds() // 60))
    return Line(service_id=service_id, kind=Kind.PLANNED, minutes=minutes, starts=o.starts, ends=o.ends)


def _bring_up(s: Step, found: dict[int, Service], wanted: dict[int, Opening], due: dict[str, _Due]) -> None:
    dropped = [x for x in found.values() if x.state == "dropped"]
    for service in found.values():
        told = {name: getattr(wanted[service.source_id], name) for name in TOLD}
        for name, value in (told | due[service.area_path].of(wanted[service.source_id].ends)).items():
            setattr(service, name, value)
    names = [*(n.removesuffix("_id") if n == "org_id" else n for n in TOLD), *_Due.FIELDS]
    Service.objects.bulk_update(found.values(), names)
    if dropped:
        _may(s, dropped, "again")
        _go(s, dropped, "again")


class _Due:
    """Until when services of an area are to be recorded. One statement."""

    FIELDS: Final = ("record_due", "record_rule", "record_unsure")

    def __init__(self, path: str, at: dt.datetime) -> None:
        rules, self.calendar = rulebook.with_calendar((WITHIN,), path=path, at=at)
        self.rule = rules[WITHIN]

    def of(self, ends: dt.datetime) -> dict[str, Any]:
        due = self.calendar.due(ends, int(self.rule.value["amount"]), self.rule.value["unit"])
        return {
            "record_due": timezone.localdate(due.at), "record_rule_id": self.rule.id, "record_unsure": due.provisional,
        }  # fmt: skip


def mark_of(salt: bytes, user_id: int) -> bytes:
    """The mark by which entries know a person: 32 bytes."""
    return hmac.digest(salt, str(user_id).encode(), hashlib.sha256)


def _new_persons(s: Step, users: Iterable[int]) -> dict[int, int]:
    """{account: person} of those whose hours were not kept before. Two at once meet in the same row."""
    rows: list[Any] = []
    for user_id in sorted(users):
        salt = secrets.token_bytes(32)
        rows += [user_id, vault.seal_bytes(f"ledger.salt:{user_id}", salt), mark_of(salt, user_id), s.at]
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_person (user_id, salt, mark, since) VALUES "
            + ", ".join(["(%s, %s, %s, %s)"] * (len(rows) // 4))
            + " ON CONFLICT (user_id) DO UPDATE SET since = ledger_person.since RETURNING user_id, id",
            rows,
        )
        return dict(cursor.fetchall())


# Lines ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One entry to write. Of an approval, what is left out is taken from the check-in, or else from the plan."""

    service_id: int
    kind: Kind = Kind.APPROVED
    minutes: int = 0
    starts: dt.datetime | None = None
    ends: dt.datetime | None = None
    grade: str = ""
    supersedes_id: int | None = None
    reason: str = ""


def enter(s: Step, lines: Sequence[Line]) -> list[Entry]:
    """Write entries as they are, in this order. The one way in: what a lifecycle asks is asked by the functions below.

    Statements: 2 (one locks, one inserts), however many lines.

    Raises: any of REFUSALS; NotFound (L-404) for a service the actor may not see.
    """
    _locked(s, [line.service_id for line in lines])
    return _insert(s, lines)


def _insert(s: Step, lines: Sequence[Line]) -> list[Entry]:
    entries = [
        Entry(
            service_id=x.service_id, kind=x.kind, minutes=x.minutes, starts=x.starts, ends=x.ends, grade=x.grade,
            by_id=s.by.user_id, at=s.at, supersedes_id=x.supersedes_id, reason=without_personal(x.reason.strip())[:200],
        )
        for x in lines
    ]  # fmt: skip
    with said():
        Entry.objects.bulk_create(entries)
    return entries


def _locked(s: Step, ids: Iterable[int]) -> list[Service]:
    """These services with their persons, locked, in the order given. One statement; NotFound (L-404)."""
    ids = list(dict.fromkeys(ids))
    rows = Service.objects.visible_to(s.by).filter(pk__in=ids).select_related("person").order_by("person_id", "pk")
    found = {x.pk: x for x in rows.select_for_update(of=("self", "person"), no_key=True)}
    if len(found) < len(ids):
        raise NotFound
    return [found[pk] for pk in ids]


def _go(
    s: Step, services: Sequence[Service], name: str, *, reason: str = "", decided: bool = False, **sets: Any
) -> None:
    """Many take one arrow that they may (`_may`), in one UPDATE; an Event for each where a reason is given, in one INSERT.
    `decided`: a person's decision on hours, kept with the service."""
    arrow = SERVICE.arrows[name]
    reason = without_personal(reason.strip())[:200]
    if decided:
        sets |= {"decided_at": s.at, "decided_by": s.by.user_id}
    if reason:
        sets["reason"] = reason
    with said():
        Service.objects.filter(pk__in=[x.pk for x in services]).update(state=arrow.target, **sets)
    if reason:
        events = [
            Event(
                step=f"hours.{name}", at=s.at, user_id=s.by.user_id, org_id=s.event.org_id, subject_type=SUBJECT,
                subject_id=x.pk, area_path=x.area_path, before=x.state, after=arrow.target, data={"reason": reason},
            )
            for x in services
        ]  # fmt: skip
        Event.objects.bulk_create(events)
        for event in events:
            metrics.stepped(event.step)
    for x in services:
        for key, value in {"state": arrow.target, **sets}.items():
            setattr(x, key, value)


def _may(s: Step, services: Sequence[Service], name: str, reason: str = "") -> None:
    """Forbidden (L-403), WrongState (L-101) or PaperMissing (L-103) unless each may go this arrow."""
    arrow = SERVICE.arrows[name]
    for x in services:
        s.allow(x, arrow.needs, arrow.scope, *arrow.also)
        if x.state not in arrow.sources:
            raise WrongState
        if arrow.scope.value == "self" and not _own(s, x) and not s.by.can(Cap.RECORD_HOURS, org_id=x.org_id):
            raise NotFound
    if arrow.papers and not reason.strip():
        raise PaperMissing(field="reason", paper="reason")


def _own(s: Step, service: Service) -> bool:
    return s.by.user_id is not None and service.person.user_id == s.by.user_id


def _not_own(s: Step, services: Iterable[Service]) -> None:
    if any(_own(s, x) for x in services):
        raise OwnHours


def _second(s: Step, services: Iterable[Service]) -> None:
    """SecondDecider (L-909) unless the actor has no part in these hours: not theirs, not held or entered by them, not
    recorded by an organisation they act for."""
    for x in services:
        mine = s.by.user_id is not None and s.by.user_id in {x.person.user_id, x.decided_by, (x.held or {}).get("by")}
        if mine or any(g.org_id == x.org_id for g in s.by.grants):
            raise SecondDecider


# Arrows ---------------------------------------------------------------------------------------------------------------
def attend(s: Step, lines: Sequence[Line]) -> list[Entry]:
    """Check-ins with their check-outs. A person enters their own by scan or kiosk; all else the recorder enters.

    Statements: 3.

    Raises: Forbidden (L-403), WrongState (L-101), BadPeriod (L-913), NoEvidence (L-903).
    """
    services = _locked(s, [x.service_id for x in lines])
    for line, service in zip(lines, services, strict=True):
        if _own(s, service) and line.grade not in ON_THE_SPOT:
            raise OwnHours
    _may(s, services, "attend")
    entries = _insert(s, [replace(x, kind=Kind.CHECKED) for x in lines])
    _go(s, services, "attend")
    return entries


def claim(s: Step, lines: Sequence[Line]) -> list[Entry]:
    """What volunteers say they served. Statements: 3."""
    services = _locked(s, [x.service_id for x in lines])
    _may(s, services, "claim")
    entries = _insert(s, [replace(x, kind=Kind.CLAIMED, starts=None, ends=None) for x in lines])
    _go(s, services, "claim")
    return entries


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of lines that were to be approved: entries, and services that wait for a second person."""

    approved: list[Entry]
    held: list[Service]


def approve(s: Step, lines: Sequence[Line]) -> Decided:
    """Credit hours, one or many; those that a rule doubts are held with the reason instead.

    Statements: 7 (locks, rules, the person's days, the shift's people, the unit's month, entries, services); 1 more where a
    check-in has a phone or a place (what else these persons did), 2 where a rule doubts (whom it is left out for, the
    flags with their clock: 1 more for each area), 2 where some are held.

    Raises: any of REFUSALS; BackOffice (L-918), OwnHours (L-908), NotServedYet (L-907), SoonerThanEnrolled (L-906),
    LongerThanChecked (L-904), LongerThanPlanned (L-905): nothing of the call is kept then.
    """
    services = _locked(s, [x.service_id for x in lines])
    _may(s, services, "approve")
    return _credit(s, services, [_whole(x, y) for x, y in zip(lines, services, strict=True)])


def _whole(line: Line, service: Service) -> Line:
    """An approval with what it leaves out."""
    starts = line.starts or service.in_at or service.starts
    ends = line.ends or service.out_at or service.ends
    minutes = line.minutes or (service.checked if service.checked is not None else service.planned) or 0
    grade = line.grade or (service.grade if service.checked is not None else "")
    return replace(line, kind=Kind.APPROVED, starts=starts, ends=ends, minutes=minutes, grade=grade)


def _credit(
    s: Step,
    services: Sequence[Service],
    lines: Sequence[Line],
    *,
    leaving_out: Iterable[int] = (),
    arrow: str = "approve",
) -> Decided:
    _not_own(s, services)
    rules = limits.rules_of((x.area_path for x in services), s.at, doubts.KEYS)
    load = limits.Load(
        [(x.person_id, y.starts) for x, y in zip(services, lines, strict=True) if y.starts], leaving_out=leaving_out
    )
    for service, line in zip(services, lines, strict=True):
        assert line.ends is not None
        limits.refuse(service, line.minutes, line.ends, rules[service.area_path], s.at)
        limits.refuse_unseen(service, line.grade, rules[service.area_path])
    found = doubting.weigh(services, lines, rules, s.at)
    good: list[tuple[Service, Line]] = []
    for service, line in zip(services, lines, strict=True):
        assert line.starts is not None
        long = load.doubts(service.person_id, line.starts, line.minutes, rules[service.area_path])
        found[service.pk] += long
        if not long:  # what waits for another reason counts as well: it may still be credited
            load.lay(service.person_id, line.starts, line.minutes)
    holding = doubting.raise_flags(s, services, found, rules)
    doubtful: list[Service] = []
    for service, line in zip(services, lines, strict=True):
        if why := holding.get(service.pk):
            service.held = _held(s, line, why)
            doubtful.append(service)
        else:
            good.append((service, line))
    if doubtful:
        _may(s, doubtful, "hold", "rule")
        _hold(s, doubtful, ", ".join(dict.fromkeys(d["key"] for x in doubtful for d in (x.held or {})["why"])))
    entries = _insert(s, [line for _service, line in good])
    if good:
        _go(s, [x for x, _line in good], arrow, reason=lines[0].reason, decided=True, held=None)
    return Decided(entries, doubtful)


# Doubt ----------------------------------------------------------------------------------------------------------------
def _held(s: Step, line: Line, why: list[dict[str, Any]]) -> dict[str, Any]:
    """What is to be decided on, as JSON holds it."""
    assert line.starts is not None and line.ends is not None
    return {
        "why": why, "minutes": line.minutes, "starts": line.starts.isoformat(), "ends": line.ends.isoformat(),
        "grade": line.grade, "by": s.by.user_id,
    }  # fmt: skip


def hold(
    s: Step, lines: Sequence[Line], *, reason: str, why: Mapping[int, list[dict[str, Any]]] | None = None
) -> list[Service]:
    """Hours wait for a second person: what the recorder would approve, why, and by which rules ({service: rows with key,
    version, found}). Statements: 4."""
    services = _locked(s, [x.service_id for x in lines])
    _may(s, services, "hold", reason)
    for line, service in zip(lines, services, strict=True):
        service.held = _held(s, _whole(line, service), (why or {}).get(service.pk, []))
    _hold(s, services, reason)
    return services


def _hold(s: Step, services: Sequence[Service], reason: str) -> None:
    Service.objects.bulk_update(services, ["held"])
    _go(s, services, "hold", reason=reason, decided=True)


def settle(s: Step, ids: Sequence[int], *, reason: str) -> list[Entry]:
    """A second decider credits held hours as they were put forward; the doubts are dismissed. Statements: 5."""
    services = _locked(s, ids)
    _may(s, services, "settle", reason)
    _second(s, services)
    lines = []
    for x in services:
        held = x.held or {}
        starts, ends = (dt.datetime.fromisoformat(held[k]) for k in ("starts", "ends"))
        lines.append(
            Line(service_id=x.pk, minutes=held["minutes"], starts=starts, ends=ends, grade=held["grade"], reason=reason)
        )
    entries = _insert(s, lines)
    doubting.decide(s, services, "dismissed", reason)
    _go(s, services, "settle", reason=reason, decided=True, held=None)
    return entries


def reject(s: Step, ids: Sequence[int], *, reason: str) -> list[Service]:
    """A second decider refuses held hours; the doubts are upheld. Statements: 4."""
    return _decide(s, ids, "reject", reason)


def release(s: Step, ids: Sequence[int], *, reason: str) -> list[Service]:
    """A second decider hands held or refused hours back to the recorder, to be recorded right; the doubts are upheld.
    Statements: 4."""
    return _decide(s, ids, "release", reason)


def _decide(s: Step, ids: Sequence[int], name: str, reason: str) -> list[Service]:
    services = _locked(s, ids)
    _may(s, services, name, reason)
    _second(s, services)
    doubting.decide(s, services, "upheld", reason)
    _go(s, services, name, reason=reason, decided=True, held=None)
    return services


def refuse(s: Step, ids: Sequence[int], *, reason: str) -> list[Service]:
    """The recorder refuses: it was not served, or is no service. Statements: 3."""
    services = _locked(s, ids)
    _not_own(s, services)
    _may(s, services, "refuse", reason)
    _go(s, services, "refuse", reason=reason, decided=True)
    return services


def drop(s: Step, ids: Sequence[int], *, reason: str) -> list[Service]:
    """The enrolment ended before it was served. Statements: 3."""
    services = _locked(s, ids)
    _may(s, services, "drop", reason)
    _go(s, services, "drop", reason=reason)
    return services


# What was approved ----------------------------------------------------------------------------------------------------
def reverse(s: Step, ids: Sequence[int], *, reason: str) -> list[Entry]:
    """Take approved hours back. Statements: 5."""
    services = _locked(s, ids)
    _not_own(s, services)
    _may(s, services, "reverse", reason)
    entries = _take_back(s, services, reason)
    _go(s, services, "reverse", reason=reason, decided=True)
    return entries


def _take_back(s: Step, services: Sequence[Service], reason: str) -> list[Entry]:
    """2 statements."""
    ids = [x.pk for x in services]
    standing = {e.service_id: e for e in Entry.objects.filter(service__in=ids, kind=Kind.APPROVED, superseded_by=None)}
    if len(standing) < len(ids):
        raise NothingToReverse
    return _insert(
        s,
        [
            Line(
                service_id=pk, kind=Kind.REVERSED, minutes=e.minutes, starts=e.starts, ends=e.ends, grade=e.grade,
                supersedes_id=e.pk, reason=reason,
            )
            for pk in ids
            for e in (standing[pk],)
        ],
    )  # fmt: skip


def correct(s: Step, lines: Sequence[Line], *, reason: str) -> Decided:
    """Other hours in place of those approved: taken back and approved anew at once, each superseding what was before.
    Where a rule doubts the new ones they wait for a second person, and the old ones are taken back all the same.

    Statements: 11; more as `approve`.
    """
    services = _locked(s, [x.service_id for x in lines])
    _not_own(s, services)
    _may(s, services, "correct", reason)
    back = _take_back(s, services, reason)
    services = _locked(s, [x.pk for x in services])  # as the entries left them
    anew = [
        replace(_whole(x, y), supersedes_id=e.pk, reason=reason) for x, y, e in zip(lines, services, back, strict=True)
    ]
    return _credit(s, services, anew, arrow="correct")


def award(s: Step, line: Line, *, reason: str) -> Entry:
    """A second decider credits these hours whatever the recorder decided, as the end of a dispute: what stands is taken back,
    open doubts are dismissed. Only what is impossible is refused. Statements: 6 at most."""
    services = _locked(s, [line.service_id])
    service = services[0]
    _may(s, services, "award", reason)
    _second(s, services)
    rules = limits.rules_of([service.area_path], s.at, doubts.KEYS)[service.area_path]
    whole = _whole(line, service)
    assert whole.ends is not None
    longer = service.checked is not None and whole.minutes > service.checked
    if longer:  # the check-in was wrong, by the second decider's word
        service.checked = whole.minutes
    limits.refuse(service, whole.minutes, whole.ends, rules, s.at)
    back = _take_back(s, services, reason) if service.credited is not None else []
    whole = replace(whole, supersedes_id=back[0].pk if back else None, reason=reason, grade=whole.grade or Grade.ADMIN)
    entry = _insert(s, [*([replace(whole, kind=Kind.CHECKED, supersedes_id=None)] if longer else []), whole])[-1]
    doubting.decide(s, services, "dismissed", reason)
    _go(s, services, "award", reason=reason, decided=True, held=None)
    return entry

"""Somebody says that their hours are wrong, missing, or that they were there (志愿服务记录与证明出具办法 art. 13).

The unit that recorded them answers first. Who does not accept it is heard by a second one of the area who is not of that unit.
What an answer changes is written to the account in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import IO

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import files
from heli.core.actor import Actor
from heli.core.errors import Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.ledger import steps as ledger
from heli.ledger.doubt_models import About, Dispute
from heli.ledger.errors import OwnHours, SecondDecider, UnderDispute
from heli.ledger.models import Grade, Kind, Service
from heli.ledger.states import DISPUTE
from heli.ledger.steps import Line, Opening
from heli.rulebook import queries as rulebook

SUBJECT = "ledger.dispute"
WITHIN = "ledger.dispute_within"
MOST = 1440  # minutes of one dispute
# Rooms that bring hours say what a source is whose hours were never opened: (source, actor) → Opening; NotFound for others'.
OPENERS: dict[str, Callable[[int, Actor], Opening]] = {}


def register(source_type: str, opening: Callable[[int, Actor], Opening]) -> None:
    """How to open hours of somebody who was marked absent."""
    OPENERS[source_type] = opening


def _due(s: Step, path: str) -> dict[str, object]:
    """One statement."""
    rules, calendar = rulebook.with_calendar((WITHIN,), path=path, at=s.at)
    due = calendar.due(s.at, int(rules[WITHIN].value["amount"]), rules[WITHIN].value["unit"])
    s.rule(rules[WITHIN])
    return {"due_at": due.at, "due_rule_id": rules[WITHIN].id, "unsure": due.provisional}


def report(
    *,
    text: str,
    minutes: int,
    by: Actor,
    at: dt.datetime,
    service_id: int | None = None,
    absent: tuple[str, int] | None = None,
    paper: IO[bytes] | None = None,
) -> Dispute:
    """The person says that something is wrong: with a service of theirs, or with one they were marked absent from (`absent`:
    its source, from which it is opened). `minutes`: what it should be; 0: it was not served.

    Raises: NotFound (L-404), PaperMissing (L-103) without words, Invalid (L-400), UnderDispute (L-919).
    """
    with step("dispute.report", by=by, at=at) as s:
        words = without_personal(text.strip())[:500]
        if not words:
            raise PaperMissing(field="text", paper=_("what is wrong"))
        if not 0 <= minutes <= MOST:
            raise Invalid(_("Say how long it really was: at most 24 hours."), field="minutes")
        service: Service | None = None
        if absent is not None:
            if absent[0] not in OPENERS:
                raise NotFound
            opening = OPENERS[absent[0]](absent[1], by)
            service = ledger.open_services(s, absent[0], [opening])[0]
            service = Service.objects.select_related("person").get(pk=service.pk)
        elif service_id is not None:
            service = Service.objects.visible_to(by).select_related("person").filter(pk=service_id).first()
        if service is None or by.user_id is None or service.person.user_id != by.user_id:
            raise NotFound
        if Dispute.objects.filter(service=service, state__in=("open", "declined", "second")).exists():
            raise UnderDispute
        about = About.ABSENT if absent else About.WRONG if service.credited is not None else About.MISSING
        dispute = Dispute(
            person=service.person, service=service, org_id=service.org_id, area_path=service.area_path, about=about,
            day=timezone.localdate(service.starts), minutes=minutes, text=words, made_at=at, **_due(s, service.area_path),
        )  # fmt: skip
        if paper is not None:
            dispute.paper = files.store(
                paper, subject_type=ledger.SUBJECT, subject_id=service.pk, limits=files.PAPER
            ).pk
        try:
            dispute.save(force_insert=True)
        except IntegrityError as error:  # sent twice at once
            raise UnderDispute from error
        s.about(SUBJECT, dispute.pk, dispute.area_path)
        s.record(dispute, about=about, service=service.pk)
        s.event.after = dispute.state
    return dispute


def _mine(s: Step, dispute_id: int) -> Dispute:
    dispute = s.lock(Dispute, dispute_id, related=("person",))
    if s.by.user_id is None or dispute.person.user_id != s.by.user_id:
        raise NotFound
    s.about(SUBJECT, dispute.pk, dispute.area_path)
    return dispute


def _theirs(s: Step, dispute_id: int, *, second: bool) -> Dispute:
    dispute = s.lock(Dispute, dispute_id, related=("person",))
    if dispute.person.user_id == s.by.user_id:
        raise OwnHours
    if second and (dispute.first_by == s.by.user_id or any(g.org_id == dispute.org_id for g in s.by.grants)):
        raise SecondDecider
    s.about(SUBJECT, dispute.pk, dispute.area_path)
    return dispute


def _answer(answer: str) -> str:
    return without_personal(answer.strip())[:300]


def accept(*, dispute_id: int, minutes: int, answer: str, by: Actor, at: dt.datetime) -> Dispute:
    """The unit puts its own record right: so many minutes (0: taken back), with the words the person reads. What a rule
    doubts waits for a second person even then.

    Raises: what the account refuses; WrongState (L-101) where hours are held or refused: those a second one decides (`take`).
    """
    with step("dispute.accept", by=by, at=at) as s:
        dispute = _theirs(s, dispute_id, second=False)
        if not _answer(answer):
            raise PaperMissing(field="answer", paper=_("the answer"))
        s.allow(dispute, DISPUTE.arrows["accept"].needs, DISPUTE.arrows["accept"].scope)
        if dispute.state != "open":
            raise WrongState
        _put_right(s, dispute, minutes, _answer(answer))
        dispute.first_answer, dispute.first_at, dispute.first_by = _answer(answer), at, by.user_id
        _end(s, dispute)
        s.move(
            dispute, DISPUTE, "accept", answer=_answer(answer),
            save=("first_answer", "first_at", "first_by", "ended_at", "ended_by"),
        )  # fmt: skip
    return dispute


def _end(s: Step, dispute: Dispute) -> None:
    dispute.ended_at, dispute.ended_by = s.at, s.by.user_id


def _put_right(s: Step, dispute: Dispute, minutes: int, reason: str) -> None:
    """By the unit: taken back, checked by the leader's word where it is longer than the check-in, approved anew."""
    service = dispute.service
    if service is None or not 0 <= minutes <= MOST:
        raise Invalid(_("Say how many minutes it was."), field="minutes")
    back = ledger.reverse(s, [service.pk], reason=reason) if service.credited is not None else []
    if not minutes:
        return
    now = Service.objects.get(pk=service.pk)
    if now.state not in {"planned", "attended"}:
        raise WrongState
    starts = now.in_at or now.starts
    ends = max(now.out_at or now.ends, starts + dt.timedelta(minutes=minutes))
    if now.checked is None or minutes > now.checked:
        ledger.attend(
            s,
            [Line(service_id=now.pk, kind=Kind.CHECKED, minutes=minutes, starts=starts, ends=ends, grade=Grade.LEADER)],
        )
    ledger.approve(
        s,
        [
            Line(
                service_id=now.pk, minutes=minutes, starts=starts, ends=ends, reason=reason,
                supersedes_id=back[0].pk if back else None,
            )
        ],
    )  # fmt: skip


def decline(*, dispute_id: int, answer: str, by: Actor, at: dt.datetime) -> Dispute:
    """The unit looked, and finds its record right; it says why. The person may go on to the second one."""
    with step("dispute.decline", by=by, at=at) as s:
        dispute = _theirs(s, dispute_id, second=False)
        dispute.first_answer, dispute.first_at, dispute.first_by = _answer(answer), at, by.user_id
        s.move(dispute, DISPUTE, "decline", answer=dispute.first_answer, save=("first_answer", "first_at", "first_by"))
    return dispute


def object_to(*, dispute_id: int, objection: str, by: Actor, at: dt.datetime) -> Dispute:
    """The person does not accept the unit's answer: a second one looks, with a clock of their own."""
    with step("dispute.object", by=by, at=at) as s:
        dispute = _mine(s, dispute_id)
        dispute.objection = _answer(objection)
        for name, value in _due(s, dispute.area_path).items():
            setattr(dispute, name, value)
        s.move(
            dispute, DISPUTE, "object", objection=dispute.objection, save=("objection", "due_at", "due_rule", "unsure")
        )
    return dispute


def take(*, dispute_id: int, by: Actor, at: dt.datetime) -> Dispute:
    """The second one takes over what the unit has not answered in time."""
    with step("dispute.take", by=by, at=at) as s:
        dispute = _theirs(s, dispute_id, second=True)
        if at < dispute.due_at and dispute.service is not None and dispute.service.state not in {"held", "refused"}:
            raise WrongState
        for name, value in _due(s, dispute.area_path).items():
            setattr(dispute, name, value)
        s.move(dispute, DISPUTE, "take", save=("due_at", "due_rule", "unsure"))
    return dispute


def grant(*, dispute_id: int, minutes: int, answer: str, by: Actor, at: dt.datetime) -> Dispute:
    """The second one finds the person right: so many minutes are credited (0: taken back), whatever the unit decided."""
    with step("dispute.grant", by=by, at=at) as s:
        dispute = _theirs(s, dispute_id, second=True)
        service, words = dispute.service, _answer(answer)
        if not words:
            raise PaperMissing(field="answer", paper=_("the answer"))
        if service is None or not 0 <= minutes <= MOST:
            raise Invalid(_("Say how many minutes it was."), field="minutes")
        s.allow(dispute, DISPUTE.arrows["grant"].needs, DISPUTE.arrows["grant"].scope)
        if dispute.state != "second":
            raise WrongState
        if minutes:
            starts = service.in_at or service.starts
            ends = max(service.out_at or service.ends, starts + dt.timedelta(minutes=minutes))
            grade = service.grade if service.checked is not None and minutes <= service.checked else Grade.LEADER
            line = Line(service_id=service.pk, minutes=minutes, starts=starts, ends=ends, grade=grade)
            ledger.award(s, line, reason=words)
        elif service.credited is not None:
            ledger.reverse(s, [service.pk], reason=words)
        dispute.answer = words
        _end(s, dispute)
        s.move(dispute, DISPUTE, "grant", answer=words, save=("answer", "ended_at", "ended_by"))
    return dispute


def reject(*, dispute_id: int, answer: str, by: Actor, at: dt.datetime) -> Dispute:
    """The second one finds the record right as it stands, and says why."""
    with step("dispute.reject", by=by, at=at) as s:
        dispute = _theirs(s, dispute_id, second=True)
        dispute.answer = _answer(answer)
        _end(s, dispute)
        s.move(dispute, DISPUTE, "reject", answer=dispute.answer, save=("answer", "ended_at", "ended_by"))
    return dispute


def withdraw(*, dispute_id: int, by: Actor, at: dt.datetime) -> Dispute:
    """The person takes it back."""
    with step("dispute.withdraw", by=by, at=at) as s:
        dispute = _mine(s, dispute_id)
        _end(s, dispute)
        s.move(dispute, DISPUTE, "withdraw", save=("ended_at", "ended_by"))
    return dispute

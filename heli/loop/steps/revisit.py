"""Revisit calls: who makes one, passing it on, the message before it, and the second listen."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, WrongState
from heli.core.scope import within
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import jobs, sampling
from heli.loop.clocks import rules_for
from heli.loop.errors import CallTaken, NotNow, SameCaller
from heli.loop.models import Request
from heli.loop.oversight_models import Attempt, Recheck, Revisit
from heli.loop.states import RECHECK
from heli.loop.steps.judge import check_hands
from heli.rulebook.shapes import hours

ABOUT = "loop.revisit"
LEASE = ("revisit.lease", "revisit.hours")


def may_call(s: Step, request: Request) -> None:
    """REVISIT in the area, and no hand in the request: neither unit nor person, nor whoever sent it on (L-115)."""
    s.require(Cap.REVISIT, path=request.area_path)
    check_hands(s, request, sending=True)


def _locked(s: Step, revisit_id: int) -> tuple[Revisit, Request]:
    """A waiting call with its request. The request comes first in the order of locks, and is only read here."""
    call = s.lock(Revisit, revisit_id)
    s.about(ABOUT, call.pk, call.area_path)
    if call.state != "waiting":
        raise WrongState
    return call, Request.objects.select_related("category").get(pk=call.request_id)


def claim_call(*, revisit_id: int, by: Actor, at: dt.datetime) -> Revisit:
    """Take a call for oneself for as long as the rule says (revisit.lease); taking it again makes it longer.

    Raises:
        CallTaken: a colleague is on it (L-143). HandlerCannotJudge: had a hand in it (L-115).
        NotNow: residents are not called at this hour (L-144). WrongState: the call is over (L-101).
    """
    with step("revisit.claim", by=by, at=at) as s:
        call, request = _locked(s, revisit_id)
        may_call(s, request)
        if sampling.held_by_other(call, by.user_id, at):
            raise CallTaken
        rules = rules_for(request, LEASE, at)
        if sampling.allowed(at, hours(rules["revisit.hours"].value)) != at:
            raise NotNow(hours=rules["revisit.hours"].words)
        lease = rules["revisit.lease"]
        minutes = int(lease.value["amount"]) * (60 if lease.value["unit"] == "hour" else 1)
        call.claimed_by_id, call.claimed_until = by.user_id, at + dt.timedelta(minutes=minutes)
        call.save(update_fields=["claimed_by", "claimed_until"])
        s.rule(lease)
        s.record(call, until=call.claimed_until.isoformat())
    return call


def release_call(*, revisit_id: int, by: Actor, at: dt.datetime) -> Revisit:
    """Give a call back to the queue without having made it."""
    with step("revisit.release", by=by, at=at) as s:
        call, request = _locked(s, revisit_id)
        s.require(Cap.REVISIT, path=request.area_path)
        if sampling.held_by_other(call, by.user_id, at):
            raise CallTaken
        call.claimed_by_id = call.claimed_until = None
        call.save(update_fields=["claimed_by", "claimed_until"])
        s.record(call)
    return call


def pass_call(*, revisit_id: int, by: Actor, at: dt.datetime) -> Revisit:
    """ "I know this person": a colleague makes the call. Nobody is asked why; it does not come back to whoever passed."""
    with step("revisit.pass", by=by, at=at) as s:
        call, request = _locked(s, revisit_id)
        s.require(Cap.REVISIT, path=request.area_path)
        if sampling.held_by_other(call, by.user_id, at):
            raise CallTaken
        if by.user_id is not None and by.user_id not in call.passed_by:
            call.passed_by = [*call.passed_by, by.user_id]
        call.claimed_by_id = call.claimed_until = None
        call.save(update_fields=["claimed_by", "claimed_until", "passed_by"])
        Attempt.objects.create(revisit=call, at=at, by_id=by.user_id, way=call.way, result="passed")
        s.record(call)
    return call


def send_messages(*, at: dt.datetime, paths: tuple[str, ...] = ("",), limit: int = 500) -> int:
    """Send the link to judge once more to those who have not judged, where the rule waits for it. Returns how many.

    Each in its own transaction by compare-and-set, so that a retry or a second worker sends nothing twice.
    """
    due = Revisit.objects.filter(within("area_path", paths), state="waiting", message_at__lte=at)
    done = 0
    for call in due.order_by("message_at", "id")[:limit]:
        with step("revisit.message", by=SYSTEM, at=at) as s:
            same = Revisit.objects.filter(pk=call.pk, state="waiting", message_at=call.message_at)
            n = same.update(message_at=None)
            s.about(ABOUT, call.pk, call.area_path)
            s.record(call, sent=bool(n))
            if n:
                Attempt.objects.create(revisit=call, at=at, way="message", result="sent")
                s.defer(jobs.tell, request_id=call.request_id, news="judge")
        done += n
    return done


def record_check(
    *,
    recheck_id: int,
    by: Actor,
    at: dt.datetime,
    reached: bool = True,
    contacted: bool | None = None,
    solved: str = "",
    satisfaction: int | None = None,
    words: str = "",
) -> Recheck:
    """A second caller asked the same again. What was answered first stays; where the two differ, a supervisor sees it.

    Raises SameCaller (L-145), HandlerCannotJudge (L-115), Invalid (L-400), WrongState when it was asked already (L-101).
    """
    if reached and (contacted is None or solved not in {"yes", "partly", "no"} or satisfaction not in range(1, 6)):
        raise Invalid(_("Answer all three questions, or say that nobody answered."), field="solved")
    with step("revisit.check", by=by, at=at) as s:
        check = s.lock(Recheck, recheck_id)
        request = Request.objects.get(pk=check.request_id)
        s.about("loop.recheck", check.pk, check.area_path)
        may_call(s, request)
        first = check.review
        if first.by_id == by.user_id:
            raise SameCaller
        if check.state != "waiting":
            raise WrongState
        check.at, check.by_id, check.words = at, by.user_id, without_personal(words.strip())[:300]
        if reached:
            check.contacted, check.solved, check.satisfaction = contacted, solved, satisfaction
        check.save()
        s.move(check, RECHECK, "unreached" if not reached else "differs" if differs(check) else "same")
        s.record(check, state=check.state)
    return check


def differs(check: Recheck) -> bool:
    """Whether the two callers heard something else: contacted or solved, or two levels of satisfaction apart. Pure."""
    first = check.review
    apart = abs((first.satisfaction or 0) - (check.satisfaction or 0))
    return (first.contacted, first.solved) != (check.contacted, check.solved) or apart > 1

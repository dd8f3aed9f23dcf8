"""Which answered requests get a revisit call, how residents are reached, and when. Called inside the steps of the loop.

The draw is a keyed hash of request and round: the same at every look, and nobody who handles a request can tell it
beforehand without the server's key. Residents can always judge by their link, drawn or not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Exists, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid
from heli.core.steps import Step
from heli.engines.workdays import Interval
from heli.loop.clocks import Board, rules_for
from heli.loop.errors import CallTaken, NotDrawn
from heli.loop.models import ClockKind, Confidentiality, Dispatch, Handling, Kind, Request, Review, Urgency, Voice
from heli.loop.oversight_models import Attempt, Recheck, Revisit
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion
from heli.rulebook.shapes import hours

RULES = ("revisit.sample", "revisit.always", "revisit.channels", "revisit.hours")
STARTING = (ClockKind.REVISIT, ClockKind.REVIEW)
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


def hand_in(by: Actor, request: Any, *, sending: bool = True) -> Q:
    """Whether this person or one of their units had a hand in a request (an id or OuterRef) or in a part of it: holds it,
    took it on, wrote or read a reply; with `sending`, sent it on, too."""
    user = by.user_id or 0
    held = Q(unit__in=by.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)) | Q(accepted_by=user)
    found = Q()
    for way in ("request", "request__parent"):
        of = {way: request}
        found |= Q(Exists(Dispatch.objects.filter(held, state__in=Dispatch.LIVE, **of)))
        found |= Q(Exists(Handling.objects.filter(Q(written_by=user) | Q(reviewed_by=user), **of)))
        if sending:
            found |= Q(Exists(Dispatch.objects.filter(offered_by=user, **of)))
    return found


def drawn(request_id: int, lap: int, percent: int, what: str = "call") -> bool:
    """Whether this round is among the `percent` of all that are called (or, `what` "recheck", asked again). Pure but
    for the server's key."""
    digest = salted_hmac("heli.loop.sampling", f"{what}:{request_id}:{lap}", algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big") % 10_000 < percent * 100


def reason_to_call(request: Request, rules: Mapping[str, RuleVersion]) -> str:
    """Why this round is called ("urgent", "redo", "protected", "complaint", "sample"), or '' when it is not."""
    facts = {
        "urgent": request.urgency != Urgency.NORMAL,
        "redo": request.lap > 1,
        "protected": request.confidentiality == Confidentiality.PROTECTED,
        "complaint": request.kind == Kind.COMPLAINT,
    }
    always = next((case for case in rules["revisit.always"].value if facts[case]), "")
    share = int(rules["revisit.sample"].value)
    return always or ("sample" if drawn(request.pk, request.lap, share) else "")


def allowed(at: dt.datetime, periods: Sequence[Interval]) -> dt.datetime:
    """The first moment from `at` on at which a resident may be called. Pure."""
    local = timezone.localtime(at)
    for day in (local, local + DAY):
        for opens, closes in periods:
            start = day.replace(hour=opens.hour, minute=opens.minute, second=0, microsecond=0)
            end = day.replace(hour=closes.hour, minute=closes.minute, second=0, microsecond=0)
            if local < end:
                return max(local, start).astimezone(dt.UTC)
    return at


def waits(channels: Sequence[Mapping[str, Any]]) -> tuple[int | None, int]:
    """(hours until the link is sent once more or None, hours until the telephone) from the order of ways. Pure.

    A way's hours count from the way before it. The link goes out with the reply, so a message at 0 hours is that one.
    """
    since, message, phone = 0, None, 0
    for step in channels:
        since += int(step["hours"])
        if step["way"] == "message" and since:
            message = since
        if step["way"] == "phone":
            phone = since
    return message, phone


def begin(s: Step, request: Request, board: Board) -> None:
    """The answer left: the resident's time to judge starts, and, where this round is drawn, the time to call them.

    Nobody can be called who left no number. `board` has the clocks of STARTING and RULES. One statement beside the
    board's own.
    """
    board.start(ClockKind.REVIEW)
    if request.parent_id is not None:
        return  # a part of a split request is judged with the whole
    why = reason_to_call(request, board.rules)
    if not why or not request.reachable:
        return
    board.start(ClockKind.REVISIT)
    message, phone = waits(board.rules["revisit.channels"].value)
    periods = hours(board.rules["revisit.hours"].value)
    Revisit.objects.create(
        request=request,
        lap=request.lap,
        area_path=request.area_path,
        unit_id=request.unit_id,
        why=why,
        rule_id=board.rules["revisit.sample"].id,
        message_at=allowed(s.at + HOUR * message, periods) if message else None,
        call_at=allowed(s.at + HOUR * phone, periods),
        made_at=s.at,
    )


def end(request: Request, at: dt.datetime, state: str) -> None:
    """The call of the present round, if it still waits, is over: reached, judged or over. One statement."""
    Revisit.objects.filter(request=request, lap=request.lap, state="waiting").update(
        state=state, ended_at=at, message_at=None, claimed_by=None, claimed_until=None
    )


def mine(s: Step, request: Request) -> Revisit | None:
    """The call of the present round, locked; None when it is over already. NotDrawn (L-147): nobody chooses whom to call.
    CallTaken (L-143) while a colleague makes it. One statement."""
    found: Revisit | None = (
        Revisit.objects.select_for_update(of=("self",)).filter(request=request, lap=request.lap).first()
    )
    if found is None:
        raise NotDrawn
    if held_by_other(found, s.by.user_id, s.at):
        raise CallTaken
    return found if found.state == "waiting" else None


def held_by_other(call: Revisit, user_id: int | None, at: dt.datetime) -> bool:
    """Whether a colleague keeps the call to themselves at this moment. Pure."""
    return call.claimed_until is not None and call.claimed_until > at and call.claimed_by_id != user_id


def unanswered(
    s: Step,
    request: Request,
    voice: Voice,
    call: Revisit,
    *,
    again_at: dt.datetime | None,
    until: dt.datetime | None,
    words: str,
) -> None:
    """Nobody was reached: try again at the time the caller says (before `until`, when the time to judge ends) or the rule
    does; after the last try by telephone in person, where the rule names that way; then it is given up as unreached.
    A try before its time, or in hours when nobody is called, is written down and counts as none. Three statements."""
    keys = ("revisit.attempts", "revisit.spacing", "revisit.channels", "revisit.hours")
    rules = rules_for(request, keys, s.at)
    periods = hours(rules["revisit.hours"].value)
    late = again_at is not None and until is not None and again_at >= until
    if again_at is not None and (again_at <= s.at or late or allowed(again_at, periods) != again_at):
        raise Invalid(
            _("Choose a later time at which residents may be called (%(hours)s), before their time to judge ends.")
            % {"hours": rules["revisit.hours"].words},
            field="again_at",
        )
    way, counts = call.way, s.at >= call.call_at and allowed(s.at, periods) == s.at
    call.attempts += counts
    call.claimed_by_id = call.claimed_until = None
    if not counts:
        call.call_at = again_at = again_at or call.call_at
    elif call.attempts >= int(rules["revisit.attempts"].value) or call.way == "visit":
        visit = next((c for c in rules["revisit.channels"].value if c["way"] == "visit"), None)
        if visit and call.way == "phone":
            call.way, call.call_at = "visit", allowed(s.at + HOUR * int(visit["hours"]), periods)
        else:
            call.state, call.ended_at, call.message_at = "unreached", s.at, None
        again_at = None
    else:
        wait = rules["revisit.spacing"].value
        later = again_at or rulebook.calendar(request.area_path, s.at).due(s.at, int(wait["amount"]), wait["unit"]).at
        call.call_at = again_at = allowed(later, periods)
    call.save()
    Attempt.objects.create(
        revisit=call, voice=voice, at=s.at, by_id=s.by.user_id, way=way, result="no_answer", again_at=again_at,
        words=words[:300],
    )  # fmt: skip


def reached(s: Step, request: Request, review: Review, rule: RuleVersion) -> None:
    """A caller spoke with a resident: the try is kept, and, where this round is drawn, somebody asks once more."""
    call = Revisit.objects.filter(request=request, lap=review.lap).first()
    if call is not None:
        Attempt.objects.create(
            revisit=call, voice_id=review.voice_id, at=s.at, by_id=s.by.user_id, way=call.way, result="reached"
        )
        Revisit.objects.filter(pk=call.pk).update(attempts=call.attempts + 1, claimed_by=None, claimed_until=None)
    if drawn(request.pk, review.lap, int(rule.value), "recheck"):
        Recheck.objects.create(
            review=review, request=request, area_path=request.area_path, unit_id=request.unit_id, drawn_at=s.at
        )

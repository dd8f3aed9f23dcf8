"""评: the resident says contacted? solved? satisfied?; what failed goes round again."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import jobs, sampling
from heli.loop.clocks import DUE, Board, rules_for
from heli.loop.errors import HandlerCannotJudge, JudgedAlready
from heli.loop.models import ClockKind, Dispatch, Request, Review, Voice, said_of
from heli.loop.oversight_models import AppealDecision
from heli.loop.states import REQUEST
from heli.loop.steps.hear import SUBJECT, by_staff

OUTCOME = ("contacted", "solved", "satisfaction", "closed_at")


def lock_for_voice(s: Step, voice_id: int) -> tuple[Voice, Request]:
    """The voice and the request that was answered for it (the one it was joined into, if any), locked."""
    voice = Voice.objects.select_related("request").filter(pk=voice_id).first()
    if voice is None:
        raise NotFound
    request_id = voice.request.merged_into_id or voice.request_id
    return voice, s.lock(Request, request_id, related=("category",))


def check_who(s: Step, request: Request, voice: Voice, source: str) -> None:
    """By link: one's own voice. At the counter HEAR, by revisit call REVISIT, and never whoever handled it."""
    if source == "link":
        if s.by.voice_id != voice.pk:
            raise Forbidden
        return
    s.require(Cap.REVISIT if source == "revisit" else Cap.HEAR, path=request.area_path)
    check_hands(s, request, sending=source == "revisit")


def check_hands(s: Step, request: Request, *, sending: bool) -> None:
    """HandlerCannotJudge (L-115) for units and persons that had a hand in it; `sending`: or sent it on. One statement."""
    if Request.objects.filter(sampling.hand_in(s.by, request.pk, sending=sending), pk=request.pk).exists():
        raise HandlerCannotJudge


def judge(
    *,
    voice_id: int,
    by: Actor,
    at: dt.datetime,
    contacted: bool,
    solved: str,
    satisfaction: int,
    words: str = "",
    source: str = "link",
) -> Review:
    """One voice judges the present round: `solved` yes, partly or no; `satisfaction` 1 (very dissatisfied) to 5.

    "No" or 1 sends it round again with its own clock, up to the rule's limit (redo.limit); then a supervisor decides.
    Raises JudgedAlready (L-117), HandlerCannotJudge (L-115), NotDrawn (L-147), WrongState (L-101).
    """
    if solved not in {"yes", "partly", "no"}:
        raise Invalid(_("Choose: solved, partly, or not."), field="solved")
    if not 1 <= satisfaction <= 5:
        raise Invalid(_("Choose one of the five."), field="satisfaction")
    with step("request.judge", by=by, at=at) as s:
        voice, request = lock_for_voice(s, voice_id)
        check_who(s, request, voice, source)
        if source == "revisit":
            sampling.mine(s, request)
        reviews = {r.voice_id: r for r in Review.objects.filter(request=request, lap=request.lap, reached=True)}
        if voice.pk in reviews:
            raise JudgedAlready
        if request.state not in {"replied", "lapsed"}:
            raise WrongState
        review = Review.objects.create(
            request=request,
            voice=voice,
            lap=request.lap,
            at=at,
            source=source,
            contacted=contacted,
            solved=solved,
            satisfaction=satisfaction,
            words=without_personal(words.strip())[:1000],
            by_id=None if source == "link" else by.user_id,
        )
        reviews[voice.pk] = review
        summarise(request, list(reviews.values()))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(review, public=True, solved=solved, satisfaction=satisfaction, source=source, lap=request.lap)
        if source == "revisit":
            sampling.reached(s, request, review, rules_for(request, ("revisit.recheck",), at)["revisit.recheck"])
        failed = solved == "no" or satisfaction == 1
        ended = failed or request.state == "lapsed" or voices_left(request, reviews.keys()) == 0
        if ended:
            sampling.end(request, at, "reached" if source == "revisit" else "judged")
        if failed:
            send_round(s, request)
        elif ended:
            request.closed_at = at
            board = Board(s, request)
            board.stop(ClockKind.REVISIT, ClockKind.REVIEW)
            board.save()
            s.move(request, REQUEST, "close", save=(*DUE, *OUTCOME))
        else:
            request.save(update_fields=OUTCOME)
    return review


def voices_left(request: Request, judged: object) -> int:
    """Voices of the request and of its twins that have not judged this round."""
    ids = Voice.objects.filter(said_of(request.pk)).values_list("pk", flat=True)
    return len([pk for pk in ids if pk not in judged])  # type: ignore[operator]


def summarise(request: Request, reviews: list[Review]) -> None:
    """The worst voice of the round stands for the request: one unhappy neighbour is not outvoted."""
    rank = {"no": 0, "partly": 1, "yes": 2}
    request.contacted = all(r.contacted for r in reviews)
    request.solved = min((r.solved for r in reviews), key=rank.__getitem__)
    request.satisfaction = min(r.satisfaction for r in reviews if r.satisfaction is not None)


def send_round(s: Step, request: Request, *, arrow: str = "redo", decision: str = "") -> None:
    """Round again: the same lead, a redo clock of its own. At the limit it goes to a supervisor instead."""
    starting = ClockKind.REDO if request.unit_id else ClockKind.DISPATCH
    board = Board(s, request, starting=(starting,), rules=("redo.limit",))
    board.stop(ClockKind.REVISIT, ClockKind.REVIEW)
    limit = int(board.rules["redo.limit"].value)
    s.rule(board.rules["redo.limit"])
    if arrow == "redo" and (request.lap > limit or request.unit_id is None):
        board.save()
        s.move(request, REQUEST, "appeal", save=(*DUE, *OUTCOME))
        s.defer(jobs.tell, request_id=request.pk, news="appealed")
        return
    request.lap += 1
    request.closed_at = None
    board.start(starting, request.unit_id)
    board.save()
    Dispatch.objects.filter(request=request, role="lead", state="done").update(state="accepted", ended_at=None)
    s.move(request, REQUEST, arrow, decision=decision, save=(*DUE, *OUTCOME, "lap"))
    s.defer(jobs.tell, request_id=request.pk, news="redo")


def decide_appeal(*, request_id: int, by: Actor, at: dt.datetime, again: bool, decision: str) -> Request:
    """After the last redo failed too, a supervisor decides in writing: once more (what was split goes back to the
    desk, since no one unit had it), or closed. The resident reads why;
    what the resident judged stays as it is and counts."""
    with step("request.decide_appeal", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        s.about(SUBJECT, request.pk, request.area_path)
        decision, lap = by_staff(decision, 500), request.lap
        if again:
            if request.state != "appealed":
                raise WrongState
            send_round(s, request, arrow="redo_decided" if request.unit_id else "dispatch_decided", decision=decision)
        else:
            request.closed_at = at
            board = Board(s, request)
            board.cancel()
            board.save()
            s.move(request, REQUEST, "close_decided", decision=decision, save=(*DUE, "closed_at"))
            s.defer(jobs.tell, request_id=request.pk, news="decided")
        AppealDecision.objects.create(
            request=request, area_path=request.area_path, lap=lap, at=at, by_id=by.user_id, again=again, text=decision
        )
        s.record(public=True)
    return request


def unreached(
    *, voice_id: int, by: Actor, at: dt.datetime, words: str = "", again_at: dt.datetime | None = None
) -> Review:
    """A revisit call that found nobody. It is written down and never counted as satisfied. `again_at`: when to call
    again; without it the rule says (revisit.spacing), up to revisit.attempts.

    Raises CallTaken (L-143) while a colleague makes the call, NotDrawn (L-147), Invalid for a time at which nobody is
    called, or after the time to judge (L-400).
    """
    with step("request.unreached", by=by, at=at) as s:
        voice, request = lock_for_voice(s, voice_id)
        check_who(s, request, voice, "revisit")
        call = sampling.mine(s, request)
        if request.state not in {"replied", "lapsed"}:
            raise WrongState
        review = Review.objects.create(
            request=request,
            voice=voice,
            lap=request.lap,
            at=at,
            source="revisit",
            reached=False,
            words=without_personal(words.strip())[:1000],
            by_id=by.user_id,
        )
        board = Board(s, request)
        if call is not None:
            until = next((c.due_at for c in board.clocks if c.kind == ClockKind.REVIEW), None)
            sampling.unanswered(s, request, voice, call, again_at=again_at, until=until, words=review.words)
        board.stop(ClockKind.REVISIT)
        board.save()
        request.save(update_fields=DUE)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(review, lap=request.lap)
    return review


def lapse(*, request_id: int, at: dt.datetime) -> Request:
    """The time to judge is over. With a judgement of somebody it is closed; without, it stays unrated for good:
    neither satisfied nor dissatisfied."""
    with step("request.lapse", by=SYSTEM, at=at) as s:
        request = s.lock(Request, request_id)
        board = Board(s, request)
        board.cancel(ClockKind.REVISIT, ClockKind.REVIEW)
        board.save()
        sampling.end(request, at, "over")
        request.closed_at = at
        rated = (
            request.satisfaction is not None
            and Review.objects.filter(request=request, lap=request.lap, reached=True).exists()
        )
        s.move(request, REQUEST, "settle" if rated else "lapse", save=(*DUE, "closed_at"))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=True)
    return request

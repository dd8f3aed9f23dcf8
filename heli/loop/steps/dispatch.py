"""转: a request is offered to a unit, taken on, given back, or given to a lead by force."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, TakenAlready, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import duty, jobs
from heli.loop.clocks import DUE, Board, local_day, rules_for
from heli.loop.errors import NotAWish, NotToGrassroots, ReturnLimit, ReturnTooLate, TooLateToTakeBack
from heli.loop.models import Clock, ClockKind, Dispatch, Kind, Request
from heli.loop.reader import said
from heli.loop.reading_models import How
from heli.loop.states import DISPATCH, REQUEST
from heli.loop.steps.hear import SUBJECT, by_staff, category_of, place_of, release
from heli.orgs.models import Organisation
from heli.orgs.queries import open_unit
from heli.rulebook.queries import calendar


def unit_clocks(request: Request, *, forced: bool = False) -> tuple[ClockKind, ...]:
    """The clocks a lead's dispatch starts. Nobody can be asked to contact somebody who left no number."""
    wanted = [ClockKind.REPLY] if forced else [ClockKind.ACCEPT, ClockKind.REPLY]
    return tuple(wanted + [ClockKind.CONTACT] * request.reachable)


TAKE_BACK = "dispatch.take_back"
SAME_MATTER = ("other_area", "duplicate")  # reasons of a return that say nothing against what it is about


def lock_by_dispatch(s: Step, dispatch_id: int) -> tuple[Request, Dispatch]:
    """A dispatch with its request locked; every step of the loop locks the request first, so steps queue up on it."""
    request_id = Dispatch.objects.filter(pk=dispatch_id).values_list("request_id", flat=True).first()
    if request_id is None:
        raise NotFound
    request = s.lock(Request, request_id, related=("category",))
    dispatch = Dispatch.objects.get(pk=dispatch_id)
    dispatch.request = request
    return request, dispatch


def in_reach(path: str, unit: Organisation) -> bool:
    """A unit of the same county as the area, or of a level above it."""
    return unit.area_path.startswith(path[:6]) or path.startswith(unit.area_path)


def usable_unit(unit_id: int, request: Request, at: dt.datetime) -> Organisation:
    """An open unit in reach; UnitClosed (orgs) or Forbidden (L-403) otherwise. One statement."""
    unit = open_unit(unit_id, at)
    if not in_reach(request.area_path, unit):
        raise Forbidden
    return unit


def reclassify(
    *,
    request_id: int,
    by: Actor,
    at: dt.datetime,
    category: str = "",
    area_path: str = "",
    urgency: str = "",
    spot: str | None = None,
) -> Request:
    """The desk corrects what it is about, where it is, or how urgent. A change of urgency restarts the dispatch clock's
    rule from the moment the request was heard."""
    with step("request.reclassify", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        s.allow(request, Cap.DISPATCH, REQUEST.arrows["dispatch"].scope)
        if request.state not in {"heard", "dispatched", "handling"}:
            raise WrongState
        changed: dict[str, str] = {}
        if category and (request.category is None or category != request.category.code):
            request.category = category_of(category)
            changed["category"] = category
        if area_path and area_path != request.area_path:
            area, _prefix = place_of(area_path)
            s.require(Cap.DISPATCH, path=area.path)
            request.area, request.area_path = area, area.path
            Dispatch.objects.filter(request=request).update(area_path=area.path)
            # Their deadlines stay as they began; whose list they stand in moves with the request.
            Clock.objects.filter(request=request, outcome="running").update(area_path=area.path)
            changed["area"] = area.path
        if spot is not None and spot != request.spot:
            request.spot = without_personal(spot.strip())[:120]
            changed["spot"] = "1"
        if urgency and urgency != request.urgency:
            request.urgency = urgency
            changed["urgency"] = urgency
        if not changed:
            raise Invalid(_("Nothing was changed."))
        if request.state == "heard" and changed.keys() & {"urgency", "category", "area"}:
            board = Board(s, request, starting=(ClockKind.DISPATCH,))
            for clock in board.clocks:
                if clock.kind == ClockKind.DISPATCH:
                    assert board.calendar is not None
                    rule = board.rules["clock.dispatch"]
                    due = board.calendar.due(clock.started_at, int(rule.value["amount"]), rule.value["unit"])
                    clock.rule_id, clock.amount, clock.measure = rule.id, int(rule.value["amount"]), rule.value["unit"]
                    clock.due_at, clock.provisional, clock.area_path = due.at, due.provisional, request.area_path
                    clock.save()
                    s.rule(rule)
            board.settle()
        request.save(update_fields=["category", "area", "area_path", "urgency", "spot", *DUE])
        if "category" in changed:
            said(request, How.CORRECTED, request.category, by=by, at=at)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(request, public=None, **changed)
    return request


def offer(
    *,
    request_id: int,
    unit_id: int,
    by: Actor,
    at: dt.datetime,
    assists: Sequence[int] = (),
    duty_row_id: int | None = None,
    push_down_rule: str = "",
    reason: str = "",
    category: str = "",
) -> Dispatch:
    """Send a request to its lead unit, with assisting units; the unit's clocks start now, at dispatch.

    `category`: what it is sent on as, where nobody had chosen a matter.

    A request that is with a unit already is redirected (`reason` needed); that unit's clocks are cancelled.

    Raises:
        NotToGrassroots: the duty list gives it to a department; name the rule that lets it go down (L-110).
        ReturnLimit: it came back too often; a lead must be named by force (L-114).
        UnitClosed, Forbidden (unit of another county), NotFound, WrongState.
    """
    with step("request.dispatch", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        unit = usable_unit(unit_id, request, at)
        if category and request.category is None:
            request.category = category_of(category)
            request.save(update_fields=["category"])
        row = duty.guards(request, unit, local_day(at))
        if row is not None and not push_down_rule.strip():
            raise NotToGrassroots(row=row.number, unit=row.unit.name if row.unit else "", field="push_down_rule")
        limit_keys = ("return.limit",) if request.bounces else ()
        starting = unit_clocks(request)
        board = Board(s, request, starting=starting, rules=limit_keys)
        if request.bounces and request.bounces >= (limit := int(board.rules["return.limit"].value)):
            raise ReturnLimit(bounces=request.bounces, limit=limit)
        again = request.state != "heard"
        if again and not reason.strip():  # it was waiting on the page they looked at: somebody was faster
            raise TakenAlready
        if again:
            release(request, at)
            board.cancel()
        board.stop(ClockKind.DISPATCH)
        for kind in starting:
            board.start(kind, unit.pk)
        board.save()
        request.unit = unit
        request.dispatched_at = request.dispatched_at or at
        s.move(
            request,
            REQUEST,
            "redirect" if again else "dispatch",
            reason=by_staff(reason),
            save=(*DUE, "unit", "dispatched_at"),
        )
        dispatch = Dispatch.objects.create(
            request=request,
            area_path=request.area_path,
            unit=unit,
            role="lead",
            duty_row_id=duty_row_id,
            push_down_rule=by_staff(push_down_rule, 200),
            offered_at=at,
            offered_by_id=by.user_id,
        )
        add_assists(request, assists, by=by, at=at, but=unit.pk)
        if request.category is not None:
            said(request, How.SENT, request.category, by=by, at=at)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(dispatch, public=True, unit=unit.pk, unit_name=unit.name, assists=list(assists), row=duty_row_id)
        s.defer(jobs.tell, request_id=request.pk, news="dispatched")
    return dispatch


def take_on(*, request_id: int, unit_id: int, by: Actor, at: dt.datetime) -> Dispatch:
    """The unit whose own worker heard a wish keeps it (首接负责): nobody else knows the home. Its reply clock starts.

    Raises NotAWish (L-141) for everything else, which the desk dispatches; Forbidden unless the actor heard it;
    WrongState, UnitClosed, NotFound.
    """
    with step("request.take_on", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        unit = usable_unit(unit_id, request, at)
        if request.kind != Kind.WISH:
            raise NotAWish
        if request.heard_by_id != by.user_id:
            raise Forbidden
        board = Board(s, request, starting=(ClockKind.REPLY,))
        board.stop(ClockKind.DISPATCH)
        board.start(ClockKind.REPLY, unit.pk)
        board.save()
        request.unit, request.dispatched_at = unit, at
        s.move(request, REQUEST, "take_on", save=(*DUE, "unit", "dispatched_at"))
        dispatch = Dispatch.objects.create(
            request=request,
            area_path=request.area_path,
            unit=unit,
            role="lead",
            state="accepted",
            offered_at=at,
            offered_by_id=by.user_id,
            accepted_at=at,
            accepted_by_id=by.user_id,
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(dispatch, public=True, unit=unit.pk, unit_name=unit.name)
    return dispatch


def turn(*, request_id: int, kind: str, by: Actor, at: dt.datetime, reason: str) -> Request:
    """It is another kind of request than it was taken for: a complaint that is a suggestion, a wish for which somebody
    has to answer. One spine: the code, the voices, the clocks that run and everything that was said stay.

    By the desk, or by the lead unit. Raises Invalid (L-400), WrongState (L-101).
    """
    if kind not in Kind.values:
        raise Invalid(_("Choose one from the list."), field="kind")
    if not reason.strip():
        raise Invalid(_("Say why in one sentence; the resident reads it."), field="reason")
    with step("request.turn", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        s.allow(
            request,
            Cap.DISPATCH,
            REQUEST.arrows["dispatch"].scope,
            (Cap.HANDLE_REQUESTS, REQUEST.arrows["accept"].scope),
        )
        if request.state not in {"heard", "dispatched", "handling"}:
            raise WrongState
        if request.kind == kind:
            raise Invalid(_("Nothing was changed."), field="kind")
        was, request.kind = request.kind, kind
        request.save(update_fields=["kind"])
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(request, public=True, kind=kind, was=was, reason=by_staff(reason))
    return request


def take_back(*, request_id: int, by: Actor, at: dt.datetime) -> Dispatch:
    """The desk takes its last dispatch back; the request waits at the desk again.

    The unit's clocks no longer count, and the dispatch clock runs on as if it had not stopped, so that nobody gains
    time by sending something on and taking it back.

    Raises:
        TakenAlready: the unit has taken it on, or asks to give it back (L-102).
        TooLateToTakeBack: the rule's few minutes are over (dispatch.take_back; L-125).
        WrongState, Forbidden, NotFound.
    """
    with step("request.take_back", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        lead = Dispatch.objects.filter(request=request, role="lead", state__in=Dispatch.LIVE).first()
        if request.state != "dispatched" or lead is None:
            raise TakenAlready if request.state == "handling" else WrongState
        if lead.state != "offered":
            raise TakenAlready
        board = Board(s, request, rules=(TAKE_BACK,))
        window = board.rules[TAKE_BACK]
        s.rule(window)
        last = calendar(request.area_path, lead.offered_at).due(
            lead.offered_at, int(window.value["amount"]), window.value["unit"]
        )
        if at > last.at:
            raise TooLateToTakeBack(window=window.words)
        board.cancel()
        board.reopen(ClockKind.DISPATCH, "met", "late")
        board.save()
        lead.ended_at = at
        s.move(lead, DISPATCH, "withdraw", save=("ended_at",))
        release(request, at)
        request.unit = None
        if request.dispatched_at == lead.offered_at:
            request.dispatched_at = None
        s.move(request, REQUEST, "take_back", save=(*DUE, "unit", "dispatched_at"))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=True, unit=lead.unit_id)
    return lead


def add_assists(request: Request, unit_ids: Sequence[int], *, by: Actor, at: dt.datetime, but: int) -> None:
    """Assisting units; those that already hold the request are passed over. Call while holding the request's lock."""
    for unit_id in dict.fromkeys(unit_ids):
        if unit_id == but:
            continue
        unit = usable_unit(unit_id, request, at)
        live = Dispatch.objects.filter(request=request, unit=unit, state__in=Dispatch.LIVE).exists()
        if not live:
            Dispatch.objects.create(
                request=request,
                area_path=request.area_path,
                unit=unit,
                role="assist",
                offered_at=at,
                offered_by_id=by.user_id,
            )


def ask_help(*, request_id: int, unit_id: int, by: Actor, at: dt.datetime, reason: str) -> Dispatch:
    """The lead (or the desk) asks another unit to help. The lead stays responsible for the reply and its clock."""
    if not reason.strip():
        raise Invalid(_("Say what you need them for."), field="reason")
    with step("dispatch.ask_help", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        s.allow(
            request,
            Cap.HANDLE_REQUESTS,
            REQUEST.arrows["accept"].scope,
            (Cap.DISPATCH, REQUEST.arrows["dispatch"].scope),
        )
        if request.state not in {"dispatched", "handling"}:
            raise WrongState
        unit = usable_unit(unit_id, request, at)
        if Dispatch.objects.filter(request=request, unit=unit, state__in=Dispatch.LIVE).exists():
            raise TakenAlready
        dispatch = Dispatch.objects.create(
            request=request,
            area_path=request.area_path,
            unit=unit,
            role="assist",
            offered_at=at,
            offered_by_id=by.user_id,
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(dispatch, public=True, unit=unit.pk, unit_name=unit.name, reason=by_staff(reason, 200))
    return dispatch


def accept(*, dispatch_id: int, by: Actor, at: dt.datetime) -> Dispatch:
    """The unit takes the request on. Only one colleague can; the second is told who was first (TakenAlready, L-102)."""
    with step("dispatch.accept", by=by, at=at) as s:
        request, dispatch = lock_by_dispatch(s, dispatch_id)
        if dispatch.state == "accepted":
            raise TakenAlready
        dispatch.accepted_at, dispatch.accepted_by_id = at, by.user_id
        s.move(dispatch, DISPATCH, "accept", save=("accepted_at", "accepted_by"))
        if dispatch.role == "lead":
            board = Board(s, request)
            board.stop(ClockKind.ACCEPT)
            board.save()
            s.move(request, REQUEST, "accept", save=DUE)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=True, unit=dispatch.unit_id, role=dispatch.role)
        s.defer(jobs.tell, request_id=request.pk, news="accepted")
    return dispatch


def ask_return(
    *, dispatch_id: int, by: Actor, at: dt.datetime, reason_code: str, reason: str, legal_basis: str
) -> Dispatch:
    """The unit says it is not theirs, with reason and legal basis; a dispatcher decides. Its clocks keep running.

    A forced lead cannot give back (ReturnLimit, L-114); after the rule's window it is too late (L-124).
    """
    with step("dispatch.ask_return", by=by, at=at) as s:
        request, dispatch = lock_by_dispatch(s, dispatch_id)
        if dispatch.forced:
            raise ReturnLimit(bounces=request.bounces, limit=request.bounces)
        if request.state not in {"dispatched", "handling"}:
            raise WrongState
        window = rules_for(request, ("return.window",), at)["return.window"]
        s.rule(window)
        last = calendar(request.area_path, dispatch.offered_at).due(
            dispatch.offered_at, int(window.value["amount"]), window.value["unit"]
        )
        if at > last.at:
            raise ReturnTooLate(window=window.words)
        dispatch.return_code = reason_code[:20]
        dispatch.return_reason, dispatch.legal_basis = by_staff(reason), by_staff(legal_basis)
        s.move(
            dispatch,
            DISPATCH,
            "ask_return",
            reason_code=reason_code,
            reason=dispatch.return_reason,
            legal_basis=dispatch.legal_basis,
            save=("return_code", "return_reason", "legal_basis"),
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(unit=dispatch.unit_id, role=dispatch.role)
    return dispatch


def decide_return(*, dispatch_id: int, by: Actor, at: dt.datetime, uphold: bool, reason: str = "") -> Dispatch:
    """The dispatcher's word on a return. Upheld: the bounce is counted and the request waits for dispatch again, with a
    new dispatch clock. Refused (with reason): the unit keeps it and its clocks, which never stopped."""
    with step("dispatch.decide_return", by=by, at=at) as s:
        request, dispatch = lock_by_dispatch(s, dispatch_id)
        if dispatch.state != "returning":
            raise TakenAlready if dispatch.state in {"returned", "offered", "accepted"} else WrongState
        if not uphold:
            s.move(
                dispatch,
                DISPATCH,
                "reject_accepted" if dispatch.accepted_at else "reject_offer",
                reason=by_staff(reason),
            )
        else:
            dispatch.ended_at = at
            s.move(dispatch, DISPATCH, "uphold", save=("ended_at",))
            if dispatch.role == "lead":
                board = Board(s, request, starting=(ClockKind.DISPATCH,))
                board.cancel()
                board.start(ClockKind.DISPATCH)
                board.save()
                release(request, at)
                request.unit = None
                request.bounces += 1
                s.move(request, REQUEST, "back", save=(*DUE, "unit", "bounces"))
                if dispatch.return_code not in SAME_MATTER:
                    said(request, How.RETURNED, None, by=by, at=at)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(unit=dispatch.unit_id, upheld=uphold, bounces=request.bounces, reason=by_staff(reason))
    return dispatch


def force(
    *, request_id: int, unit_id: int, by: Actor, at: dt.datetime, decision: str, assists: Sequence[int] = ()
) -> Dispatch:
    """The parent level names the lead (兜底); it is accepted by decision and cannot be given back.

    Open once the returns have reached the rule's limit, whatever the state; DISPATCH alone is not enough.
    """
    with step("request.force", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        unit = usable_unit(unit_id, request, at)
        limit = int(rules_for(request, ("return.limit",), at)["return.limit"].value)
        if request.bounces < limit:
            raise Invalid(
                _("It has come back %(n)s times; a lead is named by force from %(limit)s on.")
                % {"n": request.bounces, "limit": limit}
            )
        starting = unit_clocks(request, forced=True)
        board = Board(s, request, starting=starting)
        release(request, at)
        board.stop(ClockKind.DISPATCH)
        board.cancel()
        for kind in starting:
            board.start(kind, unit.pk)
        board.save()
        request.unit = unit
        request.dispatched_at = request.dispatched_at or at
        decision = by_staff(decision)
        s.move(request, REQUEST, "force", decision=decision, save=(*DUE, "unit", "dispatched_at"))
        dispatch = Dispatch.objects.create(
            request=request,
            area_path=request.area_path,
            unit=unit,
            role="lead",
            state="accepted",
            forced=True,
            decision=decision,
            offered_at=at,
            offered_by_id=by.user_id,
            accepted_at=at,
        )
        add_assists(request, assists, by=by, at=at, but=unit.pk)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(dispatch, public=True, unit=unit.pk, unit_name=unit.name, bounces=request.bounces)
        s.defer(jobs.tell, request_id=request.pk, news="dispatched")
    return dispatch

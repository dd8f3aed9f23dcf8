"""Supervision orders and revisit calls, one operation a step."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import AT_UNIT, ReasonIn, id_of, say
from heli.api.shapes import AreaPath, Code, Done, Id, In, Moment, Out, Solved
from heli.core.caps import Cap, Scope
from heli.loop import steps
from heli.loop.steps.orders import Meeting, Share

Text = Annotated[str, Field(min_length=1, max_length=4000)]
Short = Annotated[str, Field(max_length=500)]
OVERSEE: Any = {"needs": Cap.SUPERVISE, "scope": Scope.AREA, "tag": "oversee"}
CALL: Any = {"needs": Cap.REVISIT, "scope": Scope.AREA, "tag": "judge"}
UNIT: Any = {"needs": AT_UNIT, "scope": Scope.OWN_UNIT, "tag": "handle"}


class OrderOut(Out):
    """A supervision order: its number, state and deadline."""

    id: int
    number: str
    state: str
    due_at: dt.datetime

    @classmethod
    def of(cls, o: Any) -> OrderOut:
        return cls(id=o.pk, number=str(o), state=o.state, due_at=o.due_at)


class PartOut(Out):
    """A unit's part in an order."""

    id: int
    order_id: int
    unit_id: int
    state: str
    due_at: dt.datetime

    @classmethod
    def of(cls, p: Any) -> PartOut:
        return cls(id=p.pk, order_id=p.order_id, unit_id=p.unit_id, state=p.state, due_at=p.due_at)


class CallOut(Out):
    """A revisit call as it stands."""

    id: int
    state: str
    way: str
    attempts: int
    call_at: dt.datetime
    claimed_until: dt.datetime | None

    @classmethod
    def of(cls, c: Any) -> CallOut:
        return cls(
            id=c.pk, state=c.state, way=c.way, attempts=c.attempts, call_at=c.call_at, claimed_until=c.claimed_until
        )


class UnitIn(In):
    unit_id: Id
    demand: Short = ""


class MeetingIn(In):
    at: Moment
    place: Annotated[str, Field(min_length=1, max_length=120)]


class OrderIn(In):
    """Requests by code, or none and the area of a standing matter."""

    title: Annotated[str, Field(min_length=1, max_length=60)]
    demand: Annotated[str, Field(min_length=1, max_length=2000)]
    units: Annotated[list[UnitIn], Field(min_length=1, max_length=20)]
    codes: Annotated[list[Code], Field(max_length=50)] = []
    area: AreaPath | None = None
    meeting: MeetingIn | None = None


@operation("POST", "orders", **OVERSEE, out=OrderOut, status=201, calls="issue_order")
def issue_order(request: ApiRequest, body: OrderIn) -> OrderOut:
    """Order units to act, about requests or a standing matter; numbered, with a deadline by rule."""
    ids = [id_of(code) for code in body.codes]
    meeting = Meeting(body.meeting.at, body.meeting.place) if body.meeting else None
    units = {u.unit_id: u.demand for u in body.units}
    made = steps.issue_order(
        title=body.title, demand=body.demand, units=units, request_ids=ids, area_path=body.area or "", meeting=meeting,
        **say(request),
    )  # fmt: skip
    return OrderOut.of(made)


class ShareIn(In):
    unit_id: Id
    text: Short
    by: dt.date | None = None


class MinutesIn(In):
    minutes: Text
    came: Annotated[list[Id], Field(max_length=20)] = []
    shares: Annotated[list[ShareIn], Field(max_length=20)] = []


@operation("POST", "orders/{order_id}/meeting", **OVERSEE, out=OrderOut, calls="hold_meeting")
def hold_meeting(request: ApiRequest, order_id: Id, body: MinutesIn) -> OrderOut:
    """The meeting on site was held: who came, what was agreed, who is responsible for what."""
    shares = {s.unit_id: Share(s.text, s.by) for s in body.shares}
    made = steps.hold_meeting(order_id=order_id, minutes=body.minutes, came=body.came, shares=shares, **say(request))
    return OrderOut.of(made)


class CloseIn(In):
    decision: Annotated[str, Field(min_length=1, max_length=500)]
    public_words: Annotated[str, Field(max_length=1000)] = ""


@operation("POST", "orders/{order_id}/close", **OVERSEE, out=OrderOut, calls="close_order")
def close_order(request: ApiRequest, order_id: Id, body: CloseIn) -> OrderOut:
    """Every unit's report is accepted: the order ends, with what residents may read."""
    words = body.public_words
    made = steps.close_order(order_id=order_id, decision=body.decision, public_words=words, **say(request))
    return OrderOut.of(made)


@operation("POST", "orders/{order_id}/withdraw", **OVERSEE, out=OrderOut, calls="withdraw_order")
def withdraw_order(request: ApiRequest, order_id: Id, body: ReasonIn) -> OrderOut:
    """The order no longer stands, and why."""
    return OrderOut.of(steps.withdraw_order(order_id=order_id, reason=body.reason, **say(request)))


@operation("POST", "order-parts/{part_id}/acknowledge", **UNIT, out=PartOut, calls="acknowledge_order")
def acknowledge_order(request: ApiRequest, part_id: Id) -> PartOut:
    """The unit has read the order."""
    return PartOut.of(steps.acknowledge_order(part_id=part_id, **say(request)))


class ReportIn(In):
    text: Text


@operation("POST", "order-parts/{part_id}/report", **UNIT, out=PartOut, calls="report_order")
def report_order(request: ApiRequest, part_id: Id, body: ReportIn) -> PartOut:
    """The unit says in writing what came of it."""
    return PartOut.of(steps.report_order(part_id=part_id, text=body.text, **say(request)))


@operation("POST", "order-parts/{part_id}/accept", **OVERSEE, out=PartOut, calls="accept_report")
def accept_report(request: ApiRequest, part_id: Id) -> PartOut:
    """The supervisor takes the unit's report as done."""
    return PartOut.of(steps.accept_report(part_id=part_id, **say(request)))


@operation("POST", "order-parts/{part_id}/send-back", **OVERSEE, out=PartOut, calls="send_back_report")
def send_back_report(request: ApiRequest, part_id: Id, body: ReasonIn) -> PartOut:
    """It is not enough: the unit reads why and has the time of the order once more."""
    return PartOut.of(steps.send_back_report(part_id=part_id, reason=body.reason, **say(request)))


# Revisit calls --------------------------------------------------------------------------------------------------------
@operation("POST", "revisits/{revisit_id}/claim", **CALL, out=CallOut, calls="claim_call")
def claim_call(request: ApiRequest, revisit_id: Id) -> CallOut:
    """Take a call for oneself for a while, so that nobody else calls the same resident."""
    return CallOut.of(steps.claim_call(revisit_id=revisit_id, **say(request)))


@operation("POST", "revisits/{revisit_id}/release", **CALL, out=CallOut, calls="release_call")
def release_call(request: ApiRequest, revisit_id: Id) -> CallOut:
    """Give a call back to the queue without having made it."""
    return CallOut.of(steps.release_call(revisit_id=revisit_id, **say(request)))


@operation("POST", "revisits/{revisit_id}/pass", **CALL, out=CallOut, calls="pass_call")
def pass_call(request: ApiRequest, revisit_id: Id) -> CallOut:
    """The caller knows the resident: a colleague calls."""
    return CallOut.of(steps.pass_call(revisit_id=revisit_id, **say(request)))


class CheckIn(In):
    """Without the three answers nobody was reached."""

    contacted: bool | None = None
    solved: Solved | None = None
    satisfaction: Annotated[int, Field(ge=1, le=5)] | None = None
    words: Annotated[str, Field(max_length=300)] = ""


@operation("POST", "rechecks/{recheck_id}", **CALL, out=Done, calls="record_check")
def record_check(request: ApiRequest, recheck_id: Id, body: CheckIn) -> Done:
    """What a second caller heard; the first answers stay as they are."""
    made = steps.record_check(
        recheck_id=recheck_id, reached=body.solved is not None, contacted=body.contacted, solved=body.solved or "",
        satisfaction=body.satisfaction, words=body.words, **say(request),
    )  # fmt: skip
    return Done(id=made.pk, state=made.state)

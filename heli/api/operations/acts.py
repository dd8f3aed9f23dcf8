"""The steps of the loop, one operation each. What may be done is decided by the step alone."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal

from django.utils import timezone
from pydantic import Field

from heli.api.http import ApiRequest, Uploads, operation
from heli.api.out import DispatchOut, ExtensionOut, HeardOut, RequestState
from heli.api.shapes import (
    AreaPath,
    CategoryCode,
    Code,
    Confidentiality,
    Done,
    Id,
    In,
    ListOf,
    Moment,
    Reach,
    Reason,
    ReturnCode,
    Solved,
    Text,
    Urgency,
    Way,
    Words,
)
from heli.api.shapes import Kind as KindIs
from heli.core.caps import Cap, Scope
from heli.core.errors import NotFound
from heli.loop import steps
from heli.loop.models import Channel, Request
from heli.loop.queries.desk import duty_row_for
from heli.loop.views.track import secret_url
from heli.loop.views.unit import STAFF

UNIT = Cap.HANDLE_REQUESTS
AT_UNIT = (Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
Line = Annotated[str, Field(max_length=300)]


@lru_cache(maxsize=20_000)
def _id_behind(code: str) -> int:
    """A code never changes and never comes back, so what it stands for is looked up once a process."""
    found = Request.objects.filter(code=code).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound
    return int(found)


def id_of(code: str) -> int:
    """The id behind a code; NotFound (L-404) for none. Whether the actor may see it is asked by the step, which locks it."""
    return _id_behind(code.upper())


def say(request: ApiRequest) -> dict[str, Any]:
    """Who acts, and when: now."""
    return {"by": request.actor, "at": timezone.now()}


def done(made: Any) -> Done:
    return Done(id=made.pk, state=str(getattr(made, "state", "")))


# 诉 ---------------------------------------------------------------------------------------------------------------------
class HearIn(In):
    """A request in the resident's words. With a phone number they are told how it goes."""

    text: Text
    area: AreaPath
    kind: KindIs = "help"
    title: Annotated[str, Field(max_length=60)] = ""
    category: CategoryCode | Literal[""] = ""
    spot: Annotated[str, Field(max_length=120)] = ""
    lat: Annotated[float, Field(ge=3, le=54)] | None = None
    lon: Annotated[float, Field(ge=73, le=136)] | None = None
    urgency: Urgency | Literal[""] = ""
    confidentiality: Confidentiality = "open"
    name: Annotated[str, Field(max_length=40)] = ""
    phone: Annotated[str, Field(max_length=20, pattern=r"^(|1[0-9]{10}|0[0-9-]{9,13})$")] = ""
    address: Annotated[str, Field(max_length=120)] = ""
    reach: Reach = ""


def _degrees(value: float | None) -> Decimal | None:
    return Decimal(f"{value:.6f}") if value is not None else None


@operation("POST", "requests", scope=Scope.PUBLIC, tag="hear", out=HeardOut, status=201, uploads=HearIn, calls="hear")
def hear(request: ApiRequest, body: HearIn, uploads: Uploads) -> HeardOut:
    """Take a request in. Without a token anybody tells for themselves; with one, the channel is "another system"."""
    both = body.lat is not None and body.lon is not None
    heard = steps.hear(
        **say(request),
        text=body.text,
        area_path=body.area,
        kind=body.kind,
        channel=Channel.API,
        title=body.title,
        category=body.category,
        spot=body.spot,
        lat=_degrees(body.lat) if both else None,
        lon=_degrees(body.lon) if both else None,
        urgency=body.urgency
        if request.actor.can(Cap.HEAR, path=body.area)
        else "",  # as on the pages: not by the public
        confidentiality=body.confidentiality,
        name=body.name,
        phone=body.phone,
        address=body.address,
        reach=body.reach,
        photos=uploads.photos,
    )
    r = heard.request
    return HeardOut(
        id=r.pk,
        code=r.code,
        state=r.state,
        due_at=r.due_at,
        voice_id=heard.voice.pk,
        link=heard.token,
        link_url=secret_url(heard.voice),
        link_until=heard.voice.link_until,
    )


class DeclineIn(In):
    reason: Reason
    legal_basis: Reason
    route: Reason


@operation(
    "POST", "requests/{code}/decline", needs=Cap.DISPATCH, scope=Scope.AREA, tag="hear", out=RequestState,
    calls="decline",
)  # fmt: skip
def decline(request: ApiRequest, code: Code, body: DeclineIn) -> RequestState:
    """Not for this house: reason, rule, and the lawful way that is open."""
    pk = id_of(code)
    return RequestState.of(
        steps.decline(request_id=pk, **say(request), reason=body.reason, legal_basis=body.legal_basis, route=body.route)
    )


class WithdrawIn(In):
    reason: Annotated[str, Field(max_length=200)] = ""


class MergeIn(In):
    into: Code


@operation(
    "POST", "requests/{code}/merge", needs=Cap.DISPATCH, scope=Scope.AREA, tag="hear", out=RequestState, calls="merge"
)
def merge(request: ApiRequest, code: Code, body: MergeIn) -> RequestState:
    """Join it into another that says the same; answers with the one that was kept."""
    pk, into = id_of(code), id_of(body.into)
    return RequestState.of(steps.merge(request_id=pk, into_id=into, **say(request)))


class ReasonIn(In):
    reason: Reason


@operation(
    "POST", "requests/{code}/unmerge", needs=Cap.DISPATCH, scope=Scope.AREA, tag="hear", out=RequestState,
    calls="unmerge",
)  # fmt: skip
def unmerge(request: ApiRequest, code: Code, body: ReasonIn) -> RequestState:
    """Joined by mistake: it waits for dispatch again."""
    pk = id_of(code)
    return RequestState.of(steps.unmerge(request_id=pk, **say(request), reason=body.reason))


class PartIn(In):
    title: Annotated[str, Field(min_length=1, max_length=60)]
    text: Text


class SplitIn(In):
    parts: Annotated[list[PartIn], Field(min_length=2, max_length=10)]


@operation(
    "POST", "requests/{code}/split", needs=Cap.DISPATCH, scope=Scope.AREA, tag="hear", out=ListOf[RequestState],
    calls="split",
)  # fmt: skip
def split(request: ApiRequest, code: Code, body: SplitIn) -> ListOf[RequestState]:
    """Several matters in one: each part goes its own way, and the whole waits for all of them."""
    pk = id_of(code)
    made = steps.split(request_id=pk, parts=[(p.title, p.text) for p in body.parts], **say(request))
    return ListOf[RequestState](rows=[RequestState.of(r) for r in made])


# 转 ---------------------------------------------------------------------------------------------------------------------
class TakeOnIn(In):
    unit_id: int


@operation(
    "POST", "requests/{code}/take-on", needs=Cap.HANDLE_REQUESTS, scope=Scope.OWN_UNIT, tag="dispatch",
    out=RequestState, calls="take_on",
)  # fmt: skip
def take_on(request: ApiRequest, code: Code, body: TakeOnIn) -> RequestState:
    """A wish stays with the unit whose worker heard it."""
    dispatch = steps.take_on(request_id=id_of(code), unit_id=body.unit_id, **say(request))
    return RequestState.of(dispatch.request)


class TurnIn(In):
    kind: KindIs
    reason: Reason


@operation(
    "POST", "requests/{code}/turn", needs=(Cap.DISPATCH, Cap.HANDLE_REQUESTS), scope=Scope.AREA, tag="dispatch",
    out=RequestState, calls="turn",
)  # fmt: skip
def turn(request: ApiRequest, code: Code, body: TurnIn) -> RequestState:
    """It is another kind of request than it was taken for."""
    return RequestState.of(steps.turn(request_id=id_of(code), kind=body.kind, **say(request), reason=body.reason))


class ReclassifyIn(In):
    """Only what is named changes."""

    category: CategoryCode | Literal[""] = ""
    area: AreaPath | Literal[""] = ""
    spot: Annotated[str, Field(max_length=120)] | None = None
    urgency: Urgency | Literal[""] = ""


@operation(
    "POST", "requests/{code}/reclassify", needs=Cap.DISPATCH, scope=Scope.AREA, tag="dispatch", out=RequestState,
    calls="reclassify",
)  # fmt: skip
def reclassify(request: ApiRequest, code: Code, body: ReclassifyIn) -> RequestState:
    """Correct what it is about, where it is, how urgent it is."""
    pk = id_of(code)
    return RequestState.of(
        steps.reclassify(
            request_id=pk,
            **say(request),
            category=body.category,
            area_path=body.area,
            urgency=body.urgency,
            spot=body.spot,
        )
    )


class OfferIn(In):
    """`reason` is needed where a unit holds it already; `push_down_rule` where the duty list names a department."""

    unit_id: Id
    assists: Annotated[list[Id], Field(max_length=10)] = []
    duty_row_id: Id | None = None
    push_down_rule: Annotated[str, Field(max_length=200)] = ""
    reason: Line = ""


@operation(
    "POST", "requests/{code}/dispatch", needs=Cap.DISPATCH, scope=Scope.AREA, tag="dispatch", out=DispatchOut, status=201,
    calls="offer",
)  # fmt: skip
def offer(request: ApiRequest, code: Code, body: OfferIn) -> DispatchOut:
    """Send it to its lead unit, with units that help; sent to another one while a unit holds it, it is redirected."""
    found = Request.objects.visible_to(request.actor).filter(code=code.upper()).first()
    if found is None:
        raise NotFound
    row = duty_row_for(found, body.unit_id, body.duty_row_id) if body.duty_row_id else None
    made = steps.offer(
        request_id=found.pk,
        unit_id=body.unit_id,
        assists=body.assists,
        duty_row_id=row,
        push_down_rule=body.push_down_rule,
        reason=body.reason,
        **say(request),
    )
    return DispatchOut.of(made)


@operation(
    "POST", "requests/{code}/take-back", needs=Cap.DISPATCH, scope=Scope.AREA, tag="dispatch", out=DispatchOut,
    calls="take_back",
)  # fmt: skip
def take_back(request: ApiRequest, code: Code) -> DispatchOut:
    """The desk takes its last dispatch back, within the rule's few minutes."""
    pk = id_of(code)
    return DispatchOut.of(steps.take_back(request_id=pk, **say(request)))


class ForceIn(In):
    unit_id: Id
    decision: Reason
    assists: Annotated[list[Id], Field(max_length=10)] = []


@operation(
    "POST", "requests/{code}/force", needs=Cap.APPOINT_LEAD, scope=Scope.AREA, tag="dispatch", out=DispatchOut,
    status=201, calls="force",
)  # fmt: skip
def force(request: ApiRequest, code: Code, body: ForceIn) -> DispatchOut:
    """Name the lead by decision after too many returns; it cannot be given back."""
    pk = id_of(code)
    made = steps.force(
        request_id=pk, unit_id=body.unit_id, decision=body.decision, assists=body.assists, **say(request)
    )
    return DispatchOut.of(made)


class HelpIn(In):
    unit_id: Id
    reason: Annotated[str, Field(min_length=1, max_length=200)]


@operation(
    "POST", "requests/{code}/help", needs=(UNIT, Cap.DISPATCH), scope=Scope.AREA, tag="dispatch", out=DispatchOut,
    status=201, calls="ask_help",
)  # fmt: skip
def ask_help(request: ApiRequest, code: Code, body: HelpIn) -> DispatchOut:
    """Ask another unit to help; the lead stays responsible."""
    pk = id_of(code)
    return DispatchOut.of(steps.ask_help(request_id=pk, unit_id=body.unit_id, reason=body.reason, **say(request)))


@operation(
    "POST", "dispatches/{dispatch_id}/accept", needs=UNIT, scope=Scope.OWN_UNIT, tag="dispatch", out=DispatchOut,
    calls="accept",
)  # fmt: skip
def accept(request: ApiRequest, dispatch_id: Id) -> DispatchOut:
    """The unit takes it on."""
    return DispatchOut.of(steps.accept(dispatch_id=dispatch_id, **say(request)))


class ReturnIn(In):
    reason_code: ReturnCode
    reason: Reason
    legal_basis: Reason


@operation(
    "POST", "dispatches/{dispatch_id}/return", needs=UNIT, scope=Scope.OWN_UNIT, tag="dispatch", out=DispatchOut,
    calls="ask_return",
)  # fmt: skip
def ask_return(request: ApiRequest, dispatch_id: Id, body: ReturnIn) -> DispatchOut:
    """Ask to give it back, with reason and legal basis; the desk decides, and the clocks run."""
    return DispatchOut.of(
        steps.ask_return(
            dispatch_id=dispatch_id,
            reason_code=body.reason_code,
            reason=body.reason,
            legal_basis=body.legal_basis,
            **say(request),
        )
    )


class DecideReturnIn(In):
    uphold: bool
    reason: Line = ""


@operation(
    "POST", "dispatches/{dispatch_id}/decide-return", needs=Cap.DISPATCH, scope=Scope.AREA, tag="dispatch",
    out=DispatchOut, calls="decide_return",
)  # fmt: skip
def decide_return(request: ApiRequest, dispatch_id: Id, body: DecideReturnIn) -> DispatchOut:
    """Decide on a return: upheld, it waits for dispatch again; refused (with reason), the unit keeps it."""
    made = steps.decide_return(dispatch_id=dispatch_id, uphold=body.uphold, reason=body.reason, **say(request))
    return DispatchOut.of(made)


# 办 ---------------------------------------------------------------------------------------------------------------------
class ContactIn(In):
    way: Way
    reached: bool
    text: Annotated[str, Field(max_length=2000)] = ""


@operation(
    "POST", "requests/{code}/contacts", needs=AT_UNIT, scope=Scope.OWN_UNIT, tag="handle", out=Done, status=201,
    calls="contact",
)  # fmt: skip
def contact(request: ApiRequest, code: Code, body: ContactIn) -> Done:
    """The unit spoke to the resident, or tried to."""
    pk = id_of(code)
    return done(steps.contact(request_id=pk, way=body.way, reached=body.reached, text=body.text, **say(request)))


class WordsIn(In):
    text: Words


@operation(
    "POST", "requests/{code}/notes", needs=STAFF, scope=Scope.AREA, tag="handle", out=Done, status=201, calls="note"
)
def note(request: ApiRequest, code: Code, body: WordsIn) -> Done:
    """A note that only staff who see the request read."""
    return done(steps.note(request_id=id_of(code), text=body.text, **say(request)))


@operation(
    "POST", "requests/{code}/questions", needs=(*AT_UNIT, Cap.DISPATCH), scope=Scope.AREA, tag="handle", out=Done,
    status=201, calls="ask_resident",
)  # fmt: skip
def ask_resident(request: ApiRequest, code: Code, body: WordsIn) -> Done:
    """Ask the resident for more; the clocks run on."""
    return done(steps.ask_resident(request_id=id_of(code), text=body.text, **say(request)))


@operation(
    "POST", "requests/{code}/words", needs=Cap.HEAR, scope=Scope.AREA, tag="handle", out=Done, status=201,
    uploads=WordsIn, calls="add_words",
)  # fmt: skip
def add_words(request: ApiRequest, code: Code, body: WordsIn, uploads: Uploads) -> Done:
    """What the resident added, taken down by somebody who hears requests."""
    pk = id_of(code)
    return done(steps.add_words(request_id=pk, text=body.text, photos=uploads.photos, **say(request)))


@operation(
    "POST", "dispatches/{dispatch_id}/opinion", needs=UNIT, scope=Scope.OWN_UNIT, tag="handle", out=Done, status=201,
    calls="give_opinion",
)  # fmt: skip
def give_opinion(request: ApiRequest, dispatch_id: Id, body: WordsIn) -> Done:
    """An assisting unit has done its part and says what."""
    return done(steps.give_opinion(dispatch_id=dispatch_id, text=body.text, **say(request)))


class ExtensionIn(In):
    """`more`: `days` working days more. `pause`: the clock stands `until` then."""

    kind: Literal["more", "pause"]
    reason: Reason
    basis: Reason
    days: Annotated[int, Field(ge=0, le=250)] = 0
    until: Moment | None = None


@operation(
    "POST", "clocks/{clock_id}/extensions", needs=UNIT, scope=Scope.OWN_UNIT, tag="handle", out=ExtensionOut, status=201,
    calls="ask_extension",
)  # fmt: skip
def ask_extension(request: ApiRequest, clock_id: Id, body: ExtensionIn) -> ExtensionOut:
    """Ask for more time for a reply or redo clock; a supervisor decides."""
    made = steps.ask_extension(
        clock_id=clock_id,
        kind=body.kind,
        reason=body.reason,
        basis=body.basis,
        days=body.days,
        until=body.until,
        **say(request),
    )
    return ExtensionOut.of(made)


class DecideIn(In):
    approve: bool
    reason: Line = ""


@operation(
    "POST", "extensions/{extension_id}/decide", needs=Cap.SUPERVISE, scope=Scope.AREA, tag="oversee", out=ExtensionOut,
    calls="decide_extension",
)  # fmt: skip
def decide_extension(request: ApiRequest, extension_id: Id, body: DecideIn) -> ExtensionOut:
    """Decide on more time; a second person, and a refusal says why."""
    made = steps.decide_extension(extension_id=extension_id, approve=body.approve, reason=body.reason, **say(request))
    return ExtensionOut.of(made)


class ReplyIn(In):
    text: Text
    send: bool = True


@operation(
    "POST", "requests/{code}/reply", needs=UNIT, scope=Scope.OWN_UNIT, tag="handle", out=Done, status=201, uploads=ReplyIn,
    files=("photos", "papers"),
    calls="write_reply",
)  # fmt: skip
def write_reply(request: ApiRequest, code: Code, body: ReplyIn, uploads: Uploads) -> Done:
    """Write the reply of this round; sent, it goes out or to the unit's lead, unsent it is kept as a draft."""
    pk = id_of(code)
    made = steps.write_reply(
        request_id=pk, text=body.text, photos=uploads.photos, papers=uploads.papers, send=body.send, **say(request)
    )
    return done(made)


@operation(
    "POST", "replies/{reply_id}/approve", needs=Cap.APPROVE_REPLY, scope=Scope.OWN_UNIT, tag="handle", out=Done,
    calls="approve_reply",
)  # fmt: skip
def approve_reply(request: ApiRequest, reply_id: Id) -> Done:
    """The unit's lead lets the reply go out."""
    return done(steps.approve_reply(handling_id=reply_id, **say(request)))


@operation(
    "POST", "replies/{reply_id}/correct", needs=Cap.APPROVE_REPLY, scope=Scope.OWN_UNIT, tag="handle", out=Done,
    calls="correct_reply",
)  # fmt: skip
def correct_reply(request: ApiRequest, reply_id: Id, body: ReasonIn) -> Done:
    """The unit's lead gives the reply back to be written better."""
    return done(steps.correct_reply(handling_id=reply_id, reason=body.reason, **say(request)))


# 评 ---------------------------------------------------------------------------------------------------------------------
class JudgeIn(In):
    """1 is very dissatisfied, 5 very satisfied."""

    contacted: bool
    solved: Solved
    satisfaction: Annotated[int, Field(ge=1, le=5)]
    words: Annotated[str, Field(max_length=1000)] = ""


class JudgeForIn(JudgeIn):
    source: Literal["counter", "revisit"]


@operation(
    "POST", "voices/{voice_id}/judgement", needs=(Cap.HEAR, Cap.REVISIT), scope=Scope.AREA, tag="judge", out=Done,
    status=201, calls="judge",
)  # fmt: skip
def judge(request: ApiRequest, voice_id: Id, body: JudgeForIn) -> Done:
    """What the resident says of this round, taken down at the counter or in a revisit call by somebody without a hand in it."""
    made = steps.judge(
        voice_id=voice_id,
        contacted=body.contacted,
        solved=body.solved,
        satisfaction=body.satisfaction,
        words=body.words,
        source=body.source,
        **say(request),
    )
    return done(made)


class UnreachedIn(In):
    words: Line = ""
    again_at: Moment | None = None


@operation(
    "POST", "voices/{voice_id}/unreached", needs=Cap.REVISIT, scope=Scope.AREA, tag="judge", out=Done, status=201,
    calls="unreached",
)  # fmt: skip
def unreached(request: ApiRequest, voice_id: Id, body: UnreachedIn) -> Done:
    """A revisit call that found nobody; never counted as satisfied. `again_at`: when to call again."""
    return done(steps.unreached(voice_id=voice_id, words=body.words, again_at=body.again_at, **say(request)))


class AppealIn(In):
    again: bool
    decision: Annotated[str, Field(min_length=1, max_length=500)]


@operation(
    "POST", "requests/{code}/decide-appeal", needs=Cap.SUPERVISE, scope=Scope.AREA, tag="judge", out=RequestState,
    calls="decide_appeal",
)  # fmt: skip
def decide_appeal(request: ApiRequest, code: Code, body: AppealIn) -> RequestState:
    """After the last round failed too: once more, or closed, in writing."""
    pk = id_of(code)
    return RequestState.of(steps.decide_appeal(request_id=pk, again=body.again, decision=body.decision, **say(request)))

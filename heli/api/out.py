"""What operations answer with: explicit shapes, and how they are made from what queries give.

Nothing here says who told a request: a name or number is opened by one operation alone (`reveal`), for a purpose.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from heli.api.shapes import AreaShort, CategoryShort, FileOut, Out, PageOf, UnitShort
from heli.core.paging import Page
from heli.loop.models import Dispatch, Extension, Request
from heli.loop.queries import parts

Instant = dt.datetime


def paged(page: Page[Any], make: Any) -> Any:
    """A page of rows as it is answered."""
    return {"rows": [make(r) for r in page.rows], "next": page.next or None}


def unit_of(org: Any) -> UnitShort | None:
    return UnitShort(id=org.pk, name=org.short_name) if org is not None else None


def category_of(c: Any) -> CategoryShort | None:
    return CategoryShort(code=c.code, name=str(c)) if c is not None else None


def area_of(a: Any) -> AreaShort:
    return AreaShort(path=a.path, name=a.short_name or a.name)


def files_of(ids: Any, at: str = "/api/v1/files/") -> list[FileOut]:
    return [FileOut(id=uuid.UUID(str(f)), url=f"{at}{f}") for f in ids]


# Requests -------------------------------------------------------------------------------------------------------------
class RequestRow(Out):
    """A request in a list."""

    id: int
    code: str
    title: str
    kind: str
    state: str
    state_words: str
    urgency: str
    channel: str
    area: AreaShort
    category: CategoryShort | None
    unit: UnitShort | None
    heard_at: Instant
    due_at: Instant | None
    due_kind: str
    replied_at: Instant | None
    closed_at: Instant | None
    lap: int
    bounces: int
    excluded: bool
    solved: str
    satisfaction: int | None

    @classmethod
    def of(cls, r: Request) -> RequestRow:
        """The request comes with area, category and unit."""
        return cls(
            id=r.pk,
            code=r.code,
            title=r.title,
            kind=r.kind,
            state=r.state,
            state_words=str(parts.STATE_WORDS[r.state]),
            urgency=r.urgency,
            channel=r.channel,
            area=area_of(r.area),
            category=category_of(r.category),
            unit=unit_of(r.unit),
            heard_at=r.heard_at,
            due_at=r.due_at,
            due_kind=r.due_kind,
            replied_at=r.replied_at,
            closed_at=r.closed_at,
            lap=r.lap,
            bounces=r.bounces,
            excluded=r.excluded,
            solved=r.solved,
            satisfaction=r.satisfaction,
        )


class RequestState(Out):
    """A request after a step."""

    id: int
    code: str
    state: str
    lap: int
    bounces: int
    unit_id: int | None
    due_at: Instant | None
    due_kind: str

    @classmethod
    def of(cls, r: Request) -> RequestState:
        return cls(
            id=r.pk,
            code=r.code,
            state=r.state,
            lap=r.lap,
            bounces=r.bounces,
            unit_id=r.unit_id,
            due_at=r.due_at,
            due_kind=r.due_kind,
        )


class HeardOut(Out):
    """A request that was taken in. The link is the resident's own: whoever holds it follows and judges it."""

    id: int
    code: str
    state: str
    due_at: Instant | None
    voice_id: int
    link: str
    link_url: str
    link_until: Instant


class DispatchOut(Out):
    """One offer of a request to one unit."""

    id: int
    request_id: int
    unit_id: int
    role: str
    state: str
    forced: bool
    offered_at: Instant
    accepted_at: Instant | None
    ended_at: Instant | None
    return_code: str
    return_reason: str
    legal_basis: str

    @classmethod
    def of(cls, d: Dispatch) -> DispatchOut:
        return cls(
            id=d.pk,
            request_id=d.request_id,
            unit_id=d.unit_id,
            role=d.role,
            state=d.state,
            forced=d.forced,
            offered_at=d.offered_at,
            accepted_at=d.accepted_at,
            ended_at=d.ended_at,
            return_code=d.return_code,
            return_reason=d.return_reason,
            legal_basis=d.legal_basis,
        )


class ClockOut(Out):
    """A deadline, with the rule it was frozen under."""

    id: int
    kind: str
    state: str
    words: str
    due_at: Instant
    provisional: bool
    rule_verified: bool
    rule: str


class RemarkOut(Out):
    """A contact, note, question, the resident's words, an opinion, a supervisor's word."""

    id: int
    kind: str
    at: Instant
    unit_id: int | None
    way: str
    reached: bool | None
    text: str
    photos: list[FileOut]


class ReplyOut(Out):
    """The reply of one round."""

    id: int
    unit_id: int
    lap: int
    state: str
    text: str
    written_at: Instant
    sent_at: Instant | None
    photos: list[FileOut]
    papers: list[FileOut]


class JudgementOut(Out):
    lap: int
    source: str
    reached: bool
    contacted: bool | None
    solved: str
    satisfaction: int | None
    words: str
    at: Instant


class VoiceOut(Out):
    """Somebody who said it; who they are is opened by `reveal` alone."""

    id: int
    request_code: str
    channel: str
    said_at: Instant
    reach: str
    left_contact: bool
    may_be_named: bool
    judgements: list[JudgementOut]


class ExtensionOut(Out):
    id: int
    clock_id: int
    kind: str
    days: int
    until: Instant | None
    state: str
    reason: str
    basis: str

    @classmethod
    def of(cls, e: Extension) -> ExtensionOut:
        return cls(
            id=e.pk, clock_id=e.clock_id, kind=e.kind, days=e.days, until=e.until, state=e.state, reason=e.reason,
            basis=e.basis,
        )  # fmt: skip


class ExclusionOut(Out):
    id: int
    reason: str
    evidence: str
    state: str
    proposed_at: Instant


class ShortRequest(Out):
    code: str
    title: str
    state: str


class RequestDetail(Out):
    """A request with everything that hangs on it, except who said it."""

    request: RequestRow
    text: str
    spot: str
    lat: float | None
    lon: float | None
    confidentiality: str
    photos: list[FileOut]
    working_days: float
    merged_into: str | None
    part_of: str | None
    clocks: list[ClockOut]
    dispatches: list[DispatchOut]
    replies: list[ReplyOut]
    remarks: list[RemarkOut]
    voices: list[VoiceOut]
    extensions: list[ExtensionOut]
    exclusions: list[ExclusionOut]
    twins: list[ShortRequest]
    parts: list[ShortRequest]


class TimelineEntry(Out):
    """One event. `event` is its id in the one order of all events."""

    event: int
    at: Instant
    step: str
    title: str
    words: str
    public: bool
    org_id: int | None
    user_id: int | None
    rules: list[list[str | int]]


def moment(said: Any) -> Any:
    """A time out of a row of JSON."""
    return dt.datetime.fromisoformat(said) if isinstance(said, str) else said


def detail_of(d: Any) -> RequestDetail:
    """From queries.detail.Detail. Pure."""
    r = d.request
    return RequestDetail(
        request=RequestRow.of(r),
        text=r.text,
        spot=r.spot,
        lat=float(r.lat) if r.lat is not None else None,
        lon=float(r.lon) if r.lon is not None else None,
        confidentiality=r.confidentiality,
        photos=files_of(r.photos),
        working_days=d.working_days,
        merged_into=r.merged_into.code if r.merged_into else None,
        part_of=r.parent.code if r.parent else None,
        clocks=[clock_of(c) for c in d.clocks],
        dispatches=[DispatchOut.of(x) for x in d.dispatches],
        replies=[
            ReplyOut(
                id=h.pk, unit_id=h.unit_id, lap=h.lap, state=h.state, text=h.text, written_at=h.written_at,
                sent_at=h.sent_at, photos=files_of(h.photos), papers=files_of(h.papers),
            )
            for h in d.handlings
        ],
        remarks=[
            RemarkOut(
                id=m.pk, kind=m.kind, at=m.at, unit_id=m.unit_id, way=m.way, reached=m.reached, text=m.text,
                photos=files_of(m.photos),
            )
            for m in d.remarks
        ],
        voices=[voice_of(v) for v in d.voices],
        extensions=[
            ExtensionOut(
                id=x["id"], clock_id=x["clock"], kind=x["kind"], days=x["days"], until=moment(x["until"]),
                state=x["state"], reason=x["reason"], basis=x["basis"],
            )
            for x in d.extensions
        ],
        exclusions=[
            ExclusionOut(
                id=x["id"], reason=x["reason"], evidence=x["evidence"], state=x["state"],
                proposed_at=moment(x["proposed_at"]),
            )
            for x in d.exclusions
        ],
        twins=[ShortRequest(code=t["code"], title=t["title"], state=t["state"]) for t in d.twins],
        parts=[ShortRequest(code=t["code"], title=t["title"], state=t["state"]) for t in d.split_into],
    )  # fmt: skip


def clock_of(c: parts.ClockPart) -> ClockOut:
    return ClockOut(
        id=c.pk, kind=c.kind, state=c.state, words=str(c.words), due_at=c.due_at, provisional=c.provisional,
        rule_verified=c.verified, rule=str(c.rule_words),
    )  # fmt: skip


def voice_of(v: Any) -> VoiceOut:
    return VoiceOut(
        id=v.pk,
        request_code=v.request.code,
        channel=v.channel,
        said_at=v.said_at,
        reach=v.reach,
        left_contact=v.record_id is not None,
        may_be_named=v.named,
        judgements=[
            JudgementOut(
                lap=j["lap"], source=j["source"], reached=j["reached"], contacted=j["contacted"], solved=j["solved"],
                satisfaction=j["satisfaction"], words=j["words"], at=moment(j["at"]),
            )
            for j in v.judged
        ],
    )  # fmt: skip


def timeline_of(d: Any) -> list[TimelineEntry]:
    """The events of a request in words, newest first, without the names of people. Pure."""
    told = parts.trail(d.events, {m.pk: m for m in d.remarks}, public=False)
    return [
        TimelineEntry(
            event=e.pk, at=e.at, step=e.step, title=str(t.title), words=str(t.words), public=e.public, org_id=e.org_id,
            user_id=e.user_id, rules=e.rules,
        )
        for e, t in zip(d.events, told, strict=True)
    ]  # fmt: skip


RequestPage = PageOf[RequestRow]

"""The work lists, each with keyset paging: `next` of one page is `after` of the following one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.out import DispatchOut, ExclusionOut, ExtensionOut, RequestPage, RequestRow, paged
from heli.api.shapes import (
    After,
    AreaPath,
    CategoryCode,
    Channel,
    In,
    Kind,
    ListOf,
    Out,
    PageOf,
    Purpose,
    Size,
    Urgency,
)
from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import Invalid
from heli.core.scope import within
from heli.engines.identifiers import BadIdentifier
from heli.insight import queries as insight
from heli.insight.models import READERS
from heli.loop import batches, importing
from heli.loop.clocks import local_day
from heli.loop.models import AREA_READERS
from heli.loop.queries import decisions, desk, inbox, requests, returns, revisits
from heli.loop.steps.batch import take_results
from heli.rulebook import queries as rulebook

Instant = dt.datetime
EXPORT_CAP = "export.row_cap"
State = Literal[
    "open", "with_unit", "heard", "dispatched", "handling", "replied", "closed", "lapsed", "appealed", "declined", "merged",
    "split", "withdrawn",
]  # fmt: skip
When = Annotated[str, Field(max_length=40, description="A day (2026-11-22) or a moment with its time zone.")]
Number = Annotated[str, Field(pattern=r"^[0-9]{1,18}$")]


class RequestFilters(In):
    """What the list of requests is narrowed to; the names are those in the address of the page."""

    q: Annotated[str, Field(max_length=60)] = ""
    state: State | Literal[""] = ""
    set: Annotated[str, Field(max_length=30, description="What a number of the board opens, like overdue.")] = ""
    due: Literal["", "late", "soon"] = ""
    heard: Literal["", "me"] = ""
    unit: Annotated[str, Field(max_length=30)] = ""
    sent_to: Number | Literal[""] = ""
    sent_since: When | Literal[""] = ""
    category: CategoryCode | Literal[""] = ""
    area: AreaPath | Literal[""] = ""
    urgency: Urgency | Literal[""] = ""
    kind: Kind | Literal[""] = ""
    channel: Channel | Literal[""] = ""
    batch: Number | Literal[""] = ""
    lap: Annotated[str, Field(pattern=r"^[0-9]{0,2}$")] = ""
    bounced: Annotated[str, Field(pattern=r"^[0-9]{0,2}$")] = ""
    since: When | Literal[""] = ""
    until: When | Literal[""] = ""
    sort: Literal["", "new", "old", "due", "back"] = ""

    def wanted(self) -> requests.Filters:
        """As the queries take it; Invalid (L-400) names what the list does not know."""
        given = {requests.NAMES.get(k, k): v for k, v in self.model_dump().items() if v}
        read = requests.Filters.read(given)
        for name, value in self.model_dump().items():
            if value and not getattr(read, name):
                raise Invalid(_("“%(value)s” is not known here.") % {"value": value[:40]}, field=name)
        return read


@operation("GET", "requests", needs=AREA_READERS, scope=Scope.AREA, tag="requests", out=RequestPage)
def list_requests(request: ApiRequest, filters: Query[RequestFilters], after: After = "", size: Size = 50) -> Any:
    """All requests of the reader's areas that fit."""
    page = requests.requests_page(request.actor, filters.wanted(), timezone.now(), after=after or None, size=size)
    return RequestPage(**paged(page, lambda row: RequestRow.of(row.request)))


class CountOut(Out):
    """`more`: there are more than `count`, which is as far as is counted."""

    count: int
    more: bool


@operation("GET", "requests-count", needs=AREA_READERS, scope=Scope.AREA, tag="requests", out=CountOut)
def count_requests(request: ApiRequest, filters: Query[RequestFilters]) -> CountOut:
    """How many requests fit."""
    n, most = requests.how_many(request.actor, filters.wanted(), timezone.now()), requests.COUNTED
    return CountOut(count=min(n, most), more=n > most)


class PhoneIn(In):
    phone: Annotated[str, Field(min_length=5, max_length=20)]


@operation(
    "POST", "requests-by-phone", needs=Cap.VIEW_PERSONAL, scope=Scope.AREA, tag="personal", out=ListOf[RequestRow],
    write=False,
)  # fmt: skip
def requests_by_phone(request: ApiRequest, body: PhoneIn) -> ListOf[RequestRow]:
    """What was told with exactly this number, newest first; the number stands in no address."""
    if not request.actor.caps.intersection(AREA_READERS):
        return ListOf[RequestRow](rows=[])
    try:
        rows = requests.by_phone(request.actor, body.phone, timezone.now())
    except BadIdentifier as error:
        said = _("That is not a whole phone number: 11 digits, or a land line with its area code.")
        raise Invalid(said, field="phone") from error
    return ListOf[RequestRow](rows=[RequestRow.of(r.request) for r in rows])


class ExportIn(In):
    purpose: Purpose
    filters: RequestFilters = RequestFilters()


class ExportOut(Out):
    """A list that was taken away: the columns of the spreadsheet, and nothing that says who told it."""

    columns: list[str]
    rows: list[list[str | int | float | bool | None]]


@operation(
    "POST", "requests-export", needs=Cap.EXPORT, scope=Scope.AREA, tag="requests", out=ExportOut, calls="take_away"
)
def export_requests(request: ApiRequest, body: ExportIn) -> ExportOut:
    """Take the list away as it is narrowed, for a purpose; kept: which list, how many rows, what for."""
    now, f = timezone.now(), body.filters.wanted()
    paths = request.actor.paths(Cap.EXPORT)
    path = f.area if f.area and request.actor.can(Cap.EXPORT, path=f.area) else next(iter(paths), "")
    most = int(rulebook.in_force((EXPORT_CAP,), path=path, on=local_day(now))[EXPORT_CAP].value)
    found = requests.found(request.actor, f, now).filter(within("area_path", paths))
    rows = list(found.select_related("category", "area", "unit").order_by("-id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="requests", by=request.actor, at=now, purpose=body.purpose, rows=len(rows), filters=f.kept(), path=path
    )
    columns = requests.columns()

    def cell(value: Any) -> str | int | float | bool | None:
        if isinstance(value, dt.datetime):
            return value.isoformat()
        return value if value is None or isinstance(value, int | float | bool) else str(value)

    return ExportOut(
        columns=[str(title) for title, _get in columns], rows=[[cell(get(r)) for _title, get in columns] for r in rows]
    )


class ImportRow(In):
    """A request of another system. `key` is its number there: known ones are passed over."""

    key: Annotated[str, Field(min_length=1, max_length=80)]
    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    area: AreaPath
    title: Annotated[str, Field(max_length=60)] = ""
    at: Annotated[str, Field(max_length=40)] = ""
    category: CategoryCode | Literal[""] = ""
    kind: Kind | Literal[""] = ""
    spot: Annotated[str, Field(max_length=120)] = ""
    urgency: Urgency | Literal[""] = ""
    name: Annotated[str, Field(max_length=40)] = ""
    phone: Annotated[str, Field(max_length=20)] = ""


class ImportIn(In):
    source: Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z._-]+$")]
    rows: Annotated[list[ImportRow], Field(min_length=1, max_length=500)]


class WrongRow(Out):
    line: int
    field: str
    code: str
    sentence: str


class ImportOut(Out):
    """With one wrong row nothing is taken. `line` counts from 2, as in a table with a heading."""

    rows: int
    taken: int
    known: int
    errors: list[WrongRow]


@operation(
    "POST",
    "requests-import",
    needs=Cap.IMPORT_REQUESTS,
    scope=Scope.AREA,
    tag="hear",
    out=ImportOut,
    calls="import_rows",
)
def import_requests(request: ApiRequest, body: ImportIn) -> ImportOut:
    """Take in many requests at once, each once, or none of them when one is wrong."""
    names = list(ImportRow.model_fields)
    columns = {f: f for f in batches.FIELDS if f in names}
    made = importing.import_rows(
        [r.model_dump() for r in body.rows],
        columns=columns,
        defaults={},
        source=body.source,
        by=request.actor,
        at=timezone.now(),
    )
    return ImportOut(
        rows=made.rows,
        taken=made.taken,
        known=made.known,
        errors=[WrongRow(line=e.line, field=e.field, code=e.code, sentence=str(e.words)) for e in made.errors[:200]],
    )


class ResultsIn(In):
    source: Annotated[str, Field(min_length=1, max_length=40)]
    everything: bool = False
    size: Annotated[int, Field(ge=1, le=1000)] = 200


class ResultRow(Out):
    """How a request of another system goes. `key` is its number there, `wanted_by` when that system wanted it done."""

    key: str
    code: str
    state: str
    unit: str
    reply: str
    replied_at: Instant | None
    solved: str
    satisfaction: int | None
    closed_at: Instant | None
    wanted_by: Instant | None


class ResultsOut(Out):
    """`more`: ask once again, these count as told."""

    rows: list[ResultRow]
    more: bool


@operation(
    "POST", "requests-results", needs=Cap.IMPORT_REQUESTS, scope=Scope.AREA, tag="hear", out=ResultsOut,
    calls="take_results",
)  # fmt: skip
def requests_results(request: ApiRequest, body: ResultsIn) -> ResultsOut:
    """What changed with a source's requests since it was told last, the oldest first. That it was taken is recorded."""
    rows, more = take_results(
        source=body.source, by=request.actor, at=timezone.now(), most=body.size, everything=body.everything
    )

    def row(own: Any) -> ResultRow:
        r = own.merged_into or own
        return ResultRow(
            key=own.source_key, code=own.code, state=r.state, unit=r.unit.name if r.unit else "", reply=own.reply or "",
            replied_at=r.replied_at, solved=r.solved, satisfaction=r.satisfaction, closed_at=r.closed_at,
            wanted_by=own.asked_by,
        )  # fmt: skip

    return ResultsOut(rows=[row(r) for r in rows], more=more)


# The desk -------------------------------------------------------------------------------------------------------------
class QueueRow(Out):
    id: int
    code: str
    title: str
    place: str
    matter: str
    urgency: str
    bounces: int
    due_at: Instant | None


@operation("GET", "desk", needs=desk.DESK, scope=Scope.AREA, tag="dispatch", out=PageOf[QueueRow])
def list_desk(
    request: ApiRequest,
    segment: Literal["all", "soon", "back"] = "all",
    after: After = "",
    size: Size = 50,
) -> Any:
    """What waits to be dispatched, earliest deadline first."""
    page = desk.queue_page(request.actor, segment, timezone.now(), after=after or None, size=size)

    def row(r: desk.QueueRow) -> QueueRow:
        return QueueRow(
            id=r.pk, code=r.code, title=r.title, place=r.place, matter=r.matter, urgency=r.urgency, bounces=r.bounces,
            due_at=r.due_at,
        )  # fmt: skip

    return PageOf[QueueRow](**paged(page, row))


class DeskCounts(Out):
    all: int
    soon: int
    back: int
    returns: int


@operation("GET", "desk-counts", needs=desk.DESK, scope=Scope.AREA, tag="dispatch", out=DeskCounts)
def count_desk(request: ApiRequest) -> DeskCounts:
    """How many wait at the desk, and how many returns wait for a decision."""
    n = desk.counts(request.actor, timezone.now())
    return DeskCounts(all=n["all"], soon=n["soon"], back=n["back"], returns=n["returns"])


class ReturnOut(Out):
    """A return to decide; `duty_rows` are the numbers of the rows that speak of it."""

    dispatch: DispatchOut
    request: RequestRow
    duty_rows: list[str]
    limit: int | None
    reaches_limit: bool


@operation("GET", "returns", needs=Cap.DISPATCH, scope=Scope.AREA, tag="dispatch", out=PageOf[ReturnOut])
def list_returns(request: ApiRequest, after: After = "", size: Size = 50) -> Any:
    """Returns that wait for the desk's decision, oldest first."""
    page = returns.returns_page(request.actor, timezone.now(), after=after or None, size=size)

    def row(r: returns.ReturnRow) -> ReturnOut:
        seen = r.dispatch.request
        return ReturnOut(
            dispatch=DispatchOut.of(r.dispatch),
            request=RequestRow.of(seen),
            duty_rows=[x.number for x in r.rows],
            limit=r.limit,
            reaches_limit=r.reaches_limit,
        )

    return PageOf[ReturnOut](**paged(page, row))


# A unit ---------------------------------------------------------------------------------------------------------------
class InboxRow(Out):
    """A dispatch to one's unit; `do` is what it wants next: accept, contact, answer, redo, reply, approve, help …"""

    do: str
    dispatch: DispatchOut
    request: RequestRow


class InboxFilters(In):
    q: Annotated[str, Field(max_length=60)] = ""
    street: Annotated[str, Field(pattern=r"^[0-9]{0,12}$")] = ""
    category: CategoryCode | Literal[""] = ""
    urgency: Urgency | Literal[""] = ""
    due: Literal["", "late", "soon"] = ""
    do: Literal["", "accept", "contact", "answer", "redo", "reply", "approve", "help", "opinion"] = ""


@operation("GET", "inbox", needs=inbox.UNIT_CAPS, scope=Scope.OWN_UNIT, tag="handle", out=PageOf[InboxRow])
def list_inbox(
    request: ApiRequest,
    filters: Query[InboxFilters],
    tab: Literal["todo", "hand", "assist", "done"] = "todo",
    after: After = "",
    size: Size = 50,
) -> Any:
    """The unit's lists: to do, in hand, helping, done."""
    f = inbox.Filters.read(filters.model_dump())
    page = inbox.inbox(request.actor, tab, f, timezone.now(), after=after or None, size=size)
    return PageOf[InboxRow](
        **paged(page, lambda d: InboxRow(do=d.do, dispatch=DispatchOut.of(d), request=RequestRow.of(d.request)))
    )


class InboxCounts(Out):
    todo: int
    hand: int
    assist: int
    late: int
    by_do: dict[str, int]


@operation("GET", "inbox-counts", needs=inbox.UNIT_CAPS, scope=Scope.OWN_UNIT, tag="handle", out=InboxCounts)
def count_inbox(request: ApiRequest) -> InboxCounts:
    """How much waits in each list of the unit."""
    n = inbox.counts(request.actor, timezone.now())
    return InboxCounts(todo=n.todo, hand=n.hand, assist=n.assist, late=n.late, by_do=n.by_do)


# Decisions and calls --------------------------------------------------------------------------------------------------
class ExtensionRow(Out):
    extension: ExtensionOut
    request: RequestRow
    clock: str
    due_at: Instant
    due_if_approved: Instant | None
    asked_by_reader: bool


@operation("GET", "extensions", needs=Cap.SUPERVISE, scope=Scope.AREA, tag="oversee", out=PageOf[ExtensionRow])
def list_extensions(
    request: ApiRequest,
    tab: Literal["asked", "decided"] = "asked",
    after: After = "",
    size: Size = 50,
) -> Any:
    """More time that was asked for."""
    page = decisions.extension_page(request.actor, tab, timezone.now(), after=after or None, size=size)

    def row(r: decisions.ExtensionRow) -> ExtensionRow:
        e = r.extension
        return ExtensionRow(
            extension=ExtensionOut.of(e), request=RequestRow.of(e.request), clock=e.clock.kind, due_at=e.clock.due_at,
            due_if_approved=r.then, asked_by_reader=r.own,
        )  # fmt: skip

    return PageOf[ExtensionRow](**paged(page, row))


class AppealRow(Out):
    request: RequestRow
    said: str
    since: Instant


@operation("GET", "appeals", needs=Cap.SUPERVISE, scope=Scope.AREA, tag="judge", out=PageOf[AppealRow])
def list_appeals(request: ApiRequest, after: After = "", size: Size = 50) -> Any:
    """Requests not solved after the last round, which wait for a written decision."""
    page = decisions.appeal_page(request.actor, after=after or None, size=size)
    return PageOf[AppealRow](
        **paged(page, lambda r: AppealRow(request=RequestRow.of(r.request), said=r.said, since=r.since))
    )


class ExclusionRow(Out):
    exclusion: ExclusionOut
    request: RequestRow
    proposed_by_reader: bool


@operation("GET", "exclusions", needs=Cap.EXCLUDE, scope=Scope.AREA, tag="oversee", out=PageOf[ExclusionRow])
def list_exclusions(
    request: ApiRequest,
    tab: Literal["proposed", "confirmed", "past"] = "proposed",
    after: After = "",
    size: Size = 50,
) -> Any:
    """Exclusions from the rates: to decide, in force, and those refused or lifted."""
    page = decisions.exclusion_page(request.actor, tab, after=after or None, size=size)

    def row(r: decisions.ExclusionRow) -> ExclusionRow:
        e = r.exclusion
        out = ExclusionOut(id=e.pk, reason=e.reason, evidence=e.evidence, state=e.state, proposed_at=e.proposed_at)
        return ExclusionRow(exclusion=out, request=RequestRow.of(e.request), proposed_by_reader=r.own)

    return PageOf[ExclusionRow](**paged(page, row))


class CallRow(Out):
    """A revisit call: not before `call_at`; `held`: a colleague makes it now."""

    revisit_id: int
    request: RequestRow
    tried: int
    way: str
    call_at: dt.datetime
    held: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> CallRow:
        call = row["call"]
        return cls(
            revisit_id=call.pk, request=RequestRow.of(row["request"]), tried=row["tried"], way=call.way,
            call_at=call.call_at, held=row["held"],
        )  # fmt: skip


@operation("GET", "revisits", needs=Cap.REVISIT, scope=Scope.AREA, tag="judge", out=PageOf[CallRow])
def list_revisits(request: ApiRequest, filters: Query[InboxFilters], after: After = "", size: Size = 50) -> Any:
    """Answered requests drawn for a revisit call whose residents have not judged: who may be called first comes first."""
    f = inbox.Filters.read(filters.model_dump())
    page = revisits.queue(request.actor, "", f, timezone.now(), after=after or None, size=size)
    return PageOf[CallRow](**paged(page, CallRow.of))


# The board ------------------------------------------------------------------------------------------------------------
class RateOut(Out):
    """`share` is null where there is nothing to divide by."""

    key: str
    count: int
    of: int
    share: float | None


class InsideOut(Out):
    path: str
    name: str
    counts: dict[str, int]
    rates: list[RateOut]


class FirstOut(Out):
    code: str
    title: str
    nobody: bool
    rung: int


class BoardOut(Out):
    path: str
    name: str
    days: int
    counts: dict[str, int]
    rates: list[RateOut]
    inside: list[InsideOut]
    first: list[FirstOut]


def _rate(r: Any) -> RateOut:
    return RateOut(key=r.key, count=r.count, of=r.of, share=r.value)


@operation("GET", "board/{area_path}", needs=READERS, scope=Scope.AREA, tag="figures", out=BoardOut)
def get_board(request: ApiRequest, area_path: AreaPath, days: Literal[7, 30, 90] = 30) -> BoardOut:
    """What has to be dealt with in an area, how it goes, and the same for each area inside."""
    b = insight.board(request.actor, area_path, days, timezone.now())
    return BoardOut(
        path=b.area.path,
        name=b.name,
        days=days,
        counts=dict(b.counts),
        rates=[_rate(s.rate) for s in b.rates],
        inside=[
            InsideOut(path=i.path, name=i.name, counts=dict(i.counts), rates=[_rate(r) for r in i.rates.values()])
            for i in b.inside
        ],
        first=[FirstOut(code=f.request.code, title=f.request.title, nobody=f.nobody, rung=f.rung) for f in b.first],
    )

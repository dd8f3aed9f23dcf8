"""One request with everything its page shows. Staff page: 6 statements at most beside session, account and grants."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject, NullIf
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.loop.models import Clock, Dispatch, Exclusion, Extension, Handling, Remark, Request, Review, Voice, said_of
from heli.loop.queries import parts
from heli.orgs.models import Organisation
from heli.people.models import User

SUBJECT = "loop.request"


@dataclass(frozen=True, slots=True)
class Written:
    """A reply of one round, as it stands or was sent; people by what they are called."""

    pk: int
    unit_id: int
    lap: int
    text: str
    photos: tuple[str, ...]
    papers: tuple[str, ...]
    state: str
    written_by_id: int | None
    written_by: str
    written_at: dt.datetime
    reviewed_by: str
    sent_at: dt.datetime | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> Written:
        """From a row of `replies_of`, whose times are ISO texts."""
        sent = row["sent_at"]
        return cls(
            **row
            | {
                "photos": tuple(row["photos"]),
                "papers": tuple(row["papers"]),
                "written_at": dt.datetime.fromisoformat(row["written_at"]),
                "sent_at": dt.datetime.fromisoformat(sent) if sent else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Said:
    """A remark: a contact, a note, a question, the resident's words, an opinion, a supervisor's word."""

    pk: int
    kind: str
    at: dt.datetime
    unit_id: int | None
    by_id: int | None
    voice_id: int | None
    way: str
    reached: bool | None
    text: str
    photos: tuple[str, ...]

    @classmethod
    def of(cls, row: dict[str, Any]) -> Said:
        """From a row of `remarks_of`."""
        return cls(**row | {"at": dt.datetime.fromisoformat(row["at"]), "photos": tuple(row["photos"])})


@dataclass(slots=True)
class Detail:
    """What a request's page shows."""

    request: Request
    dispatches: list[Dispatch]
    clocks: list[parts.ClockPart]  # the running ones first, most urgent first
    running: list[parts.ClockPart]
    trail: list[parts.TrailEntry]
    events: list[Event]  # newest first, like the trail
    handlings: list[Written]  # newest first
    voices: list[Any]
    remarks: list[Said]  # newest first
    stations: list[parts.Station]
    lap: str
    working_days: float
    lead: Dispatch | None = None
    extensions: list[dict[str, Any]] = field(default_factory=list)
    twins: list[dict[str, Any]] = field(default_factory=list)  # joined into this one: code, title, state
    split_into: list[dict[str, Any]] = field(default_factory=list)  # its parts: code, title, state
    exclusions: list[dict[str, Any]] = field(default_factory=list)  # newest first

    @property
    def reply(self) -> Written | None:
        """The reply of the present round, or the last one that was sent."""
        return self.handlings[0] if self.handlings else None


def by_code(actor: Actor, code: str, *related: str) -> Request:
    """A request by its code; NotFound (L-404) when it does not exist or the actor may not see it. One statement."""
    found = Request.objects.visible_to(actor).select_related(*related).filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def called(person: str) -> Coalesce:
    """What a person is called, '' for nobody; `person` is the way to the account, like "written_by__"."""
    return Coalesce(NullIf(F(f"{person}call_name"), Value("")), F(f"{person}username"), Value(""))


def with_company(actor: Actor) -> Any:
    """Requests the actor may see, each with its remarks, replies, twins, parts and exclusions as rows of JSON."""
    remarks = Remark.objects.filter(request=OuterRef("pk")).order_by("-id")
    short = JSONObject(code="code", title="title", state="state")
    replies = Handling.objects.filter(request=OuterRef("pk")).order_by("-lap", "-id")
    written = JSONObject(
        **{n: n for n in Written.__slots__ if not n.endswith("_by")},
        written_by=called("written_by__"),
        reviewed_by=called("reviewed_by__"),
    )
    exclusions = Exclusion.objects.filter(request=OuterRef("pk")).order_by("-id")
    kept = ("id", "reason", "evidence", "state", "proposed_at", "proposed_by")
    return Request.objects.visible_to(actor).annotate(
        remarks_of=ArraySubquery(remarks.values(json=JSONObject(**{n: n for n in Said.__slots__}))),
        replies_of=ArraySubquery(replies.values(json=written)),
        twins_of=ArraySubquery(Request.objects.filter(merged_into=OuterRef("pk")).order_by("id").values(json=short)),
        parts_of=ArraySubquery(Request.objects.filter(parent=OuterRef("pk")).order_by("id").values(json=short)),
        exclusions_of=ArraySubquery(exclusions.values(json=JSONObject(**{n: n for n in kept}))),
    )


def events_of(request: Request) -> list[Event]:
    """What happened to a request, newest first, each with `who` did it and for which `org`. One statement."""
    who = User.objects.filter(pk=OuterRef("user_id")).values(name=called(""))
    org = Organisation.objects.filter(pk=OuterRef("org_id")).values("short_name")
    rows = Event.objects.filter(subject_type=SUBJECT, subject_id=request.pk).order_by("-at", "-id")
    return list(rows.annotate(who=Subquery(who), org=Subquery(org)))


def with_names(events: list[Event], entries: list[parts.TrailEntry]) -> list[parts.TrailEntry]:
    """The trail for staff: who of us did it stands before what was said. The resident's own acts name nobody, except
    whoever took them down at the counter or on the phone."""
    named = []
    for event, entry in zip(events, entries, strict=True):
        org, who = event.org or "", event.who or ""  # type: ignore[attr-defined]
        by, said = " ".join(x for x in (org, who) if x) if org or not entry.you else "", str(entry.words)
        both = _("%(who)s: %(said)s") % {"who": by, "said": said}
        named.append(replace(entry, words=both if by and said else by or said))
    return named


def detail(actor: Actor, code: str, now: dt.datetime) -> Detail:
    """The whole request for staff who may see it; NotFound (L-404) otherwise.

    Statements: request (with remarks, replies, twins, parts and exclusions), dispatches, clocks (with rules and
    extensions), events, voices (with reviews), and the calendar once a minute.
    """
    related = ("category__parent__parent", "area__parent__parent", "unit", "merged_into", "parent", "heard_by")
    request = with_company(actor).select_related(*related).filter(code=code).first()
    if request is None:
        raise NotFound
    dispatches = list(Dispatch.objects.filter(request=request).select_related("unit", "accepted_by").order_by("-id"))
    extensions = Extension.objects.filter(clock=OuterRef("pk")).values(
        json=JSONObject(
            id="id",
            kind="kind",
            days="days",
            until="until",
            state="state",
            reason="reason",
            basis="basis",
            asked_by="asked_by",
        )
    )
    clocks = list(
        Clock.objects.filter(request=request)
        .select_related("rule", "unit")
        .annotate(asked=ArraySubquery(extensions))
        .order_by("due_at", "id")
    )
    remarks = [Said.of(row) for row in request.remarks_of]
    events = events_of(request)
    cal = parts.display_calendar(request.area_path, now)
    mine = request.unit_id in actor.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
    counting = {c.pk for c in clocks if c.outcome == "running"}
    shown = [parts.clock_part(c, cal, now) for c in clocks if c.outcome != "cancelled" and c.kind != "review"]
    running = [c for c in shown if c.pk in counting]
    return Detail(
        request=request,
        dispatches=dispatches,
        clocks=running + [c for c in shown if c.pk not in counting],
        running=running,
        trail=with_names(events, parts.trail(events, {r.pk: r for r in remarks}, public=False)),
        events=events,
        handlings=[Written.of(row) for row in request.replies_of],
        voices=voices_of(actor, request),
        remarks=remarks,
        stations=parts.stations(
            request,
            unit_name=request.unit.short_name if request.unit else "",
            mine=mine,
            due=running[0] if running else None,
            now=now,
            public=False,
        ),
        lap=parts.lap_of(request),
        working_days=round(cal.used(request.heard_at, request.closed_at or now, "working_minute") / cal.day_minutes, 1),
        lead=next((d for d in dispatches if d.role == "lead" and d.state in Dispatch.LIVE), None),
        extensions=[{**x, "clock": c.pk, "clock_kind": c.kind} for c in clocks for x in c.asked],
        twins=request.twins_of,
        split_into=request.parts_of,
        exclusions=request.exclusions_of,
    )


def speaking_of(request: Request) -> Q:
    """Voices a request is handled for: its own, its twins', and of a part those of the whole."""
    said = said_of(request.pk)
    return said if request.parent_id is None else said | Q(request=request.parent_id)


def voices_of(actor: Actor, request: Request) -> list[Any]:
    """Everybody who said it (twins included; of a part, whoever said the whole), with masks and reviews. One statement.

    `named` is False where the reporter asked not to be named to the unit and the actor only works for a unit.
    """
    reviews = (
        Review.objects.filter(voice=OuterRef("pk"), request=request.pk)
        .order_by("lap")
        .values(
            json=JSONObject(
                lap="lap",
                solved="solved",
                satisfaction="satisfaction",
                contacted="contacted",
                words="words",
                reached="reached",
                source="source",
                at="at",
            )
        )
    )
    voices: list[Any] = list(
        Voice.objects.filter(speaking_of(request))
        .select_related("record", "request")
        .annotate(judged=ArraySubquery(reviews))
        .order_by("id")
    )
    knows = any(actor.can(c, path=request.area_path) for c in (Cap.DISPATCH, Cap.REVISIT, Cap.HEAR))
    for v in voices:
        v.named = knows or v.request.confidentiality == "open"
    return voices

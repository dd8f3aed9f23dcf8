"""One request with everything its page shows. Staff page: 7 statements beside session, account and grants."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.db.models.functions import JSONObject

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.loop.models import Clock, Dispatch, Extension, Handling, Remark, Request, Review, Voice
from heli.loop.queries import parts

SUBJECT = "loop.request"


@dataclass(slots=True)
class Detail:
    """What a request's page shows."""

    request: Request
    dispatches: list[Dispatch]
    clocks: list[parts.ClockPart]
    trail: list[parts.TrailEntry]
    handlings: list[Handling]
    voices: list[Any]
    remarks: list[Remark]
    stations: list[parts.Station]
    lap: str
    working_days: float
    lead: Dispatch | None = None
    extensions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def reply(self) -> Handling | None:
        """The reply of the present round, or the last one that was sent."""
        return self.handlings[0] if self.handlings else None


def by_code(actor: Actor, code: str, *related: str) -> Request:
    """A request by its code; NotFound (L-404) when it does not exist or the actor may not see it. One statement."""
    found = Request.objects.visible_to(actor).select_related(*related).filter(code=code).first()
    if found is None:
        raise NotFound
    return found  # type: ignore[no-any-return]


def detail(actor: Actor, code: str, now: dt.datetime) -> Detail:
    """The whole request for staff who may see it. Statements: request, dispatches, clocks (with rules and extensions),
    remarks, handlings, voices (with reviews), events."""
    request = by_code(actor, code, "category__parent__parent", "area__parent__parent", "unit", "merged_into", "parent", "heard_by")
    dispatches = list(Dispatch.objects.filter(request=request).select_related("unit", "accepted_by").order_by("-id"))
    extensions = Extension.objects.filter(clock=OuterRef("pk")).values(
        json=JSONObject(id="id", kind="kind", days="days", until="until", state="state", reason="reason", basis="basis", asked_by="asked_by")
    )
    clocks = list(
        Clock.objects.filter(request=request).select_related("rule", "unit").annotate(asked=ArraySubquery(extensions)).order_by("due_at", "id")
    )
    remarks = list(Remark.objects.filter(request=request).order_by("-id"))
    handlings = list(Handling.objects.filter(request=request).select_related("unit", "written_by", "reviewed_by").order_by("-lap", "-id"))
    events = list(Event.objects.filter(subject_type=SUBJECT, subject_id=request.pk).order_by("-at", "-id"))
    cal = parts.display_calendar(request.area_path, now)
    mine = request.unit_id in actor.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
    shown = [parts.clock_part(c, cal, now) for c in clocks if c.outcome != "cancelled" and c.kind != "review"]
    running = [c for c in shown if c.state in {"late", "soon", "doing", "pause"} and any(k.pk == c.pk and k.outcome == "running" for k in clocks)]
    return Detail(
        request=request,
        dispatches=dispatches,
        clocks=running + [c for c in shown if c not in running],
        trail=parts.trail(events, {r.pk: r for r in remarks}, public=False),
        handlings=handlings,
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
    )


def voices_of(actor: Actor, request: Request) -> list[Any]:
    """Everybody who said it (twins included), with masks and reviews. One statement.

    `masked` is False where the reporter asked not to be named to the unit and the actor only works for a unit.
    """
    reviews = Review.objects.filter(voice=OuterRef("pk"), request=request.pk).order_by("lap").values(
        json=JSONObject(lap="lap", solved="solved", satisfaction="satisfaction", contacted="contacted", words="words", reached="reached", source="source", at="at")
    )
    voices = list(
        Voice.objects.filter(Q(request=request) | Q(request__merged_into=request))
        .select_related("record", "request")
        .annotate(judged=ArraySubquery(reviews))
        .order_by("id")
    )
    knows = any(actor.can(c, path=request.area_path) for c in (Cap.DISPATCH, Cap.REVISIT, Cap.HEAR))
    for v in voices:
        v.named = knows or v.request.confidentiality == "open"
    return voices


def timeline(voice: Voice, request: Request, now: dt.datetime) -> list[parts.TrailEntry]:
    """What the resident sees of what happened: public events of what they said, and of what it was joined into.

    Of a twin's own words nothing is shown. Two statements.
    """
    ids = {request.pk, voice.request_id}
    events = Event.objects.filter(subject_type=SUBJECT, subject_id__in=ids, public=True).order_by("-at", "-id")
    shown = [e for e in events if e.subject_id == voice.request_id or e.step not in {"request.hear", "request.add_words", "request.judge", "request.merge"}]
    remarks = {
        r.pk: r
        for r in Remark.objects.filter(request__in=ids, kind__in=("question", "answer"))
        if r.kind == "question" or r.voice_id in {None, voice.pk}
    }
    return parts.trail(shown, remarks, public=True)

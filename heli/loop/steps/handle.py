"""办: contact, cooperation, questions, more time, and the reply."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import IO

from django.utils.translation import gettext_lazy as _

from heli.core import files
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import jobs, sampling, ways
from heli.loop.clocks import DUE, Board, rules_for
from heli.loop.errors import AnotherWay, AskedTooLate, ClosedToWords, NeedsSecondPerson, TooMuchTime
from heli.loop.models import Clock, ClockKind, Dispatch, Extension, Handling, Kind, Remark, Request
from heli.loop.states import DISPATCH, EXTENSION, HANDLING, OPEN, REQUEST
from heli.loop.steps.hear import SUBJECT, by_staff, checked_text, join
from heli.rulebook import queries as rulebook

UNIT = Scope.OWN_UNIT
WORDS_LIMIT = 2000
WRITTEN = ("text", "photos", "papers", "written_by", "written_at")


def unit_at_work(s: Step, request: Request) -> int | None:
    """The unit for which the actor works on this request: lead or assisting. Forbidden for anybody else."""
    if s.by.system:
        return request.unit_id
    mine = s.by.org_ids(Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
    if request.unit_id in mine:
        unit_id: int | None = request.unit_id
    else:
        unit_id = (
            Dispatch.objects.filter(request=request, unit__in=mine, state__in=Dispatch.LIVE)
            .values_list("unit_id", flat=True)
            .first()
        )
    if unit_id is None:
        raise Forbidden
    s.require(
        Cap.HANDLE_REQUESTS if unit_id in s.by.org_ids(Cap.HANDLE_REQUESTS) else Cap.APPROVE_REPLY, org_id=unit_id
    )
    return unit_id


def contact(*, request_id: int, by: Actor, at: dt.datetime, way: str, reached: bool, text: str = "") -> Remark:
    """The unit spoke to the resident, or tried to. Reaching them stops the first-contact clock; so does the last of
    the tries that the rule asks for (contact.tries), because nobody can be made to answer."""
    with step("request.contact", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        unit_id = unit_at_work(s, request)
        if request.state not in {"dispatched", "handling"}:
            raise WrongState
        made = Remark.objects.create(
            request=request,
            kind="contact",
            at=at,
            unit_id=unit_id,
            by_id=by.user_id,
            way=way,
            reached=reached,
            text=without_personal(text.strip())[:WORDS_LIMIT],
        )
        enough = reached
        if not reached:
            tries = int(rules_for(request, ("contact.tries",), at)["contact.tries"].value)
            enough = Remark.objects.filter(request=request, kind="contact", reached=False).count() >= tries
        if enough:
            board = Board(s, request)
            board.stop(ClockKind.CONTACT)
            board.save()
            request.save(update_fields=DUE)
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, public=True, way=way, reached=reached, unit=unit_id)
    return made


def note(*, request_id: int, by: Actor, at: dt.datetime, text: str) -> Remark:
    """A note that only staff who see the request can read."""
    text = checked_text(text, limit=WORDS_LIMIT)
    with step("request.note", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        unit_id = next(iter(by.org_ids(*Cap)), None)
        if not by.is_staff and not by.system:
            raise Forbidden
        made = Remark.objects.create(
            request=request, kind="note", at=at, unit_id=unit_id, by_id=by.user_id, text=without_personal(text)
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made)
    return made


def ask_resident(*, request_id: int, by: Actor, at: dt.datetime, text: str) -> Remark:
    """Ask the resident for more; the clocks keep running."""
    text = checked_text(text, limit=WORDS_LIMIT)
    with step("request.ask_resident", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        if request.state not in {"heard", "dispatched", "handling"}:
            raise WrongState
        if by.can(Cap.DISPATCH, path=request.area_path):
            s.require(Cap.DISPATCH, path=request.area_path)
            unit_id = None
        else:
            unit_id = unit_at_work(s, request)
        made = Remark.objects.create(
            request=request, kind="question", at=at, unit_id=unit_id, by_id=by.user_id, text=by_staff(text, WORDS_LIMIT)
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, public=True)
        s.defer(jobs.tell, request_id=request.pk, news="question")
    return made


def add_words(
    *,
    request_id: int,
    by: Actor,
    at: dt.datetime,
    text: str,
    photos: Sequence[IO[bytes]] = (),
    voice_id: int | None = None,
) -> Remark:
    """The resident adds something (or answers), by link, or at the counter through somebody with HEAR."""
    text = checked_text(text, limit=WORDS_LIMIT)
    # what is sent after a snap is of the same street
    street = bool(photos) and Request.objects.filter(pk=request_id, kind=Kind.SNAP).exists()
    cleaned = [files.clean(p, files.STREET if street else files.PHOTO) for p in photos]
    with step("request.add_words", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        if by.voice_id is None and not by.system:
            s.require(Cap.HEAR, path=request.area_path)
        if request.state not in {*OPEN, "replied", "lapsed", "merged"}:
            raise ClosedToWords
        kept = files.keep_all(cleaned, subject_type=SUBJECT, subject_id=request.pk)
        made = Remark.objects.create(
            request=request,
            kind="answer",
            at=at,
            voice_id=by.voice_id or voice_id,
            by_id=None if by.voice_id else by.user_id,
            text=without_personal(text),
            photos=[f.pk for f in kept],
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, public=True, photos=len(kept))
    return made


def give_opinion(*, dispatch_id: int, by: Actor, at: dt.datetime, text: str) -> Remark:
    """An assisting unit has done its part and says what; its dispatch is finished."""
    text = checked_text(text, limit=WORDS_LIMIT)
    from heli.loop.steps.dispatch import lock_by_dispatch

    with step("dispatch.give_opinion", by=by, at=at) as s:
        request, dispatch = lock_by_dispatch(s, dispatch_id)
        if dispatch.role != "assist":
            raise WrongState
        dispatch.ended_at = at
        s.move(dispatch, DISPATCH, "finish", save=("ended_at",))
        made = Remark.objects.create(
            request=request,
            kind="opinion",
            at=at,
            unit_id=dispatch.unit_id,
            by_id=by.user_id,
            text=without_personal(text),
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(unit=dispatch.unit_id, remark=made.pk)
    return made


def ask_extension(
    *,
    clock_id: int,
    by: Actor,
    at: dt.datetime,
    kind: str,
    reason: str,
    basis: str,
    days: int = 0,
    until: dt.datetime | None = None,
) -> Extension:
    """Ask for more working days for a reply or redo clock, or to stop it until a day. Decided by a supervisor.

    Raises AskedTooLate (L-119), TooMuchTime (L-120): both limits are rule rows (extension.ask_before, extension.max);
    AlreadyDone (L-104) while an earlier asking waits for its decision.
    """
    if not reason.strip() or not basis.strip():
        raise Invalid(
            _("Give the reason and what it rests on; the resident reads both."),
            field="reason" if not reason.strip() else "basis",
        )
    with step("extension.ask", by=by, at=at) as s:
        clock = Clock.objects.select_related("request").filter(pk=clock_id).first()
        if clock is None:
            raise NotFound
        request = s.lock(Request, clock.request_id)
        s.allow(request, Cap.HANDLE_REQUESTS, UNIT)
        clock = Clock.objects.get(pk=clock_id)
        if clock.outcome != "running" or clock.kind not in {ClockKind.REPLY, ClockKind.REDO}:
            raise WrongState
        if Extension.objects.filter(clock=clock, state="asked").exists():
            raise AlreadyDone
        rules = rules_for(request, ("extension.max", "extension.ask_before"), at)
        before, most = rules["extension.ask_before"], rules["extension.max"]
        s.rule(before, most)
        calendar = rulebook.calendar(request.area_path, at)
        earliest = calendar.due(at, int(before.value["amount"]), before.value["unit"]).at
        if earliest > clock.due_at:
            raise AskedTooLate(before=str(before.words), due=clock.due_at)
        limit = int(most.value["amount"])
        used = sum(Extension.objects.filter(clock=clock, state="approved", kind="more").values_list("days", flat=True))
        if kind == "more" and not 0 < days <= limit - used:
            raise TooMuchTime(limit=most.words, field="days")
        if kind == "pause":
            if until is None or until <= at:
                raise Invalid(_("Say until which day the clock stands."), field="until")
            if until > calendar.due(at, limit, "working_day").at:
                raise TooMuchTime(limit=most.words, field="until")
        made = Extension.objects.create(
            request=request,
            clock=clock,
            area_path=request.area_path,
            kind=kind,
            days=days if kind == "more" else 0,
            until=until if kind == "pause" else None,
            reason=by_staff(reason),
            basis=by_staff(basis),
            asked_at=at,
            asked_by_id=by.user_id,
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, clock=clock.kind, days=made.days, kind=kind)
    return made


def decide_extension(*, extension_id: int, by: Actor, at: dt.datetime, approve: bool, reason: str = "") -> Extension:
    """A second person decides; the resident sees what was approved and why."""
    with step("extension.decide", by=by, at=at) as s:
        request_id = Extension.objects.filter(pk=extension_id).values_list("request_id", flat=True).first()
        if request_id is None:
            raise NotFound
        request = s.lock(Request, request_id)
        extension = s.lock(Extension, extension_id)
        if extension.asked_by_id == by.user_id:
            raise NeedsSecondPerson
        extension.decided_at, extension.decided_by_id = at, by.user_id
        s.move(
            extension,
            EXTENSION,
            "approve" if approve else "refuse",
            reason=by_staff(reason),
            save=("decided_at", "decided_by"),
        )
        due = ""
        if approve:
            board = Board(s, request, rules=("ladder.remind_before",))
            clock = next((c for c in board.clocks if c.pk == extension.clock_id), None)
            if clock is None:
                raise WrongState
            calendar = rulebook.calendar(request.area_path, max(clock.due_at, at))
            if extension.kind == "more":
                new = calendar.due(max(clock.due_at, at), extension.days, "working_day")
            else:
                assert extension.until is not None
                left = calendar.used(at, clock.due_at, "working_minute")
                new = calendar.due(extension.until, left, "working_minute")
                clock.paused_until = extension.until
            clock.due_at, clock.provisional = new.at, clock.provisional or new.provisional
            board.calendar = calendar
            clock.rung, clock.rung_at = 0, board.remind_at(clock, since=max(at, extension.until or at))
            board.changed.add(clock.pk)
            board.save()
            request.save(update_fields=DUE)
            due = new.at.isoformat()
            s.defer(jobs.tell, request_id=request.pk, news="extended")
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(
            public=approve,
            kind=extension.kind,
            days=extension.days,
            why=extension.reason,
            basis=extension.basis,
            due=due,
        )
    return extension


def write_reply(
    *,
    request_id: int,
    by: Actor,
    at: dt.datetime,
    text: str,
    photos: Sequence[IO[bytes]] = (),
    papers: Sequence[IO[bytes]] = (),
    send: bool = True,
    kind: str = ways.REPLY,
) -> Handling:
    """Write the reply of this round; with `send` it goes out, or to the unit's lead where the rule asks for a second
    pair of eyes (reply.needs_review). Without, it is kept as a draft. `kind`: the way it was handled (loop/ways.py).

    Raises AnotherWay (L-140) for a plain reply to a request that is handled in another way only.
    """
    text = checked_text(text)
    pictures = [files.clean(p, files.PHOTO) for p in photos]
    sheets = [files.clean(p, files.PAPER) for p in papers]
    with step("handling.write", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        s.allow(request, Cap.HANDLE_REQUESTS, UNIT)
        if request.state != "handling":
            raise WrongState
        if kind == ways.REPLY and not ways.plain_reply(request.kind):
            raise AnotherWay(way=getattr(ways.way_of(request.kind), "words", ""))
        assert request.unit_id is not None
        unit_id, area_path, lap = request.unit_id, request.area_path, request.lap
        handling = Handling.objects.filter(request=request, unit_id=unit_id, lap=lap, kind=kind).first()
        if handling is None:
            handling = Handling(request=request, unit_id=unit_id, area_path=area_path, lap=lap, kind=kind)
        elif handling.state != "draft":
            raise WrongState
        handling.text = without_personal(text, offices=True)
        handling.written_by_id, handling.written_at = by.user_id, at
        if pictures or sheets:
            handling.save()  # files belong to a row
            kept = files.keep_all([*pictures, *sheets], subject_type="loop.handling", subject_id=handling.pk)
            handling.photos += [f.pk for f in kept[: len(pictures)]]
            handling.papers += [f.pk for f in kept[len(pictures) :]]
        s.about(SUBJECT, request.pk, request.area_path)
        if not send:
            handling.save()
            s.record(handling, draft=True)
            s.event.after = "draft"
            return handling
        board = Board(s, request, starting=sampling.STARTING, rules=("reply.needs_review", *sampling.RULES))
        if board.rules["reply.needs_review"].value:
            s.rule(board.rules["reply.needs_review"])
            s.move(handling, HANDLING, "submit", save=WRITTEN)
        else:
            send_out(s, request, handling, board)
    return handling


def send_out(s: Step, request: Request, handling: Handling, board: Board) -> None:
    """The reply leaves: the unit's clocks stop, the resident's time to judge starts."""
    at = s.at
    board.stop(ClockKind.CONTACT, ClockKind.REPLY, ClockKind.REDO)
    board.cancel(ClockKind.ACCEPT)
    sampling.begin(s, request, board)
    board.save()
    handling.sent_at = at
    s.move(handling, HANDLING, "send", save=(*WRITTEN, "sent_at", "reviewed_by"))
    Dispatch.objects.filter(request=request, role="lead", state="accepted").update(state="done", ended_at=at)
    request.replied_at = at
    s.move(request, REQUEST, "reply", save=(*DUE, "replied_at"))
    s.record(handling, public=True, unit=request.unit_id, lap=request.lap)
    s.defer(jobs.tell, request_id=request.pk, news="replied")
    if request.parent_id is not None:
        join(s, request.parent_id)


def approve_reply(*, handling_id: int, by: Actor, at: dt.datetime) -> Handling:
    """The unit's lead has read it and lets it go out."""
    with step("handling.approve", by=by, at=at) as s:
        request, handling = lock_by_handling(s, handling_id)
        s.require(Cap.APPROVE_REPLY, org_id=handling.unit_id)
        if handling.written_by_id == by.user_id:
            raise NeedsSecondPerson
        if handling.state != "in_review" or request.state != "handling":
            raise WrongState
        handling.reviewed_by_id = by.user_id
        board = Board(s, request, starting=sampling.STARTING, rules=sampling.RULES)
        s.about(SUBJECT, request.pk, request.area_path)
        send_out(s, request, handling, board)
    return handling


def correct_reply(*, handling_id: int, by: Actor, at: dt.datetime, reason: str) -> Handling:
    """The unit's lead gives it back to be written better, saying what is missing."""
    with step("handling.correct", by=by, at=at) as s:
        request, handling = lock_by_handling(s, handling_id)
        s.move(handling, HANDLING, "correct", reason=by_staff(reason))
        s.about(SUBJECT, request.pk, request.area_path)
    return handling


def lock_by_handling(s: Step, handling_id: int) -> tuple[Request, Handling]:
    """A handling with its request locked first."""
    request_id = Handling.objects.filter(pk=handling_id).values_list("request_id", flat=True).first()
    if request_id is None:
        raise NotFound
    request = s.lock(Request, request_id, related=("category",))
    return request, Handling.objects.get(pk=handling_id)

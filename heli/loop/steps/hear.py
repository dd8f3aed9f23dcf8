"""诉: a request is heard, joined with its twins, split into parts, declined or withdrawn."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from heli.core import files, vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, HeliError, Invalid, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import new_code, without_personal
from heli.loop import jobs, links, sampling
from heli.loop.alike import traces_of
from heli.loop.clocks import DUE, Board
from heli.loop.errors import CannotMerge, NoSuchCategory, NotSplit, NotYoursAlone, TooLong, UnknownPlace
from heli.loop.models import Category, Channel, ClockKind, Confidentiality, Dispatch, Kind, Request, Urgency, Voice
from heli.loop.states import OPEN, REQUEST
from heli.places.models import Area

TEXT_LIMIT = 10_000
TITLE_LIMIT = 30
SUBJECT = "loop.request"


@dataclass(frozen=True, slots=True)
class Heard:
    """What hearing a request gives back: the request, its first voice, and the token of the secret link."""

    request: Request
    voice: Voice
    token: str


def title_of(text: str) -> str:
    """The first clause of a text, at most 30 characters, for a list."""
    first = re.split(r"[。！？!?\n；;]", text.strip(), maxsplit=1)[0].strip()
    if len(first) > TITLE_LIMIT:
        clause = re.split(r"[，,、]", first)
        first = clause[0] if 6 <= len(clause[0]) <= TITLE_LIMIT else first
    return first if len(first) <= TITLE_LIMIT else first[: TITLE_LIMIT - 1] + "…"


def by_staff(text: str, limit: int = 300) -> str:
    """What staff write beside an act (a reason, a basis, a decision): trimmed, cut, no number of a person in it."""
    return without_personal(text.strip(), offices=True)[:limit]


def place_of(area_path: str) -> tuple[Area, str]:
    """The area and the two-letter prefix of its county, for the code. One statement."""
    if not area_path:
        raise UnknownPlace(field="area")
    found = {a.path: a for a in Area.objects.filter(path__in={area_path, area_path[:6]})}
    area = found.get(area_path)
    if area is None or area.kind in {"placeholder", "virtual"} or area.valid_to is not None:
        raise UnknownPlace(field="area")
    county = found.get(area_path[:6], area)
    return area, (county.initials or "HL")[:2].upper()


def category_of(code: str) -> Category | None:
    """The category with this code, still open. One statement; none for an empty code."""
    if not code:
        return None
    found = Category.objects.filter(code=code, closed_on=None).first()
    if found is None:
        raise NoSuchCategory(field="category")
    return found


def checked_text(text: str, field: str = "text", limit: int = TEXT_LIMIT) -> str:
    """Text without control characters; TooLong (L-118) and Invalid (L-400) name the field."""
    text = "".join(c for c in text if c in "\n\t" or c.isprintable()).strip()
    if not text:
        raise Invalid(_("Say what it is about: one sentence is enough."), field=field)
    if len(text) > limit:
        raise TooLong(length=len(text), limit=limit, field=field)
    return text


def add_voice(
    request: Request,
    *,
    at: dt.datetime,
    channel: str,
    link_days: int,
    name: str,
    phone: str,
    address: str,
    original: str,
    reach: str,
    user_id: int | None,
) -> Voice:
    """Who says it: personal data to the vault (none for an anonymous voice), a link of its own."""
    record = None
    if name or phone or address or original:
        record = vault.seal(name=name, phone=phone, address=address, note=original, user_id=user_id)
    return Voice.objects.create(
        request=request,
        user_id=user_id,
        record=record,
        channel=channel,
        reach=reach,
        said_at=at,
        link_until=at + dt.timedelta(days=link_days),
    )


def insert_with_code(request: Request, prefix: str) -> None:
    """Insert the request under a code of its own. Codes are drawn at random, so now and then one is taken: draw again."""
    for _attempt in range(8):
        request.code = new_code(prefix, secrets.SystemRandom())
        try:
            with transaction.atomic():
                return request.save(force_insert=True)
        except IntegrityError as error:
            if "loop_request_code" not in str(error):
                raise
    raise HeliError


def hear(
    *,
    by: Actor,
    at: dt.datetime,
    text: str,
    area_path: str,
    kind: str = Kind.HELP,
    channel: str = Channel.WEB,
    title: str = "",
    category: str = "",
    spot: str = "",
    lat: Decimal | None = None,
    lon: Decimal | None = None,
    accuracy: int | None = None,
    urgency: str = "",
    confidentiality: str = Confidentiality.OPEN,
    name: str = "",
    phone: str = "",
    address: str = "",
    reach: str = "",
    photos: Sequence[IO[bytes]] = (),
    pictures: Sequence[files.Cleaned] = (),
    form_key: uuid.UUID | None = None,
    source: str = "",
    source_key: str | None = None,
) -> Heard:
    """Take a request in; its dispatch clock starts. Anyone may, for themselves; HEAR in the area for someone else.

    `pictures`: photos that a room cleaned already, by stricter limits than files.PHOTO.

    Raises:
        UnknownPlace: no such area, or one nobody lives in (L-112).
        NoSuchCategory (L-111); TooLong (L-118); Invalid (L-400); files.* (L-511 … 513).
        AlreadyDone: the same form or import row was taken before (L-104).
        RuleMissing: no deadline is known here; nothing is saved (L-301).
    """
    text = checked_text(text)
    shown = without_personal(text)
    cleaned = [*pictures, *(files.clean(p, files.PHOTO) for p in photos)]
    try:
        with step("request.hear", by=by, at=at) as s:
            area, prefix = place_of(area_path)
            if channel in {Channel.COUNTER, Channel.PHONE}:
                s.require(Cap.HEAR, path=area_path)
            elif channel == Channel.IMPORT:
                s.require(Cap.IMPORT_REQUESTS, path=area_path)
            about = category_of(category)
            request = Request(
                kind=kind,
                title=without_personal(title.strip())[:60] or title_of(shown),
                text=shown,
                area=area,
                area_path=area.path,
                spot=without_personal(spot.strip())[:120],
                lat=lat,
                lon=lon,
                accuracy=accuracy,
                category=about,
                channel=channel,
                confidentiality=confidentiality,
                urgency=urgency or (about.urgency if about else Urgency.NORMAL),
                reachable=bool(phone),
                heard_at=at,
                heard_by_id=by.user_id if by.is_staff else None,
                form_key=form_key,
                source=source,
                source_key=source_key,
                traces=traces_of(shown, title_of(shown)),
            )
            clocks = Board(s, request, starting=(ClockKind.DISPATCH,), rules=("track.link_days",))
            clock = clocks.start(ClockKind.DISPATCH)
            request.due_at, request.due_kind = clock.due_at, clock.kind
            insert_with_code(request, prefix)
            clock.save(force_insert=True)
            voice = add_voice(
                request,
                at=at,
                channel=channel,
                link_days=int(clocks.rules["track.link_days"].value),
                name=name,
                phone=phone,
                address=address,
                original=text if shown != text else "",
                reach=reach,
                user_id=by.user_id if not by.is_staff else None,
            )
            if cleaned:
                kept = files.keep_all(cleaned, subject_type=SUBJECT, subject_id=request.pk)
                request.photos = [f.pk for f in kept]
                request.save(update_fields=["photos"])
            s.about(SUBJECT, request.pk, request.area_path)
            s.record(request, public=True, kind=kind, channel=channel, photos=len(cleaned))
            s.event.after = request.state
    except IntegrityError as error:
        if any(n in str(error) for n in ("form_key", "request_imported_once")):
            raise AlreadyDone from error
        raise
    return Heard(request, voice, links.token_of(voice))


def decline(*, request_id: int, by: Actor, at: dt.datetime, reason: str, legal_basis: str, route: str) -> Request:
    """Not for this house: say why, by which rule, and which lawful way is open. The resident reads all three."""
    with step("request.decline", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        clocks = Board(s, request)
        clocks.cancel()
        clocks.save()
        request.closed_at = at
        papers = {"reason": by_staff(reason), "legal_basis": by_staff(legal_basis), "route": by_staff(route)}
        s.move(request, REQUEST, "decline", **papers, save=(*DUE, "closed_at"))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=True)
        s.defer(jobs.tell, request_id=request.pk, news="declined")
        if request.parent_id is not None:
            join(s, request.parent_id)
    return request


def withdraw(*, request_id: int, by: Actor, at: dt.datetime, reason: str = "") -> Request:
    """The resident takes it back; units that hold it are released.

    Raises NotYoursAlone (L-139) when neighbours said the same and it was joined: they still want it handled.
    """
    with step("request.withdraw", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        own = by.voice_id is None or Voice.objects.filter(pk=by.voice_id, request=request).exists()
        if not own or Request.objects.filter(merged_into=request).exists():
            raise NotYoursAlone
        clocks = Board(s, request)
        clocks.cancel()
        clocks.save()
        release(request, at)
        request.closed_at = at
        s.move(request, REQUEST, "withdraw", reason=without_personal(reason)[:200], save=(*DUE, "closed_at"))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=True)
        if request.parent_id is not None:
            join(s, request.parent_id)
    return request


def release(request: Request, at: dt.datetime) -> None:
    """Every live dispatch ends. Call while holding the request's lock."""
    Dispatch.objects.filter(request=request, state__in=("offered", "accepted", "returning")).update(
        state="withdrawn", ended_at=at
    )


def both(s: Step, one: int, other: int) -> tuple[Request, Request]:
    """Two requests locked in id order, so that two people joining them crosswise cannot block each other."""
    locked = {pk: s.lock(Request, pk) for pk in sorted({one, other})}
    return locked[one], locked[other]


def merge(*, request_id: int, into_id: int, by: Actor, at: dt.datetime) -> Request:
    """`request_id` becomes a twin of `into_id`. Every voice stays with what it said, is told, and judges the outcome.

    Raises CannotMerge (L-121) when one of them is finished, itself a twin, part of a split request (whose resident
    waits for all its parts), or in another county.
    """
    if request_id == into_id:
        raise CannotMerge
    with step("request.merge", by=by, at=at) as s:
        twin, kept = both(s, request_id, into_id)
        joinable = kept.state in {"heard", "dispatched", "handling"} and kept.merged_into_id is None
        if (
            not joinable
            or twin.area_path[:6] != kept.area_path[:6]
            or twin.parent_id is not None
            or kept.parent_id is not None
            or Request.objects.filter(merged_into=twin).exists()
        ):
            raise CannotMerge
        clocks = Board(s, twin)
        clocks.cancel()
        clocks.save()
        release(twin, at)
        twin.merged_into, twin.unit = kept, None
        if twin.reachable and not kept.reachable:  # one who said the same can be asked
            kept.reachable = True
            kept.save(update_fields=["reachable"])
        s.move(twin, REQUEST, "merge", save=(*DUE, "merged_into", "unit"))
        s.about(SUBJECT, twin.pk, twin.area_path)
        s.record(public=True, into=kept.pk)
        s.defer(jobs.tell, request_id=twin.pk, news="merged")
    return kept


def unmerge(*, request_id: int, by: Actor, at: dt.datetime, reason: str) -> Request:
    """Joined by mistake: the twin waits for dispatch again.

    If it was waiting when it was joined, its dispatch clock runs on (joining and parting gain nobody time); if a unit
    had it, a new one starts.
    """
    with step("request.unmerge", by=by, at=at) as s:
        twin = s.lock(Request, request_id, related=("category",))
        if twin.state != "merged":
            raise WrongState
        kept_id = twin.merged_into_id
        clocks = Board(s, twin, starting=(ClockKind.DISPATCH,))
        if not clocks.reopen(ClockKind.DISPATCH, "cancelled"):
            clocks.start(ClockKind.DISPATCH)
        clocks.save()
        twin.merged_into = None
        s.move(twin, REQUEST, "unmerge", reason=by_staff(reason), save=(*DUE, "merged_into"))
        s.about(SUBJECT, twin.pk, twin.area_path)
        s.record(public=True, out_of=kept_id)
    return twin


def split(*, request_id: int, parts: Sequence[tuple[str, str]], by: Actor, at: dt.datetime) -> list[Request]:
    """Several matters in one: `parts` are (title, text) pairs; the parent waits for all of them.

    The resident keeps one link and one judgement, on the parent.
    """
    parts = [(t.strip(), b.strip()) for t, b in parts if t.strip() and b.strip()]
    if len(parts) < 2:
        raise NotSplit(field="parts")
    made: list[Request] = []
    with transaction.atomic():
        with step("request.split", by=by, at=at) as s:
            parent = s.lock(Request, request_id, related=("area", "category"))
            clocks = Board(s, parent)
            clocks.cancel()
            clocks.save()
            s.move(parent, REQUEST, "split", save=DUE)
            s.about(SUBJECT, parent.pk, parent.area_path)
            s.record(public=True, parts=len(parts))
        prefix = parent.code.split("-", 1)[0]
        for title, text in parts:
            with step("request.part", by=by, at=at) as s:
                part = Request(
                    kind=parent.kind,
                    title=without_personal(title)[:60],
                    text=without_personal(checked_text(text)),
                    area_id=parent.area_id,
                    area_path=parent.area_path,
                    spot=parent.spot,
                    lat=parent.lat,
                    lon=parent.lon,
                    category=parent.category,
                    channel=parent.channel,
                    confidentiality=parent.confidentiality,
                    urgency=parent.urgency,
                    photos=parent.photos,
                    reachable=parent.reachable,
                    heard_at=at,
                    heard_by_id=by.user_id,
                    parent=parent,
                )
                board = Board(s, part, starting=(ClockKind.DISPATCH,))
                clock = board.start(ClockKind.DISPATCH)
                part.due_at, part.due_kind = clock.due_at, clock.kind
                insert_with_code(part, prefix)
                clock.save(force_insert=True)
                s.about(SUBJECT, part.pk, part.area_path)
                s.record(part, public=True, parent=parent.pk)
                made.append(part)
    return made


def join(s: Step, parent_id: int) -> None:
    """When no part is open any more, the parent is answered, and its resident can judge. Call in the step that ended
    a part; what follows from it is the system's own event."""
    parent = Request.objects.select_for_update(of=("self",)).select_related("category").get(pk=parent_id)
    if parent.state != "split" or Request.objects.filter(parent=parent, state__in=OPEN).exists():
        return
    inner = Step("request.join", SYSTEM, s.at)
    board = Board(inner, parent, starting=sampling.STARTING, rules=sampling.RULES)
    sampling.begin(inner, parent, board)
    board.save()
    parent.replied_at = s.at
    inner.move(parent, REQUEST, "join", save=("replied_at", *DUE))
    inner.about(SUBJECT, parent.pk, parent.area_path)
    inner.record(public=True)
    inner.close()
    s.defer(jobs.tell, request_id=parent.pk, news="replied")

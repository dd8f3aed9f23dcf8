"""What the resident does with the secret link of a request: follow it, add a word, judge, take it back. The link is the
right; no token is needed."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import Field

from heli.api.http import ApiRequest, Uploads, operation
from heli.api.operations.acts import JudgeIn, WithdrawIn, WordsIn, done
from heli.api.out import files_of, paged
from heli.api.shapes import After, Done, FileOut, In, Link, Out, PageOf, Size
from heli.core import files
from heli.core.caps import Scope
from heli.core.errors import Invalid, NotFound
from heli.core.tries import Limit, address, give_back, spend
from heli.engines.identifiers import BadIdentifier, normalise, phone
from heli.loop import links, steps
from heli.loop.errors import NotYoursAlone
from heli.loop.queries import public, track
from heli.loop.steps.link import renew_link
from heli.loop.views.track import secret_url

Instant = dt.datetime
GUESSES, OF_A_CODE = Limit(20, 600), Limit(10, 3600)  # as on the page that finds a request


class TrackClock(Out):
    name: str
    words: str
    state: str
    due_at: Instant


class TrackReply(Out):
    unit: str
    lap: int
    text: str
    sent_at: Instant
    photos: list[FileOut]
    part: str


class TrackEntry(Out):
    at: Instant
    title: str
    words: str
    yours: bool


class TrackOut(Out):
    """A request as its resident sees it."""

    code: str
    title: str
    text: str
    state: str
    state_words: str
    place: str
    stations: list[str]
    here: int
    clocks: list[TrackClock]
    replies: list[TrackReply]
    trail: list[TrackEntry]
    question: str | None
    judge_by: Instant | None
    can_judge: bool
    can_add: bool
    can_withdraw: bool
    neighbours: int
    times_read: int
    decided: str


@operation("GET", "links/{token}", scope=Scope.LINK, tag="link", out=TrackOut, also=(410,))
def follow(request: ApiRequest, token: Link) -> TrackOut:
    """Where the request is, by when, what was answered, what happened."""
    now = timezone.now()
    t = track.track(links.voice_of(token, now), now)
    return TrackOut(
        code=t.own.code,
        title=t.own.title,
        text=t.own.text,
        state=t.request.state,
        state_words=str(t.chip[1]),
        place=t.place.title,
        stations=[str(s.name) for s in t.stations],
        here=next((n for n, s in enumerate(t.stations, 1) if s.at in {"now", "late"}), 0),
        clocks=[TrackClock(name=str(c.name), words=str(c.words), state=c.state, due_at=c.due_at) for c in t.clocks],
        replies=[
            TrackReply(
                unit=r.unit, lap=r.lap, text=r.text, sent_at=r.sent_at,
                photos=files_of(r.photos, f"/api/v1/links/{token}/files/"), part=r.part,
            )
            for r in t.replies
        ],
        trail=[TrackEntry(at=e.at, title=str(e.title), words=str(e.words), yours=e.you) for e in t.trail],
        question=t.question.text if t.question else None,
        judge_by=t.judge_by,
        can_judge=t.can_judge,
        can_add=t.can_add,
        can_withdraw=t.can_withdraw,
        neighbours=t.neighbours,
        times_read=t.seen,
        decided=t.decided,
    )  # fmt: skip


class ReadingOut(Out):
    """Somebody read what was left: the organisation is named, the officer is not."""

    at: Instant
    organisation: str
    fields: str
    purpose: str


@operation("GET", "links/{token}/readings", scope=Scope.LINK, tag="link", out=PageOf[ReadingOut], also=(410,))
def follow_readings(
    request: ApiRequest,
    token: Link,
    after: After = "",
    size: Size = 50,
) -> PageOf[ReadingOut]:
    """Who read the name and number that were left, and what for."""
    page = public.readings(links.voice_of(token, timezone.now()), after=after or None, size=size)

    def row(r: public.Reading) -> ReadingOut:
        return ReadingOut(at=r.at, organisation=str(r.org_name), fields=r.fields, purpose=r.purpose)

    return PageOf[ReadingOut](**paged(page, row))


@operation(
    "GET", "links/{token}/files/{file_id}", scope=Scope.LINK, tag="link", out=None, also=(410,),
    media="image/jpeg application/pdf",
)  # fmt: skip
def follow_file(request: ApiRequest, token: Link, file_id: uuid.UUID) -> HttpResponse:
    """A photo of one's own request, or of the reply to it."""
    return files.serve(public.file_for_voice(links.voice_of(token, timezone.now()), file_id), request)


@operation(
    "POST", "links/{token}/words", scope=Scope.LINK, tag="link", out=Done, status=201, also=(410,), uploads=WordsIn,
    calls="add_words",
)  # fmt: skip
def link_words(request: ApiRequest, token: Link, body: WordsIn, uploads: Uploads) -> Done:
    """One more word, a photo, or the answer to a question."""
    now = timezone.now()
    voice = links.voice_of(token, now)
    made = steps.add_words(
        request_id=voice.request.merged_into_id or voice.request_id, by=links.bearer(voice), at=now, text=body.text,
        photos=uploads.photos,
    )  # fmt: skip
    return done(made)


@operation(
    "POST", "links/{token}/judgement", scope=Scope.LINK, tag="link", out=Done, status=201, also=(410,), calls="judge"
)
def link_judge(request: ApiRequest, token: Link, body: JudgeIn) -> Done:
    """Contacted? Solved? Satisfied? "No" or 1 sends it round again."""
    now = timezone.now()
    voice = links.voice_of(token, now)
    made = steps.judge(
        voice_id=voice.pk, by=links.bearer(voice), at=now, contacted=body.contacted, solved=body.solved,
        satisfaction=body.satisfaction, words=body.words,
    )  # fmt: skip
    return done(made)


@operation("POST", "links/{token}/withdraw", scope=Scope.LINK, tag="link", out=Done, also=(410,), calls="withdraw")
def link_withdraw(request: ApiRequest, token: Link, body: WithdrawIn) -> Done:
    """Take it back while nothing is answered and no neighbour's word hangs on it."""
    now = timezone.now()
    voice = links.voice_of(token, now)
    if not track.track(voice, now).can_withdraw and voice.request.merged_into_id is not None:
        raise NotYoursAlone
    return done(steps.withdraw(request_id=voice.request_id, by=links.bearer(voice), at=now, reason=body.reason))


class FindIn(In):
    """A code, and the phone number that was left with it."""

    code: Annotated[str, Field(min_length=4, max_length=40)]
    phone: Annotated[str, Field(max_length=20)] = ""


class FoundOut(Out):
    """With the right number the link; with the code alone where it is, where its resident lets that be known."""

    code: str
    state: str
    state_words: str
    unit: str
    due: str
    link: str | None
    link_url: str | None


@operation("POST", "find", scope=Scope.PUBLIC, tag="link", out=FoundOut, calls="renew_link", write=False)
def find(request: ApiRequest, body: FindIn) -> FoundOut:
    """Find a request by its code, and with the number its link again. A code nobody has and a wrong number look the same."""
    now, at = timezone.now(), address(request)
    try:
        code, number = normalise(body.code), phone(body.phone) if body.phone else ""
    except BadIdentifier as error:
        raise Invalid(_("The code or the number is not whole. Look at the slip once more."), field="code") from error
    spend("find", at, GUESSES)
    voice = None
    if number:
        spend("code", code, OF_A_CODE)
        voice = public.by_code_and_phone(code, number)
        if voice is not None:
            give_back("code", code)
            if voice.link_until <= now:
                voice = renew_link(voice_id=voice.pk, by=links.bearer(voice), at=now)
    found = voice.request if voice is not None else None if number else public.by_code_alone(code)
    if found is None:
        raise NotFound
    give_back("find", at)
    seen = track.glance(found, now)
    return FoundOut(
        code=found.code,
        state=(found.merged_into or found).state,
        state_words=str(seen.words),
        unit=seen.unit,
        due=seen.due_words,
        link=links.token_of(voice) if voice is not None else None,
        link_url=secret_url(voice) if voice is not None else None,
    )

"""The page of a secret link: how it goes, the reply, the judgement, one more word. Whoever holds the link is the voice."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

import segno
from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import files
from heli.core.caps import Scope
from heli.core.errors import HeliError
from heli.core.export import download
from heli.core.pages import HeliRequest, error_page, page
from heli.loop import links, steps, ways
from heli.loop.errors import JudgedAlready, LinkEnded
from heli.loop.forms.public import PHOTOS, FindForm, JudgeForm, WordsForm
from heli.loop.models import Voice
from heli.loop.queries import public as queries
from heli.loop.queries import track as tracks
from heli.loop.steps.handle import WORDS_LIMIT
from heli.loop.steps.link import replace_link
from heli.loop.views.public import private

P = ParamSpec("P")
JUDGED_WORDS = 1000
DONE = {  # what the address says was just done → the sentence for it
    "judged": lambda: _("Your judgement is kept. Whoever handled it cannot change it."),
    "added": lambda: _("Added. Whoever handles it sees it."),
    "withdrawn": lambda: _("You took it back. Nobody goes on with it."),
}


def by_link(
    view: Callable[Concatenate[HeliRequest, Voice, P], HttpResponse],
) -> Callable[Concatenate[HeliRequest, P], HttpResponse]:
    """A page of a secret link: the token becomes its voice. A link that ended or is wrong leads to the way by code and
    number (410); errors keep the page's privacy."""

    @wraps(view)
    def opened(request: HeliRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        token = str(kwargs.pop("token"))
        try:
            voice = links.voice_of(token, timezone.now())
            response = view(request, voice, *args, **kwargs)
        except LinkEnded as error:
            response = render(
                request, "loop/public/ended.html", {"error": error, "form": FindForm()}, status=error.status
            )
        except HeliError as error:
            response = error_page(request, error)
        return private(response)

    return cast(Callable[Concatenate[HeliRequest, P], HttpResponse], opened)


def to_track(voice: Voice, done: str = "") -> HttpResponse:
    where = reverse("loop:track", args=[links.token_of(voice)])
    return HttpResponseRedirect(f"{where}?done={done}" if done else where, status=303)


def secret_url(voice: Voice) -> str:
    """The whole address of the link, as it is printed, copied and put into the QR."""
    return f"{settings.HELI_PUBLIC_URL}{reverse('loop:track', args=[links.token_of(voice)])}"


def qr(url: str) -> str:
    """The QR of an address as a data URI (SVG); medium error correction, readable from a creased slip."""
    return segno.make(url, error="m").svg_data_uri(scale=4, border=2)


def track_page(
    request: HeliRequest,
    voice: Voice,
    *,
    judge: JudgeForm | None = None,
    words: WordsForm | None = None,
    note: str = "",
    done: str = "",
    status: int = 200,
) -> HttpResponse:
    """The page, with a form as it was typed when something is wrong with it."""
    now, token = timezone.now(), links.token_of(voice)
    context: dict[str, Any] = {
        "t": tracks.track(voice, now),
        "ways": ways.to_follow(voice.request.kind, voice.request_id, token),
        "token": token,
        "now": now,
        "judge_form": judge or JudgeForm(),
        "words_form": words or WordsForm(),
        "words_open": words is not None,
        "words_limit": WORDS_LIMIT,
        "judged_words": JUDGED_WORDS,
        "photos_most": PHOTOS,
        "note": note,
        "done": done,
    }
    return render(request, "loop/public/track.html", context, status=status)


@page("t/<str:token>/", scope=Scope.LINK)
@by_link
def track(request: HeliRequest, voice: Voice) -> HttpResponse:
    """How it goes, and what the resident can do now."""
    said = DONE.get(request.GET.get("done", ""))
    return track_page(request, voice, done=said() if said else "")


@page("t/<str:token>/sent/", scope=Scope.LINK)
@by_link
def sent(request: HeliRequest, voice: Voice) -> HttpResponse:
    """After sending: the code, the link, what happens next and by when."""
    now = timezone.now()
    context = {
        "s": tracks.sent(voice, now),
        "voice": voice,
        "token": links.token_of(voice),
        "url": secret_url(voice),
        "qr": qr(secret_url(voice)),
        "has_phone": voice.record is not None and voice.record.phone_index is not None,
        "now": now,
    }
    return render(request, "loop/public/sent.html", context)


@page("t/<str:token>/qr/", name="qr", scope=Scope.LINK)
@by_link
def qr_file(request: HeliRequest, voice: Voice) -> HttpResponse:  # noqa: ARG001  (the link is enough)
    """The QR as a picture to keep among one's photos."""
    out = io.BytesIO()
    segno.make(secret_url(voice), error="m").save(out, kind="png", scale=10, border=4)
    return download(out.getvalue(), f"{voice.request.code}.png", "image/png")


@page("t/<str:token>/judge/", name="judge", scope=Scope.LINK, methods=("POST",))
@by_link
def judge(request: HeliRequest, voice: Voice) -> HttpResponse:
    """One voice's judgement of this round."""
    form = JudgeForm(request.POST)
    if not form.is_valid():
        return track_page(request, voice, judge=form, status=400)
    data = form.cleaned_data
    try:
        steps.judge(
            voice_id=voice.pk,
            by=links.bearer(voice),
            at=timezone.now(),
            contacted=data["contacted"] == "yes",
            solved=data["solved"],
            satisfaction=data["satisfaction"],
            words=data["words"],
        )
    except JudgedAlready:
        return track_page(
            request,
            voice,
            note=_("You have judged this round already, and it is kept. Nothing was counted twice."),
            status=409,
        )
    except HeliError as error:
        return track_page(request, voice, judge=form, note=str(error), status=error.status)
    return to_track(voice, "judged")


@page("t/<str:token>/words/", name="words", scope=Scope.LINK, methods=("POST",))
@by_link
def words(request: HeliRequest, voice: Voice) -> HttpResponse:
    """One more word, a photo, or the answer to a question."""
    form = WordsForm(request.POST, request.FILES)
    if not form.is_valid():
        return track_page(request, voice, words=form, status=400)
    text, photos = form.cleaned_data["text"], form.cleaned_data["photos"]
    try:
        steps.add_words(
            request_id=voice.request.merged_into_id or voice.request_id,
            by=links.bearer(voice),
            at=timezone.now(),
            text=text or (_("Photos added.") if photos else ""),
            photos=photos,
        )
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return track_page(request, voice, words=form, status=error.status)
    return to_track(voice, "added")


@page("t/<str:token>/withdraw/", name="withdraw", scope=Scope.LINK, methods=("POST",))
@by_link
def withdraw(request: HeliRequest, voice: Voice) -> HttpResponse:
    """Take it back. Not when neighbours said the same: their word goes on."""
    if not tracks.track(voice, timezone.now()).can_withdraw:
        return track_page(
            request,
            voice,
            note=_("This can no longer be taken back: it is answered, or neighbours said the same."),
            status=409,
        )
    try:
        steps.withdraw(
            request_id=voice.request_id,
            by=links.bearer(voice),
            at=timezone.now(),
            reason=request.POST.get("reason", "")[:200],
        )
    except HeliError as error:
        return track_page(request, voice, note=str(error), status=error.status)
    return to_track(voice, "withdrawn")


@page("t/<str:token>/replace/", name="replace_link", scope=Scope.LINK, methods=("POST",))
@by_link
def replace(request: HeliRequest, voice: Voice) -> HttpResponse:  # noqa: ARG001  (the link is enough)
    """End this link and give a new one: to the page with its code and QR."""
    fresh = replace_link(voice_id=voice.pk, by=links.bearer(voice), at=timezone.now())
    return HttpResponseRedirect(reverse("loop:sent", args=[links.token_of(fresh)]), status=303)


@page("t/<str:token>/seen/", name="seen", scope=Scope.LINK)
@by_link
def seen(request: HeliRequest, voice: Voice) -> HttpResponse:
    """Who read the number and name that were left with this."""
    rows = queries.readings(voice, after=request.GET.get("after"))
    context = {"rows": rows, "voice": voice, "token": links.token_of(voice), "now": timezone.now()}
    return render(request, "loop/public/seen.html", context)


@page("t/<str:token>/file/<uuid:file_id>/", name="track_file", scope=Scope.LINK)
@by_link
def track_file(request: HeliRequest, voice: Voice, file_id: uuid.UUID) -> HttpResponse:
    """A photo of one's own request, or of the reply."""
    return files.serve(queries.file_for_voice(voice, file_id), request)

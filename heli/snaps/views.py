"""Snap it: the page of drivers and passers-by, which also works without a connection; thanks, and covering photos."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export, tries
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, Invalid, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.scope import within
from heli.loop import links
from heli.loop.models import AREA_READERS, Voice
from heli.loop.views.public import for_oneself, private
from heli.loop.views.track import by_link
from heli.places import queries as places
from heli.rulebook import queries as rulebook
from heli.snaps import queries, steps, where
from heli.snaps.errors import AboutSomebody
from heli.snaps.forms import DecideForm, PointForm, SnapForm
from heli.snaps.hazards import buttons

SCRIPTS = Path(__file__).parent / "static" / "snaps"
STAFF = (*AREA_READERS, Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY, Cap.HEAR)
MAY_DECIDE = queries.READERS
ASKED = tries.Limit(300)  # what phones ask by themselves; many of them share one address of their network
GRID = 8  # rows and columns of squares that are marked to be covered
TITLES = {
    "held": gettext_lazy("To look at"),
    "refused": gettext_lazy("Not given"),
    "given": gettext_lazy("Points given"),
}


def who(actor: Actor) -> str:
    """A mark by which a phone knows that another account is logged in than when a snap was taken; "" for none."""
    return "" if actor.user_id is None else salted_hmac("heli.snaps.who", str(actor.user_id)).hexdigest()[:16]


def wants_json(request: HeliRequest) -> bool:
    """Whether the page's script (or its service worker) sends, and not a plain form."""
    return request.headers.get("X-Heli-Snap") == "1"


# The page ---------------------------------------------------------------------------------------------------------------
@page("", name="snap", scope=Scope.PUBLIC, methods=("GET", "POST"))
def snap(request: HeliRequest) -> HttpResponse:
    """A photo, the place, one of eight buttons. Sent twice, it counts once."""
    if request.method == "POST":
        return send(request)
    return private(snap_page(request, {}))


@page("shell/", name="shell", scope=Scope.PUBLIC)
def shell(request: HeliRequest) -> HttpResponse:
    """The same page for the time without a connection: kept on the phone, so nothing of an account is in it."""
    response = snap_page(request, {}, bare=True)
    response["X-Robots-Tag"] = "noindex"
    return response


def snap_page(
    request: HeliRequest,
    values: Mapping[str, Any],
    *,
    wrong: HeliError | None = None,
    bare: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The form with what was typed; `wrong` says what has to be put right, and `person` leads to the ordinary form."""
    context = {
        "values": values,
        "form_key": values.get("form_key") or uuid.uuid4(),
        "buttons": buttons(),
        "streets": queries.communities(),
        "wrong": wrong,
        "person": isinstance(wrong, AboutSomebody),
        "photo_again": bool(request.FILES),
        "words_limit": steps.WORDS_LIMIT,
        "shell": bare,
        "who": "" if bare else who(request.actor),
        "hide_foot": True,
        "rough": where.NEAR,
    }
    return render(request, "snaps/shell.html" if bare else "snaps/snap.html", context, status=status)


def send(request: HeliRequest) -> HttpResponse:
    """What a phone sent, now or from its queue."""
    form = SnapForm(request.POST, request.FILES)
    try:
        tries.filed(request)
        if not form.is_valid():
            name, mistakes = next(iter(form.errors.items()))
            raise Invalid(str(mistakes[0]), field=str(name))
        actor = Actor(user_id=None) if form.cleaned_data["alone"] else for_oneself(request.actor)
        voice, left_out = taken(actor, form)
    except HeliError as error:
        if wants_json(request):
            said = {"code": error.code, "field": error.field or "", "words": error.words}
            return private(JsonResponse(said, status=error.status))
        return private(snap_page(request, request.POST.dict(), wrong=error, status=error.status))
    url = reverse("snaps:done", args=[links.token_of(voice)]) + ("?photo=out" if left_out else "")
    if wants_json(request):
        answer = {"code": voice.request.code, "token": links.token_of(voice), "url": url, "photo_left_out": left_out}
        return private(JsonResponse(answer))
    return private(HttpResponseRedirect(url, status=303))


def taken(actor: Actor, form: SnapForm) -> tuple[Voice, bool]:
    """Take it down; sent twice with one key, the first time counts and is answered again."""
    told = form.told()
    before = told["form_key"], told["hazard"], told["words"]
    # a photo costs seconds: one that is sent again, since the answer got lost on the way, is not looked at again
    if told["photo"] is not None and (voice := queries.sent_before(*before)):
        return voice, queries.left_out(voice)
    try:
        made = steps.take(by=actor, at=timezone.now(), **told)
    except AlreadyDone:
        if voice := queries.sent_before(*before):
            return voice, queries.left_out(voice)
        if told["photo"] is not None:
            told["photo"].seek(0)
        made = steps.take(by=actor, at=timezone.now(), **told | {"form_key": uuid.uuid4()})
    voice = made.heard.voice
    voice.request = made.heard.request
    return voice, made.photo_left_out


@page("ready/", name="ready", scope=Scope.PUBLIC)
def ready(request: HeliRequest) -> HttpResponse:
    """Asked before a queue is sent: a token against forgery for the session there is now, and whose it is.

    Other sites cannot read it: answers carry no CORS headers, and the cookie stays with its site.
    """
    return private(JsonResponse({"token": get_token(request), "who": who(request.actor)}))


@page("place/", name="place", scope=Scope.PUBLIC, methods=("POST",), limit=ASKED)
def place(request: HeliRequest) -> HttpResponse:
    """The community a point lies in, in words; asked by POST, so that no point of a person stands in a log."""
    form = PointForm(request.POST)
    if not form.is_valid():
        return private(JsonResponse({"area": "", "words": "", "near": False}))
    asked = form.cleaned_data
    found = where.nearest(asked["lat"], asked["lon"], str(settings.HELI_HOME_AREA), asked["accuracy"])
    if found.area is None:
        return private(JsonResponse({"area": "", "words": "", "near": False, "outside": True}))
    full = places.full_names([found.area], below=str(settings.HELI_HOME_AREA)[:6])
    others = [{"path": a.path, "name": a.short_name or a.name} for a in found.others]
    near = {"area": found.area.path if found.near else "", "words": full[found.area.path], "near": found.near}
    return private(JsonResponse(near | {"others": others}))


@page("done/<str:token>/", scope=Scope.LINK)
@by_link
def done(request: HeliRequest, voice: Voice) -> HttpResponse:
    """It is taken: the code, the link, and the next one."""
    left_out = request.GET.get("photo") == "out"
    context = {"voice": voice, "r": voice.request, "token": links.token_of(voice), "left_out": left_out}
    return render(request, "snaps/done.html", context)


# What became of them -----------------------------------------------------------------------------------------------------
@page("mine/", scope=Scope.PUBLIC)
def mine(request: HeliRequest) -> HttpResponse:
    """Snaps this phone keeps links of, those of the account, and its own points."""
    now, actor = timezone.now(), for_oneself(request.actor)
    rows = queries.mine(actor, now, after=request.GET.get("after"))
    rules = rulebook.in_force(
        ("snap.thanks", "snap.daily_cap"), path=str(settings.HELI_HOME_AREA), on=timezone.localtime(now).date()
    )
    context = {
        "rows": rows,
        "points": queries.points(actor),
        "thanks": rules["snap.thanks"],
        "cap": rules["snap.daily_cap"],
        "now": now,
        "who": who(request.actor),
    }
    return private(render(request, "snaps/mine.html", context))


@page("states/", name="states", scope=Scope.PUBLIC, methods=("POST",), limit=ASKED)
def states(request: HeliRequest) -> HttpResponse:
    """What became of the snaps whose links a phone kept: {link: {code, words, thanks}}."""
    found = queries.of_links(request.POST.getlist("token"), timezone.now())
    said = {
        t: {"code": o.request.code, "title": o.request.title, "words": str(o.words), "chip": o.chip, "thanks": o.thanks}
        for t, o in found.items()
    }
    return private(JsonResponse(said))


# On the phone -------------------------------------------------------------------------------------------------------------
@page("app.webmanifest", name="manifest", scope=Scope.PUBLIC)
def manifest(request: HeliRequest) -> HttpResponse:
    """What a phone asks to put the page among its apps."""
    with translation.override(settings.LANGUAGE_CODE):
        said = {
            "id": reverse("snaps:snap"),
            "name": _("Snap it · Heli"),
            "short_name": _("Snap it"),
            "description": _("A hazard in the street: a photo, the place, one button."),
            "lang": "zh-Hans",
            "start_url": reverse("snaps:snap"),
            "scope": reverse("snaps:snap"),
            "display": "standalone",
            "background_color": "#f4f6f2",
            "theme_color": "#12616b",
            "icons": [
                {"src": static("snaps/icon-192.png"), "sizes": "192x192", "type": "image/png"},
                {"src": static("snaps/icon-512.png"), "sizes": "512x512", "type": "image/png"},
                {
                    "src": static("snaps/icon-mask-512.png"),
                    "sizes": "512x512",
                    "type": "image/png",
                    "purpose": "maskable",
                },
            ],
        }
    response = HttpResponse(json.dumps(said, ensure_ascii=False), content_type="application/manifest+json")
    response["Cache-Control"] = "public, max-age=3600"
    return response


KEPT = (
    "vendor/tabler/tabler.min.css",
    "heli/heli.css",
    "heli/bars.css",
    "heli/heli.js",
    "heli/icons.svg",
    "heli/favicon.svg",
    "heli/logo.svg",
    "snaps/snap.css",
    "snaps/queue.js",
    "snaps/snap.js",
    "snaps/icon-192.png",
)


@cache
def worker_parts() -> str:
    """The queue and the service worker as one script: a worker may not load another by our policy."""
    return "".join((SCRIPTS / name).read_text(encoding="utf-8") for name in ("queue.js", "worker.js"))


@page("sw.js", name="worker", scope=Scope.PUBLIC)
def worker(request: HeliRequest) -> HttpResponse:
    """The service worker of /snap/: keeps the page for the time without a connection, sends what waits when it is back."""
    kept = [reverse("snaps:shell"), *(static(name) for name in KEPT)]
    body = worker_parts()
    with translation.override(settings.LANGUAGE_CODE):  # its words and communities change without any of the scripts
        page = snap_page(request, {}, bare=True).content.decode().replace(str(request.csp_nonce), "")  # type: ignore[attr-defined]
    version = salted_hmac("heli.snaps.worker", body + json.dumps(kept) + page).hexdigest()[:12]
    response = HttpResponse(
        f"const KEPT = {json.dumps(kept)};\nconst VERSION = {json.dumps(version)};\n{body}",
        content_type="text/javascript",
    )
    response["Cache-Control"] = "no-cache"
    return response


# Thanks -------------------------------------------------------------------------------------------------------------------
@page("thanks/", needs=MAY_DECIDE, scope=Scope.AREA)
def thanks(request: HeliRequest) -> HttpResponse:
    """Thanks that something speaks against, for a person to decide; nobody's name, and no sum of anybody."""
    return thanks_list(request)


def thanks_list(
    request: HeliRequest, *, form: DecideForm | None = None, form_pk: int = 0, wrong: str = "", status: int = 200
) -> HttpResponse:
    """The list of one tab, with a form as it was typed when something is wrong with it."""
    tab = request.GET.get("tab", "held")
    rows = queries.thanks_page(request.actor, tab, after=request.GET.get("after"))
    context = {
        "page": rows,
        "tab": tab,
        "tabs": list(TITLES.items()),
        "form": form,
        "form_pk": form_pk,
        "wrong": wrong,
        "now": timezone.now(),
        "may_export": Cap.EXPORT in request.actor.caps and bool(rows.rows),
        "page_base": "web/base.html",
    }
    return render(request, "snaps/thanks.html", context, status=status)


@page("thanks/<int:snap_id>/decide/", name="decide", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("POST",))
def decide(request: HeliRequest, snap_id: int) -> HttpResponse:
    """Give them or not, also a second time."""
    form = DecideForm(request.POST)
    if not form.is_valid():
        said = next(iter(form.errors.values()))[0]
        return thanks_list(request, form=form, form_pk=snap_id, wrong=str(said), status=400)
    give = form.cleaned_data["give"] == "yes"
    try:
        steps.decide(
            request_id=snap_id, give=give, reason=form.cleaned_data["reason"], by=request.actor, at=timezone.now()
        )
    except NotFound:
        raise
    except HeliError as error:
        return thanks_list(request, form=form, form_pk=snap_id, wrong=error.words, status=error.status)
    return HttpResponseRedirect(
        f"{reverse('snaps:thanks')}?tab={'given' if give else 'refused'}#s{snap_id}", status=303
    )


@page("thanks/export/", name="thanks_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def thanks_export(request: HeliRequest) -> HttpResponse:
    """One tab as a file: codes, places and reasons; nobody's name, so no sum of a person can be made of it."""
    now, tab = timezone.now(), request.GET.get("tab", "held")
    paths = request.actor.paths(Cap.EXPORT)
    found = queries.thanks(request.actor, tab).filter(within("request__area_path", paths)).order_by("-request_id")
    purpose = request.POST.get("purpose", "")
    rules = rulebook.in_force(("export.row_cap",), path=paths[0], on=timezone.localtime(now).date())
    export.take_away(
        name="snaps.thanks",
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=found.count(),
        filters={"tab": tab},
        path=paths[0],
    )
    columns: list[Any] = [
        (_("Code"), lambda s: s.request.code),
        (_("What"), lambda s: s.request.title),
        (_("Community"), lambda s: s.request.area.short_name),
        (_("Told"), lambda s: s.request.heard_at),
        (_("Why it waited"), lambda s: s.get_why_display()),
        (_("Reason"), lambda s: s.reason),
    ]
    content = export.workbook(
        _("Thanks for snaps"), columns, found, cap=int(rules["export.row_cap"].value), notes=[purpose]
    )
    return export.download(content, "snap-thanks.xlsx")


# Photos -------------------------------------------------------------------------------------------------------------------
@page("cover/<uuid:snap_photo>/", needs=STAFF, scope=Scope.AREA, methods=("GET", "POST"))
def cover(request: HeliRequest, snap_photo: uuid.UUID) -> HttpResponse:
    """A face or a plate the machine did not find: squares are marked, the stored photo is written anew without them."""
    row, about = queries.photo_to_cover(request.actor, snap_photo)
    wrong = ""
    if request.method == "POST":
        cells = [int(c) for c in request.POST.getlist("cell") if c.isdecimal() and int(c) < GRID * GRID]
        try:
            with transaction.atomic():
                steps.cover(file_id=snap_photo, places=[square(c) for c in cells], by=request.actor, at=timezone.now())
        except NotFound:
            raise
        except HeliError as error:
            wrong = error.words
        else:
            return HttpResponseRedirect(reverse("loop:request", args=[about.code]), status=303)
    context = {"file": row, "r": about, "cells": range(GRID * GRID), "wrong": wrong, "page_base": "web/base.html"}
    return private(render(request, "snaps/cover.html", context, status=400 if wrong else 200))


def square(n: int) -> steps.Place:
    """The n-th square of the grid, as shares of the photo's width and height."""
    x, y = n % GRID, n // GRID
    return x / GRID, y / GRID, (x + 1) / GRID, (y + 1) / GRID

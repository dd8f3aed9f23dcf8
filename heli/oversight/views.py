"""For anybody: is it genuine, what to do when money was paid, tell of an impostor, and see what became of it."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from heli.core import tries
from heli.core.caps import Scope
from heli.core.errors import AlreadyDone, HeliError
from heli.core.pages import HeliRequest, page
from heli.loop.forms.public import PHOTOS
from heli.loop.views.public import private
from heli.loop.views.track import qr
from heli.oversight import links, queries, steps
from heli.oversight.errors import TipLinkEnded
from heli.oversight.forms import TipForm
from heli.oversight.models import Tip
from heli.oversight.words import TELLER

ASKING = tries.Limit(60, 600)  # names looked up, per address


@page("", name="tip", scope=Scope.PUBLIC, methods=("GET", "POST"))
def tip(request: HeliRequest) -> HttpResponse:
    """Help at once, a look into our list, and the form; one page that also works without scripts."""
    if request.method != "POST":
        return _form_page(request, TipForm(initial={"form_key": uuid.uuid4(), "name": request.GET.get("q", "")[:80]}))
    form = TipForm(request.POST, request.FILES)
    status = 400
    if form.is_valid():
        try:
            tries.filed(request)
            return private(HttpResponseRedirect(f"{_where(_told(request, form))}?new=1", status=303))
        except HeliError as error:
            form.add_error(error.field if error.field in form.fields else None, error.words)
            status = error.status
    return _form_page(request, form, status)


def _told(request: HeliRequest, form: TipForm) -> Tip:
    """Take it down. Sent twice, it counts once and leads to the same page."""
    told, now = form.told(), timezone.now()
    try:
        return steps.receive(at=now, by=request.actor, **told)
    except AlreadyDone:
        if before := queries.sent_before(told["form_key"], told["name"], told["text"]):
            return before
        for photo in told["photos"]:
            photo.seek(0)
        return steps.receive(at=now, by=request.actor, **told | {"form_key": uuid.uuid4()})


def _where(tip: Tip) -> str:
    return reverse("oversight:told", args=[links.token_of(tip)])


def _form_page(request: HeliRequest, form: TipForm, status: int = 200) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:80] if request.method == "GET" else ""
    if asked:
        tries.spend("tips name", tries.whose(request), ASKING, error=tries.TooOften)
    context: dict[str, Any] = {
        "form": form,
        "form_key": form["form_key"].value() or uuid.uuid4(),
        "asked": asked,
        "short": bool(asked) and len(asked) < 2,
        "known": queries.known_as(asked, at=timezone.now()) if asked else [],
        "photos_most": PHOTOS,
        "photos_again": bool(request.FILES),
        "wrong": {"photos": form.errors["photos"][0]} if "photos" in form.errors else {},
    }
    return private(render(request, "oversight/tip.html", context, status=status))


@page("t/<str:told>/", name="told", scope=Scope.PUBLIC)
def told(request: HeliRequest, told: str) -> HttpResponse:
    """What became of it, for whoever holds the secret link."""
    try:
        found = links.tip_of(told)
    except TipLinkEnded as error:
        return private(render(request, "oversight/ended.html", {"error": error}, status=error.status))
    url = f"{settings.HELI_PUBLIC_URL}{_where(found)}"
    title, words = TELLER[found.state]
    context = {
        "tip": found,
        "new": request.GET.get("new") == "1",
        "url": url,
        "qr": qr(url),
        "title": title,
        "words": words,
        "clock": queries.clock_of(found, timezone.now()),
        "readings": queries.readings(found),
        "now": timezone.now(),
    }
    return private(render(request, "oversight/told.html", context))

"""For residents: the wall, a call, suggesting, seconding, one suggestion with its whole way, and one's own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import files, tries
from heli.core.caps import Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop import links
from heli.loop.clocks import local_day
from heli.loop.models import Voice
from heli.loop.queries import public as told
from heli.loop.steps.hear import TEXT_LIMIT
from heli.loop.views.public import for_oneself, own_number, place_context, private
from heli.loop.views.track import by_link, qr, secret_url
from heli.suggestions import steps
from heli.suggestions.errors import AnsweredAlready, EditedAfterSeconding
from heli.suggestions.forms import NameForm, SuggestForm, TextForm
from heli.suggestions.models import Addendum, Call, Suggestion
from heli.suggestions.queries import one as ones
from heli.suggestions.queries import wall as queries
from heli.suggestions.steps.said import is_answered

Wrong = dict[str, str]


@page("", scope=Scope.PUBLIC)
def wall(request: HeliRequest) -> HttpResponse:
    """Calls that are open first, then what neighbours suggest."""
    now, f = timezone.now(), queries.Filters.read(request.GET)
    home = told.home_area()
    context = {
        "page": queries.wall(f, now, after=request.GET.get("after")),
        "calls": queries.open_calls(now) if not f.narrowed and not request.GET.get("after") else [],
        "filters": f,
        "stages": queries.STAGES.items(),
        "sorts": queries.SORTS.items(),
        "streets": told.below(home).areas,
        "call": Call.objects.exclude(state="draft").filter(pk=int(f.call)).first() if f.call else None,
        "now": now,
    }
    return render(request, "suggestions/wall.html", context)


@page("calls/", scope=Scope.PUBLIC)
def calls(request: HeliRequest) -> HttpResponse:
    """Every call there was, with what came of it."""
    now = timezone.now()
    context = {"page": queries.calls(after=request.GET.get("after")), "today": local_day(now), "now": now}
    return render(request, "suggestions/calls.html", context)


@page("calls/<int:call_id>/", scope=Scope.PUBLIC)
def call(request: HeliRequest, call_id: int) -> HttpResponse:
    """A call: what is asked, until when, what was suggested, what came of it."""
    now = timezone.now()
    found = queries.call_seen(request.actor, call_id)
    f = queries.Filters(call=str(call_id), sort="most" if request.GET.get("sort") == "most" else "new")
    context = {
        "call": found,
        "accepts": found.accepts(local_day(now)),
        "tally": queries.tally(found, now),
        "page": queries.wall(f, now, after=request.GET.get("after")),
        "filters": f,
        "sorts": queries.SORTS.items(),
        "now": now,
    }
    return render(request, "suggestions/call.html", context)


# Suggesting -----------------------------------------------------------------------------------------------------------
@page("new/", scope=Scope.PUBLIC, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """In two steps: the words, with what is like them; then the place, the name and the number."""
    if request.method != "POST":
        values = {"call": request.GET.get("call", "")[:18], "text": request.GET.get("text", "")[:TEXT_LIMIT]}
        return _new_page(request, values | {"phone": own_number(request.actor).get("phone", "")}, step=1)
    values = request.POST.dict()
    if request.POST.get("go") == "send":
        return _send(request)
    if request.POST.get("go") == "1":
        return _new_page(request, values, step=1)
    if not str(values.get("text", "")).strip():
        wrong = {"text": _("Say what you suggest: one sentence is enough.")}
        return _new_page(request, values, step=1, wrong=wrong, status=400)
    return _new_page(request, values, step=2)


def _call_of(values: Mapping[str, Any]) -> Call | None:
    """The call a form answers; none for a free suggestion or a call that is not there."""
    said = str(values.get("call", ""))
    if not (said.isascii() and said.isdecimal() and len(said) < 18):
        return None
    return Call.objects.exclude(state="draft").select_related("unit", "area").filter(pk=int(said)).first()


def _new_page(
    request: HeliRequest, values: Mapping[str, Any], *, step: int, wrong: Wrong | None = None, status: int = 200
) -> HttpResponse:
    """The form at one of its two steps, with everything typed."""
    now, answered = timezone.now(), _call_of(values)
    roots = [answered.area_path if answered is not None else told.home_area()]
    text = str(values.get("text", ""))
    context = {
        "values": values,
        "form_key": values.get("form_key") or uuid.uuid4(),
        "step": step,
        "wrong": wrong or {},
        "call": answered,
        "call_accepts": answered is not None and answered.accepts(local_day(now)),
        "text_limit": TEXT_LIMIT,
        "like": queries.alike(text, roots[0], now) if text else [],
        "hide_foot": True,
    }
    if step == 2:
        context |= place_context(values, roots, reverse("suggestions:new_place"))
    return private(render(request, "suggestions/new.html", context, status=status))


@page("new/place/", name="new_place", scope=Scope.PUBLIC, methods=("POST",))
def new_place(request: HeliRequest) -> HttpResponse:
    """Fragment: the street and community, or the list to choose from."""
    values = request.POST.dict()
    answered = _call_of(values)
    roots = [answered.area_path if answered is not None else told.home_area()]
    context = place_context(values, roots, reverse("suggestions:new_place"))
    return render(request, "loop/public/_place.html", context)


@page("new/like/", name="new_like", scope=Scope.PUBLIC, methods=("POST",))
def new_like(request: HeliRequest) -> HttpResponse:
    """Fragment: what neighbours suggested already that is much like these words."""
    answered = _call_of(request.POST.dict())
    where = answered.area_path if answered is not None else told.home_area()
    like = queries.alike(request.POST.get("text", "")[:TEXT_LIMIT], where, timezone.now())
    return render(request, "suggestions/_like.html", {"like": like})


def _send(request: HeliRequest) -> HttpResponse:
    """The whole form arrived. Sent twice, it counts once and leads to the same page."""
    form = SuggestForm(request.POST)
    values, status = request.POST.dict(), 400
    if form.is_valid():
        tries.filed(request)
        try:
            token = _suggest(request, form)
            return private(HttpResponseRedirect(f"{reverse('suggestions:own', args=[token])}?sent=1", status=303))
        except HeliError as error:
            wrong = {error.field or "": error.words if error.field else str(error)}
            status = error.status
    else:
        wrong = {name: str(said[0]) for name, said in form.errors.items()}
    return _new_page(request, values, step=1 if "text" in wrong else 2, wrong=wrong, status=status)


def _suggest(request: HeliRequest, form: SuggestForm) -> str:
    """Take it in; the token of its link."""
    data, answered = form.cleaned_data, _call_of(form.cleaned_data)
    key = data["form_key"]
    wanted: dict[str, Any] = {
        "text": data["text"],
        "area_path": data["area"] or (answered.area_path if answered is not None else ""),
        "call_id": answered.pk if answered is not None else None,
        "credit_name": data["credit_name"],
        "phone": data["phone"],
        "by": for_oneself(request.actor),
        "at": timezone.now(),
    }
    try:
        return steps.suggest(form_key=key, **wanted).token
    except AlreadyDone:
        if voice := told.sent_before(key, data["text"]):
            return links.token_of(voice)
        return steps.suggest(form_key=uuid.uuid4(), **wanted).token


# One's own ------------------------------------------------------------------------------------------------------------
def _own_page(
    request: HeliRequest, voice: Voice, *, form: Any = None, error: HeliError | None = None, status: int = 200
) -> HttpResponse:
    """What the suggester can do, with a form as it was typed when something is wrong with it."""
    found = (
        Suggestion.objects.select_related("request", "call", "credit_record", "joined_into__request")
        .filter(request=voice.request_id)
        .first()
    )
    if found is None:
        raise NotFound
    now, r = timezone.now(), found.request
    context = {
        "s": found,
        "token": links.token_of(voice),
        "sent": "sent" in request.GET,
        "url": secret_url(voice),
        "qr": qr(secret_url(voice)),
        "may_correct": not found.stands_fast and not is_answered(r),
        "may_add": r.state not in {"withdrawn", "declined", "merged"},
        "addenda": Addendum.objects.filter(suggestion=found).order_by("id"),
        "credit_name": queries.shown(found) if found.credit == "shown" else "",
        "text_form": form
        if isinstance(form, TextForm) and form.prefix == "t"
        else TextForm(prefix="t", initial={"text": found.text}),
        "add_form": form if isinstance(form, TextForm) and form.prefix == "a" else TextForm(prefix="a"),
        "name_form": form if isinstance(form, NameForm) else NameForm(),
        "add_open": isinstance(form, TextForm) and form.prefix == "a",
        "error": error,
        "now": now,
    }
    return render(request, "suggestions/own.html", context, status=status)


@page("mine/<str:token>/", scope=Scope.LINK)
@by_link
def own(request: HeliRequest, voice: Voice) -> HttpResponse:
    """After sending, and later: correct it, add to it, be named or not."""
    return _own_page(request, voice)


OWN_DONE = {
    "correct": lambda: _("Corrected. It is read once more before it is public."),
    "add": lambda: _("Added. It is read before it is public; the unit reads it at once."),
    "name": lambda: _("Kept. The name is read before it is shown."),
    "unname": lambda: _("Your name is gone from the page, and forgotten."),
}


@page("mine/<str:token>/<slug:verb>/", name="own_do", scope=Scope.LINK, methods=("POST",))
@by_link
def own_do(request: HeliRequest, voice: Voice, verb: str) -> HttpResponse:
    """correct, add, name, unname."""
    if verb not in OWN_DONE:
        raise NotFound
    form: Any = {"correct": TextForm(request.POST, prefix="t"), "add": TextForm(request.POST, prefix="a")}.get(verb)
    form = NameForm(request.POST) if verb == "name" else form
    if form is not None and not form.is_valid():
        return _own_page(request, voice, form=form, status=400)
    about: dict[str, Any] = {"request_id": voice.request_id, "by": links.bearer(voice), "at": timezone.now()}
    try:
        match verb:
            case "correct":
                steps.correct(text=form.cleaned_data["text"], **about)
            case "add":
                steps.add(text=form.cleaned_data["text"], **about)
            case "name":
                steps.credit(name=form.cleaned_data["credit_name"], **about)
            case _:
                steps.credit(name="", **about)
    except HeliError as error:
        if form is None:
            raise
        if isinstance(error, EditedAfterSeconding | AnsweredAlready):  # what they wrote is offered as an addition
            form = TextForm(prefix="a", initial={"text": form.cleaned_data["text"]})
            return _own_page(request, voice, form=form, error=error, status=error.status)
        form.put(error)
        return _own_page(request, voice, form=form, status=error.status)
    messages.success(request, OWN_DONE[verb]())
    return HttpResponseRedirect(reverse("suggestions:own", args=[links.token_of(voice)]), status=303)


# One suggestion -------------------------------------------------------------------------------------------------------
@page("photo/<uuid:file_id>/", scope=Scope.PUBLIC)
def photo(request: HeliRequest, file_id: uuid.UUID) -> HttpResponse:
    """A photo of a measure."""
    return files.serve(ones.photo_seen(request.actor, file_id), request)

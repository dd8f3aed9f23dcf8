"""For residents: tell something in three steps, look it up by its code, see what one has said. No account needed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from heli.core import tries, vault
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Scope
from heli.core.errors import AlreadyDone, HeliError
from heli.core.fields import wrong as what_is_wrong
from heli.core.pages import HeliRequest, page
from heli.engines.identifiers import BadIdentifier, normalise
from heli.loop import links, steps
from heli.loop.forms.public import PHOTOS, REACH, FindForm, SubmitForm, new_key
from heli.loop.queries import public as queries
from heli.loop.queries import track as tracks
from heli.loop.steps.hear import TEXT_LIMIT
from heli.loop.steps.link import renew_link
from heli.people import queries as people
from heli.places.site_queries import in_service

Wrong = dict[str, str]  # field → what is wrong and what it should be; "" stands for the whole form
FIRST, SECOND = {"text", "category"}, {"area", "spot"}


def private(response: HttpResponse) -> HttpResponse:
    """A page about one person's matter: kept by nobody on the way, found by no search engine, named to no other site."""
    response.headers.setdefault("Cache-Control", "no-store")  # photos say for themselves how long they keep
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "same-origin"
    return response


def for_oneself(actor: Actor) -> Actor:
    """Somebody who speaks for themselves: what they are given to do at work plays no part."""
    return Actor(user_id=actor.user_id, name=actor.name)


# Tell something -------------------------------------------------------------------------------------------------------
@page("submit/", scope=Scope.PUBLIC, methods=("GET", "POST"))
def submit(request: HeliRequest) -> HttpResponse:
    """What, where, how to reach you: one form in three steps, which also works without scripts.

    All three steps are always in the page, two of them hidden, so that what was typed travels with the form.
    """
    if request.method != "POST":
        values = own_number(request.actor) | {"text": request.GET.get("text", "")[:TEXT_LIMIT]} | at_site(request)
        return submit_page(request, values, step=1)
    go = request.POST.get("go", "")
    if go == "send":
        return send(request)
    values = request.POST.dict()
    if "under" in values or "pick" in values:
        return submit_page(request, values, step=1)
    if "at" in values or "pick_area" in values:
        return submit_page(request, values, step=2)
    return to_step(request, values, go)


def to_step(request: HeliRequest, values: dict[str, Any], go: str) -> HttpResponse:
    """On to a step, or back to one; a step that is not answered yet is asked first."""
    step = {"1": 1, "3": 3}.get(go, 2)
    if step > 1 and not str(values.get("text", "")).strip():
        return submit_page(
            request, values, step=1, wrong={"text": _("Say what it is about: one sentence is enough.")}, status=400
        )
    if step > 2 and not values.get("area"):
        return submit_page(request, values, step=2, wrong={"area": _("Choose the street and community.")}, status=400)
    return submit_page(request, values, step=step)


def own_number(actor: Actor) -> dict[str, Any]:
    """The holder of an account finds their own number and name already there. One statement."""
    if actor.user_id is None:
        return {}
    record = people.own_account(actor).record
    return {k: v for k, v in vault.open_own(record).items() if k in {"phone", "name"}} if record else {}


def at_site(request: HeliRequest) -> dict[str, Any]:
    """Who comes from the page of a station (?site=) finds the place and the first words there. One statement."""
    said = request.GET.get("site", "")
    site = in_service(int(said), timezone.now()) if said.isdecimal() and len(said) < 18 else None
    if site is None:
        return {}
    text = request.GET.get("text", "")[:TEXT_LIMIT] or _("At %(name)s: ") % {"name": site.name}
    return {"text": text, "spot": f"{site.name}（{site.address}）"[:120], "area": site.area_path}


def submit_page(
    request: HeliRequest, values: Mapping[str, Any], *, step: int, wrong: Wrong | None = None, status: int = 200
) -> HttpResponse:
    """The form at one of its steps, with everything typed."""
    context = {
        "values": values,
        "form_key": values.get("form_key") or new_key(),
        "step": step,
        "wrong": wrong or {},
        "photos_again": bool(request.FILES),
        "photos_most": PHOTOS,
        "text_limit": TEXT_LIMIT,
        "reach": REACH,
        "contact": values.get("contact") or "phone",
        "hide_foot": True,
        **about_context(values, [queries.home_area()]),
        "about_url": reverse("loop:submit_about"),
        **(place_context(values, [queries.home_area()], reverse("loop:submit_place")) if step > 1 else {}),
    }
    context["same"] = same_rows(values, context) if step > 1 else []
    return private(render(request, "loop/public/submit.html", context, status=status))


def about_context(values: Mapping[str, Any], roots: Sequence[str]) -> dict[str, Any]:
    """What the words seem to be about; `pick` chooses a category, `under` lists a part of the tree. `roots`: the areas
    that are taken down for, as long as no place is chosen."""
    pick = str(values.get("pick", ""))
    picked = bool(pick or values.get("picked"))
    under = None if pick else values.get("under")
    code = pick or str(values.get("category", ""))
    return {
        "matter": queries.matter(
            str(values.get("text", ""))[:TEXT_LIMIT],
            area=str(values.get("area") or next(iter(roots), "")),
            code=code,
            picked=picked,
            under=under,
        ),
        "under": under,
    }


def place_context(values: Mapping[str, Any], roots: Sequence[str], url: str) -> dict[str, Any]:
    """Where it seems to be. `pick_area` chooses an area, `at` lists what lies in one; `roots` is where choosing begins.

    An area is chosen beforehand only when nothing else fits: two that fit are asked about.
    """
    chosen = str(values.get("pick_area") or values.get("area") or "")
    said = queries.understood(str(values.get("spot", "")), str(values.get("text", "")), roots)
    found = queries.places([chosen, *(p for p in said.paths if p != chosen)])[:4]
    shown = [replace(p, why=said.why.get(p.path, "")) for p in found]
    if not chosen and said.sure and shown:
        chosen = shown[0].path
    at = values.get("at") if not values.get("pick_area") else None
    if at is None and not shown:
        at = roots[0] if roots else ""
    elif at is None and not chosen and len(shown) == 1 and len(shown[0].path) < queries.COMMUNITY:
        at = shown[0].path  # a street was named: which of its communities?
    return {
        "places": shown,
        "chosen": chosen,
        "listing": queries.below(str(at)) if at is not None else None,
        "roots": list(roots),
        "place_url": url,
    }


def same_rows(values: Mapping[str, Any], context: Mapping[str, Any]) -> list[queries.Same]:
    """What neighbours said that may be the same."""
    matter = context["matter"]
    code = matter.category.code if matter.category else ""
    text, twin = str(values.get("text", "")), str(values.get("twin", ""))
    return queries.perhaps_same(text, context.get("chosen", ""), code, timezone.now(), twin=twin)


@page("submit/about/", name="submit_about", scope=Scope.PUBLIC, methods=("POST",))
def submit_about(request: HeliRequest) -> HttpResponse:
    """Fragment: what the words seem to be about, or the list to choose from."""
    context = about_context(request.POST.dict(), [queries.home_area()]) | {"about_url": reverse("loop:submit_about")}
    return render(request, "loop/public/_about.html", context)


@page("submit/place/", name="submit_place", scope=Scope.PUBLIC, methods=("POST",))
def submit_place(request: HeliRequest) -> HttpResponse:
    """Fragment: where it seems to be, or the list to choose from."""
    values = request.POST.dict()
    return render(
        request, "loop/public/_place.html", place_context(values, [queries.home_area()], reverse("loop:submit_place"))
    )


@page("submit/same/", name="submit_same", scope=Scope.PUBLIC, methods=("POST",))
def submit_same(request: HeliRequest) -> HttpResponse:
    """Fragment: neighbours' requests of the same community that may be the same matter."""
    values = request.POST.dict()
    text, area, code, twin = (str(values.get(name, "")) for name in ("text", "area", "category", "twin"))
    rows = queries.perhaps_same(text, area, code, timezone.now(), twin=twin)
    return render(request, "loop/public/_same.html", {"same": rows})


def send(request: HeliRequest) -> HttpResponse:
    """The whole form arrived. Sent twice, it counts once and leads to the same page."""
    form = SubmitForm(request.POST, request.FILES)
    wrong: Wrong = {}
    status = 400
    if form.is_valid():
        try:
            tries.filed(request)
            token = tell(for_oneself(request.actor), form)
            return private(HttpResponseRedirect(reverse("loop:sent", args=[token]), status=303))
        except HeliError as error:
            wrong = {error.field or "": error.words if error.field else str(error)}
            status = error.status
    else:
        wrong = {name: str(said[0]) for name, said in form.errors.items()}
    return submit_page(request, request.POST.dict(), step=step_of(request, wrong), wrong=wrong, status=status)


def step_of(request: HeliRequest, wrong: Wrong) -> int:
    """The first step where something is wrong. Scripts keep chosen photos and their field in step 1; without, it is the
    last step's."""
    scripted = request.headers.get("X-Heli-Form") == "steps"
    first = FIRST | {"photos"} if scripted else FIRST
    return 1 if first & wrong.keys() else 2 if SECOND & wrong.keys() else 3


def tell(by: Actor, form: SubmitForm) -> str:
    """Take it down and give back the token of its link. Statements: those of `steps.hear`, three more when the resident
    says that a neighbour's is the same."""
    now, told = timezone.now(), form.told()
    try:
        heard = steps.hear(by=by, at=now, **told)
    except AlreadyDone:
        if voice := queries.sent_before(told["form_key"], told["text"]):
            return links.token_of(voice)
        for photo in told["photos"]:
            photo.seek(0)
        heard = steps.hear(by=by, at=now, **told | {"form_key": uuid.uuid4()})
    if code := queries.code_of_same(form.cleaned_data["twin"]):
        with translation.override(settings.LANGUAGE_CODE):
            hint = _("The resident says: the same matter as %(code)s.") % {"code": code}
        steps.note(request_id=heard.request.pk, by=SYSTEM, at=now, text=hint)
    return heard.token


# Look it up -----------------------------------------------------------------------------------------------------------
# One address runs out of guesses before a code does, so that who knows a code cannot keep its owner from it.
BY_ADDRESS, BY_CODE = tries.Limit(20, 600), tries.Limit(100, 900)


@page("find/", scope=Scope.PUBLIC, methods=("GET", "POST"))
def find(request: HeliRequest) -> HttpResponse:
    """By code and phone number: to the whole page. By code alone: where it is, with whom, until when.

    A code nobody has, one that is not for everybody, and one with another number get the same answer.
    """
    typed = request.POST if request.method == "POST" else request.GET if "code" in request.GET else None
    form = FindForm(typed)
    if typed is None:
        return private(render(request, "loop/public/find.html", {"form": FindForm()}))
    code = ""
    if form.is_valid():
        try:
            code = normalise(form.cleaned_data["code"])
        except BadIdentifier as error:
            form.add_error("code", what_is_wrong(error))
    if not form.is_valid():
        return private(render(request, "loop/public/find.html", {"form": form}, status=400))
    address = tries.address(request)
    tries.spend("find", address, BY_ADDRESS)
    phone = form.cleaned_data["phone"] if request.method == "POST" else ""
    if phone:
        tries.spend("code", code, BY_CODE)
        voice = queries.by_code_and_phone(code, phone)
        if voice is not None:
            tries.give_back("find", address)
            tries.give_back("code", code)
            if voice.link_until <= timezone.now():
                voice = renew_link(voice_id=voice.pk, by=links.bearer(voice), at=timezone.now())
            return private(HttpResponseRedirect(reverse("loop:track", args=[links.token_of(voice)]), status=303))
        found = None
    else:
        found = queries.by_code_alone(code)
    if found is not None:
        tries.give_back("find", address)
    context = {
        "form": form,
        "code": code,
        "with_phone": bool(phone),
        "found": tracks.glance(found, timezone.now()) if found else None,
        "asked": True,
    }
    return private(render(request, "loop/public/find.html", context, status=200 if found else 404))


# What I said ------------------------------------------------------------------------------------------------------------
@page("mine/", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """Everything the holder of the account said, newest first."""
    rows = queries.mine(request.actor, timezone.now(), after=request.GET.get("after"))
    return private(render(request, "loop/public/mine.html", {"rows": rows, "now": timezone.now()}))


@page("mine/<int:voice_id>/open/", name="mine_open", scope=Scope.SELF, methods=("POST",))
def mine_open(request: HeliRequest, voice_id: int) -> HttpResponse:
    """The link of an older request holds again."""
    voice = queries.own_voice(request.actor, voice_id)
    voice = renew_link(voice_id=voice.pk, by=for_oneself(request.actor), at=timezone.now())
    return private(HttpResponseRedirect(reverse("loop:track", args=[links.token_of(voice)]), status=303))

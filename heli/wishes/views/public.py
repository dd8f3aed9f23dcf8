"""For everybody: the wall, one wish, making one; for givers: promising, and what they promised."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import files, tries, vault
from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.models import StoredFile
from heli.core.pages import HeliRequest, page
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.forms.public import new_key
from heli.loop.models import Kind, Voice
from heli.loop.queries import public as places
from heli.loop.views.public import for_oneself, own_number, place_context, private
from heli.loop.views.track import by_link
from heli.people import queries as people
from heli.wishes import forms, steps
from heli.wishes.errors import NotOnWall
from heli.wishes.models import Gift, Pledge, Wish
from heli.wishes.queries import desk
from heli.wishes.queries import wall as walls
from heli.wishes.steps.common import WITHIN, rules


def see_other(name: str, *args: Any) -> HttpResponse:
    return HttpResponseRedirect(reverse(name, args=args), status=303)


def of_wall(view: Callable[[HeliRequest, int], HttpResponse]) -> Callable[[HeliRequest, int], HttpResponse]:
    """A page of one wish: when it has left the wall, the page says so and leads to the others."""

    @wraps(view)
    def shown(request: HeliRequest, wish_id: int) -> HttpResponse:
        try:
            return view(request, wish_id)
        except NotOnWall as error:
            return render(request, "wishes/gone.html", {"error": error}, status=error.status)

    return shown


# The wall -------------------------------------------------------------------------------------------------------------
@page("", name="wall", scope=Scope.PUBLIC)
def wall(request: HeliRequest) -> HttpResponse:
    """Wishes that wait, the longest first; those on their way; those that came true, with thanks."""
    now, f = timezone.now(), walls.Filters.read(request.GET)
    context = {
        "f": f,
        "page": walls.wall(f, now, after=request.GET.get("after")),
        "thanked": walls.thanked(now) if not f.list and not request.GET.get("after") else [],
        "streets": walls.streets(),
        "gifts": Gift.choices,
        "lists": [("", _("Waiting")), ("way", _("On their way")), ("done", _("Fulfilled"))],
        "narrowed": bool(f.street or f.gift),
        "page_base": "web/public.html",
    }
    return render(request, "wishes/wall.html", context)


@page("<int:wish_id>/", name="wish", scope=Scope.PUBLIC)
@of_wall
def wish(request: HeliRequest, wish_id: int) -> HttpResponse:
    """One wish: what is still missing, who gives already."""
    card, givers = walls.shown(wish_id, timezone.now())
    return render(request, "wishes/wish.html", {"w": card, "givers": givers, "page_base": "web/public.html"})


# Making a wish --------------------------------------------------------------------------------------------------------
@page("new/", name="new", scope=Scope.PUBLIC, methods=("GET", "POST"))
def new(request: HeliRequest) -> HttpResponse:
    """Three plain questions; it goes round the loop as a wish, and lands at the desk."""
    if request.method != "POST":
        return new_page(request, forms.MakeForm(initial=own_number(request.actor) | {"form_key": new_key()}), {})
    values = request.POST.dict()
    if values.get("go") != "send":
        return new_page(request, forms.MakeForm(initial=values), values)
    form = forms.MakeForm(request.POST)
    if form.is_valid() and not form.cleaned_data["area"]:
        form.add_error("area", _("Choose the street and community."))
    if form.is_valid():
        try:
            tries.filed(request)
            token = make(for_oneself(request.actor), form.cleaned_data)
            return private(see_other("loop:sent", token))
        except HeliError as error:
            form.put(error)
            return new_page(request, form, values, error.status)
    return new_page(request, form, values, 400)


def make(by: Actor, told: dict[str, Any]) -> str:
    """The token of the link to what was wished; the same form sent again leads to the same one."""
    data = {
        "text": told["text"],
        "area_path": told["area"],
        "spot": told["spot"],
        "name": told["name"],
        "phone": told["phone"],
        "kind": Kind.WISH,
    }
    try:
        heard = loop.hear(by=by, at=timezone.now(), form_key=told["form_key"], **data)
    except AlreadyDone:
        if voice := places.sent_before(told["form_key"], told["text"]):
            return links.token_of(voice)
        heard = loop.hear(by=by, at=timezone.now(), form_key=uuid.uuid4(), **data)
    return heard.token


def new_page(request: HeliRequest, form: forms.MakeForm, values: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "values": values,
        "hide_foot": True,
        "page_base": "web/public.html",
        **place_context(values, [places.home_area()], reverse("loop:submit_place")),
    }
    return private(render(request, "wishes/new.html", context, status=status))


# Promising ------------------------------------------------------------------------------------------------------------
def orgs_of(actor: Actor) -> list[tuple[str, str]]:
    return [(str(o.pk), o.name) for o in desk.organisations(actor, Cap.PLEDGE)] if Cap.PLEDGE in actor.caps else []


@page("<int:wish_id>/pledge/", name="pledge", scope=Scope.SELF, methods=("GET", "POST"))
@of_wall
def pledge(request: HeliRequest, wish_id: int) -> HttpResponse:
    """Take on a wish, or a part of it, as a person or for an organisation."""
    now = timezone.now()
    orgs = orgs_of(request.actor)
    if request.method != "POST":
        card, givers = walls.shown(wish_id, now)
        record = people.own_account(request.actor).record
        own = vault.open_own(record) if record else {}
        first = {
            "form_key": new_key(),
            "giver": orgs[0][0] if orgs else forms.ONESELF,
            "amount": card.left or 1,
            "promised_on": local_day(now) + dt.timedelta(days=3),
            "phone": own.get("phone", ""),
            "name": own.get("name", ""),
        }
        return pledge_page(request, card, givers, forms.PledgeForm(orgs=orgs, initial=first))
    form = forms.PledgeForm(request.POST, orgs=orgs)
    status = 400
    if form.is_valid():
        data = form.cleaned_data
        try:
            made = steps.pledge(
                wish_id=wish_id, by=request.actor, at=now, amount=data["amount"], promised_on=data["promised_on"],
                phone=data["phone"], name=data["name"], org_id=form.org_id(), form_key=data["form_key"],
            )  # fmt: skip
            messages.success(request, _("It is yours now. Thank you: somebody was waiting for this."))
            return private(see_other("wishes:my_pledge", made.pk))
        except AlreadyDone:
            if before := walls.pledged_before(request.actor, data["form_key"]):
                return private(see_other("wishes:my_pledge", before.pk))
            raise
        except HeliError as error:
            form.put(error)
            status = error.status
    card, givers = walls.shown(wish_id, now)
    return pledge_page(request, card, givers, form, status)


def pledge_page(
    request: HeliRequest, card: walls.Card, givers: list[walls.Giver], form: forms.PledgeForm, status: int = 200
) -> HttpResponse:
    context = {
        "w": card,
        "givers": givers,
        "form": form,
        "within": rules(settings.HELI_HOME_AREA, (WITHIN,), timezone.now())[WITHIN].words,
        "many": card.needed > 1,
        "with_orgs": len(form.fields["giver"].choices) > 1,  # type: ignore[attr-defined]
        "page_base": "web/public.html",
    }
    return private(render(request, "wishes/pledge.html", context, status=status))


# What I promised ------------------------------------------------------------------------------------------------------
@page("mine/", name="mine", scope=Scope.SELF)
def mine(request: HeliRequest) -> HttpResponse:
    """My pledges and those of the organisations I pledge for: what to do next."""
    now = timezone.now()
    context = {"page": walls.mine(request.actor, now, after=request.GET.get("after")), "now": now}
    return private(render(request, "wishes/mine.html", context))


@page("mine/<int:pledge_id>/", name="my_pledge", scope=Scope.SELF, methods=("GET", "POST"))
def my_pledge(request: HeliRequest, pledge_id: int) -> HttpResponse:
    """One of them: say that it is delivered, or give it up with a reason."""
    now = timezone.now()
    found = walls.my_pledge(request.actor, pledge_id, now)
    money = found.pledge.gift == Gift.MONEY
    deliver, give_up = forms.DeliverForm(initial={"delivered_on": local_day(now)}, money=money), forms.ReasonForm()
    if request.method != "POST":
        return my_page(request, found, deliver, give_up)
    act = request.POST.get("act", "")
    form: forms.Explained
    if act == "give_up":
        form = give_up = forms.ReasonForm(request.POST)
    else:
        form = deliver = forms.DeliverForm(request.POST, request.FILES, money=money)
    status = 400
    if form.is_valid():
        try:
            if act == "give_up":
                steps.give_up(pledge_id=pledge_id, by=request.actor, at=now, reason=form.cleaned_data["reason"])
                messages.success(request, _("Given up. Others can take it on from this moment."))
            else:
                say_delivered(request.actor, pledge_id, form, now)
                messages.success(request, _("Noted. The resident is asked whether it came."))
            return private(see_other("wishes:my_pledge", pledge_id))
        except HeliError as error:
            form.put(error)
            status = error.status
            found = walls.my_pledge(request.actor, pledge_id, now)
    return my_page(request, found, deliver, give_up, status)


def say_delivered(by: Actor, pledge_id: int, form: forms.Explained, now: dt.datetime) -> Pledge:
    data = form.cleaned_data
    return steps.deliver(
        pledge_id=pledge_id, by=by, at=now, delivered_on=data["delivered_on"], how=data["how"],
        reference=data.get("reference", ""), photo=data["photo"],
    )  # fmt: skip


def my_page(
    request: HeliRequest, found: walls.Mine, deliver: forms.DeliverForm, give_up: forms.ReasonForm, status: int = 200
) -> HttpResponse:
    context = {"m": found, "p": found.pledge, "deliver": deliver, "give_up": give_up, "now": timezone.now()}
    return private(render(request, "wishes/my_pledge.html", context, status=status))


@page("pledges/<int:pledge_id>/photo/", name="photo", scope=Scope.SELF)
def photo(request: HeliRequest, pledge_id: int) -> HttpResponse:
    """The giver's photo of what was given, for the giver and for the wish's unit."""
    found = Pledge.objects.visible_to(request.actor).filter(pk=pledge_id).exclude(photo=None).first()
    row = StoredFile.objects.filter(pk=found.photo).first() if found is not None and found.photo else None
    if row is None:
        raise NotFound
    return private(files.serve(row, request))


# The resident's own page ----------------------------------------------------------------------------------------------
def own_wish(voice: Voice) -> Wish:
    rows = Wish.objects.select_related("request", "street", "unit")
    found: Wish | None = rows.filter(request=voice.request_id).first()
    if found is None:
        raise NotFound
    return found


@page("t/<str:token>/", name="link", scope=Scope.LINK)
@by_link
def link(request: HeliRequest, voice: Voice) -> HttpResponse:
    """The resident: how my wish stands on the wall, did it come, do the givers read my words, take it off."""
    return link_page(request, voice, own_wish(voice))


@page("t/<str:token>/act/", name="link_act", scope=Scope.LINK, methods=("POST",))
@by_link
def link_act(request: HeliRequest, voice: Voice) -> HttpResponse:
    """One of: it came, it did not come, take it off the wall, let the givers read my words."""
    found, now, by = own_wish(voice), timezone.now(), links.bearer(voice)
    act, said = request.POST.get("act", ""), request.POST.get("words", "")[: forms.ANY]
    picked = request.POST.get("pledge", "")
    pledge_id = int(picked) if picked.isdecimal() and len(picked) < 18 else 0
    try:
        if act == "came":
            steps.receive(pledge_id=pledge_id, by=by, at=now, word="link")
        elif act == "not_came":
            steps.missing(pledge_id=pledge_id, by=by, at=now, reason=said or _("The resident says it has not come."))
        elif act == "off":
            steps.withdraw(wish_id=found.pk, by=by, at=now, reason=said or _("The resident took it off the wall."))
        elif act == "thank":
            steps.let_read(wish_id=found.pk, by=by, at=now, words=said)
        else:
            raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return link_page(request, voice, own_wish(voice), note=error.words, said=said, status=error.status)
    return see_other("wishes:link", links.token_of(voice))


def link_page(
    request: HeliRequest, voice: Voice, found: Wish, *, note: str = "", said: str | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    words = found.thanks if said is None else said
    context = {
        "wish": found,
        "w": walls.card(found, now, 10**6),
        "asked": [p for p in desk.pledges_of(found, now) if p.pledge.state == "delivered"],
        "token": links.token_of(voice),
        "words": words or own_words(voice, found),
        "may_thank": found.state in {"delivered", "fulfilled"},
        "on_wall": Wish.objects.on_wall().filter(pk=found.pk).exists(),
        "may_leave": found.state not in {"closed", "turned"} and found.consent_at is not None,
        "judge": found.request.state in {"replied", "lapsed"},
        "note": note,
        "page_base": "web/public.html",
    }
    return render(request, "wishes/link.html", context, status=status)


def own_words(voice: Voice, found: Wish) -> str:
    """What this resident wrote when they judged: a beginning for their thanks, shown to them alone."""
    latest = voice.reviews.filter(request=found.request_id, reached=True).order_by("-lap").first()
    return latest.words if latest is not None else ""

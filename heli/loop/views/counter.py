"""At the counter and on the phone: somebody with HEAR takes a request down for a resident, and their judgement too."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, Invalid, NotFound
from heli.core.fields import wrong as what_is_wrong
from heli.core.pages import HeliRequest, page
from heli.engines.identifiers import BadIdentifier, normalise, phone
from heli.loop import steps
from heli.loop.forms.public import PHOTOS, REACH, CounterForm, JudgeForm, LinkForm, WordsForm, new_key
from heli.loop.models import Channel, Request, Voice
from heli.loop.queries import public as queries
from heli.loop.queries import track as tracks
from heli.loop.queries.detail import by_code, voices_of
from heli.loop.steps.handle import WORDS_LIMIT
from heli.loop.steps.hear import TEXT_LIMIT
from heli.loop.steps.link import replace_link
from heli.loop.views.public import Wrong, about_context, place_context, private
from heli.loop.views.track import JUDGED_WORDS, qr, secret_url


def roots_of(actor: Actor) -> list[str]:
    """Areas in which the actor takes requests down, the widest first."""
    return sorted(actor.paths(Cap.HEAR), key=lambda p: (len(p), p))


@page("counter/", name="hear", needs=Cap.HEAR, scope=Scope.AREA, methods=("GET", "POST"))
def hear(request: HeliRequest) -> HttpResponse:
    """Everything at once: phone first, with what this number said before; then the words, the matter, the place."""
    if request.method != "POST":
        roots = roots_of(request.actor)
        only = roots[0] if len(roots) == 1 and len(roots[0]) >= queries.COMMUNITY else ""
        return hear_page(request, {"channel": Channel.COUNTER, "area": only})
    values = request.POST.dict()
    if values.get("go") != "send":
        return hear_page(request, values)
    form = CounterForm(request.POST, request.FILES)
    if not form.is_valid():
        return hear_page(request, values, wrong={name: str(said[0]) for name, said in form.errors.items()}, status=400)
    try:
        voice = take_down(request.actor, form)
    except HeliError as error:
        return hear_page(
            request, values, wrong={error.field or "": error.words if error.field else str(error)}, status=error.status
        )
    return private(HttpResponseRedirect(reverse("loop:slip", args=[voice.request.code]), status=303))


def take_down(by: Actor, form: CounterForm) -> Voice:
    """Take it down once; the same form sent again gives the same voice."""
    told = form.told()
    try:
        return steps.hear(by=by, at=timezone.now(), **told).voice
    except AlreadyDone:
        if voice := queries.sent_before(told["form_key"], told["text"]):
            return voice
        for photo in told["photos"]:
            photo.seek(0)
        return steps.hear(by=by, at=timezone.now(), **told | {"form_key": uuid.uuid4()}).voice


def hear_page(
    request: HeliRequest, values: dict[str, Any], *, wrong: Wrong | None = None, status: int = 200
) -> HttpResponse:
    """The dense form with everything typed."""
    context = {
        "values": values,
        "form_key": values.get("form_key") or new_key(),
        "wrong": wrong or {},
        "photos_again": bool(request.FILES),
        "photos_most": PHOTOS,
        "text_limit": TEXT_LIMIT,
        "reach": REACH,
        "channels": [(Channel.COUNTER, Channel.COUNTER.label), (Channel.PHONE, Channel.PHONE.label)],
        "channel": values.get("channel") or Channel.COUNTER,
        **about_at(request.actor, values),
        **place_context(values, roots_of(request.actor), reverse("loop:hear_place")),
    }
    return private(render(request, "loop/counter/hear.html", context, status=status))


def about_at(actor: Actor, values: dict[str, Any]) -> dict[str, Any]:
    """What it seems to be about, with how sure the reader of this seat's county is and by which words."""
    return about_context(values, roots_of(actor)) | {"about_url": reverse("loop:hear_about"), "say_why": True}


@page("counter/about/", name="hear_about", needs=Cap.HEAR, scope=Scope.AREA, methods=("POST",))
def hear_about(request: HeliRequest) -> HttpResponse:
    """Fragment: what the words seem to be about, while they are typed."""
    return render(request, "loop/public/_about.html", about_at(request.actor, request.POST.dict()))


@page("counter/place/", name="hear_place", needs=Cap.HEAR, scope=Scope.AREA, methods=("POST",))
def hear_place(request: HeliRequest) -> HttpResponse:
    """Fragment: where it seems to be, among the areas of this seat."""
    context = place_context(request.POST.dict(), roots_of(request.actor), reverse("loop:hear_place"))
    return render(request, "loop/public/_place.html", context)


@page("counter/earlier/", name="hear_earlier", needs=Cap.HEAR, scope=Scope.AREA, methods=("POST",))
def hear_earlier(request: HeliRequest) -> HttpResponse:
    """Fragment: what this number said before in the areas of this seat. The number is posted, never in an address."""
    context: dict[str, Any] = {}
    try:
        context = {"earlier": queries.earlier_by_phone(request.actor, phone(request.POST.get("phone", "")))}
    except BadIdentifier as error:
        if error.code != "empty":
            context = {"wrong": what_is_wrong(error)}
    return render(request, "loop/counter/_earlier.html", context | {"now": timezone.now()})


@page("counter/slip/<str:code>/", name="slip", needs=Cap.HEAR, scope=Scope.AREA)
def slip(request: HeliRequest, code: str) -> HttpResponse:
    """The slip to hand over: code, QR, what happens next.

    Where a number was left, the QR leads to the page that asks for it, so that whoever took the request down does not
    hold the resident's link. Without a number the link is the only way to the page, so the slip carries it; it is shown
    to whoever took the request down, until the request is sent on.
    """
    found = by_code(request.actor, code, "category", "area__parent__parent")
    voice = slip_of(Voice.objects.filter(request=found))
    if voice is None or found.heard_by_id != request.actor.user_id:
        raise NotFound
    return slip_page(request, voice, with_link=not has_phone(voice) and found.state == "heard")


def slip_of(voices: QuerySet[Voice]) -> Voice | None:
    """The first of these voices, with what its slip says."""
    return voices.select_related("record", "request__category", "request__area__parent__parent").order_by("id").first()


def has_phone(voice: Voice) -> bool:
    return voice.record is not None and voice.record.phone_index is not None


def slip_page(request: HeliRequest, voice: Voice, *, with_link: bool, renewed: bool = False) -> HttpResponse:
    """The slip of a voice (with its record and its request's category); `renewed`: its link was just replaced."""
    told, now = voice.request, timezone.now()
    look_up = f"{settings.HELI_PUBLIC_URL}{reverse('loop:find')}?{urlencode({'code': told.code})}"
    context = {
        "s": tracks.sent(voice, now),
        "request_": told,
        "place": queries.place_of(told.area),
        "has_phone": has_phone(voice),
        "with_link": with_link,
        "renewed": renewed,
        "qr": qr(secret_url(voice) if with_link else look_up),
        "now": now,
    }
    return private(render(request, "loop/counter/slip.html", context))


@page("counter/open/", name="counter_open", needs=Cap.HEAR, scope=Scope.AREA)
def counter_open(request: HeliRequest) -> HttpResponse:
    """A code typed at the counter leads to the request it names."""
    try:
        code = normalise(request.GET.get("code", ""))
    except BadIdentifier as error:
        return hear_page(
            request, {"find": request.GET.get("code", "")}, wrong={"find": what_is_wrong(error)}, status=400
        )
    return HttpResponseRedirect(reverse("loop:counter", args=[code]))


@page("counter/judge/<str:code>/", name="counter", needs=Cap.HEAR, scope=Scope.AREA, methods=("GET", "POST"))
def counter(request: HeliRequest, code: str) -> HttpResponse:
    """A resident stands here: their judgement, or one more word, written down for them."""
    found = open_request(request.actor, code)
    if request.method != "POST":
        done = {"judged": _("Their judgement is kept."), "added": _("Added. Whoever handles it sees it.")}
        return counter_page(request, found, done=done.get(request.GET.get("done", ""), ""))
    form = JudgeForm(request.POST)
    if not form.is_valid():
        return counter_page(request, found, judge=form, status=400)
    data = form.cleaned_data
    try:
        steps.judge(
            voice_id=chosen_voice(request.actor, found, data["voice"]).pk,
            by=request.actor,
            at=timezone.now(),
            contacted=data["contacted"] == "yes",
            solved=data["solved"],
            satisfaction=data["satisfaction"],
            words=data["words"],
            source="counter",
        )
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return counter_page(request, found, judge=form, status=error.status)
    return HttpResponseRedirect(reverse("loop:counter", args=[found.code]) + "?done=judged", status=303)


@page("counter/words/<str:code>/", name="counter_words", needs=Cap.HEAR, scope=Scope.AREA, methods=("POST",))
def counter_words(request: HeliRequest, code: str) -> HttpResponse:
    """One more word of the resident, written down for them."""
    found = open_request(request.actor, code)
    form = WordsForm(request.POST, request.FILES)
    if not form.is_valid():
        return counter_page(request, found, words=form, status=400)
    text, photos = form.cleaned_data["text"], form.cleaned_data["photos"]
    try:
        steps.add_words(
            request_id=found.pk,
            by=request.actor,
            at=timezone.now(),
            text=text or (_("Photos added.") if photos else ""),
            photos=photos,
            voice_id=chosen_voice(request.actor, found, request.POST.get("voice")).pk,
        )
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return counter_page(request, found, words=form, status=error.status)
    return HttpResponseRedirect(reverse("loop:counter", args=[found.code]) + "?done=added", status=303)


@page("counter/link/<str:code>/", name="counter_link", needs=Cap.HEAR, scope=Scope.AREA, methods=("POST",))
def counter_link(request: HeliRequest, code: str) -> HttpResponse:
    """The link on an old slip ends, and whoever stands here gets a new slip.

    Where a number was left, the new slip leads to the page that asks for it. Without one it carries the new link, and
    this answer is the only one that shows it to the counter.
    """
    found = open_request(request.actor, code)
    form = LinkForm(request.POST)
    if not form.is_valid():
        return counter_page(request, found, link=form, status=400)
    try:
        voice = replace_link(
            voice_id=chosen_voice(request.actor, found, request.POST.get("voice")).pk,
            by=request.actor,
            at=timezone.now(),
            checked=form.cleaned_data["checked"],
        )
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return counter_page(request, found, link=form, status=error.status)
    fresh = slip_of(Voice.objects.filter(pk=voice.pk))
    if fresh is None:
        raise NotFound
    return slip_page(request, fresh, with_link=not has_phone(fresh), renewed=True)


def open_request(actor: Actor, code: str) -> Request:
    """The request of a code that this seat sees, within the areas where it takes requests down; else NotFound."""
    related = ("category", "unit", "area__parent__parent", "merged_into")
    found = by_code(actor, code, *related)
    if found.merged_into is not None:
        found = by_code(actor, found.merged_into.code, *related)
    if not actor.can(Cap.HEAR, path=found.area_path):
        raise NotFound
    return found


def chosen_voice(actor: Actor, found: Request, picked: Any) -> Voice:
    """Who stands here: the only voice, or the one that was picked (Invalid, field voice)."""
    voices: list[Voice] = voices_of(actor, found)
    if len(voices) == 1:
        return voices[0]
    voice = next((v for v in voices if str(v.pk) == str(picked)), None)
    if voice is None:
        raise Invalid(_("Several people said this. Choose who stands here."), field="voice")
    return voice


def counter_page(
    request: HeliRequest,
    found: Request,
    *,
    judge: JudgeForm | None = None,
    words: WordsForm | None = None,
    link: LinkForm | None = None,
    done: str = "",
    status: int = 200,
) -> HttpResponse:
    """One request as the counter sees it: where it is, the reply, and the forms."""
    now = timezone.now()
    voices = voices_of(request.actor, found)
    for v in voices:
        v.now = next((r for r in v.judged if r["lap"] == found.lap and r["reached"]), None)
    context = {
        "found": found,
        "glance": tracks.glance(found, now, resident=False),
        "place": queries.place_of(found.area),
        "replies": tracks.replies_to(found),
        "voices": voices,
        "waiting": [v for v in voices if v.now is None] if found.state in tracks.JUDGEABLE else [],
        "can_add": found.state not in {"closed", "declined", "withdrawn"},
        "judge_form": judge or JudgeForm(),
        "words_form": words or WordsForm(),
        "words_open": words is not None,
        "link_form": link or LinkForm(),
        "words_limit": WORDS_LIMIT,
        "judged_words": JUDGED_WORDS,
        "photos_most": PHOTOS,
        "done": done,
        "now": now,
    }
    return private(render(request, "loop/counter/counter.html", context, status=status))

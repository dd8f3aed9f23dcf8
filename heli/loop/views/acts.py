"""What staff do with a request: each verb is one POST and calls exactly one step.

A step that refuses brings the page back with what was typed, the reason beside its field, and the error's status.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import once, words
from heli.core.actor import Actor
from heli.core.caps import Scope
from heli.core.errors import HeliError, NotFound, PaperMissing, TakenAlready
from heli.core.pages import HeliRequest, page
from heli.loop import hints, steps
from heli.loop.forms import unit as forms
from heli.loop.models import Request
from heli.loop.queries import unit as queries
from heli.loop.queries.detail import detail
from heli.loop.views.unit import STAFF, back_to, parse_moment, show_request

Words = str | Promise
CODE = re.compile(r"[0-9A-Z-]{4,16}")


@dataclass(frozen=True, slots=True)
class Given:
    """What a verb is called with: who, when, the thing's id, the form, and the request's POST data."""

    by: Actor
    at: dt.datetime
    pk: int
    form: Any
    post: Any

    def __getitem__(self, name: str) -> Any:
        return self.form.cleaned_data[name]

    @property
    def yes(self) -> bool:
        return bool(self["decide"] == "yes")


@dataclass(frozen=True, slots=True)
class Verb:
    """One act: on what kind of thing, by which step, and what is said afterwards. The form is that of the tab."""

    of: str
    run: Callable[[Given], Any]
    said: Words
    tab: str = ""


def _reply(g: Given) -> Any:
    return steps.write_reply(
        request_id=g.pk,
        by=g.by,
        at=g.at,
        text=g["text"],
        photos=g["photos"],
        papers=g["papers"],
        send=g.post.get("as") != "draft",
    )


def _extend(g: Given) -> Any:
    return steps.ask_extension(
        clock_id=g.pk,
        by=g.by,
        at=g.at,
        kind=g["kind"],
        days=g["days"] or 0,
        until=parse_moment(g.form),
        reason=g["reason"],
        basis=g["basis"],
    )


def _reclassify(g: Given) -> Any:
    return steps.reclassify(
        request_id=g.pk,
        by=g.by,
        at=g.at,
        category=g["category"],
        area_path=g["area_path"],
        urgency=g["urgency"],
        spot=g["spot"],
    )


def _review(g: Given) -> Any:
    if g.yes:
        return steps.approve_reply(handling_id=g.pk, by=g.by, at=g.at)
    return steps.correct_reply(handling_id=g.pk, by=g.by, at=g.at, reason=g["reason"])


def _exclusion(g: Given) -> Any:
    if g.yes:
        return steps.confirm_exclusion(exclusion_id=g.pk, by=g.by, at=g.at)
    return steps.refuse_exclusion(exclusion_id=g.pk, by=g.by, at=g.at, reason=g["reason"])


def _judge(g: Given) -> Any:
    return steps.judge(
        voice_id=g.pk,
        by=g.by,
        at=g.at,
        contacted=g["contacted"] == "yes",
        solved=g["solved"],
        satisfaction=int(g["satisfaction"]),
        words=g["words"],
        source="counter",
    )


VERBS: dict[str, Verb] = {
    "accept": Verb(
        "dispatch",
        lambda g: steps.accept(dispatch_id=g.pk, by=g.by, at=g.at),
        gettext_lazy("Taken on. Get in touch with the resident first."),
    ),
    "reply": Verb("request", _reply, "", "reply"),
    "review": Verb("handling", _review, gettext_lazy("Your word on the reply is recorded."), "review"),
    "contact": Verb(
        "request",
        lambda g: steps.contact(
            request_id=g.pk, by=g.by, at=g.at, way=g["way"], reached=g["reached"] == "yes", text=g["text"]
        ),
        gettext_lazy("The contact is recorded; the resident sees it."),
        "contact",
    ),
    "extend": Verb("clock", _extend, gettext_lazy("Asked. The deadline stays until a supervisor decides."), "extend"),
    "return": Verb(
        "dispatch",
        lambda g: steps.ask_return(
            dispatch_id=g.pk,
            by=g.by,
            at=g.at,
            reason_code=g["reason_code"],
            reason=g["reason"],
            legal_basis=g["legal_basis"],
        ),
        gettext_lazy("Asked to give it back. The desk decides; the clocks run meanwhile."),
        "return",
    ),
    "help": Verb(
        "request",
        lambda g: steps.ask_help(request_id=g.pk, unit_id=g["unit_id"], by=g.by, at=g.at, reason=g["reason"]),
        gettext_lazy("The unit was asked. The reply stays yours, and so does its deadline."),
        "help",
    ),
    "ask": Verb(
        "request",
        lambda g: steps.ask_resident(request_id=g.pk, by=g.by, at=g.at, text=g["text"]),
        gettext_lazy("Asked. The resident reads it on their page; the clocks run meanwhile."),
        "ask",
    ),
    "note": Verb(
        "request",
        lambda g: steps.note(request_id=g.pk, by=g.by, at=g.at, text=g["text"]),
        gettext_lazy("The note is kept; only staff read it."),
        "note",
    ),
    "opinion": Verb(
        "dispatch",
        lambda g: steps.give_opinion(dispatch_id=g.pk, by=g.by, at=g.at, text=g["text"]),
        gettext_lazy("Your part is done; the lead unit has it."),
        "opinion",
    ),
    "decide": Verb(
        "dispatch",
        lambda g: steps.decide_return(dispatch_id=g.pk, by=g.by, at=g.at, uphold=g.yes, reason=g["reason"]),
        gettext_lazy("Your decision on the return is recorded."),
        "decide",
    ),
    "reclassify": Verb("request", _reclassify, gettext_lazy("Corrected."), "reclassify"),
    "turn": Verb(
        "request",
        lambda g: steps.turn(request_id=g.pk, kind=g["kind"], by=g.by, at=g.at, reason=g["reason"]),
        gettext_lazy("It goes on as that kind; the resident reads why."),
        "turn",
    ),
    "supervise": Verb(
        "request",
        lambda g: steps.supervise(request_id=g.pk, by=g.by, at=g.at, text=g["text"]),
        gettext_lazy("Written to the units; it stands at the top of their page."),
        "supervise",
    ),
    "extension": Verb(
        "extension",
        lambda g: steps.decide_extension(extension_id=g.pk, by=g.by, at=g.at, approve=g.yes, reason=g["reason"]),
        gettext_lazy("Your decision on more time is recorded."),
        "extension",
    ),
    "appeal": Verb(
        "request",
        lambda g: steps.decide_appeal(request_id=g.pk, by=g.by, at=g.at, again=g.yes, decision=g["reason"]),
        gettext_lazy("Decided; the resident reads it."),
        "appeal",
    ),
    "force": Verb(
        "request",
        lambda g: steps.force(request_id=g.pk, unit_id=g["unit_id"], by=g.by, at=g.at, decision=g["decision"]),
        gettext_lazy("The lead is named. It cannot be given back."),
        "force",
    ),
    "exclude": Verb(
        "request",
        lambda g: steps.propose_exclusion(
            request_id=g.pk, by=g.by, at=g.at, reason=g["reason"], evidence=g["evidence"]
        ),
        gettext_lazy("Proposed. A second person decides."),
        "exclude",
    ),
    "exclusion": Verb(
        "exclusion", _exclusion, gettext_lazy("Your decision on the exclusion is recorded."), "exclusion"
    ),
    "lift": Verb(
        "exclusion",
        lambda g: steps.lift_exclusion(exclusion_id=g.pk, by=g.by, at=g.at, reason=g["reason"]),
        gettext_lazy("It counts in the rates again."),
        "lift",
    ),
    "judge": Verb("voice", _judge, gettext_lazy("The judgement is recorded as the resident said it."), "judge"),
}
SENT: dict[str, Words] = {
    "draft": gettext_lazy("The draft is kept. Nobody outside the unit sees it."),
    "in_review": gettext_lazy("Sent to the one who reads replies in your unit."),
    "sent": gettext_lazy("The reply is out. Now the resident judges."),
}
TWICE = frozenset({"note", "ask", "contact", "supervise"})  # words that could be written twice by a double press
ALIAS = {"area": "area_path", "decision": "reason"}  # what a step calls otherwise than its form


@page("loop/act/<int:pk>/<slug:verb>/", name="act", needs=STAFF, scope=Scope.AREA, methods=("POST",))
def act(request: HeliRequest, pk: int, verb: str) -> HttpResponse:
    """One verb on one thing. Who may do it is decided by the step."""
    v = VERBS.get(verb)
    if v is None:
        raise NotFound
    form = forms.form_for(v.tab, request.POST, request.FILES) if v.tab else None
    if form is not None and not form.is_valid():
        return show_request(request, queries.code_of(v.of, pk), tab=v.tab, form=form, status=400)
    post: Any = request.POST
    again = False
    if verb == "reply" and post.get("as") == "send" and (again := _to_look_at(request, pk, form)):
        post = post.copy()
        post["as"] = "draft"  # nothing typed or added is lost while its writer looks once more
    try:
        state = _run(v, verb, Given(request.actor, timezone.now(), pk, form, post))
    except NotFound:
        raise
    except HeliError as error:
        return _refused(request, v, pk, form, error)
    if again:
        messages.warning(request, _("Not sent yet; kept as a draft. Look at what is named below, or send it as it is."))
    else:
        messages.success(request, str(SENT[state] if verb == "reply" else v.said))
    typed = request.POST.get("code", "")
    code = typed if CODE.fullmatch(typed) else queries.code_of(v.of, pk)
    return back_to(code, tab="reply" if verb == "reply" and state == "draft" else "", look=again)


def _to_look_at(request: HeliRequest, pk: int, form: Any) -> bool:
    """Whether a reply that is to be sent lacks something: its writer is asked once to look again, and decides."""
    said = Request.objects.visible_to(request.actor).filter(pk=pk).values_list("title", "text").first()
    if said is None:
        return False  # the step says so
    return bool(hints.of_reply(form.cleaned_data["text"], title=said[0], body=said[1], whole=True))


def _run(v: Verb, verb: str, g: Given) -> str:
    """The state of what was done. Words that nothing else keeps from being written twice (no state that has moved on)
    count once for each showing of the form, however often its button is pressed; other words in it are another matter."""
    try:
        shown = uuid.UUID(g.post.get("form_key", ""))
    except ValueError:
        shown = None
    if verb not in TWICE or shown is None:
        return str(getattr(v.run(g), "state", ""))
    said = once.fingerprint(verb, str(g.pk), json.dumps(g.form.cleaned_data, default=str, sort_keys=True))

    def act() -> tuple[int, str]:
        return 200, str(getattr(v.run(g), "state", ""))

    key = f"form:{shown.hex}:{said[:16].hex()}"
    return once.once(who=f"user:{g.by.user_id}", key=key, asked=said, at=g.at, act=act).body


def _refused(request: HeliRequest, v: Verb, pk: int, form: forms.ActForm | None, error: HeliError) -> HttpResponse:
    """The page again: the error at its field, or at the top where it has none (or its tab is gone by now)."""
    code = queries.code_of(v.of, pk)
    names = [n for n in (error.field or "", ALIAS.get(error.field or "", "")) if form is not None and n in form.fields]
    if form is not None and names:
        missing = isinstance(error, PaperMissing)
        form.add_error(names[0], _("Nothing is written here yet; it is needed.") if missing else error.words)
        return show_request(request, code, tab=v.tab, form=form, status=error.status)
    if isinstance(error, TakenAlready) and form is not None and "unit_id" in form.fields:
        form.add_error("unit_id", _("This unit already has a part in it. Choose another one."))
        return show_request(request, code, tab=v.tab, form=form, status=error.status)
    said = _who_was_first(request, code) if isinstance(error, TakenAlready) and not v.tab else ""
    return show_request(request, code, tab=v.tab, form=form, error=error, said=said, status=error.status)


def _who_was_first(request: HeliRequest, code: str) -> str:
    """“A colleague took it on first: 许股长, today 9:12.”"""
    now = timezone.now()
    lead = detail(request.actor, code, now).lead
    if lead is None or lead.accepted_by is None or lead.accepted_at is None:
        return ""
    slots = {"name": str(lead.accepted_by), "when": words.when(lead.accepted_at, now)}
    return _("A colleague took it on first: %(name)s, %(when)s. Nothing is left for you to do here.") % slots


@page("loop/act/<int:pk>/reveal/<int:voice_id>/", name="reveal", needs=STAFF, scope=Scope.AREA, methods=("POST",))
def reveal(request: HeliRequest, pk: int, voice_id: int) -> HttpResponse:
    """The number of one voice, shown this once, after the purpose was said and recorded."""
    form = forms.RevealForm(request.POST, prefix=f"v{voice_id}")
    error: HeliError | None = None
    shown: dict[str, str] = {}
    if form.is_valid():
        try:
            shown = steps.reveal(
                request_id=pk, voice_id=voice_id, by=request.actor, at=timezone.now(), purpose=form.said()
            )
        except NotFound:
            raise
        except HeliError as refused:
            error = refused
    status = error.status if error else 200 if shown else 400
    if request.htmx:
        context = {"pk": pk, "voice_id": voice_id, "shown": shown, "reveal_form": form, "error": error}
        response = render(request, "loop/unit/number.html", context)  # in its place, whatever came of it
        response["Cache-Control"] = "no-store"
        return response
    revealed = {"id": voice_id, **shown} if shown else None
    code = queries.code_of("request", pk)
    return show_request(request, code, error=error, revealed=revealed, reveal_form=form, status=status)

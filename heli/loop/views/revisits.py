"""Revisit calls: whom to call, what to ask, and what they said. Whoever handled a request never records it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop import steps
from heli.loop.forms import unit as forms
from heli.loop.models import Urgency
from heli.loop.queries import inbox as lists
from heli.loop.queries import parts
from heli.loop.queries import unit as queries
from heli.loop.queries.detail import detail


@page("loop/revisits/", name="revisits", needs=Cap.REVISIT, scope=Scope.AREA)
def revisits(request: HeliRequest) -> HttpResponse:
    """Answered requests whose residents have not judged yet, by the revisit clock."""
    now, f = timezone.now(), lists.Filters.read(request.GET)
    found = lists.calls(request.actor, f, now, after=request.GET.get("after"))
    context = {
        "page": found.map(lambda r: _row(r, now)),
        "filters": f,
        "narrowed": f.kept(),
        "urgencies": Urgency.choices,
        "now": now,
    }
    return render(request, "loop/unit/revisits.html", context)


def _row(r: Any, now: Any) -> dict[str, Any]:
    running = r.due_kind == "revisit"
    due = parts.chip_of(r.due_at if running else None, now, parts.display_calendar(r.area_path, now))
    return {"request": r, "place": lists.place_of(r), "due": due, "tried": r.tried}


@page("loop/revisits/<str:code>/", name="revisit", needs=Cap.REVISIT, scope=Scope.AREA)
def revisit(request: HeliRequest, code: str) -> HttpResponse:
    """One call: what to say, the number, and the three questions."""
    return show_call(request, code.upper())


def show_call(
    request: HeliRequest,
    code: str,
    *,
    voice_id: int = 0,
    form: forms.JudgeForm | None = None,
    error: HeliError | None = None,
    status: int = 200,
) -> HttpResponse:
    """The call, after a look at it or after a record that did not go through: then with what was typed."""
    now = timezone.now()
    lists.call_for(request.actor, code)
    d = detail(request.actor, code, now)
    left = queries.unjudged(d)
    chosen = request.GET.get("voice", "")
    wanted = voice_id or (int(chosen) if chosen.isascii() and chosen.isdecimal() and len(chosen) < 18 else 0)
    voice = next((v for v in left if v.pk == wanted), left[0] if left else None)
    purpose = str(forms.PURPOSES[-1])
    context = {
        "d": d,
        "r": d.request,
        "place": lists.place_of(d.request),
        "left": left,
        "voice": voice,
        "handled": queries.standing(d, request.actor).handled,
        "form": form or forms.JudgeForm(),
        "unreached_form": forms.UnreachedForm(prefix="u"),
        "reveal_form": forms.RevealForm(prefix=f"v{voice.pk}", initial={"purpose": purpose}) if voice else None,
        "reply": next((h for h in d.handlings if h.state == "sent"), None),
        "tries": [j for j in voice.judged if not j["reached"] and j["lap"] == d.request.lap] if voice else [],
        "clock": queries.clock_of(d, "revisit"),
        "may_reveal": Cap.VIEW_PERSONAL in request.actor.caps,
        "error": error,
        "now": now,
    }
    return render(request, "loop/unit/revisit.html", context, status=status)


@page(
    "loop/revisits/<int:voice_id>/judged/",
    name="revisit_judged",
    needs=Cap.REVISIT,
    scope=Scope.AREA,
    methods=("POST",),
)
def judged(request: HeliRequest, voice_id: int) -> HttpResponse:
    """What they said of this round."""
    form = forms.JudgeForm(request.POST)
    if not form.is_valid():
        return show_call(request, queries.code_called(voice_id), voice_id=voice_id, form=form, status=400)
    try:
        steps.judge(
            voice_id=voice_id,
            by=request.actor,
            at=timezone.now(),
            contacted=form.cleaned_data["contacted"] == "yes",
            solved=form.cleaned_data["solved"],
            satisfaction=int(form.cleaned_data["satisfaction"]),
            words=form.cleaned_data["words"],
            source="revisit",
        )
    except NotFound:
        raise
    except HeliError as error:
        return show_call(
            request, queries.code_called(voice_id), voice_id=voice_id, form=form, error=error, status=error.status
        )
    failed = form.cleaned_data["solved"] == "no" or form.cleaned_data["satisfaction"] == "1"
    said = _("Recorded. It goes back to the unit.") if failed else _("Recorded as the resident said it.")
    messages.success(request, said)
    return _on(request)


@page(
    "loop/revisits/<int:voice_id>/unreached/",
    name="revisit_unreached",
    needs=Cap.REVISIT,
    scope=Scope.AREA,
    methods=("POST",),
)
def unreached(request: HeliRequest, voice_id: int) -> HttpResponse:
    """Nobody answered: written down, counted as neither satisfied nor dissatisfied."""
    form = forms.UnreachedForm(request.POST, prefix="u")
    words = form.cleaned_data["words"] if form.is_valid() else ""
    try:
        steps.unreached(voice_id=voice_id, by=request.actor, at=timezone.now(), words=words)
    except NotFound:
        raise
    except HeliError as error:
        return show_call(request, queries.code_called(voice_id), voice_id=voice_id, error=error, status=error.status)
    messages.success(request, _("Written down: nobody answered. It counts as neither satisfied nor dissatisfied."))
    return _on(request)


def _on(request: HeliRequest) -> HttpResponse:
    """To the next call, or to the empty queue."""
    code = lists.next_call(request.actor)
    response = redirect("loop:revisit", code=code) if code else redirect("loop:revisits")
    response.status_code = 303
    return response

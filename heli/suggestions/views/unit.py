"""The unit's pages: the answer, and what was promised; the keeper looks at measures on the same page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.loop.models import Dispatch, Handling, Kind, Request
from heli.suggestions import steps
from heli.suggestions.forms import AnswerForm, WordForm
from heli.suggestions.models import Answer, Measure, Suggestion
from heli.suggestions.queries import desk as queries
from heli.suggestions.queries.wall import ANSWER, alike, shown
from heli.suggestions.steps.answer import MOST


# The answer -----------------------------------------------------------------------------------------------------------
def _request(request: HeliRequest, code: str) -> Request:
    """A suggestion that one of the actor's units leads; NotFound (L-404)."""
    rows = Request.objects.visible_to(request.actor).select_related("unit", "area")
    found: Request | None = rows.filter(code=code.upper(), kind=Kind.SUGGESTION).first()
    if found is None or found.unit_id not in request.actor.org_ids(Cap.HANDLE_REQUESTS):
        raise NotFound
    return found


def _units(r: Request) -> list[tuple[int, str]]:
    """The units that may be responsible for a measure: the lead first."""
    live = Dispatch.objects.filter(request=r, state__in=Dispatch.LIVE).select_related("unit")
    return [(d.unit_id, d.unit.short_name) for d in sorted(live, key=lambda d: (d.role != "lead", d.pk))]


def _draft(r: Request) -> Answer | None:
    """What is written of this round's answer so far."""
    handling = Handling.objects.filter(request=r, unit=r.unit_id, lap=r.lap, kind="answer").first()
    return Answer.objects.filter(handling=handling, superseded=False).first() if handling else None


def _initial(draft: Answer | None) -> tuple[dict[str, Any], int]:
    """The form's beginning, and how many rows of measures it needs."""
    if draft is None:
        return {}, 2
    kept: dict[str, Any] = {"verdict": draft.verdict, "reasons": draft.reasons, "basis": draft.basis}
    measures = list(Measure.objects.filter(answer=draft).order_by("id"))
    for n, m in enumerate(measures):
        kept |= {f"what_{n}": m.what, f"unit_{n}": m.unit_id, f"due_{n}": m.due_on}
    return kept, max(2, len(measures))


def _rows(request: HeliRequest) -> int:
    typed = request.POST.get("rows", "2")
    return int(typed) if typed in {str(n) for n in range(1, MOST + 1)} else 2


@page("<str:code>/answer/", needs=Cap.HANDLE_REQUESTS, scope=Scope.OWN_UNIT, methods=("GET", "POST"))
def answer(request: HeliRequest, code: str) -> HttpResponse:
    """Whether it is adopted, why, what will be done by when."""
    r = _request(request, code)
    units = _units(r) or [(r.unit_id or 0, r.unit.short_name if r.unit else "")]
    if request.method == "GET":
        kept, rows = _initial(_draft(r))
        return _answer_page(request, r, AnswerForm(units=units, rows=rows, initial=kept))
    rows = _rows(request)
    if request.POST.get("go") == "more":
        typed = {k: v for k, v in request.POST.dict().items() if k != "csrfmiddlewaretoken"}
        return _answer_page(request, r, AnswerForm(units=units, rows=rows + 1, initial=typed))
    form = AnswerForm(request.POST, units=units, rows=rows)
    if not form.is_valid():
        return _answer_page(request, r, form, status=400)
    draft = request.POST.get("go") == "keep"
    try:
        made = steps.answer(
            request_id=r.pk,
            verdict=form.cleaned_data["verdict"],
            reasons=form.cleaned_data["reasons"],
            basis=form.cleaned_data["basis"],
            plans=form.plans(),
            send=not draft,
            by=request.actor,
            at=timezone.now(),
        )
    except HeliError as error:
        form.put(error)
        return _answer_page(request, r, form, status=error.status)
    sent = made.handling.state == "sent"
    waits = (
        _("Kept as a draft: it is not sent and not public.")
        if draft
        else _("Your unit's lead reads it now; then it goes out.")
    )
    messages.success(request, _("Sent. Whoever suggested it is told, and everybody can read it.") if sent else waits)
    return HttpResponseRedirect(reverse("loop:request", args=[r.code]), status=303)


def _answer_page(request: HeliRequest, r: Request, form: AnswerForm, status: int = 200) -> HttpResponse:
    now = timezone.now()
    s = Suggestion.objects.select_related("credit_record").filter(pk=r.pk).first()
    context = {
        "r": r,
        "s": s,
        "credit": shown(s) if s is not None else "",
        "form": form,
        "like": alike((s or r).title + (s or r).text, r.area_path, now, but=r.pk),
        "addenda": s.addenda.order_by("id") if s is not None else (),
        "before": Measure.objects.given().filter(suggestion=r.pk, ended_at=None).order_by("due_on") if s else (),
        "open": r.state == "handling",
        "due": min((c.due_at for c in r.clocks.filter(outcome="running", kind__in=ANSWER)), default=None),
        "more": form.n < MOST,
        "now": now,
    }
    return render(request, "suggestions/answer.html", context, status=status)


# Measures -------------------------------------------------------------------------------------------------------------
@page("measures/", needs=Cap.HANDLE_REQUESTS, scope=Scope.OWN_UNIT)
def measures(request: HeliRequest) -> HttpResponse:
    """What the actor's units promised and have not ended yet, the earliest day first."""
    now = timezone.now()
    found = queries.measures(queries.of_units(request.actor), now, after=request.GET.get("after"))
    return render(request, "suggestions/measures.html", {"page": found, "now": now})


def _measure_page(
    request: HeliRequest, measure_id: int, form: Any = None, verb: str = "", status: int = 200
) -> HttpResponse:
    now, actor = timezone.now(), request.actor
    m = queries.measure_seen(actor, measure_id)
    context = {
        "m": m,
        "row": queries.measure_row(m, now),
        "progress": m.progress.order_by("-at", "-id"),
        "ours": m.unit_id in actor.org_ids(Cap.HANDLE_REQUESTS),
        "keeps": actor.can(Cap.KEEP_SUGGESTIONS, path=m.area_path),
        "form": form or WordForm(),
        "verb": verb,
        "now": now,
    }
    return render(request, "suggestions/measure.html", context, status=status)


BOTH = (Cap.HANDLE_REQUESTS, Cap.KEEP_SUGGESTIONS)


@page("measures/<int:measure_id>/", needs=BOTH, scope=Scope.AREA)
def measure(request: HeliRequest, measure_id: int) -> HttpResponse:
    """One measure: what was promised, how it goes, what is next."""
    return _measure_page(request, measure_id)


MEASURE_DONE = {
    "report": lambda: _("Kept. Everybody who follows it reads it."),
    "finish": lambda: _("Its keeper looks at it now."),
    "give_up": lambda: _("Its keeper reads the reason now."),
    "confirm": lambda: _("Seen to be done. Whoever suggested it is told."),
    "let_go": lambda: _("Given up for good. Whoever suggested it is told."),
    "send_back": lambda: _("The unit goes on with it."),
}


@page("measures/<int:measure_id>/<slug:verb>/", name="measure_do", needs=BOTH, scope=Scope.AREA, methods=("POST",))
def measure_do(request: HeliRequest, measure_id: int, verb: str) -> HttpResponse:
    """report, finish, give_up by the unit; confirm, let_go, send_back by its keeper."""
    m = queries.measure_seen(request.actor, measure_id)
    if verb not in MEASURE_DONE:
        raise NotFound
    form = WordForm(request.POST, request.FILES)
    form.fields["text"].required = verb not in {"confirm", "let_go"}
    if not form.is_valid():
        return _measure_page(request, m.pk, form, verb, 400)
    told: dict[str, Any] = {
        "measure_id": m.pk,
        "text": form.cleaned_data["text"],
        "by": request.actor,
        "at": timezone.now(),
    }
    if verb in {"report", "finish"}:
        told["photos"] = form.cleaned_data["photos"]
    try:
        getattr(steps, verb)(**told)
    except HeliError as error:
        form.put(error)
        return _measure_page(request, m.pk, form, verb, error.status)
    messages.success(request, MEASURE_DONE[verb]())
    return HttpResponseRedirect(reverse("suggestions:measure", args=[m.pk]), status=303)

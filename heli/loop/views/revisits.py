"""The revisit workbench: whom to call, what to ask, what they said; calling again; the second listen.

Whoever handled a request never records what its resident thinks of it.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.core.paging import keyset
from heli.loop import sampling, steps
from heli.loop.clocks import local_day
from heli.loop.forms import unit as forms
from heli.loop.forms.orders import AgainForm
from heli.loop.models import Urgency
from heli.loop.oversight_models import Revisit
from heli.loop.queries import inbox as lists
from heli.loop.queries import revisits as bench
from heli.loop.queries import unit as queries
from heli.loop.queries.decisions import row_cap
from heli.loop.queries.detail import detail
from heli.loop.views.manage import notes_of, purpose_of, see_other

TRIES = 3  # of the calls that may be claimed next, before the list is shown instead


def _tab(request: HeliRequest) -> str:
    return request.GET.get("tab", "") if request.GET.get("tab", "") in bench.TABS else ""


@page("loop/revisits/", name="revisits", needs=Cap.REVISIT, scope=Scope.AREA)
def revisits(request: HeliRequest) -> HttpResponse:
    """Residents to call: the next one first, what was done today, those to call later or in person, second listens."""
    now, f, tab = timezone.now(), lists.Filters.read(request.GET), _tab(request)
    found = bench.today(request.actor, now)
    counts = {"now": found.now, "later": found.later, "visit": found.visit, "check": found.check}
    after = request.GET.get("after")
    context = {
        "page": bench.queue(request.actor, tab, f, now, after=after) if tab != "check" else None,
        "checks": bench.check_page(request.actor, after=after) if tab == "check" else None,
        "tab": tab,
        "tabs": [(k, said, counts.get(k)) for k, said in bench.TABS.items()],
        "today": found,
        "filters": f,
        "narrowed": f.kept(),
        "urgencies": Urgency.choices,
        "may_export": Cap.EXPORT in request.actor.caps,
        "query": request.GET.urlencode(),
        "now": now,
    }
    return render(request, "loop/unit/revisits.html", context)


@page("loop/revisits/export/", name="revisits_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def revisits_export(request: HeliRequest) -> HttpResponse:
    """The queue as a spreadsheet, without anybody's name or number; for who may also take lists away."""
    now, f, purpose = timezone.now(), lists.Filters.read(request.GET), purpose_of(request)
    most, path = row_cap(request.actor, (Cap.REVISIT,), local_day(now))
    rows = list(bench.listed(request.actor, _tab(request), f, now).order_by("call_at", "id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="revisits", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters=f.kept(), path=path
    )
    columns: list[export.Column[Revisit]] = [
        (_("Code"), lambda c: c.request.code),
        (_("What"), lambda c: c.request.title),
        (_("Where"), lambda c: lists.place_of(c.request)),
        (_("Answered by"), lambda c: c.request.unit.short_name if c.request.unit else ""),
        (_("Round"), lambda c: c.lap),
        (_("Why it is called"), lambda c: c.get_why_display()),
        (_("Times called"), lambda c: c.attempts),
        (_("Not before"), lambda c: c.call_at),
    ]
    book = export.workbook(_("Revisit calls"), columns, rows, cap=most, notes=notes_of(request, purpose, now))
    return export.download(book, f"revisits-{local_day(now):%Y%m%d}.xlsx")


@page("loop/revisits/next/", name="revisit_next", needs=Cap.REVISIT, scope=Scope.AREA, methods=("POST",))
def revisit_next(request: HeliRequest) -> HttpResponse:
    """Take the next call."""
    return _on(request)


@page("loop/revisits/<int:pk>/claim/", name="revisit_claim", needs=Cap.REVISIT, scope=Scope.AREA, methods=("POST",))
def claim(request: HeliRequest, pk: int) -> HttpResponse:
    """Take this call, so that no colleague calls the same resident."""
    call = steps.claim_call(revisit_id=pk, by=request.actor, at=timezone.now())
    return see_other("revisit", code=call.request.code)


@page("loop/revisits/<int:pk>/release/", name="revisit_release", needs=Cap.REVISIT, scope=Scope.AREA, methods=("POST",))
def release(request: HeliRequest, pk: int) -> HttpResponse:
    """Give it back to the queue without a call."""
    steps.release_call(revisit_id=pk, by=request.actor, at=timezone.now())
    messages.success(request, _("It is in the queue again."))
    return see_other("revisits")


@page("loop/revisits/<int:pk>/pass/", name="revisit_pass", needs=Cap.REVISIT, scope=Scope.AREA, methods=("POST",))
def pass_on(request: HeliRequest, pk: int) -> HttpResponse:
    """The caller knows the resident: a colleague calls. No reason is asked."""
    steps.pass_call(revisit_id=pk, by=request.actor, at=timezone.now())
    messages.success(request, _("A colleague makes this call. It does not come back to you."))
    return _on(request, but=pk)


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
    again_form: AgainForm | None = None,
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
    row = bench.call_of(request.actor, d.request)
    call = row if row is not None and row.state == "waiting" else None
    held = call is not None and sampling.held_by_other(call, request.actor.user_id, now)
    handled = bench.had_hand(request.actor, d.request)
    context = {
        "d": d,
        "r": d.request,
        "place": lists.place_of(d.request),
        "left": left,
        "voice": voice,
        "call": call,
        "mine": call is not None and call.claimed_by_id == request.actor.user_id,
        "drawn": row is not None,
        "held": held,
        "history": bench.tries_of(d.request),
        "script": bench.script(d.request, voice.record.name_mask if voice and voice.record else ""),
        "again": bench.again_choices(d.request, now),
        "handled": handled,
        "may_call": row is not None and not held and not handled,
        "form": form or forms.JudgeForm(),
        "unreached_form": again_form or AgainForm(prefix="u"),
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
    """Nobody answered: written down, counted as neither satisfied nor dissatisfied; called again at the time chosen."""
    form, code = AgainForm(request.POST, prefix="u"), queries.code_called(voice_id)
    if not form.is_valid():
        return show_call(request, code, voice_id=voice_id, again_form=form, status=400)
    try:
        steps.unreached(
            voice_id=voice_id,
            by=request.actor,
            at=timezone.now(),
            words=form.cleaned_data["words"],
            again_at=form.moment(),
        )
    except NotFound:
        raise
    except HeliError as error:
        if error.field in form.fields:
            form.add_error(error.field, error.words)
        return show_call(request, code, voice_id=voice_id, again_form=form, error=error, status=error.status)
    messages.success(request, _("Written down: nobody answered. It counts as neither satisfied nor dissatisfied."))
    return _on(request)


def _on(request: HeliRequest, *, but: int = 0) -> HttpResponse:
    """To the next call, which is taken at once; or to the queue when none may be made now."""
    now = timezone.now()
    for _n in range(TRIES):
        call = bench.next_call(request.actor, now, but=but)
        if call is None:
            break
        try:
            steps.claim_call(revisit_id=call.pk, by=request.actor, at=now)
        except HeliError as error:  # a colleague was quicker, the hour is over, or one had a hand in it
            if error.code == "L-143":
                continue
            messages.info(request, error.words)
            break
        return see_other("revisit", code=call.request.code)
    return see_other("revisits")


# The second listen ----------------------------------------------------------------------------------------------------
@page("loop/revisits/check/<int:pk>/", name="recheck", needs=Cap.REVISIT, scope=Scope.AREA, methods=("GET", "POST"))
def recheck(request: HeliRequest, pk: int) -> HttpResponse:
    """A call that a second person makes with the same questions. What was answered first is not shown to them."""
    now, check = timezone.now(), bench.check_one(request.actor, pk)
    form, error, status = forms.JudgeForm(request.POST or None), None, 200
    if request.method == "POST":
        nobody = "nobody" in request.POST
        status = 400
        if nobody or form.is_valid():
            said = {} if nobody else form.cleaned_data
            try:
                steps.record_check(
                    recheck_id=pk,
                    by=request.actor,
                    at=now,
                    reached=not nobody,
                    contacted=None if nobody else said["contacted"] == "yes",
                    solved=said.get("solved", ""),
                    satisfaction=None if nobody else int(said["satisfaction"]),
                    words=said.get("words", ""),
                )
            except HeliError as wrong:
                error, status = wrong, wrong.status
            else:
                messages.success(request, _("Recorded. The first answers stay as they are."))
                response = redirect("/loop/revisits/?tab=check")
                response.status_code = 303
                return response
    r, voice = check.request, check.review.voice
    context = {
        "check": check,
        "r": r,
        "place": lists.place_of(r),
        "voice": voice,
        "form": form,
        "error": error,
        "script": bench.script(r, voice.record.name_mask if voice.record else ""),
        "reveal_form": forms.RevealForm(prefix=f"v{voice.pk}", initial={"purpose": str(forms.PURPOSES[-1])}),
        "may_reveal": Cap.VIEW_PERSONAL in request.actor.caps,
        "now": now,
    }
    return render(request, "loop/unit/recheck.html", context, status=status)


@page("loop/deviations/", name="deviations", needs=Cap.SUPERVISE, scope=Scope.AREA)
def deviations(request: HeliRequest) -> HttpResponse:
    """Where a second caller heard something else: counts by unit, then the calls. Names no caller."""
    found = keyset(bench.deviations(request.actor), order=("-at", "-id"), after=request.GET.get("after"))
    context = {
        "page": found,
        "units": bench.deviations_by_unit(request.actor),
        "may_export": Cap.EXPORT in request.actor.caps,
        "now": timezone.now(),
    }
    return render(request, "loop/unit/deviations.html", context)


@page("loop/deviations/export/", name="deviations_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def deviations_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet."""
    now, purpose = timezone.now(), purpose_of(request)
    most, path = row_cap(request.actor, (Cap.SUPERVISE,), local_day(now))
    rows = list(bench.deviations(request.actor).order_by("at", "id")[: most + 1])
    if len(rows) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name="deviations", by=request.actor, at=now, purpose=purpose, rows=len(rows), filters={}, path=path
    )
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda c: c.request.code),
        (_("Unit"), lambda c: c.unit.short_name if c.unit else ""),
        (_("Solved, first"), lambda c: c.review.solved),
        (_("Solved, again"), lambda c: c.solved),
        (_("Satisfaction, first"), lambda c: c.review.satisfaction),
        (_("Satisfaction, again"), lambda c: c.satisfaction),
        (_("Asked again"), lambda c: c.at),
    ]
    book = export.workbook(_("Second listens"), columns, rows, cap=most, notes=notes_of(request, purpose, now))
    return export.download(book, f"deviations-{local_day(now):%Y%m%d}.xlsx")

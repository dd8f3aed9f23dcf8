"""Decisions above the units: more time, what is not solved after the last round, exclusions from the rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound, PaperMissing
from heli.core.pages import HeliRequest, page
from heli.loop import steps
from heli.loop.clocks import local_day
from heli.loop.forms.manage import DecideForm
from heli.loop.models import ClockKind
from heli.loop.oversight_models import AppealDecision
from heli.loop.queries import decisions as queries
from heli.loop.queries import parts
from heli.loop.views.manage import notes_of, purpose_of, see_other

DECISIONS: dict[str, str | Promise] = {"approved": gettext_lazy("given"), "refused": gettext_lazy("refused")}
EXCLUSION_STATES: dict[str, str | Promise] = {
    "proposed": gettext_lazy("proposed"),
    "confirmed": gettext_lazy("left out"),
    "refused": gettext_lazy("refused"),
    "lifted": gettext_lazy("lifted"),
}


def _tab(request: HeliRequest, known: Any) -> str:
    asked = request.GET.get("tab", "")
    return asked if asked in known else next(iter(known))


def _decide(request: HeliRequest, choices: tuple[str, ...], run: Callable[[str, str], Any]) -> tuple[DecideForm, int]:
    """Read the decision and take it: (form with what is wrong, status); status 303 when it went through."""
    form = DecideForm(request.POST, choices=choices)
    if not form.is_valid():
        return form, 400
    try:
        run(form.cleaned_data["decide"], form.cleaned_data["reason"].strip())
    except NotFound:
        raise
    except PaperMissing:
        form.add_error("reason", _("Write the reason: it goes with your decision."))
        return form, PaperMissing.status
    except HeliError as error:
        form.add_error(error.field if error.field in form.fields else None, error.words)
        return form, error.status
    return form, 303


def _file(
    request: HeliRequest,
    *,
    name: str,
    title: str,
    cap: Cap,
    rows: Any,
    columns: list[export.Column[Any]],
    tab: str = "",
    **filters: str,
) -> HttpResponse:
    """A list as a spreadsheet, for a stated purpose that is recorded first."""
    now, purpose = timezone.now(), purpose_of(request)
    most, path = queries.row_cap(request.actor, (cap,), local_day(now))
    found = list(rows[: most + 1])
    if len(found) > most:
        raise export.TooManyRows(cap=most)
    export.take_away(
        name=name,
        by=request.actor,
        at=now,
        purpose=purpose,
        rows=len(found),
        filters={"tab": tab, **filters},
        path=path,
    )
    book = export.workbook(title, columns, found, cap=most, notes=notes_of(request, purpose, now))
    return export.download(book, f"{name}-{local_day(now):%Y%m%d}.xlsx")


# More time ------------------------------------------------------------------------------------------------------------
@page("loop/extensions/", name="extensions", needs=Cap.SUPERVISE, scope=Scope.AREA)
def extensions(request: HeliRequest) -> HttpResponse:
    """Units that ask for more time: reason, basis, the clock it is for, and what the deadline would become."""
    return _extensions(request)


def _extensions(
    request: HeliRequest, *, pk: int | None = None, form: DecideForm | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    tab = "asked" if pk else _tab(request, queries.EXTENSION_TABS)
    context = {
        "page": queries.extension_page(request.actor, tab, now, after=request.GET.get("after")),
        "tab": tab,
        "tabs": queries.EXTENSION_TABS.items(),
        "query": f"tab={tab}",
        "form": form,
        "form_pk": pk,
        "may_export": Cap.EXPORT in request.actor.caps,
        "now": now,
    }
    return render(request, "loop/manage/extensions.html", context, status=status)


@page("loop/extensions/<int:pk>/", name="extension_decide", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("POST",))
def extension_decide(request: HeliRequest, pk: int) -> HttpResponse:
    """Give the time, or refuse it with the reason; a second person than who asked."""
    form, status = _decide(
        request,
        ("yes", "no"),
        lambda decide, reason: steps.decide_extension(
            extension_id=pk, by=request.actor, at=timezone.now(), approve=decide == "yes", reason=reason
        ),
    )
    if status != 303:
        return _extensions(request, pk=pk, form=form, status=status)
    given = form.cleaned_data["decide"] == "yes"
    messages.success(request, _("More time is given; the resident reads why.") if given else _("The deadline stays."))
    return see_other("extensions")


@page("loop/extensions/export/", name="extensions_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def extensions_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet."""
    tab = _tab(request, queries.EXTENSION_TABS)
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda e: e.request.code),
        (_("What"), lambda e: e.request.title),
        (_("Where"), lambda e: queries.place_of(e.request)),
        (_("Unit"), lambda e: e.clock.unit.short_name if e.clock.unit else ""),
        (_("Clock"), lambda e: ClockKind(e.clock.kind).label),
        (_("Asked"), lambda e: e.asked_at),
        (_("Working days more"), lambda e: e.days or None),
        (_("Stands until"), lambda e: e.until),
        (_("Reason"), lambda e: e.reason),
        (_("It rests on"), lambda e: e.basis),
        (_("Decision"), lambda e: str(DECISIONS.get(e.state, ""))),
        (_("Decided"), lambda e: e.decided_at),
        (_("Decided by"), lambda e: str(e.decided_by or "")),
    ]
    rows = queries.extensions(request.actor, tab).order_by("asked_at", "id")
    return _file(
        request, name="extensions", title=_("More time"), cap=Cap.SUPERVISE, rows=rows, columns=columns, tab=tab
    )


# After the last round -------------------------------------------------------------------------------------------------
@page("loop/appeals/", name="appeals", needs=Cap.SUPERVISE, scope=Scope.AREA)
def appeals(request: HeliRequest) -> HttpResponse:
    """Requests that are not solved after the last round: once more, or closed, in writing; and what was decided."""
    return _appeals(request)


def _outcome(request: HeliRequest) -> str:
    asked = request.GET.get("outcome", "")
    return asked if asked in queries.OUTCOMES else ""


def _appeals(
    request: HeliRequest, *, pk: int | None = None, form: DecideForm | None = None, status: int = 200
) -> HttpResponse:
    tab = "open" if pk else _tab(request, queries.APPEAL_TABS)
    outcome, after = _outcome(request), request.GET.get("after")
    context = {
        "page": queries.decided_page(request.actor, outcome, after=after)
        if tab == "decided"
        else queries.appeal_page(request.actor, after=after),
        "tab": tab,
        "tabs": queries.APPEAL_TABS.items(),
        "outcome": outcome,
        "outcomes": queries.OUTCOMES.items(),
        "query": urlencode({"tab": tab, "outcome": outcome}),
        "form": form,
        "form_pk": pk,
        "may_export": Cap.EXPORT in request.actor.caps,
        "now": timezone.now(),
    }
    return render(request, "loop/manage/appeals.html", context, status=status)


@page("loop/appeals/<int:pk>/", name="appeal_decide", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("POST",))
def appeal_decide(request: HeliRequest, pk: int) -> HttpResponse:
    """Once more with a new clock, or closed; the resident reads the decision, and what they judged stays."""
    form, status = _decide(
        request,
        ("again", "close"),
        lambda decide, reason: steps.decide_appeal(
            request_id=pk, by=request.actor, at=timezone.now(), again=decide == "again", decision=reason
        ),
    )
    if status != 303:
        return _appeals(request, pk=pk, form=form, status=status)
    messages.success(request, _("Decided; the resident reads it."))
    return see_other("appeals")


@page("loop/appeals/export/", name="appeals_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def appeals_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet; the residents' own words stay in the pages."""
    if _tab(request, queries.APPEAL_TABS) == "decided":
        return _decided_export(request)
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda r: r.code),
        (_("What"), lambda r: r.title),
        (_("Where"), queries.place_of),
        (_("Unit"), lambda r: r.unit.short_name if r.unit else ""),
        (_("Round"), lambda r: r.lap),
        (_("Solved"), lambda r: str(parts.SOLVED.get(r.solved, ""))),
        (_("Satisfaction, 1 to 5"), lambda r: r.satisfaction),
        (pgettext("column", "Heard"), lambda r: r.heard_at),
        (_("Answered"), lambda r: r.replied_at),
        (_("Waits since"), lambda r: r.since),
    ]
    title, rows = _("Not solved after the last round"), queries.appeals(request.actor)
    return _file(request, name="appeals", title=title, cap=Cap.SUPERVISE, rows=rows, columns=columns)


def _decided_export(request: HeliRequest) -> HttpResponse:
    columns: list[export.Column[AppealDecision]] = [
        (_("Code"), lambda d: d.request.code),
        (_("What"), lambda d: d.request.title),
        (_("Where"), lambda d: queries.place_of(d.request)),
        (_("Unit"), lambda d: d.request.unit.short_name if d.request.unit else ""),
        (_("Decision"), lambda d: str(queries.outcome_of(d))),
        (_("Reason"), lambda d: d.text),
        (_("Decided"), lambda d: d.at),
        (_("Decided by"), lambda d: str(d.by or "")),
        (_("State today"), lambda d: str(parts.STATE_WORDS[d.request.state])),
    ]
    outcome = _outcome(request)
    return _file(
        request, name="appeals", title=_("Decided after the last round"), cap=Cap.SUPERVISE,
        rows=queries.decided(request.actor, outcome).order_by("at", "id"), columns=columns, tab="decided", outcome=outcome,
    )  # fmt: skip


# Exclusions -----------------------------------------------------------------------------------------------------------
@page("loop/exclusions/", name="exclusions", needs=Cap.EXCLUDE, scope=Scope.AREA)
def exclusions(request: HeliRequest) -> HttpResponse:
    """What is proposed to be left out of the rates, what is left out, and how the public is told in counts."""
    return _exclusions(request)


def _exclusions(
    request: HeliRequest,
    *,
    pk: int | None = None,
    form: DecideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    tab = _tab(request, queries.EXCLUSION_TABS)
    states, reasons = queries.exclusion_counts(request.actor)
    context = {
        "page": queries.exclusion_page(request.actor, tab, after=request.GET.get("after")),
        "tab": tab,
        "tabs": [(k, title, states.get(k, 0)) for k, title in queries.EXCLUSION_TABS.items()],
        "query": f"tab={tab}",
        "reasons": reasons,
        "area_path": min(request.actor.paths(Cap.EXCLUDE), key=len, default=""),
        "form": form,
        "form_pk": pk,
        "may_export": Cap.EXPORT in request.actor.caps,
        "now": timezone.now(),
    }
    return render(request, "loop/manage/exclusions.html", context, status=status)


@page("loop/exclusions/<int:pk>/", name="exclusion_decide", needs=Cap.EXCLUDE, scope=Scope.AREA, methods=("POST",))
def exclusion_decide(request: HeliRequest, pk: int) -> HttpResponse:
    """Confirm or refuse what a colleague proposed; lift what stands. Always a second person."""
    by, now = request.actor, timezone.now()

    def run(decide: str, reason: str) -> Any:
        if decide == "confirm":
            return steps.confirm_exclusion(exclusion_id=pk, by=by, at=now)
        if decide == "lift":
            return steps.lift_exclusion(exclusion_id=pk, by=by, at=now, reason=reason)
        return steps.refuse_exclusion(exclusion_id=pk, by=by, at=now, reason=reason)

    form, status = _decide(request, ("confirm", "refuse", "lift"), run)
    if status != 303:
        return _exclusions(request, pk=pk, form=form, status=status)
    said = {
        "confirm": _("It is left out of the rates, and counted in public as left out."),
        "refuse": _("It counts in the rates."),
        "lift": _("It counts in the rates again."),
    }
    messages.success(request, said[form.cleaned_data["decide"]])
    response = see_other("exclusions")
    if form.cleaned_data["decide"] == "lift":
        response["Location"] += "?tab=confirmed"
    return response


@page("loop/exclusions/export/", name="exclusions_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def exclusions_export(request: HeliRequest) -> HttpResponse:
    """The list as a spreadsheet."""
    tab = _tab(request, queries.EXCLUSION_TABS)
    columns: list[export.Column[Any]] = [
        (_("Code"), lambda e: e.request.code),
        (_("What"), lambda e: e.request.title),
        (_("Where"), lambda e: queries.place_of(e.request)),
        (_("Unit"), lambda e: e.request.unit.short_name if e.request.unit else ""),
        (_("Reason"), lambda e: str(queries.REASONS.get(e.reason, e.reason))),
        (_("Evidence"), lambda e: e.evidence),
        (_("Proposed on"), lambda e: e.proposed_at),
        (_("Proposed by"), lambda e: str(e.proposed_by or "")),
        (_("State"), lambda e: str(EXCLUSION_STATES[e.state])),
        (_("Decided"), lambda e: e.decided_at),
        (_("Decided by"), lambda e: str(e.decided_by or "")),
    ]
    rows = queries.exclusions(request.actor, tab).order_by("proposed_at", "id")
    return _file(
        request,
        name="exclusions",
        title=_("Exclusions from the rates"),
        cap=Cap.EXCLUDE,
        rows=rows,
        columns=columns,
        tab=tab,
    )

"""Pages of standing problems: what should be named, what is in hand, one problem, and a new one."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.insight import problem_queries as queries
from heli.insight import problem_steps as steps
from heli.insight.forms import NameForm, PlanForm, WhyForm, WordsForm
from heli.insight.hot_views import CODES, HotRow, hot_row, hot_seen, requests_of
from heli.insight.models import Problem
from heli.insight.problem_queries import TABS, ProblemRow
from heli.loop.clocks import local_day
from heli.loop.queries.unit import leaves
from heli.orgs.exports import purpose_of, row_cap

READ = (Cap.SUPERVISE, Cap.VIEW_REQUESTS, Cap.HANDLE_REQUESTS)
REVIEW_DAYS = 60  # offered as the first day of review


def put_error(form: Any, error: HeliError, **other: str) -> None:
    """The step's error beside its field, or above the form; `other` names fields the form calls differently."""
    field = error.field or ""
    said = other.get(field, field)
    form.add_error(said if said in form.fields else None, error.words)


def see_problem(problem_id: int) -> HttpResponse:
    """To the page of a problem after a write, by GET."""
    response = redirect("insight:problem", problem_id=problem_id)
    response.status_code = 303
    return response


def _filters(request: HeliRequest) -> dict[str, str]:
    area, tab = request.GET.get("area", ""), request.GET.get("tab", "")
    return {
        "tab": tab if tab in TABS else "live",
        "q": request.GET.get("q", "").replace("\0", "").strip()[:60],
        "area": area if area.isascii() and area.isalnum() and len(area) <= 24 else "",
    }


@page("problems/", name="problems", needs=READ, scope=Scope.AREA)
def problems(request: HeliRequest) -> HttpResponse:
    """What someone should name, then what is named, by its day of review."""
    return _list(request)


def _list(
    request: HeliRequest, *, pk: int | None = None, form: WhyForm | None = None, status: int = 200
) -> HttpResponse:
    wanted, now = _filters(request), timezone.now()
    reads = bool(request.actor.caps & {Cap.SUPERVISE, Cap.VIEW_REQUESTS})
    first_page = not request.GET.get("after")
    context = {
        "page": queries.problems_page(request.actor, now, after=request.GET.get("after"), **wanted),
        "wanted": wanted,
        "tabs": [(k, said) for k, (said, _states) in TABS.items()],
        "candidates": queries.candidate_rows(request.actor) if reads and first_page else [],
        "dismissed": queries.candidate_rows(request.actor, dismissed=True) if reads and first_page else [],
        "reads": reads,
        "may_name": Cap.SUPERVISE in request.actor.caps,
        "may_export": Cap.EXPORT in request.actor.caps,
        "form": form or WhyForm(),
        "form_pk": pk,
        "query": request.GET.urlencode(),
        "now": now,
    }
    return render(request, "insight/problems.html", context, status=status)


@page("problems/export/", name="problems_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def problems_export(request: HeliRequest) -> HttpResponse:
    """The filtered list as a spreadsheet, for a stated purpose."""
    now = timezone.now()
    cap = row_cap(request.actor, now)
    found = list(queries.problems_list(request.actor, **_filters(request)).order_by("review_on", "id")[: cap + 1])
    rows = [queries.problem_row(p, local_day(now)) for p in found]
    purpose = purpose_of(request, "problems", Cap.EXPORT, len(rows), now)
    columns: list[export.Column[ProblemRow]] = [
        (_("What it is called"), lambda r: r.problem.title),
        (_("Area"), lambda r: r.place),
        (_("Area code"), lambda r: r.problem.area_path),
        (_("Kind of matter"), lambda r: str(r.problem.category or "")),
        (_("Who owns it"), lambda r: r.problem.unit.short_name),
        (_("State"), lambda r: str(r.state)),
        (_("Topic of the month"), lambda r: r.problem.month),
        (_("Named on"), lambda r: r.problem.named_at),
        (_("Look at it again on"), lambda r: r.problem.review_on),
        (_("Measures done"), lambda r: r.done),
        (_("Measures in all"), lambda r: r.measures),
        (_("People a week before"), lambda r: r.problem.before),
        (_("People a week after"), lambda r: r.problem.after),
        (_("Laps"), lambda r: r.problem.lap),
    ]
    book = export.workbook(str(pgettext("nav", "Standing problems")), columns, rows, cap=cap, notes=[purpose])
    return export.download(book, f"problems-{local_day(now):%Y%m%d}.xlsx")


@page(
    "problems/candidates/<int:candidate_id>/dismiss/",
    name="candidate_dismiss",
    needs=Cap.SUPERVISE,
    scope=Scope.AREA,
    methods=("POST",),
)
def candidate_dismiss(request: HeliRequest, candidate_id: int) -> HttpResponse:
    """No standing problem, with the reason."""
    form = WhyForm(request.POST)
    queries.candidate_seen(request.actor, candidate_id)
    if form.is_valid():
        try:
            steps.dismiss(
                candidate_id=candidate_id, by=request.actor, at=timezone.now(), reason=form.cleaned_data["reason"]
            )
        except NotFound:
            raise
        except HeliError as error:
            put_error(form, error)
        else:
            messages.success(request, _("Put aside. It comes back when clearly more people say it."))
            response = redirect("insight:problems")
            response.status_code = 303
            return response
    return _list(request, pk=candidate_id, form=form, status=400)


# A new one ------------------------------------------------------------------------------------------------------------
def name_form(
    request: HeliRequest,
    source: Any = None,
    *,
    problem: Problem | None = None,
    candidate: Any = None,
    hot: HotRow | None = None,
) -> NameForm:
    """The form with what may be chosen; `candidate`, `hot` or `problem` fill it in."""
    now = timezone.now()
    initial: dict[str, Any] = {"review_on": local_day(now) + dt.timedelta(days=REVIEW_DAYS)}
    if candidate is not None:
        place = queries.candidate_row(request.actor, candidate).place
        initial |= {
            "title": f"{place}{candidate.category}"[:60], "area": candidate.area_path, "category": candidate.category.code
        }  # fmt: skip
    if hot is not None:
        codes = requests_of(request.actor, hot.hot).order_by("-id").values_list("code", flat=True)[:CODES]
        initial |= {
            "title": hot.hot.title, "area": hot.hot.area_path, "codes": " ".join(codes),
            "category": hot.hot.category.code if hot.hot.category else "",
        }  # fmt: skip
    if problem is not None:
        initial = {
            "title": problem.title, "unit": str(problem.unit_id), "review_on": problem.review_on,
            "month": f"{problem.month:%Y-%m}" if problem.month else "",
        }  # fmt: skip
    path = problem.area_path if problem else candidate.area_path if candidate else hot.hot.area_path if hot else ""
    path = path or next(iter(request.actor.paths(Cap.SUPERVISE)), "")
    chosen = str(initial.get("area", ""))
    return NameForm(
        source,
        initial=initial,
        areas=queries.area_choices(request.actor, chosen) if problem is None else [],
        categories=leaves() if problem is None else [],
        units=queries.unit_choices(path, now),
        fixed=problem is not None,
    )


@page("problems/new/", name="problem_new", needs=Cap.SUPERVISE, scope=Scope.AREA, methods=("GET", "POST"))
def problem_new(request: HeliRequest) -> HttpResponse:
    """Name a standing problem."""
    typed = (request.POST if request.method == "POST" else request.GET).get("candidate", "")
    chosen = int(typed) if typed.isdecimal() and len(typed) < 18 else None
    candidate = None
    if chosen is not None:  # what was typed stays when a colleague named it meanwhile: the step says so
        candidate = queries.candidate_seen(request.actor, chosen, gone=request.method == "POST")
    told = request.GET.get("hot", "")
    event = hot_row(hot_seen(request.actor, int(told))) if told.isdecimal() and len(told) < 18 else None
    form = name_form(request, request.POST if request.method == "POST" else None, candidate=candidate, hot=event)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                made = _named(request, form, chosen)
            except AlreadyDone:
                messages.success(request, AlreadyDone.sentence)
                return redirect("insight:problems")
            except HeliError as error:
                put_error(form, error, unit_id="unit", area_path="area")
                status = error.status
            else:
                messages.success(request, _("Named. Its owner sees it on their first page and writes the plan."))
                return see_problem(made.pk)
    context = {
        "form": form,
        "candidate": queries.candidate_row(request.actor, candidate) if candidate else None,
        "hot": event,
        "form_key": request.POST.get("form_key") or uuid.uuid4(),
    }
    return render(request, "insight/problem_new.html", context, status=status)


def _named(request: HeliRequest, form: NameForm, candidate_id: int | None) -> Problem:
    d = form.cleaned_data
    try:
        key: uuid.UUID | None = uuid.UUID(request.POST.get("form_key", ""))
    except ValueError:
        key = None
    return steps.name(
        by=request.actor,
        at=timezone.now(),
        title=d["title"],
        area_path=d["area"],
        unit_id=int(d["unit"]),
        review_on=d["review_on"],
        category=d["category"],
        month=d["month"],
        candidate_id=candidate_id,
        codes=d["codes"].split(),
        form_key=key,
    )


# One problem ----------------------------------------------------------------------------------------------------------
@page("problems/<int:problem_id>/", name="problem", needs=READ, scope=Scope.AREA)
def problem(request: HeliRequest, problem_id: int) -> HttpResponse:
    """One problem: what to do next, its plan, its requests, what became of it."""
    return shown(request, problem_id)


def shown(
    request: HeliRequest, problem_id: int, *, what: str = "", form: Any = None, status: int = 200
) -> HttpResponse:
    """The page, with a form that could not be taken as it was typed."""
    now = timezone.now()
    d = queries.problem_page(request.actor, problem_id, now, after=request.GET.get("after"))
    p = d.problem
    context: dict[str, Any] = {
        "d": d,
        "p": p,
        "may": d.may,
        "units": queries.unit_choices(p.area_path, now) if d.may["plan"] or d.may["change"] else [],
        "what": what,
        "form": form,
        "plan_form": form if what == "plan" else PlanForm(initial={"plan": p.plan, "words": p.words}),
        "words_form": form
        if what == "words"
        else WordsForm(initial={"text": p.words, "how": "note", "form_key": uuid.uuid4()}),
        "name_form": form if what == "change" else name_form(request, problem=p) if d.may["change"] else None,
        "ticks": any(m.tick for m in d.members.rows),
        "today": local_day(now),
        "now": now,
    }
    return render(request, "insight/problem.html", context, status=status)


@page("problems/rounds/<int:round_id>/", name="problem_round", needs=READ, scope=Scope.AREA)
def problem_round(request: HeliRequest, round_id: int) -> HttpResponse:
    """How far the words of a round have come, with a result for each request."""
    made = queries.round_seen(request.actor, round_id)
    rows = queries.round_rows(request.actor, made)
    context = {
        "r": made,
        "rows": rows,
        "done": sum(1 for v in made.results.values() if not v),
        "refused": sum(1 for v in made.results.values() if v),
        "waiting": len(made.requests) - len(made.results),
    }
    return render(request, "insight/problem_round.html", context)

"""Acts on one standing problem: each a POST that goes back to its page, or shows what is wrong beside the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import export
from heli.core.caps import Cap, Scope
from heli.core.errors import AlreadyDone, Forbidden, HeliError, NotFound, PaperMissing
from heli.core.pages import HeliRequest, page
from heli.insight import problem_queries as queries
from heli.insight import problem_steps as steps
from heli.insight.forms import CloseForm, DoneForm, MeasureForm, MemberForm, PlanForm, ReportForm, WhyForm, WordsForm
from heli.insight.members import members
from heli.insight.problem_views import READ, name_form, put_error, see_problem, shown
from heli.loop.models import Request
from heli.loop.queries.requests import columns
from heli.orgs.exports import purpose_of, row_cap

Said = str | Promise
VERBS: dict[str, Said] = {
    "change": gettext_lazy("Changed."),
    "plan": gettext_lazy("The plan is written."),
    "measure": gettext_lazy("Put to the plan."),
    "done": gettext_lazy("Written down."),
    "begin": gettext_lazy("The work has begun."),
    "report": gettext_lazy("Reported. The supervisor decides."),
    "close": gettext_lazy("Closed. It is watched: if people speak of it again, it says so."),
    "go_on": gettext_lazy("It goes on until the day you chose."),
    "give_up": gettext_lazy("Given up, with your reason."),
    "member": gettext_lazy("Put to it."),
    "leave_out": gettext_lazy("Left out of it."),
}


@page("problems/<int:problem_id>/do/<slug:verb>/", name="problem_do", needs=READ, scope=Scope.AREA, methods=("POST",))
def problem_do(request: HeliRequest, problem_id: int, verb: str) -> HttpResponse:
    """One act on a problem."""
    if verb not in VERBS:
        raise NotFound
    problem = queries.seen(request.actor, problem_id)
    form = _form(request, verb, problem)
    status = 400
    if form is None or form.is_valid():
        try:
            _act(request, verb, problem_id, form.cleaned_data if form is not None else {})
        except (NotFound, Forbidden):
            raise
        except HeliError as error:
            if form is None:
                raise
            other = {"decision": "reason", "unit_id": "unit", "codes": "code"}
            if isinstance(error, PaperMissing):
                form.add_error(next(iter(form.fields)), _("Nothing is written here yet; it is needed."))
            else:
                put_error(form, error, **other)
            status = error.status
        else:
            messages.success(request, str(VERBS[verb]))
            return see_problem(problem_id)
    return shown(request, problem_id, what=verb, form=form, status=status)


def _form(request: HeliRequest, verb: str, problem: Any) -> Any:
    """The form of an act; None where nothing has to be written."""
    if verb == "begin":
        return None
    if verb == "change":
        return name_form(request, request.POST, problem=problem)
    if verb == "measure":
        return MeasureForm(request.POST, units=queries.unit_choices(problem.area_path, timezone.now()))
    made: Callable[[Any], Any] = {
        "plan": PlanForm, "done": DoneForm, "report": ReportForm, "close": CloseForm, "go_on": CloseForm,
        "give_up": WhyForm, "member": MemberForm, "leave_out": MemberForm,
    }[verb]  # fmt: skip
    return made(request.POST)


def _act(request: HeliRequest, verb: str, problem_id: int, d: dict[str, Any]) -> None:
    who: dict[str, Any] = {"by": request.actor, "at": timezone.now()}
    match verb:
        case "change":
            steps.change(
                problem_id=problem_id, title=d["title"], unit_id=int(d["unit"]), review_on=d["review_on"], month=d["month"], **who
            )  # fmt: skip
        case "plan":
            steps.plan(problem_id=problem_id, plan=d["plan"], words=d["words"], **who)
        case "measure":
            steps.add_measure(problem_id=problem_id, text=d["text"], unit_id=int(d["unit"]), due_on=d["due_on"], **who)
        case "done":
            steps.end_measure(
                measure_id=d["measure"], problem_id=problem_id, done=d["done"] != "drop", words=d["words"], **who
            )
        case "begin":
            steps.begin(problem_id=problem_id, **who)
        case "report":
            steps.report(problem_id=problem_id, report=d["report"], **who)
        case "close" | "go_on":
            steps.decide(
                problem_id=problem_id, close=verb == "close", reason=d["reason"], review_on=d["review_on"], **who
            )
        case "give_up":
            steps.give_up(problem_id=problem_id, reason=d["reason"], **who)
        case _:
            steps.put_member(problem_id=problem_id, code=d["code"], inside=verb == "member", reason=d["reason"], **who)


@page(
    "problems/<int:problem_id>/words/",
    name="problem_words",
    needs=Cap.HANDLE_REQUESTS,
    scope=Scope.AREA,
    methods=("POST",),
)
def problem_words(request: HeliRequest, problem_id: int) -> HttpResponse:
    """The plan's words to the ticked requests of the actor's unit."""
    queries.seen(request.actor, problem_id)
    form = WordsForm(request.POST)
    status = 400
    if form.is_valid():
        d = form.cleaned_data
        try:
            made = steps.write_words(
                problem_id=problem_id, by=request.actor, at=timezone.now(), how=d["how"], text=d["text"],
                requests=d["requests"], form_key=d["form_key"],
            )  # fmt: skip
        except (NotFound, Forbidden):
            raise
        except AlreadyDone:
            messages.success(request, AlreadyDone.sentence)
            return see_problem(problem_id)
        except HeliError as error:
            put_error(form, error, requests="")
            status = error.status
        else:
            response = redirect("insight:problem_round", round_id=made.pk)
            response.status_code = 303
            return response
    return shown(request, problem_id, what="words", form=form, status=status)


@page("problems/<int:problem_id>/export/", name="problem_export", needs=Cap.EXPORT, scope=Scope.AREA, methods=("POST",))
def problem_export(request: HeliRequest, problem_id: int) -> HttpResponse:
    """The requests of a problem as a spreadsheet, those the actor reads; nothing that says who told them."""
    now, p = timezone.now(), queries.seen(request.actor, problem_id)
    cap = row_cap(request.actor, now)
    rows = Request.objects.visible_to(request.actor).filter(pk__in=members(p).values("pk"))
    found = list(rows.select_related("area", "unit", "category").order_by("-id")[: cap + 1])
    purpose = purpose_of(request, "problem", Cap.EXPORT, len(found), now)
    book = export.workbook(p.title[:31], columns(), found, cap=cap, notes=[purpose])
    return export.download(book, f"problem-{p.pk}-{timezone.localtime(now):%Y%m%d}.xlsx")

"""Pages of doubt: what is held and why, what the person says to it, who decides; disputes; the rules, for everybody."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from heli.core import export, files
from heli.core.caps import Cap, Scope
from heli.core.errors import HeliError, NotFound
from heli.core.pages import HeliRequest, page
from heli.ledger import dispute_steps, doubt_steps
from heli.ledger import doubt_queries as queries
from heli.ledger.doubts import RULES, Class
from heli.orgs.exports import purpose_of, row_cap

STAFF: dict[str, Any] = {"needs": queries.STAFF, "scope": Scope.AREA}
REVIEW: dict[str, Any] = {"needs": Cap.REVIEW_HOURS, "scope": Scope.AREA, "methods": ("POST",)}
OUTCOMES = (
    ("settle", lazy("Credit them: the doubt was wrong")),
    ("release", lazy("Back to the unit, to be recorded right")),
    ("reject", lazy("Refuse them: it was not served")),
)


def private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def see_other(name: str, *args: Any) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"ledger:{name}", args=args), status=303)


class WrongForm(forms.Form):
    """What is wrong with one's hours."""

    text = forms.CharField(
        label=lazy("What is wrong?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": lazy("Say it in a sentence.")},
    )
    minutes = forms.IntegerField(
        label=lazy("How many minutes it really was"),
        min_value=0,
        max_value=dispute_steps.MOST,
        help_text=lazy("0 if you were not there."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    paper = forms.FileField(label=lazy("A photo or PDF that shows it"), required=False)


class AnswerForm(forms.Form):
    """How it was."""

    text = forms.CharField(
        label=lazy("How was it?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": lazy("Say it in a sentence.")},
    )
    paper = forms.FileField(label=lazy("A photo or PDF that shows it"), required=False)


# The person -----------------------------------------------------------------------------------------------------------
@page("hours/questions/", name="my_doubts", scope=Scope.SELF)
def my_doubts(request: HeliRequest) -> HttpResponse:
    """One's own: what is held and why, what one said was wrong, and what one could say it of."""
    now = timezone.now()
    found = queries.mine(request.actor, now)
    said = [(d, queries.DISPUTE_CHIP[d.state]) for d in found.disputes]
    return private(render(request, "ledger/doubts/mine.html", {"m": found, "said": said, "now": now}))


@page("hours/wrong/", name="wrong", scope=Scope.SELF, methods=("GET", "POST"))
def wrong(request: HeliRequest) -> HttpResponse:
    """Something is wrong with one of my services, or I was there and am marked absent (`absent`: source:number)."""
    asked = request.POST if request.method == "POST" else request.GET
    number, (source, _colon, absent) = asked.get("service", ""), asked.get("absent", "").partition(":")
    away = (source, int(absent)) if source in dispute_steps.OPENERS and _number(absent) else None
    service = queries.my_service(request.actor, int(number)) if _number(number) else None
    if service is None and away is None:
        raise NotFound
    opening = dispute_steps.OPENERS[away[0]](away[1], request.actor) if away else None
    form, status, error = (
        WrongForm(initial={"minutes": service.credited or service.checked if service else None}),
        200,
        None,
    )
    if request.method == "POST":
        form, status = WrongForm(request.POST, request.FILES), 400
        if form.is_valid():
            data = form.cleaned_data
            try:
                made = dispute_steps.report(
                    text=data["text"], minutes=data["minutes"], paper=data["paper"], by=request.actor, at=timezone.now(),
                    service_id=service.pk if service else None, absent=away,
                )  # fmt: skip
                messages.success(request, _("Sent. The unit answers here, and you are told by when."))
                return private(see_other("dispute", made.pk))
            except HeliError as caught:
                error, status = caught, caught.status
    context = {"form": form, "service": service, "opening": opening, "absent": asked.get("absent", ""), "wrong": error}
    return private(render(request, "ledger/doubts/wrong.html", context, status=status))


def _number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


# Held hours -----------------------------------------------------------------------------------------------------------
@page("hours/doubts/", name="doubts", **STAFF)
def doubts(request: HeliRequest) -> HttpResponse:
    """What is held and why; hints; what was decided."""
    return _desk(request)


def _desk(request: HeliRequest, error: HeliError | None = None) -> HttpResponse:
    now, actor, after = timezone.now(), request.actor, request.GET.get("after")
    tab = request.GET.get("tab", "")
    tab = tab if tab in queries.TABS else "held"
    f = queries.Filters.read(request.GET)
    context: dict[str, Any] = {
        "tab": tab, "tabs": queries.TABS.items(), "f": f, "now": now, "outcomes": OUTCOMES, "wrong": error,
        "rules": [(r.id, r.title) for r in RULES if r.kind is Class.HOLD],
        "reviews": Cap.REVIEW_HOURS in actor.caps,
    }  # fmt: skip
    if tab == "held":
        context["page"] = queries.desk(actor, f, now, after=after)
    elif tab == "hints":
        context["page"] = queries.hints(actor, after=after)
    else:
        context["page"] = queries.decided(actor, rule=f.rule, after=after)
    return private(render(request, "ledger/doubts/desk.html", context, status=error.status if error else 200))


@page("hours/doubts/export/", name="doubts_export", methods=("POST",), needs=Cap.REVIEW_HOURS, scope=Scope.AREA)
def doubts_export(request: HeliRequest) -> HttpResponse:
    """The held hours as narrowed, as a spreadsheet: no name of anybody."""
    now, f = timezone.now(), queries.Filters.read(request.GET)
    cap = row_cap(request.actor, now)
    rows = queries.to_export(request.actor, f, now, cap + 1)
    purpose = purpose_of(request, "doubtful hours", Cap.REVIEW_HOURS, len(rows), now)
    book = export.workbook(_("Doubtful hours"), queries.HELD_COLUMNS, rows, cap=cap, notes=[purpose])
    return export.download(book, f"doubts-{timezone.localdate():%Y%m%d}.xlsx")


@page("hours/doubts/decide/", name="doubts_decide", **REVIEW)
def doubts_decide(request: HeliRequest) -> HttpResponse:
    """Several at once, of one shift or not: the same decision with the same reason."""
    ids = [int(x) for x in request.POST.getlist("who")[:500] if _number(x)]
    try:
        n = doubt_steps.decide(
            service_ids=ids, outcome=request.POST.get("outcome", ""), reason=request.POST.get("reason", ""),
            by=request.actor, at=timezone.now(),
        )  # fmt: skip
    except HeliError as error:
        return _desk(request, error)
    messages.success(request, ngettext("Decided on %(n)s record.", "Decided on %(n)s records.", n) % {"n": n})
    return see_other("doubts")


@page("hours/doubts/<int:held_id>/", name="doubt", scope=Scope.SELF, methods=("GET", "POST"))
def doubt(request: HeliRequest, held_id: int) -> HttpResponse:
    """One record: each doubt with its rule and figure, what was said, and the answer of the person or the unit."""
    form = AnswerForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            doubt_steps.answer(
                service_id=held_id, text=form.cleaned_data["text"], paper=form.cleaned_data["paper"],
                by=request.actor, at=timezone.now(),
            )  # fmt: skip
            messages.success(request, _("Kept. Whoever decides reads it."))
            return private(see_other("doubt", held_id))
        except HeliError as error:
            return _doubt(request, held_id, form, error)
    return _doubt(request, held_id, form)


def _doubt(request: HeliRequest, service_id: int, form: Any, error: HeliError | None = None) -> HttpResponse:
    found = queries.one(request.actor, service_id)
    context = {
        "d": found, "form": form, "now": timezone.now(), "outcomes": OUTCOMES, "wrong": error,
        "spare": [(x.rule.id, x.rule.title) for x in found.flags if x.rule.kind is Class.HOLD],
    }  # fmt: skip
    status = error.status if error else 400 if form.is_bound and form.errors else 200
    return private(render(request, "ledger/doubts/one.html", context, status=status))


@page("hours/doubts/<int:held_id>/spare/", name="doubt_spare", **REVIEW)
def doubt_spare(request: HeliRequest, held_id: int) -> HttpResponse:
    """Leave a rule out for this person or unit for a time."""
    days = request.POST.get("days", "")
    try:
        doubt_steps.spare(
            rule=request.POST.get("rule", ""), service_id=held_id, for_unit=request.POST.get("whom") == "unit",
            days=int(days) if _number(days) else 0, reason=request.POST.get("reason", ""), by=request.actor,
            at=timezone.now(),
        )  # fmt: skip
    except HeliError as error:
        return _doubt(request, held_id, AnswerForm(), error)
    messages.success(request, _("Kept. The rule is left out until then."))
    return see_other("doubt", held_id)


@page("hours/hints/<int:flag_id>/", name="hint", **REVIEW)
def hint(request: HeliRequest, flag_id: int) -> HttpResponse:
    """Somebody looked at a hint."""
    try:
        doubt_steps.decide_hint(
            flag_id=flag_id, upheld=request.POST.get("upheld") == "1", reason=request.POST.get("reason", ""),
            by=request.actor, at=timezone.now(),
        )  # fmt: skip
    except HeliError as error:
        return _desk(request, error)
    return HttpResponseRedirect(reverse("ledger:doubts") + "?tab=hints", status=303)


@page("hours/doubts/<int:held_id>/paper/<uuid:hours_paper>/", name="hours_paper", scope=Scope.SELF)
def hours_paper(request: HeliRequest, held_id: int, hours_paper: uuid.UUID) -> HttpResponse:
    """A photo or PDF that came with an answer or a dispute."""
    return files.serve(queries.paper_of(request.actor, held_id, hours_paper), request)


# Disputes -------------------------------------------------------------------------------------------------------------
@page("hours/disputes/", name="disputes", **STAFF)
def disputes(request: HeliRequest) -> HttpResponse:
    """What is to be answered, by its deadline."""
    now, state, late = timezone.now(), request.GET.get("state", ""), request.GET.get("late") == "1"
    state = state if state in queries.DISPUTES else "todo"
    found = queries.disputes(request.actor, state, late, now, after=request.GET.get("after"))
    rows = found.map(lambda d: (d, queries.DISPUTE_CHIP[d.state], d.ended_at is None and d.due_at < now))
    context = {
        "page": rows, "state": state, "late": late, "now": now,
        "states": [(k, said) for k, (said, _s) in queries.DISPUTES.items()],
    }  # fmt: skip
    return private(render(request, "ledger/doubts/disputes.html", context))


@page("hours/disputes/export/", name="disputes_export", methods=("POST",), **STAFF)
def disputes_export(request: HeliRequest) -> HttpResponse:
    """The disputes as narrowed, as a spreadsheet: no name of anybody."""
    now, state = timezone.now(), request.GET.get("state", "")
    state, late = state if state in queries.DISPUTES else "todo", request.GET.get("late") == "1"
    cap = row_cap(request.actor, now)
    rows = queries.disputes(request.actor, state, late, now, size=cap + 1).rows
    held = next(c for c in queries.STAFF if c in request.actor.caps)
    purpose = purpose_of(request, "disputes", held, len(rows), now)
    book = export.workbook(_("Hours in dispute"), queries.DISPUTE_COLUMNS, rows, cap=cap, notes=[purpose])
    return export.download(book, f"disputes-{timezone.localdate():%Y%m%d}.xlsx")


@page("hours/wrong/<int:dispute_id>/", name="dispute", scope=Scope.SELF)
def dispute(request: HeliRequest, dispute_id: int) -> HttpResponse:
    """One: what the person says, what the unit answers, what a second one decides."""
    return _dispute(request, dispute_id)


def _dispute(request: HeliRequest, dispute_id: int, error: HeliError | None = None) -> HttpResponse:
    now, d = timezone.now(), queries.dispute(request.actor, dispute_id)
    context = {
        "d": d, "chip": queries.DISPUTE_CHIP[d.state], "acts": queries.dispute_acts(request.actor, d, now), "now": now,
        "own": d.person.user_id == request.actor.user_id, "late": d.ended_at is None and d.due_at < now, "wrong": error,
        "typed": request.POST,
    }  # fmt: skip
    return private(render(request, "ledger/doubts/dispute.html", context, status=error.status if error else 200))


@page("hours/wrong/<int:dispute_id>/<str:dispute_act>/", name="dispute_act", scope=Scope.SELF, methods=("POST",))
def dispute_act(request: HeliRequest, dispute_id: int, dispute_act: str) -> HttpResponse:
    """The person's, the unit's and the second one's acts."""
    queries.dispute(request.actor, dispute_id)
    who: dict[str, Any] = {"dispute_id": dispute_id, "by": request.actor, "at": timezone.now()}
    words, minutes = request.POST.get("answer", ""), request.POST.get("minutes", "")
    length = int(minutes) if _number(minutes) else -1
    try:
        match dispute_act:
            case "withdraw":
                dispute_steps.withdraw(**who)
            case "object":
                dispute_steps.object_to(**who, objection=words)
            case "accept":
                dispute_steps.accept(**who, answer=words, minutes=length)
            case "decline":
                dispute_steps.decline(**who, answer=words)
            case "take":
                dispute_steps.take(**who)
            case "grant":
                dispute_steps.grant(**who, answer=words, minutes=length)
            case "reject":
                dispute_steps.reject(**who, answer=words)
            case _:
                raise NotFound
    except NotFound:
        raise
    except HeliError as error:
        return _dispute(request, dispute_id, error)
    messages.success(request, _("Kept."))
    return private(see_other("dispute", dispute_id))


# Everybody ------------------------------------------------------------------------------------------------------------
@page("hours/rules/", name="doubt_rules", scope=Scope.PUBLIC)
def doubt_rules(request: HeliRequest) -> HttpResponse:
    """Every rule of doubt: what it looks at, by which row, what it does, how often it was right."""
    rows = queries.public_rules(settings.HELI_HOME_AREA, timezone.now())
    return render(request, "ledger/doubts/rules.html", {"rows": rows})

"""A unit answers a suggestion: whether it is adopted, why, and what will be done by when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap, Scope
from heli.core.errors import Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Dispatch, Handling, Kind, Request
from heli.loop.steps.hear import by_staff, checked_text
from heli.orgs.models import Organisation
from heli.rulebook import queries as rulebook
from heli.suggestions.errors import MeasuresMissing, NotASuggestion
from heli.suggestions.models import TAKEN_UP, Answer, Measure, Suggestion, Verdict
from heli.suggestions.steps.said import SUBJECT, row_for

KIND = "answer"  # of the Handling (loop/ways.py)
REPORT = "suggestion.report"
REASONS, WHAT, MOST = 4000, 300, 8


@dataclass(frozen=True, slots=True)
class Plan:
    """One measure as it is promised: what, by which unit, until which day."""

    what: str
    unit_id: int
    due_on: dt.date


def answer(
    *,
    request_id: int,
    verdict: str,
    reasons: str,
    by: Actor,
    at: dt.datetime,
    basis: str = "",
    plans: Sequence[Plan] = (),
    send: bool = True,
) -> Answer:
    """Answer a suggestion for its lead unit. It goes out as the request's reply of this round (or first to the unit's
    lead, by reply.needs_review), and is public from that moment, not before. Written again before that, the earlier
    version is kept and no longer counts. A later round (the resident was not satisfied) has an answer of its own;
    measures promised before stay promised.

    Raises:
        MeasuresMissing (L-227); Invalid (L-400) with its field: verdict, reasons, basis, plans;
        NotASuggestion (L-226), Forbidden, NotFound, WrongState.
    """
    if verdict not in Verdict.values:
        raise Invalid(_("Choose one of the four."), field="verdict")
    text = without_personal(checked_text(reasons, "reasons", REASONS), offices=True)
    basis = by_staff(basis)
    if verdict == Verdict.NOT_ADOPTED and not basis:
        raise Invalid(_("Name the rule or the fact it rests on; the resident reads it."), field="basis")
    plans = plans if verdict in TAKEN_UP else ()
    if verdict in TAKEN_UP and not plans:
        raise MeasuresMissing(field="plans")
    with transaction.atomic():
        request = _request(request_id, by)
        said = [_checked(p, request, at) for p in plans[:MOST]]
        names = dict(Organisation.objects.filter(pk__in=[p.unit_id for p in said]).values_list("pk", "short_name"))
        handling = loop.write_reply(
            request_id=request_id, by=by, at=at, text=in_words(verdict, text, basis, said, names), send=send, kind=KIND
        )
        with step("suggestions.answer", by=by, at=at) as s:
            s.allow(request, Cap.HANDLE_REQUESTS, Scope.OWN_UNIT)
            s.about(SUBJECT, request.pk, request.area_path)
            suggestion = Suggestion.objects.select_for_update(of=("self",)).filter(pk=request_id).first()
            made = _write(
                s, suggestion or row_for(s, request), handling, said, verdict=verdict, reasons=text, basis=basis
            )
            s.record(made, verdict=verdict, version=made.n, measures=len(said), sent=handling.state == "sent")
    return made


def _request(request_id: int, by: Actor) -> Request:
    request: Request | None = (
        Request.objects.visible_to(by)
        .select_for_update(of=("self",))
        .select_related("category")
        .filter(pk=request_id)
        .first()
    )
    if request is None:
        raise NotFound
    if request.kind != Kind.SUGGESTION:
        raise NotASuggestion
    if request.state != "handling":
        raise WrongState
    return request


def _checked(plan: Plan, request: Request, at: dt.datetime) -> Plan:
    """A plan with its words cleaned; Invalid names what is wrong with it."""
    what = by_staff(plan.what, WHAT)
    if not what:
        raise MeasuresMissing(field="plans")
    if plan.due_on < local_day(at):
        raise Invalid(_("A measure's day lies in the past. Choose the day it will be done."), field="plans")
    units = {
        request.unit_id,
        *Dispatch.objects.filter(request=request, state__in=Dispatch.LIVE).values_list("unit", flat=True),
    }
    if plan.unit_id not in units:
        raise Invalid(_("A measure belongs to the unit that answers, or to one that helps it here."), field="plans")
    return Plan(what, plan.unit_id, plan.due_on)


def in_words(verdict: str, reasons: str, basis: str, plans: Sequence[Plan], names: dict[int, str]) -> str:
    """The whole answer as the text of the reply: what the unit's lead approves and the resident reads."""
    with translation.override(settings.LANGUAGE_CODE):
        lines = [f"{Verdict(verdict).label}", reasons]
        if basis:
            lines.append(_now("It rests on: %(basis)s") % {"basis": basis})
        for n, p in enumerate(plans, 1):
            slots = {"n": n, "what": p.what, "unit": names.get(p.unit_id, ""), "day": f"{p.due_on:%Y-%m-%d}"}
            lines.append(_now("Measure %(n)s: %(what)s (%(unit)s, by %(day)s)") % slots)
    return "\n".join(lines)


def _write(
    s: Step,
    suggestion: Suggestion,
    handling: Handling,
    plans: Sequence[Plan],
    *,
    verdict: str,
    reasons: str,
    basis: str,
) -> Answer:
    """The next version of this round's answer, with its measures. Call while holding the request's lock."""
    before = Answer.objects.filter(handling=handling)
    n = before.count() + 1
    before.filter(superseded=False).update(superseded=True)
    made = Answer.objects.create(
        handling=handling,
        suggestion=suggestion,
        n=n,
        verdict=verdict,
        reasons=reasons,
        basis=basis,
        written_at=s.at,
        written_by_id=s.by.user_id,
    )
    if plans:
        rules, calendar = rulebook.with_calendar((REPORT,), path=handling.area_path, at=s.at)
        rule = rules[REPORT]
        s.rule(rule)
        first = calendar.due(s.at, int(rule.value["amount"]), rule.value["unit"]).at
        Measure.objects.bulk_create(
            Measure(
                answer=made,
                suggestion=suggestion,
                area_path=handling.area_path,
                unit_id=p.unit_id,
                what=p.what,
                due_on=p.due_on,
                report_rule_id=rule.id,
                report_due_at=first,
            )
            for p in plans
        )
    return made

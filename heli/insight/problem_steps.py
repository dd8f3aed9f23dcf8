"""Every write of standing problems: name, plan, work, report, close or go on, relapse; and candidates dismissed.

A member closes by the plan when its unit writes the plan's words to it: through the loop's own steps, one transaction a
request, each with its result (`write_words`, `run_round`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, HeliError, Invalid, NotFound, WrongState
from heli.core.steps import Step, step
from heli.insight import candidates
from heli.insight.errors import MeasuresOpen, NamedAlready, NoDefinition, NothingChosen
from heli.insight.members import by_hand, in_hand, where_of
from heli.insight.models import Candidate, Measure, Member, Problem, Round
from heli.insight.states import LIVE, PROBLEM
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Category, Request
from heli.loop.steps.hear import by_staff, checked_text, place_of
from heli.orgs.queries import open_unit
from heli.rulebook import queries as rulebook

SUBJECT = "insight.problem"
WEEK = dt.timedelta(days=7)
AT_ONCE = 20  # more requests than this are written to by a job


def _titled(title: str) -> str:
    title = by_staff(title, 60)
    if len(title) < 2:
        raise Invalid(_("Give it a name that people will use, two characters at least."), field="title")
    return title


def _review(on: dt.date | None, at: dt.datetime) -> dt.date:
    if on is None or on <= local_day(at):
        raise Invalid(_("Choose a day after today to look at it again."), field="review_on")
    return on


def _about(s: Step, problem: Problem) -> None:
    s.about(SUBJECT, problem.pk, problem.area_path)


def _lock(s: Step, problem_id: int) -> Problem:
    problem = s.lock(Problem, problem_id)
    _about(s, problem)
    return problem


# Candidates -----------------------------------------------------------------------------------------------------------
def dismiss(*, candidate_id: int, by: Actor, at: dt.datetime, reason: str) -> Candidate:
    """Say why a candidate is no problem; it stays quiet until clearly more people say it (problem.again)."""
    reason = by_staff(reason)
    if not reason:
        raise Invalid(_("Say why this is no standing problem."), field="reason")
    with step("candidate.dismiss", by=by, at=at) as s:
        candidate = s.lock(Candidate, candidate_id)
        s.require(Cap.SUPERVISE, path=candidate.area_path)
        if candidate.dismissed_at is not None:
            raise WrongState
        candidate.dismissed_at, candidate.dismissed_by_id = at, by.user_id
        candidate.dismissed_reason, candidate.dismissed_people = reason, candidate.people
        candidate.save(update_fields=["dismissed_at", "dismissed_by", "dismissed_reason", "dismissed_people"])
        s.about("insight.candidate", candidate.pk, candidate.area_path)
        s.record(candidate, reason=reason, people=candidate.people)
    return candidate


# Naming ---------------------------------------------------------------------------------------------------------------
def name(
    *,
    by: Actor,
    at: dt.datetime,
    title: str,
    area_path: str,
    unit_id: int,
    review_on: dt.date | None,
    category: str = "",
    since: dt.datetime | None = None,
    month: dt.date | None = None,
    candidate_id: int | None = None,
    codes: Sequence[str] = (),
    form_key: uuid.UUID | None = None,
) -> Problem:
    """Name a standing problem: from a candidate, from chosen requests (`codes`), or freely.

    Requests of the category in the area heard since `since` (the candidate's window, or one back) belong to it.

    Raises: NotFound, Forbidden; NamedAlready (L-240); NoDefinition (L-243); AlreadyDone (L-104) for the same form again.
    """
    title, review_on = _titled(title), _review(review_on, at)
    area, _prefix = place_of(area_path)
    topic = Category.objects.filter(code=category, closed_on=None).first() if category else None
    if category and topic is None:
        raise Invalid(_("Choose a kind of matter from the list."), field="category")
    if topic is None and not codes:
        raise NoDefinition(field="category")
    unit = open_unit(unit_id, at)
    try:
        with step("problem.name", by=by, at=at) as s:
            s.require(Cap.SUPERVISE, path=area.path)
            candidate = None
            if candidate_id is not None:  # gone where a colleague named it meanwhile
                candidate = Candidate.objects.visible_to(by).select_for_update().filter(pk=candidate_id).first()
            if topic is not None:
                same = Problem.objects.filter(area_path=area.path, category=topic, state__in=LIVE).first()
                if same is not None:
                    raise NamedAlready(title=same.title)
            window = _limits(area.path, at)
            problem = Problem(
                title=title, area=area, area_path=area.path, category=topic, unit=unit, review_on=review_on, named_at=at,
                named_by_id=by.user_id, form_key=form_key, month=month.replace(day=1) if month else None,
                since=since or (candidate.since if candidate else at - dt.timedelta(days=window)),
                usual=_usual(area.path, topic, candidate, at), why=_why(candidate),
            )  # fmt: skip
            s.move(problem, PROBLEM, "name")
            _about(s, problem)
            s.record(title=title, unit=unit.pk, review=review_on.isoformat(), category=category)
            for request in _chosen(by, codes):
                Member.objects.create(
                    problem=problem,
                    request=request,
                    inside=True,
                    reason=str(_("named with it")),
                    at=at,
                    by_id=by.user_id,
                )
            if candidate is not None:
                candidate.delete()
    except IntegrityError as error:
        if "form_key" in str(error):
            raise AlreadyDone from error
        if "problem_one_in_hand" in str(error):
            raise NamedAlready(title=title) from error
        raise
    return problem


def _limits(path: str, at: dt.datetime) -> int:
    return int(rulebook.in_force(("problem.window",), path=path, on=local_day(at))["problem.window"].value)


def _why(candidate: Candidate | None) -> dict[str, Any]:
    if candidate is None:
        return {}
    numbers = {k: getattr(candidate, k) for k in ("why", "people", "requests", "expected", "odds", "periods")}
    return {**numbers, "since": candidate.since.isoformat(), "until": candidate.until.isoformat()}


def _usual(path: str, topic: Category | None, candidate: Candidate | None, at: dt.datetime) -> float:
    """People in a window before it was a problem: the candidate's baseline, or counted now. What came month after month
    was a problem all the while: nothing of it is usual."""
    if topic is None:
        return 0.0
    if candidate is not None and (candidate.area_path, candidate.category_id) == (path, topic.pk):
        return candidate.expected if candidate.why == "surge" else 0.0
    return candidates.usual(path, where_of(path, topic.pk), candidates.Limits.of(path, local_day(at)), at)


def _chosen(by: Actor, codes: Sequence[str]) -> list[Request]:
    typed = list(dict.fromkeys(c.strip().upper() for c in codes if c.strip()))[:200]
    found = {r.code: r for r in Request.objects.visible_to(by).filter(code__in=typed)}
    missing = next((c for c in typed if c not in found), None)
    if missing is not None:
        raise Invalid(_("No request has this code, or you do not read it: %(code)s") % {"code": missing}, field="codes")
    return [found[c] for c in typed]


def change(
    *,
    problem_id: int,
    by: Actor,
    at: dt.datetime,
    title: str,
    unit_id: int,
    review_on: dt.date | None,
    month: dt.date | None,
) -> Problem:
    """Another name, owner, month or day of review."""
    title = _titled(title)
    with step("problem.change", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        s.require(Cap.SUPERVISE, path=problem.area_path)
        if problem.state not in LIVE:
            raise WrongState
        if review_on != problem.review_on:
            problem.review_on = _review(review_on, at)
        if unit_id != problem.unit_id:
            problem.unit = open_unit(unit_id, at)
        problem.title, problem.month = title, month.replace(day=1) if month else None
        problem.save(update_fields=["title", "unit", "review_on", "month"])
        s.record(title=title, unit=problem.unit_id, review=problem.review_on.isoformat())
    return problem


def put_member(*, problem_id: int, code: str, inside: bool, by: Actor, at: dt.datetime, reason: str) -> Member:
    """Put a request to a problem, or leave one out of it, by hand."""
    reason = by_staff(reason)
    if not reason:
        raise Invalid(_("Say why it belongs to it, or why not."), field="reason")
    with step("problem.member", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        _work_on(s, problem)
        if problem.state not in LIVE:
            raise WrongState
        request = next(iter(_chosen(by, [code])), None)
        if request is None:
            raise Invalid(_("Write the code of a request."), field="codes")
        made, _new = Member.objects.update_or_create(
            problem=problem,
            request=request,
            defaults={"inside": inside, "reason": reason, "at": at, "by_id": by.user_id},
        )
        s.record(code=request.code, inside=inside, reason=reason)
    return made


def _work_on(s: Step, problem: Problem) -> None:
    """The supervisor of the area, or an officer of the unit that owns it."""
    if s.by.can(Cap.SUPERVISE, path=problem.area_path):
        s.require(Cap.SUPERVISE, path=problem.area_path)
    else:
        s.require(Cap.HANDLE_REQUESTS, org_id=problem.unit_id)


# The plan -------------------------------------------------------------------------------------------------------------
def plan(*, problem_id: int, by: Actor, at: dt.datetime, plan: str, words: str = "") -> Problem:
    """Write what will be done about it, and the words offered to the units for their replies."""
    plan = by_staff(checked_text(plan, "plan", 2000), 2000)
    with step("problem.plan", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        _work_on(s, problem)
        problem.plan, problem.words = plan, by_staff(words, 1000)
        if problem.state == "working":  # the plan changes while one works by it
            problem.save(update_fields=["plan", "words"])
            s.record(plan=plan)
        else:
            s.move(problem, PROBLEM, "plan", plan=plan, save=("plan", "words"))
    return problem


def add_measure(
    *, problem_id: int, by: Actor, at: dt.datetime, text: str, unit_id: int, due_on: dt.date | None
) -> Measure:
    """One thing to be done, by whom, until when."""
    text = by_staff(text)
    if not text:
        raise Invalid(_("Write what will be done."), field="text")
    if due_on is None or due_on < local_day(at):
        raise Invalid(_("Choose a day that is not over."), field="due_on")
    with step("problem.measure", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        _work_on(s, problem)
        if problem.state not in ("named", "planned", "working", "relapsed"):
            raise WrongState
        made = Measure.objects.create(problem=problem, text=text, unit=open_unit(unit_id, at), due_on=due_on)
        s.record(made, text=text, unit=made.unit_id, due=due_on.isoformat())
    return made


def end_measure(*, problem_id: int, measure_id: int, by: Actor, at: dt.datetime, done: bool, words: str) -> Measure:
    """A measure is done, or dropped; what was done is said in words. The first one done begins the work."""
    words = by_staff(words)
    if not words:
        raise Invalid(_("Say what was done, or why it is dropped."), field="words")
    with step("problem.measure_done" if done else "problem.measure_dropped", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        measure = Measure.objects.select_for_update().filter(pk=measure_id, problem=problem).first()
        if measure is None:
            raise NotFound
        if done and measure.unit_id in by.org_ids(Cap.HANDLE_REQUESTS):
            s.require(Cap.HANDLE_REQUESTS, org_id=measure.unit_id)
        else:
            _work_on(s, problem)
        if problem.state not in LIVE or measure.done_at or measure.dropped_at:
            raise WrongState
        measure.done_words = words
        measure.done_at, measure.dropped_at = (at, None) if done else (None, at)
        measure.save(update_fields=["done_at", "dropped_at", "done_words"])
        s.record(measure, text=measure.text, words=words)
        if done and problem.state == "planned":  # whoever's measure it was, the work has begun
            with step("problem.begin", by=SYSTEM, at=at) as begun:
                begun.move(problem, PROBLEM, "begin")
                begun.about(s.event.subject_type, s.event.subject_id, s.event.area_path)
    return measure


def begin(*, problem_id: int, by: Actor, at: dt.datetime) -> Problem:
    """The work begins."""
    with step("problem.begin", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        s.move(problem, PROBLEM, "begin")
    return problem


def report(*, problem_id: int, by: Actor, at: dt.datetime, report: str) -> Problem:
    """The owner says what was done and whether it holds; the supervisor decides."""
    report = by_staff(checked_text(report, "report", 2000), 2000)
    with step("problem.report", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        left = problem.measures.filter(done_at=None, dropped_at=None).count()
        if left and problem.state == "working":
            raise MeasuresOpen(n=left)
        problem.report = report
        s.move(problem, PROBLEM, "report", report=report, save=("report",))
    return problem


def decide(
    *, problem_id: int, by: Actor, at: dt.datetime, close: bool, reason: str, review_on: dt.date | None = None
) -> Problem:
    """Closed, with people a week before and since as they are measured now; or it goes on until another day of review."""
    reason = by_staff(reason, 1000)
    with step("problem.close" if close else "problem.go_on", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        if close:
            before, after = measured(problem, at)
            problem.closed_at, problem.before, problem.after, problem.decision = at, before, after, reason
            s.move(
                problem, PROBLEM, "close", decision=reason, save=("closed_at", "before", "after", "decision")
            )  # fmt: skip
            s.record(before_week=before, after_week=after, lap=problem.lap)
        else:
            problem.review_on = _review(review_on, at)
            s.move(problem, PROBLEM, "go_on", reason=reason, save=("review_on",))
    return problem


def measured(problem: Problem, at: dt.datetime) -> tuple[float, float]:
    """(people a week in the four weeks before it was named, people a week in the last four weeks)."""
    where = where_of(problem.area_path, problem.category_id, by_hand(problem))
    span = 4 * WEEK
    before = candidates.people(where, problem.named_at - span, problem.named_at)
    return before / 4, candidates.people(where, at - span, at) / 4


def give_up(*, problem_id: int, by: Actor, at: dt.datetime, reason: str) -> Problem:
    """It is no problem of ours any more, or nothing can be done: said with the reason, and kept."""
    reason = by_staff(reason, 1000)
    with step("problem.give_up", by=by, at=at) as s:
        problem = _lock(s, problem_id)
        problem.decision = reason
        s.move(problem, PROBLEM, "give_up", reason=reason, save=("decision",))
    return problem


# Relapse --------------------------------------------------------------------------------------------------------------
RELAPSE = ("problem.relapse", "problem.relapse_days", "problem.min_count")


def relapse_due(at: dt.datetime) -> int:
    """Closed problems that people speak of again: more of them, since it was closed, than `problem.relapse` percent of
    what was usual before, and `problem.min_count` at least. Returns how many relapsed; a few statements for each closed one."""
    done = 0
    for problem in Problem.objects.filter(state="closed").order_by("-closed_at", "-pk"):  # of two of a place the later
        rules = rulebook.in_force(RELAPSE, path=problem.area_path, on=local_day(at))
        share, days, least = (int(rules[k].value) for k in RELAPSE)
        assert problem.closed_at is not None
        since = max(problem.closed_at, at - dt.timedelta(days=days))
        again = candidates.people(where_of(problem.area_path, problem.category_id, by_hand(problem)), since, at)
        usual = candidates.usual_in(problem, days)
        if again < least or again * 100 <= usual * share or _taken(problem):
            continue
        try:
            with step("problem.relapse", by=SYSTEM, at=at) as s:
                locked = _lock(s, problem.pk)
                locked.lap += 1
                s.move(locked, PROBLEM, "relapse", save=("lap",))
                s.rule(*rules.values())
                s.record(people=again, usual=round(usual, 2), since=since.isoformat())
        except WrongState:  # somebody was faster
            continue
        done += 1
    return done


def _taken(problem: Problem) -> bool:
    """Whether the same is in hand under another name by now."""
    same = Problem.objects.filter(area_path=problem.area_path, category=problem.category_id, state__in=LIVE)
    return problem.category_id is not None and same.exists()


# The plan's words, written to the members --------------------------------------------------------------------------------
def write_words(
    *,
    problem_id: int,
    by: Actor,
    at: dt.datetime,
    how: str,
    text: str,
    requests: Sequence[int],
    form_key: uuid.UUID | None = None,
) -> Round:
    """One text to the chosen members that the actor's unit has in hand, as a note or as their reply. The results stand in
    the round; more than AT_ONCE are written by a job.

    Raises: NothingChosen (L-241), Forbidden, AlreadyDone (L-104) for the same form again.
    """
    if how not in ("note", "reply"):
        raise Invalid(_("Choose whether it is a note or the reply."), field="how")
    text = checked_text(by_staff(text, 2000), limit=2000)
    units = by.org_ids(Cap.HANDLE_REQUESTS)
    try:
        with step("problem.round", by=by, at=at) as s:
            problem = _lock(s, problem_id)
            if not units:
                raise Forbidden
            s.require(Cap.HANDLE_REQUESTS, org_id=units[0])
            if problem.state not in LIVE:
                raise WrongState
            chosen = sorted(in_hand(problem, units).filter(pk__in=list(requests)[:1000]).values_list("pk", flat=True))
            if not chosen:
                raise NothingChosen(field="requests")
            made = Round.objects.create(
                problem=problem, how=how, text=text, at=at, by_id=by.user_id, requests=chosen, form_key=form_key
            )
            s.record(made, how=how, n=len(chosen))
            from heli.insight import jobs

            s.defer(
                jobs.write_round, round_id=made.pk
            )  # of a few it finds nothing left, unless this process dies first
    except IntegrityError as error:
        if "form_key" in str(error):
            raise AlreadyDone from error
        raise
    if len(made.requests) <= AT_ONCE:
        run_round(made.pk, by, at)
        made.refresh_from_db()
    return made


def run_round(round_id: int, by: Actor, at: dt.datetime) -> int:
    """Write the words to the requests of a round that have none yet; each with its result in one transaction, so that a
    retry neither forgets one nor writes to it twice. Returns how many were written to."""
    made = Round.objects.get(pk=round_id)
    done = 0
    for pk in made.requests:
        with transaction.atomic():
            locked = Round.objects.select_for_update().get(pk=round_id)
            if str(pk) in locked.results:
                continue
            try:
                with transaction.atomic():
                    if made.how == "note":
                        loop.note(request_id=pk, by=by, at=at, text=made.text)
                    else:
                        loop.write_reply(request_id=pk, by=by, at=at, text=made.text)
                locked.results[str(pk)] = ""
                done += 1
            except HeliError as error:
                locked.results[str(pk)] = error.code
            locked.save(update_fields=["results"])
    return done

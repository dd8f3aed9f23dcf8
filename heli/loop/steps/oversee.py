"""Above the units: the ladder of reminders, supervision, exclusions, and deadlines that were provisional."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Case, Value, When
from django.utils.translation import gettext_lazy as _

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, TakenAlready, WrongState
from heli.core.scope import within
from heli.core.steps import step
from heli.engines.workdays import Calendar
from heli.loop.clocks import DUE, Board, facts_of, local_day
from heli.loop.errors import NeedsSecondPerson
from heli.loop.models import Clock, Exclusion, Remark, Request
from heli.loop.states import AFTER_REPLY, EXCLUSION, OPEN
from heli.loop.steps.hear import SUBJECT, by_staff, checked_text
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

# 提醒 before due, 催办 after, 督办 above; at last an order (督办单) is proposed, which a person decides on
RUNGS = {1: "remind", 2: "urge", 3: "supervise", 4: "propose"}
LADDER = ("ladder.urge_after", "ladder.supervise_after", "ladder.propose_after")


@dataclass(slots=True)
class Ladder:
    """The rules and calendars one pass needs, each looked up once."""

    known: dict[tuple[object, ...], tuple[dict[str, RuleVersion], Calendar]] = field(default_factory=dict)

    def next_rung(self, clock: Clock, rung: int) -> dt.datetime | None:
        """When a running clock that has reached `rung` reaches the one above, by the rules where it runs."""
        if rung >= (len(RUNGS) if clock.unit_id else len(RUNGS) - 1):  # an order goes to units, not to the desk
            return None
        r = clock.request
        key = (clock.area_path, r.urgency, r.kind, r.category_id, local_day(clock.due_at))
        if key not in self.known:
            self.known[key] = rulebook.with_calendar(LADDER, path=clock.area_path, at=clock.due_at, facts=facts_of(r))
        rules, calendar = self.known[key]
        at = clock.due_at
        for wait in (rules[k].value for k in LADDER[:rung]):
            at = calendar.due(at, int(wait["amount"]), wait["unit"]).at
        return at


def climb(*, at: dt.datetime, paths: tuple[str, ...] = ("",), limit: int = 1000) -> dict[str, int]:
    """One pass of the ladder in these areas: {rung name: how many clocks reached it}.

    Each clock moves in its own transaction by compare-and-set on its rung, so two workers, a retry or a restart never
    tell anybody twice. A clock that passed several rungs while the machine was off takes only the highest.
    """
    waiting = Clock.objects.filter(within("area_path", paths), outcome="running", rung_at__lte=at).exclude(
        paused_until__gt=at
    )
    done = dict.fromkeys(RUNGS.values(), 0)
    ladder = Ladder()
    for clock in waiting.select_related("request__category").order_by("rung_at", "id")[:limit]:
        rung, then = clock.rung + 1, ladder.next_rung(clock, clock.rung + 1)
        while then is not None and then <= at:
            rung, then = rung + 1, ladder.next_rung(clock, rung + 1)
        if climb_one(clock, rung, then, at):
            done[RUNGS[rung]] += 1
    return done


def climb_one(clock: Clock, rung: int, then: dt.datetime | None, at: dt.datetime) -> bool:
    """Take one clock to a rung; False when another worker was first or the clock has stopped. Two statements.

    Only the clock's own row is locked, and nothing after it: a step on the request cannot be blocked crosswise.
    """
    try:
        with step(f"clock.{RUNGS[rung]}", by=SYSTEM, at=at) as s:
            same = Clock.objects.filter(pk=clock.pk, rung=clock.rung, outcome="running")
            if not same.update(rung=rung, rung_at=then):
                raise Untouched
            s.about(SUBJECT, clock.request_id, clock.area_path)
            s.record(clock, kind=clock.kind, unit=clock.unit_id, due=clock.due_at.isoformat())
    except Untouched:
        return False
    return True


class Untouched(Exception):
    """Rolls back a step that found nothing to do."""


def supervise(*, request_id: int, by: Actor, at: dt.datetime, text: str) -> Remark:
    """A supervisor's written word to the units that hold the request (督办); the resident sees that it was given."""
    text = by_staff(checked_text(text, limit=1000), 1000)
    with step("request.supervise", by=by, at=at) as s:
        request = s.lock(Request, request_id, related=("category",))
        s.require(Cap.SUPERVISE, path=request.area_path)
        if request.state not in OPEN:
            raise WrongState
        made = Remark.objects.create(request=request, kind="supervise", at=at, by_id=by.user_id, text=text)
        overdue = Clock.objects.filter(request=request, outcome="running", due_at__lt=at, rung__lte=3)
        if overdue.exists():  # the supervisor knows; if it does not help, an order is proposed all the same
            rules, calendar = rulebook.with_calendar(
                ("ladder.propose_after",), path=request.area_path, at=at, facts=facts_of(request)
            )
            wait = rules["ladder.propose_after"].value
            then = calendar.due(at, int(wait["amount"]), wait["unit"]).at
            overdue.update(rung=3, rung_at=Case(When(unit__isnull=False, then=Value(then))))
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, public=True)
    return made


def propose_exclusion(*, request_id: int, by: Actor, at: dt.datetime, reason: str, evidence: str) -> Exclusion:
    """Ask to leave a request out of the rates, with evidence."""
    if reason not in dict(Exclusion.REASONS):
        raise Invalid(_("Choose a reason."), field="reason")
    if not evidence.strip():
        raise Invalid(_("Name the evidence: a document, its number and date."), field="evidence")
    with step("exclusion.propose", by=by, at=at) as s:
        request = s.lock(Request, request_id)
        s.require(Cap.EXCLUDE, path=request.area_path)
        if request.state not in {*AFTER_REPLY, "declined"}:
            raise WrongState
        if Exclusion.objects.filter(request=request, state__in=("proposed", "confirmed")).exists():
            raise TakenAlready
        made = Exclusion.objects.create(
            request=request,
            area_path=request.area_path,
            reason=reason,
            evidence=by_staff(evidence, 500),
            proposed_at=at,
            proposed_by_id=by.user_id,
        )
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(made, reason=reason)
    return made


def confirm_exclusion(*, exclusion_id: int, by: Actor, at: dt.datetime) -> Exclusion:
    """The second signature; from now on the request is counted among the exclusions, in public."""
    return _decide(exclusion_id, "confirm", by, at, "")


def refuse_exclusion(*, exclusion_id: int, by: Actor, at: dt.datetime, reason: str) -> Exclusion:
    return _decide(exclusion_id, "refuse", by, at, reason)


def lift_exclusion(*, exclusion_id: int, by: Actor, at: dt.datetime, reason: str) -> Exclusion:
    """The request counts again; the exclusion stays on record."""
    return _decide(exclusion_id, "lift", by, at, reason)


def _decide(exclusion_id: int, arrow: str, by: Actor, at: dt.datetime, reason: str) -> Exclusion:
    with step(f"exclusion.{arrow}", by=by, at=at) as s:
        request_id = Exclusion.objects.filter(pk=exclusion_id).values_list("request_id", flat=True).first()
        if request_id is None:
            raise NotFound
        request = s.lock(Request, request_id)
        exclusion = s.lock(Exclusion, exclusion_id)
        if exclusion.proposed_by_id == by.user_id:
            raise NeedsSecondPerson
        exclusion.decided_at, exclusion.decided_by_id = at, by.user_id
        s.move(exclusion, EXCLUSION, arrow, reason=by_staff(reason), save=("decided_at", "decided_by"))
        request.excluded = exclusion.state == "confirmed"
        request.save(update_fields=["excluded"])
        s.about(SUBJECT, request.pk, request.area_path)
        s.record(public=exclusion.state == "confirmed", reason_code=exclusion.reason)
    return exclusion


def recompute_provisional(*, area_path: str, at: dt.datetime) -> int:
    """A new calendar year was imported: running clocks that were provisional get their deadline by it.

    Returns how many changed. Extensions keep what they added: only the span up to the frozen amount is computed anew.
    """
    changed = 0
    for clock in Clock.objects.filter(outcome="running", provisional=True, area_path__startswith=area_path).order_by(
        "id"
    ):
        with step("clock.recompute", by=SYSTEM, at=at) as s:
            request = Request.objects.select_for_update(of=("self",)).get(pk=clock.request_id)
            board = Board(s, request)
            mine = next((c for c in board.clocks if c.pk == clock.pk), None)
            calendar = rulebook.calendar(clock.area_path, clock.started_at)
            added = sum(clock.extensions.filter(state="approved", kind="more").values_list("days", flat=True))
            due = calendar.due(clock.started_at, clock.amount, clock.measure)  # type: ignore[arg-type]
            if added:
                due = calendar.due(due.at, added, "working_day")
            s.about(SUBJECT, request.pk, request.area_path)
            s.record(
                clock,
                public=True,
                kind=clock.kind,
                was=clock.due_at.isoformat(),
                due=due.at.isoformat(),
                provisional=due.provisional,
            )
            if mine is not None and clock.extensions.filter(kind="pause", state="approved").exists() is False:
                mine.due_at, mine.provisional = due.at, due.provisional
                board.changed.add(mine.pk)
                board.save()
                request.save(update_fields=DUE)
                changed += 1
    return changed

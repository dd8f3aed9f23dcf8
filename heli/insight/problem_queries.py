"""What the pages of standing problems show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.core.paging import Page, keyset
from heli.core.scope import covers, within
from heli.core.subjects import Subject
from heli.insight import candidates
from heli.insight.members import Hand, in_hand, members, where_of
from heli.insight.models import READERS, Candidate, Measure, Member, Problem, Round
from heli.insight.open_figures import open_problems
from heli.insight.queries import around, named
from heli.insight.states import LIVE
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.queries.desk import with_measure
from heli.loop.queries.requests import RequestRow, row_of
from heli.loop.states import OPEN
from heli.orgs.models import Organisation
from heli.orgs.queries import area_names

Words = str | Promise
STATES: Mapping[str, tuple[Words, str]] = {  # words, and the look of the chip
    "named": (gettext_lazy("named, no plan yet"), "you"),
    "planned": (gettext_lazy("planned"), ""),
    "working": (gettext_lazy("being worked on"), "doing"),
    "review": (gettext_lazy("reported, to be decided"), "you"),
    "relapsed": (gettext_lazy("relapsed"), "late"),
    "closed": (gettext_lazy("problem closed"), "done"),
    "given_up": (gettext_lazy("no longer followed"), "pause"),
}
TABS: Mapping[str, tuple[Words, tuple[str, ...]]] = {
    "live": (gettext_lazy("in hand"), LIVE),
    "relapsed": (gettext_lazy("relapsed"), ("relapsed",)),
    "closed": (gettext_lazy("problem closed"), ("closed",)),
    "all": (gettext_lazy("all of them"), tuple(STATES)),
}
SAID: Mapping[str, Words] = {
    "problem.name": gettext_lazy("Named"),
    "problem.change": gettext_lazy("Name, owner or day of review changed"),
    "problem.member": gettext_lazy("A request put to it or left out"),
    "problem.plan": gettext_lazy("Plan written"),
    "problem.measure": gettext_lazy("A measure put to the plan"),
    "problem.measure_done": gettext_lazy("A measure is done"),
    "problem.measure_dropped": gettext_lazy("A measure is dropped"),
    "problem.begin": gettext_lazy("Work began"),
    "problem.report": gettext_lazy("The owner reported"),
    "problem.close": gettext_lazy("The problem is closed"),
    "problem.go_on": gettext_lazy("It goes on"),
    "problem.give_up": gettext_lazy("Given up"),
    "problem.relapse": gettext_lazy("Relapsed: people speak of it again"),
    "problem.round": gettext_lazy("Words written to its requests"),
}
WEEKS = 26  # of the chart
CANDIDATES = 12
WEEK = dt.timedelta(days=7)


# Candidates -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A candidate in words."""

    candidate: Candidate
    place: str
    why: str
    url: str
    may_name: bool


def rows_of(area_path: str, category: str, since: dt.datetime, until: dt.datetime | None = None) -> str:
    """Where the requests of a place and topic open."""
    found = {
        "area": area_path,
        "category": category,
        "from": since.isoformat(),
        "to": until.isoformat() if until else "",
    }
    return "/loop/requests/?" + urlencode({k: v for k, v in found.items() if v})


def why(c: Candidate) -> str:
    """Why it is one: the numbers, what they are compared with, and over which days."""
    days = (c.until - c.since).days
    slots = {
        "people": words.count(c.people), "requests": words.count(c.requests), "days": days,
        "expected": f"{c.expected:.1f}" if c.expected else "0",
        "windows": sum(1 for n in c.periods if n >= candidates.PAIR), "of": len(c.periods),
    }  # fmt: skip
    if c.why == "surge":
        return (
            _("%(people)s people said it in %(days)s days (%(requests)s requests); usual here is %(expected)s.") % slots
        )
    return _("%(people)s people in %(days)s days; it came up in %(windows)s of the last %(of)s such spans.") % slots


def candidate_rows(actor: Actor, *, dismissed: bool = False) -> list[CandidateRow]:
    """The candidates of the actor's areas, the least likely by chance first. Two statements."""
    rows = Candidate.objects.visible_to(actor).filter(dismissed_at__isnull=not dismissed)
    found = list(rows.select_related("category", "area__parent").order_by("odds", "-people", "pk")[:CANDIDATES])
    return [candidate_row(actor, c) for c in found]


def candidate_row(actor: Actor, c: Candidate) -> CandidateRow:
    above = f"{c.area.parent.short_name} " if c.area.level == 5 and c.area.parent else ""
    url = rows_of(c.area_path, c.category.code, c.since, c.until)
    return CandidateRow(c, f"{above}{named(c.area)}", why(c), url, actor.can(Cap.SUPERVISE, path=c.area_path))


def candidate_seen(actor: Actor, candidate_id: int, *, gone: bool = False) -> Candidate | None:
    """NotFound (L-404) unless the actor may see it; with `gone`: None."""
    rows = Candidate.objects.visible_to(actor).select_related("category", "area__parent")
    found: Candidate | None = rows.filter(pk=candidate_id).first()
    if found is None and not gone:
        raise NotFound
    return found


# The list -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem in a list."""

    problem: Problem
    place: str
    state: Words
    chip: str
    late: bool
    measures: int
    done: int


def problems_list(actor: Actor, *, tab: str = "live", q: str = "", area: str = "") -> QuerySet[Problem]:
    """Problems the actor may see, narrowed."""
    rows = Problem.objects.visible_to(actor).filter(state__in=TABS[tab][1])
    if q:
        rows = rows.filter(Q(title__icontains=q) | Q(unit__short_name__icontains=q) | Q(category__name__icontains=q))
    if area:
        rows = rows.filter(within("area_path", [area]))
    kept = Count("measures", filter=Q(measures__dropped_at=None), distinct=True)
    done = Count("measures", filter=Q(measures__done_at__isnull=False), distinct=True)
    return rows.select_related("area", "unit", "category").annotate(n_measures=kept, n_done=done)


def problem_row(p: Any, today: dt.date) -> ProblemRow:
    said, chip = STATES[p.state]
    return ProblemRow(p, named(p.area), said, chip, p.state in LIVE and p.review_on < today, p.n_measures, p.n_done)


def problems_page(
    actor: Actor, now: dt.datetime, *, tab: str = "live", q: str = "", area: str = "", after: str | None = None
) -> Page[ProblemRow]:
    """By day of review. One statement."""
    found = keyset(problems_list(actor, tab=tab, q=q, area=area), order=("review_on", "id"), after=after, size=30)
    return found.map(lambda p: problem_row(p, local_day(now)))


# One problem ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class MemberRow:
    """A request of a problem."""

    row: RequestRow
    by_hand: str
    tick: bool  # the actor's unit has it in hand


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """Everything on the page of one problem."""

    problem: Problem
    place: str
    state: Words
    chip: str
    measures: list[Measure]
    trail: list[dict[str, Any]]
    chart: dict[str, Any]
    table: list[tuple[str, int]]
    members: Page[MemberRow]
    total: int
    still_open: int
    left_out: list[Member]
    rounds: list[Round]
    rows_url: str
    why: str
    may: Mapping[str, bool]
    reads_rows: bool
    usual_week: float
    units: tuple[int, ...]  # for which the actor handles requests


def seen(actor: Actor, problem_id: int) -> Problem:
    """NotFound (L-404) unless the actor may see it."""
    rows = Problem.objects.visible_to(actor).select_related("area", "unit", "category", "named_by")
    found: Problem | None = rows.filter(pk=problem_id).first()
    if found is None:
        raise NotFound
    return found


def describe_problems(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Titles of the problems the actor may see, with their pages. One statement."""
    rows = Problem.objects.visible_to(actor).filter(pk__in=ids).values_list("pk", "title")
    return {pk: Subject(title, reverse("insight:problem", kwargs={"problem_id": pk})) for pk, title in rows}


def may(actor: Actor, p: Problem) -> dict[str, bool]:
    """What the actor may do with it now."""
    supervises = actor.can(Cap.SUPERVISE, path=p.area_path)
    owns = actor.can(Cap.HANDLE_REQUESTS, org_id=p.unit_id)
    works = (supervises or owns) and p.state in LIVE
    return {
        "change": supervises and p.state in LIVE,
        "member": works,
        "plan": works and p.state in ("named", "planned", "working", "relapsed"),
        "begin": (supervises or owns) and p.state == "planned",
        "report": owns and p.state == "working",
        "decide": supervises and p.state == "review",
        "give_up": supervises and p.state in LIVE,
        "words": Cap.HANDLE_REQUESTS in actor.caps and p.state in LIVE,
        "export": actor.can(Cap.EXPORT, path=p.area_path),
    }


def problem_page(actor: Actor, problem_id: int, now: dt.datetime, *, after: str | None = None) -> ProblemPage:
    """One problem with its plan, its requests and what happened. Eleven statements at most."""
    p = seen(actor, problem_id)
    said, chip = STATES[p.state]
    units = actor.org_ids(Cap.HANDLE_REQUESTS)
    put = {m.request_id: m for m in Member.objects.filter(problem=p).select_related("request")}
    hand = ([pk for pk, m in put.items() if m.inside], [pk for pk, m in put.items() if not m.inside])
    all_members = members(p, hand)
    visible = Request.objects.visible_to(actor).filter(pk__in=all_members.values("pk"))
    mine = set(in_hand(p, units, hand).values_list("pk", flat=True)[:1000]) if units and p.state in LIVE else set()
    found = keyset(
        with_measure(visible).select_related("area__parent", "unit", "category"), order=("-id",), after=after, size=20
    )

    def member(r: Any) -> MemberRow:
        by = put.get(r.pk)
        return MemberRow(row_of(r, now), by.reason if by is not None and by.inside else "", r.pk in mine)

    counts = all_members.order_by().aggregate(n=Count("pk"), n_open=Count("pk", filter=Q(state__in=OPEN)))
    usual = round(candidates.usual_in(p, WEEK.days), 1) if p.usual else 0.0
    chart, table = weeks(p, now, usual, hand)
    why_named = _why_named(p)
    reader = covers([x for cap in READERS for x in actor.paths(cap)], p.area_path)
    return ProblemPage(
        problem=p, place=named(p.area), state=said, chip=chip,
        measures=list(Measure.objects.filter(problem=p).select_related("unit").order_by("due_on", "id")),
        trail=trail(p), chart=chart, table=table, members=found.map(member), total=counts["n"], still_open=counts["n_open"],
        left_out=[m for m in put.values() if not m.inside and reader],
        rounds=list(Round.objects.filter(problem=p).order_by("-id")[:5]),
        rows_url=rows_of(p.area_path, p.category.code, p.since) if p.category is not None else "",
        why=why_named, may=may(actor, p), reads_rows=reader, usual_week=usual, units=units,
    )  # fmt: skip


def _why_named(p: Problem) -> str:
    if not p.why:
        return ""
    kept = dict(p.why)
    made = Candidate(
        **{k: kept[k] for k in ("why", "people", "requests", "expected", "odds", "periods")},
        since=dt.datetime.fromisoformat(kept["since"]), until=dt.datetime.fromisoformat(kept["until"]),
    )  # fmt: skip
    return why(made)


def weeks(p: Problem, now: dt.datetime, usual: float, hand: Hand) -> tuple[dict[str, Any], list[tuple[str, int]]]:
    """People a week, before and after it was named, as a chart and as a table. One statement."""
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today + dt.timedelta(days=1) - WEEKS * WEEK
    found = candidates.people_by_span(where_of(p.area_path, p.category_id, hand), since, since + WEEKS * WEEK, WEEK)
    days = [since + n * WEEK for n in range(WEEKS)]
    table = [(f"{d:%m-%d}", found.get(n, 0)) for n, d in enumerate(days)]
    names = (_("before it was named"), _("while it was in hand"), _("since it was closed"))
    parts = [0 if d + WEEK <= p.named_at else 2 if _closed(p, d) else 1 for d in days]
    chart: dict[str, Any] = {
        "kind": "bar",
        "x": [d for d, _n in table],
        "unit": _("people"),
        "series": [
            {"name": name, "data": [n if part == i else None for (_d, n), part in zip(table, parts, strict=True)]}
            for i, name in enumerate(names)
        ],
        "stack": True,
    }
    if usual:
        chart["goal"] = usual
    return chart, table


def _closed(p: Problem, day: dt.datetime) -> bool:
    return p.closed_at is not None and day >= p.closed_at - WEEK


def trail(p: Problem) -> list[dict[str, Any]]:
    """What happened, newest first. One statement."""
    events = Event.objects.filter(subject_type="insight.problem", subject_id=p.pk).order_by("-id")[:60]
    return [{"at": e.at, "title": SAID.get(e.step, e.step), "words": _said(e)} for e in events]


def _said(e: Event) -> str:
    d = e.data
    if e.step == "problem.relapse":
        slots = {"people": d.get("people", 0), "usual": f"{d.get('usual', 0):.1f}"}
        return _("%(people)s people again; usual in such a span was %(usual)s") % slots
    if e.step == "problem.close":
        slots = {"before": f"{d.get('before_week', 0):.1f}", "after": f"{d.get('after_week', 0):.1f}"}
        return (_("%(before)s people a week before, %(after)s now. ") % slots) + str(d.get("decision", ""))
    said = [str(d[k]) for k in ("code", "title", "text", "plan", "report", "decision", "reason", "words") if d.get(k)]
    return " · ".join(said)[:400]


def area_choices(actor: Actor, chosen: str = "") -> list[tuple[str, list[tuple[str, str]]]]:
    """Where the actor may name a problem, for a choice: the whole area first, then streets with their communities."""
    from heli.loop.queries.requests import areas_below
    from heli.loop.queries.unit import communities

    own = actor.paths(Cap.SUPERVISE)
    names = area_names([*own, *([chosen] if chosen else [])])
    made = [(_("the whole of"), [(p, names.get(p, p)) for p in dict.fromkeys([*own, *([chosen] if chosen else [])])])]
    for p in own:
        made += (
            communities(p) if len(p) >= 6 else [(names.get(p, p), [(a.path, a.short_name) for a in areas_below([p])])]
        )
    return made


def unit_choices(path: str, now: dt.datetime) -> list[tuple[str, str]]:
    """Units that can own a problem or a measure there: those of the county and of everything above and inside the area."""
    county = path[:6]
    rows = Organisation.objects.open_on(now).filter(
        Q(area_path__in=[county[:n] for n in (2, 4, 6)]) | within("area_path", [path]) | Q(area_path=path[:9])
    )
    return [
        (str(pk), name) for pk, name in rows.order_by("area_path", "short_name").values_list("pk", "short_name")[:400]
    ]


def round_seen(actor: Actor, round_id: int) -> Round:
    """A round of a problem the actor may see, if it is their own or they supervise there; NotFound (L-404) otherwise."""
    found = Round.objects.select_related("problem").filter(
        pk=round_id, problem__in=Problem.objects.visible_to(actor)
    ).first()  # fmt: skip
    if found is None or not (found.by_id == actor.user_id or actor.can(Cap.SUPERVISE, path=found.problem.area_path)):
        raise NotFound
    return found


def round_rows(actor: Actor, r: Round) -> list[tuple[Request, str | None]]:
    """[(request, None while it waits, '' or the error's code)]."""
    rows = Request.objects.visible_to(actor).filter(pk__in=r.requests).order_by("pk")
    return [(x, r.results.get(str(x.pk))) for x in rows]


# What waits -----------------------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Cards for the staff's first page. Two statements for a supervisor, two for an officer."""
    made: list[NextAct] = []
    here = reverse("insight:problems")
    today = local_day(now)
    if Cap.SUPERVISE in actor.caps:
        paths = actor.paths(Cap.SUPERVISE)
        n = Problem.objects.filter(within("area_path", paths)).aggregate(
            relapsed=Count("pk", filter=Q(state="relapsed")),
            decide=Count("pk", filter=Q(state="review")),
            over=Count("pk", filter=Q(state__in=("named", "planned", "working"), review_on__lt=today)),
        )
        fresh = Candidate.objects.filter(within("area_path", paths), dismissed_at=None).count()
        again, decide = (
            _("closed, and people speak of them again"),
            _("the owner has reported: closed, or does it go on?"),
        )
        made += [
            NextAct(_("Problems that came back"), again, n["relapsed"], f"{here}?tab=relapsed", "late"),
            NextAct(_("Problems to decide"), decide, n["decide"], here, "you"),
            NextAct(
                _("Problems not looked at again"),
                _("the day is over and nothing was reported"),
                n["over"],
                here,
                "late",
            ),
            NextAct(_("Name a standing problem"), _("said by many people: someone should own it"), fresh, here, ""),
        ]
    if units := actor.org_ids(Cap.HANDLE_REQUESTS):
        todo = Measure.objects.filter(unit__in=units, done_at=None, dropped_at=None, problem__state__in=LIVE)
        own = Problem.objects.filter(unit__in=units).aggregate(
            plan=Count("pk", filter=Q(state__in=("named", "relapsed"))),
            report=Count("pk", filter=Q(state__in=("planned", "working"), review_on__lte=today)),
        )
        others = todo.exclude(problem__unit__in=units).aggregate(
            n=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today))
        )
        each = _("your unit does them; say what became of each")
        made += [
            NextAct(_("Report on a standing problem"), _("the day of review is here"), own["report"], here, "soon"),
            NextAct(
                _("Plan for a standing problem"), _("your unit owns it and has no plan yet"), own["plan"], here, "you"
            ),
            NextAct(_("Measures of a standing problem"), each, others["n"], here, "late" if others["late"] else "you"),
        ]
    return [a for a in made if a.count]


# What everybody may read ----------------------------------------------------------------------------------------------
def public_problems(path: str, after: str | None) -> dict[str, Any]:
    """The problems of an area as everybody reads them. Three statements."""
    areas = around(path)
    kept = Count("measures", filter=Q(measures__dropped_at=None), distinct=True)
    done = Count("measures", filter=Q(measures__done_at__isnull=False), distinct=True)
    rows = open_problems(path).select_related("area", "unit", "category").prefetch_related("measures__unit")
    found = keyset(rows.annotate(n_measures=kept, n_done=done), order=("-named_at", "-id"), after=after, size=20)
    return {
        "area": areas[path],
        "name": named(areas[path]),
        "page": found.map(_public),
    }


def _public(p: Any) -> dict[str, Any]:
    said, chip = STATES[p.state]
    measures: Sequence[Measure] = sorted(
        (m for m in p.measures.all() if not m.dropped_at), key=lambda m: (m.due_on, m.pk)
    )
    return {
        "p": p,
        "place": named(p.area),
        "state": said,
        "chip": chip,
        "measures": measures,
        "done": p.n_done,
        "n": p.n_measures,
    }

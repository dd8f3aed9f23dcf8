"""The supervisor's board of an area (what has to be dealt with now, how it goes, the same for each area inside it), and
the figures that everybody may read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.scope import ancestors, covers, within
from heli.insight import counting
from heli.insight.counting import BESIDE, NOW_SETS, Counts
from heli.insight.models import READERS
from heli.insight.open_figures import Open, OpenRate, of_area
from heli.insight.withhold import ENOUGH, small
from heli.loop import rates
from heli.loop.clocks import local_day
from heli.loop.models import Clock, Exclusion, Extension, Remark, Request
from heli.loop.oversight_models import Order, OrderRequest
from heli.loop.queries import orders, parts
from heli.loop.queries.requests import rows_url
from heli.loop.rates import KEYS, REPLY_KINDS, SPANS, Rate
from heli.loop.states import STATIONS
from heli.places.models import HIDDEN_KINDS, Area
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
DAYS = 30
LIMIT = "return.limit"
SHAPED = ("37", "51", "15")  # provinces whose boundaries ship (places/data)
NOBODY, LONGEST = 3, 5  # rows of the first list: without an owner, overdue longest
APART = 0.05  # from here on a share is called lower or higher than that of the whole area


# Areas ----------------------------------------------------------------------------------------------------------------
def own_areas(actor: Actor) -> tuple[str, ...]:
    """Where the actor may see the board, the widest first."""
    paths = {p for cap in READERS for p in actor.paths(cap)}
    tops = {p for p in paths if not any(p != q and p.startswith(q) for q in paths)}
    return tuple(sorted(tops, key=lambda p: (len(p), p)))


def around(path: str, *others: str) -> dict[str, Area]:
    """The area, all above it, those directly below, and others, by path. NotFound (L-404). One statement."""
    inside = Q(
        parent=Area.objects.filter(path=path).values("pk")[:1]
    )  # by its id, so that both conditions use an index
    rows = Area.objects.filter(Q(path__in=[*ancestors(path), *others]) | inside)
    found = {a.path: a for a in rows.order_by("path")}
    if path not in found:
        raise NotFound
    return found


def named(area: Area) -> str:
    """As people say it: "向阳街道", but "大海阳社区" instead of "大海阳社区居委会"."""
    return area.short_name if area.level == 5 else area.name


# What the board shows -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Shown:
    """A rate with the addresses of its rows."""

    rate: Rate
    part_url: str
    whole_url: str

    @property
    def missing(self) -> int:
        return self.rate.of - self.rate.count


@dataclass(frozen=True, slots=True)
class Inside:
    """One line of the table: an area directly inside (or the area itself: what names no smaller place)."""

    path: str
    name: str
    itself: bool
    counts: Counts
    rates: Mapping[str, Rate]
    urls: Mapping[str, str]

    def value(self, column: str) -> tuple[bool, float]:
        """What the table is sorted by; areas without anything to divide by come last either way."""
        if column in self.rates:
            share = self.rates[column].value
            return share is None, share or 0.0
        return False, float(self.counts[column])


@dataclass(frozen=True, slots=True)
class First:
    """A request to deal with first: without an owner, or overdue longest."""

    request: Request
    place: str
    nobody: bool
    over: tuple[str, str]
    station: int
    rung: int
    supervised: int
    order: int | None  # the open order it is under
    may_supervise: bool
    may_appoint: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the page of one area. `at` is the moment the numbers are of."""

    area: Area
    name: str
    crumbs: list[tuple[str, str]]
    others: list[Area]
    counts: Counts
    now_urls: Mapping[str, str]
    span_urls: Mapping[str, str]
    rates: list[Shown]
    inside: list[Inside]
    first: list[First]
    limit: int
    shapes: str
    at: dt.datetime


COLUMNS = ("counted", "open", "overdue", "on_time", "response", "resolution", "satisfaction")


def board(actor: Actor, path: str, days: int, now: dt.datetime, *, sort: str = "") -> Board:
    """The board of an area, if the actor may see it; NotFound (L-404) otherwise.

    Four statements (a fifth for the working calendar, once a minute). `days` is one of SPANS, `sort` one of COLUMNS,
    with "-" for descending; by code without.
    """
    if not covers(own_areas(actor), path):
        raise NotFound
    areas = around(path, *own_areas(actor))
    rules = rulebook.in_force((*KEYS.values(), LIMIT), path=path, on=local_day(now))
    limit = int(rules[LIMIT].value)
    since, until = rates.span(now, days)
    here: QuerySet[Request] = Request.objects.visible_to(actor).filter(within("area_path", [path]))
    wanted = counting.wanted(rules)
    groups, at = counting.inside(path, wanted, since, until, now)  # who reads an area reads all of it (visible_to)
    counts = counting.total(groups, wanted)

    def opens(name: str, inside: str = path) -> str:
        return rows_url(name, area=inside, since=since, until=until)

    made = [Shown(r, opens(r.count_set), opens(r.of_set)) for r in rates.made(rules, counts)]
    rows = _inside(areas, path, rules, groups, wanted)
    return Board(
        area=areas[path],
        name=named(areas[path]),
        crumbs=[(named(areas[p]), p) for p in ancestors(path) if p in areas and covers(own_areas(actor), p)],
        others=[areas[p] for p in own_areas(actor) if p in areas and not path.startswith(p)],
        counts=counts,
        now_urls={n: rows_url(n, area=path) for n in NOW_SETS},
        span_urls={n: opens(n) for n in BESIDE},
        rates=made,
        inside=ordered(rows, sort),
        first=first(actor, path, here, limit, now),
        limit=limit,
        shapes=_shapes(areas[path]),
        at=at,
    )


def _inside(
    areas: Mapping[str, Area],
    path: str,
    rules: Mapping[str, RuleVersion],
    groups: Mapping[str, Counts],
    wanted: Sequence[str],
) -> list[Inside]:
    """The areas directly inside, by code: those in force, and those that ended but still have something to count."""
    if counting.below(path) == len(path):
        return []
    listed = [p for p, a in areas.items() if len(p) > len(path) and p.startswith(path)]
    kept = {p for p in listed if areas[p].valid_to is None and areas[p].kind not in HIDDEN_KINDS}
    made = []
    for p in sorted(kept | groups.keys()):
        counts = groups.get(p) or dict.fromkeys(wanted, 0)
        urls = {n: rows_url(n, area=p) for n in ("open", "overdue")}
        name = named(areas[p]) if p in areas else p
        found = {r.key: r for r in rates.made(rules, counts)}
        made.append(Inside(p, name, p == path, counts, found, {} if p == path else urls))
    return made


def ordered(rows: list[Inside], sort: str) -> list[Inside]:
    """By a column, by code where two are the same; areas with nothing to divide by last."""
    column = sort.removeprefix("-")
    if column not in COLUMNS:
        return rows
    sign = -1 if sort.startswith("-") else 1

    def key(row: Inside) -> tuple[bool, float, str]:
        none, value = row.value(column)
        return none, sign * value, row.path

    return sorted(rows, key=key)


def first(actor: Actor, path: str, here: QuerySet[Request], limit: int, now: dt.datetime) -> list[First]:
    """What to deal with first: up to three that nobody has after several returns, then the five overdue longest.

    One statement: which ones comes from an index in order of deadline, however many are overdue; the rest is asked of those.
    """
    known = rates.sets(now)
    running = Clock.objects.filter(within("area_path", [path]), outcome="running", due_at__lt=now)
    theirs = here.filter(known["overdue"]).exclude(known["bounced"])
    longest = [
        running.filter(Exists(theirs.filter(pk=OuterRef("request"))), kind=kind)
        .order_by("due_at", "id")
        .values("request")[:LONGEST]
        for kind in REPLY_KINDS
    ]
    late = Clock.objects.filter(request=OuterRef("pk"), kind__in=REPLY_KINDS, outcome="running", due_at__lt=now)
    said = Remark.objects.filter(request=OuterRef("pk"), kind="supervise").order_by().values("request")
    seen = Order.objects.visible_to(actor)
    over = OrderRequest.objects.filter(orders.ABOUT_IT, open=True, order__in=seen).order_by("order").values("order")
    since = Subquery(late.order_by("due_at").values("due_at")[:1])
    ownerless = (
        here.filter(known["bounced"]).annotate(since=since).order_by(F("since").asc(nulls_last=True), "-bounces", "pk")
    )
    rows = (
        here.filter(pk__in=ownerless.values("pk")[:NOBODY].union(*longest, all=True))
        .annotate(
            nobody=Case(When(known["bounced"], then=Value(True)), default=Value(False)),
            late_since=since,
            rung=Coalesce(Subquery(late.order_by("-rung").values("rung")[:1]), 0),
            supervised=Coalesce(Subquery(said.annotate(n=Count("pk")).values("n")), 0),
            order=Subquery(over[:1]),
        )
        .annotate(
            nth=Window(
                RowNumber(),
                partition_by=[F("nobody")],
                order_by=[F("late_since").asc(nulls_last=True), F("bounces").desc(), F("pk").asc()],
            )
        )
        .filter(Q(nobody=True, nth__lte=NOBODY) | Q(nobody=False, nth__lte=LONGEST))
        .select_related("area__parent", "unit")
        .order_by("-nobody", "nth")
    )
    return [_first(actor, r, limit, now) for r in rows]


def _first(actor: Actor, r: Any, limit: int, now: dt.datetime) -> First:
    above = r.area.parent
    return First(
        request=r,
        place=named(above if above is not None and r.area.level == 5 else r.area),
        nobody=r.nobody,
        over=parts.chip_of(r.late_since or r.due_at, now, parts.display_calendar(r.area_path, now)),
        station=min(STATIONS[r.state] + 1, 4),
        rung=r.rung,
        supervised=r.supervised,
        order=r.order,
        may_supervise=actor.can(Cap.SUPERVISE, path=r.area_path),
        may_appoint=r.bounces >= limit and actor.can(Cap.APPOINT_LEAD, path=r.area_path),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for this person's decision in an area."""

    extensions: int
    appeals: int
    exclusions: int
    orders: Mapping[str, int]  # supervision orders by tab of their list: mine (their turn), open, late


def waiting(actor: Actor, path: str, now: dt.datetime) -> Waiting:
    """Decisions open to the actor; what they asked for themselves waits for somebody else. Four statements."""
    inside = within("area_path", [path])
    asked = Extension.objects.visible_to(actor).filter(inside, state="asked").exclude(asked_by=actor.user_id)
    proposed = Exclusion.objects.visible_to(actor).filter(inside, state="proposed").exclude(proposed_by=actor.user_id)
    appealed = Request.objects.visible_to(actor).filter(inside, state="appealed")
    return Waiting(asked.count(), appealed.count(), proposed.count(), orders.tab_counts(actor, now, path))


# The map --------------------------------------------------------------------------------------------------------------
def _shapes(area: Area) -> str:
    """The layer of shipped boundaries that draws the areas inside: "city", "county", or "" where there is none."""
    layer = {1: "city", 2: "county"}.get(area.level, "")
    return layer if settings.HELI_SHAPES and area.path[:2] in SHAPED else ""


def bands(rows: Sequence[Inside], whole: Rate, *, low: float = APART) -> dict[str, int]:
    """{path: 0 clearly lower than the whole area · 1 lower · 2 as high · 3 clearly higher}, for areas with enough items.

    Compared with the area's own share, because no rule names a goal; "clearly" is five points.
    """
    if whole.value is None:
        return {}
    found = {}
    for row in rows:
        rate = row.rates[whole.key]
        if row.itself or rate.value is None or rate.of < ENOUGH:
            continue
        apart = rate.value - whole.value
        found[row.path] = 0 if apart <= -low else 1 if apart < 0 else 2 if apart < low else 3
    return found


def spans(days: int) -> list[tuple[int, bool]]:
    """The spans one can choose, and which is chosen."""
    return [(n, n == days) for n in SPANS]


# What everybody may read ----------------------------------------------------------------------------------------------
def counts_of(path: str, days: int, now: dt.datetime) -> tuple[dict[str, RuleVersion], dict[str, int], dt.datetime]:
    """(formulas, sizes of the sets, the moment they are of) of a whole area, whoever asks: numbers only. Two statements."""
    rules = rulebook.in_force(list(KEYS.values()), path=path, on=local_day(now))
    wanted = counting.wanted(rules)
    groups, at = counting.inside(path, wanted, *rates.span(now, days), now)
    return rules, counting.total(groups, wanted), at


def figures(path: str, days: int, now: dt.datetime) -> Open:
    """The open figures of an area (open_figures.py); NotFound (L-404) for none. Seven statements at most."""
    return of_area(around(path), path, days, now, named)


@dataclass(frozen=True, slots=True)
class HomeStat:
    """A number for {% stat %} on the public's first page."""

    label: Words
    value: int
    unit: Words
    url: str
    go: Words
    state: str = ""


@dataclass(frozen=True, slots=True)
class HomeFigures:
    """The last 30 days for the public's first page."""

    stats: list[HomeStat]
    note: Words
    note_url: str


def home_figures(area_path: str, now: dt.datetime) -> HomeFigures | None:
    """Two numbers for the first page; a small one is not shown, and None when neither can be. Two statements.

    Raises RuleMissing (L-301) where a formula has no rule.
    """
    rules, counts, _at = counts_of(area_path, DAYS, now)
    url = reverse("insight:public", kwargs={"area_path": area_path})
    stats = []
    solved = OpenRate.of(next(r for r in rates.made(rules, counts) if r.key == "resolution"))
    if solved.said == "exact":
        slots = {"whole": words.count(solved.whole), "share": words.share(solved.part, solved.whole, digits=0)}
        unit = _("items, %(share)s of the %(whole)s that were judged") % slots
        stats.append(HomeStat(_("Residents say it is solved"), solved.part, unit, url, _("See how it goes here")))
    if counts["open"] and not small(counts["overdue"]) and not small(counts["open"] - counts["overdue"]):
        whole = counts["open"]
        slots = {"whole": words.count(whole), "share": words.share(counts["overdue"], whole, digits=0)}
        unit = _("items, %(share)s of the %(whole)s in hand") % slots
        label = _("Past the limit and not done yet")
        stats.append(HomeStat(label, counts["overdue"], unit, url, _("See what is counted"), "late"))
    if not stats:
        return None
    note = ""
    if counts["unrated"] and not small(counts["unrated"]) and not small(counts["waiting"]):  # as withhold.UNJUDGED
        note = _("%(n)s that nobody judged count neither as satisfied nor as dissatisfied.") % {
            "n": words.count(counts["unrated"])
        }
    return HomeFigures(stats, note, url)

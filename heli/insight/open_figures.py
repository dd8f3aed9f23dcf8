"""What everybody may read of an area or a unit: received, on time, solved, satisfied, unrated, overdue and open, left out,
each with what it was counted out of. Ordered by code, never ranked (国办函〔2025〕66号: evaluation by tiers).

The numbers are read from tallies (refresh.py); what changed since is counted live in the same statement. What is kept back
is decided from the widest area down, so that the page of a street keeps back what the page of its county does.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, CharField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, Extract, Left
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from heli.core.errors import NotFound
from heli.core.scope import ancestors, within
from heli.insight import counting
from heli.insight.counting import MARKS, NOW_SETS, STATE, below, column, counters, stale_cells, with_cell
from heli.insight.models import FINEST, Problem, Refresh, Slice, Tally
from heli.insight.states import LIVE
from heli.insight.withhold import Sizes, Veil, above, small, withheld
from heli.loop import rates
from heli.loop.clocks import local_day
from heli.loop.models import Exclusion, Kind, Request
from heli.loop.rates import KEYS, TITLES
from heli.loop.states import OPEN
from heli.orgs.models import Organisation
from heli.places.models import HIDDEN_KINDS, Area
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
Table = dict[str, dict[str, Sizes]]  # {child: {kind: sizes}}
UNIT = "u"  # prefix of a unit's key among rows
COUNTY = 6  # length of the path of a county
COUNTS: Mapping[str, Words] = {
    "counted": _("Came in"),
    "open": _("In hand now"),
    "overdue": _("Past the limit and not done"),
    "unrated": _("Not judged in time"),
    "waiting": _("Answered, not judged yet"),
    "excluded": _("Left out of the rates"),
}
# A request that was merely told has no door of its own: it is plain.
DOORS: Mapping[str, Words] = {
    "plain": _("Told at the counter, by phone or on the web"),
    "snap": _("Snaps"),
    "wish": _("Wishes"),
    "suggestion": _("Suggestions"),
}


def door(kind: str) -> str:
    """The door a kind of request came through."""
    return kind if kind in {Kind.SNAP, Kind.WISH, Kind.SUGGESTION} else "plain"


# Reading --------------------------------------------------------------------------------------------------------------
def _live(
    rows: QuerySet[Request], names: Sequence[str], since: dt.datetime, until: dt.datetime, now: dt.datetime
) -> Any:
    """Sizes of the sets over requests, to be grouped before."""
    heard = Q(heard_at__gte=since, heard_at__lt=until)
    known = counters(now)
    sizes = {f"n_{n}": Count("pk", filter=known[column(n)] & (Q() if n in NOW_SETS else heard)) for n in names}
    return rows.filter(Q(state__in=OPEN) | heard).order_by(), sizes


def _sums(rows: Any, days: Q, names: Sequence[str], sign: int, **by: Any) -> Any:
    made = {n: Sum(column(n), filter=None if n in NOW_SETS else days) for n in names}
    return (
        rows.filter(days | Q(now_open__gt=0))
        .order_by()
        .values(**by)
        .annotate(**{f"n_{n}": Coalesce(s, 0) * Value(sign) for n, s in made.items()})
    )


def _rows(
    kept: Any,
    slices: Any,
    requests: QuerySet[Request],
    *,
    names: Sequence[str],
    since: dt.datetime,
    until: dt.datetime,
    now: dt.datetime,
    by: tuple[Any, Any, Any],
) -> Any:
    """Rows (wide, key, of_kind, sizes) of tallies, of what has to be taken from them and put to them since, and one row
    STATE. `by`: the keys of tallies, of slices, and of requests."""
    days = Q(day__gte=local_day(since), day__lt=local_day(until))
    stale = stale_cells(now)
    zero = Value(0, BigIntegerField())
    of_kind = Cast("kind", CharField(max_length=12))
    first = _sums(kept, days, names, 1, wide=Cast("width", BigIntegerField()), key=by[0], of_kind=of_kind)
    before = _sums(slices.filter(cell__in=stale), days, names, -1, wide=zero, key=by[1], of_kind=of_kind)
    rows, sizes = _live(with_cell(requests).filter(cell__in=stale), names, since, until, now)
    again = rows.values(wide=zero, key=by[2], of_kind=of_kind).annotate(**sizes)
    told = {names[0]: MARKS, names[1]: Cast(Extract("at", "epoch", tzinfo=dt.UTC), BigIntegerField())}
    blank = Value("", CharField(max_length=12))
    state = (
        Refresh.objects.filter(sliced_at__isnull=False)
        .values(wide=zero, key=Value(STATE, CharField(max_length=24)), of_kind=blank)
        .annotate(**{f"n_{n}": told.get(n, zero) for n in names})
    )
    return list(first.union(before, again, state, all=True))


def _moment(rows: list[Any], names: Sequence[str], now: dt.datetime) -> dt.datetime | None:
    """The moment the rows are of; None while not everything was counted once."""
    state = next((r for r in rows if r["key"] == STATE), None)
    if state is None:
        return None
    rows.remove(state)
    late = state[f"n_{names[0]}"] > counting.TOO_MANY
    return dt.datetime.fromtimestamp(state[f"n_{names[1]}"], dt.UTC) if late else now


def put_in(table: Table, key: str, row: Any, names: Sequence[str]) -> None:
    """Add a row's sizes to a line of a table."""
    sizes = table.setdefault(key, {}).setdefault(row["of_kind"], dict.fromkeys(names, 0))
    for n in names:
        sizes[n] += row[f"n_{n}"]


def tables(
    path: str, names: Sequence[str], since: dt.datetime, until: dt.datetime, now: dt.datetime
) -> tuple[dict[str, Table], dt.datetime]:
    """({area: its areas inside by door}, the moment) for an area, all above it, and those above the site's own area.

    One statement; one more for a street or less, which is counted live.
    """
    wide = [p for p in {*ancestors(path), *ancestors(settings.HELI_HOME_AREA)} if p and len(p) < FINEST]
    found: dict[str, Table] = {p: {} for p in wide}
    at: dt.datetime | None = now
    if wide:
        tops = [min(wide, key=len), *(p for p in wide if len(p) == min(map(len, wide)))]
        kept = Q(pk__in=[])
        for p in wide:
            kept |= Q(width=below(p)) & within("inside", [p])
        rows = _rows(
            Tally.objects.filter(kept),
            Slice.objects.filter(within("inside", tops)),
            Request.objects.filter(within("area_path", tops)),
            names=names, since=since, until=until, now=now,
            by=(F("inside"), F("inside"), Cast(Left("area_path", FINEST), CharField(max_length=24))),
        )  # fmt: skip
        at = _moment(rows, names, now)
        if at is None:
            some, sizes = _live(Request.objects.filter(within("area_path", tops)), names, since, until, now)
            cut = Cast(Left("area_path", FINEST), CharField(max_length=24))
            rows = list(some.values(key=cut, of_kind=F("kind")).annotate(wide=Value(0), **sizes))
        for row in rows:
            for p in wide:
                if row["wide"] in (0, below(p)) and row["key"].startswith(p):
                    put_in(found[p], row["key"][: below(p)], row, names)
    if len(path) >= FINEST:
        top, size = path[:FINEST], max(below(path[:FINEST]), len(path))
        some, sizes = _live(Request.objects.filter(within("area_path", [top])), names, since, until, now)
        table: Table = found.setdefault(top, {})
        for row in some.values(key=Left("area_path", size), of_kind=F("kind")).annotate(**sizes):
            put_in(table, row["key"], row, names)
    return found, at or now


def unit_table(
    units: QuerySet[Organisation], names: Sequence[str], since: dt.datetime, until: dt.datetime, now: dt.datetime
) -> tuple[Table, dt.datetime]:
    """({unit: its requests by door}, the moment). One statement, two before everything was counted once."""
    ids = units.values("pk")
    rows = _rows(
        Tally.objects.filter(width=0, unit__in=ids),
        Slice.objects.filter(unit__in=ids),
        Request.objects.filter(unit__in=ids),
        names=names, since=since, until=until, now=now,
        by=(_text("unit"), _text("unit"), _text("unit_id")),
    )  # fmt: skip
    at = _moment(rows, names, now)
    if at is None:
        some, sizes = _live(Request.objects.filter(unit__in=ids), names, since, until, now)
        rows = list(some.values(key=_text("unit_id"), of_kind=F("kind")).annotate(**sizes))
    table: Table = {}
    for row in rows:
        put_in(table, row["key"], row, names)
    return table, at or now


def _text(name: str) -> Cast:
    return Cast(name, CharField(max_length=24))


# What is shown --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Share:
    """Part and whole of a rate; None: kept back."""

    part: int | None
    whole: int | None

    @property
    def value(self) -> float | None:
        return self.part / self.whole if self.part is not None and self.whole else None


@dataclass(frozen=True, slots=True)
class OpenRate:
    """A share as the public reads it. `said`: exact · few (fewer than five do) · nearly (all but fewer than five do) ·
    too_few (too few in all) · nothing · withheld (one of these, or another share could be worked out from it)."""

    key: str
    title: Words
    part: int
    whole: int
    said: str
    rule: RuleVersion

    @classmethod
    def of(cls, rate: rates.Rate) -> OpenRate:
        """A share that stands alone, beside no total it is part of."""
        part, whole = rate.count, rate.of
        said = (
            "nothing"
            if whole == 0
            else "too_few"
            if small(whole)
            else "few"
            if small(part)
            else "nearly"
            if small(whole - part)
            else "exact"
        )
        shown = said not in {"too_few", "nothing"}
        return cls(rate.key, rate.title, part if said == "exact" else 0, whole if shown else 0, said, rate.rule)

    @classmethod
    def told(cls, key: str, title: Words, share: Share, rule: RuleVersion) -> OpenRate:
        """A share of a published table."""
        said = (
            "too_few"
            if share.whole is None
            else "nothing"
            if share.whole == 0
            else "withheld"
            if share.part is None
            else "exact"
        )
        return cls(key, title, share.part or 0, share.whole or 0, said, rule)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: an area, a unit, or a door. None: kept back."""

    key: str
    name: Words
    counts: Mapping[str, int | None]
    rates: Mapping[str, Share]


@dataclass(frozen=True)
class Open:
    """Everything on a page of open figures, and in its files. `whole` is the line of the area or unit itself."""

    name: str
    area: Area
    unit: Organisation | None
    crumbs: list[Area]
    whole: Line
    inside: list[Line]
    units: list[Line]
    doors: list[Line]
    reasons: list[tuple[str, Words, int | None]]
    rules: Mapping[str, RuleVersion]
    problems: int
    since: dt.date
    until: dt.date
    at: dt.datetime

    @property
    def rates(self) -> list[OpenRate]:
        """The rates of the whole, each with how it may be said."""
        return [OpenRate.told(k, TITLES[k], s, self.rules[KEYS[k]]) for k, s in self.whole.rates.items()]

    @cached_property
    def formulas(self) -> list[tuple[str, Words, RuleVersion]]:
        return [(name, TITLES[name], self.rules[key]) for name, key in KEYS.items()]


def together(kinds: Mapping[str, Sizes], names: Sequence[str]) -> Sizes:
    return {n: sum(s[n] for s in kinds.values()) for n in names}


def by_door(tables: Sequence[Mapping[str, Sizes]], names: Sequence[str]) -> dict[str, Sizes]:
    made: dict[str, Sizes] = {d: dict.fromkeys(names, 0) for d in DOORS}
    for kinds in tables:
        for kind, sizes in kinds.items():
            for n in names:
                made[door(kind)][n] += sizes[n]
    return made


def pairs(rules: Mapping[str, RuleVersion]) -> dict[str, tuple[str, str]]:
    """{rate: (set counted, set it is out of)} by these formulas."""
    return {name: (rules[key].value["count"], rules[key].value["of"]) for name, key in KEYS.items()}


def line(
    key: str,
    name: Words,
    sizes: Sizes,
    rules: Mapping[str, RuleVersion],
    *,
    told: Callable[[str], bool],
    told_share: Callable[[str, str], bool],
) -> Line:
    """A line without what may not be told of it."""
    shares = {
        rate: Share(sizes[part] if told_share(part, whole) else None, sizes[whole] if told(whole) else None)
        for rate, (part, whole) in pairs(rules).items()
    }
    return Line(key, name, {n: sizes[n] if told(n) else None for n in COUNTS}, shares)


def lines(
    veil: Veil, parent: str, named: Iterable[tuple[str, Words]], rules: Mapping[str, RuleVersion], nothing: Sizes
) -> list[Line]:
    """Lines of what is inside `parent`, without what the veil keeps back."""
    inside = veil.sizes.get(parent, {})
    return [
        line(
            key, name, inside.get(key, nothing), rules,
            told=lambda n, key=key: key not in veil.hidden(parent, n),  # type: ignore[misc]
            told_share=lambda part, of, key=key: key not in veil.hidden_shares(parent, part, of),  # type: ignore[misc]
        )
        for key, name in named
    ]  # fmt: skip


def wanted(rules: Mapping[str, RuleVersion]) -> list[str]:
    return sorted({*COUNTS, *rates.named(rules)})


def left_out(path: str, told: bool, now: dt.datetime, span: tuple[dt.datetime, dt.datetime]) -> Any:
    """[(reason, its words, how many or None)] of what was left out of the rates. One statement."""
    out = rates.rows_of("excluded", Request.objects.filter(within("area_path", [path])), now, *span)
    why = out.filter(exclusions__state="confirmed").order_by().values_list("exclusions__reason")
    counts = dict(why.annotate(n=Count("pk")))
    hide = withheld(counts) if told else counts.keys()
    names = dict(Exclusion.REASONS)
    return [(k, names[k], None if k in hide else n) for k, n in sorted(counts.items())]


def of_area(areas: Mapping[str, Area], path: str, days: int, now: dt.datetime, named: Callable[[Area], str]) -> Open:
    """The open figures of an area. `areas`: it, all above it and those directly inside (queries.around).

    Doors and reasons are told of counties alone: by street as well, what is kept back of one could be worked out from
    the others. Five statements, one more for a street or less and for a county, and two more before everything was
    counted once.
    """
    span = rates.span(now, days)
    rules = rulebook.in_force(list(KEYS.values()), path=path, on=local_day(now))
    names = wanted(rules)
    nothing = dict.fromkeys(names, 0)
    found, at = tables(path, names, *span, now)
    doors = f"{path}/doors" if len(path) == COUNTY else ""
    sizes = {p: {child: together(kinds, names) for child, kinds in t.items()} for p, t in found.items()}
    if doors:
        sizes[doors] = by_door(list(found[path].values()), names)
    veil = Veil(sizes, settings.HELI_HOME_AREA)
    own = together(sizes[path], names) if path in sizes else sizes[above(path)].get(path, nothing)
    whole = line(
        path, named(areas[path]), own, rules,
        told=lambda n: veil.told(path, n), told_share=lambda part, of: veil.told_share(path, part, of),
    )  # fmt: skip
    listed = {p for p, a in areas.items() if len(p) > len(path) and p.startswith(path) and _open(a)}
    listed |= {p for p, s in sizes.get(path, {}).items() if any(s.values())}
    called = [
        (p, _("no smaller place named") if p == path else named(areas[p]) if p in areas else p) for p in sorted(listed)
    ]
    return Open(
        name=named(areas[path]),
        area=areas[path],
        unit=None,
        crumbs=[areas[p] for p in ancestors(path, itself=False) if p in areas and areas[p].kind not in HIDDEN_KINDS],
        whole=whole,
        inside=lines(veil, path, called, rules, nothing) if path in sizes else [],
        units=units_of(path, rules, names, span, now),
        doors=lines(veil, doors, DOORS.items(), rules, nothing) if doors else [],
        reasons=left_out(path, whole.counts["excluded"] is not None, now, span) if doors else [],
        rules=rules,
        problems=open_problems(path).count(),
        since=local_day(span[0]),
        until=local_day(now),
        at=at,
    )


def _open(area: Area) -> bool:
    return area.valid_to is None and area.kind not in HIDDEN_KINDS


def veil_of_units(
    path: str, names: Sequence[str], span: tuple[dt.datetime, dt.datetime], now: dt.datetime
) -> tuple[Veil, str, dt.datetime]:
    """(what may be told of the units of a county, its key there, the moment): all of them together, wherever in it they
    are, because what units hold adds up to nearly what the county's page tells. Those of an area above counties are
    taken for themselves. One statement, two before everything was counted once."""
    county = path[:COUNTY]
    units = Organisation.objects.filter(within("area_path", [county]) if len(path) >= COUNTY else Q(area_path=path))
    table, at = unit_table(units, names, *span, now)
    group = f"{UNIT}{county}"
    return Veil({group: {UNIT + k: together(kinds, names) for k, kinds in table.items()}}, ""), group, at


def units_of(
    path: str,
    rules: Mapping[str, RuleVersion],
    names: Sequence[str],
    span: tuple[dt.datetime, dt.datetime],
    now: dt.datetime,
) -> list[Line]:
    """The units of exactly this area that have something to count, by name. Two statements."""
    veil, group, _at = veil_of_units(path, names, span, now)
    some = [k for k, s in veil.sizes[group].items() if any(s.values())]
    here = Organisation.objects.filter(area_path=path, pk__in=[int(k.removeprefix(UNIT)) for k in some])
    called = sorted((name, f"{UNIT}{pk}") for pk, name in here.values_list("pk", "short_name"))
    return lines(veil, group, [(k, name) for name, k in called], rules, {})


def of_unit(unit_id: int, days: int, now: dt.datetime) -> Open:
    """The open figures of a unit: what it held as the lead. NotFound (L-404) for none. Three statements, four before
    everything was counted once."""
    unit = Organisation.objects.select_related("area").filter(pk=unit_id).first()
    if unit is None:
        raise NotFound
    span = rates.span(now, days)
    rules = rulebook.in_force(list(KEYS.values()), path=unit.area_path, on=local_day(now))
    names = wanted(rules)
    veil, group, at = veil_of_units(unit.area_path, names, span, now)
    [whole] = lines(veil, group, [(f"{UNIT}{unit_id}", unit.name)], rules, dict.fromkeys(names, 0))
    return Open(
        name=unit.name,
        area=unit.area,
        unit=unit,
        crumbs=[unit.area],
        whole=whole,
        inside=[],
        units=[],
        doors=[],
        reasons=[],
        rules=rules,
        problems=0,
        since=local_day(span[0]),
        until=local_day(now),
        at=at,
    )


def open_problems(path: str) -> QuerySet[Problem]:
    """Named problems of an area that somebody works on, or that were closed: what everybody may read."""
    return Problem.objects.filter(within("area_path", [path]), state__in=(*LIVE, "closed"))


def recount(path: str, days: int, now: dt.datetime) -> dict[str, tuple[int, int]]:
    """{set: (what the tallies say, what a plain recount of the requests says)} of a whole area, before anything is kept
    back. For `heli figures recount`."""
    since, until = rates.span(now, days)
    rules = rulebook.in_force(list(KEYS.values()), path=path, on=local_day(now))
    names = wanted(rules)
    found, _at = tables(path, names, since, until, now)
    kept: dict[str, int] = defaultdict(int)
    for kinds in found.get(path, {path: found.get(path[:FINEST], {}).get(path, {})}).values():
        for n, size in together(kinds, names).items():
            kept[n] += size
    known, rows = rates.sets(now), Request.objects.filter(within("area_path", [path]))
    plain = {n: rates.rows_of(n, rows, now, *(() if n in NOW_SETS else (since, until))).count() for n in names}
    return {n: (kept[n], plain[n]) for n in names if n in known or n == "excluded"}

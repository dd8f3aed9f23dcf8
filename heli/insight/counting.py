"""How many requests of each set the areas inside an area have: from what was counted ahead where the area is wide, from
the requests themselves where it is a street or less. Both give the same numbers, because both count `counters`.

A number is right at the moment it is shown. Cells that were touched since the last refresh, or whose clocks ran past a
limit meanwhile, are counted live and put in place of what was kept of them, all in one statement, hence of one moment.
Only when more wait than `TOO_MANY` (the worker stands still) are the kept numbers told, with the time they are of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import BigIntegerField, Count, F, Func, Q, QuerySet, Sum, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce, Extract, Left
from django.db.models.lookups import LessThanOrEqual

from heli.core.scope import LENGTHS, within
from heli.insight.models import FINEST, CellField, Refresh, Rollup, Touched
from heli.loop import rates
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.rates import UNCOUNTED
from heli.loop.states import OPEN
from heli.rulebook.queries import RuleVersion
from heli.rulebook.shapes import SETS

NOW_SETS = ("open", "overdue", "due_soon", "bounced", "redo")  # each a part of "open"
BESIDE = ("counted", "unrated", "waiting", "excluded")  # counted over the span beside the sets the formulas name
SPAN_SETS = (*SETS, *BESIDE)
COLUMNS = (*(f"now_{n}" for n in NOW_SETS), *SPAN_SETS)  # of Rollup
TOO_MANY = 5000  # marks, one for each change
STATE = "#"  # no area
Counts = Mapping[str, int]
Groups = dict[str, dict[str, int]]


def counters(now: dt.datetime) -> dict[str, Q]:
    """{column of Rollup: the requests it counts}. The sets are those of rates.sets, cut as rates.rows_of cuts them."""
    known = rates.sets(now)
    ours = ~Q(state__in=UNCOUNTED)
    made = {f"now_{n}": known[n] for n in NOW_SETS}
    made |= {n: known[n] & ours & Q(excluded=False) for n in SPAN_SETS if n != "excluded"}
    return {**made, "excluded": ours & Q(excluded=True)}


def column(name: str) -> str:
    """Where the size of a set that a board shows is kept."""
    return f"now_{name}" if name in NOW_SETS else name


def wanted(rules: Mapping[str, RuleVersion]) -> list[str]:
    """The sets a board shows: what is open now, what these formulas name, and what is told beside them."""
    return [*NOW_SETS, *sorted(rates.named(rules) | set(BESIDE))]


def below(path: str) -> int:
    """Length of the paths of the areas directly inside; of the path itself where there are none."""
    return next((n for n in LENGTHS if n > len(path)), len(path))


def total(groups: Mapping[str, Counts], names: Sequence[str]) -> dict[str, int]:
    """The sizes of the sets over all groups."""
    return {n: sum(g[n] for g in groups.values()) for n in names}


def inside(
    path: str, names: Sequence[str], since: dt.datetime, until: dt.datetime, now: dt.datetime
) -> tuple[Groups, dt.datetime]:
    """({path of an area directly inside: {set: size}}, the moment the numbers are of) of all requests of an area; what
    lies at the area itself is under its own path. One statement, two before everything was
    counted once.

    `since` and `until` are local midnights. Whoever asks must be allowed to read the whole area.
    """
    if len(path) < FINEST:
        rows = list(rolled(path, names=names, since=since, until=until, now=now))
        state = next((r for r in rows if r["at_path"] == STATE), None)
        if state is not None:  # everything was counted once
            late = state[f"n_{names[0]}"] > TOO_MANY
            at = dt.datetime.fromtimestamp(state[f"n_{names[1]}"], dt.UTC) if late else now
            return added((r for r in rows if r is not state), names), at
    return added(live(Request.objects.all(), path, names=names, since=since, until=until, now=now), names), now


def added(rows: Iterable[Any], names: Sequence[str]) -> Groups:
    """Rows of several origins for one area become one."""
    found: Groups = {}
    for row in rows:
        group = found.setdefault(row["at_path"], dict.fromkeys(names, 0))
        for n in names:
            group[n] += row[f"n_{n}"]
    return {path: group for path, group in found.items() if any(group.values())}


def live(
    rows: QuerySet[Request],
    path: str,
    *,
    names: Sequence[str],
    since: dt.datetime,
    until: dt.datetime,
    now: dt.datetime,
) -> Any:
    """Rows of (area inside, sizes of the sets), counted from requests."""
    heard = Q(heard_at__gte=since, heard_at__lt=until)
    known = counters(now)
    sizes = {f"n_{n}": Count("pk", filter=known[column(n)] & (Q() if n in NOW_SETS else heard)) for n in names}
    some = rows.filter(Q(state__in=OPEN) | heard, within("area_path", [path]))
    return some.order_by().values(at_path=Left("area_path", below(path))).annotate(**sizes)


def rolled(path: str, *, names: Sequence[str], since: dt.datetime, until: dt.datetime, now: dt.datetime) -> Any:
    """Rows of (area inside, sizes of the sets) that add up to what `live` counts, and one row STATE: how many marks wait
    (at most TOO_MANY + 1) and when the rollups were last refreshed, in place of the first two sizes; none before
    everything was counted once. With more than TOO_MANY marks the rows add up to what was so at the last refresh."""
    days = Q(day__gte=local_day(since), day__lt=local_day(until))

    def sums(rows: QuerySet[Rollup], at_path: Any, sign: int) -> Any:
        made = {n: Sum(column(n), filter=None if n in NOW_SETS else days) for n in names}
        return (
            rows.filter(days | Q(now_open__gt=0), within("inside", [path]))
            .order_by()
            .values(at_path=at_path)
            .annotate(**{f"n_{n}": Coalesce(s, 0) * Value(sign) for n, s in made.items()})
        )

    stale = stale_cells(now)
    kept = sums(Rollup.objects.filter(width=below(path)), F("inside"), 1)
    before = sums(Rollup.objects.filter(width=FINEST, cell__in=stale), Left("inside", below(path)), -1)
    again = live(
        with_cell(Request.objects.all()).filter(cell__in=stale), path, names=names, since=since, until=until, now=now
    )
    told = {names[0]: MARKS, names[1]: Cast(Extract("at", "epoch", tzinfo=dt.UTC), BigIntegerField())}
    state = Refresh.objects.values(at_path=Value(STATE)).annotate(
        **{f"n_{n}": told.get(n, Value(0, BigIntegerField())) for n in names}
    )
    return kept.union(before, again, state, all=True)


def with_cell(rows: QuerySet[Request]) -> Any:
    """Each with its cell; an index serves it."""
    return rows.alias(cell=Func("area_path", "heard_at", function="insight_cell", output_field=CellField()))


# How many marks wait, at most TOO_MANY + 1; one number for the whole statement.
MARKS = RawSQL(
    "SELECT count(*) FROM (SELECT 1 FROM insight_touched LIMIT %s) AS marks", [TOO_MANY + 1], BigIntegerField()
)


def stale_cells(now: dt.datetime) -> Any:
    """Cells that are not as their rollup says: touched since, or changed by time alone. None when too many marks wait."""
    few = LessThanOrEqual(MARKS, TOO_MANY)
    turned = Rollup.objects.filter(few, width=FINEST, turns_at__lt=now).values("cell")
    return Touched.objects.filter(few).order_by().values("cell").union(turned)

"""Keeps the rollups: counts again what was touched, or everything. Any number of these may run at once: they take turns."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Count, F, Func, Min, Q, Value, When
from django.db.models.functions import Coalesce, Left, TruncDate
from django.utils import timezone

from heli.core.scope import within
from heli.insight.counting import COLUMNS, counters, with_cell
from heli.insight.models import FINEST, WIDTHS, CellField, Refresh, Rollup, Slice, Tally
from heli.loop.models import Clock, Request
from heli.loop.rates import REPLY_KINDS, SOON
from heli.loop.states import OPEN

TURN = 0x48454C49  # the advisory lock: whoever changes rollups holds it until the end of its transaction
BATCH = 2000  # cells counted at once
MARKS = 20_000  # taken away at once
Part = tuple[int, str]  # unit (0: none), kind
Found = tuple[str, dt.date, dict[Part, list[int]], dt.datetime | None]  # area, day, sizes of COLUMNS, when it turns
NOBODY = 0

TAKE = """
DELETE FROM insight_touched WHERE id IN (SELECT id FROM insight_touched ORDER BY id LIMIT %s) RETURNING cell
"""
ADD = """
INSERT INTO insight_rollup (width, inside, day, cell, turns_at, {names})
SELECT width, inside, day, inside || '/' || (day - DATE '2000-01-01'), turns_at, {names}
FROM unnest(%s::int[], %s::text[], %s::date[], %s::timestamptz[], {arrays}) AS n (width, inside, day, turns_at, {names})
ON CONFLICT (width, cell) DO UPDATE SET turns_at = EXCLUDED.turns_at, {added}
""".format(
    names=", ".join(COLUMNS),
    arrays=", ".join("%s::int[]" for _ in COLUMNS),
    added=", ".join(f"{c} = insight_rollup.{c} + EXCLUDED.{c}" for c in COLUMNS),
)
ADD_SLICE = """
INSERT INTO insight_slice (cell, inside, day, unit, kind, {names})
SELECT cell, inside, day, unit, kind, {names}
FROM unnest(%s::text[], %s::text[], %s::date[], %s::bigint[], %s::text[], {arrays}) AS n (cell, inside, day, unit, kind, {names})
ON CONFLICT (cell, unit, kind) DO UPDATE SET {added}
""".format(
    names=", ".join(COLUMNS),
    arrays=", ".join("%s::int[]" for _ in COLUMNS),
    added=", ".join(f"{c} = insight_slice.{c} + EXCLUDED.{c}" for c in COLUMNS),
)
ADD_TALLY = """
INSERT INTO insight_tally (width, inside, unit, kind, day, {names})
SELECT width, inside, unit, kind, day, {names}
FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::text[], %s::date[], {arrays}) AS n (width, inside, unit, kind, day, {names})
ON CONFLICT (width, inside, unit, kind, day) DO UPDATE SET {added}
""".format(
    names=", ".join(COLUMNS),
    arrays=", ".join("%s::int[]" for _ in COLUMNS),
    added=", ".join(f"{c} = insight_tally.{c} + EXCLUDED.{c}" for c in COLUMNS),
)
TALLY_AREAS = """
INSERT INTO insight_tally (width, inside, unit, kind, day, {names})
SELECT %s, left(inside, %s) AS part, 0, kind, day, {sums} FROM insight_slice GROUP BY part, kind, day
""".format(names=", ".join(COLUMNS), sums=", ".join(f"sum({c})" for c in COLUMNS))
TALLY_UNITS = """
INSERT INTO insight_tally (width, inside, unit, kind, day, {names})
SELECT 0, '', unit, kind, day, {sums} FROM insight_slice WHERE unit <> 0 GROUP BY unit, kind, day
""".format(names=", ".join(COLUMNS), sums=", ".join(f"sum({c})" for c in COLUMNS))
ABOVE = """
INSERT INTO insight_rollup (width, inside, day, cell, {names})
SELECT width, inside, day, inside || '/' || (day - DATE '2000-01-01'), {sums}
FROM (SELECT %s::int AS width, left(inside, %s) AS inside, day, {names} FROM insight_rollup WHERE width = {finest}) AS cells
GROUP BY width, inside, day
""".format(names=", ".join(COLUMNS), sums=", ".join(f"sum({c})" for c in COLUMNS), finest=FINEST)


def take_turn() -> None:
    """Wait until nobody else changes rollups; until the end of the transaction."""
    with connection.cursor() as cur:
        cur.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])


def refresh(at: dt.datetime) -> int:
    """Count again what was touched, and what time alone has changed until `at`. Returns how many cells that were.

    Everything, when nothing was counted yet. A mark is taken away before its cell is counted, in one transaction: a
    change that is committed later leaves a mark that stays.
    """
    if not Refresh.objects.filter(sliced_at__isnull=False).exists():
        return rebuild(at)
    done = 0
    while True:
        with transaction.atomic():
            take_turn()
            with connection.cursor() as cur:
                cur.execute(TAKE, [MARKS])
                marks = [row[0] for row in cur.fetchall()]
            cells = set(marks)
            last = Refresh.objects.values_list("at", flat=True).first()
            turned = Q(turns_at__lt=at)
            if last is not None and last > at:  # the clock was set back: what it made too late is open once more
                turned |= Q(now_open__gt=0)
            cells.update(Rollup.objects.filter(turned, width=FINEST).values_list("cell", flat=True))
            for some in batches(sorted(cells)):
                put(
                    found(Q(cell__in=some), at),
                    Rollup.objects.filter(width=FINEST, cell__in=some),
                    Slice.objects.filter(cell__in=some),
                )
            Refresh.objects.update(at=at)
        done += len(cells)
        if len(marks) < MARKS:
            return done


def rebuild(at: dt.datetime) -> int:
    """Count everything anew, county by county, then add up. Returns how many cells there are.

    Boards are right all the while: a county changes at once with the areas above it, and nothing is read before all
    counties are there.
    """
    width = WIDTHS[1]
    paths = {p for (p,) in Request.objects.order_by().values_list(Left("area_path", width)).distinct()}
    kept = Rollup.objects.filter(width=FINEST)
    paths |= {p for (p,) in kept.order_by().values_list(Left("inside", width)).distinct()}
    for path in sorted(paths):
        with transaction.atomic():
            take_turn()
            here = kept.filter(within("inside", [path]) if len(path) == width else Q(inside=path))
            ours = within("area_path", [path]) if len(path) == width else Q(area_path=path)
            sliced = Slice.objects.filter(within("inside", [path]) if len(path) == width else Q(inside=path))
            put(found(ours, at), here, sliced)
    with transaction.atomic(), connection.cursor() as cur:
        take_turn()
        kept.filter(counted=0, now_open=0, excluded=0).delete()
        Rollup.objects.exclude(width=FINEST).delete()
        for n in WIDTHS[:-1]:
            cur.execute(ABOVE, [n, n])
        Slice.objects.filter(counted=0, now_open=0, excluded=0).delete()
        Tally.objects.all().delete()
        for n in WIDTHS:
            cur.execute(TALLY_AREAS, [n, n])
        cur.execute(TALLY_UNITS)
        Refresh.objects.update_or_create(pk=1, defaults={"rebuilt_at": at, "at": at, "sliced_at": at})
    return kept.count()


def batches(cells: Sequence[str]) -> Iterable[Sequence[str]]:
    """In pieces of BATCH."""
    return (cells[i : i + BATCH] for i in range(0, len(cells), BATCH))


def found(where: Q, at: dt.datetime) -> dict[str, Found]:
    """{cell: what its requests are now, by unit and kind}. Two statements."""
    day = TruncDate("heard_at", tzinfo=timezone.get_default_timezone())
    sizes = {f"n_{c}": Count("pk", filter=q) for c, q in counters(at).items()}
    rows: Any = (
        with_cell(Request.objects.all())
        .filter(where)
        .order_by()
        .values(
            in_cell=F("cell"),
            at_path=Left("area_path", FINEST),
            heard_day=day,
            in_unit=Coalesce("unit_id", Value(NOBODY)),
            of_kind=F("kind"),
        )
        .annotate(**sizes)
    )
    turns = next_turns(where, at)
    made: dict[str, Found] = {}
    for r in rows:
        cell = r["in_cell"]
        _i, _d, parts, _t = made.setdefault(cell, (r["at_path"], r["heard_day"], {}, turns.get(cell)))
        parts[r["in_unit"], r["of_kind"]] = [r[f"n_{c}"] for c in COLUMNS]
    return made


def next_turns(where: Q, at: dt.datetime) -> dict[str, dt.datetime]:
    """{cell: when the next of its requests becomes due soon, or overdue}. One statement."""
    running = Clock.objects.filter(kind__in=REPLY_KINDS, outcome="running", due_at__gte=at, request__state__in=OPEN)
    running = running.filter(request__in=with_cell(Request.objects.all()).filter(where, state__in=OPEN).values("pk"))
    turn = Case(When(due_at__gte=at + SOON, then=F("due_at") - SOON), default=F("due_at"))
    cell = Func("request__area_path", "request__heard_at", function="insight_cell", output_field=CellField())
    return dict(running.order_by().values(in_cell=cell).annotate(turn=Min(turn)).values_list("in_cell", "turn"))


def added_up(parts: Iterable[list[int]]) -> list[int]:
    """The sizes of all parts of a cell together."""
    return [sum(column) for column in zip(*parts, strict=True)] or [0] * len(COLUMNS)


def put(now: dict[str, Found], kept: Any, sliced: Any) -> None:
    """Write what changed, and add the differences to the areas and units above. Five statements at most."""
    lines: dict[tuple[int, str, dt.date], list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
    turns: dict[tuple[int, str, dt.date], dt.datetime | None] = {}
    before = {
        cell: (inside, day, sizes, turn)
        for cell, inside, day, turn, *sizes in kept.values_list("cell", "inside", "day", "turns_at", *COLUMNS)
    }
    nothing = [0] * len(COLUMNS)
    for cell in now.keys() | before.keys():
        inside, day, *_rest = now.get(cell) or before[cell]
        _i, _d, parts, turn = now.get(cell, (inside, day, {}, None))
        new = added_up(parts.values())
        _i, _d, old, turned = before.get(cell, (inside, day, nothing, None))
        if new == old and turn == turned and cell in before:
            continue
        for n in WIDTHS:
            plus(lines[n, inside[:n], day], new, old)
        turns[FINEST, inside, day] = turn
    if lines:
        keys = sorted(lines)
        with connection.cursor() as cur:
            cur.execute(
                ADD,
                [*map(list, zip(*keys, strict=True)), [turns.get(k) for k in keys], *columns(lines[k] for k in keys)],
            )
    put_slices(now, sliced)


def put_slices(now: dict[str, Found], kept: Any) -> None:
    """The same for what the cells are made of, and the tallies above."""
    slices: dict[tuple[str, str, dt.date, int, str], list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
    tallies: dict[tuple[int, str, int, str, dt.date], list[int]] = defaultdict(lambda: [0] * len(COLUMNS))
    nothing = [0] * len(COLUMNS)
    before = {
        (cell, inside, day, unit, kind): sizes
        for cell, inside, day, unit, kind, *sizes in kept.values_list("cell", "inside", "day", "unit", "kind", *COLUMNS)
    }
    after = {
        (cell, inside, day, unit, kind): sizes
        for cell, (inside, day, parts, _turn) in now.items()
        for (unit, kind), sizes in parts.items()
    }
    for key in before.keys() | after.keys():
        _cell, inside, day, unit, kind = key
        new, old = after.get(key, nothing), before.get(key, nothing)
        if new == old:
            continue
        plus(slices[key], new, old)
        for n in WIDTHS:
            plus(tallies[n, inside[:n], NOBODY, kind, day], new, old)
        if unit != NOBODY:
            plus(tallies[0, "", unit, kind, day], new, old)
    written: tuple[tuple[str, dict[Any, list[int]]], ...] = ((ADD_SLICE, slices), (ADD_TALLY, tallies))
    for sql, changed in written:
        if changed:
            keys = sorted(changed)
            with connection.cursor() as cur:
                cur.execute(sql, [*map(list, zip(*keys, strict=True)), *columns(changed[k] for k in keys)])


def plus(sizes: list[int], new: list[int], old: list[int]) -> None:
    """Add what changed."""
    for i, (more, less) in enumerate(zip(new, old, strict=True)):
        sizes[i] += more - less


def columns(rows: Iterable[list[int]]) -> list[list[int]]:
    """Rows of sizes as one list for each of COLUMNS."""
    return [list(column) for column in zip(*rows, strict=True)]

"""What was counted ahead is what is there: kept by marks, counted anew, and counted live give the same numbers."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.core.errors import HeliError
from heli.insight import counting, open_figures, queries, refresh
from heli.insight.models import WIDTHS, Refresh, Rollup, Slice, Tally, Touched
from heli.loop import rates, steps
from heli.loop.models import Dispatch, Request
from heli.orgs.models import Organisation
from tests.database import race
from tests.insight.county import (
    DAHAIYANG,
    DAY,
    DONGSHAN,
    HEARD,
    NOW,
    NOW_SQL,
    SPAN_SQL,
    YUDONG,
    county,
    leave_out,
    overdue,
    recount,
    second_supervisor,
)
from tests.loop.staff import log_in
from tests.loop.told import Told, tell

COUNTY, CITY, PROVINCE = "370602", "3706", "37"
PLACES = (DAHAIYANG, DONGSHAN, YUDONG, COUNTY)
ALL = list(dict.fromkeys((*NOW_SQL, *SPAN_SQL)))


@pytest.fixture(autouse=True)
def _now(settings):
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def made(world):
    second_supervisor(world)
    return county(world)


def shown(path: str, days: int, now: dt.datetime = NOW) -> tuple[Any, dt.datetime]:
    return counting.inside(path, ALL, *rates.span(now, days), now)


def counted_live(path: str, days: int, now: dt.datetime = NOW) -> Any:
    since, until = rates.span(now, days)
    return counting.added(counting.live(Request.objects.all(), path, names=ALL, since=since, until=until, now=now), ALL)


def same_everywhere(now: dt.datetime = NOW) -> None:
    for path in (PROVINCE, CITY, COUNTY):
        for days in rates.SPANS:
            groups, at = shown(path, days, now)
            assert (groups, at) == (counted_live(path, days, now), now), (path, days)


def kept() -> set[tuple[Any, ...]]:
    """All rollups that count anything."""
    rows = Rollup.objects.values_list("width", "inside", "day", "cell", "turns_at", *counting.COLUMNS)
    slices = Slice.objects.values_list("cell", "inside", "day", "unit", "kind", *counting.COLUMNS)
    tallies = Tally.objects.values_list("width", "inside", "unit", "kind", "day", *counting.COLUMNS)
    return {row for some in (rows, slices, tallies) for row in some if any(row[5:])}


def by_unit_and_kind() -> dict[tuple[Any, str], dict[str, int]]:
    """What each unit, and the county, has of each kind: in plain SQL."""
    made: dict[tuple[Any, str], dict[str, int]] = {}
    first = dt.datetime.combine(NOW.date() - dt.timedelta(days=29), dt.time(), NOW.tzinfo)
    values = {"now": NOW, "since": first, "until": first + dt.timedelta(days=30)}
    for name in (
        "counted",
        "open",
        "overdue",
        "solved",
        "answered_solved",
        "replied_on_time",
        "replied_or_overdue",
        "unrated",
    ):
        what = NOW_SQL.get(name) or f"({HEARD}) AND {SPAN_SQL[name]}"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT coalesce(unit_id, 0), kind, count(*) FROM loop_request r WHERE {what} GROUP BY 1, 2", values
            )
            for unit, kind, n in cursor.fetchall():
                if unit:
                    made.setdefault((str(unit), kind), {})[name] = n
                whole = made.setdefault(("all", kind), {})
                whole[name] = whole.get(name, 0) + n
    return made


def open_is_plain(now: dt.datetime = NOW) -> None:
    """Open figures of the county and of every unit, by kind, are those of plain SQL."""
    names = [
        "counted",
        "open",
        "overdue",
        "solved",
        "answered_solved",
        "replied_on_time",
        "replied_or_overdue",
        "unrated",
    ]
    span = rates.span(now, 30)
    found, _at = open_figures.tables(COUNTY, names, *span, now)
    units, _at = open_figures.unit_table(Organisation.objects.all(), names, *span, now)
    made: dict[tuple[Any, str], dict[str, int]] = {}
    for kinds in found[COUNTY].values():
        for kind, sizes in kinds.items():
            whole = made.setdefault(("all", kind), dict.fromkeys(names, 0))
            for n in names:
                whole[n] += sizes[n]
    made |= {(unit, kind): sizes for unit, kinds in units.items() for kind, sizes in kinds.items()}
    nothing = dict.fromkeys(names, 0)
    assert {k: s for k, s in made.items() if any(s.values())} == {k: nothing | s for k, s in by_unit_and_kind().items()}


def test_every_set_has_its_column():
    assert set(counting.COLUMNS) == set(counting.counters(NOW)) <= {f.name for f in Rollup._meta.fields}
    assert {n.removeprefix("now_") for n in counting.COLUMNS} == set(rates.SET_WORDS)


def test_counted_ahead_is_counted_live_is_counted_in_sql(world, made):
    assert shown(COUNTY, 30)[0] == counted_live(COUNTY, 30), "before anything was counted ahead"
    assert refresh.refresh(NOW) > 5 and Refresh.objects.count() == 1
    refresh.refresh(NOW)
    assert not Touched.objects.exists()
    same_everywhere()
    for days in rates.SPANS:
        groups, _at = shown(COUNTY, days)
        assert counting.total(groups, ALL) == {n: recount(n, COUNTY, days) for n in ALL}
    assert set(Rollup.objects.values_list("width", flat=True)) == set(WIDTHS)


def test_a_change_is_seen_at_once_and_time_too(world, made):
    refresh.rebuild(NOW)
    refresh.refresh(NOW)
    before = shown(COUNTY, 30)[0]
    tell(world, "刚刚说的：路口红绿灯不亮", at=NOW - dt.timedelta(minutes=5), area_path=DONGSHAN)
    made["overdue"].reply()
    assert Touched.objects.exists()
    same_everywhere()
    assert shown(COUNTY, 30)[0] != before
    later = NOW + 30 * dt.timedelta(hours=1)  # what was due soon is overdue; nobody touched it
    Touched.objects.all().delete()
    refresh.rebuild(NOW)
    due = counting.total(shown(COUNTY, 30, later)[0], ALL)
    assert due["overdue"] > counting.total(shown(COUNTY, 30)[0], ALL)["overdue"]
    same_everywhere(later)
    refresh.refresh(later)
    same_everywhere(later)
    refresh.refresh(NOW)  # the clock was set back
    same_everywhere(NOW)


def test_a_request_that_moves_leaves_its_street(world, made):
    refresh.rebuild(NOW)
    told = tell(world, at=NOW - DAY, area_path=DAHAIYANG)
    refresh.refresh(NOW)
    steps.reclassify(
        request_id=told.request_id, by=world.actor("孙坐席"), at=NOW, area_path=DONGSHAN
    )  # fmt: skip
    same_everywhere()
    refresh.refresh(NOW)
    same_everywhere()


def test_nothing_is_read_by_a_write_and_the_page_stays_within_its_statements(world, made):
    refresh.rebuild(NOW)
    client = log_in(world, "吕部长")
    with CaptureQueriesContext(connection) as asked:
        page = client.get(f"/board/{COUNTY}/")
    said = [q["sql"] for q in asked.captured_queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert page.status_code == 200 and len(said) <= 8, said
    assert sum("insight_rollup" in sql for sql in said) == 1
    b = page.context["b"]
    for name in queries.NOW_SETS:
        assert client.get(b.now_urls[name]).context["total"] == b.counts[name]


def test_kept_numbers_are_told_with_their_time_when_too_much_waits(world, made, monkeypatch):
    refresh.rebuild(NOW - dt.timedelta(minutes=7))
    then = shown(COUNTY, 30, NOW - dt.timedelta(minutes=7))[0]
    overdue(world)
    monkeypatch.setattr(counting, "TOO_MANY", 1)
    groups, at = shown(COUNTY, 30)
    assert (groups, at) == (then, NOW - dt.timedelta(minutes=7)) and groups != counted_live(COUNTY, 30)
    assert "09:53" in log_in(world, "吕部长").get(f"/board/{COUNTY}/").content.decode()
    assert "09:53" in Client().get(f"/board/public/{COUNTY}/").content.decode()


LIVES = [
    life.split()
    for life in (
        "dispatch", "dispatch accept", "accept reply", "dispatch accept reply judge", "judge", "lapse", "judge exclude",
        "withdraw", "move", "bounce dispatch", "dispatch bounce dispatch bounce",
    )
]  # fmt: skip


def act(world: Any, told: Told, what: str, rng: random.Random) -> None:
    """One step of somebody with a request; what may not be done now is refused, and changes nothing."""
    desk, at = world.actor("孙坐席"), told.later(0.5)
    with contextlib.suppress(HeliError, Dispatch.DoesNotExist):
        match what:
            case "dispatch":
                told.dispatch()
            case "accept":
                told.accept()
            case "reply":
                told.reply()
            case "judge":
                told.judge(rng.choice(("yes", "partly", "no")), rng.randint(1, 5))
            case "lapse":
                steps.lapse(request_id=told.request_id, at=NOW)
            case "exclude":
                leave_out(world, told.request_id)
            case "withdraw":
                steps.withdraw(request_id=told.request_id, by=told.resident, at=at)
            case "move":
                steps.reclassify(request_id=told.request_id, by=desk, at=at, area_path=rng.choice(PLACES))
            case "bounce":
                asked = {"reason_code": "not_ours", "reason": "不在范围", "legal_basis": "三定方案"}
                dispatch_id = told.lead.pk
                steps.ask_return(dispatch_id=dispatch_id, by=world.actor("于科员"), at=at, **asked)
                steps.decide_return(dispatch_id=dispatch_id, by=desk, at=told.later(0.1), uphold=True)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_a_random_life_kept_is_rebuilt_is_live(world, seed):
    second_supervisor(world)
    rng = random.Random(seed)
    refresh.rebuild(NOW - 50 * DAY)
    told: list[Told] = []
    for n in range(60):
        if n % 3 == 0:
            text = f"第 {rng.randrange(10**6)} 件事没人管，路面坏了"
            kind = rng.choice(("help", "complaint", "snap", "wish"))
            told.append(tell(world, text, at=NOW - DAY * rng.uniform(0.5, 40), area_path=rng.choice(PLACES), kind=kind))
        one = rng.choice(told)
        for what in rng.choice(LIVES):
            act(world, one, what, rng)
        if n % 15 == 0:
            refresh.refresh(NOW)
        if n % 15 == 7:
            same_everywhere()
            open_is_plain()
    same_everywhere()
    open_is_plain()
    assert len(set(Request.objects.values_list("state", flat=True))) >= 4
    refresh.refresh(NOW)
    assert not Touched.objects.exists()
    was = kept()
    refresh.rebuild(NOW)
    assert kept() == was
    for table in (Rollup, Slice, Tally):
        table.objects.all().delete()
    refresh.rebuild(NOW)
    assert kept() == was
    same_everywhere()
    open_is_plain()


@pytest.mark.usefixtures("fire_db")
def test_two_refreshes_and_a_rebuild_at_once_give_the_right_numbers(world):
    second_supervisor(world)
    refresh.rebuild(NOW)
    for round_ in range(3):
        for n in range(4):
            overdue(world, (DAHAIYANG, DONGSHAN)[n % 2], days=10 + round_)

        def writer() -> None:
            for _ in range(6):
                tell(world, at=NOW - DAY).dispatch()

        done = race(
            lambda: refresh.refresh(NOW), writer, lambda: refresh.refresh(NOW), lambda: refresh.rebuild(NOW), writer
        )
        assert not [d for d in done if isinstance(d, Exception)], done
        same_everywhere()
    refresh.refresh(NOW)
    same_everywhere()
    was = kept()
    refresh.rebuild(NOW)
    assert kept() == was and not Touched.objects.exists()

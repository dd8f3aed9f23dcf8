"""Volunteering under load: places that many want at once, a burst of check-ins, the public page of certificates, growth.

    ./run bench volunteering                       all four, in full
    ./run bench volunteering places [--clients 500] [--places 20] [--rounds 50] [--back 7] [--at-once 64]
    ./run bench volunteering check-in [--scans 2000] [--at-once 64]
    ./run bench volunteering verify [--rates 50,100,200,300] [--seconds 10]
    ./run bench volunteering growth [--sizes 10000,100000,1000000]

places: in each round all clients ask for one of few places of a new shift, through the real step, by as many connections at
once as --at-once says (four processes of threads; the cluster allows 100). Each round is checked: exactly so many hold a
place, all others wait, nobody holds one who asked after somebody who waits, and so many offers are made as places are given
back, to those who come first. Beside it, in the same round, the same clients ask a copy of the tables in the usual
unlocked way: read, count, insert.
check-in: everybody scans the changing code with their own phone at the same moment.
verify: /v/<number>/ of the real server under an offered rate (bench/certificates.py).
growth: enrolling with so many past enrolments, filled in SQL; no statement may read the table of enrolments from end to end.

The database is bench_volunteering in the cluster of HELI_BENCH_VAR, made once and kept.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from bench import certificates
from bench._place import exists, migrate, owner, say, settle_surroundings, up

NAME, PROCESSES = "bench_volunteering", 4
Told = list[tuple[float, str]]  # seconds, what came of it


def p(times: Iterable[float], share: float) -> float:
    """A percentile in milliseconds."""
    kept = sorted(times)
    return kept[min(len(kept) - 1, int(len(kept) * share))] * 1000 if kept else 0.0


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


# Many at once -----------------------------------------------------------------------------------------------------------
def _timed(call: Callable[[Any], str], one: Any) -> tuple[float, str]:
    began = time.perf_counter()
    try:
        said = call(one)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:120]
    return time.perf_counter() - began, said


def _process(line: Any, threads: int) -> None:
    """Threads that keep a connection each, and do what is sent until nothing more is."""
    from django.db import connection

    with ThreadPoolExecutor(threads) as pool:
        while (work := line.recv()) is not None:
            name, several = work
            list(pool.map(lambda _n: (connection.ensure_connection(), time.sleep(0.02)), range(threads)))
            line.send("ready")
            line.recv()
            line.send(list(pool.map(partial(_timed, CALLS[name]), several)))


class Crowd:
    """Processes with threads: so many calls at once, each with a connection of its own."""

    def __init__(self, at_once: int) -> None:
        from django.db import connections

        connections.close_all()
        fork = multiprocessing.get_context("fork")
        self.threads = max(1, at_once // PROCESSES)
        self.lines, self.processes = [], []
        for _ in range(PROCESSES):
            here, there = fork.Pipe()
            self.processes.append(fork.Process(target=_process, args=(there, self.threads), daemon=True))
            self.processes[-1].start()
            self.lines.append(here)

    def do(self, name: str, several: list[Any]) -> tuple[float, Told]:
        """All of these calls, begun at one moment; seconds for all, and each one's."""
        for n, line in enumerate(self.lines):
            line.send((name, several[n::PROCESSES]))
        for line in self.lines:
            line.recv()
        began = time.perf_counter()
        for line in self.lines:
            line.send("go")
        told = [one for line in self.lines for one in line.recv()]
        return time.perf_counter() - began, told

    def end(self) -> None:
        for line in self.lines:
            line.send(None)
        for process in self.processes:
            process.join(30)


def _enrol(one: tuple[int, int, int]) -> str:
    from django.utils import timezone

    from heli.core.actor import Actor
    from heli.volunteering.steps import enrol

    slot, volunteer, user = one
    return str(enrol.enrol(slot_id=slot, people=[volunteer], by=Actor(user_id=user), at=timezone.now())[0].state)


def _withdraw(one: tuple[int, int]) -> str:
    from django.utils import timezone

    from heli.core.actor import Actor
    from heli.volunteering.steps import enrol

    made = enrol.withdraw(enrolment_id=one[0], by=Actor(user_id=one[1]), at=timezone.now(), reason="有事")
    return str(made.state)


def _naive(one: tuple[int, int, int]) -> str:
    """The same as it is often written: nothing is locked between counting and inserting."""
    from django.db import connection, transaction

    slot, volunteer, _user = one
    with transaction.atomic(), connection.cursor() as cur:
        cur.execute("SELECT shift_id, most FROM bench.slot WHERE id = %s", [slot])
        shift, most = cur.fetchone()
        cur.execute("SELECT s.starts, s.ends, a.org_id, a.area_path, a.state FROM volunteering_shift s"
                    " JOIN volunteering_activity a ON a.id = s.activity_id WHERE s.id = %s", [shift])  # fmt: skip
        starts, ends, org, area, _state = cur.fetchone()
        cur.execute("SELECT state FROM volunteering_volunteer WHERE id = %s", [volunteer])
        cur.execute("SELECT count(*) FROM bench.enrolment WHERE slot_id = %s AND state = 'confirmed'", [slot])
        state = "confirmed" if cur.fetchone()[0] < most else "waiting"
        cur.execute(
            "INSERT INTO bench.enrolment (volunteer_id, shift_id, slot_id, org_id, area_path, starts, ends, state, how, consent,"
            " newcomer, made_at, queued_at, reason, answer)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'self', '', false, now(), now(), '', '')",
            [volunteer, shift, slot, org, area, starts, ends, state],
        )
    return state


def _scan(one: tuple[int, int, int, str, Any]) -> str:
    import uuid

    from heli.core.actor import Actor
    from heli.volunteering.models.enrolments import Means
    from heli.volunteering.steps import attend

    shift, enrolment, user, code, at = one
    seen = attend.Seen(enrolment, at, Means.QR, uuid.uuid4(), device=f"phone-{user}")
    return "in" if attend.see(shift_id=shift, seen=[seen], by=Actor(user_id=user), at=at, code=code) else "again"


CALLS: dict[str, Callable[[Any], str]] = {"enrol": _enrol, "withdraw": _withdraw, "naive": _naive, "scan": _scan}


# 500 for 20 -------------------------------------------------------------------------------------------------------------
def places(clients: int, most: int, rounds: int, back: int, at_once: int) -> None:
    from django.db import connection

    from bench import _enrolled as rows
    from heli.volunteering.models import Enrolment

    at = rows.now()
    of, who = rows.activity(at), rows.people(clients, at)
    rows.naive(NAME)
    last = Enrolment.objects.order_by("-ends").values_list("ends", flat=True).first()
    first = rows.morning(max(last or at, at))
    crowd = Crowd(at_once)
    took: dict[str, Told] = {"enrol": [], "naive": [], "withdraw": []}
    spent, over, wrong = dict.fromkeys(took, 0.0), 0, []

    def both(slot: Any) -> None:
        for name in ("enrol", "naive"):
            seconds, told = crowd.do(name, [(slot.pk, v, u) for v, u in who])
            took[name] += told
            spent[name] += seconds

    for n in range(rounds):
        slot = rows.slot(of, first + n * rows.DAY, most, at)
        with connection.cursor() as cur:
            cur.execute("INSERT INTO bench.slot SELECT * FROM volunteering_slot WHERE id = %s", [slot.pk])
        both(slot)
        with connection.cursor() as cur:
            cur.execute("SELECT count(*) FROM bench.enrolment WHERE slot_id = %s AND state = 'confirmed'", [slot.pk])
            over += max(0, cur.fetchone()[0] - most)
        held = list(Enrolment.objects.filter(slot=slot, state="confirmed").values_list("pk", "volunteer__user"))
        queue = list(Enrolment.objects.filter(slot=slot, state="waiting").order_by("queued_at", "id"))
        ids = [e.pk for e in queue]
        if (len(held), len(queue)) != (most, clients - most) or max(e for e, _u in held) > min(ids, default=1 << 60):
            wrong.append(f"round {n}: {len(held)} hold a place, {len(queue)} wait")
        seconds, told = crowd.do("withdraw", held[:back])
        took["withdraw"] += told
        spent["withdraw"] += seconds
        offered = list(
            Enrolment.objects.filter(slot=slot, state="offered")
            .order_by("queued_at", "id")
            .values_list("pk", flat=True)
        )
        if offered != ids[:back]:
            wrong.append(
                f"round {n}: {back} gave back, {len(offered)} offers; to the first in line: {offered == ids[:back]}"
            )
    crowd.end()
    say(f"\n{clients} clients for {most} places, {rounds} rounds, {crowd.threads * PROCESSES} at once; {load()}")
    say(f"{'':>10}{'a second':>10}{'p50 ms':>10}{'p95 ms':>10}  what came of it")
    rate, p95 = {}, {}
    for name, told in took.items():
        times = [t for t, _s in told]
        came = {s: sum(x == s for _t, x in told) for s in sorted({s for _t, s in told})}
        rate[name], p95[name] = len(told) / spent[name] if spent[name] else 0.0, p(times, 0.95)
        say(f"{name:>10}{rate[name]:>10.1f}{p(times, 0.5):>10.1f}{p95[name]:>10.1f}  {came}")
    say(f"given too often: 0 here in every round, {over} by the naive way" if not wrong else "\n".join(wrong))
    say(f"ratio enrol / naive: throughput {rate['enrol'] / rate['naive']:.2f}, p95 {p95['enrol'] / p95['naive']:.2f}")
    if wrong or {x for _t, x in took["enrol"]} - {"confirmed", "waiting"}:
        raise SystemExit("places: not as promised")


# Check-in ---------------------------------------------------------------------------------------------------------------
def check_in(scans: int, at_once: int) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from bench import _enrolled as rows
    from heli.volunteering import codes
    from heli.volunteering.models import Enrolment, Scan

    at = rows.now()
    of, who = rows.activity(at), rows.people(scans, at)
    last = Enrolment.objects.order_by("-ends").values_list("ends", flat=True).first()
    starts = rows.morning(max(last or at, at))
    work = []
    for n in range(0, scans, 200):
        group = who[n : n + 200]
        slot = rows.slot(of, starts, len(group), at)
        code = codes.code(slot.shift, starts)
        seats = rows.seated(slot, group, at)
        work += [(slot.shift_id, e.pk, u, code, starts) for e, (_v, u) in zip(seats, group, strict=True)]
    with CaptureQueriesContext(connection) as said:
        assert _scan(work[0]) == "in"
    statements = len([q for q in said if q["sql"] not in {"BEGIN", "COMMIT"} and "SAVEPOINT" not in q["sql"]])
    before = Scan.objects.count()
    crowd = Crowd(at_once)
    seconds, told = crowd.do("scan", work[1:])
    crowd.end()
    times, came = [t for t, _s in told], {s: sum(x == s for _t, x in told) for s in sorted({s for _t, s in told})}
    say(f"\n{scans} check-ins by code in {(scans + 199) // 200} shifts, {crowd.threads * PROCESSES} at once; {load()}")
    say(
        f"{len(told) / seconds:.1f} a second; p50 {p(times, 0.5):.1f} ms, p95 {p(times, 0.95):.1f} ms; {statements} statements"
        f" each; {came}"
    )
    if Scan.objects.count() - before != len(told) or statements > 8:
        raise SystemExit("check-in: not as promised")


# Growth -----------------------------------------------------------------------------------------------------------------
def growth(sizes: list[int]) -> None:
    from django.db import connection, transaction

    from bench import _enrolled as rows
    from heli.volunteering.models import Enrolment

    at = rows.now()
    of, who = rows.activity(at), rows.people(2000, at)
    if not of.shifts.exists():
        rows.slot(of, at + rows.DAY, 1, at)
    last = Enrolment.objects.order_by("-ends").values_list("ends", flat=True).first()
    free = rows.morning(max(last or at, at))
    say(f"\nenrolling beside past enrolments; {load()}")
    say(f"{'past':>10}{'p50 ms':>10}{'p95 ms':>10}{'CPU ms':>10}{'statements':>12}")
    cost = {}
    for size in sizes:
        have = rows.past(NAME, size, of, at)
        seen: list[tuple[str, Any]] = []

        def note(execute: Any, sql: str, params: Any, *more: Any, seen: Any = seen) -> Any:
            if sql.startswith(("SELECT", "INSERT", "UPDATE")):
                seen.append((sql, params))
            return execute(sql, params, *more)

        times = []
        with transaction.atomic():
            slot = rows.slot(of, free, 400, at)
            for v, u in who[:20]:
                _enrol((slot.pk, v, u))  # connection, plans and rules are warm
            spent = time.process_time()
            for v, u in who[20:320]:
                began = time.perf_counter()
                _enrol((slot.pk, v, u))
                times.append(time.perf_counter() - began)
            cpu = (time.process_time() - spent) / 300
            with connection.execute_wrapper(note):
                _enrol((slot.pk, *who[320]))
            with connection.cursor() as cur:
                for sql, params in seen:
                    if "INSERT" not in sql[:10]:
                        cur.execute(f"EXPLAIN {sql}", params)
                        plan = "\n".join(r[0] for r in cur.fetchall())
                        if have >= 10_000 and "Seq Scan on volunteering_enrolment" in plan:
                            raise SystemExit(f"growth: reads all enrolments\n{sql}\n{plan}")
            transaction.set_rollback(True)
        cost[have] = statistics.median(times) * 1000
        say(f"{have:>10,}{cost[have]:>10.1f}{p(times, 0.95):>10.1f}{cpu * 1000:>10.1f}{len(seen):>12}")
    low, high = min(cost), max(cost)
    say(
        f"ratio: an enrolment beside {high:,} over one beside {low:,}: {cost[high] / cost[low]:.2f}; no table is read to its end"
    )


# -----------------------------------------------------------------------------------------------------------------------
def ready() -> None:
    """The database with its tables; this process is one of its own from now on."""
    up()
    if not exists(NAME):
        with owner() as db:
            db.execute(f"CREATE DATABASE {NAME}")
    migrate(NAME)
    settle_surroundings(NAME)
    import django

    django.setup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("places", "check-in", "verify", "growth"))
    for name, value in {"clients": 500, "places": 20, "rounds": 50, "back": 7, "at-once": 64, "scans": 2000}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--rates", default="50,100,200,300")
    parser.add_argument("--seconds", type=float, default=10)
    a = parser.parse_args()
    if a.part in {None, "verify"}:
        certificates.measure([float(r) for r in a.rates.split(",")], a.seconds, people=200, services=20)
    if a.part == "verify":
        return
    ready()
    if a.part in {None, "places"}:
        places(a.clients, a.places, a.rounds, a.back, a.at_once)
    if a.part in {None, "check-in"}:
        check_in(a.scans, a.at_once)
    if a.part in {None, "growth"}:
        growth([int(n) for n in a.sizes.split(",")])


if __name__ == "__main__":
    main()

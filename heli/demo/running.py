"""`./run demo`: make the county once (with a progress bar), then serve it on loopback until Ctrl-C."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing as mp
import os
import queue
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.core.steps import step
from heli.demo.reading import begin as begin_reader
from heli.demo.side import live, live_year
from heli.demo.times import DAYS, begin_of

REQUESTS = 2000
YEAR_WEIGHS = 12  # the volunteers' year takes about as long as so many other parts
BROKEN = "The demo could not be made; the error is above."
out = Console()


def lived() -> Event | None:
    """The event that says that the county was made whole; without it, whatever is there is half a county."""
    return Event.objects.filter(subject_type="demo.county", step="demo.lived").order_by("-id").first()


def empty_tables() -> None:
    """Throw away a county that was cut off while it was being made. By the owner: the application's role cannot."""
    with psycopg.connect(settings.OWNER_URL, autocommit=True) as owner:
        tables = owner.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')"
            " AND tablename NOT LIKE 'procrastinate%'"
        ).fetchall()
        owner.execute(f"TRUNCATE {', '.join(t for (t,) in tables)} RESTART IDENTITY CASCADE")
        owner.execute("DELETE FROM procrastinate_jobs")


def settle_down() -> None:
    """The demo may lose its last second on a crash: it would be made again anyway."""
    with connection.cursor() as cur:
        cur.execute("SET synchronous_commit = off")


def make(now: dt.datetime, requests: int = REQUESTS) -> Counter[str]:
    """Make the county and live its thirty days; returns counts of what happened."""
    from heli.demo import county

    started = time.monotonic()
    settle_down()
    begin = begin_of(now)
    total: Counter[str] = Counter()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=out,
    ) as bar:
        build = bar.add_task("芝罘区：区划、规则、目录、人员", total=4)
        county.build(begin - dt.timedelta(days=10), lambda _part: bar.advance(build))
        bar.update(build, completed=4)
        shares = max(1, min(2, os.cpu_count() or 1))
        context = mp.get_context("spawn")
        connections.close_all()
        learner = context.Process(target=begin_reader, args=(begin,), daemon=True)
        learner.start()
        _days(bar, context, shares, now, requests, total)
        _year(bar, context, shares, now, 364 if requests >= REQUESTS else 42, total, learner)
    with connection.cursor() as cur:
        cur.execute("ANALYZE")
    with step("demo.lived", by=SYSTEM, at=now) as s:
        s.about("demo.county", 0, county.COUNTY)
        s.record(seconds=round(time.monotonic() - started, 1), requests=total["heard"])
    return total


def _days(bar: Progress, context: Any, shares: int, now: dt.datetime, requests: int, total: Counter[str]) -> None:
    """The thirty days of requests, a process for each core."""
    begin, told = begin_of(now), context.Queue()
    workers = [
        context.Process(target=live, args=(n, shares, now, requests // shares, told), daemon=True)
        for n in range(shares)
    ]
    for w in workers:
        w.start()
    span = (now - begin).total_seconds()
    days = bar.add_task(f"过 {DAYS} 天，约 {requests} 件诉求", total=span * shares)
    at = dict.fromkeys(range(shares), begin)
    left = shares
    while left:
        if not told.empty() or all(w.is_alive() for w in workers):
            try:
                share, kind, value = told.get(timeout=2)
            except queue.Empty:  # look again whether they live
                continue
            if kind == "done":
                left -= 1
                at[share] = now
                total.update(value)
            else:
                at[share] = value
            bar.update(days, completed=sum((t - begin).total_seconds() for t in at.values()))
        elif any(w.exitcode for w in workers):
            raise SystemExit(BROKEN)
    for w in workers:
        w.join()


def _year(
    bar: Progress, context: Any, shares: int, now: dt.datetime, days: int, total: Counter[str], learner: Any
) -> None:
    """The year of the volunteers in processes of its own, of which so many last days are lived; what else there is, here,
    once the reader has learnt."""
    from heli.demo import county, doors
    from heli.ledger import log

    begin, told = begin_of(now), context.Queue()
    parts = bar.add_task("志愿服务的一年；心愿、建议、驿站…", total=len(doors.PARTS) + YEAR_WEIGHS)
    planned = context.Event()
    year = [
        context.Process(target=live_year, args=(n, shares, now, days, planned, told), daemon=True)
        for n in range(shares)
    ]
    for w in year:
        w.start()
    learner.join()
    staff = county.staff(now)
    for n, (_name, part) in enumerate(doors.PARTS):
        total.update(part(staff, begin, now, random.Random(n)))
        bar.advance(parts)
    while any(w.is_alive() for w in year) or not told.empty():
        if any(w.exitcode for w in year):
            raise SystemExit(BROKEN)
        try:
            _share, kind, value = told.get(timeout=2)
        except queue.Empty:
            continue
        if kind == "served":
            total.update(value)
        else:
            bar.advance(parts, YEAR_WEIGHS * value / shares)
    if any(w.exitcode for w in year):
        raise SystemExit(BROKEN)
    while log.sequence():  # as the worker does every minute: certificates are proven from the first look
        pass
    log.checkpoint(now)


def figures(now: dt.datetime) -> dict[str, Any]:
    """What the thirty days came to, counted from the tables."""
    from heli.demo.county import COUNTY
    from heli.loop import rates
    from heli.loop.models import Dispatch, Exclusion, Extension, Request, Review

    states = Counter(Request.objects.values_list("state", flat=True))
    made = rates.rates((COUNTY,), begin_of(now), now + dt.timedelta(minutes=1), now)
    known = rates.sets(now)
    return {
        "requests": sum(states.values()),
        "states": dict(states.most_common()),
        "returned": Dispatch.objects.filter(state="returned").count(),
        "forced": Dispatch.objects.filter(forced=True).count(),
        "extended": Extension.objects.filter(state="approved").count(),
        "redone": Request.objects.filter(lap__gt=1).count(),
        "judged": Review.objects.filter(reached=True).count(),
        "unreached": Review.objects.filter(reached=False).count(),
        "overdue": Request.objects.filter(known["overdue"]).count(),
        "unrated": Request.objects.filter(known["unrated"]).count(),
        "excluded": Exclusion.objects.filter(state="confirmed").count(),
        "rates": {
            r.key: {"count": r.count, "of": r.of, "share": round(r.value, 4) if r.value is not None else None}
            for r in made
        },
    }


def run(*, once: bool, port: int, requests: int, as_json: bool) -> None:
    """The whole of `./run demo`."""
    now = timezone.now().replace(second=0, microsecond=0)
    started = time.monotonic()
    if lived() is None:
        if Event.objects.exists():
            out.print("上次没做完，重新来过。")
            empty_tables()
        make(now, requests)
        out.print(f"县做好了，用了 {time.monotonic() - started:.0f} 秒。")
    if once or as_json:
        shown = figures(now)
        if as_json:
            print(json.dumps(shown, ensure_ascii=False))
        else:
            tell(shown)
        return
    serve(port)


def tell(shown: dict[str, Any]) -> None:
    """The loop's figures in words."""
    s = shown["states"]
    out.print(f"30 天，诉求 {shown['requests']} 件：{'，'.join(f'{k} {v}' for k, v in s.items())}")
    out.print(
        f"退单成立 {shown['returned']}，定主办 {shown['forced']}，延期 {shown['extended']}，重办 {shown['redone']}，超时没办完 {shown['overdue']}"
    )
    out.print(
        f"评价 {shown['judged']}，回访没打通 {shown['unreached']}，到期没评 {shown['unrated']}（不算满意，也不算不满意）"
    )
    for key, r in shown["rates"].items():
        share = f"{r['share']:.1%}" if r["share"] is not None else "–"
        out.print(f"{key:<13} {r['count']:>5} / {r['of']:<5} {share}")


def serve(port: int) -> None:
    """Web server and worker on loopback, until Ctrl-C; both end with us."""
    from heli.demo.county import CAST

    here = [sys.executable, "-m", "heli"]
    env = {**os.environ, "HELI_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    env.pop("HELI_DB_AS_OWNER", None)
    running = [
        subprocess.Popen([*here, "serve", "--port", str(port)], env=env),
        subprocess.Popen([*here, "worker"], env=env),
    ]
    base = f"http://127.0.0.1:{port}"
    out.print(f"\n[bold]合力 · 芝罘区[/bold]   {base}/")
    out.print(f"一键登录              {base}/demo/")
    for one in CAST:
        out.print(f"  {one.name:<5} {base}/demo/as/{one.username}/   {one.line}", highlight=False)
    out.print("按 Ctrl-C 停。")

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        while all(p.poll() is None for p in running):
            time.sleep(0.5)
    except KeyboardInterrupt:
        pass
    finally:
        for p in running:
            p.terminate()
        for p in running:
            p.wait(timeout=10)

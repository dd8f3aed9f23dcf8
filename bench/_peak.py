"""The peak of a province's day: 110,000 requests a day, ten times the mean rate, for minutes on end, readers beside it.

Open loop: requests arrive at even steps whatever the answers do, and waiting for a connection counts. Beside each
writer there are five people who read, each opening a page every `pace` seconds.
"""

from __future__ import annotations

import time
from typing import Any

from bench._client import Stream, arrive
from bench._measure import Acts, cast_of
from bench._place import database, owner, say
from bench._server import family, serving, working

DAILY, TIMES = 110_000, 10
CREATES = round(DAILY * TIMES / 86_400, 1)  # 12.7 a second
READERS = 5  # people who read, for each who tells
PACE = 2.0  # seconds in which one of them opens a page: faster than anybody reads
SHARES = {"list": 0.2, "detail": 0.25, "inbox": 0.15, "desk": 0.1, "track": 0.25, "county board": 0.05}
DRAIN = 120  # seconds in which the worker's queue has to be empty afterwards


def waiting(name: str) -> int:
    with owner(name) as db:
        row = db.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND scheduled_at IS NULL"
        ).fetchone()
        return int(row[0]) if row else 0


def lost(name: str, links: list[str], since: int) -> dict[str, int]:
    """Of the creates that were acknowledged: how many have no row, no voice, no event, no clock or no words now."""
    import base64

    voices = []
    for link in links:
        token = link.split("/t/")[1].split("/")[0]
        voices.append(int.from_bytes(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[:6], "big"))
    with owner(name) as db:
        row = db.execute(
            """SELECT count(*) FILTER (WHERE r.id IS NULL), count(*) FILTER (WHERE e.subject_id IS NULL),
                      count(*) FILTER (WHERE c.request_id IS NULL), count(DISTINCT r.code)
               FROM unnest(%s::bigint[]) AS a (voice)
               LEFT JOIN loop_voice v ON v.id = a.voice LEFT JOIN loop_request r ON r.id = v.request_id
               LEFT JOIN (SELECT DISTINCT subject_id FROM core_event WHERE id > %s AND step = 'request.hear'
                          AND subject_type = 'loop.request') e ON e.subject_id = r.id
               LEFT JOIN (SELECT DISTINCT request_id FROM loop_clock WHERE started_at > now() - interval '2 hours') c
                 ON c.request_id = r.id""",
            [voices, since],
        ).fetchone()
    assert row is not None
    return {"acknowledged": len(voices), "codes": row[3], "no request": row[0], "no event": row[1], "no clock": row[2]}


def peak(size: int, minutes: float, *, times: float = 1.0, pace: float = PACE) -> dict[str, Any]:
    """Sustain the peak on one size of database with web server and worker; `times` makes it harder or easier."""
    name = database(size)
    acts = Acts(cast_of(name))
    every = acts.all()
    creates, reads = CREATES * times, CREATES * times * READERS / pace
    streams = [Stream("create", creates, every["create"])]
    streams += [Stream(act, reads * share, every[act]) for act, share in SHARES.items()]
    with owner(name) as db:
        row = db.execute("SELECT max(id) FROM core_event").fetchone()
        since = int(row[0]) if row else 0
    say(f"{name}: {creates:.1f} creates and {reads:.1f} pages a second for {minutes:g} minutes, worker running")
    with serving(name) as server, working(name) as worker:
        arrive(server.port, [Stream(s.name, s.rate / 4, s.ask) for s in streams], seconds=5)  # both workers awake
        web, base, jobs = *server.cpu(), family(worker)
        client = arrive(server.port, streams, seconds=minutes * 60)
        web_after, base_after, jobs_after = *server.cpu(), family(worker)
        ended = time.perf_counter()
        while (left := waiting(name)) and time.perf_counter() - ended < DRAIN:
            time.sleep(0.5)
        drained = round(time.perf_counter() - ended, 1)
    seconds = minutes * 60
    found: dict[str, Any] = {
        "size": size, "minutes": minutes, "creates_per_second": round(creates, 1), "reads_per_second": round(reads, 1),
        "streams": {
            s.name: {
                "rate": round(s.rate, 1), "answered": len(s.took.times),
                "errors": len(s.took.errors),
                "wrong": sorted({*s.took.errors})[:3],
                "p50": s.took.at(0.5), "p95": s.took.at(0.95), "p99": s.took.at(0.99), "worst": s.took.at(1.0),
            }
            for s in streams
        },
        "cores": {
            "web": round((web_after - web) / seconds, 2), "PostgreSQL": round((base_after - base) / seconds, 2),
            "worker": round((jobs_after - jobs) / seconds, 2), "client": round(client / seconds, 2),
        },
        "kept": lost(name, acts.made, since), "queue_left": left, "drained_seconds": drained,
    }  # fmt: skip
    for act, f in found["streams"].items():
        say(
            f"  {act:14} {f['rate']:5.1f}/s  {f['answered']:7,} answered, {f['errors']} errors {f['wrong'] or ''}  "
            f"p50 {f['p50']} p95 {f['p95']} p99 {f['p99']} ms"
        )
    say(f"  cores used: {found['cores']}   kept: {found['kept']}   queue {left} after {drained} s")
    return found

"""`heli audit`: looks over the whole database for what must never be, by SQL of its own.

Everything is read in one snapshot, so it may run while people work. It trusts no step and no model: it would find what
a step forgot, what was changed by hand, and what a crash or a restore lost. Cost: a scan of each table; the content of
files is read for `hashes` of them, chosen by chance.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from heli.core import files
from heli.core.steady import clock_apart
from heli.loop.states import REQUEST

SHOWN = 20
CLOCK_SECONDS = 2.0  # so far the database's clock and ours may be apart
STATES = sorted({a.target for a in REQUEST.arrows.values()} | {"heard"})
# Which clocks may run in which state, and one of which must.
MAY_RUN = {
    "heard": ("dispatch",), "dispatched": ("accept", "contact", "reply", "redo"),
    "handling": ("accept", "contact", "reply", "redo"), "replied": ("revisit", "review"),
}  # fmt: skip
MUST_RUN = {"heard": ("dispatch",), "dispatched": ("reply", "redo"), "handling": ("reply", "redo"), "replied": ("review",)}  # fmt: skip
LIVE = "('offered', 'accepted', 'returning', 'done')"


def _pairs(of: dict[str, tuple[str, ...]]) -> str:
    return ", ".join(f"('{state}', '{kind}')" for state, kinds in of.items() for kind in kinds)


@dataclass(frozen=True, slots=True)
class Check:
    """A query whose rows (first column: an id) are what is wrong. `broken`: a law is hurt; else somebody should look."""

    name: str
    says: str
    sql: str
    broken: bool = True


@dataclass(slots=True)
class Finding:
    """What one check found: how many, and the first ids."""

    name: str
    says: str
    broken: bool
    count: int = 0
    ids: list[str] = field(default_factory=list)


CHECKS = (
    Check(
        "request_without_event",
        "requests that no event speaks of",
        """SELECT r.id FROM loop_request r WHERE NOT EXISTS (SELECT 1 FROM core_event e
           WHERE e.subject_type = 'loop.request' AND e.subject_id = r.id)""",
    ),
    Check(
        "event_without_request",
        "events of requests that are not there",
        """SELECT e.id FROM core_event e WHERE e.subject_type = 'loop.request'
           AND NOT EXISTS (SELECT 1 FROM loop_request r WHERE r.id = e.subject_id)""",
    ),
    Check(
        "state_unlike_events",
        "requests in another state than their last event says",
        f"""SELECT r.id FROM loop_request r LEFT JOIN LATERAL (SELECT e.after FROM core_event e
            WHERE e.subject_type = 'loop.request' AND e.subject_id = r.id AND e.after IN ({", ".join(f"'{s}'" for s in STATES)})
            ORDER BY e.id DESC LIMIT 1) last ON true WHERE coalesce(last.after, 'heard') <> r.state""",
    ),
    Check(
        "clock_that_should_not_run",
        "clocks that run although their request is at another station",
        f"""SELECT c.id FROM loop_clock c JOIN loop_request r ON r.id = c.request_id
            WHERE c.outcome = 'running' AND (r.state, c.kind) NOT IN ({_pairs(MAY_RUN)})""",
    ),
    Check(
        "clock_missing",
        "requests somebody must act on, without the deadline for it",
        f"""SELECT r.id FROM loop_request r WHERE r.state IN ({", ".join(f"'{s}'" for s in MUST_RUN)})
            AND NOT EXISTS (SELECT 1 FROM loop_clock c WHERE c.request_id = r.id AND c.outcome = 'running'
            AND (r.state, c.kind) IN ({_pairs(MUST_RUN)}))""",
    ),
    Check(
        "clock_backwards",
        "clocks that stopped before they started (a machine's clock was turned back)",
        "SELECT id FROM loop_clock WHERE stopped_at < started_at",
        broken=False,
    ),
    Check(
        "due_unlike_clocks",
        "requests whose next deadline is not that of their earliest clock",
        """SELECT r.id FROM loop_request r LEFT JOIN LATERAL (SELECT min(c.due_at) AS due FROM loop_clock c
           WHERE c.request_id = r.id AND c.outcome = 'running' AND c.kind <> 'review') c ON true
           WHERE r.due_at IS DISTINCT FROM c.due""",
    ),
    Check(
        "rung_twice",
        "clocks that reminded, urged or called a supervisor twice for one deadline",
        """SELECT e.object_id FROM core_event e WHERE e.step IN ('clock.remind', 'clock.urge', 'clock.supervise', 'clock.propose')
           GROUP BY e.object_id, e.step HAVING count(*) > 1 + (SELECT count(*) FROM loop_extension x
           WHERE x.clock_id = e.object_id AND x.state = 'approved')""",
    ),
    Check(
        "lead_unlike_request",
        "requests whose lead unit and live dispatch disagree",
        f"""SELECT r.id FROM loop_request r LEFT JOIN loop_dispatch d
            ON d.request_id = r.id AND d.role = 'lead' AND d.state IN {LIVE}
            WHERE (r.state = 'dispatched' AND (d.id IS NULL OR d.unit_id <> r.unit_id OR d.state NOT IN ('offered', 'returning')))
               OR (r.state = 'handling' AND r.unit_id IS NOT NULL
                   AND (d.id IS NULL OR d.unit_id <> r.unit_id OR d.state NOT IN ('accepted', 'returning')))
               OR (r.state IN ('heard', 'merged') AND d.id IS NOT NULL)""",
    ),
    Check(
        "reply_without_handling",
        "requests that were answered without a reply that was sent",
        """SELECT r.id FROM loop_request r WHERE r.state IN ('replied', 'closed', 'lapsed') AND r.replied_at IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM loop_request p WHERE p.parent_id = r.id)
           AND NOT EXISTS (SELECT 1 FROM loop_handling h WHERE h.request_id = r.id AND h.state = 'sent')""",
    ),
    Check(
        "request_without_voice",
        "requests nobody said (parts speak with the voice of the whole)",
        """SELECT r.id FROM loop_request r WHERE r.parent_id IS NULL
           AND NOT EXISTS (SELECT 1 FROM loop_voice v WHERE v.request_id = r.id)""",
    ),
    Check(
        "photo_without_row",
        "photos and papers that are named but not recorded",
        """SELECT f.id FROM (SELECT unnest(photos) AS id FROM loop_request UNION SELECT unnest(photos) FROM loop_remark
           UNION SELECT unnest(photos || papers) FROM loop_handling) f
           WHERE NOT EXISTS (SELECT 1 FROM core_storedfile s WHERE s.id = f.id)""",
    ),
    Check(
        "outbox_without_event",
        "entries of the outbox whose event is not there",
        "SELECT o.event_id FROM core_outbox o WHERE NOT EXISTS (SELECT 1 FROM core_event e WHERE e.id = o.event_id)",
    ),
    Check(
        "event_from_tomorrow",
        "events later than now (a machine's clock was wrong)",
        "SELECT id FROM core_event WHERE recorded_at > now() + interval '5 minutes'",
        broken=False,
    ),
    Check(
        "job_of_nobody",
        "jobs that count as being done, of a worker that has been silent for ten minutes",
        """SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
           WHERE j.status = 'doing' AND coalesce(w.last_heartbeat, '-infinity') < now() - interval '10 minutes'
           AND NOT EXISTS (SELECT 1 FROM procrastinate_events e WHERE e.job_id = j.id AND e.at > now() - interval '10 minutes')""",
        broken=False,
    ),
    Check(
        "job_waiting_long",
        "jobs that should have run fifteen minutes ago (is a worker running?)",
        """SELECT j.id FROM procrastinate_jobs j WHERE j.status = 'todo' AND coalesce(j.scheduled_at,
           (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id)) < now() - interval '15 minutes'""",
        broken=False,
    ),
    Check(
        "job_failed",
        "jobs that failed for the last time (a person decides: /jobs/)",
        "SELECT id FROM procrastinate_jobs WHERE status = 'failed'",
        broken=False,
    ),
)


def _wrong_files(hashes: int) -> tuple[list[str], list[str]]:
    """(ids whose file is missing or of another size, ids of those looked into whose content is another)"""
    with connection.cursor() as cur:
        cur.execute("SELECT id, size, sha256 FROM core_storedfile ORDER BY random()")
        rows: list[tuple[uuid.UUID, int, str]] = cur.fetchall()
    missing, changed = [], []
    for n, (pk, size, sha) in enumerate(rows):
        path = files.where(pk)
        try:
            right = path.stat().st_size == size
        except OSError:
            right = False
        if not right:
            missing.append(str(pk))
        elif n < hashes and hashlib.sha256(path.read_bytes()).hexdigest() != sha:
            changed.append(str(pk))
    return missing, changed


def audit(*, hashes: int = 200) -> list[Finding]:
    """Every check with what it found, in their order; `count` 0 is as it should be."""
    done = []
    with transaction.atomic(), connection.cursor() as cur:
        cur.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for check in CHECKS:
            cur.execute(f"SELECT count(*) OVER (), wrong.* FROM ({check.sql}) AS wrong LIMIT {SHOWN}")
            rows: list[Any] = cur.fetchall()
            ids = [str(row[1]) for row in rows]
            done.append(Finding(check.name, check.says, check.broken, rows[0][0] if rows else 0, ids))
        missing, changed = _wrong_files(hashes)
    for name, says, found in (
        ("file_missing", "files that are recorded but not on the disk, or of another size", missing),
        ("file_changed", f"files whose content is not what was stored ({hashes} at most are read)", changed),
    ):
        done.append(Finding(name, says, True, len(found), found[:SHOWN]))
    apart = clock_apart()
    off = abs(apart) > CLOCK_SECONDS
    says = f"this machine's clock and the database's differ by {apart:+.1f} s"
    done.append(Finding("clocks_apart", says, False, int(off), [f"{apart:+.1f} s"] if off else []))
    return done

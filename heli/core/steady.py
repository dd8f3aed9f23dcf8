"""Whether this machine's clock can be believed before a deadline is acted on.

A clock that jumps (a wrong battery clock, a typing error, a wrong time server) would remind and close a day early, and
what was said to people cannot be unsaid. So after a jump of more than a minute nothing that a deadline triggers happens
until the clock is back, or has held its new time for a quarter of an hour: then it was a correction. The same while the
database's machine tells another time.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

from django.db import connection
from django.utils import timezone

log = logging.getLogger("heli.clock")
JUMP = 60.0  # seconds
HOLDS = 15 * 60.0  # seconds


def _ticks() -> float:
    """Seconds since the machine was started, its sleep included; nobody can set this clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Watch:
    """Compares the clock that can be set with the one that cannot. One a process."""

    base: float = field(default_factory=lambda: time.time() - _ticks())
    jumped: float = 0.0  # how far the clock is from where it should be
    since: float | None = None  # ticks at which it came there

    def jump(self, wall: float, ticks: float) -> float:
        """Seconds by which the clock was stepped, 0.0 when it was not or the new time has held long enough."""
        off = wall - ticks - self.base
        if abs(off) <= JUMP:
            self.since = None
            return 0.0
        if self.since is None or abs(off - self.jumped) > JUMP:
            self.jumped, self.since = off, ticks
        if ticks - self.since >= HOLDS:
            self.base, self.since = wall - ticks, None
            return 0.0
        return off


watch = Watch()


def clock_apart() -> float:
    """Seconds by which the database's clock is ahead of this machine's; negative: behind. One statement."""
    with connection.cursor() as cur:
        before = timezone.now()
        cur.execute("SELECT clock_timestamp()")
        theirs = cur.fetchone()[0]
    ours = before + (timezone.now() - before) / 2
    return float((theirs - ours).total_seconds())


def steady() -> bool:
    """Whether deadlines may be acted on now. One statement."""
    if off := watch.jump(time.time(), _ticks()):
        log.error("this machine's clock jumped by %.0f s: no deadline is acted on for a quarter of an hour", off)
        return False
    if abs(apart := clock_apart()) > JUMP:
        log.error("the database's clock is %.0f s from this machine's: no deadline is acted on", apart)
        return False
    return True

"""The span the demo lives."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

DAYS = 30
HERE = ZoneInfo("Asia/Shanghai")


def begin_of(now: dt.datetime) -> dt.datetime:
    """Midnight, thirty days ago."""
    return (now.astimezone(HERE) - dt.timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)

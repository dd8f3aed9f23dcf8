"""Days of the calendar here, as lists are narrowed by them."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone


def midnight(day: dt.date) -> dt.datetime:
    """When a day begins here."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def day_of(typed: str) -> dt.date | None:
    """A day as a form sends it (2026-11-30); None for anything else."""
    try:
        return dt.date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        return None

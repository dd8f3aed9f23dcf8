"""Indexes of the two large tables of the loop, each with the list it serves (docs/performance.md has their figures)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db.models import F, Index, Q, Value
from django.db.models.functions import Coalesce

NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)  # where what has no deadline stands in an order by deadline
OPEN = ("heard", "dispatched", "handling", "appealed", "split")  # states.OPEN; a partial index is bound to its text

REQUEST: list[Any] = [
    Index(fields=["area_path", "-id"], name="request_area"),
    Index(fields=["area_path", "category", "-id"], name="request_area_category"),
    Index(fields=["state", "due_at", "id"], name="request_due"),
    Index(fields=["unit", "state", "due_at"], name="request_unit", condition=Q(unit__isnull=False)),
    Index(fields=["heard_by", "-id"], name="request_heard_by", condition=Q(heard_by__isnull=False)),
    # the orders a list can have beside the newest first
    Index(Coalesce(F("due_at"), Value(NEVER)), F("id"), name="request_by_due"),
    Index(fields=["-bounces", "-id"], name="request_by_bounces"),
    # what is open in an area: twins, what is near, boards of streets
    Index(fields=["area_path", "id"], name="request_open", condition=Q(state__in=OPEN)),
    Index(fields=["category", "area_path", "-id"], name="request_category_area"),
    Index(fields=["area_path", "heard_at"], name="request_excluded", condition=Q(excluded=True)),
    # the number beside a list: what its filters look at, so that no request is read to be counted
    Index(
        fields=["area_path", "heard_at"],
        include=["id", "state", "kind", "urgency", "channel", "lap", "bounces", "heard_by", "excluded", "due_at"],
        name="request_counted",
    ),
    GinIndex(fields=["traces"], name="request_traces"),  # what may say the same, however many there are
]
CLOCK: list[Any] = [
    Index(fields=["request", "id"], name="clock_request"),
    Index(fields=["rung_at", "id"], name="clock_rung", condition=Q(outcome="running")),
    Index(fields=["kind", "due_at", "id"], name="clock_running", condition=Q(outcome="running")),
    Index(fields=["area_path", "kind", "outcome"], name="clock_area"),
]

"""The weekly digest: the past week of an area or a unit in figures whose rows are kept, so that a week stays what it was.

Nobody is named in it, and units are not set against each other: a digest speaks of one area or one unit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from heli.core.actor import SYSTEM
from heli.core.caps import Cap
from heli.core.days import midnight
from heli.core.scope import within
from heli.core.steps import step
from heli.loop.clocks import local_day
from heli.loop.models import Clock, ClockKind, Dispatch, Request, Review
from heli.loop.oversight_models import Digest, OrderPart
from heli.loop.states import OPEN, WITH_UNIT
from heli.orgs.models import Grant, Organisation
from heli.rulebook import queries as rulebook

WEEK = dt.timedelta(days=7)
MOST_ROWS = 5000  # of a figure; the number stays exact
FIRST = 10  # what to do first
LATE = (ClockKind.ACCEPT, ClockKind.CONTACT, ClockKind.REPLY, ClockKind.REDO)
PLACES = (6, 9, 12)  # digests are made for counties and below


def monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def compose_due(at: dt.datetime) -> int:
    """Compose the digests of last week whose hour by the rule (order.digest) has come. Returns how many were made."""
    week = monday(local_day(at)) - WEEK
    have = set(Digest.objects.filter(week=week).values_list("area_path", "unit"))
    hours: dict[str, dt.datetime] = {}
    made = 0
    for path, unit in wanted(at):
        if (path, unit) in have:
            continue
        if path not in hours:
            rule = rulebook.in_force(("order.digest",), path=path, on=local_day(at))["order.digest"].value
            day = week + WEEK + dt.timedelta(days=int(rule["weekday"]) - 1)
            hours[path] = timezone.make_aware(dt.datetime.combine(day, dt.time(int(rule["hour"]))))
        if hours[path] <= at:
            made += compose(week=week, area_path=path, unit_id=unit, at=at) is not None
    return made


def wanted(at: dt.datetime) -> list[tuple[str, int | None]]:
    """Areas somebody supervises, and units somebody works for. Two statements."""
    grants = Grant.objects.in_force(at)
    supervised = grants.filter(role__caps__contains=[Cap.SUPERVISE]).values_list("paths", flat=True)
    areas = sorted({p for paths in supervised for p in paths if len(p) in PLACES})
    at_work = grants.filter(role__caps__overlap=[Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY], org__isnull=False)
    units = Organisation.objects.filter(pk__in=at_work.values("org")).order_by("pk").values_list("area_path", "pk")
    return [*((p, None) for p in areas), *units]


def compose(*, week: dt.date, area_path: str, unit_id: int | None, at: dt.datetime) -> Digest | None:
    """Write the digest of one week down; None when another worker was first."""
    start = midnight(week)
    try:
        with step("digest.compose", by=SYSTEM, at=at) as s:
            figures = {key: counted(rows) for key, rows in sets(area_path, unit_id, start, start + WEEK, at).items()}
            made = Digest.objects.create(week=week, area_path=area_path, unit_id=unit_id, figures=figures, made_at=at)
            s.about("loop.digest", made.pk, area_path)
            s.record(made, week=week.isoformat())
    except IntegrityError:
        return None
    return made


def counted(rows: QuerySet[Any] | Iterable[int]) -> dict[str, Any]:
    """{"n": how many, "rows": their ids}."""
    ids = list(dict.fromkeys(rows))
    return {"n": len(ids), "rows": ids[:MOST_ROWS]}


def sets(
    area_path: str, unit_id: int | None, since: dt.datetime, until: dt.datetime, at: dt.datetime
) -> dict[str, Any]:
    """Figure → ids of its requests (of its orders for those that begin with "orders"). One statement each."""
    spot = within("area_path", [area_path])
    if unit_id is None:
        requests = Request.objects.filter(spot)
        received = requests.filter(heard_at__gte=since, heard_at__lt=until)
        clocks, dispatches = Clock.objects.filter(spot), Dispatch.objects.filter(spot)
        parts = OrderPart.objects.filter(spot)
    else:
        requests = Request.objects.filter(unit=unit_id)
        got = Dispatch.objects.filter(unit=unit_id, offered_at__gte=since, offered_at__lt=until)
        received = Request.objects.filter(pk__in=got.values("request"))
        clocks, dispatches = Clock.objects.filter(unit=unit_id), Dispatch.objects.filter(unit=unit_id)
        parts = OrderPart.objects.filter(unit=unit_id)
    ended = clocks.filter(stopped_at__gte=since, stopped_at__lt=until)
    overran = Q(outcome__in=("late", "running"))
    late = clocks.filter(overran, due_at__gte=since, due_at__lt=min(until, at)).exclude(paused_until__gt=at)
    open_parts = parts.filter(state__in=("issued", "acknowledged", "sent_back"), order__state="open")
    failed = Review.objects.filter(Q(solved="no") | Q(satisfaction=1), at__gte=since, at__lt=until, reached=True)
    ids = {
        "received": received.order_by("id").values_list("pk", flat=True),
        "on_time": ended.filter(kind__in=(ClockKind.REPLY, ClockKind.REDO), outcome="met")
        .order_by("request")
        .values_list("request", flat=True),
        **{
            f"late_{kind}": late.filter(kind=kind).order_by("request").values_list("request", flat=True)
            for kind in LATE
        },
        "returned": dispatches.filter(state="returned", ended_at__gte=since, ended_at__lt=until)
        .order_by("request")
        .values_list("request", flat=True),
        "redo": requests.filter(pk__in=failed.values("request")).order_by("id").values_list("pk", flat=True),
        "orders_open": open_parts.order_by("order").values_list("order", flat=True),
        "orders_late": open_parts.filter(due_at__lt=at).order_by("order").values_list("order", flat=True),
        "first": requests.filter(state__in=WITH_UNIT if unit_id else OPEN, due_at__lt=at)
        .order_by("due_at", "id")
        .values_list("pk", flat=True)[:FIRST],
    }
    return ids


def lines_of(digest: Digest, key: str) -> list[int]:
    """Ids of the rows of one figure, as they were kept; none for a figure it does not have."""
    rows: list[int] = digest.figures.get(key, {}).get("rows", [])
    return rows

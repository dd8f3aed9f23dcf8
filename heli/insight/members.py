"""Which requests belong to a standing problem: those of its place and topic since its day, and what was put to it or left
out of it by hand."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from heli.core.scope import within
from heli.insight.models import Member, Problem
from heli.loop.models import Request
from heli.loop.states import OPEN


def where_of(area_path: str, category_id: int | None, problem: Problem | None = None) -> Q:
    """Requests of a place and topic, with the changes by hand of a problem; without regard to time."""
    where = within("area_path", [area_path]) & Q(category=category_id) if category_id is not None else Q(pk__in=[])
    if problem is not None:
        put = Member.objects.filter(problem=problem)
        where |= Q(pk__in=put.filter(inside=True).values("request"))
        where &= ~Q(pk__in=put.filter(inside=False).values("request"))
    return where


def members(problem: Problem) -> QuerySet[Request]:
    """All requests that belong to a problem, twins left to their main request."""
    by_hand = Q(pk__in=Member.objects.filter(problem=problem, inside=True).values("request"))
    rows = Request.objects.filter(where_of(problem.area_path, problem.category_id, problem))
    return rows.filter(Q(heard_at__gte=problem.since) | by_hand).exclude(state__in=("merged", "withdrawn", "declined"))


def in_hand(problem: Problem, units: Sequence[int]) -> QuerySet[Request]:
    """Those still open that these units lead."""
    return members(problem).filter(state__in=OPEN, unit__in=units)

"""Which requests belong to a standing problem: those of its place and topic since its day, and what was put to it or left
out of it by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from heli.core.scope import within
from heli.insight.models import Member, Problem
from heli.loop.models import Request
from heli.loop.states import OPEN

Hand = tuple[Sequence[int], Sequence[int]]  # ids put to a problem, and left out of it, by hand


def by_hand(problem: Problem) -> Hand:
    """What was changed by hand. One statement; few rows, told as numbers so that indexes serve what they are put into."""
    put = list(Member.objects.filter(problem=problem).values_list("request", "inside"))
    return [pk for pk, inside in put if inside], [pk for pk, inside in put if not inside]


def where_of(area_path: str, category_id: int | None, hand: Hand = ((), ()), *, since: dt.datetime | None = None) -> Q:
    """Requests of a place and topic, heard since a moment if there is one, with what was put to them or left out by hand."""
    inside, outside = hand
    where = within("area_path", [area_path]) & Q(category=category_id) if category_id is not None else Q(pk__in=[])
    if since is not None:
        where &= Q(heard_at__gte=since)
    if inside:
        where |= Q(pk__in=inside)
    return where & ~Q(pk__in=outside) if outside else where


def members(problem: Problem, hand: Hand | None = None) -> QuerySet[Request]:
    """All requests that belong to a problem, twins left to their main request."""
    hand = by_hand(problem) if hand is None else hand
    where = where_of(problem.area_path, problem.category_id, hand, since=problem.since)
    return Request.objects.filter(where).exclude(state__in=("merged", "withdrawn", "declined"))


def in_hand(problem: Problem, units: Sequence[int], hand: Hand | None = None) -> QuerySet[Request]:
    """Those still open that these units lead."""
    return members(problem, hand).filter(state__in=OPEN, unit__in=units)

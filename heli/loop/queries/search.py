"""Requests by words of their title and text, in any language, a million of them too (engines/grams.py).

Two ways lead to the newest hits, and each is slow where the other is fast. The index over pairs of characters gives all
hits at once: right for what few texts hold. Walking back from the newest request and looking at each text finds a page
of hits soon where many hold it. Which it is, the index says itself: it is first asked for up to `FEW` hits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, F, Func, IntegerField, Q, QuerySet, Value
from django.db.models.lookups import GreaterThan

from heli.core.scope import within
from heli.engines import grams
from heli.loop.models import Request
from heli.loop.words import RequestWords

FEW = 2500  # up to so many hits are taken from the index; beyond, a page of them is found by walking
MOST_AREAS = 50  # of a reader, to ask the index for; more are looked at row by row
CODE = re.compile(r"[a-z]{1,4}(-[a-z0-9]{0,4}){0,2}")  # what may be the beginning of a code


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search gave: the ids of all hits, or None for more than FEW, which `rule` then tells apart."""

    ids: tuple[int, ...] | None
    rule: Q

    def narrow(self, rows: QuerySet[Request]) -> QuerySet[Request]:
        """The hits among some requests."""
        return rows.filter(self.rule if self.ids is None else OneOf(F("pk"), Value(list(self.ids))))


def search(typed: str, paths: Sequence[str]) -> Hits:
    """Requests of these areas whose title and text hold each phrase of `typed` (blanks part them), or whose code begins
    with it. One statement.

    Wide and narrow forms, capitals and small letters are the same. What was starred out of a text is not in it.
    """
    phrases = grams.phrases(typed)
    code = typed.upper() if len(phrases) == 1 and CODE.fullmatch(phrases[0]) else ""
    rule = holding(phrases, "words__body")
    words = RequestWords.objects.filter(holding(phrases, "body"), within("area_path", paths))
    wanted = sorted({g for phrase in phrases for g in grams.asked(phrase)})
    if not wanted:
        return Hits(None, rule)
    found = words.filter(Grams(Value(wanted), arg_joiner=" @> "))
    tops = [g for path in paths for g in grams.area_grams(path)[-1:]]
    # of a whole province the index names every request: that narrows nothing and costs a walk along all of them
    if len(tops) == len(paths) <= MOST_AREAS and all(len(path) > grams.AREA_LENGTHS[0] for path in paths):
        found = found.filter(Grams(Value(tops), arg_joiner=" && "))
    ids: Any = found.order_by().values_list("pk")
    if code:
        rule |= Q(code__startswith=code)
        coded = Request.objects.filter(within("area_path", paths), code__startswith=code).order_by()
        ids = ids.union(coded.values_list("pk")[: FEW + 1])
    kept = tuple(pk for (pk,) in ids[: FEW + 1])
    return Hits(kept if len(kept) <= FEW else None, rule)


class OneOf(Func):
    """A whole number among those of a list, sent as one value and not as thousands."""

    template = "%(expressions)s::bigint[])"
    arg_joiner = " = ANY("
    output_field: Any = BooleanField()


class Grams(Func):
    """What the index holds of a request, compared with a list of numbers: `@>` holds all of them, `&&` one of them.

    Not by a lookup of ArrayField: that sends whole numbers as int4, and these are larger.
    """

    template = "heli_grams(body, area_path) %(arg_joiner)s %(expressions)s::bigint[]"
    output_field: Any = BooleanField()


def holding(phrases: Sequence[str], column: str) -> Q:
    """Rows whose folded text holds every phrase.

    By strpos and not LIKE: nothing in a phrase is a sign of its own, and the planner takes a third of the rows for hits,
    so that it walks.
    """
    found = Q()
    for phrase in phrases:
        at = Func(F(column), Value(phrase), function="strpos", output_field=IntegerField())
        found &= Q(GreaterThan(at, 0))
    return found

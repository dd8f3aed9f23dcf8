"""Returns that wait for a dispatcher's decision, with what speaks for and against each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop import duty
from heli.loop.clocks import local_day
from heli.loop.models import Clock, Dispatch, DutyRow, Request
from heli.loop.queries import parts
from heli.loop.queries.desk import limits, returning
from heli.loop.queries.detail import SUBJECT
from heli.orgs.queries import Person, people_with
from heli.people import queries as people
from heli.rulebook.queries import chain

Words = str | Promise


@dataclass(slots=True)
class ReturnRow:
    """A return with what speaks for and against it."""

    dispatch: Dispatch
    code_words: Words
    chip: tuple[str, str]
    rows: list[DutyRow]  # what the duty list says of it today, nearest first
    limit: int | None
    appointers: list[Person]

    @property
    def id(self) -> int:
        return int(self.dispatch.pk)

    @property
    def reaches_limit(self) -> bool:
        """Upheld, it has come back as often as the rule allows."""
        lead = self.dispatch.role == "lead"
        return lead and self.limit is not None and self.dispatch.request.bounces + 1 >= self.limit


def returns_page(actor: Actor, now: dt.datetime, *, after: str | None = None, size: int = 20) -> Page[ReturnRow]:
    """Returns to decide, oldest dispatch first. At most four statements: dispatches, duty rows, limits, who may name a lead."""
    first = Clock.objects.filter(request=OuterRef("request"), outcome="running", kind=OuterRef("request__due_kind"))
    rows = returning(actor).annotate(
        due_measure=Coalesce(Subquery(first.order_by("due_at").values("measure")[:1]), Value(""))
    )
    rows = rows.select_related("unit", "request__category", "request__area", "accepted_by")
    page = keyset(rows, order=("id",), after=after, size=size)
    requests = [d.request for d in page.rows]
    most = limits(requests, now) if requests else {}
    told = duty_rows_of(requests, local_day(now)) if requests else {}
    at_limit = [r for r in requests if r.bounces + 1 >= most.get(r.pk, 10**9)]
    appointers = people_with(Cap.APPOINT_LEAD, at=now, path=at_limit[0].area_path[:6]) if at_limit else []

    def row(d: Dispatch) -> ReturnRow:
        r = d.request
        return ReturnRow(
            d,
            parts.RETURN_CODES.get(d.return_code, d.return_code),
            parts.chip_of(r.due_at, now, parts.display_calendar(r.area_path, now), d.due_measure),  # type: ignore[attr-defined]
            told.get(r.pk, []),
            most.get(r.pk),
            appointers,
        )

    return page.map(row)


def duty_rows_of(requests: Sequence[Request], on: dt.date) -> dict[int, list[DutyRow]]:
    """{request id: rows of the duty list for the county's desk that speak of it, nearest category first}. One statement."""
    codes = {c for r in requests if r.category for c in duty.category_line(r.category.code)}
    paths = {p for r in requests for p in chain(r.area_path)}
    rows: list[Any] = list(
        DutyRow.objects.filter(area_path__in=paths, category__code__in=codes, level=3, valid_from__lte=on)
        .filter(Q(valid_to=None) | Q(valid_to__gt=on))
        .select_related("unit", "category")
        .annotate(code=F("category__code"))
    )
    found: dict[int, list[DutyRow]] = {}
    for r in requests:
        line = duty.category_line(r.category.code) if r.category else []
        own = [x for x in rows if x.code in line and x.area_path in chain(r.area_path)]
        nearest = min((line.index(x.code) for x in own), default=0)
        found[r.pk] = [x for x in own if line.index(x.code) == nearest]
    return found


def at_desk(actor: Actor, dispatch_id: int) -> Dispatch:
    """A dispatch of a request in the areas of the actor's desk, with its request; NotFound (L-404) otherwise. One statement."""
    rows = Dispatch.objects.visible_to(actor).filter(within("area_path", actor.paths(Cap.DISPATCH)), pk=dispatch_id)
    row = rows.select_related("request").first()
    if row is None:
        raise NotFound
    return row


def who_decided(request_id: int, now: dt.datetime) -> str:
    """ "孙坐席已经审过这一件，今天 9:12", '' when nobody has. Two statements."""
    last = (
        Event.objects.filter(subject_type=SUBJECT, subject_id=request_id, step="dispatch.decide_return")
        .order_by("-id")
        .first()
    )
    if last is None or last.user_id is None:
        return ""
    who = people.names([last.user_id]).get(last.user_id, "")
    slots = {"who": who, "when": words.when(last.at, now)}
    if last.data.get("upheld"):
        return _("%(who)s has decided it, %(when)s: the return is upheld.") % slots
    return _("%(who)s has decided it, %(when)s: the unit keeps it.") % slots

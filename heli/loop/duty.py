"""The duty list (派单目录): who is responsible for what, at which level, on which day. Reads and writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError
from django.db.models import Case, F, IntegerField, Q, Value, When
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Invalid, NotFound, TakenAlready
from heli.core.scope import ancestors
from heli.core.steps import step
from heli.loop.clocks import local_day
from heli.loop.errors import NoSuchCategory
from heli.loop.models import Category, DutyRow, Request
from heli.orgs.models import GRASSROOTS, Organisation
from heli.orgs.queries import open_unit
from heli.places.models import Area

ONE_AT_A_TIME = "duty_one_row_at_a_time"


@dataclass(frozen=True, slots=True)
class Responsible:
    """A row of the duty list with the units it comes down to for one place."""

    row: DutyRow
    unit: Organisation | None
    assists: tuple[Organisation, ...]


def category_line(code: str) -> list[str]:
    """'010302' → ['010302', '0103', '01']: the row for the nearest level counts."""
    return [code[:n] for n in (6, 4, 2) if n <= len(code)]


def rows_for(category: Category | None, area_path: str, on: dt.date) -> list[DutyRow]:
    """Rows that speak of this category here, nearest category first, county before street before community. One statement."""
    if category is None:
        return []
    line = category_line(category.code)
    return list(
        DutyRow.objects.filter(area_path__in=ancestors(area_path), category__code__in=line, valid_from__lte=on)
        .filter(Q(valid_to=None) | Q(valid_to__gt=on))
        .annotate(
            near=Case(*(When(category__code=c, then=Value(n)) for n, c in enumerate(line)), output_field=IntegerField())
        )
        .select_related("unit", "category")
        .order_by("near", "level", "-area_path")
    )


def responsible(request: Request, on: dt.date, *, level: int = 3) -> list[Responsible]:
    """What the duty list says of this request to a desk of that level, best first. Two statements."""
    rows = [r for r in rows_for(request.category, request.area_path, on) if r.level == level]
    return settled(request, rows, units_of(request, rows)) if rows else []


def units_of(request: Request, rows: Sequence[DutyRow], also: Iterable[int] = ()) -> dict[int, Organisation]:
    """Open units by id: those that help by these rows, the street's and the community's own, and `also`. One statement."""
    wanted = {pk for r in rows for pk in r.assists} | set(also)
    local = Q(kind__in=GRASSROOTS, area_path__in=ancestors(request.area_path)[3:])
    return {o.pk: o for o in Organisation.objects.filter(Q(pk__in=wanted) | local, closed_at=None)}


def settled(request: Request, rows: Sequence[DutyRow], units: Mapping[int, Organisation]) -> list[Responsible]:
    """Rows with the units they come down to at this place. Pure."""
    here = {o.kind: o for o in units.values() if o.kind in GRASSROOTS and request.area_path.startswith(o.area_path)}
    found = []
    for r in rows:
        unit = r.unit if r.unit_id else here.get(r.local)
        assists = [units[a] for a in r.assists if a in units] + [here[k] for k in r.assist_local if k in here]
        found.append(Responsible(r, unit, tuple(a for a in assists if a != unit)))
    return found


def guards(request: Request, unit: Organisation, on: dt.date) -> DutyRow | None:
    """The row that keeps this request from being given to a street or village, if there is one. At most one statement."""
    if unit.kind not in GRASSROOTS:
        return None
    rows = rows_for(request.category, request.area_path, on)
    nearest = [r for r in rows if r.category_id == rows[0].category_id]
    if any(r.local == unit.kind or r.unit_id == unit.pk for r in nearest):
        return None
    return next((r for r in nearest if r.functional), None)


def put_row(
    *,
    by: Actor,
    at: dt.datetime,
    area: Area,
    category_id: int,
    level: int,
    number: str,
    unit_id: int | None,
    citation: str,
    local: str = "",
    functional: bool = False,
    assist_local: tuple[str, ...] = (),
    assists: tuple[int, ...] = (),
    note: str = "",
    valid_from: dt.date | None = None,
) -> DutyRow:
    """A new row from `valid_from` (today) on; the row it replaces ends that day. Its history is kept by triggers.

    Raises:
        Invalid: no citation, no or two units, a row that starts later or still holds on that day (L-400).
        TakenAlready: a colleague wrote a row for the same matter meanwhile (L-102).
        UnitClosed, NotFound: a unit that is closed or not there. Forbidden: not the actor's area (L-403).
    """
    start = valid_from or local_day(at)
    if not number.strip():
        raise Invalid(_("Give the row a number, as it stands in the document."), field="number")
    if not citation.strip():
        raise Invalid(_("Name the document this row rests on."), field="citation")
    if (unit_id is None) == (local == ""):
        raise Invalid(_("A row names one unit, or the street or community of the place."), field="unit")
    row = DutyRow(
        number=number.strip(),
        area=area,
        area_path=area.path,
        category_id=category_id,
        level=level,
        unit_id=unit_id,
        local=local,
        assist_local=list(assist_local),
        assists=list(assists),
        functional=functional,
        citation=citation.strip(),
        note=note.strip(),
        valid_from=start,
    )
    try:
        with step("duty.put", by=by, at=at) as s:
            s.require(Cap.MANAGE_DUTY, path=area.path)
            if not Category.objects.filter(pk=category_id, closed_on=None).exists():
                raise NoSuchCategory(field="category")
            for pk in dict.fromkeys((*((unit_id,) if unit_id else ()), *assists)):
                open_unit(pk, at)
            make_room(row, local_day(at))
            row.save(force_insert=True)
            s.about("loop.dutyrow", row.pk, area.path)
            s.record(row, number=row.number, category=category_id, unit=unit_id)
    except IntegrityError as error:  # the constraint that two writers at once run into
        if ONE_AT_A_TIME in str(error):
            raise TakenAlready from error
        raise
    return row


def make_room(row: DutyRow, today: dt.date) -> None:
    """End the row that holds when the new one begins. Call inside the step, before the new row is saved."""
    same = DutyRow.objects.select_for_update().filter(area=row.area, category=row.category_id, level=row.level)
    later = same.filter(Q(valid_to=None) | Q(valid_to__gt=row.valid_from)).exclude(valid_to=F("valid_from"))
    for old in later.order_by("-valid_from"):
        if old.valid_from >= row.valid_from:
            said = _("A row for this already starts on %(day)s. End that one first.") % {"day": old.valid_from}
            raise Invalid(said, field="valid_from")
        if old.valid_to is not None and old.valid_to <= today:
            said = _("A row for this held until %(day)s. Let the new one begin then.") % {"day": old.valid_to}
            raise Invalid(said, field="valid_from")
        old.valid_to = row.valid_from
        old.save(update_fields=["valid_to"])


def end_row(*, row_id: int, by: Actor, at: dt.datetime, reason: str) -> DutyRow:
    """The row no longer holds from today on (or never held, if it starts today or later)."""
    if not reason.strip():
        raise Invalid(_("Say why this row ends."), field="reason")
    with step("duty.end", by=by, at=at) as s:
        row = s.lock(DutyRow, row_id)
        s.require(Cap.MANAGE_DUTY, path=row.area_path)
        if row.valid_to is not None:
            raise NotFound
        row.valid_to = max(local_day(at), row.valid_from)
        row.save(update_fields=["valid_to"])
        s.about("loop.dutyrow", row.pk, row.area_path)
        s.record(row, reason=reason.strip()[:200])
    return row

"""The duty list and the category tree as those who keep them read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.days import day_of
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop import duty, propose, rates
from heli.loop.clocks import local_day
from heli.loop.models import AREA_READERS, Category, DutyRow, Request, any_path
from heli.loop.propose import ProposedCategory, ProposedUnit
from heli.orgs.models import Organisation
from heli.orgs.pickers import Choices, Option
from heli.orgs.queries import search_orgs
from heli.people import queries as people
from heli.places.models import Area

Words = str | Promise
MANAGERS = (Cap.MANAGE_DUTY, *AREA_READERS)
COUNT_DAYS = 90
OPTIONS = 12
MOST_SHOWN = 50
LEVELS: Mapping[int, Words] = dict(DutyRow.LEVELS)
LOCALS: Mapping[str, Words] = dict(DutyRow.LOCALS)
STATES: Mapping[str, Words] = {
    "": gettext_lazy("in force"),
    "coming": gettext_lazy("coming"),
    "ended": gettext_lazy("out of use"),
    "all": gettext_lazy("all"),
}


# The duty list --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class DutyFilters:
    """What the list is narrowed to; '' narrows nothing. `on`: the day that `state` is judged by, today when ''."""

    q: str = ""
    category: str = ""
    level: str = ""
    unit: str = ""
    area: str = ""
    on: str = ""
    state: str = ""
    closed: str = ""  # "1": rows that name a unit that has closed

    @classmethod
    def read(cls, get: Mapping[str, str]) -> DutyFilters:
        """From the address; what is not known is ignored."""

        def code(name: str, longest: int) -> str:
            typed = get.get(name, "").strip()
            return typed if typed.isascii() and typed.isalnum() and len(typed) <= longest else ""

        def number(name: str, longest: int = 18) -> str:
            typed = code(name, longest)
            return typed if typed.isdecimal() else ""

        return cls(
            q=get.get("q", "").replace("\0", "").strip()[:40],
            category=number("category", 6),
            level=get.get("level", "") if get.get("level", "") in {"3", "4", "5"} else "",
            unit=number("unit"),
            area=code("area", 24),
            on=get.get("on", "") if day_of(get.get("on", "")) else "",
            state=get.get("state", "") if get.get("state", "") in STATES else "",
            closed="1" if get.get("closed") == "1" else "",
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


def duty_rows(actor: Actor, f: DutyFilters, now: dt.datetime) -> QuerySet[DutyRow]:
    """The rows that fit: the same for the list and its export."""
    on = day_of(f.on) or local_day(now)
    rows: QuerySet[DutyRow] = DutyRow.objects.visible_to(actor)
    match f.state:
        case "":
            rows = rows.filter(valid_from__lte=on).filter(Q(valid_to=None) | Q(valid_to__gt=on))
        case "coming":
            rows = rows.filter(valid_from__gt=on).filter(Q(valid_to=None) | Q(valid_to__gt=on))
        case "ended":
            rows = rows.filter(valid_to__lte=on)
    if f.category:
        rows = rows.filter(category__code__startswith=f.category)
    if f.level:
        rows = rows.filter(level=int(f.level))
    if f.unit:
        rows = rows.filter(Q(unit=int(f.unit)) | Q(assists__contains=[int(f.unit)]))
    if f.area:
        rows = rows.filter(within("area_path", [f.area]))
    if f.closed:
        rows = rows.filter(unit__closed_at__lte=now)
    if f.q:
        rows = rows.filter(
            Q(number__startswith=f.q)
            | Q(category__name__contains=f.q)
            | Q(unit__short_name__contains=f.q)
            | Q(unit__name__contains=f.q)
        )
    return rows.select_related("category__parent", "unit", "area")


@dataclass(frozen=True, slots=True)
class DutyLine:
    """A row of the duty list in words."""

    row: DutyRow
    who: Words
    unit_closed: bool
    assists: list[Words]
    level: Words
    state: str  # now, coming, ended, never
    last: dt.date | None  # the last day it holds


def lines(rows: Sequence[DutyRow], now: dt.datetime) -> list[DutyLine]:
    """Rows with the names of the units that help. One statement when there are any."""
    wanted = {pk for r in rows for pk in r.assists}
    names = dict(Organisation.objects.filter(pk__in=wanted).values_list("pk", "short_name")) if wanted else {}
    today = local_day(now)
    return [
        DutyLine(
            row=r,
            who=r.unit.short_name if r.unit is not None else LOCALS[r.local],
            unit_closed=r.unit is not None and r.unit.closed_at is not None and r.unit.closed_at <= now,
            assists=[*(names.get(a, "") for a in r.assists), *(LOCALS[k] for k in r.assist_local)],
            level=LEVELS[r.level],
            state=state_of(r, today),
            last=r.valid_to - dt.timedelta(days=1) if r.valid_to else None,
        )
        for r in rows
    ]


def state_of(row: DutyRow, today: dt.date) -> str:
    """now, coming, ended, or never (ended before it began)."""
    if row.valid_to is not None and row.valid_to == row.valid_from:
        return "never"
    if row.valid_to is not None and row.valid_to <= today:
        return "ended"
    return "coming" if row.valid_from > today else "now"


ORDER = ("category__code", "level", "area_path", "id")


def duty_page(
    actor: Actor, f: DutyFilters, now: dt.datetime, *, after: str | None = None, size: int = 50
) -> Page[DutyLine]:
    """One page of the list, by category. Two statements."""
    page = keyset(duty_rows(actor, f, now), order=ORDER, after=after, size=size)
    return Page(lines(page.rows, now), page.next)


def own_area(actor: Actor) -> str:
    """The area whose list this person keeps, the widest first; '' for a reader only."""
    return min(actor.paths(Cap.MANAGE_DUTY), key=len, default="")


def without_row(actor: Actor, now: dt.datetime) -> QuerySet[Category]:
    """Matters for which no row of the actor's counties names anybody today, neither for them nor for what they belong to."""
    today = local_day(now)
    rows = DutyRow.objects.filter(
        area_path__in={p[:6] for p in any_path(actor, *MANAGERS)}, valid_from__lte=today
    ).filter(Q(valid_to=None) | Q(valid_to__gt=today))
    named = rows.filter(
        Q(category=OuterRef("pk")) | Q(category=OuterRef("parent")) | Q(category=OuterRef("parent__parent"))
    )
    return Category.objects.filter(~Exists(named), level=3, closed_on=None).select_related("parent__parent")


def duty_row(actor: Actor, row_id: int) -> DutyRow:
    """One row; NotFound (L-404). One statement."""
    rows = DutyRow.objects.visible_to(actor).select_related("category__parent__parent", "unit", "area")
    row: DutyRow | None = rows.filter(pk=row_id).first()
    if row is None:
        raise NotFound
    return row


def versions(row: DutyRow) -> list[DutyRow]:
    """All rows for the same matter, desk and area, newest first. One statement."""
    same = DutyRow.objects.filter(area=row.area_id, category=row.category_id, level=row.level)
    return list(same.select_related("category__parent", "unit", "area").order_by("-valid_from", "-id"))


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was written in a row, for {% trail %}."""

    at: dt.datetime
    title: Words
    words: Words = ""
    station: int = 0
    you: bool = False
    public: bool | None = None


FIELDS: Mapping[str, Words] = {
    "number": gettext_lazy("number"),
    "unit_id": gettext_lazy("unit"),
    "local": gettext_lazy("unit"),
    "assists": gettext_lazy("units that help"),
    "assist_local": gettext_lazy("units that help"),
    "functional": gettext_lazy("a department's own matter"),
    "citation": gettext_lazy("source"),
    "note": gettext_lazy("remark"),
    "valid_from": gettext_lazy("first day"),
    "valid_to": gettext_lazy("end"),
}


def history(row: DutyRow) -> list[Change]:
    """What was written in this row, newest first: what triggers kept, with who and why from the events of its steps
    (it is put once and ended at most once; when another row takes its place, the event is that row's). Three statements."""
    kept = list(apps.get_model("loop", "DutyRowEvent").objects.filter(pgh_obj=row.pk).order_by("pgh_id"))
    events = list(Event.objects.filter(subject_type="loop.dutyrow", subject_id=row.pk).order_by("id"))
    who = people.names(e.user_id for e in events if e.user_id)
    acts = {e.step: e for e in events}
    made = []
    for before, now in zip([None, *kept], kept, strict=False):
        act = acts.get("duty.put" if before is None else "duty.end")
        title: Words = _("Written")
        if before is not None:
            changed = [n for n in FIELDS if getattr(before, n) != getattr(now, n)]
            act = act if changed == ["valid_to"] else None
            title = _changed(changed, now, by_step=act is not None)
        said = [who.get(act.user_id or 0, ""), str(act.data.get("reason", ""))] if act else []
        made.append(Change(act.at if act else now.pgh_created_at, title, str(_(" · ")).join(x for x in said if x)))
    return made[::-1]


def _changed(names: list[str], now: Any, *, by_step: bool) -> Words:
    if names == ["valid_to"] and now.valid_to is not None:
        if by_step:
            return _("Ended; it does not hold from %(day)s on") % {"day": now.valid_to}
        return _("Another row takes its place from %(day)s on") % {"day": now.valid_to}
    said = dict.fromkeys(str(FIELDS[n]) for n in names)
    return _("Changed: %(what)s") % {"what": _(", ").join(said)} if said else _("Written again")


# Choosing -------------------------------------------------------------------------------------------------------------
def line_of(category: Category) -> str:
    """ "市政设施 › 道路 › 人行道破损"; the category comes with those above it."""
    names: list[str] = []
    here: Category | None = category
    while here is not None:
        names.append(str(here))
        here = here.parent
    return " › ".join(reversed(names))


def pick_categories(typed: str, chosen: str, *, name: str = "category") -> Choices:
    """Categories by name, code or a word people use for them. Two statements at most."""
    rows = Category.objects.select_related("parent__parent")
    picked = rows.filter(code=chosen).first() if chosen.isdecimal() else None
    options = [Option(picked.code, line_of(picked), picked.code, True)] if picked else []
    text = typed.strip()[:20]
    if text:
        fits = Q(code__startswith=text) if text.isdecimal() else Q(name__contains=text) | Q(words__contains=[text])
        found = rows.filter(fits, closed_on=None).exclude(code=chosen).order_by("level", "code")[:OPTIONS]
        options += [Option(c.code, line_of(c), c.code) for c in found]
    return Choices(name, typed, options)


def pick_units(actor: Actor, typed: str, chosen: Iterable[str], now: dt.datetime, *, name: str, many: bool) -> Choices:
    """Open units of the actor's areas and of those above, by name or initials. Two statements at most."""
    ids = [int(c) for c in chosen if c.isdecimal() and len(c) < 18]
    picked = list(Organisation.objects.filter(pk__in=ids)) if ids else []
    options = [Option(str(o.pk), o.short_name, o.name, True) for o in picked]
    if typed.strip():
        paths = actor.paths(Cap.MANAGE_DUTY)
        found = search_orgs(typed.strip()[:30], at=now, within={p[:6] for p in paths}, also={"", *above(paths)})
        options += [Option(str(o.pk), o.short_name, o.name) for o in found[:OPTIONS] if o.pk not in ids]
    return Choices(name, typed, options, many=many)


def above(paths: Iterable[str]) -> set[str]:
    """Paths of the provinces and cities above some areas."""
    return {p[:n] for p in paths for n in (2, 4)}


# Trying the list out --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Tried:
    """What the list says of a matter at a place, with reasons."""

    categories: list[ProposedCategory]
    category: Category | None
    units: list[ProposedUnit]


def try_out(text: str, area: Area, code: str, level: int, now: dt.datetime) -> Tried:
    """What it is about (by its words, unless `code` says so) and who is responsible to a desk of that level. Nothing is
    written. At most seven statements."""
    proposed = propose.categories_of(text) if text.strip() else []
    category = (
        Category.objects.select_related("parent__parent").filter(code=code, closed_on=None).first() if code else None
    )
    if category is None and proposed:
        category = proposed[0].category
    made = Request(text=text, title=text[:60], area=area, area_path=area.path, category=category)
    units = propose.units_for(made, now, level=level) if category is not None else []
    return Tried(proposed, category, units)


# Categories -----------------------------------------------------------------------------------------------------------
def may_edit_categories(actor: Actor) -> bool:
    """Categories are the same everywhere, so only who keeps the list of this installation's own area may change them."""
    return actor.can(Cap.MANAGE_DUTY, path=settings.HELI_HOME_AREA)


@dataclass(frozen=True, slots=True)
class Node:
    """A category with what hangs on it. `requests` is None for somebody who reads no requests."""

    category: Category
    requests: int | None
    rows: int
    below: int  # open leaves
    by_group: bool  # no row of its own, but one for what it belongs to

    @property
    def group(self) -> str:
        """Code of what it belongs to."""
        return self.category.code[:-2]

    @property
    def words(self) -> Words:
        return _("、").join(self.category.words)


def readable(actor: Actor) -> tuple[str, ...]:
    """Areas whose requests the actor reads."""
    return any_path(actor, *AREA_READERS)


def heard_since(now: dt.datetime) -> dt.datetime:
    """The moment that counts of requests go back to."""
    return rates.span(now, COUNT_DAYS)[0]


def tree(actor: Actor, now: dt.datetime) -> list[Node]:
    """All categories by code, with the requests of the last 90 days that the actor reads and the rows in force, each
    counted with what is below it. Three statements."""
    categories = list(Category.objects.order_by("code"))
    mine = readable(actor)
    told: dict[str, int] = {}
    if mine:
        heard = Request.objects.visible_to(actor).filter(
            within("area_path", mine), heard_at__gte=heard_since(now), category__isnull=False
        )
        told = dict(heard.order_by().values_list("category__code").annotate(n=Count("pk")))
    today = local_day(now)
    listed = DutyRow.objects.visible_to(actor).filter(valid_from__lte=today)
    rows = dict(
        listed.filter(Q(valid_to=None) | Q(valid_to__gt=today))
        .order_by()
        .values_list("category__code")
        .annotate(n=Count("pk"))
    )
    leaves = {c.code: 1 for c in categories if c.level == 3 and c.closed_on is None}
    sums = {"told": _with_below(told), "rows": _with_below(rows), "leaves": _with_below(leaves)}
    return [
        Node(
            c,
            sums["told"].get(c.code, 0) if mine else None,
            sums["rows"].get(c.code, 0),
            sums["leaves"].get(c.code, 0),
            any(line in rows for line in duty.category_line(c.code)[1:]),
        )
        for c in categories
    ]


def _with_below(counts: Mapping[str, int]) -> dict[str, int]:
    """Each code's count with those of the codes below it."""
    found: dict[str, int] = {}
    for code, n in counts.items():
        for line in duty.category_line(code):
            found[line] = found.get(line, 0) + n
    return found


def category(code: str) -> Category:
    """One category with those above; NotFound (L-404). One statement."""
    found = Category.objects.select_related("parent__parent").filter(code=code).first()
    if found is None:
        raise NotFound
    return found


def category_history(found: Category) -> list[Change]:
    """Who changed it, newest first. Two statements."""
    events = list(Event.objects.filter(subject_type="loop.category", subject_id=found.pk).order_by("-id")[:50])
    who = people.names(e.user_id for e in events if e.user_id)
    made = []
    for e in events:
        changes = [
            _("added: %(words)s") % {"words": _("、").join(e.data["added"])} if e.data.get("added") else "",
            _("taken away: %(words)s") % {"words": _("、").join(e.data["removed"])} if e.data.get("removed") else "",
            _("no longer used")
            if e.data.get("closed") is True
            else _("open again")
            if e.data.get("closed") is False
            else "",
            str(e.data.get("reason", "")),
        ]
        said = str(_(" · ")).join(str(x) for x in (who.get(e.user_id or 0, ""), *changes) if x)
        made.append(Change(e.at, _("Changed"), said))
    return made

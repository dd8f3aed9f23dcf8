"""All requests of an area: what a search, a filter or a number on a board opens, page by page and as a file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core import vault
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.days import midnight
from heli.core.paging import Page, keyset
from heli.core.scope import covers, within
from heli.engines import identifiers
from heli.loop import rates
from heli.loop.models import AREA_READERS, Category, Channel, Dispatch, Kind, Request, Urgency, Voice, any_path
from heli.loop.queries import parts
from heli.loop.queries.desk import with_measure
from heli.loop.queries.search import Hits as Hits
from heli.loop.queries.search import search
from heli.loop.states import OPEN, STATIONS, WITH_UNIT
from heli.orgs.models import Organisation
from heli.places.models import Area

Words = str | Promise
COUNTED = 1_000  # beyond this a list says "more than": counting on costs and helps nobody; less than search.FEW
NEVER = dt.datetime.max.replace(tzinfo=dt.UTC)
STATES: Mapping[str, Words] = {
    "open": pgettext_lazy("filter", "open"),
    "with_unit": pgettext_lazy("filter", "with a unit"),
    **parts.STATE_WORDS,
}
DUES: Mapping[str, Words] = {"late": _("overdue"), "soon": _("due within two days")}
SORTS: Mapping[str, tuple[Words, tuple[str, ...]]] = {
    "new": (_("newest first"), ("-id",)),
    "old": (_("oldest first"), ("id",)),
    "due": (_("earliest deadline first"), ("due_key", "id")),
    "back": (_("came back most often first"), ("-bounces", "-id")),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; '' narrows nothing. The names are those in the address.

    `since` and `until` (in the address: from, to) are days, `until` counting whole, or moments with a time zone.
    """

    q: str = ""
    state: str = ""
    set: str = ""  # what a number of a board opens (rates.SET_WORDS)
    due: str = ""  # open and "late" or "soon"
    heard: str = ""  # "me": taken down by the reader
    unit: str = ""  # an id, or part of a name
    sent_to: str = ""  # id of a unit it was ever dispatched to as lead, since `sent_since`
    sent_since: str = ""
    category: str = ""
    area: str = ""
    urgency: str = ""
    kind: str = ""
    channel: str = ""
    batch: str = ""  # id of a batch it was imported with
    lap: str = ""  # "2": a second round or later
    bounced: str = ""  # "1": came back at least so often
    since: str = ""
    until: str = ""
    sort: str = ""

    @classmethod
    def read(cls, get: Mapping[str, str]) -> Filters:
        """From the address; what is not known is ignored."""

        def digits(name: str, longest: int) -> str:
            typed = get.get(name, "").strip()
            return typed if typed.isascii() and typed.isalnum() and len(typed) <= longest else ""

        def one_of(name: str, known: Iterable[str]) -> str:
            return get.get(name, "") if get.get(name, "") in known else ""

        def number(name: str) -> str:
            typed = get.get(name, "").strip()
            return typed if typed.isascii() and typed.isdecimal() and len(typed) <= 18 else ""

        return cls(
            q=get.get("q", "").replace("\0", "").strip()[:60],
            state=one_of("state", STATES),
            set=one_of("set", rates.SET_WORDS),
            due=one_of("due", DUES),
            heard=one_of("heard", ("me",)),
            unit=get.get("unit", "").replace("\0", "").strip()[:30],
            sent_to=number("sent_to"),
            sent_since=get.get("sent_since", "") if moment(get.get("sent_since", "")) else "",
            category=digits("category", 6),
            area=digits("area", 24),
            urgency=one_of("urgency", Urgency.values),
            kind=one_of("kind", Kind.values),
            channel=one_of("channel", Channel.values),
            batch=number("batch"),
            lap=number("lap")[:2],
            bounced=number("bounced")[:2],
            since=get.get("from", "").replace(" ", "+") if moment(get.get("from", "")) else "",
            until=get.get("to", "").replace(" ", "+") if moment(get.get("to", "")) else "",
            sort=one_of("sort", SORTS),
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, under their names in the address."""
        return {NAMES.get(f.name, f.name): getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}

    def without(self, name: str) -> str:
        """The address with one filter taken away."""
        also = {"sent_to": {"sent_since"}}.get(name, set())
        return "?" + urlencode({k: v for k, v in self.kept().items() if k != name and k not in also})


NAMES = {"since": "from", "until": "to"}


def moment(typed: str, *, end: bool = False) -> dt.datetime | None:
    """A day ("2026-11-22", its end with `end`: the next midnight) or a moment with its time zone; None for anything else."""
    typed = typed.strip().replace(" ", "+")
    try:
        if len(typed) == 10:
            day = dt.date.fromisoformat(typed) + dt.timedelta(days=end)
            return midnight(day)
        at = dt.datetime.fromisoformat(typed)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else None


def rows_url(
    name: str, *, area: str = "", since: dt.datetime | None = None, until: dt.datetime | None = None, **more: str
) -> str:
    """Where the rows of a set (rates.SET_WORDS) open: exactly those that `rates.rows_of` gives from `since` to `until`."""
    span = {"from": since.isoformat() if since else "", "to": until.isoformat() if until else ""}
    found = {"set": name, "area": area, **span, **more}
    return "/loop/requests/?" + urlencode({k: v for k, v in found.items() if v})


def readable(actor: Actor) -> tuple[str, ...]:
    """Areas whose requests the actor reads."""
    return any_path(actor, *AREA_READERS)


def found(actor: Actor, f: Filters, now: dt.datetime, hits: Hits | None = None) -> QuerySet[Request]:
    """The requests that fit: the same rows for the list, its count and its export. `hits` is what `searched` gave."""
    rows: QuerySet[Request] = Request.objects.visible_to(actor)
    since, until = moment(f.since), moment(f.until, end=True)
    rows = rows.filter(heard_by=actor.user_id) if f.heard else rows.filter(within("area_path", readable(actor)))
    if f.set:
        rows = rates.rows_of(f.set, rows, now, since, until)
    rows = _by_state(rows, f, now)
    rows = _by_unit(rows, f)
    if f.area:
        rows = rows.filter(within("area_path", [f.area]))
    if f.category:
        rows = rows.filter(category__in=Category.objects.filter(code__startswith=f.category))
    for name in ("urgency", "kind", "channel"):
        if value := getattr(f, name):
            rows = rows.filter(**{name: value})
    if f.batch:
        rows = rows.filter(imported__batch=int(f.batch))
    if f.lap:
        rows = rows.filter(lap__gte=int(f.lap))
    if f.bounced:
        rows = rows.filter(bounces__gte=int(f.bounced))
    if since:
        rows = rows.filter(heard_at__gte=since)
    if until:
        rows = rows.filter(heard_at__lt=until)
    if f.q:
        rows = (hits or search_in(actor, f)).narrow(rows)
    return rows


def searched(actor: Actor, f: Filters) -> Hits | None:
    """What was typed in the search gave, for the list and its count; None when nothing was typed. One statement."""
    return search_in(actor, f) if f.q else None


def search_in(actor: Actor, f: Filters) -> Hits:
    """Hits in the areas that the list can show."""
    paths = readable(actor)
    if f.heard:
        paths = ("",)
    elif f.area and covers(paths, f.area):
        paths = (f.area,)
    return search(f.q, paths)


def _by_state(rows: QuerySet[Request], f: Filters, now: dt.datetime) -> QuerySet[Request]:
    if f.due:
        rows = rows.filter(state__in=OPEN, due_at__lt=now if f.due == "late" else now + rates.SOON)
        rows = rows if f.due == "late" else rows.filter(due_at__gte=now)
    match f.state:
        case "":
            return rows
        case "open":
            return rows.filter(state__in=OPEN)
        case "with_unit":
            return rows.filter(state__in=WITH_UNIT)
        case _:
            return rows.filter(state=f.state)


def _by_unit(rows: QuerySet[Request], f: Filters) -> QuerySet[Request]:
    if f.unit.isdecimal():
        rows = rows.filter(unit=int(f.unit[:18]))
    elif f.unit:
        called = Q(short_name__icontains=f.unit) | Q(name__icontains=f.unit)
        rows = rows.filter(unit__in=list(Organisation.objects.filter(called).values_list("pk", flat=True)))
    if f.sent_to:
        sent = Dispatch.objects.filter(request=OuterRef("pk"), role="lead", unit=int(f.sent_to)).exclude(
            state="withdrawn"
        )
        if since := moment(f.sent_since):
            sent = sent.filter(offered_at__gte=since)
        rows = rows.filter(Exists(sent))
    return rows


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A line of the list."""

    request: Request
    place: str
    matter: str
    state: tuple[str, Words]
    due: tuple[str, str]
    urgency: tuple[str, Words] | None
    station: int


def row_of(r: Any, now: dt.datetime) -> RequestRow:
    """A request as the list shows it; the request comes with category, area, unit and the measure of its clock."""
    urgent = {Urgency.URGENT.value: "soon", Urgency.EMERGENCY.value: "late"}.get(r.urgency)
    return RequestRow(
        request=r,
        place=r.area.short_name,
        matter=str(r.category) if r.category else "",
        state=(parts.STATE_CHIPS[r.state], parts.STATE_WORDS[r.state]),
        due=parts.chip_of(r.due_at, now, parts.display_calendar(r.area_path, now), r.due_measure),
        urgency=(urgent, Urgency(r.urgency).label) if urgent else None,
        station=min(STATIONS[r.state] + 1, 4),
    )


def requests_page(
    actor: Actor,
    f: Filters,
    now: dt.datetime,
    *,
    after: str | None = None,
    size: int = 50,
    hits: Hits | None = None,
) -> Page[RequestRow]:
    """One page of what fits. One statement; one more for a search whose `hits` are not given."""
    _said, order = SORTS[f.sort or "new"]
    rows = with_measure(found(actor, f, now, hits)).select_related("category", "area", "unit")
    if "due_key" in order:
        rows = rows.annotate(due_key=Coalesce(F("due_at"), Value(NEVER)))
    return keyset(rows, order=order, after=after, size=size).map(lambda r: row_of(r, now))


def how_many(actor: Actor, f: Filters, now: dt.datetime, hits: Hits | None = None) -> int:
    """How many fit; one more than COUNTED stands for "more". One statement; one more for a search whose `hits` are not
    given, none where they say enough: a search by words alone that the index found too many for."""
    hits = hits or searched(actor, f)
    alone = f.kept().keys() <= {"q", "sort"} or (
        f.kept().keys() <= {"q", "sort", "area"} and covers(readable(actor), f.area)
    )
    if hits is not None and hits.ids is None and alone:
        return COUNTED + 1
    return found(actor, f, now, hits).order_by()[: COUNTED + 1].count()


def by_typed_code(actor: Actor, typed: str) -> str:
    """The code of the request that somebody typed, however they typed it, if they may see it; '' otherwise.

    One statement, none when it cannot be a code.
    """
    try:
        code = identifiers.normalise(typed)
    except identifiers.BadIdentifier:
        return ""
    seen: str | None = Request.objects.visible_to(actor).filter(code=code).values_list("code", flat=True).first()
    return seen or ""


def by_phone(actor: Actor, typed: str, now: dt.datetime, *, limit: int = 50) -> list[RequestRow]:
    """Requests told with exactly this number, newest first, where the actor may read personal data. Two statements.

    Raises BadIdentifier when it is no phone number.
    """
    records = list(vault.find_by_phone(identifiers.phone(typed)).values_list("pk", flat=True))
    told = Voice.objects.filter(record__in=records).values("request")
    where = [p for p in actor.paths(Cap.VIEW_PERSONAL) if covers(readable(actor), p)]
    rows = Request.objects.visible_to(actor).filter(within("area_path", where), pk__in=told)
    shown = with_measure(rows).select_related("category", "area", "unit")
    return [row_of(r, now) for r in shown.order_by("-id")[:limit]]


# What the filters say -------------------------------------------------------------------------------------------------
def told(f: Filters) -> list[tuple[str, Words]]:
    """(name in the address, words) of each filter that is not a field of the form's first line. At most three statements."""
    made: list[tuple[str, Words]] = []
    if f.set:
        made.append(("set", rates.SET_WORDS[f.set]))
    if f.heard:
        made.append(("heard", _("taken down by me")))
    if f.batch:
        made.append(("batch", _("from one batch")))
    for name, value in (("unit", f.unit), ("sent_to", f.sent_to)):
        if value.isdecimal():
            short = (
                Organisation.objects.filter(pk=int(value[:18])).values_list("short_name", flat=True).first() or value
            )
            made.append((name, short if name == "unit" else _("sent to %(unit)s") % {"unit": short}))
    if f.area:
        short = Area.objects.filter(path=f.area).values_list("short_name", flat=True).first() or f.area
        made.append(("area", short))
    return made


def areas_below(paths: Sequence[str], chosen: str = "") -> list[Area]:
    """Areas one level below the chosen one (or the reader's own), for a choice. One statement."""
    above = [chosen] if chosen else list(paths)
    return list(Area.objects.offered().filter(parent__path__in=above).order_by("path")[:200])


def categories() -> list[tuple[str, list[tuple[str, str]]]]:
    """The two upper levels for a choice: [("道路交通", [("0401", "路面")…])…]. One statement."""
    grouped: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for c in Category.objects.filter(level__lte=2, closed_on=None).order_by("code"):
        if c.level == 1:
            grouped[c.code] = (str(c), [(c.code, str(_("all of it")))])
        elif c.code[:2] in grouped:
            grouped[c.code[:2]][1].append((c.code, str(c)))
    return list(grouped.values())


def columns() -> list[tuple[Any, Any]]:
    """The columns of the export: nothing that says who told it, or at which door."""
    return [
        (pgettext_lazy("column", "Code"), lambda r: r.code),
        (_("What"), lambda r: r.title),
        (pgettext_lazy("column", "Kind"), lambda r: Kind(r.kind).label),
        (pgettext_lazy("column", "Category"), lambda r: str(r.category or "")),
        (_("Place"), lambda r: r.area.short_name),
        (_("Area code"), lambda r: r.area_path),
        (_("Urgency"), lambda r: Urgency(r.urgency).label),
        (_("Channel"), lambda r: Channel(r.channel).label),
        (_("State"), lambda r: str(parts.STATE_WORDS[r.state])),
        (_("Unit"), lambda r: r.unit.short_name if r.unit else ""),
        (pgettext_lazy("column", "Heard"), lambda r: r.heard_at),
        (pgettext_lazy("column", "Dispatched"), lambda r: r.dispatched_at),
        (_("Due"), lambda r: r.due_at),
        (pgettext_lazy("column", "Answered"), lambda r: r.replied_at),
        (pgettext_lazy("column", "Closed"), lambda r: r.closed_at),
        (_("Round"), lambda r: r.lap),
        (_("Came back"), lambda r: r.bounces),
        (_("Solved"), lambda r: str(parts.SOLVED.get(r.solved, ""))),
        (_("Satisfaction, 1 to 5"), lambda r: r.satisfaction),
        (_("Left out of the rates"), lambda r: str(_("yes")) if r.excluded else ""),
    ]

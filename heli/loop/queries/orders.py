"""Supervision orders and weekly digests as lists and pages, the rung of the ladder, and what waits because of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Count, Exists, Min, OuterRef, Prefetch, Q, QuerySet, Value, When
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event, StoredFile
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop.models import Clock, ClockKind, Request
from heli.loop.oversight_models import UNIT_CAPS, Digest, Order, OrderPart, OrderRequest
from heli.loop.queries import parts
from heli.loop.queries.parts import TrailEntry
from heli.loop.steps.oversee import LADDER, RUNGS
from heli.rulebook import queries as rulebook
from heli.rulebook.queries import RuleVersion

Words = str | Promise
TABS: Mapping[str, Words] = {
    "mine": pgettext_lazy("orders", "Your turn"),
    "open": pgettext_lazy("orders", "Open"),
    "late": pgettext_lazy("orders", "Overdue"),
    "ended": pgettext_lazy("orders", "Ended"),
}
UNIT_TURN = ("issued", "acknowledged", "sent_back")
STATES: Mapping[str, tuple[str, Words]] = {  # of a part: chip and words
    "issued": ("soon", pgettext_lazy("order", "not read yet")),
    "acknowledged": ("doing", pgettext_lazy("order", "in hand")),
    "reported": ("you", pgettext_lazy("order", "reported")),
    "sent_back": ("back", pgettext_lazy("order", "sent back")),
    "accepted": ("done", pgettext_lazy("order", "accepted")),
    "withdrawn": ("pause", pgettext_lazy("order", "withdrawn")),
}
ORDER_STATES: Mapping[str, tuple[str, Words]] = {
    "open": ("doing", pgettext_lazy("order", "open")),
    "closed": ("done", pgettext_lazy("order", "closed")),
    "withdrawn": ("pause", pgettext_lazy("order", "withdrawn")),
}
EVENTS: Mapping[str, Words] = {
    "order.issue": gettext_lazy("The order was given"),
    "order.acknowledge": gettext_lazy("%(unit)s has read it"),
    "order.report": gettext_lazy("%(unit)s reported"),
    "order.accept": gettext_lazy("The report of %(unit)s was accepted"),
    "order.send_back": gettext_lazy("The report of %(unit)s was sent back"),
    "order.meet": gettext_lazy("The meeting on site was held"),
    "order.close": gettext_lazy("The order was closed"),
    "order.withdraw": gettext_lazy("The order was withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; '' narrows nothing."""

    q: str = ""
    unit: str = ""
    year: str = ""
    area: str = ""

    @classmethod
    def read(cls, get: Mapping[str, str]) -> Filters:
        def digits(name: str, longest: int) -> str:
            typed = get.get(name, "")
            return typed if typed.isascii() and typed.isdecimal() and len(typed) <= longest else ""

        return cls(
            q=get.get("q", "").strip()[:60], unit=digits("unit", 15), year=digits("year", 4), area=digits("area", 24)
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


def turn_of(actor: Actor) -> Q:
    """Parts on which this person should act now: the unit's own that wait for it, reports a supervisor should read."""
    unit = Q(unit__in=actor.org_ids(*UNIT_CAPS), state__in=UNIT_TURN)
    return unit | within("area_path", actor.paths(Cap.SUPERVISE)) & Q(state="reported")


def listed(actor: Actor, tab: str, f: Filters, now: dt.datetime) -> QuerySet[Order]:
    """Orders of one tab that fit the filters; the same for list and export."""
    rows: QuerySet[Order] = Order.objects.visible_to(actor).filter(within("area_path", [f.area]))
    if tab == "ended":
        rows = rows.exclude(state="open")
    else:
        rows = rows.filter(state="open")
        open_parts = OrderPart.objects.filter(order=OuterRef("pk"))
        if tab == "mine":
            rows = rows.filter(Exists(open_parts.filter(turn_of(actor))) | ready(actor))
        if tab == "late":
            rows = rows.filter(Exists(open_parts.filter(state__in=UNIT_TURN, due_at__lt=now)))
    if f.q:
        number = f.q.rstrip("号").split("〕")[-1]
        matching = Q(title__icontains=f.q) | Q(about__request__code=f.q.upper().replace(" ", ""))
        if number.isascii() and number.isdecimal() and len(number) < 9:
            matching |= Q(serial=int(number))
        rows = rows.filter(pk__in=Order.objects.filter(matching).values("pk"))
    if f.unit:
        rows = rows.filter(Exists(OrderPart.objects.filter(order=OuterRef("pk"), unit=int(f.unit))))
    if f.year:
        rows = rows.filter(year=int(f.year))
    return rows.prefetch_related(Prefetch("parts", OrderPart.objects.select_related("unit").order_by("pk")))


def ready(actor: Actor) -> Q:
    """Open orders of the actor's areas whose every part is accepted: to be closed."""
    left = OrderPart.objects.filter(order=OuterRef("pk")).exclude(state="accepted")
    return within("area_path", actor.paths(Cap.SUPERVISE)) & ~Q(Exists(left))


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list of orders."""

    order: Order
    parts: list[tuple[str, str, Words]]  # unit, chip, words
    due: tuple[str, str]
    chip: tuple[str, Words]


def row_of(order: Order, now: dt.datetime) -> Row:
    """One order as a list shows it. Pure but for the prefetched parts."""
    own = list(order.parts.all())
    waiting = [p.due_at for p in own if p.state in UNIT_TURN] if order.state == "open" else []
    calendar = parts.display_calendar(order.area_path, now)
    return Row(
        order=order,
        parts=[(p.unit.short_name, *STATES[p.state]) for p in own],
        due=parts.chip_of(min(waiting), now, calendar, order.measure) if waiting else ("", ""),
        chip=ORDER_STATES[order.state],
    )


def page_of(
    actor: Actor, tab: str, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 50
) -> Page[Row]:
    """One page: what is due first; what ended last. Two statements."""
    order = ("-id",) if tab == "ended" else ("due_at", "id")
    return keyset(listed(actor, tab, f, now), order=order, after=after, size=size).map(lambda o: row_of(o, now))


def tab_counts(actor: Actor, now: dt.datetime, area: str = "") -> dict[str, int]:
    """How many orders of an area ('' for all) are open, overdue, and wait for this person: the rows of the tabs, for
    boards too. One statement."""
    own = OrderPart.objects.filter(order=OuterRef("pk"))
    rows = Order.objects.visible_to(actor).filter(within("area_path", [area]), state="open")
    late = Exists(own.filter(state__in=UNIT_TURN, due_at__lt=now))
    found: dict[str, int] = rows.aggregate(
        open=Count("pk"),
        late=Count("pk", filter=Q(late)),
        mine=Count("pk", filter=Q(Exists(own.filter(turn_of(actor)))) | ready(actor)),
    )
    return found


# Requests under an order ----------------------------------------------------------------------------------------------
# Of the request of the outer query: itself, what it is a part of, what was joined into it
ABOUT_IT = Q(request=OuterRef("pk")) | Q(request=OuterRef("parent")) | Q(request__merged_into=OuterRef("pk"))


def under_order(actor: Actor, to: str) -> Q:
    """Requests under an open order that the actor may see: named in it, a part of one that is named, or joined with one.
    `to`: the way from a row to its request."""
    seen = Order.objects.visible_to(actor)
    named = OrderRequest.objects.filter(open=True, order__in=seen).values("request")
    joined = Request.objects.filter(pk__in=named, merged_into__isnull=False).values("merged_into")
    return Q(**{f"{to}__in": named}) | Q(**{f"{to}__in": joined}) | Q(**{f"{to}__parent__in": named})


@dataclass(frozen=True, slots=True)
class Mark:
    """The order over a request, in a unit's list: with the unit's own deadline while it has to report."""

    pk: int
    number: str
    due: tuple[str, str]


def marks(actor: Actor, rows: Collection[Any], now: dt.datetime) -> dict[int, Mark]:
    """{id of the dispatch: Mark} for those of `rows` (with their requests) whose request is under an order. One statement."""
    ids = {d.request_id for d in rows}
    about = Q(request__in=ids | {d.request.parent_id for d in rows}) | Q(request__merged_into__in=ids)
    shares = OrderPart.objects.filter(order=OuterRef("order"), state__in=UNIT_TURN)
    links: Any = (
        OrderRequest.objects.filter(about, open=True, order__in=Order.objects.visible_to(actor))
        .select_related("order", "request")
        .annotate(waits=ArraySubquery(shares.values(json=JSONObject(unit="unit", due="due_at"))))
        .order_by("-order")
    )
    over = {x.request.merged_into_id or x.request_id: x for x in links}
    found = {}
    for d in rows:
        x = over.get(d.request_id) or over.get(d.request.parent_id)
        if x is None:
            continue
        due = next((dt.datetime.fromisoformat(w["due"]) for w in x.waits if w["unit"] == d.unit_id), None)
        calendar = parts.display_calendar(x.order.area_path, now)
        said = parts.chip_of(due, now, calendar, x.order.measure) if due else ("", "")
        found[d.pk] = Mark(x.order_id, str(x.order), said)
    return found


# One order ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class PartShown:
    """A unit's part on the page of an order."""

    part: OrderPart
    chip: tuple[str, Words]
    due: tuple[str, str]
    mine: bool  # the reader's unit
    papers: list[str]


@dataclass(frozen=True, slots=True)
class OrderShown:
    """Everything the page of an order shows."""

    order: Order
    parts: list[PartShown]
    requests: list[tuple[str, str]]  # code, title ('' for one the reader may not see)
    trail: list[TrailEntry]
    supervises: bool
    all_accepted: bool
    chip: tuple[str, Words]


def one(actor: Actor, pk: int, now: dt.datetime) -> OrderShown:
    """An order by its id; NotFound (L-404) for who may not see it. Five statements."""
    rows = Order.objects.visible_to(actor).select_related("rule")
    order = (
        rows.prefetch_related(Prefetch("parts", OrderPart.objects.select_related("unit").order_by("pk")))
        .filter(pk=pk)
        .first()
    )
    if order is None:
        raise NotFound
    ours = actor.org_ids(*UNIT_CAPS)
    calendar = parts.display_calendar(order.area_path, now)
    seen = Request.objects.visible_to(actor).filter(pk=OuterRef("request"))
    links = (
        OrderRequest.objects.filter(order=order).select_related("request").annotate(seen=Exists(seen)).order_by("id")
    )
    events = list(Event.objects.filter(subject_type="loop.order", subject_id=order.pk).order_by("-id"))
    own = list(order.parts.all())
    names = {p.unit_id: p.unit.short_name for p in own}
    return OrderShown(
        order=order,
        parts=[
            PartShown(
                part=p,
                chip=STATES[p.state],
                due=parts.chip_of(p.due_at, now, calendar, order.measure)
                if p.state in UNIT_TURN and order.state == "open"
                else ("", ""),
                mine=p.unit_id in ours,
                papers=[str(x) for x in p.papers],
            )
            for p in own
        ],
        requests=[(x.request.code, x.request.title if x.seen else "") for x in links],
        trail=[
            TrailEntry(
                at=e.at,
                title=str(EVENTS[e.step]) % {"unit": names.get(e.data.get("unit", 0), "")},
                words=e.data.get("reason", "") or e.data.get("decision", ""),
            )
            for e in events
            if e.step in EVENTS and not e.data.get("again")
        ],
        supervises=actor.can(Cap.SUPERVISE, path=order.area_path),
        all_accepted=bool(own) and all(p.state == "accepted" for p in own),
        chip=ORDER_STATES[order.state],
    )


def paper(actor: Actor, file_id: uuid.UUID) -> StoredFile:
    """A paper of a report under an order the actor may see; NotFound (L-404). Two statements."""
    row = StoredFile.objects.filter(pk=file_id, subject_type="loop.orderpart").first()
    if row is None or not OrderPart.objects.visible_to(actor).filter(pk=row.subject_id).exists():
        raise NotFound
    return row


def orders_of(actor: Actor, r: Request) -> list[Any]:
    """Open orders about a request, what it is a part of, or what was joined into it; each with `seen`: whether the actor
    may open it. One statement."""
    about = Q(about__request__in={r.pk, r.parent_id}) | Q(about__request__merged_into=r.pk)
    seen = Exists(Order.objects.visible_to(actor).filter(pk=OuterRef("pk")))
    return list(Order.objects.filter(about, about__open=True).annotate(seen=seen).distinct().order_by("pk"))


def years(actor: Actor) -> list[int]:
    """Years in which orders were given that the actor may see, newest first. One statement."""
    return list(Order.objects.visible_to(actor).order_by("-year").values_list("year", flat=True).distinct())


# The ladder -----------------------------------------------------------------------------------------------------------
RUNG_WORDS: Mapping[int, Words] = {
    0: gettext_lazy("on its way"),
    1: gettext_lazy("reminded"),
    2: gettext_lazy("urged"),
    3: gettext_lazy("reported to the supervisor"),
    4: gettext_lazy("a supervision order is proposed"),
}
URGED = Q(  # a clock that has been urged, or was taken higher at once
    subject_type="loop.request", object_type="loop.clock", step__in=("clock.urge", "clock.supervise", "clock.propose")
)
RULE_OF = {2: LADDER[0], 3: LADDER[1], 4: LADDER[2]}


@dataclass(frozen=True, slots=True)
class Rung:
    """Where a clock stands on the ladder and what comes next."""

    number: int
    words: Words
    due: dt.datetime
    clock: Words
    next_words: Words
    next_at: dt.datetime | None
    rule: RuleVersion | None
    unit: str
    unit_id: int | None
    clock_id: int
    notice: bool  # a notice of urging stands


def rungs_of(request: Request) -> list[Rung]:
    """The ladder of each running clock of a request, the highest rung first. Three statements at most."""
    running = Clock.objects.filter(request=request, outcome="running").exclude(kind=ClockKind.REVIEW)
    urged = Event.objects.filter(URGED, subject_id=request.pk, object_id=OuterRef("pk"))
    found = list(
        running.select_related("unit", "request__category")
        .annotate(urged=Exists(urged))
        .order_by("-rung", "due_at", "id")
    )
    if not found:
        return []
    rows = rulebook.candidates(
        (*LADDER, "ladder.remind_before"), request.area_path, timezone.localtime(found[0].due_at).date()
    )
    facts = {"urgency": request.urgency, "kind": request.kind}
    if request.category is not None:
        facts["category"] = request.category.code
    rules = rulebook.choose(rows, facts)
    return [_rung(c, rules) for c in found]


def _rung(c: Any, rules: Mapping[str, RuleVersion]) -> Rung:
    after = c.rung + 1
    key = RULE_OF.get(after, "ladder.remind_before") if c.rung_at is not None else RULE_OF.get(c.rung, "")
    return Rung(
        number=c.rung,
        words=RUNG_WORDS[c.rung],
        due=c.due_at,
        clock=ClockKind(c.kind).label,
        next_words=RUNG_WORDS.get(after, "") if c.rung_at is not None else "",
        next_at=c.rung_at,
        rule=rules.get(key),
        unit=c.unit.short_name if c.unit else _("request centre"),
        unit_id=c.unit_id,
        clock_id=c.pk,
        notice=c.urged and c.unit_id is not None,
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice of urging (催办通知书): for one clock of one unit."""

    number: str
    request: Request
    clock: Clock
    clock_name: Words
    urged_at: dt.datetime
    rule: RuleVersion | None
    late_words: str


def notice(actor: Actor, clock_id: int, now: dt.datetime) -> Notice:
    """The notice of a clock that was urged; NotFound (L-404) for others, and for requests out of reach. Four statements."""
    rows = Clock.objects.filter(request__in=Request.objects.visible_to(actor), unit__isnull=False)
    clock = rows.select_related("unit", "request__area", "request__category", "rule").filter(pk=clock_id).first()
    if clock is None:
        raise NotFound
    at = Event.objects.filter(URGED, subject_id=clock.request_id, object_id=clock.pk).aggregate(n=Min("at"))["n"]
    if at is None:
        raise NotFound
    r = clock.request
    facts = {"urgency": r.urgency, "kind": r.kind} | ({"category": r.category.code} if r.category else {})
    on = timezone.localtime(clock.due_at).date()
    rule = rulebook.choose(rulebook.candidates((LADDER[0],), r.area_path, on), facts).get(LADDER[0])
    end = clock.stopped_at or now
    calendar = parts.display_calendar(r.area_path, now)
    used = calendar.used(clock.due_at, max(end, clock.due_at), "working_minute")
    return Notice(
        number=f"催 {r.code}-{clock.pk}",
        request=r,
        clock=clock,
        clock_name=ClockKind(clock.kind).label,
        urged_at=at,
        rule=rule,
        late_words=words.amount(used, day_minutes=calendar.day_minutes),
    )


def proposed(paths: Collection[str]) -> QuerySet[Request]:
    """Requests of these areas for which the ladder proposes an order, and that have none."""
    top = Clock.objects.filter(request=OuterRef("pk"), outcome="running", rung__gte=len(RUNGS), unit__isnull=False)
    under = OrderRequest.objects.filter(ABOUT_IT, open=True)
    rows: QuerySet[Request] = Request.objects.filter(within("area_path", paths))
    return rows.filter(Exists(top), ~Exists(under))


# The first page -------------------------------------------------------------------------------------------------------
FRESH = dt.timedelta(days=14)  # after its Monday a digest is last week's for so long


def waiting(actor: Actor, now: dt.datetime) -> dict[str, int]:
    """{"open", "late", "mine": orders, "proposed": requests, "digest": fresh digests} for a person. One statement."""
    own = OrderPart.objects.filter(order=OuterRef("pk"))
    columns = ("what", "is_late", "is_mine")

    def counted(rows: Any, what: str, late: Any = None, mine: Any = None) -> Any:
        flags = {"is_late": late or Value(False), "is_mine": mine or Value(False)}
        marked = rows.order_by().annotate(what=Value(what), **flags)
        return marked.values(*columns).annotate(n=Count("pk")).values_list(*columns, "n")

    turn = Case(When(Q(Exists(own.filter(turn_of(actor)))) | ready(actor), then=True), default=False)
    late = Exists(own.filter(state__in=UNIT_TURN, due_at__lt=now))
    orders = counted(Order.objects.visible_to(actor).filter(state="open"), "order", late, turn)
    digests = counted(Digest.objects.visible_to(actor).filter(week__gt=now.date() - FRESH), "digest")
    found = orders.union(digests, counted(proposed(actor.paths(Cap.SUPERVISE)), "proposed"), all=True)
    n = dict.fromkeys(("open", "late", "mine", "proposed", "digest"), 0)
    for what, is_late, is_mine, some in found:
        if what != "order":
            n[what] += some
            continue
        n["open"] += some
        n["late"] += some if is_late else 0
        n["mine"] += some if is_mine else 0
    return n


def cards(actor: Actor, now: dt.datetime) -> Iterator[tuple[str, Words, Words, int, dict[str, str], str]]:
    """(route, title, words, count, query, state) of what waits because of orders and digests. One statement."""
    if not actor.paths(Cap.SUPERVISE) and not actor.org_ids(*UNIT_CAPS):
        return
    n = waiting(actor, now)
    if n["open"]:
        said = _("of %(n)s that are open") % {"n": n["open"]}
        state = "late" if n["late"] else "you"
        yield "loop:orders", _("Supervision orders: your turn"), said, n["mine"], {"tab": "mine"}, state
    if n["proposed"]:
        said = _("long overdue; you decide")
        yield "loop:order_new", _("Orders proposed"), said, n["proposed"], {}, "soon"
    if n["digest"]:
        yield "loop:digests", _("Last week"), _("what came in, what was late, what to do first"), n["digest"], {}, ""

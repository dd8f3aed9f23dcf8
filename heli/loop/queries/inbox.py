"""Work lists of a unit, and the queue of revisit calls. Rows are dispatches to the actor's units, earliest deadline first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.loop.models import Category, Clock, ClockKind, Dispatch, Handling, Remark, Request, Urgency
from heli.loop.queries import parts
from heli.loop.queries.orders import Mark, under_order
from heli.loop.states import AFTER_REPLY, WITH_UNIT
from heli.places.models import Area

Words = str | Promise
UNIT_CAPS = (Cap.HANDLE_REQUESTS, Cap.APPROVE_REPLY)
TABS = ("todo", "hand", "assist", "done")
NEVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)  # sorts last what has no deadline
DAY = dt.timedelta(days=1)

# What a dispatch wants of its unit, in words for a chip; the ones that are the unit's turn come first.
DO: Mapping[str, Words] = {
    "accept": _("to take on"),
    "contact": _("to call"),
    "answer": _("resident said more"),
    "redo": _("to redo"),
    "reply": _("to answer"),
    "approve": _("to read and send"),
    "help": _("asked to help"),
    "opinion": _("our part"),
}
WAITS: Mapping[str, Words] = {
    "waits_lead": _("being read"),
    "waits_desk": _("return asked"),
    "finished": _("our part is done"),
    "": "",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; '' narrows nothing. `due`: late or soon. `do`: one of DO. `order`: 1 for what is
    under a supervision order."""

    q: str = ""
    street: str = ""
    category: str = ""
    urgency: str = ""
    due: str = ""
    do: str = ""
    order: str = ""

    @classmethod
    def read(cls, get: Mapping[str, str]) -> Filters:
        """From the address; what is not known is ignored."""

        def digits(name: str, longest: int) -> str:
            typed = get.get(name, "")
            return typed if typed.isascii() and typed.isdecimal() and len(typed) <= longest else ""

        def one_of(name: str, known: Any) -> str:
            return get.get(name, "") if get.get(name, "") in known else ""

        return cls(
            q=get.get("q", "").strip()[:60],
            street=digits("street", 12),
            category=digits("category", 6),
            urgency=one_of("urgency", Urgency.values),
            due=one_of("due", ("late", "soon")),
            do=one_of("do", DO),
            order=one_of("order", ("1",)),
        )

    def kept(self) -> dict[str, str]:
        """The ones that narrow, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name)}


def narrowed(rows: Any, f: Filters, now: dt.datetime, to: str = "request__") -> Any:
    """The rows that fit the filters; `to` is the way from a row to its request."""
    if f.q:
        code = f.q.upper().replace(" ", "")
        rows = rows.filter(Q(**{f"{to}code__startswith": code}) | Q(**{f"{to}title__icontains": f.q}))
    if f.street:
        rows = rows.filter(within(f"{to}area_path", [f.street]))
    if f.category:
        rows = rows.filter(**{f"{to}category__code__startswith": f.category})
    if f.urgency:
        rows = rows.filter(**{f"{to}urgency": f.urgency})
    if f.due == "late":
        rows = rows.filter(**{f"{to}due_at__lt": now})
    elif f.due == "soon":
        rows = rows.filter(**{f"{to}due_at__gte": now, f"{to}due_at__lt": now + DAY})
    return rows


# The unit's lists --------------------------------------------------------------------------------------------------------
def held(actor: Actor, *caps: Cap) -> Any:
    """Dispatches to the actor's units, each with `do`: what it wants of them."""
    units = actor.org_ids(*(caps or UNIT_CAPS))
    rows: Any = Dispatch.objects.visible_to(actor).filter(unit__in=units)
    written = Handling.objects.filter(  # a reply, or what is written in another way (loop/ways.py): the latest
        request=OuterRef("request"), unit=OuterRef("unit"), lap=OuterRef("request__lap")
    ).order_by("-id")
    since = Coalesce(OuterRef("request__replied_at"), OuterRef("request__heard_at"))
    last = Remark.objects.filter(request=OuterRef("request")).exclude(kind="supervise").order_by("-id")
    heard = Remark.objects.filter(request=OuterRef("request"), kind="answer", at__gte=since)
    contact = Clock.objects.filter(request=OuterRef("request"), kind=ClockKind.CONTACT, outcome="running")
    own_words = Q(writer=actor.user_id) if actor.user_id is not None else Q(pk__in=[])
    reader = Q(unit__in=actor.org_ids(Cap.APPROVE_REPLY)) & ~own_words
    return rows.annotate(
        reply_state=Subquery(written.values("state")[:1]),
        writer=Subquery(written.values("written_by")[:1]),
        said_last=Subquery(last.values("kind")[:1]),
    ).annotate(
        do=Case(
            When(state="done", then=Value("finished")),
            When(state="returning", then=Value("waits_desk")),
            When(role="assist", state="offered", then=Value("help")),
            When(role="assist", then=Value("opinion")),
            When(state="offered", then=Value("accept")),
            When(Q(reply_state="in_review") & reader, then=Value("approve")),
            When(reply_state="in_review", then=Value("waits_lead")),
            When(Exists(contact), then=Value("contact")),
            When(Q(said_last="answer") & Exists(heard), then=Value("answer")),
            When(request__lap__gt=1, then=Value("redo")),
            default=Value("reply"),
        ),
    )


def listed(actor: Actor, tab: str, *caps: Cap) -> Any:
    """The dispatches of one list: todo (our turn), hand (we lead), assist (we help), done (answered)."""
    rows = held(actor, *caps)
    live = ("offered", "accepted", "returning")
    if tab == "done":
        return rows.filter(state="done", request__state__in=AFTER_REPLY)
    rows = rows.filter(request__state__in=WITH_UNIT)
    if tab == "hand":
        return rows.filter(role="lead", state__in=live)
    if tab == "assist":
        return rows.filter(role="assist", state__in=(*live, "done"))
    return rows.filter(state__in=live, do__in=DO)


def fitting(actor: Actor, tab: str, f: Filters, now: dt.datetime, *caps: Cap) -> Any:
    """The dispatches of one list that fit its filters."""
    rows = narrowed(listed(actor, tab, *caps), f, now)
    if f.do:
        rows = rows.filter(do=f.do)
    return rows.filter(under_order(actor, "request")) if f.order else rows


def inbox(
    actor: Actor, tab: str, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 50
) -> Page[Dispatch]:
    """One page of a list. One statement.

    What came back from a resident as not solved stands first, then the earliest deadline. What is done: newest first.
    """
    rows = fitting(actor, tab, f, now).select_related(
        "unit", "request__area__parent", "request__category", "request__unit"
    )
    if tab == "done":
        return keyset(rows, order=("-id",), after=after, size=size)
    rows = rows.annotate(
        again=Case(When(request__lap__gt=1, then=0), default=1, output_field=IntegerField()),
        due=Coalesce("request__due_at", Value(NEVER), output_field=DateTimeField()),
    )
    return keyset(rows, order=("again", "due", "id"), after=after, size=size)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many wait in each list; `by_do` for the groups of what is to do."""

    by_do: dict[str, int]
    todo: int
    hand: int
    assist: int
    late: int
    ordered: int  # of what is in hand, under a supervision order


def counts(actor: Actor, now: dt.datetime) -> Counts:
    """Open work of the actor's units. One statement."""
    rows = held(actor).filter(state__in=("offered", "accepted", "returning"), request__state__in=WITH_UNIT)
    late = Count("pk", filter=Q(request__due_at__lt=now))
    ordered = Count("pk", filter=under_order(actor, "request"))
    groups = list(rows.values("role", "do").annotate(n=Count("pk"), late=late, ordered=ordered).order_by("role", "do"))
    by_do = {g["do"]: sum(x["n"] for x in groups if x["do"] == g["do"]) for g in groups}
    return Counts(
        by_do=by_do,
        todo=sum(n for do, n in by_do.items() if do in DO),
        hand=sum(g["n"] for g in groups if g["role"] == "lead"),
        assist=sum(g["n"] for g in groups if g["role"] == "assist"),
        late=sum(g["late"] for g in groups if g["role"] == "lead"),
        ordered=sum(g["ordered"] for g in groups if g["role"] == "lead"),
    )


def choices(actor: Actor) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Streets of the counties where the actor's units work, and the top categories: (path or code, name). One statement."""
    counties = {p[:6] for c in UNIT_CAPS for p in actor.paths(c)}
    streets = Area.objects.filter(within("path", counties), level=4, valid_to=None).values_list(
        Value("street"), "path", "short_name", "short_name"
    )
    tops = Category.objects.filter(level=1, closed_on=None).values_list(Value("category"), "code", "name", "name_en")
    rows = sorted(streets.union(tops, all=True))
    english = get_language() == "en"
    found: dict[str, list[tuple[str, str]]] = {"street": [], "category": []}
    for what, key, name, name_en in rows:
        found[what].append((key, name_en if english and name_en else name))
    return found["street"], found["category"]


# Rows as pages show them -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Row:
    """One line of a unit's list."""

    dispatch: Dispatch
    request: Request
    place: str
    do: Words
    do_state: str
    chips: list[tuple[str, Words]]
    due: tuple[str, str]
    station: int
    closed: bool
    may_accept: bool
    order: Mark | None


DO_STATES = {
    "redo": "late",
    "answer": "you",
    "approve": "soon",
    "waits_lead": "pause",
    "waits_desk": "back",
    "finished": "done",
}


def place_of(request: Request) -> str:
    """Street and community: "毓璜顶街道 · 大海阳社区"."""
    above = request.area.parent
    both = (above.name if above is not None and above.level == 4 else "", request.area.short_name)
    return " · ".join(x for x in both if x)


def row_of(d: Any, actor: Actor, now: dt.datetime, order: Mark | None = None) -> Row:
    """A dispatch as a list shows it; nothing more is asked of the database than the calendar once a minute."""
    r, do = d.request, d.do
    chips: list[tuple[str, Words]] = []
    if r.urgency != Urgency.NORMAL:
        chips.append(("late" if r.urgency == Urgency.EMERGENCY else "soon", Urgency(r.urgency).label))
    if r.lap > 1:
        chips.append(("back", _("round %(n)s") % {"n": r.lap}))
    if r.bounces:
        chips.append(("back", _("came back %(n)s×") % {"n": r.bounces}))
    after = r.state in AFTER_REPLY
    if after:
        chips.insert(0, (parts.STATE_CHIPS[r.state], parts.STATE_WORDS[r.state]))
    return Row(
        dispatch=d,
        request=r,
        place=place_of(r),
        do="" if after else (DO.get(do) or WAITS.get(do, "")),
        do_state=DO_STATES.get(do, ""),
        chips=chips[:2],
        due=("", "") if after else parts.chip_of(r.due_at, now, parts.display_calendar(r.area_path, now)),
        station=4 if after else 2 if d.state == "offered" else 3,
        closed=r.state == "closed",
        may_accept=d.state == "offered" and d.unit_id in actor.org_ids(Cap.HANDLE_REQUESTS),
        order=order,
    )


def call_for(actor: Actor, code: str) -> Request:
    """An answered request of the actor's areas to call about; NotFound (L-404) otherwise. One statement."""
    rows = Request.objects.visible_to(actor).filter(within("area_path", actor.paths(Cap.REVISIT)), code=code)
    found: Request | None = rows.filter(state__in=("replied", "lapsed")).first()
    if found is None:
        raise NotFound
    return found


def for_export(actor: Actor, tab: str, f: Filters, now: dt.datetime) -> Any:
    """The rows of a list that the actor may take away: of the units whose lists they may export."""
    ways = ("unit", "request__area__parent", "request__category")
    rows = fitting(actor, tab, f, now, Cap.EXPORT).select_related(*ways)
    return rows.order_by(F("request__due_at").asc(nulls_last=True), "id")

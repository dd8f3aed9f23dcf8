"""The desk of those who look in at homes and of organisations that give: what to do next, and all wishes in sight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.cards import NextAct
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.paging import Page, keyset
from heli.loop.clocks import local_day
from heli.loop.models import Kind, Request
from heli.orgs.models import Organisation
from heli.wishes.models import Gift, Pledge, Wish
from heli.wishes.queries.wall import CHIPS, Mine, as_mine, shown_state
from heli.wishes.steps.common import RISE, rules

Words = str | Promise
FLOWING: Any = Pledge.objects.filter(wish=OuterRef("pk"), lap=OuterRef("lap"))


@dataclass(frozen=True, slots=True)
class Group:
    """One kind of work on the desk."""

    title: Words
    words: Words
    state: str  # of the look


GROUPS: Mapping[str, Group] = {
    "confirm": Group(gettext_lazy("Ask whether it came"), gettext_lazy("the giver says that it is delivered"), "you"),
    "late": Group(gettext_lazy("Call the giver"), gettext_lazy("the promised day is over"), "late"),
    "decide": Group(
        gettext_lazy("Time on the wall is over"), gettext_lazy("longer, another way, or an honest reply"), "soon"
    ),
    "visit": Group(gettext_lazy("Look in at the home"), gettext_lazy("wishes nobody has looked at yet"), "soon"),
    "publish": Group(gettext_lazy("Put on the wall"), gettext_lazy("looked at; ask whether they agree"), "doing"),
    "long": Group(
        gettext_lazy("Nobody has taken it on"), gettext_lazy("waits longer than the rule says: tell who could"), "soon"
    ),
}
STATES: Mapping[str, tuple[Words, tuple[str, ...]]] = {
    "going": (pgettext_lazy("wishes", "going on"), ("checked", "open", "pledged", "expired")),
    "done": (pgettext_lazy("wishes", "arrived"), ("delivered", "fulfilled")),
    "over": (pgettext_lazy("wishes", "ended otherwise"), ("withdrawn", "turned", "closed")),
}


def group_of(name: str, now: dt.datetime, rise: int) -> Q:
    """The rows of a group."""
    today = local_day(now)
    return {
        "confirm": Q(Exists(FLOWING.filter(state="delivered"))),
        "late": Q(Exists(FLOWING.filter(state="promised", promised_on__lt=today))),
        "decide": Q(state="expired"),
        "publish": Q(state="checked"),
        "long": Q(state="open", taken=0, opened_at__lt=now - dt.timedelta(days=rise)),
    }[name]


def units_of(actor: Actor) -> tuple[int, ...]:
    return actor.org_ids(Cap.POST_WISHES)


def rise_of(actor: Actor, now: dt.datetime) -> int:
    """The rule where the actor works: after how many days an unclaimed wish is put forward. One statement."""
    path = next(iter(actor.paths(Cap.POST_WISHES)), "")
    return int(rules(path, (RISE,), now)[RISE].value)


def to_visit(actor: Actor) -> Any:
    """Wishes that a unit of the actor's holds and nobody has looked at."""
    return Request.objects.filter(kind=Kind.WISH, state="handling", unit__in=units_of(actor), wish=None).select_related(
        "area"
    )


def counts(actor: Actor, now: dt.datetime) -> dict[str, int]:
    """How many of the actor's units wait in each group. Three statements."""
    units, rise = units_of(actor), rise_of(actor, now)
    names = [n for n in GROUPS if n != "visit"]
    n = Wish.objects.filter(unit__in=units, state__in=("checked", "open", "pledged", "expired")).aggregate(
        **{name: Count("pk", filter=group_of(name, now, rise)) for name in names}
    )
    return {name: to_visit(actor).count() if name == "visit" else n[name] for name in GROUPS}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list shows: a group of work, or states; kind of gift, words of the title."""

    do: str = ""
    state: str = ""
    gift: str = ""
    q: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        do, state, gift = (data.get(k, "") for k in ("do", "state", "gift"))
        return cls(
            do=do if do in GROUPS else "",
            state=state if state in STATES else "",
            gift=gift if gift in Gift.values else "",
            q=data.get("q", "").strip()[:30],
        )

    def kept(self) -> dict[str, str]:
        return {k: v for k in ("do", "state", "gift", "q") if (v := getattr(self, k))}


@dataclass(frozen=True, slots=True)
class Row:
    """A wish in the list, with what there is to do."""

    wish: Wish
    chip: tuple[str, Words]
    next: Words
    ours: bool


def found(actor: Actor, f: Filters, now: dt.datetime) -> Any:
    """The wishes of the list; a group of work is the actor's own units'."""
    rows = Wish.objects.visible_to(actor)
    if f.do and f.do != "visit":
        rows = rows.filter(group_of(f.do, now, rise_of(actor, now)), unit__in=units_of(actor))
    if f.state:
        rows = rows.filter(state__in=STATES[f.state][1])
    if f.gift:
        rows = rows.filter(gift=f.gift)
    if f.q:
        rows = rows.filter(Q(title__icontains=f.q) | Q(request__code=f.q.upper()))
    return rows.select_related("request", "street", "unit")


def desk(actor: Actor, f: Filters, now: dt.datetime, *, after: str | None = None, size: int = 30) -> Page[Row]:
    """One page, newest first. Two statements."""
    rows = found(actor, f, now).annotate(
        asks=Exists(FLOWING.filter(state="delivered")),
        late=Exists(FLOWING.filter(state="promised", promised_on__lt=local_day(now))),
    )
    units = units_of(actor)
    return keyset(rows, order=("-id",), after=after, size=size).map(lambda w: row(w, w.unit_id in units))


def row(wish: Any, ours: bool) -> Row:
    state = shown_state(wish)
    said: Words = ""
    if wish.state in {"checked", "open", "pledged", "expired"}:
        if wish.asks:
            said = GROUPS["confirm"].title
        elif wish.late:
            said = GROUPS["late"].title
        elif wish.state == "expired":
            said = GROUPS["decide"].title
        elif wish.state == "checked":
            said = GROUPS["publish"].title
    return Row(wish, CHIPS[state], said, ours)


def columns() -> Sequence[Column[Row]]:
    """Of the exported list: nothing of the resident, nothing of a giver."""
    return [
        (_("Code"), lambda r: r.wish.request.code),
        (_("Wish"), lambda r: r.wish.title),
        (_("Street"), lambda r: r.wish.street.name),
        (_("Unit"), lambda r: r.wish.unit.short_name),
        (_("What is wished for"), lambda r: str(Gift(r.wish.gift).label)),
        (pgettext_lazy("wish", "Needed"), lambda r: r.wish.needed),
        (pgettext_lazy("wish", "Of what"), lambda r: r.wish.measure),
        (pgettext_lazy("wish", "Promised"), lambda r: r.wish.taken),
        (pgettext_lazy("wish", "Received"), lambda r: r.wish.received),
        (_("State"), lambda r: str(r.chip[1])),
        (_("On the wall since"), lambda r: r.wish.opened_at),
        (_("Waits until"), lambda r: r.wish.until),
        (pgettext_lazy("wish", "Ended"), lambda r: r.wish.ended_at),
    ]


def one(actor: Actor, wish_id: int) -> Wish:
    """A wish of the actor's units or areas; NotFound (L-404). One statement."""
    rows = Wish.objects.visible_to(actor).select_related("request__area", "street", "unit", "visited_by")
    wish: Wish | None = rows.filter(pk=wish_id).first()
    if wish is None:
        raise NotFound
    return wish


def pledges_of(wish: Wish, now: dt.datetime) -> list[Mine]:
    """All promises, those of the present round first. One statement."""
    rows = Pledge.objects.filter(wish=wish).select_related("org", "record", "received_by", "wish__request")
    return [as_mine(p, now) for p in rows.order_by("-lap", "id")]


def of_request(actor: Actor, code: str) -> tuple[Request, Wish | None]:
    """A wish's request by its code, and its row where somebody looked in; NotFound (L-404) for anything else."""
    request = Request.objects.visible_to(actor).filter(code=code, kind=Kind.WISH).select_related("area", "unit").first()
    if request is None:
        raise NotFound
    return request, Wish.objects.filter(request=request).first()


def organisations(actor: Actor, cap: Cap) -> list[Organisation]:
    """Open organisations for which the actor holds the capability. One statement."""
    return list(Organisation.objects.filter(pk__in=actor.org_ids(cap), closed_at=None).order_by("id"))


# The staff's first page --------------------------------------------------------------------------------------------
def next_acts(actor: Actor, now: dt.datetime) -> list[NextAct]:
    """Three statements for who looks in at homes, one for who pledges."""
    made: list[NextAct] = []
    desk_url = reverse("wishes:desk")
    if units_of(actor):
        n = counts(actor, now)
        made += [
            NextAct(g.title, g.words, n[name], f"{desk_url}?{urlencode({'do': name})}", g.state)
            for name, g in GROUPS.items()
            if n[name]
        ]
    if orgs := actor.org_ids(Cap.PLEDGE):
        today = local_day(now)
        due = Pledge.objects.filter(org__in=orgs, state="promised").aggregate(
            all=Count("pk"), late=Count("pk", filter=Q(promised_on__lt=today))
        )
        state = "late" if due["late"] else "doing"
        said = _("%(n)s past the promised day") % {"n": due["late"]} if due["late"] else _("then say so here")
        made.append(NextAct(_("Deliver what you promised"), said, due["all"], reverse("wishes:mine"), state))
    return made


def of_pledge(actor: Actor, pledge_id: int) -> Wish:
    """The wish of a pledge, for the actor's units or areas; NotFound (L-404). One statement."""
    wishes = Wish.objects.visible_to(actor).select_related("request__area", "street", "unit", "visited_by")
    wish: Wish | None = wishes.filter(pledges=pledge_id).first()
    if wish is None:
        raise NotFound
    return wish

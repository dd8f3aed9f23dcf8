"""What everybody sees: the wall, one wish, and how far it is. Never who made it, nor where nearer than the street."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.core.subjects import Subject
from heli.loop.clocks import local_day
from heli.places.models import Area
from heli.wishes.errors import NotOnWall
from heli.wishes.models import Gift, Pledge, Wish
from heli.wishes.states import LIVE
from heli.wishes.steps.common import RISE, rules

Words = str | Promise
SIZE, LATELY = 24, 6
LISTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # list: (states, order)
    "": (("open",), ("opened_at", "id")),
    "way": (("pledged",), ("opened_at", "id")),
    "done": (("delivered", "fulfilled"), ("-ended_at", "-id")),
}
ICONS = {Gift.GOODS: "heart", Gift.TIME: "clock", Gift.MONEY: "card"}
CHIPS: Mapping[str, tuple[str, Words]] = {
    "checked": ("doing", pgettext_lazy("wish", "to publish")),
    "open": ("", pgettext_lazy("wish", "waiting")),
    "pledged": ("doing", pgettext_lazy("wish", "on its way")),
    "delivered": ("you", pgettext_lazy("wish", "arrived")),
    "fulfilled": ("done", pgettext_lazy("wish", "fulfilled")),
    "expired": ("soon", pgettext_lazy("wish", "time over")),
    "withdrawn": ("pause", pgettext_lazy("wish", "off the wall")),
    "turned": ("back", pgettext_lazy("wish", "other way")),
    "closed": ("pause", pgettext_lazy("wish", "not fulfilled")),
}
PLEDGE_CHIPS: Mapping[str, tuple[str, Words]] = {
    "promised": ("doing", pgettext_lazy("pledge", "promised")),
    "delivered": ("you", pgettext_lazy("pledge", "delivered")),
    "received": ("done", pgettext_lazy("pledge", "received")),
    "given_up": ("pause", pgettext_lazy("pledge", "given up")),
    "released": ("pause", pgettext_lazy("pledge", "released")),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which list, which street, which kind of gift."""

    list: str = ""
    street: str = ""
    gift: str = ""

    @classmethod
    def read(cls, data: Mapping[str, str]) -> Filters:
        street, kind, shown = (data.get(k, "") for k in ("street", "gift", "list"))
        return cls(
            list=shown if shown in LISTS else "",
            street=street if street.isalnum() and street.isascii() and len(street) <= 24 else "",
            gift=kind if kind in Gift.values else "",
        )


@dataclass(frozen=True, slots=True)
class Card:
    """A wish as the wall shows it."""

    id: int
    title: str
    words: str
    gift: str
    gift_words: Words
    icon: str
    street: str
    needed: int
    taken: int
    left: int
    measure: str
    share: int  # percent promised
    state: str
    chip: tuple[str, Words]
    days: int  # that it waits
    long: bool  # longer than the rule says
    until: dt.date
    thanks: str
    again: bool  # the resident said that it was not what they wished for


def shown_state(wish: Wish) -> str:
    """Fulfilled as soon as the resident said so; the row follows within minutes."""
    if wish.state == "delivered" and wish.request.state == "closed" and wish.request.solved != "no":
        return "fulfilled"
    return wish.state


def card(wish: Wish, now: dt.datetime, rise: int) -> Card:
    days = (local_day(now) - local_day(wish.opened_at)).days if wish.opened_at else 0
    state = shown_state(wish)
    return Card(
        id=wish.pk,
        title=wish.title,
        words=wish.words,
        gift=wish.gift,
        gift_words=Gift(wish.gift).label,
        icon=ICONS[Gift(wish.gift)],
        street=wish.street.name,
        needed=wish.needed,
        taken=wish.taken,
        left=wish.left,
        measure=wish.measure,
        share=wish.taken * 100 // wish.needed,
        state=state,
        chip=CHIPS[state],
        days=days,
        long=wish.state == "open" and not wish.taken and days > rise,
        until=wish.until,
        thanks=wish.thanks,
        again=wish.state == "delivered" and wish.request.state in {"handling", "appealed"},
    )


def on_wall() -> Any:
    return Wish.objects.on_wall().filter(within("area_path", (settings.HELI_HOME_AREA,)))


def wall(f: Filters, now: dt.datetime, *, after: str | None = None, size: int = SIZE) -> Page[Card]:
    """One page of a list: open ones that wait longest first, fulfilled ones newest first. Two statements."""
    states, order = LISTS[f.list]
    rise = int(rules(settings.HELI_HOME_AREA, (RISE,), now)[RISE].value)
    found = on_wall().filter(state__in=states).select_related("street", "request")
    if f.street:
        found = found.filter(street__path=f.street)
    if f.gift:
        found = found.filter(gift=f.gift)
    return keyset(found, order=order, after=after, size=size).map(lambda w: card(w, now, rise))


def thanked(now: dt.datetime, size: int = LATELY) -> list[Card]:
    """The latest that arrived, with the words of thanks that may be shown. One statement."""
    rows = on_wall().filter(state__in=("delivered", "fulfilled")).select_related("street", "request")
    return [card(w, now, 0) for w in rows.order_by("-ended_at", "-id")[:size]]


def streets() -> list[tuple[str, str]]:
    """(path, name) of the streets of this county. One statement."""
    rows = Area.objects.offered().filter(within("path", (settings.HELI_HOME_AREA,)), level=4)
    return list(rows.order_by("path").values_list("path", "name"))


@dataclass(frozen=True, slots=True)
class Giver:
    """Who promised a part, as everybody may read it."""

    name: str  # of an organisation; "" for people
    people: int
    amount: int


def shown(wish_id: int, now: dt.datetime) -> tuple[Card, list[Giver]]:
    """One wish of the wall with who gives; NotOnWall (L-215) for one that is not there. Three statements."""
    wish = Wish.objects.on_wall().select_related("street", "request").filter(pk=wish_id).first()
    if wish is None:
        raise NotOnWall
    rise = int(rules(wish.area_path, (RISE,), now)[RISE].value)
    rows = list(Pledge.objects.filter(wish=wish, lap=wish.lap, state__in=LIVE).select_related("org").order_by("id"))
    givers = [Giver(p.org.short_name, 0, p.amount) for p in rows if p.org is not None]
    people = [p for p in rows if p.org is None]
    if people:
        givers.append(Giver("", len({p.by_id for p in people}), sum(p.amount for p in people)))
    return card(wish, now, rise), givers


# One's own pledges --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Mine:
    """A pledge as its giver sees it, and what they should do next."""

    pledge: Pledge
    chip: tuple[str, Words]
    next: Words
    late: bool
    thanked: bool


NEXT: Mapping[str, Words] = {
    "promised": _("Deliver it, then say so here."),
    "delivered": _("The resident is being asked whether it came."),
    "received": _("It came. Thank you."),
    "given_up": _("You gave it up; others can take it on."),
    "released": _("It was released; others can take it on."),
}


def as_mine(pledge: Pledge, now: dt.datetime) -> Mine:
    late = pledge.state == "promised" and pledge.promised_on < local_day(now)
    thanked = pledge.state == "received" and shown_state(pledge.wish) == "fulfilled"
    said = _("The resident says that the wish is fulfilled. Thank you.") if thanked else NEXT[pledge.state]
    if pledge.state == "promised" and pledge.delivered_on is not None:
        said = _("The resident says that it has not come, or not all of it. Look where it is, then say so here again.")
    elif late:
        said = _("The day you promised is over. Deliver it, or give it up so that others can.")
    return Mine(pledge, ("late", _("overdue")) if late else PLEDGE_CHIPS[pledge.state], said, late, thanked)


def mine(actor: Actor, now: dt.datetime, *, after: str | None = None, size: int = 20, due: bool = False) -> Page[Mine]:
    """Newest first; with `due` only those still to be delivered. One statement."""
    rows = Pledge.objects.given_by(actor).select_related("wish__request", "wish__street", "org")
    if due:
        rows = rows.filter(state="promised")
    return keyset(rows, order=("-id",), after=after, size=size).map(lambda p: as_mine(p, now))


def my_pledge(actor: Actor, pledge_id: int, now: dt.datetime) -> Mine:
    """One of one's own; NotFound (L-404) for anybody else's. One statement."""
    rows = Pledge.objects.given_by(actor).select_related("wish__request", "wish__street", "wish__unit", "org")
    found = rows.filter(pk=pledge_id).first()
    if found is None:
        raise NotFound
    return as_mine(found, now)


def pledged_before(actor: Actor, form_key: uuid.UUID | None) -> Pledge | None:
    """What was promised with this form before: sent twice, it leads to the same page."""
    return Pledge.objects.given_by(actor).filter(form_key=form_key).first() if form_key else None


def describe_wishes(ids: list[int], actor: Actor) -> dict[int, Subject]:
    """Wishes in words, with the way to the page this actor has (see core.subjects). One statement."""
    rows = Wish.objects.visible_to(actor).filter(pk__in=ids) | Wish.objects.filter(
        pk__in=ids, pledges__in=Pledge.objects.given_by(actor).values("pk")
    )
    staff = Cap.POST_WISHES in actor.caps
    return {
        w.pk: Subject(w.title, reverse("wishes:one" if staff else "wishes:wish", args=[w.pk])) for w in rows.distinct()
    }

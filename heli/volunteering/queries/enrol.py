"""Places: one's own, those of a shift, the waiting list with its reasons, a draw that can be done again."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.ledger.models import Service
from heli.volunteering import waiting
from heli.volunteering.models import Enrolment, Scan, Shift, Slot, Volunteer
from heli.volunteering.states import HOLDING
from heli.volunteering.steps.attend import SOURCE
from heli.volunteering.waiting import Ticket, Why

Words = str | Promise
CHIPS: Mapping[str, tuple[str, Words]] = {
    "asked": ("doing", pgettext_lazy("place", "waits for the organiser's yes")),
    "waiting": ("doing", pgettext_lazy("place", "on the waiting list")),
    "offered": ("you", pgettext_lazy("place", "offered to you")),
    "confirmed": ("done", pgettext_lazy("place", "has a place")),
    "attended": ("done", pgettext_lazy("place", "was there")),
    "absent": ("late", pgettext_lazy("place", "did not come")),
    "withdrawn": ("", pgettext_lazy("place", "withdrew")),
    "declined": ("", pgettext_lazy("place", "let the offer go")),
    "lapsed": ("", pgettext_lazy("place", "offer not answered")),
    "refused": ("returned", pgettext_lazy("place", "not taken")),
    "cancelled": ("returned", pgettext_lazy("place", "does not take place")),
    "unmet": ("", pgettext_lazy("place", "no place became free")),
}
WHY: Mapping[Why, Words] = {
    Why.FULL: _("no place is free yet"),
    Why.PARTY: _("they come together, and fewer places are free than they are"),
    Why.NEWCOMERS: _("what is free is kept for newcomers for now"),
    Why.BUSY: _("has another shift at that time"),
}
HOURS: Mapping[str, Words] = {  # of the ledger, as the person reads them among their places
    "planned": pgettext_lazy("hours", "not recorded yet"),
    "attended": pgettext_lazy("hours", "waits to be recorded"),
    "held": pgettext_lazy("hours", "looked at by a second person"),
    "approved": pgettext_lazy("hours", "recorded"),
    "refused": pgettext_lazy("hours", "not recorded: a reason is given"),
    "dropped": pgettext_lazy("hours", "none"),
}


@dataclass(slots=True)
class Place:
    """One's own place, as it is shown."""

    enrolment: Enrolment
    chip: tuple[str, Words]
    turn: int = 0  # in the waiting list, from 1
    why: Words = ""
    service: Service | None = None

    @property
    def thanked(self) -> bool:
        return hasattr(self.enrolment, "thanks")

    @property
    def hours(self) -> Words:
        return HOURS[self.service.state] if self.service else ""


def me(actor: Actor) -> Volunteer | None:
    """The actor's own registration. One statement."""
    if actor.user_id is None:
        return None
    return Volunteer.objects.select_related("record", "area").filter(user=actor.user_id).first()


def _of(volunteer: Volunteer) -> Any:
    rows = Enrolment.objects.filter(volunteer=volunteer)
    return rows.select_related("shift__activity__org", "slot__role", "passes_to")


def coming(volunteer: Volunteer, now: dt.datetime) -> list[Place]:
    """A volunteer's places that lie ahead or are to be answered, the next first. Three statements."""
    rows = list(_of(volunteer).filter(Q(ends__gt=now), state__in=(*HOLDING, "waiting")).order_by("starts", "id")[:100])
    turns = queues({e.slot_id for e in rows if e.state == "waiting"})
    return [Place(e, CHIPS[e.state], *turns.get(e.pk, (0, ""))) for e in rows]


def asked_of(actor: Actor, now: dt.datetime) -> list[Enrolment]:
    """Places that somebody asks the actor to take over. One statement."""
    if actor.user_id is None:
        return []
    rows = Enrolment.objects.filter(passes_to__user=actor.user_id, state="confirmed", starts__gt=now)
    return list(rows.select_related("shift__activity", "slot__role").order_by("starts"))


AFTER = ("shift__activity__org", "slot__role", "passes_to", "remark", "thanks", "shift__evaluation")


def past(volunteer: Volunteer, now: dt.datetime, after: str | None = None) -> Page[Place]:
    """What one served in, or not, the newest first, with what became of the hours. Two statements."""
    rows = _of(volunteer).filter(Q(ends__lte=now) | ~Q(state__in=(*HOLDING, "waiting")))
    page = keyset(rows.select_related(*AFTER), order=("-starts", "-id"), after=after, size=20)
    services = {
        s.source_id: s for s in Service.objects.filter(source_type=SOURCE, source_id__in=[e.pk for e in page.rows])
    }
    return page.map(lambda e: Place(e, CHIPS[e.state], service=services.get(e.pk)))


def own(actor: Actor, enrolment_id: int) -> Enrolment:
    """One's own place, one that is offered to be taken over, or one of a volunteer whom one keeps; NotFound (L-404). One
    statement."""
    mine = Q(volunteer__user=actor.user_id) | Q(passes_to__user=actor.user_id)
    rows = Enrolment.objects.filter(mine | within("volunteer__area_path", actor.paths(Cap.KEEP_VOLUNTEERS)))
    e = (
        rows.select_related("shift__activity__org", "slot__role", "volunteer", "passes_to")
        .filter(pk=enrolment_id)
        .first()
    )
    if e is None or actor.user_id is None:
        raise NotFound
    return e


def queues(slots: Iterable[int]) -> dict[int, tuple[int, Words]]:
    """{enrolment: (turn, why not yet)} of all who wait for these slots. Two statements."""
    ids = sorted(set(slots))
    if not ids:
        return {}
    taken = dict(
        Slot.objects.filter(pk__in=ids)
        .annotate(held=Count("enrolments", filter=Q(enrolments__state__in=HOLDING)))
        .values_list("pk", F("most") - F("held"))
    )
    elsewhere = Enrolment.objects.filter(
        volunteer=OuterRef("volunteer"), state__in=HOLDING, starts__lt=OuterRef("ends"), ends__gt=OuterRef("starts")
    )
    lines: defaultdict[int, list[Ticket]] = defaultdict(list)
    rows = Enrolment.objects.filter(slot__in=ids, state="waiting").annotate(busy=Exists(elsewhere))
    order = rows.order_by("drawn", "queued_at", "id")
    for slot, pk, party, newcomer, busy in order.values_list("slot", "pk", "party", "newcomer", "busy"):
        lines[slot].append(Ticket(pk, party, newcomer, busy))
    found: dict[int, tuple[int, Words]] = {}
    for slot, line in lines.items():
        left = max(0, taken[slot])
        _next, passed = waiting.turn(line, left)
        for n, ticket in enumerate(line, 1):
            # what is free and not given is kept for newcomers: all else the steps give at once
            found[ticket.id] = (n, WHY[passed.get(ticket.id, Why.NEWCOMERS)])
    return found


# Enrolling ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Offer:
    """A role in a shift as somebody sees it before they enrol."""

    slot: Slot
    left: int
    waits: int
    mine: Enrolment | None


def offer(actor: Actor, slot_id: int) -> Offer:
    """A public slot; NotFound (L-404). Three statements."""
    rows = Slot.objects.select_related("shift__activity__org", "shift__activity__guide", "role").filter(
        shift__activity__state__in=("posted", "ended")
    )
    slot = rows.filter(pk=slot_id).first()
    if slot is None:
        raise NotFound
    n = Enrolment.objects.filter(slot=slot).aggregate(
        held=Count("pk", filter=Q(state__in=HOLDING)), waits=Count("pk", filter=Q(state="waiting"))
    )
    mine = None
    if actor.user_id is not None:
        own_rows = Enrolment.objects.filter(shift=slot.shift, volunteer__user=actor.user_id)
        mine = own_rows.filter(state__in=(*HOLDING, "waiting")).first()
    return Offer(slot, max(0, slot.most - n["held"]), n["waits"], mine)


# A shift's people -----------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Person:
    """One line of the leader's list."""

    enrolment: Enrolment
    chip: tuple[str, Words]
    scans: list[Scan] = field(default_factory=list)
    turn: int = 0
    why: Words = ""

    @property
    def name(self) -> str:
        v = self.enrolment.volunteer
        return v.user.call_name or v.record.name_mask or v.number

    @property
    def came(self) -> dt.datetime | None:
        return next((x.at for x in self.scans if not x.out), None)

    @property
    def left(self) -> dt.datetime | None:
        last = self.scans[-1] if self.scans else None
        return last.at if last and last.out else None

    @property
    def sheet(self) -> UUID | None:
        """The photo of the sheet they signed."""
        return next((x.paper for x in self.scans if x.paper), None)

    @property
    def inside(self) -> bool:
        return self.came is not None and self.left is None


@dataclass(frozen=True, slots=True)
class ShiftDesk:
    shift: Shift
    slots: Sequence[Slot]
    people: Sequence[Person]  # who holds a place or served
    queue: Sequence[Person]
    others: Sequence[Person]  # withdrew, were refused, did not answer

    @property
    def open(self) -> int:
        """Of how many it is not settled whether they were there."""
        return sum(p.enrolment.state == "confirmed" or p.inside for p in self.people)


def desk(actor: Actor, shift_id: int) -> ShiftDesk:
    """A shift with its people, for its leaders and the area's reviewers; NotFound (L-404). Six statements."""
    shift = Shift.objects.visible_to(actor).select_related("activity__org").filter(pk=shift_id).first()
    if shift is None:
        raise NotFound
    slots = list(Slot.objects.filter(shift=shift).select_related("role").order_by("id"))
    rows = Enrolment.objects.filter(shift=shift).select_related("volunteer__user", "volunteer__record", "slot__role")
    turns = queues(s.pk for s in slots)
    made = [Person(e, CHIPS[e.state], [], *turns.get(e.pk, (0, ""))) for e in rows.order_by("slot", "id")[:2000]]
    known = {p.enrolment.pk: p for p in made}
    for scan in Scan.objects.filter(enrolment__shift=shift).order_by("at", "out"):
        known[scan.enrolment_id].scans.append(scan)
    people = [p for p in made if p.enrolment.state in (*HOLDING, "absent")]
    queue = sorted((p for p in made if p.enrolment.state == "waiting"), key=lambda p: (p.enrolment.slot_id, p.turn))
    others = [p for p in made if p not in people and p not in queue]
    return ShiftDesk(shift, slots, people, queue, others)


def by_number(numbers: Sequence[str]) -> list[int]:
    """Volunteers by the numbers they say; NotFound (L-404) when one is nobody's. One statement."""
    found = dict(Volunteer.objects.filter(number__in=numbers).values_list("number", "pk"))
    if len(found) != len(set(numbers)):
        raise NotFound
    return [found[n] for n in numbers]


# The draw -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Draw:
    """What is needed to do the draw again; all tickets are in the file (`tickets`), a page of them here."""

    shift: Shift
    page: Page[Enrolment]
    tickets: int


def drawn_shift(shift_id: int) -> Shift:
    """A public shift whose places are drawn; NotFound (L-404) for others. One statement."""
    shift: Shift | None = (
        Shift.objects.public().select_related("activity").filter(pk=shift_id).exclude(draw_at=None).first()
    )
    if shift is None:
        raise NotFound
    return shift


def draw(shift_id: int, *, after: str | None = None, size: int = 50) -> Draw:
    """The draw of a public shift, before or after, with a page of its tickets. Three statements, two before it."""
    shift = drawn_shift(shift_id)
    if shift.drawn_at is None:
        return Draw(shift, Page([]), Enrolment.objects.filter(shift=shift, state="waiting").count())
    rows = Enrolment.objects.filter(shift=shift, drawn__isnull=False)
    return Draw(shift, keyset(rows.only("drawn"), order=("drawn", "id"), after=after, size=size), rows.count())


def tickets(shift: Shift) -> list[tuple[int, int]]:
    """(place, ticket) of all who were in a draw, in the order drawn. One statement."""
    rows = Enrolment.objects.filter(shift=shift, drawn__isnull=False)
    return list(rows.order_by("drawn").values_list("drawn", "pk"))  # type: ignore[arg-type]  # not null by the filter

"""What waits for the national system, what is under way, what was answered."""

from __future__ import annotations

from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Left
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.ledger.models import Entry, Kind
from heli.places.models import Area
from heli.volunteering.models import Mapping, Outgoing, Parcel, Sharing, Volunteer
from heli.volunteering.models.outbox import Sent
from heli.volunteering.national import FIELDS
from heli.volunteering.steps.exchange import COUNTY

Words = str | Promise
STATES: Map[str, tuple[str, Words]] = {
    "waiting": ("you", pgettext_lazy("national", "waits")),
    "packed": ("doing", pgettext_lazy("national", "packed")),
    "sent": ("doing", pgettext_lazy("national", "uploaded, no receipt yet")),
    "accepted": ("done", pgettext_lazy("national", "in the national system")),
    "refused": ("late", pgettext_lazy("national", "refused there")),
    "dropped": ("pause", pgettext_lazy("national", "not told")),
}


def counts(actor: Actor) -> dict[tuple[str, str], int]:
    """{(kind, state): rows} of the actor's areas. One statement."""
    rows = Outgoing.objects.visible_to(actor).order_by().values_list("kind", "state").annotate(n=Count("pk"))
    return {(kind, state): n for kind, state, n in rows}


def unchecked(actor: Actor) -> int:
    """Of what waits: how many, because the name was not checked. One statement."""
    rows = Outgoing.objects.visible_to(actor).filter(state="waiting", volunteer__isnull=False)
    return int(rows.exclude(volunteer__state="verified").count())


def counties(actor: Actor) -> list[Area]:
    """Counties whose batches the actor packs. Two statements."""
    paths = {p[:COUNTY] for p in actor.paths(Cap.KEEP_VOLUNTEERS) if len(p) >= COUNTY}
    rows = Outgoing.objects.visible_to(actor).annotate(county=Left("area_path", COUNTY))
    paths |= set(rows.order_by().values_list("county", flat=True).distinct())
    mine = [p for p in paths if actor.can(Cap.KEEP_VOLUNTEERS, path=p)]
    return list(Area.objects.filter(path__in=mine, valid_to=None).order_by("path"))


def mapped(actor: Actor) -> list[Area]:
    """Counties whose mapping the actor writes. One statement."""
    paths = {p[:COUNTY] for p in actor.paths(Cap.MANAGE_RULES) if len(p) >= COUNTY}
    return list(Area.objects.filter(path__in=paths, valid_to=None).order_by("path"))


def mappings(county: str) -> dict[str, list[Mapping]]:
    """{kind: its versions, newest first}. One statement."""
    found: dict[str, list[Mapping]] = {k: [] for k in FIELDS}
    for m in Mapping.objects.filter(area_path=county).select_related("made_by").order_by("kind", "-version"):
        found[m.kind].append(m)
    return found


def parcels(actor: Actor, after: str | None = None) -> Page[Any]:
    """Batches of the actor's areas, newest first, each with how many were taken and refused. One statement."""
    counted = (
        Parcel.objects.visible_to(actor)
        .select_related("made_by", "mapping")
        .annotate(
            taken=Count("contents", filter=Q(contents__state="accepted")),
            back=Count("contents", filter=Q(contents__state="refused")),
            open=Count("contents", filter=Q(contents__state__in=("packed", "sent"))),
        )
    )
    return keyset(counted, order=("-id",), after=after, size=10)


@dataclass(frozen=True, slots=True)
class Filters:
    kind: str = ""
    state: str = ""

    @classmethod
    def read(cls, typed: Map[str, str]) -> Filters:
        kind, state = typed.get("kind", ""), typed.get("state", "")
        return cls(kind if kind in Sent.values else "", state if state in STATES else "")


def rows(actor: Actor, f: Filters, after: str | None = None) -> Page[Any]:
    """Rows of the outbox, newest first; refused ones are what to do, so they are shown when nothing else is asked for. One
    statement."""
    found = Outgoing.objects.visible_to(actor).defer("payload").select_related("volunteer")
    found = found.filter(state=f.state or "refused")
    if f.kind:
        found = found.filter(kind=f.kind)
    return keyset(found, order=("-id",), after=after, size=30).map(lambda r: (r, STATES[r.state], Sent(r.kind).label))


def shares(volunteer: Volunteer) -> Sharing | None:
    """The consent that holds now. One statement."""
    return Sharing.objects.filter(volunteer=volunteer, ended_at=None).first()


def taken() -> QuerySet[Outgoing]:
    """Hours (subject_id: the service) that were taken there as they stand now."""
    stands = Entry.objects.filter(pk=OuterRef("entry_id"), kind=Kind.APPROVED, superseded_by=None)
    rows: QuerySet[Outgoing] = Outgoing.objects.filter(Exists(stands), kind=Sent.HOURS, state="accepted")
    return rows


def parcel_of(actor: Actor, parcel_id: int) -> Parcel:
    found: Parcel | None = Parcel.objects.visible_to(actor).filter(pk=parcel_id).first()
    if found is None:
        raise NotFound
    return found


def columns_of(mapping: Mapping | None, kind: str) -> Sequence[tuple[str, Words, str]]:
    """(our field, what it is, their column or '')."""
    theirs = dict(mapping.columns) if mapping else {}
    return [(key, words, theirs.get(key, "")) for key, words in FIELDS[kind].items()]

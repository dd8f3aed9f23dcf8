"""Reads of the ledger: one's own hours, and what a recording organisation or a reviewer has before them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from heli.core import words
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.days import day_of, midnight
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.paging import Page, keyset
from heli.core.scope import within
from heli.ledger import national
from heli.ledger.models import Entry, Sequenced, Service
from heli.ledger.states import SERVICE, TO_RECORD
from heli.rulebook import keys

Words = str | Promise
STATES: Mapping[str, Words] = {
    "planned": pgettext_lazy("hours", "planned"),
    "attended": pgettext_lazy("hours", "to be approved"),
    "held": pgettext_lazy("hours", "looked at by a second person"),
    "approved": pgettext_lazy("hours", "approved"),
    "refused": pgettext_lazy("hours", "not counted"),
    "dropped": pgettext_lazy("hours", "called off"),
}
LOOKS = {"planned": "", "attended": "doing", "held": "soon", "approved": "done", "refused": "back", "dropped": "pause"}
DAY = 10**9  # minutes: hours of service are never said in days


def length(minutes: int | None) -> str:
    """2 小时 10 分; 0 where there is nothing, a dash where nothing is known."""
    return "—" if minutes is None else words.amount(minutes, day_minutes=DAY) if minutes else "0"


@dataclass(frozen=True, slots=True)
class Said:
    """An entry in words, with its place in the log (None: not yet)."""

    entry: Entry
    index: int | None

    @property
    def length(self) -> str:
        return length(self.entry.minutes)


@dataclass(frozen=True, slots=True)
class Row:
    """A service as lists show it, with its entries."""

    service: Service
    lines: list[Said]
    receipt: str = ""  # of the national system; without one it is a record of this platform

    @property
    def words(self) -> Words:
        return STATES[self.service.state]

    @property
    def look(self) -> str:
        return LOOKS[self.service.state]

    @property
    def minutes(self) -> dict[str, str]:
        """What is known, each kind apart."""
        s = self.service
        return {k: length(getattr(s, k)) for k in ("planned", "checked", "claimed", "credited")}

    @property
    def why(self) -> list[str]:
        """Of held hours: the rules that doubted them."""
        return [keys.title(d["key"]) for d in (self.service.held or {}).get("why", [])]


def _own(actor: Actor) -> QuerySet[Service]:
    rows: QuerySet[Service] = Service.objects.filter(person__user=actor.user_id)
    return rows if actor.user_id is not None else rows.none()


def sums(actor: Actor) -> dict[str, str]:
    """One's own time in words, by what is known of them, kept apart: approved, waiting (checked or claimed), held, planned
    and still to come. One statement."""
    found = _own(actor).aggregate(
        approved=Sum("credited"),
        waiting=Sum("checked", filter=Q(state="attended")),
        held=Sum("checked", filter=Q(state="held")),
        planned=Sum("planned", filter=Q(state="planned")),
    )
    return {k: length(v or None) for k, v in found.items()}


def mine(actor: Actor, *, after: str | None = None, size: int = 20) -> Page[Row]:
    """One's own services, the latest first, with their entries, their places in the log and what the national system answered.
    Two statements."""
    place = Sequenced.objects.filter(source="entry", source_id=OuterRef("pk")).values("index")
    entries = Prefetch("entries", Entry.objects.annotate(place=Subquery(place)).order_by("pk"))
    rows: Any = _own(actor).annotate(receipt=national.receipt("pk")).select_related("org").prefetch_related(entries)
    found = keyset(rows, order=("-starts", "-id"), after=after, size=size)
    return found.map(lambda s: Row(s, [Said(e, e.place) for e in s.entries.all()], s.receipt or ""))


# The desk -------------------------------------------------------------------------------------------------------------
WORK: Mapping[str, tuple[Words, str]] = {
    "late": (gettext_lazy("Past the day to record them"), "late"),
    "due": (gettext_lazy("To record"), "soon"),
    "held": (gettext_lazy("Waiting for a second person"), "doing"),
}
LISTED = ("late", "due")  # what is held stands on the desk of doubts


def _desk(actor: Actor) -> QuerySet[Service]:
    """What one records or reviews; one's own hours are on one's own page."""
    see = Q(org__in=actor.org_ids(Cap.RECORD_HOURS)) | within("area_path", actor.paths(Cap.REVIEW_HOURS))
    rows: QuerySet[Service] = Service.objects.filter(see)
    return rows


def _work(name: str, now: dt.datetime, today: dt.date) -> Q:
    served = Q(state__in=TO_RECORD, ends__lte=now)
    return {
        "late": served & Q(record_due__lt=today),
        "due": served & Q(record_due__gte=today),
        "held": Q(state="held"),
    }[name]


def counts(actor: Actor, now: dt.datetime, today: dt.date) -> dict[str, int]:
    """How much of each kind of work there is. One statement."""
    return _desk(actor).aggregate(**{k: Count("pk", filter=_work(k, now, today)) for k in WORK})


@dataclass(frozen=True, slots=True)
class Filters:
    """What the desk shows: an organisation, days of service, words of the service. A name has no place in an address."""

    org: int | None = None
    first: dt.date | None = None
    last: dt.date | None = None
    q: str = ""

    @classmethod
    def read(cls, typed: Mapping[str, str]) -> Filters:
        org = typed.get("org", "")
        return cls(
            int(org) if org.isdigit() and len(org) < 12 else None,
            day_of(typed.get("first", "")),
            day_of(typed.get("last", "")),
            typed.get("q", "").strip()[:40],
        )

    def kept(self) -> dict[str, str]:
        named = {"org": self.org, "first": self.first, "last": self.last, "q": self.q}
        return {k: str(v) for k, v in named.items() if v}

    def narrow(self, rows: Any) -> Any:
        if self.org is not None:
            rows = rows.filter(org=self.org)
        if self.first:
            rows = rows.filter(starts__gte=midnight(self.first))
        if self.last:
            rows = rows.filter(starts__lt=midnight(self.last + dt.timedelta(days=1)))
        return rows.filter(Q(title__icontains=self.q) | Q(content__icontains=self.q)) if self.q else rows


def listed(actor: Actor, do: str, now: dt.datetime, today: dt.date, f: Filters | None = None) -> Any:
    """Services of one kind of work, as they are narrowed."""
    rows = _desk(actor).filter(_work(do, now, today)).select_related("org", "record_rule", "person__user")
    return (f or Filters()).narrow(rows)


def desk(
    actor: Actor,
    do: str,
    now: dt.datetime,
    today: dt.date,
    f: Filters | None = None,
    *,
    after: str | None = None,
    size: int = 50,
) -> Page[Row]:
    """What is due first. One statement."""
    rows = listed(actor, do, now, today, f)
    return keyset(rows, order=("record_due", "id"), after=after, size=size).map(lambda s: Row(s, []))


def desk_orgs(actor: Actor) -> list[tuple[int, str]]:
    """(unit, its name) of those that record here. One statement."""
    return list(_desk(actor).order_by("org__name").values_list("org", "org__name").distinct()[:200])


def columns() -> list[Column[Service]]:
    """Of the desk as a table: whose hours they are stands in the service's number alone."""
    return [
        (gettext_lazy("Record"), lambda s: s.pk),
        (pgettext_lazy("hours", "Service"), lambda s: s.title),
        (gettext_lazy("Begins"), lambda s: s.starts),
        (gettext_lazy("Ends"), lambda s: s.ends),
        (gettext_lazy("Minutes planned"), lambda s: s.planned),
        (gettext_lazy("Minutes checked in"), lambda s: s.checked),
        (gettext_lazy("Minutes claimed"), lambda s: s.claimed),
        (gettext_lazy("Record by"), lambda s: s.record_due),
        (pgettext_lazy("hours", "Organisation"), lambda s: s.org.name),
        (gettext_lazy("State"), lambda s: str(STATES[s.state])),
    ]


def one(actor: Actor, service_id: int) -> Row:
    """A service of the desk with its entries. Three statements; NotFound (L-404)."""
    rows = _desk(actor).select_related("org", "record_rule", "person__user")
    found = rows.prefetch_related(Prefetch("entries", Entry.objects.order_by("pk"))).filter(pk=service_id).first()
    if found is None:
        raise NotFound
    entries = list(found.entries.all())
    places = dict(
        Sequenced.objects.filter(source="entry", source_id__in=[e.pk for e in entries]).values_list(
            "source_id", "index"
        )
    )
    return Row(found, [Said(e, places.get(e.pk)) for e in entries])


def open_acts(actor: Actor, service: Service) -> list[str]:
    """The decisions that this actor may make on it now: not on their own, nor twice. What is held has a page of its own."""
    if service.state == "held" or (actor.user_id is not None and service.person.user_id == actor.user_id):
        return []
    own = any(g.org_id == service.org_id for g in actor.grants) or actor.user_id == service.decided_by
    return [
        a.name
        for a in SERVICE
        if a.needs is not None
        and service.state in a.sources
        and any(
            actor.may(cap, scope, path=service.area_path, org_id=service.org_id)
            for cap, scope in ((a.needs, a.scope), *a.also)
        )
        and not (a.needs is Cap.REVIEW_HOURS and own)
    ]

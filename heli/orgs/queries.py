"""Reads of organisations, members and grants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.models import Event
from heli.core.paging import Page, keyset
from heli.core.scope import ancestors
from heli.core.scope import within as inside
from heli.core.subjects import Subject
from heli.orgs.errors import NoSuchPerson, UnitClosed
from heli.orgs.models import Grant, Member, Organisation, Role
from heli.people import queries as people
from heli.people.models import User
from heli.places.models import Area

NO_SUCH_PERSON = NoSuchPerson(field="username")


class HasAccount(Protocol):
    pk: int
    is_active: bool


# Actors -------------------------------------------------------------------------------------------------------------
def grants_in_force(user_id: int, at: dt.datetime) -> tuple[GrantView, ...]:
    """What the person may do at that moment; grants of closed organisations do not count. One statement."""
    rows = (
        Grant.objects.in_force(at)
        .filter(user_id=user_id)
        .order_by("id")
        .values_list("id", "role__caps", "org_id", "org__short_name", "paths", "acting_for_id")
    )
    known = {c.value: c for c in Cap}
    return tuple(
        GrantView(pk, frozenset(known[c] for c in caps if c in known), org_id, org_name or "", tuple(paths), acting_for)
        for pk, caps, org_id, org_name, paths, acting_for in rows
    )


def actor_for(user: HasAccount, at: dt.datetime | None = None) -> Actor:
    """The Actor of an account with the grants in force now. One statement; an inactive account has none."""
    grants = grants_in_force(user.pk, at or timezone.now()) if user.is_active else ()
    return Actor(user_id=user.pk, name=str(user), grants=grants)


@dataclass(frozen=True, slots=True)
class Person:
    """An account as colleagues see it."""

    id: int
    username: str
    name: str


def people_with(cap: Cap, *, at: dt.datetime, org_id: int | None = None, path: str | None = None) -> list[Person]:
    """Who holds a capability, for an organisation or over an area (or both), by name. One statement."""
    found = Grant.objects.in_force(at).filter(role__caps__contains=[cap.value])
    if org_id is not None:
        found = found.filter(org_id=org_id)
    if path is not None:
        found = found.filter(paths__overlap=["", *ancestors(path)])
    rows = found.order_by("user__call_name", "user_id").values_list("user_id", "user__username", "user__call_name")
    return [Person(pk, username, call_name or username) for pk, username, call_name in dict.fromkeys(rows)]


# Organisations ------------------------------------------------------------------------------------------------------
def open_unit(org_id: int, at: dt.datetime) -> Organisation:
    """An organisation that takes new things. Raises NotFound (L-404), UnitClosed (L-601). One statement."""
    org: Organisation | None = Organisation.objects.filter(pk=org_id).first()
    if org is None:
        raise NotFound
    if org.closed_at is not None and org.closed_at <= at:
        raise UnitClosed(name=org.short_name)
    return org


def _matching(text: str) -> Q:
    text = text.strip()
    found = Q(name__icontains=text) | Q(short_name__icontains=text) | Q(code__iexact=text)
    return found | Q(initials__startswith=text.lower()) if text.isascii() else found


def search_orgs(
    text: str = "",
    *,
    at: dt.datetime,
    within: Iterable[str] = ("",),
    kinds: Iterable[str] = (),
    also: Iterable[str] = (),
    limit: int = 20,
) -> list[Organisation]:
    """Open organisations in areas, by part of the name, by pinyin initials or by code; for pickers. One statement.

    `also`: areas whose own organisations (not those inside) are offered too, like the county's above a street.
    """
    found = Organisation.objects.open_on(at).filter(inside("area_path", within) | Q(area_path__in=list(also)))
    if text.strip():
        found = found.filter(_matching(text))
    if chosen := list(kinds):
        found = found.filter(kind__in=chosen)
    return list(found.order_by("area_path", "short_name", "id")[:limit])


def describe_orgs(ids: list[int], actor: Actor) -> dict[int, Subject]:  # noqa: ARG001  (organisations are public)
    """Organisations by id, for rooms that keep the id alone (core.subjects). One statement."""
    return {o.pk: Subject(o.short_name) for o in Organisation.objects.filter(pk__in=ids)}


def find_orgs(text: str, within: tuple[str, ...]) -> dict[int, Subject]:
    """Open organisations that fit what was typed, for the same rooms. One statement."""
    found = search_orgs(text, at=timezone.now(), within=within, also=within, limit=12)
    return {o.pk: Subject(f"{o.short_name} · {o.name}") for o in found}


@dataclass(frozen=True, slots=True)
class Node:
    """An organisation in its tree; `depth` 0 stands highest."""

    org: Organisation
    depth: int


def tree(within: Iterable[str], *, at: dt.datetime, limit: int = 2000) -> list[Node]:
    """Open organisations of some areas, each below the one above it. One statement; at most `limit` of them."""
    rows = list(
        Organisation.objects.open_on(at).filter(inside("area_path", within)).order_by("area_path", "kind", "id")[:limit]
    )
    ids = {o.pk for o in rows}
    below: dict[int | None, list[Organisation]] = {}
    for org in rows:
        below.setdefault(org.parent_id if org.parent_id in ids else None, []).append(org)

    def walk(parent: int | None, depth: int) -> Iterator[Node]:
        for org in below.get(parent, ()):
            yield Node(org, depth)
            yield from walk(org.pk, depth + 1)

    return list(walk(None, 0))


def orgs_page(
    actor: Actor, *, text: str = "", kind: str = "", path: str = "", closed: bool = False, at: dt.datetime,
    after: str | None = None, size: int = 50,
) -> Page[Organisation]:  # fmt: skip
    """Organisations that the actor manages, in order of their areas. One statement."""
    return keyset(
        orgs_list(actor, text=text, kind=kind, path=path, closed=closed, at=at),
        order=("area_path", "id"),
        after=after,
        size=size,
    )


def orgs_list(
    actor: Actor, *, text: str = "", kind: str = "", path: str = "", closed: bool = False, at: dt.datetime
) -> QuerySet[Organisation]:
    """The same rows as `orgs_page`, for a count or an export."""
    found = Organisation.objects.managed_by(actor).select_related("area", "parent")
    found = found.filter(closed_at__lte=at) if closed else found.open_on(at)
    if text.strip():
        found = found.filter(_matching(text))
    if kind:
        found = found.filter(kind=kind)
    if path:
        found = found.filter(inside("area_path", [path]))
    rows: QuerySet[Organisation] = found
    return rows


def managed_org(actor: Actor, org_id: int) -> Organisation:
    """One organisation that the actor manages; NotFound (L-404) otherwise. One statement."""
    org: Organisation | None = (
        Organisation.objects.managed_by(actor).select_related("area", "parent").filter(pk=org_id).first()
    )
    if org is None:
        raise NotFound
    return org


def below(org_id: int, at: dt.datetime) -> list[Organisation]:
    """Open organisations directly below one. One statement."""
    return list(Organisation.objects.open_on(at).filter(parent_id=org_id).order_by("area_path", "id")[:200])


def members_of(org_id: int, at: dt.datetime) -> list[Member]:
    """Who is a member now, by name. One statement."""
    rows = Member.objects.in_force(at).filter(org_id=org_id).select_related("user")
    return list(rows.order_by("user__call_name", "user_id"))


# Grants -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class GrantFilter:
    """What the list of grants is narrowed to; empty fields narrow nothing. `state`: now, soon, ended or all."""

    person: str = ""
    role: str = ""
    unit: str = ""
    path: str = ""
    state: str = "now"
    soon: dt.timedelta = field(default=dt.timedelta(days=30))


def grants_list(actor: Actor, wanted: GrantFilter, *, at: dt.datetime) -> QuerySet[Grant]:
    """Grants that reach into the areas whose grants the actor manages, newest first."""
    found = (
        Grant.objects.touching(actor.paths(Cap.MANAGE_GRANTS))
        .select_related("user", "role", "org", "given_by", "acting_for")
        .order_by("-id")
    )
    if wanted.person.strip():
        text = wanted.person.strip()
        found = found.filter(Q(user__username__icontains=text) | Q(user__call_name__icontains=text))
    if wanted.role:
        found = found.filter(role__key=wanted.role)
    if wanted.unit.strip():
        text = wanted.unit.strip()
        found = found.filter(Q(org__name__icontains=text) | Q(org__short_name__icontains=text))
    if wanted.path:
        found = found.filter(reach__overlap=[wanted.path])
    if wanted.state == "now":
        found = found.in_force(at)
    elif wanted.state == "soon":
        found = found.in_force(at).filter(valid_to__lte=at + wanted.soon)
    elif wanted.state == "ended":
        found = found.exclude(pk__in=Grant.objects.in_force(at).values("pk")).filter(valid_from__lte=at)
    rows: QuerySet[Grant] = found
    return rows


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant for a list: what it says, whether it counts now and, if not, why, and whether the actor may end it."""

    grant: Grant
    areas: tuple[str, ...]
    in_force: bool
    why_not: str  # '', 'not_yet', 'ended', 'unit_closed', 'account_closed'
    may_end: bool

    @property
    def id(self) -> int:
        return int(self.grant.pk)


def _why_not(grant: Grant, at: dt.datetime) -> str:
    if grant.valid_to is not None and grant.valid_to <= at:
        return "ended"
    if grant.valid_from > at:
        return "not_yet"
    if not grant.user.is_active:
        return "account_closed"
    if grant.org is not None and grant.org.closed_at is not None and grant.org.closed_at <= at:
        return "unit_closed"
    return ""


def area_names(paths: Iterable[str]) -> dict[str, str]:
    """Short names of areas by path. One statement."""
    wanted = {p for p in paths if p}
    return dict(Area.objects.filter(path__in=wanted).values_list("path", "short_name")) if wanted else {}


def grant_rows(actor: Actor, grants: Sequence[Grant], *, at: dt.datetime) -> list[GrantRow]:
    """Grants with their areas' names. One statement."""
    known = area_names(p for g in grants for p in g.paths)
    rows = []
    for g in grants:
        why_not = _why_not(g, at)
        may_end = (
            why_not != "ended"
            and g.user_id != actor.user_id
            and all(actor.can(Cap.MANAGE_GRANTS, path=p) for p in g.paths)
        )
        rows.append(GrantRow(g, tuple(known.get(p, p) for p in g.paths), not why_not, why_not, may_end))
    return rows


def grants_page(
    actor: Actor, wanted: GrantFilter, *, at: dt.datetime, after: str | None = None, size: int = 50
) -> Page[GrantRow]:
    """One page of the list of grants. Two statements."""
    page = keyset(grants_list(actor, wanted, at=at), order=("-id",), after=after, size=size)
    return Page(grant_rows(actor, page.rows, at=at), page.next)


def grant_seen(actor: Actor, grant_id: int) -> Grant:
    """One grant that the actor may see; NotFound (L-404) otherwise. One statement."""
    grant: Grant | None = (
        Grant.objects.visible_to(actor)
        .select_related("user", "role", "org", "given_by", "acting_for")
        .filter(pk=grant_id)
        .first()
    )
    if grant is None:
        raise NotFound
    return grant


def grants_of(actor: Actor, user_id: int, *, at: dt.datetime) -> list[GrantRow]:
    """What one person may do and could do, as far as the actor may see: in force first. Two statements."""
    found = (
        Grant.objects.visible_to(actor)
        .filter(user_id=user_id)
        .select_related("user", "role", "org", "given_by", "acting_for")
        .order_by("-id")[:200]
    )
    return sorted(grant_rows(actor, list(found), at=at), key=lambda r: not r.in_force)


def grants_for_unit(actor: Actor, org_id: int, *, at: dt.datetime) -> list[GrantRow]:
    """What people may do for one unit now, as far as the actor may see. Two statements."""
    found = (
        Grant.objects.visible_to(actor)
        .in_force(at)
        .filter(org_id=org_id)
        .select_related("user", "role", "org", "given_by", "acting_for")
        .order_by("role_id", "user__call_name", "id")[:200]
    )
    return grant_rows(actor, list(found), at=at)


def person_seen(actor: Actor, user_id: int) -> User:
    """An account that holds or held a grant the actor may see; NotFound (L-404) otherwise. One statement."""
    user = User.objects.filter(pk=user_id, grants__in=Grant.objects.visible_to(actor)).distinct().first()
    if user is None:
        raise NotFound
    return user


@dataclass(frozen=True, slots=True)
class Happened:
    """One event about a grant or an organisation: who did it ('' for the system) and why, if a reason was asked."""

    at: dt.datetime
    step: str
    who: str
    why: str


def history(subject_type: str, subject_ids: Iterable[int], limit: int = 100) -> list[Happened]:
    """What happened to these, newest first. Two statements."""
    events = list(
        Event.objects.filter(subject_type=subject_type, subject_id__in=list(subject_ids)).order_by("-at", "-id")[:limit]
    )
    who = people.names(e.user_id for e in events if e.user_id)
    return [Happened(e.at, e.step, who.get(e.user_id or 0, ""), e.data.get("reason", "")) for e in events]


def roles() -> list[Role]:
    """All roles, in the order they were made. One statement."""
    return list(Role.objects.order_by(F("id")))

"""Every write about organisations, members, roles and grants.

Who may give what (tests/orgs/test_grants.py walks it): an administrator gives any role, but only in areas whose grants
they manage, only for units in those areas, never to themselves, never for longer than a year; and ends only what lies
wholly in their areas and is not their own. The system (command line, demo) is bound by none of this.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from heli.core import sessions
from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.scope import ancestors, covers
from heli.core.steps import Step, step
from heli.engines.identifiers import without_personal
from heli.orgs.errors import (
    GrantedAlready,
    MemberAlready,
    NeedsOrg,
    NotTheirs,
    OrgNameTaken,
    OutsideUnit,
    OwnGrant,
    ParentCircle,
    TooLong,
    TooWide,
    UnitClosed,
    UnitsBelow,
)
from heli.orgs.models import Grant, Member, Organisation, OrgKind, Role, reach_of
from heli.people.models import User
from heli.places.models import Area
from heli.places.pinyin import initials_of

ROLES = Path(__file__).parent / "data" / "roles.yaml"
LONGEST = dt.timedelta(days=366)
USUAL = dt.timedelta(days=365)


# Roles --------------------------------------------------------------------------------------------------------------
def import_roles(*, at: dt.datetime, source: Path = ROLES) -> list[str]:
    """Bring the roles to what the file says; roles that it does not name stay. Returns the keys that changed.

    Raises:
        ValueError: an unknown capability.
    """
    wanted = {
        key: {
            "name": row["name"],
            "name_en": row.get("name_en", ""),
            "needs_org": bool(row.get("needs_org")),
            "caps": sorted(Cap(c).value for c in row["caps"]),
        }
        for key, row in yaml.safe_load(source.read_text()).items()
    }
    known = {r.key: r for r in Role.objects.filter(key__in=wanted)}
    changed = [
        k for k, row in wanted.items() if k not in known or any(getattr(known[k], f) != v for f, v in row.items())
    ]
    if changed:
        with step("orgs.import_roles", by=SYSTEM, at=at) as s:
            for key in changed:
                Role.objects.update_or_create(key=key, defaults=wanted[key])
            s.about("orgs.role", 0, "")
            s.record(roles=changed)
    return changed


# Organisations ------------------------------------------------------------------------------------------------------
def _managed(s: Step, org_id: int) -> Organisation:
    """The organisation, locked; NotFound (L-404) unless the actor manages organisations of its area."""
    found = Organisation.objects.managed_by(s.by).select_for_update(of=("self",)).filter(pk=org_id).first()
    if found is None:
        raise NotFound
    org: Organisation = found
    s.require(Cap.MANAGE_ORGS, path=org.area_path)
    s.about("orgs.organisation", org.pk, org.area_path)
    s.record(org, public=True)
    return org


def _keep(org: Organisation) -> Organisation:
    try:
        with transaction.atomic():
            org.save()
    except IntegrityError as error:
        raise OrgNameTaken(field="name") from error
    return org


def _names(name: str, short_name: str) -> tuple[str, str]:
    name, short_name = name.strip(), short_name.strip() or name.strip()[:30]
    if not name:
        raise Invalid(_("Type the organisation's full name."), field="name")
    return name, short_name


def create_org(
    *,
    kind: str,
    name: str,
    area_path: str,
    by: Actor,
    at: dt.datetime,
    short_name: str = "",
    parent_id: int | None = None,
    code: str = "",
) -> Organisation:
    """A new organisation in an area. `code`: unified social credit code (checked by the form), or none.

    Raises:
        Forbidden: not an area whose organisations the actor manages (L-403). Invalid: no name, no such kind or area.
        OrgNameTaken: an open one of this name is there already, or the code is used (L-607).
        UnitClosed: the one above has closed (L-601).
    """
    if kind not in OrgKind.values:
        raise Invalid(_("Choose what kind of organisation it is."), field="kind")
    name, short_name = _names(name, short_name)
    with step("orgs.create_org", by=by, at=at) as s:
        s.require(Cap.MANAGE_ORGS, path=area_path)
        area = Area.objects.filter(path=area_path, valid_to=None).first()
        if area is None:
            raise Invalid(_("Choose the area it belongs to."), field="area")
        org = Organisation(kind=kind, name=name, short_name=short_name, code=code, area=area, area_path=area.path)
        org.opened_at, org.initials = at, initials_of(area.path, short_name)[:80]
        if parent_id:
            org.parent = _open_parent(parent_id, at)
        _keep(org)
        s.about("orgs.organisation", org.pk, org.area_path)
        s.record(org, public=True, name=name, kind=str(kind))
    return org


def _open_parent(parent_id: int, at: dt.datetime) -> Organisation:
    parent = Organisation.objects.filter(pk=parent_id).first()
    if parent is None:
        raise Invalid(_("There is no such organisation to stand above it."), field="parent")
    if parent.closed_at and parent.closed_at <= at:
        raise UnitClosed(field="parent", name=parent.name)
    found: Organisation = parent
    return found


def change_org(
    *,
    org_id: int,
    name: str,
    by: Actor,
    at: dt.datetime,
    short_name: str = "",
    parent_id: int | None = None,
    code: str = "",
) -> Organisation:
    """Another name, code, or organisation above it. Its area stays: one that moves is closed and opened anew.

    Raises: NotFound (L-404), OrgNameTaken (L-607), UnitClosed (L-601), ParentCircle (L-613), Invalid (L-400).
    """
    name, short_name = _names(name, short_name)
    with step("orgs.change_org", by=by, at=at) as s:
        org = _managed(s, org_id)
        s.record(old_name=org.name, name=name)
        parent = _open_parent(parent_id, at) if parent_id and parent_id != org.parent_id else org.parent
        above = parent
        while above is not None:  # a handful of levels
            if above.pk == org.pk:
                raise ParentCircle(field="parent", name=parent.name if parent else "")
            above = above.parent
        org.name, org.short_name, org.code = name, short_name, code
        org.initials = initials_of(org.area_path, short_name)[:80]
        org.parent = parent if parent_id else None
        _keep(org)
    return org


def close_org(*, org_id: int, reason: str, by: Actor, at: dt.datetime) -> Organisation:
    """Close it: from now on its grants do not count and nothing new can be given to it.

    Raises: NotFound (L-404), WrongState (closed already, L-101), UnitsBelow (L-608), PaperMissing (no reason, L-103).
    """
    with step("orgs.close_org", by=by, at=at) as s:
        org = _managed(s, org_id)
        if org.closed_at is not None:
            raise WrongState
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why it closes"))
        below = Organisation.objects.filter(parent=org, closed_at=None).count()
        if below:
            raise UnitsBelow(count=below)
        org.closed_at = max(at, org.opened_at + dt.timedelta(microseconds=1))
        org.save(update_fields=["closed_at"])
        s.record(reason=reason.strip()[:200])
    return org


def reopen_org(*, org_id: int, reason: str, by: Actor, at: dt.datetime) -> Organisation:
    """Take a closing back; its grants that have not ended count again.

    Raises: NotFound (L-404), WrongState (it is open, L-101), OrgNameTaken (L-607), PaperMissing (L-103).
    """
    with step("orgs.reopen_org", by=by, at=at) as s:
        org = _managed(s, org_id)
        if org.closed_at is None:
            raise WrongState
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why it opens again"))
        org.closed_at = None
        _keep(org)
        s.record(reason=reason.strip()[:200])
    return org


# Members ------------------------------------------------------------------------------------------------------------
def add_member(*, org_id: int, user_id: int, by: Actor, at: dt.datetime, title: str = "") -> Member:
    """Somebody now works in or belongs to the organisation; what they may do is given by grants, not by this.

    Raises: NotFound (L-404), UnitClosed (L-601), MemberAlready (L-610).
    """
    with step("orgs.add_member", by=by, at=at) as s:
        org = _managed(s, org_id)
        if org.closed_at and org.closed_at <= at:
            raise UnitClosed(name=org.name)
        if not User.objects.filter(pk=user_id, is_active=True).exists():
            raise NotFound
        try:
            with transaction.atomic():
                member = Member.objects.create(org=org, user_id=user_id, title=title.strip()[:40], valid_from=at)
        except IntegrityError as error:
            raise MemberAlready(field="username") from error
        s.record(member, public=False)
    return member


def end_member(*, member_id: int, by: Actor, at: dt.datetime) -> Member:
    """The membership ends; grants are ended on their own.

    Raises: NotFound (L-404), WrongState (it has ended, L-101).
    """
    with step("orgs.end_member", by=by, at=at) as s:
        found = Member.objects.visible_to(by).filter(pk=member_id).values_list("org_id", flat=True).first()
        if found is None:
            raise NotFound
        _managed(s, found)
        member: Member = Member.objects.select_for_update().get(pk=member_id)
        if member.valid_to is not None:
            raise WrongState
        member.valid_to = max(at, member.valid_from)
        member.save(update_fields=["valid_to"])
        s.record(member, public=False)
    return member


# Grants -------------------------------------------------------------------------------------------------------------
def _lock_grants(s: Step, *others: int) -> dict[int, Grant]:
    """The giver's own grants that let them decide, and others, locked in one order so that two administrators who
    decide on each other wait instead of blocking each other for good. Forbidden when theirs has ended meanwhile."""
    own = {g.id for g in s.by.grants if Cap.MANAGE_GRANTS in g.caps}
    rows = {
        g.pk: g
        for g in Grant.objects.filter(pk__in=own | set(others))
        .select_for_update(of=("self",))
        .select_related("role", "org")
        .order_by("pk")
    }
    for pk in own:
        end = rows[pk].valid_to if pk in rows else s.at
        if end is not None and end <= s.at:
            raise Forbidden
    return rows


def _slim(paths: Iterable[str]) -> list[str]:
    """Sorted, without areas that lie inside another one of the list."""
    kept: list[str] = []
    for path in sorted({p.strip() for p in paths}):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return kept


def common_area(paths: Sequence[str]) -> str:
    """The smallest area that holds all of them; '' is the whole country."""
    shared = set.intersection(*({"", *ancestors(p)} for p in paths))
    return max(shared, key=len)


def _unit(org_id: int, paths: list[str], by: Actor, at: dt.datetime) -> Organisation:
    org: Organisation | None = Organisation.objects.filter(pk=org_id).select_for_update(of=("self",)).first()
    if org is None:
        raise Invalid(_("There is no such unit."), field="org")
    if org.closed_at and org.closed_at <= at:
        raise UnitClosed(field="org", name=org.name)
    if not by.can(Cap.MANAGE_GRANTS, path=org.area_path):
        raise TooWide(field="org")
    if not all(covers([org.area_path], p) for p in paths):
        raise OutsideUnit(field="paths", name=org.name)
    return org


def _until(valid_to: dt.datetime | None, start: dt.datetime, by: Actor) -> dt.datetime | None:
    if by.system:
        return valid_to
    end = valid_to or start + USUAL
    if end <= start:
        raise Invalid(_("The end lies before the beginning. Choose a later day."), field="valid_to")
    if end > start + LONGEST:
        raise TooLong(field="valid_to", days=USUAL.days)
    return end


def give_grant(
    *,
    user_id: int,
    role: str,
    paths: Sequence[str],
    reason: str,
    by: Actor,
    at: dt.datetime,
    org_id: int | None = None,
    valid_from: dt.datetime | None = None,
    valid_to: dt.datetime | None = None,
    acting_for_id: int | None = None,
) -> Grant:
    """Give a person a role (by key) in areas, for a unit or none, from now or later, a year long unless said otherwise.

    Areas inside one another are put together. With `acting_for_id` the colleague must hold the same role there.

    Raises:
        OwnGrant: to oneself (L-602). TooWide: an area or the unit lies outside the giver's areas (L-603).
        NotFound: no such person (L-404). Forbidden: the giver manages no grants, or no longer (L-403).
        Invalid, NeedsOrg, UnitClosed, OutsideUnit, TooLong, NotTheirs, PaperMissing: L-400 L-604 L-601 L-612 L-606
        L-611 L-103, with the field. GrantedAlready: the same one is in force (L-605).
    """
    with step("orgs.give_grant", by=by, at=at) as s:
        chosen = _slim(paths)
        if not chosen:
            raise Invalid(_("Choose at least one area."), field="paths")
        if not by.system:
            if Cap.MANAGE_GRANTS not in by.caps:
                raise Forbidden
            if by.user_id == user_id:
                raise OwnGrant
            if not all(by.can(Cap.MANAGE_GRANTS, path=p) for p in chosen):
                raise TooWide(field="paths")
            _lock_grants(s)
            s.require(Cap.MANAGE_GRANTS, path=chosen[0])
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why it is given"))
        if Area.objects.filter(path__in=chosen, valid_to=None).count() != len([p for p in chosen if p]):
            raise Invalid(_("One of the areas does not exist any more. Choose it again."), field="paths")
        kind = Role.objects.filter(key=role).first()
        if kind is None:
            raise Invalid(_("Choose a role."), field="role")
        if kind.needs_org and org_id is None:
            raise NeedsOrg(field="org", role=str(kind))
        org = _unit(org_id, chosen, by, at) if org_id is not None else None
        start = max(valid_from or at, at) if not by.system else valid_from or at
        end = _until(valid_to, start, by)
        if User.objects.select_for_update(of=("self",)).filter(pk=user_id, is_active=True).first() is None:
            raise NotFound
        grant = Grant(user_id=user_id, role=kind, org=org, paths=chosen, reach=reach_of(chosen))
        grant.valid_from, grant.valid_to, grant.acting_for_id = start, end, acting_for_id
        grant.given_by_id, grant.reason = by.user_id, reason.strip()[:200]
        _check_doubles(grant)
        grant.save(force_insert=True)
        _about(s, grant)
        until = end.isoformat() if end else ""
        s.record(user_id=user_id, role=kind.key, org_id=org_id, paths=chosen, until=until)
    return grant


def _check_doubles(new: Grant) -> None:
    """Call while holding the user's row: two administrators who give the same at once make one grant."""
    later = models.Q(valid_to=None) | models.Q(valid_to__gt=new.valid_from)
    same = Grant.objects.filter(later, role=new.role, org=new.org)
    if any(g.paths == new.paths for g in same.filter(user_id=new.user_id, acting_for_id=new.acting_for_id)):
        raise GrantedAlready
    if new.acting_for_id is not None:
        theirs = [p for g in same.filter(user_id=new.acting_for_id, acting_for=None) for p in g.paths]
        if new.acting_for_id == new.user_id or not all(covers(theirs, p) for p in new.paths):
            raise NotTheirs(field="acting_for")


def _about(s: Step, grant: Grant) -> None:
    s.about("orgs.grant", grant.pk, common_area(grant.paths))
    s.record(grant)


def end_grant(*, grant_id: int, reason: str, by: Actor, at: dt.datetime) -> Grant:
    """End a grant now (one that has not begun never begins).

    Raises:
        NotFound: no such grant in the actor's areas (L-404). OwnGrant: one's own (L-602).
        TooWide: part of it lies in areas of others (L-603). WrongState: it has ended (L-101).
        Forbidden: the actor's own grant ended meanwhile (L-403). PaperMissing: no reason (L-103).
    """
    with step("orgs.end_grant", by=by, at=at) as s:
        if not Grant.objects.visible_to(by).filter(pk=grant_id).exists():
            raise NotFound
        grant = _lock_grants(s, grant_id)[grant_id]
        if not by.system:
            if by.user_id == grant.user_id:
                raise OwnGrant
            if not all(by.can(Cap.MANAGE_GRANTS, path=p) for p in grant.paths):
                raise TooWide
            s.require(Cap.MANAGE_GRANTS, path=grant.paths[0])
        if grant.valid_to is not None and grant.valid_to <= at:
            raise WrongState
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why it ends"))
        grant.valid_to, grant.end_reason = max(at, grant.valid_from), reason.strip()[:200]
        grant.save(update_fields=["valid_to", "end_reason"])
        _about(s, grant)
        s.record(user_id=grant.user_id, role=grant.role.key, org_id=grant.org_id)
    return grant


def reset_second_factor(*, user_id: int, reason: str, by: Actor, at: dt.datetime) -> User:
    """A colleague lost their second factor: it is taken off, with its spare codes, every session of theirs ends, and
    the next log-in asks them to set up a new one before any grant counts. Before that somebody made sure who asks.

    Raises:
        NotFound: nobody with a grant in the actor's areas (L-404). OwnGrant: one's own account (L-602).
        TooWide: they hold something outside the actor's areas (L-603). PaperMissing: no reason (L-103).
        Invalid: there is no second factor to take off (L-400).
    """
    with step("orgs.reset_second_factor", by=by, at=at) as s:
        if not Grant.objects.visible_to(by).filter(user=user_id).exists():
            raise NotFound
        held = list(Grant.objects.filter(user=user_id).in_force(at))
        user = User.objects.select_for_update().get(pk=user_id)
        if not by.system:
            if by.user_id == user_id:
                raise OwnGrant
            if not held or not all(by.can(Cap.MANAGE_GRANTS, path=p) for g in held for p in g.paths):
                raise TooWide
            s.require(Cap.MANAGE_GRANTS, path=held[0].paths[0])
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("how you made sure who asks"))
        if not Authenticator.objects.filter(user=user).delete()[0]:
            raise Invalid(
                _("They have no second factor set up; at the next log-in they are asked for one."), field="reason"
            )
        ended = sessions.end(user.pk)
        s.about("people.user", user.pk, common_area([p for g in held for p in g.paths]) if held else "")
        s.record(user, reason=without_personal(reason.strip())[:200], ended=ended)
    return user


def as_data(grant: Grant) -> dict[str, Any]:
    """A grant as plain values, for the command line."""
    return {
        "id": grant.pk,
        "user_id": grant.user_id,
        "role": grant.role.key,
        "org_id": grant.org_id,
        "paths": grant.paths,
        "from": grant.valid_from.isoformat(),
        "to": grant.valid_to.isoformat() if grant.valid_to else None,
        "acting_for_id": grant.acting_for_id,
        "reason": grant.reason,
    }

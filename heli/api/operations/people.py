"""Organisations, their members, accounts and grants."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import Field

from heli.api.http import ApiRequest, operation
from heli.api.operations.acts import say
from heli.api.out import paged
from heli.api.shapes import After, AreaPath, Done, Id, In, ListOf, Moment, OrgKind, Out, PageOf, Size
from heli.core.caps import Cap, Scope
from heli.core.errors import Invalid
from heli.orgs import queries, steps
from heli.orgs.models import Grant, Organisation, Role
from heli.people.steps import open_account

Instant = dt.datetime
Why = Annotated[str, Field(min_length=1, max_length=200)]


class OrgOut(Out):
    id: int
    name: str
    short_name: str
    kind: str
    code: str
    area_path: str
    parent_id: int | None
    opened_at: Instant
    closed_at: Instant | None

    @classmethod
    def of(cls, o: Organisation) -> OrgOut:
        return cls(
            id=o.pk, name=o.name, short_name=o.short_name, kind=o.kind, code=o.code, area_path=o.area_path,
            parent_id=o.parent_id, opened_at=o.opened_at, closed_at=o.closed_at,
        )  # fmt: skip


@operation("GET", "units", scope=Scope.PUBLIC, tag="orgs", out=ListOf[OrgOut])
def search_units(
    request: ApiRequest,
    within: AreaPath,
    q: Annotated[str, Field(max_length=60)] = "",
    kind: OrgKind | Literal[""] = "",
    size: Annotated[int, Field(ge=1, le=200)] = 50,
) -> ListOf[OrgOut]:
    """Open organisations of an area by name, pinyin initials or code. Organisations are public."""
    found = queries.search_orgs(q, at=timezone.now(), within=(within,), kinds=(kind,) if kind else (), limit=size)
    return ListOf[OrgOut](rows=[OrgOut.of(o) for o in found])


@operation("GET", "orgs", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=PageOf[OrgOut])
def list_orgs(
    request: ApiRequest,
    q: Annotated[str, Field(max_length=60)] = "",
    kind: OrgKind | Literal[""] = "",
    area: AreaPath | Literal[""] = "",
    closed: bool = False,
    after: After = "",
    size: Size = 50,
) -> Any:
    """Organisations whose data the actor keeps."""
    page = queries.orgs_page(
        request.actor, text=q, kind=kind, path=area, closed=closed, at=timezone.now(), after=after or None, size=size
    )
    return PageOf[OrgOut](**paged(page, OrgOut.of))


class MemberOut(Out):
    id: int
    user_id: int
    username: str
    title: str


class OrgDetail(Out):
    organisation: OrgOut
    below: list[int]
    members: list[MemberOut]


@operation("GET", "orgs/{org_id}", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=OrgDetail)
def get_org(request: ApiRequest, org_id: Id) -> OrgDetail:
    """One organisation with its members."""
    now = timezone.now()
    org = queries.managed_org(request.actor, org_id)
    return OrgDetail(
        organisation=OrgOut.of(org),
        below=[o.pk for o in queries.below(org.pk, now)],
        members=[
            MemberOut(id=m.pk, user_id=m.user_id, username=m.user.username, title=m.title)
            for m in queries.members_of(org.pk, now)
        ],
    )


class OrgChange(In):
    name: Annotated[str, Field(min_length=1, max_length=80)]
    short_name: Annotated[str, Field(max_length=30)] = ""
    parent_id: Id | None = None
    code: Annotated[str, Field(pattern=r"^(|[0-9A-Z]{18})$", description="Unified social credit code.")] = ""


class OrgIn(OrgChange):
    kind: OrgKind
    area: AreaPath


@operation(
    "POST", "orgs", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=OrgOut, status=201, calls="create_org"
)
def create_org(request: ApiRequest, body: OrgIn) -> OrgOut:
    """A new organisation in an area."""
    made = steps.create_org(
        kind=body.kind, name=body.name, short_name=body.short_name, area_path=body.area, parent_id=body.parent_id,
        code=body.code, **say(request),
    )  # fmt: skip
    return OrgOut.of(made)


@operation(
    "POST", "orgs/{org_id}/change", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=OrgOut, calls="change_org"
)
def change_org(request: ApiRequest, org_id: Id, body: OrgChange) -> OrgOut:
    """Another name, code, or organisation above it."""
    made = steps.change_org(
        org_id=org_id,
        name=body.name,
        short_name=body.short_name,
        parent_id=body.parent_id,
        code=body.code,
        **say(request),
    )
    return OrgOut.of(made)


class WhyIn(In):
    reason: Why


@operation(
    "POST", "orgs/{org_id}/close", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=OrgOut, calls="close_org"
)
def close_org(request: ApiRequest, org_id: Id, body: WhyIn) -> OrgOut:
    """Close it: its grants no longer count, nothing new can be given to it."""
    return OrgOut.of(steps.close_org(org_id=org_id, reason=body.reason, **say(request)))


@operation(
    "POST", "orgs/{org_id}/reopen", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=OrgOut, calls="reopen_org"
)
def reopen_org(request: ApiRequest, org_id: Id, body: WhyIn) -> OrgOut:
    """Take a closing back."""
    return OrgOut.of(steps.reopen_org(org_id=org_id, reason=body.reason, **say(request)))


class MemberIn(In):
    user_id: Id
    title: Annotated[str, Field(max_length=40)] = ""


@operation(
    "POST", "orgs/{org_id}/members", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=Done, status=201,
    calls="add_member",
)  # fmt: skip
def add_member(request: ApiRequest, org_id: Id, body: MemberIn) -> Done:
    """Somebody now works in or belongs to it; what they may do is given by grants."""
    made = steps.add_member(org_id=org_id, user_id=body.user_id, title=body.title, **say(request))
    return Done(id=made.pk, state="member")


@operation(
    "POST", "members/{member_id}/end", needs=Cap.MANAGE_ORGS, scope=Scope.AREA, tag="orgs", out=Done, calls="end_member"
)
def end_member(request: ApiRequest, member_id: Id) -> Done:
    """The membership ends; grants are ended on their own."""
    return Done(id=steps.end_member(member_id=member_id, **say(request)).pk, state="ended")


# Grants ---------------------------------------------------------------------------------------------------------------
class RoleOut(Out):
    key: str
    name: str
    capabilities: list[str]
    needs_org: bool


@operation("GET", "roles", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, tag="people", out=ListOf[RoleOut])
def list_roles(request: ApiRequest) -> ListOf[RoleOut]:
    """The roles that can be given, and what each allows."""

    def row(r: Role) -> RoleOut:
        return RoleOut(key=r.key, name=str(r), capabilities=list(r.caps), needs_org=r.needs_org)

    return ListOf[RoleOut](rows=[row(r) for r in queries.roles()])


class GrantOut(Out):
    """What one person may do: a role, for an organisation or none, in areas, between two dates."""

    id: int
    user_id: int
    username: str
    role: str
    org_id: int | None
    areas: list[str]
    valid_from: Instant
    valid_to: Instant | None
    acting_for_id: int | None
    reason: str
    end_reason: str
    in_force: bool
    why_not: str

    @classmethod
    def of(cls, row: queries.GrantRow) -> GrantOut:
        g = row.grant
        return cls(
            id=g.pk, user_id=g.user_id, username=g.user.username, role=g.role.key, org_id=g.org_id, areas=list(g.paths),
            valid_from=g.valid_from, valid_to=g.valid_to, acting_for_id=g.acting_for_id, reason=g.reason,
            end_reason=g.end_reason, in_force=row.in_force, why_not=row.why_not,
        )  # fmt: skip


def _grant(request: ApiRequest, grant_id: int) -> GrantOut:
    found = queries.grant_seen(request.actor, grant_id)
    return GrantOut.of(queries.grant_rows(request.actor, [found], at=timezone.now())[0])


@operation("GET", "grants", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, tag="people", out=PageOf[GrantOut])
def list_grants(
    request: ApiRequest,
    person: Annotated[str, Field(max_length=60)] = "",
    role: Annotated[str, Field(max_length=40)] = "",
    unit: Annotated[str, Field(max_length=80)] = "",
    area: AreaPath | Literal[""] = "",
    state: Literal["now", "soon", "ended", "all"] = "now",
    after: After = "",
    size: Size = 50,
) -> Any:
    """Grants that reach into the actor's areas, newest first."""
    wanted = queries.GrantFilter(person=person, role=role, unit=unit, path=area, state=state)
    page = queries.grants_page(request.actor, wanted, at=timezone.now(), after=after or None, size=size)
    return PageOf[GrantOut](**paged(page, GrantOut.of))


@operation("GET", "grants/{grant_id}", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, tag="people", out=GrantOut)
def get_grant(request: ApiRequest, grant_id: Id) -> GrantOut:
    """One grant."""
    return _grant(request, grant_id)


class GrantIn(In):
    user_id: Id
    role: Annotated[str, Field(min_length=1, max_length=40)]
    areas: Annotated[list[AreaPath], Field(min_length=1, max_length=50)]
    reason: Why
    org_id: Id | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    acting_for_id: Id | None = None


@operation(
    "POST",
    "grants",
    needs=Cap.MANAGE_GRANTS,
    scope=Scope.AREA,
    tag="people",
    out=GrantOut,
    status=201,
    calls="give_grant",
)
def give_grant(request: ApiRequest, body: GrantIn) -> GrantOut:
    """Give a person a role in areas, for a unit or none, for at most a year. Never to oneself."""
    made: Grant = steps.give_grant(
        user_id=body.user_id, role=body.role, paths=body.areas, reason=body.reason, org_id=body.org_id,
        valid_from=body.valid_from, valid_to=body.valid_to, acting_for_id=body.acting_for_id, **say(request),
    )  # fmt: skip
    return _grant(request, made.pk)


@operation(
    "POST",
    "grants/{grant_id}/end",
    needs=Cap.MANAGE_GRANTS,
    scope=Scope.AREA,
    tag="people",
    out=GrantOut,
    calls="end_grant",
)
def end_grant(request: ApiRequest, grant_id: Id, body: WhyIn) -> GrantOut:
    """End a grant now; the next request of its holder, and of its tokens, is without it."""
    steps.end_grant(grant_id=grant_id, reason=body.reason, **say(request))
    return _grant(request, grant_id)


class PersonOut(Out):
    user_id: int
    username: str
    active: bool
    grants: list[GrantOut]


@operation("GET", "people/{user_id}", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, tag="people", out=PersonOut)
def get_person(request: ApiRequest, user_id: Id) -> PersonOut:
    """What one person may do and could do, as far as it reaches into the actor's areas."""
    someone = queries.person_seen(request.actor, user_id)
    rows = queries.grants_of(request.actor, user_id, at=timezone.now())
    return PersonOut(
        user_id=someone.pk, username=someone.username, active=someone.is_active, grants=[GrantOut.of(r) for r in rows]
    )


class AccountIn(In):
    username: Annotated[str, Field(min_length=2, max_length=60)]
    call_name: Annotated[str, Field(min_length=1, max_length=40)]


class AccountOut(Out):
    """The first password is answered once, works until they choose their own, and is handed over in person."""

    user_id: int
    username: str
    first_password: str


@operation(
    "POST", "people", needs=Cap.MANAGE_GRANTS, scope=Scope.AREA, tag="people", out=AccountOut, status=201,
    calls="open_account",
)  # fmt: skip
def open_person(request: ApiRequest, body: AccountIn) -> AccountOut:
    """Open an account for a colleague."""
    if not body.call_name.strip():
        raise Invalid(_("Say what colleagues call them."), field="call_name")
    user, password = open_account(username=body.username, call_name=body.call_name, **say(request))
    return AccountOut(user_id=user.pk, username=user.username, first_password=password)

"""Every read of teams: the public list and page (numbers, nobody's name), the leader's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.export import Column
from heli.core.paging import Page, keyset
from heli.orgs.models import Member, Organisation, OrgKind
from heli.places.models import Area
from heli.volunteering.models import Field, Joining, Volunteer
from heli.volunteering.queries.people import STATES


@dataclass(frozen=True, slots=True)
class Filters:
    q: str = ""
    street: str = ""
    field: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        street, field = query.get("street", ""), query.get("field", "")
        return cls(
            query.get("q", "").strip()[:30],
            street if street.isdigit() and len(street) <= 12 else "",
            field if field in Field.values else "",
        )

    @property
    def narrowed(self) -> bool:
        return bool(self.q or self.street or self.field)


def open_teams() -> QuerySet[Organisation]:
    """Teams that are open, each with how many belong to it (`people`) and what it says of itself (`team`)."""
    people = (
        Member.objects.filter(org=OuterRef("pk"), valid_to=None)
        .order_by()
        .values("org")
        .annotate(n=Count("id"))
        .values("n")
    )
    rows: QuerySet[Organisation] = (
        Organisation.objects.filter(kind=OrgKind.TEAM)
        .open_on(timezone.now())
        .select_related("team", "area", "parent")
        .annotate(people=Coalesce(Subquery(people, output_field=IntegerField()), 0))
    )
    return rows


def teams(f: Filters, *, after: str | None = None, size: int = 24) -> Page[Organisation]:
    """The public list. One statement."""
    rows = open_teams()
    if f.q:
        rows = rows.filter(name__icontains=f.q)
    if f.street:
        rows = rows.filter(area_path__gte=f.street, area_path__lt=f.street + "~")
    if f.field:
        rows = rows.filter(team__fields__contains=[f.field])
    return keyset(rows, order=("id",), after=after, size=size)


def team(team_id: int) -> Organisation:
    """One open team; NotFound (L-404). One statement."""
    found = open_teams().filter(pk=team_id).first()
    if found is None:
        raise NotFound
    return found


def streets(county: str) -> list[tuple[str, str]]:
    """(path, name) of the streets and towns of a county. One statement."""
    rows = Area.objects.filter(path__startswith=county, level=4, kind="admin", valid_to=None).order_by("path")
    return list(rows.values_list("path", "name"))


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to a team: a member, somebody who asked, or neither; and which teams they could leave for it."""

    member: bool
    asked: Joining | None
    others: list[Organisation]


def standing(volunteer: Volunteer, team_id: int) -> Standing:
    """Two statements."""
    held = [m.org for m in belongs(volunteer)]
    asked = Joining.objects.filter(volunteer=volunteer, team=team_id, state="asked").first()
    return Standing(any(o.pk == team_id for o in held), asked, [o for o in held if o.pk != team_id])


def belongs(volunteer: Volunteer) -> list[Member]:
    """The teams somebody is in. One statement."""
    rows = Member.objects.filter(user=volunteer.user_id, valid_to=None, org__kind=OrgKind.TEAM)
    return list(rows.select_related("org").order_by("id"))


def asked(volunteer: Volunteer) -> list[Joining]:
    """Questions to teams that wait, and the last answers. One statement."""
    rows = Joining.objects.filter(volunteer=volunteer).exclude(state__in=("taken", "withdrawn"))
    return list(rows.select_related("team", "leaves").order_by("-id")[:5])


# For leaders ----------------------------------------------------------------------------------------------------------
def led(actor: Actor) -> list[Organisation]:
    """The open teams the actor leads. One statement."""
    return list(open_teams().filter(pk__in=actor.org_ids(Cap.LEAD_TEAM)).order_by("id"))


def leads(actor: Actor, team_id: int) -> Organisation:
    """A team the actor leads; NotFound (L-404). One statement."""
    if team_id not in actor.org_ids(Cap.LEAD_TEAM):
        raise NotFound
    return team(team_id)


def waiting(team_id: int) -> list[Joining]:
    """Who asks to join, oldest first. One statement."""
    rows = Joining.objects.filter(team=team_id, state="asked").select_related("volunteer__user", "leaves")
    return list(rows.order_by("id")[:100])


def members(team_id: int, *, q: str = "", after: str | None = None, size: int = 50) -> Page[Member]:
    """Members by call name, as they came; `q` is a volunteer's number, since a name has no place in an address. One
    statement."""
    rows = Member.objects.filter(org=team_id, valid_to=None).select_related("user__volunteer")
    if q:
        rows = rows.filter(user__volunteer__number=q.upper())
    return keyset(rows, order=("id",), after=after, size=size)


def all_members(team_id: int, most: int) -> list[Member]:
    """One statement."""
    rows = Member.objects.filter(org=team_id, valid_to=None, user__volunteer__isnull=False)
    return list(rows.select_related("user__volunteer__area").order_by("id")[:most])


def columns() -> list[Column[Member]]:
    """Of a team's members as a table: numbers and days, nobody's name."""
    listed = pgettext("list", ", ")
    return [
        (_("Volunteer number"), lambda m: m.user.volunteer.number),
        (_("Community"), lambda m: m.user.volunteer.area.name),
        (_("State"), lambda m: str(STATES[m.user.volunteer.state][1])),
        (_("Fields"), lambda m: listed.join(str(Field(f).label) for f in m.user.volunteer.fields)),
        (pgettext_lazy("member", "Since"), lambda m: m.valid_from),
    ]


def of_joining(actor: Actor, joining_id: int) -> int:
    """The team of a question a leader may answer; NotFound (L-404). One statement."""
    found = Joining.objects.filter(pk=joining_id, team__in=actor.org_ids(Cap.LEAD_TEAM)).values_list(
        "team_id", flat=True
    )
    team_id = found.first()
    if team_id is None:
        raise NotFound
    return team_id

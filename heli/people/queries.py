"""Reads of accounts and of a person's own data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heli.core import sessions, subjects, vault
from heli.core.actor import Actor
from heli.core.models import Access, VaultRecord
from heli.core.paging import Page, keyset
from heli.people import elsewhere
from heli.people.models import User
from heli.places.resources import Booking

FIELD_NAMES = {
    "name": gettext_lazy("name"),
    "phone": gettext_lazy("phone number"),
    "id_number": gettext_lazy("identity number"),
    "address": gettext_lazy("address"),
    "note": gettext_lazy("the words as they were typed"),
}


def own_account(actor: Actor) -> User:
    """The actor's account with its own record. Raises DoesNotExist for nobody. One statement."""
    return User.objects.select_related("record").get(pk=actor.user_id or 0)


def own_sessions(actor: Actor, *, key: str | None, at: dt.datetime) -> list[sessions.Open]:
    """Where the actor is logged in, the session with the cookie's `key` first. One statement."""
    return sessions.of_user(actor.user_id or 0, key=key, now=at)


def own_records(actor: Actor) -> QuerySet[VaultRecord]:
    """Everything personal that was told under this account, newest first."""
    return VaultRecord.objects.filter(user_id=actor.user_id, erased_at=None).order_by("-id")


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of one's own, opened: when it was told, and (what, content) pairs."""

    at: dt.datetime
    is_account: bool
    fields: tuple[tuple[str, str], ...]


def kept(actor: Actor, *, after: str | None = None, size: int = 20) -> Page[Kept]:
    """What is kept about the actor, newest first; opening one's own leaves no reading. Two statements."""
    own_id = own_account(actor).record_id
    page = keyset(own_records(actor), order=("-id",), after=after, size=size)

    def opened(record: VaultRecord) -> Kept:
        fields = tuple((str(FIELD_NAMES[f]), text) for f, text in vault.open_own(record).items() if text)
        return Kept(record.created_at, record.pk == own_id, fields)

    return page.map(opened)


def by_phone(phone: str) -> User | None:
    """The account that has proved to hold this number (11 digits). One statement."""
    return User.objects.filter(verified_phone=vault.blind("phone", phone)).first()


def named(username: str) -> User | None:
    """The open account with exactly this user name, capitals aside. One statement."""
    return User.objects.filter(username__iexact=username.strip(), is_active=True).first()


def names(user_ids: Iterable[int]) -> dict[int, str]:
    """What each account is called, by id. One statement."""
    return {u.pk: str(u) for u in User.objects.filter(pk__in=set(user_ids)).only("username", "call_name")}


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody read personal data: when, for which organisation, which fields, what for, in which matter."""

    at: dt.datetime
    org_name: str
    fields: str
    purpose: str
    matter: str
    url: str


def _reading(row: Access, known: dict[tuple[str, int], subjects.Subject]) -> Reading:
    matter = known.get((row.subject_type, row.subject_id or 0))
    return Reading(
        at=row.at,
        org_name=row.org_name or _("an organisation that is not named"),
        fields=_(", ").join(str(FIELD_NAMES.get(f, f)) for f in row.fields),
        purpose=row.purpose,
        matter=matter.title if matter else "",
        url=matter.url if matter else "",
    )


def who_read(actor: Actor, *, after: str | None = None, size: int = 20) -> Page[Reading]:
    """Readings of the actor's records, also of erased ones, newest first. One statement, and one per subject type."""
    mine = VaultRecord.objects.filter(user_id=actor.user_id).values("pk")
    page = keyset(Access.objects.filter(record__in=mine), order=("-at", "-id"), after=after, size=size)
    known = subjects.describe({(r.subject_type, r.subject_id) for r in page.rows if r.subject_id}, actor)
    return page.map(lambda row: _reading(row, known))


def own_data(actor: Actor, *, at: dt.datetime) -> list[tuple[str, str, str, dt.datetime | None]]:
    """All that is kept about the actor, to take along: rows of (part, item, content, when)."""
    user = own_account(actor)
    account = _("Account")
    rows: list[tuple[str, str, str, dt.datetime | None]] = [
        (account, _("User name"), user.username, user.date_joined),
        (account, _("What others call you"), user.call_name, None),
        (account, _("Last login"), "", user.last_login),
    ]
    for record in own_records(actor):
        opened = vault.open_own(record)
        part = _("Account") if record.pk == user.record_id else _("Told with a matter")
        rows += [(part, str(FIELD_NAMES[f]), text, record.created_at) for f, text in opened.items() if text]
    for b in Booking.objects.filter(by=actor.user_id).select_related("resource__site").order_by("id"):
        rows.append((_("Bookings"), f"{b.resource.site.name} {b.resource.name}", b.purpose, b.period.lower))
    rows += elsewhere.tell_all(user.pk)
    mine = VaultRecord.objects.filter(user_id=actor.user_id).values("pk")
    readings = list(Access.objects.filter(record__in=mine).order_by("-at", "-id"))
    known = subjects.describe({(r.subject_type, r.subject_id) for r in readings if r.subject_id}, actor)
    for reading in (_reading(r, known) for r in readings):
        said = " · ".join(x for x in (reading.org_name, reading.fields, reading.purpose, reading.matter) if x)
        rows.append((_("Who read it"), "", said, reading.at))
    rows.append((_("This file"), _("Made at"), "", at))
    return rows

"""Reads of organisations and grants."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from django.db.models import Q
from django.utils import timezone

from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap
from heli.orgs.models import Grant


class HasAccount(Protocol):
    pk: int
    is_active: bool


def grants_in_force(user_id: int, at: dt.datetime) -> tuple[GrantView, ...]:
    """What the person may do at that moment; grants of closed organisations do not count. One statement."""
    rows = (
        Grant.objects.filter(user_id=user_id, valid_from__lte=at)
        .filter(Q(valid_to=None) | Q(valid_to__gt=at))
        .filter(Q(org=None) | Q(org__closed_at=None) | Q(org__closed_at__gt=at))
        .order_by("id")
        .values_list("id", "role__caps", "role__needs_org", "org_id", "org__short_name", "paths", "acting_for_id")
    )
    known = {c.value: c for c in Cap}
    return tuple(
        GrantView(pk, frozenset(known[c] for c in caps if c in known), org_id, org_name or "", tuple(paths), acting_for)
        for pk, caps, needs_org, org_id, org_name, paths, acting_for in rows
        if org_id is not None or not needs_org
    )


def actor_for(user: HasAccount, at: dt.datetime | None = None) -> Actor:
    """The Actor of an account with the grants in force now. One statement; an inactive account has none."""
    grants = grants_in_force(user.pk, at or timezone.now()) if user.is_active else ()
    return Actor(user_id=user.pk, name=str(user), grants=grants)

"""Reads of tokens."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from heli.api.models import Token
from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap
from heli.core.errors import NotFound
from heli.core.paging import Page, keyset
from heli.orgs.models import Grant
from heli.orgs.queries import GrantRow, grant_rows

HOUR = dt.timedelta(hours=1)
BEGINNING = "heli_"


def hash_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token stands for, and the token itself."""

    token_id: int
    name: str
    expires_at: dt.datetime
    actor: Actor
    stale: bool  # its last use was not written down for an hour


def holder(secret: str, now: dt.datetime) -> Holder | None:
    """The holder of a token that lets in now, with that one grant and no more than the token's part of it; None for
    any other text. One statement, none for what cannot be a token."""
    if not (secret.startswith(BEGINNING) and len(secret) < 100 and secret.isascii()):
        return None
    row = (
        Token.objects.open(now)
        .filter(hash=hash_of(secret))
        .values_list(
            "id", "name", "caps", "expires_at", "last_used_at",
            "grant_id", "grant__user_id", "grant__role__caps", "grant__org_id", "grant__org__short_name",
            "grant__paths", "grant__acting_for_id",
        )
        .first()
    )  # fmt: skip
    if row is None:
        return None
    pk, name, caps, expires, used, grant_id, user_id, role_caps, org_id, org_name, paths, acting_for = row
    held = frozenset(c for c in Cap if c.value in caps and c.value in role_caps)
    grant = GrantView(grant_id, held, org_id, org_name or "", tuple(paths), acting_for)
    actor = Actor(user_id=user_id, name=name, grants=(grant,), token_id=pk)
    return Holder(pk, name, expires, actor, used is None or now - used >= HOUR)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token for a list: `state` is in_force, ended, over, or grant (its grant does not count)."""

    token: Token
    grant: GrantRow
    state: str
    may_end: bool


def token_rows(actor: Actor, tokens: Sequence[Token], *, at: dt.datetime) -> list[TokenRow]:
    """Tokens with their grants in words. One statement."""
    grants = {r.id: r for r in grant_rows(actor, [t.grant for t in tokens], at=at)}

    def state(t: Token) -> str:
        if t.revoked_at is not None:
            return "ended"
        if t.expires_at <= at:
            return "over"
        return "in_force" if grants[t.grant_id].in_force else "grant"

    return [
        TokenRow(
            t,
            grants[t.grant_id],
            state(t),
            t.revoked_at is None
            and (t.grant.user_id == actor.user_id or all(actor.can(Cap.MANAGE_GRANTS, path=p) for p in t.grant.paths)),
        )
        for t in tokens
    ]


WITH = ("grant__user", "grant__role", "grant__org", "grant__given_by", "grant__acting_for", "created_by", "revoked_by")


def tokens_page(
    actor: Actor, *, at: dt.datetime, after: str | None = None, size: int = 50, grant_id: int | None = None
) -> Page[TokenRow]:
    """Tokens of the grants in the actor's areas, newest first. Two statements."""
    page = keyset(tokens(actor, grant_id=grant_id), order=("-id",), after=after, size=size)
    return Page(token_rows(actor, page.rows, at=at), page.next)


def tokens(actor: Actor, *, grant_id: int | None = None) -> QuerySet[Token]:
    """Tokens of the grants in the actor's areas, for a page or an export."""
    rows: QuerySet[Token] = Token.objects.visible_to(actor).filter(
        grant__in=Grant.objects.touching(actor.paths(Cap.MANAGE_GRANTS))
    )
    if grant_id is not None:
        rows = rows.filter(grant=grant_id)
    return rows.select_related(*WITH)


def own_tokens(actor: Actor, *, at: dt.datetime) -> list[TokenRow]:
    """Tokens with which systems act as the actor, newest first; those that ended are left out. Two statements."""
    rows = Token.objects.visible_to(actor).filter(grant__user=actor.user_id, revoked_at=None, expires_at__gt=at)
    return token_rows(actor, list(rows.select_related(*WITH).order_by("-id")), at=at)


def token_seen(actor: Actor, token_id: int) -> Token:
    """One token of a grant that the actor may see; NotFound (L-404) otherwise. One statement."""
    found: Token | None = Token.objects.visible_to(actor).select_related(*WITH).filter(pk=token_id).first()
    if found is None:
        raise NotFound
    return found

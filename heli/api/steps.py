"""Every write about tokens."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from heli.api.errors import CapsNotHeld, TokenTooLong
from heli.api.models import Token
from heli.api.queries import BEGINNING, HOUR, hash_of
from heli.core.actor import Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.steps import Step, step
from heli.orgs.errors import OwnGrant, TooWide
from heli.orgs.models import Grant
from heli.orgs.steps import common_area
from heli.rulebook import queries as rulebook

RULE = "api.token"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token with its secret, which is shown once and cannot be read again."""

    token: Token
    secret: str


def _decides(s: Step, grant: Grant) -> None:
    """The actor manages the grants of all its areas, and it is not their own."""
    by = s.by
    if by.system:
        return
    if Cap.MANAGE_GRANTS not in by.caps:
        raise Forbidden
    if by.user_id == grant.user_id:
        raise OwnGrant
    if not all(by.can(Cap.MANAGE_GRANTS, path=p) for p in grant.paths):
        raise TooWide
    s.require(Cap.MANAGE_GRANTS, path=grant.paths[0])


def mint_token(
    *, grant_id: int, name: str, caps: Iterable[str], expires_at: dt.datetime, by: Actor, at: dt.datetime
) -> Minted:
    """A token that lets a system do part of what a grant allows, until a day. The secret is 256 random bits.

    Raises:
        NotFound: no such grant in the actor's areas (L-404). OwnGrant: one's own (L-602). TooWide: L-603. Forbidden: L-403.
        WrongState: the grant is not in force (L-101). Invalid: no name, or a day that is over (L-400).
        CapsNotHeld: nothing chosen, or more than the grant allows (L-810). TokenTooLong: beyond the rule (L-809).
        RuleMissing: no rule says how long (L-301).
    """
    name, chosen = name.strip()[:60], sorted(set(caps))
    if not name:
        raise Invalid(_("Say which system uses it."), field="name")
    with step("token.mint", by=by, at=at) as s:
        grant = s.lock(Grant, grant_id, related=("role",))
        _decides(s, grant)
        if not Grant.objects.in_force(at).filter(pk=grant.pk).exists():
            raise WrongState
        if not chosen or not set(chosen) <= set(grant.role.caps):
            raise CapsNotHeld(field="caps")
        if expires_at <= at:
            raise Invalid(_("This day is over. Choose today or a later day."), field="expires_at")
        path = common_area(grant.paths)
        rule = rulebook.in_force((RULE,), path=path, on=timezone.localtime(at).date())[RULE]
        if expires_at > at + dt.timedelta(days=int(rule.value)):
            raise TokenTooLong(limit=rule.words, field="expires_at")
        secret = BEGINNING + secrets.token_urlsafe(32)
        token = Token.objects.create(
            grant=grant,
            name=name,
            prefix=secret[:9],
            hash=hash_of(secret),
            caps=chosen,
            created_at=at,
            created_by_id=by.user_id,
            expires_at=expires_at,
        )
        s.about("orgs.grant", grant.pk, path)
        s.rule(rule)
        s.record(token, name=name, caps=chosen, until=expires_at.isoformat())
    return Minted(token, secret)


def end_token(*, token_id: int, reason: str, by: Actor, at: dt.datetime) -> Token:
    """End a token now: the next request with it is refused. Whoever it acts as may always end it.

    Raises:
        NotFound: no such token in the actor's areas (L-404). Forbidden, TooWide: L-403, L-603.
        WrongState: it has ended (L-101). PaperMissing: no reason (L-103).
    """
    with step("token.end", by=by, at=at) as s:
        token = s.lock(Token, token_id)
        grant = Grant.objects.filter(pk=token.grant_id).first()
        if grant is None:
            raise NotFound
        if by.user_id is None or by.user_id != grant.user_id:
            _decides(s, grant)
        if token.revoked_at is not None:
            raise WrongState
        if not reason.strip():
            raise PaperMissing(field="reason", paper=_("why the token ends"))
        token.revoked_at, token.revoked_by_id, token.end_reason = at, by.user_id, reason.strip()[:200]
        token.save(update_fields=["revoked_at", "revoked_by", "end_reason"])
        s.about("orgs.grant", grant.pk, common_area(grant.paths))
        s.record(token, name=token.name, reason=token.end_reason)
    return token


def mark_used(token_id: int, now: dt.datetime) -> None:
    """Write down that a token was used, at most once an hour. No event: it decides nothing. One statement."""
    Token.objects.filter(Q(last_used_at=None) | Q(last_used_at__lte=now - HOUR), pk=token_id).update(last_used_at=now)

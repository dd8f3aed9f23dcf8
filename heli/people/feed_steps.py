"""A person's own calendar feed, /me/calendar/<token>/feed.ics: for the calendar of a phone, which cannot log in.

The link is made and kept like a resident's (docs/decisions/0003-secret-links.md): from the account's id and a number, by a
keyed hash, so that nothing in the database opens it. It can be renewed (the old one ends at once) and closed. There is
none until somebody asks for one. Which appointments are in it is for the rooms to say (core.feeds).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

from django.conf import settings

from heli.core.actor import Actor
from heli.core.errors import Forbidden, NotFound
from heli.core.steps import step
from heli.people.models import CalendarFeed, User
from heli.people.steps import SUBJECT


# The link ---------------------------------------------------------------------------------------------------------------
def _mac(user_id: int, nonce: int) -> bytes:
    key = base64.b64decode(settings.HELI_VAULT_INDEX_KEY)
    return hmac.new(key, f"calendar:{user_id}:{nonce}".encode(), hashlib.sha256).digest()[:16]


def token_of(feed: CalendarFeed) -> str:
    """30 characters: the account's id and 128 bits that only this machine can make."""
    raw = feed.pk.to_bytes(6, "big") + _mac(feed.pk, feed.nonce)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def owner_of(token: str) -> int:
    """The account a link belongs to; NotFound (L-404) when it is wrong, renewed, closed, or the account is. One statement."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise NotFound from error
    if len(raw) != 22:
        raise NotFound
    found = CalendarFeed.objects.filter(pk=int.from_bytes(raw[:6], "big"), is_open=True, user__is_active=True).first()
    if found is None or not hmac.compare_digest(raw[6:], _mac(found.pk, found.nonce)):
        raise NotFound
    return int(found.pk)


def open_feed(*, by: Actor, at: dt.datetime) -> CalendarFeed:
    """A link of one's own; whatever link there was before opens nothing any more."""
    if by.user_id is None:
        raise Forbidden
    with step("people.open_feed", by=by, at=at) as s:
        user = s.lock(User, by.user_id)
        feed = CalendarFeed.objects.filter(pk=user.pk).first() or CalendarFeed(user=user, nonce=0)
        feed.nonce, feed.is_open, feed.changed_at = feed.nonce + 1, True, at
        feed.save()
        s.about(SUBJECT, user.pk, "")
    return feed


def close_feed(*, by: Actor, at: dt.datetime) -> None:
    """No link any more."""
    if by.user_id is None:
        raise Forbidden
    with step("people.close_feed", by=by, at=at) as s:
        user = s.lock(User, by.user_id)
        CalendarFeed.objects.filter(pk=user.pk).update(is_open=False, changed_at=at)
        s.about(SUBJECT, user.pk, "")

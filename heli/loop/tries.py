"""How often somebody may try to guess: counted in the cache of this process, for a short while, and then forgotten.

No table: the counts are worth nothing after minutes. With several server processes each counts on its own, so the true
limit is theirs together.
"""

from __future__ import annotations

import hashlib

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from heli.core.errors import HeliError


class TooManyTries(HeliError):
    code = "L-138"
    status = 429
    sentence = _("Too many tries that did not fit. Wait ten minutes, or call 12345: they find it for you.")


def _key(what: str, who: str) -> str:
    return f"tries:{what}:{hashlib.sha256(who.encode()).hexdigest()[:24]}"


def address(request: HttpRequest) -> str:
    """The caller's network address, as the account pages see it (behind proxies: ALLAUTH_TRUSTED_PROXY_COUNT)."""
    return str(get_adapter().get_client_ip(request))


def check(what: str, who: str, *, most: int) -> None:
    """TooManyTries (L-138) when `who` has failed `most` times within the window that the first failure opened."""
    if cache.get(_key(what, who), 0) >= most:
        raise TooManyTries


def failed(what: str, who: str, *, seconds: int) -> None:
    """Count one failure; the count ends `seconds` after the first one."""
    key = _key(what, who)
    if not cache.add(key, 1, seconds):
        try:
            cache.incr(key)
        except ValueError:  # it ended between the two calls
            cache.set(key, 1, seconds)

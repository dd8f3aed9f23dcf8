"""How often somebody may try: guesses, messages, files. Counted for all processes together (core/shared.py).

A limit is declared at the route (`@page(…, limit=Limit(30, 600))`) or asked where the guess is looked at (`spend`). It
counts per account, or per network address where nobody is logged in; an IPv6 address counts by its /64, which one
household has to itself. An address is believed from the connection, and from X-Forwarded-For only as far as our own
proxies wrote it (HELI_BEHIND_PROXY).
"""

from __future__ import annotations

from dataclasses import dataclass

from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from heli.core import shared
from heli.core.errors import HeliError


class TooManyTries(HeliError):
    code = "L-138"
    status = 429
    sentence = _("Too many tries that did not fit. Wait ten minutes, or call 12345: they find it for you.")


class TooOften(HeliError):
    code = "L-536"
    status = 429
    sentence = _("This was asked for very often in a short time. Wait ten minutes, then go on where you were.")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` within `seconds` of the first, for each account or address."""

    most: int
    seconds: int = 600


def address(request: HttpRequest) -> str:
    """The caller's network address: what the outermost proxy of ours saw, or the other end of the connection."""
    trusted = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    seen = [a.strip() for a in request.headers.get("X-Forwarded-For", "").split(",") if a.strip()] if trusted else []
    found = seen[-trusted] if len(seen) >= trusted > 0 else request.META.get("REMOTE_ADDR") or "0.0.0.0"
    return str(truncate_ip(found))


def whose(request: HttpRequest) -> str:
    """What a limit counts by."""
    user = getattr(request, "user", None)
    return f"user:{user.pk}" if user is not None and user.is_authenticated else f"at:{address(request)}"


def spend(what: str, who: str, limit: Limit, *, error: type[HeliError] = TooManyTries) -> None:
    """One try of `who`; the error (TooManyTries, L-138) when there were too many. One statement, also when two ask at
    once. One that turned out well is given back (`give_back`)."""
    if shared.hit(f"tries:{what}:{who}", seconds=limit.seconds) > limit.most:
        raise error


def filed(request: HttpRequest) -> None:
    """Something told by a public form: TooOften (L-536) when one account or address sent very many. One statement; none
    where HELI_FILINGS is 0 (measurements). All doors count together, so that no flood goes from one to the next."""
    if most := settings.HELI_FILINGS:
        spend("filed", whose(request), Limit(most), error=TooOften)


def give_back(what: str, who: str) -> None:
    """That try was no guess."""
    shared.take_back(f"tries:{what}:{who}")

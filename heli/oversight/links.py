"""The teller's secret link, made like those of voices (loop/links.py): the tip's id and 128 bits by a keyed hash."""

from __future__ import annotations

import base64
import hmac

from heli.core import vault
from heli.oversight.errors import TipLinkEnded
from heli.oversight.models import Tip

LENGTH = 22  # bytes: six of the id, sixteen of the hash


def _mac(tip_id: int) -> bytes:
    return vault.blind("tip link", str(tip_id))[:16]


def token_of(tip: Tip) -> str:
    """30 characters; nothing in the database opens a link."""
    return base64.urlsafe_b64encode(tip.pk.to_bytes(6, "big") + _mac(tip.pk)).decode().rstrip("=")


def tip_of(token: str) -> Tip:
    """The tip a link belongs to. One statement. TipLinkEnded (L-250) when it is wrong, or the tip is forgotten."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise TipLinkEnded from error
    if len(raw) != LENGTH or not hmac.compare_digest(raw[6:], _mac(int.from_bytes(raw[:6], "big"))):
        raise TipLinkEnded
    tip: Tip | None = (
        Tip.objects.select_related("rule", "record")
        .filter(pk=int.from_bytes(raw[:6], "big"), forgotten_at=None)
        .first()
    )
    if tip is None:
        raise TipLinkEnded
    return tip

"""Secret links of voices: /t/<token>. The token is made from the voice's id by a keyed hash, so it can be sent again
but not guessed, and nothing in the database opens a link."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

from django.conf import settings

from heli.core.actor import Actor
from heli.loop.errors import LinkEnded
from heli.loop.models import Voice


def _mac(voice_id: int, nonce: int) -> bytes:
    key = base64.b64decode(settings.HELI_VAULT_INDEX_KEY)
    return hmac.new(key, f"link:{voice_id}:{nonce}".encode(), hashlib.sha256).digest()[:16]


def token_of(voice: Voice) -> str:
    """29 characters or so: the voice's id and 128 bits that only this machine can make."""
    raw = voice.pk.to_bytes(6, "big") + _mac(voice.pk, voice.link_nonce)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def voice_of(token: str, at: dt.datetime) -> Voice:
    """The voice a link belongs to, with its request. One statement. LinkEnded (L-113) when it is wrong or over."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError as error:
        raise LinkEnded from error
    if len(raw) != 22:
        raise LinkEnded
    voice_id = int.from_bytes(raw[:6], "big")
    voice = (
        Voice.objects.select_related(
            "request__category", "request__area", "request__unit", "request__merged_into__unit", "record"
        )
        .filter(pk=voice_id)
        .first()
    )
    if voice is None or not hmac.compare_digest(raw[6:], _mac(voice_id, voice.link_nonce)) or voice.link_until <= at:
        raise LinkEnded
    return voice


def bearer(voice: Voice) -> Actor:
    """The Actor that holds this link."""
    return Actor(user_id=voice.user_id, voice_id=voice.pk)

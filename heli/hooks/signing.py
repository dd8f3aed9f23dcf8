"""Signatures after Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`.

Only the standard library; docs/hooks.md shows receivers the same few lines.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
TOLERANCE = dt.timedelta(minutes=5)  # a message older or newer than this is refused: somebody may have kept it


class BadSignature(Exception):
    """The message is not from who it says, was changed, or is too old."""


def new_secret() -> str:
    """A fresh secret of 32 random bytes, as receivers are given it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` for one secret (`whsec_…`)."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets_valid: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; while a secret is being changed both sign, separated by a space."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(s, message_id, timestamp, body) for s in secrets_valid),
    }


def verify(secret: str, given: Mapping[str, str], body: bytes, now: dt.datetime) -> None:
    """What a receiver does; header names in lower case.

    Raises:
        BadSignature: a header is missing, no signature fits, or the time is more than five minutes away.
    """
    try:
        message_id, stamp, signatures = (given[f"webhook-{n}"] for n in ("id", "timestamp", "signature"))
        sent = dt.datetime.fromtimestamp(int(stamp), dt.UTC)
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise BadSignature("headers") from error
    if abs(now - sent) > TOLERANCE:
        raise BadSignature("time")
    right = sign(secret, message_id, int(stamp), body)
    if not any(hmac.compare_digest(right.encode(), one.encode()) for one in signatures.split(" ")):
        raise BadSignature("signature")

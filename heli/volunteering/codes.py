"""Codes at the place of a shift: one that changes every half minute, shown by the leader or the kiosk, and a PIN."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

from heli.core import vault
from heli.volunteering.models import Shift

SEALED = "shift"  # the kind of what is sealed
WINDOW = 30  # seconds


def pin_of(shift: Shift) -> str:
    return vault.open_bytes(SEALED, shift.pin).decode() if shift.pin else ""


def _code(secret: bytes, window: int) -> str:
    mac = hmac.new(secret, window.to_bytes(8, "big"), hashlib.sha256).digest()
    return base64.b32encode(mac[:10]).decode().lower()


def code(shift: Shift, at: dt.datetime) -> str:
    """The code of the half minute that holds `at`: 16 letters and digits, of which nobody can make the next."""
    return _code(vault.open_bytes(SEALED, shift.secret), int(at.timestamp()) // WINDOW)


def fits(shift: Shift, said: str, at: dt.datetime) -> bool:
    """Whether a code is the one shown now or just before: a photo of it sent around is worth a minute at most."""
    secret, now = vault.open_bytes(SEALED, shift.secret), int(at.timestamp()) // WINDOW
    return any(hmac.compare_digest(_code(secret, now - back), said) for back in (0, 1))

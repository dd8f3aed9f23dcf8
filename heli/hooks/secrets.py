"""The secrets of endpoints, sealed by the vault and bound to their endpoint."""

from __future__ import annotations

import datetime as dt

from heli.core import vault
from heli.hooks.models import Endpoint


def kind_of(endpoint: Endpoint) -> str:
    """What the vault is told a secret of this endpoint is; heli.ops.rotation seals by it under a new key."""
    return f"hooks.secret:{endpoint.uid.hex}"


def seal(endpoint: Endpoint, secret: str) -> str:
    return vault.seal_bytes(kind_of(endpoint), secret.encode())


def valid(endpoint: Endpoint, at: dt.datetime) -> list[str]:
    """The secrets that sign now, the newest first. Raises CannotOpen (L-501)."""
    sealed = [endpoint.secret]
    if endpoint.old_until is not None and endpoint.old_until > at:
        sealed.append(endpoint.old_secret)
    return [vault.open_bytes(kind_of(endpoint), s).decode() for s in sealed]

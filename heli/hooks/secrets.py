"""The secrets of endpoints, sealed by the vault and bound to their endpoint."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from heli.core import vault
from heli.hooks.models import Endpoint


def _kind(endpoint: Endpoint) -> str:
    return f"hooks.secret:{endpoint.uid.hex}"


def seal(endpoint: Endpoint, secret: str) -> str:
    return vault.seal_bytes(_kind(endpoint), secret.encode())


def valid(endpoint: Endpoint, at: dt.datetime) -> list[str]:
    """The secrets that sign now, the newest first. Raises CannotOpen (L-501)."""
    sealed = [endpoint.secret]
    if endpoint.old_until is not None and endpoint.old_until > at:
        sealed.append(endpoint.old_secret)
    return [vault.open_bytes(_kind(endpoint), s).decode() for s in sealed]


def reseal(*, batch: int = 500) -> int:
    """Seal up to `batch` endpoints' secrets that are under an older vault key with the present one; returns how many.

    Call until it returns 0, like `vault.rotate`.
    """
    current = f"{next(iter(vault.keys()))}:"
    with transaction.atomic():
        rows = Endpoint.objects.select_for_update(skip_locked=True).order_by("pk")
        old = [e for e in rows if not all(s.startswith(current) for s in (e.secret, e.old_secret) if s)][:batch]
        for endpoint in old:
            for name in ("secret", "old_secret"):
                if sealed := getattr(endpoint, name):
                    setattr(endpoint, name, seal(endpoint, vault.open_bytes(_kind(endpoint), sealed).decode()))
            endpoint.save(update_fields=["secret", "old_secret"])
    return len(old)

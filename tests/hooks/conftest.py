"""A receiver, and names that lead where the test says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from heli.hooks import net
from tests.hooks.receiver import PUBLIC_IP, Receiver, serve


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A receiver over plain http, which only the development setting lets us call."""
    settings.HELI_HOOKS_ALLOW_PRIVATE = True
    made = Receiver()
    server = serve(made)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """{name: addresses} that this machine resolves; others are not found."""
    known = {"hooks.example.org": [PUBLIC_IP]}

    def look_up(host: str, port: int) -> list[str]:
        if host not in known:
            raise OSError("not found")
        return known[host]

    monkeypatch.setattr(net, "look_up", look_up)
    return known

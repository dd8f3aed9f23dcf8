"""What account tests share: the box of unsent messages, and a browser session that types codes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heli.adapters import sms
from tests.world import PASSWORD


@pytest.fixture(autouse=True)
def box() -> Iterator[Any]:
    """Text messages that would have been sent, newest first."""
    sender = sms.sender()
    assert isinstance(sender, sms.Local)
    sender.box.clear()
    yield sender.box
    sender.box.clear()


@pytest.fixture
def login(client: Any) -> Callable[..., Any]:
    """`login("sun.zuoxi")` types name and password on the log-in page; returns the response."""

    def do(name: str, password: str = PASSWORD, **more: Any) -> Any:
        return client.post("/account/login/", {"login": name, "password": password}, **more)

    return do


def totp_now(secret: str, *, steps: int = 0) -> str:
    """The code an authenticator shows for this key, `steps` half minutes from now."""
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))

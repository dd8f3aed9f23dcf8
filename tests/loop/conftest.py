"""What tests of the loop's staff pages ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from tests.loop.staff import NOW


@pytest.fixture
def at_noon(settings: Any) -> Iterator[None]:
    """Pages that ask the clock see three hours after the first word; staff need no second factor."""
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False):
        yield

"""What tests of the pages of suggestions ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from tests.suggestions.said import AT, HOUR


@pytest.fixture
def at_noon(settings: Any) -> Iterator[None]:
    """Pages that ask the clock see four hours after the first word; staff need no second factor."""
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(AT + HOUR * 4, tick=False):
        yield

"""The reader of the demo: it learns from the examples of the software while the county lives, then reads what was said."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any


def begin(now: dt.datetime) -> None:
    """In a process of its own: the country's first reader."""
    import django

    django.setup()
    from heli.loop import learning

    learning.start(now)


def live(_staff: Any, _begin: dt.datetime, now: dt.datetime, _rng: random.Random) -> Counter[str]:
    """Everything that came in is read; what several people told of is put side by side."""
    from heli.insight import hot
    from heli.loop import learning

    return Counter({"read": learning.read_all(now), "hot": hot.refresh(now)})

"""What else lives in the county beside the requests of life.py: each room's own part, through its own steps. The year of
volunteering is longer than all others and has processes of its own (side.py).

A part is `live(county, begin, now, rng) -> Counter`: `county` the actors (county.staff), `begin` and `now` the span.
It takes a few seconds at most, and may say nothing it did not do.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable

from heli.demo import (
    bookings,
    calls,
    orders,
    problems,
    reading,
    snaps,
    stations,
    suggestions,
    tips,
    wishes,
)
from heli.demo.county import Staff

Part = Callable[[Staff, dt.datetime, dt.datetime, random.Random], Counter[str]]
PARTS: tuple[tuple[str, Part], ...] = (
    ("督办和周报", orders.live),
    ("冒名线索", tips.live),
    ("驿站和通知", stations.live),
    ("场地和借用", bookings.live),
    ("微心愿", wishes.live),
    ("随手拍", snaps.live),
    ("人民建议", suggestions.live),
    ("回访", calls.live),
    ("每月一题", problems.live),
    ("读件和热点", reading.live),
)

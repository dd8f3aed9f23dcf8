"""One of the processes that live the thirty days side by side. Imports nothing of Django's tables before it is set up."""

from __future__ import annotations

import datetime as dt
import gc
import random
from typing import Any

from heli.demo.times import begin_of

SEED = 20261122


def live(share: int, shares: int, now: dt.datetime, requests: int, told: Any) -> None:
    """One process: the streets that fall to it, from thirty days ago until now."""
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    from heli.demo import county
    from heli.demo.content import load
    from heli.demo.life import Life
    from heli.orgs.queries import actor_for
    from heli.people.models import User
    from heli.places.models import Area
    from heli.rulebook.queries import calendar

    settings.DEBUG = False  # or every statement is kept and written out for a debugger that nobody opened
    gc.set_threshold(100_000, 50, 50)
    with connection.cursor() as cur:
        cur.execute("SET synchronous_commit = off")
    areas = list(
        Area.objects.filter(path__startswith=county.COUNTY, level=5, kind="admin")
        .select_related("parent")
        .order_by("path")
    )
    streets = sorted({a.path[:9] for a in areas})[share::shares]
    residents = [
        (actor_for(u), c.name, county.PHONES[c.name])
        for c in county.CAST
        if c.name in county.PHONES
        for u in User.objects.filter(username=c.username)
    ]
    life = Life(
        staff=county.staff(now),
        content=load(),
        calendar=calendar(county.COUNTY, now, days=400),
        rng=random.Random(SEED + share),
        begin=begin_of(now),
        end=now,
        areas=[a for a in areas if a.path[:9] in streets],
        streets=tuple(streets),
        residents=residents,
        share=share,
        shares=shares,
    )
    count = life.run(requests, lambda at, _count: told.put((share, "at", at)))
    told.put((share, "done", dict(count)))

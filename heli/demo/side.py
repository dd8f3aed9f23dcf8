"""The processes that live the county side by side: its thirty days, and the year of its volunteers. Imports nothing of
Django's tables before it is set up."""

from __future__ import annotations

import datetime as dt
import gc
import random
from collections import Counter
from typing import Any

from heli.demo.times import begin_of

SEED = 20261122


def _ready() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    settings.DEBUG = False  # or every statement is kept and written out for a debugger that nobody opened
    gc.set_threshold(100_000, 50, 50)
    with connection.cursor() as cur:
        cur.execute("SET synchronous_commit = off")


def live(share: int, shares: int, now: dt.datetime, requests: int, told: Any) -> None:
    """One process: the streets that fall to it, from thirty days ago until now."""
    _ready()
    from heli.demo import county
    from heli.demo.content import load
    from heli.demo.life import Life
    from heli.orgs.queries import actor_for
    from heli.people.models import User
    from heli.places.models import Area
    from heli.rulebook.queries import calendar

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


def live_year(share: int, shares: int, now: dt.datetime, days: int, planned: Any, told: Any) -> None:
    """One process of the volunteers' year: the first writes down the teams, the people and what is planned; then each
    lives the shifts that fall to it, of so many days."""
    _ready()
    from heli.demo import activities, afterwards, county, serving, stars, volunteers

    staff, start = county.staff(now), now - dt.timedelta(days=days)
    total: Counter[str] = Counter()
    if share == 0:
        stars.rules(start)
        total.update(volunteers.live(staff, start, now, random.Random(SEED), volunteers.PEOPLE if days > 300 else 150))
        total.update(activities.live(staff, start, now, random.Random(SEED)))
        planned.set()
    planned.wait()
    leaders = {org.pk: leader for leader, org in activities.leaders(start)}
    total.update(
        serving.live(
            staff,
            leaders,
            now,
            random.Random(SEED + share),
            share=share,
            shares=shares,
            days=days,
            tell=lambda part: told.put((share, "part", part)),
        )
    )
    if share == 0:
        total.update(stars.live(now))
        total.update(afterwards.live(staff, leaders, now, random.Random(SEED)))
    told.put((share, "served", dict(total)))

"""Water that fails in one community of 芝罘区: people who say so, through the real steps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.insight.county import DAHAIYANG, DAY, NOW
from tests.loop.told import Told, tell

NO_WATER = "020101"
REVIEW = NOW.date() + dt.timedelta(days=30)


def person(n: int) -> dict[str, str]:
    return {"name": f"居民{n}", "phone": f"1380000{n:04d}"}


def water(
    world: Any, n: int, *, at: dt.datetime = NOW, area: str = DAHAIYANG, first: int = 0, days: float = 10
) -> list[Told]:
    """`n` people, one request each, in the `days` before `at`."""
    return [
        tell(
            world, f"{first + k} 号楼又停水了，做饭都成问题", at=at - DAY * days * (k + 1) / (n + 1), area_path=area,
            category=NO_WATER, **person(first + k),
        )
        for k in range(n)
    ]  # fmt: skip


def named(world: Any, *, at: dt.datetime = NOW, unit: str = "城管局", **more: Any) -> Any:
    """吕部长 names it, 城管局 owns it."""
    from heli.insight import problem_steps as steps

    said = {
        "title": "大海阳社区反复停水", "area_path": DAHAIYANG, "category": NO_WATER, "unit_id": world.org(unit).pk,
        "review_on": REVIEW, "by": world.actor("吕部长"), "at": at,
    }  # fmt: skip
    return steps.name(**(said | more))


def long_heard(world: Any, at: dt.datetime = NOW) -> None:
    """The county was listened to for the whole of the baseline: one request of long ago, of another kind."""
    when = at - 392 * DAY + dt.timedelta(minutes=1)
    tell(world, "去年就坏了的路面", at=when, area_path="370602002001", **person(9999))

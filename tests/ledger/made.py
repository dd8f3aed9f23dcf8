"""Short ways to open services of the cast and to credit hours, through the real steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from heli.core.actor import Actor
from heli.core.steps import Step, step
from heli.ledger import steps
from heli.ledger.models import Entry, Service
from heli.ledger.steps import Line, Opening
from tests.world import COUNTY

ZONE = dt.timezone(dt.timedelta(hours=8))
DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
MORNING = dt.datetime(2026, 11, 10, 9, 0, tzinfo=ZONE)  # a Tuesday
NOW = MORNING + 8 * HOUR
SOURCE = "tests.enrolment"


@dataclass
class Made:
    """The cast, and a counter of sources."""

    world: Any
    sources: Any

    def who(self, name: str) -> Actor:
        return self.world.actor(name)

    def do(self, call: Callable[..., Any], *args: Any, by: str = "李社工", at: dt.datetime = NOW, **more: Any) -> Any:
        """One function of the ledger in a step of its own, by somebody."""
        with step("test.hours", by=self.who(by), at=at) as s:
            done = call(s, *args, **more)
            s.about("tests.thing", 1, COUNTY)
        return done

    def opening(self, who: str = "赵志愿", starts: dt.datetime = MORNING, hours: float = 2, **more: Any) -> Opening:
        return Opening(
            **{
                "source_id": next(self.sources), "user_id": self.world.user(who).pk,
                "org_id": self.world.org("心桥社工").pk, "area_path": COUNTY, "title": "陪老人说话", "content": "上门陪伴",
                "place": "大海阳社区", "field": "elder", "leader_id": None, "starts": starts,
                "ends": starts + dt.timedelta(hours=hours), "enrolled_at": MORNING - 3 * DAY, **more,
            }
        )  # fmt: skip

    def open(self, *openings: Opening, by: str = "李社工", **more: Any) -> list[Service]:
        return self.do(steps.open_services, SOURCE, openings or [self.opening()], by=by, **more)  # type: ignore[no-any-return]

    def one(self, who: str = "赵志愿", starts: dt.datetime = MORNING, hours: float = 2, **more: Any) -> Service:
        return self.open(self.opening(who, starts, hours, **more))[0]

    def attended(self, service: Service, minutes: int | None = None, grade: str = "scan") -> Entry:
        out = service.starts + MINUTE * minutes if minutes is not None else service.ends
        length = int((out - service.starts) / MINUTE)
        line = Line(service_id=service.pk, minutes=length, starts=service.starts, ends=out, grade=grade)
        return self.do(steps.attend, [line])[0]  # type: ignore[no-any-return]

    def approved(self, service: Service, minutes: int = 0, at: dt.datetime = NOW, **more: Any) -> steps.Decided:
        return self.do(  # type: ignore[no-any-return]
            steps.approve, [Line(service_id=service.pk, minutes=minutes, **({"grade": "leader"} | more))], at=at
        )


def made(world: Any) -> Made:
    return Made(world, count(1))


__all__ = ["Made", "Step", "made"]

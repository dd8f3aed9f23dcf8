"""Short ways to bring a suggestion to a station, through the real steps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from heli.core.actor import PUBLIC, Actor
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.models import Dispatch, Request, Voice
from heli.suggestions import steps
from heli.suggestions.models import Call, Measure, Suggestion
from heli.suggestions.steps.answer import Plan
from tests.world import COMMUNITY, COUNTY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # a Tuesday morning
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
TEXT = "大海阳社区几栋老楼没有电梯，建议在楼梯转角装折叠座椅，老人上楼能歇一歇。"


@dataclass
class Made:
    """A suggestion on its way, and who does what with it."""

    world: Any
    pk: int
    token: str
    at: dt.datetime

    @property
    def row(self) -> Suggestion:
        return Suggestion.objects.select_related("request").get(pk=self.pk)

    @property
    def request(self) -> Request:
        return Request.objects.get(pk=self.pk)

    @property
    def voice(self) -> Voice:
        return Voice.objects.filter(request=self.pk).order_by("id")[0]

    @property
    def suggester(self) -> Actor:
        return links.bearer(self.voice)

    def keeper(self) -> Actor:
        return self.world.actor("宋建言")

    def later(self, hours: float = 1) -> dt.datetime:
        self.at += HOUR * hours
        return self.at

    def publish(self, **more: Any) -> Made:
        steps.publish(request_id=self.pk, by=self.keeper(), at=self.later(), **more)
        return self

    def second(self, who: str = "赵志愿") -> Made:
        steps.second(request_id=self.pk, by=self.world.actor(who), at=self.later(0.1))
        return self

    def handled(self, unit: str = "住建局", who: str = "曲科员") -> Made:
        """Dispatched and taken on."""
        loop.offer(
            request_id=self.pk, unit_id=self.world.org(unit).pk, by=self.world.actor("孙坐席"), at=self.later(0.5)
        )
        lead = Dispatch.objects.get(request=self.pk, role="lead", state="offered")
        loop.accept(dispatch_id=lead.pk, by=self.world.actor(who), at=self.later(0.5))
        return self

    def plan(self, days: int = 20, unit: str = "住建局", what: str = "先在 3 个单元试装折叠座椅") -> Plan:
        return Plan(what, self.world.org(unit).pk, (self.at + DAY * days).date())

    def answer(self, verdict: str = "partly", **more: Any) -> Any:
        told: dict[str, Any] = {
            "reasons": "楼梯宽度不一，先试点再推开。",
            "plans": [self.plan()] if verdict in ("adopted", "partly") else (),
            "basis": "消防通道净宽不得小于 1.1 米" if verdict == "not" else "",
        }
        return steps.answer(
            request_id=self.pk, verdict=verdict, by=self.world.actor("曲科员"), at=self.later(2), **(told | more)
        )

    @property
    def measure(self) -> Measure:
        return Measure.objects.filter(suggestion=self.pk).order_by("-id")[0]


def suggest(world: Any, text: str = TEXT, *, at: dt.datetime = AT, by: Actor = PUBLIC, **more: Any) -> Made:
    """Somebody suggests something on the web."""
    told: dict[str, Any] = {"area_path": COMMUNITY, "phone": "13800000017", "name": "王桂兰"}
    said = steps.suggest(text=text, by=by, at=at, **(told | more))
    return Made(world, said.suggestion.pk, said.token, at)


def call(world: Any, *, at: dt.datetime = AT, opened: bool = True, days: int = 30, **more: Any) -> Call:
    """A call of 社工部 in the county, by 宋建言."""
    told: dict[str, Any] = {
        "title": "老楼怎么更方便老人",
        "asked": "您家楼里哪里不方便？怎么改最省钱？",
        "why": "明年的民生实事要从这里选题。",
        "area_path": COUNTY,
        "unit_id": world.org("社工部").pk,
        "first_day": at.date(),
        "last_day": (at + DAY * days).date(),
    }
    keeper = world.actor("宋建言")
    made = steps.put_call(by=keeper, at=at, **(told | more))
    return steps.open_call(call_id=made.pk, by=keeper, at=at) if opened else made

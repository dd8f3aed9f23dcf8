"""Short ways to bring a wish to a station, through the real steps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from heli.core.actor import Actor
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Voice
from heli.wishes import steps
from heli.wishes.models import Pledge, Wish
from tests.world import COMMUNITY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # a Tuesday morning
DAY = dt.timedelta(days=1)
NAME, PHONE, SPOT = "周银龄", "13800000024", "12号楼3单元501"
TEXT = "我是周银龄，住大海阳12号楼3单元501，电话13800000024，想要三条厚毛毯过冬。"
HOME: dict[str, Any] = {
    "seen": "屋里没有暖气，床上只有一条薄被",
    "title": "三条厚毛毯过冬",
    "words": "独居老人家里没有暖气，盼着三条厚毛毯过冬。",
    "gift": "goods",
    "needed": 3,
    "measure": "条",
}


@dataclass
class Made:
    """A wish of 周银龄's on its way, and who does what with it."""

    world: Any
    wish_id: int
    at: dt.datetime

    @property
    def wish(self) -> Wish:
        return Wish.objects.select_related("request", "street", "unit").get(pk=self.wish_id)

    @property
    def voice(self) -> Voice:
        return Voice.objects.get(request__wish=self.wish_id)

    @property
    def resident(self) -> Actor:
        return links.bearer(self.voice)

    @property
    def token(self) -> str:
        return links.token_of(self.voice)

    def who(self, name: str) -> Actor:
        return self.world.actor(name)

    def pledge(self, who: str = "赵志愿", amount: int = 1, org: str = "", days: int = 3, **more: Any) -> Pledge:
        return steps.pledge(
            wish_id=self.wish_id, by=self.who(who), at=self.at, amount=amount, promised_on=local_day(self.at + DAY * days),
            phone="13800000033", name="赵", org_id=self.world.org(org).pk if org else None, **more,
        )  # fmt: skip

    def deliver(self, pledge: Pledge, who: str = "赵志愿", **more: Any) -> Pledge:
        return steps.deliver(pledge_id=pledge.pk, by=self.who(who), at=self.at, delivered_on=local_day(self.at), **more)

    def receive(self, pledge: Pledge, who: str = "李社工", word: str = "visit") -> Pledge:
        return steps.receive(pledge_id=pledge.pk, by=self.who(who), at=self.at, word=word)

    def whole(self) -> list[Pledge]:
        """Pledged by two parties, delivered, received: the resident is asked to judge."""
        both = [self.pledge("马经理", 2, "鲁新超市"), self.pledge("赵志愿", 1)]
        for one, who in zip(both, ("马经理", "赵志愿"), strict=True):
            self.deliver(one, who)
            self.receive(one)
        return both

    def judge(self, solved: str = "yes", satisfaction: int = 5, words: str = "") -> Any:
        return loop.judge(
            voice_id=self.voice.pk, by=self.resident, at=self.at, contacted=True, solved=solved,
            satisfaction=satisfaction, words=words,
        )  # fmt: skip


def post(world: Any, who: str = "李社工", unit: str = "心桥社工", *, at: dt.datetime = AT, **more: Any) -> Made:
    """Posted by a worker for 周银龄, on the wall unless `consent=False`."""
    told: dict[str, Any] = {
        "area_path": COMMUNITY, "text": TEXT, "name": NAME, "phone": PHONE, "spot": SPOT, "visited_on": local_day(at),
        "consent": True, **HOME,
    }  # fmt: skip
    wish = steps.post(by=world.actor(who), at=at, unit_id=world.org(unit).pk, **(told | more))
    return Made(world, wish.pk, at)

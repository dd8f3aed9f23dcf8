"""Short ways to bring a request to a station, through the real steps."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from heli.core.actor import PUBLIC, Actor
from heli.loop import links, steps
from heli.loop.models import Dispatch, Request, Voice

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # a Tuesday morning
HOUR = dt.timedelta(hours=1)
PAVEMENT, SEWER, LAMP = "040103", "040201", "040401"
TEXT = "世学路 26 号门前人行道塌下去一片，大概两张桌子大，下雨存水看不出来。上周有个老人绊倒了。"


@dataclass
class Told:
    """A request of 王桂兰's on its way, and who does what with it."""

    world: Any
    request_id: int
    voice: Voice
    token: str
    at: dt.datetime

    @property
    def request(self) -> Request:
        return Request.objects.select_related("unit", "category").get(pk=self.request_id)

    @property
    def lead(self) -> Dispatch:
        return Dispatch.objects.get(request=self.request_id, role="lead", state__in=Dispatch.LIVE)

    @property
    def resident(self) -> Actor:
        return links.bearer(self.voice)

    def later(self, hours: float) -> dt.datetime:
        self.at += HOUR * hours
        return self.at

    def dispatch(self, unit: str = "城管局", **more: Any) -> Dispatch:
        return steps.offer(
            request_id=self.request_id,
            unit_id=self.world.org(unit).pk,
            by=self.world.actor("孙坐席"),
            at=self.later(0.5),
            **more,
        )

    def accept(self, who: str = "于科员") -> Dispatch:
        return steps.accept(dispatch_id=self.lead.pk, by=self.world.actor(who), at=self.later(0.5))

    def reply(self, who: str = "于科员", text: str = "11 月 18 日已重新铺好，再塌请打区城管局热线。") -> Any:
        made = steps.write_reply(request_id=self.request_id, by=self.world.actor(who), at=self.later(2), text=text)
        if made.state == "in_review":
            steps.approve_reply(handling_id=made.pk, by=self.world.actor("许股长"), at=self.later(0.5))
        return made

    def judge(self, solved: str = "yes", satisfaction: int = 5, **more: Any) -> Any:
        return steps.judge(
            voice_id=self.voice.pk,
            by=self.resident,
            at=self.later(3),
            contacted=True,
            solved=solved,
            satisfaction=satisfaction,
            **more,
        )

    def answered(self) -> Told:
        self.dispatch()
        self.accept()
        self.reply()
        return self


def tell(world: Any, text: str = TEXT, *, at: dt.datetime = AT, **more: Any) -> Told:
    """A request told on the web by somebody who left a number."""
    told: dict[str, Any] = {
        "area_path": "370602003006",
        "category": PAVEMENT,
        "name": "王桂兰",
        "phone": "13800000017",
        "by": PUBLIC,
    }
    heard = steps.hear(at=at, text=text, **(told | more))
    return Told(world, heard.request.pk, heard.voice, heard.token, at)

"""A month of snaps: 薛师傅 on his rounds, neighbours and people without an account; at all stations, some of them thanked.

The photos are drawn: a street, a thing that is wrong with it, and on some a car with a plate, which is covered like any.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from PIL import Image, ImageDraw

from heli.core.actor import PUBLIC, Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff
from heli.loop import duty, links
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Dispatch
from heli.places.models import Area
from heli.snaps import steps
from heli.snaps.jobs import thank_due
from heli.snaps.models import Thanks

MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
CENTRE = (37.5335, 121.3860)
SEEN = (
    ("pothole", ("公交站前一个坑，雨天看不见", "右转车道塌了一块", "")), ("manhole", ("井盖碎了半边", "盖子没了，插了根树枝", "")),
    ("lamp", ("一连三盏不亮", "", "大白天也亮着")), ("water", ("桥洞下过不去车", "", "没过脚踝")), ("waste", ("桶满了，风一吹到处是", "", "")),
    ("blocked", ("一堆沙子占了半条路", "水泥墩挡着盲道", "")), ("fallen", ("大风刮倒一棵，压着电线", "围墙歪了", "")), ("fire", ("消防通道停了三轮车", "", "")),
)  # fmt: skip
# How far a snap gets, in turn: nobody yet, with a unit, answered, judged, judged not solved, declined, left to lapse.
FATES = (
    "closed",
    "heard",
    "closed",
    "handling",
    "lapsed",
    "closed",
    "offered",
    "replied",
    "closed",
    "again",
    "declined",
    "closed",
)
SPOTS = ("站牌东边", "学校门口", "小区北门外", "菜市场口", "桥下", "十字路口西北角", "海边栈道入口", "快递站门前")


def drawn(hazard: str, rng: random.Random, size: tuple[int, int] = (480, 360)) -> io.BytesIO:
    """A street with one thing wrong, as a JPEG."""
    w, h = size
    image = Image.new("RGB", size, (176, 196, 210))
    draw = ImageDraw.Draw(image)
    for n in range(6):  # houses
        x, top = n * w // 6 + rng.randrange(-10, 10), rng.randrange(30, 120)
        draw.rectangle((x, top, x + w // 6 - 8, h // 2), fill=tuple(rng.randrange(120, 200) for _c in range(3)))
        for y in range(top + 14, h // 2 - 16, 30):
            draw.rectangle((x + 14, y, x + 30, y + 16), fill=(90, 105, 120))
    draw.polygon(((0, h), (w // 3, h // 2), (w * 2 // 3, h // 2), (w, h)), fill=(96, 98, 102))
    x, y = rng.randrange(w // 3, w * 2 // 3), rng.randrange(h * 3 // 5, h * 4 // 5)
    if hazard in {"pothole", "manhole", "water"}:
        dark = {"pothole": (58, 54, 50), "manhole": (25, 25, 28), "water": (104, 128, 150)}[hazard]
        draw.ellipse((x - 70, y - 26, x + 70, y + 26), fill=dark)
    elif hazard in {"waste", "blocked", "fire"}:
        for _n in range(9):
            a, b, s = x + rng.randrange(-80, 80), y + rng.randrange(-20, 30), rng.randrange(14, 40)
            draw.rectangle((a, b - s, a + s, b), fill=tuple(rng.randrange(60, 190) for _c in range(3)))
    else:
        draw.line((x, y, x + rng.randrange(60, 160), y - 170), fill=(70, 60, 50), width=12)
        draw.ellipse((x + 30, y - 210, x + 190, y - 110), fill=(70, 110, 60) if hazard == "fallen" else (60, 60, 60))
    if rng.random() < 0.4:  # a parked car with its plate
        left = rng.choice((30, w - 250))
        draw.rounded_rectangle((left, h - 170, left + 220, h - 40), 24, fill=(205, 207, 210))
        draw.rectangle((left + 60, h - 100, left + 160, h - 68), fill=(22, 62, 170))
        for n in range(7):
            draw.rectangle(
                (left + 66 + n * 13, h - 94, left + 66 + n * 13 + rng.randrange(3, 8), h - 74), fill=(245, 245, 245)
            )
    out = io.BytesIO()
    image.save(out, "JPEG", quality=86)
    out.seek(0)
    return out


@dataclass
class Round:
    """Who snaps, who handles it, and what was counted."""

    county: Staff
    now: dt.datetime
    rng: random.Random
    count: Counter[str]

    def snap(
        self,
        area: Area,
        at: dt.datetime,
        by: Actor,
        fate: str,
        hazard: str,
        words: str,
        spot: str,
        about: float = 0.0008,
    ) -> None:
        point = self.point(area, about)
        taken = steps.take(
            by=by, at=at, hazard=hazard, words=words, area_path=area.path, spot=spot, lat=point[0], lon=point[1],
            accuracy=self.rng.randrange(6, 60), photo=drawn(hazard, self.rng) if self.rng.random() < 0.4 else None,
        )  # fmt: skip
        self.count["随手拍"] += 1
        try:
            self.handle(taken, fate, at)
        except HeliError as error:  # somebody came too late for it, as people do
            self.count[f"refused {error.code}"] += 1

    def point(self, area: Area, about: float) -> tuple[Decimal, Decimal]:
        """A point for each community, always the same, and at most so many degrees away from it."""
        own = random.Random(area.path)
        lat = CENTRE[0] + own.uniform(-0.02, 0.02) + self.rng.uniform(-about, about)
        lon = CENTRE[1] + own.uniform(-0.03, 0.03) + self.rng.uniform(-about, about)
        return Decimal(f"{lat:.6f}"), Decimal(f"{lon:.6f}")

    def handle(self, taken: steps.Taken, fate: str, at: dt.datetime) -> None:
        """Through the loop, each act at its hour; what would lie after now is left undone."""
        request, voice, staff = taken.heard.request, taken.heard.voice, self.county
        times = [at + HOUR * h for h in (1, 3, 26, 50, 400)]
        if fate == "heard" or times[0] > self.now:
            return
        if fate == "declined":
            loop.decline(
                request_id=request.pk, by=staff.dispatcher, at=times[0], reason="照片里看不出问题，现场也没有找到。",
                legal_basis="国办函〔2025〕66号关于诉求受理范围的规定", route="再看见请拍清楚一点再送来。",
            )  # fmt: skip
            return
        named = [r.unit.pk for r in duty.responsible(request, local_day(at)) if r.unit is not None]
        unit = next((pk for pk in named if pk in staff.officers), next(iter(staff.officers)))
        loop.offer(request_id=request.pk, unit_id=unit, by=staff.dispatcher, at=times[0])
        if fate == "offered" or times[1] > self.now:
            return
        lead = Dispatch.objects.get(request=request, role="lead", state="offered")
        loop.accept(dispatch_id=lead.pk, by=staff.officers[unit], at=times[1])
        if fate == "handling" or times[2] > self.now:
            return
        loop.write_reply(
            request_id=request.pk, by=staff.officers[unit], at=times[2],
            text="接到照片当天到了现场，已经处理完。再坏请还照这样拍一张。",
        )  # fmt: skip
        if fate == "lapsed" and times[4] <= self.now:
            loop.lapse(request_id=request.pk, at=times[4])
        elif fate in {"closed", "again"} and times[3] <= self.now:
            good = fate == "closed"
            loop.judge(
                voice_id=voice.pk, by=links.bearer(voice), at=times[3], contacted=True, solved="yes" if good else "no",
                satisfaction=5 if good else 2, words="" if good else "补的又掉了。",
            )  # fmt: skip


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Three dozen snaps in thirty days, then the thanks that are due."""
    people = [
        Actor(user_id=county.by_name[u].user_id) for u in ("xue.shifu", "xue.shifu", "wang.guilan", "zhou.yinling")
    ]
    areas = list(Area.objects.filter(path__startswith=COUNTY, level=5, kind="admin").order_by("path")[:24])
    life = Round(county, now, rng, Counter())
    for n in range(36):
        fate = FATES[n % len(FATES)]
        hazard, said = SEEN[n % len(SEEN)]
        late = fate in {"heard", "offered", "handling"}
        at = now - DAY * rng.uniform(0.1, 3) if late else begin + (now - begin) * rng.uniform(0, 0.85)
        by = PUBLIC if n % 5 == 4 else people[n % len(people)]
        life.snap(rng.choice(areas), at, by, fate, hazard, rng.choice(said), rng.choice(SPOTS))
    same, at = areas[0], begin + DAY * 5 + HOUR * 9  # the same bin three days running: for a person to look at
    for n in range(3):
        life.snap(same, at + DAY * n, people[0], "closed", "waste", "", "菜市场口", about=0.0001)
    thank_due(now, paths=(COUNTY,))
    life.count["感谢分"] = Thanks.objects.count()
    return life.count

"""Standing problems of the demo: one at each station, one that came back, and candidates that the count finds by itself."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass

from heli.core.actor import PUBLIC, SYSTEM
from heli.demo.county import COUNTY, Staff
from heli.insight import candidates, refresh
from heli.insight import problem_steps as steps
from heli.insight.members import in_hand
from heli.insight.models import Problem
from heli.loop import duty
from heli.loop import steps as loop
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.orgs.models import Organisation
from heli.places.models import Area
from heli.rulebook.steps import NewRule, set_rule

DAY = dt.timedelta(days=1)
WATER, PUMP, LAMP, NOISE, PARKING, COVER = "020101", "020102", "040401", "060101", "010101", "040302"


@dataclass(frozen=True, slots=True)
class Matter:
    """What people of one community say, and how often in the last days."""

    area: str
    category: str
    people: int
    days: float
    texts: tuple[str, ...]


NO_WATER = (
    "{n} 号楼早上六点又停水，没人通知，老人接不上水。", "又停水了，这个月第三回，{n} 号楼整栋都没有。", "家里停水两个小时了，{n} 号楼，做饭洗脸都不行。",
)  # fmt: skip
LOW = (
    "{n} 号楼六层水压小，洗澡冲不下来。",
    "顶楼水流跟线一样细，{n} 号楼都这样，增压泵是不是坏了。",
    "晚上七点水压上不来，{n} 号楼五层以上都没法用。",
)
DARK = (
    "{n} 号楼前那盏路灯又不亮，台阶看不见。",
    "小区北门进来一排灯全黑，{n} 号楼老人摔过。",
    "晚上跳完舞回 {n} 号楼，一路没有灯。",
)
MATTERS = {
    "surge": Matter("370602003006", WATER, 9, 6, NO_WATER),
    "live": Matter("370602003004", LAMP, 7, 15, DARK),
    "working": Matter("370602002001", PUMP, 8, 6, LOW),
}


@dataclass(slots=True)
class Telling:
    """People who say it, each with a number of their own, and the unit that takes it on."""

    staff: Staff
    rng: random.Random
    count: Counter[str]
    n: int = 0

    def say(self, m: Matter, at: dt.datetime) -> Request:
        self.n += 1
        text = self.rng.choice(m.texts).format(n=self.rng.randint(1, 40))
        heard = loop.hear(
            by=PUBLIC, at=at, text=f"{text}（第 {self.n} 次有人说）" if self.n % 9 == 0 else text, area_path=m.area, kind="help",
            channel="web", category=m.category, name=f"{self.rng.choice('王李张刘陈杨赵孙')}某", phone=f"1370600{self.n:04d}",
        )  # fmt: skip
        self.count["standing heard"] += 1
        return heard.request

    def take_on(self, request: Request, at: dt.datetime) -> None:
        """Dispatched by the duty list and taken on, so that the unit has it in hand."""
        request = Request.objects.select_related("category").get(pk=request.pk)
        best = next((r for r in duty.responsible(request, local_day(at)) if r.unit is not None), None)
        if best is None or best.unit is None or best.unit.pk not in self.staff.officers:
            return
        made = loop.offer(
            request_id=request.pk,
            unit_id=best.unit.pk,
            by=self.staff.dispatcher,
            at=at,
            assists=[],
            duty_row_id=best.row.pk,
        )
        loop.accept(dispatch_id=made.pk, by=self.staff.officers[best.unit.pk], at=at + DAY / 48)

    def all_say(self, m: Matter, end: dt.datetime, *, taken: bool = True) -> None:
        times = sorted(end - DAY * self.rng.uniform(0.2, m.days) for _ in range(m.people))
        for at in times:
            request = self.say(m, at)
            if taken and at + DAY / 24 < end:
                self.take_on(request, at + DAY / 24)


def live(staff: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """One problem at each station; candidates from what people say."""
    count: Counter[str] = Counter()
    for key, value in (("problem.window", 7), ("problem.baseline", 21)):  # a county heard for one month looks at weeks
        rule = NewRule(
            key=key,
            area_path=COUNTY,
            value=value,
            citation="演示：开通才一个月，先按周比",
            valid_from=local_day(begin),
            applies_to={},
        )
        set_rule(rule=rule, by=SYSTEM, at=begin)
    telling = Telling(staff, rng, count)
    for m in MATTERS.values():
        telling.all_say(m, now - DAY / 4)
    owner = _owner(staff)
    made = {
        "named": _name(staff, "夜里施工噪声", COUNTY, NOISE, owner, now - 3 * DAY, now + 40 * DAY),
        "planned": _name(staff, "老旧小区停车占消防通道", COUNTY, PARKING, owner, now - 9 * DAY, now + 45 * DAY),
        "working": _name(staff, "高层住户水压低", MATTERS["working"].area, PUMP, owner, now - 14 * DAY, now + 20 * DAY),
        "review": _name(staff, "菜市场周边污水", "370602003", "040201", owner, begin + DAY, now + 2 * DAY),
        "closed": _name(staff, "校门口井盖松动", "370602004", COVER, owner, begin + DAY, now - DAY),
        "relapsed": _name(staff, "毓东社区路灯成片不亮", "370602003004", LAMP, owner, begin - 20 * DAY, now - 12 * DAY),
    }
    officer, boss = staff.officers[owner.pk], staff.supervisor
    for state, p in made.items():
        if state == "named":
            continue
        at = p.named_at + DAY
        steps.plan(
            problem_id=p.pk, by=officer, at=at, plan="先摸清是哪几处，能当场修的当场修；要换设备的列清单，按周推进，做完一处告诉一处。",
            words="这件事已列为每月一题，正在按方案成片整治，做到您这里会提前告诉您。",
        )  # fmt: skip
        measures = [
            steps.add_measure(
                problem_id=p.pk, by=officer, at=at, text=text, unit_id=owner.pk, due_on=local_day(at) + days * DAY
            )
            for text, days in (("逐处摸底，列出清单", 7), ("更换损坏的设备，做完回访", 25))
        ]
        if state == "planned":
            continue
        steps.end_measure(
            problem_id=p.pk,
            measure_id=measures[0].pk,
            by=officer,
            at=at + 2 * DAY,
            done=True,
            words="清单列好了，共 14 处",
        )
        if state == "working":
            mine = list(in_hand(p, [owner.pk]).values_list("pk", flat=True)[:3])
            if mine:
                steps.write_words(
                    problem_id=p.pk,
                    by=officer,
                    at=now - DAY,
                    how="note",
                    text=p.plan or "按方案整治中。",
                    requests=mine,
                )
            continue
        steps.end_measure(
            problem_id=p.pk,
            measure_id=measures[1].pk,
            by=officer,
            at=at + 5 * DAY,
            done=True,
            words="都换完了，逐户问过",
        )
        steps.report(problem_id=p.pk, by=officer, at=at + 6 * DAY, report="两项措施做完，之后一周没有新的诉求。")
        if state in ("closed", "relapsed"):
            steps.decide(problem_id=p.pk, by=boss, at=at + 7 * DAY, close=True, reason="数下来了，结题，继续看四周。")
    count["standing relapsed"] = steps.relapse_due(now)
    count["candidates"] = candidates.refresh(now)
    count["standing problems"] = Problem.objects.count()
    refresh.refresh(now)

    return count


def _owner(staff: Staff) -> Organisation:
    """城管局: its officer is one of the cast."""
    officer = staff.by_name["yu.keyuan"]
    return Organisation.objects.get(pk=next(g.org_id for g in officer.grants if g.org_id is not None))


def _name(
    staff: Staff, title: str, path: str, category: str, owner: Organisation, at: dt.datetime, review: dt.datetime
) -> Problem:
    area = Area.objects.filter(path=path).first() or Area.objects.get(path=COUNTY)
    return steps.name(
        by=staff.supervisor, at=at, title=title, area_path=area.path, unit_id=owner.pk, category=category,
        review_on=max(local_day(review), local_day(at) + DAY), month=local_day(at).replace(day=1),
    )  # fmt: skip

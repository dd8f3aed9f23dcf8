"""Stations, friendly communities and notices of the demo's county: who keeps them, what people think, what they miss.

All invented: names, addresses, numbers. Points lie in the streets they name, by eye.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

from django.utils import timezone

from heli.core.actor import PUBLIC, Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff
from heli.engines.opening import Periods, parse
from heli.notices import steps as notices
from heli.orgs.models import Organisation
from heli.people.models import User
from heli.places import site_steps as steps
from heli.places.models import Area
from heli.places.sites import Service, Site

DAY = dt.timedelta(days=1)
# street: latitude and longitude of about its middle
STREETS = {
    "001": (37.5415, 121.3965), "002": (37.5330, 121.4080), "003": (37.5345, 121.3850), "004": (37.5460, 121.3640),
    "005": (37.5120, 121.4060), "006": (37.5235, 121.3860), "007": (37.5290, 121.3660), "008": (37.5950, 121.3720),
    "009": (37.4830, 121.3330), "010": (37.5450, 121.3250), "011": (37.5050, 121.3580), "012": (37.5640, 121.3560),
}  # fmt: skip
WORK, LONG, NIGHT, WHOLE, SHOP = "8:30-12:00 13:30-17:30", "7:00-21:00", "6:00到次日1:00", "24小时", "9:00-20:30"
BASE = ("water", "rest", "charging")
# street, name, kind, address, hours on weekdays, at the weekend, services beside the basic ones
STATIONS: tuple[tuple[str, str, str, str, str, str, tuple[str, ...]], ...] = (
    ("003", "大海阳暖心驿站", "station", "大海阳路 62 号，社区党群服务中心一楼", LONG, LONG, ("microwave", "toilet", "wifi", "first_aid", "umbrella", "heating")),
    ("003", "毓璜顶医院西门小哥驿站", "station", "毓东路 20 号旁", WHOLE, WHOLE, ("toilet", "wifi", "heating", "cooling")),
    ("003", "毓西路劳动者港湾", "station", "毓西路 8 号，银行营业厅内", WORK, "", ("wifi", "umbrella")),
    ("003", "四马路爱心接力站", "station", "四马路 31 号", SHOP, SHOP, ("microwave", "air")),
    ("001", "朝阳街骑手之家", "station", "朝阳街 47 号", NIGHT, NIGHT, ("microwave", "toilet", "wifi", "battery", "parking")),
    ("001", "所城里暖心驿站", "station", "所城里 12 号", LONG, LONG, ("toilet", "reading", "heating")),
    ("001", "胜利路环卫驿站", "station", "胜利路 105 号", "5:00-19:00", "5:00-19:00", ("microwave", "toilet", "umbrella")),
    ("001", "烟台山户外劳动者驿站", "station", "海岸街 2 号", WORK, "9:00-16:00", ("first_aid",)),
    ("002", "东山小哥食堂", "station", "进德街 18 号", "10:00-14:30 16:30-20:00", "10:00-14:30", ("meal", "microwave", "toilet")),
    ("002", "海岸路暖心驿站", "station", "海岸路 9 号", LONG, LONG, ("wifi", "cooling", "umbrella")),
    ("002", "滨海广场司机休息点", "station", "滨海中路 33 号停车场", WHOLE, WHOLE, ("toilet", "parking", "air")),
    ("004", "通伸骑手驿站", "station", "通伸街 77 号", LONG, LONG, ("battery", "repair", "air", "wifi")),
    ("004", "西南河路劳动者港湾", "station", "西南河路 140 号", WORK, "", ("umbrella", "first_aid")),
    ("004", "北马路公交首末站休息室", "station", "北马路 153 号", "5:30-22:30", "5:30-22:30", ("toilet", "microwave")),
    ("005", "凤凰台暖心驿站", "station", "凤凰台二街 6 号", LONG, LONG, ("toilet", "heating", "reading")),
    ("005", "迎春大街小哥驿站", "station", "迎春大街 88 号", NIGHT, NIGHT, ("battery", "microwave", "wifi")),
    ("006", "奇山新时代文明实践站", "service", "奇山东街 21 号", WORK, "9:00-16:00", ("reading", "first_aid", "wifi")),
    ("006", "南大街购物中心骑手通道服务点", "station", "南大街 166 号地下一层", "9:30-22:00", "9:30-22:30", ("toilet", "parking")),
    ("006", "大马路爱心接力站", "station", "大马路 59 号", SHOP, SHOP, ("air",)),
    ("007", "白石暖心驿站", "station", "白石路 41 号", LONG, LONG, ("microwave", "toilet", "heating", "umbrella")),
    ("007", "白石货运司机之家", "station", "青年路 300 号物流园门口", WHOLE, WHOLE, ("toilet", "meal", "parking", "repair")),
    ("007", "惠安便民服务点", "service", "惠安街 15 号", WORK, "", ("first_aid",)),
    ("008", "芝罘岛渔港驿站", "station", "芝罘岛东口 3 号", "4:30-18:30", "4:30-18:30", ("microwave", "toilet", "heating")),
    ("008", "大疃社区综合服务设施", "service", "大疃路 5 号", WORK, "9:00-11:30", ("reading", "wifi", "meal")),
    ("009", "黄务批发市场司机驿站", "station", "机场路 268 号", WHOLE, WHOLE, ("toilet", "meal", "parking", "air")),
    ("009", "黄务暖心驿站", "station", "通世路 90 号", LONG, LONG, ("microwave", "wifi")),
    ("010", "只楚园区小哥驿站", "station", "只楚路 44 号", LONG, "9:00-17:00", ("battery", "microwave", "toilet", "wifi")),
    ("010", "北上坊劳动者港湾", "station", "楚盛街 10 号", WORK, "", ("umbrella",)),
    ("011", "世回尧骑手驿站", "station", "世回尧路 72 号", NIGHT, NIGHT, ("battery", "air", "microwave")),
    ("011", "机场路环卫驿站", "station", "机场路 120 号", "5:00-19:00", "5:00-19:00", ("toilet", "heating")),
    ("012", "幸福暖心驿站", "station", "幸福中路 99 号", LONG, LONG, ("toilet", "microwave", "umbrella", "reading")),
    ("012", "幸福码头司机休息点", "station", "幸福十村南街 1 号", WHOLE, WHOLE, ("toilet", "parking")),
)  # fmt: skip
# street, name, kind, address, gate, parking, electric bikes, until when
FRIENDLY: tuple[tuple[str, str, str, str, str, str, str, str], ...] = (
    ("003", "大海阳小区", "community", "大海阳路 60 号", "走南门，报手机尾号就能进", "12 号楼前划线的地方，15 分钟以内", "push", "23:00 以前，以后走北门登记"),
    ("003", "毓东佳园", "community", "毓东路 51 号", "东门右侧骑手通道，不用登记", "东门里的临停区", "ride", "全天"),
    ("001", "向阳里", "community", "向阳街 30 号", "西门，保安放行", "西门外划线区", "gate", "22:00 以前"),
    ("002", "海岸花园", "community", "海岸路 16 号", "北门地下车库口旁的小门", "小门里 6 个车位", "push", "22:30 以前"),
    ("004", "通伸嘉苑", "community", "通伸街 80 号", "南门，刷骑手码", "每栋楼下的外卖架旁", "ride", "全天"),
    ("005", "凤凰新居", "community", "凤凰台三街 2 号", "东门", "东门岗亭对面", "gate", "21:30 以前，以后放外卖柜"),
    ("012", "幸福三村", "community", "幸福中路 60 号", "中门，不拦", "楼下不占消防通道就行", "ride", "全天"),
    ("001", "朝阳街友好街区", "street", "朝阳街一带", "北马路口和海关街口都能进", "海关街口停车区 30 分钟免费", "push", "步行街 10:00–22:00 推行"),
    ("006", "南大街友好街区", "street", "南大街西段", "西南河路口", "购物中心西侧骑手停车区", "ride", "全天"),
)  # fmt: skip
NOTICES: tuple[dict[str, Any], ...] = (
    {
        "title": "送外卖、跑快递的，冬天可以到 32 个驿站歇脚",
        "meaning": "区里 32 个驿站都能喝热水、坐下歇、给手机充电。\n不用登记，不用买东西。门口有“暖心驿站”的牌子。",
        "todo": "什么也不用办。打开“驿站”地图，看哪个开着。",
        "until": "一直有", "ask": "离您最近的驿站，或者打社区办公电话",
        "groups": ["riders", "drivers"],
    },
    {
        "title": "进小区送餐：九个小区和街区说好了怎么进",
        "meaning": "这九处写明了从哪个门进、车停哪里、几点以前能进。\n按写的走，保安不拦。被拦了，在那一处的页面上说一声，有人去问。",
        "todo": "送之前看一眼地图上的“友好小区”。进门慢骑或推行。",
        "until": "到 2027 年 6 月 30 日，到时候看看要不要改", "ask": "小区物业，或者所在社区",
        "groups": ["riders"],
    },
    {
        "title": "老人冬天取暖有难处，社区上门看",
        "meaning": "独居的、卧床的老人家里冷，可以让社区来看。\n能修的当天修，修不了的先送电暖气，不要钱。",
        "todo": "跟社区说一声，邻居代说也行。不用写材料。",
        "until": "2027 年 3 月 31 日以前", "ask": "所在社区，上班时间",
        "groups": ["older", "disabled"],
    },
    {
        "title": "下个月招 40 名冬季除雪员，按天付钱",
        "meaning": "下雪那天上工，一天两班，自己选一班。\n当天干完当天记工，每周五发钱。",
        "todo": "带身份证到街道便民服务大厅报名。",
        "until": "12 月 10 日 17:00 前", "ask": "街道便民服务大厅 3 号窗口",
        "groups": ["jobseekers"],
    },
    {
        "title": "放学后没人接的孩子，社区能看到六点半",
        "meaning": "六个社区下午四点到六点半有人看孩子写作业。\n有老师，有志愿者，不收钱。",
        "todo": "家长到社区签一张接送单，写明谁来接。",
        "until": "到 2027 年 1 月 22 日放假", "ask": "所在社区，下午两点以后",
        "groups": ["parents", "volunteers"],
    },
    {
        "title": "门前放花箱、摆摊：先问一句，不罚第一次",
        "meaning": "店门口放东西，占不占道，城管的人来现场看。\n第一次放错了只提醒，挪走就行。",
        "todo": "想放之前，在这里说一声，写清楚是哪家店。",
        "until": "2027 年 12 月 31 日以前", "ask": "街道城管站",
        "groups": ["businesses"],
    },
)  # fmt: skip
WORDS = ("哪几个小区没写全名", "没说周末开不开", "我不知道我算不算", "电话没写")


def _week(weekday: str, weekend: str) -> tuple[Periods, ...]:
    return (parse(weekday),) * 5 + (parse(weekend),) * 2


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Enter the sites on the first day; a month of ratings, a day closed early, and the notices."""
    count: Counter[str] = Counter()
    admin, keeper = county.by_name["jiang.guanli"], county.by_name["qian.zhanzhang"]
    made = _enter(admin, begin, rng)
    count["sites"] = len(made)
    count["ratings"] = _rate(made, begin, now, rng)
    own = next((s for s in made if s.keeper_id in keeper.org_ids()), made[0])
    steps.set_day(
        site_id=own.pk,
        on=timezone.localdate(now) + 3 * DAY,
        periods=parse("8:00-15:00"),
        note="消防检查",
        by=admin,
        at=now,
    )
    count["notices"] = _tell(county.by_name["song.jianyan"], begin, now, rng)
    return count


def _enter(admin: Actor, at: dt.datetime, rng: random.Random) -> list[Site]:
    communities: dict[str, list[str]] = {}
    for path in Area.objects.offered().inside(COUNTY).filter(level=5).order_by("path").values_list("path", flat=True):
        communities.setdefault(path[6:9], []).append(path)
    team = Organisation.objects.filter(short_name="银龄队").values_list("pk", flat=True).first()

    def where(street: str, name: str) -> dict[str, Any]:
        lat, lon = STREETS[street]
        own = "370602003006" if name.startswith("大海阳") else rng.choice(communities[street])
        return {
            "area_path": own, "lat": round(lat + rng.uniform(-0.006, 0.006), 5),
            "lon": round(lon + rng.uniform(-0.009, 0.009), 5), "by": admin, "at": at,
        }  # fmt: skip

    made = []
    for n, (street, name, kind, address, weekday, weekend, more) in enumerate(STATIONS):
        made.append(
            steps.add_site(
                **where(street, name), name=name, kind=kind, address=address, week=_week(weekday, weekend),
                services=[*BASE, *more], phone=f"0535662{8100 + n}", keeper_id=team if n == 0 else None,
                way="看见“暖心驿站”的牌子就是" if n % 3 == 0 else "",
            )
        )  # fmt: skip
    for street, name, kind, address, gate, park, ebike, until in FRIENDLY:
        made.append(
            steps.add_site(
                **where(street, name), name=name, kind=kind, address=address, gate=gate, park=park, ebike=ebike,
                access_until=until, services=["parking"],
            )
        )  # fmt: skip
    return made


def _rate(made: list[Site], begin: dt.datetime, now: dt.datetime, rng: random.Random) -> int:
    people = list(User.objects.order_by("id").values_list("pk", flat=True)[:60])
    rated = 0
    for site in made:
        absent = [
            s for s in (Service.BATTERY, Service.TOILET, Service.MICROWAVE, Service.HEATING) if s not in site.services
        ]
        for user_id in rng.sample(people, min(len(people), rng.choice((0, 2, 4, 7, 11)))):
            at = begin + (now - begin) * rng.random()
            missing = [m.value for m in absent if rng.random() < 0.25]
            try:
                steps.rate_site(
                    site_id=site.pk, stars=rng.choice((3, 4, 4, 5, 5)), missing=missing, by=Actor(user_id), at=at
                )
            except HeliError:  # the same account in the same month
                continue
            rated += 1
    return rated


def _tell(writer: Actor, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> int:
    for n, given in enumerate(NOTICES):
        at = begin + (now - begin) * (n / len(NOTICES))
        draft = notices.write_notice(
            source="（演示用，虚构）芝罘区委社会工作部办事安排，2026 年 11 月" if n < 3 else "",
            area_path=COUNTY,
            valid_from=timezone.localdate(at),
            by=writer,
            at=at,
            **given,
        )
        if n == len(NOTICES) - 1:
            break  # one is still being written
        notices.publish_notice(notice_id=draft.pk, version=draft.version, by=writer, at=at + dt.timedelta(hours=1))
        days = max(1, (now - at).days)
        for back in range(days):
            day = at + dt.timedelta(hours=2) + back * DAY
            for _read in range(rng.randint(1, max(2, 14 - back))):
                group = rng.choice(("", *given["groups"]))
                notices.count_reading(notice_id=draft.pk, group=group, at=min(day, now))
                if rng.random() < 0.06:
                    clear = rng.random() < 0.75
                    words = "" if clear else rng.choice(WORDS)
                    notices.say_clear(
                        notice_id=draft.pk, clear=clear, words=words, group=group, by=PUBLIC, at=min(day, now)
                    )
    return len(NOTICES)

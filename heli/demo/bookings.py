"""What the demo's service positions lend, and some weeks of bookings: through the steps, as people would.

All invented: names, purposes, organisations' gifts.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

from django.utils import timezone

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.demo.county import Staff
from heli.orgs.models import Organisation
from heli.people.models import User
from heli.places import booking_steps as bookings
from heli.places import resource_steps
from heli.places.resources import Booking, Resource
from heli.places.site_steps import change_site
from heli.places.sites import Site

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
# site (a part of its name): its position; what it lends: kind, name, what for, and the rest
LENT: tuple[tuple[str, str, tuple[tuple[str, str, str, dict[str, Any]], ...]], ...] = (
    ("大海阳暖心驿站", "", (
        ("room", "二楼会议室", "开会、讲座；有投影", {"seats": 40}),
        ("room", "活动室", "排练、手工、下棋", {"seats": 20, "asks": False}),
        ("equipment", "轮椅", "接送老人看病，当天还", {"units": 3, "asks": False, "longest_hours": 10}),
        ("goods", "志愿者马甲", "搞活动时穿，洗净还回", {"units": 60, "asks": False, "longest_hours": 12, "lead_hours": 12}),
        ("expert", "心理疏导", "一次一小时，只聊不记", {"lead_hours": 24, "longest_hours": 1}),
    )),
    ("奇山新时代文明实践站", "post", (
        ("room", "宣讲室", "讲座、培训、开会", {"seats": 60}),
        ("room", "书画室", "写字画画，桌上有毡", {"seats": 16, "asks": False}),
        ("equipment", "音响", "带两支话筒", {"units": 2, "open_to": "orgs", "longest_hours": 8}),
    )),
    ("大疃社区综合服务设施", "community", (
        ("room", "多功能厅", "开会、演出、办喜事", {"seats": 120, "longest_hours": 8, "lead_hours": 48}),
        ("goods", "折叠椅", "可借出门，自己来搬", {"units": 150, "longest_hours": 48}),
    )),
    ("惠安便民服务点", "five_six", (("room", "小会议室", "调解、碰头", {"seats": 10, "asks": False}),)),
    ("所城里暖心驿站", "", (("room", "小院", "晴天办活动", {"seats": 30}),)),
)  # fmt: skip
PARTNERS = (
    ("大海阳暖心驿站", "鲁新超市", "每周三送 20 份早餐"),
    ("大海阳暖心驿站", "心桥社工", "每周四下午派社工值班"),
    ("奇山新时代文明实践站", "社工协会", "每月一场培训"),
)
PURPOSES = (
    "合唱排练", "书法班", "业主代表碰头", "健康讲座", "反诈宣讲", "包饺子", "棋友会", "志愿者培训", "广场舞排练", "读书会",
    "楼组长例会", "义诊", "手工课", "接老人去医院", "社区运动会",
)  # fmt: skip
SHOWN = {
    "健康讲座": "健康讲座，都能来",
    "反诈宣讲": "反诈宣讲，都能来",
    "义诊": "义诊：量血压测血糖",
    "读书会": "读书会，欢迎旁听",
}
NO = ("那天要开居民大会", "投影坏了，在修", "人太多，坐不下，换多功能厅试试")
GIVEN_UP = ("下雨，改天再办", "人没凑齐", "换地方了", "记错日子了")


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Things on the first day; bookings from then until a fortnight from now, decided, used, given up."""
    count: Counter[str] = Counter()
    admin = county.by_name["jiang.guanli"]
    things = _enter(admin, county.by_name["li.shegong"], begin)
    count["resources"] = len(things)
    _partners(admin, begin)
    people = [Actor(pk) for pk in User.objects.filter(is_active=True).order_by("id").values_list("pk", flat=True)[:60]]
    days = (now - begin).days + 14
    times = sorted(begin + DAY * rng.uniform(0.2, days) for _ in range(days * 5))
    for start in times:
        _one(rng.choice(things), rng.choice(people), start, begin, now, rng, admin)
    count["bookings"] = Booking.objects.count()
    return count


def _enter(admin: Actor, expert: Actor, at: dt.datetime) -> list[Resource]:
    made = []
    for name, position, lent in LENT:
        site = Site.objects.get(name=name)
        if position:
            site = change_site(site_id=site.pk, version=site.version, position=position, by=admin, at=at)
        for kind, called, what_for, more in lent:
            who = {"username": User.objects.get(pk=expert.user_id or 0).username} if kind == "expert" else {}
            thing = resource_steps.add_resource(
                site_id=site.pk, kind=kind, name=called, what_for=what_for, by=admin, at=at, **who, **more
            )
            if kind == "expert":
                thing = resource_steps.agree(resource_id=thing.pk, call_name="李社工", by=expert, at=at)
            made.append(thing)
    return made


def _partners(admin: Actor, at: dt.datetime) -> None:
    for name, org, brings in PARTNERS:
        found = Organisation.objects.filter(short_name=org).values_list("pk", flat=True).first()
        if found is not None:
            site = Site.objects.get(name=name)
            resource_steps.add_partner(
                site_id=site.pk, org_id=found, brings=brings, since=timezone.localdate(at), by=admin, at=at
            )


def _one(
    thing: Resource,
    who: Actor,
    start: dt.datetime,
    first: dt.datetime,
    now: dt.datetime,
    rng: random.Random,
    admin: Actor,
) -> None:
    """Somebody asks some days before; the keeper answers; they come, or not. What is refused is left at that."""
    begin = timezone.localtime(start).replace(hour=rng.choice((9, 10, 14, 15, 16)), minute=0, second=0, microsecond=0)
    asked = max(first + HOUR, min(begin - DAY * rng.uniform(0.5, 6), now - HOUR * rng.uniform(1, 30)))
    purpose = rng.choice(PURPOSES)
    if begin <= asked:
        return
    if thing.open_to == "orgs":
        who = admin  # books for others who called
    try:
        made = bookings.book(
            resource_id=thing.pk, begin=begin, end=begin + HOUR * rng.choice((1, 1, 2)), purpose=purpose,
            amount=rng.choice((5, 10, 20)) if thing.counted else 1, by=who, at=asked,
        )  # fmt: skip
    except HeliError:  # taken, closed at that hour, or too many: as it happens to people
        return
    later = min(asked + HOUR * rng.uniform(1, 20), begin - HOUR / 4, now)
    if made.state == "asked":
        _answer(made, admin, later, now, rng)
        made.refresh_from_db()
    if made.state == "booked" and purpose in SHOWN:
        bookings.publish(booking_id=made.pk, shown=SHOWN[purpose], by=admin, at=later)
    _after(made, who, admin, now, rng, later)


def _answer(made: Booking, admin: Actor, at: dt.datetime, now: dt.datetime, rng: random.Random) -> None:
    if made.period.lower > now and rng.random() < 0.35:
        return  # still waits
    if rng.random() < 0.1:
        bookings.refuse(booking_id=made.pk, reason=rng.choice(NO), by=admin, at=at)
    else:
        bookings.confirm(booking_id=made.pk, by=admin, at=at)


def _after(made: Booking, who: Actor, admin: Actor, now: dt.datetime, rng: random.Random, at: dt.datetime) -> None:
    if made.state != "booked":
        return
    if rng.random() < 0.07:
        bookings.cancel(booking_id=made.pk, reason=rng.choice(GIVEN_UP), by=who, at=at)
    elif made.period.lower + HOUR < now and rng.random() < 0.9:
        bookings.note_use(booking_id=made.pk, came=rng.random() > 0.08, by=admin, at=made.period.lower + HOUR / 2)

"""Volunteers and their teams: forty teams in the communities, and the people in them, a third of silver age. Names
and numbers are invented; everything goes through the steps."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

from django.db import transaction
from stdnum.cn import ric

from heli.core.actor import SYSTEM, Actor
from heli.demo.county import COUNTY, Staff, account, grant
from heli.loop.clocks import local_day
from heli.orgs import steps as orgs
from heli.orgs.models import Member, Organisation
from heli.people import queries as accounts
from heli.people.models import User
from heli.places.models import Area
from heli.volunteering.models import Field, Skill, Team, Volunteer
from heli.volunteering.steps import people, proofs, teams

TEAMS, PEOPLE = 40, 600
DAY = dt.timedelta(days=1)
SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡林郭何高罗于曲姜吕初栾邹隋衣都"
GIVEN = ("建国", "秀英", "志强", "丽", "海燕", "文博", "桂芳", "浩然", "玉梅", "国庆", "晓东", "雪", "长江", "淑珍", "子涵", "永胜", "美玲", "德福")  # fmt: skip
WORDS = {  # what teams do, by field
    "elders": ("银龄", "陪独居老人说话、买菜、去医院，每周二、周五上午。"),
    "children": ("护学", "放学后陪孩子写作业，护送过马路。"),
    "nature": ("净滩", "周末到海边捡垃圾，给小区的树浇水。"),
    "learning": ("书香", "给老人读报，给孩子讲故事。"),
    "health": ("健康", "量血压、讲急救、送药上门。"),
    "governance": ("邻里", "楼道整理、停车劝导、议事会帮手。"),
    "culture": ("文艺", "合唱、秧歌、写春联。"),
    "emergency": ("应急", "台风和大雪天清路、搬沙袋、守值班电话。"),
    "events": ("引导", "大活动和节假日维持秩序、指路。"),
    "law": ("法援", "每月一次法律咨询，帮邻居劝和。"),
}


def number(born: dt.date, order: int) -> str:
    """An invented identity number with a valid check digit; the order of 999 a day keeps them apart."""
    body = f"370602{born:%Y%m%d}{order % 999 + 1:03d}"
    return body + str(ric.calc_check_digit(body + "0"))


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random, n_people: int) -> Counter[str]:
    """The teams, then the people: two in three registered in the first weeks of the year, the others some day of it."""
    people.import_skills(at=begin)
    total: Counter[str] = Counter()
    led = _teams(begin, rng)
    skills = list(Skill.objects.order_by("id"))
    _silver(county, begin, led)
    for first in range(0, n_people, 50):
        with transaction.atomic():  # fifty at a time: what is written is the same
            for n in range(first, first + 50):
                share = 0.06 if n % 3 else 0.9
                _person(
                    n,
                    county.supervisor,
                    rng.choice(led),
                    begin + rng.random() * (now - begin) * share,
                    now,
                    skills,
                    rng,
                )
    total["teams"], total["volunteers"] = len(led), Volunteer.objects.count()
    return total


def _teams(begin: dt.datetime, rng: random.Random) -> list[Organisation]:
    places = list(Area.objects.filter(path__startswith=COUNTY, level=5, kind="admin", valid_to=None).order_by("path"))
    made = list(Organisation.objects.filter(short_name="银龄队"))
    for n, area in enumerate(rng.sample(places, min(TEAMS - 1, len(places)))):
        field = list(WORDS)[n % len(WORDS)]
        name, _words = WORDS[field]
        short = f"{area.name.removesuffix('居民委员会').removesuffix('居委会').removesuffix('村委会')[:12]}{name}队"
        made.append(
            orgs.create_org(
                kind="team", name=f"{short[:-1]}志愿服务队", short_name=short, area_path=area.path, by=SYSTEM, at=begin
            )
        )
        lead = account(f"team.{n}", f"{rng.choice(SURNAMES)}队长", begin)
        grant(lead, "team_leader", made[-1], (area.path,), begin)
    keeper = User.objects.get(username="qian.zhanzhang")
    grant(keeper, "team_leader", made[0], (made[0].area_path,), begin)
    for n, team in enumerate(made):
        field = list(WORDS)[(n - 1) % len(WORDS)] if n else "elders"
        teams.describe(team_id=team.pk, fields=[field], words=WORDS[field][1], takes=n % 9 != 8, by=SYSTEM, at=begin)
    return made


def _silver(county: Staff, begin: dt.datetime, led: list[Organisation]) -> None:
    """周银龄, 68, is registered at the counter by 韩网格; 赵志愿 at home, and 韩网格 sees the card."""
    told: dict[str, Any] = {"area_path": led[0].area_path, "at": begin + DAY * 3}
    zhou = people.register_for(
        by=county.clerk, name="周银龄", id_number=number(dt.date(1958, 3, 8), 223), phone="13900000004",
        consent="在柜台当面说的", seen_card=True, fields=["elders", "learning"], **told,
    )  # fmt: skip
    week: dict[str, Any] = {
        "free": [3, 12],
        "limits": ["stairs", "lifting", "night"],
        "most_minutes": 120,
        "reach": 1000,
    }
    people.change(
        volunteer_id=zhou.pk, by=county.clerk, at=told["at"], fields=["elders", "learning"], by_phone=True,
        consent="在柜台当面说的", **week,
    )  # fmt: skip
    card = number(dt.date(1991, 5, 6), 112)
    me = Actor(account("zhao.zhiyuan", "赵志愿", begin, "13900000003").pk)
    zhao = people.register(by=me, name="赵志愿", id_number=card, fields=["elders", "nature"], **told)
    people.verify(volunteer_id=zhao.pk, name="赵志愿", last=card[-6:], by=county.clerk, at=told["at"])
    people.change(
        volunteer_id=zhao.pk, by=me, at=told["at"], fields=["elders", "nature"], free=[2, 8, 15, 16, 18, 19], limits=[]
    )
    proofs.say_well(volunteer_id=zhao.pk, by=me, at=told["at"])
    for who in (zhou, zhao):
        orgs.add_member(org_id=led[0].pk, user_id=who.user_id, by=SYSTEM, at=told["at"])


def _person(
    n: int,
    keeper: Actor,
    team: Organisation,
    at: dt.datetime,
    now: dt.datetime,
    skills: list[Skill],
    rng: random.Random,
) -> None:
    name = rng.choice(SURNAMES) + rng.choice(GIVEN)
    years = rng.choice((15, 17, 19, 20, 22, 26, 31, 35, 40, 44, 48, 52, 56, 61, 64, 66, 68, 71))
    born = dt.date(now.year - years, 1, 1) + dt.timedelta(days=rng.randrange(300))
    silver, checked = years >= 60, n % 12 != 11
    phone = f"138{n + 20_000_000:08d}"
    if accounts.by_phone(phone):
        return
    made = people.register_for(
        by=keeper, at=at, area_path=team.area_path, name=name, id_number=number(born, n), phone=phone,
        consent="在社区登记", seen_card=checked, fields=rng.sample(Field.values, 2),
    )  # fmt: skip
    if not checked:
        return
    me = Actor(made.user_id)
    people.change(
        volunteer_id=made.pk, by=me, at=at, fields=made.fields, free=sorted(rng.sample(range(21), rng.randint(2, 8))),
        limits=rng.sample(["stairs", "lifting", "night", "heights"], 2 if silver else 0), by_phone=silver,
        most_minutes=120 if silver else None,
    )  # fmt: skip
    if silver or n % 3 == 0:
        proofs.say_well(volunteer_id=made.pk, by=me, at=at)
    if n % 4 == 0:
        skill, today = rng.choice(skills), local_day(at)
        shown = proofs.show(
            volunteer_id=made.pk, kind="skill", skill_id=skill.pk, level=rng.choice((1, 2, 2, 3)), valid_from=today,
            valid_to=today + DAY * 700, by=me, at=at,
        )  # fmt: skip
        if skill.needs_paper and n % 16:
            proofs.confirm(proof_id=shown.pk, by=keeper, at=at, how="看过原件")
    if years < 18:
        asked = proofs.name_guardian(volunteer_id=made.pk, name=f"{name[0]}家长", phone=phone, by=me, at=at)
        if n % 5:
            proofs.confirm(proof_id=asked.pk, by=keeper, at=at, how="电话里同意")
    if n % 10 == 0 and Team.objects.filter(org=team, takes=True).exists():
        teams.ask(team_id=team.pk, volunteer_id=made.pk, by=me, at=at, words="家就在附近，周末有空")
    elif not Member.objects.filter(user=made.user_id, org=team).exists():
        orgs.add_member(org_id=team.pk, user_id=made.user_id, by=SYSTEM, at=at)

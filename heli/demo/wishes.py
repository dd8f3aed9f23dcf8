"""A month of small wishes at all stations: posted by 李社工 and 韩网格, made by residents, given by a shop, a party branch,
a team and neighbours, confirmed and judged. All texts (content/wishes.yaml), names and numbers are invented."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from heli.core.actor import PUBLIC, Actor
from heli.demo.county import COUNTY, Staff, grant
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.models import Kind, Request, Voice
from heli.orgs.models import Organisation
from heli.orgs.queries import actor_for
from heli.people.models import User
from heli.places.models import Area
from heli.wishes import steps
from heli.wishes.models import Pledge, Wish

TEXTS = Path(__file__).with_name("content") / "wishes.yaml"
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
NAMES = (
    "丁秀云",
    "毕克勤",
    "曲淑芳",
    "栾守信",
    "初玉兰",
    "邹立国",
    "都桂英",
    "慕容山",
    "辛美华",
    "衣宝田",
    "隋月娥",
    "鞠长江",
)
COMMUNITY = "370602003006"  # where 韩网格 works
# How far a wish gets: the way, and how many days ago it was posted (from, to). In turn, so that all stations are seen.
WAYS: tuple[tuple[str, float, float], ...] = (
    ("fulfilled", 14, 28), ("fulfilled", 12, 26), ("open", 1, 6), ("partly", 2, 7), ("fulfilled", 10, 24), ("pledged", 3, 6),
    ("long", 9, 18), ("fulfilled", 12, 27), ("confirm", 4, 7), ("delivered", 6, 9), ("fulfilled", 11, 22), ("checked", 0.3, 2),
    ("expired", 23, 27), ("fulfilled", 13, 25), ("partly", 3, 8), ("open", 0.5, 4), ("late", 5, 6), ("again", 9, 14),
    ("turned", 12, 20), ("fulfilled", 10, 21), ("open", 2, 6), ("closed", 23, 26), ("fulfilled", 12, 24), ("withdrawn", 6, 12),
)  # fmt: skip


@dataclass
class Month:
    """Who gives and who looks in, and what was counted."""

    county: Staff
    now: dt.datetime
    rng: random.Random
    areas: list[str]
    orgs: list[tuple[Actor, int]]
    people: list[tuple[Actor, str]]
    thanks: dict[str, list[str]]
    done: Counter[str] = field(default_factory=Counter)
    turn: int = 0

    @property
    def worker(self) -> Actor:
        return self.county.by_name["li.shegong"]

    def next(self) -> int:
        self.turn += 1
        return self.turn

    def give(self, wish: Wish, amount: int, at: dt.datetime, days: int = 3) -> Pledge:
        """A part of a wish: organisations and people in turn."""
        n = self.next()
        told: dict[str, Any] = {"wish_id": wish.pk, "amount": amount, "at": at, "promised_on": (at + DAY * days).date()}
        if n % 2:
            by, org = self.orgs[n // 2 % len(self.orgs)]
            made = steps.pledge(by=by, org_id=org, phone="05356210000", name="门店", **told)
        else:
            by, phone = self.people[n // 2 % len(self.people)]
            made = steps.pledge(by=by, phone=phone, **told)
        self.done["pledges"] += 1
        return made

    def bring(self, pledge: Pledge, at: dt.datetime) -> None:
        receipt = f"芝慈收 {2026000 + pledge.pk}" if pledge.gift == "money" else ""
        giver = Actor(pledge.by_id) if pledge.org_id is None else next(a for a, o in self.orgs if o == pledge.org_id)
        steps.deliver(
            pledge_id=pledge.pk, by=giver, at=at, delivered_on=at.date(), how="约好时间上门送的", reference=receipt
        )

    def all_of_it(self, wish: Wish, at: dt.datetime) -> list[Pledge]:
        """By one giver, or shared by two."""
        if wish.needed == 1 or wish.gift == "money":
            return [self.give(wish, wish.needed, at)]
        part = max(1, wish.needed // 3)
        return [self.give(wish, part, at), self.give(wish, wish.needed - part, at + HOUR * 5)]

    def arrive(self, worker: Actor, pledges: list[Pledge], at: dt.datetime) -> dt.datetime:
        for pledge in pledges:
            at += HOUR * self.rng.uniform(3, 20)
            self.bring(pledge, at)
            at += HOUR * self.rng.uniform(2, 9)
            steps.receive(pledge_id=pledge.pk, by=worker, at=at, word=("visit", "phone")[pledge.pk % 2])
        return at

    def judge(self, wish: Wish, at: dt.datetime, *, solved: str = "yes", level: int = 5, words: str = "") -> Voice:
        voice = Voice.objects.get(request=wish.request_id)
        loop.judge(
            voice_id=voice.pk,
            by=links.bearer(voice),
            at=at,
            contacted=True,
            solved=solved,
            satisfaction=level,
            words=words,
        )
        steps.follow(at=at)
        return voice


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Each wish goes its way through the real steps; what is still to come is left for whoever opens the demo."""
    texts = yaml.safe_load(TEXTS.read_text())
    month = _month(county, begin, now, rng, texts["thanks"])
    for n, line in enumerate(texts["posted"]):
        way, least, most = WAYS[n % len(WAYS)]
        at = (now - DAY * rng.uniform(least, most)).replace(minute=rng.randrange(60))
        at = max(begin + HOUR * 9, at)
        _post(month, n, line, way, at)
    for n, text in enumerate(texts["made"]):
        _made(month, n, text)
    steps.expire(at=now)
    return month.done


def _month(
    county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random, thanks: dict[str, list[str]]
) -> Month:
    have = {o.short_name: o for o in Organisation.objects.filter(short_name__in=("鲁新超市", "向阳党支部", "银龄队"))}
    users = {
        u.username: u
        for u in User.objects.filter(
            username__in=("ma.jingli", "qian.zhanzhang", "wang.guilan", "xue.shifu", "zhou.yinling")
        )
    }
    grant(users["ma.jingli"], "pledger", have["向阳党支部"], (COUNTY,), begin)
    grant(users["qian.zhanzhang"], "pledger", have["银龄队"], (COMMUNITY,), begin)
    ma, qian = actor_for(users["ma.jingli"], now), actor_for(users["qian.zhanzhang"], now)
    rows = Area.objects.offered().filter(path__startswith=COUNTY, level=5, kind="admin").order_by("path")
    areas = list(rows.values_list("path", flat=True))
    rng.shuffle(areas)
    people = [(actor_for(users[u], now), f"1390000000{n}") for n, u in ((1, "wang.guilan"), (2, "xue.shifu"))]
    orgs = [(ma, have["鲁新超市"].pk), (ma, have["向阳党支部"].pk), (qian, have["银龄队"].pk)]
    return Month(county, now, rng, areas, orgs, people, thanks)


def _post(month: Month, n: int, line: str, way: str, at: dt.datetime) -> None:
    title, words, seen, gift, needed, measure = line.split("|")
    clerk = n % 6 == 0
    worker = month.county.clerk if clerk else month.worker
    unit = next(iter(worker.org_ids(*worker.caps)))
    wish = steps.post(
        by=worker, at=at, unit_id=unit, area_path=COMMUNITY if clerk else month.areas[n % len(month.areas)],
        text=f"上门时居民说：{words}", name=NAMES[n % len(NAMES)], phone=f"1380001{n:04d}", visited_on=(at - HOUR * 20).date(),
        seen=seen, title=title, words=words, gift=gift, needed=int(needed), measure=measure,
        keeper="芝罘区慈善总会" if gift == "money" else "", consent=way != "checked",
    )  # fmt: skip
    month.done["wishes"] += 1
    month.done[f"wish {way}"] += 1
    goes = {
        "fulfilled": _fulfilled, "delivered": _delivered, "again": _again, "pledged": _pledged, "confirm": _confirm,
        "partly": _partly, "late": _late, "turned": _turned, "closed": _closed, "withdrawn": _withdrawn,
    }.get(way)  # fmt: skip
    if goes is not None:
        goes(month, wish, worker, at + DAY)


def _delivered(month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> dt.datetime:
    return month.arrive(worker, month.all_of_it(wish, at), at + HOUR * 6)


def _fulfilled(month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    at = _delivered(month, wish, worker, at) + DAY * month.rng.uniform(0.5, 2)
    said = month.thanks[wish.gift]
    words = said[month.next() % len(said)]
    month.judge(wish, at, words=words, level=month.rng.choice((5, 5, 4)))
    if month.turn % 4:
        steps.let_read(wish_id=wish.pk, by=worker, at=at + HOUR, words=words)


def _again(month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    at = _delivered(month, wish, worker, at)
    month.judge(wish, at + DAY, solved="no", level=2, words="送来的尺寸不对，用不上。")


def _pledged(month: Month, wish: Wish, _worker: Actor, at: dt.datetime) -> None:
    for pledge in month.all_of_it(wish, max(at, month.now - DAY * 1.5)):
        assert pledge.pk


def _confirm(month: Month, wish: Wish, _worker: Actor, at: dt.datetime) -> None:
    for pledge in month.all_of_it(wish, max(at, month.now - DAY * 2)):
        month.bring(pledge, month.now - HOUR * 4)


def _partly(month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    if wish.needed > 1 and wish.gift != "money":
        month.give(wish, max(1, wish.needed // 2), max(at, month.now - DAY))
        return
    pledge = month.give(wish, wish.needed, at)
    steps.release(pledge_id=pledge.pk, by=worker, at=at + DAY * 0.5, reason="电话一直打不通")


def _late(month: Month, wish: Wish, _worker: Actor, at: dt.datetime) -> None:
    month.give(wish, wish.needed, min(at, month.now - DAY * 3), days=2)
    steps.remind(at=month.now)


def _turned(_month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    steps.turn(wish_id=wish.pk, by=worker, at=at + DAY, reason="够得上临时救助，按求助办更快")


def _closed(_month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    at += DAY * 21
    steps.expire(at=at)
    text = "挂了二十天没有人认领，我们没能办到。站里有一件旧的可以先借给您，这周三送来。"
    steps.close(wish_id=wish.pk, by=worker, at=at + HOUR, reason=text)


def _withdrawn(_month: Month, wish: Wish, worker: Actor, at: dt.datetime) -> None:
    steps.withdraw(wish_id=wish.pk, by=worker, at=at + DAY, reason="孩子给买了，不用挂了")


def _made(month: Month, n: int, text: str) -> None:
    """By the resident on the public page: some still at the desk, some with a unit that has yet to look in."""
    at = month.now - DAY * (0.1 + n * 0.25)
    heard = loop.hear(
        by=PUBLIC, at=at, text=text, area_path=month.areas[(n * 7) % len(month.areas)], kind=Kind.WISH,
        name=NAMES[(n + 5) % len(NAMES)], phone=f"1380002{n:04d}",
    )  # fmt: skip
    month.done["wishes"] += 1
    if n % 3 == 0:
        return
    request: Request = heard.request
    unit = next(iter(month.worker.org_ids(*month.worker.caps)))
    offered = loop.offer(request_id=request.pk, unit_id=unit, by=month.county.dispatcher, at=at + HOUR * 0.5)
    if n % 3 == 1:
        loop.accept(dispatch_id=offered.pk, by=month.worker, at=at + HOUR)

"""Stars, a time bank and perks of the demo's county: its own rule of fewer hours, who asked, what is put out, what is given."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY
from heli.ledger import bank_steps, standing_queries, standing_steps
from heli.ledger.bank_steps import Given
from heli.ledger.models import Person
from heli.ledger.standing import in_force, reckon
from heli.orgs.models import Organisation
from heli.orgs.queries import actor_for
from heli.people.models import User
from heli.rulebook.steps import NewRule, set_rule

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
RULES = (
    (
        "ledger.stars",
        {"hours": [20, 50, 100, 200, 300], "without": []},
        "芝罘区志愿服务星级评定办法（演示数据，不是真的文件）",
    ),
    ("ledger.timebank.rate", {"all": 100, "events": 50}, "芝罘区时间银行试行办法（演示数据，不是真的文件）"),
)
PERKS = (
    ("理发一次", "工作日到店出示。洗剪，不含烫染。", 1, 0, 60),
    ("图书馆多借五本", "在总服务台出示，当年有效。", 2, 0, None),
    ("体检套餐一份", "提前三天电话预约。", 0, 50, 20),
)


def rules(start: dt.datetime) -> None:
    """In force from the beginning of the demo's year."""
    for key, value, citation in RULES:
        set_rule(rule=NewRule(key, COUNTY, value, citation, start.date(), {}, reason="演示"), by=SYSTEM, at=start)


def live(now: dt.datetime) -> Counter[str]:
    """What happened in the last two weeks."""
    done: Counter[str] = Counter()
    by_name = {
        u.username: u
        for u in User.objects.filter(username__in=("lv.buzhang", "ma.jingli", "zhao.zhiyuan", "zhou.yinling"))
    }
    reviewer = actor_for(by_name["lv.buzhang"], now)
    manager = actor_for(by_name["ma.jingli"], now) if "ma.jingli" in by_name else None
    shop = Organisation.objects.filter(short_name="鲁新超市").first()
    if manager is not None and shop is not None:
        for title, words, stars, stored, stock in PERKS:
            given = Given(
                title=title, words=words, stars=stars, stored=stored, stock=stock, first_day=(now - DAY * 20).date()
            )
            bank_steps.publish_perk(org_id=shop.pk, area_path=COUNTY, given=given, by=manager, at=now - DAY * 20)
            done["perks"] += 1
    row = in_force(standing_queries.versions([standing_queries.STARS], [COUNTY])[standing_queries.STARS], now.date())
    cast = [by_name[n] for n in ("zhao.zhiyuan", "zhou.yinling") if n in by_name]
    others = (
        Person.objects.filter(user__isnull=False, services__state="approved")
        .exclude(user__in=cast)
        .distinct()
        .order_by("pk")
    )
    people = [u.pk for u in cast] + list(others.values_list("user", flat=True)[:40])
    reached = {}
    for person in Person.objects.filter(user__in=people):
        assert row is not None and person.user_id is not None
        reached[person.user_id] = reckon(standing_queries.lines([person.pk], COUNTY)[person.pk], row.value).stars
    askers = [pk for pk in people if reached.get(pk)][:7]
    for n, pk in enumerate(askers):
        try:
            _asked(n, pk, reached[pk], reviewer, now)
            done["stars asked"] += 1
        except HeliError as error:
            done[f"refused {error.code}"] += 1
    for pk in askers[:1]:
        try:
            bank_steps.ask_to_spend(
                area_path=COUNTY, minutes=120, words="周五上午陪我母亲去医院", whom="赵母", by=Actor(pk), at=now - DAY
            )
            done["hours to spend"] += 1
        except HeliError as error:
            done[f"refused {error.code}"] += 1
    return done


def _asked(n: int, user: int, reached: int, reviewer: Actor, now: dt.datetime) -> None:
    """The first has theirs, the next ones wait, are put out, or somebody speaks against it."""
    at = now - DAY * (14 if n == 0 else 3) - HOUR * n
    award = standing_steps.ask(area_path=COUNTY, stars=reached if n else 1, shown=n % 3 != 2, by=Actor(user), at=at)
    if n in {0, 1, 2, 4}:
        award = standing_steps.put_out(award_id=award.pk, by=reviewer, at=at + HOUR * 5)
    if n == 0 and award.due_at is not None:
        standing_steps.give(award_id=award.pk, at=award.due_at)
    if n == 4:
        standing_steps.object_to(
            award_id=award.pk, text="上个月那两场他没有来，是别人签的到。", by=PUBLIC, at=now - DAY
        )

"""Two at once, on two connections: never more than there is, never twice, never below zero."""

from __future__ import annotations

from typing import Any

from heli.core.actor import PUBLIC
from heli.ledger import bank_steps, standing_queries, steps
from heli.ledger import standing_steps as stars
from heli.ledger.standing_models import Award, Taken
from tests.database import race
from tests.ledger.made import DAY, NOW, made
from tests.ledger.stars import FIRST, PERSON, asked, ruled, served, stars_of_few_hours
from tests.world import COUNTY


def names(done: list[Any]) -> list[str]:
    return sorted(type(x).__name__ for x in done)


def test_races(fire_db: str, world: Any) -> None:
    stars_of_few_hours()
    ruled("ledger.timebank.rate", {"all": 100})
    m = made(world)
    two, lv, shop = (PERSON, "周银龄"), m.who(FIRST), m.who("马经理")
    first = {who: served(m, 1, who) for who in two}
    for who in two:
        served(m, 1, who, n=2)
    given = []
    for who in two:
        award = asked(m, 1, who)
        stars.put_out(award_id=award.pk, by=lv, at=NOW)
        given.append(Award.objects.get(pk=award.pk))

    # the clock gives what somebody speaks against at the same moment: one of the two comes first
    late = given[0].due_at
    assert late is not None
    race(
        lambda: stars.give(award_id=given[0].pk, at=late),
        lambda: stars.object_to(award_id=given[0].pk, text="没有来", by=PUBLIC, at=late - DAY),
    )
    award = Award.objects.get(pk=given[0].pk)
    assert (award.state, award.objections.count()) in {("given", 0), ("objected", 1)}
    if award.state == "objected":
        stars.withdraw(award_id=award.pk, by=m.who(PERSON), at=late)
    stars.give(award_id=given[1].pk, at=late)

    # the last perk, taken by both; the same code redeemed by two
    what = bank_steps.Given(title="理发", words="到店", stored=1, stock=1, first_day=NOW.date())
    perk = bank_steps.publish_perk(org_id=world.org("鲁新超市").pk, area_path=COUNTY, given=what, by=shop, at=NOW)
    done = race(*[lambda who=who: bank_steps.take(perk_id=perk.pk, by=m.who(who), at=NOW) for who in two])
    assert names(done) == ["PerkGone", "Taken"], done
    code = Taken.objects.get().code
    assert names(race(*[lambda: bank_steps.redeem(typed=code, by=shop, at=NOW)] * 2)) == ["CodeNotGood", "Taken"]

    # two agree at once to what lies there once
    person = first[PERSON].person_id
    ask = {"area_path": COUNTY, "minutes": 60, "words": "陪诊", "by": m.who(PERSON), "at": NOW}
    both = [bank_steps.ask_to_spend(**ask) for _n in range(2)]
    m.do(steps.reverse, [first[PERSON].pk], reason="记错了")
    done = race(*[lambda pk=x.pk: bank_steps.agree(spending_id=pk, by=lv, at=NOW) for x in both])
    assert names(done) == ["Spending", "TooLittleStored"], done
    assert standing_queries.balance(person, COUNTY, NOW) == 0

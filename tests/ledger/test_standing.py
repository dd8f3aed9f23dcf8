"""Stars and the time bank: replayed by the version in force, put out, spoken against, decided by a second one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from heli.core.actor import PUBLIC
from heli.core.errors import Forbidden, NotFound, PaperMissing
from heli.ledger import bank_steps, errors, standing_queries, steps
from heli.ledger import standing_steps as stars
from heli.ledger.standing import Line, bank, in_force, reckon
from heli.ledger.standing_models import Award, Objection, Withdrawal
from heli.ledger.states import AWARD, PERK, SPENDING, TAKEN
from heli.rulebook.queries import RuleVersion
from heli.rulebook.shape import SERVICE_FIELDS
from heli.volunteering.models import Field
from tests import arrows
from tests.ledger.made import DAY, NOW, ZONE, Made, made
from tests.ledger.stars import FIRST, PERSON, asked, ruled, second, served, stars_of_few_hours
from tests.world import COUNTY

D = dt.date(2026, 3, 1)


# Pure -----------------------------------------------------------------------------------------------------------------
def line(n: int, hours: int, field: str = "elders", day: dt.date = D, takes: int | None = None) -> Line:
    return Line(n, takes is None, hours * 60, day, field, "", "", takes)


VALUE = {"hours": [1, 2, 4, 8, 16], "without": ["events"]}


@pytest.mark.parametrize(
    ("lines", "minutes", "reached", "missing"),
    [
        ([], 0, 0, 60),
        ([line(1, 2)], 120, 2, 120),
        ([line(1, 2), line(2, 1, "events")], 120, 2, 120),  # a field that does not count
        ([line(1, 2), line(2, 2, takes=1)], 0, 0, 60),  # taken back
        ([line(1, 2), line(2, 2, takes=1), line(3, 1)], 60, 1, 60),  # corrected
        ([line(1, 20)], 1200, 5, 0),
    ],
)
def test_stars_follow_from_the_entries(lines: list[Line], minutes: int, reached: int, missing: int) -> None:
    found = reckon(lines, VALUE)
    assert (found.minutes, found.stars, found.missing) == (minutes, reached, missing)


def version(n: int, value: Any, first: dt.date, last: dt.date | None = None, path: str = "") -> RuleVersion:
    return RuleVersion(n, "k", n, path, {}, value, "办法", False, first, last, "")


def test_each_hour_stores_what_the_version_of_its_day_says() -> None:
    rates = [
        version(1, {"all": 0}, dt.date(2000, 1, 1)),  # the country: no bank
        version(1, {"all": 100, "elders": 150}, dt.date(2026, 1, 1), dt.date(2026, 7, 1), "37"),
        version(2, {"all": 50}, dt.date(2026, 7, 1), None, "37"),
    ]
    rows = [line(1, 2, day=dt.date(2025, 5, 1)), line(2, 2), line(3, 2, "law"), line(4, 2, day=dt.date(2026, 8, 1))]
    found = bank(rows, rates, cap=330, spent=100)
    assert [x.minutes for x in found.lines] == [0, 180, 120, 60]
    assert (found.stored, found.honour, found.balance) == (330, 30, 230)
    assert in_force(rates, dt.date(2026, 6, 30)) is rates[1] and in_force(rates, dt.date(1999, 1, 1)) is None


def test_fields_are_those_of_volunteering() -> None:
    assert set(SERVICE_FIELDS) == set(Field.values)


# The table of arrows --------------------------------------------------------------------------------------------------
PAPERS = {"reason": "有", "text": "有"}
REVIEWERS, UNIT = {"吕部长", "system"}, {"李社工", "system"}
EVERYBODY = {"public", "link"}
OPEN: dict[str, Any] = {
    "award.object": None, "award.withdraw": "self", "award.give": {"system"}, "perk.end": REVIEWERS | UNIT,
    "taken.redeem": UNIT, "spending.withdraw": "self",
}  # fmt: skip


@pytest.mark.django_db
@arrows.of((AWARD, PERK, TAKEN, SPENDING))
def test_who_may_go_an_arrow(world: Any, life: Any, arrow: Any) -> None:
    opened = arrows.opened_to(world, life, arrow, unit_id=world.org("心桥社工").pk, papers=PAPERS)
    wanted = OPEN.get(f"{life.name}.{arrow.name}", REVIEWERS)
    everybody = set(arrows.everybody(world))
    assert opened == (everybody if wanted is None else everybody - EVERYBODY if wanted == "self" else wanted)


@arrows.of((AWARD, PERK, TAKEN, SPENDING))
def test_an_arrow_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)


# Stars ----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def m(world: Any) -> Made:
    stars_of_few_hours()
    return made(world)


def out(m: Made, at: dt.datetime = NOW, **more: Any) -> Award:
    return stars.put_out(award_id=asked(m, **more).pk, by=m.who(FIRST), at=at)


def state(award: Award) -> str:
    return str(Award.objects.get(pk=award.pk).state)


@pytest.mark.django_db
def test_asked_put_out_and_given_by_the_clock(m: Made) -> None:
    served(m, 2)
    for wrong, error in ((3, errors.BelowStar), (0, Exception)):
        with pytest.raises(error):
            asked(m, wrong)
    with pytest.raises(NotFound):
        asked(m, 1, "周银龄")
    award = asked(m)
    assert (award.need, award.minutes, award.row.area_path, award.name_mask) == (120, 120, COUNTY, "赵**")
    with pytest.raises(errors.AskedAlready), transaction.atomic():
        asked(m, 1)
    for by in ("外县人", "周银龄", "邓登记"):
        with pytest.raises((Forbidden, NotFound)):
            stars.put_out(award_id=award.pk, by=m.who(by), at=NOW)
    award = stars.put_out(award_id=award.pk, by=m.who(FIRST), at=NOW)
    # Tuesday 17:00; five working days are over next Tuesday, so that the whole of it is the last
    assert award.due_at == dt.datetime(2026, 11, 18, tzinfo=ZONE) and not award.unsure
    assert stars.give_due(at=award.due_at - DAY / 2) == 0 and stars.give_due(at=award.due_at) == 1
    award.refresh_from_db()
    assert (award.state, award.name_mask) == ("given", "") and stars.give_due(at=award.due_at + DAY) == 0
    with pytest.raises(errors.AskedAlready), transaction.atomic():
        asked(m, 2)
    with pytest.raises(errors.AskedAlready), transaction.atomic():  # nor fewer than one has
        asked(m, 1)


@pytest.mark.django_db
def test_publicity_leaves_holidays_out(m: Made) -> None:
    served(m, 2)
    before = dt.datetime(2026, 9, 29, 10, 0, tzinfo=ZONE)  # a Tuesday before the holiday of National Day
    award = out(m, before)
    assert award.due_at is not None and award.due_at.date() > dt.date(2026, 10, 9)
    free = standing_queries.put_out(before).rows
    assert [a.pk for a, _area in free] == [award.pk]


@pytest.mark.django_db
def test_somebody_else_decides_what_is_said_against_it(m: Made) -> None:
    served(m, 2)
    award = out(m)
    with pytest.raises(PaperMissing):
        stars.object_to(award_id=award.pk, text=" ", by=PUBLIC, at=NOW)
    said = stars.object_to(award_id=award.pk, text="他没有来，电话13800001111", by=PUBLIC, at=NOW)
    assert "13800001111" not in said.text and state(award) == "objected"
    stars.object_to(award_id=award.pk, text="我也看见了", by=m.who("王桂兰"), at=NOW)
    assert stars.give_due(at=award.due_at + DAY) == 0
    stars.answer(award_id=award.pk, text="我在另一个门口", by=m.who(PERSON), at=NOW)
    decide = {"award_id": award.pk, "upheld": False, "reason": "签到和照片都在", "at": NOW}
    for by, error in (
        (m.who(FIRST), errors.PutOutByYou),
        (m.who(PERSON), errors.OwnHours),
        (m.who("外县人"), NotFound),
    ):
        with pytest.raises(error), transaction.atomic():
            stars.decide(by=by, **decide)
    stars.decide(by=second(m), **decide)
    assert state(award) == "public" and not Objection.objects.filter(decided_at=None).exists()
    assert stars.give_due(at=award.due_at) == 1
    with pytest.raises(errors.NotPutOut), transaction.atomic():
        stars.object_to(award_id=award.pk, text="太晚", by=PUBLIC, at=award.due_at + DAY)


@pytest.mark.django_db
def test_an_objection_that_is_right_ends_it(m: Made) -> None:
    served(m, 2)
    award = out(m)
    stars.object_to(award_id=award.pk, text="那天没有活动", by=PUBLIC, at=NOW)
    stars.decide(award_id=award.pk, upheld=True, reason="查实没有活动", by=second(m), at=NOW)
    award.refresh_from_db()
    assert (award.state, award.reason, award.name_mask) == ("refused", "查实没有活动", "")
    assert asked(m).state == "proposed"  # asking again is open


@pytest.mark.django_db
def test_hours_corrected_later_are_put_before_a_person(m: Made) -> None:
    service = served(m, 2)
    award = out(m)
    m.do(steps.reverse, [service.pk], reason="记错了")
    assert stars.give_due(at=award.due_at) == 0  # waits for a person
    lv = m.who(FIRST)
    assert [a.pk for a in standing_queries.awards(lv, "below").rows] == [award.pk]
    served(m, 2, n=5)
    assert stars.give_due(at=award.due_at) == 1 and not standing_queries.awards(lv, "below").rows
    m.do(steps.reverse, [m_service(award)], reason="又记错了")
    assert state(award) == "given"  # the machine takes nothing back
    assert standing_queries.one(lv, award.pk).acts == ["take_back"]
    stars.take_back(award_id=award.pk, reason="时长更正，不够两星", by=lv, at=award.due_at + DAY)
    assert state(award) == "taken"


def m_service(award: Award) -> int:
    return int(award.person.services.get(state="approved").pk)


@pytest.mark.django_db
def test_two_versions_of_the_rule(m: Made) -> None:
    """What was asked under one version stays under it; who asks later is measured by the next."""
    served(m, 2)
    award = out(m)
    stars_of_few_hours(1, 3, 6, 9, 12, first=dt.date(2026, 11, 15))
    assert stars.give_due(at=award.due_at) == 1
    later = NOW + 30 * DAY
    found = standing_queries.mine(m.who(PERSON), "", later)
    assert found is not None and found.stars is not None and found.row is not None and found.given is not None
    assert (found.stars.stars, found.stars.missing, found.row.version) == (1, 60, 2)
    assert (found.given.stars, found.given.row.version) == (2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"state": "given", "name_mask": ""}, "award_after_publicity"),
        ({"state": "given", "given_at": NOW, "name_mask": ""}, "award_after_publicity"),
        ({"second_by": "out_by"}, "award_second_person"),
        ({"state": "refused", "ended_at": NOW, "name_mask": ""}, "award_refused_why"),
        ({"state": "withdrawn", "ended_at": NOW}, "award_name_dropped"),
        ({"minutes": 999}, "Cannot update rows"),
    ],
)
def test_the_database_refuses(m: Made, change: dict[str, Any], constraint: str) -> None:
    served(m, 2)
    award = out(m)
    change = {k: award.out_by if v == "out_by" else v for k, v in change.items()}
    with pytest.raises(Exception, match=constraint), transaction.atomic():
        Award.objects.filter(pk=award.pk).update(**change)


# The time bank --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_nothing_is_stored_where_no_county_says_how(m: Made) -> None:
    served(m, 2)
    found = standing_queries.mine(m.who(PERSON), "", NOW)
    assert found is not None and found.bank is None
    with pytest.raises(errors.TooLittleStored):
        bank_steps.ask_to_spend(area_path=COUNTY, minutes=1, words="陪诊", by=m.who(PERSON), at=NOW)


@pytest.mark.django_db
def test_asked_agreed_and_put_back(m: Made) -> None:
    ruled("ledger.timebank.rate", {"all": 100})
    service = served(m, 2)
    person, lv = m.who(PERSON), m.who(FIRST)
    ask = {"area_path": COUNTY, "words": "陪我母亲看病", "by": person, "at": NOW}
    with pytest.raises(errors.TooLittleStored):
        bank_steps.ask_to_spend(minutes=121, **ask)
    one = bank_steps.ask_to_spend(minutes=90, whom="赵母", **ask)
    assert one.record is not None and one.record.name_mask and "赵母" not in one.words
    with pytest.raises(errors.TooLittleStored):  # what is asked for already counts
        bank_steps.ask_to_spend(minutes=31, **ask)
    for by, error in ((person, errors.OwnHours), (m.who("外县人"), NotFound), (m.who("李社工"), (NotFound, Forbidden))):
        with pytest.raises(error), transaction.atomic():
            bank_steps.agree(spending_id=one.pk, by=by, at=NOW)
    bank_steps.agree(spending_id=one.pk, by=lv, at=NOW)
    assert standing_queries.balance(one.person_id, COUNTY, NOW) == 30
    with pytest.raises(PaperMissing), transaction.atomic():
        bank_steps.give_back(spending_id=one.pk, reason="", by=lv, at=NOW)
    bank_steps.give_back(spending_id=one.pk, reason="没有人能去", by=lv, at=NOW)
    assert standing_queries.balance(one.person_id, COUNTY, NOW) == 120
    two = bank_steps.ask_to_spend(minutes=120, **ask)
    bank_steps.agree(spending_id=two.pk, by=lv, at=NOW)
    bank_steps.finish(spending_id=two.pk, by=lv, at=NOW)
    # a correction takes it below zero; a person settles it
    m.do(steps.reverse, [service.pk], reason="记错了")
    assert [(x.minutes, x.area_path) for x in standing_queries.minus(lv, NOW)] == [(-120, COUNTY)]
    settle = {"person_id": one.person_id, "area_path": COUNTY, "by": lv, "at": NOW}
    bank_steps.settle(reason="机构的错，不向本人要", **settle)
    assert standing_queries.balance(one.person_id, COUNTY, NOW) == 0 and not standing_queries.minus(lv, NOW)
    with pytest.raises(errors.NothingToSettle):
        bank_steps.settle(reason="再来", **settle)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Withdrawal.objects.update(minutes=1)


# Perks ----------------------------------------------------------------------------------------------------------------
def perk(m: Made, **more: Any) -> Any:
    given = bank_steps.Given(
        **{"title": "理发一次", "words": "到店出示", "stars": 2, "first_day": NOW.date(), "yearly": 1, **more}
    )
    return bank_steps.publish_perk(
        org_id=m.world.org("鲁新超市").pk, area_path=COUNTY, given=given, by=m.who("马经理"), at=NOW
    )


@pytest.mark.django_db
def test_a_perk_is_taken_and_redeemed_once(m: Made) -> None:
    served(m, 2)
    one, person = perk(m, stock=2), m.who(PERSON)
    with pytest.raises(errors.PerkNotForYou), transaction.atomic():
        bank_steps.take(perk_id=one.pk, by=person, at=NOW)
    award = out(m)
    stars.give_due(at=award.due_at)
    at = award.due_at + DAY
    taken = bank_steps.take(perk_id=one.pk, by=person, at=at)
    with pytest.raises(errors.PerkTakenEnough), transaction.atomic():
        bank_steps.take(perk_id=one.pk, by=person, at=at)
    for by, typed in ((m.who("李社工"), taken.code), (m.who("马经理"), "AAAAAAAA"), (PUBLIC, taken.code)):
        with pytest.raises(errors.CodeNotGood), transaction.atomic():
            bank_steps.redeem(typed=typed, by=by, at=at)
    with pytest.raises(errors.CodeNotGood), transaction.atomic():  # its days are over
        bank_steps.redeem(typed=taken.code, by=m.who("马经理"), at=taken.until + DAY)
    again = bank_steps.take(perk_id=one.pk, by=person, at=taken.until + DAY)  # and its place is free again
    shown = f"{again.code[:4]} {again.code[4:].lower()}"
    assert bank_steps.redeem(typed=shown, by=m.who("马经理"), at=again.taken_at).state == "redeemed"
    with pytest.raises(errors.CodeNotGood), transaction.atomic():
        bank_steps.redeem(typed=again.code, by=m.who("马经理"), at=again.taken_at)
    with pytest.raises(Forbidden):
        bank_steps.publish_perk(
            org_id=one.org_id, area_path="370613", given=bank_steps.Given(title="a", words="b", stars=1, first_day=NOW.date()),
            by=m.who("马经理"), at=NOW,
        )  # fmt: skip
    bank_steps.end_perk(perk_id=one.pk, reason="送完了", by=m.who("马经理"), at=at)
    with pytest.raises(errors.PerkGone), transaction.atomic():
        bank_steps.take(perk_id=one.pk, by=person, at=at + 200 * DAY)

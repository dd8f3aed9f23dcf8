"""Somebody says that their hours are wrong: the unit answers, then a second one; what is right is written in the same breath."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.ledger import dispute_steps, errors, steps
from heli.ledger.doubt_models import Dispute
from heli.ledger.models import Entry, Service
from heli.ledger.steps import Line
from tests.ledger.made import DAY, MORNING, NOW, Made, made

pytestmark = pytest.mark.django_db
UNIT, SECOND, PERSON = "李社工", "吕部长", "赵志愿"


@pytest.fixture
def m(world: Any) -> Made:
    return made(world)


def said(m: Made, minutes: int = 120, recorded: int = 60) -> Dispute:
    """Two hours were served, one is recorded, and the person says so."""
    service = m.one()
    m.attended(service, recorded)
    m.approved(service, recorded)
    return dispute_steps.report(text="我待到十一点", minutes=minutes, service_id=service.pk, by=m.who(PERSON), at=NOW)


def act(m: Made, name: str, d: Dispute, by: str, at: dt.datetime = NOW, **more: Any) -> Dispute:
    return getattr(dispute_steps, name)(dispute_id=d.pk, by=m.who(by), at=at, **more)  # type: ignore[no-any-return]


def now(d: Dispute) -> tuple[str, int | None]:
    """(state of the dispute, minutes credited)."""
    assert d.service_id is not None
    return Dispute.objects.get(pk=d.pk).state, Service.objects.get(pk=d.service_id).credited


def test_ten_working_days_and_one_at_a_time(m: Made) -> None:
    d = said(m)
    assert (d.state, d.about, d.due_at.date(), d.due_rule.verified) == ("open", "wrong", dt.date(2026, 11, 24), False)
    with pytest.raises(errors.UnderDispute):
        dispute_steps.report(text="再说一次", minutes=1, service_id=d.service_id, by=m.who(PERSON), at=NOW)
    with pytest.raises(NotFound):
        dispute_steps.report(text="别人的", minutes=1, service_id=d.service_id, by=m.who("周银龄"), at=NOW)


@pytest.mark.parametrize(("minutes", "credited"), [(120, 120), (45, 45), (0, None)])
def test_the_unit_puts_it_right(m: Made, minutes: int, credited: int | None) -> None:
    d = said(m, minutes)
    act(m, "accept", d, UNIT, minutes=minutes, answer="查了签到表，您说得对")
    assert now(d) == ("corrected", credited)
    last = Entry.objects.filter(service=d.service_id).order_by("id").last()
    assert last is not None and last.reason == "查了签到表，您说得对"
    assert last.kind == ("approved" if minutes else "reversed") and last.supersedes_id


def test_who_does_not_accept_it_is_heard_by_somebody_else(m: Made) -> None:
    d = said(m)
    act(m, "decline", d, UNIT, answer="签退是十点")
    with pytest.raises(PaperMissing):
        act(m, "object_to", d, PERSON, objection=" ")
    act(m, "object_to", d, PERSON, objection="签退是别人代签的", at=NOW + DAY)
    for by, error in (
        (UNIT, errors.SecondDecider),
        (PERSON, errors.OwnHours),
        ("外县人", NotFound),
        ("邓登记", (Forbidden, NotFound)),
    ):
        with pytest.raises(error):
            act(m, "grant", d, by, minutes=120, answer="好", at=NOW + DAY)
    act(m, "grant", d, SECOND, minutes=120, answer="现场照片能看到您", at=NOW + DAY)
    assert now(d) == ("corrected", 120)


def test_the_second_one_may_leave_it_and_says_why(m: Made) -> None:
    d = said(m)
    act(m, "decline", d, UNIT, answer="签退是十点")
    act(m, "object_to", d, PERSON, objection="不对")
    act(m, "reject", d, SECOND, answer="三个人都说十点散的")
    assert now(d) == ("refused", 60)
    with pytest.raises(WrongState):
        act(m, "object_to", d, PERSON, objection="还是不对")


def test_what_the_unit_leaves_lying_is_taken_over(m: Made) -> None:
    d = said(m)
    with pytest.raises(WrongState):
        act(m, "take", d, SECOND)
    act(m, "take", d, SECOND, at=d.due_at + DAY)
    act(m, "grant", d, SECOND, minutes=100, answer="按签到算", at=d.due_at + DAY)
    assert now(d) == ("corrected", 100)


def test_refused_hours_are_the_second_ones_matter(m: Made) -> None:
    service = m.one()
    m.attended(service)
    m.do(steps.refuse, [service.pk], reason="没有来")
    d = dispute_steps.report(text="我来了", minutes=120, service_id=service.pk, by=m.who(PERSON), at=NOW)
    with pytest.raises(WrongState):
        act(m, "accept", d, UNIT, minutes=120, answer="好")
    act(m, "take", d, SECOND)
    act(m, "grant", d, SECOND, minutes=120, answer="有签到")
    assert now(d) == ("corrected", 120)


def test_marked_absent_a_service_is_opened_from_its_source(m: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    opening = m.opening()
    monkeypatch.setitem(dispute_steps.OPENERS, "tests.enrolment", lambda _source, _by: opening)
    d = dispute_steps.report(
        text="我在，没人点我", minutes=110, absent=("tests.enrolment", opening.source_id), by=m.who(PERSON), at=NOW
    )
    assert (d.about, now(d)) == ("absent", ("open", None))
    act(m, "accept", d, UNIT, minutes=110, answer="合影里有您")
    assert now(d) == ("corrected", 110)
    last = Entry.objects.filter(service=d.service_id, kind="approved").get()
    assert (last.grade, last.starts) == ("leader", MORNING)


def test_what_a_rule_doubts_waits_even_then(m: Made) -> None:
    service = m.one(hours=11, starts=MORNING - DAY / 8)
    m.attended(service, 60)
    m.approved(service, 60)
    d = dispute_steps.report(text="我待了一整天", minutes=660, service_id=service.pk, by=m.who(PERSON), at=NOW + DAY)
    act(m, "accept", d, UNIT, minutes=660, answer="是的", at=NOW + DAY)
    service.refresh_from_db()
    assert (service.state, service.credited, service.held and service.held["minutes"]) == ("held", None, 660)


def test_the_person_may_take_it_back(m: Made) -> None:
    d = said(m)
    with pytest.raises(NotFound):
        act(m, "withdraw", d, UNIT)
    act(m, "withdraw", d, PERSON)
    assert now(d) == ("withdrawn", 60)
    assert m.do(steps.approve, [Line(service_id=m.one("周银龄").pk, grade="leader")]).approved

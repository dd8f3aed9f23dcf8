"""The account of hours: what is kept apart, what is refused at once, what waits for a second person."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, HeliError, NotFound, WrongState
from heli.core.steps import step
from heli.ledger import errors, forget_steps, steps
from heli.ledger.models import Entry, Person, Service
from heli.ledger.steps import Line
from heli.people import steps as people
from tests.ledger.made import DAY, HOUR, MINUTE, MORNING, NOW, SOURCE, Made, made
from tests.world import COUNTY

pytestmark = pytest.mark.django_db


@pytest.fixture
def m(world: Any) -> Made:
    return made(world)


def again(service: Service) -> Service:
    return Service.objects.get(pk=service.pk)


def test_four_kinds_of_minutes_are_kept_apart(m: Made) -> None:
    service = m.one()
    assert (service.record_due, service.record_unsure) == (dt.date(2026, 11, 24), False)  # ten working days
    m.attended(service, 110)
    m.do(steps.claim, [Line(service_id=service.pk, minutes=115)], by="赵志愿")
    m.approved(service, 100)
    s = again(service)
    assert (s.planned, s.checked, s.claimed, s.credited) == (120, 110, 115, 100)
    assert (s.state, s.credited_from, s.credited_to) == ("approved", MORNING, MORNING + 110 * MINUTE)
    assert s.decided_by == m.world.user("李社工").pk
    kinds = list(Entry.objects.filter(service=s).order_by("id").values_list("kind", flat=True))
    assert kinds == ["planned", "checked", "claimed", "approved"]
    assert Entry.objects.get(service=s, kind="approved").facts["unit"] == "芝罘区心桥社会工作服务中心"


def test_a_correction_supersedes_and_a_reversal_takes_back(m: Made) -> None:
    service = m.one()
    m.attended(service)
    first = m.approved(service).approved[0]
    done = m.do(steps.correct, [Line(service_id=service.pk, minutes=60)], reason="提前走了")
    back = Entry.objects.get(supersedes=first)
    assert (back.kind, back.minutes, done.approved[0].supersedes_id) == ("reversed", 120, back.pk)
    assert (again(service).credited, again(service).state) == (60, "approved")
    m.do(steps.reverse, [service.pk], reason="人没有来")
    assert (again(service).credited, again(service).credited_from, again(service).state) == (None, None, "attended")
    with pytest.raises(WrongState):
        m.do(steps.reverse, [service.pk], reason="再退一次")


def test_opened_again_it_says_what_the_source_says_now(m: Made) -> None:
    first = m.opening()
    service = m.open(first)[0]
    later = m.opening(source_id=first.source_id, title="陪老人散步", starts=MORNING + HOUR, hours=1)
    m.open(later)
    s = again(service)
    assert (s.title, s.starts, s.planned, s.entries.count()) == ("陪老人散步", MORNING + HOUR, 60, 2)
    m.do(steps.drop, [s.pk], reason="来不了", by="赵志愿")
    m.open(later)
    assert (again(service).state, Person.objects.count()) == ("planned", 1)
    m.attended(again(service))
    m.approved(service)
    with pytest.raises(errors.SpokenOf):
        m.open(m.opening(source_id=first.source_id, title="别的", starts=MORNING + HOUR, hours=1))


def overlapping(m: Made) -> None:
    m.approved(m.one())
    m.approved(m.one(starts=MORNING + HOUR))


def seventeen_hours(m: Made) -> None:
    for at in (2, 7, 12):
        m.approved(m.one(starts=MORNING.replace(hour=0) + at * HOUR, hours=5), at=NOW + DAY) if at < 12 else None
    service = m.one(starts=MORNING.replace(hour=0) + 12 * HOUR, hours=7)
    held = m.approved(service, at=NOW + DAY).held
    assert held
    m.do(steps.settle, [service.pk], reason="核对过", by="吕部长", at=NOW + DAY)


def longer_than_its_period(m: Made) -> None:
    m.approved(m.one(), 121, ends=MORNING + 2 * HOUR)


def without_evidence(m: Made) -> None:
    m.approved(m.one(), grade="")


def scanned_without_a_scan(m: Made) -> None:
    m.approved(m.one(), grade="scan")


def longer_than_checked(m: Made) -> None:
    service = m.one()
    m.attended(service, 90)
    m.approved(service, 106, ends=service.ends)


def longer_than_planned(m: Made) -> None:
    m.approved(m.one(), 151, ends=MORNING + 3 * HOUR)


def sooner_than_enrolled(m: Made) -> None:
    m.approved(m.one(enrolled_at=NOW - HOUR))


def before_it_is_over(m: Made) -> None:
    m.approved(m.one(starts=NOW))


def ones_own(m: Made) -> None:
    m.approved(m.one("李社工"))


def a_second_time(m: Made) -> None:
    service = m.one()
    m.approved(service)
    m.do(
        steps.enter, [Line(service_id=service.pk, minutes=30, starts=service.starts, ends=service.ends, grade="paper")]
    )


def for_a_day_and_more(m: Made) -> None:
    service = m.one(hours=25, starts=MORNING - 2 * DAY)
    m.do(
        steps.enter, [Line(service_id=service.pk, minutes=30, starts=service.starts, ends=service.ends, grade="paper")]
    )


def taken_back_twice(m: Made) -> None:
    service = m.one()
    first = m.approved(service).approved[0]
    back = Line(service_id=service.pk, kind="reversed", minutes=120, starts=first.starts, ends=first.ends,
                supersedes_id=first.pk, reason="x")  # fmt: skip
    m.do(steps.enter, [back])
    m.do(steps.enter, [back])


def negative(m: Made) -> None:
    m.do(steps.enter, [Line(service_id=m.one().pk, kind="claimed", minutes=-5)])


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (overlapping, errors.Overlap),
        (seventeen_hours, errors.DayImpossible),
        (longer_than_its_period, errors.LongerThanPeriod),
        (without_evidence, errors.NoEvidence),
        (scanned_without_a_scan, errors.NoEvidence),
        (longer_than_checked, errors.LongerThanChecked),
        (longer_than_planned, errors.LongerThanPlanned),
        (sooner_than_enrolled, errors.SoonerThanEnrolled),
        (before_it_is_over, errors.NotServedYet),
        (ones_own, errors.OwnHours),
        (a_second_time, errors.AlreadyCredited),
        (for_a_day_and_more, errors.BadPeriod),
        (taken_back_twice, errors.NothingToReverse),
        (negative, errors.BadPeriod),
    ],
    ids=lambda x: x.__name__,
)
def test_impossible_hours_are_refused(m: Made, act: Any, error: type[HeliError]) -> None:
    with pytest.raises(error):
        act(m)


def test_back_to_back_and_within_the_tolerance_is_credited(m: Made) -> None:
    service = m.one()
    m.attended(service, 110)
    assert m.approved(service, 120, ends=service.ends).approved
    assert m.approved(m.one(starts=service.ends)).approved


@pytest.mark.parametrize(
    ("earlier", "why"),
    [([(0, 5), (5, 5)], "ledger.day_hold"), ([(24 * -n, 10) for n in range(1, 7)], "ledger.week_hold")],
    ids=["day", "week"],
)
def test_what_a_rule_doubts_waits_for_a_second_person(m: Made, earlier: list[tuple[int, int]], why: str) -> None:
    for at, hours in earlier:
        m.approved(m.one(starts=MORNING.replace(hour=1) + at * HOUR, hours=hours, enrolled_at=MORNING - 20 * DAY))
    service = m.one(starts=MORNING + 3 * HOUR, hours=1)
    done = m.approved(service)
    assert (done.approved, [d["key"] for d in done.held[0].held["why"]]) == ([], [why])
    assert again(service).state == "held"
    with pytest.raises((Forbidden, NotFound)):  # the recorder is no reviewer
        m.do(steps.settle, [service.pk], reason="没问题")
    assert m.do(steps.settle, [service.pk], reason="核对过签到表", by="吕部长")[0].minutes == 60
    assert (again(service).state, again(service).held) == ("approved", None)


def test_who_held_it_does_not_decide_on_it(m: Made) -> None:
    service = m.one()
    m.do(steps.hold, [Line(service_id=service.pk, grade="paper")], reason="签名像是一个人写的", by="吕部长")
    with pytest.raises(errors.SecondDecider):
        m.do(steps.reject, [service.pk], reason="不算", by="吕部长")


def test_a_person_enters_their_own_by_scan_alone(m: Made) -> None:
    service = m.one()
    line = Line(service_id=service.pk, minutes=120, starts=service.starts, ends=service.ends, grade="paper")
    with pytest.raises(errors.OwnHours):
        m.do(steps.attend, [line], by="赵志愿")
    with pytest.raises(NotFound):
        m.do(steps.claim, [Line(service_id=service.pk, minutes=1)], by="周银龄")
    scan = Line(service_id=service.pk, minutes=120, starts=service.starts, ends=service.ends, grade="scan")
    m.do(steps.attend, [scan], by="赵志愿")
    assert again(service).checked == 120


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE ledger_service SET credited = 999",
        "UPDATE ledger_service SET checked = NULL",
        "UPDATE ledger_service SET ends = ends + interval '1 hour'",
        "UPDATE ledger_service SET title = 'x'",
        "UPDATE ledger_service SET source_id = 99",
        "UPDATE ledger_person SET mark = '\\x00'",
    ],
)
def test_columns_of_a_service_follow_from_its_entries_alone(m: Made, sql: str) -> None:
    service = m.one()
    m.attended(service)
    m.approved(service)
    with pytest.raises(Exception, match=r"entries|speaks|read.?only|Cannot"), connection.cursor() as cursor:
        cursor.execute(sql)


def statements(m: Made, call: Any, *args: Any, at: dt.datetime, **more: Any) -> int:
    """Statements of one function inside a step, without the step's own."""
    by = m.who("李社工")
    with step("test.hours", by=by, at=at) as s, CaptureQueriesContext(connection) as seen:
        call(s, *args, **more)
        s.about("tests.thing", 1, COUNTY)
    return sum(not q["sql"].startswith(("SAVEPOINT", "RELEASE")) for q in seen)


def test_statements_do_not_grow_with_the_lines(m: Made) -> None:
    cost = {}
    for n in (1, 40):
        at = MORNING + n * DAY
        openings = [m.opening(starts=at, hours=0.1 * n, enrolled_at=MORNING - DAY) for _ in range(n)]
        more: Any = {"at": at + DAY}
        cost["open", n] = statements(m, steps.open_services, SOURCE, openings, **more)
        services = m.open(*openings, **more)
        lines = [
            Line(service_id=x.pk, minutes=6, starts=at + i * 6 * MINUTE, ends=at + (i + 1) * 6 * MINUTE, grade="scan")
            for i, x in enumerate(services)
        ]
        cost["attend", n] = statements(m, steps.attend, lines, **more)
        cost["approve", n] = statements(m, steps.approve, [Line(service_id=x.pk) for x in services], **more)
        cost["correct", n] = statements(
            m, steps.correct, [Line(service_id=x.pk, minutes=5) for x in services], reason="核对", **more
        )
    assert {k: v for (k, n), v in cost.items() if n == 40} == {"open": 4, "attend": 3, "approve": 7, "correct": 11}
    assert {k: v for (k, n), v in cost.items() if n == 1} == {"open": 5, "attend": 3, "approve": 7, "correct": 11}


def test_who_is_gone_for_long_is_forgotten_and_the_entries_stay(m: Made) -> None:
    for name in ("赵志愿", "周银龄"):
        m.approved(m.one(name), 60)
    user = m.world.user("赵志愿")
    people.close_account(user_id=user.pk, by=SYSTEM, at=NOW)
    entries = list(Entry.objects.values_list("pk", "service__person", "minutes"))
    for years, gone in ((9, 0), (11, 1), (12, 0)):
        assert forget_steps.forget_old(at=NOW + years * 366 * DAY) == gone
    person = Person.objects.get(user=None)
    assert (person.salt, person.forgotten_at) == ("", NOW + 11 * 366 * DAY)
    assert Person.objects.filter(user=m.world.user("周银龄")).exists()  # who did not leave is known
    assert list(Entry.objects.values_list("pk", "service__person", "minutes")) == entries

"""Rules of doubt: each reported pattern is held or refused, each honest likeness of it is not; what becomes of a doubt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from bench.fraud import rules
from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, NotFound, WrongState
from heli.ledger import doubt_queries, doubt_steps, doubts, errors, steps
from heli.ledger.doubt_models import Flag, FlagAnswer, Spared
from heli.ledger.doubts import Around, Record
from heli.ledger.models import Entry, Service
from heli.ledger.steps import Line
from heli.rulebook.models import Rule
from tests.ledger.made import DAY, HOUR, MINUTE, MORNING, NOW, Made, made

RULES = rules()
HERE = {"lat": 37.53, "lon": 121.39}


def rec(pk: int, *, person: int = 0, at: dt.datetime = MORNING, grade: str = "scan", hours: float = 2, early: dt.timedelta = DAY,
        known: bool = False, **facts: Any) -> Record:  # fmt: skip
    return Record(
        pk, person or pk, 1, at, at, at + hours * HOUR, int(hours * 60), grade, grade not in {"", "admin"}, at - early,
        {"shift": 7, **facts}, known,
    )  # fmt: skip


def many(n: int, **more: Any) -> list[Record]:
    return [rec(i, **more) for i in range(1, n + 1)]


def phone(pk: int, device: str, minute: int = 0, **more: Any) -> Record:
    return rec(pk, phones=[[device, minute]], **more)


def held(batch: list[Record], at: dt.datetime = NOW, **around: Any) -> dict[str, int]:
    """{rule: how many records it holds}."""
    found: dict[str, int] = {}
    for several in doubts.weigh(batch, Around(**around), RULES, at).values():
        for d in several:
            found[d.rule] = found.get(d.rule, 0) + 1
    return found


OWN_PHONE = {2: [phone(90, "two", person=2, at=MORNING - 9 * DAY)]}
PATTERNS: list[tuple[str, Callable[[], dict[str, int]], dict[str, int]]] = [
    ("two cities with half an hour between", lambda: held([rec(1, person=5, **HERE), rec(2, person=5, at=MORNING + 2.5 * HOUR, lat=36.1, lon=120.4)]), {"h3": 2}),
    ("the same city", lambda: held([rec(1, person=5, **HERE), rec(2, person=5, at=MORNING + 2.2 * HOUR, lat=37.55, lon=121.42)]), {}),
    ("two cities on two days", lambda: held([rec(1, person=5, **HERE), rec(2, person=5, at=MORNING + DAY, lat=36.1, lon=120.4)]), {}),
    ("beside what is recorded already", lambda: held([rec(1, person=5, **HERE)], persons={5: [rec(9, person=5, at=MORNING + 2.5 * HOUR, lat=36.1, lon=120.4)]}), {"h3": 1}),
    ("ten entries of the office", lambda: held(many(10, grade="admin", known=True)), {"h5": 10}),
    ("nine", lambda: held(many(9, grade="admin", known=True)), {}),
    ("ten among many others", lambda: held(many(10, grade="admin", known=True), months={(1, 2026, 11): (9000, 0, 0)}), {}),
    ("elders on a sheet", lambda: held(many(30, grade="paper", known=True)), {}),
    ("more than the places", lambda: held(many(12, places=10)), {"h7": 12}),
    ("walk-ins without a check-in", lambda: held([*many(20, enrolled=20, known=True), *(rec(i, grade="leader", early=-MINUTE, enrolled=20, known=True) for i in range(21, 28))]), {"h7": 7}),
    ("walk-ins who scanned", lambda: held([*many(20, enrolled=20), *(rec(i, early=-MINUTE, enrolled=20) for i in range(21, 28))]), {}),
    ("ten on one phone", lambda: held([phone(i, "one", i) for i in range(1, 11)]), {"h8": 10}),
    ("nine on one phone, none with their own", lambda: held([phone(i, "one", i) for i in range(1, 10)]), {}),
    ("in two parts, so that neither is ten", lambda: held([phone(i, "one", i) for i in range(1, 6)], sessions={(1, MORNING, 7): [phone(i, "one", i) for i in range(6, 12)]}), {"h8": 5}),
    ("a kiosk", lambda: held(many(40, grade="kiosk")), {}),
    ("far from the place", lambda: held([rec(1, bands=["far"])]), {"h8b": 1}),
    ("an activity that nobody went to", lambda: held(many(50, grade="leader")), {"h10": 50}),
    ("with some known names among them", lambda: held([*many(45, grade="leader"), *(rec(i, grade="leader", known=True) for i in range(46, 51))]), {"h10": 50}),
    ("a list of people who were seen before", lambda: held(many(50, grade="leader", known=True)), {}),
    ("a first day, each with a check-in", lambda: held(many(50, grade="kiosk")), {}),
    ("on a friend's phone, with one of their own", lambda: held([phone(1, "one"), phone(2, "one", 4)], persons=OWN_PHONE), {"h13": 1}),
    ("on a friend's phone, an hour later", lambda: held([phone(1, "one"), phone(2, "one", 64)], persons=OWN_PHONE), {}),
    ("two who share the only phone", lambda: held([phone(1, "one"), phone(2, "one", 4)]), {}),
    ("two who take turns", lambda: held([phone(1, "one"), phone(2, "one", 1)], persons={1: [phone(91, "two", person=1, at=MORNING - DAY)], **OWN_PHONE}), {"h13": 2}),
    ("written down afterwards", lambda: held([*many(4, known=True), *(rec(i, grade="leader", early=-HOUR, known=True) for i in range(5, 11))]), {"h14": 6}),
    ("an emergency", lambda: held([rec(i, grade="leader", early=-HOUR, known=True, emergency=True) for i in range(1, 11)]), {}),
    ("recorded five weeks later", lambda: held([rec(1, grade="leader", known=True)], at=MORNING + 36 * DAY), {"h15": 1}),
    ("scanned, recorded five weeks later", lambda: held([rec(1)], at=MORNING + 36 * DAY), {}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "wanted"), [x[1:] for x in PATTERNS], ids=[x[0] for x in PATTERNS])
def test_a_pattern_is_held_and_its_honest_likeness_is_not(
    call: Callable[[], dict[str, int]], wanted: dict[str, int]
) -> None:
    assert call() == wanted


@pytest.mark.parametrize(
    ("by_hand", "middle", "found"),
    [
        ({1: 900, 2: 100, 3: 120}, None, [(1, 80)]),
        ({1: 300, 2: 250, 3: 260}, None, []),
        ({1: 900}, None, []),
        ({1: 900}, 200, [(1, 100)]),
        ({1: 900}, 500, []),
        ({}, None, []),
    ],
)
def test_one_clerk_of_many(by_hand: dict[int, int], middle: float | None, found: list[tuple[int, int]]) -> None:
    assert doubts.clerks(by_hand, RULES["ledger.h6.clerk"].value, middle) == found


@pytest.mark.parametrize(
    ("before", "latest", "unusual"),
    [
        ([600, 650, 580, 620, 610], 640, False),
        ([600, 650, 580, 620, 610], 3000, True),
        ([0] * 12, 60, False),
        ([0] * 12, 900, True),
    ],
)
def test_a_burst_is_measured_against_the_usual(before: list[float], latest: float, unusual: bool) -> None:
    assert (doubts.robust(before, latest) * 10 > RULES["ledger.h11.burst"].value["z"]) is unusual


# Through the account --------------------------------------------------------------------------------------------------
@pytest.fixture
def m(world: Any) -> Made:
    return made(world)


def long_day(m: Made) -> Service:
    """Eleven hours of 赵志愿: held by the rule of the day."""
    service = m.one(hours=11, starts=MORNING - 3 * HOUR)
    m.attended(service)
    assert m.approved(service, at=NOW + DAY).held
    return Service.objects.get(pk=service.pk)


def flag_of(service: Service) -> Flag:
    return Flag.objects.get(service=service)


@pytest.mark.django_db
class TestFlags:
    def test_a_hold_says_by_which_rule_and_until_when(self, m: Made) -> None:
        service = long_day(m)
        flag = flag_of(service)
        assert service.held is not None
        assert service.held["why"] == [
            {"key": "ledger.day_hold", "version": flag.row.version, "found": 660, "rule": "h4", "flag": flag.pk}
        ]
        assert (flag.state, flag.found, flag.hint, flag.org_id) == ("open", 660, False, service.org_id)
        assert flag.due_at - flag.raised_at > 5 * DAY  # five working days
        assert flag.due_rule.key == "ledger.doubt_within"

    @pytest.mark.parametrize(("checked", "grade"), [(False, "admin"), (True, "admin"), (False, "import")])
    def test_the_back_office_is_refused(self, m: Made, checked: bool, grade: str) -> None:
        """Nobody enrolled before it began, nobody saw them: not by the unit alone, whatever it calls it."""
        service = m.one(enrolled_at=MORNING)
        if checked:
            m.attended(service, 100, grade)
        with pytest.raises(errors.BackOffice):
            m.approved(service, 100, grade=grade, ends=service.ends)

    def test_who_came_by_and_was_seen_is_credited_and_a_second_person_may_credit_the_rest(self, m: Made) -> None:
        seen, unseen = m.one(enrolled_at=MORNING), m.one("周银龄", enrolled_at=MORNING)
        assert m.approved(seen, 110, ends=seen.ends).approved
        m.do(steps.hold, [Line(service_id=unseen.pk, minutes=100, grade="admin")], reason="来帮忙的邻居，没有报名")
        doubt_steps.decide(service_ids=[unseen.pk], outcome="settle", reason="社区证明", by=m.who("吕部长"), at=NOW)
        assert Service.objects.get(pk=unseen.pk).credited == 100

    def test_the_person_and_the_unit_answer_and_nobody_else(self, m: Made) -> None:
        service = long_day(m)
        say: dict[str, Any] = {"service_id": service.pk, "at": NOW + DAY}
        doubt_steps.answer(text="那天防汛，电话 13900000001", by=m.who("赵志愿"), **say)
        doubt_steps.answer(text="有值班表", by=m.who("李社工"), **say)
        for other in ("周银龄", "外县人", "王桂兰"):
            with pytest.raises(NotFound):
                doubt_steps.answer(text="我也说一句", by=m.who(other), **say)
        answers = list(FlagAnswer.objects.order_by("id").values_list("of_person", "text"))
        assert [x[0] for x in answers] == [True, False] and "13900000001" not in answers[0][1]
        assert flag_of(service).state == "answered"

    @pytest.mark.parametrize(
        ("outcome", "state", "flag", "credited"),
        [
            ("settle", "approved", "dismissed", 660),
            ("reject", "refused", "upheld", None),
            ("release", "attended", "upheld", None),
        ],
    )
    def test_a_second_person_decides(self, m: Made, outcome: str, state: str, flag: str, credited: int | None) -> None:
        service = long_day(m)
        decide: dict[str, Any] = {
            "service_ids": [service.pk],
            "outcome": outcome,
            "reason": "查过值班表",
            "at": NOW + DAY,
        }
        for one, error in (("李社工", Forbidden), ("赵志愿", Forbidden), ("外县人", NotFound)):
            with pytest.raises(error):
                doubt_steps.decide(by=m.who(one), **decide)
        doubt_steps.decide(by=m.who("吕部长"), **decide)
        service.refresh_from_db()
        assert (service.state, flag_of(service).state, service.credited) == (state, flag, credited)
        assert flag_of(service).decided_by == m.world.user("吕部长").pk
        with pytest.raises(WrongState):
            doubt_steps.decide(by=m.who("吕部长"), **decide)

    def test_the_facts_of_a_doubt_and_its_end_stay(self, m: Made) -> None:
        service = long_day(m)
        for change in ({"found": 1}, {"state": "dismissed"}, {"state": "upheld", "reason": "机器", "decided_at": NOW}):
            with pytest.raises(Exception, match=r"flag_decided_by_somebody|Cannot update"), transaction.atomic():
                Flag.objects.filter(service=service).update(**change)
        doubt_steps.decide(service_ids=[service.pk], outcome="reject", reason="不实", by=m.who("吕部长"), at=NOW + DAY)
        with pytest.raises(IntegrityError), transaction.atomic():
            Flag.objects.filter(service=service).update(state="dismissed")

    def test_a_rule_left_out_for_a_person_holds_nothing_of_theirs(self, m: Made) -> None:
        service = long_day(m)
        ask: dict[str, Any] = {"rule": "h4", "service_id": service.pk, "reason": "防汛值班", "at": NOW + DAY}
        with pytest.raises(Forbidden):
            doubt_steps.spare(for_unit=False, days=30, by=m.who("李社工"), **ask)
        with pytest.raises(doubt_steps.Invalid):
            doubt_steps.spare(for_unit=False, days=181, by=m.who("吕部长"), **ask)
        doubt_steps.spare(for_unit=False, days=30, by=m.who("吕部长"), **ask)
        doubt_steps.decide(
            service_ids=[service.pk], outcome="release", reason="重新记", by=m.who("吕部长"), at=NOW + DAY
        )
        assert m.approved(service, at=NOW + DAY).approved
        assert Spared.objects.get().until == NOW + 31 * DAY

    def test_what_was_dismissed_is_not_asked_twice(self, m: Made) -> None:
        service = long_day(m)
        doubt_steps.decide(service_ids=[service.pk], outcome="settle", reason="属实", by=m.who("吕部长"), at=NOW + DAY)
        done = m.do(steps.correct, [Line(service_id=service.pk, minutes=650)], reason="少十分钟", at=NOW + DAY)
        assert done.approved and Flag.objects.count() == 1

    def test_a_shift_of_strangers_costs_the_same_for_ten_as_for_one(self, m: Made) -> None:
        """H10 through the account: what the rules read, and what they write, does not grow with the people."""
        cost = {}
        users = [
            "赵志愿",
            "周银龄",
            "王桂兰",
            "薛师傅",
            "孙坐席",
            "韩网格",
            "于科员",
            "许股长",
            "曲科员",
            "郝回访",
            "姜管理",
            "邓登记",
        ]
        for n, day in ((12, 0), (12, 1)):
            at = MORNING + day * DAY
            services = m.open(*(m.opening(u, at, facts={"shift": day + 1}) for u in users[:n]), at=at + HOUR)
            with CaptureQueriesContext(connection) as seen:
                done = m.do(steps.approve, [Line(service_id=x.pk, grade="leader") for x in services], at=at + 8 * HOUR)
            cost[day] = len(seen)
            assert (len(done.held), {d["rule"] for x in done.held for d in x.held["why"]}) == (12, {"h10"})
        assert cost[0] == cost[1] <= 19  # with the step's own: BEGIN, the event, COMMIT

    def test_a_rule_that_is_mostly_wrong_only_watches(self, m: Made) -> None:
        service = long_day(m)
        row = flag_of(service).row
        doubt_steps.decide(service_ids=[service.pk], outcome="settle", reason="属实", by=m.who("吕部长"), at=NOW + DAY)
        one = flag_of(service)
        for n in range(11):
            Flag.objects.create(
                rule="h4", row=row, org=one.org, area_path=one.area_path, hint=True, found=1, raised_at=NOW, due_at=NOW,
                due_rule=one.due_rule, state="upheld" if n < 2 else "dismissed", decided_at=NOW, decided_by=1, reason="看过",
            )  # fmt: skip
        assert doubt_steps.demote(at=NOW + DAY) == ["h4"]
        assert doubt_steps.demote(at=NOW + DAY) == []
        assert Rule.objects.filter(key="ledger.watch_only").order_by("version").last().value == ["h4"]  # type: ignore[union-attr]
        shown = {x.rule.id: x for x in doubt_queries.public_rules("370602", NOW + DAY)}
        assert (shown["h4"].watched, shown["h4"].decided, shown["h4"].upheld, shown["h4"].review) == (True, 12, 2, True)
        other = m.one("周银龄", hours=11, starts=MORNING - 3 * HOUR)
        m.attended(other)
        assert m.approved(other, at=NOW + DAY).approved
        assert flag_of(other).hint and not Flag.objects.visible_to(m.who("周银龄")).exists()
        with pytest.raises(errors.SecondDecider):
            doubt_steps.decide_hint(
                flag_id=flag_of(other).pk, upheld=False, reason="没事", by=m.who("李社工"), at=NOW + DAY
            )
        doubt_steps.decide_hint(
            flag_id=flag_of(other).pk, upheld=False, reason="没事", by=m.who("吕部长"), at=NOW + DAY
        )
        assert flag_of(other).state == "dismissed"

    def test_the_night_tells_of_units_once(self, m: Made) -> None:
        for day, hours in ((-40, 1), (-30, 1), (-1, 9)):
            for n, who in enumerate(("赵志愿", "周银龄", "王桂兰")):
                at = MORNING + day * DAY
                service = m.one(who, at, hours, enrolled_at=at - DAY, source_id=10_000 + n + day * 10 + 900)
                m.attended(service)
                m.approved(service, at=NOW)
        assert doubt_steps.look(at=NOW) == 1
        flag = Flag.objects.get(hint=True)
        assert (flag.rule, flag.org_id, flag.service_id) == ("h11", m.world.org("心桥社工").pk, None)
        assert doubt_steps.look(at=NOW + HOUR) == 0
        assert Entry.objects.filter(kind="reversed").count() == 0  # nobody's hours change by a hint
        assert SYSTEM.system

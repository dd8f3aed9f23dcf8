"""What somebody may serve in: each gate is shut for its own reason and opens for one thing; taking a fact away never
opens one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heli.rulebook.errors import RuleMissing
from heli.rulebook.models import Rule
from heli.rulebook.shapes import BODY
from heli.volunteering import gates
from heli.volunteering.gates import Asked, Paper, Person, Wanted, weigh
from heli.volunteering.models import Condition, Limit, Proof, ProofKind, RoleSkill, Skill, Volunteer
from tests.loop.visitors import statements
from tests.volunteering.rows import AT, CST, slot, volunteer
from tests.world import COMMUNITY

THAT_DAY = dt.date(2026, 11, 28)
RULES: dict[str, Any] = {
    "volunteering.age.separate": 14, "volunteering.age.adult": 18, "volunteering.record_check": 365,
    "volunteering.health": 365, "volunteering.health.for": ["lifting"], "volunteering.insurance.for": ["water"],
    "volunteering.day": {"periods": [["06:00", "20:00"]]},
    "volunteering.heat": {"months": [6, 7, 8], "periods": [["11:00", "16:00"]]},
    "volunteering.silver.age": 60, "volunteering.silver.longest": 180, "volunteering.silver.spared": ["night", "heat"],
    "volunteering.silver.paired": False,
}  # fmt: skip
EASY = Asked(
    first=THAT_DAY, last=THAT_DAY, minutes=120, conditions=frozenset(), min_age=14, max_age=None, minors=False,
    needs_guide=False, guided=False, needs_insurance=False, insured=False, skills=(), rules=RULES,
)  # fmt: skip
ZHAO = Person("verified", dt.date(1990, 5, 1))
FRESH = THAT_DAY - dt.timedelta(days=30)


def paper(kind: str, since: dt.date = FRESH, confirmed: bool = True, **more: Any) -> Paper:
    return Paper(kind, since, confirmed, **more)


def told(person: Person, asked: Asked) -> list[str]:
    return [r.key for r in weigh(person, asked)]


FIRST_AID = Wanted("急救", 2, frozenset({1, 9}), frozenset({1, 9}), needs_paper=True)
SEWING = Wanted("缝补", 1, frozenset({2, 9}), frozenset({9}), needs_paper=False)
BORN_14 = dt.date(2012, 11, 28)  # 14 on that very day
BORN_60 = dt.date(1966, 11, 28)
SHUT = [  # what is asked and who comes; the gate that is shut; what opens it
    ("state", {}, {"state": "registered"}, {"state": "verified"}),
    ("state", {}, {"state": "paused"}, {"state": "verified"}),
    ("state", {}, {"state": "left"}, {"state": "verified"}),
    ("age", {}, {"born": None}, {"born": dt.date(2000, 1, 1)}),
    ("too_young", {"min_age": 18}, {"born": dt.date(2008, 11, 29), "papers": (paper("guardian"),)}, {"born": dt.date(2008, 11, 28)}),
    ("too_old", {"max_age": 70}, {"born": dt.date(1955, 11, 28), "papers": (paper("health"),)}, {"born": dt.date(1955, 11, 29)}),
    ("guardian14", {"min_age": 0}, {"born": dt.date(2012, 11, 29)}, {"papers": (paper("guardian14"),)}),
    ("guardian14", {"min_age": 0}, {"born": dt.date(2012, 11, 29), "papers": (paper("guardian"),)}, {"papers": (paper("guardian14"),)}),
    ("guardian", {}, {"born": BORN_14, "papers": (paper("guardian14"),)}, {"papers": (paper("guardian"),)}),
    ("guardian", {}, {"born": BORN_14, "papers": (paper("guardian", confirmed=False),)}, {"papers": (paper("guardian"),)}),
    ("guardian", {}, {"born": dt.date(2008, 11, 29)}, {"born": dt.date(2008, 11, 28)}),
    ("record", {"minors": True}, {}, {"papers": (paper("record"),)}),
    ("record", {"minors": True}, {"papers": (paper("record", THAT_DAY - dt.timedelta(days=366)),)}, {"papers": (paper("record", THAT_DAY - dt.timedelta(days=365)),)}),
    ("skill", {"skills": (FIRST_AID,)}, {"papers": (paper("skill", skill=1, level=1),)}, {"papers": (paper("skill", skill=1, level=2),)}),
    ("skill", {"skills": (FIRST_AID,)}, {"papers": (paper("skill", skill=1, level=3, confirmed=False),)}, {"papers": (paper("skill", skill=9, level=3),)}),
    ("skill", {"skills": (SEWING,)}, {"papers": (paper("skill", skill=3),)}, {"papers": (paper("skill", skill=2, confirmed=False),)}),
    ("skill", {"skills": (SEWING,)}, {"papers": (paper("skill", skill=9, confirmed=False),)}, {"papers": (paper("skill", skill=9),)}),
    ("insurance", {"needs_insurance": True}, {}, {"papers": (paper("insurance"),)}),
    ("health", {"conditions": frozenset({"lifting"})}, {}, {"papers": (paper("health"),)}),
    ("health", {}, {"born": BORN_60}, {"papers": (paper("health"),)}),
    ("health", {}, {"born": BORN_60, "papers": (paper("health", THAT_DAY - dt.timedelta(days=366)),)}, {"papers": (paper("health"),)}),
    ("limit", {"conditions": frozenset({"standing"})}, {"limits": frozenset({"standing"})}, {"limits": frozenset({"stairs"})}),
    ("minutes", {}, {"most_minutes": 119}, {"most_minutes": 120}),
    ("silver_long", {"minutes": 181}, {"born": BORN_60, "papers": (paper("health"),)}, {"born": dt.date(1966, 11, 29)}),
    ("silver_paired", {"rules": RULES | {"volunteering.silver.paired": True}}, {"born": BORN_60, "papers": (paper("health"),)}, {"paired": True}),
    ("silver_spared", {"conditions": frozenset({"heat"})}, {"born": BORN_60, "papers": (paper("health"),)}, {"born": dt.date(1966, 11, 29)}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "asks", "who", "opens"), SHUT, ids=[f"{n}-{row[0]}" for n, row in enumerate(SHUT)])
def test_each_gate_is_shut_for_its_reason_and_opens_for_one_thing(
    key: str, asks: dict[str, Any], who: dict[str, Any], opens: dict[str, Any]
) -> None:
    asked, person = replace(EASY, **asks), replace(ZHAO, **who)
    assert told(person, asked) == [key]
    assert told(replace(person, **opens), asked) == []
    assert all(r.words and r.act for r in weigh(person, asked))


@pytest.mark.parametrize(
    ("asks", "opens"),
    [
        ({"needs_guide": True}, {"guided": True}),
        ({"needs_insurance": True}, {"insured": True}),
    ],
)
def test_what_the_organiser_owes_shuts_the_gate_for_everybody(asks: dict[str, Any], opens: dict[str, Any]) -> None:
    assert len(told(ZHAO, replace(EASY, **asks))) == 1 and told(ZHAO, replace(EASY, **asks, **opens)) == []


days = st.dates(dt.date(1940, 1, 1), dt.date(2020, 1, 1))
papers = st.builds(
    Paper,
    kind=st.sampled_from(ProofKind.values), since=st.dates(dt.date(2025, 1, 1), THAT_DAY), confirmed=st.booleans(),
    skill=st.sampled_from([None, 1, 2, 9]), level=st.integers(1, 3),
)  # fmt: skip
people = st.builds(
    Person,
    state=st.sampled_from(["verified", "registered", "paused", "left", "made up"]), born=st.none() | days,
    limits=st.frozensets(st.sampled_from(Limit.values)), most_minutes=st.none() | st.integers(30, 600),
    papers=st.lists(papers, max_size=6).map(tuple),
)  # fmt: skip
asking = st.builds(
    replace, st.just(EASY),
    minutes=st.integers(15, 1440), conditions=st.frozensets(st.sampled_from(Condition.values)),
    min_age=st.integers(0, 20), max_age=st.none() | st.integers(20, 80), minors=st.booleans(),
    needs_guide=st.booleans(), guided=st.booleans(), needs_insurance=st.booleans(), insured=st.booleans(),
    skills=st.sets(st.sampled_from([FIRST_AID, SEWING])).map(tuple),
)  # fmt: skip


OF_AGE = {"too_young", "too_old", "guardian14", "guardian", "health", "silver_long", "silver_spared"}  # become "age"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine makes rows slowly
@given(people, asking, st.data())
def test_taking_a_fact_away_never_opens_a_gate(person: Person, asked: Asked, data: st.DataObject) -> None:
    """A fact is what speaks for somebody: a checked name, a known birthday, a paper, its confirmation, its level, a
    guide, an insurer. The less is known, the fewer gates are open."""
    before = set(told(person, asked))
    less = [
        (replace(person, state="registered"), asked),
        (replace(person, born=None), asked),
        (person, replace(asked, guided=False)),
        (person, replace(asked, insured=False)),
    ]
    if person.papers:
        n = data.draw(st.integers(0, len(person.papers) - 1))
        one, others = person.papers[n], person.papers[:n] + person.papers[n + 1 :]
        less += [
            (replace(person, papers=(*others, *changed)), asked)
            for changed in (
                (),
                (replace(one, confirmed=False),),
                (replace(one, level=1),),
                (replace(one, since=dt.date(2020, 1, 1)),),
            )
        ]
    for who, what in less:
        after = set(told(who, what))
        assert before - (OF_AGE if who.born is None else set()) <= after
        assert after or not before


def at(day: int, clock: str, month: int = 11) -> dt.datetime:
    return dt.datetime.combine(dt.date(2026, month, day), dt.time.fromisoformat(clock), CST)


@pytest.mark.parametrize(
    ("stated", "starts", "ends", "found"),
    [
        ([], at(28, "09:00"), at(28, "11:00"), set()),
        ([], at(28, "18:00"), at(28, "20:00"), set()),
        ([], at(28, "18:00"), at(28, "20:01"), {"night"}),
        ([], at(28, "05:59"), at(28, "08:00"), {"night"}),
        ([], at(28, "22:00"), at(29, "09:00"), {"night"}),
        (["outdoor"], at(10, "15:59", 7), at(10, "18:00", 7), {"outdoor", "heat"}),
        (["outdoor"], at(10, "16:00", 7), at(10, "18:00", 7), {"outdoor"}),
        (["outdoor"], at(10, "12:00", 9), at(10, "14:00", 9), {"outdoor"}),
        ([], at(10, "12:00", 7), at(10, "14:00", 7), set()),
    ],
)  # fmt: skip
def test_night_and_heat_follow_from_the_hours(
    stated: list[str], starts: dt.datetime, ends: dt.datetime, found: set[str]
) -> None:
    assert gates.conditions_of(stated, starts, ends, RULES) == found
    utc = (starts.astimezone(dt.UTC), ends.astimezone(dt.UTC))
    assert gates.conditions_of(stated, *utc, RULES) == found


def test_the_words_of_the_rules_are_those_of_activities() -> None:
    assert set(BODY) == set(Condition.values) == set(Limit.values)


# With the database ----------------------------------------------------------------------------------------------------
def show(
    who: Volunteer, by: Any, kind: str, first: dt.date, last: dt.date, state: str = "confirmed", **more: Any
) -> Proof:
    decided = {"decided_by": by, "decided_at": AT} if state == "confirmed" else {}
    return Proof.objects.create(
        volunteer=who, area_path=who.area_path, kind=kind, valid_from=first, valid_to=last, state=state, shown_at=AT,
        shown_by=by, **decided, **more,
    )  # fmt: skip


@pytest.mark.django_db
def test_proofs_count_on_the_days_of_the_shift_through_what_covers_what(world: Any) -> None:
    area, keeper = world.area(COMMUNITY), world.han_clerk
    zhao = volunteer(world.zhao_volunteer, area)
    keys = ("doctor", "nurse", "first-aid", "circle")
    doctor, nurse, aid, circle = (
        Skill.objects.create(key=f"t-{k}", name=k, kind="licence", needs_paper=True) for k in keys
    )
    doctor.covers.add(nurse)
    nurse.covers.add(aid)
    aid.covers.add(circle)
    circle.covers.add(aid)  # a circle: walked once
    night = slot(world, starts=at(28, "22:00"), hours=8, insurer="人保", insured_to=dt.date(2026, 11, 29))
    RoleSkill.objects.create(role=night.role, skill=aid)

    def keys_of(place: Any = night) -> list[str]:
        return [r.key for r in gates.refusals([zhao], place, at=AT)[zhao.pk]]

    assert keys_of() == ["skill"]
    shown = show(zhao, keeper, "skill", FRESH, THAT_DAY, skill=doctor)
    assert keys_of() == ["skill"], "it ends before the shift does"
    Proof.objects.filter(pk=shown.pk).update(valid_to=dt.date(2026, 11, 29))
    assert keys_of() == []
    for state in ("shown", "refused", "ended"):
        Proof.objects.filter(pk=shown.pk).update(state=state)
        assert keys_of() == ["skill"], state
    Proof.objects.filter(pk=shown.pk).update(state="confirmed", skill=circle)
    assert keys_of() == [], "circle covers first aid"
    night.shift.activity.insured_to = THAT_DAY
    assert keys_of() == ["insurance"], "everybody's insurance ends before the shift does"
    show(zhao, keeper, "insurance", FRESH, dt.date(2026, 11, 29))
    assert keys_of() == []
    Rule.objects.filter(key="volunteering.silver.age").update(valid_to=dt.date(2026, 11, 28))
    with pytest.raises(RuleMissing):
        keys_of()


@pytest.mark.django_db
def test_four_statements_for_any_number(world: Any) -> None:
    area = world.area(COMMUNITY)
    names = ("zhao_volunteer", "zhou_silver", "wang_resident", "xue_driver", "ma_manager")
    for n, name in enumerate(names):
        who = volunteer(getattr(world, name), area, dt.date(1958, 3, 1) if n == 1 else dt.date(1990, 5, 1))
        show(who, world.han_clerk, "insurance", FRESH, THAT_DAY)
    broken = Volunteer.objects.get(user=world.xue_driver)
    gone = volunteer(world.song_suggestions, area, None)
    skill = Skill.objects.create(key="t-sew", name="缝补", kind="skill")
    place = slot(world, silver=True, guide=world.li_social_worker, conditions=["outdoor"])
    RoleSkill.objects.create(role=place.role, skill=skill)
    counts = []
    for some in (1, 6):
        rows = list(Volunteer.objects.select_related("record").order_by("id")[:some])
        with CaptureQueriesContext(connection) as caught:
            found = gates.refusals(rows, place, at=AT)
        counts.append(len(statements(caught)))
        assert set(found) == {v.pk for v in rows}
    assert counts == [4, 4]
    said = {v.user_id: [r.key for r in found[v.pk]] for v in rows}
    assert said[world.zhou_silver.pk] == ["skill", "health"] and said[world.zhao_volunteer.pk] == ["skill"]
    assert said[gone.user_id] == ["age", "skill", "insurance"] and said[broken.user_id] == ["skill"]

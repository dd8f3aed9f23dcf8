"""Volunteers and what they show: who may do what, what is refused and why, and that nothing personal is left lying."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.core import vault
from heli.core.actor import PUBLIC, Actor
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Access, Event, StoredFile, VaultRecord
from heli.orgs.models import Member
from heli.people import steps as accounts
from heli.people.queries import own_data
from heli.volunteering import gates, people_errors
from heli.volunteering.models import Identity, Joining, Proof, Skill, Volunteer
from heli.volunteering.steps import people, proofs, teams
from tests.invariants.laid import photo
from tests.volunteering.rows import AT, DAY, number
from tests.world import BORN, COMMUNITY, IDENTITY

pytestmark = pytest.mark.django_db
TODAY = AT.date()


def of(world: Any, key: str) -> Volunteer:
    return Volunteer.objects.select_related("record").get(user=getattr(world, key))


def new(world: Any, who: str = "王桂兰", born: dt.date = dt.date(1970, 2, 3), **more: Any) -> Volunteer:
    """Somebody registers at home."""
    told = {"area_path": COMMUNITY, "name": who, "id_number": number(born), "fields": ["elders"]} | more
    return people.register(by=world.actor(who), at=AT, **told)


# Registering ----------------------------------------------------------------------------------------------------------
def test_the_cast_is_registered_each_in_their_way(world: Any) -> None:
    zhao, zhou = of(world, "zhao_volunteer"), of(world, "zhou_silver")
    assert [(v.state, v.verified_how, v.by_phone) for v in (zhao, zhou)] == [
        ("verified", "card", False), ("verified", "card", True),
    ]  # fmt: skip
    assert gates.born(zhou, AT) == dt.date(1957, 3, 8)
    assert zhou.record.phone_mask and zhou.record.user_id == world.zhou_silver.pk
    assert Member.objects.filter(org=world.org("银龄队"), valid_to=None).count() == 2


@pytest.mark.parametrize(
    ("more", "error", "field"),
    [
        ({"name": " "}, Invalid, "name"),
        ({"id_number": ""}, Invalid, "id_number"),
        ({"id_number": "370602197002031238"}, Invalid, "id_number"),
        ({"area_path": "999"}, Invalid, "area"),
        ({"fields": ["cooking"]}, Invalid, "fields"),
        ({"id_number": IDENTITY["zhao_volunteer"]}, people_errors.NumberTaken, "id_number"),
    ],
)
def test_what_a_registration_must_have(world: Any, more: dict[str, Any], error: type[HeliError], field: str) -> None:
    with pytest.raises(error) as told:
        new(world, **more)
    assert told.value.field == field and not Volunteer.objects.filter(user=world.wang_resident).exists()


def test_one_account_registers_once_and_nobody_without_one(world: Any) -> None:
    new(world)
    with pytest.raises(people_errors.RegisteredAlready):
        new(world, born=dt.date(1971, 2, 3))
    with pytest.raises(Forbidden):
        people.register(by=PUBLIC, at=AT, area_path=COMMUNITY, name="某", id_number=number(dt.date(1980, 1, 1)))


def test_a_worker_registers_somebody_without_a_phone(world: Any) -> None:
    told = {"at": AT, "area_path": COMMUNITY, "name": "孙奶奶", "id_number": number(dt.date(1950, 1, 2))}
    clerk = world.actor("韩网格")
    with pytest.raises(PaperMissing):
        people.register_for(by=clerk, consent=" ", **told)
    with pytest.raises(Forbidden):
        people.register_for(by=world.actor("李社工"), consent="当面说的", **told)
    made = people.register_for(by=clerk, consent="当面说的，电话13912345678", **told)
    assert made.state == "registered" and made.by_phone and not made.user.has_usable_password()
    event = Event.objects.get(step="volunteer.register_for", subject_id=made.pk)
    assert event.user_id == world.han_clerk.pk and "13912345678" not in str(event.data) and event.data["consent"]
    own = number(dt.date(1985, 1, 2))
    accounts.set_phone(
        user_id=world.han_clerk.pk, phone="13900000088", verified=True, by=Actor(world.han_clerk.pk), at=AT
    )
    with pytest.raises(people_errors.NotByOneself):
        people.register_for(by=clerk, consent="我自己", phone="13900000088", **(told | {"id_number": own}))


def test_a_check_of_names_that_decides_verifies_at_once(world: Any, settings: Any) -> None:
    settings.HELI_REALNAME = "tests.volunteering.test_people:Service"
    made = new(world)
    assert (made.state, made.verified_how) == ("verified", "service")
    with pytest.raises(people_errors.NamesDiffer):
        new(world, "薛师傅", born=dt.date(1981, 1, 1), name="别人")


class Service:
    """A service of the state, in the smallest form."""

    how, decides = "service", True

    def same(self, name: str, _number: str) -> bool:
        return name != "别人"


def test_the_name_is_checked_with_the_card_in_the_hand(world: Any) -> None:
    wang = new(world)
    last, clerk = number(dt.date(1970, 2, 3))[-6:], world.actor("韩网格")
    for typed in (
        {"name": "王桂花", "last": last},
        {"name": "王桂兰", "last": "000000"},
        {"name": "王桂兰", "last": last[-1]},
    ):
        with pytest.raises(people_errors.CardDiffers):
            people.verify(volunteer_id=wang.pk, by=clerk, at=AT, **typed)
    for who in ("外县人", "李社工"):
        with pytest.raises(NotFound):
            people.verify(volunteer_id=wang.pk, name="王桂兰", last=last, by=world.actor(who), at=AT)
    done = people.verify(volunteer_id=wang.pk, name="王桂兰", last=last.lower(), by=clerk, at=AT)
    assert done.state == "verified" and not Access.objects.filter(record=wang.record_id).exists()
    with pytest.raises(WrongState):
        people.correct(
            volunteer_id=wang.pk, name="王桂花", id_number=number(dt.date(1970, 2, 4)), by=world.actor("王桂兰"), at=AT
        )


def test_nobody_speaks_for_themselves(world: Any) -> None:
    """A worker who is a volunteer too has a colleague look at their card and papers."""
    han = new(world, "韩网格")
    clerk = world.actor("韩网格")
    with pytest.raises(people_errors.NotByOneself):
        people.verify(volunteer_id=han.pk, name="韩网格", last=number(dt.date(1970, 2, 3))[-6:], by=clerk, at=AT)
    shown = proofs.show(volunteer_id=han.pk, kind="insurance", valid_from=TODAY, valid_to=TODAY + DAY, by=clerk, at=AT)
    for act in (proofs.confirm, proofs.end, proofs.refuse):
        with pytest.raises(people_errors.NotByOneself):
            act(proof_id=shown.pk, by=clerk, at=AT, **({} if act is proofs.confirm else {"reason": "x"}))  # type: ignore[operator]


def test_a_mistyped_number_is_mended_and_the_old_one_is_free_again(world: Any) -> None:
    wang = new(world)
    people.correct(
        volunteer_id=wang.pk, name="王桂兰", id_number=number(dt.date(1972, 2, 3)), by=world.actor("王桂兰"), at=AT
    )
    assert gates.born(of(world, "wang_resident"), AT) == dt.date(1972, 2, 3)
    new(world, "薛师傅")


def test_availability_is_ones_own_word_or_taken_down_with_consent(world: Any) -> None:
    zhou = of(world, "zhou_silver")
    said: dict[str, Any] = {"fields": ["elders"], "free": [20, 0, 0], "limits": ["stairs"], "most_minutes": 90}
    changed = people.change(volunteer_id=zhou.pk, by=world.actor("周银龄"), at=AT, **said)
    assert changed.free == [0, 20] and changed.limits == ["stairs"]
    with pytest.raises(PaperMissing):
        people.change(volunteer_id=zhou.pk, by=world.actor("韩网格"), at=AT, **said)
    people.change(volunteer_id=zhou.pk, by=world.actor("韩网格"), at=AT, consent="电话里说的", **said)
    leader = world.actor("钱站长")
    assert Volunteer.objects.visible_to(leader).filter(pk=zhou.pk).exists(), "a leader sees members"
    with pytest.raises(Forbidden):
        people.change(volunteer_id=zhou.pk, by=leader, at=AT, consent="我说的", **said)
    for wrong, field in (
        ({"free": [21]}, "free"),
        ({"limits": ["x"]}, "limits"),
        ({"most_minutes": 5}, "most_minutes"),
        ({"reach": 1}, "reach"),
    ):
        with pytest.raises(Invalid) as told:
            people.change(volunteer_id=zhou.pk, by=world.actor("周银龄"), at=AT, **(said | wrong))
        assert told.value.field == field


# Proofs ---------------------------------------------------------------------------------------------------------------
def test_a_paper_is_shown_looked_at_and_taken_back_with_its_file(world: Any, tmp_path: Any, settings: Any) -> None:
    settings.HELI_FILES = tmp_path
    zhao, me, clerk = of(world, "zhao_volunteer"), world.actor("赵志愿"), world.actor("韩网格")
    nurse = Skill.objects.get(key="nurse")
    shown = proofs.show(
        volunteer_id=zhao.pk, kind="skill", skill_id=nurse.pk, level=2, valid_from=TODAY, valid_to=TODAY + DAY * 9,
        papers=[photo()], by=me, at=AT,
    )  # fmt: skip
    for who in ("外县人", "薛师傅"):
        with pytest.raises(NotFound):
            proofs.confirm(proof_id=shown.pk, by=world.actor(who), at=AT)
    with pytest.raises(Forbidden):
        proofs.confirm(proof_id=shown.pk, by=world.actor("钱站长"), at=AT)
    done = proofs.confirm(proof_id=shown.pk, by=clerk, at=AT, how="看过原件")
    assert done.decided_by_id == world.han_clerk.pk and done.state == "confirmed"
    assert StoredFile.objects.filter(pk=shown.paper).exists()
    proofs.take_back(proof_id=shown.pk, by=me, at=AT)
    assert not StoredFile.objects.filter(pk=shown.paper).exists()
    assert not Proof.objects.on(TODAY).filter(volunteer=zhao).exists()
    with pytest.raises(WrongState):
        proofs.take_back(proof_id=shown.pk, by=me, at=AT)


def test_a_check_of_records_counts_a_year_whatever_stands_on_it(world: Any) -> None:
    zhao = of(world, "zhao_volunteer")
    shown = proofs.show(
        volunteer_id=zhao.pk,
        kind="record",
        valid_from=TODAY,
        valid_to=TODAY + DAY * 3000,
        by=world.actor("赵志愿"),
        at=AT,
    )
    assert shown.valid_to == TODAY + DAY * 365
    assert Event.objects.get(step="proof.show", object_id=shown.pk).rules[0][0] == "volunteering.record_check"


def test_one_says_one_is_well_and_the_last_word_counts(world: Any) -> None:
    zhou, me = of(world, "zhou_silver"), world.actor("周银龄")
    first = proofs.say_well(volunteer_id=zhou.pk, by=me, at=AT)
    second = proofs.say_well(volunteer_id=zhou.pk, by=world.actor("韩网格"), at=AT + DAY, consent="电话里说的")
    first.refresh_from_db()
    assert (first.state, second.state) == ("ended", "confirmed") and second.decided_by_id is None
    proofs.take_back(proof_id=second.pk, by=me, at=AT + DAY)
    assert not Proof.objects.filter(volunteer=zhou, kind="health", state="confirmed").exists()


@pytest.mark.parametrize(
    ("born", "kind", "last"),
    [
        (dt.date(2013, 1, 10), "guardian14", dt.date(2027, 1, 9)),
        (dt.date(2012, 11, 18), "guardian14", dt.date(2026, 11, 17)),
        (dt.date(2012, 11, 17), "guardian", TODAY + DAY * 365),
        (dt.date(2008, 12, 1), "guardian", dt.date(2026, 11, 30)),
        (dt.date(2008, 11, 17), "", None),
    ],
)
def test_a_guardian_is_asked_for_the_age_of_today(world: Any, born: dt.date, kind: str, last: dt.date | None) -> None:
    child, me, clerk = new(world, born=born), world.actor("王桂兰"), world.actor("韩网格")
    told = {"volunteer_id": child.pk, "name": "王大山", "phone": "13812340000", "by": me, "at": AT}
    if not kind:
        with pytest.raises(Invalid):
            proofs.name_guardian(**told)
        return
    made = proofs.name_guardian(**told)
    assert (made.kind, made.valid_to, made.state) == (kind, last, "shown")
    with pytest.raises(Invalid):
        proofs.confirm(proof_id=made.pk, by=clerk, at=AT)
    shown = proofs.reveal_guardian(proof_id=made.pk, purpose="问家长同不同意", by=clerk, at=AT)
    assert shown == {"name": "王大山", "phone": "13812340000"}
    assert Access.objects.get(record=made.guardian_id).purpose == "问家长同不同意"
    proofs.confirm(proof_id=made.pk, by=clerk, at=AT, how="电话里同意")
    proofs.end(proof_id=made.pk, reason="家长收回了", by=clerk, at=AT)
    assert VaultRecord.objects.get(pk=made.guardian_id).erased_at, "a guardian's number is not kept without consent"
    events = "".join(str(e.data) for e in Event.objects.all())
    assert "王大山" not in events and "13812340000" not in events and number(born) not in events


# Stopping -------------------------------------------------------------------------------------------------------------
def test_who_stops_leaves_teams_and_may_come_back(world: Any) -> None:
    zhao, me = of(world, "zhao_volunteer"), world.actor("赵志愿")
    people.leave(volunteer_id=zhao.pk, by=me, at=AT)
    assert not Member.objects.filter(user=world.zhao_volunteer, valid_to=None, org__kind="team").exists()
    with pytest.raises(Invalid):
        proofs.say_well(volunteer_id=zhao.pk, by=me, at=AT)
    back = people.come_back(volunteer_id=zhao.pk, by=me, at=AT)
    assert back.state == "registered" and back.ended_at is None
    with pytest.raises(Forbidden):
        people.leave(volunteer_id=of(world, "zhou_silver").pk, by=world.actor("韩网格"), at=AT)


def test_a_pause_and_its_end(world: Any) -> None:
    zhao, clerk = of(world, "zhao_volunteer"), world.actor("韩网格")
    with pytest.raises(PaperMissing):
        people.pause(volunteer_id=zhao.pk, reason="", by=clerk, at=AT)
    assert people.pause(volunteer_id=zhao.pk, reason="三次没来", by=clerk, at=AT).state == "paused"
    assert people.resume(volunteer_id=zhao.pk, by=clerk, at=AT).state == "registered"


def test_a_closed_account_ends_the_volunteer_and_what_is_personal(world: Any) -> None:
    zhao = of(world, "zhao_volunteer")
    teams.ask(team_id=_team(world), volunteer_id=zhao.pk, by=world.actor("赵志愿"), at=AT)
    taken = own_data(world.actor("赵志愿"), at=AT)
    assert {zhao.number, "毓东社区巡逻队", IDENTITY["zhao_volunteer"]} <= {x for row in taken for x in row}
    accounts.close_account(user_id=world.zhao_volunteer.pk, by=Actor(world.zhao_volunteer.pk), at=AT)
    gone = of(world, "zhao_volunteer")
    assert gone.state == "left" and gone.record.erased_at and gates.born(gone, AT) is None
    assert not Identity.objects.filter(volunteer=gone).exists()
    assert not Member.objects.filter(user=world.zhao_volunteer, valid_to=None).exists()
    assert Joining.objects.get(volunteer=gone).state == "withdrawn"
    assert not vault.find_by_phone("13900000003").exists()
    new(world, id_number=IDENTITY["zhao_volunteer"])


def _team(world: Any) -> int:
    from heli.core.actor import SYSTEM
    from heli.orgs.steps import create_org

    made = create_org(
        kind="team", name="毓东社区巡逻队", short_name="巡逻队", area_path="370602003004", by=SYSTEM, at=BORN
    )
    return int(made.pk)


def test_skills_come_from_the_file_and_reach_through_it(world: Any) -> None:
    assert Skill.objects.count() >= 30 and people.import_skills(at=AT) == []
    from heli.volunteering.models import Role, RoleSkill
    from tests.volunteering.rows import slot

    role = slot(world).role
    RoleSkill.objects.create(role=role, skill=Skill.objects.get(key="cpr"))
    by = gates.wanted((role.pk,))[role.pk][0].by
    assert {Skill.objects.get(pk=k).key for k in by} == {"cpr", "first-aid", "nurse", "doctor", "lifeguard"}
    assert Role.objects.filter(pk=role.pk).exists()

"""Teams: asking, being taken, moving, leaving; and that no page says who is in one."""

from __future__ import annotations

from typing import Any

import pytest

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.orgs.errors import MemberAlready
from heli.orgs.models import Member
from heli.orgs.steps import create_org, give_grant
from heli.volunteering.models import Joining, Team, Volunteer
from heli.volunteering.people_errors import AskedAlready
from heli.volunteering.steps import people, teams
from tests.volunteering.rows import AT
from tests.world import BORN

pytestmark = pytest.mark.django_db


@pytest.fixture
def patrol(world: Any) -> int:
    """A second team, led by 马经理."""
    path = "370602003004"
    made = create_org(kind="team", name="毓东社区巡逻队", short_name="巡逻队", area_path=path, by=SYSTEM, at=BORN)
    give_grant(
        user_id=world.ma_manager.pk, role="team_leader", paths=[path], org_id=made.pk, reason="队长", by=SYSTEM, at=BORN
    )
    return int(made.pk)


def of(world: Any, key: str) -> Volunteer:
    return Volunteer.objects.get(user=getattr(world, key))


def held(user: Any) -> set[str]:
    return set(
        Member.objects.filter(user=user, valid_to=None, org__kind="team").values_list("org__short_name", flat=True)
    )


def ask(world: Any, team: int, who: str = "赵志愿", key: str = "zhao_volunteer", **more: Any) -> Joining:
    return teams.ask(team_id=team, volunteer_id=of(world, key).pk, by=world.actor(who), at=AT, **more)


def test_asking_and_being_taken(world: Any, patrol: int) -> None:
    asked = ask(world, patrol, words="晚上有空，电话13912345678")
    assert "13912345678" not in asked.words
    with pytest.raises(AskedAlready):
        ask(world, patrol)
    for who in ("钱站长", "外县人", "韩网格"):
        with pytest.raises(NotFound):
            teams.take(joining_id=asked.pk, by=world.actor(who), at=AT)
    with pytest.raises(Forbidden):
        teams.take(joining_id=asked.pk, by=world.actor("赵志愿"), at=AT)
    teams.take(joining_id=asked.pk, by=world.actor("马经理"), at=AT)
    assert held(world.zhao_volunteer) == {"银龄队", "巡逻队"}
    with pytest.raises(WrongState):
        teams.take(joining_id=asked.pk, by=world.actor("马经理"), at=AT)
    with pytest.raises(MemberAlready):
        ask(world, patrol)


def test_moving_to_another_team_is_one_step(world: Any, patrol: int) -> None:
    ours = world.org("银龄队").pk
    with pytest.raises(Invalid):
        ask(world, patrol, leaves_id=patrol)
    asked = ask(world, patrol, leaves_id=ours)
    assert held(world.zhao_volunteer) == {"银龄队"}
    teams.take(joining_id=asked.pk, by=world.actor("马经理"), at=AT)
    assert held(world.zhao_volunteer) == {"巡逻队"}


def test_refused_with_a_reason_and_taken_back_without(world: Any, patrol: int) -> None:
    asked = ask(world, patrol)
    with pytest.raises(PaperMissing):
        teams.refuse(joining_id=asked.pk, reason=" ", by=world.actor("马经理"), at=AT)
    assert teams.refuse(joining_id=asked.pk, reason="人满了", by=world.actor("马经理"), at=AT).state == "refused"
    again = ask(world, patrol)
    with pytest.raises(Forbidden):
        teams.withdraw(joining_id=again.pk, by=world.actor("马经理"), at=AT)
    assert teams.withdraw(joining_id=again.pk, by=world.actor("赵志愿"), at=AT).state == "withdrawn"


def test_who_is_paused_or_no_volunteer_asks_for_nothing(world: Any, patrol: int) -> None:
    asked = ask(world, patrol)
    people.pause(volunteer_id=of(world, "zhao_volunteer").pk, reason="核实中", by=world.actor("韩网格"), at=AT)
    with pytest.raises(WrongState):
        teams.take(joining_id=asked.pk, by=world.actor("马经理"), at=AT)
    with pytest.raises(WrongState):
        ask(world, patrol)
    with pytest.raises(NotFound):
        teams.ask(
            team_id=world.org("城管局").pk, volunteer_id=of(world, "zhou_silver").pk, by=world.actor("周银龄"), at=AT
        )


def test_leaving_and_being_let_go(world: Any) -> None:
    team = world.org("银龄队").pk
    with pytest.raises(NotFound):
        teams.leave_team(team_id=team, by=world.actor("王桂兰"), at=AT)
    teams.leave_team(team_id=team, by=world.actor("赵志愿"), at=AT)
    assert held(world.zhao_volunteer) == set()
    silver = {"team_id": team, "user_id": world.zhou_silver.pk, "at": AT}
    with pytest.raises(Forbidden):
        teams.let_go(reason="x", by=world.actor("马经理"), **silver)
    with pytest.raises(PaperMissing):
        teams.let_go(reason=" ", by=world.actor("钱站长"), **silver)
    teams.let_go(reason="搬走了", by=world.actor("钱站长"), **silver)
    assert held(world.zhou_silver) == set()


def test_a_team_says_what_it_does_and_that_it_is_full(world: Any, patrol: int) -> None:
    told: dict[str, Any] = {"team_id": patrol, "fields": ["events"], "words": "夜里巡逻", "takes": False, "at": AT}
    with pytest.raises(Forbidden):
        teams.describe(by=world.actor("钱站长"), **told)
    teams.describe(by=world.actor("马经理"), **told)
    assert Team.objects.get(org=patrol).fields == ["events"]
    with pytest.raises(Invalid):
        ask(world, patrol)

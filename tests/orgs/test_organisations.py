"""Organisations, their tree and their members."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from heli.core.actor import SYSTEM, Actor
from heli.core.errors import Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.orgs import queries, steps
from heli.orgs.errors import MemberAlready, OrgNameTaken, ParentCircle, UnitClosed, UnitsBelow
from heli.orgs.models import Member, Organisation, Role
from tests.database import race

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
COUNTY, NEXT, STREET, COMMUNITY = "370602", "370613", "370602003", "370602003006"
DAY = dt.timedelta(days=1)


@pytest.fixture
def jiang(db: None, world: Any) -> Actor:
    return world.actor("姜管理", NOW)


def make(by: Actor, **changed: Any) -> Organisation:
    values = {
        "kind": "team",
        "name": "芝罘区红领巾志愿服务队",
        "short_name": "红领巾队",
        "area_path": COUNTY,
        "by": by,
        "at": NOW,
    }
    return steps.create_org(**{**values, **changed})


def test_entered_with_initials_and_an_event(world: Any, jiang: Actor) -> None:
    org = make(jiang, parent_id=world.org("社工部").pk)
    assert (org.initials, org.area.path, org.parent.short_name) == ("hljd", COUNTY, "社工部")
    event = Event.objects.get(step="orgs.create_org", subject_id=org.pk)
    assert (event.area_path, event.public, event.user_id) == (COUNTY, True, world.jiang_admin.pk)


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"area_path": NEXT}, Forbidden, None),
        ({"area_path": "3706"}, Forbidden, None),
        ({"area_path": ""}, Forbidden, None),
        ({"area_path": "370602999"}, Invalid, "area"),
        ({"kind": "ministry"}, Invalid, "kind"),
        ({"name": "  "}, Invalid, "name"),
        ({"name": "芝罘区城市管理局"}, OrgNameTaken, "name"),
        ({"parent_id": 2**40}, Invalid, "parent"),
    ],
)
def test_what_cannot_be_entered(
    world: Any, jiang: Actor, changed: dict[str, Any], error: type[Exception], field: str | None
) -> None:
    with pytest.raises(error) as caught:
        make(jiang, **changed)
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_a_code_is_used_once(world: Any, jiang: Actor) -> None:
    make(jiang, code="52370602MJE1234567")
    with pytest.raises(OrgNameTaken):
        make(jiang, name="另一个", code="52370602MJE1234567")
    make(jiang, name="没有代码的甲")
    make(jiang, name="没有代码的乙")


def test_only_who_manages_organisations(world: Any, db: None) -> None:
    for name in ("孙坐席", "吕部长", "于科员", "王桂兰"):
        with pytest.raises(Forbidden):
            make(world.actor(name, NOW))


def test_a_new_name(world: Any, jiang: Actor) -> None:
    org = make(jiang)
    changed = steps.change_org(org_id=org.pk, name="芝罘区少年志愿服务队", short_name="少年队", by=jiang, at=NOW)
    assert (changed.name, changed.initials) == ("芝罘区少年志愿服务队", "snd")
    with pytest.raises(OrgNameTaken):
        steps.change_org(org_id=org.pk, name="芝罘区民政局", by=jiang, at=NOW)
    assert Event.objects.get(step="orgs.change_org").data["old_name"] == "芝罘区红领巾志愿服务队"


def test_another_countys_is_like_missing(world: Any, jiang: Actor) -> None:
    for org_id in (world.org("莱山城管局").pk, 2**40):
        for step, more in (
            (steps.change_org, {"name": "x"}),
            (steps.close_org, {"reason": "x"}),
            (steps.reopen_org, {"reason": "x"}),
            (steps.add_member, {"user_id": world.xue_driver.pk}),
        ):
            with pytest.raises(NotFound):
                step(org_id=org_id, by=jiang, at=NOW, **more)  # type: ignore[operator]
        with pytest.raises(NotFound):
            queries.managed_org(jiang, org_id)


def test_nothing_stands_above_itself(world: Any, jiang: Actor) -> None:
    a = make(jiang, name="甲")
    b = make(jiang, name="乙", parent_id=a.pk)
    c = make(jiang, name="丙", parent_id=b.pk)
    for above in (a, b, c):
        with pytest.raises(ParentCircle):
            steps.change_org(org_id=a.pk, name="甲", parent_id=above.pk, by=jiang, at=NOW)
    assert steps.change_org(org_id=c.pk, name="丙", parent_id=a.pk, by=jiang, at=NOW).parent_id == a.pk
    assert steps.change_org(org_id=c.pk, name="丙", by=jiang, at=NOW).parent_id is None


def test_closing_needs_a_reason_and_nothing_open_below(world: Any, jiang: Actor) -> None:
    top = make(jiang, name="甲")
    below = make(jiang, name="乙", parent_id=top.pk)
    with pytest.raises(UnitsBelow) as caught:
        steps.close_org(org_id=top.pk, reason="合并", by=jiang, at=NOW)
    assert caught.value.slots == {"count": 1}
    with pytest.raises(PaperMissing):
        steps.close_org(org_id=below.pk, reason="", by=jiang, at=NOW)
    steps.close_org(org_id=below.pk, reason="合并", by=jiang, at=NOW)
    with pytest.raises(WrongState):
        steps.close_org(org_id=below.pk, reason="合并", by=jiang, at=NOW)
    steps.close_org(org_id=top.pk, reason="合并", by=jiang, at=NOW)


def test_a_closed_one_takes_nothing_new(world: Any, jiang: Actor) -> None:
    org = make(jiang)
    steps.close_org(org_id=org.pk, reason="合并", by=jiang, at=NOW)
    later = NOW + DAY
    with pytest.raises(UnitClosed) as caught:
        queries.open_unit(org.pk, later)
    assert "红领巾队" in caught.value.words
    assert queries.open_unit(org.pk, NOW - DAY) == org
    with pytest.raises(NotFound):
        queries.open_unit(2**40, later)
    with pytest.raises(UnitClosed):
        make(jiang, name="下面的", parent_id=org.pk, at=later)
    with pytest.raises(UnitClosed):
        steps.add_member(org_id=org.pk, user_id=world.xue_driver.pk, by=jiang, at=later)
    assert not queries.search_orgs("红领巾", at=later)


def test_its_name_is_free_again_and_then_it_cannot_be_opened(world: Any, jiang: Actor) -> None:
    org = make(jiang)
    steps.close_org(org_id=org.pk, reason="合并", by=jiang, at=NOW)
    make(jiang)
    with pytest.raises(OrgNameTaken):
        steps.reopen_org(org_id=org.pk, reason="误关", by=jiang, at=NOW + DAY)


def test_members_come_and_go(world: Any, jiang: Actor) -> None:
    org = make(jiang)
    member = steps.add_member(org_id=org.pk, user_id=world.zhou_silver.pk, title="队长", by=jiang, at=NOW)
    with pytest.raises(MemberAlready):
        steps.add_member(org_id=org.pk, user_id=world.zhou_silver.pk, by=jiang, at=NOW)
    with pytest.raises(NotFound):
        steps.add_member(org_id=org.pk, user_id=2**40, by=jiang, at=NOW)
    assert [m.title for m in queries.members_of(org.pk, NOW)] == ["队长"]
    steps.end_member(member_id=member.pk, by=jiang, at=NOW + DAY)
    assert queries.members_of(org.pk, NOW + DAY) == []
    assert queries.members_of(org.pk, NOW)[0].user == world.zhou_silver
    with pytest.raises(WrongState):
        steps.end_member(member_id=member.pk, by=jiang, at=NOW + DAY)
    assert steps.add_member(org_id=org.pk, user_id=world.zhou_silver.pk, by=jiang, at=NOW + 2 * DAY)


def test_only_their_administrator_ends_a_membership(world: Any, jiang: Actor) -> None:
    theirs = Member.objects.filter(org=world.org("莱山城管局")).first()
    own = Member.objects.filter(user=world.yu_officer).first()
    assert theirs is not None and own is not None
    with pytest.raises(NotFound):
        steps.end_member(member_id=theirs.pk, by=jiang, at=NOW)
    with pytest.raises(NotFound):  # one sees one's own, but does not end it
        steps.end_member(member_id=own.pk, by=world.actor("于科员", NOW), at=NOW)


@pytest.mark.parametrize(
    ("text", "within", "kinds", "first"),
    [
        ("城管", (COUNTY,), (), "城管局"),
        ("cgj", (COUNTY,), (), "城管局"),
        ("CGJ", (COUNTY,), (), "城管局"),
        ("城市管理", (COUNTY,), (), "城管局"),
        ("", (COMMUNITY,), (), "大海阳社区"),
        ("", (COUNTY,), ("desk",), "诉求中心"),
        ("莱山", (COUNTY,), (), None),
        ("莱山", (COUNTY, NEXT), ("desk",), "莱山诉求中心"),
        ("%", (COUNTY,), (), None),
        ("_", (COUNTY,), (), None),
    ],
)
def test_search_for_pickers(
    world: Any, db: None, text: str, within: tuple[str, ...], kinds: tuple[str, ...], first: str | None
) -> None:
    found = queries.search_orgs(text, within=within, kinds=kinds, at=NOW)
    assert (found[0].short_name if found else None) == first


def test_search_offers_the_countys_units_to_a_street(world: Any, db: None) -> None:
    found = queries.search_orgs(
        "", within=(STREET,), also=(COUNTY,), kinds=("department", "township"), at=NOW, limit=100
    )
    names = {o.short_name for o in found}
    assert {"城管局", "毓璜顶街道"} <= names and "白石街道" not in names


def test_the_tree_puts_each_below_the_one_above(world: Any, db: None) -> None:
    nodes = queries.tree((STREET,), at=NOW)
    said = [(n.org.short_name, n.depth) for n in nodes]
    assert said[0] == ("毓璜顶街道", 0)
    assert ("大海阳社区", 1) in said and ("银龄队", 2) in said
    assert said.index(("银龄队", 2)) == said.index(("大海阳社区", 1)) + 1
    assert len(nodes) == Organisation.objects.filter(area_path__startswith=STREET).count()


def test_two_enter_the_same_at_once(fire_db: str, world: Any) -> None:
    by = world.actor("姜管理", NOW)
    done = race(lambda: make(by), lambda: make(by))
    assert sorted(type(d).__name__ for d in done) == ["OrgNameTaken", "Organisation"]


# Roles -------------------------------------------------------------------------------------------------------------------
def test_roles_are_those_of_the_file_and_a_second_import_changes_nothing(db: None) -> None:
    assert steps.import_roles(at=NOW) == []
    assert Role.objects.get(key="dispatcher").caps == sorted(
        ["hear", "dispatch", "view_requests", "view_personal", "export", "import_requests"]
    )
    assert Role.objects.get(key="unit_officer").needs_org


def test_a_changed_role_is_brought_back_and_an_own_one_stays(db: None) -> None:
    Role.objects.filter(key="viewer").update(caps=["manage_grants"])
    Role.objects.create(key="own", name="自己的", caps=["hear"])
    assert steps.import_roles(at=NOW) == ["viewer"]
    assert Role.objects.get(key="viewer").caps == ["view_requests"]
    assert Role.objects.get(key="own").caps == ["hear"]


def test_an_unknown_capability_is_a_mistake(db: None, tmp_path: Path) -> None:
    file = tmp_path / "roles.yaml"
    file.write_text("x: {name: 甲, caps: [fly]}")
    with pytest.raises(ValueError):
        steps.import_roles(at=NOW, source=file)


def test_no_role_but_the_administrators_decides_about_grants(db: None) -> None:
    """Whoever adds a role that may give grants should know it."""
    assert set(Role.objects.filter(caps__contains=["manage_grants"]).values_list("key", flat=True)) == {"area_admin"}
    admin = set(Role.objects.get(key="area_admin").caps)
    assert not admin & {"view_personal", "view_requests", "dispatch"}  # an administrator reads nobody's matters


def test_system_may_everywhere(world: Any, db: None) -> None:
    assert make(SYSTEM, area_path=NEXT).area_path == NEXT

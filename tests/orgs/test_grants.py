"""Who may give and end what. 姜管理 manages the grants of 芝罘区 (370602) and of nothing else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from heli.core.actor import SYSTEM, Actor
from heli.core.caps import Cap
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.orgs import queries, steps
from heli.orgs.errors import GrantedAlready, NeedsOrg, NotTheirs, OutsideUnit, OwnGrant, TooLong, TooWide, UnitClosed
from heli.orgs.models import Grant, Role, reach_of
from heli.people.steps import register
from tests.database import race

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
COUNTY, NEXT, STREET, COMMUNITY = "370602", "370613", "370602003", "370602003006"
DAY = dt.timedelta(days=1)


@pytest.fixture
def jiang(db: None, world: Any) -> Actor:
    return world.actor("姜管理", NOW)


def give(world: Any, by: Actor, **changed: Any) -> Grant:
    """A grant that 姜管理 may give, with something changed."""
    values = {
        "user_id": world.zhao_volunteer.pk,
        "role": "viewer",
        "paths": [STREET],
        "reason": "社区值班",
        "by": by,
        "at": NOW,
    }
    return steps.give_grant(**{**values, **changed})


def test_a_grant_counts_at_once_and_ends_within_a_year(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang)
    got = queries.actor_for(world.zhao_volunteer, NOW)
    assert got.can(Cap.VIEW_REQUESTS, path=COMMUNITY) and not got.can(Cap.VIEW_REQUESTS, path=COUNTY)
    assert grant.valid_to == NOW + dt.timedelta(days=365)
    assert grant.given_by_id == world.jiang_admin.pk
    assert queries.grants_in_force(world.zhao_volunteer.pk, grant.valid_to) == ()
    assert queries.grants_in_force(world.zhao_volunteer.pk, NOW - DAY) == ()
    event = Event.objects.get(step="orgs.give_grant", subject_id=grant.pk)
    assert (event.user_id, event.area_path, event.data["role"]) == (world.jiang_admin.pk, STREET, "viewer")


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"paths": [NEXT]}, TooWide, "paths"),
        ({"paths": [COUNTY, NEXT]}, TooWide, "paths"),
        ({"paths": ["3706"]}, TooWide, "paths"),
        ({"paths": [""]}, TooWide, "paths"),
        ({"paths": []}, Invalid, "paths"),
        ({"paths": ["370602999"]}, Invalid, "paths"),
        ({"role": "nobody"}, Invalid, "role"),
        ({"role": "unit_officer"}, NeedsOrg, "org"),
        ({"reason": "  "}, PaperMissing, "reason"),
        ({"valid_to": NOW - DAY}, Invalid, "valid_to"),
        ({"valid_to": NOW}, Invalid, "valid_to"),
        ({"valid_to": NOW + 367 * DAY}, TooLong, "valid_to"),
        ({"org_id": 2**40}, Invalid, "org"),
        ({"user_id": 2**40}, NotFound, None),
    ],
)
def test_what_cannot_be_given(
    world: Any, jiang: Actor, changed: dict[str, Any], error: type[HeliError], field: str | None
) -> None:
    count = Grant.objects.count()
    with pytest.raises(error) as caught:
        give(world, jiang, **changed)
    assert caught.value.field == field
    assert Grant.objects.count() == count


@pytest.mark.parametrize("role", ["viewer", "area_admin", "supervisor", "dispatcher"])
def test_nobody_gives_to_themselves(world: Any, jiang: Actor, role: str) -> None:
    with pytest.raises(OwnGrant):
        give(world, jiang, user_id=world.jiang_admin.pk, role=role)


def test_not_for_a_unit_of_another_county_nor_outside_the_units_area(world: Any, jiang: Actor) -> None:
    with pytest.raises(TooWide):
        give(world, jiang, role="unit_officer", org_id=world.org("莱山城管局").pk)
    with pytest.raises(OutsideUnit):
        give(world, jiang, role="clerk", org_id=world.org("大海阳社区").pk, paths=[STREET])
    assert give(world, jiang, role="clerk", org_id=world.org("大海阳社区").pk, paths=[COMMUNITY])


def test_not_for_a_unit_that_has_closed(world: Any, jiang: Actor) -> None:
    steps.close_org(org_id=world.org("公交公司").pk, reason="撤销", by=jiang, at=NOW)
    with pytest.raises(UnitClosed):
        give(world, jiang, role="unit_officer", org_id=world.org("公交公司").pk, paths=[COUNTY])


def test_only_who_manages_grants_gives(world: Any, db: None) -> None:
    for name in ("孙坐席", "于科员", "许股长", "吕部长", "韩网格", "王桂兰", "外县人"):
        with pytest.raises(Forbidden):
            give(world, world.actor(name, NOW))
    with pytest.raises(Forbidden):
        give(world, Actor(user_id=None))


def test_areas_inside_one_another_become_one(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang, paths=[COMMUNITY, STREET, COUNTY, STREET])
    assert grant.paths == [COUNTY]
    assert grant.reach == reach_of([COUNTY]) == ["", "37", "3706", COUNTY]
    two = give(world, jiang, paths=["370602001", STREET])
    assert two.paths == ["370602001", STREET] and steps.common_area(two.paths) == COUNTY


def test_the_same_is_not_given_twice_but_anew_after_its_end(world: Any, jiang: Actor) -> None:
    first = give(world, jiang)
    with pytest.raises(GrantedAlready):
        give(world, jiang)
    give(world, jiang, paths=["370602001"])
    give(world, jiang, role="revisitor")
    steps.end_grant(grant_id=first.pk, reason="调岗", by=jiang, at=NOW + DAY)
    assert give(world, jiang, at=NOW + 2 * DAY).pk != first.pk


def test_in_place_of_a_colleague_only_what_the_colleague_may(world: Any, jiang: Actor) -> None:
    sun, desk = world.sun_dispatcher.pk, world.org("诉求中心").pk
    grant = give(world, jiang, role="dispatcher", org_id=desk, paths=[COUNTY], acting_for_id=sun)
    (view,) = queries.actor_for(world.zhao_volunteer, NOW).grants
    assert (view.acting_for_id, view.org_id, grant.acting_for_id) == (sun, desk, sun)
    for changed in (
        {"role": "dispatcher", "org_id": None},
        {"role": "revisitor", "org_id": desk},
        {"role": "dispatcher", "org_id": desk, "acting_for_id": world.zhou_silver.pk},
    ):
        values = {"paths": [COUNTY], "acting_for_id": sun, "user_id": world.xue_driver.pk, **changed}
        with pytest.raises(NotTheirs):
            give(world, jiang, **values)
    with pytest.raises(NotTheirs):  # to oneself, in one's own place
        give(world, jiang, user_id=sun, role="dispatcher", org_id=desk, paths=[STREET], acting_for_id=sun)


def test_an_area_administrator_may_make_another_one_of_the_same_area(world: Any, jiang: Actor) -> None:
    give(world, jiang, role="area_admin", paths=[COUNTY])
    second = queries.actor_for(world.zhao_volunteer, NOW)
    assert give(world, second, user_id=world.xue_driver.pk)
    with pytest.raises(TooWide):
        give(world, second, user_id=world.xue_driver.pk, paths=["3706"])


# Ending ---------------------------------------------------------------------------------------------------------------
def test_ending_takes_effect_at_once(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang)
    later = NOW + DAY
    done = steps.end_grant(grant_id=grant.pk, reason="调岗", by=jiang, at=later)
    assert (done.valid_to, done.end_reason) == (later, "调岗")
    assert queries.grants_in_force(world.zhao_volunteer.pk, later) == ()
    with pytest.raises(WrongState):
        steps.end_grant(grant_id=grant.pk, reason="again", by=jiang, at=later)


def test_one_that_has_not_begun_never_begins(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang, valid_from=NOW + 10 * DAY, valid_to=NOW + 20 * DAY)
    assert queries.grants_in_force(world.zhao_volunteer.pk, NOW + 11 * DAY)
    steps.end_grant(grant_id=grant.pk, reason="不需要", by=jiang, at=NOW + DAY)
    for day in range(25):
        assert queries.grants_in_force(world.zhao_volunteer.pk, NOW + day * DAY) == ()


def test_nobody_ends_their_own(world: Any, jiang: Actor) -> None:
    own = Grant.objects.get(user=world.jiang_admin)
    with pytest.raises(OwnGrant):
        steps.end_grant(grant_id=own.pk, reason="x", by=jiang, at=NOW)


def test_anothers_county_is_like_missing(world: Any, jiang: Actor) -> None:
    theirs = Grant.objects.filter(user=world.outsider).first()
    assert theirs is not None
    for grant_id in (theirs.pk, 2**40):
        with pytest.raises(NotFound):
            steps.end_grant(grant_id=grant_id, reason="x", by=jiang, at=NOW)


def test_one_that_reaches_further_is_seen_but_not_ended(world: Any, jiang: Actor) -> None:
    wide = give(world, SYSTEM, paths=[COUNTY, NEXT], role="supervisor")
    assert wide in queries.grants_list(jiang, queries.GrantFilter(), at=NOW)
    with pytest.raises(TooWide):
        steps.end_grant(grant_id=wide.pk, reason="x", by=jiang, at=NOW)
    (row,) = queries.grants_of(jiang, world.zhao_volunteer.pk, at=NOW)
    assert not row.may_end


def test_a_reason_is_asked(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang)
    with pytest.raises(PaperMissing):
        steps.end_grant(grant_id=grant.pk, reason=" ", by=jiang, at=NOW)


def test_an_administrator_whose_grant_ended_meanwhile_can_do_nothing(world: Any, jiang: Actor) -> None:
    """The actor was made before; the step looks again."""
    grant = give(world, jiang)
    own = Grant.objects.get(user=world.jiang_admin)
    steps.end_grant(grant_id=own.pk, reason="调离", by=SYSTEM, at=NOW)
    with pytest.raises(Forbidden):
        give(world, jiang, role="revisitor")
    with pytest.raises(Forbidden):
        steps.end_grant(grant_id=grant.pk, reason="x", by=jiang, at=NOW)


# Seeing ---------------------------------------------------------------------------------------------------------------
def test_who_sees_which_grants(world: Any, jiang: Actor) -> None:
    wide = give(world, SYSTEM, paths=["3706"], role="supervisor", user_id=world.xue_driver.pk)
    seen = Grant.objects.visible_to(jiang)
    assert not seen.filter(user=world.outsider).exists()
    assert wide not in seen  # held above the county: not decided here
    assert seen.filter(user=world.sun_dispatcher).exists()
    own = Grant.objects.visible_to(world.actor("于科员", NOW))
    assert {g.user_id for g in own} == {world.yu_officer.pk}
    assert not Grant.objects.visible_to(Actor(user_id=None)).exists()
    assert Grant.objects.visible_to(SYSTEM).count() == Grant.objects.count()
    outsider = world.actor("外县人", NOW)
    assert {g.user_id for g in Grant.objects.visible_to(outsider)} == {world.outsider.pk}


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"person": "孙"}, {"孙坐席"}),
        ({"person": "sun.zuo"}, {"孙坐席"}),
        ({"role": "unit_officer"}, {"于科员", "曲科员"}),
        ({"unit": "城管"}, {"于科员", "许股长"}),
        ({"path": COMMUNITY}, {"韩网格", "钱站长"}),
        ({"state": "ended"}, set()),
        ({"person": "%"}, set()),
    ],
)
def test_the_list_is_narrowed(world: Any, jiang: Actor, wanted: dict[str, str], names: set[str]) -> None:
    rows = queries.grants_page(jiang, queries.GrantFilter(**wanted), at=NOW).rows
    assert {str(r.grant.user) for r in rows} == names


def test_soon_and_ended(world: Any, jiang: Actor) -> None:
    soon = give(world, jiang, valid_to=NOW + 10 * DAY)
    gone = give(world, jiang, role="revisitor", valid_to=NOW + DAY)
    later = NOW + 2 * DAY
    assert [r.id for r in queries.grants_page(jiang, queries.GrantFilter(state="soon"), at=later).rows] == [soon.pk]
    (row,) = queries.grants_page(jiang, queries.GrantFilter(state="ended"), at=later).rows
    assert (row.id, row.why_not, row.may_end) == (gone.pk, "ended", False)


def test_a_closed_unit_and_a_closed_account_put_grants_to_sleep(world: Any, jiang: Actor) -> None:
    assert world.actor("于科员", NOW).can(Cap.HANDLE_REQUESTS)
    steps.close_org(org_id=world.org("城管局").pk, reason="合并", by=jiang, at=NOW)
    later = NOW + DAY
    assert not world.actor("于科员", later).is_staff
    assert world.actor("于科员", NOW - DAY).is_staff  # it was open then
    (row,) = queries.grants_of(jiang, world.yu_officer.pk, at=later)
    assert row.why_not == "unit_closed" and row.may_end
    steps.reopen_org(org_id=world.org("城管局").pk, reason="误关", by=jiang, at=later)
    assert world.actor("于科员", later).is_staff
    world.qu_officer.is_active = False
    world.qu_officer.save()
    assert not world.actor("曲科员", later).is_staff
    assert queries.grants_of(jiang, world.qu_officer.pk, at=later)[0].why_not == "account_closed"


def test_a_role_that_needs_a_unit_counts_only_with_one(world: Any, db: None) -> None:
    role = Role.objects.get(key="viewer")
    grant = give(world, SYSTEM)
    assert world.actor("赵志愿", NOW).is_staff
    role.needs_org = True
    role.save()
    assert not world.actor("赵志愿", NOW).is_staff
    assert grant.org_id is None


def test_people_with_a_capability(world: Any, db: None) -> None:
    def names(**where: Any) -> set[str]:
        return {p.name for p in queries.people_with(where.pop("cap"), at=NOW, **where)}

    unit = world.org("城管局").pk
    assert names(cap=Cap.HANDLE_REQUESTS, org_id=unit) == {"于科员", "许股长"}
    assert names(cap=Cap.APPROVE_REPLY, org_id=unit) == {"许股长"}
    assert names(cap=Cap.DISPATCH, path=COMMUNITY) == {"孙坐席"}
    assert names(cap=Cap.DISPATCH, path=NEXT) == {"外县人"}
    assert names(cap=Cap.DISPATCH, path="37") == set()
    assert names(cap=Cap.VIEW_REQUESTS, path=STREET) == {"孙坐席", "吕部长", "宋建言", "郝回访"}


def test_the_actor_costs_one_statement(world: Any, db: None, django_assert_num_queries: Any) -> None:
    user = world.sun_dispatcher
    with django_assert_num_queries(1):
        queries.actor_for(user, NOW)
    with django_assert_num_queries(2):
        queries.grants_page(Actor(user_id=1, grants=world_admin()), queries.GrantFilter(), at=NOW)


def world_admin() -> tuple[Any, ...]:
    from heli.core.actor import GrantView

    return (GrantView(1, frozenset({Cap.MANAGE_GRANTS}), None, "", (COUNTY,)),)


def test_unknown_capabilities_in_a_role_give_nothing(world: Any, db: None) -> None:
    Role.objects.filter(key="viewer").update(caps=["view_requests", "fly"])
    give(world, SYSTEM)
    assert world.actor("赵志愿", NOW).caps == {Cap.VIEW_REQUESTS}


# The database holds it too ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changed",
    [
        {"paths": []},
        {"reach": ["37"]},
        {"given_by_id": "self"},
        {"acting_for_id": "self"},
        {"valid_to": NOW - DAY},
    ],
)
def test_the_database_refuses(world: Any, db: None, changed: dict[str, Any]) -> None:
    user = world.zhao_volunteer
    values = {
        "user": user, "role": Role.objects.get(key="viewer"), "paths": [STREET], "reach": reach_of([STREET]), "valid_from": NOW, "valid_to": None,
    }  # fmt: skip
    values |= {k: user.pk if v == "self" else v for k, v in changed.items()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(**values)


def test_history_is_kept_by_the_database(world: Any, jiang: Actor) -> None:
    grant = give(world, jiang)
    Grant.objects.filter(pk=grant.pk).update(reason="改过")  # a raw write is caught as well
    kept = list(grant.events.order_by("pgh_id").values_list("reason", flat=True))
    assert kept == ["社区值班", "改过"]


# Two at once -------------------------------------------------------------------------------------------------------------
def admins(world: Any) -> tuple[Actor, Actor]:
    """姜管理 and a second administrator of the county."""
    other = register(by=SYSTEM, at=NOW, username="second.admin", call_name="邢管理")
    steps.give_grant(user_id=other.pk, role="area_admin", paths=[COUNTY], reason="轮岗", by=SYSTEM, at=NOW)
    return world.actor("姜管理", NOW), queries.actor_for(other, NOW)


def test_two_administrators_give_the_same_at_once(fire_db: str, world: Any) -> None:
    a, b = admins(world)
    done = race(lambda: give(world, a), lambda: give(world, b))
    assert sorted(type(d).__name__ for d in done) == ["Grant", "GrantedAlready"]
    assert Grant.objects.filter(user=world.zhao_volunteer).count() == 1


def test_two_administrators_end_the_same_at_once(fire_db: str, world: Any) -> None:
    a, b = admins(world)
    grant = give(world, a)
    done = race(
        *(lambda by=by: steps.end_grant(grant_id=grant.pk, reason="调岗", by=by, at=NOW + DAY) for by in (a, b))
    )
    assert sorted(type(d).__name__ for d in done) == ["Grant", "WrongState"]
    assert Event.objects.filter(step="orgs.end_grant", subject_id=grant.pk).count() == 1


@pytest.mark.parametrize("again", range(3))
def test_two_administrators_end_each_other_at_once(fire_db: str, world: Any, again: int) -> None:
    """One wins; the other's power is gone. Neither waits for ever."""
    a, b = new_admins()
    mine, theirs = a.grants[0].id, b.grants[0].id
    done = race(
        lambda: steps.end_grant(grant_id=theirs, reason="x", by=a, at=NOW + DAY),
        lambda: steps.end_grant(grant_id=mine, reason="x", by=b, at=NOW + DAY),
    )
    assert sorted(type(d).__name__ for d in done) == ["Forbidden", "Grant"]


def new_admins() -> tuple[Actor, Actor]:
    made = []
    for n in range(2):
        user = register(by=SYSTEM, at=NOW, call_name=f"管理{n}")
        steps.give_grant(user_id=user.pk, role="area_admin", paths=[COUNTY], reason="轮岗", by=SYSTEM, at=NOW)
        made.append(queries.actor_for(user, NOW))
    return made[0], made[1]


def test_giving_while_the_givers_own_grant_is_ended(fire_db: str, world: Any) -> None:
    """Either the grant was given before the end, or it was not given."""
    a, b = admins(world)
    given, ended = race(
        lambda: give(world, a),
        lambda: steps.end_grant(grant_id=a.grants[0].id, reason="调离", by=b, at=NOW),
    )
    assert isinstance(ended, Grant)
    assert isinstance(given, Grant | Forbidden)

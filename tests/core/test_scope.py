"""An area is a range of paths; the database, `covers` and the tree agree on what lies inside."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heli.core.actor import PUBLIC, SYSTEM, Actor, GrantView
from heli.core.caps import Cap, Scope
from heli.core.scope import LENGTHS, ancestors, covers, within
from heli.places.models import Area

codes = st.text("0123456789", min_size=12, max_size=12).flatmap(lambda c: st.sampled_from([c[:n] for n in LENGTHS]))
COUNTY, NEXT = "370602", "370613"


def test_ancestors_of_each_level() -> None:
    assert ancestors("370602003006") == ("37", "3706", "370602", "370602003", "370602003006")
    assert ancestors("370602003006001") == ("37", "3706", "370602", "370602003", "370602003006", "370602003006001")
    assert ancestors("370602", itself=False) == ("37", "3706")
    assert ancestors("") == ()


@given(codes, codes)
def test_covers_is_being_among_the_ancestors(above: str, path: str) -> None:
    assert covers([above], path) == (above in ancestors(path))


@given(st.lists(codes, max_size=4), codes)
def test_more_areas_never_cover_less(paths: list[str], path: str) -> None:
    assert covers(paths, path) <= covers([*paths, "37"], path)
    assert covers(["", *paths], path)
    assert not covers([], path)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["", "37", "3706", COUNTY, NEXT, "370602003", "370602003006", "11", "370602L01"]), max_size=4
    )
)
def test_the_database_says_the_same(paths: list[str]) -> None:
    everything = list(Area.objects.values_list("path", flat=True))
    assert len(everything) > 100
    found = set(Area.objects.filter(within("path", paths)).values_list("path", flat=True))
    assert found == {p for p in everything if covers(paths, p)}


@pytest.mark.django_db
def test_no_areas_no_rows_and_neighbours_stay_out() -> None:
    assert not Area.objects.filter(within("path", [])).exists()
    inside = set(Area.objects.filter(within("path", [COUNTY])).values_list("path", flat=True))
    assert COUNTY in inside and "370602003006" in inside
    assert not any(p.startswith(NEXT) for p in inside)
    assert "3706" not in inside


@pytest.mark.django_db
def test_a_range_uses_the_index() -> None:
    plan = Area.objects.filter(within("path", ["370602003"])).order_by().explain()
    assert "Index" in plan, plan


def actor(*caps: Cap, paths: tuple[str, ...] = (COUNTY,), org: int | None = None) -> Actor:
    return Actor(user_id=1, grants=(GrantView(1, frozenset(caps), org, "x", paths),))


@pytest.mark.parametrize(
    ("who", "needs", "scope", "path", "org", "may"),
    [
        (PUBLIC, None, Scope.PUBLIC, None, None, True),
        (PUBLIC, Cap.DISPATCH, Scope.PUBLIC, None, None, False),
        (PUBLIC, Cap.DISPATCH, Scope.AREA, COUNTY, None, False),
        (PUBLIC, None, Scope.SELF, None, None, False),
        (PUBLIC, None, Scope.LINK, None, None, False),
        (Actor(None, voice_id=3), None, Scope.LINK, None, None, True),
        (Actor(1), None, Scope.SELF, None, None, True),
        (actor(Cap.DISPATCH), Cap.DISPATCH, Scope.AREA, "370602003", None, True),
        (actor(Cap.DISPATCH), Cap.DISPATCH, Scope.AREA, NEXT, None, False),
        (actor(Cap.DISPATCH), Cap.DISPATCH, Scope.AREA, "3706", None, False),
        (actor(Cap.DISPATCH), Cap.DISPATCH, Scope.AREA, None, None, False),
        (actor(Cap.DISPATCH), Cap.SUPERVISE, Scope.AREA, COUNTY, None, False),
        (actor(Cap.DISPATCH), None, Scope.AREA, COUNTY, None, False),
        (actor(Cap.HANDLE_REQUESTS, org=5), Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, NEXT, 5, True),
        (actor(Cap.HANDLE_REQUESTS, org=5), Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, COUNTY, 6, False),
        (actor(Cap.HANDLE_REQUESTS, org=5), Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, COUNTY, None, False),
        (actor(Cap.HANDLE_REQUESTS), Cap.HANDLE_REQUESTS, Scope.OWN_UNIT, COUNTY, 5, False),
        (actor(Cap.DISPATCH), None, Scope.SYSTEM, COUNTY, None, False),
        (SYSTEM, Cap.DISPATCH, Scope.AREA, NEXT, None, True),
        (SYSTEM, None, Scope.SYSTEM, None, None, True),
    ],
)
def test_what_an_actor_may(
    who: Actor, needs: Cap | None, scope: Scope, path: str | None, org: int | None, may: bool
) -> None:
    assert who.may(needs, scope, path=path, org_id=org) is may


def test_capability_and_area_must_be_of_the_same_grant() -> None:
    """To dispatch here and to read there is not to dispatch there."""
    two = Actor(
        1,
        grants=(
            GrantView(1, frozenset({Cap.DISPATCH}), 5, "a", (COUNTY,)),
            GrantView(2, frozenset({Cap.VIEW_REQUESTS}), 6, "b", (NEXT,)),
        ),
    )
    assert two.can(Cap.DISPATCH, path=COUNTY) and two.can(Cap.VIEW_REQUESTS, path=NEXT)
    assert not two.can(Cap.DISPATCH, path=NEXT)
    assert not two.can(Cap.DISPATCH, org_id=6)
    assert two.paths(Cap.DISPATCH) == (COUNTY,)
    assert two.org_ids(Cap.DISPATCH, Cap.VIEW_REQUESTS) == (5, 6)

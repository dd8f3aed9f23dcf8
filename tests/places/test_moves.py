"""An area changes its parent: everything that named it by path follows, events keep the old path and are still found."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.core.actor import SYSTEM
from heli.core.errors import Invalid, NotFound, WrongState
from heli.core.models import Event
from heli.core.scope import within
from heli.places import moving, queries, steps
from heli.places.errors import AreaInUse, NotInside, PathTaken
from heli.places.models import Area, AreaChange, AreaCode, Change
from tests.places.conftest import AT, keeper

YHD, DHY, COUNTY, NEXT = "370602003", "370602003006", "370602", "370613"
BOTH = keeper(COUNTY, NEXT)


def area(path: str) -> Area:
    found: Area = Area.objects.get(path=path)
    return found


def move(what: str, where: str, **more: Any) -> Area:
    values = {"by": BOTH, "at": AT, "basis": "鲁政字〔2026〕1 号", **more}
    return steps.move_area(area_id=area(what).pk, parent_id=area(where).pk, **values)


def test_the_subtree_goes_along(db: None) -> None:
    inside = set(Area.objects.inside(YHD).values_list("id", flat=True))
    moved = move(YHD, NEXT)
    assert (moved.path, moved.parent.path) == ("370613L01", NEXT)
    assert set(Area.objects.inside("370613L01").values_list("id", flat=True)) == inside
    assert not Area.objects.inside(YHD).exists()
    dhy = area("370613L01006")
    assert (dhy.code12, dhy.parent_id) == ("370602003006", moved.pk)
    assert queries.full_names([dhy])[dhy.path] == "烟台市 › 莱山区 › 毓璜顶街道 › 大海阳社区"


def test_it_is_written_down(db: None) -> None:
    moved = move(YHD, NEXT)
    change = AreaChange.objects.get(area=moved, kind=Change.MOVED)
    assert (change.old_path, change.new_path, change.by_id, change.basis) == (YHD, "370613L01", 1, "鲁政字〔2026〕1 号")
    event = Event.objects.get(step="places.move")
    assert (event.subject_id, event.area_path, event.data["areas"]) == (moved.pk, "370613L01", 13)


def test_the_old_number_still_leads_here(db: None) -> None:
    move(YHD, NEXT)
    assert [a.path for a in queries.by_code(YHD)] == ["370613L01"]
    assert [a.path for a in queries.by_code("370602003000")] == ["370613L01"]
    assert [a.path for a in queries.by_code(DHY)] == ["370613L01006"]
    assert [h.path for h in queries.search(YHD)] == ["370613L01"]
    read = queries.resolve("芝罘区毓璜顶街道大海阳社区3号楼")  # people go on writing the old district
    assert read.area is not None
    assert (read.area.path, read.rest) == ("370613L01006", "3号楼")


def test_every_table_with_a_path_follows(db: None, world: Any) -> None:
    from heli.orgs.models import Grant, Organisation
    from heli.orgs.queries import actor_for

    org = world.org("大海阳社区")
    events = list(Event.objects.values_list("id", "area_path"))
    move(YHD, NEXT)
    assert Organisation.objects.get(pk=org.pk).area_path == "370613L01006"
    grant = Grant.objects.get(user=world.han_clerk)
    assert grant.paths == ["370613L01006"]
    assert actor_for(world.han_clerk).grants[0].paths == ("370613L01006",)
    assert dict(events).items() <= dict(Event.objects.values_list("id", "area_path")).items()  # never rewritten


def test_grants_of_the_old_district_lose_it_and_of_the_new_one_get_it(db: None, world: Any) -> None:
    from heli.orgs.models import Grant

    move(YHD, NEXT)
    clerk = Grant.objects.get(user=world.han_clerk)
    assert set(clerk.reach) == {"", "37", "3706", NEXT, "370613L01", "370613L01006"}
    assert clerk in Grant.objects.touching([NEXT])
    assert clerk not in Grant.objects.touching([COUNTY])


def test_columns_are_found_in_the_models(db: None) -> None:
    found = {
        model._meta.label_lower: {f.name for f in (*plain, *lists)} for model, plain, lists in moving.path_columns()
    }
    assert found["orgs.grant"] == {"paths", "reach"}
    assert found["orgs.organisation"] == {"area_path"}
    assert "area_path" in found["loop.request"]
    assert not {"core.event", "places.areachange", "places.area"} & found.keys()


def test_old_events_are_found_by_the_new_path(db: None) -> None:
    steps.drop_pin(area_id=area(DHY).pk, lat=37.54, lon=121.38, by=BOTH, at=AT)
    move(YHD, NEXT)
    assert queries.paths_ever("370613L01006") == (DHY, "370613L01006")
    assert set(queries.paths_ever(NEXT)) == {NEXT, YHD}
    seen = Event.objects.filter(within("area_path", queries.paths_ever(NEXT)), step="places.drop_pin")
    assert seen.count() == 1
    assert queries.paths_ever(COUNTY) == (COUNTY,)


def test_twice_moved_and_back(db: None) -> None:
    move(YHD, NEXT)
    back = move("370613L01", COUNTY, code=YHD)
    assert back.path == YHD
    assert set(queries.paths_ever(DHY)) == {DHY, "370613L01006"}
    assert [a.path for a in queries.by_code(DHY)] == [DHY]
    assert queries.resolve("芝罘区大海阳社区").area.path == DHY  # type: ignore[union-attr]


def test_a_number_can_be_given(db: None) -> None:
    assert move(YHD, NEXT, code="370613099").path == "370613099"


@pytest.mark.parametrize("code", ["370613", "370602099", "37061309", "370613x99"])
def test_a_number_that_does_not_fit_is_refused(db: None, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        move(YHD, NEXT, code=code)
    assert caught.value.field == "code"


def test_a_number_that_is_taken_is_refused(db: None) -> None:
    with pytest.raises(PathTaken) as caught:
        move(YHD, NEXT, code="370613001")
    assert "黄海路街道" in caught.value.words


@pytest.mark.parametrize(("what", "where"), [(COUNTY, YHD), (YHD, YHD), (YHD, "370602001"), (DHY, "370602003005")])
def test_not_into_itself_nor_below_its_own_level(db: None, what: str, where: str) -> None:
    with pytest.raises(NotInside):
        move(what, where)


def test_not_to_where_it_is(db: None) -> None:
    with pytest.raises(Invalid):
        move(YHD, COUNTY)


@pytest.mark.parametrize("who", [keeper(COUNTY), keeper(NEXT), keeper("3702"), keeper()])
def test_both_ends_must_be_ones_own(db: None, who: Any) -> None:
    with pytest.raises(NotFound):
        move(YHD, NEXT, by=who)
    assert area(YHD).parent.path == COUNTY


def test_numbers_of_our_own_count_up(db: None) -> None:
    first = steps.add_area(parent_id=area(YHD).pk, name="甲社区", by=BOTH, at=AT, basis="x")
    second = steps.add_area(parent_id=area(YHD).pk, name="乙社区", by=BOTH, at=AT, basis="x")
    assert (first.path, second.path) == ("370602003L01", "370602003L02")
    assert (first.initials, first.code12, first.valid_from) == ("jsq", "", AT.date())
    grid = steps.add_area(parent_id=first.pk, name="第一网格", by=BOTH, at=AT, basis="x")
    assert (grid.path, grid.level) == ("370602003L01L01", 6)
    with pytest.raises(NotInside):
        steps.add_area(parent_id=grid.pk, name="再细一点", by=BOTH, at=AT, basis="x")


def test_a_new_area_is_found_at_once(db: None) -> None:
    assert queries.resolve("芝罘区望海楼社区").area is not None  # the district
    made = steps.add_area(parent_id=area(YHD).pk, name="望海楼社区", by=BOTH, at=AT, basis="x")
    assert queries.resolve("芝罘区望海楼社区3号").area.path == made.path  # type: ignore[union-attr]
    assert [h.path for h in queries.search("whl", within=(COUNTY,))] == [made.path]


def test_a_corrected_name_and_the_former_one_both_lead_there(db: None) -> None:
    steps.correct_name(area_id=area(DHY).pk, name="海阳河社区", by=BOTH, at=AT, basis="x")
    for name in ("海阳河社区", "大海阳社区居民委员会", "大海阳社区"):
        assert queries.resolve(f"芝罘区{name}").area.path == DHY, name  # type: ignore[union-attr]


def test_aliases_lead_there(db: None) -> None:
    steps.add_alias(area_id=area(DHY).pk, name="海阳里", code="ZF-0306", by=BOTH, at=AT)
    assert [h.path for h in queries.search("海阳里")] == [DHY]
    assert [a.path for a in queries.by_code("ZF-0306")] == [DHY]
    assert queries.resolve("芝罘区海阳里4号").area.path == DHY  # type: ignore[union-attr]


def test_ending(db: None) -> None:
    day = dt.date(2026, 2, 28)
    with pytest.raises(AreaInUse):
        steps.end_area(area_id=area(YHD).pk, on=day, by=BOTH, at=AT, basis="x")
    ended = steps.end_area(area_id=area(DHY).pk, on=day, by=BOTH, at=AT, basis="x")
    assert (ended.valid_to, ended.open) == (day, False)
    assert queries.search("大海阳", within=(COUNTY,)) == []
    assert queries.resolve("芝罘区大海阳社区").area.path == COUNTY  # type: ignore[union-attr]
    with pytest.raises(WrongState):
        steps.end_area(area_id=ended.pk, on=day, by=BOTH, at=AT, basis="x")
    assert DHY not in {a.path for a in queries.children(area(YHD))}
    assert DHY in {a.path for a in queries.children(area(YHD), ended=True)}


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (steps.correct_name, {"name": "x", "basis": "x"}),
        (steps.correct_name, {"name": "大海阳社区居民委员会", "basis": "x"}),
        (steps.drop_pin, {"lat": 121.0, "lon": 37.0}),
        (steps.add_alias, {"name": " "}),
        (steps.add_alias, {"code": "37!"}),
        (steps.add_alias, {"code": "370", "scheme": "path"}),
        (steps.end_area, {"on": dt.date(1949, 1, 1), "basis": "x"}),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(db: None, step: Any, said: dict[str, Any]) -> None:
    Area.objects.filter(path=DHY).update(valid_from=dt.date(2000, 1, 1))
    with pytest.raises(Invalid) as caught:
        step(area_id=area(DHY).pk, by=BOTH, at=AT, **said)
    assert caught.value.field


def test_strangers_find_nothing_to_change(db: None) -> None:
    for step, said in (
        (steps.correct_name, {"name": "另一个名字", "basis": "x"}),
        (steps.drop_pin, {"lat": 37.5, "lon": 121.4}),
        (steps.add_alias, {"name": "别名"}),
        (steps.end_area, {"on": AT.date(), "basis": "x"}),
    ):
        for who in (keeper(NEXT), keeper()):
            with pytest.raises(NotFound):
                step(area_id=area(DHY).pk, by=who, at=AT, **said)  # type: ignore[operator]
    assert not AreaCode.objects.filter(area__path=DHY).exists()


def test_the_system_may(db: None) -> None:
    assert move(YHD, NEXT, by=SYSTEM).path == "370613L01"

"""Estates, roads and schools: learned from requests that were sent on, decided by a person, used where somebody types."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import jobs
from heli.loop.models import Confidentiality, Kind
from heli.loop.place_learning import learn_places
from heli.loop.queries.public import Understood, understood
from heli.places import landmark_steps as steps
from heli.places.landmarks import Landmark
from heli.places.states import LANDMARK
from heli.rulebook.steps import NewRule, set_rule
from tests import arrows
from tests.loop.staff import counted, log_in
from tests.loop.told import tell
from tests.loop.visitors import DAY
from tests.world import COMMUNITY, COUNTY, STREET

NEXT = "370602003004"  # another community of the same street
OTHERS = "13700000000"
GARDEN = "阳光花园12号楼3单元楼道灯不亮"


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def spoken(
    world: Any, text: str = GARDEN, times: int = 3, *, area: str = COMMUNITY, first: int = 0, **more: Any
) -> None:
    """So many people speak of a place, and it is sent on from there."""
    for n in range(first, first + times):
        said = {"phone": str(int(OTHERS) + n), "area_path": area} | more
        tell(world, f"{text}，第{n}天了", at=timezone.now() - DAY, **said).dispatch()


def learn() -> dict[str, tuple[str, str, int]]:
    learn_places(timezone.now())
    return {m.name: (m.area.path if m.area else "", m.state, m.seen) for m in Landmark.objects.select_related("area")}


def decide(world: Any, name: str = "阳光花园", path: str = COMMUNITY) -> Landmark:
    pk = Landmark.objects.get(name=name).pk
    by = world.actor("姜管理")
    return steps.confirm_landmark(landmark_id=pk, area_path=path, by=by, at=timezone.now())


# Learning -----------------------------------------------------------------------------------------------------------------
def test_learned_at_night_from_what_was_sent_on_and_twice_without_harm(world: Any) -> None:
    spoken(world)
    spoken(world, "明德小学门口堵车", 2)
    tell(world, "明德小学门口堵车，没有人管", phone="13700000099")  # nobody sent it on: nobody confirmed its place
    assert learn() == {"阳光花园": (COMMUNITY, "proposed", 3)}
    mark = Landmark.objects.get()
    assert (mark.area_path, mark.initials, mark.candidates, mark.counts) == (COUNTY, "yghy", [COMMUNITY], [3])
    assert jobs.learn_places(timestamp=0) == {"new": 0, "changed": 0, "gone": 0}
    assert Landmark.objects.get().learned_at == mark.learned_at
    assert GARDEN[:12] not in str(list(Event.objects.filter(step="places.learn_landmarks").values_list("data")))


@pytest.mark.parametrize(
    "more",
    [
        {"phone": "13700000001"},  # one person three times
        {"confidentiality": Confidentiality.PROTECTED},
        {"kind": Kind.TIP},
        {"area_path": STREET},  # nobody said which community
    ],
    ids=["one person", "protected", "tip", "street"],
)
def test_not_learned(world: Any, more: dict[str, Any]) -> None:
    spoken(world, **more)
    assert learn() == {}


def test_the_rule_says_how_many_people_and_what_share(world: Any) -> None:
    spoken(world, "建设路的井盖响", 4)
    spoken(world, "建设路的井盖响", 1, area=NEXT, first=4)
    assert learn() == {"建设路": ("", "proposed", 5)}
    for key, value in (("text.place.share", 80), ("text.place.least", 4)):
        rule = NewRule(key, COUNTY, value, "区里的", timezone.localdate(), {})
        set_rule(rule=rule, by=SYSTEM, at=timezone.now())
    assert learn() == {"建设路": (COMMUNITY, "proposed", 5)}


def test_what_a_person_decided_stays(world: Any) -> None:
    spoken(world)
    spoken(world, "明德小学门口堵车", first=10)
    learn()
    decide(world, path=NEXT)
    no = Landmark.objects.get(name="明德小学")
    steps.refuse_landmark(landmark_id=no.pk, by=world.actor("姜管理"), at=timezone.now())
    spoken(world, first=20)
    spoken(world, "迎春大街积水", first=30)
    assert learn() == {
        "阳光花园": (NEXT, "in_use", 6),
        "明德小学": (COMMUNITY, "refused", 3),
        "迎春大街": (COMMUNITY, "proposed", 3),
    }
    assert steps.learn_landmarks(county=COUNTY, found=[], at=timezone.now()) == {"new": 0, "changed": 0, "gone": 1}
    assert set(Landmark.objects.values_list("name", flat=True)) == {"阳光花园", "明德小学"}


@pytest.mark.django_db
@arrows.of([LANDMARK])
def test_only_who_keeps_areas_decides(world: Any, life: Any, arrow: Any) -> None:
    papers = {"area": COMMUNITY}
    keepers = {n for n, a in arrows.everybody(world).items() if a.system or a.can(arrow.needs, path=COUNTY)}
    assert arrows.opened_to(world, life, arrow, unit_id=1, papers=papers) == keepers
    assert "外县人" not in keepers and "孙坐席" not in keepers
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=papers)


# Use ----------------------------------------------------------------------------------------------------------------------
def test_a_question_until_somebody_confirms_then_an_answer(world: Any) -> None:
    asked = ("", "阳光花园小区门口的路塌了", (COUNTY,))
    nothing, before = counted(lambda: understood(*asked))
    assert nothing == Understood()
    spoken(world)
    learn()
    found, cost = counted(lambda: understood(*asked))
    assert (found.paths, found.sure) == ((COMMUNITY,), False) and cost <= before + 1
    assert found.why[COMMUNITY] == "说到阳光花园的人，有 3 位指的是这里"
    decide(world)
    assert understood(*asked) == Understood((COMMUNITY,), True, {COMMUNITY: "阳光花园在这里"})
    assert understood("阳光花", "", (COUNTY,)).paths == (COMMUNITY,)  # still being typed
    assert understood("yghy", "", (COUNTY,)).paths == (COMMUNITY,)
    assert not understood("", "新阳光花园停水", (COUNTY,)).sure  # perhaps another estate
    assert not understood("", "新海阳社区旁边的街道，毓璜顶街道的阳光花园和大海阳社区", (COUNTY,)).sure
    assert understood(*asked[:2], ("370613",)) == Understood()  # another county's
    steps.refuse_landmark(landmark_id=Landmark.objects.get().pk, by=world.actor("姜管理"), at=timezone.now())
    assert understood(*asked) == Understood()


def test_a_road_through_several_stays_a_question(world: Any) -> None:
    spoken(world, "建设路的井盖响", 3)
    spoken(world, "建设路的井盖响", 2, area=NEXT, first=5)
    learn()
    found = understood("", "建设路上没有路灯", (COUNTY,))
    assert (found.paths, found.sure) == ((COMMUNITY, NEXT), False)
    said = Client().post("/submit/place/", {"text": "建设路上没有路灯"}).content.decode()
    assert said.count('name="area"') == 2 and "checked" not in said and "说到建设路的人，有 2 位指的是这里" in said


def test_the_desk_offers_the_place_with_its_reason(world: Any) -> None:
    spoken(world)
    learn()
    told = tell(world, "阳光花园门口路灯不亮", area_path=STREET)
    client = log_in(world, "孙坐席")
    where = f"/loop/desk/{told.request.code}/"
    page = client.get(where).content.decode()
    assert f'name="area" value="{COMMUNITY}"' in page and "说到阳光花园的人，有 3 位指的是这里" in page
    client.post(reverse("loop:desk_act", args=[told.request_id, "place"]), {"area": COMMUNITY, "spot": ""})
    assert told.request.area_path == COMMUNITY
    assert "说到阳光花园" not in client.get(where).content.decode()


# Pages --------------------------------------------------------------------------------------------------------------------
def test_the_list_says_why_it_is_empty_filters_pages_and_is_taken_away(world: Any) -> None:
    client = log_in(world, "姜管理")
    assert "每天夜里" in client.get("/areas/landmarks/").content.decode()
    spoken(world)
    spoken(world, "建设路的井盖响", 2, first=10)
    spoken(world, "建设路的井盖响", 2, area=NEXT, first=12)
    learn()
    page, cost = counted(lambda: client.get("/areas/landmarks/"))
    said = page.content.decode()
    assert said.index("建设路") < said.index("阳光花园") and "可能在大海阳社区" in said and "在好几个社区" in said
    assert cost <= 8
    assert "没有符合的名字" in client.get("/areas/landmarks/", {"state": "refused"}).content.decode()
    assert "建设路" not in client.get("/areas/landmarks/", {"q": "阳光", "state": "all"}).content.decode()
    assert client.get("/areas/landmarks/", {"after": "zzz"}).status_code == 400
    assert client.post("/areas/landmarks/export/", {"purpose": ""}).status_code == 400
    book = client.post("/areas/landmarks/export/?state=all", {"purpose": "核对小区"})
    rows = list(load_workbook(io.BytesIO(book.content)).worksheets[0].values)
    assert "阳光花园" in str(rows) and "建设路" in str(rows)
    assert "小区、道路、学校" in client.get(f"/areas/{COUNTY}/").content.decode()
    assert log_in(world, "外县人").get(f"/areas/landmarks/{Landmark.objects.first().pk}/").status_code in {403, 404}


def test_a_name_is_confirmed_moved_and_refused_on_its_page(world: Any) -> None:
    spoken(world)
    learn()
    client, pk = log_in(world, "姜管理"), Landmark.objects.get().pk
    one = f"/areas/landmarks/{pk}/"
    assert "3 人说过" in client.get(one).content.decode()
    for path, status, lies in (
        ("370613", 400, ("proposed", COMMUNITY)),
        (COUNTY, 400, ("proposed", COMMUNITY)),
        (COMMUNITY, 302, ("in_use", COMMUNITY)),
        (NEXT, 302, ("in_use", NEXT)),
    ):
        assert client.post(f"{one}do/confirm/", {"area": path}).status_code == status
        mark = Landmark.objects.select_related("area").get()
        assert (mark.state, mark.area.path) == lies
    assert (
        f'value="{NEXT}"'
        in client.get("/areas/pick/", {"q": "阳光花"}, headers={"HX-Request": "true"}).content.decode()
    )
    assert client.post(f"{one}do/refuse/").status_code == 302 and Landmark.objects.get().state == "refused"
    assert client.post(f"{one}do/refuse/").status_code == 409
    assert client.post(f"{one}do/else/").status_code == 404

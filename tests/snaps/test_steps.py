"""Taking a snap: a request like any other, with its photo cleaned, its place found, and nobody's name asked."""

from __future__ import annotations

import hashlib
import io
import uuid
from decimal import Decimal

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection, transaction
from PIL import Image

from heli.core import files
from heli.core.errors import AlreadyDone, NotFound
from heli.core.models import Event, StoredFile
from heli.engines import blur
from heli.loop import steps as loop
from heli.loop.models import Kind, Remark, Request
from heli.places import outlines
from heli.snaps import steps, where
from heli.snaps.errors import AboutSomebody, NoFile, NothingShown, PlaceElsewhere, PlaceUnclear
from heli.snaps.hazards import all_hazards, buttons
from heli.snaps.models import Snap
from tests.loop.told import AT
from tests.snaps.taken import LAT, LON, picture, take
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db


def test_there_are_eight_buttons_and_each_begins_with_a_category(world):
    from heli.loop.models import Category

    assert len(buttons()) == 8
    known = set(Category.objects.filter(level=3).values_list("code", flat=True))
    assert {h.category for h in buttons()} <= known
    assert all_hazards()["other"].category == ""


def test_a_snap_is_a_request_with_one_row_beside_it(world):
    made = take(world, photo=picture(), lat=LAT, lon=LON, accuracy=18)
    request = Request.objects.select_related("category").get(pk=made.heard.request.pk)
    assert (request.kind, request.state, request.category.code, request.title) == (
        Kind.SNAP,
        "heard",
        "040101",
        "路面坑洼",
    )
    assert (request.lat, request.lon, request.accuracy) == (LAT, LON, 18)
    assert made.heard.voice.user_id == world.xue_driver.pk and made.heard.voice.record_id is None
    snap = Snap.objects.get(pk=request.pk)
    assert (snap.hazard, snap.state, snap.photo_left_out) == ("pothole", "waiting", False)
    assert snap.likeness is not None and len(request.photos) == 1
    assert Event.objects.get(subject_id=request.pk, step="request.hear").data["kind"] == "snap"


def test_a_missing_cover_is_urgent_without_being_an_emergency(world):
    assert take(world, hazard="manhole").heard.request.urgency == "urgent"


def test_nothing_chosen_and_nothing_said_is_refused(world):
    for hazard, words in (("", ""), ("volcano", "x"), ("other", "  ")):
        with pytest.raises(NothingShown):
            take(world, hazard=hazard, words=words)
    assert take(world, hazard="other", words="广告牌快掉下来了").heard.request.text == "广告牌快掉下来了"


def test_a_person_is_turned_to_the_proper_door_unless_it_is_about_the_place(world):
    for words in ("楼下有人打架", "车主电话13912345678", "那个男的把垃圾扔这里"):
        with pytest.raises(AboutSomebody):
            take(world, words=words)
    kept = take(world, words="打架砸坏的护栏，问 13912345678", about_place=True).heard.request
    assert "139" not in kept.text
    assert not Request.objects.filter(text__contains="13912345678").exists()


def test_sent_twice_it_counts_once(world):
    key = uuid.uuid4()
    take(world, form_key=key)
    with pytest.raises(AlreadyDone):
        take(world, form_key=key)
    assert Snap.objects.count() == 1


# Where ------------------------------------------------------------------------------------------------------------------
def test_a_point_alone_finds_the_county_and_words_the_community(world):
    assert take(world, area_path="", lat=LAT, lon=LON).heard.request.area_path == "370602"
    assert take(world, area_path="", spot="大海阳社区 12 号楼前").heard.request.area_path == COMMUNITY
    with pytest.raises(PlaceUnclear):
        take(world, area_path="")
    with pytest.raises(PlaceElsewhere):
        take(world, area_path="", lat=Decimal("36.65"), lon=Decimal("117.02"))  # 济南
    shore = {
        "lat": Decimal("37.5700"),
        "lon": Decimal("121.3950"),
    }  # outlines are simplified: the beach lies beside them
    assert outlines.county_at(*map(float, shore.values())) == ""
    assert take(world, area_path="", **shore).heard.request.area_path == "370602"


def test_who_chose_another_place_than_the_phone_told_is_believed(world):
    far, near = (take(world, lat=lat, lon=LON, accuracy=9).heard.request for lat in (Decimal("36.65"), LAT))
    assert (far.area_path, far.lat, far.accuracy) == (COMMUNITY, None, None)
    assert (near.lat, near.accuracy) == (LAT, 9)


def test_a_rough_point_tells_the_county_and_no_community(world):
    take(world, lat=LAT, lon=LON, accuracy=20)
    assert take(world, area_path="", lat=LAT, lon=LON, accuracy=3000).heard.request.area_path == "370602"
    assert take(world, area_path="", lat=LAT, lon=LON, accuracy=30).heard.request.area_path == COMMUNITY


def test_the_room_learns_where_a_community_lies(world):
    take(world, lat=LAT, lon=LON, accuracy=20)  # somebody chose 大海阳社区 there
    near = where.nearest(LAT + Decimal("0.001"), LON, settings.HELI_HOME_AREA)
    assert near.near and near.area.path == COMMUNITY
    far = where.nearest(LAT + Decimal("0.02"), LON, settings.HELI_HOME_AREA)
    assert not far.near


@pytest.mark.parametrize(
    ("lat", "lon", "county"),
    [(37.5301, 121.3902, "370602"), (37.45, 121.45, "370613"), (36.65, 117.02, "370102"), (31.2, 121.4, "")],
)
def test_points_lie_in_the_counties_of_the_shipped_shapes(lat, lon, county):
    found = outlines.county_at(lat, lon)
    assert found == county or (county == "370102" and found.startswith("3701"))


# Photos -----------------------------------------------------------------------------------------------------------------
def test_a_photo_that_cannot_be_looked_at_is_never_written(world, monkeypatch):
    def broken(_photo):
        raise blur.CannotLook("no cascade")

    monkeypatch.setattr(blur, "find", broken)
    before = StoredFile.objects.count()
    kept: list[str] = []
    monkeypatch.setattr(files, "keep_all", lambda cleaned, **_about: kept.extend(cleaned) or [])
    made = take(world, photo=picture())
    assert made.photo_left_out and made.heard.request.photos == []
    assert Snap.objects.get(pk=made.heard.request.pk).photo_left_out
    assert not kept and StoredFile.objects.count() == before, "the folder of files is shared by all who test"


def test_words_added_later_to_a_snap_are_looked_at_too(world, monkeypatch):
    asked = []
    monkeypatch.setattr(blur, "find", lambda photo: asked.append(photo.size) or [])
    made = take(world)
    loop.add_words(request_id=made.heard.request.pk, by=loop_bearer(made), at=AT, text="再拍一张", photos=[picture(2)])
    assert asked == [(320, 240)]


def loop_bearer(made):
    from heli.loop import links

    return links.bearer(made.heard.voice)


def test_staff_cover_what_the_machine_missed_and_the_old_content_is_gone(world):
    made = take(world, photo=picture())
    request = made.heard.request
    file_id = request.photos[0]
    before = files.where(file_id).read_bytes()
    steps.cover(file_id=file_id, places=[(0.25, 0.25, 0.5, 0.5)], by=world.actor("吕部长"), at=AT)
    covered(file_id, before)
    request.refresh_from_db()
    assert request.photos == [file_id]
    assert Event.objects.filter(subject_id=request.pk, step="snap.cover").exists()


def test_a_photo_added_later_is_covered_though_its_row_may_never_change(world):
    made = take(world, photo=picture())
    request = made.heard.request
    loop.add_words(request_id=request.pk, by=loop_bearer(made), at=AT, text="再拍一张", photos=[picture(2)])
    remark = Remark.objects.exclude(photos=[]).get(request=request)
    with connection.cursor() as cur:
        cur.execute("SELECT current_user")
        assert cur.fetchone() == ("heli_app",)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Remark.objects.filter(pk=remark.pk).update(photos=[])
    before = files.where(remark.photos[0]).read_bytes()
    steps.cover(file_id=remark.photos[0], places=[(0, 0, 0.5, 0.5)], by=world.actor("吕部长"), at=AT)
    covered(remark.photos[0], before)


def covered(file_id, before):
    """The content is another, and its row says what lies on the disk."""
    row, now = StoredFile.objects.get(pk=file_id), files.where(file_id).read_bytes()
    assert now != before
    assert (row.sha256, row.size) == (hashlib.sha256(now).hexdigest(), len(now))
    with Image.open(io.BytesIO(now)) as image:
        assert image.size == (row.width, row.height)


def test_who_may_not_see_it_covers_nothing(world):
    made = take(world, photo=picture())
    with pytest.raises(NoFile):
        steps.cover(file_id=made.heard.request.photos[0], places=[], by=world.actor("吕部长"), at=AT)
    for who in ("外县人", "薛师傅", "曲科员"):
        with pytest.raises(NotFound):
            steps.cover(file_id=made.heard.request.photos[0], places=[(0, 0, 1, 1)], by=world.actor(who), at=AT)

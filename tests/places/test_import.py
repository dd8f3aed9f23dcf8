"""The table of areas goes in once, twice, in parts, and in a newer form."""

from __future__ import annotations

import datetime as dt
import lzma
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction

from heli.core.errors import Forbidden
from heli.core.models import Event
from heli.places import loading, queries, steps
from heli.places.errors import TableShrinks, TableUnreadable
from heli.places.models import Area, AreaChange, AreaCode, AreaRevision, Change
from tests.places.conftest import AT, keeper

DAY = dt.date(2026, 1, 1)
HEAD = "path,name,level,kind,initials\n"
SMALL = HEAD + (
    "15,内蒙古自治区,1,admin,nmgzzq\n1529,阿拉善盟,2,admin,alsm\n152922,阿拉善右旗,3,admin,alsyq\n"
    "152922100,巴丹吉林镇,4,admin,bdjlz\n152922100001,额肯呼都格社区居民委员会,5,admin,ekhdgsqjmwyh\n"
    "152922100498,巴丹吉林镇虚拟社区,5,virtual,bdjlzxnsq\n"
)


def table(tmp_path: Path, text: str, name: str = "areas.csv") -> Path:
    source = tmp_path / name
    source.write_bytes(lzma.compress(text.encode()) if name.endswith(".xz") else text.encode())
    return source


def test_the_shipped_table_is_whole() -> None:
    rows = loading.read(loading.TABLE)
    assert len(rows) == 665_276
    paths = {r[0] for r in rows}
    assert len(paths) == len(rows)
    assert all(p[: loading.PATH_LENGTH[int(level) - 1]] in paths for p, _n, level, *_ in rows if level != "1")
    letters = {r[0]: r[4] for r in rows}
    assert {p: letters[p] for p in ("370602", "370602003", "370602003006", "3502", "50", "371524", "371522")} == {
        "370602": "zfq", "370602003": "yhdjd", "370602003006": "dhysqjmwyh", "3502": "xms", "50": "cqs",
        "371524": "dex", "371522": "sx",
    }  # fmt: skip


def test_a_part_with_what_is_above_it(db: None) -> None:
    done = steps.import_areas(at=AT, under=("152921", "152922"))
    inside = Area.objects.filter(path__startswith="15")
    assert done.added == inside.count()
    assert set(inside.filter(level__lt=4).values_list("path", flat=True)) == {"15", "1529", "152921", "152922"}
    assert not inside.exclude(level=1).filter(parent=None).exists()
    street = Area.objects.filter(path__startswith="152921", level=4).first()
    assert (street.parent.path, street.code12) == ("152921", street.path + "000")
    assert Area.objects.get(path="1529").precision == "centroid"
    assert AreaCode.objects.filter(area__path="152921").count() == 0
    assert Area.objects.get(path="152921").names.get().name == "阿左旗"


def test_twice_changes_nothing_and_says_so(db: None) -> None:
    steps.import_areas(at=AT, under=("1529",))
    token, before = AreaRevision.objects.get().token, list(Area.objects.order_by("id").values())
    again = steps.import_areas(at=AT, under=("1529",))
    assert not again.changed
    assert again.total > 200
    assert AreaRevision.objects.get().token == token
    assert list(Area.objects.order_by("id").values()) == before
    event = Event.objects.filter(step="places.import").latest("id")
    assert (event.data["added"], event.data["total"]) == (0, again.total)


def test_progress_reaches_its_end(db: None) -> None:
    seen: list[tuple[int, int]] = []
    steps.import_areas(at=AT, under=("1529",), progress=lambda done, total: seen.append((done, total)))
    assert [s[0] for s in seen] == sorted(s[0] for s in seen)
    assert seen[-1][0] == seen[-1][1]


def test_a_newer_table_renames_adds_and_ends(db: None, tmp_path: Path) -> None:
    steps.import_areas(at=AT, source=table(tmp_path, SMALL))
    newer = SMALL.replace("额肯呼都格社区居民委员会", "额肯社区居民委员会").replace(
        "152922100498,巴丹吉林镇虚拟社区,5,virtual,bdjlzxnsq\n", "152922100002,赛汗社区居委会,5,admin,shsqjwh\n"
    )
    done = steps.import_areas(at=AT, source=table(tmp_path, newer, "newer.csv.xz"), since=DAY)
    assert (done.added, done.renamed, done.gone) == (1, 1, 1)
    gone = Area.objects.get(path="152922100498")
    assert gone.valid_to == DAY
    assert Area.objects.get(path="152922100002").valid_from == DAY
    renamed = Area.objects.get(path="152922100001")
    assert (renamed.short_name, renamed.initials) == ("额肯社区", "ekhdgsqjmwyh")
    kinds = set(AreaChange.objects.filter(area__path__startswith="152922").values_list("kind", "basis"))
    assert kinds == {("added", "newer.csv.xz"), ("renamed", "newer.csv.xz"), ("gone", "newer.csv.xz")}
    back = steps.import_areas(at=AT, source=table(tmp_path, SMALL), since=DAY)
    assert (back.back, back.gone, back.renamed) == (1, 1, 1)
    assert Area.objects.get(path="152922100498").valid_to is None


def test_what_people_corrected_moved_or_ended_stays(db: None, tmp_path: Path) -> None:
    source = table(tmp_path, SMALL)
    steps.import_areas(at=AT, source=source)
    one = keeper("15")
    village = Area.objects.get(path="152922100001")
    steps.correct_name(area_id=village.pk, name="额肯社区居民委员会", by=one, at=AT, basis="旗政府公告")
    other = steps.add_area(parent_id=Area.objects.get(path="152922").pk, name="曼德拉镇", by=one, at=AT, basis="x")
    steps.move_area(area_id=village.pk, parent_id=other.pk, by=one, at=AT, basis="x")
    virtual = Area.objects.get(path="152922100498")
    steps.end_area(area_id=virtual.pk, on=DAY, by=one, at=AT, basis="x")
    assert not steps.import_areas(at=AT, source=source).changed
    village.refresh_from_db()
    assert (village.name, village.official_name) == ("额肯社区居民委员会", "额肯呼都格社区居民委员会")
    assert village.parent == other
    virtual.refresh_from_db()
    assert virtual.valid_to == DAY
    renamed = steps.import_areas(at=AT, source=table(tmp_path, SMALL.replace("额肯呼都格", "额肯呼都")), since=DAY)
    assert renamed.renamed == 1
    village.refresh_from_db()
    assert (village.name, village.official_name) == ("额肯社区居民委员会", "额肯呼都社区居民委员会")


def test_a_number_given_by_hand_is_taken_over_by_the_table(db: None, tmp_path: Path) -> None:
    steps.import_areas(at=AT, source=table(tmp_path, SMALL))
    street = Area.objects.get(path="152922100")
    made = steps.add_area(
        parent_id=street.pk, name="新社区居民委员会", code="152922100003", by=keeper("15"), at=AT, basis="x"
    )
    newer = SMALL + "152922100003,新社区居民委员会,5,admin,xsqjmwyh\n"
    done = steps.import_areas(at=AT, source=table(tmp_path, newer))
    assert done.added == 0
    made.refresh_from_db()
    assert made.code12 == "152922100003"


def test_half_a_table_does_not_end_the_other_half(db: None, tmp_path: Path) -> None:
    steps.import_areas(at=AT, under=("1529",))
    open_before = Area.objects.open().count()
    with pytest.raises(TableShrinks):
        steps.import_areas(at=AT, source=table(tmp_path, SMALL))
    assert Area.objects.open().count() == open_before
    done = steps.import_areas(at=AT, source=table(tmp_path, SMALL), shrink=True)
    assert done.gone > 200
    assert Area.objects.open().filter(path__startswith="3706").exists()  # the table says nothing of other provinces


@pytest.mark.parametrize(
    "text",
    [
        "code,name\n37,山东省\n",
        HEAD + "37,山东省,1\n",
        HEAD + "370,山东省,1,admin,s\n",
        HEAD + "37,山东省,9,admin,s\n",
        HEAD + "37,,1,admin,s\n",
        HEAD + "3x,山东省,1,admin,s\n",
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(db: None, tmp_path: Path, text: str) -> None:
    with pytest.raises(TableUnreadable) as caught:
        steps.import_areas(at=AT, source=table(tmp_path, text))
    assert caught.value.slots["line"] == (1 if text.startswith("code") else 2)


def test_bytes_that_are_no_table_are_refused(db: None, tmp_path: Path) -> None:
    source = tmp_path / "areas.csv.xz"
    source.write_bytes(b"\x00\x01\x02")
    with pytest.raises(TableUnreadable):
        steps.import_areas(at=AT, source=source)


def test_only_who_manages_the_whole_country_may_import(db: None) -> None:
    with pytest.raises(Forbidden):
        steps.import_areas(by=keeper("37"), at=AT, under=("1529",))


# What the database itself refuses ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        {"level": 7},
        {"level": 3},  # not below its parent
        {"path": "371602003006"},  # outside its parent
        {"path": "370602003"},  # as long as its parent
        {"path": "370602003 06"},
        {"kind": "castle"},
        {"parent": None},
        {"lat": 37, "lon": None},
        {"lat": 80, "lon": 121},
        {"valid_from": dt.date(2026, 1, 2), "valid_to": dt.date(2026, 1, 1)},
    ],
    ids=str,
)
def test_the_database_keeps_the_tree_whole(db: None, change: dict[str, object]) -> None:
    area = Area.objects.get(path="370602003006")
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.filter(pk=area.pk).update(**change)
        connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_an_area_is_not_its_own_parent(db: None) -> None:
    area = Area.objects.get(path="370602003006")
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.filter(pk=area.pk).update(parent=area)


def test_two_areas_cannot_share_a_path(db: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Area.objects.filter(path="370602003006").update(path="370602003005")


def test_history_cannot_be_rewritten(db: None) -> None:
    area = Area.objects.get(path="370602003006")
    steps.drop_pin(area_id=area.pk, lat=37.5401, lon=121.3835, by=keeper("370602"), at=AT)
    change = AreaChange.objects.get(area=area, kind=Change.PINNED)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        AreaChange.objects.filter(pk=change.pk).update(basis="x")
    assert queries.changes(area)[0] == change

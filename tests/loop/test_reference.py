"""Files of reference data, and what people here changed by hand since."""

from __future__ import annotations

import datetime as dt

import pytest
import yaml

from heli.loop import duty, reference
from heli.loop.models import Category, DutyRow
from heli.loop.steps.reference import put_category
from tests.loop.told import AT, PAVEMENT
from tests.world import DUTY

NIGHT = dt.datetime(2026, 11, 18, 17, 30, tzinfo=dt.UTC)  # half past one the next morning here


def test_the_same_files_twice_change_nothing(world):
    assert reference.import_categories(at=AT) == reference.Brought(0, 0, 0)
    assert reference.import_duty(at=AT, path=DUTY) == reference.Brought(0, 0, 0)


def test_a_category_changed_by_hand_keeps_its_words(world):
    put_category(
        code=PAVEMENT,
        words=["塌陷", "坑"],
        urgency="urgent",
        closed=False,
        by=world.actor("姜管理"),
        at=AT,
        reason="方言",
    )
    assert reference.import_categories(at=AT) == reference.Brought(0, 0, 1)
    kept = Category.objects.get(code=PAVEMENT)
    assert (kept.words, kept.urgency) == (["塌陷", "坑"], "urgent")


@pytest.mark.parametrize("ended", [False, True])
def test_a_duty_row_written_or_ended_by_hand_stays(world, ended):
    row = DutyRow.objects.filter(valid_to=None, unit__isnull=False, level=3).order_by("id").first()
    jiang, values = world.actor("姜管理"), {"area": row.area, "category_id": row.category_id, "level": row.level}
    if ended:
        duty.end_row(row_id=row.pk, by=jiang, at=AT, reason="职责划转")
    else:
        duty.put_row(by=jiang, at=AT, number="手 1", unit_id=row.unit_id, citation="会议纪要〔2026〕3 号", **values)
    assert reference.import_duty(at=AT, path=DUTY) == reference.Brought(0, 0, 1)
    now = DutyRow.objects.filter(valid_to=None, **values)
    assert [r.number for r in now] == ([] if ended else ["手 1"])


def test_a_row_changed_in_the_file_begins_on_the_day_it_is_here(world, tmp_path):
    data = reference.read(DUTY)
    data["rows"][0]["note"] = "另有说明"
    changed = tmp_path / "duty.yaml"
    changed.write_text(yaml.safe_dump(data, allow_unicode=True))
    assert reference.import_duty(at=NIGHT, path=changed) == reference.Brought(1, 1, 0)
    assert DutyRow.objects.get(note="另有说明").valid_from == dt.date(2026, 11, 19)

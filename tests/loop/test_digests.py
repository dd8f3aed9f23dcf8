"""Weekly digests: made once by rule, stable, open their rows, name nobody, and are seen by those they are of."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.loop import steps
from heli.loop.oversight_models import Digest
from heli.loop.steps import digests
from tests.database import race
from tests.loop.staff import counted, log_in, text_of
from tests.loop.told import AT, tell
from tests.world import CAST, COUNTY

pytestmark = pytest.mark.usefixtures("at_noon")
WEEK = dt.date(2026, 11, 9)
IN_WEEK = AT - dt.timedelta(days=5)
MONDAY = dt.datetime(2026, 11, 16, 7, 1, tzinfo=AT.tzinfo)


def test_a_week_is_made_once_and_stays(world):
    told = tell(world, at=IN_WEEK).answered()
    late = tell(world, at=IN_WEEK)
    late.dispatch()
    assert digests.compose_due(MONDAY - dt.timedelta(minutes=2)) == 0, "not before its hour"
    made = digests.compose_due(MONDAY)
    assert made == Digest.objects.count() > 5 and digests.compose_due(MONDAY + dt.timedelta(days=2)) == 0
    area = Digest.objects.get(area_path=COUNTY, unit=None)
    assert area.week == WEEK and sorted(area.figures["received"]["rows"]) == [told.request_id, late.request_id]
    assert area.figures["on_time"] == {"n": 1, "rows": [told.request_id]}
    assert area.figures["late_accept"]["rows"] == [late.request_id]
    unit = Digest.objects.get(unit=world.org("城管局"))
    assert unit.figures["received"]["n"] == 2
    steps.accept(dispatch_id=late.lead.pk, by=world.actor("于科员"), at=late.later(1))
    area.refresh_from_db()
    assert area.figures["late_accept"]["n"] == 1, "a past week stays as it was counted"


def test_two_workers_make_one(fire_db, world):
    args = {"week": WEEK, "area_path": COUNTY, "unit_id": None, "at": MONDAY}
    made = race(lambda: digests.compose(**args), lambda: digests.compose(**args))
    assert sorted(m is None for m in made) == [False, True] and Digest.objects.count() == 1


@pytest.mark.parametrize(
    ("who", "of"),
    [("吕部长", {"芝罘区"}), ("于科员", {"城管局"}), ("外县人", {"莱山城管局"}), ("韩网格", {"大海阳社区"})],
)
def test_each_sees_their_own(world, who, of):
    tell(world, at=IN_WEEK).answered()
    digests.compose_due(MONDAY)
    client = log_in(world, who)
    page, n = counted(lambda: client.get("/loop/digest/"))
    assert n <= 8 and {d["of"] for d in page.context["page"].rows} == of
    pk = page.context["page"].rows[0]["digest"].pk
    shown = text_of(client.get(f"/loop/digest/{pk}/"))
    body = shown[shown.index("<main") : shown.index("</main")]
    assert not [c.name for c in CAST if c.name in body], "no person is named"
    others = Digest.objects.exclude(pk__in=[d["digest"].pk for d in page.context["page"].rows])
    assert {client.get(f"/loop/digest/{d.pk}/").status_code for d in others} == {404}


def test_a_figure_opens_its_rows(world):
    told = tell(world, at=IN_WEEK).answered()
    digests.compose_due(MONDAY)
    pk = Digest.objects.get(area_path=COUNTY, unit=None).pk
    lv: Any = log_in(world, "吕部长")
    rows, n = counted(lambda: lv.get(f"/loop/digest/{pk}/on_time/"))
    assert n <= 8 and told.request.code in text_of(rows)
    assert lv.get(f"/loop/digest/{pk}/nonsense/").status_code == 404
    card = text_of(lv.get("/"))
    assert "/loop/digest/" in card

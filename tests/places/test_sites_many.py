"""Ten thousand sites: the map's squares agree with a recount, its answers stay small, and pages cost few statements."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test import Client

from heli.places import site_queries as queries
from heli.places.models import Area
from heli.places.site_queries import ACROSS, Wanted
from heli.places.sites import Site
from tests.world import COMMUNITY

MANY = 10_000
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def many(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Rows laid straight into the table, in one transaction that is rolled back."""
    rng = random.Random(7)
    with django_db_blocker.unblock(), transaction.atomic():
        area = Area.objects.get(path=COMMUNITY)
        sites = Site.objects.bulk_create((
            Site(
                name=f"站{n:05d}", area=area, area_path=COMMUNITY, address="路", lat=37.53 + rng.gauss(0, 0.05),
                lon=121.38 + rng.gauss(0, 0.07), services=rng.sample(["water", "rest", "wifi"], 2), kind="station",
                valid_from=dt.date(2026, 1, 1), changed_at=NOON,
            )
            for n in range(MANY)
            ), batch_size=1000,
        )  # fmt: skip
        first = min(s.pk for s in sites)
        with connection.cursor() as cur:
            cur.execute(
                "INSERT INTO places_siteperiod (site_id, weekday, opens, closes)"
                " SELECT s.id, d, 480, CASE WHEN (s.id - %s) %% 3 <> 0 THEN 1080 ELSE 600 END"
                " FROM places_site s, generate_series(0, 6) d WHERE s.id >= %s",
                [first, first],
            )
            cur.execute("ANALYZE places_site")
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(("bbox", "zoom"), [
    ("121.1,37.3,121.7,37.8", 10), ("121.36,37.51,121.40,37.55", 14), ("121.379,37.529,121.381,37.531", 18),
    ("73,3,136,54", 19), ("121.38,37.53,121.39,37.54", 0),
])  # fmt: skip
def test_squares_agree_with_a_recount(many: None, bbox: str, zoom: int) -> None:
    box = queries.box(bbox, str(zoom))
    found = queries.squares(Wanted(), box, NOON)
    wide, high = box.squares
    counted: Counter[tuple[int, int]] = Counter()
    for lat, lon in Site.objects.values_list("lat", "lon"):
        if box.south <= lat <= box.north and box.west <= lon <= box.east:
            counted[math.floor(lon / wide), math.floor(lat / high)] += 1
    assert sorted(s.count for s in found) == sorted(counted.values())
    assert len(found) <= (ACROSS + 1) ** 2
    assert all((s.site_id is not None) == (s.count == 1) and 0 <= s.open <= s.count for s in found)


def test_open_ones_are_counted_in_their_squares(many: None) -> None:
    found = queries.squares(Wanted(), queries.box("73,3,136,54", "5"), NOON)
    assert sum(s.count for s in found) == MANY
    assert sum(s.open for s in found) == sum(1 for n in range(MANY) if n % 3)
    only = queries.squares(Wanted(open=True, services=("wifi",)), queries.box("73,3,136,54", "5"), NOON)
    assert (
        sum(s.count for s in only)
        == Site.objects.filter(services__contains=["wifi"]).open_at(queries.local(NOON)).count()
    )


@pytest.mark.parametrize("query", ["bbox=73,3,136,54&zoom=19", "bbox=121.1,37.3,121.7,37.8&zoom=15&open=1", "bbox=x&zoom=y", "",
                                   "bbox=nan,1,2,3&zoom=99", "bbox=1,1,2,2&zoom=5", "bbox=121,37,120,36&zoom=-4"])  # fmt: skip
def test_the_answer_of_the_map_is_bounded(many: None, query: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        answer = Client().get(f"/sites/points/?{query}")
    assert answer.status_code == 200
    assert len(json.loads(answer.content)["squares"]) <= (ACROSS + 1) ** 2
    assert len(answer.content) < 150_000


def test_pages_of_the_map_cost_few_statements(many: None, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(8):
        assert Client().get("/sites/?open=1&service=wifi").status_code == 200  # how many are open depends on the hour
    with django_assert_max_num_queries(8):
        page = Client().get("/sites/?service=wifi")
    assert page.status_code == 200 and page.content.count(b"<b>\xe7\xab\x99") == queries.PAGE
    with django_assert_max_num_queries(8):
        near = Client().post("/sites/near/", {"lat": "37.53", "lon": "121.38"})
    assert near.status_code == 200 and len(near.content) < 100_000


def test_paging_meets_each_site_once(many: None) -> None:
    seen: list[int] = []
    after: str | None = None
    for _page in range(4):
        page = queries.listed(Wanted(), NOON, after=after)
        seen += [r.site.pk for r in page.rows]
        after = page.next
    assert len(seen) == len(set(seen)) == 4 * queries.PAGE

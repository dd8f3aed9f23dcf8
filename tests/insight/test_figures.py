"""What everybody may read: the same counts, small numbers hidden, and the formula beside them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from heli.insight import open_figures, queries, refresh
from heli.loop import rates
from heli.loop.models import Exclusion
from heli.loop.rates import Rate
from tests.insight.county import DAHAIYANG, DAY, DONGSHAN, NOW, YUDONG, county, leave_out, recount, second_supervisor
from tests.loop.told import tell

COUNTY = "370602"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


def many(world: Any, good: int, bad: int, *, path: str = YUDONG) -> list[Any]:
    """Answered and judged: `good` solved and satisfied, `bad` neither."""
    made = []
    for n in range(good + bad):
        told = tell(
            world, f"第 {n} 盏路灯不亮，晚上看不清台阶", at=NOW - 9 * (NOW - NOW.replace(hour=9)), area_path=path
        ).answered()
        told.judge("yes" if n < good else "partly", 5 if n < good else 2)
        made.append(told)
    return made


def test_the_figures_are_recounts(world):
    second_supervisor(world)
    county(world)
    many(world, 12, 6)
    f = queries.figures(COUNTY, 30, NOW)
    counts = f.whole.counts
    assert counts["counted"] == recount("counted", COUNTY) and counts["open"] == recount("open", COUNTY)
    by_key = {r.key: r for r in f.rates}
    solved = by_key["resolution"]
    assert (solved.said, solved.part, solved.whole) == (
        "exact",
        recount("solved", COUNTY),
        recount("answered_solved", COUNTY),
    )
    assert counts["excluded"] is None and recount("excluded", COUNTY) == 1  # one: not told
    assert counts["unrated"] is None and recount("unrated", COUNTY) == 1


def test_the_page_says_how_it_is_counted_and_links_the_rules(world):
    many(world, 12, 6)
    page = Client().get("/board/public/").content.decode()
    assert "66.7%" in page and "12 / 18" in page
    assert 'href="/rules/' in page and "第 1 版" in page
    assert "少于 5 件" in page and "不公布" in page


def test_small_numbers_are_not_told(world):
    many(world, 3, 1)
    page = Client().get(f"/board/public/{YUDONG}/")
    f = page.context["f"]
    assert f.whole.counts["counted"] is None and all(r.said == "too_few" for r in f.rates)
    assert "少于 5 件" in page.content.decode() and "75.0%" not in page.content.decode()


@pytest.mark.parametrize(
    ("count", "of", "said"),
    [
        (0, 0, "nothing"),
        (2, 4, "too_few"),
        (3, 40, "few"),
        (38, 40, "nearly"),
        (40, 40, "exact"),
        (0, 40, "exact"),
        (35, 40, "exact"),
    ],
)
def test_neither_a_small_part_nor_a_small_rest_is_told(count, of, said):
    shown = queries.OpenRate.of(Rate("resolution", "", count, of, "", "", None))  # type: ignore[arg-type]
    assert shown.said == said
    assert shown.part == (count if said == "exact" else 0)


def test_exclusions_are_told_by_reason_in_counts(world):
    second_supervisor(world)
    made = many(world, 12, 0)
    for n, told in enumerate(made):
        leave_out(world, told.request_id, "court" if n < 7 else "untrue")
    f = queries.figures(COUNTY, 30, NOW)
    assert f.whole.counts["excluded"] == 12
    assert {str(k): n for _code, k, n in f.reasons} == {
        str(dict(Exclusion.REASONS)[k]): n for k, n in (("court", 7), ("untrue", 5))
    }
    page = Client().get("/board/public/").content.decode()
    assert "经查不属实" in page and "<b>7</b> 件" in page and "<b>12</b> 件" in page


def test_anybody_reads_any_area_but_only_known_ones(world):
    client = Client()
    for path in (COUNTY, "3706", "37", DAHAIYANG):
        assert client.get(f"/board/public/{path}/").status_code == 200
    for path in ("999999", "37060200399", "x" * 30, "%00"):
        assert client.get(f"/board/public/{path}/").status_code == 404, path


def test_no_request_and_no_person_stands_on_the_public_page(world):
    told = many(world, 6, 0)[0]
    page = Client().get(f"/board/public/{YUDONG}/").content.decode()
    assert told.request.code not in page and "王桂兰" not in page and "/loop/" not in page


def test_the_public_page_costs_few_statements(world):
    second_supervisor(world)
    county(world)
    refresh.rebuild(NOW)
    unit = f"/board/public/unit/{world.org('城管局').pk}/"
    for url, most in (
        ("/board/public/", 8),
        (f"/board/public/{DAHAIYANG[:9]}/", 8),
        (unit, 5),
        (f"{unit}figures.json", 5),
    ):
        Client().get(url)
        with CaptureQueriesContext(connection) as asked:
            assert Client().get(url).status_code == 200
        assert len(asked) <= most, (url, [q["sql"][:90] for q in asked.captured_queries])


def test_the_first_page_gets_two_numbers_or_none(world):
    assert queries.home_figures(COUNTY, NOW) is None
    many(world, 12, 6)
    found = queries.home_figures(COUNTY, NOW)
    assert found is not None
    solved = found.stats[0]
    assert (
        (solved.value, solved.url) == (12, f"/board/public/{COUNTY}/")
        and "18" in str(solved.unit)
        and "67%" in str(solved.unit)
    )
    refresh.rebuild(NOW)
    with CaptureQueriesContext(connection) as asked:
        queries.home_figures(COUNTY, NOW)
    assert len(asked) == 2


def test_the_span_begins_at_local_midnight():
    since, until = rates.span(NOW, 7)
    assert (since.isoformat(), until.isoformat()) == ("2026-11-18T00:00:00+08:00", "2026-11-25T00:00:00+08:00")


# Units, doors, files -----------------------------------------------------------------------------------------------------
def test_a_unit_counts_what_it_holds_and_the_area_lists_it(world):
    many(world, 12, 6)
    refresh.rebuild(NOW)
    unit = world.org("城管局")
    page = Client().get(f"/board/public/unit/{unit.pk}/")
    f = page.context["f"]
    assert f.whole.counts["counted"] == 18 and f.whole.rates["resolution"].part == 12
    assert "12 / 18" in page.content.decode()
    area = Client().get("/board/public/").context["f"]
    row = next(x for x in area.units if x.name == unit.short_name)
    assert row.counts == f.whole.counts and row.rates == f.whole.rates
    assert Client().get("/board/public/unit/999999999/").status_code == 404
    tell(world, "楼顶广告牌松动", at=NOW - DAY, area_path=DONGSHAN).dispatch("住建局")
    units = Client().get("/board/public/").context["f"].units
    assert [x.counts["counted"] for x in units] == [None, None], "the county's total less the one would be the other"
    assert Client().get(f"/board/public/unit/{unit.pk}/").context["f"].whole.counts["counted"] is None


def test_the_doors_are_parts_of_the_whole(world):
    many(world, 12, 6)
    for n in range(7):
        tell(world, f"第 {n} 处井盖松了", at=NOW - DAY, area_path=YUDONG, kind="snap", phone=f"1380001{n:04d}")
    f = queries.figures(COUNTY, 30, NOW)
    doors = {x.key: x.counts["counted"] for x in f.doors}
    assert doors == {"plain": 18, "snap": 7, "wish": 0, "suggestion": 0} and f.whole.counts["counted"] == 25
    street = queries.figures(YUDONG[:9], 30, NOW)
    assert not street.doors and not street.reasons, "by street as well, one could be worked out from the others"


def test_the_files_say_what_the_page_says(world):
    many(world, 12, 6)
    f = queries.figures(COUNTY, 30, NOW)
    got = json.loads(Client().get(f"/board/public/{COUNTY}/figures.json").content)
    by = {(r["table"], r["code"], r["measure"]): r for r in got["figures"]}
    assert by["whole", COUNTY, "counted"]["value"] == f.whole.counts["counted"] == 18
    solved = by["whole", COUNTY, "resolution"]
    assert (solved["value"], solved["out_of"], solved["formula_version"]) == (12, 18, 1)
    assert solved["citation"] and got["computed_at"] and got["withheld_below"] == 5
    rows = list(
        csv.DictReader(io.StringIO(Client().get(f"/board/public/{COUNTY}/figures.csv").content.decode("utf-8-sig")))
    )
    assert len(rows) == len(got["figures"])
    for r in rows:
        kept = by[r["table"], r["code"], r["measure"]]
        assert r["value"] == ("" if kept["value"] is None else str(kept["value"])) and r["withheld"] == str(
            kept["withheld"]
        )
    book = load_workbook(io.BytesIO(Client().get(f"/board/public/{COUNTY}/figures.xlsx").content))
    assert book.worksheets[0].max_row == len(rows) + 1 and book["README"].max_row >= 8
    assert Client().get(f"/board/public/{COUNTY}/figures.pdf").status_code == 404


def test_what_is_withheld_is_withheld_in_every_file_and_on_every_page(world):
    many(world, 20, 0, path=YUDONG)
    many(world, 3, 0, path=DONGSHAN)
    many(world, 6, 0, path=DAHAIYANG)
    refresh.rebuild(NOW)
    county = queries.figures(COUNTY, 30, NOW)
    inside = {x.key: x.counts["counted"] for x in county.inside}
    assert county.whole.counts["counted"] == 29
    assert inside[DONGSHAN[:9]] is None and inside[YUDONG[:9]] is None, (
        "three, and the other one, or it could be taken away"
    )
    street = queries.figures(YUDONG[:9], 30, NOW)
    assert street.whole.counts["counted"] is None, "the street's own page keeps back what the county's does"
    assert None in {x.counts["counted"] for x in street.inside}, "and is not the sum of what it tells"
    text = Client().get(f"/board/public/{COUNTY}/figures.csv").content.decode()
    line = next(x for x in text.splitlines() if x.startswith(f"inside,{DONGSHAN[:9]},") and ",counted," in x)
    assert ",,,True," in line


def test_a_few_requests_next_door_do_not_hide_the_county_that_is_served(world):
    many(world, 20, 0)
    tell(world, "莱山的一件", at=NOW - DAY, area_path="370613")
    refresh.rebuild(NOW)
    assert queries.figures(COUNTY, 30, NOW).whole.counts["counted"] == 20
    city = queries.figures("3706", 30, NOW)
    assert city.whole.counts["counted"] is None, "the city's total would tell the neighbour's one"
    assert {x.key: x.counts["counted"] for x in city.inside}["370613"] is None
    assert queries.figures("37", 30, NOW).whole.counts["counted"] is None


def test_recount_prints_no_difference(world):
    second_supervisor(world)
    county(world)
    many(world, 6, 2)
    refresh.rebuild(NOW)
    for path in (COUNTY, "3706", YUDONG[:9], YUDONG):
        found = open_figures.recount(path, 30, NOW)
        assert found and all(a == b for a, b in found.values()), (path, found)
        for name in ("counted", "open", "overdue", "unrated", "excluded", "solved", "replied_or_overdue"):
            assert found[name][0] == recount(name, path), (path, name)

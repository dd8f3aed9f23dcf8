"""What everybody may read: the same counts, small numbers hidden, and the formula beside them."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from heli.insight import queries, refresh
from heli.loop import rates
from heli.loop.models import Exclusion
from heli.loop.rates import Rate
from tests.insight.county import DAHAIYANG, NOW, YUDONG, county, leave_out, recount, second_supervisor
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
    assert f.received == recount("counted", COUNTY) and f.open == recount("open", COUNTY)
    by_key = {r.key: r for r in f.rates}
    solved = by_key["resolution"]
    assert (solved.said, solved.part, solved.whole) == (
        "exact",
        recount("solved", COUNTY),
        recount("answered_solved", COUNTY),
    )
    assert f.excluded is None and recount("excluded", COUNTY) == 1  # one: not told
    assert f.unrated is None and recount("unrated", COUNTY) == 1


def test_the_page_says_how_it_is_counted_and_links_the_rules(world):
    many(world, 12, 6)
    page = Client().get("/board/public/").content.decode()
    assert "66.7%" in page and "12 / 18" in page
    assert 'href="/rules/' in page and "第 1 版" in page
    assert "1 到 4 件的数不公布" in page


def test_small_numbers_are_not_told(world):
    many(world, 3, 1)
    page = Client().get(f"/board/public/{YUDONG}/")
    f = page.context["f"]
    assert f.received is None and all(r.said == "too_few" for r in f.rates)
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


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 30)))
def test_a_hidden_part_cannot_be_found_by_subtraction(cells):
    shown = queries.published(cells)
    assert shown.keys() == cells.keys()
    assert all(n is None for k, n in shown.items() if queries.hidden(cells[k]))
    hidden = [k for k, n in shown.items() if n is None]
    told = [k for k, n in cells.items() if n and k not in hidden]
    assert len(hidden) != 1 or not told  # alone hidden only where nothing else could be taken away


def test_exclusions_are_told_by_reason_in_counts(world):
    second_supervisor(world)
    made = many(world, 12, 0)
    for n, told in enumerate(made):
        leave_out(world, told.request_id, "court" if n < 7 else "untrue")
    f = queries.figures(COUNTY, 30, NOW)
    assert f.excluded == 12
    assert {str(k): n for k, n in f.reasons} == {
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
    with CaptureQueriesContext(connection) as asked:
        assert Client().get("/board/public/").status_code == 200
    assert len(asked) <= 5, [q["sql"][:90] for q in asked.captured_queries]


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

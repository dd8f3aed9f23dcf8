"""What stands out: people against their own baseline, month after month, each matter once, the same however often."""

from __future__ import annotations

import math

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from heli.core.errors import Forbidden, Invalid, NotFound
from heli.insight import candidates
from heli.insight import problem_steps as steps
from heli.insight.candidates import Found, Limits, Seen
from heli.insight.models import Candidate, Problem
from heli.loop.models import Request
from tests.insight.county import DAHAIYANG, DAY, DONGSHAN, NOW, YUDONG
from tests.insight.water import NO_WATER, long_heard, named, person, water
from tests.loop.told import tell

COUNTY = "370602"
LIMITS = Limits(window=28, baseline=364, least=5, surprise=1000, recurring=6, again=150)


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 25), st.integers(0, 100))
def test_the_tail_is_that_of_the_gamma_mixture(seen, before):
    """The negative binomial is a Poisson whose rate has the gamma law of the baseline: integrated here by hand."""
    shape, windows = before + 0.5, 13
    steps_, top = 1500, (before + 40 + 12 * math.sqrt(before + 1)) / windows
    total = mass = 0.0
    for i in range(1, steps_):
        # substituting rate = top * (i/steps)² takes the edge at zero away
        u = i / steps_
        rate, weight = top * u * u, 2 * u
        density = math.exp(
            shape * math.log(windows) + (shape - 1) * math.log(rate) - windows * rate - math.lgamma(shape)
        )
        below = sum(math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(seen))
        mass += density * weight
        total += density * weight * (1 - below)
    assert candidates.tail(seen, before, windows) == pytest.approx(total / mass, abs=5e-3)


def test_people_are_counted_not_requests_and_the_baseline_matters():
    quiet = Seen({0: 6}, {0: 6})
    usual = Seen(dict.fromkeys(range(14), 6), dict.fromkeys(range(14), 6))
    found = candidates.judged((DAHAIYANG, 1), quiet, LIMITS, 13)
    assert found is not None and found.why == "surge" and found.odds < 1 / 1000
    again = candidates.judged((DAHAIYANG, 1), usual, LIMITS, 13)
    assert candidates.judged((DAHAIYANG, 1), quiet, LIMITS, 0.1) is None, "a young system does not know what is usual"
    assert again is not None and again.why == "recurring" and again.expected == 6.0
    assert candidates.judged((DAHAIYANG, 1), Seen({0: 4}, {0: 40}), LIMITS, 13) is None, "four people, however often"


def test_each_matter_once_where_most_of_its_people_are():
    def one(path: str, people: int) -> Found:
        return Found(path, 1, "surge", people, people, 0.0, 0.0, [people])

    most = [one(DAHAIYANG, 8), one(DAHAIYANG[:9], 9), one(COUNTY, 10)]
    assert [f.area_path for f in candidates.smallest(most)] == [DAHAIYANG]
    spread = [one(DAHAIYANG, 6), one(YUDONG, 6), one(DAHAIYANG[:9], 30), one(COUNTY, 32)]
    assert [f.area_path for f in candidates.smallest(spread)] == [DAHAIYANG[:9]]


def test_water_in_one_community_becomes_a_candidate(world):
    long_heard(world)
    water(world, 6)
    for _ in range(7):  # one person, seven times
        tell(world, "东山又停水", at=NOW - DAY, area_path=DONGSHAN, category=NO_WATER, **person(99))
    assert candidates.refresh(NOW) == 1
    c = Candidate.objects.get()
    assert (c.area_path, c.category.code, c.people, c.requests) == (DAHAIYANG, NO_WATER, 6, 6)
    assert c.why == "surge" and c.periods[-1] == 6 and sum(c.periods[:-1]) == 0


def test_what_is_usual_there_is_no_surge(world):
    long_heard(world)
    for month in range(1, 14):
        water(world, 6, at=NOW - 28 * DAY * month, first=10 * month, days=20)
    water(world, 6)
    candidates.refresh(NOW)
    c = Candidate.objects.get()
    assert c.why == "recurring" and c.expected == 6.0 and c.periods == [6] * 14
    assert named(world, candidate_id=c.pk).usual == 0, "what came month after month was a problem all the while"


def test_counted_again_it_is_the_same_and_agrees_with_plain_sql(world):
    long_heard(world)
    water(world, 6)
    water(world, 3, at=NOW - 40 * DAY)
    kept = candidates.counted(COUNTY, LIMITS, NOW)
    for (area, category), seen in kept.items():
        for win, people in seen.people.items():
            with connection.cursor() as cur:
                cur.execute(
                    "SELECT count(DISTINCT d.phone_index) FROM loop_request r, loop_voice v, core_vaultrecord d"
                    " WHERE v.request_id = r.id AND d.id = v.record_id AND r.area_path LIKE %s AND r.category_id = %s"
                    " AND r.heard_at > %s AND r.heard_at <= %s",
                    [f"{area}%", category, NOW - 28 * DAY * (win + 1), NOW - 28 * DAY * win],
                )
                assert cur.fetchone()[0] == people
    candidates.refresh(NOW)
    fields = ("area_path", "category_id", "people", "requests", "expected", "odds", "periods", "found_at")
    was = list(Candidate.objects.values_list(*fields))
    candidates.refresh(NOW)
    assert list(Candidate.objects.values_list(*fields)) == was
    Candidate.objects.all().delete()
    candidates.refresh(NOW)
    assert list(Candidate.objects.values_list(*fields)) == was


def test_what_was_withdrawn_or_declined_is_not_said(world):
    long_heard(world)
    told = water(world, 6)
    from heli.loop import steps as loop

    for one in told[:2]:
        loop.withdraw(request_id=one.request_id, by=one.resident, at=NOW)
    assert candidates.refresh(NOW) == 0


def test_a_county_costs_one_count(world):
    water(world, 6)
    with CaptureQueriesContext(connection) as asked:
        candidates.counted(COUNTY, LIMITS, NOW)
    assert len(asked) == 1


def test_a_dismissed_one_is_quiet_until_clearly_more_say_it(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    c = Candidate.objects.get()
    with pytest.raises(Invalid):
        steps.dismiss(candidate_id=c.pk, by=world.actor("吕部长"), at=NOW, reason=" ")
    with pytest.raises(NotFound):
        steps.dismiss(candidate_id=c.pk, by=world.actor("外县人"), at=NOW, reason="无关")
    with pytest.raises((Forbidden, NotFound)):
        steps.dismiss(candidate_id=c.pk, by=world.actor("于科员"), at=NOW, reason="无关")
    steps.dismiss(candidate_id=c.pk, by=world.actor("吕部长"), at=NOW, reason="计划检修，已贴通知")
    water(world, 2, first=20)
    candidates.refresh(NOW)
    c.refresh_from_db()
    assert c.people == 8 and c.dismissed_at is not None
    water(world, 1, first=30)
    candidates.refresh(NOW)
    c.refresh_from_db()
    assert c.people == 9 and c.dismissed_at is None and c.dismissed_reason == ""


def test_what_is_in_hand_is_no_candidate_any_more(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    named(world, candidate_id=Candidate.objects.get().pk)
    assert not Candidate.objects.exists()
    assert candidates.refresh(NOW) == 0
    Problem.objects.update(state="closed", closed_at=NOW)
    assert candidates.refresh(NOW + DAY) == 0, "what was said before it was closed makes no new one"
    long_heard(world, NOW + 30 * DAY)
    water(world, 6, at=NOW + 30 * DAY, first=40)
    assert candidates.refresh(NOW + 30 * DAY) == 1


def test_after_a_closing_months_count_anew():
    often = Found(DAHAIYANG, 1, "recurring", 6, 6, 6.0, 1.0, [6] * 14)
    then = [candidates._since_then(often, LIMITS, 28 * DAY * n) for n in (0, LIMITS.recurring - 1, LIMITS.recurring)]
    assert then == [False, False, True]


def test_one_person_each_month_is_usual_once_a_month(world):
    long_heard(world)
    for month in range(1, 14):
        water(world, 1, at=NOW - 28 * DAY * month)
    assert named(world).usual == 1.0


def test_what_no_longer_stands_out_goes(world):
    long_heard(world)
    water(world, 6)
    candidates.refresh(NOW)
    candidates.refresh(NOW + 60 * DAY)
    assert not Candidate.objects.exists() and Request.objects.count() == 7

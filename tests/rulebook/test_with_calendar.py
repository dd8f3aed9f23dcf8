"""Rules and calendar in one statement say what they say apart."""

from __future__ import annotations

import datetime as dt

import pytest

from heli.rulebook import queries
from heli.rulebook.errors import RuleMissing
from tests.world import COMMUNITY, COUNTY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))
KEYS = ("clock.reply", "clock.contact", "return.limit", "ladder.remind_before")


@pytest.mark.parametrize(
    "facts",
    [{}, {"urgency": "urgent", "kind": "help"}, {"urgency": "normal", "kind": "question", "category": "040103"}],
)
@pytest.mark.parametrize("path", [COUNTY, COMMUNITY, "310106019001"])
def test_together_as_apart(world, django_assert_num_queries, path, facts):
    with django_assert_num_queries(1):
        rules, calendar = queries.with_calendar(KEYS, path=path, at=AT, facts=facts)
    assert rules == queries.in_force(KEYS, path=path, on=AT.date(), facts=facts)
    assert calendar == queries.calendar(path, AT)


def test_a_missing_rule_is_named(world):
    with pytest.raises(RuleMissing, match=r"clock\.nothing"):
        queries.with_calendar(("clock.reply", "clock.nothing"), path=COUNTY, at=AT)

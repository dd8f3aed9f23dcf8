"""Which row decides: the nearest area, then the most specific cases, on a day; and nothing is guessed."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from heli.core.actor import SYSTEM
from heli.rulebook import queries, steps
from heli.rulebook.errors import RuleMissing
from heli.rulebook.steps import NewRule
from tests.rulebook.conftest import NOW, TODAY

NORMAL = {"urgency": "normal", "kind": "help"}


def say(path: str, key: str, on: dt.date = TODAY, **facts: str) -> str:
    return queries.in_force([key], path=path, on=on, facts=NORMAL | facts)[key].words


def write(key: str, value: object, area: str, start: dt.date = TODAY, **applies_to: str) -> None:
    steps.set_rule(rule=NewRule(key, area, value, "测试用", start, applies_to), by=SYSTEM, at=NOW)


def period(amount: int, unit: str) -> dict[str, object]:
    return {"amount": amount, "unit": unit}


@pytest.mark.parametrize(
    ("path", "facts", "reply"),
    [
        ("370602003006", {}, "5 个工作日"),  # 大海阳社区: the province's row
        (
            "370602003006",
            {"kind": "question"},
            "5 个工作日",
        ),  # the province's row is nearer than the country's for questions
        ("370602003006", {"urgency": "emergency"}, "2 小时"),  # the province says nothing of emergencies
        ("370602003006", {"urgency": "urgent"}, "24 小时"),
        ("310106019", {}, "5 个工作日"),  # 大宁路街道
        ("310106019", {"kind": "question"}, "1 个工作日"),
        ("310118001", {"kind": "question"}, "5 个工作日"),  # 夏阳街道 has no row of their own
        ("310118", {"kind": "question"}, "1 个工作日"),  # its district has none: the country's
        ("110105", {}, "7 天"),  # 北京
        ("110105", {"urgency": "emergency"}, "2 小时"),
        ("320312", {}, "5 个工作日"),
        ("500103", {}, "5 个工作日"),  # nothing local
        # a hotline's figure is neither a wish's, which waits on a wall, nor a suggestion's, which is weighed
        *(
            (path, {"kind": "wish"}, "30 天")
            for path in ("500103", "370602", "110105", "320312", "310118001", "310106019")
        ),
        *(
            (path, {"kind": "suggestion"}, "15 个工作日")
            for path in ("500103", "370602", "110105", "320312", "310118001")
        ),
        ("310106019", {"kind": "suggestion"}, "1 个工作日"),
    ],
)
def test_what_holds_differs_by_place_and_case(book: None, path: str, facts: dict[str, str], reply: str) -> None:
    assert say(path, "clock.reply", **facts) == reply


@pytest.mark.parametrize("path", ["370602", "310118001", "310106019"])
def test_a_second_round_of_a_wish_or_a_suggestion_has_the_time_of_the_first(book: None, path: str) -> None:
    told = [say(path, "clock.redo", kind=kind) for kind in ("help", "wish", "suggestion")]
    assert told == ["3 个工作日", "30 天", "15 个工作日"]


def test_it_is_one_statement_however_many_keys(book: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = queries.in_force(
            ["clock.dispatch", "clock.accept", "clock.contact", "clock.reply"],
            path="370602003006",
            on=TODAY,
            facts=NORMAL,
        )
    assert len(found) == 4
    assert len(asked) == 1


def test_a_missing_rule_fails_closed_and_is_named(book: None) -> None:
    with pytest.raises(RuleMissing) as caught:
        queries.in_force(["clock.reply", "clock.nap"], path="370602", on=TODAY, facts=NORMAL)
    assert caught.value.key == "clock.nap"
    assert caught.value.code == "L-301"
    assert "clock.nap" in caught.value.words
    with pytest.raises(RuleMissing):  # before any row began
        queries.in_force(["clock.reply"], path="370602", on=dt.date(1999, 12, 31), facts=NORMAL)


def test_the_day_decides(book: None) -> None:
    assert say("37", "clock.reply", on=dt.date(2019, 12, 31)) == "5 个工作日"  # the country's
    assert (
        queries.in_force(["clock.reply"], path="37", on=dt.date(2019, 12, 31), facts=NORMAL)["clock.reply"].area_path
        == ""
    )
    assert (
        queries.in_force(["clock.reply"], path="37", on=dt.date(2020, 1, 1), facts=NORMAL)["clock.reply"].area_path
        == "37"
    )


def test_the_nearest_area_wins_and_does_not_reach_its_neighbour(book: None) -> None:
    write("clock.reply", period(3, "working_day"), "370602", urgency="normal")
    write("clock.reply", period(2, "working_day"), "370602003", urgency="normal")
    assert say("370602003006", "clock.reply") == "2 个工作日"
    assert say("370602004", "clock.reply") == "3 个工作日"
    assert say("370613", "clock.reply") == "5 个工作日"
    assert say("3706", "clock.reply") == "5 个工作日"


def test_more_facts_and_deeper_categories_win(book: None) -> None:
    write("clock.reply", period(4, "working_day"), "370602", category="02")
    write("clock.reply", period(3, "working_day"), "370602", category="0201")
    write("clock.reply", period(30, "working_day"), "370602")
    assert say("370602", "clock.reply", category="020101") == "3 个工作日"
    assert say("370602", "clock.reply", category="020201") == "4 个工作日"
    assert say("370602", "clock.reply", category="0101") == "30 个工作日"
    assert say("370602", "clock.reply") == "30 个工作日"
    write("clock.reply", period(1, "hour"), "370602", category="0201", urgency="emergency")
    assert say("370602", "clock.reply", category="020101", urgency="emergency") == "1 小时"


def test_all_rows_that_could_decide_are_told_in_order(book: None) -> None:
    write("clock.reply", period(3, "working_day"), "370602", urgency="normal")
    rows = queries.explain("clock.reply", "370602", TODAY)
    told = [(r.area_path, len(r.applies_to)) for r in rows[:5]]
    assert told == [("370602", 1), ("37", 2), ("37", 2), ("37", 1), ("", 2)]
    assert rows[-1].applies_to == {}


def test_a_version_says_what_a_clock_freezes(book: None) -> None:
    rule = queries.in_force(["clock.reply"], path="370602", on=TODAY, facts=NORMAL)["clock.reply"]
    assert rule.value == {"amount": 5, "unit": "working_day"}
    assert (rule.key, rule.version, rule.area_path, rule.verified) == ("clock.reply", 1, "37", True)
    assert rule.id > 0
    assert "山东省" in rule.citation


def test_every_key_has_a_row_that_holds_everywhere(book: None) -> None:
    from heli.rulebook.keys import KEYS

    for urgency in ("normal", "urgent", "emergency"):
        for kind in ("help", "complaint", "question", "suggestion", "tip", "wish", "snap"):
            facts = {"urgency": urgency, "kind": kind}
            assert len(queries.in_force(list(KEYS), path="659012", on=TODAY, facts=facts)) == len(KEYS)


def test_the_facts_are_those_of_the_loop() -> None:
    from heli.loop.models import Kind, Urgency
    from heli.rulebook.keys import FACTS

    assert set(FACTS["urgency"]) == set(Urgency.values)
    assert set(FACTS["kind"]) == set(Kind.values)

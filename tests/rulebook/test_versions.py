"""A rule is never edited: a change is a new version that ends the old one, by somebody who may, with a reason."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from heli.core.actor import SYSTEM, Actor
from heli.core.errors import Forbidden, HeliError, Invalid, NotFound, WrongState
from heli.core.models import Event
from heli.rulebook import queries, steps
from heli.rulebook.errors import RuleAmbiguous, RuleChanged
from heli.rulebook.models import Rule
from heli.rulebook.steps import NewRule
from tests.rulebook.conftest import COUNTY, NEXT_COUNTY, NOW, TODAY, admin_of

ADMIN = admin_of(COUNTY)
NORMAL = {"urgency": "normal"}
FIVE, THREE, TWO = ({"amount": n, "unit": "working_day"} for n in (5, 3, 2))


def new(value: Any = None, *, start: dt.date = TODAY, area: str = COUNTY, **more: Any) -> NewRule:
    facts = more.pop("applies_to", NORMAL)
    more = {"citation": "芝罘区办发〔2026〕8号", "reason": "试点", **more}
    return NewRule(
        key=more.pop("key", "clock.reply"),
        area_path=area,
        value=value or THREE,
        valid_from=start,
        applies_to=facts,
        **more,
    )


def put(rule: NewRule, by: Actor = ADMIN, at: dt.datetime = NOW, after: int | None = None) -> Rule:
    return steps.set_rule(rule=rule, by=by, at=at, after_version=after)


def holds(on: dt.date, area: str = COUNTY) -> tuple[str, int]:
    rule = queries.in_force(["clock.reply"], path=area, on=on, facts={"urgency": "normal", "kind": "help"})[
        "clock.reply"
    ]
    return rule.words, rule.version


def days(n: int) -> dt.date:
    return TODAY + dt.timedelta(days=n)


def test_a_change_ends_the_old_version_the_day_before(book: None) -> None:
    first = put(new(FIVE, start=TODAY))
    second = put(new(THREE, start=days(10)))
    first.refresh_from_db()
    assert (first.version, second.version, second.supersedes_id) == (1, 2, first.id)
    assert first.valid_to == days(10)
    assert first.value == FIVE
    assert holds(days(9)) == ("5 个工作日", 1)
    assert holds(days(10)) == ("3 个工作日", 2)


def test_a_version_in_between_keeps_the_one_that_was_written_ahead(book: None) -> None:
    put(new(FIVE, start=TODAY))
    put(new(TWO, start=days(100)))
    put(new(THREE, start=days(10)))
    assert [holds(days(n))[0] for n in (0, 9, 10, 99, 100)] == [
        "5 个工作日", "5 个工作日", "3 个工作日", "3 个工作日", "2 个工作日",
    ]  # fmt: skip


def test_a_correction_on_the_same_day_keeps_the_wrong_row_readable(book: None) -> None:
    wrong = put(new(FIVE))
    right = put(new(THREE))
    wrong.refresh_from_db()
    assert wrong.valid_to == wrong.valid_from
    assert holds(TODAY) == ("3 个工作日", 2)
    assert [v.version for v in queries.versions(right)] == [2, 1]


def test_it_leaves_an_event_and_a_history(book: None) -> None:
    put(new(FIVE))
    rule = put(new(THREE))
    event = Event.objects.get(step="rulebook.set_rule", subject_id=rule.id)
    assert event.data == {"key": "clock.reply", "version": 2, "supersedes": rule.supersedes_id}
    assert event.area_path == COUNTY
    with connection.cursor() as cursor:  # rows the triggers wrote: the insert, and the end of the first version
        cursor.execute(
            "SELECT pgh_label, valid_to FROM rulebook_ruleevent WHERE id = %s ORDER BY pgh_id", [rule.supersedes_id]
        )
        assert cursor.fetchall() == [("insert", None), ("update", TODAY)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rulebook_rule SET value = '1' WHERE id = %s",
        "UPDATE rulebook_rule SET valid_from = '2000-01-01' WHERE id = %s",
        "UPDATE rulebook_rule SET verified = true, verified_by = 'x', verified_on = now() WHERE id = %s",
        "DELETE FROM rulebook_rule WHERE id = %s",
        "UPDATE rulebook_ruleevent SET value = '1' WHERE id = %s",
        "DELETE FROM rulebook_ruleevent WHERE id = %s",
    ],
)
def test_the_database_refuses_to_rewrite_a_rule(book: None, statement: str) -> None:
    rule = put(new())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [rule.id])
    rule.refresh_from_db()
    assert rule.value == THREE


@pytest.mark.parametrize(("start", "end"), [(0, None), (5, 6), (-5, 1), (-5, None)])
def test_the_database_refuses_two_versions_at_a_time(book: None, start: int, end: int | None) -> None:
    rule = put(new())
    with pytest.raises(IntegrityError, match="rule_one_version_at_a_time"), transaction.atomic():
        Rule.objects.create(
            key=rule.key, area_path=rule.area_path, applies_to=rule.applies_to, version=7, value=TWO, citation="x",
            valid_from=days(start), valid_to=None if end is None else days(end),
        )  # fmt: skip
    Rule.objects.create(  # another area, other cases: no overlap
        key=rule.key,
        area_path=NEXT_COUNTY,
        applies_to=rule.applies_to,
        version=1,
        value=TWO,
        citation="x",
        valid_from=TODAY,
    )
    Rule.objects.create(
        key=rule.key,
        area_path=COUNTY,
        applies_to={"urgency": "urgent"},
        version=1,
        value=TWO,
        citation="x",
        valid_from=TODAY,
    )


@pytest.mark.parametrize("area", ["", "37", "3706", NEXT_COUNTY])
def test_only_ones_own_area(book: None, area: str) -> None:
    with pytest.raises(Forbidden):
        put(new(area=area))
    assert put(new(area="370602003")).area_path == "370602003"
    assert not Rule.objects.filter(area_path=area, citation="芝罘区办发〔2026〕8号").exists()


def test_nobody_without_the_capability(book: None) -> None:
    with pytest.raises(Forbidden):
        put(new(), by=Actor(user_id=None))


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (new(start=days(-1)), "valid_from"),
        (new(reason=" "), "reason"),
        (new(citation=" "), "citation"),
        (new({"amount": 0, "unit": "day"}), "value"),
        (new({"amount": 5, "unit": "fortnight"}), "value"),
        (new({"amount": True, "unit": "day"}), "value"),
        (new("5 days"), "value"),
        (new(key="clock.nap"), "value"),
        (new(applies_to={"urgency": "terrible"}), "value"),
        (new(applies_to={"weather": "rain"}), "value"),
        (new(applies_to={"category": "abc"}), "value"),
        (new(valid_to=TODAY), "valid_to"),
        (new(verified_by="我"), "verified_on"),
    ],
)
def test_what_is_refused_says_which_field(book: None, rule: NewRule, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        put(rule)
    assert caught.value.field == field
    assert not Rule.objects.filter(citation="芝罘区办发〔2026〕8号").exists()


def test_two_rows_that_fit_the_same_case_equally_well_are_refused(book: None) -> None:
    put(new(FIVE, applies_to={"kind": "complaint"}))
    with pytest.raises(RuleAmbiguous, match="投诉"):
        put(new(THREE, applies_to={"urgency": "urgent"}))
    put(new(FIVE, applies_to={"urgency": "urgent"}))  # they say the same: harmless
    put(new(THREE, applies_to={"urgency": "urgent", "kind": "complaint"}))  # more specific than both


def test_who_wrote_second_is_told(book: None) -> None:
    put(new(FIVE), after=0)
    with pytest.raises(RuleChanged):
        put(new(THREE), after=0)
    assert put(new(THREE), after=1).version == 2


def test_two_first_versions_at_once(fire_db: str) -> None:
    """Two connections; nothing is there yet that could be locked: the constraint lets one pass."""
    said: list[str] = []
    ready = threading.Barrier(2)

    def write(value: Any) -> None:
        try:
            ready.wait()
            put(new(value, applies_to={"urgency": "urgent"}, area=NEXT_COUNTY), by=SYSTEM, after=0)
            said.append("written")
        except HeliError as error:
            said.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(v,)) for v in (FIVE, THREE)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(said) == ["L-302", "written"]
    assert Rule.objects.filter(area_path=NEXT_COUNTY, applies_to={"urgency": "urgent"}).count() == 1


def test_a_rule_can_end_and_the_area_above_decides_again(book: None) -> None:
    rule = put(new(THREE))
    steps.end_rule(rule_id=rule.id, valid_to=days(30), reason="试点结束", by=ADMIN, at=NOW)
    assert holds(days(29)) == ("3 个工作日", 1)
    assert queries.in_force(["clock.reply"], path=COUNTY, on=days(30), facts=NORMAL)["clock.reply"].area_path == "37"
    assert Event.objects.get(step="rulebook.end_rule").data["reason"] == "试点结束"
    later = NOW + dt.timedelta(days=40)
    with pytest.raises(WrongState):
        steps.end_rule(rule_id=rule.id, valid_to=days(50), reason="再停", by=ADMIN, at=later)


def test_ending_has_the_same_fences(book: None) -> None:
    rule = put(new(THREE))
    put(new(FIVE, start=days(10)))
    with pytest.raises(Forbidden):
        steps.end_rule(rule_id=rule.id, valid_to=days(1), reason="x", by=admin_of(NEXT_COUNTY), at=NOW)
    with pytest.raises(NotFound):
        steps.end_rule(rule_id=10**9, valid_to=days(1), reason="x", by=ADMIN, at=NOW)
    for day, reason in ((days(-1), "x"), (days(11), "x"), (days(1), " ")):
        with pytest.raises(Invalid):
            steps.end_rule(rule_id=rule.id, valid_to=day, reason=reason, by=ADMIN, at=NOW)

"""The reviewed files: valid, honest about what was checked, harmless twice, all or nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.rulebook import files, keys, queries, steps
from heli.rulebook.errors import BadRuleFile
from heli.rulebook.models import Rule
from tests.rulebook.conftest import NOW, TODAY, admin_of

ROW = {
    "key": "clock.reply", "applies_to": {"urgency": "normal"}, "value": {"amount": 3, "unit": "working_day"},
    "citation": "某文件", "verified": False, "from": dt.date(2026, 1, 1),
}  # fmt: skip


def book_of(tmp_path: Path, *rows: dict[str, object], area: str = "370602", **head: object) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"area": area, "rules": list(rows), **head}, allow_unicode=True), encoding="utf-8")
    return path


def bring(path: Path) -> files.RulesImported:
    return files.import_rules([path], by=SYSTEM, at=NOW)


@pytest.mark.parametrize("path", files.shipped_rules(), ids=lambda p: p.stem)
def test_each_shipped_file_is_sound(path: Path) -> None:
    rules = files.read_rules(path)
    seen = set()
    for rule in rules:
        keys.check(rule.key, rule.applies_to, rule.value)
        assert keys.say(rule.key, rule.value)
        case = (rule.key, frozenset(rule.applies_to.items()), rule.valid_from)
        assert case not in seen, case
        seen.add(case)
        if rule.verified:
            assert not rule.citation.startswith(("没有", "本软件")), rule
        for other in rules:
            tied = rule.key == other.key and keys.tie(rule.applies_to, other.applies_to)
            assert not tied or rule.value == other.value, (rule, other)


def test_twice_changes_nothing(book: None) -> None:
    rows = Rule.objects.count()
    events = Event.objects.count()
    rules, years = files.import_shipped(by=SYSTEM, at=NOW)
    assert (rules.added, rules.changed, rules.unchanged) == ([], [], rows)
    assert not any(y.changed for y in years)
    assert (Rule.objects.count(), Event.objects.count()) == (rows, events)


def test_a_changed_value_becomes_a_new_version_from_the_same_day(book: None, tmp_path: Path) -> None:
    assert len(bring(book_of(tmp_path, ROW)).added) == 1
    done = bring(book_of(tmp_path, ROW | {"value": {"amount": 4, "unit": "working_day"}}))
    assert (len(done.changed), done.unchanged) == (1, 0)
    found = queries.in_force(["clock.reply"], path="370602", on=TODAY, facts={"urgency": "normal"})["clock.reply"]
    assert (found.words, found.version) == ("4 个工作日", 2)


def test_a_file_does_not_undo_what_an_administrator_wrote(book: None, tmp_path: Path) -> None:
    bring(book_of(tmp_path, ROW))
    local = steps.NewRule(
        "clock.reply",
        "370602",
        {"amount": 2, "unit": "working_day"},
        "区里的",
        TODAY,
        {"urgency": "normal"},
        reason="试点",
    )
    steps.set_rule(rule=local, by=admin_of("370602"), at=NOW)
    assert bring(book_of(tmp_path, ROW)).unchanged == 1
    bring(book_of(tmp_path, ROW | {"citation": "某文件，第三条"}))
    facts = {"urgency": "normal"}
    assert queries.in_force(["clock.reply"], path="370602", on=TODAY, facts=facts)["clock.reply"].words == "2 个工作日"
    before = queries.in_force(["clock.reply"], path="370602", on=dt.date(2026, 6, 1), facts=facts)["clock.reply"]
    assert before.citation == "某文件，第三条"


def test_a_file_may_give_a_last_day_later(book: None, tmp_path: Path) -> None:
    bring(book_of(tmp_path, ROW))
    done = bring(book_of(tmp_path, ROW | {"to": dt.date(2026, 12, 1)}))
    assert len(done.changed) == 1
    assert Rule.objects.get(pk=done.changed[0]).valid_to == dt.date(2026, 12, 1)
    assert bring(book_of(tmp_path, ROW | {"to": dt.date(2026, 12, 1)})).unchanged == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "area"),
        ("[1, 2]", "area"),
        ("area: 37\nrules: []", "area"),  # a number: the leading zero of a code would be lost
        ("area: '37'", "list of rules"),
        ("area: '37'\nrules: [5]", "fields"),
        ("area: '37'\nrules: [{key: clock.reply}]", "missing"),
        ("area: '37'\nrules: [{key: clock.reply, value: 5, citation: x, verified: true, from: 2026-01-01}]", "missing"),
        ("area: '37'\nrules: [{key: clock.reply, value: 5, citation: x, verified: false, from: soon}]", "missing"),
        (
            "area: '37'\nrules: [{key: clock.reply, value: 5, citation: x, verified: false, from: 2026-01-01}]",
            "clock.reply",
        ),
        ("area: '37'\nrules: [{key: clock.reply, speed: 1}]", "fields"),
        ("a: [", "read"),
    ],
)
def test_a_bad_file_names_what_is_wrong_and_brings_nothing(book: None, tmp_path: Path, text: str, said: str) -> None:
    from django.utils.translation import override

    rows = Rule.objects.count()
    good, bad = book_of(tmp_path, ROW), tmp_path / "bad.yaml"
    bad.write_text(text, encoding="utf-8")
    with override("en"), pytest.raises(BadRuleFile, match=said) as caught:
        files.import_rules([good, bad], by=SYSTEM, at=NOW)
    assert "bad.yaml" in str(caught.value)
    assert Rule.objects.count() == rows


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadRuleFile, match=r"none\.yaml"):
        files.read_rules(tmp_path / "none.yaml")

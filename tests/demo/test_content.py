"""The demo's texts: enough of them, no slot or category unknown, distinct when filled, and good replies in plain words."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from heli.demo import content as c

CONTENT = c.load()
DATA = Path(c.__file__).parent.parent.parent / "loop" / "data"
TREE = {row["code"]: row for row in yaml.safe_load((DATA / "categories.yaml").read_text())["categories"]}
LEAVES = {code: row for code, row in TREE.items() if len(code) == 6}
DUTY = yaml.safe_load((DATA / "duty_zhifu.yaml").read_text())
AT = dt.datetime(2026, 11, 18, 10, 52, tzinfo=dt.UTC)  # 18:52 in Yantai
PLACES = [
    c.Place("370602001003", "所城里社区居民委员会", "向阳街道"),
    c.Place("370602002004", "进德社区居民委员会", "东山街道"),
    c.Place("370602003006", "大海阳社区居民委员会", "毓璜顶街道"),
    c.Place("370602004005", "芝罘屯社区居民委员会", "通伸街道"),
    c.Place("370602005007", "珠玑东社区居民委员会", "凤凰台街道"),
    c.Place("370602006007", "塔山社区居民委员会", "奇山街道"),
    c.Place("370602007009", "新海阳社区居民委员会", "白石街道"),
    c.Place("370602008001", "芝罘岛社区居民委员会", "芝罘岛街道"),
    c.Place("370602009032", "魁玉社区居民委员会", "黄务街道"),
    c.Place("370602010013", "楚润社区居民委员会", "只楚街道"),
    c.Place("370602011009", "世学路社区居民委员会", "世回尧街道"),
    c.Place("370602012002", "福学社区居民委员会", "幸福街道"),
]
DATES = {"place", "seen", "seen_day", "done", "due", "sat"}
# Office words that say nothing, and promises without a day.
BANNED = re.compile(
    r"闭环|赋能|处置|流转|抓手|高度重视|积极协调|敬请谅解|耐心等待|相关部门|有关部门|尽快|近期|抓紧|落实到位|感谢您的理解|祝您生活|[!！]"
)
NUMBERS = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|0\d{2,3}-?\d{7,8}|\d{7,8})(?!\d)")


def rng(seed: int = 7) -> random.Random:
    return random.Random(seed)


def bodies() -> list[str]:
    return [a.body for a in CONTENT.asks] + [body for g in CONTENT.twins for _, body in g.told]


def every_text() -> list[str]:
    k = CONTENT
    notes = [n.text for n in (*k.contacts, *k.notes, *k.supervision, *k.poor)]
    more = [t for r in (*k.returns, *k.extensions) for t in (r.text, r.basis)]
    asked = [t for s in k.supplements for t in (s.question, s.answer)]
    titles = [a.title for a in k.asks] + [t for g in k.twins for t, _ in g.told] + [a.at for a in k.asks]
    return [*bodies(), *titles, *notes, *more, *asked, *(r.text for r in k.replies), *(w.text for w in k.words)]


def test_there_is_enough_of_everything() -> None:
    k = CONTENT
    assert len(k.asks) >= 320
    assert len({a.category for a in k.asks}) >= 90
    assert len(k.replies) >= 120
    assert len(k.poor) >= 25
    assert len(k.contacts) >= 40
    assert {n.reached for n in k.contacts} == {True, False}
    assert len(k.returns) >= 25
    assert len(k.extensions) >= 20
    assert len(k.supplements) >= 20
    assert len(k.notes) >= 20
    assert len(k.words) >= 80
    assert min(Counter(w.level for w in k.words)[level] for level in range(1, 6)) >= 15
    assert len(k.twins) >= 12
    assert all(3 <= len(g.told) <= 6 for g in k.twins)
    assert {n.kind for n in k.supervision} == {"remind", "urge", "supervise"}
    assert len(k.names.roads) >= 60


def test_kinds_urgencies_and_outcomes_are_known() -> None:
    assert {a.kind for a in CONTENT.asks} == set(c.KINDS)
    assert {a.urgency for a in CONTENT.asks} <= {*c.URGENCIES, ""}
    assert {r.outcome for r in CONTENT.replies} == set(c.OUTCOMES)
    assert {r.code for r in CONTENT.returns} <= {"not_ours", "other_area", "law", "unclear", "duplicate"}


def test_every_category_exists_and_every_leaf_is_spoken_of() -> None:
    assert {a.category for a in CONTENT.asks} == set(LEAVES)
    assert {g.category for g in CONTENT.twins} <= set(LEAVES)
    k = CONTENT
    rows = (*k.replies, *k.contacts, *k.notes, *k.returns, *k.extensions, *k.supplements, *k.words)
    unknown = {code for row in rows for code in row.codes} - set(TREE)
    assert not unknown


def test_every_slot_is_known() -> None:
    known = set(CONTENT.slots(rng(), PLACES[0], AT)) | DATES
    unknown = {(slot, text) for text in every_text() for slot in c.slots_in(text) - known}
    assert not unknown
    dated = {text for text in bodies() if c.slots_in(text) & DATES}
    assert not dated  # a resident does not know when the office will come


def test_nothing_is_written_twice() -> None:
    for texts in (
        bodies(),
        [r.text for r in CONTENT.replies],
        [w.text for w in CONTENT.words],
        [n.text for n in (*CONTENT.contacts, *CONTENT.notes, *CONTENT.poor)],
        [r.text for r in CONTENT.returns],
        [e.text for e in CONTENT.extensions],
    ):
        assert [t for t, n in Counter(texts).items() if n > 1] == []
    assert len({a.id for a in CONTENT.asks}) == len(CONTENT.asks)


def test_good_replies_are_plain_words() -> None:
    good = [r.text for r in CONTENT.replies]
    assert [t for t in good if BANNED.search(t)] == []
    # each says a day, or answers the question as it stands
    undated = [r for r in CONTENT.replies if not c.slots_in(r.text) & DATES and r.outcome != "answered"]
    assert len(undated) <= len(good) * 0.04
    assert sum(bool(BANNED.search(n.text)) for n in CONTENT.poor) >= len(CONTENT.poor) // 4


def test_no_real_number_stands_in_a_text() -> None:
    assert [t for t in every_text() if NUMBERS.search(t)] == []
    people = [CONTENT.person(rng(n)) for n in range(50)]
    assert all(re.fullmatch(r"1540000\d{4}", p.phone) for p in people)


@pytest.mark.parametrize("ask", CONTENT.asks, ids=lambda a: a.id)
def test_each_request_fills(ask: c.Ask) -> None:
    r = rng(len(ask.body))
    for place in PLACES:
        text = CONTENT.write(r, place, at=AT, ask=ask)
        assert len(text.body) in c.LENGTH, (len(text.body), text.body)
        assert 2 <= len(text.title) <= c.TITLE, text.title
        for part in (text.title, text.body, text.place_note):
            assert not re.search(r"[{}\[\]]|晚晚上|早上早上|，，|。。", part), part
        assert text.urgency in c.URGENCIES


def test_two_thousand_requests_of_one_seed_differ_and_come_again() -> None:
    times = [AT + dt.timedelta(minutes=21 * n) for n in range(2000)]
    texts = CONTENT.write_many(rng(1), PLACES, times)
    assert len({t.body for t in texts}) >= 1980
    assert texts == CONTENT.write_many(rng(1), PLACES, times)
    assert texts != CONTENT.write_many(rng(2), PLACES, times)
    assert len({t.category for t in texts}) >= 200
    counts = Counter(t.category[:4] for t in texts)
    assert counts.most_common(1)[0][0] == "0204"  # it is November


def test_the_season_decides() -> None:
    july = dt.datetime(2026, 7, 1, 9, tzinfo=dt.UTC)
    asked = {CONTENT.pick(rng(n), july).category for n in range(600)}
    assert not asked & {"020401", "020403", "010501"}


def test_a_request_stays_in_its_street() -> None:
    r = rng()
    for place in PLACES:
        roads = {name for name, streets in CONTENT.names.roads if place.path[:9] in streets}
        assert len(roads) >= 2
        assert {CONTENT.slots(r, place, AT)["road"] for _ in range(40)} <= roads
        assert len(set(CONTENT.compounds_of(place))) == 4


def test_twins_speak_of_one_door() -> None:
    for group in CONTENT.twins:
        told = CONTENT.write_twins(rng(), group, PLACES[11], at=AT)
        assert len({t.place_note for t in told}) == 1
        assert len({t.body for t in told}) == len(group.told)
        assert all(len(t.title) <= c.TITLE and len(t.body) in c.LENGTH for t in told), [t.body for t in told]


def test_every_request_can_be_answered_returned_and_judged() -> None:
    r = rng()
    for ask in CONTENT.asks:
        text = CONTENT.write(r, r.choice(PLACES), at=AT, ask=ask)
        at = AT + dt.timedelta(days=4, hours=2)
        words, outcome = CONTENT.reply(r, text, submitted=AT, at=at)
        assert outcome in c.OUTCOMES
        returned = CONTENT.give_back(r, text, at=at, upheld=True)
        refused = CONTENT.give_back(r, text, at=at, upheld=False)
        extended = CONTENT.extend(r, text, at=at)
        asked = CONTENT.supplement(r, text)
        said = [
            words,
            CONTENT.contact(r, text, at=at),
            CONTENT.contact(r, text, at=at, reached=False),
            CONTENT.note(r, text, at=at),
            returned.text,
            returned.basis,
            refused.text,
            refused.basis,
            extended.text,
            extended.basis,
            asked.question,
            asked.answer,
            *(CONTENT.verdict(r, ask.category, level) for level in range(1, 6)),
        ]
        assert all(said)
        assert not [t for t in said if re.search(r"[{}\[\]]", t)]
        assert not re.search(r"日[上下]午 ?(?:晚|夜|早|后半|\d+ 分)", words), words


@pytest.mark.parametrize("days", [0, 1, 4, 30])
def test_a_reply_names_days_in_order(days: int) -> None:
    rows = [r for r in CONTENT.replies if {"seen", "done"} <= c.slots_in(r.text)]
    assert rows
    for n in range(40):
        end = AT + dt.timedelta(days=days)
        dates = c._dates(rng(n), AT, end)
        day = {k: tuple(int(x) for x in re.findall(r"\d+", dates[k])[:2]) for k in ("seen_day", "done", "due")}
        assert (11, 18) <= day["seen_day"] <= day["done"] <= (end.month, end.day) < day["due"] or day["due"][0] == 1


def test_the_category_tree_is_whole() -> None:
    levels = Counter(len(code) // 2 for code in TREE)
    assert levels[1] >= 14
    assert levels[2] >= 60
    assert levels[3] >= 200
    assert all(code[:-2] in TREE for code in TREE if len(code) > 2)
    assert len({row["name"] for row in LEAVES.values()}) == len(LEAVES)
    for row in LEAVES.values():
        assert 4 <= len(row["words"]) <= 15
        assert all(len(word) > 1 for word in row["words"])
        assert row["urgency"] in c.URGENCIES
        assert isinstance(row["photos"], bool)
    assert all(row["name_en"] for row in TREE.values())


def test_requests_hold_the_words_of_their_category() -> None:
    """The proposer works on words: for nine in ten requests the right leaf is among the three with most of them."""
    r, hits = rng(), 0
    for ask in CONTENT.asks:
        text = CONTENT.write(r, PLACES[10], at=AT, ask=ask)
        said = text.title + text.body
        score = {code: sum(len(w) + 1 for w in row["words"] if w in said) for code, row in LEAVES.items()}
        hits += ask.category in sorted(score, key=lambda code: -score[code])[:3] and score[ask.category] > 0
    assert hits >= 0.9 * len(CONTENT.asks)


def test_the_duty_list_is_whole() -> None:
    units = {u["key"]: u for u in DUTY["units"]}
    local = {"街道", "社区"}
    seen = set()
    for row in DUTY["rows"]:
        assert row["category"] in TREE
        assert row["unit"] in units or row["unit"] in local
        assert set(row["assist"]) <= set(units) | local
        assert row["unit"] not in row["assist"]
        assert row["level"] in {"county", "township", "village"}
        seen.add((row["category"], row["level"]))
    assert len(seen) == len(DUTY["rows"])
    assert len({row["row"] for row in DUTY["rows"]}) == len(DUTY["rows"])
    assert all({(code, "county"), (code[:4], "county")} & seen for code in LEAVES)
    # what is a functional department's stays at the county
    functional = {row["category"] for row in DUTY["rows"] if row["functional"]}
    assert not [row for row in DUTY["rows"] if row["category"] in functional and row["level"] != "county"]
    assert all(units[row["unit"]]["functional"] for row in DUTY["rows"] if row["functional"])
    streets = [u for u in DUTY["units"] if u["kind"] == "township"]
    assert len(streets) == 12
    assert {len(u["path"]) for u in streets} == {9}
    assert DUTY["verified"] == "demo"

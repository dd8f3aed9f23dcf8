"""A tip's life: every arrow with the whole cast, its clock, what is kept and what is destroyed."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from heli.core import files
from heli.core.actor import SYSTEM, Actor
from heli.core.errors import AlreadyDone, Forbidden, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Access, Event, StoredFile, VaultRecord
from heli.oversight import links, queries, steps
from heli.oversight.errors import NothingTold, NotLinked, TipLinkEnded
from heli.oversight.jobs import forget_tips
from heli.oversight.models import Tip, TipNote
from heli.oversight.states import ENDED, OPEN, TIP
from tests.invariants.laid import photo
from tests.loop.told import AT
from tests.oversight.telling import DAY, HOUR, NAME, keys, told
from tests.world import CAST, COMMUNITY, NEXT_COUNTY

pytestmark = pytest.mark.django_db
pytestmark = pytest.mark.django_db
RUN: dict[str, Any] = {
    "look": steps.look,
    "pass_on": lambda **k: steps.pass_on(to="police", number="芝社工线〔2026〕3 号", **k),
    "find_genuine": lambda **k: steps.conclude(found="genuine", answer="查到登记，电话核对过。", **k),
    "find_unproven": lambda **k: steps.conclude(found="unproven", answer="没有找到这些人。", **k),
    "close": lambda **k: steps.conclude(found="closed", answer="公安已立案。", **k),
    "reopen": lambda **k: steps.reopen(reason="又有人反映。", **k),
}


def at_state(state: str) -> Tip:
    """A tip brought to a state by the system through the arrows."""
    way = {
        "received": (), "looking": ("look",), "passed_on": ("look", "pass_on"), "genuine": ("find_genuine",),
        "unproven": ("look", "find_unproven"), "closed": ("pass_on", "close"),
    }[state]  # fmt: skip
    tip = told()
    for n, name in enumerate(way, start=1):
        RUN[name](tip_id=tip.pk, by=SYSTEM, at=AT + HOUR * n)
    tip.refresh_from_db()
    assert tip.state == state
    return tip


@pytest.mark.parametrize("state", [*OPEN, *ENDED])
@pytest.mark.parametrize("name", [a.name for a in TIP])
def test_an_arrow_leaves_only_from_its_states(world: Any, state: str, name: str) -> None:
    tip = at_state(state)
    if state in TIP.arrows[name].sources:
        RUN[name](**keys(world, tip, 9))
        tip.refresh_from_db()
        assert tip.state == TIP.arrows[name].target
    else:
        with pytest.raises(WrongState), transaction.atomic():
            RUN[name](**keys(world, tip, 9))
        tip.refresh_from_db()
        assert tip.state == state


@pytest.mark.parametrize("name", [a.name for a in TIP])
def test_an_arrow_is_open_to_supervisors_of_the_area_alone(world: Any, name: str) -> None:
    tip = at_state(TIP.arrows[name].sources[0])
    for who in [c.name for c in CAST]:
        if who == "吕部长":
            continue
        with pytest.raises((NotFound, Forbidden)), transaction.atomic():
            RUN[name](**keys(world, tip, 9, who))
    assert set(TIP.arrows) == set(RUN)
    RUN[name](**keys(world, tip, 9))


def test_papers_are_asked_for(world: Any) -> None:
    tip = told()
    for wrong in (
        lambda: steps.pass_on(to="", number="3 号", **keys(world, tip)),
        lambda: steps.pass_on(to="police", number=" ", **keys(world, tip)),
        lambda: steps.pass_on(to="somebody", number="3 号", **keys(world, tip)),
        lambda: steps.conclude(found="genuine", answer=" ", **keys(world, tip)),
        lambda: steps.note(text="", **keys(world, tip)),
        lambda: steps.reveal(purpose=" ", **keys(world, tip)),
    ):
        with pytest.raises(PaperMissing), transaction.atomic():
            wrong()
    with pytest.raises(Invalid), transaction.atomic():
        steps.conclude(found="guilty", answer="假的", **keys(world, tip))


def test_nothing_told_is_not_taken() -> None:
    with pytest.raises(NothingTold):
        told(name=" ", text="\n")
    assert told(name="", text="", photos=[photo()]).photos


def test_the_clock_is_the_rule_s_and_ends_with_the_decision(world: Any) -> None:
    tip = told()
    assert (tip.rule.key, tip.rule.value) == ("tip.look", {"amount": 5, "unit": "working_day"})
    assert tip.due_at == AT + DAY * 7, "five working days from a Tuesday: the same hour a week on"
    assert queries.clock_of(tip, AT + HOUR).state == "doing"
    assert queries.clock_of(tip, AT + DAY * 9).state == "late"
    steps.look(**keys(world, tip))
    passed = steps.pass_on(to="civil", number="1 号", **keys(world, tip, 2))
    assert passed.decided_at == AT + HOUR * 2 and queries.clock_of(passed, AT + DAY * 30).state == "done"
    ended = steps.conclude(found="closed", answer="民政已约谈。", **keys(world, tip, 24 * 20))
    assert ended.decided_at == AT + HOUR * 2, "what the other office took is not our time"
    assert ended.forget_at == ended.ended_at + DAY * 180
    again = steps.reopen(reason="又来了", **keys(world, tip, 24 * 21))
    assert (again.decided_at, again.forget_at, again.passed_to, again.answer) == (None, None, "", "")
    assert again.due_at > AT + DAY * 21
    said = [n.text for n in queries.notes(world.actor("吕部长"), again)]
    assert said[0] == "又来了" and "1 号" in said[1] and "民政已约谈。" in said[1], (
        "the number of the paper is not lost"
    )


def test_the_same_form_counts_once() -> None:
    key = uuid.uuid4()
    first = told(form_key=key)
    with pytest.raises(AlreadyDone), transaction.atomic():
        told(form_key=key)
    assert queries.sent_before(key, NAME, first.text) == first
    assert queries.sent_before(key, "别的名字", first.text) is None, "a key alone opens nothing"


def test_numbers_and_tellers_stand_in_the_vault_alone(world: Any) -> None:
    tip = told(
        text="打 13912345678 付定金",
        teller="章大姐",
        phone="13700000009",
        by=Actor(world.wang_resident.pk, name="王桂兰"),
    )
    assert "13912345678" not in tip.text and tip.contact
    shown = steps.reveal(purpose="核对账号", **keys(world, tip))
    assert shown["phone"] == "13700000009" and shown["name"] == "章大姐" and "13912345678" in shown["note"]
    read = Access.objects.get(record=tip.record)
    assert (read.purpose, read.org_name, read.subject_type) == ("核对账号", "社工部", "oversight.tip")
    assert not told(phone="").contact
    with pytest.raises(Invalid), transaction.atomic():
        steps.reveal(purpose="看看", **keys(world, told(text="没有号码")))


def test_events_name_nobody(world: Any) -> None:
    tip = told(
        teller="章大姐", phone="13700000009", spot="世学路 26 号", by=Actor(world.wang_resident.pk, name="王桂兰")
    )
    steps.look(**keys(world, tip))
    steps.note(text="金丝雀备注", **keys(world, tip, 2))
    steps.pass_on(to="police", number="金丝雀文号", **keys(world, tip, 3))
    steps.conclude(found="closed", answer="金丝雀答复", **keys(world, tip, 4))
    steps.reopen(reason="金丝雀理由", **keys(world, tip, 5))
    events = list(Event.objects.filter(subject_type="oversight.tip", subject_id=tip.pk).order_by("id").values())
    assert [e["step"] for e in events] == [
        "tip.receive", "tip.look", "tip.note", "tip.pass_on", "tip.close", "tip.reopen",
    ]  # fmt: skip
    said = json.dumps(events, ensure_ascii=False, default=str)
    for word in (NAME, "金丝雀", "章大姐", "世学路", "13700000009", "捐款"):
        assert word not in said
    assert events[0]["user_id"] is None, "who told it is nobody's to count"


def test_an_ended_tip_is_forgotten_when_its_time_is_over(fire_free: None, world: Any) -> None:
    tip = told(text="打 13912345678", photos=[photo()], phone="13700000009", spot="门口")
    kept = files.where(tip.photos[0])
    steps.note(text="问过超市", **keys(world, tip))
    steps.conclude(found="unproven", answer="没有找到。", **keys(world, tip, 2))
    tip.refresh_from_db()
    assert not steps.forget(tip_id=tip.pk, at=tip.forget_at - HOUR), "not a moment too early"
    assert kept.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("heli.oversight.jobs.timezone.now", lambda: tip.forget_at + HOUR)
        assert forget_tips(timestamp=0) == 1 and forget_tips(timestamp=0) == 0
    tip.refresh_from_db()
    assert (tip.name, tip.text, tip.spot, tip.photos, tip.name_grams, tip.contact) == ("", "", "", [], [], False)
    assert (
        not TipNote.objects.filter(tip=tip).exists()
        and not StoredFile.objects.filter(subject_type="oversight.tip").exists()
    )
    record = VaultRecord.objects.get(pk=tip.record_id)
    assert record.phone is None and record.note is None and record.erased_at is not None
    assert (tip.state, tip.posing, tip.area_path) == ("unproven", "foundation", COMMUNITY), "what is counted stays"
    with pytest.raises(TipLinkEnded):
        links.tip_of(links.token_of(tip))
    for late in (
        lambda: steps.reopen(reason="又来了", **keys(world, tip, 9000)),
        lambda: steps.note(text="又来了", **keys(world, tip, 9000)),
    ):
        with pytest.raises(WrongState), transaction.atomic():
            late()


@pytest.fixture
def fire_free(django_capture_on_commit_callbacks: Any) -> Any:
    """What is done after the commit is done at the end of each block that commits nothing here."""
    with django_capture_on_commit_callbacks(execute=True):
        yield


def test_an_open_tip_is_never_forgotten() -> None:
    tip = told()
    assert not steps.forget(tip_id=tip.pk, at=AT + DAY * 4000)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"state": "guilty", "answer": "有"}, "tip_(state|ended)"),
        ({"state": "closed", "answer": "有"}, "tip_ended"),
        ({"state": "closed", "ended_at": AT, "forget_at": AT + DAY}, "tip_answered"),
        ({"state": "passed_on"}, "tip_passed_on"),
        ({"forgotten_at": AT}, "tip_forgotten"),
    ],
)
def test_the_database_holds_what_is_always_so(wrong: dict[str, Any], name: str) -> None:
    tip = told()
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        Tip.objects.filter(pk=tip.pk).update(**wrong)
    with pytest.raises(IntegrityError, match="tip_not_like_itself"), transaction.atomic():
        Tip.objects.filter(pk=tip.pk).update(same_as=tip.pk)


# Like one another ------------------------------------------------------------------------------------------------------
def test_names_that_are_like_stand_beside_each_other(world: Any) -> None:
    one, like, other = told(), told(name="烟台爱心助老慈善基金会"), told(name="蓝天救援队")
    far = told(area_path=NEXT_COUNTY)
    actor = world.actor("吕部长")
    found = queries.alike(actor, one)
    assert [(x.tip, x.together) for x in found] == [(like, False)] and 40 <= found[0].percent < 100
    assert far not in [x.tip for x in found], "not those of the next county"
    assert queries.alike(actor, other) == []


def test_tips_are_put_together_and_taken_apart(world: Any) -> None:
    a, b, c = told(), told(), told(name="")
    steps.put_together(other_id=b.pk, **keys(world, a))
    c = steps.put_together(other_id=a.pk, **keys(world, c))
    actor = world.actor("吕部长")
    assert {x.tip for x in queries.alike(actor, c) if x.together} == {a, b}
    with pytest.raises(NotLinked), transaction.atomic():
        steps.put_together(other_id=c.pk, **keys(world, b))
    with pytest.raises(NotLinked), transaction.atomic():
        steps.put_together(other_id=a.pk, **keys(world, a))
    b.refresh_from_db()
    steps.take_apart(**keys(world, b))  # it was the one the others pointed at
    assert {x.tip for x in queries.alike(actor, a) if x.together} == {c}
    assert not [x for x in queries.alike(actor, b) if x.together]
    with pytest.raises(NotLinked), transaction.atomic():
        steps.take_apart(**keys(world, b))
    far = told(area_path=NEXT_COUNTY)
    with pytest.raises(NotFound), transaction.atomic():
        steps.put_together(other_id=far.pk, **keys(world, a))


def test_likeness() -> None:
    assert queries.likeness(NAME, NAME) == 1.0
    assert queries.likeness(NAME, "蓝天救援队") == 0.0
    assert queries.likeness("", NAME) == 0.0
    assert queries.likeness("ＡＢ基金会", "ab基金会") == 1.0, "wide letters and capitals are folded"

"""The reader: requests are read as they come in, what people decide teaches it, what it is sure of may be sent on by rule."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from heli.core import errors as core
from heli.core.actor import SYSTEM
from heli.engines.text import examples
from heli.loop import learning, propose, reader, steps
from heli.loop.errors import TooFewLessons
from heli.loop.models import Category, Dispatch, Request
from heli.loop.reading_models import AutoStop, Lesson, Reader, Reading, Sample
from heli.loop.steps import reading as reading_steps
from heli.rulebook.models import Rule
from tests.database import race
from tests.loop.staff import counted
from tests.loop.told import AT, HOUR, LAMP, PAVEMENT, SEWER, tell
from tests.world import COUNTY

PLACES = (
    "大海阳社区",
    "幸福路",
    "菜市场门口",
    "小学东边",
    "三号楼后面",
    "桥头",
    "公园北门",
    "医院对面",
    "河边",
    "老粮所那儿",
)
SAYS = {
    LAMP: ("{}的路灯不亮了，晚上黑", "{}一排灯灭了好几天", "{}路灯一闪一闪，天黑看不见路"),
    SEWER: ("{}污水井往外冒，臭", "{}下水道堵了，粪水流到门口", "{}井里冒黑水"),
    PAVEMENT: ("{}人行道砖松了，绊倒人", "{}走道的砖翘起来", "{}便道塌下去一块"),
}
DAY = dt.timedelta(days=1)


@pytest.fixture
def few(monkeypatch: Any) -> Any:
    """Ninety sentences instead of five thousand: a reader learns in a second."""
    rows = tuple((code, words.format(place)) for code, said in SAYS.items() for words in said for place in PLACES)
    monkeypatch.setattr(examples, "everything", lambda: rows)
    reader.forget()
    yield rows
    reader.forget()


@pytest.fixture
def started(few: Any, world: Any) -> Reader:
    made = learning.start(AT)
    assert made is not None and made.state == "live" and made.area_path == ""
    return made


def said(world: Any, text: str, *, at: dt.datetime = AT, category: str = "") -> Any:
    return tell(world, text=text, at=at, category=category)


def rule(key: str, value: Any, **applies_to: str) -> None:
    """A row of the county's own."""
    Rule.objects.create(
        key=key, area_path=COUNTY, applies_to=applies_to, value=value, version=1, verified=False,
        citation="芝罘区社会工作部 2026 年 9 号文", valid_from=dt.date(2026, 1, 1),
    )  # fmt: skip


def auto_on() -> None:
    rule("text.sure", 50)
    rule("text.auto", True, category=LAMP)


# Reading ----------------------------------------------------------------------------------------------------------------
def test_the_first_reader_comes_from_our_examples_once(started):
    assert learning.start(AT) is None, "the examples are the same"
    assert started.own == 90 and started.content and Reader.objects.filter(state="live").count() == 1


def test_without_a_reader_requests_wait_and_the_list_of_words_goes_on(world, few):
    told = said(world, "三号楼前路灯不亮", category=LAMP)
    told.dispatch()
    assert learning.read_all(AT) == 0
    best = propose.categories_of("三号楼前路灯不亮", area_path=COUNTY)[0]
    assert best.category.code == LAMP and best.probability is None and "路灯" in "".join(best.found)
    learning.start(AT + HOUR)
    assert learning.read_all(AT + HOUR) == 1
    assert Reading.objects.get(pk=told.request_id).settled.code == LAMP, "a person was faster"


def test_what_comes_in_is_read_once_with_its_reasons(world, started):
    for n in range(5):
        said(world, f"公园北门的路灯不亮，{n} 天了", at=AT + HOUR * n)
    done, cost = counted(lambda: learning.read_all(AT + DAY))
    assert done == 5 and cost <= 10
    assert learning.read_all(AT + DAY) == 0
    read = Reading.objects.select_related("category").order_by("pk").first()
    assert read.category.code == LAMP and read.probability > 0.3 and read.reader_id == started.pk
    assert any("灯" in w for w in read.words) and len(read.choices) == 3


def test_reading_twice_at_once_keeps_one(fire_db, world, started):
    told = said(world, "公园北门的路灯不亮")
    race(lambda: learning.read(first=0, at=AT + HOUR), lambda: learning.read(first=0, at=AT + HOUR))
    assert Reading.objects.filter(pk=told.request_id).count() == 1


@pytest.mark.parametrize(
    "text", ["👍👍👍", "hello, the street lamp is broken, please send somebody to repair it", "。。。！！"]
)
def test_what_is_no_request_in_chinese_is_left_to_people(world, started, text):
    told = said(world, text)
    learning.read_all(AT + HOUR)
    read = Reading.objects.get(pk=told.request_id)
    assert read.category is None and read.rejected in {"no_words", "foreign", "empty"}


def test_a_model_that_cannot_be_read_is_left_out(world, started):
    Reader.objects.filter(pk=started.pk).update(content=bytes(Reader.objects.get(pk=started.pk).content)[:-40])
    reader.forget()
    assert reader.live(COUNTY) is None
    assert propose.categories_of("三号楼前路灯不亮", area_path=COUNTY)[0].category.code == LAMP


def test_requests_from_before_get_their_traces_and_are_found_by_them(world):
    from heli.loop import alike

    old = said(world, "丽景新城旁边的搅拌站半夜还在生产，噪音太大睡不着", category="060104")
    Request.objects.update(traces=[])
    silent = said(world, "。。。", category="060104")
    Request.objects.filter(pk=silent.request_id).update(traces=[])
    assert alike.backfill(Request.objects.filter(traces=[]).order_by("pk")) == 2
    assert alike.backfill(Request.objects.filter(traces=[]).order_by("pk")) == 0, (
        "one without a sign is not looked at again"
    )
    asked = {"text": "丽景新城的搅拌站半夜生产，噪音太大，睡不着觉", "area_path": "370602003006", "code": ""}
    found, cost = counted(lambda: alike.twins(SYSTEM, **asked, now=AT + DAY))
    assert [t.request.pk for t in found] == [old.request_id] and found[0].shared and cost <= 2


# Lessons ----------------------------------------------------------------------------------------------------------------
def test_what_people_decide_is_a_lesson_and_settles_the_reading(world, started):
    told = said(world, "公园北门的路灯不亮")
    learning.read_all(AT + HOUR)
    steps.reclassify(request_id=told.request_id, by=world.actor("孙坐席"), at=told.later(1), category=SEWER)
    told.dispatch()
    assert [x.how for x in Lesson.objects.order_by("pk")] == ["corrected", "sent"]
    read = Reading.objects.select_related("category", "settled").get(pk=told.request_id)
    assert (read.category.code, read.settled.code) == (LAMP, SEWER)
    lead = told.lead
    steps.ask_return(dispatch_id=lead.pk, by=world.actor("于科员"), at=told.later(1), reason_code="not_ours",
                     reason="不归我们", legal_basis="三定规定")  # fmt: skip
    steps.decide_return(dispatch_id=lead.pk, by=world.actor("孙坐席"), at=told.later(1), uphold=True)
    assert Lesson.objects.latest("pk").category is None and Reading.objects.get(pk=told.request_id).settled is None
    assert learning.decided(COUNTY, 10**9) == [], "what was taken back teaches nothing"
    with pytest.raises(Exception, match=r"(?i)protected|cannot"), transaction.atomic():
        Lesson.objects.all().delete()


def test_the_system_teaches_nothing(world, started):
    told = said(world, "公园北门的路灯不亮", category=LAMP)
    steps.offer(request_id=told.request_id, unit_id=world.org("城管局").pk, by=SYSTEM, at=told.later(1))
    assert not Lesson.objects.exists()


def test_a_wrong_proposal_corrected_twice_is_right_the_third_time(world, started):
    odd = "共享单车把盲道占满了，{}"
    before = propose.categories_of(odd.format("第三回说了"), area_path=COUNTY)[0].category.code
    assert before != "070502"
    for n, place in enumerate(PLACES[:2]):
        told = said(world, odd.format(place), at=AT + HOUR * n)
        learning.read_all(AT + HOUR * 3)
        steps.reclassify(request_id=told.request_id, by=world.actor("孙坐席"), at=AT + HOUR * 4, category="070502")
    third, cost = counted(lambda: propose.categories_of(odd.format("第三回说了"), area_path=COUNTY))
    assert third[0].category.code == "070502" and cost <= 6
    assert propose.categories_of("桥头的路灯不亮了", area_path=COUNTY)[0].category.code == LAMP, (
        "it forgot nothing else"
    )
    _same, cost = counted(lambda: propose.categories_of("桥头的路灯不亮了", area_path=COUNTY))
    assert cost <= 5
    assert propose.categories_of(odd.format("x"), area_path="370613")[0].category.code == before, "county by county"


# Learning ---------------------------------------------------------------------------------------------------------------
def decided(world: Any, n: int) -> None:
    """So many requests that people sent on, in turn of three matters."""
    codes = list(SAYS)
    for i in range(n):
        code = codes[i % 3]
        text = SAYS[code][i // 3 % 3].format(f"{PLACES[i % 10]}{i}号")
        told = said(world, text, at=AT + HOUR * i / 10, category=code)
        Lesson.objects.create(
            request=told.request, area_path=told.request.area_path, how="sent", said_at=told.at,
            category=Category.objects.get(code=code), said_by_id=world.actor("孙坐席").user_id,
        )  # fmt: skip


def test_an_area_learns_its_own_reader_compares_switches_and_goes_back(world, started, monkeypatch):
    admin = world.actor("姜管理")
    with pytest.raises(TooFewLessons):
        reading_steps.learn(area_path=COUNTY, by=admin, at=AT)
    monkeypatch.setattr(learning, "CHECK_LEAST", 5)
    monkeypatch.setattr(reading_steps, "LEAST", 30)
    decided(world, 36)
    made = reading_steps.learn(area_path=COUNTY, by=admin, at=AT + DAY)
    with pytest.raises(core.TakenAlready):
        reading_steps.learn(area_path=COUNTY, by=admin, at=AT + DAY)
    assert learning.learn(made.pk, AT + DAY) == "ready" and learning.learn(made.pk, AT + DAY) == ""
    made.refresh_from_db()
    assert made.lessons == 36 and made.measures["n"] == 7 == made.against["n"] and made.progress == 100
    assert reader.live(COUNTY).reader_id == started.pk, "a person switches"
    with pytest.raises(core.Forbidden):
        reading_steps.switch(reader_id=made.pk, by=world.actor("孙坐席"), at=AT + DAY)
    reading_steps.switch(reader_id=made.pk, by=admin, at=AT + DAY)
    assert reader.live(COUNTY).reader_id == made.pk and reader.live("370613").reader_id == started.pk
    again = reading_steps.learn(area_path=COUNTY, by=admin, at=AT + DAY)
    learning.learn(again.pk, AT + DAY)
    reading_steps.switch(reader_id=again.pk, by=admin, at=AT + DAY * 2)
    assert [r.state for r in Reader.objects.filter(area_path=COUNTY).order_by("version")] == ["retired", "live"]
    reading_steps.switch(reader_id=made.pk, by=admin, at=AT + DAY * 3)
    assert reader.live(COUNTY).reader_id == made.pk
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.filter(pk=again.pk).update(state="live")


def test_learning_that_cannot_be_says_why(world, few, monkeypatch):
    monkeypatch.setattr(examples, "everything", lambda: ((LAMP, "路灯不亮"),) * 3)
    monkeypatch.setattr(learning, "listed", lambda _tree: [])
    made = reading_steps.learn(area_path="", by=SYSTEM, at=AT)
    assert learning.learn(made.pk, AT) == "failed"
    assert "one label" in Reader.objects.get(pk=made.pk).failure
    reading_steps.learn(area_path="", by=SYSTEM, at=AT)
    assert reading_steps.give_up(at=AT + HOUR) == 0 and reading_steps.give_up(at=AT + DAY) == 1, "its job died for good"


# Sending on -------------------------------------------------------------------------------------------------------------
def test_nothing_is_sent_on_unless_the_area_says_so(world, started):
    told = said(world, "公园北门的路灯不亮了，晚上黑")
    learning.read_all(AT + HOUR)
    assert told.request.state == "heard"


def test_the_rule_sends_on_what_is_sure_and_a_person_looks_at_samples(world, started):
    auto_on()
    lamp = said(world, "公园北门的路灯不亮了，晚上黑")
    protected = tell(world, text="桥头的路灯不亮了，晚上黑", confidentiality="protected")
    other = said(world, "桥头的路灯不亮了，晚上黑", category=SEWER)
    learning.read_all(AT + HOUR)
    assert lamp.request.state == "dispatched" and lamp.request.category.code == LAMP
    assert Reading.objects.get(pk=lamp.request_id).auto and not Lesson.objects.exists()
    assert Dispatch.objects.get(request=lamp.request_id, role="lead").offered_by is None
    assert protected.request.state == other.request.state == "heard", "a person looks"
    assert reading_steps.draw(at=AT + HOUR * 2) == 1
    assert reading_steps.draw(at=AT + HOUR * 2) == 0 and Sample.objects.count() == 1
    with pytest.raises(core.NotFound):
        reading_steps.look(reading_id=lamp.request_id, by=world.actor("于科员"), at=AT + DAY, category=LAMP)
    seen = reading_steps.look(reading_id=lamp.request_id, by=world.actor("孙坐席"), at=AT + DAY, category=LAMP)
    assert seen.right and Lesson.objects.get().how == "sampled"
    with pytest.raises(core.TakenAlready):
        reading_steps.look(reading_id=lamp.request_id, by=world.actor("孙坐席"), at=AT + DAY, category=LAMP)


def test_samples_that_are_wrong_stop_it_until_somebody_lifts_the_stop(world, started):
    auto_on()
    rule("text.auto.window", 10)
    told = said(world, "公园北门的路灯不亮了，晚上黑")
    learning.read_all(AT + HOUR)
    reading_steps.draw(at=AT + HOUR * 2)
    reading_steps.look(reading_id=told.request_id, by=world.actor("孙坐席"), at=AT + HOUR * 3, category="070502")
    stop = AutoStop.objects.get()
    assert (stop.why, stop.right, stop.looked) == ("precision", 0, 1), "one of ten is more than five of a hundred"
    held = said(world, "桥头一排灯灭了好几天", at=AT + HOUR * 4)
    learning.read_all(AT + HOUR * 4)
    assert Reading.objects.get(pk=held.request_id).sure and held.request.state == "heard"
    with pytest.raises(core.Invalid):
        reading_steps.lift(stop_id=stop.pk, by=world.actor("姜管理"), at=AT + DAY, reason=" ")
    reading_steps.lift(stop_id=stop.pk, by=world.actor("姜管理"), at=AT + DAY, reason="例句补好了")
    after = said(world, "河边一排灯灭了好几天", at=AT + DAY)
    learning.read_all(AT + DAY)
    assert after.request.state == "dispatched"


def test_samples_nobody_looks_at_stop_it_too(world, started):
    auto_on()
    said(world, "公园北门的路灯不亮了，晚上黑")
    learning.read_all(AT + HOUR)
    reading_steps.draw(at=AT + HOUR * 2)
    reading_steps.draw(at=AT + DAY * 5)
    assert AutoStop.objects.get().why == "unseen"


# Replies ----------------------------------------------------------------------------------------------------------------
def test_a_county_learns_which_reply_belongs_to_which_message_only_where_that_helps(world, monkeypatch):
    from heli.engines.text import reply
    from heli.loop import replies
    from heli.loop.reading_models import ReplySense

    assert replies.learn(COUNTY, AT) is None, "nothing was answered yet"
    made = reply.State(3, {"路灯": 2}, reply.WEIGHTS)
    pairs = [("", f"{p}的路灯不亮", f"{p}的路灯已修好") for p in PLACES]
    monkeypatch.setattr(replies, "answered", lambda _county: pairs)
    monkeypatch.setattr(reply, "LEAST", 4)
    monkeypatch.setattr(reply, "learn", lambda _pairs: made)
    monkeypatch.setattr(replies, "apart", lambda _pairs, state: 0.9 if state else 0.8)
    assert replies.learn(COUNTY, AT).pairs == 10 and replies.state_for(COUNTY + "003") == made
    monkeypatch.setattr(replies, "apart", lambda _pairs, state: 0.7 if state else 0.8)
    assert replies.learn(COUNTY, AT) is None and not ReplySense.objects.exists()
    assert replies.state_for(COUNTY) is None

"""Revisit calls: who is drawn, when and how often they are called, by whom, and the second listen."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from heli.core import errors as core
from heli.core.actor import SYSTEM
from heli.loop import errors, sampling, steps
from heli.loop.clocks import local_day
from heli.loop.models import Clock, Review
from heli.loop.oversight_models import Attempt, Recheck, Revisit
from heli.loop.queries import revisits as bench
from heli.orgs.queries import actor_for
from heli.orgs.steps import add_member, give_grant
from heli.people.steps import register
from heli.rulebook.shapes import hours
from heli.rulebook.steps import NewRule, set_rule
from tests.database import race
from tests.loop.told import AT, HOUR, tell
from tests.world import COUNTY

MORNING = AT - HOUR * 3  # answered at 9:12, called from 11:12
PERIODS = hours({"periods": [["08:30", "12:30"], ["14:00", "20:30"]]})


def rule(world: Any, key: str, value: Any) -> None:
    new = NewRule(
        key=key,
        area_path=COUNTY,
        applies_to={},
        value=value,
        citation="区里定的",
        valid_from=local_day(AT) - dt.timedelta(days=30),
        reason="试点",
    )
    set_rule(rule=new, by=world.actor("姜管理"), at=AT - HOUR * 24 * 30)


def second_caller(world: Any) -> Any:
    """Another caller of the request centre."""
    user = register(by=SYSTEM, at=AT, username="qi.huifang", call_name="齐回访", password="a-long-sentence-for-tests")
    add_member(org_id=world.org("诉求中心").pk, user_id=user.pk, by=SYSTEM, at=AT)
    give_grant(
        user_id=user.pk,
        role="revisitor",
        paths=(COUNTY,),
        org_id=world.org("诉求中心").pk,
        reason="岗位",
        by=SYSTEM,
        at=AT,
    )
    return actor_for(user)


def answered(world: Any, **more: Any) -> tuple[Any, Revisit]:
    told = tell(world, at=MORNING, **more).answered()
    return told, Revisit.objects.get(request=told.request_id)


# Who is drawn --------------------------------------------------------------------------------------------------------
def test_the_draw_is_steady_fair_and_hangs_on_the_key(settings):
    picked = [n for n in range(10_000) if sampling.drawn(n, 1, 30)]
    assert 2_850 <= len(picked) <= 3_150 and picked == [n for n in range(10_000) if sampling.drawn(n, 1, 30)]
    assert not any(sampling.drawn(n, 1, 0) for n in range(500)) and all(sampling.drawn(n, 1, 100) for n in range(500))
    assert set(picked) < {n for n in range(10_000) if sampling.drawn(n, 1, 60)}, "a larger share only adds"
    settings.SECRET_KEY = "another"
    assert picked != [n for n in range(10_000) if sampling.drawn(n, 1, 30)], "nobody tells it without the key"


def test_not_drawn_gets_no_call_but_may_judge(world):
    rule(world, "revisit.sample", 0)
    told = tell(world, at=MORNING).answered()
    assert not Revisit.objects.exists() and not Clock.objects.filter(kind="revisit").exists()
    assert Clock.objects.filter(kind="review", outcome="running").count() == 1
    with pytest.raises(errors.NotDrawn):
        steps.judge(
            voice_id=told.voice.pk, by=world.actor("郝回访"), at=told.later(3), contacted=True, solved="yes", satisfaction=5,
            source="revisit",
        )  # fmt: skip
    told.judge()
    assert told.request.state == "closed"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"urgency": "urgent"}, "urgent"),
        ({"kind": "complaint"}, "complaint"),
        ({"confidentiality": "protected"}, "protected"),
    ],
)
def test_some_are_always_called(world, more, why):
    rule(world, "revisit.sample", 0)
    told = tell(world, at=MORNING, **({} if "urgency" in more else more))
    if "urgency" in more:
        type(told.request).objects.filter(pk=told.request_id).update(**more)
    told.answered()
    assert Revisit.objects.get(request=told.request_id).why == why


def test_what_was_done_anew_is_always_called(world):
    rule(world, "revisit.sample", 0)
    told = tell(world, at=MORNING).answered()
    told.judge("no", 1)
    told.reply()
    assert list(Revisit.objects.values_list("lap", "why")) == [(2, "redo")]


# When ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "then"),
    [
        ("08:00", "08:30"),
        ("09:10", "09:10"),
        ("12:30", "14:00"),
        ("13:00", "14:00"),
        ("20:29", "20:29"),
        ("21:00", "+08:30"),
    ],
)
def test_hours_in_which_one_may_call(at, then):
    day = AT.replace(hour=int(at[:2]), minute=int(at[3:]))
    got = sampling.allowed(day, PERIODS).astimezone(AT.tzinfo)
    late = then.startswith("+")
    wanted = AT.replace(hour=int(then.lstrip("+")[:2]), minute=int(then[-2:])) + dt.timedelta(days=late)
    assert got == wanted


def test_not_reached_again_and_given_up(world):
    told, call = answered(world)
    hao = world.actor("郝回访")
    assert call.call_at == told.at + HOUR * 2 and call.message_at is None
    noon = told.at + HOUR * 2
    asked = AT.replace(hour=18, minute=30)
    ends = Clock.objects.get(request=told.request_id, kind="review").due_at
    for wrong in (noon - HOUR, AT.replace(hour=22), ends + HOUR, ends.replace(year=2099)):
        with pytest.raises(core.Invalid):
            steps.unreached(voice_id=told.voice.pk, by=hao, at=noon, again_at=wrong)
    steps.unreached(voice_id=told.voice.pk, by=hao, at=noon, again_at=asked, words="打了两遍")
    call.refresh_from_db()
    assert (call.attempts, call.call_at, call.state, call.way) == (1, asked, "waiting", "phone")
    steps.unreached(voice_id=told.voice.pk, by=hao, at=noon + HOUR / 4)
    call.refresh_from_db()
    assert (call.attempts, call.call_at) == (1, asked), "a try before its time counts as none: none is used up at once"
    assert bench.next_call(hao, noon) is None and bench.next_call(hao, asked) == call
    steps.unreached(voice_id=told.voice.pk, by=hao, at=asked)
    call.refresh_from_db()
    assert call.call_at > asked + HOUR, "by the rule: four hours later, in the hours when one may call"
    steps.unreached(voice_id=told.voice.pk, by=hao, at=call.call_at)
    call.refresh_from_db()
    assert (call.attempts, call.way, call.state) == (3, "visit", "waiting"), "then in person"
    steps.unreached(voice_id=told.voice.pk, by=hao, at=call.call_at)
    call.refresh_from_db()
    assert call.state == "unreached" and told.request.state == "replied" and told.request.satisfaction is None
    assert Attempt.objects.filter(result="no_answer").count() == Review.objects.filter(reached=False).count() == 5
    told.at += HOUR * 30
    told.judge()
    assert told.request.state == "closed", "the link still judges"


def test_the_link_is_sent_before_the_call_where_the_rule_says(world):
    rule(world, "revisit.channels", [{"way": "message", "hours": 1}, {"way": "phone", "hours": 5}])
    told, call = answered(world)
    assert call.message_at == told.at + HOUR and call.call_at > told.at + HOUR * 6 - HOUR
    assert steps.send_messages(at=told.at) == 0
    assert steps.send_messages(at=told.at + HOUR) == 1 == Attempt.objects.filter(result="sent").count()
    assert steps.send_messages(at=told.at + HOUR * 2) == 0


def test_judged_by_themselves_is_not_called(world):
    told, call = answered(world)
    told.judge()
    call.refresh_from_db()
    assert call.state == "judged" and not bench.waiting(world.actor("郝回访")).exists()


def test_lapsed_is_over(world):
    told, call = answered(world)
    steps.lapse(request_id=told.request_id, at=told.at + HOUR * 24 * 8)
    call.refresh_from_db()
    assert (call.state, call.claimed_by) == ("over", None)


# By whom -------------------------------------------------------------------------------------------------------------
def test_two_callers_do_not_call_one_resident(fire_db, world):
    told, call = answered(world)
    both = (world.actor("郝回访"), second_caller(world))
    made = race(*(lambda b=b: steps.claim_call(revisit_id=call.pk, by=b, at=told.at + HOUR * 2) for b in both))
    assert sorted(type(m).__name__ for m in made) == ["CallTaken", "Revisit"]
    winner = next(m for m in made if isinstance(m, Revisit))
    loser = next(b for b in both if b.user_id != winner.claimed_by_id)
    with pytest.raises(errors.CallTaken):
        steps.judge(
            voice_id=told.voice.pk,
            by=loser,
            at=told.at + HOUR * 2,
            contacted=True,
            solved="yes",
            satisfaction=5,
            source="revisit",
        )
    assert bench.next_call(loser, told.at + HOUR * 2) is None
    later = told.at + HOUR * 2 + dt.timedelta(minutes=16)
    assert bench.next_call(loser, later) == call, "the lease is over"
    assert steps.claim_call(revisit_id=call.pk, by=loser, at=later).claimed_by_id == loser.user_id


def test_who_may_not_take_a_call(world):
    told, call = answered(world)
    at = told.at + HOUR * 2
    for name, wrong in (("于科员", core.NotFound), ("外县人", core.NotFound), ("吕部长", core.NotFound)):
        with pytest.raises(wrong):
            steps.claim_call(revisit_id=call.pk, by=world.actor(name), at=at)
    with pytest.raises(errors.NotNow):
        steps.claim_call(revisit_id=call.pk, by=world.actor("郝回访"), at=AT.replace(hour=22))
    give_grant(
        user_id=world.sun_dispatcher.pk,
        role="revisitor",
        paths=(COUNTY,),
        org_id=world.org("诉求中心").pk,
        reason="兼",
        by=SYSTEM,
        at=AT,
    )
    with pytest.raises(errors.HandlerCannotJudge):
        steps.claim_call(revisit_id=call.pk, by=world.actor("孙坐席"), at=at)
    assert bench.next_call(world.actor("孙坐席"), at) is None, "so that they get on to the next one"


def test_who_handled_a_part_does_not_ask_about_the_whole(world):
    whole, desk = tell(world, at=MORNING), world.actor("孙坐席")
    for p in steps.split(request_id=whole.request_id, parts=[("路", "路塌了"), ("灯", "灯不亮")], by=desk, at=MORNING):
        d = steps.offer(request_id=p.pk, unit_id=world.org("城管局").pk, by=desk, at=MORNING)
        steps.accept(dispatch_id=d.pk, by=world.actor("于科员"), at=MORNING)
        steps.write_reply(request_id=p.pk, by=world.actor("于科员"), at=MORNING + HOUR, text="已修好，再坏请打 12345。")
    call, at = Revisit.objects.get(request=whole.request_id), MORNING + HOUR * 3
    for name in ("于科员", "孙坐席"):
        give_grant(
            user_id=world.user(name).pk, role="revisitor", paths=(COUNTY,), org_id=world.org("诉求中心").pk, reason="兼",
            by=SYSTEM, at=AT,
        )  # fmt: skip
        with pytest.raises(errors.HandlerCannotJudge):
            steps.claim_call(revisit_id=call.pk, by=world.actor(name), at=at)
        assert not bench.waiting(world.actor(name)).exists()
    assert bench.next_call(world.actor("郝回访"), at) == call


def test_somebody_one_knows_is_passed_on(world):
    told, call = answered(world)
    hao, other, at = world.actor("郝回访"), second_caller(world), told.at + HOUR * 2
    steps.claim_call(revisit_id=call.pk, by=hao, at=at)
    steps.pass_call(revisit_id=call.pk, by=hao, at=at)
    assert bench.next_call(hao, at) is None and bench.next_call(other, at) == call
    steps.claim_call(revisit_id=call.pk, by=other, at=at)
    steps.release_call(revisit_id=call.pk, by=other, at=at)
    assert Revisit.objects.get().claimed_by_id is None


# The second listen ---------------------------------------------------------------------------------------------------
def test_the_second_listen_finds_what_differs(world):
    rule(world, "revisit.recheck", 100)
    told, call = answered(world)
    hao, other, at = world.actor("郝回访"), second_caller(world), told.at + HOUR * 2
    steps.judge(voice_id=told.voice.pk, by=hao, at=at, contacted=True, solved="yes", satisfaction=5, source="revisit")
    call.refresh_from_db()
    assert (call.state, call.attempts) == ("reached", 1)
    check = Recheck.objects.get()
    say = {"recheck_id": check.pk, "at": at + HOUR}
    with pytest.raises(errors.SameCaller):
        steps.record_check(by=hao, contacted=True, solved="yes", satisfaction=5, **say)
    with pytest.raises(core.Invalid):
        steps.record_check(by=other, contacted=True, **say)
    steps.record_check(by=other, contacted=True, solved="partly", satisfaction=4, **say)
    with pytest.raises(core.WrongState):
        steps.record_check(by=other, contacted=True, solved="yes", satisfaction=5, **say)
    assert told.request.solved == "yes", "the first answer stays"
    lv = world.actor("吕部长")
    assert [c.pk for c in bench.deviations(lv)] == [check.pk]
    assert bench.deviations_by_unit(lv) == [("城管局", 1, 1)]
    assert not bench.deviations(world.actor("外县人")).exists()


def test_a_second_listen_that_finds_nobody_says_so(world):
    rule(world, "revisit.recheck", 100)
    told, _call = answered(world)
    at = told.at + HOUR * 2
    steps.judge(
        voice_id=told.voice.pk, by=world.actor("郝回访"), at=at, contacted=True, solved="yes", satisfaction=5,
        source="revisit",
    )  # fmt: skip
    check = Recheck.objects.get()
    made = steps.record_check(recheck_id=check.pk, by=second_caller(world), at=at + HOUR, reached=False)
    check.refresh_from_db()
    assert made.state == check.state == "unreached" and not bench.deviations(world.actor("吕部长")).exists()


def test_the_script_tells_no_third_person(world):
    told, _call = answered(world, kind="complaint")
    said = bench.script(told.request, "王**")
    assert "王**" in said[0] and told.request.title not in said[0] + said[1] and told.request.title in said[2]
    assert "投诉" in said[2] and len(said) == 6

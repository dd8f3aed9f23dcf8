"""诉 → 转 → 办 → 评, and round again: the loop as its users walk it."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db.models import F

from heli.core import errors as core
from heli.core.models import Event
from heli.loop import errors, jobs, rates, steps
from heli.loop.models import Clock, Exclusion, Request, Review
from heli.orgs.errors import UnitClosed
from heli.rulebook.errors import RuleMissing
from heli.rulebook.models import Rule
from tests.loop.told import AT, HOUR, SEWER, TEXT, tell


def test_one_request_travels_the_whole_loop(world):
    told = tell(world)
    assert told.request.state == "heard"
    assert told.request.title == "世学路 26 号门前人行道塌下去一片"
    told.dispatch()
    told.accept()
    steps.contact(request_id=told.request_id, by=world.actor("于科员"), at=told.later(0.5), way="phone", reached=True)
    told.reply()
    assert told.request.state == "replied"
    told.judge()
    done = told.request
    assert (done.state, done.solved, done.satisfaction, done.contacted) == ("closed", "yes", 5, True)
    walked = list(
        Event.objects.filter(subject_type="loop.request", subject_id=done.pk)
        .values_list("step", flat=True)
        .order_by("id")
    )
    assert walked == [
        "request.hear",
        "request.dispatch",
        "dispatch.accept",
        "request.contact",
        "handling.write",
        "request.judge",
    ]
    assert set(Clock.objects.filter(request=done).values_list("kind", "outcome")) == {
        ("dispatch", "met"), ("accept", "met"), ("contact", "met"), ("reply", "met"), ("revisit", "met"), ("review", "met"),
    }  # fmt: skip


def test_not_solved_goes_round_again_with_a_clock_of_its_own(world):
    told = tell(world).answered()
    told.judge("no", 2, words="又塌了")
    again = told.request
    assert (again.state, again.lap, again.unit.short_name) == ("handling", 2, "城管局")
    redo = Clock.objects.get(request=again, kind="redo")
    assert redo.outcome == "running" and redo.lap == 2 and redo.rule.key == "clock.redo"
    told.reply()
    told.judge("yes", 4)
    assert told.request.state == "closed"
    assert list(Review.objects.filter(request=again).values_list("lap", "solved").order_by("lap")) == [
        (1, "no"),
        (2, "yes"),
    ]


def test_very_dissatisfied_goes_round_again_even_when_solved(world):
    told = tell(world).answered()
    told.judge("yes", 1)
    assert told.request.lap == 2


def test_at_the_limit_a_supervisor_decides(world):
    told = tell(world).answered()
    for _ in range(2):
        told.judge("no", 2)
        told.reply()
    told.judge("no", 2)
    assert told.request.state == "appealed"
    with pytest.raises(core.Forbidden):
        steps.decide_appeal(
            request_id=told.request_id, by=world.actor("孙坐席"), at=told.at, again=True, decision="再办"
        )
    with pytest.raises(core.PaperMissing):
        steps.decide_appeal(request_id=told.request_id, by=world.actor("吕部长"), at=told.at, again=False, decision=" ")
    steps.decide_appeal(
        request_id=told.request_id, by=world.actor("吕部长"), at=told.at, again=False, decision="能做的都做了"
    )
    closed = told.request
    assert (closed.state, closed.solved) == ("closed", "no"), "a supervisor closes it; what the resident judged stays"


def test_the_handler_never_records_the_judgement(world):
    told = tell(world).answered()
    judgement = {"voice_id": told.voice.pk, "at": told.at, "contacted": True, "solved": "yes", "satisfaction": 5}
    with pytest.raises(core.HeliError):
        steps.judge(by=world.actor("于科员"), source="revisit", **judgement)
    steps.judge(by=world.actor("郝回访"), source="revisit", **judgement)
    assert told.request.state == "closed"


def test_unreached_and_unrated_are_never_satisfied(world):
    told = tell(world).answered()
    steps.unreached(voice_id=told.voice.pk, by=world.actor("郝回访"), at=told.later(1))
    assert jobs.lapse_due(told.at + dt.timedelta(days=30)) == 1
    left = told.request
    assert (left.state, left.satisfaction, left.solved) == ("lapsed", None, "")
    found = {r.key: (r.count, r.of) for r in rates.rates(("370602",), AT - HOUR, AT + HOUR, told.at)}
    assert found["satisfaction"] == (0, 0) and found["on_time"] == (1, 1)


def test_judged_twice_counts_once(world):
    told = tell(world).answered()
    told.judge()
    with pytest.raises(core.HeliError) as error:
        told.judge("no", 1)
    assert error.value.code in {"L-117", "L-101"}
    assert Review.objects.filter(request=told.request_id).count() == 1


def test_a_return_is_counted_and_at_the_limit_a_lead_is_named(world):
    told = tell(world, category=SEWER)
    sun, lv = world.actor("孙坐席"), world.actor("吕部长")
    papers = {"reason_code": "not_ours", "reason": "不在本单位养护范围", "legal_basis": "区道路养护分工清单第 12 行"}
    for unit, officer in (("城管局", "于科员"), ("住建局", "曲科员")):
        made = told.dispatch(unit)
        with pytest.raises(core.PaperMissing):
            steps.ask_return(dispatch_id=made.pk, by=world.actor(officer), at=told.at, **{**papers, "legal_basis": ""})
        steps.ask_return(dispatch_id=made.pk, by=world.actor(officer), at=told.at, **papers)
        steps.decide_return(dispatch_id=made.pk, by=sun, at=told.later(0.2), uphold=True)
    back = told.request
    assert (back.state, back.bounces, back.unit) == ("heard", 2, None)
    with pytest.raises(errors.ReturnLimit):
        told.dispatch("城管局")
    with pytest.raises(core.Forbidden):
        steps.force(request_id=back.pk, unit_id=world.org("住建局").pk, by=sun, at=told.at, decision="会商定")
    forced = steps.force(
        request_id=back.pk, unit_id=world.org("住建局").pk, by=lv, at=told.at, decision="会商定住建局主办"
    )
    assert told.request.state == "handling" and forced.forced
    with pytest.raises(errors.ReturnLimit):
        steps.ask_return(dispatch_id=forced.pk, by=world.actor("曲科员"), at=told.at, **papers)


def test_a_refused_return_leaves_the_clocks_running(world):
    told = tell(world)
    made = told.dispatch()
    due = told.request.due_at
    steps.ask_return(
        dispatch_id=made.pk,
        by=world.actor("于科员"),
        at=told.at,
        reason_code="not_ours",
        reason="不归我们",
        legal_basis="三定规定",
    )
    steps.decide_return(
        dispatch_id=made.pk, by=world.actor("孙坐席"), at=told.later(0.5), uphold=False, reason="目录写明由你局主办"
    )
    assert told.lead.state == "offered" and told.request.due_at == due


def test_too_late_to_give_back(world):
    told = tell(world)
    made = told.dispatch()
    with pytest.raises(errors.ReturnTooLate):
        steps.ask_return(
            dispatch_id=made.pk, by=world.actor("于科员"), at=told.at + dt.timedelta(days=9), reason_code="not_ours",
            reason="不归我们", legal_basis="三定规定",
        )  # fmt: skip


def test_a_departments_matter_goes_down_only_by_a_named_rule(world):
    told = tell(world, category=SEWER)
    with pytest.raises(errors.NotToGrassroots) as refused:
        told.dispatch("毓璜顶街道")
    assert refused.value.field == "push_down_rule" and "住房和建设局" in refused.value.words
    made = told.dispatch("毓璜顶街道", push_down_rule="区委编委 2026 年 3 号文：小区内管网由街道先行组织疏通")
    assert made.push_down_rule


def test_a_closed_unit_and_another_countys_unit_take_nothing(world):
    told = tell(world)
    with pytest.raises(core.Forbidden):
        told.dispatch("莱山城管局")
    unit = world.org("公交公司")
    unit.closed_at = AT - HOUR
    unit.opened_at = AT - HOUR * 2
    unit.save()
    with pytest.raises(UnitClosed):
        told.dispatch("公交公司")


def test_more_time_needs_a_second_person_and_the_resident_sees_it(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    clock = Clock.objects.get(request=told.request_id, kind="reply")
    ask = {"clock_id": clock.pk, "at": told.at, "kind": "more", "reason": "要等路面沉降稳定", "basis": "监测报告 11 号"}
    with pytest.raises(errors.TooMuchTime):
        steps.ask_extension(by=world.actor("于科员"), days=90, **ask)
    asked = steps.ask_extension(by=world.actor("于科员"), days=5, **ask)
    with pytest.raises(core.HeliError):
        steps.decide_extension(extension_id=asked.pk, by=world.actor("于科员"), at=told.at, approve=True)
    steps.decide_extension(extension_id=asked.pk, by=world.actor("吕部长"), at=told.later(1), approve=True)
    later = Clock.objects.get(pk=clock.pk)
    assert later.due_at > clock.due_at + dt.timedelta(days=4)
    assert Event.objects.get(step="extension.decide").public
    with pytest.raises(errors.AskedTooLate):
        steps.ask_extension(by=world.actor("于科员"), days=1, **(ask | {"at": later.due_at - HOUR}))


def test_a_pause_stops_the_clock_until_its_day(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    clock = Clock.objects.get(request=told.request_id, kind="reply")
    until = told.at + dt.timedelta(days=3)
    asked = steps.ask_extension(
        clock_id=clock.pk,
        by=world.actor("于科员"),
        at=told.at,
        kind="pause",
        until=until,
        reason="等雨停",
        basis="气象预警",
    )
    steps.decide_extension(extension_id=asked.pk, by=world.actor("吕部长"), at=told.at, approve=True)
    stopped = Clock.objects.get(pk=clock.pk)
    assert stopped.paused_until == until and stopped.due_at > clock.due_at
    steps.climb(at=until - HOUR)
    assert not Event.objects.filter(step__startswith="clock.", data__kind="reply").exists()


def test_the_ladder_never_acts_twice(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    late = told.at + dt.timedelta(days=9)
    first = steps.climb(at=late)
    assert first["urge"] + first["supervise"] >= 1
    assert steps.climb(at=late) == {"remind": 0, "urge": 0, "supervise": 0, "propose": 0}
    weeks = told.at + dt.timedelta(days=40)
    assert steps.climb(at=weeks)["propose"] >= 1
    assert steps.climb(at=weeks) == {"remind": 0, "urge": 0, "supervise": 0, "propose": 0}


def test_merged_voices_are_each_told_and_each_judge(world):
    one, twin = tell(world), tell(world, "世学路人行道塌了个坑，差点摔着", name="李阿姨", phone="13800000018")
    sun = world.actor("孙坐席")
    steps.merge(request_id=twin.request_id, into_id=one.request_id, by=sun, at=AT + HOUR)
    one.answered()
    one.judge("yes", 5)
    assert one.request.state == "replied", "the other voice has not judged yet"
    twin.at = one.at
    twin.judge("no", 2)
    assert one.request.lap == 2, "one unhappy neighbour is not outvoted"
    assert one.request.solved == "no"


def test_a_merge_can_be_taken_apart(world):
    one, twin = tell(world), tell(world, "世学路人行道塌了个坑，差点摔着")
    sun = world.actor("孙坐席")
    steps.merge(request_id=twin.request_id, into_id=one.request_id, by=sun, at=AT + HOUR)
    with pytest.raises(errors.CannotMerge):
        steps.merge(request_id=one.request_id, into_id=twin.request_id, by=sun, at=AT + HOUR)
    steps.unmerge(request_id=twin.request_id, by=sun, at=AT + HOUR * 2, reason="不是同一处")
    assert twin.request.state == "heard" and twin.request.due_at > AT + HOUR


def test_a_split_parent_waits_for_its_parts(world):
    told = tell(world, "人行道塌了；还有楼道灯不亮")
    sun = world.actor("孙坐席")
    with pytest.raises(errors.NotSplit):
        steps.split(request_id=told.request_id, parts=[("一", "只有一件")], by=sun, at=told.at)
    parts = steps.split(
        request_id=told.request_id, parts=[("人行道塌了", "人行道塌了"), ("楼道灯不亮", "灯不亮")], by=sun, at=told.at
    )
    for part in parts:
        assert told.request.state == "split"
        made = steps.offer(request_id=part.pk, unit_id=world.org("城管局").pk, by=sun, at=told.at)
        steps.accept(dispatch_id=made.pk, by=world.actor("于科员"), at=told.at)
        steps.write_reply(request_id=part.pk, by=world.actor("于科员"), at=told.later(1), text="修好了")
    assert told.request.state == "replied"
    told.judge()
    assert told.request.state == "closed"


def test_an_exclusion_takes_two_people_and_can_be_lifted(world):
    told = tell(world).answered()
    told.judge("no", 2)
    told.reply()
    lv = world.actor("吕部长")
    made = steps.propose_exclusion(
        request_id=told.request_id, by=lv, at=told.at, reason="court", evidence="（2026）鲁 0602 民初 1 号"
    )
    with pytest.raises(errors.NeedsSecondPerson):
        steps.confirm_exclusion(exclusion_id=made.pk, by=lv, at=told.at)
    with pytest.raises(core.TakenAlready):
        steps.propose_exclusion(request_id=told.request_id, by=lv, at=told.at, reason="court", evidence="同一份")
    assert not told.request.excluded and Exclusion.objects.get().state == "proposed"


def test_what_is_declined_says_why_and_where_to_go(world):
    told = tell(world)
    sun = world.actor("孙坐席")
    with pytest.raises(core.PaperMissing):
        steps.decline(
            request_id=told.request_id, by=sun, at=told.at, reason="法院在审", legal_basis="民事诉讼法", route=""
        )
    steps.decline(
        request_id=told.request_id,
        by=sun,
        at=told.at,
        reason="法院在审",
        legal_basis="民事诉讼法",
        route="等判决，可上诉",
    )
    assert told.request.state == "declined" and told.request.due_at is None


def test_personal_numbers_in_the_text_go_to_the_vault(world):
    told = tell(world, TEXT + "我电话13912345678，身份证370602195801011234。")
    assert "13912345678" not in told.request.text and "370602195801011234" not in told.request.text
    assert told.voice.record.note is not None


def test_without_a_rule_nothing_is_saved(world):
    Rule.objects.filter(key="clock.dispatch").update(valid_to=F("valid_from"))
    before = Request.objects.count()
    with pytest.raises(RuleMissing) as error:
        tell(world)
    assert "clock.dispatch" in error.value.words and Request.objects.count() == before


def test_past_the_calendar_a_deadline_is_provisional_and_recomputed(world):
    late = dt.datetime(2026, 12, 30, 10, 0, tzinfo=AT.tzinfo)
    told = tell(world, at=late)
    told.dispatch()
    clock = Clock.objects.get(request=told.request_id, kind="reply")
    assert clock.provisional and clock.due_at.year == 2027
    from heli.core.actor import SYSTEM
    from heli.rulebook.steps import NewDay, import_calendar_year

    import_calendar_year(
        area_path="",
        year=2027,
        days=[NewDay(dt.date(2027, 1, 4), False, "元旦补休")],
        citation="测试",
        by=SYSTEM,
        at=late,
    )
    assert steps.recompute_provisional(area_path="", at=late) >= 1
    fixed = Clock.objects.get(pk=clock.pk)
    assert not fixed.provisional and fixed.due_at > clock.due_at


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"area_path": ""}, "L-112"),
        ({"area_path": "999999"}, "L-112"),
        ({"category": "999999"}, "L-111"),
        ({"text": "修" * 20_000}, "L-118"),
        ({"text": "  \n "}, "L-400"),
    ],
)
def test_bad_input_is_refused_with_its_code(world, what, code):
    with pytest.raises(core.HeliError) as error:
        tell(world, **what)
    assert error.value.code == code and error.value.words


def test_rare_characters_and_emoji_are_kept(world):
    assert "𠮷㙍🙏" in tell(world, "𠮷㙍🙏路灯不亮").request.text


def test_the_same_form_sent_twice_counts_once(world):
    import uuid

    key = uuid.uuid4()
    tell(world, form_key=key)
    with pytest.raises(core.AlreadyDone):
        tell(world, form_key=key)
    assert Request.objects.filter(form_key=key).count() == 1


def split_in_two(world):
    told = tell(world)
    parts = [("路面", "人行道塌下去一片"), ("路灯", "这一段路灯也不亮")]
    return told, steps.split(request_id=told.request_id, parts=parts, by=world.actor("孙坐席"), at=told.later(0.1))


def test_a_part_is_joined_to_nothing_since_its_resident_waits_for_all_parts(world):
    _told, parts = split_in_two(world)
    other, desk = tell(world, "世学路人行道塌了，老人绊倒了"), world.actor("孙坐席")
    for one, into in ((parts[0].pk, other.request_id), (other.request_id, parts[0].pk)):
        with pytest.raises(errors.CannotMerge):
            steps.merge(request_id=one, into_id=into, by=desk, at=other.at)
    assert set(Request.objects.filter(parent__isnull=False).values_list("state", flat=True)) == {"heard"}


def test_what_was_split_and_failed_goes_back_to_the_desk_when_a_supervisor_says_once_more(world):
    told, parts = split_in_two(world)
    for part in parts:
        steps.decline(
            request_id=part.pk,
            by=world.actor("孙坐席"),
            at=told.at,
            reason="不归我们",
            legal_basis="条例 3 条",
            route="找物业",
        )
    assert told.request.state == "replied"
    told.judge("no", 2)
    assert (told.request.state, told.request.unit) == ("appealed", None)
    steps.decide_appeal(
        request_id=told.request_id, by=world.actor("吕部长"), at=told.at, again=True, decision="整件交城管局"
    )
    again = told.request
    assert (again.state, again.lap, again.due_kind) == ("heard", 2, "dispatch")
    told.dispatch()
    told.accept()
    told.reply()
    told.judge()
    assert told.request.state == "closed"

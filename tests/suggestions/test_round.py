"""A suggestion from its first word to what came of it, by the steps alone; and what each step refuses."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from heli.core import errors, vault
from heli.core.actor import PUBLIC
from heli.core.models import Event, VaultRecord
from heli.loop import steps as loop
from heli.loop.errors import AnotherWay
from heli.loop.models import Handling, Request, Voice
from heli.suggestions import steps
from heli.suggestions.errors import (
    AnsweredAlready,
    CallClosed,
    CannotJoin,
    EditedAfterSeconding,
    MeasuresMissing,
    NotASuggestion,
    NotSeconded,
    OwnSuggestion,
    SecondedAlready,
    WordsChanged,
)
from heli.suggestions.models import Answer, Measure, Second, Suggestion, Wording
from heli.suggestions.queries import desk
from heli.suggestions.queries import one as ones
from heli.suggestions.queries.wall import at_stage, tally, with_stage
from tests.invariants.laid import photo
from tests.loop.told import tell
from tests.suggestions.said import AT, DAY, TEXT, call, suggest

pytestmark = pytest.mark.django_db


def test_from_the_first_word_to_what_came_of_it(world: Any) -> None:
    asked = call(world)
    made = suggest(world, call_id=asked.pk, credit_name="王奶奶")
    assert (made.row.state, made.row.credit, made.request.kind) == ("reading", "asked", "suggestion")
    assert not Suggestion.objects.visible_to(PUBLIC).filter(pk=made.pk).exists()
    made.publish().second().second("周银龄")
    assert (made.row.state, made.row.credit, made.row.seconds) == ("public", "shown", 2)
    made.handled()
    with pytest.raises(AnotherWay):
        loop.write_reply(request_id=made.pk, by=world.actor("曲科员"), at=made.later(), text="已阅")
    answer = made.answer()
    assert made.request.state == "replied"
    assert Handling.objects.get(pk=answer.handling_id).kind == "answer"
    assert "采纳" in Handling.objects.get(pk=answer.handling_id).text
    steps.report(
        measure_id=made.measure.pk,
        text="量好尺寸，12 月初到货",
        by=world.actor("曲科员"),
        at=made.later(48),
        photos=[photo()],
    )
    assert made.measure.progress.get().photos
    steps.finish(measure_id=made.measure.pk, text="三个单元都装好了", by=world.actor("曲科员"), at=made.later(48))
    with pytest.raises(errors.Forbidden):
        steps.confirm(measure_id=made.measure.pk, by=world.actor("曲科员"), at=made.at)
    steps.confirm(measure_id=made.measure.pk, by=made.keeper(), at=made.later())
    assert made.measure.state == "confirmed"
    seen = Event.objects.filter(subject_type="loop.request", subject_id=made.pk, public=True)
    assert {"suggestions.publish", "suggestions.report", "suggestions.confirm"} <= set(
        seen.values_list("step", flat=True)
    )
    other = suggest(world, "巷口装面镜子", call_id=asked.pk).publish()
    told = {"reason": "路不归本区", "legal_basis": "公路法", "route": "找市公路中心"}
    loop.decline(request_id=other.pk, by=world.actor("孙坐席"), at=other.later(), **told)
    count = tally(asked, made.at)
    assert (count.public, count.partly, count.waiting, count.declined) == (2, 1, 0, 1)
    steps.close_call(call_id=asked.pk, by=made.keeper(), at=made.later())
    steps.sum_up(call_id=asked.pk, summary="采纳一条，已经装好。", by=made.keeper(), at=made.later())


def test_the_same_form_counts_once(world: Any) -> None:
    key = uuid.uuid4()
    suggest(world, form_key=key)
    with pytest.raises(errors.AlreadyDone):
        suggest(world, form_key=key)
    assert Suggestion.objects.count() == 1


def test_a_call_takes_suggestions_on_its_days_only(world: Any) -> None:
    draft, later = call(world, opened=False), call(world, first_day=(AT + DAY).date())
    for one in (later,):
        with pytest.raises(CallClosed):
            suggest(world, call_id=one.pk)
    with pytest.raises(errors.NotFound):  # nobody but its keepers knows of a draft
        suggest(world, call_id=draft.pk)
    over = call(world, days=2)
    with pytest.raises(CallClosed):
        suggest(world, call_id=over.pk, at=AT + DAY * 3)
    assert steps.end_calls(at=AT + DAY * 3) == 1 and steps.end_calls(at=AT + DAY * 3) == 0
    over.refresh_from_db()
    assert over.state == "closed"
    assert Request.objects.count() == 0  # nothing half taken


def test_an_open_call_is_kept_open_longer_and_not_changed(world: Any) -> None:
    one = call(world)
    told = {"asked": "x", "why": "y", "area_path": one.area_path, "unit_id": one.unit_id, "first_day": one.first_day}
    again = steps.put_call(
        call_id=one.pk, title="别的", last_day=one.last_day + DAY, by=world.actor("宋建言"), at=AT, **told
    )
    assert (again.title, again.last_day) == ("老楼怎么更方便老人", one.last_day + DAY)
    with pytest.raises(errors.Invalid):
        steps.put_call(call_id=one.pk, title="别的", last_day=one.first_day, by=world.actor("宋建言"), at=AT, **told)
    with pytest.raises(errors.NotFound):
        steps.close_call(call_id=call(world, opened=False).pk, by=world.actor("于科员"), at=AT)


def test_words_stand_fast_once_somebody_seconded_them(world: Any) -> None:
    made = suggest(world)
    steps.correct(request_id=made.pk, text=TEXT + "每层一个。", by=made.suggester, at=made.later())
    for decide in (
        lambda: made.publish(version=1),
        lambda: steps.keep_private(request_id=made.pk, by=made.keeper(), at=made.at, reason="旧的", version=1),
    ):
        with pytest.raises(WordsChanged):  # the keeper read the words of before
            decide()
    made.publish(version=2)
    steps.correct(request_id=made.pk, text=TEXT + "每两层一个。", by=made.suggester, at=made.later())
    assert made.row.state == "reading"  # read again before it is public again
    made.publish().second()
    steps.take_back(request_id=made.pk, by=world.actor("赵志愿"), at=made.later())
    assert (made.row.seconds, made.row.stands_fast) == (0, True)
    with pytest.raises(EditedAfterSeconding) as refused:
        steps.correct(request_id=made.pk, text="全改了", by=made.suggester, at=made.later())
    assert refused.value.code == "L-220"
    with pytest.raises(EditedAfterSeconding):
        steps.publish(request_id=suggest_again(made), by=made.keeper(), at=made.later(), text="别的话", agreed="电话")
    added = steps.add(request_id=made.pk, text="补充：7 号楼楼道最窄。", by=made.suggester, at=made.later())
    assert added.state == "reading"
    steps.read_addendum(addendum_id=added.pk, by=made.keeper(), at=made.later())
    assert [w.n for w in Wording.objects.filter(suggestion=made.pk).order_by("n")] == [1, 2, 3]
    assert Wording.objects.get(suggestion=made.pk, n=1).text == TEXT


def suggest_again(made: Any) -> int:
    steps.keep_private(request_id=made.pk, by=made.keeper(), at=made.later(), reason="先看看")
    return int(made.pk)


def test_only_whoever_suggested_it_corrects_and_names_it(world: Any) -> None:
    made, other = suggest(world), suggest(world, "路口加一盏灯，晚上看不清人。")
    for act in (
        lambda: steps.correct(request_id=made.pk, text="换成我的", by=other.suggester, at=made.at),
        lambda: steps.add(request_id=made.pk, text="换成我的", by=other.suggester, at=made.at),
        lambda: steps.credit(request_id=made.pk, name="李", by=other.suggester, at=made.at),
    ):
        with pytest.raises(errors.NotFound):
            act()
    made.publish()
    with pytest.raises(errors.Forbidden):  # public now: seen by everybody, changed by nobody else
        steps.correct(request_id=made.pk, text="换成我的", by=other.suggester, at=made.at)


def test_a_neutral_wording_needs_the_suggesters_word(world: Any) -> None:
    made = suggest(world, "3 号楼老张天天乱停车，建议画线。")
    with pytest.raises(errors.Invalid) as wrong:
        made.publish(text="建议在楼前画停车线。")
    assert wrong.value.field == "agreed"
    made.publish(title="楼前画停车线", text="建议在楼前画停车线。", agreed="11 月 17 日电话里同意")
    assert made.row.text == "建议在楼前画停车线。" and "老张" in made.request.text


def test_not_public_has_its_reason_and_is_answered_all_the_same(world: Any) -> None:
    made = suggest(world)
    with pytest.raises(errors.PaperMissing):
        steps.keep_private(request_id=made.pk, by=made.keeper(), at=made.later(), reason=" ")
    steps.keep_private(request_id=made.pk, by=made.keeper(), at=made.later(), reason="写了邻居的名字")
    assert not Suggestion.objects.visible_to(world.actor("赵志愿")).filter(pk=made.pk).exists()
    assert Suggestion.objects.visible_to(made.suggester).filter(pk=made.pk).exists()
    assert not Suggestion.objects.visible_to(world.actor("外县人")).filter(pk=made.pk).exists()
    made.handled().answer("explained")
    assert made.request.state == "replied"


def test_one_account_one_second(world: Any) -> None:
    made = suggest(world, by=world.actor("王桂兰")).publish()
    with pytest.raises(OwnSuggestion):
        made.second("王桂兰")
    made.second()
    with pytest.raises(SecondedAlready):
        made.second()
    with pytest.raises(NotSeconded):
        steps.take_back(request_id=made.pk, by=world.actor("周银龄"), at=made.at)
    steps.take_back(request_id=made.pk, by=world.actor("赵志愿"), at=made.at)
    made.second()
    assert made.row.seconds == 1 == recounted(made.pk)
    with pytest.raises(errors.Forbidden):
        steps.second(request_id=made.pk, by=PUBLIC, at=made.at)
    made.handled().answer("explained")
    for late in (steps.take_back, steps.second):
        who = "赵志愿" if late is steps.take_back else "周银龄"
        with pytest.raises(AnsweredAlready):
            late(request_id=made.pk, by=world.actor(who), at=made.at)


def recounted(pk: int) -> int:
    """How many second it, counted from the votes by plain SQL."""
    with connection.cursor() as cur:
        cur.execute(
            "SELECT count(*) FROM (SELECT max(n) AS n FROM suggestions_second WHERE suggestion_id = %s GROUP BY user_id) v"
            " WHERE n %% 2 = 1",
            [pk],
        )
        return int(cur.fetchone()[0])


def test_a_vote_cannot_be_changed_or_counted_twice(world: Any) -> None:
    made = suggest(world).publish().second()
    vote = Second.objects.get()
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Second.objects.filter(pk=vote.pk).update(n=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Second.objects.create(suggestion_id=made.pk, user=vote.user, n=1, at=made.at)


def test_joined_ones_keep_every_voice_and_move_their_seconds_once(world: Any) -> None:
    kept = suggest(world, by=world.actor("王桂兰")).publish().second().second("薛师傅")
    twin = suggest(world, "老楼楼梯装座椅吧，老人歇脚。").publish().second().second("周银龄").second("王桂兰")
    with pytest.raises(errors.NotFound):
        steps.join(request_id=twin.pk, into_id=kept.pk, by=world.actor("于科员"), at=twin.later())
    steps.join(request_id=twin.pk, into_id=kept.pk, by=kept.keeper(), at=twin.later())
    # 赵志愿 seconded both, 王桂兰 suggested the one that is kept: only 周银龄 comes along
    assert kept.row.seconds == 3 == recounted(kept.pk)
    assert Second.objects.get(via=twin.pk).user == world.user("周银龄")
    assert twin.row.joined_into_id == kept.pk and twin.request.merged_into_id == kept.pk
    assert Voice.objects.filter(request__in=(kept.pk, twin.pk)).count() == 2
    loop.unmerge(request_id=twin.pk, by=world.actor("孙坐席"), at=twin.later(), reason="不是一回事")
    assert steps.follow_joined(at=twin.later()) == 1
    assert (kept.row.seconds, twin.row.joined_into_id, twin.row.seconds) == (2, None, 3)
    assert steps.follow_joined(at=twin.later()) == 0


def test_seconds_follow_what_the_desk_joins_by_itself(world: Any) -> None:
    kept, twin = suggest(world).publish(), suggest(world, "楼梯加座椅").publish().second()
    loop.merge(request_id=twin.pk, into_id=kept.pk, by=world.actor("孙坐席"), at=twin.later())
    assert steps.follow_joined(at=twin.later()) == 1 and steps.follow_joined(at=twin.later()) == 0
    assert kept.row.seconds == 1 == recounted(kept.pk)


def test_what_is_answered_is_not_joined(world: Any) -> None:
    kept, twin = suggest(world).publish(), suggest(world, "楼梯加座椅").publish()
    twin.handled().answer("explained")
    with pytest.raises(CannotJoin):
        steps.join(request_id=twin.pk, into_id=kept.pk, by=kept.keeper(), at=twin.later())
    assert twin.row.joined_into_id is None


def test_an_answer_says_what_it_has_to(world: Any) -> None:
    made = suggest(world).publish().handled()
    for wrong, field in (
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "not", "basis": ""}, "basis"),
        ({"verdict": "adopted", "plans": ()}, "plans"),
        ({"reasons": " "}, "reasons"),
        ({"plans": [made.plan(days=-3)]}, "plans"),
        ({"plans": [made.plan(unit="城管局")]}, "plans"),
    ):
        with pytest.raises(errors.HeliError) as said:
            made.answer(**wrong)
        assert said.value.field == field
    with pytest.raises(MeasuresMissing):
        made.answer(plans=[made.plan(what=" ")])
    assert made.request.state == "handling" and not Answer.objects.exists()
    with pytest.raises(errors.NotFound):  # another unit, and the keeper: neither answers
        steps.answer(request_id=made.pk, verdict="explained", reasons="好", by=world.actor("于科员"), at=made.at)
    with pytest.raises(errors.Forbidden):
        steps.answer(request_id=made.pk, verdict="explained", reasons="好", by=world.actor("宋建言"), at=made.at)


def test_a_late_first_call_is_not_a_late_answer(world: Any) -> None:
    made = suggest(world).publish().handled()
    for days, state, late in ((6, "doing", 0), (30, "late", 1)):  # the call was due after one working day
        now = made.at + DAY * days
        assert ones.one(PUBLIC, made.request.code, now).chip[0] == state
        assert desk.counts(made.keeper(), now)["late"] == late


def test_only_a_suggestion_is_answered_so(world: Any) -> None:
    told = tell(world)
    told.dispatch("城管局")
    told.accept()
    with pytest.raises(NotASuggestion):
        steps.answer(
            request_id=told.request_id, verdict="explained", reasons="好", by=world.actor("于科员"), at=told.at
        )
    with pytest.raises(NotASuggestion):
        steps.take_up(request_id=told.request_id, by=world.actor("宋建言"), at=told.at)


def test_a_draft_is_nobodys_business_and_the_last_version_counts(world: Any) -> None:
    made = suggest(world).publish().handled()
    made.answer("adopted", send=False)
    assert not Answer.objects.given().exists() and not Measure.objects.given().exists()
    with pytest.raises(errors.NotFound):
        steps.report(measure_id=made.measure.pk, text="开工", by=world.actor("曲科员"), at=made.later())
    made.answer("not", send=False)
    made.answer("partly", plans=[made.plan(), made.plan(40, what="再看能不能推开")])
    assert [a.verdict for a in Answer.objects.order_by("n")] == ["adopted", "not", "partly"]
    assert [a.verdict for a in Answer.objects.given()] == ["partly"]
    assert Measure.objects.given().count() == 2


def test_approval_by_the_units_lead_makes_it_public(world: Any) -> None:
    import datetime as dt

    from heli.core.actor import SYSTEM
    from heli.orgs.steps import give_grant
    from heli.rulebook.steps import NewRule, set_rule

    rule = NewRule(
        key="reply.needs_review", value=True, area_path="370602", applies_to={"kind": "suggestion"}, citation="试",
        valid_from=dt.date(2026, 1, 1), reason="试",
    )  # fmt: skip
    set_rule(rule=rule, by=SYSTEM, at=AT - DAY)
    give_grant(
        user_id=world.xu_lead.pk, role="unit_lead", paths=("370602",), org_id=world.org("住建局").pk, reason="兼",
        by=SYSTEM, at=AT - DAY,
    )  # fmt: skip
    made = suggest(world).publish().handled()
    first = made.answer("adopted")
    assert made.request.state == "handling" and not Answer.objects.given().exists()
    lead = world.actor("许股长")
    loop.correct_reply(handling_id=first.handling_id, by=lead, at=made.later(), reason="措施写具体些")
    second = made.answer("partly")
    assert (second.handling_id, second.n) == (first.handling_id, 2)
    loop.approve_reply(handling_id=second.handling_id, by=lead, at=made.later())
    assert [a.verdict for a in Answer.objects.given()] == ["partly"]


def test_a_second_round_has_its_own_answer_and_keeps_what_was_promised(world: Any) -> None:
    made = suggest(world).publish().handled()
    made.answer("partly")
    loop.judge(voice_id=made.voice.pk, by=made.suggester, at=made.later(3), contacted=True, solved="no", satisfaction=1)
    for late in (
        lambda: steps.correct(request_id=made.pk, text="换个说法", by=made.suggester, at=made.later()),
        made.second,
    ):
        with pytest.raises(AnsweredAlready):  # the answer that stands was to these words, and to so many
            late()
    made.answer("adopted", plans=[made.plan(30, what="全部单元都装")])
    assert [(a.handling.lap, a.verdict) for a in Answer.objects.given().order_by("handling__lap")] == [
        (1, "partly"), (2, "adopted"),
    ]  # fmt: skip
    assert Measure.objects.given().count() == 2


def test_a_measure_is_given_up_with_its_reason_and_may_come_back(world: Any) -> None:
    made = suggest(world).publish().handled()
    made.answer()
    unit, keeper = world.actor("曲科员"), made.keeper()
    with pytest.raises(errors.Invalid):
        steps.give_up(measure_id=made.measure.pk, text=" ", by=unit, at=made.later())
    steps.give_up(measure_id=made.measure.pk, text="施工单位进不了场", by=unit, at=made.later())
    steps.send_back(measure_id=made.measure.pk, text="换个时间再试", by=keeper, at=made.later())
    assert made.measure.state == "planned"
    steps.give_up(measure_id=made.measure.pk, text="试过了，通道太窄", by=unit, at=made.later())
    steps.let_go(measure_id=made.measure.pk, by=keeper, at=made.later())
    assert made.measure.state == "dropped"
    shown = ones.one(PUBLIC, made.request.code, made.at)
    assert (shown.chip[0], shown.stations[3].name) == ("back", "做不了"), "given up is not done"
    assert not at_stage(with_stage(Suggestion.objects.all(), made.at), "done").exists()
    assert [p.kind for p in made.measure.progress.order_by("id")] == ["give_up", "send_back", "give_up", "let_go"]
    with pytest.raises(errors.NotFound):
        steps.report(measure_id=made.measure.pk, text="又开工", by=world.actor("于科员"), at=made.later())


def test_a_name_is_sealed_shown_by_consent_and_forgotten_at_once(world: Any) -> None:
    made = suggest(world, credit_name="老王头")
    record = made.row.credit_record
    assert record is not None and vault.open_own(record)["name"] == "老王头"
    made.publish()
    steps.credit(request_id=made.pk, name="", by=made.suggester, at=made.later())
    assert made.row.credit == "" and VaultRecord.objects.get(pk=record.pk).name is None
    steps.credit(request_id=made.pk, name="大海阳老王", by=made.suggester, at=made.later())
    assert made.row.credit == "asked"  # read first
    steps.show_name(request_id=made.pk, by=made.keeper(), at=made.later(), show=True)
    assert made.row.credit == "shown"
    steps.show_name(request_id=made.pk, by=made.keeper(), at=made.later(), show=False)  # it was somebody else's
    assert made.row.credit == "" and made.row.credit_record is None
    for bad in ("13800000017", "长" * 21):
        with pytest.raises(errors.Invalid):
            steps.credit(request_id=made.pk, name=bad, by=made.suggester, at=made.later())


def test_what_came_by_the_counter_is_taken_up_once(world: Any) -> None:
    told = tell(world, "建议楼道装座椅", kind="suggestion")
    keeper = world.actor("宋建言")
    row = steps.take_up(request_id=told.request_id, by=keeper, at=told.later(1))
    assert (
        row.state == "reading" and steps.take_up(request_id=told.request_id, by=keeper, at=told.later(1)).pk == row.pk
    )
    with pytest.raises(errors.NotFound):
        steps.take_up(request_id=told.request_id, by=world.actor("外县人"), at=told.at)


def test_a_unit_answers_what_no_keeper_took_up(world: Any) -> None:
    told = tell(world, "建议楼道装座椅", kind="suggestion")
    told.dispatch("住建局")
    told.accept("曲科员")
    steps.answer(
        request_id=told.request_id,
        verdict="explained",
        reasons="已列入明年计划",
        by=world.actor("曲科员"),
        at=told.later(1),
    )
    assert Suggestion.objects.get(pk=told.request_id).state == "reading"


def test_nothing_personal_in_the_public_words(world: Any) -> None:
    made = suggest(world, "找我 13912345678 商量，楼道装座椅。").publish()
    assert "13912345678" not in made.row.text + made.row.title
    assert "13912345678" not in "".join(str(e.data) for e in Event.objects.all())
    assert isinstance(photo(), io.BytesIO)

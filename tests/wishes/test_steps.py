"""A wish from the home to the resident's word, and every other end it may take."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from heli.core.actor import SYSTEM
from heli.core.errors import AlreadyDone, Forbidden, NotFound, PaperMissing, TakenAlready, WrongState
from heli.core.models import Access, Event
from heli.loop import steps as loop
from heli.loop.models import Handling, Request
from heli.wishes import errors, steps
from heli.wishes.models import Pledge, Wish
from tests.wishes.made import AT, DAY, HOME, Made, post

pytestmark = pytest.mark.django_db


def state(made: Made) -> tuple[str, str, int, int]:
    wish = made.wish
    return wish.state, wish.request.state, wish.taken, wish.received


def test_posted_pledged_by_two_delivered_and_judged(world: Any) -> None:
    made = post(world)
    assert state(made) == ("open", "handling", 0, 0)
    first = made.pledge("马经理", 2, "鲁新超市")
    assert state(made) == ("open", "handling", 2, 0) and made.wish.left == 1
    second = made.pledge("赵志愿", 1)
    assert state(made) == ("pledged", "handling", 3, 0)
    for one, who in ((first, "马经理"), (second, "赵志愿")):
        with pytest.raises(WrongState):
            made.receive(one)  # nobody has said that it is delivered
        made.deliver(one, who)
        made.receive(one)
    assert state(made) == ("delivered", "replied", 3, 3)
    reply = Handling.objects.get(request=made.wish.request)
    assert reply.kind == "pledge" and reply.state == "sent" and reply.written_by_id == world.li_social_worker.pk
    assert "鲁新超市 2 条" in reply.text and "1 位居民 1 条" in reply.text and "赵" not in reply.text
    made.judge("yes", 5, "毛毯很暖和")
    assert steps.follow(at=made.at) == 1 and steps.follow(at=made.at) == 0
    assert state(made)[:2] == ("fulfilled", "closed")
    steps.let_read(wish_id=made.wish_id, by=made.resident, at=made.at, words="毛毯很暖和")
    assert made.wish.thanks == "毛毯很暖和" and Wish.objects.on_wall().exists()
    steps.withdraw(wish_id=made.wish_id, by=made.resident, at=made.at, reason="不想再挂着了")
    assert state(made)[:2] == ("fulfilled", "closed"), "what came stays as it is"
    assert not Wish.objects.on_wall().exists() and made.wish.consent_at is None, "and consent ends at any time"
    names = set(Event.objects.filter(subject_type="wishes.wish").values_list("step", flat=True))
    assert {"wish.check", "wish.publish", "wish.pledge", "wish.fill", "pledge.deliver", "pledge.receive"} <= names


def test_the_resident_confirms_by_their_link(world: Any) -> None:
    made = post(world, needed=1)
    one = made.pledge("赵志愿", 1)
    made.deliver(one)
    with pytest.raises(Forbidden):
        steps.receive(pledge_id=one.pk, by=made.who("赵志愿"), at=AT, word="visit")
    steps.missing(pledge_id=one.pk, by=made.resident, at=AT, reason="没有看到")
    assert Pledge.objects.get(pk=one.pk).state == "promised"
    made.deliver(one)
    steps.receive(pledge_id=one.pk, by=made.resident, at=AT, word="link")
    assert state(made)[:2] == ("delivered", "replied")
    assert Handling.objects.get(request=made.wish.request).written_by_id is None


def test_judged_no_goes_round_again(world: Any) -> None:
    made = post(world)
    made.whole()
    made.judge("no", 1)
    assert steps.follow(at=AT) == 1
    wish = made.wish
    assert (wish.state, wish.lap, wish.taken, wish.request.lap) == ("checked", 2, 0, 2)
    home = HOME | {"needed": 1, "title": "换一条大些的毛毯"}
    steps.change(wish_id=wish.pk, by=made.who("李社工"), at=AT, visited_on=AT.date(), **home)
    steps.publish(wish_id=wish.pk, by=made.who("李社工"), at=AT, consent=True)
    one = made.pledge("赵志愿", 1)
    made.deliver(one)
    made.receive(one)
    assert state(made) == ("delivered", "replied", 1, 1)
    made.judge("yes", 4)
    steps.follow(at=AT)
    assert made.wish.state == "fulfilled"


def test_a_promise_given_up_lets_the_wish_rise(world: Any) -> None:
    made = post(world)
    one, two = made.pledge("马经理", 2, "鲁新超市"), made.pledge("赵志愿", 1)
    with pytest.raises(PaperMissing):
        steps.give_up(pledge_id=one.pk, by=made.who("马经理"), at=AT, reason=" ")
    with pytest.raises(Forbidden):
        steps.give_up(pledge_id=one.pk, by=made.who("李社工"), at=AT, reason="不是我的")
    with pytest.raises(NotFound):
        steps.give_up(pledge_id=one.pk, by=made.who("薛师傅"), at=AT, reason="不是我的")
    steps.give_up(pledge_id=one.pk, by=made.who("马经理"), at=AT, reason="断货了")
    assert state(made) == ("open", "handling", 1, 0)
    steps.release(pledge_id=two.pk, by=made.who("李社工"), at=AT, reason="一直联系不上")
    assert state(made) == ("open", "handling", 0, 0)
    with pytest.raises(WrongState):
        made.deliver(two)


def test_more_than_is_needed_is_refused_by_the_step_and_by_the_database(world: Any) -> None:
    made = post(world)
    made.pledge("马经理", 2, "鲁新超市")
    with pytest.raises(errors.SomebodyFaster) as faster:
        made.pledge("赵志愿", 2)
    assert faster.value.slots["left"] == "1 条"
    one = made.pledge("赵志愿", 1)
    with pytest.raises(errors.AllTaken):
        made.pledge("王桂兰", 1)
    copy = Pledge.objects.get(pk=one.pk)
    copy.pk, copy.form_key = None, None
    with pytest.raises(IntegrityError, match="wish_not_over_pledged"), transaction.atomic():
        copy.save(force_insert=True)
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        Pledge.objects.filter(pk=one.pk).update(amount=5)


def test_the_same_form_twice_counts_once(world: Any) -> None:
    import uuid

    made, key = post(world), uuid.uuid4()
    made.pledge("赵志愿", 1, form_key=key)
    with pytest.raises(AlreadyDone):
        made.pledge("赵志愿", 1, form_key=key)
    assert made.wish.taken == 1
    sheet = uuid.uuid4()
    post(world, form_key=sheet)
    with pytest.raises(AlreadyDone):
        post(world, form_key=sheet)
    assert Wish.objects.count() == 2 and Request.objects.count() == 2


def test_posting_is_all_or_nothing(world: Any) -> None:
    for wrong, error in (
        ({"words": "周银龄奶奶盼着毛毯"}, errors.NamesSomebody),
        ({"title": "给12号楼3单元的毛毯"}, errors.NamesSomebody),
        ({"words": "请打13800000024"}, errors.NamesSomebody),
        ({"words": "大海阳的一位老人"}, errors.NamesSomebody),
        ({"words": "胜利花园的老人盼着毛毯", "spot": "胜利花园 12号楼"}, errors.NamesSomebody),
        ({"seen": "周银龄一个人住"}, errors.NamesSomebody),
        ({"measure": "条给王奶奶"}, errors.NamesSomebody),
        ({"gift": "money", "needed": 1001, "keeper": "区慈善总会"}, errors.TooMuchMoney),
        ({"until": AT.date() + DAY * 21}, errors.TooFarAhead),
    ):
        with pytest.raises(error):
            post(world, **wrong)
    assert not Request.objects.exists() and not Wish.objects.exists()


def test_without_consent_it_is_not_shown_and_withdrawn_it_leaves_the_wall(world: Any) -> None:
    made = post(world, consent=False)
    assert made.wish.state == "checked" and not Wish.objects.on_wall().exists()
    with pytest.raises(errors.NoConsent):
        steps.publish(wish_id=made.wish_id, by=made.who("李社工"), at=AT, consent=False)
    with pytest.raises(errors.NotOnWall):
        made.pledge()
    steps.publish(wish_id=made.wish_id, by=made.who("李社工"), at=AT, consent=True)
    one = made.pledge()
    steps.withdraw(wish_id=made.wish_id, by=made.resident, at=AT, reason="不想让人知道")
    assert not Wish.objects.on_wall().exists() and made.wish.consent_at is None
    assert Pledge.objects.get(pk=one.pk).state == "released" and made.wish.request.state == "handling"
    steps.publish(wish_id=made.wish_id, by=made.who("李社工"), at=AT, consent=True)
    assert Wish.objects.on_wall().count() == 1


def test_money_is_a_receipt_and_never_an_amount_that_moves(world: Any) -> None:
    made = post(
        world, gift="money", needed=300, keeper="芝罘区慈善总会", title="三百元配一副老花镜", words="看不清药瓶上的字"
    )
    assert made.wish.measure == "元"
    one = made.pledge("马经理", 300, "鲁新超市")
    with pytest.raises(errors.ReferenceMissing):
        made.deliver(one, "马经理")
    made.deliver(one, "马经理", reference="鲁慈 2026-118")
    with pytest.raises(IntegrityError, match="pledge_money_by_receipt"), transaction.atomic():
        Pledge.objects.filter(pk=one.pk).update(reference="")


def test_expired_it_is_extended_settled_turned_or_closed(world: Any) -> None:
    late = AT + DAY * 21
    made = [post(world, needed=3) for _n in range(4)]
    one = made[1].pledge()
    assert steps.expire(at=AT + DAY * 20) == 0
    assert steps.expire(at=late) == 4 and steps.expire(at=late) == 0
    li = made[0].who("李社工")
    assert not Wish.objects.on_wall().exists()
    steps.extend(wish_id=made[0].wish_id, by=li, at=late, until=(late + DAY * 10).date(), reason="快过年了")
    assert made[0].wish.state == "open"
    with pytest.raises(errors.TooFarAhead):
        steps.extend(wish_id=made[0].wish_id, by=li, at=late, until=(late + DAY * 40).date(), reason="再等")
    steps.settle(wish_id=made[1].wish_id, by=li, at=late, reason="一条也够了")
    assert made[1].wish.state == "pledged" and made[1].wish.needed == 1
    made[1].at = late
    made[1].deliver(one)
    made[1].receive(one)
    assert state(made[1])[:2] == ("delivered", "replied")
    steps.turn(wish_id=made[2].wish_id, by=li, at=late, reason="要办低保")
    assert made[2].wish.state == "turned" and made[2].wish.request.kind == "help"
    with pytest.raises(PaperMissing):
        steps.extend(wish_id=made[0].wish_id, by=li, at=late, until=(late + DAY).date(), reason="")
    steps.close(wish_id=made[3].wish_id, by=li, at=late, reason="二十天没有人认领，我们先从站里借一条给您。")
    assert state(made[3])[:2] == ("closed", "replied")


def test_promises_are_reminded_once_and_released_by_the_rule(world: Any) -> None:
    made = post(world)
    one = made.pledge(days=2)
    assert steps.remind(at=AT + DAY * 2) == {"reminded": 0, "released": 0}
    assert steps.remind(at=AT + DAY * 3) == {"reminded": 1, "released": 0}
    assert steps.remind(at=AT + DAY * 4) == {"reminded": 0, "released": 0}
    assert steps.remind(at=AT + DAY * 6) == {"reminded": 0, "released": 1}
    assert Pledge.objects.get(pk=one.pk).state == "released" and made.wish.taken == 0


def test_what_the_resident_misses_has_its_days_again_and_what_is_delivered_is_not_released(world: Any) -> None:
    made = post(world)
    one = made.pledge(days=2)
    made.deliver(one)
    with pytest.raises(WrongState):  # the job saw it promised; meanwhile its giver delivered
        steps.release(pledge_id=one.pk, by=SYSTEM, at=AT + DAY * 9, reason="过了日子")
    steps.missing(pledge_id=one.pk, by=made.resident, at=AT + DAY * 9, reason="没看到")
    assert steps.remind(at=AT + DAY * 12) == {"reminded": 0, "released": 0}
    assert steps.remind(at=AT + DAY * 13) == {"reminded": 0, "released": 1}


def test_a_promise_has_a_day_the_rule_allows(world: Any) -> None:
    made = post(world)
    for days in (-1, 8):
        with pytest.raises(errors.PromisedTooLate):
            made.pledge(days=days)
    with pytest.raises(Forbidden):
        made.pledge("赵志愿", 1, "鲁新超市")
    with pytest.raises(Forbidden):
        made.pledge("马经理", 1, "银龄队")


def test_it_follows_what_the_loop_did(world: Any) -> None:
    gone, answered, turned = post(world), post(world), post(world)
    one = gone.pledge()
    loop.withdraw(request_id=gone.wish.request_id, by=gone.resident, at=AT)
    loop.write_reply(request_id=answered.wish.request_id, by=world.actor("李社工"), at=AT, text="已经从站里借了一条")
    loop.turn(request_id=turned.wish.request_id, kind="help", by=world.actor("李社工"), at=AT, reason="是救助的事")
    assert not Wish.objects.on_wall().exists(), "the wall does not wait for the job"
    with pytest.raises(errors.NotOnWall):
        turned.pledge()
    assert steps.follow(at=AT) == 3 and steps.follow(at=AT) == 0
    assert [m.wish.state for m in (gone, answered, turned)] == ["withdrawn", "closed", "turned"]
    assert Pledge.objects.get(pk=one.pk).state == "released"
    li, back = world.actor("李社工"), turned.wish.request_id
    loop.turn(request_id=back, kind="wish", by=li, at=AT, reason="还是心愿")  # turned by mistake
    moved = post(world)
    loop.reclassify(request_id=moved.wish.request_id, area_path="370602001", by=world.actor("孙坐席"), at=AT)
    loop.judge(
        voice_id=answered.voice.pk, by=answered.resident, at=AT, contacted=True, solved="no", satisfaction=2
    )  # fmt: skip
    assert steps.follow(at=AT) == 3 and steps.follow(at=AT) == 0
    assert (turned.wish.state, answered.wish.state, answered.wish.lap) == ("checked", "checked", 2)
    assert (moved.wish.area_path, moved.wish.street.path) == ("370602001", "370602001")
    steps.publish(wish_id=turned.wish_id, by=li, at=AT, consent=True)
    assert turned.wish.state == "open"


def test_another_room_takes_a_wish_over_with_its_whole_trace(world: Any) -> None:
    """What a case or an activity does later: turned, the request is met in a way of that room's own."""
    made, li = post(world), world.actor("李社工")
    one, before = made.pledge(), made.wish.request
    steps.turn(wish_id=made.wish_id, by=li, at=AT, reason="要长期照顾，转个案")
    assert Pledge.objects.get(pk=one.pk).state == "released" and not Wish.objects.on_wall().exists()
    kept = Request.objects.get(pk=before.pk)
    assert (kept.code, kept.unit_id, kept.due_at, kept.state) == (
        before.code,
        before.unit_id,
        before.due_at,
        "handling",
    )
    assert "床上只有一条薄被" in kept.remarks.get(kind="note").text, "whoever gets it reads what was seen at the home"
    loop.write_reply(request_id=kept.pk, by=li, at=AT, text="每周上门两次，个案已经开始。", kind="case")
    made.judge("yes", 5)
    assert Request.objects.get(pk=kept.pk).state == "closed"
    told = set(Event.objects.filter(subject_type="loop.request", subject_id=kept.pk).values_list("step", flat=True))
    assert {"request.hear", "request.take_on", "request.turn", "handling.write", "request.judge"} <= told
    assert steps.follow(at=AT) == 0 and made.wish.state == "turned"


def test_a_resident_s_wish_reaches_the_unit_and_a_colleague_is_faster(world: Any) -> None:
    heard = loop.hear(by=world.actor("赵志愿"), at=AT, text="想有人陪着去一次医院", area_path="370602003006", kind="wish",
                      phone="13800000024")  # fmt: skip
    home = HOME | {"visited_on": AT.date()}
    li, han = world.actor("李社工"), world.actor("韩网格")
    with pytest.raises((errors.NotInHand, NotFound)):
        steps.check(request_id=heard.request.pk, by=han, at=AT, **home)
    d = loop.offer(request_id=heard.request.pk, unit_id=world.org("大海阳社区").pk, by=world.actor("孙坐席"), at=AT)
    loop.accept(dispatch_id=d.pk, by=han, at=AT)
    with pytest.raises(NotFound):
        steps.check(request_id=heard.request.pk, by=li, at=AT, **home)
    steps.check(request_id=heard.request.pk, by=han, at=AT, **home)
    with pytest.raises(TakenAlready):
        steps.check(request_id=heard.request.pk, by=han, at=AT, **home)


def test_the_giver_s_number_is_read_for_a_purpose(world: Any) -> None:
    made = post(world)
    one = made.pledge()
    with pytest.raises(PaperMissing):
        steps.reveal(pledge_id=one.pk, by=made.who("李社工"), at=AT, purpose="")
    for who in ("马经理", "韩网格", "外县人", "吕部长"):
        with pytest.raises((NotFound, Forbidden)):
            steps.reveal(pledge_id=one.pk, by=made.who(who), at=AT, purpose="想看看")
    shown = steps.reveal(pledge_id=one.pk, by=made.who("李社工"), at=AT, purpose="约送达时间")
    assert shown == {"name": "赵", "phone": "13800000033"} and Access.objects.count() == 1


def test_another_unit_and_the_next_county_see_nothing(world: Any) -> None:
    made = post(world)
    for who in ("外县人", "马经理", "赵志愿", "于科员"):
        assert not Wish.objects.visible_to(world.actor(who)).exists(), who
        with pytest.raises((NotFound, Forbidden)):
            steps.extend(wish_id=made.wish_id, by=world.actor(who), at=AT, until=(AT + DAY).date(), reason="x")
    with pytest.raises((NotFound, Forbidden)):  # the community sees it, and it is not with it
        steps.extend(wish_id=made.wish_id, by=world.actor("韩网格"), at=AT, until=(AT + DAY).date(), reason="x")
    assert isinstance(made.wish.until, dt.date)

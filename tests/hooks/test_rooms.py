"""What happens in the other rooms leaves by the same rules: named in the catalogue, seen by the grant, nobody's words."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from heli.core.models import Event
from heli.hooks.models import Delivery
from heli.hooks.relay import relay_all
from heli.hooks.sending import claim
from heli.insight import problem_steps as problems
from heli.ledger.desk_steps import decide
from heli.loop import steps as loop
from heli.notices import steps as notices
from heli.suggestions import steps as suggestions
from heli.volunteering.steps import activities, attend, enrol
from heli.wishes import steps as wishes
from tests.hooks.receiver import listen
from tests.insight.test_problems import closed
from tests.insight.water import named
from tests.ledger.made import NOW, made
from tests.loop.test_orders import issue, part
from tests.loop.told import tell
from tests.notices.test_notices import published
from tests.suggestions.said import call, suggest
from tests.volunteering import places
from tests.volunteering.made import PLAN
from tests.wishes.made import post
from tests.world import COUNTY, NEXT_COUNTY

pytestmark = pytest.mark.django_db
URL = "https://9.9.9.9/heli"  # a number: no name is asked for
LATER = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
# Whatever was typed on the way, and whoever did it
WORDS = (
    "周银龄",
    "单元501",
    "13800000024",
    "毛毯",
    "薄被",
    "赵志愿",
    "楼梯",
    "折叠",
    "王桂兰",
    "污水",
    "现场",
    "泵",
    "停水",
    "驿站",
    "有变",
)


def a_wish(world: Any) -> None:
    made = post(world)
    gone = made.pledge("赵志愿", 3)
    wishes.give_up(pledge_id=gone.pk, by=world.actor("赵志愿"), at=made.at, reason="家里有事，周银龄那里去不了")
    made.whole()
    made.judge()
    wishes.follow(at=made.at)
    wishes.let_read(wish_id=made.wish_id, by=made.resident, at=made.at, words="毛毯很暖和，谢谢大家")


def a_suggestion(world: Any) -> None:
    made = suggest(world).publish().second().handled()
    made.answer("adopted")
    measure, keep, unit = made.measure, world.actor("宋建言"), world.actor("曲科员")
    suggestions.report(measure_id=measure.pk, text="折叠座椅到货了", by=unit, at=made.later())
    suggestions.finish(measure_id=measure.pk, text="装好了三个单元", by=unit, at=made.later())
    suggestions.send_back(measure_id=measure.pk, text="还差一个单元", by=keep, at=made.later())


def a_call(world: Any) -> None:
    made, keep = call(world, days=2), world.actor("宋建言")
    assert suggestions.end_calls(at=made.made_at) == 0
    suggestions.end_calls(at=made.made_at + dt.timedelta(days=4))
    suggestions.sum_up(call_id=made.pk, summary="楼梯转角的座椅", by=keep, at=made.made_at + dt.timedelta(days=5))


def an_order(world: Any) -> None:
    import uuid

    told, key = tell(world), uuid.uuid4()
    told.dispatch()
    order = issue(world, told, units=("城管局",), form_key=key)
    issue(world, told, units=("城管局",), form_key=key)
    ours, at, lv = part(order, world, "城管局"), told.later(2), world.actor("吕部长")
    loop.acknowledge_order(part_id=ours.pk, by=world.actor("于科员"), at=at)
    loop.report_order(part_id=ours.pk, by=world.actor("于科员"), at=at, text="污水管已修好")
    loop.accept_report(part_id=ours.pk, by=lv, at=at)
    loop.close_order(order_id=order.pk, by=lv, at=at, decision="修好了", public_words="现场看过")


def a_problem(world: Any) -> None:
    closed(world, named(world))
    given_up = named(world, title="又停水了")
    problems.give_up(problem_id=given_up.pk, by=world.actor("吕部长"), at=timezone.now(), reason="泵站归市里")


def a_notice(world: Any) -> None:
    by, now = world.actor("宋建言"), timezone.now()
    new = notices.next_version(notice_id=published(world).pk, by=by, at=now)
    notices.publish_notice(notice_id=new.pk, version=new.version, by=by, at=now)
    notices.say_clear(notice_id=new.pk, clear=False, words="找不到驿站", group="", by=by, at=now)
    notices.withdraw_notice(notice_id=new.pk, reason="时间有变", by=by, at=now)


def an_activity(world: Any) -> None:
    slot, zhao = places.shift(world), places.volunteer(world, "赵志愿")
    starts, lead = slot.shift.starts, world.actor("钱站长")
    e = places.join(slot, zhao)
    enrol.withdraw(enrolment_id=e.pk, by=places.myself(zhao), at=places.AT, reason="家里有事")
    attend.close(shift_id=slot.shift_id, by=lead, at=starts + places.DAY)
    activities.end(
        activity_id=slot.shift.activity_id, by=lead, at=starts + places.DAY, served=3, came_of_it="现场聊得好"
    )
    draft = activities.draft(org_id=world.org("银龄队").pk, plan=PLAN, by=lead, at=places.AT)
    activities.cancel(activity_id=draft.pk, by=lead, at=places.AT, reason="有变")


def hours(world: Any) -> None:
    m = made(world)
    service = m.one()
    decide(service_id=service.pk, verb="approve", grade="leader", by=m.who("李社工"), at=NOW)
    decide(service_id=service.pk, verb="correct", minutes=60, grade="leader", reason="早走", by=m.who("李社工"), at=NOW)
    decide(service_id=service.pk, verb="reverse", reason="有变", by=m.who("李社工"), at=NOW)


ROOMS: list[tuple[Callable[[Any], None], str, str, tuple[str, ...], str]] = [  # lived, sees, sees not, type, steps
    (a_wish, "孙坐席", "曲科员", ("wish",), "wish.publish wish.fill wish.pledge wish.rise pledge.give_up "
     "wish.pledge wish.fill wish.pledge pledge.deliver pledge.receive pledge.deliver wish.deliver pledge.receive wish.follow"),
    (a_suggestion, "孙坐席", "于科员", ("request",), "request.hear suggestions.publish request.dispatch dispatch.accept "
     "handling.write suggestions.report suggestions.finish suggestions.send_back"),
    (a_call, "宋建言", "", ("call",), "suggestions.open_call suggestions.end_call suggestions.sum_up"),
    (an_order, "于科员", "曲科员", ("order",), "order.issue order.acknowledge order.report order.accept order.close"),
    (a_problem, "吕部长", "曲科员", ("problem",), "problem.name problem.plan problem.measure problem.begin "
     "problem.measure_done problem.report problem.close problem.name problem.give_up"),
    (an_activity, "吕部长", "曲科员", ("activity", "shift"), "shift.close activity.end"),
    (hours, "李社工", "曲科员", ("hours",), "hours.decide_approve hours.decide_correct hours.decide_reverse"),
    (a_notice, "姜管理", "", ("notice",), "notice.publish notice.replace notice.publish notice.withdraw"),
]  # fmt: skip


@pytest.mark.parametrize(("live", "sees", "blind", "types", "steps"), ROOMS, ids=[r[0].__name__ for r in ROOMS])
def test_what_happens_in_a_room_is_told_to_who_may_know(
    world: Any, settings: Any, live: Any, sees: str, blind: str, types: tuple[str, ...], steps: str
) -> None:
    settings.HELI_STAFF_MFA = False
    endpoint, _secret = listen(world, URL, sees_as=sees)
    other, _secret = listen(world, URL, sees_as="外县人", area_path=NEXT_COUNTY)
    unit = listen(world, URL, sees_as=blind)[0] if blind else None
    live(world)
    assert Event.objects.filter(area_path__startswith=COUNTY).exists()
    relay_all(at=LATER)
    bodies = [c.body.decode() for c in drained(endpoint)]
    said = [m for m in map(json.loads, bodies) if m["subject"]["type"] in types]
    assert [m["step"] for m in said] == steps.split()
    for body, m in zip(bodies, map(json.loads, bodies), strict=True):
        assert list(m) == ["event", "step", "at", "subject", "before", "after", "area"]
        assert set(m["subject"]) <= {"type", "code", "kind", "request", "source", "source_key"}
        assert not [w for w in WORDS if w in body], body
    if types == ("wish",):
        (code,) = {m["subject"]["request"] for m in said}
        assert {m["subject"]["kind"] for m in map(json.loads, bodies) if m["subject"]["code"] == code} == {"wish"}
    of_room = {m["step"] for m in said if not m["step"].startswith(("request.", "dispatch.", "handling."))}
    assert not Delivery.objects.filter(endpoint=other).exists()
    assert not Delivery.objects.filter(endpoint=unit, step__in=of_room).exists()


def drained(endpoint: Any) -> list[Any]:
    """All messages of an endpoint, in the order they go out."""
    got: list[Any] = []
    while some := claim(endpoint, at=LATER, most=50):
        got += some
        Delivery.objects.filter(pk__in=[c.delivery.pk for c in some]).update(state="delivered", ended_at=LATER)
    return sorted(got, key=lambda c: c.delivery.event_id)

"""督办: orders from issue to close, their numbers, who sees them, races, and the ladder that proposes them."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest

from heli.core import errors as core
from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import errors, steps
from heli.loop.models import Clock
from heli.loop.oversight_models import Order, OrderPart, OrderRequest
from heli.loop.queries import orders as queries
from heli.loop.steps.orders import Meeting, Share
from heli.orgs.errors import UnitClosed
from heli.orgs.steps import give_grant
from tests.database import race
from tests.loop.staff import NOW, counted, log_in, text_of
from tests.loop.told import HOUR, tell
from tests.world import COUNTY, NEXT_COUNTY

DAY = HOUR * 24


def issue(world: Any, told: Any = None, units: tuple[str, ...] = ("城管局", "住建局"), **more: Any) -> Order:
    at = more.pop("at", None) or (told.later(1) if told else dt.datetime(2026, 11, 17, 2, tzinfo=dt.UTC))
    return steps.issue_order(
        by=more.pop("by", None) or world.actor("吕部长"),
        at=at,
        title="世学路塌陷反复出现",
        demand="查清管线归属，三个工作日内拿出处置办法。",
        units={world.org(u).pk: f"{u}的部分" for u in units},
        request_ids=[told.request_id] if told else [],
        area_path="" if told else COUNTY,
        **more,
    )


def part(order: Order, world: Any, unit: str) -> OrderPart:
    return OrderPart.objects.get(order=order, unit=world.org(unit))


def test_an_order_from_issue_to_close(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    lv, at = world.actor("吕部长"), told.later(1)
    meeting = Meeting(at + HOUR * 20, "世学路 26 号门前")
    order = issue(world, told, at=at, meeting=meeting)
    assert (str(order), order.state, order.area_path) == ("督〔2026〕1号", "open", told.request.area_path)
    assert order.rule.key == "order.reply" and order.due_at == at + DAY * 3  # three working days, Tuesday to Friday
    ours, theirs = part(order, world, "城管局"), part(order, world, "住建局")
    assert ours.demand == "城管局的部分" and ours.due_at == order.due_at
    steps.acknowledge_order(part_id=ours.pk, by=world.actor("于科员"), at=at + HOUR)
    with pytest.raises(core.Invalid):
        steps.hold_meeting(order_id=order.pk, by=lv, at=at + HOUR, minutes="还没开")
    steps.hold_meeting(
        order_id=order.pk, by=lv, at=at + HOUR * 21, minutes="现场看过，污水管漏水。", came=[ours.unit_id],
        shares={ours.unit_id: Share("修路面", dt.date(2026, 11, 20)), theirs.unit_id: Share("修污水管")},
    )  # fmt: skip
    ours, theirs = part(order, world, "城管局"), part(order, world, "住建局")
    assert (ours.came, theirs.came, ours.share, ours.share_by) == (True, False, "修路面", dt.date(2026, 11, 20))
    paper = io.BytesIO(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF")
    paper.name = "回函.pdf"
    steps.report_order(part_id=ours.pk, by=world.actor("于科员"), at=at + DAY, text="已铺好，联系 13812345678。")
    steps.report_order(part_id=theirs.pk, by=world.actor("曲科员"), at=at + DAY, text="在办")
    assert "13812345678" not in part(order, world, "城管局").outcome
    steps.accept_report(part_id=ours.pk, by=lv, at=at + DAY + HOUR)
    back = steps.send_back_report(part_id=theirs.pk, by=lv, at=at + DAY + HOUR, reason="没说什么时候修好")
    assert (back.state, back.backs) == ("sent_back", 1) and back.due_at > order.due_at
    with pytest.raises(errors.PartsOpen):
        steps.close_order(order_id=order.pk, by=lv, at=at + DAY * 2, decision="办完了")
    steps.report_order(part_id=theirs.pk, by=world.actor("曲科员"), at=at + DAY * 2, text="11 月 19 日已换管。")
    steps.accept_report(part_id=theirs.pk, by=lv, at=at + DAY * 2)
    done = steps.close_order(
        order_id=order.pk, by=lv, at=at + DAY * 2 + HOUR, decision="都办完了", public_words="管换了，路面也铺好了。"
    )
    assert done.state == "closed" and not OrderRequest.objects.filter(open=True).exists()
    seen = Event.objects.filter(subject_type="loop.request", subject_id=told.request_id, public=True)
    assert list(seen.filter(step__startswith="request.order").values_list("step", "data__words")) == [
        ("request.order", ""),
        ("request.order_close", "管换了，路面也铺好了。"),
    ]
    with pytest.raises(core.WrongState):
        steps.report_order(part_id=ours.pk, by=world.actor("于科员"), at=at + DAY * 3, text="再报一次")


def test_one_open_order_of_a_request_and_a_new_one_after_it(world):
    told = tell(world)
    told.dispatch()
    first = issue(world, told)
    with pytest.raises(errors.OrderOpen) as refused:
        issue(world, told)
    assert told.request.code in str(refused.value.words)
    with pytest.raises(core.PaperMissing):
        steps.withdraw_order(order_id=first.pk, by=world.actor("吕部长"), at=told.later(1), reason=" ")
    steps.withdraw_order(order_id=first.pk, by=world.actor("吕部长"), at=told.later(1), reason="并到专项里办")
    assert set(OrderPart.objects.filter(order=first).values_list("state", flat=True)) == {"withdrawn"}
    assert issue(world, told).serial == 2


def test_an_urgent_request_shortens_the_time_and_a_matter_needs_none(world):
    told = tell(world)
    told.dispatch()
    type(told.request).objects.filter(pk=told.request_id).update(urgency="emergency")
    order = issue(world, told)
    assert (order.amount, order.measure) == (4, "hour")
    matter = issue(world)
    assert matter.area_path == COUNTY and not matter.about.exists()


@pytest.mark.usefixtures("at_noon")
def test_a_supervisor_of_several_areas_says_whose_matter_it_is(world):
    lv = world.user("吕部长")
    give_grant(user_id=lv.pk, role="supervisor", paths=(NEXT_COUNTY,), org_id=None, reason="代管", by=SYSTEM, at=NOW)
    told = tell(world, at=NOW - HOUR)
    client, typed = log_in(world, "吕部长"), {"title": "井盖", "demand": "查清归谁管"}
    page = text_of(client.get("/loop/orders/new/"))
    assert 'name="area_path"' in page and f'<option value="{NEXT_COUNTY}"' in page
    for area, codes, unit, wanted in (
        (NEXT_COUNTY, "", "莱山城管局", NEXT_COUNTY),
        (NEXT_COUNTY, told.request.code, "城管局", told.request.area_path),
        ("370699", "", "城管局", COUNTY),  # not theirs: the first of their own
    ):
        found = text_of(client.get("/loop/orders/units/", {"units_typed": "城管", "area_path": area, "codes": codes}))
        assert f'value="{world.org(unit).pk}"' in found
        made = client.post(
            "/loop/orders/new/", typed | {"area_path": area, "codes": codes, "units": world.org(unit).pk}
        )
        assert made.status_code == 303 and Order.objects.latest("id").area_path == wanted, area


def test_who_may_and_who_sees(world):
    told = tell(world)
    told.dispatch()
    for name in ("于科员", "孙坐席", "郝回访"):
        with pytest.raises((core.Forbidden, core.NotFound)):
            issue(world, told, by=world.actor(name))
    order = issue(world, told)
    seen = {
        n
        for n in ("吕部长", "于科员", "许股长", "曲科员", "孙坐席", "外县人", "李社工", "马经理")
        if Order.objects.visible_to(world.actor(n)).exists()
    }
    assert seen == {"吕部长", "于科员", "许股长", "曲科员", "孙坐席"}
    shown = queries.one(world.actor("曲科员"), order.pk, told.at)
    assert shown.requests == [(told.request.code, "")], "a unit that does not hold the request sees its code only"
    ours = part(order, world, "城管局")
    with pytest.raises(core.Forbidden):
        steps.report_order(part_id=ours.pk, by=world.actor("曲科员"), at=told.later(1), text="替他们报")
    steps.report_order(part_id=ours.pk, by=world.actor("于科员"), at=told.later(1), text="办好了")
    for name, wrong in (("于科员", core.Forbidden), ("外县人", core.NotFound)):
        with pytest.raises(wrong):
            steps.accept_report(part_id=ours.pk, by=world.actor(name), at=told.later(1))
    steps.accept_report(part_id=ours.pk, by=world.actor("吕部长"), at=told.later(1))
    with pytest.raises(core.WrongState):
        steps.send_back_report(part_id=ours.pk, by=world.actor("吕部长"), at=told.later(1), reason="晚了")


@pytest.mark.parametrize("more", [{"units": ()}, {"meeting": Meeting(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "门前")}])
def test_what_cannot_be_ordered(world, more):
    told = tell(world)
    told.dispatch()
    with pytest.raises(core.Invalid):
        issue(world, told, **more)
    assert not Order.objects.exists()


def test_a_closed_unit_takes_no_order(world):
    told = tell(world)
    org = world.org("住建局")
    type(org).objects.filter(pk=org.pk).update(closed_at=told.at)
    with pytest.raises(UnitClosed):
        issue(world, told)
    with pytest.raises(core.Forbidden):
        issue(world, told, units=("莱山城管局",))


def test_numbers_of_a_county_have_no_gaps(fire_db, world):
    """Six orders at once, some of which fail and some of which are sent twice."""
    import uuid

    told, key = tell(world), uuid.uuid4()
    told.dispatch()
    at, lv = told.later(1), world.actor("吕部长")

    def give(**more: Any) -> Any:
        return issue(world, at=at, by=lv, **more)

    world.org("城管局"), world.org("住建局")
    made = race(
        lambda: issue(world, told, at=at, by=lv), lambda: issue(world, told, at=at, by=lv), give, give,
        lambda: give(form_key=key), lambda: give(form_key=key),
    )  # fmt: skip
    refused = [m for m in made if isinstance(m, Exception)]
    assert [type(e).__name__ for e in refused] == ["OrderOpen"]
    assert sorted(Order.objects.values_list("serial", flat=True)) == [1, 2, 3, 4]
    assert OrderRequest.objects.filter(open=True).count() == 1


def test_two_supervisors_answer_one_report(fire_db, world):
    order = issue(world, units=("城管局",))
    at, lv = order.issued_at + HOUR, world.actor("吕部长")
    ours = part(order, world, "城管局")
    steps.report_order(part_id=ours.pk, by=world.actor("于科员"), at=at, text="办好了")
    both = race(
        lambda: steps.accept_report(part_id=ours.pk, by=lv, at=at),
        lambda: steps.send_back_report(part_id=ours.pk, by=lv, at=at, reason="还差一样"),
    )
    assert [type(e).__name__ for e in both if isinstance(e, Exception)] == ["WrongState"]


def test_the_ladder_proposes_and_a_person_decides(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    told.at += DAY * 30
    steps.climb(at=told.at)
    reply = Clock.objects.get(request=told.request_id, kind="reply")
    assert (reply.rung, reply.rung_at) == (4, None)
    assert Event.objects.filter(step="clock.propose", object_id=reply.pk).count() == 1
    assert [r.pk for r in queries.proposed((COUNTY,))] == [told.request_id] and not queries.proposed((NEXT_COUNTY,))
    assert not Order.objects.exists(), "a machine proposes, it does not order"
    rung = next(r for r in queries.rungs_of(told.request) if r.clock_id == reply.pk)
    assert rung.notice and rung.next_at is None and rung.rule.key == "ladder.propose_after"
    note = queries.notice(world.actor("于科员"), reply.pk, told.at)
    assert note.clock.unit == world.org("城管局") and note.rule.citation and note.urged_at is not None
    with pytest.raises(core.NotFound):
        queries.notice(world.actor("曲科员"), reply.pk, told.at)
    order = issue(world, told)
    assert not queries.proposed((COUNTY,))
    steps.withdraw_order(order_id=order.pk, by=world.actor("吕部长"), at=told.at, reason="开错了")
    assert queries.proposed((COUNTY,)), "without it the ladder stands where it stood"


def test_a_supervisors_word_does_not_end_the_ladder(world):
    told = tell(world)
    told.dispatch()
    told.accept()
    told.at = Clock.objects.get(request=told.request_id, kind="reply").due_at + HOUR
    steps.supervise(request_id=told.request_id, by=world.actor("吕部长"), at=told.at, text="今天给个说法")
    reply = Clock.objects.get(request=told.request_id, kind="reply")
    rung = next(r for r in queries.rungs_of(told.request) if r.clock_id == reply.pk)
    assert (rung.number, rung.notice) == (3, False) and rung.next_at > told.at
    with pytest.raises(core.NotFound):
        queries.notice(world.actor("于科员"), reply.pk, told.at)  # nobody has urged it
    steps.climb(at=rung.next_at)
    assert queries.proposed((COUNTY,))


@pytest.mark.usefixtures("at_noon")
def test_a_unit_sees_in_its_inbox_what_is_under_an_order(world):
    """Named itself, as a part of what was split, or by what was joined into it; with the unit's own deadline."""
    named, whole, kept, twin, free = (tell(world, at=NOW - HOUR * 6) for _ in range(5))
    for told in (named, kept, free):
        told.dispatch()
        told.accept()
    orders = [issue(world, told, units=("城管局",), at=NOW - HOUR) for told in (named, whole, twin)]
    desk = world.actor("孙坐席")
    for part_of in steps.split(
        request_id=whole.request_id, parts=[("路", "路塌了"), ("灯", "灯不亮")], by=desk, at=NOW
    ):
        steps.offer(request_id=part_of.pk, unit_id=world.org("城管局").pk, by=desk, at=NOW)
    steps.merge(request_id=twin.request_id, into_id=kept.request_id, by=desk, at=NOW)
    with pytest.raises(errors.OrderOpen):
        issue(world, kept, at=NOW)
    yu = log_in(world, "于科员")
    page, n = counted(lambda: yu.get("/loop/inbox/?tab=hand&order=1"))
    assert n <= 8 and page.context["counts"].ordered == len(page.context["page"].rows) == 4
    over = {r.request.pk: r.order for r in page.context["page"].rows}
    assert over[named.request_id].number == str(orders[0]) and over[named.request_id].due[1]
    assert over[kept.request_id].pk == orders[2].pk and {orders[1].pk} < {m.pk for m in over.values()}
    assert f"/loop/orders/{orders[0].pk}/" in text_of(page)
    assert len(yu.get("/loop/inbox/?tab=hand").context["page"].rows) == 5
    ladder = text_of(yu.get(f"/loop/r/{kept.request.code}/ladder/"))
    assert f"/loop/orders/{orders[2].pk}/" in ladder
    steps.withdraw_order(order_id=orders[2].pk, by=world.actor("吕部长"), at=NOW, reason="并到一件里办")
    ended = Event.objects.filter(step="request.order_withdraw").values_list("subject_id", flat=True)
    assert list(ended) == [kept.request_id], "where the residents of both look"
    assert yu.get("/loop/inbox/?tab=hand").context["counts"].ordered == 3


@pytest.mark.usefixtures("at_noon")
def test_an_order_one_may_not_open_is_named_only(world):
    told = tell(world)
    told.dispatch()
    order = issue(world, told, units=("住建局",))
    ladder = text_of(log_in(world, "于科员").get(f"/loop/r/{told.request.code}/ladder/"))
    assert str(order) in ladder and f"/loop/orders/{order.pk}/" not in ladder
    assert queries.marks(world.actor("于科员"), [told.lead], told.at) == {}


def test_counts_for_a_board(world):
    told = tell(world)
    told.dispatch()
    order, lv = issue(world, told), world.actor("吕部长")
    late = order.due_at + HOUR
    assert queries.tab_counts(lv, order.due_at, COUNTY) == {"open": 1, "late": 0, "mine": 0}
    steps.report_order(
        part_id=part(order, world, "城管局").pk, by=world.actor("于科员"), at=order.due_at, text="办好了"
    )
    for area, n in ((COUNTY, 1), (order.area_path, 1), (COUNTY + "001", 0), (NEXT_COUNTY, 0)):
        assert queries.tab_counts(lv, late, area) == dict.fromkeys(("open", "late", "mine"), n), area
        for tab in ("open", "late", "mine"):
            assert queries.listed(lv, tab, queries.Filters(area=area), late).count() == n, (area, tab)

"""A request turns out to be another kind; a wish stays with the unit whose worker heard it; ways beside a plain reply."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from heli.core.actor import SYSTEM
from heli.core.errors import Forbidden, HeliError, Invalid, WrongState
from heli.loop import steps, ways
from heli.loop.errors import AnotherWay, NotAWish
from heli.loop.models import Clock, Dispatch
from heli.loop.ways import Way
from tests.loop.staff import act, log_in, page_of, text_of
from tests.loop.told import AT, tell


@pytest.fixture
def only_way(monkeypatch):
    """Questions are handled in one way only, for the length of a test."""
    way = Way("test", "question", "问答", "写问答", "chat", lambda code: f"/way/{code}/", instead=True)
    monkeypatch.setitem(ways._known, "question", way)
    return way


def test_the_desk_turns_it_and_the_resident_reads_why(world):
    told = tell(world)
    steps.turn(
        request_id=told.request_id, kind="suggestion", by=world.actor("孙坐席"), at=told.later(1), reason="提的是建议"
    )
    assert told.request.kind == "suggestion" and told.request.state == "heard"
    assert Clock.objects.get(request=told.request_id, outcome="running").kind == "dispatch"


def test_the_lead_unit_turns_it_other_units_do_not(world):
    told = tell(world)
    told.dispatch()
    say = {"request_id": told.request_id, "kind": "wish", "at": told.later(1), "reason": "老人的心愿"}
    with pytest.raises(HeliError) as refused:
        steps.turn(**say, by=world.actor("曲科员"))
    assert refused.value.code in {"L-403", "L-404"}
    steps.turn(**say, by=world.actor("于科员"))
    assert told.request.kind == "wish"


@pytest.mark.parametrize(
    ("kind", "reason", "field"), [("nothing", "有", "kind"), ("help", "有", "kind"), ("wish", " ", "reason")]
)
def test_what_turns_nothing_is_refused_beside_its_field(world, kind, reason, field):
    told = tell(world)
    with pytest.raises(Invalid) as wrong:
        steps.turn(request_id=told.request_id, kind=kind, by=SYSTEM, at=AT, reason=reason)
    assert wrong.value.field == field


def test_what_is_answered_stays_what_it_is(world):
    told = tell(world).answered()
    with pytest.raises(WrongState):
        steps.turn(request_id=told.request_id, kind="wish", by=SYSTEM, at=told.later(1), reason="有")


def test_a_wish_stays_with_the_unit_whose_worker_heard_it(world):
    clerk, unit = world.actor("韩网格"), world.org("大海阳社区")
    told = tell(world, kind="wish", by=clerk, channel="counter")
    made = steps.take_on(request_id=told.request_id, unit_id=unit.pk, by=clerk, at=told.later(0.1))
    assert (made.state, made.role, told.request.state, told.request.unit) == ("accepted", "lead", "handling", unit)
    assert {c.kind for c in Clock.objects.filter(request=told.request_id, outcome="running")} == {"reply"}


def test_nobody_picks_their_own_work(world):
    clerk, unit = world.actor("韩网格"), world.org("大海阳社区")
    plain = tell(world, by=clerk, channel="counter")
    with pytest.raises(NotAWish):
        steps.take_on(request_id=plain.request_id, unit_id=unit.pk, by=clerk, at=AT)
    wish = tell(world, kind="wish")  # told on the web: the desk sends it
    with pytest.raises(Forbidden):
        steps.take_on(request_id=wish.request_id, unit_id=unit.pk, by=clerk, at=AT)
    heard = tell(world, kind="wish", by=clerk, channel="counter")
    with pytest.raises(Forbidden):  # heard it, but does not work for that unit
        steps.take_on(request_id=heard.request_id, unit_id=world.org("城管局").pk, by=clerk, at=AT)
    assert not Dispatch.objects.exists()


def test_a_plain_reply_is_refused_where_another_way_is_the_only_one(world, only_way):
    told = tell(world, kind="question")
    told.dispatch()
    told.accept()
    with pytest.raises(AnotherWay) as refused:
        told.reply()
    with override("zh-hans"):
        assert "问答" in refused.value.words
    made = steps.write_reply(
        request_id=told.request_id, by=world.actor("于科员"), at=told.later(1), text="已答", kind=only_way.kind
    )
    assert made.kind == "test"


@pytest.fixture
def staff_pages(settings):
    settings.HELI_STAFF_MFA = False


def test_the_units_page_leads_to_the_way(world, staff_pages, only_way):
    told = tell(world, kind="question", phone="", name="")
    told.dispatch()
    told.accept()
    page = text_of(log_in(world, "于科员").get(page_of(told)))
    assert f'href="/way/{told.request.code}/"' in page and "写问答" in page
    assert "tab=reply" not in page


def test_it_is_turned_from_the_page_and_from_the_desk(world, staff_pages):
    told = tell(world)
    told.dispatch()
    told.accept()
    unit = log_in(world, "于科员")
    assert "tab=turn" in text_of(unit.get(page_of(told)))
    assert act(unit, "turn", told.request_id, told, kind="complaint", reason="").status_code == 400
    assert act(unit, "turn", told.request_id, told, kind="complaint", reason="说的是投诉").status_code == 303
    assert told.request.kind == "complaint"
    other = tell(world)
    desk = log_in(world, "孙坐席")
    sent = {"kind": "suggestion", "reason": "提的是建议"}
    assert desk.post(f"/loop/desk/act/{other.request_id}/turn/", sent).status_code == 303
    assert other.request.kind == "suggestion"


def test_two_ways_for_one_kind_are_a_mistake(monkeypatch, only_way):
    with pytest.raises(ValueError, match="two ways"):
        ways.register(Way("other", "question", "另", "另", "chat", lambda code: code))

"""Pages of places: a volunteer enrols and comes, a worker enrols somebody, a leader closes; at most so many statements."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from heli.volunteering import codes, waiting
from heli.volunteering.models import Enrolment, Scan
from heli.volunteering.queries import enrol as queries
from heli.volunteering.steps import enrol
from tests.loop.staff import counted, log_in, picture, text_of
from tests.volunteering.places import AT, HOUR, crowd, join, myself, shift, states, volunteer

pytestmark = pytest.mark.django_db
ONE = {"read": "on"}


@pytest.fixture(autouse=True)
def _now(settings: Any) -> Any:
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(AT, tick=True):
        yield


def url(name: str, *args: Any) -> str:
    return reverse(f"volunteering:{name}", args=args)


def test_a_volunteer_takes_a_place_gives_it_back_and_the_next_in_line_answers(world: Any) -> None:
    slot = shift(world, most=1)
    volunteer(world, "赵志愿"), volunteer(world, "王桂兰")
    zhao, wang = log_in(world, "赵志愿"), log_in(world, "王桂兰")
    page = text_of(zhao.get(url("enrol", slot.pk)))
    assert "还有 1 个位子" in page and "室内，路上注意安全" in page
    assert zhao.post(url("enrol", slot.pk), {}).status_code == 400, "the risks were not read"
    key = str(uuid.uuid4())
    for _twice in range(2):
        assert zhao.post(url("enrol", slot.pk), {**ONE, "form_key": key}).status_code == 303
    assert wang.post(url("enrol", slot.pk), ONE).status_code == 303
    assert states(slot) == ["confirmed", "waiting"]
    assert "排第 1 位：还没有空位子" in text_of(wang.get(url("mine")))
    mine = Enrolment.objects.get(slot=slot, state="confirmed")
    assert wang.get(url("own_act", mine.pk, "withdraw")).status_code == 404
    assert zhao.post(url("own_act", mine.pk, "withdraw"), {"reason": ""}).status_code == 400
    assert zhao.post(url("own_act", mine.pk, "withdraw"), {"reason": "要加班"}).status_code == 303
    said = text_of(wang.get(url("mine")))
    assert "空出一个位子" in said
    hers = Enrolment.objects.get(slot=slot, state="offered")
    assert wang.post(url("own_act", hers.pk, "accept")).status_code == 303
    assert states(slot) == ["withdrawn", "confirmed"]
    assert Client().get(url("mine")).status_code == 302 and zhao.get(url("own_act", mine.pk, "else")).status_code == 404


def test_who_is_not_registered_is_led_there_and_what_is_missing_says_what_to_do(world: Any) -> None:
    slot = shift(world, minors=True)
    volunteer(world, "赵志愿")
    assert url("me") in log_in(world, "薛师傅").get(url("enrol", slot.pk)).content.decode()
    page = log_in(world, "赵志愿").get(url("enrol", slot.pk))
    assert "还报不了，差这些" in text_of(page) and 'name="read"' not in page.content.decode()


def test_a_worker_enrols_at_somebodys_word_and_a_leader_on_the_spot(world: Any) -> None:
    slot = shift(world, most=3)
    zhou, zhao = volunteer(world, "王桂兰"), volunteer(world, "赵志愿")
    han, qian = log_in(world, "韩网格"), log_in(world, "钱站长")
    there = url("enrol_for", slot.pk)
    assert han.post(there, {"how": "proxy", "numbers": zhou.number}).status_code == 400, "how did she say yes?"
    assert han.post(there, {"how": "proxy", "numbers": "NOBODY", "consent": "打电话说的"}).status_code == 400
    assert han.post(there, {"how": "coordinator", "numbers": zhou.number}).status_code == 400, "not the organiser"
    assert han.post(there, {"how": "proxy", "numbers": zhou.number.lower(), "consent": "打电话说的"}).status_code == 303
    assert qian.post(there, {"how": "walk_in", "numbers": zhao.number}).status_code == 303
    assert list(Enrolment.objects.filter(slot=slot).order_by("id").values_list("how", flat=True)) == [
        "proxy",
        "walk_in",
    ]
    assert log_in(world, "赵志愿").get(there).status_code == 403


def test_the_leaders_page_the_code_the_list_and_the_kiosk(world: Any) -> None:
    slot = shift(world, most=40, starts=AT + HOUR / 2)
    rows = [join(slot, v) for v in crowd(world, 12)]
    zhao = volunteer(world, "赵志愿")
    mine, sid = join(slot, zhao), slot.shift_id
    qian, outsider = log_in(world, "钱站长"), log_in(world, "外县人")
    for name in ("shift", "code", "tick_list"):
        assert qian.get(url(name, sid)).status_code == 200
        assert outsider.get(url(name, sid)).status_code in {403, 404}
    _page, n = counted(lambda: qian.get(url("shift", sid)))
    assert n <= 16, "the same for two people and for two hundred"
    drawn = qian.get(url("code", sid), headers={"HX-Request": "true"}).content.decode()
    assert "<svg" in drawn and "viewBox" in drawn and "<html" not in drawn, "as large as its frame"

    # one's own phone
    moment = codes.code(slot.shift, AT)
    me = log_in(world, "赵志愿")
    assert "我到了" in text_of(me.get(url("check_in", sid, moment)))
    assert me.post(url("check_in", sid, moment), {"go": "in", "lat": "37.5301", "lon": "121.3801"}).status_code == 303
    assert me.post(url("check_in", sid, "a" * 16), {"go": "out"}).status_code == 409, "a code of another time"
    scan = Scan.objects.get(enrolment=mine)
    assert (scan.means, scan.inside) == ("qr", True)

    # the list a phone kept: sent twice; one that cannot be taken keeps nobody else out
    kept = [{"e": e.pk, "at": AT.isoformat(), "out": False, "nonce": str(uuid.uuid4()), "offline": True} for e in rows]
    late = {"e": rows[0].pk, "at": (AT - HOUR * 9).isoformat(), "out": False, "nonce": str(uuid.uuid4())}
    body = json.dumps({"device": "d" * 36, "seen": [*kept, late]})
    for _twice in range(2):
        said = qian.post(url("sync", sid), body, content_type="application/json").json()
        assert len(said["done"]) == 12 and list(said["refused"]) == [late["nonce"]]
    assert Scan.objects.count() == 13
    for bad in ("", "[]", "{}", '{"seen": [1]}', '{"seen": [{"e": "x"}]}'):
        assert qian.post(url("sync", sid), bad, content_type="application/json").status_code == 400

    # the kiosk
    nobody = Client()
    assert nobody.get(url("kiosk", sid)).status_code == 303
    assert nobody.post(url("kiosk_open", sid), {"pin": "000001"}).status_code == 403
    assert nobody.post(url("kiosk_open", sid), {"pin": codes.pin_of(slot.shift)}).status_code == 303
    assert nobody.get(url("kiosk", sid)).status_code == 200
    assert "<html" not in nobody.get(url("kiosk", sid), headers={"HX-Request": "true"}).content.decode()
    assert nobody.post(url("kiosk", sid), {"number": "NOBODY", "go": "in"}).status_code == 400
    done = nobody.post(url("kiosk", sid), {"number": zhao.number, "go": "out"}, follow=True)
    assert "赵**" in text_of(done) or "赵*" in text_of(done)


def test_a_leader_says_what_happened_and_closes(world: Any) -> None:
    slot = shift(world, most=2)
    came, missed = join(slot, volunteer(world, "赵志愿")), join(slot, volunteer(world, "王桂兰"))
    start, end, qian = slot.shift.starts, slot.shift.ends, log_in(world, "钱站长")
    with time_machine.travel(end + HOUR, tick=True):
        qian = log_in(world, "钱站长")
        assert qian.post(url("close_shift", slot.shift_id)).status_code == 409
        assert qian.post(url("leader_act", came.pk, "in"), {"at": "x"}).status_code == 400
        for verb, at in (("in", start), ("out", end)):
            when = at.astimezone(dt.timezone(dt.timedelta(hours=8))).strftime("%H:%M")
            assert qian.post(url("leader_act", came.pk, verb), {"at": when}).status_code == 303
        assert qian.post(url("leader_act", missed.pk, "miss"), {"reason": ""}).status_code == 400
        assert qian.post(url("leader_act", missed.pk, "miss"), {"reason": "没来"}).status_code == 303
        assert qian.post(url("close_shift", slot.shift_id)).status_code == 303
        wang = log_in(world, "王桂兰")
        assert "没来" in text_of(wang.get(url("mine")))
        assert wang.post(url("own_act", missed.pk, "answer"), {"words": "那天去医院了"}).status_code == 303
        assert "那天去医院了" in text_of(qian.get(url("shift", slot.shift_id)))
        assert "记好了" in text_of(log_in(world, "赵志愿").get(url("mine")))


def test_a_draw_shows_all_that_is_needed_to_do_it_again(world: Any) -> None:
    slot = shift(world, draw=True)
    for v in crowd(world, 3):
        join(slot, v)
    before = text_of(Client().get(url("draw", slot.shift_id)))
    assert slot.shift.draw_mark in before
    enrol.draw(shift_id=slot.shift_id, at=slot.shift.draw_at)
    assert b"s".hex() * 32 in text_of(Client().get(url("draw", slot.shift_id)))
    first = queries.draw(slot.shift_id, size=2)
    rest = queries.draw(slot.shift_id, size=2, after=first.page.next)
    paged = [(e.drawn, e.pk) for e in (*first.page.rows, *rest.page.rows)]
    rows = Client().get(url("draw_tickets", slot.shift_id)).content.decode().split()
    assert (
        rows == ["place,ticket", *(f"{place},{ticket}" for place, ticket in paged)] and len(paged) == first.tickets == 3
    )
    again = waiting.drawn(b"s" * 32, [ticket for _place, ticket in paged])
    assert again == [ticket for _place, ticket in paged], "anybody does it again from the file"
    assert Client().get(url("draw_tickets", shift(world).shift_id)).status_code == 404
    assert Client().get(url("draw", shift(world).shift_id)).status_code == 404
    assert myself(volunteer(world, "赵志愿")).user_id


def test_a_signed_sheet_can_be_seen_and_what_is_entered_late_says_why(world: Any) -> None:
    slot = shift(world, most=3)
    zhao, wang, xue = (volunteer(world, n) for n in ("赵志愿", "王桂兰", "薛师傅"))
    signed, late, gone = join(slot, zhao), join(slot, wang), join(slot, xue)
    sid, qian = slot.shift_id, log_in(world, "钱站长")
    assert qian.post(url("leader_act", gone.pk, "withdraw"), {"reason": "打电话说来不了"}).status_code == 303
    kept = log_in(world, "韩网格").get(url("kept", wang.pk))
    assert url("own_act", late.pk, "withdraw") in kept.content.decode()
    with time_machine.travel(slot.shift.ends + 3 * HOUR, tick=True):
        qian = log_in(world, "钱站长")
        assert qian.post(url("sheets", sid), {"who": [signed.pk]}).status_code == 400, "no photo"
        assert qian.post(url("leader_act", late.pk, "in"), {"at": ""}).status_code == 409, "not at this hour"
        start = timezone.localtime(slot.shift.starts)
        typed = {"at": f"{start:%H:%M}"}
        assert qian.post(url("leader_act", late.pk, "in"), typed).status_code == 400, "why only now?"
        assert qian.post(url("leader_act", late.pk, "in"), {**typed, "reason": "当天没带手机"}).status_code == 303
        assert Scan.objects.get(enrolment=late).means == "office"
    with time_machine.travel(slot.shift.ends + HOUR, tick=True):
        qian = log_in(world, "钱站长")
        assert qian.post(url("sheets", sid), {"who": [signed.pk], "paper": picture()}).status_code == 303
        photo = Scan.objects.filter(enrolment=signed).first()
        assert photo is not None
        assert photo.paper is not None
        where = url("sheet", sid, photo.paper)
        assert where in qian.get(url("shift", sid)).content.decode() and qian.get(where).status_code == 200
        assert log_in(world, "外县人").get(where).status_code in {403, 404}
        assert qian.get(url("sheet", shift(world).shift_id, photo.paper)).status_code == 404

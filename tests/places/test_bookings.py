"""What sites lend: nobody has a room twice, no stock is promised above what there is, and a refusal says what to do."""

from __future__ import annotations

import datetime as dt
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from heli.adapters import sms
from heli.core.actor import PUBLIC, SYSTEM, Actor, GrantView
from heli.core.caps import Cap
from heli.core.errors import AlreadyDone, Forbidden, HeliError, Invalid, NotFound, PaperMissing, WrongState
from heli.core.models import Event
from heli.core.steps import step
from heli.places import booking_queries as queries
from heli.places import booking_steps as bookings
from heli.places import jobs, resource_steps
from heli.places.errors import BookingTaken, PartnerAlready, ResourceNameTaken, StillPromised, StockShort
from heli.places.resources import Booking, Resource
from heli.places.site_steps import set_day
from heli.places.states import BOOKING
from tests.database import race
from tests.places.test_sites import NOON, at, put

DAY = 24  # a Tuesday; NOON is the Monday before


def thing(world: Any, name: str = "会议室", *, site: Any = None, **more: Any) -> Resource:
    given = {"kind": "room", "asks": False, **more}
    if given["kind"] == "room":
        given.setdefault("seats", 40)
    site = site or put(world)
    return resource_steps.add_resource(site_id=site.pk, name=name, by=SYSTEM, at=NOON, **given)


def book(who: Any, resource: Resource, begin: int = 9, end: int = 11, day: int = DAY, **more: Any) -> Booking:
    given = {"purpose": "合唱排练", "at": NOON, **more}
    return bookings.book(resource_id=resource.pk, begin=at(begin, day=day), end=at(end, day=day), by=who, **given)


# Refusals ---------------------------------------------------------------------------------------------------------------
REFUSED: tuple[tuple[dict[str, Any], dict[str, Any], str, str], ...] = (  # of the thing, of the booking, code, said
    ({}, {"begin": 9, "end": 9}, "L-400", "结束时间比开始时间早"),
    ({}, {"day": 22}, "L-279", "已经过了"),
    ({}, {"purpose": "  "}, "L-103", "用来做什么"),
    ({}, {"purpose": "长" * 81}, "L-400", "80"),
    ({}, {"begin": 18, "end": 19}, "L-272", "8:30–17:30"),
    ({}, {"begin": 13, "end": 14, "day": 23}, "L-273", "提前 2 小时"),
    ({"lead_hours": 48}, {}, "L-273", "提前 48 小时"),
    ({}, {"begin": 9, "end": 14}, "L-274", "最多约 4 小时"),
    ({"longest_hours": 1}, {}, "L-274", "最多约 1 小时"),
    ({"open_to": "orgs"}, {}, "L-276", "只借给单位"),
    ({"open_to": "keeper"}, {}, "L-276", "管这里的单位"),
    ({"kind": "goods", "units": 5}, {"amount": 6}, "L-400", "一共 5 件"),
)  # fmt: skip


@pytest.mark.parametrize(("of", "asked", "code", "said"), REFUSED)
def test_a_refusal_says_what_to_do(world: Any, of: dict[str, Any], asked: dict[str, Any], code: str, said: str) -> None:
    resource = thing(world, **of)
    with pytest.raises(HeliError) as refused:
        book(world.actor("王桂兰"), resource, **asked)
    assert refused.value.code == code and said in refused.value.words, refused.value.words
    assert not Booking.objects.exists()


def test_too_far_too_many_and_closed_things(world: Any) -> None:
    room, wang = thing(world), world.actor("王桂兰")
    far = NOON + dt.timedelta(days=61)
    with pytest.raises(HeliError) as refused:
        bookings.book(resource_id=room.pk, begin=far, end=far + dt.timedelta(hours=1), purpose="排练", by=wang, at=NOON)
    assert refused.value.code == "L-275"
    for day in range(24, 29):
        book(wang, room, day=day)
    with pytest.raises(HeliError) as refused:
        book(wang, room, 14, 15)
    assert refused.value.code == "L-277" and "5" in refused.value.words
    book(world.actor("薛师傅"), room, 14, 15)  # it is the person's limit, not the room's
    with pytest.raises(StillPromised):
        resource_steps.close_resource(resource_id=room.pk, on=at(0, day=28).date(), by=SYSTEM, at=NOON)
    resource_steps.close_resource(resource_id=room.pk, on=at(0, day=29).date(), by=SYSTEM, at=NOON)
    with pytest.raises(HeliError) as refused:
        book(world.actor("薛师傅"), room, day=29)
    assert refused.value.code == "L-278"


def test_taken_names_the_next_free_time_and_what_else_is_free(world: Any) -> None:
    site = put(world)
    room, other = thing(world, site=site), thing(world, "活动室", site=site)
    near = thing(world, "多功能厅", site=put(world, "毓东站", area_path="370602003004"))
    thing(world, "不外借", site=near.site, open_to="keeper")
    book(world.actor("薛师傅"), room, 9, 11)
    with pytest.raises(BookingTaken) as refused:
        book(world.actor("王桂兰"), room, 10, 12)
    said = refused.value.words
    assert "11:00–13:00" in said and other.name in said and "毓东站 多功能厅" in said and "不外借" not in said


def test_a_day_with_other_hours_counts(world: Any) -> None:
    room, wang = thing(world), world.actor("王桂兰")
    set_day(site_id=room.site_id, on=at(0, day=DAY).date(), periods=(), by=SYSTEM, at=NOON)
    with pytest.raises(HeliError) as refused:
        book(wang, room)
    assert refused.value.code == "L-272"
    silent = thing(world, site=put(world, "没写钟点", hours=""))
    with pytest.raises(HeliError) as refused:
        book(wang, silent)
    assert refused.value.code == "L-272"  # what is not known is not open
    night = thing(world, site=put(world, "夜里", hours="20:00-次日2:00"))
    made = bookings.book(
        resource_id=night.pk, begin=at(23, day=DAY), end=at(1, day=DAY + 1), purpose="值守", by=wang, at=NOON
    )
    assert made.state == "booked"


# Who --------------------------------------------------------------------------------------------------------------------
def test_the_keeper_decides_and_books_at_any_hour(world: Any) -> None:
    room, wang, keeper = thing(world, asks=True), world.actor("王桂兰"), world.actor("钱站长")
    asked = book(wang, room)
    assert asked.state == "asked" and asked.unit == 1
    with pytest.raises(BookingTaken):
        book(world.actor("薛师傅"), room)  # what is asked for keeps others out
    for who in ("王桂兰", "薛师傅", "外县人", "李社工"):
        with pytest.raises((NotFound, Forbidden)):
            bookings.confirm(booking_id=asked.pk, by=world.actor(who), at=NOON)
    assert bookings.confirm(booking_id=asked.pk, by=keeper, at=NOON).state == "booked"
    late = book(keeper, room, 19, 23)
    assert late.state == "booked"
    with pytest.raises(BookingTaken):
        book(keeper, room)  # two in one room there are for nobody


def test_for_an_organisation_only_by_who_acts_for_it(world: Any) -> None:
    room, unit = thing(world, open_to="orgs"), world.org("城管局").pk
    with pytest.raises(Forbidden):
        book(world.actor("王桂兰"), room, org_id=unit)
    assert book(world.actor("于科员"), room, org_id=unit).org_id == unit
    inside = thing(world, "仓库", site=room.site, open_to="keeper")
    team = Actor(world.zhou_silver.pk, grants=(GrantView(0, frozenset({Cap.PLEDGE}), world.org("银龄队").pk, "", ()),))
    assert book(team, inside).state == "booked"


def test_what_the_purpose_holds_of_a_person_is_starred_out(world: Any) -> None:
    made = book(world.actor("王桂兰"), thing(world), purpose="找 13900000001 王桂兰排练")
    assert "13900000001" not in made.purpose
    event = Event.objects.get(step="booking.ask")
    assert "排练" not in str(event.data) and event.subject_type == "places.site"
    with pytest.raises(Forbidden):
        book(PUBLIC, made.resource, 14, 15)


def test_one_form_sent_twice_counts_once(world: Any) -> None:
    room, key = thing(world, units=3), uuid.uuid4()
    book(world.actor("王桂兰"), room, form_key=key)
    with pytest.raises(AlreadyDone):
        book(world.actor("王桂兰"), room, form_key=key)
    assert Booking.objects.count() == 1


# What becomes of it -----------------------------------------------------------------------------------------------------
LATER = at(10, day=DAY)


def lapsed(booking_id: int, when: dt.datetime) -> Booking:
    """The job's step says whether it did something; the table's arrow raises."""
    if not bookings.lapse(booking_id=booking_id, at=when):
        raise WrongState
    return Booking.objects.get(pk=booking_id)


DO = {
    "confirm": lambda b, by, when: bookings.confirm(booking_id=b, by=by, at=when),
    "refuse": lambda b, by, when: bookings.refuse(booking_id=b, reason="要开会", by=by, at=when),
    "cancel": lambda b, by, when: bookings.cancel(booking_id=b, reason="不去了", by=by, at=when),
    "lapse": lambda b, by, when: lapsed(b, when),
    "came": lambda b, by, when: bookings.note_use(booking_id=b, came=True, by=by, at=when),
    "stayed_away": lambda b, by, when: bookings.note_use(booking_id=b, came=False, by=by, at=when),
}


def test_every_arrow_from_every_state(world: Any) -> None:
    room, keeper, wang = thing(world, asks=True, units=40), world.actor("钱站长"), world.actor("王桂兰")
    for state in BOOKING.states:
        for name, arrow in BOOKING.arrows.items():
            made = book(wang, room, at=NOON - dt.timedelta(days=1)) if Booking.objects.filter(by=wang.user_id).count() < 5 else (
                book(keeper, room)
            )  # fmt: skip
            Booking.objects.filter(pk=made.pk).update(state=state, reason="因为")
            if state in arrow.sources:
                assert DO[name](made.pk, keeper, LATER).state == arrow.target
            else:
                with pytest.raises(WrongState):
                    DO[name](made.pk, keeper, LATER)
            Booking.objects.filter(pk=made.pk).update(state="cancelled")


def test_what_nobody_answers_ends_by_the_rule_and_who_asked_is_told(world: Any) -> None:
    """The rule's 48 hours, or the beginning where that is earlier; run again it does nothing. One message to who asked."""
    room, wang = thing(world, asks=True, units=4), world.actor("王桂兰")
    early, late = book(wang, room), book(wang, room, day=DAY + 5)
    answered = book(wang, room, 12, 13)
    bookings.confirm(booking_id=answered.pk, by=world.actor("钱站长"), at=NOON)
    hour = dt.timedelta(hours=1)
    assert bookings.lapse_all(at(9, day=DAY) - hour) == 0
    assert bookings.lapse_all(at(9, day=DAY), batch=1) == 1, "it would have begun"
    assert bookings.lapse_all(NOON + 48 * hour - hour) == 0
    assert bookings.lapse_all(NOON + 48 * hour) == 1 and bookings.lapse_all(NOON + 48 * hour) == 0
    gone = Booking.objects.filter(pk__in=[early.pk, late.pk])
    assert {(b.state, b.reason) for b in gone} == {("cancelled", "到时间没有人答复。")}
    assert Booking.objects.get(pk=answered.pk).state == "booked"
    told = ProcrastinateJob.objects.filter(task_name="places.tell_booking").order_by("id")
    assert [j.args["booking_id"] for j in told] == [early.pk, late.pk]
    box = sms.sender().box  # type: ignore[attr-defined]
    box.clear()
    context: Any = SimpleNamespace(job=SimpleNamespace(id=7))
    assert jobs.tell_booking.func(context, early.pk, "unanswered") and jobs.tell_booking.func(
        context, early.pk, "unanswered"
    )
    assert [(m.phone, m.values["news"]) for m in box] == [("13900000001", "unanswered")], "the same key counts once"


def test_cancelled_and_not_used_time_is_free_again(world: Any) -> None:
    room, wang, keeper = thing(world), world.actor("王桂兰"), world.actor("钱站长")
    made = book(wang, room)
    with pytest.raises(PaperMissing):
        bookings.cancel(booking_id=made.pk, reason=" ", by=wang, at=NOON)
    with pytest.raises(NotFound):
        bookings.cancel(booking_id=made.pk, reason="我要", by=world.actor("薛师傅"), at=NOON)
    with pytest.raises(WrongState):
        bookings.note_use(booking_id=made.pk, came=False, by=keeper, at=NOON)  # it has not begun
    bookings.cancel(booking_id=made.pk, reason="下雨", by=wang, at=NOON)
    again = book(world.actor("薛师傅"), room)
    bookings.note_use(booking_id=again.pk, came=False, by=keeper, at=at(9, 30, DAY))
    third = bookings.book(
        resource_id=room.pk, begin=at(10, day=DAY), end=at(11, day=DAY), purpose="开会", by=keeper, at=at(9, 40, DAY)
    )
    with pytest.raises(WrongState):  # they came after all, but somebody else has it now
        bookings.note_use(booking_id=again.pk, came=True, by=keeper, at=at(10, day=DAY))
    with pytest.raises(WrongState):
        bookings.cancel(booking_id=third.pk, reason="晚了", by=keeper, at=at(11, day=DAY))


def test_an_expert_is_seen_by_consent_alone(world: Any) -> None:
    site, li = put(world), world.actor("李社工")
    with pytest.raises(Invalid):
        resource_steps.add_resource(
            site_id=site.pk, kind="expert", name="法律咨询", username="没这个人", by=SYSTEM, at=NOON
        )
    asked = resource_steps.add_resource(
        site_id=site.pk, kind="expert", name="心理疏导", username="li.shegong", by=world.actor("钱站长"), at=NOON
    )
    wang = world.actor("王桂兰")
    assert queries.bookable(site.pk, NOON.date()) == []
    with pytest.raises(NotFound):
        book(wang, asked)
    with pytest.raises(NotFound):
        resource_steps.agree(resource_id=asked.pk, call_name="小李", by=wang, at=NOON)
    resource_steps.agree(resource_id=asked.pk, call_name="小李", by=li, at=NOON)
    assert [r.title for r in queries.bookable(site.pk, NOON.date())] == ["心理疏导 · 小李"]
    made = book(wang, asked)
    assert [line.b.pk for line in queries.asked_of(li, NOON)] == [made.pk]
    resource_steps.take_back(resource_id=asked.pk, by=li, at=NOON)
    made.refresh_from_db()
    assert made.state == "cancelled" and queries.bookable(site.pk, NOON.date()) == []
    assert Resource.objects.get(pk=asked.pk).call_name == ""


def test_another_room_holds_and_releases_within_its_own_step(world: Any) -> None:
    room, wang = thing(world), world.actor("王桂兰")
    source = ("volunteering.shift", 7)
    for fails in (True, False):
        try:
            with step("shift.add", by=wang, at=NOON) as s:
                s.about("places.site", room.site_id, room.site.area_path)
                bookings.hold(
                    s, resource_id=room.pk, begin=at(9, day=DAY), end=at(11, day=DAY), purpose="义诊", source=source
                )
                if fails:
                    raise WrongState
        except WrongState:
            assert not Booking.objects.exists()
    held = Booking.objects.get()
    assert (held.source_type, held.source_id) == source
    with pytest.raises(Forbidden):
        bookings.cancel(booking_id=held.pk, reason="不要了", by=wang, at=NOON)
    spans = bookings.free(room.pk, at(8, day=DAY), at(18, day=DAY), by=PUBLIC, at=NOON)
    assert [(s.begin, s.end) for s in spans] == [(at(8, 30, DAY), at(9, day=DAY)), (at(11, day=DAY), at(17, 30, DAY))]
    with step("shift.cancel", by=wang, at=NOON) as s:
        s.about("places.site", room.site_id, room.site.area_path)
        assert bookings.release(s, source, reason="取消了") == 1
        assert bookings.release(s, source, reason="取消了") == 0
    assert list(Event.objects.filter(step__startswith="booking.").values_list("step", flat=True)) == [
        "booking.hold",
        "booking.release",
    ]


# Things and partners ----------------------------------------------------------------------------------------------------
def test_fewer_than_promised_are_not_taken_away(world: Any) -> None:
    drums = thing(world, "腰鼓", kind="goods", units=10)
    book(world.actor("王桂兰"), drums, amount=4)
    book(world.actor("薛师傅"), drums, 10, 12, amount=4)
    with pytest.raises(StillPromised):
        resource_steps.change_resource(resource_id=drums.pk, units=7, by=SYSTEM, at=NOON)
    resource_steps.change_resource(resource_id=drums.pk, units=8, by=world.actor("钱站长"), at=NOON)
    for name in ("外县人", "王桂兰", "李社工"):
        with pytest.raises(NotFound):
            resource_steps.change_resource(resource_id=drums.pk, units=9, by=world.actor(name), at=NOON)
    with pytest.raises(ResourceNameTaken):
        thing(world, "腰鼓", site=drums.site)


def test_partners_are_named_once_and_end(world: Any) -> None:
    site, keeper, shop = put(world), world.actor("钱站长"), world.org("鲁新超市").pk
    when = NOON.date()
    made = resource_steps.add_partner(
        site_id=site.pk, org_id=shop, brings="每月 20 份早餐", since=when, by=keeper, at=NOON
    )
    with pytest.raises(PartnerAlready):
        resource_steps.add_partner(site_id=site.pk, org_id=shop, brings="米面", since=when, by=keeper, at=NOON)
    with pytest.raises(NotFound):
        resource_steps.end_partner(partner_id=made.pk, by=world.actor("外县人"), at=NOON)
    assert [p.name for p in queries.partners(site.pk, PUBLIC)] == ["鲁新超市"]
    resource_steps.end_partner(partner_id=made.pk, by=keeper, at=NOON)
    assert queries.partners(site.pk, PUBLIC) == []


# The database itself ----------------------------------------------------------------------------------------------------
def row(resource: Resource, begin: int, end: int, **more: Any) -> Booking:
    """Past every step, straight into the table."""
    given = {"unit": 1, "state": "booked", **more}
    return Booking.objects.create(
        resource=resource,
        period=(at(begin, day=DAY), at(end, day=DAY)),
        purpose="直写",
        made_at=NOON,
        changed_at=NOON,
        **given,
    )


def test_the_database_refuses_what_no_step_would_do(world: Any) -> None:
    room, drums = thing(world, units=2), thing(world, "腰鼓", kind="goods", units=10, site=put(world, "别处"))
    row(room, 9, 11)
    row(room, 9, 11, unit=2)
    row(room, 11, 12)
    row(room, 10, 11, state="cancelled", reason="晚了")
    row(drums, 9, 11, unit=None, amount=6)
    row(drums, 11, 12, unit=None, amount=6)
    wrong: tuple[tuple[Resource, int, int, dict[str, Any]], ...] = (
        (room, 10, 12, {}),
        (room, 10, 11, {"unit": 3}),
        (room, 12, 13, {"unit": None}),
        (room, 12, 13, {"amount": 2}),
        (room, 12, 13, {"state": "refused"}),
        (room, 12, 12, {}),
        (drums, 10, 12, {"unit": None, "amount": 5}),
        (drums, 13, 14, {"unit": 1}),
        (room, 12, 13, {"source_type": "x"}),
    )
    for resource, begin, end, more in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            row(resource, begin, end, **more)
    row(drums, 10, 12, unit=None, amount=4)
    with pytest.raises(IntegrityError), transaction.atomic():  # what was cancelled does not come back over others
        Booking.objects.filter(state="cancelled").update(state="booked")


def test_two_at_once(fire_db: str, world: Any) -> None:
    """One of two has the room, by the steps and by the table alone; of a stock never more than there is."""
    site = put(world)
    room, drums = thing(world, site=site), thing(world, "腰鼓", kind="goods", units=10, site=site)
    wang, xue = world.actor("王桂兰"), world.actor("薛师傅")
    done = race(lambda: book(wang, room, 9, 11), lambda: book(xue, room, 10, 12))
    assert sorted(type(d).__name__ for d in done) == ["Booking", "BookingTaken"]
    done = race(lambda: row(room, 14, 16), lambda: row(room, 15, 17))
    assert sorted(type(d).__name__ for d in done) == ["Booking", "IntegrityError"]
    done = race(*(lambda n=n: row(drums, 9 + n % 2, 12, unit=None, amount=3) for n in range(6)))
    assert sorted(type(d).__name__ for d in done) == ["Booking"] * 3 + ["IntegrityError"] * 3
    done = race(*(lambda who=who: book(who, drums, 14, 16, amount=6) for who in (wang, xue)))
    assert sorted(type(d).__name__ for d in done) == ["Booking", "StockShort"]
    refused = next(d for d in done if isinstance(d, StockShort))
    assert refused.slots["left"] == 4
    key = uuid.uuid4()
    done = race(*(lambda: book(wang, drums, 16, 17, amount=1, form_key=key) for _ in range(2)))
    assert sorted(type(d).__name__ for d in done) == ["AlreadyDone", "Booking"]

"""Who comes next and why not: the rule by itself, then through the steps."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from heli.core.errors import Forbidden, NotFound, PaperMissing, WrongState
from heli.people.steps import close_account
from heli.volunteering import jobs
from heli.volunteering.errors import (
    EnrolledAlready,
    NoPlace,
    NoSuchVolunteer,
    NotEligible,
    NotOpen,
    OfferOver,
    TwoPlaces,
)
from heli.volunteering.models import Enrolment, Shift, Slot
from heli.volunteering.steps import enrol, shifts
from heli.volunteering.waiting import Ticket, Why, drawn, mark, turn
from tests.volunteering.places import AT, DAY, HOUR, SEED, crowd, join, myself, shift, states, volunteer

A, B = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.mark.parametrize(
    ("queue", "free", "kept", "taken", "passed"),
    [
        ([], 3, 0, [], {}),
        ([Ticket(1), Ticket(2)], 1, 0, [1], {2: Why.FULL}),
        ([Ticket(1)], 0, 0, [], {1: Why.FULL}),
        # both or none: two who come together wait while one place is free, and who comes alone passes by
        ([Ticket(1, A), Ticket(2, A), Ticket(3)], 1, 0, [3], {1: Why.PARTY, 2: Why.PARTY}),
        ([Ticket(1, A), Ticket(3), Ticket(2, A)], 2, 0, [1, 2], {3: Why.FULL}),
        # kept for newcomers
        ([Ticket(1), Ticket(2, newcomer=True)], 1, 1, [2], {1: Why.NEWCOMERS}),
        ([Ticket(1), Ticket(2)], 2, 1, [1], {2: Why.NEWCOMERS}),
        ([Ticket(1, A, newcomer=True), Ticket(2, A), Ticket(3)], 3, 1, [1, 2, 3], {}),
        # somebody has another shift then
        ([Ticket(1, busy=True), Ticket(2)], 1, 0, [2], {1: Why.BUSY}),
        ([Ticket(1, B), Ticket(2, B, busy=True), Ticket(3)], 2, 0, [3], {1: Why.BUSY, 2: Why.BUSY}),
    ],
)
def test_whose_turn(queue: list[Ticket], free: int, kept: int, taken: list[int], passed: dict[int, Why]) -> None:
    assert turn(queue, free, kept) == (taken, passed)


tickets = st.builds(Ticket, st.integers(1, 10**6), st.sampled_from([None, None, A, B]), st.booleans(), st.booleans())


@given(st.lists(tickets, max_size=12, unique_by=lambda t: t.id), st.integers(0, 8), st.integers(0, 4))
def test_never_more_than_there_is_and_never_half_a_party(queue: list[Ticket], free: int, kept: int) -> None:
    taken, passed = turn(queue, free, kept)
    chosen = {t.id: t for t in queue if t.id in taken}
    assert len(taken) <= free and set(taken) | set(passed) == {t.id for t in queue} and not set(taken) & set(passed)
    for party in (A, B):
        assert {t.id in chosen for t in queue if t.party == party} <= {True} or not any(
            t.party == party for t in chosen.values()
        )
    assert not any(t.busy for t in chosen.values())
    assert sum(not t.newcomer for t in chosen.values()) <= free - min(kept, free) + sum(
        t.newcomer for t in chosen.values()
    )


@given(st.binary(min_size=8, max_size=32), st.sets(st.integers(1, 10**6), max_size=30))
def test_a_draw_can_be_done_again(seed: bytes, ids: set[int]) -> None:
    order = drawn(seed, ids)
    assert sorted(order) == sorted(ids) and order == drawn(seed, sorted(ids, reverse=True))


@pytest.mark.django_db
def test_a_place_given_back_goes_down_the_list(world: Any) -> None:
    slot = shift(world, most=1)
    zhao, zhou, wang, xue = (volunteer(world, n) for n in ("赵志愿", "周银龄", "王桂兰", "薛师傅"))
    first, second, third = join(slot, zhao), join(slot, zhou), join(slot, wang)
    assert states(slot) == ["confirmed", "waiting", "waiting"]
    with pytest.raises(NoPlace):
        join(slot, xue, wait=False)
    with pytest.raises(EnrolledAlready):
        join(slot, zhou)
    enrol.withdraw(enrolment_id=first.pk, by=myself(zhao), at=AT, reason="临时有事")
    assert states(slot) == ["withdrawn", "offered", "waiting"]
    # who comes now goes behind who waits, though nobody has taken the place yet
    assert join(slot, xue).state == "waiting"
    with pytest.raises(NotFound):
        enrol.accept(enrolment_id=second.pk, by=myself(zhao), at=AT)
    with pytest.raises(OfferOver):
        enrol.accept(enrolment_id=second.pk, by=myself(zhou), at=AT + 13 * HOUR)
    jobs.turn_all(AT + 13 * HOUR)
    assert states(slot) == ["withdrawn", "lapsed", "offered", "waiting"]
    enrol.decline(enrolment_id=third.pk, by=myself(wang), at=AT + 14 * HOUR)
    assert states(slot) == ["withdrawn", "lapsed", "declined", "offered"]
    last = Enrolment.objects.get(volunteer=xue)
    assert enrol.accept(enrolment_id=last.pk, by=myself(xue), at=AT + 15 * HOUR).state == "confirmed"


@pytest.mark.django_db
def test_who_comes_together_waits_together_and_newcomers_have_their_places(world: Any) -> None:
    slot = shift(world, most=2, newcomers=1)
    old, pair, new = crowd(world, 3), crowd(world, 2), crowd(world, 1)
    for v in (*old, *pair):  # they have served before
        before = shift(world, starts=AT + HOUR)
        e = join(before, v)
        Enrolment.objects.filter(pk=e.pk).update(state="attended")
    assert join(slot, old[0]).state == "confirmed"
    assert join(slot, old[1]).state == "waiting", "the other place is kept for a newcomer"
    leader = world.actor("钱站长")
    both = enrol.enrol(slot_id=slot.pk, people=[v.pk for v in pair], by=leader, at=AT, how="coordinator", together=True)
    assert [e.state for e in both] == ["waiting", "waiting"] and both[0].party == both[1].party is not None
    assert join(slot, new[0]).state == "waiting", "others wait before"
    jobs.turn_all(AT)
    assert states(slot) == ["confirmed", "waiting", "waiting", "waiting", "offered"]
    enrol.decline(enrolment_id=Enrolment.objects.get(volunteer=new[0], slot=slot).pk, by=myself(new[0]), at=AT)
    assert states(slot)[1] == "waiting", "still kept"
    jobs.turn_all(slot.shift.starts - 47 * HOUR)
    assert states(slot) == ["confirmed", "offered", "waiting", "waiting", "declined"]
    Slot.objects.filter(pk=slot.pk).update(most=5)
    jobs.turn_all(slot.shift.starts - 47 * HOUR)
    assert states(slot) == ["confirmed", "offered", "offered", "offered", "declined"]


@pytest.mark.django_db
def test_places_that_many_want_are_drawn_and_the_draw_can_be_checked(world: Any) -> None:
    slot = shift(world, most=2, draw=True)
    people = crowd(world, 5)
    rows = [join(slot, v) for v in people]
    assert states(slot) == ["waiting"] * 5
    with pytest.raises(WrongState):
        enrol.draw(shift_id=slot.shift_id, at=AT)
    due = slot.shift.draw_at
    jobs.turn_all(due)
    done = Shift.objects.get(pk=slot.shift_id)
    seed = bytes.fromhex(done.draw_seed)
    assert seed == SEED and mark(seed) == done.draw_mark and done.drawn_at == due
    order = drawn(seed, [e.pk for e in rows])
    now = {e.pk: e for e in Enrolment.objects.filter(slot=slot)}
    assert [now[pk].state for pk in order] == ["confirmed", "confirmed", "waiting", "waiting", "waiting"]
    assert [now[pk].drawn for pk in order] == [1, 2, 3, 4, 5]
    late = join(slot, crowd(world, 1)[0], at=due)
    assert late.state == "waiting"
    enrol.withdraw(enrolment_id=order[0], by=myself(now[order[0]].volunteer), at=due, reason="去不了")
    assert Enrolment.objects.get(pk=order[2]).state == "offered", "the next of the draw, before who came later"


@pytest.mark.django_db
def test_every_way_of_enrolling_asks_the_same(world: Any) -> None:
    zhao, zhou = volunteer(world, "赵志愿"), volunteer(world, "周银龄")
    slot, same_time = shift(world), shift(world)
    next_to_it = shift(world, starts=slot.shift.ends)
    han, qian, outsider = (world.actor(n) for n in ("韩网格", "钱站长", "外县人"))
    with pytest.raises(PaperMissing):
        enrol.enrol(slot_id=slot.pk, people=[zhou.pk], by=han, at=AT, how="proxy")
    made = enrol.enrol(slot_id=slot.pk, people=[zhou.pk], by=han, at=AT, how="proxy", consent="本人打电话说要去")[0]
    assert (made.state, made.how, made.by_id) == ("confirmed", "proxy", world.han_clerk.pk)
    for by, how in (
        (outsider, "proxy"),
        (outsider, "coordinator"),
        (han, "coordinator"),
        (han, "self"),
        (han, "team"),
    ):
        with pytest.raises(Forbidden):
            enrol.enrol(slot_id=slot.pk, people=[zhao.pk], by=by, at=AT, how=how, consent="本人说要去")
    for how, by in (("self", myself(zhou)), ("coordinator", qian), ("proxy", han), ("import", qian)):
        with pytest.raises(TwoPlaces):
            enrol.enrol(slot_id=same_time.pk, people=[zhou.pk], by=by, at=AT, how=how, consent="本人说要去")
    assert join(next_to_it, zhou).state == "confirmed", "back to back is no overlap"

    zhao.state = "registered"
    zhao.save()
    for how, by in (("self", myself(zhao)), ("coordinator", qian), ("import", qian), ("walk_in", qian)):
        with pytest.raises(NotEligible):
            enrol.enrol(slot_id=slot.pk, people=[zhao.pk], by=by, at=AT, how=how)
    zhao.state = "verified"
    zhao.save()
    e = join(slot, zhao)
    with pytest.raises(NoSuchVolunteer):
        enrol.pass_on(enrolment_id=e.pk, number="NOBODY", by=myself(zhao), at=AT)
    wang = volunteer(world, "王桂兰")
    enrol.pass_on(enrolment_id=e.pk, number=wang.number, by=myself(zhao), at=AT)
    assert enrol.take_over(enrolment_id=e.pk, by=myself(wang), at=AT).how == "swap"
    assert states(slot) == ["confirmed", "withdrawn", "confirmed"]
    with pytest.raises(NotOpen):
        join(slot, zhao, at=slot.shift.starts)
    asked = shift(world, approval=True, starts=AT + 5 * DAY)
    e = join(asked, zhao)
    assert e.state == "asked"
    assert enrol.admit(enrolment_id=e.pk, by=qian, at=AT).state == "confirmed"
    enrol.refuse(enrolment_id=join(asked, wang).pk, by=qian, at=AT, reason="这回人够了")
    assert states(asked) == ["confirmed", "refused"]


@pytest.mark.django_db
@pytest.mark.parametrize("n", [1, 30])
def test_statements(world: Any, n: int) -> None:
    """The same for one and for many; the figure of the docstring."""
    slot, people = shift(world, most=40), crowd(world, n)
    how = {"how": "coordinator", "by": world.actor("钱站长")} if n > 1 else {"by": myself(people[0])}
    with CaptureQueriesContext(connection) as said:
        enrol.enrol(slot_id=slot.pk, people=[v.pk for v in people], at=AT, **how)
    assert len([q for q in said if "SAVEPOINT" not in q["sql"]]) <= 12


@pytest.mark.django_db
def test_more_places_go_to_who_waits_and_a_worker_says_that_somebody_cannot_come(world: Any) -> None:
    slot = shift(world, most=1)
    wang, xue, zhao = (volunteer(world, n) for n in ("王桂兰", "薛师傅", "赵志愿"))
    han = world.actor("韩网格")
    e = enrol.enrol(slot_id=slot.pk, people=[wang.pk], by=han, at=AT, how="proxy", consent="打电话说的")[0]
    join(slot, xue), join(slot, zhao)
    shifts.change_places(slot_id=slot.pk, least=1, most=2, by=world.actor("钱站长"), at=AT)
    assert states(slot) == ["confirmed", "offered", "waiting"]
    with pytest.raises(NotFound):
        enrol.withdraw(enrolment_id=e.pk, by=world.actor("外县人"), at=AT, reason="不来")
    enrol.withdraw(enrolment_id=e.pk, by=han, at=AT, reason="打电话说要去医院")
    assert states(slot) == ["withdrawn", "offered", "offered"]


def test_who_stops_gives_all_that_lies_ahead_back_and_the_leader_is_told(world: Any) -> None:
    later, now = shift(world, most=1, starts=AT + 4 * DAY), shift(world, most=1)
    full, offered = shift(world, most=1, starts=AT + 5 * DAY), shift(world, most=1, starts=AT + 6 * DAY)
    zhao, xue, wang = (volunteer(world, n) for n in ("赵志愿", "薛师傅", "王桂兰"))
    join(later, zhao), join(now, zhao), join(now, xue)
    join(full, xue), join(full, zhao)  # 赵志愿 waits
    first = join(offered, wang)
    join(offered, zhao), join(offered, xue)
    enrol.withdraw(enrolment_id=first.pk, by=myself(wang), at=AT, reason="不来")
    assert states(offered) == ["withdrawn", "offered", "waiting"]
    close_account(user_id=zhao.user_id, by=myself(zhao), at=AT)
    assert [states(x) for x in (later, now, full, offered)] == [
        ["withdrawn"], ["withdrawn", "offered"], ["confirmed", "withdrawn"], ["withdrawn", "declined", "offered"],
    ]  # fmt: skip
    job = Enrolment.objects.filter(volunteer=zhao).order_by("shift_id").values_list("pk", flat=True)
    told = ProcrastinateJob.objects.filter(task_name="volunteering.tell", args__news="given_back").values_list("args")
    assert [sorted(args["ids"]) for (args,) in told] == [sorted(job)]

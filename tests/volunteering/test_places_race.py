"""Many at once, on real connections: never one too many, never two at a time, nobody stuck in the list."""

from __future__ import annotations

import uuid
from typing import Any

from heli.volunteering import jobs
from heli.volunteering.errors import NotOpen
from heli.volunteering.models import Enrolment
from heli.volunteering.states import HOLDING
from heli.volunteering.steps import attend, enrol, pairs, shifts, telling
from tests.database import race
from tests.volunteering.places import AT, DAY, HOUR, crowd, join, myself, shift, volunteer


def test_races(fire_db: str, world: Any) -> None:
    slot = shift(world, most=3)
    people = crowd(world, 10)
    done = race(*[lambda v=v: join(slot, v) for v in people])
    assert sorted(e.state for e in done) == ["confirmed"] * 3 + ["waiting"] * 7, done

    # all who hold a place give it back while others come: as many hold one as there are places
    held = [e for e in done if e.state == "confirmed"]
    late = crowd(world, 3)
    back = [lambda e=e: enrol.withdraw(enrolment_id=e.pk, by=myself(e.volunteer), at=AT, reason="有事") for e in held]
    more = race(*back, *[lambda v=v: join(slot, v) for v in late])
    assert all(isinstance(x, Enrolment) for x in more), more
    assert Enrolment.objects.filter(slot=slot, state="offered").count() == 3

    # one person, two shifts at the same time, at once; and the same form twice
    here, there = shift(world), shift(world)
    [one] = crowd(world, 1)
    both = race(lambda: join(here, one), lambda: join(there, one))
    assert sorted(type(x).__name__ for x in both) == ["Enrolment", "TwoPlaces"]
    [two], key = crowd(world, 1), uuid.uuid4()
    twice = race(*[lambda: join(here, two, form_key=key)] * 2)
    assert sorted(type(x).__name__ for x in twice) == ["AlreadyDone", "Enrolment"]

    # two places become free at the same moment, and one person waits for both: the other list goes on
    a, b = shift(world, most=1), shift(world, most=1)
    first, second, both_, next_ = crowd(world, 4)
    ea, eb = join(a, first), join(b, second)
    join(a, both_), join(b, both_), join(b, next_), join(a, next_)
    race(
        lambda: enrol.withdraw(enrolment_id=ea.pk, by=myself(first), at=AT, reason="有事"),
        lambda: enrol.withdraw(enrolment_id=eb.pk, by=myself(second), at=AT, reason="有事"),
    )
    jobs.turn_all(AT)
    for slot_ in (a, b):
        enrol.lapse(slot_id=slot_.pk, at=AT)
    offered = Enrolment.objects.filter(slot__in=[a.pk, b.pk], state="offered")
    assert {e.slot_id for e in offered} == {a.pk, b.pk} and {e.volunteer_id for e in offered} == {both_.pk, next_.pk}

    # two workers remind at once: each is told once; two ask one person to be at their side: one of them is
    slot = shift(world, most=9, starts=AT + 2 * DAY)
    some, old = crowd(world, 4), volunteer(world, "周银龄")
    for v in (*some, old):
        join(slot, v)
    told = race(*[lambda: telling.remind_all(AT + DAY + HOUR)] * 2)
    assert sum(told) == 5, told
    asked = race(
        *[lambda v=v: pairs.ask(shift_id=slot.shift_id, number=old.number, by=myself(v), at=AT) for v in some[:2]]
    )
    assert sorted(type(x).__name__ for x in asked) == ["PairedAlready", "Pairing"], asked


def test_a_shift_that_ends_meanwhile_takes_nobody(fire_db: str, world: Any) -> None:
    """Enrolling, cancelling, checking in and closing lock in one order, and look again at what they waited for."""
    qian = world.actor("钱站长")
    for _round in range(4):
        slot = shift(world, most=3)
        people = crowd(world, 4)
        done = race(
            lambda slot=slot: shifts.cancel_shift(shift_id=slot.shift_id, by=qian, at=AT, reason="下大雨"),
            *[lambda v=v, slot=slot: join(slot, v) for v in people],
        )
        assert not [x for x in done if isinstance(x, Exception) and not isinstance(x, NotOpen)], done
        assert not Enrolment.objects.filter(slot=slot, state__in=HOLDING).exists()
        assert not Enrolment.objects.filter(slot=slot, state="waiting").exists()

        over = shift(world, most=3)
        came = join(over, crowd(world, 1)[0])
        at = over.shift.starts
        attend.miss(enrolment_id=came.pk, by=qian, at=at, reason="没来")
        late = attend.Seen(came.pk, at, "leader", uuid.uuid4())
        both = race(
            lambda over=over, at=at: attend.close(shift_id=over.shift_id, by=qian, at=at),
            lambda over=over, late=late, at=at: attend.see(shift_id=over.shift_id, seen=[late], by=qian, at=at),
        )
        came.refresh_from_db()
        over.shift.refresh_from_db()
        # one of the two went through: a closed shift has nobody in it without a departure
        assert sorted(type(x).__name__ for x in both) in (["Shift", "WrongState"], ["StillOpen", "list"]), both
        assert (over.shift.state, came.state) in {("over", "absent"), ("planned", "attended")}

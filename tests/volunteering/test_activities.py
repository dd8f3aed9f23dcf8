"""Activities and their shifts, through the steps."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from heli.core import errors as core
from heli.core import vault
from heli.core.actor import SYSTEM
from heli.core.models import Event
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.models import Handling
from heli.volunteering import activity_errors as errors
from heli.volunteering.models import Activity, Enrolment, Series, Shift, Slot
from heli.volunteering.states import ACTIVITY, SHIFT
from heli.volunteering.steps import activities, roles, shifts
from heli.volunteering.steps.roles import Asked, Wanted
from heli.volunteering.steps.shifts import Times
from tests import arrows
from tests.volunteering.made import (
    AT,
    DAY,
    HOUR,
    LEADER,
    PLAN,
    REVIEWER,
    SATURDAY,
    STRANGER,
    drafted,
    enrolled,
    posted,
    times,
    who,
)
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db
WEEKLY = "FREQ=WEEKLY;BYDAY=SA"
PAPERS = {"reason": "有理由"}


def told_of() -> list[dict[str, Any]]:
    """What is to be told to whom: the arguments of the jobs."""
    rows = ProcrastinateJob.objects.filter(task_name="volunteering.tell").order_by("id")
    return [r.args for r in rows]


# Written down, looked at, posted -----------------------------------------------------------------------------------------
def test_from_a_draft_to_what_everybody_finds(world: Any) -> None:
    made = drafted(world)
    assert made.state == "draft" and made.leader == world.qian_keeper and made.made_by == world.qian_keeper
    assert not Activity.objects.public().exists()
    shifts.add_shift(activity_id=made.pk, times=times(), by=who(world), at=AT)
    activities.submit(activity_id=made.pk, by=who(world), at=AT)
    activities.post(activity_id=made.pk, by=who(world, REVIEWER), at=AT + HOUR)
    made.refresh_from_db()
    assert (made.state, made.reviewed_by, made.next_at) == ("posted", world.lv_supervisor, SATURDAY)
    slot = Slot.objects.get(shift__activity=made)
    assert (slot.least, slot.most) == (2, 4)
    said = list(Event.objects.filter(subject_type="volunteering.activity", subject_id=made.pk).order_by("id"))
    assert [e.step for e in said] == ["activity.draft", "shift.add", "activity.submit", "activity.post"]
    assert said[-1].public and said[-1].rules and not said[0].public


@pytest.mark.parametrize(
    ("more", "lacking"),
    [
        ({"risks": " "}, "风险"),
        ({"plan": ""}, "方案"),
        ({"place": "社区活动室"}, "地点"),
        ({"title": "补录上周六读报"}, "补录"),
        ({"content": "每月例会"}, "例会"),
        ({"roles": []}, "岗位"),
        ({"home": True}, "社会工作者"),
        ({"silver": True}, "社会工作者"),
        ({"minors": True}, "保险"),
        ({"conditions": ("heights",)}, "保险"),
        ({"minors": True, "insurer": "某财险", "insured_to": dt.date(2026, 11, 20)}, "保险"),  # ends before the shift
    ],
)  # fmt: skip
def test_what_the_rules_ask_is_asked_of_writer_and_reviewer(world: Any, more: dict[str, Any], lacking: str) -> None:
    made = drafted(world, **more)
    shifts.add_shift(activity_id=made.pk, times=times(), by=who(world), at=AT)
    with pytest.raises(errors.NotReady) as said:
        activities.submit(activity_id=made.pk, by=who(world), at=AT)
    assert lacking in said.value.words
    Activity.objects.filter(pk=made.pk).update(state="review")  # the step that posts asks again
    with pytest.raises(errors.NotReady):
        activities.post(activity_id=made.pk, by=who(world, REVIEWER), at=AT)


def test_a_home_visit_has_a_guide_who_is_a_social_worker_there(world: Any) -> None:
    with pytest.raises(core.Invalid):
        drafted(world, home=True, guide_id=world.zhao_volunteer.pk)
    insured = {"insurer": "某财险", "insured_to": dt.date(2026, 12, 31)}
    made = posted(world, home=True, guide_id=world.li_social_worker.pk, **insured)
    assert made.state == "posted"
    with pytest.raises(IntegrityError), transaction.atomic():  # the database holds it, too
        Activity.objects.filter(pk=made.pk).update(guide=None)


def test_a_second_person_looks(world: Any) -> None:
    made = drafted(world)
    shifts.add_shift(activity_id=made.pk, times=times(), by=who(world), at=AT)
    activities.submit(activity_id=made.pk, by=who(world), at=AT)
    for name in ("made_by", "changed_by", "leader"):
        before = getattr(made, f"{name}_id")
        Activity.objects.filter(pk=made.pk).update(**{name: world.lv_supervisor})
        for act in (activities.post, activities.back):
            with pytest.raises(errors.SecondPerson):
                act(activity_id=made.pk, by=who(world, REVIEWER), at=AT, **(PAPERS if act is activities.back else {}))
        Activity.objects.filter(pk=made.pk).update(**{f"{name}_id": before})
    with pytest.raises(core.NotFound):
        activities.post(activity_id=made.pk, by=who(world, STRANGER), at=AT)
    activities.back(activity_id=made.pk, by=who(world, REVIEWER), at=AT, reason="写清楚谁带队")
    made.refresh_from_db()
    assert (made.state, made.reason) == ("draft", "写清楚谁带队")
    with pytest.raises(IntegrityError), transaction.atomic():
        Activity.objects.filter(pk=made.pk).update(
            state="posted", posted_at=AT, reviewed_by=world.qian_keeper, reviewed_at=AT
        )


def test_only_what_is_to_come_is_posted(world: Any) -> None:
    made = drafted(world)
    shifts.add_shift(activity_id=made.pk, times=times(AT + HOUR), by=who(world), at=AT)
    activities.submit(activity_id=made.pk, by=who(world), at=AT)
    with pytest.raises(errors.NotReady):  # it began while nobody looked
        activities.post(activity_id=made.pk, by=who(world, REVIEWER), at=AT + HOUR * 2)
    for starts in (AT, AT - HOUR):
        with pytest.raises(errors.DatedBack):
            shifts.add_shift(activity_id=posted(world).pk, times=times(starts), by=who(world), at=AT)


def test_two_editors_do_not_overwrite_each_other(world: Any) -> None:
    made = drafted(world)
    better = replace(PLAN, title="周六读报会")
    activities.change(activity_id=made.pk, version=1, plan=better, by=who(world), at=AT)
    with pytest.raises(errors.ChangedMeanwhile):
        activities.change(activity_id=made.pk, version=1, plan=PLAN, by=who(world), at=AT)
    activities.change(activity_id=made.pk, version=2, plan=PLAN, by=who(world), at=AT)
    made.refresh_from_db()
    assert (made.title, made.version) == (PLAN.title, 3)


def test_a_posted_plan_is_not_rewritten_but_its_insurance_may_last_longer(world: Any) -> None:
    made = posted(world, minors=True, insurer="某财险", insured_to=dt.date(2026, 12, 31))
    with pytest.raises(core.WrongState):
        activities.change(activity_id=made.pk, version=1, plan=PLAN, by=who(world), at=AT)
    with pytest.raises(core.Invalid):
        activities.amend(
            activity_id=made.pk,
            version=1,
            by=who(world),
            at=AT,
            brings="",
            insurer="某财险",
            insured_to=dt.date(2026, 12, 1),
        )
    activities.amend(
        activity_id=made.pk,
        version=1,
        by=who(world),
        at=AT,
        brings="自带水杯",
        insurer="某财险",
        insured_to=dt.date(2027, 12, 31),
    )
    made.refresh_from_db()
    assert (made.brings, made.insured_to, made.version) == ("自带水杯", dt.date(2027, 12, 31), 2)


def test_the_same_form_counts_once_and_a_stranger_writes_nothing(world: Any) -> None:
    key = uuid.uuid4()
    drafted(world, form_key=key)
    with pytest.raises(core.AlreadyDone), transaction.atomic():
        drafted(world, form_key=key)
    for name, org in ((STRANGER, "银龄队"), ("赵志愿", "银龄队"), (LEADER, "心桥社工"), (REVIEWER, "社工部")):
        with pytest.raises(core.Forbidden):
            drafted(world, who=name, org=org)
    with pytest.raises(core.Invalid):  # not out of the sight of those who review the county
        drafted(world, area_path="370613001")


def test_phone_numbers_do_not_get_into_public_words(world: Any) -> None:
    made = drafted(world, content="报名找 13912345678", risks="有事打 13912345678", brings="")
    assert "13912345678" not in made.content + made.risks


def test_templates_and_copies(world: Any) -> None:
    first = posted(world, insurer="某财险", insured_to=dt.date(2026, 12, 31))
    kept = activities.copy(activity_id=first.pk, by=who(world), at=AT, template=True)
    assert kept.template and kept.insured_to is None and kept.state == "draft" and not kept.shifts.exists()
    with pytest.raises(core.WrongState):
        activities.submit(activity_id=kept.pk, by=who(world), at=AT)
    with pytest.raises(core.WrongState):
        shifts.add_shift(activity_id=kept.pk, times=times(), by=who(world), at=AT)
    again = activities.copy(activity_id=kept.pk, by=who(world), at=AT)
    assert not again.template and [r.name for r in again.roles.all()] == ["读报"]
    with pytest.raises(core.NotFound):
        activities.copy(activity_id=kept.pk, by=who(world, "李社工"), at=AT)


def test_roles(world: Any) -> None:
    made = drafted(world)
    shift = shifts.add_shift(activity_id=made.pk, times=times(), by=who(world), at=AT)
    tea = roles.add_role(activity_id=made.pk, wanted=Wanted("倒茶", most=2), by=who(world), at=AT)
    assert set(shift.slots.values_list("role__name", "most")) == {("读报", 4), ("倒茶", 2)}
    roles.change_role(role_id=tea.pk, wanted=Wanted("倒茶", most=3, newcomers=1), by=who(world), at=AT)
    assert shift.slots.get(role=tea).most == 3
    for bad in (
        Wanted("倒茶", most=0), Wanted("", most=1), Wanted("x", most=1, least=2), Wanted("x", most=1, newcomers=2),
        Wanted("x", most=1, min_age=20, max_age=18), Wanted("读报", most=1), Wanted("x", most=1, skills=(Asked("none"),)),
    ):  # fmt: skip
        with pytest.raises(core.Invalid):
            roles.add_role(activity_id=made.pk, wanted=bad, by=who(world), at=AT)
    roles.end_role(role_id=tea.pk, by=who(world), at=AT)
    assert not shift.slots.filter(role=tea).exists()
    roles.add_role(activity_id=made.pk, wanted=Wanted("倒茶", most=1), by=who(world), at=AT)  # the name is free again
    with pytest.raises(core.NotFound):
        roles.end_role(role_id=tea.pk, by=who(world, STRANGER), at=AT)


# Emergencies -------------------------------------------------------------------------------------------------------------
def test_an_emergency_is_posted_first_and_looked_at_afterwards(world: Any) -> None:
    calm = drafted(world)
    with pytest.raises(errors.NoEmergency):
        activities.post_emergency(activity_id=calm.pk, by=who(world), at=AT)
    made = drafted(world, title="台风后清理河道", field="emergency", emergency=True)
    with pytest.raises(errors.DatedBack):
        shifts.add_shift(activity_id=made.pk, times=times(AT - DAY - HOUR), by=who(world), at=AT)
    shifts.add_shift(activity_id=made.pk, times=times(AT - HOUR, 6), by=who(world), at=AT)  # it has begun already
    activities.post_emergency(activity_id=made.pk, by=who(world), at=AT)
    with pytest.raises(errors.SecondPerson):
        Activity.objects.filter(pk=made.pk).update(made_by=world.lv_supervisor)
        activities.look(activity_id=made.pk, by=who(world, REVIEWER), at=AT, words="看过")
    Activity.objects.filter(pk=made.pk).update(made_by=world.qian_keeper)
    with pytest.raises(core.PaperMissing):
        activities.look(activity_id=made.pk, by=who(world, REVIEWER), at=AT, words=" ")
    activities.look(activity_id=made.pk, by=who(world, REVIEWER), at=AT + HOUR, words="方案可行，已提醒穿雨靴")
    with pytest.raises(core.WrongState):
        activities.look(activity_id=made.pk, by=who(world, REVIEWER), at=AT + HOUR, words="再看一次")


# Shifts ------------------------------------------------------------------------------------------------------------------
def test_a_shift_has_secrets_that_are_sealed_and_a_draw_that_is_fixed_before(world: Any) -> None:
    made = posted(world, shift={"draw_at": SATURDAY - DAY})
    shift = made.shifts.get()
    seed = vault.open_bytes("shift", shift.draw_seed)
    assert hashlib.sha256(seed).hexdigest() == shift.draw_mark and len(vault.open_bytes("shift", shift.secret)) == 20
    assert len(vault.open_bytes("shift", shift.pin)) == 6 and shift.closes_at == shift.starts
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Shift.objects.filter(pk=shift.pk).update(draw_mark="0" * 64)


def test_people_move_with_their_shift_and_are_told(world: Any) -> None:
    made = posted(world)
    shift = made.shifts.get()
    mine = enrolled(world, shift)
    shifts.move_shift(
        shift_id=shift.pk, starts=SATURDAY + HOUR * 5, ends=SATURDAY + HOUR * 6, by=who(world), at=AT, note="改在下午"
    )
    mine.refresh_from_db(), shift.refresh_from_db(), made.refresh_from_db()
    assert (mine.starts, mine.ends) == (shift.starts, shift.ends) == (SATURDAY + HOUR * 5, SATURDAY + HOUR * 6)
    assert shift.by_hand and shift.note == "改在下午" and shift.closes_at == shift.starts == made.next_at
    assert [a["news"] for a in told_of()] == ["moved"]


def test_nobody_is_moved_into_two_places(world: Any) -> None:
    one, two = posted(world), posted(world, starts=SATURDAY + HOUR * 5)
    here, there = one.shifts.get(), two.shifts.get()
    enrolled(world, here), enrolled(world, there), enrolled(world, here, "周银龄")
    with pytest.raises(errors.PeopleElsewhere) as said:
        shifts.move_shift(shift_id=here.pk, starts=SATURDAY + HOUR * 6, ends=SATURDAY + HOUR * 8, by=who(world), at=AT)
    assert "1" in said.value.words and "赵" not in said.value.words  # how many, never who
    here.refresh_from_db()
    assert here.starts == SATURDAY and not told_of()
    shifts.move_shift(
        shift_id=here.pk, starts=SATURDAY + HOUR * 7, ends=SATURDAY + HOUR * 9, by=who(world), at=AT
    )  # back to back


def test_a_cancelled_shift_sets_its_people_free(world: Any) -> None:
    shift = posted(world).shifts.get()
    mine = enrolled(world, shift)
    waits = enrolled(world, shift, "周银龄", "waiting")
    with pytest.raises(core.PaperMissing):
        shifts.cancel_shift(shift_id=shift.pk, by=who(world), at=AT, reason="")
    shifts.cancel_shift(shift_id=shift.pk, by=who(world), at=AT, reason="下大雨")
    assert list(Enrolment.objects.order_by("id").values_list("state", "reason")) == [("cancelled", "下大雨")] * 2
    assert told_of() == [{"news": "cancelled", "ids": [mine.pk, waits.pk]}]
    with pytest.raises(core.WrongState):
        shifts.cancel_shift(shift_id=shift.pk, by=who(world), at=AT, reason="再一次")


def test_what_has_begun_is_neither_moved_nor_cancelled(world: Any) -> None:
    shift = posted(world).shifts.get()
    later = SATURDAY + HOUR
    with pytest.raises(errors.ShiftBegun):
        shifts.move_shift(shift_id=shift.pk, starts=later + DAY, ends=later + DAY + HOUR, by=who(world), at=later)
    with pytest.raises(errors.ShiftBegun):
        shifts.cancel_shift(shift_id=shift.pk, by=who(world), at=later, reason="没人")


def test_places_of_a_shift_do_not_fall_below_what_is_held(world: Any) -> None:
    shift = posted(world).shifts.get()
    slot = shift.slots.get()
    enrolled(world, shift), enrolled(world, shift, "周银龄")
    shifts.change_places(slot_id=slot.pk, least=1, most=2, by=who(world), at=AT)
    with pytest.raises(errors.PlacesHeld):
        shifts.change_places(slot_id=slot.pk, least=1, most=1, by=who(world), at=AT)
    with pytest.raises(IntegrityError, match="slot_held"), transaction.atomic():
        Slot.objects.filter(pk=slot.pk).update(most=1, least=1)
    shifts.change_places(slot_id=slot.pk, least=1, most=20, by=who(world), at=AT)


@pytest.mark.parametrize(
    "bad",
    [
        Times(SATURDAY, SATURDAY + HOUR * 25), Times(SATURDAY, SATURDAY), times(closes_at=SATURDAY + DAY),
        times(opens_at=SATURDAY), times(draw_at=SATURDAY + HOUR), times(fence=100),
    ],
)  # fmt: skip
def test_times_that_do_not_fit_are_refused_beside_their_field(world: Any, bad: Times) -> None:
    made = drafted(world)
    with pytest.raises(core.Invalid) as said:
        shifts.add_shift(activity_id=made.pk, times=bad, by=who(world), at=AT)
    assert said.value.field


# Series ------------------------------------------------------------------------------------------------------------------
def series_of(world: Any, until: dt.date = dt.date(2027, 2, 27)) -> tuple[Activity, Series]:
    made = drafted(world)
    of = shifts.add_series(
        activity_id=made.pk, rule=WEEKLY, first=SATURDAY, minutes=120, until=until, by=who(world), at=AT
    )
    activities.submit(activity_id=made.pk, by=who(world), at=AT)
    return activities.post(activity_id=made.pk, by=who(world, REVIEWER), at=AT), of


def days_of(of: Series, **more: Any) -> list[str]:
    return [f"{x.day:%m-%d}" for x in Shift.objects.filter(series=of, state="planned", **more).order_by("starts")]


def test_a_series_is_made_ahead_night_by_night(world: Any) -> None:
    _made, of = series_of(world)
    assert days_of(of) == ["11-21", "11-28", "12-05", "12-12", "12-19"]  # 35 days
    assert Slot.objects.filter(shift__series=of).count() == 5
    assert shifts.make_ahead(at=AT) == 0 and shifts.make_ahead(at=AT + DAY * 7) == 1
    assert days_of(of)[-1] == "12-26"
    for week in range(2, 30):
        shifts.make_ahead(at=AT + DAY * 7 * week)
    assert days_of(of)[-1] == "02-27" and len(days_of(of)) == 15


@pytest.mark.parametrize(
    ("rule", "until", "error"),
    [
        ("FREQ=YEARLY", dt.date(2027, 1, 1), errors.BadSeries),
        (WEEKLY, dt.date(2027, 11, 22), errors.TooLongAhead),
        ("FREQ=DAILY", dt.date(2027, 11, 1), errors.TooManyShifts),
        ("FREQ=WEEKLY;BYDAY=MO", dt.date(2026, 11, 22), errors.NobodyLeft),
    ],
)  # fmt: skip
def test_series_that_are_too_much(world: Any, rule: str, until: dt.date, error: Any) -> None:
    made = drafted(world)
    with pytest.raises(error):
        shifts.add_series(activity_id=made.pk, rule=rule, first=SATURDAY, minutes=60, until=until, by=who(world), at=AT)


def test_an_edit_of_a_series_leaves_alone_what_was_changed_by_hand(world: Any) -> None:
    _made, of = series_of(world, dt.date(2026, 12, 26))
    by_day = {f"{x.day:%m-%d}": x for x in Shift.objects.filter(series=of)}
    moved, gone, taken = by_day["11-28"], by_day["12-05"], by_day["12-12"]
    shifts.move_shift(shift_id=moved.pk, starts=moved.starts + DAY, ends=moved.ends + DAY, by=who(world), at=AT)
    shifts.cancel_shift(shift_id=gone.pk, by=who(world), at=AT, reason="礼堂检修")
    enrolled(world, taken)
    done = shifts.change_series(
        series_id=of.pk, since=dt.date(2026, 11, 24), rule="FREQ=WEEKLY;BYDAY=SA", begins=dt.time(14), minutes=90,
        until=dt.date(2027, 1, 9), by=who(world), at=AT,
    )  # fmt: skip
    assert done.moved == 2 and [x.pk for x in done.stayed] == [moved.pk]  # 12-12 with its person, 12-19 without
    taken.refresh_from_db(), moved.refresh_from_db(), gone.refresh_from_db()
    assert taken.starts.astimezone(SATURDAY.tzinfo).hour == 14 and Enrolment.objects.get().starts == taken.starts
    assert (moved.starts, gone.state) == (SATURDAY + DAY * 8, "cancelled")
    assert [a["news"] for a in told_of()] == ["moved"]
    # Tuesdays instead: the Saturday on which somebody is enrolled stays, the empty ones are cancelled
    done = shifts.change_series(
        series_id=of.pk, since=dt.date(2026, 11, 24), rule="FREQ=WEEKLY;BYDAY=TU", begins=dt.time(9), minutes=60,
        until=dt.date(2027, 1, 9), by=who(world), at=AT,
    )  # fmt: skip
    assert {x.pk for x in done.stayed} == {moved.pk, taken.pk} and done.dropped == 1
    assert days_of(of) == ["11-21", "11-24", "11-28", "12-01", "12-08", "12-12", "12-15", "12-22"]


def test_a_person_who_would_be_in_two_places_keeps_their_shift_of_a_series(world: Any) -> None:
    _made, of = series_of(world, dt.date(2026, 11, 28))
    other = posted(world, starts=SATURDAY + DAY * 7 + HOUR * 5)
    shift = Shift.objects.get(series=of, day=dt.date(2026, 11, 28))
    enrolled(world, shift), enrolled(world, other.shifts.get())
    done = shifts.change_series(
        series_id=of.pk, since=dt.date(2026, 11, 23), rule=WEEKLY, begins=dt.time(14), minutes=120,
        until=dt.date(2026, 11, 28), by=who(world), at=AT,
    )  # fmt: skip
    shift.refresh_from_db()
    assert [x.pk for x in done.stayed] == [shift.pk] and shift.starts == SATURDAY + DAY * 7


def test_a_series_ends(world: Any) -> None:
    _made, of = series_of(world)
    taken = Shift.objects.get(series=of, day=dt.date(2026, 12, 12))
    enrolled(world, taken)
    done = shifts.end_series(series_id=of.pk, since=dt.date(2026, 12, 1), by=who(world), at=AT)
    assert (done.dropped, [x.pk for x in done.stayed]) == (2, [taken.pk])
    assert days_of(of) == ["11-21", "11-28", "12-12"] and shifts.make_ahead(at=AT + DAY * 60) == 0
    with pytest.raises(core.NotFound):
        shifts.end_series(series_id=of.pk, since=dt.date(2026, 12, 1), by=who(world, STRANGER), at=AT)


# Ended -------------------------------------------------------------------------------------------------------------------
def test_cancelling_an_activity_ends_everything_to_come(world: Any) -> None:
    made, of = series_of(world)
    enrolled(world, made.shifts.order_by("starts")[0])
    with pytest.raises(core.PaperMissing):
        activities.cancel(activity_id=made.pk, by=who(world), at=AT, reason="")
    activities.cancel(activity_id=made.pk, by=who(world), at=AT, reason="场地没了")
    made.refresh_from_db()
    assert made.state == "cancelled" and not days_of(of) and made.next_at is None
    assert Enrolment.objects.get().state == "cancelled" and len(told_of()) == 1
    assert shifts.make_ahead(at=AT + DAY * 7) == 0


def test_the_end_says_what_came_of_it(world: Any) -> None:
    made = posted(world)
    say = {"served": 12, "came_of_it": "读了两期报，教会五位老人用语音。", "by": who(world)}
    with pytest.raises(errors.NotOver):
        activities.end(activity_id=made.pk, at=AT, **say)
    mine = enrolled(world, made.shifts.get())
    over = SATURDAY + HOUR * 3
    with pytest.raises(errors.NotOver):  # somebody is enrolled, and nobody has said whether they came
        activities.end(activity_id=made.pk, at=over, **say)
    Enrolment.objects.filter(pk=mine.pk).update(state="withdrawn")
    activities.end(activity_id=made.pk, at=over, thanks="谢谢孩子们", **say)
    made.refresh_from_db()
    assert (made.state, made.served, made.thanks, made.shifts.get().state) == ("ended", 12, "谢谢孩子们", "over")


def asked(world: Any, unit: str = "心桥社工", text: str = "老人想有人陪着说说话") -> Any:
    heard = loop.hear(
        by=SYSTEM,
        at=AT - DAY,
        text=text,
        area_path=COMMUNITY,
        name="章大姐",
        phone="13700000009",
        spot="12号楼3单元501",
    )
    offer = loop.offer(request_id=heard.request.pk, unit_id=world.org(unit).pk, by=SYSTEM, at=AT - DAY)
    loop.accept(dispatch_id=offer.pk, by=SYSTEM, at=AT - DAY)
    heard.request.refresh_from_db()
    return heard


def test_an_activity_that_serves_a_request_answers_it(world: Any) -> None:
    heard = asked(world)
    mine: dict[str, Any] = {"org": "心桥社工", "who": "李社工"}
    with pytest.raises(errors.SaysWho):
        drafted(world, request_code=heard.request.code, content="陪章大姐说说话", **mine)
    with pytest.raises(errors.NotHandled):
        drafted(world, request_code=heard.request.code)
    made = posted(world, request_code=heard.request.code, **mine)
    activities.end(
        activity_id=made.pk, served=1, came_of_it="每周六陪聊两小时。", by=who(world, "李社工"), at=SATURDAY + HOUR * 3
    )
    made.refresh_from_db(), heard.request.refresh_from_db()
    sent = Handling.objects.get(request=heard.request)
    assert made.handling == sent and sent.kind == "activity" and PLAN.title in sent.text and "陪聊" in sent.text
    assert heard.request.state == "replied"
    loop.judge(
        voice_id=heard.voice.pk,
        by=links.bearer(heard.voice),
        at=SATURDAY + DAY,
        contacted=True,
        solved="yes",
        satisfaction=5,
    )
    heard.request.refresh_from_db()
    assert heard.request.state == "closed"


# Arrows ------------------------------------------------------------------------------------------------------------------
def allowed(actor: Any, arrow: Any, unit_id: int) -> bool:
    """Said again, in the plainest way."""
    from heli.core.caps import Scope
    from tests.world import COUNTY

    for cap, scope in ((arrow.needs, arrow.scope), *arrow.also):
        for g in actor.grants:
            if cap in g.caps and (g.org_id == unit_id if scope is Scope.OWN_UNIT else COUNTY in g.paths):
                return True
    return bool(actor.system)


@arrows.of((ACTIVITY, SHIFT))
def test_an_arrow_is_open_only_to_those_the_table_names(world: Any, life: Any, arrow: Any) -> None:
    unit = world.org("银龄队").pk
    opened = arrows.opened_to(world, life, arrow, unit_id=unit, papers=PAPERS)
    assert opened == {n for n, a in arrows.everybody(world).items() if allowed(a, arrow, unit)}
    assert not opened & {"public", "link", STRANGER, "赵志愿"}


@arrows.of((ACTIVITY, SHIFT))
def test_an_arrow_leaves_only_its_sources_and_asks_for_its_papers(life: Any, arrow: Any) -> None:
    arrows.leaves_only_its_sources_with_its_papers(life, arrow, papers=PAPERS)

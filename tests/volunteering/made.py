"""Short ways to bring an activity to a station, through the real steps."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from heli.core.actor import Actor
from heli.engines.workdays import CHINA
from heli.volunteering.models import Activity, Enrolment, Shift, Slot, Volunteer
from heli.volunteering.steps import activities, shifts
from heli.volunteering.steps.activities import Plan
from heli.volunteering.steps.roles import Wanted
from heli.volunteering.steps.shifts import Times
from tests.world import COMMUNITY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=CHINA)  # a Tuesday morning
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
SATURDAY = dt.datetime(2026, 11, 21, 9, 0, tzinfo=CHINA)
PLAN = Plan(
    title="周六陪老人读报", field="elders", area_path=COMMUNITY, place="大海阳路 62 号党群服务中心二楼",
    content="陪社区的老人读报、聊天，教用手机。", plan="钱站长带队，两人一组；有人不舒服先打 120，再告诉家属。",
    risks="地面可能湿滑；老人情绪可能激动。", brings="备有茶水，请自带水杯。", conditions=("stairs",),
)  # fmt: skip
READER = Wanted("读报", most=4, least=2, duty="读报和聊天")
LEADER, REVIEWER, STRANGER = "钱站长", "吕部长", "外县人"


def times(starts: dt.datetime = SATURDAY, hours: float = 2, **more: Any) -> Times:
    return Times(starts, starts + HOUR * hours, **more)


def drafted(world: Any, *, at: dt.datetime = AT, who: str = LEADER, org: str = "银龄队", **more: Any) -> Activity:
    """A draft with one role and no shift. `more`: parts of the plan, or arguments of the step."""
    own = {k: more.pop(k) for k in ("roles", "request_code", "template", "form_key") if k in more}
    return activities.draft(
        org_id=world.org(org).pk, plan=replace(PLAN, **more), by=world.actor(who), at=at, **({"roles": [READER]} | own)
    )


def posted(
    world: Any,
    *,
    at: dt.datetime = AT,
    starts: dt.datetime = SATURDAY,
    shift: dict[str, Any] | None = None,
    **more: Any,
) -> Activity:
    """With one shift, looked at by 吕部长, for everybody to find."""
    made = drafted(world, at=at, **more)
    who = world.actor(more.get("who", LEADER))
    shifts.add_shift(activity_id=made.pk, times=times(starts, **(shift or {})), by=who, at=at)
    activities.submit(activity_id=made.pk, by=who, at=at)
    return activities.post(activity_id=made.pk, by=world.actor(REVIEWER), at=at)


def volunteer(world: Any, name: str = "赵志愿") -> Volunteer:
    """Somebody of the cast as a registered volunteer: the row alone (registering is a step of people)."""
    from heli.core import vault

    user = world.user(name)
    found = Volunteer.objects.filter(user=user).first()
    return found or Volunteer.objects.create(
        user=user, number=f"3706{user.pk:08d}", record=vault.seal(name=name, phone="13900000003", user_id=user.pk),
        area_id=world.area(COMMUNITY).pk, area_path=COMMUNITY, registered_at=AT - DAY * 90,
    )  # fmt: skip


def enrolled(world: Any, shift: Shift, name: str = "赵志愿", state: str = "confirmed") -> Enrolment:
    """A row of an enrolment (the step has its own tests): what moving and cancelling must respect."""
    slot = Slot.objects.filter(shift=shift).order_by("id")[0]
    return Enrolment.objects.create(
        volunteer=volunteer(world, name), shift=shift, slot=slot, org_id=shift.activity.org_id,
        area_path=shift.activity.area_path, starts=shift.starts, ends=shift.ends, state=state, how="self", made_at=AT,
        queued_at=AT, confirmed_at=AT,
    )  # fmt: skip


def who(world: Any, name: str = LEADER) -> Actor:
    actor: Actor = world.actor(name)
    return actor

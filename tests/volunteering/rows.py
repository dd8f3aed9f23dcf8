"""Rows of volunteering for tests that ask for nothing of the steps that make them: activities, roles, shifts."""

from __future__ import annotations

import datetime as dt
from typing import Any

from stdnum.cn import ric

from heli.core import vault
from heli.volunteering.models import Activity, Role, Shift, Slot, Volunteer

CST = dt.timezone(dt.timedelta(hours=8))
AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=CST)  # a Tuesday morning
DAY = dt.timedelta(days=1)


def number(born: dt.date, order: int = 1) -> str:
    """An invented identity number with a valid check digit. The order number says who (odd: male)."""
    body = f"370602{born:%Y%m%d}{order % 1000:03d}"
    return body + str(ric.calc_check_digit(body + "0"))


def volunteer(user: Any, area: Any, born: dt.date | None = dt.date(1990, 5, 1), **more: Any) -> Volunteer:
    record = vault.seal(name=user.call_name, id_number=number(born, user.pk) if born else "", user_id=user.pk)
    told: dict[str, Any] = {"state": "verified", "verified_at": AT, "verified_how": "local", "registered_at": AT}
    row = {"number": f"H{user.pk}", "record": record, "area": area, "area_path": area.path}
    made, _new = Volunteer.objects.update_or_create(user=user, defaults=row | told | more)
    return made


def slot(world: Any, *, starts: dt.datetime | None = None, hours: float = 2, role: Any = None, **activity: Any) -> Slot:
    """One place of a posted activity of 银龄队, on Saturday the 28th at nine unless said otherwise."""
    starts = starts or dt.datetime(2026, 11, 28, 9, tzinfo=CST)
    org, leader = world.org("银龄队"), world.qian_keeper
    told: dict[str, Any] = {
        "org": org, "area": org.area, "area_path": org.area_path, "place": "大海阳社区活动室", "title": "陪读", "field": "learning",
        "content": "陪孩子们读书", "plan": "两人一组", "risks": "路滑", "leader": leader, "made_by": leader, "made_at": AT,
        "state": "posted", "posted_at": AT, "reviewed_by": world.lv_supervisor, "reviewed_at": AT,
    }  # fmt: skip
    made = Activity.objects.create(**(told | activity))
    shift = Shift.objects.create(
        activity=made, starts=starts, ends=starts + dt.timedelta(hours=hours), made_at=min(AT, starts - DAY),
        closes_at=starts, secret="-",
    )  # fmt: skip
    part = Role.objects.create(activity=made, name="志愿者", most=10, **(role or {}))
    return Slot.objects.create(shift=shift, role=part, least=1, most=10)

"""Short ways to a posted activity with a shift, and to people who may serve in it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from heli.core import vault
from heli.core.actor import Actor
from heli.people.models import User
from heli.volunteering import codes, waiting
from heli.volunteering.models import Activity, Enrolment, Proof, Role, Shift, Slot, Volunteer
from heli.volunteering.steps import enrol
from tests.volunteering.rows import number
from tests.world import COMMUNITY

AT = dt.datetime(2026, 11, 17, 9, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # a Tuesday morning
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
SEED = b"s" * 32


def volunteer(world: Any, name: str, at: dt.datetime = AT) -> Volunteer:
    """Somebody of the cast as a verified volunteer."""
    user = world.user(name)
    known = Volunteer.objects.filter(user=user).first()
    if known is not None:  # of the world: the one of silver age has said that they are well
        day = at.date()
        Proof.objects.get_or_create(
            volunteer=known, kind="health",
            defaults={"area_path": known.area_path, "valid_from": day, "valid_to": day + 90 * DAY, "state": "confirmed",
                      "shown_at": at, "shown_by": user},
        )  # fmt: skip
    return known or _verified(user, name, at, world.area(COMMUNITY))


def crowd(world: Any, n: int, at: dt.datetime = AT) -> list[Volunteer]:
    """n people more."""
    area = world.area(COMMUNITY)
    users = User.objects.bulk_create(
        User(username=f"crowd-{uuid.uuid4().hex[:12]}", call_name=f"志愿者{i}", password="!") for i in range(n)
    )
    return [_verified(u, u.call_name, at, area) for u in users]


def _verified(user: Any, name: str, at: dt.datetime, area: Any) -> Volunteer:
    record = vault.seal(name=name, phone="13900000099", id_number=number(dt.date(1990, 5, 1), user.pk), user_id=user.pk)
    return Volunteer.objects.create(
        user=user, number=uuid.uuid4().hex[:10].upper(), record=record, area=area, area_path=area.path, state="verified",
        verified_at=at, verified_how="local", registered_at=at,
    )  # fmt: skip


def shift(
    world: Any,
    *,
    most: int = 2,
    newcomers: int = 0,
    starts: dt.datetime = AT + 3 * DAY,
    draw: bool = False,
    **more: Any,
) -> Slot:
    """A posted activity of 银龄队 with one shift of two hours and one role."""
    leader, area = world.qian_keeper, world.area(COMMUNITY)
    activity = Activity.objects.create(
        org=world.org("银龄队"), area=area, area_path=area.path, place="大海阳社区活动室", title="陪老人说说话", field="elders",
        content="陪独居老人聊天、读报", plan="两人一组", risks="室内，路上注意安全", leader=leader, state="posted", made_by=leader,
        made_at=AT, posted_at=AT, reviewed_by=world.lv_supervisor, reviewed_at=AT, lat=37.53, lon=121.38,
        **{k: v for k, v in more.items() if k in {"approval", "conditions", "minors"}},
    )  # fmt: skip
    role = Role.objects.create(activity=activity, name="陪伴", most=most, newcomers=newcomers)
    made = Shift.objects.create(
        activity=activity, starts=starts, ends=starts + 2 * HOUR, made_at=AT, closes_at=starts, secret=vault.seal_bytes(codes.SEALED, b"s" * 20),
        pin=vault.seal_bytes(codes.SEALED, b"123456"), fence=200, draw_at=starts - DAY if draw else None, draw_mark=waiting.mark(SEED) if draw else "",
        draw_seed=vault.seal_bytes(codes.SEALED, SEED) if draw else "",
    )  # fmt: skip
    return Slot.objects.create(shift=made, role=role, least=1, most=most, newcomers=newcomers)


def myself(v: Volunteer) -> Actor:
    return Actor(user_id=v.user_id)


def join(slot: Slot, v: Volunteer, at: dt.datetime = AT, **more: Any) -> Enrolment:
    """Somebody enrols by themselves."""
    return enrol.enrol(slot_id=slot.pk, people=[v.pk], by=myself(v), at=at, **more)[0]


def states(slot: Slot) -> list[str]:
    """Of all enrolments of a slot, in the order in which they were made."""
    return list(Enrolment.objects.filter(slot=slot).order_by("id").values_list("state", flat=True))

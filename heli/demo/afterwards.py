"""What follows a shift in the demo's county: both sides say how it was, somebody was not safe, an older volunteer looks for
company; and what the national system is told of those who agreed."""

from __future__ import annotations

import datetime as dt
import io
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from openpyxl import Workbook

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff
from heli.demo.serving import CAST
from heli.people.models import User
from heli.volunteering.models import Enrolment, Outgoing, Shift, Volunteer
from heli.volunteering.models.outbox import Sent
from heli.volunteering.national import OURS
from heli.volunteering.steps import exchange, kind, pairs

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
LATELY = DAY * 20
SAID = (
    ("good", "老人很高兴，下次还来。"), ("good", ""), ("good", "负责人讲得清楚，东西也齐。"), ("fair", "人来得少，有点忙不过来。"),
    ("fair", "太阳晒，最好备个遮阳棚。"), ("poor", "集合的地方写错了，找了半小时。"), ("good", "认识了两位邻居。"),
)  # fmt: skip
WENT = (("well", ""), ("agreed", ""), ("well", "三位老人说了谢谢。"), ("hard", "场地临时换了，晚开始二十分钟。"))
THANKS = ("今天风大，辛苦了。", "谢谢你们，教室收拾得比来的时候还干净。", "多亏有你们，队伍没有乱。")
UNSAFE = "过马路的时候没有人举旗，有辆电动车擦着孩子过去了。"
TEMPLATE = "演示用的模板，不是全国系统的真模板"
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    Sent.VOLUNTEER: (("number", "志愿者编号"), ("name", "姓名"), ("id_number", "证件号码"), ("registered", "注册日期")),
    Sent.HOURS: (
        ("number", "志愿者编号"), ("title", "项目名称"), ("unit", "记录单位"), ("starts", "开始时间"), ("ends", "结束时间"),
        ("minutes", "服务时长（分）"), ("what", "类型"),
    ),
}  # fmt: skip


def live(county: Staff, leaders: dict[int, Actor], now: dt.datetime, rng: random.Random) -> Counter[str]:
    """The last weeks."""
    done: Counter[str] = Counter()

    def did(name: str, act: Callable[..., Any], /, **told: Any) -> Any:
        try:
            made = act(**told)
        except HeliError as error:
            done[f"refused {error.code}"] += 1
            return None
        done[name] += 1
        return made

    over = Shift.objects.filter(state="over", starts__gt=now - LATELY, activity__org__in=leaders)
    for shift in over.select_related("activity").order_by("-starts")[:60]:
        leader, at = leaders[shift.activity.org_id], min((shift.ended_at or shift.ends) + HOUR * 20, now - HOUR)
        quality, words = rng.choice(WENT)
        did("evaluated", kind.evaluate, shift_id=shift.pk, quality=quality, words=words, by=leader, at=at)
        if rng.random() < 0.5:
            did("thanked", kind.thank, shift_id=shift.pk, words=rng.choice(THANKS), by=leader, at=at)
        for e in Enrolment.objects.filter(shift=shift, state="attended").select_related("volunteer").order_by("id"):
            if rng.random() < 0.6:
                felt, words = rng.choice(SAID)
                unsafe = done["said"] == 5
                did(
                    "said", kind.say, enrolment_id=e.pk, felt="poor" if unsafe else felt, words=UNSAFE if unsafe else words,
                    concern=unsafe, by=Actor(e.volunteer.user_id), at=at,
                )  # fmt: skip
    company(now, did)
    national(county, now, did)
    return done


def company(now: dt.datetime, did: Callable[..., Any]) -> None:
    """周银龄 asks the leader to find somebody for her next shift."""
    coming = Enrolment.objects.filter(volunteer__user__username=CAST[1], state="confirmed", starts__gt=now)
    for e in coming.select_related("volunteer").order_by("starts")[:1]:
        did("pairing", pairs.ask, shift_id=e.shift_id, by=Actor(e.volunteer.user_id), at=now - HOUR)


def national(county: Staff, now: dt.datetime, did: Callable[..., Any]) -> None:
    """A county's own mapping; some agreed; one batch was uploaded and answered, the hours wait."""
    rules, keeper, at = county.by_name["jiang.guanli"], county.supervisor, now - DAY * 9
    for what, columns in COLUMNS.items():
        did(
            "mapping", exchange.save_mapping, county=COUNTY, kind=what, columns=columns, values={}, reason=TEMPLATE, seen=0,
            by=rules, at=at,
        )  # fmt: skip
    cast = User.objects.filter(username__in=CAST)
    others = Volunteer.objects.filter(area_path__startswith=COUNTY, state="verified").exclude(user__in=cast)
    for v in [*Volunteer.objects.filter(user__in=cast[:1]), *others.order_by("id")[:24]]:
        did("agreed", exchange.share, volunteer_id=v.pk, by=keeper, at=at + HOUR, consent="在社区登记时签了同意书")
    parcel = did("packed", exchange.pack, county=COUNTY, kind=Sent.VOLUNTEER, by=keeper, at=at + HOUR * 2)
    if parcel is None:
        return
    did("sent", exchange.send, parcel_id=parcel.pk, by=keeper, at=at + HOUR * 3)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([OURS, "处理结果", "回执号", "失败原因"])
    for n, row in enumerate(Outgoing.objects.filter(parcel=parcel).order_by("id")):
        sheet.append(
            [str(row), "成功", f"SD-DEMO-{n:04d}", ""] if n % 8 else [str(row), "失败", "", "证件号码已在别处注册"]
        )
    raw = io.BytesIO()
    book.save(raw)
    did("receipts", exchange.receive, raw=raw.getvalue(), name="回执.xlsx", by=keeper, at=at + DAY)

"""Supervision orders at every station, the digests of the past weeks, and second listens, in the county of the demo."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.demo.county import Staff
from heli.loop import steps
from heli.loop.clocks import local_day
from heli.loop.models import Request
from heli.loop.oversight_models import Order, OrderPart, Recheck, Revisit
from heli.loop.steps import digests
from heli.loop.steps.orders import Meeting, Share
from heli.orgs.models import Organisation

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
COUNTY = "370602"
NINE = dt.time(9, 10)
REPORTS = (
    "已组织人员把十二处管井全部看了一遍，三处渗漏当天堵好，两处要换管，材料已订，11 月底前换完。联系本单位值班电话。",
    "已把责任路段的台账补齐，专人每天巡查一次，发现问题当天报社区。",
)


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Five orders (closed, sent back, with a meeting ahead, reported, withdrawn), three weeks of digests, second listens."""
    made: Counter[str] = Counter()
    units = [
        o
        for o in Organisation.objects.filter(kind="department", area_path=COUNTY).order_by("id")
        if o.pk in county.officers
    ]
    if len(units) < 3:
        return made
    rng.shuffle(units)
    closed(county, units[:2], begin + DAY * 8)
    sent_back(county, units[1:3], max(begin, now - DAY * 9))
    made["orders"] += 2
    for n, request in enumerate(overdue(county)):
        try:
            about(county, request, units, now - HOUR * (3 - n), n)
        except HeliError:  # it has moved on meanwhile
            continue
        made["orders"] += 1
    for back in range(1, 4):
        week = digests.monday(local_day(now)) - dt.timedelta(weeks=back)
        for path, unit in digests.wanted(now):
            made["digests"] += digests.compose(week=week, area_path=path, unit_id=unit, at=now) is not None
    made["calls passed on"] += passed(county, now)
    made["second listens"] = Recheck.objects.count()
    return made


def at_nine(day: dt.datetime) -> dt.datetime:
    """Ten past nine of that day, or of the Monday after it."""
    local = day.astimezone(dt.timezone(HOUR * 8))
    local += DAY * max(0, 7 - local.weekday()) if local.weekday() > 4 else dt.timedelta()
    return local.replace(hour=NINE.hour, minute=NINE.minute, second=0, microsecond=0)


def officer(county: Staff, part: OrderPart) -> Actor:
    return county.officers[part.unit_id]


def given(
    county: Staff,
    units: list[Organisation],
    at: dt.datetime,
    *,
    title: str,
    demand: str,
    meeting: Meeting | None = None,
) -> list[OrderPart]:
    order = steps.issue_order(
        by=county.supervisor, at=at, title=title, demand=demand, units=dict.fromkeys((u.pk for u in units), ""),
        area_path=COUNTY, meeting=meeting,
    )  # fmt: skip
    return list(OrderPart.objects.filter(order=order).select_related("order").order_by("pk"))


def closed(county: Staff, units: list[Organisation], day: dt.datetime) -> None:
    """A standing matter that was met about on site and is done."""
    at = at_nine(day)
    parts = given(
        county, units, at, title="老旧小区管井入冬前排查", demand="查清责任，逐个排查，渗漏的入冬前修好，结果书面回报。",
        meeting=Meeting(at + HOUR * 5, "大海阳社区居委会门前"),
    )  # fmt: skip
    order = parts[0].order
    shares = {p.unit_id: Share(words) for p, words in zip(parts, ("管井本体和盖板", "井内管线"), strict=True)}
    steps.hold_meeting(
        order_id=order.pk, by=county.supervisor, at=at + HOUR * 6, minutes="现场看了六处管井，责任当面分清，修完互相通知。",
        came=[p.unit_id for p in parts], shares=shares,
    )  # fmt: skip
    for n, part in enumerate(parts):
        steps.acknowledge_order(part_id=part.pk, by=officer(county, part), at=at + HOUR * 7)
        steps.report_order(part_id=part.pk, by=officer(county, part), at=at + DAY, text="在办。" if n else REPORTS[0])
        if n:
            reason = "没有说修了几处、什么时候修完，请补上。"
            steps.send_back_report(part_id=part.pk, by=county.supervisor, at=at + DAY + HOUR, reason=reason)
            steps.report_order(part_id=part.pk, by=officer(county, part), at=at + DAY + HOUR * 4, text=REPORTS[0])
        steps.accept_report(part_id=part.pk, by=county.supervisor, at=at + DAY + HOUR * 5)
    steps.close_order(
        order_id=order.pk, by=county.supervisor, at=at + DAY + HOUR * 6, decision="两家都办完，入冬后抽查一次。"
    )


def sent_back(county: Staff, units: list[Organisation], day: dt.datetime) -> None:
    """A standing matter: one unit is done, the other's report was not enough and nothing has come since."""
    at = at_nine(day)
    first, second = given(
        county, units, at, title="学校门口乱停车反复", demand="上下学时段谁来管、怎么管，报一个能天天做下去的办法。"
    )
    for part in (first, second):
        steps.report_order(part_id=part.pk, by=officer(county, part), at=at + HOUR * 6, text=REPORTS[1])
    steps.accept_report(part_id=first.pk, by=county.supervisor, at=at + DAY)
    steps.send_back_report(
        part_id=second.pk, by=county.supervisor, at=at + DAY, reason="只说了巡查，没说早晚高峰谁在现场。"
    )


def overdue(county: Staff) -> list[Request]:
    """Three requests long overdue with units that work in the demo."""
    rows = Request.objects.filter(
        state="handling", unit__in=list(county.officers), orders=None, area_path__startswith=COUNTY
    )
    return list(rows.order_by("-lap", "due_at", "id")[:3])


def about(county: Staff, request: Request, units: list[Organisation], at: dt.datetime, n: int) -> None:
    """An order about one request: with a meeting tomorrow, reported to the supervisor, or withdrawn again."""
    other = next(u for u in units if u.pk != request.unit_id)
    assert request.unit_id is not None
    meeting = Meeting(at_nine(at + DAY * 2), request.spot or "现场") if n == 0 else None
    order: Order = steps.issue_order(
        by=county.supervisor, at=at, title=request.title, demand="这件事居民反复说、时限早过了。查清谁管，办完书面回报。",
        units={request.unit_id: "主办：拿出办法，联系居民", other.pk: "配合：到现场把界线分清"}, request_ids=[request.pk], meeting=meeting,
    )  # fmt: skip
    parts = list(OrderPart.objects.filter(order=order).order_by("pk"))
    steps.acknowledge_order(part_id=parts[0].pk, by=officer(county, parts[0]), at=at + dt.timedelta(minutes=20))
    if n == 1:
        steps.report_order(part_id=parts[0].pk, by=officer(county, parts[0]), at=at + HOUR, text=REPORTS[0])
    if n == 2:
        reason = "同一处已有专项督办，并到那边办。"
        steps.withdraw_order(order_id=order.pk, by=county.second, at=at + dt.timedelta(minutes=40), reason=reason)


def passed(county: Staff, now: dt.datetime) -> int:
    """One call whose resident the caller knows."""
    call = Revisit.objects.visible_to(county.revisitor).filter(state="waiting").order_by("-id").first()
    if call is None:
        return 0
    steps.pass_call(revisit_id=call.pk, by=county.revisitor, at=now)
    return 1

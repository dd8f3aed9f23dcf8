"""A small county for the board: one request of each fate, through the real steps, and recounts in plain SQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from heli.loop import steps
from heli.loop.models import Clock, Request
from tests.loop import staff
from tests.loop.told import LAMP, PAVEMENT, SEWER, Told, tell

NOW = dt.datetime(2026, 11, 24, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))  # a Tuesday
DAY = dt.timedelta(days=1)
DAHAIYANG, YUDONG, DONGSHAN = "370602003006", "370602003004", "370602002001"


def second_supervisor(world: Any) -> Any:
    """郝回访 becomes a second supervisor, long ago."""
    return staff.second_supervisor(world, NOW - 90 * DAY)


def overdue(
    world: Any, path: str = DAHAIYANG, days: int = 20, text: str = "门口下水井冒水，臭味进屋，说了没人来"
) -> Told:
    told = tell(world, text, at=NOW - days * DAY, area_path=path)
    told.dispatch()
    told.accept()
    return told


def bounced(world: Any, path: str = DAHAIYANG, times: int = 2) -> Told:
    told = tell(
        world, "楼顶广告牌松动，风一刮哐哐响，两家都说不归自己管", at=NOW - 4 * DAY, area_path=path, category=SEWER
    )
    for unit, who in (("城管局", "于科员"), ("住建局", "曲科员"))[:times]:
        made = told.dispatch(unit)
        steps.ask_return(
            dispatch_id=made.pk,
            by=world.actor(who),
            at=told.later(0.5),
            reason_code="not_ours",
            reason="不在养护范围",
            legal_basis="三定方案",
        )
        steps.decide_return(dispatch_id=made.pk, by=world.actor("孙坐席"), at=told.later(0.5), uphold=True)
    return told


def county(world: Any) -> dict[str, Told]:
    """One of each: overdue, due soon, bounced, being redone, closed (solved, not satisfied), waiting, lapsed, left out,
    declined, joined, and one heard long ago."""
    made = {
        "overdue": overdue(world),
        "overdue_street": overdue(world, DONGSHAN, 12, "小广场路灯坏了一排，跳舞的人看不见台阶"),
        "bounced": bounced(world),
        "soon": overdue(world, YUDONG, 6, "楼道灯坏了三层都黑着"),
        "redo": tell(world, at=NOW - 5 * DAY).answered(),
        "solved": tell(world, at=NOW - 9 * DAY, area_path=YUDONG).answered(),
        "unhappy": tell(world, at=NOW - 8 * DAY, area_path=DONGSHAN).answered(),
        "waiting": tell(world, at=NOW - 3 * DAY).answered(),
        "lapsed": tell(world, at=NOW - 15 * DAY, category=LAMP).answered(),
        "excluded": tell(world, at=NOW - 11 * DAY, area_path=DONGSHAN).answered(),
        "declined": tell(world, "要求判决邻居搬走", at=NOW - 6 * DAY),
        "twin": tell(world, "世学路人行道塌了一块", at=NOW - 2 * DAY, category=PAVEMENT),
        "old": tell(world, at=NOW - 60 * DAY).answered(),
    }
    made["redo"].judge("no", 2)
    made["solved"].judge("yes", 5)
    made["unhappy"].judge("partly", 3)
    made["excluded"].judge("yes", 5)
    made["old"].judge("yes", 4)
    steps.lapse(request_id=made["lapsed"].request_id, at=NOW - DAY)
    leave_out(world, made["excluded"].request_id)
    steps.decline(
        request_id=made["declined"].request_id, by=world.actor("孙坐席"), at=made["declined"].later(1),
        reason="要由法院判", legal_basis="民事诉讼法", route="向区法院起诉",
    )  # fmt: skip
    steps.merge(
        request_id=made["twin"].request_id,
        into_id=made["overdue"].request_id,
        by=world.actor("孙坐席"),
        at=made["twin"].later(1),
    )
    Clock.objects.filter(request=made["soon"].request_id, kind="reply").update(due_at=NOW + DAY)
    Request.objects.filter(pk=made["soon"].request_id).update(due_at=NOW + DAY)
    return made


def leave_out(world: Any, request_id: int, reason: str = "court") -> Any:
    """Proposed by the one supervisor, confirmed by the other."""
    made = steps.propose_exclusion(
        request_id=request_id,
        by=world.actor("吕部长"),
        at=NOW - 2 * DAY,
        reason=reason,
        evidence="（2026）鲁 0602 民初 12 号受理通知书",
    )
    steps.confirm_exclusion(exclusion_id=made.pk, by=world.actor("郝回访"), at=NOW - DAY)
    return made


# What each number should be, said once more in SQL ---------------------------------------------------------------------
OPEN = "('heard','dispatched','handling','appealed','split')"
REPLIED = "state IN ('replied','closed','lapsed','appealed') AND replied_at IS NOT NULL"
CLOCK = "SELECT 1 FROM loop_clock c WHERE c.request_id = r.id AND c.kind IN ('reply','redo')"
LATE_NOW = f"state IN {OPEN} AND EXISTS ({CLOCK} AND c.outcome = 'running' AND c.due_at < %(now)s)"
NOW_SQL = {
    "open": f"state IN {OPEN}",
    "overdue": LATE_NOW,
    "due_soon": f"state IN {OPEN} AND EXISTS ({CLOCK} AND c.outcome = 'running' AND c.due_at >= %(now)s"
    " AND c.due_at < %(now)s + interval '2 days')",
    "bounced": "state IN ('heard','dispatched') AND bounces >= 2",
    "redo": "state = 'handling' AND lap > 1",
}
HEARD = "heard_at >= %(since)s AND heard_at < %(until)s AND state NOT IN ('merged','withdrawn','declined')"
SPAN_SQL = {
    "counted": "NOT excluded",
    "contacted": "NOT excluded AND contacted",
    "answered_contacted": "NOT excluded AND satisfaction IS NOT NULL AND contacted IS NOT NULL",
    "solved": "NOT excluded AND satisfaction IS NOT NULL AND solved = 'yes'",
    "answered_solved": "NOT excluded AND satisfaction IS NOT NULL AND solved <> ''",
    "satisfied": "NOT excluded AND satisfaction >= 4",
    "answered_satisfied": "NOT excluded AND satisfaction IS NOT NULL",
    "replied_on_time": f"NOT excluded AND {REPLIED} AND NOT EXISTS ({CLOCK} AND c.outcome = 'late')",
    "replied_or_overdue": f"NOT excluded AND (({REPLIED}) OR ({LATE_NOW}))",
    "unrated": "NOT excluded AND state = 'lapsed' AND satisfaction IS NULL",
    "waiting": "NOT excluded AND state = 'replied' AND satisfaction IS NULL",
    "excluded": "excluded",
}


def recount(name: str, path: str, days: int = 30) -> int:
    """One number, from the table, without the code under test."""
    first = dt.datetime.combine(NOW.date() - dt.timedelta(days=days - 1), dt.time(), NOW.tzinfo)
    what = NOW_SQL.get(name) or f"({HEARD}) AND {SPAN_SQL[name]}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM loop_request r WHERE area_path LIKE %(like)s AND {what}",
            {"like": f"{path}%", "now": NOW, "since": first, "until": first + dt.timedelta(days=days)},
        )
        return int(cursor.fetchone()[0])

"""Stars of the cast: a county whose stars need few hours, and somebody who served them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from heli.core.actor import SYSTEM
from heli.ledger import standing_steps
from heli.ledger.models import Service
from heli.ledger.standing_models import Award
from heli.rulebook.steps import NewRule, set_rule
from tests.ledger.made import DAY, HOUR, MORNING, NOW, Made
from tests.world import COUNTY

PERSON, FIRST, SECOND = "赵志愿", "吕部长", "second"


def ruled(key: str, value: Any, first: dt.date = dt.date(2026, 1, 1), path: str = COUNTY) -> None:
    rule = NewRule(key, path, value, "芝罘区志愿服务星级办法", first, {}, reason="试行")
    set_rule(rule=rule, by=SYSTEM, at=NOW)


def stars_of_few_hours(*hours: int, without: tuple[str, ...] = (), first: dt.date = dt.date(2026, 1, 1)) -> None:
    ruled("ledger.stars", {"hours": list(hours or (1, 2, 4, 8, 16)), "without": list(without)}, first)


def served(m: Made, hours: int, who: str = PERSON, n: int = 1, **more: Any) -> Service:
    """So many hours of somebody's, approved: a day of their own for each `n`."""
    service = m.one(
        who,
        starts=MORNING - 2 * DAY + n * 10 * HOUR if n < 3 else MORNING - n * DAY,
        hours=hours,
        enrolled_at=MORNING - 60 * DAY,
        **more,
    )
    m.approved(service)
    service.refresh_from_db()
    assert service.credited == hours * 60
    return service


def asked(m: Made, stars: int = 2, who: str = PERSON, shown: bool = True) -> Award:
    return standing_steps.ask(area_path=COUNTY, stars=stars, shown=shown, by=m.who(who), at=NOW)


def second(m: Made) -> Any:
    """Another reviewer of the county."""
    from heli.orgs.queries import actor_for
    from heli.orgs.steps import give_grant

    user = m.world.user("梁秘书")
    give_grant(
        user_id=user.pk,
        role="supervisor",
        paths=(COUNTY,),
        org_id=m.world.org("社工部").pk,
        reason="复核",
        by=SYSTEM,
        at=NOW - DAY,
    )
    return actor_for(user)

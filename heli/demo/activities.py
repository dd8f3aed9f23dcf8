"""A year of activities: drafted by teams, looked at by a second person, posted; their series made ahead month by month, as
the nightly job does. Texts (content/activities.yaml) and places are invented.

Who serves in them is told by serving.py; here is when, where and who is looked for.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff, account, grant
from heli.demo.stations import STREETS
from heli.demo.times import HERE
from heli.orgs.models import Grant, Organisation
from heli.orgs.queries import actor_for
from heli.volunteering.models import Activity, Shift
from heli.volunteering.series import weekly
from heli.volunteering.steps import activities as steps
from heli.volunteering.steps import shifts
from heli.volunteering.steps.activities import Plan
from heli.volunteering.steps.roles import Wanted
from heli.volunteering.steps.shifts import Times

TEXTS = Path(__file__).with_name("content") / "activities.yaml"
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
AHEAD = dt.timedelta(days=28)  # how often the demo does what the job does every night
INSURER = "烟台互助保险（演示）"


def leaders(at: dt.datetime) -> list[tuple[Actor, Organisation]]:
    """Teams with who leads them; a team without a leader gets one. The social workers' centre leads activities, too."""
    found = []
    for org in Organisation.objects.filter(kind="team", area_path__startswith=COUNTY, closed_at=None).order_by("id"):
        held = Grant.objects.filter(org=org).select_related("user").order_by("id").first()  # 钱站长 of 银龄队
        user = held.user if held is not None else account(f"leader.{org.pk}", f"{org.short_name}队长", at)
        grant(user, "team_leader", org, (org.area_path,), at)
        found.append((actor_for(user, at), org))
    return found


def guide(at: dt.datetime) -> Actor:
    """A social worker who guides visits at home, with a grant as old as the year."""
    centre = Organisation.objects.get(short_name="心桥社工")
    user = account("gui.shegong", "归社工", at)
    grant(user, "social_worker", centre, (COUNTY,), at)
    return actor_for(user, at)


def plan_of(told: dict[str, Any], n: int, texts: dict[str, Any], guide_id: int | None, until: dt.date) -> Plan:
    lat, lon = STREETS[told["s"]]
    guided = told.get("home") or told.get("silver")
    return Plan(
        title=told["t"], field=told["f"], area_path=f"{COUNTY}{told['s']}", place=told["p"], content=told["c"],
        plan=texts["plans"][n % 3], risks=told["r"], brings=texts["brings"][n % 3], lat=lat + (n % 7 - 3) * 0.0011,
        lon=lon + (n % 5 - 2) * 0.0013, conditions=tuple(told.get("conditions", ())), minors=told.get("minors", False),
        home=told.get("home", False), silver=told.get("silver", False), guide_id=guide_id if guided else None,
        insurer=INSURER, insured_to=until,
    )  # fmt: skip


def roles_of(told: dict[str, Any]) -> list[Wanted]:
    made = []
    for name, said in told["roles"].items():
        least, most = (int(x) for x in str(said).split("-"))
        made.append(Wanted(name, most, least, newcomers=1 if most > 4 else 0, min_age=16 if told.get("minors") else 14))
    return made


@dataclass(slots=True)
class Year:
    """Who writes, guides and looks at plans, the texts, and what was counted."""

    texts: dict[str, Any]
    teams: list[tuple[Actor, Organisation]]
    social: Actor
    second: Actor
    now: dt.datetime
    done: Counter[str]

    def begin(self, n: int, at: dt.datetime) -> None:
        """The n-th activity: drafted, its series planned for a year, looked at, posted."""
        told, (leader, org) = self.texts["activities"][n], self.teams[n % len(self.teams)]
        days, begins, minutes = told["when"]
        weekdays = [int(d) for d in days.split(",")]
        on = at.astimezone(HERE).date() + DAY * 3
        while on.weekday() not in weekdays:
            on += DAY
        first = dt.datetime.combine(on, dt.time.fromisoformat(f"{begins:0>5}"), tzinfo=HERE)
        until = min(on + dt.timedelta(days=365), self.now.date() + dt.timedelta(days=60 + n))
        plan = plan_of(told, n, self.texts, self.social.user_id, until)
        made = steps.draft(org_id=org.pk, plan=plan, roles=roles_of(told), by=leader, at=at)
        of = shifts.add_series(
            activity_id=made.pk, rule=weekly(weekdays), first=first, minutes=minutes, until=until, by=leader, at=at
        )
        steps.submit(activity_id=made.pk, by=leader, at=at + HOUR)
        steps.post(activity_id=made.pk, by=self.second, at=at + HOUR * 20)
        self.done["activities"] += 1
        self.done["shifts"] += of.shifts.count()

    def ahead(self, at: dt.datetime) -> None:
        self.done["shifts"] += shifts.make_ahead(at=at)


def live(county: Staff, start: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """The year from `start` up to now, and what is planned from now on. Returns counts."""
    texts = yaml.safe_load(TEXTS.read_text())
    year = Year(texts, leaders(start), guide(start), county.second, now, Counter())
    acts: list[tuple[dt.datetime, Callable[[dt.datetime], None]]] = [
        (start + HOUR * rng.uniform(1, 60), partial(year.begin, n)) for n in range(len(texts["activities"]))
    ]
    acts += [(start + AHEAD * n, year.ahead) for n in range(1, (now - start) // AHEAD)] + [(now, year.ahead)]
    for at, act in sorted(acts, key=lambda x: x[0]):
        act(at)
    waiting(year.teams, texts, county.second, now, year.done)
    return year.done


def waiting(
    who: list[tuple[Actor, Organisation]], texts: dict[str, Any], second: Actor, now: dt.datetime, done: Counter[str]
) -> None:  # fmt: skip
    """What waits now: a draft, one that came back, one to look at, an emergency, a template, one with its report, and a
    shift of a series that was moved and one that was cancelled."""
    day = now.date()

    def made(n: int, title: str, **more: Any) -> tuple[Activity, Actor]:
        leader, org = who[n % len(who)]
        told = texts["activities"][n] | {"t": title}
        told.pop("home", None), told.pop("silver", None)
        plan = plan_of(told, n, texts, None, day + dt.timedelta(days=90))
        one = steps.draft(org_id=org.pk, plan=replace(plan, **more), roles=roles_of(told), by=leader, at=now - DAY * 3)
        starts = dt.datetime.combine(day + DAY * 9, dt.time(9), tzinfo=HERE)
        shifts.add_shift(activity_id=one.pk, times=Times(starts, starts + HOUR * 2), by=leader, at=now - DAY * 3)
        return one, leader

    made(7, "冬日海鸥守护")
    one, leader = made(8, "腊八送粥")
    steps.submit(activity_id=one.pk, by=leader, at=now - DAY * 2)
    steps.back(activity_id=one.pk, by=second, at=now - DAY, reason="熬粥在哪里、谁看着火，写清楚再送。")
    for n, title in ((21, "年前旧衣集中转赠"), (34, "春联送到家门口")):
        one, leader = made(n, title)
        steps.submit(activity_id=one.pk, by=leader, at=now - HOUR * (5 + n))
    one, leader = made(28, "大风后清理倒下的树枝", field="emergency", emergency=True)
    steps.post_emergency(activity_id=one.pk, by=leader, at=now - HOUR * 6)
    steps.copy(activity_id=one.pk, by=leader, at=now, template=True)
    one, leader = made(29, "秋季急救大课堂")
    steps.submit(activity_id=one.pk, by=leader, at=now - DAY * 2)
    steps.post(activity_id=one.pk, by=second, at=now - DAY)
    shift = one.shifts.get()
    shifts.cancel_shift(shift_id=shift.pk, by=leader, at=now, reason="教室检修，改到下个月")
    steps.end(activity_id=one.pk, by=leader, at=now, served=46, came_of_it=texts["came"][2], thanks="讲得慢，听得懂。")
    for n, act in enumerate(("move", "cancel")):
        leader, org = who[n % len(who)]
        coming = Shift.objects.filter(
            activity__org=org, state="planned", starts__gt=now + DAY * 4, series__isnull=False
        )
        found = coming.order_by("starts").first()
        if found is None:
            continue
        try:
            if act == "move":
                shifts.move_shift(
                    shift_id=found.pk, starts=found.starts + HOUR * 5, ends=found.ends + HOUR * 5, by=leader, at=now,
                    note="上午场地有别的活动，改在下午",
                )  # fmt: skip
            else:
                shifts.cancel_shift(shift_id=found.pk, by=leader, at=now, reason="礼堂停电检修")
            done[f"shift {act}"] += 1
        except HeliError as error:
            done[f"refused {error.code}"] += 1

"""Who serves in the year's activities: regulars enrolled by their team, of late by themselves on their phones; who came, who
did not, and the hours the shifts end with. Everything goes through the steps; no two of a person's shifts lie on one day.
"""

from __future__ import annotations

import datetime as dt
import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from heli.core.actor import Actor
from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff
from heli.demo.times import HERE
from heli.ledger import certificate_steps, dispute_steps, doubt_steps
from heli.ledger.models import Service
from heli.orgs.models import Organisation
from heli.people.models import User
from heli.volunteering import codes, gates
from heli.volunteering.models import Enrolment, Proof, ProofKind, Shift, Slot, Volunteer
from heli.volunteering.models.enrolments import How, Means
from heli.volunteering.steps import attend, enrol, proofs
from heli.volunteering.steps.attend import Seen

DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
OF_LATE = DAY * 21  # so long people have used the phone for it
AHEAD = DAY * 14
POOL = 30  # people around an activity
MISSED = ("没有来，电话没打通。", "临时没来，事后说家里有事。")
CAST = ("zhao.zhiyuan", "zhou.yinling")
LATE, UNRECORDED = 90, 60  # one shift in so many: entered from the office long afterwards; not put forward yet
AFTER = DAY * 34  # which a rule doubts


@dataclass(slots=True)
class Serving:
    """Whoever serves, and on which days they are taken."""

    rng: random.Random
    now: dt.datetime
    clerk: Actor
    county: Actor
    second: Actor
    leaders: dict[int, Actor]
    people: dict[int, Volunteer]
    cast: list[int]
    home: int  # the organisation of the cast
    taken: set[tuple[int, dt.date]] = field(default_factory=set)
    pools: dict[int, list[int]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)

    def pool(self, slot: Slot) -> list[int]:
        """Who comes to this kind of work: of the street first, then of the field."""
        activity = slot.shift.activity
        if slot.role_id not in self.pools:
            others = [v for v in self.people.values() if v.pk not in self.cast]
            self.rng.shuffle(others)
            others.sort(key=lambda v: (v.area_path[:9] != activity.area_path[:9], activity.field not in v.fields))
            self.pools[slot.role_id] = [v.pk for v in others[:POOL]]
        return (self.cast if activity.org_id == self.home else []) + self.pools[slot.role_id]

    def some(self, slot: Slot, at: dt.datetime, n: int) -> list[int]:
        """So many who have nothing else that day, were registered by then, and may serve."""
        day = slot.shift.starts.astimezone(HERE).date()
        ready = [
            self.people[pk]
            for pk in self.pool(slot)
            if (pk, day) not in self.taken
            and self.people[pk].registered_at < at
            and (pk in self.cast or self.rng.random() < 0.7)
        ][: n * 2]
        shut = gates.refusals(ready, slot, at=at) if ready else {}
        return [v.pk for v in ready if not shut[v.pk]][:n]

    def take(self, slot: Slot, ids: Sequence[int], by: Actor, at: dt.datetime, how: str = How.COORDINATOR) -> None:
        if not ids:
            return
        day = slot.shift.starts.astimezone(HERE).date()
        consent = "电话里说要来" if how == How.PROXY else ""
        try:
            enrol.enrol(slot_id=slot.pk, people=ids, by=by, at=at, how=how, consent=consent)
        except HeliError as error:
            self.done[f"refused {error.code}"] += 1
        else:
            self.taken.update((pk, day) for pk in ids)
            self.done["enrolled"] += len(ids)

    def well(self, at: dt.datetime) -> None:
        """Who said a year ago that they are well says so again."""
        said = Proof.objects.filter(volunteer__in=self.people, kind=ProofKind.HEALTH, state="confirmed")
        for pk in said.filter(valid_to__lt=at + DAY * 60).values_list("volunteer", flat=True).order_by("volunteer"):
            by = self.worker(pk) if self.people[pk].by_phone else Actor(self.people[pk].user_id)
            proofs.say_well(volunteer_id=pk, by=by, at=at, consent="电话里说的")

    def worker(self, pk: int) -> Actor:
        """Who keeps somebody that is told by telephone: their community's clerk, or the county."""
        return self.clerk if pk in self.cast else self.county

    def fill(self, shift: Shift, slots: Iterable[Slot]) -> None:
        """Places are taken some days before: by the leader for the regulars; of late everybody for themselves, and for
        those who are told by telephone the clerk. Some shifts ahead are full, and more wait."""
        leader = self.leaders[shift.activity.org_id]
        for slot in slots:
            n = self.rng.randint(min(2, slot.most), max(2, min(6, slot.most * 2 // 3)))
            if shift.starts > self.now and slot.most <= 3 and shift.pk % 3 == 0:
                n = slot.most + 2
            at = max(min(shift.starts - HOUR * self.rng.uniform(26, 60), self.now - HOUR), shift.made_at + HOUR)
            ids = self.some(slot, at, n)
            if shift.starts < self.now - OF_LATE:
                self.take(slot, ids, leader, at)
                continue
            for pk in ids:
                who = self.people[pk]
                by, how = (self.worker(pk), How.PROXY) if who.by_phone else (Actor(who.user_id), How.SELF)
                self.take(slot, [pk], by, at, how)

    def over(self, shift: Shift) -> None:
        """Who came is seen, who did not is missed, and the shift is closed; hours go to the ledger."""
        leader = self.leaders[shift.activity.org_id]
        rows = list(Enrolment.objects.filter(shift=shift, state="confirmed").select_related("volunteer").order_by("id"))
        gone = [e for e in rows if e.volunteer_id not in self.cast and self.rng.random() < 0.03]
        here = [e for e in rows if e not in gone]
        lately = self.now - AFTER - DAY * 4 < shift.ends < self.now - AFTER - DAY
        late = shift.ends < self.now - AFTER - DAY and shift.pk % (2 if lately else LATE) == 0
        at = shift.ends + (AFTER if late else MINUTE * 10)
        phone = shift.starts > self.now - OF_LATE and shift.activity_id % 3 == 0
        if phone and not late:
            for e in here:
                for x in self.scans(e, Means.QR, device=f"demo-{e.volunteer_id}"):
                    attend.see(
                        shift_id=shift.pk, seen=[x], by=Actor(e.volunteer.user_id), at=x.at, code=codes.code(shift, x.at)
                    )  # fmt: skip
        elif here:
            means, reason = (Means.OFFICE, "当天忘了点名，按微信群里的照片补") if late else (Means.LEADER, "")
            seen = [x for e in here for x in self.scans(e, means, reason=reason)]
            attend.see(shift_id=shift.pk, seen=seen, by=leader, at=at)
        for e in gone:
            attend.miss(enrolment_id=e.pk, by=leader, at=at, reason=self.rng.choice(MISSED))
        attend.close(shift_id=shift.pk, by=leader, at=at + MINUTE * 20, record=shift.pk % UNRECORDED != 0)
        held = Service.objects.filter(org=shift.activity.org_id, starts=shift.starts, state="held") if late else ()
        if late and not lately and (ids := [x.pk for x in held]):  # what was doubted long ago is decided
            doubt_steps.decide(
                service_ids=ids, outcome="reject" if shift.pk // LATE % 2 else "settle", reason="查了当天的群消息和签到纸",
                by=self.second, at=at + DAY * 2,
            )  # fmt: skip
        self.done["shifts closed"] += 1
        self.done["served"] += len(here)

    def scans(self, e: Enrolment, means: str, *, device: str = "", reason: str = "") -> list[Seen]:
        came = e.starts + MINUTE * self.rng.randint(-12, 4)
        left = e.ends + MINUTE * self.rng.randint(-6, 8)
        return [
            Seen(e.pk, moment, means, uuid.UUID(int=self.rng.getrandbits(128)), out=out, device=device, reason=reason)
            for moment, out in ((came, False), (left, True))
        ]


def live(
    county: Staff,
    leaders: dict[int, Actor],
    now: dt.datetime,
    rng: random.Random,
    *,
    share: int,
    shares: int,
    days: int,
    tell: Callable[[float], None],
) -> Counter[str]:
    """The shifts of the activities that fall to this share, from so many days ago until two weeks ahead; the people of
    each share are others, so that no two wait for each other. `tell`: what part was lived since it was told last."""
    users = set(User.objects.filter(username__in=CAST).values_list("pk", flat=True))
    home = Organisation.objects.get(short_name="银龄队").pk
    known = Volunteer.objects.filter(area_path__startswith=COUNTY).order_by("id")
    rows = Shift.objects.filter(
        state="planned", draw_at=None, activity__state="posted", activity__org__in=leaders, starts__gt=now - DAY * days,
        starts__lt=now + AHEAD,
    )  # fmt: skip
    # The cast and all activities of their team are of the first share; the others are divided by number.
    todo = [
        s
        for s in rows.select_related("activity").order_by("starts", "id")
        if (0 if s.activity.org_id == home else s.activity_id % shares) == share
    ]
    people = {v.pk: v for v in known if (0 if v.user_id in users else v.pk % shares) == share}
    cast = [v.pk for v in people.values() if v.user_id in users]
    serving = Serving(rng, now, county.clerk, county.supervisor, county.second, leaders, people, cast, home)
    slots: dict[int, list[Slot]] = defaultdict(list)
    for slot in Slot.objects.filter(shift__in=todo).select_related("shift__activity", "role").order_by("id"):
        slots[slot.shift_id].append(slot)
    again = now - DAY * 6
    for first in range(0, len(todo), 20):
        with transaction.atomic():  # twenty at a time: what is written is the same
            for n, shift in enumerate(todo[first : first + 20], first):
                if shift.starts > again and (not n or todo[n - 1].starts <= again):
                    serving.well(again)
                try:
                    serving.fill(shift, slots[shift.pk])
                    if shift.ends < now - HOUR * 2:
                        serving.over(shift)
                except HeliError as error:
                    serving.done[f"refused {error.code}"] += 1
        tell(min(20, len(todo) - first) / len(todo))
    for user in users if share == 0 else ():
        own_words(user, now, serving.done)
    return serving.done


def own_words(user: int, now: dt.datetime, done: Counter[str]) -> None:
    """Each of the cast has a certificate of the year, and says of their last but one service that it was longer."""
    day = now.astimezone(HERE).date()
    counted = Service.objects.filter(person__user=user, state="approved").order_by("-starts")[:2]
    if len(counted) < 2:
        return
    certificate_steps.issue(
        user_id=user, first_day=day - DAY * 364, last_day=day, language="zh", by=Actor(user), at=now - HOUR * 30
    )
    service = counted[1]
    dispute_steps.report(
        service_id=service.pk, text="收摊也算，多干了二十分钟。", minutes=(service.credited or 0) + 20, by=Actor(user),
        at=max(now - DAY * 2, service.ends + HOUR * 6),
    )  # fmt: skip
    done["certificates"] += 1
    done["disputes"] += 1

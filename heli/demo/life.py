"""Thirty days of a county: requests are told, dispatched, handled and judged by its people, each through the real steps
at its own time. What is still open at the end is the work that waits in the demo.

A life is a heap of (time, act). Each act calls one step and may put further acts on the heap; what would happen after
the end is left undone. Lives of different streets do not touch each other, so two processes can live them side by side.
"""

from __future__ import annotations

import datetime as dt
import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from heli.core.actor import PUBLIC, Actor
from heli.core.errors import HeliError
from heli.core.scope import within
from heli.demo.content import Content, Place, RequestText
from heli.demo.county import Staff
from heli.engines.workdays import Calendar
from heli.loop import duty, jobs, links, steps
from heli.loop.clocks import local_day
from heli.loop.models import Clock, Request, Voice
from heli.orgs.models import Organisation
from heli.places.models import Area

Act = Callable[[dt.datetime], None]
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)
DECLINED = (
    (
        "这件事法院正在审，行政机关不能代替判决。",
        "《中华人民共和国民事诉讼法》关于起诉和受理的规定",
        "等判决；不服可以上诉，区法律援助中心免费咨询。",
    ),
    (
        "属于劳动争议，要先仲裁。",
        "《中华人民共和国劳动争议调解仲裁法》第五条",
        "到区劳动人事争议仲裁院申请，人社局窗口帮您写申请书。",
    ),
    (
        "对行政处罚不服，要走复议或者诉讼。",
        "《中华人民共和国行政复议法》关于申请期限的规定",
        "六十日内向区政府申请行政复议，司法局一楼窗口受理。",
    ),
)
OPINIONS = (
    "已派人一起到场，我单位的部分做完了，照片发给主办单位。",
    "现场看过，不在我单位管护范围的部分已当面说清，其余今天处理完。",
    "配合做了围挡和提示，后续由主办单位答复。",
    "已通知社区入户说明，三户都知道了。",
)


@dataclass(slots=True)
class Case:
    """One request on its way through the demo."""

    told: RequestText
    area: Area
    channel: str
    urgency: str
    phone: str
    name: str
    resident: Actor = PUBLIC
    heard_at: dt.datetime = NEVER
    request_id: int = 0
    voice: Voice | None = None
    unit: Organisation | None = None
    category: str = ""
    twin_of: Case | None = None
    fate: str = ""
    over: bool = False
    tries: int = 0


@dataclass(slots=True)
class Life:
    """The days of some streets."""

    staff: Staff
    content: Content
    calendar: Calendar
    rng: random.Random
    begin: dt.datetime
    end: dt.datetime
    areas: Sequence[Area]
    streets: tuple[str, ...]
    residents: Sequence[tuple[Actor, str, str]] = ()
    share: int = 0  # this life is the share-th of so many lived side by side
    shares: int = 1
    heap: list[tuple[dt.datetime, int, Act]] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    _duty: dict[tuple[str, str], list[duty.Responsible]] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _n: int = 0

    # Time ------------------------------------------------------------------------------------------------------------
    def later(self, at: dt.datetime, act: Act) -> None:
        if at <= self.end:
            self._n += 1
            heapq.heappush(self.heap, (at, self._n, act))

    def work(self, at: dt.datetime, low: float, high: float) -> dt.datetime:
        """Some working minutes after `at`."""
        return self.calendar.due(at, max(1, int(self.rng.uniform(low, high))), "working_minute").at

    def soon(self, at: dt.datetime, low: float, high: float) -> dt.datetime:
        """Some minutes after `at`, day or night."""
        return at + MINUTE * self.rng.uniform(low, high)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def run(self, requests: int, progress: Callable[[dt.datetime, Counter[str]], None]) -> Counter[str]:
        """Live from `begin` to `end` with so many requests told. Returns counts of what happened."""
        self.plan(requests)
        tick = self.begin
        while tick < self.end:
            if (tick.hour % 2 == 0 and 8 <= tick.hour <= 20) or tick.hour == 2:
                self.later(tick, self.clerks_of_time)
            tick += HOUR
        shown = self.begin
        while self.heap:
            at, _n, act = heapq.heappop(self.heap)
            try:
                act(at)
            except HeliError as error:  # somebody came too late for it, as people do
                self.count[f"refused {error.code}"] += 1
            if at - shown >= DAY / 4:
                shown = at
                progress(at, self.count)
        return self.count

    def clerks_of_time(self, at: dt.datetime) -> None:
        """What the periodic jobs do: reminders every two hours of the day, closing what nobody judged once a day."""
        for rung, n in steps.climb(at=at, paths=self.streets).items():
            self.count[rung] += n
        if at.hour == 2:
            self.count["lapsed"] += jobs.lapse_due(at, paths=self.streets)
        if at.hour == 10 and self.calendar.is_workday(at.date()):
            self.supervise(at)

    # 诉 --------------------------------------------------------------------------------------------------------------
    def plan(self, requests: int) -> None:
        """When what is told: more by day than by night, more on Mondays, twins close to each other."""
        days = max(1, (self.end - self.begin) // DAY)
        planned = 0
        for group in self.content.twins[self.share :: self.shares]:
            area = self.rng.choice(self.areas)
            start = self.begin + DAY * self.rng.uniform(1, max(1.5, days - 2))
            first: Case | None = None
            for told in self.content.write_twins(self.rng, group, self.place(area), at=start):
                planned += 1
                case = self.case(told, area)
                case.urgency, case.fate = "", "answered"
                case.twin_of, first = first, first or case
                self.later(start + HOUR * self.rng.uniform(0, 9), lambda at, c=case: self.hear(c, at))  # type: ignore[misc]
        hours = [1, 1, 1, 1, 1, 2, 4, 9, 16, 20, 18, 14, 9, 12, 15, 15, 13, 12, 11, 12, 11, 8, 5, 2]
        for _ in range(max(0, requests - planned)):
            day = self.begin + DAY * self.rng.randrange(days)
            if day.weekday() >= 5 and self.chance(0.35):
                day = day + DAY * 2 if day + DAY * 2 < self.end else day
            hour = self.rng.choices(range(24), hours)[0]
            at = day.replace(hour=hour, minute=self.rng.randrange(60), second=self.rng.randrange(60))
            area = self.rng.choice(self.areas)
            case = self.case(self.write(area, at), area)
            self.later(max(at, self.begin), lambda at, c=case: self.hear(c, at))  # type: ignore[misc]

    def place(self, area: Area) -> Place:
        return Place(area.path, area.name, area.parent.name if area.parent else "")

    def write(self, area: Area, at: dt.datetime) -> RequestText:
        """A text nobody of this life has said before, if one comes up in a few tries."""
        for _ in range(8):
            told = self.content.write(self.rng, self.place(area), at=at)
            if told.body not in self._said:
                break
        self._said.add(told.body)
        return told

    def case(self, told: RequestText, area: Area) -> Case:
        channel = self.rng.choices(["web", "phone", "counter"], [57, 33, 10])[0]
        anonymous = channel == "web" and self.chance(0.2)
        who = self.content.person(self.rng)
        name, phone = ("", "") if anonymous else (who.name, who.phone)
        case = Case(told, area, channel, told.urgency, phone, name, category=told.category)
        if channel == "web" and self.residents and self.chance(0.02):
            case.resident, case.name, case.phone = self.rng.choice(self.residents)
        return case

    def hear(self, c: Case, at: dt.datetime) -> None:
        by = c.resident if c.channel == "web" else self.staff.dispatcher
        heard = steps.hear(
            by=by,
            at=at,
            text=c.told.body,
            title=c.told.title,
            area_path=c.area.path,
            kind=c.told.kind,
            channel=c.channel,
            category=c.category,
            spot=c.told.place_note,
            urgency=c.urgency,
            confidentiality="protected" if c.phone and self.chance(0.06) else "open",
            name=c.name,
            phone=c.phone,
            reach=self.rng.choice(["morning", "afternoon", "evening", ""]) if c.phone else "",
        )
        c.heard_at = at
        c.request_id, c.voice, c.urgency = heard.request.pk, heard.voice, heard.request.urgency
        self.count["heard"] += 1
        if self.chance(0.008):
            self.later(self.work(at, 20, 300), lambda t: self.withdraw(c, t))
        self.later(self.desk_time(c, at), lambda t: self.dispatch(c, t))

    def withdraw(self, c: Case, at: dt.datetime) -> None:
        assert c.voice is not None
        steps.withdraw(request_id=c.request_id, by=links.bearer(c.voice), at=at, reason="已经自己解决了")
        c.over = True
        self.count["withdrawn"] += 1

    # 转 --------------------------------------------------------------------------------------------------------------
    def desk_time(self, c: Case, at: dt.datetime) -> dt.datetime:
        if c.urgency == "emergency":
            return self.soon(at, 4, 40)
        if c.urgency == "urgent":
            return self.soon(at, 15, 150 if self.chance(0.06) else 100)
        then = self.soon(at, 20, 2000) if self.chance(0.03) else self.soon(at, 15, 320)
        local = timezone.localtime(then)
        if 7 <= local.hour < 22:  # the desk is staffed every day, not every night
            return then
        morning = local + DAY * (local.hour >= 22)
        return morning.replace(hour=7, minute=self.rng.randrange(60))

    def responsible(self, c: Case, at: dt.datetime) -> list[duty.Responsible]:
        key = (c.category, c.area.path)
        if key not in self._duty:
            request = Request.objects.select_related("category").get(pk=c.request_id)
            self._duty[key] = duty.responsible(request, local_day(at))
        return self._duty[key]

    def dispatch(self, c: Case, at: dt.datetime) -> None:
        if c.over:
            return
        by = self.staff.dispatcher
        if c.twin_of is not None and c.twin_of.request_id and not c.twin_of.over:
            steps.merge(request_id=c.request_id, into_id=c.twin_of.request_id, by=by, at=at)
            c.over = True
            self.count["merged"] += 1
            return
        if not c.fate and self.chance(0.012):
            reason, basis, route = self.rng.choice(DECLINED)
            steps.decline(request_id=c.request_id, by=by, at=at, reason=reason, legal_basis=basis, route=route)
            c.over = True
            self.count["declined"] += 1
            return
        if not c.fate and self.chance(0.005):
            self.split(c, at)
            return
        rows = self.responsible(c, at)
        best = next((r for r in rows if r.unit is not None), None)
        if best is None or best.unit is None:
            self.count["nobody responsible"] += 1
            return
        wrong = not c.fate and self.chance(0.10)
        unit = self.another_unit(best.unit) if wrong else best.unit
        assists = (
            [a.pk for a in best.assists if a.pk in self.staff.officers][:2] if self.chance(0.3) and not wrong else []
        )
        c.unit, c.fate = unit, "wrong" if wrong else c.fate or "answered"
        made = steps.offer(
            request_id=c.request_id,
            unit_id=unit.pk,
            by=by,
            at=at,
            assists=assists,
            duty_row_id=None if wrong else best.row.pk,
        )
        self.count["dispatched"] += 1
        if self.chance(0.04) and c.phone:
            self.later(self.work(at, 5, 60), lambda t: self.ask(c, t))
        if wrong:
            self.later(self.unit_time(c, at), lambda t: self.give_back(c, made.pk, t))
        else:
            self.later(self.unit_time(c, at), lambda t: self.accept(c, made.pk, at, t))
        for unit_id in assists:
            self.later(self.work(at, 30, 400), lambda t, u=unit_id: self.assist(c, u, t))  # type: ignore[misc]

    def another_unit(self, right: Organisation) -> Organisation:
        wrong = [r.unit for rows in self._duty.values() for r in rows if r.unit is not None and r.unit.pk != right.pk]
        departments = [u for u in wrong if u.kind in {"department", "enterprise"}]
        return self.rng.choice(departments or [right])

    def split(self, c: Case, at: dt.datetime) -> None:
        other = self.write(c.area, at)
        made = steps.split(
            request_id=c.request_id,
            parts=[(c.told.title, c.told.body), (other.title, other.body)],
            by=self.staff.dispatcher,
            at=at,
        )
        self.count["split"] += 1
        for part, told in zip(made, (c.told, other), strict=True):
            piece = Case(
                told,
                c.area,
                c.channel,
                part.urgency,
                "",
                "",
                heard_at=at,
                request_id=part.pk,
                category=c.category,
                fate="answered",
            )
            piece.urgency = part.urgency
            self.later(self.work(at, 10, 100), lambda t, p=piece: self.dispatch(p, t))  # type: ignore[misc]

    def give_back(self, c: Case, dispatch_id: int, at: dt.datetime) -> None:
        assert c.unit is not None
        uphold = not self.chance(0.18)
        why = self.content.give_back(self.rng, c.told, upheld=uphold, at=at)
        steps.ask_return(
            dispatch_id=dispatch_id, by=self.staff.officers[c.unit.pk], at=at,
            reason_code=why.code, reason=why.text, legal_basis=why.basis,
        )  # fmt: skip
        self.later(self.work(at, 15, 120), lambda t: self.judge_return(c, dispatch_id, uphold, t))

    def judge_return(self, c: Case, dispatch_id: int, uphold: bool, at: dt.datetime) -> None:
        steps.decide_return(
            dispatch_id=dispatch_id, by=self.staff.dispatcher, at=at, uphold=uphold,
            reason="" if uphold else "目录写明由你单位主办，先办，分歧由受理中心协调",
        )  # fmt: skip
        self.count["returned" if uphold else "return refused"] += 1
        if not uphold:
            c.fate = "answered"
            self.later(self.unit_time(c, at), lambda t: self.accept(c, dispatch_id, at, t))
            return
        c.tries += 1
        if c.tries >= 2:
            self.later(self.work(at, 60, 500), lambda t: self.force(c, t))
            return
        c.fate = "" if self.chance(0.25) else "answered"
        if c.fate == "":
            c.fate = "again"
        self.later(self.desk_time(c, at), lambda t: self.redispatch(c, t))

    def redispatch(self, c: Case, at: dt.datetime) -> None:
        """After a bounce: most go right, some bounce again."""
        again = c.fate == "again"
        c.fate = "answered"
        rows = self.responsible(c, at)
        best = next((r for r in rows if r.unit is not None), None)
        if best is None or best.unit is None:
            return
        unit = self.another_unit(best.unit) if again else best.unit
        c.unit = unit
        made = steps.offer(request_id=c.request_id, unit_id=unit.pk, by=self.staff.dispatcher, at=at)
        self.count["dispatched"] += 1
        if again:
            self.later(self.unit_time(c, at), lambda t: self.give_back(c, made.pk, t))
        else:
            self.later(self.unit_time(c, at), lambda t: self.accept(c, made.pk, at, t))

    def force(self, c: Case, at: dt.datetime) -> None:
        rows = self.responsible(c, at)
        unit = next((r.unit for r in rows if r.unit is not None), None)
        if unit is None:
            return
        c.unit = unit
        made = steps.force(
            request_id=c.request_id, unit_id=unit.pk, by=self.staff.supervisor, at=at,
            decision="三家会商没有定下来，由区里指定主办，其他单位配合",
        )  # fmt: skip
        self.count["forced"] += 1
        self.after_accept(c, made.offered_at, at)

    # 办 --------------------------------------------------------------------------------------------------------------
    def unit_time(self, c: Case, at: dt.datetime) -> dt.datetime:
        if c.urgency == "emergency":
            return self.soon(at, 2, 14)
        if c.urgency == "urgent":
            return self.soon(at, 4, 34 if self.chance(0.2) else 28)
        return self.work(at, 10, 200) if self.chance(0.08) else self.work(at, 5, 115)

    def accept(self, c: Case, dispatch_id: int, offered: dt.datetime, at: dt.datetime) -> None:
        if c.unit is None or c.unit.pk not in self.staff.officers:
            self.count["no officer"] += 1
            return
        steps.accept(dispatch_id=dispatch_id, by=self.staff.officers[c.unit.pk], at=at)
        self.count["accepted"] += 1
        self.after_accept(c, offered, at)

    def after_accept(self, c: Case, offered: dt.datetime, at: dt.datetime) -> None:
        if c.urgency == "emergency":
            contact, reply = self.soon(at, 3, 16), self.soon(at, 25, 100)
        elif c.urgency == "urgent":
            contact, reply = self.soon(at, 8, 85), self.soon(at, 150, 1250)
        elif c.told.kind in {"question", "suggestion"}:
            contact, reply = self.work(at, 20, 180), self.work(at, 60, 400)
        else:
            contact, reply = self.work(at, 20, 420), self.work(at, 300, 2150)
        fate = self.rng.random()
        if c.phone:
            self.later(contact, lambda t: self.contact(c, t))
        if fate < 0.045 and c.urgency == "normal":
            return  # lies about: it will be overdue, urged and supervised
        if fate < 0.11:
            reply = self.work(reply, 480, 2400)
        elif fate < 0.18 and c.urgency == "normal" and c.told.kind not in {"question", "suggestion"}:
            self.later(self.work(offered, 700, 1600), lambda t: self.ask_time(c, t))
            reply = self.work(offered, 3000, 4300)
        if self.chance(0.06):
            self.later(self.work(at, 30, 200), lambda t: self.note(c, t))
        self.later(max(reply, contact + MINUTE * 5), lambda t: self.reply(c, t))

    def contact(self, c: Case, at: dt.datetime) -> None:
        assert c.unit is not None
        reached = self.chance(0.9)
        steps.contact(
            request_id=c.request_id, by=self.staff.officers[c.unit.pk], at=at, way=self.rng.choice(["phone", "phone", "phone", "visit"]),
            reached=reached, text=self.content.contact(self.rng, c.told, at=at, reached=reached),
        )  # fmt: skip
        self.count["contacted"] += 1
        if not reached and self.chance(0.8):
            self.later(self.work(at, 60, 200), lambda t: self.contact(c, t))

    def ask(self, c: Case, at: dt.datetime) -> None:
        asked = self.content.supplement(self.rng, c.told)
        steps.ask_resident(request_id=c.request_id, by=self.staff.dispatcher, at=at, text=asked.question)
        self.count["asked"] += 1
        if self.chance(0.7):
            self.later(self.soon(at, 30, 900), lambda t: self.answer(c, asked.answer, t))

    def answer(self, c: Case, text: str, at: dt.datetime) -> None:
        assert c.voice is not None
        steps.add_words(request_id=c.request_id, by=links.bearer(c.voice), at=at, text=text)

    def note(self, c: Case, at: dt.datetime) -> None:
        assert c.unit is not None
        steps.note(
            request_id=c.request_id,
            by=self.staff.officers[c.unit.pk],
            at=at,
            text=self.content.note(self.rng, c.told, at=at),
        )

    def assist(self, c: Case, unit_id: int, at: dt.datetime) -> None:
        request = Request.objects.get(pk=c.request_id)
        offer = request.dispatches.filter(unit=unit_id, role="assist", state="offered").first()
        if offer is None:
            return
        by = self.staff.officers[unit_id]
        steps.accept(dispatch_id=offer.pk, by=by, at=at)
        if self.chance(0.8):
            self.later(
                self.work(at, 60, 600),
                lambda t: (steps.give_opinion(dispatch_id=offer.pk, by=by, at=t, text=self.rng.choice(OPINIONS)), None)[
                    1
                ],
            )

    def ask_time(self, c: Case, at: dt.datetime) -> None:
        assert c.unit is not None
        clock = Clock.objects.filter(request=c.request_id, outcome="running", kind="reply").first()
        if clock is None:
            return
        why = self.content.extend(self.rng, c.told, at=at)
        pause = self.chance(0.15)
        asked = steps.ask_extension(
            clock_id=clock.pk, by=self.staff.officers[c.unit.pk], at=at, kind="pause" if pause else "more", reason=why.text, basis=why.basis,
            days=0 if pause else min(why.days, 10), until=self.work(at, 900, 2000) if pause else None,
        )  # fmt: skip
        self.later(self.work(at, 30, 240), lambda t: self.decide_time(asked.pk, t))

    def decide_time(self, extension_id: int, at: dt.datetime) -> None:
        approve = self.chance(0.8)
        steps.decide_extension(
            extension_id=extension_id,
            by=self.staff.supervisor,
            at=at,
            approve=approve,
            reason="" if approve else "现有条件能按期答复，请先办",
        )
        self.count["extended" if approve else "extension refused"] += 1

    def reply(self, c: Case, at: dt.datetime, *, lap: int = 1) -> None:
        assert c.unit is not None
        good = not self.chance(0.07 if lap == 1 else 0.02)
        text = (
            self.content.reply(self.rng, c.told, submitted=c.heard_at, at=at)[0]
            if good
            else self.content.poor_reply(self.rng)
        )
        made = steps.write_reply(request_id=c.request_id, by=self.staff.officers[c.unit.pk], at=at, text=text)
        if made.state == "in_review":
            lead = self.staff.leads.get(c.unit.pk)
            if lead is None:
                return
            self.later(self.work(at, 5, 70), lambda t: self.approve(c, made.pk, good, lap, lead, t))
            return
        self.answered(c, good, lap, at)

    def approve(self, c: Case, handling_id: int, good: bool, lap: int, lead: Actor, at: dt.datetime) -> None:
        steps.approve_reply(handling_id=handling_id, by=lead, at=at)
        self.answered(c, good, lap, at)

    # 评 --------------------------------------------------------------------------------------------------------------
    def answered(self, c: Case, good: bool, lap: int, at: dt.datetime) -> None:
        self.count["replied"] += 1
        c.over = True
        luck = self.rng.random()
        if c.voice is None:
            return
        if luck < 0.56:
            self.later(self.soon(at, 40, 6000), lambda t: self.judge(c, good, lap, "link", t))
        elif luck < 0.78 and c.phone:
            self.later(self.work(at, 40, 470), lambda t: self.revisit(c, good, lap, t))

    def revisit(self, c: Case, good: bool, lap: int, at: dt.datetime) -> None:
        assert c.voice is not None
        if self.chance(0.22):
            steps.unreached(voice_id=c.voice.pk, by=self.staff.revisitor, at=at, words="打了两次没人接")
            self.count["unreached"] += 1
            return
        self.judge(c, good, lap, "revisit", at)

    def judge(self, c: Case, good: bool, lap: int, source: str, at: dt.datetime) -> None:
        assert c.voice is not None
        solved = self.rng.choices(["yes", "partly", "no"], [80, 13, 7] if good else [20, 25, 55])[0]
        level = self.rng.choices(
            [5, 4, 3, 2, 1], {"yes": [45, 42, 10, 3, 0], "partly": [4, 34, 40, 18, 4], "no": [0, 2, 18, 40, 40]}[solved]
        )[0]
        steps.judge(
            voice_id=c.voice.pk, by=links.bearer(c.voice) if source == "link" else self.staff.revisitor, at=at,
            contacted=self.chance(0.95 if good else 0.75), solved=solved, satisfaction=level, source=source,
            words=self.content.verdict(self.rng, c.category, level) if self.chance(0.6) else "",
        )  # fmt: skip
        self.count["judged"] += 1
        if solved == "no" or level == 1:
            self.count["redo"] += 1
            if lap > 2:
                self.later(self.work(at, 60, 600), lambda t: self.decide(c, lap, t))
            else:
                self.later(self.redo_time(c, at), lambda t: self.reply(c, t, lap=lap + 1))

    def redo_time(self, c: Case, at: dt.datetime) -> dt.datetime:
        if c.urgency == "emergency":
            return self.soon(at, 30, 115)
        return self.soon(at, 100, 1300) if c.urgency == "urgent" else self.work(at, 240, 1300)

    def decide(self, c: Case, lap: int, at: dt.datetime) -> None:
        again = self.chance(0.5)
        steps.decide_appeal(
            request_id=c.request_id, by=self.staff.supervisor, at=at, again=again,
            decision="再办一次，由主办单位负责人到场" if again else "现行政策下能做的已经做完，理由和依据已当面说明，结案；居民的评价保留",
        )  # fmt: skip
        self.count["appeals decided"] += 1
        if again:
            self.later(self.redo_time(c, at), lambda t: self.reply(c, t, lap=lap + 1))

    def supervise(self, at: dt.datetime) -> None:
        """The supervisor's morning: a word to the two that are overdue longest."""
        late = Request.objects.filter(within("area_path", self.streets), state="handling", due_at__lt=at - DAY * 3)
        for request in [r for r in late.order_by("due_at", "id")[:12] if self.chance(0.2)][:2]:
            steps.supervise(
                request_id=request.pk,
                by=self.staff.supervisor,
                at=at,
                text=self.content.supervise(self.rng, "supervise", at=at),
            )
            self.count["supervised by hand"] += 1

"""Two calls for suggestions and fifty suggestions at every station: what was answered, promised, done, or is overdue.

All texts (content/suggestions.yaml) and numbers are invented.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw

from heli.core.actor import PUBLIC, Actor
from heli.demo.county import COUNTY, Staff, account
from heli.loop import links
from heli.loop import steps as loop
from heli.loop.models import Voice
from heli.orgs.models import Organisation
from heli.orgs.queries import actor_for
from heli.places.models import Area
from heli.suggestions import steps
from heli.suggestions.models import Measure
from heli.suggestions.steps.answer import Plan

TEXTS = Path(__file__).with_name("content") / "suggestions.yaml"
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
VERDICTS = {"adopted": "adopted", "done": "adopted", "overdue": "adopted", "given_up": "adopted", "partly": "partly"}
CREDITED = ("老街坊小于", "退休教师", "大海阳老王", "骑手小孙")
READERS = 40  # accounts that second


@dataclass
class Month:
    """Who keeps, who answers, who seconds; and what was counted."""

    county: Staff
    now: dt.datetime
    rng: random.Random
    units: dict[str, int]
    areas: list[str]
    readers: list[Actor]
    counted: Counter[str]

    @property
    def keeper(self) -> Actor:
        return self.county.by_name["song.jianyan"]


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """The calls, then each suggestion as far as its fate leads it."""
    told = yaml.safe_load(TEXTS.read_text())
    readers = [actor_for(account(f"reader{n:02d}", f"读者{n + 1}", begin), now) for n in range(READERS)]
    units = dict(Organisation.objects.filter(area_path__startswith=COUNTY).values_list("short_name", "pk"))
    areas = list(
        Area.objects.offered().filter(path__startswith=COUNTY, level=5).order_by("path").values_list("path", flat=True)
    )
    m = Month(county, now, rng, units, areas, readers, Counter())
    first, second = told["calls"]
    calls = {
        "stairs": _call(m, first, begin + HOUR * 9, days=14),
        "night": _call(m, second, now - DAY * 8, days=30),
    }
    made: list[int] = []
    for n, one in enumerate(told["suggestions"]):
        where = one.get("call")
        start = begin + DAY if where == "stairs" else now - DAY * 7 if where == "night" else begin + DAY * 3
        days = {"stairs": 9, "night": 5}.get(where, 16)
        at = start + DAY * days * rng.random()
        if one["fate"] in {"sent", "waiting", "reading"}:
            at = now - DAY * (0.2 if one["fate"] == "reading" else 0.8) * (0.4 + rng.random())
        made.append(_one(m, one, at, calls.get(where), n, made))
    steps.close_call(call_id=calls["stairs"], by=m.keeper, at=begin + DAY * 14)
    steps.sum_up(call_id=calls["stairs"], summary=first["summary"], by=m.keeper, at=now - DAY)
    return m.counted


def _call(m: Month, told: dict[str, Any], at: dt.datetime, *, days: int) -> int:
    call = steps.put_call(
        title=told["title"],
        asked=told["asked"],
        why=told["why"],
        area_path=COUNTY,
        unit_id=m.units[told["unit"]],
        first_day=at.date(),
        last_day=(at + DAY * days).date(),
        by=m.keeper,
        at=at,
    )
    steps.open_call(call_id=call.pk, by=m.keeper, at=at)
    m.counted["calls"] += 1
    return call.pk


def _one(m: Month, told: dict[str, Any], at: dt.datetime, call: int | None, n: int, made: list[int]) -> int:
    """One suggestion as far as its fate leads. Returns its id."""
    fate, rng = told["fate"], m.rng
    said = steps.suggest(
        text=told["text"],
        area_path=rng.choice(m.areas),
        call_id=call,
        credit_name=CREDITED[n % len(CREDITED)] if n % 5 == 0 else "",
        phone=f"139{rng.randrange(10**8):08d}" if n % 3 else "",
        by=PUBLIC,
        at=at,
    )
    pk = int(said.suggestion.pk)
    m.counted["suggestions"] += 1
    if fate == "reading":
        return pk
    if fate == "private":
        steps.keep_private(request_id=pk, reason=told["why"], by=m.keeper, at=at + HOUR * 3)
        return pk
    steps.publish(request_id=pk, by=m.keeper, at=at + HOUR * 2)
    for k, reader in enumerate(rng.sample(m.readers, min(len(m.readers), int(rng.expovariate(1 / 9))))):
        steps.second(request_id=pk, by=reader, at=min(at + HOUR * (3 + k / 10), m.now))
        m.counted["seconds"] += 1
    if fate == "joined":
        steps.join(request_id=pk, into_id=made[-1], by=m.keeper, at=at + HOUR * 4)
        return pk
    if fate != "waiting":
        _handled(m, pk, told, at + HOUR * 5)
    return pk


def _handled(m: Month, pk: int, told: dict[str, Any], at: dt.datetime) -> None:
    """Sent to its unit; answered, followed, judged, as its fate says."""
    fate, unit = told["fate"], m.units[told["unit"]]
    officer = m.county.officers[unit]
    offered = loop.offer(request_id=pk, unit_id=unit, by=m.county.dispatcher, at=at)
    if fate == "late":
        return
    loop.accept(dispatch_id=offered.pk, by=officer, at=at + HOUR)
    voice = Voice.objects.get(request=pk)
    if voice.record_id is not None:
        loop.contact(request_id=pk, by=officer, at=at + HOUR * 2, way="phone", reached=True)
    if fate == "sent":
        return
    days = {"overdue": 4, "done": 6}.get(fate, 45)
    answered = min(at + HOUR * (6 + 10 * m.rng.random()), m.now - HOUR * 12)
    plans = [Plan(told["do"], unit, (answered + DAY * days).date())] if "do" in told else ()
    verdict = VERDICTS.get(fate, fate)
    made = steps.answer(
        request_id=pk,
        verdict=verdict,
        reasons=told["why"],
        basis=told.get("basis", ""),
        plans=plans,
        by=officer,
        at=answered,
    )
    m.counted["answers"] += 1
    if made.handling.state != "sent":
        loop.approve_reply(handling_id=made.handling_id, by=m.county.leads[unit], at=answered + HOUR)
    if plans:
        _followed(m, pk, fate, officer, answered)
    if m.rng.random() < 0.7:
        good = verdict != "not"
        loop.judge(
            voice_id=voice.pk,
            by=links.bearer(voice),
            at=min(answered + DAY * 2, m.now),
            contacted=True,
            solved="yes" if good else "partly",
            satisfaction=5 if good else 3,
        )


def _followed(m: Month, pk: int, fate: str, officer: Actor, at: dt.datetime) -> None:
    """How the measure went on."""
    measure = Measure.objects.get(suggestion=pk)
    said: dict[str, Any] = {"measure_id": measure.pk, "by": officer}
    if at + DAY < m.now:
        steps.report(text="已经到现场看过，材料订好了，这周开工。", at=at + DAY, **said)
    if fate == "given_up" and at + DAY * 3 < m.now:
        steps.give_up(text="地下管线太密，三次勘察都找不到位置；改为给老院配两台手抬泵。", at=at + DAY * 3, **said)
        steps.let_go(measure_id=measure.pk, text="看过勘察记录，理由成立。", by=m.keeper, at=min(at + DAY * 4, m.now))
    if fate == "done" and at + DAY * 4 < m.now:
        steps.finish(text="全部装好，欢迎大家来看。", at=at + DAY * 4, photos=[_photo(m.rng)], **said)
        steps.confirm(measure_id=measure.pk, text="抽看了三处，都能用。", by=m.keeper, at=min(at + DAY * 5, m.now))
        m.counted["done"] += 1


def _photo(rng: random.Random) -> io.BytesIO:
    """A drawn picture that stands for a photo."""
    picture = Image.new("RGB", (640, 420), (206, 214, 206))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 280, 640, 420), fill=(150, 156, 150))
    for n in range(4):
        left = 40 + n * 150 + rng.randrange(20)
        draw.rectangle((left, 190, left + 100, 285), fill=(42, 97, 107), outline=(20, 40, 44), width=4)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    out.seek(0)
    return out

"""The calls that residents of the other doors wait for: made as they came due, but for the last day's."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter

from heli.core.errors import HeliError
from heli.demo.county import COUNTY, Staff
from heli.loop import sampling, steps
from heli.loop.models import Voice, said_of
from heli.loop.oversight_models import Revisit
from heli.rulebook.queries import in_force
from heli.rulebook.shapes import hours

DAY = dt.timedelta(days=1)


def live(county: Staff, begin: dt.datetime, now: dt.datetime, rng: random.Random) -> Counter[str]:
    """Call everybody whose call was due until yesterday, once; a fifth do not answer."""
    count: Counter[str] = Counter()
    periods = hours(in_force(("revisit.hours",), path=COUNTY, on=now.date())["revisit.hours"].value)
    waiting = Revisit.objects.filter(state="waiting", made_at__gte=begin, call_at__lt=now - DAY).order_by(
        "call_at", "id"
    )
    for call in list(waiting.select_related("request")):
        at = sampling.allowed(call.call_at + dt.timedelta(minutes=rng.randrange(10, 300)), periods)
        voice = Voice.objects.filter(said_of(call.request_id)).exclude(record=None).order_by("id").first()
        if voice is None or at >= now:
            continue
        try:
            steps.claim_call(revisit_id=call.pk, by=county.revisitor, at=at)
            at += dt.timedelta(minutes=4)
            if rng.random() < 0.2:
                steps.unreached(voice_id=voice.pk, by=county.revisitor, at=at, words="没人接")
                count["calls unanswered"] += 1
                continue
            solved, level = rng.choice((("yes", 5), ("yes", 4), ("yes", 5), ("partly", 3)))
            steps.judge(
                voice_id=voice.pk, by=county.revisitor, at=at, contacted=True, solved=solved, satisfaction=level,
                source="revisit",
            )  # fmt: skip
            count["calls"] += 1
        except HeliError as error:  # the resident judged in the meantime, as people do
            count[f"calls refused {error.code}"] += 1
    return count

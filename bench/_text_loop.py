"""From the form to the proposal, through the database: how many messages a second, and how long somebody who types waits.

Everything happens in one transaction that is rolled back. Needs a county with categories, rules and a reader (./run demo
--once); the messages are tests/engines/text/messages.yaml. The limit is the ratio's other side: 100 messages a second on
two cores, 150 ms for a proposal while somebody types.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from pathlib import Path

from bench._place import say

WANTED, TYPING = 100, 0.150
HEARD, READ, TYPED = 200, 1000, 120
COMMUNITY = "370602003006"


def run(_data: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heli.settings")
    import django

    django.setup()
    from django.db import transaction
    from django.utils import timezone

    from bench._text_cold import MESSAGES, read
    from heli.core.actor import PUBLIC
    from heli.loop import learning, propose, reader, steps
    from heli.loop.models import Request
    from heli.loop.reading_models import Reading

    if reader.live(COMMUNITY) is None:
        say("through the database: no reader here; run ./run demo --once first")
        return
    texts = itertools.cycle([m["body"] for told in read(MESSAGES).values() for m in told])
    now = timezone.now()
    with transaction.atomic():
        learning.read_all(now)
        began = time.perf_counter()
        for _ in range(HEARD):
            steps.hear(by=PUBLIC, at=now, text=next(texts), area_path=COMMUNITY, name="王桂兰", phone="13800000017")
        hearing = (time.perf_counter() - began) / HEARD
        last = Request.objects.latest("pk")
        area = last.area_id
        Request.objects.bulk_create(
            Request(code=f"ZB-{n:07d}", title=t[:30], text=t, area_id=area, area_path=COMMUNITY, channel="web", heard_at=now,
                    traces=[n])
            for n, t in zip(range(READ - HEARD), texts, strict=False)
        )  # fmt: skip
        before = Reading.objects.count()
        began = time.perf_counter()
        done = learning.read_all(now)
        reading = (time.perf_counter() - began) / max(1, done)
        assert Reading.objects.count() - before == done
        waits = []
        for text in itertools.islice(texts, TYPED):
            began = time.perf_counter()
            propose.categories_of(text, area_path=COMMUNITY)
            waits.append(time.perf_counter() - began)
        transaction.set_rollback(True)
    rate = 1 / (hearing + reading)
    waits.sort()
    late = waits[int(0.95 * TYPED)]
    say(
        f"through the database, one process: {1000 * hearing:.1f} ms to hear a message, {1000 * reading:.1f} ms to read it"
    )
    say(f"  {done:,} read; {rate:.0f} a second on one core, {2 * rate:.0f} on two")
    say(f"  while somebody types: median {1000 * statistics.median(waits):.0f} ms, p95 {1000 * late:.0f} ms")
    say(f"ratio {2 * rate / WANTED:.2f} of the messages wanted, {TYPING / late:.1f} of the time allowed")

"""Short ways to a snap, through the real steps."""

from __future__ import annotations

import datetime as dt
import io
import random
from decimal import Decimal
from typing import Any

from PIL import Image, ImageDraw

from heli.core.actor import SYSTEM, Actor
from heli.loop import steps as loop
from heli.loop.models import Dispatch
from heli.snaps import steps
from tests.loop.told import AT, HOUR
from tests.world import COMMUNITY

LAT, LON = Decimal("37.530100"), Decimal("121.390200")  # in 芝罘区


def picture(seed: int = 1, size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> io.BytesIO:
    """A drawn street corner; the same seed gives the same picture."""
    rng = random.Random(seed)
    image = Image.new("RGB", size, (150, 160, 170))
    draw = ImageDraw.Draw(image)
    for _n in range(12):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        draw.rectangle(
            (x, y, x + rng.randrange(20, 120), y + rng.randrange(20, 90)),
            fill=tuple(rng.randrange(40, 220) for _ in range(3)),
        )
    out = io.BytesIO()
    image.save(out, kind)
    out.seek(0)
    out.name = "snap.jpg"
    return out


def oneself(world: Any, name: str) -> Actor:
    """Somebody with an account, as they act on public pages."""
    return Actor(user_id=world.user(name).pk, name=name)


def take(world: Any, who: str = "薛师傅", *, at: dt.datetime = AT, **more: Any) -> steps.Taken:
    """A snap of a pothole in 大海阳社区; `who` "" for nobody in particular."""
    told = {"hazard": "pothole", "area_path": COMMUNITY, "by": oneself(world, who) if who else Actor(None)}
    return steps.take(at=at, **(told | more))


def handled(world: Any, taken: steps.Taken, *, unit: str = "城管局", solved: str = "yes", hours: float = 1) -> Any:
    """The snap goes round: dispatched, accepted, answered, judged (`solved` "" leaves it to lapse)."""
    request, at = taken.heard.request, taken.heard.request.heard_at
    loop.offer(request_id=request.pk, unit_id=world.org(unit).pk, by=SYSTEM, at=at + HOUR * hours)
    lead = Dispatch.objects.get(request=request, role="lead", state="offered")
    loop.accept(dispatch_id=lead.pk, by=SYSTEM, at=at + HOUR * hours * 2)
    loop.write_reply(request_id=request.pk, by=SYSTEM, at=at + HOUR * hours * 3, text="坑已经补好，请再看看。")
    if solved:
        loop.judge(
            voice_id=taken.heard.voice.pk, by=Actor(None, voice_id=taken.heard.voice.pk), at=at + HOUR * hours * 4,
            contacted=True, solved=solved, satisfaction=5 if solved == "yes" else 2,
        )  # fmt: skip
    else:
        loop.lapse(request_id=request.pk, at=at + HOUR * 24 * 30)
    request.refresh_from_db()
    return request

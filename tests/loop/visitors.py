"""What tests of the residents' pages share: a request as somebody types it, photos, neighbours."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from heli.loop import links, steps
from heli.loop.models import Voice
from tests.loop.staff import log_in
from tests.loop.told import LAMP, Told, tell
from tests.world import COMMUNITY

DAY = dt.timedelta(days=1)
staff = log_in
NAME, PHONE = "王桂兰", "13912345678"
WORDS = "大海阳社区12号楼前三盏路灯不亮，楼里老人多，晚上下楼看不清"
TYPED = {
    "text": WORDS, "area": COMMUNITY, "category": LAMP, "spot": "12号楼前", "contact": "phone", "phone": PHONE, "name": NAME,
    "reach": "evening", "go": "send",
}  # fmt: skip


def statements(caught: CaptureQueriesContext) -> list[str]:
    """What was asked of the database, without the marks of transactions."""
    return [
        q["sql"]
        for q in caught.captured_queries
        if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT"))
    ]


def picture(color: str = "#246", kind: str = "JPEG") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (80, 60), color).save(out, kind)
    return SimpleUploadedFile("photo.jpg", out.getvalue(), "image/jpeg")


def send(client: Client, **typed: Any) -> Any:
    return client.post("/submit/", TYPED | {"form_key": str(uuid.uuid4())} | typed)


def sent(client: Client, **typed: Any) -> tuple[str, Voice]:
    """(token, voice) of something that was sent."""
    answer = send(client, **typed)
    assert answer.status_code == 303, answer.content.decode()[:3000]
    token = answer["Location"].split("/")[2]
    return token, links.voice_of(token, timezone.now())


def lately(world: Any, **more: Any) -> Told:
    """Something told four days ago: its links still hold."""
    return tell(world, WORDS, at=timezone.now() - 4 * DAY, **({"category": LAMP, "name": NAME, "phone": PHONE} | more))


def joined(world: Any) -> tuple[Told, Told]:
    """(the one kept, its twin)"""
    kept = lately(world, photos=[io.BytesIO(picture("#111").read())])
    twin = tell(world, "12号楼那边天天摸黑，灯不亮", at=timezone.now() - 3 * DAY, category=LAMP, name="李大爷", phone="13900009999",
                photos=[io.BytesIO(picture("#999").read())])  # fmt: skip
    steps.merge(
        request_id=twin.request_id, into_id=kept.request_id, by=world.actor("孙坐席"), at=timezone.now() - 2 * DAY
    )
    kept.at = twin.at = timezone.now() - 2 * DAY
    return kept, twin

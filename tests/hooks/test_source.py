"""A request that another system sent here is told under that system's own number too."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.utils import timezone

from heli.hooks.models import Delivery
from heli.hooks.relay import relay_all
from heli.hooks.sending import claim
from heli.loop.importing import import_rows
from tests.hooks.receiver import listen
from tests.loop.told import tell

URL = "https://9.9.9.9/heli"  # a number: no name is asked for


def test_a_source_finds_its_own_number(world: Any, db: None) -> None:
    endpoint, _secret = listen(world, URL)
    now = timezone.now()
    row = {"key": "GD2026-77", "text": "灯坏了", "area": "370602003006"}
    done = import_rows(
        [row], columns={k: k for k in row}, defaults={}, source="12345 热线", by=world.actor("孙坐席"), at=now
    )
    assert done.taken == 1
    tell(world)
    relay_all(at=now + dt.timedelta(minutes=1))
    assert Delivery.objects.filter(endpoint=endpoint).count() == 2
    said = [json.loads(c.body)["subject"] for c in claim(endpoint, at=now + dt.timedelta(minutes=2), most=10)]
    by_key = {s.get("source_key", ""): s for s in said}
    assert by_key["GD2026-77"]["source"] == "12345 热线" and by_key[""]["kind"] == "help" and len(by_key[""]) == 3

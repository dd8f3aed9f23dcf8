"""The whole round through the interface alone: told, sent on, taken on, answered, judged."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from heli.core.models import Event
from heli.loop.models import Channel, Request
from tests.api.asking import Machine, machine
from tests.loop.told import PAVEMENT, TEXT
from tests.world import COMMUNITY

TOLD = {"text": TEXT, "area": COMMUNITY, "category": PAVEMENT, "name": "王桂兰", "phone": "13800000017"}


def ok(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content.decode()
    return response.json()


def picture() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 90)).save(out, "PNG")
    out.seek(0)
    out.name = "photo.png"
    return out


def test_told_dispatched_answered_judged(db: None, world: Any) -> None:
    desk, unit, lead = machine(world, "孙坐席"), machine(world, "于科员"), machine(world, "许股长")
    heard = ok(Machine().form("requests", {**TOLD, "photos": [picture()]}), 201)
    code = heard["code"]
    kept = Request.objects.get(code=code)
    assert kept.channel == Channel.API and len(kept.photos) == 1
    queue = ok(desk.get("desk"))
    assert code in [r["code"] for r in queue["rows"]]
    proposed = ok(desk.get(f"requests/{code}/proposals"))
    unit_id = proposed["units"][0]["unit"]["id"]
    assert unit_id == world.org("城管局").pk
    made = ok(desk.post(f"requests/{code}/dispatch", {"unit_id": unit_id}), 201)
    assert [r["do"] for r in ok(unit.get("inbox"))["rows"]] == ["accept"]
    assert ok(unit.post(f"dispatches/{made['id']}/accept"))["state"] == "accepted"
    ok(unit.post(f"requests/{code}/contacts", {"way": "phone", "reached": True}), 201)
    reply = ok(unit.form(f"requests/{code}/reply", {"text": "已重新铺好", "photos": [picture()]}), 201)
    if reply["state"] == "in_review":
        ok(lead.post(f"replies/{reply['id']}/approve"))
    seen = ok(Machine().get(f"links/{heard['link']}"))
    assert seen["can_judge"] and seen["replies"][0]["text"] == "已重新铺好"
    photo = Machine().client.get(seen["replies"][0]["photos"][0]["url"])
    assert photo.status_code == 200 and photo["Content-Type"] == "image/jpeg"
    judged = {"contacted": True, "solved": "yes", "satisfaction": 5, "words": "挺好"}
    ok(Machine().post(f"links/{heard['link']}/judgement", judged), 201)
    detail = ok(desk.get(f"requests/{code}"))
    assert detail["request"]["state"] == "closed" and detail["request"]["satisfaction"] == 5
    steps = [e["step"] for e in ok(desk.get(f"requests/{code}/timeline"))["rows"]]
    assert steps[-1] == "request.hear" and steps[0] == "request.judge"
    assert "王桂兰" not in str(detail) and "13800000017" not in str(detail)
    assert Event.objects.filter(subject_id=kept.pk, step="request.dispatch").get().data["token"]


def test_a_name_is_opened_for_a_purpose_and_leaves_its_trace(db: None, world: Any) -> None:
    desk = machine(world, "孙坐席")
    heard = ok(Machine().post("requests", TOLD), 201)
    where = f"requests/{heard['code']}/voices/{heard['voice_id']}/reveal"
    assert desk.post(where, {"purpose": " "}).json()["code"] == "L-103"
    assert ok(desk.post(where, {"purpose": "回电核实"})) == {"name": "王桂兰", "phone": "13800000017"}
    read = ok(Machine().get(f"links/{heard['link']}/readings"))["rows"]
    assert [r["purpose"] for r in read] == ["回电核实"]

"""A secret link that is ended and replaced: by who holds it, or by staff who saw who asks."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from heli.core.actor import PUBLIC, Actor
from heli.core.errors import Forbidden, NotFound, PaperMissing
from heli.core.models import Event
from heli.loop import links
from heli.loop.errors import LinkEnded
from heli.loop.models import Voice
from heli.loop.steps.link import replace_link
from tests.loop.told import AT, HOUR, tell
from tests.world import COMMUNITY


def test_who_holds_it_ends_it_and_gets_a_new_one(world: Any) -> None:
    told = tell(world)
    client = Client()
    assert "给我一个新的" in client.get(f"/t/{told.token}/").content.decode()
    sent = client.post(f"/t/{told.token}/replace/")
    assert sent.status_code == 303 and told.token not in sent["Location"]
    for way in ("", "sent/", "qr/", "seen/"):
        assert client.get(f"/t/{told.token}/{way}").status_code == 410, way
    assert client.post(f"/t/{told.token}/replace/").status_code == 410, "the old one ends nothing either"
    assert client.get(sent["Location"]).status_code == 200
    event = Event.objects.get(step="voice.replace_link")
    assert event.subject_id == told.request_id and event.rules[0][0] == "track.link_days" and not event.public


def test_staff_say_how_they_made_sure(world: Any) -> None:
    told = tell(world)
    pk, clerk = told.voice.pk, world.actor("孙坐席")
    with pytest.raises(PaperMissing):
        replace_link(voice_id=pk, by=clerk, at=AT + HOUR, checked=" ")
    fresh = replace_link(voice_id=pk, by=clerk, at=AT + HOUR, checked="本人带着身份证来窗口")
    assert fresh.link_nonce == 1 and links.voice_of(links.token_of(fresh), AT + HOUR).pk == pk
    with pytest.raises(LinkEnded):
        links.voice_of(told.token, AT + HOUR)
    assert Event.objects.get(step="voice.replace_link").data["reason"] == "本人带着身份证来窗口"


@pytest.mark.parametrize("who", ["于科员", "郝回访", "姜管理", "王桂兰", "外县人"])
def test_nobody_else_does(world: Any, who: str) -> None:
    told = tell(world, area_path=COMMUNITY)
    with pytest.raises((Forbidden, NotFound)):
        replace_link(voice_id=told.voice.pk, by=world.actor(who), at=AT, checked="看过")
    other = tell(world)
    for by in (PUBLIC, Actor(None, voice_id=other.voice.pk)):
        with pytest.raises(Forbidden):
            replace_link(voice_id=told.voice.pk, by=by, at=AT, checked="看过")
    assert Voice.objects.get(pk=told.voice.pk).link_nonce == 0

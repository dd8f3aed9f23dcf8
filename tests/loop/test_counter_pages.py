"""The counter's pages, and files as staff open them: what is written down for a resident, and by whom it may not be."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from heli.core.models import Access, Event
from heli.loop import links, steps
from heli.loop.models import Dispatch, Handling, Remark, Request, Review, Voice
from heli.loop.views.track import qr, secret_url
from tests.loop.told import Told, tell
from tests.loop.visitors import DAY, NAME, PHONE, TYPED, WORDS, joined, lately, picture, staff
from tests.world import COMMUNITY


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    """The second factor has tests of its own."""
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def public(world: Any) -> Client:
    """Somebody without an account."""
    return Client()


# The counter ------------------------------------------------------------------------------------------------------------------
def take(client: Client, **more: Any) -> Any:
    typed = TYPED | {"channel": "counter", "form_key": str(uuid.uuid4())}
    return client.post("/counter/", typed | more)


def test_a_clerk_takes_one_down_and_hands_over_a_slip(world):
    clerk = staff(world, "韩网格")
    assert f'value="{COMMUNITY}" checked' in clerk.get("/counter/").content.decode(), "the only area is chosen already"
    answer = take(clerk, phone="(0535) 621-0000")
    assert answer.status_code == 303
    request = Request.objects.get()
    assert (request.channel, request.heard_by_id) == ("counter", world.user("韩网格").pk)
    assert request.voices.get().user_id is None
    slip = clerk.get(answer["Location"]).content.decode()
    assert request.code in slip and "填您的电话" in slip
    assert links.token_of(request.voices.get()) not in slip
    assert staff(world, "孙坐席").get(answer["Location"]).status_code == 404, "the slip is whoever's who took it down"
    assert staff(world, "外县人").get(answer["Location"]).status_code == 404
    assert staff(world, "于科员").get("/counter/").status_code == 403


def test_a_clerk_takes_down_only_what_lies_in_the_area(world):
    assert take(staff(world, "韩网格"), area="370602003004").status_code == 403
    assert take(staff(world, "外县人")).status_code == 403
    assert Request.objects.count() == 0
    assert take(staff(world, "孙坐席"), area="370602003004", channel="phone").status_code == 303


def test_the_same_form_at_the_counter_counts_once(world):
    clerk, key = staff(world, "韩网格"), str(uuid.uuid4())
    assert take(clerk, form_key=key)["Location"] == take(clerk, form_key=key)["Location"]
    assert Request.objects.count() == 1
    wrong = take(clerk, phone="139")
    assert wrong.status_code == 400 and "少了 8 位" in wrong.content.decode() and WORDS in wrong.content.decode()


def test_what_a_number_said_before_is_counted_and_opened_only_when_visible(world):
    lately(world), lately(world)
    tell(world, "东社区的事：井盖响", at=timezone.now() - DAY, area_path="370602003004", phone=PHONE)
    ask = {"phone": PHONE}
    clerk = staff(world, "韩网格").post("/counter/earlier/", ask).content.decode()
    assert "2 件" in clerk and clerk.count("/counter/judge/") == 2 and "井盖" not in clerk
    seat = staff(world, "孙坐席").post("/counter/earlier/", ask).content.decode()
    assert "3 件" in seat
    outside = staff(world, "外县人").post("/counter/earlier/", ask)
    assert outside.status_code == 403 or "没在这里说过" in outside.content.decode()
    assert Access.objects.count() == 0


def test_a_judgement_is_written_down_at_the_counter_but_not_by_whoever_handled_it(world):
    told = lately(world).answered()
    where = f"/counter/judge/{told.request.code}/"
    seat = staff(world, "孙坐席")
    page = seat.get(where).content.decode()
    assert "重新铺好" in page and "王**" in page and NAME not in page and PHONE not in page
    assert seat.post(where, {"contacted": "yes"}).status_code == 400
    data = {"contacted": "yes", "solved": "yes", "satisfaction": "4", "words": "挺好"}
    assert seat.post(where, data).status_code == 303
    review = Review.objects.get()
    assert (review.source, review.by_id, review.satisfaction) == ("counter", world.user("孙坐席").pk, 4)

    handled = lately(world)
    steps.offer(request_id=handled.request_id, unit_id=world.org("大海阳社区").pk, by=world.actor("孙坐席"), at=handled.later(1),
                push_down_rule="《街道办事处条例》第十二条")  # fmt: skip
    clerk = world.actor("韩网格")
    steps.accept(dispatch_id=Dispatch.objects.get(request=handled.request_id).pk, by=clerk, at=handled.later(1))
    steps.write_reply(request_id=handled.request_id, by=clerk, at=handled.later(1), text="换好了")
    assert handled.request.state == "replied"
    answer = staff(world, "韩网格").post(f"/counter/judge/{handled.request.code}/", data)
    assert answer.status_code == 403 and "别的单位的同事" in answer.content.decode()
    assert Review.objects.filter(request=handled.request_id).count() == 0


def test_of_several_voices_the_counter_asks_who_stands_here(world):
    kept, twin = joined(world)
    kept.answered()
    seat, data = staff(world, "孙坐席"), {"contacted": "yes", "solved": "yes", "satisfaction": "4"}
    where = f"/counter/judge/{twin.request.code}/"
    asked = seat.post(where, data)
    assert asked.status_code == 400 and "来的是谁" in asked.content.decode()
    assert seat.post(where, data | {"voice": str(twin.voice.pk)}).status_code == 303
    assert Review.objects.get().voice_id == twin.voice.pk
    words = {"text": "李大爷补一句：晚上九点才灭", "voice": str(twin.voice.pk)}
    assert seat.post(f"/counter/words/{kept.request.code}/", words).status_code == 303
    remark = Remark.objects.get(text=words["text"])
    assert (remark.voice_id, remark.by_id) == (twin.voice.pk, world.user("孙坐席").pk)
    public = Client()
    assert "九点才灭" in public.get(f"/t/{twin.token}/").content.decode()
    assert "九点才灭" not in public.get(f"/t/{kept.token}/").content.decode()


def test_a_code_typed_at_the_counter_opens_its_request(world):
    told = lately(world)
    seat = staff(world, "孙坐席")
    assert (
        seat.get("/counter/open/", {"code": told.request.code.lower()})["Location"]
        == f"/counter/judge/{told.request.code}/"
    )
    assert seat.get("/counter/open/", {"code": "ZF"}).status_code == 400
    for name in ("外县人",):
        assert staff(world, name).get(f"/counter/judge/{told.request.code}/").status_code == 404


# A lost slip ------------------------------------------------------------------------------------------------------------------
def renewed(client: Client, told: Told, **more: Any) -> Any:
    return client.post(f"/counter/link/{told.request.code}/", {"checked": "本人带着身份证来窗口"} | more)


def test_who_left_no_number_gets_a_slip_with_a_new_link(world, public):
    told = lately(world, name="", phone="")
    seat = staff(world, "孙坐席")
    assert "小条丢了" in seat.get(f"/counter/judge/{told.request.code}/").content.decode()
    answer = renewed(seat, told)
    slip = answer.content.decode()
    assert answer.status_code == 200 and "新小条" in slip and "只显示一次" in slip and "data-print" in slip
    fresh = Voice.objects.get(pk=told.voice.pk)
    assert qr(secret_url(fresh)) in slip and links.token_of(fresh) != told.token
    assert "no-store" in answer["Cache-Control"]
    assert public.get(f"/t/{told.token}/").status_code == 410
    assert public.get(f"/t/{links.token_of(fresh)}/").status_code == 200
    event = Event.objects.get(step="voice.replace_link")
    assert (event.user_id, event.data["reason"]) == (world.user("孙坐席").pk, "本人带着身份证来窗口")


def test_who_left_a_number_types_it_and_the_counter_holds_no_link(world, public):
    told = lately(world)
    slip = renewed(staff(world, "孙坐席"), told).content.decode()
    fresh = Voice.objects.get(pk=told.voice.pk)
    assert fresh.link_nonce == 1 and links.token_of(fresh) not in slip and qr(secret_url(fresh)) not in slip
    assert "填您的电话" in slip and "只显示一次" not in slip
    assert public.get(f"/t/{told.token}/").status_code == 410


def test_how_one_made_sure_is_asked_and_who_stands_here(world):
    kept, twin = joined(world)
    seat = staff(world, "孙坐席")
    for checked in ("", "  "):
        asked = renewed(seat, kept, checked=checked, voice=str(twin.voice.pk))
        assert asked.status_code == 400 and "请写明怎样确认是本人" in asked.content.decode()
    asked = renewed(seat, kept)
    assert asked.status_code == 400
    assert "来的是谁" in asked.content.decode() and "本人带着身份证来窗口" in asked.content.decode(), (
        "what was typed stays"
    )
    assert renewed(seat, kept, voice=str(twin.voice.pk)).status_code == 200
    assert [v.link_nonce for v in (Voice.objects.get(pk=t.voice.pk) for t in (kept, twin))] == [0, 1]


@pytest.mark.parametrize(("who", "status"), [("外县人", 404), ("于科员", 403), ("王桂兰", 403), ("薛师傅", 403)])
def test_nobody_else_ends_a_link(world, who, status):
    told = lately(world)
    assert renewed(staff(world, who), told).status_code == status
    assert Voice.objects.get(pk=told.voice.pk).link_nonce == 0


# Files of staff ------------------------------------------------------------------------------------------------------------------
def test_photos_open_for_whoever_sees_their_request(world, public):
    told = lately(world, photos=[io.BytesIO(picture().read())])
    where = f"/loop/files/{told.request.photos[0]}/"
    assert public.get(where).status_code == 302, "to the log in"
    assert staff(world, "孙坐席").get(where)["Content-Type"] == "image/jpeg"
    assert staff(world, "于科员").get(where).status_code == 404
    told.dispatch()
    assert staff(world, "于科员").get(where).status_code == 200
    assert staff(world, "外县人").get(where).status_code == 404
    assert staff(world, "孙坐席").get(f"/loop/files/{uuid.uuid4()}/").status_code == 404


def test_a_part_shows_the_photos_of_the_whole(world):
    told = lately(world, photos=[io.BytesIO(picture().read())])
    where = f"/loop/files/{told.request.photos[0]}/"
    parts = steps.split(
        request_id=told.request_id,
        parts=[("灯", "灯坏了"), ("梯", "电梯停了")],
        by=world.actor("孙坐席"),
        at=told.later(1),
    )
    assert staff(world, "于科员").get(where).status_code == 404
    Told(world, parts[0].pk, told.voice, told.token, told.at).dispatch()
    assert staff(world, "于科员").get(where).status_code == 200
    assert staff(world, "曲科员").get(where).status_code == 404


def test_papers_are_for_staff_and_are_saved_not_shown(world, public):
    told = lately(world)
    told.dispatch()
    told.accept()
    steps.write_reply(
        request_id=told.request_id,
        by=world.actor("于科员"),
        at=told.later(1),
        text="换好了",
        papers=[io.BytesIO(b"%PDF-1.7 x %%EOF")],
    )
    paper = Handling.objects.get().papers[0]
    answer = staff(world, "孙坐席").get(f"/loop/files/{paper}/")
    assert answer["Content-Type"] == "application/pdf" and answer["Content-Disposition"].startswith("attachment")
    assert public.get(f"/t/{told.token}/file/{paper}/").status_code == 404

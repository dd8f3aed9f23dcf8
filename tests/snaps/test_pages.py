"""Pages of snaps by plain requests: the form without scripts, what a queue sends, what becomes of it."""

from __future__ import annotations

import json
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from heli.core import tries
from heli.core.errors import HeliError
from heli.engines import blur
from heli.loop import links
from heli.loop.models import Request, Voice
from heli.places.models import Area
from heli.snaps import steps
from heli.snaps.models import Snap, Thanks
from heli.snaps.views import ASKED
from tests.loop.staff import log_in
from tests.loop.told import AT
from tests.loop.visitors import statements
from tests.snaps.taken import LAT, LON, handled, picture, take
from tests.snaps.test_thanks import LATER
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
QUEUE = {"HTTP_X_HELI_SNAP": "1"}


@pytest.fixture(autouse=True)
def one_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def phone(world: Any) -> Client:
    return Client()


def told(**more: Any) -> dict[str, Any]:
    return {"form_key": str(uuid.uuid4()), "hazard": "lamp", "area": COMMUNITY} | more


def test_the_page_has_eight_buttons_and_every_community_without_a_script(phone):
    page = phone.get("/snap/").content.decode()
    assert page.count('name="hazard"') == 9  # and the one for one's own words
    assert f'value="{COMMUNITY}"' in page and "capture" in page and "119" in page
    assert 'type="tel"' not in page and "姓名" not in page


def test_a_plain_form_ends_at_its_code(phone):
    sent = phone.post("/snap/", told(photo=picture()))
    assert sent.status_code == 303 and sent.url.startswith("/snap/done/")
    request = Request.objects.get()
    assert request.code in phone.get(sent.url).content.decode()
    assert len(request.photos) == 1 and request.heard_by_id is None


def test_what_is_wrong_is_said_and_what_was_typed_stays(phone):
    back = phone.post("/snap/", told(area="", spot="我家门口那条路"))
    assert back.status_code == 400 and "我家门口那条路" in back.content.decode()
    back = phone.post("/snap/", told(words="他在楼下打架"))
    page = back.content.decode()
    assert back.status_code == 400 and "/submit/" in page and "about_place" in page and "110" in page
    assert phone.post("/snap/", told(words="他在楼下打架", about_place="1")).status_code == 303


def test_a_queue_hears_in_json_what_was_taken_and_what_was_not(phone):
    told_once = told(lat="37.53", lon="121.39", accuracy="17.4")
    first = phone.post("/snap/", told_once, **QUEUE)
    again = phone.post("/snap/", told_once, **QUEUE)
    assert first.status_code == again.status_code == 200
    assert first.json()["token"] == again.json()["token"] and Request.objects.count() == 1
    refused = phone.post("/snap/", told(area=""), **QUEUE)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "L-261", "area")


def test_one_key_used_for_two_things_takes_both(phone):
    key = str(uuid.uuid4())
    phone.post("/snap/", told(form_key=key))
    phone.post("/snap/", told(form_key=key, hazard="waste"))
    assert Request.objects.count() == 2


def test_a_queue_needs_a_token_like_every_form(world):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/snap/", told(), **QUEUE).status_code == 403
    ready = strict.get("/snap/ready/").json()
    assert ready["who"] == ""
    assert strict.post("/snap/", told(), HTTP_X_CSRFTOKEN=ready["token"], **QUEUE).status_code == 200


def test_whose_a_snap_is(world):
    xue, wang = log_in(world, "薛师傅"), log_in(world, "王桂兰")
    marks = {c.get("/snap/ready/").json()["who"] for c in (xue, wang)}
    assert len(marks) == 2 and "" not in marks and xue.get("/snap/ready/").json()["who"] in marks
    xue.post("/snap/", told())
    xue.post("/snap/", told(alone="1", hazard="waste"))
    assert list(Voice.objects.order_by("id").values_list("user", flat=True)) == [world.xue_driver.pk, None]


def test_staff_who_snap_do_so_as_themselves(world):
    log_in(world, "于科员").post("/snap/", told())
    assert Voice.objects.get().user_id == world.yu_officer.pk
    assert Request.objects.get().heard_by_id is None


def test_hostile_photos(phone):
    from django.core.files.uploadedfile import SimpleUploadedFile

    for raw, code in ((b"no photo at all", "L-512"), (huge(), "L-513")):
        answer = phone.post("/snap/", told(photo=SimpleUploadedFile("x.jpg", raw)), **QUEUE)
        assert answer.json()["code"] == code, answer.json()
    assert Request.objects.count() == 0


def huge() -> bytes:
    """A photo of a hundred megapixels, in few bytes."""
    import io

    out = io.BytesIO()
    Image.new("L", (11_600, 8_700), 128).save(out, "JPEG", quality=20)
    return out.getvalue()


def test_a_photo_sent_again_is_not_looked_at_again_and_the_answer_is_the_same(phone, monkeypatch):
    asked = []

    def broken(photo):
        asked.append(photo.size)
        raise blur.CannotLook("no cascade")

    monkeypatch.setattr(blur, "find", broken)
    key = str(uuid.uuid4())
    first, again = (phone.post("/snap/", told(form_key=key, photo=picture()), **QUEUE).json() for _n in range(2))
    assert first == again and first["photo_left_out"] and len(asked) == 1


def test_sending_costs_at_most_twelve_statements_and_three_for_a_photo(world):
    client = log_in(world, "薛师傅")
    client.post("/snap/", told())
    for photo, most in ((None, 12), (picture(), 15)):
        data = told(hazard="waste") | ({"photo": photo} if photo else {})
        with CaptureQueriesContext(connection) as caught:
            assert client.post("/snap/", data, **QUEUE).status_code == 200
        assert len(statements(caught)) <= most, "\n".join(statements(caught))


def test_the_place_of_a_point_in_words(phone, world):
    take(world, lat=LAT, lon=LON, accuracy=10)
    near = phone.post("/snap/place/", {"lat": LAT, "lon": LON}).json()
    assert near["near"] and near["area"] == COMMUNITY and "大海阳" in near["words"] and near["others"] == []
    take(world, lat=LAT + Decimal("0.002"), lon=LON, accuracy=10, area_path="370602003004")
    near = phone.post("/snap/place/", {"lat": LAT, "lon": LON}).json()
    assert near["area"] == COMMUNITY and [o["path"] for o in near["others"]] == ["370602003004"]
    rough = phone.post("/snap/place/", {"lat": LAT, "lon": LON, "accuracy": "3000"}).json()
    assert not rough["near"] and "芝罘区" in rough["words"]
    county = phone.post("/snap/place/", {"lat": "37.58", "lon": "121.35"}).json()
    assert not county["near"] and county["area"] == "" and "芝罘区" in county["words"]
    assert phone.post("/snap/place/", {"lat": "36.65", "lon": "117.02"}).json()["outside"]
    assert phone.post("/snap/place/", {"lat": "x"}).json()["words"] == ""


def test_what_phones_ask_by_themselves_has_a_limit_by_address(world):
    one, other = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="203.0.113.8")
    for url in ("/snap/place/", "/snap/states/"):
        name = url.split("/")[2]
        for _ in range(ASKED.most):
            tries.spend(f"page:{name}", "at:203.0.113.7", ASKED)
        assert one.post(url, {}).status_code == 429, url
        assert other.post(url, {}).status_code == 200, url


# On the phone -------------------------------------------------------------------------------------------------------------
def test_what_is_kept_on_a_phone_holds_nothing_of_an_account(world):
    client = log_in(world, "薛师傅")
    shell = client.get("/snap/shell/")
    page = shell.content.decode()
    assert "薛师傅" not in page and "csrfmiddlewaretoken" not in page and 'data-who=""' in page
    assert "csrftoken" not in shell.cookies


def test_the_worker_and_the_manifest(phone):
    worker, again = phone.get("/snap/sw.js"), phone.get("/snap/sw.js")
    assert worker["Content-Type"].startswith("text/javascript") and "importScripts" not in worker.content.decode()
    kept = json.loads(re.search(r"const KEPT = (\[.*?\]);", worker.content.decode())[1])
    assert "/snap/shell/" in kept
    for url in kept:
        from django.contrib.staticfiles import finders

        assert url == "/snap/shell/" or finders.find(url.removeprefix("/static/")), url
    Area.objects.filter(path=COMMUNITY).update(short_name="海阳里")  # the copy on the phone is fetched anew
    assert phone.get("/snap/sw.js").content != worker.content == again.content
    shell = phone.get("/snap/shell/").content.decode()
    used = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', shell))
    assert used <= set(kept), used - set(kept)  # the page needs nothing that is not kept
    said = json.loads(phone.get("/snap/app.webmanifest").content)
    assert said["scope"] == said["start_url"] == "/snap/" and said["display"] == "standalone"
    assert {i["sizes"] for i in said["icons"]} == {"192x192", "512x512"}
    assert "worker-src 'self'" in phone.get("/snap/")["Content-Security-Policy"]


# What became of them ---------------------------------------------------------------------------------------------------------
def test_links_kept_on_a_phone_tell_how_it_goes(phone, world):
    made = take(world, "")
    answer = phone.post(
        "/snap/states/", {"token": [made.heard.token, "A" * 30, made.heard.token[:-2] + "AA", "%%"]}
    ).json()
    assert list(answer) == [made.heard.token] and answer[made.heard.token]["code"] == made.heard.request.code


def test_only_the_owner_sees_points_and_why_there_are_none(world):
    given, held = take(world), take(world, "于科员")
    for one in (given, held):
        handled(world, one)
        steps.thank(request_id=one.heard.request.pk, at=LATER)
    assert "感谢分 5 分" in log_in(world, "薛师傅").get("/snap/mine/").content.decode()
    page = log_in(world, "于科员").get("/snap/mine/").content.decode()
    assert "感谢分 0 分" in page and "拍的人就在办这件事的单位" in page
    assert "感谢分 5 分" not in Client().get("/snap/mine/").content.decode()


def test_a_supervisor_decides_and_the_sender_reads_why(world):
    held = take(world, "于科员")
    handled(world, held)
    steps.thank(request_id=held.heard.request.pk, at=LATER)
    pk, lead = held.heard.request.pk, log_in(world, "吕部长")
    page = lead.get("/snap/thanks/").content.decode()
    assert held.heard.request.code in page and "于科员" not in page.split("<main")[1]
    assert "/snap/thanks/" in lead.get("/").content.decode()
    missing = lead.post(f"/snap/thanks/{pk}/decide/", {"give": "no", "reason": ""})
    assert missing.status_code == 400
    assert lead.post(f"/snap/thanks/{pk}/decide/", {"give": "no", "reason": "自己单位办的"}).status_code == 303
    assert "自己单位办的" in log_in(world, "于科员").get("/snap/mine/").content.decode()
    assert not Thanks.objects.exists() and Snap.objects.get(pk=pk).state == "refused"


def test_the_list_of_thanks_costs_the_same_for_one_and_for_many(world):
    lead, cost = log_in(world, "吕部长"), []
    for n in (1, 4):
        for k in range(n):
            made = take(world, "于科员", at=AT, hazard="lamp", spot=f"{n} {k}")
            Snap.objects.filter(pk=made.heard.request.pk).update(
                state="held", why="own", beside=[made.heard.request.pk]
            )
        with CaptureQueriesContext(connection) as caught:
            lead.get("/snap/thanks/")
        cost.append(len(statements(caught)))
    assert 3 < cost[0] == cost[1] <= 8


def test_covering_by_squares(world):
    made = take(world, photo=picture())
    lead, photo = log_in(world, "吕部长"), made.heard.request.photos[0]
    assert lead.get(f"/snap/cover/{photo}/").content.decode().count('name="cell"') == 64
    assert lead.post(f"/snap/cover/{photo}/", {}).status_code == 400
    seen = lead.get(f"/loop/files/{photo}/")
    assert lead.get(f"/loop/files/{photo}/", headers={"if-none-match": seen["ETag"]}).status_code == 304
    assert lead.post(f"/snap/cover/{photo}/", {"cell": ["9", "10", "x", "999"]}).status_code == 303
    now = lead.get(f"/loop/files/{photo}/", headers={"if-none-match": seen["ETag"]})
    assert now.status_code == 200 and now["ETag"] != seen["ETag"], "the covered one is shown at once"
    assert log_in(world, "外县人").get(f"/snap/cover/{photo}/").status_code == 404


def test_every_error_of_the_room_is_a_sentence():
    from heli.snaps import errors

    own = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, HeliError) and e is not HeliError]
    assert len({e.code for e in own}) == len(own) and all(e.code.startswith("L-26") for e in own)


def test_a_link_that_is_cut_short_says_so(phone, world):
    made = take(world)
    assert phone.get(f"/snap/done/{made.heard.token[:-3]}/").status_code == 410
    assert links.voice_of(made.heard.token, AT).pk == made.heard.voice.pk

"""The pages of residents and of the counter: what they let in, what they show, and to whom."""

from __future__ import annotations

import io
import re
import struct
import uuid
import zipfile
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from heli.core import subjects, vault
from heli.core.models import Event, VaultRecord
from heli.loop import steps
from heli.loop.models import Category, Remark, Request, Review, Voice
from heli.rulebook.models import Rule
from tests.loop.told import LAMP, Told, tell
from tests.loop.visitors import DAY, NAME, PHONE, WORDS, joined, lately, picture, send, sent, staff, statements
from tests.world import COMMUNITY, STREET


@pytest.fixture(autouse=True)
def _no_second_factor(settings: Any) -> None:
    """The second factor has tests of its own."""
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def public(world: Any) -> Client:
    """Somebody without an account."""
    return Client()


# Telling ----------------------------------------------------------------------------------------------------------------
def test_something_is_told_without_an_account(public):
    with CaptureQueriesContext(connection) as caught:
        token, voice = sent(public)
    assert len(statements(caught)) - 1 <= 12, "\n".join(statements(caught))  # the last one is this test's own
    request = voice.request
    assert (request.text, request.area_path, request.category.code, request.spot) == (
        WORDS,
        COMMUNITY,
        LAMP,
        "12号楼前",
    )
    assert (request.channel, request.heard_by_id, voice.reach) == ("web", None, "evening")
    assert vault.open_own(voice.record) | {"address": "", "id_number": "", "note": ""} == vault.open_own(voice.record)
    page = public.get(f"/t/{token}/sent/").content.decode()
    assert request.code in page and "已经上路了" in page and "data:image/svg+xml" in page
    assert re.findall(r'href="/rules/\d+/"', page), "each deadline leads to its rule"
    assert "1 个工作日" in page and "5 个工作日" in page and "/qr/" in page


def test_the_steps_work_without_scripts_and_keep_what_was_typed(public):
    first = public.post("/submit/", {"text": WORDS, "go": "2"})
    page = first.content.decode()
    assert first.status_code == 200 and "毓璜顶街道 · 大海阳社区" in page and f'value="{COMMUNITY}" checked' in page
    assert WORDS in page, "the hidden first step travels along"
    key = re.search(r'name="form_key" value="([^"]+)"', page)[1]
    third = public.post(
        "/submit/", {"text": WORDS, "area": COMMUNITY, "category": LAMP, "spot": "12号楼前", "form_key": key, "go": "3"}
    )
    page = third.content.decode()
    assert f'name="form_key" value="{key}"' in page and 'value="12号楼前"' in page and f'value="{LAMP}"' in page
    assert page.index('data-step="3" aria-labelledby') and 'data-step="1" hidden' in page
    listing = public.post("/submit/", {"text": WORDS, "at": STREET}).content.decode()
    assert f'name="pick_area" value="{COMMUNITY}"' in listing
    tree = public.post("/submit/", {"text": WORDS, "under": "0404"}).content.decode()
    assert f'name="pick" value="{LAMP}"' in tree and "市政设施" in tree


@pytest.mark.parametrize(
    ("typed", "said", "step"),
    [
        ({"text": "  "}, "一句话就够", 1),
        ({"text": "灯" * 20_000}, "20000", 1),
        ({"area": ""}, "选", 2),
        ({"area": "999999999999"}, "选", 2),
        ({"area": "370602' OR 1=1"}, "选", 2),
        ({"category": "998877"}, "另选一个", 1),
        ({"phone": "1391234567"}, "少了 1 位：手机号是 11 位，您填了 10 位。", 3),
        ({"phone": ""}, "不留名", 3),
    ],
)
def test_what_cannot_be_taken_is_said_beside_its_field_and_nothing_is_lost(public, typed, said, step):
    before = Request.objects.count()
    answer = send(public, **typed)
    page = answer.content.decode()
    assert answer.status_code == 400 and said in page
    assert Request.objects.count() == before
    assert f'data-step="{step}"' in page and page.count("<section") == 3
    assert 'value="12号楼前"' in page and NAME in page
    assert (typed.get("text") or WORDS).strip() in page


def test_of_a_place_that_is_no_place_nothing_is_kept(public):
    from heli.places.models import Area

    hidden = Area.objects.filter(kind="placeholder").values_list("path", flat=True).first()
    assert hidden is None or send(public, area=hidden).status_code == 400


def test_a_category_that_has_closed_is_said_so(public):
    Category.objects.filter(code=LAMP).update(closed_on="2025-01-01")
    answer = send(public)
    assert answer.status_code == 400 and Request.objects.count() == 0
    assert "另选一个" in answer.content.decode()


def test_rare_characters_and_emoji_arrive_whole(public):
    said = "𠮷㙍路口的灯坏了😀，龘字牌下面"
    _token, voice = sent(public, text=said, name="𠮷野")
    assert voice.request.text == said
    assert vault.open_own(voice.record)["name"] == "𠮷野"


def bomb() -> bytes:
    """A PNG of 2.5 billion pixels in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a", bytes(20 * 2**20))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: bytes(30 * 2**20), "30"),
        (lambda: b"%PDF-1.7\n" + bytes(1000), "照片"),
        (zipped, "照片"),
        (bomb, "像素"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "照片"),
    ],
    ids=["30 MB", "PDF named jpg", "zip bomb", "pixel bomb", "svg"],
)
def test_a_file_that_is_no_photo_is_refused_before_anything_is_kept(public, content, said):
    answer = send(public, photos=[SimpleUploadedFile("photo.jpg", content(), "image/jpeg")])
    page = answer.content.decode()
    assert answer.status_code == 400 and said in page, page[:2000]
    assert "照片要重新选" in page and WORDS in page
    assert Request.objects.count() == 0 and VaultRecord.objects.filter(phone_mask="139****5678").count() == 0


def test_seven_photos_are_too_many_six_are_kept_without_their_place(public):
    assert send(public, photos=[picture() for _ in range(7)]).status_code == 400
    _token, voice = sent(public, photos=[picture() for _ in range(6)])
    assert len(voice.request.photos) == 6


def test_a_form_sent_twice_counts_once_and_leads_to_the_same_page(public):
    key = str(uuid.uuid4())
    one, two = send(public, form_key=key), send(public, form_key=key)
    assert one["Location"] == two["Location"] and Request.objects.count() == 1
    other = send(public, form_key=key, text="另一件事：11号楼的下水道堵了")
    assert other.status_code == 303 and other["Location"] != one["Location"], "the browser showed an old form again"
    assert Request.objects.count() == 2


def test_without_a_rule_nothing_is_saved_and_the_key_is_named(public):
    Rule.objects.filter(key="track.link_days").update(valid_to=F("valid_from"))
    answer = send(public)
    page = answer.content.decode()
    assert answer.status_code == 503 and "L-301" in page and "track.link_days" in page and WORDS in page
    assert Request.objects.count() == 0 and VaultRecord.objects.filter(phone_mask="139****5678").count() == 0


def test_nobody_is_named_who_does_not_want_to_be(public):
    _token, voice = sent(public, contact="none", phone="1391", name=NAME)
    assert voice.record is None and voice.request.confidentiality == "open"
    _token, voice = sent(public, protected="1")
    assert voice.request.confidentiality == "protected"


def test_the_place_of_a_phone_is_kept_only_whole_and_only_when_sent(public):
    _token, voice = sent(public, lat="37.530211", lon="121.380111", accuracy="25")
    assert (str(voice.request.lat), str(voice.request.lon)) == ("37.530211", "121.380111")
    _token, voice = sent(public, lat="37.530211", lon="somewhere")
    assert (voice.request.lat, voice.request.lon) == (None, None)


def test_an_account_finds_its_own_number_and_keeps_what_it_said(world):
    client = staff(world, "王桂兰")
    assert 'value="13900000001"' in client.get("/submit/").content.decode()
    _token, voice = sent(client)
    assert voice.user_id == world.user("王桂兰").pk
    page = client.get("/mine/").content.decode()
    assert voice.request.code in page
    assert client.get("/mine/?after=zzz").status_code == 400
    assert staff(world, "薛师傅").post(f"/mine/{voice.pk}/open/").status_code == 404
    Voice.objects.filter(pk=voice.pk).update(link_until=timezone.now() - DAY)
    assert f"/mine/{voice.pk}/open/" in client.get("/mine/").content.decode()
    opened = client.post(f"/mine/{voice.pk}/open/")
    assert opened.status_code == 303 and client.get(opened["Location"]).status_code == 200


def test_a_reading_names_the_matter_to_its_owner_only(world):
    _token, voice = sent(staff(world, "王桂兰"))
    own = subjects.describe([("loop.request", voice.request_id)], world.actor("王桂兰"))
    assert own["loop.request", voice.request_id].title == voice.request.title
    assert subjects.describe([("loop.request", voice.request_id)], world.actor("薛师傅")) == {}


def test_somebody_who_works_here_speaks_for_themselves_too(world):
    _token, voice = sent(staff(world, "韩网格"))
    assert voice.user_id == world.user("韩网格").pk and voice.request.heard_by_id is None


# What was understood ------------------------------------------------------------------------------------------------------
def test_what_was_understood_can_be_changed(public):
    said = public.post("/submit/about/", {"text": "楼前路灯坏了，路灯不亮"}).content.decode()
    assert "看起来是" in said and f'name="category" value="{LAMP}"' in said
    top = public.post("/submit/about/", {"text": "路灯", "under": ""}).content.decode()
    assert "公共安全" in top and "说不清" in top
    picked = public.post("/submit/about/", {"text": "路灯", "pick": "010201"}).content.decode()
    assert 'value="010201"' in picked and 'name="picked" value="1"' in picked
    assert 'href="tel:119"' in picked, "a matter of danger names the numbers to call"
    typing_on = public.post(
        "/submit/about/", {"text": "路灯不亮", "category": "010201", "picked": "1"}
    ).content.decode()
    assert 'value="010201"' in typing_on


def test_two_places_that_fit_are_asked_about(public):
    said = public.post("/submit/place/", {"text": "大海阳社区和新海阳社区中间的路坏了"}).content.decode()
    assert said.count('name="area"') >= 2 and "checked" not in said


def near(public: Client, **more: Any) -> str:
    return public.post("/submit/same/", {"text": WORDS, "area": COMMUNITY, "category": LAMP} | more).content.decode()


def test_a_neighbours_matter_is_offered_without_telling_who_or_what(world, public):
    told = lately(world)
    said = near(public)
    assert "路灯" in said and "毓璜顶街道" in said
    for secret in (told.request.code, told.request.title, "12号楼", NAME, PHONE):
        assert secret not in said
    assert near(public, area=STREET) == near(public, area="370602003004") == near(public, text="")


@pytest.mark.parametrize(
    "more",
    [{"confidentiality": "protected"}, {"kind": "complaint"}, {"category": "130101", "text": None}, {"kind": "tip"}],
    ids=["protected", "complaint", "a family's matter", "tip"],
)
def test_what_is_somebodys_own_is_never_offered_to_neighbours(world, public, more):
    text = more.pop("text", WORDS) or WORDS
    tell(world, text, at=timezone.now() - DAY, **({"category": LAMP} | more))
    assert near(public, category=more.get("category", LAMP)).strip() == ""


def test_the_same_matter_becomes_a_hint_for_the_desk_alone(world, public):
    told = lately(world)
    key = re.search(r'name="twin" value="([^"]{20,})"', near(public))[1]
    with CaptureQueriesContext(connection) as caught:
        token, voice = sent(public, twin=key)
    assert len(statements(caught)) - 1 <= 12, "\n".join(statements(caught))
    note = Remark.objects.get(request=voice.request)
    assert note.kind == "note" and told.request.code in note.text
    assert told.request.code not in public.get(f"/t/{token}/").content.decode()
    _token, other = sent(public, twin="made-up")
    assert not Remark.objects.filter(request=other.request).exists()


# Following ----------------------------------------------------------------------------------------------------------------
def test_the_page_of_a_link_is_private_and_names_nobody(world, public):
    told = lately(world).answered()
    with transaction.atomic():
        vault.reveal(
            told.voice.record_id, fields=["phone"], by=world.actor("于科员"), purpose="约上门时间", at=timezone.now(),
            about=("loop.request", told.request_id), org_id=world.org("城管局").pk,
        )  # fmt: skip
    public.get(f"/t/{told.token}/")  # the calendar of the day is read once by each process
    with CaptureQueriesContext(connection) as caught:
        answer = public.get(f"/t/{told.token}/")
    assert len(statements(caught)) <= 11, "\n".join(statements(caught))
    page = answer.content.decode()
    assert "重新铺好" in page and "按时" in page and "轮到您" in page and "1 次" in page
    for secret in (NAME, PHONE, "139****5678", "王**", "于科员", "约上门时间"):
        assert secret not in page
    assert (answer["Cache-Control"], answer["X-Robots-Tag"], answer["Referrer-Policy"]) == (
        "no-store",
        "noindex",
        "same-origin",
    )
    seen = public.get(f"/t/{told.token}/seen/").content.decode()
    assert "城管局" in seen and "约上门时间" in seen and "电话" in seen and "于科员" not in seen


@pytest.mark.parametrize("token", ["x", "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAA", "~~~", "光"])
def test_a_link_that_is_wrong_leads_to_the_way_by_code_and_number(public, token):
    answer = public.get(f"/t/{token}/")
    assert (
        answer.status_code == 410
        and "L-113" in answer.content.decode()
        and 'action="/find/"' in answer.content.decode()
    )
    assert answer["Cache-Control"] == "no-store"


def test_a_link_that_has_ended_ends_all_its_pages(world, public):
    told = lately(world).answered()
    Voice.objects.filter(pk=told.voice.pk).update(link_until=timezone.now() - DAY)
    for page in ("", "sent/", "seen/", "qr/", f"file/{uuid.uuid4()}/"):
        assert public.get(f"/t/{told.token}/{page}").status_code == 410
    for page in ("judge/", "words/", "withdraw/"):
        assert public.post(f"/t/{told.token}/{page}", {}).status_code == 410
    assert Review.objects.count() == 0


def judge(client: Client, token: str, **more: Any) -> Any:
    return client.post(f"/t/{token}/judge/", {"contacted": "yes", "solved": "yes", "satisfaction": "5"} | more)


def test_the_resident_judges_once_a_round(world, public):
    told = lately(world).answered()
    half = judge(public, told.token, solved="", words="差一盏")
    assert half.status_code == 400 and "差一盏" in half.content.decode() and Review.objects.count() == 0
    with CaptureQueriesContext(connection) as caught:
        assert judge(public, told.token, solved="no", satisfaction="2", words=f"又灭了，打 {PHONE}").status_code == 303
    assert len(statements(caught)) <= 14
    assert told.request.lap == 2 and told.request.state == "handling"
    again = judge(public, told.token)
    assert again.status_code == 409 and Review.objects.count() == 1
    page = public.get(f"/t/{told.token}/?done=judged").content.decode()
    assert "没解决" in page and PHONE not in page and "第 2 圈" in page
    told.reply()
    assert judge(public, told.token).status_code == 303
    twice = judge(public, told.token)
    assert twice.status_code == 409 and "没有重复计" in twice.content.decode()
    assert told.request.state == "closed"
    assert "补充一句" not in public.get(f"/t/{told.token}/").content.decode()


def test_one_more_word_an_answer_and_photos(world, public):
    told = lately(world)
    told.dispatch()
    told.accept()
    steps.ask_resident(
        request_id=told.request_id, by=world.actor("于科员"), at=told.later(1), text="是南门还是北门的灯？"
    )
    assert "是南门还是北门的灯？" in public.get(f"/t/{told.token}/").content.decode()
    assert public.post(f"/t/{told.token}/words/", {"text": ""}).status_code == 400
    assert public.post(f"/t/{told.token}/words/", {"text": "字" * 3000}).status_code == 400
    assert public.post(f"/t/{told.token}/words/", {"text": "南门"}).status_code == 303
    assert public.post(f"/t/{told.token}/words/", {"photos": [picture()]}).status_code == 303
    page = public.get(f"/t/{told.token}/").content.decode()
    assert "送出回答" not in page and "南门" in page and "补充了照片" in page
    kept = Remark.objects.get(text="补充了照片。").photos[0]
    assert public.get(f"/t/{told.token}/file/{kept}/").status_code == 200


def test_taking_it_back(world, public):
    told = lately(world)
    assert public.post(f"/t/{told.token}/withdraw/", {"reason": "自己好了"}).status_code == 303
    assert told.request.state == "withdrawn"
    assert "您撤回了" in public.get(f"/t/{told.token}/").content.decode()
    assert public.post(f"/t/{told.token}/withdraw/").status_code == 409
    assert public.post(f"/t/{told.token}/words/", {"text": "还有一句"}).status_code == 409


def test_neighbours_see_the_same_reply_and_nothing_of_each_other(world, public):
    kept, twin = joined(world)
    kept.answered()
    page, other = (public.get(f"/t/{t.token}/").content.decode() for t in (kept, twin))
    assert "和 1 位邻居说的合成一件" in other and "另有 1 位邻居" in page
    assert "重新铺好" in page and "重新铺好" in other
    assert "天天摸黑" in other and "天天摸黑" not in page and WORDS not in other
    assert judge(public, kept.token, solved="partly", satisfaction="3", words="只亮了两盏").status_code == 303
    assert public.post(f"/t/{kept.token}/words/", {"text": "我家在三楼"}).status_code == 303
    page, other = (public.get(f"/t/{t.token}/").content.decode() for t in (kept, twin))
    assert "只亮了两盏" in page and "一般" in page
    for secret in ("只亮了两盏", "我家在三楼", "您评价了", "一部分 ·"):
        assert secret not in other
    assert judge(public, twin.token).status_code == 303, "each voice judges"
    assert kept.request.state == "closed" and kept.request.solved == "partly"
    mine, theirs = kept.request.photos[0], Request.objects.get(pk=twin.request_id).photos[0]
    assert public.get(f"/t/{kept.token}/file/{mine}/").status_code == 200
    assert public.get(f"/t/{twin.token}/file/{theirs}/").status_code == 200
    assert public.get(f"/t/{twin.token}/file/{mine}/").status_code == 404
    assert public.get(f"/t/{kept.token}/file/{theirs}/").status_code == 404


def test_nobody_takes_back_what_neighbours_said_too(world, public):
    kept, twin = joined(world)
    for token in (kept.token, twin.token):
        assert public.post(f"/t/{token}/withdraw/").status_code == 409
    assert kept.request.state == "heard"


def test_photos_of_a_reply_are_shown_once_it_is_sent(world, public):
    told = lately(world)
    told.dispatch()
    told.accept()
    draft = steps.write_reply(
        request_id=told.request_id,
        by=world.actor("于科员"),
        at=told.later(1),
        text="换好了",
        send=False,
        photos=[io.BytesIO(picture().read())],
    )
    photo = draft.photos[0]
    assert public.get(f"/t/{told.token}/file/{photo}/").status_code == 404
    told.reply(text="换好了")
    assert public.get(f"/t/{told.token}/file/{photo}/").status_code == 200
    assert f"/file/{photo}/" in public.get(f"/t/{told.token}/").content.decode()
    assert public.get(f"/t/{told.token}/file/{uuid.uuid4()}/").status_code == 404


def test_what_was_not_taken_says_why_and_which_way_is_open(world, public):
    told = lately(world)
    steps.decline(
        request_id=told.request_id, by=world.actor("孙坐席"), at=told.later(1), reason="法院已经判了", legal_basis="《信访工作条例》第三十一条",
        route="十五日内上诉",
    )  # fmt: skip
    page = public.get(f"/t/{told.token}/").content.decode()
    for said in ("法院已经判了", "《信访工作条例》第三十一条", "十五日内上诉"):
        assert said in page


def test_a_request_in_parts_is_judged_once_when_all_are_answered(world, public):
    told = lately(world)
    parts = steps.split(
        request_id=told.request_id,
        parts=[("灯坏了", "灯坏了"), ("电梯停了", "电梯停了")],
        by=world.actor("孙坐席"),
        at=told.later(1),
    )
    page = public.get(f"/t/{told.token}/").content.decode()
    assert "灯坏了" in page and "电梯停了" in page and "提交评价" not in page
    for part in parts:
        Told(world, part.pk, told.voice, told.token, told.at).answered()
    with CaptureQueriesContext(connection) as caught:
        page = public.get(f"/t/{told.token}/").content.decode()
    assert len(statements(caught)) <= 11
    assert page.count("重新铺好") == 2 and "提交评价" in page
    assert judge(public, told.token).status_code == 303


def test_more_time_is_shown_with_its_reason(world, public):
    from heli.loop.models import Clock

    told = lately(world)
    told.dispatch()
    told.accept()
    clock = Clock.objects.get(request=told.request_id, kind="reply", outcome="running")
    asked = steps.ask_extension(
        clock_id=clock.pk,
        by=world.actor("于科员"),
        at=told.later(1),
        kind="more",
        days=2,
        reason="等规划许可",
        basis="《城市道路管理条例》",
    )
    assert "等规划许可" not in public.get(f"/t/{told.token}/").content.decode()
    steps.decide_extension(extension_id=asked.pk, by=world.actor("吕部长"), at=told.later(1), approve=True)
    page = public.get(f"/t/{told.token}/").content.decode()
    assert "等规划许可" in page and "《城市道路管理条例》" in page and "2 个工作日" in page


# Finding --------------------------------------------------------------------------------------------------------------------
def test_code_and_number_lead_to_the_page_however_the_code_is_typed(world, public):
    told = lately(world)
    typed = told.request.code.lower().replace("-", "　")
    answer = public.post("/find/", {"code": typed, "phone": "139 1234 5678"})
    assert answer.status_code == 303 and answer["Location"] == f"/t/{told.token}/"
    Voice.objects.filter(pk=told.voice.pk).update(link_until=timezone.now() - DAY)
    answer = public.post("/find/", {"code": typed, "phone": PHONE})
    assert public.get(answer["Location"]).status_code == 200, "the link holds again"
    assert Event.objects.filter(step="voice.link", subject_id=told.request_id).count() == 1


def test_a_code_alone_shows_where_it_is_and_nothing_that_was_said(world, public):
    told = lately(world).answered()
    page = public.get(f"/find/?code={told.request.code}").content.decode()
    assert "芝罘区城市管理局" in page and "h-loop" in page
    for secret in (told.request.title, "路灯", "12号楼", "重新铺好", NAME, PHONE, told.token):
        assert secret not in page


def bare(page: bytes) -> str:
    """A page without what the form repeats of what was typed, without the form's own secret, and without the nonce of its scripts."""
    return re.sub(r'value="[^"]*"|X-CSRFToken[^}]*|nonce="[^"]*"', "", page.decode())


def test_unknown_protected_and_wrong_number_get_the_same_answer(world, public):
    told, kept = lately(world), lately(world, confidentiality="protected")
    missing = "ZF-2222-2W"
    from heli.engines.identifiers import new_code

    class Fixed:
        def choice(self, _from: str) -> str:
            return "2"

    missing = new_code("ZF", Fixed())  # type: ignore[arg-type]
    alone = [public.get(f"/find/?code={code}") for code in (missing, kept.request.code)]
    assert [a.status_code for a in alone] == [404, 404] and len({bare(a.content) for a in alone}) == 1
    both = [
        public.post("/find/", {"code": code, "phone": "13700000000"})
        for code in (missing, told.request.code, kept.request.code)
    ]
    assert [a.status_code for a in both] == [404] * 3 and len({bare(a.content) for a in both}) == 1
    assert public.post("/find/", {"code": kept.request.code, "phone": PHONE}).status_code == 303


def test_guessing_ends_soon(world, public):
    told = lately(world)
    for n in range(20):
        assert public.post("/find/", {"code": told.request.code, "phone": f"1370000{n:04}"}).status_code == 404
    answer = public.post("/find/", {"code": told.request.code, "phone": PHONE})
    assert answer.status_code == 429 and "L-138" in answer.content.decode()


def test_a_mistyped_code_is_said_precisely(public):
    answer = public.get("/find/?code=ZF-7K3")
    assert answer.status_code == 400 and "少了" in answer.content.decode()

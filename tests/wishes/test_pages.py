"""The pages as people meet them: what they cost, what they keep, and that nobody is recognised on them."""

from __future__ import annotations

import datetime as dt
import io
import re
import uuid
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from heli.core.models import Event, StoredFile
from heli.engines import blur
from heli.loop.models import Request
from heli.wishes import jobs, steps
from heli.wishes.models import Pledge, Wish
from heli.wishes.wording import names_somebody
from tests.loop.staff import log_in
from tests.loop.visitors import picture, statements
from tests.wishes.made import HOME, NAME, PHONE, SPOT, TEXT, Made, post
from tests.world import COMMUNITY

pytestmark = pytest.mark.django_db
MARKS = (NAME, PHONE, SPOT, "大海阳", "3单元", "屋里没有暖气", "13800000033")


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def client(world: Any, who: str = "") -> Client:
    return log_in(world, who) if who else Client()


def text(response: Any) -> str:
    return str(response.content.decode())


def now() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


def promise(**typed: Any) -> dict[str, Any]:
    day = timezone.localdate() + dt.timedelta(days=2)
    return {
        "form_key": str(uuid.uuid4()),
        "amount": 1,
        "promised_on": f"{day}",
        "phone": "13800000033",
        "name": "赵",
    } | typed


# The wall -------------------------------------------------------------------------------------------------------------
def test_the_wall_shows_nobody_and_costs_few_statements(world: Any) -> None:
    at = now() - dt.timedelta(days=9)
    whole = post(world, at=at)
    whole.whole()
    whole.judge("yes", 5)
    steps.follow(at=at)
    steps.let_read(wish_id=whole.wish_id, by=whole.resident, at=at, words="晚上睡得暖和了")
    for n in range(26):
        post(world, at=at + dt.timedelta(hours=n), title=f"第{n}个心愿", gift="time", needed=2, measure="次")
    part = Wish.objects.get(title="第3个心愿")
    Made(world, part.pk, now()).pledge("马经理", 1, "鲁新超市")
    visitor = client(world)
    with CaptureQueriesContext(connection) as caught:
        page = visitor.get("/wishes/")
    assert len(statements(caught)) <= 8, statements(caught)
    said = text(page)
    order = re.findall(r"第(\d+)个心愿", said)
    assert order == [str(n) for n in range(24)], "those that wait longest first"
    assert "还缺 1 / 2 次" in said and "晚上睡得暖和了" in said and "毓璜顶街道" in said
    after = re.search(r'href="(\?after=[^"]+)" rel="next"', said)
    assert after is not None
    assert re.findall(r"第(\d+)个心愿", text(visitor.get("/wishes/" + after[1]))) == ["24", "25"]
    assert "三条厚毛毯" not in text(visitor.get("/wishes/?gift=time&list=done"))
    assert "第3个" in text(visitor.get("/wishes/?street=370602003")) and "第3个" not in text(
        visitor.get("/wishes/?street=370602001")
    )
    done = text(visitor.get("/wishes/?list=done"))
    one = text(visitor.get(f"/wishes/{whole.wish_id}/"))
    assert "三条厚毛毯" in done and "鲁新超市" in one and "1 位居民" in one
    for html in (said, done, one, text(visitor.get(f"/wishes/{part.pk}/"))):
        assert [m for m in (*MARKS, "赵", "马经理") if m in html] == []
    with CaptureQueriesContext(connection) as caught:
        visitor.get(f"/wishes/{part.pk}/")
    assert len(statements(caught)) <= 8


def test_marked_values_stand_in_no_event_and_no_file(world: Any) -> None:
    made = post(world, at=now(), words="家里没有暖气，盼着三条厚毛毯。")
    made.whole()
    staff = client(world, "李社工")
    answer = staff.post("/wishes/desk/export/", {"purpose": "月底汇总"})
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        cells = b"".join(book.read(n) for n in book.namelist()).decode()
    assert "三条厚毛毯过冬" in cells
    events = "".join(f"{e.data}" for e in Event.objects.all())
    assert [m for m in (*MARKS[:3], "13800000033") if m in cells or m in events] == []
    assert Event.objects.filter(step="list.export").count() == 1
    assert staff.post("/wishes/desk/export/", {"purpose": " "}).status_code == 400
    wish = str(Wish.objects.values().get())
    assert [m for m in MARKS[:3] if m in wish] == [] and TEXT not in wish


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("三条毛毯，11月26号前要用", ""), ("住三楼，想有人陪着下楼", ""), ("对于老人来说很重", ""), ("孩子上三年级一班", ""),
        ("王奶奶想要毛毯", "王奶奶"), ("12号楼的老人", "12号楼"), ("二单元门口", "二单元"), ("文化路26号", "路26号"),
        ("请打139 1234 5678", "139 1234 5678"), ("我叫李秀英", "我叫李"), ("5-2-301的住户", "5-2-301"),
    ],
)  # fmt: skip
def test_the_wording_of_the_wall(said: str, found: str) -> None:
    assert names_somebody(said) == found


# Making, posting ------------------------------------------------------------------------------------------------------
def test_a_resident_makes_a_wish_and_it_reaches_the_desk_once(world: Any) -> None:
    visitor, key = client(world), str(uuid.uuid4())
    typed = {"form_key": key, "text": "想有人教我用手机", "area": COMMUNITY, "phone": PHONE, "go": "send"}
    wrong = visitor.post("/wishes/new/", typed | {"phone": ""})
    assert wrong.status_code == 400 and "想有人教我用手机" in text(wrong) and "写个号码" in text(wrong)
    assert visitor.post("/wishes/new/", typed | {"area": ""}).status_code == 400
    first, second = visitor.post("/wishes/new/", typed), visitor.post("/wishes/new/", typed)
    assert first.status_code == second.status_code == 303 and first["Location"] == second["Location"]
    request = Request.objects.get()
    assert (request.kind, request.state, request.reachable) == ("wish", "heard", True)


def test_a_worker_posts_on_one_page(world: Any) -> None:
    staff = client(world, "李社工")
    typed = {
        "form_key": str(uuid.uuid4()), "text": TEXT, "name": NAME, "phone": PHONE, "spot": SPOT, "area": COMMUNITY, "go": "send",
        "visited_on": f"{timezone.localdate()}", "consent": "on", **{k: str(v) for k, v in HOME.items()},
    }  # fmt: skip
    wrong = staff.post("/wishes/desk/new/", typed | {"words": "周银龄盼着毛毯"})
    assert wrong.status_code == 400 and "L-212" not in text(wrong) and "“周银龄”会让人认出是谁" in text(wrong)
    assert not Request.objects.exists(), "all of it, or nothing"
    made = staff.post("/wishes/desk/new/", typed)
    assert made.status_code == 303 and staff.post("/wishes/desk/new/", typed)["Location"] == made["Location"]
    wish = Wish.objects.select_related("request").get()
    assert wish.state == "open" and wish.request.state == "handling" and wish.request.kind == "wish"
    assert text(staff.get(made["Location"])).count("三条厚毛毯过冬") >= 2
    assert client(world, "韩网格").get(made["Location"]).status_code == 200  # reads the area
    assert client(world, "韩网格").post(f"{made['Location']}withdraw/", {"reason": "x"}).status_code == 403
    assert client(world, "外县人").get(made["Location"]).status_code == 403
    assert client(world, "马经理").get(made["Location"]).status_code == 403


def test_the_unit_s_page_leads_to_the_home_check(world: Any) -> None:
    from heli.loop import steps as loop

    heard = loop.hear(
        by=world.actor("赵志愿"), at=now(), text="想要一副老花镜", area_path=COMMUNITY, kind="wish", phone=PHONE
    )
    d = loop.offer(request_id=heard.request.pk, unit_id=world.org("大海阳社区").pk, by=world.actor("孙坐席"), at=now())
    loop.accept(dispatch_id=d.pk, by=world.actor("韩网格"), at=now())
    loop.contact(request_id=heard.request.pk, by=world.actor("韩网格"), at=now(), way="phone", reached=True)
    staff, where = client(world, "韩网格"), f"/wishes/r/{heard.request.code}/"
    assert where in text(staff.get(f"/loop/r/{heard.request.code}/"))
    assert "想要一副老花镜" in text(staff.get(where))
    assert where in text(staff.get("/wishes/desk/?do=visit")) and "上门看看" in text(staff.get("/"))
    typed = {k: str(v) for k, v in HOME.items()} | {"visited_on": f"{timezone.localdate()}"}
    made = staff.post(where, typed)
    assert made.status_code == 303 and staff.get(where)["Location"] == made["Location"]
    assert Wish.objects.get().state == "checked"
    assert staff.post(f"{made['Location']}publish/", {}).status_code == 400
    assert staff.post(f"{made['Location']}publish/", {"consent": "on"}).status_code == 303
    assert Wish.objects.get().state == "open"


# Promising ------------------------------------------------------------------------------------------------------------
def test_promised_twice_at_once_and_somebody_faster(world: Any) -> None:
    made = post(world, at=now())
    where = f"/wishes/{made.wish_id}/pledge/"
    assert client(world).get(where).status_code == 302, "log in first"
    giver, typed = client(world, "赵志愿"), promise()
    first, second = giver.post(where, typed), giver.post(where, typed)
    assert first.status_code == second.status_code == 303 and first["Location"] == second["Location"]
    assert made.wish.taken == 1
    shop = client(world, "马经理")
    assert "烟台鲁新超市有限公司" in text(shop.get(where))
    late = shop.post(where, promise(amount=3, giver=str(world.org("鲁新超市").pk)))
    assert late.status_code == 409 and "只缺 2 条" in text(late) and 'value="13800000033"' in text(late)
    assert shop.post(where, promise(amount=2, giver=str(world.org("鲁新超市").pk))).status_code == 303
    none = client(world, "王桂兰").post(where, promise())
    assert none.status_code == 409 and "被别人全认领了" in text(none)
    assert client(world, "王桂兰").post(where, promise(giver=str(world.org("鲁新超市").pk))).status_code == 400
    assert "要送的" in text(shop.get("/wishes/desk/")) and "三条厚毛毯过冬" in text(shop.get("/wishes/mine/"))


def test_a_photo_of_a_delivery_is_covered_or_refused_beside_its_field(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = post(world, at=now(), needed=1)
    giver = client(world, "赵志愿")
    mine = giver.post(f"/wishes/{made.wish_id}/pledge/", promise())["Location"]
    typed = {"act": "deliver", "delivered_on": f"{timezone.localdate()}", "how": "放在社区了"}

    def blind(_photo: Any) -> Any:
        raise blur.CannotLook

    with monkeypatch.context() as m:
        m.setattr(blur, "find", blind)
        refused = giver.post(mine, typed | {"photo": picture()})
    page = text(refused)
    field = re.search(r'<input type="file".*?</div>', page, re.S)
    assert refused.status_code == 503 and "放在社区了" in page, "what was typed stays"
    assert field and "没法遮住" in field[0], "the sentence stands beside the photo"
    assert Pledge.objects.get().state == "promised" and not StoredFile.objects.filter(subject_type="wishes.pledge")
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(blur, "find", lambda photo: asked.append(photo.size) or [])
    assert giver.post(mine, typed | {"photo": picture()}).status_code == 303
    assert len(asked) == 1 and Pledge.objects.get().photo


def test_from_the_giver_s_hands_to_the_resident_s_word(world: Any, tmp_path: Any) -> None:
    made = post(world, at=now(), needed=1)
    giver = client(world, "赵志愿")
    mine = giver.post(f"/wishes/{made.wish_id}/pledge/", promise())["Location"]
    assert client(world, "王桂兰").get(mine).status_code == 404
    done = giver.post(mine, {"act": "deliver", "delivered_on": f"{timezone.localdate()}", "photo": picture()})
    assert done.status_code == 303
    pledge = Pledge.objects.get()
    photo = f"/wishes/pledges/{pledge.pk}/photo/"
    assert giver.get(photo).status_code == client(world, "李社工").get(photo).status_code == 200
    assert client(world, "王桂兰").get(photo).status_code == 404
    staff = client(world, "李社工")
    page = text(staff.get(f"/wishes/desk/{made.wish_id}/"))
    assert "问居民收到没有" in page and "13800000033" not in page
    shown = staff.post(f"/wishes/pledges/{pledge.pk}/reveal/", {"purpose": "约时间"})
    assert "13800000033" in text(shown)
    link = client(world)
    assert f"/wishes/t/{made.token}/" in text(link.get(f"/t/{made.token}/")), "the way there"
    own = text(link.get(f"/wishes/t/{made.token}/"))
    assert "收到了吗" in own and NAME not in own and PHONE not in own
    back = link.post(f"/wishes/t/{made.token}/act/", {"act": "came", "pledge": str(pledge.pk)})
    assert back.status_code == 303 and made.wish.state == "delivered"
    again = link.post(f"/wishes/t/{made.token}/act/", {"act": "came", "pledge": str(pledge.pk)})
    assert again.status_code == 409
    made.judge("yes", 5, "谢谢")
    assert jobs.follow_loop(timestamp=0) == 1
    assert link.post(f"/wishes/t/{made.token}/act/", {"act": "thank", "words": "我叫周银龄，谢谢"}).status_code == 400
    assert link.post(f"/wishes/t/{made.token}/act/", {"act": "thank", "words": "很暖和"}).status_code == 303
    assert "很暖和" in text(giver.get(mine)) and "很暖和" in text(client(world).get(f"/wishes/{made.wish_id}/"))
    assert "墙上人人看到的" in text(link.get(f"/wishes/t/{made.token}/"))
    assert link.post(f"/wishes/t/{made.token}/act/", {"act": "off"}).status_code == 303
    gone = [client(world).get(f"/wishes/{made.wish_id}/"), giver.post(f"/wishes/{made.wish_id}/pledge/", promise())]
    assert [(p.status_code, "不在墙上" in text(p)) for p in gone] == [(404, True)] * 2, "a sentence, not a dead end"
    assert "现在不在墙上" in text(link.get(f"/wishes/t/{made.token}/"))


def test_the_desk_says_what_to_do_first(world: Any) -> None:
    at = now() - dt.timedelta(days=22)
    post(world, at=at, title="过期的")
    late = post(world, at=now() - dt.timedelta(days=5), title="该送没送的")
    late.pledge("赵志愿", 1, days=2)
    post(world, at=now(), title="没同意的", consent=False)
    asked = post(world, at=now(), title="说送到的")
    asked.deliver(asked.pledge("赵志愿", 1))
    post(world, at=now() - dt.timedelta(days=9), title="等久了的")
    assert jobs.daily(timestamp=0) == {"expired": 1, "reminded": 1, "released": 0}
    assert jobs.daily(timestamp=0) == {"expired": 0, "reminded": 0, "released": 0}
    staff = client(world, "李社工")
    with CaptureQueriesContext(connection) as caught:
        desk = text(staff.get("/wishes/desk/"))
    assert len(statements(caught)) <= 14, statements(caught)
    for do, title in (
        ("decide", "过期的"), ("late", "该送没送的"), ("publish", "没同意的"), ("confirm", "说送到的"), ("long", "等久了的"),
    ):  # fmt: skip
        assert f"?do={do}" in desk
        rows = re.findall(r'desk/\d+/">([^<]+)</a>', text(staff.get(f"/wishes/desk/?do={do}")))
        assert rows == [title]
    assert "没有合适的心愿" in text(staff.get("/wishes/desk/?q=没有这个"))
    assert client(world, "赵志愿").get("/wishes/desk/").status_code == 403

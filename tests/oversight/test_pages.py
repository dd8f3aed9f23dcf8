"""The public form and the teller's page; the queue, one tip, the list as a file; and nobody else sees any of it."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.actor import SYSTEM
from heli.core.models import Access, Event
from heli.oversight import links, steps
from heli.oversight.models import Tip
from heli.oversight.queries import next_acts
from tests.invariants.counties import ours
from tests.invariants.everyone import NOBODY, Asker, addresses, content, may_enter, operations, ways
from tests.invariants.laid import photo
from tests.loop.staff import counted, log_in, text_of
from tests.oversight.telling import told
from tests.world import CAST, COMMUNITY, NEXT_COUNTY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_second_factor")]
WHO = (
    NOBODY,
    "王桂兰",
    "孙坐席",
    "于科员",
    "吕部长",
    "姜管理",
    "宋建言",
    "外县人",
)  # between them, all there is to see
TYPED = {
    "name": "银辉助老基金会",
    "posing": "foundation",
    "asked": ["money"],
    "area": COMMUNITY[:9],
    "text": "只收现金",
    "paid": "on",
}
MARK = "金丝雀线索"


def send(client: Client | None = None, **more: Any) -> Any:
    return (client or Client()).post("/tips/", TYPED | {"form_key": str(uuid.uuid4())} | more)


@pytest.fixture
def no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


# Anybody ---------------------------------------------------------------------------------------------------------------
def test_help_stands_first_and_the_form_takes_a_tip(world: Any) -> None:
    shown = text_of(Client().get("/tips/"))
    assert "tel:110" in shown and "tel:96110" in shown
    assert shown.index("tel:96110") < shown.index('name="photos"')
    sent = send(photos=[photo(), photo("#123")], phone="13700000009", teller="章大姐", seen_on="2026-11-01")
    assert sent.status_code == 303
    tip = Tip.objects.get()
    assert len(tip.photos) == 2 and tip.contact and tip.paid and tip.area_path == COMMUNITY[:9]
    page = Client().get(sent["Location"])
    said = text_of(page)
    assert tip.code in said and "收到了" in said and "/rules/" in said
    assert page["Cache-Control"] == "no-store" and page["X-Robots-Tag"] == "noindex"
    assert "13700000009" not in said and "章大姐" not in said and tip.name not in said


def test_what_was_typed_is_kept_and_what_is_wrong_is_said(world: Any) -> None:
    for more, said in (
        ({"name": "", "text": ""}, "有一样就行"),
        ({"seen_on": "2099-01-01"}, "这一天还没到"),
        ({"seen_on": "昨天"}, "2026-11-20"),
        ({"phone": "1370"}, "手机号"),
        ({"photos": [photo() for _ in range(7)]}, "6"),
        ({"photos": [_not_a_photo()]}, "JPG"),
        ({"area": "999999"}, "999999"),
    ):
        found = send(spot="菜市场东门", **more)
        assert found.status_code == 400 and said in text_of(found), more
        assert "菜市场东门" in text_of(found)
    assert not Tip.objects.exists()


def _not_a_photo() -> io.BytesIO:
    out = io.BytesIO(b"%PDF-1.7 nothing")
    out.name = "photo.png"
    return out


def test_sent_twice_it_counts_once(world: Any) -> None:
    key = str(uuid.uuid4())
    one, two = send(form_key=key), send(form_key=key)
    assert one["Location"] == two["Location"] and Tip.objects.count() == 1
    assert send(form_key=key, text="另一件")["Location"] != one["Location"], "another tip under a used key is a tip"


def test_an_address_may_not_flood(world: Any, settings: Any) -> None:
    cache.clear()
    settings.HELI_FILINGS = 2
    assert [send().status_code for _ in range(3)] == [303, 303, 429]
    assert "银辉助老基金会" in text_of(send()), "what was typed is kept"
    assert send(Client(REMOTE_ADDR="203.0.113.9")).status_code == 303
    settings.HELI_FILINGS = 0
    assert send().status_code == 303


@pytest.mark.parametrize(
    ("typed", "there", "not_there"),
    [
        ("芝罘区心桥社会工作服务中心", "在名录里", "没有"),
        ("心桥社会", "心桥社会工作服务中心", "假"),
        ("心桥社会公作中心", "名称相近", "在名录里"),
        ("胶东银辉助老基金会", "名录里没有", "名称相近"),
        ("a", "至少写两个字", "名录里没有"),
    ],
)
def test_is_it_in_the_list(world: Any, typed: str, there: str, not_there: str) -> None:
    shown = text_of(Client().get("/tips/", {"q": typed}))
    part = shown[shown.index('name="q"') : shown.index('id="tell"')]
    assert there in part and not_there not in part
    if "名录里没有" in part:
        assert "不说明真，也不说明假" in part


def test_a_closed_organisation_is_not_in_the_list(world: Any) -> None:
    from heli.orgs.steps import close_org

    close_org(org_id=world.org("银龄队").pk, reason="并入", by=SYSTEM, at=timezone.now())
    assert "名录里没有" in text_of(Client().get("/tips/", {"q": "银龄志愿服务队"}))


@pytest.mark.parametrize("token", ["", "AAAA", "A" * 30, "!" * 30, "中文"])
def test_a_wrong_link_opens_nothing(world: Any, token: str) -> None:
    tip = told()
    if not token:
        good = links.token_of(tip)
        token = good[:15] + ("A" if good[15] != "A" else "B") + good[16:]  # the last one's lower bits say nothing
    found = Client().get(f"/tips/t/{token}/")
    assert found.status_code == 410 and tip.code not in text_of(found)


def test_the_teller_reads_what_became_of_it(world: Any) -> None:
    tip = told(text="打 13912345678", phone="13700000009")
    lv = log_in(world, "吕部长")
    where = f"/tips/t/{links.token_of(tip)}/"
    for verb, typed, said in (
        ("look", {}, "正在核实"),
        ("pass_on", {"pass-to": "police", "pass-number": "芝社工线〔2026〕9 号"}, "芝社工线〔2026〕9 号"),
        ("closed", {"closed-answer": "公安已经立案。"}, "公安已经立案。"),
        ("reopen", {"reopen-text": "又有人看到"}, "正在核实"),
        ("unproven", {"unproven-answer": "还是没有证据。"}, "不说明对方是真，也不说明是假"),
        ("reopen", {"reopen-text": "又有人看到"}, "正在核实"),
        ("genuine", {"genuine-answer": "登记在册。"}, "登记在册。"),
    ):
        assert lv.post(f"/tips/queue/{tip.pk}/{verb}/", typed).status_code == 303, verb
        shown = text_of(Client().get(where))
        assert said in shown and "又有人看到" not in shown
    lv.post(f"/tips/queue/{tip.pk}/reveal/", {"reveal-purpose": "回电核对"})
    assert "回电核对" in text_of(Client().get(where)), "the teller sees who opened what they left"


# Those who handle tips -------------------------------------------------------------------------------------------------
def test_the_queue_and_its_filters(world: Any) -> None:
    now = timezone.now()
    one, two = told(at=now), told(at=now, name="蓝天救援队", posing="volunteers", paid=True)
    late = told(at=now - timezone.timedelta(days=30), name="老线索")
    done = told(at=now, name="办完的")
    steps.conclude(tip_id=done.pk, by=SYSTEM, at=now, found="genuine", answer="查过。")
    far = told(at=now, name="莱山的", area_path=NEXT_COUNTY)
    lv = log_in(world, "吕部长")

    def names(**get: str) -> list[str]:
        return re.findall(r'<td class="main"><span><a [^>]+>([^<]+)</a>', text_of(lv.get("/tips/queue/", get)))

    assert names() == [late.name, one.name, two.name], "by deadline"
    assert (
        names(posing="volunteers") == [two.name] and names(q="蓝天") == [two.name] and names(q=one.code) == [one.name]
    )
    passed = told(at=now, name="转走的")
    steps.pass_on(tip_id=passed.pk, by=SYSTEM, at=now, to="police", number="1 号")
    assert (
        passed.name not in names() and passed.name in names(state="open") and names(state="passed_on") == [passed.name]
    )
    assert names(due="late") == [late.name] and names(state="genuine") == [done.name] == names(state="ended")
    assert set(names(state="all")) == {one.name, two.name, late.name, done.name, passed.name} and far.name not in names(
        state="all"
    )
    assert "没有符合条件的线索" in text_of(lv.get("/tips/queue/?q=没有这个"))
    assert [(a.count, a.state) for a in next_acts(world.actor("吕部长"), now)] == [(3, "late")]
    assert next_acts(world.actor("孙坐席"), now) == []
    assert "冒名线索" in text_of(lv.get("/"))


def test_pages_go_on_by_key(world: Any) -> None:
    for n in range(53):
        told(name=f"名字{n:02d}")
    lv = log_in(world, "吕部长")
    first = text_of(lv.get("/tips/queue/"))
    following = re.search(r'href="(\?[^"]*after=[^"]+)" rel="next"', first)
    assert following
    second = text_of(lv.get("/tips/queue/" + following[1].replace("&amp;", "&")))
    seen = [set(re.findall(r"名字\d\d", p)) for p in (first, second)]
    assert len(seen[0]) == 50 and len(seen[1]) == 3 and not seen[0] & seen[1]


def test_what_pages_cost(world: Any) -> None:
    tips = [told(photos=[photo()]) for _ in range(8)]
    lv = log_in(world, "吕部长")
    lv.get("/tips/queue/")
    _page, queue = counted(lambda: lv.get("/tips/queue/"))
    _page, one = counted(lambda: lv.get(f"/tips/queue/{tips[0].pk}/"))
    _page, public = counted(lambda: Client().get("/tips/"))
    _page, link = counted(lambda: Client().get(f"/tips/t/{links.token_of(tips[0])}/"))
    assert queue <= 6 and one <= 12 and public <= 3 and link <= 4, (queue, one, public, link)


def test_the_list_leaves_without_who_told_it(world: Any) -> None:
    told(text="打 13912345678", phone="13700000009", teller="章大姐", name="=1+1 基金会")
    lv = log_in(world, "吕部长")
    assert lv.post("/tips/queue/export/", {"purpose": " "}).status_code == 400
    sent = lv.post("/tips/queue/export/?state=all", {"purpose": "移交公安"})
    assert sent.status_code == 200
    raw = content(sent).decode("utf-8", "replace")
    for kept in ("13912345678", "13700000009", "章大姐"):
        assert kept not in raw
    sheet = load_workbook(io.BytesIO(sent.content))
    assert "'=1+1 基金会" in [c.value for c in list(sheet.worksheets[0].rows)[1]]
    event = Event.objects.get(step="list.export")
    assert "q" not in event.data["filters"]
    assert lv.post("/tips/queue/export/?state=all&q=1 基", {"purpose": "移交公安"}).status_code == 200
    assert "1 基" not in str(Event.objects.filter(step="list.export").last().data), "a name enters no event"
    assert event.data["list"] == "tips" and event.data["rows"] == 1 and event.data["purpose"] == "移交公安"


def test_an_act_that_does_not_go_says_why(world: Any) -> None:
    tip = told()
    lv = log_in(world, "吕部长")
    act = f"/tips/queue/{tip.pk}/".__add__
    wrong = lv.post(act("pass_on/"), {"pass-number": "9 号"})
    assert wrong.status_code == 400 and "请选转给哪个部门" in text_of(wrong) and "9 号" in text_of(wrong)
    assert lv.post(act("closed/"), {"closed-answer": "完了"}).status_code == 409
    assert lv.post(act("else/"), {}).status_code == 404
    assert lv.post(act("link/"), {"other": "x"}).status_code == 404
    assert lv.post(act("link/"), {"other": tip.pk}).status_code == 409
    assert lv.post(act("reveal/"), {"reveal-purpose": ""}).status_code == 400
    assert lv.post(act("reveal/"), {"reveal-purpose": "看"}).status_code == 400, "nothing was left"
    assert lv.post(act("unlink/"), {}).status_code == 409
    other = told()
    assert lv.post(act("link/"), {"other": other.pk}).status_code == 303
    assert "拆开" in text_of(lv.get(act("")))
    assert lv.post(act("note/"), {"note-text": "打过电话"}).status_code == 303
    assert "打过电话" in text_of(lv.get(act("")))
    tip.refresh_from_db()
    assert tip.state == "received"


# Nobody else -----------------------------------------------------------------------------------------------------------
def test_nobody_else_sees_a_tip_anywhere(world: Any) -> None:
    """Every page and every operation for machines, for the whole cast: the mark stands on a supervisor's pages alone."""
    tip = told(
        name=f"{MARK}基金会",
        text=f"{MARK}要钱",
        spot=f"{MARK}门口",
        photos=[photo()],
        phone="13700000009",
        teller=f"{MARK}人",
    )
    steps.note(tip_id=tip.pk, by=SYSTEM, at=timezone.now(), text=f"{MARK}备注")
    laid = ours(world, timezone.now())
    laid.values |= {"tip_id": tip.pk, "tip_photo": tip.photos[0], "told": "A" * 30}
    seen: dict[str, set[str]] = {}
    for name in WHO:
        asker = Asker(world, name)
        for way in ways():
            if not may_enter(asker, way):
                continue
            if "GET" not in way.route.methods and "export" not in way.route.name:
                continue
            for asked in addresses(way, laid)[:2]:
                method = "GET" if "GET" in way.route.methods else "POST"
                typed = {"purpose": "看", "x-purpose": "看"} if method == "POST" else {}
                got = content(asker.ask(method, f"{asked.url}?q={MARK[:3]}&state=all", typed))
                if MARK.encode() in got:
                    seen.setdefault(name, set()).add(str(way))
    assert set(seen) == {"吕部长"}, seen
    assert {w.split(":")[0] for w in seen["吕部长"]} == {"oversight"}, seen


def test_no_way_in_without_the_capability(world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    tip = told(photos=[photo()])
    for name in (c.name for c in CAST):
        asker = Asker(world, name)
        for url in ("/tips/queue/", f"/tips/queue/{tip.pk}/", f"/tips/queue/{tip.pk}/photos/{tip.photos[0]}/"):
            assert asker.ask("GET", url).status_code == (200 if name == "吕部长" else 403), (name, url)
        for url in ("/tips/queue/export/", f"/tips/queue/{tip.pk}/look/", f"/tips/queue/{tip.pk}/reveal/"):
            got = asker.ask("POST", url, {"purpose": "看", "reveal-purpose": "看"}).status_code
            assert (got != 403) == (name == "吕部长"), (name, url, got)
    assert not Access.objects.exists()


def test_a_supervisor_of_the_next_county_sees_none_of_it(world: Any, settings: Any) -> None:
    from heli.orgs.steps import give_grant

    settings.HELI_STAFF_MFA = False
    tip = told(photos=[photo()])
    give_grant(
        user_id=world.outsider.pk, role="supervisor", paths=(NEXT_COUNTY,), reason="试", by=SYSTEM, at=timezone.now()
    )  # fmt: skip
    asker = Asker(world, "外县人")
    assert tip.code not in text_of(asker.ask("GET", "/tips/queue/?state=all"))
    for method, rest in (
        ("GET", ""),
        ("GET", f"photos/{tip.photos[0]}/"),
        ("POST", "look/"),
        ("POST", "reveal/"),
        ("POST", "note/"),
    ):
        got = asker.ask(method, f"/tips/queue/{tip.pk}/{rest}", {"reveal-purpose": "看", "note-text": "看"})
        assert got.status_code == 404, rest


def test_no_event_of_a_tip_leaves(world: Any) -> None:
    """Webhooks tell what the catalogue names; the interface for machines names no operation on tips."""
    from heli.hooks.catalogue import LEAVES
    from heli.hooks.catalogue import STEPS as TOLD

    told()
    assert not Event.objects.filter(LEAVES, subject_type="oversight.tip").exists()
    assert not [s for s in TOLD if s.startswith("tip.")]
    assert not [o for way, o in operations() if "tip" in way.pattern]

"""Volunteering in a browser: what comes again is posted, people enrol and are seen, hours become a paper that proves itself."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from typing import Any

import time_machine
from django.utils import timezone
from playwright.sync_api import Page, expect

from heli.ledger import log
from heli.ledger.models import LogKey, Service
from heli.volunteering import codes
from heli.volunteering.models import Activity, Enrolment, Scan, Shift
from heli.volunteering.views.shift import address
from tests.browser.asking import aside, fits
from tests.volunteering.places import AT, DAY, HOUR, join, shift, states, volunteer

MINUTE = HOUR / 60
# the page and what it is made of are on the phone: within a minute, or the test goes on and fails
KEPT = """new Promise((done) => { let left = 600; const
  parts = [location.href, ...[...document.querySelectorAll('script[src], link[rel=stylesheet]')].map((e) => e.src || e.href)],
  look = () => Promise.all(parts.map((url) => caches.match(url, { ignoreVary: true }))).then(
    (kept) => (kept.every(Boolean) || !left-- ? done() : setTimeout(look, 100))); look(); })"""
PLAN = {
    "title": "每周陪老人读报", "content": "陪社区的老人读报、聊天，教用手机。", "place": "大海阳路 62 号党群服务中心二楼",
    "risks": "地面可能湿滑；老人情绪可能激动。", "brings": "备有茶水，请自带水杯。",
    "plan": "钱站长带队，两人一组；有人不舒服先打 120，再告诉家属。",
}  # fmt: skip


def says(page: Page, words: str) -> None:
    expect(page.locator("main")).to_contain_text(words)


def test_what_comes_again_is_posted_and_a_place_given_back_goes_to_who_waits(open_as: Any, world: Any) -> None:
    aside(lambda: [volunteer(world, n, timezone.now()) for n in ("赵志愿", "周银龄")])
    leader = open_as("钱站长", 1280)
    leader.goto("/volunteering/desk/")
    leader.click("main a[href='/volunteering/desk/new/'] >> nth=0")
    for name, said in PLAN.items():
        leader.fill(f"[name={name}]", said)
    leader.select_option("[name=field]", "elders")
    assert fits(leader)
    leader.click("button:has-text('接着写岗位和场次')")
    says(leader, "还差")
    leader.fill("[name=role-name]", "读报")
    leader.fill("[name=role-most]", "1")
    assert fits(leader)
    leader.click("button:has-text('加上这个岗位')")
    leader.click("a:has-text('重复的场次')")
    first = timezone.localdate() + dt.timedelta(days=3)
    for name, said in {"on": f"{first}", "begins": "09:00", "until": f"{first + dt.timedelta(days=15)}"}.items():
        leader.fill(f"[name={name}]", said)
    leader.click("button:has-text('看看是哪几天')")
    expect(leader.locator(".v-days li")).to_have_count(3)
    assert fits(leader)
    leader.click("button:has-text('排出这些场次')")
    says(leader, "每周")
    leader.click("button:has-text('送去审看')")
    says(leader, "方案正在审看")
    assert aside(lambda: timezone.localdate(Shift.objects.order_by("starts")[0].starts) == first)

    visitor = open_as("赵志愿", 390)
    visitor.goto("/volunteering/")
    expect(visitor.locator("main")).not_to_contain_text(PLAN["title"])
    second = open_as("吕部长", 1280)
    second.goto("/volunteering/review/")
    assert fits(second)
    second.click(f"text={PLAN['title']}")
    assert fits(second)
    second.click("button:has-text('发布')")
    says(second, "大家都找得到了")

    visitor.reload()
    assert fits(visitor)
    visitor.click(f"text={PLAN['title']}")
    assert fits(visitor)
    visitor.click("a:has-text('报名') >> nth=0")
    visitor.check("[name=read]")
    assert fits(visitor)
    visitor.click("button:has-text('报名')")
    visitor.wait_for_url("**/volunteering/mine/")
    says(visitor, PLAN["title"])
    assert fits(visitor)

    worker, slot = open_as("韩网格", 1280), aside(lambda: Enrolment.objects.get().slot_id)
    number = aside(lambda: volunteer(world, "周银龄").number)
    worker.goto("/volunteering/")
    worker.click(f"text={PLAN['title']}")
    worker.goto(f"/volunteering/enrol/{slot}/for/")
    worker.fill("[name=numbers]", number)
    worker.click("button:has-text('报名')")
    says(worker, "本人怎么同意的")
    worker.fill("[name=consent]", "打电话说的，周六愿意来")
    assert fits(worker)
    worker.click("button:has-text('报名')")
    says(worker, "1 人在等")
    silver = open_as("周银龄", 390)
    silver.goto("/volunteering/mine/")
    says(silver, "排第 1 位")
    assert fits(silver)

    visitor.click("a:has-text('我来不了')")
    visitor.fill("[name=reason]", "要加班")
    assert fits(visitor)
    visitor.click("button:has-text('退位子')")
    visitor.wait_for_url("**/volunteering/mine/")
    silver.reload()
    says(silver, "空出一个位子")
    assert fits(silver)
    silver.click("button:has-text('我来')")
    expect(silver.locator("button:has-text('我来')")).to_have_count(0)
    assert aside(lambda: list(Enrolment.objects.order_by("id").values_list("state", "how"))) == [
        ("withdrawn", "self"),
        ("confirmed", "proxy"),
    ]
    assert aside(lambda: Activity.objects.get().reviewed_by_id) == world.user("吕部长").pk


def test_who_comes_is_seen_without_a_network_too_and_the_hours_prove_themselves(
    open_as: Any, world: Any, tmp_path: Any
) -> None:
    def enrolled() -> Any:
        slot = shift(world, most=3)
        people = {n: volunteer(world, n) for n in ("赵志愿", "周银龄", "王桂兰")}
        return slot, people, {n: join(slot, v).pk for n, v in people.items()}

    with time_machine.travel(AT, tick=True):
        slot, people, places = aside(enrolled)
    start, end, where = slot.shift.starts, slot.shift.ends, f"/volunteering/shift/{slot.shift_id}/"

    def scan(page: Page, press: str) -> None:
        """What the phone's camera reads on the leader's page."""
        page.goto("/" + aside(lambda: address(slot.shift, timezone.now())).split("/", 3)[3])
        assert fits(page)
        page.click(f"button:has-text('{press}')")
        page.wait_for_url("**/volunteering/mine/")

    def type_number(page: Page, press: str, said: str) -> None:
        page.fill("[name=number]", people["周银龄"].number)
        page.click(f"button:has-text('{press}')")
        says(page, said)

    with time_machine.travel(start - 5 * MINUTE, tick=True):
        leader = open_as("钱站长", 390)
        leader.clock.set_fixed_time(start - 5 * MINUTE)
        leader.goto(where)
        assert fits(leader)
        leader.click("a:has-text('用手机点名')")
        line = leader.locator(f"[data-e='{places['王桂兰']}']")
        expect(line.locator("[data-in]")).to_be_visible()
        leader.evaluate(KEPT)
        leader.context.set_offline(True)
        line.locator("[data-in]").click()
        expect(leader.locator("[data-state] >> nth=0")).to_contain_text("1 条存在手机上")
        leader.reload()  # from the phone
        expect(line.locator("[data-out]")).to_be_visible()
        assert fits(leader)
        assert aside(Scan.objects.count) == 0
        leader.context.set_offline(False)
        expect(leader.locator("[data-state] >> nth=0")).to_contain_text("都发出去了")
        leader.reload()
        kept = aside(lambda: list(Scan.objects.values_list("enrolment_id", "means", "offline")))
        assert kept == [(places["王桂兰"], "leader", True)]

        shown = open_as("钱站长", 390)
        shown.goto(where + "code/")
        expect(shown.locator("main svg").first).to_be_visible()
        assert fits(shown)
        phone = open_as("赵志愿", 390)
        scan(phone, "我到了")
        door = open_as("", 1280)
        door.goto(f"/volunteering/kiosk/{slot.shift_id}/")
        door.fill("[name=pin]", "000000")
        door.click("button:has-text('开签到台')")
        assert fits(door)
        door.fill("[name=pin]", aside(lambda: codes.pin_of(slot.shift)))
        door.click("button:has-text('开签到台')")
        type_number(door, "我到了", "周**")
        assert fits(door)

    with time_machine.travel(end, tick=True):
        scan(phone, "我走了")
        type_number(door, "我走了", "周**")
        leader.clock.set_fixed_time(end)
        line.locator("[data-out]").click()
        expect(leader.locator("[data-state] >> nth=0")).to_contain_text(
            "没收下"
        )  # nobody pressed anything for two hours
        again = next(c for c in open_as("钱站长", 390).context.cookies() if c["name"] == "sessionid")
        leader.context.add_cookies([again])
        leader.reload()
        expect(leader.locator("[data-state] >> nth=0")).to_contain_text("都发出去了")
        leader.goto(where)
        assert fits(leader)
        leader.click("button:has-text('收场，记时长')")
        says(leader, "收场了")
        assert fits(leader)
        assert aside(lambda: states(slot)) == ["attended"] * 3
        assert aside(lambda: set(Service.objects.values_list("state", "credited"))) == {("approved", 120)}

    with time_machine.travel(end + DAY, tick=True):
        holder = open_as("赵志愿", 390)
        holder.goto("/hours/")
        says(holder, "2 小时")
        assert fits(holder)
        holder.click("a:has-text('这条有误')")
        holder.fill("[name=text]", "我提前二十分钟走的，记多了")
        holder.fill("[name=minutes]", "100")
        assert fits(holder)
        holder.click("button:has-text('发给单位')")
        says(holder, "记多了")
        assert fits(holder)
        unit = open_as("钱站长", 1280)
        unit.goto("/hours/disputes/")
        assert fits(unit)
        unit.click("table a >> nth=0")
        unit.fill("[name=answer]", "问过同组的人，是早走了，已经改过来")
        assert fits(unit)
        unit.click("button:has-text('更正')")
        says(unit, "已经改过来")
        holder.goto("/hours/")
        says(holder, "1 小时 40 分")
        assert fits(holder)

        holder.goto("/hours/certificates/")
        holder.fill("[name=first_day]", f"{start:%Y-%m-%d}")
        holder.fill("[name=last_day]", f"{start:%Y-%m-%d}")
        assert fits(holder)
        holder.click("button:has-text('开证明')")
        says(holder, "1 小时 40 分")
        assert fits(holder)
        with holder.expect_download() as download:
            holder.click("button:has-text('PDF')")
        paper = tmp_path / "certificate.pdf"
        download.value.save_as(paper)
        public = str(aside(lambda: log.verifier(LogKey.objects.get())))
        spoiled = tmp_path / "spoiled.pdf"
        raw = bytearray(paper.read_bytes())
        raw[len(raw) // 2] ^= 1
        spoiled.write_bytes(raw)
        assert (offline(paper, public), offline(spoiled, public)) == (0, 1)

        anybody = open_as("", 390)
        for file, said in ((spoiled, "不要相信这个文件"), (paper, "文件是真的")):
            anybody.goto("/v/")
            anybody.set_input_files("[name=file]", file)
            anybody.click("button:has-text('核对这个文件')")
            says(anybody, said)
            assert fits(anybody)
        anybody.click("a.btn-primary")
        says(anybody, "在，证据对得上")
        says(anybody, "1 小时 40 分")
        assert fits(anybody)


def offline(file: Any, public: str) -> int:
    """What the command ends with: no database, no network, no secret; the public key alone."""
    alone = {k: v for k, v in os.environ.items() if not k.startswith(("HELI_", "DATABASE_", "PG", "DJANGO_"))}
    command = [sys.executable, "-m", "heli", "ledger", "verify", str(file), "--key", public]
    return subprocess.run(command, env=alone, check=False).returncode

"""A wish in a browser: posted at a home, promised by two parties, delivered, confirmed by both sides, judged, thanked."""

from __future__ import annotations

import re

from django.utils import timezone
from playwright.sync_api import expect

from heli.loop import links
from heli.loop.models import Voice
from heli.wishes import jobs
from heli.wishes.models import Pledge, Wish
from tests.browser.asking import aside, fits
from tests.wishes.made import NAME, PHONE, SPOT, TEXT


def test_one_wish_pledged_by_two_parties(open_as):
    worker = open_as("李社工", 1280)
    worker.goto("/wishes/desk/new/")
    fill = {
        "name": NAME, "phone": PHONE, "text": TEXT, "spot": f"大海阳社区{SPOT}", "seen": "屋里没有暖气，只有一条薄被", "title": "三条厚毛毯过冬",
        "words": "周银龄家里没有暖气，盼着三条厚毛毯过冬。", "needed": "3", "measure": "条",
    }  # fmt: skip
    for name, said in fill.items():
        worker.fill(f"[name={name}]", said)
    expect(worker.locator("[name=area]:checked")).to_have_count(1, timeout=20_000)  # understood from the address
    worker.check("[name=consent]")
    worker.click("button:has-text('存下，同意的就上墙')")
    expect(worker.locator("main")).to_contain_text("“周银龄”会让人认出是谁")
    worker.fill("[name=words]", "独居老人家里没有暖气，盼着三条厚毛毯过冬。")
    worker.click("button:has-text('存下，同意的就上墙')")
    expect(worker.locator("main")).to_contain_text("等人认领")
    assert fits(worker)
    desk = worker.url

    shop = open_as("马经理", 1280)
    shop.goto("/wishes/")
    shop.click("text=三条厚毛毯过冬")
    shop.click("text=我来认领")
    shop.fill("[name=amount]", "2")
    shop.fill("[name=phone]", "05356210000")
    slow = open_as("赵志愿", 390)  # has the page open while the shop promises
    slow.goto(shop.url)
    expect(slow.locator("[name=amount]")).to_have_value("3")
    shop.click("button:has-text('我认领')")
    expect(shop.locator("main")).to_contain_text("认领好了")
    slow.click("button:has-text('我认领')")
    expect(slow.locator("main")).to_contain_text("有人快了一步：这个心愿只缺 1 条了")
    slow.fill("[name=amount]", "1")
    assert fits(slow)
    slow.dblclick("button:has-text('我认领')")  # twice at once counts once
    expect(slow.locator("main")).to_contain_text("认领")
    slow.wait_for_url("**/wishes/mine/**")
    assert aside(lambda: (Wish.objects.get().state, Wish.objects.get().taken, Pledge.objects.count())) == (
        "pledged",
        3,
        2,
    )

    for page in (shop, slow):
        page.fill("[name=delivered_on]", f"{timezone.localdate()}")
        page.click("button:has-text('已经送到')")
        expect(page.locator("main")).to_contain_text("正在问居民收到没有")
    worker.goto(desk)
    worker.check("[name=word][value=visit] >> nth=0", force=True)
    worker.click("button:has-text('居民收到了') >> nth=0")
    expect(worker.locator("main")).to_contain_text("上门时居民说收到了")

    token = aside(lambda: links.token_of(Voice.objects.get()))
    phone = open_as("", 390)
    phone.goto(f"/wishes/t/{token}/")
    phone.click("button:has-text('收到了') >> nth=0")
    phone.click("text=去评一评")
    phone.check("[name=contacted] >> nth=0", force=True)
    phone.check("[name=solved][value=yes]", force=True)
    phone.check("[name=satisfaction][value='5']", force=True)
    phone.fill("#judge [name=words]", "晚上睡得暖和了")
    phone.click("text=提交评价")
    phone.wait_for_url("**done=judged**")
    aside(lambda: jobs.follow_loop(timestamp=0))
    phone.goto(f"/wishes/t/{token}/")
    expect(phone.locator("#thanks")).to_have_value("晚上睡得暖和了")
    phone.click("button:has-text('让认领的人看到')")
    assert fits(phone)

    slow.reload()
    expect(slow.locator("main")).to_contain_text("晚上睡得暖和了")
    phone.goto("/wishes/?list=done")
    expect(phone.locator("main")).to_contain_text("晚上睡得暖和了")
    wall = re.sub(r"<[^>]+>", " ", phone.content())
    assert [m for m in (NAME, PHONE, SPOT, "大海阳") if m in wall] == []
    assert aside(lambda: Wish.objects.get().state) == "fulfilled"

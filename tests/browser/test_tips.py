"""A tip on an impostor in a browser: a name looked up and a tip sent on a phone, worked on at a supervisor's desk, and read
on the phone again."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image
from playwright.sync_api import expect

from heli.oversight.models import Tip
from tests.browser.asking import aside, fits


def poster() -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (900, 1200), "#b23").save(out, "JPEG")
    return {"name": "poster.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


def test_a_tip_is_told_looked_at_and_answered(open_as):
    phone = open_as("", 390)
    phone.goto("/tips/")
    expect(phone.locator("a[href='tel:96110']")).to_be_visible()
    phone.fill("#q", "胶东银辉助老基金会")
    phone.click("form[role=search] button")
    expect(phone.locator("main")).to_contain_text("我们的名录里没有")
    expect(phone.locator("[name=name]")).to_have_value("胶东银辉助老基金会")
    phone.check("[name=posing][value=foundation]", force=True)
    phone.check("[name=asked][value=money]", force=True)
    phone.check("[name=paid]", force=True)
    phone.set_input_files("[name=photos]", [poster()])
    phone.fill("[name=text]", "只收现金，让打 13912345678")
    assert fits(phone)
    phone.click("text=提交线索")
    phone.wait_for_url(re.compile(r"/tips/t/[^/]+/"))
    expect(phone.locator("h1")).to_have_text("收到了")
    expect(phone.locator("img.qr")).to_be_visible()
    assert fits(phone)
    link = phone.url.split("?")[0]
    pk, photos = aside(lambda: Tip.objects.values_list("pk", "photos").get())
    assert len(photos) == 1

    desk = open_as("吕部长", 1280)
    desk.goto("/")
    desk.click("main a[href='/tips/queue/']")
    desk.click(f"a[href='/tips/queue/{pk}/']")
    assert fits(desk)
    desk.click(f"form[action='/tips/queue/{pk}/look/'] button")
    desk.click("#contact summary")
    desk.fill("[name=reveal-purpose]", "核对收款电话")
    desk.click("#contact details button")
    expect(desk.locator("#contact")).to_contain_text("13912345678")
    desk.click(f"details:has(form[action='/tips/queue/{pk}/pass_on/']) > summary")
    desk.check("[name=pass-to][value=police]", force=True)
    desk.fill("[name=pass-number]", "芝社工线〔2026〕9 号")
    desk.click(f"form[action='/tips/queue/{pk}/pass_on/'] button")
    expect(desk.locator("main")).to_contain_text("已转出")

    phone.goto(link)
    expect(phone.locator("h1")).to_have_text("已转给有权调查的部门")
    expect(phone.locator("main")).to_contain_text("芝社工线〔2026〕9 号")
    expect(phone.locator("main")).to_contain_text("核对收款电话")
    assert fits(phone)

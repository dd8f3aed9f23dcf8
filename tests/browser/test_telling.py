"""Telling something on a phone, with its scripts: steps, the back key, photos, a connection that breaks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from heli.loop.models import Request

WORDS = "大海阳社区12号楼前三盏路灯不亮，楼里老人多，晚上下楼看不清"


def photo(name: str, color: str) -> dict[str, Any]:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), color).save(out, "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": out.getvalue()}


@pytest.fixture
def phone(chromium_path: str, site: str) -> Iterator[Page]:
    """A narrow phone on the running site; an error of a script fails the test."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 320, "height": 640}, locale="zh-CN", base_url=site)
        page.set_default_timeout(15_000)
        errors: list[str] = []
        page.on("pageerror", lambda e: errors.append(str(e)))
        yield page
        browser.close()
        assert errors == []


def kept(*fields: str) -> tuple[Any, ...]:
    """These fields of the only request; asked in a thread of its own, because the browser's holds an event loop."""

    def ask() -> tuple[Any, ...]:
        try:
            return Request.objects.values_list(*fields).get()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_told_in_three_steps_with_photos_kept_through_a_mistake(phone):
    phone.goto("/submit/")
    phone.fill("[name=text]", WORDS)
    expect(phone.locator("#about")).to_contain_text("路灯")
    phone.set_input_files("[name=photos]", photo("one.jpg", "#123"))
    expect(phone.locator(".h-photos li")).to_have_count(1)
    phone.set_input_files("[name=photos]", photo("two.jpg", "#321"))
    expect(phone.locator(".h-photos li")).to_have_count(2)
    assert fits(phone)
    phone.click("text=下一步：在哪里")
    expect(phone.locator("[name=area]:checked")).to_have_value("370602003006")
    assert fits(phone)
    phone.click("text=下一步：怎么找您")
    expect(phone.locator("[name=phone]")).to_be_visible()
    assert fits(phone)
    phone.go_back()
    expect(phone.locator("[name=spot]")).to_be_visible()
    phone.go_forward()
    phone.fill("[name=phone]", "1391234567")
    phone.click("text=提交这件事")
    expect(phone.locator("#wrong")).to_contain_text("少了 1 位")
    expect(phone.locator("[name=text]")).to_have_value(WORDS)
    phone.fill("[name=phone]", "13912345678")
    phone.click("text=提交这件事")
    phone.wait_for_url("**/t/*/sent/")
    expect(phone.locator("h1")).to_contain_text("已经上路了")
    assert fits(phone)
    assert kept("text", "category__code") == (WORDS, "040401")
    assert len(kept("photos")[0]) == 2
    assert phone.evaluate("localStorage.getItem('heli.keep.submit')") is None, "what was sent is forgotten here"


def test_what_was_typed_outlives_a_broken_connection_and_a_closed_page(phone):
    phone.goto("/submit/")
    phone.fill("[name=text]", WORDS)
    expect(phone.locator("[data-kept]")).to_contain_text("已存在本机")
    phone.goto("/submit/")
    expect(phone.locator("[name=text]")).to_have_value(WORDS)
    phone.click("text=下一步：在哪里")
    expect(phone.locator("[name=area]:checked")).to_have_count(1)
    phone.click("text=下一步：怎么找您")
    phone.check("[name=contact][value=none]", force=True)
    expect(phone.locator("[name=phone]")).to_be_hidden()
    phone.context.set_offline(True)
    phone.click("text=提交这件事")
    expect(phone.locator("#wrong")).to_contain_text("网络不通")
    phone.context.set_offline(False)
    phone.click("text=提交这件事")
    phone.wait_for_url("**/t/*/sent/")
    assert kept("voices__record") == (None,)


def test_nothing_goes_on_that_is_not_answered(phone):
    phone.goto("/submit/")
    phone.click("text=下一步：在哪里")
    expect(phone.locator("#wrong")).to_contain_text("一句话就够")
    phone.fill("[name=text]", "路上有个坑")
    phone.click("text=下一步：在哪里")
    phone.click("text=毓璜顶街道")
    phone.click("text=下一步：怎么找您")
    expect(phone.locator("#wrong")).to_contain_text("街道和社区")
    phone.click("button:has-text('大海阳社区')")
    expect(phone.locator("[name=area]:checked")).to_have_value("370602003006")
    phone.click("text=下一步：怎么找您")
    expect(phone.locator("[name=phone]")).to_be_visible()

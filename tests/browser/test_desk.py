"""The dispatch desk with its scripts: keys, the next item by itself, taking back, the queue of a phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect, sync_playwright

from tests.loop.told import tell

TITLES = ("第一件：井盖响", "第二件：路灯不亮", "第三件：楼道堆物")


@contextmanager
def at_desk(chromium: str, site: str, session: str, width: int) -> Iterator[Page]:
    """The desk of 孙坐席 in a window of this width; an error of a script fails the test."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": width, "height": 800}, locale="zh-CN", base_url=site)
        context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        errors: list[str] = []
        page.on("pageerror", lambda e: errors.append(str(e)))
        yield page
        browser.close()
        assert errors == []


@pytest.fixture
def session(site: str, world: Any, settings: Any) -> str:
    """Three things wait, in this order; the session of the dispatcher."""
    settings.HELI_STAFF_MFA = False
    now = timezone.now()
    for n, title in enumerate(TITLES):
        tell(world, title=title, at=now - dt.timedelta(minutes=30 - n))
    client = Client()
    client.force_login(world.user("孙坐席"))
    return str(client.cookies["sessionid"].value)


def rows(page: Page) -> Any:
    return page.locator("#desk-rows .it")


def test_the_desk_is_worked_with_keys(chromium_path, site, session):
    with at_desk(chromium_path, site, session, 1280) as page:
        title = page.locator("#desk-title")
        page.goto("/loop/desk/")
        expect(title).to_have_text(TITLES[0])
        expect(page.locator("#desk-head h1")).to_have_text("待派 3 件")
        page.keyboard.press("j")
        expect(title).to_have_text(TITLES[1])
        expect(rows(page).nth(1)).to_have_attribute("aria-current", "true")
        page.keyboard.press("k")
        expect(title).to_have_text(TITLES[0])
        page.wait_for_timeout(800)  # an Enter right after a new item came up is not meant for it
        page.keyboard.press("Enter")
        expect(page.locator("#h-said")).to_contain_text(f"已派给城管局：{TITLES[0]}")
        expect(title).to_have_text(TITLES[1])
        expect(rows(page)).to_have_count(2)
        expect(page.locator("#desk-head h1")).to_have_text("待派 2 件")
        page.keyboard.press("Enter")  # pressed once more by mistake
        page.wait_for_timeout(400)
        expect(rows(page)).to_have_count(2)
        page.keyboard.press("z")
        expect(page.locator("#h-said")).to_contain_text("撤回了")
        expect(title).to_have_text(TITLES[0])
        expect(rows(page)).to_have_count(3)


def test_no_key_works_while_somebody_types(chromium_path, site, session):
    with at_desk(chromium_path, site, session, 1280) as page:
        page.goto("/loop/desk/")
        page.keyboard.press("b")
        box = page.locator("#desk-form textarea")
        expect(box).to_be_focused()
        page.keyboard.type("jkzmsxe2")
        expect(box).to_have_value("jkzmsxe2")
        expect(page.locator("#desk-title")).to_have_text(TITLES[0])
        expect(rows(page)).to_have_count(3)
        page.click("[data-desk-cancel]")
        expect(box).to_have_count(0)
        page.keyboard.press("c")
        page.fill("[data-desk-filter]", "路灯不亮")
        page.locator("#desk-tree label:visible", has_text="路灯不亮").first.click()
        page.click("[data-desk-form] button[type=submit]")
        expect(page.locator("#h-said")).to_contain_text("事项改好了")
        expect(page.locator("#desk-item .fx")).to_contain_text("路灯不亮")


def test_columns_scroll_alone_and_back_brings_the_page_back(chromium_path, site, session):
    with at_desk(chromium_path, site, session, 1280) as page:
        page.goto("/loop/desk/")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert page.evaluate(
            "[...document.querySelectorAll('.dd > *')].every((e) => getComputedStyle(e).overflowY === 'auto')"
        )
        rows(page).nth(2).click()
        expect(page.locator("#desk-title")).to_have_text(TITLES[2])
        page.go_back()
        expect(page.locator("#desk-title")).to_have_text(TITLES[0])
        expect(page.locator(".h-top")).to_have_count(1)
        expect(rows(page)).to_have_count(3)
        assert "第一件" not in str(page.evaluate("JSON.stringify(localStorage)")), (
            "what residents said is not kept by the browser"
        )


def test_on_a_phone_the_item_is_a_page_of_its_own(chromium_path, site, session):
    with at_desk(chromium_path, site, session, 390) as page:
        page.goto("/loop/desk/")
        expect(rows(page).first).to_be_visible()
        expect(page.locator("#desk-title")).to_be_hidden()
        rows(page).nth(1).click()
        page.wait_for_url("**/loop/desk/*/")
        expect(page.locator("#desk-title")).to_be_visible()
        expect(rows(page).first).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.click(".dd-offer .btn-primary")
        expect(page.locator("#h-said")).to_contain_text("已派给城管局")
        expect(page.locator("#desk-title")).to_have_text(TITLES[2])
        page.click(".dd-back >> visible=true")
        expect(rows(page)).to_have_count(2)

"""The documentation of the interface and the pages of tokens, in Chromium: nothing blocked, nothing from elsewhere, no
page wider than a phone."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from django.test import Client
from django.utils import timezone
from playwright.sync_api import sync_playwright

from tests.api.asking import grant_of

SHOTS = os.environ.get("SHOTS", "")
WIDTHS = (390, 1280)


def test_documentation_and_tokens(chromium_path: str, site: str, world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    client = Client()
    client.force_login(world.user("姜管理"))
    grant = grant_of(world, "于科员")
    last = (timezone.localdate() + dt.timedelta(days=30)).isoformat()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = browser.new_context(locale="zh-CN", base_url=site)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        wrong: list[str] = []
        page.on("pageerror", lambda e: wrong.append(str(e)))
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: wrong.append(r.url) if not r.url.startswith((site, "data:", "blob:")) else None)

        def looked_at(name: str) -> None:
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 860})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
                if SHOTS:
                    page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=name != "docs")

        page.goto("/api/v1/docs")
        page.wait_for_selector(".opblock-tag")
        assert page.locator(".opblock-tag").count() >= 10 and "合力" in page.inner_text(".info")
        looked_at("docs")
        page.locator("#operations-dispatch h3, [id^=operations-tag-dispatch]").first.click()
        page.wait_for_selector(".opblock")
        looked_at("docs-open")
        page.goto(f"/orgs/grants/{grant.pk}/")
        looked_at("grant")
        page.get_by_role("link", name="开令牌").click()
        page.fill("#id_name", "市 12345 平台")
        page.check("input[name=caps][value=handle_requests]")
        page.fill("#id_last_day", last)
        looked_at("token-new")
        page.get_by_role("button", name="开令牌").click()
        assert page.inner_text("#secret").startswith("heli_")
        looked_at("token-made")
        page.goto("/tokens/")
        looked_at("tokens")
        page.get_by_role("link", name="市 12345 平台").click()
        looked_at("token")
        browser.close()
    assert wrong == []

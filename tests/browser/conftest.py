"""What the journeys share: a browser, and pages as the cast sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.asking import aside


@pytest.fixture
def browser(chromium_path: str) -> Iterator[Browser]:
    """Chromium, for one test: its event loop must be gone before the next one's database is made."""
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_as(site: str, world: Any, settings: Any, browser: Browser) -> Iterator[Callable[[str, int], Page]]:
    """A page as one of the cast sees it ("" for nobody in particular); an error of a script or of the policy fails."""
    settings.HELI_STAFF_MFA = False
    errors: list[str] = []

    def cookie(name: str) -> str:
        client = Client()
        client.force_login(world.user(name), "allauth.account.auth_backends.AuthenticationBackend")
        return client.cookies["sessionid"].value

    def make(name: str, width: int) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 860}, locale="zh-CN", base_url=site, reduced_motion="reduce"
        )
        if name:
            context.add_cookies([{"name": "sessionid", "value": aside(lambda: cookie(name)), "url": site}])
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("console", lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None)
        return page

    yield make
    assert errors == []

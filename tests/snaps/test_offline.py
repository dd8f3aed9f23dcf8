"""The phone in a browser: three taps, the network cut and restored, a closed tab survived, the place refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from heli.core import files
from heli.engines import blur
from heli.loop.models import Request, Voice
from heli.snaps.models import Snap
from tests.browser.asking import aside
from tests.snaps.taken import picture

pytestmark = pytest.mark.browser
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HERE = {"latitude": 37.5301, "longitude": 121.3902, "accuracy": 18}
Open = Callable[..., BrowserContext]


@pytest.fixture
def phone(site: str, world: Any, chromium_path: str, tmp_path: Path) -> Iterator[Open]:
    """A phone: one that keeps what it kept when its browser is closed. An error of a script or of the policy fails."""
    errors: list[str] = []
    with sync_playwright() as play:
        opened: list[BrowserContext] = []

        def make(*, place: bool = True, name: str = "phone", cookies: Any = None) -> BrowserContext:
            context = play.chromium.launch_persistent_context(
                str(tmp_path / name), executable_path=chromium_path, args=["--no-sandbox"], base_url=site,
                viewport={"width": 390, "height": 844}, locale="zh-CN", has_touch=True, reduced_motion="reduce",
                geolocation=HERE if place else None, permissions=["geolocation"] if place else [],
            )  # fmt: skip
            context.set_default_timeout(15_000)
            if cookies:
                context.add_cookies(cookies)
            context.on("page", lambda page: page.on("pageerror", lambda e: errors.append(str(e))))
            context.on("console", lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None)
            opened.append(context)
            return context

        yield make
        for context in opened:
            context.close()
    assert errors == []


def photo(tmp_path: Path, seed: int = 1, size: tuple[int, int] = (2400, 1800)) -> str:
    where = tmp_path / f"{seed}.jpg"
    where.write_bytes(picture(seed, size).getvalue())
    return str(where)


def ready(page: Page) -> None:
    """The page is open and its service worker keeps it."""
    page.goto("/snap/")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("caches.match('/snap/shell/').then((found) => Boolean(found))")


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to cover in the photos of this test: the first journey has them looked at, two seconds each."""
    monkeypatch.setattr(blur, "find", lambda _photo: [])


def rows() -> list[tuple[str, str, int]]:
    found = Request.objects.order_by("id").values_list("title", "area_path", "photos")
    return aside(lambda: [(t, a, len(p)) for t, a, p in found])


def test_two_taps_after_the_photo_and_it_is_there(phone, tmp_path):
    page = phone().new_page()
    ready(page)
    page.set_input_files("[name=photo]", photo(tmp_path, size=(9000, 11_200)))  # a hundred megapixels
    expect(page.locator("[data-photo]")).to_be_visible(timeout=30_000)
    expect(page.locator("[data-place-words]")).to_contain_text("芝罘区")
    page.locator("[data-canvas]").click(position={"x": 60, "y": 60})
    expect(page.locator("[data-unmark]")).to_be_visible()
    page.get_by_role("button", name="路面坑洼").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了", timeout=30_000)
    assert rows() == [("路面坑洼", "370602", 1)]
    stored = aside(Request.objects.get)
    assert (stored.lat, stored.accuracy) != (None, None)
    with files.Image.open(files.where(stored.photos[0])) as kept:
        assert max(kept.size) == 1600 and not kept.getexif()
    page.goto("/snap/mine/")
    expect(page.locator("#kept")).to_contain_text(stored.code)
    expect(page.locator("#kept")).to_contain_text("待派")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("quick_look")
def test_the_network_cut_a_tab_closed_and_everything_sent_once(phone, tmp_path):
    context = phone()
    page = context.new_page()
    ready(page)
    context.set_offline(True)
    page.goto("/snap/")  # from the phone
    expect(page.locator("[data-offline]")).to_be_visible()
    page.set_input_files("[name=photo]", photo(tmp_path, 2))
    page.locator("[data-place] summary").click()
    page.select_option("[name=area]", "370602003006")
    page.get_by_role("button", name="路灯").click()
    expect(page.locator("[data-done-head]")).to_have_text("存在这台手机上了")
    expect(page.locator("[data-waiting] li")).to_have_count(1)
    assert rows() == []
    page.close()
    context.close()  # the browser is gone

    context = phone()
    context.set_offline(True)
    page = context.new_page()
    page.goto("/snap/")
    expect(page.locator("[data-waiting] li")).to_contain_text("路灯")
    page.locator("[name=spot]").evaluate("el => { el.value = '火星路 1 号'; }")
    page.locator("details:has([name=words]) summary").click()
    page.fill("[name=words]", "那个男的天天在这里打架")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-waiting] li")).to_have_count(2)

    context.set_offline(False)  # the page hears of it by itself
    expect(page.locator("[data-waiting] li")).to_have_count(1, timeout=20_000)
    assert rows() == [("路灯", "370602003006", 1)]
    expect(page.locator("[data-waiting] li")).to_contain_text("随手拍只拍地方和东西")
    page.get_by_role("button", name="说的是地方，照样送出").click()
    expect(page.locator("[data-done-head], [data-waiting] li").filter(has_text="看不出在哪里").first).to_be_visible()
    page.get_by_role("button", name="改一改").click()  # a refusal is put right, not tried for ever
    page.select_option("[name=area]", "370602003004")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    expect(page.locator("[data-waiting]")).to_be_hidden()
    page.reload()
    page.wait_for_timeout(800)
    assert [r[:2] for r in rows()] == [("路灯", "370602003006"), ("垃圾", "370602003004")]
    assert aside(Snap.objects.count) == 2


@pytest.mark.usefixtures("quick_look")
def test_the_place_refused_and_someone_driving(phone, tmp_path):
    context = phone(place=False)
    page = context.new_page()
    ready(page)
    page.get_by_role("button", name="积水").click()
    expect(page.locator("[data-wrong]")).to_contain_text("在哪里")
    page.set_input_files("[name=photo]", photo(tmp_path, 3))
    expect(page.locator("[data-place-words]")).to_contain_text("手机没给位置")
    page.get_by_role("button", name="我在开车").click()
    expect(page.locator("[data-waiting] li")).to_contain_text("先存着")
    assert rows() == []
    page.reload()
    page.get_by_role("button", name="说是什么").click()
    expect(page.locator("[data-photo]")).to_be_visible()
    page.select_option("[name=area]", "370602003006")
    page.get_by_role("button", name="积水").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    assert rows() == [("积水", "370602003006", 1)]


def test_another_account_does_not_send_what_this_one_took(phone, site, world):
    def cookie(name: str) -> list[dict[str, str]]:
        client = Client()
        client.force_login(world.user(name), BACKEND)
        return [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}]

    context = phone(cookies=aside(lambda: cookie("薛师傅")))
    page = context.new_page()
    ready(page)
    context.set_offline(True)
    page.locator("[data-place] summary").click()
    page.select_option("[name=area]", "370602003006")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-waiting] li")).to_have_count(1)
    context.add_cookies(aside(lambda: cookie("王桂兰")))
    context.set_offline(False)
    expect(page.locator("[data-waiting] li")).to_contain_text("另一个账号", timeout=20_000)
    assert rows() == []
    page.get_by_role("button", name="不带账号送出").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    assert aside(lambda: list(Voice.objects.values_list("user", flat=True))) == [None]

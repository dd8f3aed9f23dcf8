"""The phone in a browser: three taps, the network cut and restored, a closed tab survived, the place refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image, ImageStat
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from heli.core import files
from heli.engines import blur
from heli.loop.models import Request, Voice
from heli.snaps.models import Snap
from tests.browser.asking import aside
from tests.snaps.taken import LAT, LON, picture, take

pytestmark = pytest.mark.browser
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
HERE = {"latitude": 37.5301, "longitude": 121.3902, "accuracy": 18}
Open = Callable[..., BrowserContext]
# A phone that needs its time: reading a photo and writing a JPEG wait until the test lets them go on.
SLOW = """(() => {
  let shut = false, waiting = [];
  window.slow = (on) => { shut = on; if (!on) { waiting.splice(0).forEach((go) => go()); } };
  const held = () => (shut ? new Promise((go) => waiting.push(go)) : Promise.resolve());
  const bitmap = window.createImageBitmap, blob = HTMLCanvasElement.prototype.toBlob;
  window.createImageBitmap = (...asked) => held().then(() => bitmap(...asked));
  HTMLCanvasElement.prototype.toBlob = function (...asked) { held().then(() => blob.apply(this, asked)); };
})()"""
FULL = "void (IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); })"


@pytest.fixture
def phone(site: str, world: Any, chromium_path: str, tmp_path: Path) -> Iterator[Open]:
    """A phone: one that keeps what it kept when its browser is closed. An error of a script or of the policy fails."""
    errors: list[str] = []
    expect.set_options(timeout=120_000)  # a condition is waited for, as long as a busy machine takes
    with sync_playwright() as play:
        opened: list[BrowserContext] = []

        def make(*, place: bool = True, name: str = "phone", cookies: Any = None) -> BrowserContext:
            context = play.chromium.launch_persistent_context(
                str(tmp_path / name), executable_path=chromium_path, args=["--no-sandbox"], base_url=site,
                viewport={"width": 390, "height": 844}, locale="zh-CN", has_touch=True, reduced_motion="reduce",
                geolocation=HERE if place else None, permissions=["geolocation"] if place else [],
            )  # fmt: skip
            context.set_default_timeout(120_000)
            if cookies:
                context.add_cookies(cookies)
            context.on("page", lambda page: page.on("pageerror", lambda e: errors.append(str(e))))
            context.on("console", lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None)
            opened.append(context)
            return context

        yield make
        for context in opened:
            context.close()
    expect.set_options(timeout=None)
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


def until(page: Page, ask: Callable[[], Any], want: Any, seconds: float = 120) -> None:
    """Wait until the database says so; the browser goes on meanwhile."""
    end = time.monotonic() + seconds
    while (found := ask()) != want and time.monotonic() < end:
        page.wait_for_timeout(100)
    assert found == want


def background_sync(context: BrowserContext, site: str) -> None:
    """What a browser does once there is a connection again: it wakes the worker, no page of ours being open."""
    page, found = context.new_page(), []  # about:blank
    cdp = context.new_cdp_session(page)
    cdp.on("ServiceWorker.workerRegistrationUpdated", lambda e: found.extend(e["registrations"]))
    cdp.send("ServiceWorker.enable")
    until(page, lambda: [r["scopeURL"] for r in found][:1], [f"{site}/snap/"])
    cdp.send(
        "ServiceWorker.dispatchSyncEvent",
        {"origin": site, "registrationId": found[0]["registrationId"], "tag": "heli-snaps", "lastChance": False},
    )
    page.close()


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to cover in the photos of this test: the first journey has them looked at, two seconds each."""
    monkeypatch.setattr(blur, "find", lambda _photo: [])


def rows() -> list[tuple[str, str, int]]:
    found = Request.objects.order_by("id").values_list("title", "area_path", "photos")
    return aside(lambda: [(t, a, len(p)) for t, a, p in found])


def test_two_taps_after_the_photo_and_it_is_there(phone, tmp_path, world):
    for path, away in (("370602003006", "0"), ("370602003004", "0.001")):  # what the room learned of two communities
        aside(lambda p=path, a=away: take(world, area_path=p, lat=LAT + Decimal(a), lon=LON, accuracy=10))
    page = phone().new_page()
    ready(page)
    page.set_input_files("[name=photo]", photo(tmp_path, size=(9000, 11_200)))  # a hundred megapixels
    expect(page.locator("[data-photo]")).to_be_visible()
    place = page.locator("[data-place-words]")
    expect(place).to_contain_text("大海阳")
    beside = page.locator("[data-near] button")
    expect(beside).to_have_count(1)
    page.locator("[data-place] summary").click()  # two taps put the place right
    beside.click()
    expect(place).to_contain_text("选的是")
    expect(beside).to_have_attribute("aria-pressed", "true")
    page.locator("[data-canvas]").click(position={"x": 60, "y": 60})
    expect(page.locator("[data-unmark]")).to_be_visible()
    page.locator("[name=spot]").press("Enter")  # of a keyboard on the glass: it presses none of the eight
    page.get_by_role("button", name="路面坑洼").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    assert rows()[2:] == [("路面坑洼", "370602003004", 1)]
    stored = aside(lambda: Request.objects.latest("id"))
    assert (stored.lat, stored.accuracy) != (None, None)
    with files.Image.open(files.where(stored.photos[0])) as kept:
        assert max(kept.size) == 1600 and not kept.getexif()
    page.goto("/snap/mine/")
    expect(page.locator("#kept")).to_contain_text(stored.code)
    expect(page.locator("#kept")).to_contain_text("待派")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("quick_look")
def test_the_network_cut_a_tab_closed_and_everything_sent_once(phone, tmp_path, site):
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
    page.close()
    assert rows() == []
    context.set_offline(False)
    background_sync(context, site)
    until(context.pages[0], rows, [("路灯", "370602003006", 1)])

    page = context.new_page()
    page.goto("/snap/")
    expect(page.locator("[data-waiting]")).to_be_hidden()
    context.set_offline(True)
    page.locator("[name=spot]").evaluate("el => { el.value = '火星路 1 号'; }")
    page.locator("details:has([name=words]) summary").click()
    page.fill("[name=words]", "那个男的天天在这里打架")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-waiting] li")).to_have_count(1)
    context.set_offline(False)  # the page hears of it by itself
    expect(page.locator("[data-waiting] li")).to_contain_text("随手拍只拍地方和东西")
    page.get_by_role("button", name="说的是地方，照样送出").click()
    expect(page.locator("[data-done-head], [data-waiting] li").filter(has_text="看不出在哪里").first).to_be_visible()
    page.get_by_role("button", name="改一改").click()  # a refusal is put right, not tried for ever
    expect(page.locator("[name=words]")).to_be_visible()
    page.select_option("[name=area]", "370602003004")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    expect(page.locator("[data-waiting]")).to_be_hidden()
    with page.expect_response("**/snap/place/"):  # a page that opened again and could have sent once more
        page.reload()
        page.set_input_files("[name=photo]", photo(tmp_path, 4, (320, 240)))
    assert [r[:2] for r in rows()] == [("路灯", "370602003006"), ("垃圾", "370602003004")]
    assert aside(Snap.objects.count) == 2


@pytest.mark.usefixtures("quick_look")
def test_the_place_refused_and_someone_driving(phone, tmp_path):
    """On a slow phone: who presses before photo and cover are ready sends them all the same, and once."""
    context = phone(place=False)
    context.add_init_script(SLOW)
    page = context.new_page()
    ready(page)
    page.get_by_role("button", name="积水").click()
    expect(page.locator("[data-wrong]")).to_contain_text("在哪里")
    noise = tmp_path / "noise.jpg"
    Image.effect_noise((800, 600), 90).save(noise, quality=95)
    page.evaluate("slow(true)")
    page.set_input_files("[name=photo]", noise)
    expect(page.locator("[data-place-words]")).to_contain_text("手机没给位置")
    for _n in range(2):
        page.get_by_role("button", name="我在开车").click()
    page.evaluate("slow(false)")
    expect(page.locator("[data-waiting] li")).to_contain_text("先存着")
    expect(page.locator("[data-waiting] li img")).to_have_count(1)
    assert rows() == []

    page.reload()
    page.get_by_role("button", name="说是什么").click()
    expect(page.locator("[data-photo]")).to_be_visible()
    page.select_option("[name=area]", "370602003006")
    page.evaluate("slow(true)")
    page.locator("[data-canvas]").click()  # a face in the middle
    page.get_by_role("button", name="积水").click()
    page.get_by_role("button", name="路灯").click()
    page.evaluate("slow(false)")
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    assert rows() == [("积水", "370602003006", 1)]
    with files.Image.open(files.where(aside(Request.objects.get).photos[0])) as kept:
        covered, open_ = (
            ImageStat.Stat(kept.convert("L").crop(box)).stddev[0] for box in ((394, 294, 406, 306), (94, 94, 106, 106))
        )
        assert covered < 12, covered
        assert open_ > 30, open_

    page.evaluate(FULL)  # what cannot be kept is sent from the page
    page.get_by_role("button", name="再拍一件").click()
    page.select_option("[name=area]", "370602003006")
    page.get_by_role("button", name="垃圾").click()
    expect(page.locator("[data-done-head]").filter(visible=True)).to_have_text("收到了")
    assert [r[0] for r in rows()] == ["积水", "垃圾"]


@pytest.mark.usefixtures("quick_look")
def test_another_account_does_not_send_what_this_one_took(phone, site, world):
    def cookie(name: str) -> list[dict[str, str]]:
        client = Client()
        client.force_login(world.user(name), BACKEND)
        return [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}]

    context = phone(cookies=aside(lambda: cookie("薛师傅")))
    page = context.new_page()
    ready(page)
    context.set_offline(True)
    waiting = page.locator("[data-waiting] li")
    for n, what in enumerate(("垃圾", "路灯"), start=1):
        page.locator("[data-place]").evaluate("el => { el.open = true; }")
        page.select_option("[name=area]", "370602003006")
        page.get_by_role("button", name=what).click()
        expect(waiting).to_have_count(n)
        page.get_by_role("button", name="再拍一件").click()
    context.add_cookies(aside(lambda: cookie("王桂兰")))
    context.set_offline(False)
    expect(waiting.filter(has_text="现在没登录")).to_have_count(2)
    assert rows() == []
    waiting.filter(has_text="垃圾").get_by_role("button", name="不带账号送出").click()
    expect(page.locator("[data-done-head]")).to_have_text("收到了")
    assert aside(lambda: list(Voice.objects.values_list("user", flat=True))) == [None]
    context.add_cookies(aside(lambda: cookie("薛师傅")))
    page.reload()  # with the right account the other goes by itself
    expect(page.locator("[data-waiting]")).to_be_hidden()
    until(
        page,
        lambda: aside(lambda: list(Voice.objects.order_by("id").values_list("user", flat=True))),
        [None, world.xue_driver.pk],
    )

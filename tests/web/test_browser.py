"""The kit in Chromium: nothing refused by the content security policy, nothing wider than the window, and the helpers."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("web-browser")]

MODES = ["plain", "dark", "contrast", "dark-contrast-large"]


@pytest.fixture
def tab(chromium_path: str, site: str, settings: Any) -> Iterator[Page]:
    """A tab on the running site; a test ends with no error in its console."""
    settings.DEBUG = True  # the gallery
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = browser.new_context(base_url=site, locale="zh-CN", viewport={"width": 1280, "height": 800})
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        yield page
        browser.close()
    assert said == []


def too_wide(page: Page) -> list[str]:
    """What stands out of the window at the right."""
    return page.evaluate(
        """() => Array.from(document.querySelectorAll('body *'))
          .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && e.offsetParent)
          .map((e) => e.tagName + '.' + e.className)"""
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        else "() => []"
    )


def test_nothing_scrolls_sideways(tab: Page) -> None:
    wide = {}
    for width in (320, 390, 768, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        for path in ["/", "/accessibility/", "/privacy/", "/account/login/", *(f"/look/?mode={m}" for m in MODES)]:
            tab.goto(path)
            if found := too_wide(tab):
                wide[width, path] = found[:3]
    assert wide == {}


def test_targets_are_large_enough_for_a_thumb(tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 800})
    small = {}
    for path in ["/", "/accessibility/", "/account/login/"]:
        tab.goto(path)
        small[path] = tab.evaluate(
            """() => Array.from(document.querySelectorAll('button, a.btn, summary, input:not([type=hidden]), .h-top a'))
              .filter((e) => e.offsetParent && !e.closest('.h-choice') && !e.closest('dialog'))
              .filter((e) => e.getBoundingClientRect().height < 43)
              .map((e) => e.outerHTML.slice(0, 80))"""
        )
    assert small == {"/": [], "/accessibility/": [], "/account/login/": []}


def test_large_print_takes_effect_at_once_and_stays(tab: Page) -> None:
    tab.goto("/")
    with tab.expect_response("**/look-set/"):
        tab.get_by_role("button", name="大字").click()
    assert tab.evaluate("document.documentElement.dataset.heliPrint") == "large"
    assert tab.locator("[data-look] button").get_attribute("aria-pressed") == "true"
    tab.reload()
    assert tab.evaluate("getComputedStyle(document.documentElement).fontSize") == "20px"


def test_the_first_tab_offers_to_skip_to_the_text(tab: Page) -> None:
    tab.goto("/")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "h-skip"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main")


def test_keys_work_and_keep_still_while_somebody_types(tab: Page) -> None:
    tab.goto("/look/")
    tab.evaluate(
        "document.querySelector('[data-key=S]').addEventListener('click', () => { window.pressed = (window.pressed || 0) + 1; })"
    )
    tab.keyboard.press("s")
    assert tab.evaluate("window.pressed") == 1
    tab.locator("#t").click()
    tab.keyboard.type("sss?")
    assert tab.evaluate("window.pressed") == 1
    assert tab.locator(".h-count").inner_text() == "4 / 200"
    tab.locator("h1").click()
    tab.keyboard.press("?")
    assert "送出答复" in tab.locator("#h-keys").inner_text()
    tab.keyboard.press("s")  # a list is open: nothing behind it may move
    assert tab.evaluate("window.pressed") == 1
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+s")
    assert tab.evaluate("window.pressed") == 1


def test_a_serious_act_asks_one_sentence_first(tab: Page) -> None:
    tab.goto("/look/")
    tab.evaluate(
        "document.querySelector('form[data-confirm]').addEventListener('submit', (e) => { e.preventDefault(); window.sent = true; })"
    )
    tab.get_by_role("button", name="收回这项权限").click()
    dialog = tab.locator("#h-confirm")
    assert "今天起收回这项权限" in dialog.inner_text()
    dialog.get_by_role("button", name="不，退回去").click()
    assert tab.evaluate("window.sent") is None
    tab.get_by_role("button", name="收回这项权限").click()
    dialog.get_by_role("button", name="收回这项权限").click()
    assert tab.evaluate("window.sent") is True


def form(page: Page, body: str) -> None:
    """Put a form of a room into the page and start the helpers on it."""
    page.goto("/look/")
    page.evaluate(
        """(body) => { const main = document.getElementById('main'); main.innerHTML = body;
          main.dispatchEvent(new CustomEvent('htmx:afterSwap', {bubbles: true})); }""",
        body,
    )


KEPT = """<p data-kept="写的内容已存在本机"></p><form method="post" data-keep="submit"><textarea name="text"></textarea>
  <input name="place"><input type="tel" name="phone"><input name="secret" data-keep-not>
  <label><input type="radio" name="who" value="a">a</label><label><input type="radio" name="who" value="b">b</label></form>"""


def test_what_was_typed_is_kept_but_never_a_number(tab: Page) -> None:
    form(tab, KEPT)
    tab.locator("[name=text]").fill("路灯不亮")
    tab.locator("[name=phone]").fill("13900000001")
    tab.locator("[name=secret]").fill("x")
    tab.locator("[value=b]").check()
    expect(tab.locator("[data-kept]")).to_have_text("写的内容已存在本机")
    form(tab, KEPT)
    assert tab.locator("[name=text]").input_value() == "路灯不亮"
    assert tab.locator("[value=b]").is_checked()
    assert tab.locator("[name=phone]").input_value() == tab.locator("[name=secret]").input_value() == ""
    assert "13900000001" not in tab.evaluate("JSON.stringify(localStorage)")
    form(tab, '<p data-forget="submit"></p>')
    assert tab.evaluate("localStorage.length") == 0


def test_copy_says_that_it_did(tab: Page) -> None:
    form(tab, '<button class="btn" type="button" data-copy="ZF-7K3M-42P"><span data-word>复制</span></button>')
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("button", name="复制").click()
    tab.wait_for_selector("text=已复制")
    assert tab.evaluate("navigator.clipboard.readText()") == "ZF-7K3M-42P"


def test_a_large_photo_is_made_smaller_before_it_is_sent(tab: Page) -> None:
    form(tab, '<input type="file" accept="image/*" multiple data-shrink="6"><ul class="h-photos" data-preview></ul>')
    tab.evaluate(
        """async () => { const c = document.createElement('canvas'); c.width = 4000; c.height = 1000;
          const x = c.getContext('2d'); x.fillStyle = '#a40'; x.fillRect(0, 0, 4000, 1000);
          const blob = await new Promise((done) => c.toBlob(done, 'image/png'));
          const box = new DataTransfer(); box.items.add(new File([blob], 'lamp.png', {type: 'image/png'}));
          const input = document.querySelector('main input'); input.files = box.files;
          input.dispatchEvent(new Event('change', {bubbles: true})); }"""
    )
    tab.wait_for_selector(".h-photos img")
    photo = tab.locator(".h-photos img")
    assert photo.get_attribute("alt") == "lamp.jpg"
    expect(photo).to_have_js_property("naturalWidth", 2048)


def test_words_of_the_last_hour_count_down(tab: Page) -> None:
    tab.clock.install()
    tab.goto("/look/")
    first = tab.locator("[data-until]").first
    before = first.inner_text()
    tab.clock.run_for(61_000)
    assert first.inner_text() != before
    assert "还剩" in first.inner_text()
    tab.clock.run_for(60 * 60_000)
    assert tab.locator("text=时间到了").count() >= 1

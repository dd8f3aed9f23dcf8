"""The whole loop in a browser: told on a phone, dispatched by keyboard at a desk, taken on and answered, judged on the phone."""

from __future__ import annotations

from playwright.sync_api import expect

from heli.loop.models import Request
from tests.browser.asking import aside, fits

WORDS = "大海阳社区12号楼前三盏路灯不亮，楼里老人多，晚上下楼看不清"


def state() -> tuple[str, int]:
    return tuple(aside(lambda: Request.objects.values_list("state", "lap").get()))  # type: ignore[return-value]


def test_told_dispatched_answered_and_judged_until_it_is_solved(open_as):
    phone = open_as("", 390)
    phone.goto("/submit/")
    phone.fill("[name=text]", WORDS)
    expect(phone.locator("#about")).to_contain_text("路灯")
    phone.click("text=下一步：在哪里")
    expect(phone.locator("[name=area]:checked")).to_have_count(1)
    phone.click("text=下一步：怎么找您")
    phone.fill("[name=phone]", "13912345678")
    phone.click("text=提交这件事")
    phone.wait_for_url("**/t/*/sent/")
    link = phone.url.removesuffix("sent/")
    assert state() == ("heard", 1)

    desk = open_as("孙坐席", 1280)
    desk.goto("/loop/desk/")
    expect(desk.locator("main")).to_contain_text("路灯")
    assert fits(desk)
    desk.wait_for_timeout(1000)  # a double press right after an item appears is ignored
    desk.keyboard.press("Enter")
    expect(desk.locator("#main")).not_to_contain_text("待派 1 件")
    assert state() == ("dispatched", 1)

    code = aside(lambda: Request.objects.values_list("code", flat=True).get())
    officer = open_as("于科员", 1280)
    officer.goto("/loop/inbox/")
    officer.click(f"a[href^='/loop/r/{code}/']")
    officer.click("form[action*='/accept/'] button")
    expect(officer.locator("main")).to_contain_text("签收")
    assert state() == ("handling", 1)
    assert fits(officer)

    def reply(words: str, again: bool = False) -> None:
        officer.goto(f"/loop/r/{code}/?tab=reply")
        officer.fill("textarea[name=text]", words)
        officer.click("button[name=send][value='1'], button:has-text('送出答复')")
        if again:  # it does not say whom to call: its writer looks once more, and sends it as it is
            officer.click("button:has-text('就这样发出')")
        expect(officer.locator("main")).to_contain_text("居民评")

    reply("11 月 18 日换了接头，三盏都亮了。再灭请打 12345。")
    assert state() == ("replied", 1)

    def judge(solved: str, level: str) -> None:
        phone.goto(link)
        phone.check("[name=contacted] >> nth=0", force=True)
        phone.check(f"[name=solved][value={solved}]", force=True)
        phone.check(f"[name=satisfaction][value='{level}']", force=True)
        phone.click("text=提交评价")
        phone.wait_for_url("**done=judged**")
        assert fits(phone)

    judge("no", "2")
    assert state() == ("handling", 2)
    reply("11 月 20 日换了电缆，看了两个晚上，没有再灭。", again=True)
    judge("yes", "5")
    assert state() == ("closed", 2)
    expect(phone.locator(".h-loop")).to_have_attribute("data-lap", "closed")


def test_another_county_sees_nothing(open_as):
    phone = open_as("", 390)
    phone.goto("/submit/")
    phone.fill("[name=text]", WORDS)
    phone.click("text=下一步：在哪里")
    expect(phone.locator("[name=area]:checked")).to_have_count(1)
    phone.click("text=下一步：怎么找您")
    phone.check("[name=contact][value=none]", force=True)
    phone.click("text=提交这件事")
    phone.wait_for_url("**/t/*/sent/")
    code = aside(lambda: Request.objects.values_list("code", flat=True).get())
    outside = open_as("外县人", 1280)
    outside.goto("/loop/requests/")
    assert code not in outside.content()
    seen, missing = outside.goto(f"/loop/r/{code}/"), outside.goto("/loop/r/ZF-2222-222/")
    assert seen is not None and missing is not None and seen.status == missing.status == 404

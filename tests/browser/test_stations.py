"""薛师傅 finds a station, says what is missing, rates it; 钱站长 closes early; 宋建言 tells a notice, and it is read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from heli.core.actor import SYSTEM
from heli.engines.opening import parse
from heli.loop.models import Request
from heli.notices.models import Notice
from heli.notices.queries import counts
from heli.places import site_steps as steps
from heli.places.sites import Site, SiteDay, SiteRating
from tests.browser.asking import aside
from tests.world import COMMUNITY, COUNTY

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def stations(site: str, world: Any) -> list[Site]:
    """Two stations open all day and night, one with usual hours that 钱站长's team keeps."""
    now, made = timezone.now(), []
    for n, (name, hours) in enumerate((("大海阳驿站", "0:00-24:00"), ("毓东驿站", "24小时"), ("远处驿站", "24小时"))):
        made.append(
            steps.add_site(
                area_path=COMMUNITY, name=name, address=f"路 {n} 号", lat=37.536 - n * 0.004, lon=121.387, by=SYSTEM, at=now,
                week=(parse(hours),) * 7, services=["water"], keeper_id=world.org("银龄队").pk if n == 0 else None,
            )
        )  # fmt: skip
    return made


def as_(browser: Browser, where: str, user: Any = None, **more: Any) -> Page:
    """A phone, logged in as somebody."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", **more)
    if user is not None:
        client = Client()
        aside(lambda: client.force_login(user, backend=BACKEND))
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": where}])
    page = context.new_page()
    page.set_default_timeout(25_000)
    page.errors = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda e: page.errors.append(str(e)))  # type: ignore[attr-defined]
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)  # type: ignore[attr-defined]
    return page


def test_a_driver_finds_a_station_and_says_what_is_missing(
    site: str, world: Any, stations: list[Site], browser: Browser
) -> None:
    near = {"latitude": 37.5285, "longitude": 121.387}  # beside the third
    page = as_(browser, site, world.user("薛师傅"), geolocation=near, permissions=["geolocation"])
    page.goto(f"{site}/sites/")
    expect(page.locator("#sites-map")).to_have_attribute("data-ready", "3")
    expect(page.locator("#sites-map .s-land.home")).to_have_count(1)  # the ground is drawn without any tile
    page.get_by_role("button", name="看离我近的").click()
    expect(page.locator(".s-list b").first).to_have_text("远处驿站")
    assert "37.52" not in page.url and "121" not in page.url
    page.locator(".s-list a").first.click()
    expect(page.locator(".s-now")).to_contain_text("开着，24 小时")
    page.check("input[name=stars][value='4']")
    page.get_by_text("缺什么？").click()
    page.get_by_label("微波炉").check()
    page.get_by_role("button", name="送出评价").click()
    expect(page.get_by_text("算进去了")).to_be_visible()
    assert aside(SiteRating.objects.get).missing == ["microwave"]

    page.get_by_role("link", name="说说缺什么").click()
    text = page.locator("#f_text")
    expect(text).to_have_value("在远处驿站：")
    text.fill("在远处驿站：没有微波炉，冬天饭都是凉的")
    page.locator("button[name=go][value='2']:visible").last.click()
    expect(page.locator("#f_spot")).to_have_value("远处驿站（路 2 号）")
    expect(page.locator("#place input[name=area]:checked")).to_have_value(COMMUNITY)
    page.locator("button[name=go][value='3']:visible").last.click()
    page.check("input[name=contact][value=none]")
    page.locator(".h-act button[value=send]:visible").click()
    expect(page.locator("body")).to_contain_text("ZF-")
    told = aside(Request.objects.get)
    assert told.area_path == COMMUNITY and told.spot == "远处驿站（路 2 号）"
    assert page.errors == []  # type: ignore[attr-defined]


def test_a_phone_that_tells_no_place_is_shown_the_streets(site: str, stations: list[Site], browser: Browser) -> None:
    page = as_(browser, site, permissions=[])
    page.goto(f"{site}/sites/")
    page.get_by_role("button", name="看离我近的").click()
    expect(page.locator("[data-near-said]")).to_have_text("手机没有给出位置。请在下面选街道。")
    expect(page.locator("#area")).to_be_focused()
    page.select_option("#area", COMMUNITY[:9])  # the list comes without another press
    expect(page).to_have_url(f"{site}/sites/?kind=&area={COMMUNITY[:9]}")
    expect(page.locator(".s-list b")).to_have_count(3)


def test_the_keeper_closes_early_in_two_taps(
    site: str, world: Any, stations: list[Site], browser: Browser, settings: Any
) -> None:
    settings.HELI_STAFF_MFA = False
    page = as_(browser, site, world.user("钱站长"))
    page.goto(f"{site}/sites/desk/")  # one station of one's own: at it at once
    expect(page.locator("h1")).to_have_text("大海阳驿站")
    page.check("input[name=hours][value=closed]")
    page.get_by_role("button", name="在地图上写明").click()
    expect(page.get_by_text("地图上已经改了")).to_be_visible()
    assert aside(lambda: list(SiteDay.objects.values_list("on", "periods"))) == [(timezone.localdate(), None)]
    public = as_(browser, site)
    public.goto(f"{site}/sites/{stations[0].pk}/")
    expect(public.locator(".s-now")).to_contain_text("开门")  # opens tomorrow
    page.get_by_role("button", name="今天还是照常").click()
    expect(page.get_by_text("又照常了。")).to_be_visible()


def test_a_notice_goes_out_and_its_readings_are_counted(site: str, world: Any, browser: Browser, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    page = as_(browser, site, world.user("宋建言"))
    page.goto(f"{site}/notices/desk/new/")
    page.get_by_label("标题").fill("冬天可以到驿站歇脚")
    page.get_by_label("和您有什么关系").fill("符合条件的骑手予以接待。")
    expect(page.locator("#hints")).to_contain_text("写出是什么条件")
    page.get_by_label("和您有什么关系").fill("能喝热水，能充电。")
    page.get_by_label("外卖、快递小哥").check()
    if not page.locator(f"input[name=area][value='{COUNTY}']").is_checked():
        page.locator("input[name=area_typed]").fill("芝罘区")
        page.check(f"input[name=area][value='{COUNTY}']")
    page.get_by_role("button", name="存下来看看").click()
    page.get_by_role("button", name="发出去").click()
    expect(page.get_by_text("大家现在都看得到")).to_be_visible()
    notice = aside(Notice.objects.get)

    reader = as_(browser, site)
    reader.goto(f"{site}/notices/")
    reader.select_option("#group", "riders")
    with reader.expect_response(lambda r: r.url.endswith("/read/") and r.status == 204):
        reader.get_by_role("link", name="冬天可以到驿站歇脚").click()
    reader.reload()  # the same visit
    reader.wait_for_load_state("networkidle")
    assert aside(lambda: counts([notice.pk]))[notice.pk].read == 1
    reader.check("input[name=clear][value=no]")
    reader.get_by_label("哪里不清楚？").fill("周末也开吗")
    reader.get_by_role("button", name="告诉写的人").click()
    expect(reader.get_by_text("写的人会看到")).to_be_visible()
    page.reload()
    expect(page.locator("body")).to_contain_text("打开 1 次")
    expect(page.locator("body")).to_contain_text("周末也开吗")
    assert notice.valid_from <= timezone.localdate() + dt.timedelta(days=1)
    assert reader.errors == [] and page.errors == []  # type: ignore[attr-defined]

"""吕部长 orders two units on site; one report is sent back. 郝回访 works through the bench: not reached, redo."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone
from playwright.sync_api import expect

from heli.core.actor import SYSTEM
from heli.loop.models import Request
from heli.loop.oversight_models import Order, Revisit
from heli.rulebook.steps import NewRule, set_rule
from tests.browser.asking import aside, fits
from tests.loop.told import tell
from tests.world import COUNTY

HOUR = dt.timedelta(hours=1)


def test_an_order_to_two_units_with_a_meeting_on_site(open_as, world):
    told = aside(lambda: tell(world, at=timezone.now() - HOUR * 5))
    aside(told.dispatch)
    aside(told.accept)
    code = aside(lambda: told.request.code)
    lv = open_as("吕部长", 1280)
    lv.goto(f"/loop/orders/new/?code={code}")
    expect(lv.locator("#id_codes")).to_have_value(code)
    expect(lv.get_by_role("checkbox", name="城管局")).to_be_checked()
    lv.locator("#id_demand").fill("查清谁管，三个工作日内拿出办法。")
    lv.locator("[name=units_typed]").press_sequentially("住建", delay=20)
    lv.locator("#options-units label", has_text="住建局").first.click()
    lv.get_by_text("约到现场").click()
    lv.locator("#id_meet_place").fill("世学路 26 号门前")
    lv.locator("#id_meet_at").fill(f"{timezone.localtime() + HOUR * 30:%Y-%m-%dT%H:%M}")
    lv.get_by_role("button", name="下达督办单").click()
    expect(lv.locator("main")).to_contain_text("督〔")
    assert fits(lv)
    order = aside(Order.objects.get)
    for who, words in (("于科员", "路面已经铺好。"), ("曲科员", "在办。")):
        unit = open_as(who, 390)
        unit.goto(f"/loop/orders/{order.pk}/")
        assert fits(unit)
        unit.get_by_role("button", name="我们看过了").click()
        unit.locator("#id_text").fill(words)
        unit.get_by_role("button", name="报给督办").click()
        expect(unit.locator("main")).to_contain_text("已回报")
    aside(lambda: Order.objects.update(meet_at=timezone.now() - HOUR))
    lv.reload()
    lv.locator("#id_minutes").fill("现场看过，管线归住建局。")
    lv.locator("[name=came]").first.check()
    lv.get_by_role("button", name="保存纪要").click()
    expect(lv.locator("main")).to_contain_text("现场议定")
    card = lv.locator("section.h-next", has_text="在办。")
    card.get_by_text("不够：退回去").click()
    card.locator("[name=reason]").fill("没说什么时候换管")
    card.get_by_role("button", name="退回去", exact=True).click()
    lv.get_by_role("button", name="认可").click()
    unit = open_as("曲科员", 390)
    unit.goto("/loop/orders/")
    unit.locator("td.main a").first.click()
    expect(unit.locator("main")).to_contain_text("没说什么时候换管")
    unit.locator("#id_text").fill("今天下午已换管。")
    unit.get_by_role("button", name="报给督办").click()
    expect(unit.locator("main")).to_contain_text("已回报")
    lv.reload()
    lv.get_by_role("button", name="认可").click()
    lv.locator("#id_decision").fill("两家都办完了")
    lv.locator("#id_public_words").fill("管换了，路面也铺好了。")
    lv.get_by_role("button", name="办结督办单").click()
    expect(lv.locator("h1 + div")).to_contain_text("已办结")
    assert aside(lambda: Order.objects.get().state) == "closed"
    lv.goto(f"/loop/r/{code}/")
    expect(lv.locator("main")).to_contain_text("管换了，路面也铺好了。")


def test_the_bench_not_reached_then_redo(open_as, world):
    today = timezone.localdate()
    always = NewRule(
        "revisit.hours", COUNTY, {"periods": [["00:00", "23:59"]]}, "测试", today - dt.timedelta(days=9), {}
    )
    aside(lambda: set_rule(rule=always, by=SYSTEM, at=timezone.now() - HOUR * 48))
    for _n in range(2):
        aside(lambda: tell(world, at=timezone.now() - HOUR * 8).answered())
    hao = open_as("郝回访", 390)
    hao.goto("/loop/revisits/")
    assert fits(hao)
    hao.get_by_role("button", name="下一个电话").click()
    expect(hao.locator(".u-script")).to_contain_text("您好")
    assert fits(hao)
    first = hao.url.rstrip("/").rsplit("/", 1)[-1]
    hao.get_by_text("没人接", exact=True).click()  # the first tap
    hao.locator(".u-again button").first.click()  # the second: again at that time
    expect(hao).not_to_have_url(f"**/{first}/")
    expect(hao.locator(".u-script")).to_be_visible()
    call = aside(lambda: Revisit.objects.get(request__code=first))
    assert (call.attempts, call.state) == (1, "waiting") and call.call_at > timezone.now()
    for said in ("有人联系过", "没解决", "很不满意"):
        hao.locator(".h-choice label", has_text=said).first.click()
    hao.locator("#id_words").fill("昨天又塌了")
    hao.get_by_role("button", name="记下，打下一个").click()
    expect(hao.locator("main")).to_contain_text("今天打通 1 个，没人接 1 个")
    assert sorted(aside(lambda: list(Request.objects.values_list("state", "lap")))) == [("handling", 2), ("replied", 1)]

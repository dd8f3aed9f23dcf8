"""A suggestion followed to its result, in a browser: 宋建言 opens a call, 王桂兰 suggests after seeing one like it, 赵志愿
seconds it, what she wrote then stands fast, 曲科员 adopts it in part, does what was promised, and everybody reads the way."""

from __future__ import annotations

import datetime as dt
from typing import Any

from playwright.sync_api import Page, expect

from heli.core.actor import PUBLIC
from heli.loop import steps as loop
from heli.suggestions import steps
from heli.suggestions.models import Suggestion
from tests.browser.asking import aside, fits
from tests.world import COMMUNITY

LIKE = "老楼楼梯转角装折叠座椅，老人上楼能歇一歇。"
WORDS = "大海阳社区的老楼没有电梯，楼梯转角能不能装个折叠座椅，老人拎菜上楼歇口气。每层都装。"
NAME, PHONE = "大海阳老王", "13912345678"


def there_already(world: Any) -> None:
    """One like it, suggested and public since yesterday."""
    at = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    said = steps.suggest(text=LIKE, area_path=COMMUNITY, by=PUBLIC, at=at)
    steps.publish(request_id=said.suggestion.pk, by=world.actor("宋建言"), at=at)


def dispatched(world: Any, code: str) -> None:
    """The desk sends it to 住建局, which takes it on."""
    at, pk = dt.datetime.now(dt.UTC), Suggestion.objects.values_list("pk", flat=True).get(request__code=code)
    sent = loop.offer(request_id=pk, unit_id=world.org("住建局").pk, by=world.actor("孙坐席"), at=at)
    officer = world.actor("曲科员")
    loop.accept(dispatch_id=sent.pk, by=officer, at=at)
    loop.contact(request_id=pk, by=officer, at=at, way="phone", reached=True)


def read(page: Page, where: str) -> str:
    page.goto(where)
    assert fits(page), where
    return page.content()


def test_a_suggestion_is_followed_to_its_result(open_as: Any, world: Any) -> None:
    aside(lambda: there_already(world))
    keeper = open_as("宋建言", 1280)
    keeper.goto("/suggestions/desk/")
    keeper.click("text=发起征集")
    keeper.fill("[name=title]", "老楼怎么更方便老人")
    keeper.fill("[name=asked]", "您家楼里哪里不方便？")
    keeper.fill("[name=why]", "花钱少的今年就做。")
    keeper.click("text=存草稿")
    keeper.click("text=开始征集")
    expect(keeper.locator("main")).to_contain_text("排在建议墙最前面")

    phone = open_as("", 390)
    phone.goto("/suggestions/")
    phone.click("text=老楼怎么更方便老人")
    phone.click("text=参加这次征集")
    phone.fill("[name=text]", WORDS)
    expect(phone.locator("#like-live")).to_contain_text("折叠座椅")  # shown while one writes
    assert fits(phone)
    phone.click("text=下一步：地点和署名")
    expect(phone.locator("[name=area]:checked")).to_have_count(1)
    phone.check("[name=credit][value=yes]", force=True)
    phone.fill("[name=credit_name]", NAME)
    phone.fill("[name=phone]", PHONE)
    assert fits(phone)
    phone.click("text=送出建议")
    phone.wait_for_url("**/suggestions/mine/**")
    own = phone.url.split("?")[0]
    code = phone.locator(".h-code").first.inner_text()

    keeper.goto(f"/suggestions/desk/s/{code}/")
    expect(keeper.locator("main")).to_contain_text(NAME)
    keeper.click("button:has-text('公开') >> nth=0")
    expect(keeper.locator("main")).to_contain_text("提建议的人会收到消息")

    neighbour = open_as("赵志愿", 390)
    neighbour.goto(f"/suggestions/{code}/")
    neighbour.click("text=我附议")
    expect(neighbour.locator("main")).to_contain_text("您已附议")

    token = own.rstrip("/").split("/")[-1]
    assert "附议的就是这几句话" in read(phone, own)
    refused = phone.evaluate(
        """async (where) => { const body = new URLSearchParams(new FormData(document.querySelector("form[action$='/add/']")));
        body.set("t-text", "我换个说法"); const r = await fetch(where, {method: "POST", body}); return [r.status, await r.text()] }""",
        f"/suggestions/mine/{token}/correct/",
    )
    assert refused[0] == 409 and "不能再改" in refused[1]

    aside(lambda: dispatched(world, code))
    officer = open_as("曲科员", 1280)
    officer.goto(f"/loop/r/{code}/")
    officer.click("a:has-text('答复建议')")
    officer.check("[name=verdict][value=partly]", force=True)
    officer.fill("[name=reasons]", "宽度够的单元可以装，先试三个单元。")
    officer.fill("[name=what_0]", "三个单元试装折叠座椅")
    officer.fill("[name=due_0]", (dt.date.today() + dt.timedelta(days=30)).isoformat())
    assert fits(officer)
    officer.click("button:has-text('送出答复')")
    officer.wait_for_url(f"**/loop/r/{code}/")

    officer.goto("/suggestions/measures/")
    officer.click("text=三个单元试装折叠座椅")
    officer.fill("[name=text]", "尺寸量好了，已经下单。")
    officer.click("text=发布进展")
    expect(officer.locator("main")).to_contain_text("尺寸量好了")
    officer.fill("[name=text]", "三个单元都装好了。")
    officer.click("button:has-text('做完了')")
    keeper.goto("/suggestions/desk/?tab=measures")
    keeper.click("text=三个单元试装折叠座椅")
    keeper.click("text=看过了，做完了")
    expect(keeper.locator("main")).to_contain_text("核实做完")

    page = read(phone, f"/suggestions/{code}/")
    for said in (NAME, "部分采纳", "三个单元试装折叠座椅", "尺寸量好了", "核实做完", "住建局", "措施 1 / 1 项有了结果"):
        assert said in page, said
    assert PHONE not in page and "赵志愿" not in page
    phone.goto(own)
    phone.click("text=不再署名")
    assert NAME not in read(phone, f"/suggestions/{code}/")

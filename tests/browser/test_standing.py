"""A standing problem in the browser: water fails in one community of 芝罘区, somebody names it, its unit plans, writes to its
requests and reports, it is closed, and it comes back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from heli.insight import candidates
from heli.insight import problem_steps as steps
from heli.insight.models import Problem
from heli.loop.clocks import local_day
from heli.loop.models import Handling
from tests.browser.asking import aside
from tests.insight.water import long_heard, water


@pytest.fixture
def told(site: str, world: Any, settings: Any) -> list[Any]:
    """Six people without water, each with 城管局 at work on it."""
    settings.HELI_STAFF_MFA = False
    long_heard(world, timezone.now())
    made = water(world, 6, at=timezone.now())
    for one in made:
        one.dispatch()
        one.accept()
    candidates.refresh(timezone.now())
    return made


def come_back(world: Any) -> str:
    """All six were answered with the plan's words; twenty days later six others say it. Returns the area."""
    assert Handling.objects.filter(text__contains="加压泵").count() == 6
    later = timezone.now() + dt.timedelta(days=20)
    water(world, 6, at=later, first=50)
    assert steps.relapse_due(later) == 1
    return Problem.objects.get().area_path


def test_named_planned_closed_and_back_again(told, open_as, world):
    day = local_day(timezone.now())
    boss = open_as("吕部长", 1280)
    boss.goto("/")
    boss.get_by_role("link", name="点一道题").first.click()
    expect(boss.locator("table").first).to_contain_text("6 人说")
    boss.get_by_role("link", name="点成一道题").click()
    boss.get_by_label("题目叫什么").fill("大海阳社区反复停水")
    boss.get_by_label("牵头单位").select_option(label="城管局")
    boss.get_by_role("button", name="点成一道题").click()
    expect(boss.locator("h1")).to_have_text("大海阳社区反复停水")

    officer = open_as("于科员", 390)
    officer.goto("/board/problems/")
    officer.get_by_role("link", name="大海阳社区反复停水").click()
    officer.locator("textarea[name=plan]").fill("换加压泵，再查管网。")
    officer.locator("textarea[name=words]").fill("加压泵本周换新，停水会提前一天贴通知。")
    officer.get_by_role("button", name="写好方案").click()
    officer.get_by_text("加一项措施").click()
    officer.locator("#m-text").fill("换加压泵")
    officer.locator("#m-due").fill((day + dt.timedelta(days=7)).isoformat())
    officer.get_by_role("button", name="加进方案").click()
    officer.get_by_label("这一轮的答复").check()
    officer.get_by_role("button", name="写给勾上的诉求").click()
    expect(officer.get_by_text("写好 6 件")).to_be_visible()
    officer.get_by_role("link", name="回到这道题").click()
    officer.get_by_text("写明结果").click()
    officer.get_by_label("做了什么，或者为什么不做了").fill("换好了，试压合格")
    officer.get_by_role("button", name="做完了").click()
    officer.get_by_label("做了什么，管住了没有？").fill("泵换了，没有再停。")
    officer.get_by_role("button", name="报给督办").click()

    boss.reload()
    boss.get_by_label("怎么定，为什么").fill("数下来了")
    boss.get_by_role("button", name="结题").click()
    expect(boss.get_by_text("结题了。会一直盯着")).to_be_visible()
    expect(boss.locator("[data-chart] svg")).to_be_visible()

    path = aside(lambda: come_back(world))
    boss.reload()
    expect(boss.get_by_role("alert")).to_contain_text("又冒出来了")
    anybody = open_as("外县人", 1280)
    anybody.goto(f"/board/public/problems/{path}/")
    expect(anybody.locator("main")).to_contain_text("结题后又冒出来了")
    expect(anybody.locator("main")).not_to_contain_text("号楼又停水了")

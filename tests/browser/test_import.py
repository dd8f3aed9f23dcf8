"""The desk lays a hotline's table down in a browser: maps what is not known, takes it, at the width of a phone and of a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import expect

from heli.loop.batch_models import BatchMapping
from heli.loop.models import Request
from tests.browser.test_desk import at_desk

TABLE = """12345 热线工单汇总,,,,,,
工单编号,来电时间,诉求内容,所属社区,事项分类,来电人姓名,联系电话
GD-1,2026-11-16 09:30,门口三盏路灯不亮,毓璜顶街道大海阳社区3号楼,亮化,王桂兰,13800000123
GD-2,2026/11/16 10:05,楼上装修敲到半夜,火车站片,路灯不亮,李大爷,13900000456
"""


@pytest.fixture
def session(site: str, world: Any, settings: Any) -> str:
    """The session of the dispatcher."""
    settings.HELI_STAFF_MFA = False
    client = Client()
    client.force_login(world.user("孙坐席"))
    return str(client.cookies["sessionid"].value)


def test_a_table_in_gb18030_is_mapped_and_taken(chromium_path: str, site: str, session: str, tmp_path: Path) -> None:
    file = tmp_path / "热线.csv"
    file.write_bytes(TABLE.encode("gb18030"))
    with at_desk(chromium_path, site, session, 390) as desk:
        desk.goto("/loop/import/")
        desk.get_by_label("表格").set_input_files(str(file))
        desk.get_by_label("从哪里来").first.fill("12345 热线")
        desk.get_by_role("button", name="先看看，不导入").click()
        expect(desk.get_by_role("heading", name="我们不认识的词")).to_be_visible()
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out on a phone"
        desk.get_by_label("“亮化”在这里是什么").fill("040401")
        desk.get_by_label("“火车站片”在这里是什么").fill("月亮")
        desk.get_by_role("button", name="记住这些").click()
        expect(desk.get_by_label("“火车站片”在这里是什么")).to_have_value("月亮")
        desk.get_by_label("“火车站片”在这里是什么").fill("大海阳社区")
        desk.get_by_role("button", name="记住这些").click()
        desk.set_viewport_size({"width": 1280, "height": 800})
        desk.get_by_role("button", name="收下这 2 件").click()
        expect(desk.get_by_text("收下了 2 件")).to_be_visible()
        desk.get_by_role("link", name="查看").first.click()
        expect(desk.get_by_text("楼上装修敲到半夜").first).to_be_visible()
    assert Request.objects.filter(source="12345 热线").count() == 2 and BatchMapping.objects.count() == 1

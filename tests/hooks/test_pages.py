"""Pages of endpoints, by those who may and those who may not."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.models import Event
from heli.hooks import secrets
from heli.hooks.models import Delivery, Endpoint
from heli.hooks.relay import relay_all
from tests.hooks.receiver import grant_of, listen
from tests.loop.staff import log_in
from tests.loop.told import tell
from tests.world import COUNTY, NEXT_COUNTY

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/heli"


@pytest.fixture(autouse=True)
def _ready(settings: Any, names: Any) -> None:
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def jiang(world: Any) -> Client:
    return log_in(world, "姜管理")


def filled(world: Any, **changed: Any) -> dict[str, Any]:
    return {"name": "市热线", "url": URL, "grant": grant_of(world, "孙坐席").pk, "area": COUNTY, **changed}


def failed(world: Any, requests: int = 1) -> Endpoint:
    """An endpoint with messages: of each request one failed for good, one behind it."""
    endpoint, _secret = listen(world, URL)
    for _ in range(requests):
        tell(world, at=timezone.now() - timezone.timedelta(days=2)).dispatch()
    relay_all(at=timezone.now())
    Delivery.objects.filter(endpoint=endpoint, step="request.hear").update(
        state="dead",
        ended_at=timezone.now(),
        attempts=13,
        reason="refused",
        status=500,
        answer="<script>alert(1)</script>",
    )
    return endpoint


@pytest.mark.parametrize("name", ["孙坐席", "于科员", "吕部长", "王桂兰"])
def test_not_for_others(world: Any, name: str) -> None:
    endpoint, _secret = listen(world, URL)
    client = log_in(world, name)
    for path in ("", "new/", f"{endpoint.pk}/", f"{endpoint.pk}/edit/", "pick/grant/"):
        assert client.get(f"/hooks/{path}").status_code == 403
    for path in (f"{endpoint.pk}/do/pause/", f"{endpoint.pk}/secret/", f"{endpoint.pk}/end/", f"{endpoint.pk}/export/"):
        assert client.post(f"/hooks/{path}").status_code == 403


def test_in_the_menu_and_empty_at_first(jiang: Client) -> None:
    page = jiang.get("/hooks/").content.decode()
    assert "还没有接收方" in page and 'href="/hooks/new/"' in page
    assert "消息推送" in jiang.get("/orgs/grants/").content.decode()


def test_added_and_its_secret_is_shown_once(world: Any, jiang: Client) -> None:
    made = jiang.post("/hooks/new/", filled(world, steps=["request.hear", "request.judge"]))
    endpoint = Endpoint.objects.get()
    (secret,) = secrets.valid(endpoint, timezone.now())
    assert made.status_code == 200 and secret in made.content.decode() and made["Cache-Control"] == "no-store"
    assert (endpoint.steps, endpoint.area_path) == (["request.hear", "request.judge"], COUNTY)
    for path in ("", f"{endpoint.pk}/", f"{endpoint.pk}/edit/"):
        assert secret not in jiang.get(f"/hooks/{path}").content.decode()
    again = jiang.post(f"/hooks/{endpoint.pk}/secret/").content.decode()
    endpoint.refresh_from_db()
    assert secrets.valid(endpoint, timezone.now())[0] in again and secret not in again
    assert "新旧密钥并用到" in jiang.get(f"/hooks/{endpoint.pk}/").content.decode()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": "http://hooks.example.org/"}, "地址应像 https://"),
        ({"url": "https://nobody.example.org/"}, "网上找不到 nobody.example.org"),
        ({"grant": ""}, "请选它依据哪项权限"),
        ({"area": NEXT_COUNTY}, "超出"),
        ({"name": ""}, "这个字段是必填项"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed_and_says_what_is_wrong(
    world: Any, jiang: Client, changed: dict[str, Any], said: str
) -> None:
    found = jiang.post("/hooks/new/", filled(world, steps=["request.judge"], **changed))
    page = found.content.decode()
    assert found.status_code == 400 and not Endpoint.objects.exists()
    assert said in page
    assert 'value="request.judge" checked' in page and ("市热线" in page or "name" in changed)


def test_grants_and_areas_are_found_by_typing(world: Any, jiang: Client) -> None:
    found = jiang.get("/hooks/pick/grant/", {"grant_typed": "孙坐席"}).content.decode()
    assert "孙坐席" in found and f'value="{grant_of(world, "孙坐席").pk}"' in found
    assert "外县人" not in jiang.get("/hooks/pick/grant/", {"grant_typed": "外县人"}).content.decode()
    own = jiang.get("/hooks/pick/grant/").content.decode()
    assert "姜管理" in own and "孙坐席" not in own, "one's own to begin with"
    assert "大海阳" in jiang.get("/hooks/pick/area/", {"area_typed": "大海阳"}).content.decode()
    assert jiang.get("/hooks/pick/else/").status_code == 404
    still = jiang.post("/hooks/new/", filled(world, find="grant", grant_typed="于科员")).content.decode()
    assert "于科员" in still and "市热线" in still and not Endpoint.objects.exists()


def test_changed(world: Any, jiang: Client) -> None:
    endpoint, _secret = listen(world, URL)
    assert "市热线" in jiang.get(f"/hooks/{endpoint.pk}/edit/").content.decode()
    done = jiang.post(f"/hooks/{endpoint.pk}/edit/", filled(world, name="省平台", area="370602003"))
    endpoint.refresh_from_db()
    assert done.status_code == 302 and (endpoint.name, endpoint.area_path) == ("省平台", "370602003")
    assert jiang.post(f"/hooks/{endpoint.pk}/edit/", filled(world, url="ftp://x")).status_code == 400


def test_what_failed_comes_first_and_can_be_tried_again_or_given_up(world: Any, jiang: Client) -> None:
    endpoint = failed(world, 3)
    page = jiang.get(f"/hooks/{endpoint.pk}/").content.decode()
    assert "有 3 条发不出" in page and "卡住了" in page
    assert "卡住了" in jiang.get("/hooks/").content.decode()
    first, second, _third = Delivery.objects.filter(endpoint=endpoint, state="dead").order_by("event_id")
    one = jiang.get(f"/hooks/{endpoint.pk}/deliveries/{first.pk}/").content.decode()
    assert "对方拒收" in one and "500" in one and "后面还有 1 条" in one
    assert "<script>alert" not in one and "&lt;script&gt;" in one
    assert jiang.post(f"/hooks/{endpoint.pk}/deliveries/{first.pk}/", {"go": "again"}).status_code == 302
    assert jiang.post(f"/hooks/{endpoint.pk}/deliveries/{second.pk}/", {"reason": ""}).status_code == 400
    jiang.post(f"/hooks/{endpoint.pk}/deliveries/{second.pk}/", {"reason": "对方不要"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.attempts, second.state) == ("waiting", 0, "skipped")
    assert "对方不要" in jiang.get(f"/hooks/{endpoint.pk}/").content.decode()
    assert jiang.post(f"/hooks/{endpoint.pk}/do/replay/").status_code == 302
    assert not Delivery.objects.filter(state="dead").exists()
    assert jiang.post(f"/hooks/{endpoint.pk}/do/replay/").status_code == 409
    assert jiang.post(f"/hooks/{endpoint.pk}/deliveries/{second.pk}/", {"go": "again"}).status_code == 409


def test_filter_and_pages(world: Any, jiang: Client) -> None:
    endpoint = failed(world, 60)
    codes = set(Delivery.objects.values_list("code", flat=True))
    first = jiang.get(f"/hooks/{endpoint.pk}/", {"state": "dead"})
    rows = first.context["page"].rows
    assert len(rows) == 50 and {r["row"].state for r in rows} == {"dead"}
    rest = jiang.get(f"/hooks/{endpoint.pk}/", {"state": "dead", "after": first.context["page"].next}).context["page"]
    assert len(rest.rows) == 10 and rest.next == ""
    code = sorted(codes)[0]
    assert [r["row"].code for r in jiang.get(f"/hooks/{endpoint.pk}/", {"code": code}).context["page"].rows] == [
        code
    ] * 2
    assert "没有符合的推送" in jiang.get(f"/hooks/{endpoint.pk}/", {"state": "delivered"}).content.decode()
    assert jiang.get(f"/hooks/{endpoint.pk}/", {"state": "x", "code": "<", "after": "zz"}).status_code == 400


def test_a_list_costs_the_same_with_many(world: Any, jiang: Client, django_assert_max_num_queries: Any) -> None:
    failed(world, 2)
    for _ in range(20):
        listen(world, URL)
    with django_assert_max_num_queries(9):
        jiang.get("/hooks/")


def test_export(world: Any, jiang: Client) -> None:
    endpoint = failed(world, 2)
    assert jiang.post(f"/hooks/{endpoint.pk}/export/?state=dead", {"purpose": ""}).status_code == 400
    found = jiang.post(f"/hooks/{endpoint.pk}/export/?state=dead", {"purpose": "与热线核对"})
    rows = list(load_workbook(io.BytesIO(found.content)).worksheets[0].values)
    assert len(rows) == 3 and str(rows[1][0]).startswith("evt_") and rows[1][4] == "发不出"
    event = Event.objects.order_by("-pk")[0]
    assert event.data["purpose"] == "与热线核对"


def test_pause_resume_test_end(world: Any, jiang: Client) -> None:
    endpoint, _secret = listen(world, URL)
    where = f"/hooks/{endpoint.pk}/"
    assert "试发消息十来秒内发出" in jiang.post(f"{where}do/test/", follow=True).content.decode()
    assert "暂停了" in jiang.post(f"{where}do/pause/", follow=True).content.decode()
    assert jiang.post(f"{where}do/test/").status_code == 409
    assert "恢复，并发出留着的" in jiang.get(where).content.decode()
    jiang.post(f"{where}do/resume/")
    assert jiang.post(f"{where}do/else/").status_code == 404
    assert jiang.post(f"{where}end/", {"reason": ""}).status_code == 400
    jiang.post(f"{where}end/", {"reason": "换系统了"})
    assert "换系统了" in jiang.get(where).content.decode()
    assert "市热线" not in jiang.get("/hooks/").content.decode()
    assert "市热线" in jiang.get("/hooks/?ended=1").content.decode()


def test_of_another_county_like_missing(world: Any, jiang: Client) -> None:
    theirs, _secret = listen(world, URL, sees_as="外县人", area_path=NEXT_COUNTY, name="莱山系统")
    row = Delivery.objects.create(
        endpoint=theirs, event_id=1, step="request.hear", subject_type="loop.request", subject_id=1, code="LS-1",
        due_at=timezone.now(),
    )  # fmt: skip
    ours, _secret = listen(world, URL)
    assert "莱山系统" not in jiang.get("/hooks/").content.decode()
    for path in (
        f"{theirs.pk}/",
        f"{theirs.pk}/edit/",
        f"{theirs.pk}/deliveries/{row.pk}/",
        f"{ours.pk}/deliveries/{row.pk}/",
    ):
        assert jiang.get(f"/hooks/{path}").status_code == 404
    assert jiang.post(f"/hooks/{theirs.pk}/do/pause/").status_code == 404

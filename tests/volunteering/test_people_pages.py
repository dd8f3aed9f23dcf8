"""The pages of volunteers and teams: what they cost, what they keep, and that nobody is shown to whom it does not concern."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from heli.core.models import Event
from heli.volunteering.models import Joining, Proof, Volunteer
from heli.volunteering.steps import people, proofs, teams
from tests.invariants.laid import photo
from tests.loop.staff import log_in
from tests.loop.visitors import statements
from tests.volunteering.rows import number
from tests.world import COMMUNITY, IDENTITY

pytestmark = pytest.mark.django_db
PERSONAL = (*IDENTITY.values(), "13900000003", "13900000004")


@pytest.fixture(autouse=True)
def _password_alone(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


def text(response: Any) -> str:
    return str(response.content.decode())


def of(world: Any, key: str) -> Volunteer:
    return Volunteer.objects.get(user=getattr(world, key))


def cost(client: Client, url: str) -> tuple[str, int]:
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(url)
    assert answer.status_code == 200, url
    return text(answer), len(statements(caught))


def test_somebody_registers_at_home_and_says_when(world: Any) -> None:
    wang = log_in(world, "王桂兰")
    assert wang.get("/volunteering/me/").headers["Location"].endswith("/volunteering/me/register/")
    card = number(dt.date(1970, 2, 3))
    typed = {"name": "王桂兰", "id_number": card[:-1], "area": COMMUNITY, "fields_": ["elders"], "go": "send"}
    wrong = wang.post("/volunteering/me/register/", typed)
    assert wrong.status_code == 400 and "少了 1 位" in text(wrong) and "王桂兰" in text(wrong)
    assert wang.post("/volunteering/me/register/", typed | {"id_number": card}).status_code == 302
    page = wang.post(
        "/volunteering/me/when/", {"free": ["3", "20"], "limits": ["stairs"], "longest": "120", "fields_": ["elders"]}
    )
    assert page.status_code == 302
    made = of(world, "wang_resident")
    assert (made.free, made.limits, made.most_minutes) == ([3, 20], ["stairs"], 120)
    said, n = cost(wang, "/volunteering/me/")
    assert made.number in said and "待核对" in said and card not in said and n <= 14, n
    bad = wang.post("/volunteering/me/when/", {"free": ["3", "x"]})
    assert bad.status_code == 400


def test_a_proof_with_its_paper_is_for_its_volunteer_and_the_keepers(world: Any, tmp_path: Any, settings: Any) -> None:
    settings.HELI_FILES = tmp_path
    zhao, clerk, today = log_in(world, "赵志愿"), log_in(world, "韩网格"), timezone.localdate()
    typed = {
        "kind": "insurance",
        "valid_from": today,
        "valid_to": today + dt.timedelta(days=90),
        "how": "人保",
        "paper": photo(),
    }
    assert zhao.post("/volunteering/me/show/", typed).status_code == 302
    proof = Proof.objects.get(volunteer=of(world, "zhao_volunteer"))
    url = f"/volunteering/proofs/{proof.pk}/paper/"
    seen = {
        w: log_in(world, w).get(url).status_code
        for w in ("赵志愿", "韩网格", "吕部长", "钱站长", "李社工", "外县人", "周银龄")
    }
    assert seen == {
        "赵志愿": 200,
        "韩网格": 200,
        "吕部长": 200,
        "钱站长": 404,
        "李社工": 404,
        "外县人": 404,
        "周银龄": 404,
    }
    listed, _n = cost(clerk, "/volunteering/keep/?do=proofs")
    assert f"/volunteering/keep/{proof.volunteer_id}/" in listed
    assert clerk.post(f"/volunteering/keep/proofs/{proof.pk}/refuse/", {"reason": ""}).status_code == 400
    assert clerk.post(f"/volunteering/keep/proofs/{proof.pk}/confirm/", {"how": "看过"}).status_code == 302
    assert zhao.post("/volunteering/me/well/").status_code == 302
    assert zhao.post(f"/volunteering/me/proofs/{proof.pk}/back/").status_code == 302
    assert zhao.get(url).status_code == 404


def test_the_keepers_desk_costs_the_same_for_many_and_shows_masks(world: Any) -> None:
    for n in range(6):
        born = dt.date(1980, 3, n + 1)
        made = people.register_for(
            by=world.actor("韩网格"), at=timezone.now(), area_path=COMMUNITY, name=f"孙小{n}", id_number=number(born),
            phone=f"1370000010{n}", consent="当面",
        )  # fmt: skip
    clerk = log_in(world, "韩网格")
    said, n = cost(clerk, "/volunteering/keep/")
    assert n <= 12 and "孙**" in said and "孙小" not in said, n
    one, n = cost(clerk, f"/volunteering/keep/{made.pk}/")
    assert n <= 12 and "孙小" not in one and "137****" in one, n
    assert [p for p in PERSONAL if p in said + one] == []
    verify = f"/volunteering/keep/{made.pk}/verify/"
    assert clerk.post(verify, {"name": "孙小5", "last": "123456"}).status_code == 400
    assert clerk.post(verify, {"name": "孙小5", "last": number(born)[-6:]}).status_code == 302
    shown = clerk.post(f"/volunteering/keep/{made.pk}/reveal/", {"purpose": "请他带伞"})
    assert "13700000105" in text(shown)
    found = clerk.post("/volunteering/keep/find/", {"phone": "13700000103"})
    assert "孙**" in text(found) and clerk.post("/volunteering/keep/find/", {"phone": "1"}).status_code == 400
    assert log_in(world, "外县人").get("/volunteering/keep/").status_code == 403
    book = clerk.post("/volunteering/keep/export/?state=registered", {"purpose": "月底汇总"})
    with zipfile.ZipFile(io.BytesIO(book.content)) as sheets:
        cells = b"".join(sheets.read(f) for f in sheets.namelist()).decode()
    assert made.number not in cells and cells.count("待核对") >= 1 and "孙小" not in cells and "1370000" not in cells
    assert Event.objects.filter(step="list.export").exists()


def test_somebody_is_registered_at_the_counter(world: Any) -> None:
    clerk = log_in(world, "韩网格")
    typed = {
        "name": "孙奶奶",
        "id_number": number(dt.date(1950, 1, 2)),
        "area": COMMUNITY,
        "consent": "当面说的",
        "seen_card": "on",
        "go": "send",
    }
    answer = clerk.post("/volunteering/keep/new/", typed)
    assert answer.status_code == 302
    made = Volunteer.objects.latest("id")
    assert made.state == "verified" and answer.headers["Location"].endswith(f"/keep/{made.pk}/")
    told = {"free": ["1"], "limits": ["night"], "consent": "当面说的", "longest": "", "far": ""}
    assert clerk.post(f"/volunteering/keep/{made.pk}/change/", told).status_code == 302
    assert clerk.post(f"/volunteering/keep/{made.pk}/well/", {"consent": ""}).status_code == 400
    outside = clerk.post(
        "/volunteering/keep/new/", typed | {"area": "370602003004", "id_number": number(dt.date(1951, 1, 2))}
    )
    assert outside.status_code == 403


def test_teams_show_numbers_and_nobody(world: Any) -> None:
    team = world.org("银龄队").pk
    teams.describe(
        team_id=team, fields=["elders"], words="陪老人说话", takes=True, by=world.actor("钱站长"), at=timezone.now()
    )
    visitor = Client()
    listed, n = cost(visitor, "/volunteering/teams/?field=elders")
    assert n <= 6 and "大海阳社区银龄志愿服务队" in listed and "2 人" in listed, n
    one, _n = cost(visitor, f"/volunteering/teams/{team}/")
    assert "陪老人说话" in one
    for html in (listed, one):
        assert [p for p in ("赵志愿", "周银龄", "赵**", "周**", "钱站长", *PERSONAL) if p in html] == []
    assert "没有合适的队伍" in text(visitor.get("/volunteering/teams/?field=law"))


def test_joining_by_the_pages(world: Any) -> None:
    people.register(
        by=world.actor("王桂兰"),
        at=timezone.now(),
        area_path=COMMUNITY,
        name="王桂兰",
        id_number=number(dt.date(1970, 2, 3)),
    )
    team, wang, leader = world.org("银龄队").pk, log_in(world, "王桂兰"), log_in(world, "钱站长")
    assert wang.post(f"/volunteering/teams/{team}/ask/", {"words": "周末有空"}).status_code == 302
    assert wang.post(f"/volunteering/teams/{team}/ask/", {}).status_code == 409
    said, n = cost(leader, f"/volunteering/lead/teams/{team}/")
    assert "周末有空" in said and "赵志愿" in said and n <= 12, n
    asked = Joining.objects.get()
    assert leader.post(f"/volunteering/lead/joinings/{asked.pk}/refuse/", {"reason": ""}).status_code == 400
    assert leader.post(f"/volunteering/lead/joinings/{asked.pk}/take/").status_code == 302
    assert "您在这个队里" in text(wang.get(f"/volunteering/teams/{team}/"))
    assert log_in(world, "李社工").get(f"/volunteering/lead/teams/{team}/").status_code == 404
    assert (
        leader.post(
            f"/volunteering/lead/teams/{team}/members/{world.wang_resident.pk}/go/", {"reason": "搬走了"}
        ).status_code
        == 302
    )
    assert wang.post(f"/volunteering/teams/{team}/leave/").status_code == 404


def test_a_child_is_told_whom_to_ask(world: Any) -> None:
    born = timezone.localdate().replace(day=1)
    born = born.replace(year=born.year - 15)
    people.register(
        by=world.actor("王桂兰"), at=timezone.now(), area_path=COMMUNITY, name="王桂兰", id_number=number(born)
    )
    wang = log_in(world, "王桂兰")
    assert "/volunteering/me/guardian/" in text(wang.get("/volunteering/me/"))
    assert wang.post("/volunteering/me/guardian/", {"name": "王大山", "phone": "13812340000"}).status_code == 302
    page = text(wang.get("/volunteering/me/"))
    assert "王**" in page and "王大山" not in page and "138****0000" in page
    clerk = log_in(world, "韩网格")
    proof = Proof.objects.get(kind="guardian")
    assert "13812340000" in text(clerk.post(f"/volunteering/keep/proofs/{proof.pk}/reveal/", {"purpose": "问家长"}))
    assert proofs.confirm(proof_id=proof.pk, by=world.actor("韩网格"), at=timezone.now(), how="电话里同意")


def test_stopping_and_coming_back_by_the_pages(world: Any) -> None:
    zhao = log_in(world, "赵志愿")
    assert zhao.post("/volunteering/me/leave/").status_code == 302
    assert "您已退出志愿服务" in text(zhao.get("/volunteering/me/"))
    assert zhao.post("/volunteering/me/return/").status_code == 302
    assert of(world, "zhao_volunteer").state == "registered"

"""Pages of organisations and grants, by those who may and those who may not."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from heli.core.models import Event
from heli.orgs.models import Grant, Member, Organisation
from heli.people.models import User
from tests.loop.staff import log_in

pytestmark = pytest.mark.django_db
COUNTY, NEXT, STREET, COMMUNITY = "370602", "370613", "370602003", "370602003006"


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    settings.HELI_STAFF_MFA = False


@pytest.fixture
def jiang(world: Any) -> Client:
    return log_in(world, "姜管理")


def grant_form(world: Any, **changed: Any) -> dict[str, Any]:
    last = timezone.localdate() + dt.timedelta(days=90)
    values = {
        "username": "u-zhaozhiyuan",
        "role": "viewer",
        "paths": [STREET],
        "valid_to": last.isoformat(),
        "reason": "值班",
    }
    return {**values, **changed}


STAFF_PAGES = [
    "",
    "?view=tree",
    "new/",
    "grants/",
    "grants/new/",
    "grants/people/new/",
    "pick/grants/units/?org_typed=城管",
    "pick/grants/areas/",
    "pick/orgs/areas/?area_typed=大海阳",
]


@pytest.mark.parametrize("path", STAFF_PAGES)
@pytest.mark.parametrize("name", ["孙坐席", "于科员", "吕部长", "韩网格", "王桂兰"])
def test_not_for_others(world: Any, path: str, name: str) -> None:
    assert log_in(world, name).get(f"/orgs/{path}").status_code == 403


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_for_the_administrator(jiang: Client, path: str) -> None:
    assert jiang.get(f"/orgs/{path}").status_code == 200


def test_of_another_county_like_missing(world: Any, jiang: Client) -> None:
    org, user = world.org("莱山城管局"), world.outsider
    grant, member = Grant.objects.filter(user=user).first(), Member.objects.filter(user=user).first()
    assert grant is not None and member is not None
    for there, missing in (
        (f"/orgs/{org.pk}/", "/orgs/99999999/"),
        (f"/orgs/{org.pk}/edit/", "/orgs/99999999/edit/"),
        (f"/orgs/{org.pk}/close/", "/orgs/99999999/close/"),
        (f"/orgs/grants/{grant.pk}/", "/orgs/grants/99999999/"),
        (f"/orgs/grants/people/{user.pk}/", "/orgs/grants/people/99999999/"),
    ):
        a, b = jiang.get(there), jiang.get(missing)
        assert (a.status_code, b.status_code) == (404, 404)
        assert (
            a.content.replace(there.encode(), b"") == b.content.replace(missing.encode(), b"")
            or "L-404" in a.content.decode()
        )
    for path in (f"{org.pk}/members/", f"members/{member.pk}/end/", f"{org.pk}/close/", f"grants/{grant.pk}/"):
        assert jiang.post(f"/orgs/{path}", {"username": "u-xueshifu", "reason": "x"}).status_code == 404
    page = jiang.get("/orgs/grants/?state=all").content.decode() + jiang.get("/orgs/").content.decode()
    assert "外县人" not in page and "莱山" not in page


# Organisations -------------------------------------------------------------------------------------------------------------
def test_enter_change_close_and_open_again(jiang: Client, world: Any) -> None:
    form = {
        "kind": "team",
        "name": "芝罘区红领巾志愿服务队",
        "short_name": "红领巾队",
        "code": "",
        "area": COUNTY,
        "parent": "",
    }
    where = jiang.post("/orgs/new/", form)["Location"]
    org = Organisation.objects.get(short_name="红领巾队")
    assert where == f"/orgs/{org.pk}/"
    jiang.post(
        f"{where}edit/", {"name": "芝罘区少年志愿服务队", "short_name": "少年队", "parent": str(world.org("社工部").pk)}
    )
    org.refresh_from_db()
    assert (org.short_name, org.parent_id) == ("少年队", world.org("社工部").pk)
    assert jiang.post(f"{where}close/", {"reason": ""}).context["form"].errors
    jiang.post(f"{where}close/", {"reason": "合并"})
    assert jiang.post(f"{where}close/", {"reason": "误关"}).status_code == 302  # the same page opens it again
    page = jiang.get(where).content.decode()
    assert "合并" in page and "误关" in page


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "芝罘区城市管理局"}, "name"),
        ({"code": "12345"}, "code"),
        ({"code": "52370602MJE123456O"}, "code"),
        ({"kind": "x"}, "kind"),
        ({"area": "370602999"}, "area"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    jiang: Client, changed: dict[str, str], field: str
) -> None:
    form = {"kind": "team", "name": "红领巾队", "short_name": "队", "code": "", "area": COUNTY, "parent": "", **changed}
    response = jiang.post("/orgs/new/", form)
    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert 'value="队"' in response.content.decode()


def test_finding_without_scripts_keeps_what_was_typed(jiang: Client) -> None:
    form = {"kind": "team", "name": "红领巾队", "parent_typed": "社工部", "area_typed": "大海阳", "find": "parent"}
    page = jiang.post("/orgs/new/", form).content.decode()
    assert 'value="红领巾队"' in page and "大海阳社区" in page and "芝罘区委社会工作部" in page
    assert not Organisation.objects.filter(name="红领巾队").exists()


def test_members(jiang: Client, world: Any) -> None:
    org = world.org("银龄队")
    response = jiang.post(f"/orgs/{org.pk}/members/", {"username": "nobody.here"})
    assert response.status_code == 400 and "username" in response.context["member"].errors
    jiang.post(f"/orgs/{org.pk}/members/", {"username": "u-wangguilan", "title": "队长"})
    member = Member.objects.get(org=org, user=world.wang_resident)
    assert "队长" in jiang.get(f"/orgs/{org.pk}/").content.decode()
    jiang.post(f"/orgs/members/{member.pk}/end/")
    member.refresh_from_db()
    assert member.valid_to is not None


def test_filters_stay_in_the_address_and_pages_follow(jiang: Client, world: Any) -> None:
    page = jiang.get("/orgs/?kind=township").content.decode()
    assert "毓璜顶街道" in page and "芝罘区城市管理局" not in page
    assert "城管局" in jiang.get("/orgs/?q=cgj").content.decode()
    assert "没有" in jiang.get("/orgs/?q=zzzzzz").content.decode()
    for odd in ("?kind=%00", "?area=%00", "?area=37'--", "?after=x", "?q=" + "x" * 5000):
        assert jiang.get(f"/orgs/{odd}").status_code in {200, 400}


def test_export_asks_what_for_and_writes_it_down(jiang: Client, world: Any) -> None:
    assert jiang.get("/orgs/export/").status_code == 405
    assert jiang.post("/orgs/export/?kind=township", {"purpose": " "}).status_code == 400
    response = jiang.post("/orgs/export/?kind=township", {"purpose": "核对通讯录"})
    rows = list(load_workbook(io.BytesIO(response.content)).worksheets[0].values)
    assert len(rows) == 1 + Organisation.objects.filter(kind="township", area_path__startswith=COUNTY).count()
    event = Event.objects.get(step="list.export")
    assert (event.user_id, event.data["purpose"]) == (world.jiang_admin.pk, "核对通讯录")


def test_export_stops_at_the_rules_limit(jiang: Client, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heli.orgs.views.row_cap", lambda actor, at: 3)
    response = jiang.post("/orgs/export/", {"purpose": "x"})
    assert response.status_code == 400 and "L-105" in response.content.decode()


# Grants ----------------------------------------------------------------------------------------------------------------------
def test_give_see_and_end(jiang: Client, world: Any) -> None:
    response = jiang.post("/orgs/grants/new/", grant_form(world))
    grant = Grant.objects.get(user=world.zhao_volunteer)
    assert response["Location"] == f"/orgs/grants/people/{world.zhao_volunteer.pk}/"
    assert (grant.paths, grant.reason) == ([STREET], "值班")
    assert grant.valid_to is not None and timezone.localtime(grant.valid_to).hour == 0  # the end of that day
    page = jiang.get(response["Location"]).content.decode()
    assert "赵志愿" in page and "毓璜顶" in page
    assert jiang.post(f"/orgs/grants/{grant.pk}/", {"reason": ""}).context["form"].errors
    jiang.post(f"/orgs/grants/{grant.pk}/", {"reason": "调岗"})
    grant.refresh_from_db()
    assert grant.end_reason == "调岗"
    assert "调岗" in jiang.get(f"/orgs/grants/{grant.pk}/").content.decode()
    assert jiang.post(f"/orgs/grants/{grant.pk}/", {"reason": "again"}).status_code == 409


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"username": "nobody.here"}, "username"),
        ({"username": ""}, "username"),
        ({"role": "king"}, "role"),
        ({"valid_to": "2020-01-01"}, "valid_to"),
        ({"valid_to": "9999-12-31"}, "valid_to"),
        ({"valid_to": "soon"}, "valid_to"),
        ({"reason": ""}, "reason"),
        ({"acting_for": "nobody.here"}, "acting_for"),
        ({"acting_for": "u-zhouyinling"}, "acting_for"),
        ({"username": "jiang.guanli"}, "__all__"),
    ],
)
def test_what_is_wrong_with_a_grant_stands_beside_its_field(
    jiang: Client, world: Any, changed: dict[str, str], field: str
) -> None:
    response = jiang.post("/orgs/grants/new/", grant_form(world, **changed))
    assert response.status_code == 400
    assert field in response.context["form"].errors
    assert not Grant.objects.filter(user=world.zhao_volunteer).exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"paths": [NEXT]}, "paths"),
        ({"paths": []}, "paths"),
        ({"paths": ["37"]}, "paths"),
        ({"role": "unit_officer", "org": ""}, "org"),
        ({"role": "unit_officer", "org": "99999999"}, "org"),
        ({"role": "unit_officer", "org": "9" * 30}, "org"),
    ],
)
def test_what_is_wrong_with_unit_or_areas_stands_beside_them(
    jiang: Client, world: Any, changed: dict[str, Any], field: str
) -> None:
    response = jiang.post("/orgs/grants/new/", grant_form(world, **changed))
    assert response.status_code == 400
    assert response.context["errors"][field]
    assert not Grant.objects.filter(user=world.zhao_volunteer).exists()


def test_the_chosen_unit_and_areas_stay_after_a_mistake(jiang: Client, world: Any) -> None:
    unit = world.org("城管局").pk
    response = jiang.post("/orgs/grants/new/", grant_form(world, role="unit_officer", org=str(unit), reason=""))
    page = response.content.decode()
    assert f'value="{unit}" checked' in page and f'value="{STREET}" checked' in page


def test_pickers_offer_only_what_lies_within(jiang: Client, world: Any) -> None:
    page = jiang.get("/orgs/pick/grants/units/?org_typed=城管").content.decode()
    assert "城管局" in page and "莱山" not in page
    page = jiang.get("/orgs/pick/grants/areas/?paths_typed=dhy&paths=370613").content.decode()
    assert "大海阳" in page and NEXT not in page
    assert jiang.get("/orgs/pick/grants/areas/?paths_typed=%00").status_code in {200, 400}


def test_an_account_for_a_colleague_shows_its_password_once(jiang: Client, world: Any) -> None:
    response = jiang.post("/orgs/grants/people/new/", {"username": "new.one", "call_name": "新人"})
    password = response.context["password"]
    assert response["Cache-Control"] == "no-store" and password in response.content.decode()
    user = User.objects.get(username="new.one")
    assert user.check_password(password) and user.password_due
    again = jiang.post("/orgs/grants/people/new/", {"username": "New.One", "call_name": "新人"})
    assert again.status_code == 400 and "username" in again.context["form"].errors


def test_export_of_grants(jiang: Client, world: Any) -> None:
    response = jiang.post("/orgs/grants/export/?role=unit_officer", {"purpose": "年度核对"})
    sheet = load_workbook(io.BytesIO(response.content)).worksheets[0]
    assert {r[0] for r in list(sheet.values)[1:]} == {"yu.keyuan", "qu.keyuan"}


def test_ones_own_grant_is_seen_but_not_ended(jiang: Client, world: Any) -> None:
    own = Grant.objects.get(user=world.jiang_admin)
    page = jiang.get(f"/orgs/grants/{own.pk}/")
    assert page.context["own"] and not page.context["row"].may_end
    assert jiang.post(f"/orgs/grants/{own.pk}/", {"reason": "x"}).status_code == 403


def test_everybody_sees_what_they_themselves_may(world: Any) -> None:
    page = log_in(world, "于科员").get("/orgs/mine/").content.decode()
    assert "城管局" in page
    assert log_in(world, "王桂兰").get("/orgs/mine/").status_code == 200
    assert Client().get("/orgs/mine/").status_code == 302


def test_odd_filters_narrow_nothing_and_break_nothing(jiang: Client, world: Any) -> None:
    for odd in ("?state=x", "?area=%27", "?role=%00", "?person=" + "x" * 500, "?after=zzz", "?unit=%25"):
        assert jiang.get(f"/orgs/grants/{odd}").status_code in {200, 400}


def test_statements(jiang: Client, world: Any, django_assert_max_num_queries: Any) -> None:
    org = world.org("城管局").pk
    grant = Grant.objects.filter(user=world.yu_officer).values_list("pk", flat=True)[0]
    for path, most in (
        ("/orgs/", 5),
        ("/orgs/?view=tree", 5),
        ("/orgs/grants/", 7),
        ("/orgs/grants/new/", 8),
        (f"/orgs/{org}/", 10),
        (f"/orgs/grants/{grant}/", 8),
        (f"/orgs/grants/people/{world.yu_officer.pk}/", 8),
    ):
        with django_assert_max_num_queries(most):
            assert jiang.get(path).status_code == 200

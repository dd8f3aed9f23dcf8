"""People with work to do here use a second factor, in this very session."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client

from heli.core.actor import SYSTEM
from heli.orgs import steps
from tests.people.conftest import totp_now
from tests.world import BORN, PASSWORD

pytestmark = pytest.mark.django_db
WORK = "/orgs/grants/"


@pytest.fixture(autouse=True)
def staff_mfa(settings: Any) -> None:
    settings.HELI_STAFF_MFA = True


def start(name: str = "jiang.guanli") -> Client:
    client = Client()
    client.post("/account/login/", {"login": name, "password": PASSWORD})
    return client


def set_up(client: Client) -> str:
    """Set the authenticator up as a person does; returns its key."""
    where = client.get("/account/2fa/on/")["Location"]
    client.post(where, {"password": PASSWORD})
    secret = str(client.get("/account/2fa/on/").context["form"].secret)
    response = client.post("/account/2fa/on/", {"code": totp_now(secret)})
    assert response.status_code == 302, response.context["form"].errors
    cache.clear()  # the code just used may be used again, as half a minute later
    return secret


@pytest.mark.parametrize("path", [WORK, "/", "/me/", "/orgs/", "/rules/all/"])
def test_without_one_every_page_sends_to_set_it_up(world: Any, path: str) -> None:
    assert start().get(path)["Location"] == "/account/2fa/on/"


def test_writing_is_stopped_as_well(world: Any) -> None:
    client = start()
    response = client.post("/orgs/grants/people/new/", {"username": "x.y", "call_name": "x"})
    assert response["Location"] == "/account/2fa/on/"
    response = client.get(WORK, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == "/account/2fa/on/" and response.content == b""


def test_residents_need_none(world: Any) -> None:
    client = start("u-wangguilan")
    assert client.get("/me/").status_code == 200


def test_having_set_it_up_is_having_used_it(world: Any) -> None:
    client = start()
    set_up(client)
    assert client.get(WORK).status_code == 200


def test_the_next_log_in_asks_for_it(world: Any) -> None:
    secret = set_up(start())
    client = Client()
    response = client.post("/account/login/", {"login": "jiang.guanli", "password": PASSWORD})
    assert response["Location"].startswith("/account/2fa/login/")
    assert client.get(WORK)["Location"].startswith("/account/login/")  # not logged in yet
    wrong = client.post("/account/2fa/login/", {"code": "000000"})
    assert wrong.context["form"].errors["code"]
    client.post("/account/2fa/login/", {"code": totp_now(secret)})
    assert client.get(WORK).status_code == 200


def test_a_code_is_good_once(world: Any) -> None:
    secret = set_up(start())
    code = totp_now(secret)
    for expected in (200, 302):
        client = start()
        client.post("/account/2fa/login/", {"code": code})
        assert client.get(WORK).status_code == expected


def test_a_spare_code_is_good_once(world: Any) -> None:
    first = start()
    set_up(first)
    codes = first.get("/account/2fa/spare/").context["unused_codes"]
    assert len(codes) == 10
    for expected in (200, 302):
        client = start()
        client.post("/account/2fa/login/", {"code": codes[0]})
        assert client.get(WORK).status_code == expected


def test_one_set_up_in_another_session_is_not_one_used_in_this(world: Any) -> None:
    """Two browsers log in by password alone; the second factor is then set up in one of them."""
    before, other = start(), start()
    secret = set_up(other)
    response = before.get(WORK)
    assert response["Location"] == "/account/2fa/again/?next=%2Forgs%2Fgrants%2F"
    before.post(response["Location"], {"code": totp_now(secret)})
    assert before.get(WORK).status_code == 200


def test_a_role_given_to_somebody_who_is_logged_in_counts_after_the_second_factor(world: Any) -> None:
    client = start("u-wangguilan")
    assert client.get("/me/").status_code == 200
    steps.give_grant(
        user_id=world.wang_resident.pk, role="area_admin", paths=["370602"], reason="x", by=SYSTEM, at=BORN
    )
    assert client.get(WORK)["Location"] == "/account/2fa/on/"
    set_up(client)
    assert client.get(WORK).status_code == 200


def test_who_works_here_cannot_switch_it_off(world: Any) -> None:
    client = start()
    set_up(client)
    page = client.get("/account/2fa/off/")
    assert page.context["form"].errors
    client.post("/account/2fa/off/")
    assert Authenticator.objects.filter(user=world.jiang_admin, type="totp").exists()


def test_a_resident_may_switch_it_off(world: Any) -> None:
    client = start("u-wangguilan")
    set_up(client)
    client.post("/account/2fa/off/")
    assert not Authenticator.objects.filter(user=world.wang_resident).exists()


def test_logging_in_by_a_text_message_is_no_second_factor(world: Any, box: Any) -> None:
    from heli.core.actor import Actor
    from heli.people.steps import set_phone

    set_phone(user_id=world.jiang_admin.pk, phone="13812345678", verified=True, by=Actor(world.jiang_admin.pk), at=BORN)
    secret = set_up(start())
    client = Client()
    client.post("/account/login/code/", {"phone": "13812345678"})
    client.post("/account/login/code/confirm/", {"code": box[0].values["code"]})
    assert client.get(WORK)["Location"].startswith("/account/login/")
    client.post("/account/2fa/login/", {"code": totp_now(secret)})
    assert client.get(WORK).status_code == 200


def test_where_it_is_not_asked_the_password_is_enough(world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    assert start().get(WORK).status_code == 200


def test_the_key_is_sealed_in_the_database(world: Any) -> None:
    client = start()
    secret = set_up(client)
    for row in Authenticator.objects.filter(user=world.jiang_admin).values_list("data", flat=True):
        assert secret not in str(row)
        assert str(row.get("secret") or row.get("seed")).count(":") == 1


def test_a_password_chosen_by_somebody_else_comes_first(world: Any, settings: Any) -> None:
    from heli.people.steps import open_account

    settings.HELI_STAFF_MFA = False
    user, password = open_account(username="new.one", call_name="新人", by=world.actor("姜管理"), at=BORN)
    steps.give_grant(user_id=user.pk, role="area_admin", paths=["370602"], reason="x", by=SYSTEM, at=BORN)
    client = Client()
    client.post("/account/login/", {"login": "new.one", "password": password})
    for path in ("/", WORK, "/me/"):
        assert client.get(path)["Location"] == "/account/password/"
    client.post("/account/password/", {"oldpassword": password, "password1": "another-long-sentence"})
    assert client.get(WORK).status_code == 200


def test_grants_sleep_even_on_a_page_that_is_always_open(world: Any, rf: Any) -> None:
    """The middleware lets account pages through; the actor there may nothing."""
    from heli.orgs.middleware import actor_of

    request = rf.get("/account/password/")
    request.user, request.session = world.jiang_admin, {}
    assert not actor_of(request).is_staff


# Lost ---------------------------------------------------------------------------------------------------------------
def test_an_administrator_takes_a_lost_one_off_and_a_new_one_is_set_up(world: Any) -> None:
    from heli.core.models import Event

    colleague = start("yu.keyuan")
    set_up(colleague)
    assert colleague.get("/loop/inbox/").status_code == 200
    admin = start()
    set_up(admin)
    person = f"/orgs/grants/people/{world.yu_officer.pk}/"
    assert f"{person}factor/" in admin.get(person).content.decode()
    assert admin.post(person + "factor/", {"reason": ""}).status_code == 400
    assert admin.post(person + "factor/", {"reason": "在办公室当面核对"}).status_code == 302
    assert not Authenticator.objects.filter(user=world.yu_officer).exists()
    assert "login" in colleague.get("/loop/inbox/")["Location"], "every session ended"
    again = start("yu.keyuan")
    assert again.get("/loop/inbox/")["Location"] == "/account/2fa/on/", "before anything else a new one"
    event = Event.objects.get(step="orgs.reset_second_factor")
    assert (event.user_id, event.subject_id) == (world.jiang_admin.pk, world.yu_officer.pk)
    assert event.data["reason"] == "在办公室当面核对"
    nothing = admin.post(person + "factor/", {"reason": "再来一次"})
    assert nothing.status_code == 400, "there is none any more"


def test_not_ones_own_nor_who_holds_something_elsewhere(world: Any) -> None:
    from heli.core.errors import NotFound
    from heli.orgs.errors import OwnGrant, TooWide

    def reset(who: str, by: str) -> None:
        steps.reset_second_factor(user_id=world.user(who).pk, reason="试", by=world.actor(by), at=BORN)

    for who, by, error in (
        ("姜管理", "姜管理", OwnGrant),
        ("外县人", "姜管理", NotFound),
        ("王桂兰", "姜管理", NotFound),
        ("于科员", "孙坐席", NotFound),
    ):
        with pytest.raises(error):
            reset(who, by)
    steps.give_grant(
        user_id=world.yu_officer.pk, role="viewer", paths=("370613",), reason="借调", by=SYSTEM, at=BORN
    )  # fmt: skip
    with pytest.raises(TooWide):
        reset("于科员", "姜管理")

"""Log-in, sign-up and numbers, as a person meets them."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from django.utils import timezone

from heli.adapters import sms
from heli.core import vault
from heli.core.actor import PUBLIC, SYSTEM, Actor
from heli.core.errors import Forbidden, Invalid, NotFound
from heli.core.models import Event, VaultRecord
from heli.people import queries, steps
from heli.people.errors import NameTaken, PhoneTaken
from heli.people.models import User
from tests.world import PASSWORD

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
NEW = "13812345678"

pytestmark = pytest.mark.django_db


def logged_in(client: Any) -> int | None:
    return int(client.session["_auth_user_id"]) if "_auth_user_id" in client.session else None


def code_of(box: Any) -> str:
    assert box[0].template == "code"
    code: str = box[0].values["code"]
    assert re.fullmatch(r"\d{6}", code)
    return code


# Log-in --------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "typed",
    ["13900000001", " 139 0000 0001 ", "+86 139-0000-0001", "１３９０００００００１", "u-wangguilan", "U-WangGuiLan"],
)
def test_one_field_takes_number_or_user_name(world: Any, client: Any, login: Any, typed: str) -> None:
    assert login(typed).status_code == 302
    assert logged_in(client) == world.wang_resident.pk


@pytest.mark.parametrize("typed", ["13900000001", "u-wangguilan", "13999999999", "nobody", "", "a" * 200, "'; --"])
def test_a_wrong_password_says_the_same_whether_or_not_there_is_an_account(
    world: Any, client: Any, login: Any, typed: str
) -> None:
    response = login(typed, "wrong-password")
    assert response.status_code == 200
    assert logged_in(client) is None
    said = response.content.decode()
    assert "wrong-password" not in said


def test_unknown_and_known_numbers_get_the_same_answer(world: Any, client: Any, login: Any) -> None:
    def answer(typed: str) -> str:
        text = login(typed, "wrong-password").content.decode()
        return re.sub(r'value="[^"]*"|csrf[^>]*>|X-CSRFToken[^}]*|nonce="[^"]*"', "", text)

    assert answer("13900000001") == answer("13999999999")


def test_to_where_one_wanted_but_not_to_another_site(world: Any, login: Any, client: Any) -> None:
    response = client.post(
        "/account/login/?next=/me/access/", {"login": "u-wangguilan", "password": PASSWORD, "next": "/me/access/"}
    )
    assert response["Location"] == "/me/access/"
    client.logout()
    response = client.post(
        "/account/login/", {"login": "u-wangguilan", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert response["Location"] == "/"


def test_a_closed_account_is_told_so_only_with_the_right_password(world: Any, login: Any, client: Any) -> None:
    User.objects.filter(pk=world.wang_resident.pk).update(is_active=False)
    assert login("u-wangguilan")["Location"] == "/account/closed/"
    assert logged_in(client) is None
    assert login("u-wangguilan", "wrong-password").status_code == 200


# Guessing ------------------------------------------------------------------------------------------------------------------
def guess(client: Any, times: int, name: str = "u-wangguilan") -> Any:
    from django.core.cache import cache

    response = None
    for n in range(times):
        cache.clear()  # the library's own limit per minute; the table below is what is tested
        response = client.post("/account/login/", {"login": name, "password": f"guess-{n}"})
    cache.clear()
    return response


def test_after_eight_wrong_passwords_the_right_one_does_not_help_for_15_minutes(
    world: Any, client: Any, login: Any
) -> None:
    import time_machine

    with time_machine.travel(NOW, tick=False) as clock:
        assert guess(client, 7).status_code == 200
        assert guess(client, 1).status_code == 429
        response = login("u-wangguilan")
        assert response.status_code == 429 and "L-523" in response.content.decode()
        assert logged_in(client) is None
        assert login("13900000001").status_code == 429  # the number is the same account
        assert (
            client.post("/account/login/", {"login": "u-xueshifu", "password": PASSWORD}).status_code == 302
        )  # another is free
        client.logout()
        clock.shift(dt.timedelta(minutes=16))
        assert login("u-wangguilan").status_code == 302


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(world: Any, client: Any, login: Any) -> None:
    guess(Client(REMOTE_ADDR="203.0.113.9"), 9)
    assert login("u-wangguilan").status_code == 302


def test_failed_tries_hold_no_phone_number(world: Any, client: Any) -> None:
    from axes.models import AccessAttempt

    guess(client, 2, name="13900000001")
    guess(client, 2, name="13912345678")
    rows = list(AccessAttempt.objects.values())
    assert len(rows) == 2
    assert "139000" not in str(rows) and "1391234" not in str(rows)
    assert {r["username"] for r in rows} > {"u-wangguilan"}


# Sign-up -------------------------------------------------------------------------------------------------------------------
def sign_up(client: Any, phone: str = NEW, **more: Any) -> Any:
    return client.post(
        "/account/signup/", {"phone": phone, "password1": "a-good-long-sentence", "call_name": "王女士", **more}
    )


def test_sign_up_by_phone(client: Any, box: Any) -> None:
    assert sign_up(client, phone="138 1234 5678")["Location"] == "/account/phone/verify/"
    assert logged_in(client) is None
    page = client.get("/account/phone/verify/").content.decode()
    assert "138****5678" in page and NEW not in page
    assert client.post("/account/phone/verify/", {"action": "verify", "code": code_of(box)}).status_code == 302
    user = User.objects.get(pk=logged_in(client))
    assert (user.call_name, user.phone_verified, user.username[:2]) == ("王女士", True, "u-")
    assert user.record is not None and vault.open_own(user.record)["phone"] == NEW
    assert queries.by_phone(NEW) == user
    assert [e.user_id for e in Event.objects.filter(subject_type="people.user", subject_id=user.pk)] == [
        user.pk,
        user.pk,
    ]


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ("1381234567", "1"),  # one digit short: says how many
        ("138123456789", "1"),
        ("12012345678", "13"),
        ("05356210000", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_a_wrong_number_is_said_beside_the_field(client: Any, box: Any, phone: str, said: str) -> None:
    response = sign_up(client, phone=phone)
    assert response.status_code == 200
    (error,) = response.context["form"].errors["phone"]
    assert said in error
    assert not box


@pytest.mark.parametrize("password", ["short", "1234567890", "password123", ""])
def test_a_weak_password_is_refused(client: Any, box: Any, password: str) -> None:
    response = sign_up(client, password1=password)
    assert response.context["form"].errors["password1"]
    assert not box and not User.objects.filter(call_name="王女士").exists()


def test_signing_up_with_a_number_that_has_an_account_tells_only_its_owner(world: Any, client: Any, box: Any) -> None:
    count = User.objects.count()
    assert sign_up(client, phone="13900000001")["Location"] == "/account/phone/verify/"
    assert User.objects.count() == count
    assert box[0].template == "has_account" and not box[0].values
    client.post("/account/phone/verify/", {"action": "verify", "code": "000000"})
    assert logged_in(client) is None


def test_a_wrong_code_three_times_ends_it(client: Any, box: Any) -> None:
    sign_up(client)
    right = code_of(box)
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(3):
        response = client.post("/account/phone/verify/", {"action": "verify", "code": wrong})
    assert response.status_code == 302
    client.post("/account/phone/verify/", {"action": "verify", "code": right})
    assert logged_in(client) is None


def test_a_code_is_good_for_a_quarter_of_an_hour(client: Any, box: Any) -> None:
    import time_machine

    with time_machine.travel(NOW, tick=False) as clock:
        sign_up(client)
        code = code_of(box)
        clock.shift(dt.timedelta(minutes=16))
        client.post("/account/phone/verify/", {"action": "verify", "code": code})
    assert logged_in(client) is None


def test_codes_are_not_sent_again_and_again(client: Any, box: Any) -> None:
    sign_up(client)
    for _ in range(5):
        client.post("/account/phone/verify/", {"action": "resend"})
    assert len(box) == 1  # one a minute for each number


def test_a_number_typed_wrongly_can_be_changed_before_it_is_proved(client: Any, box: Any) -> None:
    from django.core.cache import cache

    sign_up(client, phone="13812345670")
    cache.clear()
    client.post("/account/phone/verify/", {"action": "change", "phone": NEW})
    assert box[0].phone == NEW
    client.post("/account/phone/verify/", {"action": "verify", "code": code_of(box)})
    assert queries.by_phone(NEW).pk == logged_in(client)  # type: ignore[union-attr]
    assert queries.by_phone("13812345670") is None


def test_somebody_elses_number_unproved_blocks_nobody(client: Any, box: Any) -> None:
    """Who typed your number and never proved it does not keep you out."""
    sign_up(client)
    other = Client()
    from django.core.cache import cache

    cache.clear()
    sign_up(other)
    other.post("/account/phone/verify/", {"action": "verify", "code": code_of(box)})
    assert queries.by_phone(NEW).pk == logged_in(other)  # type: ignore[union-attr]


def test_a_message_that_was_not_sent_is_said_with_its_code(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_a: Any) -> None:
        raise sms.NotSent

    monkeypatch.setattr(sms.Local, "send", fail)
    response = sign_up(client)
    assert response.status_code == 503 and "L-531" in response.content.decode()


# By text message -------------------------------------------------------------------------------------------------------------
def by_code(client: Any, box: Any, phone: str = "13900000001") -> Any:
    client.post("/account/login/code/", {"phone": phone})
    return client.post("/account/login/code/confirm/", {"action": "verify", "code": code_of(box)})


def test_log_in_by_a_text_message(world: Any, client: Any, box: Any) -> None:
    assert by_code(client, box).status_code == 302
    assert logged_in(client) == world.wang_resident.pk


def test_a_number_without_account_gets_no_message_and_the_page_does_not_tell(client: Any, box: Any) -> None:
    response = client.post("/account/login/code/", {"phone": "13777777777"})
    assert response["Location"].startswith("/account/login/code/confirm/")
    assert not box
    client.post("/account/login/code/confirm/", {"action": "verify", "code": ""})
    assert logged_in(client) is None


def test_a_forgotten_password_is_replaced_after_a_text_message(world: Any, client: Any, login: Any, box: Any) -> None:
    by_code(client, box)
    page = client.get("/account/password/")
    assert "oldpassword" not in page.context["form"].fields
    assert client.post("/account/password/", {"password1": "another-long-sentence"}).status_code == 302
    client.logout()
    assert login("u-wangguilan", "another-long-sentence").status_code == 302


def test_with_a_password_log_in_the_old_one_is_asked(world: Any, client: Any, login: Any) -> None:
    login("u-wangguilan")
    response = client.post("/account/password/", {"password1": "another-long-sentence"})
    assert response.context["form"].errors["oldpassword"]
    response = client.post("/account/password/", {"oldpassword": "wrong", "password1": "another-long-sentence"})
    assert response.context["form"].errors["oldpassword"]
    assert (
        client.post("/account/password/", {"oldpassword": PASSWORD, "password1": "another-long-sentence"}).status_code
        == 302
    )


def test_the_trust_in_a_text_message_ends_after_ten_minutes(world: Any, client: Any, box: Any) -> None:
    import time_machine

    with time_machine.travel(NOW, tick=False) as clock:
        by_code(client, box)
        clock.shift(dt.timedelta(minutes=11))
        assert "oldpassword" in client.get("/account/password/").context["form"].fields


def test_a_new_password_ends_other_sessions(world: Any, client: Any, login: Any) -> None:
    other = Client()
    other.post("/account/login/", {"login": "u-wangguilan", "password": PASSWORD})
    login("u-wangguilan")
    client.post("/account/password/", {"oldpassword": PASSWORD, "password1": "another-long-sentence"})
    assert client.get("/me/").status_code == 200
    assert other.get("/me/").status_code == 302


# Another number --------------------------------------------------------------------------------------------------------------
def test_a_new_number_asks_the_password_then_the_code(world: Any, client: Any, login: Any, box: Any) -> None:
    login("u-wangguilan")
    response = client.post("/account/phone/change/", {"phone": NEW})
    assert response["Location"].startswith("/account/again/")
    client.post(response["Location"], {"password": PASSWORD})
    from django.core.cache import cache

    cache.clear()
    assert client.post("/account/phone/change/", {"phone": NEW})["Location"] == "/account/phone/verify/"
    assert queries.by_phone("13900000001") == world.wang_resident  # until the new one is proved
    client.post("/account/phone/verify/", {"action": "verify", "code": code_of(box)})
    assert queries.by_phone(NEW) == world.wang_resident
    assert queries.by_phone("13900000001") is None


def test_two_cannot_prove_the_same_number(world: Any) -> None:
    with pytest.raises(PhoneTaken):
        steps.set_phone(
            user_id=world.xue_driver.pk, phone="13900000001", verified=True, by=Actor(world.xue_driver.pk), at=NOW
        )
    assert queries.by_phone("13900000001") == world.wang_resident


# Steps -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "username", ["13912345678", "+8613912345678", "123456", "a", "has space", "a" * 61, "a@b", "x\n", "<script>"]
)
def test_user_names_that_cannot_be(username: str) -> None:
    with pytest.raises(Invalid) as caught:
        steps.register(by=SYSTEM, at=NOW, username=username)
    assert caught.value.field == "username"


def test_user_names_differ_in_more_than_capitals(world: Any) -> None:
    for username in ("sun.zuoxi", "SUN.zuoxi"):
        with pytest.raises(NameTaken):
            steps.register(by=SYSTEM, at=NOW, username=username)


def test_nobody_writes_another_persons_account(world: Any) -> None:
    other = Actor(user_id=world.xue_driver.pk)
    for write in (
        lambda: steps.set_phone(user_id=world.wang_resident.pk, phone=NEW, verified=True, by=other, at=NOW),
        lambda: steps.set_password(user_id=world.wang_resident.pk, password="x" * 12, by=other, at=NOW),
        lambda: steps.change_profile(
            user_id=world.wang_resident.pk, call_name="x", language="", look="", by=other, at=NOW
        ),
        lambda: steps.change_name(user_id=world.wang_resident.pk, name="x", by=other, at=NOW),
        lambda: steps.close_account(user_id=world.wang_resident.pk, by=other, at=NOW),
        lambda: steps.close_account(user_id=world.wang_resident.pk, by=PUBLIC, at=NOW),
    ):
        with pytest.raises(NotFound):
            write()


def test_only_who_manages_grants_opens_accounts_for_others(world: Any) -> None:
    with pytest.raises(Forbidden):
        steps.open_account(username="new.one", call_name="新人", by=world.actor("孙坐席"), at=NOW)
    user, password = steps.open_account(username="new.one", call_name="新人", by=world.actor("姜管理"), at=NOW)
    assert user.password_due and user.check_password(password) and len(password) == 12
    assert password not in str(list(Event.objects.filter(subject_id=user.pk).values()))


def test_unfinished_sign_ups_are_forgotten(client: Any, box: Any, world: Any) -> None:
    sign_up(client)
    now = timezone.now()
    assert steps.sweep_unfinished(before=now - dt.timedelta(hours=24), by=SYSTEM, at=now) == 0
    later = now + dt.timedelta(hours=25)
    assert steps.sweep_unfinished(before=later - dt.timedelta(hours=24), by=SYSTEM, at=later) == 1
    assert not VaultRecord.objects.filter(phone_index=vault.blind("phone", NEW)).exists()
    assert User.objects.get(pk=world.wang_resident.pk).is_active
    assert User.objects.get(pk=world.sun_dispatcher.pk).is_active


# What is not there -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    [
        "email/",
        "confirm-email/",
        "confirm-email/x/",
        "password/reset/",
        "password/reset/done/",
        "password/reset/key/1-x/",
        "social/signup/",
        "3rdparty/",
        "2fa/webauthn/",
        "sessions/",
        "signup/passkey/",
        "",
    ],
)
def test_library_pages_we_do_not_need_are_not_there(client: Any, login: Any, world: Any, path: str) -> None:
    assert client.get(f"/account/{path}").status_code == 404
    login("u-wangguilan")
    assert client.get(f"/account/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "phone/change/",
        "password/",
        "again/",
        "2fa/",
        "2fa/on/",
        "2fa/off/",
        "2fa/spare/",
        "2fa/spare/new/",
        "2fa/spare/file/",
    ],
)
def test_pages_of_an_account_ask_to_log_in(client: Any, path: str) -> None:
    assert client.get(f"/account/{path}")["Location"].startswith("/account/login/?next=")


# The sender ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["", "heli.adapters.sms:Local"])
def test_production_does_not_start_without_a_sender(name: str) -> None:
    with (
        override_settings(DEBUG=False, HELI_SMS_SENDER=name),
        pytest.raises(ImproperlyConfigured, match="HELI_SMS_SENDER"),
    ):
        sms.refuse_none()
    with override_settings(DEBUG=True, HELI_SMS_SENDER="heli.adapters.sms:Local"):
        sms.refuse_none()


@pytest.mark.parametrize("name", ["nowhere:Class", "heli.adapters.sms:Missing", "heli.adapters.sms", ":x"])
def test_a_sender_that_is_not_there_is_said_at_start(name: str) -> None:
    with override_settings(HELI_SMS_SENDER=name), pytest.raises(ImproperlyConfigured):
        sms.refuse_none()


def test_the_box_of_unsent_messages_exists_in_development_only(client: Any, settings: Any, box: Any) -> None:
    sign_up(client)
    settings.DEBUG = True
    page = client.get("/me/sms-box/").content.decode()
    assert code_of(box) in page and NEW not in page
    settings.DEBUG = False
    assert client.get("/me/sms-box/").status_code == 404

"""Sessions end: unused, old, when the password or the second factor changes, when a role is taken, when their owner says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from heli.core.actor import SYSTEM
from heli.core.models import Event, Session
from heli.core.sessions import stored_key
from heli.orgs import steps as orgs
from heli.orgs.models import Grant
from heli.people import steps as people
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 9, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
WORK, HOME = "/loop/inbox/", "/me/"


@pytest.fixture(autouse=True)
def clock(settings: Any) -> Iterator[Any]:
    settings.HELI_STAFF_MFA = False
    with time_machine.travel(NOW, tick=False) as moving:
        yield moving


def logged_in(name: str = "yu.keyuan", agent: str = "Mozilla/5.0 (Windows NT 10.0) Chrome/120 Edg/120") -> Client:
    client = Client(HTTP_USER_AGENT=agent)
    client.post("/account/login/", {"login": name, "password": PASSWORD})
    assert "_auth_user_id" in client.session
    return client


def minutes(n: float) -> dt.timedelta:
    return dt.timedelta(minutes=n)


def test_staff_who_went_away_for_half_an_hour_log_in_again(world: Any, clock: Any) -> None:
    client = logged_in()
    for _ in range(4):
        clock.shift(minutes(29))
        assert client.get(WORK).status_code == 200, "whoever works stays"
    clock.shift(minutes(31))
    answer = client.get(WORK)
    assert answer["Location"] == "/account/login/?next=/loop/inbox/".replace("/loop", "%2Floop").replace(
        "/inbox/", "%2Finbox%2F"
    )
    assert client.get(WORK).status_code == 302 and not Session.objects.filter(user_id=world.yu_officer.pk).exists()


def test_what_was_being_sent_is_answered_with_words(world: Any, clock: Any) -> None:
    client = logged_in()
    clock.shift(minutes(31))
    answer = client.post("/loop/act/1/note/", {"text": "x"})
    assert answer.status_code == 401 and "L-614" in answer.content.decode()
    client = logged_in()
    clock.shift(minutes(31))
    assert client.get(WORK, headers={"HX-Request": "true"})["HX-Redirect"].startswith("/account/login/")


def test_a_page_that_asks_by_itself_keeps_nobody_in(world: Any, clock: Any) -> None:
    client = logged_in("sun.zuoxi")
    for _ in range(3):
        clock.shift(minutes(10))
        client.get("/loop/desk/rows/", headers={"HX-Request": "true", "HX-Trigger": "desk-rows"})
    clock.shift(minutes(1))
    assert client.get("/loop/desk/").status_code == 302


def test_after_twelve_hours_staff_log_in_again_however_busy(world: Any, clock: Any) -> None:
    client = logged_in()
    for _ in range(47):
        clock.shift(minutes(15))
        assert client.get(WORK).status_code == 200
    clock.shift(minutes(16))
    assert client.get(WORK).status_code == 302


def test_residents_stay_for_longer_but_not_for_good(world: Any, clock: Any) -> None:
    client = logged_in("u-wangguilan")
    clock.shift(minutes(11 * 60))
    assert client.get(HOME).status_code == 200
    clock.shift(minutes(12 * 60 + 1))
    assert client.get(HOME).status_code == 302, "unused for half a day"
    client = logged_in("u-wangguilan")
    for _ in range(7 * 24 // 8 - 1):
        clock.shift(minutes(8 * 60))
        assert client.get(HOME).status_code == 200
    clock.shift(minutes(8 * 60 + 1))
    assert client.get(HOME).status_code == 302, "a week old"


def test_being_used_is_written_down_every_five_minutes_at_most(world: Any, clock: Any) -> None:
    client = logged_in()
    client.get(WORK)
    row = Session.objects.get(user_id=world.yu_officer.pk)
    with CaptureQueriesContext(connection) as sql:
        for _ in range(4):
            clock.shift(minutes(1))
            client.get(WORK)
    assert not [q for q in sql.captured_queries if "UPDATE" in q["sql"] and "core_session" in q["sql"]]
    clock.shift(minutes(2))
    client.get(WORK)
    assert Session.objects.get(pk=row.pk).seen_at == row.seen_at + minutes(6)


def test_a_new_password_ends_every_other_session(world: Any) -> None:
    here, there = logged_in(), logged_in()
    new = "another-long-sentence"
    answer = here.post("/account/password/", {"oldpassword": PASSWORD, "password1": new})
    assert answer.status_code == 302
    assert here.get(WORK).status_code == 200 and there.get(WORK).status_code == 302


def test_without_the_second_factor_what_it_opened_is_closed(world: Any, settings: Any) -> None:
    from tests.people.conftest import totp_now
    from tests.people.test_second_factor import set_up

    here = logged_in("u-wangguilan")
    secret = set_up(here)
    there = logged_in_twice("u-wangguilan", totp_now(secret, steps=1))
    assert there.get(HOME).status_code == 200
    here.post("/account/again/", {"password": PASSWORD})
    assert here.post("/account/2fa/off/").status_code == 302
    assert here.get(HOME).status_code == 200 and there.get(HOME).status_code == 302


def logged_in_twice(name: str, code: str) -> Client:
    client = Client()
    client.post("/account/login/", {"login": name, "password": PASSWORD})
    client.post("/account/2fa/login/", {"code": code})
    return client


def test_a_role_that_was_taken_counts_no_more_at_the_next_request(world: Any) -> None:
    client = logged_in()
    assert client.get(WORK).status_code == 200
    for grant in Grant.objects.filter(user=world.yu_officer):
        orgs.end_grant(grant_id=grant.pk, reason="调离", by=SYSTEM, at=dt.datetime.now(dt.UTC))
    assert client.get(WORK).status_code == 403


def test_a_closed_account_is_out_at_the_next_request(world: Any) -> None:
    client = logged_in("u-xueshifu")
    people.close_account(user_id=world.xue_driver.pk, by=SYSTEM, at=dt.datetime.now(dt.UTC))
    assert client.get(HOME).status_code == 302


def test_logging_in_changes_the_key(world: Any) -> None:
    """A key laid into somebody's browser before is worth nothing after (session fixation)."""
    client = Client()
    client.get("/account/login/")
    session = client.session
    session["laid"] = 1
    session.save()
    before = client.cookies["sessionid"].value if "sessionid" in client.cookies else session.session_key
    client.cookies["sessionid"] = before
    client.post("/account/login/", {"login": "yu.keyuan", "password": PASSWORD})
    assert client.cookies["sessionid"].value != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get(WORK).status_code == 302


def test_a_key_of_ones_own_making_is_not_taken(world: Any) -> None:
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    client.post("/account/login/", {"login": "yu.keyuan", "password": PASSWORD})
    assert client.cookies["sessionid"].value != "a" * 32
    stolen = Client()  # what stands in the table, read from a copy of it
    stolen.cookies["sessionid"] = Session.objects.get(user_id=world.yu_officer.pk).pk
    assert stolen.get(WORK).status_code == 302


def test_logging_out_ends_it_on_the_server(world: Any) -> None:
    client = logged_in()
    key = client.cookies["sessionid"].value
    answer = client.post("/account/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'
    again = Client()
    again.cookies["sessionid"] = key
    assert again.get(WORK).status_code == 302 and not Session.objects.filter(pk=stored_key(key)).exists()


def test_the_owner_sees_and_ends_sessions(world: Any) -> None:
    here, phone, other = logged_in(), logged_in(agent="Mozilla/5.0 (Linux; Android 13) MicroMessenger/8"), logged_in()
    page = here.get("/me/sessions/").content.decode()
    assert "Edge, Windows" in page and "WeChat, Android" in page and page.count("退出那里") == 2
    key = stored_key(phone.cookies["sessionid"].value)
    here.post("/me/sessions/end/", {"which": key})
    assert (here.get(WORK).status_code, phone.get(WORK).status_code, other.get(WORK).status_code) == (200, 302, 200)
    here.post("/me/sessions/end/")
    assert here.get(WORK).status_code == 200 and other.get(WORK).status_code == 302
    assert Event.objects.filter(step="people.end_sessions", user_id=world.yu_officer.pk).count() == 2


def test_nobody_ends_or_sees_anothers(world: Any) -> None:
    mine, theirs = logged_in(), logged_in("sun.zuoxi")
    key = stored_key(theirs.cookies["sessionid"].value)
    assert key not in mine.get("/me/sessions/").content.decode()
    mine.post("/me/sessions/end/", {"which": key})
    mine.post("/me/sessions/end/", {"which": "' OR 1=1 --"})
    assert theirs.get("/loop/desk/").status_code == 200

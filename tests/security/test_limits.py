"""How often one may try: counted for all processes together, not passed by a made-up header, and no way to lock others out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from heli.core import shared, tries
from heli.core.actor import PUBLIC
from heli.core.models import Shared
from heli.loop import steps
from tests import database
from tests.loop.told import PAVEMENT
from tests.world import COMMUNITY, PASSWORD

NOW = dt.datetime(2026, 3, 9, 10, 0, tzinfo=dt.timezone(dt.timedelta(hours=8)))
VICTIM, PHONE = "u-wangguilan", "13900000001"
FIND = tries.Limit(20, 600)


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as moving:
        yield moving


def log_in(client: Client, name: str = VICTIM, password: str = PASSWORD) -> bool:
    client.post("/account/login/", {"login": name, "password": password})
    return "_auth_user_id" in client.session


def stranger(n: int = 1, **more: Any) -> Client:
    return Client(REMOTE_ADDR=f"203.0.113.{n}", **more)


# The shared store -------------------------------------------------------------------------------------------------------
def test_two_connections_share_one_count(fire_db: str) -> None:
    """Each thread has its own connection, as each server process has."""

    def ten() -> list[int]:
        return [shared.hit("one", seconds=60) for _ in range(10)]

    seen = [n for part in database.race(ten, ten, ten) for n in part]
    assert sorted(seen) == list(range(1, 31)), "no count is lost, none is given twice"


def test_a_limit_lets_exactly_so_many_through_at_once(fire_db: str) -> None:
    def try_it() -> str:
        try:
            tries.spend("at once", "x", tries.Limit(5, 60))
        except tries.TooManyTries:
            return "no"
        return "yes"

    assert database.race(*[try_it] * 12).count("yes") == 5


def test_one_of_many_adds_first(fire_db: str) -> None:
    assert database.race(*[lambda: cache.add("used", 1, 30)] * 8).count(True) == 1


@pytest.mark.django_db
def test_a_count_ends(clock: Any) -> None:
    assert [shared.hit("x", seconds=60) for _ in range(3)] == [1, 2, 3]
    clock.shift(59)
    assert shared.hits("x") == 3
    shared.take_back("x")
    assert shared.hits("x") == 2
    clock.shift(2)
    assert shared.hits("x") == 0 and shared.hit("x", seconds=60) == 1


@pytest.mark.django_db
def test_the_cache_does_what_django_says(clock: Any) -> None:
    assert cache.get("no") is None and cache.get("no", 7) == 7
    cache.set("k", [1.5, "王"], 10)
    assert cache.get("k") == [1.5, "王"] and "k" in cache
    assert not cache.add("k", 2, 10) and cache.touch("k", 100)
    clock.shift(50)
    assert cache.get("k") == [1.5, "王"]
    clock.shift(60)
    assert cache.get("k") is None and cache.add("k", 3, 10) and cache.incr("k", 4) == 7
    assert cache.delete("k") and not cache.delete("k")
    with pytest.raises(ValueError):
        cache.incr("k")
    cache.set("for good", True, None)
    clock.shift(10**9)
    assert cache.get("for good") is True
    shared.hit("old", seconds=1)
    clock.shift(5)
    shared.sweep()
    assert Shared.objects.count() == 1
    cache.clear()
    assert not Shared.objects.exists()


@pytest.mark.django_db
def test_the_table_is_not_logged_and_says_nothing(world: Any) -> None:
    with connection.cursor() as cur:
        cur.execute("SELECT relpersistence FROM pg_class WHERE relname = 'core_shared'")
        assert cur.fetchone() == ("u",)
    stranger(9).post("/account/login/", {"login": PHONE, "password": "wrong-wrong"})
    rows = [(bytes(r.key), r.value) for r in Shared.objects.all()]
    assert rows and all(len(key) == 32 for key, _value in rows)
    assert not [v for _k, v in rows if PHONE in v or "203.0.113" in v or VICTIM in v]


# Where an address comes from --------------------------------------------------------------------------------------------
def address(forwarded: str = "", seen: str = "10.0.0.1") -> str:
    request = RequestFactory().get("/", REMOTE_ADDR=seen, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}))
    return tries.address(request)


def test_without_a_proxy_the_header_is_not_read(settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert address("198.51.100.1") == "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "header", "is_"),
    [
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the first was made up by the caller
        (1, "1.1.1.1,2.2.2.2,  198.51.100.1 ", "198.51.100.1"),
        (2, "1.1.1.1, 198.51.100.1, 10.0.0.9", "198.51.100.1"),
        (2, "198.51.100.1", "10.0.0.1"),  # came past one of our proxies: the connection is believed
        (1, "", "10.0.0.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "2001:db8:1:2:ffff::9", "2001:db8:1:2::"),  # a household has a whole /64 to itself
    ],
)
def test_only_what_our_proxies_wrote_is_believed(settings: Any, proxies: int, header: str, is_: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert address(header) == is_


# Guessing ---------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_made_up_header_passes_no_limit(world: Any, settings: Any, clock: Any, proxies: int) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies

    def told(n: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"198.51.{n}.7" if not proxies else f"198.51.{n}.7, 203.0.113.5"}

    code = steps.hear(
        by=PUBLIC, at=NOW, text="人行道塌了", area_path=COMMUNITY, category=PAVEMENT, phone=PHONE
    ).request.code
    typed = [{"code": code, "phone": f"1370000{n:04}"} for n in range(25)]
    found = [stranger().post("/find/", say, headers=told(n)).status_code for n, say in enumerate(typed)]
    assert found == [404] * 20 + [429] * 5
    logged = []
    for n in range(15):
        clock.shift(7)  # past the limit per minute: what is asked is the table of wrong passwords
        logged.append(
            stranger().post("/account/login/", {"login": VICTIM, "password": f"wrong-{n}"}, headers=told(n)).status_code
        )
    assert logged[0] == 200 and logged[-1] == 429


@pytest.mark.django_db
def test_wrong_passwords_of_one_stranger_do_not_lock_the_owner_out(world: Any, clock: Any) -> None:
    """For a quarter of an hour a stranger types passwords as fast as he can: the owner comes in all the while, at a
    browser that is new, by user name and by number."""
    refused = 0
    for n in range(90):
        client = stranger()
        for name in (VICTIM, PHONE):
            answer = client.post("/account/login/", {"login": name, "password": f"wrong-{n}"})
            refused += answer.status_code == 429 or "次数" in answer.content.decode()
        clock.shift(10)
        if n % 30 == 29:
            assert log_in(Client(REMOTE_ADDR="198.51.100.8")) and log_in(Client(REMOTE_ADDR="198.51.100.8"), PHONE)
    assert refused > 150, "he himself is stopped"


@pytest.mark.django_db
def test_wrong_passwords_from_a_hundred_addresses_stop_nobody_who_has_been_here(world: Any, clock: Any) -> None:
    home = Client(REMOTE_ADDR="198.51.100.8")
    assert log_in(home)
    home.post("/account/logout/")
    for n in range(120):
        stranger(n + 1).post("/account/login/", {"login": VICTIM, "password": "wrong-wrong"})
    assert not log_in(Client(REMOTE_ADDR="198.51.100.9")), "at a new browser the account is closed for the moment"
    assert log_in(home), "at its owner's it is not"
    clock.shift(15 * 60 + 1)
    assert log_in(Client(REMOTE_ADDR="198.51.100.9"))


@pytest.mark.django_db
def test_a_known_browser_guesses_no_better(world: Any, clock: Any) -> None:
    thief = Client(REMOTE_ADDR="198.51.100.8")
    assert log_in(thief)
    thief.post("/account/logout/")
    answers = [thief.post("/account/login/", {"login": VICTIM, "password": f"wrong-{n}"}).status_code for n in range(9)]
    assert answers[-1] == 429
    made_up = Client(REMOTE_ADDR="198.51.100.8")
    made_up.cookies["heli_known"] = thief.cookies["heli_known"].value[:-3] + "AAA"
    assert made_up.post("/account/login/", {"login": VICTIM, "password": PASSWORD}).status_code == 429


@pytest.mark.django_db
def test_all_who_log_in_by_number_are_not_counted_as_one(world: Any, clock: Any) -> None:
    for n in range(30):
        stranger(n + 1).post("/account/login/", {"login": f"1380000{n:04}", "password": "wrong-wrong"})
    assert log_in(Client(REMOTE_ADDR="198.51.100.8"), PHONE)


@pytest.mark.django_db
def test_who_knows_a_code_cannot_keep_its_owner_from_it(world: Any, clock: Any) -> None:
    told = steps.hear(
        by=PUBLIC, at=timezone.now(), text="人行道塌了", area_path=COMMUNITY, category=PAVEMENT, phone=PHONE
    )
    for n in range(90):  # a quarter of an hour
        answer = stranger().post("/find/", {"code": told.request.code, "phone": f"1370000{n:04}"})
        clock.shift(10)
    assert answer.status_code == 429
    assert Client().post("/find/", {"code": told.request.code, "phone": PHONE}).status_code == 303


@pytest.mark.django_db
def test_a_right_guess_costs_nothing(world: Any, clock: Any) -> None:
    told = steps.hear(
        by=PUBLIC, at=timezone.now(), text="人行道塌了", area_path=COMMUNITY, category=PAVEMENT, phone=PHONE
    )
    client = stranger()
    found = {client.post("/find/", {"code": told.request.code, "phone": PHONE}).status_code for _ in range(30)}
    assert found == {303}


@pytest.mark.django_db
def test_a_link_is_guessed_by_nobody(world: Any) -> None:
    """Made-up links are not counted, since there is nothing to guess: the key of a link has 96 bits and more."""
    told = steps.hear(by=PUBLIC, at=timezone.now(), text="人行道塌了", area_path=COMMUNITY, category=PAVEMENT)
    assert len(told.token) >= 30
    other = "A" if told.token[20] != "A" else "B"
    assert Client().get(f"/t/{told.token[:20]}{other}{told.token[21:]}/").status_code == 410


# Messages, files --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_nobody_is_showered_with_messages(world: Any, clock: Any) -> None:
    from heli.adapters import sms

    box = sms.sender().box  # type: ignore[attr-defined]
    box.clear()
    for n in range(40):
        stranger(n % 5 + 1).post("/account/login/code/", {"phone": PHONE})
        clock.shift(20)
    sent = sum(m.phone == PHONE for m in box)
    assert 0 < sent <= 15, f"{sent} messages in 13 minutes"
    box.clear()


@pytest.mark.django_db
def test_one_address_does_not_use_up_the_messages_of_another(world: Any, clock: Any) -> None:
    from heli.adapters import sms

    for _ in range(60):
        stranger().post("/account/login/code/", {"phone": PHONE})
        clock.shift(15)
    box = sms.sender().box  # type: ignore[attr-defined]
    box.clear()
    Client(REMOTE_ADDR="198.51.100.8").post("/account/login/code/", {"phone": PHONE})
    assert [m.phone for m in box] == [PHONE]
    box.clear()


@pytest.mark.django_db
def test_the_limit_does_not_say_which_numbers_have_accounts(world: Any, clock: Any) -> None:
    def asked(phone: str) -> list[int]:
        return [stranger().post("/account/login/code/", {"phone": phone}).status_code for _ in range(5)]

    known = asked(PHONE)
    cache.clear()
    assert known == asked("13999999998") and 429 in known


@pytest.mark.django_db
def test_files_are_not_drawn_without_end(world: Any, clock: Any) -> None:
    found = [stranger().get("/rules/all.xlsx").status_code for _ in range(32)]
    assert found.count(200) == 30 and found[-1] == 429
    clock.shift(601)
    assert stranger().get("/rules/all.xlsx").status_code == 200


# The second factor ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_code_of_the_authenticator_is_good_once_for_as_long_as_it_fits(world: Any, settings: Any, clock: Any) -> None:
    from tests.people.conftest import totp_now
    from tests.people.test_second_factor import WORK, set_up, start

    settings.HELI_STAFF_MFA = True
    secret = set_up(start())
    clock.shift(300)
    code = totp_now(secret, steps=1)  # the clock of the phone is half a minute ahead
    opened = []
    for _ in range(4):
        client = start()
        client.post("/account/2fa/login/", {"code": code})
        opened.append(client.get(WORK).status_code == 200)
        clock.shift(20)
    assert opened == [True, False, False, False]


# Telling ----------------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_an_address_may_not_flood_us_with_requests(world: Any, settings: Any) -> None:
    """All public forms count together; what was typed comes back; another address goes on."""
    from heli.loop.models import Request

    settings.HELI_FILINGS = 3
    cache.clear()
    typed = {"go": "send", "contact": "none", "area": COMMUNITY, "category": PAVEMENT, "picked": "1"}
    said = [stranger(77).post("/submit/", typed | {"text": f"第 {n} 盏路灯不亮"}) for n in range(4)]
    assert [s.status_code for s in said] == [303, 303, 303, 429]
    assert "第 3 盏路灯不亮" in said[-1].content.decode() and "L-536" in said[-1].content.decode()
    assert stranger(77).post("/tips/", {"name": "某基金会"}).status_code == 429, "one door's flood is every door's"
    wish = {"go": "send", "text": "想要一台收音机", "area": COMMUNITY, "name": "章大姐", "phone": "13700000009"}
    assert stranger(77).post("/wishes/new/", wish).status_code == 429
    assert stranger(78).post("/submit/", typed | {"text": "别处来的"}).status_code == 303
    settings.HELI_FILINGS = 0
    assert stranger(77).post("/submit/", typed | {"text": "测量的时候"}).status_code == 303
    assert Request.objects.count() == 5

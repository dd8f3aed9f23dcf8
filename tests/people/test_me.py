"""My information: what is kept, who read it, taking it along, and leaving."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook

from heli.core import subjects, vault
from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap
from heli.core.models import Access, Event, VaultRecord
from heli.people import queries, steps
from heli.people.models import User
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
OFFICER = Actor(user_id=7, grants=(GrantView(1, frozenset({Cap.VIEW_PERSONAL}), 3, "城管局", ("370602",)),))


@pytest.fixture
def wang(world: Any, login: Any, client: Any) -> Client:
    login("u-wangguilan")
    return client  # type: ignore[no-any-return]


@pytest.fixture
def told(world: Any) -> VaultRecord:
    """What 王桂兰 told with a matter."""
    return vault.seal(
        name="王桂兰", phone="13900000001", address="毓璜顶东路 8 号", note="楼道灯坏了", user_id=world.wang_resident.pk
    )


def read(record: VaultRecord, n: int = 1, at: dt.datetime = NOW) -> None:
    for i in range(n):
        vault.reveal(
            record.pk,
            fields=("name", "phone"),
            by=OFFICER,
            purpose=f"上门前联系 {i}",
            at=at + dt.timedelta(minutes=i),
            about=("loop.request", 5),
        )


def test_the_page_shows_masks_only(wang: Client, told: VaultRecord) -> None:
    page = wang.get("/me/").content.decode()
    assert "139****0001" in page and "王**" in page
    assert "13900000001" not in page and "毓璜顶东路" not in page


def test_who_read_it_when_for_whom_and_why(wang: Client, told: VaultRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        subjects._known, "loop.request", lambda ids, actor: {i: subjects.Subject(f"诉求 {i}", f"/r/{i}/") for i in ids}
    )
    read(told)
    page = wang.get("/me/access/").content.decode()
    for said in ("城管局", "上门前联系 0", "诉求 5", "/r/5/"):
        assert said in page
    assert "上门前联系 0" in wang.get("/me/").content.decode()


def test_readings_are_paged_newest_first(wang: Client, told: VaultRecord) -> None:
    read(told, 25)
    first = wang.get("/me/access/").context["page"]
    second = wang.get(f"/me/access/?after={first.next}").context["page"]
    said = [r.purpose for r in (*first.rows, *second.rows)]
    assert said == [f"上门前联系 {i}" for i in range(24, -1, -1)]
    assert wang.get("/me/access/?after=x").status_code == 400


def test_nobody_sees_another_persons(world: Any, told: VaultRecord) -> None:
    read(told)
    other = Client()
    other.post("/account/login/", {"login": "u-xueshifu", "password": PASSWORD})
    for path in ("/me/", "/me/access/", "/me/kept/"):
        page = other.get(path).content.decode()
        assert "城管局" not in page and "毓璜顶东路" not in page and "王桂兰" not in page
    content = other.post("/me/export/").content
    assert "毓璜顶" not in str(list(load_workbook(io.BytesIO(content)).worksheets[0].values))


@pytest.mark.parametrize("path", ["", "edit/", "access/", "kept/", "close/"])
def test_without_an_account_one_is_asked_to_log_in(client: Any, path: str) -> None:
    assert client.get(f"/me/{path}")["Location"] == f"/account/login/?next=/me/{path}"


def test_what_is_kept_in_full_without_leaving_a_reading(wang: Client, told: VaultRecord) -> None:
    page = wang.get("/me/kept/").content.decode()
    for said in ("13900000001", "毓璜顶东路 8 号", "楼道灯坏了"):
        assert said in page
    assert not Access.objects.exists()


def test_all_of_it_as_a_file(wang: Client, told: VaultRecord) -> None:
    read(told)
    response = wang.post("/me/export/")
    assert response["Cache-Control"] == "no-store"
    rows = list(load_workbook(io.BytesIO(response.content)).worksheets[0].values)
    text = str(rows)
    for said in ("13900000001", "毓璜顶东路 8 号", "楼道灯坏了", "城管局", "u-wangguilan"):
        assert said in text
    assert wang.get("/me/export/").status_code == 405


def test_formulas_in_ones_own_words_stay_text(wang: Client, world: Any) -> None:
    vault.seal(note='=HYPERLINK("http://evil")', user_id=world.wang_resident.pk)
    book = load_workbook(io.BytesIO(wang.post("/me/export/").content))
    assert all(c.data_type != "f" for row in book.worksheets[0].iter_rows() for c in row)


def test_another_call_name_and_name(wang: Client, world: Any) -> None:
    assert wang.post("/me/edit/", {"call_name": "桂兰姐", "name": "王桂兰兰"}).status_code == 302
    user = queries.own_account(Actor(world.wang_resident.pk))
    assert user.call_name == "桂兰姐" and user.record is not None
    assert vault.open_own(user.record) == {
        "name": "王桂兰兰",
        "phone": "13900000001",
        "id_number": "",
        "address": "",
        "note": "",
    }
    kept = {e.step: e.data for e in Event.objects.filter(subject_type="people.user", subject_id=user.pk)}
    assert {"people.change_profile", "people.change_name"} <= kept.keys()
    assert "桂兰" not in str(kept)
    assert wang.post("/me/edit/", {"call_name": "x" * 41}).status_code == 200


def test_a_name_where_there_was_no_record(world: Any, client: Any, settings: Any, login: Any) -> None:
    settings.HELI_STAFF_MFA = False
    login("sun.zuoxi")
    client.post("/me/edit/", {"call_name": "孙坐席", "name": "孙一"})
    record = queries.own_account(Actor(world.sun_dispatcher.pk)).record
    assert record is not None and record.name_mask == "孙**"


# Leaving ---------------------------------------------------------------------------------------------------------------------
def test_closing_asks_for_a_tick_and_the_password(wang: Client, world: Any) -> None:
    for data, field in (
        ({}, "understood"),
        ({"understood": "on"}, "password"),
        ({"understood": "on", "password": "wrong"}, "password"),
        ({"password": PASSWORD}, "understood"),
    ):
        assert field in wang.post("/me/close/", data).context["form"].errors
    assert User.objects.get(pk=world.wang_resident.pk).is_active


def test_a_closed_account_is_empty_and_locked_but_what_happened_stays(
    wang: Client, told: VaultRecord, world: Any, login: Any
) -> None:
    other = Client()
    other.post("/account/login/", {"login": "u-wangguilan", "password": PASSWORD})
    read(told)
    events = Event.objects.filter(subject_id=world.wang_resident.pk, subject_type="people.user").count()
    assert wang.post("/me/close/", {"understood": "on", "password": PASSWORD}).status_code == 302
    assert wang.get("/me/").status_code == 302 and other.get("/me/").status_code == 302
    user = User.objects.get(pk=world.wang_resident.pk)
    assert (user.is_active, user.call_name, user.verified_phone, user.has_usable_password()) == (False, "", None, False)
    assert user.username == f"closed-{user.pk}"
    for record in VaultRecord.objects.filter(user_id=user.pk):
        assert set(vault.open_own(record).values()) == {""} and record.phone_index is None
    assert Event.objects.filter(subject_id=user.pk, subject_type="people.user").count() == events + 1
    assert vault.who_read([told.pk]).count() == 1
    assert queries.by_phone("13900000001") is None
    assert login("13900000001").status_code == 200  # like no account at all


def test_the_number_of_a_closed_account_can_be_used_again(wang: Client, world: Any) -> None:
    wang.post("/me/close/", {"understood": "on", "password": PASSWORD})
    steps.set_phone(
        user_id=world.xue_driver.pk, phone="13900000001", verified=True, by=Actor(world.xue_driver.pk), at=NOW
    )
    assert queries.by_phone("13900000001") == world.xue_driver


def test_the_history_of_accounts_holds_nothing_personal(wang: Client, world: Any) -> None:
    wang.post("/me/edit/", {"call_name": "桂兰姐", "name": "王桂兰"})
    wang.post("/me/close/", {"understood": "on", "password": PASSWORD})
    history = str(list(User.objects.get(pk=world.wang_resident.pk).events.values()))
    assert "桂兰" not in history and "argon2" not in history


def test_statements(world: Any, wang: Client, told: VaultRecord, django_assert_max_num_queries: Any) -> None:
    read(told, 30)
    for path, most in (("/me/", 8), ("/me/access/", 6), ("/me/kept/", 7)):
        with django_assert_max_num_queries(most):
            assert wang.get(path).status_code == 200

"""The personal data vault: what is sealed opens only where it was put, with a key we hold, and leaves a trace."""

from __future__ import annotations

import base64
import datetime as dt
import os
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test import override_settings

from heli.core import vault
from heli.core.actor import Actor, GrantView
from heli.core.caps import Cap
from heli.core.errors import NotFound, PaperMissing
from heli.core.models import Access, VaultRecord

NOW = dt.datetime(2026, 3, 2, 10, 0, tzinfo=dt.UTC)
OFFICER = Actor(user_id=7, grants=(GrantView(1, frozenset({Cap.VIEW_PERSONAL}), 3, "城管局", ("370602",)),))
EVERYTHING = {
    "name": "王桂兰",
    "phone": "13912345678",
    "id_number": "370602195403071122",
    "address": "毓璜顶东路 8 号",
    "note": "𠮷 😀",
}

pytestmark = pytest.mark.django_db


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_sealed_and_opened() -> None:
    record = vault.seal(**EVERYTHING, user_id=5)
    assert vault.open_own(VaultRecord.objects.get(pk=record.pk)) == EVERYTHING
    assert (record.name_mask, record.phone_mask) == ("王**", "139****5678")


def test_nothing_in_the_row_says_it_in_plain() -> None:
    record = vault.seal(**EVERYTHING)
    with connection.cursor() as cur:
        cur.execute("SELECT t::text, encode(name, 'escape') FROM core_vaultrecord t WHERE id = %s", [record.pk])
        row = " ".join(cur.fetchone())
    for value in EVERYTHING.values():
        assert value not in row
        assert value.encode().hex() not in row


def test_the_same_value_is_sealed_differently_each_time() -> None:
    a, b = vault.seal(name="王桂兰"), vault.seal(name="王桂兰")
    assert bytes(a.name) != bytes(b.name)


@pytest.mark.parametrize("field", ["address", "note", "id_number"])
def test_a_cipher_text_moved_to_another_column_does_not_open(field: str) -> None:
    record = vault.seal(**EVERYTHING)
    VaultRecord.objects.filter(pk=record.pk).update(name=bytes(getattr(record, field)))
    with pytest.raises(vault.CannotOpen):
        vault.open_own(VaultRecord.objects.get(pk=record.pk))


def test_a_cipher_text_moved_to_another_row_does_not_open() -> None:
    hers, his = vault.seal(phone="13912345678"), vault.seal(phone="13987654321")
    VaultRecord.objects.filter(pk=his.pk).update(phone=bytes(hers.phone))
    with pytest.raises(vault.CannotOpen):
        vault.open_own(VaultRecord.objects.get(pk=his.pk))


@pytest.mark.parametrize("at", [0, 12, -1])
def test_a_changed_bit_is_noticed(at: int) -> None:
    record = vault.seal(name="王桂兰")
    raw = bytearray(record.name)
    raw[at] ^= 1
    VaultRecord.objects.filter(pk=record.pk).update(name=bytes(raw))
    with pytest.raises(vault.CannotOpen):
        vault.open_own(VaultRecord.objects.get(pk=record.pk))


def test_rotation_seals_everything_anew_and_the_old_key_can_go() -> None:
    old, new = key("old"), key("new")
    VaultRecord.objects.update(key_id="new")  # those of the world are not of this test
    with override_settings(HELI_VAULT_KEYS=old):
        ids = [vault.seal(**EVERYTHING).pk for _ in range(5)]
    with override_settings(HELI_VAULT_KEYS=f"{new},{old}"):
        assert vault.rotate(batch=3) == 3
        assert vault.rotate(batch=3) == 2
        assert vault.rotate() == 0
    with override_settings(HELI_VAULT_KEYS=new):
        for record in VaultRecord.objects.filter(pk__in=ids):
            assert record.key_id == "new"
            assert vault.open_own(record) == EVERYTHING
    with override_settings(HELI_VAULT_KEYS=old), pytest.raises(vault.CannotOpen):
        vault.open_own(VaultRecord.objects.get(pk=ids[0]))


def test_changing_one_field_under_a_new_key_keeps_the_others() -> None:
    old, new = key("old"), key("new")
    with override_settings(HELI_VAULT_KEYS=old):
        record = vault.seal(**EVERYTHING)
    with override_settings(HELI_VAULT_KEYS=f"{new},{old}"):
        vault.fill(record, phone="13987654321")
        record.save()
        assert vault.open_own(record) == {**EVERYTHING, "phone": "13987654321"}
        assert list(vault.find_by_phone("13987654321")) == [record]
        assert not vault.find_by_phone("13912345678").exists()


def test_blind_index_finds_exactly_and_tells_nothing() -> None:
    record = vault.seal(phone="13912345678")
    vault.seal(phone="13912345679")
    assert [r.pk for r in vault.find_by_phone("13912345678")] == [record.pk]
    assert vault.blind("phone", "x") != vault.blind("id", "x")
    other = base64.b64encode(os.urandom(32)).decode()
    with override_settings(HELI_VAULT_INDEX_KEY=other):
        assert not vault.find_by_phone("13912345678").exists()


def test_reading_leaves_a_trace_before_anything_is_seen() -> None:
    record = vault.seal(**EVERYTHING, user_id=5)
    got = vault.reveal(
        record.pk, fields=("phone", "name"), by=OFFICER, purpose=" 上门前联系 ", at=NOW, about=("loop.request", 9)
    )
    assert got == {"name": "王桂兰", "phone": "13912345678"}
    row = vault.who_read([record.pk]).get()
    assert (row.user_id, row.org_id, row.org_name, row.fields, row.purpose) == (
        7,
        3,
        "城管局",
        ["name", "phone"],
        "上门前联系",
    )
    assert (row.subject_type, row.subject_id, row.at) == ("loop.request", 9, NOW)


def test_no_purpose_no_reading() -> None:
    record = vault.seal(**EVERYTHING)
    for purpose in ("", "   ", "\n"):
        with pytest.raises(PaperMissing):
            vault.reveal(record.pk, fields=("phone",), by=OFFICER, purpose=purpose, at=NOW)
    assert not Access.objects.filter(record=record).exists()


def test_a_record_that_is_not_there() -> None:
    with pytest.raises(NotFound):
        vault.reveal(2**40, fields=("phone",), by=OFFICER, purpose="上门", at=NOW)


def test_what_cannot_be_opened_was_still_read_for() -> None:
    """The trace is written first; the caller's transaction decides about both together."""
    record = vault.seal(name="王桂兰")
    VaultRecord.objects.filter(pk=record.pk).update(name=b"\0" * 40)
    with pytest.raises(vault.CannotOpen):
        vault.reveal(record.pk, fields=("name",), by=OFFICER, purpose="上门", at=NOW)
    assert Access.objects.filter(record=record).count() == 1


def test_erased_is_gone_but_its_readings_stay() -> None:
    record = vault.seal(**EVERYTHING, user_id=10**9)
    vault.reveal(record.pk, fields=("phone",), by=OFFICER, purpose="上门", at=NOW)
    assert vault.erase(VaultRecord.objects.filter(user_id=10**9), NOW) == 1
    gone = VaultRecord.objects.get(pk=record.pk)
    assert set(vault.open_own(gone).values()) == {""}
    assert (gone.name_mask, gone.phone_mask, gone.phone_index, gone.id_index) == ("", "", None, None)
    assert vault.who_read([record.pk]).count() == 1
    assert vault.erase(VaultRecord.objects.filter(user_id=10**9), NOW) == 0


def test_the_application_cannot_take_a_reading_back() -> None:
    record = vault.seal(name="王桂兰")
    vault.reveal(record.pk, fields=("name",), by=OFFICER, purpose="上门", at=NOW)
    for sql in ("DELETE FROM core_access", "UPDATE core_access SET purpose = ''", "TRUNCATE core_access"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cur,
        ):
            cur.execute(sql)


@pytest.mark.parametrize("bad", ["", "a:", "a:AAAA", "a", ","])
def test_keys_of_a_wrong_form_are_refused(bad: str) -> None:
    with override_settings(HELI_VAULT_KEYS=bad), pytest.raises(ValueError):
        vault.seal(name="王桂兰")


def test_small_secrets_open_only_as_what_they_were_sealed() -> None:
    sealed = vault.seal_bytes("session", b"\x00\xff")
    assert vault.open_bytes("session", sealed) == b"\x00\xff"
    for kind, text in (
        ("second-factor", sealed),
        ("session", sealed[:-6]),
        ("session", "dev1:?"),
        ("session", ""),
        ("session", "none:AAAA"),
    ):
        with pytest.raises(vault.CannotOpen):
            vault.open_bytes(kind, text)


def test_sessions_are_sealed_in_the_database(client: Any) -> None:
    from heli.core.models import Session
    from heli.core.sessions import SessionStore, stored_key

    store = SessionStore()
    store["phone"] = "13912345678"
    store.save()
    raw = Session.objects.get(pk=stored_key(store.session_key)).session_data
    assert not Session.objects.filter(pk=store.session_key).exists(), "who reads the table holds no cookie"
    from django.core import signing

    assert b"139" not in base64.urlsafe_b64decode(raw.split(":")[0].lstrip(".") + "===")
    assert SessionStore(store.session_key)["phone"] == "13912345678"
    with pytest.raises(signing.BadSignature):
        signing.loads(raw[:-2], salt=store.key_salt)
    with override_settings(HELI_VAULT_KEYS=key("another")):
        assert dict(SessionStore(store.session_key).items()) == {}
    assert settings.SESSION_SERIALIZER == "heli.core.sessions.SealedSerializer"

"""Marked values go through every flow of an account; afterwards they stand nowhere but in the vault.

Looked through: every column of every table as text (events, histories, sessions, failed log-ins, jobs …) and every log
line of the flow. The loop's own flow is looked through by tests/loop.
"""

from __future__ import annotations

import io
import logging
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from heli.adapters import sms
from heli.core import vault
from heli.core.logs import formatter
from heli.core.models import Session
from heli.people.models import User

PHONE, SECOND, NAME, ADDRESS = "13877665544", "13855667788", "欧阳金丝雀", "金丝雀路 77 号 7 单元"
NUMBER, NOTE, PASSWORD = "370602199001017771", "金丝雀说的话，电话 13877665544", "canary-password-77"
MARKS = (PHONE, SECOND, NAME, ADDRESS, NUMBER, NOTE, PASSWORD)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What all loggers wrote, at the most talkative level."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(as_json=True))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield out
    root.removeHandler(handler)
    root.setLevel(level)


def everything_as_text() -> Iterator[tuple[str, str]]:
    """(table, row as text) of the whole database."""
    with connection.cursor() as cur:
        for table in connection.introspection.table_names(cur):
            cur.execute(f'SELECT t::text FROM "{table}" t')
            for (row,) in cur.fetchall():
                yield table, row
    for data in Session.objects.values_list("session_data", flat=True):
        payload = data.split(":")[0]
        raw = signing.b64_decode(payload.lstrip(".").encode())
        yield "core_session", (zlib.decompress(raw) if payload.startswith(".") else raw).decode("latin-1")


def spellings(mark: str) -> set[str]:
    """The mark as it might be written down: plain, JSON-escaped, in hex as a bytea prints."""
    return {mark, mark.encode("unicode_escape").decode(), mark.encode().hex()}


@pytest.mark.django_db
def test_marked_values_stand_nowhere_but_in_the_vault(world: Any, lines: io.StringIO, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    box = sms.sender()
    assert isinstance(box, sms.Local)
    box.box.clear()
    client = Client()

    # sign up, with a slip on the way
    client.post("/account/signup/", {"phone": PHONE, "password1": "short"})
    client.post("/account/signup/", {"phone": PHONE, "password1": PASSWORD})
    client.post("/account/phone/verify/", {"action": "verify", "code": box.box[0].values["code"]})
    user = User.objects.get(verified_phone=vault.blind("phone", PHONE))
    client.post("/me/edit/", {"call_name": "七号", "name": NAME})

    # log out, guess, log in by password and by message
    client.post("/account/logout/")
    for typed in (PHONE, "+86" + PHONE, SECOND):
        client.post("/account/login/", {"login": typed, "password": "wrong-" + PASSWORD})
    cache.clear()
    client.post("/account/login/", {"login": PHONE, "password": PASSWORD})
    client.post("/account/logout/")
    client.post("/account/login/code/", {"phone": PHONE})
    client.post("/account/login/code/confirm/", {"code": box.box[0].values["code"]})

    # another number, left half-way
    client.post("/account/again/", {"password": PASSWORD})
    cache.clear()
    client.post("/account/phone/change/", {"phone": SECOND})

    # told with a matter, read by an officer, looked at by the person
    record = vault.seal(name=NAME, phone=PHONE, id_number=NUMBER, address=ADDRESS, note=NOTE, user_id=user.pk)
    officer = world.actor("于科员")
    got = vault.reveal(record.pk, fields=vault.FIELDS, by=officer, purpose="上门前联系", at=timezone.now())
    assert got["address"] == ADDRESS
    assert ADDRESS in client.get("/me/kept/").content.decode()
    client.post("/me/export/")

    rows = list(everything_as_text())
    assert len({table for table, _row in rows}) > 20
    wrong = [(table, mark) for table, row in rows for mark in MARKS if any(s in row for s in spellings(mark))]
    assert wrong == []
    said = lines.getvalue()
    assert "login failure" in said
    assert [mark for mark in MARKS if mark in said] == []

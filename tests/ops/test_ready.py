"""Alive is not ready: a process that answers may still be of no use, and says why without telling a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client, override_settings

from heli.core import vault
from heli.ops import ready
from tests.core.test_vault import key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _looked_at_anew(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(ready, "_last", (-100.0, []))
    monkeypatch.setattr(ready, "_migrated", False)
    settings.HELI_FILES, settings.HELI_FREE_MB = tmp_path / "files", 1


def told(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/readyz")
    return answer.status_code, json.loads(answer.content)


def test_alive_asks_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"ok": True})


def test_ready(client: Client) -> None:
    vault.seal(name="王桂兰")
    names = ("database", "migrations", "keys", "files")
    assert told(client) == (200, {"ok": True, "checks": {n: {"ok": True} for n in names}})


def test_asked_again_at_once_it_looks_at_nothing(client: Client, django_assert_num_queries: Any) -> None:
    told(client)
    with django_assert_num_queries(0):
        told(client)


def test_no_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise DatabaseError("password=secret host=10.0.0.8")

    monkeypatch.setattr(connection, "cursor", gone)
    status, said = told(client)
    assert status == 503 and said["checks"]["files"]["ok"]
    assert said["checks"]["database"] == {"ok": False, "why": "DatabaseError"}
    assert said["checks"]["keys"]["why"] == "the database is away"
    assert client.get("/healthz").status_code == 200


def test_a_migration_is_missing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM django_migrations WHERE app = 'hooks' ORDER BY id DESC LIMIT 1")
        name = cursor.fetchone()[0]
        cursor.execute("DELETE FROM django_migrations WHERE app = 'hooks' AND name = %s", [name])
    status, said = told(client)
    assert status == 503 and f"hooks.{name}" in said["checks"]["migrations"]["why"]


def test_a_newer_version_has_migrated_already(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('loop', '9999_later', now())")
    assert told(client)[0] == 200


def test_the_key_of_what_is_there_is_missing(client: Client) -> None:
    with override_settings(HELI_VAULT_KEYS=key("lost")):
        vault.seal(phone="13912345678")
    status, said = told(client)
    assert status == 503 and "key lost is missing" in said["checks"]["keys"]["why"]
    assert "139" not in json.dumps(said)


def test_no_room_and_no_folder(client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HELI_FREE_MB = 10**9
    status, said = told(client)
    assert status == 503 and said["checks"]["files"]["why"].endswith("1000000000 MB wanted")
    (tmp_path / "in-the-way").write_text("")
    settings.HELI_FILES = tmp_path / "in-the-way" / "files"
    monkeypatch.setattr(ready, "_last", (-100.0, []))
    assert told(client)[1]["checks"]["files"]["why"].startswith("cannot be written")

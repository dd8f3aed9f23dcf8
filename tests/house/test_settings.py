"""Settings are safe when nothing is set: production has its own secrets or does not start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PRODUCTION = {
    "HELI_SECRET_KEY": "a-key-of-its-own",
    "HELI_VAULT_KEYS": "k1:a2V5",
    "HELI_VAULT_INDEX_KEY": "a2V5",
}


def read(var: Path, show: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of their own and print one expression."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HELI_") and k != "DATABASE_URL"}
    code = f"from heli import settings; print({show})"
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"HELI_VAR": str(var)} | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", PRODUCTION)
def test_production_refuses_to_start_without_each_secret(tmp_path: Path, name: str) -> None:
    done = read(tmp_path, "'started'", **{k: v for k, v in PRODUCTION.items() if k != name})
    assert done.returncode != 0
    assert name in done.stderr
    assert not (tmp_path / "secrets.json").exists()


def test_production_refuses_a_development_secret(tmp_path: Path) -> None:
    assert read(tmp_path, "1", HELI_DEBUG="1").returncode == 0
    made = json.loads((tmp_path / "secrets.json").read_text())
    for name in ("HELI_SECRET_KEY", "HELI_VAULT_KEYS"):
        done = read(tmp_path, "'started'", **PRODUCTION | {name: made[name]})
        assert done.returncode != 0
        assert name in done.stderr


def test_production_starts_with_its_own(tmp_path: Path) -> None:
    done = read(tmp_path, "settings.DEBUG, settings.SESSION_COOKIE_SECURE", **PRODUCTION)
    assert done.stdout == "False True\n", done.stderr


def test_one_click_logins_need_debug(tmp_path: Path) -> None:
    done = read(tmp_path, "'started'", HELI_DEMO="1", **PRODUCTION)
    assert done.returncode != 0
    assert "HELI_DEMO" in done.stderr


def test_development_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    show = "settings.SECRET_KEY"
    first = read(tmp_path, show, HELI_DEBUG="1")
    assert first.stdout == read(tmp_path, show, HELI_DEBUG="1").stdout
    assert len(first.stdout) > 40
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("env", "user", "host"),
    [
        ({}, "heli_app", "pg/run"),
        ({"HELI_DB_AS_OWNER": "1"}, "heli_owner", "pg/run"),
        ({"DATABASE_URL": "postgresql://web@db/heli"}, "web", "db"),
        (
            {
                "DATABASE_URL": "postgresql://web@db/heli",
                "HELI_OWNER_DATABASE_URL": "postgresql://boss@db/heli",
                "HELI_DB_AS_OWNER": "1",
            },
            "boss",
            "db",
        ),
    ],
)
def test_which_database(tmp_path: Path, env: dict[str, str], user: str, host: str) -> None:
    show = "settings.DATABASES['default']['USER'], settings.DATABASES['default']['HOST']"
    said = read(tmp_path, show, HELI_DEBUG="1", **env).stdout.split()
    assert said[0] == user
    assert said[1].endswith(host)

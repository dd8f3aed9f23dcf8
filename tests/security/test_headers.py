"""What every answer says to the browser, and the cookies of production."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from tests.database import ROOT

DIRECTIVES = {
    "default-src": "'none'", "object-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'self'",
    "style-src": "'self'", "connect-src": "'self'", "require-trusted-types-for": "'script'", "trusted-types": "default",
}  # fmt: skip
ASK = """
import json
from django.conf import settings as s
names = ("SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_HTTPONLY CSRF_COOKIE_HTTPONLY "
         "SESSION_COOKIE_SAMESITE SECURE_HSTS_SECONDS SECURE_HSTS_INCLUDE_SUBDOMAINS SECURE_CONTENT_TYPE_NOSNIFF DEBUG HELI_KNOWN_COOKIE").split()
print(json.dumps({n: getattr(s, n) for n in names}))
"""


def policy(answer: Any) -> dict[str, str]:
    said = answer["Content-Security-Policy"]
    return {d.strip().split(" ", 1)[0]: d.strip().partition(" ")[2] for d in said.split(";") if d.strip()}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/", "/submit/", "/account/login/", "/nothing-here/", "/me/", "/find/?code=x", "/api/v1/openapi.json"]
)
def test_every_answer_carries_them(world: Any, path: str) -> None:
    answer = Client().get(path)
    found = policy(answer)
    assert {k: found.get(k) for k in DIRECTIVES} == DIRECTIVES
    assert "unsafe" not in answer["Content-Security-Policy"] and "http:" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["X-Frame-Options"] == "DENY"
    assert (
        answer["Cross-Origin-Opener-Policy"] == "same-origin"
        and answer["Cross-Origin-Resource-Policy"] == "same-origin"
    )
    assert "camera=()" in answer["Permissions-Policy"] and answer["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer and "Server" not in answer and "X-Powered-By" not in answer


@pytest.mark.django_db
def test_the_nonce_is_of_this_answer_and_on_every_script(world: Any) -> None:
    seen = set()
    for _ in range(3):
        answer = Client().get("/submit/")
        nonces = set(re.findall(r'<script[^>]* nonce="([^"]+)"', answer.content.decode()))
        assert len(nonces) == 1 and policy(answer)["script-src"] == f"'nonce-{nonces.copy().pop()}'"
        assert answer.content.decode().count("<script") == answer.content.decode().count('nonce="')
        assert len(base64.b64decode(nonces.copy().pop())) >= 16
        seen |= nonces
    assert len(seen) == 3


@pytest.mark.django_db
def test_a_page_made_for_somebody_is_kept_by_nobody_else(world: Any, settings: Any) -> None:
    settings.HELI_STAFF_MFA = False
    client = Client()
    client.force_login(world.wang_resident, "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/me/")["Cache-Control"] in {"private, no-cache", "no-store"}
    assert client.post("/me/export/")["Cache-Control"] == "no-store"
    assert "Cookie" in client.get("/me/")["Vary"]


def test_production_binds_its_cookies_and_its_host() -> None:
    key = base64.b64encode(b"k" * 32).decode()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HELI_", "DATABASE_URL"))} | {
        "HELI_VAR": os.environ["HELI_VAR"], "HELI_DEBUG": "0", "HELI_SECRET_KEY": "s" * 60, "HELI_VAULT_KEYS": f"a1:{key}",
        "HELI_VAULT_INDEX_KEY": key, "DJANGO_SETTINGS_MODULE": "heli.settings", "PYTHONPATH": str(ROOT), "HELI_BEHIND_PROXY": "1",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", ASK], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert all(said[n].startswith("__Host-") for n in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "HELI_KNOWN_COOKIE"))
    assert said["SESSION_COOKIE_SECURE"] and said["CSRF_COOKIE_SECURE"] and said["SESSION_COOKIE_HTTPONLY"]
    assert said["CSRF_COOKIE_HTTPONLY"] and said["SESSION_COOKIE_SAMESITE"] == "Lax" and not said["DEBUG"]
    assert said["SECURE_HSTS_SECONDS"] >= 31536000 and said["SECURE_HSTS_INCLUDE_SUBDOMAINS"]


def test_no_other_origin_is_let_in() -> None:
    assert "corsheaders" not in django_settings.INSTALLED_APPS

"""A vault key is changed while people write; then the old one is thrown away and everything still opens."""

from __future__ import annotations

import ast
import threading
import time
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.db import connection, connections
from django.test import override_settings
from django.utils import timezone

from heli.core import once, vault
from heli.core.laid import LaidTable
from heli.core.models import Once, VaultRecord
from heli.core.sessions import SessionStore
from heli.hooks import secrets as hook_secrets
from heli.hooks.models import Endpoint
from heli.ops import rotation
from heli.orgs.models import Grant
from tests.core.test_vault import key
from tests.database import ROOT

OLD, NEW = key("old"), key("new")


def under(sealed: str) -> str:
    return sealed.partition(":")[0]


def test_everything_that_seals_is_known_here() -> None:
    """A call of seal_bytes whose kind is not in the list would be lost with its key."""
    kinds = tuple(s.kind for s in rotation.everything()) + rotation.EPHEMERAL
    assert {f"{table.BOUND}:" for table in LaidTable.__subclasses__()} | {"outgoing:"} <= set(kinds)
    for path in (ROOT / "heli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "seal_bytes"
            ):
                continue
            text = ast.unparse(node.args[0])
            known = any(kind.strip(":") in text for kind in kinds) or text in {
                "kind_of(endpoint)",
                "bond",
                "kind",
                "self.kind",
                "self.bound",  # a LaidTable's, an Outgoing's
            }
            assert known, f"{path.name}: {text} is sealed, and heli/ops/rotation.py does not know it"


def fill(world: Any) -> dict[str, Any]:
    """One of everything that is sealed, under the present key."""
    records = [vault.seal(name="王桂兰", phone=f"139{n:08}").pk for n in range(7)]
    store = SessionStore()
    store["phone"] = "13912345678"
    store.save()
    user = world.yu_officer.pk
    Authenticator.objects.filter(user_id=user).delete()
    seal = get_adapter().encrypt
    Authenticator.objects.create(user_id=user, type="totp", data={"secret": seal("SECRET")})
    codes = {"seed": seal("seed"), "migrated_codes": [seal("11"), seal("22")], "used_mask": 3}
    Authenticator.objects.create(user_id=user, type="recovery_codes", data=codes)
    once.once(who="user:1", key="k", asked=b"x" * 32, at=timezone.now(), act=lambda: (201, "a secret link"))
    hook = Endpoint.objects.first() or endpoint()
    hook.secret = hook_secrets.seal(hook, "whsec")
    hook.save(update_fields=["secret"])
    return {"records": records, "session": store.session_key, "user": user, "hook": hook.pk}


def endpoint() -> Endpoint:
    """The plainest row the table takes."""
    now = timezone.now()
    return Endpoint.objects.create(
        name="x", url="https://hooks.example.cn/", secret="-", grant=Grant.objects.earliest("pk"), area_path="370602",
        made_at=now, state="ended", ended_at=now,
    )  # fmt: skip


def opened(there: dict[str, Any]) -> None:
    """Everything of `fill` opens."""
    for record in VaultRecord.objects.filter(pk__in=there["records"]):
        assert vault.open_own(record)["name"] == "王桂兰"
    assert SessionStore(there["session"])["phone"] == "13912345678"
    totp, codes = (Authenticator.objects.get(user_id=there["user"], type=t).data for t in ("totp", "recovery_codes"))
    assert get_adapter().decrypt(totp["secret"]) == "SECRET"
    assert [get_adapter().decrypt(c) for c in (codes["seed"], *codes["migrated_codes"])] == ["seed", "11", "22"]
    assert codes["used_mask"] == 3
    kept = once.once(who="user:1", key="k", asked=b"x" * 32, at=timezone.now(), act=lambda: (500, "done twice"))
    assert (kept.status, kept.body, kept.again) == (201, "a secret link", True)
    assert hook_secrets.valid(Endpoint.objects.get(pk=there["hook"]), timezone.now()) == ["whsec"]


def clean() -> None:
    """What the world sealed is under keys of its own, which this test does not hold."""
    VaultRecord.objects.update(key_id="new", **dict.fromkeys(vault.FIELDS))
    Authenticator.objects.all().delete()
    SessionStore.get_model_class().objects.all().delete()
    Once.objects.all().delete()


def tally(name: str) -> dict[str, Any]:
    return next(row for row in rotation.keys() if row["key"] == name)  # noqa: SIM118


def test_one_of_everything(world: Any) -> None:
    clean()
    with override_settings(HELI_VAULT_KEYS=OLD):
        there = fill(world)
    with override_settings(HELI_VAULT_KEYS=f"{NEW},{OLD}"):
        opened(there)
        before = tally("old")
        assert {n: before[n] for n in ("records", "sessions", "second factors", "answers", "hooks")} == {
            "records": 7, "sessions": 1, "second factors": 4, "answers": 1, "hooks": 1,
        }  # fmt: skip
        assert not before["may_go"]
        done = rotation.rotate()
        assert (done.sealed, done.unreadable) == (7 + 1 + 2 + 1 + 1, 0)
        assert (tally("old")["total"], tally("old")["may_go"], tally("new")["may_go"]) == (0, True, False)
        assert rotation.rotate().sealed == 0
    with override_settings(HELI_VAULT_KEYS=NEW):
        opened(there)


def test_what_no_key_opens_is_counted_and_left(world: Any) -> None:
    clean()
    with override_settings(HELI_VAULT_KEYS=key("lost")):
        record = vault.seal(name="王桂兰")
    with override_settings(HELI_VAULT_KEYS=f"{NEW},{OLD}"):
        assert rotation.rotate().unreadable == 1
        assert tally("lost") == {**tally("lost"), "set": False, "records": 1, "may_go": False}
    assert bytes(VaultRecord.objects.get(pk=record.pk).name) == bytes(record.name)


def test_cut_off_in_the_middle_it_goes_on(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clean()
    with override_settings(HELI_VAULT_KEYS=OLD):
        there = fill(world)
    monkeypatch.setattr(rotation, "BATCH", 3)
    with override_settings(HELI_VAULT_KEYS=f"{NEW},{OLD}"):
        broken = vault.fill

        def dies(record: VaultRecord, **values: str) -> None:
            if record.pk == there["records"][4]:
                raise KeyboardInterrupt
            broken(record, **values)

        monkeypatch.setattr(vault, "fill", dies)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate()
        assert VaultRecord.objects.filter(key_id="old").count() == 4  # the batch of the fifth was rolled back whole
        monkeypatch.setattr(vault, "fill", broken)
        rotation.rotate()
    with override_settings(HELI_VAULT_KEYS=NEW):
        opened(there)


def test_while_people_write(fire_db: str, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three writers go on through the change; nothing they wrote is lost, and nothing is left under the old key."""
    clean()
    with override_settings(HELI_VAULT_KEYS=OLD):
        there = fill(world)
        VaultRecord.objects.bulk_create(_many(300))
    monkeypatch.setattr(rotation, "BATCH", 20)
    stop, wrote, wrong = threading.Event(), [], []

    def records() -> None:
        while not stop.is_set():
            wrote.append(vault.seal(name="新来的").pk)
            time.sleep(0.005)

    def changes() -> None:
        from django.db import transaction

        for n, pk in enumerate(there["records"] * 50):
            if stop.is_set():
                return
            with transaction.atomic():
                record = VaultRecord.objects.select_for_update().get(pk=pk)
                vault.fill(record, address=f"{n} 号")
                record.save()

    def session() -> None:
        n = 0
        while not stop.is_set():
            mine = SessionStore(there["session"])
            mine["n"] = n = n + 1
            mine.save()

    def told(work: Any) -> None:
        try:
            work()
        except Exception as error:
            wrong.append(error)
        finally:
            connections.close_all()

    with override_settings(HELI_VAULT_KEYS=f"{NEW},{OLD}"):
        threads = [threading.Thread(target=told, args=(w,)) for w in (records, changes, session)]
        for t in threads:
            t.start()
        done = rotation.rotate()
        stop.set()
        for t in threads:
            t.join(30)
        assert wrong == [] and done.unreadable == 0 and done.sealed > 300
        assert tally("old")["may_go"]
    with override_settings(HELI_VAULT_KEYS=NEW):
        opened(there)
        assert SessionStore(there["session"])["n"] > 0 and wrote
        for record in VaultRecord.objects.exclude(name=None):
            assert vault.open_own(record)["name"]


def _many(count: int) -> list[VaultRecord]:
    found = []
    for n in range(count):
        record = VaultRecord()
        vault.fill(record, name=f"人{n}", phone=f"137{n:08}")
        found.append(record)
    return found


def test_who_is_logged_in_stays_so_when_the_secret_key_changes(world: Any, client: Any) -> None:
    """HELI_SECRET_KEY with the one before in HELI_SECRET_KEY_FALLBACKS; without it everybody logs in once more."""
    before = django_settings.SECRET_KEY
    client.force_login(world.wang_resident)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[before]):
        assert client.get("/me/").status_code == 200
        assert client.get("/me/").status_code == 200
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert client.get("/me/").status_code == 200  # signed anew by the visits before
    with override_settings(SECRET_KEY="a third", SECRET_KEY_FALLBACKS=[]):
        assert client.get("/me/").status_code == 302
    assert connection.in_atomic_block

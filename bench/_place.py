"""Where the loop is measured: a cluster of its own with one database a size, and the surroundings of a real server.

The cluster lies in HELI_BENCH_VAR (default HELI_VAR/bench), so the demo's is never touched. It runs with the settings
of heli/localpg.py as they are shipped, fsync on; only while a database is being filled it runs without.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from rich.console import Console

from heli import localpg

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("HELI_BENCH_VAR") or Path(os.environ.get("HELI_VAR") or ROOT / "var") / "bench").resolve()
BASE = "bench_base"
COUNTY, PROVINCE = "370602", "37"
COMMON, RARE = "路灯", "水獭"  # words searched for: in one text of thirty, in one of twenty thousand
CONSOLE = Console(width=190)


def say(text: str) -> None:
    CONSOLE.print(text, highlight=False)


def database(size: int) -> str:
    return f"bench_{size}"


def secrets_of_bench() -> dict[str, str]:
    """Keys of this cluster, made once: what is sealed while seeding must open while measuring."""
    path = VAR / "keys.json"
    if not path.exists():
        VAR.mkdir(parents=True, exist_ok=True)
        made = {
            "HELI_SECRET_KEY": "bench-" + secrets.token_urlsafe(48),
            "HELI_VAULT_KEYS": "b1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "HELI_VAULT_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    return dict(json.loads(path.read_text()))


def surroundings(name: str, **more: str) -> dict[str, str]:
    """The environment of a server of this database: production, behind a proxy, the second factor off."""
    urls = localpg.urls(VAR, name)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HELI_", "DATABASE_", "PG", "DJANGO_"))}
    return kept | secrets_of_bench() | {
        "DJANGO_SETTINGS_MODULE": "heli.settings",
        "HELI_VAR": str(VAR),
        "HELI_DEBUG": "0",
        "HELI_DEMO": "0",
        "HELI_STAFF_MFA": "0",
        "HELI_BEHIND_PROXY": "1",
        "HELI_API_RATE": "1000000",  # one token asks for all
        "HELI_HOME_AREA": COUNTY,
        "HELI_SMS_SENDER": "bench._silent:Silent",
        "DATABASE_URL": urls.app_url,
        "HELI_OWNER_DATABASE_URL": urls.owner_url,
    } | more  # fmt: skip


def settle_surroundings(name: str) -> None:
    """Make this process one of that database; call before Django is set up."""
    for key in [k for k in os.environ if k.startswith(("HELI_", "DATABASE_", "PG", "DJANGO_"))]:
        del os.environ[key]
    os.environ.update(surroundings(name, HELI_BENCH_VAR=str(VAR)))


def python(name: str, *args: str, as_owner: bool = False) -> None:
    """Run a module in the surroundings of a database; its failure ends the bench."""
    env = surroundings(name, HELI_BENCH_VAR=str(VAR), **({"HELI_DB_AS_OWNER": "1"} if as_owner else {}))
    subprocess.run([sys.executable, *args], check=True, cwd=ROOT, env=env)


def migrate(name: str) -> None:
    """Bring a database to the tables, rules, roles and rollups of the present project."""
    python(name, "-m", "django", "migrate", "--skip-checks", "-v", "0", as_owner=True)
    python(name, "-m", "bench._catch_up", as_owner=True)


def owner(name: str = "postgres", **more: object) -> psycopg.Connection:
    """A connection as the owner, each statement on its own."""
    return psycopg.connect(localpg.urls(VAR, name).owner_url, autocommit=True, **more)  # type: ignore[arg-type]


def up(*, fsync: bool = True) -> None:
    localpg.ensure(VAR, fsync=fsync)
    with owner() as db:
        row = db.execute("SHOW fsync").fetchone()
    if row is not None and (row[0] == "on") != fsync:
        localpg.stop(VAR)
        localpg.ensure(VAR, fsync=fsync)


@contextmanager
def while_filling() -> Iterator[None]:
    """The cluster without fsync and with little write-ahead log; afterwards everything is on the disk and safe again."""
    up(fsync=False)
    try:
        yield
    finally:
        localpg.stop(VAR)  # a shutdown writes a checkpoint
        subprocess.run(["sync"], check=True)
        up(fsync=True)


def exists(name: str) -> bool:
    with owner() as db:
        return db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def digest(*patterns: str) -> str:
    """A sum of some files' contents."""
    made = hashlib.sha256()
    for path in sorted({p for pattern in patterns for p in ROOT.glob(pattern)}):
        made.update(path.read_bytes())
    return made.hexdigest()[:12]


def seed_now() -> str:
    """What decides the rows: a database seeded by another text is seeded anew."""
    return digest("bench/_seed_sql.py", "bench/_base.py")


def tables_now() -> str:
    """What decides tables, rules and roles: a database with older ones is migrated, and these are read in anew."""
    return digest(
        "heli/*/migrations/*.py", "heli/core/dbroles.py", "heli/rulebook/data/*.yaml", "heli/orgs/data/roles.yaml",
        "bench/_catch_up.py",
    )  # fmt: skip


def stamp(name: str, text: str) -> None:
    with owner() as db:
        db.execute(f"COMMENT ON DATABASE {name} IS '{text}'")


def stamped(name: str) -> str:
    with owner() as db:
        row = db.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
    return (row and row[0]) or ""


def drop(name: str) -> None:
    with owner() as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class Timer:
    """Seconds of each part of a work, in order."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.parts: dict[str, float] = {}

    def mark(self, part: str) -> None:
        now = time.perf_counter()
        self.parts[part] = round(now - self.last, 1)
        self.last = now
        say(f"  {part}: {self.parts[part]} s")

    @property
    def total(self) -> float:
        return round(time.perf_counter() - self.start, 1)

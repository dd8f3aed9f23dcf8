"""The tests' own PostgreSQL: a cluster, a template made once, and quick copies of it.

1. `settle()` points the environment at HELI_VAR/test (default ./var/test): cluster, files, secrets. Nothing of a
   developer's or a server's data is touched.
2. `template()` makes a migrated database, as the owner, and with it the world: when tests/world.py exists, its
   `build()` is called once, as the application's role, and every test then sees that world. The template's name holds
   a hash of what it is made from, so it is made again when a model, a migration, a step or the world changes.
3. `clone()` copies the template in a fraction of a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.db import connections

from heli import localpg

ROOT = Path(__file__).resolve().parent.parent
WORLD = ROOT / "tests" / "world.py"
# What the world is built with. The rooms above only read it.
BUILDERS = ("core", "places", "rulebook", "people", "orgs", "loop", "engines")
world_error = ""  # why the world could not be built; the fixture `world` fails with it


def settle() -> None:
    """Give this process, and those it starts, the tests' surroundings. Call before Django's settings are read."""
    if "HELI_TEST_VAR" not in os.environ:  # the processes of xdist inherit it
        os.environ["HELI_TEST_VAR"] = str(Path(os.environ.get("HELI_VAR") or ROOT / "var").resolve() / "test")
    for name in [name for name in os.environ if name == "DATABASE_URL" or name.startswith("HELI_")]:
        if name not in {"HELI_TEST_VAR", "HELI_PG_BIN", "HELI_CHROMIUM"}:
            del os.environ[name]
    os.environ |= {
        "HELI_VAR": os.environ["HELI_TEST_VAR"],
        "HELI_DEBUG": "1",
        "DJANGO_SETTINGS_MODULE": "heli.settings",
    }


def var() -> Path:
    """Folder of the tests' cluster, files and secrets."""
    return Path(os.environ["HELI_TEST_VAR"])


@contextlib.contextmanager
def _admin() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(localpg.urls(var(), "postgres").owner_url, autocommit=True) as db:
        yield db


def _hash(files: Iterable[Path], start: str = "") -> str:
    sum_ = hashlib.sha256(start.encode())
    for file in sorted(files):
        if file.is_file() and "__pycache__" not in file.parts:
            sum_.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return sum_.hexdigest()[:12]


def _tables_hash() -> str:
    package = ROOT / "heli"
    made_by = [*package.glob("*/migrations/*.py"), *package.glob("*/models.py"), package / "core" / "dbroles.py"]
    return _hash([*made_by, package / "settings.py", ROOT / "requirements.lock"])


def _world_hash(tables: str) -> str:
    files = [WORLD]
    for room in BUILDERS:
        for kind in ("*.py", "*.yaml", "*.yml", "*.csv", "*.xz", "*.json"):
            files += [f for f in (ROOT / "heli" / room).rglob(kind) if "locale" not in f.parts]
    return _hash(files, tables)


def _django(database: str, *command: str, owner: bool) -> None:
    urls = localpg.urls(var(), database)
    url = urls.owner_url if owner else urls.app_url
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"DATABASE_URL": url, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-6000:]}")


def _make(db: psycopg.Connection[Any], name: str, base: str, fill: Callable[[str], None]) -> None:
    """Make the database `name` from `base` unless it is there; it appears complete or not at all."""
    if db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    draft = f"{name}_draft"
    db.execute(f"DROP DATABASE IF EXISTS {draft} WITH (FORCE)")
    db.execute(f"CREATE DATABASE {draft} TEMPLATE {base}")
    fill(draft)
    db.execute(f"ALTER DATABASE {draft} RENAME TO {name}")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, so it runs
    return True


def _sweep(db: psycopg.Connection[Any], keep: set[str]) -> None:
    """Drop copies of sessions that were killed, and all but the latest few templates."""
    names = [row[0] for row in db.execute("SELECT datname FROM pg_database ORDER BY oid DESC")]
    templates = [name for name in names if name.startswith(("tables_", "world_"))]
    for name in names:
        left = name.startswith("copy_") and not _runs(int(name.split("_")[1]))
        if name not in keep and (left or name in templates[6:]):
            db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def template() -> str:
    """Name of the template database, made when it is not there; one process makes it, the others wait.

    It holds every table and, where tests/world.py exists, the world. When the world cannot be built, `world_error`
    says why, and tests that do without it still run.
    """
    global world_error  # noqa: PLW0603  (one template a process)
    tables = f"tables_{_tables_hash()}"
    localpg.ensure(var(), fsync=False)
    with (var() / "template.lock").open("a") as lock, _admin() as db:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _make(
            db,
            tables,
            "template0",
            lambda name: _django(name, "-m", "django", "migrate", "-v0", "--skip-checks", owner=True),
        )
        if not WORLD.exists():
            _sweep(db, {tables})
            return tables
        world = f"world_{_world_hash(tables)}"
        build = "import django; django.setup(); from tests import world; world.build()"
        try:
            _make(db, world, tables, lambda name: _django(name, "-c", build, owner=False))
        except RuntimeError as error:
            world_error = str(error)
            return tables
        _sweep(db, {tables, world})
        return world


_counter = iter(range(10**9))


def clone(source: str) -> str:
    """Copy a database; returns the name of the copy. Nobody may be connected to `source`."""
    name = f"copy_{os.getpid()}_{next(_counter)}"
    with _admin() as db:
        # Copying files beats replaying a log of them when nothing is flushed to disk.
        db.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
    return name


def drop(name: str) -> None:
    """Drop a copy, ending the connections to it."""
    with _admin() as db:
        db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def current() -> str:
    """Name of the database that Django's default connection uses now."""
    return str(connections["default"].settings_dict["NAME"])


@contextlib.contextmanager
def second_connection(*, owner: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside Django's to the same database (with `fire_db`: it sees only what was committed).

    For holding a lock while a step runs, or, as the owner, for looking at what the application may not touch.
    """
    urls = localpg.urls(var(), current())
    with psycopg.connect(urls.owner_url if owner else urls.app_url) as db:
        yield db


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at the same moment, each in a thread with its own connection; needs `fire_db`.

    Returns, in the order of the calls, what each returned or the exception it raised:

        done = race(lambda: accept(dispatch_id=1, by=a, at=now), lambda: accept(dispatch_id=1, by=b, at=now))
        assert sorted(type(d).__name__ for d in done) == ["Dispatch", "TakenAlready"]
    """
    results: list[Any] = [None] * len(calls)
    together = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            connections["default"].ensure_connection()
            together.wait(30)
            results[place] = call()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()  # this thread's own

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a call still waits: a deadlock or a lock never released"
    return results

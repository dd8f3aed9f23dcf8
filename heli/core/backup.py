"""A whole copy of a running Heli, and the way back: database, files, and what proves that nothing is missing.

A copy is a folder, complete or not there at all:

    manifest.json   when, which version, which migrations, each table's rows and sum, the events' head, what is missing
    database/       pg_dump's directory format, taken in the very snapshot that the manifest counted
    files/          HELI_VAR/files, copied after the database: a row exists only once its file is on disk
    SHA256SUMS      of each file above but itself; `sha256sum -c SHA256SUMS` reads it without Heli

The keys of the vault are not in it: they go to a file of their own, to be kept elsewhere. A copy without its keys
gives nobody's name away, and keys without a copy neither.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import os
import random
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db.migrations.loader import MigrationLoader
from django.utils.translation import gettext_lazy as _
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from heli import __version__, localpg
from heli.core.dbroles import APP_ROLE
from heli.core.errors import HeliError

MANIFEST, SUMS, DUMP, FILES, ASIDE = "manifest.json", "SHA256SUMS", "database", "files", "heli_replaced"
KEYS = ("HELI_SECRET_KEY", "HELI_VAULT_KEYS", "HELI_VAULT_INDEX_KEY")
SAMPLE = 100  # files read back after a restore, unless all are asked for
BLOCK = 2**20  # bytes
# What turns values into text is pinned down, so that the same rows give the same sums on every server.
TEXT = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'"
TABLES = """SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"""
# Rows in any order: a sum of 64 bits of each one's MD5. For finding a loss, not a forger.
ROWS = """SELECT count(*), coalesce(sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::bigint::numeric), 0)::text
    FROM {} t"""
EVENTS = "COPY (SELECT e::text FROM core_event e ORDER BY id) TO STDOUT"


class NotEmpty(HeliError):
    code = "L-544"
    status = 409
    sentence = _("%(what)s is not empty. Name an empty one, or repeat with --force to replace what is there.")


class Damaged(HeliError):
    code = "L-532"
    status = 409
    sentence = _("This copy is not whole: %(what)s. Nothing was changed; take another copy.")


class InUse(HeliError):
    code = "L-533"
    status = 409
    sentence = _(
        "The application is connected to this database (%(count)s times). Stop the web server and the workers."
    )


class NewerCopy(HeliError):
    code = "L-534"
    status = 409
    sentence = _("This copy was made by a newer Heli (%(names)s). Update Heli first, then restore.")


class NoRole(HeliError):
    code = "L-535"
    status = 409
    sentence = _("The server has no login %(role)s. Make it first, as written in docs/operating.md.")


class KeysInside(HeliError):
    code = "L-545"
    status = 400
    sentence = _("Keys do not lie in the folder of the copy they open, and replace no file. Name another one.")


class Differs(HeliError):
    """What was restored is not what was copied; `what` names the differences."""

    code = "L-537"
    status = 409
    sentence = _("What was restored is not what was copied: %(what)s.")


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows, and their sum (see ROWS)."""

    rows: int
    sum: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the events end: how many, the highest id (0 without any), and a SHA-256 over all of them by id."""

    rows: int
    last: int
    sha256: str


@dataclass(slots=True)
class Contents:
    """What a database holds, counted in one snapshot."""

    migrations: list[str]  # core.0001_initial, …
    tables: dict[str, Table]
    events: Head


@dataclass(slots=True)
class Manifest:
    """What a copy says of itself. `missing`: files with a row in this copy, and without (or with other) content."""

    made_at: str
    heli: str
    server: int
    database_bytes: int
    contents: Contents
    files: int = 0
    file_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    format: int = 1

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Damaged (L-532) when there is none, or it is another format."""
        try:
            found = json.loads((folder / MANIFEST).read_text())
            inner = found.pop("contents")
            tables = {name: Table(**t) for name, t in inner["tables"].items()}
            contents = Contents(inner["migrations"], tables, Head(**inner["events"]))
            return cls(**found, contents=contents)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(what=f"{folder / MANIFEST}: {type(error).__name__}") from error


# Counting -------------------------------------------------------------------------------------------------------------
def contents(db: psycopg.Connection[Any]) -> Contents:
    """Count and sum every table of the schema in the connection's transaction. Reads each table once."""
    db.execute(TEXT)
    names = [name for (name,) in db.execute(TABLES)]
    tables = {}
    for name in names:
        found = db.execute(sql.SQL(ROWS).format(sql.Identifier(name))).fetchone()
        assert found is not None
        tables[name] = Table(*found)
    applied: list[str] = []
    if "django_migrations" in tables:
        applied = [".".join(row) for row in db.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")]
    return Contents(applied, tables, head(db) if "core_event" in tables else Head(0, 0, ""))


def head(db: psycopg.Connection[Any]) -> Head:
    """Where the events end, in the connection's transaction."""
    hashed = hashlib.sha256()
    with db.cursor().copy(EVENTS) as rows:
        for block in rows:
            hashed.update(block)
    found = db.execute("SELECT count(*), coalesce(max(id), 0) FROM core_event").fetchone()
    assert found is not None
    return Head(found[0], found[1], hashed.hexdigest())


def differences(wanted: Contents, found: Contents) -> list[str]:
    """What is not the same, in words; empty when everything is."""
    said = [f"migration {m}" for m in sorted(set(wanted.migrations) ^ set(found.migrations))]
    for name in sorted(wanted.tables.keys() | found.tables.keys()):
        before, now = wanted.tables.get(name), found.tables.get(name)
        if before is None or now is None:
            said.append(f"table {name} is {'new' if before is None else 'gone'}")
        elif before.rows != now.rows:
            said.append(f"{name}: {before.rows} rows, now {now.rows}")
        elif before.sum != now.sum:
            said.append(f"{name}: other content in as many rows")
    return said + ([f"events end at {found.events}, not {wanted.events}"] if wanted.events != found.events else [])


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def program(name: Path, url: str, *arguments: str | Path) -> None:
    """Run one of PostgreSQL's programs on a database; the password stays out of the list of processes.

    Raises:
        LocalPgError: it failed, with what it said.
    """
    parts = conninfo_to_dict(url)
    password = str(parts.pop("password", ""))
    localpg.run([name, *arguments, "-d", make_conninfo("", **parts)], password=password)


def programs_for(url: str) -> Path:
    """Folder of PostgreSQL programs that fit the server behind `url`: its own version, or the newest there is."""
    with psycopg.connect(url) as db:
        version = db.info.server_version // 10000
    try:
        return localpg.find_bin(version)
    except localpg.LocalPgError:
        return localpg.find_bin()


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - begun, 2)


# Making a copy --------------------------------------------------------------------------------------------------------
def back_up(
    url: str, files: Path, folder: Path, *, keys: Path | None = None, link: bool = False, jobs: int = 2
) -> Manifest:
    """Copy the database behind `url` (as its owner) and the files into `folder`, while everything goes on.

    Rows are counted and dumped in one snapshot, by `jobs` connections. `link`: hard links instead of copies of the
    files: none is written into, one that is covered is replaced (same volume only). `keys`: where this process's
    secrets go, mode 0600.

    Raises:
        NotEmpty: the folder holds something (L-544). KeysInside (L-545). LocalPgError: pg_dump failed.
    """
    folder, draft = folder.resolve(), folder.resolve().with_name(folder.name + ".part")
    if folder.exists() and any(folder.iterdir()):
        raise NotEmpty(what=folder)
    if keys is not None and (keys.exists() or keys.resolve().is_relative_to(folder)):
        raise KeysInside
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    seconds: dict[str, float] = {}
    with psycopg.connect(url) as db, timed(seconds, "database"):
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        db.read_only = True
        found = db.execute("SELECT pg_export_snapshot(), pg_database_size(current_database())").fetchone()
        assert found is not None
        arguments = ("-Fd", "-j", str(jobs), "--snapshot", found[0], "-f", draft / DUMP)
        with ThreadPoolExecutor(1) as beside:
            dumping = beside.submit(program, programs_for(url) / "pg_dump", url, *arguments)
            with timed(seconds, "counting (beside it)"):
                counted, recorded = contents(db), _recorded(db)
            dumping.result()
        made = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        manifest = Manifest(made, __version__, db.info.server_version, found[1], counted, seconds=seconds)
    with timed(seconds, "files"):
        sums = _copy_files(files, draft / FILES, link=link)
        manifest.files, manifest.file_bytes = len(sums), sum((draft / FILES / n).stat().st_size for n in sums)
        manifest.missing = sorted(name for name, sum_ in recorded.items() if sums.get(name) != sum_)
    listed = {f"{FILES}/{name}": sum_ for name, sum_ in sums.items()}
    listed |= {os.fspath(f.relative_to(draft)): sha256(f) for f in sorted((draft / DUMP).iterdir())}
    (draft / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1) + "\n")
    listed[MANIFEST] = sha256(draft / MANIFEST)
    (draft / SUMS).write_text("".join(f"{sum_}  {name}\n" for name, sum_ in sorted(listed.items())))
    if keys is not None:
        write_keys(keys)
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)
    return manifest


def place(file_id: str) -> str:
    """Where a file lies under HELI_VAR/files, by the 32 digits of its id (core.files.where)."""
    return f"{file_id[:2]}/{file_id[2:4]}/{file_id}"


def _recorded(db: psycopg.Connection[Any]) -> dict[str, str]:
    """{place: SHA-256} of the files that have a row."""
    if db.execute("SELECT to_regclass('public.core_storedfile')").fetchone() == (None,):
        return {}
    return {place(i.hex): sum_ for i, sum_ in db.execute("SELECT id, sha256 FROM core_storedfile")}


def _copy_files(source: Path, target: Path, *, link: bool, wanted: Mapping[str, str] | None = None) -> dict[str, str]:
    """Copy every whole file; returns {place: SHA-256}. With `wanted`, Damaged (L-532) at the first that is another."""
    target.mkdir(parents=True, mode=0o700)
    sums = {}
    names = wanted if wanted is not None else _names(source)
    for name in names:
        to = target / name
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            if link:
                os.link(source / name, to)
                sums[name] = sha256(to)
            else:
                sums[name] = _copy(source / name, to)
        except FileNotFoundError:  # swept meanwhile: it had no row; with one, it is found missing
            if wanted is not None:
                raise
            continue
        if wanted is not None and sums[name] != wanted[name]:
            raise Damaged(what=f"{FILES}/{name}")
    return sums


def _names(folder: Path) -> Iterable[str]:
    """Whole files under a folder; a .part is one that is being written and has no row yet."""
    return (os.fspath(f.relative_to(folder)) for f in sorted(folder.rglob("*")) if f.is_file() and f.suffix != ".part")


def _copy(source: Path, target: Path) -> str:
    """Copy one file, synced to disk; returns its SHA-256."""
    hashed = hashlib.sha256()
    with source.open("rb") as old, target.open("xb") as new:
        while block := old.read(BLOCK):
            hashed.update(block)
            new.write(block)
        new.flush()
        os.fsync(new.fileno())
    return hashed.hexdigest()


def write_keys(file: Path) -> None:
    """This process's secrets as JSON, readable by their owner only; the form of HELI_VAR/secrets.json."""
    from django.conf import settings

    secrets = {"HELI_SECRET_KEY": settings.SECRET_KEY, **{name: getattr(settings, name) for name in KEYS[1:]}}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(secrets, out)


# The way back ---------------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class Restored:
    """What was compared after a restore, and what was not the same (nothing, or an error was raised)."""

    manifest: Manifest
    rows: int
    files_read: int
    vault: str  # opened · empty · not tried
    seconds: dict[str, float] = field(default_factory=dict)


def restore(
    folder: Path,
    url: str,
    files: Path,
    *,
    vault_keys: str = "",
    force: bool = False,
    all_files: bool = False,
    jobs: int = 2,
) -> Restored:
    """Fill an empty database (as its owner) and an empty files folder from a copy, and prove that nothing is missing.

    The copy's own sums are checked before anything is touched. All or nothing: when it fails, what was there before
    is there again. `force` sets aside what the database and the folder hold, and lets it go once the copy stands (the
    old files stay beside, as files.replaced).

    Raises:
        Damaged (L-532), NewerCopy (L-534), NoRole (L-535), InUse (L-533), NotEmpty (L-544), Differs (L-537).
        LocalPgError: pg_restore failed.
    """
    seconds: dict[str, float] = {}
    manifest = Manifest.read(folder)
    with timed(seconds, "checking the copy"):
        sums = _check_sums(folder)
    newer = set(manifest.contents.migrations) - {".".join(m) for m in MigrationLoader(None).disk_migrations}
    if newer := {n for n in newer if n.partition(".")[0] in {"core", "places", "rulebook", "people", "orgs", "loop"}}:
        raise NewerCopy(names=", ".join(sorted(newer)))
    _ready(url, files, force=force)
    draft = files.with_name(files.name + ".restoring")
    shutil.rmtree(draft, ignore_errors=True)
    with _set_aside(url):
        with timed(seconds, "database"):
            arguments = ("--exit-on-error", "--no-owner", "-j", str(jobs), folder.resolve() / DUMP)
            program(programs_for(url) / "pg_restore", url, *arguments)
        with timed(seconds, "files"):
            _copy_files(folder / FILES, draft, link=False, wanted=sums)
        with timed(seconds, "comparing"):
            done = verify(manifest, url, draft, sums, vault_keys=vault_keys, all_files=all_files)
    if files.exists() and any(files.iterdir()):
        files.rename(_free(files.with_name(files.name + ".replaced")))
    elif files.exists():
        files.rmdir()
    draft.rename(files)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("ANALYZE")
    done.seconds = seconds
    return done


def _free(name: Path) -> Path:
    """This name, or with the first number that nobody has."""
    others = (name.with_name(f"{name.name}.{n}") for n in range(1, 10**6))
    return name if not name.exists() else next(n for n in others if not n.exists())


def _check_sums(folder: Path) -> dict[str, str]:
    """Compare every part but the files (they are while being copied); returns {place: SHA-256} of the files."""
    try:
        lines = (folder / SUMS).read_text().splitlines()
    except OSError as error:
        raise Damaged(what=SUMS) from error
    listed = {name: sum_ for sum_, _space, name in (line.partition("  ") for line in lines)}
    ours = {name.removeprefix(f"{FILES}/"): sum_ for name, sum_ in listed.items() if name.startswith(f"{FILES}/")}
    for name in sorted({MANIFEST, f"{DUMP}/toc.dat"} | (listed.keys() - {f"{FILES}/{n}" for n in ours})):
        if not (folder / name).is_file() or sha256(folder / name) != listed.get(name):
            raise Damaged(what=name)
    for name in ours:
        if not (folder / FILES / name).is_file():
            raise Damaged(what=f"{FILES}/{name}")
    return ours


def _ready(url: str, files: Path, *, force: bool) -> None:
    """Whether a copy may be put here."""
    with psycopg.connect(url) as db:
        if db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APP_ROLE]).fetchone() is None:
            raise NoRole(role=APP_ROLE)
        if not force and db.execute(TABLES).fetchone() is not None:
            raise NotEmpty(what=_("The database"))
        there = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
        found = db.execute(there, [APP_ROLE]).fetchone()
        if found and found[0]:
            raise InUse(count=found[0])
    if not force and files.exists() and any(files.iterdir()):
        raise NotEmpty(what=files)


@contextlib.contextmanager
def _set_aside(url: str) -> Iterator[None]:
    """Give the block an empty schema; what was there comes back when the block fails, and goes when it succeeds."""
    aside, public = sql.Identifier(ASIDE), sql.Identifier("public")
    fresh = sql.SQL(
        "CREATE SCHEMA {0}; GRANT USAGE ON SCHEMA {0} TO PUBLIC; ALTER SCHEMA {0} OWNER TO pg_database_owner"
    ).format(public)
    drop, rename = sql.SQL("DROP SCHEMA {} CASCADE"), sql.SQL("ALTER SCHEMA {} RENAME TO {}")
    with psycopg.connect(url) as db:
        if db.execute("SELECT to_regnamespace(%s)", [ASIDE]).fetchone() != (None,):
            db.execute(drop.format(public))  # a restore was cut off: what was aside is what counts
        else:
            db.execute(rename.format(public, aside))
        db.execute(fresh)
    try:
        yield
    except BaseException:
        with psycopg.connect(url) as db:
            db.execute(drop.format(public))
            db.execute(rename.format(aside, public))
        raise
    with psycopg.connect(url) as db:
        db.execute(drop.format(aside))


def verify(
    manifest: Manifest, url: str, files: Path, sums: Mapping[str, str], *, vault_keys: str = "", all_files: bool = False
) -> Restored:
    """Compare a restored database and folder with the manifest.

    Raises:
        Differs: counts, sums, events or files are not the same, or the vault's newest record does not open (L-537).
    """
    with psycopg.connect(url) as db:
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        found = contents(db)
        wrong = differences(manifest.contents, found)
        vault = opens(db, vault_keys)
    names = sorted(sums)
    chosen = names if all_files or len(names) <= SAMPLE else random.SystemRandom().sample(names, SAMPLE)
    wrong += [f"{FILES}/{n}" for n in chosen if not (files / n).is_file() or sha256(files / n) != sums[n]]
    if len(names) != manifest.files:
        wrong.append(f"{len(names)} files, not {manifest.files}")
    if vault == "closed":
        wrong.append("the vault does not open with these keys")
    if wrong:
        raise Differs(what="; ".join(wrong[:20]))
    rows = sum(t.rows for t in found.tables.values())
    return Restored(manifest, rows, len(chosen), vault)


def opens(db: psycopg.Connection[Any], keys: str) -> str:
    """Whether the vault's newest record opens with `keys` (HELI_VAULT_KEYS): opened · closed · empty · not tried.

    Read beside core.vault, which knows only this process's keys and database; the form of a sealed field is the same.
    """
    if not keys:
        return "not tried"
    newest = "SELECT uid, key_id, phone FROM core_vaultrecord WHERE phone IS NOT NULL ORDER BY id DESC LIMIT 1"
    row = db.execute(newest).fetchone()
    if row is None:
        return "empty"
    key = {k: base64.b64decode(v) for k, _colon, v in (part.partition(":") for part in keys.split(","))}.get(row[1])
    try:
        AESGCM(key or b"").decrypt(row[2][:12], row[2][12:], f"{row[0].hex}:phone".encode())
    except (InvalidTag, ValueError):
        return "closed"
    return "opened"

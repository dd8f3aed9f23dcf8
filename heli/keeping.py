"""Keeps the embedded PostgreSQL running while a web server or a worker of this copy runs.

A PostgreSQL of one's own has its supervisor (systemd). The embedded one is started by `./run serve`; when it is killed,
or ends because its volume was full, whoever uses it starts it again. `./run db down` is obeyed: it leaves a mark.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from heli import localpg

log = logging.getLogger("heli.keeping")
LOOK_SECONDS = 1.0
LONGEST_WAIT = 30.0


def is_embedded() -> bool:
    """Whether this copy uses the embedded cluster."""
    return not (os.environ.get("DATABASE_URL") or os.environ.get("HELI_OWNER_DATABASE_URL"))


def look(var: Path) -> bool:
    """Start the cluster if it should run and does not; returns whether it runs."""
    home = var.resolve() / "pg"
    if (home / "down").exists() or not (home / "data").exists():
        return False
    if localpg.status(var).pid:
        return True
    # As `./run db up`, with the same settings; in a process of its own, so that a start that hangs holds nobody up.
    env = os.environ | {"HELI_VAR": os.fspath(var)}
    up = [sys.executable, "-m", "heli.localpg", "up"]
    done = subprocess.run(up, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        log.error("the embedded database does not start: %s", done.stderr.strip()[-500:])
        return False
    log.warning("the embedded database had ended; it runs again")
    return True


def _keep(var: Path) -> None:
    wait = LOOK_SECONDS
    while True:
        time.sleep(wait)
        try:
            ran = look(var)
        except (OSError, localpg.LocalPgError) as error:
            log.error("the embedded database: %s", type(error).__name__)
            ran = False
        wait = LOOK_SECONDS if ran else min(LONGEST_WAIT, wait * 2)


def keep(var: Path) -> None:
    """From now on, as long as this process runs. Does nothing with a DATABASE_URL."""
    if is_embedded():
        threading.Thread(target=_keep, args=(var,), name="keep-database", daemon=True).start()

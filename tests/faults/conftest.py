"""Houses that are set on fire. Short by default; FAULTS_KILLS=200 kills that often, FAULTS_SEED repeats a run."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.house import House, dump_of_world

# tests/database.py takes HELI_… out of the environment when it settles; what was asked is read before that, by name.
KILLS = int(os.environ.get("FAULTS_KILLS") or 50)
SEED = int(os.environ.get("FAULTS_SEED") or time.time_ns() % 10**6)


@pytest.fixture(scope="session")
def world_dump(template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world as a file."""
    return dump_of_world(template_database, tmp_path_factory.mktemp("dump"))


@pytest.fixture
def house(world_dump: Path, tmp_path: Path, request: Any) -> Iterator[House]:
    """A house that answers."""
    made = House(tmp_path / "var", world_dump)
    try:
        made.wait()
        yield made
    finally:
        made.end()

"""Kill -9 at random moments while people write: nothing acknowledged is lost, nothing is done twice, nobody helps.

50 kills here; FAULTS_KILLS=200 for the long run (docs/faults.md has its last result).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.database import ROOT
from tests.faults import writing
from tests.faults.conftest import KILLS, SEED
from tests.faults.house import House


def targets(house: House) -> dict[str, tuple[int, Callable[[], list[int]]]]:
    """{what is killed: (how often in a hundred, its processes now)}"""
    return {
        "web worker": (32, house.web.children),
        "web parent": (8, lambda: [house.web.pid]),
        "job worker": (20, lambda: [house.worker.pid]),
        "backend": (28, house.backends),
        "postmaster": (12, lambda: [house.postmaster()]),
    }


def audited(house: House) -> str:
    """What `heli audit` says, all files read."""
    done = subprocess.run(
        [sys.executable, "-m", "heli", "audit", "--hashes", "1000000"],
        env=house.env, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_killed_while_writing(house: House) -> None:
    dice = random.Random(SEED)
    people = writing.People(house, crews=3, seed=SEED)
    people.start()
    aims = targets(house)
    killed: Counter[str] = Counter()
    started = time.monotonic()
    while killed.total() < KILLS:
        before, patience = people.acknowledged, time.monotonic() + 8
        while people.acknowledged <= before and time.monotonic() < patience:
            time.sleep(0.02)  # somebody was answered since the last kill: there is something to lose
        time.sleep(dice.random() * 0.25)
        name = dice.choices(list(aims), [often for often, _of in aims.values()])[0]
        alive = [pid for pid in aims[name][1]() if pid]
        if alive:
            try:
                os.kill(dice.choice(alive), signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed[name] += 1
        assert not people.errors, people.errors
    burnt = time.monotonic() - started
    people.finish()
    back = house.wait()
    settled = writing.wait_for_jobs(house)
    twice = sum(n - 1 for n in house.gateway.came.values())
    print(
        f"\n{killed.total()} kills {dict(killed)} in {burnt:.0f} s, seed {SEED}; {people.acknowledged} acts acknowledged of "
        f"{len(people.matters)} requests, {people.retried} repeated; answers {dict(people.answers)}; "
        f"starts: web {house.web.starts}, worker {house.worker.starts}; site back {back:.1f} s after the last kill, jobs "
        f"{settled:.1f} s; {len(house.gateway.sent)} messages, {twice} came twice under their key"
    )
    assert writing.account(house, people) == []
    assert writing.news_of(house, people) == []
    assert audited(house) == ""
    assert len(people.matters) >= 5 and people.acknowledged > KILLS / 2, "too little was written to show anything"

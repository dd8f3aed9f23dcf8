"""Rules, roles and rollups of the present project for a database that an older one seeded. Run as a module, as the owner.

The rollups are counted as the worker does it every minute: everything the first time, later what was touched.
"""

from __future__ import annotations

import time

import django

django.setup()

from django.utils import timezone

from bench._place import say
from heli.core.actor import SYSTEM
from heli.insight.refresh import refresh
from heli.orgs import steps as orgs
from heli.rulebook import files as rulebook


def main() -> None:
    at = timezone.now()
    rulebook.import_shipped(by=SYSTEM, at=at)
    orgs.import_roles(at=at)
    began = time.perf_counter()
    cells = refresh(at)
    say(f"  rollups, slices and tallies: {cells:,} cells in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
